/* SPDX-License-Identifier: BSD-3-Clause */
/* Count the buffers of a pool by holder, each where the holder keeps them. */
#include "base/structs.h"
#include "dma/pool.h"
#include "dma/ring.h"

#include <stdarg.h>

struct list {
	struct baton_holder *out;
	size_t size; /* of an entry */
	unsigned room, n;
};

static void __attribute__((format(printf, 4, 5)))
add(struct list *l, enum baton_holder_kind kind, uint32_t count, const char *fmt, ...)
{
	struct baton_holder h = { .kind = kind, .count = count };
	va_list ap;

	if (l->n < l->room) {
		va_start(ap, fmt);
		vsnprintf(h.name, sizeof(h.name), fmt, ap);
		va_end(ap);
		struct_give(struct_at(l->out, l->n, l->size), l->size, &h, sizeof(h));
	}
	l->n++;
}

void
dma_holder_name(struct baton_ctx *ctx, uint32_t holder, char *out, size_t size)
{
	static const char *const fixed[] = { "the pool (free)", "the application", "quarantine",
					     "shared" };
	const struct dma_holder *h = NULL;

	if (holder < sizeof(fixed) / sizeof(fixed[0])) {
		snprintf(out, size, "%s", fixed[holder]);
		return;
	}
	holder -= BATON_OWNER_QUEUE;
	if (holder < sizeof(ctx->holders) / sizeof(ctx->holders[0]))
		h = ctx->holders[holder];
	if (h)
		snprintf(out, size, "%s %s", h->port, h->queue);
	else
		snprintf(out, size, "a queue that is closed");
}

static uint32_t
count_owner(const struct baton_pool *pool, uint32_t holder)
{
	uint32_t n = 0;

	for (uint32_t b = 0; b < pool->view.count; b++)
		n += __atomic_load_n(&pool->view.owner[b], __ATOMIC_RELAXED) >> 16 == holder;
	return n;
}

unsigned
baton_pool_holders_(const struct baton_pool *pool, struct baton_holder *out, unsigned n,
		    size_t size)
{
	struct list l = { .out = out, .size = size, .room = out ? n : 0 };
	struct baton_ctx *ctx;
	uint32_t count;

	if (handle_check(pool, HANDLE_POOL, "pool_holders") < 0)
		return 0;
	ctx = pool->ctx;
	if (pool->backing.get_bulk)
		count = pool->view.count - __atomic_load_n(&pool->taken, __ATOMIC_RELAXED);
	else
		count = stack_count(&pool->stack);
	add(&l, BATON_HOLDER_FREE, count, "free");
	for (unsigned i = 0; i < BATON_MAX_WORKERS; i++) {
		const struct baton_worker *w = ctx->workers[i];
		const struct dma_cache *c;

		c = w ? __atomic_load_n(&w->caches[pool->view.index], __ATOMIC_ACQUIRE) : NULL;
		if (c)
			add(&l, BATON_HOLDER_CACHE, __atomic_load_n(&c->n, __ATOMIC_RELAXED),
			    "worker %s", w->name);
	}
	count = count_owner(pool, BATON_OWNER_CPU);
	pthread_mutex_lock(&ctx->lock);
	for (struct baton_ring *r = ctx->rings; r; r = r->next) {
		uint32_t in_ring = dma_ring_held(r, pool);

		in_ring = in_ring < count ? in_ring : count;
		if (in_ring)
			add(&l, BATON_HOLDER_RING, in_ring, "ring %s", r->name);
		count -= in_ring;
	}
	pthread_mutex_unlock(&ctx->lock);
	add(&l, BATON_HOLDER_CPU, count, "application");
	count = count_owner(pool, BATON_OWNER_QUARANTINE);
	if (count)
		add(&l, BATON_HOLDER_QUARANTINE, count, "quarantine");
	for (size_t i = 0; i < sizeof(ctx->holders) / sizeof(ctx->holders[0]); i++) {
		const struct dma_holder *h = ctx->holders[i];

		count = h ? h->held(h, pool) : 0;
		if (count)
			add(&l, BATON_HOLDER_QUEUE, count, "%s %s", h->port, h->queue);
	}
	return l.n;
}
