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

/* What the library itself knows of the use of an arena. */
struct arena_use {
	size_t beside;   /* bytes of ordinary memory that the caller is going to allocate, too */
	bool needs_file; /* memory without a file is of no use */
};

/* baton_arena_create() for such a use. */
int arena_create_for(struct baton_ctx *ctx, const struct baton_mem_config *config,
		     const struct arena_use *use, struct baton_arena **out);

/* Whether the machine and the control group have @bytes of ordinary memory. Return: 0; -ENOMEM. */
int arena_check_room(struct baton_ctx *ctx, size_t bytes);

/* A device may have it for longer than the context lives: it is no reason to keep the context. */
void arena_disown(struct baton_arena *arena);

/* Unmap and close an arena that no user of the library has. NULL: nothing. */
void arena_free(struct baton_arena *arena);

/* Free an arena but leave its memory mapped: a device may still write there. */
void arena_leave_mapped(struct baton_arena *arena);

#endif
