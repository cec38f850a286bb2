/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What every driver of a device that does DMA must do: one table of scenarios, for each model,
 * direct, bounced, confined, with shared slots, and below address limits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"

#define BUFS  4096u
#define DESCS 64u

/* How the device reaches packets. */
static const struct way {
	const char *name, *args;
	bool bounced;
} ways[] = {
	{ "direct", "", false },
	{ "bounced", ",bounce=always", true },
	{ "confined", ",confine=on", true },
	{ "shared slots", ",confine=on,window=0x100000000-0x10007ffff", true },
	{ "34 and 33 bits", ",dma-limit=34,ring-limit=33", false },
};

#define WAYS (sizeof(ways) / sizeof(ways[0]))

struct bench {
	const struct model *m;
	const struct way *way;
	void *dev;
	struct baton_ctx *ctx;
	struct baton_pool *pool;
	struct baton_worker *worker;
	struct baton_port *port;
	struct baton_rxq *rx;
	struct baton_txq *tx;
	unsigned violations;
	unsigned lost, back; /* events */
	char log[512];
};

static void
on_log(void *arg, enum baton_log_level level, const char *line)
{
	struct bench *b = arg;

	snprintf(b->log, sizeof(b->log), "%s", line);
	if (getenv("CONFORM_LOG"))
		fprintf(stderr, "log %d: %s\n", level, line);
}

static void
on_violation(void *arg, const struct baton_violation *v)
{
	((struct bench *)arg)->violations++;
}

static void
on_event(void *arg, struct baton_port *port, enum baton_port_event event)
{
	struct bench *b = arg;

	b->lost += event == BATON_EVENT_LOST;
	b->back += event == BATON_EVENT_BACK;
}

static void
must(int ret)
{
	if (ret < 0)
		fail_msg("%s: %s", strerror(-ret), baton_last_error());
}

static void
set_up(struct bench *b)
{
	struct baton_port_config pc = {
		.size = sizeof(pc), .rx_queues = 1, .tx_queues = 1, .stop_timeout_ms = 50
	};
	struct baton_queue_config q = {
		.size = sizeof(q), .descs = DESCS, .worker = b->worker, .pool = b->pool
	};

	must(baton_port_configure(b->port, &pc));
	must(baton_rxq_setup(b->port, 0, &q, &b->rx));
	q.pool = NULL;
	must(baton_txq_setup(b->port, 0, &q, &b->tx));
}

static void
up(struct bench *b, const struct model *m, const struct way *way)
{
	struct baton_worker_config w = { .size = sizeof(w), .name = "w", .cache_size = 64 };
	struct baton_ctx_config c = { .size = sizeof(c),
				      .log = on_log,
				      .log_arg = b,
				      .on_violation = on_violation,
				      .violation_arg = b };
	struct baton_pool_config p;
	char spec[256], all[512];

	memset(b, 0, sizeof(*b));
	b->m = m;
	b->way = way;
	must(baton_ctx_create(&c, &b->ctx));
	b->dev = m->start(b->ctx, spec, sizeof(spec));
	baton_pool_config_init(&p);
	p.name = "conform";
	p.count = BUFS;
	p.page_size = BATON_PAGE_4K;
	must(baton_pool_create(b->ctx, &p, &b->pool));
	must(baton_worker_create(b->ctx, &w, &b->worker));
	snprintf(all, sizeof(all), "%s%s", spec, way->args);
	must(baton_port_open(b->ctx, all, &b->port));
	baton_port_on_event(b->port, on_event, b);
	if (m->opened)
		m->opened(b->dev, b->port);
	set_up(b);
	must(baton_port_start(b->port));
}

static uint32_t
held_by(const struct bench *b, enum baton_holder_kind kind)
{
	struct baton_holder h[32];
	unsigned n = baton_pool_holders(b->pool, h, 32);
	uint32_t sum = 0, all = 0;

	for (unsigned i = 0; i < n; i++) {
		all += h[i].count;
		sum += h[i].kind == kind ? h[i].count : 0;
	}
	assert_int_equal(all, BUFS); /* nothing is lost, nothing is doubled */
	return sum;
}

