/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The CPUs of this process and its threads. A thread that cannot be pinned runs where the kernel
 * puts it, and that is reported: CPUs may go away at any time, and a sandbox may forbid to ask or
 * to choose.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "testpmd.h"

#define MAX_SET_BYTES (1u << 20)

/* The C library's sets are as long as their size says; ours have room for MAX_CPUS. */
static cpu_set_t *
as_set(struct cpus *cpus)
{
	return (cpu_set_t *)cpus->words;
}

void
cpus_name(const struct cpus *set, char *buf, size_t size)
{
	size_t len = 0;

	buf[0] = '\0';
	for (unsigned i = 0; i < MAX_CPUS; i++) {
		unsigned last = i;

		if (!cpus_has(set, i))
			continue;
		if (len + 20 > size) {
			snprintf(buf + len, size - len, ",...");
			return;
		}
		while (last + 1 < MAX_CPUS && cpus_has(set, last + 1))
			last++;
		len += (size_t)snprintf(buf + len, size - len, last > i ? "%s%u-%u" : "%s%u",
					len ? "," : "", i, last);
		i = last;
	}
}

/* A kernel for more CPUs than we count wants a longer set, and says so by EINVAL alone. */
static int
read_allowed(struct cpus *set)
{
	size_t size = sizeof(set->words);
	cpu_set_t *longer = NULL;
	int ret = sched_getaffinity(0, size, as_set(set));

	while (ret < 0 && errno == EINVAL && size < MAX_SET_BYTES) {
		free(longer);
		size *= 2;
		longer = calloc(1, size);
		if (!longer)
			return -1;
		ret = sched_getaffinity(0, size, longer);
	}
	if (ret == 0 && longer)
		memcpy(set->words, longer, sizeof(set->words));
	free(longer);
	return ret;
}

bool
affinity_allowed(struct cpus *set)
{
	long online;

	*set = (struct cpus){ 0 };
	if (read_allowed(set) == 0)
		return true;
	complain("cannot read which CPUs this process may use: %s; all that are online are assumed",
		 strerror(errno));
	online = sysconf(_SC_NPROCESSORS_ONLN);
	for (long i = 0; i < (online > 0 ? online : 1) && i < MAX_CPUS; i++)
		cpus_add(set, (unsigned)i);
	return false;
}

/* A list of /sys/devices/system/cpu, such as "0-3,8". Return: false if there is none. */
static bool
read_list(const char *name, struct cpus *set)
{
	char path[64];
	unsigned first, last;
	FILE *f;
	int c;

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/%s", name);
	*set = (struct cpus){ 0 };
	f = fopen(path, "re");
	if (!f)
		return false;
	while (fscanf(f, "%u", &first) == 1) {
		last = first;
		c = getc(f);
		if (c == '-' && fscanf(f, "%u", &last) == 1)
			c = getc(f);
		while (first <= last && first < MAX_CPUS)
			cpus_add(set, first++);
		if (c != ',')
			break;
	}
	fclose(f);
	return true;
}

static bool
all_in(const struct cpus *some, const struct cpus *set)
{
	for (unsigned i = 0; i < MAX_CPUS; i++)
		if (cpus_has(some, i) && !cpus_has(set, i))
			return false;
	return true;
}

const char *
affinity_why_not(const struct cpus *missing)
{
	struct cpus set;

	if (read_list("possible", &set) && !all_in(missing, &set))
		return "this machine has no such CPU";
	if (read_list("online", &set) && !all_in(missing, &set))
		return "it is offline";
	return "its cpuset (a control group's) or taskset leaves it out";
}

/* Once a process for what a sandbox forbids, each time for what a CPU is missing for. */
static void
report(struct app *app, const char *who, const struct lcore_id *id, int err)
{
	char cpus[128];

	if (err == EINVAL) {
		cpus_name(&id->cpus, cpus, sizeof(cpus));
		complain("%s cannot run on CPU %s, which went away; it runs where the kernel puts "
			 "it",
			 who, cpus);
	} else if (!app->unpinned) {
		app->unpinned = true;
		complain("threads cannot be pinned to CPUs: %s; they run where the kernel puts "
			 "them",
			 strerror(err));
	}
}

void
affinity_pin_self(struct app *app)
{
	struct lcore_id *id = &app->opt.lcores[0];
	int err = pthread_setaffinity_np(pthread_self(), sizeof(id->cpus), as_set(&id->cpus));

	if (err)
		report(app, "the main thread", id, err);
}

/*
 * The thread begins on its CPUs, so that what it first touches is near them. Where that is not to
 * be had it begins without, and must not stay on the main thread's, which it inherits.
 */
int
affinity_create(struct lcore *lc, pthread_attr_t *attr, void *(*run)(void *))
{
	struct app *app = lc->app;
	char who[32];
	int err = pthread_attr_setaffinity_np(attr, sizeof(lc->id.cpus), as_set(&lc->id.cpus));

	if (!err)
		err = pthread_create(&lc->thread, attr, run, lc);
	if (err == EINVAL || err == EPERM || err == ENOSYS || err == EACCES) {
		int pin = err;

		pthread_attr_setaffinity_np(attr, 0, as_set(&lc->id.cpus)); /* none */
		err = pthread_create(&lc->thread, attr, run, lc);
		if (err)
			return err;
		snprintf(who, sizeof(who), "core %u", lc->id.id);
		report(app, who, &lc->id, pin);
		pthread_setaffinity_np(lc->thread, sizeof(app->opt.allowed),
				       as_set(&app->opt.allowed));
	}
	lc->watched = !err && pthread_getaffinity_np(lc->thread, sizeof(lc->runs_on),
						     as_set(&lc->runs_on)) == 0;
	return err;
}

void
affinity_watch(struct app *app)
{
	for (unsigned i = 0; i < app->n_lcores; i++) {
		struct lcore *lc = &app->lcores[i];
		struct cpus now = { 0 };
		char before[128], after[128];

		if (!lc->running || !lc->watched ||
		    pthread_getaffinity_np(lc->thread, sizeof(now), as_set(&now)) ||
		    !memcmp(&now, &lc->runs_on, sizeof(now)))
			continue;
		cpus_name(&lc->runs_on, before, sizeof(before));
		cpus_name(&now, after, sizeof(after));
		complain("core %u ran on CPU %s and was moved to %s: a CPU went offline, or a "
			 "cpuset "
			 "or taskset changed",
			 lc->id.id, before, after);
		prompt_redraw();
		lc->runs_on = now;
	}
}
