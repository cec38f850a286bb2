/* SPDX-License-Identifier: BSD-3-Clause */
/* The limits that a process has (getrlimit), for error messages. */
#ifndef BATON_BASE_LIMITS_H
#define BATON_BASE_LIMITS_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

/**
 * Append which limit stands in the way of @bytes more of address space or data, with the numbers
 * and how to raise it. Nothing if none does.
 */
void limits_memory(struct text *to, uint64_t bytes);

/**
 * Set the error message after a call that makes a file descriptor failed: "WHAT for WHOM: why".
 *
 * Return: -err.
 */
int limits_no_file(const char *what, const char *whom, int err);

/** Append why a call that makes a file descriptor failed with @err, and what to do about it. */
void limits_files(struct text *to, int err);

/** Whether a call that failed with @err is one that a sandbox, or the kernel, does not allow. */
static inline bool
limits_forbidden(int err)
{
	return err == EPERM || err == EACCES || err == ENOSYS;
}

/** The largest file that this process may make, in bytes. A larger one ends it with SIGXFSZ. */
uint64_t limits_file_size(void);

#endif
