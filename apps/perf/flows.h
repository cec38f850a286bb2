/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Flows: which addresses, ports and VLANs packets have. Each field is a list of values and ranges;
 * a flow is one value of each, and all combinations are flows, unless fewer are asked for.
 */
#ifndef PERF_FLOWS_H
#define PERF_FLOWS_H

#include <stdbool.h>
#include <stdint.h>

#include "goal.h" /* WHY */

#define FIELD_SPANS  64         /* values and ranges of a list */
#define FLOWS_MAX    (1u << 20) /* flows of a direction */
#define FLOW_HEADERS 72         /* bytes of the longest headers, 70, rounded up */
#define FLOW_TAGS    2

enum field_kind { FIELD_ADDRESS, FIELD_PORT, FIELD_VLAN };

/* Values from @first to @last; @hi: the upper half of an IPv6 address, the same for all. */
struct span {
	uint64_t hi, first, last;
};

struct field {
	unsigned n;     /* spans; 0: the field was not given */
	uint64_t count; /* values of all spans */
	bool v6;        /* of FIELD_ADDRESS */
	struct span span[FIELD_SPANS];
};

/**
 * Read a list such as "10.0.0.1-10.0.0.9,10.1.0.1" or "1000-1999". A range of IPv6 addresses stays
 * within the lower 64 bits.
 *
 * Return: false: @why says which part of the text is wrong.
 */
bool field_parse(const char *what, const char *text, enum field_kind kind, struct field *field,
		 char why[WHY]);

struct flow_spec {
	struct field src, dst, sport, dport; /* none: the test addresses of RFC 2544 */
	struct field vlan, outer_vlan;       /* none: no tag; outer_vlan needs vlan */
	uint32_t flows;                      /* 0: all combinations */
	bool seeded; /* flows are drawn by @seed, not taken in their order */
	uint64_t seed;
};

/* The headers of one flow, as they are sent, with lengths and checksums of 0. */
struct flow {
	uint8_t header[FLOW_HEADERS]; /* zeros behind the headers */
	uint32_t udp_sum;             /* of the pseudo-header and the ports, in memory order */
	uint32_t ip_sum;              /* of the IPv4 header */
};

struct flows {
	bool v6;
	unsigned tags; /* VLAN tags */
	unsigned l3;   /* bytes in front of the IP header */
	unsigned l4;   /* bytes in front of the UDP header */
	unsigned len;  /* bytes of all headers */
	uint32_t n;
	struct flow *flow;
};

/**
 * Make the flows of a direction.
 *
 * @back: that from the second port to the first: sources and destinations are swapped.
 *
 * Return: false: @why says what is wrong with @spec, or that memory is short.
 */
bool flows_make(const struct flow_spec *spec, bool back, const uint8_t dst_mac[6],
		const uint8_t src_mac[6], struct flows *flows, char why[WHY]);
/** Release what flows_make() made. */
void flows_free(struct flows *flows);
/** Return: the smallest size of a packet with the headers of @flows, in bytes with FCS. */
unsigned flows_min_size(const struct flows *flows);

#endif
