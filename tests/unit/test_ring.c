/* SPDX-License-Identifier: BSD-3-Clause */
/* Token rings: limits, order, whole packets, rights of threads, wake-ups, and threads at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "dma/ring.h"

#define SLEEP_MS 10000 /* a wake-up that does not come is one that comes after this */
#define BUFS     2048u

static struct {
	struct baton_ctx *ctx;
	struct baton_pool *pool;
	struct baton_worker *worker, *other;
	unsigned violations;
	enum baton_rule rule;
} b;

static void
on_violation(void *arg, const struct baton_violation *v)
{
	b.violations++;
	b.rule = v->rule;
}

static int
up(void **state)
{
	struct baton_ctx_config cc = { .size = sizeof(cc), .on_violation = on_violation };
	struct baton_worker_config wc = { .size = sizeof(wc), .cache_size = 64 };
	struct baton_pool_config pc;

	memset(&b, 0, sizeof(b));
	baton_pool_config_init(&pc);
	pc.count = BUFS;
	pc.page_size = BATON_PAGE_4K;
	assert_int_equal(baton_ctx_create(&cc, &b.ctx), 0);
	assert_int_equal(baton_pool_create(b.ctx, &pc, &b.pool), 0);
	assert_int_equal(baton_worker_create(b.ctx, &wc, &b.worker), 0);
	assert_int_equal(baton_worker_create(b.ctx, &wc, &b.other), 0);
	assert_int_equal(baton_worker_bind(b.worker), 0);
	return 0;
}

static int
down(void **state)
{
	assert_int_equal(baton_worker_destroy(b.worker), 0);
	assert_int_equal(baton_worker_destroy(b.other), 0);
	assert_int_equal(baton_pool_destroy(b.pool), 0);
	assert_int_equal(baton_ctx_destroy(b.ctx), 0);
	return 0;
}

static struct baton_ring *
ring_of(uint32_t capacity, struct baton_worker *producer, struct baton_worker *consumer)
{
	struct baton_ring_config c;
	struct baton_ring *ring;

	baton_ring_config_init(&c);
	c.capacity = capacity;
	c.producer = producer;
	c.consumer = consumer;
	assert_int_equal(baton_ring_create(b.ctx, &c, &ring), 0);
	return ring;
}

/* Packets of @segs tokens, numbered from @first on in `hash`. */
static void
number(struct baton_token *t, unsigned n, unsigned segs, uint32_t first)
{
	for (unsigned i = 0; i < n; i++)
		t[i] = (struct baton_token){ .hash = first + i,
					     .flags = (i + 1) % segs ? BATON_TOKEN_CONT : 0 };
}

static void
limits(void **state)
{
	struct baton_ring_config c = { .size = sizeof(c), .capacity = BATON_MAX_RING + 1 };
	struct baton_ring *ring, *rings[BATON_MAX_RINGS];
	struct baton_token t[200];

	assert_int_equal(baton_ring_create(b.ctx, &c, &ring), -EINVAL);
	assert_non_null(strstr(baton_last_error(), "1048576"));
	number(t, 200, 1, 0);
	ring = ring_of(1, NULL, NULL);
	assert_int_equal(baton_ring_enqueue(ring, t, 200), 64);
	assert_int_equal(baton_ring_enqueue(ring, t, 1), 0);
	assert_int_equal(baton_ring_dequeue(ring, t, 200), 64);
	assert_int_equal(baton_ring_destroy(ring), 0);
	ring = ring_of(65, b.worker, b.worker);
	assert_int_equal(baton_ring_enqueue(ring, t, 200), 128);
	assert_int_equal(baton_ring_count(ring), 128);
	assert_int_equal(baton_ring_dequeue(ring, t, 200), 128);
	assert_int_equal(baton_ring_destroy(ring), 0);
	for (unsigned i = 0; i < BATON_MAX_RINGS; i++)
		rings[i] = ring_of(64, NULL, NULL);
	c.capacity = 64;
	assert_int_equal(baton_ring_create(b.ctx, &c, &ring), -ENOSPC);
	for (unsigned i = 0; i < BATON_MAX_RINGS; i++)
		assert_int_equal(baton_ring_destroy(rings[i]), 0);
}

