/* SPDX-License-Identifier: BSD-3-Clause */
/* Random packets to be cut into segments, and what has to come out, made byte by byte. */
#ifndef SEGMENT_MADE_H
#define SEGMENT_MADE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define FRAME_MAX (65535u + 22u)

struct gso {
	uint8_t b[FRAME_MAX];
	uint32_t len, l2, l3, l4; /* lengths; of the headers */
	uint32_t seg;             /* seg_size */
	uint8_t ip, proto;
};

/* ---- random numbers ---- */

static uint64_t random_state = 88172645463325252ull;

static inline uint32_t
rnd(uint32_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 20) % n;
}

static inline void
rnd_bytes(uint8_t *p, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		p[i] = (uint8_t)rnd(256);
}

/* ---- checksums, byte by byte ---- */

/* RFC 1071, not complemented, big-endian. */
static inline uint32_t
plain_sum(uint32_t sum, const uint8_t *p, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static inline uint32_t
plain_pseudo(const uint8_t *ip, uint8_t proto, uint32_t len)
{
	const bool v6 = ip[0] >> 4 == 6;

	return plain_sum(proto + (len >> 16) + (len & 0xffff), ip + (v6 ? 8 : 12), v6 ? 32 : 8);
}

/* ---- packets ---- */

static inline void
put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void
put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

static inline uint32_t
get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/** Lengths, identification and checksums of a whole packet, as a stack hands it to GSO. */
static inline void
gso_finish(struct gso *g)
{
	uint8_t *ip = g->b + g->l2, *l4 = ip + g->l3;
	const uint32_t l4_len = g->len - g->l2 - g->l3;

	if (g->ip == 4) {
		put16(ip + 2, g->l3 + l4_len);
		put16(ip + 10, 0);
		put16(ip + 10, ~plain_sum(0, ip, g->l3) & 0xffff);
	} else {
		put16(ip + 4, g->l3 - 40 + l4_len);
	}
	if (g->proto == 17)
		put16(l4 + 4, l4_len);
	put16(l4 + (g->proto == 6 ? 16 : 6), plain_pseudo(ip, g->proto, l4_len));
}

/** A packet with at most @payload bytes of payload, in segments of at most @seg. */
static inline void
gso_make(struct gso *g, uint32_t payload, uint32_t seg, bool extras)
{
	uint8_t *ip, *l4;

	g->ip = rnd(2) ? 4 : 6;
	g->proto = rnd(2) ? 6 : 17;
	g->l2 = extras && rnd(3) == 0 ? 18 : 14;
	g->l3 = g->ip == 6 ? 40 : 20;
	if (extras && rnd(3) == 0)
		g->l3 += g->ip == 6 ? 8 + rnd(2) * 16 : 4 + rnd(10) * 4;
	g->l4 = g->proto == 17 ? 8 : extras ? 20 + rnd(11) * 4 : 20;
	payload = 1 + rnd(payload - g->l3 - g->l4);
	g->len = g->l2 + g->l3 + g->l4 + payload;
	g->seg = 1 + rnd(seg < g->len ? seg : g->len);
	rnd_bytes(g->b, g->len);
	ip = g->b + g->l2;
	l4 = ip + g->l3;
	if (g->l2 == 18)
		put16(g->b + 12, 0x8100);
	put16(ip - 2, g->ip == 4 ? 0x0800 : 0x86dd);
	ip[0] = (uint8_t)(g->ip == 4 ? 0x40 | g->l3 / 4 : 0x60);
	if (g->ip == 4) {
		put16(ip + 6, rnd(2) << 14);
		ip[9] = g->proto;
		memset(ip + 20, 1, g->l3 - 20);
	} else if (g->l3 > 40) {
		ip[6] = 60;
		ip[40] = g->proto;
		ip[41] = (uint8_t)((g->l3 - 40) / 8 - 1);
		ip[42] = 1; /* PadN */
		ip[43] = (uint8_t)(g->l3 - 44);
		memset(ip + 44, 0, g->l3 - 44);
	} else {
		ip[6] = g->proto;
	}
	if (g->proto == 6) {
		l4[12] = (uint8_t)(g->l4 << 2);
		memset(l4 + 20, 1, g->l4 - 20);
		if (rnd(4) == 0)
			put32(l4 + 4, 0xffffff00);
	}
	gso_finish(g);
}

/** Segment @k. Return: its length; 0: there is none. */
static inline uint32_t
gso_segment(const struct gso *g, uint32_t k, uint8_t *to)
{
	const uint32_t heads = g->l2 + g->l3 + g->l4, from = heads + k * g->seg;
	uint8_t *ip = to + g->l2, *l4 = ip + g->l3, *field = l4 + (g->proto == 6 ? 16 : 6);
	uint32_t n, l4_len, sum;

	if (from >= g->len)
		return 0;
	n = g->len - from < g->seg ? g->len - from : g->seg;
	l4_len = g->l4 + n;
	memcpy(to, g->b, heads);
	memcpy(to + heads, g->b + from, n);
	if (g->ip == 4) {
		put16(ip + 2, g->l3 + l4_len);
		put16(ip + 4, ((uint32_t)ip[4] << 8 | ip[5]) + k);
		put16(ip + 10, 0);
		put16(ip + 10, ~plain_sum(0, ip, g->l3) & 0xffff);
	} else {
		put16(ip + 4, g->l3 - 40 + l4_len);
	}
	if (g->proto == 6) {
		put32(l4 + 4, get32(l4 + 4) + k * g->seg);
		if (from + n < g->len)
			l4[13] &= (uint8_t)~0x09;
		if (k)
			l4[13] &= (uint8_t)~0x80;
	} else {
		put16(l4 + 4, l4_len);
	}
	put16(field, 0);
	sum = ~plain_sum(plain_pseudo(ip, g->proto, l4_len), l4, l4_len) & 0xffff;
	put16(field, sum ? sum : 0xffff);
	return heads + n;
}

#endif
