/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A quarantine: buffers and memory of a device that did not say that it has let go. They stay out
 * of use, and show as in quarantine, until that is known after all: the device was reset or taken
 * out of its address space, or nobody has the memory any more that a backend was given
 * (mem/holder.h), which baton_ctx_poll() asks: when its process ends, and every 250 ms. Control
 * thread.
 *
 * A quarantine outlives its port. A PCI device behind an IOMMU is in no address space once its port
 * is closed, so its quarantines end there. Without an IOMMU nothing can be said of a device that
 * was given back: then they stay until the context is destroyed, and their memory until our process
 * ends.
 */
#ifndef BATON_DMA_QUARANTINE_H
#define BATON_DMA_QUARANTINE_H

#include <stdbool.h>
#include <stdint.h>

struct baton_arena;
struct baton_ctx;
struct baton_pool;
struct dma_reach;
struct dma_quarantine;
struct mem_holder;

/**
 * Open a quarantine of a port's.
 *
 * @holder: who can still write to what is put in; a reference of the quarantine's own from now on.
 * NULL: a device.
 *
 * Return: NULL when out of memory: what would be put in stays in quarantine for ever.
 */
struct dma_quarantine *dma_quarantine_open(struct dma_reach *r, struct mem_holder *holder);

/** @quarantine: NULL: for ever. */
void dma_quarantine_buf(struct dma_quarantine *quarantine, struct baton_pool *pool, uint32_t buf);

/** Keep an arena, with so many slots in it. @quarantine: not NULL. */
void dma_quarantine_memory(struct dma_quarantine *quarantine, struct baton_arena *arena,
			   uint32_t slots);

/** All are in: ask from now on. An empty quarantine is gone with this. */
void dma_quarantine_close(struct dma_quarantine *quarantine);

/** Ask for all quarantines of a context now: nobody may have the memory at this moment, and the
 * next holder is about to get it. */
void dma_quarantine_ask(struct baton_ctx *ctx);

/** Is there a quarantine with buffers of @pool whose end can be seen? */
bool dma_quarantine_ends(const struct baton_pool *pool);

/** The device of a port reaches none of it any more, and @why: all of it is freed. What processes
 * have stays. */
void dma_quarantine_release(struct dma_quarantine **list, const char *why);

/** The port is closed: from now on they are freed only when nobody has the memory any more. */
void dma_quarantine_detach(struct dma_quarantine **list);

/**
 * The context is destroyed, and no pool is left: nothing of ours is written to any more.
 *
 * A process keeps for itself what we unmap and close. Memory that a device without an IOMMU may
 * write to by its physical address is not given back to the kernel, which would use it for
 * something else.
 */
void dma_quarantine_fini(struct baton_ctx *ctx);

/** Slots in the quarantines of a port: all that their memory has, in use or not when the device was
 * stopped. */
uint32_t dma_quarantine_slots(const struct dma_quarantine *list);

#endif
