/* SPDX-License-Identifier: BSD-3-Clause */
/* The private side of a token ring: base/ring.h with a handle, the rights of threads, wake-ups. */
#ifndef BATON_DMA_RING_H
#define BATON_DMA_RING_H

#include <baton/ring.h>

#include "base/ring.h"
#include "dma/pool.h"

struct baton_ring {
	struct baton_handle handle;
	struct baton_worker *producer, *consumer; /* NULL: any thread */
	int wake_fd;
	bool armed; /* the consumer; its thread. Without one: not used */
	struct ring ring;
	struct baton_ctx *ctx;
	struct baton_ring *next; /* of ctx->rings */
	struct dma_waker waker;  /* of the consumer */
	char name[32];
};

/** Count the buffers of the pool that are in the ring. Exact while nobody uses it. */
uint32_t dma_ring_held(struct baton_ring *ring, const struct baton_pool *pool);

#endif
