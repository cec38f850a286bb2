/* SPDX-License-Identifier: BSD-3-Clause */
/* Headers and checksums, against published ones and against sums made byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <baton/baton.h>

#define MOST 2000u

static struct {
	struct baton_ctx *ctx;
	struct baton_pool *pool;
	struct baton_worker *worker;
	unsigned violations;
} b;

static void
on_violation(void *arg, const struct baton_violation *v)
{
	b.violations++;
}

static int
up(void **state)
{
	struct baton_ctx_config cc = { .size = sizeof(cc), .on_violation = on_violation };
	struct baton_worker_config wc = { .size = sizeof(wc), .cache_size = 64 };
	struct baton_pool_config pc;

	memset(&b, 0, sizeof(b));
	baton_pool_config_init(&pc);
	pc.count = 512;
	pc.page_size = BATON_PAGE_4K;
	assert_int_equal(baton_ctx_create(&cc, &b.ctx), 0);
	assert_int_equal(baton_pool_create(b.ctx, &pc, &b.pool), 0);
	assert_int_equal(baton_worker_create(b.ctx, &wc, &b.worker), 0);
	return 0;
}

static int
down(void **state)
{
	assert_int_equal(baton_worker_destroy(b.worker), 0);
	assert_int_equal(baton_pool_destroy(b.pool), 0);
	assert_int_equal(baton_ctx_destroy(b.ctx), 0);
	return 0;
}

/* ---- one byte after the other ---- */

