/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * VLAN tags and checksums that software adds to packets to send: random ones, in buffers of random
 * sizes, against frames that were made byte by byte.
 */
#include "offload_rig.h"

#define PACKETS 10000
#define TX      (BATON_OFFLOAD_TX_VLAN | BATON_OFFLOAD_TX_IPV4_CSUM | BATON_OFFLOAD_TX_CSUM)

static struct gso g;
static struct baton_token t[2048];
static uint8_t want[FRAME_MAX];
static uint32_t want_len;

/* What is to be done to the packet g, and what has to come of it. */
static struct baton_side
choose(uint8_t *flags)
{
	struct baton_side side = { .valid = BATON_SIDE_CSUM,
				   .l2_len = (uint16_t)g.l2,
				   .l3_len = (uint16_t)g.l3,
				   .csum_offset = g.proto == 6 ? 16 : 6 };
	const uint32_t tags = rnd(3), l4_len = g.len - g.l2 - g.l3;
	uint8_t *ip = want + g.l2, *l4 = ip + g.l3;

	const bool sctp = l4_len >= 12 && rnd(3) == 0;

	*flags = 0;
	if (sctp) {
		g.b[g.l2 + (g.ip == 4 ? 9 : g.l3 > 40 ? 40 : 6)] = 132;
		gso_finish(&g);
	}
	memcpy(want, g.b, g.len);
	want_len = g.len;
	if (sctp) { /* whatever is in the checksum's place */
		uint32_t crc;

		*flags |= BATON_CSUM_PARTIAL << BATON_TOKEN_L4_SHIFT;
		side.csum_offset = 8;
		memset(l4 + 8, 0, 4);
		crc = baton_crc32c(0, l4, l4_len);
		memcpy(l4 + 8, &crc, 4);
	} else if (rnd(2)) { /* TCP or UDP */
		*flags |= BATON_CSUM_PARTIAL << BATON_TOKEN_L4_SHIFT;
		put16(l4 + side.csum_offset, 0);
		put16(l4 + side.csum_offset,
		      ~plain_sum(plain_pseudo(ip, g.proto, l4_len), l4, l4_len) & 0xffff);
		if (!l4[side.csum_offset] && !l4[side.csum_offset + 1])
			put16(l4 + side.csum_offset, 0xffff);
	}
	if (g.ip == 4 && rnd(2)) {
		*flags |= BATON_CSUM_PARTIAL << BATON_TOKEN_L3_SHIFT;
		/* What is there does not matter; the checksum was the right one. */
		rnd_bytes(g.b + g.l2 + 10, 2);
	}
	if (tags) {
		side.valid |= BATON_SIDE_VLAN | (tags == 2 ? BATON_SIDE_QINQ : 0);
		side.vlan_type = rnd(2) ? 0 : 0x88a8;
		side.vlan_tci = (uint16_t)rnd(65536);
		side.inner_tci = (uint16_t)rnd(65536);
		memmove(want + 12 + 4 * tags, want + 12, want_len - 12);
		put16(want + 12, side.vlan_type ? side.vlan_type : 0x8100);
		put16(want + 14, side.vlan_tci);
		if (tags == 2) {
			put16(want + 16, 0x8100);
			put16(want + 18, side.inner_tci);
		}
		want_len += 4 * tags;
	}
	return side;
}

static unsigned
tokens(const struct baton_side *side, uint8_t flags, uint32_t cut)
{
	const unsigned n = offload_scatter(g.b, g.len, cut, t, 15);

	t[0].flags |= (uint8_t)(flags | BATON_TOKEN_SIDE);
	*baton_side(rig.worker, t[0]) = *side;
	return n;
}

