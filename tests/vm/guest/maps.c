/* SPDX-License-Identifier: BSD-3-Clause */
/* Preloaded into a program: says on standard error which memory it maps for devices, a line for each call. */
#include <dlfcn.h>
#include <linux/vfio.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define IOMMU_IOAS_MAP _IO(';', 0x85)

struct ioas_map {
	uint32_t size, flags, ioas_id, reserved;
	uint64_t user_va, length, iova;
};

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
	if (request == IOMMU_IOAS_MAP)
		fprintf(stderr, "map: %llu bytes: %d\n", (unsigned long long)((struct ioas_map *)arg)->length, ret);
	else if (request == VFIO_IOMMU_MAP_DMA)
		fprintf(stderr, "map: %llu bytes: %d\n",
			(unsigned long long)((struct vfio_iommu_type1_dma_map *)arg)->size, ret);
	return ret;
}
