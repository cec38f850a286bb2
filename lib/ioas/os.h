/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What lib/ioas asks of the operating system, behind function pointers: the tests put in whole
 * kernels that are not there, and make each call fail in turn.
 */
#ifndef BATON_IOAS_OS_H
#define BATON_IOAS_OS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IOAS_ROOM 256 /* for a name out of sysfs or /dev, NUL included */

/* Paths are absolute. Calls that can fail return a negative errno and set no sentence. */
struct ioas_os {
	void *(*alloc)(const struct ioas_os *os, size_t bytes); /* zeroed; free() frees it */

	/* Return: a descriptor. */
	int (*open)(const struct ioas_os *os, const char *path, int flags);
	void (*close)(const struct ioas_os *os, int fd);
	/* @arg is a pointer or a value, as the request has it. Return: what the kernel returns. */
	int (*ioctl)(const struct ioas_os *os, int fd, unsigned long request, void *arg);

	/* The last component of what a symbolic link points to, or the whole of it. */
	int (*link)(const struct ioas_os *os, const char *path, bool whole, char out[IOAS_ROOM]);
	/* Call @each for every name in a directory but . and .., until it returns other than 0.
	 * Return: that, or 0. */
	int (*list)(const struct ioas_os *os, const char *path,
		    int (*each)(void *arg, const char *name), void *arg);
	/* A small file's text, its last newline cut. Return: its length. */
	int (*read)(const struct ioas_os *os, const char *path, char *out, size_t room);

	/* RLIMIT_MEMLOCK in bytes, UINT64_MAX for none. */
	int (*memlock)(const struct ioas_os *os, uint64_t *soft, uint64_t *hard);
	/* Whether the kernel lets this process pin beyond it. */
	bool (*ipc_lock)(const struct ioas_os *os);
	unsigned (*uid)(const struct ioas_os *os);

	/* Without an IOMMU: keep ordinary pages where they are; entries of /proc/self/pagemap, one
	 * a page of memory. */
	int (*lock)(const struct ioas_os *os, void *va, size_t bytes);
	int (*unlock)(const struct ioas_os *os, void *va, size_t bytes);
	int (*pagemap)(const struct ioas_os *os, int fd, const void *va, uint64_t *entry);

	uint64_t page; /* bytes of an ordinary page */
	/* Whether DMA snoops caches by architecture, no matter which kernel. */
	bool coherent;
};

/* The machine we run on. */
extern const struct ioas_os ioas_os_host;

#endif
