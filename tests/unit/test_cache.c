/* SPDX-License-Identifier: BSD-3-Clause */
/* Workers' caches: within their size, with room left when they were full, and counted when pools
 * are compared with what may hold their buffers. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <baton/baton.h>

#include "dma/pool.h"

struct place {
	struct baton_ctx *ctx;
	struct baton_pool *pool;
	struct baton_worker *from, *to;
};

static void
must(int ret)
{
	if (ret < 0)
		fail_msg("%s", baton_last_error());
}

static void
quiet(void *arg, enum baton_log_level level, const char *line)
{
}

static struct baton_worker *
worker(struct place *p, uint32_t cache)
{
	const struct baton_worker_config c = { .size = sizeof(c), .cache_size = cache };
	struct baton_worker *w;

	must(baton_worker_create(p->ctx, &c, &w));
	return w;
}

static struct baton_pool *
pool(struct place *p, uint32_t count)
{
	struct baton_pool_config c;
	struct baton_pool *made;

	baton_pool_config_init(&c);
	c.count = count;
	c.page_size = BATON_PAGE_BASE;
	must(baton_pool_create(p->ctx, &c, &made));
	return made;
}

static void
begin(struct place *p, uint32_t count, uint32_t cache)
{
	const struct baton_ctx_config c = { .size = sizeof(c), .log = quiet };

	must(baton_ctx_create(&c, &p->ctx));
	p->pool = pool(p, count);
	p->from = worker(p, 64);
	p->to = worker(p, cache);
}

static void
end(struct place *p)
{
	must(baton_worker_destroy(p->from));
	must(baton_worker_destroy(p->to));
	must(baton_pool_destroy(p->pool));
	must(baton_ctx_destroy(p->ctx));
}

/* One worker receives, another sends and frees: its cache is moved rarely, and half of it. */
static void
room_is_left(void **state)
{
	static const uint32_t sizes[] = { 250, 512, 4096 };

	for (unsigned i = 0; i < 3; i++) {
		unsigned moves = 0, freed = 0, blocks;
		struct baton_token t[32];
		const struct dma_cache *c;
		uint64_t before;
		struct place p;

		begin(&p, 16384, sizes[i]);
		c = dma_cache(p.to, p.pool);
		assert_non_null(c);
		before = p.pool->stack.full.word >> 24;
		while (freed < 100000) {
			uint32_t n = c->n;

			assert_int_equal(baton_alloc(p.from, p.pool, t, 32), 32);
			must(baton_free(p.to, t, 32));
			freed += 32;
			moves += c->n < n + 32;
			assert_true(c->n <= sizes[i]);
		}
		/* Two operations on the shared list for a block of 62 buffers: put, and taken. */
		blocks = (unsigned)((p.pool->stack.full.word >> 24) - before);
		assert_true(blocks <= 2 * (freed / STACK_BLOCK + 2));
		assert_true(moves <= freed / (sizes[i] / 2 - STACK_BLOCK) + 1);
		end(&p);
	}
}

/* ---- a worker that only allocates, and one that only frees, on two threads ---- */

#define HANDED 200000u

struct pair {
	struct place *p;
	struct baton_ring *ring;
	unsigned faults; /* atomic */
};

static bool
has_faults(struct pair *pair)
{
	return __atomic_load_n(&pair->faults, __ATOMIC_RELAXED);
}

static void *
allocate(void *arg)
{
	struct pair *pair = arg;
	struct baton_token t;

	baton_worker_bind(pair->p->from);
	for (unsigned n = 0; n < HANDED && !has_faults(pair);) {
		if (!baton_alloc(pair->p->from, pair->p->pool, &t, 1)) {
			sched_yield();
			continue;
		}
		while (!baton_ring_enqueue(pair->ring, &t, 1) && !has_faults(pair))
			sched_yield();
		n++;
	}
	baton_worker_unbind(pair->p->from);
	return NULL;
}

static void
free_all(struct pair *pair)
{
	struct baton_token t;

	for (unsigned n = 0; n < HANDED && !has_faults(pair);) {
		int got = baton_ring_dequeue(pair->ring, &t, 1);

		if (!got)
			sched_yield();
		if (got > 0)
			__atomic_fetch_add(&pair->faults, baton_free(pair->p->to, &t, 1) < 0,
					   __ATOMIC_RELAXED);
		n += (unsigned)got;
	}
}

static uint64_t
shared_operations(const struct stack *s)
{
	return (s->full.word >> 24) + (s->partial.word >> 24) + (s->spare.word >> 24);
}

