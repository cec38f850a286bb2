/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a backend can do to the files that it received, besides writing to them.
 *
 * Baton's arenas are sealed, so that nobody can truncate them. One warning is logged for memory
 * that is not sealed. No seal prevents holes in memory that the backend must write, so Baton looks
 * for them. Private records and the validation of rings protect against holes; this code only
 * reports them.
 *
 * Baton looks from time to time, because inotify does not report memfds. A hole that was written
 * again before Baton looks is not found.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "virtio/vhost/msg.h"

#define POLL_MS 200

static struct vhost_dev *
dev_of_timer(struct ctx_timer *timer)
{
	return (struct vhost_dev *)(void *)((char *)timer -
					    offsetof(struct vhost_dev, vu.files.poll));
}

/* ---- seals ---- */

/*
 * Whether a file cannot be truncated. The buffer of a DMA heap cannot be sealed, but its size is
 * fixed.
 */
static bool
has_fixed_size(int fd)
{
	char link[32], to[16] = "";

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return readlink(link, to, sizeof(to) - 1) > 0 && !strncmp(to, "/dmabuf", 7);
}

static void
warn_unsealed(struct vhost_dev *vd)
{
	const struct baton_mapping *m = NULL;
	struct ioas_entry e;

	if (vd->vu.files.warned_unsealed)
		return;
	while ((m = ioas_next(vd->virtio.nic.port.reach.ioas, m, &e))) {
		int seals = fcntl(e.fd, F_GET_SEALS);

		if ((seals >= 0 && seals & F_SEAL_SHRINK) || has_fixed_size(e.fd))
			continue;
		baton_log(vd->virtio.nic.port.ctx, BATON_LOG_WARN,
			  "%s: the file of %s is not sealed: the backend at %s could truncate it, "
			  "and this program would end at the next touch of it (SIGBUS); use a "
			  "memfd with F_SEAL_SHRINK, as Baton's own arenas are where memfds may be "
			  "created and sealed",
			  vd->virtio.nic.port.name, e.name, vd->vu.sock.path);
		vd->vu.files.warned_unsealed = 1;
	}
}

/* ---- holes ---- */

static void
report(struct vhost_dev *vd, const struct ioas_entry *e, const struct stat *st, uint64_t lost)
{
	struct vhost_files *files = &vd->vu.files;
	bool cut = (uint64_t)st->st_size < e->fd_offset + e->bytes;

	files->holes++;
	if (files->holes & (files->holes - 1))
		return;
	baton_log(vd->virtio.nic.port.ctx, BATON_LOG_WARN,
		  "%s: %llu KiB of %s are gone, which the backend at %s was given: %s; stop using "
		  "that backend",
		  vd->virtio.nic.port.name, (unsigned long long)lost / 1024, e->name,
		  vd->vu.sock.path,
		  cut ? "its file was truncated, and touching what is cut off ends this program "
			"(SIGBUS)"
		      : "somebody punched a hole into its file, and what was there is zeros now");
}

/* Whether another mapping has the same file, and was counted already. */
static bool
seen(const struct vhost_files *files, uint32_t n, const struct stat *st)
{
	for (uint32_t i = 0; i < n; i++)
		if (files->file[i].dev == st->st_dev && files->file[i].ino == st->st_ino)
			return true;
	return false;
}

/* Record the number of pages; from the second time on, report pages that are missing. */
static void
check_files(struct vhost_dev *vd, bool first)
{
	struct vhost_files *files = &vd->vu.files, before = *files;
	const struct baton_mapping *m = NULL;
	struct ioas_entry e;
	struct stat st;

	files->n = 0;
	while ((m = ioas_next(vd->virtio.nic.port.reach.ioas, m, &e)) &&
	       files->n < VHOST_MAX_REGIONS) {
		if (fstat(e.fd, &st) < 0 || seen(files, files->n, &st))
			continue;
		files->file[files->n].dev = st.st_dev;
		files->file[files->n].ino = st.st_ino;
		files->file[files->n++].blocks = (uint64_t)st.st_blocks;
		for (uint32_t i = 0; !first && i < before.n; i++)
			if (before.file[i].dev == st.st_dev && before.file[i].ino == st.st_ino &&
			    before.file[i].blocks > (uint64_t)st.st_blocks)
				report(vd, &e, &st,
				       (before.file[i].blocks - (uint64_t)st.st_blocks) * 512);
	}
}

static void
due(struct ctx_timer *timer)
{
	struct vhost_dev *vd = dev_of_timer(timer);

	if (!vd->virtio.nic.port.reach.ioas)
		return;
	check_files(vd, false);
	if (vd->vu.files.n)
		ctx_timer_set(vd->virtio.nic.port.ctx, timer, POLL_MS);
}

void
vhost_files_given(struct vhost_dev *vd)
{
	warn_unsealed(vd);
	check_files(vd, true);
	vd->vu.files.poll.due = due;
	ctx_timer_set(vd->virtio.nic.port.ctx, &vd->vu.files.poll, POLL_MS);
}

void
vhost_files_close(struct vhost_dev *vd)
{
	ctx_timer_cancel(vd->virtio.nic.port.ctx, &vd->vu.files.poll);
}
