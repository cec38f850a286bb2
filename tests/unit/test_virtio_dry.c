/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The smallest pools that baton_port_start() accepts never run dry: random sets of ports, queues,
 * workers and caches are driven until every buffer lies where it is of no use to anybody, and then
 * each RX queue must receive. With one buffer fewer, the port is refused with that number.
 */
#include "rig.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "port/driver.h"

#define PORTS   3u
#define WORKERS 6u
#define POOLS   2u
#define BURST   64u

struct set {
	uint64_t seed;
	unsigned number;
	unsigned n_held[POOLS];
	struct baton_token held[POOLS][BURST * WORKERS];
	struct fakedev *fakedev[PORTS]; /* NULL: net_null */
	char path[PORTS][64], dir[48];
	struct baton_ctx *ctx;
	struct baton_pool *pool[POOLS];
	struct baton_worker *worker[WORKERS];
	struct baton_port *port[PORTS];
	struct baton_rxq *rxq[PORTS][FAKEDEV_PAIRS];
	struct baton_txq *txq[PORTS][FAKEDEV_PAIRS];
	unsigned rx_worker[PORTS][FAKEDEV_PAIRS];
	unsigned n_ports, n_workers, n_pools, pairs[PORTS];
	uint32_t count[POOLS], cache[WORKERS], descs[PORTS];
	uint16_t pool_of[PORTS][FAKEDEV_PAIRS];
	bool bounced[PORTS];
};

static uint32_t
below(struct set *s, uint32_t n)
{
	s->seed = s->seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(s->seed >> 33) % n;
}

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

/* What there will be. */
static void
draw(struct set *s, uint64_t seed)
{
	static const uint32_t caches[] = { 1, 7, 31, 32, 62, 64, 100, 126, 250, 512 };

	memset(s, 0, sizeof(*s));
	s->number = (unsigned)seed;
	s->seed = seed * 0x9e3779b97f4a7c15u + 1;
	s->n_ports = 1 + below(s, PORTS);
	s->n_workers = 1 + below(s, WORKERS);
	s->n_pools = 1 + below(s, POOLS);
	for (unsigned w = 0; w < s->n_workers; w++)
		s->cache[w] = caches[below(s, sizeof(caches) / sizeof(caches[0]))];
	for (unsigned p = 0; p < s->n_ports; p++) {
		s->pairs[p] = 1 + below(s, 3);
		s->descs[p] = 16u << below(s, 4);
		s->bounced[p] = !below(s, 3);
		for (unsigned q = 0; q < s->pairs[p]; q++)
			s->pool_of[p][q] = (uint16_t)below(s, s->n_pools);
	}
	snprintf(s->dir, sizeof(s->dir), "/tmp/baton-dry-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	for (unsigned p = 0; p < s->n_ports; p++) {
		struct fakedev_config c = { .features = FAKEDEV_FEATURES | FAKEDEV_F_MQ,
					    .max_queues = FAKEDEV_PAIRS };

		if (p && !below(s, 3))
			continue;
		snprintf(s->path[p], sizeof(s->path[p]), "%s/s%u", s->dir, p);
		c.path = s->path[p];
		s->fakedev[p] = fakedev_start(&c);
		assert_non_null(s->fakedev[p]);
	}
}

static void
open_port(struct set *s, unsigned p)
{
	struct baton_port_config pc = { .size = sizeof(pc), .stop_timeout_ms = 1 };
	struct baton_queue_config qc = { .size = sizeof(qc), .descs = s->descs[p] };
	char args[256];

	if (s->fakedev[p])
		snprintf(args, sizeof(args), "net_virtio_user%u,path=%s,timeout=20000,queues=%u%s",
			 p, s->path[p], s->pairs[p], s->bounced[p] ? ",bounce=always" : "");
	else
		snprintf(args, sizeof(args), "net_null%u,size=%u", p, 60 + p * 3000);
	must(baton_port_open(s->ctx, args, &s->port[p]));
	pc.rx_queues = pc.tx_queues = (uint16_t)s->pairs[p];
	must(baton_port_configure(s->port[p], &pc));
	for (unsigned q = 0; q < s->pairs[p]; q++) {
		unsigned w = s->rx_worker[p][q] = below(s, s->n_workers);

		qc.worker = s->worker[w];
		qc.pool = s->pool[s->pool_of[p][q]];
		must(baton_rxq_setup(s->port[p], (uint16_t)q, &qc, &s->rxq[p][q]));
		qc.worker = s->worker[below(s, s->n_workers)];
		qc.pool = NULL;
		must(baton_txq_setup(s->port[p], (uint16_t)q, &qc, &s->txq[p][q]));
	}
}

