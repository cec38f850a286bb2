/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Completions of received packets: how one is validated, and the packet's first buffer found.
 *
 * Nothing that the device writes is used before these checks, each on a local copy. The number of
 * completions is at most what is posted. A key is that of a posted buffer. A length is at least
 * that of the header (for further buffers of a packet, nothing) and at most what was posted. A
 * packet has 1 to min(published, max_segs) buffers. Anything else is a protocol violation and stops
 * the queue. A frame that is too short for an Ethernet header is the fault of its sender, and is
 * dropped.
 */
#ifndef BATON_NIC_RX_COMPLETION_H
#define BATON_NIC_RX_COMPLETION_H

#include "base/validate.h"
#include "nic/codec.h"

/* The result of a burst so far. */
struct rx_counts {
	unsigned tokens, packets;
	uint64_t bytes;
	uint16_t pos;
};

/* ---- rx.c: what is rare, and the same for every codec ---- */

BATON_COLD int nic_rx_no_room(const struct nic_queue *nq, unsigned n);
BATON_COLD int nic_rx_jumped(struct nic_queue *nq, uint16_t published);
BATON_COLD int nic_rx_bad_key(struct nic_queue *nq, uint32_t key);
BATON_COLD int nic_rx_not_posted(struct nic_queue *nq, uint32_t key);
BATON_COLD int nic_rx_not_next(struct nic_queue *nq, uint32_t key);
BATON_COLD int nic_rx_too_long(struct nic_queue *nq, uint32_t len, uint32_t key);
BATON_COLD int nic_rx_no_header(struct nic_queue *nq, uint32_t len, uint32_t header);
BATON_COLD int nic_rx_bad_segs(struct nic_queue *nq, uint32_t segs, uint16_t published);
BATON_COLD int nic_rx_endless(struct nic_queue *nq);

/**
 * A key was completed out of order: from now on the shadow marks what is posted, and the ring
 * follows the order of completions.
 */
void nic_rx_leave_order(struct nic_queue *nq, uint16_t pos);

/** Record that @key, which was posted, was completed at position @pos. */
void nic_rx_completed_at(struct nic_queue *nq, uint16_t pos, uint16_t key);

/**
 * After completions out of order: let keys go back to the places they belong to, as far as both are
 * free, with completions up to @consumed consumed. When all are there, and the device has completed
 * a whole ring in the order of posting, the queue is `in_order` again. @restore: the codec's.
 *
 * Keys that are far from their places are free together with their places only when much of the
 * ring is free. So a ring that stays displaced through whole turns is refilled later.
 */
void nic_rx_reorder(struct nic_queue *nq, uint16_t consumed,
		    void (*restore)(struct nic_queue *nq, uint16_t at));

/* Completions that may be there: as many as the index says; without one, as many as are posted. */
NIC_INLINE uint16_t
nic_rx_published(const struct nic_queue *nq, const struct rx_codec *codec)
{
	return codec->published ? codec->published(nq) : (uint16_t)(nq->posted - nq->done);
}

/* Bytes of the device's in front of a packet. */
NIC_INLINE uint32_t
nic_rx_skip(const struct nic_queue *nq, unsigned mode, const struct rx_codec *codec)
{
	return codec->header + (codec->describe && (mode & NIC_MODE_INFO) ? nq->front : 0u);
}

NIC_INLINE struct rx_cursor
nic_rx_cursor(const struct nic_queue *nq, const struct rx_codec *codec)
{
	return codec->cursor ? codec->cursor(nq)
			     : (struct rx_cursor){ .ring = nq->mem, .u = { nq->q.descs } };
}

NIC_INLINE int
nic_rx_verdict(const struct nic_queue *nq, uint64_t meta, struct baton_token *t, uint32_t len,
	       const uint8_t *data, uint32_t have, const struct rx_codec *codec)
{
	if (codec->verdict)
		return codec->verdict(nq, meta, t, len, data, have);
	if (t)
		t->flags |= (uint8_t)meta;
	return RX_GOOD;
}

