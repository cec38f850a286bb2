/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A quarantine: buffers and memory of a device that did not say that it has let go. They stay out
 * of use, and show as in quarantine, until that is known after all: the device was reset or taken
 * out of its address space, or its process has ended, which baton_ctx_poll() notices. Control
 * thread.
 *
 * A quarantine outlives its port. A PCI device behind an IOMMU is in no address space once its port
 * is closed, so its quarantines end there. Without an IOMMU nothing can be said of a device that
 * was given back: then they stay until the context is destroyed, and their memory until our process
 * ends.
 */
#ifndef BATON_DMA_QUARANTINE_H
#define BATON_DMA_QUARANTINE_H

#include <stdint.h>

struct baton_arena;
struct baton_ctx;
struct baton_pool;
struct dma_reach;
struct dma_quarantine;

/**
 * Open a quarantine of a port's.
 *
 * @pidfd: of the process that can still write to what is put in, owned from now on; -1: none.
 *
 * Return: NULL when out of memory: what would be put in stays in quarantine for ever.
 */
struct dma_quarantine *dma_quarantine_open(struct dma_reach *r, int pidfd);

/** @quarantine: NULL: for ever. */
void dma_quarantine_buf(struct dma_quarantine *quarantine, struct baton_pool *pool, uint32_t buf);

/** Keep an arena, with so many slots in it. @quarantine: not NULL. */
void dma_quarantine_memory(struct dma_quarantine *quarantine, struct baton_arena *arena,
			   uint32_t slots);

/** All are in: watch for the end of the process. An empty quarantine is gone with this. */
void dma_quarantine_close(struct dma_quarantine *quarantine);

/** The device of a port reaches none of it any more, and @why: all of it comes home. Processes are
 * still waited for. */
void dma_quarantine_release(struct dma_quarantine **list, const char *why);

/** The port is closed: from now on only the end of their processes brings them home. */
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
