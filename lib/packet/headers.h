/* SPDX-License-Identifier: BSD-3-Clause */
/* The headers of a packet, found by software. A packet is a stranger's: every length is bounded. */
#ifndef BATON_PACKET_HEADERS_H
#define BATON_PACKET_HEADERS_H

#include <stdbool.h>
#include <stdint.h>

#define HEADERS_MOST 256u /* bytes of a packet that are looked at */

enum { PROTO_ICMP = 1, PROTO_TCP = 6, PROTO_UDP = 17, PROTO_ICMP6 = 58, PROTO_SCTP = 132 };

struct headers {
	uint16_t tci[2]; /* of the outer tags, in their order */
	uint16_t tpid;   /* Ethertype of the outer tag */
	uint16_t type;   /* Ethertype behind the tags */
	uint8_t tags;    /* VLAN tags, two at most */
	uint8_t ip;      /* 4, 6, or 0: none, or one that is cut or lies */
	uint8_t proto;   /* behind the IP header */
	bool arp;
	bool options;    /* of IPv4, or extension headers of IPv6 */
	bool fragment;   /* l4 is not there, or only its beginning */
	bool routed;     /* a source route, or a routing header, has further destinations */
	uint16_t l2_len; /* with tags */
	uint16_t l3_len; /* of the IP header; `ip` */
	uint32_t end;    /* offset behind the IP payload, in the packet */
	bool l4;         /* the header of TCP, UDP or SCTP is there as a whole */
	uint16_t l4_len; /* then: its length */
};

static inline uint16_t
get_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline void
put_be16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline uint32_t
get_be32(const uint8_t *p)
{
	return (uint32_t)get_be16(p) << 16 | get_be16(p + 2);
}

static inline void
put_be32(uint8_t *p, uint32_t v)
{
	put_be16(p, v >> 16);
	put_be16(p + 2, v);
}

/**
 * Find the headers of a packet of @len bytes, whose first @have bytes are at @p: at least
 * HEADERS_MOST, or all.
 */
void headers_find(const uint8_t *p, uint32_t have, uint32_t len, struct headers *h);

struct baton_token;
struct baton_worker;

/**
 * The same of a packet of @n tokens, which the worker holds. @what: the public call, for errors.
 *
 * @scratch: for headers that lie in several buffers.
 * @p:       receives where the packet's first bytes are: there or in its first buffer.
 *
 * Return: 0; -EINVAL if there is no token; -EPERM if the worker or a token is refused.
 */
int headers_of_packet(struct baton_worker *worker, const struct baton_token *tokens, unsigned n,
		      const char *what, uint8_t scratch[HEADERS_MOST], const uint8_t **p,
		      struct headers *h);

/**
 * Read an IP header of exactly @len bytes, 20 at least, with options or extension headers. Return:
 * 4 or 6; 0: it is none, or that of a fragment. *proto: what follows. *plain: there is no source
 * route with further hops, and no routing or fragment header, so each segment may have a copy of
 * it, and its destination is the last one.
 */
uint8_t headers_ip(const uint8_t *p, uint32_t len, uint8_t *proto, bool *plain);

/** Its packet type: BATON_PTYPE_*. */
uint32_t headers_ptype(const struct headers *h);

#endif
