/* SPDX-License-Identifier: BSD-3-Clause */
#include "dma/quarantine.h"

#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "base/err.h"
#include "dma/pool.h"
#include "dma/reach.h"
#include "mem/arena.h"
#include "mem/holder.h"

#define POLL_MIN_MS 1
#define POLL_MAX_MS 250

struct dma_quarantine {
	struct ctx_source src;  /* src.fd: the pidfd of its process, or -1 */
	struct ctx_timer again; /* when who has the memory is asked again */
	unsigned pause_ms;
	struct mem_holder *holder; /* NULL: a device, or nothing can be known */
	struct baton_ctx *ctx;
	struct dma_quarantine **list; /* the port's; NULL: it is closed */
	struct dma_quarantine *next;
	struct dma_quarantine *next_in_ctx;
	bool local; /* the device is a program: it has its own mappings, and ours are nothing to it
		     */
	bool watched; /* src is among the context's sources */
	uint32_t n, cap;
	struct {
		struct baton_pool *pool;
		uint32_t buf;
	} * in;
	struct baton_arena **arenas;
	uint32_t n_arenas, cap_arenas;
	uint32_t slots;
};

static void
leave(struct dma_quarantine *w)
{
	struct dma_quarantine **at = w->list;

	if (!at)
		return;
	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	w->list = NULL;
}

static void
quarantine_free(struct dma_quarantine *w)
{
	struct dma_quarantine **at = &w->ctx->quarantines;

	leave(w);
	while (*at != w)
		at = &(*at)->next_in_ctx;
	*at = w->next_in_ctx;
	if (w->watched)
		ctx_source_del(w->ctx, &w->src);
	ctx_timer_cancel(w->ctx, &w->again);
	mem_holder_put(w->holder);
	free(w->in);
	free(w->arenas);
	free(w);
}

/* A pool with buffers in quarantine cannot be destroyed, so every pool named here is there. */
static void
release(struct dma_quarantine *w, const char *why)
{
	for (uint32_t i = 0; i < w->n; i++) {
		uint32_t *owner = &w->in[i].pool->view.owner[w->in[i].buf];

		__atomic_store_n(owner,
				 BATON_OWNER_FREE << 16 |
					 (__atomic_load_n(owner, __ATOMIC_RELAXED) & 0xffff),
				 __ATOMIC_RELAXED);
		dma_free_bufs(w->in[i].pool, &w->in[i].buf, 1);
		w->in[i].pool->quarantined--;
	}
	for (uint32_t i = 0; i < w->n_arenas; i++)
		arena_free(w->arenas[i]);
	baton_log(w->ctx, BATON_LOG_INFO, "%s: %u buffers and %u slots are out of quarantine", why,
		  w->n, w->slots);
	quarantine_free(w);
}

/* Return: whether all of it is freed, and @w with it. */
static bool
ask(struct dma_quarantine *w)
{
	if (mem_holder_ask(w->holder) != MEM_FREE)
		return false;
	release(w, "nobody has the memory any more that the backend was given");
	return true;
}

static void
ask_again(struct ctx_timer *timer)
{
	struct dma_quarantine *w =
		(struct dma_quarantine *)(void *)((char *)timer -
						  offsetof(struct dma_quarantine, again));

	if (ask(w))
		return;
	w->pause_ms = w->pause_ms * 2 < POLL_MAX_MS ? w->pause_ms * 2 : POLL_MAX_MS;
	ctx_timer_set(w->ctx, timer, w->pause_ms);
}

/* It may have left the memory to others; so this is only a good time to ask. */
static void
process_ended(struct ctx_source *src, uint32_t events)
{
	struct dma_quarantine *w = (struct dma_quarantine *)(void *)src;

	ctx_source_del(w->ctx, src);
	w->watched = false;
	w->pause_ms = POLL_MIN_MS;
	ctx_timer_set(w->ctx, &w->again, w->pause_ms);
	dma_quarantine_ask(w->ctx);
}

void
dma_quarantine_ask(struct baton_ctx *ctx)
{
	struct dma_quarantine *next;

	for (struct dma_quarantine *w = ctx->quarantines; w; w = next) {
		next = w->next_in_ctx;
		if (w->holder)
			ask(w);
	}
}

