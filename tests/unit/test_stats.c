/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Statistics of ports whose queues are served by several threads, over net_null: while workers run,
 * no reading is negative or lower than one before it, and a port's lies between the sums of its
 * queues' before and after; when they stand still, all equals what the workers counted themselves.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <baton/baton.h>

#define WORKERS 3
#define QUEUES  5 /* at most, a direction and port */
#define PORTS   2
#define BURST   16
#define FRAME   100
#define STEPS   1500
#define FIELDS  (sizeof(struct baton_stats) / sizeof(uint64_t))

/* What a worker counts of a pair of queues; its own until it is paused. */
struct count {
	uint64_t rx, tx, refused, ever;
};

struct rig {
	struct baton_ctx *ctx;
	struct baton_pool *pool;
	struct baton_worker *worker[WORKERS];
	pthread_t thread[WORKERS];
	struct baton_port *port[PORTS];
	struct baton_rxq *rxq[PORTS][QUEUES];
	struct baton_txq *txq[PORTS][QUEUES];
	unsigned queues[PORTS];
	struct count count[PORTS][QUEUES];
	bool exact[PORTS]; /* not reset since then with workers in their bursts */
	bool stopped[PORTS];
	unsigned seed;
	unsigned pause; /* atomic: odd while the workers shall stand still, another number each time
			 */
	int end;        /* atomic */
	unsigned n_paused; /* atomic */
	int bad;           /* a return value that should not be */
};

struct thread_arg {
	struct rig *r;
	unsigned number;
};

static void
must(int ret)
{
	if (ret < 0)
		fail_msg("%s", baton_last_error());
}

static unsigned
roll(struct rig *r, unsigned n)
{
	return (unsigned)rand_r(&r->seed) % n;
}

static void
quiet(void *arg, enum baton_log_level level, const char *line)
{
}

/* ---- workers ---- */

static void
note(struct rig *r, int ret)
{
	if (ret < 0 && ret != -ENETDOWN && ret != -EMSGSIZE)
		__atomic_store_n(&r->bad, ret, __ATOMIC_RELAXED);
}

/* Forward a burst; now and then its first packet is too short to be sent, and refused. */
static void
serve(struct rig *r, struct baton_worker *w, unsigned port, unsigned q, unsigned round)
{
	struct count *c = &r->count[port][q];
	struct baton_token t[BURST];
	int n = baton_rx_burst(r->rxq[port][q], t, BURST), sent;
	bool bad = round % 5 == 0;

	note(r, n);
	if (n <= 0)
		return;
	c->rx += (unsigned)n;
	c->ever += (unsigned)n;
	if (bad)
		t[0].len = 13;
	sent = baton_tx_burst(r->txq[port][q], t, (unsigned)n);
	note(r, sent);
	if (sent > 0)
		c->tx += (unsigned)sent;
	else if (sent == -EMSGSIZE)
		c->refused++;
	if (sent < n)
		note(r, baton_free(w, t + (sent > 0 ? sent : 0),
				   (unsigned)(n - (sent > 0 ? sent : 0))));
}

static void *
work(void *arg)
{
	const struct thread_arg *a = arg;
	struct baton_worker *w = a->r->worker[a->number];
	struct rig *r = a->r;
	unsigned round = a->number;

	while (!__atomic_load_n(&r->end, __ATOMIC_ACQUIRE)) {
		const unsigned pause = __atomic_load_n(&r->pause, __ATOMIC_ACQUIRE);

		if (pause & 1) {
			baton_worker_unbind(w);
			__atomic_fetch_add(&r->n_paused, 1, __ATOMIC_RELEASE);
			while (__atomic_load_n(&r->pause, __ATOMIC_ACQUIRE) == pause)
				sched_yield();
			continue;
		}
		for (unsigned p = 0; p < PORTS; p++)
			for (unsigned q = a->number; q < r->queues[p]; q += WORKERS)
				serve(r, w, p, q, round);
		if (++round % 8 == 0)
			sched_yield();
	}
	baton_worker_unbind(w);
	return NULL;
}

static void
pause_workers(struct rig *r)
{
	__atomic_store_n(&r->n_paused, 0, __ATOMIC_RELAXED);
	__atomic_fetch_add(&r->pause, 1, __ATOMIC_RELEASE);
	while (__atomic_load_n(&r->n_paused, __ATOMIC_ACQUIRE) < WORKERS)
		sched_yield();
}

static void
resume_workers(struct rig *r)
{
	__atomic_fetch_add(&r->pause, 1, __ATOMIC_RELEASE);
}

/* ---- checks ---- */

