/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Timers of a context: a list sorted by time, and one timerfd for the first of them, so that
 * baton_ctx_fd() polls readable for timers, too.
 */
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "ctx/ctx.h"

#define NS_PER_S 1000000000ull

uint64_t
ctx_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

static void
arm(const struct baton_ctx *ctx)
{
	uint64_t at = ctx->timers ? ctx->timers->at_ns : 0;
	struct itimerspec when = { .it_value = { .tv_sec = (time_t)(at / NS_PER_S),
						 .tv_nsec = (long)(at % NS_PER_S) } };

	timerfd_settime(ctx->timer.fd, TFD_TIMER_ABSTIME, &when, NULL);
}

static void
remove_from_list(struct baton_ctx *ctx, struct ctx_timer *timer)
{
	for (struct ctx_timer **t = &ctx->timers; *t; t = &(*t)->next)
		if (*t == timer) {
			*t = timer->next;
			break;
		}
	timer->at_ns = 0;
}

void
ctx_timer_set(struct baton_ctx *ctx, struct ctx_timer *timer, unsigned ms)
{
	struct ctx_timer **t = &ctx->timers;

	if (timer->at_ns)
		remove_from_list(ctx, timer);
	timer->at_ns = ctx_now_ns() + ms * 1000000ull;
	while (*t && (*t)->at_ns <= timer->at_ns)
		t = &(*t)->next;
	timer->next = *t;
	*t = timer;
	arm(ctx);
}

void
ctx_timer_cancel(struct baton_ctx *ctx, struct ctx_timer *timer)
{
	if (!timer->at_ns)
		return;
	remove_from_list(ctx, timer);
	arm(ctx);
}

void
ctx_timers_due(struct ctx_source *src, uint32_t events)
{
	struct baton_ctx *ctx =
		(struct baton_ctx *)(void *)((char *)src - offsetof(struct baton_ctx, timer));
	uint64_t now = ctx_now_ns(), expirations;

	(void)!read(src->fd, &expirations, sizeof(expirations));
	/* The loop ends: a timer that sets itself again is later than `now`. */
	while (ctx->timers && ctx->timers->at_ns <= now) {
		struct ctx_timer *t = ctx->timers;

		remove_from_list(ctx, t);
		t->due(t);
	}
	arm(ctx);
}
