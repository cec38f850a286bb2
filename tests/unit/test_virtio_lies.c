/* SPDX-License-Identifier: BSD-3-Clause */
/* One test a rule: what a backend writes to the rings stops that queue by name and nothing else. */
#include "rig.h"

#include <errno.h>
#include <string.h>

static const struct rig_config plain = { .mtu = 9000 };
static const struct rig_config in_order = { .mtu = 9000,
					    .fakedev.features =
						    FAKEDEV_FEATURES | FAKEDEV_F_IN_ORDER };

/* After an RX lie: -EIO, named, counted once; TX works; all comes home. */
static void
rx_caught(struct rig *r, const char *named)
{
	struct baton_token t[RIG_BURST];

	assert_int_equal(baton_rx_burst(r->rx, t, RIG_BURST), -EIO);
	assert_non_null(strstr(baton_rxq_error(r->rx), named));
	assert_int_equal(baton_rx_burst(r->rx, t, RIG_BURST), -EIO);
	assert_int_equal(rig_stats(r).violations, 1);
	assert_string_equal(baton_txq_error(r->tx), "");
	rig_check_sum(r);
	rig_roundtrip_tx(r, 1000, 7);
	rig_down(r);
}

static void
tx_caught(struct rig *r, const char *named)
{
	assert_int_equal(baton_tx_clean(r->tx, RIG_BURST), -EIO);
	assert_non_null(strstr(baton_txq_error(r->tx), named));
	assert_int_equal(baton_tx_clean(r->tx, RIG_BURST), -EIO);
	assert_int_equal(rig_stats(r).violations, 1);
	assert_string_equal(baton_rxq_error(r->rx), "");
	rig_check_sum(r);
	rig_roundtrip_rx(r, 1000, 7);
	rig_down(r);
}

/* A good round first, then a written but not completed packet. */
static uint32_t
rx_begin(struct rig *r, const struct rig_config *config, uint16_t num_buffers)
{
	uint8_t frame[100];
	int head;

	rig_up(r, config);
	rig_roundtrip_rx(r, 60, 1);
	rig_frame(frame, sizeof(frame), 2);
	head = fakedev_rx_write(r->fakedev, FAKEDEV_RX, frame, sizeof(frame), num_buffers);
	assert_true(head >= 0);
	return (uint32_t)head;
}

static void
rx_id(const struct rig_config *config, uint32_t id, const char *named)
{
	struct rig r;

	rx_begin(&r, config, 1);
	fakedev_complete(r.fakedev, FAKEDEV_RX, id, 112);
	rx_caught(&r, named);
}

static void
rx_id_out_of_range(void **state)
{
	rx_id(&plain, 256, "out of range");
	rx_id(&plain, 0xffffffff, "out of range");
	rx_id(&plain, 0x10001, "out of range");
	rx_id(&in_order, 256, "");
}

static void
rx_completed_twice(void **state)
{
	struct rig r;
	uint32_t head = rx_begin(&r, &plain, 1);

	fakedev_put(r.fakedev, FAKEDEV_RX, 0, head, 112);
	fakedev_put(r.fakedev, FAKEDEV_RX, 1, head, 112);
	fakedev_publish(r.fakedev, FAKEDEV_RX, 1);
	{
		uint8_t frame[100];

		rig_frame(frame, sizeof(frame), 2);
		rig_expect_rx(&r, frame, sizeof(frame));
	}
	/* Whether it was posted again meanwhile is the driver's affair; never more than once. */
	for (unsigned i = 0; i < 600; i++) {
		struct baton_token t[RIG_BURST];
		int n = baton_rx_burst(r.rx, t, RIG_BURST);

		if (n < 0)
			break;
		assert_int_equal(baton_free(r.worker, t, (unsigned)n), 0);
		fakedev_complete(r.fakedev, FAKEDEV_RX, head, 112);
	}
	rig_check_sum(&r);
	rig_down(&r);
}

static void
rx_length(uint32_t len, const char *named)
{
	struct rig r;
	uint32_t head = rx_begin(&r, &plain, 1);

	fakedev_complete(r.fakedev, FAKEDEV_RX, head, len);
	rx_caught(&r, named);
}

static void
rx_length_bounds(void **state)
{
	rx_length(0, "length");
	rx_length(11, "length");
	rx_length(2061, "length");
	rx_length(65536 + 112, "length");
	rx_length(0xffffffff, "length");
}

static void
rx_num_buffers(uint16_t num)
{
	struct rig r;
	uint32_t head = rx_begin(&r, &plain, num);

	fakedev_complete(r.fakedev, FAKEDEV_RX, head, 112);
	rx_caught(&r, "num_buffers");
}

/* 2 of 1 published: an incomplete packet is never waited for. */
static void
rx_num_buffers_bounds(void **state)
{
	rx_num_buffers(0);
	rx_num_buffers(2);
	rx_num_buffers(300);
	rx_num_buffers(65535);
}

