/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory that the device may write at any moment, and the only way to read it.
 *
 * The types hide their value, so that an expression that reads such memory without these accessors
 * does not compile (and tests/source/test_shared_reads.py finds raw_ elsewhere). Each accessor
 * reads once: its result is a local copy, which the device cannot change between check and use. All
 * fields are little-endian. In builds with -Dhostile=true, the device of a test acts before and
 * after each of these reads (base/hostile.h).
 */
#ifndef BATON_BASE_SHARED_H
#define BATON_BASE_SHARED_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

#include "base/hostile.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SHARED_CLANG_ASAN
#endif
#endif

typedef struct {
	uint8_t raw_;
} shared8;

typedef struct {
	uint16_t raw_;
} shared16;

/* Two 32-bit fields that are read together; virtio aligns them to 4 bytes only. */
typedef struct {
	uint32_t raw_[2];
} shared64;

/* Load an index. Everything that the device wrote before the index is visible afterwards. */
static inline uint16_t
shared_load16_acquire(const shared16 *p)
{
	uint16_t value;

	hostile_before(p, sizeof(*p));
	value = le16toh(__atomic_load_n(&p->raw_, __ATOMIC_ACQUIRE));
	hostile_after(p, sizeof(*p));
	return value;
}

static inline uint16_t
shared_load16(const shared16 *p)
{
	uint16_t value;

	hostile_before(p, sizeof(*p));
	value = le16toh(__atomic_load_n(&p->raw_, __ATOMIC_RELAXED));
	hostile_after(p, sizeof(*p));
	return value;
}

static inline uint8_t
shared_load_byte(const shared8 *p)
{
	uint8_t value;

	hostile_before(p, sizeof(*p));
	value = __atomic_load_n(&p->raw_, __ATOMIC_RELAXED);
	hostile_after(p, sizeof(*p));
	return value;
}

static inline void
shared_store_byte(shared8 *p, uint8_t value)
{
	__atomic_store_n(&p->raw_, value, __ATOMIC_RELAXED);
}

static inline uint64_t
shared_load64(const shared64 *p)
{
	typedef uint64_t __attribute__((aligned(4), may_alias)) u64;
	uint64_t value;

	hostile_before(p, sizeof(*p));
	value = le64toh(*(const volatile u64 *)p->raw_);
	hostile_after(p, sizeof(*p));
	return value;
}

/* Two fields of 32 bits, aligned to 8: what the device wrote before them is visible afterwards. */
static inline uint64_t
shared_load64_acquire(const shared64 *p)
{
	typedef uint64_t __attribute__((may_alias)) u64;
	uint64_t value;

	hostile_before(p, sizeof(*p));
	value = le64toh(__atomic_load_n((const u64 *)(const void *)p, __ATOMIC_ACQUIRE));
	hostile_after(p, sizeof(*p));
	return value;
}

static inline void
shared_store64(shared64 *p, uint64_t value)
{
	typedef uint64_t __attribute__((aligned(4), may_alias)) u64;

	*(volatile u64 *)p->raw_ = htole64(value);
}

#ifdef SIMD_LANES
/*
 * Load eight entries. Each word of four bytes is read once; the two halves of an entry may be of
 * different moments.
 */
SIMD_INLINE q8
shared_load8(const shared64 *p)
{
	q8 value;

	hostile_before(p, 8 * sizeof(*p));
	value = q8_load_once(p);
	hostile_after(p, 8 * sizeof(*p));
	return value;
}
#endif

/*
 * Load a 16-bit field of a packet buffer that the device has completed, such as a field of a
 * header. ASan builds poison buffers of the device until they are taken, and this field is read to
 * decide whether to take the buffer.
 */
#if defined(__SANITIZE_ADDRESS__) || defined(SHARED_CLANG_ASAN)
__attribute__((no_sanitize_address, noinline, unused)) static uint16_t
#else
static inline uint16_t
#endif
shared_load16_at(const uint8_t *p)
{
	typedef uint16_t __attribute__((may_alias, aligned(1))) u16; /* the headroom may be odd */
	uint16_t value;

	hostile_before(p, sizeof(u16));
	value = le16toh(*(const volatile u16 *)(const void *)p);
	hostile_after(p, sizeof(u16));
	return value;
}

/* The same of 64 bits, in a buffer that is taken. The halves may be of different moments. */
static inline uint64_t
shared_load64_at(const uint8_t *p)
{
	typedef uint64_t __attribute__((may_alias, aligned(1))) u64;
	uint64_t value;

	hostile_before(p, sizeof(u64));
	value = le64toh(*(const volatile u64 *)(const void *)p);
	hostile_after(p, sizeof(u64));
	return value;
}

/* Copy bytes of such a buffer, to decide by them what they are. */
#if defined(__SANITIZE_ADDRESS__) || defined(SHARED_CLANG_ASAN)
__attribute__((no_sanitize_address, noinline, unused)) static void
shared_copy(uint8_t *to, const uint8_t *from, uint32_t n)
{
	hostile_before(from, n);
	for (uint32_t i = 0; i < n; i++)
		((volatile uint8_t *)to)[i] = from[i];
	hostile_after(from, n);
}
#else
static inline void
shared_copy(uint8_t *to, const uint8_t *from, uint32_t n)
{
	hostile_before(from, n);
	memcpy(to, from, n);
	hostile_after(from, n);
}
#endif

#endif
