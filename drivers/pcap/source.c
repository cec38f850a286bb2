/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bytes of a capture, read by a worker that must never wait.
 *
 * A file's bytes are taken from the page cache; what is not there is asked for, and is there in a
 * later burst. Where the file system cannot tell (NFS, FUSE), or the page cache keeps nothing for
 * PATIENCE_NS, as in a tiny memory control group, READ_WAIT bytes are read and waited for.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "pcap_port.h"

#define SOURCE_BYTES (512u << 10)
#define READ_BYTES   (128u << 10)
#define READ_WAIT    (64u << 10)
#define AHEAD_BYTES  (2 << 20)
#define PATIENCE_NS  100000000ull

_Static_assert(SOURCE_BYTES >= CAPTURE_WINDOW + READ_BYTES, "a read fits beside any record");

int
pcap_source_open(struct pcap_source *s)
{
	s->buf = malloc(SOURCE_BYTES);
	if (!s->buf)
		return baton_err(ENOMEM, "rx_pcap=%s: out of memory", s->end.path);
	/* Somebody else's descriptor goes on from where it is. */
	s->base = s->end.kind == PCAP_FILE && s->end.number >= 0 ? lseek(s->end.number, 0, SEEK_CUR)
								 : 0;
	if (s->base < 0)
		s->base = 0;
	pcap_source_rewind(s);
	return 0;
}

void
pcap_source_close(struct pcap_source *s)
{
	pcap_end_close(&s->end);
	free(s->buf);
	s->buf = NULL;
}

void
pcap_source_rewind(struct pcap_source *s)
{
	s->pos = s->advised = s->base;
	s->at = s->filled = 0;
	s->ended = false;
	s->since = 0;
}

bool
pcap_source_skip(struct pcap_source *s, uint64_t n)
{
	if (s->end.kind != PCAP_FILE || s->at != s->filled || n > INT64_MAX - (uint64_t)s->pos)
		return false;
	s->pos += (off_t)n;
	return true;
}

/* Ask the kernel for what comes next. */
static void
read_ahead(struct pcap_source *s, bool again)
{
	if (again || s->advised < s->pos)
		s->advised = s->pos;
	if (s->advised - s->pos > AHEAD_BYTES / 2)
		return;
	posix_fadvise(s->end.fd, s->advised, AHEAD_BYTES, POSIX_FADV_WILLNEED);
	s->advised += AHEAD_BYTES;
}

static ssize_t
read_file(struct pcap_source *s, uint8_t *to, size_t n)
{
	const struct iovec iov = { to, n };
	uint64_t now;
	ssize_t ret;

	if (!s->blocks) {
		ret = preadv2(s->end.fd, &iov, 1, s->pos, RWF_NOWAIT);
		if (ret >= 0) {
			s->since = 0;
			return ret;
		}
		if (errno == EINTR)
			return -EAGAIN;
		if (errno != EAGAIN)
			s->blocks = true; /* a plain read has the answer */
	}
	if (!s->blocks) {
		now = ctx_now_ns();
		read_ahead(s, !s->since);
		if (!s->since)
			s->since = now;
		if (now - s->since < PATIENCE_NS)
			return -EAGAIN;
		s->since = 0;
	}
	ret = pread(s->end.fd, to, n < READ_WAIT ? n : READ_WAIT, s->pos);
	return ret < 0 ? -errno : ret;
}

/* A descriptor that others have, too: its flags stay, and a read must be certain to find something.
 */
static ssize_t
read_shared(struct pcap_source *s, uint8_t *to, size_t n)
{
	struct pollfd p = { .fd = s->end.fd, .events = POLLIN };
	const struct iovec iov = { to, n };
	int there = 0;
	ssize_t ret;

	if (poll(&p, 1, 0) <= 0 || !p.revents)
		return -EAGAIN;
	ret = preadv2(s->end.fd, &iov, 1, -1, RWF_NOWAIT);
	if (ret >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL))
		return ret < 0 ? -errno : ret;
	/* A pipe says how much it has, so that nobody waits for more. */
	if (ioctl(s->end.fd, FIONREAD, &there) == 0 && there > 0 && (size_t)there < n)
		n = (size_t)there;
	ret = read(s->end.fd, to, n);
	return ret < 0 ? -errno : ret;
}

/*
 * A FIFO that had no writer yet reads as if it had ended. It ends when its last writer closes it,
 * and has nothing left then: a writer may have come and gone since the read that found nothing.
 */
static bool
is_over(const struct pcap_source *s)
{
	struct pollfd p = { .fd = s->end.fd, .events = POLLIN };

	return !S_ISFIFO(s->end.st.st_mode) || (poll(&p, 1, 0) > 0 && p.revents == POLLHUP);
}

static ssize_t
read_some(struct pcap_source *s, uint8_t *to, size_t n)
{
	ssize_t ret;

	switch (s->end.kind) {
	case PCAP_FILE:
		return read_file(s, to, n);
	case PCAP_SHARED:
		return read_shared(s, to, n);
	case PCAP_SOCKET:
		ret = recv(s->end.fd, to, n, MSG_DONTWAIT);
		break;
	default:
		ret = read(s->end.fd, to, n);
		break;
	}
	return ret < 0 ? -errno : ret;
}

ssize_t
pcap_source_fill(struct pcap_source *s)
{
	ssize_t ret;

	if (s->ended)
		return PCAP_END;
	if (s->at == s->filled)
		s->at = s->filled = 0;
	if (SOURCE_BYTES - s->filled < READ_BYTES) {
		memmove(s->buf, s->buf + s->at, s->filled - s->at);
		s->filled -= s->at;
		s->at = 0;
	}
	ret = read_some(s, s->buf + s->filled, READ_BYTES);
	if (ret == -EAGAIN || ret == -EINTR)
		return 0;
	if (ret < 0)
		return ret;
	if (ret) {
		s->filled += (size_t)ret;
		s->pos += ret;
		return ret;
	}
	if (!is_over(s))
		return 0;
	s->ended = true;
	return PCAP_END;
}
