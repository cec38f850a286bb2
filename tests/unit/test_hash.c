/* SPDX-License-Identifier: BSD-3-Clause */
/* Toeplitz hashes against the published vectors, CRC32C against RFC 3720, B.4. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include <baton/baton.h>

/* "Verifying the RSS Hash Calculation", Microsoft: addresses and ports of both ends, the hash with
 * ports and without. */
static const struct vector {
	int family;
	const char *to, *from;
	uint16_t to_port, from_port;
	uint32_t ip, tcp;
} vectors[] = {
	{ AF_INET, "161.142.100.80", "66.9.149.187", 1766, 2794, 0x323e8fc2, 0x51ccc178 },
	{ AF_INET, "65.69.140.83", "199.92.111.2", 4739, 14230, 0xd718262a, 0xc626b0ea },
	{ AF_INET, "12.22.207.184", "24.19.198.95", 38024, 12898, 0xd2d0a5de, 0x5c2b394a },
	{ AF_INET, "209.142.163.6", "38.27.205.30", 2217, 48228, 0x82989176, 0xafc7327f },
	{ AF_INET, "202.188.127.2", "153.39.163.191", 1303, 44251, 0x5d1809c5, 0x10e828a2 },
	{ AF_INET6, "3ffe:2501:200:3::1", "3ffe:2501:200:1fff::7", 1766, 2794, 0x2cc18cd5,
	  0x40207d3d },
	{ AF_INET6, "ff02::1", "3ffe:501:8::260:97ff:fe40:efab", 4739, 14230, 0x0f0c461c,
	  0xdde51bbf },
	{ AF_INET6, "fe80::200:f8ff:fe21:67cf", "3ffe:1900:4545:3:200:f8ff:fe21:67cf", 38024, 44251,
	  0x4b61e985, 0x02d1feef },
};

struct rig {
	struct baton_ctx *ctx;
	struct baton_worker *worker;
	struct baton_pool *pool;
};

static int
up(void **state)
{
	static struct rig r;
	struct baton_pool_config c;

	assert_int_equal(baton_ctx_create(NULL, &r.ctx), 0);
	assert_int_equal(baton_worker_create(r.ctx, NULL, &r.worker), 0);
	baton_pool_config_init(&c);
	c.count = 64;
	c.page_size = BATON_PAGE_4K;
	assert_int_equal(baton_pool_create(r.ctx, &c, &r.pool), 0);
	*state = &r;
	return 0;
}

static int
down(void **state)
{
	struct rig *r = *state;

	assert_int_equal(baton_worker_destroy(r->worker), 0);
	assert_int_equal(baton_pool_destroy(r->pool), 0);
	assert_int_equal(baton_ctx_destroy(r->ctx), 0);
	return 0;
}

static void
put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* A TCP packet of a vector, behind @tags VLAN tags. Return: its length. */
static uint32_t
frame_of(const struct vector *v, unsigned tags, bool fragment, uint8_t *p)
{
	uint8_t *ip = p + 14 + 4 * tags, *l4;

	memset(p, 0, 128);
	for (unsigned i = 0; i < tags; i++)
		put16(p + 12 + 4 * i, 0x8100);
	put16(ip - 2, v->family == AF_INET ? 0x0800 : 0x86dd);
	if (v->family == AF_INET) {
		ip[0] = 0x45;
		put16(ip + 2, 40);
		put16(ip + 6, fragment ? 0x2000 : 0);
		ip[9] = 6;
		assert_int_equal(inet_pton(AF_INET, v->from, ip + 12), 1);
		assert_int_equal(inet_pton(AF_INET, v->to, ip + 16), 1);
		l4 = ip + 20;
	} else {
		ip[0] = 0x60;
		put16(ip + 4, fragment ? 28 : 20);
		ip[6] = fragment ? 44 : 6;
		assert_int_equal(inet_pton(AF_INET6, v->from, ip + 8), 1);
		assert_int_equal(inet_pton(AF_INET6, v->to, ip + 24), 1);
		l4 = ip + 40;
		if (fragment) {
			l4[0] = 6;
			put16(l4 + 2, 1);
			l4 += 8;
		}
	}
	put16(l4, v->from_port);
	put16(l4 + 2, v->to_port);
	l4[12] = 0x50;
	return (uint32_t)(l4 + 20 - p);
}

static void
published(void **state)
{
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		const struct vector *v = &vectors[i];
		const unsigned n = v->family == AF_INET ? 4 : 16;
		uint8_t in[36];

		assert_int_equal(inet_pton(v->family, v->from, in), 1);
		assert_int_equal(inet_pton(v->family, v->to, in + n), 1);
		put16(in + 2 * n, v->from_port);
		put16(in + 2 * n + 2, v->to_port);
		assert_int_equal(baton_toeplitz(baton_rss_key(), 40, in, 2 * n), v->ip);
		assert_int_equal(baton_toeplitz(baton_rss_key(), 40, in, 2 * n + 4), v->tcp);
	}
}

