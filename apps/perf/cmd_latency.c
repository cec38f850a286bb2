/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * baton-perf latency: trials at given loads, or at parts of PDR, which is searched first. At each
 * load the instrument's own share is measured on a loop in memory, and reported beside.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "throughput.h"

#define SECONDS     10
#define LOOP_S      0.5  /* seconds on the loop */
#define LOOP_TRIES  3    /* while they are void */
#define IDLE_PPS    1000 /* what 0 % is, at most */
#define IDLE_OF_PDR 0.01

/* A load of one size. */
struct point {
	double pps;
	char label[48];
};

/* ---- the instrument's own share ---- */

static struct traffic *
loop_open(struct session *s, struct baton_ctx **ctx, char why[WHY])
{
	struct traffic_config c = { .n_ports = 1,
				    .port = { "net_ring0,peer=net_ring0" },
				    .no_huge = s->opt->traffic.no_huge,
				    .max_size = MIX_SIZE_MTU,
				    .flows = s->opt->traffic.flows,
				    .clock = { .hz = tsc_hz(50) },
				    .quiet_ms = 20 };
	struct traffic *t;

	if (baton_ctx_create(NULL, ctx) < 0) {
		*ctx = NULL;
		snprintf(why, WHY, "%s", baton_last_error());
		return NULL;
	}
	t = traffic_new(*ctx, &c, why);
	if (t)
		traffic_stop_when(t, perf_stopped);
	return t;
}

static void
loop_close(struct traffic *t, struct baton_ctx *ctx)
{
	char why[WHY];

	if (t && !traffic_free(t, why))
		complain("%s", why);
	if (ctx && baton_ctx_destroy(ctx) < 0)
		complain("%s", baton_last_error());
}

static bool
loop_measure(struct session *s, struct traffic *t, const struct point *p, char why[WHY])
{
	struct trial_request q = { .load = p->pps, .seconds = LOOP_S };

	for (unsigned i = 0; i < LOOP_TRIES; i++) {
		struct trial_result r = { .voided = 0 };
		struct report_hist h = { .kind = REPORT_LATENCY,
					 .label = p->label[0] ? p->label : NULL,
					 .load = p->pps,
					 .direction = "loop",
					 .own = true };

		if (traffic_trial(t, &q, &r)) {
			snprintf(why, WHY, "%s", r.reason[0] ? r.reason : "interrupted");
			return false;
		}
		snprintf(why, WHY, "its trials are void: %s", r.reason);
		h.hist = r.direction[0].latency;
		if (!r.voided)
			report_hist(s->report, &h);
		if (!r.voided)
			return true;
	}
	return false;
}

/* The loop has packets of Ethernet's sizes only; what is longer has no share of its own. */
static void
own_share(struct session *s, const struct size_mix *mix, const struct point *p)
{
	struct baton_ctx *ctx;
	char why[WHY] = "", load[32];
	struct traffic *t = loop_open(s, &ctx, why);
	bool ok = t && traffic_size(t, mix, why) == 0 && loop_measure(s, t, p, why);

	loop_close(t, ctx);
	if (!ok && !perf_stopped())
		complain("size %s at %s: the instrument's own share of the latency is not known: "
			 "%s",
			 mix->name, pps_text(p->pps, load, sizeof(load)), why);
}

/* ---- loads ---- */

static double
lower_bound(struct session *s)
{
	const json_t *runs = json_object_get(report_document(s->report), "runs");
	const json_t *run = json_array_get(runs, json_array_size(runs) - 1);
	const json_t *goals = json_object_get(json_object_get(run, "search"), "goals");

	return json_number_value(json_object_get(json_array_get(goals, 0), "lower_pps"));
}

