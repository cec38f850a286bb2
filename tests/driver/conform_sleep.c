/* SPDX-License-Identifier: BSD-3-Clause */
/* A worker that sleeps wakes for all that it does, and keeps its port from nothing. */
#include <pthread.h>
#include <semaphore.h>
#include <time.h>

#include "bench.h"

struct sleeper {
	struct bench *b;
	pthread_t thread;
	sem_t asleep, go_on;
	int fd;
};

/* It looks at nothing that would wake it. */
static void *
sleep_on(void *arg)
{
	struct sleeper *s = arg;

	baton_worker_bind(s->b->worker);
	s->fd = baton_worker_arm(s->b->worker);
	sem_post(&s->asleep);
	while (sem_wait(&s->go_on))
		;
	baton_worker_disarm(s->b->worker);
	baton_worker_unbind(s->b->worker);
	return NULL;
}

static void
fall_asleep(struct sleeper *s, struct bench *b)
{
	s->b = b;
	sem_init(&s->asleep, 0, 0);
	sem_init(&s->go_on, 0, 0);
	baton_worker_unbind(b->worker);
	assert_int_equal(pthread_create(&s->thread, NULL, sleep_on, s), 0);
	while (sem_wait(&s->asleep))
		;
	assert_true(s->fd >= 0);
}

static void
wake(struct sleeper *s)
{
	sem_post(&s->go_on);
	pthread_join(s->thread, NULL);
	sem_destroy(&s->asleep);
	sem_destroy(&s->go_on);
	must(baton_worker_bind(s->b->worker));
}

/* The control thread alone works until the device is back, ten seconds at most. */
static void
lose_and_wait(struct bench *b)
{
	const unsigned back = b->back;

	b->m->lose(b->dev);
	for (unsigned i = 0; i < 1000 && (!b->lost || b->back == back); i++)
		(void)baton_ctx_poll(b->ctx, 10);
	assert_true(b->lost && b->back > back);
}

static void
keeps_nothing(struct bench *b)
{
	struct sleeper s;

	if (!has(b, F_RX_WAKE)) {
		assert_int_equal(baton_worker_arm(b->worker), -ENOTSUP);
		assert_non_null(strstr(baton_last_error(), "rxq 0"));
		return;
	}
	one_each_way(b, 600, 1);
	fall_asleep(&s, b);
	if (has(b, F_TX_STOP)) {
		must(baton_txq_stop(b->tx));
		must(baton_txq_start(b->tx));
	}
	if (has(b, F_RX_STOP)) {
		must(baton_rxq_stop(b->rx));
		must(baton_rxq_start(b->rx));
	}
	must(baton_port_stop(b->port));
	must(baton_port_start(b->port));
	must(baton_port_reset(b->port));
	must(baton_port_start(b->port));
	assert_true(is_readable(s.fd)); /* there is news */
	if (has(b, F_LOST))
		lose_and_wait(b);
	wake(&s);
	one_each_way(b, 700, 2);
}

/* One descriptor for both directions of all queues, quiet while there is nothing to do. */
static void
wakes_for_all(struct bench *b)
{
	struct baton_token t[64];
	uint8_t in[64];
	int fd;

	one_each_way(b, 600, 1);
	fd = baton_worker_arm(b->worker);
	must(fd);
	baton_worker_disarm(b->worker); /* whatever was new until here */
	for (uint16_t q = 0; q < b->queues; q++) {
		make(in, sizeof(in), q);
		assert_int_equal(baton_worker_arm(b->worker), fd);
		assert_false(is_readable(fd));
		assert_true(b->m->receive(b->dev, q, in, sizeof(in)));
		assert_true(is_readable(fd));
		baton_worker_disarm(b->worker);
		assert_int_equal(baton_worker_arm(b->worker), fd);
		assert_true(is_readable(fd)); /* it is there already */
		baton_worker_disarm(b->worker);
		must(baton_free(b->worker, t, receive(b, q, in, sizeof(in), t)));
	}
}

const struct scenario sleep_scenarios[] = {
	{ "a worker that sleeps keeps the port from nothing", keeps_nothing, 0 },
	{ "a worker wakes for all", wakes_for_all, F_BIT(F_RX_WAKE) | F_BIT(F_RX_OUTSIDE) },
	{ 0 },
};
