/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bytes of packets, which are big-endian and at any address; and the Internet checksum (RFC 1071).
 */
#ifndef TESTPMD_PACKET_H
#define TESTPMD_PACKET_H

#include <stdint.h>
#include <string.h>

#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_ARP  0x0806
#define ETHERTYPE_VLAN 0x8100
#define ETHERTYPE_IPV6 0x86dd
#define ETHERTYPE_QINQ 0x88a8
#define PROTO_ICMP     1
#define PROTO_TCP      6
#define PROTO_UDP      17
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

#endif
