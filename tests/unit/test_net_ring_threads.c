/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * net_ring between threads: nothing is lost, doubled or out of order, sleepers wake, and ports stop
 * whatever the other side does.
 */
#include <sched.h>
#include <semaphore.h>

#include "net_ring_rig.h"

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifdef SANITIZED
#define PACKETS 50000u
#else
#define PACKETS 500000u /* each way */
#endif

#define BURST 32u

static int
one_pool(void **state)
{
	return rig_up(state, 1);
}

static int
two_pools(void **state)
{
	return rig_up(state, 2);
}

/* A thread that sends numbered packets, and checks the numbers of those that it receives. */
struct player {
	struct end *e;
	unsigned queue;
	uint64_t to_send, sent; /* packets */
	uint64_t to_receive, received;
	bool sleeps;
	bool one_by_one; /* its bursts are short, so that rings are seldom full */
	unsigned naps;   /* atomic */
	unsigned faults;
	int error; /* of a burst */
	pthread_t thread;
	struct baton_token t[BURST];
	unsigned have; /* tokens of t that were not sent yet */
};

static void
fill(struct player *p)
{
	const unsigned want =
		p->to_send - p->sent < BURST ? (unsigned)(p->to_send - p->sent) : BURST;

	if (p->have)
		return;
	p->have = baton_alloc(p->e->worker, p->e->pool, p->t, p->one_by_one && want ? 1 : want);
	for (unsigned i = 0; i < p->have; i++) {
		const uint64_t number = p->sent + i;

		p->t[i].len = 60;
		memset(bytes(p->e, p->t[i]), (uint8_t)number, 60);
		memcpy(bytes(p->e, p->t[i]), &number, sizeof(number));
	}
}

/* Return: whether something was sent. */
static bool
send_some(struct player *p)
{
	int n;

	fill(p);
	n = baton_tx_burst(p->e->tx[p->queue], p->t, p->have);
	if (n < 0) {
		p->error = n;
		return false;
	}
	memmove(p->t, p->t + n, (p->have - (unsigned)n) * sizeof(*p->t));
	p->have -= (unsigned)n;
	p->sent += (unsigned)n;
	return n;
}

static bool
receive_some(struct player *p)
{
	struct baton_token t[BURST];
	const int n = baton_rx_burst(p->e->rx[p->queue], t, BURST);

	if (n < 0) {
		p->error = n;
		return false;
	}
	for (int i = 0; i < n; i++) {
		const uint8_t *at = bytes(p->e, t[i]);
		uint64_t number;

		memcpy(&number, at, sizeof(number));
		p->faults += t[i].len != 60 || number != p->received + (unsigned)i ||
			     at[59] != (uint8_t)number;
	}
	p->received += (unsigned)n;
	if (baton_free(p->e->worker, t, (unsigned)n) < 0)
		p->faults++;
	return n;
}

static void
nap(struct player *p)
{
	struct pollfd fd = { .events = POLLIN };

	if (!p->sleeps) {
		sched_yield();
		return;
	}
	fd.fd = baton_worker_arm(p->e->worker);
	__atomic_fetch_add(&p->naps, 1, __ATOMIC_RELAXED);
	/* A lost wake-up ends here. */
	if (fd.fd < 0 || poll(&fd, 1, 30000) != 1)
		p->faults++;
	baton_worker_disarm(p->e->worker);
}

static void *
play(void *arg)
{
	struct player *p = arg;

	while ((p->sent < p->to_send || p->received < p->to_receive) && !p->error && !p->faults) {
		bool any = p->sent < p->to_send && send_some(p);

		any |= p->received < p->to_receive && receive_some(p);
		if (!any)
			nap(p);
	}
	if (baton_free(p->e->worker, p->t, p->have) < 0)
		p->faults++;
	baton_worker_unbind(p->e->worker);
	return NULL;
}

static void
wait_for_nap(const struct player *p)
{
	while (!__atomic_load_n(&p->naps, __ATOMIC_RELAXED))
		sched_yield();
}

static void
begin(struct player *p)
{
	assert_int_equal(pthread_create(&p->thread, NULL, play, p), 0);
}

static void
finish(struct player *p)
{
	assert_int_equal(pthread_join(p->thread, NULL), 0);
	assert_int_equal(p->error, 0);
	assert_int_equal(p->faults, 0);
	assert_int_equal(p->sent, p->to_send);
	assert_int_equal(p->received, p->to_receive);
}

/* Both ways at once. */
static void
exchange_with(struct rig *r, uint64_t n, bool sleeps)
{
	struct player a = { .e = &r->a, .to_send = n, .to_receive = n, .sleeps = sleeps },
		      b = { .e = &r->b, .to_send = n, .to_receive = n, .sleeps = sleeps };

	start_both(r);
	begin(&a);
	begin(&b);
	finish(&a);
	finish(&b);
	assert_int_equal(stats(&r->a).tx_packets, n);
	assert_int_equal(stats(&r->b).rx_packets, n);
	assert_int_equal(stats(&r->b).tx_packets, n);
	assert_int_equal(stats(&r->a).rx_packets, n);
	all_home(r->a.pool);
	all_home(r->b.pool);
}

