/* SPDX-License-Identifier: BSD-3-Clause */
/* net_virtio_user against an honest device: bytes, rings, limits, the life of a port. */
#include "rig.h"

#include <errno.h>
#include <string.h>

static const struct rig_config plain = { 0 };
static const struct rig_config mtu_1500 = { .mtu = 1500 };
static const struct rig_config jumbo = { .mtu = 9000 };
static const struct rig_config in_order = { .mtu = 9000,
					    .fakedev.features =
						    FAKEDEV_FEATURES | FAKEDEV_F_IN_ORDER };
static const struct rig_config single = { .fakedev.features =
						  FAKEDEV_F_VERSION_1 | FAKEDEV_F_PROTOCOL };

/* ---- RX ---- */

static void
rx_sizes(const struct rig_config *config, size_t most)
{
	static const size_t sizes[] = { 14,   60,   61,   64,   1500, 1514, 2036, 2047,
					2048, 2049, 4108, 4109, 6000, 9000, 9014 };
	struct rig r;
	uint64_t bytes = 0, packets = 0;

	rig_up(&r, config);
	for (unsigned round = 0; round < 50; round++) {
		for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			if (sizes[i] > most)
				continue;
			rig_roundtrip_rx(&r, sizes[i], round * 100 + i);
			bytes += sizes[i];
			packets++;
		}
	}
	assert_int_equal(rig_stats(&r).rx_packets, packets);
	assert_int_equal(rig_stats(&r).rx_bytes, bytes);
	assert_int_equal(rig_stats(&r).rx_errors, 0);
	assert_int_equal(rig_stats(&r).violations, 0);
	rig_down(&r);
}

static void
rx_single_buffer(void **state)
{
	rx_sizes(&single, 1514);
}

static void
rx_mergeable(void **state)
{
	rx_sizes(&jumbo, 9014);
}

static void
rx_in_order(void **state)
{
	rx_sizes(&in_order, 9014);
}

/* Not a power of two in data room, and a headroom of exactly the header. */
static void
rx_odd_geometry(void **state)
{
	struct rig_config c = { .data_len = 777, .headroom = 12, .mtu = 9000 };

	rx_sizes(&c, 9014);
}

/* The header lies before the packet: its place is the pool's headroom, exactly. */
static void
rx_offsets(void **state)
{
	struct baton_pool_info info;
	struct baton_token t[RIG_BURST];
	uint8_t frame[64];
	struct rig r;

	rig_up(&r, &plain);
	baton_pool_info(r.pool, &info);
	rig_frame(frame, sizeof(frame), 1);
	assert_int_equal(fakedev_rx_inject(r.fakedev, FAKEDEV_RX, frame, sizeof(frame)), 1);
	assert_int_equal(baton_rx_burst(r.rx, t, RIG_BURST), 1);
	assert_int_equal(t[0].off, info.headroom);
	assert_int_equal(t[0].len, sizeof(frame));
	assert_int_equal(t[0].flags, 0);
	assert_int_equal(rig_held(&r, BATON_HOLDER_CPU), 1);
	rig_check_sum(&r);
	assert_int_equal(baton_free(r.worker, t, 1), 0);
	rig_down(&r);
}

static void
rx_out_of_order(void **state)
{
	static const unsigned order[] = { 5, 0, 7, 2, 1, 6, 3, 4 };
	struct rig r;
	uint8_t frame[8][100];
	int head[8];

	rig_up(&r, &plain);
	for (unsigned round = 0; round < 200; round++) {
		for (unsigned i = 0; i < 8; i++) {
			rig_frame(frame[i], 60 + i, round * 8 + i);
			head[i] = fakedev_rx_write(r.fakedev, FAKEDEV_RX, frame[i], 60 + i, 1);
			assert_true(head[i] >= 0);
		}
		for (unsigned i = 0; i < 8; i++) {
			unsigned k = order[i];

			fakedev_complete(r.fakedev, FAKEDEV_RX, (uint32_t)head[k],
					 FAKEDEV_HEADER + 60 + k);
			rig_expect_rx(&r, frame[k], 60 + k);
		}
	}
	rig_down(&r);
}

