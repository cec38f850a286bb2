/* SPDX-License-Identifier: BSD-3-Clause */
/* Structs of other versions of the library: configurations that are taken, and what calls fill in.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <baton/baton.h>

#define MORE 64u /* bytes that a later version has more */

struct rig {
	struct baton_ctx *ctx;
	struct baton_worker *worker;
	struct baton_pool *pool;
	struct baton_port *port;
	struct baton_rxq *rxq;
	struct baton_txq *txq;
	char memory[8192] __attribute__((aligned(4096)));
};

/* Each call that takes a configuration, with what it made undone. */
static int
ctx_create(struct rig *r, void *config)
{
	struct baton_ctx *ctx;
	int ret = baton_ctx_create(config, &ctx);

	if (!ret)
		assert_int_equal(baton_ctx_destroy(ctx), 0);
	return ret;
}

static int
arena_create(struct rig *r, void *config)
{
	struct baton_arena *arena;
	int ret = baton_arena_create(r->ctx, config, &arena);

	if (!ret)
		baton_arena_destroy(arena);
	return ret;
}

static int
ioas_create(struct rig *r, void *config)
{
	struct baton_ioas *ioas;
	int ret = baton_ioas_create(r->ctx, config, &ioas);

	return ret ? ret : baton_ioas_destroy(ioas);
}

static int
ioas_map(struct rig *r, void *config)
{
	struct baton_ioas_config c;
	struct baton_mapping *mapping;
	struct baton_ioas *ioas;
	int ret;

	baton_ioas_config_init(&c);
	c.backend = BATON_IOAS_FLAT;
	assert_int_equal(baton_ioas_create(r->ctx, &c, &ioas), 0);
	ret = baton_ioas_map(ioas, config, &mapping);
	if (!ret)
		assert_int_equal(baton_ioas_unmap(mapping), 0);
	assert_int_equal(baton_ioas_destroy(ioas), 0);
	return ret;
}

static int
pool_create(struct rig *r, void *config)
{
	struct baton_pool *pool;
	int ret = baton_pool_create(r->ctx, config, &pool);

	return ret ? ret : baton_pool_destroy(pool);
}

static int
worker_create(struct rig *r, void *config)
{
	struct baton_worker *worker;
	int ret = baton_worker_create(r->ctx, config, &worker);

	return ret ? ret : baton_worker_destroy(worker);
}

static int
port_configure(struct rig *r, void *config)
{
	return baton_port_configure(r->port, config);
}

static int
rxq_setup(struct rig *r, void *config)
{
	assert_int_equal(baton_port_configure(r->port, NULL), 0);
	return baton_rxq_setup(r->port, 0, config, &r->rxq);
}

static int
txq_setup(struct rig *r, void *config)
{
	assert_int_equal(baton_port_configure(r->port, NULL), 0);
	return baton_txq_setup(r->port, 0, config, &r->txq);
}

static int
port_set_rss(struct rig *r, void *config)
{
	return baton_port_set_rss(r->port, config);
}

static int
ring_create(struct rig *r, void *config)
{
	struct baton_ring *ring;
	int ret = baton_ring_create(r->ctx, config, &ring);

	return ret ? ret : baton_ring_destroy(ring);
}

/* A later member takes no padding of an earlier version's, which may be anything. */
#define ENDS(type, member)                                                                         \
	_Static_assert(sizeof(struct type) ==                                                      \
			       offsetof(struct type, member) + sizeof(((struct type *)0)->member), \
		       "a configuration must not end in padding")
ENDS(baton_ctx_config, violation_arg);
ENDS(baton_mem_config, reserved);
ENDS(baton_ioas_config, flat_base);
ENDS(baton_map_config, fd_offset);
ENDS(baton_reach_config, reserved2);
ENDS(baton_pool_config, reserved);
ENDS(baton_worker_config, reserved);
ENDS(baton_port_config, offloads);
ENDS(baton_queue_config, reserved);
ENDS(baton_rss_config, reserved);
ENDS(baton_ring_config, consumer);
ENDS(baton_flow_control, low_water);

