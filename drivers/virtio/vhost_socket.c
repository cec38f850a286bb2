/* SPDX-License-Identifier: BSD-3-Clause */
/* The socket of a vhost-user port: one user a path, connected to as client, or listened at as
 * server. */
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "vhost_msg.h"

#define MS 1000000ull

static int
no_socket(const struct virtio_dev *vd, const char *what)
{
	return baton_err(errno, "%s for %s: %s; if descriptors ran out, raise `ulimit -n`", what,
			 vd->vu.path, strerror(errno));
}

/*
 * One user a path: an abstract socket is bound for as long as we have the port, and is gone with
 * the process. Its name is made of the directory and the file's name, which stay the same when a
 * backend makes its socket anew.
 */
int
vhost_socket_lock(struct virtio_dev *vd)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	const char *slash = strrchr(vd->vu.path, '/'), *base = slash ? slash + 1 : vd->vu.path;
	uint64_t hash = 0xcbf29ce484222325ull; /* FNV-1a */
	char dir[sizeof(vd->vu.path)] = ".";
	struct stat st;
	int len;

	if (slash)
		snprintf(dir, sizeof(dir), "%.*s", (int)(slash - vd->vu.path), vd->vu.path);
	if (stat(slash == vd->vu.path ? "/" : dir, &st) < 0)
		return baton_err(errno, "no directory %s for the socket: %s", dir, strerror(errno));
	for (const char *c = base; *c; c++)
		hash = (hash ^ (uint8_t)*c) * 0x100000001b3ull;
	len = snprintf(sa.sun_path + 1, sizeof(sa.sun_path) - 1, "baton-vhost-user-%llx-%llx-%llx",
		       (unsigned long long)st.st_dev, (unsigned long long)st.st_ino,
		       (unsigned long long)hash);
	vd->vu.lock_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (vd->vu.lock_fd < 0)
		return no_socket(vd, "no socket");
	if (!bind(vd->vu.lock_fd, (struct sockaddr *)&sa,
		  (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len)))
		return 0;
	if (errno == EADDRINUSE)
		return baton_err(EBUSY,
				 "%s is in use by another port, of this program or another: give "
				 "this one a "
				 "socket of its own",
				 vd->vu.path);
	return no_socket(vd, "no lock");
}

/* ---- connecting ---- */

static int
connect_error(struct virtio_dev *vd, int err)
{
	const char *path = vd->vu.path;

	if (err == ENOENT)
		return baton_err(err,
				 "no socket at %s: start the vhost-user backend first (with DPDK: "
				 "dpdk-testpmd "
				 "--vdev=net_vhost0,iface=%s), or let it connect to us with "
				 "server=1",
				 path, path);
	if (err == ECONNREFUSED)
		return baton_err(err, "nobody listens at %s: its backend has ended; start it again",
				 path);
	if (err == EAGAIN)
		return baton_err(ETIMEDOUT,
				 "the backend at %s accepts no connection: its queue of them is "
				 "full",
				 path);
	return baton_err(err, "cannot connect to %s: %s", path, strerror(err));
}

static void
connected(struct virtio_dev *vd, int fd)
{
	vd->vu.src.fd = fd;
	vhost_end_connected(vd, fd);
	vd->vu.protocol = 0;
	vd->vu.n_regions = 0;
	vd->vu.logged_waiting = 0;
}

int
vhost_socket_connect(struct virtio_dev *vd)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd, err;

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return no_socket(vd, "no socket");
	memcpy(sa.sun_path, vd->vu.path, sizeof(sa.sun_path));
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0) {
		err = errno;
		close(fd);
		return connect_error(vd, err);
	}
	connected(vd, fd);
	return 0;
}

/* Remove a socket file that nobody listens at, which a program that was killed has left. */
static int
clear_path(struct virtio_dev *vd, const struct sockaddr_un *sa)
{
	struct stat st;
	int fd, ret;

	if (lstat(vd->vu.path, &st) < 0)
		return errno == ENOENT ? 0
				       : baton_err(errno, "%s: %s", vd->vu.path, strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return baton_err(EEXIST,
				 "%s exists and is no socket: give another path, or remove it",
				 vd->vu.path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return no_socket(vd, "no socket");
	ret = connect(fd, (const struct sockaddr *)sa, sizeof(*sa));
	close(fd);
	if (!ret || errno != ECONNREFUSED)
		return baton_err(EADDRINUSE,
				 "another program listens at %s: leave server=1 out to connect to "
				 "it, or "
				 "give another path",
				 vd->vu.path);
	unlink(vd->vu.path);
	return 0;
}

int
vhost_socket_listen(struct virtio_dev *vd)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd, ret;

	memcpy(sa.sun_path, vd->vu.path, sizeof(sa.sun_path));
	ret = clear_path(vd, &sa);
	if (ret < 0)
		return ret;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return no_socket(vd, "no socket");
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 || listen(fd, 4) < 0) {
		ret = baton_err(errno, "cannot listen at %s: %s", vd->vu.path, strerror(errno));
		close(fd);
		return ret;
	}
	vd->vu.listener.fd = fd;
	return 0;
}

int
vhost_socket_accept(struct virtio_dev *vd)
{
	int fd = accept4(vd->vu.listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return errno == EAGAIN || errno == EINTR || errno == ECONNABORTED
			       ? -EAGAIN
			       : no_socket(vd, "no connection");
	connected(vd, fd);
	return 0;
}

/* Wait for a backend to connect, or for a signal. */
int
vhost_socket_wait(struct virtio_dev *vd)
{
	uint64_t deadline = ctx_now_ns() + vd->vu.wait_ms * MS, now;
	struct pollfd p = { .fd = vd->vu.listener.fd, .events = POLLIN };
	int ret = -EAGAIN, logged = 0;

	while ((ret = vhost_socket_accept(vd)) == -EAGAIN) {
		now = ctx_now_ns();
		if (now >= deadline)
			return baton_err(ETIMEDOUT,
					 "no backend connected to %s within %u ms (argument "
					 "wait=MS waits "
					 "longer)",
					 vd->vu.path, vd->vu.wait_ms);
		if (poll(&p, 1, logged ? (int)((deadline - now) / MS + 1) : 200) < 0 &&
		    errno == EINTR)
			return baton_err(EINTR,
					 "interrupted while waiting for a backend to connect to %s",
					 vd->vu.path);
		if (!p.revents && !logged)
			baton_log(vd->port.ctx, BATON_LOG_INFO,
				  "%s: waiting for a backend to connect to %s", vd->port.name,
				  vd->vu.path);
		logged = 1;
	}
	return ret;
}
