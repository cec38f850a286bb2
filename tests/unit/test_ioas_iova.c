/* SPDX-License-Identifier: BSD-3-Clause */
/* The addresses of an address space: windows merged and crossed, and a million random operations
 * against a naive model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ioas/iova.h"

#define PAGE    4096ull
#define GIB     (1ull << 30)
#define MAX_WIN 12
#define MAX_USE 300

static uint64_t seed;

static uint64_t
rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static uint64_t
below(uint64_t n)
{
	return rnd() % n;
}

static void
merging(void **state)
{
	struct baton_iova_range r[] = {
		{ 0xfef00000, UINT64_MAX }, { 10, 5 },          { 0, 0xfff },
		{ 0x1000, 0xfedfffff },     { 0x2000, 0x2fff }, { 0xffffffffff, UINT64_MAX },
	};

	assert_int_equal(iova_merge(r, 6), 2);
	assert_int_equal(r[0].start, 0);
	assert_int_equal(r[0].last, 0xfedfffff);
	assert_int_equal(r[1].start, 0xfef00000);
	assert_true(r[1].last == UINT64_MAX);
	assert_int_equal(iova_merge(r, 0), 0);
	r[0] = (struct baton_iova_range){ 2, 1 };
	assert_int_equal(iova_merge(r, 1), 0);
}

static void
crossing(void **state)
{
	const struct baton_iova_range hw[] = { { 0, 0xfedfffff }, { 0xfef00000, 0x7fffffffff } };
	const struct baton_iova_range mine[] = { { 0x1000, 0x1fff },
						 { 0xfe000000, 0xffffffff },
						 { 1ull << 40, 1ull << 41 } };
	struct baton_iova_range out[5];

	assert_int_equal(iova_cross(hw, 2, mine, 3, out), 3);
	assert_int_equal(out[0].start, 0x1000);
	assert_int_equal(out[1].last, 0xfedfffff);
	assert_int_equal(out[2].start, 0xfef00000);
	assert_int_equal(out[2].last, 0xffffffff);
	assert_int_equal(iova_cross(hw, 2, mine, 0, out), 0);
}

static struct iova_space
space_of(const struct baton_iova_range *windows, unsigned n)
{
	struct iova_space s = { .guard = PAGE, .n_windows = n };

	s.windows = calloc(n, sizeof(*windows));
	assert_non_null(s.windows);
	memcpy(s.windows, windows, n * sizeof(*windows));
	return s;
}

/* What an Intel IOMMU has: the interrupt hole is honoured, and what has no limit leaves the first 4
 * GiB alone. */
static void
msi_hole(void **state)
{
	const struct baton_iova_range w[] = { { 0, 0xfedfffff }, { 0xfef00000, 0xffffffffffff } };
	struct iova_space s = space_of(w, 2);
	struct iova_want want = { 3 * GIB, GIB, UINT64_MAX };
	uint64_t a;

	assert_int_equal(iova_choose(&s, &want, &a), 0);
	assert_int_equal(a, 4 * GIB);
	want.limit = 0xffffffff;
	want.bytes = 2 * GIB;
	assert_int_equal(iova_choose(&s, &want, &a), 0);
	assert_int_equal(a, GIB); /* never at 0 */
	assert_int_equal(iova_take(&s, a, a + want.bytes - 1), 0);
	assert_int_equal(iova_take(&s, PAGE, GIB - 1), 0); /* a fixed one may touch */
	want.bytes = 0xfedfffffull - 3 * GIB - PAGE + 1;
	want.align = PAGE;
	assert_int_equal(iova_choose(&s, &want, &a), 0);
	assert_int_equal(a, 3 * GIB + PAGE); /* the guard, then up to the hole */
	want.bytes += PAGE;
	assert_int_equal(iova_choose(&s, &want, &a), -ENOSPC);
	assert_int_equal(iova_take(&s, 0xfee00000, 0xfee00fff), -ERANGE);
	assert_int_equal(iova_take(&s, 0xfedff000, 0xfef00fff), -ERANGE);
	assert_int_equal(iova_take(&s, 0, 0xfff), 0);
	assert_int_equal(iova_take(&s, 0xfff, 0xfff), -EADDRINUSE);
	assert_int_equal(iova_give(&s, 1), -ENOENT);
	assert_int_equal(iova_give(&s, 0), 0);
	iova_fini(&s);
}

