/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A histogram of nanoseconds with three significant digits, as HdrHistogram has it: values below
 * 2,048 have a counter each, and from there on every power of two has 1,024 counters of equal
 * width. So a value that is read back is at most 1/1,024 above the one that was recorded.
 *
 * One thread records; merging and reading are for the time when it does not.
 */
#ifndef PERF_HIST_H
#define PERF_HIST_H

#include <stdbool.h>
#include <stdint.h>

#define HIST_MAX_BITS 36 /* values up to 2^36 - 1 ns, 68.7 s */
#define HIST_MAX      ((UINT64_C(1) << HIST_MAX_BITS) - 1)
#define HIST_SUB_BITS 11
#define HIST_HALF     (1u << (HIST_SUB_BITS - 1))
#define HIST_COUNTERS ((HIST_MAX_BITS - HIST_SUB_BITS + 2) * HIST_HALF)

struct hist {
	uint64_t n;    /* values recorded */
	uint64_t over; /* of these: above HIST_MAX, and counted as HIST_MAX */
	uint64_t min;  /* ns; exact; UINT64_MAX while there are none */
	uint64_t max;  /* ns; exact, also above HIST_MAX; 0 while there are none */
	double sum;    /* ns */
	uint64_t count[HIST_COUNTERS];
};

/** Return: the counter of the value @ns, which is at most HIST_MAX. */
static inline unsigned
hist_index(uint64_t ns)
{
	unsigned shift = 0;

	if (ns >> HIST_SUB_BITS)
		shift = 64 - HIST_SUB_BITS - (unsigned)__builtin_clzll(ns);
	return shift * HIST_HALF + (unsigned)(ns >> shift);
}

/** Record @ns, @n times. */
static inline void
hist_record_n(struct hist *h, uint64_t ns, uint64_t n)
{
	if (!n)
		return;
	h->n += n;
	h->sum += (double)ns * (double)n;
	h->min = ns < h->min ? ns : h->min;
	h->max = ns > h->max ? ns : h->max;
	if (ns > HIST_MAX) {
		h->over += n;
		ns = HIST_MAX;
	}
	h->count[hist_index(ns)] += n;
}

/** Record @ns. */
static inline void
hist_record(struct hist *h, uint64_t ns)
{
	hist_record_n(h, ns, 1);
}

/** Return: an empty histogram, or NULL without memory. hist_free() releases it. */
struct hist *hist_new(void);
/** Release @h; NULL is ignored. */
void hist_free(struct hist *h);
/** Remove all values. */
void hist_reset(struct hist *h);
/** Add all values of @from to @into. */
void hist_merge(struct hist *into, const struct hist *from);

/** Return: the smallest and the largest value that are counted by counter @index, in ns. */
uint64_t hist_lowest(unsigned index);
uint64_t hist_highest(unsigned index);

/**
 * Return the value that @percent (0 to 100) of the values do not exceed, in ns: the highest one of
 * its counter, but never above the maximum. 0 percent is the minimum; without values it is 0.
 */
uint64_t hist_percentile(const struct hist *h, double percent);

/** Return: the mean in ns; 0 without values. */
double hist_mean(const struct hist *h);

/* What reports show. */
struct hist_summary {
	uint64_t n, over, min, p50, p90, p99, p999, p9999, max; /* n and over: values; else ns */
	double mean;                                            /* ns */
};

/** Fill in @s from @h; NULL is an empty histogram. */
void hist_summarize(const struct hist *h, struct hist_summary *s);

#endif
