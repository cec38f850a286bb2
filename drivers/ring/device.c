/* SPDX-License-Identifier: BSD-3-Clause */
#include "ring_port.h"

static int
ring_check(const struct baton_driver *driver, const struct port_arg *args, unsigned n)
{
	return ring_link_check(args, n);
}

static int
ring_open(struct baton_port *port, const struct port_arg *args, unsigned n)
{
	struct ring_port *rp = (struct ring_port *)port;

	soft_mac(port, 2);
	port->info.max_rx_queues = port->info.max_tx_queues = BATON_MAX_QUEUES;
	port->info.max_segs = RING_MAX_SEGS;
	port->info.min_descs = RING_MAX_SEGS;
	port->info.default_descs = 512;
	port->link.full_duplex = 1;
	port->link.speed_mbps = 10000;
	return ring_link_join(rp, args, n);
}

static void
ring_close(struct baton_port *port)
{
	ring_link_leave((struct ring_port *)port);
}

/* ---- queues ---- */

static int
ring_queue_setup(struct baton_port *port, struct baton_queue *q)
{
	struct ring_port *rp = (struct ring_port *)port;
	struct ring_link *l = rp->link;
	int fd;

	fd = bell_open(q->tx ? &l->tx_bell[rp->side][q->index] : &l->rx_bell[rp->side][q->index],
		       port->name);
	if (fd < 0)
		return fd;
	q->wake_fd = fd;
	if (q->tx) {
		struct ring_txq *tq = (struct ring_txq *)q;

		tq->out = &rp->out[q->index];
		q->active_burst = ring_tx_burst;
	} else {
		struct ring_rxq *rq = (struct ring_rxq *)q;

		rq->in = rp->in;
		rq->wires = rq->next = 0;
		rq->step = port->info.rx_queues;
		q->active_burst = ring_rx_burst;
	}
	return 0;
}

static void
ring_queue_release(struct baton_port *port, struct baton_queue *q)
{
	if (!q->tx)
		wires_empty((struct ring_rxq *)q);
}

static int
ring_queue_start(struct baton_queue *q)
{
	return q->tx ? 0 : wires_start_rxq((struct ring_port *)q->port, (struct ring_rxq *)q);
}

static int
ring_queue_stop(struct baton_queue *q)
{
	if (!q->tx)
		wires_stop_rxq((struct ring_port *)q->port, (struct ring_rxq *)q);
	return 0;
}

static uint32_t
ring_held(const struct baton_queue *q, const struct baton_pool *pool)
{
	return q->tx ? 0 : wires_held((const struct ring_rxq *)q, pool);
}

static unsigned
ring_in_flight(const struct baton_queue *q)
{
	struct wire *w;
	unsigned n;

	if (!q->tx)
		return wires_held((const struct ring_rxq *)q, NULL);
	w = ((const struct ring_txq *)q)->out;
	if (!wire_enter(w))
		return 0;
	n = (unsigned)ring_count(&w->ring);
	wire_leave(w);
	return n;
}

/* ---- start and stop ---- */

static int
ring_start(struct baton_port *port)
{
	struct ring_port *rp = (struct ring_port *)port;
	const uint32_t len = port->mtu_set ? port_frame_max(port->info.mtu) : RING_MAX_FRAME;
	int ret;

	for (unsigned i = 0; i < BATON_MAX_POOLS; i++) {
		struct baton_pool *pool = port->ctx->pools[i];

		if (pool)
			dma_view_init(&port->views[pool->view.index], pool, 0);
	}
	for (unsigned i = 0; i < port->info.rx_queues; i++) {
		port->rxq[i]->max_len = len;
		((struct ring_rxq *)port->rxq[i])->off = false;
	}
	for (unsigned i = 0; i < port->info.tx_queues; i++)
		port->txq[i]->max_len = len;
	rp->up = true;
	ret = wires_start(rp);
	if (ret < 0) {
		rp->up = false;
		return ret;
	}
	ring_link_report(rp);
	return 0;
}

static int
ring_stop(struct baton_port *port)
{
	struct ring_port *rp = (struct ring_port *)port;

	rp->up = false;
	wires_stop(rp);
	ring_link_report(rp);
	return 0;
}

/* ---- sleep; the queue's thread ---- */

static int
arm_rx(struct ring_rxq *rq)
{
	const struct ring_port *rp = (const struct ring_port *)rq->q.port;

	bell_arm(&rp->link->rx_bell[rp->side][rq->q.index], rp->in->fenced);
	if (wires_held(rq, NULL))
		event_signal(rq->q.wake_fd);
	return 0;
}

static int
arm_tx(struct ring_txq *tq)
{
	const struct ring_port *rp = (const struct ring_port *)tq->q.port;
	struct wire *w = tq->out;

	bell_arm(&rp->link->tx_bell[rp->side][tq->q.index], w->fenced);
	if (!wire_enter(w))
		return 0; /* whoever opens it rings */
	/* Also a sender that found no buffer to copy to, for which nobody rings: it does not sleep.
	 */
	if (wire_room(w, wire_wake_room(w)) >= wire_wake_room(w))
		event_signal(tq->q.wake_fd);
	wire_leave(w);
	return 0;
}

static int
ring_arm(struct baton_queue *q)
{
	return q->tx ? arm_tx((struct ring_txq *)q) : arm_rx((struct ring_rxq *)q);
}

static void
ring_disarm(struct baton_queue *q)
{
	const struct ring_port *rp = (const struct ring_port *)q->port;

	bell_disarm(q->tx ? &rp->link->tx_bell[rp->side][q->index]
			  : &rp->link->rx_bell[rp->side][q->index]);
}

static int
ring_set_mac(struct baton_port *port, const uint8_t mac[6])
{
	memcpy(port->info.mac, mac, 6);
	return 0;
}

static void
ring_xstats(const struct baton_port *port, struct port_xstats *list)
{
	uint64_t down = 0, no_buffer = 0;

	for (unsigned i = 0; i < port->info.tx_queues; i++) {
		const struct ring_txq *tq = (const struct ring_txq *)port->txq[i];

		down += __atomic_load_n(&tq->link_down, __ATOMIC_RELAXED);
		no_buffer += __atomic_load_n(&tq->no_buffer, __ATOMIC_RELAXED);
	}
	port_xstat(list, down, "tx_link_down");
	port_xstat(list, no_buffer, "tx_peer_no_buffer");
}

static const struct port_ops ops = {
	.port_size = sizeof(struct ring_port),
	.rxq_size = sizeof(struct ring_rxq),
	.txq_size = sizeof(struct ring_txq),
	.open = ring_open,
	.check = ring_check,
	.close = ring_close,
	.queue_setup = ring_queue_setup,
	.queue_release = ring_queue_release,
	.start = ring_start,
	.stop = ring_stop,
	.in_flight = ring_in_flight,
	.held = ring_held,
	.queue_start = ring_queue_start,
	.queue_stop = ring_queue_stop,
	.arm = ring_arm,
	.disarm = ring_disarm,
	.set_mac = ring_set_mac,
	.xstats = ring_xstats,
};

static const struct baton_arg args[] = {
	{ "peer", "NAME",
	  "the port opposite; itself: it receives what it sends (0 and 1, 2 and 3, ...)" },
	{ 0 },
};

const struct baton_driver ring_driver = {
	.name = "net_ring",
	.other_name = "eth_ring",
	.args = args,
	.ops = &ops,
};
