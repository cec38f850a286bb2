/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Headers of packets: Ethernet, ARP, IPv4, IPv6, UDP, and checksums in software.
 *
 * baton_packet_headers() finds those of a packet that was received, with every length checked.
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

#include <baton/packet.h>

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

#define BATON_ARP_REQUEST 1u /* operation number of an ARP request */
#define BATON_ARP_REPLY   2u /* operation number of an ARP reply */

#define BATON_ETH_HLEN  14u /* bytes of an Ethernet header without VLAN tags */
#define BATON_ARP_LEN   28u /* bytes of an ARP packet for Ethernet and IPv4 */
#define BATON_IPV4_HLEN 20u /* bytes of an IPv4 header without options */
#define BATON_IPV6_HLEN 40u /* bytes of an IPv6 header without extensions */
#define BATON_UDP_HLEN  8u  /* bytes of a UDP header */

/**
 * Read a number of 16 bits in network byte order, at any address.
 *
 * @p: its 2 bytes.
 *
 * Thread: any thread.
 * Return: the number, of 16 bits; this function cannot fail.
 */
static inline uint16_t
baton_get_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/**
 * Read a number of 32 bits in network byte order, at any address.
 *
 * @p: its 4 bytes.
 *
 * Thread: any thread.
 * Return: the number, of 32 bits; this function cannot fail.
 */
static inline uint32_t
baton_get_be32(const uint8_t *p)
{
	return (uint32_t)baton_get_be16(p) << 16 | baton_get_be16(p + 2);
}

/** The headers of a packet. Offsets are from its first byte. */
struct baton_headers {
	/* BATON_PTYPE_*: what the packet is. A header that is cut, or that lies about its length,
	 * is not in it, and so is none behind such a one. */
	uint32_t ptype;
	uint32_t end;     /* offset behind the IP payload, or behind the datagram of UDP, in bytes:
			     padding may follow; without IP header: length of the packet */
	uint16_t type;    /* number of the Ethertype behind VLAN tags; 0: the packet is too short */
	uint16_t l3;      /* offset of what follows the Ethernet header and VLAN tags, in bytes */
	uint16_t l4;      /* offset of what follows the IP header with its options or extension
			     headers, in bytes; 0: no IP header */
	uint16_t payload; /* offset of what follows the TCP, UDP or SCTP header, in bytes; 0: no
			     such header */
	uint8_t proto;    /* protocol number of what follows the IP header; 0: no IP header */
	uint8_t tags;     /* number of VLAN tags, 2 at most */
	uint16_t reserved;
};

/* baton_packet_headers() for a struct of @size bytes. */
BATON_API int baton_packet_headers_(struct baton_worker *worker, const struct baton_token *tokens,
				    unsigned n, struct baton_headers *headers, size_t size);

/**
 * Find the headers of a packet, by its bytes.
 *
 * What is reported lies inside of the packet: an IPv4 header with its options, an IP payload as
 * long as the header has it, a UDP datagram as long as its header has it. Of ICMP only the offset
 * is known; end - l4 are its bytes. A header may lie in several buffers of the packet
 * (baton_packet_view(), baton_packet_linearize()).
 *
 * @worker:  the worker.
 * @tokens:  the packet.
 * @n:       number of its tokens.
 * @headers: receives the headers.
 *
 * Thread: the worker's thread.
 * Return: 0 on success, whatever the packet is; -EINVAL if there is no token, or @headers is NULL;
 * -EPERM if a token is refused, which is a violation.
 */
static inline int
baton_packet_headers(struct baton_worker *worker, const struct baton_token *tokens, unsigned n,
		     struct baton_headers *headers)
{
	return baton_packet_headers_(worker, tokens, n, headers, sizeof(*headers));
}

/**
 * Write an Ethernet header.
 *
 * The addresses may be those of the header that is replaced: an answer goes to @out + 6.
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
 * Write an ARP packet for Ethernet and IPv4 (RFC 826), which follows an Ethernet header.
 *
 * The addresses may be in the packet that is replaced: a reply goes to @out + 8.
 *
 * @out:    receives the packet.
 * @room:   bytes there.
 * @op:     number of the operation, BATON_ARP_REQUEST or BATON_ARP_REPLY.
 * @src:    Ethernet address of the sender, 6 bytes.
 * @src_ip: its IPv4 address as a number: 10.0.0.1 is 0x0a000001.
 * @dst:    Ethernet address of the target, 6 bytes; of a request NULL, as it is asked for.
 * @dst_ip: its IPv4 address as a number.
 *
 * Thread: any thread.
 * Return: BATON_ARP_LEN, the number of bytes written; 0 if @room is less, or @out or @src is NULL.
 */
BATON_API unsigned baton_arp_write(void *out, size_t room, uint16_t op, const uint8_t *src,
				   uint32_t src_ip, const uint8_t *dst, uint32_t dst_ip);

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
 * only, and so does a packet on a source route with further hops; a packet whose headers are cut,
 * or lie about its length, none. The bytes behind what the IP header counts are no part of it.
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

/**
 * Ask for the checksum of TCP, UDP or SCTP of a packet to send: the device fills it in where it
 * can, else Baton (BATON_OFFLOAD_TX_CSUM).
 *
 * The sum of the pseudo-header goes into the checksum's place, and what a device has to know into
 * the side record and the flags of the first token. The checksum of an IPv4 header is computed at
 * once. Headers are found as by baton_packet_checksum(), which does the whole for packets that are
 * not asked for here: ICMP and ICMPv6.
 *
 * @worker: the worker.
 * @tokens: the packet.
 * @n:      number of its tokens.
 *
 * Thread: the worker's thread.
 * Return: 1; 0 if the packet has no such checksum that could be asked for: another protocol, a
 * fragment, a source route with further hops, headers that are cut or lie; -EINVAL if there is no
 * token; -EPERM if a token is refused, which is a violation: nothing is changed then.
 */
BATON_API int baton_packet_request_checksum(struct baton_worker *worker, struct baton_token *tokens,
					    unsigned n);

#ifdef __cplusplus
}
#endif

#endif