/* Two buffers of a merged packet completed in the reverse of their available order. */
static void
rx_merged_out_of_order(void **state)
{
	uint8_t frame[3000], header[12] = { [10] = 2 };
	struct rig r;
	int first, second;

	rig_up(&r, &jumbo);
	for (unsigned i = 0; i < 300; i++) {
		size_t room;

		rig_frame(frame, sizeof(frame), i);
		second = fakedev_pop(r.fakedev, FAKEDEV_RX);
		first = fakedev_pop(r.fakedev, FAKEDEV_RX);
		assert_true(first >= 0 && second >= 0);
		room = fakedev_room(r.fakedev, FAKEDEV_RX, (unsigned)first);
		assert_in_range(room, 13, 3011);
		fakedev_write(r.fakedev, FAKEDEV_RX, (unsigned)first, 0, header, 12);
		fakedev_write(r.fakedev, FAKEDEV_RX, (unsigned)first, 12, frame, room - 12);
		fakedev_write(r.fakedev, FAKEDEV_RX, (unsigned)second, 0, frame + room - 12,
			      3012 - room);
		fakedev_put(r.fakedev, FAKEDEV_RX, 0, (uint32_t)first, (uint32_t)room);
		fakedev_put(r.fakedev, FAKEDEV_RX, 1, (uint32_t)second, (uint32_t)(3012 - room));
		fakedev_publish(r.fakedev, FAKEDEV_RX, 2);
		assert_int_equal(rig_expect_rx(&r, frame, sizeof(frame)), 2);
	}
	rig_down(&r);
}

/* A burst never splits a packet, and says when it could never hold one. */
static void
rx_room(void **state)
{
	struct baton_token t[RIG_BURST];
	struct baton_port_info info;
	uint8_t frame[9014];
	struct rig r;
	int n;

	rig_up(&r, &jumbo);
	baton_port_info(r.port, &info);
	assert_in_range(info.rx_max_segs, 5, 5);
	assert_int_equal(baton_rx_burst(r.rx, t, 4), -EINVAL);
	assert_int_equal(baton_rx_burst(r.rx, t, 0), -EINVAL);
	rig_frame(frame, sizeof(frame), 1);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(fakedev_rx_inject(r.fakedev, FAKEDEV_RX, frame, sizeof(frame)), 5);
	n = baton_rx_burst(r.rx, t, 9);
	assert_true(n > 0 && n % 5 == 0);
	assert_int_equal(baton_packet_segs(t, (unsigned)n), 5);
	assert_int_equal(baton_free(r.worker, t, (unsigned)n), 0);
	for (int more = n; more < 15; more += n) {
		n = baton_rx_burst(r.rx, t, RIG_BURST);
		assert_true(n > 0);
		assert_int_equal(baton_free(r.worker, t, (unsigned)n), 0);
	}
	assert_int_equal(rig_stats(&r).rx_packets, 3);
	rig_down(&r);
}

/* ---- TX ---- */

static void
tx_sizes(const struct rig_config *config, size_t most)
{
	static const size_t sizes[] = { 14, 60, 1514, 1515, 2048, 2049, 4096, 9000, 9014 };
	struct rig r;
	uint64_t packets = 0;

	rig_up(&r, config);
	for (unsigned round = 0; round < 100; round++) {
		for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			if (sizes[i] > most)
				continue;
			rig_roundtrip_tx(&r, sizes[i], round * 100 + i);
			packets++;
		}
	}
	assert_int_equal(rig_stats(&r).tx_packets, packets);
	assert_int_equal(rig_stats(&r).tx_errors, 0);
	rig_down(&r);
}

static void
tx_single(void **state)
{
	tx_sizes(&single, 1514);
}

static void
tx_jumbo(void **state)
{
	tx_sizes(&jumbo, 9014);
}

static void
tx_in_order(void **state)
{
	tx_sizes(&in_order, 9014);
}

