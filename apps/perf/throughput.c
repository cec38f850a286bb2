/* SPDX-License-Identifier: BSD-3-Clause */
#include "throughput.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#define PROGRESS_S 10 /* seconds of trials between two lines where no terminal is */

/* One size that is searched. */
struct job {
	const struct options *opt;
	const struct throughput_device *device;
	const struct size_mix *mix;
	bool terminal;
	double shown; /* seconds of trials at the last line */
};

/* ---- progress ---- */

static void
known_so_far(const struct search *s, char *buf, size_t size)
{
	const struct search_config *c = search_config(s);

	*buf = 0;
	for (unsigned i = 0; i < c->n_goals; i++) {
		char a[32] = "?", b[32] = "?", part[128];
		double lower, upper;

		search_estimate(s, i, &lower, &upper);
		if (lower > 0)
			pps_text(lower, a, sizeof(a));
		if (isfinite(upper))
			pps_text(upper, b, sizeof(b));
		snprintf(part, sizeof(part), ", %s %s to %s", c->goals[i].name, a, b);
		strncat(buf, part, size - strlen(buf) - 1);
	}
}

static void
watch(void *ctx, const struct search *s, const struct trial_request *q,
      const struct trial_result *r)
{
	struct job *job = ctx;
	char known[600], load[32];
	unsigned n;

	/* The table at the end says all again. */
	if (r && r->voided && !job->opt->out.quiet)
		fprintf(stderr, "%sbaton-perf: a trial is void: %s\n",
			job->terminal ? "\r\033[K" : "", r->reason);
	if (r || job->opt->out.quiet)
		return;
	if (!job->terminal && search_seconds(s) < job->shown + PROGRESS_S)
		return;
	job->shown = search_seconds(s);
	known_so_far(s, known, sizeof(known));
	search_trials(s, &n);
	fprintf(stderr, "%ssize %s, trial %u: %s for %g s%s, at least %.0f s to go%s",
		job->terminal ? "\r\033[K" : "", job->mix->name, n + 1,
		pps_text(q->load, load, sizeof(load)), q->seconds, known, search_remaining(s),
		job->terminal ? "" : "\n");
}

/* ---- one size ---- */

static int
stoppable(void *ctx, const struct trial_request *q, struct trial_result *r)
{
	struct job *job = ctx;

	return perf_stopped() ? -EINTR : job->device->trial(job->device->ctx, q, r);
}

/* The loads between which is searched. */
static bool
loads(const struct job *job, double link_bps, struct search_config *c)
{
	const struct search_options *so = &job->opt->search;
	double most = job->device->most ? job->device->most(job->device->ctx, job->mix) : 0;
	char why[WHY], a[32], b[32];

	if (so->max_load.text[0]) {
		if (!load_pps("--max-load", &so->max_load, job->mix, link_bps, &c->max_load, why))
			goto refuse;
	} else if (link_bps > 0) {
		c->max_load = link_bps / mix_wire_bits(job->mix);
	} else if (most > 0) {
		c->max_load = most;
	} else {
		snprintf(why, WHY,
			 "up to which load? The port does not report its link's speed: give "
			 "--link-speed=10Gbps or --max-load=5Mpps");
		goto refuse;
	}
	if (most > 0 && c->max_load > most * (1 + 1e-6)) {
		complain("size %s: the sender makes at most %s, and the search goes no further "
			 "than "
			 "that, not to %s",
			 job->mix->name, pps_text(most, a, sizeof(a)),
			 pps_text(c->max_load, b, sizeof(b)));
		c->max_load = most;
	}
	c->min_load = c->max_load / 1000;
	if (!so->min_load.text[0] ||
	    load_pps("--min-load", &so->min_load, job->mix, link_bps, &c->min_load, why))
		return true;
refuse:
	complain("%s", why);
	return false;
}

static enum perf_exit
exit_of(const struct search *s)
{
	switch (search_ended(s)) {
	case SEARCH_COMPLETE:
		return PERF_OK;
	case SEARCH_INTERRUPTED:
		return PERF_INTERRUPTED;
	case SEARCH_INSTRUMENT_LIMIT:
		return PERF_INSTRUMENT_LIMIT;
	case SEARCH_TOO_LONG:
		return PERF_TOO_LONG;
	default:
		return PERF_FAILED;
	}
}

static enum perf_exit
one_size(struct job *job, double link_bps, struct report *report)
{
	const struct search_options *so = &job->opt->search;
	struct search_config c = { .n_goals = so->n_goals,
				   .method = so->method,
				   .max_seconds = so->max_seconds,
				   .no_warm_up = so->no_warm_up };
	enum perf_exit end;
	char why[WHY] = "";
	struct search *s;

	memcpy(c.goals, so->goals, sizeof(c.goals));
	if (!loads(job, link_bps, &c))
		return PERF_USAGE;
	if (job->device->size && job->device->size(job->device->ctx, job->mix, why)) {
		complain("%s", why);
		report_end(report, search_end_name(SEARCH_FAILED), why);
		return PERF_FAILED;
	}
	s = search_new(&c, why);
	if (!s) {
		complain("%s", why);
		return PERF_USAGE;
	}
	search_run(s, stoppable, job, watch, job);
	if (job->terminal && !job->opt->out.quiet)
		fputs("\r\033[K", stderr);
	report_run(report, job->mix, link_bps);
	report_search(report, s);
	end = exit_of(s);
	if (end)
		report_end(report, search_end_name(search_ended(s)), search_text(s));
	if (end)
		complain("size %s: %s", job->mix->name, search_text(s));
	search_free(s);
	return end;
}

/* A limit at one size is no reason to leave out the others. */
static bool
goes_on(enum perf_exit end)
{
	return end == PERF_OK || end == PERF_INSTRUMENT_LIMIT || end == PERF_TOO_LONG;
}

enum perf_exit
throughput_run(const struct options *opt, double link_bps, const struct throughput_device *device,
	       struct report *report)
{
	const struct search_options *so = &opt->search;
	enum perf_exit end = PERF_OK;

	if (so->link_bps > 0)
		link_bps = so->link_bps;
	for (unsigned i = 0; i < so->n_sizes && goes_on(end); i++) {
		struct job job = { .opt = opt,
				   .device = device,
				   .mix = &so->sizes[i],
				   .terminal = isatty(STDERR_FILENO) };
		enum perf_exit one = one_size(&job, link_bps, report);

		end = one ? one : end;
		if (!report_document(report)) {
			complain("there is no memory for the report");
			return PERF_FAILED;
		}
		if (i + 1 < so->n_sizes && goes_on(end) &&
		    !outputs_write(&opt->out, report_document(report)))
			return PERF_FAILED;
	}
	if (!end)
		report_end(report, search_end_name(SEARCH_COMPLETE), "every size was searched");
	return end;
}
