/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Signals, and the terminal. Whatever ends or stops the program, the terminal's attributes are
 * those of the start.
 *
 * A signal that asks for an end is remembered, and the main loop ends the run with its tables. One
 * that tells of a crash puts the terminal back and then has its default effect: exit status, core.
 */
#include "ends.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

/* A supervisor may send one request twice, to a process and to its group. */
#define SAME_REQUEST_NS 300000000ull

static const int requests[] = { SIGINT,    SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGALRM,
				SIGVTALRM, SIGPROF, SIGPWR, SIGPOLL, SIGXCPU, SIGSTKFLT };
static const int crashes[] = { SIGQUIT, SIGILL, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGTRAP, SIGSYS };
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* All that handlers touch. Any thread may run one: the words are lock-free atomics. */
static struct {
	struct wake *wake;
	int signalled;
	uint64_t first_ns;
	bool continued, resized;
	bool raw;   /* the terminal's attributes are others than `before` */
	bool stops; /* SIGTSTP is caught */
	struct termios before;
	struct sigaction old[COUNT(crashes)]; /* a sanitizer's, or the default */
} e;

static uint64_t
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

bool
ends_foreground(void)
{
	pid_t group = tcgetpgrp(STDIN_FILENO);

	/* A terminal that is not the session's own has no foreground. */
	return group < 0 ? errno == ENOTTY : group == getpgrp();
}

/* A background process must not change the terminal: it is another's by now. */
static void
put_back(void)
{
	if (load_relaxed(&e.raw) && ends_foreground())
		tcsetattr(STDIN_FILENO, TCSANOW, &e.before);
}

static void
end_by(int sig)
{
	sigset_t set;

	put_back();
	signal(sig, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, sig);
	raise(sig);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

/* A second request ends the program at once, should the first find it stuck. */
static void
on_request(int sig)
{
	int saved = errno, none = 0;
	uint64_t now = now_ns();

	if (__atomic_compare_exchange_n(&e.signalled, &none, sig, false, __ATOMIC_RELAXED,
					__ATOMIC_RELAXED))
		store_relaxed(&e.first_ns, now);
	else if ((sig == SIGINT || sig == SIGTERM) &&
		 now - load_relaxed(&e.first_ns) > SAME_REQUEST_NS)
		end_by(sig);
	wake_set(e.wake);
	errno = saved;
}

/* The default effect follows on return: an instruction that faults does so again. */
static void
on_crash(int sig, siginfo_t *info, void *context)
{
	put_back();
	for (unsigned i = 0; i < COUNT(crashes); i++)
		if (crashes[i] == sig)
			sigaction(sig, &e.old[i], NULL);
	if (info->si_code <= 0 || sig == SIGQUIT || sig == SIGTRAP || sig == SIGSYS)
		raise(sig);
}

/* Only while the terminal is raw. The main loop makes it so again. */
static void
on_stop(int sig)
{
	int saved = errno;

	end_by(sig); /* it stops here, unless nobody could continue it */
	store_relaxed(&e.raw, false);
	store_relaxed(&e.continued, true);
	wake_set(e.wake);
	errno = saved;
}

static void
on_notice(int sig)
{
	int saved = errno;

	store_relaxed(sig == SIGCONT ? &e.continued : &e.resized, true);
	wake_set(e.wake);
	errno = saved;
}

static bool catch (int sig, void (*handler)(int))
{
	struct sigaction sa = { .sa_handler = handler }, old;

	sigemptyset(&sa.sa_mask);
	if (sigaction(sig, NULL, &old) < 0)
		return false;
	/*
	 * nohup ignores SIGHUP, a profiler has a handler. A shell script's `&` ignores SIGINT, and
	 * that is no reason to ignore one that is sent on purpose.
	 */
	if (old.sa_handler != SIG_DFL && sig != SIGINT && sig != SIGTERM)
		return false;
	return sigaction(sig, &sa, NULL) == 0;
}

/* Where both limits of CPU time are one, as `ulimit -t` makes them, the kernel kills without
 * asking. */
static void
ask_before_the_kill(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_CPU, &limit) < 0 || limit.rlim_cur != limit.rlim_max ||
	    limit.rlim_max == RLIM_INFINITY || limit.rlim_max < 2)
		return;
	limit.rlim_cur--;
	setrlimit(RLIMIT_CPU, &limit);
}

void
ends_watch(struct wake *wake)
{
	static char stack[64 * 1024] __attribute__((aligned(16)));
	stack_t alternate = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction crash = { .sa_sigaction = on_crash, .sa_flags = SA_SIGINFO | SA_ONSTACK };

	e.wake = wake;
	ask_before_the_kill();
	for (unsigned i = 0; i < COUNT(requests); i++)
		catch (requests[i], on_request);
	for (int sig = SIGRTMIN; sig <= SIGRTMAX; sig++)
		catch (sig, on_request);
	ends_notices(false);
	catch (SIGCONT, on_notice);
	catch (SIGWINCH, on_notice);
	sigaltstack(&alternate, NULL); /* a stack that has overflowed holds no handler */
	sigemptyset(&crash.sa_mask);
	for (unsigned i = 0; i < COUNT(crashes); i++)
		if (sigaction(crashes[i], NULL, &e.old[i]) == 0 && e.old[i].sa_handler != SIG_IGN)
			sigaction(crashes[i], &crash, NULL);
}

void
ends_notices(bool on)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCONT);
	sigaddset(&set, SIGWINCH);
	pthread_sigmask(on ? SIG_UNBLOCK : SIG_BLOCK, &set, NULL);
}

void
ends_block(sigset_t *before)
{
	sigset_t set;

	sigfillset(&set);
	for (unsigned i = 0; i < COUNT(crashes); i++)
		if (crashes[i] != SIGQUIT)
			sigdelset(&set, crashes[i]);
	pthread_sigmask(SIG_SETMASK, &set, before);
}

int
ends_signal(void)
{
	return load_relaxed(&e.signalled);
}

bool
ends_continued(void)
{
	return __atomic_exchange_n(&e.continued, false, __ATOMIC_RELAXED);
}

bool
ends_resized(void)
{
	return __atomic_exchange_n(&e.resized, false, __ATOMIC_RELAXED);
}

bool
ends_hangup_counts(void)
{
	struct sigaction sa;

	return sigaction(SIGHUP, NULL, &sa) < 0 || sa.sa_handler != SIG_IGN;
}

void
ends_terminal_changes(bool raw)
{
	if (raw == load_relaxed(&e.raw))
		return;
	if (raw && tcgetattr(STDIN_FILENO, &e.before) < 0)
		return;
	if (raw) {
		store_relaxed(&e.raw, true);
		e.stops = catch (SIGTSTP, on_stop);
		return;
	}
	if (ends_foreground())
		tcsetattr(STDIN_FILENO, TCSANOW, &e.before);
	store_relaxed(&e.raw, false);
	if (e.stops)
		signal(SIGTSTP, SIG_DFL);
}
