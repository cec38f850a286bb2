/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Handles: what the public calls give out and take. Each begins with a struct baton_handle that
 * says what it is. A handle that was closed keeps its memory, and so stays recognisable, until its
 * context is destroyed: below 1 KiB each, and some for a port. What is large and is no part of that
 * is allocated apart from it.
 */
#ifndef BATON_CTX_HANDLE_H
#define BATON_CTX_HANDLE_H

#include <stdbool.h>

#include <baton/context.h>

enum handle_kind {
	HANDLE_CTX = 0xba7000c1,
	HANDLE_POOL,
	HANDLE_WORKER,
	HANDLE_PORT,
	HANDLE_RXQ,
	HANDLE_TXQ,
	HANDLE_ARENA,
	HANDLE_IOAS,
	HANDLE_MAPPING,
	HANDLE_RING,
	HANDLE_END, /* not a kind */
};

#define HANDLE_CLOSED 0x00800000u /* in a tag: it was closed */

/* In front of a handle. */
struct handle_prefix {
	struct handle_prefix *next; /* of the context's closed ones */
	struct baton_ctx *ctx;
	void *memory; /* what free() takes */
} __attribute__((aligned(64)));

/**
 * Memory for a handle of @size bytes, zeroed and aligned to 64. Return: NULL when out of memory.
 */
void *handle_new(struct baton_ctx *ctx, enum handle_kind kind, size_t size);

/** Say in a handle what it is. */
void handle_init(struct baton_handle *h, enum handle_kind kind);

/** The same in memory of the caller's, of handle_room(size) bytes from malloc(). */
void *handle_place(struct baton_ctx *ctx, enum handle_kind kind, void *memory);

static inline size_t
handle_room(size_t size)
{
	return 63 + sizeof(struct handle_prefix) + size;
}

/** Nobody outside has it: free it. */
void handle_free(void *handle);

/** It is closed: from now on every call that takes it is refused. */
void handle_close(void *handle);

/** The context is destroyed: free what was closed. */
void handle_fini(struct baton_ctx *ctx);

/**
 * Is @handle open, and of that kind?
 *
 * @operation: the public call, without "baton_".
 * Return: 0; -EINVAL for NULL and for what is no handle; -EPERM, after a violation report, for one
 * that was closed or is of another kind.
 */
int handle_check(const void *handle, enum handle_kind kind, const char *operation);

/** The context of an open handle, other than that of a context. */
struct baton_ctx *handle_ctx(const void *handle);

/** Are the two handles of one context? Return: 0; -EPERM, after a violation report. */
int handle_check_ctx(const struct baton_ctx *a, const struct baton_ctx *b, const char *operation,
		     const char *what);

/**
 * Is the calling thread the context's control thread? One that is not bound becomes it.
 *
 * Return: 0; -EINVAL for no context; -EPERM, after a violation report.
 */
int ctx_enter(struct baton_ctx *ctx, const char *operation);

/** The two checks in one, for a handle of kind @kind. */
int handle_enter(const void *handle, enum handle_kind kind, const char *operation);

/** Report a violation to the context's handler, or stop the program. Return: -EPERM. */
BATON_COLD int ctx_report(struct baton_ctx *ctx, struct baton_violation *v);

/** One that is not about a token; @text is the rest of the report. Return: -EPERM. */
BATON_COLD int ctx_violation(struct baton_ctx *ctx, enum baton_rule rule, const char *operation,
			     const char *pool, const char *text);

#endif
