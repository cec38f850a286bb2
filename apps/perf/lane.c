/* SPDX-License-Identifier: BSD-3-Clause */
#include "lane.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct lane *
lane_new(const struct lane_config *config)
{
	struct lane *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->c = *config;
	l->latency = hist_new();
	l->jitter = hist_new();
	l->gaps = hist_new();
	if (l->latency && l->jitter && l->gaps)
		return l;
	lane_free(l);
	return NULL;
}

void
lane_free(struct lane *l)
{
	if (!l)
		return;
	hist_free(l->latency);
	hist_free(l->jitter);
	hist_free(l->gaps);
	free(l);
}

void
lane_clear_pool(struct baton_worker *worker, struct baton_pool *pool, unsigned count)
{
	struct baton_token *t = malloc(count * sizeof(*t));
	struct baton_pool_info info;
	unsigned n = t ? baton_alloc(worker, pool, t, count) : 0;

	baton_pool_info(pool, &info);
	for (unsigned i = 0; i < n; i++) {
		uint8_t *p = baton_data(worker, t[i]);

		if (p)
			memset(p, 0, info.data_len - info.headroom);
	}
	baton_free(worker, t, n);
	baton_worker_flush(worker);
	free(t);
}

/* Nothing more can be measured: the library's sentence says why. */
static void
fail(struct lane *l, int error, const char *what)
{
	l->error = error;
	snprintf(l->why, sizeof(l->why), "%s: %.140s", what, baton_last_error());
	lane_stop_sending(l);
}

/* ---- trials ---- */

void
lane_drain(struct lane *l)
{
	struct baton_token t[LANE_TOKENS];

	for (unsigned i = 0; i < 4096; i++) {
		int n = baton_rx_burst(l->c.rxq, t, LANE_TOKENS);

		if (n <= 0)
			return;
		baton_free(l->c.worker, t, (unsigned)n);
	}
}

void
lane_begin(struct lane *l, double load, double seconds, uint64_t start, unsigned trial)
{
	const double hz = l->c.clock->hz;
	double gap = isfinite(load) ? fmin(LANE_GAP_MAX, l->c.rx_descs / load) : LANE_GAP_MAX;

	l->trial = trial & 0xff;
	l->interval = isfinite(load) ? hz / load : 0;
	l->planned = isfinite(load) ? (uint64_t)fmax(1, floor(load * seconds + 1e-6)) : UINT64_MAX;
	l->start = start;
	/* The last packet is due one gap before the end; a loop is never quite on time. */
	l->end = start + (uint64_t)((seconds + (isfinite(load) ? 1e-3 : 0)) * hz);
	l->gap_limit = (uint64_t)(gap * hz);
	l->ns_per_tick = 1e9 / hz;
	l->sent = l->waiting_since = l->first_sent = 0;
	l->last_step = l->last_sent = l->last_seen = start;
	l->previous_seq = UINT64_MAX - 1;
	l->accounts = (struct trial_accounts){ 0 };
	l->evidence = (struct lane_evidence){ 0 };
	hist_reset(l->latency);
	hist_reset(l->jitter);
	hist_reset(l->gaps);
	window_reset(&l->window);
	l->state = l->error ? LANE_WAITING : LANE_SENDING;
}

void
lane_stop_sending(struct lane *l)
{
	if (l->state == LANE_SENDING)
		l->state = LANE_WAITING;
}

double
lane_seconds(const struct lane *l)
{
	/* The last packet has its gap behind it, too. */
	return l->sent ? ((double)(l->last_sent - l->start) + l->interval) / l->c.clock->hz : 0;
}

void
lane_finish(struct lane *l)
{
	struct trial_accounts *a = &l->accounts;

	lane_stop_sending(l);
	a->sent = l->sent;
	a->lost = a->sent - a->unique;
	baton_tx_clean(l->c.txq, UINT32_MAX);
	l->state = LANE_IDLE;
}

/* ---- sending ---- */

