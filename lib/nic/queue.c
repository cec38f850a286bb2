/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The records of a queue: set-up, what its ring holds, filling an RX ring; and what the kit does
 * for a queue outside of bursts: arm, peek, clean.
 */
#include <stdlib.h>
#include <unistd.h>

#include "base/event.h"
#include "base/export.h"
#include "base/io.h"
#include "nic/nic.h"
#include "nic/tx.h"

/* ---- set-up ---- */

static int
records(struct nic_queue *nq, const struct nic_ops *ops)
{
	const uint32_t n = nq->q.descs;

	nq->mask = (uint16_t)(n - 1);
	nq->shadow = malloc(n * sizeof(*nq->shadow));
	if (nq->q.tx)
		nq->segs = calloc(n, 1);
	else if (ops->rx->any_order)
		nq->order = calloc(n, sizeof(*nq->order));
	if (nq->q.tx && ops->tx->report)
		nq->reports = calloc(n, sizeof(*nq->reports));
	if (!nq->shadow || (nq->q.tx && !nq->segs) ||
	    (nq->q.tx && ops->tx->report && !nq->reports) ||
	    (!nq->q.tx && ops->rx->any_order && !nq->order))
		return baton_err(ENOMEM, "no memory for %u descriptors", n);
	memset(nq->shadow, 0xff, n * sizeof(*nq->shadow));
	return 0;
}

/* How the queue's pool fits the device: where in a buffer it writes, how much, how many for one. */
static int
fit_pool(const struct nic_dev *dev, struct nic_queue *nq)
{
	const struct nic_ops *ops = dev->ops;
	const struct baton_port *port = &dev->port;
	struct baton_queue *q = &nq->q;
	const struct baton_pool_view *v = &q->pool->view;
	/* Whatever the MTU is, somebody may send the longest frame that the device takes. */
	const bool lro = port->offloads & BATON_OFFLOAD_RX_LRO;
	const uint32_t header = ops->rx->header + nq->front,
		       least = lro ? port->info.max_lro_len : port_frame_max(BATON_MAX_MTU),
		       frame = dev->limits.frame > least ? dev->limits.frame : least,
		       mtu = port->mtu_set ? port->info.mtu : 1500u;
	const uint32_t places = q->descs / nic_rx_rings(ops->rx) - ops->rx->gap,
		       most = places < NIC_RX_MAX_SEGS ? places : NIC_RX_MAX_SEGS;
	const bool spreads = !ops->spreads || ops->spreads(dev, nq);
	uint32_t segs, room;

	if (v->headroom < header)
		return baton_err(EINVAL,
				 "pool %s has a headroom of %u bytes, the device's header needs %u",
				 q->pool->name, v->headroom, header);
	nq->post_off = (uint16_t)(v->headroom - header);
	room = v->data_len - nq->post_off;
	nq->posted_len = ops->rx_room ? ops->rx_room(room) : room;
	if (!nq->posted_len || (nq->front && nq->posted_len < header + NIC_ETH_HLEN))
		return baton_err(EINVAL,
				 "pool %s has %u bytes for a packet in a buffer, too few for %s: "
				 "give it a larger data room",
				 q->pool->name, room - header, port->name);
	segs = spreads ? (frame + header + nq->posted_len - 1) / nq->posted_len : 1;
	if (segs > most)
		return baton_err(EINVAL,
				 "a frame of %u bytes takes %u buffers of %u bytes; at most %u are "
				 "possible: give the pool a larger data room%s",
				 frame, segs, nq->posted_len, most,
				 lro                    ? ", or the queue more descriptors, or "
							  "leave BATON_OFFLOAD_RX_LRO out"
				 : ops->one_buffer_hint ? ops->one_buffer_hint
							: "");
	/* In one buffer, a frame that does not fit is lost in the device. */
	if (!spreads && nq->posted_len < header + port_frame_max(mtu))
		return baton_err(EINVAL,
				 "one buffer must take a whole packet, which is %u bytes for MTU "
				 "%u, and those of pool %s take %u: give the pool a larger data "
				 "room",
				 header + port_frame_max(mtu), mtu, q->pool->name, nq->posted_len);
	q->max_segs = (uint16_t)segs;
	return 0;
}

