/* SPDX-License-Identifier: BSD-3-Clause */
/* The objects that the misuse table's calls get. */
#include <string.h>

#include <baton/ioas.h>

#include "misuse.h"

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

static void
on_violation(void *arg, const struct baton_violation *v)
{
	struct misuse_bench *b = arg;

	/* The threads that break rules call it, several at a time. */
	__atomic_fetch_add(&b->violations, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&b->rule, v->rule, __ATOMIC_RELAXED);
}

static void
port_up(struct misuse_side *s, const char *name, struct baton_port **port, struct baton_rxq **rxq,
	struct baton_txq **txq)
{
	struct baton_port_config pc = { .size = sizeof(pc), .rx_queues = 1, .tx_queues = 1 };
	struct baton_queue_config qc = { .size = sizeof(qc), .descs = 64 };

	must(baton_port_open(s->ctx, name, port));
	must(baton_port_configure(*port, &pc));
	qc.worker = s->worker;
	qc.pool = s->pool;
	must(baton_rxq_setup(*port, 0, &qc, rxq));
	qc.pool = NULL;
	must(baton_txq_setup(*port, 0, &qc, txq));
}

static struct baton_pool *
pool_up(struct baton_ctx *ctx)
{
	struct baton_pool_config c;
	struct baton_pool *pool;

	baton_pool_config_init(&c);
	c.count = MISUSE_BUFS;
	c.page_size = BATON_PAGE_BASE;
	must(baton_pool_create(ctx, &c, &pool));
	return pool;
}

static void
space_up(struct baton_ctx *ctx, struct baton_arena **arena, struct baton_ioas **ioas,
	 struct baton_mapping **mapping)
{
	struct baton_mem_config mc = { .size = sizeof(mc),
				       .bytes = 4096,
				       .page_size = BATON_PAGE_BASE,
				       .node = BATON_NODE_ANY };
	struct baton_ioas_config ic;

	baton_ioas_config_init(&ic);
	ic.backend = BATON_IOAS_FLAT;
	must(baton_arena_create(ctx, &mc, arena));
	must(baton_ioas_create(ctx, &ic, ioas));
	must(baton_ioas_map_arena(*ioas, *arena, UINT64_MAX, mapping));
}

static struct baton_ring *
ring_up(const struct misuse_side *s)
{
	struct baton_ring_config c = { .size = sizeof(c), .producer = s->worker };
	struct baton_ring *ring;

	c.consumer = s->worker;
	must(baton_ring_create(s->ctx, &c, &ring));
	return ring;
}

static void
side_up(struct misuse_side *s, struct misuse_bench *b)
{
	struct baton_ctx_config cc = {
		.size = sizeof(cc), .log = quiet, .on_violation = on_violation, .violation_arg = b
	};
	struct baton_worker_config wc = { .size = sizeof(wc), .cache_size = 64 };

	must(baton_ctx_create(&cc, &s->ctx));
	s->pool = pool_up(s->ctx);
	must(baton_worker_create(s->ctx, &wc, &s->worker));
	must(baton_worker_bind(s->worker));
	s->ring = ring_up(s);
	port_up(s, "net_null0", &s->port, &s->rxq, &s->txq);
	port_up(s, "net_null1", &s->idle, &s->idle_rxq, &s->idle_txq);
	must(baton_port_open(s->ctx, "net_null2", &s->raw));
	must(baton_port_start(s->port));
	space_up(s->ctx, &s->arena, &s->ioas, &s->mapping);
}

