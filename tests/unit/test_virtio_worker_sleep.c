/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A worker asleep in baton_worker_arm() wakes for all it does, and keeps no port from stopping or
 * coming back, even when it does not wake.
 */
#include "rig.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <baton/ring.h>

#include "dma/pool.h"

/* A worker that must be waited for is one that holds up a stop for so long. */
#define STOP_MS 8000u

static const struct rig_config config = { .pool_count = 4096, .stop_timeout_ms = STOP_MS };

static int
readable(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms);
}

static void
inject(struct rig *r)
{
	uint8_t frame[60];

	rig_frame(frame, sizeof(frame), 1);
	assert_int_equal(fakedev_rx_inject(r->fakedev, FAKEDEV_RX, frame, sizeof(frame)), 1);
}

static int
receive(struct rig *r)
{
	struct baton_token t[RIG_BURST];
	int n = baton_rx_burst(r->rx, t, RIG_BURST);

	if (n > 0)
		assert_int_equal(baton_free(r->worker, t, (unsigned)n), 0);
	return n;
}

/* ---- what wakes it ---- */

static void
for_packets_and_tokens(void **state)
{
	struct baton_ring_config rc = { .size = sizeof(rc) };
	struct baton_token t = { 0 };
	struct baton_ring *ring;
	struct rig r;
	int fd;

	rig_up(&r, &config);
	rc.consumer = r.worker;
	assert_int_equal(baton_ring_create(r.ctx, &rc, &ring), 0);
	receive(&r); /* it knows that its port was started */
	baton_tx_clean(r.tx, 1);
	for (unsigned i = 0; i < 5; i++) {
		fd = baton_worker_arm(r.worker);
		assert_true(fd >= 0);
		assert_int_equal(readable(fd, 0), 0);
		inject(&r);
		assert_int_equal(readable(fd, 5000), 1);
		baton_worker_disarm(r.worker);
		assert_int_equal(readable(fd, 0), 0);
		/* There already. */
		assert_int_equal(baton_worker_arm(r.worker), fd);
		assert_int_equal(readable(fd, 0), 1);
		baton_worker_disarm(r.worker);
		assert_int_equal(receive(&r), 1);
		assert_int_equal(baton_worker_arm(r.worker), fd);
		assert_int_equal(readable(fd, 0), 0);
		assert_int_equal(baton_ring_enqueue(ring, &t, 1), 1);
		assert_int_equal(readable(fd, 5000), 1);
		baton_worker_disarm(r.worker);
		assert_int_equal(baton_ring_dequeue(ring, &t, 1), 1);
	}
	assert_int_equal(baton_ring_destroy(ring), 0);
	rig_down(&r);
}

/* The three calls in one. */
static void
sleeps(void **state)
{
	struct baton_ring_config rc = { .size = sizeof(rc) };
	struct baton_token t = { 0 };
	struct baton_ring *ring;
	struct rig r;

	rig_up(&r, &config);
	rc.consumer = r.worker;
	assert_int_equal(baton_ring_create(r.ctx, &rc, &ring), 0);
	receive(&r);
	baton_tx_clean(r.tx, 1);
	assert_int_equal(baton_worker_sleep(r.worker, 0), 0);
	assert_int_equal(baton_worker_sleep(r.worker, 5), 0);
	inject(&r);
	assert_int_equal(baton_worker_sleep(r.worker, 0), 1);
	assert_int_equal(baton_worker_sleep(r.worker, -1), 1);
	assert_int_equal(receive(&r), 1);
	assert_int_equal(baton_ring_enqueue(ring, &t, 1), 1);
	assert_int_equal(baton_worker_sleep(r.worker, -1), 1);
	assert_int_equal(baton_ring_dequeue(ring, &t, 1), 1);
	assert_int_equal(baton_worker_sleep(r.worker, 0), 0);
	/* It is awake: a stop needs it. */
	assert_false(dma_worker_sleeps(r.worker));
	assert_int_equal(baton_ring_destroy(ring), 0);
	rig_down(&r);
}

