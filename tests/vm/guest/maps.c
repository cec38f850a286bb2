/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Preloaded into a program: says on standard error which memory it maps for devices, a line for
 * each call, and to which addresses it holds the kernel.
 */
#include <dlfcn.h>
#include <linux/vfio.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define IOMMU_IOAS_ALLOW_IOVAS _IO(';', 0x82)
#define IOMMU_IOAS_MAP         _IO(';', 0x85)
#define MAP_WRITEABLE          2u

struct ioas_allow {
	uint32_t size, ioas_id, num_iovas, reserved;
	uint64_t allowed_iovas;
};
struct range {
	uint64_t start, last;
};
struct ioas_map {
	uint32_t size, flags, ioas_id, reserved;
	uint64_t user_va, length, iova;
};

static void
say_map(uint64_t bytes, int ret, uint64_t iova, int writable)
{
	fprintf(stderr, "map: %llu bytes: %d at 0x%llx-0x%llx %s\n", (unsigned long long)bytes, ret,
		(unsigned long long)iova, (unsigned long long)(iova + bytes - 1),
		writable ? "rw" : "r");
}

static void
say_allow(const struct ioas_allow *a, int ret)
{
	const struct range *r = (const void *)(uintptr_t)a->allowed_iovas;

	for (uint32_t i = 0; i < a->num_iovas; i++)
		fprintf(stderr, "allow: 0x%llx-0x%llx: %d\n", (unsigned long long)r[i].start,
			(unsigned long long)r[i].last, ret);
}

int
ioctl(int fd, unsigned long request, ...)
{
	static int (*next)(int, unsigned long, void *);
	va_list ap;
	void *arg;
	int ret;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, "ioctl");
	if (!next)
		abort();
	ret = next(fd, request, arg);
	if (request == IOMMU_IOAS_MAP) {
		const struct ioas_map *m = arg;

		say_map(m->length, ret, m->iova, m->flags & MAP_WRITEABLE);
	} else if (request == VFIO_IOMMU_MAP_DMA) {
		const struct vfio_iommu_type1_dma_map *m = arg;

		say_map(m->size, ret, m->iova, m->flags & VFIO_DMA_MAP_FLAG_WRITE);
	} else if (request == IOMMU_IOAS_ALLOW_IOVAS) {
		say_allow(arg, ret);
	}
	return ret;
}
