/* SPDX-License-Identifier: BSD-3-Clause */
/* Pools in address spaces: one mapping each, which all ports there share. Control thread. */
#ifndef BATON_DMA_MAP_H
#define BATON_DMA_MAP_H

#include "dma/pool.h"

struct baton_ioas;
struct dma_map;

/**
 * Have a pool mapped in an address space, and @view say where. Devices with different limits may
 * have it at different addresses.
 *
 * @limit: the highest address of its last byte.
 *
 * Return: 0; what baton_ioas_map() returns; -ENOTSUP when its pages do not follow one another for
 * the device (without an IOMMU).
 */
int dma_map_pool(struct baton_pool *pool, struct baton_ioas *ioas, uint64_t limit,
		 struct baton_pool_view *view, struct dma_map **out);

/** The last one who had it unmaps it. */
void dma_map_put(struct dma_map *map);

/** The pool is about to go: no device reaches it any more. */
void dma_map_forget(struct baton_pool *pool);

#endif
