/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pools in address spaces: one mapping for each pool, which all ports of the address space share.
 * Control thread.
 */
#ifndef BATON_DMA_MAP_H
#define BATON_DMA_MAP_H

#include "dma/pool.h"

struct baton_ioas;
struct dma_map;

/**
 * Map a pool in an address space, unless it is mapped already, and write its address to @view.
 * Devices with different limits may need it at different addresses.
 *
 * @limit: the highest address of its last byte.
 *
 * Return: 0; an error of baton_ioas_map(); -ENOTSUP if its pages are not contiguous for the device
 * (without an IOMMU).
 */
int dma_map_pool(struct baton_pool *pool, struct baton_ioas *ioas, uint64_t limit,
		 struct baton_pool_view *view, struct dma_map **out);

/** Release a mapping. The last user unmaps the pool. */
void dma_map_put(struct dma_map *map);

/** The pool is being destroyed: unmap it everywhere. */
void dma_map_forget(struct baton_pool *pool);

#endif
