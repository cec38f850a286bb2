/* SPDX-License-Identifier: BSD-3-Clause */
/* What a thread that polls is woken with: an eventfd, or a pipe where a sandbox forbids those. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "testpmd.h"

bool
wake_open(struct wake *w, const char *who)
{
	int fds[2];

	w->fd = w->writer = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w->fd >= 0)
		return true;
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0) {
		w->fd = fds[0];
		w->writer = fds[1];
		return true;
	}
	complain("%s: nothing to wake it with: %s; %s", who, strerror(errno),
		 errno == EMFILE || errno == ENFILE ? "raise ulimit -n"
						    : "allow eventfd2() or pipe2()");
	return false;
}

void
wake_set(const struct wake *w)
{
	uint64_t one = 1;

	/* It can fail only when there is much to read already. */
	if (w->writer >= 0)
		(void)!write(w->writer, &one, sizeof(one));
}

bool
wake_clear(const struct wake *w)
{
	uint64_t count[64];
	bool any = false;

	while (read(w->fd, count, sizeof(count)) > 0)
		any = true;
	return any;
}

void
wake_close(struct wake *w)
{
	if (w->writer >= 0 && w->writer != w->fd)
		close(w->writer);
	if (w->fd >= 0)
		close(w->fd);
	*w = WAKE_NONE;
}
