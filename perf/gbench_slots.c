/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Slots that queues share, taken and put back by two threads: from Baton's stack through a queue's
 * cache, from an area as the kernel's swiotlb has one, and from DPDK's mempool through a cache of
 * the same size.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <rte_mempool.h>

#include "dma/slots.h"
#include "gbench_cases.h"

#define BURST   32u
#define SLOTS   4096u
#define CACHE   256u /* of a queue, as lib/dma/slots.c has it at most; mempool's likewise */
#define THREADS 2u

/* ---- the kernel's way (kernel/dma/swiotlb.c), for packets of one slot ---- */

/*
 * One area, as a restricted pool has: a lock, and for each slot how many free ones there are from
 * it to the end of its segment. A search begins where the last ended and goes on until there are
 * enough; a slot that comes back counts itself and the free ones before it anew. The kernel also
 * turns interrupts off, which has no counterpart here; and its lock is fair, where this one lets
 * the thread whose cache it is in have it again, which is faster.
 */
#define SEGMENT 128u

struct area_slot {
	uint64_t orig_addr; /* of the memory it stands for */
	uint32_t alloc_size;
	uint32_t list; /* free ones from here on, in this segment */
};

static struct {
	pthread_spinlock_t lock __attribute__((aligned(64)));
	uint32_t index; /* where to look first */
	uint32_t used;
	struct area_slot slot[SLOTS] __attribute__((aligned(64)));
} area;

static void
area_init(void)
{
	pthread_spin_init(&area.lock, PTHREAD_PROCESS_PRIVATE);
	for (uint32_t i = 0; i < SLOTS; i++)
		area.slot[i] = (struct area_slot){ .orig_addr = UINT64_MAX,
						   .list = SEGMENT - i % SEGMENT };
}

/* The free slots right before @at have @count more after them. */
static inline void
count_back(uint32_t at, uint32_t count)
{
	while (at % SEGMENT && area.slot[at - 1].list)
		area.slot[--at].list = ++count;
}

static uint32_t __attribute__((noinline)) area_map(uint64_t orig_addr, uint32_t bytes)
{
	uint32_t at, seen = 0;

	pthread_spin_lock(&area.lock);
	at = area.index;
	if (area.used == SLOTS)
		goto full;
	while (!area.slot[at].list) {
		at = at + 1 < SLOTS ? at + 1 : 0;
		if (++seen == SLOTS)
			goto full;
	}
	area.slot[at].list = 0;
	area.slot[at].alloc_size = bytes;
	count_back(at, 0);
	area.index = at + 1 < SLOTS ? at + 1 : 0;
	area.used++;
	pthread_spin_unlock(&area.lock);
	area.slot[at].orig_addr = orig_addr;
	return at;

full:
	pthread_spin_unlock(&area.lock);
	return UINT32_MAX;
}

static void __attribute__((noinline)) area_unmap(uint32_t at)
{
	uint32_t after;

	pthread_spin_lock(&area.lock);
	after = (at + 1) % SEGMENT ? area.slot[at + 1].list : 0;
	area.slot[at] = (struct area_slot){ .orig_addr = UINT64_MAX, .list = after + 1 };
	count_back(at, after + 1);
	area.used--;
	pthread_spin_unlock(&area.lock);
}

/* ---- cases ---- */

static struct {
	struct dma_slots slots;
	struct rte_mempool *mempool;
	struct user {
		struct slot_cache *cache;
		struct rte_mempool_cache
			*mempool_cache; /* these threads are none of DPDK's, which would have one */
		uint32_t idx[BURST];
		void *objects[BURST];
	} __attribute__((aligned(64))) user[THREADS];
} g;

static inline void
keep(void *p)
{
	__asm__ __volatile__("" : : "r"(p) : "memory");
}

static void *
begin_slots(unsigned thread)
{
	struct user *u = &g.user[thread];

	u->cache = dma_slot_cache(&g.slots, CACHE);
	if (!u->cache)
		abort();
	return u;
}

