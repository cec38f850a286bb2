/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Commands from files: `load`, --cmdline-file. While a file is read the main thread goes on to
 * serve events, so that a pipe that nobody writes to holds up nothing but the prompt.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "command.h"

#define MAX_LINE  4096
#define MAX_DEPTH 16 /* of files that load files */

/* A file being read. */
struct load {
	const struct load *outer; /* the one that loads it */
	const char *name;
	dev_t dev;
	ino_t ino;
	int fd;
	bool echo;
	unsigned line;
	bool skip; /* the rest of a line that is too long */
	size_t len;
	char buf[MAX_LINE];
};

/* The innermost of those being read. */
static const struct load *loading;

/* A regular file, a pipe, or /dev/null. Return: NULL, or why it is no file of commands. */
static const char *
unfit(const struct stat *st)
{
	if (S_ISREG(st->st_mode) || S_ISFIFO(st->st_mode))
		return NULL;
	if (S_ISDIR(st->st_mode))
		return "is a folder";
	if (S_ISCHR(st->st_mode) && st->st_rdev == makedev(1, 3))
		return NULL;
	if (S_ISSOCK(st->st_mode))
		return "is a socket";
	return "is a device";
}

static bool
refuse(const char *what, const char *name, const char *why)
{
	complain("%s%s cannot be read: %s", what, name, why);
	return false;
}

bool
load_check(const char *what, const char *name)
{
	struct stat st;
	const char *why;

	if (stat(name, &st) < 0)
		return refuse(what, name, strerror(errno));
	why = unfit(&st);
	if (why) {
		complain("%s%s %s, and no file of commands", what, name, why);
		return false;
	}
	return access(name, R_OK) == 0 || refuse(what, name, strerror(errno));
}

/* Has the file been begun by one that is still being read? It would never end. */
static bool
may_nest(const struct load *l)
{
	unsigned depth = 0;

	for (const struct load *o = l->outer; o; o = o->outer) {
		if (o->dev == l->dev && o->ino == l->ino) {
			complain("%s is being read already, from line %u of %s on", l->name,
				 l->outer->line, l->outer->name);
			return false;
		}
		depth++;
	}
	if (depth < MAX_DEPTH)
		return true;
	complain("%s: files that load files, %u deep, and no further", l->name, depth);
	return false;
}

static bool
begin(struct load *l)
{
	struct stat st;

	l->fd = -1;
	if (!load_check("", l->name))
		return false;
	/* A FIFO is opened without its writer, and waited for later. */
	l->fd = open(l->name, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (l->fd < 0 || fstat(l->fd, &st) < 0)
		return refuse("", l->name, strerror(errno));
	if (unfit(&st))
		return refuse("", l->name, "it has become another");
	l->dev = st.st_dev;
	l->ino = st.st_ino;
	return may_nest(l);
}

static void
run_line(struct app *app, struct load *l, size_t len)
{
	l->line++;
	if (memchr(l->buf, '\0', len)) {
		complain("%s, line %u, has a byte 0 and is ignored", l->name, l->line);
		return;
	}
	l->buf[len] = '\0';
	if (l->echo)
		printf(PROMPT "%s\n", l->buf);
	command_run(app, l->buf);
}

/* Run the lines that are whole. Return: false: there is none, and more must be read. */
static bool
take_line(struct app *app, struct load *l, bool end)
{
	char *newline = memchr(l->buf, '\n', l->len);
	size_t used = newline ? (size_t)(newline - l->buf) + 1 : l->len;

	if (!newline && l->len == sizeof(l->buf)) {
		if (!l->skip)
			complain("%s, line %u: a command longer than %zu characters is ignored",
				 l->name, l->line + 1, sizeof(l->buf) - 1);
		l->skip = true;
		l->len = 0;
		return false;
	}
	if (!l->len || (!newline && !end))
		return false;
	if (l->skip) {
		l->skip = false;
		l->line++;
	} else {
		char last = l->buf[used - 1];

		run_line(app, l, used - (last == '\n'));
	}
	l->len -= used;
	memmove(l->buf, l->buf + used, l->len);
	return true;
}

static void
read_all(struct app *app, struct load *l)
{
	bool end = false;

	while (!app->quit && !end) {
		int ready = main_step(app, l->fd);
		ssize_t n;

		if (ready < 0)
			return;
		if (!ready)
			continue;
		n = read(l->fd, l->buf + l->len, sizeof(l->buf) - l->len);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			refuse("", l->name, strerror(errno));
		end = n <= 0;
		l->len += n > 0 ? (size_t)n : 0;
		while (!app->quit && take_line(app, l, end))
			if (main_step(app, NO_WAIT) < 0)
				return;
	}
}

void
load_file(struct app *app, const char *name, bool echo)
{
	struct load l = { .outer = loading, .name = name, .echo = echo };

	if (begin(&l)) {
		loading = &l;
		read_all(app, &l);
		loading = l.outer;
		printf("Read CLI commands from %s\n", name);
	}
	if (l.fd >= 0)
		close(l.fd);
}

void
command_load(struct app *app, const struct value *v)
{
	load_file(app, v[1].text, true);
}
