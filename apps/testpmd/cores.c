/* SPDX-License-Identifier: BSD-3-Clause */
/* Which CPUs the threads run on: -l, -c and --lcores. */
#include <ctype.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "testpmd.h"

static bool
add(struct options *opt, const char *what, unsigned id, unsigned cpu)
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
	opt->lcores[opt->n_lcores++] = (struct lcore_id){ id, cpu };
	return true;
}

static bool
number(const char **p, unsigned *value)
{
	char *end;
	unsigned long v;

	if (!isdigit((unsigned char)**p))
		return false;
	errno = 0;
	v = strtoul(*p, &end, 10);
	if (errno || v >= CPU_SETSIZE)
		return false;
	*p = end;
	*value = (unsigned)v;
	return true;
}

/* FIRST or FIRST-LAST */
static bool
range(const char **p, unsigned *first, unsigned *last)
{
	if (!number(p, first))
		return false;
	*last = *first;
	if (**p != '-')
		return true;
	(*p)++;
	return number(p, last) && *last >= *first;
}

/* One item: RANGE, RANGE@CPU or (RANGE,...)@CPU. */
static bool
item(struct options *opt, const char *what, const char *text, const char **p)
{
	struct {
		unsigned first, last;
	} set[MAX_LCORES];
	unsigned n = 0, cpu = 0;
	bool group = **p == '(', at;

	if (group)
		(*p)++;
	do {
		if (n == MAX_LCORES || !range(p, &set[n].first, &set[n].last))
			goto bad;
		n++;
	} while (group && **p == ',' && (*p)++);
	if (group && *(*p)++ != ')')
		goto bad;
	at = **p == '@';
	if (at) {
		(*p)++;
		if (!number(p, &cpu))
			goto bad;
	}
	for (unsigned i = 0; i < n; i++)
		for (unsigned id = set[i].first; id <= set[i].last; id++)
			if (!add(opt, what, id, at ? cpu : id))
				return false;
	return true;
bad:
	complain("%s %s: cannot read it; write cores as 0,1 or 0-3 or, with --lcores, 0@2,1@3",
		 what, text);
	return false;
}

bool
cores_parse_list(struct options *opt, const char *what, const char *text)
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
cores_parse_mask(struct options *opt, const char *text)
{
	char *end;
	uint64_t mask;

	errno = 0;
	mask = strtoull(text, &end, 16);
	if (errno || end == text || *end || !mask) {
		complain("-c %s is not a hexadecimal mask of cores, such as 0x3", text);
		return false;
	}
	opt->n_lcores = 0;
	for (unsigned i = 0; i < 64; i++)
		if (mask >> i & 1 && !add(opt, "-c", i, i))
			return false;
	return true;
}

static void
list_cpus(const cpu_set_t *set, char *buf, size_t size)
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

bool
cores_check(struct options *opt)
{
	cpu_set_t set;
	char have[128];

	if (sched_getaffinity(0, sizeof(set), &set) < 0) {
		complain("cannot read which CPUs this process may use: %s", strerror(errno));
		return false;
	}
	if (!opt->n_lcores)
		for (unsigned i = 0; i < CPU_SETSIZE && opt->n_lcores < MAX_LCORES; i++)
			if (CPU_ISSET(i, &set))
				opt->lcores[opt->n_lcores++] = (struct lcore_id){ i, i };
	list_cpus(&set, have, sizeof(have));
	for (unsigned i = 0; i < opt->n_lcores; i++)
		if (!CPU_ISSET(opt->lcores[i].cpu, &set)) {
			complain("core %u: CPU %u is not one this process may use (%s)",
				 opt->lcores[i].id, opt->lcores[i].cpu, have);
			return false;
		}
	return true;
}

bool
cores_pin_self(const struct lcore_id *id)
{
	cpu_set_t set;
	int err;

	CPU_ZERO(&set);
	CPU_SET(id->cpu, &set);
	err = pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
	if (err)
		complain("cannot run on CPU %u: %s", id->cpu, strerror(err));
	return !err;
}