/* Round and round in bursts of all sizes: in order, nothing lost, nothing split. */
static void
order(struct baton_ring *ring, unsigned segs)
{
	struct baton_token in[60], out[60];
	uint32_t put = 0, got = 0;
	unsigned seed = 1;

	while (got < 20000) {
		unsigned n;
		int ret;

		seed = seed * 1103515245 + 12345;
		n = (1 + (seed >> 16) % (48 / segs)) * segs;
		number(in, n, segs, put);
		ret = baton_ring_enqueue(ring, in, n);
		assert_in_range(ret, 0, n);
		assert_int_equal(ret % segs, 0);
		put += (uint32_t)ret;
		seed = seed * 1103515245 + 12345;
		n = segs + (seed >> 16) % (60 - segs);
		ret = baton_ring_dequeue(ring, out, n);
		assert_in_range(ret, 0, n);
		assert_int_equal(ret % segs, 0);
		assert_true(ret || put == got);
		for (int i = 0; i < ret; i++) {
			assert_int_equal(out[i].hash, got++);
			assert_int_equal(out[i].flags, got % segs ? BATON_TOKEN_CONT : 0);
		}
		assert_int_equal(baton_ring_count(ring), put - got);
	}
	while (put - got)
		got += (uint32_t)baton_ring_dequeue(ring, out, 60);
	assert_int_equal(baton_ring_count(ring), 0);
}

static void
in_order(void **state)
{
	struct baton_worker *const ends[] = { NULL, b.worker };

	for (unsigned i = 0; i < 4; i++) {
		struct baton_ring *ring = ring_of(128, ends[i & 1], ends[i >> 1]);

		for (unsigned segs = 1; segs <= 7; segs++)
			order(ring, segs);
		order(ring, 1); /* no bit of earlier packets is left */
		assert_int_equal(baton_ring_destroy(ring), 0);
	}
}

static void
whole_packets(void **state)
{
	struct baton_ring *ring = ring_of(64, NULL, b.worker);
	struct baton_token t[128], out[128];

	number(t, 128, 128, 0);
	assert_int_equal(baton_ring_enqueue(ring, t, 60), -EINVAL);
	assert_non_null(strstr(baton_last_error(), "not whole"));
	assert_int_equal(baton_ring_enqueue(ring, t, 128), -EMSGSIZE);
	assert_non_null(strstr(baton_last_error(), "128"));
	number(t, 64, 64, 0);
	assert_int_equal(baton_ring_enqueue(ring, t, 64), 64);
	assert_int_equal(baton_ring_dequeue(ring, out, 63), -EMSGSIZE);
	assert_non_null(strstr(baton_last_error(), "64"));
	assert_int_equal(baton_ring_dequeue(ring, out, 0), 0);
	assert_int_equal(baton_ring_dequeue(ring, out, 64), 64);
	assert_memory_equal(out, t, 64 * sizeof(t[0]));
	/* The bad one is not the first: what is before it is taken. */
	number(t, 6, 3, 0);
	t[5].flags = BATON_TOKEN_CONT;
	assert_int_equal(baton_ring_enqueue(ring, t, 6), 3);
	assert_int_equal(baton_ring_enqueue(ring, t + 3, 3), -EINVAL);
	/* 61 are free: a packet of 62 waits. */
	number(t, 62, 62, 0);
	assert_int_equal(baton_ring_enqueue(ring, t, 62), 0);
	assert_int_equal(baton_ring_dequeue(ring, out, 128), 3);
	assert_int_equal(baton_ring_destroy(ring), 0);
}

static uint32_t
held_by(enum baton_holder_kind kind, const char *name)
{
	struct baton_holder h[16];
	unsigned n = baton_pool_holders(b.pool, h, 16);

	for (unsigned i = 0; i < n && i < 16; i++)
		if (h[i].kind == kind && (!name || !strcmp(h[i].name, name)))
			return h[i].count;
	return 0;
}

