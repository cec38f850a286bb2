/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The token: the right to touch one packet buffer. 16 bytes, passed by value, four to a cache line;
 * a burst is an array of tokens, and there is no other per-packet structure.
 *
 * A token given to a device (tx_burst) or freed is used up. Copies of it are stale, and every Baton
 * call that meets one refuses it.
 */
#ifndef BATON_TOKEN_H
#define BATON_TOKEN_H

#include <baton/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* flags */
#define BATON_TOKEN_CONT     0x01 /* the packet goes on in the next token of the burst */
#define BATON_TOKEN_SIDE     0x02 /* the buffer's side record is valid */
#define BATON_TOKEN_L3_SHIFT 2    /* 2 bits: enum baton_csum of the IPv4 header */
#define BATON_TOKEN_L4_SHIFT 4    /* 2 bits: enum baton_csum of TCP, UDP or SCTP */
#define BATON_TOKEN_HASH     0x40 /* hash holds the device's RSS hash */

/* A checksum verdict, or on TX a request. */
enum baton_csum {
	BATON_CSUM_UNKNOWN, /* RX: not checked; TX: leave as it is */
	BATON_CSUM_GOOD,
	BATON_CSUM_BAD,
	BATON_CSUM_PARTIAL, /* the pseudo-header sum is in place: RX: nobody needs to check; TX:
			       fill in */
};

struct baton_token {
	uint32_t buf;  /* index of the buffer in its pool */
	uint16_t off;  /* where the valid bytes begin, from the start of the buffer's data room */
	uint16_t len;  /* how many there are */
	uint16_t gen;  /* generation; must match the pool's owner table */
	uint8_t pool;  /* which pool of the context */
	uint8_t flags; /* BATON_TOKEN_* */
	uint32_t hash; /* RSS hash, or the user's mark */
} __attribute__((aligned(16)));

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