/* Everything but the fakedevs, with pools of s->count. Return: the first error of a start. */
static int
set_up(struct set *s)
{
	const struct baton_ctx_config cc = { .size = sizeof(cc), .log = quiet };
	const uint64_t seed = s->seed;
	int ret = 0;

	must(baton_ctx_create(&cc, &s->ctx));
	for (unsigned i = 0; i < s->n_pools; i++) {
		struct baton_pool_config pc;
		char name[16];

		snprintf(name, sizeof(name), "p%u", i);
		baton_pool_config_init(&pc);
		pc.name = name;
		pc.count = s->count[i];
		pc.page_size = BATON_PAGE_BASE;
		must(baton_pool_create(s->ctx, &pc, &s->pool[i]));
	}
	for (unsigned w = 0; w < s->n_workers; w++) {
		const struct baton_worker_config wc = { .size = sizeof(wc),
							.cache_size = s->cache[w] };

		must(baton_worker_create(s->ctx, &wc, &s->worker[w]));
	}
	for (unsigned p = 0; p < s->n_ports; p++)
		open_port(s, p);
	for (unsigned p = 0; p < s->n_ports && !ret; p++)
		ret = baton_port_start(s->port[p]);
	s->seed = seed; /* the same queues on the same workers the next time */
	return ret;
}

static void
take_down(struct set *s)
{
	for (unsigned p = 0; p < s->n_ports; p++) /* packets are left in TX rings */
		baton_port_close(s->port[p]);
	for (unsigned w = 0; w < s->n_workers; w++)
		must(baton_worker_destroy(s->worker[w]));
	for (unsigned i = 0; i < s->n_pools; i++)
		must(baton_pool_destroy(s->pool[i]));
	must(baton_ctx_destroy(s->ctx));
}

/* The pool that an error names, and the number it asks for. */
static unsigned
asked_for(uint32_t *least)
{
	const char *text = baton_last_error(), *pool = strstr(text, "pool p"),
		   *at = strstr(text, "at least ");

	if (!pool || !at)
		fail_msg("no pool and number in: %s", text);
	*least = (uint32_t)atoi(at + 9);
	return (unsigned)atoi(pool + 6);
}

/* Pools as small as they may be; each number is the one that was asked for. */
static void
smallest(struct set *s)
{
	int ret;

	for (unsigned i = 0; i < s->n_pools; i++)
		s->count[i] = 1;
	for (unsigned tries = 0; (ret = set_up(s)) < 0; tries++) {
		uint32_t least;
		unsigned pool;

		assert_int_equal(ret, -ENOBUFS);
		assert_true(tries < 3 * POOLS * PORTS);
		pool = asked_for(&least);
		assert_true(least > s->count[pool]);
		s->count[pool] = least;
		take_down(s);
	}
}

static void
one_fewer_is_refused(struct set *s)
{
	for (unsigned i = 0; i < s->n_pools; i++) {
		uint32_t least;

		if (s->count[i] == 1) /* no RX queue takes from it */
			continue;
		s->count[i]--;
		assert_int_equal(set_up(s), -ENOBUFS);
		assert_int_equal(asked_for(&least), i);
		assert_int_equal(least, s->count[i] + 1);
		take_down(s);
		s->count[i]++;
	}
	must(set_up(s));
}

/* ---- traffic, all of it by this thread ---- */

/* What the device of a port has for a queue: frames of @len bytes, as many as go in. */
static void
inject(struct set *s, unsigned p, unsigned q, size_t len)
{
	static uint8_t frame[9018];

	const unsigned buffers = 1 + (unsigned)(len + FAKEDEV_HEADER) / 2048;

	while (s->fakedev[p] && fakedev_available(s->fakedev[p], FAKEDEV_RXQ(q)) >= buffers)
		assert_true(fakedev_rx_inject(s->fakedev[p], FAKEDEV_RXQ(q), frame, len) > 0);
}

/* Leave tokens where they do harm: in a TX ring whose device does nothing, or in a cache. */
static void
park(struct set *s, struct baton_token *t, unsigned n)
{
	unsigned p = below(s, s->n_ports), q = below(s, s->pairs[p]), w = below(s, s->n_workers);
	unsigned at = 0;

	if (below(s, 2)) {
		int sent = baton_tx_burst(s->txq[p][q], t, n);

		at = sent > 0 ? (unsigned)sent : 0;
	}
	while (at < n) {
		unsigned k = below(s, 3) ? n - at : 1 + below(s, n - at);

		must(baton_free(s->worker[w], t + at, k));
		at += k;
		w = below(s, s->n_workers);
	}
}

