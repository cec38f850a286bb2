/* SPDX-License-Identifier: BSD-3-Clause */
/* What the memory tests share: a bare context that keeps its log, and what the process holds. */
#ifndef MEM_UTIL_H
#define MEM_UTIL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <baton/mem.h>
#include <baton/port.h>

#include "base/err.h"
#include "base/page.h"
#include "ctx/ctx.h"
#include "mem/arena.h"
#include "mem/supply.h"

#define MIB (1ul << 20)
#define GIB (1ul << 30)

struct bare_ctx {
	struct baton_ctx ctx;
	int warnings;
	char last[1024];
};

static inline void
bare_log(void *arg, enum baton_log_level level, const char *line)
{
	struct bare_ctx *b = arg;

	if (level == BATON_LOG_WARN)
		b->warnings++;
	snprintf(b->last, sizeof(b->last), "%s", line);
}

/* Arenas need the log, the lock and the flags of a context, nothing else. */
static inline struct bare_ctx *
bare_ctx(void)
{
	struct bare_ctx *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	b->ctx.log = bare_log;
	b->ctx.handle.tag = HANDLE_CTX;
	b->ctx.log_arg = b;
	pthread_mutex_init(&b->ctx.lock, NULL);
	return b;
}

static inline void
bare_ctx_free(struct bare_ctx *b)
{
	handle_fini(&b->ctx);
	free(b);
}

static inline struct baton_mem_config
want(size_t bytes, uint64_t page_size)
{
	return (struct baton_mem_config){ .size = sizeof(struct baton_mem_config),
					  .name = "unit-arena",
					  .bytes = bytes,
					  .page_size = page_size,
					  .node = BATON_NODE_ANY };
}

static inline int
open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* How many lines of /proc/self/maps contain a word. */
static inline int
maps_with(const char *word)
{
	FILE *f = fopen("/proc/self/maps", "re");
	char line[4096];
	int n = 0;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		n += strstr(line, word) != NULL;
	fclose(f);
	return n;
}

static inline void
assert_says(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" does not say \"%s\"", text, part);
}

static inline long
read_long(const char *path)
{
	FILE *f = fopen(path, "re");
	long n = -1;

	if (f) {
		if (fscanf(f, "%ld", &n) != 1)
			n = -1;
		fclose(f);
	}
	return n;
}

static inline bool
write_text(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");
	bool ok;

	if (!f)
		return false;
	ok = fputs(text, f) >= 0;
	return fclose(f) == 0 && ok;
}

#endif
