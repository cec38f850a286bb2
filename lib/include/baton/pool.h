/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packet buffers, workers, and the rules of ownership.
 *
 * A buffer always has exactly one holder: the pool (the buffer is free), the CPU (the application,
 * which has the token), or one device queue. Every call of Baton that is given a wrong token
 * refuses it, and reports a violation. A violation ends the program, unless the context has a
 * violation handler. Misuse by one thread is always detected; a stale copy of a token, with a
 * probability of 65,535 in 65,536. Misuse by two threads at the same moment may go undetected,
 * except in a library built with -Downership=strict.
 *
 * An application passes tokens to another thread through a token ring (<baton/ring.h>), or through
 * another queue that orders memory accesses.
 *
 * A worker is the identity of one thread that moves packets, with its caches of free buffers. A
 * worker belongs to the thread that uses it first, until baton_worker_unbind().
 */
#ifndef BATON_POOL_H
#define BATON_POOL_H

#include <stdio.h>

#include <baton/context.h>
#include <baton/mem.h>
#include <baton/offload.h>
#include <baton/token.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BATON_MAX_BUFS         0xffffffu /* buffers of a pool, at most */
#define BATON_DEFAULT_HEADROOM 64        /* room in front of a received packet, in bytes */
#define BATON_DEFAULT_DATA_LEN (BATON_DEFAULT_HEADROOM + 2048) /* data room, in bytes */
#define BATON_DEFAULT_CACHE    512 /* buffers of a pool in the cache of a worker */

struct baton_pool;
struct baton_worker;

/* ---- pools ---- */

/**
 * Take buffers from the free list of a pool.
 *
 * @arg:  arg of struct baton_pool_backing.
 * @bufs: receives the indexes of the buffers.
 * @n:    number of buffers, 62 at most.
 *
 * Thread: any worker's thread and the control thread, several at a time.
 * Return: the number of buffers taken, 0 to @n.
 */
typedef unsigned (*baton_pool_get_fn)(void *arg, uint32_t *bufs, unsigned n);

/**
 * Return buffers to the free list of a pool. It cannot fail.
 *
 * @arg:  arg of struct baton_pool_backing.
 * @bufs: indexes of the buffers.
 * @n:    number of buffers, 62 at most.
 *
 * Thread: any worker's thread and the control thread, several at a time.
 */
typedef void (*baton_pool_put_fn)(void *arg, const uint32_t *bufs, unsigned n);

/** A free list that the application supplies. */
struct baton_pool_backing {
	baton_pool_get_fn get_bulk; /* take buffers */
	baton_pool_put_fn put_bulk; /* return buffers */
	void *arg;                  /* first argument of both */
};

/**
 * Configuration of a pool.
 *
 * The members from base on describe memory that the application supplies. Buffer i has its data
 * room at base + i * stride + data_off. The memory and its file must exist as long as the pool.
 */
struct baton_pool_config {
	size_t size;        /* sizeof(struct baton_pool_config), in bytes */
	const char *name;   /* shown in reports; NULL: "pool" and a number */
	uint32_t count;     /* number of buffers, 1 to BATON_MAX_BUFS */
	uint32_t data_len;  /* data room of a buffer with its headroom, in bytes, 65,535 at most; 0:
			       BATON_DEFAULT_DATA_LEN */
	uint16_t headroom;  /* offset of a received packet in bytes, less than data_len; 0:
			       BATON_DEFAULT_HEADROOM */
	int node;           /* NUMA node of the memory, or BATON_NODE_ANY */
	uint64_t page_size; /* BATON_PAGE_*, or the ordinary pages' size in bytes */
	const char *hugetlbfs; /* as in struct baton_mem_config */

	void *base;        /* first byte of supplied memory; NULL: the pool allocates an arena */
	size_t bytes;      /* size of supplied memory, in bytes */
	uint32_t stride;   /* distance of two buffers in supplied memory, in bytes */
	uint32_t data_off; /* offset of the data room in a buffer of supplied memory, in bytes */
	/* File descriptor of the file that supplied memory is a mapping of, so that a vhost-user
	 * backend can map it; -1: none, and drivers that share memory refuse the pool. */
	int fd;
	uint64_t fd_offset; /* offset of base in that file, in bytes */
	/* Free list that the application supplies; NULL: Baton has its own, which is lock-free. */
	const struct baton_pool_backing *backing;
	unsigned mem_flags; /* BATON_MEM_*, for the arena that the pool allocates */
	uint32_t reserved;  /* 0 */
};

/* baton_pool_config_init() for a struct of @size bytes. */
BATON_API void baton_pool_config_init_(struct baton_pool_config *config, size_t size);

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
baton_pool_config_init(struct baton_pool_config *config)
{
	baton_pool_config_init_(config, sizeof(*config));
}

