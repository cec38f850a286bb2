/* SPDX-License-Identifier: BSD-3-Clause */
#include "out.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "testpmd.h"

#define MAX_WAITING (4u << 20) /* bytes that wait for one reader; what does not fit is lost */
#define PATIENCE_NS 1000000000ull
#define LIMIT_NS    5000000000ull

/* Text in memory, from `head` to `len`. */
struct text {
	char *at;
	size_t head, len, size;
};

/* A file that is written to without blocking. */
struct sink {
	int fd;      /* what is written to: own_fd or the standard descriptor */
	bool socket; /* send() takes a flag for it */
	bool timid;  /* fd blocks, and may do so: see write_some() */
	int error;
	struct text text;
	uint64_t lost; /* bytes */
	struct stat st;
};

/* Standard output and error are the process's own, and printf() has no argument to carry this. */
static struct {
	pthread_mutex_t lock; /* any thread may log */
	struct sink out, err;
	struct sink *tables, *words; /* where stdout and stderr lead to */
	bool keeps;
	struct text kept; /* since out_keep() */
	bool kept_cut;
} o = { .lock = PTHREAD_MUTEX_INITIALIZER };

static bool
append(struct text *t, const char *data, size_t n)
{
	size_t size;
	char *at;

	if (t->head) {
		memmove(t->at, t->at + t->head, t->len - t->head);
		t->len -= t->head;
		t->head = 0;
	}
	if (t->len + n > MAX_WAITING)
		return false;
	if (t->len + n > t->size) {
		size = 2 * (t->len + n) + 4096;
		at = realloc(t->at, size);
		if (!at)
			return false;
		t->at = at;
		t->size = size;
	}
	memcpy(t->at + t->len, data, n);
	t->len += n;
	return true;
}

/*
 * A pipe or terminal is opened a second time, non-blocking: the flag belongs to the open file,
 * which others share. Without /proc, or where that is forbidden, no more is written than there is
 * room for; another writer to the same pipe may take that room in between, and then a write waits.
 */
