/* SPDX-License-Identifier: BSD-3-Clause */
/* Headers and checksums in software: <baton/net.h>. */
#include <baton/net.h>
#include <baton/packet.h>

#include "base/err.h"
#include "base/structs.h"
#include "dma/pool.h"
#include "packet/headers.h"
#include "packet/sum.h"

unsigned
baton_eth_write(void *out, size_t room, const uint8_t *dst, const uint8_t *src, uint16_t type)
{
	uint8_t *p = out, macs[12];

	if (!out || !dst || !src || room < BATON_ETH_HLEN)
		return 0;
	memcpy(macs, dst, 6);
	memcpy(macs + 6, src, 6);
	memcpy(p, macs, 12);
	put_be16(p + 12, type);
	return BATON_ETH_HLEN;
}

unsigned
baton_arp_write(void *out, size_t room, uint16_t op, const uint8_t *src, uint32_t src_ip,
		const uint8_t *dst, uint32_t dst_ip)
{
	uint8_t arp[BATON_ARP_LEN] = { 0, 1, 8, 0, 6, 4 }; /* Ethernet, IPv4, and their lengths */

	if (!out || !src || room < BATON_ARP_LEN)
		return 0;
	put_be16(arp + 6, op);
	memcpy(arp + 8, src, 6);
	put_be32(arp + 14, src_ip);
	if (dst)
		memcpy(arp + 18, dst, 6);
	put_be32(arp + 24, dst_ip);
	memcpy(out, arp, sizeof(arp));
	return BATON_ARP_LEN;
}

unsigned
baton_ipv4_write(void *out, size_t room, uint32_t src, uint32_t dst, uint8_t proto,
		 uint16_t payload, uint8_t ttl)
{
	uint8_t *p = out;
	uint16_t sum;

	if (!out || room < BATON_IPV4_HLEN || payload > 65535 - BATON_IPV4_HLEN)
		return 0;
	put_be32(p, 0x45000000u + BATON_IPV4_HLEN + payload);
	put_be32(p + 4, 0x00004000); /* do not fragment */
	put_be32(p + 8, (uint32_t)ttl << 24 | (uint32_t)proto << 16);
	put_be32(p + 12, src);
	put_be32(p + 16, dst);
	sum = sum_end(sum_bytes(p, BATON_IPV4_HLEN));
	memcpy(p + 10, &sum, sizeof(sum));
	return BATON_IPV4_HLEN;
}

unsigned
baton_ipv6_write(void *out, size_t room, const uint8_t *src, const uint8_t *dst, uint8_t proto,
		 uint16_t payload, uint8_t ttl)
{
	uint8_t *p = out;

	if (!out || !src || !dst || room < BATON_IPV6_HLEN)
		return 0;
	put_be32(p, 0x60000000);
	put_be32(p + 4, (uint32_t)payload << 16 | (uint32_t)proto << 8 | ttl);
	memcpy(p + 8, src, 16);
	memcpy(p + 24, dst, 16);
	return BATON_IPV6_HLEN;
}

unsigned
baton_udp_write(void *out, size_t room, uint16_t sport, uint16_t dport, uint16_t payload)
{
	uint8_t *p = out;

	if (!out || room < BATON_UDP_HLEN || payload > 65535 - BATON_UDP_HLEN)
		return 0;
	put_be16(p, sport);
	put_be16(p + 2, dport);
	put_be32(p + 4, (BATON_UDP_HLEN + payload) << 16);
	return BATON_UDP_HLEN;
}

uint16_t
baton_checksum(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t sum = 0;

	for (size_t at = 0; data && at < len;) {
		const uint32_t n = len - at < 1u << 20 ? (uint32_t)(len - at) : 1u << 20;

		sum += sum_bytes(p + at, n);
		at += n;
	}
	return (uint16_t)~sum_fold(sum);
}

/* ---- of a packet ---- */

static void
store(struct baton_worker *worker, const struct baton_token *t, uint32_t at, uint16_t value)
{
	uint8_t bytes[2];

	memcpy(bytes, &value, sizeof(value));
	for (unsigned i = 0; i < 2; i++, at++) {
		for (; at >= t->len; t++)
			at -= t->len;
		((uint8_t *)baton_data(worker, *t))[at] = bytes[i];
	}
}

/* Where the checksum is in the header of what IP carries. Return: 0 if it has none to store. */
static unsigned
checksum_at(const struct headers *h, uint32_t len)
{
	/* On a source route with further hops, the pseudo-header has an address that is elsewhere.
	 */
	if (h->fragment || (h->routed && !(h->ip == 4 && h->proto == PROTO_ICMP)))
		return 0;
	if (h->l4)
		return h->proto == PROTO_TCP ? 16 : h->proto == PROTO_UDP ? 6 : 0;
	return h->proto == (h->ip == 4 ? PROTO_ICMP : PROTO_ICMP6) && len >= 4 ? 2 : 0;
}

