/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lib/base/atomic.h for the interleaving checker: every operation is a step that the scheduler
 * (sched.c) grants. Included through BATON_ATOMIC_HOOKS.
 */
#ifndef BATON_TESTS_MODEL_ATOMIC_HOOKS_H
#define BATON_TESTS_MODEL_ATOMIC_HOOKS_H

#include "sched.h"

static inline uint32_t
atomic_load32_relaxed(const uint32_t *p)
{
	uint32_t v;

	model_load(p, &v, sizeof(v), false);
	return v;
}

static inline void
atomic_store32_relaxed(uint32_t *p, uint32_t v)
{
	model_store(p, &v, sizeof(v), false);
}

static inline uint64_t
atomic_load64_acquire(const uint64_t *p)
{
	uint64_t v;

	model_load(p, &v, sizeof(v), true);
	return v;
}

static inline uint64_t
atomic_load64_relaxed(const uint64_t *p)
{
	uint64_t v;

	model_load(p, &v, sizeof(v), false);
	return v;
}

static inline void
atomic_store64_release(uint64_t *p, uint64_t v)
{
	model_store(p, &v, sizeof(v), true);
}

static inline void
atomic_fence(void)
{
	model_fence();
}

static inline bool
atomic_cas64_acq_rel(uint64_t *p, uint64_t *expected, uint64_t desired)
{
	return model_cas(p, expected, desired);
}

#endif