/* How many packets are due at @now, LANE_BURST at most. */
static unsigned
due(const struct lane *l, uint64_t now)
{
	uint64_t left = l->planned - l->sent;
	unsigned most = left < LANE_BURST ? (unsigned)left : LANE_BURST, n = 0;
	double passed = (double)(now - l->start);

	if (l->interval <= 0)
		return most;
	/* From the number of the packet, so that no error adds up. */
	while (n < most && (double)(l->sent + n) * l->interval <= passed)
		n++;
	return n;
}

static unsigned
size_of(const struct lane *l, uint64_t seq)
{
	const struct size_mix *mix = l->c.mix;

	return mix->size[mix->n == 1 ? 0 : seq % mix->n];
}

static void
write_packets(struct lane *l, struct baton_token *t, unsigned n, uint64_t now)
{
	struct stamp s = { .process = l->c.process,
			   .trial = l->trial,
			   .stream = l->c.stream,
			   .time = now & STAMP_TIME_MASK };

	for (unsigned i = 0; i < n; i++) {
		const uint64_t seq = l->sent + i;
		const struct flows *fl = l->c.flows;
		unsigned size = size_of(l, seq);
		uint8_t *p;

		t[i].len = (uint16_t)(size - FRAME_FCS);
		p = baton_data(l->c.worker, t[i]);
		s.seq = (uint32_t)seq;
		if (p)
			frame_write(p, fl, &fl->flow[fl->n == 1 ? 0 : seq % fl->n], size, &s);
	}
}

/* Packets that are due wait for @count: an event of its own once they waited for too long. */
static void
wait_for(struct lane *l, uint64_t now, uint64_t *count)
{
	if (!l->waiting_since) {
		l->waiting_since = now;
	} else if ((double)(now - l->waiting_since) > LANE_PATIENCE * l->c.clock->hz) {
		++*count;
		l->waiting_since = now;
	}
}

static void
record_gaps(struct lane *l, unsigned n, uint64_t now)
{
	if (l->sent)
		hist_record(l->gaps, (uint64_t)((double)(now - l->last_sent) * l->ns_per_tick));
	else
		l->first_sent = now;
	hist_record_n(l->gaps, 0, n - 1);
	l->last_sent = now;
}

static void
send_due(struct lane *l, uint64_t now)
{
	struct baton_token t[LANE_BURST];
	unsigned n = due(l, now), got;
	int sent;

	if (!n)
		return;
	got = baton_alloc(l->c.worker, l->c.tx_pool, t, n);
	if (got < n)
		baton_tx_clean(l->c.txq, 4 * LANE_BURST);
	if (!got) {
		wait_for(l, now, &l->evidence.no_buffer);
		return;
	}
	write_packets(l, t, got, now);
	sent = baton_tx_burst(l->c.txq, t, got);
	/* What found no room is written anew, with its time, when there is some. */
	if (sent < (int)got)
		baton_free(l->c.worker, t + (sent > 0 ? sent : 0),
			   got - (unsigned)(sent > 0 ? sent : 0));
	if (sent < 0 && sent != -ENETDOWN) {
		fail(l, sent, "sending");
		return;
	}
	if (sent > 0) {
		record_gaps(l, (unsigned)sent, now);
		l->sent += (unsigned)sent;
	}
	if (sent < (int)got)
		wait_for(l, now, &l->evidence.full);
	else
		l->waiting_since = 0;
}

/* ---- receiving ---- */

static void
record_times(struct lane *l, const struct stamp *s, uint64_t seq, bool in_order, uint64_t now)
{
	uint64_t ticks = (now - s->time) & STAMP_TIME_MASK, ns;

	if (ticks >> (STAMP_TIME_BITS - 1)) {
		l->evidence.back++;
		return;
	}
	ns = (uint64_t)((double)ticks * l->ns_per_tick);
	hist_record(l->latency, ns);
	if (in_order && seq == l->previous_seq + 1)
		hist_record(l->jitter, ns > l->previous_latency ? ns - l->previous_latency
								: l->previous_latency - ns);
	l->previous_seq = seq;
	l->previous_latency = ns;
}

