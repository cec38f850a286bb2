/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What lib/mem needs of the operating system, as function pointers. The tests replace them: they
 * simulate machines with two nodes, and make each call fail in turn.
 */
#ifndef BATON_MEM_OS_H
#define BATON_MEM_OS_H

#include <stddef.h>
#include <stdint.h>

/* Calls that can fail return 0 (or a descriptor) or a negative errno. They set no error message. */
struct mem_os {
	const char *sys;  /* mount point of sysfs; error messages always say /sys */
	const char *proc; /* mount point of procfs */

	/* The highest NUMA node number, 0 on a kernel without NUMA. */
	int (*max_node)(const struct mem_os *os);
	/* Whether the node has memory: a node may have processors only. */
	int (*node_has_memory)(const struct mem_os *os, int node);

	void *(*alloc)(const struct mem_os *os, size_t bytes);

	/*
	 * Create an empty file that can be sealed, of hugepages, or of ordinary pages if @page_size
	 * is 0.
	 */
	int (*memfd)(const struct mem_os *os, const char *name, uint64_t page_size);
	/* -ENODEV: the mount is not a hugetlbfs; -EOPNOTSUPP: built without libhugetlbfs. */
	int (*mount_page)(const struct mem_os *os, const char *mount, uint64_t *page_size);
	/*
	 * Create an empty file on a mount. The file has no name, so that nothing outlives the
	 * process.
	 */
	int (*mount_file)(const struct mem_os *os, const char *mount);

	/*
	 * Allocate a dma-buf of shared guest memory. Its size is fixed, it cannot be sealed, and
	 * all of its pages are there once it is mapped. -ENODEV: there is no such heap.
	 */
	int (*cc_shared)(const struct mem_os *os, const char *name, size_t bytes);

	int (*resize)(const struct mem_os *os, int fd, size_t bytes);
	int (*seal)(const struct mem_os *os, int fd);
	int (*map)(const struct mem_os *os, int fd, size_t bytes, void **base);
	int (*bind)(const struct mem_os *os, void *base, size_t bytes, int node);
	/* Write to every page. A page that cannot be allocated is an error, never a SIGBUS. */
	int (*populate)(const struct mem_os *os, void *base, size_t bytes);

	/* A new description of the file of @fd: O_RDONLY or O_RDWR, closed by exec. */
	int (*reopen)(const struct mem_os *os, int fd, int flags);
	/*
	 * Take a read lease and give it back. 0: it was granted; -EAGAIN: somebody has the file
	 * open for writing; -ENOTRECOVERABLE: it was granted, and is kept until @fd is closed.
	 */
	int (*lease)(const struct mem_os *os, int fd);
	/* Lock one byte for reading, for as long as the description of @fd lives. */
	int (*lock)(const struct mem_os *os, int fd, uint64_t byte);
	/* 1: another description than that of @fd has a lock on one of @n bytes (0: up to the end
	 * of all files); 0: none has. */
	int (*locked)(const struct mem_os *os, int fd, uint64_t byte, uint64_t n);

	void (*unmap)(const struct mem_os *os, void *base, size_t bytes);
	void (*close)(const struct mem_os *os, int fd);
};

/* This machine. */
extern const struct mem_os mem_os_host;

#define MEM_CC_HEAP "/dev/dma_heap/system_cc_shared"

/*
 * Allocate a dma-buf of a heap. Return: its descriptor; -ENODEV if there is no such heap; another
 * negative errno.
 */
int mem_heap_alloc(const char *path, const char *name, size_t bytes);

/* populate() for kernels before 5.14, which do not have MADV_POPULATE_WRITE. */
int mem_populate_by_read(void *base, size_t bytes);

#endif