/* As many as are published, but more than any packet can have. */
static void
rx_num_buffers_above_max(void **state)
{
	struct rig r;
	uint32_t head = rx_begin(&r, &plain, 100);

	fakedev_put(r.fakedev, FAKEDEV_RX, 0, head, 112);
	for (unsigned i = 1; i < 100; i++)
		fakedev_put(r.fakedev, FAKEDEV_RX, i, (uint32_t)fakedev_pop(r.fakedev, FAKEDEV_RX),
			    50);
	fakedev_publish(r.fakedev, FAKEDEV_RX, 100);
	rx_caught(&r, "num_buffers");
}

/* The second buffer of a packet is bad; the first must not be lost. */
static void
rx_bad_second_segment(void **state)
{
	struct rig r;
	uint32_t head = rx_begin(&r, &plain, 2);

	fakedev_put(r.fakedev, FAKEDEV_RX, 0, head, 112);
	fakedev_put(r.fakedev, FAKEDEV_RX, 1, 9999, 50);
	fakedev_publish(r.fakedev, FAKEDEV_RX, 2);
	rx_caught(&r, "out of range");
}

static void
rx_index_jump(void **state)
{
	static const uint16_t jumps[] = { 257, 1000, 32768, 65535 };

	for (unsigned i = 0; i < 4; i++) {
		struct rig r;

		rx_begin(&r, &plain, 1);
		fakedev_publish(r.fakedev, FAKEDEV_RX, jumps[i]);
		rx_caught(&r, "index");
	}
}

static void
rx_in_order_distance(void **state)
{
	struct rig r;
	uint32_t head = rx_begin(&r, &in_order, 1);

	fakedev_complete(r.fakedev, FAKEDEV_RX, (head + 5) & 255, 112);
	rx_caught(&r, "in-order");
}

/* The remote sender's doing: dropped and counted. */
static void
rx_runt(void **state)
{
	struct rig r;

	for (uint32_t len = 12; len < 26; len++) {
		struct baton_token t[RIG_BURST];
		uint32_t head = rx_begin(&r, &plain, 1);

		fakedev_complete(r.fakedev, FAKEDEV_RX, head, len);
		assert_int_equal(baton_rx_burst(r.rx, t, RIG_BURST), 0);
		assert_int_equal(rig_stats(&r).rx_errors, 1);
		assert_int_equal(rig_stats(&r).violations, 0);
		rig_roundtrip_rx(&r, 60, 3);
		rig_down(&r);
	}
}

static uint32_t
tx_begin(struct rig *r, const struct rig_config *config)
{
	struct baton_token t[2];
	uint8_t frame[100];

	rig_up(r, config);
	rig_roundtrip_tx(r, 60, 1);
	rig_frame(frame, sizeof(frame), 2);
	assert_int_equal(rig_packet(r, frame, sizeof(frame), 50, t), 2);
	assert_int_equal(baton_tx_burst(r->tx, t, 2), 2);
	return rig_expect_tx(r, frame, sizeof(frame));
}

static void
tx_id(const struct rig_config *config, uint32_t add)
{
	struct rig r;
	uint32_t head = tx_begin(&r, config);

	fakedev_complete(r.fakedev, FAKEDEV_TX, head + add, 0);
	tx_caught(&r, "id");
}

/* Out of range, never sent, the middle of a chain. */
static void
tx_id_not_in_flight(void **state)
{
	tx_id(&plain, 256);
	tx_id(&plain, 0x10000);
	tx_id(&plain, 0x80000000);
	tx_id(&plain, 7);
	tx_id(&plain, 1);
	tx_id(&in_order, 256);
	tx_id(&in_order, 7);
}

static void
tx_completed_twice(void **state)
{
	struct baton_token t;
	uint8_t frame[60];
	struct rig r;
	uint32_t head = tx_begin(&r, &plain);

	rig_frame(frame, sizeof(frame), 3);
	rig_packet(&r, frame, sizeof(frame), 0, &t);
	assert_int_equal(baton_tx_burst(r.tx, &t, 1), 1);
	fakedev_complete(r.fakedev, FAKEDEV_TX, head, 0);
	fakedev_complete(r.fakedev, FAKEDEV_TX, head, 0);
	tx_caught(&r, "id");
}

static void
tx_index_jump(void **state)
{
	static const uint16_t jumps[] = { 2, 256, 257, 32768, 65535 };

	for (unsigned i = 0; i < 10; i++) {
		struct rig r;

		tx_begin(&r, i & 1 ? &in_order : &plain);
		fakedev_publish(r.fakedev, FAKEDEV_TX, jumps[i / 2]);
		tx_caught(&r, "index");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rx_id_out_of_range),
		cmocka_unit_test(rx_completed_twice),
		cmocka_unit_test(rx_length_bounds),
		cmocka_unit_test(rx_num_buffers_bounds),
		cmocka_unit_test(rx_num_buffers_above_max),
		cmocka_unit_test(rx_bad_second_segment),
		cmocka_unit_test(rx_index_jump),
		cmocka_unit_test(rx_in_order_distance),
		cmocka_unit_test(rx_runt),
		cmocka_unit_test(tx_id_not_in_flight),
		cmocka_unit_test(tx_completed_twice),
		cmocka_unit_test(tx_index_jump),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
