/* SPDX-License-Identifier: BSD-3-Clause */
/* What a search found so far, and how long it still takes. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "search_state.h"

enum search_end
search_ended(const struct search *s)
{
	return s->end;
}

const char *
search_text(const struct search *s)
{
	return s->text;
}

const struct search_config *
search_config(const struct search *s)
{
	return &s->config;
}

const struct search_trial *
search_trials(const struct search *s, unsigned *n)
{
	*n = s->n_trials;
	return s->trials;
}

unsigned
search_voided(const struct search *s)
{
	return s->voided;
}

double
search_seconds(const struct search *s)
{
	return s->seconds;
}

/* Trials of one bound: about the part of the time that decides, less what is measured. */
static double
bound_seconds(const struct search *s, unsigned g, unsigned level, double load)
{
	const struct goal *goal = &s->goals[g].level[level];
	const struct search_load *l = load > 0 && isfinite(load) ? search_find_load(s, load) : NULL;
	double need = fmax(goal->trial, goal->sum * fmax(goal->exceed, 1 - goal->exceed));
	double have = 0;

	if (l)
		have = (double)(l->sums[g][level].full_high + l->sums[g][level].full_low) / 1e9;
	return fmax(0, ceil((need - have) / goal->trial)) * goal->trial;
}

double
search_remaining(const struct search *s)
{
	double all = 0;

	if (s->end != SEARCH_RUNNING)
		return 0;
	for (unsigned g = 0; g < s->config.n_goals; g++) {
		const struct search_goal *sg = &s->goals[g];

		for (unsigned k = sg->at; k < sg->n_levels; k++) {
			struct search_bounds b = search_bounds(s, g, k);

			if (search_bounds_done(s, &sg->level[k], &b))
				continue;
			all += bound_seconds(s, g, k, b.lower > 0 ? b.lower : sg->hint[0]) +
			       bound_seconds(s, g, k, isfinite(b.upper) ? b.upper : sg->hint[1]);
		}
	}
	return all;
}

void
search_estimate(const struct search *s, unsigned i, double *lower, double *upper)
{
	const struct search_goal *sg = &s->goals[i];
	struct search_bounds b = search_bounds(s, i, sg->at);

	*lower = b.lower > 0 ? b.lower : sg->hint[0];
	*upper = isfinite(b.upper) ? b.upper : sg->hint[1] > 0 ? sg->hint[1] : INFINITY;
	/* A bound may have passed what the level before found. */
	if (*lower >= *upper) {
		*lower = b.lower;
		*upper = b.upper;
	}
}

/* The conditional throughput: what the device forwards at the lower bound, in the worst trial
 * that the goal counts. */
static int
throughput(const struct search *s, const struct goal *goal, struct goal_result *r)
{
	struct load_trial *list = calloc(s->n_trials + 1, sizeof(*list));
	unsigned n = 0;

	if (!list)
		return -ENOMEM;
	for (unsigned i = 0; i < s->n_trials; i++) {
		const struct search_trial *t = &s->trials[i];

		if (t->request.load == r->lower && !t->voided && !t->request.warm_up)
			list[n++] = (struct load_trial){ t->request.seconds, t->loss };
	}
	r->loss = load_quantile_loss(goal, list, n);
	r->throughput = r->lower * (1 - r->loss);
	free(list);
	return 0;
}

static void
describe(const struct search *s, const struct goal *goal, struct goal_result *r)
{
	switch (r->end) {
	case GOAL_REGULAR:
		snprintf(r->text, sizeof(r->text), "regular: the bounds are %.3g %% apart",
			 (r->upper - r->lower) / r->upper * 100);
		break;
	case GOAL_ALL_LOWER:
		snprintf(r->text, sizeof(r->text),
			 "irregular, no upper bound: even the highest load, %.0f packets a second, "
			 "meets the goal",
			 s->config.max_load);
		break;
	case GOAL_ALL_UPPER:
		snprintf(r->text, sizeof(r->text),
			 "irregular, no lower bound: even the lowest load, %.0f packets a second, "
			 "does not meet the goal",
			 s->config.min_load);
		break;
	case GOAL_UNFINISHED:
		if (r->has_lower && r->has_upper)
			snprintf(r->text, sizeof(r->text),
				 "irregular, unfinished: the bounds are %.3g %% apart, %.3g %% was "
				 "asked for",
				 (r->upper - r->lower) / r->upper * 100, goal->width * 100);
		else
			snprintf(r->text, sizeof(r->text), "irregular, unfinished: no %s bound yet",
				 r->has_lower   ? "upper"
				 : r->has_upper ? "lower"
						: "lower and no upper");
		break;
	}
}

int
search_result(const struct search *s, unsigned i, struct goal_result *r)
{
	const struct search_goal *sg = &s->goals[i];
	const struct goal *goal = &sg->level[sg->n_levels - 1];
	struct search_bounds b = search_bounds(s, i, sg->n_levels - 1);
	int err;

	*r = (struct goal_result){
		.has_lower = b.lower > 0,
		.has_upper = isfinite(b.upper),
		.lower = b.lower,
		.upper = isfinite(b.upper) ? b.upper : 0,
	};
	if (b.lower >= s->config.max_load)
		r->end = GOAL_ALL_LOWER;
	else if (b.upper <= s->config.min_load)
		r->end = GOAL_ALL_UPPER;
	else if (!search_bounds_done(s, goal, &b))
		r->end = GOAL_UNFINISHED;
	if (r->has_lower && (err = throughput(s, goal, r)))
		return err;
	describe(s, goal, r);
	return 0;
}

const char *
search_end_name(enum search_end end)
{
	static const char *const names[] = { "running",  "complete",    "instrument limit",
					     "too long", "interrupted", "failed" };

	return names[end];
}

const char *
goal_end_name(enum goal_end end)
{
	static const char *const names[] = { "regular", "all lower", "all upper", "unfinished" };

	return names[end];
}
