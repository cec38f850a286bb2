/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Send: made for a driver from its codec by nic/bursts.h.
 *
 * A burst reclaims; then a loop takes plain packets, and stops before the first packet of another
 * kind; then nic_tx_chain() (tx_chain.h) sends one of any kind. Descriptors are used in ring order.
 * Where the device reads a header in front of a packet, it is in the headroom of the first buffer,
 * so that a packet of one buffer takes one descriptor. Buffers go to the worker's cache as soon as
 * their completion is validated; descriptors become free in ring order.
 */
#ifndef BATON_NIC_TX_H
#define BATON_NIC_TX_H

#include "base/validate.h"
#include "nic/codec.h"
#include "port/csum.h"

/*
 * Each processes some of @n, from the tail or head of the queue on, and returns how many. All are
 * constants to the compiler.
 */
struct tx_loops {
	/* Count the completions that name the packets at the tail in order. */
	unsigned (*in_turn)(const struct nic_queue *nq, unsigned n);
	/* Free packets of one buffer at the tail, of one pool, into the cache. */
	unsigned (*release)(struct nic_queue *nq, unsigned n);
	/*
	 * Free packets that are in several slots each. Their keys are not consecutive, so @n > 1
	 * only where completions are valid without keys. NULL: there are no slots.
	 */
	unsigned (*release_chains)(struct nic_queue *nq, unsigned n);
	/* Post packets of one buffer with headroom, of one pool. */
	unsigned (*post)(struct nic_queue *nq, const struct baton_token *tokens, unsigned n,
			 uint64_t *bytes);
	/* Send a packet of any kind, as nic_tx_chain() does, or several. */
	int (*chain)(struct nic_queue *nq, const struct baton_token *tokens, unsigned n, bool first,
		     uint64_t *bytes);
	/* nic_tx_any_order() of the codec. */
	int (*any_order)(struct nic_queue *nq, unsigned n, unsigned freed);
};

/*
 * Whether @n packets can be in flight. Completions count packets, and each packet in flight has one
 * descriptor at least.
 */
static inline bool
nic_tx_are_posted(const struct nic_queue *nq, unsigned n)
{
	return MUST(tx_jump, n <= (uint16_t)(nq->head - nq->tail));
}

/* ---- tx.c: the same for every codec ---- */

BATON_COLD int nic_tx_jumped(struct nic_queue *nq, unsigned published);
BATON_COLD int nic_tx_bad_key(struct nic_queue *nq, uint32_t key);

/** Free the packet at the tail, of any kind. Return: the number of tokens freed. */
unsigned nic_tx_release_tail(struct nic_queue *nq);

/** Free the buffers of the completed packet whose first descriptor is @key. Return: as above. */
unsigned nic_tx_release_key(struct nic_queue *nq, uint16_t key);

/** Free descriptors, room for more. */
NIC_INLINE unsigned
nic_tx_room(const struct nic_queue *nq, const struct tx_codec *codec)
{
	return nq->q.descs - codec->gap - (uint16_t)(nq->head - nq->tail);
}

/* @n packets of @descs descriptors each stand from the head on. */
NIC_INLINE void
nic_tx_sent(struct nic_queue *nq, unsigned n, unsigned descs, const struct tx_codec *codec)
{
	if (codec->send)
		codec->send(nq, n, descs);
	else
		nq->posted = (uint16_t)(nq->posted + n);
}

/* Record that the @descs descriptors from the head on are a packet. */
NIC_INLINE void
nic_tx_record(struct nic_queue *nq, unsigned descs, const struct tx_codec *codec)
{
	nq->segs[nq->head & nq->mask] = (uint8_t)descs;
	if (descs > 1)
		nq->plain_run = 0;
	else if (nq->plain_run <= nq->mask)
		nq->plain_run++;
	nic_tx_sent(nq, 1, descs, codec);
	nq->head = (uint16_t)(nq->head + descs);
}

/* Whether a report of @packets tells of more than those @done, with @posted behind these. */
static inline bool
nic_tx_is_due(uint16_t packets, uint16_t done, uint16_t posted)
{
	return (uint16_t)(packets - done - 1) < posted;
}

/*
 * Count the packets at the tail that are complete, for a device that reports some of them: those up
 * to the last one that is reported done.
 */
NIC_INLINE uint16_t
nic_tx_count_done(const struct nic_queue *nq, const struct tx_codec *codec)
{
	const struct nic_report *const reports = nq->reports;
	const uint16_t mask = nq->mask, end = nq->next_report, done = nq->done;
	const uint16_t posted = (uint16_t)(nq->posted - done);
	uint16_t n = 0;

	for (uint16_t i = nq->first_report; i != end; i++) {
		const struct nic_report r = reports[i & mask];

		if (!nic_tx_is_due(r.packets, done, posted))
			continue;
		if (!codec->is_done(nq, (uint32_t)(r.head - 1) & mask))
			break;
		n = (uint16_t)(r.packets - done);
	}
	return n;
}

