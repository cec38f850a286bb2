/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/stack.h"

#include <assert.h>
#include <string.h>

uint32_t
stack_blocks_for(uint32_t entries, uint32_t users)
{
	/* A user holds its spares, one block in hand and one it is merging; every partial had a user in hand. */
	return entries / STACK_BLOCK + 1 + users * (STACK_SPARES + 3);
}

void
stack_init(struct stack *s, struct stack_block *blocks, uint32_t n_blocks)
{
	s->full.word = s->partial.word = s->spare.word = STACK_NIL;
	s->blocks = blocks;
	s->n_blocks = n_blocks;
	for (uint32_t b = 0; b < n_blocks; b++) {
		blocks[b].n = 0;
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
	assert(b != STACK_NIL); /* stack_blocks_for() counts one for everybody */
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
	s->blocks[b].n = n;
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
	uint32_t b;

	memcpy(both, idx, n * sizeof(*idx));
	if (n < STACK_BLOCK) {
		b = stack_pop_block(&s->partial, s->blocks);
		if (b != STACK_NIL) {
			memcpy(both + n, s->blocks[b].idx, s->blocks[b].n * sizeof(*idx));
			n += s->blocks[b].n;
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
	n = s->blocks[b].n;
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
		sum += s->blocks[b].n;
		b = atomic_load32_relaxed(&s->blocks[b].next);
	}
	return sum;
}

uint32_t
stack_count(const struct stack *s)
{
	return count_blocks(s, &s->full) + count_blocks(s, &s->partial);
}
