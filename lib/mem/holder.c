/* SPDX-License-Identifier: BSD-3-Clause */
#include "mem/holder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "ctx/ctx.h"
#include "mem/os.h"

/* A file that a holder was given. */
struct watched {
	uint64_t dev, ino;
	int read_only; /* a description of ours; -1: it could not be opened */
	bool leased;   /* a lease says something about it */
	bool locked;   /* all that was handed over is locked */
};

struct mem_holder {
	struct mem_holder *next; /* in the context */
	struct baton_ctx *ctx;
	unsigned users;
	int pidfd;
	uint64_t byte; /* of each file: its lock */
	struct watched *file;
	uint32_t n, cap;
	bool blind; /* a file was handed over as it is */
	char why[160];
};

static const struct mem_os *
os_of(const struct mem_holder *h)
{
	return h->ctx->mem_os ? h->ctx->mem_os : &mem_os_host;
}

/*
 * Any number will do that no other holder of the same file has, also in another program that was
 * given the file. One that is taken twice only keeps memory out of use for longer.
 */
static uint64_t
new_byte(const struct mem_holder *h)
{
	uint64_t n;

	if (getrandom(&n, sizeof(n), GRND_NONBLOCK) != sizeof(n))
		n = ctx_now_ns() ^ (uint64_t)(uintptr_t)h << 20 ^ (uint64_t)getpid() << 40;
	return n >> 2; /* an off_t, and so is the one behind it */
}

struct mem_holder *
mem_holder_create(struct baton_ctx *ctx)
{
	struct mem_holder *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->ctx = ctx;
	h->users = 1;
	h->pidfd = -1;
	h->byte = new_byte(h);
	h->next = ctx->holders_of_memory;
	ctx->holders_of_memory = h;
	return h;
}

struct mem_holder *
mem_holder_get(struct mem_holder *h)
{
	if (h)
		h->users++;
	return h;
}

void
mem_holder_put(struct mem_holder *h)
{
	struct mem_holder **at;

	if (!h || --h->users)
		return;
	for (at = &h->ctx->holders_of_memory; *at != h;)
		at = &(*at)->next;
	*at = h->next;
	for (uint32_t i = 0; i < h->n; i++)
		if (h->file[i].read_only >= 0)
			close(h->file[i].read_only);
	if (h->pidfd >= 0)
		close(h->pidfd);
	free(h->file);
	free(h);
}

void
mem_holder_set_process(struct mem_holder *h, int pidfd)
{
	if (h->pidfd >= 0)
		close(h->pidfd);
	h->pidfd = pidfd;
}

int
mem_holder_process(const struct mem_holder *h)
{
	return h ? h->pidfd : -1;
}

/* ---- handing over ---- */

static void
because(struct mem_holder *h, const char *what, int err)
{
	if (!h->why[0])
		snprintf(h->why, sizeof(h->why), "%s: %s", what, strerror(-err));
}

static struct watched *
find(const struct mem_holder *h, const struct stat *st)
{
	for (uint32_t i = 0; i < h->n; i++)
		if (h->file[i].dev == st->st_dev && h->file[i].ino == st->st_ino)
			return &h->file[i];
	return NULL;
}

/* What another holder of the same file has found out about leases on it. */
static const struct watched *
find_elsewhere(const struct mem_holder *h, const struct stat *st)
{
	const struct watched *f = NULL;

	for (const struct mem_holder *o = h->ctx->holders_of_memory; o && !f; o = o->next)
		if (o != h)
			f = find(o, st);
	return f;
}

/* Is the failure one of this moment, so that the next attempt may succeed? */
static bool
passes(int ret)
{
	return ret == -ENOMEM || ret == -ENOLCK || ret == -EINTR || ret == -EMFILE ||
	       ret == -ENFILE;
}

/*
 * Before anybody is given the file: is it one that leases say something about? Somebody who has it
 * open for writing, and is no holder (they have locks), will have it for ever: ourselves, as a
 * rule.
 */
static bool
can_lease(struct mem_holder *h, struct watched *f, int fd)
{
	const struct mem_os *os = os_of(h);
	int ret = os->lease(os, f->read_only);

	if (ret == -ENOTRECOVERABLE) { /* while it is there, opening the file for writing waits */
		close(f->read_only);
		f->read_only = os->reopen(os, fd, O_RDONLY);
	}
	if (!ret || passes(ret) || (ret == -EAGAIN && os->locked(os, f->read_only, 0, 0) == 1))
		return true;
	because(h,
		ret == -EAGAIN ? "no read lease, since others have the file open for writing"
			       : "no read lease",
		ret == -EAGAIN ? -EBUSY : ret);
	return false;
}

