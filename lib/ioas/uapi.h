/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The kernel's interface for I/O address spaces.
 *
 * <linux/vfio.h> is the system's. iommufd and the VFIO device nodes are declared here, as far as
 * Baton uses them: they came with Linux 6.2 and 6.6, and must be usable at run time whatever
 * headers the build found. uapi.c compares them with the system's declarations.
 */
#ifndef BATON_IOAS_UAPI_H
#define BATON_IOAS_UAPI_H

#include <stdint.h>

#include <linux/vfio.h>

/* ---- /dev/iommu (Documentation/userspace-api/iommufd.rst) ---- */

#define UAPI_IOMMU(n) _IO(';', 0x80 + (n))

#define UAPI_IOMMU_DESTROY          UAPI_IOMMU(0)
#define UAPI_IOMMU_IOAS_ALLOC       UAPI_IOMMU(1)
#define UAPI_IOMMU_IOAS_ALLOW_IOVAS UAPI_IOMMU(2)
#define UAPI_IOMMU_IOAS_IOVA_RANGES UAPI_IOMMU(4)
#define UAPI_IOMMU_IOAS_MAP         UAPI_IOMMU(5)
#define UAPI_IOMMU_IOAS_UNMAP       UAPI_IOMMU(6)
#define UAPI_IOMMU_OPTION           UAPI_IOMMU(7)

struct uapi_iommu_destroy {
	uint32_t size;
	uint32_t id;
};

struct uapi_iommu_ioas_alloc {
	uint32_t size;
	uint32_t flags;
	uint32_t out_ioas_id;
};

struct uapi_iommu_iova_range {
	uint64_t start;
	uint64_t last;
};

struct uapi_iommu_ioas_iova_ranges {
	uint32_t size;
	uint32_t ioas_id;
	uint32_t num_iovas; /* in: room; out: the number there is, with -EMSGSIZE if it is more */
	uint32_t reserved;
	uint64_t allowed_iovas; /* user pointer */
	uint64_t out_iova_alignment;
};

struct uapi_iommu_ioas_allow_iovas {
	uint32_t size;
	uint32_t ioas_id;
	uint32_t num_iovas; /* replaces the list before; the ranges must not overlap */
	uint32_t reserved;
	uint64_t allowed_iovas; /* user pointer */
};

#define UAPI_IOMMU_MAP_FIXED_IOVA (1u << 0)
#define UAPI_IOMMU_MAP_WRITEABLE  (1u << 1)
#define UAPI_IOMMU_MAP_READABLE   (1u << 2)

struct uapi_iommu_ioas_map {
	uint32_t size;
	uint32_t flags;
	uint32_t ioas_id;
	uint32_t reserved;
	uint64_t user_va;
	uint64_t length;
	uint64_t iova;
};

struct uapi_iommu_ioas_unmap {
	uint32_t size;
	uint32_t ioas_id;
	uint64_t iova;
	uint64_t length; /* out: the bytes unmapped */
};

#define UAPI_IOMMU_OPTION_RLIMIT_MODE 0 /* val64 0: charges the user; 1: the process */
#define UAPI_IOMMU_OPTION_OP_GET      1

struct uapi_iommu_option {
	uint32_t size;
	uint32_t option_id;
	uint16_t op;
	uint16_t reserved;
	uint32_t object_id;
	uint64_t val64;
};

/* ---- /dev/vfio/devices/vfioN ---- */

#define UAPI_VFIO_DEVICE_BIND_IOMMUFD      _IO(';', 100 + 18)
#define UAPI_VFIO_DEVICE_ATTACH_IOMMUFD_PT _IO(';', 100 + 19)

struct uapi_vfio_bind_iommufd {
	uint32_t argsz;
	uint32_t flags;
	int32_t iommufd;
	uint32_t out_devid;
};

struct uapi_vfio_attach_iommufd_pt {
	uint32_t argsz;
	uint32_t flags;
	uint32_t pt_id;
};

#endif