/* Every headroom around the header's 12 bytes; what lay there before must not be seen. */
static void
tx_offsets(void **state)
{
	uint8_t frame[200];
	struct rig r;

	rig_up(&r, &plain);
	for (unsigned off = 0; off < 80; off++) {
		struct baton_token t;

		rig_frame(frame, sizeof(frame), off);
		assert_int_equal(baton_alloc(r.worker, r.pool, &t, 1), 1);
		t.off = 0;
		t.len = 400;
		memset(baton_data(r.worker, t), 0xa5, 400);
		t.off = (uint16_t)off;
		t.len = sizeof(frame);
		memcpy(baton_data(r.worker, t), frame, sizeof(frame));
		assert_int_equal(baton_tx_burst(r.tx, &t, 1), 1);
		fakedev_complete(r.fakedev, FAKEDEV_TX, rig_expect_tx(&r, frame, sizeof(frame)), 0);
		rig_clean(&r, 8, 1);
	}
	rig_down(&r);
}

static void
tx_segments(void **state)
{
	struct baton_token t[RIG_BURST];
	uint8_t frame[1514];
	struct baton_port_info info;
	struct rig r;
	unsigned n;

	rig_up(&r, &jumbo);
	baton_port_info(r.port, &info);
	for (unsigned segs = 1; segs <= info.max_segs && segs <= RIG_BURST; segs++) {
		size_t len = 100 * segs;

		rig_frame(frame, len < 1514 ? len : 1514, segs);
		n = rig_packet(&r, frame, len < 1514 ? len : 1514, 100, t);
		assert_int_equal(baton_tx_burst(r.tx, t, n), n);
		fakedev_complete(r.fakedev, FAKEDEV_TX,
				 rig_expect_tx(&r, frame, len < 1514 ? len : 1514), 0);
		rig_clean(&r, 99, n);
	}
	rig_down(&r);
}

/* What does not fit stays the caller's, whole packets only; completions come in any order. */
static void
tx_full_ring(void **state)
{
	struct rig_config c = { .descs = 64 };
	struct baton_token t[3];
	int head[64], sent = 0, n = 2;
	uint8_t frame[120];
	struct rig r;

	rig_up(&r, &c);
	while (n == 2) {
		rig_frame(frame, sizeof(frame), (uint32_t)sent);
		assert_int_equal(rig_packet(&r, frame, sizeof(frame), 60, t), 2);
		n = baton_tx_burst(r.tx, t, 2);
		sent += n == 2;
		assert_true(sent <= 64);
	}
	assert_int_equal(n, 0);
	assert_in_range(sent, 16, 64);
	assert_int_equal(baton_txq_in_flight(r.tx), rig_bounced(&r) ? sent : 2 * sent);
	for (int i = 0; i < sent; i++) {
		rig_frame(frame, sizeof(frame), (uint32_t)i);
		head[i] = (int)rig_expect_tx(&r, frame, sizeof(frame));
	}
	for (int i = sent; i-- > 0;)
		fakedev_complete(r.fakedev, FAKEDEV_TX, (uint32_t)head[i], 0);
	assert_int_equal(baton_tx_burst(r.tx, t, 2), 2);
	fakedev_complete(r.fakedev, FAKEDEV_TX, (uint32_t)fakedev_pop(r.fakedev, FAKEDEV_TX), 0);
	for (unsigned left; (left = baton_txq_in_flight(r.tx));) {
		assert_true(baton_tx_clean(r.tx, 16) >= 0);
		assert_true(baton_txq_in_flight(r.tx) < left);
	}
	assert_int_equal(rig_stats(&r).tx_packets, sent + 1);
	rig_down(&r);
}

/* One used element, the last chain's, for a batch (virtio 1.2 section 2.7.9). */
static void
tx_in_order_batches(void **state)
{
	uint8_t frame[130];
	struct rig r;

	rig_up(&r, &in_order);
	assert_true(fakedev_features(r.fakedev) & FAKEDEV_F_IN_ORDER);
	for (unsigned round = 0; round < 3000; round++) {
		unsigned batch = 1 + round % 17, tokens = 0, head = 0;
		struct baton_token t[2];

		for (unsigned i = 0; i < batch; i++) {
			unsigned n;

			rig_frame(frame, sizeof(frame), round * 32 + i);
			n = rig_packet(&r, frame, sizeof(frame), i & 1 ? 65 : 130, t);
			assert_int_equal(baton_tx_burst(r.tx, t, n), n);
			head = rig_expect_tx(&r, frame, sizeof(frame));
			tokens += n;
		}
		fakedev_put(r.fakedev, FAKEDEV_TX, 0, head, 0);
		for (unsigned i = 1; i < batch; i++) /* stale by the specification */
			fakedev_put(r.fakedev, FAKEDEV_TX, i, 0xdeadbeef, 0xdeadbeef);
		fakedev_publish(r.fakedev, FAKEDEV_TX, batch);
		rig_clean(&r, 256, tokens);
	}
	rig_down(&r);
}