/**
 * Create a pool. All of its buffers are free.
 *
 * @ctx:    the context.
 * @config: number, size and memory of the buffers.
 * @out:    receives the pool.
 *
 * Thread: the control thread.
 * Return: 0 on success; -EINVAL if the configuration is invalid (the error message names the
 * number); -ENOSPC if the context has BATON_MAX_POOLS pools; -ENOMEM if memory is short; else as
 * baton_arena_create().
 */
BATON_API int baton_pool_create(struct baton_ctx *ctx, const struct baton_pool_config *config,
				struct baton_pool **out);

/**
 * Destroy a pool. All of its buffers must be free, and no worker may be using it.
 *
 * @pool: the pool.
 *
 * Thread: the control thread.
 * Return: 0 on success; -EBUSY if buffers are not free (a violation report, BATON_RULE_POOL_BUSY,
 * lists their holders, unless all of them are in quarantine) or a port uses the pool; -ENOMEM if
 * memory is short. The pool stays as it is then.
 */
BATON_API int baton_pool_destroy(struct baton_pool *pool);

/** Properties of a pool. */
struct baton_pool_info {
	const char *name;   /* valid while the pool exists */
	uint8_t index;      /* index in the context; the member pool of its tokens */
	uint32_t count;     /* number of buffers */
	uint32_t data_len;  /* data room of a buffer with its headroom, in bytes */
	uint32_t stride;    /* distance of two buffers, in bytes */
	uint16_t headroom;  /* offset of a received packet, in bytes */
	uint64_t page_size; /* page size of the memory, in bytes; 0: supplied memory */
};

/* baton_pool_info() for a struct of @size bytes. */
BATON_API void baton_pool_info_(const struct baton_pool *pool, struct baton_pool_info *info,
				size_t size);

/**
 * Get the properties of a pool.
 *
 * This function cannot fail.
 *
 * @pool: the pool.
 * @info: receives the properties.
 *
 * Thread: any thread.
 */
static inline void
baton_pool_info(const struct baton_pool *pool, struct baton_pool_info *info)
{
	baton_pool_info_(pool, info, sizeof(*info));
}

/** Kind of a holder of buffers. */
enum baton_holder_kind {
	BATON_HOLDER_FREE,       /* free, in the free list of the pool */
	BATON_HOLDER_CACHE,      /* free, in the cache of a worker */
	BATON_HOLDER_CPU,        /* the application, which has the tokens */
	BATON_HOLDER_QUEUE,      /* a device queue */
	BATON_HOLDER_QUARANTINE, /* a device that has not confirmed its reset */
	BATON_HOLDER_RING,       /* a token ring; they are the application's */
};

/** A holder of buffers. */
struct baton_holder {
	enum baton_holder_kind kind; /* kind of the holder */
	uint32_t count;              /* number of buffers */
	char name[48]; /* "free", "worker w0", "application", "net_virtio_user0 rxq 0", ... */
};

/* baton_pool_holders() for a struct of @size bytes. */
BATON_API unsigned baton_pool_holders_(const struct baton_pool *pool, struct baton_holder *out,
				       unsigned n, size_t size);

/**
 * Count the buffers of a pool by holder.
 *
 * Baton counts each holder's buffers where that holder keeps them. So the sum is the size of the
 * pool only if no buffer was lost and none has two holders.
 *
 * @pool: the pool.
 * @out:  receives the first @n holders.
 * @n:    number of holders that @out has room for.
 *
 * Thread: any thread, while no port, queue or worker is set up or closed. The counts are exact
 * if no worker of the context, and nobody who uses a token ring, is in a call.
 * Return: the number of holders that there are, which may be more than @n; this function cannot
 * fail.
 */
static inline unsigned
baton_pool_holders(const struct baton_pool *pool, struct baton_holder *out, unsigned n)
{
	return baton_pool_holders_(pool, out, n, sizeof(*out));
}

/* ---- workers ---- */

/** Configuration of a worker. */
struct baton_worker_config {
	size_t size;         /* sizeof(struct baton_worker_config), in bytes */
	const char *name;    /* shown in reports; NULL: "worker" and a number */
	uint32_t cache_size; /* buffers to cache of each pool at most, 1 to 8,192; 0:
				BATON_DEFAULT_CACHE */
	uint32_t reserved;   /* 0 */
};

/* baton_worker_config_init() for a struct of @size bytes. */
BATON_API void baton_worker_config_init_(struct baton_worker_config *config, size_t size);

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
baton_worker_config_init(struct baton_worker_config *config)
{
	baton_worker_config_init_(config, sizeof(*config));
}

