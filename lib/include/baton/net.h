/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Headers of packets: Ethernet, IPv4, IPv6, UDP, and checksums in software.
 *
 * A packet is written from its first header on, each function returning the bytes of its own:
 *
 *	p = baton_data(worker, token);
 *	at = baton_eth_write(p, room, dst, src, BATON_ETH_IPV4);
 *	at += baton_ipv4_write(p + at, room - at, from, to, BATON_IP_UDP,
 *			       8 + payload, 64);
 *	at += baton_udp_write(p + at, room - at, 1000, 2000, payload);
 *
 * and when the payload is there, too, baton_packet_checksum().
 */
#ifndef BATON_NET_H
#define BATON_NET_H

#include <baton/pool.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BATON_ETH_IPV4 0x0800u /* Ethertype number of IPv4 */
#define BATON_ETH_ARP  0x0806u /* Ethertype number of ARP */
#define BATON_ETH_IPV6 0x86ddu /* Ethertype number of IPv6 */

#define BATON_IP_ICMP  1u  /* IP protocol number of ICMP */
#define BATON_IP_TCP   6u  /* IP protocol number of TCP */
#define BATON_IP_UDP   17u /* IP protocol number of UDP */
#define BATON_IP_ICMP6 58u /* IP protocol number of ICMPv6 */

#define BATON_ETH_HLEN  14u /* bytes of an Ethernet header without VLAN tags */
#define BATON_IPV4_HLEN 20u /* bytes of an IPv4 header without options */
#define BATON_IPV6_HLEN 40u /* bytes of an IPv6 header without extensions */
#define BATON_UDP_HLEN  8u  /* bytes of a UDP header */

/**
 * Write an Ethernet header.
 *
 * @out:  receives the header.
 * @room: bytes there.
 * @dst:  destination address, 6 bytes.
 * @src:  source address, 6 bytes.
 * @type: Ethertype, BATON_ETH_* or another number.
 *
 * Thread: any thread.
 * Return: BATON_ETH_HLEN, the number of bytes written; 0 if @room is less or a pointer is NULL.
 */
BATON_API unsigned baton_eth_write(void *out, size_t room, const uint8_t *dst, const uint8_t *src,
				   uint16_t type);

/**
 * Write an IPv4 header without options, its checksum included.
 *
 * The packet may not be fragmented, so its ID is 0 (RFC 6864, section 4.1).
 *
 * @out:     receives the header.
 * @room:    bytes there.
 * @src:     source address as a number: 10.0.0.1 is 0x0a000001.
 * @dst:     destination address as a number.
 * @proto:   protocol of what follows, BATON_IP_* or another number.
 * @payload: bytes that follow the header, 65,515 at most.
 * @ttl:     number of routers that it may pass.
 *
 * Thread: any thread.
 * Return: BATON_IPV4_HLEN, the number of bytes written; 0 if @room is less, @payload is more, or
 * @out is NULL.
 */
BATON_API unsigned baton_ipv4_write(void *out, size_t room, uint32_t src, uint32_t dst,
				    uint8_t proto, uint16_t payload, uint8_t ttl);

/**
 * Write an IPv6 header.
 *
 * @out:     receives the header.
 * @room:    bytes there.
 * @src:     source address, 16 bytes.
 * @dst:     destination address, 16 bytes.
 * @proto:   protocol of what follows, BATON_IP_* or another number.
 * @payload: bytes that follow the header.
 * @ttl:     number of routers that it may pass (its hop limit).
 *
 * Thread: any thread.
 * Return: BATON_IPV6_HLEN, the number of bytes written; 0 if @room is less or a pointer is NULL.
 */
BATON_API unsigned baton_ipv6_write(void *out, size_t room, const uint8_t *src, const uint8_t *dst,
				    uint8_t proto, uint16_t payload, uint8_t ttl);

/**
 * Write a UDP header. Its checksum is 0, which says that there is none; IPv6 needs one
 * (baton_packet_checksum()).
 *
 * @out:     receives the header.
 * @room:    bytes there.
 * @sport:   number of the source port.
 * @dport:   number of the destination port.
 * @payload: bytes that follow the header, 65,527 at most.
 *
 * Thread: any thread.
 * Return: BATON_UDP_HLEN, the number of bytes written; 0 if @room is less, @payload is more, or
 * @out is NULL.
 */
BATON_API unsigned baton_udp_write(void *out, size_t room, uint16_t sport, uint16_t dport,
				   uint16_t payload);

/**
 * Compute the Internet checksum of bytes (RFC 1071), as it is stored: by memcpy(), not as a number.
 *
 * Over bytes that have a right checksum among them it is 0.
 *
 * @data: the bytes.
 * @len:  number of bytes.
 *
 * Thread: any thread.
 * Return: the checksum, 16 bits in network byte order; 0xffff if @data is NULL.
 */
BATON_API uint16_t baton_checksum(const void *data, size_t len);

/**
 * Compute and store the checksums of a packet: that of its IPv4 header, and that of UDP, TCP, ICMP
 * or ICMPv6.
 *
 * The headers are found in the packet, behind up to two VLAN tags, IPv4 options and IPv6 extension
 * headers. Whatever the checksum fields have is replaced. A fragment gets that of its IPv4 header
 * only; a packet whose headers are cut, or lie about its length, none. The bytes behind what the IP
 * header counts are no part of it.
 *
 * @worker: the worker.
 * @tokens: the packet.
 * @n:      number of its tokens.
 *
 * Thread: the worker's thread.
 * Return: the number of checksums stored, 0 to 2; -EINVAL if there is no token; -EPERM if a token
 * is refused, which is a violation: nothing is changed then.
 */
BATON_API int baton_packet_checksum(struct baton_worker *worker, const struct baton_token *tokens,
				    unsigned n);

#ifdef __cplusplus
}
#endif

#endif
