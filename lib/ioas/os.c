/* SPDX-License-Identifier: BSD-3-Clause */
#include "ioas/os.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <linux/capability.h>

#include "base/page.h"

static void *
host_alloc(const struct ioas_os *os, size_t bytes)
{
	return calloc(1, bytes);
}

static int
host_open(const struct ioas_os *os, const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static void
host_close(const struct ioas_os *os, int fd)
{
	close(fd);
}

static int
node_of(int ret, const struct stat *st, struct ioas_node *out)
{
	if (ret < 0)
		return -errno;
	*out = (struct ioas_node){ st->st_mode, st->st_uid, st->st_gid, major(st->st_rdev),
				   minor(st->st_rdev) };
	return 0;
}

static int
host_stat(const struct ioas_os *os, const char *path, struct ioas_node *out)
{
	struct stat st;

	return node_of(stat(path, &st), &st, out);
}

static int
host_fstat(const struct ioas_os *os, int fd, struct ioas_node *out)
{
	struct stat st;

	return node_of(fstat(fd, &st), &st, out);
}

static int
host_ioctl(const struct ioas_os *os, int fd, unsigned long request, void *arg)
{
	int ret;

	do {
		ret = ioctl(fd, request, arg);
	} while (ret < 0 && errno == EINTR);
	return ret < 0 ? -errno : ret;
}

static int
host_link(const struct ioas_os *os, const char *path, bool whole, char out[IOAS_ROOM])
{
	char target[4096];
	const char *from = target, *slash;
	ssize_t n = readlink(path, target, sizeof(target) - 1);

	if (n < 0)
		return -errno;
	target[n] = 0;
	slash = strrchr(target, '/');
	if (!whole && slash)
		from = slash + 1;
	if (strlen(from) >= IOAS_ROOM)
		return -ENAMETOOLONG;
	strcpy(out, from);
	return 0;
}

static int
host_list(const struct ioas_os *os, const char *path, int (*each)(void *arg, const char *name),
	  void *arg)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int ret = 0;

	if (!dir)
		return -errno;
	while (!ret && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			ret = each(arg, entry->d_name);
	closedir(dir);
	return ret;
}

static int
host_read(const struct ioas_os *os, const char *path, char *out, size_t room)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;
	int err;

	if (fd < 0)
		return -errno;
	n = read(fd, out, room - 1);
	err = errno;
	close(fd);
	if (n < 0)
		return -err;
	if (n && out[n - 1] == '\n')
		n--;
	out[n] = 0;
	return (int)n;
}

static uint64_t
bytes_of(rlim_t limit)
{
	return limit == RLIM_INFINITY ? UINT64_MAX : limit;
}

static int
host_memlock(const struct ioas_os *os, uint64_t *soft, uint64_t *hard)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit))
		return -errno;
	*soft = bytes_of(limit.rlim_cur);
	*hard = bytes_of(limit.rlim_max);
	return 0;
}

/*
 * CAP_IPC_LOCK counts in the first user namespace only. In another namespace it exempts from
 * nothing.
 */
static bool
host_ipc_lock(const struct ioas_os *os)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };
	unsigned long inside, outside, count;
	char map[128];

	if (syscall(SYS_capget, &head, data) ||
	    !(data[CAP_TO_INDEX(CAP_IPC_LOCK)].effective & CAP_TO_MASK(CAP_IPC_LOCK)))
		return false;
	if (host_read(os, "/proc/self/uid_map", map, sizeof(map)) < 0)
		return true; /* a kernel without user namespaces */
	return sscanf(map, "%lu %lu %lu", &inside, &outside, &count) == 3 && !inside && !outside &&
	       count == 0xffffffff;
}

static unsigned
host_uid(const struct ioas_os *os)
{
	return getuid();
}

static int
host_lock(const struct ioas_os *os, void *va, size_t bytes)
{
	return mlock(va, bytes) ? -errno : 0;
}

static int
host_unlock(const struct ioas_os *os, void *va, size_t bytes)
{
	return munlock(va, bytes) ? -errno : 0;
}

static int
host_pagemap(const struct ioas_os *os, int fd, const void *va, uint64_t *entry)
{
	off_t at = (off_t)((uintptr_t)va / page_bytes() * sizeof(*entry));
	ssize_t n = pread(fd, entry, sizeof(*entry), at);

	if (n < 0)
		return -errno;
	return n == sizeof(*entry) ? 0 : -EIO;
}

const struct ioas_os ioas_os_host = {
	.alloc = host_alloc,
	.open = host_open,
	.close = host_close,
	.stat = host_stat,
	.fstat = host_fstat,
	.ioctl = host_ioctl,
	.link = host_link,
	.list = host_list,
	.read = host_read,
	.memlock = host_memlock,
	.ipc_lock = host_ipc_lock,
	.uid = host_uid,
	.lock = host_lock,
	.unlock = host_unlock,
	.pagemap = host_pagemap,
	.page = 0, /* sysconf() is asked: on some architectures the kernel's configuration decides
		    */
#if defined(__x86_64__) || defined(__i386__) || defined(__s390x__) || defined(__powerpc64__)
	.coherent = true,
#endif
};
