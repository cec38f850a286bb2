/* SPDX-License-Identifier: BSD-3-Clause */
#include "port/offload.h"

#include <stdlib.h>

#include "base/structs.h"
#include "port/port.h"

#define SOFT                                                                                       \
	(BATON_OFFLOAD_RX_CSUM | BATON_OFFLOAD_RX_IPV4_CSUM | BATON_OFFLOAD_RX_VLAN |              \
	 BATON_OFFLOAD_RX_QINQ | BATON_OFFLOAD_RX_HASH | BATON_OFFLOAD_RX_PTYPE |                  \
	 BATON_OFFLOAD_RX_TIME | BATON_OFFLOAD_TX_CSUM | BATON_OFFLOAD_TX_IPV4_CSUM |              \
	 BATON_OFFLOAD_TX_VLAN | BATON_OFFLOAD_TX_TSO | BATON_OFFLOAD_TX_USO |                     \
	 BATON_OFFLOAD_TX_TIME)

/* Drivers' own bursts complete L4 checksums (csum_fill()). */
#define NEEDS_NOTHING BATON_OFFLOAD_TX_CSUM

uint32_t
offload_possible(const struct baton_port *port)
{
	const uint32_t device = port->info.offloads;
	uint32_t soft = SOFT & ~device;

	/* The second tag is behind the first, which is not there any more. */
	if (device & BATON_OFFLOAD_RX_VLAN)
		soft &= ~BATON_OFFLOAD_RX_QINQ;
	return soft;
}

int
offload_check(const struct baton_port *port, uint32_t asked)
{
	const uint32_t soft = offload_possible(port);

	if (asked & ~(port->info.offloads | soft))
		return baton_err(ENOTSUP,
				 "%s: offloads %#x were asked for; the device has %#x, and %#x are "
				 "possible in software",
				 port->name, asked, port->info.offloads, soft);
	if ((asked & BATON_OFFLOAD_RX_QINQ) && !(asked & BATON_OFFLOAD_RX_VLAN))
		return baton_err(EINVAL,
				 "%s: offloads %#x have BATON_OFFLOAD_RX_QINQ (%#x), which needs "
				 "BATON_OFFLOAD_RX_VLAN (%#x), too",
				 port->name, asked, BATON_OFFLOAD_RX_QINQ, BATON_OFFLOAD_RX_VLAN);
	return 0;
}

int
offload_open(struct baton_queue *q, uint32_t more)
{
	const struct baton_port *port = q->port;
	const uint32_t mine = q->tx ? BATON_OFFLOAD_TX_ALL : BATON_OFFLOAD_RX_ALL;
	uint32_t what;
	int ret;

	if (more & ~mine)
		return baton_err(EINVAL,
				 "%s %s %u: offloads %#x were asked for, and %#x of them are not "
				 "for queues that %s",
				 port->name, q->tx ? "txq" : "rxq", q->index, more, more & ~mine,
				 q->tx ? "send" : "receive");
	ret = offload_check(port, port->offloads | port->soft | more);
	if (ret < 0)
		return ret;
	what = (port->soft | (more & ~port->offloads)) & mine & ~NEEDS_NOTHING;
	if (!what)
		return 0;
	q->soft = calloc(1, sizeof(*q->soft));
	if (!q->soft)
		return baton_err(ENOMEM, "%s: no memory for offloads of a queue", port->name);
	q->soft->what = what;
	ret = what & BATON_OFFLOAD_TX_TIME ? tx_times_open(q) : 0;
	if (ret < 0)
		offload_close(q);
	return ret;
}

void
offload_close(struct baton_queue *q)
{
	if (!q->soft)
		return;
	free(q->soft->t);
	free(q->soft->times);
	free(q->soft);
	q->soft = NULL;
}

baton_burst_fn_
offload_burst(struct baton_queue *q)
{
	if (!q->soft)
		return q->active_burst;
	if (q->tx)
		return offload_tx_burst;
	if (q->soft->what & BATON_OFFLOAD_RX_HASH)
		toeplitz_init(&q->soft->hash, q->port->rss_key, BATON_RSS_KEY_LEN);
	q->soft->rss_types = q->port->rss_types;
	return offload_rx_burst;
}

