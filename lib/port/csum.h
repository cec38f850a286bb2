/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TX checksums: where the application wants one (BATON_CSUM_PARTIAL on a packet's first token), and
 * filling it in for devices that cannot.
 */
#ifndef BATON_PORT_CSUM_H
#define BATON_PORT_CSUM_H

#include "port/driver.h"

struct csum_request {
	uint16_t start;  /* the sum begins here, counted from the packet's first byte */
	uint16_t offset; /* and is stored so many bytes further on, where that of the pseudo-header
			    is now */
};

static inline bool
csum_wanted(struct baton_token first)
{
	return (first.flags >> BATON_TOKEN_L4_SHIFT & 3) == BATON_CSUM_PARTIAL;
}

/**
 * Read the side record of a packet whose buffers the caller has been given.
 *
 * @len: of the packet. Return: false when there is no side record, or it points outside of the
 * packet.
 */
bool csum_read(const struct baton_queue *q, struct baton_token first, uint32_t len,
	       struct csum_request *out);

/** Return: -EINVAL, with what csum_read() found missing or wrong. */
BATON_COLD int csum_refuse(const struct baton_queue *q, uint32_t len);

/** Sum up and store. The packet's buffers are the caller's, and not the device's yet. */
void csum_fill(const struct baton_queue *q, const struct baton_token *t, unsigned segs,
	       struct csum_request at);

#endif
