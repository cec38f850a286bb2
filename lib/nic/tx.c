/* SPDX-License-Identifier: BSD-3-Clause */
/* Completed packets: their buffers and slots, whatever the descriptors look like. */
#include "base/export.h"
#include "nic/tx_bounce.h"

/* Return the slot of a descriptor whose packet was completed; slots are shared. */
static void
free_slot(struct nic_queue *nq, uint16_t d)
{
	if (nq->slot_of[d] == DMA_SLOT_NONE)
		return;
	dma_slot_push(nq->slot_cache, nq->slot_of[d]);
	nq->slot_of[d] = DMA_SLOT_NONE;
}

unsigned
nic_tx_release_key(struct nic_queue *nq, uint16_t key)
{
	unsigned segs = nq->segs[key] & NIC_TX_DESCS, freed = 0;

	for (unsigned i = 0; i < segs; i++) {
		uint16_t d = (uint16_t)(key + i) & nq->mask;
		uint32_t s = nq->shadow[d];
		struct dma_cache *c;

		if (baton_unlikely(nq->slot_of != NULL))
			free_slot(nq, d);
		if (s == SHADOW_NONE)
			continue; /* a descriptor of a header or a slot has no buffer */
		c = queue_worker(&nq->q)->caches[SHADOW_POOL(s)];
		nq->shadow[d] = SHADOW_NONE;
		freed++;
		if (baton_unlikely(!c))
			c = dma_cache(queue_worker(&nq->q), nq->q.port->ctx->pools[SHADOW_POOL(s)]);
		if (baton_unlikely(!c)) {
			uint32_t buf = SHADOW_BUF(s);

			dma_free_bufs(nq->q.port->ctx->pools[SHADOW_POOL(s)], &buf, 1);
			continue;
		}
		dma_cache_room(c, 1);
		dma_cache_push(c, SHADOW_BUF(s));
	}
	if (baton_unlikely(nq->slot_of != NULL))
		dma_slot_settle(nq->slot_cache);
	nq->segs[key] |= NIC_TX_DONE;
	nq->plain_run = 0;
	return freed;
}

unsigned
nic_tx_release_tail(struct nic_queue *nq)
{
	unsigned freed = nic_tx_release_key(nq, nq->tail & nq->mask);

	nic_tx_advance(nq);
	return freed;
}

/* Most packets take one descriptor, so the walk is rare. */
bool
nic_tx_walk_to(const struct nic_queue *nq, uint32_t key, uint16_t packets)
{
	uint16_t ahead = (uint16_t)((key - nq->tail) & nq->mask), span = 0;

	for (; span <= ahead && packets; packets--)
		span = (uint16_t)(span + (nq->segs[(nq->tail + span) & nq->mask] & NIC_TX_DESCS));
	return ahead < span;
}

int
nic_tx_bad_key(struct nic_queue *nq, uint32_t key)
{
	if (key > nq->mask)
		return queue_violation(&nq->q, "used id out of range: %u of %u descriptors", key,
				       nq->q.descs);
	return queue_violation(&nq->q,
			       "used id %u is not that of a packet in flight, or is completed "
			       "twice",
			       key);
}

int
nic_tx_jumped(struct nic_queue *nq, unsigned published)
{
	return queue_violation(&nq->q,
			       "used index jumped by %u, with %u packets in flight in %u "
			       "descriptors",
			       published, (uint16_t)(nq->posted - nq->done),
			       (uint16_t)(nq->head - nq->tail));
}

static inline uint32_t
and_of(const uint32_t *words, unsigned n)
{
	uint32_t all = ~0u;

	for (unsigned i = 0; i < n; i++)
		all &= words[i];
	return all;
}

/* Whether none of @n descriptors from @pos on has a buffer. */
static bool
have_no_buffers(const struct nic_queue *nq, uint32_t pos, unsigned n)
{
	const uint32_t d = pos & nq->mask, left = nq->mask + 1u - d, most = n < left ? n : left;

	return (and_of(nq->shadow + d, most) & and_of(nq->shadow, n - most)) == SHADOW_NONE;
}

unsigned
nic_tx_release_chains(struct nic_queue *nq, unsigned n)
{
	const uint8_t *const all_segs = nq->segs;
	const uint32_t mask = nq->mask, tail = nq->tail, *const slot_of = nq->slot_of;
	uint32_t pos = tail;
	unsigned i;

	for (i = 0; i < n; i++) {
		const uint32_t segs = all_segs[pos & mask];

		if (segs - 2 >= NIC_TX_MAX_SEGS - 1)
			break;
		/* nic_tx_release_key() frees one that begins with a descriptor without a slot. */
		if (slot_of &&
		    (slot_of[pos & mask] == DMA_SLOT_NONE || pos + segs - tail > DMA_SLOT_BURST))
			break;
		pos += segs;
	}
	if (!i)
		return 0;
	if (!have_no_buffers(nq, tail, pos - tail))
		return n > 1 ? nic_tx_release_chains(nq, 1) : 0;
	if (baton_unlikely(slot_of != NULL))
		nic_tx_return_slots(nq, nq->tail, pos - tail);
	nq->tail = (uint16_t)pos;
	return i;
}

/* ---- slots and buffers of a packet that is sent ---- */

bool
nic_tx_slots_ready(struct nic_queue *nq, unsigned n)
{
	if (!nq->slot_of || dma_slot_reserve(nq->slot_cache, n) == n)
		return true;
	queue_count(&nq->q.stats.no_slot, 1);
	return false;
}

void
nic_tx_fetch_slots(struct nic_queue *nq, uint16_t pos, unsigned n)
{
	const uint32_t d = pos & nq->mask, k = nq->q.descs - d < n ? nq->q.descs - d : n;

	dma_slot_get(nq->slot_cache, nq->slot_of + d, k);
	dma_slot_get(nq->slot_cache, nq->slot_of, n - k);
}

void
nic_tx_return_slots(struct nic_queue *nq, uint16_t pos, unsigned n)
{
	const uint32_t d = pos & nq->mask, k = nq->q.descs - d < n ? nq->q.descs - d : n;

	dma_slot_put(nq->slot_cache, nq->slot_of + d, k);
	dma_slot_put(nq->slot_cache, nq->slot_of, n - k);
	memset(nq->slot_of + d, 0xff, k * sizeof(*nq->slot_of));
	memset(nq->slot_of, 0xff, (n - k) * sizeof(*nq->slot_of));
}

void
nic_tx_free_sources(struct nic_queue *nq, const struct tx_plan *p)
{
	for (unsigned i = 0; i < p->segs; i++) {
		const struct baton_token t = p->t[i];
		const struct baton_pool_view *v = &nq->q.views[t.pool];
		struct dma_cache *cache = dma_cache(queue_worker(&nq->q), v->pool);

		dma_poison(v, t.buf);
		if (baton_unlikely(!cache)) {
			dma_free_bufs(v->pool, &t.buf, 1);
			continue;
		}
		dma_cache_room(cache, 1);
		dma_cache_push(cache, t.buf);
	}
}

DRIVER_EXPORT(nic_tx_release_key);
DRIVER_EXPORT(nic_tx_release_tail);
DRIVER_EXPORT(nic_tx_walk_to);
DRIVER_EXPORT(nic_tx_bad_key);
DRIVER_EXPORT(nic_tx_jumped);
DRIVER_EXPORT(nic_tx_release_chains);
DRIVER_EXPORT(nic_tx_slots_ready);
DRIVER_EXPORT(nic_tx_fetch_slots);
DRIVER_EXPORT(nic_tx_return_slots);
DRIVER_EXPORT(nic_tx_free_sources);
