/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The Toeplitz hash of a fixed key, by table: what each value of each half byte of the input adds.
 */
#ifndef BATON_PACKET_TOEPLITZ_H
#define BATON_PACKET_TOEPLITZ_H

#include <stddef.h>
#include <stdint.h>

#define TOEPLITZ_MOST 36u /* bytes of input: IPv6 addresses and ports */

struct toeplitz {
	uint32_t half[2 * TOEPLITZ_MOST][16];
};

/** @key: @bytes of it; zeros follow. */
void toeplitz_init(struct toeplitz *t, const uint8_t *key, size_t bytes);

static inline uint32_t
toeplitz_add(const struct toeplitz *t, uint32_t hash, unsigned at, const uint8_t *data, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		hash ^= t->half[2 * (at + i)][data[i] >> 4] ^
			t->half[2 * (at + i) + 1][data[i] & 15];
	return hash;
}

struct headers;

/**
 * Hash the flow of a packet whose headers were found in the bytes at @p. Return: the BATON_RSS_*
 * bit of its type, 0 if @types has none that fits; *hash.
 */
uint32_t toeplitz_flow(const struct toeplitz *t, const uint8_t *p, const struct headers *h,
		       uint32_t types, uint32_t *hash);

#endif
