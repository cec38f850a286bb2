/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctx/ctx.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/err.h"
#include "dma/pool.h"
#include "dma/quarantine.h"
#include "ioas/ioas.h"
#include "port/driver.h"

int
baton_ctx_create(const struct baton_ctx_config *config, struct baton_ctx **out)
{
	struct baton_ctx *ctx;
	int err;

	if (config && config->size != sizeof(*config))
		return baton_err(EINVAL, "context: config.size is %zu, this library knows %zu",
				 config->size, sizeof(*config));
	ctx = calloc(1, sizeof(*ctx));
	if (!ctx)
		return baton_err(ENOMEM, "context: out of memory");
	ctx->views = aligned_alloc(64, 256 * sizeof(*ctx->views));
	ctx->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	ctx->timer.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	ctx->timer.ready = ctx_timers_due;
	if (!ctx->views || ctx->epoll_fd < 0 || ctx->timer.fd < 0 ||
	    ctx_source_add(ctx, &ctx->timer, EPOLLIN) < 0) {
		err = ctx->views ? errno : ENOMEM;
		if (ctx->timer.fd >= 0)
			close(ctx->timer.fd);
		if (ctx->epoll_fd >= 0)
			close(ctx->epoll_fd);
		free(ctx->views);
		free(ctx);
		return baton_err(err,
				 "context: no descriptor for events and timers: %s; if descriptors "
				 "ran out, "
				 "raise `ulimit -n`",
				 strerror(err));
	}
	memset(ctx->views, 0, 256 * sizeof(*ctx->views));
	pthread_mutex_init(&ctx->lock, NULL);
	if (config) {
		ctx->log = config->log;
		ctx->log_arg = config->log_arg;
		ctx->on_violation = config->on_violation;
		ctx->violation_arg = config->violation_arg;
	}
	*out = ctx;
	return 0;
}

int
baton_ctx_destroy(struct baton_ctx *ctx)
{
	int ret;

	for (unsigned i = 0; i < BATON_MAX_PORTS; i++)
		if (ctx->ports[i])
			return baton_err(EBUSY, "context: port %s is still open",
					 ctx->ports[i]->name);
	for (unsigned i = 0; i < BATON_MAX_WORKERS; i++)
		if (ctx->workers[i])
			return baton_err(EBUSY, "context: worker %s still exists",
					 ctx->workers[i]->name);
	for (unsigned i = 0; i < BATON_MAX_POOLS; i++)
		if (ctx->pools[i])
			return baton_err(EBUSY, "context: pool %s still exists",
					 ctx->pools[i]->name);
	ret = ioas_destroy_all(ctx);
	if (ret)
		return ret;
	dma_quarantine_fini(ctx);
	close(ctx->timer.fd);
	close(ctx->epoll_fd);
	pthread_mutex_destroy(&ctx->lock);
	free(ctx->views);
	free(ctx);
	return 0;
}

int
baton_ctx_fd(const struct baton_ctx *ctx)
{
	return ctx->epoll_fd;
}

int
baton_ctx_poll(struct baton_ctx *ctx, int timeout_ms)
{
	struct epoll_event ev;
	int n, served = 0;

	/* One event at a time: serving it may remove the source of the next. */
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
