/* SPDX-License-Identifier: BSD-3-Clause */
/* Descriptors and timers of the application, served by baton_ctx_poll(). */
#include <stdlib.h>
#include <sys/epoll.h>

#include "base/container.h"
#include "base/err.h"
#include "ctx/ctx.h"

struct app_source {
	struct ctx_source src;
	baton_fd_fn fn;
	void *arg;
	struct app_source *next;
};

struct app_timer {
	struct ctx_timer timer;
	struct baton_ctx *ctx;
	baton_timer_fn fn;
	void *arg;
	struct app_timer *next;
};

DEFINE_CONTAINER(source_of, struct app_source, src)
DEFINE_CONTAINER(timer_of, struct app_timer, timer)

/* ---- descriptors ---- */

static void
on_ready(struct ctx_source *src, uint32_t events)
{
	const struct app_source *s = source_of_const(src);
	uint32_t what = events & EPOLLIN ? BATON_FD_READ : 0;

	what |= events & EPOLLOUT ? BATON_FD_WRITE : 0;
	what |= events & (EPOLLERR | EPOLLHUP) ? BATON_FD_ERROR : 0;
	s->fn(s->arg, src->fd, what); /* which may remove it */
}

/* Return: where the descriptor is in the list, or the list's end. */
static struct app_source **
find_source(struct baton_ctx *ctx, int fd)
{
	struct app_source **at = &ctx->app_sources;

	while (*at && (*at)->src.fd != fd)
		at = &(*at)->next;
	return at;
}

static int
check_fd(int fd, uint32_t events, baton_fd_fn fn)
{
	if (fd < 0)
		return baton_err(EINVAL, "ctx_add_fd: %d is no descriptor", fd);
	if (!fn)
		return baton_err(EINVAL, "ctx_add_fd: there is no callback: fn is NULL");
	if (!events || events & ~(BATON_FD_READ | BATON_FD_WRITE))
		return baton_err(EINVAL,
				 "ctx_add_fd: events are %#x: BATON_FD_READ, BATON_FD_WRITE or "
				 "both "
				 "are needed",
				 events);
	return 0;
}

int
baton_ctx_add_fd(struct baton_ctx *ctx, int fd, uint32_t events, baton_fd_fn fn, void *arg)
{
	uint32_t wanted = events & BATON_FD_READ ? EPOLLIN : 0;
	int ret = ctx_enter(ctx, "ctx_add_fd");
	struct app_source *s;

	if (!ret)
		ret = check_fd(fd, events, fn);
	if (ret < 0)
		return ret;
	wanted |= events & BATON_FD_WRITE ? EPOLLOUT : 0;
	s = *find_source(ctx, fd);
	if (s) {
		ctx_source_del(ctx, &s->src);
	} else {
		s = calloc(1, sizeof(*s));
		if (!s)
			return baton_err(ENOMEM, "context: no memory to watch descriptor %d", fd);
		s->src = (struct ctx_source){ .ready = on_ready, .fd = fd };
		s->next = ctx->app_sources;
		ctx->app_sources = s;
	}
	s->fn = fn;
	s->arg = arg;
	ret = ctx_source_add(ctx, &s->src, wanted);
	if (ret < 0) {
		*find_source(ctx, fd) = s->next;
		free(s);
	}
	return ret;
}

int
baton_ctx_del_fd(struct baton_ctx *ctx, int fd)
{
	int ret = ctx_enter(ctx, "ctx_del_fd");
	struct app_source **at, *s;

	if (ret < 0)
		return ret;
	at = find_source(ctx, fd);
	s = *at;
	if (!s)
		return baton_err(ENOENT, "ctx_del_fd: descriptor %d is not watched", fd);
	*at = s->next;
	ctx_source_del(ctx, &s->src);
	free(s);
	return 0;
}

/* ---- timers ---- */

static struct app_timer **
find_timer(struct baton_ctx *ctx, baton_timer_fn fn, const void *arg)
{
	struct app_timer **at = &ctx->app_timers;

	while (*at && ((*at)->fn != fn || (*at)->arg != arg))
		at = &(*at)->next;
	return at;
}

static void
drop_timer(struct app_timer **at)
{
	struct app_timer *t = *at;

	*at = t->next;
	ctx_timer_cancel(t->ctx, &t->timer);
	free(t);
}

static void
on_due(struct ctx_timer *timer)
{
	struct app_timer *t = timer_of(timer);
	baton_timer_fn fn = t->fn;
	void *arg = t->arg;

	drop_timer(find_timer(t->ctx, fn, arg));
	fn(arg); /* which may set it again */
}

int
baton_ctx_timer(struct baton_ctx *ctx, uint32_t ms, baton_timer_fn fn, void *arg)
{
	int ret = ctx_enter(ctx, "ctx_timer");
	struct app_timer *t;

	if (!ret && !fn)
		ret = baton_err(EINVAL, "ctx_timer: there is no callback: fn is NULL");
	if (ret < 0)
		return ret;
	t = *find_timer(ctx, fn, arg);
	if (!t) {
		t = calloc(1, sizeof(*t));
		if (!t)
			return baton_err(ENOMEM, "context: no memory for one more timer");
		*t = (struct app_timer){ .timer.due = on_due,
					 .ctx = ctx,
					 .fn = fn,
					 .arg = arg,
					 .next = ctx->app_timers };
		ctx->app_timers = t;
	}
	ctx_timer_set(ctx, &t->timer, ms);
	return 0;
}

int
baton_ctx_timer_cancel(struct baton_ctx *ctx, baton_timer_fn fn, void *arg)
{
	int ret = ctx_enter(ctx, "ctx_timer_cancel");
	struct app_timer **at;

	if (ret < 0)
		return ret;
	at = find_timer(ctx, fn, arg);
	if (!*at)
		return baton_err(ENOENT, "ctx_timer_cancel: the timer is not set");
	drop_timer(at);
	return 0;
}

void
ctx_app_fini(struct baton_ctx *ctx)
{
	while (ctx->app_timers)
		drop_timer(&ctx->app_timers);
	while (ctx->app_sources) {
		struct app_source *s = ctx->app_sources;

		ctx->app_sources = s->next;
		ctx_source_del(ctx, &s->src);
		free(s);
	}
}
