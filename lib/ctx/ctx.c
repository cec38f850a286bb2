/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctx/ctx.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/err.h"

int
ctx_init(struct baton_ctx *ctx, const struct baton_ctx_config *config)
{
	int err;

	ctx->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	ctx->timer.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	ctx->timer.ready = ctx_timers_due;
	if (ctx->epoll_fd < 0 || ctx->timer.fd < 0 ||
	    ctx_source_add(ctx, &ctx->timer, EPOLLIN) < 0) {
		err = errno;
		if (ctx->timer.fd >= 0)
			close(ctx->timer.fd);
		if (ctx->epoll_fd >= 0)
			close(ctx->epoll_fd);
		return baton_err(err,
				 "context: no descriptor for events and timers: %s; if descriptors "
				 "ran out, raise `ulimit -n`",
				 strerror(err));
	}
	pthread_mutex_init(&ctx->lock, NULL);
	handle_init(&ctx->handle, HANDLE_CTX);
	if (config) {
		ctx->log = config->log;
		ctx->log_arg = config->log_arg;
		ctx->on_violation = config->on_violation;
		ctx->violation_arg = config->violation_arg;
	}
	return 0;
}

void
ctx_fini(struct baton_ctx *ctx)
{
	thread_exit_del(&ctx->control_exit);
	ctx->handle.tag |= HANDLE_CLOSED;
	handle_fini(ctx);
	close(ctx->timer.fd);
	close(ctx->epoll_fd);
	pthread_mutex_destroy(&ctx->lock);
}

void
baton_log(const struct baton_ctx *ctx, enum baton_log_level level, const char *fmt, ...)
{
	static const char *const names[] = { "error", "warning", "info", "debug" };
	char line[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (ctx && ctx->log)
		ctx->log(ctx->log_arg, level, line);
	else if (level <= BATON_LOG_WARN)
		fprintf(stderr, "baton: %s: %s\n", names[level], line);
}

int
baton_ctx_fd(const struct baton_ctx *ctx)
{
	int ret = handle_check(ctx, HANDLE_CTX, "ctx_fd");

	return ret < 0 ? ret : ctx->epoll_fd;
}

static int
poll_events(struct baton_ctx *ctx, int timeout_ms)
{
	struct epoll_event ev;
	int n, served = 0;

	/* Serve one event at a time: serving it may remove the source of the next one. */
	while (served < 64) {
		n = epoll_wait(ctx->epoll_fd, &ev, 1, served ? 0 : timeout_ms);
		if (n < 0 && errno == EINTR)
			break;
		if (n < 0)
			return baton_err(errno, "context: epoll_wait: %s", strerror(errno));
		if (n == 0)
			break;
		struct ctx_source *src = ev.data.ptr;

		src->ready(src, ev.events);
		served++;
	}
	return served;
}

int
baton_ctx_poll(struct baton_ctx *ctx, int timeout_ms)
{
	int ret = ctx_enter(ctx, "ctx_poll");

	if (ret < 0)
		return ret;
	if (ctx->in_poll || ctx->in_event)
		return baton_err(EBUSY, "ctx_poll: it was called from inside an event callback: "
					"let the callback return first");
	ctx->in_poll = 1;
	ret = poll_events(ctx, timeout_ms);
	ctx->in_poll = 0;
	return ret;
}

int
ctx_source_add(struct baton_ctx *ctx, struct ctx_source *src, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = src };

	if (epoll_ctl(ctx->epoll_fd, EPOLL_CTL_ADD, src->fd, &ev) < 0)
		return baton_err(errno, "context: cannot watch descriptor %d: %s", src->fd,
				 strerror(errno));
	return 0;
}

void
ctx_source_del(struct baton_ctx *ctx, struct ctx_source *src)
{
	epoll_ctl(ctx->epoll_fd, EPOLL_CTL_DEL, src->fd, NULL);
}
