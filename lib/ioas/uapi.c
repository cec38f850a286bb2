/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checks only: our declarations are equal to the system's, if the system has them, and never change
 * their size.
 */
#include "ioas/uapi.h"

#include <stddef.h>

#define SIZE(type, bytes) _Static_assert(sizeof(struct type) == (bytes), "kernel ABI")
#define SAME_SIZE(ours, theirs)                                                                    \
	_Static_assert(sizeof(struct ours) == sizeof(struct theirs), "kernel ABI")
#define SAME(ours, a, theirs, b)                                                                   \
	_Static_assert(offsetof(struct ours, a) == offsetof(struct theirs, b) &&                   \
			       sizeof(((struct ours *)0)->a) == sizeof(((struct theirs *)0)->b),   \
		       "kernel ABI")

SIZE(uapi_iommu_destroy, 8);
SIZE(uapi_iommu_ioas_alloc, 12);
SIZE(uapi_iommu_iova_range, 16);
SIZE(uapi_iommu_ioas_iova_ranges, 32);
SIZE(uapi_iommu_ioas_allow_iovas, 24);
SIZE(uapi_iommu_ioas_map, 40);
SIZE(uapi_iommu_ioas_unmap, 24);
SIZE(uapi_iommu_option, 24);
SIZE(uapi_vfio_bind_iommufd, 16);
SIZE(uapi_vfio_attach_iommufd_pt, 12);

#if __has_include(<linux/iommufd.h>)
#include <linux/iommufd.h>
#ifdef IOMMU_OPTION
_Static_assert(UAPI_IOMMU_DESTROY == IOMMU_DESTROY, "kernel ABI");
_Static_assert(UAPI_IOMMU_IOAS_ALLOC == IOMMU_IOAS_ALLOC, "kernel ABI");
_Static_assert(UAPI_IOMMU_IOAS_IOVA_RANGES == IOMMU_IOAS_IOVA_RANGES, "kernel ABI");
_Static_assert(UAPI_IOMMU_IOAS_ALLOW_IOVAS == IOMMU_IOAS_ALLOW_IOVAS, "kernel ABI");
_Static_assert(UAPI_IOMMU_IOAS_MAP == IOMMU_IOAS_MAP, "kernel ABI");
_Static_assert(UAPI_IOMMU_IOAS_UNMAP == IOMMU_IOAS_UNMAP, "kernel ABI");
_Static_assert(UAPI_IOMMU_OPTION == IOMMU_OPTION, "kernel ABI");
_Static_assert(UAPI_IOMMU_MAP_FIXED_IOVA == IOMMU_IOAS_MAP_FIXED_IOVA, "kernel ABI");
_Static_assert(UAPI_IOMMU_MAP_WRITEABLE == IOMMU_IOAS_MAP_WRITEABLE, "kernel ABI");
_Static_assert(UAPI_IOMMU_MAP_READABLE == IOMMU_IOAS_MAP_READABLE, "kernel ABI");
_Static_assert((int)UAPI_IOMMU_OPTION_RLIMIT_MODE == (int)IOMMU_OPTION_RLIMIT_MODE, "kernel ABI");
_Static_assert((int)UAPI_IOMMU_OPTION_OP_GET == (int)IOMMU_OPTION_OP_GET, "kernel ABI");
SAME_SIZE(uapi_iommu_destroy, iommu_destroy);
SAME_SIZE(uapi_iommu_ioas_alloc, iommu_ioas_alloc);
SAME_SIZE(uapi_iommu_ioas_allow_iovas, iommu_ioas_allow_iovas);
SAME_SIZE(uapi_iommu_ioas_map, iommu_ioas_map);
SAME_SIZE(uapi_iommu_ioas_unmap, iommu_ioas_unmap);
SAME_SIZE(uapi_iommu_option, iommu_option);
SAME(uapi_iommu_ioas_alloc, out_ioas_id, iommu_ioas_alloc, out_ioas_id);
SAME(uapi_iommu_ioas_iova_ranges, num_iovas, iommu_ioas_iova_ranges, num_iovas);
SAME(uapi_iommu_ioas_iova_ranges, allowed_iovas, iommu_ioas_iova_ranges, allowed_iovas);
SAME(uapi_iommu_ioas_iova_ranges, out_iova_alignment, iommu_ioas_iova_ranges, out_iova_alignment);
SAME(uapi_iommu_ioas_allow_iovas, ioas_id, iommu_ioas_allow_iovas, ioas_id);
SAME(uapi_iommu_ioas_allow_iovas, num_iovas, iommu_ioas_allow_iovas, num_iovas);
SAME(uapi_iommu_ioas_allow_iovas, allowed_iovas, iommu_ioas_allow_iovas, allowed_iovas);
SAME(uapi_iommu_ioas_map, flags, iommu_ioas_map, flags);
SAME(uapi_iommu_ioas_map, ioas_id, iommu_ioas_map, ioas_id);
SAME(uapi_iommu_ioas_map, user_va, iommu_ioas_map, user_va);
SAME(uapi_iommu_ioas_map, length, iommu_ioas_map, length);
SAME(uapi_iommu_ioas_map, iova, iommu_ioas_map, iova);
SAME(uapi_iommu_ioas_unmap, iova, iommu_ioas_unmap, iova);
SAME(uapi_iommu_ioas_unmap, length, iommu_ioas_unmap, length);
SAME(uapi_iommu_option, op, iommu_option, op);
SAME(uapi_iommu_option, val64, iommu_option, val64);
#endif
#endif

#ifdef VFIO_DEVICE_BIND_IOMMUFD
_Static_assert(UAPI_VFIO_DEVICE_BIND_IOMMUFD == VFIO_DEVICE_BIND_IOMMUFD, "kernel ABI");
_Static_assert(UAPI_VFIO_DEVICE_ATTACH_IOMMUFD_PT == VFIO_DEVICE_ATTACH_IOMMUFD_PT, "kernel ABI");
SAME(uapi_vfio_bind_iommufd, iommufd, vfio_device_bind_iommufd, iommufd);
SAME(uapi_vfio_bind_iommufd, out_devid, vfio_device_bind_iommufd, out_devid);
SAME(uapi_vfio_attach_iommufd_pt, pt_id, vfio_device_attach_iommufd_pt, pt_id);
#endif