static void
closed_with_tokens(void **state)
{
	struct baton_ring_config c = { .size = sizeof(c), .name = "to-cpu1" };
	struct baton_token t[100];
	struct baton_ring *ring;

	c.consumer = b.worker;
	assert_int_equal(baton_ring_create(b.ctx, &c, &ring), 0);
	assert_int_equal(baton_alloc(b.worker, b.pool, t, 100), 100);
	for (unsigned i = 0; i < 69; i++)
		t[i].flags = BATON_TOKEN_CONT; /* a packet that is longer than drain's array */
	assert_int_equal(baton_ring_enqueue(ring, t, 70), 70);
	assert_int_equal(held_by(BATON_HOLDER_RING, "ring to-cpu1"), 70);
	assert_int_equal(held_by(BATON_HOLDER_CPU, NULL), 30);
	assert_int_equal(baton_ring_destroy(ring), -EBUSY);
	assert_non_null(strstr(baton_last_error(), "ring to-cpu1 has 70 tokens"));
	assert_int_equal(baton_pool_destroy(b.pool), -EBUSY);
	assert_non_null(strstr(baton_last_error(), "ring to-cpu1 holds 70"));
	assert_int_equal(b.rule, BATON_RULE_POOL_BUSY);
	assert_int_equal(baton_worker_destroy(b.worker), -EBUSY);
	assert_int_equal(baton_ctx_destroy(b.ctx), -EBUSY);
	assert_non_null(strstr(baton_last_error(), "ring to-cpu1"));
	assert_int_equal(baton_ring_drain(ring, b.worker), 70);
	assert_int_equal(held_by(BATON_HOLDER_RING, NULL), 0);
	assert_int_equal(baton_free(b.worker, t + 70, 30), 0);
	/* One that is free already is refused, and does not keep the others. */
	assert_int_equal(baton_alloc(b.worker, b.pool, t, 3), 3);
	assert_int_equal(baton_ring_enqueue(ring, t, 3), 3);
	assert_int_equal(baton_free(b.worker, &t[1], 1), 0);
	assert_int_equal(held_by(BATON_HOLDER_RING, NULL), 2);
	assert_int_equal(baton_ring_drain(ring, b.worker), -EPERM);
	assert_int_equal(b.rule, BATON_RULE_DOUBLE_FREE);
	assert_int_equal(baton_ring_count(ring), 0);
	assert_int_equal(held_by(BATON_HOLDER_CPU, NULL), 0);
	assert_int_equal(baton_ring_destroy(ring), 0);
}

/* ---- whose ring it is ---- */

static void *
wrong_thread(void *arg)
{
	struct baton_ring *ring = arg;
	struct baton_token t = { 0 };

	assert_int_equal(baton_ring_enqueue(ring, &t, 1), -EPERM);
	assert_int_equal(baton_ring_dequeue(ring, &t, 1), -EPERM);
	assert_int_equal(baton_ring_arm(ring), -EPERM);
	baton_ring_disarm(ring);
	assert_int_equal(baton_ring_drain(ring, b.worker), -EPERM);
	return NULL;
}

static void
threads_rights(void **state)
{
	struct baton_ring *ring = ring_of(64, b.worker, b.worker);
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, wrong_thread, ring), 0);
	pthread_join(thread, NULL);
	assert_int_equal(b.violations, 5);
	assert_int_equal(b.rule, BATON_RULE_THREAD);
	assert_int_equal(baton_ring_count(ring), 0);
	assert_int_equal(baton_ring_destroy(ring), 0);
}

/* ---- wake-ups ---- */

static int
readable(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms);
}

static void
wakes(struct baton_ring *ring)
{
	struct baton_token t[2] = { 0 };
	int fd = baton_ring_arm(ring);

	assert_true(fd >= 0);
	assert_int_equal(readable(fd, 0), 0);
	assert_int_equal(baton_ring_enqueue(ring, t, 1), 1);
	assert_int_equal(readable(fd, 0), 1);
	baton_ring_disarm(ring);
	assert_int_equal(readable(fd, 0), 0);
	/* What is there already wakes at once; nobody is signalled who does not sleep. */
	assert_int_equal(baton_ring_arm(ring), fd);
	assert_int_equal(readable(fd, 0), 1);
	baton_ring_disarm(ring);
	assert_int_equal(baton_ring_enqueue(ring, t, 1), 1);
	assert_int_equal(readable(fd, 0), 0);
	assert_int_equal(baton_ring_dequeue(ring, t, 2), 2);
	baton_ring_disarm(ring); /* once too often */
	assert_int_equal(baton_ring_arm(ring), fd);
	assert_int_equal(readable(fd, 0), 0);
	assert_int_equal(baton_ring_enqueue(ring, t, 2), 2);
	assert_int_equal(readable(fd, 0), 1);
	baton_ring_disarm(ring);
	assert_int_equal(baton_ring_dequeue(ring, t, 2), 2);
}