/* What the device is to say of the packets of an RX queue. */
static int
choose_info(const struct nic_dev *dev, struct nic_queue *nq)
{
	const struct nic_ops *ops = dev->ops;
	const uint32_t offloads = dev->port.offloads;
	unsigned front;

	nq->info = nq->front = 0;
	if (nq->q.tx || !ops->rx->describe || !(offloads & NIC_INFO_OFFLOADS))
		return 0;
	front = ops->rx_front ? ops->rx_front(dev) : 0;
	if (front + ops->rx->header > BATON_DEFAULT_HEADROOM)
		return baton_err(EINVAL,
				 "driver %s: %u bytes in front of packets, at most %u are possible",
				 dev->port.driver->name, front + ops->rx->header,
				 BATON_DEFAULT_HEADROOM);
	nq->info = offloads & BATON_OFFLOAD_RX_ALL;
	nq->front = (uint8_t)front;
	return 0;
}

static int
set_up(struct nic_dev *dev, struct nic_queue *nq)
{
	const struct nic_ops *ops = dev->ops;
	struct baton_queue *q = &nq->q;
	int ret = records(nq, ops);

	if (!ret)
		ret = choose_info(dev, nq);
	if (ret < 0)
		return ret;
	if (q->tx) {
		q->max_segs =
			(uint16_t)(q->descs / 2 < NIC_TX_MAX_SEGS ? q->descs / 2 : NIC_TX_MAX_SEGS);
		q->gso_segs =
			(uint16_t)(q->descs / 2 < NIC_TX_GSO_SEGS ? q->descs / 2 : NIC_TX_GSO_SEGS);
		q->gso_front = ops->tx->header;
	} else if ((ret = fit_pool(dev, nq)) < 0) {
		return ret;
	}
	/* Without it, nobody sleeps on the queue: the port layer refuses to arm it. */
	if (ops->arm && (q->wake_fd = event_open("the ring")) < 0)
		return q->wake_fd;
	ret = ops->queue_setup ? ops->queue_setup(dev, nq) : 0;
	nq->driver_has = !ret;
	return ret;
}

int
nic_queue_setup(struct baton_port *port, struct baton_queue *q)
{
	struct nic_queue *nq = nic_queue_of(q);
	int ret;

	nq->shadow = NULL;
	nq->order = NULL;
	nq->segs = NULL;
	nq->reports = NULL;
	q->wake_fd = -1;
	ret = set_up(nic_of(port), nq);
	if (ret < 0)
		nic_queue_release(port, q);
	return ret;
}

void
nic_queue_release(struct baton_port *port, struct baton_queue *q)
{
	struct nic_dev *dev = nic_of(port);
	struct nic_queue *nq = nic_queue_of(q);

	if (nq->driver_has && dev->ops->queue_release)
		dev->ops->queue_release(dev, nq);
	nq->driver_has = 0;
	nic_slots_detach(nq);
	free(nq->shadow);
	free(nq->order);
	free(nq->segs);
	free(nq->reports);
	nq->shadow = NULL;
	nq->order = NULL;
	nq->segs = NULL;
	nq->reports = NULL;
	if (q->wake_fd >= 0)
		close(q->wake_fd);
	q->wake_fd = -1;
}

/* ---- what a ring holds ---- */

void
nic_queue_rewind(struct nic_queue *nq)
{
	nq->done = nq->posted = nq->head = nq->tail = 0;
	memset(nq->ring, 0, sizeof(nq->ring));
	nq->first_report = nq->next_report = 0;
	if (nq->reports)
		nq->reports[nq->mask] = (struct nic_report){ 0 }; /* nic_tx_report_run() */
	nq->state = (struct nic_rx_state){ 0 };
	nq->plain_run = 0;
	nq->in_order = 1;
	nq->stuck = 0;
}

/* Whether key i has a buffer in the ring. */
static bool
in_ring(const struct nic_queue *nq, uint32_t i)
{
	if (nq->slots && !nq->q.tx)
		return false;
	if (nq->q.tx)
		return ((i - nq->tail) & nq->mask) < (uint16_t)(nq->head - nq->tail) &&
		       nq->shadow[i] != SHADOW_NONE;
	return nic_posted(nq, i);
}

void
nic_queue_empty(struct nic_queue *nq, bool confirmed, struct dma_quarantine *quarantine)
{
	struct baton_queue *q = &nq->q;

	queue_count(&q->stats.discarded, nic_queue_unfinished(nq));
	nic_slots_empty(nq);
	for (uint32_t i = 0; i < q->descs; i++) {
		struct baton_pool *pool;
		uint32_t buf;

		if (in_ring(nq, i)) {
			buf = SHADOW_BUF(nq->shadow[i]);
			pool = q->tx ? q->port->ctx->pools[SHADOW_POOL(nq->shadow[i])] : q->pool;
			if (confirmed)
				dma_free_bufs(pool, &buf, 1);
			else
				dma_quarantine_buf(quarantine, pool, buf);
		}
		nq->shadow[i] = SHADOW_NONE; /* also for a slot, which is not a buffer */
	}
	nq->done = nq->posted = nq->head = nq->tail = 0;
	nq->in_order = 1; /* nothing is posted, whatever slots have left in `shadow` */
}

