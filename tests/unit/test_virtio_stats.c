/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Statistics agree: a queue's with what was done, a port's with its queues', names with numbers;
 * after any sequence of bursts, good and bad packets, resets, stops, lost devices and
 * reconfiguration. The model below counts on its own, from what calls returned.
 */
#include "traffic.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEPS      6000
#define DESCS      64
#define PENDING    40 /* buffers completed and not received, so that one burst takes all */
#define MAX_XSTATS 1024
#define HANG_UPS   3 /* each leaves the rings' buffers in quarantine */

enum { RUNT, SEGMENTATION, CSUM_RANGE, RX_KINDS };
enum { TOO_SHORT, TOO_LONG, CUT_OFF, CSUM_REQUEST, TOKEN, TX_KINDS };

static const char *const rx_names[RX_KINDS] = { "runt", "segmentation", "csum_range" };
static const char *const tx_names[TX_KINDS] = { "too_short", "too_long", "cut_off", "csum_request",
						"token" };

struct model_queue {
	uint64_t packets, bytes, full, discarded, violations;
	uint64_t errors[TX_KINDS];
	/* RX: complete and not received yet. TX: sent, and not complete. */
	uint64_t waiting, waiting_bytes, waiting_errors[RX_KINDS];
	unsigned waiting_bufs;
	bool stopped;
};

struct model {
	struct rig r;
	struct model_queue q[2][FAKEDEV_PAIRS]; /* RX, TX */
	unsigned pairs, seed, step, hang_ups;
	bool up;
	struct baton_stats seen; /* before each reset: that everything happened */
	uint64_t seen_errors[2][TX_KINDS];
};

static unsigned
roll(struct model *m, unsigned n)
{
	return (unsigned)rand_r(&m->seed) % n;
}

static void
must(int ret, const char *what)
{
	if (ret < 0)
		fail_msg("%s: %s: %s", what, strerror(-ret), baton_last_error());
}

/* ---- what must be true after each step ---- */

static struct baton_xstat xstats[MAX_XSTATS];
static unsigned n_xstats;

static uint64_t
by_name(const char *fmt, unsigned queue, const char *way)
{
	char name[64];

	snprintf(name, sizeof(name), fmt, way, queue);
	for (unsigned i = 0; i < n_xstats; i++)
		if (!strcmp(xstats[i].name, name))
			return xstats[i].value;
	fail_msg("no counter %s", name);
	return 0;
}

/* The reasons' sum. */
static uint64_t
reasons(const char *way, unsigned queue)
{
	char prefix[32];
	uint64_t sum = 0;
	int len = snprintf(prefix, sizeof(prefix), "%s_q%u_error_", way, queue);

	for (unsigned i = 0; i < n_xstats; i++)
		if (!strncmp(xstats[i].name, prefix, (size_t)len))
			sum += xstats[i].value;
	return sum;
}

static void
check_names(const struct baton_port *port, unsigned n_rx, unsigned n_tx)
{
	struct baton_stats sum = { 0 };

	n_xstats = baton_port_xstats(port, xstats, MAX_XSTATS);
	assert_in_range(n_xstats, 1, MAX_XSTATS);
	for (unsigned i = 0; i < n_xstats; i++)
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(xstats[i].name, xstats[j].name);
	for (unsigned i = 0; i < n_rx; i++) {
		assert_int_equal(reasons("rx", i), by_name("%s_q%u_errors", i, "rx"));
		sum.rx_packets += by_name("%s_q%u_packets", i, "rx");
		sum.rx_bytes += by_name("%s_q%u_bytes", i, "rx");
		sum.rx_errors += by_name("%s_q%u_errors", i, "rx");
		sum.rx_nobuf += by_name("%s_q%u_nobuf", i, "rx");
		sum.rx_discarded += by_name("%s_q%u_discarded", i, "rx");
		sum.violations += by_name("%s_q%u_violations", i, "rx");
	}
	for (unsigned i = 0; i < n_tx; i++) {
		assert_int_equal(reasons("tx", i), by_name("%s_q%u_errors", i, "tx"));
		sum.tx_packets += by_name("%s_q%u_packets", i, "tx");
		sum.tx_bytes += by_name("%s_q%u_bytes", i, "tx");
		sum.tx_errors += by_name("%s_q%u_errors", i, "tx");
		sum.tx_full += by_name("%s_q%u_full", i, "tx");
		sum.tx_discarded += by_name("%s_q%u_discarded", i, "tx");
		sum.violations += by_name("%s_q%u_violations", i, "tx");
	}
	assert_int_equal(sum.rx_packets, by_name("%s_good_packets", 0, "rx"));
	assert_int_equal(sum.tx_packets, by_name("%s_good_packets", 0, "tx"));
	assert_int_equal(sum.rx_bytes, by_name("%s_good_bytes", 0, "rx"));
	assert_int_equal(sum.tx_bytes, by_name("%s_good_bytes", 0, "tx"));
	assert_int_equal(sum.rx_errors, by_name("%s_errors", 0, "rx"));
	assert_int_equal(sum.tx_errors, by_name("%s_errors", 0, "tx"));
	assert_int_equal(sum.rx_nobuf, by_name("%s_mbuf_allocation_errors", 0, "rx"));
	assert_int_equal(sum.rx_discarded, by_name("%s_discarded", 0, "rx"));
	assert_int_equal(sum.tx_discarded, by_name("%s_discarded", 0, "tx"));
	assert_int_equal(sum.tx_full, by_name("%s_full", 0, "tx"));
	assert_int_equal(sum.violations, by_name("%sviolations", 0, ""));
}

