/* SPDX-License-Identifier: BSD-3-Clause */
/* The drivers of a context: those of the library, and those that were loaded from files. */
#ifndef BATON_PORT_LOAD_H
#define BATON_PORT_LOAD_H

#include "port/driver_file.h"

/** The drivers of @ctx, NULL at the end; without a context, those of the library. Any thread. */
const struct baton_driver *const *drivers_of(const struct baton_ctx *ctx);

/**
 * Write the arguments of a driver's ports to @out, at most @n of them of @size bytes each. Return:
 * the number of arguments.
 */
unsigned driver_args(const struct baton_driver *d, struct baton_arg *out, unsigned n, size_t size);

/** The context is destroyed: unload its files. */
void drivers_fini(struct baton_ctx *ctx);

/* ---- driver_note.c ---- */

/**
 * Check that the open file is one that this library may load: a shared object of this machine, a
 * driver, built with what the library was built with. None of its code runs.
 *
 * Return: 0; -ENOEXEC; -EPROTONOSUPPORT; an error of reading it. The message names @file.
 */
int driver_note_check(int fd, const char *file);

/* ---- driver_trial.c ---- */

/**
 * Load the file in a process of its own, and unload it: what its constructors do wrong ends there.
 *
 * Return: 0; -ELIBBAD, -EFAULT, -ETIMEDOUT, with the reason; -EAGAIN if no process can be made.
 */
int driver_trial(const char *file);

#endif
