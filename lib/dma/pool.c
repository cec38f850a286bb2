/* SPDX-License-Identifier: BSD-3-Clause */
/* Pools: geometry, memory, the free list. */
#include "dma/pool.h"
#include "base/structs.h"

#include <stdlib.h>
#include <sys/random.h>

#include "base/err.h"
#include "base/export.h"
#include "base/limits.h"
#include "dma/pool_map.h"
#include "mem/arena.h"

#define LINE BATON_CACHE_LINE

static const struct baton_pool_config defaults = {
	.data_len = BATON_DEFAULT_DATA_LEN,
	.headroom = BATON_DEFAULT_HEADROOM,
	.node = BATON_NODE_ANY,
	.page_size = BATON_PAGE_ANY,
	.fd = -1,
};

void
baton_pool_config_init_(struct baton_pool_config *config, size_t size)
{
	struct_init(config, size, &defaults, sizeof(defaults));
}

/*
 * The stride is an odd number of cache lines, because a power of two puts every header into the
 * same few sets of the L1 cache.
 */
static uint32_t
odd_stride(uint32_t data_len)
{
	return ((data_len + LINE - 1) / LINE | 1) * LINE;
}

static int
check_outside(const struct baton_pool_config *c)
{
	uint64_t last;

	if (c->stride == 0 || (uint64_t)c->data_off + c->data_len > c->stride)
		return baton_err(EINVAL,
				 "pool: data_off %u + data_len %u do not fit into a stride of %u "
				 "bytes",
				 c->data_off, c->data_len, c->stride);
	last = (uint64_t)(c->count - 1) * c->stride + c->data_off + c->data_len;
	if (last > c->bytes)
		return baton_err(EINVAL,
				 "pool: %u buffers of stride %u need %llu bytes, the memory "
				 "supplied has %zu",
				 c->count, c->stride, (unsigned long long)last, c->bytes);
	return 0;
}

static int
check_config(struct baton_pool_config *c, const struct baton_pool_config *in)
{
	int ret;

	if (!in)
		return baton_err(EINVAL, "pool: there is no configuration: it is NULL; fill one "
					 "in, from "
					 "baton_pool_config_init() on");
	*c = defaults;
	ret = struct_take(c, sizeof(*c), in, "struct baton_pool_config");
	if (!ret)
		ret = struct_check_reserved(c->reserved, "struct baton_pool_config");
	if (ret < 0)
		return ret;
	if (c->data_len == 0)
		c->data_len = BATON_DEFAULT_DATA_LEN;
	if (c->headroom == 0)
		c->headroom = BATON_DEFAULT_HEADROOM;
	if (c->count == 0 || c->count > BATON_MAX_BUFS)
		return baton_err(EINVAL, "pool: %u buffers were asked for, 1 to %u are possible",
				 c->count, BATON_MAX_BUFS);
	if (c->data_len > UINT16_MAX || c->data_len <= c->headroom)
		return baton_err(EINVAL,
				 "pool: a data room of %u bytes is not between the headroom (%u) "
				 "and 65,535",
				 c->data_len, c->headroom);
	if (c->backing && (!c->backing->get_bulk || !c->backing->put_bulk))
		return baton_err(EINVAL, "pool: a backing needs both get_bulk and put_bulk");
	if (c->base)
		return check_outside(c);
	c->data_off = 0;
	c->stride = odd_stride(c->data_len);
	return 0;
}

/*
 * Get the memory. Buffers must not straddle pages only where physical addresses are used; an arena
 * is contiguous in every other address space.
 */
static int
get_memory(struct baton_pool *p, const struct baton_pool_config *c)
{
	struct baton_arena_info info;
	struct baton_mem_config mem = {
		.size = sizeof(mem),
		.name = p->name,
		.bytes = (size_t)c->count * c->stride,
		.page_size = c->page_size,
		.node = c->node,
		.hugetlbfs = c->hugetlbfs,
		.flags = c->mem_flags,
	};
	/* The owner table, the side records and the free list. */
	size_t tables = (size_t)c->count * (2 * sizeof(uint32_t) + BATON_SIDE_SIZE);
	int ret = arena_check_room(p->ctx, tables);

	if (ret < 0)
		return baton_err_prefix(ret, "pool %s of %u buffers: its tables", p->name,
					c->count);
	if (c->base) {
		p->base = c->base;
		p->bytes = c->bytes;
		p->fd = c->fd;
		p->fd_offset = c->fd_offset;
		return 0;
	}
	ret = arena_create_for(p->ctx, &mem, &(struct arena_use){ .beside = tables }, &p->arena);
	if (ret < 0)
		return baton_err_prefix(ret, "pool %s of %u buffers", p->name, c->count);
	baton_arena_info(p->arena, &info);
	p->base = info.base;
	p->bytes = info.bytes;
	p->fd = info.fd;
	p->page_size = info.page_size;
	return 0;
}

