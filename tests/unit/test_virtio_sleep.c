/* SPDX-License-Identifier: BSD-3-Clause */
/* A worker asleep on an armed queue wakes for whatever it should know, and for nothing else. */
#include "rig.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SLEEP_MS 10000 /* a wake-up that does not come is one that comes after this */

static const struct rig_config config = { .pool_count = 4096, .stop_timeout_ms = 8000 };

struct sleeper {
	struct rig *r;
	pthread_t thread;
	int asleep, awake; /* atomics */
	int wakes;         /* of poll() */
	int burst;         /* the first burst afterwards */
	struct baton_token tokens[RIG_BURST];
};

static void *
sleep_once(void *arg)
{
	struct sleeper *s = arg;
	struct pollfd p = { .events = POLLIN };

	baton_worker_bind(s->r->worker);
	/* A worker polls before it sleeps, and so acknowledges what was published meanwhile: else
	 * it is not let sleep. */
	baton_tx_clean(s->r->tx, 64);
	p.fd = baton_rxq_arm(s->r->rx);
	__atomic_store_n(&s->asleep, 1, __ATOMIC_RELEASE);
	s->wakes = p.fd < 0 ? p.fd : poll(&p, 1, SLEEP_MS);
	__atomic_store_n(&s->awake, 1, __ATOMIC_RELEASE);
	if (p.fd >= 0)
		baton_rxq_disarm(s->r->rx);
	s->burst = baton_rx_burst(s->r->rx, s->tokens, RIG_BURST);
	if (s->burst > 0)
		baton_free(s->r->worker, s->tokens, (unsigned)s->burst);
	baton_worker_unbind(s->r->worker);
	return NULL;
}

static void
nap_ms(unsigned ms)
{
	nanosleep(&(struct timespec){ ms / 1000, (long)(ms % 1000) * 1000000 }, NULL);
}

static bool
is_awake(struct sleeper *s)
{
	return __atomic_load_n(&s->awake, __ATOMIC_ACQUIRE);
}

static void
fall_asleep(struct sleeper *s, struct rig *r)
{
	memset(s, 0, sizeof(*s));
	s->r = r;
	baton_worker_unbind(r->worker);
	assert_int_equal(pthread_create(&s->thread, NULL, sleep_once, s), 0);
	while (!__atomic_load_n(&s->asleep, __ATOMIC_ACQUIRE))
		nap_ms(1);
	nap_ms(20);
}

static void
wakes_up(struct sleeper *s, int burst)
{
	pthread_join(s->thread, NULL);
	assert_int_equal(s->wakes, 1);
	assert_int_equal(s->burst, burst);
}

static void
for_a_packet(void **state)
{
	uint8_t frame[60];
	struct sleeper s;
	struct rig r;

	rig_up(&r, &config);
	rig_frame(frame, sizeof(frame), 1);
	for (unsigned i = 0; i < 20; i++) {
		fall_asleep(&s, &r);
		assert_false(is_awake(&s));
		assert_int_equal(fakedev_rx_inject(r.fakedev, FAKEDEV_RX, frame, sizeof(frame)), 1);
		wakes_up(&s, 1);
		assert_int_equal(fakedev_calls(r.fakedev, FAKEDEV_RX), i + 1);
	}
	/* Nobody is woken who polls. */
	rig_roundtrip_rx(&r, 60, 1);
	assert_int_equal(fakedev_calls(r.fakedev, FAKEDEV_RX), 20);
	rig_down(&r);
}

/* The packet came before the queue was armed: there is nothing to wait for. */
static void
for_one_that_is_there(void **state)
{
	uint8_t frame[60];
	struct sleeper s;
	struct rig r;

	rig_up(&r, &config);
	rig_frame(frame, sizeof(frame), 1);
	for (unsigned i = 0; i < 10; i++) {
		fakedev_rx_inject(r.fakedev, FAKEDEV_RX, frame, sizeof(frame));
		fall_asleep(&s, &r);
		wakes_up(&s, 1);
	}
	rig_down(&r);
}