static void
add(struct baton_stats *sum, const struct baton_stats *s)
{
	for (size_t f = 0; f < sizeof(*s) / sizeof(uint64_t); f++)
		((uint64_t *)sum)[f] += ((const uint64_t *)s)[f];
}

static void
check_queue(const struct model *m, int tx, unsigned i, struct baton_stats *sum)
{
	const struct model_queue *q = &m->q[tx][i];
	struct baton_stats s, want = { .violations = q->violations };
	const char *way = tx ? "tx" : "rx";
	uint64_t errors = 0;

	if (tx)
		baton_txq_stats(m->r.txq[i], &s);
	else
		baton_rxq_stats(m->r.rxq[i], &s);
	for (unsigned k = 0; k < TX_KINDS; k++)
		errors += q->errors[k];
	if (tx) {
		want.tx_packets = q->packets;
		want.tx_bytes = q->bytes;
		want.tx_errors = errors;
		want.tx_full = q->full;
		want.tx_discarded = q->discarded;
	} else {
		want.rx_packets = q->packets;
		want.rx_bytes = q->bytes;
		want.rx_errors = errors;
		want.rx_discarded = q->discarded;
		want.rx_nobuf = s.rx_nobuf;
	}
	for (size_t f = 0; f < sizeof(s) / sizeof(uint64_t); f++)
		if (((uint64_t *)&s)[f] != ((uint64_t *)&want)[f])
			fail_msg("step %u, %s queue %u: field %zu is %llu, should be %llu", m->step,
				 way, i, f, (unsigned long long)((uint64_t *)&s)[f],
				 (unsigned long long)((uint64_t *)&want)[f]);
	for (unsigned k = 0; k < (unsigned)(tx ? TX_KINDS : RX_KINDS); k++) {
		char fmt[48];

		snprintf(fmt, sizeof(fmt), "%%s_q%%u_error_%s", tx ? tx_names[k] : rx_names[k]);
		assert_int_equal(by_name(fmt, i, way), q->errors[k]);
	}
	add(sum, &s);
}

static void
check_level(const struct model *m, int tx, unsigned i)
{
	const struct model_queue *q = &m->q[tx][i];
	struct baton_queue_level l;
	int ret = tx ? baton_txq_level(m->r.txq[i], &l) : baton_rxq_level(m->r.rxq[i], &l);

	if (q->stopped || !m->up) {
		assert_int_equal(ret, -ENETDOWN);
		assert_int_equal(l.in_flight, 0);
		return;
	}
	must(ret, "queue_level");
	assert_int_equal(l.descs, DESCS);
	assert_int_equal(l.in_flight,
			 tx ? baton_txq_in_flight(m->r.txq[i]) : baton_rxq_in_flight(m->r.rxq[i]));
	assert_int_equal(l.room + l.in_flight, DESCS);
	if (!tx)
		assert_int_equal(l.completed, q->waiting_bufs);
	else
		assert_true(l.in_flight >= q->waiting);
}

