/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The parts of baton_alloc() and baton_free() that do eight buffers at a time: burst_vec.h,
 * compiled once for each kind of CPU.
 */
#ifndef BATON_DMA_BURST_H
#define BATON_DMA_BURST_H

#include "dma/pool.h"

/* Make tokens for the buffers at @idx, in multiples of eight. Return: the number of tokens made. */
unsigned dma_alloc8_avx2(const struct baton_pool_view *v, const uint32_t *idx,
			 struct baton_token *tokens, unsigned n);
unsigned dma_alloc8_avx512(const struct baton_pool_view *v, const uint32_t *idx,
			   struct baton_token *tokens, unsigned n);

/*
 * Free tokens of one pool into @c, in multiples of eight. Stop before the first eight that have a
 * token to check one by one. Return: the number of tokens freed.
 */
unsigned dma_free8_avx2(const struct baton_pool_view *v, struct dma_cache *c,
			const struct baton_token *tokens, unsigned n);
unsigned dma_free8_avx512(const struct baton_pool_view *v, struct dma_cache *c,
			  const struct baton_token *tokens, unsigned n);

#endif
