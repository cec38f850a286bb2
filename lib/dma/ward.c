/* SPDX-License-Identifier: BSD-3-Clause */
/* Quarantine: buffers that wait for the end of the process that may still write to them. */
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/err.h"
#include "dma/pool.h"

struct dma_ward {
	struct ctx_source src; /* src.fd: the pidfd */
	struct baton_ctx *ctx;
	uint32_t n, cap;
	struct {
		struct baton_pool *pool;
		uint32_t buf;
	} *in;
};

static void
ward_free(struct dma_ward *w)
{
	if (w->src.fd >= 0)
		close(w->src.fd);
	free(w->in);
	free(w);
}

/* A pool with buffers in quarantine cannot be destroyed, so every pool named here is there. */
static void
process_ended(struct ctx_source *src, uint32_t events)
{
	struct dma_ward *w = (struct dma_ward *)(void *)src;

	for (uint32_t i = 0; i < w->n; i++) {
		uint32_t *owner = &w->in[i].pool->view.owner[w->in[i].buf];

		__atomic_store_n(owner, BATON_OWNER_FREE << 16 | (__atomic_load_n(owner, __ATOMIC_RELAXED) & 0xffff),
				 __ATOMIC_RELAXED);
		dma_home(w->in[i].pool, &w->in[i].buf, 1);
	}
	baton_log(w->ctx, BATON_LOG_INFO, "the process that had them has ended: %u buffers are out of quarantine",
		  w->n);
	ctx_source_del(w->ctx, src);
	ward_free(w);
}

struct dma_ward *
dma_ward_open(struct baton_ctx *ctx, int pidfd)
{
	struct dma_ward *w = calloc(1, sizeof(*w));

	if (!w) {
		if (pidfd >= 0)
			close(pidfd);
		return NULL;
	}
	w->src.fd = pidfd;
	w->src.ready = process_ended;
	w->ctx = ctx;
	return w;
}

void
dma_quarantine(struct dma_ward *w, struct baton_pool *pool, uint32_t buf)
{
	uint32_t *owner = &pool->view.owner[buf];
	uint32_t gen = __atomic_load_n(owner, __ATOMIC_RELAXED) & 0xffff;

	__atomic_store_n(owner, BATON_OWNER_QUARANTINE << 16 | gen, __ATOMIC_RELAXED);
	if (!w)
		return;
	if (w->n == w->cap) {
		uint32_t cap = w->cap ? w->cap * 2 : 256;
		void *in = realloc(w->in, cap * sizeof(*w->in));

		if (!in)
			return; /* not remembered: it stays in quarantine for ever */
		w->in = in;
		w->cap = cap;
	}
	w->in[w->n].pool = pool;
	w->in[w->n].buf = buf;
	w->n++;
}

void
dma_ward_close(struct dma_ward *w)
{
	if (!w)
		return;
	if (!w->n || w->src.fd < 0 || ctx_source_add(w->ctx, &w->src, EPOLLIN) < 0)
		ward_free(w);
}
