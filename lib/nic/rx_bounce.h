/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Receiving through slots. The device writes to the slot of a key; a packet that was completed, and
 * whose completion was validated as on direct memory (rx.h), is copied: exactly its bytes, into a
 * private buffer that was freed last and is in the cache still. Without a buffer a packet stays
 * with the device.
 *
 * A key is posted again with its own slot, so the address of its descriptor never changes. Where
 * the queues share slots, fewer keys than the ring has places are posted, `quota`, and the slot
 * completed at position p is posted at position p + quota.
 */
#ifndef BATON_NIC_RX_BOUNCE_H
#define BATON_NIC_RX_BOUNCE_H

#include "nic/rx.h"

#define NIC_RX_AHEAD 8u /* slots to prefetch ahead */

/* Copy exactly @len bytes of a slot, from @from on, into a buffer of the CPU. */
NIC_INLINE struct baton_token
nic_rx_copy(const struct baton_pool_view *v, uint32_t buf, uint16_t off, const uint8_t *from,
	    uint32_t len)
{
	const struct baton_token t = nic_rx_token(v, buf, off, len);

	dma_copy(v->data + (size_t)buf * v->stride + off, from, len);
	return t;
}

/* ---- posting ---- */

/* Post @n keys that are at their places, with slots of their own, to a device that has destroyed
 * the descriptors. */
NIC_INLINE void
nic_rx_post_own(struct nic_queue *nq, unsigned n, const struct rx_codec *codec)
{
	const uint64_t iova = dma_slot_iova(nq->slots, nq->slot0);
	const uint32_t mask = nq->mask, stride = nq->slots->stride;
	const uint16_t posted = nq->posted;

	for (unsigned i = 0; i < n; i++) {
		const uint16_t pos = (uint16_t)(posted + i), at = pos & mask;

		codec->put(nq, pos, at, iova + (uint64_t)at * stride);
	}
}

/* Post @n keys, whatever their slots and places. */
NIC_INLINE void
nic_rx_post_slots(struct nic_queue *nq, unsigned n, const struct rx_codec *codec)
{
	if (!codec->again && !codec->any_order && baton_likely(!nq->slot_of)) {
		nic_rx_post_own(nq, n, codec);
		return;
	}
	for (unsigned i = 0; i < n; i++) {
		const uint16_t pos = (uint16_t)(nq->posted + i), at = pos & nq->mask;
		const uint16_t key = codec->any_order && !nq->in_order ? nq->order[at] : at;
		const uint32_t slot = nq->slot_of
					      ? nq->slot_of[(uint16_t)(pos - nq->quota) & nq->mask]
					      : nq->slot0 + key;

		nq->shadow[key] = slot;
		if (nq->slot_of || !codec->again)
			codec->put(nq, pos, key, dma_slot_iova(nq->slots, slot));
		else
			codec->again(nq, pos, key);
		if (codec->two_rings)
			nq->ring[nic_ring_of(nq, key)].posted++;
	}
}

/* Post all completed slots again. @post: nic_rx_post_slots() of this codec. */
NIC_INLINE void
nic_rx_post_again(struct nic_queue *nq, void (*post)(struct nic_queue *nq, unsigned n),
		  const struct rx_codec *codec)
{
	const unsigned n = nq->quota - (uint16_t)(nq->posted - nq->done);

	if (codec->any_order && !codec->two_rings && baton_unlikely(!nq->in_order))
		nic_rx_reorder(nq, nq->done, codec->restore);
	if (!codec->again || baton_unlikely(nq->slot_of || !nq->in_order))
		post(nq, n);
	nq->posted = (uint16_t)(nq->posted + n);
	codec->commit(nq);
}

/* ---- receiving ---- */

NIC_INLINE void
nic_rx_slot_consumed(struct nic_queue *nq, uint16_t pos, uint32_t slot)
{
	if (nq->slot_of)
		nq->slot_of[pos & nq->mask] = slot;
}

/*
 * Receive a packet of any kind at r->pos. The cache has max_segs buffers. Return: 1; 0: none is
 * complete; -EIO after a violation.
 */
