/* SPDX-License-Identifier: BSD-3-Clause */
#include "flows.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <baton/net.h>

#define ETH_VLAN 0x8100u
#define ETH_QINQ 0x88a8u

/* ---- lists ---- */

static const struct {
	const char *name, *example;
	uint64_t min, max;
} kinds[] = {
	[FIELD_ADDRESS] = { "IPv4 or IPv6 address", "198.18.0.1-198.18.0.254", 0, UINT64_MAX },
	[FIELD_PORT] = { "UDP port", "1024-65535", 0, 65535 },
	[FIELD_VLAN] = { "VLAN", "100-199", 1, 4094 },
};

static uint64_t
get_be64(const uint8_t *p)
{
	return (uint64_t)baton_get_be32(p) << 32 | baton_get_be32(p + 4);
}

static bool
address_parse(const char *text, bool *v6, uint64_t *hi, uint64_t *lo)
{
	uint8_t b[16];

	*v6 = strchr(text, ':');
	*hi = 0;
	if (inet_pton(*v6 ? AF_INET6 : AF_INET, text, b) != 1)
		return false;
	if (*v6)
		*hi = get_be64(b);
	*lo = *v6 ? get_be64(b + 8) : baton_get_be32(b);
	return true;
}

static bool
value_parse(const char *text, enum field_kind kind, bool *v6, uint64_t *hi, uint64_t *value)
{
	*v6 = false;
	*hi = 0;
	if (kind == FIELD_ADDRESS)
		return address_parse(text, v6, hi, value);
	if (!*text || strlen(text) > 5 || strspn(text, "0123456789") != strlen(text))
		return false;
	*value = strtoull(text, NULL, 10);
	return *value >= kinds[kind].min && *value <= kinds[kind].max;
}

/* One value, or two with a dash between them. */
static bool
span_parse(const char *what, char *part, enum field_kind kind, struct field *f, char why[WHY])
{
	char *dash = strchr(part, '-');
	struct span s;
	bool v6, v6_last;
	uint64_t hi;

	if (dash)
		*dash++ = 0;
	if (!value_parse(part, kind, &v6, &s.hi, &s.first) ||
	    (dash && !value_parse(dash, kind, &v6_last, &hi, &s.last))) {
		const char *bad = value_parse(part, kind, &v6, &s.hi, &s.first) ? dash : part;

		snprintf(why, WHY,
			 "%s: \"%.60s\" is no %s%s; write a list of them and of ranges, "
			 "as %s",
			 what, bad, kinds[kind].name,
			 kind == FIELD_PORT   ? " from 0 to 65535"
			 : kind == FIELD_VLAN ? " from 1 to 4094"
					      : "",
			 kinds[kind].example);
		return false;
	}
	if (!dash) {
		s.last = s.first;
	} else if (v6_last != v6 || hi != s.hi || s.last < s.first) {
		snprintf(why, WHY, "%s: the range %.60s-%.60s %s", what, part, dash,
			 v6_last != v6 ? "goes from IPv4 to IPv6"
			 : hi != s.hi  ? "is too large: only the lower 64 bits of IPv6 addresses "
					 "may differ"
				       : "is empty: its last value is below its first");
		return false;
	}
	if (f->n && f->v6 != v6) {
		snprintf(why, WHY, "%s: a list has either IPv4 or IPv6 addresses", what);
		return false;
	}
	f->v6 = v6;
	f->count += s.last - s.first + 1;
	if (f->count > UINT32_MAX || s.last - s.first >= UINT32_MAX)
		f->count = UINT32_MAX; /* more flows than that there are never */
	f->span[f->n++] = s;
	return true;
}

bool
field_parse(const char *what, const char *text, enum field_kind kind, struct field *field,
	    char why[WHY])
{
	const char *at = text;
	char part[128];

	*field = (struct field){ .n = 0 };
	for (;;) {
		size_t len = strcspn(at, ",");

		if (field->n == FIELD_SPANS || len >= sizeof(part)) {
			snprintf(why, WHY,
				 "%s: a list has at most %u values and ranges of at most %zu "
				 "letters",
				 what, FIELD_SPANS, sizeof(part) - 1);
			return false;
		}
		snprintf(part, sizeof(part), "%.*s", (int)len, at);
		if (!span_parse(what, part, kind, field, why))
			return false;
		if (!at[len])
			return true;
		at += len + 1;
	}
}

