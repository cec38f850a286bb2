/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/event.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/err.h"
#include "base/limits.h"

/*
 * The kernel gives it a name that nobody else has, in the abstract namespace. Once it is connected
 * to itself, nobody else can send to it.
 */
static int
open_socket(void)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	socklen_t len = offsetof(struct sockaddr_un, sun_path);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), size = 1;

	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&name, len) ||
	    (len = sizeof(name), getsockname(fd, (struct sockaddr *)&name, &len)) ||
	    connect(fd, (struct sockaddr *)&name, len)) {
		int err = errno;

		close(fd);
		return -err;
	}
	/* One event stands for all: the kernel's least room is a few. */
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	return fd;
}

static int
failed(const char *who, int err)
{
	struct text why = { 0 };

	limits_files(&why, err);
	if (limits_forbidden(err))
		return baton_err(err, "%s: eventfd2 is forbidden here (%s)", who, why.text);
	return baton_err(err, "%s: no descriptor for events: %s", who, why.text);
}

int
event_open_real(const char *who)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	return fd < 0 ? failed(who, errno) : fd;
}

int
event_open(const char *who)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), err = errno;

	if (fd >= 0)
		return fd;
	if (err != EMFILE && err != ENFILE && err != ENOMEM)
		fd = open_socket();
	return fd >= 0 ? fd : failed(who, fd == -EMFILE || fd == -ENFILE ? -fd : err);
}
