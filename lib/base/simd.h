/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Eight lanes at a time: the few operations of AVX2 and AVX-512 that the hot loops need, under one
 * set of names.
 *
 * The variant is chosen once, when a worker or a queue is created, by what the CPU has. A loop is
 * written once, in NAME_vec.h. NAME_avx2.c and NAME_avx512.c compile it, and define SIMD_AVX512 or
 * not before they include it. Nothing here accesses the owner table: its entries are relaxed
 * atomics of 32 bits, and single accesses are also faster than gather and scatter on these CPUs.
 */
#ifndef BATON_BASE_SIMD_H
#define BATON_BASE_SIMD_H

#include <stdbool.h>
#include <stdint.h>

enum simd_level { SIMD_NONE, SIMD_LEVEL_AVX2, SIMD_LEVEL_AVX512 };

/** The widest variant that this CPU and its operating system support. */
static inline enum simd_level
simd_best(void)
{
#ifdef __x86_64__
	if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
	    __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"))
		return SIMD_LEVEL_AVX512;
	if (__builtin_cpu_supports("avx2"))
		return SIMD_LEVEL_AVX2;
#endif
	return SIMD_NONE;
}

#endif

/* The rest is for files that define SIMD_LANES, on x86-64. */
#if defined(SIMD_LANES) && defined(__x86_64__) && !defined(BATON_BASE_SIMD_LANES_H)
#define BATON_BASE_SIMD_LANES_H

#include <immintrin.h>

#ifdef SIMD_AVX512
#define SIMD_TARGET  __attribute__((target("avx2,bmi,bmi2,avx512f,avx512bw,avx512vl,avx512dq")))
#define SIMD_NAME(x) x##_avx512
#else
#define SIMD_TARGET  __attribute__((target("avx2,bmi,bmi2")))
#define SIMD_NAME(x) x##_avx2
#endif
#define SIMD_INLINE static inline __attribute__((always_inline)) SIMD_TARGET

/* ---- eight lanes of 32 bits ---- */

typedef __m256i d8;

SIMD_INLINE d8
d8_load(const void *p)
{
	return _mm256_loadu_si256((const __m256i_u *)p);
}

SIMD_INLINE void
d8_store(void *p, d8 x)
{
	_mm256_storeu_si256((__m256i_u *)p, x);
}

SIMD_INLINE d8
d8_set(uint32_t x)
{
	return _mm256_set1_epi32((int)x);
}

/* x, x + 1, ... x + 7 */
SIMD_INLINE d8
d8_iota(uint32_t x)
{
	return _mm256_add_epi32(d8_set(x), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

SIMD_INLINE d8
d8_reverse(d8 x)
{
	return _mm256_permutevar8x32_epi32(x, _mm256_setr_epi32(7, 6, 5, 4, 3, 2, 1, 0));
}

/* All ones in the lanes where x <= limit, unsigned. */
SIMD_INLINE d8
d8_at_most(d8 x, d8 limit)
{
	return _mm256_cmpeq_epi32(_mm256_min_epu32(x, limit), x);
}

/* Whether all lanes of a comparison are true. */
SIMD_INLINE bool
d8_all(d8 x)
{
	return _mm256_movemask_epi8(x) == -1;
}

SIMD_INLINE uint64_t
d8_sum(d8 x)
{
	__m128i s = _mm_add_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));

	s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
	s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1));
	return (uint32_t)_mm_cvtsi128_si32(s);
}

/* ---- eight lanes of 64 bits ---- */

#ifdef SIMD_AVX512

typedef __m512i q8;

SIMD_INLINE q8
q8_set(uint64_t x)
{
	return _mm512_set1_epi64((long long)x);
}

SIMD_INLINE q8
q8_of(d8 x)
{
	return _mm512_cvtepu32_epi64(x);
}

SIMD_INLINE d8
q8_low(q8 x)
{
	return _mm512_cvtepi64_epi32(x);
}

#define q8_shl(x, n) _mm512_slli_epi64(x, n)
#define q8_shr(x, n) _mm512_srli_epi64(x, n)

SIMD_INLINE d8
q8_high(q8 x)
{
	return _mm512_cvtepi64_epi32(q8_shr(x, 32));
}

SIMD_INLINE q8
q8_add(q8 x, q8 y)
{
	return _mm512_add_epi64(x, y);
}

SIMD_INLINE q8
q8_and(q8 x, q8 y)
{
	return _mm512_and_si512(x, y);
}

SIMD_INLINE q8
q8_or(q8 x, q8 y)
{
	return _mm512_or_si512(x, y);
}

/* The product of the low halves of each lane. */
SIMD_INLINE q8
q8_mul(q8 x, q8 y)
{
	return _mm512_mul_epu32(x, y);
}

SIMD_INLINE void
q8_store(void *p, q8 x)
{
	_mm512_storeu_si512(p, x);
}

/* Sixteen words: even[0], odd[0], even[1], ... */
SIMD_INLINE void
q8_zip(void *p, q8 even, q8 odd)
{
	const __m512i lo = _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11);
	const __m512i hi = _mm512_setr_epi64(4, 12, 5, 13, 6, 14, 7, 15);

	_mm512_storeu_si512(p, _mm512_permutex2var_epi64(even, lo, odd));
	_mm512_storeu_si512((uint8_t *)p + 64, _mm512_permutex2var_epi64(even, hi, odd));
}

