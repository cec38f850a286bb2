/* SPDX-License-Identifier: BSD-3-Clause */
/* Files on mounts: of a hugetlbfs, and of a tmpfs where a sandbox forbids memfd_create(). */
#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "mem/os.h"

#define TMPFS     0x01021994
#define HUGETLBFS 0x958458f6

int
mem_mount_room(const struct mem_os *os, const char *mount, uint64_t *room)
{
	struct statfs fs;

	if (statfs(mount, &fs))
		return -errno;
	if ((unsigned long)fs.f_flags & ST_RDONLY)
		return -EROFS;
	/* Without a limit a tmpfs has 0 blocks, and a hugetlbfs 0 or -1. */
	if (!fs.f_blocks || fs.f_blocks == (fsblkcnt_t)-1 ||
	    fs.f_bavail > UINT64_MAX / (uint64_t)fs.f_bsize)
		*room = UINT64_MAX;
	else
		*room = (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize;
	return 0;
}

int
mem_mount_file(const struct mem_os *os, const char *mount)
{
	char path[PATH_MAX];
	int fd = open(mount, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	/*
	 * A kernel whose hugetlbfs lacks O_TMPFILE takes this for opening a directory for writing.
	 */
	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
		return fd < 0 ? -errno : fd;
	if (snprintf(path, sizeof(path), "%s/baton-XXXXXX", mount) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	/*
	 * A process that is killed before the unlink leaves a file of 0 bytes, which holds no page.
	 */
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	unlink(path);
	return fd;
}

/* What is looked for, and what was found so far. */
struct search {
	uint64_t page_size; /* of a hugetlbfs; 0: a tmpfs */
	size_t bytes;
	uint64_t most; /* the room of `where` */
	char *where;
	bool any;
};

/* Return: a file; -ENODEV: this mount is not a right one. */
static int
try_mount(const struct mem_os *os, struct search *s, const char *mount)
{
	struct statfs fs;
	uint64_t room = 0;
	int fd;

	if (!mount || statfs(mount, &fs) || strlen(mount) >= PATH_MAX)
		return -ENODEV;
	if (s->page_size ? fs.f_type != HUGETLBFS || (uint64_t)fs.f_bsize != s->page_size
			 : fs.f_type != TMPFS)
		return -ENODEV;
	if (mem_mount_room(os, mount, &room) || access(mount, W_OK | X_OK))
		return -ENODEV;
	if (!s->any || room > s->most) {
		s->any = true;
		s->most = room;
		strcpy(s->where, mount);
	}
	if (room < s->bytes)
		return -ENODEV;
	fd = mem_mount_file(os, mount);
	if (fd >= 0)
		strcpy(s->where, mount);
	return fd < 0 ? -ENODEV : fd;
}

int
mem_any_file(const struct mem_os *os, uint64_t page_size, size_t bytes, char where[PATH_MAX])
{
	static const char *const usual[] = { "/dev/shm", "/run", "/tmp", "/var/tmp" };
	struct search s = { .page_size = page_size, .bytes = bytes, .where = where };
	char path[256], text[PATH_MAX];
	struct mntent entry;
	int fd = -ENODEV;
	FILE *f;

	where[0] = 0;
	for (unsigned i = 0; !page_size && fd < 0 && i < sizeof(usual) / sizeof(usual[0]); i++)
		fd = try_mount(os, &s, usual[i]);
	if (!page_size && fd < 0)
		fd = try_mount(os, &s, getenv("XDG_RUNTIME_DIR"));
	if (page_size && fd < 0)
		fd = try_mount(os, &s, "/dev/hugepages");
	snprintf(path, sizeof(path), "%s/self/mounts", os->proc);
	f = fd < 0 ? setmntent(path, "re") : NULL;
	while (f && fd < 0 && getmntent_r(f, &entry, text, sizeof(text)))
		if (!strcmp(entry.mnt_type, page_size ? "hugetlbfs" : "tmpfs"))
			fd = try_mount(os, &s, entry.mnt_dir);
	if (f)
		endmntent(f);
	return fd < 0 && s.any ? -ENOSPC : fd;
}
