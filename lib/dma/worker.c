/* SPDX-License-Identifier: BSD-3-Clause */
/* Workers, and the operations of the application: alloc, free, copy. */
#include "base/structs.h"
#include "dma/pool.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/export.h"
#include "dma/burst.h"

static const struct baton_worker_config defaults = { 0 };

void
baton_worker_config_init_(struct baton_worker_config *config, size_t size)
{
	struct_init(config, size, &defaults, sizeof(defaults));
}

int
baton_worker_create(struct baton_ctx *ctx, const struct baton_worker_config *config,
		    struct baton_worker **out)
{
	struct baton_worker_config c = defaults;
	uint32_t cache_size = BATON_DEFAULT_CACHE;
	struct baton_worker *w;
	unsigned i;

	int ret = ctx_enter(ctx, "worker_create");

	if (ret < 0)
		return ret;
	if (!out)
		return baton_err(EINVAL, "worker_create: there is no place for the worker: out is "
					 "NULL");
	ret = struct_take(&c, sizeof(c), config, "struct baton_worker_config");
	if (!ret)
		ret = struct_check_reserved(c.reserved, "struct baton_worker_config");
	if (ret < 0)
		return ret;
	if (c.cache_size)
		cache_size = c.cache_size;
	if (cache_size > 8192)
		return baton_err(EINVAL,
				 "worker: a cache of %u buffers, at most 8,192 are possible",
				 cache_size);
	for (i = 0; i < BATON_MAX_WORKERS && ctx->workers[i]; i++)
		;
	if (i == BATON_MAX_WORKERS)
		return baton_err(ENOSPC, "worker: a context has at most %u workers",
				 BATON_MAX_WORKERS);
	/* Ports that run were started without it. */
	for (unsigned p = 0; p < BATON_MAX_POOLS; p++) {
		const struct baton_pool *pool = ctx->pools[p];
		ret = pool && pool->is_fed_from
			      ? dma_pool_check(pool, "worker", pool->in_rings, cache_size)
			      : 0;

		if (ret < 0)
			return ret;
	}
	w = handle_new(ctx, HANDLE_WORKER, sizeof(*w));
	if (!w)
		return baton_err(ENOMEM, "worker: out of memory");
	w->head.handle.views = ctx->views;
	w->last_pool = DMA_NO_POOL;
	w->ctx = ctx;
	w->cache_size = cache_size;
	w->index = (uint8_t)i;
	w->simd = (uint8_t)simd_best();
	if (c.name)
		snprintf(w->name, sizeof(w->name), "%s", c.name);
	else
		snprintf(w->name, sizeof(w->name), "worker%u", i);
	dma_sleep_init(w);
	ctx->workers[i] = w;
	*out = w;
	return 0;
}

int
baton_worker_destroy(struct baton_worker *worker)
{
	int ret = handle_enter(worker, HANDLE_WORKER, "worker_destroy");

	if (ret < 0)
		return ret;
	if (worker->n_queues)
		return baton_err(EBUSY,
				 "worker %s still serves %u queues: close their ports or set them "
				 "up again",
				 worker->name, worker->n_queues);
	if (worker->n_rings)
		return baton_err(EBUSY,
				 "worker %s is still producer or consumer of %u token rings: "
				 "destroy them first",
				 worker->name, worker->n_rings);
	thread_exit_del(&worker->exit);
	/* No thread's: every call that takes it looks closer. */
	__atomic_store_n(&worker->head.thread, 1, __ATOMIC_RELEASE);
	dma_worker_flush(worker);
	worker->ctx->workers[worker->index] = NULL;
	for (unsigned i = 0; i < BATON_MAX_POOLS; i++) {
		free(worker->caches[i]);
		worker->caches[i] = NULL;
	}
	free(worker->hash);
	worker->hash = NULL;
	dma_sleep_fini(worker);
	handle_close(worker);
	return 0;
}

static void
thread_ended(struct thread_exit *e)
{
	struct baton_worker *worker =
		(struct baton_worker *)(void *)((char *)e - offsetof(struct baton_worker, exit));
	uintptr_t self = baton_thread_self();

	/* Unless another thread has unbound it meanwhile, and bound it. */
	__atomic_compare_exchange_n(&worker->head.thread, &self, 0, false, __ATOMIC_RELEASE,
				    __ATOMIC_RELAXED);
}

int
baton_worker_bind(struct baton_worker *worker)
{
	uintptr_t free_ = 0, self = baton_thread_self();
	int ret = handle_check(worker, HANDLE_WORKER, "worker_bind");

	if (ret < 0)
		return ret;

	/*
	 * Sequentially consistent: a control thread publishes a queue's state and then reads
	 * whether its worker is bound. A thread that binds the worker after that must see the
	 * state.
	 */
	if (__atomic_compare_exchange_n(&worker->head.thread, &free_, self, false, __ATOMIC_SEQ_CST,
					__ATOMIC_SEQ_CST)) {
		thread_exit_add(&worker->exit, thread_ended);
		return 0;
	}
	if (free_ == self)
		return 0;
	return baton_err(EBUSY,
			 "worker %s is bound to another thread: it must call baton_worker_unbind() "
			 "first",
			 worker->name);
}

void
baton_worker_unbind(struct baton_worker *worker)
{
	if (handle_check(worker, HANDLE_WORKER, "worker_unbind") < 0)
		return;
	thread_exit_del(&worker->exit);
	__atomic_store_n(&worker->head.thread, 0, __ATOMIC_RELEASE);
}

