/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Send through slots: exactly the bytes of a packet are copied, after the device's header, into as
 * few slots as hold them, and its buffers are free at once. Descriptor i always has slot i; where
 * the queues share slots, a slot of the queue's cache.
 *
 * Packets of pools that the device can access are sent from their buffers, through the same ring.
 */
#ifndef BATON_NIC_TX_BOUNCE_H
#define BATON_NIC_TX_BOUNCE_H

#include "nic/tx.h"

#define NIC_TX_AHEAD 8 /* slots to prefetch ahead */

/* Prefetch a line that will be written. The CPU of the device has read it last. */
static inline void
nic_prefetch_slot(const uint8_t *slot)
{
	dma_prefetch_write(slot);
	dma_prefetch_write(slot + BATON_CACHE_LINE);
}

/*
 * Post the packets that nic_tx_post() would, but of a bounced pool, with or without headroom. Where
 * slots are shared, the slots of @n descriptors from the head on were fetched. Return: the number
 * of packets taken.
 */
NIC_INLINE unsigned
nic_tx_copy_plain(struct nic_queue *nq, const struct baton_pool_view *v, struct dma_cache *c,
		  const struct baton_token *tokens, unsigned n, uint64_t *sum,
		  const uint32_t *slot_of, const struct tx_codec *codec)
{
	const struct tx_cursor cursor = nic_tx_cursor(nq, codec);
	const uint32_t mask = nq->mask, pool = v->index, stride = nq->slots->stride,
		       first = slot_of ? 0 : nq->slot0, room = nq->slots->room - codec->header;
	const uint32_t longest = room < nq->q.max_len ? room : nq->q.max_len;
	uint8_t *const slots = dma_slot(nq->slots, first);
	const uint64_t iova = dma_slot_iova(nq->slots, first);
	uint32_t *const shadow = nq->shadow, *idx = c->idx + c->n;
	const struct baton_token *const end = tokens + n, *t;
	uint32_t pos = nq->head;
	uint64_t bytes = 0;

	for (t = tokens; t != end; t++) {
		const uint32_t d = pos++ & mask, ahead = (d + NIC_TX_AHEAD) & mask, buf = t->buf,
			       off = t->off, len = t->len;
		size_t at;

		if (slot_of && end - t > NIC_TX_AHEAD)
			nic_prefetch_slot(slots + (size_t)slot_of[ahead] * stride);
		else if (!slot_of)
			nic_prefetch_slot(slots + (size_t)ahead * stride);
		if (baton_unlikely(t->pool != pool || (t->flags & BATON_TOKEN_CONT) ||
				   csum_wanted(*t) || len - 1 >= longest ||
				   !dma_give_raw(v, v->data_len, buf, off + len, t->gen,
						 BATON_OWNER_FREE << 16)))
			break;
		at = (size_t)(slot_of ? slot_of[d] : d) * stride;
		if (codec->plain_header)
			codec->plain_header(slots + at);
		dma_copy(slots + at + codec->header, v->data + (size_t)buf * v->stride + off, len);
		nic_tx_put_plain(nq, &cursor, d, iova + at, len + codec->header, codec);
		shadow[d] = SHADOW_NONE;
		*idx++ = buf;
		dma_poison(v, buf);
		bytes += len;
	}
	dma_cache_set(c, (uint32_t)(idx - c->idx));
	*sum += bytes;
	return (unsigned)(t - tokens);
}

/* The functions of a bounced burst that a codec has as its own. All are constants. */
struct tx_bounce_loops {
	/* nic_tx_copy_plain(); own slots. Not inlined: the loop needs every register. */
	unsigned (*own)(struct nic_queue *nq, const struct baton_pool_view *v, struct dma_cache *c,
			const struct baton_token *tokens, unsigned n, uint64_t *sum);
	/* The same with shared slots: nic_tx_copy_shared(). */
	unsigned (*shared)(struct nic_queue *nq, const struct baton_pool_view *v,
			   struct dma_cache *c, const struct baton_token *tokens, unsigned n,
			   uint64_t *sum);
	/* nic_tx_post() */
	unsigned (*direct)(struct nic_queue *nq, const struct baton_token *tokens, unsigned n,
			   uint64_t *sum);
	/* nic_tx_copy_each() */
	void (*each)(struct nic_queue *nq, const struct baton_pool_view *v,
		     const struct baton_token *t, unsigned n, uint32_t *idx);
	/* nic_tx_chain() */
	int (*chain)(struct nic_queue *nq, const struct baton_token *tokens, unsigned n, bool first,
		     uint64_t *bytes);
};

