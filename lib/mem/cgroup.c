/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Control groups, of version 1 (a hierarchy for each controller) and 2 (one for all). The kernel
 * names our group in /proc/self/cgroup, as seen from the root of the cgroup namespace, and
 * /proc/self/mountinfo has the mounts, each with the group that is its root: "/" as a rule, and the
 * container's own group in a container without a cgroup namespace.
 */
#include "mem/cgroup.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NO_LIMIT    (UINT64_MAX)
#define ENDLESS     (UINT64_C(1) << 62) /* version 1 says "no limit" with a number above this */
#define MAX_DEPTH   64
#define MOST_GROUPS 10000

/* A controller's files, and where its groups are. */
struct controller {
	const struct mem_os *os;
	const char *name;       /* as in /proc/self/cgroup */
	const char *files;      /* how the names of its files begin: "hugetlb.2MB" */
	char v1[PATH_MAX];      /* our group; empty: this controller is not one of version 1 */
	char v2[PATH_MAX];      /* empty: no version 2 here */
	struct cgroup_room *to; /* the least so far */
	bool found;
	bool has_cache; /* some of what is used can be dropped */
	bool counts_hugetlb;
	unsigned patience; /* how many groups find_below() still looks at */
	/* Room for texts, which a small stack may not have. */
	char line[3 * PATH_MAX], path[PATH_MAX], dir[2 * PATH_MAX];
};

/* A limit, and what counts against it: the ends of the files' names. */
struct pair {
	const char *limit, *used;
};

static const struct pair v1_pairs[] = { { "limit_in_bytes", "usage_in_bytes" },
					{ "rsvd.limit_in_bytes", "rsvd.usage_in_bytes" } };
static const struct pair v2_pairs[] = { { "max", "current" },
					{ "high", "current" },
					{ "rsvd.max", "rsvd.current" } };

/* Open a file of the group c->dir. Return: NULL if there is none, or its path is too long. */
static FILE *
open_file(struct controller *c, const char *file)
{
	if (snprintf(c->path, sizeof(c->path), "%s/%s", c->dir, file) >= (int)sizeof(c->path))
		return NULL;
	return fopen(c->path, "re");
}

/* Return: false if there is no such file. */
static bool
read_number(struct controller *c, const char *file, uint64_t *n)
{
	char text[32] = "", *end;
	FILE *f = open_file(c, file);

	if (!f)
		return false;
	if (!fgets(text, sizeof(text), f))
		text[0] = 0;
	fclose(f);
	*n = strtoull(text, &end, 10);
	if (end == text || *n >= ENDLESS)
		*n = NO_LIMIT; /* "max" */
	return text[0] != 0;
}

/*
 * Page cache that is dropped when memory runs short. Of the active half a part is needed again at
 * once, so half of it counts, as in the machine's MemAvailable.
 */
static uint64_t
reclaimable(struct controller *c, bool v1)
{
	const char *skip = v1 ? "total_" : "";
	uint64_t inactive = 0, active = 0;
	FILE *f = open_file(c, "memory.stat");
	char line[128];

	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f)) {
		const char *at = line + strlen(skip);

		if (strncmp(line, skip, strlen(skip)))
			continue;
		if (!strncmp(at, "inactive_file ", 14))
			inactive = strtoull(at + 14, NULL, 10);
		else if (!strncmp(at, "active_file ", 12))
			active = strtoull(at + 12, NULL, 10);
	}
	fclose(f);
	return inactive + active / 2;
}

static void
one_pair(struct controller *c, const struct pair *pair, bool v1)
{
	char limit_file[64], used_file[64];
	uint64_t limit, used = 0, cache, room;

	snprintf(limit_file, sizeof(limit_file), "%s.%s", c->files, pair->limit);
	snprintf(used_file, sizeof(used_file), "%s.%s", c->files, pair->used);
	if (!read_number(c, limit_file, &limit) || limit == NO_LIMIT)
		return;
	if (!read_number(c, used_file, &used) || used == NO_LIMIT)
		used = 0;
	if (c->has_cache) {
		cache = reclaimable(c, v1);
		used = used > cache ? used - cache : 0;
	}
	room = limit > used ? limit - used : 0;
	if (c->found && room >= c->to->room)
		return;
	c->found = true;
	*c->to = (struct cgroup_room){ .limit = limit, .used = used, .room = room };
	c->to->counts_hugetlb = c->counts_hugetlb;
	snprintf(c->to->file, sizeof(c->to->file), "%.3900s/%s", c->dir, limit_file);
}

