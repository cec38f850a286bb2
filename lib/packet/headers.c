/* SPDX-License-Identifier: BSD-3-Clause */
#include "packet/headers.h"

#include <string.h>

#include <baton/offload.h>

#include "base/export.h"

#define ETH_HLEN       14u
#define TAG            4u
#define ETYPE_IPV4     0x0800
#define ETYPE_ARP      0x0806
#define ETYPE_VLAN     0x8100
#define ETYPE_QINQ     0x88a8
#define ETYPE_QINQ_OLD 0x9100
#define ETYPE_IPV6     0x86dd
#define IPV6_HLEN      40u
#define EXTENSIONS     8u /* of IPv6, at most */

static bool
is_tag(uint16_t type)
{
	return type == ETYPE_VLAN || type == ETYPE_QINQ || type == ETYPE_QINQ_OLD;
}

/* Whether a source route among @len bytes of IPv4 options has further hops (RFC 791, section 3.1).
 */
static bool
has_route(const uint8_t *p, uint32_t len)
{
	uint32_t at = 0, n;

	while (at + 3 <= len && p[at] != 0) {
		n = p[at] == 1 ? 1 : p[at + 1];
		if ((p[at] == 131 || p[at] == 137) && p[at + 2] <= n)
			return true;
		if (!n || (n == 1 && p[at] != 1))
			return false;
		at += n;
	}
	return false;
}

/* IPv4 (RFC 791, section 3.1). */
static bool
find_ipv4(const uint8_t *p, uint32_t have, uint32_t len, struct headers *h)
{
	const uint32_t at = h->l2_len;
	uint32_t ihl, total;

	if (have < at + 20 || p[at] >> 4 != 4)
		return false;
	ihl = (p[at] & 15u) * 4;
	total = get_be16(p + at + 2);
	if (ihl < 20 || total < ihl || at + ihl > have || at + total > len)
		return false;
	h->l3_len = (uint16_t)ihl;
	h->options = ihl > 20;
	h->routed = h->options && has_route(p + at + 20, ihl - 20);
	h->fragment = get_be16(p + at + 6) & 0x3fff; /* more fragments, or an offset */
	h->proto = p[at + 9];
	h->end = at + total;
	return true;
}

/* Hop-by-hop, routing, fragment and destination options headers of IPv6. */
static bool
is_extension(uint8_t proto)
{
	return proto == 0 || proto == 43 || proto == 44 || proto == 60;
}

/* IPv6 and its extension headers (RFC 8200, sections 3 and 4). */
static bool
find_ipv6(const uint8_t *p, uint32_t have, uint32_t len, struct headers *h)
{
	uint32_t at = h->l2_len, payload;

	if (have < at + IPV6_HLEN || p[at] >> 4 != 6)
		return false;
	payload = get_be16(p + at + 4);
	h->proto = p[at + 6];
	h->end = at + IPV6_HLEN + payload;
	if (!payload || h->end > len)
		return false;
	at += IPV6_HLEN;
	for (unsigned i = 0; is_extension(h->proto); i++) {
		const bool fragment = h->proto == 44;

		if (i == EXTENSIONS || have < at + 8 || h->end < at + 8)
			return false;
		/* An atomic fragment is a whole packet (RFC 6946). */
		h->fragment |= fragment && (get_be16(p + at + 2) & 0xfff9);
		h->routed |= h->proto == 43 && p[at + 3];
		h->proto = p[at];
		at += fragment ? 8 : (p[at + 1] + 1u) * 8;
		h->options = true;
	}
	if (at > h->end || at > have)
		return false;
	h->l3_len = (uint16_t)(at - h->l2_len);
	return true;
}

