/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The private side of pools and workers, and the ownership verbs for drivers: give, take, and the
 * moves of free buffers between a worker's cache and a queue's shadow ring.
 *
 * The owner table is written only by take and alloc (which create a CPU right and bump the
 * generation) and by give and free (which end it). Everything a buffer does in between, from a
 * completed TX descriptor through the worker's cache into an RX descriptor, is recorded in private
 * shadows and caches and costs the table nothing.
 */
#ifndef BATON_DMA_POOL_H
#define BATON_DMA_POOL_H

#include <stdbool.h>
#include <string.h>

#include <baton/pool.h>

#include "base/io.h"
#include "base/simd.h"
#include "base/stack.h"
#include "ctx/ctx.h"
#include "dma/quarantine.h"

#if defined(__SANITIZE_ADDRESS__)
#define DMA_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define DMA_ASAN 1
#endif
#endif
#ifdef DMA_ASAN
#include <sanitizer/asan_interface.h>
#endif

struct baton_pool {
	struct baton_handle handle;
	struct stack stack;    /* the shared free list, unless the application supplies one */
	struct stack_user ctl; /* spare blocks of the control thread; under ctx->lock */
	struct baton_pool_backing backing; /* get_bulk NULL: the stack is used */
	uint32_t quarantined;              /* buffers in quarantine; control thread */
	uint32_t taken; /* with a supplied free list: number of buffers taken from it; relaxed
			   atomic */
	struct baton_ctx *ctx;
	struct baton_pool_view view;
	struct baton_arena *arena; /* NULL: the application supplies the memory */
	uint8_t *base;             /* what a device must map: [base, base + bytes) */
	size_t bytes;
	int fd;
	uint64_t fd_offset;
	uint64_t page_size;
	uint64_t in_rings; /* buffers that the rings of started ports can hold; control thread */
	bool is_fed_from;  /* an RX queue of a started port takes from it; control thread */
	char name[32];
};

/* A worker's LIFO cache of one pool: the buffer that was used last is used next. */
struct dma_cache {
	uint32_t n;
	uint32_t limit; /* the worker's cache_size: at most so many between two calls; idx[] has
			   room for DMA_BATCH + STACK_BLOCK more, within one */
	uint32_t batch; /* the most to make room for at once: DMA_BATCH, or a smaller limit */
	struct baton_pool *pool;
	struct stack_user user;
	uint32_t idx[];
};

#define DMA_BATCH 64u /* indexes to reserve or make room for at once, at most */

/*
 * What may wake a worker that sleeps: a queue, a token ring. Embedded in it; its source's fd
 * becomes readable for it.
 */
struct dma_waker {
	struct ctx_source src;
	/*
	 * The worker is about to sleep; its thread. Return: 0; 1: there is something for it, so
	 * that it must not sleep; a negative errno: it cannot be woken for this.
	 */
	int (*sleep)(struct dma_waker *waker);
	/* It does not sleep any more; its thread. What was written to fd is drained later. */
	void (*wake)(struct dma_waker *waker);
	struct dma_waker *next;
	bool armed; /* sleep() has returned 0 or 1, and wake() was not called since */
};

/* How a worker sleeps (dma/sleep.c). */
struct dma_sleep {
	pthread_mutex_t lock; /* of all but `asleep` and `readable` */
	struct ctx_events events;
	struct ctx_source control; /* the control thread's; fd -1: it never slept */
	struct dma_waker *wakers;
	uint32_t asleep; /* atomic: the worker is in no burst, and begins none before it has cleared
			    this */
	bool armed;      /* baton_worker_arm(), without disarm since; the worker's thread */
};

/* No pool has this address, NULL included. */
#define DMA_NO_POOL ((struct baton_pool *)1)

struct baton_worker {
	struct baton_worker_head head;
	struct baton_ctx *ctx;
	struct thread_exit exit;                   /* of the thread it is bound to */
	struct baton_pool *last_pool;              /* of the last allocation; DMA_NO_POOL: none */
	struct dma_cache *last_cache;              /* its cache of that pool */
	struct dma_cache *caches[BATON_MAX_POOLS]; /* allocated at first use */
	void *hash; /* of baton_packet_hash(): the table of the last key */
	uint32_t cache_size;
	uint32_t n_queues; /* number of its queues; control thread */
	uint32_t n_rings;  /* number of rings that it is producer or consumer of; control thread */
	uint32_t acked; /* the last epoch that it acknowledged; release; the control thread reads it
			 */
	uint8_t index;
	uint8_t simd; /* enum simd_level: what its bursts may use */
	char name[32];
	struct dma_sleep sleep;
} __attribute__((aligned(64)));

/* Bytes of a table of views, one for each value of a token's pool field. */
#define DMA_VIEWS_BYTES (256 * sizeof(struct baton_pool_view))

/** Set a port's view of @pool: the device accesses the data room of buffer 0 at @iova. */
static inline void
dma_view_init(struct baton_pool_view *v, const struct baton_pool *pool, uint64_t iova)
{
	*v = pool->view;
	v->iova = iova;
	v->direct_len = v->data_len;
}

