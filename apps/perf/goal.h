/* SPDX-License-Identifier: BSD-3-Clause */
/* What a search looks for (RFC 9971, search goals), and how a load is classified by a goal. */
#ifndef PERF_GOAL_H
#define PERF_GOAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WHY 320 /* bytes of a sentence that says why something cannot be */

struct goal {
	char name[32];
	double initial; /* seconds of the first trials; at most those of the final ones */
	double trial;   /* seconds of a full-length trial (final trial duration) */
	double sum;     /* seconds of trials at one load that decide about it (duration sum) */
	double loss;    /* a trial with a larger loss ratio has high loss; 0 to below 1 */
	double exceed;  /* the part of the time that may have high loss; 0 to below 1 */
	double width;   /* the bounds may differ by this part of the upper one; above 0, below 1 */
};

/** The names and values of the goals that have a name. Return: NULL behind the last one. */
const struct goal *goal_known(unsigned i);

/**
 * Read a goal: the name of a known one, or NAME:KEY=VALUE,... with the keys initial, trial, sum
 * (durations as 60s, 100ms or 2min), loss, exceed and width (0.5% or 0.005). What is not given is
 * the known goal's of that name; a new name must give loss, and has the rest of `ndr`.
 *
 * Return: false: the text is no goal, and @why says which part is wrong.
 */
bool goal_parse(const char *text, struct goal *goal, char why[WHY]);

/** Read "60s", "100ms", "2min" or a number of seconds. Return: false: see @why. */
bool parse_seconds(const char *what, const char *text, double *seconds, char why[WHY]);
/** Read "0.5%" or "0.005". Return: false: see @why. */
bool parse_ratio(const char *what, const char *text, double *ratio, char why[WHY]);

/* Time of trials at one load by the goal's measure, in nanoseconds. */
struct load_sums {
	uint64_t full_high, full_low;   /* full-length trials with high loss, and without */
	uint64_t short_high, short_low; /* the same of shorter ones */
};

enum load_class { LOAD_UNDECIDED, LOAD_LOWER, LOAD_UPPER };

/** Add a trial of @seconds with the loss ratio @loss. */
void load_sums_add(struct load_sums *sums, const struct goal *goal, double seconds, double loss);

/** Return: whether the load is a lower or an upper bound of the goal, or neither yet. */
enum load_class load_classify(const struct load_sums *sums, const struct goal *goal);

/* A trial as the conditional throughput needs it. */
struct load_trial {
	double seconds, loss;
};

/**
 * Return the loss ratio that decides about the conditional throughput: that of the full-length
 * trial at the (1 - exceed) quantile of time, ordered by loss; 1 if the trials do not fill the
 * time. @trials, all of one load, are sorted.
 */
double load_quantile_loss(const struct goal *goal, struct load_trial *trials, unsigned n);

#endif
