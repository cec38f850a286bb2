/* SPDX-License-Identifier: BSD-3-Clause */
/* The clock of all times in packets and loops: the TSC, or what a test puts in its place. */
#ifndef PERF_TSC_H
#define PERF_TSC_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

struct perf_clock {
	uint64_t (*read)(void *arg); /* NULL: the machine's counter */
	void *arg;
	double hz; /* ticks a second */
};

/** Return: the machine's counter, in ticks; where there is none, nanoseconds. */
static inline uint64_t
tsc_read(void)
{
#if defined(__x86_64__)
	return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
	uint64_t v;

	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(v));
	return v;
#else
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
#endif
}

/** Return: what @c shows, in ticks. */
static inline uint64_t
perf_clock_read(const struct perf_clock *c)
{
	if (__builtin_expect(c->read != NULL, 0))
		return c->read(c->arg);
	return tsc_read();
}

/** Measure the machine's counter against CLOCK_MONOTONIC for @ms. Return: ticks a second. */
double tsc_hz(unsigned ms);

#endif
