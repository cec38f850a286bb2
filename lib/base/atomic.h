/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The atomic operations that the lock-free code uses.
 *
 * They are one layer, so that the interleaving checker in tests/unit can compile the same source
 * with BATON_ATOMIC_HOOKS and decide which thread runs when.
 */
#ifndef BATON_BASE_ATOMIC_H
#define BATON_BASE_ATOMIC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/io.h"

#ifdef BATON_ATOMIC_HOOKS
#include BATON_ATOMIC_HOOKS
#else

static inline uint32_t
atomic_load32_relaxed(const uint32_t *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

static inline void
atomic_store32_relaxed(uint32_t *p, uint32_t v)
{
	__atomic_store_n(p, v, __ATOMIC_RELAXED);
}

static inline uint64_t
atomic_load64_acquire(const uint64_t *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

static inline uint64_t
atomic_load64_relaxed(const uint64_t *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

static inline void
atomic_store64_release(uint64_t *p, uint64_t v)
{
	__atomic_store_n(p, v, __ATOMIC_RELEASE);
}

/* What this thread stored before is visible before it loads anything after this. */
static inline void
atomic_fence(void)
{
	smp_mb();
}

/*
 * On failure *expected receives the value that was found. Both outcomes have acquire order, because
 * the next attempt reads through the value.
 */
static inline bool
atomic_cas64_acq_rel(uint64_t *p, uint64_t *expected, uint64_t desired)
{
	return __atomic_compare_exchange_n(p, expected, desired, true, __ATOMIC_ACQ_REL,
					   __ATOMIC_ACQUIRE);
}

#endif
#endif
