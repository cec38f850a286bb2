/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Mode 5tswap: source and destination change places in the Ethernet, IPv4 or IPv6, and TCP or UDP
 * header, as in dpdk-testpmd. The checksums are of sums, and stay right.
 *
 * A layer that is not there whole ends it, and so does a later fragment, where payload lies in the
 * place of the ports (dpdk-testpmd swaps it).
 */
#include "packet.h"
#include "testpmd.h"

/* IPv4. Return: the length of its header, 0 when no TCP or UDP header follows. */
static unsigned
swap_ipv4(struct cursor c)
{
	uint8_t ip[20];
	unsigned len;

	if (!cursor_read(c, ip, sizeof(ip)))
		return 0;
	cursor_swap(c, 12, 4);
	len = (ip[0] & 15) * 4u;
	if (len < sizeof(ip) || get16(ip + 6) & 0x1fff)
		return 0;
	return ip[9] == PROTO_TCP || ip[9] == PROTO_UDP ? len : 0;
}

static unsigned
swap_ipv6(struct cursor c)
{
	uint8_t ip[40];

	if (!cursor_read(c, ip, sizeof(ip)))
		return 0;
	cursor_swap(c, 8, 16);
	return ip[6] == PROTO_TCP || ip[6] == PROTO_UDP ? sizeof(ip) : 0;
}

static void
swap_packet(struct cursor c)
{
	unsigned type, ports = 0;

	cursor_swap(c, 0, 6);
	type = cursor_ethertype(&c);
	if (type == ETHERTYPE_IPV4)
		ports = swap_ipv4(c);
	else if (type == ETHERTYPE_IPV6)
		ports = swap_ipv6(c);
	if (ports)
		cursor_swap(c, ports, 2);
}

void
fivetuple_burst(struct lcore *lc, struct baton_token *tokens, unsigned n)
{
	for (unsigned i = 0, segs; i < n; i += segs) {
		segs = baton_packet_segs(tokens + i, n - i);
		swap_packet((struct cursor){ lc->worker, tokens + i, segs, 0 });
	}
}
