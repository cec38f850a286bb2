/* SPDX-License-Identifier: BSD-3-Clause */
/* net_virtio_user against an honest device: long runs, arguments, limits, stop and start again. */
#include "rig.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct rig_config plain = { 0 };

/* ---- long runs: 16-bit indexes wrap three times ---- */

#define FORWARD_PACKETS 200000u
#define FORWARD_BATCH   13u

static size_t
forward_len(uint32_t seed)
{
	return seed % 97 == 0 ? 4000 + seed % 5000 : 60 + seed % 200;
}

static void
forward_batch(struct rig *r, uint32_t seed, bool batch_used)
{
	struct baton_token t[RIG_BURST];
	uint8_t frame[RIG_FRAME_MAX];
	unsigned head[FORWARD_BATCH];
	int n;

	for (unsigned i = 0; i < FORWARD_BATCH; i++) {
		rig_frame(frame, forward_len(seed + i), seed + i);
		assert_true(fakedev_rx_inject(r->fakedev, FAKEDEV_RX, frame,
					      forward_len(seed + i)) > 0);
	}
	for (unsigned got = 0; got < FORWARD_BATCH;) {
		n = baton_rx_burst(r->rx, t, RIG_BURST);
		assert_true(n > 0);
		for (int i = 0; i < n; i++)
			got += !(t[i].flags & BATON_TOKEN_CONT);
		assert_int_equal(baton_tx_burst(r->tx, t, (unsigned)n), n);
	}
	for (unsigned i = 0; i < FORWARD_BATCH; i++) {
		rig_frame(frame, forward_len(seed + i), seed + i);
		head[i] = rig_expect_tx(r, frame, forward_len(seed + i));
	}
	if (batch_used) {
		fakedev_put(r->fakedev, FAKEDEV_TX, 0, head[FORWARD_BATCH - 1], 0);
		fakedev_publish(r->fakedev, FAKEDEV_TX, FORWARD_BATCH);
	} else {
		for (unsigned i = FORWARD_BATCH; i-- > 0;)
			fakedev_complete(r->fakedev, FAKEDEV_TX, head[i], 0);
	}
}

static void
forward(const struct rig_config *config)
{
	struct rig r;
	uint32_t seed = 0;

	rig_up(&r, config);
	for (; seed < FORWARD_PACKETS; seed += FORWARD_BATCH)
		forward_batch(&r, seed, fakedev_features(r.fakedev) & FAKEDEV_F_IN_ORDER);
	while (baton_txq_in_flight(r.tx))
		assert_true(baton_tx_clean(r.tx, RIG_BURST) >= 0);
	assert_int_equal(rig_stats(&r).rx_packets, seed);
	assert_int_equal(rig_stats(&r).tx_packets, seed);
	assert_int_equal(rig_stats(&r).rx_bytes, rig_stats(&r).tx_bytes);
	assert_int_equal(rig_stats(&r).violations, 0);
	rig_check_sum(&r);
	rig_down(&r);
}

static void
forward_any_order(void **state)
{
	struct rig_config c = { .mtu = 9000,
				.args = ",in_order=0",
				.fakedev.features = FAKEDEV_FEATURES | FAKEDEV_F_IN_ORDER };

	forward(&c);
}

static void
forward_in_order(void **state)
{
	struct rig_config c = { .mtu = 9000,
				.fakedev.features = FAKEDEV_FEATURES | FAKEDEV_F_IN_ORDER };

	forward(&c);
}

/* ---- features and arguments ---- */

static void
check_feature(const char *args, uint64_t offered, uint64_t feature, bool expected)
{
	struct rig_config c = { .args = args, .fakedev.features = offered };
	struct rig r;

	rig_up(&r, &c);
	assert_int_equal(!!(fakedev_features(r.fakedev) & feature), expected);
	rig_roundtrip_rx(&r, 1514, 1);
	rig_roundtrip_tx(&r, 1514, 2);
	rig_down(&r);
}

static void
features_by_argument(void **state)
{
	const uint64_t all = FAKEDEV_FEATURES | FAKEDEV_F_IN_ORDER;

	check_feature(NULL, all, FAKEDEV_F_MRG_RXBUF, true);
	check_feature(",mrg_rxbuf=0", all, FAKEDEV_F_MRG_RXBUF, false);
	check_feature(",mrg_rxbuf=1", all, FAKEDEV_F_MRG_RXBUF, true);
	check_feature(",in_order=0", all, FAKEDEV_F_IN_ORDER, false);
	check_feature(",in_order=1", all, FAKEDEV_F_IN_ORDER, true);
	check_feature(NULL, FAKEDEV_FEATURES, FAKEDEV_F_IN_ORDER, false);
	check_feature(NULL, all | FAKEDEV_F_MQ | FAKEDEV_F_NET_MAC | FAKEDEV_F_NET_MTU,
		      FAKEDEV_F_VERSION_1, true);
}