static void
tx_clean_budget(void **state)
{
	struct baton_token t;
	uint8_t frame[60];
	struct rig r;

	rig_up(&r, &plain);
	rig_frame(frame, sizeof(frame), 1);
	for (unsigned i = 0; i < 20; i++) {
		rig_packet(&r, frame, sizeof(frame), 0, &t);
		assert_int_equal(baton_tx_burst(r.tx, &t, 1), 1);
	}
	for (unsigned i = 0; i < 20; i++)
		fakedev_complete(r.fakedev, FAKEDEV_TX, rig_expect_tx(&r, frame, sizeof(frame)), 0);
	assert_int_equal(rig_held(&r, BATON_HOLDER_CPU), 0);
	assert_int_equal(baton_txq_in_flight(r.tx), 20);
	for (unsigned left = 20; left;) {
		unsigned done = left < 8 ? left : 8;

		rig_clean(&r, 8, done);
		left -= done;
		assert_int_equal(baton_txq_in_flight(r.tx), left);
	}
	rig_clean(&r, 8, 0);
	rig_down(&r);
}

/* Refused packets stay the caller's. */
static void
tx_refused(void **state)
{
	struct baton_token t[RIG_BURST];
	struct baton_port_info info;
	uint8_t frame[1600];
	struct rig r;
	unsigned n;

	rig_up(&r, &mtu_1500);
	baton_port_info(r.port, &info);
	assert_int_equal(info.mtu, 1500);
	rig_frame(frame, sizeof(frame), 1);
	rig_roundtrip_tx(&r, 1500u + 14 + 8, 1); /* with two VLAN tags */
	n = rig_packet(&r, frame, 1500u + 14 + 8 + 1, 0, t);
	assert_int_equal(baton_tx_burst(r.tx, t, n), -EMSGSIZE);
	assert_int_equal(rig_held(&r, BATON_HOLDER_CPU), n);
	t[0].len = 0;
	assert_int_equal(baton_tx_burst(r.tx, t, 1), -EMSGSIZE);
	t[0].len = 60;
	t[0].flags |= BATON_TOKEN_CONT;
	assert_int_equal(baton_tx_burst(r.tx, t, 1), -EINVAL);
	assert_int_equal(rig_held(&r, BATON_HOLDER_CPU), n);
	assert_int_equal(fakedev_available(r.fakedev, FAKEDEV_TX), 0);
	t[0].flags = 0;
	assert_int_equal(baton_free(r.worker, t, n), 0);
	assert_int_equal(rig_stats(&r).tx_packets, 1);
	assert_true(rig_stats(&r).tx_errors >= 2);
	rig_roundtrip_tx(&r, 1514, 3);
	rig_down(&r);
}

/* A bad packet in the middle: those before it go, the next call names it. */
static void
tx_refused_behind_good(void **state)
{
	struct baton_token t[3];
	uint8_t frame[60];
	struct rig r;

	rig_up(&r, &plain);
	rig_frame(frame, sizeof(frame), 1);
	for (unsigned i = 0; i < 3; i++)
		rig_packet(&r, frame, sizeof(frame), 0, &t[i]);
	t[1].len = 0;
	assert_int_equal(baton_tx_burst(r.tx, t, 3), 1);
	assert_int_equal(baton_tx_burst(r.tx, t + 1, 2), -EMSGSIZE);
	assert_int_equal(baton_tx_burst(r.tx, t + 2, 1), 1);
	for (unsigned i = 0; i < 2; i++)
		fakedev_complete(r.fakedev, FAKEDEV_TX, rig_expect_tx(&r, frame, sizeof(frame)), 0);
	assert_int_equal(baton_free(r.worker, t + 1, 1), 0);
	rig_down(&r);
}

