/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tokens.
 *
 * A token is the right to access one packet buffer. It has 16 bytes and is passed by value. A burst
 * is an array of tokens, four in a cache line; there is no other structure per packet.
 *
 * A token is used up when it is given to a device (baton_tx_burst()) or freed (baton_free()). A
 * copy of a used-up token is stale, and every call of Baton refuses it.
 */
#ifndef BATON_TOKEN_H
#define BATON_TOKEN_H

#include <baton/base.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BATON_TOKEN_CONT     0x01 /* flag: the packet continues in the next token of the burst */
#define BATON_TOKEN_SIDE     0x02 /* flag: the side record of the buffer is valid */
#define BATON_TOKEN_L3_SHIFT 2    /* first of 2 bits in flags: enum baton_csum of the IPv4 header */
#define BATON_TOKEN_L4_SHIFT 4    /* first of 2 bits in flags: enum baton_csum of TCP, UDP, SCTP */
#define BATON_TOKEN_HASH     0x40 /* flag: hash holds the RSS hash of the device */

/** Checksum status of a received packet, or checksum request for a packet to send. */
enum baton_csum {
	BATON_CSUM_UNKNOWN, /* RX: not checked; TX: leave the checksum as it is */
	BATON_CSUM_GOOD,    /* RX: the device checked it, and it is correct */
	BATON_CSUM_BAD,     /* RX: the device checked it, and it is wrong */
	/* Only the sum of the pseudo-header is in place. RX: the packet did not pass a wire, and
	 * its checksum needs no check; TX: complete the checksum. */
	BATON_CSUM_PARTIAL,
};

/** The right to access one packet buffer. */
struct baton_token {
	uint32_t buf;  /* index of the buffer in its pool */
	uint16_t off;  /* offset of the first valid byte in the buffer's data room, in bytes */
	uint16_t len;  /* number of valid bytes */
	uint16_t gen;  /* generation number; equal to the one in the pool's owner table */
	uint8_t pool;  /* index of the pool in the context */
	uint8_t flags; /* BATON_TOKEN_* */
	uint32_t hash; /* RSS hash, or an application-defined number */
} __attribute__((aligned(16)));

/**
 * Get the checksum status of the IPv4 header of a packet.
 *
 * @first: first token of the packet.
 *
 * Thread: any thread.
 * Return: the status, BATON_CSUM_UNKNOWN unless an offload was asked for; this function cannot
 * fail.
 */
static inline enum baton_csum
baton_token_l3_csum(struct baton_token first)
{
	return (enum baton_csum)(first.flags >> BATON_TOKEN_L3_SHIFT & 3);
}

/**
 * Get the checksum status of TCP, UDP or SCTP in a packet.
 *
 * @first: first token of the packet.
 *
 * Thread: any thread.
 * Return: the status, BATON_CSUM_UNKNOWN unless an offload was asked for; this function cannot
 * fail.
 */
static inline enum baton_csum
baton_token_l4_csum(struct baton_token first)
{
	return (enum baton_csum)(first.flags >> BATON_TOKEN_L4_SHIFT & 3);
}

#ifdef __cplusplus
static_assert(sizeof(struct baton_token) == 16, "a token is 16 bytes");
#else
_Static_assert(sizeof(struct baton_token) == 16, "a token is 16 bytes");
_Static_assert(offsetof(struct baton_token, gen) == 8, "drivers build a token from two 64-bit "
						       "words");
#endif

#ifdef __cplusplus
}
#endif

#endif