static void
pool_release(struct baton_pool *p)
{
#ifdef DMA_ASAN
	if (p->base)
		ASAN_UNPOISON_MEMORY_REGION(p->base, p->bytes);
#endif
	arena_free(p->arena);
	free(p->stack.blocks);
	free(p->view.owner);
	free(p->view.side);
}

/*
 * Every buffer's generation starts anywhere, so that a token of an earlier pool in this one's
 * place, or of another context's, is taken for one of its own with a probability of 2^-16.
 */
static void
start_generations(struct baton_pool *p)
{
	uint64_t seed;

	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != sizeof(seed))
		seed = (uintptr_t)p ^ ctx_now_ns();
	for (uint32_t b = 0; b < p->view.count; b++) {
		/* Vigna's SplitMix64. */
		uint64_t z = seed += 0x9e3779b97f4a7c15;

		z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
		z = (z ^ z >> 27) * 0x94d049bb133111eb;
		p->view.owner[b] = BATON_OWNER_FREE << 16 | (uint16_t)(z ^ z >> 31);
	}
}

static int
no_memory(const struct baton_pool *p, const char *what, uint32_t count)
{
	struct text limit = { 0 };

	limits_memory(&limit, (uint64_t)count * BATON_SIDE_SIZE);
	return baton_err(ENOMEM, "pool %s: no memory for the %s of %u buffers%s", p->name, what,
			 count, limit.text);
}

static int
pool_build(struct baton_pool *p, const struct baton_pool_config *c)
{
	int ret = get_memory(p, c);

	if (ret < 0)
		return ret;
	p->view = (struct baton_pool_view){
		.data = p->base + c->data_off,
		.owner = malloc(c->count * sizeof(uint32_t)),
		.stride = c->stride,
		.count = c->count,
		.data_len = c->data_len,
		.headroom = c->headroom,
		.pool = p,
		.side = calloc(c->count, BATON_SIDE_SIZE),
	};
	if (!p->view.owner || !p->view.side)
		return no_memory(p, "owner table", c->count);
	start_generations(p);
	if (c->backing)
		p->backing = *c->backing;
	else if (!stack_create(&p->stack, &p->ctl, c->count, BATON_MAX_WORKERS + 1))
		ret = no_memory(p, "free list", c->count);
	return ret;
}

int
baton_pool_create(struct baton_ctx *ctx, const struct baton_pool_config *config,
		  struct baton_pool **out)
{
	struct baton_pool_config c;
	struct baton_pool *p;
	unsigned i;
	int ret = ctx_enter(ctx, "pool_create");

	if (!ret && !out)
		ret = baton_err(EINVAL, "pool_create: there is no place for the pool: out is NULL");
	if (!ret)
		ret = check_config(&c, config);
	if (ret < 0)
		return ret;
	for (i = 0; i < BATON_MAX_POOLS && ctx->pools[i]; i++)
		;
	if (i == BATON_MAX_POOLS)
		return baton_err(ENOSPC, "pool: a context has at most %u pools", BATON_MAX_POOLS);
	p = handle_new(ctx, HANDLE_POOL, sizeof(*p));
	if (!p)
		return baton_err(ENOMEM, "pool: out of memory");
	p->ctx = ctx;
	p->fd = -1;
	if (c.name)
		snprintf(p->name, sizeof(p->name), "%s", c.name);
	else
		snprintf(p->name, sizeof(p->name), "pool%u", i);
	ret = pool_build(p, &c);
	if (ret < 0) {
		pool_release(p);
		handle_free(p);
		return ret;
	}
	p->view.index = (uint8_t)i;
#ifdef DMA_ASAN
	for (uint32_t b = 0; b < c.count; b++)
		ASAN_POISON_MEMORY_REGION(p->view.data + (size_t)b * c.stride, c.data_len);
#endif
	ctx->pools[i] = p;
	ctx->views[i] = p->view;
	*out = p;
	return 0;
}

/* Return: a queue that would continue to use the pool; NULL if there is none. */
static const struct dma_holder *
user_of(const struct baton_pool *pool)
{
	const struct baton_ctx *ctx = pool->ctx;

	for (size_t i = 0; i < sizeof(ctx->holders) / sizeof(ctx->holders[0]); i++)
		if (ctx->holders[i] && ctx->holders[i]->uses(ctx->holders[i], pool))
			return ctx->holders[i];
	return NULL;
}

/*
 * Check that all buffers are free and no queue uses the pool. Return: 0 or -EBUSY, with a report of
 * the holders.
 */
