/* SPDX-License-Identifier: BSD-3-Clause */
#include "dma/quarantine.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/err.h"
#include "dma/pool.h"
#include "dma/reach.h"
#include "mem/arena.h"

struct dma_quarantine {
	struct ctx_source src; /* src.fd: the pidfd */
	struct baton_ctx *ctx;
	struct dma_quarantine **list; /* the port's; NULL: it is closed */
	struct dma_quarantine *next;
	struct dma_quarantine *next_in_ctx;
	bool local; /* the device is a program: it has its own mappings, and ours are nothing to it
		     */
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
	if (w->src.fd >= 0)
		close(w->src.fd);
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
	}
	for (uint32_t i = 0; i < w->n_arenas; i++)
		baton_arena_destroy(w->arenas[i]);
	baton_log(w->ctx, BATON_LOG_INFO, "%s: %u buffers and %u slots are out of quarantine", why,
		  w->n, w->slots);
	quarantine_free(w);
}

static void
process_ended(struct ctx_source *src, uint32_t events)
{
	struct dma_quarantine *w = (struct dma_quarantine *)(void *)src;

	ctx_source_del(w->ctx, src);
	release(w, "the process that had them has ended");
}

struct dma_quarantine *
dma_quarantine_open(struct dma_reach *r, int pidfd)
{
	struct dma_quarantine *w = calloc(1, sizeof(*w));

	if (!w) {
		if (pidfd >= 0)
			close(pidfd);
		return NULL;
	}
	w->src.fd = pidfd;
	w->src.ready = process_ended;
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
	if (w->src.fd >= 0 && ctx_source_add(w->ctx, &w->src, EPOLLIN) < 0) {
		close(w->src.fd);
		w->src.fd = -1;
	}
}

void
dma_quarantine_release(struct dma_quarantine **list, const char *why)
{
	struct dma_quarantine *next;

	/* A process that lives on may write, whatever another device has confirmed. */
	for (struct dma_quarantine *w = *list; w; w = next) {
		next = w->next;
		if (w->src.fd < 0)
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
			baton_arena_destroy(w->arenas[i]);
			continue;
		}
		baton_arena_info(w->arenas[i], &info);
		bytes += info.bytes;
		arena_leave_mapped(w->arenas[i]);
	}
	if (w->src.fd >= 0)
		ctx_source_del(w->ctx, &w->src);
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