/* Send until there is no room. Return: packets in flight. */
static unsigned
fill_up(struct rig *r)
{
	struct baton_token t;
	unsigned n = 0;

	for (;; n++) {
		assert_int_equal(baton_alloc(r->worker, r->pool, &t, 1), 1);
		t.len = 60;
		if (baton_tx_burst(r->tx, &t, 1) != 1)
			break;
	}
	assert_int_equal(baton_free(r->worker, &t, 1), 0);
	return n;
}

static void
for_room(void **state)
{
	struct wire_net_header header;
	uint8_t frame[RIG_FRAME_MAX];
	struct rig r;
	unsigned n;
	int fd;

	rig_up(&r, &config);
	receive(&r);
	rig_roundtrip_tx(&r, 60, 1);
	n = fill_up(&r);
	fd = baton_worker_arm(r.worker);
	assert_true(fd >= 0);
	assert_int_equal(readable(fd, 0), 0);
	for (unsigned i = 0; i < n; i++) {
		size_t len = sizeof(frame);
		int head = fakedev_tx_collect(r.fakedev, FAKEDEV_TX, &header, frame, &len);

		assert_true(head >= 0);
		fakedev_complete(r.fakedev, FAKEDEV_TX, (uint32_t)head, 0);
	}
	assert_int_equal(readable(fd, 5000), 1);
	baton_worker_disarm(r.worker);
	assert_true(baton_tx_clean(r.tx, 256) >= 0);
	assert_int_equal(baton_txq_in_flight(r.tx), 0);
	/* With room, completions wake nobody. */
	rig_roundtrip_tx(&r, 60, 2);
	assert_int_equal(baton_worker_arm(r.worker), fd);
	assert_int_equal(readable(fd, 0), 0);
	baton_worker_disarm(r.worker);
	rig_down(&r);
}

/* What the control thread does is news once, also what it did before. */
static void
for_the_control_thread(void **state)
{
	struct rig r;
	int fd;

	rig_up(&r, &config);
	fd = baton_worker_arm(r.worker);
	assert_int_equal(readable(fd, 0), 1); /* the port was started */
	baton_worker_disarm(r.worker);
	assert_int_equal(baton_worker_arm(r.worker), fd);
	assert_int_equal(readable(fd, 0), 0);
	assert_int_equal(baton_txq_stop(r.tx), 0);
	assert_int_equal(readable(fd, 0), 1);
	baton_worker_disarm(r.worker);
	assert_int_equal(baton_worker_arm(r.worker), fd);
	assert_int_equal(readable(fd, 0), 0);
	assert_int_equal(baton_txq_start(r.tx), 0);
	assert_int_equal(readable(fd, 0), 1);
	baton_worker_disarm(r.worker);
	/* Between two sleeps. */
	assert_int_equal(baton_rxq_stop(r.rx), 0);
	assert_int_equal(baton_rxq_start(r.rx), 0);
	assert_int_equal(baton_worker_arm(r.worker), fd);
	assert_int_equal(readable(fd, 0), 1);
	baton_worker_disarm(r.worker);
	/* A port that is closed and set up anew while its worker sleeps. */
	assert_int_equal(baton_worker_arm(r.worker), fd);
	assert_int_equal(baton_port_stop(r.port), 0);
	baton_worker_disarm(r.worker);
	rig_discard(&r);
}

/* ---- a worker that never wakes ---- */

struct sleeper {
	struct rig *r;
	struct baton_worker *worker;
	pthread_t thread;
	sem_t asleep, go_on;
	bool forgets; /* to disarm */
	int fd, rx, tx;
};

/* The descriptor is not looked at. */
static void *
sleep_elsewhere(void *arg)
{
	struct sleeper *s = arg;
	struct baton_token t;

	baton_worker_bind(s->worker);
	s->fd = baton_worker_arm(s->worker);
	sem_post(&s->asleep);
	while (sem_wait(&s->go_on))
		;
	if (!s->forgets)
		baton_worker_disarm(s->worker);
	s->rx = s->worker == s->r->worker ? baton_rx_burst(s->r->rx, &t, 0) : 0;
	s->tx = baton_tx_clean(s->r->tx, 1);
	baton_worker_unbind(s->worker);
	return NULL;
}

