/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The traffic of baton-perf through a device under test that drops above a rate, delays, reorders,
 * duplicates, damages, keeps packets until the next trial, and sends some of its own. The device
 * knows nothing of what is in the packets: it keeps a ledger of their places, and what the
 * instrument must have counted is computed from that alone. A busy machine makes trials void, but
 * no count wrong.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "hist.h"
#include "traffic.h"

#define BUFS      16384u
#define DELAYED   4096u /* packets that wait in a direction, at most */
#define LEDGER    (1u << 20)
#define IDLE_NS   20000000u
#define TRIALS    3u  /* at least */
#define MOST      12u /* until there was enough of each kind */
#define LOAD      20000.0
#define SECONDS   1.0
#define REORDER   100u
#define DUPLICATE 1000u
#define DAMAGE    1300u
#define FOREIGN   700u

struct waiting {
	struct baton_token token;
	uint64_t came, leaves; /* ns */
	uint32_t place;
};

/* One direction of the device. */
struct way {
	struct baton_rxq *rxq;
	struct baton_txq *txq;
	/* The ledger. */
	uint32_t came;              /* packets, and the place of the next one */
	uint32_t delivered[LEDGER]; /* places, in the order of delivery */
	uint32_t n;                 /* of these */
	uint32_t dropped, damaged, foreign, late;
	struct hist *delay; /* ns, of whole first copies */
	/* What it works with. */
	struct waiting queue[DELAYED];
	uint32_t head, tail;
	struct waiting held; /* to be overtaken */
	bool holds;
	struct baton_token kept; /* for the next trial */
	bool keeps, owes;
	double bucket;
	uint64_t last, last_leaves;
};

struct device {
	struct baton_ctx *ctx;
	struct baton_worker *worker;
	struct baton_pool *pool;
	struct baton_port *port[2];
	struct way way[2];
	unsigned seed;
	double rate; /* packets a second that it forwards; 0: all */
	pthread_t thread;
	unsigned stop; /* atomic */
};

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void
must(int ret)
{
	if (ret >= 0)
		return;
	fprintf(stderr, "%s\n", baton_last_error());
	abort();
}

/* ---- the device ---- */

static void
send(struct way *w, struct baton_token t)
{
	while (baton_tx_burst(w->txq, &t, 1) != 1)
		sched_yield();
}

static void
deliver(struct way *w, const struct waiting *p)
{
	hist_record(w->delay, now_ns() - p->came);
	send(w, p->token);
	w->delivered[w->n++] = p->place;
}

/* Behind one of its successors, a packet that was held has been overtaken. */
static void
pass_on(struct device *d, struct way *w, const struct waiting *p)
{
	struct baton_token copy;
	bool twice = p->place % DUPLICATE == DUPLICATE / 2;

	if (p->place % REORDER == REORDER / 2 && !w->holds) {
		w->held = *p;
		w->holds = true;
		return;
	}
	if (twice)
		must(baton_packet_copy(d->worker, d->pool, &p->token, 1, &copy, 1));
	if (p->place == 1234 && !w->keeps) {
		must(baton_packet_copy(d->worker, d->pool, &p->token, 1, &w->kept, 1));
		w->keeps = true;
	}
	deliver(w, p);
	if (twice) {
		send(w, copy);
		w->delivered[w->n++] = p->place;
	}
	if (w->holds) {
		deliver(w, &w->held);
		w->holds = false;
	}
}

static void
send_own(struct device *d, struct way *w)
{
	static const uint8_t arp[60] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 9, 8, 6
	};
	struct baton_token t;

	if (baton_alloc(d->worker, d->pool, &t, 1) != 1)
		return;
	t.len = sizeof(arp);
	memcpy(baton_data(d->worker, t), arp, sizeof(arp));
	send(w, t);
	w->foreign++;
}

/* Above its rate the device drops, but for a burst of 64. */
static bool
has_room(struct device *d, struct way *w, uint64_t now)
{
	if (d->rate <= 0)
		return true;
	w->bucket += (double)(now - w->last) * d->rate / 1e9;
	w->last = now;
	w->bucket = w->bucket > 64 ? 64 : w->bucket;
	if (w->bucket < 1)
		return false;
	w->bucket -= 1;
	return true;
}

static void
arrive(struct device *d, struct way *w, struct baton_token t, uint64_t now)
{
	uint32_t place = w->came++;
	struct waiting *p;

	if (place % FOREIGN == FOREIGN / 2)
		send_own(d, w);
	if (!has_room(d, w, now) || w->tail - w->head == DELAYED || w->n + 4 > LEDGER) {
		w->dropped++;
		must(baton_free(d->worker, &t, 1));
		return;
	}
	if (place % DAMAGE == DAMAGE / 2) {
		/* Any bit behind the MAC addresses. */
		unsigned bit = 96 + (unsigned)rand_r(&d->seed) % (t.len * 8u - 96);

		((uint8_t *)baton_data(d->worker, t))[bit / 8] ^= (uint8_t)(1 << bit % 8);
		send(w, t);
		w->damaged++;
		return;
	}
	/* 20 to 70 us, and none overtakes another by that. */
	p = &w->queue[w->tail++ % DELAYED];
	*p = (struct waiting){ t, now, now + 20000 + (unsigned)rand_r(&d->seed) % 50000, place };
	if (p->leaves < w->last_leaves)
		p->leaves = w->last_leaves;
	w->last_leaves = p->leaves;
}

