/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * net_null: a port without a device. RX makes packets of one size from free buffers, and TX frees
 * what it is given. It shows what the framework itself costs, and applications can be tried with
 * it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "dma/pool.h"
#include "port/driver.h"

#define MAX_FRAME (BATON_MAX_MTU + PORT_L2_HEADERS)
#define MIN_FRAME 14
#define MAX_SEGS  16

struct null_port {
	struct baton_port port;
	uint32_t size; /* bytes of a received packet */
	uint8_t copy;  /* read and write the bytes of packets, as a device without DMA would */
	uint8_t no_rx;
};

struct null_queue {
	struct baton_queue q;
	uint32_t segs; /* RX: buffers that a packet of the port's size takes */
	uint32_t room; /* RX: bytes of a buffer that a packet may use */
	uint32_t size;
	uint8_t *bytes; /* copy=1: MAX_FRAME bytes to copy from and to; NULL: copy=0 */
};

/* ---- RX ---- */

static int
rx_none(struct baton_queue *q, struct baton_token *tokens, unsigned n)
{
	return 0;
}

static struct baton_token
received(const struct null_queue *nq, const struct baton_pool_view *v, uint32_t buf, uint32_t at)
{
	uint32_t left = nq->size - at, len = left < nq->room ? left : nq->room;
	struct baton_token t = {
		.buf = buf,
		.off = v->headroom,
		.len = (uint16_t)len,
		.gen = dma_take(v, buf),
		.pool = v->index,
		.flags = left > len ? BATON_TOKEN_CONT : 0,
	};

	if (nq->bytes)
		memcpy(dma_data(v, buf) + t.off, nq->bytes + at, len);
	return t;
}

static int
rx_burst(struct baton_queue *q, struct baton_token *tokens, unsigned n)
{
	struct null_queue *nq = (struct null_queue *)q;
	const struct baton_pool_view *v = &q->views[q->pool->view.index];
	struct dma_cache *c = q->cache;
	unsigned done = 0, packets = 0;

	if (baton_unlikely(n < q->max_segs))
		return baton_err(EINVAL,
				 "%s rxq %u: rx_burst with room for %u tokens, a packet may have "
				 "%u",
				 q->port->name, q->index, n, q->max_segs);
	while (n - done >= nq->segs) {
		unsigned want = (n - done) / nq->segs * nq->segs;
		unsigned max = DMA_BATCH / nq->segs * nq->segs, got;

		want = want < max ? want : max;
		got = dma_cache_reserve(c, want) / nq->segs * nq->segs;
		for (unsigned i = 0; i < got; i += nq->segs)
			for (unsigned k = 0; k < nq->segs; k++)
				tokens[done++] = received(nq, v, dma_cache_pop(c), k * nq->room);
		packets += got / nq->segs;
		if (baton_unlikely(got < want)) {
			queue_count(&q->stats.nobuf, 1);
			break;
		}
	}
	dma_cache_settle(c);
	queue_count(&q->stats.packets, packets);
	queue_count(&q->stats.bytes, (uint64_t)packets * nq->size);
	return (int)done;
}

/* ---- TX ---- */

static int
tx_burst(struct baton_queue *q, struct baton_token *tokens, unsigned n)
{
	struct null_queue *nq = (struct null_queue *)q;
	unsigned done = 0, packets = 0;
	uint64_t sum = 0;

	while (done < n) {
		uint32_t bytes, at = 0;
		int segs = soft_give(q, tokens + done, n - done, !done, &bytes);

		if (baton_unlikely(segs < 0))
			return segs;
		if (baton_unlikely(!segs))
			break;
		for (int i = 0; i < segs; i++, done++) {
			const struct baton_token t = tokens[done];

			if (nq->bytes)
				memcpy(nq->bytes + at, dma_data(&q->views[t.pool], t.buf) + t.off,
				       t.len);
			soft_done(q, t);
			at += t.len;
		}
		packets++;
		sum += bytes;
	}
	queue_count(&q->stats.packets, packets);
	queue_count(&q->stats.bytes, sum);
	return (int)done;
}

/* ---- the port ---- */

static int
flag(const struct port_arg *args, unsigned n, const char *key, uint8_t *value)
{
	uint64_t v = 0;
	int ret = port_arg_uint(args, n, key, 0, 1, &v);

	*value = (uint8_t)v;
	return ret;
}

