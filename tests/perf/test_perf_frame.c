/* SPDX-License-Identifier: BSD-3-Clause */
/* Lists, flows, packets and windows of baton-perf, against other ways to compute the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "frame.h"
#include "window.h"

static const uint8_t dst[6] = { 2, 0, 0, 0, 0, 2 }, src[6] = { 2, 0, 0, 0, 0, 1 };

static void
parse(const char *text, enum field_kind kind, struct field *f)
{
	char why[WHY] = "";

	if (!field_parse("--x", text, kind, f, why))
		fail_msg("%s", why);
}

static void
refuse(const char *text, enum field_kind kind, const char *words)
{
	struct field f;
	char why[WHY] = "";

	if (field_parse("--x", text, kind, &f, why))
		fail_msg("%s is taken", text);
	if (!strstr(why, words))
		fail_msg("\"%s\" is not in: %s", words, why);
}

static void
lists(void **state)
{
	struct field f;

	parse("1000-1999,7,65535", FIELD_PORT, &f);
	assert_int_equal(f.count, 1002);
	parse("198.18.0.0-198.18.255.255,10.0.0.1", FIELD_ADDRESS, &f);
	assert_int_equal(f.count, 65537);
	parse("2001:2::1-2001:2::ffff", FIELD_ADDRESS, &f);
	assert_true(f.v6);
	assert_int_equal(f.count, 65535);
	parse("::-::ffff:ffff:ffff:ffff", FIELD_ADDRESS, &f);
	assert_int_equal(f.count, UINT32_MAX);
	refuse("9-8", FIELD_PORT, "the range 9-8 is empty");
	refuse("65536", FIELD_PORT, "\"65536\" is no UDP port");
	refuse("1,,2", FIELD_PORT, "\"\" is no UDP port");
	refuse("1-", FIELD_PORT, "\"\" is no UDP port");
	refuse("0", FIELD_VLAN, "\"0\" is no VLAN");
	refuse("4095", FIELD_VLAN, "from 1 to 4094");
	refuse("10.0.0.256", FIELD_ADDRESS, "\"10.0.0.256\" is no IPv4 or IPv6 address");
	refuse("10.0.0.1-::2", FIELD_ADDRESS, "from IPv4 to IPv6");
	refuse("10.0.0.1,::2", FIELD_ADDRESS, "either IPv4 or IPv6");
	refuse("1::1-2::1", FIELD_ADDRESS, "lower 64 bits");
}

/* ---- packets ---- */

