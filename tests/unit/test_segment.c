/* SPDX-License-Identifier: BSD-3-Clause */
/* Segmentation in software: random packets against segments that were made byte by byte. */
#include "offload_rig.h"

#define PACKETS 10000
#define GSO     (BATON_OFFLOAD_TX_TSO | BATON_OFFLOAD_TX_USO)

static struct gso g;
static struct baton_token t[2048];

/* All segments are there, in their order. Return: how many. */
static uint32_t
check_segments(uint32_t skip)
{
	static uint8_t want[FRAME_MAX];
	uint32_t at = 0, k = 0, len;

	for (; (len = gso_segment(&g, k, want)); k++) {
		assert_true(k + skip < rig.frames);
		assert_int_equal(rig.len[k + skip], len);
		assert_memory_equal(rig.wire + at, want, len);
		at += len;
	}
	assert_int_equal(rig.frames - skip, k);
	return k;
}

static void
random_in(uint32_t data_len, uint32_t packets)
{
	struct baton_stats stats;
	uint64_t segments = 0;

	offload_open_rig(data_len, 16384);
	offload_start(0, 0, GSO);
	for (unsigned i = 0; i < packets; i++) {
		const bool small = i % 8;
		const uint32_t room = rig.pool->view.data_len - 64,
			       most = room * 15 < 8800 ? room * 15 : 8800;
		unsigned n;

		do
			gso_make(&g, small ? 8000 : 65535, small ? 2000 : most, true);
		while (g.len / g.seg > 2000);
		offload_clear();
		n = gso_tokens(&g, t);
		assert_int_equal(baton_tx_burst(rig.tx, t, n), n);
		segments += check_segments(0);
		/* The tokens are used up. */
		assert_int_equal(baton_free(rig.worker, t, 1), -EPERM);
		assert_int_equal(rig.violations, i + 1);
	}
	baton_txq_stats(rig.tx, &stats);
	assert_int_equal(stats.tx_packets, segments);
	assert_int_equal(stats.tx_errors + stats.tx_full, 0);
	offload_close_rig();
}

static void
large_buffers(void **state)
{
	random_in(0, PACKETS);
}

/* Headers hardly fit; a segment has as many buffers as a packet may have. */
static void
small_buffers(void **state)
{
	random_in(64 + 200, PACKETS / 4);
}

static void
huge_buffers(void **state)
{
	random_in(16384, PACKETS / 8);
}

/* What does not fit into the ring waits; nothing else is taken meanwhile. */
static void
little_room(void **state)
{
	struct baton_token plain;
	struct baton_queue_level level;
	struct baton_stats s;
	uint64_t full = 0;

	offload_open_rig(0, 8192);
	offload_start(0, 0, GSO);
	for (unsigned i = 0; i < 500; i++) {
		uint64_t offered = 0;
		unsigned n, calls = 0;

		do
			gso_make(&g, 30000, 3000, true);
		while (g.len / g.seg > 200 || g.len < 2 * g.seg);
		offload_clear();
		n = gso_tokens(&g, t);
		rig.room = rnd(30);
		assert_int_equal(baton_tx_burst(rig.tx, t, n), n);
		assert_int_equal(baton_alloc(rig.worker, rig.pool, &plain, 1), 1);
		plain.len = 60;
		memset(baton_data(rig.worker, plain), 7, 60);
		while (offload_waiting(queue_of(rig.tx))) {
			const unsigned waits = offload_waiting(queue_of(rig.tx));

			assert_int_equal(baton_txq_in_flight(rig.tx), waits);
			assert_int_equal(baton_txq_level(rig.tx, &level), 0);
			assert_int_equal(level.in_flight, waits);
			rig.room += rnd(30);
			if (calls++ % 2) {
				assert_int_equal(baton_tx_clean(rig.tx, 64), 0);
				continue;
			}
			rig.room = rig.room < waits ? rig.room : waits - 1;
			assert_int_equal(baton_tx_burst(rig.tx, &plain, 1), 0);
			offered++;
		}
		full += offered;
		assert_int_equal(baton_txq_in_flight(rig.tx), 0);
		check_segments(0);
		rig.room = 1;
		assert_int_equal(baton_tx_burst(rig.tx, &plain, 1), 1);
		baton_txq_stats(rig.tx, &s);
		assert_int_equal(s.tx_full, full);
		assert_int_equal(rig.violations, 0);
	}
	offload_close_rig();
}

