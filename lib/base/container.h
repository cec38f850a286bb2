/* SPDX-License-Identifier: BSD-3-Clause */
/* From a member to the struct that it is in, without a cast at every use. */
#ifndef BATON_BASE_CONTAINER_H
#define BATON_BASE_CONTAINER_H

#include <stddef.h>

/**
 * Define NAME() and NAME_const(), which get the @type whose @member the argument points to, and
 * take a pointer to nothing else.
 */
#define DEFINE_CONTAINER(name, type, member)                                                       \
	__attribute__((unused)) static inline type *name(__typeof__(((type *)0)->member) *p)       \
	{                                                                                          \
		return (type *)(void *)((char *)p - offsetof(type, member));                       \
	}                                                                                          \
	__attribute__((unused)) static inline const type *name##_const(                            \
		const __typeof__(((type *)0)->member) *p)                                          \
	{                                                                                          \
		return (const type *)(const void *)((const char *)p - offsetof(type, member));     \
	}

#endif