static void
end_slots(void *self)
{
	dma_slot_cache_free(((struct user *)self)->cache);
}

static inline __attribute__((always_inline)) void
slots(struct user *u, unsigned n)
{
	if (dma_slot_reserve(u->cache, n) != n)
		abort();
	dma_slot_get(u->cache, u->idx, n);
	keep(u->idx);
	dma_slot_put(u->cache, u->idx, n);
}

static void
run_slots(void *self)
{
	slots(self, BURST);
}

static void
run_slot(void *self)
{
	slots(self, 1);
}

static void *
begin_area(unsigned thread)
{
	return &g.user[thread];
}

/* One at a time, as packets are mapped and unmapped one at a time. */
static inline __attribute__((always_inline)) void
areas(struct user *u, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		u->idx[i] = area_map((uintptr_t)&u->objects[i], 1500);
		if (u->idx[i] == UINT32_MAX)
			abort();
	}
	keep(u->idx);
	for (unsigned i = 0; i < n; i++)
		area_unmap(u->idx[i]);
}

static void
run_areas(void *self)
{
	areas(self, BURST);
}

static void
run_area(void *self)
{
	areas(self, 1);
}

static void *
begin_mempool(unsigned thread)
{
	struct user *u = &g.user[thread];

	u->mempool_cache = rte_mempool_cache_create(CACHE, SOCKET_ID_ANY);
	if (!u->mempool_cache)
		abort();
	return u;
}

static void
end_mempool(void *self)
{
	struct user *u = self;

	rte_mempool_cache_flush(u->mempool_cache, g.mempool);
	rte_mempool_cache_free(u->mempool_cache);
}

static inline __attribute__((always_inline)) void
mempool(struct user *u, unsigned n)
{
	if (rte_mempool_generic_get(g.mempool, u->objects, n, u->mempool_cache))
		abort();
	keep(u->objects);
	rte_mempool_generic_put(g.mempool, u->objects, n, u->mempool_cache);
}

static void
run_mempools(void *self)
{
	mempool(self, BURST);
}

static void
run_mempool(void *self)
{
	mempool(self, 1);
}

const struct gbench_case *
gbench_slot_cases(void)
{
	/* More keys than fit: that is what makes them shared. */
	const struct dma_slots_need need = {
		.queues = THREADS, .keys = 2 * SLOTS, .least = 1, .room = DMA_SLOT_BYTES
	};
	static const struct gbench_case cases[] = {
		GBENCH_CASE("slot_pool_2t/baton", 2, BURST, begin_slots, run_slots, end_slots),
		GBENCH_PEER("slot_pool_2t", 2, BURST, begin_area, run_areas, NULL),
		GBENCH_CASE("slot_pool_mempool_2t/baton", 2, BURST, begin_slots, run_slots,
			    end_slots),
		GBENCH_PEER("slot_pool_mempool_2t", 2, BURST, begin_mempool, run_mempools,
			    end_mempool),
		GBENCH_CASE("slot_pool_single_2t/baton", 2, 1, begin_slots, run_slot, end_slots),
		GBENCH_PEER("slot_pool_single_2t", 2, 1, begin_area, run_area, NULL),
		GBENCH_CASE("slot_pool_single_mempool_2t/baton", 2, 1, begin_slots, run_slot,
			    end_slots),
		GBENCH_PEER("slot_pool_single_mempool_2t", 2, 1, begin_mempool, run_mempool,
			    end_mempool),
		{ 0 },
	};
	static uint8_t nowhere[1]; /* slots are numbers here: nobody looks into one */
	uint32_t stride = dma_slot_stride(need.room, need.header);

	area_init();
	if (dma_slots_init(&g.slots, &need, nowhere, (size_t)SLOTS * stride, 0) < 0)
		return NULL;
	g.mempool = rte_mempool_create("slots", SLOTS - 1, stride, 0, 0, NULL, NULL, NULL, NULL,
				       SOCKET_ID_ANY, 0);
	return g.mempool ? cases : NULL;
}
