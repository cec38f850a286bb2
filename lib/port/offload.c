/* SPDX-License-Identifier: BSD-3-Clause */
#include "port/offload.h"

#include <stdio.h>
#include <stdlib.h>

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
	return SOFT & ~port->info.offloads;
}

uint32_t
offload_of_device(const struct baton_port *port, uint32_t asked)
{
	const uint32_t device = asked & port->info.offloads;

	/* Software finds the second tag behind the first, which has to be there still. */
	if (asked & ~device & BATON_OFFLOAD_RX_QINQ)
		return device & ~BATON_OFFLOAD_RX_VLAN;
	return device;
}

/* The names of offloads, as the public header has them: "RX_MARK, bit 30". */
static const char *
names_of(uint32_t offloads, char *text, size_t size)
{
	static const char *const names[32] = {
		[0] = "RX_CSUM",   [1] = "TX_CSUM",  [2] = "RX_VLAN",       [3] = "RX_QINQ",
		[4] = "RX_HASH",   [5] = "RX_PTYPE", [6] = "RX_TIME",       [7] = "RX_IPV4_CSUM",
		[8] = "RX_LRO",    [9] = "RX_MARK",  [10] = "RX_EVENT",     [16] = "TX_VLAN",
		[17] = "TX_TSO",   [18] = "TX_USO",  [19] = "TX_IPV4_CSUM", [21] = "TX_TIME",
		[22] = "TX_EVENT",
	};
	size_t len = 0;

	text[0] = 0;
	for (unsigned bit = 0; bit < 32 && len < size; bit++) {
		if (!(offloads >> bit & 1))
			continue;
		len += (size_t)snprintf(text + len, size - len, "%s", len ? ", " : "");
		if (len < size && names[bit])
			len += (size_t)snprintf(text + len, size - len, "%s", names[bit]);
		else if (len < size)
			len += (size_t)snprintf(text + len, size - len, "bit %u", bit);
	}
	return text;
}

int
offload_check(const struct baton_port *port, uint32_t asked)
{
	const uint32_t soft = offload_possible(port), none = asked & ~(port->info.offloads | soft);
	char names[400];

	if (none)
		return baton_err(ENOTSUP,
				 "%s: offloads %#x were asked for, of which nobody does %s (%#x): "
				 "the device has %#x, and %#x are possible in software",
				 port->name, asked, names_of(none, names, sizeof(names)), none,
				 port->info.offloads, soft);
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
	char names[400];
	uint32_t none;
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
	/* The device does what its port is configured for, for all queues. */
	none = more & ~port->offloads & ~SOFT;
	if (port->offloads & BATON_OFFLOAD_RX_VLAN)
		none |= more & ~port->offloads & BATON_OFFLOAD_RX_QINQ;
	if (none)
		return baton_err(ENOTSUP,
				 "%s %s %u: offloads %#x were asked for, of which %s (%#x) cannot "
				 "be a queue's alone: configure the port for it",
				 port->name, q->tx ? "txq" : "rxq", q->index, more,
				 names_of(none, names, sizeof(names)), none);
	what = (port->soft | (more & ~port->offloads)) & mine & ~NEEDS_NOTHING;
	/* Software cuts what the device does not take, and inserts other tags. */
	if (q->tx)
		what |= port->offloads &
			(BATON_OFFLOAD_TX_TSO | BATON_OFFLOAD_TX_USO | BATON_OFFLOAD_TX_VLAN);
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
		toeplitz_init(&q->soft->hash, q->port->rss.key, q->port->info.rss_key_len);
	q->soft->rss_types = q->port->rss.types;
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