/* Return: its entry; NULL when out of memory. */
static struct watched *
watch_file(struct mem_holder *h, int fd, const struct stat *st)
{
	const struct mem_os *os = os_of(h);
	struct watched *f = find(h, st);
	const struct watched *elsewhere;

	if (f)
		return f;
	if (h->n == h->cap) {
		uint32_t cap = h->cap ? h->cap * 2 : 4;

		f = realloc(h->file, cap * sizeof(*f));
		if (!f)
			return NULL;
		h->file = f;
		h->cap = cap;
	}
	f = &h->file[h->n++];
	*f = (struct watched){ .dev = st->st_dev, .ino = st->st_ino, .locked = true };
	f->read_only = os->reopen(os, fd, O_RDONLY);
	if (f->read_only < 0) {
		because(h, "/proc/self/fd cannot be opened", f->read_only);
		f->read_only = -1;
		f->locked = false;
		return f;
	}
	elsewhere = find_elsewhere(h, st);
	f->leased = elsewhere ? elsewhere->leased : can_lease(h, f, fd);
	return f;
}

static int
give_error(int ret)
{
	return limits_no_file("cannot open memory anew", "a backend", -ret);
}

int
mem_holder_give(struct mem_holder *h, int fd, bool watch, int *out)
{
	const struct mem_os *os = os_of(h);
	struct watched *f = NULL;
	struct stat st;
	int ret;

	if (watch && fstat(fd, &st) < 0)
		return give_error(-errno);
	if (watch && !(f = watch_file(h, fd, &st)))
		return give_error(-ENOMEM);
	ret = os->reopen(os, fd, O_RDWR);
	if (ret < 0 && passes(ret))
		return give_error(ret);
	if (ret < 0) {
		h->blind |= watch;
		because(h, "/proc/self/fd cannot be opened", ret);
		*out = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		return *out < 0 ? give_error(-errno) : 0;
	}
	*out = ret;
	if (!f)
		return 0;
	ret = os->lock(os, *out, h->byte);
	if (ret < 0) {
		f->locked = false;
		because(h, "no lock on an open file description", ret);
	}
	return 0;
}

/* ---- asking ---- */

static enum mem_held
ask(struct mem_holder *h, struct watched *f)
{
	const struct mem_os *os = os_of(h);
	int lease = -ENOTSUP;

	if (f->read_only < 0)
		return MEM_UNKNOWN;
	if (f->leased)
		lease = os->lease(os, f->read_only);
	if (!lease)
		return MEM_FREE;
	if (lease == -ENOTRECOVERABLE) { /* it cannot be given back, and ends with the descriptor */
		close(f->read_only);
		f->read_only = -1;
		because(h, "a read lease cannot be given back", lease);
		return MEM_UNKNOWN;
	}
	if (!f->locked)
		return lease == -EAGAIN ? MEM_SOMEBODY : passes(lease) ? MEM_HELD : MEM_UNKNOWN;
	if (os->locked(os, f->read_only, h->byte, 1)) /* or it cannot be told just now */
		return MEM_HELD;
	if (lease != -EAGAIN)
		return passes(lease) ? MEM_HELD : MEM_FREE;
	/*
	 * Somebody has it. If that is another holder, this one's end is certain all the same. If no
	 * holder has it, it is somebody who opened the file anew.
	 */
	return os->locked(os, f->read_only, 0, 0) == 1 ? MEM_FREE : MEM_SOMEBODY;
}

enum mem_held
mem_holder_ask(struct mem_holder *h)
{
	enum mem_held held = MEM_FREE;

	if (!h || h->blind)
		return MEM_UNKNOWN;
	for (uint32_t i = 0; i < h->n; i++) {
		enum mem_held one = ask(h, &h->file[i]);

		held = one > held ? one : held;
	}
	return held;
}

enum mem_evidence
mem_holder_evidence(const struct mem_holder *h, const char **why)
{
	enum mem_evidence e = MEM_NOTHING_GIVEN;

	if (why)
		*why = h ? h->why : "out of memory";
	if (!h || h->blind)
		return MEM_NO_EVIDENCE;
	for (uint32_t i = 0; i < h->n; i++) {
		const struct watched *f = &h->file[i];
		enum mem_evidence one = MEM_NO_EVIDENCE;

		if (f->read_only >= 0 && f->leased)
			one = f->locked ? MEM_BY_LEASE : MEM_BY_LEASE_ONLY;
		else if (f->read_only >= 0 && f->locked)
			one = MEM_BY_LOCK;
		e = one > e ? one : e;
	}
	return e;
}
