/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The type1 backend: a container holds the address space, and devices come from their IOMMU groups.
 * compat is the same with an iommufd as the container. noiommu groups have another name, and an
 * IOMMU that translates nothing.
 *
 * The kernel keeps the address space as long as a group is attached. So the last group stays open
 * until the last mapping ends.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "ioas/find.h"
#include "ioas/space.h"
#include "ioas/type1.h"
#include "ioas/uapi.h"

static int
ask(const struct baton_ioas *ioas, unsigned long request, void *arg)
{
	return ioas->os->ioctl(ioas->os, ioas->fd, request, arg);
}

static void *
value(unsigned long n)
{
	return (void *)(uintptr_t)n;
}

static unsigned long
iommu_type(const struct baton_ioas *ioas)
{
	return ioas->ops->backend == BATON_IOAS_NOIOMMU ? VFIO_NOIOMMU_IOMMU : VFIO_TYPE1v2_IOMMU;
}

static int
check_container(struct baton_ioas *ioas, const char *node)
{
	static const struct ioas_fix fixes[] = { { 0, "this is not the VFIO Baton knows; use Linux "
						      "4.4 or newer" } };
	int ret = ask(ioas, VFIO_GET_API_VERSION, NULL);

	if (ret < 0)
		return ioas_failed(ret, ioas->name, "VFIO_GET_API_VERSION", fixes);
	if (ret != VFIO_API_VERSION)
		return baton_err(ENOTSUP,
				 "%s: VFIO_GET_API_VERSION: %s has version %d, Baton knows %d; use "
				 "the kernel's own VFIO",
				 ioas->name, node, ret, VFIO_API_VERSION);
	ret = ask(ioas, VFIO_CHECK_EXTENSION, value(iommu_type(ioas)));
	if (ret > 0)
		return 0;
	if (iommu_type(ioas) == VFIO_NOIOMMU_IOMMU)
		return baton_err(ENOTSUP,
				 "%s: VFIO_CHECK_EXTENSION: the kernel's VFIO does not work "
				 "without an IOMMU; build it with CONFIG_VFIO_NOIOMMU, and load it "
				 "so: modprobe vfio enable_unsafe_noiommu_mode=1",
				 ioas->name);
	return baton_err(ENOTSUP,
			 "%s: VFIO_CHECK_EXTENSION: %s knows no type1v2 IOMMU; modprobe "
			 "vfio_iommu_type1",
			 ioas->name, node);
}

int
type1_open(struct baton_ioas *ioas)
{
	const char *node =
		ioas->ops->backend == BATON_IOAS_COMPAT ? "/dev/iommu" : "/dev/vfio/vfio";
	int ret;

	ret = ioas_open_node(ioas, node, NULL);
	if (ret < 0)
		return ret;
	ioas->fd = ret;
	ret = check_container(ioas, node);
	if (ret) {
		ioas->os->close(ioas->os, ioas->fd);
		ioas->fd = -1;
		return ret;
	}
	/* An iommufd in place of the container answers; a container does not know the request. */
	ioas->accounting = ioas_iommufd_accounting(ioas, BATON_IOAS_ACCOUNT_PROCESS);
	return 0;
}

static void
drop_group(struct baton_ioas *ioas, struct ioas_group *group)
{
	struct ioas_group **at = &ioas->groups;

	while (*at != group)
		at = &(*at)->next;
	*at = group->next;
	ioas->os->close(ioas->os, group->fd); /* the group leaves the container, too */
	free(group);
}

void
type1_close(struct baton_ioas *ioas)
{
	while (ioas->groups)
		drop_group(ioas, ioas->groups);
	ioas->os->close(ioas->os, ioas->fd);
	ioas->fd = -1;
	ioas->iommu_set = false;
}

/* ---- groups ---- */

