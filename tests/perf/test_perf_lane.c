/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A lane of baton-perf by a clock that the test turns, one step at a time: pace, times and accounts
 * are exact. What it sends goes over net_ring to the test, and comes back when the test says so.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lane.h"

#define BUFS 2048u

struct end {
	struct baton_port *port;
	struct baton_worker *worker;
	struct baton_pool *tx_pool, *rx_pool;
	struct baton_rxq *rxq;
	struct baton_txq *txq;
};

struct rig {
	struct baton_ctx *ctx;
	struct end a, b; /* the lane's end and the test's */
	uint64_t now;    /* ns */
	struct perf_clock clock;
	struct flows flows;
	struct size_mix mix;
	struct lane *lane;
};

static void
must(int ret)
{
	if (ret < 0)
		fail_msg("%s", baton_last_error());
}

static uint64_t
turned(void *arg)
{
	return ((struct rig *)arg)->now;
}

static struct baton_pool *
pool(struct baton_ctx *ctx)
{
	struct baton_pool_config config;
	struct baton_pool *p;

	baton_pool_config_init(&config);
	config.count = BUFS;
	config.page_size = BATON_PAGE_BASE;
	must(baton_pool_create(ctx, &config, &p));
	return p;
}

static void
open_end(struct rig *r, struct end *e, const char *name)
{
	struct baton_queue_config q;

	must(baton_worker_create(r->ctx, NULL, &e->worker));
	e->tx_pool = pool(r->ctx);
	e->rx_pool = pool(r->ctx);
	must(baton_port_open(r->ctx, name, &e->port));
	must(baton_port_configure(e->port, NULL));
	baton_queue_config_init(&q);
	q.descs = 256;
	q.worker = e->worker;
	must(baton_txq_setup(e->port, 0, &q, &e->txq));
	q.pool = e->rx_pool;
	must(baton_rxq_setup(e->port, 0, &q, &e->rxq));
}

static int
set_up(void **state)
{
	static const uint8_t mac[6] = { 2 };
	struct rig *r = calloc(1, sizeof(*r));
	struct flow_spec spec = { .flows = 0 };
	struct lane_config c;
	char why[WHY];

	*state = r;
	must(baton_ctx_create(NULL, &r->ctx));
	open_end(r, &r->a, "net_ring0");
	open_end(r, &r->b, "net_ring1");
	must(baton_port_start(r->a.port));
	must(baton_port_start(r->b.port));
	r->clock = (struct perf_clock){ turned, r, 1e9 };
	assert_true(flows_make(&spec, false, mac, mac, &r->flows, why));
	assert_true(mix_parse("64", &r->mix, why));
	c = (struct lane_config){ .clock = &r->clock,
				  .worker = r->a.worker,
				  .txq = r->a.txq,
				  .rxq = r->a.rxq,
				  .tx_pool = r->a.tx_pool,
				  .rx_pool = r->a.rx_pool,
				  .rx_descs = 256,
				  .process = 0x123,
				  .flows = &r->flows,
				  .mix = &r->mix };
	r->lane = lane_new(&c);
	assert_non_null(r->lane);
	lane_clear_pool(r->a.worker, r->a.tx_pool, BUFS);
	r->now = 1000000;
	return 0;
}

static int
tear_down(void **state)
{
	struct rig *r = *state;
	struct end *ends[] = { &r->a, &r->b };

	lane_free(r->lane);
	flows_free(&r->flows);
	for (unsigned i = 0; i < 2; i++)
		must(baton_port_close(ends[i]->port));
	for (unsigned i = 0; i < 2; i++)
		must(baton_worker_destroy(ends[i]->worker));
	for (unsigned i = 0; i < 2; i++) {
		must(baton_pool_destroy(ends[i]->tx_pool));
		must(baton_pool_destroy(ends[i]->rx_pool));
	}
	must(baton_ctx_destroy(r->ctx));
	free(r);
	return 0;
}

/* Take what the lane sent. */
static unsigned
take(struct rig *r, struct baton_token *t, unsigned room)
{
	int n = baton_rx_burst(r->b.rxq, t, room);

	must(n);
	return (unsigned)n;
}

static void
give(struct rig *r, struct baton_token *t, unsigned n)
{
	assert_int_equal(baton_tx_burst(r->b.txq, t, n), n);
}

/* ---- pace ---- */

