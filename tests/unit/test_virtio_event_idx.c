/* SPDX-License-Identifier: BSD-3-Clause */
/* VIRTIO_F_EVENT_IDX: positions in place of flags, in both directions, around the end of 16 bits.
 */
#include "rig.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OFFERED (FAKEDEV_FEATURES | FAKEDEV_F_EVENT_IDX)
#define AROUND  70000u /* descriptors, more than 16 bits count */

static const struct rig_config event_idx = { .fakedev = { .features = OFFERED, .polls = true } };

static void
offered_and_agreed(void **state)
{
	struct rig_config c = event_idx;
	struct baton_port_info info;
	struct rig r;

	rig_up(&r, &c);
	assert_true(fakedev_features(r.fakedev) & FAKEDEV_F_EVENT_IDX);
	baton_port_info(r.port, &info);
	assert_non_null(strstr(info.detail, "EVENT_IDX"));
	rig_down(&r);
	c.args = ",event_idx=0";
	rig_up(&r, &c);
	assert_false(fakedev_features(r.fakedev) & FAKEDEV_F_EVENT_IDX);
	rig_down(&r);
	c = (struct rig_config){ 0 };
	rig_up(&r, &c);
	assert_false(fakedev_features(r.fakedev) & FAKEDEV_F_EVENT_IDX);
	rig_down(&r);
}

/* Send @n packets in one burst, and have them completed. */
static void
send(struct rig *r, unsigned n)
{
	static uint8_t frame[60];
	struct baton_token t[RIG_BURST];

	for (unsigned i = 0; i < n; i++)
		rig_packet(r, frame, sizeof(frame), 0, t + i);
	assert_int_equal(baton_tx_burst(r->tx, t, n), n);
	for (unsigned i = 0; i < n; i++)
		fakedev_complete(r->fakedev, FAKEDEV_TX,
				 (uint32_t)fakedev_pop(r->fakedev, FAKEDEV_TX), 0);
	rig_clean(r, RIG_BURST, n);
}

/*
 * The device names any position, likely ones and others. A burst notifies exactly when that is
 * among what it published, which is counted here in 32 bits.
 */
static void
notifies_when_passed(void **state)
{
	uint32_t published = 0;
	uint64_t kicks, expected = 0;
	unsigned seed = 7;
	struct rig r;

	rig_up(&r, &event_idx);
	kicks = fakedev_kicks(r.fakedev, FAKEDEV_TX);
	while (published < AROUND) {
		unsigned n = 1 + (unsigned)rand_r(&seed) % 48, far = (unsigned)rand_r(&seed) % 8;
		uint32_t event = published + (far ? (unsigned)rand_r(&seed) % 64
						  : (unsigned)rand_r(&seed) % 65536);

		/* The 16 bits of 65,536 further on, and of before, are the same. */
		fakedev_set_avail_event(r.fakedev, FAKEDEV_TX, (uint16_t)event);
		if (event - published < n)
			expected++;
		send(&r, n);
		published += n;
		if (fakedev_kicks(r.fakedev, FAKEDEV_TX) - kicks != expected)
			fail_msg("event %u, %u .. %u: %llu notifications, %llu are right", event,
				 published - n, published,
				 (unsigned long long)(fakedev_kicks(r.fakedev, FAKEDEV_TX) - kicks),
				 (unsigned long long)expected);
	}
	assert_in_range(expected, 100, 100000);
	rig_down(&r);
}

/* A device that wants none is left alone, but for once in 65,536. */
static void
left_alone(void **state)
{
	unsigned sent = 0;
	uint64_t kicks;
	struct rig r;

	rig_up(&r, &event_idx);
	send(&r, 1); /* it has written nothing yet: position 0 */
	kicks = fakedev_kicks(r.fakedev, FAKEDEV_TX);
	for (; sent < 65000; sent += 50)
		send(&r, 50);
	assert_int_equal(fakedev_kicks(r.fakedev, FAKEDEV_TX), kicks);
	for (; sent < AROUND; sent += 50)
		send(&r, 50);
	assert_int_equal(fakedev_kicks(r.fakedev, FAKEDEV_TX), kicks + 1);
	rig_down(&r);
}

/* A device that names, as it pops, what comes next hears of every burst; refills are like sending.
 */
static void
heard_each_time(void **state)
{
	struct rig_config c = { .fakedev.features = OFFERED };
	uint64_t tx, rx;
	struct rig r;

	rig_up(&r, &c);
	tx = fakedev_kicks(r.fakedev, FAKEDEV_TX);
	for (unsigned i = 0; i < 2000; i++)
		send(&r, 1 + i % 40);
	assert_in_range(fakedev_kicks(r.fakedev, FAKEDEV_TX) - tx, 1999, 2000);
	rx = fakedev_kicks(r.fakedev, FAKEDEV_RX);
	for (unsigned i = 0; i < 2000; i++)
		rig_roundtrip_rx(&r, 60, i);
	/* What is posted is far ahead of what was popped, and the position with it. */
	assert_int_equal(fakedev_kicks(r.fakedev, FAKEDEV_RX), rx);
	rig_down(&r);
}