static void
check(const struct model *m)
{
	struct baton_stats sum = { 0 }, port;

	check_names(m->r.port, m->pairs, m->pairs);
	for (unsigned i = 0; i < m->pairs; i++) {
		check_queue(m, 0, i, &sum);
		check_queue(m, 1, i, &sum);
		check_level(m, 0, i);
		check_level(m, 1, i);
	}
	baton_port_stats(m->r.port, &port);
	assert_memory_equal(&sum, &port, sizeof(sum));
}

/* ---- receiving ---- */

static void
inject(struct model *m, unsigned i)
{
	struct model_queue *q = &m->q[0][i];
	size_t len = roll(m, 8) ? 60 + roll(m, 1000) : 3000 + roll(m, 6000);
	uint8_t frame[RIG_FRAME_MAX];
	int bufs;

	if (q->stopped || !m->up || q->waiting_bufs + 8 > PENDING)
		return;
	rig_frame(frame, len, m->step);
	bufs = fakedev_rx_inject(m->r.fakedev, FAKEDEV_RXQ(i), frame, len);
	if (bufs < 0)
		return;
	q->waiting++;
	q->waiting_bytes += len;
	q->waiting_bufs += (unsigned)bufs;
}

static void
inject_bad(struct model *m, unsigned i)
{
	struct model_queue *q = &m->q[0][i];
	struct wire_net_header h = { .num_buffers = 1 };
	unsigned kind = roll(m, RX_KINDS), len = kind == RUNT ? roll(m, 14) : 60;
	uint8_t frame[60];
	int head;

	if (q->stopped || !m->up || q->waiting_bufs + 8 > PENDING)
		return;
	head = fakedev_pop(m->r.fakedev, FAKEDEV_RXQ(i));
	if (head < 0)
		return;
	if (kind == SEGMENTATION)
		h.gso_type = 1;
	if (kind == CSUM_RANGE) {
		h.flags = 1; /* NEEDS_CSUM */
		h.csum_start = roll(m, 2) ? 4 : 40;
		h.csum_offset = 19;
	}
	rig_frame(frame, sizeof(frame), m->step);
	fakedev_write(m->r.fakedev, FAKEDEV_RXQ(i), (unsigned)head, 0, &h, sizeof(h));
	fakedev_write(m->r.fakedev, FAKEDEV_RXQ(i), (unsigned)head, sizeof(h), frame, len);
	fakedev_complete(m->r.fakedev, FAKEDEV_RXQ(i), (unsigned)head, (uint32_t)(sizeof(h) + len));
	q->waiting_errors[kind]++;
	q->waiting_bufs++;
}

static void
none_waits(struct model_queue *q)
{
	q->waiting = q->waiting_bytes = 0;
	q->waiting_bufs = 0;
	memset(q->waiting_errors, 0, sizeof(q->waiting_errors));
}

static void
receive(struct model *m, unsigned i)
{
	struct model_queue *q = &m->q[0][i];
	struct baton_token t[RIG_BURST];
	int n;

	while ((n = baton_rx_burst(m->r.rxq[i], t, RIG_BURST)) > 0)
		assert_int_equal(baton_free(m->r.worker, t, (unsigned)n), 0);
	if (q->stopped || !m->up) {
		assert_int_equal(n, -ENETDOWN);
		return;
	}
	assert_int_equal(n, 0);
	q->packets += q->waiting;
	q->bytes += q->waiting_bytes;
	for (unsigned k = 0; k < RX_KINDS; k++)
		q->errors[k] += q->waiting_errors[k];
	none_waits(q);
}

/* ---- sending ---- */

static void
free_all(struct model *m, const struct baton_token *t, unsigned n)
{
	if (n)
		assert_int_equal(baton_free(m->r.worker, t, n), 0);
}