static ssize_t
write_some(struct sink *s, const char *data, size_t n)
{
	struct pollfd p = { .fd = s->fd, .events = POLLOUT };

	if (s->socket)
		return send(s->fd, data, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (!s->timid)
		return write(s->fd, data, n);
	if (poll(&p, 1, 0) == 0) {
		errno = EAGAIN;
		return -1;
	}
	return write(s->fd, data, n < PIPE_BUF ? n : PIPE_BUF);
}

/* Write what is there. Return: bytes written; less than @n: the reader is slow, or s->error. */
static size_t
write_all(struct sink *s, const char *data, size_t n)
{
	size_t done = 0;

	while (done < n) {
		ssize_t ret = write_some(s, data + done, n - done);

		if (ret >= 0)
			done += (size_t)ret;
		else if (errno == EAGAIN || errno == EWOULDBLOCK)
			break;
		else if (errno != EINTR) {
			s->error = errno;
			break;
		}
	}
	return done;
}

static void
push(struct sink *s)
{
	struct text *t = &s->text;

	if (!s->error)
		t->head += write_all(s, t->at + t->head, t->len - t->head);
	if (t->head == t->len)
		t->head = t->len = 0;
}

static void
put(struct sink *s, const char *data, size_t n)
{
	size_t done = 0;

	push(s);
	if (!s->error && !s->text.len)
		done = write_all(s, data, n);
	if (s->error || (done < n && !append(&s->text, data + done, n - done)))
		s->lost += n - done;
}

/* stdout and stderr write here; they are line buffered. */
static ssize_t
on_stdout(void *cookie, const char *data, size_t n)
{
	pthread_mutex_lock(&o.lock);
	put(o.tables, data, n);
	if (o.keeps && !append(&o.kept, data, n))
		o.kept_cut = true;
	pthread_mutex_unlock(&o.lock);
	return (ssize_t)n;
}

static ssize_t
on_stderr(void *cookie, const char *data, size_t n)
{
	pthread_mutex_lock(&o.lock);
	if (!o.words->error)
		put(o.words, data, n);
	if (o.words->error && o.words != o.tables)
		put(o.tables, data, n);
	pthread_mutex_unlock(&o.lock);
	return (ssize_t)n;
}

static void
set_up_sink(struct sink *s, int fd, bool closed)
{
	char path[32];
	int own;

	s->fd = fd;
	s->error = closed ? EBADF : 0;
	if (closed || fstat(fd, &s->st) < 0)
		return;
	s->socket = S_ISSOCK(s->st.st_mode);
	if (!S_ISFIFO(s->st.st_mode) && !isatty(fd))
		return;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	own = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	s->timid = own < 0;
	if (own >= 0)
		s->fd = own;
}

static bool
is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static FILE *
stream(ssize_t (*writer)(void *, const char *, size_t))
{
	FILE *f = fopencookie(NULL, "w", (cookie_io_functions_t){ .write = writer });

	if (f)
		setvbuf(f, NULL, _IOLBF, 0);
	return f;
}

void
out_open(void)
{
	bool closed[3];
	FILE *f;

	/* What is opened next must not become standard output by its number, and what somebody
	 * writes or reads there fails. */
	for (int fd = 0; fd < 3; fd++) {
		closed[fd] = fcntl(fd, F_GETFD) < 0 && errno == EBADF;
		if (closed[fd] && open("/dev/null", fd ? O_RDONLY : O_WRONLY) < 0)
			(void)!open("/", O_PATH); /* a sandbox without /dev */
	}
	signal(SIGPIPE, SIG_IGN); /* writes report it, and so the run ends with its tables */
	signal(SIGXFSZ, SIG_IGN);
	set_up_sink(&o.out, STDOUT_FILENO, closed[1]);
	set_up_sink(&o.err, STDERR_FILENO, closed[2]);
	o.tables = &o.out;
	o.words = &o.err;
	/* One queue for both keeps their order, if both are the same pipe or terminal. */
	if (!o.out.error && !S_ISREG(o.out.st.st_mode) && is_same(&o.out.st, &o.err.st))
		o.words = &o.out;
	f = stream(on_stdout);
	stdout = f ? f : stdout;
	f = stream(on_stderr);
	stderr = f ? f : stderr;
}

void
out_tables_to_stderr(void)
{
	fflush(stdout);
	pthread_mutex_lock(&o.lock);
	o.tables = o.words = &o.err;
	pthread_mutex_unlock(&o.lock);
}

bool
out_is_stdout(const struct stat *st)
{
	return !o.out.error && !S_ISBLK(st->st_mode) && is_same(st, &o.out.st);
}

void
out_poll_for(struct pollfd fds[OUT_POLLFDS])
{
	const struct sink *sinks[OUT_POLLFDS] = { o.tables, o.words == o.tables ? NULL : o.words };

	pthread_mutex_lock(&o.lock);
	for (unsigned i = 0; i < OUT_POLLFDS; i++) {
		const struct sink *s = sinks[i];

		fds[i] = (struct pollfd){ .fd = s && !s->error ? s->fd : -1 };
		if (s && s->text.len)
			fds[i].events = POLLOUT;
	}
	pthread_mutex_unlock(&o.lock);
}

void
out_ready(const struct pollfd fds[OUT_POLLFDS])
{
	struct sink *sinks[OUT_POLLFDS] = { o.tables, o.words };

	pthread_mutex_lock(&o.lock);
	for (unsigned i = 0; i < OUT_POLLFDS; i++) {
		struct sink *s = sinks[i];

		if (fds[i].fd != s->fd || !fds[i].revents)
			continue;
		push(s);
		/* A pipe without readers, or a terminal that is gone, though nothing is written. */
		if (!s->error && (fds[i].revents & (POLLERR | POLLHUP | POLLNVAL)))
			s->error = S_ISCHR(s->st.st_mode) ? EIO : EPIPE;
	}
	pthread_mutex_unlock(&o.lock);
}

static size_t
waiting(const struct sink *s)
{
	return s->error ? 0 : s->text.len - s->text.head;
}

size_t
out_waiting(void)
{
	size_t n;

	pthread_mutex_lock(&o.lock);
	n = waiting(o.tables);
	pthread_mutex_unlock(&o.lock);
	return n;
}

int
out_error(void)
{
	int error;

	pthread_mutex_lock(&o.lock);
	error = o.tables->error;
	pthread_mutex_unlock(&o.lock);
	return error;
}

void
out_keep(bool on)
{
	fflush(stdout);
	pthread_mutex_lock(&o.lock);
	o.keeps = on;
	o.kept.head = o.kept.len = 0;
	o.kept_cut = false;
	pthread_mutex_unlock(&o.lock);
}

/* As long as the reader takes something every second, and five in all. */
static void
drain(struct sink *s)
{
	uint64_t begin = clock_ns(), last = begin;

	while (push(s), waiting(s)) {
		struct pollfd p = { .fd = s->fd, .events = POLLOUT };
		size_t before = waiting(s);

		poll(&p, 1, 50);
		push(s);
		if (waiting(s) < before)
			last = clock_ns();
		else if (clock_ns() - last > PATIENCE_NS || clock_ns() - begin > LIMIT_NS)
			return;
	}
}

/* The final tables on standard error, since standard output does not take them. */
static void
keep(void)
{
	if (o.words == o.tables || o.words->error || o.kept.len == o.kept.head)
		return;
	fprintf(stderr, "baton-testpmd: the final output%s:\n", o.kept_cut ? ", cut" : "");
	fwrite(o.kept.at + o.kept.head, 1, o.kept.len - o.kept.head, stderr);
}

int
out_to_stdout(const char *text)
{
	fflush(stdout);
	pthread_mutex_lock(&o.lock);
	put(&o.out, text, strlen(text));
	put(&o.out, "\n", 1);
	pthread_mutex_unlock(&o.lock);
	drain(&o.out);
	if (o.out.error)
		return o.out.error;
	return waiting(&o.out) ? ETIMEDOUT : 0;
}

bool
out_close(void)
{
	struct sink *s = o.tables;
	size_t lost;

	fflush(stdout);
	fflush(stderr);
	drain(s);
	lost = s->lost + waiting(s);
	if (s->error)
		complain("standard output cannot be written: %s", strerror(s->error));
	else if (lost)
		complain("standard output is not read: %zu bytes are lost", lost);
	if (s->error || lost)
		keep();
	fflush(stderr);
	if (o.words != s)
		drain(o.words);
	return !s->error && !lost;
}
