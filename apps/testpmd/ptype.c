/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What headers a packet has, in the words of dpdk-testpmd's "sw ptype", found as DPDK 22.11 finds
 * them: one or two VLAN tags, IPv4 or IPv6 with its extension headers, TCP, UDP or SCTP; and once
 * more behind a tunnel of IP in IP or GRE.
 */
#include <stdio.h>
#include <string.h>

#include "packet.h"
#include "testpmd.h"

#define PROTO_HOPOPTS  0
#define PROTO_IPIP     4
#define PROTO_IPV6     41
#define PROTO_ROUTING  43
#define PROTO_FRAGMENT 44
#define PROTO_GRE      47
#define PROTO_ESP      50
#define PROTO_AH       51
#define PROTO_NONE     59
#define PROTO_DSTOPTS  60
#define ETHERTYPE_TEB  0x6558
#define MAX_EXTENSIONS 5

/* One layer of headers, or what is behind a tunnel. A name is NULL when there is no such header. */
struct layer {
	const char *l2, *l3, *l4;
	unsigned l2_len, l3_len, l4_len;
};

struct headers {
	struct layer outer, inner;
	const char *tunnel;
	unsigned tunnel_len;
};

/* What comes next: an Ethernet type, or an IP protocol. */
struct next {
	unsigned type;
	bool is_proto;
};

static bool
read_at(struct cursor c, unsigned at, void *buf, unsigned len)
{
	return cursor_skip(&c, at) && cursor_read(c, buf, len);
}

/* Return: false when the packet ends in a tag. */
static bool
parse_tags(struct cursor c, unsigned *at, struct next *next, struct layer *layer)
{
	unsigned tags = next->type == ETHERTYPE_VLAN ? 1 : next->type == ETHERTYPE_QINQ ? 2 : 0;
	uint8_t tag[VLAN_TAG];

	if (!tags || next->is_proto)
		return true;
	layer->l2 = tags == 1 ? "L2_ETHER_VLAN" : "L2_ETHER_QINQ";
	if (!read_at(c, *at + (tags - 1) * VLAN_TAG, tag, VLAN_TAG))
		return false;
	*at += tags * VLAN_TAG;
	layer->l2_len += tags * VLAN_TAG;
	next->type = get16(tag + 2);
	return true;
}

/*
 * Skip the extension headers of IPv6. Return: the protocol behind them, -1 when they do not end.
 */
static int
skip_extensions(struct cursor c, unsigned proto, unsigned *at, bool *fragment)
{
	uint8_t head[2];

	for (unsigned i = 0; i < MAX_EXTENSIONS; i++) {
		if (proto == PROTO_NONE)
			return 0;
		if (proto != PROTO_HOPOPTS && proto != PROTO_ROUTING && proto != PROTO_DSTOPTS &&
		    proto != PROTO_FRAGMENT)
			return (int)proto;
		if (!read_at(c, *at, head, sizeof(head)))
			return -1;
		*fragment = proto == PROTO_FRAGMENT;
		*at += *fragment ? 8 : (head[1] + 1u) * 8;
		proto = head[0];
		if (*fragment)
			return (int)proto;
	}
	return -1;
}

static bool
is_extension(unsigned proto)
{
	return proto == PROTO_HOPOPTS || proto == PROTO_ROUTING || proto == PROTO_FRAGMENT ||
	       proto == PROTO_ESP || proto == PROTO_AH || proto == PROTO_DSTOPTS;
}

/* Return: false when nothing behind it is to be looked at. */
static bool
parse_ipv4(struct cursor c, unsigned *at, struct next *next, struct layer *layer)
{
	uint8_t ip[20];

	if (!read_at(c, *at, ip, sizeof(ip)))
		return false;
	if (ip[0] >= 0x45 && ip[0] <= 0x4f)
		layer->l3 = ip[0] == 0x45 ? "L3_IPV4" : "L3_IPV4_EXT";
	layer->l3_len = (ip[0] & 15) * 4u;
	*at += layer->l3_len;
	*next = (struct next){ ip[9], true };
	if (get16(ip + 6) & 0x3fff)
		layer->l4 = "L4_FRAG";
	return !layer->l4;
}

static bool
parse_ipv6(struct cursor c, unsigned *at, struct next *next, struct layer *layer)
{
	unsigned begin = *at;
	bool fragment = false;
	uint8_t ip[40];
	int proto;

	if (!read_at(c, *at, ip, sizeof(ip)))
		return false;
	proto = ip[6];
	*at += sizeof(ip);
	layer->l3 = "L3_IPV6";
	layer->l3_len = sizeof(ip);
	if (is_extension(ip[6])) {
		layer->l3 = "L3_IPV6_EXT";
		proto = skip_extensions(c, ip[6], at, &fragment);
		if (proto < 0)
			return false;
		layer->l3_len = *at - begin;
	}
	*next = (struct next){ (unsigned)proto, true };
	if (fragment && proto)
		layer->l4 = "L4_FRAG";
	return proto && !layer->l4;
}

