/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/stack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Where the blocks outside the spare head can be, in any state reached by any interleaving:
 *
 * - full head: entries / STACK_BLOCK, since an entry is in one place and each such block holds
 *   STACK_BLOCK.
 * - partial head: at most `users`. Count these blocks and the users about to push one. A user about
 *   to push either popped one (the count stays) or found the head empty (then only users are
 *   counted, each once). Nothing else adds.
 * - a user: STACK_SPARES kept and one in hand, the block it has just popped and not yet put away.
 *
 * One asks the spare head only with no spare and nothing in hand, so STACK_SPARES + 1 blocks are
 * left for it whatever the others do. "State" is a cut of happens-before: every change of a head is
 * acquire and release, so the pop that empties the spare head has all the changes before it in its
 * past, and the count holds there on any machine.
 */
uint32_t
stack_blocks_for(uint32_t entries, uint32_t users)
{
	uint64_t n = entries / STACK_BLOCK + (uint64_t)users * (1 + STACK_SPARES + 1);

	return n > STACK_MAX_BLOCKS ? 0 : (uint32_t)n;
}

void
stack_init(struct stack *s, struct stack_block *blocks, uint32_t n_blocks)
{
	s->full.word = s->partial.word = s->spare.word = STACK_NIL;
	s->blocks = blocks;
	s->n_blocks = n_blocks;
	for (uint32_t b = 0; b < n_blocks; b++) {
		atomic_store32_relaxed(&blocks[b].n, 0);
		stack_push_block(&s->spare, blocks, b);
	}
}

static uint32_t
spare_get(struct stack *s, struct stack_user *u)
{
	uint32_t b;

	if (u->n_spare)
		return u->spare[--u->n_spare];
	b = stack_pop_block(&s->spare, s->blocks);
	if (b == STACK_NIL) {
		/*
		 * An index was put twice, or there are too many users. To continue would write
		 * outside the blocks.
		 */
		fprintf(stderr, "baton: index stack: more users or entries than sized for\n");
		abort();
	}
	return b;
}

static void
spare_put(struct stack *s, struct stack_user *u, uint32_t b)
{
	if (u->n_spare < STACK_SPARES)
		u->spare[u->n_spare++] = b;
	else
		stack_push_block(&s->spare, s->blocks, b);
}

static void
put_block(struct stack *s, struct stack_user *u, struct stack_head *head, const uint32_t *idx,
	  uint32_t n)
{
	uint32_t b = spare_get(s, u);

	memcpy(s->blocks[b].idx, idx, n * sizeof(*idx));
	atomic_store32_relaxed(&s->blocks[b].n, n);
	stack_push_block(head, s->blocks, b);
}

void
stack_put_full(struct stack *s, struct stack_user *u, const uint32_t *idx)
{
	put_block(s, u, &s->full, idx, STACK_BLOCK);
}

void
stack_put(struct stack *s, struct stack_user *u, const uint32_t *idx, uint32_t n)
{
	uint32_t both[2 * STACK_BLOCK];
	uint32_t b, m;

	memcpy(both, idx, n * sizeof(*idx));
	if (n < STACK_BLOCK) {
		b = stack_pop_block(&s->partial, s->blocks);
		if (b != STACK_NIL) {
			m = atomic_load32_relaxed(&s->blocks[b].n);
			memcpy(both + n, s->blocks[b].idx, m * sizeof(*idx));
			n += m;
			spare_put(s, u, b);
		}
	}
	if (n >= STACK_BLOCK) {
		n -= STACK_BLOCK;
		stack_put_full(s, u, both + n);
	}
	if (n)
		put_block(s, u, &s->partial, both, n);
}

uint32_t
stack_get(struct stack *s, struct stack_user *u, uint32_t *idx)
{
	uint32_t b = stack_pop_block(&s->full, s->blocks);
	uint32_t n;

	if (b == STACK_NIL)
		b = stack_pop_block(&s->partial, s->blocks);
	if (b == STACK_NIL)
		return 0;
	n = atomic_load32_relaxed(&s->blocks[b].n);
	memcpy(idx, s->blocks[b].idx, n * sizeof(*idx));
	spare_put(s, u, b);
	return n;
}

void
stack_user_release(struct stack *s, struct stack_user *u)
{
	while (u->n_spare)
		stack_push_block(&s->spare, s->blocks, u->spare[--u->n_spare]);
}

static uint32_t
count_blocks(const struct stack *s, const struct stack_head *head)
{
	uint32_t b = (uint32_t)(atomic_load64_acquire(&head->word) & STACK_NIL);
	uint32_t sum = 0;

	for (uint32_t i = 0; b != STACK_NIL && i < s->n_blocks; i++) {
		sum += atomic_load32_relaxed(&s->blocks[b].n);
		b = atomic_load32_relaxed(&s->blocks[b].next);
	}
	return sum;
}

uint32_t
stack_count(const struct stack *s)
{
	return count_blocks(s, &s->full) + count_blocks(s, &s->partial);
}

bool
stack_create(struct stack *s, struct stack_user *u, uint32_t count, uint32_t users)
{
	uint32_t n_blocks = stack_blocks_for(count, users);
	struct stack_block *blocks = aligned_alloc(64, (size_t)n_blocks * sizeof(*blocks));

	if (!blocks)
		return false;
	stack_init(s, blocks, n_blocks);
	for (uint32_t left = count; left;) {
		uint32_t idx[STACK_BLOCK];
		uint32_t n = left % STACK_BLOCK ? left % STACK_BLOCK : STACK_BLOCK;

		left -= n;
		for (uint32_t i = 0; i < n; i++)
			idx[i] = left + n - 1 - i;
		stack_put(s, u, idx, n);
	}
	return true;
}
