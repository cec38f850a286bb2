/* SPDX-License-Identifier: BSD-3-Clause */
/* The index stack used by one thread at a time. */
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>

#include <cmocka.h>

#include "base/stack.h"

#define ENTRIES 1000u
#define USERS   64u

struct fixture {
	struct stack stack;
	struct stack_user user[USERS];
	struct stack_block *blocks;
	uint32_t n_blocks;
};

static int
setup(void **state)
{
	struct fixture *f = aligned_alloc(64, sizeof(*f));

	if (!f)
		return -1;
	memset(f, 0, sizeof(*f));
	f->n_blocks = stack_blocks_for(ENTRIES, USERS);
	f->blocks = aligned_alloc(64, f->n_blocks * sizeof(*f->blocks));
	if (!f->blocks)
		return -1;
	stack_init(&f->stack, f->blocks, f->n_blocks);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	free(f->blocks);
	free(f);
	return 0;
}

/* Put @first .. @first + @n - 1. */
static void
put(struct fixture *f, unsigned int u, uint32_t first, uint32_t n)
{
	uint32_t idx[STACK_BLOCK];

	for (uint32_t i = 0; i < n; i++)
		idx[i] = first + i;
	stack_put(&f->stack, &f->user[u], idx, n);
}

static uint32_t
chain(const struct fixture *f, const struct stack_head *head)
{
	uint32_t n = 0;

	for (uint32_t b = (uint32_t)(head->word & STACK_NIL); b != STACK_NIL; b = f->blocks[b].next)
		assert_true(++n <= f->n_blocks);
	return n;
}

static uint64_t
tag(const struct stack_head *head)
{
	return head->word >> 24;
}

static void
test_empty(void **state)
{
	struct fixture *f = *state;
	uint32_t idx[STACK_BLOCK];

	assert_int_equal(stack_count(&f->stack), 0);
	assert_int_equal(stack_get(&f->stack, f->user, idx), 0);
	assert_int_equal(chain(f, &f->stack.spare), f->n_blocks);
}

static void
test_full_blocks_are_last_in_first_out(void **state)
{
	struct fixture *f = *state;
	uint32_t idx[STACK_BLOCK];

	for (uint32_t k = 0; k < 3; k++) {
		for (uint32_t i = 0; i < STACK_BLOCK; i++)
			idx[i] = k * STACK_BLOCK + i;
		stack_put_full(&f->stack, f->user, idx);
	}
	assert_int_equal(stack_count(&f->stack), 3 * STACK_BLOCK);
	for (uint32_t k = 3; k-- > 0;) {
		assert_int_equal(stack_get(&f->stack, f->user, idx), STACK_BLOCK);
		for (uint32_t i = 0; i < STACK_BLOCK; i++)
			assert_int_equal(idx[i], k * STACK_BLOCK + i);
	}
	assert_int_equal(stack_get(&f->stack, f->user, idx), 0);
}

static void
test_partial_blocks_merge(void **state)
{
	struct fixture *f = *state;
	uint32_t idx[STACK_BLOCK];

	put(f, 0, 0, 20);
	put(f, 0, 20, 20);
	assert_int_equal(stack_count(&f->stack), 40);
	assert_int_equal(chain(f, &f->stack.partial), 1);
	put(f, 0, 40, 30);
	assert_int_equal(chain(f, &f->stack.full), 1);
	assert_int_equal(chain(f, &f->stack.partial), 1);
	assert_int_equal(stack_count(&f->stack), 70);
	assert_int_equal(stack_get(&f->stack, f->user, idx), STACK_BLOCK);
	assert_int_equal(stack_get(&f->stack, f->user, idx), 70 - STACK_BLOCK);
	assert_int_equal(stack_get(&f->stack, f->user, idx), 0);
}

static void
test_merge_to_exactly_one_block(void **state)
{
	struct fixture *f = *state;

	put(f, 0, 0, 1);
	put(f, 0, 1, STACK_BLOCK - 1);
	assert_int_equal(chain(f, &f->stack.full), 1);
	assert_int_equal(chain(f, &f->stack.partial), 0);
	put(f, 0, STACK_BLOCK, STACK_BLOCK);
	assert_int_equal(chain(f, &f->stack.full), 2);
	assert_int_equal(stack_count(&f->stack), 2 * STACK_BLOCK);
}

