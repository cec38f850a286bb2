/* SPDX-License-Identifier: BSD-3-Clause */
/* 1 MiB under 16 queues: they share slots. Without one, TX takes fewer packets and RX leaves them
 * with the device; nothing is lost. */
#include "traffic.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/page.h"

#define PAIRS  8
#define WINDOW ",confine=on,window=0x100000000-0x1000fffff"

static const struct rig_config sixteen = {
	.args = WINDOW, .pairs = PAIRS, .mtu = 9000, .pool_count = 4096
};

static struct baton_reach_summary
reach(const struct rig *r)
{
	struct baton_reach_summary s;

	baton_port_reach_summary(r->port, &s);
	return s;
}

static uint64_t
no_slot(const struct rig *r, const char *what, unsigned queue)
{
	char name[48];

	snprintf(name, sizeof(name), "%s_q%u_no_slot", what, queue);
	return rig_xstat(r, name);
}

/* Everything the device is given lies in the window, and it is not much. */
static void
set_up(struct rig *r, const struct rig_config *c)
{
	struct baton_reach_info info[16];
	uint64_t bytes = 0;
	unsigned n;

	rig_up(r, c);
	assert_true(reach(r).shared_slots);
	assert_true(reach(r).confined);
	n = baton_port_reach(r->port, info, 16);
	assert_in_range(n, 4, 16);
	for (unsigned i = 0; i < n; i++) {
		if (!info[i].bytes)
			continue;
		assert_in_range(info[i].iova, 0x100000000, 0x1000fffff);
		assert_in_range(info[i].iova + info[i].bytes - 1, 0x100000000, 0x1000fffff);
		bytes += info[i].bytes;
	}
	/* A page between two of them stays free. */
	assert_in_range(bytes + 2 * page_bytes(), 900 << 10, 1 << 20);
}

/* ---- RX ---- */

/* A queue posts its share, and what the device completes is posted again; more than that waits in
 * the device. */
static void
receives_in_shares(void **state)
{
	uint8_t frame[9014];
	struct rig r;
	unsigned share;

	set_up(&r, &sixteen);
	share = reach(&r).rx_slots / PAIRS;
	assert_in_range(share, 10, 100);
	for (uint32_t round = 0; round < 300; round++) {
		for (unsigned p = 0; p < PAIRS; p++) {
			struct baton_token t[128];
			unsigned sent = 0, got = 0;
			int n;

			/* As much as the device can take, and then some. */
			while (fakedev_available(r.fakedev, FAKEDEV_RXQ(p))) {
				assert_true(sent < share);
				rig_frame(frame, 60 + (round + sent) % 1000, round * 256 + sent);
				assert_int_equal(fakedev_rx_inject(r.fakedev, FAKEDEV_RXQ(p), frame,
								   60 + (round + sent) % 1000),
						 1);
				sent++;
			}
			assert_int_equal(baton_rxq_in_flight(r.rxq[p]), share);
			while (got < sent && (n = baton_rx_burst(r.rxq[p], t, 128)) > 0) {
				for (int i = 0; i < n; i++, got++) {
					size_t len = 60 + (round + got) % 1000;

					rig_frame(frame, len, round * 256 + got);
					assert_int_equal(t[i].len, len);
					assert_memory_equal(baton_data(r.worker, t[i]), frame, len);
				}
				assert_int_equal(baton_free(r.worker, t, (unsigned)n), 0);
			}
			assert_int_equal(got, sent);
			/* Whoever is short of slots all the time is not a queue that has nothing
			 * posted. */
			assert_int_equal(fakedev_available(r.fakedev, FAKEDEV_RXQ(p)), share);
		}
	}
	for (unsigned p = 0; p < PAIRS; p++)
		assert_true(no_slot(&r, "rx", p) > 0);
	assert_int_equal(rig_stats(&r).rx_errors + rig_stats(&r).violations, 0);
	rig_down(&r);
}

/* Completions in any order, of packets of one to five slots, over queues that have fewer of these
 * than descriptors. */
static void
receives_in_any_order(void **state)
{
	uint8_t frame[9014];
	struct rig r;

	set_up(&r, &sixteen);
	for (uint32_t i = 0; i < 4000; i++) {
		static const unsigned order[] = { 3, 0, 2, 1 };
		int head[4];

		for (unsigned k = 0; k < 4; k++) {
			rig_frame(frame, 100 + k, i * 4 + k);
			head[k] = fakedev_rx_write(r.fakedev, FAKEDEV_RX, frame, 100 + k, 1);
			assert_true(head[k] >= 0);
		}
		for (unsigned k = 0; k < 4; k++) {
			fakedev_complete(r.fakedev, FAKEDEV_RX, (uint32_t)head[order[k]],
					 FAKEDEV_HEADER + 100 + order[k]);
			rig_frame(frame, 100 + order[k], i * 4 + order[k]);
			rig_expect_rx(&r, frame, 100 + order[k]);
		}
		if (i % 8 == 0)
			rig_roundtrip_rx(&r, 60 + i * 2, i);
	}
	rig_down(&r);
}