uint8_t
headers_ip(const uint8_t *p, uint32_t len, uint8_t *proto, bool *plain)
{
	uint32_t at = IPV6_HLEN;

	*plain = true;
	if (p[0] >> 4 == 4) {
		*proto = p[9];
		*plain = !has_route(p + 20, len - 20);
		return (p[0] & 15u) * 4 == len && !(get_be16(p + 6) & 0x3fff) ? 4 : 0;
	}
	if (p[0] >> 4 != 6 || len < IPV6_HLEN)
		return 0;
	for (*proto = p[6]; is_extension(*proto) && at + 8 <= len;) {
		const bool fragment = *proto == 44;

		if (fragment && (get_be16(p + at + 2) & 0xfff9))
			return 0;
		*plain &= *proto == 0 || *proto == 60;
		*proto = p[at];
		at += fragment ? 8 : (p[at + 1] + 1u) * 8;
	}
	return at == len ? 6 : 0;
}

static void
find_l4(const uint8_t *p, uint32_t have, struct headers *h)
{
	const uint32_t at = (uint32_t)h->l2_len + h->l3_len, room = h->end - at;
	uint32_t l4 = h->proto == PROTO_TCP ? 20 : h->proto == PROTO_UDP ? 8 : 12;

	if (h->fragment ||
	    (h->proto != PROTO_TCP && h->proto != PROTO_UDP && h->proto != PROTO_SCTP) ||
	    room < l4 || have < at + l4)
		return;
	if (h->proto == PROTO_TCP) {
		l4 = (p[at + 12] >> 4) * 4u;
		if (l4 < 20 || l4 > room)
			return;
	}
	/* A datagram may end before the IP payload does, and not behind it (RFC 768). */
	if (h->proto == PROTO_UDP) {
		const uint32_t udp = get_be16(p + at + 4);

		if (udp < l4 || udp > room)
			return;
		h->end = at + udp;
	}
	h->l4 = true;
	h->l4_len = (uint16_t)l4;
}

void
headers_find(const uint8_t *p, uint32_t have, uint32_t len, struct headers *h)
{
	uint16_t type;

	memset(h, 0, sizeof(*h));
	h->l2_len = ETH_HLEN;
	if (have < ETH_HLEN)
		return;
	type = get_be16(p + 12);
	while (h->tags < 2 && is_tag(type) && have >= h->l2_len + TAG) {
		if (!h->tags)
			h->tpid = type;
		h->tci[h->tags++] = get_be16(p + h->l2_len);
		type = get_be16(p + h->l2_len + 2);
		h->l2_len += TAG;
	}
	h->type = type;
	h->arp = type == ETYPE_ARP;
	if (type == ETYPE_IPV4 && find_ipv4(p, have, len, h))
		h->ip = 4;
	else if (type == ETYPE_IPV6 && find_ipv6(p, have, len, h))
		h->ip = 6;
	if (h->ip)
		find_l4(p, have, h);
}

uint32_t
headers_ptype(const struct headers *h)
{
	uint32_t type = h->tags == 2 ? BATON_PTYPE_L2_QINQ
			: h->tags    ? BATON_PTYPE_L2_VLAN
			: h->arp     ? BATON_PTYPE_L2_ARP
				     : BATON_PTYPE_L2_ETHER;

	if (!h->ip)
		return type;
	if (h->ip == 4)
		type |= h->options ? BATON_PTYPE_L3_IPV4X : BATON_PTYPE_L3_IPV4;
	else
		type |= h->options ? BATON_PTYPE_L3_IPV6X : BATON_PTYPE_L3_IPV6;
	if (h->fragment)
		return type | BATON_PTYPE_L4_FRAG;
	if (h->l4)
		return type | (h->proto == PROTO_TCP   ? BATON_PTYPE_L4_TCP
			       : h->proto == PROTO_UDP ? BATON_PTYPE_L4_UDP
						       : BATON_PTYPE_L4_SCTP);
	if (h->proto == (h->ip == 4 ? PROTO_ICMP : PROTO_ICMP6))
		return type | BATON_PTYPE_L4_ICMP;
	return type | BATON_PTYPE_L4_OTHER;
}

DRIVER_EXPORT(headers_ip);
DRIVER_EXPORT(headers_find);
DRIVER_EXPORT(headers_ptype);