static void
without_protocol_features(void **state)
{
	struct rig_config c = { .fakedev.features = FAKEDEV_F_VERSION_1 | FAKEDEV_F_MRG_RXBUF };
	struct rig r;
	int ret;

	rig_prepare(&r, &c);
	ret = rig_open(&r);
	if (ret < 0) { /* it may insist on them, with a sentence */
		assert_true(strlen(baton_last_error()) > 0);
		rig_discard(&r);
		return;
	}
	assert_int_equal(rig_start(&r), 0);
	assert_int_equal(fakedev_requests(r.fakedev, WIRE_SET_PROTOCOL_FEATURES), 0);
	assert_string_equal(fakedev_driver_error(r.fakedev), "");
	rig_discard(&r);
}

static void
mac_by_argument(void **state)
{
	static const uint8_t mac[6] = { 0x02, 0x11, 0x22, 0x33, 0x44, 0x55 };
	struct rig_config c = { .args = ",mac=02:11:22:33:44:55" };
	struct baton_port_info info;
	struct rig r;

	rig_up(&r, &c);
	baton_port_info(r.port, &info);
	assert_memory_equal(info.mac, mac, 6);
	assert_string_equal(info.driver, "net_virtio_user");
	rig_down(&r);
}

static void
bad_arguments(void **state)
{
	static const char *const bad[] = {
		",mac=03:11:22:33:44:55", /* multicast */
		",mac=02:11:22:33:44",
		",queue_size=300",
		",queue_size=65536",
		",mrg_rxbuf=2",
		",in_order=x",
		",timeout=-1",
		",queues=0",
		",pth=x",
	};
	struct rig r;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct rig_config c = { .args = bad[i] };
		int ret;

		rig_prepare(&r, &c);
		ret = rig_open(&r);
		if (ret != -EINVAL)
			fail_msg("\"%s\" gave %d", bad[i], ret);
		assert_true(strlen(baton_last_error()) > 0);
		rig_discard(&r);
	}
}

/* ---- limits ---- */

static void
mtu_limits(void **state)
{
	struct rig_config c = { .mtu = 1500 };
	struct baton_port_info info;
	struct rig r;

	rig_prepare(&r, &c);
	assert_int_equal(rig_open(&r), 0);
	baton_port_info(r.port, &info);
	assert_int_equal(info.max_mtu, BATON_MAX_MTU);
	assert_int_equal(baton_port_set_mtu(r.port, BATON_MIN_MTU - 1), -EINVAL);
	assert_int_equal(baton_port_set_mtu(r.port, info.max_mtu + 1), -EINVAL);
	assert_int_equal(rig_start(&r), 0);
	assert_int_equal(baton_port_set_mtu(r.port, 1400), -EBUSY);
	rig_roundtrip_tx(&r, 1514, 1);
	rig_roundtrip_rx(&r, 1514, 1);
	rig_down(&r);
}

static void
mtu_smallest(void **state)
{
	struct rig_config c = { .mtu = BATON_MIN_MTU };
	struct baton_token t;
	uint8_t frame[128];
	struct rig r;

	rig_up(&r, &c);
	rig_roundtrip_tx(&r, BATON_MIN_MTU + 14, 1);
	rig_frame(frame, sizeof(frame), 1);
	rig_roundtrip_tx(&r, BATON_MIN_MTU + 14 + 8, 2);
	rig_roundtrip_rx(&r, BATON_MIN_MTU + 14 + 8, 3);
	rig_packet(&r, frame, BATON_MIN_MTU + 14 + 8 + 1, 0, &t);
	assert_int_equal(baton_tx_burst(r.tx, &t, 1), -EMSGSIZE);
	assert_int_equal(baton_free(r.worker, &t, 1), 0);
	rig_down(&r);
}

/* Without merging an ordinary frame must fit one buffer: said at set-up, not by lost packets. */
static void
mtu_without_merging(void **state)
{
	struct rig_config c = { .mtu = 9000, .args = ",mrg_rxbuf=0" };
	struct rig r;

	rig_prepare(&r, &c);
	assert_int_equal(rig_open(&r), 0);
	assert_int_equal(rig_start(&r), -EINVAL);
	assert_true(strlen(baton_last_error()) > 0);
	rig_discard(&r);
}

static void
pool_too_small(void **state)
{
	struct rig_config c = { .pool_count = 256 };
	struct rig r;
	int ret;

	rig_prepare(&r, &c);
	assert_int_equal(rig_open(&r), 0);
	ret = rig_start(&r);
	assert_int_equal(ret, rig_bounced(&r) ? 0 : -ENOBUFS); /* rings of slots hold no buffers */
	rig_check_home(&r);
	rig_discard(&r);
}

/* ---- stop, start, two of everything ---- */

