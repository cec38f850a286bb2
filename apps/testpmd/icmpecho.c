/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Mode icmpecho: answers ARP requests, as if every address were here, and ICMP echo requests; drops
 * all else. What dpdk-testpmd's engine does, except that the reply to a frame for a group comes
 * from the port's own address.
 */
#include <string.h>

#include "packet.h"
#include "testpmd.h"

#define ARP_LEN       28
#define ARP_REQUEST   1
#define ARP_REPLY     2
#define ICMP_REQUEST  8
#define ICMP_ECHO_LEN 8
#define HEADERS       (ETHER_HDR + VLAN_TAG + 60 + ICMP_ECHO_LEN) /* at most, and ARP needs less */

/* RFC 826: for Ethernet and IPv4. @arp: after the Ethernet header. */
static bool
answer_arp(uint8_t *arp, unsigned len, const uint8_t *mac)
{
	static const uint8_t wanted[8] = { 0, 1, 8, 0, 6, 4, 0, ARP_REQUEST };
	uint8_t ip[4];

	if (len < ARP_LEN || memcmp(arp, wanted, 8) != 0)
		return false;
	arp[7] = ARP_REPLY;
	memcpy(ip, arp + 24, 4);
	memcpy(arp + 18, arp + 8, 10); /* the target is who asked */
	memcpy(arp + 8, mac, 6);
	memcpy(arp + 14, ip, 4);
	return true;
}

/*
 * Who asks a group is answered by another address of its own network's: the one beside its own, as
 * dpdk-testpmd has it. The header's checksum is of a sum, so addresses that just change places do
 * not change it.
 */
static void
swap_ips(uint8_t *ip, unsigned ip_len)
{
	uint8_t src[4], dst[4];

	memcpy(src, ip + 12, 4);
	memcpy(dst, ip + 16, 4);
	memcpy(ip + 16, src, 4);
	if ((dst[0] & 0xf0) != 0xe0) {
		memcpy(ip + 12, dst, 4);
		return;
	}
	src[3] = (uint8_t)((src[3] & ~3) | ((src[3] & 3) == 1 ? 2 : 1));
	memcpy(ip + 12, src, 4);
	put16(ip + 10, ip_checksum(ip, ip_len));
}

/* RFC 792 */
static bool
answer_echo(uint8_t *ip, unsigned len)
{
	unsigned ip_len, sum;
	uint8_t *icmp;

	if (len < 20 || ip[0] >> 4 != 4)
		return false;
	ip_len = (ip[0] & 15) * 4u;
	if (ip_len < 20 || len < ip_len + ICMP_ECHO_LEN || ip[9] != PROTO_ICMP ||
	    get16(ip + 6) & 0x1fff) /* a later fragment has no ICMP header */
		return false;
	icmp = ip + ip_len;
	if (icmp[0] != ICMP_REQUEST || icmp[1])
		return false;
	swap_ips(ip, ip_len);
	icmp[0] = 0;
	/*
	 * RFC 1624: the type was 8, so the sum of all words grows by 0x0800 less, and the checksum
	 * by as much more.
	 */
	sum = get16(icmp + 2) + (ICMP_REQUEST << 8);
	put16(icmp + 2, (sum & 0xffff) + (sum >> 16));
	return true;
}

/* Return: whether the packet is a reply now. */
static bool
answer(uint8_t *p, unsigned len, const uint8_t *mac)
{
	unsigned at = ETHER_HDR, type;
	uint8_t dst[6];
	bool ok;

	if (len < ETHER_HDR)
		return false;
	type = get16(p + 12);
	if (type == ETHERTYPE_VLAN && len >= at + VLAN_TAG) {
		type = get16(p + at + 2);
		at += VLAN_TAG;
	}
	if (type == ETHERTYPE_ARP)
		ok = answer_arp(p + at, len - at, mac);
	else
		ok = type == ETHERTYPE_IPV4 && answer_echo(p + at, len - at);
	if (!ok)
		return false;
	memcpy(dst, p, 6);
	memcpy(p, p + 6, 6);
	memcpy(p + 6, type == ETHERTYPE_ARP || dst[0] & 1 ? mac : dst, 6);
	return true;
}

/* The same of a packet in whose first buffer not all headers may be. */
static BATON_COLD bool
answer_split(const struct lcore *lc, const struct baton_token *tok, unsigned segs,
	     const uint8_t *mac)
{
	struct cursor c = { lc->worker, tok, segs, 0 };
	uint8_t copy[HEADERS];
	unsigned len = cursor_copy(c, copy, sizeof(copy), false);

	return answer(copy, len, mac) && cursor_write(c, copy, len);
}

int
icmpecho_burst(struct lcore *lc, struct stream *s, struct baton_token *tokens, unsigned n)
{
	const uint8_t *mac = s->frame + 6; /* the port's own address */
	unsigned replies = 0;

	for (unsigned i = 0, segs; i < n; i += segs) {
		uint8_t *p = baton_data(lc->worker, tokens[i]);
		bool reply;
		int ret;

		segs = baton_packet_segs(tokens + i, n - i);
		if (baton_unlikely(segs > 1 && tokens[i].len < HEADERS))
			reply = answer_split(lc, tokens + i, segs, mac);
		else
			reply = p && answer(p, tokens[i].len, mac);
		if (reply) {
			memmove(tokens + replies, tokens + i, segs * sizeof(*tokens));
			replies += segs;
			continue;
		}
		ret = baton_free(lc->worker, tokens + i, segs);
		if (baton_unlikely(ret < 0))
			return stream_fail(s, ret, "free", "");
	}
	return (int)replies;
}
