/* SPDX-License-Identifier: BSD-3-Clause */
/* Which CPUs the threads run on, as options ask for it: -l, -c, --lcores and --main-lcore. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "option.h"

/* What is wrong with a list of cores; NULL: it cannot be read. */
struct reading {
	const char *p;
	char why[96];
	bool reported;
};

static bool
add(struct options *opt, const char *what, unsigned id, const struct cpus *cpus)
{
	struct lcore_id *more;
	unsigned n = opt->n_lcores;

	if (!(n & (n - 1))) { /* there is room for the next power of 2 */
		more = realloc(opt->lcores, (n ? 2 * n : 1) * sizeof(*more));
		if (!more) {
			complain("%s: no memory for %u cores", what, n + 1);
			return false;
		}
		opt->lcores = more;
	}
	opt->lcores[opt->n_lcores++] = (struct lcore_id){ id, *cpus };
	return true;
}

static void
skip_spaces(struct reading *r)
{
	while (*r->p == ' ')
		r->p++;
}

static bool
number(struct reading *r, unsigned *value)
{
	char *end;
	unsigned long v;

	skip_spaces(r);
	if (!isdigit((unsigned char)*r->p))
		return false;
	errno = 0;
	v = strtoul(r->p, &end, 10);
	if (errno || v >= MAX_CPUS) {
		snprintf(r->why, sizeof(r->why), "%.*s is too large a number: they go from 0 to %u",
			 end - r->p < 24 ? (int)(end - r->p) : 24, r->p, MAX_CPUS - 1);
		return false;
	}
	r->p = end;
	*value = (unsigned)v;
	skip_spaces(r);
	return true;
}

/* FIRST or FIRST-LAST */
static bool
range(struct reading *r, struct cpus *set)
{
	unsigned first, last;

	if (!number(r, &first))
		return false;
	last = first;
	if (*r->p == '-') {
		r->p++;
		if (!number(r, &last)) {
			if (!r->why[0])
				snprintf(r->why, sizeof(r->why), "%u- has no end, as in %u-%u",
					 first, first, first + 1);
			return false;
		}
		if (last < first) {
			snprintf(r->why, sizeof(r->why), "%u-%u goes down: write %u-%u", first,
				 last, last, first);
			return false;
		}
	}
	while (first <= last)
		cpus_add(set, first++);
	return true;
}

/* RANGE, or (RANGE,...) */
static bool
set_of(struct reading *r, struct cpus *set, bool *group)
{
	*set = (struct cpus){ 0 };
	skip_spaces(r);
	*group = *r->p == '(';
	if (!*group)
		return range(r, set);
	do {
		r->p++;
		if (!range(r, set))
			return false;
	} while (*r->p == ',');
	if (*r->p != ')')
		return false;
	r->p++;
	skip_spaces(r);
	return true;
}

/*
 * One item: IDS or IDS@CPUS. Without CPUS a core runs on the CPU of its own number, those of a
 * group on any of the group's.
 */
static bool
item(struct options *opt, const char *what, struct reading *r, struct cpus *seen)
{
	struct cpus ids, cpus;
	bool group, at, ignored;

	if (!set_of(r, &ids, &group))
		return false;
	cpus = ids;
	at = *r->p == '@';
	if (at) {
		r->p++;
		if (!set_of(r, &cpus, &ignored))
			return false;
	}
	for (unsigned id = 0; id < MAX_CPUS; id++) {
		struct cpus own = { 0 };

		if (!cpus_has(&ids, id))
			continue;
		if (cpus_has(seen, id)) {
			snprintf(r->why, sizeof(r->why), "core %u is there twice", id);
			return false;
		}
		cpus_add(seen, id);
		cpus_add(&own, id);
		if (!add(opt, what, id, at || group ? &cpus : &own))
			return !(r->reported = true);
	}
	return true;
}

/* As in dpdk-testpmd: who names cores twice means one of both, and which is not to be guessed. */
static bool
first_naming(struct options *opt, const char *what, const char *text)
{
	if (opt->cores_from[0]) {
		complain("%s %.200s: %s has named the cores already; leave one of them out", what,
			 text, opt->cores_from);
		return false;
	}
	snprintf(opt->cores_from, sizeof(opt->cores_from), "%s", what);
	return true;
}

bool
set_cores(struct options *opt, const char *what, const char *text)
{
	struct reading r = { .p = text };
	struct cpus seen = { 0 };

	if (!first_naming(opt, what, text))
		return false;
	for (;;) {
		if (!item(opt, what, &r, &seen))
			break;
		if (!*r.p)
			return true;
		if (*r.p != ',') {
			snprintf(r.why, sizeof(r.why), "cannot read \"%.40s\"", r.p);
			break;
		}
		r.p++;
	}
	if (r.reported)
		return false;
	complain("%s %.200s: %s; write cores as 0,1 or 0-3%s", what, text,
		 r.why[0] ? r.why
		 : r.p[0] ? "cannot read it"
			  : "a number is missing at its end",
		 !strcmp(what, "-l") ? "" : " or, with --lcores, 0@2,1@3 or (0-2)@(4,5)");
	return false;
}