/* 3 Mpps by a clock of 1 GHz: each packet at the first nanosecond at which it is due. */
static void
pace(void **state)
{
	struct rig *r = *state;
	struct baton_token t[64];
	uint64_t start = r->now, n = 0;

	lane_begin(r->lane, 3e6, 1e-3, start, 1);
	for (; r->lane->state == LANE_SENDING; r->now++) {
		unsigned got;

		lane_step(r->lane);
		got = take(r, t, 64);
		if (got) {
			/* Packet n is due at n / 3 us. */
			assert_int_equal(got, 1);
			assert_int_equal(r->now - start, (n * 1000 + 2) / 3);
			n++;
		}
		must(baton_free(r->b.worker, t, got));
	}
	lane_finish(r->lane);
	assert_int_equal(n, 3000);
	assert_int_equal(r->lane->accounts.sent, 3000);
	assert_int_equal(r->lane->accounts.lost, 3000);
	assert_int_equal(r->lane->gaps->n, 2999);
	assert_int_equal(r->lane->gaps->min, 333);
	assert_int_equal(r->lane->gaps->max, 334);
	assert_true(lane_seconds(r->lane) > 0.99999e-3 && lane_seconds(r->lane) < 1.00001e-3);
	assert_int_equal(r->lane->evidence.gaps, 0);
}

/* A loop that comes late sends what is due, and says so if the RX ring would have overflowed. */
static void
gaps(void **state)
{
	struct rig *r = *state;
	struct baton_token t[64];

	lane_begin(r->lane, 1e6, 1, r->now, 1);
	lane_step(r->lane);
	assert_int_equal(take(r, t, 64), 1);
	must(baton_free(r->b.worker, t, 1));
	r->now += 10500;
	lane_step(r->lane);
	assert_int_equal(take(r, t, 64), 10);
	must(baton_free(r->b.worker, t, 10));
	assert_int_equal(r->lane->evidence.gaps, 0);
	r->now += 255 * 1000;
	lane_step(r->lane);
	assert_int_equal(r->lane->evidence.gaps, 0);
	r->now += 257 * 1000;
	lane_step(r->lane);
	assert_int_equal(r->lane->evidence.gaps, 1);
	assert_int_equal(r->lane->evidence.longest_gap, 257 * 1000);
	lane_finish(r->lane);
}

/* A full ring delays packets: none is made up, and the evidence comes with the patience's end. */
static void
full_ring(void **state)
{
	struct rig *r = *state;
	struct baton_token t[64];
	unsigned n, all = 0;

	lane_begin(r->lane, 10e6, 1e-3, r->now, 1);
	for (unsigned i = 0; i < 100; i++, r->now += 1000)
		lane_step(r->lane);
	assert_true(r->lane->sent < 500);
	assert_int_equal(r->lane->evidence.full, 0);
	for (unsigned i = 0; i < 100; i++, r->now += 1000)
		lane_step(r->lane);
	assert_int_equal(r->lane->evidence.full, 1);
	for (; r->lane->state == LANE_SENDING; r->now += 1000) {
		lane_step(r->lane);
		all += n = take(r, t, 64);
		must(baton_free(r->b.worker, t, n));
	}
	lane_finish(r->lane);
	while ((n = take(r, t, 64))) {
		must(baton_free(r->b.worker, t, n));
		all += n;
	}
	assert_int_equal(all, 10000);
	assert_int_equal(r->lane->accounts.sent, 10000);
}

/* ---- times and accounts ---- */

/* Each packet is kept for a time of its own; the histogram has just these times. */
static void
latency(void **state)
{
	struct rig *r = *state;
	struct hist *want = hist_new(), *jitter = hist_new();
	struct baton_token t[64];
	uint64_t start = r->now, before = 0;

	lane_begin(r->lane, 1000, 1, start, 1);
	for (unsigned i = 0; i < 1000; i++) {
		uint64_t held = 1 + (uint64_t)i * i % 900001,
			 late = held > before ? held - before : before - held;

		r->now = start + (uint64_t)i * 1000000;
		lane_step(r->lane);
		assert_int_equal(take(r, t, 64), 1);
		give(r, t, 1);
		r->now += held;
		lane_step(r->lane);
		hist_record(want, held);
		if (i)
			hist_record(jitter, late);
		before = held;
	}
	lane_finish(r->lane);
	assert_int_equal(r->lane->accounts.unique, 1000);
	assert_int_equal(r->lane->accounts.lost, 0);
	assert_memory_equal(r->lane->latency, want, sizeof(*want));
	assert_memory_equal(r->lane->jitter, jitter, sizeof(*jitter));
	hist_free(want);
	hist_free(jitter);
}