static uint32_t
naive(uint32_t sum, const uint8_t *p, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static uint32_t
number(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

/* What TCP, UDP or ICMPv6 at @l4 of @len bytes sums up to with its checksum: all ones. */
static uint32_t
total(const uint8_t *ip, const uint8_t *l4, uint32_t len, uint8_t proto)
{
	const uint8_t rest[4] = { (uint8_t)(len >> 8), (uint8_t)len, 0, proto };
	uint32_t sum = naive(0, rest, 4);

	sum = ip[0] >> 4 == 6 ? naive(sum, ip + 8, 32) : naive(sum, ip + 12, 8);
	return naive(sum, l4, len);
}

/* ---- headers ---- */

static const uint8_t dst[6] = { 2, 0, 0, 0, 0, 1 }, src[6] = { 2, 0, 0, 0, 0, 2 };

static void
headers(void **state)
{
	/* Of a published example: 192.168.0.1 to 192.168.0.199, 95 bytes of UDP. */
	static const uint8_t ipv4[20] = {
		0x45, 0,    0,    0x73, 0,    0,    0x40, 0,    64,   17,
		0xb8, 0x61, 0xc0, 0xa8, 0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7
	};
	static const uint8_t from[16] = { 0x20, 1 }, to[16] = { 0x20, 2 };
	uint8_t out[64];

	memset(out, 0xee, sizeof(out));
	assert_int_equal(baton_ipv4_write(out, 20, 0xc0a80001, 0xc0a800c7, BATON_IP_UDP, 95, 64),
			 20);
	assert_memory_equal(out, ipv4, 20);
	assert_int_equal(baton_checksum(out, 20), 0);
	assert_int_equal(baton_ipv4_write(out, 19, 0, 0, 0, 0, 64), 0);
	assert_int_equal(baton_ipv4_write(out, 20, 0, 0, 0, 65516, 64), 0);
	assert_int_equal(baton_ipv4_write(out, 20, 0, 0, 0, 65515, 64), 20);
	assert_int_equal(number(out + 2), 65535);

	assert_int_equal(baton_eth_write(out, 13, dst, src, BATON_ETH_IPV4), 0);
	assert_int_equal(baton_eth_write(out, 14, dst, src, BATON_ETH_IPV6), 14);
	assert_memory_equal(out, dst, 6);
	assert_memory_equal(out + 6, src, 6);
	assert_int_equal(number(out + 12), 0x86dd);

	assert_int_equal(baton_ipv6_write(out, 39, from, to, BATON_IP_UDP, 8, 7), 0);
	assert_int_equal(baton_ipv6_write(out, 40, from, to, BATON_IP_UDP, 0x1234, 7), 40);
	assert_memory_equal(out, "\x60\0\0\0\x12\x34\x11\x07", 8);
	assert_memory_equal(out + 8, from, 16);
	assert_memory_equal(out + 24, to, 16);

	assert_int_equal(baton_udp_write(out, 7, 1, 2, 0), 0);
	assert_int_equal(baton_udp_write(out, 8, 1, 2, 65528), 0);
	assert_int_equal(baton_udp_write(out, 8, 0x1234, 0x5678, 0x100), 8);
	assert_memory_equal(out, "\x12\x34\x56\x78\x01\x08\0\0", 8);
	assert_int_equal(out[40], 0xee);
}

/* Headers of answers: the addresses are those of the packet that is replaced. */
static void
answers(void **state)
{
	uint8_t p[43], request[42] = "\xff\xff\xff\xff\xff\xff\2\0\0\0\0\1\x08\x06"
				     "\0\1\x08\0\6\4\0\1\2\0\0\0\0\1\12\0\0\1\0\0\0\0\0\0\12\0\0\2";
	const uint8_t us[6] = { 2, 0, 0, 0, 0, 9 };

	memset(p, 0xee, sizeof(p));
	assert_int_equal(baton_eth_write(p, 14, (const uint8_t *)"\xff\xff\xff\xff\xff\xff",
					 request + 6, BATON_ETH_ARP),
			 14);
	assert_int_equal(baton_arp_write(p + 14, 27, BATON_ARP_REQUEST, us, 1, NULL, 2), 0);
	assert_int_equal(baton_arp_write(p + 14, 28, BATON_ARP_REQUEST, request + 6, 0x0a000001,
					 NULL, 0x0a000002),
			 28);
	assert_memory_equal(p, request, 42);
	assert_int_equal(p[42], 0xee);
	assert_int_equal(baton_get_be16(p + 13), 0x0600);
	assert_int_equal(baton_get_be32(p + 28), 0x0a000001);

	baton_arp_write(p + 14, 28, BATON_ARP_REPLY, us, baton_get_be32(p + 38), p + 22,
			baton_get_be32(p + 28));
	baton_eth_write(p, 14, p + 6, us, BATON_ETH_ARP);
	assert_memory_equal(p, "\2\0\0\0\0\1\2\0\0\0\0\x09\x08\x06\0\1\x08\0\6\4\0\2", 22);
	assert_memory_equal(p + 22, "\2\0\0\0\0\x09\12\0\0\2\2\0\0\0\0\1\12\0\0\1", 20);
	baton_eth_write(p, 14, p + 6, p, BATON_ETH_ARP);
	assert_memory_equal(p, "\2\0\0\0\0\x09\2\0\0\0\0\1\x08\x06", 14);
}

static void
sums(void **state)
{
	static uint8_t big[3 * 1024 * 1024 + 1];
	uint16_t sum;
	uint32_t ref = 0;

	/* RFC 1071, section 3. */
	sum = baton_checksum("\x00\x01\xf2\x03\xf4\xf5\xf6\xf7", 8);
	assert_memory_equal(&sum, "\x22\x0d", 2);
	sum = baton_checksum("\xff", 1);
	assert_memory_equal(&sum, "\x00\xff", 2);
	assert_int_equal(baton_checksum(NULL, 5), 0xffff);
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (uint8_t)(i * 7 + (i >> 8));
	for (size_t i = 0; i < sizeof(big); i += 1 << 15)
		ref = naive(ref, big + i, sizeof(big) - i < 1 << 15 ? sizeof(big) - i : 1 << 15);
	sum = baton_checksum(big, sizeof(big));
	assert_int_equal(number((const uint8_t *)&sum), (uint16_t)~ref);
}

/* ---- packets ---- */

static uint32_t seed;

static uint32_t
below(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

struct made {
	uint8_t bytes[MOST];
	uint32_t len, ip, l4, l4_len, csum; /* offsets; csum 0: none */
	uint8_t proto;
	bool fragment;
};

static void
make(struct made *m)
{
	static const uint8_t protos[] = { BATON_IP_UDP, BATON_IP_TCP, BATON_IP_ICMP, 99 };
	const bool v6 = below(2);
	const unsigned tags = below(3), what = below(4);
	uint8_t *p = m->bytes, addresses[32];

	for (unsigned i = 0; i < MOST; i++)
		p[i] = (uint8_t)below(256);
	for (unsigned i = 0; i < 32; i++)
		addresses[i] = (uint8_t)below(256);
	m->proto = v6 && what == 2 ? BATON_IP_ICMP6 : protos[what];
	m->l4_len = (what == 1 ? 20 : 8) + below(1400);
	m->ip = 14 + 4 * tags;
	for (unsigned i = 0; i < tags; i++)
		memcpy(p + 12 + 4 * i, "\x81\x00\x00\x05", 4);
	memcpy(p + m->ip - 2, v6 ? "\x86\xdd" : "\x08\x00", 2);
	m->l4 = m->ip;
	m->l4 += v6 ? baton_ipv6_write(p + m->ip, 40, addresses, addresses + 16, m->proto,
				       (uint16_t)m->l4_len, 64)
		    : baton_ipv4_write(p + m->ip, 20, below(1u << 24), 0x0a000001, m->proto,
				       (uint16_t)m->l4_len, 64);
	m->fragment = !v6 && !below(8);
	if (m->fragment)
		memcpy(p + m->ip + 6, "\x20\x00", 2);
	if (!v6)
		memset(p + m->ip + 10, 0x55, 2); /* replaced */
	if (what == 0)
		baton_udp_write(p + m->l4, 8, 1, 2, (uint16_t)(m->l4_len - 8));
	if (what == 1)
		p[m->l4 + 12] = 0x50; /* TCP's header has 20 bytes */
	m->csum = m->fragment || what == 3 ? 0 : m->l4 + (what == 0 ? 6 : what == 1 ? 16 : 2);
	m->len = m->l4 + m->l4_len + (below(3) ? 0 : below(30)); /* padding */
}

/* The packet in buffers cut anywhere, some of them empty. */
static unsigned
cut(const struct made *m, struct baton_token *t)
{
	uint32_t at = 0;
	unsigned n = 0;

	while (at < m->len) {
		uint32_t part = n < 30 ? below(below(2) ? 9 : 700) : m->len - at;

		part = part < m->len - at ? part : m->len - at;
		part = part < 2048 ? part : 2048;
		assert_int_equal(baton_alloc(b.worker, b.pool, &t[n], 1), 1);
		t[n].len = (uint16_t)part;
		t[n].flags = BATON_TOKEN_CONT;
		memcpy(baton_data(b.worker, t[n]), m->bytes + at, part);
		at += part;
		n++;
	}
	t[n ? n - 1 : 0].flags = 0;
	return n;
}

static void
check_headers(const struct made *m, const struct baton_token *t, unsigned n)
{
	static const uint16_t l4_type[] = { [BATON_IP_ICMP] = BATON_PTYPE_L4_ICMP,
					    [BATON_IP_TCP] = BATON_PTYPE_L4_TCP,
					    [BATON_IP_UDP] = BATON_PTYPE_L4_UDP,
					    [BATON_IP_ICMP6] = BATON_PTYPE_L4_ICMP,
					    [99] = BATON_PTYPE_L4_OTHER };
	const bool v6 = m->bytes[m->ip] >> 4 == 6;
	struct baton_headers h;

	memset(&h, 0xee, sizeof(h));
	assert_int_equal(baton_packet_headers(b.worker, t, n, &h), 0);
	assert_int_equal(h.type, v6 ? BATON_ETH_IPV6 : BATON_ETH_IPV4);
	assert_int_equal(h.l3, m->ip);
	assert_int_equal(h.tags, (m->ip - 14) / 4);
	assert_int_equal(h.l4, m->l4);
	assert_int_equal(h.end, m->l4 + m->l4_len);
	assert_int_equal(h.proto, m->proto);
	assert_int_equal(h.ptype & BATON_PTYPE_L3_MASK,
			 v6 ? BATON_PTYPE_L3_IPV6 : BATON_PTYPE_L3_IPV4);
	assert_int_equal(h.ptype & BATON_PTYPE_L4_MASK,
			 m->fragment ? BATON_PTYPE_L4_FRAG : l4_type[m->proto]);
	if (!m->fragment && m->proto == BATON_IP_UDP)
		assert_int_equal(h.payload, m->l4 + 8);
	else if (!m->fragment && m->proto == BATON_IP_TCP)
		assert_int_equal(h.payload, m->l4 + 20);
	else
		assert_int_equal(h.payload, 0);
	assert_int_equal(h.reserved, 0);
}

/* What is asked for, and what a device makes of it. */
static void
check_request(const struct made *m)
{
	const bool asked = m->csum && m->proto != BATON_IP_ICMP && m->proto != BATON_IP_ICMP6;
	struct baton_token t[32];
	struct baton_side *side;
	uint8_t out[MOST];
	uint32_t at = 0;
	unsigned n = cut(m, t);

	assert_int_equal(baton_packet_request_checksum(b.worker, t, n), asked);
	assert_int_equal(baton_token_l4_csum(t[0]), asked ? BATON_CSUM_PARTIAL : 0);
	for (unsigned k = 0; k < n; at += t[k].len, k++)
		memcpy(out + at, baton_data(b.worker, t[k]), t[k].len);
	if (m->bytes[m->ip] >> 4 == 4)
		assert_int_equal(naive(0, out + m->ip, 20), 0xffff);
	if (asked) {
		uint16_t value = (uint16_t)~naive(0, out + m->l4, m->l4_len);

		assert_true(t[0].flags & BATON_TOKEN_SIDE);
		side = baton_side(b.worker, t[0]);
		assert_int_equal(side->valid, BATON_SIDE_CSUM);
		assert_int_equal(side->l2_len, m->ip);
		assert_int_equal(side->l2_len + side->l3_len, m->l4);
		assert_int_equal(m->l4 + side->csum_offset, m->csum);
		out[m->csum] = (uint8_t)(value >> 8);
		out[m->csum + 1] = (uint8_t)value;
		assert_int_equal(total(out + m->ip, out + m->l4, m->l4_len, m->proto), 0xffff);
	}
	assert_int_equal(baton_free(b.worker, t, n), 0);
}

static void
packets(void **state)
{
	static struct made m;
	unsigned zeros = 0;

	seed = 1;
	for (unsigned i = 0; i < 20000; i++) {
		struct baton_token t[32];
		uint8_t out[MOST];
		uint32_t at = 0, l4;
		unsigned n;
		bool v4;

		make(&m);
		n = cut(&m, t);
		v4 = m.bytes[m.ip] >> 4 == 4;
		check_headers(&m, t, n);
		assert_int_equal(baton_packet_checksum(b.worker, t, n), v4 + (m.csum != 0));
		for (unsigned k = 0; k < n; at += t[k].len, k++)
			memcpy(out + at, baton_data(b.worker, t[k]), t[k].len);
		if (v4)
			assert_int_equal(naive(0, out + m.ip, 20), 0xffff);
		if (m.csum) {
			l4 = m.proto == BATON_IP_ICMP
				     ? naive(0, out + m.l4, m.l4_len)
				     : total(out + m.ip, out + m.l4, m.l4_len, m.proto);
			assert_int_equal(l4, 0xffff);
			assert_true(m.proto != BATON_IP_UDP || number(out + m.csum));
			zeros += number(out + m.csum) == 0xffff;
		}
		/* Nothing else was changed. */
		if (v4)
			memcpy(out + m.ip + 10, m.bytes + m.ip + 10, 2);
		if (m.csum)
			memcpy(out + m.csum, m.bytes + m.csum, 2);
		assert_memory_equal(out, m.bytes, m.len);
		assert_int_equal(baton_free(b.worker, t, n), 0);
		check_request(&m);
	}
	print_message("20000 packets, %u with a checksum of 0xffff\n", zeros);
	assert_int_equal(b.violations, 0);
}

/* UDP of a sum that is 0 has the other zero. */
static void
udp_zero(void **state)
{
	static struct made m;
	struct baton_token t;
	uint8_t *p;

	assert_int_equal(baton_alloc(b.worker, b.pool, &t, 1), 1);
	t.len = 44;
	p = baton_data(b.worker, t);
	memset(m.bytes, 0, sizeof(m.bytes));
	baton_eth_write(p, 14, dst, src, BATON_ETH_IPV4);
	baton_ipv4_write(p + 14, 30, 0, 0, BATON_IP_UDP, 10, 64);
	baton_udp_write(p + 34, 10, 0, 0, 2);
	/* 17 + 10 + 10 and this are all ones. */
	memcpy(p + 42, "\xff\xda", 2);
	assert_int_equal(baton_packet_checksum(b.worker, &t, 1), 2);
	assert_int_equal(number(p + 40), 0xffff);
	assert_int_equal(baton_free(b.worker, &t, 1), 0);
}

/* A side record that says more stays; SCTP has no pseudo-header; a route leads elsewhere. */
static void
requests(void **state)
{
	static const uint8_t route[] = { 131, 7, 4, 10, 9, 9, 9, 0 };
	struct baton_token t;
	struct baton_side *side;
	uint8_t *p;

	assert_int_equal(baton_alloc(b.worker, b.pool, &t, 1), 1);
	t.len = 54;
	p = baton_data(b.worker, t);
	memset(p, 0, t.len);
	baton_eth_write(p, 14, dst, src, BATON_ETH_IPV4);
	baton_ipv4_write(p + 14, 40, 1, 2, 132, 20, 64);
	t.flags = BATON_TOKEN_SIDE;
	side = baton_side(b.worker, t);
	side->valid = BATON_SIDE_VLAN;
	side->vlan_tci = 7;
	assert_int_equal(baton_packet_request_checksum(b.worker, &t, 1), 1);
	assert_int_equal(side->valid, BATON_SIDE_VLAN | BATON_SIDE_CSUM);
	assert_int_equal(side->csum_offset, 8);
	assert_int_equal(number(p + 42), 0);
	assert_int_equal(side->vlan_tci, 7);
	/* The same bytes as UDP with options. */
	t.flags = 0;
	p[14] = 0x47;
	p[23] = BATON_IP_UDP;
	memcpy(p + 34, route, sizeof(route));
	baton_udp_write(p + 42, 12, 1, 2, 4);
	assert_int_equal(baton_packet_request_checksum(b.worker, &t, 1), 0);
	assert_int_equal(baton_packet_checksum(b.worker, &t, 1), 1);
	assert_int_equal(number(p + 48), 0);
	p[36] = 8; /* the pointer is behind the only hop: it has arrived */
	assert_int_equal(baton_packet_request_checksum(b.worker, &t, 1), 1);
	assert_int_equal(baton_packet_checksum(b.worker, &t, 1), 2);
	assert_int_equal(baton_free(b.worker, &t, 1), 0);
	assert_int_equal(baton_packet_request_checksum(b.worker, NULL, 1), -EINVAL);
	assert_int_equal(b.violations, 0);
}

/* Cut headers, lies about lengths, no IP: nothing is stored, nothing is read beyond. */
static void
bad_packets(void **state)
{
	struct baton_headers h;
	static struct made m;
	unsigned found = 0;

	seed = 7;
	for (unsigned i = 0; i < 20000; i++) {
		struct baton_token t[32];
		unsigned n;

		make(&m);
		m.len = below(2) ? 1 + below(80) : m.len;
		for (unsigned k = below(4); k-- > 0;)
			m.bytes[below(60)] = (uint8_t)below(256);
		n = cut(&m, t);
		assert_int_equal(baton_packet_headers(b.worker, t, n, &h), 0);
		assert_true(h.l3 <= h.end && h.l4 <= h.end && h.payload <= h.end);
		assert_true(h.end <= m.len && (!h.l4 || h.l3 + 20 <= h.l4));
		assert_int_equal(!h.l4, !(h.ptype & BATON_PTYPE_L3_MASK));
		assert_true(!h.payload || h.l4 + 8 <= h.payload);
		found += h.payload != 0;
		assert_in_range(baton_packet_checksum(b.worker, t, n), 0, 2);
		assert_in_range(baton_packet_request_checksum(b.worker, t, n), 0, 1);
		assert_int_equal(baton_free(b.worker, t, n), 0);
	}
	/* Cut: as it was. */
	seed = 9;
	for (unsigned i = 0; i < 100; i++) {
		struct baton_token t[32];
		unsigned n;

		make(&m);
		m.len = m.ip + 10;
		n = cut(&m, t);
		assert_int_equal(baton_packet_headers(b.worker, t, n, &h), 0);
		assert_int_equal(h.ptype & ~BATON_PTYPE_L2_MASK, 0);
		assert_int_equal(h.end, m.len);
		assert_int_equal(baton_packet_checksum(b.worker, t, n), 0);
		assert_int_equal(baton_free(b.worker, t, n), 0);
	}
	assert_in_range(found, 100, 19900);
	assert_int_equal(baton_packet_headers(b.worker, NULL, 1, &h), -EINVAL);
	assert_int_equal(b.violations, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, up, down)

int
main(void)
{
	const struct CMUnitTest tests[] = { T(headers),  T(answers),  T(sums),       T(packets),
					    T(udp_zero), T(requests), T(bad_packets) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
