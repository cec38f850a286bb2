/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Receiving through slots. The device writes to the slot of a descriptor; a packet that was
 * completed, and whose completion was validated as on direct memory (rx.c), is copied: exactly its
 * bytes, into a private buffer that was freed last and is in the cache still. Without a buffer a
 * packet stays with the device.
 *
 * A descriptor is posted again with its own slot, so its entry never changes. Where the queues
 * share slots, fewer descriptors than the ring has are posted, `quota`, and the slot completed at
 * ring position p is posted at position p + quota.
 */
#include "rx.h"

#define AHEAD 8u /* slots to prefetch ahead */

static inline uint8_t *
header(const struct virtq *vq, uint32_t slot)
{
	return dma_slot(vq->slots, slot);
}

/* Copy exactly @len bytes of a slot, from @from on, into a buffer of the CPU. */
static inline __attribute__((always_inline)) struct baton_token
take(const struct baton_pool_view *v, uint32_t buf, uint16_t off, const uint8_t *from, uint32_t len)
{
	struct baton_token t = { .buf = buf,
				 .off = off,
				 .len = (uint16_t)len,
				 .gen = dma_take(v, buf),
				 .pool = v->index };

	dma_copy(v->data + (size_t)buf * v->stride + off, from, len);
	return t;
}

/* ---- posting ---- */

static void
post_shared(struct virtq *vq, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		uint16_t pos = (uint16_t)(vq->avail_idx + i);
		uint16_t id = pos & vq->mask;
		uint32_t slot = vq->slot_of[(uint16_t)(pos - vq->quota) & vq->mask];

		if (!vq->in_order) {
			id = vq->order[pos & vq->mask];
			vq->avail->ring[pos & vq->mask] = htole16(id);
		}
		vq->shadow[id] = slot;
		vq->desc[id].addr = htole64(dma_slot_iova(vq->slots, slot));
	}
}

/* Post slots that belong to the queue. */
static void
post_displaced(struct virtq *vq, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		uint16_t pos = (uint16_t)(vq->avail_idx + i) & vq->mask, id = vq->order[pos];

		vq->avail->ring[pos] = htole16(id);
		vq->shadow[id] = vq->slot0 + id;
	}
}

/* Post all completed slots again. */
static inline void
post(struct virtq *vq)
{
	unsigned n = vq->quota - (uint16_t)(vq->avail_idx - vq->used_idx);

	if (baton_unlikely(!vq->in_order))
		virtq_rx_reorder(vq, vq->used_idx);
	if (baton_unlikely(vq->slot_of))
		post_shared(vq, n);
	else if (baton_unlikely(!vq->in_order))
		post_displaced(vq, n);
	vq->avail_idx = (uint16_t)(vq->avail_idx + n);
	virtq_publish(vq);
}

/* ---- receiving ---- */

static void
slot_consumed(struct virtq *vq, uint16_t pos, uint32_t slot)
{
	if (vq->slot_of)
		vq->slot_of[pos & vq->mask] = slot;
}

/*
 * Receive a packet of any kind at r->pos. The cache has max_segs buffers. Return: 0; -EIO after a
 * violation.
 */