static int
container_failed(struct baton_ioas *ioas, int ret, const struct ioas_found *found, const char *call)
{
	static const struct ioas_fix fixes[] = {
		{ EPERM, IOAS_UNSAFE("vfio_iommu_type1") },
		{ EINVAL, "this device's IOMMU cannot share the address space: what is mapped may "
			  "lie where this device can have nothing (reserved addresses, or beyond "
			  "what its IOMMU translates); open this device first, or give it an "
			  "address space of its own" },
		{ EBUSY, "the group is attached elsewhere; stop that first" },
		{ EBADF, "the kernel does not take this descriptor; load the modules of one "
			 "kernel" },
		{ EBADFD, "the kernel's VFIO takes no iommufd for a container; ask for the backend "
			  "type1" },
		{ ENOMEM, "the kernel is out of memory; stop other programs to free some" },
		{ ENODEV, "no IOMMU is loaded for the group: modprobe vfio_iommu_type1, or the "
			  "device was just unbound" },
		{ 0, "look at dmesg" },
	};
	struct text others = { 0 };

	ioas_text_group(ioas->os, found, true, others.text, sizeof(others.text));
	if ((ret == -EBUSY || ret == -EPERM) && others.text[0])
		return baton_err(EBUSY,
				 "%s: %s: %s: its IOMMU group %d also holds %s; give these to "
				 "vfio-pci or to no driver (dpdk-devbind.py -u)",
				 found->bdf, call, strerror(-ret), found->group, others.text);
	return ioas_failed(ret, found->bdf, call, fixes);
}

static int
check_viable(struct baton_ioas *ioas, const struct ioas_found *found, int fd)
{
	static const struct ioas_fix fixes[] = {
		{ ENODEV, "the device was just unbound; look at dmesg" },
		{ 0, "look at dmesg" },
	};
	struct vfio_group_status status = { .argsz = sizeof(status) };
	int ret = ioas->os->ioctl(ioas->os, fd, VFIO_GROUP_GET_STATUS, &status);
	struct text others = { 0 };

	if (ret < 0)
		return ioas_failed(ret, found->bdf, "VFIO_GROUP_GET_STATUS", fixes);
	if (status.flags & VFIO_GROUP_FLAGS_VIABLE)
		return 0;
	ioas_text_group(ioas->os, found, true, others.text, sizeof(others.text));
	return baton_err(EBUSY,
			 "%s: VFIO_GROUP_GET_STATUS: its IOMMU group %d is not all VFIO's, so none "
			 "of it may be used: it also holds %s; give these to vfio-pci or to no "
			 "driver (dpdk-devbind.py -u)",
			 found->bdf, found->group,
			 others.text[0] ? others.text
					: "a device in use by the kernel or by another process");
}

static int
join_container(struct baton_ioas *ioas, const struct ioas_found *found, int group_fd)
{
	int container = ioas->fd;
	int ret = ioas->os->ioctl(ioas->os, group_fd, VFIO_GROUP_SET_CONTAINER, &container);

	if (ret < 0)
		return container_failed(ioas, ret, found, "VFIO_GROUP_SET_CONTAINER");
	if (ioas->iommu_set)
		return 0;
	ret = ask(ioas, VFIO_SET_IOMMU, value(iommu_type(ioas)));
	if (ret < 0)
		return container_failed(ioas, ret, found, "VFIO_SET_IOMMU");
	ioas->iommu_set = true;
	return 0;
}

/* A container without groups loses its IOMMU. */
static void
leave(struct baton_ioas *ioas, struct ioas_group *group)
{
	drop_group(ioas, group);
	if (!ioas->groups)
		ioas->iommu_set = false;
}

