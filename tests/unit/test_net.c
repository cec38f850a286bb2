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

/* Cut headers, lies about lengths, no IP: nothing is stored, nothing is read beyond. */
static void
bad_packets(void **state)
{
	static struct made m;

	seed = 7;
	for (unsigned i = 0; i < 20000; i++) {
		struct baton_token t[32];
		unsigned n;

		make(&m);
		m.len = 1 + below(80);
		for (unsigned k = below(4); k-- > 0;)
			m.bytes[below(60)] = (uint8_t)below(256);
		n = cut(&m, t);
		assert_in_range(baton_packet_checksum(b.worker, t, n), 0, 2);
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
		assert_int_equal(baton_packet_checksum(b.worker, t, n), 0);
		assert_int_equal(baton_free(b.worker, t, n), 0);
	}
	assert_int_equal(b.violations, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, up, down)

int
main(void)
{
	const struct CMUnitTest tests[] = { T(headers), T(sums), T(packets), T(udp_zero),
					    T(bad_packets) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
