/* SPDX-License-Identifier: BSD-3-Clause */
/* The ends of a local socket: connected to as client, or listened at as server. */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctx/ctx.h"
#include "sock/internal.h"

#define MS 1000000ull

void
sock_init(struct sock *s, const struct baton_ctx *ctx, const char *user,
	  const struct sock_peer *peer)
{
	*s = (struct sock){ .ctx = ctx, .user = user, .peer = peer };
	s->table = s->dir = s->name = -1;
	s->key = -1;
	s->mode = s->group = s->owner = SOCK_UNSET;
}

/* The socket, and its address. Return: a descriptor; a negative errno. */
static int
make(const struct sock *s, struct sockaddr_un *sa)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	*sa = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(sa->sun_path, s->path, sizeof(sa->sun_path));
	return fd < 0 ? limits_no_file("no socket", s->path, errno) : fd;
}

/* Whether a peer that is awaited is simply not there yet. */
static bool
is_away(int err)
{
	return err == ENOENT || err == ECONNREFUSED || err == EAGAIN;
}

int
sock_connect(struct sock *s, bool awaited, int *fd)
{
	struct sockaddr_un sa;
	int ret = sock_lock_peer(s), err;

	if (ret < 0 || (ret = make(s, &sa)) < 0)
		return ret;
	if (!connect(ret, (struct sockaddr *)&sa, sizeof(sa))) {
		s->explained = false;
		*fd = ret;
		return 0;
	}
	err = errno;
	close(ret);
	sock_unlock_peer(s);
	if (awaited && (is_away(err) || s->explained))
		return baton_err(is_away(err) ? ENOENT : err, "cannot connect to %s: %s", s->path,
				 strerror(err));
	s->explained = true;
	return sock_refused(s, &sa, err);
}

int
sock_listen(struct sock *s, int *fd)
{
	struct sockaddr_un sa;
	int new = make(s, &sa), ret;

	if (new < 0)
		return new;
	ret = sock_clear(s, &sa);
	if (!ret)
		ret = sock_bind(s, new, &sa);
	if (!ret && listen(new, 4) < 0) {
		ret = baton_err(errno, "cannot listen at %s: %s", s->path, strerror(errno));
		sock_remove(s);
	}
	if (ret < 0) {
		close(new);
		return ret;
	}
	*fd = new;
	return 0;
}

int
sock_accept(const struct sock *s, int listener, int *fd)
{
	int new = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (new < 0)
		return errno == EAGAIN || errno == EINTR || errno == ECONNABORTED
			       ? -EAGAIN
			       : limits_no_file("no connection", s->path, errno);
	*fd = new;
	return 0;
}

int
sock_wait(const struct sock *s, int listener, unsigned ms, int *fd)
{
	const uint64_t deadline = ctx_now_ns() + ms * MS;
	struct pollfd p = { .fd = listener, .events = POLLIN };
	sigset_t all, before;
	int ret;

	/* A signal that comes as soon as the line is logged ends the wait, too. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	sock_log_server(s);
	while ((ret = sock_accept(s, listener, fd)) == -EAGAIN) {
		const uint64_t now = ctx_now_ns(), left = now < deadline ? deadline - now : 0;
		const struct timespec wait = { .tv_sec = (time_t)(left / (1000 * MS)),
					       .tv_nsec = (long)(left % (1000 * MS)) };

		if (!left) {
			ret = sock_nobody_came(s, ms);
			break;
		}
		if (ppoll(&p, 1, &wait, &before) < 0 && errno == EINTR) {
			ret = baton_err(EINTR,
					"interrupted while waiting for a %s to connect to %s",
					s->peer->name, s->path);
			break;
		}
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return ret;
}

void
sock_close(struct sock *s, int *fd)
{
	if (*fd < 0)
		return;
	close(*fd);
	*fd = -1;
	sock_unlock_peer(s);
}