/* Open one of each kind in context a, use it, and close it. */
static void
make_closed(struct misuse_bench *b)
{
	struct baton_worker_config wc = { .size = sizeof(wc), .cache_size = 64 };
	struct misuse_side s = { .ctx = b->a.ctx };
	struct baton_token t[8];
	int n;

	s.pool = pool_up(s.ctx);
	must(baton_worker_create(s.ctx, &wc, &s.worker));
	port_up(&s, "net_null3", &s.port, &s.rxq, &s.txq);
	must(baton_port_start(s.port));
	n = baton_rx_burst(s.rxq, t, 8);
	must(n);
	assert_int_equal(baton_tx_burst(s.txq, t, (unsigned)n), n);
	assert_int_equal(baton_alloc(s.worker, s.pool, t, 1), 1);
	b->of_closed = t[0];
	must(baton_free(s.worker, t, 1));
	must(baton_port_close(s.port));
	s.ring = ring_up(&s);
	must(baton_ring_destroy(s.ring));
	must(baton_worker_destroy(s.worker));
	must(baton_pool_destroy(s.pool));
	space_up(s.ctx, &s.arena, &s.ioas, &s.mapping);
	must(baton_ioas_unmap(s.mapping));
	must(baton_ioas_destroy(s.ioas));
	baton_arena_destroy(s.arena);
	for (enum kind k = POOL; k < KINDS; k++)
		b->closed[k] = misuse_object(&s, k);
}

void
misuse_up(struct misuse_bench *b)
{
	memset(b, 0, sizeof(*b));
	side_up(&b->a, b);
	side_up(&b->b, b);
	make_closed(b);
	misuse_check(b);
}

static void
side_down(struct misuse_side *s)
{
	must(baton_port_close(s->port));
	must(baton_port_close(s->idle));
	must(baton_port_close(s->raw));
	must(baton_ring_destroy(s->ring));
	must(baton_worker_destroy(s->worker));
	must(baton_pool_destroy(s->pool));
	must(baton_ioas_unmap(s->mapping));
	baton_arena_destroy(s->arena);
	must(baton_ctx_destroy(s->ctx));
}

void
misuse_down(struct misuse_bench *b)
{
	b->violations = 0;
	side_down(&b->a);
	side_down(&b->b);
	assert_int_equal(b->violations, 0);
}

void *
misuse_object(const struct misuse_side *s, enum kind kind)
{
	void *const objects[] = {
		[CTX] = s->ctx,         [POOL] = s->pool, [WORKER] = s->worker, [PORT] = s->port,
		[RXQ] = s->rxq,         [TXQ] = s->txq,   [ARENA] = s->arena,   [IOAS] = s->ioas,
		[MAPPING] = s->mapping, [RING] = s->ring,
	};

	return objects[kind];
}

static void
check_side(const struct misuse_side *s)
{
	struct baton_holder h[16];
	struct baton_arena_info arena;
	struct baton_mapping_info mapping;
	struct baton_link link;
	struct baton_token t[8];
	uint64_t iova;
	unsigned n = baton_pool_holders(s->pool, h, 16);
	uint32_t sum = 0;
	int got;

	assert_true(n <= 16);
	for (unsigned i = 0; i < n; i++) {
		sum += h[i].count;
		assert_true(h[i].kind != BATON_HOLDER_CPU || !h[i].count);
	}
	assert_int_equal(sum, MISUSE_BUFS);
	assert_int_equal(baton_alloc(s->worker, s->pool, t, 1), 1);
	assert_non_null(baton_data(s->worker, t[0]));
	must(baton_free(s->worker, t, 1));
	got = baton_rx_burst(s->rxq, t, 8);
	assert_int_equal(got, 8);
	assert_int_equal(baton_ring_enqueue(s->ring, t, 8), 8);
	assert_int_equal(baton_ring_dequeue(s->ring, t, 8), 8);
	assert_int_equal(baton_tx_burst(s->txq, t, 8), 8);
	baton_port_link(s->port, &link);
	assert_int_equal(link.up, 1);
	must(baton_ctx_poll(s->ctx, 0));
	baton_arena_info(s->arena, &arena);
	baton_mapping_info(s->mapping, &mapping);
	assert_ptr_equal(arena.base, mapping.va);
	must(baton_mapping_iova(s->mapping, arena.base, 4096, &iova));
}

void
misuse_check(struct misuse_bench *b)
{
	unsigned before = b->violations;

	check_side(&b->a);
	check_side(&b->b);
	assert_int_equal(b->violations, before);
}