NIC_INLINE unsigned
nic_tx_copy_shared(struct nic_queue *nq, const struct baton_pool_view *v, struct dma_cache *c,
		   const struct baton_token *tokens, unsigned n, uint64_t *sum,
		   const struct tx_codec *codec)
{
	unsigned done;

	nic_tx_fetch_slots(nq, nq->head, n);
	done = nic_tx_copy_plain(nq, v, c, tokens, n, sum, nq->slot_of, codec);
	nic_tx_return_slots(nq, (uint16_t)(nq->head + done), n - done);
	return done;
}

NIC_INLINE unsigned
nic_tx_bounce_post(struct nic_queue *nq, const struct baton_token *tokens, unsigned n,
		   uint64_t *sum, const struct tx_bounce_loops *loops)
{
	const struct baton_pool_view *v = &nq->q.views[n ? tokens->pool : 0];
	struct dma_cache *c;

	if (!n || !v->count || (tokens->flags & BATON_TOKEN_CONT))
		return 0; /* nic_tx_chain() sends it, or returns the error */
	if (!v->bounce)
		return loops->direct(nq, tokens, n, sum);
	c = dma_cache(queue_worker(&nq->q), v->pool);
	if (!c)
		return 0;
	n = n < c->batch ? n : c->batch;
	if (nq->slot_of)
		n = dma_slot_reserve(nq->slot_cache, n);
	if (!n)
		return 0;
	dma_cache_room(c, n);
	return nq->slot_of ? loops->shared(nq, v, c, tokens, n, sum)
			   : loops->own(nq, v, c, tokens, n, sum);
}

/* ---- packets of several buffers, a slot each ---- */

/*
 * Check for a packet of several buffers of one bounced pool, each of which fits into a slot, if
 * fewer slots would not hold it: no buffer is split. Return: the number of buffers, which are given
 * then; 0 for any other packet.
 */
NIC_INLINE unsigned
nic_tx_give_each(struct nic_queue *nq, const struct baton_pool_view *v, const struct baton_token *t,
		 unsigned n, uint32_t *bytes, const struct tx_codec *codec)
{
	const uint32_t room = nq->slots->room, most = n < nq->q.max_segs ? n : nq->q.max_segs,
		       pool = v->index;
	uint32_t len = codec->header, fits = room - codec->header;
	bool more = true;
	unsigned i;

	for (i = 0; more && i < most; i++, fits = room) {
		if (t[i].pool != pool || t[i].len - 1u >= fits ||
		    !dma_give_raw(v, v->data_len, t[i].buf, (uint32_t)t[i].off + t[i].len, t[i].gen,
				  BATON_OWNER_FREE << 16))
			break;
		len += t[i].len;
		more = t[i].flags & BATON_TOKEN_CONT;
	}
	*bytes = len - codec->header;
	if (baton_likely(!more && *bytes <= nq->q.max_len && len > (i - 1) * room))
		return i;
	while (i-- > 0)
		dma_ungive(v, t[i]);
	return 0;
}

/*
 * Two passes: there is no call between the stores of the first, and the second has little to keep
 * across its calls.
 */
