/* SPDX-License-Identifier: BSD-3-Clause */
/* Threads that use what is another's, and threads that end with something bound to them. */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <string.h>
#include <time.h>

#include "misuse.h"

#include "dma/pool.h"

static struct misuse_bench bench;

static int
setup(void **state)
{
	misuse_up(&bench);
	bench.violations = 0;
	return 0;
}

static int
teardown(void **state)
{
	misuse_down(&bench);
	return 0;
}

static uint64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

struct job {
	void (*fn)(struct job *job);
	struct baton_token token;
	int result;
	sem_t done, go_on;
};

static void *
run(void *arg)
{
	struct job *job = arg;

	job->fn(job);
	return NULL;
}

static void
in_thread(struct job *job, void (*fn)(struct job *job))
{
	pthread_t t;

	job->fn = fn;
	assert_int_equal(pthread_create(&t, NULL, run, job), 0);
	assert_int_equal(pthread_join(t, NULL), 0);
}

static void
expect_violation(enum baton_rule rule)
{
	assert_int_equal(bench.violations, 1);
	assert_int_equal(bench.rule, rule);
	bench.violations = 0;
}

/* ---- what is another's ---- */

static void
flush(struct job *job)
{
	baton_worker_flush(bench.a.worker);
}

/* The flush is refused, and its owner is not blamed for it later. */
static void
flush_of_another_thread(void **state)
{
	struct baton_token t;
	struct job job;

	assert_int_equal(baton_alloc(bench.a.worker, bench.a.pool, &t, 1), 1);
	in_thread(&job, flush);
	expect_violation(BATON_RULE_THREAD);
	assert_int_equal(baton_free(bench.a.worker, &t, 1), 0);
	baton_worker_flush(bench.a.worker);
	assert_int_equal(bench.violations, 0);
}

static void
poll_ctx(struct job *job)
{
	job->result = baton_ctx_poll(bench.a.ctx, 0);
}

static void
poll_of_two_threads(void **state)
{
	struct job job;

	assert_true(baton_ctx_poll(bench.a.ctx, 0) >= 0);
	in_thread(&job, poll_ctx);
	assert_int_equal(job.result, -EPERM);
	expect_violation(BATON_RULE_THREAD);
	assert_true(baton_ctx_poll(bench.a.ctx, 0) >= 0);

	/* Handed over; and back when that thread has ended. */
	baton_ctx_unbind(bench.a.ctx);
	in_thread(&job, poll_ctx);
	assert_true(job.result >= 0);
	assert_true(baton_ctx_poll(bench.a.ctx, 0) >= 0);
	assert_int_equal(bench.violations, 0);
}

static void
poll_and_wait(struct job *job)
{
	job->result = baton_ctx_poll(bench.a.ctx, 0);
	sem_post(&job->done);
	sem_wait(&job->go_on);
}

/* The thread that took over is the control thread until it ends. */
static void
poll_while_another_lives(void **state)
{
	struct job job = { .fn = poll_and_wait };
	pthread_t t;

	sem_init(&job.done, 0, 0);
	sem_init(&job.go_on, 0, 0);
	baton_ctx_unbind(bench.a.ctx);
	assert_int_equal(pthread_create(&t, NULL, run, &job), 0);
	sem_wait(&job.done);
	assert_true(job.result >= 0);
	assert_int_equal(baton_ctx_poll(bench.a.ctx, 0), -EPERM);
	expect_violation(BATON_RULE_THREAD);
	assert_int_equal(baton_port_stop(bench.a.port), -EPERM);
	expect_violation(BATON_RULE_THREAD);
	sem_post(&job.go_on);
	assert_int_equal(pthread_join(t, NULL), 0);
	assert_true(baton_ctx_poll(bench.a.ctx, 0) >= 0);
	sem_destroy(&job.done);
	sem_destroy(&job.go_on);
}

/* Two threads that call all the time: one of them owns the context, the other is refused. */
static void
poll_often(struct job *job)
{
	job->result = 0;
	for (unsigned i = 0; i < 2000; i++)
		job->result += baton_ctx_poll(bench.b.ctx, 0) >= 0;
}

static void
polls_at_once(void **state)
{
	struct job one = { .fn = poll_often }, two = { .fn = poll_often };
	pthread_t t1, t2;

	baton_ctx_unbind(bench.b.ctx);
	assert_true(baton_ctx_poll(bench.b.ctx, 0) >= 0);
	assert_int_equal(pthread_create(&t1, NULL, run, &one), 0);
	assert_int_equal(pthread_create(&t2, NULL, run, &two), 0);
	for (unsigned i = 0; i < 2000; i++)
		assert_true(baton_ctx_poll(bench.b.ctx, 0) >= 0);
	assert_int_equal(pthread_join(t1, NULL), 0);
	assert_int_equal(pthread_join(t2, NULL), 0);
	assert_int_equal(one.result + two.result, 0);
	bench.violations = 0;
}

