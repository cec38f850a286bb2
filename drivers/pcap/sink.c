/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bytes of a capture, written by a worker that must not wait for the reader of a pipe, nor end by a
 * signal because a file may not grow or a reader went away.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "pcap_port.h"

#define SINK_BYTES  (1u << 20)
#define RECORD_HEAD 16u
#define PIPE_ATOMIC 4096u /* PIPE_BUF: a pipe that polls writable takes so much at once */
#define PAUSE_MS    5

struct pcap_header {
	uint32_t magic;
	uint16_t major, minor;
	uint32_t zone, sigfigs, snaplen, link;
};

struct pcap_record {
	uint32_t sec, usec, caplen, len;
};

_Static_assert(sizeof(struct pcap_header) == 24 && sizeof(struct pcap_record) == RECORD_HEAD, "as "
											      "in "
											      "a "
											      "fil"
											      "e");
_Static_assert(SINK_BYTES >= 2 * (RECORD_HEAD + PCAP_MAX_FRAME), "room for a packet beside "
								 "another");

/* ---- signals ---- */

/* SIGPIPE and SIGXFSZ, of this thread alone, while it writes. */
struct quiet {
	sigset_t before;
	bool pipe, size; /* were pending already, and stay so */
};

static void
quiet_begin(struct quiet *q)
{
	sigset_t both, pending;

	sigemptyset(&both);
	sigaddset(&both, SIGPIPE);
	sigaddset(&both, SIGXFSZ);
	sigpending(&pending);
	q->pipe = sigismember(&pending, SIGPIPE);
	q->size = sigismember(&pending, SIGXFSZ);
	pthread_sigmask(SIG_BLOCK, &both, &q->before);
}

static void
quiet_end(struct quiet *q, int error)
{
	const struct timespec now = { 0 };
	sigset_t ours;

	sigemptyset(&ours);
	if (error == EPIPE && !q->pipe)
		sigaddset(&ours, SIGPIPE);
	if (error == EFBIG && !q->size)
		sigaddset(&ours, SIGXFSZ);
	if (error == EPIPE || error == EFBIG)
		while (sigtimedwait(&ours, NULL, &now) < 0 && errno == EINTR)
			;
	pthread_sigmask(SIG_SETMASK, &q->before, NULL);
}

/* ---- writing ---- */

