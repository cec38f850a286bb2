/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which addresses of an address space are taken.
 *
 * Mappings are few and large (type1 allows 65,535), so what is used is a sorted array: looking up
 * is a binary search, choosing an address one pass over what lies below it. No kernel call is made
 * here.
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
	uint64_t guard; /* bytes left free beside an address chosen here; below no chosen one
			   begins, either */
};

/* What to choose by. */
struct iova_want {
	uint64_t bytes;
	uint64_t align; /* a power of two */
	uint64_t limit; /* highest address of the last byte; UINT64_MAX: none */
};

/** Sort and merge ranges in place. Those whose last is below their start are dropped. Return: how
 * many are left. */
unsigned iova_merge(struct baton_iova_range *ranges, unsigned n);

/**
 * What two sorted and merged lists have in common.
 *
 * @out: room for na + nb. Return: how many.
 */
unsigned iova_cross(const struct baton_iova_range *a, unsigned na, const struct baton_iova_range *b,
		    unsigned nb, struct baton_iova_range *out);

/** Whether @start .. @last lies in one of these windows. */
bool iova_inside(const struct baton_iova_range *windows, unsigned n, uint64_t start, uint64_t last);

/** The first used range that is not inside these windows, or NULL. */
const struct baton_iova_range *iova_misfit(const struct iova_space *space,
					   const struct baton_iova_range *windows, unsigned n);

/**
 * Choose free addresses, above 4 GiB where there is no limit, so that what is below stays for those
 * who have one. They are not taken yet. Return: 0; -ENOSPC.
 */
int iova_choose(const struct iova_space *space, const struct iova_want *want, uint64_t *iova);

/** Take @start .. @last. Return: 0; -EADDRINUSE; -ERANGE when they are in no window; -ENOMEM. */
int iova_take(struct iova_space *space, uint64_t start, uint64_t last);

/** Give back what iova_take() took, by where it starts. Return: 0; -ENOENT. */
int iova_give(struct iova_space *space, uint64_t start);

/** Bytes of the largest run that could be chosen under a limit. */
uint64_t iova_largest(const struct iova_space *space, uint64_t limit);

void iova_fini(struct iova_space *space);

#endif