/**
 * Create a worker.
 *
 * Every worker of a context counts in the check of baton_port_start(), with its cache and a burst,
 * whether or not it serves a queue.
 *
 * @ctx:    the context.
 * @config: the configuration; NULL for the defaults.
 * @out:    receives the worker.
 *
 * Thread: the control thread.
 * Return: 0 on success; -EINVAL if the configuration is invalid; -ENOSPC if the context has
 * BATON_MAX_WORKERS workers; -ENOMEM if memory is short; -ENOBUFS if a pool that RX queues of
 * started ports take from would have too few buffers (the error message has the numbers).
 */
BATON_API int baton_worker_create(struct baton_ctx *ctx, const struct baton_worker_config *config,
				  struct baton_worker **out);

/**
 * Destroy a worker, and return the buffers in its caches to their pools.
 *
 * The thread of the worker must not be in a call.
 *
 * @worker: the worker.
 *
 * Thread: the control thread.
 * Return: 0 on success; -EBUSY if queues or token rings use the worker.
 */
BATON_API int baton_worker_destroy(struct baton_worker *worker);

/**
 * Bind a worker to the calling thread. The first use of an unbound worker does the same.
 *
 * Using the worker from another thread is a violation then (BATON_RULE_THREAD).
 *
 * @worker: the worker.
 *
 * Thread: any thread.
 * Return: 0 on success, also if the worker is bound to this thread already; -EBUSY if it is bound
 * to another thread.
 */
BATON_API int baton_worker_bind(struct baton_worker *worker);

/**
 * Unbind a worker from its thread, so that another thread can use it.
 *
 * This function cannot fail.
 *
 * @worker: the worker.
 *
 * Thread: the worker's thread, or any thread while the worker's thread is in no call or has ended.
 */
BATON_API void baton_worker_unbind(struct baton_worker *worker);

/**
 * Return the buffers in the caches of a worker to their pools.
 *
 * This function cannot fail.
 *
 * @worker: the worker.
 *
 * Thread: the worker's thread.
 */
BATON_API void baton_worker_flush(struct baton_worker *worker);

/**
 * Ask for a wake-up of a worker that is about to sleep, for all it does.
 *
 * The descriptor that is returned polls readable when one of these holds, at once if it does now:
 * - an RX queue of the worker has packets;
 * - a TX queue of the worker that had no room for a packet, since the worker last woke, has some;
 * - a token ring whose consumer the worker is has tokens;
 * - a queue of the worker was started or stopped, or its device went away or came back.
 *
 *	fd = baton_worker_arm(worker);
 *	poll(...) on fd, and whatever else the thread waits for
 *	baton_worker_disarm(worker);
 *	bursts of all queues and rings
 *
 * A worker between these two calls is in no burst: it keeps no port from being stopped or reset, or
 * from coming back, however long it sleeps and whatever it sleeps on.
 *
 * The descriptor belongs to the worker and stays the same. Do not read it. Where a sandbox forbids
 * epoll, it polls readable all the time, and baton_worker_disarm() waits for up to 5 ms if there is
 * nothing to do.
 *
 * @worker: the worker. Its queues need not be armed one by one.
 *
 * Thread: the worker's thread.
 * Return: a file descriptor; -ENOTSUP if a device of one of the queues cannot wake a worker (the
 * error message names it): poll then; -EIO if one was stopped by a violation of its device
 * (baton_rxq_error()); -EMFILE or -ENFILE if no file descriptor is left; -ENOMEM if memory is
 * short; -EPERM if the worker belongs to another thread, which is a violation.
 */
BATON_API int baton_worker_arm(struct baton_worker *worker);

/**
 * End what baton_worker_arm() asked for, before polling the queues and rings again.
 *
 * This function cannot fail. Without a baton_worker_arm() before it, it does nothing.
 *
 * @worker: the worker.
 *
 * Thread: the worker's thread.
 */
BATON_API void baton_worker_disarm(struct baton_worker *worker);

/**
 * Sleep until a worker has something to do: baton_worker_arm(), poll(2) and baton_worker_disarm().
 *
 * Where a device cannot wake a worker, such as that of net_pcap, the worker sleeps for a
 * millisecond, and is to poll its queues again.
 *
 * @worker:     the worker.
 * @timeout_ms: how long to sleep at most, in milliseconds; -1: without limit.
 *
 * Thread: the worker's thread.
 * Return: 1 if there may be something to do, also after a signal; 0 if the time is over; an error
 * of baton_worker_arm() but -ENOTSUP.
 */
BATON_API int baton_worker_sleep(struct baton_worker *worker, int timeout_ms);

/* ---- the fast path ---- */

/**
 * Allocate buffers.
 *
 * The tokens have len 0, and off is the headroom of the pool.
 *
 * @worker: the worker.
 * @pool:   the pool.
 * @tokens: receives the tokens.
 * @n:      number of buffers.
 *
 * Thread: the worker's thread.
 * Return: the number of buffers allocated. It is less than @n, down to 0, if the pool has no more,
 * or the worker belongs to another thread, which is a violation. This function cannot fail
 * otherwise.
 */
