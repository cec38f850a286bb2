/* SPDX-License-Identifier: BSD-3-Clause */
/* What a context waits for: see struct ctx_events. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/err.h"
#include "base/event.h"
#include "base/export.h"
#include "base/limits.h"
#include "ctx/ctx.h"

#define NS_PER_S 1000000000ull

_Static_assert(EPOLLIN == POLLIN && EPOLLOUT == POLLOUT && EPOLLERR == POLLERR &&
		       EPOLLHUP == POLLHUP && EPOLLRDHUP == POLLRDHUP,
	       "sources get the same bits either way");

static bool
ran_out(int err)
{
	return err == EMFILE || err == ENFILE || err == ENOMEM;
}

static int
failed(const char *who, int err)
{
	struct text why = { 0 };

	limits_files(&why, err);
	return baton_err(err, "%s: no descriptor for events and timers: %s", who, why.text);
}

/* ---- timers ---- */

static void
on_timer(struct ctx_source *src, uint32_t events)
{
	struct baton_ctx *ctx =
		(struct baton_ctx *)(void *)((char *)src -
					     offsetof(struct baton_ctx, events.timer));

	event_drain(src->fd);
	ctx_timers_run(ctx);
}

static int
set_timer(int fd, uint64_t at)
{
	struct itimerspec when = { .it_value = { .tv_sec = (time_t)(at / NS_PER_S),
						 .tv_nsec = (long)(at % NS_PER_S) } };

	return timerfd_settime(fd, TFD_TIMER_ABSTIME, &when, NULL);
}

void
ctx_events_arm(struct baton_ctx *ctx)
{
	struct ctx_events *e = &ctx->events;
	struct epoll_event ev = { .events = EPOLLIN };
	bool ticks = ctx->timers != NULL;

	if (e->timer.fd >= 0) {
		set_timer(e->timer.fd, ctx->timers ? ctx->timers->at_ns : 0);
	} else if (e->epoll_fd >= 0 && ticks != e->ticks) {
		epoll_ctl(e->fd, ticks ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, e->readable, &ev);
		e->ticks = ticks;
	}
}

int
ctx_events_timeout(const struct baton_ctx *ctx, int timeout_ms)
{
	bool spins = ctx->timers || ctx->events.epoll_fd < 0;
	uint64_t now, ms;

	if (ctx->events.timer.fd >= 0)
		return timeout_ms;
	if (spins && timeout_ms == 0)
		timeout_ms = CTX_NAP_MS;
	if (!ctx->timers)
		return timeout_ms;
	now = ctx_now_ns();
	ms = ctx->timers->at_ns > now ? (ctx->timers->at_ns - now + 999999) / 1000000 : 0;
	return timeout_ms < 0 || ms < (uint64_t)timeout_ms ? (int)ms : timeout_ms;
}

/* ---- set-up ---- */

/* An epoll instance that watches @fd. Return: -1, with errno. */
static int
open_epoll(int fd, void *ptr)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = ptr };
	int err, epoll = epoll_create1(EPOLL_CLOEXEC);

	if (epoll < 0)
		return -1;
	/* A sandbox may forbid each of these calls alone. */
	if ((fd < 0 || !epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev)) &&
	    epoll_wait(epoll, &ev, 1, 0) >= 0)
		return epoll;
	err = errno;
	close(epoll);
	errno = err;
	return -1;
}

static int
open_readable(struct ctx_events *e, const char *who)
{
	e->readable = event_open(who);
	if (e->readable < 0)
		return e->readable;
	event_signal(e->readable);
	return 0;
}

int
ctx_events_open_plain(struct ctx_events *e, const char *who, struct ctx_source *first)
{
	*e = (struct ctx_events){ .timer.fd = -1, .readable = -1 };
	e->fd = e->epoll_fd = open_epoll(first->fd, first);
	if (e->epoll_fd >= 0)
		return 0;
	if (ran_out(errno))
		return failed(who, errno);
	if (open_readable(e, who) < 0)
		return e->readable;
	e->fd = e->readable;
	return ctx_events_add(e, first, EPOLLIN);
}

/* Without timerfds. Return: 0; a negative errno: there is no epoll either. */
static int
open_without_timer(struct baton_ctx *ctx)
{
	struct ctx_events *e = &ctx->events;
	int ret = open_readable(e, "context");

	if (ret < 0)
		return ret;
	e->epoll_fd = open_epoll(-1, NULL);
	if (e->epoll_fd < 0)
		return ran_out(errno) ? failed("context", errno) : 0;
	e->fd = open_epoll(e->epoll_fd, NULL);
	if (e->fd >= 0)
		return 0;
	if (ran_out(errno))
		return failed("context", errno);
	close(e->epoll_fd); /* it may not watch anything */
	e->epoll_fd = -1;
	return 0;
}

