/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What lib/ioas needs of the operating system, as function pointers. The tests replace them by
 * simulated kernels, and make each call fail in turn.
 */
#ifndef BATON_IOAS_OS_H
#define BATON_IOAS_OS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IOAS_ROOM 256 /* room for a name from sysfs or /dev, with its NUL */

/* What a node under /dev is. */
struct ioas_node {
	unsigned mode, uid, gid, major, minor;
};

/* Paths are absolute. Calls that can fail return a negative errno and set no error message. */
struct ioas_os {
	void *(*alloc)(const struct ioas_os *os, size_t bytes); /* zeroed; free() frees it */

	/* Return: a descriptor. */
	int (*open)(const struct ioas_os *os, const char *path, int flags);
	void (*close)(const struct ioas_os *os, int fd);
	/* What is at a path, or behind the link there; and what a descriptor has open. */
	int (*stat)(const struct ioas_os *os, const char *path, struct ioas_node *out);
	int (*fstat)(const struct ioas_os *os, int fd, struct ioas_node *out);
	/* @arg is a pointer or a value, as the request defines. Return: what the kernel returns. */
	int (*ioctl)(const struct ioas_os *os, int fd, unsigned long request, void *arg);

	/* The last component of the target of a symbolic link, or all of it. */
	int (*link)(const struct ioas_os *os, const char *path, bool whole, char out[IOAS_ROOM]);
	/*
	 * Call @each for every name in a directory except . and .., until it returns non-zero.
	 * Return: that value, or 0.
	 */
	int (*list)(const struct ioas_os *os, const char *path,
		    int (*each)(void *arg, const char *name), void *arg);
	/* Read a small file as text, without its last newline. Return: its length. */
	int (*read)(const struct ioas_os *os, const char *path, char *out, size_t room);

	/* Get RLIMIT_MEMLOCK in bytes; UINT64_MAX: no limit. */
	int (*memlock)(const struct ioas_os *os, uint64_t *soft, uint64_t *hard);
	/* Whether the kernel lets this process pin more than that. */
	bool (*ipc_lock)(const struct ioas_os *os);
	unsigned (*uid)(const struct ioas_os *os);

	/*
	 * Without an IOMMU: lock ordinary pages, and read the entries of /proc/self/pagemap, one
	 * for each page.
	 */
	int (*lock)(const struct ioas_os *os, void *va, size_t bytes);
	int (*unlock)(const struct ioas_os *os, void *va, size_t bytes);
	int (*pagemap)(const struct ioas_os *os, int fd, const void *va, uint64_t *entry);

	uint64_t page; /* bytes of an ordinary page; 0: page_bytes() */
	/*
	 * Whether the architecture makes all DMA coherent with caches, independent of the kernel.
	 */
	bool coherent;
};

/* This machine. */
extern const struct ioas_os ioas_os_host;

#endif