/* ---- TX ---- */

/* One packet, sent if there is a slot. */
static int
send_one(struct rig *r, unsigned pair, const uint8_t *frame, size_t len)
{
	struct baton_token t[8];
	unsigned n = rig_packet(r, frame, len, 0, t);
	int ret = baton_tx_burst(r->txq[pair], t, n);

	assert_true(ret == 0 || ret == (int)n);
	if (!ret)
		assert_int_equal(baton_free(r->worker, t, n), 0);
	return ret;
}

/* The device finds @n frames in order, and completes them. */
static void
drain(struct rig *r, unsigned pair, uint32_t from, unsigned n, size_t len)
{
	uint8_t frame[9014], got[RIG_FRAME_MAX];

	for (unsigned i = 0; i < n; i++) {
		struct wire_net_header h;
		size_t size = sizeof(got);
		int head = fakedev_tx_collect(r->fakedev, FAKEDEV_TXQ(pair), &h, got, &size);

		assert_true(head >= 0);
		rig_frame(frame, len, from + i);
		assert_int_equal(size, len);
		assert_memory_equal(got, frame, len);
		fakedev_complete(r->fakedev, FAKEDEV_TXQ(pair), (uint32_t)head, 0);
	}
	assert_int_equal(fakedev_available(r->fakedev, FAKEDEV_TXQ(pair)), 0);
}

/* Slots exhausted, then freed: back-pressure, then full rate, over and over. */
static void
exhausted_then_freed(void **state)
{
	uint8_t frame[60];
	struct rig r;
	unsigned slots;

	set_up(&r, &sixteen);
	slots = reach(&r).tx_slots;
	assert_in_range(slots, 100, 255);
	for (unsigned round = 0; round < 100; round++) {
		unsigned sent[PAIRS] = { 0 }, all = 0, before;

		do { /* by turns, until nobody gets any further */
			before = all;
			for (unsigned p = 0; p < PAIRS; p++) {
				rig_frame(frame, sizeof(frame), sent[p]);
				if (send_one(&r, p, frame, sizeof(frame))) {
					sent[p]++;
					all++;
				}
			}
		} while (all > before);
		/* All but what queues that are through keep in their caches; nobody was passed
		 * over. */
		assert_in_range(all, slots / 2, slots);
		for (unsigned p = 0; p < PAIRS; p++)
			assert_true(sent[p] >= 5);
		rig_check_home(&r); /* no buffer waits for a slot */
		for (unsigned p = 0; p < PAIRS; p++)
			drain(&r, p, 0, sent[p], sizeof(frame));
		for (unsigned p = 0; p < PAIRS; p++) {
			assert_true(baton_tx_clean(r.txq[p], 256) >= 0);
			assert_int_equal(baton_txq_in_flight(r.txq[p]), 0);
		}
	}
	for (unsigned p = 0; p < PAIRS; p++)
		assert_true(no_slot(&r, "tx", p) > 0);
	assert_int_equal(rig_stats(&r).tx_errors, 0);
	rig_down(&r);
}

/* A queue that has fewer slots than half of its ring must look for completions all the same: nobody
 * else calls baton_tx_clean() for it. */
static void
goes_on_without_cleaning(void **state)
{
	struct rig r;
	uint64_t sent = 0;

	set_up(&r, &sixteen);
	for (unsigned round = 0; round < 1000; round++) {
		unsigned p = round % PAIRS, packets = 0;
		uint8_t frame[60];

		for (unsigned i = 0; i < 40; i++) {
			rig_frame(frame, sizeof(frame), packets);
			packets += send_one(&r, p, frame, sizeof(frame)) > 0;
		}
		drain(&r, p, 0, packets, sizeof(frame));
		sent += packets;
		if (round >= 100)
			assert_true(packets > 0);
	}
	assert_int_equal(rig_stats(&r).tx_packets, sent);
	rig_down(&r);
}

/* Bursts whose packets are all of several buffers leave nothing behind in the queue's cache for
 * others to miss. */