NIC_INLINE void
nic_tx_copy_each(struct nic_queue *nq, const struct baton_pool_view *v, const struct baton_token *t,
		 unsigned n, uint32_t *idx, const struct tx_codec *codec)
{
	const uint32_t mask = nq->mask, head = nq->head,
		       stride = nq->slots->stride, *const slot_of = nq->slot_of;
	const uint32_t first = slot_of ? 0 : nq->slot0, room = v->stride;
	const uint64_t iova = dma_slot_iova(nq->slots, first);
	uint8_t *const slots = dma_slot(nq->slots, first), *const data = v->data;
	uint32_t *const shadow = nq->shadow;
	uint8_t *const segs = nq->segs;
	uint32_t hdr = codec->header;

	for (unsigned i = 0; i < n; i++, hdr = 0) {
		const uint32_t d = (head + i) & mask;

		codec->put(nq, d, iova + (uint64_t)(slot_of ? slot_of[d] : d) * stride,
			   t[i].len + hdr, !i, i + 1 == n, NULL);
		shadow[d] = SHADOW_NONE;
		segs[d] = 0; /* not the first descriptor */
		idx[i] = t[i].buf;
	}
	hdr = codec->header;
	if (codec->plain_header)
		codec->plain_header(slots + (size_t)(slot_of ? slot_of[head & mask] : head & mask) *
						    stride);
	for (unsigned i = 0; i < n; i++, hdr = 0) {
		const uint32_t d = (head + i) & mask;
		const size_t at = (size_t)(slot_of ? slot_of[d] : d) * stride + hdr;

		memcpy(slots + at, data + (size_t)t[i].buf * room + t[i].off, t[i].len);
		dma_poison(v, t[i].buf);
	}
}

NIC_INLINE int
nic_tx_bounce_chain(struct nic_queue *nq, const struct baton_token *t, unsigned n, bool first,
		    uint64_t *sum, const struct tx_bounce_loops *loops,
		    const struct tx_codec *codec)
{
	const struct baton_pool_view *const v = &nq->q.views[t->pool];
	const unsigned room = nic_tx_room(nq, codec);
	struct dma_cache *c = queue_worker(&nq->q)->caches[t->pool];
	uint32_t bytes;
	unsigned segs;

	if (!v->count || !v->bounce || !c || csum_wanted(*t) || c->batch < nq->q.max_segs ||
	    !(segs = nic_tx_give_each(nq, v, t, n < room ? n : room, &bytes, codec)))
		return loops->chain(nq, t, n, first, sum);
	if (!nic_tx_slots_ready(nq, segs)) {
		for (unsigned i = 0; i < segs; i++)
			dma_ungive(v, t[i]);
		queue_full(&nq->q, t, n);
		return 0;
	}
	if (baton_unlikely(nq->slot_of != NULL))
		nic_tx_fetch_slots(nq, nq->head, segs);
	dma_cache_room(c, segs);
	loops->each(nq, v, t, segs, c->idx + c->n);
	dma_cache_set(c, c->n + segs);
	nic_tx_chain_done(nq, segs, codec);
	*sum += bytes;
	return (int)segs;
}

/* ---- completions ---- */

/** tx.c: free a packet in several slots at the tail. Return: the number of packets freed, 1 or 0.
 */
unsigned nic_tx_release_chain(struct nic_queue *nq);

/* As nic_tx_release(), also for packets in slots. */
NIC_INLINE unsigned
nic_tx_bounce_release(struct nic_queue *nq, unsigned n, const struct tx_codec *codec)
{
	const uint32_t *const shadow = nq->shadow;
	const uint8_t *const segs = nq->segs;
	const uint32_t mask = nq->mask, tail = nq->tail;
	unsigned i;

	n = n < DMA_SLOT_BURST ? n : DMA_SLOT_BURST;
	for (i = 0; i < n; i++) {
		const uint32_t d = (tail + i) & mask;

		if (segs[d] != 1 || shadow[d] != SHADOW_NONE)
			break;
	}
	if (!i && nic_tx_release_chain(nq))
		return 1;
	if (!i)
		return nic_tx_release(nq, n, codec);
	if (baton_unlikely(nq->slot_of != NULL))
		nic_tx_return_slots(nq, nq->tail, i);
	nq->tail = (uint16_t)(tail + i);
	return i;
}

NIC_INLINE int
nic_tx_bounce(struct baton_queue *q, const struct baton_token *tokens, unsigned n,
	      const struct tx_loops *loops, const struct tx_codec *codec)
{
	struct nic_queue *nq = nic_queue_of(q);

	/* Shared slots are returned before half of the ring is full, which may never happen. */
	if (baton_unlikely(nq->slot_of != NULL)) {
		int ret = nic_tx_reclaim(nq, UINT16_MAX, loops, codec);

		if (baton_unlikely(ret < 0))
			return ret;
	}
	return nic_tx_burst(q, tokens, n, loops, codec);
}

#endif
