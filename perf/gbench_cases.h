/* SPDX-License-Identifier: BSD-3-Clause */
/* What Google Benchmark drives: cases in C, the loop around them in gbench.cc. */
#ifndef PERF_GBENCH_CASES_H
#define PERF_GBENCH_CASES_H

#ifdef __cplusplus
extern "C" {
#endif

struct gbench_case {
	const char
		*name; /* ROW/baton, ROW/peer, and ROW/again: the peer once more, for the A/A row */
	unsigned threads;
	unsigned items;                  /* of one run */
	void *(*begin)(unsigned thread); /* in the thread, before its runs */
	void (*run)(void *self);
	void (*end)(void *self);     /* or NULL */
	double (*timed)(void *self); /* in place of run: times its own work. Return: seconds */
};

#define GBENCH_CASE(row, threads, items, begin, run, end)                                          \
	{                                                                                          \
		row, threads, items, begin, run, end, NULL                                         \
	}
#define GBENCH_PEER(row, threads, items, begin, run, end)                                          \
	GBENCH_CASE(row "/peer", threads, items, begin, run, end),                                 \
		GBENCH_CASE(row "/again", threads, items, begin, run, end)

/*
 * Return: the cases, ended by one without a name; NULL when they could not be set up. In this
 * order: the first starts DPDK.
 */
const struct gbench_case *gbench_cases(void);
const struct gbench_case *gbench_slot_cases(void);
const struct gbench_case *gbench_bounce_cases(void);
const struct gbench_case *gbench_ring_cases(void);
const struct gbench_case *gbench_gso_cases(void);

#ifdef __cplusplus
}
#endif

#endif