/* A packet of this process, undamaged in itself. */
static void
account(struct lane *l, const struct stamp *s, unsigned ip_len, uint64_t now)
{
	struct trial_accounts *a = &l->accounts;
	enum seen seen;
	uint64_t seq;

	if (s->stream != l->c.stream) { /* the other direction's */
		a->foreign++;
		return;
	}
	if (s->trial != l->trial) {
		a->late++;
		return;
	}
	l->last_seen = now;
	seen = window_see(&l->window, s->seq, l->sent, &seq);
	if (seen == SEEN_NEVER) {
		a->foreign++;
	} else if (ip_len != size_of(l, seq) - FRAME_FCS - l->c.flows->l3) {
		/* It stands in the window now, as if it was received: a whole copy of it would be
		 * the second one. */
		a->damaged++;
	} else if (seen == SEEN_AGAIN) {
		a->duplicate++;
	} else if (seen == SEEN_LATE) {
		a->late++;
	} else {
		a->unique++;
		a->reordered += seen == SEEN_REORDERED;
		record_times(l, s, seq, seen == SEEN_FIRST, now);
	}
}

static void
take(struct lane *l, struct baton_token *t, unsigned segs, uint64_t now)
{
	const struct frame_check check = { l->c.flows, l->c.process };
	struct stamp s;
	unsigned ip_len;
	const uint8_t *p;

	l->accounts.received++;
	if (segs > 1 && baton_packet_linearize(l->c.worker, l->c.rx_pool, t, segs) < 0) {
		baton_free(l->c.worker, t, segs);
		l->accounts.foreign++; /* longer than any packet of ours */
		return;
	}
	p = baton_data(l->c.worker, *t);
	switch (p ? frame_read(&check, p, t->len, &s, &ip_len) : FRAME_FOREIGN) {
	case FRAME_OURS:
		account(l, &s, ip_len, now);
		break;
	case FRAME_DAMAGED:
		l->accounts.damaged++;
		break;
	case FRAME_FOREIGN:
		l->accounts.foreign++;
		break;
	}
	baton_free(l->c.worker, t, 1);
}

/* A burst that left more behind: had the device any descriptor left? */
static void
look_at_ring(struct lane *l, unsigned taken)
{
	struct baton_queue_level level;

	if (baton_rxq_level(l->c.rxq, &level) == 0 && level.descs &&
	    level.completed + taken >= level.descs)
		l->evidence.rx_full++;
}

static void
receive(struct lane *l)
{
	struct baton_token t[LANE_TOKENS];
	int n = baton_rx_burst(l->c.rxq, t, LANE_TOKENS);
	uint64_t now;

	if (n <= 0) {
		if (n < 0 && n != -ENETDOWN && !l->error)
			fail(l, n, "receiving");
		return;
	}
	now = perf_clock_read(l->c.clock);
	if (n == LANE_TOKENS)
		look_at_ring(l, LANE_TOKENS);
	for (unsigned i = 0, segs; i < (unsigned)n; i += segs) {
		segs = baton_packet_segs(t + i, (unsigned)n - i);
		take(l, t + i, segs, now);
	}
}

bool
lane_step(struct lane *l)
{
	uint64_t now = perf_clock_read(l->c.clock);

	if (l->state != LANE_SENDING) {
		receive(l);
		return false;
	}
	if (now >= l->start) {
		uint64_t gap = now - l->last_step;

		if (now > l->last_step && gap > l->evidence.longest_gap)
			l->evidence.longest_gap = gap;
		l->evidence.gaps += now > l->last_step && gap > l->gap_limit;
		l->last_step = now;
		send_due(l, now);
	}
	receive(l);
	if (l->sent >= l->planned || now >= l->end)
		lane_stop_sending(l);
	return l->state == LANE_SENDING;
}
