/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tokens through a ring, a burst in and out again: Baton's token ring, and DPDK's with elements of
 * 16 bytes. Neither is signalled. And buffers that one thread allocates and another frees.
 */
#include <stdio.h>
#include <stdlib.h>

#include <rte_mempool.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>

#include <baton/ring.h>

#include "gbench_cases.h"

#define BURST   32u
#define ENTRIES 1024u
#define BUFFERS 8192u
#define CACHE   512u
#define THREADS 2u

static struct {
	struct baton_ctx *ctx;
	struct baton_worker *worker;
	struct baton_ring *single, *multi;
	struct rte_ring *rte_single, *rte_multi;
	struct baton_worker *to; /* the pair's, with g.worker */
	struct baton_pool *pool;
	struct baton_ring *pair;
	struct rte_mempool *mempool;
	struct rte_ring *rte_pair;
	struct user {
		struct baton_token in[BURST], out[BURST];
		void *objects[BURST];
		struct baton_worker *worker;
		struct rte_mempool_cache *cache; /* these threads are none of DPDK's */
		unsigned frees;
	} __attribute__((aligned(64))) user[THREADS];
} g;

static void *
begin(unsigned thread)
{
	baton_worker_bind(g.worker);
	return &g.user[thread];
}

static void
end(void *self)
{
	baton_worker_unbind(g.worker); /* each repetition has a thread of its own */
}

static void *
begin_any(unsigned thread)
{
	return &g.user[thread];
}

static inline void
keep(void *p)
{
	__asm__ __volatile__("" : : "r"(p) : "memory");
}

static inline __attribute__((always_inline)) void
through(struct user *u, struct baton_ring *ring)
{
	keep(u->in);
	/* Of two threads, one may be stopped with its tokens, or its room, before these. */
	while (baton_ring_enqueue(ring, u->in, BURST) != (int)BURST)
		;
	while (!baton_ring_dequeue(ring, u->out, BURST))
		;
	keep(u->out);
}

static void
run_single(void *self)
{
	through(self, g.single);
}

static void
run_multi(void *self)
{
	through(self, g.multi);
}

static void
run_rte_single(void *self)
{
	struct user *u = self;

	keep(u->in);
	if (rte_ring_sp_enqueue_burst_elem(g.rte_single, u->in, sizeof(u->in[0]), BURST, NULL) !=
	    BURST)
		abort();
	rte_ring_sc_dequeue_burst_elem(g.rte_single, u->out, sizeof(u->out[0]), BURST, NULL);
	keep(u->out);
}

static void
run_rte_multi(void *self)
{
	struct user *u = self;

	keep(u->in);
	while (rte_ring_mp_enqueue_burst_elem(g.rte_multi, u->in, sizeof(u->in[0]), BURST, NULL) !=
	       BURST)
		;
	while (!rte_ring_mc_dequeue_burst_elem(g.rte_multi, u->out, sizeof(u->out[0]), BURST, NULL))
		;
	keep(u->out);
}

/* ---- one thread allocates, the other frees ---- */

static void *
begin_pair(unsigned thread)
{
	struct user *u = &g.user[thread];

	u->frees = thread;
	u->worker = thread ? g.to : g.worker;
	if (baton_worker_bind(u->worker) < 0)
		abort();
	return u;
}

static void
end_pair(void *self)
{
	baton_worker_unbind(((struct user *)self)->worker);
}

/* Both make as many runs. */
static void
run_pair(void *self)
{
	struct user *u = self;
	unsigned done = 0;

	if (u->frees) {
		while (done < BURST)
			done += (unsigned)baton_ring_dequeue(g.pair, u->out + done, BURST - done);
		baton_free(u->worker, u->out, BURST);
		return;
	}
	while (done < BURST)
		done += baton_alloc(u->worker, g.pool, u->in + done, BURST - done);
	for (done = 0; done < BURST;)
		done += (unsigned)baton_ring_enqueue(g.pair, u->in + done, BURST - done);
}

