/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bytes of packets, which are big-endian, at any address and in any number of buffers; and the
 * Internet checksum (RFC 1071).
 */
#ifndef TESTPMD_PACKET_H
#define TESTPMD_PACKET_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <baton/baton.h>

#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_ARP  0x0806
#define ETHERTYPE_VLAN 0x8100
#define ETHERTYPE_IPV6 0x86dd
#define ETHERTYPE_QINQ 0x88a8
#define PROTO_ICMP     1
#define PROTO_TCP      6
#define PROTO_UDP      17
#define PROTO_SCTP     132
#define SCTP_HDR       12
#define VLAN_TAG       4

static inline unsigned
get16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static inline void
put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* Sums are of 16-bit words in memory order, so that bytes need not be swapped one by one. */
static inline uint64_t
sum_bytes(uint64_t sum, const uint8_t *p, size_t len)
{
	uint32_t word;
	uint16_t tail = 0;

	for (; len >= 4; p += 4, len -= 4) {
		memcpy(&word, p, 4);
		sum += word;
	}
	for (; len >= 2; p += 2, len -= 2) {
		memcpy(&tail, p, 2);
		sum += tail;
	}
	if (len) {
		tail = 0;
		memcpy(&tail, p, 1);
		sum += tail;
	}
	return sum;
}

static inline uint16_t
sum_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

/* A sum in memory order as put16() wants it. */
static inline unsigned
sum_value(uint16_t folded)
{
	uint8_t bytes[2];

	memcpy(bytes, &folded, 2);
	return get16(bytes);
}

/* The checksum of an IPv4 header whose checksum field counts as 0. */
static inline unsigned
ip_checksum(const uint8_t *ip, unsigned len)
{
	uint64_t sum = sum_bytes(sum_bytes(0, ip, 10), ip + 12, len - 12);

	return ~sum_value(sum_fold(sum)) & 0xffff;
}

/* A place in a packet: @at bytes into the first of @segs buffers. */
struct cursor {
	const struct baton_worker *worker;
	const struct baton_token *tok;
	unsigned segs, at;
};

/* Return: false when the packet ends before. The cursor is at its end then. */
static inline bool
cursor_skip(struct cursor *c, unsigned n)
{
	n += c->at;
	while (c->segs > 1 && n >= c->tok[0].len) {
		n -= c->tok[0].len;
		c->tok++;
		c->segs--;
	}
	c->at = n <= c->tok[0].len ? n : c->tok[0].len;
	return n <= c->tok[0].len;
}

/*
 * Copy @len bytes from the packet to @buf, or to the packet with @write. Return: the number of
 * bytes copied; less than @len when the packet ends, or a token was refused.
 */
static inline unsigned
cursor_copy(struct cursor c, void *buf, unsigned len, bool write)
{
	unsigned done = 0;

	for (; c.segs && done < len; c.segs--, c.tok++, c.at = 0) {
		unsigned n = c.tok[0].len - c.at;
		uint8_t *p = baton_data(c.worker, c.tok[0]);

		if (!p)
			break;
		if (n > len - done)
			n = len - done;
		if (write)
			memcpy(p + c.at, (const uint8_t *)buf + done, n);
		else
			memcpy((uint8_t *)buf + done, p + c.at, n);
		done += n;
	}
	return done;
}

/* Return: whether all @len bytes were there. */
static inline bool
cursor_read(struct cursor c, void *buf, unsigned len)
{
	return cursor_copy(c, buf, len, false) == len;
}

static inline bool
cursor_write(struct cursor c, const void *buf, unsigned len)
{
	return cursor_copy(c, (void *)(uintptr_t)buf, len, true) == len;
}

/*
 * Exchange two neighbouring fields of @half bytes each (16 at most), @at bytes behind the cursor.
 * Return: false, and nothing is changed, when the packet ends before.
 */
static inline bool
cursor_swap(struct cursor c, unsigned at, unsigned half)
{
	uint8_t was[32], now[32];

	if (!cursor_skip(&c, at) || !cursor_read(c, was, 2 * half))
		return false;
	memcpy(now, was + half, half);
	memcpy(now + half, was, half);
	return cursor_write(c, now, 2 * half);
}

/*
 * Move the cursor from a packet's begin behind its Ethernet header and all VLAN tags. Return: the
 * type of what follows; 0 when the packet ends before.
 */
static inline unsigned
cursor_ethertype(struct cursor *c)
{
	uint8_t type[VLAN_TAG];
	unsigned next;

	if (!cursor_skip(c, 10))
		return 0;
	do {
		/* Two bytes, and before them those of the tag, or of the address. */
		if (!cursor_read(*c, type, sizeof(type)))
			return 0;
		cursor_skip(c, sizeof(type));
		next = get16(type + 2);
	} while (next == ETHERTYPE_VLAN || next == ETHERTYPE_QINQ);
	return next;
}

#endif
