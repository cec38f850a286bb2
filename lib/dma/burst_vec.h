/* SPDX-License-Identifier: BSD-3-Clause */
/* See burst.h. Included by burst_avx2.c and burst_avx512.c. */
#include "dma/burst.h"
#include "dma/lanes.h"

#ifdef SIMD_TARGET

SIMD_TARGET unsigned
SIMD_NAME(dma_alloc8)(const struct baton_pool_view *v, const uint32_t *idx,
		      struct baton_token *tokens, unsigned n)
{
	const struct baton_pool_view dv = *v; /* in registers: stores below cannot alias it */
	const q8 off = q8_set((uint64_t)v->headroom << 32), pool = q8_set((uint64_t)v->index << 16);
	unsigned i;

	for (i = 0; i + LANES <= n; i += LANES) {
		const q8 first = q8_or(q8_of(d8_load(idx + i)), off);

		q8_zip(tokens + i, first, q8_or(q8_of(dma_take8(&dv, idx + i)), pool));
	}
	return i;
}

SIMD_TARGET unsigned
SIMD_NAME(dma_free8)(const struct baton_pool_view *v, struct dma_cache *c,
		     const struct baton_token *tokens, unsigned n)
{
	const struct baton_pool_view dv = *v; /* in registers: stores below cannot alias it */
	unsigned i;

	if (baton_unlikely(c->batch < LANES)) /* a very small cache */
		return 0;
	for (i = 0; i + LANES <= n; i += LANES) {
		const struct tokens8 t = tokens8_load(tokens + i);
		uint32_t *idx;

		if (baton_unlikely(!d8_all(tokens8_inside(&t, &dv, dv.data_len, v->index, 0))))
			break;
		dma_cache_room(c, LANES);
		idx = c->idx + c->n; /* entries above the top belong to nobody */
		d8_store(idx, t.bufs);
		if (baton_unlikely(!dma_give8(&dv, idx, tokens8_gens(&t), BATON_OWNER_FREE << 16)))
			break;
		dma_poison8(&dv, idx);
		dma_cache_set(c, c->n + LANES);
	}
	return i;
}

#endif
