/* SPDX-License-Identifier: BSD-3-Clause */
/* Made packets: what txonly.c and flowgen.c share. All on a forwarding core. */
#ifndef TESTPMD_MADE_H
#define TESTPMD_MADE_H

#include "packet.h"
#include "testpmd.h"

/** The length that --txpkts says; flowgen's packets are shorter by the CRC. */
unsigned made_len(const struct options *opt, bool flows);
/** IPv4 and UDP headers, behind Ethernet addresses, of a packet of @len bytes. */
void made_headers(uint8_t frame[TXONLY_HDR], unsigned len, const uint32_t addresses[2],
		  const uint16_t ports[2]);
/**
 * Allocate packets of @len bytes to lc->tokens, cut as --txpkts says. Return: tokens; @segs of them
 * make a packet.
 */
unsigned made_allocate(struct lcore *lc, unsigned packets, unsigned len, unsigned *segs);
/** Copy headers to a packet, whose first segment may be shorter than they are. */
void made_write(const struct lcore *lc, const struct baton_token *tok, unsigned segs,
		const uint8_t frame[TXONLY_HDR]);

#endif
