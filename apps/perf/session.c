/* SPDX-License-Identifier: BSD-3-Clause */
/* What all commands that send have in common: ports, a report, trials with progress, the end. */
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "perf.h"
#include "throughput.h"

#define CALIBRATION_MS 100
#define QUIET_MS       100 /* without a packet: a trial's end */
#define LINK_WAIT_S    10
#define PROGRESS_S     10 /* between two lines where no terminal is */

static double
monotonic(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

double
session_seconds(const struct session *s)
{
	return monotonic() - s->begun;
}

static void
fill_config(const struct options *opt, struct traffic_config *c)
{
	const struct traffic_options *to = &opt->traffic;
	const struct search_options *so = &opt->search;

	*c = (struct traffic_config){ .n_ports = to->n_ports,
				      .one_way = to->one_way,
				      .no_huge = to->no_huge,
				      .max_size = MIX_SIZE_MTU,
				      .flows = to->flows,
				      .clock = { .hz = tsc_hz(CALIBRATION_MS) },
				      .quiet_ms = QUIET_MS };
	memcpy(c->port, to->port, sizeof(c->port));
	memcpy(c->has_peer, to->has_peer, sizeof(c->has_peer));
	memcpy(c->peer, to->peer, sizeof(c->peer));
	for (unsigned i = 0; i < so->n_sizes; i++)
		for (unsigned k = 0; k < so->sizes[i].n; k++)
			if (so->sizes[i].size[k] > c->max_size)
				c->max_size = so->sizes[i].size[k];
}

static bool
begin_report(struct session *s, double hz)
{
	struct baton_port_info info[TRAFFIC_PORTS];
	struct report_port ports[TRAFFIC_PORTS];
	struct report_head head = { .command = s->opt->command->name,
				    .argc = s->opt->argc,
				    .argv = s->opt->argv,
				    .started = time(NULL),
				    .baton = baton_version(),
				    .tsc_hz = hz,
				    .n_ports = traffic_ports(s->traffic),
				    .ports = ports };

	for (unsigned i = 0; i < head.n_ports; i++) {
		ports[i].link_bps = traffic_port(s->traffic, i, &info[i]);
		ports[i].name = info[i].name;
		ports[i].driver = info[i].driver;
		memcpy(ports[i].mac, info[i].mac, 6);
	}
	s->report = report_new(&head);
	if (!s->report)
		complain("there is no memory for the report");
	return s->report;
}

/* All sizes, before the first of them is measured. */
static bool
sizes_fit(struct session *s)
{
	const struct search_options *so = &s->opt->search;
	char why[WHY];

	for (unsigned i = so->n_sizes; i-- > 0;)
		if (traffic_size(s->traffic, &so->sizes[i], why)) {
			complain("%s", why);
			return false;
		}
	return true;
}

static void
close_all(struct session *s)
{
	char why[WHY];

	if (s->traffic && !traffic_free(s->traffic, why))
		complain("%s", why);
	if (s->ctx && baton_ctx_destroy(s->ctx) < 0)
		complain("%s", baton_last_error());
	report_free(s->report);
}

enum perf_exit
session_open(struct session *s, struct options *opt)
{
	struct traffic_config config;
	enum perf_exit end = PERF_FAILED;
	char why[WHY];

	*s = (struct session){ .opt = opt, .begun = monotonic() };
	if (!opt->traffic.n_ports) {
		complain("which port? Give one or two, as --vdev=net_virtio_user0,path=/tmp/s0 or "
			 "--allow=0000:03:00.0");
		return PERF_USAGE;
	}
	perf_catch_signals();
	search_options_complete(&opt->search);
	fill_config(opt, &config);
	if (baton_ctx_create(NULL, &s->ctx) < 0) {
		complain("%s", baton_last_error());
		return PERF_FAILED;
	}
	s->traffic = traffic_new(s->ctx, &config, why);
	if (!s->traffic)
		goto refuse;
	traffic_stop_when(s->traffic, perf_stopped);
	end = PERF_USAGE;
	if (!sizes_fit(s))
		goto out;
	end = perf_stopped() ? PERF_INTERRUPTED : PERF_FAILED;
	if (!traffic_wait_links(s->traffic, LINK_WAIT_S, why))
		goto refuse;
	s->link_bps =
		opt->search.link_bps > 0 ? opt->search.link_bps : traffic_link_bps(s->traffic);
	if (begin_report(s, config.clock.hz))
		return PERF_OK;
	goto out;
refuse:
	complain("%s", why);
out:
	close_all(s);
	return end;
}

enum perf_exit
session_end(struct session *s, enum perf_exit end, const char *text)
{
	static const enum search_end ends[] = {
		[PERF_OK] = SEARCH_COMPLETE,
		[PERF_FAILED] = SEARCH_FAILED,
		[PERF_USAGE] = SEARCH_FAILED,
		[PERF_INTERRUPTED] = SEARCH_INTERRUPTED,
		[PERF_INSTRUMENT_LIMIT] = SEARCH_INSTRUMENT_LIMIT,
		[PERF_TOO_LONG] = SEARCH_TOO_LONG,
	};
	json_t *doc = report_document(s->report);
	char why[WHY];

	if (text)
		report_end(s->report, search_end_name(ends[end]), text);
	if (!doc) {
		complain("there is no memory for the report");
		end = PERF_FAILED;
	} else if (end != PERF_USAGE) {
		end = outputs_end(&s->opt->out, doc, end);
	}
	if (!traffic_free(s->traffic, why)) {
		complain("%s", why);
		end = end ? end : PERF_FAILED;
	}
	s->traffic = NULL;
	close_all(s);
	return end;
}

/* ---- trials ---- */

struct progress {
	const struct session *s;
	const struct trial_request *request;
	bool terminal;
	double shown;
};

static void
show_progress(void *arg, double seconds, const struct trial_accounts *sum)
{
	struct progress *p = arg;
	double left = p->request->seconds - seconds;
	char load[32];

	if (p->s->opt->out.quiet || seconds < p->shown + (p->terminal ? 0.5 : PROGRESS_S))
		return;
	p->shown = seconds;
	/* What is on its way counts as not back yet. */
	fprintf(stderr,
		"%s%s a direction: %.0f s to go, %llu packets sent, %llu received, %llu not back%s",
		p->terminal ? "\r\033[K" : "", pps_text(p->request->load, load, sizeof(load)),
		left > 0 ? left : 0, (unsigned long long)sum->sent,
		(unsigned long long)sum->received,
		(unsigned long long)(sum->sent > sum->unique ? sum->sent - sum->unique : 0),
		p->terminal ? "" : "\n");
}

static void
add_histograms(struct session *s, const struct trial_result *r, const char *label)
{
	for (unsigned i = 0; i < r->n_directions; i++) {
		const struct trial_direction *d = &r->direction[i];
		struct report_hist h = { .label = label,
					 .load = r->asked.load,
					 .direction = d->name };

		h.kind = REPORT_LATENCY;
		h.hist = d->latency;
		report_hist(s->report, &h);
		h.kind = REPORT_JITTER;
		h.hist = d->jitter;
		report_hist(s->report, &h);
		h.kind = REPORT_GAPS;
		h.hist = d->gaps;
		report_hist(s->report, &h);
	}
}

enum perf_exit
session_trial(struct session *s, const struct trial_request *request, const char *label,
	      char why[WHY])
{
	struct progress progress = { s, request, isatty(STDERR_FILENO), 0 };
	double start = session_seconds(s);
	struct trial_result r = { .voided = 0 };
	int ret;

	traffic_on_progress(s->traffic, show_progress, &progress);
	ret = traffic_trial(s->traffic, request, &r);
	traffic_on_progress(s->traffic, NULL, NULL);
	if (progress.shown > 0 && progress.terminal)
		fputs("\r\033[K", stderr);
	if (ret < 0 && ret != -EINTR) {
		snprintf(why, WHY, "%s", r.reason);
		return PERF_FAILED;
	}
	report_trial(s->report, &r, start);
	add_histograms(s, &r, label);
	if (ret == -EINTR) {
		snprintf(why, WHY, "interrupted after %.1f s", r.seconds);
		return PERF_INTERRUPTED;
	}
	if (!r.voided)
		return PERF_OK;
	snprintf(why, WHY, "the trial is void: %s", r.reason);
	return PERF_INSTRUMENT_LIMIT;
}

/* ---- searches ---- */

static int
device_size(void *ctx, const struct size_mix *mix, char why[WHY])
{
	return traffic_size(((struct session *)ctx)->traffic, mix, why);
}

static int
device_trial(void *ctx, const struct trial_request *q, struct trial_result *r)
{
	return traffic_trial(((struct session *)ctx)->traffic, q, r);
}

/*
 * A sender that fills the link is held back by it, and makes as much as the link carries. Any other
 * one has no time left at its highest rate: a search ends a little below it.
 */
static double
device_most(void *ctx, const struct size_mix *mix)
{
	struct session *s = ctx;
	double line = s->link_bps / mix_wire_bits(mix), most;
	char why[WHY];

	if (traffic_size(s->traffic, mix, why))
		return 0;
	most = traffic_most(s->traffic);
	return line > 0 && most > 0.99 * line ? 0 : 0.95 * most;
}

void
session_device(struct session *s, struct throughput_device *device)
{
	*device = (struct throughput_device){
		.ctx = s, .trial = device_trial, .size = device_size, .most = device_most
	};
}
