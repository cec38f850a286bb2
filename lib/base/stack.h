/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A lock-free stack of index blocks: a free list whose shared head is touched once per 62 entries.
 *
 * A block is a record of up to STACK_BLOCK indexes. The stack holds full blocks, partial blocks and
 * spare (empty) blocks on three heads. A head is 64 bits, {tag:40, block:24}; every successful push
 * and pop adds one to the tag.
 *
 * Memory order. Push writes the block's entries and `next` first, then publishes by a
 * compare-and-swap with release; pop loads the head with acquire, so what it reads through the head
 * was written before. Read-modify-writes continue a release sequence (C17 5.1.2.4 p10), so a popper
 * that finds a head written by another pop still synchronizes with the push that put this block
 * there. A popped block is its popper's alone: entries are plain memory.
 *
 * `next` may be read by a thread about to lose the race (the block was popped, perhaps pushed
 * again), so it is a relaxed atomic. A winner never uses a `next` from a later life of the block:
 * that value is stored by a thread that popped the block after the winner's compare-and-swap, and
 * so acquired it; the winner's load comes before its own release. This is why pop releases too. A
 * loser discards what it read: the tag has moved. ABA needs the tag to come round, 2^40 operations
 * between a load and its compare-and-swap: 3 hours of stall at 10^8 operations a second.
 *
 * Progress. A compare-and-swap fails because another thread's succeeded (or spuriously, where the
 * machine has load-linked and store-conditional); a thread stopped anywhere delays nobody.
 *
 * Proof. tests/unit: test_stack_model (all interleavings of small cases, planted bugs found),
 * test_stack_stepper (stopped after each instruction), test_stack_stress (ThreadSanitizer).
 */
#ifndef BATON_BASE_STACK_H
#define BATON_BASE_STACK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/atomic.h"

#define STACK_BLOCK      62u
#define STACK_NIL        0xffffffu
#define STACK_MAX_BLOCKS (STACK_NIL - 1)

struct stack_block {
	uint32_t next; /* the block below, or STACK_NIL; relaxed atomic */
	uint32_t n;    /* entries; relaxed atomic, as stack_count() reads any block */
	uint32_t idx[STACK_BLOCK];
};

_Static_assert(sizeof(struct stack_block) == 256, "four cache lines");

struct stack_head {
	_Alignas(64) uint64_t word; /* {tag:40, block:24} */
};

struct stack {
	struct stack_head full;    /* blocks of exactly STACK_BLOCK entries */
	struct stack_head partial; /* blocks of fewer entries; never more blocks than users */
	struct stack_head spare;
	struct stack_block *blocks;
	uint32_t n_blocks;
};

static inline void
stack_push_block(struct stack_head *head, struct stack_block *blocks, uint32_t b)
{
	uint64_t old = atomic_load64_relaxed(&head->word);
	uint64_t new;

	do {
		atomic_store32_relaxed(&blocks[b].next, (uint32_t)(old & STACK_NIL));
		new = ((old >> 24) + 1) << 24 | b;
	} while (!atomic_cas64_acq_rel(&head->word, &old, new));
}

/* Return: a block that belongs to the caller now, or STACK_NIL. */
static inline uint32_t
stack_pop_block(struct stack_head *head, struct stack_block *blocks)
{
	uint64_t old = atomic_load64_acquire(&head->word);
	uint64_t new;
	uint32_t b;

	do {
		b = (uint32_t)(old & STACK_NIL);
		if (b == STACK_NIL)
			return STACK_NIL;
		new = ((old >> 24) + 1) << 24 | atomic_load32_relaxed(&blocks[b].next);
	} while (!atomic_cas64_acq_rel(&head->word, &old, new));
	return b;
}

/**
 * Count the blocks that are needed for @entries indexes and @users users at a time, each of which
 * may keep STACK_SPARES blocks.
 *
 * Return: the number of blocks; 0 if it is more than STACK_MAX_BLOCKS.
 */
uint32_t stack_blocks_for(uint32_t entries, uint32_t users);

#define STACK_SPARES 2u

/* What one user (a worker's cache) keeps, so that an exchange costs one compare-and-swap. */
struct stack_user {
	uint32_t spare[STACK_SPARES];
	uint32_t n_spare;
};

/** Make an empty stack of @blocks, which the caller has allocated (stack_blocks_for() of them). */
void stack_init(struct stack *s, struct stack_block *blocks, uint32_t n_blocks);

/**
 * Make a stack of the indexes below @count, the lowest on top. free(s->blocks) frees it.
 *
 * @u: state of the caller, one of @users. Return: false if memory is short.
 */
bool stack_create(struct stack *s, struct stack_user *u, uint32_t count, uint32_t users);

/**
 * Put exactly STACK_BLOCK indexes. The program stops if there are more users or entries than the
 * stack was made for.
 */
void stack_put_full(struct stack *s, struct stack_user *u, const uint32_t *idx);

/**
 * Put 1 to STACK_BLOCK indexes, and merge them with a partial block if there is one. For set-up and
 * flushes.
 */
void stack_put(struct stack *s, struct stack_user *u, const uint32_t *idx, uint32_t n);

/**
 * Get the entries of one block, at most STACK_BLOCK.
 *
 * Return: the number of entries; 0 if the stack is empty. Entries that another thread is merging
 * are not found.
 */
uint32_t stack_get(struct stack *s, struct stack_user *u, uint32_t *idx);

/** Return the spare blocks of a user. */
void stack_user_release(struct stack *s, struct stack_user *u);

/**
 * Count the entries on the stack. The count is exact while no other thread uses the stack. The loop
 * ends after n_blocks, whatever it reads.
 */
uint32_t stack_count(const struct stack *s);

#endif
