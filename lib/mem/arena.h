/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BATON_MEM_ARENA_H
#define BATON_MEM_ARENA_H

#include <baton/mem.h>

#include "mem/os.h"

/*
 * baton_arena_create() with a given operating system, which must outlive the arena. For the tests.
 */
int baton_arena_create_with(struct baton_ctx *ctx, const struct baton_mem_config *config,
			    const struct mem_os *os, struct baton_arena **out);

/* A device may have it for longer than the context lives: it is no reason to keep the context. */
void arena_disown(struct baton_arena *arena);

/* Unmap and close an arena that no user of the library has. NULL: nothing. */
void arena_free(struct baton_arena *arena);

/* Free an arena but leave its memory mapped: a device may still write there. */
void arena_leave_mapped(struct baton_arena *arena);

#endif