static void *
begin_rte_pair(unsigned thread)
{
	struct user *u = &g.user[thread];

	u->frees = thread;
	u->cache = rte_mempool_cache_create(CACHE, SOCKET_ID_ANY);
	if (!u->cache)
		abort();
	return u;
}

static void
end_rte_pair(void *self)
{
	struct user *u = self;

	rte_mempool_cache_flush(u->cache, g.mempool);
	rte_mempool_cache_free(u->cache);
}

static void
run_rte_pair(void *self)
{
	struct user *u = self;
	unsigned done = 0;

	if (u->frees) {
		while (done < BURST)
			done += rte_ring_sc_dequeue_burst(g.rte_pair, u->objects + done,
							  BURST - done, NULL);
		rte_mempool_generic_put(g.mempool, u->objects, BURST, u->cache);
		return;
	}
	while (rte_mempool_generic_get(g.mempool, u->objects, BURST, u->cache))
		;
	while (done < BURST)
		done += rte_ring_sp_enqueue_burst(g.rte_pair, u->objects + done, BURST - done,
						  NULL);
}

static int
set_up_pair(void)
{
	struct baton_ring_config config = { .size = sizeof(config), .capacity = ENTRIES };
	struct baton_worker_config worker = { .size = sizeof(worker), .cache_size = CACHE };
	struct baton_pool_config pool;
	int ret;

	baton_pool_config_init(&pool);
	pool.count = BUFFERS;
	ret = baton_pool_create(g.ctx, &pool, &g.pool);
	if (!ret)
		ret = baton_worker_create(g.ctx, &worker, &g.to);
	config.producer = g.worker;
	config.consumer = g.to;
	if (!ret)
		ret = baton_ring_create(g.ctx, &config, &g.pair);
	g.mempool = rte_mempool_create("pair", BUFFERS - 1, 2048, 0, 0, NULL, NULL, NULL, NULL,
				       SOCKET_ID_ANY, 0);
	g.rte_pair = rte_ring_create("pair", ENTRIES, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	return ret || !g.mempool || !g.rte_pair;
}

static int
set_up(void)
{
	struct baton_ring_config config;
	int ret = baton_ctx_create(NULL, &g.ctx);

	baton_ring_config_init(&config);
	config.capacity = ENTRIES;
	if (!ret)
		ret = baton_worker_create(g.ctx, NULL, &g.worker); /* a cache of 512 */
	if (!ret)
		ret = baton_ring_create(g.ctx, &config, &g.multi);
	config.producer = config.consumer = g.worker;
	if (!ret)
		ret = baton_ring_create(g.ctx, &config, &g.single);
	if (ret)
		fprintf(stderr, "error: %s\n", baton_last_error());
	g.rte_single = rte_ring_create_elem("single", sizeof(struct baton_token), ENTRIES,
					    SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	g.rte_multi = rte_ring_create_elem("multi", sizeof(struct baton_token), ENTRIES,
					   SOCKET_ID_ANY, 0);
	return ret || !g.rte_single || !g.rte_multi || set_up_pair();
}

const struct gbench_case *
gbench_ring_cases(void)
{
	static const struct gbench_case cases[] = {
		GBENCH_CASE("token_ring_spsc/baton", 1, BURST, begin, run_single, end),
		GBENCH_PEER("token_ring_spsc", 1, BURST, begin_any, run_rte_single, NULL),
		GBENCH_CASE("token_ring_mpmc/baton", 1, BURST, begin_any, run_multi, NULL),
		GBENCH_PEER("token_ring_mpmc", 1, BURST, begin_any, run_rte_multi, NULL),
		GBENCH_CASE("token_ring_mpmc_2t/baton", 2, BURST, begin_any, run_multi, NULL),
		GBENCH_PEER("token_ring_mpmc_2t", 2, BURST, begin_any, run_rte_multi, NULL),
		GBENCH_CASE("pool_pair_2t/baton", 2, BURST, begin_pair, run_pair, end_pair),
		GBENCH_PEER("pool_pair_2t", 2, BURST, begin_rte_pair, run_rte_pair, end_rte_pair),
		{ 0 },
	};

	return set_up() ? NULL : cases;
}
