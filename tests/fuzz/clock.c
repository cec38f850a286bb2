/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Time in the fuzzer: it stands still until somebody waits. So a device that does not answer costs
 * nothing, and an input does the same on every machine. These stand in for the C library's.
 */
#include <poll.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"

#define NS_PER_S 1000000000ull

static uint64_t now_ns = NS_PER_S;

void
fuzz_wait(unsigned ms)
{
	now_ns += ms * 1000000ull;
}

/* A loop that only looks at the clock ends, too. */
int
clock_gettime(clockid_t clock, struct timespec *ts)
{
	if (clock != CLOCK_MONOTONIC)
		return (int)syscall(SYS_clock_gettime, clock, ts);
	now_ns += 100;
	ts->tv_sec = (time_t)(now_ns / NS_PER_S);
	ts->tv_nsec = (long)(now_ns % NS_PER_S);
	return 0;
}

int
nanosleep(const struct timespec *time, struct timespec *left)
{
	now_ns += (uint64_t)time->tv_sec * NS_PER_S + (uint64_t)time->tv_nsec;
	return 0;
}

/* Nobody else runs, so what is not there now comes at no time. */
int
poll(struct pollfd *fds, nfds_t n, int ms)
{
	const struct timespec none = { 0 };
	const int ready = (int)syscall(SYS_ppoll, fds, n, &none, NULL, 0);

	if (!ready && ms > 0)
		fuzz_wait((unsigned)ms);
	return ready;
}

/* fuzz_look() runs the timers. */
int
timerfd_settime(int fd, int flags, const struct itimerspec *when, struct itimerspec *was)
{
	return 0;
}
