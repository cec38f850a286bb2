/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a hostile device may do between two instructions: in builds with -Dhostile=true, a function
 * that the test registered runs before and after each read of memory that the device can write, and
 * may write what it likes there. In all other builds these are nothing.
 */
#ifndef BATON_BASE_HOSTILE_H
#define BATON_BASE_HOSTILE_H

#include <stddef.h>

#ifdef BATON_HOSTILE

enum hostile_when { HOSTILE_BEFORE, HOSTILE_AFTER };

/* The device. NULL: an honest world. Read by every thread that reads shared memory: set it when
 * there are no others. */
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
