/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The token ring under the stepper: a thread stopped after any instruction makes nobody wait and
 * loses nothing. Only the tokens behind it are not to be had before it goes on.
 */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <setjmp.h>

#include <cmocka.h>

#include "base/ring.h"
#include "stepper.h"

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

#define BITS        6u
#define SIZE        (1u << BITS)
#define MOST        128u /* tokens of a case */
#define MAX_STEPS   20000u
#define STARVE      2000u /* a victim that loses every race ends only when the other does */
#define PATIENCE_MS 10000 /* the other must finish: only a hang counts */

struct hand {
	struct baton_token t[MOST];
	unsigned n;
};

enum { VICTIM, OTHER, USERS };

struct world {
	struct ring ring;
	struct baton_token slots[SIZE];
	uint64_t cont[SIZE / 64], put_notes[SIZE], get_notes[SIZE];
	struct hand hand[USERS];
	unsigned tokens;
};

static void
put(struct world *w, int who, unsigned n)
{
	struct hand *h = &w->hand[who];

	n = ring_put(&w->ring, h->t, n < h->n ? n : h->n);
	h->n -= n;
	memmove(h->t, h->t + n, h->n * sizeof(h->t[0]));
}

static void
get(struct world *w, int who, unsigned n)
{
	struct hand *h = &w->hand[who];

	h->n += ring_get(&w->ring, h->t + h->n, n);
}

/* Put and get bursts of several sizes: both heads move, whatever the victim has reserved. */
static bool
churn(void *shared)
{
	struct world *w = shared;

	for (unsigned n = 1; n < 8; n++) {
		put(w, OTHER, n);
		get(w, OTHER, 8 - n);
	}
	return w->hand[OTHER].n <= w->tokens;
}

static void
victim_put(void *shared)
{
	put(shared, VICTIM, 9);
}

static void
victim_get(void *shared)
{
	get(shared, VICTIM, 9);
}

struct ring_case {
	const char *name;
	void (*victim)(void *shared);
	unsigned there, victims, others; /* tokens in the ring and in hand */
};

static const struct ring_case ring_cases[] = {
	{ "put", victim_put, 20, 9, 20 },
	{ "put into an almost full ring", victim_put, SIZE - 4, 9, 3 },
	{ "get", victim_get, 30, 0, 10 },
	{ "get the last ones", victim_get, 5, 0, 10 },
};

static void
give(struct world *w, int who, unsigned n)
{
	while (n--)
		w->hand[who].t[w->hand[who].n++] = (struct baton_token){ .buf = w->tokens++ };
}

static void
reset(struct world *w, const struct ring_case *c)
{
	memset(w, 0, sizeof(*w));
	ring_init(&w->ring, BITS, w->slots, w->cont, w->put_notes, w->get_notes);
	give(w, VICTIM, c->there);
	put(w, VICTIM, c->there);
	give(w, VICTIM, c->victims);
	give(w, OTHER, c->others);
}

/* Every token is in one place. */
static void
check_all(struct world *w)
{
	unsigned seen[MOST] = { 0 };

	assert_int_equal(ring_count(&w->ring), w->tokens - w->hand[VICTIM].n - w->hand[OTHER].n);
	while (ring_count(&w->ring))
		get(w, OTHER, 16);
	for (int who = 0; who < USERS; who++)
		for (unsigned i = 0; i < w->hand[who].n; i++)
			seen[w->hand[who].t[i].buf]++;
	for (unsigned i = 0; i < w->tokens; i++)
		assert_int_equal(seen[i], 1);
}

static void
run(struct stepper *s, const struct ring_case *c, unsigned first, unsigned last,
    struct stepper_result *r)
{
	struct world *w = s->ops.shared;

	reset(w, c);
	assert_int_equal(stepper_run(s, first, last, PATIENCE_MS, r), 0);
	assert_int_equal(r->blocked_at, 0);
	assert_false(r->wrong);
	check_all(w);
}

static void
step(const struct ring_case *c, struct world *w)
{
	struct stepper_ops ops = { .victim = c->victim, .other = churn, .shared = w };
	struct stepper_result every, one;
	struct stepper s;
	unsigned at = 0;

	assert_int_equal(stepper_open(&s, &ops), 0);
	run(&s, c, 1, STARVE, &every);
	do {
		at++;
		run(&s, c, at, at, &one);
	} while (one.rounds && at < MAX_STEPS);
	assert_true(at < MAX_STEPS);
	print_message("ring, %s: stopped after each of %u instructions, then once after each of "
		      "%u; nobody waited\n",
		      c->name, every.rounds, at - 1);
	stepper_close(&s);
}

static void *
map_shared(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_true(p != MAP_FAILED);
	return p;
}

static void
test_ring(void **state)
{
	struct world *w = map_shared(sizeof(*w));

	for (size_t i = 0; i < sizeof(ring_cases) / sizeof(*ring_cases); i++)
		step(&ring_cases[i], w);
	munmap(w, sizeof(*w));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ring),
	};
	int rc;

#ifdef SANITIZED
	puts("skipped: the instructions of a sanitizer are not the ones to step through");
	return 77;
#endif
#ifndef __x86_64__
	puts("skipped: single steps through another process are for x86-64 here");
	return 77;
#endif
	rc = stepper_try();
	if (rc) {
		printf("skipped: no single steps by ptrace here: %s\n", strerror(-rc));
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
