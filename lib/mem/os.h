/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What lib/mem asks of the operating system, behind function pointers: the tests put in machines
 * with two nodes, and make each call fail in turn.
 */
#ifndef BATON_MEM_OS_H
#define BATON_MEM_OS_H

#include <stddef.h>
#include <stdint.h>

/* Calls that can fail return 0 (or a descriptor) or a negative errno, and set no sentence. */
struct mem_os {
	const char *sys;  /* where sysfs is mounted; errors always say /sys */
	const char *proc; /* where procfs is mounted */

	/* The highest NUMA node number, 0 on a kernel without NUMA. */
	int (*max_node)(const struct mem_os *os);
	/* Whether memory can come from this node: a node may have only processors. */
	int (*node_has_memory)(const struct mem_os *os, int node);

	void *(*alloc)(const struct mem_os *os, size_t bytes);

	/* An empty sealable file: of hugepages, or with @page_size 0 of ordinary pages. */
	int (*memfd)(const struct mem_os *os, const char *name, uint64_t page_size);
	/* -ENODEV: not a hugetlbfs; -EOPNOTSUPP: built without libhugetlbfs. */
	int (*mount_page)(const struct mem_os *os, const char *mount, uint64_t *page_size);
	/* An empty file on a mount, without a name, so that nothing outlives the process. */
	int (*mount_file)(const struct mem_os *os, const char *mount);

	/*
	 * A dma-buf of shared guest memory: its size is fixed, it takes no seals, and mapping it
	 * gives pages that are there. -ENODEV: no such heap.
	 */
	int (*cc_shared)(const struct mem_os *os, const char *name, size_t bytes);

	int (*resize)(const struct mem_os *os, int fd, size_t bytes);
	int (*seal)(const struct mem_os *os, int fd);
	int (*map)(const struct mem_os *os, int fd, size_t bytes, void **base);
	int (*bind)(const struct mem_os *os, void *base, size_t bytes, int node);
	/* Touch every page for writing; a page that is not there is an error, never a SIGBUS. */
	int (*populate)(const struct mem_os *os, void *base, size_t bytes);

	void (*unmap)(const struct mem_os *os, void *base, size_t bytes);
	void (*close)(const struct mem_os *os, int fd);
};

/* The machine we run on. */
extern const struct mem_os mem_os_host;

#define MEM_CC_HEAP "/dev/dma_heap/system_cc_shared"

/* A dma-buf of a heap's. Return: its descriptor; -ENODEV: no such heap; -errno. */
int mem_heap_alloc(const char *path, const char *name, size_t bytes);

/* The populate for kernels before 5.14, which have no MADV_POPULATE_WRITE. */
int mem_populate_by_read(void *base, size_t bytes);

#endif
