/* SPDX-License-Identifier: BSD-3-Clause */
/* The pages behind an arena: a file where one can be had, mapped and populated. */
#ifndef BATON_MEM_BACK_H
#define BATON_MEM_BACK_H

#include <stdbool.h>

#include "base/text.h"
#include "mem/supply.h"

struct mem_backed {
	void *base;
	int fd; /* -1: the memory has no file, and `note` has why */
	bool sealed;
	struct text note; /* what differs from a sealed memfd that was to be had, or empty */
};

/**
 * Make one attempt. Where a sandbox forbids memfds, a file on a tmpfs or a mounted hugetlbfs takes
 * their place, and where that is not to be had either, memory without a file.
 *
 * Return: 0; -ENOMEM if another page size may succeed; another negative errno is final. @why: the
 * reason.
 */
int mem_back(const struct mem_os *os, const struct mem_need *need, const char *name,
	     struct mem_backed *out, struct text *why);

#endif