static int
parse(struct null_port *np, const struct port_arg *args, unsigned n)
{
	uint64_t size = 64;
	int ret;

	if ((ret = port_arg_uint(args, n, "size", MIN_FRAME, MAX_FRAME, &size)) < 0 ||
	    (ret = flag(args, n, "copy", &np->copy)) < 0 ||
	    (ret = flag(args, n, "no-rx", &np->no_rx)) < 0)
		return ret;
	np->size = (uint32_t)size;
	return 0;
}

static int
null_check(const struct baton_driver *driver, const struct port_arg *args, unsigned n)
{
	struct null_port scratch = { 0 };

	return parse(&scratch, args, n);
}

static int
null_open(struct baton_port *port, const struct port_arg *args, unsigned n)
{
	struct null_port *np = (struct null_port *)port;
	int ret = parse(np, args, n);

	if (ret < 0)
		return ret;
	soft_mac(port, 0);
	port->info.max_rx_queues = port->info.max_tx_queues = BATON_MAX_QUEUES;
	port->info.max_segs = MAX_SEGS;
	port->info.default_descs = 512;
	snprintf(port->info.detail, sizeof(port->info.detail), "%s%s%s",
		 np->no_rx ? "receives nothing" : "receives packets of ",
		 np->no_rx                   ? ""
		 : port_arg(args, n, "size") ? port_arg(args, n, "size")
					     : "64",
		 np->no_rx ? "" : " bytes");
	return 0;
}

static void
null_close(struct baton_port *port)
{
}

static int
make_bytes(const struct null_port *np, struct null_queue *nq)
{
	if (!np->copy)
		return 0;
	nq->bytes = calloc(1, MAX_FRAME);
	return nq->bytes ? 0 : baton_err(ENOMEM, "no memory for a frame of %u bytes", MAX_FRAME);
}

static int
null_queue_setup(struct baton_port *port, struct baton_queue *q)
{
	const struct null_port *np = (const struct null_port *)port;
	struct null_queue *nq = (struct null_queue *)q;

	nq->bytes = NULL;
	nq->size = np->size;
	q->active_burst = q->tx ? tx_burst : np->no_rx ? rx_none : rx_burst;
	if (q->tx)
		return make_bytes(np, nq);
	nq->room = q->pool->view.data_len - q->pool->view.headroom;
	nq->segs = (nq->size + nq->room - 1) / nq->room;
	if (nq->segs > MAX_SEGS)
		return baton_err(EINVAL,
				 "packets of %u bytes take %u buffers with room for %u; at most %u "
				 "are possible",
				 nq->size, nq->segs, nq->room, MAX_SEGS);
	q->max_segs = (uint16_t)nq->segs;
	return make_bytes(np, nq);
}

static void
null_queue_release(struct baton_port *port, struct baton_queue *q)
{
	struct null_queue *nq = (struct null_queue *)q;

	free(nq->bytes);
	nq->bytes = NULL;
}

static int
null_start(struct baton_port *port)
{
	for (unsigned i = 0; i < BATON_MAX_POOLS; i++) {
		struct baton_pool *pool = port->ctx->pools[i];

		if (pool)
			dma_view_init(&port->views[pool->view.index], pool, 0);
	}
	for (unsigned i = 0; i < port->info.tx_queues; i++)
		port->txq[i]->max_len = port->mtu_set ? port_frame_max(port->info.mtu) : MAX_FRAME;
	port->link.full_duplex = 1;
	port->link.speed_mbps = 10000;
	port_link(port, true);
	return 0;
}

static int
null_stop(struct baton_port *port)
{
	port_link(port, false);
	return 0;
}

static int
null_set_mac(struct baton_port *port, const uint8_t mac[6])
{
	memcpy(port->info.mac, mac, 6);
	return 0;
}

static const struct port_ops ops = {
	.port_size = sizeof(struct null_port),
	.rxq_size = sizeof(struct null_queue),
	.txq_size = sizeof(struct null_queue),
	.open = null_open,
	.check = null_check,
	.close = null_close,
	.queue_setup = null_queue_setup,
	.queue_release = null_queue_release,
	.start = null_start,
	.stop = null_stop,
	.set_mac = null_set_mac,
};

static const struct baton_arg args[] = {
	{ "size", "BYTES", "length of the packets that RX makes (64)" },
	{ "copy", "0|1", "1: write the packets' bytes at RX, and read them at TX" },
	{ "no-rx", "0|1", "1: RX makes no packets" },
	{ 0 },
};

extern const struct baton_driver null_driver;
const struct baton_driver null_driver = {
	.name = "net_null",
	.other_name = "eth_null",
	.args = args,
	.ops = &ops,
};