struct dma_quarantine *
dma_quarantine_open(struct dma_reach *r, struct mem_holder *holder)
{
	struct dma_quarantine *w = calloc(1, sizeof(*w));

	if (!w) {
		mem_holder_put(holder);
		return NULL;
	}
	w->holder = holder;
	w->src.fd = mem_holder_process(holder);
	w->src.ready = process_ended;
	w->again.due = ask_again;
	w->pause_ms = POLL_MIN_MS;
	w->ctx = r->ctx;
	w->local = r->local;
	w->list = &r->quarantines;
	w->next = r->quarantines;
	r->quarantines = w;
	w->next_in_ctx = w->ctx->quarantines;
	w->ctx->quarantines = w;
	return w;
}

/* Room for one more in a list of @n. Return: false when out of memory. */
static bool
grow(void **list, size_t entry, uint32_t n, uint32_t *cap, uint32_t first)
{
	uint32_t more = *cap ? *cap * 2 : first;
	void *p;

	if (n < *cap)
		return true;
	p = realloc(*list, more * entry);
	if (!p)
		return false;
	*list = p;
	*cap = more;
	return true;
}

void
dma_quarantine_buf(struct dma_quarantine *w, struct baton_pool *pool, uint32_t buf)
{
	uint32_t *owner = &pool->view.owner[buf];
	uint32_t gen = __atomic_load_n(owner, __ATOMIC_RELAXED) & 0xffff;

	__atomic_store_n(owner, BATON_OWNER_QUARANTINE << 16 | gen, __ATOMIC_RELAXED);
	pool->quarantined++;
	if (!w || !grow((void **)&w->in, sizeof(*w->in), w->n, &w->cap, 256))
		return; /* not remembered: it stays in quarantine for ever */
	w->in[w->n].pool = pool;
	w->in[w->n].buf = buf;
	w->n++;
}

void
dma_quarantine_memory(struct dma_quarantine *w, struct baton_arena *arena, uint32_t slots)
{
	w->slots += slots;
	arena_disown(arena);
	if (grow((void **)&w->arenas, sizeof(*w->arenas), w->n_arenas, &w->cap_arenas, 8))
		w->arenas[w->n_arenas++] = arena; /* else for ever, and counted */
}

void
dma_quarantine_close(struct dma_quarantine *w)
{
	if (!w)
		return;
	if (!w->n && !w->n_arenas && !w->slots) {
		quarantine_free(w);
		return;
	}
	if (mem_holder_evidence(w->holder, NULL) == MEM_NO_EVIDENCE)
		return;
	/* One that cannot watch it, or has another quarantine that does, asks by time all the same.
	 */
	w->watched = w->src.fd >= 0 && ctx_source_add(w->ctx, &w->src, EPOLLIN) == 0;
	ctx_timer_set(w->ctx, &w->again, w->pause_ms);
}

void
dma_quarantine_release(struct dma_quarantine **list, const char *why)
{
	struct dma_quarantine *next;

	/* Whoever has the memory may write, whatever another device has confirmed. */
	for (struct dma_quarantine *w = *list; w; w = next) {
		next = w->next;
		if (!w->holder)
			release(w, why);
	}
}

void
dma_quarantine_detach(struct dma_quarantine **list)
{
	while (*list)
		leave(*list);
}

/* Return: the bytes of its memory that must stay. */
static uint64_t
abandon(struct dma_quarantine *w)
{
	struct baton_arena_info info;
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < w->n_arenas; i++) {
		if (w->local) {
			arena_free(w->arenas[i]);
			continue;
		}
		baton_arena_info(w->arenas[i], &info);
		bytes += info.bytes;
		arena_leave_mapped(w->arenas[i]);
	}
	quarantine_free(w);
	return bytes;
}

void
dma_quarantine_fini(struct baton_ctx *ctx)
{
	uint64_t bytes = 0;

	while (ctx->quarantines)
		bytes += abandon(ctx->quarantines);
	if (bytes)
		baton_log(ctx, BATON_LOG_WARN,
			  "%llu KiB stay in memory until this process ends: a device without an "
			  "IOMMU did not let go of them, "
			  "and may write there",
			  (unsigned long long)(bytes / 1024));
}

uint32_t
dma_quarantine_slots(const struct dma_quarantine *list)
{
	uint32_t n = 0;

	for (; list; list = list->next)
		n += list->slots;
	return n;
}

bool
dma_quarantine_ends(const struct baton_pool *pool)
{
	for (const struct dma_quarantine *w = pool->ctx->quarantines; w; w = w->next_in_ctx) {
		if (mem_holder_evidence(w->holder, NULL) == MEM_NO_EVIDENCE)
			continue;
		for (uint32_t i = 0; i < w->n; i++)
			if (w->in[i].pool == pool)
				return true;
	}
	return false;
}
