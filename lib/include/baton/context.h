/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A context holds everything: memory, pools, workers, ports. Baton keeps no other state, so several
 * contexts live in one process and know nothing of each other.
 */
#ifndef BATON_CONTEXT_H
#define BATON_CONTEXT_H

#include <baton/base.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BATON_MAX_POOLS   64 /* pools of one context; a token names its pool in 8 bits */
#define BATON_MAX_WORKERS 64
#define BATON_MAX_PORTS   64
#define BATON_MAX_QUEUES  64 /* per direction and port */

struct baton_ctx;
struct baton_violation;

/**
 * Called in place of stopping the program when an ownership rule is broken.
 *
 * Runs in the offending thread, inside the offending call, which is then refused: it changes
 * nothing and returns an error (or a zeroed token, or NULL). Must not call back into Baton.
 */
typedef void (*baton_violation_fn)(void *arg, const struct baton_violation *violation);

struct baton_ctx_config {
	size_t size;      /* sizeof(struct baton_ctx_config) */
	baton_log_fn log; /* NULL: warnings and errors go to stderr */
	void *log_arg;
	baton_violation_fn on_violation; /* NULL: report to the log, then abort() */
	void *violation_arg;
};

/**
 * Create a context.
 *
 * @config: may be NULL for the defaults.
 * @out:    receives the context.
 *
 * Any thread. Return: 0; -EINVAL for a bad config; -ENOMEM.
 */
BATON_API int baton_ctx_create(const struct baton_ctx_config *config, struct baton_ctx **out);

/**
 * Destroy a context whose ports are closed and whose pools and workers are destroyed.
 *
 * The context's control thread. Return: 0; -EBUSY, naming what is still there, and nothing changed.
 */
BATON_API int baton_ctx_destroy(struct baton_ctx *ctx);

/**
 * Serve the context's control work: backends' sockets, link and removal events, timers.
 *
 * @timeout_ms: how long to wait for the first event; 0 does not wait, -1 waits for ever.
 *
 * One control thread per context at a time; that is also the thread that may open, configure,
 * start, stop and close its ports. Bursts never do any of this work.
 *
 * Return: the number of events served; a negative errno.
 */
BATON_API int baton_ctx_poll(struct baton_ctx *ctx, int timeout_ms);

/** A descriptor that polls readable when baton_ctx_poll() has work to do. Owned by the context. */
BATON_API int baton_ctx_fd(const struct baton_ctx *ctx);

#ifdef __cplusplus
}
#endif

#endif
