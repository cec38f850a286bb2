/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sending on a split ring.
 *
 * A packet's header lies in its first buffer's headroom, so that a packet of one buffer takes one descriptor; without
 * headroom it takes one more, for a header of zeros. Descriptors are used in ring order. Buffers go to the worker's
 * cache as soon as their completion is validated; descriptors become free in ring order.
 */
#include "tx.h"

/* Buffers of the completed packet whose first descriptor is @id. */
static unsigned
release(struct virtq *vq, uint16_t id)
{
	unsigned segs = vq->segs[id], freed = 0;

	for (unsigned i = 0; i < segs; i++) {
		uint16_t d = (uint16_t)(id + i) & vq->mask;
		uint32_t s = vq->shadow[d];
		struct dma_cache *c;

		if (s == SHADOW_NONE)
			continue; /* the header's descriptor */
		c = vq->q.worker->caches[SHADOW_POOL(s)];
		vq->shadow[d] = SHADOW_NONE;
		freed++;
		if (baton_unlikely(!c))
			c = dma_cache(vq->q.worker, vq->q.port->ctx->pools[SHADOW_POOL(s)]);
		if (baton_unlikely(!c)) {
			uint32_t buf = SHADOW_BUF(s);

			dma_home(vq->q.port->ctx->pools[SHADOW_POOL(s)], &buf, 1);
			continue;
		}
		dma_cache_room(c, 1);
		c->idx[c->n++] = SHADOW_BUF(s);
	}
	vq->segs[id] |= TX_DONE;
	vq->plain_run = 0;
	return freed;
}

unsigned
virtq_tx_release(struct virtq *vq, unsigned n)
{
	const uint32_t *const shadow = vq->shadow;
	const uint8_t *const segs = vq->segs;
	const uint32_t mask = vq->mask, pool = SHADOW_POOL(shadow[vq->tail & mask]);
	struct dma_cache *c = vq->q.worker->caches[pool % BATON_MAX_POOLS];
	uint32_t *idx;
	unsigned i;

	if (n > DMA_BATCH)
		n = DMA_BATCH;
	if (baton_unlikely(!c))
		return 0;
	dma_cache_room(c, n);
	idx = c->idx + c->n;
	for (i = 0; i < n; i++) {
		const uint32_t d = (vq->tail + i) & mask, s = shadow[d];

		if (baton_unlikely(segs[d] != 1 || SHADOW_POOL(s) != pool || s == SHADOW_NONE))
			break;
		idx[i] = SHADOW_BUF(s);
	}
	c->n += i;
	vq->tail = (uint16_t)(vq->tail + i);
	return i;
}

/* The packet at the tail, whatever it is. */
unsigned
virtq_tx_release_tail(struct virtq *vq)
{
	unsigned freed = release(vq, vq->tail & vq->mask);

	virtq_tx_advance(vq);
	return freed;
}

/* Is @id the first descriptor of a packet the device has? */
static inline bool
in_flight(const struct virtq *vq, uint32_t id)
{
	return id <= vq->mask && ((id - vq->tail) & vq->mask) < (uint16_t)(vq->head - vq->tail) &&
	       vq->segs[id] && !(vq->segs[id] & TX_DONE);
}

static int
bad_id(struct virtq *vq, uint32_t id)
{
	if (id > vq->mask)
		return queue_violation(&vq->q, "used id out of range: %u of %u descriptors", id,
				       vq->q.descs);
	return queue_violation(&vq->q, "used id %u is not that of a packet in flight, or is completed twice",
			       id);
}

/* Is @id among the next @packets in flight? Most packets take one descriptor, so the walk is rare. */
static bool
among_next(const struct virtq *vq, uint32_t id, uint16_t packets)
{
	uint16_t ahead = (uint16_t)((id - vq->tail) & vq->mask), span = 0;

	for (; span <= ahead && packets; packets--)
		span = (uint16_t)(span + vq->segs[(vq->tail + span) & vq->mask]);
	return ahead < span;
}

/* The first element of what was published, under IN_ORDER. */
int
virtq_tx_check_batch(struct virtq *vq, uint16_t published)
{
	uint32_t id = (uint32_t)shared_load64(&vq->used->ring[vq->used_idx & vq->mask]);

	if (baton_unlikely(!in_flight(vq, id)))
		return bad_id(vq, id);
	if (baton_unlikely(((id - vq->tail) & vq->mask) >= published && !among_next(vq, id, published)))
		return queue_violation(&vq->q, "in-order id %u is outside the %u completions published",
				       id, published);
	vq->batch_end = (uint16_t)(vq->used_idx + published);
	return 0;
}