static void
store_ipv4(struct baton_worker *worker, const struct baton_token *t, const struct headers *h)
{
	store(worker, t, h->l2_len + 10u, 0);
	store(worker, t, h->l2_len + 10u,
	      sum_end(sum_range(worker->head.handle.views, t, h->l2_len, h->l2_len + h->l3_len)));
}

int
headers_of_packet(struct baton_worker *worker, const struct baton_token *tokens, unsigned n,
		  const char *what, uint8_t scratch[HEADERS_MOST], const uint8_t **p,
		  struct headers *h)
{
	const uint32_t len = tokens ? baton_packet_len(tokens, n) : 0,
		       have = len < HEADERS_MOST ? len : HEADERS_MOST;
	int ret = dma_worker_ready(worker, what);

	if (ret < 0)
		return ret;
	if (!tokens || !n)
		return baton_err(EINVAL, "%s: there is no token", what);
	*p = baton_packet_view(worker, tokens, n, 0, have, scratch);
	if (!*p)
		return -EPERM;
	headers_find(*p, have, len, h);
	return 0;
}

int
baton_packet_headers_(struct baton_worker *worker, const struct baton_token *tokens, unsigned n,
		      struct baton_headers *headers, size_t size)
{
	uint8_t scratch[HEADERS_MOST];
	struct baton_headers out;
	const uint8_t *p;
	struct headers h;
	int ret = headers_of_packet(worker, tokens, n, "packet_headers", scratch, &p, &h);

	if (!ret && !headers)
		ret = baton_err(EINVAL, "packet_headers: there is no place for the headers");
	if (ret < 0)
		return ret;
	out = (struct baton_headers){
		.ptype = headers_ptype(&h),
		.end = baton_packet_len(tokens, n),
		.type = h.type,
		.l3 = h.l2_len,
		.tags = h.tags,
	};
	if (out.l3 > out.end)
		out.l3 = (uint16_t)out.end;
	if (h.ip) {
		out.end = h.end;
		out.l4 = (uint16_t)(h.l2_len + h.l3_len);
		out.payload = h.l4 ? (uint16_t)(out.l4 + h.l4_len) : 0;
		out.proto = h.proto;
	}
	struct_give(headers, size, &out, sizeof(out));
	return 0;
}

int
baton_packet_checksum(struct baton_worker *worker, const struct baton_token *tokens, unsigned n)
{
	uint8_t scratch[HEADERS_MOST];
	uint32_t from, end, pseudo;
	struct headers h;
	const uint8_t *p;
	uint16_t value;
	unsigned at;
	int ret = headers_of_packet(worker, tokens, n, "packet_checksum", scratch, &p, &h);

	if (ret < 0 || !h.ip)
		return ret;
	from = (uint32_t)h.l2_len + h.l3_len;
	end = h.end;
	at = end > from ? checksum_at(&h, end - from) : 0;
	/* ICMP of IPv4 counts its own bytes only. */
	pseudo = at && !(h.ip == 4 && h.proto == PROTO_ICMP) ? sum_pseudo(p, &h, end - from) : 0;
	if (h.ip == 4)
		store_ipv4(worker, tokens, &h);
	if (!at)
		return h.ip == 4;
	store(worker, tokens, from + at, 0);
	value = sum_end(sum_range(worker->head.handle.views, tokens, from, end) + pseudo);
	/* In UDP, 0 says that there is none (RFC 768). */
	store(worker, tokens, from + at, h.proto == PROTO_UDP && !value ? 0xffff : value);
	return 1 + (h.ip == 4);
}

int
baton_packet_request_checksum(struct baton_worker *worker, struct baton_token *tokens, unsigned n)
{
	uint8_t scratch[HEADERS_MOST];
	struct baton_side *side;
	const uint8_t *p;
	struct headers h;
	uint32_t from;
	uint16_t sum;
	unsigned at;
	int ret = headers_of_packet(worker, tokens, n, "packet_request_checksum", scratch, &p, &h);

	if (ret < 0 || !h.ip)
		return ret;
	if (h.ip == 4)
		store_ipv4(worker, tokens, &h);
	from = (uint32_t)h.l2_len + h.l3_len;
	at = !h.l4 ? 0 : h.proto == PROTO_SCTP && !h.fragment ? 8 : checksum_at(&h, h.end - from);
	if (!at)
		return 0;
	sum = h.proto == PROTO_SCTP ? 0 : sum_pseudo(p, &h, h.end - from);
	if (h.proto != PROTO_SCTP)
		store(worker, tokens, from + at, sum);
	side = baton_side(worker, tokens[0]);
	if (!(tokens[0].flags & BATON_TOKEN_SIDE))
		side->valid = 0;
	side->valid |= BATON_SIDE_CSUM;
	side->l2_len = h.l2_len;
	side->l3_len = h.l3_len;
	side->csum_offset = (uint16_t)at;
	tokens[0].flags &= (uint8_t) ~(3u << BATON_TOKEN_L4_SHIFT);
	tokens[0].flags |= BATON_TOKEN_SIDE | BATON_CSUM_PARTIAL << BATON_TOKEN_L4_SHIFT;
	return 1;
}