/* A pool made after start is not known to the device. */
static void
tx_unmapped_pool(void **state)
{
	struct baton_pool_config p;
	struct baton_pool *late;
	struct baton_token t;
	struct rig r;

	rig_up(&r, &plain);
	baton_pool_config_init(&p);
	p.count = 256;
	p.page_size = BATON_PAGE_BASE;
	assert_int_equal(baton_pool_create(r.ctx, &p, &late), 0);
	assert_int_equal(baton_alloc(r.worker, late, &t, 1), 1);
	t.len = 60;
	assert_int_equal(baton_tx_burst(r.tx, &t, 1), -EFAULT);
	assert_int_equal(baton_free(r.worker, &t, 1), 0);
	baton_worker_flush(r.worker);
	assert_int_equal(baton_pool_destroy(late), 0);
	rig_down(&r);
}

/* IN_ORDER: one element completes three buffers; those before its id were written completely
 * (virtio 1.2, 2.7.9). */
static void
rx_in_order_batch(void **state)
{
	struct rig_config c = { .fakedev.features = (FAKEDEV_FEATURES & ~FAKEDEV_F_MRG_RXBUF) |
						    FAKEDEV_F_IN_ORDER };
	const uint16_t room = BATON_DEFAULT_DATA_LEN - BATON_DEFAULT_HEADROOM;
	struct baton_token t[RIG_BURST];
	uint8_t frame[64];
	struct rig r;
	int last = -1;

	rig_up(&r, &c);
	rig_frame(frame, sizeof(frame), 9);
	for (unsigned i = 0; i < 3; i++) {
		last = fakedev_rx_write(r.fakedev, FAKEDEV_RX, frame, sizeof(frame), 1);
		assert_true(last >= 0);
	}
	fakedev_put(r.fakedev, FAKEDEV_RX, 0, (uint32_t)last, FAKEDEV_HEADER + 64);
	/* What lies in the skipped elements is stale: it must not be looked at. */
	fakedev_put(r.fakedev, FAKEDEV_RX, 1, 60000, 60000);
	fakedev_put(r.fakedev, FAKEDEV_RX, 2, 60000, 60000);
	fakedev_publish(r.fakedev, FAKEDEV_RX, 3);
	assert_int_equal(baton_rx_burst(r.rx, t, 2), 2); /* the batch goes on in the next burst */
	assert_int_equal(t[0].len, room);
	assert_int_equal(t[1].len, room);
	assert_int_equal(baton_rx_burst(r.rx, t + 2, RIG_BURST - 2), 1);
	assert_int_equal(t[2].len, 64);
	assert_memory_equal(baton_data(r.worker, t[2]), frame, 64);
	assert_int_equal(baton_free(r.worker, t, 3), 0);
	rig_roundtrip_rx(&r, 64, 3);
	/* An id outside of what is published. */
	last = fakedev_rx_write(r.fakedev, FAKEDEV_RX, frame, sizeof(frame), 1);
	fakedev_put(r.fakedev, FAKEDEV_RX, 0, (uint32_t)(last + 1), FAKEDEV_HEADER + 64);
	fakedev_publish(r.fakedev, FAKEDEV_RX, 1);
	assert_int_equal(baton_rx_burst(r.rx, t, RIG_BURST), -EIO);
	assert_non_null(strstr(baton_rxq_error(r.rx), "in-order id"));
	rig_down(&r);
}

/* MAC, MTU and link from the backend's configuration space. */
static void
config_space(void **state)
{
	struct rig_config c = { .fakedev = { .features = FAKEDEV_FEATURES | FAKEDEV_F_NET_MTU |
							 FAKEDEV_F_NET_MAC,
					     .protocol = FAKEDEV_PROTOCOL | FAKEDEV_P_CONFIG,
					     .mtu = 4000,
					     .mac = { 2, 4, 6, 8, 10, 12 } } };
	struct baton_port_info info;
	struct rig r;

	rig_up(&r, &c);
	baton_port_info(r.port, &info);
	assert_memory_equal(info.mac, c.fakedev.mac, 6);
	assert_int_equal(info.mtu, 4000);
	assert_int_equal(info.max_mtu, 4000);
	assert_int_equal(baton_port_stop(r.port), 0);
	assert_int_equal(baton_port_set_mtu(r.port, 4001), -EINVAL);
	assert_int_equal(baton_port_start(r.port), 0);
	rig_roundtrip_rx(&r, 64, 3);
	rig_down(&r);
	c.fakedev.mtu = 67;
	rig_up(&r, &c);
	baton_port_info(r.port, &info);
	assert_int_equal(info.max_mtu, 9000);
	assert_non_null(strstr(r.logged, "MTU of 67"));
	rig_down(&r);
}