/* One buffer at a time, also out of a pool that is nearly dry: they come home in blocks. */
static void
handed_on(void **state)
{
	static const struct {
		uint32_t bufs, cache;
	} cases[] = { { 8192, 512 }, { 8192, 64 }, { 256, 64 } };

	for (unsigned i = 0; i < 3; i++) {
		struct baton_ring_config rc = { .size = sizeof(rc), .capacity = 1024 };
		struct pair pair = { 0 };
		uint64_t before, moved;
		pthread_t thread;
		struct place p;

		begin(&p, cases[i].bufs, cases[i].cache);
		pair.p = &p;
		rc.producer = p.from;
		rc.consumer = p.to;
		must(baton_ring_create(p.ctx, &rc, &pair.ring));
		before = shared_operations(&p.pool->stack);
		assert_int_equal(pthread_create(&thread, NULL, allocate, &pair), 0);
		free_all(&pair);
		pthread_join(thread, NULL);
		assert_int_equal(pair.faults, 0);
		moved = shared_operations(&p.pool->stack) - before;
		print_message("%u buffers, caches of 64 and %u: %.1f buffers an operation\n",
			      cases[i].bufs, cases[i].cache, (double)HANDED / (double)moved);
		assert_true(moved * 5 < HANDED);
		must(baton_ring_destroy(pair.ring));
		end(&p);
	}
}

/* Whatever a worker does, its cache holds no more than it was made for. */
static void
within_its_size(void **state)
{
	static const uint32_t sizes[] = { 1,  2,  7,  8,   9,   31,  61,  62,
					  63, 64, 65, 100, 125, 126, 127, 512 };

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct baton_token t[1024];
		const struct dma_cache *c;
		unsigned n = 0, seed = i;
		struct place p;

		begin(&p, 2048, sizes[i]);
		c = dma_cache(p.to, p.pool);
		assert_non_null(c);
		for (unsigned round = 0; round < 3000; round++) {
			unsigned k = 1 + (unsigned)rand_r(&seed) % 100;

			if (rand_r(&seed) % 2 && n + k <= 1024) {
				assert_int_equal(baton_alloc(p.to, p.pool, t + n, k), k);
				n += k;
			} else {
				k = k < n ? k : n;
				n -= k;
				must(baton_free(p.to, t + n, k));
			}
			assert_true(c->n <= sizes[i]);
		}
		must(baton_free(p.to, t, n));
		assert_true(c->n <= sizes[i]);
		end(&p);
	}
}

static struct baton_port *
port(struct place *p, const char *name, struct baton_pool *from)
{
	struct baton_port_config pc = { .size = sizeof(pc), .rx_queues = 1, .tx_queues = 1 };
	struct baton_queue_config qc = {
		.size = sizeof(qc), .descs = 2, .worker = p->from, .pool = from
	};
	struct baton_rxq *rx;
	struct baton_txq *tx;
	struct baton_port *made;

	must(baton_port_open(p->ctx, name, &made));
	must(baton_port_configure(made, &pc));
	must(baton_rxq_setup(made, 0, &qc, &rx));
	qc.pool = NULL;
	must(baton_txq_setup(made, 0, &qc, &tx));
	return made;
}

/* Rings of 2, caches of 64 and 100, and a burst for each worker. */
#define NEED (2 * 2 + 64 + 100 + 2 * 64)

static void
a_worker_that_comes_later(void **state)
{
	const struct baton_worker_config wc = { .size = sizeof(wc), .cache_size = 300 };
	struct baton_worker *late;
	struct baton_port *rx;
	struct place p;

	begin(&p, NEED + 363, 100);
	rx = port(&p, "net_null0", p.pool);
	must(baton_port_start(rx));
	assert_int_equal(baton_worker_create(p.ctx, &wc, &late), -ENOBUFS);
	assert_non_null(strstr(baton_last_error(), "464 in workers' caches and 192 in bursts"));
	assert_non_null(strstr(baton_last_error(), "at least 660"));
	must(baton_port_stop(rx)); /* nobody receives: nobody can run dry */
	must(baton_worker_create(p.ctx, &wc, &late));
	assert_int_equal(baton_port_start(rx), -ENOBUFS);
	must(baton_worker_destroy(late));
	must(baton_port_start(rx));
	must(baton_port_close(rx));
	end(&p);
}

/* A worker counts that serves no queue: it may free what the others have received. */
static void
every_worker_counts(void **state)
{
	for (unsigned fewer = 0; fewer < 2; fewer++) {
		struct baton_port *rx;
		struct place p;

		begin(&p, NEED - fewer, 100);
		rx = port(&p, "net_null0", p.pool);
		assert_int_equal(baton_port_start(rx), fewer ? -ENOBUFS : 0);
		if (fewer)
			assert_non_null(strstr(baton_last_error(), "at least 296"));
		must(baton_port_close(rx));
		end(&p);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(room_is_left),
		cmocka_unit_test(handed_on),
		cmocka_unit_test(within_its_size),
		cmocka_unit_test(every_worker_counts),
		cmocka_unit_test(a_worker_that_comes_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