/* Packets at any moment around the arming: none is slept over. */
static void
race(void **state)
{
	uint8_t frame[60];
	struct sleeper s;
	struct rig r;
	unsigned seen = 0;

	rig_up(&r, &config);
	rig_frame(frame, sizeof(frame), 1);
	for (unsigned i = 0; i < 500; i++) {
		memset(&s, 0, sizeof(s));
		s.r = &r;
		baton_worker_unbind(r.worker);
		assert_int_equal(pthread_create(&s.thread, NULL, sleep_once, &s), 0);
		for (volatile unsigned spin = 0; spin < i * 40; spin++)
			;
		assert_int_equal(fakedev_rx_inject(r.fakedev, FAKEDEV_RX, frame, sizeof(frame)), 1);
		pthread_join(s.thread, NULL);
		assert_int_equal(s.wakes, 1);
		seen += s.burst > 0 ? (unsigned)s.burst : 0;
	}
	assert_int_equal(seen, 500);
	rig_down(&r);
}

static void
for_a_queue_that_stops(void **state)
{
	struct sleeper s;
	struct rig r;

	rig_up(&r, &config);
	fall_asleep(&s, &r);
	assert_int_equal(baton_rxq_stop(r.rx), 0);
	wakes_up(&s, -ENETDOWN);
	assert_int_equal(baton_rxq_start(r.rx), 0);
	rig_roundtrip_rx(&r, 60, 1);
	rig_down(&r);
}

/* Another queue of the same worker is stopped: it has to acknowledge that. */
static void
for_another_queue(void **state)
{
	struct sleeper s;
	struct rig r;

	rig_up(&r, &config);
	fall_asleep(&s, &r);
	assert_int_equal(baton_txq_stop(r.tx), 0);
	wakes_up(&s, 0);
	rig_down(&r);
}

static void
for_a_port_that_stops(void **state)
{
	struct sleeper s;
	struct rig r;

	rig_up(&r, &config);
	fall_asleep(&s, &r);
	assert_int_equal(baton_port_stop(r.port), 0);
	wakes_up(&s, -ENETDOWN);
	rig_check_home(&r);
	rig_discard(&r);
}

static void
for_a_device_that_is_lost(void **state)
{
	struct sleeper s;
	struct rig r;

	rig_up(&r, &config);
	fakedev_set_deaf(r.fakedev, true);
	fall_asleep(&s, &r);
	fakedev_hang_up(r.fakedev);
	assert_true(rig_wait_event(&r, BATON_EVENT_LOST, 1, 5000));
	wakes_up(&s, -ENETDOWN);
	fakedev_set_deaf(r.fakedev, false);
	assert_true(rig_wait_event(&r, BATON_EVENT_BACK, 1, 5000));
	fall_asleep(&s, &r);
	assert_false(is_awake(&s));
	assert_int_equal(baton_port_set_link(r.port, 0), 0);
	wakes_up(&s, -ENETDOWN);
	rig_discard(&r);
}

/* A stopped queue may be slept on: its start wakes. */
static void
for_a_queue_that_starts(void **state)
{
	struct sleeper s;
	struct rig r;

	rig_up(&r, &config);
	assert_int_equal(baton_rxq_stop(r.rx), 0);
	fall_asleep(&s, &r);
	assert_false(is_awake(&s));
	assert_int_equal(baton_rxq_start(r.rx), 0);
	wakes_up(&s, 0);
	rig_down(&r);
}

/* The device does not wake: sleep goes on, stop works, and so does polling. */
static void
device_closed_its_end(void **state)
{
	uint8_t frame[60];
	struct sleeper s;
	struct rig r;

	rig_up(&r, &config);
	rig_frame(frame, sizeof(frame), 1);
	fakedev_close_call(r.fakedev, FAKEDEV_RX);
	fall_asleep(&s, &r);
	fakedev_rx_inject(r.fakedev, FAKEDEV_RX, frame, sizeof(frame));
	nap_ms(50);
	assert_false(is_awake(&s));
	assert_int_equal(baton_txq_stop(r.tx), 0);
	wakes_up(&s, 1);
	rig_down(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(for_a_packet),
		cmocka_unit_test(for_one_that_is_there),
		cmocka_unit_test(race),
		cmocka_unit_test(for_a_queue_that_stops),
		cmocka_unit_test(for_another_queue),
		cmocka_unit_test(for_a_port_that_stops),
		cmocka_unit_test(for_a_device_that_is_lost),
		cmocka_unit_test(for_a_queue_that_starts),
		cmocka_unit_test(device_closed_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