NIC_INLINE int
nic_rx_bounce_one(struct nic_queue *nq, const struct baton_pool_view *v, struct baton_token *t,
		  uint16_t published, unsigned mode, struct rx_counts *r,
		  const struct rx_codec *codec)
{
	struct rx_entry list[NIC_RX_MAX_SEGS]; /* `counts_segs` uses the first only */
	struct dma_cache *c = nq->q.cache;
	const uint16_t pos = r->pos;
	const uint32_t skip = nic_rx_skip(nq, mode, codec);
	struct rx_first f;
	unsigned n = 1;
	uint32_t total;
	int bad, ret = nic_rx_first(nq, v, published, mode, r, list, &f, true, codec);
	bool good;

	if (f.held != SHADOW_NONE)
		nic_rx_slot_consumed(nq, pos, f.held);
	if (baton_unlikely(ret <= 0))
		return ret;
	bad = list[0].bad - 1;
	total = f.len;
	good = f.len || f.segs == 1;
	t[0] = nic_rx_copy(v, dma_cache_pop(c), (uint16_t)(nq->post_off + skip), f.hdr + skip,
			   f.len);
	for (unsigned i = 1; i < f.segs; i++) {
		struct rx_entry *e = codec->counts_segs ? &list[0] : &list[i];
		const uint32_t slot =
			nic_rx_completion(nq, r->pos, (uint16_t)(published - i), e, codec);

		if (baton_unlikely(slot == SHADOW_NONE)) {
			nic_rx_untake(nq, v, t, n);
			return -EIO;
		}
		nic_rx_slot_consumed(nq, r->pos++, slot);
		if (!e->len)
			continue;
		t[n - 1].flags |= BATON_TOKEN_CONT;
		t[n++] = nic_rx_copy(v, dma_cache_pop(c), nq->post_off, dma_slot(nq->slots, slot),
				     e->len);
		total += e->len;
	}
	if (!MUST(rx_runt, good && total >= NIC_ETH_HLEN))
		bad = RX_ERROR_RUNT;
	return nic_rx_deliver(nq, v, t, n, total, bad, f.meta, f.hdr, pos, mode, r, codec);
}

/* ---- packets of several buffers, completed in ring order ---- */

/* Packets whose completions were validated. */
struct rx_run {
	nic_ends ends;
	uint32_t len[DMA_BATCH];   /* bytes in a slot */
	uint32_t total[DMA_BATCH]; /* by a packet's first buffer: its bytes */
};

/*
 * Validate packets of several buffers from @pos on, among @n completions, as far as
 * nic_rx_bounce_one() would accept them; it reads the others again. All are validated before any is
 * copied: a branch on what was loaded is slow while copies keep memory busy. Return: the number of
 * their buffers.
 */
NIC_INLINE unsigned
nic_rx_validate_run(const struct nic_queue *nq, uint16_t pos, unsigned n, struct rx_run *run,
		    const struct rx_codec *codec)
{
	const struct rx_cursor cursor = nic_rx_cursor(nq, codec);
	const uint32_t mask = nq->mask, stride = nq->slots->stride, room = nq->posted_len;
	const uint8_t *const slots = dma_slot(nq->slots, nq->slot0);
	unsigned i = 0, whole = 0;

	run->ends = 0;
	while (i < n) {
		const uint8_t *const hdr = slots + (size_t)((pos + i) & mask) * stride;
		const uint32_t segs = codec->segs(hdr);
		uint32_t total = 0, len;
		uint8_t flags;

		if (segs - 2 >= nq->q.max_segs - 1u || segs > n - i)
			break;
		for (const unsigned end = i + segs; i < end; i++) {
			if (!codec->plain(&cursor, (pos + i) & mask, hdr, 0, &len, &flags) ||
			    !MUST(rx_plain_len, len - 1 < room))
				return whole;
			run->len[i] = len;
			total += len;
		}
		if (run->len[whole] <= codec->header || total < codec->header + NIC_ETH_HLEN)
			break;
		run->total[whole] = total - codec->header;
		run->ends |= (nic_ends)1 << (i - 1);
		whole = i;
	}
	return whole;
}

/*
 * Copy @n buffers, from position @pos on. What a buffer needs besides its copy is done right before
 * the copy and without branches, so the CPU does it while it waits for the copies before. What is
 * loaded for the next copy is loaded before this one.
 */
NIC_INLINE void
nic_rx_copy_run(struct nic_queue *nq, const struct baton_pool_view *v, struct baton_token *t,
		uint16_t pos, const struct rx_run *run, unsigned n, const struct rx_codec *codec)
{
	const uint32_t mask = nq->mask, stride = nq->slots->stride, room = v->stride;
	const uint8_t *const slots = dma_slot(nq->slots, nq->slot0);
	const uint32_t *top = nq->q.cache->idx + nq->q.cache->n - 1; /* the next buffer */
	uint8_t *const data = v->data + nq->post_off;
	const uint8_t *from = slots + (size_t)(pos & mask) * stride;
	uint8_t *to = data + (size_t)*top * room;
	uint32_t len = run->len[0];
	bool first = true;

	for (unsigned i = 0; i < n; i++) {
		const unsigned next = i + 1 < n ? i + 1 : i;
		const bool last = run->ends >> i & 1;
		const uint32_t skip = first ? codec->header : 0, l = len - skip;
		const uint8_t *const f = from + skip;
		uint8_t *const b = to + skip;

		t[i] = nic_rx_token(v, *top, (uint16_t)(nq->post_off + skip), l);
		t[i].flags = last ? 0 : BATON_TOKEN_CONT;
		first = last;
		top -= next - i;
		to = data + (size_t)*top * room;
		from = slots + (size_t)((pos + next) & mask) * stride;
		len = run->len[next];
		dma_prefetch_write(to);
		dma_prefetch_write(to + BATON_CACHE_LINE);
		__builtin_prefetch(from + BATON_CACHE_LINE);
		__builtin_prefetch(from + 2 * BATON_CACHE_LINE);
		memcpy(b, f, l);
	}
}

