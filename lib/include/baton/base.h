/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Errors, logging, and the compiler helpers that the other public headers need.
 *
 * All of Baton has one error convention. A function that can fail returns a negative errno value,
 * and baton_last_error() then returns one sentence for people. The sentence says what was asked
 * for, what stands in the way (with the numbers), and what to do about it.
 */
#ifndef BATON_BASE_H
#define BATON_BASE_H

#include <stddef.h>
#include <stdint.h>

#include <baton/config.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BATON_API         __attribute__((visibility("default"))) /* exported by the library */
#define BATON_COLD        __attribute__((cold, noinline))        /* not on the fast path */
#define baton_likely(x)   __builtin_expect(!!(x), 1)             /* the condition usually holds */
#define baton_unlikely(x) __builtin_expect(!!(x), 0)             /* the condition seldom holds */
#define BATON_CACHE_LINE  64                                     /* bytes of a cache line */

struct baton_pool_view;

/** Begin of every handle. Only the library writes it. */
struct baton_handle {
	uint32_t tag;   /* number of its kind, with a bit for closed ones */
	uint32_t state; /* number of state changes, odd while a queue runs; atomic */
	uint32_t ack;   /* number of state changes that the worker has seen */
	uint32_t reserved;
	/* 256 of them; the index is the pool of a token. Whatever is not an open worker has 256
	 * pools of no buffers here, so that it is refused wherever a worker is needed. */
	const struct baton_pool_view *views;
};

/**
 * Get the error message of the last call that failed in the calling thread.
 *
 * The string is empty before the first failure. It is valid until the next call that fails in the
 * same thread.
 *
 * Thread: any thread.
 * Return: a NUL-terminated string, never NULL.
 */
BATON_API const char *baton_last_error(void);

/**
 * Get the version of the library, such as "0.2.0".
 *
 * BATON_VERSION is that of the headers, and BATON_VERSION_CHECK(major, minor, patch) is for #if. A
 * program runs with any library that is not older than its headers.
 *
 * Thread: any thread.
 * Return: a NUL-terminated string, never NULL.
 */
BATON_API const char *baton_version(void);

/**
 * Find the word of a list that is nearest to @word by edit distance, for "did you mean".
 *
 * @word: what somebody wrote.
 * @list: the words it may be; NULL behind the last one.
 *
 * Thread: any thread.
 * Return: the entry of @list; NULL if none is near (more than half of @word differs), or if
 * @word or @list is NULL.
 */
BATON_API const char *baton_nearest(const char *word, const char *const *list);

/** Severity of a log line. */
enum baton_log_level {
	BATON_LOG_ERR,   /* something does not work */
	BATON_LOG_WARN,  /* something works, but not as it should */
	BATON_LOG_INFO,  /* what was decided, and why */
	BATON_LOG_DEBUG, /* details for developers */
};

/**
 * Log handler: receives one line of the log.
 *
 * The handler must not call Baton.
 *
 * @arg:   log_arg of struct baton_ctx_config.
 * @level: severity of the line.
 * @line:  the line, without a newline at its end; valid during the call.
 *
 * Thread: the thread that logs; several threads may log at a time.
 */
typedef void (*baton_log_fn)(void *arg, enum baton_log_level level, const char *line);

/**
 * Get an identifier of the calling thread, at the cost of one instruction.
 *
 * The identifier is the thread pointer. Baton compares it and never dereferences it. Another thread
 * may get the same identifier after this thread has ended.
 *
 * Thread: any thread.
 * Return: the thread's ID; this function cannot fail.
 */
static inline uintptr_t
baton_thread_self(void)
{
#if defined(__x86_64__)
	uintptr_t self;

	__asm__("mov %%fs:0, %0" : "=r"(self));
	return self;
#else
	return (uintptr_t)__builtin_thread_pointer();
#endif
}

#ifdef __cplusplus
}
#endif

#endif