/* Each completion found by a reclaim of its own, so that the tail meets packets that were done
 * before their turn. */
static void
tx_out_of_order_one_by_one(void **state)
{
	static const unsigned order[] = { 1, 0, 3, 2, 5, 4, 7, 6 };
	struct rig_config c = { .args = ",in_order=0", .descs = 16 };
	struct wire_net_header header;
	struct baton_token t[8];
	uint8_t frame[64], back[RIG_FRAME_MAX];
	struct rig r;

	rig_up(&r, &c);
	rig_frame(frame, sizeof(frame), 7);
	for (unsigned lap = 0; lap < 40; lap++) {
		int heads[8];

		for (unsigned i = 0; i < 8; i++)
			assert_int_equal(rig_packet(&r, frame, sizeof(frame), 0, &t[i]), 1);
		assert_int_equal(baton_tx_burst(r.tx, t, 8), 8);
		for (unsigned i = 0; i < 8; i++) {
			size_t len = sizeof(back);

			heads[i] = fakedev_tx_collect(r.fakedev, FAKEDEV_TX, &header, back, &len);
			assert_true(heads[i] >= 0);
		}
		for (unsigned i = 0; i < 8; i++) {
			fakedev_complete(r.fakedev, FAKEDEV_TX, (uint32_t)heads[order[i]], 0);
			rig_clean(&r, 64, 1);
		}
		assert_int_equal(baton_txq_in_flight(r.tx), 0);
	}
	rig_down(&r);
}

/* Two buffers that together are shorter than an Ethernet header: the sender's doing. */
static void
rx_runt_in_two_buffers(void **state)
{
	struct rig_config c = { 0 };
	struct baton_token t[RIG_BURST];
	uint8_t byte = 1;
	struct rig r;
	int a, b;

	rig_up(&r, &c);
	a = fakedev_rx_write(r.fakedev, FAKEDEV_RX, &byte, 0, 2);
	b = fakedev_pop(r.fakedev, FAKEDEV_RX);
	assert_true(a >= 0 && b >= 0);
	fakedev_put(r.fakedev, FAKEDEV_RX, 0, (uint32_t)a, 12);
	fakedev_put(r.fakedev, FAKEDEV_RX, 1, (uint32_t)b, 1);
	fakedev_publish(r.fakedev, FAKEDEV_RX, 2);
	assert_int_equal(baton_rx_burst(r.rx, t, RIG_BURST), 0);
	assert_int_equal(rig_stats(&r).rx_errors, 1);
	rig_roundtrip_rx(&r, 64, 3);
	rig_down(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tx_out_of_order_one_by_one),
		cmocka_unit_test(rx_in_order_batch),
		cmocka_unit_test(config_space),
		cmocka_unit_test(rx_runt_in_two_buffers),
		cmocka_unit_test(rx_single_buffer),
		cmocka_unit_test(rx_mergeable),
		cmocka_unit_test(rx_in_order),
		cmocka_unit_test(rx_odd_geometry),
		cmocka_unit_test(rx_offsets),
		cmocka_unit_test(rx_out_of_order),
		cmocka_unit_test(rx_merged_out_of_order),
		cmocka_unit_test(rx_room),
		cmocka_unit_test(tx_single),
		cmocka_unit_test(tx_jumbo),
		cmocka_unit_test(tx_in_order),
		cmocka_unit_test(tx_offsets),
		cmocka_unit_test(tx_segments),
		cmocka_unit_test(tx_full_ring),
		cmocka_unit_test(tx_in_order_batches),
		cmocka_unit_test(tx_clean_budget),
		cmocka_unit_test(tx_refused),
		cmocka_unit_test(tx_refused_behind_good),
		cmocka_unit_test(tx_unmapped_pool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