/* ---- one completion, by all rules ---- */

/* Two rings: whether @key is the oldest place of its ring, with the ring's positions up to @done[]
 * completed. */
static inline bool
nic_rx_is_next(const struct nic_queue *nq, uint32_t key, const struct nic_ring ring[2])
{
	const uint32_t places = nq->q.descs / 2u;

	return MUST(rx_in_turn, ((key ^ ring[nic_ring_of(nq, key)].done) & (places - 1)) == 0);
}

/* Two rings: @key, the oldest place of its ring, was completed at position @pos. */
static inline void
nic_rx_ring_completed(struct nic_queue *nq, uint16_t pos, uint32_t key)
{
	const uint32_t places = nq->q.descs / 2u; /* a power of two */
	struct nic_ring *r = &nq->ring[nic_ring_of(nq, key)];
	const uint16_t done = r->done;

	nq->order[(uint16_t)(pos + nq->quota) & nq->mask] =
		(uint16_t)((key & places) | ((uint32_t)(done + r->share) & (places - 1)));
	r->done = (uint16_t)(done + 1);
	nq->shadow[key] = SHADOW_NONE;
}

/*
 * Validate the completion *e at position @pos. Return: what the shadow has of its key; SHADOW_NONE
 * after a violation.
 */
NIC_INLINE uint32_t
nic_rx_validate(struct nic_queue *nq, uint16_t pos, const struct rx_entry *e,
		const struct rx_codec *codec)
{
	uint32_t held;

	if (codec->any_order) {
		if (!MUST(rx_id, e->key <= nq->mask)) {
			nic_rx_bad_key(nq, e->key);
			return SHADOW_NONE;
		}
		if (nq->in_order && e->key != (uint32_t)(pos & nq->mask))
			nic_rx_leave_order(nq, pos);
	}
	held = nq->shadow[codec->any_order ? e->key : pos & nq->mask];
	if (codec->any_order && !nq->in_order && !MUST(rx_posted, held != SHADOW_NONE)) {
		nic_rx_not_posted(nq, e->key);
		return SHADOW_NONE;
	}
	/* A further buffer of a packet may be empty (passt's are, when a frame just fills those
	 * before it); a first one has the header at least. */
	if (!MUST(rx_len, e->len <= nq->posted_len)) {
		nic_rx_too_long(nq, e->len, e->key);
		return SHADOW_NONE;
	}
	if (codec->two_rings) {
		if (!nic_rx_is_next(nq, e->key, nq->ring)) {
			nic_rx_not_next(nq, e->key);
			return SHADOW_NONE;
		}
		nic_rx_ring_completed(nq, pos, e->key);
	} else if (codec->any_order && !nq->in_order) {
		nic_rx_completed_at(nq, pos, (uint16_t)e->key);
	}
	return held;
}

/* next() had something else than an entry to return. */
NIC_INLINE int
nic_rx_broken(struct nic_queue *nq, int why, const struct rx_entry *e, uint16_t pos,
	      uint16_t published, const struct rx_codec *codec)
{
	if (why == NIC_RX_BAD_KEY || !codec->broken)
		return nic_rx_bad_key(nq, e->key);
	return codec->broken(nq, why, e, pos, published);
}

/* What a device says of a packet may stand in any of its completions. */
NIC_INLINE void
nic_rx_also(struct rx_entry *first, const struct rx_entry *e)
{
	first->meta |= e->meta;
	if (!first->bad)
		first->bad = e->bad;
}

/*
 * Read the completions of the packet at @pos, which a mark ends, each once. Nothing is consumed.
 *
 * Return: their number; 0: the packet is not complete, and stays with the device; -EIO after a
 * violation.
 */
