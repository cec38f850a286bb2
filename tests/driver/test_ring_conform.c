/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The conformance suite in front of net_ring: the device is the port opposite. It receives into a
 * pool of its own, and sends from that, or from the pool that the port receives into.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "ctx/ctx.h"

struct opposite {
	struct baton_ctx *ctx;
	struct baton_pool *pool;
	struct baton_worker *worker;
	struct baton_port *port;
	struct baton_rxq *rx[QUEUES];
	struct baton_txq *tx[QUEUES];
	struct baton_token t[QUEUES][64]; /* received, and not looked at yet */
	unsigned at[QUEUES], n[QUEUES];
	bool hand_over; /* it sends from the other port's pool */
};

static void
set_up(struct opposite *o)
{
	struct baton_port_config pc = {
		.size = sizeof(pc), .rx_queues = QUEUES, .tx_queues = QUEUES, .stop_timeout_ms = 20
	};
	struct baton_queue_config q = { .size = sizeof(q), .descs = DESCS, .worker = o->worker };

	must(baton_port_open(o->ctx, "net_ring1", &o->port));
	must(baton_port_configure(o->port, &pc));
	for (uint16_t i = 0; i < QUEUES; i++) {
		q.pool = o->pool;
		must(baton_rxq_setup(o->port, i, &q, &o->rx[i]));
		q.pool = NULL;
		must(baton_txq_setup(o->port, i, &q, &o->tx[i]));
	}
	must(baton_port_start(o->port));
}

static struct opposite *
start(struct baton_ctx *ctx, char *spec, size_t room)
{
	struct baton_worker_config w = { .size = sizeof(w), .name = "other", .cache_size = 64 };
	struct opposite *o = calloc(1, sizeof(*o));
	struct baton_pool_config p;

	assert_non_null(o);
	o->ctx = ctx;
	baton_pool_config_init(&p);
	p.name = "other";
	p.count = 2048;
	p.page_size = BATON_PAGE_BASE;
	must(baton_pool_create(ctx, &p, &o->pool));
	must(baton_worker_create(ctx, &w, &o->worker));
	set_up(o);
	snprintf(spec, room, "net_ring0");
	return o;
}

static void *
ring_start(struct baton_ctx *ctx, char *spec, size_t room)
{
	return start(ctx, spec, room);
}

static void *
hand_start(struct baton_ctx *ctx, char *spec, size_t room)
{
	struct opposite *o = start(ctx, spec, room);

	o->hand_over = true;
	return o;
}

/* The bench's pool is there by now: a port has the pools of its last start. */
static void
ring_opened(void *dev, struct baton_port *port)
{
	const struct opposite *o = dev;

	must(baton_port_stop(o->port));
	must(baton_port_start(o->port));
}

static void
ring_leave(void *dev)
{
	struct opposite *o = dev;

	for (unsigned q = 0; q < QUEUES; q++)
		must(baton_free(o->worker, o->t[q] + o->at[q], o->n[q] - o->at[q]));
	must(baton_port_close(o->port));
	must(baton_worker_destroy(o->worker));
	must(baton_pool_destroy(o->pool));
}

static void
ring_stop(void *dev)
{
	free(dev);
}

static bool
ring_receive(void *dev, unsigned queue, const void *frame, uint32_t len)
{
	struct opposite *o = dev;
	/* The first pool is this end's, the second the bench's. */
	struct baton_pool *pool = o->ctx->pools[o->hand_over ? 1 : 0];
	const unsigned segs = (len + 1999) / 2000;
	struct baton_token t[8];

	assert_true(segs <= 8 && baton_alloc(o->worker, pool, t, segs) == segs);
	for (unsigned i = 0; i < segs; i++) {
		t[i].len = (uint16_t)(i + 1 < segs ? 2000 : len - i * 2000);
		t[i].flags = i + 1 < segs ? BATON_TOKEN_CONT : 0;
		memcpy(baton_data(o->worker, t[i]), (const uint8_t *)frame + i * 2000u, t[i].len);
	}
	if (baton_tx_burst(o->tx[queue], t, segs) == (int)segs)
		return true;
	must(baton_free(o->worker, t, segs));
	return false;
}

static int
ring_send(void *dev, unsigned queue, void *frame)
{
	struct opposite *o = dev;
	struct baton_token *t = o->t[queue];
	uint32_t len = 0;

	if (o->at[queue] == o->n[queue]) {
		const int n = baton_rx_burst(o->rx[queue], t, 64);

		must(n);
		o->n[queue] = (unsigned)n;
		o->at[queue] = 0;
	}
	if (o->at[queue] == o->n[queue])
		return 0;
	for (bool more = true; more; o->at[queue]++) {
		const struct baton_token one = t[o->at[queue]];

		assert_true(len + one.len <= MODEL_FRAME_MAX);
		memcpy((uint8_t *)frame + len, baton_data(o->worker, one), one.len);
		len += one.len;
		more = one.flags & BATON_TOKEN_CONT;
		must(baton_free(o->worker, &one, 1));
	}
	return (int)len;
}

static void
ring_set_link(void *dev, bool up)
{
	struct opposite *o = dev;

	must(up ? baton_port_start(o->port) : baton_port_stop(o->port));
}

static const struct model copies = {
	.name = "ring",
	.list = "drivers/ring/features.txt",
	.start = ring_start,
	.stop = ring_stop,
	.leave = ring_leave,
	.opened = ring_opened,
	.receive = ring_receive,
	.send = ring_send,
	.link = ring_set_link,
};

static const struct model hands_over = {
	.name = "ring, one pool",
	.list = "drivers/ring/features.txt",
	.start = hand_start,
	.stop = ring_stop,
	.leave = ring_leave,
	.opened = ring_opened,
	.receive = ring_receive,
	.send = ring_send,
	.link = ring_set_link,
};

const struct model *const rig_models[] = { &copies, &hands_over, NULL };
