/* SPDX-License-Identifier: BSD-3-Clause */
#include "ioas/given.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ioas/space.h"

#define POLL_MS 200

/* ---- seals ---- */

/*
 * Whether a file cannot be truncated. The buffer of a DMA heap cannot be sealed, but its size is
 * fixed.
 */
static bool
has_fixed_size(int fd)
{
	char link[32], to[16] = "";

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return readlink(link, to, sizeof(to) - 1) > 0 && !strncmp(to, "/dmabuf", 7);
}

static void
warn_unsealed(struct ioas_given *g)
{
	if (g->warned_unsealed)
		return;
	for (const struct baton_mapping *m = g->ioas->mappings; m; m = m->next) {
		int seals = fcntl(m->fd, F_GET_SEALS);

		if ((seals >= 0 && seals & F_SEAL_SHRINK) || has_fixed_size(m->fd))
			continue;
		baton_log(g->ioas->ctx, BATON_LOG_WARN,
			  "%s: the file of %s is not sealed: %s could truncate it, and this "
			  "program would end at the next touch of it (SIGBUS); use a memfd with "
			  "F_SEAL_SHRINK, as Baton's own arenas are where memfds may be created "
			  "and sealed",
			  g->user, m->name, g->whom);
		g->warned_unsealed = 1;
	}
}

/* ---- holes ---- */

static void
report(struct ioas_given *g, const struct baton_mapping *m, const struct stat *st, uint64_t lost)
{
	bool cut = (uint64_t)st->st_size < m->fd_offset + m->info.bytes;

	g->holes++;
	if (g->holes & (g->holes - 1))
		return;
	baton_log(g->ioas->ctx, BATON_LOG_WARN,
		  "%s: %llu KiB of %s are gone, which %s was given: %s; stop using that backend",
		  g->user, (unsigned long long)lost / 1024, m->name, g->whom,
		  cut ? "its file was truncated, and touching what is cut off ends this program "
			"(SIGBUS)"
		      : "somebody punched a hole into its file, and what was there is zeros now");
}

/* Find a file among the first @n. Return: its place; @n: it is not there. */
static uint32_t
find(const struct ioas_given *g, uint32_t n, const struct stat *st)
{
	uint32_t i = 0;

	while (i < n && (g->file[i].dev != st->st_dev || g->file[i].ino != st->st_ino))
		i++;
	return i;
}

/* Record the number of pages; from the second time on, report pages that are missing. */
static void
look(struct ioas_given *g, bool first)
{
	const struct ioas_given before = *g;
	struct stat st;

	g->n = 0;
	for (const struct baton_mapping *m = g->ioas->mappings; m && g->n < IOAS_GIVEN_FILES;
	     m = m->next) {
		uint32_t i;

		/* Another mapping may have the same file, and be counted already. */
		if (fstat(m->fd, &st) < 0 || find(g, g->n, &st) < g->n)
			continue;
		g->file[g->n].dev = st.st_dev;
		g->file[g->n].ino = st.st_ino;
		g->file[g->n++].blocks = (uint64_t)st.st_blocks;
		i = first ? before.n : find(&before, before.n, &st);
		if (i < before.n && before.file[i].blocks > (uint64_t)st.st_blocks)
			report(g, m, &st, (before.file[i].blocks - (uint64_t)st.st_blocks) * 512);
	}
}

static void
due(struct ctx_timer *timer)
{
	struct ioas_given *g =
		(struct ioas_given *)(void *)((char *)timer - offsetof(struct ioas_given, poll));

	look(g, false);
	if (g->n)
		ctx_timer_set(g->ioas->ctx, timer, POLL_MS);
}

void
ioas_given(struct ioas_given *g, const struct baton_ioas *ioas, const char *user, const char *whom)
{
	g->ioas = ioas;
	g->user = user;
	g->whom = whom;
	warn_unsealed(g);
	look(g, true);
	g->poll.due = due;
	ctx_timer_set(ioas->ctx, &g->poll, POLL_MS);
}

void
ioas_given_end(struct ioas_given *g)
{
	if (g->ioas)
		ctx_timer_cancel(g->ioas->ctx, &g->poll);
	g->ioas = NULL;
}