/* What is asked for, at the members' places of today. */
union any {
	size_t size;
	struct baton_ctx_config ctx;
	struct baton_mem_config mem;
	struct baton_ioas_config ioas;
	struct baton_map_config map;
	struct baton_pool_config pool;
	struct baton_worker_config worker;
	struct baton_port_config port;
	struct baton_queue_config queue;
	struct baton_rss_config rss;
	struct baton_ring_config ring;
};

static void
init_ctx(struct rig *r, union any *c)
{
	baton_ctx_config_init(&c->ctx);
}

static void
init_mem(struct rig *r, union any *c)
{
	baton_mem_config_init(&c->mem);
	c->mem.bytes = 4096;
	c->mem.page_size = BATON_PAGE_4K;
}

static void
init_ioas(struct rig *r, union any *c)
{
	baton_ioas_config_init(&c->ioas);
}

static void
init_map(struct rig *r, union any *c)
{
	baton_map_config_init(&c->map);
	c->map.va = r->memory;
	c->map.bytes = 4096;
}

static void
init_pool(struct rig *r, union any *c)
{
	baton_pool_config_init(&c->pool);
	c->pool.count = 64;
	c->pool.page_size = BATON_PAGE_4K;
}

static void
init_worker(struct rig *r, union any *c)
{
	baton_worker_config_init(&c->worker);
}

static void
init_port(struct rig *r, union any *c)
{
	baton_port_config_init(&c->port);
}

static void
init_rxq(struct rig *r, union any *c)
{
	baton_queue_config_init(&c->queue);
	c->queue.worker = r->worker;
	c->queue.pool = r->pool;
}

static void
init_txq(struct rig *r, union any *c)
{
	baton_queue_config_init(&c->queue);
	c->queue.worker = r->worker;
}

static void
init_rss(struct rig *r, union any *c)
{
	baton_rss_config_init(&c->rss);
}

static void
init_ring(struct rig *r, union any *c)
{
	baton_ring_config_init(&c->ring);
}

static const struct taken {
	const char *type;
	size_t size, least; /* now; with the members without which the call asks for nothing */
	void (*init)(struct rig *r, union any *c);
	int (*call)(struct rig *r, void *config);
} taken[] = {
	{ "struct baton_ctx_config", sizeof(struct baton_ctx_config), 8, init_ctx, ctx_create },
	{ "struct baton_mem_config", sizeof(struct baton_mem_config), 32, init_mem, arena_create },
	{ "struct baton_ioas_config", sizeof(struct baton_ioas_config), 8, init_ioas, ioas_create },
	{ "struct baton_map_config", sizeof(struct baton_map_config), 32, init_map, ioas_map },
	{ "struct baton_pool_config", sizeof(struct baton_pool_config), 48, init_pool,
	  pool_create },
	{ "struct baton_worker_config", sizeof(struct baton_worker_config), 8, init_worker,
	  worker_create },
	{ "struct baton_port_config", sizeof(struct baton_port_config), 8, init_port,
	  port_configure },
	{ "struct baton_queue_config", sizeof(struct baton_queue_config), 32, init_rxq, rxq_setup },
	{ "struct baton_queue_config", sizeof(struct baton_queue_config), 24, init_txq, txq_setup },
	{ "struct baton_rss_config", sizeof(struct baton_rss_config), 8, init_rss, port_set_rss },
	{ "struct baton_ring_config", sizeof(struct baton_ring_config), 8, init_ring, ring_create },
};

static void
up(struct rig *r)
{
	union any c;

	assert_int_equal(baton_ctx_create(NULL, &r->ctx), 0);
	assert_int_equal(baton_worker_create(r->ctx, NULL, &r->worker), 0);
	init_pool(r, &c);
	c.pool.count = 4096;
	assert_int_equal(baton_pool_create(r->ctx, &c.pool, &r->pool), 0);
	assert_int_equal(baton_port_open(r->ctx, "net_null0", &r->port), 0);
}

static void
down(struct rig *r)
{
	assert_int_equal(baton_port_close(r->port), 0);
	assert_int_equal(baton_worker_destroy(r->worker), 0);
	assert_int_equal(baton_pool_destroy(r->pool), 0);
	assert_int_equal(baton_ctx_destroy(r->ctx), 0);
}

/* The struct alone at the end of its memory, so that a byte too many is seen by a sanitizer. */
static void *
alone(const union any *c, size_t known, size_t size)
{
	uint8_t *p = calloc(1, size);

	assert_non_null(p);
	memcpy(p, c, known < size ? known : size);
	if (size >= sizeof(size))
		memcpy(p, &size, sizeof(size));
	return p;
}