static void
wake_ups(void **state)
{
	for (unsigned i = 0; i < 4; i++) {
		struct baton_ring *ring = ring_of(64, NULL, i & 1 ? b.worker : NULL);

		ring->ring.fenced |= i >> 1; /* as without membarrier(2) */
		wakes(ring);
		assert_int_equal(baton_ring_destroy(ring), 0);
	}
}

/* ---- a worker that only has rings ---- */

static void
worker_sleeps(void **state)
{
	struct baton_ring *first = ring_of(64, NULL, b.worker), *second, *others;
	struct baton_token t = { 0 };
	int fd = baton_worker_arm(b.worker);

	assert_true(fd >= 0);
	assert_int_equal(readable(fd, 0), 0);
	assert_int_equal(baton_ring_enqueue(first, &t, 1), 1);
	assert_int_equal(readable(fd, 0), 1);
	baton_worker_disarm(b.worker);
	assert_int_equal(readable(fd, 0), 0);
	assert_int_equal(baton_ring_dequeue(first, &t, 1), 1);
	/* One that came later, and one that is another's. */
	second = ring_of(64, NULL, b.worker);
	others = ring_of(64, NULL, b.other);
	assert_int_equal(baton_worker_arm(b.worker), fd);
	assert_int_equal(baton_worker_arm(b.worker), fd);
	assert_int_equal(baton_ring_enqueue(others, &t, 1), 1);
	assert_int_equal(readable(fd, 0), 0);
	assert_int_equal(baton_ring_enqueue(second, &t, 1), 1);
	assert_int_equal(readable(fd, 0), 1);
	/* Destroyed while the worker sleeps on it. */
	assert_int_equal(baton_ring_dequeue(second, &t, 1), 1);
	assert_int_equal(baton_ring_destroy(second), 0);
	assert_int_equal(readable(fd, 0), 0);
	baton_worker_disarm(b.worker);
	baton_worker_disarm(b.worker);
	assert_int_equal(baton_ring_enqueue(first, &t, 1), 1);
	assert_int_equal(baton_worker_arm(b.worker), fd);
	assert_int_equal(readable(fd, 0), 1);
	baton_worker_disarm(b.worker);
	assert_int_equal(baton_ring_dequeue(first, &t, 1), 1);
	assert_int_equal(baton_ring_destroy(first), 0);
	assert_int_equal(baton_worker_bind(b.other), 0);
	assert_int_equal(baton_ring_dequeue(others, &t, 1), 1);
	assert_int_equal(baton_ring_destroy(others), 0);
}

/* ---- threads at once ---- */

#define THREADS 2u
#define PACKETS 30000u /* of a producer */

struct shared {
	struct baton_ring *ring;
	uint64_t payload[THREADS][PACKETS * 4]; /* plain: of whoever has the token */
	uint32_t taken, all;                    /* tokens; atomics */
	uint32_t done;                          /* producers that are; atomic */
	bool sleeps, one_consumer;
	struct baton_worker *consumer;
};

struct actor {
	struct shared *sh;
	pthread_t thread;
	unsigned index;
	unsigned faults, sleeps;
};

static void *
produce(void *arg)
{
	struct actor *a = arg;
	uint32_t put = 0, end = 0;
	struct baton_token t[4];

	for (unsigned p = 0; p < PACKETS && !a->faults; p++) {
		const unsigned segs = 1 + p % 4;

		for (unsigned i = 0; i < segs; i++) {
			a->sh->payload[a->index][end] = end * 7ull + a->index;
			t[i] = (struct baton_token){ .hash = end++, .pool = (uint8_t)a->index };
			t[i].flags = i + 1 < segs ? BATON_TOKEN_CONT : 0;
		}
		while (put < end) {
			int ret = baton_ring_enqueue(a->sh->ring, t, segs);

			if (ret && ret != (int)segs)
				a->faults++;
			put += ret > 0 ? (uint32_t)ret : 0;
			if (a->sh->sleeps && p % 512 == 0)
				nanosleep(&(struct timespec){ .tv_nsec = 20000 }, NULL);
		}
	}
	__atomic_fetch_add(&a->sh->all, put, __ATOMIC_RELAXED);
	__atomic_fetch_add(&a->sh->done, 1, __ATOMIC_RELEASE);
	return NULL;
}