/* Good packets, with a bad one behind them perhaps, which is then not due. */
static void
send_good(struct model *m, unsigned i)
{
	struct model_queue *q = &m->q[1][i];
	unsigned packets = 1 + roll(m, 20), n = 0, taken = 0, all;
	const bool bad_behind = !roll(m, 4);
	struct baton_token t[RIG_BURST];
	uint8_t frame[3000];
	size_t bytes = 0;
	int ret;

	for (unsigned k = 0; k < packets && n < RIG_BURST - 6; k++) {
		size_t len = roll(m, 4) ? 60 + roll(m, 400) : 1000 + roll(m, 2000);

		rig_frame(frame, len, m->step + k);
		n += rig_packet(&m->r, frame, len, 1000, t + n);
	}
	all = n;
	if (bad_behind) {
		n += rig_packet(&m->r, frame, 60, 0, t + n);
		t[n - 1].len = 0;
	}
	ret = baton_tx_burst(m->r.txq[i], t, n);
	if (q->stopped || !m->up) {
		assert_int_equal(ret, -ENETDOWN);
		free_all(m, t, n);
		return;
	}
	must(ret, "tx_burst");
	assert_true((unsigned)ret <= all);
	for (unsigned k = 0; k < n; k++) {
		if (k < (unsigned)ret) {
			bytes += t[k].len;
			taken += !(t[k].flags & BATON_TOKEN_CONT);
		} else if ((unsigned)ret < all) {
			q->full += !(t[k].flags & BATON_TOKEN_CONT);
		}
	}
	q->packets += taken;
	q->waiting += taken;
	q->bytes += bytes;
	free_all(m, t + ret, n - (unsigned)ret);
}

static void
send_bad(struct model *m, unsigned i)
{
	static const int want[TX_KINDS] = { -EMSGSIZE, -EMSGSIZE, -EINVAL, -EINVAL, -EPERM };
	struct model_queue *q = &m->q[1][i];
	const unsigned kind = roll(m, TX_KINDS);
	struct baton_token t[RIG_BURST], sent[RIG_BURST];
	uint8_t frame[1500];
	unsigned n;
	int ret;

	rig_frame(frame, sizeof(frame), m->step);
	n = rig_packet(&m->r, frame, kind == TOO_LONG ? sizeof(frame) : 60, 0, t);
	memcpy(sent, t, sizeof(sent));
	if (kind == TOO_SHORT)
		sent[0].len = 0;
	while (kind == TOO_LONG && n < 8) { /* 12,000 bytes */
		assert_int_equal(rig_packet(&m->r, frame, sizeof(frame), 0, t + n), 1);
		sent[n - 1].flags |= BATON_TOKEN_CONT;
		sent[n] = t[n];
		n++;
	}
	if (kind == CUT_OFF)
		sent[0].flags |= BATON_TOKEN_CONT;
	if (kind == CSUM_REQUEST)
		sent[0].flags |= BATON_CSUM_PARTIAL << BATON_TOKEN_L4_SHIFT;
	if (kind == TOKEN)
		sent[0].gen++;
	ret = baton_tx_burst(m->r.txq[i], sent, n);
	if (q->stopped || !m->up) {
		assert_int_equal(ret, -ENETDOWN);
	} else if (ret == 0) { /* only with a full ring */
		q->full++;
	} else {
		assert_int_equal(ret, want[kind]);
		q->errors[kind]++;
	}
	m->r.violations = 0;
	free_all(m, t, n);
}

static void
device_sends(struct model *m, unsigned i)
{
	struct model_queue *q = &m->q[1][i];

	if (q->stopped || !m->up)
		return;
	for (unsigned n = roll(m, 30); n && q->waiting; n--, q->waiting--) {
		struct wire_net_header h;
		uint8_t frame[RIG_FRAME_MAX];
		size_t len = sizeof(frame);
		int head = fakedev_tx_collect(m->r.fakedev, FAKEDEV_TXQ(i), &h, frame, &len);

		assert_true(head >= 0);
		fakedev_complete(m->r.fakedev, FAKEDEV_TXQ(i), (unsigned)head, 0);
	}
	if (roll(m, 2))
		assert_true(baton_tx_clean(m->r.txq[i], 1 + roll(m, 40)) >= 0);
}

/* ---- what befalls queues and ports ---- */

/* The ring is emptied: what was in it is neither received nor sent. */
static void
emptied(struct model_queue *q)
{
	q->discarded += q->waiting;
	for (unsigned k = 0; k < RX_KINDS; k++)
		q->discarded += q->waiting_errors[k];
	none_waits(q);
}

static void
all_emptied(struct model *m)
{
	for (unsigned i = 0; i < m->pairs; i++) {
		emptied(&m->q[0][i]);
		emptied(&m->q[1][i]);
	}
}

static void
all_run(struct model *m)
{
	for (unsigned i = 0; i < m->pairs; i++)
		m->q[0][i].stopped = m->q[1][i].stopped = false;
	m->up = true;
}