static void
refused(const struct taken *t, int ret, int err, const char *words)
{
	if (ret != -err || !strstr(baton_last_error(), words) ||
	    !strstr(baton_last_error(), t->type))
		fail_msg("%s: %d: \"%s\" and \"%s\" are not in: %s", t->type, ret, words, t->type,
			 baton_last_error());
}

static void
sizes(void **state)
{
	static struct rig r;

	up(&r);
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
		const struct taken *t = &taken[i];
		static const size_t never[] = { 0, 1, 7, (16u << 20) + 1, SIZE_MAX };
		union any c;
		uint8_t *p;

		memset(&c, 0, sizeof(c));
		t->init(&r, &c);
		assert_int_equal(c.size, t->size);
		/* It has not even room for the size, or the size was never set. */
		for (size_t k = 0; k < sizeof(never) / sizeof(never[0]); k++) {
			c.size = never[k];
			refused(t, t->call(&r, &c), EINVAL, ".size is");
		}
		/* Earlier ones, down to what it cannot do without, and later ones. */
		for (size_t size = t->least; size <= t->size + MORE; size += 8) {
			p = alone(&c, t->size, size);
			if (t->call(&r, p))
				fail_msg("%s of %zu bytes: %s", t->type, size, baton_last_error());
			free(p);
		}
		for (size_t size = t->size + 1; size <= 1000000;
		     size = size < 1000000 - 1 ? 1000000 - 1 : size + 1) {
			p = alone(&c, t->size, size);
			if (t->call(&r, p))
				fail_msg("%s of %zu bytes: %s", t->type, size, baton_last_error());
			p[size - 1] = 1;
			refused(t, t->call(&r, p), E2BIG, "a later version");
			free(p);
		}
		/* A later one that asks for something. */
		for (size_t at = t->size; at < t->size + MORE; at++) {
			p = alone(&c, t->size, t->size + MORE);
			p[at] = 1;
			refused(t, t->call(&r, p), E2BIG, "a later version");
			free(p);
		}
	}
	down(&r);
}

