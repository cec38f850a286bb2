/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The ownership rules, provoked one by one through the public API alone, so that the same file is
 * also built against the installed release library. Each test reads the report.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <baton/baton.h>

#define COUNT 2048

struct rig {
	struct baton_ctx *ctx;
	struct baton_pool *pool;
	struct baton_worker *worker;
	struct baton_port *port;
	struct baton_rxq *rxq;
	struct baton_txq *txq;
	unsigned reports;
	struct baton_violation last;
	char text[2048], holder[256], last_op[64];
};

static void
on_violation(void *arg, const struct baton_violation *v)
{
	struct rig *r = arg;

	r->reports++;
	r->last = *v;
	snprintf(r->text, sizeof(r->text), "%s", v->text);
	snprintf(r->holder, sizeof(r->holder), "%s", v->holder);
	snprintf(r->last_op, sizeof(r->last_op), "%s", v->last_op);
}

static void
quiet(void *arg, enum baton_log_level level, const char *line)
{
}

static void
must(int ret)
{
	if (ret < 0)
		fail_msg("%s", baton_last_error());
}

static void
open_port(struct rig *r)
{
	struct baton_port_config pc = { .size = sizeof(pc), .rx_queues = 1, .tx_queues = 1 };
	struct baton_queue_config qc = { .size = sizeof(qc), .worker = r->worker, .pool = r->pool };

	must(baton_port_open(r->ctx, "net_null0", &r->port));
	must(baton_port_configure(r->port, &pc));
	must(baton_rxq_setup(r->port, 0, &qc, &r->rxq));
	qc.pool = NULL;
	must(baton_txq_setup(r->port, 0, &qc, &r->txq));
	must(baton_port_start(r->port));
}

static int
setup(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));
	struct baton_ctx_config cc = {
		.size = sizeof(cc), .log = quiet, .on_violation = on_violation, .violation_arg = r
	};
	struct baton_pool_config pc;

	must(baton_ctx_create(&cc, &r->ctx));
	baton_pool_config_init(&pc);
	pc.name = "packets";
	pc.count = COUNT;
	pc.page_size = BATON_PAGE_BASE;
	must(baton_pool_create(r->ctx, &pc, &r->pool));
	must(baton_worker_create(r->ctx, NULL, &r->worker));
	open_port(r);
	*state = r;
	return 0;
}

static uint32_t
holder_sum(const struct baton_pool *pool)
{
	struct baton_holder h[32];
	unsigned n = baton_pool_holders(pool, h, 32);
	uint32_t sum = 0;

	assert_true(n <= 32);
	for (unsigned i = 0; i < n; i++)
		sum += h[i].count;
	return sum;
}

static int
teardown(void **state)
{
	struct rig *r = *state;

	must(baton_port_close(r->port));
	assert_int_equal(holder_sum(r->pool), COUNT);
	must(baton_worker_destroy(r->worker));
	must(baton_pool_destroy(r->pool));
	must(baton_ctx_destroy(r->ctx));
	free(r);
	return 0;
}

static struct baton_token
one(struct rig *r)
{
	struct baton_token t;

	assert_int_equal(baton_alloc(r->worker, r->pool, &t, 1), 1);
	t.len = 60;
	return t;
}

static void
expect(struct rig *r, enum baton_rule rule, const char *operation, const char *words)
{
	assert_int_equal(r->reports, 1);
	assert_int_equal(r->last.rule, rule);
	assert_string_equal(r->last.operation, operation);
	if (!strstr(r->text, words))
		fail_msg("\"%s\" is not in the report: %s", words, r->text);
	assert_non_null(strstr(r->text, baton_rule_name(rule)));
	assert_string_equal(baton_last_error(), r->text);
	r->reports = 0;
}

static void
use_after_give(void **state)
{
	struct rig *r = *state;
	struct baton_token t = one(r);

	assert_non_null(baton_data(r->worker, t));
	assert_int_equal(baton_tx_burst(r->txq, &t, 1), 1);
	assert_null(baton_data(r->worker, t));
	expect(r, BATON_RULE_NOT_HELD, "data", "packets");
	assert_int_equal(baton_free(r->worker, &t, 1), -EPERM);
	assert_int_equal(r->reports, 1);
	r->reports = 0;
	assert_null(baton_side(r->worker, t));
	assert_int_equal(baton_packet_copy(r->worker, r->pool, &t, 1, &t, 1), -EPERM);
}

