/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Receive: made for a driver from its codec by nic/bursts.h.
 *
 * A burst is a loop for plain packets, which stops before the first packet of another kind, then
 * the code for any packet, which validates each completion (rx_completion.h).
 */
#ifndef BATON_NIC_RX_H
#define BATON_NIC_RX_H

#include "nic/rx_completion.h"

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
	const uint16_t *const order = nq->order;
	uint32_t *const shadow = nq->shadow;
	uint16_t pos = nq->posted;

	for (unsigned left = n, run; left; left -= run) {
		const uint32_t first = pos & mask;

		run = nic_run(first, left, mask);
		for (uint32_t at = first; at < first + run; at++, pos++) {
			const uint32_t buf = *--top;
			const uint16_t key = ordered ? order[at] : (uint16_t)at;

			shadow[key] = buf;
			codec->put(nq, pos, key, base + (uint64_t)buf * stride);
			if (codec->two_rings)
				nq->ring[nic_ring_of(nq, key)].posted++;
		}
	}
	dma_cache_set(c, c->n - n);
	nq->posted = pos;
}

/* ---- receiving into buffers ---- */

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

NIC_INLINE struct baton_token
nic_rx_token(const struct baton_pool_view *v, uint32_t buf, uint16_t off, uint32_t len)
{
	const struct baton_token t = { .buf = buf,
				       .off = off,
				       .len = (uint16_t)len,
				       .gen = dma_take(v, buf),
				       .pool = v->index };

	return t;
}

/* The same with its fields as two words, which are stored at once. @len is below 64 KiB. */
NIC_INLINE void
nic_rx_write_token(struct baton_token *t, uint32_t buf, uint32_t off, uint32_t len, uint16_t gen,
		   uint32_t pool, uint8_t flags)
{
	typedef uint64_t __attribute__((may_alias)) u64;
	u64 *const words = (u64 *)(void *)t;

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	words[0] = buf | (uint64_t)off << 32 | (uint64_t)len << 48;
	words[1] = gen | pool << 16 | (uint32_t)flags << 24;
#else
	words[0] = (uint64_t)buf << 32 | off << 16 | len;
	words[1] = ((uint64_t)gen << 16 | pool << 8 | flags) << 32;
#endif
}

/** Deliver what describe() has read, as far as the port asks for it. */
void nic_rx_note(const struct nic_queue *nq, const struct rx_info *info, struct baton_token *t);

/* The packet at @t is of the completions @first to @last, and begins at @hdr. */
NIC_INLINE void
nic_rx_describe(const struct nic_queue *nq, uint16_t first, uint16_t last, const uint8_t *hdr,
		struct baton_token *t, const struct rx_codec *codec)
{
	struct rx_info info = { 0 };