static int
open_group(struct baton_ioas *ioas, const struct ioas_found *found, struct ioas_group **out)
{
	struct ioas_group *group = ioas->os->alloc(ioas->os, sizeof(*group));
	char node[64];
	int ret;

	if (!group)
		return baton_err(ENOMEM,
				 "%s: no memory for a group's %zu bytes; stop other programs to "
				 "free some",
				 found->bdf, sizeof(*group));
	snprintf(node, sizeof(node), "/dev/vfio/%s%d", found->noiommu ? "noiommu-" : "",
		 found->group);
	group->fd = ioas_open_node(ioas, node, found);
	if (group->fd < 0) {
		ret = group->fd;
		free(group);
		return ret;
	}
	group->number = found->group;
	group->next = ioas->groups;
	ioas->groups = group;
	ret = check_viable(ioas, found, group->fd);
	if (!ret)
		ret = join_container(ioas, found, group->fd);
	if (ret) {
		leave(ioas, group);
		return ret;
	}
	*out = group;
	return 0;
}

/*
 * If its last group was unplugged, the container has lost its IOMMU, and with it all mappings.
 *
 * Return: whether that happened.
 */
static bool
lost(const struct baton_ioas *ioas)
{
	struct vfio_iommu_type1_info info = { .argsz = offsetof(struct vfio_iommu_type1_info,
								cap_offset) };

	return ioas->iommu_set && ioas->ops->backend != BATON_IOAS_NOIOMMU &&
	       ask(ioas, VFIO_IOMMU_GET_INFO, &info) == -EINVAL;
}

static int
get_group(struct baton_ioas *ioas, const struct ioas_found *found, struct ioas_group **out)
{
	for (struct ioas_group *g = ioas->groups; g; g = g->next)
		if (g->number == found->group) {
			*out = g;
			return 0;
		}
	if (ioas->n_mappings && lost(ioas))
		return baton_err(EBUSY,
				 "%s: the address space %s lost its mappings when its last device "
				 "was unplugged, and %u of them are still in use; close the port "
				 "of that device first",
				 found->bdf, ioas->name, ioas->n_mappings);
	return open_group(ioas, found, out);
}

/*
 * Close the groups without devices. The last one stays open while there are mappings and no other
 * group.
 */
void
type1_tidy(struct baton_ioas *ioas)
{
	struct ioas_group *g = ioas->groups, *next;

	for (; g; g = next) {
		next = g->next;
		if (!g->devices && (!ioas->n_mappings || ioas->groups->next))
			leave(ioas, g);
	}
}

/* ---- devices ---- */

/*
 * Check that DMA of the device is coherent. VFIO_DMA_CC_IOMMU is 1 if the IOMMU even overrules a
 * device that asks for incoherent DMA. If it is 0, Linux 5.19 and newer do not give VFIO a device
 * whose DMA is not coherent; before that, the architecture decides.
 */
static int
check_coherent(struct baton_ioas *ioas, const struct ioas_found *found)
{
	unsigned major = 0, minor = 0;
	char release[64];

	if (ioas->ops->backend == BATON_IOAS_NOIOMMU || ioas->os->coherent)
		return 0;
	if (ask(ioas, VFIO_CHECK_EXTENSION, value(VFIO_DMA_CC_IOMMU)) > 0)
		return 0;
	if (ioas->os->read(ioas->os, "/proc/sys/kernel/osrelease", release, sizeof(release)) > 0)
		sscanf(release, "%u.%u", &major, &minor);
	if (major > 5 || (major == 5 && minor >= 19))
		return 0;
	return baton_err(ENOTSUP,
			 "%s: VFIO_CHECK_EXTENSION: the device's DMA may bypass the caches (no "
			 "VFIO_DMA_CC_IOMMU), and this kernel (%u.%u) does not rule that out; use "
			 "Linux 5.19 or newer, which does",
			 found->bdf, major, minor);
}

