/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctx/handle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "ctx/ctx.h"

/* Pools of no buffers, 256 of them, for handles that are no open worker. */
static const struct {
	uint64_t zeros[8];
} no_pools[256] __attribute__((aligned(64)));

static const char *
kind_name(uint32_t kind)
{
	static const char *const names[] = {
		"context",  "pool",  "worker",        "port",    "RX queue",
		"TX queue", "arena", "address space", "mapping", "token ring",
	};

	kind &= ~HANDLE_CLOSED;
	return kind >= HANDLE_CTX && kind < HANDLE_END ? names[kind - HANDLE_CTX] : NULL;
}

static struct handle_prefix *
prefix_of(const void *handle)
{
	return (struct handle_prefix *)((uintptr_t)handle - sizeof(struct handle_prefix));
}

struct baton_ctx *
handle_ctx(const void *handle)
{
	return prefix_of(handle)->ctx;
}

void *
handle_place(struct baton_ctx *ctx, enum handle_kind kind, void *memory)
{
	uintptr_t at = ((uintptr_t)memory + 63) & ~(uintptr_t)63;
	struct baton_handle *h = (struct baton_handle *)(at + sizeof(struct handle_prefix));

	*(struct handle_prefix *)at = (struct handle_prefix){ .ctx = ctx, .memory = memory };
	handle_init(h, kind);
	return h;
}

void
handle_init(struct baton_handle *h, enum handle_kind kind)
{
	/* No burst of a queue takes it for one: the state is not what was acknowledged. */
	*h = (struct baton_handle){ .tag = kind, .state = 1, .views = (const void *)no_pools };
}

void *
handle_new(struct baton_ctx *ctx, enum handle_kind kind, size_t size)
{
	size_t bytes = (sizeof(struct handle_prefix) + size + 63) & ~(size_t)63;
	void *memory = aligned_alloc(64, bytes);

	return memory ? handle_place(ctx, kind, memset(memory, 0, bytes)) : NULL;
}

void
handle_free(void *handle)
{
	if (handle)
		free(prefix_of(handle)->memory);
}

void
handle_close(void *handle)
{
	struct handle_prefix *p = prefix_of(handle);
	struct baton_handle *h = handle;

	h->tag |= HANDLE_CLOSED;
	h->views = (const void *)no_pools;
	pthread_mutex_lock(&p->ctx->lock);
	p->next = p->ctx->closed;
	p->ctx->closed = p;
	pthread_mutex_unlock(&p->ctx->lock);
}

void
handle_fini(struct baton_ctx *ctx)
{
	while (ctx->closed) {
		struct handle_prefix *p = ctx->closed;

		ctx->closed = p->next;
		free(p->memory);
	}
}

static int
refuse(const struct baton_handle *h, enum handle_kind kind, const char *operation)
{
	uint32_t is = h->tag & ~HANDLE_CLOSED;
	const char *wanted = kind_name(kind), *name = kind_name(is);
	struct baton_ctx *ctx;
	char text[128];

	if (!name)
		return baton_err(EINVAL, "%s: what was passed is no %s", operation, wanted);
	ctx = is == HANDLE_CTX ? (struct baton_ctx *)(uintptr_t)h : prefix_of(h)->ctx;
	if (is == kind) {
		snprintf(text, sizeof(text), "the %s was closed before", name);
		return ctx_violation(ctx, BATON_RULE_CLOSED, operation, "", text);
	}
	snprintf(text, sizeof(text), "a %s was passed, where a %s is needed", name, wanted);
	return ctx_violation(ctx,
			     is >= HANDLE_RXQ && is <= HANDLE_TXQ && kind >= HANDLE_RXQ &&
					     kind <= HANDLE_TXQ
				     ? BATON_RULE_DIRECTION
				     : BATON_RULE_KIND,
			     operation, "", text);
}

int
handle_check(const void *handle, enum handle_kind kind, const char *operation)
{
	const struct baton_handle *h = handle;

	if (!h)
		return baton_err(EINVAL, "%s: the %s is NULL", operation, kind_name(kind));
	return baton_likely(h->tag == kind) ? 0 : refuse(h, kind, operation);
}

