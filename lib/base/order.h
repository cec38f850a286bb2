/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Integers of a given byte order, for memory and messages that a device or a peer reads. They are
 * structs, so that an assignment without conversion does not compile.
 *
 * What a device may write meanwhile is of the types of base/shared.h.
 */
#ifndef BATON_BASE_ORDER_H
#define BATON_BASE_ORDER_H

#include <endian.h>
#include <stdint.h>

#define ORDER_TYPE(name, bits, order)                                                              \
	typedef struct {                                                                           \
		uint##bits##_t raw_;                                                               \
	} name;                                                                                    \
	_Static_assert(sizeof(name) == bits / 8, "no padding");                                    \
	static inline name to_##name(uint##bits##_t v)                                             \
	{                                                                                          \
		return (name){ hto##order##bits(v) };                                              \
	}                                                                                          \
	static inline uint##bits##_t from_##name(name v)                                           \
	{                                                                                          \
		return order##bits##toh(v.raw_);                                                   \
	}                                                                                          \
	/* One store, not split, in no order with others. */                                       \
	static inline void store_##name(name *p, uint##bits##_t v)                                 \
	{                                                                                          \
		__atomic_store_n(&p->raw_, hto##order##bits(v), __ATOMIC_RELAXED);                 \
	}                                                                                          \
	/* One store, after all stores before it. */                                               \
	static inline void release_##name(name *p, uint##bits##_t v)                               \
	{                                                                                          \
		__atomic_store_n(&p->raw_, hto##order##bits(v), __ATOMIC_RELEASE);                 \
	}                                                                                          \
	_Static_assert(1, "ends with a semicolon")

ORDER_TYPE(le16, 16, le);
ORDER_TYPE(le32, 32, le);
ORDER_TYPE(le64, 64, le);
ORDER_TYPE(be16, 16, be);
ORDER_TYPE(be32, 32, be);
ORDER_TYPE(be64, 64, be);

#endif