/* Up to the very last byte there is. */
static void
whole_space(void **state)
{
	const struct baton_iova_range w[] = { { 0, UINT64_MAX } };
	struct iova_space s = space_of(w, 1);
	struct iova_want want = { UINT64_MAX - 4 * GIB + 1, PAGE, UINT64_MAX };
	uint64_t a;

	assert_true(iova_largest(&s, 1, UINT64_MAX) == UINT64_MAX - PAGE + 1);
	assert_int_equal(iova_choose(&s, &want, &a), 0);
	assert_int_equal(a, 4 * GIB);
	assert_int_equal(iova_take(&s, a, UINT64_MAX), 0);
	want.bytes = 4 * GIB;
	assert_int_equal(iova_choose(&s, &want, &a), -ENOSPC);
	want.bytes = 4 * GIB - 2 * PAGE;
	assert_int_equal(iova_choose(&s, &want, &a), 0);
	assert_int_equal(a, PAGE);
	assert_int_equal(iova_largest(&s, 1, UINT64_MAX), 4 * GIB - 2 * PAGE);
	assert_int_equal(iova_largest(&s, 1, 0xfff), 0);
	assert_int_equal(iova_largest(&s, 1, 0x1fff), PAGE);
	/* In whole pages, what is before the first and after the last of them does not count. */
	assert_int_equal(iova_largest(&s, PAGE, 0x1ffe), 0);
	assert_int_equal(iova_largest(&s, PAGE, 0x2ffe), PAGE);
	assert_int_equal(iova_largest(&s, 16 * PAGE, UINT64_MAX), 4 * GIB - 32 * PAGE);
	iova_fini(&s);
}

/* ---- against a model that looks at everything ---- */

struct model {
	struct iova_space s;
	struct baton_iova_range used[MAX_USE];
	bool chosen[MAX_USE];
	unsigned n;
};

static uint64_t
random_address(void)
{
	/* Small numbers, numbers around 4 GiB, and huge ones all come up. */
	uint64_t a = rnd() >> (below(4) ? 24 + below(28) : below(12));

	return a & ~(PAGE - 1);
}

static void
random_space(struct model *m)
{
	unsigned n = 1 + (unsigned)below(MAX_WIN);

	memset(m, 0, sizeof(*m));
	m->s.guard = PAGE << below(5);
	m->s.windows = calloc(MAX_WIN, sizeof(*m->s.windows));
	assert_non_null(m->s.windows);
	for (unsigned i = 0; i < n; i++) {
		uint64_t start = random_address(), len = random_address() | (PAGE - 1);

		m->s.windows[i].start = start;
		m->s.windows[i].last = start + len < start ? UINT64_MAX : start + len;
	}
	if (!below(8)) /* as without any reserved addresses */
		m->s.windows[0] = (struct baton_iova_range){ 0, UINT64_MAX };
	m->s.n_windows = iova_merge(m->s.windows, n);
	assert_true(m->s.n_windows >= 1);
	for (unsigned i = 1; i < m->s.n_windows; i++)
		assert_true(m->s.windows[i].start > m->s.windows[i - 1].last + 1);
}

static bool
apart(const struct model *m, uint64_t start, uint64_t last, uint64_t guard)
{
	for (unsigned i = 0; i < m->n; i++) {
		uint64_t a = m->used[i].start > guard ? m->used[i].start - guard : 0;
		uint64_t b =
			m->used[i].last < UINT64_MAX - guard ? m->used[i].last + guard : UINT64_MAX;

		if (start <= b && last >= a)
			return false;
	}
	return true;
}

/* Where could it begin? At a window's start or behind something used: if none of these will do,
 * none will. */
static bool
could_fit(const struct model *m, const struct iova_want *want)
{
	for (unsigned c = 0; c < m->s.n_windows + m->n + 1; c++) {
		uint64_t at = m->s.guard, last;

		if (c < m->s.n_windows)
			at = m->s.windows[c].start;
		else if (c < m->s.n_windows + m->n) {
			at = m->used[c - m->s.n_windows].last;
			if (at >= UINT64_MAX - m->s.guard)
				continue;
			at += m->s.guard + 1;
		}
		if (at < m->s.guard)
			continue;
		if ((at + want->align - 1) < at)
			continue;
		at = (at + want->align - 1) & ~(want->align - 1);
		if (want->bytes - 1 > UINT64_MAX - at)
			continue;
		last = at + want->bytes - 1;
		if (last <= want->limit && iova_inside(m->s.windows, m->s.n_windows, at, last) &&
		    apart(m, at, last, m->s.guard))
			return true;
	}
	return false;
}

static void
add(struct model *m, uint64_t start, uint64_t last)
{
	assert_int_equal(iova_take(&m->s, start, last), 0);
	m->used[m->n++] = (struct baton_iova_range){ start, last };
}

