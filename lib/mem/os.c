/* SPDX-License-Identifier: BSD-3-Clause */
#include "mem/os.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <numa.h>
#include <numaif.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/memfd.h>

#include "base/limits.h"
#include "base/page.h"
#include "mem/uapi.h"

#ifdef BATON_HAVE_HUGETLBFS
#include <hugetlbfs.h>
#endif

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MAP_HUGE_SHIFT
#define MAP_HUGE_SHIFT 26
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

#define MAX_NODES 1024 /* the most that a kernel can be built for */
#define LONG_BITS (sizeof(long) * CHAR_BIT)

static int
host_max_node(const struct mem_os *os)
{
	return numa_available() < 0 ? 0 : numa_max_node();
}

static int
host_node_has_memory(const struct mem_os *os, int node)
{
	if (numa_available() < 0)
		return node == 0;
	return node >= 0 && node <= numa_max_node() && numa_node_size64(node, NULL) > 0;
}

static void *
host_alloc(const struct mem_os *os, size_t bytes)
{
	return calloc(1, bytes);
}

static int
host_memfd(const struct mem_os *os, const char *name, uint64_t page_size)
{
	unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd;

	if (page_size)
		flags |= MFD_HUGETLB | (unsigned)__builtin_ctzll(page_size) << MFD_HUGE_SHIFT;
	/* vm.memfd_noexec=2 requires this flag, and kernels before 6.3 refuse it. */
	fd = memfd_create(name, flags | MFD_NOEXEC_SEAL);
	if (fd < 0 && errno == EINVAL)
		fd = memfd_create(name, flags);
	return fd < 0 ? -errno : fd;
}

static int
host_mount_page(const struct mem_os *os, const char *mount, uint64_t *page_size)
{
#ifdef BATON_HAVE_HUGETLBFS
	struct statfs fs;
	int is = hugetlbfs_test_path(mount);

	if (is == 0)
		return -ENODEV;
	/* libhugetlbfs does not export the page size of a mount. */
	if (is < 0 || statfs(mount, &fs))
		return -errno;
	*page_size = (uint64_t)fs.f_bsize;
	return 0;
#else
	return -EOPNOTSUPP;
#endif
}

int
mem_heap_alloc(const char *path, const char *name, size_t bytes)
{
	struct uapi_dma_heap_allocation_data data = { .len = bytes,
						      .fd_flags = O_RDWR | O_CLOEXEC };
	char shown[UAPI_DMA_BUF_NAME_LEN];
	int ret, heap = open(path, O_RDONLY | O_CLOEXEC);

	if (heap < 0)
		return errno == ENOENT || errno == ENXIO ? -ENODEV : -errno;
	ret = ioctl(heap, UAPI_DMA_HEAP_IOCTL_ALLOC, &data) ? -errno : (int)data.fd;
	close(heap);
	if (ret < 0)
		return ret;
	/* The name is for /proc/PID/maps, and kernels before 5.3 do not have it. */
	snprintf(shown, sizeof(shown), "%s", name);
	(void)ioctl(ret, UAPI_DMA_BUF_SET_NAME, shown);
	return ret;
}

static int
host_cc_shared(const struct mem_os *os, const char *name, size_t bytes)
{
	return mem_heap_alloc(MEM_CC_HEAP, name, bytes);
}

bool
mem_is_refusal(int ret)
{
	return limits_forbidden(-ret) || ret == -EOPNOTSUPP;
}

static uint64_t
host_file_limit(const struct mem_os *os)
{
	return limits_file_size();
}

static int
host_resize(const struct mem_os *os, int fd, size_t bytes)
{
	int ret = ftruncate(fd, (off_t)bytes) ? -errno : 0;

	/* This allocates pages as well, which populate() does anyway. */
	return mem_is_refusal(ret) && !fallocate(fd, 0, 0, (off_t)bytes) ? 0 : ret;
}

static int
host_seal(const struct mem_os *os, int fd)
{
	return fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) ? -errno : 0;
}

static int
host_map(const struct mem_os *os, int fd, size_t bytes, void **base)
{
	/* MAP_POPULATE would hide failures. mmap() reserves hugepages in any case. */
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		return -errno;
	*base = p;
	return 0;
}

static int
host_map_anonymous(const struct mem_os *os, uint64_t page_size, size_t bytes, void **base)
{
	int flags = MAP_SHARED | MAP_ANONYMOUS;
	void *p;

	if (page_size)
		flags |= MAP_HUGETLB | __builtin_ctzll(page_size) << MAP_HUGE_SHIFT;
	p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
	if (p == MAP_FAILED)
		return -errno;
	*base = p;
	return 0;
}

/*
 * numa_tonode_memory() only prefers the node, unless a process-wide switch is set, and it prints
 * errors in place of returning them.
 */
