/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ck_ring.h>
#include <rte_eal.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_ring_elem.h>

#include "dma/pool.h"
#include "gbench_cases.h"

#define BURST   32u
#define BUFFERS 8192u
#define CACHE   512u
#define ENTRIES 4096u
#define THREADS 2u

struct index {
	uint32_t i;
};

CK_RING_PROTOTYPE(index, index)

static struct {
	struct baton_ctx *ctx;
	struct baton_pool *pool;
	struct baton_worker *worker;
	struct baton_pool_view view;
	struct rte_mempool *mempool;
	struct rte_ring *rte;
	struct ck_ring ck;
	struct index *ck_buffer;
	struct stack stack;
	struct user {
		struct stack_user user;
		uint32_t idx[STACK_BLOCK];
		struct index index[STACK_BLOCK]; /* ck_ring takes structs only */
	} __attribute__((aligned(64))) user[THREADS];
	struct baton_token t[BURST];
	uint32_t indexes[BURST];
	void *objects[BURST];
	struct rte_mbuf *mbufs[BURST];
} g;

/* ---- token hand-over: to a device and back, for a burst ---- */

static void *
begin_handover(unsigned thread)
{
	baton_worker_bind(g.worker);
	if (baton_alloc(g.worker, g.pool, g.t, BURST) != BURST)
		abort();
	return NULL;
}

static void
run_handover(void *self)
{
	for (unsigned i = 0; i < BURST; i++)
		if (!dma_give(&g.view, g.t[i], BATON_OWNER_QUEUE << 16))
			abort();
	__asm__ __volatile__("" ::: "memory");
	for (unsigned i = 0; i < BURST; i++)
		g.t[i].gen = dma_take(&g.view, g.t[i].buf);
	__asm__ __volatile__("" ::: "memory");
}

static void
end_handover(void *self)
{
	baton_free(g.worker, g.t, BURST);
}

/* ---- a burst of buffers from the pool and back ---- */

static void *
begin_pool(unsigned thread)
{
	baton_worker_bind(g.worker);
	return NULL;
}

static void
run_pool(void *self)
{
	if (baton_alloc(g.worker, g.pool, g.t, BURST) != BURST)
		abort();
	baton_free(g.worker, g.t, BURST);
}

/* What a driver does: indexes from the worker's cache and back, no token made. */
static void
run_cache(void *self)
{
	struct dma_cache *c = dma_cache(g.worker, g.pool);

	if (!c || dma_cache_reserve(c, BURST) != BURST)
		abort();
	c->n -= BURST;
	memcpy(g.indexes, c->idx + c->n, sizeof(g.indexes));
	__asm__ __volatile__("" ::: "memory");
	dma_cache_room(c, BURST);
	memcpy(c->idx + c->n, g.indexes, sizeof(g.indexes));
	c->n += BURST;
}

static void
run_mempool(void *self)
{
	if (rte_mempool_get_bulk(g.mempool, g.objects, BURST))
		abort();
	__asm__ __volatile__("" ::: "memory");
	rte_mempool_put_bulk(g.mempool, g.objects, BURST);
}

static void
run_mbufs(void *self)
{
	if (rte_pktmbuf_alloc_bulk(g.mempool, g.mbufs, BURST))
		abort();
	__asm__ __volatile__("" ::: "memory");
	rte_pktmbuf_free_bulk(g.mbufs, BURST);
}

/* ---- a block of indexes from the shared structure and back ---- */

static void *
begin_shared(unsigned thread)
{
	return &g.user[thread];
}

static void
run_stack(void *self)
{
	struct user *u = self;
	uint32_t n = stack_get(&g.stack, &u->user, u->idx);

	if (n == STACK_BLOCK)
		stack_put_full(&g.stack, &u->user, u->idx);
	else if (n)
		stack_put(&g.stack, &u->user, u->idx, n);
}

static void
end_stack(void *self)
{
	stack_user_release(&g.stack, &((struct user *)self)->user);
}

static void
run_rte_ring(void *self)
{
	struct user *u = self;

	if (rte_ring_mc_dequeue_bulk_elem(g.rte, u->idx, sizeof(uint32_t), STACK_BLOCK, NULL))
		rte_ring_mp_enqueue_bulk_elem(g.rte, u->idx, sizeof(uint32_t), STACK_BLOCK, NULL);
}

static void
run_ck_ring(void *self)
{
	struct user *u = self;
	unsigned n = 0;

	while (n < STACK_BLOCK && ck_ring_dequeue_mpmc_index(&g.ck, g.ck_buffer, &u->index[n]))
		n++;
	while (n && ck_ring_enqueue_mpmc_index(&g.ck, g.ck_buffer, &u->index[n - 1]))
		n--;
}

/* ---- set-up ---- */