int
dma_worker_enter(struct baton_worker *worker, const char *operation)
{
	int ret = handle_check(worker, HANDLE_WORKER, operation);
	char text[160];

	if (ret < 0)
		return ret;
	if (!baton_worker_bind(worker))
		return 0;
	snprintf(text, sizeof(text),
		 "worker %s belongs to thread %#lx and was used from thread %#lx", worker->name,
		 (unsigned long)__atomic_load_n(&worker->head.thread, __ATOMIC_RELAXED),
		 (unsigned long)baton_thread_self());
	return ctx_violation(worker->ctx, BATON_RULE_THREAD, operation, "", text);
}

static inline unsigned
alloc8(const struct baton_worker *worker, const struct baton_pool_view *v, const uint32_t *idx,
       struct baton_token *tokens, unsigned n)
{
#ifdef __x86_64__
	if (baton_likely(worker->simd == SIMD_LEVEL_AVX512))
		return dma_alloc8_avx512(v, idx, tokens, n);
	if (worker->simd == SIMD_LEVEL_AVX2)
		return dma_alloc8_avx2(v, idx, tokens, n);
#endif
	return 0;
}

/* An allocation from another pool than the last time, which may be no pool of this context. */
static __attribute__((noinline)) struct dma_cache *
other_cache(struct baton_worker *worker, struct baton_pool *pool, const char *operation)
{
	struct dma_cache *c;

	if (handle_check(pool, HANDLE_POOL, operation) < 0 ||
	    handle_check_ctx(worker->ctx, pool->ctx, operation, "pool") < 0)
		return NULL;
	c = dma_cache(worker, pool);
	if (c) {
		worker->last_pool = pool;
		worker->last_cache = c;
	}
	return c;
}

unsigned
baton_alloc(struct baton_worker *worker, struct baton_pool *pool, struct baton_token *tokens,
	    unsigned n)
{
	const struct baton_pool_view *v;
	struct baton_pool_view dv;
	struct dma_cache *c;
	unsigned done = 0;

	if (baton_unlikely(dma_worker_ready(worker, "alloc") < 0))
		return 0;
	c = worker->last_cache;
	if (baton_unlikely(worker->last_pool != pool)) {
		c = other_cache(worker, pool, "alloc");
		if (!c)
			return 0;
	}
	v = &pool->view;
	dv = *v; /* in registers: stores below cannot alias it */
	while (done < n) {
		unsigned want = n - done < DMA_BATCH ? n - done : DMA_BATCH;
		unsigned got = dma_cache_reserve(c, want);
		const uint32_t *idx = c->idx + c->n - got;

		dma_cache_set(c, c->n - got);
		for (unsigned i = alloc8(worker, v, idx, tokens + done, got); i < got; i++)
			tokens[done + i] = (struct baton_token){
				.buf = idx[i],
				.off = v->headroom,
				.gen = dma_take(&dv, idx[i]),
				.pool = v->index,
			};
		done += got;
		if (got < want)
			break;
	}
	return done;
}

static inline unsigned
free8(const struct baton_worker *worker, const struct baton_token *tokens, unsigned n)
{
#ifdef __x86_64__
	const struct baton_pool_view *v = &worker->head.handle.views[tokens->pool];
	struct dma_cache *c = v->count ? worker->caches[tokens->pool] : NULL;

	if (baton_unlikely(!c))
		return 0;
	if (baton_likely(worker->simd == SIMD_LEVEL_AVX512))
		return dma_free8_avx512(v, c, tokens, n);
	if (worker->simd == SIMD_LEVEL_AVX2)
		return dma_free8_avx2(v, c, tokens, n);
#endif
	return 0;
}

/* Free the next token, with all checks. */
static inline int
free_one(struct baton_worker *worker, struct baton_token t)
{
	const struct baton_pool_view *v = &worker->head.handle.views[t.pool];
	const struct baton_pool_view dv = *v; /* in registers: stores below cannot alias it */
	struct dma_cache *c;

	if (baton_unlikely(!dma_give(&dv, t, BATON_OWNER_FREE << 16)))
		return dma_refuse(worker->ctx, t, "free");
	dma_poison(&dv, t.buf);
	c = worker->caches[t.pool];
	if (baton_unlikely(!c)) {
		c = dma_cache(worker, v->pool);
		if (!c) { /* there is no memory for a cache: free the buffer directly */
			dma_free_bufs(v->pool, &t.buf, 1);
			return 0;
		}
	}
	dma_cache_room(c, 1);
	dma_cache_push(c, t.buf);
	return 0;
}

int
baton_free(struct baton_worker *worker, const struct baton_token *tokens, unsigned n)
{
	int ret = dma_worker_ready(worker, "free");

	if (baton_unlikely(ret < 0))
		return ret;
	for (unsigned i = 0; i < n;) {
		/*
		 * Tokens that end a run of eights are freed one by one; after eight of them, eights
		 * are tried again.
		 */
		unsigned end;

		if (n - i >= 8)
			i += free8(worker, tokens + i, n - i);
		for (end = n - i < 8 ? n : i + 8; i < end; i++) {
			ret = free_one(worker, tokens[i]);
			if (baton_unlikely(ret < 0))
				return ret;
		}
	}
	return 0;
}

DRIVER_EXPORT(dma_worker_enter);
