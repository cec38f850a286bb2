/* SPDX-License-Identifier: BSD-3-Clause */
/* Sending through slots: exactly the packet's bytes, in as few slots as hold them, out of any
 * buffers; which are free at once. */
#include "rig.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SLOT       (FAKEDEV_HEADER + 2048u) /* bytes of one, for the device */
#define CSUM       (FAKEDEV_FEATURES | FAKEDEV_F_CSUM | FAKEDEV_F_GUEST_CSUM)
#define NEEDS_CSUM 1

static const char *const ways[] = { ",bounce=always", ",confine=on" };

static uint64_t seed_now = 1;

static unsigned
below(unsigned n)
{
	seed_now = seed_now * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(seed_now >> 33) % n;
}

/* A packet cut anywhere, at any offsets, of buffers of any of the pools. Return: its tokens. */
static unsigned
cut(struct rig *r, struct baton_pool *const *pools, unsigned n_pools, const uint8_t *frame,
    size_t len, unsigned most, struct baton_token *t)
{
	size_t done = 0;
	unsigned n = 0;

	while (done < len) {
		size_t left = len - done, part = below(4) ? 1 + below(2000) : 1 + below(20);
		struct baton_pool_info info;

		if (left > (most - n - 1) * 2000ul) /* the rest must fit in what is left */
			part = 2000;
		if (part > left || n + 1 == most)
			part = left;
		assert_int_equal(baton_alloc(r->worker, pools[below(n_pools)], &t[n], 1), 1);
		baton_pool_info(r->pool, &info);
		t[n].off = (uint16_t)below((unsigned)(info.data_len - part + 1));
		t[n].len = (uint16_t)part;
		memcpy(baton_data(r->worker, t[n]), frame + done, part);
		done += part;
		t[n].flags |= done < len ? BATON_TOKEN_CONT : 0;
		n++;
	}
	return n;
}

static unsigned
complete_one(struct rig *r, const uint8_t *frame, size_t len)
{
	unsigned head = rig_expect_tx(r, frame, len);

	fakedev_complete(r->fakedev, FAKEDEV_TX, head, 0);
	return head;
}

/* All sizes, cut at random. */
static void
any_size_any_cut(void **state)
{
	for (unsigned way = 0; way < 2; way++) {
		struct rig_config c = { .args = ways[way], .mtu = 9000, .pool_count = 2048 };
		uint8_t frame[9014];
		struct rig r;

		rig_up(&r, &c);
		for (unsigned i = 0; i < 4000; i++) {
			const size_t len = i < 60    ? 14 + i
					   : i < 120 ? 2048 - 30 + i - 60
						     : 14 + below(9001);
			struct baton_token t[32];
			unsigned n, slots = (unsigned)((len + FAKEDEV_HEADER + SLOT - 1) / SLOT);

			rig_frame(frame, len, i);
			n = cut(&r, &r.pool, 1, frame, len, 1 + 5 + below(20), t);
			assert_int_equal(rig_held(&r, BATON_HOLDER_CPU), n);
			assert_int_equal(baton_tx_burst(r.tx, t, n), n);
			/* Not the CPU's, not the device's: free, before the device has even looked.
			 */
			rig_check_home(&r);
			assert_int_equal(baton_txq_in_flight(r.tx), slots);
			complete_one(&r, frame, len);
			assert_int_equal(baton_tx_clean(r.tx, 8), 0);
			assert_int_equal(baton_txq_in_flight(r.tx), 0);
		}
		assert_int_equal(rig_stats(&r).tx_packets, 4000);
		assert_int_equal(rig_stats(&r).tx_errors, 0);
		rig_down(&r);
	}
}

