/* SPDX-License-Identifier: BSD-3-Clause */
#include "frame.h"

#include <baton/net.h>

#define FLOWS_COMPARED 1024 /* with more of them the process number alone has to do */

/* What was found on the way through the headers. */
struct found {
	unsigned l3, l4, end; /* offsets; l4 and end: 0: no whole UDP datagram */
	bool v6, sums;        /* sums: the checksums are right */
};

static bool
is_tag(unsigned type)
{
	return type == 0x8100 || type == 0x88a8 || type == 0x9100;
}

static bool
udp_sum_right(const uint8_t *addresses, unsigned address_bytes, unsigned udp_len)
{
	/* Addresses and datagram lie behind each other; checksum() is the complement of the sum. */
	uint64_t sum = (uint16_t)~baton_checksum(addresses, address_bytes + udp_len);

	return frame_fold(sum + frame_be16(BATON_IP_UDP) + frame_be16(udp_len)) == 0xffff;
}

/* The UDP datagram at @l4, whose IP payload ends at @end. */
static void
find_udp(const uint8_t *p, unsigned l4, unsigned end, unsigned addresses, struct found *f)
{
	unsigned len;

	if (end < l4 + BATON_UDP_HLEN)
		return;
	len = baton_get_be16(p + l4 + 4);
	if (len != end - l4)
		return;
	f->l4 = l4;
	f->end = end;
	f->sums = baton_get_be16(p + l4 + 6) && udp_sum_right(p + addresses, l4 - addresses, len);
}

static void
find_ipv4(const uint8_t *p, unsigned len, struct found *f)
{
	const uint8_t *ip = p + f->l3;
	unsigned total;

	if (len < f->l3 + BATON_IPV4_HLEN || ip[0] != 0x45)
		return;
	total = baton_get_be16(ip + 2);
	/* A fragment is no datagram. */
	if (total > len - f->l3 || total < BATON_IPV4_HLEN || ip[9] != BATON_IP_UDP ||
	    (baton_get_be16(ip + 6) & 0x3fff))
		return;
	find_udp(p, f->l3 + BATON_IPV4_HLEN, f->l3 + total, f->l3 + 12, f);
	f->sums = f->sums && baton_checksum(ip, BATON_IPV4_HLEN) == 0;
}

static void
find_ipv6(const uint8_t *p, unsigned len, struct found *f)
{
	const uint8_t *ip = p + f->l3;
	unsigned bytes;

	if (len < f->l3 + BATON_IPV6_HLEN || ip[0] >> 4 != 6)
		return;
	bytes = baton_get_be16(ip + 4);
	if (bytes > len - f->l3 - BATON_IPV6_HLEN || ip[6] != BATON_IP_UDP)
		return;
	f->v6 = true;
	find_udp(p, f->l3 + BATON_IPV6_HLEN, f->l3 + BATON_IPV6_HLEN + bytes, f->l3 + 8, f);
}

static void
find(const uint8_t *p, unsigned len, struct found *f)
{
	unsigned type;

	*f = (struct found){ .l3 = BATON_ETH_HLEN };
	if (len < BATON_ETH_HLEN)
		return;
	type = baton_get_be16(p + 12);
	for (unsigned i = 0; i < FLOW_TAGS + 1 && is_tag(type) && len >= f->l3 + 4; i++) {
		type = baton_get_be16(p + f->l3 + 2);
		f->l3 += 4;
	}
	if (type == BATON_ETH_IPV4)
		find_ipv4(p, len, f);
	else if (type == BATON_ETH_IPV6)
		find_ipv6(p, len, f);
}

static void
stamp_read(const uint8_t *p, struct stamp *s)
{
	uint64_t high = (uint64_t)baton_get_be32(p) << 32 | baton_get_be32(p + 4);

	s->process = (unsigned)(high >> 52);
	s->trial = (unsigned)(high >> 44) & 0xff;
	s->stream = (unsigned)(high >> 36) & 0xff;
	s->time = high & STAMP_TIME_MASK;
	s->seq = baton_get_be32(p + 8);
}

/*
 * Whether a packet that is not whole was ours. Two things say so, and what damages one hardly
 * damages the other: the process number where the headers of this direction end, and the addresses.
 */
static bool
was_ours(const struct frame_check *c, const uint8_t *p, unsigned len)
{
	const struct flows *fl = c->flows;
	unsigned from = fl->l3 + (fl->v6 ? 8 : 12), bytes = fl->len - 4 - from;
	struct stamp s;

	if (len >= fl->len + STAMP_LEN) {
		stamp_read(p + fl->len, &s);
		if (s.process == c->process)
			return true;
	}
	if (len < fl->len)
		return false;
	for (uint32_t i = 0; i < fl->n && i < FLOWS_COMPARED; i++)
		if (!memcmp(p + from, fl->flow[i].header + from, bytes))
			return true;
	return false;
}

enum frame_kind
frame_read(const struct frame_check *c, const uint8_t *p, unsigned len, struct stamp *s,
	   unsigned *ip_len)
{
	struct found f;

	find(p, len, &f);
	if (f.l4 && f.sums) {
		if (f.end - f.l4 < BATON_UDP_HLEN + STAMP_LEN)
			return FRAME_FOREIGN;
		stamp_read(p + f.l4 + BATON_UDP_HLEN, s);
		*ip_len = f.end - f.l3;
		return s->process == c->process ? FRAME_OURS : FRAME_FOREIGN;
	}
	return was_ours(c, p, len) ? FRAME_DAMAGED : FRAME_FOREIGN;
}
