/* SPDX-License-Identifier: BSD-3-Clause */
#include "hist.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(HIST_COUNTERS == 27648, "the counters end with those of the largest value");

struct hist *
hist_new(void)
{
	struct hist *h = malloc(sizeof(*h));

	if (h)
		hist_reset(h);
	return h;
}

void
hist_free(struct hist *h)
{
	free(h);
}

void
hist_reset(struct hist *h)
{
	memset(h, 0, sizeof(*h));
	h->min = UINT64_MAX;
}

void
hist_merge(struct hist *into, const struct hist *from)
{
	into->n += from->n;
	into->over += from->over;
	into->sum += from->sum;
	into->min = from->min < into->min ? from->min : into->min;
	into->max = from->max > into->max ? from->max : into->max;
	for (unsigned i = 0; i < HIST_COUNTERS; i++)
		into->count[i] += from->count[i];
}

/* The power of two that the counter is wide. */
static unsigned
shift_of(unsigned index)
{
	return index < 2 * HIST_HALF ? 0 : index / HIST_HALF - 1;
}

uint64_t
hist_lowest(unsigned index)
{
	unsigned shift = shift_of(index);

	return (uint64_t)(index - shift * HIST_HALF) << shift;
}

uint64_t
hist_highest(unsigned index)
{
	return hist_lowest(index) + (UINT64_C(1) << shift_of(index)) - 1;
}

uint64_t
hist_percentile(const struct hist *h, double percent)
{
	double exact = percent / 100 * (double)h->n;
	uint64_t rank, seen = 0;

	if (!h->n)
		return 0;
	if (!(percent > 0))
		return h->min;
	/* 99.9 % of 1,000 values are 999, not the 999.0000000000001 of floating point. */
	rank = percent >= 100 ? h->n : (uint64_t)ceil(exact - exact * 1e-14);
	rank = rank ? rank : 1;
	for (unsigned i = hist_index(h->min > HIST_MAX ? HIST_MAX : h->min); i < HIST_COUNTERS;
	     i++) {
		seen += h->count[i];
		if (seen < rank)
			continue;
		/* The last counter also has what lies above its range. */
		if (hist_highest(i) > h->max || (h->over && rank > h->n - h->over))
			return h->max;
		return hist_highest(i);
	}
	return h->max;
}

double
hist_mean(const struct hist *h)
{
	return h->n ? h->sum / (double)h->n : 0;
}

void
hist_summarize(const struct hist *h, struct hist_summary *s)
{
	*s = (struct hist_summary){ 0 };
	if (!h || !h->n)
		return;
	*s = (struct hist_summary){
		.n = h->n,
		.over = h->over,
		.min = h->min,
		.p50 = hist_percentile(h, 50),
		.p90 = hist_percentile(h, 90),
		.p99 = hist_percentile(h, 99),
		.p999 = hist_percentile(h, 99.9),
		.p9999 = hist_percentile(h, 99.99),
		.max = h->max,
		.mean = hist_mean(h),
	};
}