SIMD_INLINE void
q8_unzip(const void *p, q8 *even, q8 *odd)
{
	const __m512i x = _mm512_loadu_si512(p), y = _mm512_loadu_si512((const uint8_t *)p + 64);

	*even = _mm512_permutex2var_epi64(x, _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14), y);
	*odd = _mm512_permutex2var_epi64(x, _mm512_setr_epi64(1, 3, 5, 7, 9, 11, 13, 15), y);
}

/*
 * One load that the compiler neither repeats nor moves, for memory that another thread or a device
 * may write.
 */
SIMD_INLINE q8
q8_load_once(const void *p)
{
	__m512i x;

	__asm__ __volatile__("vmovdqu64 %1, %0" : "=v"(x) : "m"(*(const char(*)[64])p));
	return x;
}

#else

typedef struct {
	__m256i a, b;
} q8;

SIMD_INLINE q8
q8_set(uint64_t x)
{
	const __m256i v = _mm256_set1_epi64x((long long)x);

	return (q8){ v, v };
}

SIMD_INLINE q8
q8_of(d8 x)
{
	return (q8){ _mm256_cvtepu32_epi64(_mm256_castsi256_si128(x)),
		     _mm256_cvtepu32_epi64(_mm256_extracti128_si256(x, 1)) };
}

/* The even (0x88) or odd (0xdd) halves of all lanes, in order. */
#define Q8_HALVES(x, which)                                                                        \
	_mm256_permute4x64_epi64(_mm256_castps_si256(_mm256_shuffle_ps(_mm256_castsi256_ps((x).a), \
								       _mm256_castsi256_ps((x).b), \
								       which)),                    \
				 0xd8)

SIMD_INLINE d8
q8_low(q8 x)
{
	return Q8_HALVES(x, 0x88);
}

SIMD_INLINE d8
q8_high(q8 x)
{
	return Q8_HALVES(x, 0xdd);
}

#define q8_shl(x, n) ((q8){ _mm256_slli_epi64((x).a, n), _mm256_slli_epi64((x).b, n) })
#define q8_shr(x, n) ((q8){ _mm256_srli_epi64((x).a, n), _mm256_srli_epi64((x).b, n) })

SIMD_INLINE q8
q8_add(q8 x, q8 y)
{
	return (q8){ _mm256_add_epi64(x.a, y.a), _mm256_add_epi64(x.b, y.b) };
}

SIMD_INLINE q8
q8_and(q8 x, q8 y)
{
	return (q8){ _mm256_and_si256(x.a, y.a), _mm256_and_si256(x.b, y.b) };
}

SIMD_INLINE q8
q8_or(q8 x, q8 y)
{
	return (q8){ _mm256_or_si256(x.a, y.a), _mm256_or_si256(x.b, y.b) };
}

/* The product of the low halves of each lane. */
SIMD_INLINE q8
q8_mul(q8 x, q8 y)
{
	return (q8){ _mm256_mul_epu32(x.a, y.a), _mm256_mul_epu32(x.b, y.b) };
}

SIMD_INLINE void
q8_store(void *p, q8 x)
{
	d8_store(p, x.a);
	d8_store((uint8_t *)p + 32, x.b);
}

SIMD_INLINE void
q8_zip4(void *p, __m256i even, __m256i odd)
{
	const __m256i lo = _mm256_unpacklo_epi64(even, odd), hi = _mm256_unpackhi_epi64(even, odd);

	d8_store(p, _mm256_permute2x128_si256(lo, hi, 0x20));
	d8_store((uint8_t *)p + 32, _mm256_permute2x128_si256(lo, hi, 0x31));
}

/* Sixteen words: even[0], odd[0], even[1], ... */
SIMD_INLINE void
q8_zip(void *p, q8 even, q8 odd)
{
	q8_zip4(p, even.a, odd.a);
	q8_zip4((uint8_t *)p + 64, even.b, odd.b);
}

SIMD_INLINE void
q8_unzip4(const void *p, __m256i *even, __m256i *odd)
{
	const __m256i x = d8_load(p), y = d8_load((const uint8_t *)p + 32);
	const __m256i lo = _mm256_permute2x128_si256(x, y, 0x20);
	const __m256i hi = _mm256_permute2x128_si256(x, y, 0x31);

	*even = _mm256_unpacklo_epi64(lo, hi);
	*odd = _mm256_unpackhi_epi64(lo, hi);
}

SIMD_INLINE void
q8_unzip(const void *p, q8 *even, q8 *odd)
{
	q8_unzip4(p, &even->a, &odd->a);
	q8_unzip4((const uint8_t *)p + 64, &even->b, &odd->b);
}

/*
 * Two loads that the compiler neither repeats nor moves, for memory that another thread or a device
 * may write.
 */
SIMD_INLINE q8
q8_load_once(const void *p)
{
	q8 x;

	__asm__ __volatile__("vmovdqu %1, %0" : "=x"(x.a) : "m"(*(const char(*)[32])p));
	__asm__ __volatile__("vmovdqu %1, %0" : "=x"(x.b) : "m"(*((const char(*)[32])p + 1)));
	return x;
}

#endif
#endif
