/* SPDX-License-Identifier: BSD-3-Clause */
/* The socket of a vhost-user port: connected to as client, or listened at as server. */
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/limits.h"
#include "virtio/vhost/msg.h"

#define MS 1000000ull

static int
no_socket(const struct vhost_dev *vd, const char *what)
{
	return limits_no_file(what, vd->vu.path, errno);
}

/* ---- connecting ---- */

static void
connected(struct vhost_dev *vd, int fd)
{
	vd->vu.src.fd = fd;
	vhost_end_connected(vd, fd);
	vd->vu.protocol = 0;
	vd->vu.n_regions = 0;
	vd->vu.logged_waiting = 0;
}

/* Whether a backend that is awaited is simply not there yet. */
static bool
is_away(int err)
{
	return err == ENOENT || err == ECONNREFUSED || err == EAGAIN;
}

int
vhost_socket_connect(struct vhost_dev *vd, bool again)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd, err;

	err = vhost_lock_socket(vd);
	if (err < 0)
		return err;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return no_socket(vd, "no socket");
	memcpy(sa.sun_path, vd->vu.path, sizeof(sa.sun_path));
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0) {
		err = errno;
		close(fd);
		vhost_unlock_socket(vd);
		if (again && (is_away(err) || vd->vu.logged_unfit))
			return baton_err(is_away(err) ? ENOENT : err, "cannot connect to %s: %s",
					 vd->vu.path, strerror(err));
		return vhost_path_refused(vd->vu.path, &sa, err);
	}
	connected(vd, fd);
	return 0;
}

/* ---- listening ---- */

/* Remove the socket that we made, unless another one has its path by now. */
void
vhost_socket_remove(struct vhost_dev *vd)
{
	struct stat st;

	if (!lstat(vd->vu.path, &st) && st.st_dev == vd->vu.made_dev &&
	    st.st_ino == vd->vu.made_ino)
		unlink(vd->vu.path);
}

static int
make_socket(struct vhost_dev *vd, int fd, const struct sockaddr_un *sa)
{
	int ret;

	/* bind() gives the file the mode of the descriptor, less the umask. */
	if (vd->vu.mode.mode != VHOST_UNSET)
		fchmod(fd, vd->vu.mode.mode);
	if (bind(fd, (const struct sockaddr *)sa, sizeof(*sa)) < 0)
		return vhost_path_not_made(vd->vu.path, errno);
	ret = vhost_mode_apply(vd);
	if (!ret && listen(fd, 4) < 0)
		ret = baton_err(errno, "cannot listen at %s: %s", vd->vu.path, strerror(errno));
	if (ret < 0)
		vhost_socket_remove(vd);
	return ret;
}

int
vhost_socket_listen(struct vhost_dev *vd)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd, ret;

	memcpy(sa.sun_path, vd->vu.path, sizeof(sa.sun_path));
	ret = vhost_path_clear(vd->vu.path, &sa);
	if (ret < 0)
		return ret;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return no_socket(vd, "no socket");
	ret = make_socket(vd, fd, &sa);
	if (ret < 0) {
		close(fd);
		return ret;
	}
	vd->vu.listener.fd = fd;
	vhost_mode_log(vd);
	return 0;
}

int
vhost_socket_accept(struct vhost_dev *vd)
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
vhost_socket_wait(struct vhost_dev *vd)
{
	uint64_t deadline = ctx_now_ns() + vd->vu.wait_ms * MS, now;
	struct pollfd p = { .fd = vd->vu.listener.fd, .events = POLLIN };
	int ret;

	if (vd->vu.open) /* else it was logged just now */
		vhost_mode_log(vd);
	while ((ret = vhost_socket_accept(vd)) == -EAGAIN) {
		now = ctx_now_ns();
		if (now >= deadline)
			return vhost_nobody_came(vd);
		if (poll(&p, 1, (int)((deadline - now) / MS + 1)) < 0 && errno == EINTR)
			return baton_err(EINTR,
					 "interrupted while waiting for a backend to connect to %s",
					 vd->vu.path);
	}
	return ret;
}
