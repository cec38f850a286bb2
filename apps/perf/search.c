/* SPDX-License-Identifier: BSD-3-Clause */
/* Which load is measured next. */
#include "search.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "search_state.h"

#define DEF_MAX_TRIALS 20000

/*
 * What is aimed at is narrower than the width: a bound that is wrong by chance is then still less
 * than the width away from the truth.
 */
#define AIM 0.8

/* ---- goals and levels ---- */

static bool
same(const struct goal *a, const struct goal *b)
{
	return a->trial == b->trial && a->sum == b->sum && a->width == b->width;
}

/*
 * Durations grow in equal ratios from one initial trial to the goal's own. The first level is twice
 * as wide: its bounds, of one trial each, are often wrong by chance. A level that is no easier than
 * the next one is left out.
 */
static void
make_levels(struct search_goal *sg, const struct goal *goal)
{
	for (unsigned k = 0; k < SEARCH_LEVELS; k++) {
		double part = (double)k / (SEARCH_LEVELS - 1);
		struct goal l = *goal;

		if (k < SEARCH_LEVELS - 1) {
			l.trial = goal->initial * pow(goal->trial / goal->initial, part);
			l.sum = fmax(l.trial, goal->initial * pow(goal->sum / goal->initial, part));
			l.width = fmin(0.5, goal->width * (k ? 1 : 2));
			if (goal->width >= 0.5)
				l.width = goal->width;
		}
		if (sg->n_levels && same(&sg->level[sg->n_levels - 1], &l))
			continue;
		sg->level[sg->n_levels++] = l;
	}
}

/* RFC 2544: one trial decides about a load. */
static void
make_binary(struct search_goal *sg, const struct goal *goal)
{
	sg->level[0] = *goal;
	sg->level[0].sum = goal->trial;
	sg->level[0].exceed = 0;
	sg->n_levels = 1;
}

static bool
check(const struct search_config *c, char why[WHY])
{
	if (!c->n_goals || c->n_goals > SEARCH_MAX_GOALS) {
		snprintf(why, WHY, "%u goals: 1 to %u can be searched together", c->n_goals,
			 SEARCH_MAX_GOALS);
		return false;
	}
	if (!(c->min_load > 0) || !(c->max_load > c->min_load) || !isfinite(c->max_load)) {
		snprintf(why, WHY,
			 "no load can be searched from %g to %g packets a second: the highest must "
			 "be above the lowest, and both above 0",
			 c->min_load, c->max_load);
		return false;
	}
	for (unsigned i = 0; i < c->n_goals; i++)
		for (unsigned k = 0; k < i; k++)
			if (!strcmp(c->goals[i].name, c->goals[k].name)) {
				snprintf(why, WHY,
					 "goal %s is asked for twice: give one of them another "
					 "name",
					 c->goals[i].name);
				return false;
			}
	return true;
}

struct search *
search_new(const struct search_config *config, char why[WHY])
{
	struct search *s;

	if (!check(config, why))
		return NULL;
	s = calloc(1, sizeof(*s));
	if (!s) {
		snprintf(why, WHY, "a search needs %zu bytes of memory, and there are none",
			 sizeof(*s));
		return NULL;
	}
	s->config = *config;
	if (!s->config.max_trials)
		s->config.max_trials = DEF_MAX_TRIALS;
	s->warm = config->no_warm_up || config->method == SEARCH_BINARY;
	for (unsigned i = 0; i < config->n_goals; i++) {
		if (config->method == SEARCH_BINARY)
			make_binary(&s->goals[i], &config->goals[i]);
		else
			make_levels(&s->goals[i], &config->goals[i]);
		s->goals[i].step = s->goals[i].level[0].width * AIM;
	}
	return s;
}

void
search_free(struct search *s)
{
	if (!s)
		return;
	free(s->loads);
	free(s->trials);
	free(s);
}

/* ---- bounds ---- */

