/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A ring of tokens between threads: bounded, first in first out, whole packets only.
 *
 * Positions count tokens and never wrap (64 bits); position p has slot p & mask. Each side has a
 * head, up to which positions are reserved, and a tail, up to which they are done: producers'
 * `tail` is what can be taken, consumers' `tail` plus the size is how far producers may go. A call
 * reserves positions at its side's head, copies tokens, and advances its side's tail.
 *
 * One thread on a side: head and tail are one number, which that thread alone writes.
 *
 * Several: the head moves by compare-and-swap. The tail is advanced in the order of positions. Who
 * is done while the tail is at his first position stores the new tail: nobody else can, since
 * only he and those before him move the tail there. Who is done earlier leaves a note at his first
 * position, {lap, length}, and goes; whoever finds the tail at a note moves it on, by
 * compare-and-swap. A note is for one position of one lap, so that an old one is none. Nobody
 * waits: a thread that is stopped between its head and its tail delays only the tokens, or the use
 * of the room, behind it.
 *
 * Memory order. A tail is published with release and read with acquire: who takes tokens sees them,
 * and who finds room sees that those who took them are done copying. Who advances a tail, by
 * whichever way, has read its old value with acquire, so that the new one publishes all before it.
 * A head is read with acquire and moved with release, so that a tail that is read after a head is
 * at least as new as that which the head's last mover has seen: room is never negative. What a
 * stale head makes a thread read (`cont` only, relaxed) is dropped, as its compare-and-swap fails.
 *
 * A note and the tail are a store and a load on either side, in either order: who leaves a note has
 * a full barrier before it looks at the tail again, who stores the tail has none before it looks
 * for a note. So a note may be overlooked. It is found by whoever comes next: each call that finds
 * fewer tokens, or less room, than it wants looks for notes (ring_help()).
 *
 * Packets. `cont` has a bit for each slot whose token continues in the next one. It is written
 * before the tail. Until there was such a token, `chained` is 0 and nobody looks at the bits, which
 * are 0: whoever sees tokens, or the room after them, sees what was written before. A reservation
 * ends with a packet, so what lies between head and tail begins and ends with one.
 *
 * Wake-ups. `wake` is {woken:1, count:63} of those who sleep. A producer publishes and then reads
 * it; who is about to sleep counts itself and then looks for tokens. The barrier between the two of
 * the producer is the sleeper's: membarrier_all(), or, where there is none, the producers' own
 * (`fenced`). One signal wakes, until whoever wakes has drained it and said so.
 *
 * Proof. tests/unit: test_ring_model (all interleavings of small cases, planted bugs found),
 * test_ring_stepper (stopped after each instruction), test_ring (ThreadSanitizer).
 */
#ifndef BATON_BASE_RING_H
#define BATON_BASE_RING_H

#include <stdbool.h>
#include <stddef.h>

#include <baton/token.h>

#include "base/atomic.h"

#define RING_LEAST 64u        /* tokens of a ring, as a word of `cont` has bits */
#define RING_MOST  (1u << 20) /* tokens of a ring */

struct ring_side {
	_Alignas(64) uint64_t head; /* several threads only */
	_Alignas(64) uint64_t tail;
	uint64_t seen;   /* one thread: the other side's tail when it last looked */
	uint64_t *notes; /* by slot; NULL: one thread only */
};

#define RING_WOKEN (1ull << 63)

struct ring {
	struct baton_token *slots;
	uint64_t *cont;
	uint64_t size; /* tokens, a power of two */
	uint32_t bits; /* size is 1 << bits */
	bool fenced;
	bool wide; /* the CPU copies two tokens at a time */
	_Alignas(64) uint64_t wake;
	uint64_t chained;
	struct ring_side prod, cons;
};

/**
 * Make an empty ring.
 *
 * @slots: 1 << @bits tokens. @cont: a bit for each. @prod_notes, @cons_notes: a word for each; NULL
 * if only one thread is on that side.
 */
void ring_init(struct ring *r, uint32_t bits, struct baton_token *slots, uint64_t *cont,
	       uint64_t *prod_notes, uint64_t *cons_notes);

/**
 * Put tokens of whole packets, as many as there is room for.
 *
 * Return: the number of tokens put; 0 if there is no room for the first packet, or it does not end
 * within @n.
 */
unsigned ring_put(struct ring *r, const struct baton_token *t, unsigned n);

/**
 * How many tokens there is room for. It is counted anew where it was less than @want, and only
 * then.
 *
 * The one thread that puts. Return: the number of tokens; a later one is at least as large, but for
 * what was put meanwhile.
 */
uint64_t ring_room(struct ring *r, uint64_t want);

/**
 * Get tokens of whole packets, @n at most.
 *
 * Return: the number of tokens; 0 if there is none, or if the first packet has more than @n
 * (ring_first()).
 */
unsigned ring_get(struct ring *r, struct baton_token *t, unsigned n);

/** The same, and packets may be cut: for who takes all there is, alone. */
unsigned ring_get_any(struct ring *r, struct baton_token *t, unsigned n);

/** Tokens that were put and not taken. Exact while no other thread uses the ring. */
uint64_t ring_count(struct ring *r);

/** The position of the first of them, and the token at one, which may be changed meanwhile. */
uint64_t ring_begin(const struct ring *r);
struct baton_token ring_look(const struct ring *r, uint64_t at);

/** Tokens of the first packet. Return: 0 if there is none. */
unsigned ring_first(struct ring *r);

/**
 * Count the caller as one who is about to sleep. Return: false if there are tokens: do not sleep.
 */
bool ring_sleep(struct ring *r);

/** It does not sleep any more, and has drained what woke it. */
void ring_wake(struct ring *r);

/* ring_wants_signal() where somebody sleeps. Return: whether it is the caller who must signal. */
bool ring_claim_signal(struct ring *r, uint64_t wake);

/** After ring_put(): whether the caller must signal to those who sleep. */
static inline bool
ring_wants_signal(struct ring *r)
{
	uint64_t wake;

	if (baton_unlikely(r->fenced))
		atomic_fence();
	else
		__asm__ __volatile__("" ::: "memory");
	wake = atomic_load64_relaxed(&r->wake);
	return baton_unlikely(wake) && ring_claim_signal(r, wake);
}

#endif
