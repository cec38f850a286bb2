/* SPDX-License-Identifier: BSD-3-Clause */
/* How much memory the machine has to give, and the sentences for when that is not enough. */
#ifndef BATON_MEM_SUPPLY_H
#define BATON_MEM_SUPPLY_H

#include <stdbool.h>

#include "base/text.h"
#include "mem/os.h"

/* What one attempt needs. */
struct mem_need {
	size_t bytes; /* rounded up to whole pages */
	uint64_t page_size;
	int node;          /* to bind to, or BATON_NODE_ANY */
	const char *mount; /* a hugetlbfs, or NULL */
	bool shared;       /* from the heap of shared guest memory */
};

/*
 * Whether hugepages are certainly missing. Reserving notices a shortage of the whole machine but
 * not of one node, which would be found only after taking every page the node has.
 */
bool mem_huge_missing(const struct mem_os *os, const struct mem_need *need);

/* Say needed and free pages per node, and the command that raises them. */
void mem_huge_shortage(const struct mem_os *os, const struct mem_need *need, struct text *why);

/*
 * Whether ordinary pages would run the machine, the node or the control group out of memory; says
 * why. To be asked first: populating past the end wakes the out-of-memory killer.
 */
bool mem_small_missing(const struct mem_os *os, const struct mem_need *need, struct text *why);

/* Say which nodes have memory: "0-1", "0,2". */
void mem_text_nodes(const struct mem_os *os, struct text *to);

#endif
