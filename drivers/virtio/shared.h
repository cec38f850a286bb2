/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory the device may write at any moment, and the only way to read it.
 *
 * The types hide their value, so an expression that reads such memory without these accessors does not compile (and
 * tests/unit/test_shared_reads.py finds raw_ elsewhere). Each accessor reads once: what it returned is a local
 * copy that the device can no longer change between check and use. All fields are little-endian (virtio 1.2,
 * section 1.4).
 */
#ifndef VIRTIO_SHARED_H
#define VIRTIO_SHARED_H

#include <endian.h>
#include <stdint.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define VIRTIO_CLANG_ASAN
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

/* An index: everything the device wrote before it is visible after. */
static inline uint16_t
shared_load16_acquire(const shared16 *p)
{
	return le16toh(__atomic_load_n(&p->raw_, __ATOMIC_ACQUIRE));
}

static inline uint16_t
shared_load16(const shared16 *p)
{
	return le16toh(__atomic_load_n(&p->raw_, __ATOMIC_RELAXED));
}

static inline uint8_t
shared_load_byte(const shared8 *p)
{
	return __atomic_load_n(&p->raw_, __ATOMIC_RELAXED);
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

	return le64toh(*(const volatile u64 *)p->raw_);
}

#ifdef SIMD_LANES
/* Eight of them. Each word of four bytes is read once; the two halves of one may come from different moments. */
SIMD_INLINE q8
shared_load8(const shared64 *p)
{
	return q8_load_once(p);
}
#endif

/*
 * A 16-bit field somewhere in a packet buffer the device has completed, such as a header's. ASan builds poison what a
 * device holds until it is taken, and this is read to decide whether to take it.
 */
#if defined(__SANITIZE_ADDRESS__) || defined(VIRTIO_CLANG_ASAN)
__attribute__((no_sanitize_address, noinline, unused)) static uint16_t
#else
static inline uint16_t
#endif
shared_load16_at(const uint8_t *p)
{
	typedef uint16_t __attribute__((may_alias)) u16;

	return le16toh(*(const volatile u16 *)(const void *)p);
}

#endif
