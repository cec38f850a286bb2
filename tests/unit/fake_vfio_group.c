/* SPDX-License-Identifier: BSD-3-Clause */
/* Containers and groups. */
#include "fake_vfio.h"

#include <errno.h>
#include <string.h>

/* ---- containers, and iommufds in their place ---- */

static struct fake_space *
compat_space(struct fake *f, int n)
{
	struct fake_fd *fd = &f->fds[n];

	return fd->kind == FAKE_CONTAINER ? &fd->space[0] : fake_space_of(fd, fd->id);
}

/* VFIO_IOMMU_GET_INFO: argsz says what all of it takes; the capabilities only come when that much
 * was offered. */
static int
get_info(struct fake *f, int n, struct vfio_iommu_type1_info *info)
{
	struct baton_iova_range ranges[2 * FAKE_WINDOWS];
	uint64_t pages;
	struct fake_space *s = compat_space(f, n);
	unsigned k = fake_ranges_of(f, n, s->id, ranges, &pages);
	struct vfio_iommu_type1_info_dma_avail avail = { { VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL, 1, 0 },
							 (uint32_t)(f->dma_avail - s->n) };
	struct vfio_iommu_type1_info_cap_iova_range cap = {
		{ VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, 1, 0 }, k, 0
	};
	uint32_t at = sizeof(*info),
		 total = at + (uint32_t)(sizeof(cap) + k * sizeof(*ranges) + sizeof(avail));
	uint8_t *base = (uint8_t *)info;

	info->flags = VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS;
	info->iova_pgsizes = pages;
	if (f->no_caps) {
		info->flags = VFIO_IOMMU_INFO_PGSIZES;
		return 0;
	}
	if (info->argsz < total) {
		if (info->argsz >= sizeof(*info))
			info->cap_offset = 0;
		info->argsz = total;
		return 0;
	}
	info->cap_offset = at;
	cap.header.next = at + (uint32_t)(sizeof(cap) + k * sizeof(*ranges));
	if (f->lies)
		cap.nr_iovas = 1000000;
	if (f->loops)
		cap.header.next = at;
	memcpy(base + at, &cap, sizeof(cap));
	memcpy(base + at + sizeof(cap), ranges, k * sizeof(*ranges));
	memcpy(base + total - sizeof(avail), &avail, sizeof(avail));
	return 0;
}

int
fake_on_container(struct fake *f, int n, unsigned long request, void *arg)
{
	bool real = f->fds[n].kind == FAKE_CONTAINER;
	struct fake_space *s = compat_space(f, n);
	const struct vfio_iommu_type1_dma_map *map = arg;
	struct vfio_iommu_type1_dma_unmap *unmap = arg;
	unsigned long value = (uintptr_t)arg;
	uint64_t bytes;
	int ret;

	switch (request) {
	case VFIO_GET_API_VERSION:
		return f->api_version;
	case VFIO_CHECK_EXTENSION:
		if (value == VFIO_DMA_CC_IOMMU)
			return f->enforces && s;
		return value == VFIO_TYPE1v2_IOMMU ||
		       (value == VFIO_NOIOMMU_IOMMU && f->noiommu_mode);
	case VFIO_SET_IOMMU:
		if (!s || (real && (f->fds[n].iommu || !s->id)))
			return -EINVAL;
		for (int d = 0; d < FAKE_DEVS; d++)
			if (real && f->devs[d].bdf && fake_attached(f, d, n, s->id) &&
			    !f->devs[d].isolated)
				return -EPERM;
		f->fds[n].iommu = true;
		return 0;
	case VFIO_IOMMU_GET_INFO:
		return s && f->fds[n].iommu ? get_info(f, n, arg) : -EINVAL;
	case VFIO_IOMMU_MAP_DMA:
		if (!s || !f->fds[n].iommu)
			return -EINVAL;
		return fake_do_map(f, n, s, map->iova, map->size,
				   (map->flags & VFIO_DMA_MAP_FLAG_READ ? BATON_MAP_READ : 0) |
					   (map->flags & VFIO_DMA_MAP_FLAG_WRITE ? BATON_MAP_WRITE
										 : 0));
	case VFIO_IOMMU_UNMAP_DMA:
		if (!s || !f->fds[n].iommu)
			return -EINVAL;
		bytes = unmap->size;
		ret = fake_do_unmap(f, s, unmap->iova, &bytes);
		unmap->size = bytes;
		return real && ret == -ENOENT ? 0 : ret;
	}
	return -ENOTTY;
}

static int
set_container(struct fake *f, int n, int container)
{
	struct fake_fd *fd = &f->fds[n], *to = &f->fds[container];
	int ret;

	if (fd->to >= 0)
		return -EINVAL;
	if (to->kind == FAKE_IOMMUFD) {
		ret = to->id ? 0 : fake_ioas_alloc(f, to, &to->id);
		if (!ret)
			fd->to = container;
		return ret;
	}
	if (to->kind != FAKE_CONTAINER)
		return -EBADFD;
	for (int d = 0; d < FAKE_DEVS; d++) {
		if (!f->devs[d].bdf || f->devs[d].group != fd->index)
			continue;
		if (to->iommu && !fake_space_fits(f, d, &to->space[0]))
			return -EINVAL;
		if (to->iommu && !f->devs[d].isolated)
			return -EPERM;
	}
	fd->to = container;
	to->space[0].id = 1;
	return 0;
}

static int
get_device(struct fake *f, int n, const char *bdf)
{
	const struct fake_dev *d = fake_by_bdf(f, bdf, strlen(bdf));
	struct fake_fd *fd = &f->fds[n];
	int index = (int)(d - f->devs), ret;

	if (!d || d->group != fd->index || !d->driver || !strstr(d->driver, "vfio"))
		return -ENODEV;
	if (fd->to < 0 || (f->fds[fd->to].kind == FAKE_CONTAINER && !f->fds[fd->to].iommu))
		return -EINVAL;
	if (f->fds[fd->to].kind == FAKE_IOMMUFD) {
		if (!d->isolated)
			return -EPERM;
		if (!fake_space_fits(f, index, compat_space(f, fd->to)))
			return -EADDRINUSE;
	}
	ret = fake_new_fd(f, FAKE_DEVICE, index);
	if (ret >= 0)
		f->fds[ret].to = n;
	return ret;
}

int
fake_on_group(struct fake *f, int n, unsigned long request, void *arg)
{
	struct vfio_group_status *status = arg;

	switch (request) {
	case VFIO_GROUP_GET_STATUS:
		status->flags = VFIO_GROUP_FLAGS_VIABLE;
		for (int d = 0; d < FAKE_DEVS; d++)
			if (f->devs[d].bdf && f->devs[d].group == f->fds[n].index &&
			    f->devs[d].driver && !strstr(f->devs[d].driver, "vfio") &&
			    strcmp(f->devs[d].driver, "pcieport") != 0)
				status->flags = 0;
		return 0;
	case VFIO_GROUP_SET_CONTAINER:
		return set_container(f, n, *(int *)arg);
	case VFIO_GROUP_GET_DEVICE_FD:
		return get_device(f, n, arg);
	}
	return -ENOTTY;
}
