/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Send through slots: exactly the bytes of a packet are copied, after its header, into as few slots
 * as hold them, and its buffers are free at once. Descriptor i always has slot i; where the queues
 * share slots, a slot of the queue's cache.
 *
 * Packets of pools that the device can access are sent from their buffers, through the same ring.
 */
#include "port/csum.h"
#include "tx.h"

#define AHEAD 8 /* slots to prefetch ahead */

static inline uint32_t
slot_room(const struct virtq *vq)
{
	return vq->slots->room;
}

/* Prefetch a line that will be written. The CPU of the device has read it last. */
static inline void
prefetch_slot(const uint8_t *slot)
{
	dma_prefetch_write(slot);
	dma_prefetch_write(slot + BATON_CACHE_LINE);
}

static inline struct dma_cache *
cache_of(struct virtq *vq, const struct baton_pool_view *v)
{
	struct dma_cache *c = queue_worker(&vq->q)->caches[v->index];

	return baton_likely(c != NULL) ? c : dma_cache(queue_worker(&vq->q), v->pool);
}

/* ---- shared slots: of @n descriptors from position @pos on ---- */

/* Take @n slots, which are in the cache. */
static void
fetch_slots(struct virtq *vq, uint16_t pos, unsigned n)
{
	const uint32_t d = pos & vq->mask, k = vq->q.descs - d < n ? vq->q.descs - d : n;

	dma_slot_get(vq->slot_cache, vq->slot_of + d, k);
	dma_slot_get(vq->slot_cache, vq->slot_of, n - k);
}

/* Return the slots of at most DMA_SLOT_BURST descriptors, each of which has one. */
static void
return_slots(struct virtq *vq, uint16_t pos, unsigned n)
{
	const uint32_t d = pos & vq->mask, k = vq->q.descs - d < n ? vq->q.descs - d : n;

	dma_slot_put(vq->slot_cache, vq->slot_of + d, k);
	dma_slot_put(vq->slot_cache, vq->slot_of, n - k);
	memset(vq->slot_of + d, 0xff, k * sizeof(*vq->slot_of));
	memset(vq->slot_of, 0xff, (n - k) * sizeof(*vq->slot_of));
}

/* ---- plain packets: one buffer, one slot ---- */

/*
 * Post the packets that virtq_tx_post() would, but of a bounced pool, with or without headroom.
 * Where slots are shared, the slots of @n descriptors from the head on were fetched. Return: the
 * number of packets taken.
 */
static inline __attribute__((always_inline)) unsigned
copy_plain(struct virtq *vq, const struct baton_pool_view *v, struct dma_cache *c,
	   const struct baton_token *tokens, unsigned n, uint64_t *sum, const uint32_t *slot_of)
{
	const uint32_t mask = vq->mask, pool = v->index, stride = vq->slots->stride,
		       first = slot_of ? 0 : vq->slot0;
	const uint32_t longest = slot_room(vq) - NET_HDR_LEN < vq->q.max_len
					 ? slot_room(vq) - NET_HDR_LEN
					 : vq->q.max_len;
	uint8_t *const slots = dma_slot(vq->slots, first);
	const uint64_t iova = dma_slot_iova(vq->slots, first);
	struct vring_desc *const desc = vq->desc;
	uint32_t *const shadow = vq->shadow, *idx = c->idx + c->n;
	const struct baton_token *const end = tokens + n, *t;
	uint32_t pos = vq->head;
	uint64_t bytes = 0;

	for (t = tokens; t != end; t++) {
		const uint32_t d = pos++ & mask, ahead = (d + AHEAD) & mask, buf = t->buf,
			       off = t->off, len = t->len;
		size_t at;

		if (slot_of && end - t > AHEAD)
			prefetch_slot(slots + (size_t)slot_of[ahead] * stride);
		else if (!slot_of)
			prefetch_slot(slots + (size_t)ahead * stride);
		if (baton_unlikely(t->pool != pool || (t->flags & BATON_TOKEN_CONT) ||
				   csum_wanted(*t) || len - 1 >= longest ||
				   !dma_give_raw(v, v->data_len, buf, off + len, t->gen,
						 BATON_OWNER_FREE << 16)))
			break;
		at = (size_t)(slot_of ? slot_of[d] : d) * stride;
		memset(slots + at, 0, NET_HDR_LEN);
		dma_copy(slots + at + NET_HDR_LEN, v->data + (size_t)buf * v->stride + off, len);
		desc[d].addr = htole64(iova + at);
		desc[d].len_flags_next = htole64(len + NET_HDR_LEN);
		shadow[d] = SHADOW_NONE;
		*idx++ = buf;
		dma_poison(v, buf);
		bytes += len;
	}
	dma_cache_set(c, (uint32_t)(idx - c->idx));
	*sum += bytes;
	return (unsigned)(t - tokens);
}

