/* SPDX-License-Identifier: BSD-3-Clause */
/* Queues and ports stopped, started, reset and closed by the control thread while a worker
 * forwards. */
#include "traffic.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 10000

/* A worker may be off the CPU for long: this machine is not the tests' alone. */
static const struct rig_config two_pairs = { .pairs = 2,
					     .pool_count = 4096,
					     .stop_timeout_ms = 20000 };

static void
must(int ret, const char *what)
{
	if (ret < 0)
		fail_msg("%s: %s: %s", what, strerror(-ret), baton_last_error());
}

static void
queues_stop_and_start(void **state)
{
	uint64_t begin = rig_now_ms();
	static struct traffic t;
	static struct rig r;
	unsigned seed = 1, running = 15;

	rig_up(&r, &two_pairs);
	traffic_begin(&t, &r);
	for (unsigned stops = 0; stops < ROUNDS;) {
		unsigned i = (unsigned)rand_r(&seed) % 4;
		const unsigned q = (i & 1 ? 2 : 0) + i / 2;

		if (running & 1u << i) {
			must(rig_queue_stop(&r, q, 2), "queue_stop");
			/* Those of the first pair run for the device, with nothing in them. */
			assert_int_equal(fakedev_runs(r.fakedev, i), i < 2);
			assert_int_equal(rig_queue_in_flight(&r, q, 2), 0);
			stops++;
		} else {
			must(rig_queue_start(&r, q, 2), "queue_start");
		}
		running ^= 1u << i;
	}
	for (unsigned i = 0; i < 4; i++)
		must(rig_queue_start(&r, i, 2), "queue_start");
	assert_true(traffic_flows(&t, 1000, 10000));
	printf("%u queues stopped and started, %llu packets forwarded, %llu ms\n", ROUNDS,
	       (unsigned long long)__atomic_load_n(&t.forwarded, __ATOMIC_RELAXED),
	       (unsigned long long)(rig_now_ms() - begin));
	must(baton_port_stop(r.port), "port_stop");
	traffic_end(&t);
	rig_check_home(&r);
	assert_string_equal(fakedev_driver_error(r.fakedev), "");
	rig_discard(&r);
}

/* What is stopped is told so, by name, and the other queues are not disturbed. */
static void
one_queue_alone(void **state)
{
	struct baton_token tokens[RIG_BURST];
	uint8_t frame[60];
	struct rig r;

	rig_up(&r, &two_pairs);
	must(baton_rxq_stop(r.rxq[1]), "queue_stop");
	must(baton_rxq_stop(r.rxq[1]), "queue_stop again");
	assert_int_equal(baton_rx_burst(r.rxq[1], tokens, RIG_BURST), -ENETDOWN);
	assert_int_equal(baton_rxq_in_flight(r.rxq[1]), 0);
	assert_int_equal(baton_rxq_in_flight(r.rxq[0]), 256);
	rig_roundtrip_rx(&r, 600, 1);
	rig_roundtrip_tx(&r, 600, 2);
	/* Packets the device has taken, and one it has not, are home after the stop. */
	rig_frame(frame, sizeof(frame), 3);
	rig_packet(&r, frame, sizeof(frame), 0, tokens);
	assert_int_equal(baton_tx_burst(r.txq[1], tokens, 1), 1);
	must(baton_txq_stop(r.txq[1]), "queue_stop");
	assert_int_equal(baton_txq_in_flight(r.txq[1]), 0);
	assert_int_equal(rig_held(&r, BATON_HOLDER_QUEUE),
			 rig_bounced(&r) ? 0 : baton_rxq_in_flight(r.rxq[0]));
	must(baton_rxq_start(r.rxq[1]), "queue_start");
	must(baton_rxq_start(r.rxq[1]), "queue_start again");
	must(baton_txq_start(r.txq[1]), "queue_start");
	assert_int_equal(fakedev_rx_inject(r.fakedev, FAKEDEV_RXQ(1), frame, sizeof(frame)), 1);
	assert_int_equal(baton_rx_burst(r.rxq[1], tokens, RIG_BURST), 1);
	assert_int_equal(baton_free(r.worker, tokens, 1), 0);
	rig_down(&r);
}

/* A port that was stopped and started runs all its queues. */
static void
stopped_queue_and_port(void **state)
{
	struct baton_token tokens[RIG_BURST];
	struct rig r;

	rig_up(&r, &two_pairs);
	must(baton_rxq_stop(r.rxq[0]), "queue_stop");
	must(baton_port_stop(r.port), "port_stop");
	rig_check_home(&r);
	assert_int_equal(baton_rxq_stop(r.rxq[0]), -EINVAL);
	assert_int_equal(baton_rxq_start(r.rxq[0]), -EINVAL);
	must(baton_port_start(r.port), "port_start");
	assert_int_equal(baton_rx_burst(r.rxq[0], tokens, RIG_BURST), 0);
	rig_roundtrip_rx(&r, 60, 1);
	rig_down(&r);
}

