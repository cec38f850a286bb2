/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the control groups of this process leave it. Who exceeds the limit of a memory group is
 * killed, and who exceeds that of a hugetlb group gets a SIGBUS, so ask before memory is populated.
 */
#ifndef BATON_MEM_CGROUP_H
#define BATON_MEM_CGROUP_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "mem/os.h"

/* The limit that leaves the least, of our group and those above it. */
struct cgroup_room {
	uint64_t limit, used, room; /* bytes */
	bool counts_hugetlb; /* of memory: hugepages count, too (memory_hugetlb_accounting) */
	char file[PATH_MAX]; /* where the limit is */
};

/**
 * The room for memory: ordinary pages, and what the kernel needs for the process. What is used does
 * not include page cache that the kernel would drop.
 *
 * memory.high counts like memory.max: the kernel does not kill who exceeds it, but lets that
 * process sleep until memory is reclaimed, and memory for devices is not, so that it hardly runs.
 *
 * Return: false if there is no limit, or none can be seen.
 */
bool cgroup_memory(const struct mem_os *os, struct cgroup_room *out);

/** The room for hugepages of one size. */
bool cgroup_hugetlb(const struct mem_os *os, uint64_t page_size, struct cgroup_room *out);

/** How the kernel names a page size in the names of its files: 64KB, 2MB, 1GB. Return: @to. */
const char *cgroup_page_name(uint64_t page_size, char to[32]);

#endif
