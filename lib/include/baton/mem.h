/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Arenas: memory that devices may access.
 *
 * An arena is backed by a file descriptor, so that it can be shared with a vhost-user backend. It
 * uses hugepages where there are any. Where a sandbox forbids memfd_create() an unnamed file on a
 * tmpfs or hugetlbfs takes the place of a memfd; where there can be no file, the memory has none.
 */
#ifndef BATON_MEM_H
#define BATON_MEM_H

#include <stdbool.h>

#include <baton/context.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BATON_PAGE_ANY  0u /* the largest hugepages that fit; else 4 to 64 KiB and a warning */
#define BATON_PAGE_BASE 1u /* ordinary pages, of the kernel's 4, 16 or 64 KiB */
#define BATON_PAGE_4K   (4u << 10) /* ordinary pages, on a kernel where they have 4 KiB */
#define BATON_PAGE_2M   (2u << 20) /* hugepages of 2 MiB */
#define BATON_PAGE_1G   (1u << 30) /* hugepages of 1 GiB */

#define BATON_NODE_ANY (-1) /* any NUMA node */

/**
 * Memory that devices can access in a confidential guest.
 *
 * The pages are not encrypted, and the host can read and write them at any time. They come from the
 * DMA heap system_cc_shared, are ordinary pages, and lie on a NUMA node that the kernel chooses.
 */
#define BATON_MEM_CC_SHARED (1u << 0)

/** Configuration of an arena. */
struct baton_mem_config {
	size_t size;      /* sizeof(struct baton_mem_config), in bytes */
	const char *name; /* shown in error messages and /proc/PID/maps; NULL: "baton" */
	size_t bytes;     /* wanted size in bytes; rounded up to the page size */
	/*
	 * BATON_PAGE_*, or the size of the kernel's ordinary pages in bytes. A page size other than
	 * BATON_PAGE_ANY is never replaced by another one: BATON_PAGE_4K is refused by a kernel
	 * whose ordinary pages have 64 KiB.
	 */
	uint64_t page_size;
	int node; /* NUMA node, or BATON_NODE_ANY */
	/* Mount point of the hugetlbfs to take pages from; NULL: take hugepages from a memfd. */
	const char *hugetlbfs;
	unsigned flags;    /* BATON_MEM_* */
	uint32_t reserved; /* 0 */
};

/* baton_mem_config_init() for a struct of @size bytes. */
BATON_API void baton_mem_config_init_(struct baton_mem_config *config, size_t size);

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
baton_mem_config_init(struct baton_mem_config *config)
{
	baton_mem_config_init_(config, sizeof(*config));
}

struct baton_arena;

/**
 * Allocate an arena.
 *
 * The memory is zeroed and mapped shared, and all of its pages are there: using it causes no page
 * fault. Where the kind of memory allows it, the file is sealed against shrinking, growing and
 * further seals (see struct baton_arena_info).
 *
 * @ctx:    the context.
 * @config: size, pages and NUMA node of the memory.
 * @out:    receives the arena.
 *
 * Thread: any thread.
 * Return: 0 on success; -EINVAL if the configuration is invalid; -ENOMEM if there are too few
 * pages: the error message has the numbers of needed and free pages per node and the command that
 * raises them; -ENODEV if the node or the mount does not exist, or the kernel lacks the DMA heap of
 * BATON_MEM_CC_SHARED; -EACCES if the user may not open that heap; -EPERM if the process may not
 * place memory on a node; -EMFILE if no file descriptor is left.
 */
BATON_API int baton_arena_create(struct baton_ctx *ctx, const struct baton_mem_config *config,
				 struct baton_arena **out);

/**
 * Unmap an arena and close its file descriptor.
 *
 * Nothing may use the memory any more: unmap it from every address space first. This function
 * cannot fail.
 *
 * @arena: the arena, or NULL: nothing happens then.
 *
 * Thread: any thread.
 */
BATON_API void baton_arena_destroy(struct baton_arena *arena);

/** Properties of an arena. */
struct baton_arena_info {
	void *base;         /* first byte of the memory */
	size_t bytes;       /* size in bytes, a multiple of page_size */
	uint64_t page_size; /* page size in use, in bytes; never BATON_PAGE_BASE */
	/* File descriptor of the memory; it belongs to the arena. -1: the memory has no file, so
	 * that it serves every port but those of vhost-user backends. */
	int fd;
	int node;       /* NUMA node as asked for; BATON_NODE_ANY with BATON_MEM_CC_SHARED */
	unsigned flags; /* BATON_MEM_*, as asked for */
	/*
	 * Whether the file is sealed against shrinking, growing and further seals. A memfd is
	 * sealed. A file of a hugetlbfs or tmpfs cannot be: a process that receives its descriptor
	 * can truncate it, and an access to the missing memory is then a SIGBUS. The buffer of a
	 * DMA heap cannot be sealed either, but its size is fixed.
	 */
	bool sealed;
};

/* baton_arena_info() for a struct of @size bytes. */
BATON_API void baton_arena_info_(const struct baton_arena *arena, struct baton_arena_info *info,
				 size_t size);

/**
 * Get the properties of an arena.
 *
 * This function cannot fail.
 *
 * @arena: the arena.
 * @info:  receives the properties.
 *
 * Thread: any thread.
 */
static inline void
baton_arena_info(const struct baton_arena *arena, struct baton_arena_info *info)
{
	baton_arena_info_(arena, info, sizeof(*info));
}

#ifdef __cplusplus
}
#endif

#endif