/* The sum of RFC 1071, byte by byte. */
static unsigned
sum_of(const uint8_t *p, unsigned len, unsigned sum)
{
	for (unsigned i = 0; i < len; i++)
		sum += i % 2 ? p[i] : (unsigned)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static unsigned
be16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

struct packet {
	struct flows flows;
	uint8_t bytes[2048];
	unsigned len;
	struct stamp stamp;
};

static void
make(struct packet *k, const struct flow_spec *spec, bool back, unsigned flow, unsigned size,
     uint32_t seq)
{
	char why[WHY];

	if (!flows_make(spec, back, dst, src, &k->flows, why))
		fail_msg("%s", why);
	memset(k->bytes, 0, sizeof(k->bytes));
	k->stamp = (struct stamp){ 0xabc, 0x5a, 0x81, UINT64_C(0xfedcba987), seq };
	frame_write(k->bytes, &k->flows, &k->flows.flow[flow % k->flows.n], size, &k->stamp);
	k->len = size - FRAME_FCS;
}

/* Lengths and checksums, each computed here again. */
static void
check_packet(const struct packet *k, bool v6, unsigned tags)
{
	unsigned l3 = 14 + 4 * tags, l4 = l3 + (v6 ? 40 : 20), udp = k->len - l4, sum;
	const uint8_t *ip = k->bytes + l3;

	assert_int_equal(be16(k->bytes + l3 - 2), v6 ? 0x86dd : 0x0800);
	assert_int_equal(be16(k->bytes + l4 + 4), udp);
	if (v6) {
		assert_int_equal(be16(ip + 4), udp);
		sum = sum_of(ip + 8, 32, 17 + udp);
	} else {
		assert_int_equal(be16(ip + 2), k->len - l3);
		assert_int_equal(sum_of(ip, 20, 0), 0xffff);
		sum = sum_of(ip + 12, 8, 17 + udp);
	}
	assert_true(be16(k->bytes + l4 + 6) != 0);
	assert_int_equal(sum_of(k->bytes + l4, udp, sum), 0xffff);
}

static enum frame_kind
read_back(const struct packet *k, struct stamp *s, unsigned *ip_len)
{
	const struct frame_check c = { &k->flows, 0xabc };

	return frame_read(&c, k->bytes, k->len, s, ip_len);
}

static void
whole(struct packet *k, bool v6, unsigned tags)
{
	struct stamp s;
	unsigned ip_len;

	check_packet(k, v6, tags);
	assert_int_equal(read_back(k, &s, &ip_len), FRAME_OURS);
	assert_int_equal(s.process, k->stamp.process);
	assert_int_equal(s.trial, k->stamp.trial);
	assert_int_equal(s.stream, k->stamp.stream);
	assert_true(s.time == k->stamp.time);
	assert_int_equal(s.seq, k->stamp.seq);
	assert_int_equal(ip_len, k->len - 14 - 4 * tags);
}

static void
packets(void **state)
{
	static const unsigned more[] = { 0, 1, 7, 490, 1454 };
	static struct packet k;

	for (unsigned v6 = 0; v6 < 2; v6++)
		for (unsigned tags = 0; tags < 3; tags++)
			for (unsigned i = 0; i < 5; i++) {
				struct flow_spec s = { .seeded = false };

				if (v6)
					parse("2001:2::1-2001:2::9", FIELD_ADDRESS, &s.src);
				if (tags)
					parse("7-9", FIELD_VLAN, &s.vlan);
				if (tags > 1)
					parse("100", FIELD_VLAN, &s.outer_vlan);
				make(&k, &s, false, i % 3, (v6 ? 78 : 64) + 4 * tags + more[i],
				     0x12345678u + i);
				assert_int_equal(flows_min_size(&k.flows),
						 (v6 ? 78 : 64) + 4 * tags);
				whole(&k, v6, tags);
				flows_free(&k.flows);
			}
}

/* All checksums from 1 to 0xffff occur, and 0, which says that there is none, never. */
static void
checksum_is_never_none(void **state)
{
	static struct packet k;
	struct flow_spec s = { .seeded = false };
	bool top = false;

	make(&k, &s, false, 0, 64, 0);
	for (unsigned seq = 0; seq < 65536; seq++) {
		k.stamp.seq = seq;
		frame_write(k.bytes, &k.flows, k.flows.flow, 64, &k.stamp);
		whole(&k, false, 0);
		top = top || be16(k.bytes + 40) == 0xffff;
	}
	assert_true(top);
	flows_free(&k.flows);
}

static void
flows_are_combinations(void **state)
{
	static struct packet k;
	struct flow_spec s = { .flows = 0 };
	unsigned seen[6] = { 0 };

	parse("10.0.0.1-10.0.0.3", FIELD_ADDRESS, &s.src);
	parse("5,9", FIELD_PORT, &s.dport);
	make(&k, &s, false, 0, 64, 0);
	assert_int_equal(k.flows.n, 6);
	for (unsigned i = 0; i < 6; i++) {
		const uint8_t *h = k.flows.flow[i].header;

		seen[(h[29] - 1) * 2 + (be16(h + 36) == 9)]++;
	}
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(seen[i], 1);
	flows_free(&k.flows);
	/* The way back has sources and destinations the other way round. */
	make(&k, &s, true, 0, 64, 0);
	assert_int_equal(k.flows.flow[0].header[33], 1);
	assert_int_equal(be16(k.flows.flow[0].header + 34), 5);
	whole(&k, false, 0);
	flows_free(&k.flows);
}

static void
flows_are_drawn(void **state)
{
	static struct packet k, again;
	struct flow_spec s = { .flows = 1000, .seeded = true, .seed = 7 };
	unsigned high = 0;

	parse("10.0.0.0-10.255.255.255", FIELD_ADDRESS, &s.dst);
	parse("1024-65535", FIELD_PORT, &s.sport);
	make(&k, &s, false, 0, 64, 0);
	make(&again, &s, false, 0, 64, 0);
	assert_memory_equal(k.flows.flow, again.flows.flow, 1000 * sizeof(struct flow));
	flows_free(&again.flows);
	for (unsigned i = 0; i < 1000; i++)
		high += k.flows.flow[i].header[31] >= 128;
	assert_in_range(high, 400, 600);
	s.seed = 8;
	make(&again, &s, false, 0, 64, 0);
	assert_memory_not_equal(k.flows.flow, again.flows.flow, 1000 * sizeof(struct flow));
	flows_free(&again.flows);
	flows_free(&k.flows);
}

static void
flows_are_refused(void **state)
{
	struct flow_spec s = { .flows = 0 };
	struct flows fl;
	char why[WHY];

	parse("10.0.0.0-10.255.255.255", FIELD_ADDRESS, &s.dst);
	assert_false(flows_make(&s, false, dst, src, &fl, why));
	assert_non_null(strstr(why, "--flows=N"));
	s.flows = 3;
	parse("10.0.0.1,10.0.0.2", FIELD_ADDRESS, &s.dst);
	assert_false(flows_make(&s, false, dst, src, &fl, why));
	assert_non_null(strstr(why, "only 2 combinations"));
	s.flows = 0;
	parse("::1", FIELD_ADDRESS, &s.src);
	assert_false(flows_make(&s, false, dst, src, &fl, why));
	assert_non_null(strstr(why, "one is IPv4 and the other IPv6"));
	s.src.n = 0;
	parse("5", FIELD_VLAN, &s.outer_vlan);
	assert_false(flows_make(&s, false, dst, src, &fl, why));
	assert_non_null(strstr(why, "--vlan"));
}

/* ---- damage ---- */

/* Each bit behind the MAC addresses and tags: no packet is taken for whole, and each for ours. */
static void
damage(void **state)
{
	static struct packet k;
	struct stamp s;
	unsigned ip_len;

	for (unsigned v6 = 0; v6 < 2; v6++) {
		struct flow_spec spec = { .flows = 0 };

		if (v6)
			parse("2001:2::1", FIELD_ADDRESS, &spec.src);
		make(&k, &spec, false, 0, 128, 99);
		for (unsigned bit = 12 * 8; bit < k.len * 8; bit++) {
			unsigned at = bit / 8 - 14;
			/* Class, label and hop limit of IPv6 are in no checksum. */
			bool unchecked =
				v6 && bit / 8 >= 14 &&
				((at == 0 && bit % 8 < 4) || (at > 0 && at < 4) || at == 7);

			k.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
			if (read_back(&k, &s, &ip_len) != (unchecked ? FRAME_OURS : FRAME_DAMAGED))
				fail_msg("bit %u of byte %u", bit % 8, bit / 8);
			k.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		for (unsigned len = k.flows.len + STAMP_LEN; len < k.len; len++) {
			unsigned was = k.len;

			k.len = len;
			assert_int_equal(read_back(&k, &s, &ip_len), FRAME_DAMAGED);
			k.len = was;
		}
		flows_free(&k.flows);
	}
}

/* Whatever bytes there are, at any length: nothing behind them is read. */
static void
hostile(void **state)
{
	static struct packet k;
	struct flow_spec spec = { .flows = 0 };
	struct stamp s;
	unsigned ip_len;

	srand(1);
	make(&k, &spec, false, 0, 100, 5);
	for (unsigned i = 0; i < 200000; i++) {
		unsigned len = (unsigned)rand() % 97;
		uint8_t *p = malloc(len ? len : 1);
		const struct frame_check c = { &k.flows, 0xabc };

		memcpy(p, k.bytes, len);
		for (unsigned j = (unsigned)rand() % 4; j && len; j--)
			p[(unsigned)rand() % len] = (uint8_t)rand();
		if (frame_read(&c, p, len, &s, &ip_len) == FRAME_OURS)
			assert_true(ip_len + 14 <= len);
		free(p);
	}
	flows_free(&k.flows);
}

static void
on_the_way(void **state)
{
	static struct packet k;
	struct flow_spec spec = { .flows = 0 };
	struct stamp s;
	unsigned ip_len;

	make(&k, &spec, false, 0, 64, 5);
	/* A switch adds a tag, and a router of IPv4 takes one off the TTL. */
	memmove(k.bytes + 16, k.bytes + 12, k.len - 12);
	memcpy(k.bytes + 12, (const uint8_t[]){ 0x81, 0, 0, 7 }, 4);
	k.len += 4;
	k.bytes[26]--;
	k.bytes[28]++;
	assert_int_equal(read_back(&k, &s, &ip_len), FRAME_OURS);
	assert_int_equal(s.seq, 5);
	/* Another process's. */
	k.stamp.process = 0xabd;
	frame_write(k.bytes, &k.flows, k.flows.flow, 64, &k.stamp);
	k.len = 60;
	assert_int_equal(read_back(&k, &s, &ip_len), FRAME_FOREIGN);
	flows_free(&k.flows);
}

/* ---- windows ---- */

/* Against a list of everything that was ever seen. */
static void
window_model(void **state)
{
	static struct window w;
	const uint64_t total = 1u << 19;
	uint8_t *model = calloc(total, 1);
	uint64_t high = 0, full;

	srand(2);
	for (unsigned i = 0; i < 600000; i++) {
		uint64_t seq = high;
		enum seen want, got;

		if (rand() % 4 == 0)
			seq = high - (uint64_t)(rand() % 70000) % (high + 1);
		else if (rand() % 50000 == 0)
			seq = high + (uint64_t)(rand() % 140000);
		if (seq >= total)
			break;
		if (seq >= high)
			want = SEEN_FIRST;
		else if (high - seq > WINDOW)
			want = SEEN_LATE;
		else
			want = model[seq] ? SEEN_AGAIN : SEEN_REORDERED;
		got = window_see(&w, (uint32_t)seq, total, &full);
		if (got != want || full != seq)
			fail_msg("%u of %u: %u instead of %u", (unsigned)seq, (unsigned)high, got,
				 want);
		model[seq] = 1;
		high = seq >= high ? seq + 1 : high;
	}
	assert_true(high > total / 2);
	assert_int_equal(window_see(&w, (uint32_t)high + 5, high + 5, &full), SEEN_NEVER);
	free(model);
}

/* Sequence numbers have 32 bits on the wire, and more in the window. */
static void
window_wraps(void **state)
{
	static struct window w;
	uint64_t full, at = UINT64_C(0x100000000) - 10;

	window_reset(&w);
	assert_int_equal(window_see(&w, (uint32_t)-3, UINT64_MAX, &full), SEEN_NEVER);
	for (uint64_t s = 0; s < at; s += 0x40000000)
		assert_int_equal(window_see(&w, (uint32_t)s, UINT64_MAX, &full), SEEN_FIRST);
	for (; at < UINT64_C(0x100000000) + 10; at++) {
		assert_int_equal(window_see(&w, (uint32_t)at, UINT64_MAX, &full), SEEN_FIRST);
		assert_true(full == at);
		assert_int_equal(window_see(&w, (uint32_t)at, UINT64_MAX, &full), SEEN_AGAIN);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists),
		cmocka_unit_test(packets),
		cmocka_unit_test(checksum_is_never_none),
		cmocka_unit_test(flows_are_combinations),
		cmocka_unit_test(flows_are_drawn),
		cmocka_unit_test(flows_are_refused),
		cmocka_unit_test(damage),
		cmocka_unit_test(hostile),
		cmocka_unit_test(on_the_way),
		cmocka_unit_test(window_model),
		cmocka_unit_test(window_wraps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