/* Stopped with packets that wait: they are discarded, their buffers free, the tokens stale. */
static void
stopped(void **state)
{
	struct baton_stats s;
	uint64_t sent;
	unsigned n;

	offload_open_rig(0, 8192);
	for (unsigned alone = 0; alone < 2; alone++) {
		offload_start(GSO, 0, 0);
		baton_port_stats_reset(rig.port);
		do
			gso_make(&g, 30000, 1400, true);
		while (g.len < 20000 || g.seg < 100);
		offload_clear();
		rig.room = 8;
		n = gso_tokens(&g, t);
		assert_int_equal(baton_tx_burst(rig.tx, t, n), n);
		sent = rig.frames;
		assert_true(offload_waiting(queue_of(rig.tx)));
		assert_int_equal(baton_free(rig.worker, t, n), -EPERM);
		assert_int_equal(alone ? baton_txq_stop(rig.tx) : baton_port_stop(rig.port), 0);
		offload_all_home();
		baton_txq_stats(rig.tx, &s);
		assert_true(s.tx_discarded > 0);
		rig.frames = rig.bytes = 0;
		assert_int_equal(s.tx_packets, sent + s.tx_discarded);
		assert_int_equal(s.tx_packets, 1 + (g.len - g.l2 - g.l3 - g.l4 - 1) / g.seg);
		assert_int_equal(baton_port_stop(rig.port), 0);
	}
	offload_close_rig();
}

/* Packets of all kinds in one burst keep their order. */
static void
mixed(void **state)
{
	static uint8_t frames[64][1600], want[FRAME_MAX];

	offload_open_rig(0, 8192);
	offload_start(0, 0, GSO);
	for (unsigned i = 0; i < 500; i++) {
		uint32_t at = 0, expected = 0;
		unsigned n = 0;

		static struct gso list[16];
		bool is_gso[16];

		offload_clear();
		for (unsigned p = 0; p < 16; p++) {
			is_gso[p] = rnd(2);
			if (is_gso[p]) {
				gso_make(&list[p], 5000, 2000, true);
				while (list[p].len / list[p].seg > 100)
					gso_make(&list[p], 5000, 2000, true);
				n += gso_tokens(&list[p], t + n);
				continue;
			}
			rnd_bytes(frames[p], 60);
			n += offload_scatter(frames[p], 60, 60, t + n, 4);
		}
		assert_int_equal(baton_tx_burst(rig.tx, t, n), n);
		for (unsigned p = 0; p < 16; p++) {
			uint32_t len;

			for (uint32_t k = 0; is_gso[p] && (len = gso_segment(&list[p], k, want));
			     k++) {
				assert_int_equal(rig.len[expected++], len);
				assert_memory_equal(rig.wire + at, want, len);
				at += len;
			}
			if (!is_gso[p]) {
				assert_int_equal(rig.len[expected++], 60);
				assert_memory_equal(rig.wire + at, frames[p], 60);
				at += 60;
			}
		}
		assert_int_equal(rig.frames, expected);
	}
	offload_close_rig();
}