/* Search for the goal, PDR if no other is given, and take parts of its load. */
static enum perf_exit
parts_of_pdr(struct session *s, const struct size_mix *mix, struct point *points, unsigned *n)
{
	static const unsigned percents[] = { 0, 10, 50, 90 };
	struct options one = *s->opt;
	struct throughput_device device;
	const struct goal *goal = &one.search.goals[0];
	enum perf_exit end;
	double pdr;

	session_device(s, &device);
	one.search.sizes[0] = *mix;
	one.search.n_sizes = 1;
	end = throughput_run(&one, s->link_bps, &device, s->report);
	if (end)
		return end;
	pdr = lower_bound(s);
	if (pdr <= 0) {
		complain("size %s: there is no PDR, as even the lowest load loses more than 0.5 "
			 "%%; "
			 "give loads by --load",
			 mix->name);
		return PERF_FAILED;
	}
	for (*n = 0; *n < sizeof(percents) / sizeof(percents[0]); ++*n) {
		unsigned percent = percents[*n];

		points[*n].pps = percent ? pdr * percent / 100 : fmin(IDLE_PPS, IDLE_OF_PDR * pdr);
		snprintf(points[*n].label, sizeof(points[*n].label), "%u %% of %s", percent,
			 strcmp(goal->name, "pdr") ? goal->name : "PDR");
	}
	return PERF_OK;
}

static enum perf_exit
given_loads(struct session *s, const struct size_mix *mix, struct point *points, unsigned *n)
{
	const struct traffic_options *to = &s->opt->traffic;
	char why[WHY];

	for (*n = 0; *n < to->n_loads; ++*n) {
		points[*n].label[0] = 0;
		if (load_pps("--load", &to->loads[*n], mix, s->link_bps, &points[*n].pps, why))
			continue;
		complain("%s", why);
		return PERF_USAGE;
	}
	report_run(s->report, mix, s->link_bps);
	return PERF_OK;
}

/* ---- sizes ---- */

static enum perf_exit
one_size(struct session *s, const struct size_mix *mix)
{
	const struct traffic_options *to = &s->opt->traffic;
	struct trial_request q = { .seconds = to->seconds > 0 ? to->seconds : SECONDS };
	struct point points[MAX_LOADS];
	unsigned n = 0;
	char why[WHY], load[32];
	enum perf_exit end, one;

	if (traffic_size(s->traffic, mix, why)) {
		complain("%s", why);
		return PERF_FAILED;
	}
	end = to->n_loads ? given_loads(s, mix, points, &n) : parts_of_pdr(s, mix, points, &n);
	for (unsigned i = 0; i < n && (!end || end == PERF_INSTRUMENT_LIMIT); i++) {
		const struct point *p = &points[i];

		own_share(s, mix, p);
		q.load = p->pps;
		one = session_trial(s, &q, p->label[0] ? p->label : NULL, why);
		if (one)
			complain("size %s at %s: %s", mix->name,
				 pps_text(p->pps, load, sizeof(load)), why);
		end = one ? one : end;
	}
	return end;
}

enum perf_exit
latency_command(struct options *opt)
{
	static const char *const texts[] = {
		[PERF_OK] = "every load was measured",
		[PERF_INTERRUPTED] = "interrupted",
		[PERF_INSTRUMENT_LIMIT] = "trials were void",
	};
	struct search_options *so = &opt->search;
	struct session s;
	enum perf_exit end, one = PERF_OK;
	char why[WHY];

	if (so->n_goals > 1) {
		complain("--goal: parts of one goal's load are measured, and %u goals are given",
			 so->n_goals);
		return PERF_USAGE;
	}
	if (!so->n_goals && goal_parse("pdr", &so->goals[0], why))
		so->n_goals = 1;
	end = session_open(&s, opt);
	if (end)
		return end;
	for (unsigned i = 0; i < so->n_sizes && (!one || one == PERF_INSTRUMENT_LIMIT); i++) {
		one = one_size(&s, &so->sizes[i]);
		end = one ? one : end;
	}
	return session_end(&s, end,
			   end < sizeof(texts) / sizeof(texts[0]) && texts[end] ? texts[end]
										: "it could not be "
										  "measured");
}
