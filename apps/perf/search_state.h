/* SPDX-License-Identifier: BSD-3-Clause */
/* What search.c and search_result.c share. */
#ifndef PERF_SEARCH_STATE_H
#define PERF_SEARCH_STATE_H

#include "search.h"

/* A load that was measured, or void. */
struct search_load {
	double load;
	unsigned voided;
	struct load_sums sums[SEARCH_MAX_GOALS][SEARCH_LEVELS];
};

/* A goal on its way through the levels. */
struct search_goal {
	struct goal level[SEARCH_LEVELS]; /* the last one of n_levels is the goal itself */
	unsigned n_levels;
	unsigned at;    /* the level that is worked on; n_levels - 1 also when it is done */
	double hint[2]; /* loads to measure first on this level; 0: none */
	double current; /* the load that is measured until it is decided; 0: none */
	double step;    /* relative distance of the next load when only one bound is known */
};

struct search {
	struct search_config config;
	struct search_goal goals[SEARCH_MAX_GOALS];
	struct search_load *loads; /* ascending */
	unsigned n_loads, room_loads;
	struct search_trial *trials;
	unsigned n_trials, room_trials;
	unsigned voided;
	double seconds;
	bool warm, asked;
	struct trial_request request; /* valid while asked */
	enum search_end end;
	char text[WHY];
};

struct search_bounds {
	double lower, upper; /* 0 and infinity: none */
};

/** Return: the relevant bounds of goal @g at level @level. */
struct search_bounds search_bounds(const struct search *s, unsigned g, unsigned level);
/** Return: whether the bounds need no more trials. */
bool search_bounds_done(const struct search *s, const struct goal *goal,
			const struct search_bounds *b);
/** Return: the entry of @load, or NULL. */
const struct search_load *search_find_load(const struct search *s, double load);

#endif
