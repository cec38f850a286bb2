/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The index stack under the stepper: a thread stopped after any instruction delays nobody and loses
 * nothing. The same stepper finds that DPDK's ring in multi-producer, multi-consumer mode blocks.
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

#include "base/stack.h"
#include "stepper.h"

#ifdef HAVE_RTE_RING
#include <rte_ring.h>
#endif

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

#define MAX_BLOCKS  32u
#define MAX_ENTRIES 512u
#define MAX_STEPS   20000u
#define STARVE      2000u /* a victim that loses every race ends only when the other does */
#define PATIENCE_MS 10000 /* the other must finish: only a hang counts */
#define BLOCKED_MS  300   /* the other is expected to hang */

struct hand {
	uint32_t idx[MAX_ENTRIES];
	uint32_t n;
};

enum { VICTIM, OTHER, USERS };

struct world {
	struct stack stack;
	struct stack_user user[USERS];
	struct hand hand[USERS];
	uint32_t entries;
	uint32_t put_n;
	struct stack_block block[MAX_BLOCKS];
};

static void
put(struct world *w, int who, uint32_t n)
{
	struct hand *h = &w->hand[who];

	h->n -= n;
	if (n == STACK_BLOCK)
		stack_put_full(&w->stack, &w->user[who], h->idx + h->n);
	else
		stack_put(&w->stack, &w->user[who], h->idx + h->n, n);
}

static uint32_t
get(struct world *w, int who)
{
	struct hand *h = &w->hand[who];
	uint32_t n = stack_get(&w->stack, &w->user[who], h->idx + h->n);

	h->n += n;
	return n;
}

/* Take all there is, put it back in another order: every head moves, every block is recycled. */
static bool
churn(void *shared)
{
	struct world *w = shared;
	struct hand *h = &w->hand[OTHER];

	while (get(w, OTHER))
		if (h->n > w->entries)
			return false;
	while (h->n >= STACK_BLOCK)
		put(w, OTHER, STACK_BLOCK);
	if (h->n)
		put(w, OTHER, h->n);
	return true;
}

static void
victim_put(void *shared)
{
	struct world *w = shared;

	put(w, VICTIM, w->put_n);
}

static void
victim_get(void *shared)
{
	get(shared, VICTIM);
}

struct stack_case {
	const char *name;
	void (*victim)(void *shared);
	uint32_t full;
	uint32_t partial;
	uint32_t hand;
	uint32_t spares;
};

static const struct stack_case stack_cases[] = {
	{ "put a full block", victim_put, .full = 3, .partial = 30, .hand = 62, .spares = 1 },
	{ "put with no spare block", victim_put, .full = 2, .hand = 62 },
	{ "put, merging", victim_put, .full = 2, .partial = 30, .hand = 45, .spares = 2 },
	{ "get a full block", victim_get, .full = 3, .partial = 30 },
	{ "get a partial block", victim_get, .partial = 30, .spares = 2 },
};

static void
give(struct world *w, int who, uint32_t n)
{
	while (n--)
		w->hand[who].idx[w->hand[who].n++] = w->entries++;
}

static void
reset(struct world *w, const struct stack_case *c)
{
	uint32_t total = c->full * STACK_BLOCK + c->partial + c->hand;

	memset(w, 0, sizeof(*w));
	stack_init(&w->stack, w->block, stack_blocks_for(total, USERS));
	for (uint32_t i = 0; i < c->full; i++) {
		give(w, VICTIM, STACK_BLOCK);
		put(w, VICTIM, STACK_BLOCK);
	}
	if (c->partial) {
		give(w, VICTIM, c->partial);
		put(w, VICTIM, c->partial);
	}
	give(w, VICTIM, c->hand);
	w->put_n = c->hand;
	while (w->user[VICTIM].n_spare < c->spares)
		w->user[VICTIM].spare[w->user[VICTIM].n_spare++] =
			stack_pop_block(&w->stack.spare, w->block);
}

