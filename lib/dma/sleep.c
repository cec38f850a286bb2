/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A worker that sleeps: one descriptor for all that may wake it.
 *
 * `asleep` says to the control thread that the worker is in no burst and begins none before it has
 * cleared it. The worker sets it last and clears it first, and then looks at the states again; the
 * control thread publishes a state and then looks at it. So one of the two sees the other. An
 * application that bursts without baton_worker_disarm() clears it at the first burst of any queue:
 * `seen` is no epoch then, and every burst enters by baton_queue_enter_().
 */
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "base/err.h"
#include "base/event.h"
#include "dma/pool.h"

void
dma_sleep_init(struct baton_worker *worker)
{
	struct dma_sleep *s = &worker->sleep;

	pthread_mutex_init(&s->lock, NULL);
	s->control.fd = -1;
}

void
dma_sleep_fini(struct baton_worker *worker)
{
	struct dma_sleep *s = &worker->sleep;

	if (s->control.fd >= 0) {
		close(s->control.fd);
		ctx_events_close(&s->events);
	}
	s->control.fd = -1;
	s->asleep = 0;
	pthread_mutex_destroy(&s->lock);
}

static int
watch(struct dma_sleep *s, struct dma_waker *waker)
{
	return waker->src.fd >= 0 ? ctx_events_add(&s->events, &waker->src, EPOLLIN) : 0;
}

static int
watch_all(struct dma_sleep *s)
{
	int ret = 0;

	for (struct dma_waker *w = s->wakers; w && !ret; w = w->next)
		ret = watch(s, w);
	return ret;
}

/* The first time: most workers never sleep. */
static int
open_events(struct baton_worker *worker)
{
	struct dma_sleep *s = &worker->sleep;
	int ret;

	s->control.fd = event_open(worker->name);
	if (s->control.fd < 0)
		return s->control.fd;
	ret = ctx_events_open_plain(&s->events, worker->name, &s->control);
	if (!ret)
		ret = watch_all(s);
	if (!ret)
		return 0;
	ctx_events_close(&s->events);
	close(s->control.fd);
	s->control.fd = -1;
	return ret;
}

int
dma_waker_add(struct baton_worker *worker, struct dma_waker *waker)
{
	struct dma_sleep *s = &worker->sleep;
	int ret;

	pthread_mutex_lock(&s->lock);
	ret = s->control.fd >= 0 ? watch(s, waker) : 0;
	if (!ret) {
		waker->next = s->wakers;
		s->wakers = waker;
	}
	pthread_mutex_unlock(&s->lock);
	return ret;
}

void
dma_waker_del(struct baton_worker *worker, struct dma_waker *waker)
{
	struct dma_sleep *s = &worker->sleep;
	struct dma_waker **at = &s->wakers;

	pthread_mutex_lock(&s->lock);
	while (*at && *at != waker)
		at = &(*at)->next;
	if (*at)
		*at = waker->next;
	if (s->control.fd >= 0 && waker->src.fd >= 0)
		ctx_events_del(&s->events, &waker->src);
	pthread_mutex_unlock(&s->lock);
}

void
dma_worker_wake(struct baton_worker *worker)
{
	if (dma_worker_sleeps(worker))
		event_signal(worker->sleep.control.fd);
}

/* ---- the worker's thread ---- */

static void
wake_all(struct dma_sleep *s)
{
	for (struct dma_waker *w = s->wakers; w; w = w->next) {
		if (w->armed)
			w->wake(w);
		w->armed = false;
	}
}

/* Return: 0; 1: something is there already; a negative errno: all are as they were. */
static int
sleep_on_all(struct dma_sleep *s)
{
	int any = 0;

	for (struct dma_waker *w = s->wakers; w; w = w->next) {
		int ret = w->sleep(w);

		if (ret < 0) {
			wake_all(s);
			return ret;
		}
		w->armed = true;
		any |= ret;
	}
	return any;
}

static int
fall_asleep(struct baton_worker *worker)
{
	struct dma_sleep *s = &worker->sleep;
	uint32_t epoch = __atomic_load_n(&worker->head.epoch, __ATOMIC_ACQUIRE);
	/* What the control thread has asked for is news to the application. */
	bool news = epoch != worker->head.seen;
	int ret;

	dma_worker_acknowledge(worker, epoch);
	ret = sleep_on_all(s);
	if (ret < 0)
		return ret;
	s->armed = true;
	worker->head.seen = epoch - 1;
	__atomic_store_n(&s->asleep, 1, __ATOMIC_SEQ_CST);
	if (ret || news || __atomic_load_n(&worker->head.epoch, __ATOMIC_SEQ_CST) != epoch)
		event_signal(s->control.fd);
	return s->events.fd;
}

int
baton_worker_arm(struct baton_worker *worker)
{
	int ret = handle_check(worker, HANDLE_WORKER, "worker_arm");

	if (!ret)
		ret = dma_worker_ready(worker, "worker_arm");
	if (ret < 0)
		return ret;
	if (worker->sleep.armed)
		baton_worker_disarm(worker);
	pthread_mutex_lock(&worker->sleep.lock);
	ret = worker->sleep.control.fd >= 0 ? 0 : open_events(worker);
	if (!ret)
		ret = fall_asleep(worker);
	pthread_mutex_unlock(&worker->sleep.lock);
	return ret;
}

/* Drain whatever has woken it, also what belongs to no waker that was armed. */
static void
drain(struct dma_sleep *s)
{
	int timeout_ms = s->events.epoll_fd < 0 ? CTX_NAP_MS : 0;
	struct ctx_source *src;
	uint32_t events;

	for (unsigned n = 0; n < 64 && ctx_events_wait(&s->events, timeout_ms, &src, &events) > 0;
	     n++) {
		event_drain(src->fd);
		timeout_ms = 0;
	}
}

void
baton_worker_disarm(struct baton_worker *worker)
{
	struct dma_sleep *s;

	if (handle_check(worker, HANDLE_WORKER, "worker_disarm") < 0 ||
	    dma_worker_ready(worker, "worker_disarm") < 0 || !worker->sleep.armed)
		return;
	s = &worker->sleep;
	pthread_mutex_lock(&s->lock);
	drain(s); /* it may still sleep here */
	dma_worker_awake(worker);
	wake_all(s);
	s->armed = false;
	dma_worker_acknowledge(worker, __atomic_load_n(&worker->head.epoch, __ATOMIC_ACQUIRE));
	pthread_mutex_unlock(&s->lock);
}

int
baton_worker_sleep(struct baton_worker *worker, int timeout_ms)
{
	struct pollfd p = { .fd = baton_worker_arm(worker), .events = POLLIN };
	int ret;

	if (p.fd < 0 && p.fd != -ENOTSUP)
		return p.fd;
	if (p.fd < 0) {
		poll(NULL, 0, timeout_ms ? 1 : 0);
		return timeout_ms != 0;
	}
	ret = poll(&p, 1, timeout_ms);
	baton_worker_disarm(worker);
	return ret != 0;
}