NIC_INLINE uint16_t
nic_tx_published(const struct nic_queue *nq, const struct tx_codec *codec)
{
	return codec->published ? codec->published(nq) : nic_tx_count_done(nq, codec);
}

NIC_INLINE struct tx_cursor
nic_tx_cursor(const struct nic_queue *nq, const struct tx_codec *codec)
{
	return codec->cursor ? codec->cursor(nq) : (struct tx_cursor){ .ring = nq->mem };
}

/* Write the descriptor of a plain packet. */
NIC_INLINE void
nic_tx_put_plain(struct nic_queue *nq, const struct tx_cursor *c, uint32_t d, uint64_t iova,
		 uint32_t len, const struct tx_codec *codec)
{
	if (codec->plain)
		codec->plain(c, d, iova, len);
	else
		codec->put(nq, d, iova, len, true, true, NULL);
}

/* Free the descriptors at the tail whose packets are complete. */
static inline void
nic_tx_advance(struct nic_queue *nq)
{
	while (nq->tail != nq->head && (nq->segs[nq->tail & nq->mask] & NIC_TX_DONE))
		nq->tail = (uint16_t)(nq->tail + (nq->segs[nq->tail & nq->mask] & NIC_TX_DESCS));
}

/* Whether @key is the first descriptor of a packet that the device has. */
static inline bool
nic_tx_in_flight(const struct nic_queue *nq, uint32_t key)
{
	return MUST(tx_id, key <= nq->mask) &&
	       MUST(tx_in_flight,
		    ((key - nq->tail) & nq->mask) < (uint16_t)(nq->head - nq->tail)) &&
	       MUST(tx_first, nq->segs[key]) && MUST(tx_twice, !(nq->segs[key] & NIC_TX_DONE));
}

/** Whether @key, which is in flight, is among the next @packets. */
bool nic_tx_walk_to(const struct nic_queue *nq, uint32_t key, uint16_t packets);
static inline bool
nic_tx_among_next(const struct nic_queue *nq, uint32_t key, uint16_t packets)
{
	return ((key - nq->tail) & nq->mask) < packets || nic_tx_walk_to(nq, key, packets);
}

/*
 * Process @n further completions one by one, with all checks. @freed: tokens freed by those before.
 * Return: tokens freed; -EIO after a violation.
 */
NIC_INLINE int
nic_tx_any_order(struct nic_queue *nq, unsigned n, unsigned freed, const struct tx_codec *codec)
{
	for (unsigned i = 0; i < n; i++) {
		const uint32_t key = codec->key(nq);

		if (baton_unlikely(!nic_tx_in_flight(nq, key)))
			return nic_tx_bad_key(nq, key);
		freed += nic_tx_release_key(nq, (uint16_t)key);
		nq->done++;
		if (key == (uint32_t)(nq->tail & nq->mask))
			nic_tx_advance(nq);
	}
	return (int)freed;
}

/*
 * Copy the buffers of @n shadow entries. Return: whether all are of the pool of @model. This has no
 * branch, so that the compiler takes several entries at a time.
 */
static inline bool
nic_tx_copy_bufs(uint32_t *restrict to, const uint32_t *restrict shadow, unsigned n, uint32_t model)
{
	uint32_t other = 0;

	for (unsigned i = 0; i < n; i++) {
		to[i] = shadow[i] ^ model;
		other |= to[i];
	}
	return !SHADOW_POOL(other);
}

/*
 * Free packets of one buffer at the tail, of one pool, into the cache, up to the end of the ring.
 * Return: how many of @n.
 */
NIC_INLINE unsigned
nic_tx_release(struct nic_queue *nq, unsigned n, const struct tx_codec *codec)
{
	const uint32_t *const shadow = nq->shadow;
	const uint8_t *const segs = nq->segs;
	const uint32_t first = nq->tail & (uint32_t)nq->mask, pool = SHADOW_POOL(shadow[first]);
	struct dma_cache *c;
	uint32_t *idx;
	unsigned i;

	(void)codec;
	if (baton_unlikely(pool >= BATON_MAX_POOLS)) /* SHADOW_NONE */
		return 0;
	c = queue_worker(&nq->q)->caches[pool];
	if (baton_unlikely(!c))
		return 0;
	if (n > c->batch)
		n = c->batch;
	n = nic_run(first, n, nq->mask);
	dma_cache_room(c, n);
	idx = c->idx + c->n;
	if (nq->plain_run > nq->mask && nic_tx_copy_bufs(idx, shadow + first, n, SHADOW(pool, 0))) {
		i = n;
	} else {
		for (i = 0; i < n; i++) {
			const uint32_t d = first + i, s = shadow[d];

			if (baton_unlikely(segs[d] != 1 || SHADOW_POOL(s) != pool))
				break;
			idx[i] = SHADOW_BUF(s);
		}
	}
	dma_cache_set(c, c->n + i);
	nq->tail = (uint16_t)(nq->tail + i);
	return i;
}

