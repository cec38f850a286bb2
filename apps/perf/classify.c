/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How a load is classified by a goal (RFC 9971, appendix A), and which loss ratio makes its
 * conditional throughput (appendix B).
 */
#include <math.h>
#include <stdlib.h>

#include "goal.h"

/* Nanoseconds are whole numbers: sums of tenths of seconds are exact. */
static uint64_t
ns(double seconds)
{
	return (uint64_t)llround(seconds * 1e9);
}

void
load_sums_add(struct load_sums *sums, const struct goal *goal, double seconds, double loss)
{
	bool high = loss > goal->loss;
	uint64_t time = ns(seconds);

	if (time >= ns(goal->trial))
		*(high ? &sums->full_high : &sums->full_low) += time;
	else
		*(high ? &sums->short_high : &sums->short_low) += time;
}

enum load_class
load_classify(const struct load_sums *sums, const struct goal *goal)
{
	/* Short trials with low loss excuse as many with high loss as the goal allows, and are
	 * no evidence for the load. */
	double excused = (double)sums->short_low * goal->exceed / (1 - goal->exceed);
	double excess = fmax(0, (double)sums->short_high - excused);
	double high = (double)sums->full_high + excess;
	double measured = high + (double)sums->full_low;
	double whole = fmax(measured, (double)ns(goal->sum));
	double allowed = whole * goal->exceed;

	/* Even if the time that is missing had low loss; and even if it had high loss. */
	if (high > allowed)
		return LOAD_UPPER;
	if (high + whole - measured <= allowed)
		return LOAD_LOWER;
	return LOAD_UNDECIDED;
}

static int
by_loss(const void *a, const void *b)
{
	double x = ((const struct load_trial *)a)->loss, y = ((const struct load_trial *)b)->loss;

	return (x > y) - (x < y);
}

double
load_quantile_loss(const struct goal *goal, struct load_trial *trials, unsigned n)
{
	double left, whole = 0;

	qsort(trials, n, sizeof(*trials), by_loss);
	for (unsigned i = 0; i < n; i++)
		if (ns(trials[i].seconds) >= ns(goal->trial))
			whole += (double)ns(trials[i].seconds);
	left = fmax(whole, (double)ns(goal->sum)) * (1 - goal->exceed);
	for (unsigned i = 0; i < n; i++) {
		if (ns(trials[i].seconds) < ns(goal->trial))
			continue;
		left -= (double)ns(trials[i].seconds);
		if (left <= 0)
			return trials[i].loss;
	}
	return 1;
}
