/* SPDX-License-Identifier: BSD-3-Clause */
/* The way between a worker's cache and the pool's shared free list, one block at a time. */
#include "dma/pool.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/export.h"

struct dma_cache *
dma_cache_create(struct baton_worker *worker, struct baton_pool *pool)
{
	const uint32_t room = worker->cache_size + DMA_BATCH + STACK_BLOCK;
	struct dma_cache *c;

	c = aligned_alloc(64, (sizeof(*c) + room * sizeof(c->idx[0]) + 63) / 64 * 64);
	if (!c) {
		baton_err(ENOMEM, "worker %s: no memory for a cache of %u buffers", worker->name,
			  room);
		return NULL;
	}
	*c = (struct dma_cache){
		.limit = worker->cache_size,
		.batch = worker->cache_size < DMA_BATCH ? worker->cache_size : DMA_BATCH,
		.pool = pool,
	};
	/* Holder reports of the control thread walk the table: publish the filled-in cache. */
	__atomic_store_n(&worker->caches[pool->view.index], c, __ATOMIC_RELEASE);
	return c;
}

static unsigned
pool_get(struct baton_pool *p, struct stack_user *u, uint32_t *idx)
{
	unsigned n;

	if (!p->backing.get_bulk)
		return stack_get(&p->stack, u, idx);
	n = p->backing.get_bulk(p->backing.arg, idx, STACK_BLOCK);
	if (n > STACK_BLOCK)
		n = STACK_BLOCK;
	__atomic_fetch_add(&p->taken, n, __ATOMIC_RELAXED);
	return n;
}

static void
pool_put(struct baton_pool *p, struct stack_user *u, const uint32_t *idx, unsigned n)
{
	if (p->backing.put_bulk) {
		p->backing.put_bulk(p->backing.arg, idx, n);
		__atomic_fetch_sub(&p->taken, n, __ATOMIC_RELAXED);
	} else if (n == STACK_BLOCK) {
		stack_put_full(&p->stack, u, idx);
	} else {
		stack_put(&p->stack, u, idx, n);
	}
}

/* What leaves is what was touched longest ago: the bottom of the stack. */
static void
put_coldest(struct dma_cache *c, unsigned n)
{
	unsigned moved, k;

	for (moved = 0; moved < n; moved += k) {
		k = n - moved < STACK_BLOCK ? n - moved : STACK_BLOCK;
		pool_put(c->pool, &c->user, c->idx + moved, k);
	}
	memmove(c->idx, c->idx + moved, (c->n - moved) * sizeof(c->idx[0]));
	dma_cache_set(c, c->n - moved);
}

unsigned
dma_cache_refill(struct dma_cache *c, unsigned n)
{
	while (c->n < n) {
		/* idx[] has room for a block above n - 1 <= DMA_BATCH - 1 entries. */
		unsigned got = pool_get(c->pool, &c->user, c->idx + c->n);

		if (!got)
			return c->n;
		dma_cache_set(c, c->n + got);
	}
	/* The @n leave with the caller. */
	if (baton_unlikely(c->n - n > c->limit))
		put_coldest(c, c->n - n - c->limit);
	return n;
}

void
dma_cache_spill(struct dma_cache *c, unsigned n)
{
	const unsigned most = c->limit - n, keep = c->limit / 2 < most ? c->limit / 2 : most;
	unsigned move = c->n - keep;

	/*
	 * Half of the cache is emptied: else a worker that only frees would move all of it for
	 * every block. In whole blocks, as long as those make room enough.
	 */
	if (c->n - move / STACK_BLOCK * STACK_BLOCK <= most)
		move = move / STACK_BLOCK * STACK_BLOCK;
	put_coldest(c, move);
}

static void
cache_flush(struct dma_cache *c)
{
	while (c->n) {
		unsigned n = c->n < STACK_BLOCK ? c->n : STACK_BLOCK;

		dma_cache_set(c, c->n - n);
		pool_put(c->pool, &c->user, c->idx + c->n, n);
	}
	stack_user_release(&c->pool->stack, &c->user);
}

void
dma_worker_flush(struct baton_worker *worker)
{
	for (unsigned i = 0; i < BATON_MAX_POOLS; i++)
		if (worker->caches[i])
			cache_flush(worker->caches[i]);
}

void
baton_worker_flush(struct baton_worker *worker)
{
	if (dma_worker_ready(worker, "worker_flush") == 0)
		dma_worker_flush(worker);
}

void
dma_free_bufs(struct baton_pool *pool, const uint32_t *bufs, unsigned n)
{
	pthread_mutex_lock(&pool->ctx->lock);
	for (unsigned i = 0; i < n; i += STACK_BLOCK)
		pool_put(pool, &pool->ctl, bufs + i, n - i < STACK_BLOCK ? n - i : STACK_BLOCK);
	pthread_mutex_unlock(&pool->ctx->lock);
}

unsigned
dma_fetch(struct baton_pool *pool, uint32_t *bufs, unsigned n)
{
	uint32_t block[STACK_BLOCK];
	unsigned done = 0;

	pthread_mutex_lock(&pool->ctx->lock);
	while (done < n) {
		unsigned got = pool_get(pool, &pool->ctl, block);
		unsigned use = got < n - done ? got : n - done;

		if (!got)
			break;
		memcpy(bufs + done, block, use * sizeof(*bufs));
		done += use;
		if (use < got)
			pool_put(pool, &pool->ctl, block + use, got - use);
	}
	pthread_mutex_unlock(&pool->ctx->lock);
	return done;
}

DRIVER_EXPORT(dma_cache_create);
DRIVER_EXPORT(dma_cache_refill);
DRIVER_EXPORT(dma_cache_spill);
DRIVER_EXPORT(dma_free_bufs);
DRIVER_EXPORT(dma_fetch);