static void
port_stop_and_start(void **state)
{
	static struct traffic t;
	static struct rig r;

	rig_up(&r, &two_pairs);
	traffic_begin(&t, &r);
	for (unsigned i = 0; i < ROUNDS / 20; i++) {
		must(baton_port_stop(r.port), "port_stop");
		must(baton_port_start(r.port), "port_start");
		if (i % 50 == 0)
			assert_true(traffic_flows(&t, 100, 10000));
	}
	must(baton_port_stop(r.port), "port_stop");
	traffic_end(&t);
	rig_check_home(&r);
	assert_string_equal(fakedev_driver_error(r.fakedev), "");
	rig_discard(&r);
}

static void
port_reset(void **state)
{
	static struct traffic t;
	static struct rig r;

	rig_up(&r, &two_pairs);
	traffic_begin(&t, &r);
	for (unsigned i = 0; i < 50; i++) {
		must(baton_port_reset(r.port), "port_reset");
		assert_int_equal(fakedev_connections(r.fakedev), i + 2);
		must(baton_port_start(r.port), "port_start");
		assert_true(traffic_flows(&t, 100, 10000));
	}
	must(baton_port_reset(r.port), "port_reset");
	must(baton_port_reset(r.port), "port_reset of a stopped port");
	traffic_end(&t);
	rig_check_home(&r);
	assert_int_equal(r.events[BATON_EVENT_LOST], 0);
	rig_discard(&r);
}

static void
port_close(void **state)
{
	for (unsigned i = 0; i < 20; i++) {
		static struct traffic t;
		static struct rig r;

		rig_up(&r, &two_pairs);
		traffic_begin(&t, &r);
		assert_true(traffic_flows(&t, 100, 10000));
		__atomic_store_n(&t.leave, 1, __ATOMIC_RELEASE);
		must(baton_port_close(r.port), "port_close");
		r.port = NULL;
		traffic_end(&t);
		rig_discard(&r);
	}
}

/* A worker that makes no more bursts is waited for until the deadline, and then everything is as it
 * was. */
static void
worker_in_no_hurry(void **state)
{
	struct rig_config c = two_pairs;
	static struct traffic t;
	static struct rig r;

	c.stop_timeout_ms = 50;
	rig_up(&r, &c);
	traffic_begin(&t, &r);
	assert_true(traffic_flows(&t, 100, 10000));
	traffic_pause(&t, true);
	assert_int_equal(baton_rxq_stop(r.rxq[0]), -ETIMEDOUT);
	assert_non_null(strstr(baton_last_error(), "did not leave"));
	assert_int_equal(baton_port_stop(r.port), -ETIMEDOUT);
	assert_int_equal(baton_port_close(r.port), -EBUSY);
	traffic_pause(&t, false);
	for (unsigned tries = 0; baton_port_stop(r.port) < 0; tries++)
		assert_in_range(tries, 0, 100);
	rig_check_home(&r);
	must(baton_port_start(r.port), "port_start");
	assert_true(traffic_flows(&t, 100, 10000));
	__atomic_store_n(&t.leave, 1, __ATOMIC_RELEASE);
	while (baton_port_stop(r.port) < 0)
		;
	traffic_end(&t);
	rig_discard(&r);
}

static void
link_by_hand(void **state)
{
	struct baton_link link;
	static struct traffic t;
	static struct rig r;
	uint64_t forwarded;

	rig_up(&r, &two_pairs);
	traffic_begin(&t, &r);
	r.events[BATON_EVENT_LINK] = 0;
	for (unsigned i = 1; i <= 50; i++) {
		must(baton_port_set_link(r.port, 0), "set_link 0");
		baton_port_link(r.port, &link);
		assert_int_equal(link.up, 0);
		assert_int_equal(r.events[BATON_EVENT_LINK], 2 * i - 1);
		forwarded = __atomic_load_n(&t.forwarded, __ATOMIC_RELAXED);
		rig_poll(&r, 1);
		assert_in_range(__atomic_load_n(&t.forwarded, __ATOMIC_RELAXED) - forwarded, 0, 32);
		must(baton_port_set_link(r.port, 1), "set_link 1");
		assert_int_equal(r.events[BATON_EVENT_LINK], 2 * i);
		assert_true(traffic_flows(&t, 20, 10000));
	}
	must(baton_port_stop(r.port), "port_stop");
	traffic_end(&t);
	rig_check_home(&r);
	rig_discard(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		traffic_test(queues_stop_and_start),
		traffic_test(one_queue_alone),
		traffic_test(stopped_queue_and_port),
		traffic_test(port_stop_and_start),
		traffic_test(port_reset),
		traffic_test(port_close),
		traffic_test(worker_in_no_hurry),
		traffic_test(link_by_hand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
