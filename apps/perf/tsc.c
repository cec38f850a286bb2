/* SPDX-License-Identifier: BSD-3-Clause */
#include "tsc.h"

/* A pair of readings that belong together: that of three tries which was disturbed least. */
static void
both(uint64_t *ticks, double *seconds)
{
	uint64_t best = UINT64_MAX;

	for (unsigned i = 0; i < 3; i++) {
		uint64_t before = tsc_read(), after;
		struct timespec t;

		clock_gettime(CLOCK_MONOTONIC, &t);
		after = tsc_read();
		if (after - before >= best)
			continue;
		best = after - before;
		*ticks = before + best / 2;
		*seconds = (double)t.tv_sec + (double)t.tv_nsec / 1e9;
	}
}

double
tsc_hz(unsigned ms)
{
	struct timespec wait = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };
	uint64_t from = 0, to = 0;
	double begin = 0, end = 0;

	both(&from, &begin);
	nanosleep(&wait, NULL); /* a signal that ends it early does no harm */
	both(&to, &end);
	return end > begin && to > from ? (double)(to - from) / (end - begin) : 1e9;
}