static void
sum_queues(const struct rig *r, unsigned port, struct baton_stats *sum)
{
	memset(sum, 0, sizeof(*sum));
	for (unsigned i = 0; i < 2 * r->queues[port]; i++) {
		struct baton_stats s;

		if (i & 1)
			baton_txq_stats(r->txq[port][i / 2], &s);
		else
			baton_rxq_stats(r->rxq[port][i / 2], &s);
		for (size_t f = 0; f < FIELDS; f++)
			((uint64_t *)sum)[f] += ((uint64_t *)&s)[f];
	}
}

static void
check_running(const struct rig *r, unsigned port)
{
	struct baton_stats before, s, after;

	sum_queues(r, port, &before);
	baton_port_stats(r->port[port], &s);
	sum_queues(r, port, &after);
	for (size_t f = 0; f < FIELDS; f++) {
		const uint64_t b = ((uint64_t *)&before)[f], a = ((uint64_t *)&after)[f],
			       now = ((uint64_t *)&s)[f];

		if (now < b || now > a || a > 1ull << 50)
			fail_msg("port %u, field %zu: %llu, %llu, %llu", port, f,
				 (unsigned long long)b, (unsigned long long)now,
				 (unsigned long long)a);
	}
}

static void
check_paused(const struct rig *r, unsigned port)
{
	struct baton_stats sum, s;

	sum_queues(r, port, &sum);
	baton_port_stats(r->port[port], &s);
	assert_memory_equal(&s, &sum, sizeof(s));
	for (unsigned q = 0; r->exact[port] && q < r->queues[port]; q++) {
		const struct count *c = &r->count[port][q];

		baton_rxq_stats(r->rxq[port][q], &s);
		assert_int_equal(s.rx_packets, c->rx);
		assert_int_equal(s.rx_bytes, c->rx * FRAME);
		baton_txq_stats(r->txq[port][q], &s);
		assert_int_equal(s.tx_packets, c->tx);
		assert_int_equal(s.tx_bytes, c->tx * FRAME);
		assert_int_equal(s.tx_errors, c->refused);
		assert_int_equal(s.tx_full + s.tx_lost + s.rx_packets + s.rx_nobuf, 0);
	}
}

/* ---- steps ---- */

static void
configure(struct rig *r, unsigned port, unsigned queues)
{
	struct baton_port_config pc = { .size = sizeof(pc),
					.rx_queues = (uint16_t)queues,
					.tx_queues = (uint16_t)queues,
					.stop_timeout_ms = 10000 };
	struct baton_queue_config qc = { .size = sizeof(qc), .descs = 64 };

	must(baton_port_configure(r->port[port], &pc));
	for (uint16_t q = 0; q < queues; q++) {
		qc.worker = r->worker[q % WORKERS];
		qc.pool = r->pool;
		must(baton_rxq_setup(r->port[port], q, &qc, &r->rxq[port][q]));
		qc.pool = NULL;
		must(baton_txq_setup(r->port[port], q, &qc, &r->txq[port][q]));
	}
	for (unsigned q = queues; q < r->queues[port]; q++)
		r->count[port][q] = (struct count){ .ever = r->count[port][q].ever };
	r->queues[port] = queues;
	must(baton_port_start(r->port[port]));
	r->stopped[port] = false;
}

static void
reset(struct rig *r, unsigned port, bool paused)
{
	baton_port_stats_reset(r->port[port]);
	r->exact[port] = paused;
	for (unsigned q = 0; paused && q < QUEUES; q++)
		r->count[port][q] = (struct count){ .ever = r->count[port][q].ever };
}

static void
paused_step(struct rig *r, unsigned port)
{
	pause_workers(r);
	for (unsigned p = 0; p < PORTS; p++)
		check_paused(r, p);
	switch (roll(r, 4)) {
	case 0:
		must(baton_port_stop(r->port[port]));
		configure(r, port, 1 + roll(r, QUEUES));
		break;
	case 1:
		reset(r, port, true);
		break;
	default:
		break;
	}
	for (unsigned p = 0; p < PORTS; p++)
		check_paused(r, p);
	resume_workers(r);
}

static void
step(struct rig *r)
{
	const struct timespec while_they_work = { .tv_nsec = 300000 };
	const unsigned port = roll(r, PORTS), q = roll(r, r->queues[port]);

	switch (roll(r, 12)) {
	case 0:
		reset(r, port, false);
		break;
	case 1:
		must(r->stopped[port] ? baton_port_start(r->port[port])
				      : baton_port_stop(r->port[port]));
		r->stopped[port] = !r->stopped[port];
		break;
	case 2:
		if (r->stopped[port])
			break;
		must(baton_rxq_stop(r->rxq[port][q]));
		check_running(r, port);
		must(baton_txq_stop(r->txq[port][q]));
		must(baton_rxq_start(r->rxq[port][q]));
		must(baton_txq_start(r->txq[port][q]));
		break;
	case 3:
		must(baton_port_reset(r->port[port]));
		r->stopped[port] = true;
		break;
	case 4:
	case 5:
		paused_step(r, port);
		break;
	default:
		break;
	}
	check_running(r, port);
	nanosleep(&while_they_work, NULL);
	check_running(r, port);
}