static void
toggle_queue(struct model *m, int tx, unsigned i)
{
	struct model_queue *q = &m->q[tx][i];

	if (!m->up)
		return;
	if (q->stopped) {
		must(tx ? baton_txq_start(m->r.txq[i]) : baton_rxq_start(m->r.rxq[i]), "queue_"
										       "start");
	} else {
		must(tx ? baton_txq_stop(m->r.txq[i]) : baton_rxq_stop(m->r.rxq[i]), "queue_stop");
		emptied(q);
	}
	q->stopped = !q->stopped;
}

static void
violate(struct model *m, unsigned i)
{
	struct model_queue *q = &m->q[0][i];
	struct baton_token t[RIG_BURST];

	if (q->stopped || !m->up)
		return;
	receive(m, i);
	if (!fakedev_available(m->r.fakedev, FAKEDEV_RXQ(i)))
		return;
	fakedev_put(m->r.fakedev, FAKEDEV_RXQ(i), 0, DESCS + roll(m, 100), 100);
	fakedev_publish(m->r.fakedev, FAKEDEV_RXQ(i), 1);
	assert_int_equal(baton_rx_burst(m->r.rxq[i], t, RIG_BURST), -EIO);
	assert_int_equal(baton_rx_burst(m->r.rxq[i], t, RIG_BURST), -EIO);
	q->violations++;
	toggle_queue(m, 0, i);
	toggle_queue(m, 0, i);
}

static void
reconfigure(struct model *m)
{
	if (m->up) {
		must(baton_port_stop(m->r.port), "port_stop");
		all_emptied(m);
	}
	m->pairs = m->r.config.pairs = (uint16_t)(1 + roll(m, 4));
	for (unsigned i = m->pairs; i < FAKEDEV_PAIRS; i++)
		m->q[0][i] = m->q[1][i] = (struct model_queue){ 0 };
	must(rig_start(&m->r), "configuring");
	all_run(m);
}

static void
hang_up(struct model *m)
{
	unsigned back = m->r.events[BATON_EVENT_BACK];

	if (!m->up || m->hang_ups == HANG_UPS)
		return;
	m->hang_ups++;
	fakedev_hang_up(m->r.fakedev);
	assert_true(rig_wait_event(&m->r, BATON_EVENT_BACK, back + 1, 10000));
	all_emptied(m);
}

static void
reset_stats(struct model *m)
{
	struct baton_stats s;

	baton_port_stats(m->r.port, &s);
	add(&m->seen, &s);
	baton_port_stats_reset(m->r.port);
	for (unsigned i = 0; i < m->pairs; i++)
		for (int tx = 0; tx < 2; tx++) {
			struct model_queue *q = &m->q[tx][i];

			for (unsigned k = 0; k < TX_KINDS; k++)
				m->seen_errors[tx][k] += q->errors[k];
			q->packets = q->bytes = q->full = q->discarded = q->violations = 0;
			memset(q->errors, 0, sizeof(q->errors));
		}
	n_xstats = baton_port_xstats(m->r.port, xstats, MAX_XSTATS);
	for (unsigned i = 0; i < n_xstats; i++)
		if (xstats[i].value)
			fail_msg("%s is %llu after a reset", xstats[i].name,
				 (unsigned long long)xstats[i].value);
}

static void
port_step(struct model *m)
{
	switch (roll(m, 5)) {
	case 0:
		reconfigure(m);
		break;
	case 1:
		must(baton_port_reset(m->r.port), "port_reset");
		all_emptied(m);
		m->up = false;
		break;
	case 2:
		hang_up(m);
		break;
	default:
		if (m->up) {
			must(baton_port_stop(m->r.port), "port_stop");
			all_emptied(m);
			m->up = false;
		} else {
			must(baton_port_start(m->r.port), "port_start");
			all_run(m);
		}
	}
}

static void
step(struct model *m)
{
	unsigned what = roll(m, 200), i = roll(m, m->pairs);

	if (what < 50)
		inject(m, i);
	else if (what < 70)
		inject_bad(m, i);
	else if (what < 95)
		receive(m, i);
	else if (what < 130)
		send_good(m, i);
	else if (what < 150)
		send_bad(m, i);
	else if (what < 180)
		device_sends(m, i);
	else if (what < 188)
		reset_stats(m);
	else if (what < 194)
		toggle_queue(m, (int)roll(m, 2), i);
	else if (what < 196)
		violate(m, i);
	else if (what < 198 || !m->up)
		port_step(m);
}