static uint32_t
out(const struct bench *b)
{
	return held_by(b, BATON_HOLDER_CPU) + held_by(b, BATON_HOLDER_QUEUE) +
	       held_by(b, BATON_HOLDER_QUARANTINE);
}

static void
take_down(struct bench *b)
{
	assert_int_equal(out(b), 0);
	must(baton_port_close(b->port));
	assert_int_equal(b->m->strays(b->dev), 0);
	must(baton_worker_destroy(b->worker));
	must(baton_pool_destroy(b->pool));
	must(baton_ctx_destroy(b->ctx));
	b->m->stop(b->dev);
	assert_int_equal(b->violations, 0);
}

/* Serve the control thread and the queue until @done, ten seconds at most. */
static void
serve(struct bench *b, bool (*done)(struct bench *b))
{
	struct baton_token t[64];

	for (unsigned k = 0; k < 10000; k++) {
		int n;

		if (done(b))
			return;
		must(baton_ctx_poll(b->ctx, 1));
		n = baton_rx_burst(b->rx, t, 64);
		if (n > 0)
			must(baton_free(b->worker, t, (unsigned)n));
	}
	fail_msg("it never was so; the last line of the log: %s", b->log);
}

/* ---- packets ---- */

static void
make(uint8_t *frame, uint32_t len, unsigned seed)
{
	for (uint32_t i = 0; i < len; i++)
		frame[i] = (uint8_t)(i * 7 + (i >> 8) + seed);
}

static unsigned
gather(const struct bench *b, const struct baton_token *t, uint8_t *to, uint32_t *len)
{
	unsigned n = 0;

	*len = 0;
	do {
		memcpy(to + *len, baton_data(b->worker, t[n]), t[n].len);
		*len += t[n].len;
	} while (t[n++].flags & BATON_TOKEN_CONT);
	return n;
}

/* Receive exactly this frame. Return: its tokens. */
static unsigned
receive(struct bench *b, const uint8_t *frame, uint32_t len, struct baton_token *t)
{
	static uint8_t got[MODEL_FRAME_MAX];
	uint32_t have;
	int n = baton_rx_burst(b->rx, t, 64);

	must(n);
	assert_true(n > 0);
	assert_int_equal(gather(b, t, got, &have), n);
	assert_int_equal(have, len);
	assert_memory_equal(got, frame, len);
	return (unsigned)n;
}

static void
send(struct bench *b, const uint8_t *frame, uint32_t len, const struct baton_token *t, unsigned n)
{
	static uint8_t got[MODEL_FRAME_MAX];

	assert_int_equal(baton_tx_burst(b->tx, (struct baton_token *)(uintptr_t)t, n), n);
	assert_int_equal(b->m->send(b->dev, got), len);
	assert_memory_equal(got, frame, len);
}

static void
one_each_way(struct bench *b, uint32_t len, unsigned seed)
{
	static uint8_t in[MODEL_FRAME_MAX];
	struct baton_token t[64];
	unsigned n;

	make(in, len, seed);
	assert_true(b->m->receive(b->dev, in, len));
	n = receive(b, in, len, t);
	send(b, in, len, t, n);
}

/* ---- the scenarios ---- */

/* Frames of all lengths, each byte of them, several times round the rings. */
static void
exact_bytes(struct bench *b)
{
	static const uint32_t lens[] = { 14,   60,   63,   64,   65,   128,  1500, 1514, 1518,
					 1522, 2036, 2047, 2048, 2049, 4095, 4097, 9022 };

	for (unsigned i = 0; i < 300; i++)
		one_each_way(b, lens[i % (sizeof(lens) / sizeof(lens[0]))], i);
}

