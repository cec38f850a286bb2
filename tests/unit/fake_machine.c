/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Preloaded into baton-testpmd: a machine with FAKE_CPUS CPUs. With FAKE_PIN a thread may be pinned
 * to any of them, and FAKE_PIN names a file that has a line for each; without, the kernel is asked,
 * which does not have them. With FAKE_NO_PROC nothing in /proc can be opened.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <termios.h>
#include <unistd.h>

#define NEXT(name) ((typeof(&(name)))dlsym(RTLD_NEXT, #name))

static int
log_pin(const char *what, size_t size, const cpu_set_t *set)
{
	FILE *f = fopen(getenv("FAKE_PIN"), "ae");

	if (!f)
		return EIO;
	fprintf(f, "%s", what);
	for (size_t i = 0; i < 8 * size; i++)
		if (CPU_ISSET_S(i, size, set))
			fprintf(f, " %zu", i);
	fprintf(f, "\n");
	fclose(f);
	return 0;
}

int
sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set)
{
	const char *cpus = getenv("FAKE_CPUS");
	size_t n = cpus ? strtoul(cpus, NULL, 10) : 0;

	if (!cpus)
		return NEXT(sched_getaffinity)(pid, size, set);
	if (8 * size < n) {
		errno = EINVAL; /* as the kernel says that the set is too small */
		return -1;
	}
	memset(set, 0, size);
	for (size_t i = 0; i < n; i++)
		CPU_SET_S(i, size, set);
	return 0;
}

int
pthread_setaffinity_np(pthread_t thread, size_t size, const cpu_set_t *set)
{
	if (getenv("FAKE_PIN"))
		return log_pin("set", size, set);
	return NEXT(pthread_setaffinity_np)(thread, size, set);
}

int
pthread_attr_setaffinity_np(pthread_attr_t *attr, size_t size, const cpu_set_t *set)
{
	if (getenv("FAKE_PIN"))
		return log_pin("attr", size, set);
	return NEXT(pthread_attr_setaffinity_np)(attr, size, set);
}

int
open64(const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = flags & O_CREAT ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	if (getenv("FAKE_NO_PROC") && !strncmp(path, "/proc/", 6)) {
		errno = ENOENT;
		return -1;
	}
	return NEXT(open64)(path, flags, mode);
}

static volatile int zero;

static int
overflow(volatile char *above)
{
	volatile char frame[4096];

	frame[0] = *above;
	return zero ? 0 : overflow(frame) + frame[0];
}

static void
crash(const char *how)
{
	int fd;

	if (!strcmp(how, "segv"))
		*(volatile int *)(long)zero = 0;
	if (!strcmp(how, "fpe")) {
		static volatile int one = 1;

		zero = one / zero;
		raise(SIGFPE); /* not every processor traps */
	}
	if (!strcmp(how, "abort"))
		abort();
	if (!strcmp(how, "ill"))
		__builtin_trap();
	if (!strcmp(how, "overflow"))
		overflow(&(volatile char){ 0 });
	fd = memfd_create("empty", 0); /* bus: a page that the file does not have */
	*(volatile int *)mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, fd, 0) = 1;
}

int
tcsetattr(int fd, int when, const struct termios *t)
{
	int ret = NEXT(tcsetattr)(fd, when, t);

	if (getenv("FAKE_CRASH") && !(t->c_lflag & ICANON)) {
		const char *how = strdup(getenv("FAKE_CRASH"));

		unsetenv("FAKE_CRASH");
		crash(how);
	}
	return ret;
}