/* This is not inlined: the loop needs every register. */
static unsigned __attribute__((noinline))
copy_own(struct virtq *vq, const struct baton_pool_view *v, struct dma_cache *c,
	 const struct baton_token *tokens, unsigned n, uint64_t *sum)
{
	return copy_plain(vq, v, c, tokens, n, sum, NULL);
}

static unsigned __attribute__((noinline))
copy_shared(struct virtq *vq, const struct baton_pool_view *v, struct dma_cache *c,
	    const struct baton_token *tokens, unsigned n, uint64_t *sum)
{
	unsigned done;

	fetch_slots(vq, vq->head, n);
	done = copy_plain(vq, v, c, tokens, n, sum, vq->slot_of);
	return_slots(vq, (uint16_t)(vq->head + done), n - done);
	return done;
}

static unsigned
post(struct virtq *vq, const struct baton_token *tokens, unsigned n, uint64_t *sum)
{
	const struct baton_pool_view *v = &vq->q.views[n ? tokens->pool : 0];
	struct dma_cache *c;

	if (!n || !v->count || (tokens->flags & BATON_TOKEN_CONT))
		return 0; /* virtq_tx_send_chain() sends it, or returns the error */
	if (!v->bounce)
		return virtq_tx_post(vq, tokens, n, sum);
	c = cache_of(vq, v);
	if (!c)
		return 0;
	n = n < c->batch ? n : c->batch;
	if (vq->slot_of)
		n = dma_slot_reserve(vq->slot_cache, n);
	if (!n)
		return 0;
	dma_cache_room(c, n);
	return vq->slot_of ? copy_shared(vq, v, c, tokens, n, sum)
			   : copy_own(vq, v, c, tokens, n, sum);
}

/* ---- packets of several buffers, a slot each ---- */

/* Fill a descriptor of a chain that is not its first one. */
static inline void
put_slot(struct virtq *vq, uint32_t d, uint64_t addr, uint32_t len, bool more)
{
	const uint64_t flags = more ? VRING_DESC_F_NEXT : 0, next = (d + 1) & vq->mask;

	vq->desc[d].addr = htole64(addr);
	vq->desc[d].len_flags_next = htole64(len | flags << 32 | next << 48);
	vq->shadow[d] = SHADOW_NONE;
	vq->segs[d] = 0;
}

static inline uint32_t
slot_at(const struct virtq *vq, uint32_t d)
{
	return baton_unlikely(vq->slot_of != NULL) ? vq->slot_of[d] : vq->slot0 + d;
}

/*
 * Check for a packet of several buffers of one bounced pool, each of which fits into a slot, if
 * fewer slots would not hold it: no buffer is split. Return: the number of buffers, which are given
 * then; 0 for any other packet.
 */
static unsigned
give_each(struct virtq *vq, const struct baton_pool_view *v, const struct baton_token *t,
	  unsigned n, uint32_t *bytes)
{
	const uint32_t room = slot_room(vq), most = n < vq->q.max_segs ? n : vq->q.max_segs,
		       pool = v->index;
	uint32_t len = NET_HDR_LEN, fits = room - NET_HDR_LEN;
	bool more = true;
	unsigned i;

	for (i = 0; more && i < most; i++, fits = room) {
		if (t[i].pool != pool || t[i].len - 1u >= fits ||
		    !dma_give_raw(v, v->data_len, t[i].buf, (uint32_t)t[i].off + t[i].len, t[i].gen,
				  BATON_OWNER_FREE << 16))
			break;
		len += t[i].len;
		more = t[i].flags & BATON_TOKEN_CONT;
	}
	*bytes = len - NET_HDR_LEN;
	if (baton_likely(!more && *bytes <= vq->q.max_len && len > (i - 1) * room))
		return i;
	while (i-- > 0)
		dma_ungive(v, t[i]);
	return 0;
}