static void
several_workers(void **state)
{
	static struct rig r;
	struct baton_ctx_config cc = { .size = sizeof(cc), .log = quiet };
	struct baton_worker_config wc = { .size = sizeof(wc), .cache_size = 64 };
	struct baton_pool_config pc;
	struct thread_arg arg[WORKERS];
	uint64_t moved = 0;

	r = (struct rig){ .seed = 7 };
	must(baton_ctx_create(&cc, &r.ctx));
	baton_pool_config_init(&pc);
	pc.count = 8192;
	pc.data_len = 512;
	pc.page_size = BATON_PAGE_BASE;
	must(baton_pool_create(r.ctx, &pc, &r.pool));
	for (unsigned i = 0; i < WORKERS; i++)
		must(baton_worker_create(r.ctx, &wc, &r.worker[i]));
	for (unsigned p = 0; p < PORTS; p++) {
		must(baton_port_open(r.ctx, p ? "net_null1,size=100" : "net_null0,size=100",
				     &r.port[p]));
		r.exact[p] = true;
		configure(&r, p, QUEUES);
	}
	for (unsigned i = 0; i < WORKERS; i++) {
		arg[i] = (struct thread_arg){ &r, i };
		assert_int_equal(pthread_create(&r.thread[i], NULL, work, &arg[i]), 0);
	}
	for (unsigned i = 0; i < STEPS; i++)
		step(&r);
	__atomic_store_n(&r.end, 1, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < WORKERS; i++)
		pthread_join(r.thread[i], NULL);
	for (unsigned p = 0; p < PORTS; p++) {
		check_paused(&r, p);
		for (unsigned q = 0; q < QUEUES; q++)
			moved += r.count[p][q].ever;
	}
	assert_int_equal(r.bad, 0);
	assert_true(moved > 10000);
	printf("%llu packets\n", (unsigned long long)moved);
	for (unsigned p = 0; p < PORTS; p++)
		must(baton_port_close(r.port[p]));
	for (unsigned i = 0; i < WORKERS; i++)
		must(baton_worker_destroy(r.worker[i]));
	must(baton_pool_destroy(r.pool));
	must(baton_ctx_destroy(r.ctx));
}

/* Before a queue is set up its counters have its names; after each it is the same list. */
static void
names_stay(void **state)
{
	struct baton_port_config pc = { .size = sizeof(pc), .rx_queues = 2, .tx_queues = 3 };
	struct baton_ctx_config cc = { .size = sizeof(cc), .log = quiet };
	static struct baton_xstat before[256], after[256];
	struct baton_queue_config qc = { .size = sizeof(qc) };
	struct baton_pool_config poolc;
	struct baton_pool *pool;
	struct baton_rxq *rxq;
	struct baton_txq *txq;
	struct baton_port *port;
	struct baton_ctx *ctx;
	unsigned n, tx = 0;

	must(baton_ctx_create(&cc, &ctx));
	baton_pool_config_init(&poolc);
	poolc.count = 1024;
	poolc.page_size = BATON_PAGE_BASE;
	must(baton_pool_create(ctx, &poolc, &pool));
	must(baton_worker_create(ctx, NULL, &qc.worker));
	must(baton_port_open(ctx, "net_null0", &port));
	must(baton_port_configure(port, &pc));
	n = baton_port_xstats(port, before, 256);
	assert_in_range(n, 1, 256);
	for (unsigned i = 0; i < n; i++)
		tx += !strcmp(before[i].name, "tx_q2_packets");
	assert_int_equal(tx, 1);
	qc.pool = pool;
	must(baton_rxq_setup(port, 0, &qc, &rxq));
	qc.pool = NULL;
	must(baton_txq_setup(port, 2, &qc, &txq));
	assert_int_equal(baton_port_xstats(port, after, 256), n);
	assert_int_equal(baton_port_xstats(port, NULL, 0), n);
	for (unsigned i = 0; i < n; i++)
		assert_string_equal(before[i].name, after[i].name);
	must(baton_port_close(port));
	must(baton_worker_destroy(qc.worker));
	must(baton_pool_destroy(pool));
	must(baton_ctx_destroy(ctx));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_stay),
		cmocka_unit_test(several_workers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
