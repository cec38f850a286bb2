/* SPDX-License-Identifier: BSD-3-Clause */
/* A trial: the lanes run, and their accounts and evidence become its result. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "traffic_state.h"

#define RATE_ERROR 0.002 /* of the load: more makes a trial void */
#define MOST_S     0.2   /* seconds of a trial that finds out what the sender makes */

/* ---- why a trial is void ---- */

/* The first reason is told. */
static void __attribute__((format(printf, 3, 4)))
make_void(struct trial_result *r, enum trial_void why, const char *fmt, ...)
{
	va_list ap;

	r->voided |= why;
	if (r->reason[0])
		return;
	va_start(ap, fmt);
	vsnprintf(r->reason, sizeof(r->reason), fmt, ap);
	va_end(ap);
}

static void
judge_loop(const struct traffic_lane *tl, struct trial_result *r)
{
	const struct lane *l = tl->lane;
	const struct lane_evidence *e = &l->evidence;
	double us = 1e6 / l->c.clock->hz;

	if (e->gaps)
		make_void(r, TRIAL_VOID_GAP,
			  "%s: its loop stood still %" PRIu64 " times, for up to %.0f us; %.0f us "
			  "fill the RX ring, or disturb the pace",
			  tl->name, e->gaps, (double)e->longest_gap * us,
			  (double)l->gap_limit * us);
	if (e->full)
		make_void(r, TRIAL_VOID_TX_FULL,
			  "%s: %" PRIu64 " times a packet waited %.0f us for room in the TX ring",
			  tl->name, e->full, LANE_PATIENCE * 1e6);
	if (e->no_buffer)
		make_void(r, TRIAL_VOID_NO_BUFFER,
			  "%s: %" PRIu64 " times a packet waited %.0f us for a buffer", tl->name,
			  e->no_buffer, LANE_PATIENCE * 1e6);
	if (e->rx_full)
		make_void(r, TRIAL_VOID_RX_FULL,
			  "%s: the RX ring of %u descriptors was full %" PRIu64 " times", tl->name,
			  l->c.rx_descs, e->rx_full);
	if (e->back)
		make_void(r, TRIAL_VOID_CLOCK,
			  "%s: %" PRIu64 " packets were received before they were sent: the clock "
			  "runs backwards",
			  tl->name, e->back);
}

static void
judge_ports(struct traffic *t, const struct traffic_lane *tl, struct trial_result *r)
{
	const struct traffic_port *to = &t->ports[tl->to];
	struct baton_stats after;

	baton_rxq_stats(to->rxq, &after);
	if (after.rx_missed != tl->rx_before.rx_missed)
		make_void(r, TRIAL_VOID_RX_FULL,
			  "%s: the port counts %" PRIu64 " packets that it had no buffer for",
			  to->info.name, after.rx_missed - tl->rx_before.rx_missed);
	if (after.rx_nobuf != tl->rx_before.rx_nobuf)
		make_void(r, TRIAL_VOID_NO_BUFFER,
			  "%s: the pool was empty %" PRIu64 " times when the RX ring wanted "
			  "buffers",
			  to->info.name, after.rx_nobuf - tl->rx_before.rx_nobuf);
}

static void
judge_rate(const struct traffic_lane *tl, struct trial_result *r)
{
	const struct lane *l = tl->lane;
	double planned = (double)l->planned;

	if (l->planned == UINT64_MAX || (double)l->sent >= planned * (1 - RATE_ERROR) - 1)
		return;
	make_void(r, TRIAL_VOID_RATE,
		  "%s: %" PRIu64 " of %" PRIu64 " packets were sent in %g s; the sender does not "
		  "make this rate",
		  tl->name, l->sent, l->planned, r->asked.seconds);
}

/* ---- the result ---- */

static void
add(struct trial_accounts *sum, const struct trial_accounts *a)
{
	sum->sent += a->sent;
	sum->received += a->received;
	sum->unique += a->unique;
	sum->lost += a->lost;
	sum->duplicate += a->duplicate;
	sum->late += a->late;
	sum->damaged += a->damaged;
	sum->foreign += a->foreign;
	sum->reordered += a->reordered;
}