static void
fall_asleep(struct sleeper *s, struct rig *r, struct baton_worker *worker)
{
	memset(s, 0, sizeof(*s));
	s->r = r;
	s->worker = worker;
	sem_init(&s->asleep, 0, 0);
	sem_init(&s->go_on, 0, 0);
	baton_worker_unbind(worker);
	assert_int_equal(pthread_create(&s->thread, NULL, sleep_elsewhere, s), 0);
	while (sem_wait(&s->asleep))
		;
	assert_true(s->fd >= 0);
}

static void
wake(struct sleeper *s)
{
	sem_post(&s->go_on);
	pthread_join(s->thread, NULL);
	sem_destroy(&s->asleep);
	sem_destroy(&s->go_on);
}

static void
port_stops(void **state)
{
	for (unsigned forgets = 0; forgets < 2; forgets++) {
		uint64_t begin = rig_now_ms();
		struct sleeper s;
		struct rig r;

		rig_up(&r, &config);
		fall_asleep(&s, &r, r.worker);
		s.forgets = forgets;
		assert_int_equal(baton_txq_stop(r.tx), 0);
		assert_int_equal(baton_txq_start(r.tx), 0);
		assert_int_equal(baton_port_stop(r.port), 0);
		assert_int_equal(baton_port_start(r.port), 0);
		assert_int_equal(baton_port_reset(r.port), 0);
		assert_int_equal(readable(s.fd, 0), 1);
		assert_true(rig_now_ms() - begin < STOP_MS);
		wake(&s);
		assert_int_equal(s.rx, -ENETDOWN);
		assert_int_equal(s.tx, -ENETDOWN);
		assert_false(dma_worker_sleeps(r.worker));
		rig_check_home(&r);
		rig_discard(&r);
	}
}

/* A TX-only worker that sleeps on something else, for good: the port is lost and comes back. */
static void
port_comes_back(void **state)
{
	struct baton_worker_config wc = { .size = sizeof(wc), .cache_size = 64 };
	struct baton_queue_config qc = { .size = sizeof(qc), .descs = 256 };
	struct sleeper s;
	struct rig r;

	rig_up(&r, &config);
	assert_int_equal(baton_port_stop(r.port), 0);
	assert_int_equal(baton_worker_create(r.ctx, &wc, &qc.worker), 0);
	assert_int_equal(baton_txq_setup(r.port, 0, &qc, &r.tx), 0);
	assert_int_equal(baton_port_start(r.port), 0);
	fall_asleep(&s, &r, qc.worker);
	for (unsigned i = 1; i <= 3; i++) {
		fakedev_hang_up(r.fakedev);
		assert_true(rig_wait_event(&r, BATON_EVENT_LOST, i, 5000));
		assert_true(rig_wait_event(&r, BATON_EVENT_BACK, i, 5000));
		rig_roundtrip_rx(&r, 60, i);
	}
	assert_int_equal(readable(s.fd, 0), 1);
	wake(&s);
	assert_int_equal(s.tx, 0);
	assert_int_equal(baton_port_stop(r.port), 0);
	/* Gone with its worker asleep: nothing looks for it any more. */
	assert_int_equal(baton_port_start(r.port), 0);
	fall_asleep(&s, &r, qc.worker);
	assert_int_equal(baton_port_close(r.port), 0);
	r.port = NULL;
	s.r->tx = NULL;
	wake(&s);
	assert_int_equal(baton_worker_destroy(qc.worker), 0);
	rig_discard(&r);
}

/* ---- both at once ---- */

struct looper {
	struct rig *r;
	pthread_t thread;
	bool stop;
	unsigned sleeps, bursts, faults;
};

