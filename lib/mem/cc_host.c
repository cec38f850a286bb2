/* SPDX-License-Identifier: BSD-3-Clause */
/* This machine, as a source of evidence for confidential guests. */
#include "mem/cc.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

static ssize_t
host_read(const struct cc_source *src, const char *path, void *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, buf, size);
	if (n < 0)
		n = -errno;
	close(fd);
	return n;
}

static bool
host_cpuid(const struct cc_source *src, uint32_t leaf, uint32_t regs[4])
{
#if defined(__x86_64__) || defined(__i386__)
	__cpuid_count(leaf, 0, regs[CC_EAX], regs[CC_EBX], regs[CC_ECX], regs[CC_EDX]);
	return true;
#else
	return false;
#endif
}

/* This needs the msr module and CAP_SYS_RAWIO. */
static int
host_msr(const struct cc_source *src, uint32_t number, uint64_t *value)
{
	int fd = open("/dev/cpu/0/msr", O_RDONLY | O_CLOEXEC);
	ssize_t n;
	int ret;

	if (fd < 0)
		return -errno;
	n = pread(fd, value, sizeof(*value), number);
	/* -EIO must come from the processor only. */
	ret = n == sizeof(*value) ? 0 : n < 0 ? -errno : -ENODATA;
	close(fd);
	return ret;
}

const struct cc_source cc_source_host = {
	.read = host_read,
	.cpuid = host_cpuid,
	.msr = host_msr,
};