static void
one_group(struct controller *c, bool v1)
{
	const struct pair *pairs = v1 ? v1_pairs : v2_pairs;
	size_t n = v1 ? sizeof(v1_pairs) / sizeof(*pairs) : sizeof(v2_pairs) / sizeof(*pairs);

	for (size_t i = 0; i < n; i++) /* a file that this controller does not have is no limit */
		one_pair(c, &pairs[i], v1);
}

/* The group c->dir and those above it, up to the mount point, which has @top characters. */
static void
chain(struct controller *c, size_t top, bool v1)
{
	uint64_t hierarchy;

	for (unsigned depth = 0; depth < MAX_DEPTH; depth++) {
		char *slash;

		/* Kernels before 5.11 can leave a group's limits to itself. */
		if (!depth || !v1 || !read_number(c, "memory.use_hierarchy", &hierarchy) ||
		    hierarchy)
			one_group(c, v1);
		slash = strrchr(c->dir, '/');
		if (!slash || (size_t)(slash - c->dir) < top)
			return;
		*slash = 0;
	}
}

/* Whether this process is listed in the group c->dir. */
static bool
is_in(struct controller *c)
{
	FILE *f = open_file(c, "cgroup.procs");
	char line[32];
	bool in = false;

	if (!f)
		return false;
	while (!in && fgets(line, sizeof(line), f))
		in = atol(line) == (long)getpid();
	fclose(f);
	return in;
}

/*
 * Find our group @levels below c->dir, which lies above the root of our cgroup namespace, so that
 * the kernel does not tell us the names between the two. @group: our group, seen from that root.
 * Return: whether c->dir is ours now.
 */
static bool
find_below(struct controller *c, unsigned levels, const char *group)
{
	size_t len = strlen(c->dir);
	const struct dirent *entry;
	bool found = false;
	DIR *d;

	if (!levels) {
		snprintf(c->dir + len, sizeof(c->dir) - len, "%s", strcmp(group, "/") ? group : "");
		found = is_in(c);
	} else if ((d = opendir(c->dir))) {
		while (!found && c->patience && (entry = readdir(d))) {
			if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
				continue;
			c->patience--;
			c->dir[len] = 0;
			snprintf(c->dir + len, sizeof(c->dir) - len, "/%s", entry->d_name);
			found = find_below(c, levels - 1, group);
		}
		closedir(d);
	}
	if (!found)
		c->dir[len] = 0;
	return found;
}

/*
 * One mount. @root is the group at its top, @group is ours. Where ours does not lie below @root,
 * the top may still be ours or above it: /proc and the mount were made in different namespaces.
 */
static void
one_mount(struct controller *c, const char *root, const char *mount, const char *group, bool v1)
{
	size_t len = strcmp(root, "/") ? strlen(root) : 0, top = strlen(mount);
	bool above = !strncmp(root, "/..", 3);
	bool below = strncmp(group, "/..", 3) && !strncmp(group, root, len) &&
		     (!group[len] || group[len] == '/');
	unsigned levels = 0;

	snprintf(c->dir, sizeof(c->dir), "%s%s", mount,
		 below && strcmp(group, "/") ? group + len : "");
	if (above && strncmp(group, "/..", 3)) {
		for (const char *at = root; !strncmp(at, "/..", 3); at += 3)
			levels++;
		find_below(c, levels, group);
	}
	if (below || above || is_in(c))
		chain(c, top, v1);
}

/* Whether a list like "cpu,memory" has a word. */
static bool
has_word(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = list; (at = strstr(at, word)); at += len)
		if ((at == list || at[-1] == ',') && (!at[len] || at[len] == ','))
			return true;
	return false;
}

