/* SPDX-License-Identifier: BSD-3-Clause */
/* The slots of a bounced queue: when it gets and returns them. */
#include <stdlib.h>

#include "base/export.h"
#include "nic/queue.h"

int
nic_slots_attach(struct nic_queue *nq, uint32_t first)
{
	struct baton_port *port = nq->q.port;
	struct dma_slots *s = nq->q.tx ? &port->reach.tx : &port->reach.rx;

	nq->slots = NULL;
	if (!s->count || !(nq->q.tx || port->views[nq->q.pool->view.index].bounce))
		return 0;
	nq->slots = s;
	nq->slot0 = first;
	if (!s->shared)
		return 0;
	nq->slot_of = malloc(nq->q.descs * sizeof(*nq->slot_of));
	if (!nq->slot_of)
		return baton_err(ENOMEM, "no memory for the slots of %u descriptors", nq->q.descs);
	memset(nq->slot_of, 0xff, nq->q.descs * sizeof(*nq->slot_of));
	nq->slot_cache = dma_slot_cache(s, 0);
	return nq->slot_cache ? 0 : -ENOMEM;
}

/*
 * Fill a ring with shared slots. Each queue posts as many slots as the others, so that no queue is
 * without. Return: the number of slots in its shadow.
 */
static uint32_t
take_share(struct nic_queue *nq, uint32_t most)
{
	uint32_t share = nq->slots->count / nq->slots->queues, n = 0;

	if (share > most)
		share = most;
	while (n < share && dma_slot_reserve(nq->slot_cache, 1))
		nq->shadow[n++] = dma_slot_pop(nq->slot_cache);
	dma_slot_flush(nq->slot_cache);
	return n;
}

void
nic_slots_fill(struct nic_queue *nq, uint32_t most)
{
	nq->quota = (uint16_t)(nq->slot_of ? take_share(nq, most) : most);
	for (uint32_t i = 0; !nq->slot_of && i < nq->q.descs; i++)
		nq->shadow[i] = nq->slot0 + i;
}

/* Return a slot that is in no cache and no ring. */
static void
put(struct nic_queue *nq, uint32_t slot)
{
	if (slot == DMA_SLOT_NONE)
		return;
	dma_slot_push(nq->slot_cache, slot);
	dma_slot_settle(nq->slot_cache);
}

static void
empty_rx(struct nic_queue *nq)
{
	/* The slots that were completed and not posted again. */
	for (uint16_t pos = (uint16_t)(nq->posted - nq->quota); pos != nq->done; pos++)
		put(nq, nq->slot_of[pos & nq->mask]);
	for (uint32_t i = 0; i < nq->q.descs; i++) {
		if (nic_posted(nq, i))
			put(nq, nq->shadow[i]);
		nq->shadow[i] = SHADOW_NONE;
	}
}

void
nic_slots_empty(struct nic_queue *nq)
{
	if (!nq->slot_of || !nq->slot_cache)
		return;
	if (!nq->q.tx)
		empty_rx(nq);
	for (uint32_t i = 0; nq->q.tx && i < nq->q.descs; i++)
		put(nq, nq->slot_of[i]);
	memset(nq->slot_of, 0xff, nq->q.descs * sizeof(*nq->slot_of));
	if (!nq->q.tx) /* a TX queue keeps its slots while it is stopped */
		dma_slot_flush(nq->slot_cache);
}

void
nic_slots_detach(struct nic_queue *nq)
{
	dma_slot_cache_free(nq->slot_cache);
	free(nq->slot_of);
	nq->slot_cache = NULL;
	nq->slot_of = NULL;
	nq->slots = NULL;
}

DRIVER_EXPORT(nic_slots_attach);
DRIVER_EXPORT(nic_slots_fill);
DRIVER_EXPORT(nic_slots_empty);
DRIVER_EXPORT(nic_slots_detach);
