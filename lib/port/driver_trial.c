/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Load a driver's file in a child process first: a constructor that crashes, ends the process or
 * hangs does it there. The child reports by a pipe, so that an application which collects all of
 * its children by itself is no obstacle.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "port/load.h"

#define TRIAL_MS 5000u

/* What the child reports, the last byte of which counts. A dlerror() follows REPORT_REFUSED. */
enum { REPORT_LOADED = 'L', REPORT_DONE = 'D', REPORT_REFUSED = 'R', REPORT_EXIT = 'E' };

static int report_fd = -1; /* the child's */

static void
report(char what)
{
	ssize_t done = write(report_fd, &what, 1);

	(void)done;
}

/* A constructor calls exit(). The application's own exit handlers, which follow, must not run. */
static void
exit_called(void)
{
	report(REPORT_EXIT);
	_exit(0);
}

static void __attribute__((noreturn)) child(const char *file, int fd)
{
	static const int crashes[] = { SIGSEGV, SIGBUS,  SIGILL, SIGFPE,  SIGABRT,
				       SIGTERM, SIGALRM, SIGINT, SIGQUIT, SIGTRAP };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	void *handle;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_DUMPABLE, 0); /* no core file of the application's memory */
	for (size_t i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++)
		signal(crashes[i], SIG_DFL); /* the application's handlers are not for this */
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
	}
	report_fd = fd;
	atexit(exit_called);
	handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);
	if (handle) {
		report(REPORT_LOADED);
		dlclose(handle);
		report(REPORT_DONE);
	} else {
		const char *why = dlerror();
		ssize_t done;

		report(REPORT_REFUSED);
		done = write(fd, why, strlen(why));
		(void)done;
	}
	_exit(0);
}

static bool
is_done(const char *text)
{
	return text[0] == REPORT_LOADED && text[1] == REPORT_DONE;
}

/* Collect what the child reports until it ends, or is done: a constructor may have left a process
 * that has the pipe as well. Return: false: it does neither. */
static bool
listen_to(int fd, char *text, size_t room)
{
	const uint64_t end = ctx_now_ns() + TRIAL_MS * 1000000ull;
	size_t len = 0;

	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		const uint64_t now = ctx_now_ns();
		ssize_t n;

		if (now >= end)
			return false;
		if (poll(&p, 1, (int)((end - now) / 1000000 + 1)) < 1)
			continue;
		n = read(fd, text + len, room - 1 - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n > 0)
			len += (size_t)n;
		text[len] = '\0';
		if (n <= 0 || len == room - 1 || is_done(text))
			return true;
	}
}

#define WHOSE                                                                                      \
	"in a constructor or destructor of its own, or of a library that it needs; it was tried "  \
	"in a process of its own, and is not used"

/* The child ended before it was done. @status: of waitpid(), or -1. */
static int
explain_end(const char *file, const char *text, int status)
{
	const char *when = *text == REPORT_LOADED ? "it is unloaded" : "it is loaded";

	if (status != -1 && WIFSIGNALED(status))
		return baton_err(EFAULT, "driver file %s crashes as %s (signal %d, %s), " WHOSE,
				 file, when, WTERMSIG(status), strsignal(WTERMSIG(status)));
	if (strchr(text, REPORT_EXIT) || status == -1)
		return baton_err(EFAULT, "driver file %s ends the process as %s, " WHOSE, file,
				 when);
	return baton_err(EFAULT, "driver file %s ends the process as %s (exit status %d), " WHOSE,
			 file, when, WEXITSTATUS(status));
}

static int
explain(const char *file, const char *text, int status)
{
	const char *why = text + 1;

	if (is_done(text))
		return 0;
	if (*text != REPORT_REFUSED)
		return explain_end(file, text, status);
	if (strstr(why, "undefined symbol"))
		return baton_err(ELIBBAD,
				 "driver file %s needs what neither this library (%s) nor the "
				 "program has: %s. A program that links Baton statically has to "
				 "export the library's functions (docs/driver-guide.md)",
				 file, baton_version(), why);
	return baton_err(ELIBBAD, "driver file %s cannot be loaded: %s", file, why);
}

int
driver_trial(const char *file)
{
	char text[512] = "";
	int fds[2], status = -1;
	pid_t pid;
	bool ended;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return baton_err(errno, "driver file %s: no pipe: %s", file, strerror(errno));
	pid = fork();
	if (!pid)
		child(file, fds[1]);
	close(fds[1]);
	if (pid < 0) {
		close(fds[0]);
		return baton_err(EAGAIN,
				 "driver file %s cannot be tried in a process of its own: %s", file,
				 strerror(errno));
	}
	ended = listen_to(fds[0], text, sizeof(text));
	close(fds[0]);
	if (!ended)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (ended)
		return explain(file, text, status);
	return baton_err(ETIMEDOUT,
			 "driver file %s hangs as %s: it had not ended after %u seconds, " WHOSE,
			 file, *text == REPORT_LOADED ? "it is unloaded" : "it is loaded",
			 TRIAL_MS / 1000);
}
