/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What somebody can do to the files of the memory that he was given, besides writing to it.
 *
 * Baton's arenas are sealed, so that nobody can truncate them. One warning is logged for memory
 * that is not sealed. No seal prevents holes in memory that the other one must write, so Baton
 * looks for them. Private records and the validation of rings protect against holes; this code only
 * reports them.
 *
 * Baton looks from time to time, because inotify does not report memfds. A hole that was written
 * again before Baton looks is not found. Control thread.
 */
#ifndef BATON_IOAS_GIVEN_H
#define BATON_IOAS_GIVEN_H

#include "ctx/ctx.h"

#define IOAS_GIVEN_FILES 8

/* Zeroed, before its first use. */
struct ioas_given {
	const struct baton_ioas *ioas; /* NULL: nothing is watched */
	const char *user, *whom;       /* for messages: the port, and "the backend at /tmp/s0" */
	struct {
		uint64_t dev, ino, blocks;
	} file[IOAS_GIVEN_FILES]; /* as they were at the last look */
	uint32_t n;
	uint8_t warned_unsealed;
	uint64_t holes; /* times that pages were found missing */
	struct ctx_timer poll;
};

/**
 * All that is mapped in @ioas was given to @whom: log once what could be done to the files, and
 * watch them until ioas_given_end(), which must come before the address space ends.
 */
void ioas_given(struct ioas_given *g, const struct baton_ioas *ioas, const char *user,
		const char *whom);
void ioas_given_end(struct ioas_given *g);

#endif
