/* SPDX-License-Identifier: BSD-3-Clause */
/* Timers of a context: a list sorted by time. ctx/events.c waits for the first of them. */
#include <time.h>

#include "base/export.h"
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
	ctx_events_arm(ctx);
}

void
ctx_timer_cancel(struct baton_ctx *ctx, struct ctx_timer *timer)
{
	if (!timer->at_ns)
		return;
	remove_from_list(ctx, timer);
	ctx_events_arm(ctx);
}

int
ctx_timers_run(struct baton_ctx *ctx)
{
	uint64_t now = ctx_now_ns();
	int n = 0;

	/* The loop ends: a timer that sets itself again is later than `now`. */
	for (; ctx->timers && ctx->timers->at_ns <= now; n++) {
		struct ctx_timer *t = ctx->timers;

		remove_from_list(ctx, t);
		t->due(t);
	}
	ctx_events_arm(ctx);
	return n;
}

DRIVER_EXPORT(ctx_now_ns);
DRIVER_EXPORT(ctx_timer_set);
DRIVER_EXPORT(ctx_timer_cancel);
