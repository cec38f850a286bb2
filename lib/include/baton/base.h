/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Errors, logging and the few compiler helpers the other public headers need.
 *
 * One error convention everywhere: a function that can fail returns a negative errno value, and
 * baton_last_error() then holds one sentence for people that says what was asked, what stands in
 * the way (with the numbers) and what to do about it.
 */
#ifndef BATON_BASE_H
#define BATON_BASE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BATON_API         __attribute__((visibility("default")))
#define BATON_COLD        __attribute__((cold, noinline))
#define baton_likely(x)   __builtin_expect(!!(x), 1)
#define baton_unlikely(x) __builtin_expect(!!(x), 0)
#define BATON_CACHE_LINE  64

/**
 * The sentence that goes with the last failed call of this thread.
 *
 * Valid until the next failing call in the same thread; empty before the first. Any thread.
 *
 * Return: a NUL-terminated string, never NULL.
 */
BATON_API const char *baton_last_error(void);

/** The library's version, such as "0.1.0". Any thread. */
BATON_API const char *baton_version(void);

enum baton_log_level {
	BATON_LOG_ERR,
	BATON_LOG_WARN,
	BATON_LOG_INFO,
	BATON_LOG_DEBUG,
};

/**
 * Receives one line of the log, without a newline at its end.
 *
 * Called from the thread that logs; it must not call back into Baton.
 */
typedef void (*baton_log_fn)(void *arg, enum baton_log_level level, const char *line);

/*
 * An identity of the calling thread that costs one instruction: its thread pointer. It is only
 * compared, never dereferenced, and may be reused once the thread has ended.
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