static void
stop_returns_all(void **state)
{
	struct baton_token t[RIG_BURST];
	uint8_t frame[60];
	struct rig r;

	rig_up(&r, &plain);
	rig_frame(frame, sizeof(frame), 1);
	for (unsigned i = 0; i < 30; i++) {
		rig_packet(&r, frame, sizeof(frame), 0, t);
		assert_int_equal(baton_tx_burst(r.tx, t, 1), 1);
		fakedev_rx_inject(r.fakedev, FAKEDEV_RX, frame, sizeof(frame));
	}
	if (rig_bounced(&r))
		rig_check_home(&r);
	else
		assert_true(rig_held(&r, BATON_HOLDER_QUEUE) >= 30);
	assert_int_equal(baton_port_stop(r.port), 0);
	rig_check_home(&r);
	assert_int_equal(fakedev_requests(r.fakedev, WIRE_GET_VRING_BASE), 2);
	assert_int_equal(baton_rx_burst(r.rx, t, RIG_BURST), -ENETDOWN);
	assert_int_equal(baton_tx_burst(r.tx, t, 0), -ENETDOWN);
	rig_discard(&r);
}

static void
restart(void **state)
{
	struct baton_token t;
	uint8_t frame[600];
	struct rig r;

	rig_up(&r, &plain);
	for (unsigned i = 0; i < 20; i++) {
		for (unsigned k = 0; k < 100; k++) {
			rig_roundtrip_rx(&r, 60 + k, i * 100 + k);
			rig_roundtrip_tx(&r, 60 + k, i * 100 + k);
		}
		/* Left behind in both rings. */
		rig_frame(frame, sizeof(frame), i);
		rig_packet(&r, frame, sizeof(frame), 0, &t);
		assert_int_equal(baton_tx_burst(r.tx, &t, 1), 1);
		fakedev_rx_inject(r.fakedev, FAKEDEV_RX, frame, sizeof(frame));
		assert_int_equal(baton_port_stop(r.port), 0);
		rig_check_home(&r);
		assert_int_equal(baton_port_start(r.port), 0);
		assert_true(fakedev_ready(r.fakedev, FAKEDEV_RX) &&
			    fakedev_ready(r.fakedev, FAKEDEV_TX));
		assert_string_equal(fakedev_driver_error(r.fakedev), "");
	}
	rig_down(&r);
}

/* Other ring sizes and another MTU on the second start. */
static void
reconfigure(void **state)
{
	struct rig r;

	rig_up(&r, &plain);
	rig_roundtrip_rx(&r, 60, 1);
	assert_int_equal(baton_port_stop(r.port), 0);
	r.config.descs = 64;
	r.config.mtu = 9000;
	assert_int_equal(rig_start(&r), 0);
	assert_int_equal(fakedev_queue_size(r.fakedev, FAKEDEV_RX), 64);
	rig_roundtrip_rx(&r, 9014, 2);
	rig_roundtrip_tx(&r, 9014, 3);
	rig_down(&r);
}

static void
reopen(void **state)
{
	struct rig r;

	rig_up(&r, &plain);
	for (unsigned i = 0; i < 5; i++) {
		rig_roundtrip_rx(&r, 60, i);
		assert_int_equal(baton_port_close(r.port), 0);
		rig_check_home(&r);
		assert_true(fakedev_wait_disconnected(r.fakedev));
		assert_int_equal(rig_open(&r), 0);
		assert_int_equal(rig_start(&r), 0);
	}
	rig_down(&r);
}

static void
two_contexts(void **state)
{
	struct rig_config second = { .number = 1,
				     .mtu = 9000,
				     .fakedev.features = FAKEDEV_FEATURES | FAKEDEV_F_IN_ORDER };
	struct rig a, b;

	rig_up(&a, &plain);
	rig_up(&b, &second);
	for (unsigned i = 0; i < 1000; i++) {
		rig_roundtrip_rx(&a, 60 + i, i);
		rig_roundtrip_rx(&b, 60 + 8 * i, i + 1);
		rig_roundtrip_tx(&a, 60 + i, i + 2);
		rig_roundtrip_tx(&b, 60 + 8 * i, i + 3);
	}
	rig_down(&a);
	rig_roundtrip_rx(&b, 9014, 5);
	rig_down(&b);
}

/* Every descriptor number the process had before is free again. */
static void
no_fd_leaks(void **state)
{
	unsigned before = rig_fds();
	struct rig r;

	for (unsigned i = 0; i < 3; i++) {
		rig_up(&r, &plain);
		rig_roundtrip_rx(&r, 60, i);
		rig_down(&r);
		assert_int_equal(rig_fds(), before);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forward_any_order),    cmocka_unit_test(forward_in_order),
		cmocka_unit_test(features_by_argument), cmocka_unit_test(without_protocol_features),
		cmocka_unit_test(mac_by_argument),      cmocka_unit_test(bad_arguments),
		cmocka_unit_test(mtu_limits),           cmocka_unit_test(mtu_smallest),
		cmocka_unit_test(mtu_without_merging),  cmocka_unit_test(pool_too_small),
		cmocka_unit_test(stop_returns_all),     cmocka_unit_test(restart),
		cmocka_unit_test(reconfigure),          cmocka_unit_test(reopen),
		cmocka_unit_test(two_contexts),         cmocka_unit_test(no_fd_leaks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
