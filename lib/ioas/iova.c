/* SPDX-License-Identifier: BSD-3-Clause */
#include "ioas/iova.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LOW_TOP 0xffffffffull /* the highest 32-bit address */

static int
by_start(const void *a, const void *b)
{
	const struct baton_iova_range *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

unsigned
iova_merge(struct baton_iova_range *ranges, unsigned n)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < n; i++)
		if (ranges[i].start <= ranges[i].last)
			ranges[kept++] = ranges[i];
	n = kept;
	if (n < 2)
		return n;
	qsort(ranges, n, sizeof(*ranges), by_start);
	kept = 0;
	for (unsigned i = 1; i < n; i++) {
		struct baton_iova_range *to = &ranges[kept];

		if (to->last == UINT64_MAX)
			break;
		if (ranges[i].start > to->last + 1)
			ranges[++kept] = ranges[i];
		else if (ranges[i].last > to->last)
			to->last = ranges[i].last;
	}
	return kept + 1;
}

unsigned
iova_cross(const struct baton_iova_range *a, unsigned na, const struct baton_iova_range *b,
	   unsigned nb, struct baton_iova_range *out)
{
	unsigned i = 0, j = 0, n = 0;

	while (i < na && j < nb) {
		uint64_t start = a[i].start > b[j].start ? a[i].start : b[j].start;
		uint64_t last = a[i].last < b[j].last ? a[i].last : b[j].last;

		if (start <= last)
			out[n++] = (struct baton_iova_range){ start, last };
		if (a[i].last < b[j].last)
			i++;
		else
			j++;
	}
	return n;
}

bool
iova_inside(const struct baton_iova_range *windows, unsigned n, uint64_t start, uint64_t last)
{
	for (unsigned i = 0; i < n; i++)
		if (start >= windows[i].start && last <= windows[i].last)
			return true;
	return false;
}

const struct baton_iova_range *
iova_misfit(const struct iova_space *space, const struct baton_iova_range *windows, unsigned n)
{
	for (size_t i = 0; i < space->n_used; i++)
		if (!iova_inside(windows, n, space->used[i].start, space->used[i].last))
			return &space->used[i];
	return NULL;
}

/* Find the first used range that does not end below @start. */
static size_t
find(const struct iova_space *space, uint64_t start)
{
	size_t low = 0, high = space->n_used;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (space->used[mid].last < start)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/*
 * Find the free range between used range @i - 1 and @i, from @at to @last, without guards. Return:
 * whether there is one.
 */
static bool
gap_before(const struct iova_space *space, size_t i, uint64_t at, uint64_t last,
	   struct baton_iova_range *gap)
{
	*gap = (struct baton_iova_range){ at, last };
	if (i) {
		uint64_t prev = space->used[i - 1].last;

		if (prev >= UINT64_MAX - space->guard)
			return false;
		if (gap->start <= prev + space->guard)
			gap->start = prev + space->guard + 1;
	}
	if (i < space->n_used) {
		uint64_t next = space->used[i].start;

		if (next <= space->guard)
			return false;
		if (gap->last > next - space->guard - 1)
			gap->last = next - space->guard - 1;
	}
	return gap->start <= gap->last;
}

static bool
fit(const struct baton_iova_range *gap, const struct iova_want *want, uint64_t *iova)
{
	uint64_t last = gap->last < want->limit ? gap->last : want->limit;
	uint64_t start = (gap->start + want->align - 1) & ~(want->align - 1);

	if (start < gap->start || start > last || want->bytes - 1 > last - start)
		return false;
	*iova = start;
	return true;
}

/* The bytes of the whole pages in @gap. UINT64_MAX stands for 2^64, too. */
static uint64_t
whole_pages(const struct baton_iova_range *gap, uint64_t page)
{
	uint64_t mask = page - 1, start = (gap->start + mask) & ~mask;
	uint64_t end = (gap->last + 1) & ~mask; /* 0: 2^64, or nothing */

	if (start < gap->start || (!end && gap->last != UINT64_MAX) || end - 1 < start)
		return 0;
	return start || end ? end - start : UINT64_MAX;
}

/*
 * Walk the free ranges of @window. With @largest: find the largest one, of whole pages of
 * want->align; without: stop when @want fits. Return: whether it fits.
 */
static bool
search_window(const struct iova_space *space, struct baton_iova_range window,
	      const struct iova_want *want, uint64_t *iova, uint64_t *largest)
{
	uint64_t at = window.start;
	struct baton_iova_range gap;

	for (size_t i = find(space, at);; i++) {
		if (gap_before(space, i, at, window.last, &gap)) {
			uint64_t more = largest ? whole_pages(&gap, want->align) : 0;

			if (largest && more > *largest)
				*largest = more;
			if (!largest && fit(&gap, want, iova))
				return true;
		}
		if (i == space->n_used || space->used[i].last >= window.last)
			return false;
		at = space->used[i].last + 1;
	}
}

static int
search(const struct iova_space *space, uint64_t from, uint64_t last, const struct iova_want *want,
       uint64_t *iova, uint64_t *largest)
{
	for (unsigned w = 0; w < space->n_windows; w++) {
		struct baton_iova_range window = space->windows[w];

		if (window.start < from)
			window.start = from;
		if (window.last > last)
			window.last = last;
		if (window.start <= window.last &&
		    search_window(space, window, want, iova, largest))
			return 0;
	}
	return -ENOSPC;
}

int
iova_choose(const struct iova_space *space, const struct iova_want *want, uint64_t *iova)
{
	if (want->limit > LOW_TOP && !search(space, LOW_TOP + 1, UINT64_MAX, want, iova, NULL))
		return 0;
	/* Never choose address 0: a device that uses it by mistake must cause a fault. */
	return search(space, space->guard, UINT64_MAX, want, iova, NULL);
}

uint64_t
iova_largest(const struct iova_space *space, uint64_t page, uint64_t limit)
{
	const struct iova_want want = { .align = page };
	uint64_t largest = 0;

	search(space, space->guard, limit, &want, NULL, &largest);
	return largest;
}

static int
reserve(struct iova_space *space)
{
	size_t room = space->room ? space->room * 2 : 16;
	struct baton_iova_range *used;

	if (space->n_used < space->room)
		return 0;
	used = realloc(space->used, room * sizeof(*used));
	if (!used)
		return -ENOMEM;
	space->used = used;
	space->room = room;
	return 0;
}

int
iova_take(struct iova_space *space, uint64_t start, uint64_t last)
{
	size_t i;

	if (last < start || !iova_inside(space->windows, space->n_windows, start, last))
		return -ERANGE;
	i = find(space, start);
	if (i < space->n_used && space->used[i].start <= last)
		return -EADDRINUSE;
	if (reserve(space))
		return -ENOMEM;
	memmove(space->used + i + 1, space->used + i, (space->n_used - i) * sizeof(*space->used));
	space->used[i] = (struct baton_iova_range){ start, last };
	space->n_used++;
	return 0;
}

int
iova_give(struct iova_space *space, uint64_t start)
{
	size_t i = find(space, start);

	if (i == space->n_used || space->used[i].start != start)
		return -ENOENT;
	space->n_used--;
	memmove(space->used + i, space->used + i + 1, (space->n_used - i) * sizeof(*space->used));
	return 0;
}

void
iova_fini(struct iova_space *space)
{
	free(space->windows);
	free(space->used);
	*space = (struct iova_space){ 0 };
}