static void
give_twice(void **state)
{
	struct rig *r = *state;
	struct baton_token t = one(r);

	assert_int_equal(baton_tx_burst(r->txq, &t, 1), 1);
	assert_int_equal(baton_tx_burst(r->txq, &t, 1), -EPERM);
	assert_int_equal(r->reports, 1);
	assert_true(r->last.rule == BATON_RULE_DOUBLE_GIVE || r->last.rule == BATON_RULE_NOT_HELD);
	assert_string_equal(r->last.operation, "tx_burst");
}

static void
give_twice_in_one_packet(void **state)
{
	struct rig *r = *state;
	struct baton_token t[2] = { one(r) };

	t[1] = t[0];
	assert_int_equal(baton_tx_burst(r->txq, t, 2), 1);
	assert_int_equal(baton_tx_burst(r->txq, t + 1, 1), -EPERM);
	assert_int_equal(r->reports, 1);
}

static void
free_twice(void **state)
{
	struct rig *r = *state;
	struct baton_token t = one(r);

	must(baton_free(r->worker, &t, 1));
	assert_int_equal(baton_free(r->worker, &t, 1), -EPERM);
	expect(r, BATON_RULE_DOUBLE_FREE, "free", "last operation: free");
	assert_string_equal(r->last_op, "free");
	/* And twice in one call. */
	struct baton_token two[2] = { one(r) };

	two[1] = two[0];
	assert_int_equal(baton_free(r->worker, two, 2), -EPERM);
	expect(r, BATON_RULE_DOUBLE_FREE, "free", "generation");
}

static void
give_of_free(void **state)
{
	struct rig *r = *state;
	struct baton_token t = one(r);

	must(baton_free(r->worker, &t, 1));
	assert_int_equal(baton_tx_burst(r->txq, &t, 1), -EPERM);
	expect(r, BATON_RULE_NOT_HELD, "tx_burst", "free");
	struct baton_token never = { .buf = COUNT - 1, .len = 60, .off = 64 };

	assert_int_equal(baton_tx_burst(r->txq, &never, 1), -EPERM);
	/* Its generation could be any. */
	assert_int_equal(r->reports, 1);
	assert_true(r->last.rule == BATON_RULE_STALE || r->last.rule == BATON_RULE_NOT_HELD);
	assert_non_null(strstr(r->text, "last operation: free"));
	r->reports = 0;
}

static void
other_pool(void **state)
{
	struct rig *r = *state;
	struct baton_token t = one(r), wrong = t;
	struct baton_pool_config pc;
	struct baton_pool *other;

	wrong.pool = 63;
	assert_int_equal(baton_free(r->worker, &wrong, 1), -EPERM);
	expect(r, BATON_RULE_POOL, "free", "no pool 63");
	wrong.pool = 255;
	assert_null(baton_data(r->worker, wrong));
	expect(r, BATON_RULE_POOL, "data", "no pool 255");
	baton_pool_config_init(&pc);
	pc.count = COUNT;
	pc.page_size = BATON_PAGE_BASE;
	must(baton_pool_create(r->ctx, &pc, &other));
	wrong.pool = 1;
	assert_int_equal(baton_free(r->worker, &wrong, 1), -EPERM);
	assert_int_equal(r->reports, 1);
	r->reports = 0;
	must(baton_free(r->worker, &t, 1));
	must(baton_pool_destroy(other));
}

static void
stale_copy(void **state)
{
	struct rig *r = *state;
	struct baton_token t = one(r), again;

	must(baton_free(r->worker, &t, 1));
	again = one(r);
	assert_int_equal(again.buf, t.buf); /* the cache is LIFO */
	assert_null(baton_data(r->worker, t));
	expect(r, BATON_RULE_STALE, "data", "the application");
	assert_int_equal(baton_free(r->worker, &t, 1), -EPERM);
	expect(r, BATON_RULE_STALE, "free", "generation");
	assert_int_equal(baton_tx_burst(r->txq, &t, 1), -EPERM);
	expect(r, BATON_RULE_STALE, "tx_burst", "generation");
	assert_non_null(baton_data(r->worker, again));
	must(baton_free(r->worker, &again, 1));
}

