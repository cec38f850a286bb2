/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The queues of a port that are bounced, and their slots: how many they need, and when they get and
 * return them.
 */
#include <stdlib.h>

#include "virtio.h"

static bool
rx_bounced(const struct baton_port *port, unsigned i)
{
	return port->views[port->rxq[i]->pool->view.index].bounce;
}

static bool
tx_bounced(const struct baton_port *port)
{
	for (unsigned i = 0; i < BATON_MAX_POOLS; i++)
		if (port->views[i].count && port->views[i].bounce)
			return true;
	return false;
}

void
virtio_slots_need(const struct virtio_dev *vd, struct dma_slots_need *rx, struct dma_slots_need *tx)
{
	const struct baton_port *port = &vd->port;
	const uint32_t longest = port_frame_max(port->info.max_mtu) + NET_HDR_LEN;
	uint32_t descs = TX_MAX_SEGS;

	*rx = *tx = (struct dma_slots_need){ .header = NET_HDR_LEN };
	for (unsigned i = 0; i < port->info.rx_queues; i++) {
		const struct virtq *vq = virtq_of_const(port->rxq[i]);

		if (!rx_bounced(port, i))
			continue;
		rx->queues++;
		rx->keys += vq->q.descs;
		rx->least = rx->least > vq->q.max_segs ? rx->least : vq->q.max_segs;
		rx->room = rx->room > vq->posted_len ? rx->room : vq->posted_len;
	}
	if (!tx_bounced(port))
		return;
	for (unsigned i = 0; i < port->info.tx_queues; i++) {
		const struct baton_queue *q = port->txq[i];

		tx->queues++;
		tx->keys += q->descs;
		descs = q->max_segs < descs ? q->max_segs : descs;
	}
	/* The smallest ring must be able to send the longest packet. */
	tx->room = NET_HDR_LEN + DMA_SLOT_BYTES;
	if (tx->room * descs < longest)
		tx->room = (longest + descs - 1) / descs;
	tx->least = (longest + tx->room - 1) / tx->room;
}

int
virtq_slots_attach(struct virtq *vq, struct virtio_dev *vd, uint32_t first)
{
	struct dma_slots *s = vq->q.tx ? &vd->port.reach.tx : &vd->port.reach.rx;

	vq->slots = NULL;
	vq->quota = (uint16_t)vq->q.descs;
	if (!s->count || !(vq->q.tx || rx_bounced(&vd->port, vq->q.index)))
		return 0;
	vq->slots = s;
	vq->slot0 = first;
	if (!s->shared)
		return 0;
	vq->slot_of = malloc(vq->q.descs * sizeof(*vq->slot_of));
	if (!vq->slot_of)
		return baton_err(ENOMEM, "no memory for the slots of %u descriptors", vq->q.descs);
	memset(vq->slot_of, 0xff, vq->q.descs * sizeof(*vq->slot_of));
	vq->slot_cache = dma_slot_cache(s, 0);
	return vq->slot_cache ? 0 : -ENOMEM;
}

/*
 * Fill a ring with shared slots. Each queue posts as many slots as the others, so that no queue is
 * without. Return: the number of slots in its shadow.
 */
static uint32_t
take_share(struct virtq *vq)
{
	uint32_t share = vq->slots->count / vq->slots->queues, n = 0;

	if (share > vq->q.descs)
		share = vq->q.descs;
	while (n < share && dma_slot_reserve(vq->slot_cache, 1))
		vq->shadow[n++] = dma_slot_pop(vq->slot_cache);
	dma_slot_flush(vq->slot_cache);
	return n;
}

void
virtq_slots_fill(struct virtq *vq)
{
	uint32_t n = vq->slot_of ? take_share(vq) : vq->q.descs;

	vq->quota = (uint16_t)n;
	for (uint32_t i = 0; i < vq->q.descs; i++) {
		if (!vq->slot_of)
			vq->shadow[i] = vq->slot0 + i;
		vq->order[i] = (uint16_t)i;
		vq->desc[i] = (struct vring_desc){ .len = htole32(vq->posted_len),
						   .flags = htole16(VRING_DESC_F_WRITE) };
		if (i < n)
			vq->desc[i].addr = htole64(dma_slot_iova(vq->slots, vq->shadow[i]));
	}
}

/* Return a slot that is in no cache and no ring. */
static void
put(struct virtq *vq, uint32_t slot)
{
	if (slot == DMA_SLOT_NONE)
		return;
	dma_slot_push(vq->slot_cache, slot);
	dma_slot_settle(vq->slot_cache);
}

static void
empty_rx(struct virtq *vq)
{
	/* The slots that were completed and not posted again. */
	for (uint16_t pos = (uint16_t)(vq->avail_idx - vq->quota); pos != vq->used_idx; pos++)
		put(vq, vq->slot_of[pos & vq->mask]);
	for (uint32_t i = 0; i < vq->q.descs; i++) {
		if (virtq_posted(vq, i))
			put(vq, vq->shadow[i]);
		vq->shadow[i] = SHADOW_NONE;
	}
}

void
virtq_slots_empty(struct virtq *vq)
{
	if (!vq->slot_of || !vq->slot_cache)
		return;
	if (!vq->q.tx)
		empty_rx(vq);
	for (uint32_t i = 0; vq->q.tx && i < vq->q.descs; i++)
		put(vq, vq->slot_of[i]);
	memset(vq->slot_of, 0xff, vq->q.descs * sizeof(*vq->slot_of));
	if (!vq->q.tx) /* a TX queue keeps its slots while it is stopped */
		dma_slot_flush(vq->slot_cache);
}

void
virtq_slots_detach(struct virtq *vq)
{
	dma_slot_cache_free(vq->slot_cache);
	free(vq->slot_of);
	vq->slot_cache = NULL;
	vq->slot_of = NULL;
	vq->slots = NULL;
}