static void
no_queue_hoards(void **state)
{
	uint8_t frame[9014];
	struct rig r;

	set_up(&r, &sixteen);
	for (unsigned p = 0; p < PAIRS - 1; p++) {
		for (unsigned i = 0; i < 3; i++) {
			struct baton_token t[32];
			unsigned n = 0;

			for (unsigned k = 0; k < 8; k++) {
				rig_frame(frame, 80, i * 8 + k);
				n += rig_packet(&r, frame, 80, 20, t + n);
			}
			assert_int_equal(baton_tx_burst(r.txq[p], t, n), n);
			drain(&r, p, i * 8, 8, 80);
			assert_true(baton_tx_clean(r.txq[p], 64) >= 0);
		}
	}
	for (unsigned i = 0; i < 10; i++) {
		rig_frame(frame, sizeof(frame), i);
		assert_true(send_one(&r, PAIRS - 1, frame, sizeof(frame)) > 0);
	}
	drain(&r, PAIRS - 1, 0, 10, sizeof(frame));
	assert_true(baton_tx_clean(r.txq[PAIRS - 1], 64) >= 0);
	rig_down(&r);
}

/* ---- the life of queues and ports ---- */

static void
must(int ret)
{
	if (ret < 0)
		fail_msg("%s: %s", strerror(-ret), baton_last_error());
}

static void
queues_stop_and_start(void **state)
{
	static const char *const args[] = { ",bounce=always", WINDOW };

	for (unsigned a = 0; a < 2; a++) {
		struct rig_config c = sixteen;
		uint8_t frame[60];
		struct rig r;

		c.args = args[a];
		c.pairs = 2;
		c.descs = a ? 512 : 64;
		c.stop_timeout_ms = 1; /* a device that is behind is not waited for */
		rig_up(&r, &c);
		for (unsigned i = 0; i < 5000; i++) {
			const unsigned q = (i & 1 ? 0 : 2) + (i >> 1 & 1);

			rig_frame(frame, sizeof(frame), i);
			if (i % 4 == 1)
				assert_true(fakedev_rx_inject(r.fakedev, FAKEDEV_RXQ(i >> 1 & 1),
							      frame, sizeof(frame)) > 0);
			if (i % 64 == 0)
				assert_int_equal(send_one(&r, i >> 1 & 1, frame, sizeof(frame)), 1);
			must(rig_queue_stop(&r, q, 2));
			assert_int_equal(rig_queue_in_flight(&r, q, 2), 0);
			must(rig_queue_start(&r, q, 2));
		}
		rig_check_home(&r);
		assert_int_equal(fakedev_available(r.fakedev, FAKEDEV_RXQ(0)),
				 fakedev_available(r.fakedev, FAKEDEV_RXQ(1)));
		for (unsigned i = 0; i < 300; i++) {
			must(baton_port_stop(r.port));
			must(baton_port_start(r.port));
			rig_roundtrip_rx(&r, 600, i);
			rig_roundtrip_tx(&r, 600, i);
		}
		rig_down(&r);
	}
}

static void
traffic_and_reconnects(void **state)
{
	static const char *const args[] = { ",bounce=always", WINDOW };
	static struct traffic t;
	static struct rig r;

	for (unsigned a = 0; a < 2; a++) {
		struct rig_config c = sixteen;

		c.args = args[a];
		c.pairs = 4;
		c.pool_count = 8192;
		c.stop_timeout_ms = 5000;
		rig_up(&r, &c);
		traffic_begin(&t, &r);
		for (unsigned i = 1; i <= 5; i++) {
			assert_true(traffic_flows(&t, 2000, 20000));
			fakedev_hang_up(r.fakedev);
			assert_true(rig_wait_event(&r, BATON_EVENT_BACK, i, 5000));
			assert_true(traffic_flows(&t, 200, 20000));
			for (unsigned q = 0; q < 8; q++) {
				must(rig_queue_stop(&r, q, 4));
				must(rig_queue_start(&r, q, 4));
			}
		}
		assert_true(traffic_flows(&t, 2000, 20000));
		must(baton_port_stop(r.port));
		traffic_end(&t);
		assert_string_equal(fakedev_driver_error(r.fakedev), "");
		assert_int_equal(rig_stats(&r).violations, 0);
		rig_discard(&r);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(receives_in_shares),   cmocka_unit_test(receives_in_any_order),
		cmocka_unit_test(exhausted_then_freed), cmocka_unit_test(goes_on_without_cleaning),
		cmocka_unit_test(no_queue_hoards),      cmocka_unit_test(queues_stop_and_start),
		traffic_test(traffic_and_reconnects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