static void
serve(struct device *d, struct way *w, bool idle)
{
	struct baton_token t[32];
	int n = baton_rx_burst(w->rxq, t, 32);
	uint64_t now = now_ns();

	must(n);
	for (int i = 0; i < n; i++)
		arrive(d, w, t[i], now);
	for (now = now_ns(); w->head != w->tail && w->queue[w->head % DELAYED].leaves <= now;)
		pass_on(d, w, &w->queue[w->head++ % DELAYED]);
	if (idle && w->holds && w->head == w->tail) {
		deliver(w, &w->held);
		w->holds = false;
	}
}

static void *
device_main(void *arg)
{
	struct device *d = arg;
	uint64_t last = now_ns();
	uint32_t came = 0;

	must(baton_worker_bind(d->worker));
	for (unsigned i = 0; i < 2; i++)
		d->way[i].owes = d->way[i].keeps;
	while (!__atomic_load_n(&d->stop, __ATOMIC_RELAXED)) {
		uint32_t all = d->way[0].came + d->way[1].came;

		if (all != came)
			last = now_ns();
		came = all;
		for (unsigned i = 0; i < 2; i++) {
			struct way *w = &d->way[i];

			serve(d, w, now_ns() - last > IDLE_NS);
			/* What was kept comes with the first packets of the new trial. */
			if (w->owes && w->came) {
				send(w, w->kept);
				w->late++;
				w->owes = w->keeps = false;
			}
		}
		sched_yield();
	}
	baton_worker_unbind(d->worker);
	return NULL;
}

/* ---- the device and the instrument ---- */

static void
device_begin(struct device *d)
{
	for (unsigned i = 0; i < 2; i++) {
		struct way *w = &d->way[i];

		w->came = w->n = w->dropped = w->damaged = w->foreign = w->late = 0;
		w->last = now_ns();
		hist_reset(w->delay);
	}
	d->stop = 0;
	assert_int_equal(pthread_create(&d->thread, NULL, device_main, d), 0);
}

static void
device_end(struct device *d)
{
	__atomic_store_n(&d->stop, 1, __ATOMIC_RELAXED);
	pthread_join(d->thread, NULL);
}

/* The device's own ends, once the instrument's are open. */
static void
device_connect(struct device *d)
{
	static const char *const names[] = { "net_ring2", "net_ring3" };

	for (unsigned i = 0; i < 2; i++) {
		struct baton_queue_config q;

		must(baton_port_open(d->ctx, names[i], &d->port[i]));
		must(baton_port_configure(d->port[i], NULL));
		baton_queue_config_init(&q);
		q.descs = 1024;
		q.worker = d->worker;
		must(baton_txq_setup(d->port[i], 0, &q, &d->way[!i].txq));
		q.pool = d->pool;
		must(baton_rxq_setup(d->port[i], 0, &q, &d->way[i].rxq));
		must(baton_port_start(d->port[i]));
	}
}

static struct device *
device_new(void)
{
	struct device *d = calloc(1, sizeof(*d));
	struct baton_pool_config pool;

	assert_non_null(d);
	must(baton_ctx_create(NULL, &d->ctx));
	baton_pool_config_init(&pool);
	pool.count = BUFS;
	pool.page_size = BATON_PAGE_BASE;
	must(baton_pool_create(d->ctx, &pool, &d->pool));
	must(baton_worker_create(d->ctx, NULL, &d->worker));
	for (unsigned i = 0; i < 2; i++)
		d->way[i].delay = hist_new();
	return d;
}

/* The pools of the instrument are in use as long as these ports are open. */
static void
device_disconnect(struct device *d)
{
	for (unsigned i = 0; i < 2; i++) {
		if (d->way[i].keeps)
			must(baton_free(d->worker, &d->way[i].kept, 1));
		must(baton_port_close(d->port[i]));
	}
}

static void
device_free(struct device *d)
{
	hist_free(d->way[0].delay);
	hist_free(d->way[1].delay);
	must(baton_worker_destroy(d->worker));
	must(baton_pool_destroy(d->pool));
	must(baton_ctx_destroy(d->ctx));
	free(d);
}