/* Every index is in one place, and all blocks are there. */
static void
check_all(struct world *w)
{
	unsigned int seen[MAX_ENTRIES] = { 0 };
	uint32_t blocks = 0;

	while (get(w, OTHER))
		assert_true(w->hand[OTHER].n <= w->entries);
	for (int who = 0; who < USERS; who++) {
		for (uint32_t i = 0; i < w->hand[who].n; i++) {
			assert_true(w->hand[who].idx[i] < w->entries);
			seen[w->hand[who].idx[i]]++;
		}
		stack_user_release(&w->stack, &w->user[who]);
	}
	for (uint32_t i = 0; i < w->entries; i++)
		assert_int_equal(seen[i], 1);
	while (stack_pop_block(&w->stack.spare, w->block) != STACK_NIL)
		assert_true(++blocks <= w->stack.n_blocks);
	assert_int_equal(blocks, w->stack.n_blocks);
}

static void *
map_shared(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_true(p != MAP_FAILED);
	return p;
}

static void
run_stack(struct stepper *s, const struct stack_case *c, unsigned int first, unsigned int last,
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
step_stack(const struct stack_case *c)
{
	struct world *w = map_shared(sizeof(*w));
	struct stepper_ops ops = { .victim = c->victim, .other = churn, .shared = w };
	struct stepper_result every, one;
	struct stepper s;
	unsigned int at = 0;

	assert_int_equal(stepper_open(&s, &ops), 0);
	run_stack(&s, c, 1, STARVE, &every);
	do {
		at++;
		run_stack(&s, c, at, at, &one);
	} while (one.rounds && at < MAX_STEPS);
	assert_true(at < MAX_STEPS);
	print_message("stack, %s: stopped after each of %u instructions, then once after each of "
		      "%u; nobody blocked\n",
		      c->name, every.rounds, at - 1);
	stepper_close(&s);
	munmap(w, sizeof(*w));
}

static void
test_stack(void **state)
{
	for (size_t i = 0; i < sizeof(stack_cases) / sizeof(*stack_cases); i++)
		step_stack(&stack_cases[i]);
}

#ifdef HAVE_RTE_RING

#define RING_SIZE 64u

static void
ring_enqueue(void *shared)
{
	rte_ring_enqueue(shared, shared);
}

static void
ring_dequeue(void *shared)
{
	void *obj;

	rte_ring_dequeue(shared, &obj);
}

static bool
ring_churn(void *shared)
{
	void *obj;

	return !rte_ring_enqueue(shared, shared) && !rte_ring_dequeue(shared, &obj);
}

static void
reset_ring(struct rte_ring *ring)
{
	assert_int_equal(rte_ring_init(ring, "stepper", RING_SIZE, 0), 0);
	for (int i = 0; i < 8; i++)
		assert_int_equal(rte_ring_enqueue(ring, ring), 0);
}

static void
step_ring(const char *name, void (*victim)(void *shared))
{
	size_t size = (size_t)rte_ring_get_memsize(RING_SIZE);
	struct rte_ring *ring = map_shared(size);
	struct stepper_ops ops = { .victim = victim, .other = ring_churn, .shared = ring };
	struct stepper_result r;
	struct stepper s;
	unsigned int at = 0;

	reset_ring(ring);
	assert_int_equal(stepper_open(&s, &ops), 0);
	do {
		at++;
		reset_ring(ring);
		assert_int_equal(stepper_run(&s, at, at, BLOCKED_MS, &r), 0);
		assert_false(r.wrong);
	} while (!r.blocked_at && r.rounds && at < MAX_STEPS);
	stepper_close(&s);
	munmap(ring, size);
	assert_true(r.blocked_at);
	print_message("rte_ring MP/MC, %s: blocked: with one stopped after instruction %u the "
		      "other waits until instruction %u of %u\n",
		      name, r.blocked_at, r.freed_at ? r.freed_at : r.instructions, r.instructions);
}

static void
test_ring(void **state)
{
	step_ring("enqueue", ring_enqueue);
	step_ring("dequeue", ring_dequeue);
}

#else

static void
test_ring(void **state)
{
	print_message("built without librte_ring\n");
	skip();
}

#endif

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stack),
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