/* Many at once, completed in any order, by a device that is behind. */
static void
bursts_and_any_order(void **state)
{
	struct rig_config c = { .args = ",bounce=always", .mtu = 9000, .pool_count = 2048 };
	static uint8_t frame[9014];
	struct rig r;
	uint32_t sent = 0, seen = 0;

	rig_up(&r, &c);
	while (seen < 20000) {
		struct baton_token t[RIG_BURST];
		uint32_t heads[256];
		unsigned n = 0, done = 0, have = 0, packets = 0;

		while (n + 6 <= RIG_BURST && below(20)) {
			size_t len = below(3) ? 60 + sent % 1400 : 14 + sent % 9001;

			rig_frame(frame, len, sent++);
			n += cut(&r, &r.pool, 1, frame, len, 6, t + n);
			packets++;
		}
		/* What does not fit is tried again when the device has completed some. */
		while (done < n || packets) {
			int k = done < n ? baton_tx_burst(r.tx, t + done, n - done) : 0;

			assert_true(k >= 0);
			done += (unsigned)k;
			while (packets && fakedev_available(r.fakedev, FAKEDEV_TX)) {
				size_t len = RIG_FRAME_MAX, due;
				struct wire_net_header h;
				uint8_t got[RIG_FRAME_MAX];
				int head = fakedev_tx_collect(r.fakedev, FAKEDEV_TX, &h, got, &len);

				assert_true(head >= 0);
				heads[have++] = (uint32_t)head;
				due = len;
				rig_frame(frame, due, seen++);
				assert_int_equal(len, due);
				assert_memory_equal(got, frame, len);
				packets--;
			}
			while (have && (below(4) || done < n || have > 64)) {
				unsigned i = below(have);

				fakedev_complete(r.fakedev, FAKEDEV_TX, heads[i], 0);
				heads[i] = heads[--have];
			}
			assert_true(baton_tx_clean(r.tx, 1 + below(32)) >= 0);
		}
		while (have)
			fakedev_complete(r.fakedev, FAKEDEV_TX, heads[--have], 0);
	}
	assert_int_equal(rig_stats(&r).tx_packets, sent);
	assert_int_equal(rig_stats(&r).violations, 0);
	rig_down(&r);
}

/* A slot's header is in the slot, so neither headroom nor its absence matter. */
static void
checksums_are_the_devices(void **state)
{
	struct rig_config c = { .args = ",bounce=always",
				.mtu = 4000,
				.fakedev.features = CSUM,
				.offloads = BATON_OFFLOAD_TX_CSUM };
	uint8_t frame[3000], got[RIG_FRAME_MAX];
	struct rig r;

	rig_up(&r, &c);
	for (unsigned i = 0; i < 2000; i++) {
		const size_t len = 60 + below(2900);
		struct wire_net_header h;
		struct baton_token t[8];
		struct baton_side *side;
		size_t n_got = sizeof(got);
		unsigned n;
		int head;

		rig_frame(frame, len, i);
		n = cut(&r, &r.pool, 1, frame, len, 3 + below(5), t);
		if (i & 1) {
			side = baton_side(r.worker, t[0]);
			*side = (struct baton_side){ .valid = BATON_SIDE_CSUM,
						     .l2_len = 14,
						     .l3_len = 20,
						     .csum_offset = 16 };
			t[0].flags |= BATON_TOKEN_SIDE | BATON_CSUM_PARTIAL << BATON_TOKEN_L4_SHIFT;
		}
		assert_int_equal(baton_tx_burst(r.tx, t, n), n);
		rig_check_home(&r);
		head = fakedev_tx_collect(r.fakedev, FAKEDEV_TX, &h, got, &n_got);
		assert_true(head >= 0);
		assert_int_equal(n_got, len);
		assert_memory_equal(got, frame, len);
		/* And the one after it, in the slot that had it, asks for nothing. */
		assert_int_equal(h.flags, i & 1 ? NEEDS_CSUM : 0);
		assert_int_equal(h.csum_start, i & 1 ? 34 : 0);
		assert_int_equal(h.csum_offset, i & 1 ? 16 : 0);
		assert_int_equal(h.gso_type | h.hdr_len | h.gso_size | h.num_buffers, 0);
		fakedev_complete(r.fakedev, FAKEDEV_TX, (uint32_t)head, 0);
		baton_tx_clean(r.tx, 8);
	}
	rig_down(&r);
}

/* A pool in memory without a descriptor, which no backend can be given, beside the rig's. */
static void
add_outside(struct rig *r, void *memory, struct baton_pool **pools)
{
	struct baton_pool_config p;

	baton_pool_config_init(&p);
	p.name = "outside";
	p.base = memory;
	p.bytes = 4 << 20;
	p.count = 512;
	p.stride = 4096;
	pools[0] = r->pool;
	assert_int_equal(baton_pool_create(r->ctx, &p, &pools[1]), 0);
}

