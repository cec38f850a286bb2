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
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/memfd.h>

#include "mem/uapi.h"

#ifdef BATON_HAVE_HUGETLBFS
#include <hugetlbfs.h>
#endif

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
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

static int
host_mount_file(const struct mem_os *os, const char *mount)
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

static int
host_resize(const struct mem_os *os, int fd, size_t bytes)
{
	return ftruncate(fd, (off_t)bytes) ? -errno : 0;
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

static int
host_populate(const struct mem_os *os, void *base, size_t bytes)
{
	int ret;

	do {
		ret = madvise(base, bytes, MADV_POPULATE_WRITE) ? -errno : 0;
	} while (ret == -EINTR || ret == -EAGAIN);
	return ret == -EINVAL ? mem_populate_by_read(base, bytes) : ret;
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
	.mount_file = host_mount_file,
	.cc_shared = host_cc_shared,
	.resize = host_resize,
	.seal = host_seal,
	.map = host_map,
	.bind = host_bind,
	.populate = host_populate,
	.reopen = host_reopen,
	.lease = host_lease,
	.lock = host_lock,
	.locked = host_locked,
	.unmap = host_unmap,
	.close = host_close,
};
