/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What lib/mem needs of the operating system, as function pointers. The tests replace them: they
 * simulate machines with two nodes, and make each call fail in turn.
 */
#ifndef BATON_MEM_OS_H
#define BATON_MEM_OS_H

#include <limits.h>
#include <stdbool.h>
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
	 * The free room of a mount in bytes; UINT64_MAX: it has no limit. -EROFS: it is mounted
	 * read-only.
	 */
	int (*mount_room)(const struct mem_os *os, const char *mount, uint64_t *room);
	/*
	 * Create an empty file on a mount. The file has no name, so that nothing outlives the
	 * process.
	 */
	int (*mount_file)(const struct mem_os *os, const char *mount);
	/*
	 * For where memfds are forbidden: a mounted hugetlbfs of this page size, or for 0 a tmpfs
	 * with room for @bytes, that this process may create a file on. Return: the file;
	 * -ENODEV: there is no such mount; -ENOSPC: none has the room; @where: the best one.
	 */
	int (*any_file)(const struct mem_os *os, uint64_t page_size, size_t bytes,
			char where[PATH_MAX]);
	/* The size of the largest file that this process may make; beyond it SIGXFSZ waits. */
	uint64_t (*file_limit)(const struct mem_os *os);

	/*
	 * Allocate a dma-buf of shared guest memory. Its size is fixed, it cannot be sealed, and
	 * all of its pages are there once it is mapped. -ENODEV: there is no such heap.
	 */
	int (*cc_shared)(const struct mem_os *os, const char *name, size_t bytes);

	int (*resize)(const struct mem_os *os, int fd, size_t bytes);
	int (*seal)(const struct mem_os *os, int fd);
	int (*map)(const struct mem_os *os, int fd, size_t bytes, void **base);
	/* Shared memory without a descriptor, of hugepages, or of ordinary ones if @page_size is 0.
	 */
	int (*map_anonymous)(const struct mem_os *os, uint64_t page_size, size_t bytes,
			     void **base);
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

/*
 * populate() where there is no MADV_POPULATE_WRITE: kernels before 5.14, and sandboxes. The second
 * is for where there is no /dev/zero either: @step is the size of a page, and the memory is zeroed
 * already.
 */
int mem_populate_by_read(void *base, size_t bytes);
int mem_populate_by_pipe(void *base, size_t bytes, size_t step);

/* The parts of mem_os_host that are in files.c. */
int mem_mount_file(const struct mem_os *os, const char *mount);
int mem_mount_room(const struct mem_os *os, const char *mount, uint64_t *room);
int mem_any_file(const struct mem_os *os, uint64_t page_size, size_t bytes, char where[PATH_MAX]);

/* Whether a call that failed with this is one that a sandbox or the kernel does not allow. */
bool mem_is_refusal(int ret);

#endif
