/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Send on a split ring.
 *
 * The header of a packet is in the headroom of its first buffer, so that a packet of one buffer
 * takes one descriptor. Without headroom it takes one more, for a header of zeros. Descriptors are
 * used in ring order. Buffers go to the worker's cache as soon as their completion is validated;
 * descriptors become free in ring order.
 */
#include "tx.h"
#include "port/csum.h"

/* Free the buffers of the completed packet whose first descriptor is @id. */
static unsigned
release(struct virtq *vq, uint16_t id)
{
	unsigned segs = vq->segs[id], freed = 0;

	for (unsigned i = 0; i < segs; i++) {
		uint16_t d = (uint16_t)(id + i) & vq->mask;
		uint32_t s = vq->shadow[d];
		struct dma_cache *c;

		if (baton_unlikely(vq->slot_of != NULL))
			virtq_slot_done(vq, d);
		if (s == SHADOW_NONE)
			continue; /* a descriptor of a header or a slot has no buffer */
		c = queue_worker(&vq->q)->caches[SHADOW_POOL(s)];
		vq->shadow[d] = SHADOW_NONE;
		freed++;
		if (baton_unlikely(!c))
			c = dma_cache(queue_worker(&vq->q), vq->q.port->ctx->pools[SHADOW_POOL(s)]);
		if (baton_unlikely(!c)) {
			uint32_t buf = SHADOW_BUF(s);

			dma_free_bufs(vq->q.port->ctx->pools[SHADOW_POOL(s)], &buf, 1);
			continue;
		}
		dma_cache_room(c, 1);
		dma_cache_push(c, SHADOW_BUF(s));
	}
	if (baton_unlikely(vq->slot_of != NULL))
		dma_slot_settle(vq->slot_cache);
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
	struct dma_cache *c = queue_worker(&vq->q)->caches[pool % BATON_MAX_POOLS];
	uint32_t *idx;
	unsigned i;

	if (baton_unlikely(!c))
		return 0;
	if (n > c->batch)
		n = c->batch;
	dma_cache_room(c, n);
	idx = c->idx + c->n;
	for (i = 0; i < n; i++) {
		const uint32_t d = (vq->tail + i) & mask, s = shadow[d];

		if (baton_unlikely(segs[d] != 1 || SHADOW_POOL(s) != pool || s == SHADOW_NONE))
			break;
		idx[i] = SHADOW_BUF(s);
	}
	dma_cache_set(c, c->n + i);
	vq->tail = (uint16_t)(vq->tail + i);
	return i;
}

/* Free the packet at the tail, of any kind. */
unsigned
virtq_tx_release_tail(struct virtq *vq)
{
	unsigned freed = release(vq, vq->tail & vq->mask);

	virtq_tx_advance(vq);
	return freed;
}

/* Whether @id is the first descriptor of a packet that the device has. */
static inline bool
in_flight(const struct virtq *vq, uint32_t id)
{
	return MUST(tx_id, id <= vq->mask) &&
	       MUST(tx_in_flight, ((id - vq->tail) & vq->mask) < (uint16_t)(vq->head - vq->tail)) &&
	       MUST(tx_first, vq->segs[id]) && MUST(tx_twice, !(vq->segs[id] & TX_DONE));
}

static int
bad_id(struct virtq *vq, uint32_t id)
{
	if (id > vq->mask)
		return queue_violation(&vq->q, "used id out of range: %u of %u descriptors", id,
				       vq->q.descs);
	return queue_violation(&vq->q,
			       "used id %u is not that of a packet in flight, or is completed "
			       "twice",
			       id);
}

/*
 * Whether @id is among the next @packets in flight. Most packets take one descriptor, so the walk
 * is rare.
 */
static bool
among_next(const struct virtq *vq, uint32_t id, uint16_t packets)
{
	uint16_t ahead = (uint16_t)((id - vq->tail) & vq->mask), span = 0;

	for (; span <= ahead && packets; packets--)
		span = (uint16_t)(span + vq->segs[(vq->tail + span) & vq->mask]);
	return ahead < span;
}

/* Validate the first element that was published, with IN_ORDER. */
int
virtq_tx_check_batch(struct virtq *vq, uint16_t published)
{
	uint32_t id = (uint32_t)shared_load64(&vq->used->ring[vq->used_idx & vq->mask]);

	if (baton_unlikely(!in_flight(vq, id)))
		return bad_id(vq, id);
	if (baton_unlikely(!MUST(tx_in_order, ((id - vq->tail) & vq->mask) < published ||
						      among_next(vq, id, published))))
		return queue_violation(&vq->q,
				       "in-order id %u is outside the %u completions published "
				       "(in_order=0 does without)",
				       id, published);
	vq->batch_end = (uint16_t)(vq->used_idx + published);
	return 0;
}

unsigned
virtq_tx_in_turn(const struct virtq *vq, unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++)
		if (baton_unlikely(!MUST(tx_in_turn,
					 (uint32_t)shared_load64(
						 &vq->used->ring[(vq->used_idx + i) & vq->mask]) ==
						 (uint32_t)((vq->tail + i) & vq->mask))))
			break;
	return i;
}

int
virtq_tx_jumped(struct virtq *vq, unsigned published)
{
	return queue_violation(&vq->q,
			       "used index jumped by %u, with %u packets in flight in %u "
			       "descriptors",
			       published, (uint16_t)(vq->avail_idx - vq->used_idx),
			       (uint16_t)(vq->head - vq->tail));
}

/* Process completions one by one, with all checks. */
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

/* Make position avail_idx of the available ring name descriptor @id, unless it does already. */
static inline void
avail_put(struct virtq *vq, uint16_t id)
{
	uint16_t offset = (uint16_t)(id - vq->avail_idx) & vq->mask;

	if (baton_unlikely(offset != vq->avail_offset)) {
		vq->avail_offset = offset;
		vq->avail_run = 0;
	}
	if (baton_unlikely(vq->avail_run <= vq->mask)) {
		vq->avail->ring[vq->avail_idx & vq->mask] = htole16(id);
		vq->avail_run++;
	}
	vq->avail_idx++;
}

/* Record that each of the @n descriptors from the head on is a packet. */
void
virtq_tx_avail_put(struct virtq *vq, unsigned n)
{
	for (unsigned k = 0; k < n; k++)
		avail_put(vq, (uint16_t)((vq->head + k) & vq->mask));
}

/*
 * Post plain packets: of one buffer with headroom, of one pool, one descriptor each. Stop before
 * the first packet that is not plain, or that the CPU does not hold. This is not inlined: the loop
 * needs every register.
 *
 * Return: the number of packets taken.
 */
unsigned __attribute__((noinline))
virtq_tx_post(struct virtq *vq, const struct baton_token *tokens, unsigned n, uint64_t *sum)
{
	const uint32_t pool = n ? tokens->pool : 0, model = SHADOW(pool, 0);
	const struct baton_pool_view *const v = &vq->q.views[pool];
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

		if (baton_unlikely(t->pool != pool || (t->flags & BATON_TOKEN_CONT) ||
				   csum_wanted(*t) || off < NET_HDR_LEN || len - 1 >= max_len ||
				   !dma_give_raw(v, v->direct_len, buf, off + len, t->gen, owner)))
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
	.chain = virtq_tx_send_chain,
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