unsigned
virtq_tx_in_turn(const struct virtq *vq, unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++)
		if (baton_unlikely((uint32_t)shared_load64(&vq->used->ring[(vq->used_idx + i) & vq->mask]) !=
				   (uint32_t)((vq->tail + i) & vq->mask)))
			break;
	return i;
}

int
virtq_tx_jumped(struct virtq *vq, uint16_t published)
{
	return queue_violation(&vq->q, "used index jumped by %u, with %u packets in flight", published,
			       (uint16_t)(vq->avail_idx - vq->used_idx));
}

/* Completions one by one, by all rules. */
int
virtq_tx_any_order(struct virtq *vq, unsigned n, unsigned freed)
{
	for (unsigned i = freed; i < n; i++) {
		uint32_t id = (uint32_t)shared_load64(&vq->used->ring[vq->used_idx & vq->mask]);

		if (baton_unlikely(!in_flight(vq, id)))
			return bad_id(vq, id);
		freed += release(vq, (uint16_t)id);
		vq->used_idx++;
		if (id == (uint32_t)(vq->tail & vq->mask))
			virtq_tx_advance(vq);
	}
	return (int)freed;
}

/* Position avail_idx of the available ring shall name descriptor @id. Written only when it does not yet. */
static inline void
avail_put(struct virtq *vq, uint16_t id)
{
	uint16_t skew = (uint16_t)(id - vq->avail_idx) & vq->mask;

	if (baton_unlikely(skew != vq->skew)) {
		vq->skew = skew;
		vq->skew_run = 0;
	}
	if (baton_unlikely(vq->skew_run <= vq->mask)) {
		vq->avail->ring[vq->avail_idx & vq->mask] = htole16(id);
		vq->skew_run++;
	}
	vq->avail_idx++;
}

/* The @n descriptors from the head on, a packet each. */
void
virtq_tx_avail_put(struct virtq *vq, unsigned n)
{
	for (unsigned k = 0; k < n; k++)
		avail_put(vq, (uint16_t)((vq->head + k) & vq->mask));
}

static inline void
put_desc(struct virtq *vq, uint16_t d, uint64_t addr, uint32_t len, uint16_t flags)
{
	vq->desc[d] = (struct vring_desc){
		.addr = htole64(addr),
		.len = htole32(len),
		.flags = htole16(flags),
		.next = htole16((uint16_t)(d + 1) & vq->mask),
	};
}

static inline uint64_t
iova_of(const struct dma_view *v, struct baton_token t)
{
	return v->iova + (uint64_t)t.buf * v->stride + t.off;
}

/* A header that asks for nothing, before the packet's first byte. The caller holds the buffer. */
static inline void
put_hdr(const struct dma_view *v, struct baton_token t)
{
	static const struct virtio_net_hdr zero;

	memcpy(dma_data(v, t.buf) + t.off - NET_HDR_LEN, &zero, NET_HDR_LEN);
}

/* Why a token cannot be sent: said when its packet is the first of a burst, before that the burst just ends. */
static BATON_COLD int
refuse(struct virtq *vq, struct baton_token t, bool first)
{
	struct baton_queue *q = &vq->q;

	if (!first)
		return 0;
	queue_count(&q->stats.errors, 1);
	return queue_refuse(q, t);
}

static BATON_COLD int
bad_packet(struct virtq *vq, bool first, const char *what, uint32_t is, uint32_t limit)
{
	if (!first)
		return 0;
	queue_count(&vq->q.stats.errors, 1);
	return baton_err(EMSGSIZE, "%s txq %u: a packet of %u %s, at most %u are possible", vq->q.port->name,
			 vq->q.index, is, what, limit);
}

/*
 * A packet of several buffers, or without headroom. Nothing has changed unless it is sent.
 *
 * Return: its number of tokens; 0: the ring is full; a negative errno.
 */
