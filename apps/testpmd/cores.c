/* SPDX-License-Identifier: BSD-3-Clause */
/* Which CPUs the threads run on: -l, -c, --lcores and --main-lcore. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "option.h"

static bool
add(struct options *opt, const char *what, unsigned id, const cpu_set_t *cpus)
{
	for (unsigned i = 0; i < opt->n_lcores; i++)
		if (opt->lcores[i].id == id) {
			complain("%s names core %u twice", what, id);
			return false;
		}
	if (opt->n_lcores == MAX_LCORES) {
		complain("%s names more than %u cores", what, MAX_LCORES);
		return false;
	}
	opt->lcores[opt->n_lcores++] = (struct lcore_id){ id, *cpus };
	return true;
}

static void
skip_spaces(const char **p)
{
	while (**p == ' ')
		(*p)++;
}

static bool
number(const char **p, unsigned *value)
{
	char *end;
	unsigned long v;

	skip_spaces(p);
	if (!isdigit((unsigned char)**p))
		return false;
	errno = 0;
	v = strtoul(*p, &end, 10);
	if (errno || v >= CPU_SETSIZE)
		return false;
	*p = end;
	*value = (unsigned)v;
	skip_spaces(p);
	return true;
}

/* FIRST or FIRST-LAST */
static bool
range(const char **p, cpu_set_t *set)
{
	unsigned first, last;

	if (!number(p, &first))
		return false;
	last = first;
	if (**p == '-') {
		(*p)++;
		if (!number(p, &last) || last < first)
			return false;
	}
	while (first <= last)
		CPU_SET(first++, set);
	return true;
}

/* RANGE, or (RANGE,...) */
static bool
set_of(const char **p, cpu_set_t *set, bool *group)
{
	CPU_ZERO(set);
	skip_spaces(p);
	*group = **p == '(';
	if (!*group)
		return range(p, set);
	do {
		(*p)++;
		if (!range(p, set))
			return false;
	} while (**p == ',');
	if (*(*p)++ != ')')
		return false;
	skip_spaces(p);
	return true;
}

/*
 * One item: IDS or IDS@CPUS. Without CPUS a core runs on the CPU of its own number, those of a
 * group on any of the group's.
 */
static bool
item(struct options *opt, const char *what, const char *text, const char **p)
{
	cpu_set_t ids, cpus, own;
	bool group, at, ignored;

	if (!set_of(p, &ids, &group))
		goto bad;
	cpus = ids;
	at = **p == '@';
	if (at) {
		(*p)++;
		if (!set_of(p, &cpus, &ignored))
			goto bad;
	}
	for (unsigned id = 0; id < CPU_SETSIZE; id++) {
		if (!CPU_ISSET(id, &ids))
			continue;
		CPU_ZERO(&own);
		CPU_SET(id, &own);
		if (!add(opt, what, id, at || group ? &cpus : &own))
			return false;
	}
	return true;
bad:
	complain("%s %s: cannot read it; write cores as 0,1 or 0-3 or, with --lcores, 0@2,1@3 or "
		 "(0-2)@(4,5)",
		 what, text);
	return false;
}

bool
set_cores(struct options *opt, const char *what, const char *text)
{
	const char *p = text;

	opt->n_lcores = 0;
	for (;;) {
		if (!item(opt, what, text, &p))
			return false;
		if (!*p)
			return true;
		if (*p++ != ',') {
			complain("%s %s: cannot read \"%s\"; write cores as 0,1 or 0-3", what, text,
				 p - 1);
			return false;
		}
	}
}

bool
set_core_mask(struct options *opt, const char *what, const char *text)
{
	cpu_set_t own;
	char *end;
	uint64_t mask;

	errno = 0;
	mask = strtoull(text, &end, 16);
	if (errno || end == text || *end || !mask) {
		complain("%s %s is not a hexadecimal mask of cores, such as 0x3", what, text);
		return false;
	}
	opt->n_lcores = 0;
	for (unsigned i = 0; i < 64; i++) {
		CPU_ZERO(&own);
		CPU_SET(i, &own);
		if (mask >> i & 1 && !add(opt, what, i, &own))
			return false;
	}
	return true;
}

bool
set_main_lcore(struct options *opt, const char *what, const char *text)
{
	unsigned id;

	if (!set_uint(what, text, 0, CPU_SETSIZE - 1, &id))
		return false;
	opt->main_lcore = (int)id;
	return true;
}

void
cores_name(const cpu_set_t *set, char *buf, size_t size)
{
	size_t len = 0;

	buf[0] = '\0';
	for (unsigned i = 0; i < CPU_SETSIZE && len + 16 < size; i++) {
		unsigned last = i;

		if (!CPU_ISSET(i, set))
			continue;
		while (last + 1 < CPU_SETSIZE && CPU_ISSET(last + 1, set))
			last++;
		len += (size_t)snprintf(buf + len, size - len, last > i ? "%s%u-%u" : "%s%u",
					len ? "," : "", i, last);
		i = last;
	}
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

static void
take_all(struct options *opt, const cpu_set_t *set)
{
	for (unsigned i = 0; i < CPU_SETSIZE && opt->n_lcores < MAX_LCORES; i++)
		if (CPU_ISSET(i, set)) {
			opt->lcores[opt->n_lcores].id = i;
			CPU_SET(i, &opt->lcores[opt->n_lcores++].cpus);
		}
}

bool
cores_check(struct options *opt)
{
	cpu_set_t set, both;
	char have[128], want[128];

	if (sched_getaffinity(0, sizeof(set), &set) < 0) {
		complain("cannot read which CPUs this process may use: %s", strerror(errno));
		return false;
	}
	if (!opt->n_lcores)
		take_all(opt, &set);
	cores_name(&set, have, sizeof(have));
	for (unsigned i = 0; i < opt->n_lcores; i++) {
		const struct lcore_id *lc = &opt->lcores[i];

		CPU_AND(&both, &lc->cpus, &set);
		if (CPU_EQUAL(&both, &lc->cpus))
			continue;
		CPU_XOR(&both, &both, &lc->cpus);
		cores_name(&both, want, sizeof(want));
		complain("core %u: CPU %s is not one this process may use (%s)", lc->id, want,
			 have);
		return false;
	}
	return order(opt);
}

bool
cores_pin_self(const struct lcore_id *id)
{
	char cpus[128];
	int err = pthread_setaffinity_np(pthread_self(), sizeof(id->cpus), &id->cpus);

	cores_name(&id->cpus, cpus, sizeof(cpus));
	if (err)
		complain("cannot run on CPU %s: %s", cpus, strerror(err));
	return !err;
}