	codec->describe(nq, first, last, hdr, &info);
	nic_rx_note(nq, &info, t);
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
 * known of it so far, an error's index or RX_GOOD. @from: the position of its first completion,
 * with r->pos behind its last one. Return: 1, delivered or counted as that error.
 */
NIC_INLINE int
nic_rx_deliver(struct nic_queue *nq, const struct baton_pool_view *v, struct baton_token *t,
	       unsigned n, uint32_t len, int bad, uint64_t meta, const uint8_t *hdr, uint16_t from,
	       unsigned mode, struct rx_counts *r, const struct rx_codec *codec)
{
	if (bad == RX_GOOD && (mode & NIC_MODE_META))
		bad = nic_rx_verdict(nq, meta, t, len,
				     v->data + (size_t)t->buf * v->stride + t->off, t->len, codec);
	if (baton_unlikely(bad != RX_GOOD)) {
		nic_rx_untake(nq, v, t, n);
		queue_count_error(&nq->q, (unsigned)bad, 1);
		return 1;
	}
	if (codec->describe && (mode & NIC_MODE_INFO))
		nic_rx_describe(nq, from, (uint16_t)(r->pos - 1), hdr, t, codec);
	r->tokens += n;
	r->packets++;
	r->bytes += len;
	return 1;
}

/*
 * Receive one packet at r->pos, into @t. Return: 1; 0: none is complete; -EIO after a violation; @r
 * has what was consumed and delivered.
 */
NIC_INLINE int
nic_rx_one(struct nic_queue *nq, const struct baton_pool_view *v, struct baton_token *t,
	   uint16_t published, unsigned mode, struct rx_counts *r, const struct rx_codec *codec)
{
	struct rx_entry list[NIC_RX_MAX_SEGS]; /* `counts_segs` uses the first only */
	const uint16_t from = r->pos;
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
	t[0] = nic_rx_token(v, f.held, (uint16_t)(nq->post_off + nic_rx_skip(nq, mode, codec)),
			    len);
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
	return nic_rx_deliver(nq, v, t, n, len, bad, f.meta, f.hdr, from, mode, r, codec);
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
 * Whether the packet at position @pos, the @i-th of a run, is plain and may be taken: the key that
 * is due, one buffer, a valid length. Its completion is then recorded.
 *
 * @hdr: the first byte of the key's buffer or slot. @span: lengths from the least one on. @len:
 * receives the length, header included.
 */
NIC_INLINE bool
nic_rx_accept(const struct nic_queue *nq, const struct rx_cursor *c, const struct rx_first_run *run,
	      unsigned i, uint16_t pos, uint32_t key, const uint8_t *hdr, uint32_t span,
	      unsigned mode, uint32_t *len, uint8_t *flags, const struct rx_codec *codec)
{
	if (!(codec->two_rings ? nic_rx_is_due(nq, c, pos, key, mode, len, flags, codec)
			       : codec->plain(c, key, hdr, mode, len, flags)) ||
	    !MUST(rx_plain_len, *len - (nic_rx_skip(nq, mode, codec) + NIC_ETH_HLEN) <= span))
		return false;
	if (codec->two_rings)
		nic_rx_run_completed(run, i, pos, key);
	return true;
}

/* A run took @n packets, with @bytes, @skip of each in front of it. */
NIC_INLINE void
nic_rx_run_end(struct nic_queue *nq, unsigned n, uint64_t bytes, uint32_t skip, struct rx_counts *r,
	       const struct rx_codec *codec)
{
	if (codec->two_rings)
		nq->ring[0].done = (uint16_t)(nq->ring[0].done + n);
	r->pos = (uint16_t)(r->pos + n);
	r->tokens += n;
	r->packets += n;
	r->bytes += bytes - (uint64_t)n * skip;
}

/*
 * Receive plain packets one by one: of one buffer, completed in ring order, up to the end of the
 * ring at most. Everything that the loop needs is in registers. nic_rx_one() reads the packets that
 * this loop leaves again, and decides on its own copy.
 */
NIC_INLINE unsigned
nic_rx_plain(struct nic_queue *nq, const struct baton_pool_view *v, struct baton_token *tokens,
	     unsigned n, unsigned mode, struct rx_counts *r, const struct rx_codec *codec)
{
	const struct rx_cursor cursor = nic_rx_cursor(nq, codec);
	const uint32_t *const shadow = nq->shadow;
	const uint32_t skip = nic_rx_skip(nq, mode, codec), mask = nq->mask,
		       span = nq->posted_len - skip - NIC_ETH_HLEN;
	const uint8_t *const hdr = v->data + nq->post_off;
	const struct baton_pool_view own = *v; /* so that no store is taken for one to it */
	const uint32_t stride = own.stride, off = nq->post_off + skip, pool = own.index;
	const uint16_t from = r->pos;
	const uint32_t first = from & mask;
	struct baton_token *t = tokens;
	struct rx_first_run run;
	uint64_t bytes = 0;
	uint32_t end;

	n = nic_run(first, n, mask);
	if (codec->two_rings)
		run = nic_rx_run(nq, &n);
	end = first + n;
	for (uint32_t at = first; at < end; at++, t++) {
		const unsigned i = at - first;
		const uint16_t pos = (uint16_t)(from + i);
		const uint32_t key = codec->two_rings ? nic_rx_due(&run, i) : at, buf = shadow[key];
		uint8_t flags = 0;
		uint32_t len;

		if (codec->reads_header && codec->reads_header(mode))
			__builtin_prefetch(hdr +
					   (size_t)SHADOW_BUF(shadow[(at + 4) & mask]) * stride);
		if (baton_unlikely(!nic_rx_accept(nq, &cursor, &run, i, pos, key,
						  hdr + (size_t)buf * stride, span, mode, &len,
						  &flags, codec)))
			break;
		nic_rx_write_token(t, buf, off, len - skip, dma_take(&own, buf), pool, flags);
		if (mode & NIC_MODE_INFO)
			nic_rx_describe(nq, pos, pos, hdr + (size_t)buf * stride, t, codec);
		bytes += len;
	}
	n = (unsigned)(t - tokens);
	nic_rx_run_end(nq, n, bytes, skip, r, codec);
	return n;
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
		ret = nic_rx_one(nq, v, tokens + r->tokens, (uint16_t)(end - r->pos), mode, r,
				 codec);
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

/* A burst for @n tokens begins. Return: nic_rx_published(); a negative errno. */
NIC_INLINE int
nic_rx_begin(struct nic_queue *nq, unsigned n, const struct rx_codec *codec)
{
	const uint16_t published = nic_rx_published(nq, codec);

	if (baton_unlikely(n < nq->q.max_segs))
		return nic_rx_no_room(nq, n);
	if (baton_unlikely(!MUST(rx_jump, published <= (uint16_t)(nq->posted - nq->done))))
		return nic_rx_jumped(nq, published);
	return published;
}

/* A burst has ended at r->pos: count what it received. */
NIC_INLINE void
nic_rx_end(struct nic_queue *nq, const struct rx_counts *r)
{
	struct baton_queue *q = &nq->q;

	nq->done = r->pos;
	if (r->packets) {
		queue_count(&q->stats.packets, r->packets);
		queue_count(&q->stats.bytes, r->bytes);
	}
}

/*
 * What a burst returns after a violation: the packets before it are valid, and the next burst
 * returns -EIO.
 */
NIC_INLINE int
nic_rx_violated(const struct rx_counts *r, int ret)
{
	return r->tokens ? (int)r->tokens : ret;
}

/* Whether a burst without a violation is to refill the ring. */
static inline bool
nic_rx_wants_refill(const struct nic_queue *nq)
{
	return nq->quota - (uint16_t)(nq->posted - nq->done) >= nq->refill;
}

NIC_INLINE int
nic_rx_burst(struct baton_queue *q, struct baton_token *tokens, unsigned n, unsigned mode,
	     const struct rx_loops *loops, const struct rx_codec *codec)
{
	struct nic_queue *nq = nic_queue_of(q);
	const struct baton_pool_view *v = &q->views[q->pool->view.index];
	struct rx_counts r = { .pos = nq->done };
	const int published = nic_rx_begin(nq, n, codec);
	const uint16_t end = (uint16_t)(nq->done + published);
	const unsigned most = (unsigned)published < n ? (unsigned)published : n;
	int ret = 0;

	if (baton_unlikely(published < 0))
		return published;
	if (baton_likely(nic_rx_may_run(nq, codec))) {
		/* A run of eights ends at the end of the ring, or with the rest of the burst. */
		while (r.tokens < most) {
			unsigned want = most - r.tokens;

			if (loops->receive && want >= 8) {
				loops->receive(nq, v, tokens + r.tokens, want, mode, &r);
				want = most - r.tokens < 8 ? most - r.tokens : 8;
				if (!want)
					break;
			}
			want = nic_run(r.pos & nq->mask, want, nq->mask);
			if (loops->plain(nq, v, tokens + r.tokens, want, mode, &r) < want)
				break;
		}
	}
	if (baton_unlikely(r.pos != end && n - r.tokens >= q->max_segs))
		ret = loops->rest(nq, v, tokens, n, end, mode, &r);
	nic_rx_end(nq, &r);
	if (baton_unlikely(ret < 0))
		return nic_rx_violated(&r, ret);
	if (nic_rx_wants_refill(nq))
		nic_rx_refill(nq, v, loops, codec);
	return (int)r.tokens;
}

#endif