static void
out_of_range(void **state)
{
	struct rig *r = *state;
	struct baton_token t = one(r), wrong = t;

	wrong.buf = COUNT;
	assert_null(baton_data(r->worker, wrong));
	expect(r, BATON_RULE_RANGE, "data", "2048");
	wrong.buf = UINT32_MAX;
	assert_int_equal(baton_tx_burst(r->txq, &wrong, 1), -EPERM);
	expect(r, BATON_RULE_RANGE, "tx_burst", "2048");
	wrong = t;
	wrong.off = BATON_DEFAULT_DATA_LEN - 59;
	assert_int_equal(baton_tx_burst(r->txq, &wrong, 1), -EPERM);
	expect(r, BATON_RULE_RANGE, "tx_burst", "2112");
	wrong.off = UINT16_MAX;
	wrong.len = UINT16_MAX;
	assert_null(baton_data(r->worker, wrong));
	expect(r, BATON_RULE_RANGE, "data", "65535");
	must(baton_free(r->worker, &t, 1));
}

struct second {
	struct rig *r;
	int rx, tx, freed;
	unsigned got;
};

static void *
second_thread(void *arg)
{
	struct second *s = arg;
	struct baton_token t[32];

	s->rx = baton_rx_burst(s->r->rxq, t, 32);
	s->tx = baton_tx_burst(s->r->txq, t, 0);
	if (s->rx > 0)
		s->freed = baton_free(s->r->worker, t, (unsigned)s->rx);
	s->got = baton_alloc(s->r->worker, s->r->pool, t, 1);
	if (s->got)
		baton_free(s->r->worker, t, s->got);
	if (s->got)
		baton_worker_unbind(s->r->worker);
	return NULL;
}

static void
two_threads(void **state)
{
	struct rig *r = *state;
	struct second s = { .r = r };
	struct baton_token t = one(r); /* binds the worker to this thread */
	pthread_t thread;

	pthread_create(&thread, NULL, second_thread, &s);
	pthread_join(thread, NULL);
	assert_int_equal(s.rx, -EPERM);
	assert_int_equal(s.tx, -EPERM);
	assert_int_equal(s.got, 0);
	assert_int_equal(r->reports, 3);
	assert_int_equal(r->last.rule, BATON_RULE_THREAD);
	assert_non_null(strstr(r->text, "worker0"));
	/* Handed over, it is the other's. */
	must(baton_free(r->worker, &t, 1));
	baton_worker_unbind(r->worker);
	s = (struct second){ .r = r };
	r->reports = 0;
	pthread_create(&thread, NULL, second_thread, &s);
	pthread_join(thread, NULL);
	assert_int_equal(r->reports, 0);
	assert_int_equal(s.rx, 32);
	assert_int_equal(s.freed, 0);
	assert_int_equal(s.got, 1);
}

static void
destroy_with_buffers_out(void **state)
{
	struct rig *r = *state;
	struct baton_token t[3];
	struct baton_holder h[8];

	assert_int_equal(baton_alloc(r->worker, r->pool, t, 3), 3);
	assert_int_equal(baton_pool_destroy(r->pool), -EBUSY);
	assert_int_equal(r->reports, 1);
	assert_int_equal(r->last.rule, BATON_RULE_POOL_BUSY);
	assert_non_null(strstr(r->text, "application holds 3"));
	assert_non_null(strstr(baton_last_error(), "3 of its 2048 buffers are not free"));
	assert_true(baton_pool_holders(r->pool, h, 8) >= 3);
	must(baton_free(r->worker, t, 3));
	assert_int_equal(holder_sum(r->pool), COUNT);
}