/* Free the @n packets at the tail, which are complete. */
NIC_INLINE int
nic_tx_reclaim_run(struct nic_queue *nq, unsigned n, const struct tx_loops *loops)
{
	unsigned freed = 0;

	if (baton_unlikely(!nic_tx_are_posted(nq, n)))
		return nic_tx_jumped(nq, n);
	for (unsigned i = 0; i < n;) {
		unsigned run = loops->release_chains ? loops->release_chains(nq, n - i) : 0;

		if (!run)
			run = loops->release(nq, n - i);
		i += run;
		freed += run;
		if (run || i == n)
			continue;
		freed += nic_tx_release_tail(nq);
		i++;
	}
	nq->done = (uint16_t)(nq->done + n);
	return (int)freed;
}

NIC_INLINE int
nic_tx_reclaim(struct nic_queue *nq, unsigned budget, const struct tx_loops *loops,
	       const struct tx_codec *codec)
{
	const uint16_t published = nic_tx_published(nq, codec);
	unsigned n = published < budget ? published : budget, done = 0;
	int sure;

	if (!n)
		return 0;
	if (baton_unlikely(!MUST(tx_jump, published <= (uint16_t)(nq->posted - nq->done))))
		return nic_tx_jumped(nq, published);
	if (!codec->any_order)
		return nic_tx_reclaim_run(nq, n, loops);
	sure = codec->batch ? codec->batch(nq, published) : 0;
	if (sure) {
		if (baton_unlikely(sure < 0))
			return sure;
		return nic_tx_reclaim_run(nq, n < (unsigned)sure ? n : (unsigned)sure, loops);
	}
	while (done < n) {
		unsigned run = loops->in_turn(nq, n - done < DMA_BATCH ? n - done : DMA_BATCH);

		if (baton_unlikely(!nic_tx_are_posted(nq, run)))
			return nic_tx_jumped(nq, run);
		run = run ? loops->release(nq, run) : 0;
		if (!run)
			break;
		nq->done = (uint16_t)(nq->done + run);
		done += run;
		nic_tx_advance(nq); /* over packets that were completed out of order */
	}
	/* Each of them had one token. */
	return baton_likely(done == n) ? (int)done : loops->any_order(nq, n - done, done);
}

/* The shortest packet that the device takes. */
NIC_INLINE uint32_t
nic_tx_shortest(const struct tx_codec *codec)
{
	return codec->shortest ? codec->shortest : 1u;
}

/* Whether a side record may ask for something, or is missing. */
static inline bool
nic_tx_asks(struct baton_token t)
{
	return (t.flags & BATON_TOKEN_SIDE) || csum_ipv4_wanted(t);
}

/*
 * Whether a packet is of one buffer of @pool, of at most @longest bytes, which is more than the
 * shortest one has, without a checksum to fill in; and without a side record, which may ask for
 * something, where the device knows of them.
 *
 * The two bits of each checksum are all ones where one is to be filled in (BATON_CSUM_PARTIAL).
 */
NIC_INLINE bool
nic_tx_is_plain(const struct baton_token *t, uint32_t pool, uint32_t longest,
		const struct tx_codec *codec)
{
	const uint32_t least = nic_tx_shortest(codec), flags = 24, l3 = BATON_TOKEN_L3_SHIFT + 1,
		       l4 = BATON_TOKEN_L4_SHIFT + 1;
	const uint32_t is =
		(t->gen | (uint32_t)t->pool << 16 | (uint32_t)t->flags << flags) ^ pool << 16;
	const uint32_t none =
		0xffu << 16 | (BATON_TOKEN_CONT | (codec->side ? BATON_TOKEN_SIDE : 0u)) << flags;
	const uint32_t both = (1u << l4 | (codec->side ? 1u << l3 : 0)) << flags;

	return !baton_unlikely((is & none) || (is & is << 1 & both) ||
			       t->len - least > longest - least);
}

/*
 * Post plain packets: of one buffer, with headroom for the device's header, of one pool, one
 * descriptor each. Stop before the first packet that is not plain, or that the CPU does not hold,
 * and at the end of the ring. Return: the number of packets taken.
 */