static struct baton_token
copy(struct rig *r, struct baton_token t)
{
	struct baton_token out;

	assert_int_equal(baton_packet_copy(r->b.worker, r->b.tx_pool, &t, 1, &out, 1), 1);
	return out;
}

/* One packet of each kind. */
static void
accounts(void **state)
{
	struct rig *r = *state;
	const struct trial_accounts *a = &r->lane->accounts;
	struct baton_token t[64], again, old;

	lane_begin(r->lane, 1e6, 10e-6, r->now, 1);
	r->now += 20000;
	lane_step(r->lane);
	assert_int_equal(take(r, t, 64), 10);
	old = copy(r, t[3]);
	again = copy(r, t[0]);
	give(r, &t[0], 1);
	give(r, &t[2], 1);
	give(r, &t[1], 1); /* overtaken */
	give(r, &again, 1);
	must(baton_free(r->b.worker, &t[4], 1)); /* lost */
	((uint8_t *)baton_data(r->b.worker, t[5]))[43] ^= 4;
	give(r, &t[5], 1); /* damaged */
	t[6].len -= 2;
	give(r, &t[6], 1); /* cut */
	memset(baton_data(r->b.worker, t[7]), 0xff, 60);
	give(r, &t[7], 1); /* foreign */
	give(r, &t[8], 1);
	give(r, &t[9], 1);
	give(r, &t[3], 1);
	lane_step(r->lane);
	lane_finish(r->lane);
	assert_true(trial_accounts_hold(a));
	assert_int_equal(a->sent, 10);
	assert_int_equal(a->received, 10);
	assert_int_equal(a->unique, 6);
	assert_int_equal(a->lost, 4);
	assert_int_equal(a->duplicate, 1);
	assert_int_equal(a->damaged, 2);
	assert_int_equal(a->foreign, 1);
	assert_int_equal(a->reordered, 2);
	assert_int_equal(a->late, 0);
	/* What comes in the next trial is of this one. */
	lane_begin(r->lane, 1e6, 1e-6, r->now, 2);
	give(r, &old, 1);
	lane_step(r->lane);
	lane_finish(r->lane);
	assert_int_equal(a->late, 1);
	assert_int_equal(a->unique, 0);
	assert_int_equal(take(r, t, 64), 1);
	must(baton_free(r->b.worker, t, 1));
}

/* Sizes follow each other as the mix has them. */
static void
mixes(void **state)
{
	struct rig *r = *state;
	struct baton_token t[64];
	char why[WHY];
	unsigned n;

	assert_true(mix_parse("imix", &r->mix, why));
	lane_begin(r->lane, 1e6, 480e-6, r->now, 1);
	for (unsigned k = 0; k < 480; r->now += 1000) {
		lane_step(r->lane);
		n = take(r, t, 64);
		for (unsigned i = 0; i < n; i++)
			assert_int_equal(t[i].len + 4, r->mix.size[(k + i) % 48]);
		give(r, t, n);
		k += n;
	}
	lane_step(r->lane);
	lane_finish(r->lane);
	assert_int_equal(r->lane->accounts.unique, 480);
	assert_int_equal(r->lane->accounts.damaged, 0);
}

/* A clock that runs backwards is noticed, and no such time is recorded. */
static void
backwards(void **state)
{
	struct rig *r = *state;
	struct baton_token t[64];

	lane_begin(r->lane, 1e6, 1e-6, r->now, 1);
	lane_step(r->lane);
	assert_int_equal(take(r, t, 64), 1);
	give(r, t, 1);
	r->now -= 100;
	lane_step(r->lane);
	lane_finish(r->lane);
	assert_int_equal(r->lane->accounts.unique, 1);
	assert_int_equal(r->lane->evidence.back, 1);
	assert_int_equal(r->lane->latency->n, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(pace, set_up, tear_down),
		cmocka_unit_test_setup_teardown(gaps, set_up, tear_down),
		cmocka_unit_test_setup_teardown(full_ring, set_up, tear_down),
		cmocka_unit_test_setup_teardown(latency, set_up, tear_down),
		cmocka_unit_test_setup_teardown(accounts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(mixes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(backwards, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