int
handle_check_ctx(const struct baton_ctx *a, const struct baton_ctx *b, const char *operation,
		 const char *what)
{
	char text[128];

	if (a == b)
		return 0;
	snprintf(text, sizeof(text), "the %s belongs to another context", what);
	return ctx_violation((struct baton_ctx *)(uintptr_t)a, BATON_RULE_CONTEXT, operation, "",
			     text);
}

static void
control_ended(struct thread_exit *e)
{
	struct baton_ctx *ctx =
		(struct baton_ctx *)(void *)((char *)e - offsetof(struct baton_ctx, control_exit));
	uintptr_t self = baton_thread_self();

	/* Unless another thread has taken over meanwhile. */
	__atomic_compare_exchange_n(&ctx->control, &self, 0, false, __ATOMIC_RELEASE,
				    __ATOMIC_RELAXED);
}

int
ctx_enter(struct baton_ctx *ctx, const char *operation)
{
	uintptr_t self = baton_thread_self(), bound = 0;
	int ret = handle_check(ctx, HANDLE_CTX, operation);
	char text[160];

	if (ret < 0)
		return ret;
	if (baton_likely(__atomic_load_n(&ctx->control, __ATOMIC_RELAXED) == self))
		return 0;
	if (__atomic_compare_exchange_n(&ctx->control, &bound, self, false, __ATOMIC_ACQ_REL,
					__ATOMIC_ACQUIRE)) {
		thread_exit_add(&ctx->control_exit, control_ended);
		return 0;
	}
	snprintf(text, sizeof(text),
		 "thread %#lx is the context's control thread, and thread %#lx made the call; "
		 "baton_ctx_unbind() lets another thread take over",
		 (unsigned long)bound, (unsigned long)self);
	return ctx_violation(ctx, BATON_RULE_THREAD, operation, "", text);
}

int
handle_enter(const void *handle, enum handle_kind kind, const char *operation)
{
	int ret = handle_check(handle, kind, operation);

	return ret < 0 ? ret : ctx_enter(prefix_of(handle)->ctx, operation);
}

void
baton_ctx_unbind(struct baton_ctx *ctx)
{
	if (handle_check(ctx, HANDLE_CTX, "ctx_unbind") < 0)
		return;
	thread_exit_del(&ctx->control_exit);
	__atomic_store_n(&ctx->control, 0, __ATOMIC_RELEASE);
}

int
ctx_report(struct baton_ctx *ctx, struct baton_violation *v)
{
	v->size = sizeof(*v);
	baton_err(EPERM, "%s", v->text);
	if (ctx->on_violation) {
		ctx->on_violation(ctx->violation_arg, v);
		return -EPERM;
	}
	baton_log(ctx, BATON_LOG_ERR, "%s", v->text);
	abort();
}

int
ctx_violation(struct baton_ctx *ctx, enum baton_rule rule, const char *operation, const char *pool,
	      const char *text)
{
	char full[1400];
	struct baton_violation v = {
		.rule = rule,
		.operation = operation,
		.pool = pool,
		.holder = "",
		.last_op = "",
		.text = full,
	};

	snprintf(full, sizeof(full), "ownership violation in %s: %s: %s%s%s%s", operation,
		 baton_rule_name(rule), *pool ? "pool " : "", pool, *pool ? ": " : "", text);
	return ctx_report(ctx, &v);
}

const char *
baton_rule_name(enum baton_rule rule)
{
	static const char *const names[] = {
		[BATON_RULE_NOT_HELD] = "not held",
		[BATON_RULE_STALE] = "stale copy",
		[BATON_RULE_RANGE] = "out of range",
		[BATON_RULE_POOL] = "wrong pool",
		[BATON_RULE_THREAD] = "second thread",
		[BATON_RULE_POOL_BUSY] = "pool busy",
		[BATON_RULE_DOUBLE_FREE] = "double free",
		[BATON_RULE_DOUBLE_GIVE] = "double give",
		[BATON_RULE_DIRECTION] = "wrong direction",
		[BATON_RULE_CONTEXT] = "another context",
		[BATON_RULE_CLOSED] = "closed",
		[BATON_RULE_KIND] = "wrong kind of handle",
	};

	return (unsigned)rule < sizeof(names) / sizeof(names[0]) ? names[rule] : "unknown rule";
}
