/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/limits.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/err.h"

static uint64_t
soft(int resource)
{
	struct rlimit l;

	if (getrlimit((__rlimit_resource_t)resource, &l) || l.rlim_cur == RLIM_INFINITY)
		return UINT64_MAX;
	return l.rlim_cur;
}

/* The first number of @file, or the one behind @key, in units of @unit bytes. 0: it is not known.
 */
static uint64_t
number_in(const char *file, const char *key, uint64_t unit)
{
	unsigned long long n = 0;
	char line[256];
	FILE *f = fopen(file, "re");

	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)) && sscanf(line + strlen(key), "%llu", &n) == 1)
			break;
	fclose(f);
	return n * unit;
}

static void
one(struct text *to, const char *name, uint64_t limit, uint64_t used, uint64_t bytes, char flag)
{
	char a[32], b[32];

	if (limit == UINT64_MAX || (used && bytes <= UINT64_MAX - used && used + bytes <= limit))
		return;
	text_add(to, "; %s is %s, of which %s is in use", name, text_size(a, limit),
		 used ? text_size(b, used) : "an unknown part");
	text_add(to, ": raise it, say with ulimit -%c %llu, or ask for less", flag,
		 (unsigned long long)(used + bytes) / 1024 + 65536);
}

void
limits_memory(struct text *to, uint64_t bytes)
{
	size_t before = to->len;

	one(to, "RLIMIT_AS", soft(RLIMIT_AS), number_in("/proc/self/status", "VmSize:", 1024),
	    bytes, 'v');
	one(to, "RLIMIT_DATA", soft(RLIMIT_DATA), number_in("/proc/self/status", "VmData:", 1024),
	    bytes, 'd');
	if (to->len == before && number_in("/proc/sys/vm/overcommit_memory", "", 1) == 2)
		text_add(to, "; the kernel promises no more memory than it has "
			     "(vm.overcommit_memory=2): raise vm.overcommit_ratio, or ask for "
			     "less");
}

void
limits_files(struct text *to, int err)
{
	uint64_t n = soft(RLIMIT_NOFILE);

	if (err == EMFILE)
		text_add(to,
			 "the process has all of its %llu file descriptors open (RLIMIT_NOFILE); "
			 "raise that: ulimit -n %llu, or LimitNOFILE= of its systemd unit",
			 (unsigned long long)n, n < 512 ? 1024ull : (unsigned long long)n * 2);
	else if (err == ENFILE)
		text_add(to, "the machine has no file descriptor left; raise sysctl fs.file-max");
	else if (limits_forbidden(err))
		text_add(to, "%s: a sandbox forbids that system call (seccomp); allow it",
			 strerror(err));
	else
		text_add(to, "%s", strerror(err));
}

int
limits_no_file(const char *what, const char *whom, int err)
{
	struct text why = { 0 };

	limits_files(&why, err);
	return baton_err(err, "%s for %s: %s", what, whom, why.text);
}

uint64_t
limits_file_size(void)
{
	return soft(RLIMIT_FSIZE);
}