/**
 * Set a port's view of a pool whose packets are copied: no address, and nothing of the pool may be
 * posted.
 */
static inline void
dma_view_bounce(struct baton_pool_view *v, const struct baton_pool *pool)
{
	dma_view_init(v, pool, 0);
	v->bounce = 1;
	v->direct_len = 0;
}

/*
 * A holder of buffers other than the pool, the application and quarantine: a device queue. It is
 * embedded in the struct of its owner; its index in ctx->holders is its holder number.
 */
struct dma_holder {
	/* Count the buffers of the pool that it holds, by its own records. Any thread. */
	uint32_t (*held)(const struct dma_holder *h, const struct baton_pool *pool);
	/* Whether it would continue to use the pool. Control thread. */
	bool (*uses)(const struct dma_holder *h, const struct baton_pool *pool);
	const char *port; /* "net_null0" */
	char queue[12];   /* "rxq 0" */
};

/* ---- caches; the worker's thread ---- */

BATON_COLD struct dma_cache *dma_cache_create(struct baton_worker *worker, struct baton_pool *pool);

/**
 * Get the worker's cache of a pool, and allocate it at first use. Return: NULL if memory is short.
 */
static inline struct dma_cache *
dma_cache(struct baton_worker *worker, struct baton_pool *pool)
{
	struct dma_cache *c = worker->caches[pool->view.index];

	return baton_likely(c != NULL) ? c : dma_cache_create(worker, pool);
}

/* Give all that the worker has cached back. Its thread, or it has none. */
void dma_worker_flush(struct baton_worker *worker);

/*
 * Fetch from the shared free list until the cache has @n buffers or the list is empty. Return: the
 * number of buffers, @n at most.
 */
unsigned dma_cache_refill(struct dma_cache *c, unsigned n);
/* Move so many to the shared free list that @n fit, and as a rule many more. */
void dma_cache_spill(struct dma_cache *c, unsigned n);

/** Only the worker writes n, with relaxed stores: holder reports read n from other threads. */
static inline void
dma_cache_set(struct dma_cache *c, uint32_t n)
{
	__atomic_store_n(&c->n, n, __ATOMIC_RELAXED);
}

static inline void
dma_cache_push(struct dma_cache *c, uint32_t buf)
{
	c->idx[c->n] = buf;
	dma_cache_set(c, c->n + 1);
}

static inline uint32_t
dma_cache_pop(struct dma_cache *c)
{
	dma_cache_set(c, c->n - 1);
	return c->idx[c->n];
}

/** Make @n <= DMA_BATCH buffers available at the top of idx[]. Return: the number available. */
static inline unsigned
dma_cache_reserve(struct dma_cache *c, unsigned n)
{
	return baton_likely(c->n >= n) ? n : dma_cache_refill(c, n);
}

/** Make room for @n <= c->batch more buffers, without the cache growing beyond its size. */
static inline void
dma_cache_room(struct dma_cache *c, unsigned n)
{
	if (baton_unlikely(c->n + n > c->limit))
		dma_cache_spill(c, n);
}

/** Give back what a cache has beyond its size, after fewer buffers were taken than reserved. */
static inline void
dma_cache_settle(struct dma_cache *c)
{
	if (baton_unlikely(c->n > c->limit))
		dma_cache_spill(c, 0);
}

/**
 * Check that a pool has as many buffers as rings, caches and bursts can hold: then every queue that
 * receives gets buffers, whatever the other workers do.
 *
 * @who:      what is about to be added, for the error message.
 * @in_rings: the number of buffers that rings can hold.
 * @more:     the cache size of a worker that is about to be created; 0: none.
 *
 * Thread: the control thread. Return: 0; -ENOBUFS with the numbers.
 */
int dma_pool_check(const struct baton_pool *pool, const char *who, uint64_t in_rings,
		   uint32_t more);

/** Free buffers without a worker, for the control thread that stops a queue. */
void dma_free_bufs(struct baton_pool *pool, const uint32_t *bufs, unsigned n);

/**
 * Fetch free buffers for a ring that the control thread fills. Return: the number of buffers, @n at
 * most.
 */
unsigned dma_fetch(struct baton_pool *pool, uint32_t *bufs, unsigned n);

/* ---- the owner table ---- */

static inline void
dma_poison(const struct baton_pool_view *v, uint32_t buf)
{
#ifdef DMA_ASAN
	ASAN_POISON_MEMORY_REGION(v->data + (size_t)buf * v->stride, v->data_len);
#else
	(void)v;
	(void)buf;
#endif
}

static inline void
dma_unpoison(const struct baton_pool_view *v, uint32_t buf)
{
#ifdef DMA_ASAN
	ASAN_UNPOISON_MEMORY_REGION(v->data + (size_t)buf * v->stride, v->data_len);
#else
	(void)v;
	(void)buf;
#endif
}

/*
 * dma_give() with the fields of the token in registers: @end is off + len, at most @room. For loops
 * that count instructions.
 */