/* ---- threads that end ---- */

static void
burst(struct job *job)
{
	struct baton_token t[8];

	job->result = baton_rx_burst(bench.a.rxq, t, 8);
	if (job->result > 0)
		baton_free(bench.a.worker, t, (unsigned)job->result);
	job->result = (int)baton_alloc(bench.a.worker, bench.a.pool, &job->token, 1);
	sem_post(&job->done);
}

/* Nobody waits for a thread that has ended: a stop would take its whole second otherwise. */
static void
close_at_once(const struct job *job)
{
	struct baton_port_config pc = { .size = sizeof(pc), .rx_queues = 1, .tx_queues = 1 };
	struct baton_queue_config qc = { .size = sizeof(qc), .descs = 64 };
	uint64_t start = now_ms();

	assert_int_equal(job->result, 1);
	assert_int_equal(baton_port_close(bench.a.port), 0);
	assert_true(now_ms() - start < 500);
	/* What the thread held is the application's; the next thread that uses the worker frees it.
	 */
	assert_int_equal(baton_free(bench.a.worker, &job->token, 1), 0);
	assert_int_equal(bench.violations, 0);
	assert_int_equal(baton_port_open(bench.a.ctx, "net_null0", &bench.a.port), 0);
	assert_int_equal(baton_port_configure(bench.a.port, &pc), 0);
	qc.worker = bench.a.worker;
	qc.pool = bench.a.pool;
	assert_int_equal(baton_rxq_setup(bench.a.port, 0, &qc, &bench.a.rxq), 0);
	assert_int_equal(baton_txq_setup(bench.a.port, 0, &qc, &bench.a.txq), 0);
	assert_int_equal(baton_port_start(bench.a.port), 0);
	misuse_check(&bench);
}

static void
close_after_join(void **state)
{
	struct job job;

	sem_init(&job.done, 0, 0);
	baton_worker_unbind(bench.a.worker);
	in_thread(&job, burst);
	close_at_once(&job);
	sem_destroy(&job.done);
}

static void
close_after_detached_end(void **state)
{
	struct job job = { .fn = burst };
	uint64_t end = now_ms() + 5000;
	const struct timespec ms = { .tv_nsec = 1000000 };
	pthread_t t;

	sem_init(&job.done, 0, 0);
	baton_worker_unbind(bench.a.worker);
	assert_int_equal(pthread_create(&t, NULL, run, &job), 0);
	assert_int_equal(pthread_detach(t), 0);
	sem_wait(&job.done);
	while (__atomic_load_n(&bench.a.worker->head.thread, __ATOMIC_ACQUIRE) && now_ms() < end)
		nanosleep(&ms, NULL);
	close_at_once(&job);
	sem_destroy(&job.done);
}

/* Threads come and go faster than anybody looks; each is told from the others. */
static void
many_threads(void **state)
{
	struct job job;

	baton_worker_unbind(bench.a.worker);
	sem_init(&job.done, 0, 0);
	for (unsigned i = 0; i < 200; i++) {
		in_thread(&job, burst);
		assert_int_equal(job.result, 1);
		assert_int_equal(baton_free(bench.a.worker, &job.token, 1), 0);
		baton_worker_unbind(bench.a.worker);
	}
	sem_destroy(&job.done);
	assert_int_equal(bench.violations, 0);
}

static void
destroy_both(struct job *job)
{
	struct baton_ctx *ctx;
	struct baton_worker *worker;

	/* The thread outlives what was bound to it. */
	job->result = baton_ctx_create(NULL, &ctx);
	if (!job->result)
		job->result = baton_worker_create(ctx, NULL, &worker);
	if (!job->result)
		job->result = baton_worker_bind(worker);
	if (!job->result)
		job->result = baton_worker_destroy(worker);
	if (!job->result)
		job->result = baton_ctx_destroy(ctx);
}

static void
thread_outlives_its_context(void **state)
{
	struct job job;

	for (unsigned i = 0; i < 10; i++) {
		in_thread(&job, destroy_both);
		assert_int_equal(job.result, 0);
	}
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(flush_of_another_thread),
		T(poll_of_two_threads),
		T(poll_while_another_lives),
		T(polls_at_once),
		T(close_after_join),
		T(close_after_detached_end),
		T(many_threads),
		T(thread_outlives_its_context),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
