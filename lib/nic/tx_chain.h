/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Send packets of any kind: of several buffers, without headroom, with a checksum to fill in, of a
 * bounced pool. A packet is planned and checked; then its descriptors are written.
 */
#ifndef BATON_NIC_TX_CHAIN_H
#define BATON_NIC_TX_CHAIN_H

#include "nic/tx.h"

/* ---- tx_plan.c: packets that are not plain, up to the descriptors ---- */

/**
 * Measure the packet at p->t, of at most @n tokens: p->len, p->segs, p->slots. Return: 1; 0 for an
 * error that is not due yet; a negative errno.
 */
int nic_tx_measure(struct nic_queue *nq, struct tx_plan *p, unsigned n, bool first,
		   uint32_t header);

/** Check that the planned descriptors are not too many for a packet. Return: as above. */
int nic_tx_check(struct nic_queue *nq, const struct tx_plan *p, bool first);

/**
 * End the CPU's right to its buffers, and see to its checksum: the device's if p->offload. Return:
 * as above. Nothing is changed unless that is 1.
 */
int nic_tx_give(struct nic_queue *nq, struct tx_plan *p, bool first);

/* ---- tx.c: slots, and buffers that were copied ---- */

/** Whether there are @n slots. Missing slots are counted. */
bool nic_tx_slots_ready(struct nic_queue *nq, unsigned n);

/** Shared slots: take @n of the cache, which has them, for the descriptors from @pos on. */
void nic_tx_fetch_slots(struct nic_queue *nq, uint16_t pos, unsigned n);

/** Shared slots: return those of at most DMA_SLOT_BURST descriptors, each of which has one. */
void nic_tx_return_slots(struct nic_queue *nq, uint16_t pos, unsigned n);

/** Put the buffers of a packet that was copied into the worker's cache. */
void nic_tx_free_sources(struct nic_queue *nq, const struct tx_plan *p);

NIC_INLINE uint32_t
nic_tx_slot_at(const struct nic_queue *nq, uint32_t d)
{
	return baton_unlikely(nq->slot_of != NULL) ? nq->slot_of[d] : nq->slot0 + d;
}

/* Copy the packet into slots, for the descriptors from @from on, and free its buffers. */
NIC_INLINE void
nic_tx_put_slots(struct nic_queue *nq, uint16_t from, const struct tx_plan *p,
		 const struct tx_codec *codec)
{
	const uint32_t room = nq->slots->room;
	uint32_t seg = 0, seg_at = 0, left = p->len + codec->header;

	if (baton_unlikely(nq->slot_of != NULL))
		nic_tx_fetch_slots(nq, from, p->slots);
	for (unsigned i = 0; i < p->slots; i++) {
		const uint32_t d = (from + i) & nq->mask, slot = nic_tx_slot_at(nq, d),
			       len = left < room ? left : room;
		uint8_t *to = dma_slot(nq->slots, slot);
		uint32_t at = 0;

		if (!i && codec->header) {
			codec->write_header(nq, to, p);
			at = codec->header;
		}
		while (at < len) {
			const struct baton_token t = p->t[seg];
			const struct baton_pool_view *v = &nq->q.views[t.pool];
			const uint32_t k = t.len - seg_at < len - at ? t.len - seg_at : len - at;

			dma_copy(to + at, v->data + (size_t)t.buf * v->stride + t.off + seg_at, k);
			at += k;
			seg_at += k;
			if (seg_at == t.len) {
				seg++;
				seg_at = 0;
			}
		}
		left -= len;
		nq->shadow[d] = SHADOW_NONE;
		nq->segs[d] = 0; /* not the first descriptor */
		codec->put(nq, d, dma_slot_iova(nq->slots, slot), len, !i, !left, p);
	}
	nic_tx_free_sources(nq, p);
}

/* The same without copying. */
NIC_INLINE void
nic_tx_put_buffers(struct nic_queue *nq, uint16_t from, const struct tx_plan *p,
		   const struct tx_codec *codec)
{
	for (unsigned i = 0; i < p->segs; i++) {
		const uint16_t d = (uint16_t)(from + i) & nq->mask;
		const struct baton_token t = p->t[i];
		const struct baton_pool_view *v = &nq->q.views[t.pool];
		const uint32_t hdr = i || p->header_apart ? 0 : codec->header;
		const uint64_t at = (uint64_t)t.buf * v->stride + t.off - hdr;

		if (hdr)
			codec->write_header(nq, v->data + at, p);
		nq->shadow[d] = SHADOW(t.pool, t.buf);
		nq->segs[d] = 0; /* not a key */
		codec->put(nq, d, v->iova + at, t.len + hdr, !i, i + 1 == p->segs, p);
		dma_poison(v, t.buf);
	}
}

/*
 * Send a packet of any kind, of one buffer or a chain of them. Return: the number of its tokens; 0
 * if there is no room, or an error is not due yet; a negative errno. Nothing is changed unless the
 * packet is sent.
 */
NIC_INLINE int
nic_tx_chain(struct nic_queue *nq, const struct baton_token *t, unsigned n, bool first,
	     uint64_t *bytes, const struct tx_codec *codec)
{
	struct tx_plan p = { .t = t };
	uint16_t from;
	unsigned descs;
	int ret = nic_tx_measure(nq, &p, n, first, codec->header);

	if (ret <= 0)
		return ret;
	if (codec->plan)
		codec->plan(nq, &p);
	else
		p.offload = nq->q.port->offloads &
			    (BATON_OFFLOAD_TX_CSUM | BATON_OFFLOAD_TX_TSO | BATON_OFFLOAD_TX_USO);
	ret = nic_tx_check(nq, &p, first);
	if (ret <= 0)
		return ret;
	descs = p.extra + (p.slots ? p.slots : p.segs);
	if (descs > nic_tx_room(nq, codec) || (p.slots && !nic_tx_slots_ready(nq, p.slots))) {
		queue_full(&nq->q, t, n);
		return 0;
	}
	ret = nic_tx_give(nq, &p, first);
	if (ret <= 0)
		return ret;
	if (codec->told && p.extra && codec->told(nq, &p)) {
		descs -= p.extra;
		p.extra = 0;
	}
	from = (uint16_t)(nq->head + p.extra);
	for (uint16_t d = nq->head; d != from; d++) {
		nq->shadow[d & nq->mask] = SHADOW_NONE;
		nq->segs[d & nq->mask] = 0;
	}
	if (p.extra)
		codec->extra(nq, nq->head & nq->mask, &p);
	if (p.slots)
		nic_tx_put_slots(nq, from, &p, codec);
	else
		nic_tx_put_buffers(nq, from, &p, codec);
	nic_tx_record(nq, descs, codec);
	*bytes += p.len;
	return (int)p.segs;
}

#endif
