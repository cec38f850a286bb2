/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sending through slots: a packet's bytes, and no others, are copied behind its header into as few slots as hold them, and its
 * buffers are free at once. Descriptor i has slot i, for good; where the queues share slots, one from the queue's cache.
 *
 * Pools that the device reaches go out of their buffers, through the same ring.
 */
#include "port/csum.h"
#include "tx.h"

#define AHEAD 4u /* slots on their way into the cache */

static inline uint32_t
slot_room(const struct virtq *vq)
{
	return vq->slots->room;
}

static inline uint32_t
slot_for(struct virtq *vq, uint16_t d)
{
	uint32_t slot = vq->slot0 + d;

	if (baton_unlikely(vq->slot_of != NULL))
		slot = vq->slot_of[d] = dma_slot_pop(vq->slot_cache);
	return slot;
}

static inline struct dma_cache *
cache_of(struct virtq *vq, const struct dma_view *v)
{
	struct dma_cache *c = vq->q.worker->caches[v->index];

	return baton_likely(c != NULL) ? c : dma_cache(vq->q.worker, v->pool);
}

/* ---- plain packets: one buffer, one slot ---- */

/* What virtq_tx_post() takes, but of a bounced pool, and with or without headroom. Return: packets taken. */
static unsigned __attribute__((noinline))
copy_plain(struct virtq *vq, const struct dma_view *v, struct dma_cache *c, const struct baton_token *tokens, unsigned n, uint64_t *sum)
{
	const uint32_t mask = vq->mask, pool = v->index, stride = vq->slots->stride;
	const uint32_t longest = slot_room(vq) - NET_HDR_LEN < vq->q.max_len ? slot_room(vq) - NET_HDR_LEN : vq->q.max_len;
	uint8_t *const slots = dma_slot(vq->slots, 0);
	const uint64_t iova = dma_slot_iova(vq->slots, 0);
	uint32_t *const idx = c->idx + c->n;
	uint64_t bytes = 0;
	unsigned i;

	for (i = 0; i < n; i++) {
		const struct baton_token t = tokens[i];
		const uint16_t d = (uint16_t)(vq->head + i) & vq->mask;
		uint8_t *ahead = slots + (size_t)(vq->slot0 + ((d + AHEAD) & mask)) * stride;
		size_t at;

		__builtin_prefetch(ahead, 1);
		__builtin_prefetch(ahead + BATON_CACHE_LINE, 1);
		if (baton_unlikely(t.pool != pool || (t.flags & BATON_TOKEN_CONT) || csum_wanted(t) || t.len - 1u >= longest ||
				   !dma_give_raw(v, t.buf, (uint32_t)t.off + t.len, t.gen, BATON_OWNER_FREE << 16)))
			break;
		at = (size_t)slot_for(vq, d) * stride;
		memset(slots + at, 0, NET_HDR_LEN);
		dma_copy(slots + at + NET_HDR_LEN, v->data + (size_t)t.buf * v->stride + t.off, t.len);
		vq->desc[d].addr = htole64(iova + at);
		vq->desc[d].len_flags_next = htole64(t.len + NET_HDR_LEN);
		vq->shadow[d] = SHADOW_NONE;
		idx[i] = t.buf;
		dma_poison(v, t.buf);
		bytes += t.len;
	}
	dma_cache_set(c, c->n + i);
	*sum += bytes;
	return i;
}

static unsigned
post(struct virtq *vq, const struct baton_token *tokens, unsigned n, uint64_t *sum)
{
	const struct dma_view *v = &vq->q.views[n ? tokens->pool : 0];
	struct dma_cache *c;

	if (!n || !v->count)
		return 0;
	if (!v->bounce)
		return virtq_tx_post(vq, tokens, n, sum);
	n = n < DMA_BATCH ? n : DMA_BATCH;
	if (vq->slot_of)
		n = dma_slot_reserve(vq->slot_cache, n);
	c = cache_of(vq, v);
	if (!n || !c)
		return 0; /* virtq_tx_send_chain() says why */
	dma_cache_room(c, n);
	return copy_plain(vq, v, c, tokens, n, sum);
}