int
virtq_tx_send_chain(struct virtq *vq, const struct baton_token *t, unsigned n, bool first,
		    uint64_t *bytes)
{
	struct baton_queue *q = &vq->q;
	unsigned segs = 0, extra = t[0].off < NET_HDR_LEN, given = 0;
	uint16_t d = vq->head & vq->mask, key = d;
	uint32_t len = 0;

	do {
		if (segs == n) {
			if (!first)
				return 0;
			queue_count(&q->stats.errors, 1);
			return baton_err(EINVAL, "%s txq %u: the last token has CONT: a burst must not split a packet",
					 q->port->name, q->index);
		}
		len += t[segs].len;
		if (!t[segs].len)
			return bad_packet(vq, first, "bytes in a buffer", 0, q->max_len);
	} while (t[segs++].flags & BATON_TOKEN_CONT);
	if (segs + extra > q->max_segs)
		return bad_packet(vq, first, "buffers", segs, q->max_segs - extra);
	if (len > q->max_len)
		return bad_packet(vq, first, "bytes", len, q->max_len);
	if (segs + extra > q->descs - (uint16_t)(vq->head - vq->tail))
		return 0;
	for (; given < segs; given++) {
		if (!dma_give(&q->views[t[given].pool], t[given], q->owner)) {
			for (unsigned i = given; i-- > 0;)
				dma_ungive(&q->views[t[i].pool], t[i]);
			return refuse(vq, t[given], first);
		}
	}
	if (extra) {
		put_desc(vq, d, vq->hdr_iova, NET_HDR_LEN, VRING_DESC_F_NEXT);
		vq->shadow[d] = SHADOW_NONE;
		d = (uint16_t)(d + 1) & vq->mask;
	} else {
		put_hdr(&q->views[t[0].pool], t[0]);
	}
	for (unsigned i = 0; i < segs; i++, d = (uint16_t)(d + 1) & vq->mask) {
		const struct dma_view *v = &q->views[t[i].pool];
		uint32_t hdr = i == 0 && !extra ? NET_HDR_LEN : 0;

		put_desc(vq, d, iova_of(v, t[i]) - hdr, t[i].len + hdr,
			 i + 1 < segs ? VRING_DESC_F_NEXT : 0);
		vq->shadow[d] = SHADOW(t[i].pool, t[i].buf);
		vq->segs[d] = 0; /* not a key */
		dma_poison(v, t[i].buf);
	}
	vq->segs[key] = (uint8_t)(segs + extra);
	vq->plain_run = 0;
	vq->head = (uint16_t)(vq->head + segs + extra);
	avail_put(vq, key);
	*bytes += len;
	return (int)segs;
}

/*
 * The plain case: packets of one buffer with headroom, of one pool, one descriptor each. It ends before the first that is
 * anything else, or that is not the CPU's to give. Not inlined: the loop wants every register.
 *
 * Return: packets taken.
 */
unsigned __attribute__((noinline))
virtq_tx_post(struct virtq *vq, const struct baton_token *tokens, unsigned n, uint64_t *sum)
{
	const uint32_t pool = n ? tokens->pool : 0, model = SHADOW(pool, 0);
	const struct dma_view *const v = &vq->q.views[pool];
	struct vring_desc *const desc = vq->desc;
	uint32_t *const shadow = vq->shadow;
	const uint32_t mask = vq->mask, owner = vq->q.owner, max_len = vq->q.max_len;
	const struct baton_token *const end = tokens + n;
	const struct baton_token *t;
	uint32_t pos = vq->head;
	uint64_t bytes = 0;

	for (t = tokens; t != end; t++) {
		const uint32_t d = pos++ & mask, buf = t->buf, off = t->off, len = t->len;
		uint64_t at;

		if (baton_unlikely(t->pool != pool || (t->flags & BATON_TOKEN_CONT) || off < NET_HDR_LEN ||
				   len - 1 >= max_len ||
				   !dma_give_raw(v, buf, off + len, t->gen, owner)))
			break;
		at = (uint64_t)buf * v->stride + off - NET_HDR_LEN;
		memset(v->data + at, 0, NET_HDR_LEN);
		desc[d].addr = htole64(v->iova + at);
		desc[d].len_flags_next = htole64(len + NET_HDR_LEN);
		shadow[d] = model | buf;
		dma_poison(v, buf);
		bytes += len;
	}
	*sum += bytes;
	return (unsigned)(t - tokens);
}

static const struct tx_loops one_by_one = {
	.in_turn = virtq_tx_in_turn,
	.release = virtq_tx_release,
	.post = virtq_tx_post,
};

int
virtq_tx_reclaim(struct virtq *vq, unsigned budget)
{
	return virtq_tx_reclaim_by(vq, budget, &one_by_one);
}

int
virtq_tx_burst(struct baton_queue *q, struct baton_token *tokens, unsigned n)
{
	return virtq_send(q, tokens, n, &one_by_one);
}

int
virtq_tx_clean(struct baton_queue *q, unsigned budget)
{
	return virtq_tx_reclaim(virtq_of(q), budget);
}
