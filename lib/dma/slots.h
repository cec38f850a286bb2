/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The bounce ring's slots: the only packet memory a device sees where it cannot, or must not, reach
 * the buffers.
 *
 * A slot belongs to a completion key: slot k of a queue is that of its descriptor k, for good.
 * Nothing is allocated or looked up for a packet. Only where the windows are too small for that do
 * a port's queues share fewer slots, through a lock-free stack and a cache a queue.
 *
 * They live from a start to the next stop, in zeroed memory that was nobody's before: so a device
 * that is trusted otherwise than the one before it, or a port that is had by somebody else, finds
 * no byte of an earlier run. Nothing is scrubbed.
 *
 * A packet's header begins `off` bytes into a slot, so that what comes after it begins on a cache
 * line; a slot is an odd number of cache lines long, since a power of two would put every header
 * into the same few sets of the cache.
 */
#ifndef BATON_DMA_SLOTS_H
#define BATON_DMA_SLOTS_H

#include <stdbool.h>
#include <string.h>

#include "base/simd.h"
#include "base/stack.h"
#include "ctx/ctx.h"

#define DMA_SLOT_NONE  0xffffffffu
#define DMA_SLOT_BYTES 2048u /* of a packet, in a TX slot */
#define DMA_SLOT_BURST 64u   /* the most that are asked for at once */

/* Slots of one direction of a port. */
struct dma_slots {
	uint8_t *base; /* NULL: none */
	uint64_t iova;
	uint32_t count;
	uint32_t stride;
	uint32_t room; /* bytes of it that the device may use, */
	uint16_t off;  /* from here on */
	uint32_t queues;
	bool shared;
	uint32_t keep; /* shared: what a queue that needs none may keep */
	struct stack stack;
	struct stack_user ctl;
};

/* What a port's queues of one direction need. */
struct dma_slots_need {
	uint32_t queues;
	uint32_t keys;   /* of all queues together */
	uint32_t least;  /* slots without which a queue cannot move its longest packet */
	uint32_t room;   /* bytes the device may use of a slot */
	uint16_t header; /* of them, in front of the packet */
};

/* Length of a slot with room for that many bytes. */
uint32_t dma_slot_stride(uint32_t room, uint16_t header);

/** Lay slots over memory: as many as fit and are needed. Return: 0; -ENOMEM. */
int dma_slots_init(struct dma_slots *s, const struct dma_slots_need *need, uint8_t *base,
		   size_t bytes, uint64_t iova);
void dma_slots_fini(struct dma_slots *s);

/* ---- shared slots; a queue's worker ---- */

struct slot_cache {
	struct dma_slots *slots;
	struct stack_user user;
	uint32_t n;
	uint32_t most; /* that stay when slots are put */
	uint32_t idx[];
};

/** @most: entries it keeps; 0: as the slots say. NULL when out of memory. */
struct slot_cache *dma_slot_cache(struct dma_slots *s, uint32_t most);

/** Back to the stack with all of it. */
void dma_slot_cache_free(struct slot_cache *c);

/* Fetch from the stack until there are @n, or it is empty. Return: how many of @n there are. */
unsigned dma_slot_refill(struct slot_cache *c, unsigned n);
void dma_slot_spill(struct slot_cache *c);
/* All of it to the stack. */
void dma_slot_flush(struct slot_cache *c);

/** See to it that the topmost @n <= DMA_SLOT_BURST entries are there. Return: how many are. */
static inline unsigned
dma_slot_reserve(struct slot_cache *c, unsigned n)
{
	return baton_likely(c->n >= n) ? n : dma_slot_refill(c, n);
}

static inline uint32_t
dma_slot_pop(struct slot_cache *c)
{
	return c->idx[--c->n];
}

/** One that was popped comes back; never more than DMA_SLOT_BURST before dma_slot_settle(). */
static inline void
dma_slot_push(struct slot_cache *c, uint32_t slot)
{
	c->idx[c->n++] = slot;
}

static inline void
dma_slot_settle(struct slot_cache *c)
{
	if (baton_unlikely(c->n > c->most))
		dma_slot_spill(c);
}

/** Pop the topmost @n, which are there. */
static inline void
dma_slot_get(struct slot_cache *c, uint32_t *slots, unsigned n)
{
	c->n -= n;
	memcpy(slots, c->idx + c->n, n * sizeof(*slots));
}

/** @n <= DMA_SLOT_BURST that were popped come back. */
static inline void
dma_slot_put(struct slot_cache *c, const uint32_t *slots, unsigned n)
{
	memcpy(c->idx + c->n, slots, n * sizeof(*slots));
	c->n += n;
	dma_slot_settle(c);
}

static inline uint8_t *
dma_slot(const struct dma_slots *s, uint32_t slot)
{
	return s->base + (size_t)slot * s->stride + s->off;
}

static inline uint64_t
dma_slot_iova(const struct dma_slots *s, uint32_t slot)
{
	return s->iova + (uint64_t)slot * s->stride + s->off;
}

/* ---- copying ---- */

/** A line that will be written. The compiler's own would only ask to read it, unless told that
 * there is the instruction. */
static inline void
dma_prefetch_write(const void *p)
{
#ifdef __x86_64__
	__asm__ __volatile__(
		"prefetchw %0"
		:
		: "m"(*(const char *)p)); /* does nothing on a CPU that does not know it */
#else
	__builtin_prefetch(p, 1);
#endif
}

/** Copy exactly @len bytes; short packets without a call. What a device does to them meanwhile ends
 * up in the copy, or not. */
static inline __attribute__((always_inline)) void
dma_copy(void *restrict to, const void *restrict from, uint32_t len)
{
	typedef uint8_t v16 __attribute__((vector_size(16), aligned(1), may_alias));
	uint8_t *restrict t = to;
	const uint8_t *restrict f = from;

	if (baton_likely(len - 16 <= 128 - 16)) {
		/* Both ends, overlapping in the middle. */
		const v16 a = *(const v16 *)(const void *)f,
			  z = *(const v16 *)(const void *)(f + len - 16);

		if (len > 32) {
			const v16 b = *(const v16 *)(const void *)(f + 16),
				  y = *(const v16 *)(const void *)(f + len - 32);

			if (len > 64) {
				const v16 c = *(const v16 *)(const void *)(f + 32),
					  d = *(const v16 *)(const void *)(f + 48);
				const v16 w = *(const v16 *)(const void *)(f + len - 64),
					  x = *(const v16 *)(const void *)(f + len - 48);

				*(v16 *)(void *)(t + 32) = c;
				*(v16 *)(void *)(t + 48) = d;
				*(v16 *)(void *)(t + len - 64) = w;
				*(v16 *)(void *)(t + len - 48) = x;
			}
			*(v16 *)(void *)(t + 16) = b;
			*(v16 *)(void *)(t + len - 32) = y;
		}
		*(v16 *)(void *)t = a;
		*(v16 *)(void *)(t + len - 16) = z;
		return;
	}
	__builtin_memcpy(t, f, len);
}

#endif