/* ---- completions ---- */

static unsigned
release(struct virtq *vq, unsigned n)
{
	unsigned i;

	n = n < DMA_SLOT_BURST ? n : DMA_SLOT_BURST;
	for (i = 0; i < n; i++) {
		const uint16_t d = (uint16_t)(vq->tail + i) & vq->mask;

		if (vq->segs[d] != 1 || vq->shadow[d] != SHADOW_NONE)
			break;
		if (baton_unlikely(vq->slot_of != NULL))
			virtq_slot_done(vq, d);
	}
	if (baton_unlikely(vq->slot_of != NULL))
		dma_slot_settle(vq->slot_cache);
	vq->tail = (uint16_t)(vq->tail + i);
	return i ? i : virtq_tx_release(vq, n);
}

int
virtq_tx_bounce(struct baton_queue *q, struct baton_token *tokens, unsigned n)
{
	static const struct tx_loops loops = { virtq_tx_in_turn, release, post };

	return virtq_send(q, tokens, n, &loops);
}

/* ---- packets of several buffers, or with a checksum to be filled in ---- */

unsigned
virtq_tx_slots_for(const struct virtq *vq, const struct tx_chain *c)
{
	for (unsigned i = 0; i < c->segs; i++)
		if (vq->q.views[c->t[i].pool].bounce)
			return (c->len + NET_HDR_LEN + slot_room(vq) - 1) / slot_room(vq);
	return 0;
}

bool
virtq_tx_slots_ready(struct virtq *vq, unsigned n)
{
	if (!vq->slot_of || dma_slot_reserve(vq->slot_cache, n) == n)
		return true;
	queue_count(&vq->no_slot, 1);
	return false;
}

/* A buffer whose bytes are copied goes to its worker's cache. */
static void
free_source(struct virtq *vq, struct baton_token t)
{
	const struct dma_view *v = &vq->q.views[t.pool];
	struct dma_cache *c = cache_of(vq, v);

	dma_poison(v, t.buf);
	if (baton_unlikely(!c)) {
		dma_home(v->pool, &t.buf, 1);
		return;
	}
	dma_cache_room(c, 1);
	dma_cache_push(c, t.buf);
}

void
virtq_tx_put_slots(struct virtq *vq, const struct tx_chain *c)
{
	const uint32_t room = slot_room(vq);
	uint32_t seg = 0, seg_at = 0, left = c->len + NET_HDR_LEN;

	for (unsigned i = 0; i < c->slots; i++) {
		const uint16_t d = (uint16_t)(vq->head + i) & vq->mask;
		const uint32_t slot = slot_for(vq, d), len = left < room ? left : room;
		uint8_t *to = dma_slot(vq->slots, slot);
		uint32_t at = 0;

		if (!i) {
			memcpy(to, &c->hdr, NET_HDR_LEN);
			at = NET_HDR_LEN;
		}
		while (at < len) {
			const struct baton_token t = c->t[seg];
			const struct dma_view *v = &vq->q.views[t.pool];
			const uint32_t k = t.len - seg_at < len - at ? t.len - seg_at : len - at;

			memcpy(to + at, v->data + (size_t)t.buf * v->stride + t.off + seg_at, k);
			at += k;
			seg_at += k;
			if (seg_at == t.len) {
				free_source(vq, t);
				seg++;
				seg_at = 0;
			}
		}
		left -= len;
		virtq_tx_put_desc(vq, d, dma_slot_iova(vq->slots, slot), len, left ? VRING_DESC_F_NEXT : 0);
		vq->shadow[d] = SHADOW_NONE;
		vq->segs[d] = 0; /* not a key */
	}
}