static void
test_every_size_comes_back_once(void **state)
{
	struct fixture *f = *state;
	uint32_t idx[STACK_BLOCK];

	for (uint32_t size = 1; size <= STACK_BLOCK; size++) {
		uint8_t seen[ENTRIES] = { 0 };
		uint32_t sum = 0, n;

		for (uint32_t first = 0; first < ENTRIES; first += size)
			put(f, 0, first, size < ENTRIES - first ? size : ENTRIES - first);
		assert_int_equal(stack_count(&f->stack), ENTRIES);
		while ((n = stack_get(&f->stack, f->user, idx))) {
			sum += n;
			while (n--)
				assert_int_equal(seen[idx[n]]++, 0);
		}
		assert_int_equal(sum, ENTRIES);
	}
	stack_user_release(&f->stack, f->user);
	assert_int_equal(chain(f, &f->stack.spare), f->n_blocks);
}

static void
test_spares_are_bounded_and_save_exchanges(void **state)
{
	struct fixture *f = *state;
	uint32_t idx[STACK_BLOCK];
	uint64_t before;

	for (uint32_t k = 0; k < 5; k++)
		put(f, 0, k * STACK_BLOCK, STACK_BLOCK);
	for (uint32_t k = 0; k < 5; k++)
		stack_get(&f->stack, &f->user[1], idx);
	assert_int_equal(f->user[0].n_spare, 0);
	assert_int_equal(f->user[1].n_spare, STACK_SPARES);
	before = tag(&f->stack.spare);
	put(f, 1, 0, STACK_BLOCK);
	stack_get(&f->stack, &f->user[1], idx);
	assert_int_equal(tag(&f->stack.spare), before);
	stack_user_release(&f->stack, &f->user[1]);
	assert_int_equal(f->user[1].n_spare, 0);
	assert_int_equal(chain(f, &f->stack.spare), f->n_blocks);
}

static void
test_each_change_moves_the_tag(void **state)
{
	struct fixture *f = *state;
	uint32_t idx[STACK_BLOCK];

	f->stack.full.word |= ~(uint64_t)STACK_NIL; /* the last tag before it comes round */
	put(f, 0, 0, STACK_BLOCK);
	assert_int_equal(tag(&f->stack.full), 0);
	assert_int_equal(stack_get(&f->stack, f->user, idx), STACK_BLOCK);
	assert_int_equal(tag(&f->stack.full), 1);
	assert_int_equal(stack_get(&f->stack, f->user, idx), 0);
	assert_int_equal(tag(&f->stack.full), 1);
}

/*
 * The worst the users can do, arranged by hand: the full head as long as it gets, a partial block
 * for every user (each found the head empty before any pushed), all spares kept, a block in hand.
 */
static void
test_worst_case_leaves_blocks(void **state)
{
	struct fixture *f = *state;
	uint32_t taken = ENTRIES / STACK_BLOCK + USERS;

	for (uint32_t i = 0; i < taken; i++)
		assert_int_not_equal(stack_pop_block(&f->stack.spare, f->blocks), STACK_NIL);
	for (uint32_t u = 1; u < USERS; u++)
		for (uint32_t i = 0; i < STACK_SPARES + 1; i++)
			assert_int_not_equal(stack_pop_block(&f->stack.spare, f->blocks),
					     STACK_NIL);
	assert_int_equal(chain(f, &f->stack.spare), STACK_SPARES + 1);
}

static void
test_sizes(void **state)
{
	assert_int_equal(stack_blocks_for(0, 1), STACK_SPARES + 2);
	assert_int_equal(stack_blocks_for(STACK_BLOCK, 1), STACK_SPARES + 3);
	assert_int_equal(stack_blocks_for(UINT32_MAX, 1), 0);
	assert_int_equal(stack_blocks_for(1, UINT32_MAX), 0);
	assert_int_equal(stack_blocks_for((STACK_MAX_BLOCKS - 4) * STACK_BLOCK, 1),
			 STACK_MAX_BLOCKS);
}

/* An index put more often than it was got must not write outside the blocks. */
static void
test_exhaustion_stops_the_program(void **state)
{
	struct fixture *f = *state;
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		signal(SIGABRT, SIG_DFL); /* cmocka may have its own */
		if (!freopen("/dev/null", "w", stderr))
			_exit(1);
		for (uint32_t i = 0; i <= f->n_blocks; i++)
			put(f, 0, 0, STACK_BLOCK);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
}

#define WITH_STACK(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_STACK(test_empty),
		WITH_STACK(test_full_blocks_are_last_in_first_out),
		WITH_STACK(test_partial_blocks_merge),
		WITH_STACK(test_merge_to_exactly_one_block),
		WITH_STACK(test_every_size_comes_back_once),
		WITH_STACK(test_spares_are_bounded_and_save_exchanges),
		WITH_STACK(test_each_change_moves_the_tag),
		WITH_STACK(test_worst_case_leaves_blocks),
		cmocka_unit_test(test_sizes),
		WITH_STACK(test_exhaustion_stops_the_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