static ssize_t
write_some(const struct pcap_sink *s, const uint8_t *p, size_t n)
{
	struct pollfd poller = { .fd = s->end.fd, .events = POLLOUT };
	struct quiet quiet;
	ssize_t ret;
	int error;

	if (s->end.kind == PCAP_SOCKET) {
		ret = send(s->end.fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		return ret < 0 ? -errno : ret;
	}
	if (s->end.kind == PCAP_SHARED) {
		if (poll(&poller, 1, 0) <= 0)
			return -EAGAIN;
		n = n < PIPE_ATOMIC ? n : PIPE_ATOMIC;
	}
	quiet_begin(&quiet);
	ret = write(s->end.fd, p, n);
	error = ret < 0 ? errno : 0;
	quiet_end(&quiet, error);
	return ret < 0 ? -error : ret;
}

/* @n bytes at the front are written. */
static void
advance(struct pcap_sink *s, size_t n)
{
	while (n) {
		size_t now;

		if (!s->part) {
			struct pcap_record head;

			memcpy(&head, s->buf + s->at, sizeof(head));
			s->part_len = head.caplen;
			s->part = RECORD_HEAD + (size_t)head.caplen;
			s->part_is_record = true;
		}
		now = n < s->part ? n : s->part;
		s->at += now;
		s->part -= now;
		s->written += (off_t)now;
		n -= now;
		if (s->part)
			break;
		s->records -= s->part_is_record;
		s->good = s->written;
	}
}

static int
fail(struct pcap_sink *s, int error)
{
	s->broken = true;
	return error;
}

int
pcap_sink_flush(struct pcap_sink *s)
{
	ssize_t n;
	int ret;

	if (s->broken)
		return -EPIPE;
	if (s->end.fd < 0) {
		ret = pcap_end_connect(&s->end);
		if (ret < 0)
			return ret == -EAGAIN ? 0 : fail(s, ret);
	}
	while (s->at < s->filled) {
		n = write_some(s, s->buf + s->at, s->filled - s->at);
		if (n == -EINTR)
			continue;
		if (n == -EAGAIN)
			return 0;
		if (n <= 0)
			return fail(s, n ? (int)n : -ENOSPC);
		advance(s, (size_t)n);
	}
	s->at = s->filled = 0;
	return 0;
}

int
pcap_sink_drain(struct pcap_sink *s, uint64_t deadline_ns)
{
	int ret;

	while (!(ret = pcap_sink_flush(s)) && s->at < s->filled && ctx_now_ns() < deadline_ns) {
		struct pollfd p = { .fd = s->end.fd, .events = POLLOUT };

		poll(&p, 1, PAUSE_MS); /* also while there is no reader */
	}
	return ret;
}

/* ---- the buffer ---- */

static bool
has_room(struct pcap_sink *s, size_t n)
{
	if (SINK_BYTES - s->filled >= n)
		return true;
	if (s->filled - s->at + n > SINK_BYTES)
		return false;
	memmove(s->buf, s->buf + s->at, s->filled - s->at);
	s->filled -= s->at;
	s->at = 0;
	return true;
}

bool
pcap_sink_room(struct pcap_sink *s, uint32_t len)
{
	const size_t n = RECORD_HEAD + (size_t)len;

	return has_room(s, n);
}

uint8_t *
pcap_sink_append(struct pcap_sink *s, uint32_t len, const struct timespec *ts)
{
	const struct pcap_record head = {
		.sec = (uint32_t)ts->tv_sec,
		.usec = (uint32_t)(ts->tv_nsec / 1000),
		.caplen = len,
		.len = len,
	};
	uint8_t *at = s->buf + s->filled;

	memcpy(at, &head, sizeof(head));
	s->filled += RECORD_HEAD + (size_t)len;
	s->records++;
	return at + RECORD_HEAD;
}

unsigned
pcap_sink_drop(struct pcap_sink *s, bool all, unsigned last, uint64_t *bytes)
{
	unsigned dropped = 0, left = s->records;
	size_t keep = s->at + s->part, at = keep;

	*bytes = 0;
	if (s->part && s->part_is_record) {
		if (all) {
			dropped++;
			*bytes += left <= last ? s->part_len : 0;
		}
		left--;
	}
	for (; at < s->filled; left--) {
		struct pcap_record head;

		memcpy(&head, s->buf + at, sizeof(head));
		*bytes += left <= last ? head.caplen : 0;
		at += RECORD_HEAD + (size_t)head.caplen;
		dropped++;
	}
	s->filled = all ? s->at : keep;
	s->records -= dropped;
	if (all)
		s->part = 0;
	return dropped;
}

/* ---- begin and end ---- */

int
pcap_sink_open(struct pcap_sink *s)
{
	s->buf = malloc(SINK_BYTES);
	return s->buf ? 0 : baton_err(ENOMEM, "tx_pcap=%s: out of memory", s->end.path);
}

int
pcap_sink_begin(struct pcap_sink *s)
{
	const struct pcap_header head = {
		.magic = 0xa1b2c3d4,
		.major = 2,
		.minor = 4,
		.snaplen = PCAP_MAX_FRAME,
		.link = CAPTURE_LINK_ETHERNET,
	};

	struct stat st;

	/* An empty file needs no call that a sandbox may forbid. */
	if (s->end.kind == PCAP_FILE && !(fstat(s->end.fd, &st) == 0 && !st.st_size) &&
	    ftruncate(s->end.fd, 0) < 0)
		return baton_err(errno, "tx_pcap=%s cannot be emptied: %s", s->end.path,
				 strerror(errno));
	memcpy(s->buf, &head, sizeof(head));
	s->filled = s->part = sizeof(head);
	s->part_is_record = false;
	s->began = true;
	return 0;
}

void
pcap_sink_close(struct pcap_sink *s)
{
	struct stat st;

	/* A file that we have made, and that no port ever wrote to, is nobody's. */
	if (s->end.created && !s->began && s->end.fd >= 0 && lstat(s->end.path, &st) == 0 &&
	    st.st_ino == s->end.st.st_ino && st.st_dev == s->end.st.st_dev && !st.st_size)
		unlink(s->end.path);
	pcap_end_close(&s->end);
	free(s->buf);
	s->buf = NULL;
}