bool
offload_reserve(struct offload *o, uint32_t n)
{
	struct baton_token *t;
	size_t room = o->n + (size_t)n;

	if (room <= o->room)
		return true;
	room += room / 2;
	t = aligned_alloc(64, (room * sizeof(*t) + 63) / 64 * 64);
	if (!t)
		return false;
	if (o->n)
		memcpy(t, o->t, o->n * sizeof(*t));
	free(o->t);
	o->t = t;
	o->room = (uint32_t)room;
	return true;
}

/* The first packet is refused by the driver, which has counted and explained it: it is lost. */
static void
drop_first(struct baton_queue *q)
{
	struct offload *o = q->soft;
	const unsigned segs = baton_packet_segs(o->t + o->at, o->n - o->at);

	baton_free(queue_worker(q), o->t + o->at, segs);
	o->at += segs;
	if (o->times)
		tx_times_forget(o->times, o->at);
}

int
offload_flush(struct baton_queue *q)
{
	struct offload *o = q->soft;

	while (o->at < o->n) {
		/* They were counted when the application offered them. */
		const uint64_t full = q->stats.full;
		const int ret = q->active_burst(q, o->t + o->at, o->n - o->at);

		__atomic_store_n(&q->stats.full, full, __ATOMIC_RELAXED);
		if (!ret)
			return 0;
		if (ret > 0) {
			o->at += (unsigned)ret;
			if (o->times)
				tx_times_left(q, o->at);
		} else if (q->error[0]) {
			return ret;
		} else {
			drop_first(q);
		}
	}
	o->at = o->n = 0;
	return 0;
}

void
offload_drop(struct baton_queue *q)
{
	struct offload *o = q->soft;
	uint64_t packets = 0, bytes = 0;

	if (!o || !o->n)
		return;
	for (uint32_t i = o->at; i < o->n; i++) {
		const struct baton_token t = o->t[i];
		struct baton_pool *pool = q->port->ctx->pools[t.pool];

		packets += !(t.flags & BATON_TOKEN_CONT);
		bytes += t.len;
		if (!pool || !dma_give(&pool->view, t, BATON_OWNER_FREE << 16))
			continue;
		dma_poison(&pool->view, t.buf);
		dma_free_bufs(pool, &t.buf, 1);
	}
	o->at = o->n = 0;
	if (o->times)
		tx_times_forget(o->times, UINT32_MAX);
	queue_count(&q->stats.packets, packets);
	queue_count(&q->stats.bytes, bytes);
	queue_count(&q->stats.discarded, packets);
}

/* ---- the hash ---- */

static const struct baton_rss_config defaults = { .types = BATON_RSS_ALL };

void
baton_rss_config_init_(struct baton_rss_config *config, size_t size)
{
	struct_init(config, size, &defaults, sizeof(defaults));
}

int
baton_port_set_rss(struct baton_port *port, const struct baton_rss_config *config)
{
	struct baton_rss_config c = defaults;
	int ret = port_enter(port, "port_set_rss");

	if (!ret)
		ret = struct_take(&c, sizeof(c), config, "struct baton_rss_config");
	if (ret < 0)
		return ret;
	if (port->started)
		return baton_err(EBUSY, "%s is started: stop it before changing its hash",
				 port->name);
	if (c.key_len != (c.key ? BATON_RSS_KEY_LEN : 0u))
		return baton_err(EINVAL, "%s: a key of %u bytes, %s", port->name, c.key_len,
				 c.key ? "40 are needed" : "but key is NULL");
	if (c.types & ~BATON_RSS_ALL)
		return baton_err(EINVAL, "%s: hash types %#x were asked for, there are %#x",
				 port->name, c.types, BATON_RSS_ALL);
	if (c.table || c.table_len)
		return baton_err(ENOTSUP,
				 "%s: a table of %u queues was given, the device has none: it "
				 "chooses the queue itself",
				 port->name, c.table_len);
	memcpy(port->rss_key, c.key ? c.key : baton_rss_key(), BATON_RSS_KEY_LEN);
	port->rss_types = c.types ? c.types : BATON_RSS_ALL;
	return 0;
}