static int
set_up_baton(void)
{
	struct baton_worker_config worker = { .size = sizeof(worker), .cache_size = CACHE };
	struct baton_pool_config pool;
	int ret = baton_ctx_create(NULL, &g.ctx);

	baton_pool_config_init(&pool);
	pool.count = BUFFERS;
	if (!ret)
		ret = baton_pool_create(g.ctx, &pool, &g.pool);
	if (!ret)
		ret = baton_worker_create(g.ctx, &worker, &g.worker);
	if (!ret)
		dma_view_init(&g.view, g.pool, 1ull << 32);
	else
		fprintf(stderr, "error: %s\n", baton_last_error());
	return ret;
}

static int
set_up_dpdk(void)
{
	char *args[] = { "gbench",      "--lcores", "0@(0-1)", "--no-pci",         "--no-telemetry",
			 "--in-memory", "-m",       "64",      "--log-level=error" };

	if (rte_eal_init(RTE_DIM(args), args) < 0) {
		fprintf(stderr, "error: DPDK does not start\n");
		return -1;
	}
	g.mempool = rte_pktmbuf_pool_create("peer", BUFFERS - 1, CACHE, 0,
					    RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	g.rte = rte_ring_create_elem("peer", sizeof(uint32_t), 2 * ENTRIES, SOCKET_ID_ANY, 0);
	return g.mempool && g.rte ? 0 : -1;
}

static int
set_up_shared(void)
{
	uint32_t n = stack_blocks_for(ENTRIES, THREADS + 1), idx[STACK_BLOCK];
	struct stack_block *blocks = aligned_alloc(64, n * sizeof(*blocks));
	struct stack_user user = { 0 };

	g.ck_buffer = aligned_alloc(64, 2 * ENTRIES * sizeof(*g.ck_buffer));
	if (!blocks || !g.ck_buffer)
		return -1;
	stack_init(&g.stack, blocks, n);
	ck_ring_init(&g.ck, 2 * ENTRIES);
	for (uint32_t at = 0; at + STACK_BLOCK <= ENTRIES; at += STACK_BLOCK) {
		for (uint32_t i = 0; i < STACK_BLOCK; i++)
			idx[i] = at + i;
		stack_put_full(&g.stack, &user, idx);
		rte_ring_mp_enqueue_bulk_elem(g.rte, idx, sizeof(uint32_t), STACK_BLOCK, NULL);
		for (uint32_t i = 0; i < STACK_BLOCK; i++)
			ck_ring_enqueue_mpmc_index(&g.ck, g.ck_buffer, &(struct index){ idx[i] });
	}
	stack_user_release(&g.stack, &user);
	return 0;
}

const struct gbench_case *
gbench_cases(void)
{
	static const struct gbench_case cases[] = {
		GBENCH_CASE("token_handover/baton", 1, BURST, begin_handover, run_handover,
			    end_handover),
		GBENCH_CASE("pool_cache_32/baton", 1, BURST, begin_pool, run_cache, NULL),
		GBENCH_PEER("pool_cache_32", 1, BURST, begin_shared, run_mempool, NULL),
		GBENCH_CASE("pool_mempool_32/baton", 1, BURST, begin_pool, run_pool, NULL),
		GBENCH_PEER("pool_mempool_32", 1, BURST, begin_shared, run_mempool, NULL),
		GBENCH_CASE("pool_mbuf_32/baton", 1, BURST, begin_pool, run_pool, NULL),
		GBENCH_PEER("pool_mbuf_32", 1, BURST, begin_shared, run_mbufs, NULL),
		GBENCH_CASE("stack_rte_ring/baton", 1, STACK_BLOCK, begin_shared, run_stack,
			    end_stack),
		GBENCH_PEER("stack_rte_ring", 1, STACK_BLOCK, begin_shared, run_rte_ring, NULL),
		GBENCH_CASE("stack_ck_ring/baton", 1, STACK_BLOCK, begin_shared, run_stack,
			    end_stack),
		GBENCH_PEER("stack_ck_ring", 1, STACK_BLOCK, begin_shared, run_ck_ring, NULL),
		GBENCH_CASE("stack_rte_ring_2t/baton", 2, STACK_BLOCK, begin_shared, run_stack,
			    end_stack),
		GBENCH_PEER("stack_rte_ring_2t", 2, STACK_BLOCK, begin_shared, run_rte_ring, NULL),
		GBENCH_CASE("stack_ck_ring_2t/baton", 2, STACK_BLOCK, begin_shared, run_stack,
			    end_stack),
		GBENCH_PEER("stack_ck_ring_2t", 2, STACK_BLOCK, begin_shared, run_ck_ring, NULL),
		{ 0 },
	};

	return set_up_baton() || set_up_dpdk() || set_up_shared() ? NULL : cases;
}