/* What the instrument must have counted, from the order of delivery alone. */
static struct trial_accounts
expected(const struct way *w)
{
	struct trial_accounts a = {
		.sent = w->came, .damaged = w->damaged, .late = w->late, .foreign = w->foreign
	};
	uint8_t *seen = calloc(w->came + 1, 1);
	uint32_t next = 0;

	for (uint32_t i = 0; i < w->n; i++) {
		uint32_t place = w->delivered[i];

		if (seen[place]++) {
			a.duplicate++;
			continue;
		}
		a.unique++;
		a.reordered += place < next;
		next = place >= next ? place + 1 : next;
	}
	a.lost = a.sent - a.unique;
	a.received = a.unique + a.duplicate + a.damaged + a.foreign + a.late;
	assert_int_equal(a.lost, w->dropped + w->damaged);
	free(seen);
	return a;
}

/* What was measured contains the delay in the device, packet by packet: so do all percentiles. */
static void
check_latency(const struct way *w, const struct trial_direction *dir)
{
	static const double percents[] = { 0, 10, 50, 90, 99, 99.9, 100 };

	assert_int_equal(dir->latency->n, dir->accounts.unique);
	for (unsigned i = 0; i < 7; i++) {
		double own = (double)hist_percentile(w->delay, percents[i]);
		double got = (double)hist_percentile(dir->latency, percents[i]);

		if (got * 1.003 < own)
			fail_msg("%g %%: %.0f ns, and the device alone took %.0f", percents[i], got,
				 own);
	}
}

#define KINDS 6

static void
add_kinds(const struct trial_accounts *a, uint64_t total[KINDS])
{
	total[0] += a->unique;
	total[1] += a->lost - a->damaged;
	total[2] += a->duplicate;
	total[3] += a->damaged;
	total[4] += a->foreign;
	total[5] += a->reordered;
}

static void
one_trial(struct device *d, struct traffic *t, unsigned nth, uint64_t total[KINDS], uint64_t *late)
{
	struct trial_request q = { .load = LOAD, .seconds = SECONDS };
	struct trial_result r = { .voided = 0 };

	device_begin(d);
	assert_int_equal(traffic_trial(t, &q, &r), 0);
	device_end(d);
	assert_int_equal(r.n_directions, 2);
	for (unsigned i = 0; i < 2; i++) {
		struct trial_accounts want = expected(&d->way[i]);
		const struct trial_accounts *got = &r.direction[i].accounts;

		printf("trial %u, %s: sent %u, unique %u, lost %u, duplicate %u, late %u, damaged "
		       "%u, foreign %u, reordered %u%s%s\n",
		       nth, r.direction[i].name, (unsigned)want.sent, (unsigned)want.unique,
		       (unsigned)want.lost, (unsigned)want.duplicate, (unsigned)want.late,
		       (unsigned)want.damaged, (unsigned)want.foreign, (unsigned)want.reordered,
		       r.voided ? "; void: " : "", r.reason);
		assert_true(trial_accounts_hold(got));
		assert_int_equal(got->sent, want.sent);
		assert_int_equal(got->unique, want.unique);
		assert_int_equal(got->lost, want.lost);
		assert_int_equal(got->duplicate, want.duplicate);
		assert_int_equal(got->late, want.late);
		assert_int_equal(got->damaged, want.damaged);
		assert_int_equal(got->foreign, want.foreign);
		assert_int_equal(got->reordered, want.reordered);
		assert_int_equal(got->received, want.received);
		check_latency(&d->way[i], &r.direction[i]);
		/* There is something to be counted, of each kind. */
		add_kinds(&want, total);
		*late += want.late;
	}
}

static uint64_t
fewest(const uint64_t total[KINDS])
{
	uint64_t n = total[0];

	for (unsigned i = 1; i < KINDS; i++)
		n = total[i] < n ? total[i] : n;
	return n;
}

static void
ledger(void **state)
{
	struct device *d = device_new();
	struct traffic_config c = { .n_ports = 2,
				    .port = { "net_ring0,peer=net_ring2", "net_ring1,peer=net_"
									  "ring3" },
				    .no_huge = true,
				    .max_size = 1518,
				    .clock = { .hz = tsc_hz(50) },
				    .quiet_ms = 500 };
	uint64_t total[KINDS] = { 0 }, late = 0;
	struct size_mix mix;
	struct traffic *t;
	char why[WHY];

	assert_true(field_parse("", "10.0.0.1-10.0.0.200", FIELD_ADDRESS, &c.flows.src, why));
	assert_true(mix_parse("64,570,128", &mix, why));
	t = traffic_new(d->ctx, &c, why);
	if (!t)
		fail_msg("%s", why);
	device_connect(d);
	assert_true(traffic_wait_links(t, 5, why));
	assert_int_equal(traffic_size(t, &mix, why), 0);
	for (unsigned i = 0; i < MOST && (i < TRIALS || !late || fewest(total) < 5); i++) {
		d->rate = i % 2 ? 0 : LOAD * 0.9;
		one_trial(d, t, i, total, &late);
	}
	assert_true(late && fewest(total) >= 5);
	device_disconnect(d);
	if (!traffic_free(t, why))
		fail_msg("%s", why);
	device_free(d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(ledger) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
