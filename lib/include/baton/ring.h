/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Token rings: packets handed from one thread to another.
 *
 * A ring is bounded, first in first out, and has whole packets only: a packet of several tokens is
 * put and taken all at once or not at all. Tokens in a ring are the application's, as before and
 * after: whoever takes one has the right to its buffer that whoever put it has given away. The ring
 * does not look at what it passes on; a wrong token is refused by the call that uses it.
 *
 * Whatever a thread has written before baton_ring_enqueue(), to the packets or elsewhere, is
 * visible to the thread that takes the tokens, after baton_ring_dequeue(). The other way round:
 * what the taker has done before it took tokens does not order anything for who puts others later.
 *
 * No call waits for another thread. One that is stopped in the middle of a call delays only the
 * tokens behind those that it puts, or the use of the room behind those that it takes.
 */
#ifndef BATON_RING_H
#define BATON_RING_H

#include <baton/pool.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BATON_MAX_RINGS    256u       /* number of rings of a context, at most */
#define BATON_MAX_RING     (1u << 20) /* tokens of a ring, at most */
#define BATON_DEFAULT_RING 1024u      /* tokens of a ring, unless it is told otherwise */

struct baton_ring;

/** Configuration of a ring. */
struct baton_ring_config {
	size_t size;       /* sizeof(struct baton_ring_config), in bytes */
	const char *name;  /* shown in reports; NULL: "ring" and a number */
	uint32_t capacity; /* tokens that it takes, BATON_MAX_RING at most; rounded up to a power of
			      two, 64 at least; 0: BATON_DEFAULT_RING */
	uint32_t reserved; /* 0 */
	/* The only worker whose thread puts tokens, which is faster; NULL: any threads do. */
	struct baton_worker *producer;
	/*
	 * The only worker whose thread takes tokens, which is faster; NULL: any threads do. The
	 * ring is one of those that baton_worker_arm() of this worker waits for.
	 */
	struct baton_worker *consumer;
};

/* baton_ring_config_init() for a struct of @size bytes. */
BATON_API void baton_ring_config_init_(struct baton_ring_config *config, size_t size);

/**
 * Set a configuration to the defaults, its size included.
 *
 * This function cannot fail.
 *
 * @config: receives the defaults.
 *
 * Thread: any thread.
 */
static inline void
baton_ring_config_init(struct baton_ring_config *config)
{
	baton_ring_config_init_(config, sizeof(*config));
}

/**
 * Create a ring. It allocates all of its memory now: 32 bytes a token at most.
 *
 * @ctx:    the context.
 * @config: the configuration; NULL for the defaults.
 * @out:    receives the ring.
 *
 * Thread: the control thread.
 * Return: 0 on success; -EINVAL if the configuration is invalid (the error message has the limits);
 * -ENOSPC if the context has BATON_MAX_RINGS rings; -ENOMEM if memory is short; -EMFILE or -ENFILE
 * if no file descriptor is left.
 */
BATON_API int baton_ring_create(struct baton_ctx *ctx, const struct baton_ring_config *config,
				struct baton_ring **out);

/**
 * Destroy a ring that is empty.
 *
 * No other thread may be in a call on the ring. baton_ring_drain() frees what is in it.
 *
 * @ring: the ring.
 *
 * Thread: the control thread.
 * Return: 0 on success; -EBUSY if there are tokens in it: the error message has their number, and
 * the ring stays as it is.
 */
BATON_API int baton_ring_destroy(struct baton_ring *ring);

/**
 * Take all tokens that are in a ring, and free their buffers.
 *
 * @ring:   the ring.
 * @worker: the worker whose caches get the buffers; the ring's consumer, if it has one.
 *
 * Thread: the worker's thread.
 * Return: the number of tokens taken; -EPERM if baton_free() refuses one of them, which is a
 * violation: the buffers of all others are free, and the ring is empty; -EPERM also if the thread
 * is not the consumer's.
 */
BATON_API int baton_ring_drain(struct baton_ring *ring, struct baton_worker *worker);

/**
 * Put packets into a ring.
 *
 * The tokens that are taken are the next owner's: do not use them any more. The others still belong
 * to the caller. Fewer than @n are taken if there is no room for more whole packets, or if the
 * packet at the returned position is bad: the next call, which begins with it, returns the error.
 *
 * @ring:   the ring.
 * @tokens: tokens of whole packets.
 * @n:      number of tokens.
 *
 * Thread: the worker's thread, if the ring has a producer; else any thread, several at a time.
 * Return: the number of tokens put, 0 if there is no room; -EMSGSIZE if the first packet has more
 * tokens than the ring takes; -EINVAL if its last token has BATON_TOKEN_CONT; -EPERM if the thread
 * is not the producer's, which is a violation.
 */
BATON_API int baton_ring_enqueue(struct baton_ring *ring, const struct baton_token *tokens,
				 unsigned n);

/**
 * Take packets out of a ring: the oldest ones.
 *
 * @ring:   the ring.
 * @tokens: receives the tokens.
 * @n:      number of tokens that @tokens has room for.
 *
 * Thread: the worker's thread, if the ring has a consumer; else any thread, several at a time.
 * Return: the number of tokens taken, 0 if there is none; -EMSGSIZE if the first packet has more
 * than @n tokens (the error message has their number); -EPERM if the thread is not the consumer's,
 * which is a violation.
 */
BATON_API int baton_ring_dequeue(struct baton_ring *ring, struct baton_token *tokens, unsigned n);

/**
 * Count the tokens in a ring.
 *
 * @ring: the ring.
 *
 * Thread: any thread; the number is exact while no other thread uses the ring.
 * Return: the number of tokens; 0 if @ring is no open ring; this function cannot fail otherwise.
 */
BATON_API unsigned baton_ring_count(const struct baton_ring *ring);

/**
 * Ask for a wake-up of a thread that is about to sleep until there are tokens.
 *
 * The descriptor that is returned polls readable as soon as the ring has tokens, at once if it has
 * some already. Whoever puts tokens signals it once; a producer that finds nobody asleep only reads
 * a word. If several threads sleep on a ring, one at least wakes.
 *
 *	fd = baton_ring_arm(ring);
 *	poll(...) on fd
 *	baton_ring_disarm(ring);
 *	baton_ring_dequeue(ring, ...);
 *
 * The descriptor belongs to the ring and stays the same. Do not read it. Each call is followed by
 * one of baton_ring_disarm() in the same thread.
 *
 * @ring: the ring.
 *
 * Thread: the worker's thread, if the ring has a consumer; else any thread, several at a time.
 * Return: a file descriptor; -EPERM if the thread is not the consumer's, which is a violation.
 */
BATON_API int baton_ring_arm(struct baton_ring *ring);

/**
 * End what baton_ring_arm() asked for, before taking tokens again.
 *
 * This function cannot fail. Without a baton_ring_arm() before it, it does nothing.
 *
 * @ring: the ring.
 *
 * Thread: the worker's thread, if the ring has a consumer; else any thread, several at a time.
 */
BATON_API void baton_ring_disarm(struct baton_ring *ring);

#ifdef __cplusplus
}
#endif

#endif