static int
device_failed(int ret, const struct ioas_found *found)
{
	static const struct ioas_fix fixes[] = {
		{ EADDRINUSE, "what is mapped in this address space lies where this device can "
			      "have nothing (reserved addresses, or beyond what its IOMMU "
			      "translates); open this device first, or give it an address space of "
			      "its own" },
		{ EBUSY, "the device is open elsewhere; stop that first (fuser -v on its nodes "
			 "under /dev/vfio)" },
		{ EPERM, IOAS_UNSAFE("iommufd") },
		{ ENODEV, "the group has no such device any more; look at dmesg" },
		{ EINVAL, "the device is open by its own node (fuser -v /dev/vfio/devices/*), or "
			  "its DMA is not cache-coherent, which Baton needs" },
		{ EMFILE, "the process has no descriptor left; raise ulimit -n" },
		{ EIO, "the device does not answer; power-cycle it" },
		{ ETIMEDOUT, "the device did not come out of its reset; power-cycle it" },
		{ 0, "look at dmesg" },
	};

	return ioas_failed(ret, found->bdf, "VFIO_GROUP_GET_DEVICE_FD", fixes);
}

int
type1_attach(struct baton_ioas *ioas, const struct ioas_found *found, struct ioas_device *dev)
{
	struct ioas_group *group = NULL;
	char bdf[sizeof(found->bdf)];
	int ret = get_group(ioas, found, &group);

	if (ret)
		return ret;
	ret = check_coherent(ioas, found);
	if (!ret) {
		memcpy(bdf, found->bdf, sizeof(bdf));
		dev->fd = ioas->os->ioctl(ioas->os, group->fd, VFIO_GROUP_GET_DEVICE_FD, bdf);
		if (dev->fd < 0)
			ret = device_failed(dev->fd, found);
	}
	if (ret) {
		type1_tidy(ioas);
		return ret;
	}
	dev->group = group;
	group->devices++;
	type1_tidy(ioas);
	return 0;
}

void
type1_detach(struct baton_ioas *ioas, struct ioas_device *dev)
{
	ioas->os->close(ioas->os, dev->fd);
	dev->group->devices--;
	type1_tidy(ioas);
}

/* ---- limits ---- */

/*
 * Parse the capabilities of VFIO_IOMMU_GET_INFO: a chain of offsets from the kernel, which is
 * walked once and forward only.
 */
static int
read_caps(struct baton_ioas *ioas, const uint8_t *info, uint32_t bytes, uint32_t at,
	  struct ioas_limits *out)
{
	while (at) {
		const struct vfio_info_cap_header *head = (const void *)(info + at);

		if (at > bytes - sizeof(*head))
			break;
		if (head->id == VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE) {
			const struct vfio_iommu_type1_info_cap_iova_range *cap = (const void *)head;

			if (bytes - at < sizeof(*cap) ||
			    (bytes - at - sizeof(*cap)) / sizeof(cap->iova_ranges[0]) <
				    cap->nr_iovas)
				return baton_err(EIO,
						 "%s: VFIO_IOMMU_GET_INFO: %u address ranges in %u "
						 "bytes; report this kernel",
						 ioas->name, cap->nr_iovas, bytes);
			free(out->ranges);
			out->ranges = ioas->os->alloc(ioas->os,
						      (cap->nr_iovas + 1) * sizeof(*out->ranges));
			if (!out->ranges)
				return baton_err(ENOMEM,
						 "%s: no memory for %u address ranges; stop other "
						 "programs to free some",
						 ioas->name, cap->nr_iovas);
			out->n_ranges = cap->nr_iovas;
			for (uint32_t i = 0; i < cap->nr_iovas; i++)
				out->ranges[i] =
					(struct baton_iova_range){ cap->iova_ranges[i].start,
								   cap->iova_ranges[i].end };
		} else if (head->id == VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL &&
			   bytes - at >= sizeof(struct vfio_iommu_type1_info_dma_avail)) {
			out->mappings_left =
				((const struct vfio_iommu_type1_info_dma_avail *)(const void *)head)
					->avail;
		}
		at = head->next > at ? head->next : 0;
	}
	return 0;
}

/*
 * Linux before 5.4 reports no ranges: use all addresses except those that x86 reserves for
 * interrupts.
 */