static int __attribute__((noinline))
receive_one(struct virtq *vq, const struct baton_pool_view *v, struct baton_token *t, uint16_t used,
	    unsigned mode, struct rx_counts *r)
{
	uint16_t published = (uint16_t)(used - r->pos);
	uint32_t len, total, slot = virtq_rx_next(vq, r->pos, published, &len);
	struct dma_cache *c = vq->q.cache;
	struct rx_meta meta = { 0 };
	unsigned segs = 1, n = 1;
	const uint8_t *hdr;
	int bad = RX_GOOD;
	bool good;

	if (baton_unlikely(slot == SHADOW_NONE))
		return -EIO;
	slot_consumed(vq, r->pos++, slot);
	if (baton_unlikely(!MUST(rx_header, len >= NET_HDR_LEN)))
		return queue_violation(&vq->q,
				       "used length %u is less than the %u bytes of the header",
				       len, NET_HDR_LEN);
	hdr = header(vq, slot);
	total = len -= NET_HDR_LEN;
	if (mode & RX_MERGEABLE)
		segs = shared_load16_at(hdr + offsetof(struct virtio_net_hdr, num_buffers));
	if (baton_unlikely(!MUST(rx_segs, segs - 1 < vq->q.max_segs) ||
			   !MUST(rx_segs_published, segs <= published)))
		return queue_violation(&vq->q,
				       "num_buffers %u: not between 1 and %u, with %u completions "
				       "published",
				       segs, vq->q.max_segs, published);
	if (mode & RX_CSUM)
		meta = virtq_rx_meta(hdr);
	t[0] = take(v, dma_cache_pop(c), v->headroom, hdr + NET_HDR_LEN, len);
	good = len || segs == 1;
	for (unsigned i = 1; i < segs; i++) {
		slot = virtq_rx_next(vq, r->pos, (uint16_t)(published - i), &len);
		if (baton_unlikely(slot == SHADOW_NONE)) {
			virtq_rx_untake(vq, v, t, n);
			return -EIO;
		}
		slot_consumed(vq, r->pos++, slot);
		if (!len)
			continue;
		t[n - 1].flags |= BATON_TOKEN_CONT;
		t[n++] = take(v, dma_cache_pop(c), vq->post_off, header(vq, slot), len);
		total += len;
	}
	if (!MUST(rx_runt, good && total >= ETH_HLEN))
		bad = RX_ERROR_RUNT;
	else if (mode & RX_CSUM)
		bad = virtq_rx_verdict(vq, &meta, t, total);
	if (baton_unlikely(bad != RX_GOOD)) {
		virtq_rx_untake(vq, v, t, n);
		queue_count_error(&vq->q, (unsigned)bad, 1);
		return 0;
	}
	r->tokens += n;
	r->packets++;
	r->bytes += total;
	return 0;
}

/*
 * Receive packets of one buffer, completed in ring order, that receive_one() would accept.
 * receive_one() reads the others again.
 */
static inline __attribute__((always_inline)) void
receive_plain(struct virtq *vq, const struct baton_pool_view *v, struct baton_token *tokens,
	      unsigned n, unsigned mode, struct rx_counts *r, uint32_t *const slot_of)
{
	const shared64 *const ring = vq->used->ring;
	const uint32_t *const shadow = vq->shadow;
	const uint32_t mask = vq->mask, least = NET_HDR_LEN + ETH_HLEN,
		       span = vq->posted_len - least;
	const uint8_t *const slots = header(vq, slot_of ? 0 : vq->slot0);
	const uint32_t stride = vq->slots->stride;
	struct dma_cache *const c = vq->q.cache;
	const uint32_t *const top = c->idx + c->n - 1;
	uint64_t bytes = 0;
	unsigned i;

	for (i = 0; i < n; i++) {
		/* Slots that belong to the queue never leave their descriptors. */
		const uint32_t at = (r->pos + i) & mask, slot = slot_of ? shadow[at] : at;
		const uint64_t elem = shared_load64(&ring[at]);
		const uint32_t len = (uint32_t)(elem >> 32);
		const uint8_t *const hdr = slots + (size_t)slot * stride;
		const uint32_t ahead = (at + AHEAD) & mask;
		const uint8_t *const next =
			(const uint8_t *)((uintptr_t)slots +
					  (size_t)(slot_of ? shadow[ahead] : ahead) * stride);
		unsigned meta = 0; /* {flags:8, gso_type:8} */

		/*
		 * This slot may not be completed yet. A slot that is not posted is harmless here:
		 * the prefetch only needs an address.
		 */
		__builtin_prefetch(next);
		__builtin_prefetch(next + BATON_CACHE_LINE);
		if (baton_unlikely(!MUST(rx_plain_id, (uint32_t)elem == at) ||
				   !MUST(rx_plain_len, len - least <= span)))
			break;
		if (mode & RX_CSUM) {
			meta = shared_load16_at(hdr);
			if (baton_unlikely(
				    !MUST(rx_plain_meta, !(meta & ~VIRTIO_NET_HDR_F_DATA_VALID))))
				break;
		}
		if ((mode & RX_MERGEABLE) &&
		    baton_unlikely(!MUST(rx_plain_segs,
					 shared_load16_at(hdr + offsetof(struct virtio_net_hdr,
									 num_buffers)) == 1)))
			break;
		tokens[i] = take(v, *(top - i), v->headroom, hdr + NET_HDR_LEN, len - NET_HDR_LEN);
		if (mode & RX_CSUM)
			tokens[i].flags =
				(uint8_t)(meta / VIRTIO_NET_HDR_F_DATA_VALID * BATON_CSUM_GOOD
					  << BATON_TOKEN_L4_SHIFT);
		if (slot_of)
			slot_of[at] = slot;
		bytes += len;
	}
	dma_cache_set(c, c->n - i);
	r->pos = (uint16_t)(r->pos + i);
	r->tokens += i;
	r->packets += i;
	r->bytes += bytes - (uint64_t)i * NET_HDR_LEN;
}

