/* SPDX-License-Identifier: BSD-3-Clause */
/* Headers and checksums in software: <baton/net.h>. */
#include <baton/net.h>
#include <baton/packet.h>

#include "base/err.h"
#include "dma/pool.h"
#include "packet/headers.h"
#include "packet/sum.h"

unsigned
baton_eth_write(void *out, size_t room, const uint8_t *dst, const uint8_t *src, uint16_t type)
{
	uint8_t *p = out;

	if (!out || !dst || !src || room < BATON_ETH_HLEN)
		return 0;
	memcpy(p, dst, 6);
	memcpy(p + 6, src, 6);
	put_be16(p + 12, type);
	return BATON_ETH_HLEN;
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
	if (h->fragment)
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
baton_packet_checksum(struct baton_worker *worker, const struct baton_token *tokens, unsigned n)
{
	uint32_t len = tokens ? baton_packet_len(tokens, n) : 0, from, end,
		 have = len < HEADERS_MOST ? len : HEADERS_MOST, pseudo;
	uint8_t scratch[HEADERS_MOST];
	struct headers h;
	const uint8_t *p;
	uint16_t value;
	unsigned at;
	int ret = dma_worker_ready(worker, "packet_checksum");

	if (ret < 0)
		return ret;
	if (!tokens || !n)
		return baton_err(EINVAL, "packet_checksum: there is no token");
	for (unsigned i = 0; i < n; i++)
		if (!baton_data(worker, tokens[i]))
			return -EPERM;
	p = baton_packet_view(worker, tokens, n, 0, have, scratch);
	if (!p)
		return -EPERM;
	headers_find(p, have, len, &h);
	if (!h.ip)
		return 0;
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