static void
random_packets(void **state)
{
	static const uint32_t cuts[] = { 2000, 2000, 200, 20, 5 };
	struct baton_stats s;

	offload_open_rig(0, 8192);
	for (unsigned i = 0; i < PACKETS; i++) {
		struct baton_side side;
		uint8_t flags;
		unsigned n;

		if (i % 1000 == 0) { /* by the port, or by the queue */
			assert_int_equal(baton_port_stop(rig.port), 0);
			offload_start(i % 2000 ? TX : 0, 0, i % 2000 ? 0 : TX);
			baton_port_stats_reset(rig.port);
		}
		do
			gso_make(&g, 1400, 1000, true);
		while (g.len < 60);
		side = choose(&flags);
		n = tokens(&side, flags, cuts[rnd(5)]);
		offload_clear();
		if (rnd(4) == 0) { /* first without room */
			const bool changed = side.valid & BATON_SIDE_VLAN;

			rig.room = 0;
			assert_int_equal(baton_tx_burst(rig.tx, t, n), changed ? n : 0);
			rig.room = UINT32_MAX;
			if (changed)
				assert_int_equal(baton_tx_clean(rig.tx, 64), 0);
			else
				assert_int_equal(baton_tx_burst(rig.tx, t, n), n);
		} else {
			assert_int_equal(baton_tx_burst(rig.tx, t, n), n);
		}
		assert_int_equal(rig.frames, 1);
		assert_int_equal(rig.len[0], want_len);
		assert_memory_equal(rig.wire, want, want_len);
		assert_int_equal(baton_free(rig.worker, t, 1), -EPERM);
		baton_txq_stats(rig.tx, &s);
		assert_int_equal(s.tx_packets, i % 1000 + 1);
		assert_int_equal(s.tx_errors, 0);
	}
	offload_close_rig();
}

/* Tags and segments at once. */
static void
tagged_segments(void **state)
{
	offload_open_rig(0, 8192);
	offload_start(BATON_OFFLOAD_TX_VLAN | BATON_OFFLOAD_TX_TSO | BATON_OFFLOAD_TX_USO, 0, 0);
	for (unsigned i = 0; i < 1000; i++) {
		uint32_t at = 0, len;
		struct baton_side *side;
		unsigned n;

		do
			gso_make(&g, 8000, 2000, true);
		while (g.len / g.seg > 100);
		n = gso_tokens(&g, t);
		side = baton_side(rig.worker, t[0]);
		side->valid |= BATON_SIDE_VLAN;
		side->vlan_tci = (uint16_t)i;
		offload_clear();
		assert_int_equal(baton_tx_burst(rig.tx, t, n), n);
		for (uint32_t k = 0; (len = gso_segment(&g, k, want)); k++) {
			assert_int_equal(rig.len[k], len + 4);
			memmove(want + 16, want + 12, len - 12);
			put16(want + 12, 0x8100);
			put16(want + 14, i);
			assert_memory_equal(rig.wire + at, want, len + 4);
			at += len + 4;
		}
	}
	offload_close_rig();
}

/* Receive with the tag removed, send with it inserted: the frame is as it was. */
static void
there_and_back(void **state)
{
	static struct baton_token out[2048];

	offload_open_rig(0, 8192);
	offload_start(BATON_OFFLOAD_RX_VLAN | BATON_OFFLOAD_RX_QINQ | BATON_OFFLOAD_TX_VLAN, 0, 0);
	for (unsigned i = 0; i < PACKETS; i++) {
		unsigned n;

		gso_make(&g, 1400, 1000, true);
		n = offload_scatter(g.b, g.len, 2000, t, 15);
		rig.feed = t;
		rig.feeding = n;
		assert_int_equal(baton_rx_burst(rig.rx, out, 2048), n);
		assert_int_equal(!!(out[0].flags & BATON_TOKEN_SIDE), g.l2 == 18 && t[0].len >= 18);
		offload_clear();
		assert_int_equal(baton_tx_burst(rig.tx, out, n), n);
		assert_int_equal(rig.len[0], g.len);
		assert_memory_equal(rig.wire, g.b, g.len);
	}
	offload_close_rig();
}

/* ---- what cannot be ---- */

static void
expect_refused(unsigned n, int error, uint64_t errors)
{
	struct baton_stats s;
	struct baton_token plain;

	/* Behind a good packet, it only ends the burst, and is not counted. */
	assert_int_equal(baton_alloc(rig.worker, rig.pool, &plain, 1), 1);
	plain.len = 60;
	memset(baton_data(rig.worker, plain), 1, 60);
	memmove(t + 1, t, n * sizeof(*t));
	t[0] = plain;
	assert_int_equal(baton_tx_burst(rig.tx, t, n + 1), 1);
	assert_int_equal(baton_tx_burst(rig.tx, t + 1, n), error);
	assert_true(strlen(baton_last_error()) > 40);
	baton_txq_stats(rig.tx, &s);
	assert_int_equal(s.tx_errors, errors);
	assert_int_equal(s.tx_full, 0);
	assert_int_equal(baton_free(rig.worker, t + 1, n), 0);
}

