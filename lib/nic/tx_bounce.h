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

#include "nic/tx_chain.h"

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
		if (baton_unlikely(!nic_tx_is_plain(t, pool, longest, codec) ||
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
		     const struct baton_token *t, unsigned n, nic_ends ends);
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
 * End the CPU's right to packets of several buffers of one bounced pool, each of which fits into a
 * slot, where fewer slots would not hold the packet: no buffer is split. Stop before any other
 * packet, and before one that asks the device for something, which needs a plan. All are given
 * before any is copied, for the reason of nic_rx_validate_run().
 *
 * @n: at most DMA_BATCH. @idx: receives the buffers. Return: the number of buffers of these
 * packets, which have *bytes.
 */
NIC_INLINE unsigned
nic_tx_give_each(struct nic_queue *nq, const struct baton_pool_view *view,
		 const struct baton_token *tokens, unsigned n, uint32_t *idx, nic_ends *ends,
		 uint64_t *bytes, const struct tx_codec *codec)
{
	const struct baton_pool_view v = *view; /* in registers: stores below cannot alias it */
	const uint32_t room = nq->slots->room, most = nq->q.max_segs, max_len = nq->q.max_len;
	const struct baton_token *const end = tokens + n, *t = tokens, *whole = tokens;
	nic_ends bits = 0;

	while (t != end && (t->flags & BATON_TOKEN_CONT) && !csum_wanted(*t) &&
	       !(codec->side && nic_tx_asks(*t))) {
		const struct baton_token *const stop = end - t > most ? t + most : end;
		uint32_t len = codec->header, fits = room - codec->header;

		for (; t != stop; t++, fits = room) {
			if (t->pool != v.index || t->len - 1u >= fits ||
			    !dma_give_raw(&v, v.data_len, t->buf, (uint32_t)t->off + t->len, t->gen,
					  BATON_OWNER_FREE << 16))
				goto out;
			*idx++ = t->buf;
			len += t->len;
			if (!(t->flags & BATON_TOKEN_CONT))
				break;
		}
		if (t == stop)
			break;
		t++;
		if (len - codec->header > max_len || len <= (t - whole - 1) * room)
			break;
		*bytes += len - codec->header;
		bits |= (nic_ends)1 << (t - tokens - 1);
		whole = t;
	}
out:
	*ends = bits;
	while (t != whole)
		dma_ungive(&v, *--t);
	return (unsigned)(whole - tokens);
}

/*
 * Copy and send packets that nic_tx_give_each() took, in the manner of nic_rx_copy_run().
 */
NIC_INLINE void
nic_tx_copy_each(struct nic_queue *nq, const struct baton_pool_view *v,
		 const struct baton_token *tokens, unsigned n, nic_ends ends,
		 const uint32_t *slot_of, const struct tx_codec *codec)
{
	const uint32_t mask = nq->mask, stride = nq->slots->stride, room = v->stride;
	const uint32_t first_slot = slot_of ? 0 : nq->slot0, head = nq->head;
	const uint64_t iova = dma_slot_iova(nq->slots, first_slot);
	uint8_t *const slots = dma_slot(nq->slots, first_slot), *const data = v->data;
	const struct baton_token *t = tokens;
	uint32_t d = head & mask, len = t->len;
	const uint8_t *from = data + (size_t)t->buf * room + t->off;
	size_t at = (size_t)(slot_of ? slot_of[d] : d) * stride;
	bool first = true;

	for (unsigned i = 0; i < n; i++) {
		const struct baton_token *const now = t;
		const bool last = ends >> i & 1;
		const uint32_t hdr = first ? codec->header : 0, l = len;
		const uint8_t *const f = from;
		uint8_t *const to = slots + at;

		codec->put(nq, d, iova + at, l + hdr, first, last, NULL);
		nq->shadow[d] = SHADOW_NONE;
		nq->segs[d] = 0; /* not the first descriptor */
		first = last;
		t += i + 1 < n;
		d = (head + (uint32_t)(t - tokens)) & mask;
		len = t->len;
		from = data + (size_t)t->buf * room + t->off;
		at = (size_t)(slot_of ? slot_of[d] : d) * stride;
		__builtin_prefetch(from);
		__builtin_prefetch(from + BATON_CACHE_LINE);
		nic_prefetch_slot(slots + at);
		memcpy(to + hdr, f, l);
		dma_poison(v, now->buf);
	}
	for (unsigned i = 0; i < n;) {
		const unsigned segs = nic_ends_segs(ends, i);

		d = nq->head & mask;
		if (codec->plain_header)
			codec->plain_header(slots + (size_t)(slot_of ? slot_of[d] : d) * stride);
		nic_tx_record(nq, segs, codec);
		nic_tx_report_run(nq, NIC_TX_REPORT, codec);
		i += segs;
	}
}

NIC_INLINE int
nic_tx_bounce_chain(struct nic_queue *nq, const struct baton_token *t, unsigned n, bool first,
		    uint64_t *sum, const struct tx_bounce_loops *loops,
		    const struct tx_codec *codec)
{
	const struct baton_pool_view *const v = &nq->q.views[t->pool];
	struct dma_cache *const c =
		v->count && v->bounce ? dma_cache(queue_worker(&nq->q), v->pool) : NULL;
	unsigned most = nic_tx_room(nq, codec);
	nic_ends ends;

	if (baton_likely(c != NULL)) {
		most = most < n ? most : n;
		most = most < c->batch ? most : c->batch;
		if (baton_unlikely(nq->slot_of != NULL))
			most = dma_slot_reserve(nq->slot_cache, most);
		dma_cache_room(c, most);
		most = nic_tx_give_each(nq, v, t, most, c->idx + c->n, &ends, sum, codec);
	}
	if (baton_unlikely(!c || !most))
		return loops->chain(nq, t, n, first, sum);
	if (baton_unlikely(nq->slot_of != NULL))
		nic_tx_fetch_slots(nq, nq->head, most);
	loops->each(nq, v, t, most, ends);
	dma_cache_set(c, c->n + most);
	return (int)most;
}

/* ---- completions ---- */

/** tx.c: free packets at the tail that are in several slots each, and that all are complete.
 * Return: how many of @n. */
unsigned nic_tx_release_chains(struct nic_queue *nq, unsigned n);

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
	if (!i && nic_tx_release_chains(nq, 1))
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