static int
ranges_unknown(struct baton_ioas *ioas, struct ioas_limits *out)
{
	out->ranges = ioas->os->alloc(ioas->os, 2 * sizeof(*out->ranges));
	if (!out->ranges)
		return baton_err(ENOMEM,
				 "%s: no memory for 2 address ranges; stop other programs to free "
				 "some",
				 ioas->name);
	out->ranges[0] = (struct baton_iova_range){ 0, 0xfedfffff };
	out->ranges[1] = (struct baton_iova_range){ 0x100000000, 0x7fffffffff };
	out->n_ranges = 2;
	return 0;
}

static int
type1_limits(struct baton_ioas *ioas, struct ioas_limits *out)
{
	static const struct ioas_fix fixes[] = { { 0, "the addresses this device can have are "
						      "unknown; look at dmesg" } };
	uint32_t bytes = 512;
	int ret = -EIO;

	*out = (struct ioas_limits){ .mappings_left = UINT64_MAX };
	for (int tries = 0; tries < 4; tries++) {
		struct vfio_iommu_type1_info *info = ioas->os->alloc(ioas->os, bytes);
		uint32_t room = bytes;

		if (!info)
			return baton_err(ENOMEM,
					 "%s: no memory for %u bytes of limits; stop other "
					 "programs to free some",
					 ioas->name, bytes);
		info->argsz = room;
		ret = ask(ioas, VFIO_IOMMU_GET_INFO, info);
		bytes = info->argsz;
		if (ret >= 0 && (bytes <= room || bytes > 1u << 20)) {
			out->page_sizes = info->flags & VFIO_IOMMU_INFO_PGSIZES ? info->iova_pgsizes
										: ioas->page;
			if (info->flags & VFIO_IOMMU_INFO_CAPS)
				ret = read_caps(ioas, (const uint8_t *)info, room, info->cap_offset,
						out);
			if (ret >= 0 && !out->ranges)
				ret = ranges_unknown(ioas, out);
			free(info);
			return ret < 0 ? ret : 0;
		}
		free(info);
		if (ret < 0)
			break;
	}
	return ioas_failed(ret < 0 ? ret : -EIO, ioas->name, "VFIO_IOMMU_GET_INFO", fixes);
}

/* ---- mappings ---- */

static int
type1_map(struct baton_ioas *ioas, const struct baton_mapping *m)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.vaddr = (uintptr_t)m->info.va,
		.iova = m->info.iova,
		.size = m->info.bytes,
	};

	if (m->flags & BATON_MAP_READ)
		map.flags |= VFIO_DMA_MAP_FLAG_READ;
	if (m->flags & BATON_MAP_WRITE)
		map.flags |= VFIO_DMA_MAP_FLAG_WRITE;
	return ask(ioas, VFIO_IOMMU_MAP_DMA, &map);
}

static int
type1_unmap(struct baton_ioas *ioas, const struct baton_mapping *m)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = m->info.iova,
		.size = m->info.bytes,
	};
	int ret = ask(ioas, VFIO_IOMMU_UNMAP_DMA, &unmap);

	if (ret == -EINVAL && lost(ioas))
		return 0;
	if (ret < 0)
		return ret;
	return unmap.size == m->info.bytes ? 0 : -EIO;
}

#define TYPE1_OPS                                                                                  \
	.open = type1_open, .close = type1_close, .attach = type1_attach, .detach = type1_detach,  \
	.tidy = type1_tidy, .limits = type1_limits, .map = type1_map, .unmap = type1_unmap,        \
	.map_call = "VFIO_IOMMU_MAP_DMA", .unmap_call = "VFIO_IOMMU_UNMAP_DMA",                    \
	.more = ", or raise it: echo N > "                                                         \
		"/sys/module/vfio_iommu_type1/parameters/dma_entry_limit, "                        \
		"before the device is opened"

const struct ioas_ops ioas_type1 = { .name = "type1", .backend = BATON_IOAS_TYPE1, TYPE1_OPS };
const struct ioas_ops ioas_compat = { .name = "compat", .backend = BATON_IOAS_COMPAT, TYPE1_OPS };