/* The value at position @i of a list; of IPv6 the lower half. */
static uint64_t
value_at(const struct field *f, uint64_t i, uint64_t *hi)
{
	*hi = 0;
	for (unsigned k = 0; k < f->n; k++) {
		uint64_t most = f->span[k].last - f->span[k].first;

		*hi = f->span[k].hi;
		if (i <= most)
			return f->span[k].first + i;
		i -= most + 1;
	}
	return f->span[0].first;
}

/* ---- headers ---- */

static uint8_t *
put16(uint8_t *p, uint64_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
	return p + 2;
}

static void
put_address(uint8_t *p, bool v6, uint64_t hi, uint64_t lo)
{
	if (v6)
		for (unsigned i = 0; i < 4; i++)
			p = put16(p, hi >> (48 - 16 * i));
	for (unsigned i = v6 ? 0 : 2; i < 4; i++)
		p = put16(p, lo >> (48 - 16 * i));
}

/* The sum of 16-bit words as they lie in memory; @len is even. */
static uint32_t
words(const uint8_t *p, unsigned len)
{
	uint32_t sum = 0;

	for (unsigned i = 0; i < len; i += 2) {
		uint16_t w;

		memcpy(&w, p + i, 2);
		sum += w;
	}
	return sum;
}

static uint32_t
fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

/* Positions in the lists of a flow. */
struct pick {
	uint64_t src, dst, sport, dport, vlan, outer;
};

static uint8_t *
put_tag(uint8_t *p, const struct field *f, uint64_t at, unsigned type)
{
	uint64_t hi;

	p = put16(p, type);
	return put16(p, value_at(f, at, &hi));
}

static void
flow_write(const struct flows *fl, const struct flow_spec *s, const struct pick *at, bool back,
	   struct flow *flow)
{
	uint8_t *p = flow->header + 12, *ip = flow->header + fl->l3, *udp = flow->header + fl->l4;
	unsigned bytes = fl->v6 ? 16 : 4;
	uint8_t a[2][16];
	uint64_t hi, lo, port[2];

	if (s->outer_vlan.n)
		p = put_tag(p, &s->outer_vlan, at->outer, ETH_QINQ);
	if (s->vlan.n)
		p = put_tag(p, &s->vlan, at->vlan, ETH_VLAN);
	put16(p, fl->v6 ? BATON_ETH_IPV6 : BATON_ETH_IPV4);
	lo = value_at(&s->src, at->src, &hi);
	put_address(a[back], fl->v6, hi, lo);
	lo = value_at(&s->dst, at->dst, &hi);
	put_address(a[!back], fl->v6, hi, lo);
	port[back] = value_at(&s->sport, at->sport, &hi);
	port[!back] = value_at(&s->dport, at->dport, &hi);
	if (fl->v6) {
		baton_ipv6_write(ip, 40, a[0], a[1], BATON_IP_UDP, 0, 64);
	} else {
		baton_ipv4_write(ip, 20, baton_get_be32(a[0]), baton_get_be32(a[1]), BATON_IP_UDP,
				 0, 64);
		put16(ip + 2, 0);
		put16(ip + 10, 0);
		flow->ip_sum = words(ip, 20);
	}
	put16(udp, port[0]);
	put16(udp + 2, port[1]);
	/* The protocol number of the pseudo-header stands in the low byte of a word. */
	flow->udp_sum = fold(words(a[0], bytes) + words(a[1], bytes) + words(udp, 4) +
			     words((const uint8_t[]){ 0, BATON_IP_UDP }, 2));
}

/* ---- which flows ---- */

/* splitmix64: a number of 64 bits for each state, all of them different. */
static uint64_t
draw(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* Take the digit of a list off @rest. */
static uint64_t
digit(uint64_t *rest, const struct field *f)
{
	uint64_t n = f->n ? f->count : 1, d = *rest % n;

	*rest /= n;
	return d;
}

static struct pick
pick_nth(const struct flow_spec *s, uint64_t nth)
{
	struct pick p;

	p.sport = digit(&nth, &s->sport);
	p.dst = digit(&nth, &s->dst);
	p.src = digit(&nth, &s->src);
	p.dport = digit(&nth, &s->dport);
	p.vlan = digit(&nth, &s->vlan);
	p.outer = digit(&nth, &s->outer_vlan);
	return p;
}

static struct pick
pick_drawn(const struct flow_spec *s, uint64_t *state)
{
	struct pick p = { 0 };

	p.sport = draw(state) % s->sport.count;
	p.dst = draw(state) % s->dst.count;
	p.src = draw(state) % s->src.count;
	p.dport = draw(state) % s->dport.count;
	if (s->vlan.n)
		p.vlan = draw(state) % s->vlan.count;
	if (s->outer_vlan.n)
		p.outer = draw(state) % s->outer_vlan.count;
	return p;
}

/* Combinations of all lists; at most 2^32. */
static uint64_t
combinations(const struct flow_spec *s)
{
	const struct field *all[] = { &s->src,   &s->dst,  &s->sport,
				      &s->dport, &s->vlan, &s->outer_vlan };
	uint64_t n = 1;

	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i]->n && n <= UINT32_MAX)
			n *= all[i]->count;
	return n <= UINT32_MAX ? n : (uint64_t)UINT32_MAX + 1;
}

