/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctx/ctx.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/export.h"

int
ctx_init(struct baton_ctx *ctx, const struct baton_ctx_config *config)
{
	int ret;

	ctx->log = config->log;
	ctx->log_arg = config->log_arg;
	ctx->on_violation = config->on_violation;
	ctx->violation_arg = config->violation_arg;
	ret = ctx_events_open(ctx);
	if (ret < 0)
		return ret;
	pthread_mutex_init(&ctx->lock, NULL);
	handle_init(&ctx->handle, HANDLE_CTX);
	return 0;
}

void
ctx_fini(struct baton_ctx *ctx)
{
	thread_exit_del(&ctx->control_exit);
	ctx->handle.tag |= HANDLE_CLOSED;
	handle_fini(ctx);
	ctx_app_fini(ctx);
	ctx_events_close(&ctx->events);
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

	return ret < 0 ? ret : ctx->events.fd;
}

static int
poll_events(struct baton_ctx *ctx, int timeout_ms)
{
	struct ctx_source *src;
	uint32_t events;
	int ret, served = 0;

	timeout_ms = ctx_events_timeout(ctx, timeout_ms);
	/* Serve one event at a time: serving it may remove the source of the next one. */
	while (served < 64) {
		ret = ctx_events_wait(&ctx->events, served ? 0 : timeout_ms, &src, &events);
		if (ret < 0)
			return ret;
		if (ret == 0)
			break;
		src->ready(src, events);
		served++;
	}
	/* A timerfd is one of the events. */
	return ctx->events.timer.fd < 0 ? served + ctx_timers_run(ctx) : served;
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

DRIVER_EXPORT(baton_log);