/* Members that a later version has a meaning for: one of them is asked for. */
static void
reserved(void **state)
{
	static struct rig r;
	union any c;

	up(&r);
#define RESERVED(name, at, call, fill)                                                             \
	for (size_t k = 0; k < sizeof(c.at.reserved); k++) {                                       \
		const struct taken t = { .type = "struct " #name };                                \
                                                                                                   \
		memset(&c, 0, sizeof(c));                                                          \
		fill(&r, &c);                                                                      \
		assert_int_equal(call(&r, &c), 0);                                                 \
		((uint8_t *)&c.at.reserved)[k] = 1;                                                \
		refused(&t, call(&r, &c), E2BIG, "reserved member");                               \
	}
	RESERVED(baton_mem_config, mem, arena_create, init_mem)
	RESERVED(baton_pool_config, pool, pool_create, init_pool)
	RESERVED(baton_worker_config, worker, worker_create, init_worker)
	RESERVED(baton_port_config, port, port_configure, init_port)
	RESERVED(baton_queue_config, queue, rxq_setup, init_rxq)
	RESERVED(baton_queue_config, queue, txq_setup, init_txq)
	RESERVED(baton_rss_config, rss, port_set_rss, init_rss)
	RESERVED(baton_ring_config, ring, ring_create, init_ring)
	down(&r);
}

/* ---- what calls fill in ---- */

#define FILLED(call, type)                                                                         \
	do {                                                                                       \
		for (size_t size = 0; size <= sizeof(type) + MORE; size += 4) {                    \
			uint8_t *out = malloc(size + 1);                                           \
			type whole;                                                                \
			size_t n = size < sizeof(whole) ? size : sizeof(whole);                    \
                                                                                                   \
			memset(&whole, 0, sizeof(whole));                                          \
			memset(out, 0xee, size + 1);                                               \
			(void)call(&whole, sizeof(whole));                                         \
			(void)call((type *)(void *)out, size);                                     \
			assert_memory_equal(out, &whole, n);                                       \
			for (size_t k = n; k < size; k++)                                          \
				assert_int_equal(out[k], 0);                                       \
			assert_int_equal(out[size], 0xee);                                         \
			free(out);                                                                 \
		}                                                                                  \
	} while (0)

#define ENTRIES 4u

/* An array of entries of another size has the same beginnings. */
#define LISTED(call, type)                                                                         \
	do {                                                                                       \
		for (size_t size = 4; size <= sizeof(type) + MORE; size += 4) {                    \
			uint8_t *out = malloc(ENTRIES * size + 1);                                 \
			type whole[ENTRIES];                                                       \
			size_t n = size < sizeof(type) ? size : sizeof(type), entries;             \
                                                                                                   \
			memset(whole, 0, sizeof(whole));                                           \
			memset(out, 0xee, ENTRIES *size + 1);                                      \
			entries = (size_t)call(whole, ENTRIES, sizeof(type));                      \
			assert_int_equal(call((type *)(void *)out, ENTRIES, size), entries);       \
			assert_true(entries > 0);                                                  \
			for (size_t e = 0; e < entries && e < ENTRIES; e++) {                      \
				assert_memory_equal(out + e * size, &whole[e], n);                 \
				for (size_t k = n; k < size; k++)                                  \
					assert_int_equal(out[e * size + k], 0);                    \
			}                                                                          \
			assert_int_equal(out[ENTRIES * size], 0xee);                               \
			free(out);                                                                 \
		}                                                                                  \
	} while (0)

static void
filled(void **state)
{
	static struct rig r;
	struct baton_arena *arena;
	struct baton_ioas *ioas;
	union any c;

	up(&r);
	init_mem(&r, &c);
	assert_int_equal(baton_arena_create(r.ctx, &c.mem, &arena), 0);
	assert_int_equal(baton_ctx_ioas(r.ctx, &ioas), 0);
	memset(&c, 0, sizeof(c));
	init_rxq(&r, &c);
	assert_int_equal(rxq_setup(&r, &c), 0);
	init_txq(&r, &c);
	assert_int_equal(baton_txq_setup(r.port, 0, &c.queue, &r.txq), 0);
	assert_int_equal(baton_port_start(r.port), 0);
#define INFO(out, size)  baton_port_info_(r.port, out, size)
#define LINK(out, size)  baton_port_link_(r.port, out, size)
#define FAULT(out, size) baton_port_fault_(r.port, out, size)
#define STATS(out, size) baton_port_stats_(r.port, out, size)
#define RX(out, size)    baton_rxq_stats_(r.rxq, out, size)
#define TX(out, size)    baton_txq_stats_(r.txq, out, size)
#define RXL(out, size)   baton_rxq_level_(r.rxq, out, size)
#define TXL(out, size)   baton_txq_level_(r.txq, out, size)
#define POOL(out, size)  baton_pool_info_(r.pool, out, size)
#define ARENA(out, size) baton_arena_info_(arena, out, size)
#define IOAS(out, size)  baton_ioas_info_(ioas, out, size)
#define SUM(out, size)   baton_port_reach_summary_(r.port, out, size)
	FILLED(INFO, struct baton_port_info);
	FILLED(LINK, struct baton_link);
	FILLED(FAULT, struct baton_port_fault);
	FILLED(STATS, struct baton_stats);
	FILLED(RX, struct baton_stats);
	FILLED(TX, struct baton_stats);
	FILLED(RXL, struct baton_queue_level);
	FILLED(TXL, struct baton_queue_level);
	FILLED(POOL, struct baton_pool_info);
	FILLED(ARENA, struct baton_arena_info);
	FILLED(IOAS, struct baton_ioas_info);
	FILLED(SUM, struct baton_reach_summary);
#define XSTATS(out, n, size)  baton_port_xstats_(r.port, out, n, size)
#define HOLDERS(out, n, size) baton_pool_holders_(r.pool, out, n, size)
#define ARGS(out, n, size)    baton_driver_args_(NULL, "net_virtio_user", out, n, size)
	LISTED(XSTATS, struct baton_xstat);
	LISTED(HOLDERS, struct baton_holder);
	LISTED(ARGS, struct baton_arg);
	baton_arena_destroy(arena);
	down(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes),
		cmocka_unit_test(reserved),
		cmocka_unit_test(filled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
