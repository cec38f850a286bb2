/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * take and give for eight buffers of one pool. The accesses to the owner table are the same relaxed
 * atomics, in the same order, as one by one. So a buffer that is twice among the eight is detected,
 * sanitizers see all accesses, and -Downership=strict uses compare-and-swap.
 */
#ifndef BATON_DMA_LANES_H
#define BATON_DMA_LANES_H

#define SIMD_LANES
#include "base/simd.h"
#include "dma/pool.h"

#define LANES 8u

/** dma_take() of eight buffers. @bufs: trusted. Return: their new generations. */
SIMD_INLINE d8
dma_take8(const struct baton_pool_view *v, const uint32_t *bufs)
{
	d8 gens = _mm256_setzero_si256();

#ifndef BATON_OWNERSHIP_OFF
	uint32_t *const o = v->owner;
	__m128i lo, hi;

#define GET(k)    (int)__atomic_load_n(&o[bufs[k]], __ATOMIC_RELAXED)
#define PUT(k, x) __atomic_store_n(&o[bufs[k]], (uint32_t)(x), __ATOMIC_RELAXED)
	gens = _mm256_setr_epi32(GET(0), GET(1), GET(2), GET(3), GET(4), GET(5), GET(6), GET(7));
	gens = _mm256_and_si256(_mm256_add_epi32(gens, d8_set(1)), d8_set(0xffff));
	lo = _mm_or_si128(_mm256_castsi256_si128(gens), _mm_set1_epi32(BATON_OWNER_CPU << 16));
	hi = _mm_or_si128(_mm256_extracti128_si256(gens, 1), _mm_set1_epi32(BATON_OWNER_CPU << 16));
	PUT(0, _mm_cvtsi128_si32(lo));
	PUT(1, _mm_extract_epi32(lo, 1));
	PUT(2, _mm_extract_epi32(lo, 2));
	PUT(3, _mm_extract_epi32(lo, 3));
	PUT(4, _mm_cvtsi128_si32(hi));
	PUT(5, _mm_extract_epi32(hi, 1));
	PUT(6, _mm_extract_epi32(hi, 2));
	PUT(7, _mm_extract_epi32(hi, 3));
#undef GET
#undef PUT
#endif
#ifdef DMA_ASAN
	for (unsigned k = 0; k < LANES; k++)
		dma_unpoison(v, bufs[k]);
#endif
	return gens;
}

/**
 * dma_give() of eight buffers whose indexes and offsets were checked.
 *
 * Return: false if the CPU does not hold one of them; nothing is changed then.
 */
SIMD_INLINE bool
dma_give8(const struct baton_pool_view *v, const uint32_t *bufs, d8 gens, uint32_t owner)
{
#ifndef BATON_OWNERSHIP_OFF
	const uint32_t change = owner - (BATON_OWNER_CPU << 16);
	uint32_t *const o = v->owner;
	uint32_t held[LANES] __attribute__((aligned(32)));

	d8_store(held, _mm256_or_si256(gens, d8_set(BATON_OWNER_CPU << 16)));
#pragma GCC unroll 8
	for (unsigned k = 0; k < LANES; k++) {
		uint32_t *const entry = &o[bufs[k]];
		const uint32_t next = held[k] + change;

#ifdef BATON_OWNERSHIP_STRICT
		uint32_t now = held[k];
		const bool ours = __atomic_compare_exchange_n(entry, &now, next, false,
							      __ATOMIC_RELAXED, __ATOMIC_RELAXED);
#else
		const bool ours = __atomic_load_n(entry, __ATOMIC_RELAXED) == held[k];
#endif
		if (baton_unlikely(!ours)) {
			while (k-- > 0)
				__atomic_store_n(&o[bufs[k]], held[k], __ATOMIC_RELAXED);
			return false;
		}
#ifndef BATON_OWNERSHIP_STRICT
		__atomic_store_n(entry, next, __ATOMIC_RELAXED);
#endif
	}
#endif
	return true;
}

SIMD_INLINE void
dma_poison8(const struct baton_pool_view *v, const uint32_t *bufs)
{
#ifdef DMA_ASAN
	for (unsigned k = 0; k < LANES; k++)
		dma_poison(v, bufs[k]);
#endif
}

/* The fields of eight tokens. */
struct tokens8 {
	q8 first; /* {buf:32, off:16, len:16} of each */
	d8 bufs, off, len;
	d8 rest; /* {gen:16, pool:8, flags:8} of each */
};

SIMD_INLINE struct tokens8
tokens8_load(const struct baton_token *t)
{
	struct tokens8 r;
	q8 second;
	d8 high;

	q8_unzip(t, &r.first, &second);
	high = q8_high(r.first);
	r.bufs = q8_low(r.first);
	r.off = _mm256_and_si256(high, d8_set(0xffff));
	r.len = _mm256_srli_epi32(high, 16);
	r.rest = q8_low(second);
	return r;
}

/*
 * The lanes whose token is of this pool and inside of it. With checks compiled out: the lanes whose
 * token is of this pool.
 */
SIMD_INLINE d8
tokens8_inside(const struct tokens8 *r, const struct baton_pool_view *v, uint32_t room,
	       uint32_t pool, uint32_t flags)
{
	const d8 same =
		_mm256_cmpeq_epi32(_mm256_and_si256(r->rest, d8_set(0xff0000 | flags << 24)),
				   d8_set(pool << 16));
#ifndef BATON_OWNERSHIP_OFF
	const d8 end = _mm256_add_epi32(r->off, r->len);

	return _mm256_and_si256(same, _mm256_and_si256(d8_at_most(r->bufs, d8_set(v->count - 1)),
						       d8_at_most(end, d8_set(room))));
#else
	return same;
#endif
}

SIMD_INLINE d8
tokens8_gens(const struct tokens8 *r)
{
	return _mm256_and_si256(r->rest, d8_set(0xffff));
}

#endif