/* As an application does it: sleep when there is nothing. */
static void *
loop(void *arg)
{
	struct looper *l = arg;
	struct baton_token t[RIG_BURST];

	baton_worker_bind(l->r->worker);
	while (!__atomic_load_n(&l->stop, __ATOMIC_RELAXED)) {
		int n = baton_rx_burst(l->r->rx, t, RIG_BURST), sent = 0, fd;

		l->bursts++;
		if (n > 0) {
			sent = baton_tx_burst(l->r->tx, t, (unsigned)n);
			sent = sent > 0 ? sent : 0;
			l->faults += baton_free(l->r->worker, t + sent, (unsigned)(n - sent)) < 0;
			continue;
		}
		l->faults += n < 0 && n != -ENETDOWN;
		baton_tx_clean(l->r->tx, 64);
		fd = baton_worker_arm(l->r->worker);
		/* It may wait for the next thing to be done. */
		l->faults += fd < 0 || readable(fd, 20) < 0;
		baton_worker_disarm(l->r->worker);
		l->sleeps++;
	}
	baton_worker_unbind(l->r->worker);
	return NULL;
}

static void
stops_and_starts(void **state)
{
	struct looper l = { 0 };
	struct rig r;

	rig_up(&r, &config);
	baton_worker_unbind(r.worker);
	l.r = &r;
	assert_int_equal(pthread_create(&l.thread, NULL, loop, &l), 0);
	for (unsigned i = 0; i < 60; i++) {
		inject(&r);
		nanosleep(&(struct timespec){ .tv_nsec = i * 20000 }, NULL);
		if (i % 3 == 0) {
			assert_int_equal(baton_port_stop(r.port), 0);
			assert_int_equal(baton_port_start(r.port), 0);
		} else {
			assert_int_equal(i & 1 ? baton_rxq_stop(r.rx) : baton_txq_stop(r.tx), 0);
			assert_int_equal(i & 1 ? baton_rxq_start(r.rx) : baton_txq_start(r.tx), 0);
		}
	}
	__atomic_store_n(&l.stop, true, __ATOMIC_RELAXED);
	pthread_join(l.thread, NULL);
	print_message("%u bursts, %u sleeps\n", l.bursts, l.sleeps);
	assert_int_equal(l.faults, 0);
	assert_int_equal(baton_port_stop(r.port), 0);
	rig_check_home(&r);
	rig_discard(&r);
}

/* A port that cannot wake anybody is named. */
static void
cannot_be_woken(void **state)
{
	struct baton_port_config pc = { .size = sizeof(pc), .rx_queues = 1, .tx_queues = 1 };
	struct baton_queue_config qc = { .size = sizeof(qc), .descs = 64 };
	struct baton_port *null;
	struct baton_rxq *rxq;
	struct baton_txq *txq;
	struct rig r;

	rig_up(&r, &config);
	receive(&r);
	assert_int_equal(baton_port_open(r.ctx, "net_null0", &null), 0);
	assert_int_equal(baton_port_configure(null, &pc), 0);
	qc.worker = r.worker;
	assert_int_equal(baton_txq_setup(null, 0, &qc, &txq), 0);
	assert_true(baton_worker_arm(r.worker) >= 0);
	baton_worker_disarm(r.worker);
	qc.pool = r.pool;
	assert_int_equal(baton_rxq_setup(null, 0, &qc, &rxq), 0);
	assert_int_equal(baton_worker_arm(r.worker), -ENOTSUP);
	assert_non_null(strstr(baton_last_error(), "net_null0 rxq 0"));
	assert_int_equal(baton_worker_sleep(r.worker, -1), 1); /* to poll it again */
	assert_int_equal(baton_worker_sleep(r.worker, 0), 0);
	assert_false(dma_worker_sleeps(r.worker));
	/* The others are as they were. */
	inject(&r);
	assert_int_equal(receive(&r), 1);
	assert_int_equal(fakedev_calls(r.fakedev, FAKEDEV_RX), 0);
	assert_int_equal(baton_port_close(null), 0);
	rig_down(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(for_packets_and_tokens),
		cmocka_unit_test(sleeps),
		cmocka_unit_test(for_room),
		cmocka_unit_test(for_the_control_thread),
		cmocka_unit_test(port_stops),
		cmocka_unit_test(port_comes_back),
		cmocka_unit_test(stops_and_starts),
		cmocka_unit_test(cannot_be_woken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