/* Deliver the packets of @n buffers from r->pos on, whose tokens begin at @tokens[r->tokens]. */
NIC_INLINE void
nic_rx_deliver_run(struct nic_queue *nq, const struct baton_pool_view *v,
		   struct baton_token *tokens, const struct rx_run *run, unsigned n, unsigned mode,
		   struct rx_counts *r, const struct rx_codec *codec)
{
	const struct baton_token *const copied = tokens + r->tokens;
	const uint8_t *const slots = dma_slot(nq->slots, nq->slot0);

	for (unsigned i = 0, segs; i < n; i += segs) {
		struct baton_token *const t = tokens + r->tokens;
		const uint8_t *const hdr = slots + (size_t)(r->pos & nq->mask) * nq->slots->stride;

		segs = nic_ends_segs(run->ends, i);
		if (baton_unlikely(t != copied + i)) /* one before it was dropped */
			memmove(t, copied + i, segs * sizeof(*t));
		r->pos = (uint16_t)(r->pos + segs);
		nic_rx_deliver(nq, v, t, segs, run->total[i], RX_GOOD,
			       (mode & NIC_MODE_META) && codec->meta ? codec->meta(hdr) : 0, hdr,
			       (uint16_t)(r->pos - segs), mode, r, codec);
	}
}

/*
 * Receive a packet of any kind at r->pos, or several of several buffers, of @n completions. The
 * cache has max_segs buffers. Return: as nic_rx_bounce_one().
 */
NIC_INLINE int
nic_rx_bounce_some(struct nic_queue *nq, const struct baton_pool_view *v,
		   struct baton_token *tokens, unsigned n, uint16_t published, unsigned mode,
		   struct rx_counts *r, const struct rx_codec *codec)
{
	if (codec->counts_segs && !codec->two_rings &&
	    (mode & (NIC_MODE_SEGS | NIC_MODE_INFO)) == NIC_MODE_SEGS &&
	    baton_likely(!nq->slot_of && nic_rx_may_run(nq, codec))) {
		struct dma_cache *const c = nq->q.cache;
		unsigned most = n - r->tokens < published ? n - r->tokens : published;
		struct rx_run run;

		most = most < c->n ? most : c->n;
		most = nic_rx_validate_run(nq, r->pos, most < DMA_BATCH ? most : DMA_BATCH, &run,
					   codec);
		if (baton_likely(most)) {
			nic_rx_copy_run(nq, v, tokens + r->tokens, r->pos, &run, most, codec);
			dma_cache_set(c, c->n - most);
			nic_rx_deliver_run(nq, v, tokens, &run, most, mode, r, codec);
			return 1;
		}
	}
	return nic_rx_bounce_one(nq, v, tokens + r->tokens, published, mode, r, codec);
}

/*
 * Receive packets of one buffer, completed in ring order, that nic_rx_bounce_one() would accept,
 * which reads the others again.
 */
