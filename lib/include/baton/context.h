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
 * Return: 0 on success; -E2BIG if the configuration asks for what this library lacks; -EINVAL if
 * its size cannot be; -ENOMEM if memory is short; -EMFILE or -ENFILE if no file
 * descriptor is left.
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

/* ---- descriptors and timers of the application ---- */

#define BATON_FD_READ  1u /* flag: there is something to read, or the other end is closed */
#define BATON_FD_WRITE 2u /* flag: there is room to write */
#define BATON_FD_ERROR 4u /* flag: an error, or a hang-up; reported whether asked for or not */

/**
 * Descriptor callback: called by baton_ctx_poll() when a descriptor is ready.
 *
 * It is called again and again for as long as the descriptor is ready. It may add and remove
 * descriptors, itself included, and set timers; open, stop and close ports; not poll or destroy the
 * context.
 *
 * @arg:    as in baton_ctx_add_fd().
 * @fd:     the file descriptor.
 * @events: BATON_FD_*: what it is ready for.
 *
 * Thread: the control thread.
 */
typedef void (*baton_fd_fn)(void *arg, int fd, uint32_t events);

/**
 * Watch a descriptor of the application: baton_ctx_fd() polls readable when it is ready, and
 * baton_ctx_poll() calls back.
 *
 * A descriptor that is watched already is watched in the new way from now on. Remove it before it
 * is closed. What is still watched when the context is destroyed is forgotten.
 *
 * @ctx:    the context.
 * @fd:     the file descriptor: a socket, a pipe, an eventfd, a terminal; not a file.
 * @events: BATON_FD_READ, BATON_FD_WRITE, or both.
 * @fn:     the callback.
 * @arg:    its first argument.
 *
 * Thread: the control thread.
 * Return: 0 on success; -EINVAL if @fd, @events or @fn is invalid; -ENOMEM if memory is short; a
 * negative errno of epoll_ctl(2), such as -EBADF, or -EPERM for a file.
 */
BATON_API int baton_ctx_add_fd(struct baton_ctx *ctx, int fd, uint32_t events, baton_fd_fn fn,
			       void *arg);

/**
 * Stop watching a descriptor of the application. Its callback is not called any more.
 *
 * @ctx: the context.
 * @fd:  the file descriptor.
 *
 * Thread: the control thread.
 * Return: 0 on success; -ENOENT if it is not watched.
 */
BATON_API int baton_ctx_del_fd(struct baton_ctx *ctx, int fd);

/**
 * Timer callback: called by baton_ctx_poll() once the time is over. It may do what a descriptor
 * callback may.
 *
 * @arg: as in baton_ctx_timer().
 *
 * Thread: the control thread.
 */
typedef void (*baton_timer_fn)(void *arg);

/**
 * Set a timer: baton_ctx_fd() polls readable when it is due, and baton_ctx_poll() calls back once.
 *
 * A timer is told from others by @fn and @arg. One that is set already is set anew; a callback that
 * sets its own makes it a periodic one. What is still set when the context is destroyed is
 * forgotten.
 *
 * @ctx: the context.
 * @ms:  the time from now, in milliseconds; it is never called earlier.
 * @fn:  the callback.
 * @arg: its argument.
 *
 * Thread: the control thread.
 * Return: 0 on success; -EINVAL if @fn is NULL; -ENOMEM if memory is short.
 */
BATON_API int baton_ctx_timer(struct baton_ctx *ctx, uint32_t ms, baton_timer_fn fn, void *arg);

/**
 * Cancel a timer. Its callback is not called any more.
 *
 * @ctx: the context.
 * @fn:  the callback.
 * @arg: its argument.
 *
 * Thread: the control thread.
 * Return: 0 on success; -ENOENT if it is not set.
 */
BATON_API int baton_ctx_timer_cancel(struct baton_ctx *ctx, baton_timer_fn fn, void *arg);

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