/* Our groups, from lines like "4:cpu,memory:/a/b" and "0::/a/b". */
static void
find_groups(struct controller *c)
{
	char *line = c->line;
	FILE *f;

	snprintf(c->path, sizeof(c->path), "%s/self/cgroup", c->os->proc);
	f = fopen(c->path, "re");
	if (!f) {
		strcpy(c->v2, "/"); /* without /proc: a container's own group is at the top */
		strcpy(c->v1, "/");
		return;
	}
	while (fgets(line, sizeof(c->line), f)) {
		char *list = strchr(line, ':'), *group = list ? strchr(list + 1, ':') : NULL;

		line[strcspn(line, "\n")] = 0;
		if (!group || group[1] != '/' || strlen(group + 1) >= PATH_MAX)
			continue;
		*group++ = 0;
		if (!list[1] && !strncmp(line, "0:", 2))
			strcpy(c->v2, group);
		else if (has_word(list + 1, c->name))
			strcpy(c->v1, group);
	}
	fclose(f);
}

/* Undo the \040 of mountinfo. */
static void
unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		unsigned char c;

		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' &&
		    s[3] >= '0' && s[3] <= '7') {
			c = (unsigned char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			*to++ = (char)c;
			s += 3;
		} else {
			*to++ = *s;
		}
	}
	*to = 0;
}

/* A line "36 35 98:0 ROOT MOUNT OPTIONS [FIELDS...] - TYPE SOURCE OPTIONS". */
static void
one_line(struct controller *c, char *line)
{
	char *field[6], *rest = strstr(line, " - "), *save, *type, *options;

	if (!rest)
		return;
	*rest = 0;
	for (unsigned i = 0; i < 6; i++)
		if (!(field[i] = strtok_r(i ? NULL : line, " ", &save)))
			return;
	unescape(field[3]);
	unescape(field[4]);
	type = strtok_r(rest + 3, " ", &save);
	if (!type || strlen(field[4]) >= PATH_MAX)
		return;
	(void)strtok_r(NULL, " ", &save); /* the source, which has no meaning */
	options = strtok_r(NULL, " \n", &save);
	c->counts_hugetlb = false;
	if (!strcmp(type, "cgroup2") && c->v2[0]) {
		c->counts_hugetlb = options && has_word(options, "memory_hugetlb_accounting");
		one_mount(c, field[3], field[4], c->v2, false);
	} else if (!strcmp(type, "cgroup") && c->v1[0] && options && has_word(options, c->name)) {
		one_mount(c, field[3], field[4], c->v1, true);
	}
}

static bool
look(struct controller *c)
{
	char *line = c->line, top[256];
	FILE *f;

	find_groups(c);
	snprintf(c->path, sizeof(c->path), "%s/self/mountinfo", c->os->proc);
	f = fopen(c->path, "re");
	if (f) {
		while (fgets(line, sizeof(c->line), f))
			one_line(c, line);
		fclose(f);
		return c->found;
	}
	/* Where these mounts are, if nobody has put them elsewhere. */
	snprintf(top, sizeof(top), "%s/fs/cgroup", c->os->sys);
	if (c->v2[0])
		one_mount(c, "/", top, c->v2, false);
	snprintf(top, sizeof(top), "%s/fs/cgroup/%s", c->os->sys, c->name);
	if (c->v1[0])
		one_mount(c, "/", top, c->v1, true);
	return c->found;
}

static bool
search(const struct mem_os *os, const char *name, const char *files, struct cgroup_room *out)
{
	struct controller *c = calloc(1, sizeof(*c));
	bool found;

	if (!c)
		return false;
	c->os = os;
	c->name = name;
	c->files = files;
	c->to = out;
	c->patience = MOST_GROUPS;
	c->has_cache = !strcmp(name, "memory");
	found = look(c);
	free(c);
	return found;
}

bool
cgroup_memory(const struct mem_os *os, struct cgroup_room *out)
{
	return search(os, "memory", "memory", out);
}

const char *
cgroup_page_name(uint64_t page_size, char to[32])
{
	if (page_size >> 30)
		snprintf(to, 32, "%" PRIu64 "GB", page_size >> 30);
	else if (page_size >> 20)
		snprintf(to, 32, "%" PRIu64 "MB", page_size >> 20);
	else
		snprintf(to, 32, "%" PRIu64 "KB", page_size >> 10);
	return to;
}

bool
cgroup_hugetlb(const struct mem_os *os, uint64_t page_size, struct cgroup_room *out)
{
	char files[40], name[32];

	snprintf(files, sizeof(files), "hugetlb.%s", cgroup_page_name(page_size, name));
	return search(os, "hugetlb", files, out);
}