static bool
over(const struct shared *sh)
{
	return __atomic_load_n(&sh->done, __ATOMIC_ACQUIRE) == THREADS &&
	       __atomic_load_n(&sh->taken, __ATOMIC_RELAXED) ==
		       __atomic_load_n(&sh->all, __ATOMIC_RELAXED);
}

/* One consumer must be woken for tokens; of several, one may sleep on. */
static void
sleep_on_ring(struct actor *a)
{
	int fd = baton_ring_arm(a->sh->ring), woken = 0;

	for (unsigned ms = 0; ms < SLEEP_MS && !woken && !over(a->sh); ms += 5) {
		woken = readable(fd, 5);
		if (!a->sh->one_consumer)
			break;
	}
	a->faults += fd < 0 || (a->sh->one_consumer && !woken && !over(a->sh));
	baton_ring_disarm(a->sh->ring);
	a->sleeps++;
}

static void *
consume(void *arg)
{
	struct actor *a = arg;
	uint32_t last[THREADS] = { 0 };
	struct baton_token t[16];

	if (a->sh->consumer)
		baton_worker_bind(a->sh->consumer);
	while (!over(a->sh) && !a->faults) {
		int n = baton_ring_dequeue(a->sh->ring, t, 5 + a->index * 7);

		a->faults += n < 0 || (n && t[n - 1].flags);
		for (int i = 0; i < n; i++) {
			const uint32_t at = t[i].hash, who = t[i].pool;
			uint64_t *payload = &a->sh->payload[who][at];

			a->faults += *payload != at * 7ull + who || at < last[who];
			if (i && t[i - 1].flags) /* the same packet */
				a->faults += t[i - 1].hash + 1 != at || t[i - 1].pool != who;
			last[who] = at + 1;
			*payload = 0;
		}
		if (n > 0)
			__atomic_fetch_add(&a->sh->taken, (uint32_t)n, __ATOMIC_RELAXED);
		else if (a->sh->sleeps && !over(a->sh))
			sleep_on_ring(a);
	}
	if (a->sh->consumer)
		baton_worker_unbind(a->sh->consumer);
	return NULL;
}

static void
at_once(struct baton_worker *consumer, bool sleeps)
{
	static struct shared sh;
	struct actor from[THREADS] = { 0 }, to[THREADS] = { 0 };
	const unsigned takers = consumer ? 1 : THREADS;
	unsigned slept = 0;

	memset(&sh, 0, sizeof(sh));
	sh.ring = ring_of(64, NULL, consumer);
	sh.sleeps = sleeps;
	sh.consumer = consumer;
	sh.one_consumer = consumer;
	for (unsigned i = 0; i < takers; i++) {
		to[i] = (struct actor){ .sh = &sh, .index = i };
		assert_int_equal(pthread_create(&to[i].thread, NULL, consume, &to[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		from[i] = (struct actor){ .sh = &sh, .index = i };
		assert_int_equal(pthread_create(&from[i].thread, NULL, produce, &from[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(from[i].thread, NULL);
		assert_int_equal(from[i].faults, 0);
	}
	for (unsigned i = 0; i < takers; i++) {
		pthread_join(to[i].thread, NULL);
		assert_int_equal(to[i].faults, 0);
		slept += to[i].sleeps;
	}
	assert_int_equal(sh.taken, sh.all);
	print_message("%u producers, %u consumers: %u tokens, %u sleeps\n", THREADS, takers,
		      sh.taken, slept);
	assert_int_equal(baton_ring_destroy(sh.ring), 0);
}

static void
many_to_one(void **state)
{
	at_once(b.other, false);
}

static void
many_to_many(void **state)
{
	at_once(NULL, false);
}

static void
many_to_one_asleep(void **state)
{
	at_once(b.other, true);
}

static void
many_to_many_asleep(void **state)
{
	at_once(NULL, true);
}

#define T(name) cmocka_unit_test_setup_teardown(name, up, down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(limits),
		T(in_order),
		T(whole_packets),
		T(closed_with_tokens),
		T(threads_rights),
		T(wake_ups),
		T(worker_sleeps),
		T(many_to_one),
		T(many_to_many),
		T(many_to_one_asleep),
		T(many_to_many_asleep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
