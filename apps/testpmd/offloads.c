/* SPDX-License-Identifier: BSD-3-Clause */
/* --rx-offloads and --tx-offloads: DPDK's bits. Each asks for what is so anyway, for what there is,
 * or for what does not exist here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "option.h"

enum meaning { REFUSED, SO_ANYWAY, CSUM, IP_CSUM, UDP_CSUM, TCP_CSUM, ASKED };

struct bit {
	uint64_t mask;
	const char *name; /* DPDK's, without RTE_ETH_RX_OFFLOAD_ and the like */
	enum meaning meaning;
	uint32_t offloads; /* ASKED: BATON_OFFLOAD_* */
};

static const struct bit rx_bits[] = {
	{ 1ull << 0, "VLAN_STRIP", ASKED, BATON_OFFLOAD_RX_VLAN },
	{ 1ull << 1, "IPV4_CKSUM", ASKED, BATON_OFFLOAD_RX_IPV4_CSUM },
	{ 1ull << 2, "UDP_CKSUM", CSUM, 0 },
	{ 1ull << 3, "TCP_CKSUM", CSUM, 0 },
	{ 1ull << 4, "TCP_LRO", REFUSED, 0 },
	{ 1ull << 5, "QINQ_STRIP", ASKED, BATON_OFFLOAD_RX_VLAN | BATON_OFFLOAD_RX_QINQ },
	{ 1ull << 6, "OUTER_IPV4_CKSUM", REFUSED, 0 },
	{ 1ull << 7, "MACSEC_STRIP", REFUSED, 0 },
	{ 1ull << 8, "HEADER_SPLIT", REFUSED, 0 },
	{ 1ull << 9, "VLAN_FILTER", SO_ANYWAY, 0 },
	{ 1ull << 10, "VLAN_EXTEND", REFUSED, 0 },
	{ 1ull << 11, "JUMBO_FRAME", SO_ANYWAY, 0 }, /* until 21.08 */
	{ 1ull << 13, "SCATTER", SO_ANYWAY, 0 },
	{ 1ull << 14, "TIMESTAMP", ASKED, BATON_OFFLOAD_RX_TIME },
	{ 1ull << 15, "SECURITY", REFUSED, 0 },
	{ 1ull << 16, "KEEP_CRC", REFUSED, 0 },
	{ 1ull << 17, "SCTP_CKSUM", REFUSED, 0 },
	{ 1ull << 18, "OUTER_UDP_CKSUM", REFUSED, 0 },
	{ 1ull << 19, "RSS_HASH", ASKED, BATON_OFFLOAD_RX_HASH },
	{ 1ull << 20, "BUFFER_SPLIT", REFUSED, 0 },
	{ 0, NULL, REFUSED, 0 },
};

static const struct bit tx_bits[] = {
	{ 1ull << 0, "VLAN_INSERT", ASKED, BATON_OFFLOAD_TX_VLAN },
	{ 1ull << 1, "IPV4_CKSUM", IP_CSUM, 0 },
	{ 1ull << 2, "UDP_CKSUM", UDP_CSUM, 0 },
	{ 1ull << 3, "TCP_CKSUM", TCP_CSUM, 0 },
	{ 1ull << 4, "SCTP_CKSUM", REFUSED, 0 },
	{ 1ull << 5, "TCP_TSO", ASKED, BATON_OFFLOAD_TX_TSO },
	{ 1ull << 6, "UDP_TSO", ASKED, BATON_OFFLOAD_TX_USO },
	{ 1ull << 7, "OUTER_IPV4_CKSUM", REFUSED, 0 },
	{ 1ull << 8, "QINQ_INSERT", ASKED, BATON_OFFLOAD_TX_VLAN },
	{ 1ull << 9, "VXLAN_TNL_TSO", REFUSED, 0 },
	{ 1ull << 10, "GRE_TNL_TSO", REFUSED, 0 },
	{ 1ull << 11, "IPIP_TNL_TSO", REFUSED, 0 },
	{ 1ull << 12, "GENEVE_TNL_TSO", REFUSED, 0 },
	{ 1ull << 13, "MACSEC_INSERT", REFUSED, 0 },
	{ 1ull << 14, "MT_LOCKFREE", SO_ANYWAY,
	  0 }, /* each queue has one core, which needs no lock */
	{ 1ull << 15, "MULTI_SEGS", SO_ANYWAY, 0 },
	{ 1ull << 16, "MBUF_FAST_FREE", SO_ANYWAY, 0 }, /* a promise of the application */
	{ 1ull << 17, "SECURITY", REFUSED, 0 },
	{ 1ull << 18, "UDP_TNL_TSO", REFUSED, 0 },
	{ 1ull << 19, "IP_TNL_TSO", REFUSED, 0 },
	{ 1ull << 20, "OUTER_UDP_CKSUM", REFUSED, 0 },
	{ 1ull << 21, "SEND_ON_TIMESTAMP", REFUSED, 0 },
	{ 0, NULL, REFUSED, 0 },
};

bool
parse_hex(const char *what, const char *text, uint64_t *value)
{
	const char *digits = text + (strncasecmp(text, "0x", 2) ? 0 : 2);
	size_t len = strspn(digits, "0123456789abcdefABCDEF");

	if (!len || digits[len] || len > 16) {
		complain("%s=%s is not a hexadecimal number of at most 64 bits, such as 0x3", what,
			 text);
		return false;
	}
	*value = strtoull(digits, NULL, 16);
	return true;
}

static void
append(char *list, size_t size, const char *name)
{
	size_t len = strlen(list);

	snprintf(list + len, size - len, "%s%s", len ? ", " : "", name);
}

static bool
set_bits(struct options *opt, const char *what, const char *text, const struct bit *bits)
{
	char refused[512] = "", rest[32];
	uint64_t mask;

	if (!parse_hex(what, text, &mask))
		return false;
	for (const struct bit *b = bits; b->mask; b++) {
		if (!(mask & b->mask))
			continue;
		mask &= ~b->mask;
		opt->rx_csum |= b->meaning == CSUM;
		opt->ip_csum |= b->meaning == IP_CSUM;
		opt->udp_csum |= b->meaning == UDP_CSUM;
		opt->tcp_csum |= b->meaning == TCP_CSUM;
		opt->offloads |= b->offloads;
		if (b->meaning == REFUSED)
			append(refused, sizeof(refused), b->name);
	}
	if (mask) {
		snprintf(rest, sizeof(rest), "0x%llx", (unsigned long long)mask);
		append(refused, sizeof(refused), rest);
	}
	if (*refused)
		complain("%s=%s: no port here does %s; leave these bits out", what, text, refused);
	return !*refused;
}

bool
set_rx_offloads(struct options *opt, const char *what, const char *text)
{
	return set_bits(opt, what, text, rx_bits);
}

bool
set_tx_offloads(struct options *opt, const char *what, const char *text)
{
	return set_bits(opt, what, text, tx_bits);
}