/* The pool runs out in the middle: nothing was changed, and the tokens are still good. */
static void
no_buffers(void **state)
{
	static struct baton_token others[8192];
	struct baton_stats s;
	unsigned n, m;

	offload_open_rig(0, 4096);
	offload_start(0, 0, GSO);
	for (unsigned left = 0; left < 40; left++) {
		do
			gso_make(&g, 65535, 1400, true);
		while (g.len < 60000 || g.len / g.seg > 1500 || g.len / g.seg < 44);
		n = gso_tokens(&g, t);
		m = baton_alloc(rig.worker, rig.pool, others, 8192);
		assert_int_equal(baton_free(rig.worker, others, left), 0);
		offload_clear();
		assert_int_equal(baton_tx_burst(rig.tx, t, n), 0);
		assert_int_equal(rig.frames, 0);
		baton_txq_stats(rig.tx, &s);
		assert_int_equal(s.tx_full, left + 1);
		assert_int_equal(baton_free(rig.worker, others + left, m - left), 0);
		assert_int_equal(baton_tx_burst(rig.tx, t, n), n);
		check_segments(0);
	}
	assert_int_equal(rig.violations, 0);
	offload_close_rig();
}

/* ---- what cannot be ---- */

/* Bytes and a side record that say anything: nothing is read behind the packet (ASan), and what is
 * refused is still the application's. */
static void
noise(void **state)
{
	unsigned sent = 0, refusals = 0;

	offload_open_rig(0, 16384);
	offload_start(GSO | BATON_OFFLOAD_TX_VLAN | BATON_OFFLOAD_TX_IPV4_CSUM, 0, 0);
	for (unsigned i = 0; i < 3 * PACKETS; i++) {
		struct baton_side side;
		unsigned n;

		gso_make(&g, 500, 200, true);
		for (unsigned k = rnd(4); k; k--)
			g.b[rnd(2) ? rnd(60) : rnd(g.len)] = (uint8_t)rnd(256);
		if (rnd(3) == 0)
			g.len = 1 + rnd(g.len);
		n = offload_scatter(g.b, g.len, rnd(2) ? 2000 : 40, t, 600);
		t[0].flags |= (uint8_t)(BATON_TOKEN_SIDE | rnd(4) << BATON_TOKEN_L3_SHIFT |
					rnd(4) << BATON_TOKEN_L4_SHIFT);
		side = (struct baton_side){ .valid = rnd(128),
					    .l2_len = (uint16_t)g.l2,
					    .l3_len = (uint16_t)g.l3,
					    .l4_len = (uint16_t)g.l4,
					    .seg_size = (uint16_t)g.seg,
					    .csum_offset = (uint16_t)rnd(20) };
		for (unsigned k = rnd(3); k; k--)
			put16((uint8_t *)&side + offsetof(struct baton_side, l2_len) + 2 * rnd(5),
			      rnd(2) ? rnd(65536) : rnd(100));
		*baton_side(rig.worker, t[0]) = side;
		offload_clear();
		if (baton_tx_burst(rig.tx, t, n) == (int)n) {
			sent++;
		} else {
			refusals++;
			assert_int_equal(baton_free(rig.worker, t, n), 0);
		}
	}
	assert_true(sent > PACKETS / 10 && refusals > PACKETS / 10);
	assert_int_equal(rig.violations, 0);
	offload_close_rig();
}

static void
expect_refused(int error, const char *says, uint64_t errors)
{
	struct baton_stats s;
	const unsigned n = gso_tokens(&g, t);
	struct baton_side *side = baton_side(rig.worker, t[0]);

	side->l2_len = (uint16_t)g.l2;
	assert_int_equal(baton_tx_burst(rig.tx, t, n), error);
	assert_non_null(strstr(baton_last_error(), says));
	baton_txq_stats(rig.tx, &s);
	assert_int_equal(s.tx_errors, errors);
	assert_int_equal(rig.frames, 0);
	assert_int_equal(baton_free(rig.worker, t, n), 0);
}

static void
make_one(uint8_t ip, uint8_t proto)
{
	do
		gso_make(&g, 3000, 1000, false);
	while (g.ip != ip || g.proto != proto || g.len < 1000);
	g.seg = 500;
}

