/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The Internet checksum (RFC 1071), in parts. A sum is of 16-bit words as they lie in memory, so
 * that nothing has to be swapped, and what is stored is stored as it is.
 */
#ifndef BATON_PACKET_SUM_H
#define BATON_PACKET_SUM_H

#include <stdint.h>
#include <string.h>

#include <baton/pool.h>

#include "packet/headers.h"

/** Fold a sum to 16 bits. */
static inline uint16_t
sum_fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/** Sum up @n bytes. */
static inline uint16_t
sum_bytes(const void *bytes, uint32_t n)
{
	const uint8_t *p = bytes;
	uint64_t sum = 0, a = 0, b = 0, c = 0;
	uint32_t word[4];
	uint16_t half;

	/* Four sums, so that one does not wait for the other. */
	for (; n >= sizeof(word); n -= (uint32_t)sizeof(word), p += sizeof(word)) {
		memcpy(word, p, sizeof(word));
		sum += word[0];
		a += word[1];
		b += word[2];
		c += word[3];
	}
	sum += a + b + c;
	for (; n >= sizeof(half); n -= (uint32_t)sizeof(half), p += sizeof(half)) {
		memcpy(&half, p, sizeof(half));
		sum += half;
	}
	if (n) {
		half = 0;
		memcpy(&half, p, 1);
		sum += half;
	}
	return sum_fold(sum);
}

/** Add what @part bytes sum up to that begin at offset @at of what is summed up. */
static inline uint32_t
sum_add(uint32_t sum, uint32_t part, uint32_t at)
{
	/* At an odd offset the bytes are in the other halves of their words. */
	return sum + (at & 1 ? (part << 8 & 0xff00) | part >> 8 : part);
}

/** The checksum to store. */
static inline uint16_t
sum_end(uint32_t sum)
{
	return (uint16_t)~sum_fold(sum);
}

/** Sum up bytes @from to @end of a packet, which has them, and whose buffers may be read. */
uint16_t sum_range(const struct baton_pool_view *views, const struct baton_token *t, uint32_t from,
		   uint32_t end);

/**
 * Sum up the pseudo-header of the packet whose first bytes are at @p, with @len bytes behind the IP
 * header.
 */
uint16_t sum_pseudo(const uint8_t *p, const struct headers *h, uint32_t len);

#endif
