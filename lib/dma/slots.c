/* SPDX-License-Identifier: BSD-3-Clause */
#include "dma/slots.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/export.h"

#define LINE BATON_CACHE_LINE
#define KEEP 256u /* slots in the cache of a queue, at most */

uint32_t
dma_slot_stride(uint32_t room, uint16_t header)
{
	uint32_t off = (LINE - header % LINE) % LINE;

	return ((off + room + LINE - 1) / LINE | 1) * LINE;
}

int
dma_slots_init(struct dma_slots *s, const struct dma_slots_need *need, uint8_t *base, size_t bytes,
	       uint64_t iova)
{
	uint32_t stride = dma_slot_stride(need->room, need->header);
	size_t fit = bytes / stride;

	*s = (struct dma_slots){
		.base = base,
		.iova = iova,
		.stride = stride,
		.room = need->room,
		.queues = need->queues,
		.off = (uint16_t)((LINE - need->header % LINE) % LINE),
		.count = fit < need->keys ? (uint32_t)fit : need->keys,
		.shared = fit < need->keys,
	};
	if (!s->shared)
		return 0;
	/*
	 * A slot that a queue keeps is not available to others. A queue may keep as many as its
	 * longest packet needs, whatever the others do, and half of its share of the rest. The
	 * other half is for any queue that has something to send.
	 */
	s->keep = need->least;
	if (s->count > need->queues * need->least)
		s->keep += (s->count - need->queues * need->least) / need->queues / 2;
	if (s->keep > KEEP)
		s->keep = KEEP;
	if (!stack_create(&s->stack, &s->ctl, s->count, need->queues + 1))
		return baton_err(ENOMEM, "no memory for the free list of %u slots", s->count);
	return 0;
}

void
dma_slots_fini(struct dma_slots *s)
{
	free(s->stack.blocks);
	memset(s, 0, sizeof(*s));
}

struct slot_cache *
dma_slot_cache(struct dma_slots *s, uint32_t most)
{
	struct slot_cache *c;
	size_t room;

	if (!most)
		most = s->keep;
	room = (size_t)most + DMA_SLOT_BURST + STACK_BLOCK;
	c = aligned_alloc(LINE, (sizeof(*c) + room * sizeof(c->idx[0]) + LINE - 1) / LINE * LINE);
	if (!c) {
		baton_err(ENOMEM, "no memory for a cache of %zu slots", room);
		return NULL;
	}
	*c = (struct slot_cache){ .slots = s, .most = most };
	dma_slot_reserve(c, most < DMA_SLOT_BURST ? most : DMA_SLOT_BURST);
	dma_slot_settle(c);
	return c;
}

static void
put_coldest(struct slot_cache *c, unsigned n)
{
	if (n == STACK_BLOCK)
		stack_put_full(&c->slots->stack, &c->user, c->idx);
	else
		stack_put(&c->slots->stack, &c->user, c->idx, n);
	c->n -= n;
	memmove(c->idx, c->idx + n, c->n * sizeof(c->idx[0]));
}

unsigned
dma_slot_refill(struct slot_cache *c, unsigned n)
{
	while (c->n < n) {
		/* There is room for a block above n - 1 <= DMA_SLOT_BURST - 1 entries. */
		unsigned got = stack_get(&c->slots->stack, &c->user, c->idx + c->n);

		if (!got)
			return c->n;
		c->n += got;
	}
	if (c->n - n > c->most) /* a block has more than a queue may keep */
		put_coldest(c, c->n - n - c->most);
	return n;
}

void
dma_slot_spill(struct slot_cache *c)
{
	while (c->n > c->most) {
		unsigned extra = c->n - c->most;

		/*
		 * Put a whole block (one compare-and-swap for 62 slots) if the cache stays large
		 * enough.
		 */
		put_coldest(c, extra >= STACK_BLOCK || c->most >= 2 * STACK_BLOCK ? STACK_BLOCK
										  : extra);
	}
}

void
dma_slot_flush(struct slot_cache *c)
{
	while (c->n)
		put_coldest(c, c->n < STACK_BLOCK ? c->n : STACK_BLOCK);
}

void
dma_slot_cache_free(struct slot_cache *c)
{
	if (!c)
		return;
	dma_slot_flush(c);
	stack_user_release(&c->slots->stack, &c->user);
	free(c);
}

DRIVER_EXPORT(dma_slot_refill);
DRIVER_EXPORT(dma_slot_spill);
