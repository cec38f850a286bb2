/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The addresses of an address space that are in use.
 *
 * Mappings are few and large (type1 allows 65,535). So the ranges in use are a sorted array: a
 * lookup is a binary search, and the choice of an address is one pass over the array. Nothing here
 * calls the kernel.
 */
#ifndef BATON_IOAS_IOVA_H
#define BATON_IOAS_IOVA_H

#include <stdbool.h>
#include <stddef.h>

#include <baton/ioas.h>

struct iova_space {
	struct baton_iova_range *windows; /* sorted; no two touch */
	unsigned n_windows;
	struct baton_iova_range *used; /* sorted; no two overlap */
	size_t n_used, room;
	uint64_t guard; /* bytes to leave free beside an address that is chosen here; also the
			   lowest address to choose */
};

/* What an address to choose must satisfy. */
struct iova_want {
	uint64_t bytes;
	uint64_t align; /* a power of two */
	uint64_t limit; /* highest address of the last byte; UINT64_MAX: no limit */
};

/**
 * Sort and merge ranges in place, and drop those whose last address is below their start. Return:
 * the number of ranges that are left.
 */
unsigned iova_merge(struct baton_iova_range *ranges, unsigned n);

/**
 * Intersect two lists that are sorted and merged.
 *
 * @out: room for na + nb ranges. Return: the number of ranges.
 */
unsigned iova_cross(const struct baton_iova_range *a, unsigned na, const struct baton_iova_range *b,
		    unsigned nb, struct baton_iova_range *out);

/** Whether @start to @last is inside one of these windows. */
bool iova_inside(const struct baton_iova_range *windows, unsigned n, uint64_t start, uint64_t last);

/** Find the first used range that is not inside these windows. Return: NULL if there is none. */
const struct baton_iova_range *iova_misfit(const struct iova_space *space,
					   const struct baton_iova_range *windows, unsigned n);

/**
 * Choose free addresses. Without a limit they are above 4 GiB, so that the addresses below remain
 * for mappings with a limit. The addresses are not marked as used yet. Return: 0; -ENOSPC.
 */
int iova_choose(const struct iova_space *space, const struct iova_want *want, uint64_t *iova);

/**
 * Mark @start to @last as used. Return: 0; -EADDRINUSE; -ERANGE if they are in no window; -ENOMEM.
 */
int iova_take(struct iova_space *space, uint64_t start, uint64_t last);

/** Release what iova_take() marked, by its first address. Return: 0; -ENOENT. */
int iova_give(struct iova_space *space, uint64_t start);

/** Count the bytes of the largest range of whole pages that could be chosen under a limit. */
uint64_t iova_largest(const struct iova_space *space, uint64_t page, uint64_t limit);

void iova_fini(struct iova_space *space);

#endif