/* Full bursts, and rings that are full. */
static void
bursts(struct bench *b)
{
	uint8_t in[64], got[MODEL_FRAME_MAX];
	struct baton_token t[64];

	for (unsigned round = 0; round < 200; round++) {
		const unsigned n = 1 + round % 32;

		for (unsigned i = 0; i < n; i++) {
			make(in, sizeof(in), round + i);
			assert_true(b->m->receive(b->dev, in, sizeof(in)));
		}
		assert_int_equal(baton_rx_burst(b->rx, t, 64), n);
		assert_int_equal(baton_tx_burst(b->tx, t, n), n);
		for (unsigned i = 0; i < n; i++) {
			make(in, sizeof(in), round + i);
			assert_int_equal(b->m->send(b->dev, got), sizeof(in));
			assert_memory_equal(got, in, sizeof(in));
		}
	}
}

/* The ring takes what it has room for, counts the rest, and goes on when there is room again. */
static void
full_ring(struct bench *b)
{
	struct baton_token t[2 * DESCS];
	uint8_t got[MODEL_FRAME_MAX];
	struct baton_stats st;
	int n, sent = 0;

	must(baton_alloc(b->worker, b->pool, t, 2 * DESCS));
	for (unsigned i = 0; i < 2 * DESCS; i++) {
		make(baton_data(b->worker, t[i]), 100, i);
		t[i].len = 100;
	}
	while ((n = baton_tx_burst(b->tx, t + sent, 2 * DESCS - (unsigned)sent)) > 0)
		sent += n;
	assert_int_equal(n, 0);
	assert_true(sent > 0 && sent <= (int)DESCS);
	baton_txq_stats(b->tx, &st);
	assert_true(st.tx_full > 0);
	for (int i = 0; i < sent; i++) {
		uint8_t in[100];

		make(in, 100, (unsigned)i);
		assert_int_equal(b->m->send(b->dev, got), 100);
		assert_memory_equal(got, in, 100);
	}
	must(baton_tx_clean(b->tx, 1000));
	n = baton_tx_burst(b->tx, t + sent, 1);
	assert_int_equal(n, 1);
	must(baton_free(b->worker, t + sent + 1, 2 * DESCS - (unsigned)sent - 1));
}

/* What is sent twice, or freed while it is sent, is refused, and nothing changes. */
static void
ownership(struct bench *b)
{
	struct baton_token t[1], copy;

	must(baton_alloc(b->worker, b->pool, t, 1));
	t[0].len = 60;
	copy = t[0];
	assert_int_equal(baton_tx_burst(b->tx, t, 1), 1);
	assert_int_equal(baton_tx_burst(b->tx, &copy, 1), -EPERM);
	assert_int_equal(baton_free(b->worker, &copy, 1), -EPERM);
	assert_int_equal(b->violations, 2);
	b->violations = 0;
}

static void
peek(struct bench *b)
{
	static uint8_t in[3000], seen[3000];
	struct baton_peek p = { .data = seen, .room = sizeof(seen) };
	struct baton_token t[64];
	unsigned n;

	assert_int_equal(baton_rx_peek(b->rx, &p, 1), 0);
	make(in, sizeof(in), 9);
	assert_true(b->m->receive(b->dev, in, sizeof(in)));
	for (unsigned k = 0; k < 3; k++) {
		memset(seen, 0, sizeof(seen));
		assert_int_equal(baton_rx_peek(b->rx, &p, 1), 1);
		assert_int_equal(p.len, sizeof(in));
		assert_memory_equal(seen, in, sizeof(in));
	}
	n = receive(b, in, sizeof(in), t);
	assert_int_equal(baton_rx_peek(b->rx, &p, 1), 0);
	must(baton_free(b->worker, t, n));
}

