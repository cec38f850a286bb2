/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checksums over the tokens of a packet; and those of TX: read what the application asks for
 * (BATON_CSUM_PARTIAL on the first token of a packet), and complete the checksum for devices that
 * cannot.
 */
#ifndef BATON_PORT_CSUM_H
#define BATON_PORT_CSUM_H

#include "packet/sum.h"
#include "port/driver.h"

struct csum_request {
	uint16_t start;  /* offset of the first byte to sum up, in the packet */
	uint16_t offset; /* offset of the checksum from `start`; it has the sum of the pseudo-header
			    now */
	bool crc;        /* it is SCTP's, a CRC32C of 4 bytes, which devices do not know */
};

/** Copy bytes @from to @from + @n of a packet, which has them, and whose buffers may be read. */
void csum_gather(const struct baton_pool_view *views, const struct baton_token *t, uint32_t from,
		 void *to, uint32_t n);

/** Store @n bytes from byte @pos of a packet on, which has them, and whose buffers the caller
 * holds. */
void csum_scatter(const struct baton_pool_view *views, const struct baton_token *t, uint32_t pos,
		  const uint8_t *bytes, uint32_t n);

/** The CRC32C of bytes @from to @end of a packet, an SCTP packet whose checksum counts as 0. */
uint32_t csum_sctp(const struct baton_pool_view *views, const struct baton_token *t, uint32_t from,
		   uint32_t end);

static inline bool
csum_wanted(struct baton_token first)
{
	return (first.flags >> BATON_TOKEN_L4_SHIFT & 3) == BATON_CSUM_PARTIAL;
}

/**
 * Read the side record of a packet whose buffers the caller holds.
 *
 * @len: bytes of the packet at @t. Return: false if there is no side record, or it points outside
 * of the packet.
 */
bool csum_read(const struct baton_queue *q, const struct baton_token *t, uint32_t len,
	       struct csum_request *out);

/** Count the packet as refused. Return: -EINVAL, with a message about what csum_read() found
 * missing or wrong. */
BATON_COLD int csum_refuse(struct baton_queue *q, uint32_t len);

/**
 * Fill in the checksum of the IPv4 header of a packet of @len bytes that asks for it, whose buffers
 * the caller holds; or, not @fill, make it 0 for a device that does. The packet stays as it is
 * otherwise, so that it may be offered again. Return: false: it has no such header where @side
 * says.
 */
bool csum_ipv4(const struct baton_queue *q, const struct baton_token *t, uint32_t len,
	       const struct baton_side *side, bool fill);

/** Count the packet as refused. Return: -EINVAL, with a message about what csum_ipv4() found. */
BATON_COLD int csum_refuse_ipv4(struct baton_queue *q, uint32_t len);

static inline bool
csum_ipv4_wanted(struct baton_token first)
{
	return (first.flags >> BATON_TOKEN_L3_SHIFT & 3) == BATON_CSUM_PARTIAL;
}

/**
 * Sum up and store. The caller holds the buffers of the packet; the device does not have them yet.
 */
void csum_fill(const struct baton_queue *q, const struct baton_token *t, unsigned segs,
	       struct csum_request at);

#endif