static void
try_choose(struct model *m)
{
	struct iova_want want = {
		.bytes = ((rnd() >> (below(4) ? 52 + below(12) : 20 + below(40))) | 1) * PAGE,
		.align = PAGE << below(below(3) ? 10 : 20),
		.limit = below(2) ? UINT64_MAX : random_address() | (PAGE - 1),
	};
	uint64_t a = 1, last;

	if (!want.bytes || m->n == MAX_USE)
		return;
	if (iova_choose(&m->s, &want, &a)) {
		if (could_fit(m, &want))
			fail_msg("there was room for %#llx bytes", (unsigned long long)want.bytes);
		return;
	}
	last = a + want.bytes - 1;
	assert_true(last >= a && last <= want.limit && !(a & (want.align - 1)) && a >= m->s.guard);
	assert_true(iova_inside(m->s.windows, m->s.n_windows, a, last));
	assert_true(apart(m, a, last, m->s.guard));
	assert_true(iova_largest(&m->s, 1, want.limit) >= want.bytes);
	add(m, a, last);
}

static void
try_fixed(struct model *m)
{
	uint64_t a = random_address(), last = a + (rnd() >> (20 + below(40)));
	bool inside, free_there;
	int ret;

	if (m->n && below(2)) {
		a = m->used[below(m->n)].last + 1; /* side by side is fine */
		last = a + PAGE - 1;
	}
	if (m->n == MAX_USE || last < a)
		return;
	inside = iova_inside(m->s.windows, m->s.n_windows, a, last);
	free_there = apart(m, a, last, 0);
	if (inside && free_there) {
		add(m, a, last);
		return;
	}
	ret = iova_take(&m->s, a, last);
	assert_int_equal(ret, inside ? -EADDRINUSE : -ERANGE);
}

static void
give_one(struct model *m)
{
	unsigned i;

	if (!m->n)
		return;
	i = (unsigned)below(m->n);
	assert_int_equal(iova_give(&m->s, m->used[i].start), 0);
	assert_int_equal(iova_give(&m->s, m->used[i].start), -ENOENT);
	m->used[i] = m->used[--m->n];
}

static void
check(const struct model *m)
{
	assert_int_equal(m->s.n_used, m->n);
	for (size_t i = 1; i < m->s.n_used; i++)
		assert_true(m->s.used[i].start > m->s.used[i - 1].last);
	for (unsigned i = 0; i < m->n; i++)
		assert_true(iova_inside(m->s.windows, m->s.n_windows, m->used[i].start,
					m->used[i].last));
}

static void
a_million_operations(void **state)
{
	const char *given = getenv("BATON_SEED");
	struct model *m = malloc(sizeof(*m));
	uint64_t first = given ? strtoull(given, NULL, 0) : 0x9e3779b97f4a7c15ull;
	unsigned long ops = 0, live = 0;

	assert_non_null(m);
	seed = first | 1;
	print_message("BATON_SEED=%#llx\n", (unsigned long long)seed);
	while (ops < 1000000) {
		uint64_t largest;

		random_space(m);
		largest = iova_largest(&m->s, 1, UINT64_MAX);
		for (unsigned i = 0; i < 2000; i++, ops++) {
			unsigned what = (unsigned)below(8), fill = i % 1000 < 600 ? 5 : 2;

			if (what < fill)
				below(4) ? try_choose(m) : try_fixed(m);
			else
				give_one(m);
			live = m->n > live ? m->n : live;
		}
		check(m);
		while (m->n)
			give_one(m);
		assert_int_equal(m->s.n_used, 0);
		assert_true(iova_largest(&m->s, 1, UINT64_MAX) == largest);
		iova_fini(&m->s);
	}
	assert_true(live > 100); /* else nothing was full */
	free(m);
}

/* As many mappings as type1 ever takes. */
static void
as_many_as_there_can_be(void **state)
{
	const struct baton_iova_range w[] = { { 0, 0xfedfffff }, { 0xfef00000, 0xffffffffffff } };
	struct iova_space s = space_of(w, 2);
	struct iova_want want = { 2 << 20, 2 << 20, UINT64_MAX };
	uint64_t a;

	for (unsigned i = 0; i < 20000; i++) {
		assert_int_equal(iova_choose(&s, &want, &a), 0);
		assert_int_equal(iova_take(&s, a, a + want.bytes - 1), 0);
	}
	assert_int_equal(s.n_used, 20000);
	for (unsigned i = 0; i < 20000; i++)
		assert_int_equal(iova_give(&s, s.used[below(s.n_used)].start), 0);
	assert_int_equal(s.n_used, 0);
	iova_fini(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(merging),
		cmocka_unit_test(crossing),
		cmocka_unit_test(msi_hole),
		cmocka_unit_test(whole_space),
		cmocka_unit_test(a_million_operations),
		cmocka_unit_test(as_many_as_there_can_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