static int
host_bind(const struct mem_os *os, void *base, size_t bytes, int node)
{
	unsigned long mask[MAX_NODES / LONG_BITS] = { 0 };

	if (node < 0 || node >= MAX_NODES)
		return -EINVAL;
	mask[(size_t)node / LONG_BITS] = 1ul << ((size_t)node % LONG_BITS);
	/* The kernel reads one bit less than it is told. */
	return mbind(base, bytes, MPOL_BIND, mask, MAX_NODES + 1, 0) ? -errno : 0;
}

/* read() writes the pages inside the kernel, where a page that is missing is EFAULT. */
int
mem_populate_by_read(void *base, size_t bytes)
{
	int ret = 0, zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	char *at = base;

	if (zero < 0)
		return -errno;
	while (bytes && !ret) {
		ssize_t n = read(zero, at, bytes < (1u << 30) ? bytes : 1u << 30);

		if (n > 0) {
			at += n;
			bytes -= (size_t)n;
		} else if (n == 0 || errno != EINTR) {
			ret = n ? -errno : -EIO;
		}
	}
	close(zero);
	return ret;
}

int
mem_populate_by_pipe(void *base, size_t bytes, size_t step)
{
	static const char zeros[128];
	struct iovec at[sizeof(zeros)];
	int ret = 0, ends[2];

	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	for (size_t done = 0; done < bytes && !ret;) {
		size_t n = 0;
		ssize_t got;

		for (; n < sizeof(zeros) && done + n * step < bytes; n++)
			at[n] = (struct iovec){ (char *)base + done + n * step, 1 };
		if (write(ends[1], zeros, n) != (ssize_t)n) {
			ret = errno ? -errno : -EIO;
			break;
		}
		got = readv(ends[0], at, (int)n);
		/* A page that is missing ends it early, or at once. */
		if (got < 0)
			ret = -errno;
		else if ((size_t)got < n)
			ret = -EFAULT;
		done += n * step;
	}
	close(ends[0]);
	close(ends[1]);
	return ret;
}

static int
host_populate(const struct mem_os *os, void *base, size_t bytes)
{
	int ret;

	do {
		ret = madvise(base, bytes, MADV_POPULATE_WRITE) ? -errno : 0;
	} while (ret == -EINTR || ret == -EAGAIN);
	if (ret != -EINVAL && !mem_is_refusal(ret))
		return ret;
	ret = mem_populate_by_read(base, bytes);
	if (ret != -ENOENT && ret != -ENODEV && ret != -ENXIO && !mem_is_refusal(ret))
		return ret;
	return mem_populate_by_pipe(base, bytes, page_bytes());
}

static int
host_reopen(const struct mem_os *os, int fd, int flags)
{
	char path[40];
	int ret;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ret = open(path, flags | O_CLOEXEC);
	return ret < 0 ? -errno : ret;
}

static int
host_lease(const struct mem_os *os, int fd)
{
	/* See mem/holder.h: SIGURG is ignored by default, and harmless when it is not expected. */
	if (fcntl(fd, F_SETSIG, SIGURG) < 0 || fcntl(fd, F_SETLEASE, F_RDLCK) < 0)
		return -errno;
	return fcntl(fd, F_SETLEASE, F_UNLCK) < 0 ? -ENOTRECOVERABLE : 0;
}

static int
host_lock(const struct mem_os *os, int fd, uint64_t byte)
{
	struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_len = 1 };

	lock.l_start = (off_t)byte;
	return fcntl(fd, F_OFD_SETLK, &lock) < 0 ? -errno : 0;
}

static int
host_locked(const struct mem_os *os, int fd, uint64_t byte, uint64_t n)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	lock.l_start = (off_t)byte;
	lock.l_len = (off_t)n;
	if (fcntl(fd, F_OFD_GETLK, &lock) < 0)
		return -errno;
	return lock.l_type != F_UNLCK;
}

static void
host_unmap(const struct mem_os *os, void *base, size_t bytes)
{
	munmap(base, bytes);
}

static void
host_close(const struct mem_os *os, int fd)
{
	close(fd);
}

const struct mem_os mem_os_host = {
	.sys = "/sys",
	.proc = "/proc",
	.max_node = host_max_node,
	.node_has_memory = host_node_has_memory,
	.alloc = host_alloc,
	.memfd = host_memfd,
	.mount_page = host_mount_page,
	.mount_room = mem_mount_room,
	.mount_file = mem_mount_file,
	.any_file = mem_any_file,
	.file_limit = host_file_limit,
	.cc_shared = host_cc_shared,
	.resize = host_resize,
	.seal = host_seal,
	.map = host_map,
	.map_anonymous = host_map_anonymous,
	.bind = host_bind,
	.populate = host_populate,
	.reopen = host_reopen,
	.lease = host_lease,
	.lock = host_lock,
	.locked = host_locked,
	.unmap = host_unmap,
	.close = host_close,
};