static inline bool
dma_give_raw(const struct baton_pool_view *v, uint32_t room, uint32_t buf, uint32_t end,
	     uint32_t gen, uint32_t owner)
{
#ifndef BATON_OWNERSHIP_OFF
	uint32_t *entry;

	if (baton_unlikely(buf >= v->count || end > room))
		return false;
	entry = &v->owner[buf];
#ifdef BATON_OWNERSHIP_STRICT
	uint32_t held = BATON_OWNER_CPU << 16 | gen;

	return __atomic_compare_exchange_n(entry, &held, owner | gen, false, __ATOMIC_RELAXED,
					   __ATOMIC_RELAXED);
#else
	if (baton_unlikely((__atomic_load_n(entry, __ATOMIC_RELAXED) ^ gen) != BATON_OWNER_CPU
										       << 16))
		return false;
	__atomic_store_n(entry, owner | gen, __ATOMIC_RELAXED);
#endif
#endif
	return true;
}

/**
 * End the CPU's right to a buffer: its next holder is @owner (a holder number << 16).
 *
 * Return: false if the CPU does not hold the buffer of the token; nothing is changed then.
 */
static inline bool
dma_give(const struct baton_pool_view *v, struct baton_token t, uint32_t owner)
{
	return dma_give_raw(v, v->data_len, t.buf, (uint32_t)t.off + t.len, t.gen, owner);
}

/** Undo dma_give() for a packet that is refused at a later token. */
static inline void
dma_ungive(const struct baton_pool_view *v, struct baton_token t)
{
#ifndef BATON_OWNERSHIP_OFF
	__atomic_store_n(&v->owner[t.buf], BATON_OWNER_CPU << 16 | t.gen, __ATOMIC_RELAXED);
#endif
	dma_unpoison(v, t.buf);
}

/**
 * Create the CPU's right to a buffer that a cache or a shadow ring held until now.
 *
 * @buf: trusted (from a private record). Return: the new generation.
 */
static inline uint16_t
dma_take(const struct baton_pool_view *v, uint32_t buf)
{
	uint16_t gen = 0;

#ifndef BATON_OWNERSHIP_OFF
	uint32_t *const entry = &v->owner[buf];

	gen = (uint16_t)(__atomic_load_n(entry, __ATOMIC_RELAXED) + 1);
	__atomic_store_n(entry, BATON_OWNER_CPU << 16 | gen, __ATOMIC_RELAXED);
#endif
	dma_unpoison(v, buf);
	return gen;
}

/** Get the data room of a buffer, for a driver that holds it. */
static inline uint8_t *
dma_data(const struct baton_pool_view *v, uint32_t buf)
{
	return v->data + (size_t)buf * v->stride;
}

/* ---- violations ---- */

/**
 * Report a token that is refused, or stop the program, as the context is configured.
 *
 * @operation: the public call. Return: -EPERM, with its message.
 */
BATON_COLD int dma_refuse(struct baton_ctx *ctx, struct baton_token token, const char *operation);

/**
 * Check that the calling thread is the worker's, and bind a worker that is unbound. Return: 0 or
 * -EPERM.
 */
BATON_COLD int dma_worker_enter(struct baton_worker *worker, const char *operation);

static inline int
dma_worker_ready(struct baton_worker *worker, const char *operation)
{
	if (baton_unlikely(!worker || __atomic_load_n(&worker->head.thread, __ATOMIC_RELAXED) !=
					      baton_thread_self()))
		return dma_worker_enter(worker, operation);
	return 0;
}

/* ---- sleeping workers (dma/sleep.c) ---- */

void dma_sleep_init(struct baton_worker *worker);
void dma_sleep_fini(struct baton_worker *worker);

/** Something of the worker's that may wake it; nothing any more. Control thread. Return: 0 or a
 * negative errno. */
int dma_waker_add(struct baton_worker *worker, struct dma_waker *waker);
void dma_waker_del(struct baton_worker *worker, struct dma_waker *waker);

/** Wake the worker if it sleeps in baton_worker_arm(). Any thread. */
void dma_worker_wake(struct baton_worker *worker);

/** Whether it sleeps there, and has left every burst. Any thread. */
static inline bool
dma_worker_sleeps(const struct baton_worker *worker)
{
	return __atomic_load_n(&worker->sleep.asleep, __ATOMIC_SEQ_CST);
}

/**
 * It is about to use its queues: the control thread has to wait for it from now on. What that has
 * published before is visible to what follows. The worker's thread.
 */
static inline void
dma_worker_awake(struct baton_worker *worker)
{
	if (baton_likely(!__atomic_load_n(&worker->sleep.asleep, __ATOMIC_RELAXED)))
		return;
	__atomic_store_n(&worker->sleep.asleep, 0, __ATOMIC_SEQ_CST);
	smp_mb();
}

/** A thread that is in no burst acknowledges what the control thread has asked for. */
static inline void
dma_worker_acknowledge(struct baton_worker *worker, uint32_t epoch)
{
	worker->head.seen = epoch;
	/* What it did to its queues is visible to the thread that waits for this. */
	__atomic_store_n(&worker->acked, epoch, __ATOMIC_RELEASE);
}

/* Write the name of a holder by its number, for reports. */
void dma_holder_name(struct baton_ctx *ctx, uint32_t holder, char *out, size_t size);

#endif