/* A packet whose end is not there stays with the device. */
static void
half_a_packet(struct bench *b)
{
	struct baton_token t[64];
	uint32_t len;
	int n;

	if (!b->m->begin)
		return;
	assert_true(b->m->begin(b->dev, 128));
	for (unsigned k = 0; k < 3; k++)
		assert_int_equal(baton_rx_burst(b->rx, t, 64), 0);
	assert_true(b->m->end(b->dev, 20));
	n = baton_rx_burst(b->rx, t, 64);
	assert_int_equal(n, 2);
	len = t[0].len + t[1].len;
	assert_int_equal(len, 148);
	must(baton_free(b->worker, t, 2));
}

static void
bad_packets(struct bench *b)
{
	struct baton_stats st;
	struct baton_token t[64];
	uint8_t in[64];
	unsigned bad = 1;

	make(in, sizeof(in), 1);
	assert_true(b->m->receive(b->dev, in, 10));
	if (b->m->damaged) {
		assert_true(b->m->damaged(b->dev));
		bad++;
	}
	assert_true(b->m->receive(b->dev, in, sizeof(in)));
	assert_int_equal(receive(b, in, sizeof(in), t), 1);
	must(baton_free(b->worker, t, 1));
	baton_rxq_stats(b->rx, &st);
	assert_int_equal(st.rx_errors, bad);
	assert_int_equal(st.rx_packets, 1);
}

static void
queue_alone(struct bench *b)
{
	struct baton_token t[64];
	uint8_t in[64];

	make(in, sizeof(in), 5);
	if (b->m->cannot & CANNOT_STOP_QUEUE) {
		assert_int_equal(baton_rxq_stop(b->rx), -ENOTSUP);
		assert_int_equal(baton_txq_stop(b->tx), -ENOTSUP);
		return;
	}
	for (unsigned k = 0; k < 5; k++) {
		must(baton_rxq_stop(b->rx));
		assert_int_equal(baton_rx_burst(b->rx, t, 64), -ENETDOWN);
		must(baton_rxq_start(b->rx));
		must(baton_txq_stop(b->tx));
		must(baton_txq_start(b->tx));
		one_each_way(b, 1000, k);
	}
}

/* Stopped and started with packets in the rings: none is lost or doubled. */
static void
stop_and_start(struct bench *b)
{
	uint8_t in[64];

	for (unsigned k = 0; k < 5; k++) {
		struct baton_token t[1];

		make(in, sizeof(in), k);
		assert_true(b->m->receive(b->dev, in, sizeof(in)));
		must(baton_alloc(b->worker, b->pool, t, 1));
		t[0].len = 60;
		assert_int_equal(baton_tx_burst(b->tx, t, 1), 1);
		must(baton_port_stop(b->port));
		assert_int_equal(out(b), 0);
		must(baton_port_start(b->port));
		one_each_way(b, 2000, k);
	}
}

static void
reset(struct bench *b)
{
	for (unsigned k = 0; k < 3; k++) {
		must(baton_port_stop(b->port));
		must(baton_port_reset(b->port));
		must(baton_port_start(b->port));
		one_each_way(b, 700, k);
	}
}

static bool
has_let_go(struct bench *b)
{
	return !held_by(b, BATON_HOLDER_QUARANTINE);
}

/* What a device does not confirm to have let go of is in quarantine until it does. */
static void
unconfirmed(struct bench *b)
{
	int ret;

	b->m->keep(b->dev, true);
	ret = baton_port_stop(b->port);
	/* Slots of a program on this machine are memory of their own, which it may keep. */
	assert_true(ret == -ETIMEDOUT || (b->way->bounced && !ret));
	if (!b->way->bounced)
		assert_true(held_by(b, BATON_HOLDER_QUARANTINE) > 0);
	b->m->keep(b->dev, false);
	must(baton_port_reset(b->port));
	serve(b, has_let_go);
	must(baton_port_start(b->port));
	one_each_way(b, 700, 1);
}

static bool
is_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	must(fd);
	return poll(&p, 1, 0) == 1;
}

