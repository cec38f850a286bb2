/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Confidential guests that are not there: a heap of shared memory and sources of evidence, to be
 * put into a context (ctx->mem_os, ctx->cc_source) before anything is asked of it.
 */
#ifndef CC_UTIL_H
#define CC_UTIL_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "mem/cc.h"
#include "mem/os.h"

/* Like a dma-buf: its size is fixed, it takes no seals, and what is in it is not zeros. */
static inline int
cc_heap_alloc(const struct mem_os *os, const char *name, size_t bytes)
{
	int ret, fd = memfd_create(name, MFD_CLOEXEC);
	void *p;

	if (fd < 0)
		return -errno;
	ret = os->resize(os, fd, bytes);
	if (!ret)
		ret = os->map(os, fd, bytes, &p);
	if (ret) {
		os->close(os, fd);
		return ret;
	}
	memset(p, 0xc5, bytes);
	os->unmap(os, p, bytes);
	return fd;
}

/* The machine we run on, with a heap of shared memory. The caller keeps it while arenas live. */
static inline struct mem_os
cc_heap_os(void)
{
	struct mem_os os = mem_os_host;

	os.cc_shared = cc_heap_alloc;
	return os;
}

struct cc_cpuid {
	uint32_t leaf, regs[4];
};

/* A machine: files, CPUID leaves (the others are zeros), and perhaps an MSR. */
struct cc_fake {
	struct cc_source src; /* first, so that the calls find the rest */
	const char *path, *text;
	size_t len;                    /* of @text; 0: to its NUL */
	const struct cc_cpuid *leaves; /* ended by one with only zeros */
	bool no_cpuid;
	int msr_err;
	uint64_t msr;
	int reads, cpuids, msrs;
};

static inline ssize_t
cc_fake_read(const struct cc_source *src, const char *path, void *buf, size_t size)
{
	struct cc_fake *f = (struct cc_fake *)(uintptr_t)src;
	size_t n;

	__atomic_fetch_add(&f->reads, 1, __ATOMIC_RELAXED);
	if (!f->path || strcmp(path, f->path))
		return -ENOENT;
	n = f->len ? f->len : strlen(f->text);
	n = n < size ? n : size;
	memcpy(buf, f->text, n);
	return (ssize_t)n;
}

static inline bool
cc_fake_cpuid(const struct cc_source *src, uint32_t leaf, uint32_t regs[4])
{
	struct cc_fake *f = (struct cc_fake *)(uintptr_t)src;

	__atomic_fetch_add(&f->cpuids, 1, __ATOMIC_RELAXED);
	memset(regs, 0, 4 * sizeof(*regs));
	for (const struct cc_cpuid *c = f->leaves; c && (c->leaf || c->regs[CC_EAX]); c++)
		if (c->leaf == leaf)
			memcpy(regs, c->regs, sizeof(c->regs));
	return !f->no_cpuid;
}

static inline int
cc_fake_msr(const struct cc_source *src, uint32_t number, uint64_t *value)
{
	struct cc_fake *f = (struct cc_fake *)(uintptr_t)src;

	__atomic_fetch_add(&f->msrs, 1, __ATOMIC_RELAXED);
	if (number != 0xc0010131)
		return -EIO;
	*value = f->msr;
	return f->msr_err;
}

#define CC_FAKE .src = { cc_fake_read, cc_fake_cpuid, cc_fake_msr }

/* For tests that need just any confidential guest. */
static inline struct cc_fake
cc_fake_pv(void)
{
	return (struct cc_fake){ CC_FAKE, .path = "/sys/firmware/uv/prot_virt_guest", .text = "1\n",
				 .no_cpuid = true };
}

#endif