static bool
parse_l3(struct cursor c, unsigned *at, struct next *next, struct layer *layer)
{
	if (next->is_proto)
		return true;
	if (next->type == ETHERTYPE_IPV4)
		return parse_ipv4(c, at, next, layer);
	if (next->type == ETHERTYPE_IPV6)
		return parse_ipv6(c, at, next, layer);
	return true;
}

static void
parse_l4(struct cursor c, unsigned at, const struct next *next, struct layer *layer)
{
	uint8_t tcp[20];

	if (!next->is_proto)
		return;
	if (next->type == PROTO_UDP) {
		layer->l4 = "L4_UDP";
		layer->l4_len = 8;
	} else if (next->type == PROTO_SCTP) {
		layer->l4 = "L4_SCTP";
		layer->l4_len = 12;
	} else if (next->type == PROTO_TCP && read_at(c, at, tcp, sizeof(tcp))) {
		layer->l4 = "L4_TCP";
		layer->l4_len = (tcp[12] & 0xf0) >> 2;
	}
}

/* Return: the length of a GRE header with these first four bits; 0: there is none. */
static unsigned
gre_len(unsigned flags)
{
	static const uint8_t lens[16] = { 4, 8, 8, 12, 0, 0, 0, 0, 8, 12, 12, 16 };

	return lens[flags & 15];
}

static void
parse_tunnel(struct cursor c, unsigned *at, struct next *next, struct headers *h)
{
	uint8_t gre[4];

	if (!next->is_proto)
		return;
	if (next->type == PROTO_IPIP || next->type == PROTO_IPV6) {
		h->tunnel = "TUNNEL_IP";
		*next = (struct next){ next->type == PROTO_IPIP ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6,
				       false };
	} else if (next->type == PROTO_GRE && read_at(c, *at, gre, sizeof(gre)) &&
		   gre_len(gre[0] >> 4)) {
		h->tunnel_len = gre_len(gre[0] >> 4);
		*at += h->tunnel_len;
		*next = (struct next){ get16(gre + 2), false };
		h->tunnel = next->type == ETHERTYPE_TEB ? "TUNNEL_NVGRE" : "TUNNEL_GRE";
	}
}

static void
parse(struct cursor c, struct headers *h)
{
	unsigned at = ETHER_HDR;
	struct next next;
	uint8_t eth[ETHER_HDR];

	*h = (struct headers){ 0 };
	if (!cursor_read(c, eth, sizeof(eth)))
		return;
	h->outer.l2 = "L2_ETHER";
	h->outer.l2_len = ETHER_HDR;
	next = (struct next){ get16(eth + 12), false };
	if (!parse_tags(c, &at, &next, &h->outer) || !parse_l3(c, &at, &next, &h->outer))
		return;
	parse_l4(c, at, &next, &h->outer);
	if (h->outer.l4 || (next.is_proto && next.type == PROTO_TCP))
		return;
	parse_tunnel(c, &at, &next, h);
	if (!next.is_proto && next.type == ETHERTYPE_TEB) {
		if (!read_at(c, at, eth, sizeof(eth)))
			return;
		h->inner.l2 = "L2_ETHER";
		h->inner.l2_len = ETHER_HDR;
		at += ETHER_HDR;
		next.type = get16(eth + 12);
	}
	if (parse_tags(c, &at, &next, &h->inner) && parse_l3(c, &at, &next, &h->inner))
		parse_l4(c, at, &next, &h->inner);
}

static unsigned
print_layer(char *text, unsigned size, const char *prefix, const struct layer *l)
{
	const char *const names[] = { l->l2, l->l3, l->l4 };
	unsigned len = 0;

	for (unsigned i = 0; i < 3; i++)
		if (names[i])
			len += (unsigned)snprintf(text + len, size - len, "%s%s ", prefix,
						  names[i]);
	return len;
}

static unsigned
print_lens(char *text, unsigned size, const char *prefix, const struct layer *l)
{
	const char *const names[] = { l->l2, l->l3, l->l4 };
	const unsigned lens[] = { l->l2_len, l->l3_len, l->l4_len };
	unsigned len = 0;

	for (unsigned i = 0; i < 3; i++)
		if (names[i])
			len += (unsigned)snprintf(text + len, size - len, " - %sl%u_len=%u", prefix,
						  i + 2, lens[i]);
	return len;
}

void
ptype_print(char text[PTYPE_TEXT], const struct lcore *lc, const struct baton_token *tok,
	    unsigned segs)
{
	struct headers h;
	unsigned len, size = PTYPE_TEXT;

	parse((struct cursor){ lc->worker, tok, segs, 0 }, &h);
	len = (unsigned)snprintf(text, size, " - sw ptype: ");
	len += print_layer(text + len, size - len, "", &h.outer);
	if (h.tunnel)
		len += (unsigned)snprintf(text + len, size - len, "%s ", h.tunnel);
	len += print_layer(text + len, size - len, "INNER_", &h.inner);
	if (!h.outer.l2)
		len += (unsigned)snprintf(text + len, size - len, "UNKNOWN");
	len += print_lens(text + len, size - len, "", &h.outer);
	if (h.tunnel)
		len += (unsigned)snprintf(text + len, size - len, " - tunnel_len=%u", h.tunnel_len);
	print_lens(text + len, size - len, "inner_", &h.inner);
}