static void
check_caches(const struct set *s)
{
	for (unsigned i = 0; i < s->n_pools; i++) {
		struct baton_holder h[64];
		unsigned n = baton_pool_holders(s->pool[i], h, 64);
		uint32_t sum = 0;

		assert_true(n <= 64);
		for (unsigned k = 0; k < n; k++) {
			sum += h[k].count;
			if (h[k].kind == BATON_HOLDER_CACHE)
				assert_true(h[k].count <= s->cache[atoi(h[k].name + 13)]);
		}
		assert_int_equal(sum, s->count[i]);
	}
}

static void
hoard(struct set *s)
{
	for (unsigned round = 0; round < 1500; round++) {
		unsigned p = below(s, s->n_ports), q = below(s, s->pairs[p]);
		struct baton_token t[BURST];
		int n;

		if (below(s, 4) == 0) {
			n = (int)baton_alloc(s->worker[below(s, s->n_workers)],
					     s->pool[below(s, s->n_pools)], t, 1 + below(s, BURST));
			for (int i = 0; i < n; i++)
				t[i].len = 60;
		} else {
			inject(s, p, q, below(s, 4) ? 60 : 60 + below(s, 8900));
			n = baton_rx_burst(s->rxq[p][q], t, BURST);
			must(n);
		}
		park(s, t, (unsigned)n);
		if (round % 16 == 0)
			check_caches(s);
	}
}

/* Fill caches and TX rings of everybody from the RX queues, as far as it goes. */
static void
hoard_to_the_last(struct set *s)
{
	for (unsigned i = 0; i < s->n_pools; i++) {
		struct baton_token t[BURST];
		unsigned n, w = below(s, s->n_workers);

		/* From one worker to the others, until it gets no more. */
		for (unsigned round = 0; round < 400; round++) {
			n = baton_alloc(s->worker[w], s->pool[i], t, BURST);
			for (unsigned k = 0; k < n; k++)
				t[k].len = 60;
			park(s, t, n);
			if (!n)
				w = below(s, s->n_workers);
		}
	}
}

/* The application holds a burst for each worker but the one that is to receive. */
static void
hold(struct set *s)
{
	for (unsigned i = 0; i < s->n_pools; i++)
		s->n_held[i] = baton_alloc(s->worker[below(s, s->n_workers)], s->pool[i],
					   s->held[i], BURST * (s->n_workers - 1));
}

static void
let_go(struct set *s)
{
	for (unsigned i = 0; i < s->n_pools; i++)
		park(s, s->held[i], s->n_held[i]);
}

static void
print_holders(const struct baton_pool *pool)
{
	struct baton_holder h[64];
	unsigned n = baton_pool_holders(pool, h, 64);

	for (unsigned i = 0; i < n && i < 64; i++)
		print_message("  %s: %u\n", h[i].name, h[i].count);
}

/* A packet of the largest size comes through every RX queue, while the application holds what it
 * may. */
static void
flows(struct set *s, unsigned p, unsigned q)
{
	struct baton_token t[BURST];
	unsigned got = 0;

	for (unsigned i = 0; i < 200 && !got; i++) {
		int n;

		inject(s, p, q, 9014);
		n = baton_rx_burst(s->rxq[p][q], t, BURST);
		must(n);
		got += (unsigned)n;
		park(s, t, (unsigned)n);
	}
	if (got)
		return;
	print_holders(s->pool[s->pool_of[p][q]]);
	fail_msg("seed %u: %s port %u rxq %u, of worker %u, receives nothing any more; %u posted",
		 s->number, s->fakedev[p] ? s->bounced[p] ? "bounced" : "direct" : "null", p, q,
		 s->rx_worker[p][q], baton_rxq_in_flight(s->rxq[p][q]));
}

static void
never_dry(void **state)
{
	for (uint64_t seed = 0; seed < 60; seed++) {
		struct set s;

		draw(&s, seed);
		smallest(&s);
		take_down(&s);
		one_fewer_is_refused(&s);
		for (unsigned again = 0; again < 3; again++) {
			hoard(&s);
			hoard_to_the_last(&s);
			hold(&s);
			for (unsigned p = 0; p < s.n_ports; p++)
				for (unsigned q = 0; q < s.pairs[p]; q++)
					flows(&s, p, q);
			let_go(&s);
			check_caches(&s);
		}
		take_down(&s);
		for (unsigned p = 0; p < s.n_ports; p++)
			if (s.fakedev[p])
				fakedev_stop(s.fakedev[p]);
		assert_int_equal(rmdir(s.dir), 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(never_dry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