static void
drop_outside(struct rig *r, void *memory, struct baton_pool *pool)
{
	struct baton_worker_config w = { .size = sizeof(w), .name = "w" };

	assert_int_equal(baton_port_close(r->port), 0);
	r->port = NULL;
	assert_int_equal(baton_worker_destroy(r->worker), 0); /* its caches have buffers of both */
	assert_int_equal(baton_pool_destroy(pool), 0);
	assert_int_equal(baton_worker_create(r->ctx, &w, &r->worker),
			 0); /* as rig_discard() wants it */
	rig_discard(r);
	free(memory);
}

/*
 * A pool without a descriptor cannot be passed to a backend: it is bounced by itself, and others of
 * the port are direct. Both go out in one burst, and even in one packet.
 */
static void
two_pools_in_one_burst(void **state)
{
	struct rig_config c = { .mtu = 9000, .pool_count = 2048 };
	struct baton_reach_info info[16];
	struct baton_pool *pools[2];
	struct rig r;
	static uint8_t frame[RIG_BURST][3000];
	unsigned direct = 0, bounced = 0, n;
	void *memory = aligned_alloc(4096, 4 << 20);

	assert_non_null(memory);
	rig_prepare(&r, &c);
	add_outside(&r, memory, pools);
	assert_int_equal(rig_open(&r), 0);
	assert_int_equal(rig_start(&r), 0);
	n = baton_port_reach(r.port, info, 16);
	assert_in_range(n, 4, 16);
	for (unsigned i = 0; i < n; i++) {
		direct +=
			!strcmp(info[i].memory, "pool rig") && info[i].reach == BATON_REACH_DIRECT;
		bounced += !strcmp(info[i].memory, "pool outside") &&
			   info[i].reach == BATON_REACH_BOUNCE && !info[i].bytes;
		assert_true(strcmp(info[i].memory, "rx slots") !=
			    0); /* what is received lands in the direct one */
	}
	assert_int_equal(direct, 1);
	assert_int_equal(bounced, 1);
	for (unsigned round = 0; round < 2000; round++) {
		const unsigned packets = 1 + below(8);
		struct baton_token t[RIG_BURST];
		size_t len[8];
		unsigned k = 0;

		for (unsigned i = 0; i < packets; i++) {
			const bool mixed = !below(3);

			len[i] = below(2) ? 14 + below(1500) : 14 + below(2900);
			rig_frame(frame[i], len[i], round * 8 + i);
			k += cut(&r, mixed ? pools : &pools[below(2)], mixed ? 2 : 1, frame[i],
				 len[i], 2 + below(5), t + k);
		}
		assert_int_equal(baton_tx_burst(r.tx, t, k), k);
		for (unsigned i = 0; i < packets; i++)
			complete_one(&r, frame[i], len[i]);
		assert_true(baton_tx_clean(r.tx, 64) >= 0);
		assert_int_equal(baton_txq_in_flight(r.tx), 0);
	}
	drop_outside(&r, memory, pools[1]);
}

/* The burst itself reclaims, by the dozen: what the device was not done with stays with it. */
static void
bursts_reclaim_either(void **state)
{
	for (unsigned in_order = 0; in_order < 2; in_order++) {
		struct rig_config c = { .fakedev.features = FAKEDEV_FEATURES |
							    (in_order ? FAKEDEV_F_IN_ORDER : 0),
					.pool_count = 2048,
					.descs = 128 };
		struct baton_pool *pools[2];
		uint8_t frame[64];
		struct rig r;
		void *memory = aligned_alloc(4096, 4 << 20);

		assert_non_null(memory);
		rig_prepare(&r, &c);
		add_outside(&r, memory, pools);
		assert_int_equal(rig_open(&r), 0);
		assert_int_equal(rig_start(&r), 0);
		rig_frame(frame, sizeof(frame), 7);
		for (unsigned round = 0; round < 400; round++) {
			const unsigned n = 1 + below(32);
			struct baton_token t[32];

			for (unsigned i = 0; i < n; i++)
				cut(&r, &pools[!below(8)], 1, frame, sizeof(frame), 1, &t[i]);
			assert_int_equal(baton_tx_burst(r.tx, t, n), n);
			/* Some of it is completed: the others must not be reused. */
			for (unsigned left = 16 + below(17);
			     left && fakedev_available(r.fakedev, FAKEDEV_TX); left--)
				complete_one(&r, frame, sizeof(frame));
			while (fakedev_available(r.fakedev, FAKEDEV_TX) > 64)
				complete_one(&r, frame, sizeof(frame));
			assert_true(baton_txq_in_flight(r.tx) >=
				    fakedev_available(r.fakedev, FAKEDEV_TX));
		}
		while (fakedev_available(r.fakedev, FAKEDEV_TX))
			complete_one(&r, frame, sizeof(frame));
		assert_true(baton_tx_clean(r.tx, 256) >= 0);
		assert_int_equal(baton_txq_in_flight(r.tx), 0);
		assert_string_equal(baton_txq_error(r.tx), "");
		drop_outside(&r, memory, pools[1]);
	}
}