static void
any_sequence(void **state)
{
	static const struct rig_config config = {
		.pairs = 4,
		.descs = DESCS,
		.pool_count = 8192,
		.stop_timeout_ms = 1,
		.mtu = 9000,
		.offloads = BATON_OFFLOAD_RX_CSUM,
		.fakedev = { .features = FAKEDEV_FEATURES | FAKEDEV_F_GUEST_CSUM, .max_queues = 4 },
	};
	static struct model m;

	m = (struct model){ .pairs = 4, .seed = 1 };
	rig_up(&m.r, &config);
	all_run(&m);
	for (m.step = 0; m.step < STEPS; m.step++) {
		step(&m);
		check(&m);
	}
	reset_stats(&m);
	assert_true(m.seen.rx_packets > 100 && m.seen.rx_discarded && m.seen.violations);
	assert_true(m.seen.tx_packets > 100 && m.seen.tx_discarded && m.seen.tx_full);
	for (unsigned k = 0; k < RX_KINDS; k++)
		assert_true(m.seen_errors[0][k] > 5);
	for (unsigned k = 0; k < TX_KINDS; k++)
		assert_true(m.seen_errors[1][k] > 5);
	printf("%llu packets received, %llu dropped, %llu sent, %llu refused, %llu not taken, "
	       "%llu and %llu discarded\n",
	       (unsigned long long)m.seen.rx_packets, (unsigned long long)m.seen.rx_errors,
	       (unsigned long long)m.seen.tx_packets, (unsigned long long)m.seen.tx_errors,
	       (unsigned long long)m.seen.tx_full, (unsigned long long)m.seen.rx_discarded,
	       (unsigned long long)m.seen.tx_discarded);
	assert_string_equal(fakedev_driver_error(m.r.fakedev), "");
	rig_discard(&m.r);
}

/* ---- while workers run ---- */

/* Any thread may ask: nothing is ever negative, and the sums lie between those before and after. */
static void *
ask(void *arg)
{
	struct traffic *t = arg;

	while (!__atomic_load_n(&t->end, __ATOMIC_ACQUIRE)) {
		struct baton_stats s;

		baton_port_stats(t->r->port, &s);
		for (size_t f = 0; f < sizeof(s) / sizeof(uint64_t); f++)
			if (((uint64_t *)&s)[f] > 1ull << 50)
				__atomic_fetch_add(&t->bad, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void
reset_under_traffic(void **state)
{
	static const struct rig_config config = { .pairs = 2,
						  .pool_count = 4096,
						  .stop_timeout_ms = 5000 };
	uint64_t received = 0, sent = 0;
	struct baton_stats sum = { 0 }, s;
	static struct traffic t;
	static struct rig r;
	pthread_t asker;

	rig_up(&r, &config);
	traffic_begin(&t, &r);
	assert_int_equal(pthread_create(&asker, NULL, ask, &t), 0);
	for (unsigned i = 0; i < 300; i++) {
		assert_true(traffic_flows(&t, 10, 10000));
		baton_port_stats(r.port, &s);
		baton_port_stats_reset(r.port);
		received += s.rx_packets;
		sent += s.tx_packets;
		baton_port_stats(r.port, &sum);
		assert_true(sum.rx_packets < 1ull << 50 && sum.tx_packets < 1ull << 50);
		if (i % 50 == 0) {
			must(baton_rxq_stop(r.rxq[1]), "queue_stop");
			must(baton_rxq_start(r.rxq[1]), "queue_start");
		}
	}
	must(baton_port_stop(r.port), "port_stop");
	baton_port_stats(r.port, &s);
	received += s.rx_packets;
	sent += s.tx_packets;
	traffic_end(&t);
	pthread_join(asker, NULL);
	/* What was counted between a reading and its reset is missing, nothing is there twice. */
	assert_true(received <= t.injected && sent <= t.forwarded && sent > 0);
	assert_int_equal(t.bad, 0);
	memset(&sum, 0, sizeof(sum));
	for (unsigned i = 0; i < 4; i++) {
		if (i & 1)
			baton_txq_stats(r.txq[i / 2], &s);
		else
			baton_rxq_stats(r.rxq[i / 2], &s);
		add(&sum, &s);
	}
	baton_port_stats(r.port, &s);
	assert_memory_equal(&s, &sum, sizeof(s));
	check_names(r.port, 2, 2);
	rig_discard(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_sequence),
		traffic_test(reset_under_traffic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