NIC_INLINE int
nic_rx_gather(struct nic_queue *nq, uint16_t pos, uint16_t published, struct rx_entry *list,
	      const struct rx_codec *codec)
{
	struct nic_rx_state state = nq->state;
	unsigned n = 0;
	int ret;

	do {
		if (!MUST(rx_segs, n < nq->q.max_segs))
			return nic_rx_endless(nq);
		if (n == published)
			return 0;
		ret = codec->next(nq, &state, (uint16_t)(pos + n), (uint16_t)(published - n),
				  &list[n]);
		if (ret == NIC_RX_NOT_DONE)
			return 0;
		if (ret < 0)
			return nic_rx_broken(nq, ret, &list[n], (uint16_t)(pos + n), published,
					     codec);
		nic_rx_also(&list[0], &list[n]);
	} while (list[n++].more);
	nq->state = state;
	return (int)n;
}

/*
 * Get one completion of a packet, at @pos: *e is there already, or is read now. Return: as
 * nic_rx_validate().
 */
NIC_INLINE uint32_t
nic_rx_completion(struct nic_queue *nq, uint16_t pos, uint16_t published, struct rx_entry *e,
		  const struct rx_codec *codec)
{
	int ret;

	if (codec->counts_segs) {
		ret = codec->next(nq, &nq->state, pos, published, e);
		if (baton_unlikely(ret != 1)) {
			nic_rx_broken(nq, ret, e, pos, published, codec);
			return SHADOW_NONE;
		}
	}
	return nic_rx_validate(nq, pos, e, codec);
}

/* A packet of any kind, as far as its first completion tells. */
struct rx_first {
	uint32_t held; /* the buffer or slot */
	uint32_t len;  /* bytes of the packet there */
	unsigned segs;
	uint64_t meta;
	const uint8_t *hdr;
};

/* The first byte that the device may write of what a key has. */
NIC_INLINE const uint8_t *
nic_rx_bytes(const struct nic_queue *nq, const struct baton_pool_view *v, uint32_t held,
	     bool bounced)
{
	return bounced ? dma_slot(nq->slots, held)
		       : v->data + (size_t)held * v->stride + nq->post_off;
}

/*
 * Get the first buffer of the packet at r->pos, and the number of its buffers.
 *
 * @list: room for NIC_RX_MAX_SEGS entries, unless `counts_segs`; one. Return: 1; 0: the packet is
 * not complete; -EIO after a violation, with *first as far as it was consumed.
 */
NIC_INLINE int
nic_rx_first(struct nic_queue *nq, const struct baton_pool_view *v, uint16_t published,
	     unsigned mode, struct rx_counts *r, struct rx_entry *list, struct rx_first *first,
	     bool bounced, const struct rx_codec *codec)
{
	const uint32_t skip = nic_rx_skip(nq, mode, codec);
	int ret = 1;

	first->held = SHADOW_NONE;
	if (!codec->counts_segs) {
		ret = nic_rx_gather(nq, r->pos, published, list, codec);
		if (ret <= 0)
			return ret;
	}
	first->segs = (unsigned)ret;
	first->held = nic_rx_completion(nq, r->pos, published, &list[0], codec);
	if (baton_unlikely(first->held == SHADOW_NONE))
		return -EIO;
	r->pos++;
	first->len = list[0].len - skip;
	first->hdr = nic_rx_bytes(nq, v, first->held, bounced);
	first->meta = list[0].meta;
	if (baton_unlikely(skip && !MUST(rx_header, list[0].len >= skip)))
		return nic_rx_no_header(nq, list[0].len, skip);
	if (codec->counts_segs && (mode & NIC_MODE_SEGS)) {
		first->segs = codec->segs(first->hdr);
		if (baton_unlikely(!MUST(rx_segs, first->segs - 1 < nq->q.max_segs) ||
				   !MUST(rx_segs_published, first->segs <= published)))
			return nic_rx_bad_segs(nq, first->segs, published);
	}
	if ((mode & NIC_MODE_META) && codec->meta)
		first->meta = codec->meta(first->hdr);
	return 1;
}

#endif
