/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tokens through a ring, a burst in and out again: Baton's token ring, and DPDK's with elements of
 * 16 bytes. Neither is signalled.
 */
#include <stdio.h>
#include <stdlib.h>

#include <rte_ring_elem.h>

#include <baton/ring.h>

#include "gbench_cases.h"

#define BURST   32u
#define ENTRIES 1024u
#define THREADS 2u

static struct {
	struct baton_ctx *ctx;
	struct baton_worker *worker;
	struct baton_ring *single, *multi;
	struct rte_ring *rte_single, *rte_multi;
	struct user {
		struct baton_token in[BURST], out[BURST];
	} __attribute__((aligned(64))) user[THREADS];
} g;

static void *
begin(unsigned thread)
{
	baton_worker_bind(g.worker);
	return &g.user[thread];
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
	if (baton_ring_enqueue(ring, u->in, BURST) != (int)BURST)
		abort();
	/* Of two threads, one may be stopped with its tokens before these. */
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
	if (rte_ring_mp_enqueue_burst_elem(g.rte_multi, u->in, sizeof(u->in[0]), BURST, NULL) !=
	    BURST)
		abort();
	while (!rte_ring_mc_dequeue_burst_elem(g.rte_multi, u->out, sizeof(u->out[0]), BURST, NULL))
		;
	keep(u->out);
}

static int
set_up(void)
{
	struct baton_ring_config config;
	int ret = baton_ctx_create(NULL, &g.ctx);

	baton_ring_config_init(&config);
	config.capacity = ENTRIES;
	if (!ret)
		ret = baton_worker_create(g.ctx, NULL, &g.worker);
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
	return ret || !g.rte_single || !g.rte_multi;
}

const struct gbench_case *
gbench_ring_cases(void)
{
	static const struct gbench_case cases[] = {
		GBENCH_CASE("token_ring_spsc/baton", 1, BURST, begin, run_single, NULL),
		GBENCH_PEER("token_ring_spsc", 1, BURST, begin_any, run_rte_single, NULL),
		GBENCH_CASE("token_ring_mpmc/baton", 1, BURST, begin_any, run_multi, NULL),
		GBENCH_PEER("token_ring_mpmc", 1, BURST, begin_any, run_rte_multi, NULL),
		GBENCH_CASE("token_ring_mpmc_2t/baton", 2, BURST, begin_any, run_multi, NULL),
		GBENCH_PEER("token_ring_mpmc_2t", 2, BURST, begin_any, run_rte_multi, NULL),
		{ 0 },
	};

	return set_up() ? NULL : cases;
}