static int
check_idle(struct baton_pool *pool)
{
	unsigned n = baton_pool_holders(pool, NULL, 0);
	struct baton_holder *h = calloc(n, sizeof(*h));
	const struct dma_holder *user = user_of(pool);
	uint32_t out = 0, quarantined = 0;
	char text[1024] = "";
	int len = 0;

	if (!h)
		return baton_err(ENOMEM, "pool %s: no memory for the list of its holders",
				 pool->name);
	n = baton_pool_holders(pool, h, n);
	for (unsigned i = 0; i < n; i++) {
		if (h[i].kind == BATON_HOLDER_FREE || h[i].kind == BATON_HOLDER_CACHE)
			continue;
		out += h[i].count;
		quarantined += h[i].kind == BATON_HOLDER_QUARANTINE ? h[i].count : 0;
		if (h[i].count && len < (int)sizeof(text) - 80)
			len += snprintf(text + len, sizeof(text) - (size_t)len, "%s%s holds %u",
					len ? ", " : "", h[i].name, h[i].count);
	}
	free(h);
	/* Buffers that a device did not let go of are no mistake of the application. */
	if (out > quarantined)
		ctx_violation(pool->ctx, BATON_RULE_POOL_BUSY, "pool_destroy", pool->name, text);
	if (out)
		return baton_err(EBUSY, "pool %s: %u of its %u buffers are not free: %s",
				 pool->name, out, pool->view.count, text);
	if (user)
		return baton_err(EBUSY,
				 "pool %s is in use by port %s: close it, or stop it and set its "
				 "queues up anew",
				 pool->name, user->port);
	return 0;
}

int
dma_pool_check(const struct baton_pool *pool, const char *who, uint64_t in_rings, uint32_t more)
{
	uint64_t caches = more, bursts = more ? DMA_BATCH : 0, need;

	/* Every worker there is: whichever frees a buffer, or sends it, has it in its cache. */
	for (unsigned i = 0; i < BATON_MAX_WORKERS; i++) {
		const struct baton_worker *w = pool->ctx->workers[i];

		caches += w ? w->cache_size : 0;
		bursts += w ? DMA_BATCH : 0;
	}
	need = in_rings + caches + bursts;
	if (need + pool->quarantined <= pool->view.count)
		return 0;
	if (pool->quarantined)
		return baton_err(ENOBUFS,
				 "%s: %u of the %u buffers of pool %s are in quarantine, and %llu "
				 "are needed to go on (rings %llu, workers' caches %llu, bursts "
				 "%llu)",
				 who, pool->quarantined, pool->view.count, pool->name,
				 (unsigned long long)need, (unsigned long long)in_rings,
				 (unsigned long long)caches, (unsigned long long)bursts);
	return baton_err(ENOBUFS,
			 "%s: pool %s has %u buffers, but %llu may be in rings, %llu in workers' "
			 "caches and %llu in bursts: make it at least %llu, or the rings or caches "
			 "smaller, or the workers fewer",
			 who, pool->name, pool->view.count, (unsigned long long)in_rings,
			 (unsigned long long)caches, (unsigned long long)bursts,
			 (unsigned long long)need);
}

int
baton_pool_destroy(struct baton_pool *pool)
{
	int ret = handle_enter(pool, HANDLE_POOL, "pool_destroy");
	struct baton_ctx *ctx;

	if (!ret)
		ret = check_idle(pool);
	if (ret < 0)
		return ret;
	ctx = pool->ctx;
	for (unsigned i = 0; i < BATON_MAX_WORKERS; i++) {
		struct baton_worker *w = ctx->workers[i];

		if (w && w->caches[pool->view.index]) {
			struct dma_cache *c = w->caches[pool->view.index];

			if (c->n && pool->backing.put_bulk)
				dma_free_bufs(pool, c->idx, c->n);
			w->caches[pool->view.index] = NULL;
			w->last_pool = DMA_NO_POOL;
			free(c);
		}
	}
	memset(&ctx->views[pool->view.index], 0, sizeof(ctx->views[0]));
	ctx->pools[pool->view.index] = NULL;
	dma_map_forget(pool);
	pool_release(pool);
	handle_close(pool);
	return 0;
}

void
baton_pool_info_(const struct baton_pool *pool, struct baton_pool_info *out, size_t size)
{
	struct baton_pool_info info = { 0 };

	if (!out)
		return;
	if (handle_check(pool, HANDLE_POOL, "pool_info") == 0)
		info = (struct baton_pool_info){
			.name = pool->name,
			.index = pool->view.index,
			.count = pool->view.count,
			.data_len = pool->view.data_len,
			.stride = pool->view.stride,
			.headroom = pool->view.headroom,
			.page_size = pool->page_size,
		};
	struct_give(out, size, &info, sizeof(info));
}

DRIVER_EXPORT(dma_pool_check);
