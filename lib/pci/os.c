/* SPDX-License-Identifier: BSD-3-Clause */
/* This machine. */
#include <errno.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/export.h"
#include "ioas/ioas.h"
#include "pci/pci_device.h"

static int
host_attach(const struct pci_os *os, struct baton_ioas *ioas, const char *bdf,
	    struct ioas_device **out, int *fd)
{
	int ret = ioas_attach(ioas, bdf, out);

	if (!ret)
		*fd = ioas_device_fd(*out);
	return ret;
}

static void
host_detach(const struct pci_os *os, struct ioas_device *handle)
{
	ioas_detach(handle);
}

static int
host_ioctl(const struct pci_os *os, int fd, unsigned long request, void *arg)
{
	int ret = ioctl(fd, request, arg);

	return ret < 0 ? -errno : ret;
}

static ssize_t
host_pread(const struct pci_os *os, int fd, void *buf, size_t n, uint64_t at)
{
	ssize_t ret = pread(fd, buf, n, (off_t)at);

	return ret < 0 ? -errno : ret;
}

static ssize_t
host_pwrite(const struct pci_os *os, int fd, const void *buf, size_t n, uint64_t at)
{
	ssize_t ret = pwrite(fd, buf, n, (off_t)at);

	return ret < 0 ? -errno : ret;
}

static int
host_map(const struct pci_os *os, int fd, uint64_t offset, size_t len, void **at)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)offset);

	if (p == MAP_FAILED)
		return -errno;
	*at = p;
	return 0;
}

static void
host_unmap(const struct pci_os *os, void *at, size_t len)
{
	munmap(at, len);
}

static int
host_eventfd(const struct pci_os *os)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	return fd < 0 ? -errno : fd;
}

const struct pci_os pci_os_host = {
	.sys = "/sys",
	.attach = host_attach,
	.detach = host_detach,
	.ioctl = host_ioctl,
	.pread = host_pread,
	.pwrite = host_pwrite,
	.map = host_map,
	.unmap = host_unmap,
	.eventfd = host_eventfd,
};

DRIVER_EXPORT(pci_os_host);