static void
wake(struct bench *b)
{
	uint8_t in[64], got[MODEL_FRAME_MAX];
	struct baton_token t[64];
	int fd;

	make(in, sizeof(in), 3);
	if (b->m->cannot & CANNOT_WAKE_RX) {
		assert_int_equal(baton_rxq_arm(b->rx), -ENOTSUP);
	} else {
		fd = baton_rxq_arm(b->rx);
		assert_false(is_readable(fd));
		assert_true(b->m->receive(b->dev, in, sizeof(in)));
		assert_true(is_readable(fd));
		baton_rxq_disarm(b->rx);
		assert_true(is_readable(baton_rxq_arm(b->rx))); /* it is there already */
		baton_rxq_disarm(b->rx);
		must(baton_free(b->worker, t, receive(b, in, sizeof(in), t)));
	}
	if (b->m->cannot & CANNOT_WAKE_TX) {
		assert_int_equal(baton_txq_arm(b->tx), -ENOTSUP);
		return;
	}
	assert_true(is_readable(baton_txq_arm(b->tx))); /* nothing is in flight */
	baton_txq_disarm(b->tx);
	must(baton_alloc(b->worker, b->pool, t, 1));
	t[0].len = 60;
	assert_int_equal(baton_tx_burst(b->tx, t, 1), 1);
	fd = baton_txq_arm(b->tx);
	assert_false(is_readable(fd));
	assert_int_equal(b->m->send(b->dev, got), 60);
	assert_true(is_readable(fd));
	baton_txq_disarm(b->tx);
}

static void
statistics(struct bench *b)
{
	struct baton_stats st;

	for (unsigned i = 0; i < 10; i++)
		one_each_way(b, 100 + i, i);
	must(baton_tx_clean(b->tx, 100));
	baton_rxq_stats(b->rx, &st);
	assert_int_equal(st.rx_packets, 10);
	assert_int_equal(st.rx_bytes, 1045);
	baton_txq_stats(b->tx, &st);
	assert_int_equal(st.tx_packets, 10);
	assert_int_equal(st.tx_bytes, 1045);
	must(baton_port_stop(b->port));
	must(baton_port_start(b->port));
	baton_rxq_stats(b->rx, &st); /* a queue's counters go on */
	assert_int_equal(st.rx_packets, 10);
}

static const uint8_t own[6] = { 2, 1, 2, 3, 4, 5 }, further[1][6] = { { 2, 9, 8, 7, 6, 5 } };

static bool
has_settings(struct bench *b)
{
	struct baton_port_info info;

	baton_port_info(b->port, &info);
	return info.state == BATON_PORT_STARTED && b->m->has(b->dev, own, 1, further[0], 100);
}

/* What was asked for is there again after a stop, after a reset, and after a return. */
static void
settings(struct bench *b)
{
	if (b->m->cannot & CANNOT_SET) {
		assert_int_equal(baton_port_set_promisc(b->port, 1), -ENOTSUP);
		assert_int_equal(baton_port_set_mac(b->port, own), -ENOTSUP);
		return;
	}
	must(baton_port_set_mac(b->port, own));
	must(baton_port_set_promisc(b->port, 1));
	must(baton_port_set_macs(b->port, further, 1));
	must(baton_port_set_vlan(b->port, 100, 1));
	assert_true(has_settings(b));
	must(baton_port_stop(b->port));
	must(baton_port_reset(b->port));
	must(baton_port_start(b->port));
	assert_true(has_settings(b));
	if (!b->m->lose)
		return;
	b->m->lose(b->dev);
	serve(b, has_settings);
	one_each_way(b, 700, 1);
}

static bool
is_back(struct bench *b)
{
	return b->lost && b->back == b->lost;
}

/* Away with packets in its rings, and back. */
static void
lost_and_back(struct bench *b)
{
	uint8_t in[64];

	if (!b->m->lose)
		return;
	make(in, sizeof(in), 4);
	for (unsigned k = 0; k < 3; k++) {
		b->lost = b->back = 0;
		assert_true(b->m->receive(b->dev, in, sizeof(in)));
		b->m->lose(b->dev);
		serve(b, is_back);
		one_each_way(b, 900, k);
	}
}

