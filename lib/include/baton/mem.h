/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Arenas: memory that devices may reach. Always backed by a file descriptor, so that it can be
 * shared with a vhost-user backend; hugepages where there are any.
 */
#ifndef BATON_MEM_H
#define BATON_MEM_H

#include <stdbool.h>

#include <baton/context.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BATON_PAGE_ANY 0u /* largest hugepages that fit, else 4 KiB with one warning */
#define BATON_PAGE_4K  (4u << 10)
#define BATON_PAGE_2M  (2u << 20)
#define BATON_PAGE_1G  (1u << 30)

#define BATON_NODE_ANY (-1)

/*
 * Memory that devices may see in a confidential guest: unencrypted pages, from the DMA heap
 * system_cc_shared. Always ordinary pages, from a node that the kernel chooses. The host reads and
 * writes them as it likes.
 */
#define BATON_MEM_CC_SHARED (1u << 0)

struct baton_mem_config {
	size_t size;        /* sizeof(struct baton_mem_config) */
	const char *name;   /* shown in errors and /proc/PID/maps; NULL: "baton" */
	size_t bytes;       /* wanted; rounded up to the page size */
	uint64_t page_size; /* one of BATON_PAGE_*; a page size asked for by name is never replaced
			     */
	int node;           /* NUMA node, or BATON_NODE_ANY */
	const char *hugetlbfs; /* take pages from this mounted hugetlbfs; NULL: hugetlb memfd */
	unsigned flags;        /* BATON_MEM_* */
};

struct baton_arena;

/**
 * Allocate an arena: zeroed, populated (no page fault later), shared, its fd sealed against
 * shrinking, growing and further seals where the backing supports seals (baton_arena_info says).
 *
 * Any thread. Return: 0; -EINVAL; -ENOMEM when the pages are not there, with needed and free pages
 * per node and the command that raises them; -ENODEV for a node or a mount that does not exist, or
 * a kernel without the heap of BATON_MEM_CC_SHARED; -EACCES when the heap may not be opened;
 * -EMFILE when the process has no descriptor left.
 */
BATON_API int baton_arena_create(struct baton_ctx *ctx, const struct baton_mem_config *config,
				 struct baton_arena **out);

/** Unmap and close; nothing may use the memory any more. Any thread. */
BATON_API void baton_arena_destroy(struct baton_arena *arena);

struct baton_arena_info {
	void *base;
	size_t bytes;       /* a multiple of page_size */
	uint64_t page_size; /* what it really got */
	int fd;             /* owned by the arena */
	int node;           /* as asked for; BATON_NODE_ANY with BATON_MEM_CC_SHARED */
	unsigned flags;     /* BATON_MEM_*, as asked for */
	/*
	 * Whether the fd is sealed against shrinking, growing and further seals: memfds are; files
	 * of a hugetlbfs mount and DMA heaps' buffers cannot be. Whoever is given the fd of a file
	 * that is not sealed can truncate it, and touching what is gone is a SIGBUS. A DMA heap's
	 * buffer has a fixed size.
	 */
	bool sealed;
};

BATON_API void baton_arena_info(const struct baton_arena *arena, struct baton_arena_info *info);

#ifdef __cplusplus
}
#endif

#endif