static int
digit(char c)
{
	return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

/* As many digits as there may be, with 0x or without, in blanks as DPDK takes it. */
bool
set_core_mask(struct options *opt, const char *what, const char *text)
{
	const char *p = text + strspn(text, " \t");
	size_t n;

	p += p[0] == '0' && (p[1] == 'x' || p[1] == 'X') ? 2 : 0;
	n = strspn(p, "0123456789abcdefABCDEF");
	if (!n || p[n + strspn(p + n, " \t")]) {
		complain("%s %.200s is not a hexadecimal mask of cores, such as 0x3", what, text);
		return false;
	}
	while (n > 1 && *p == '0') {
		p++;
		n--;
	}
	if (n > MAX_CPUS / 4) {
		complain("%s %.40s...: %zu digits; %u are possible, for CPUs up to %u", what, text,
			 n, MAX_CPUS / 4, MAX_CPUS - 1);
		return false;
	}
	if (!first_naming(opt, what, text))
		return false;
	for (unsigned i = 0; i < 4 * n; i++) {
		struct cpus own = { 0 };

		if (!(digit(p[n - 1 - i / 4]) >> i % 4 & 1))
			continue;
		cpus_add(&own, i);
		if (!add(opt, what, i, &own))
			return false;
	}
	if (!opt->n_lcores)
		complain("%s %.200s names no core; 0x3 names 0 and 1", what, text);
	return opt->n_lcores > 0;
}

bool
set_main_lcore(struct options *opt, const char *what, const char *text)
{
	unsigned id;

	if (!set_uint(what, text, 0, MAX_CPUS - 1, &id))
		return false;
	opt->main_lcore = (int)id;
	return true;
}

bool
set_remap(struct options *opt, const char *what, const char *text)
{
	opt->remap = true;
	return !text || set_uint(what, text, 0, MAX_CPUS - 1, &opt->remap_start);
}

static int
by_id(const void *a, const void *b)
{
	const struct lcore_id *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

/*
 * As in dpdk-testpmd the main thread's is the one with the lowest number, however they are written.
 */
static bool
order(struct options *opt)
{
	struct lcore_id main_id;
	unsigned i = 0;

	qsort(opt->lcores, opt->n_lcores, sizeof(opt->lcores[0]), by_id);
	for (unsigned k = 0; opt->remap && k < opt->n_lcores; k++)
		opt->lcores[k].id = opt->remap_start + k;
	if (opt->main_lcore < 0)
		return true;
	while (i < opt->n_lcores && opt->lcores[i].id != (unsigned)opt->main_lcore)
		i++;
	if (i == opt->n_lcores) {
		complain("--main-lcore=%d is not one of the cores", opt->main_lcore);
		return false;
	}
	main_id = opt->lcores[i];
	memmove(&opt->lcores[1], &opt->lcores[0], i * sizeof(opt->lcores[0]));
	opt->lcores[0] = main_id;
	return true;
}

static bool
take_all(struct options *opt, const struct cpus *set)
{
	for (unsigned i = 0; i < MAX_CPUS; i++) {
		struct cpus own = { 0 };

		cpus_add(&own, i);
		if (cpus_has(set, i) && !add(opt, "cores", i, &own))
			return false;
	}
	return true;
}

/* All that a core asks for must be there: where it runs should not depend on chance. */
static bool
may_run(const struct options *opt)
{
	char have[128], want[128], who[128];
	struct cpus missing = { 0 }, ids = { 0 };
	unsigned n = 0;

	for (unsigned k = 0; k < opt->n_lcores; k++) {
		const struct lcore_id *lc = &opt->lcores[k];

		for (unsigned i = 0; i < MAX_CPUS; i++)
			if (cpus_has(&lc->cpus, i) && !cpus_has(&opt->allowed, i)) {
				cpus_add(&missing, i);
				n += !cpus_has(&ids, lc->id);
				cpus_add(&ids, lc->id);
			}
	}
	if (!n)
		return true;
	cpus_name(&opt->allowed, have, sizeof(have));
	cpus_name(&missing, want, sizeof(want));
	cpus_name(&ids, who, sizeof(who));
	complain("%s: core%s %s: CPU %s is not one this process may use (%s): %s", opt->cores_from,
		 n == 1 ? "" : "s", who, want, have, affinity_why_not(&missing));
	return false;
}

bool
cores_check(struct options *opt)
{
	bool known = affinity_allowed(&opt->allowed);

	if (!opt->n_lcores && !take_all(opt, &opt->allowed))
		return false;
	if (known && !may_run(opt))
		return false;
	return order(opt);
}