/* Make a token wrong: of another generation, of the buffer before it once more, or without bytes.
 */
static void
spoil(struct baton_token *t, unsigned how)
{
	if (how == 0)
		t->gen++;
	else if (how == 1)
		t->buf = t[-1].buf, t->gen = t[-1].gen;
	else
		t->len = 0;
}

/*
 * Long packets are checked several at once. A wrong token anywhere keeps its own packet and those
 * after it with the CPU, and those before it are sent.
 */
static void
a_wrong_token_among_long_packets(void **state)
{
	struct rig_config c = { .args = ",bounce=always", .mtu = 9000, .pool_count = 2048 };
	static uint8_t frame[4][9000];
	struct rig r;

	rig_up(&r, &c);
	for (unsigned round = 0; round < 60; round++) {
		const unsigned wrong = round / 3, how = round % 3 == 1 && !wrong ? 0 : round % 3;
		struct baton_token t[32], good;
		unsigned n = 0, segs = 0, before;
		int sent;

		for (unsigned i = 0; i < 4; i++) {
			rig_frame(frame[i], sizeof(frame[i]), round * 4 + i);
			segs = rig_packet(&r, frame[i], sizeof(frame[i]), 0, t + n);
			n += segs;
		}
		assert_int_equal(n, 20);
		before = wrong / segs * segs;
		good = t[wrong];
		spoil(&t[wrong], how);
		sent = baton_tx_burst(r.tx, t, n);
		if (before)
			assert_int_equal(sent, before);
		else
			assert_true(sent < 0);
		assert_int_equal(rig_held(&r, BATON_HOLDER_CPU), n - before);
		t[wrong] = good;
		assert_int_equal(baton_tx_burst(r.tx, t + before, n - before), n - before);
		for (unsigned i = 0; i < 4; i++)
			complete_one(&r, frame[i], sizeof(frame[i]));
		rig_check_home(&r);
		assert_true(baton_tx_clean(r.tx, 8) >= 0);
		assert_int_equal(baton_txq_in_flight(r.tx), 0);
	}
	assert_int_equal(rig_stats(&r).tx_packets, 60 * 4);
	assert_int_equal(r.violations, 10); /* reported where the wrong packet comes first */
	r.violations = 0;
	rig_down(&r);
}

/* What a device says of the second of two long packets is no key: its second descriptor. */
static void
a_wrong_key_among_long_packets(void **state)
{
	struct rig_config c = { .args = ",bounce=always", .descs = 16, .mtu = 9000 };
	static uint8_t frame[9000];
	struct baton_token t[16];
	struct rig r;
	unsigned n = 0;
	int head;

	rig_up(&r, &c);
	rig_frame(frame, sizeof(frame), 1);
	for (unsigned i = 0; i < 2; i++)
		n += rig_packet(&r, frame, sizeof(frame), 0, t + n);
	assert_int_equal(n, 10);
	assert_int_equal(baton_tx_burst(r.tx, t, n), n);
	head = fakedev_pop(r.fakedev, FAKEDEV_TX);
	assert_true(head >= 0);
	fakedev_put(r.fakedev, FAKEDEV_TX, 0, (uint32_t)head, 0);
	fakedev_put(r.fakedev, FAKEDEV_TX, 1, (uint32_t)head + 1, 0);
	fakedev_publish(r.fakedev, FAKEDEV_TX, 2);
	n = rig_packet(&r, frame, 64, 0, t);
	assert_int_equal(baton_tx_burst(r.tx, t, n), -EIO);
	assert_non_null(strstr(baton_txq_error(r.tx), "used id"));
	assert_int_equal(baton_free(r.worker, t, n), 0);
	rig_discard(&r);
}