/* Without a handler the program stops, and the report is the last thing it says. */
static void
no_handler_aborts(void **state)
{
	int fds[2], status;
	char text[1024] = "";
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		struct baton_pool_config pc;
		struct baton_pool *pool;
		struct baton_worker *w;
		struct baton_ctx *ctx;
		struct baton_token t;

		dup2(fds[1], 2);
		signal(SIGABRT, SIG_DFL);
		baton_pool_config_init(&pc);
		pc.count = 64;
		pc.page_size = BATON_PAGE_BASE;
		if (baton_ctx_create(NULL, &ctx) || baton_pool_create(ctx, &pc, &pool) ||
		    baton_worker_create(ctx, NULL, &w) || baton_alloc(w, pool, &t, 1) != 1 ||
		    baton_free(w, &t, 1))
			_exit(1);
		baton_free(w, &t, 1);
		_exit(0);
	}
	close(fds[1]);
	waitpid(pid, &status, 0);
	n = read(fds[0], text, sizeof(text) - 1);
	close(fds[0]);
	assert_true(n > 0);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	assert_non_null(strstr(text, "double free"));
	assert_non_null(strstr(text, "pool0"));
}

/* Sending on an RX queue and receiving from a TX queue, through a pointer of the wrong type. */
static void
wrong_direction(void **state)
{
	struct rig *r = *state;
	struct baton_token t[32];

	assert_int_equal(baton_alloc(r->worker, r->pool, t, 32), 32);
	for (unsigned i = 0; i < 32; i++)
		t[i].len = 64;
	assert_int_equal(baton_tx_burst((struct baton_txq *)(void *)r->rxq, t, 32), -EPERM);
	assert_int_equal(r->reports, 1);
	assert_int_equal(r->last.rule, BATON_RULE_DIRECTION);
	assert_int_equal(baton_rx_burst((struct baton_rxq *)(void *)r->txq, t, 32), -EPERM);
	assert_int_equal(r->reports, 2);
	assert_int_equal(r->last.rule, BATON_RULE_DIRECTION);
	must(baton_free(r->worker, t, 32));
	assert_int_equal(r->reports, 2);
}

/* Allocating from a pool of another context. */
static void
another_context(void **state)
{
	struct rig *r = *state, *other;
	struct baton_token t[32];

	assert_int_equal(setup((void **)&other), 0);
	assert_int_equal(baton_alloc(r->worker, r->pool, t, 32), 32);
	must(baton_free(r->worker, t, 32));
	assert_int_equal(baton_alloc(r->worker, other->pool, t, 32), 0);
	assert_int_equal(r->reports, 1);
	assert_int_equal(r->last.rule, BATON_RULE_CONTEXT);
	assert_int_equal(teardown((void **)&other), 0);
}

/* Tokens of a pool that was destroyed, when another one is in its place. */
static void
earlier_pool(void **state)
{
	struct rig *r = *state;
	struct baton_pool *pool;
	struct baton_pool_config pc;
	struct baton_token t[32], old[32];
	unsigned told = 0;

	baton_pool_config_init(&pc);
	pc.count = 64;
	pc.page_size = BATON_PAGE_BASE;
	must(baton_pool_create(r->ctx, &pc, &pool));
	assert_int_equal(baton_alloc(r->worker, pool, old, 32), 32);
	must(baton_free(r->worker, old, 32));
	must(baton_pool_destroy(pool));
	assert_null(baton_data(r->worker, old[0]));
	assert_int_equal(r->last.rule, BATON_RULE_POOL);
	must(baton_pool_create(r->ctx, &pc, &pool));
	assert_int_equal(baton_alloc(r->worker, pool, t, 32), 32);
	/* One of 65,536 has a generation that fits; two of 32 would be one of eight million runs.
	 */
	for (unsigned i = 0; i < 32; i++)
		told += !baton_data(r->worker, old[i]);
	assert_true(told >= 31);
	assert_int_equal(r->reports, 1 + told);
	must(baton_free(r->worker, t, 32));
	must(baton_pool_destroy(pool));
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(use_after_give),
		T(give_twice),
		T(give_twice_in_one_packet),
		T(free_twice),
		T(give_of_free),
		T(other_pool),
		T(stale_copy),
		T(out_of_range),
		T(two_threads),
		T(destroy_with_buffers_out),
		T(wrong_direction),
		T(another_context),
		T(earlier_pool),
		cmocka_unit_test(no_handler_aborts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