static void
of_packets(void **state)
{
	struct rig *r = *state;

	for (size_t i = 0; i < 6 * sizeof(vectors) / sizeof(vectors[0]); i++) {
		const struct vector *v = &vectors[i / 6];
		const bool fragment = i & 1, ip4 = v->family == AF_INET;
		uint8_t frame[128];
		const uint32_t len = frame_of(v, i / 2 % 3, fragment, frame);
		const uint32_t tcp = ip4 ? BATON_RSS_IPV4_TCP : BATON_RSS_IPV6_TCP,
			       ip = ip4 ? BATON_RSS_IPV4 : BATON_RSS_IPV6;
		struct baton_token t[2];
		uint8_t flow[36];
		uint32_t hash, crc;

		assert_int_equal(inet_pton(v->family, v->from, flow), 1);
		assert_int_equal(inet_pton(v->family, v->to, flow + (ip4 ? 4 : 16)), 1);
		put16(flow + (ip4 ? 8 : 32), v->from_port);
		put16(flow + (ip4 ? 10 : 34), v->to_port);
		crc = baton_crc32c(0, flow, (ip4 ? 8u : 32u) + (fragment ? 0 : 4));
		/* Cut anywhere: the hash is that of the whole. */
		for (uint32_t cut = 0; cut <= len; cut += 7) {
			assert_int_equal(baton_alloc(r->worker, r->pool, t, 2), 2);
			t[0].len = (uint16_t)cut;
			t[0].flags |= BATON_TOKEN_CONT;
			t[1].len = (uint16_t)(len - cut);
			memcpy(baton_data(r->worker, t[0]), frame, cut);
			memcpy(baton_data(r->worker, t[1]), frame + cut, len - cut);
			assert_int_equal(baton_packet_hash(r->worker, t, 2, NULL, BATON_RSS_ALL,
							   &hash),
					 fragment ? ip : tcp);
			assert_int_equal(hash, fragment ? v->ip : v->tcp);
			assert_int_equal(baton_packet_crc(r->worker, t, 2, BATON_RSS_ALL, &hash),
					 fragment ? ip : tcp);
			assert_int_equal(hash, crc);
			assert_int_equal(baton_packet_crc(r->worker, t, 2, BATON_RSS_IPV4_UDP,
							  &hash),
					 0);
			assert_int_equal(hash, 0);
			assert_int_equal(baton_packet_hash(r->worker, t, 2, NULL, ip, &hash), ip);
			assert_int_equal(hash, v->ip);
			assert_int_equal(baton_packet_hash(r->worker, t, 2, NULL,
							   BATON_RSS_IPV4_UDP, &hash),
					 0);
			assert_int_equal(hash, 0);
			/* A byte less: the headers contradict the length. */
			t[1].len--;
			if (t[1].len < UINT16_MAX)
				assert_int_equal(baton_packet_hash(r->worker, t, 2, NULL,
								   BATON_RSS_ALL, &hash),
						 0);
			t[1].len = 0;
			assert_int_equal(baton_free(r->worker, t, 2), 0);
		}
	}
}

static void
other_keys(void **state)
{
	struct rig *r = *state;
	uint8_t frame[128], in[12], key[BATON_RSS_KEY_LEN];
	struct baton_token t;
	uint32_t hash;
	const uint32_t len = frame_of(&vectors[0], 0, false, frame);

	memcpy(in, frame + 26, 12);
	assert_int_equal(baton_alloc(r->worker, r->pool, &t, 1), 1);
	memcpy(baton_data(r->worker, t), frame, len);
	t.len = (uint16_t)len;
	for (unsigned i = 0; i < 100; i++) {
		for (unsigned k = 0; k < sizeof(key); k++)
			key[k] = (uint8_t)(baton_rss_key()[k] * (i + 3) + k);
		assert_int_equal(baton_packet_hash(r->worker, &t, 1, key, BATON_RSS_ALL, &hash),
				 BATON_RSS_IPV4_TCP);
		assert_int_equal(hash, baton_toeplitz(key, sizeof(key), in, sizeof(in)));
	}
	assert_int_equal(baton_free(r->worker, &t, 1), 0);
}

static void
crc(void **state)
{
	uint8_t bytes[32];

	memset(bytes, 0, sizeof(bytes));
	assert_int_equal(baton_crc32c(0, bytes, sizeof(bytes)), 0x8a9136aa);
	memset(bytes, 0xff, sizeof(bytes));
	assert_int_equal(baton_crc32c(0, bytes, sizeof(bytes)), 0x62a8ab43);
	for (unsigned i = 0; i < 32; i++)
		bytes[i] = (uint8_t)i;
	assert_int_equal(baton_crc32c(0, bytes, sizeof(bytes)), 0x46dd794e);
	assert_int_equal(baton_crc32c(baton_crc32c(0, bytes, 11), bytes + 11, 21), 0x46dd794e);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published),
		cmocka_unit_test_setup_teardown(of_packets, up, down),
		cmocka_unit_test_setup_teardown(other_keys, up, down),
		cmocka_unit_test(crc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
