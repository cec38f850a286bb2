/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The Controller of a throughput search: MLRsearch as RFC 9971 defines it, for several goals in one
 * search, or RFC 2544's binary search. It has no clock and does no I/O: which trial it asks for is
 * a function of the trials so far.
 *
 * A search goes through levels, from short trials and a wide width to the goal's own values. On
 * each level, and for each goal, loads are measured until the level's relevant bounds are known and
 * close enough. The loads that one level found are the first that the next level measures.
 */
#ifndef PERF_SEARCH_H
#define PERF_SEARCH_H

#include "goal.h"
#include "trial.h"

#define SEARCH_MAX_GOALS  8
#define SEARCH_LEVELS     3
#define SEARCH_MAX_VOIDED 3 /* void trials at one load that end the search */

enum search_method { SEARCH_MLR, SEARCH_BINARY };

struct search_config {
	struct goal goals[SEARCH_MAX_GOALS];
	unsigned n_goals;
	double min_load, max_load; /* packets a second and direction; 0 < min_load < max_load */
	enum search_method method;
	unsigned max_trials; /* 0: 20,000 */
	double max_seconds;  /* of trials, void ones included; 0: no limit */
	bool no_warm_up;     /* leave out the first trial, whose result is not used */
};

/* A trial, as the search remembers it. */
struct search_trial {
	struct trial_request request;
	unsigned voided; /* bits of enum trial_void */
	char reason[160];
	double start; /* seconds of trials before it (`took`) */
	double took;
	double rate; /* made */
	double loss; /* ratio */
	struct trial_accounts total;
};

enum search_end {
	SEARCH_RUNNING,
	SEARCH_COMPLETE,         /* every goal has a result, regular or not */
	SEARCH_INSTRUMENT_LIMIT, /* three trials at one load were void */
	SEARCH_TOO_LONG,         /* max_trials or max_seconds */
	SEARCH_INTERRUPTED,      /* by the user */
	SEARCH_FAILED,           /* nothing more can be measured */
};

/* RFC 9971: a regular result has both bounds, as close as the goal's width. */
enum goal_end {
	GOAL_REGULAR,
	GOAL_ALL_LOWER,  /* irregular: even the highest load is a lower bound */
	GOAL_ALL_UPPER,  /* irregular: even the lowest load is an upper bound */
	GOAL_UNFINISHED, /* irregular: the search ended before */
};

struct goal_result {
	enum goal_end end;
	bool has_lower, has_upper;
	double lower, upper; /* relevant bounds, packets a second and direction */
	double throughput;   /* conditional throughput at the lower bound; 0 without one */
	double loss;         /* the loss ratio that belongs to it */
	char text[200];      /* for people: what the result is; an irregular one says why */
};

struct search;

/** Return: a search, or NULL: @why says what is wrong with @config. search_free() releases it. */
struct search *search_new(const struct search_config *config, char why[WHY]);
/** Release @s; NULL is ignored. */
void search_free(struct search *s);

/** Fill in the next trial. Return: false: the search has ended. */
bool search_next(struct search *s, struct trial_request *request);
/**
 * Add the result of the trial that search_next() asked for. A trial that sent nothing is void.
 *
 * Return: 0; -ENOMEM, or -EINVAL: the accounts do not add up (both end the search as failed), or
 * no trial was asked for.
 */
int search_add(struct search *s, const struct trial_result *result);
/** End the search as @end, for the reason @text; what was measured stays. */
void search_stop(struct search *s, enum search_end end, const char *text);

/** Is called before each trial (@result is NULL) and behind it. */
typedef void (*search_watch_fn)(void *ctx, const struct search *s,
				const struct trial_request *request,
				const struct trial_result *result);
/** Run all of the search. @watch may be NULL. Return: how it ended. */
enum search_end search_run(struct search *s, trial_fn trial, void *ctx, search_watch_fn watch,
			   void *watch_ctx);

enum search_end search_ended(const struct search *s);
/** Return: why the search ended, for people; "" while it runs. */
const char *search_text(const struct search *s);
const struct search_config *search_config(const struct search *s);
/** Return: the trials in their order, *@n of them. */
const struct search_trial *search_trials(const struct search *s, unsigned *n);
unsigned search_voided(const struct search *s);
/** Return: seconds of all trials so far, as they took. */
double search_seconds(const struct search *s);
/** Return: seconds of trials that are still to come, estimated: every bound is found at once. */
double search_remaining(const struct search *s);
/** What goal @i looks like on the level that is worked on; 0 and infinity: no bound yet. */
void search_estimate(const struct search *s, unsigned i, double *lower, double *upper);
/** Fill in what is known of goal @i now. Return: 0; -ENOMEM. */
int search_result(const struct search *s, unsigned i, struct goal_result *r);

const char *search_end_name(enum search_end end);
const char *goal_end_name(enum goal_end end);

#endif
