/* SPDX-License-Identifier: BSD-3-Clause */
/* The end of a thread: who is bound to it is let go, and nobody else. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <baton/baton.h>

#include "base/thread.h"
#include "dma/pool.h"

static unsigned calls[3];

static void
first(struct thread_exit *e)
{
	calls[0]++;
}

static void
second(struct thread_exit *e)
{
	calls[1]++;
}

static void
third(struct thread_exit *e)
{
	calls[2]++;
}

static void *
add_first(void *arg)
{
	struct thread_exit *e = arg;

	thread_exit_add(&e[0], first);
	thread_exit_add(&e[1], second);
	return NULL;
}

static void
run(void *(*fn)(void *), void *arg)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, fn, arg), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

static void
called_once(void **state)
{
	struct thread_exit e[2] = { 0 };

	run(add_first, e);
	assert_int_equal(calls[0], 1);
	assert_int_equal(calls[1], 1);
	assert_null(e[0].at);
}

/* A thread takes over what another one has just taken: the last one has it, and both lists stay
 * whole. */
static void *
take_over(void *arg)
{
	struct thread_exit *e = arg;

	thread_exit_add(&e[1], second);
	thread_exit_add(&e[0], first); /* in the list of the main thread */
	thread_exit_add(&e[0], third); /* and in its own */
	return NULL;
}

static void
taken_over(void **state)
{
	struct thread_exit e[3] = { 0 };

	calls[0] = calls[1] = calls[2] = 0;
	thread_exit_add(&e[2], first);
	thread_exit_add(&e[0], first);
	run(take_over, e);
	assert_int_equal(calls[0], 0);
	assert_int_equal(calls[1], 1);
	assert_int_equal(calls[2], 1);
	assert_null(e[0].at);
	assert_non_null(e[2].at);
	thread_exit_del(&e[2]);
	assert_null(e[2].at);
	assert_null(e[2].next);
}

/* ---- a thread that ends is not the one that is bound any more ---- */

static struct baton_worker *worker;

static void *
lose_it(void *arg)
{
	assert_int_equal(baton_worker_bind(worker), 0);
	/* Another thread, which took this one for ended, has unbound the worker and bound it. */
	__atomic_store_n(&worker->head.thread, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void *
bind_it(void *arg)
{
	assert_int_equal(baton_worker_bind(worker), 0);
	return NULL;
}

static void
not_its_own(void **state)
{
	struct baton_ctx *ctx;

	assert_int_equal(baton_ctx_create(NULL, &ctx), 0);
	assert_int_equal(baton_worker_create(ctx, NULL, &worker), 0);
	run(lose_it, NULL);
	assert_int_equal(worker->head.thread, 1);
	baton_worker_unbind(worker);
	run(bind_it, NULL);
	assert_int_equal(worker->head.thread, 0);
	assert_int_equal(baton_worker_destroy(worker), 0);
	assert_int_equal(baton_ctx_destroy(ctx), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(called_once),
		cmocka_unit_test(taken_over),
		cmocka_unit_test(not_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