static void
exchange(void **state)
{
	exchange_with(*state, PACKETS, false);
}

static void
exchange_asleep(void **state)
{
	exchange_with(*state, PACKETS / 20, true);
}

/* One side sends and sleeps when there is no room, the other receives and sleeps when nothing is
 * there; each is slow for a while. */
static void
one_way_asleep(void **state)
{
	struct rig *r = *state;
	struct player a = { .e = &r->a, .to_send = PACKETS / 20, .sleeps = true },
		      b = { .e = &r->b, .to_receive = PACKETS / 20, .sleeps = true };

	start_both(r);
	begin(&a);
	wait_for_nap(&a);
	begin(&b);
	finish(&a);
	finish(&b);
	a.one_by_one = true;
	a.to_send += 2000;
	b.to_receive += 2000;
	b.naps = 0;
	begin(&b);
	wait_for_nap(&b);
	begin(&a);
	finish(&a);
	finish(&b);
}

/* A sender that sleeps since its peer is not started wakes when it is. */
static void
asleep_without_link(void **state)
{
	struct rig *r = *state;
	struct player a = { .e = &r->a, .to_send = 100, .sleeps = true };
	struct baton_token t[BURST];

	must(baton_port_start(r->a.port));
	begin(&a);
	wait_for_nap(&a);
	must(baton_port_start(r->b.port));
	for (unsigned got = 0; got < 100;) {
		const int n = baton_rx_burst(r->b.rx[0], t, BURST);

		must(n);
		got += (unsigned)n;
		must(baton_free(r->b.worker, t, (unsigned)n));
	}
	finish(&a);
}

/* Three threads send to a port with one RX queue. */
static void
three_to_one(void **state)
{
	struct rig *r = *state;
	struct end ends[RIG_QUEUES];
	struct player p[RIG_QUEUES] = { 0 };
	const uint64_t each = PACKETS / 10;
	uint64_t next[RIG_QUEUES] = { 0 }, got = 0;

	set_up(&r->a, 1, RIG_QUEUES);
	for (uint16_t i = 1; i < RIG_QUEUES; i++) {
		struct baton_queue_config qc = { .size = sizeof(qc), .descs = RIG_DESCS };

		must(baton_worker_create(r->ctx, NULL, &ends[i].worker));
		qc.worker = ends[i].worker;
		must(baton_txq_setup(r->a.port, i, &qc, &r->a.tx[i]));
	}
	start_both(r);
	for (unsigned i = 0; i < RIG_QUEUES; i++) {
		struct baton_worker *w = i ? ends[i].worker : r->a.worker;

		ends[i] = r->a;
		ends[i].worker = w;
		p[i] = (struct player){ .e = &ends[i], .queue = i, .to_send = each };
		begin(&p[i]);
	}
	while (got < RIG_QUEUES * each) {
		struct baton_token t[BURST];
		const int n = baton_rx_burst(r->b.rx[0], t, BURST);

		must(n);
		for (int k = 0; k < n; k++) {
			uint64_t number;
			unsigned i = 0;

			memcpy(&number, bytes(&r->b, t[k]), sizeof(number));
			while (i < RIG_QUEUES && next[i] != number)
				i++;
			assert_true(i < RIG_QUEUES); /* the next one of some sender */
			next[i]++;
		}
		must(baton_free(r->b.worker, t, (unsigned)n));
		got += (unsigned)n;
		if (!n)
			sched_yield();
	}
	for (unsigned i = 0; i < RIG_QUEUES; i++)
		finish(&p[i]);
	must(baton_port_close(r->a.port));
	r->a.port = NULL;
	for (unsigned i = 1; i < RIG_QUEUES; i++)
		must(baton_worker_destroy(ends[i].worker));
}

/* ---- stops under traffic ---- */

static bool ending;

static void *
send_for_ever(void *arg)
{
	struct player *p = arg;

	while (!__atomic_load_n(&ending, __ATOMIC_RELAXED))
		if (!send_some(p) && p->error == -ENETDOWN)
			p->error = 0; /* its port is stopped for a while */
	if (baton_free(p->e->worker, p->t, p->have) < 0)
		p->faults++;
	baton_worker_unbind(p->e->worker);
	return NULL;
}

/* Receive at least @least packets; 0: what is there. */
static uint64_t
receive(struct rig *r, uint64_t least)
{
	struct baton_token t[BURST];
	uint64_t sum = 0;
	int n;

	do {
		n = baton_rx_burst(r->b.rx[0], t, BURST);
		must(n);
		must(baton_free(r->b.worker, t, (unsigned)n));
		sum += (unsigned)n;
		if (!n)
			sched_yield();
	} while (sum < least || (n && !least));
	return sum;
}

