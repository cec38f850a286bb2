/* SPDX-License-Identifier: BSD-3-Clause */
#include "mem/supply.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>

#include <baton/mem.h>

#include "base/limits.h"
#include "mem/cgroup.h"

#define UNKNOWN (-1LL)

/* Read the number in a file. Return: UNKNOWN if there is none. */
static __attribute__((format(printf, 1, 2))) long long
number(const char *fmt, ...)
{
	char path[256];
	long long n = UNKNOWN;
	va_list ap;
	FILE *f;

	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	f = fopen(path, "re");
	if (!f)
		return UNKNOWN;
	if (fscanf(f, "%lld", &n) != 1)
		n = UNKNOWN;
	fclose(f);
	return n;
}

/* Read a count of /sys/kernel/mm/hugepages (@node is BATON_NODE_ANY) or of one node. */
static long long
huge(const struct mem_os *os, int node, uint64_t page_size, const char *what)
{
	unsigned long long kb = page_size >> 10;

	if (node == BATON_NODE_ANY)
		return number("%s/kernel/mm/hugepages/hugepages-%llukB/%s", os->sys, kb, what);
	return number("%s/devices/system/node/node%d/hugepages/hugepages-%llukB/%s", os->sys, node,
		      kb, what);
}

/*
 * Sum up some fields of a meminfo file, in bytes. Return: UNKNOWN if the first of them is missing.
 */
static long long
meminfo(const char *path, const char *const *plus, const char *minus)
{
	long long sum = UNKNOWN, kb;
	char line[256], *key;
	FILE *f = fopen(path, "re");

	if (!f)
		return UNKNOWN;
	while (fgets(line, sizeof(line), f)) {
		char *colon = strchr(line, ':');

		if (!colon)
			continue;
		*colon = 0;
		key = strrchr(line, ' '); /* the lines of a node begin with "Node 0 " */
		key = key ? key + 1 : line;
		kb = strtoll(colon + 1, NULL, 10);
		for (const char *const *p = plus; *p; p++)
			if (!strcmp(key, *p))
				sum = (sum == UNKNOWN ? 0 : sum) + kb * 1024;
		if (minus && !strcmp(key, minus) && sum != UNKNOWN)
			sum -= kb * 1024;
	}
	fclose(f);
	return sum;
}

/*
 * Return: the memory that is available now, of the machine, or of the wanted node if that is less
 * (sets *@on).
 */
static long long
available(const struct mem_os *os, int node, bool *on)
{
	static const char *const machine[] = { "MemAvailable", NULL };
	static const char *const fields[] = { "MemFree", "FilePages", NULL };
	long long have, here;
	struct sysinfo all;
	char path[PATH_MAX];

	*on = false;
	snprintf(path, sizeof(path), "%s/meminfo", os->proc);
	have = meminfo(path, machine, NULL);
	/* Without /proc only what the machine has can be known, not what others use of it. */
	if (have == UNKNOWN && !sysinfo(&all))
		have = (long long)((uint64_t)all.totalram * all.mem_unit);
	if (node == BATON_NODE_ANY)
		return have;
	snprintf(path, sizeof(path), "%s/devices/system/node/node%d/meminfo", os->sys, node);
	here = meminfo(path, fields, "Shmem");
	if (here == UNKNOWN || (have != UNKNOWN && here >= have))
		return have;
	*on = true;
	return here < 0 ? 0 : here;
}

/* Whether a control group or a mount leaves less than is needed; appends the reason. */
static bool
huge_limited(const struct mem_os *os, const struct mem_need *need, struct text *why)
{
	char a[32], b[32], c[32], page[32];
	struct cgroup_room group;
	uint64_t room;

	if (cgroup_hugetlb(os, need->page_size, &group) && group.room < need->bytes) {
		text_add(why,
			 "needs %s in pages of %s, but the control group may use %s of them (%s), "
			 "of which %s is in use; raise that, or ask for less",
			 text_size(a, need->bytes), text_size(page, need->page_size),
			 text_size(b, group.limit), group.file, text_size(c, group.used));
		return true;
	}
	if (cgroup_memory(os, &group) && group.counts_hugetlb && group.room < need->bytes) {
		text_add(why,
			 "needs %s in pages of %s, which count as memory here, but the control "
			 "group "
			 "may use %s (%s), of which %s is in use; raise that, or ask for less",
			 text_size(a, need->bytes), text_size(page, need->page_size),
			 text_size(b, group.limit), group.file, text_size(c, group.used));
		return true;
	}
	if (need->mount && !os->mount_room(os, need->mount, &room) && room < need->bytes) {
		text_add(why,
			 "needs %s, but the hugetlbfs %s has room for %s more (its mount option "
			 "size=): free files there, or mount it anew with a larger size",
			 text_size(a, need->bytes), need->mount, text_size(b, room));
		return true;
	}
	return false;
}

bool
mem_huge_missing(const struct mem_os *os, const struct mem_need *need, struct text *why)
{
	long long have = huge(os, need->node, need->page_size, "free_hugepages");
	long long more = huge(os, BATON_NODE_ANY, need->page_size, "nr_overcommit_hugepages");

	if (huge_limited(os, need, why))
		return true;
	if (need->node == BATON_NODE_ANY || have == UNKNOWN || more > 0 ||
	    need->bytes / need->page_size <= (unsigned long long)have)
		return false;
	mem_huge_shortage(os, need, why);
	return true;
}