uint32_t
nic_queue_held(const struct baton_queue *q, const struct baton_pool *pool)
{
	const struct nic_queue *nq = nic_queue_of_const(q);
	uint32_t n = 0;

	if (!nq->shadow || (!q->tx && q->pool != pool))
		return 0;
	for (uint32_t i = 0; i < q->descs; i++)
		n += in_ring(nq, i) && (!q->tx || SHADOW_POOL(nq->shadow[i]) == pool->view.index);
	return n;
}

uint32_t
nic_queue_buffers(const struct nic_queue *nq)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < nq->q.descs; i++)
		n += in_ring(nq, i);
	return n;
}

unsigned
nic_queue_in_flight(const struct baton_queue *q)
{
	const struct nic_queue *nq = nic_queue_of_const(q);

	if (q->tx)
		return (uint16_t)(nq->head - nq->tail);
	return (uint16_t)(nq->posted - nq->done);
}

/* Count RX completions of a device without an index, one after the other. */
static uint16_t
count_done(const struct nic_queue *nq, uint16_t most)
{
	const struct rx_codec *codec = nic_of(nq->q.port)->ops->rx;
	struct nic_rx_state state = nq->state;
	struct rx_entry e;
	uint16_t n = 0;

	while (n < most &&
	       codec->next(nq, &state, (uint16_t)(nq->done + n), (uint16_t)(most - n), &e) == 1)
		n++;
	return n;
}

/* Completions the device has published; 0 when it says that there are more than there can be. */
static uint16_t
published(const struct nic_queue *nq)
{
	const struct nic_ops *ops = nic_of(nq->q.port)->ops;
	uint16_t outstanding = (uint16_t)(nq->posted - nq->done), n;

	if (!outstanding) /* and perhaps no ring */
		return 0;
	if (nq->q.tx)
		n = nic_tx_published(nq, ops->tx);
	else
		n = ops->rx->published ? ops->rx->published(nq) : count_done(nq, outstanding);
	return n <= outstanding ? n : 0;
}

unsigned
nic_completed(const struct baton_queue *q)
{
	return published(nic_queue_of_const(q));
}

unsigned
nic_queue_unfinished(const struct nic_queue *nq)
{
	const struct nic_ops *ops = nic_of(nq->q.port)->ops;

	if (!nq->q.tx)
		return published(nq) ? ops->bursts->waiting(nq) : 0;
	return (uint16_t)(nq->posted - nq->done) - published(nq);
}

/* ---- filling an RX ring from the control thread ---- */

/*
 * Two posting rings: give each its share of what is in the shadow's first places, and post the
 * two in turn. Slots of the queue's own stay with their keys.
 */
static void
halve(struct nic_queue *nq)
{
	const uint32_t places = nq->q.descs / 2u, first = (nq->quota + 1u) / 2;
	const bool own = nq->slots && !nq->slot_of;
	uint32_t from = first; /* the next that the first ring has too many */

	nq->ring[0].share = (uint16_t)first;
	nq->ring[1].share = (uint16_t)(nq->quota - first);
	for (uint32_t i = 0; i < nq->quota; i++)
		nq->order[i] = (uint16_t)(i % 2 * places + i / 2);
	for (uint32_t key = first; key < nq->q.descs; key++) {
		const bool due = (key & (places - 1)) < nq->ring[nic_ring_of(nq, key)].share;

		if (due && !own && key >= nq->quota) {
			nq->shadow[key] = nq->shadow[from];
			nq->shadow[from++] = SHADOW_NONE;
		} else if (!due && (own || key >= nq->quota)) {
			nq->shadow[key] = SHADOW_NONE;
		}
	}
}