/* Each packet that was taken was received or counted as discarded. */
static void
stop_under_traffic(void **state)
{
	struct rig *r = *state;
	struct player a = { .e = &r->a, .to_send = UINT64_MAX };
	uint64_t received = 0, discarded = 0;

	start_both(r);
	ending = false;
	assert_int_equal(pthread_create(&a.thread, NULL, send_for_ever, &a), 0);
	for (unsigned k = 0; k < 200; k++) {
		received += receive(r, 50);
		if (k % 4 == 0) {
			must(baton_port_stop(r->b.port));
			if (k % 8)
				set_up_descs(&r->b, 1, 1, 0, k % 16 ? 32 : 128, 64);
			must(baton_port_start(r->b.port));
		} else if (k % 4 == 1) {
			must(baton_rxq_stop(r->b.rx[0]));
			must(baton_rxq_start(r->b.rx[0]));
		} else if (k % 4 == 2) {
			must(baton_port_stop(r->a.port));
			must(baton_port_start(r->a.port));
		} else {
			must(baton_port_stop(r->b.port));
			discarded += stats(&r->b).rx_discarded;
			must(baton_port_close(r->b.port));
			open_end(r, &r->b, "net_ring1");
			must(baton_port_start(r->b.port));
		}
	}
	__atomic_store_n(&ending, true, __ATOMIC_RELAXED);
	assert_int_equal(pthread_join(a.thread, NULL), 0);
	received += receive(r, 0);
	assert_int_equal(a.error, 0);
	assert_int_equal(a.faults, 0);
	discarded += stats(&r->b).rx_discarded + stats(&r->a).tx_discarded;
	assert_int_equal(received + discarded, a.sent);
	assert_int_equal(stats(&r->a).tx_packets, a.sent);
	all_home(r->a.pool);
	all_home(r->b.pool);
}

/* ---- a sender that stays in its burst ---- */

static sem_t inside, leave;

static void
stay(void)
{
	sem_post(&inside);
	while (sem_wait(&leave))
		;
}

static void *
send_bad(void *arg)
{
	struct end *e = arg;
	struct baton_token t[2];

	make_packets(e, t, 2, 60, 0);
	t[1].gen++; /* not the sender's */
	if (baton_tx_burst(e->tx[0], t, 2) != 1 || baton_tx_burst(e->tx[0], t + 1, 1) != -EPERM)
		abort();
	t[1].gen--;
	if (baton_tx_burst(e->tx[0], t + 1, 1) != 0) /* the link is down */
		abort();
	must(baton_free(e->worker, t + 1, 1));
	baton_worker_unbind(e->worker);
	return NULL;
}

/* The receiver stops in time, does not start before the sender has left, and nothing is lost. */
static void
late_sender(void **state)
{
	struct rig *r = *state;
	struct baton_port_config pc = { .size = sizeof(pc), .rx_queues = 1, .tx_queues = 1 };
	struct baton_queue_config qc = { .size = sizeof(qc), .descs = RIG_DESCS };
	pthread_t thread;

	sem_init(&inside, 0, 0);
	sem_init(&leave, 0, 0);
	r->violated = stay;
	pc.stop_timeout_ms = 20;
	must(baton_port_configure(r->b.port, &pc));
	qc.worker = r->b.worker;
	must(baton_txq_setup(r->b.port, 0, &qc, &r->b.tx[0]));
	qc.pool = r->b.pool;
	must(baton_rxq_setup(r->b.port, 0, &qc, &r->b.rx[0]));
	start_both(r);
	assert_int_equal(pthread_create(&thread, NULL, send_bad, &r->a), 0);
	while (sem_wait(&inside))
		;
	must(baton_port_stop(r->b.port));
	assert_int_equal(stats(&r->b).rx_discarded, 1);
	refused(baton_port_start(r->b.port), ETIMEDOUT, "a worker of net_ring0 is still inside");
	sem_post(&leave);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(r->violations, 1);
	r->violations = 0;
	r->violated = NULL;
	must(baton_port_start(r->b.port));
	pass(&r->a, 0, &r->b, 0, 5);
	sem_destroy(&inside);
	sem_destroy(&leave);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(exchange, one_pool, rig_down),
		cmocka_unit_test_setup_teardown(exchange, two_pools, rig_down),
		cmocka_unit_test_setup_teardown(exchange_asleep, one_pool, rig_down),
		cmocka_unit_test_setup_teardown(exchange_asleep, two_pools, rig_down),
		cmocka_unit_test_setup_teardown(one_way_asleep, one_pool, rig_down),
		cmocka_unit_test_setup_teardown(asleep_without_link, one_pool, rig_down),
		cmocka_unit_test_setup_teardown(three_to_one, one_pool, rig_down),
		cmocka_unit_test_setup_teardown(stop_under_traffic, one_pool, rig_down),
		cmocka_unit_test_setup_teardown(stop_under_traffic, two_pools, rig_down),
		cmocka_unit_test_setup_teardown(late_sender, one_pool, rig_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