static bool
is_woken(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

/* Armed: woken by the next packet, once. Not armed: by none of them. */
static void
woken_when_armed(void **state)
{
	static const uint8_t frame[60];
	unsigned received = 0;
	uint64_t calls = 0;
	struct rig r;

	rig_up(&r, &event_idx);
	for (unsigned i = 0; i < 1100; i++) {
		int fd = baton_rxq_arm(r.rx);

		assert_true(fd >= 0);
		assert_false(is_woken(fd));
		assert_int_equal(fakedev_used_event(r.fakedev, FAKEDEV_RX), (uint16_t)received);
		assert_int_equal(fakedev_rx_inject(r.fakedev, FAKEDEV_RX, frame, 60), 1);
		assert_true(is_woken(fd));
		assert_int_equal(fakedev_calls(r.fakedev, FAKEDEV_RX), ++calls);
		assert_int_equal(fakedev_rx_inject(r.fakedev, FAKEDEV_RX, frame, 60), 1);
		assert_int_equal(fakedev_calls(r.fakedev, FAKEDEV_RX), calls);
		baton_rxq_disarm(r.rx);
		for (unsigned k = 0; k < 60; k++) {
			struct baton_token t[RIG_BURST];
			int n;

			assert_int_equal(fakedev_rx_inject(r.fakedev, FAKEDEV_RX, frame, 60), 1);
			n = baton_rx_burst(r.rx, t, RIG_BURST);
			assert_int_equal(n, k ? 1 : 3);
			assert_int_equal(baton_free(r.worker, t, (unsigned)n), 0);
		}
		received += 62;
		/* Polled all the time it is woken when the position it left behind comes again. */
		assert_in_range(fakedev_calls(r.fakedev, FAKEDEV_RX), calls, calls + 1);
		calls = fakedev_calls(r.fakedev, FAKEDEV_RX);
	}
	assert_true(received > 65536);
	rig_down(&r);
}

/* What came between the last burst and arming is not slept over. */
static void
woken_at_once(void **state)
{
	static const uint8_t frame[60];
	struct baton_token t[RIG_BURST];
	struct rig r;

	rig_up(&r, &event_idx);
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(fakedev_rx_inject(r.fakedev, FAKEDEV_RX, frame, 60), 1);
		assert_true(is_woken(baton_rxq_arm(r.rx)));
		baton_rxq_disarm(r.rx);
		assert_int_equal(baton_rx_burst(r.rx, t, RIG_BURST), 1);
		assert_int_equal(baton_free(r.worker, t, 1), 0);
	}
	rig_down(&r);
}

/* One that offers it the second time only, or the first: either is good. */
static void
comes_back_without(void **state)
{
	struct rig_config c = { .pool_count = 4096, .fakedev.features = OFFERED };
	struct rig r;

	rig_up(&r, &c);
	fakedev_set_features(r.fakedev, FAKEDEV_FEATURES);
	fakedev_hang_up(r.fakedev);
	assert_true(rig_wait_event(&r, BATON_EVENT_BACK, 1, 5000));
	assert_false(fakedev_features(r.fakedev) & FAKEDEV_F_EVENT_IDX);
	rig_roundtrip_rx(&r, 600, 1);
	rig_roundtrip_tx(&r, 600, 2);
	fakedev_set_features(r.fakedev, OFFERED);
	fakedev_hang_up(r.fakedev);
	assert_true(rig_wait_event(&r, BATON_EVENT_BACK, 2, 5000));
	assert_true(fakedev_features(r.fakedev) & FAKEDEV_F_EVENT_IDX);
	rig_roundtrip_rx(&r, 600, 1);
	rig_roundtrip_tx(&r, 600, 2);
	assert_string_equal(fakedev_driver_error(r.fakedev), "");
	rig_discard(&r);
}

/* Without EVENT_IDX each refill is told, but not one that found no buffer. */
static void
dry_cache_is_no_news(void **state)
{
	struct rig_config c = { .fakedev.features = FAKEDEV_FEATURES };
	struct baton_token all[1024], t[RIG_BURST];
	uint8_t frame[60];
	unsigned n = 0;
	uint64_t kicks;
	struct rig r;

	rig_up(&r, &c);
	while (n < 1024 && baton_alloc(r.worker, r.pool, &all[n], 1) == 1)
		n++;
	assert_in_range(n, RIG_BURST, 1023);
	rig_frame(frame, sizeof(frame), 1);
	for (unsigned i = 0; i < RIG_BURST; i++)
		assert_int_equal(fakedev_rx_inject(r.fakedev, FAKEDEV_RX, frame, sizeof(frame)), 1);
	kicks = fakedev_kicks(r.fakedev, FAKEDEV_RX);
	assert_int_equal(baton_rx_burst(r.rx, t, RIG_BURST), RIG_BURST);
	for (unsigned i = 1; i < 10; i++)
		assert_int_equal(baton_rx_burst(r.rx, t, RIG_BURST), 0);
	assert_int_equal(rig_stats(&r).rx_nobuf, 10);
	assert_int_equal(fakedev_kicks(r.fakedev, FAKEDEV_RX), kicks);
	assert_int_equal(baton_free(r.worker, t, RIG_BURST), 0);
	assert_int_equal(baton_rx_burst(r.rx, t, RIG_BURST), 0);
	assert_int_equal(fakedev_kicks(r.fakedev, FAKEDEV_RX), kicks + 1);
	assert_int_equal(baton_free(r.worker, all, n), 0);
	rig_down(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(offered_and_agreed),   cmocka_unit_test(notifies_when_passed),
		cmocka_unit_test(left_alone),           cmocka_unit_test(heard_each_time),
		cmocka_unit_test(dry_cache_is_no_news), cmocka_unit_test(woken_when_armed),
		cmocka_unit_test(woken_at_once),        cmocka_unit_test(comes_back_without),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