static void
post(struct nic_queue *nq)
{
	const struct rx_codec *codec = nic_of(nq->q.port)->ops->rx;
	const struct baton_pool_view *v = &nq->q.views[nq->q.pool->view.index];

	for (uint32_t i = 0; i < nq->q.descs; i++) {
		if (nq->order)
			nq->order[i] = (uint16_t)i;
		if (codec->init)
			codec->init(nq, (uint16_t)i);
	}
	if (codec->two_rings)
		halve(nq);
	for (uint32_t i = 0; i < nq->quota; i++) {
		const uint32_t key = nq->order ? nq->order[i] : i, held = nq->shadow[key];

		codec->put(nq, (uint16_t)i, (uint16_t)key,
			   nq->slots ? dma_slot_iova(nq->slots, held)
				     : v->iova + (uint64_t)held * v->stride + nq->post_off);
		if (codec->two_rings)
			nq->ring[nic_ring_of(nq, key)].posted++;
	}
	nq->in_order = !codec->two_rings;
	nq->refill = nic_refill_least(nq);
	nq->posted = nq->quota;
	if (codec->show)
		codec->show(nq);
}

int
nic_queue_fill(struct nic_queue *nq)
{
	struct baton_queue *q = &nq->q;
	const struct baton_pool_view *v = &q->views[q->pool->view.index];
	const struct rx_codec *codec = nic_of(q->port)->ops->rx;
	const uint32_t most = q->descs - codec->gap * nic_rx_rings(codec);
	unsigned n;

	if (nq->slots) {
		nic_slots_fill(nq, most);
		post(nq);
		return 0;
	}
	if (v->bounce)
		return baton_err(EFAULT, "rxq %u: pool %s is bounced, and the queue has no slots",
				 q->index, q->pool->name);
	nq->quota = (uint16_t)most;
	n = dma_fetch(q->pool, nq->shadow, nq->quota);
	if (n < nq->quota) {
		dma_free_bufs(q->pool, nq->shadow, n);
		memset(nq->shadow, 0xff, n * sizeof(*nq->shadow));
		return baton_err(ENOBUFS,
				 "rxq %u needs %u buffers to start, pool %s has %u free of %u: "
				 "make the pool larger, or free what the application holds",
				 q->index, nq->quota, q->pool->name, n, q->pool->view.count);
	}
	post(nq);
	return 0;
}

/* ---- of struct port_ops: the queue's thread ---- */

/* Whether an armed queue has something for its worker. The caller has executed a full barrier. */
static bool
has_work(const struct nic_queue *nq)
{
	uint32_t missing;

	if (published(nq))
		return true;
	if (nq->q.tx)
		return nq->head == nq->tail;
	missing = nq->quota - nic_queue_in_flight(&nq->q);
	/*
	 * A ring that lacks buffers is filled by polling only, since nobody tells when another
	 * worker has freed some. A queue that could not take the largest packet must not sleep. A
	 * device that says that more is complete than there can be is for the burst.
	 */
	return nic_ring_quota(nq) < missing + nq->q.max_segs ||
	       (nic_of(nq->q.port)->ops->rx->published &&
		nic_of(nq->q.port)->ops->rx->published(nq));
}

int
nic_arm(struct baton_queue *q)
{
	struct nic_queue *nq = nic_queue_of(q);
	const struct nic_ops *ops = nic_of(q->port)->ops;

	if (ops->pci && !nq->vector)
		return baton_err(ENOTSUP, "%s %s %u: the device has no interrupt for it",
				 q->port->name, q->tx ? "txq" : "rxq", q->index);
	ops->arm(nq, true);
	/* The device writes its index before it reads what arm() has written. */
	smp_mb();
	if (has_work(nq))
		event_signal(q->wake_fd);
	return 0;
}

void
nic_disarm(struct baton_queue *q)
{
	nic_of(q->port)->ops->arm(nic_queue_of(q), false);
}

int
nic_tx_clean(struct baton_queue *q, unsigned budget)
{
	return nic_of(q->port)->ops->bursts->tx_clean(nic_queue_of(q), budget);
}

int
nic_rx_peek(struct baton_queue *q, struct baton_peek *peeks, unsigned n)
{
	return nic_of(q->port)->ops->bursts->peek(nic_queue_of(q), peeks, n);
}

DRIVER_EXPORT(nic_queue_setup);
DRIVER_EXPORT(nic_queue_release);
DRIVER_EXPORT(nic_queue_rewind);
DRIVER_EXPORT(nic_queue_empty);
DRIVER_EXPORT(nic_queue_held);
DRIVER_EXPORT(nic_queue_buffers);
DRIVER_EXPORT(nic_queue_in_flight);
DRIVER_EXPORT(nic_completed);
DRIVER_EXPORT(nic_queue_unfinished);
DRIVER_EXPORT(nic_queue_fill);
DRIVER_EXPORT(nic_arm);
DRIVER_EXPORT(nic_disarm);
DRIVER_EXPORT(nic_tx_clean);
DRIVER_EXPORT(nic_rx_peek);