/*
 * Two passes: there is no call between the stores of the first, and the second has little to keep
 * across its calls.
 */
static void __attribute__((noinline))
copy_each(const struct virtq *vq, const struct baton_pool_view *v, const struct baton_token *t,
	  unsigned n, uint32_t *idx)
{
	const uint32_t mask = vq->mask, head = vq->head,
		       stride = vq->slots->stride, *const slot_of = vq->slot_of;
	const uint32_t first = slot_of ? 0 : vq->slot0, room = v->stride;
	const uint64_t iova = dma_slot_iova(vq->slots, first);
	uint8_t *const slots = dma_slot(vq->slots, first), *const data = v->data;
	struct vring_desc *const desc = vq->desc;
	uint32_t *const shadow = vq->shadow;
	uint8_t *const segs = vq->segs;
	uint32_t hdr = NET_HDR_LEN;

	for (unsigned i = 0; i < n; i++, hdr = 0) {
		const uint32_t d = (head + i) & mask;
		const uint64_t flags = i + 1 < n ? VRING_DESC_F_NEXT : 0, next = (d + 1) & mask;

		desc[d].addr = htole64(iova + (uint64_t)(slot_of ? slot_of[d] : d) * stride);
		desc[d].len_flags_next = htole64((t[i].len + hdr) | flags << 32 | next << 48);
		shadow[d] = SHADOW_NONE;
		segs[d] = 0; /* not the first descriptor */
		idx[i] = t[i].buf;
	}
	hdr = NET_HDR_LEN;
	memset(slots + (size_t)(slot_of ? slot_of[head & mask] : head & mask) * stride, 0,
	       NET_HDR_LEN);
	for (unsigned i = 0; i < n; i++, hdr = 0) {
		const uint32_t d = (head + i) & mask;
		const size_t at = (size_t)(slot_of ? slot_of[d] : d) * stride + hdr;

		memcpy(slots + at, data + (size_t)t[i].buf * room + t[i].off, t[i].len);
		dma_poison(v, t[i].buf);
	}
}

static int
send_chain(struct virtq *vq, const struct baton_token *t, unsigned n, bool first, uint64_t *sum)
{
	const struct baton_pool_view *const v = &vq->q.views[t->pool];
	const unsigned free_ = vq->q.descs - (uint16_t)(vq->head - vq->tail);
	struct dma_cache *c = queue_worker(&vq->q)->caches[t->pool];
	uint32_t bytes;
	unsigned segs;

	if (!v->count || !v->bounce || !c || csum_wanted(*t) || c->batch < vq->q.max_segs ||
	    !(segs = give_each(vq, v, t, n < free_ ? n : free_, &bytes)))
		return virtq_tx_send_chain(vq, t, n, first, sum);
	if (!virtq_tx_slots_ready(vq, segs)) {
		for (unsigned i = 0; i < segs; i++)
			dma_ungive(v, t[i]);
		queue_full(&vq->q, t, n);
		return 0;
	}
	if (baton_unlikely(vq->slot_of != NULL))
		fetch_slots(vq, vq->head, segs);
	dma_cache_room(c, segs);
	copy_each(vq, v, t, segs, c->idx + c->n);
	dma_cache_set(c, c->n + segs);
	virtq_tx_chain_done(vq, segs);
	*sum += bytes;
	return (int)segs;
}

/* ---- completions ---- */

