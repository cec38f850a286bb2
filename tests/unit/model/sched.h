/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An interleaving checker: runs real C source, whose atomics are calls to this layer, under every
 * schedule of a small case.
 *
 * Threads are coroutines. A step is one atomic operation, one read of watched plain memory, or one
 * buffered store becoming visible. The search is depth first and starts each run from the beginning
 * (nothing of a program's state is saved); sleep sets leave out schedules that differ only in the
 * order of independent steps, so every outcome of the case is still seen.
 *
 * The memory model:
 * - Stores wait in a buffer of their thread and become visible at any later time and in any order
 *   (except two to the same place, and a release store, which comes after all before it), at the
 *   latest before the thread's next compare-and-swap or fence. The thread itself sees them at once.
 * - Happens-before is tracked with vector clocks through acquire loads and compare-and-swaps; two
 *   plain accesses to the same record without it are reported as a race, in whatever order they
 *   ran. So a missing acquire is found although loads are never reordered here.
 * - Not covered: relaxed loads that run early or late, a weak compare-and-swap failing for no
 *   reason, a failing compare-and-swap that leaves the buffer waiting, plain records torn midway.
 */
#ifndef BATON_TESTS_MODEL_SCHED_H
#define BATON_TESTS_MODEL_SCHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define MODEL_THREADS 3u

/* Bugs planted in the layer, below the source under test. */
enum model_bug {
	MODEL_TRUE,        /* none */
	MODEL_NO_TAG,      /* compare-and-swap sees and keeps the low 24 bits only */
	MODEL_PLAIN_STORE, /* compare, then store, as two steps */
	MODEL_EARLY,       /* a compare-and-swap does not wait for the stores before it */
	MODEL_NO_ACQUIRE,  /* nothing acquires */
	MODEL_NO_RELEASE,  /* a release store is a relaxed one */
	MODEL_NO_FENCE,    /* fences do nothing */
};

struct model_case {
	unsigned int threads;
	void (*setup)(void *arg);
	void (*thread)(void *arg, unsigned int t);
	const char *(*check)(void *arg); /* after each run; NULL when all is well */
	void *arg;
	bool unreduced; /* no sleep sets: every order of every step, to check the reduction itself
			 */
};

struct model_result {
	uint64_t runs;      /* complete interleavings */
	uint64_t redundant; /* given up: equal to one that was run */
	bool complete;      /* the search ended before its limit */
	const char *fault;  /* the first, or NULL */
};

/** Explore every interleaving of @c, at most @max_runs; stop at the first fault. */
struct model_result model_explore(const struct model_case *c, enum model_bug bug,
				  uint64_t max_runs);

/** Print the steps of the last run, which is the offending one after a fault. */
void model_print(FILE *out);

/** In set-up: name a place, and say whether it is plain memory whose accesses must be ordered. */
void model_watch(const char *name, unsigned int number, const void *p, size_t size, bool plain);

/** From a thread: end the run with a fault. Does not return. */
void model_fail(const char *what);

void model_load(const void *p, void *v, size_t size, bool acquire);
void model_store(void *p, const void *v, size_t size, bool release);

/** The thread's stores are visible; those of all threads. */
void model_fence(void);
void model_fence_all(void);
bool model_cas(uint64_t *p, uint64_t *expected, uint64_t desired);

/** memcpy, with watched plain memory on either side. */
void *model_memcpy(void *dst, const void *src, size_t n);

#endif
