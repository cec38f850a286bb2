/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Receive: made for a driver from its codec by nic/bursts.h.
 *
 * A burst is a loop for plain packets, which stops before the first packet of another kind, then
 * the code for any packet. Nothing that the device writes is used before these checks, each on a
 * local copy. The number of completions is at most what is posted. A key is that of a posted
 * buffer. A length is at least that of the header (for further buffers of a packet, nothing) and at
 * most what was posted. A packet has 1 to min(published, max_segs) buffers. Anything else is a
 * protocol violation and stops the queue. A frame that is too short for an Ethernet header is the
 * fault of its sender, and is dropped.
 */
#ifndef BATON_NIC_RX_H
#define BATON_NIC_RX_H

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

/** Return the buffer of a dropped packet to the cache; no CPU right is created. */
static inline void
nic_rx_drop(struct nic_queue *nq, uint32_t buf)
{
	dma_cache_room(nq->q.cache, 1);
	dma_cache_push(nq->q.cache, buf);
}

/** Free the tokens of a packet that is not delivered. */
void nic_rx_untake(struct nic_queue *nq, const struct baton_pool_view *v,
		   const struct baton_token *tokens, unsigned n);

/* Completions that may be there: as many as the index says; without one, as many as are posted. */
NIC_INLINE uint16_t
nic_rx_published(const struct nic_queue *nq, const struct rx_codec *codec)
{
	return codec->published ? codec->published(nq) : (uint16_t)(nq->posted - nq->done);
}

NIC_INLINE struct rx_cursor
nic_rx_cursor(const struct nic_queue *nq, const struct rx_codec *codec)
{
	return codec->cursor ? codec->cursor(nq)
			     : (struct rx_cursor){ .ring = nq->mem, .u = { nq->q.descs } };
}

NIC_INLINE int
nic_rx_verdict(const struct nic_queue *nq, uint64_t meta, struct baton_token *t, uint32_t len,
	       const struct rx_codec *codec)
{
	if (codec->verdict)
		return codec->verdict(nq, meta, t, len);
	if (t)
		t->flags |= (uint8_t)meta;
	return RX_GOOD;
}

/* ---- posting ---- */