/* Free a packet in several slots at the tail. Return: the number of packets freed, 1 or 0. */
static unsigned
release_chain(struct virtq *vq)
{
	const unsigned segs = vq->segs[vq->tail & vq->mask];

	if (segs - 2 >= TX_MAX_SEGS - 1)
		return 0;
	for (unsigned k = 0; k < segs; k++)
		if (vq->shadow[(vq->tail + k) & vq->mask] != SHADOW_NONE)
			return 0;
	if (baton_unlikely(vq->slot_of != NULL))
		return_slots(vq, vq->tail, segs);
	vq->tail = (uint16_t)(vq->tail + segs);
	return 1;
}

static unsigned
release(struct virtq *vq, unsigned n)
{
	const uint32_t *const shadow = vq->shadow;
	const uint8_t *const segs = vq->segs;
	const uint32_t mask = vq->mask, tail = vq->tail;
	unsigned i;

	n = n < DMA_SLOT_BURST ? n : DMA_SLOT_BURST;
	for (i = 0; i < n; i++) {
		const uint32_t d = (tail + i) & mask;

		if (segs[d] != 1 || shadow[d] != SHADOW_NONE)
			break;
	}
	if (!i && release_chain(vq))
		return 1;
	if (!i)
		return virtq_tx_release(vq, n);
	if (baton_unlikely(vq->slot_of != NULL))
		return_slots(vq, vq->tail, i);
	vq->tail = (uint16_t)(tail + i);
	return i;
}

int
virtq_tx_bounce(struct baton_queue *q, struct baton_token *tokens, unsigned n)
{
	static const struct tx_loops loops = { virtq_tx_in_turn, release, post, send_chain };
	struct virtq *vq = virtq_of(q);

	/* Shared slots are returned before half of the ring is full, which may never happen. */
	if (baton_unlikely(vq->slot_of != NULL)) {
		int ret = virtq_tx_reclaim_by(vq, UINT16_MAX, &loops);

		if (baton_unlikely(ret < 0))
			return ret;
	}
	return virtq_send(q, tokens, n, &loops);
}

/* ---- any packet (tx_chain.c), cut into as few slots as hold it ---- */

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
	queue_count(&vq->q.stats.no_slot, 1);
	return false;
}

/* Put the buffers of a packet that was copied into the worker's cache. */
static void
free_sources(struct virtq *vq, const struct tx_chain *c)
{
	for (unsigned i = 0; i < c->segs; i++) {
		const struct baton_token t = c->t[i];
		const struct baton_pool_view *v = &vq->q.views[t.pool];
		struct dma_cache *cache = cache_of(vq, v);

		dma_poison(v, t.buf);
		if (baton_unlikely(!cache)) {
			dma_free_bufs(v->pool, &t.buf, 1);
			continue;
		}
		dma_cache_room(cache, 1);
		dma_cache_push(cache, t.buf);
	}
}

void
virtq_tx_put_slots(struct virtq *vq, const struct tx_chain *c)
{
	const uint32_t room = slot_room(vq);
	uint32_t seg = 0, seg_at = 0, left = c->len + NET_HDR_LEN;

	if (baton_unlikely(vq->slot_of != NULL))
		fetch_slots(vq, vq->head, c->slots);
	for (unsigned i = 0; i < c->slots; i++) {
		const uint32_t d = (vq->head + i) & vq->mask, slot = slot_at(vq, d),
			       len = left < room ? left : room;
		uint8_t *to = dma_slot(vq->slots, slot);
		uint32_t at = 0;

		if (!i) {
			memcpy(to, &c->hdr, NET_HDR_LEN);
			at = NET_HDR_LEN;
		}
		while (at < len) {
			const struct baton_token t = c->t[seg];
			const struct baton_pool_view *v = &vq->q.views[t.pool];
			const uint32_t k = t.len - seg_at < len - at ? t.len - seg_at : len - at;

			dma_copy(to + at, v->data + (size_t)t.buf * v->stride + t.off + seg_at, k);
			at += k;
			seg_at += k;
			if (seg_at == t.len) {
				seg++;
				seg_at = 0;
			}
		}
		left -= len;
		put_slot(vq, d, dma_slot_iova(vq->slots, slot), len, left);
	}
	free_sources(vq, c);
}
