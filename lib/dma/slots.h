/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Slots of the bounce ring: the only packet memory that a device can access if it cannot, or must
 * not, access the buffers.
 *
 * A slot belongs to a completion key: slot k of a queue is always that of its descriptor k. Nothing
 * is allocated or looked up for a packet. Only if the windows are too small for that, the queues of
 * a port share fewer slots, through a lock-free stack and a cache for each queue.
 *
 * Slots exist from a start to the next stop, in zeroed memory that was not in use before. So a
 * device finds no byte of an earlier run there, whoever used the port then, and slots need no
 * scrubbing.
 *
 * The header of a packet begins `off` bytes into a slot, so that the bytes after it begin on a
 * cache line. A slot is an odd number of cache lines long, since a power of two would put every
 * header into the same few sets of the cache.
 */
#ifndef BATON_DMA_SLOTS_H
#define BATON_DMA_SLOTS_H

#include <stdbool.h>
#include <string.h>

#include "base/simd.h"
#include "base/stack.h"
#include "ctx/ctx.h"

#define DMA_SLOT_NONE  0xffffffffu
#define DMA_SLOT_BYTES 2048u /* bytes of a packet in a TX slot */
#define DMA_SLOT_BURST 64u   /* slots to get at once, at most */

/* Slots of one direction of a port. */
struct dma_slots {
	uint8_t *base; /* NULL: there are none */
	uint64_t iova;
	uint32_t count;
	uint32_t stride;
	uint32_t room; /* bytes of a slot that the device may use */
	uint16_t off;  /* offset of these bytes */
	uint32_t queues;
	bool shared;
	uint32_t keep; /* shared slots: what a queue that needs none may keep */
	struct stack stack;
	struct stack_user ctl;
};

/* What the queues of a port need in one direction. */
struct dma_slots_need {
	uint32_t queues;
	uint32_t keys;   /* keys of all queues together */
	uint32_t least;  /* slots that a queue needs for its longest packet */
	uint32_t room;   /* bytes of a slot that the device may use */
	uint16_t header; /* bytes of them before the packet */
};

/* Get the length of a slot with room for that many bytes. */
uint32_t dma_slot_stride(uint32_t room, uint16_t header);

/** Divide memory into slots, as many as fit and are needed. Return: 0; -ENOMEM. */
int dma_slots_init(struct dma_slots *s, const struct dma_slots_need *need, uint8_t *base,
		   size_t bytes, uint64_t iova);
void dma_slots_fini(struct dma_slots *s);

/* ---- shared slots; a queue's worker ---- */

struct slot_cache {
	struct dma_slots *slots;
	struct stack_user user;
	uint32_t n;
	uint32_t most; /* entries that remain when slots are put */
	uint32_t idx[];
};

/**
 * Make a cache. @most: entries that it keeps; 0: as the slots say. Return: NULL if memory is short.
 */
struct slot_cache *dma_slot_cache(struct dma_slots *s, uint32_t most);

/** Return all slots to the stack, and free the cache. */
void dma_slot_cache_free(struct slot_cache *c);

/*
 * Fetch from the stack until there are @n slots, or the stack is empty. Return: the number of
 * slots, @n at most.
 */
unsigned dma_slot_refill(struct slot_cache *c, unsigned n);
void dma_slot_spill(struct slot_cache *c);
/* Return all slots to the stack. */
void dma_slot_flush(struct slot_cache *c);

/** Make the topmost @n <= DMA_SLOT_BURST entries available. Return: the number available. */
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

/** Put back a slot that was popped; at most DMA_SLOT_BURST of them before dma_slot_settle(). */
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

/** Pop the topmost @n, which are available. */
static inline void
dma_slot_get(struct slot_cache *c, uint32_t *slots, unsigned n)
{
	c->n -= n;
	memcpy(slots, c->idx + c->n, n * sizeof(*slots));
}

/** Put back @n <= DMA_SLOT_BURST slots that were popped. */
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

/**
 * Prefetch a line that will be written. The compiler's builtin prefetches for reading, unless it is
 * told that the CPU has the instruction.
 */
static inline void
dma_prefetch_write(const void *p)
{
#ifdef __x86_64__
	__asm__ __volatile__(
		"prefetchw %0"
		:
		: "m"(*(const char *)
			      p)); /* the instruction does nothing on a CPU that does not know it */
#else
	__builtin_prefetch(p, 1);
#endif
}

/**
 * Copy exactly @len bytes; short packets without a call. If the device changes the bytes meanwhile,
 * the copy has the old or the new ones.
 */
static inline __attribute__((always_inline)) void
dma_copy(void *restrict to, const void *restrict from, uint32_t len)
{
	typedef uint8_t v16 __attribute__((vector_size(16), aligned(1), may_alias));
	uint8_t *restrict t = to;
	const uint8_t *restrict f = from;

	if (baton_likely(len - 16 <= 128 - 16)) {
		/* Copy both ends, which overlap in the middle. */
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
