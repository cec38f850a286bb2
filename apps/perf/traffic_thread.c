/* SPDX-License-Identifier: BSD-3-Clause */
/* The threads of the lanes, and the main thread while they run. */
#include <errno.h>
#include <math.h>
#include <sched.h>
#include <signal.h>

#include "traffic_state.h"

#define PUBLISH  256 /* steps between two publications of the counts */
#define WAIT_MAX 2.0 /* seconds that the last packets are waited for (RFC 2544, section 23) */

static void
publish(struct traffic_lane *tl)
{
	const struct lane *l = tl->lane;

	__atomic_store_n(&tl->sent, l->sent, __ATOMIC_RELAXED);
	__atomic_store_n(&tl->received, l->accounts.received, __ATOMIC_RELAXED);
	__atomic_store_n(&tl->unique, l->accounts.unique, __ATOMIC_RELAXED);
}

static void
run_trial(struct traffic_lane *tl, uint64_t start)
{
	struct traffic *t = tl->traffic;
	struct lane *l = tl->lane;
	const struct perf_clock *clock = l->c.clock;
	uint64_t over, quiet = (uint64_t)(t->config.quiet_ms / 1e3 * clock->hz), now;

	lane_begin(l, t->request.load, t->request.seconds, start, t->trial);
	for (unsigned i = 1; lane_step(l); i++) {
		if (__atomic_load_n(&t->stop, __ATOMIC_RELAXED))
			lane_stop_sending(l);
		if (i % PUBLISH == 0)
			publish(tl);
	}
	over = perf_clock_read(clock);
	while (l->accounts.unique < l->sent && !l->error) {
		lane_step(l);
		now = perf_clock_read(clock);
		if ((double)(now - over) > WAIT_MAX * clock->hz ||
		    (now - over > quiet && now - l->last_seen > quiet))
			break;
	}
	lane_step(l); /* further copies that came along with the last one */
	lane_finish(l);
	publish(tl);
}

static void *
thread_main(void *arg)
{
	struct traffic_lane *tl = arg;
	struct traffic *t = tl->traffic;
	uint64_t start;

	if (baton_worker_bind(tl->worker) < 0)
		tl->lane->error = -EBUSY;
	lane_drain(tl->lane);
	__atomic_add_fetch(&t->ready, 1, __ATOMIC_RELEASE);
	while (!(start = __atomic_load_n(&t->start, __ATOMIC_ACQUIRE)))
		sched_yield();
	run_trial(tl, start);
	baton_worker_unbind(tl->worker);
	__atomic_add_fetch(&t->finished, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void
begin_all(struct traffic *t, double delay)
{
	uint64_t start = perf_clock_read(&t->config.clock) + (uint64_t)(delay * t->config.clock.hz);

	__atomic_store_n(&t->start, start ? start : 1, __ATOMIC_RELEASE);
}

int
traffic_launch(struct traffic *t)
{
	sigset_t all, before;
	unsigned n = 0;
	int ret = 0;

	t->start = t->ready = t->stop = t->finished = 0;
	sigfillset(&all);
	/* Signals are the main thread's. */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (; n < t->n_lanes && !ret; n += !ret) {
		struct traffic_lane *tl = &t->lanes[n];

		tl->sent = tl->received = tl->unique = 0;
		ret = -pthread_create(&tl->thread, NULL, thread_main, tl);
		tl->started = !ret;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (ret)
		t->stop = 1; /* those that run end at once */
	while (__atomic_load_n(&t->ready, __ATOMIC_ACQUIRE) < n)
		baton_ctx_poll(t->ctx, 1);
	begin_all(t, 200e-6);
	return ret;
}

static void
report_progress(const struct traffic *t)
{
	struct trial_accounts sum = { 0 };
	uint64_t now = perf_clock_read(&t->config.clock);

	for (unsigned i = 0; i < t->n_lanes; i++) {
		sum.sent += __atomic_load_n(&t->lanes[i].sent, __ATOMIC_RELAXED);
		sum.received += __atomic_load_n(&t->lanes[i].received, __ATOMIC_RELAXED);
		sum.unique += __atomic_load_n(&t->lanes[i].unique, __ATOMIC_RELAXED);
	}
	if (t->progress && now > t->start)
		t->progress(t->progress_arg, (double)(now - t->start) / t->config.clock.hz, &sum);
}

void
traffic_join(struct traffic *t)
{
	unsigned running = 0;

	for (unsigned i = 0; i < t->n_lanes; i++)
		running += t->lanes[i].started;
	while (__atomic_load_n(&t->finished, __ATOMIC_ACQUIRE) < running) {
		baton_ctx_poll(t->ctx, 20);
		if (t->stopped && t->stopped())
			__atomic_store_n(&t->stop, 1, __ATOMIC_RELAXED);
		report_progress(t);
	}
	for (unsigned i = 0; i < t->n_lanes; i++)
		if (t->lanes[i].started)
			pthread_join(t->lanes[i].thread, NULL);
}
