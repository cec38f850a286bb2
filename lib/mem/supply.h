/* SPDX-License-Identifier: BSD-3-Clause */
/* How much memory the machine has, and the error messages for when that is too little. */
#ifndef BATON_MEM_SUPPLY_H
#define BATON_MEM_SUPPLY_H

#include <stdbool.h>

#include "base/text.h"
#include "mem/os.h"

/* What one attempt needs. */
struct mem_need {
	size_t bytes; /* rounded up to whole pages */
	uint64_t page_size;
	int node;          /* node to bind to, or BATON_NODE_ANY */
	const char *mount; /* mount point of a hugetlbfs, or NULL */
	bool shared;       /* from the heap of shared guest memory */
	bool may_be_small; /* ordinary pages will do where hugepages cannot be had */
	bool needs_file;   /* memory without a file is of no use */
	size_t beside;     /* bytes of ordinary memory that the caller is going to allocate, too */
};

/*
 * Whether hugepages are certainly missing: on a node, which the kernel's reservation does not see,
 * on a mount with a size, or because of a control group. Appends the reason.
 */
bool mem_huge_missing(const struct mem_os *os, const struct mem_need *need, struct text *why);

/* Append the numbers of needed and free pages per node, and the command that raises them. */
void mem_huge_shortage(const struct mem_os *os, const struct mem_need *need, struct text *why);

/*
 * Whether @bytes of ordinary memory would exhaust the machine, the node (or BATON_NODE_ANY) or a
 * control group; appends the reason. Ask before populating: populating beyond the end wakes the
 * out-of-memory killer.
 */
bool mem_small_missing(const struct mem_os *os, uint64_t bytes, int node, struct text *why);

/* Append the nodes that have memory: "0-1", "0,2". */
void mem_text_nodes(const struct mem_os *os, struct text *to);

#endif