/* Packets that the driver took and then could not send (a full disk) were never sent. */
static void
take_back_unsent(struct traffic *t, struct traffic_lane *tl)
{
	struct trial_accounts *a = &tl->lane->accounts;
	struct baton_stats after;
	uint64_t unsent;

	baton_txq_stats(t->ports[tl->from].txq, &after);
	unsent = after.tx_lost - tl->tx_before.tx_lost;
	unsent = unsent < a->lost ? unsent : a->lost;
	a->sent -= unsent;
	a->lost -= unsent;
}

static void
fill_in(struct traffic *t, bool stopped, struct trial_result *r)
{
	r->n_directions = t->n_lanes;
	r->rate = INFINITY;
	for (unsigned i = 0; i < t->n_lanes; i++) {
		struct traffic_lane *tl = &t->lanes[i];
		struct trial_direction *d = &r->direction[i];
		double seconds = lane_seconds(tl->lane);

		take_back_unsent(t, tl);
		d->name = tl->name;
		d->accounts = tl->lane->accounts;
		d->rate = seconds > 0 ? (double)d->accounts.sent / seconds : 0;
		d->latency = tl->lane->latency;
		d->jitter = tl->lane->jitter;
		d->gaps = tl->lane->gaps;
		add(&r->total, &d->accounts);
		r->rate = fmin(r->rate, d->rate);
		r->seconds = fmax(r->seconds, seconds);
		if (isfinite(r->asked.load))
			judge_loop(tl, r);
		judge_ports(t, tl, r);
		if (!stopped)
			judge_rate(tl, r);
	}
	if (t->link_changed)
		make_void(r, TRIAL_VOID_LINK, "the link of a port went down, or its device away");
}

static double
monotonic(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Why nothing more can be measured; 0: nothing is. */
static int
lost(const struct traffic *t, struct trial_result *r)
{
	for (unsigned i = 0; i < t->config.n_ports; i++)
		if (t->ports[i].removed) {
			snprintf(r->reason, sizeof(r->reason), "%s: the device was removed",
				 t->ports[i].info.name);
			return -ENODEV;
		}
	for (unsigned i = 0; i < t->n_lanes; i++)
		if (t->lanes[i].lane->error) {
			snprintf(r->reason, sizeof(r->reason), "%.155s", t->lanes[i].lane->why);
			return t->lanes[i].lane->error;
		}
	return 0;
}

int
traffic_trial(void *traffic, const struct trial_request *request, struct trial_result *r)
{
	struct traffic *t = traffic;
	double begin = monotonic();
	uint64_t ticks = perf_clock_read(&t->config.clock);
	int ret;

	r->asked = *request;
	baton_ctx_poll(t->ctx, 0);
	t->request = *request;
	t->trial++;
	t->link_changed = false;
	for (unsigned i = 0; i < t->n_lanes; i++) {
		struct traffic_lane *tl = &t->lanes[i];

		baton_txq_stats(t->ports[tl->from].txq, &tl->tx_before);
		baton_rxq_stats(t->ports[tl->to].rxq, &tl->rx_before);
	}
	ret = traffic_launch(t);
	traffic_join(t);
	if (ret) {
		snprintf(r->reason, sizeof(r->reason), "a thread cannot be started");
		return ret;
	}
	fill_in(t, t->stop, r);
	r->took = monotonic() - begin;
	ticks = perf_clock_read(&t->config.clock) - ticks;
	if (!t->config.clock.read &&
	    fabs((double)ticks / t->config.clock.hz - r->took) > 1e-3 + 1e-3 * r->took)
		make_void(r, TRIAL_VOID_CLOCK, "the TSC counted %.6f s, the kernel's clock %.6f s",
			  (double)ticks / t->config.clock.hz, r->took);
	ret = lost(t, r);
	if (ret)
		return ret;
	return t->stop ? -EINTR : 0;
}

double
traffic_most(struct traffic *t)
{
	struct trial_request q = { .load = INFINITY, .seconds = MOST_S, .warm_up = true };
	struct trial_result r = { .voided = 0 };

	if (traffic_trial(t, &q, &r) < 0)
		return 0;
	return r.rate;
}
