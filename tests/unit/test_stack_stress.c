/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Threads exchange blocks through the index stack; each index has one owner at any time. Each index
 * also carries plain memory that its owner writes, so that ThreadSanitizer judges the hand-over.
 */
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <setjmp.h>

#include <cmocka.h>

#include "base/stack.h"

#define THREADS  4u
#define ENTRIES  (12 * STACK_BLOCK + 17) /* few enough that the stack runs empty at times */
#define MAX_HAND (5 * STACK_BLOCK)
#define SECONDS  2

struct shared {
	struct stack stack;
	uint64_t owned[(ENTRIES + 63) / 64]; /* relaxed atomics, so that they order nothing */
	uint64_t payload[ENTRIES];           /* plain: the owner's */
	bool stop;
};

struct worker {
	struct shared *sh;
	pthread_t thread;
	struct stack_user user;
	uint32_t hand[MAX_HAND + STACK_BLOCK];
	uint32_t n;
	uint64_t seed;
	uint64_t gets, empties, faults;
};

static uint32_t
random_below(struct worker *w, uint32_t n)
{
	w->seed = w->seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(w->seed >> 33) % n;
}

static void
claim(struct worker *w, uint32_t i)
{
	uint64_t bit = 1ull << i % 64;

	if (i >= ENTRIES) {
		w->faults++;
		return;
	}
	if (__atomic_fetch_or(&w->sh->owned[i / 64], bit, __ATOMIC_RELAXED) & bit)
		w->faults++;
	if (w->sh->payload[i] != i * 3ull)
		w->faults++;
	w->sh->payload[i] = UINT64_MAX;
}

static void
disclaim(struct worker *w, uint32_t i)
{
	uint64_t bit = 1ull << i % 64;

	w->sh->payload[i] = i * 3ull;
	if (!(__atomic_fetch_and(&w->sh->owned[i / 64], ~bit, __ATOMIC_RELAXED) & bit))
		w->faults++;
}

static void
get(struct worker *w)
{
	uint32_t n = stack_get(&w->sh->stack, &w->user, w->hand + w->n);

	for (uint32_t i = 0; i < n; i++)
		claim(w, w->hand[w->n + i]);
	w->n += n;
	w->gets++;
	w->empties += !n;
}

static void
put(struct worker *w, uint32_t n)
{
	const uint32_t *idx = w->hand + w->n - n;

	for (uint32_t i = 0; i < n; i++)
		disclaim(w, idx[i]);
	w->n -= n;
	if (n == STACK_BLOCK)
		stack_put_full(&w->sh->stack, &w->user, idx);
	else
		stack_put(&w->sh->stack, &w->user, idx, n);
}

static void *
work(void *arg)
{
	struct worker *w = arg;

	while (!__atomic_load_n(&w->sh->stop, __ATOMIC_RELAXED) && !w->faults) {
		uint32_t what = random_below(w, 16);

		if (what < 8 && w->n < MAX_HAND)
			get(w);
		else if (what < 14 && w->n >= STACK_BLOCK)
			put(w, STACK_BLOCK);
		else if (what < 15 && w->n)
			put(w, 1 + random_below(w, w->n < STACK_BLOCK ? w->n : STACK_BLOCK));
		else if (what == 15)
			stack_user_release(&w->sh->stack, &w->user);
	}
	while (w->n && !w->faults)
		put(w, w->n < STACK_BLOCK ? w->n : STACK_BLOCK);
	stack_user_release(&w->sh->stack, &w->user);
	return NULL;
}

static void
fill(struct shared *sh, struct stack_user *u)
{
	uint32_t idx[STACK_BLOCK];
	uint32_t n = 0;

	for (uint32_t i = 0; i < ENTRIES; i++) {
		sh->payload[i] = i * 3ull;
		idx[n++] = i;
		if (n == STACK_BLOCK || i == ENTRIES - 1) {
			stack_put(&sh->stack, u, idx, n);
			n = 0;
		}
	}
}

static void
run(unsigned int threads, struct shared *sh, struct worker *w)
{
	struct timespec t = { .tv_sec = SECONDS };
	uint64_t gets = 0, empties = 0;

	for (unsigned int i = 0; i < threads; i++) {
		w[i] = (struct worker){ .sh = sh, .seed = i + 1 };
		assert_int_equal(pthread_create(&w[i].thread, NULL, work, &w[i]), 0);
	}
	nanosleep(&t, NULL);
	__atomic_store_n(&sh->stop, true, __ATOMIC_RELAXED);
	for (unsigned int i = 0; i < threads; i++) {
		pthread_join(w[i].thread, NULL);
		assert_int_equal(w[i].faults, 0);
		gets += w[i].gets;
		empties += w[i].empties;
	}
	print_message("%u threads: %llu gets, %llu of them from an empty stack\n", threads,
		      (unsigned long long)gets, (unsigned long long)empties);
}

static void
test_exactly_once(void **state)
{
	static struct shared sh;
	static struct worker w[THREADS];
	uint32_t n_blocks = stack_blocks_for(ENTRIES, THREADS);
	struct stack_block *blocks = aligned_alloc(64, n_blocks * sizeof(*blocks));
	struct worker last = { .sh = &sh };
	uint32_t sum = 0;

	assert_non_null(blocks);
	stack_init(&sh.stack, blocks, n_blocks);
	fill(&sh, &last.user);
	stack_user_release(&sh.stack, &last.user);
	run(THREADS, &sh, w);
	assert_int_equal(stack_count(&sh.stack), ENTRIES);
	for (last.n = 0; !sum || last.n; sum += last.n) {
		last.n = 0;
		get(&last);
	}
	assert_int_equal(sum, ENTRIES);
	assert_int_equal(last.faults, 0);
	free(blocks);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exactly_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