static inline __attribute__((always_inline)) int
receive(struct baton_queue *q, struct baton_token *tokens, unsigned n, unsigned mode)
{
	struct virtq *vq = virtq_of(q);
	const struct baton_pool_view *v = &q->views[q->pool->view.index];
	const uint16_t used = shared_load16_acquire(&vq->used->idx);
	const uint16_t published = (uint16_t)(used - vq->used_idx);
	struct rx_counts r = { .pos = vq->used_idx };
	bool dry = false, chained = false;
	int ret = 0;

	if (baton_unlikely(n < q->max_segs))
		return virtq_rx_no_room(vq, n);
	if (baton_unlikely(!MUST(rx_jump, published <= (uint16_t)(vq->avail_idx - vq->used_idx))))
		return virtq_rx_jumped(vq, published);
	while (!ret && r.pos != used && n - r.tokens >= q->max_segs && !dry) {
		unsigned want = n - r.tokens < (uint16_t)(used - r.pos) ? n - r.tokens
									: (uint16_t)(used - r.pos);
		unsigned have = dma_cache_reserve(q->cache, want < DMA_BATCH ? want : DMA_BATCH),
			 before = r.tokens;

		/* A packet of several buffers is most likely followed by another one. */
		if (baton_likely(!chained && vq->in_order && !vq->in_batch &&
				 vq->posted_len >= NET_HDR_LEN + ETH_HLEN)) {
			if (baton_unlikely(vq->slot_of != NULL))
				receive_plain(vq, v, tokens + r.tokens, have < want ? have : want,
					      mode, &r, vq->slot_of);
			else
				receive_plain(vq, v, tokens + r.tokens, have < want ? have : want,
					      mode, &r, NULL);
		}
		if (baton_likely(r.tokens != before))
			continue;
		dry = dma_cache_reserve(q->cache, q->max_segs) < q->max_segs;
		if (!dry)
			ret = receive_one(vq, v, tokens + r.tokens, used, mode, &r);
		chained = r.tokens - before > 1;
	}
	virtq_rx_consumed(vq, &r);
	dma_cache_settle(q->cache);
	if (baton_unlikely(dry))
		queue_count(&q->stats.nobuf, 1);
	if (baton_unlikely(ret < 0))
		/* The packets before the violation are valid; the next burst returns -EIO. */
		return r.tokens ? (int)r.tokens : ret;
	if (vq->quota - (uint16_t)(vq->avail_idx - vq->used_idx) >= vq->refill) {
		if (baton_unlikely(
			    vq->quota <= vq->mask &&
			    vq->avail_idx ==
				    vq->used_idx)) /* the device could have more descriptors */
			queue_count(&q->stats.no_slot, 1);
		post(vq);
	}
	return (int)r.tokens;
}

int
virtq_rx_bounce(struct baton_queue *q, struct baton_token *tokens, unsigned n)
{
	return receive(q, tokens, n, 0);
}

int
virtq_rx_bounce_mergeable(struct baton_queue *q, struct baton_token *tokens, unsigned n)
{
	return receive(q, tokens, n, RX_MERGEABLE);
}

int
virtq_rx_bounce_csum(struct baton_queue *q, struct baton_token *tokens, unsigned n)
{
	return receive(q, tokens, n, RX_CSUM);
}

int
virtq_rx_bounce_mergeable_csum(struct baton_queue *q, struct baton_token *tokens, unsigned n)
{
	return receive(q, tokens, n, RX_CSUM | RX_MERGEABLE);
}