static void
free_pages(const struct mem_os *os, uint64_t page_size, struct text *why)
{
	long long resv = huge(os, BATON_NODE_ANY, page_size, "resv_hugepages");
	const char *sep = "free are ";

	for (int node = 0; node <= os->max_node(os); node++) {
		long long n = huge(os, node, page_size, "free_hugepages");

		if (n == UNKNOWN)
			continue;
		text_add(why, "%s%lld on node %d", sep, n, node);
		sep = ", ";
	}
	if (*sep == 'f') /* the kernel has no NUMA */
		text_add(why, "free are %lld",
			 huge(os, BATON_NODE_ANY, page_size, "free_hugepages"));
	if (resv > 0)
		text_add(why, ", of which %lld are reserved by others", resv);
}

/* Append how to raise the number of pages from @total by @missing. */
static void
hugepage_command(const struct mem_os *os, const struct mem_need *need, unsigned long long total,
		 unsigned long long missing, struct text *why)
{
	unsigned long long kb = need->page_size >> 10;
	char where[48] = "kernel/mm", size[32];
	bool on;
	long long have = available(os, need->node, &on);

	/* To raise the number would take every byte from all other processes. */
	if (have != UNKNOWN && missing > (unsigned long long)have / need->page_size) {
		text_add(why,
			 "; the missing %llu are more memory than the %s available%s: ask for "
			 "less (fewer or smaller buffers)",
			 missing, text_size(size, (uint64_t)have), on ? " there" : "");
		return;
	}
	if (need->node != BATON_NODE_ANY)
		snprintf(where, sizeof(where), "devices/system/node/node%d", need->node);
	text_add(why,
		 "; to have enough: echo %llu > /sys/%s/hugepages/hugepages-%llukB/nr_hugepages",
		 total + missing, where, kb);
	if (need->page_size == BATON_PAGE_1G)
		text_add(why, " (or at boot: hugepagesz=1G hugepages=N)");
}

void
mem_huge_shortage(const struct mem_os *os, const struct mem_need *need, struct text *why)
{
	unsigned long long needed = need->bytes / need->page_size;
	long long have = huge(os, need->node, need->page_size, "free_hugepages");
	long long total = huge(os, need->node, need->page_size, "nr_hugepages");
	long long resv = huge(os, BATON_NODE_ANY, need->page_size, "resv_hugepages");
	char size[32], on[32] = "", name[32];
	size_t before;

	if (huge_limited(os, need, why))
		return;
	text_size(size, need->page_size);
	if (have == UNKNOWN || total == UNKNOWN) {
		text_add(why, "needs %llu pages of %s, which this kernel does not have", needed,
			 size);
		return;
	}
	if (need->node != BATON_NODE_ANY)
		snprintf(on, sizeof(on), " on node %d", need->node);
	text_add(why, "needs %llu pages of %s%s, ", needed, size, on);
	free_pages(os, need->page_size, why);
	if (resv > 0)
		have = resv < have ? have - resv : 0;
	if ((unsigned long long)have >= needed) {
		text_add(why, ": enough, so a limit stands in the way");
		before = why->len;
		limits_memory(why, need->bytes);
		if (why->len == before)
			text_add(why,
				 "; look at hugetlb.%s.rsvd.max and .max of the control group%s",
				 cgroup_page_name(need->page_size, name),
				 need->mount ? ", at the mount's size option" : "");
		return;
	}
	hugepage_command(os, need, (unsigned long long)total, needed - (unsigned long long)have,
			 why);
}

/* What a process needs besides its large allocations: page tables, rings, threads, sockets. */
static uint64_t
margin(uint64_t bytes)
{
	return (UINT64_C(4) << 20) + bytes / 32;
}

/* Whether a control group leaves less than is needed; appends the reason. */
static bool
group_limited(const struct mem_os *os, uint64_t bytes, struct text *why)
{
	char a[32], b[32], c[32], d[32];
	uint64_t more = margin(bytes);
	struct cgroup_room group;

	if (!cgroup_memory(os, &group) || (bytes <= group.room && more <= group.room - bytes))
		return false;
	text_add(why,
		 "needs %s of ordinary memory and %s for what follows, but the control group may "
		 "use %s in all (%s), of which %s is in use; raise that to %llu (containers: "
		 "--memory, systemd: MemoryMax=), or ask for less (fewer or smaller buffers)",
		 text_size(a, bytes), text_size(b, more), text_size(c, group.limit), group.file,
		 text_size(d, group.used), (unsigned long long)(group.used + bytes + more));
	return true;
}

bool
mem_small_missing(const struct mem_os *os, uint64_t bytes, int node, struct text *why)
{
	char a[32], b[32], where[32] = "";
	long long have;
	bool on;

	if (group_limited(os, bytes, why))
		return true;
	have = available(os, node, &on);
	/* Leave the last sixteenth to other processes: taking all of it would get them killed. */
	if (have == UNKNOWN || bytes <= (unsigned long long)(have - have / 16))
		return false;
	if (on)
		snprintf(where, sizeof(where), " on node %d", node);
	text_add(why,
		 "needs %s of ordinary memory%s, where %s is available and a sixteenth of that "
		 "is left to others; ask for less (fewer or smaller buffers) or free memory",
		 text_size(a, bytes), where, text_size(b, (uint64_t)have));
	return true;
}

void
mem_text_nodes(const struct mem_os *os, struct text *to)
{
	int max = os->max_node(os);
	const char *sep = "";

	for (int node = 0; node <= max; node++) {
		int first = node;

		if (!os->node_has_memory(os, node))
			continue;
		while (node < max && os->node_has_memory(os, node + 1))
			node++;
		text_add(to, node > first ? "%s%d-%d" : "%s%d", sep, first, node);
		sep = ",";
	}
}