/* The slots of small rings are large enough for the longest packet. */
static void
small_rings(void **state)
{
	for (uint32_t descs = 8; descs <= 64; descs *= 2) {
		struct rig_config c = { .args = ",bounce=always", .descs = descs, .mtu = 9000 };
		static uint8_t frame[9018];
		struct baton_token t[16];
		struct rig r;
		unsigned n;

		rig_up(&r, &c);
		rig_frame(frame, sizeof(frame), descs);
		n = rig_packet(&r, frame, sizeof(frame), 0, t);
		assert_int_equal(baton_tx_burst(r.tx, t, n), n);
		complete_one(&r, frame, sizeof(frame));
		baton_tx_clean(r.tx, 8);
		rig_down(&r);
	}
}

/* Pools that nobody receives into give way to slots, in a memory table as in a window. */
static void
more_pools_than_regions(void **state)
{
	struct rig_config c = { .args = ",mrg_rxbuf=0" };
	struct baton_reach_summary sum;
	struct baton_pool *pool[9];
	struct baton_worker_config w = { .size = sizeof(w), .name = "w" };
	struct baton_pool_config p;
	uint8_t frame[64];
	struct rig r;

	rig_prepare(&r, &c);
	baton_pool_config_init(&p);
	p.count = 64;
	for (unsigned i = 0; i < 9; i++)
		assert_int_equal(baton_pool_create(r.ctx, &p, &pool[i]), 0);
	assert_int_equal(rig_open(&r), 0);
	assert_int_equal(rig_start(&r), 0);
	baton_port_reach_summary(r.port, &sum);
	assert_true(sum.tx_slots && !sum.rx_slots && !sum.shared_slots);
	rig_roundtrip_rx(&r, 64, 1);
	rig_frame(frame, sizeof(frame), 2);
	for (unsigned i = 0; i < 10; i++) {
		struct baton_token t;

		cut(&r, i < 9 ? &pool[i] : &r.pool, 1, frame, sizeof(frame), 1, &t);
		assert_int_equal(baton_tx_burst(r.tx, &t, 1), 1);
		complete_one(&r, frame, sizeof(frame));
	}
	assert_int_equal(baton_port_stop(r.port), 0);
	assert_int_equal(baton_port_close(r.port), 0);
	r.port = NULL;
	assert_int_equal(baton_worker_destroy(r.worker), 0);
	for (unsigned i = 0; i < 9; i++)
		assert_int_equal(baton_pool_destroy(pool[i]), 0);
	assert_int_equal(baton_worker_create(r.ctx, &w, &r.worker),
			 0); /* as rig_discard() wants it */
	rig_discard(&r);
}

/* More bytes than the MTU allows, or none: said as it is directly. And a packet of 32 buffers is
 * one slot's. */
static void
limits(void **state)
{
	struct rig_config c = { .args = ",bounce=always", .mtu = 1500 };
	struct baton_token t[40];
	uint8_t frame[1600];
	struct rig r;
	unsigned n;

	rig_up(&r, &c);
	rig_frame(frame, sizeof(frame), 1);
	rig_roundtrip_tx(&r, 1522, 1);
	n = rig_packet(&r, frame, 1523, 0, t);
	assert_int_equal(baton_tx_burst(r.tx, t, n), -EMSGSIZE);
	assert_int_equal(rig_held(&r, BATON_HOLDER_CPU), n);
	assert_int_equal(baton_free(r.worker, t, n), 0);
	n = rig_packet(&r, frame, 32 * 40, 40, t);
	assert_int_equal(n, 32);
	assert_int_equal(baton_tx_burst(r.tx, t, n), n);
	assert_int_equal(baton_txq_in_flight(r.tx), 1);
	complete_one(&r, frame, 32 * 40);
	n = rig_packet(&r, frame, 33 * 40, 40, t);
	assert_int_equal(baton_tx_burst(r.tx, t, n), -EMSGSIZE);
	assert_int_equal(baton_free(r.worker, t, n), 0);
	baton_tx_clean(r.tx, 8);
	rig_down(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_size_any_cut),
		cmocka_unit_test(bursts_and_any_order),
		cmocka_unit_test(checksums_are_the_devices),
		cmocka_unit_test(two_pools_in_one_burst),
		cmocka_unit_test(bursts_reclaim_either),
		cmocka_unit_test(a_wrong_token_among_long_packets),
		cmocka_unit_test(a_wrong_key_among_long_packets),
		cmocka_unit_test(small_rings),
		cmocka_unit_test(more_pools_than_regions),
		cmocka_unit_test(limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