NIC_INLINE unsigned
nic_tx_post(struct nic_queue *nq, const struct baton_token *tokens, unsigned n, uint64_t *sum,
	    const struct tx_codec *codec)
{
	const struct tx_cursor cursor = nic_tx_cursor(nq, codec);
	const uint32_t pool = n ? tokens->pool : 0, model = SHADOW(pool, 0);
	const struct baton_pool_view own = nq->q.views[pool], *const v =
								      &own; /* no store is to it */
	uint32_t *const shadow = nq->shadow;
	const uint32_t owner = nq->q.owner, max_len = nq->q.max_len,
		       first = nq->head & (uint32_t)nq->mask,
		       end = first + nic_run(first, n, nq->mask);
	const struct baton_token *t = tokens;
	uint64_t bytes = 0;

	for (uint32_t d = first; d < end; d++, t++) {
		const uint32_t buf = t->buf, off = t->off, len = t->len;
		uint64_t at;

		if (baton_unlikely(!nic_tx_is_plain(t, pool, max_len, codec) ||
				   off < codec->header ||
				   !dma_give_raw(v, v->direct_len, buf, off + len, t->gen, owner)))
			break;
		at = (uint64_t)buf * v->stride + off - codec->header;
		if (codec->plain_header)
			codec->plain_header(v->data + at);
		nic_tx_put_plain(nq, &cursor, d, v->iova + at, len + codec->header, codec);
		shadow[d] = model | buf;
		dma_poison(v, buf);
		bytes += len;
	}
	*sum += bytes;
	return (unsigned)(t - tokens);
}

/*
 * Return: the number of packets taken. nic_tx_chain() sends the next packet, or reports what is
 * wrong with it.
 */
NIC_INLINE unsigned
nic_tx_send_plain(struct nic_queue *nq, const struct baton_token *tokens, unsigned n,
		  uint64_t *bytes, const struct tx_loops *loops, const struct tx_codec *codec)
{
	const unsigned room = nic_tx_room(nq, codec);
	const unsigned i = loops->post(nq, tokens, n < room ? n : room, bytes);

	for (unsigned k = 0; nq->plain_run <= nq->mask && k < i; k++, nq->plain_run++)
		nq->segs[(nq->head + k) & nq->mask] = 1;
	nic_tx_sent(nq, i, 1, codec);
	nq->head = (uint16_t)(nq->head + i);
	return i;
}

/* Have the device report the packet that was sent last. */
NIC_INLINE void
nic_tx_report(struct nic_queue *nq, const struct tx_codec *codec)
{
	while (nq->first_report != nq->next_report &&
	       !nic_tx_is_due(nq->reports[nq->first_report & nq->mask].packets, nq->done,
			      (uint16_t)(nq->posted - nq->done)))
		nq->first_report++;
	codec->report(nq, (uint32_t)(nq->head - 1) & nq->mask);
	nq->reports[nq->next_report++ & nq->mask] =
		(struct nic_report){ .head = nq->head, .packets = nq->posted };
}

/* The same, if @least descriptors were used since the last report. */
NIC_INLINE void
nic_tx_report_run(struct nic_queue *nq, uint16_t least, const struct tx_codec *codec)
{
	uint16_t last;

	if (!codec->report)
		return;
	last = nq->reports[(uint16_t)(nq->next_report - 1) & nq->mask].head;
	if ((uint16_t)(nq->head - last) >= least)
		nic_tx_report(nq, codec);
}

NIC_INLINE int
nic_tx_burst(struct baton_queue *q, const struct baton_token *tokens, unsigned n,
	     const struct tx_loops *loops, const struct tx_codec *codec)
{
	struct nic_queue *nq = nic_queue_of(q);
	unsigned done = 0, packets = 0;
	uint64_t bytes = 0;
	int ret = 0;

	/*
	 * Do not reclaim at every burst: what the device writes shares its line with what it wrote
	 * before, and several completions at once are cheaper. Half of the ring remains for the
	 * device, and buffers are freed before the cache needs them.
	 */
	if ((uint16_t)(nq->head - nq->tail) + n > q->descs / 2) {
		ret = nic_tx_reclaim(nq, UINT16_MAX, loops, codec);
		if (baton_unlikely(ret < 0))
			return ret;
	}
	while (done < n) {
		unsigned plain =
			nic_tx_send_plain(nq, tokens + done, n - done, &bytes, loops, codec);
		uint16_t posted;

		done += plain;
		packets += plain;
		nic_tx_report_run(nq, NIC_TX_REPORT, codec);
		if (baton_likely(done == n))
			break;
		if (plain)
			continue; /* the reason is another pool, the end of the ring, or a packet
				     that is not plain */
		posted = nq->posted;
		ret = loops->chain(nq, tokens + done, n - done, !done, &bytes);
		if (ret <= 0)
			break;
		done += (unsigned)ret;
		packets += (uint16_t)(nq->posted - posted);
	}
	if (!done)
		return ret < 0 ? ret : 0;
	nic_tx_report_run(nq, 1, codec);
	codec->commit(nq);
	queue_count(&q->stats.packets, packets);
	queue_count(&q->stats.bytes, bytes);
	return (int)done;
}

#endif
