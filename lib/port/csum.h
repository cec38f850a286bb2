/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TX checksums: read what the application asks for (BATON_CSUM_PARTIAL on the first token of a
 * packet), and complete the checksum for devices that cannot.
 */
#ifndef BATON_PORT_CSUM_H
#define BATON_PORT_CSUM_H

#include "port/driver.h"

struct csum_request {
	uint16_t start;  /* offset of the first byte to sum up, in the packet */
	uint16_t offset; /* offset of the checksum from `start`; it has the sum of the pseudo-header
			    now */
};

static inline bool
csum_wanted(struct baton_token first)
{
	return (first.flags >> BATON_TOKEN_L4_SHIFT & 3) == BATON_CSUM_PARTIAL;
}

/**
 * Read the side record of a packet whose buffers the caller holds.
 *
 * @len: bytes of the packet. Return: false if there is no side record, or it points outside of the
 * packet.
 */
bool csum_read(const struct baton_queue *q, struct baton_token first, uint32_t len,
	       struct csum_request *out);

/** Count the packet as refused. Return: -EINVAL, with a message about what csum_read() found
 * missing or wrong. */
BATON_COLD int csum_refuse(struct baton_queue *q, uint32_t len);

/**
 * Sum up and store. The caller holds the buffers of the packet; the device does not have them yet.
 */
void csum_fill(const struct baton_queue *q, const struct baton_token *t, unsigned segs,
	       struct csum_request at);

#endif