BATON_API unsigned baton_alloc(struct baton_worker *worker, struct baton_pool *pool,
			       struct baton_token *tokens, unsigned n);

/**
 * Free buffers.
 *
 * The buffers may be of several pools of the context.
 *
 * @worker: the worker.
 * @tokens: tokens of the buffers.
 * @n:      number of tokens.
 *
 * Thread: the worker's thread.
 * Return: 0 on success; -EPERM if a token is refused, which is a violation: the buffers of the
 * tokens before it are free, the others are not.
 */
BATON_API int baton_free(struct baton_worker *worker, const struct baton_token *tokens, unsigned n);

/**
 * What the inline functions need to know of a pool.
 *
 * It is one cache line, and does not change while the pool exists. A pool that does not exist has
 * count 0, so that every token of it is refused.
 */
struct baton_pool_view {
	uint8_t *data;     /* data room of buffer 0 */
	uint32_t *owner;   /* owner table: {holder:16, generation:16} for each buffer; atomic */
	uint64_t iova;     /* in the table of a port: address of data for the device */
	uint32_t stride;   /* distance of two buffers, in bytes */
	uint32_t count;    /* number of buffers; 0: no such pool, or the port cannot use it */
	uint32_t data_len; /* data room of a buffer with its headroom, in bytes */
	uint16_t headroom; /* offset of a received packet, in bytes */
	uint8_t index;     /* index of the pool in the context */
	uint8_t bounce;    /* in the table of a port: 1: packets are copied */
	struct baton_pool *pool; /* the pool */
	uint8_t *side;           /* side records, BATON_SIDE_SIZE bytes for each buffer */
	uint32_t direct_len;     /* in the table of a port: data_len in bytes, for buffers that the
				    device     accesses itself; else 0 */
	uint32_t reserved;
};

/** What the inline functions need to know of a worker. */
struct baton_worker_head {
	struct baton_handle handle; /* what kind of handle it is */
	uintptr_t thread;           /* ID of its thread (baton_thread_self()); 0: unbound; atomic */
	uint32_t epoch; /* number of state changes of its queues; written by the control thread */
	uint32_t seen;  /* number of them at its last burst; written by the worker */
};

#ifdef __cplusplus
static_assert(sizeof(struct baton_pool_view) == 64, "ABI");
#else
_Static_assert(sizeof(struct baton_pool_view) == 64, "ABI");
_Static_assert(offsetof(struct baton_worker_head, thread) == 16 + sizeof(void *), "ABI");
#endif

#define BATON_OWNER_FREE       0u  /* holder number in the owner table: free, index 0 */
#define BATON_OWNER_CPU        1u  /* holder number: the application */
#define BATON_OWNER_QUARANTINE 2u  /* holder number: quarantine */
#define BATON_OWNER_SHARED     3u  /* holder number: reserved */
#define BATON_OWNER_QUEUE      16u /* holder number of the first device queue */

/* The violation that baton_data() reports. */
BATON_API BATON_COLD void *baton_data_refused_(const struct baton_worker *worker,
					       struct baton_token token);

/**
 * Get a pointer to the valid bytes of a token's buffer.
 *
 * The pointer is valid until the token is given to a device or freed.
 *
 * @worker: the worker.
 * @token:  the token; token.len bytes are valid.
 *
 * Thread: the worker's thread.
 * Return: a pointer to the first valid byte; NULL if the token is refused, which is a violation.
 */
static inline void *
baton_data(const struct baton_worker *worker, struct baton_token token)
{
	const struct baton_pool_view *v =
		&((const struct baton_worker_head *)worker)->handle.views[token.pool];

#ifndef BATON_OWNERSHIP_OFF
	if (baton_unlikely(token.buf >= v->count || (uint32_t)token.off + token.len > v->data_len ||
			   __atomic_load_n(&v->owner[token.buf], __ATOMIC_RELAXED) !=
				   (BATON_OWNER_CPU << 16 | token.gen)))
		return baton_data_refused_(worker, token);
#endif
	return v->data + (size_t)token.buf * v->stride + token.off;
}

/**
 * Get a pointer to the side record of a token's buffer.
 *
 * The pointer is valid until the token is given to a device or freed.
 *
 * @worker: the worker.
 * @token:  the token.
 *
 * Thread: the worker's thread.
 * Return: a pointer to the side record; NULL if the token is refused, which is a violation.
 */
static inline struct baton_side *
baton_side(const struct baton_worker *worker, struct baton_token token)
{
	const struct baton_pool_view *v =
		&((const struct baton_worker_head *)worker)->handle.views[token.pool];

	if (baton_unlikely(!baton_data(worker, token)))
		return NULL;
	return (struct baton_side *)(void *)(v->side + (size_t)token.buf * BATON_SIDE_SIZE);
}

#ifdef __cplusplus
}
#endif

#endif