NIC_INLINE void
nic_rx_bounce_plain(struct nic_queue *nq, const struct baton_pool_view *v,
		    struct baton_token *tokens, unsigned n, unsigned mode, struct rx_counts *r,
		    uint32_t *const slot_of, const struct rx_codec *codec)
{
	const struct rx_cursor cursor = nic_rx_cursor(nq, codec);
	const uint32_t *const shadow = nq->shadow;
	const uint32_t skip = nic_rx_skip(nq, mode, codec), mask = nq->mask,
		       span = nq->posted_len - skip - NIC_ETH_HLEN;
	const uint8_t *const slots = dma_slot(nq->slots, slot_of ? 0 : nq->slot0);
	const uint32_t stride = nq->slots->stride;
	const uint16_t off = (uint16_t)(nq->post_off + skip);
	struct dma_cache *const c = nq->q.cache;
	const uint32_t *const top = c->idx + c->n - 1;
	const uint16_t from = r->pos;
	struct rx_first_run run;
	uint64_t bytes = 0;
	unsigned i;

	if (codec->two_rings)
		run = nic_rx_run(nq, &n);
	for (i = 0; i < n; i++) {
		/* Slots that belong to the queue never leave their keys. */
		const uint16_t pos = (uint16_t)(from + i);
		const uint32_t at = pos & mask, key = codec->two_rings ? nic_rx_due(&run, i) : at,
			       ahead = codec->two_rings ? nic_rx_due(&run, i + NIC_RX_AHEAD)
							: (at + NIC_RX_AHEAD) & mask,
			       slot = slot_of ? shadow[key] : key;
		const uint8_t *const hdr = slots + (size_t)slot * stride;
		const uint8_t *const next =
			(const uint8_t *)((uintptr_t)slots +
					  (size_t)(slot_of ? shadow[ahead] : ahead) * stride);
		uint8_t flags = 0;
		uint32_t len;

		/*
		 * This slot may not be completed yet. A slot that is not posted is harmless here:
		 * the prefetch only needs an address.
		 */
		__builtin_prefetch(next);
		__builtin_prefetch(next + BATON_CACHE_LINE);
		if (baton_unlikely(!nic_rx_accept(nq, &cursor, &run, i, pos, key, hdr, span, mode,
						  &len, &flags, codec)))
			break;
		tokens[i] = nic_rx_copy(v, *(top - i), off, hdr + skip, len - skip);
		if (mode & NIC_MODE_META)
			tokens[i].flags = flags;
		if (mode & NIC_MODE_INFO)
			nic_rx_describe(nq, pos, pos, hdr, &tokens[i], codec);
		if (slot_of)
			slot_of[at] = slot;
		bytes += len;
	}
	dma_cache_set(c, c->n - i);
	nic_rx_run_end(nq, i, bytes, skip, r, codec);
}

struct rx_bounce_loops {
	/* See nic_rx_bounce_some(). */
	int (*some)(struct nic_queue *nq, const struct baton_pool_view *v,
		    struct baton_token *tokens, unsigned n, uint16_t published, unsigned mode,
		    struct rx_counts *r);
	/* See nic_rx_post_slots(). */
	void (*post)(struct nic_queue *nq, unsigned n);
};

NIC_INLINE int
nic_rx_bounce(struct baton_queue *q, struct baton_token *tokens, unsigned n, unsigned mode,
	      const struct rx_bounce_loops *loops, const struct rx_codec *codec)
{
	struct nic_queue *nq = nic_queue_of(q);
	const struct baton_pool_view *v = &q->views[q->pool->view.index];
	struct rx_counts r = { .pos = nq->done };
	bool dry = false, chained = nq->chained;
	const int published = nic_rx_begin(nq, n, codec);
	const uint16_t end = (uint16_t)(nq->done + published);
	int ret = 1;

	if (baton_unlikely(published < 0))
		return published;
	while (ret > 0 && r.pos != end && n - r.tokens >= q->max_segs && !dry) {
		const uint16_t left = (uint16_t)(end - r.pos);
		unsigned want = n - r.tokens < left ? n - r.tokens : left;
		unsigned have = dma_cache_reserve(q->cache, want < DMA_BATCH ? want : DMA_BATCH),
			 before = r.tokens;

		/* A packet of several buffers is most likely followed by another one. */
		if (baton_likely(!chained && nic_rx_may_run(nq, codec))) {
			if (baton_unlikely(nq->slot_of != NULL))
				nic_rx_bounce_plain(nq, v, tokens + r.tokens,
						    have < want ? have : want, mode, &r,
						    nq->slot_of, codec);
			else
				nic_rx_bounce_plain(nq, v, tokens + r.tokens,
						    have < want ? have : want, mode, &r, NULL,
						    codec);
		}
		if (baton_likely(r.tokens != before))
			continue;
		dry = dma_cache_reserve(q->cache, q->max_segs) < q->max_segs;
		if (!dry)
			ret = loops->some(nq, v, tokens, n, (uint16_t)(end - r.pos), mode, &r);
		chained = r.tokens - before > 1;
	}
	nq->chained = chained;
	nic_rx_end(nq, &r);
	dma_cache_settle(q->cache);
	if (baton_unlikely(dry))
		queue_count(&q->stats.nobuf, 1);
	if (baton_unlikely(ret < 0))
		return nic_rx_violated(&r, ret);
	if (nic_rx_wants_refill(nq)) {
		/* Nothing is left in the ring, and the device could have more keys. */
		if (baton_unlikely(nq->slot_of &&
				   nq->quota < nq->q.descs - codec->gap * nic_rx_rings(codec) &&
				   nq->posted == nq->done))
			queue_count(&q->stats.no_slot, 1);
		nic_rx_post_again(nq, loops->post, codec);
	}
	return (int)r.tokens;
}

#endif