static bool
is_removed(struct bench *b)
{
	struct baton_port_info info;

	baton_port_info(b->port, &info);
	return info.state == BATON_PORT_REMOVED && !out(b);
}

static void
removed(struct bench *b)
{
	struct baton_token t[64];
	uint8_t in[64];

	if (!b->m->remove)
		return;
	make(in, sizeof(in), 4);
	assert_true(b->m->receive(b->dev, in, sizeof(in)));
	b->m->remove(b->dev);
	serve(b, is_removed);
	assert_int_equal(baton_rx_burst(b->rx, t, 64), -ENETDOWN);
	assert_int_equal(baton_tx_burst(b->tx, t, 0), -ENETDOWN);
}

/* A device that breaks the rules stops the queue, by name, and nothing else. */
static void
hostile(struct bench *b)
{
	struct baton_token t[64];
	unsigned told = 0;

	for (enum model_lie lie = 0; lie < LIES; lie++) {
		int n = 0;

		for (unsigned k = 0; k < 2 * DESCS && n != -EIO && b->m->lie(b->dev, lie); k++) {
			n = baton_rx_burst(b->rx, t, 64);
			if (n > 0)
				must(baton_free(b->worker, t, (unsigned)n));
		}
		if (n != -EIO)
			continue; /* it has no such lie, or can only tell it the kit's way */
		assert_true(strlen(baton_rxq_error(b->rx)) > 0);
		told++;
		must(baton_port_stop(b->port));
		must(baton_port_start(b->port));
		one_each_way(b, 500, lie);
	}
	assert_true(told >= 2);
}

static const struct scenario {
	const char *name;
	void (*run)(struct bench *b);
} scenarios[] = {
	{ "exact bytes", exact_bytes },
	{ "bursts", bursts },
	{ "full ring", full_ring },
	{ "ownership", ownership },
	{ "peek", peek },
	{ "half a packet", half_a_packet },
	{ "bad packets", bad_packets },
	{ "queue alone", queue_alone },
	{ "stop and start", stop_and_start },
	{ "reset", reset },
	{ "unconfirmed", unconfirmed },
	{ "wake", wake },
	{ "statistics", statistics },
	{ "settings", settings },
	{ "lost and back", lost_and_back },
	{ "removed", removed },
	{ "hostile", hostile },
};

#define SCENARIOS (sizeof(scenarios) / sizeof(scenarios[0]))

struct run {
	const struct model *m;
	const struct way *way;
	const struct scenario *s;
	char name[96];
};

static void
run(void **state)
{
	const struct run *r = *state;
	struct bench b;

	up(&b, r->m, r->way);
	r->s->run(&b);
	(void)baton_tx_clean(b.tx, 1000);
	if (r->s->run == removed && r->m->remove)
		(void)baton_port_stop(b.port);
	else
		must(baton_port_stop(b.port));
	take_down(&b);
}

int
conform(const struct model *const *models)
{
	static struct run runs[4 * WAYS * SCENARIOS];
	static struct CMUnitTest tests[4 * WAYS * SCENARIOS];
	size_t n = 0;

	for (; *models; models++)
		for (size_t w = 0; w < WAYS; w++)
			for (size_t s = 0; s < SCENARIOS; s++, n++) {
				runs[n] = (struct run){ *models, &ways[w], &scenarios[s], "" };
				snprintf(runs[n].name, sizeof(runs[n].name), "%s, %s: %s",
					 (*models)->name, ways[w].name, scenarios[s].name);
				tests[n] = (struct CMUnitTest){ runs[n].name, run, NULL, NULL,
								&runs[n] };
			}
	return _cmocka_run_group_tests("conformance", tests, n, NULL, NULL);
}