/** Post the topmost @n buffers of the cache. */
NIC_INLINE void
nic_rx_post(struct nic_queue *nq, const struct baton_pool_view *v, struct dma_cache *c, unsigned n,
	    const struct rx_codec *codec)
{
	const bool ordered =
		codec->two_rings || (codec->any_order && baton_unlikely(!nq->in_order));
	const uint64_t base = v->iova + nq->post_off;
	const uint32_t *top = c->idx + c->n, mask = nq->mask, stride = v->stride;
	const uint16_t posted = nq->posted, *const order = nq->order;
	uint32_t *const shadow = nq->shadow;

	for (unsigned i = 0; i < n; i++) {
		const uint16_t pos = (uint16_t)(posted + i);
		const uint32_t buf = *--top;
		uint16_t key = pos & mask;

		if (ordered)
			key = order[key];
		shadow[key] = buf;
		codec->put(nq, pos, key, base + (uint64_t)buf * stride);
		if (codec->two_rings)
			nq->ring[nic_ring_of(nq, key)].posted++;
	}
	dma_cache_set(c, c->n - n);
	nq->posted = (uint16_t)(posted + n);
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
	first->len = list[0].len - codec->header;
	first->hdr = nic_rx_bytes(nq, v, first->held, bounced);
	first->meta = list[0].meta;
	if (baton_unlikely(codec->header && !MUST(rx_header, list[0].len >= codec->header)))
		return nic_rx_no_header(nq, list[0].len, codec->header);
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

/* ---- receiving into buffers ---- */

NIC_INLINE struct baton_token
nic_rx_token(const struct baton_pool_view *v, uint32_t buf, uint16_t off, uint32_t len)
{
	return (struct baton_token){
		.buf = buf,
		.off = off,
		.len = (uint16_t)len,
		.gen = dma_take(v, buf),
		.pool = v->index,
	};
}

/*
 * The further buffers of a packet, from r->pos on, but for empty ones. The first is tokens[0].
 *
 * Return: 0, or -EIO after a violation: tokens[1 .. *n - 1] are taken and the caller's to return.
 */
NIC_INLINE int
nic_rx_more(struct nic_queue *nq, const struct baton_pool_view *v, struct baton_token *tokens,
	    unsigned segs, uint16_t published, struct rx_entry *list, struct rx_counts *r,
	    unsigned *n, const struct rx_codec *codec)
{
	for (unsigned i = 1; i < segs; i++, published--) {
		struct rx_entry *e = codec->counts_segs ? &list[0] : &list[i];
		const uint32_t buf = nic_rx_completion(nq, r->pos, published, e, codec);

		if (buf == SHADOW_NONE)
			return -EIO;
		r->pos++;
		if (!e->len) {
			nic_rx_drop(nq, buf);
			continue;
		}
		tokens[*n - 1].flags |= BATON_TOKEN_CONT;
		tokens[*n] = nic_rx_token(v, buf, nq->post_off, e->len);
		++*n;
	}
	return 0;
}

/*
 * The end of a packet's way: @t are its @n buffers with @len bytes in all, and @bad is what is
 * known of it so far, an error's index or RX_GOOD. Return: 1, delivered or counted as that error.
 */
NIC_INLINE int
nic_rx_deliver(struct nic_queue *nq, const struct baton_pool_view *v, struct baton_token *t,
	       unsigned n, uint32_t len, int bad, uint64_t meta, unsigned mode, struct rx_counts *r,
	       const struct rx_codec *codec)
{
	if (bad == RX_GOOD && (mode & NIC_MODE_META))
		bad = nic_rx_verdict(nq, meta, t, len, codec);
	if (baton_unlikely(bad != RX_GOOD)) {
		nic_rx_untake(nq, v, t, n);
		queue_count_error(&nq->q, (unsigned)bad, 1);
		return 1;
	}
	r->tokens += n;
	r->packets++;
	r->bytes += len;
	return 1;
}

/*
 * Receive one packet at r->pos. Return: 1; 0: none is complete; -EIO after a violation; @r has what
 * was consumed and delivered.
 */
NIC_INLINE int
nic_rx_one(struct nic_queue *nq, const struct baton_pool_view *v, struct baton_token *tokens,
	   uint16_t published, unsigned mode, struct rx_counts *r, const struct rx_codec *codec)
{
	struct baton_token *t = tokens + r->tokens;
	struct rx_entry list[NIC_RX_MAX_SEGS]; /* `counts_segs` uses the first only */
	struct rx_first f;
	unsigned n = 1;
	uint32_t len;
	int bad, ret = nic_rx_first(nq, v, published, mode, r, list, &f, false, codec);

	if (baton_unlikely(ret <= 0)) {
		if (f.held != SHADOW_NONE)
			nic_rx_drop(nq, f.held);
		return ret;
	}
	bad = list[0].bad - 1;
	len = f.len;
	if (baton_unlikely(!MUST(rx_runt, len >= NIC_ETH_HLEN) && f.segs == 1)) {
		nic_rx_drop(nq, f.held);
		queue_count_error(&nq->q, RX_ERROR_RUNT, 1);
		return 1;
	}
	t[0] = nic_rx_token(v, f.held, (uint16_t)(nq->post_off + codec->header), len);
	if (baton_unlikely(f.segs > 1)) {
		ret = nic_rx_more(nq, v, t, f.segs, (uint16_t)(published - 1), list, r, &n, codec);
		if (ret < 0) {
			nic_rx_untake(nq, v, t, n);
			return ret;
		}
		for (unsigned i = 1; i < n; i++)
			len += t[i].len;
		if (!MUST(rx_runt, t[0].len && len >= NIC_ETH_HLEN))
			bad = RX_ERROR_RUNT;
	}
	return nic_rx_deliver(nq, v, t, n, len, bad, f.meta, mode, r, codec);
}

/*
 * A run of plain packets of a device with two rings. Each has one buffer, which is of the first
 * ring; the rest of the kit takes the others.
 */
struct rx_first_run {
	uint32_t *shadow;
	uint16_t *order;
	uint32_t places, mask;
	uint16_t done;  /* of the first ring */
	uint16_t share; /* of the first ring */
	uint16_t quota;
};

/* @n: packets at most; receives how many of the first ring's places are posted, if that is less. */
NIC_INLINE struct rx_first_run
nic_rx_run(const struct nic_queue *nq, unsigned *n)
{
	const unsigned posted = (uint16_t)(nq->ring[0].posted - nq->ring[0].done);

	if (*n > posted)
		*n = posted;
	return (struct rx_first_run){ nq->shadow, nq->order,        nq->q.descs / 2u,
				      nq->mask,   nq->ring[0].done, nq->ring[0].share,
				      nq->quota };
}

/* The place of the first ring that is due. */
NIC_INLINE uint32_t
nic_rx_due(const struct rx_first_run *run, unsigned i)
{
	return (run->done + i) & (run->places - 1);
}

/* Whether position @pos has a plain packet, of the key @due. */
NIC_INLINE bool
nic_rx_is_due(const struct nic_queue *nq, const struct rx_cursor *c, uint16_t pos, uint32_t due,
	      unsigned mode, uint32_t *len, uint8_t *flags, const struct rx_codec *codec)
{
	struct nic_rx_state state = nq->state;
	struct rx_entry e;
	uint32_t key;

	if (codec->named)
		return codec->named(c, pos, mode, &key, len, flags) && MUST(rx_in_turn, key == due);
	if (codec->next(nq, &state, pos, 1, &e) != 1 || (e.more | e.bad) ||
	    !MUST(rx_in_turn, e.key == due))
		return false;
	*len = e.len;
	if (mode & NIC_MODE_META)
		*flags = (uint8_t)e.meta;
	return true;
}

/* It was completed at position @pos, the @i-th of the run: as nic_rx_ring_completed(). */
NIC_INLINE void
nic_rx_run_completed(const struct rx_first_run *run, unsigned i, uint16_t pos, uint32_t due)
{
	run->shadow[due] = SHADOW_NONE;
	run->order[(uint32_t)(pos + run->quota) & run->mask] =
		(uint16_t)((uint32_t)(run->done + i + run->share) & (run->places - 1));
}

/*
 * Receive plain packets one by one: of one buffer, completed in ring order. Everything that the
 * loop needs is in registers. nic_rx_one() reads the packets that this loop leaves again, and
 * decides on its own copy.
 */
NIC_INLINE unsigned
nic_rx_plain(struct nic_queue *nq, const struct baton_pool_view *v, struct baton_token *tokens,
	     unsigned n, unsigned mode, struct rx_counts *r, const struct rx_codec *codec)
{
	const struct rx_cursor cursor = nic_rx_cursor(nq, codec);
	const uint32_t *const shadow = nq->shadow;
	const uint32_t mask = nq->mask, least = codec->header + NIC_ETH_HLEN;
	const uint32_t span = nq->posted_len - least;
	const uint8_t *const hdr = v->data + nq->post_off;
	const uint32_t stride = v->stride;
	/* A token's two halves: {buf:32, off:16, len:16} and {gen:16, pool:8, flags:8, hash:32}. */
	const struct baton_token model = { .off = (uint16_t)(nq->post_off + codec->header),
					   .pool = v->index };
	const uint16_t from = r->pos;
	struct rx_first_run run;
	uint64_t bytes = 0;
	unsigned i;

	if (codec->two_rings)
		run = nic_rx_run(nq, &n);
	for (i = 0; i < n; i++) {
		const uint16_t pos = (uint16_t)(from + i);
		const uint32_t at = pos & mask, key = codec->two_rings ? nic_rx_due(&run, i) : at,
			       buf = shadow[key];
		struct baton_token t = model;
		uint32_t len;

		if (codec->reads_header && codec->reads_header(mode))
			__builtin_prefetch(hdr +
					   (size_t)SHADOW_BUF(shadow[(at + 4) & mask]) * stride);
		if (baton_unlikely(!(codec->two_rings
					     ? nic_rx_is_due(nq, &cursor, pos, key, mode, &len,
							     &t.flags, codec)
					     : codec->plain(&cursor, at, hdr + (size_t)buf * stride,
							    mode, &len, &t.flags)) ||
				   !MUST(rx_plain_len, len - least <= span)))
			break;
		if (codec->two_rings)
			nic_rx_run_completed(&run, i, pos, key);
		t.buf = buf;
		t.len = (uint16_t)(len - codec->header);
		t.gen = dma_take(v, buf);
		tokens[i] = t;
		bytes += len;
	}
	if (codec->two_rings)
		nq->ring[0].done = (uint16_t)(nq->ring[0].done + i);
	r->pos = (uint16_t)(r->pos + i);
	r->tokens += i;
	r->packets += i;
	r->bytes += bytes - (uint64_t)i * codec->header;
	return i;
}

/* Whether plain packets may be received in a run now. */
NIC_INLINE bool
nic_rx_may_run(const struct nic_queue *nq, const struct rx_codec *codec)
{
	return (!codec->any_order || codec->two_rings || nq->in_order) &&
	       (!codec->runs || codec->runs(nq)) && nq->posted_len >= codec->header + NIC_ETH_HLEN;
}

/* The functions of a burst. All are constants to the compiler. */
struct rx_loops {
	/*
	 * Receive plain packets eight at a time, up to the end of the ring at most. NULL: there is
	 * no such loop.
	 */
	unsigned (*receive)(struct nic_queue *nq, const struct baton_pool_view *v,
			    struct baton_token *tokens, unsigned n, unsigned mode,
			    struct rx_counts *r);
	/* See nic_rx_post(). */
	void (*post)(struct nic_queue *nq, const struct baton_pool_view *v, struct dma_cache *c,
		     unsigned n);
	/* See nic_rx_plain(). */
	unsigned (*plain)(struct nic_queue *nq, const struct baton_pool_view *v,
			  struct baton_token *tokens, unsigned n, unsigned mode,
			  struct rx_counts *r);
	/* Receive packets of any kind, up to @end. Return: 0; -EIO after a violation. */
	int (*rest)(struct nic_queue *nq, const struct baton_pool_view *v,
		    struct baton_token *tokens, unsigned n, uint16_t end, unsigned mode,
		    struct rx_counts *r);
};

NIC_INLINE int
nic_rx_rest(struct nic_queue *nq, const struct baton_pool_view *v, struct baton_token *tokens,
	    unsigned n, uint16_t end, unsigned mode, struct rx_counts *r,
	    const struct rx_codec *codec)
{
	int ret = 1;

	while (ret > 0 && r->pos != end && n - r->tokens >= nq->q.max_segs)
		ret = nic_rx_one(nq, v, tokens, (uint16_t)(end - r->pos), mode, r, codec);
	if (codec->any_order && !codec->two_rings && !nq->in_order &&
	    nq->q.descs - (uint16_t)(nq->posted - r->pos) >= nq->refill)
		nic_rx_reorder(nq, r->pos, codec->restore);
	return ret < 0 ? ret : 0;
}

/* Post buffers of the worker's cache at all free places, of which there is one at least. */
NIC_INLINE void
nic_rx_refill(struct nic_queue *nq, const struct baton_pool_view *v, const struct rx_loops *loops,
	      const struct rx_codec *codec)
{
	struct baton_queue *q = &nq->q;
	const uint16_t before = nq->posted;
	unsigned free_ = nq->quota - (uint16_t)(before - nq->done);

	while (free_) {
		unsigned want = free_ < DMA_BATCH ? free_ : DMA_BATCH;
		unsigned n = dma_cache_reserve(q->cache, want);

		loops->post(nq, v, q->cache, n);
		free_ -= n;
		if (baton_unlikely(n < want)) {
			queue_count(&q->stats.nobuf, 1);
			if (nq->posted == before) /* nothing that the device has not seen */
				return;
			break;
		}
	}
	codec->commit(nq);
}

/* A burst has ended at r->pos: count what it received. */
NIC_INLINE void
nic_rx_consumed(struct nic_queue *nq, const struct rx_counts *r)
{
	struct baton_queue *q = &nq->q;

	nq->done = r->pos;
	if (r->packets) {
		queue_count(&q->stats.packets, r->packets);
		queue_count(&q->stats.bytes, r->bytes);
	}
}

NIC_INLINE int
nic_rx_burst(struct baton_queue *q, struct baton_token *tokens, unsigned n, unsigned mode,
	     const struct rx_loops *loops, const struct rx_codec *codec)
{
	struct nic_queue *nq = nic_queue_of(q);
	const struct baton_pool_view *v = &q->views[q->pool->view.index];
	const uint16_t published = nic_rx_published(nq, codec),
		       end = (uint16_t)(nq->done + published);
	const unsigned most = published < n ? published : n;
	struct rx_counts r = { .pos = nq->done };
	int ret = 0;

	if (baton_unlikely(n < q->max_segs))
		return nic_rx_no_room(nq, n);
	if (baton_unlikely(!MUST(rx_jump, published <= (uint16_t)(nq->posted - nq->done))))
		return nic_rx_jumped(nq, published);
	if (baton_likely(nic_rx_may_run(nq, codec))) {
		/* A run of eights ends at the end of the ring, or with the rest of the burst. */
		while (r.tokens < most) {
			unsigned want = most - r.tokens, got;

			if (loops->receive && want >= 8) {
				loops->receive(nq, v, tokens + r.tokens, want, mode, &r);
				want = most - r.tokens < 8 ? most - r.tokens : 8;
				if (!want)
					break;
			}
			got = loops->plain(nq, v, tokens + r.tokens, want, mode, &r);
			if (got < want)
				break;
		}
	}
	if (baton_unlikely(r.pos != end && n - r.tokens >= q->max_segs))
		ret = loops->rest(nq, v, tokens, n, end, mode, &r);
	nic_rx_consumed(nq, &r);
	if (baton_unlikely(ret < 0))
		/* The packets before the violation are valid; the next burst returns -EIO. */
		return r.tokens ? (int)r.tokens : ret;
	if (nq->quota - (uint16_t)(nq->posted - nq->done) >= nq->refill)
		nic_rx_refill(nq, v, loops, codec);
	return (int)r.tokens;
}

#endif
