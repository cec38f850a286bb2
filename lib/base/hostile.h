/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a hostile device can do between two instructions.
 *
 * In builds with -Dhostile=true, a function that the test has registered runs before and after each
 * read of memory that the device can write, and may write there. In all other builds these macros
 * are empty.
 */
#ifndef BATON_BASE_HOSTILE_H
#define BATON_BASE_HOSTILE_H

#include <stddef.h>

#ifdef BATON_HOSTILE

enum hostile_when { HOSTILE_BEFORE, HOSTILE_AFTER };

/*
 * The device; NULL: the device does nothing. Every thread that reads shared memory reads this: set
 * it while there are no other threads.
 */
extern void (*hostile_hook)(enum hostile_when when, const void *p, size_t size);

static inline void
hostile_before(const void *p, size_t size)
{
	if (hostile_hook)
		hostile_hook(HOSTILE_BEFORE, p, size);
}

static inline void
hostile_after(const void *p, size_t size)
{
	if (hostile_hook)
		hostile_hook(HOSTILE_AFTER, p, size);
}

#else

#define hostile_before(p, size) ((void)0)
#define hostile_after(p, size)  ((void)0)

#endif
#endif