int
ctx_events_open(struct baton_ctx *ctx)
{
	struct ctx_events *e = &ctx->events;
	int ret, err;

	e->fd = e->epoll_fd = e->readable = -1;
	e->timer.ready = on_timer;
	e->timer.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (e->timer.fd >= 0 && !set_timer(e->timer.fd, 0))
		e->fd = e->epoll_fd = open_epoll(e->timer.fd, &e->timer);
	if (e->epoll_fd >= 0)
		return 0;
	err = errno;
	if (e->timer.fd >= 0)
		close(e->timer.fd);
	e->timer.fd = -1;
	if (ran_out(err))
		return failed("context", err);
	ret = open_without_timer(ctx);
	if (ret < 0) {
		ctx_events_close(&ctx->events);
		return ret;
	}
	baton_log(ctx, BATON_LOG_INFO,
		  "context: %s forbidden here (%s): its descriptor polls readable %s, and "
		  "baton_ctx_poll() naps for up to %u ms",
		  e->epoll_fd < 0 ? "epoll is" : "timerfds are", strerror(err),
		  e->epoll_fd < 0 ? "always" : "while timers are set", CTX_NAP_MS);
	if (e->epoll_fd < 0)
		e->fd = e->readable;
	return 0;
}

void
ctx_events_close(struct ctx_events *e)
{
	if (e->fd >= 0 && e->fd != e->epoll_fd && e->fd != e->readable)
		close(e->fd);
	if (e->epoll_fd >= 0)
		close(e->epoll_fd);
	if (e->timer.fd >= 0)
		close(e->timer.fd);
	if (e->readable >= 0)
		close(e->readable);
	free(e->source);
	free(e->polled);
}

/* ---- sources ---- */

static int
add_polled(struct ctx_events *e, struct ctx_source *src, uint32_t events)
{
	unsigned room = e->room ? e->room * 2 : 16;
	void *source, *polled;

	if (e->n == e->room) {
		source = realloc(e->source, room * sizeof(*e->source));
		if (source)
			e->source = source;
		polled = realloc(e->polled, room * sizeof(*e->polled));
		if (polled)
			e->polled = polled;
		if (!source || !polled)
			return baton_err(ENOMEM, "context: no memory for one more event source");
		e->room = room;
	}
	e->source[e->n] = src;
	e->polled[e->n++] = (struct pollfd){ .fd = src->fd, .events = (short)events };
	return 0;
}

static void
drop_polled(struct ctx_events *e, unsigned i)
{
	e->n--;
	e->source[i] = e->source[e->n];
	e->polled[i] = e->polled[e->n];
}

int
ctx_events_add(struct ctx_events *e, struct ctx_source *src, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = src };

	if (e->epoll_fd < 0)
		return add_polled(e, src, events);
	if (epoll_ctl(e->epoll_fd, EPOLL_CTL_ADD, src->fd, &ev) < 0)
		return baton_err(errno, "context: cannot watch descriptor %d: %s%s", src->fd,
				 strerror(errno),
				 errno == ENOSPC ? "; raise sysctl fs.epoll.max_user_watches" : "");
	return 0;
}

void
ctx_events_del(struct ctx_events *e, struct ctx_source *src)
{
	if (e->epoll_fd >= 0)
		epoll_ctl(e->epoll_fd, EPOLL_CTL_DEL, src->fd, NULL);
	for (unsigned i = 0; i < e->n; i++)
		if (e->source[i] == src) {
			drop_polled(e, i);
			return;
		}
}

int
ctx_source_add(struct baton_ctx *ctx, struct ctx_source *src, uint32_t events)
{
	return ctx_events_add(&ctx->events, src, events);
}

void
ctx_source_del(struct baton_ctx *ctx, struct ctx_source *src)
{
	ctx_events_del(&ctx->events, src);
}

/* ---- waiting ---- */

static int
wait_failed(const char *call)
{
	return errno == EINTR ? 0 : baton_err(errno, "context: %s: %s", call, strerror(errno));
}

static int
wait_poll(struct ctx_events *e, int timeout_ms, struct ctx_source **src, uint32_t *events)
{
	if (poll(e->polled, e->n, timeout_ms) < 0)
		return wait_failed("poll");
	for (unsigned k = 0; k < e->n; k++) {
		unsigned i = (e->next + k) % e->n;

		if (!e->polled[i].revents)
			continue;
		/* As epoll does with a descriptor that was closed. */
		if (e->polled[i].revents & POLLNVAL) {
			drop_polled(e, i);
			return 0;
		}
		*src = e->source[i];
		*events = (uint16_t)e->polled[i].revents;
		e->next = i + 1; /* each has its turn */
		return 1;
	}
	return 0;
}

int
ctx_events_wait(struct ctx_events *e, int timeout_ms, struct ctx_source **src, uint32_t *events)
{
	struct epoll_event ev;
	int n;

	if (e->epoll_fd < 0)
		return wait_poll(e, timeout_ms, src, events);
	n = epoll_wait(e->epoll_fd, &ev, 1, timeout_ms);
	if (n < 0)
		return wait_failed("epoll_wait");
	if (n > 0) {
		*src = ev.data.ptr;
		*events = ev.events;
	}
	return n;
}

DRIVER_EXPORT(ctx_source_add);
DRIVER_EXPORT(ctx_source_del);
