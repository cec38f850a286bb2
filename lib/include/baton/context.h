/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Contexts.
 *
 * A context holds all of Baton's state: memory, pools, workers and ports. A process may have
 * several contexts; they share nothing.
 *
 * One thread at a time is the control thread of a context. It calls baton_ctx_poll(), and it alone
 * opens, configures, starts, stops and closes ports. The functions that need it say so.
 */
#ifndef BATON_CONTEXT_H
#define BATON_CONTEXT_H

#include <baton/base.h>
#include <baton/violation.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BATON_MAX_POOLS   64 /* pools of a context, at most */
#define BATON_MAX_WORKERS 64 /* workers of a context, at most */
#define BATON_MAX_PORTS   64 /* ports of a context, at most */
#define BATON_MAX_QUEUES  64 /* queues of a port in each direction, at most */

struct baton_ctx;

/**
 * Violation handler: called when an ownership rule is broken, in place of stopping the program.
 *
 * The handler runs inside the call that broke the rule. When the handler returns, that call is
 * refused: it changes nothing and returns an error (or NULL). The handler must not call Baton.
 *
 * @arg:       violation_arg of struct baton_ctx_config.
 * @violation: the report; valid during the call.
 *
 * Thread: the thread that broke the rule.
 */
typedef void (*baton_violation_fn)(void *arg, const struct baton_violation *violation);

/** Configuration of a context. */
struct baton_ctx_config {
	size_t size;                     /* sizeof(struct baton_ctx_config), in bytes */
	baton_log_fn log;                /* log handler; NULL: warnings and errors go to stderr */
	void *log_arg;                   /* first argument of the log handler */
	baton_violation_fn on_violation; /* violation handler; NULL: log the report, then abort() */
	void *violation_arg;             /* first argument of the violation handler */
};

/* baton_ctx_config_init() for a struct of @size bytes. */
BATON_API void baton_ctx_config_init_(struct baton_ctx_config *config, size_t size);

/**
 * Set a configuration to the defaults, its size included.
 *
 * This function cannot fail.
 *
 * @config: receives the defaults.
 *
 * Thread: any thread.
 */
static inline void
baton_ctx_config_init(struct baton_ctx_config *config)
{
	baton_ctx_config_init_(config, sizeof(*config));
}

/**
 * Create a context.
 *
 * @config: the configuration; NULL for the defaults.
 * @out:    receives the context.
 *
 * Thread: any thread.
 * Return: 0 on success; -EINVAL if config->size is not this library's; -ENOMEM if memory is short;
 * -EMFILE or -ENFILE if no file descriptor is left.
 */
BATON_API int baton_ctx_create(const struct baton_ctx_config *config, struct baton_ctx **out);

/**
 * Destroy a context, with its address spaces.
 *
 * All ports must be closed, all pools, workers and arenas destroyed, and all memory unmapped.
 *
 * @ctx: the context.
 *
 * Thread: the control thread.
 * Return: 0 on success; -EBUSY if something is left: the error message names it, and the context
 * stays as it is. Inside an event callback the call is refused in the same way.
 */
BATON_API int baton_ctx_destroy(struct baton_ctx *ctx);

/**
 * Serve the control work of a context: sockets of backends, link and removal events, timers.
 *
 * Bursts do none of this work, so an application calls this function regularly, or whenever
 * baton_ctx_fd() polls readable. It serves 64 events at most before it returns.
 *
 * Where a sandbox forbids epoll or timerfds, the descriptor polls readable all the time, or while
 * timers are set, and a call that is told not to wait waits for up to 5 ms if there is nothing to
 * do.
 *
 * @ctx:        the context.
 * @timeout_ms: how long to wait for the first event, in milliseconds; 0 does not wait, -1 waits
 *              without limit.
 *
 * Thread: the control thread.
 * Return: the number of events served, 0 if there was none; a negative errno of epoll_wait(2) or
 * poll(2) on failure, such as -EBADF; -EBUSY inside an event callback.
 */
BATON_API int baton_ctx_poll(struct baton_ctx *ctx, int timeout_ms);

/**
 * Let another thread become the control thread of a context.
 *
 * The first thread that makes a control thread's call becomes the control thread. It stays that
 * until it ends or this function is called. A control thread's call from any other thread is a
 * violation (BATON_RULE_THREAD).
 *
 * @ctx: the context.
 *
 * Thread: the control thread; any thread while no other is in a call on the context.
 * This function cannot fail.
 */
BATON_API void baton_ctx_unbind(struct baton_ctx *ctx);

/**
 * Get a file descriptor that polls readable when baton_ctx_poll() has work to do.
 *
 * The descriptor belongs to the context: do not read or close it.
 *
 * @ctx: the context.
 *
 * Thread: any thread.
 * Return: the file descriptor; -EINVAL if @ctx is NULL.
 */
BATON_API int baton_ctx_fd(const struct baton_ctx *ctx);

#ifdef __cplusplus
}
#endif

#endif