static unsigned
position(const struct search *s, double load)
{
	unsigned low = 0, high = s->n_loads;

	while (low < high) {
		unsigned mid = (low + high) / 2;

		if (s->loads[mid].load < load)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

const struct search_load *
search_find_load(const struct search *s, double load)
{
	unsigned i = position(s, load);

	return i < s->n_loads && s->loads[i].load == load ? &s->loads[i] : NULL;
}

/* The lowest upper bound counts, and of the lower bounds the highest one below it. */
struct search_bounds
search_bounds(const struct search *s, unsigned g, unsigned level)
{
	struct search_bounds b = { 0, INFINITY };

	for (unsigned i = 0; i < s->n_loads; i++) {
		const struct search_load *l = &s->loads[i];

		switch (load_classify(&l->sums[g][level], &s->goals[g].level[level])) {
		case LOAD_LOWER:
			b.lower = l->load;
			break;
		case LOAD_UPPER:
			b.upper = l->load;
			return b;
		case LOAD_UNDECIDED:
			break;
		}
	}
	return b;
}

bool
search_bounds_done(const struct search *s, const struct goal *goal, const struct search_bounds *b)
{
	if (b->lower >= s->config.max_load || b->upper <= s->config.min_load)
		return true;
	/* A billionth is for the rounding of loads that are exactly as far apart as the width. */
	return b->lower > 0 && isfinite(b->upper) &&
	       b->upper - b->lower <= goal->width * b->upper * (1 + 1e-9);
}

/* ---- the next load ---- */

static double
clamp(const struct search *s, double load)
{
	return fmin(s->config.max_load, fmax(s->config.min_load, load));
}

/* Outwards from the only bound that is known, in steps that double. */
static double
outwards(struct search *s, struct search_goal *sg, const struct search_bounds *b)
{
	double step = sg->step;

	sg->step = fmin(0.5, sg->step * 2);
	return clamp(s, b->lower > 0 ? b->lower / (1 - step) : b->upper * (1 - step));
}

/*
 * Between both bounds. Halves that are a whole power of two of widths save the trial that a rest
 * would cost.
 */
static double
between(const struct goal *goal, const struct search_bounds *b)
{
	double unit = -log1p(-goal->width * AIM), all = log(b->upper / b->lower) / unit,
	       half = all / 2;
	double load;

	if (all > 2)
		half = fmin(exp2(ceil(log2(half) - 1e-9)), all - 1);
	load = b->lower * exp(half * unit);
	/* Only where the width is close to what a double can tell apart. */
	return load > b->lower && load < b->upper ? load : (b->lower + b->upper) / 2;
}

static double
pick(struct search *s, unsigned g)
{
	struct search_goal *sg = &s->goals[g];
	const struct goal *goal = &sg->level[sg->at];
	struct search_bounds b = search_bounds(s, g, sg->at);

	for (unsigned i = 0; i < 2; i++)
		if (sg->hint[i] > b.lower && sg->hint[i] < b.upper)
			return sg->hint[i];
	/* What is begun is ended first. */
	if (sg->current > b.lower && sg->current < b.upper)
		return sg->current;
	if (s->config.method == SEARCH_BINARY) {
		if (!isfinite(b.upper))
			return s->config.max_load;
		if (b.lower > 0)
			return (b.lower + b.upper) / 2;
		/* The lowest load is taken for a lower bound until nothing else is left. */
		b.lower = s->config.min_load;
		return search_bounds_done(s, goal, &b) ? b.lower : (b.lower + b.upper) / 2;
	}
	if (b.lower > 0 && isfinite(b.upper)) {
		sg->step = goal->width * AIM;
		return between(goal, &b);
	}
	if (!(b.lower > 0) && !isfinite(b.upper))
		return s->config.max_load;
	return outwards(s, sg, &b);
}

/* The loads that one level ends with are the first ones of the next. */
static void
next_level(struct search_goal *sg, const struct search_bounds *b)
{
	sg->at++;
	sg->hint[0] = b->lower;
	sg->hint[1] = isfinite(b->upper) ? b->upper : 0;
	sg->step = sg->level[sg->at].width * AIM;
	sg->current = 0;
}

/* The goal that is furthest behind, and its level is not done; or -1. */
static int
behind(struct search *s)
{
	int found = -1;

	for (unsigned g = 0; g < s->config.n_goals; g++) {
		struct search_goal *sg = &s->goals[g];
		struct search_bounds b = search_bounds(s, g, sg->at);
		bool done = search_bounds_done(s, &sg->level[sg->at], &b);

		while (done && sg->at + 1 < sg->n_levels) {
			next_level(sg, &b);
			b = search_bounds(s, g, sg->at);
			done = search_bounds_done(s, &sg->level[sg->at], &b);
		}
		if (!done && (found < 0 || sg->at < s->goals[found].at))
			found = (int)g;
	}
	return found;
}

bool
search_next(struct search *s, struct trial_request *request)
{
	int g;

	if (s->end != SEARCH_RUNNING)
		return false;
	if (!s->asked && !s->warm) {
		s->request = (struct trial_request){ s->config.max_load, s->goals[0].level[0].trial,
						     true };
		s->asked = true;
	} else if (!s->asked) {
		g = behind(s);
		if (g < 0) {
			search_stop(s, SEARCH_COMPLETE, "every goal has its result");
			return false;
		}
		s->goals[g].current = pick(s, (unsigned)g);
		s->request =
			(struct trial_request){ s->goals[g].current,
						s->goals[g].level[s->goals[g].at].trial, false };
		s->asked = true;
	}
	*request = s->request;
	return true;
}

/* ---- what came out ---- */

static void *
grow(void *list, unsigned n, unsigned *room, size_t size)
{
	unsigned more = *room ? *room * 2 : 64;
	void *p;

	if (n < *room)
		return list;
	p = realloc(list, more * size);
	if (p)
		*room = more;
	return p;
}

static struct search_load *
load_entry(struct search *s, double load)
{
	unsigned i = position(s, load);
	struct search_load *list;

	if (i < s->n_loads && s->loads[i].load == load)
		return &s->loads[i];
	list = grow(s->loads, s->n_loads, &s->room_loads, sizeof(*list));
	if (!list)
		return NULL;
	s->loads = list;
	memmove(&list[i + 1], &list[i], (s->n_loads - i) * sizeof(*list));
	list[i] = (struct search_load){ .load = load };
	s->n_loads++;
	return &list[i];
}

static bool
remember(struct search *s, const struct trial_result *r)
{
	struct search_trial *list = grow(s->trials, s->n_trials, &s->room_trials,
					 sizeof(*s->trials)),
			    *t;

	if (!list)
		return false;
	s->trials = list;
	t = &list[s->n_trials++];
	*t = (struct search_trial){
		.request = s->request,
		.voided = r->voided,
		.start = s->seconds,
		.took = fmax(r->took, s->request.seconds),
		.rate = r->rate,
		.loss = trial_loss_ratio(&r->total),
		.total = r->total,
	};
	snprintf(t->reason, sizeof(t->reason), "%s", r->voided ? r->reason : "");
	s->seconds += t->took;
	return true;
}

/*
 * Where the search for a goal begins: a device that forwards as much at its limit as it does far
 * above has the goal's load where the loss is just the goal's. Loads half a width to both sides
 * are then its bounds, and otherwise a good beginning (half of what is aimed at).
 */
static void
hints_from_overload(struct search *s, double loss)
{
	for (unsigned g = 0; g < s->config.n_goals; g++) {
		struct search_goal *sg = &s->goals[g];
		double half = sg->level[0].width * AIM / 2;
		double load = s->config.max_load * (1 - loss) / (1 - sg->level[0].loss);

		if (sg->at || sg->hint[0] > 0 || loss <= sg->level[0].loss)
			continue;
		sg->hint[0] = clamp(s, load * (1 - half));
		sg->hint[1] = clamp(s, load * (1 + half * (1 - half)));
	}
}

static void
limits(struct search *s, const struct search_load *l, const char *reason)
{
	char text[WHY];

	if (l->voided >= SEARCH_MAX_VOIDED) {
		snprintf(text, sizeof(text),
			 "instrument limit: %u trials at %.0f packets a second were void, the last "
			 "one because %.159s",
			 l->voided, l->load, reason);
		search_stop(s, SEARCH_INSTRUMENT_LIMIT, text);
	} else if (s->n_trials >= s->config.max_trials) {
		snprintf(text, sizeof(text), "%u trials were not enough", s->n_trials);
		search_stop(s, SEARCH_TOO_LONG, text);
	} else if (s->config.max_seconds > 0 && s->seconds >= s->config.max_seconds) {
		snprintf(text, sizeof(text),
			 "%.1f seconds of trials were not enough; %.1f were "
			 "allowed",
			 s->seconds, s->config.max_seconds);
		search_stop(s, SEARCH_TOO_LONG, text);
	}
}

/* Numbers that contradict each other are no result. */
static bool
check_accounts(struct search *s, const struct trial_accounts *a)
{
	char text[WHY];

	if (trial_accounts_hold(a))
		return true;
	snprintf(text, sizeof(text),
		 "the accounts of a trial do not add up: sent %" PRIu64 ", unique %" PRIu64
		 ", lost %" PRIu64 ", received %" PRIu64 ", reordered %" PRIu64,
		 a->sent, a->unique, a->lost, a->received, a->reordered);
	search_stop(s, SEARCH_FAILED, text);
	return false;
}

int
search_add(struct search *s, const struct trial_result *result)
{
	struct trial_result copy = *result, *r = &copy;
	struct search_load *l;
	double loss = trial_loss_ratio(&r->total);

	if (!s->asked || s->end != SEARCH_RUNNING || !check_accounts(s, &r->total))
		return -EINVAL;
	/* What was not sent was not lost, and says nothing about the device. */
	if (!r->voided && !r->total.sent) {
		r->voided = TRIAL_VOID_RATE;
		snprintf(r->reason, sizeof(r->reason), "no packet was sent");
	}
	l = load_entry(s, s->request.load);
	if (!l || !remember(s, r)) {
		search_stop(s, SEARCH_FAILED, "there is no memory for another trial");
		return -ENOMEM;
	}
	s->asked = false;
	if (r->voided) {
		l->voided++;
		s->voided++;
	}
	if (s->request.warm_up) {
		s->warm = true;
	} else if (!r->voided) {
		for (unsigned g = 0; g < s->config.n_goals; g++)
			for (unsigned k = 0; k < s->goals[g].n_levels; k++)
				load_sums_add(&l->sums[g][k], &s->goals[g].level[k],
					      s->request.seconds, loss);
		if (s->request.load == s->config.max_load && s->config.method == SEARCH_MLR)
			hints_from_overload(s, loss);
	}
	limits(s, l, r->reason);
	return 0;
}

void
search_stop(struct search *s, enum search_end end, const char *text)
{
	if (s->end != SEARCH_RUNNING)
		return;
	s->end = end;
	snprintf(s->text, sizeof(s->text), "%s", text);
}

enum search_end
search_run(struct search *s, trial_fn trial, void *ctx, search_watch_fn watch, void *watch_ctx)
{
	struct trial_request request;

	while (search_next(s, &request)) {
		struct trial_result result = { .asked = request };
		int err;

		if (watch)
			watch(watch_ctx, s, &request, NULL);
		err = trial(ctx, &request, &result);
		if (err == -EINTR) {
			search_stop(s, SEARCH_INTERRUPTED, "interrupted by the user");
		} else if (err) {
			search_stop(s, SEARCH_FAILED,
				    result.reason[0] ? result.reason : strerror(-err));
		} else {
			(void)search_add(s, &result);
			if (watch)
				watch(watch_ctx, s, &request, &result);
		}
	}
	return s->end;
}