static void
refused(void **state)
{
	uint64_t errors = 0;
	unsigned n;

	offload_open_rig(0, 8192);
	offload_start(GSO, 0, 0);
	make_one(4, 6);
	g.seg = 0;
	expect_refused(-EINVAL, "seg_size has to be from 1", ++errors);
	g.seg = g.len + 1;
	expect_refused(-EINVAL, "seg_size has to be from 1", ++errors);
	make_one(4, 6);
	g.b[14 + 9] = 1; /* ICMP */
	expect_refused(-EINVAL, "there are no headers", ++errors);
	make_one(4, 6);
	g.b[14 + 6] = 0x20; /* a fragment */
	expect_refused(-EINVAL, "there are no headers", ++errors);
	do
		gso_make(&g, 4000, 1000, true);
	while (g.ip != 4 || g.l2 != 14 || g.l3 < 28);
	for (unsigned done = 0; done < 2; done++) { /* a source route, and its last hop passed */
		g.b[14 + 20] = 131;
		g.b[14 + 21] = 7;
		g.b[14 + 22] = done ? 8 : 4;
		if (!done)
			expect_refused(-EINVAL, "on a source route", ++errors);
	}
	n = gso_tokens(&g, t);
	assert_int_equal(baton_tx_burst(rig.tx, t, n), n);
	offload_clear();
	make_one(6, 6);
	g.b[14 + 6] = 43; /* a routing header */
	expect_refused(-EINVAL, "there are no headers", ++errors);
	make_one(6, 6);
	g.b[14] = 0x40;
	expect_refused(-EINVAL, "there are no headers", ++errors);
	make_one(4, 6);
	g.b[12] = 0x86; /* not IPv4's Ethertype */
	expect_refused(-EINVAL, "there are no headers", ++errors);
	make_one(4, 6);
	g.b[14 + 20 + 12] = 0xf0; /* options that l4_len does not have */
	expect_refused(-EINVAL, "there are no headers", ++errors);
	for (unsigned which = 0; which < 3; which++) {
		make_one(which ? 4 : 6, 6);
		*(which == 0 ? &g.l2 : which == 1 ? &g.l3 : &g.l4) = 65535;
		expect_refused(-EINVAL, "there are no headers", ++errors);
	}
	make_one(4, 17);
	g.seg = 1;
	g.len = 14 + 28 + 5000; /* more than half of the pool's buffers */
	expect_refused(-EINVAL, "that makes 5000 of them, at most 4096", ++errors);
	assert_int_equal(baton_port_stop(rig.port), 0);
	assert_int_equal(baton_port_set_mtu(rig.port, 1500), 0);
	offload_start(BATON_OFFLOAD_TX_TSO, 0, 0);
	make_one(4, 17);
	expect_refused(-EINVAL, "offload 0x40000 is needed", ++errors);
	make_one(4, 6);
	g.len = 14 + 40 + 2900;
	g.seg = 1522 - 54 + 1;
	expect_refused(-EINVAL, "longer than 1522", ++errors);
	assert_int_equal(rig.violations, 0);
	/* A buffer twice: a violation, and all are the application's still. */
	make_one(4, 6);
	n = offload_scatter(g.b, g.len, 60, t, 500);
	t[n - 1].flags |= BATON_TOKEN_CONT;
	t[n] = t[1];
	t[n].flags = 0;
	t[0].flags |= BATON_TOKEN_SIDE;
	*baton_side(rig.worker, t[0]) = (struct baton_side){ .valid = BATON_SIDE_SEGMENT,
							     .l2_len = 14,
							     .l3_len = 20,
							     .l4_len = (uint16_t)g.l4,
							     .seg_size = 100 };
	assert_int_equal(baton_tx_burst(rig.tx, t, n + 1), -EPERM);
	assert_int_equal(rig.violations, 1);
	assert_int_equal(baton_free(rig.worker, t, n), 0);
	offload_close_rig();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(large_buffers), cmocka_unit_test(small_buffers),
		cmocka_unit_test(huge_buffers),  cmocka_unit_test(little_room),
		cmocka_unit_test(stopped),       cmocka_unit_test(mixed),
		cmocka_unit_test(no_buffers),    cmocka_unit_test(refused),
		cmocka_unit_test(noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