/* RFC 2544, appendix C: its networks for tests, and the echo port; RFC 5180 for IPv6. */
static void
complete(struct flow_spec *s)
{
	bool v6 = (s->src.n && s->src.v6) || (s->dst.n && s->dst.v6);
	char why[WHY];

	if (!s->src.n)
		field_parse("", v6 ? "2001:2::1" : "198.18.0.1", FIELD_ADDRESS, &s->src, why);
	if (!s->dst.n)
		field_parse("", v6 ? "2001:2:0:8000::1" : "198.19.0.1", FIELD_ADDRESS, &s->dst,
			    why);
	if (!s->sport.n)
		field_parse("", "49184", FIELD_PORT, &s->sport, why);
	if (!s->dport.n)
		field_parse("", "7", FIELD_PORT, &s->dport, why);
}

static bool
spec_check(const struct flow_spec *s, uint64_t all, uint64_t *n, char why[WHY])
{
	if (s->src.v6 != s->dst.v6)
		snprintf(why, WHY,
			 "--src and --dst: one is IPv4 and the other IPv6; packets have "
			 "either");
	else if (s->outer_vlan.n && !s->vlan.n)
		snprintf(why, WHY,
			 "--outer-vlan is the first of two tags, and wants the second one: "
			 "give --vlan, too");
	else if (!s->flows && all > FLOWS_MAX)
		snprintf(why, WHY,
			 "the lists have %s%" PRIu64 " combinations, and at most %u flows are "
			 "sent: say how many by --flows=N, and --seed=N to draw them",
			 all > UINT32_MAX ? "at least " : "", all, FLOWS_MAX);
	else if (s->flows > all && !s->seeded)
		snprintf(why, WHY,
			 "--flows=%u: the lists of addresses, ports and VLANs have only %" PRIu64
			 " combinations",
			 s->flows, all);
	else {
		*n = s->flows ? s->flows : all;
		return true;
	}
	return false;
}

bool
flows_make(const struct flow_spec *given, bool back, const uint8_t dst_mac[6],
	   const uint8_t src_mac[6], struct flows *fl, char why[WHY])
{
	struct flow_spec s = *given;
	uint64_t n, state = s.seed;

	*fl = (struct flows){ .n = 0 };
	complete(&s);
	if (!spec_check(&s, combinations(&s), &n, why))
		return false;
	fl->v6 = s.src.v6;
	fl->tags = (s.vlan.n != 0) + (s.outer_vlan.n != 0);
	fl->l3 = BATON_ETH_HLEN + 4 * fl->tags;
	fl->l4 = fl->l3 + (fl->v6 ? BATON_IPV6_HLEN : BATON_IPV4_HLEN);
	fl->len = fl->l4 + BATON_UDP_HLEN;
	fl->flow = calloc(n, sizeof(*fl->flow));
	if (!fl->flow) {
		snprintf(why, WHY, "there is no memory for %" PRIu64 " flows", n);
		return false;
	}
	fl->n = (uint32_t)n;
	for (uint32_t i = 0; i < fl->n; i++) {
		struct pick at = s.seeded ? pick_drawn(&s, &state) : pick_nth(&s, i);

		memcpy(fl->flow[i].header, dst_mac, 6);
		memcpy(fl->flow[i].header + 6, src_mac, 6);
		flow_write(fl, &s, &at, back, &fl->flow[i]);
	}
	return true;
}

void
flows_free(struct flows *fl)
{
	free(fl->flow);
	fl->flow = NULL;
	fl->n = 0;
}

unsigned
flows_min_size(const struct flows *fl)
{
	return (fl->v6 ? 78 : 64) + 4 * fl->tags;
}
