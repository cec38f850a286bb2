/* SPDX-License-Identifier: BSD-3-Clause */
#include "traffic.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BURST 16
#define LEN   64

static uint64_t
get(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

static void
add(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, get(counter) + n, __ATOMIC_RELAXED);
}

static bool
is_set(const int *flag)
{
	return __atomic_load_n(flag, __ATOMIC_ACQUIRE);
}

/* A stopped queue, or one whose device is away, is nothing unusual here. */
static void
note(struct traffic *t, int ret)
{
	if (ret >= 0 || ret == -ENETDOWN)
		return;
	__atomic_store_n(&t->bad_return, ret, __ATOMIC_RELAXED);
	__atomic_fetch_add(&t->bad, 1, __ATOMIC_RELAXED);
}

/* Return: packets, or -ENETDOWN. */
static int
forward(struct traffic *t, unsigned pair)
{
	struct baton_token tokens[BURST];
	int n = baton_rx_burst(t->r->rxq[pair], tokens, BURST), sent;

	note(t, n);
	if (n <= 0)
		return n;
	sent = baton_tx_burst(t->r->txq[pair], tokens, (unsigned)n);
	note(t, sent);
	if (sent < n)
		note(t, baton_free(t->r->worker, tokens + (sent > 0 ? sent : 0),
				   (unsigned)(n - (sent > 0 ? sent : 0))));
	add(&t->forwarded, sent > 0 ? (uint64_t)sent : 0);
	return sent < 0 ? sent : n;
}

/* One round of all queues. Return: packets; -ENETDOWN: the port may be closed now, its queues are
 * not to be touched again. */
static int
round_of_all(struct traffic *t)
{
	int packets = 0;

	for (unsigned p = 0; p < t->pairs; p++) {
		int n = forward(t, p), c = 0;

		if (n != -ENETDOWN)
			c = baton_tx_clean(t->r->txq[p], BURST);
		note(t, c);
		if ((n == -ENETDOWN || c == -ENETDOWN) && is_set(&t->leave))
			return -ENETDOWN;
		packets += n > 0 ? n : 0;
	}
	return packets;
}

static void *
work(void *arg)
{
	struct traffic *t = arg;

	note(t, baton_worker_bind(t->r->worker));
	while (!is_set(&t->end)) {
		int pause = is_set(&t->pause), packets;

		__atomic_store_n(&t->paused, pause, __ATOMIC_RELEASE);
		packets = pause ? 0 : round_of_all(t);
		if (packets < 0)
			break;
		if (!packets)
			sched_yield();
	}
	baton_worker_unbind(t->r->worker);
	__atomic_store_n(&t->left, 1, __ATOMIC_RELEASE);
	return NULL;
}

static unsigned
collect(struct traffic *t, unsigned pair)
{
	struct wire_net_header header;
	uint8_t frame[2048], due[LEN];
	size_t len = sizeof(frame);
	int head = fakedev_tx_collect(t->r->fakedev, FAKEDEV_TXQ(pair), &header, frame, &len);
	uint32_t seed;

	if (head < 0)
		return 0;
	memcpy(&seed, frame + 14, sizeof(seed));
	rig_frame(due, LEN, seed);
	if (len != LEN || memcmp(frame, due, LEN) != 0)
		__atomic_fetch_add(&t->bad, 1, __ATOMIC_RELAXED);
	fakedev_complete(t->r->fakedev, FAKEDEV_TXQ(pair), (uint32_t)head, 0);
	add(&t->returned, 1);
	return 1;
}

static void *
pump(void *arg)
{
	struct traffic *t = arg;
	uint8_t frame[LEN];

	while (!is_set(&t->end)) {
		unsigned done = 0;

		for (unsigned p = 0; p < t->pairs; p++) {
			for (unsigned i = 0; i < BURST && collect(t, p); i++)
				done++;
			if (fakedev_available(t->r->fakedev, FAKEDEV_RXQ(p)) < 8)
				continue;
			rig_frame(frame, LEN, (uint32_t)t->injected);
			if (fakedev_rx_inject(t->r->fakedev, FAKEDEV_RXQ(p), frame, LEN) > 0) {
				add(&t->injected, 1);
				done++;
			}
		}
		if (!done)
			sched_yield();
	}
	return NULL;
}

static struct traffic *active;

int
traffic_teardown(void **state)
{
	if (!active)
		return 0;
	fprintf(stderr, "the test has failed and left its threads: no test can follow it\n");
	exit(1);
}

void
traffic_pause(struct traffic *t, bool pause)
{
	__atomic_store_n(&t->pause, pause, __ATOMIC_RELEASE);
	while (is_set(&t->paused) != pause)
		sched_yield();
}

void
traffic_begin(struct traffic *t, struct rig *r)
{
	memset(t, 0, sizeof(*t));
	t->r = r;
	t->pairs = r->config.pairs ? r->config.pairs : 1;
	baton_worker_unbind(r->worker);
	active = t;
	assert_int_equal(pthread_create(&t->worker, NULL, work, t), 0);
	assert_int_equal(pthread_create(&t->pump, NULL, pump, t), 0);
}

void
traffic_end(struct traffic *t)
{
	__atomic_store_n(&t->end, 1, __ATOMIC_RELEASE);
	pthread_join(t->worker, NULL);
	pthread_join(t->pump, NULL);
	active = NULL;
	if (t->bad)
		fail_msg("%llu bad packets or returns, the last return was %d (RX: %s; TX: %s)",
			 (unsigned long long)t->bad, t->bad_return, baton_rxq_error(t->r->rx),
			 baton_txq_error(t->r->tx));
}

bool
traffic_flows(struct traffic *t, unsigned n, unsigned ms)
{
	uint64_t until = get(&t->returned) + n, end = rig_now_ms() + ms;

	while (get(&t->returned) < until) {
		if (rig_now_ms() > end)
			return false;
		baton_ctx_poll(t->r->ctx, 1);
	}
	return true;
}