static void
refused(void **state)
{
	struct baton_side side = { .valid = BATON_SIDE_CSUM, .l2_len = 14, .l3_len = 20 };
	const uint8_t ipv4 = BATON_CSUM_PARTIAL << BATON_TOKEN_L3_SHIFT,
		      l4 = BATON_CSUM_PARTIAL << BATON_TOKEN_L4_SHIFT;
	uint64_t errors = 0;
	unsigned n;

	offload_open_rig(0, 8192);
	assert_int_equal(baton_port_set_mtu(rig.port, 1500), 0);
	offload_start(TX | BATON_OFFLOAD_TX_TSO, 0, 0);
	do
		gso_make(&g, 1400, 1000, false);
	while (g.ip != 4 || g.len < 500);
	n = tokens(&side, ipv4, 100);
	baton_side(rig.worker, t[0])->valid = 0;
	expect_refused(n, -EINVAL, ++errors);
	n = tokens(&side, ipv4, 100);
	t[0].flags &= (uint8_t)~BATON_TOKEN_SIDE;
	expect_refused(n, -EINVAL, ++errors);
	for (uint32_t l3 = 0; l3 < 65536; l3 = l3 < 19 ? 19 : l3 * 3) {
		side.l3_len = (uint16_t)l3;
		n = tokens(&side, ipv4, 100);
		if (l3 >= 20 && 14 + l3 <= g.len) {
			assert_int_equal(baton_tx_burst(rig.tx, t, n), n);
			continue;
		}
		expect_refused(n, -EINVAL, ++errors);
	}
	side.l3_len = 20;
	g.b[14] = 0x4f; /* longer than l3_len */
	n = tokens(&side, ipv4, 100);
	expect_refused(n, -EINVAL, ++errors);
	g.b[14] = 0x60;
	n = tokens(&side, ipv4, 100);
	expect_refused(n, -EINVAL, ++errors);
	/* SCTP's CRC has four bytes. */
	side.csum_offset = 8;
	g.b[14] = 0x45;
	g.len = 14 + 20 + 11;
	put16(g.b + 16, 20 + 11);
	for (unsigned sctp = 0; sctp < 2; sctp++) {
		g.b[14 + 9] = sctp ? 132 : 6;
		n = tokens(&side, l4, 10);
		if (sctp)
			expect_refused(n, -EINVAL, ++errors);
		else
			assert_int_equal(baton_tx_burst(rig.tx, t, n), n);
	}
	/* Tags that make it too long, or take a buffer too many. */
	side = (struct baton_side){ .valid = BATON_SIDE_VLAN | BATON_SIDE_QINQ };
	g.len = 1515;
	n = tokens(&side, 0, 2000);
	expect_refused(n, -EMSGSIZE, ++errors);
	g.len = 100;
	n = offload_scatter(g.b, 16, 1, t, 16);
	t[0].flags |= BATON_TOKEN_SIDE;
	t[0].off = 0;
	*baton_side(rig.worker, t[0]) = side;
	expect_refused(n, -EMSGSIZE, ++errors);
	assert_int_equal(rig.violations, 0);
	/* Not the application's. */
	n = tokens(&side, 0, 50);
	assert_int_equal(baton_free(rig.worker, t + n - 1, 1), 0);
	assert_int_equal(baton_tx_burst(rig.tx, t, n), -EPERM);
	assert_true(rig.violations > 0);
	assert_int_equal(baton_free(rig.worker, t, n - 1), 0);
	/* The burst ends inside of it. */
	n = tokens(&side, 0, 30);
	assert_true(n > 1);
	assert_int_equal(baton_tx_burst(rig.tx, t, n - 1), -EINVAL);
	assert_int_equal(baton_free(rig.worker, t, n), 0);
	offload_close_rig();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_packets),
		cmocka_unit_test(tagged_segments),
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
