/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A port of net_null whose device is the test: what it receives is given by offload_feed(), what it
 * sends is in `wire`.
 */
#ifndef OFFLOAD_RIG_H
#define OFFLOAD_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <baton/baton.h>

#include "port/offload.h"
#include "segment_made.h"

#define FRAMES 4096u

struct rig {
	struct baton_ctx *ctx;
	struct baton_pool *pool;
	struct baton_worker *worker;
	struct baton_port *port;
	struct baton_rxq *rx;
	struct baton_txq *tx;
	unsigned violations;
	/* RX: tokens that the next burst returns. */
	const struct baton_token *feed;
	unsigned feeding;
	/* TX: frames behind each other, and their lengths; tokens that the ring has room for. */
	uint8_t *wire;
	uint32_t len[FRAMES], segs[FRAMES], frames, bytes, room;
};

static struct rig rig;

static inline struct baton_queue *
queue_of(void *handle)
{
	return handle;
}

static inline int
offload_feed(struct baton_queue *q, struct baton_token *tokens, unsigned n)
{
	const unsigned got = rig.feeding;

	assert_true(got <= n);
	memcpy(tokens, rig.feed, got * sizeof(*tokens));
	rig.feeding = 0;
	return (int)got;
}

static inline int
offload_sink(struct baton_queue *q, struct baton_token *tokens, unsigned n)
{
	unsigned done = 0, packets = 0;

	while (done < n) {
		uint32_t bytes, at = rig.bytes;
		int segs = (int)baton_packet_segs(tokens + done, n - done);

		if ((uint32_t)segs > rig.room) {
			queue_full(q, tokens + done, n - done);
			break;
		}
		segs = soft_give(q, tokens + done, n - done, !done, &bytes);
		if (segs < 0)
			return segs;
		if (!segs)
			break;
		rig.room -= (uint32_t)segs;
		rig.segs[rig.frames] = (uint32_t)segs;
		rig.len[rig.frames++] = bytes;
		assert_true(rig.frames < FRAMES);
		for (int i = 0; i < segs; i++, done++) {
			const struct baton_token t = tokens[done];

			memcpy(rig.wire + at, dma_data(&q->views[t.pool], t.buf) + t.off, t.len);
			at += t.len;
			soft_done(q, t);
		}
		rig.bytes = at;
		packets++;
		queue_count(&q->stats.bytes, bytes);
	}
	queue_count(&q->stats.packets, packets);
	return (int)done;
}

static inline void
offload_clear(void)
{
	rig.frames = rig.bytes = 0;
	rig.room = UINT32_MAX;
}

static inline void
offload_violation(void *arg, const struct baton_violation *v)
{
	rig.violations++;
}

/* A pool, and a port that is not started yet. */
static inline void
offload_open_rig(uint32_t data_len, uint32_t count)
{
	struct baton_ctx_config ctx;
	struct baton_pool_config pool;

	memset(&rig, 0, sizeof(rig));
	rig.wire = malloc(8u << 20);
	assert_non_null(rig.wire);
	baton_ctx_config_init(&ctx);
	ctx.on_violation = offload_violation;
	assert_int_equal(baton_ctx_create(&ctx, &rig.ctx), 0);
	baton_pool_config_init(&pool);
	pool.count = count;
	pool.data_len = data_len;
	pool.page_size = BATON_PAGE_4K;
	assert_int_equal(baton_pool_create(rig.ctx, &pool, &rig.pool), 0);
	assert_int_equal(baton_worker_create(rig.ctx, NULL, &rig.worker), 0);
	assert_int_equal(baton_port_open(rig.ctx, "net_null0", &rig.port), 0);
	offload_clear();
}

static inline void
offload_start(uint32_t offloads, uint32_t of_rxq, uint32_t of_txq)
{
	struct baton_port_config c;
	struct baton_queue_config q;

	baton_port_config_init(&c);
	c.offloads = offloads;
	assert_int_equal(baton_port_configure(rig.port, &c), 0);
	baton_queue_config_init(&q);
	q.worker = rig.worker;
	q.offloads = of_txq;
	assert_int_equal(baton_txq_setup(rig.port, 0, &q, &rig.tx), 0);
	q.pool = rig.pool;
	q.offloads = of_rxq;
	assert_int_equal(baton_rxq_setup(rig.port, 0, &q, &rig.rx), 0);
	queue_of(rig.rx)->active_burst = offload_feed;
	queue_of(rig.tx)->active_burst = offload_sink;
	assert_int_equal(baton_port_start(rig.port), 0);
}

/* Nothing is left out of the pool. */
static inline void
offload_all_home(void)
{
	struct baton_holder h[16];
	const unsigned n = baton_pool_holders(rig.pool, h, 16);

	for (unsigned i = 0; i < n; i++)
		if (h[i].kind != BATON_HOLDER_FREE && h[i].kind != BATON_HOLDER_CACHE)
			assert_int_equal(h[i].count, 0);
}

static inline void
offload_close_rig(void)
{
	assert_int_equal(baton_port_stop(rig.port), 0);
	offload_all_home();
	assert_int_equal(baton_port_close(rig.port), 0);
	assert_int_equal(baton_worker_destroy(rig.worker), 0);
	assert_int_equal(baton_pool_destroy(rig.pool), 0);
	assert_int_equal(baton_ctx_destroy(rig.ctx), 0);
	free(rig.wire);
}

/* ---- packets in buffers ---- */

/* Put a frame into buffers of up to @most bytes. Return: tokens. */
static inline unsigned
offload_scatter(const uint8_t *frame, uint32_t len, uint32_t most, struct baton_token *t,
		unsigned max)
{
	const uint32_t data_len = rig.pool->view.data_len;
	unsigned n = 0;

	for (uint32_t at = 0; at < len; n++) {
		uint32_t part = 1 + rnd(most), off;

		part = n + 1 == max || part > len - at ? len - at : part;
		assert_true(part <= data_len);
		off = rnd(2) && part + 64 <= data_len ? 64 : rnd(data_len - part + 1);
		assert_int_equal(baton_alloc(rig.worker, rig.pool, &t[n], 1), 1);
		t[n].off = (uint16_t)off;
		t[n].len = (uint16_t)part;
		memcpy(baton_data(rig.worker, t[n]), frame + at, part);
		at += part;
		if (at < len)
			t[n].flags = BATON_TOKEN_CONT;
	}
	return n;
}

static inline uint32_t
offload_join(const struct baton_token *t, unsigned n, uint8_t *to)
{
	uint32_t len = 0;

	for (unsigned i = 0; i < n; i++) {
		memcpy(to + len, baton_data(rig.worker, t[i]), t[i].len);
		len += t[i].len;
	}
	return len;
}

/** The packet in buffers, with its side record. Return: tokens. */
static inline unsigned
gso_tokens(const struct gso *g, struct baton_token *t)
{
	const uint32_t room = rig.pool->view.data_len - 64;
	uint32_t most = g->len / 200 + 1 + rnd(room);
	unsigned n;

	n = offload_scatter(g->b, g->len, most < room ? most : room, t, 1000);
	t[0].flags |= BATON_TOKEN_SIDE;
	*baton_side(rig.worker, t[0]) =
		(struct baton_side){ .valid = BATON_SIDE_SEGMENT | BATON_SIDE_MARK,
				     .mark = 5,
				     .l2_len = (uint16_t)g->l2,
				     .l3_len = (uint16_t)g->l3,
				     .l4_len = (uint16_t)g->l4,
				     .seg_size = (uint16_t)g->seg };
	return n;
}

#endif
