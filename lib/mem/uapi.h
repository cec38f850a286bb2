/* SPDX-License-Identifier: BSD-3-Clause */
/* The kernel definitions that DMA heaps need, for systems whose headers do not have them. */
#ifndef BATON_MEM_UAPI_H
#define BATON_MEM_UAPI_H

#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>

/* Linux 5.6: an allocation from a heap in /dev/dma_heap. */
struct uapi_dma_heap_allocation_data {
	uint64_t len;
	uint32_t fd;
	uint32_t fd_flags;
	uint64_t heap_flags;
};

#define UAPI_DMA_HEAP_IOCTL_ALLOC _IOWR('H', 0x0, struct uapi_dma_heap_allocation_data)

/* Linux 5.3: the name that /proc/PID/maps shows for a dma-buf. */
#define UAPI_DMA_BUF_NAME_LEN 32
#define UAPI_DMA_BUF_SET_NAME _IOW('b', 1, uint64_t)

_Static_assert(sizeof(struct uapi_dma_heap_allocation_data) == 24, "kernel ABI");

#if __has_include(<linux/dma-heap.h>)
#include <linux/dma-heap.h>
#define SAME(field)                                                                                \
	_Static_assert(offsetof(struct uapi_dma_heap_allocation_data, field) ==                    \
			       offsetof(struct dma_heap_allocation_data, field),                   \
		       "kernel ABI")
_Static_assert(UAPI_DMA_HEAP_IOCTL_ALLOC == DMA_HEAP_IOCTL_ALLOC, "kernel ABI");
SAME(len);
SAME(fd);
SAME(fd_flags);
SAME(heap_flags);
#undef SAME
#endif

#if __has_include(<linux/dma-buf.h>)
#include <linux/dma-buf.h>
#ifdef DMA_BUF_SET_NAME_B
_Static_assert(UAPI_DMA_BUF_SET_NAME == DMA_BUF_SET_NAME_B, "kernel ABI");
_Static_assert(UAPI_DMA_BUF_NAME_LEN == DMA_BUF_NAME_LEN, "kernel ABI");
#endif
#endif

#endif
