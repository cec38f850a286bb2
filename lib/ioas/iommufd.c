/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The iommufd backend: /dev/iommu holds the address space, and devices are opened by their own
 * nodes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "ioas/find.h"
#include "ioas/space.h"
#include "ioas/type1.h"
#include "ioas/uapi.h"

#define NODE "/dev/iommu"

static int
ask(const struct baton_ioas *ioas, unsigned long request, void *arg)
{
	return ioas->os->ioctl(ioas->os, ioas->fd, request, arg);
}

/*
 * Linux charges the user, unless a privileged process changed that for this descriptor. The
 * descriptor tells which.
 */
enum baton_ioas_accounting
ioas_iommufd_accounting(const struct baton_ioas *ioas, enum baton_ioas_accounting otherwise)
{
	struct uapi_iommu_option option = {
		.size = sizeof(option),
		.option_id = UAPI_IOMMU_OPTION_RLIMIT_MODE,
		.op = UAPI_IOMMU_OPTION_OP_GET,
	};

	if (ask(ioas, UAPI_IOMMU_OPTION, &option) < 0)
		return otherwise;
	return option.val64 ? BATON_IOAS_ACCOUNT_PROCESS : BATON_IOAS_ACCOUNT_USER;
}

static int
iommufd_open(struct baton_ioas *ioas)
{
	static const struct ioas_fix fixes[] = {
		{ ENOTTY, "this is not the iommufd Baton knows; ask for the backend type1" },
		{ EOPNOTSUPP, "this is not the iommufd Baton knows; ask for the backend type1" },
		{ ENOMEM, "the kernel is out of memory, or the control group is at its limit; "
			  "raise memory.max" },
		{ 0, "look at dmesg, or ask for the backend type1" },
	};
	struct uapi_iommu_ioas_alloc alloc = { .size = sizeof(alloc) };
	int fd = ioas_open_node(ioas, NODE, NULL), ret;

	if (fd < 0)
		return fd;
	ioas->fd = fd;
	ret = ask(ioas, UAPI_IOMMU_IOAS_ALLOC, &alloc);
	if (ret < 0) {
		ioas->os->close(ioas->os, fd);
		ioas->fd = -1;
		return ioas_failed(ret, ioas->name, "IOMMU_IOAS_ALLOC", fixes);
	}
	ioas->id = alloc.out_ioas_id;
	ioas->accounting = ioas_iommufd_accounting(ioas, BATON_IOAS_ACCOUNT_USER);
	return 0;
}

static void
iommufd_close(struct baton_ioas *ioas)
{
	struct uapi_iommu_destroy destroy = { .size = sizeof(destroy), .id = ioas->id };

	/* Closing the descriptor would be enough: what fails here ends with it. */
	ask(ioas, UAPI_IOMMU_DESTROY, &destroy);
	ioas->os->close(ioas->os, ioas->fd);
	ioas->fd = -1;
}

static int
bind_failed(struct baton_ioas *ioas, int ret, const struct ioas_found *found, const char *node)
{
	static const struct ioas_fix fixes[] = {
		{ EPERM, IOAS_UNSAFE("iommufd") },
		{ ENODEV, "the device has no IOMMU, or was just unbound; look at dmesg" },
		{ EBADF, "the device's node and /dev/iommu do not go together; load the modules of "
			 "one kernel" },
		{ ENOTTY, "the kernel's VFIO knows no iommufd; ask for the backend type1" },
		{ ENOMEM, "the kernel is out of memory; stop other programs to free some" },
		{ ETIMEDOUT, "the device did not come out of its reset; power-cycle it" },
		{ EIO, "the device does not answer; power-cycle it" },
		{ EINVAL, "either the device's DMA is not cache-coherent, which Baton needs, or "
			  "the device is open already; look at fuser -v on its node" },
		{ 0, "look at dmesg" },
	};
	struct text who = { 0 }, others = { 0 };

	ioas_text_group(ioas->os, found, true, others.text, sizeof(others.text));
	ioas_text_holders(ioas->os, found, who.text, sizeof(who.text));
	if ((ret == -EBUSY || ret == -EPERM) && others.text[0])
		return baton_err(EBUSY,
				 "%s: VFIO_DEVICE_BIND_IOMMUFD: %s: its IOMMU group %d also holds "
				 "%s; give these to vfio-pci or to no driver (dpdk-devbind.py -u)",
				 found->bdf, strerror(-ret), found->group, others.text);
	/* Our own descriptor of the node is closed by now. */
	if ((ret == -EINVAL || ret == -EBUSY || ret == -EPERM) && who.text[0])
		return baton_err(EBUSY,
				 "%s: VFIO_DEVICE_BIND_IOMMUFD: %s: the device, or another one of "
				 "its IOMMU group %d, is in use by %s; stop that first, or use one "
				 "address space for both",
				 found->bdf, strerror(-ret), found->group, who.text);
	if (ret == -EBUSY)
		return baton_err(EBUSY,
				 "%s: VFIO_DEVICE_BIND_IOMMUFD: %s: the device, or another one of "
				 "its IOMMU group %d, is in use by another process (as root: fuser "
				 "-v /dev/vfio/%d %s); stop that first",
				 found->bdf, strerror(-ret), found->group, found->group, node);
	return ioas_failed(ret, found->bdf, "VFIO_DEVICE_BIND_IOMMUFD", fixes);
}

static int
attach_failed(int ret, const struct ioas_found *found)
{
	static const struct ioas_fix fixes[] = {
		{ EADDRINUSE, "what is mapped in this address space, or a window asked for it, "
			      "lies where this device can have nothing (reserved addresses, or "
			      "beyond what its IOMMU translates); open this device first, or give "
			      "it an address space of its own" },
		{ EINVAL, "this device's IOMMU cannot share the address space, or its group is "
			  "attached to another; give it an address space of its own" },
		{ EBUSY, "another device of its IOMMU group is attached elsewhere; use one address "
			 "space for both" },
		{ ENOMEM, "the kernel is out of memory, or what is mapped exceeds RLIMIT_MEMLOCK; "
			  "see ulimit -l" },
		{ ENODEV, "the device was just unbound; look at dmesg" },
		{ 0, "look at dmesg" },
	};

	return ioas_failed(ret, found->bdf, "VFIO_DEVICE_ATTACH_IOMMUFD_PT", fixes);
}

static int
iommufd_attach(struct baton_ioas *ioas, const struct ioas_found *found, struct ioas_device *dev)
{
	struct uapi_vfio_bind_iommufd bind = { .argsz = sizeof(bind), .iommufd = ioas->fd };
	struct uapi_vfio_attach_iommufd_pt attach = { .argsz = sizeof(attach), .pt_id = ioas->id };
	char node[2 * IOAS_ROOM];
	int ret;

	if (!found->cdev[0]) {
		ioas->absent = true;
		return baton_err(ENOENT,
				 "%s: the kernel has no device nodes for iommufd "
				 "(CONFIG_VFIO_DEVICE_CDEV, Linux 6.6); ask for the backend type1",
				 found->bdf);
	}
	snprintf(node, sizeof(node), "/dev/vfio/devices/%s", found->cdev);
	dev->fd = ioas_open_node(ioas, node, found);
	if (dev->fd < 0)
		return dev->fd;
	ret = ioas->os->ioctl(ioas->os, dev->fd, UAPI_VFIO_DEVICE_BIND_IOMMUFD, &bind);
	if (ret < 0) {
		ioas->os->close(ioas->os, dev->fd);
		return bind_failed(ioas, ret, found, node);
	}
	ret = ioas->os->ioctl(ioas->os, dev->fd, UAPI_VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach);
	if (ret < 0) {
		ioas->os->close(ioas->os, dev->fd);
		return attach_failed(ret, found);
	}
	return 0;
}

static void
iommufd_detach(struct baton_ioas *ioas, struct ioas_device *dev)
{
	ioas->os->close(ioas->os, dev->fd); /* detaches and unbinds */
}

static int
iommufd_limits(struct baton_ioas *ioas, struct ioas_limits *out)
{
	static const struct ioas_fix fixes[] = { { 0, "the addresses this device can have are "
						      "unknown; look at dmesg" } };
	struct uapi_iommu_ioas_iova_ranges ask_ranges;
	uint32_t room = 16;
	int ret;

	/* Devices may come and go meanwhile, so try again, but not without end. */
	for (int tries = 0;; tries++) {
		struct uapi_iommu_iova_range *ranges =
			ioas->os->alloc(ioas->os, room * sizeof(*ranges));

		_Static_assert(sizeof(*ranges) == sizeof(*out->ranges), "one layout");
		if (!ranges)
			return baton_err(ENOMEM,
					 "%s: no memory for %u address ranges; stop other programs "
					 "to free some",
					 ioas->name, room);
		ask_ranges = (struct uapi_iommu_ioas_iova_ranges){
			.size = sizeof(ask_ranges),
			.ioas_id = ioas->id,
			.num_iovas = room,
			.allowed_iovas = (uintptr_t)ranges,
		};
		ret = ask(ioas, UAPI_IOMMU_IOAS_IOVA_RANGES, &ask_ranges);
		if (ret >= 0 && ask_ranges.num_iovas <= room) {
			out->ranges = (struct baton_iova_range *)(void *)ranges;
			break;
		}
		free(ranges);
		if (ret != -EMSGSIZE || tries == 8 || ask_ranges.num_iovas > 65536)
			return ioas_failed(ret < 0 ? ret : -EIO, ioas->name,
					   "IOMMU_IOAS_IOVA_RANGES", fixes);
		room = ask_ranges.num_iovas;
	}
	out->n_ranges = ask_ranges.num_iovas;
	out->page_sizes = ask_ranges.out_iova_alignment;
	out->mappings_left = UINT64_MAX;
	return 0;
}

/*
 * Tell the kernel the addresses that the user asked for. The kernel then refuses later devices that
 * would narrow them (EADDRINUSE from attach), so that what Baton promised remains true. Baton still
 * chooses where in them it maps memory: the kernel does not compare fixed addresses with the list.
 */
static int
iommufd_allow(struct baton_ioas *ioas, const struct baton_iova_range *windows, unsigned n)
{
	static const struct ioas_fix fixes[] = {
		{ EADDRINUSE, "a device that was just attached took some of these addresses; try "
			      "again, or ask for other windows" },
		{ ENOMEM, "the kernel is out of memory; stop other programs to free some" },
		{ 0, "the kernel does not take these windows; look at dmesg, or ask for none" },
	};
	struct uapi_iommu_ioas_allow_iovas allow = {
		.size = sizeof(allow),
		.ioas_id = ioas->id,
		.num_iovas = n,
		.allowed_iovas = (uintptr_t)windows,
	};
	int ret = ask(ioas, UAPI_IOMMU_IOAS_ALLOW_IOVAS, &allow);

	_Static_assert(sizeof(struct uapi_iommu_iova_range) == sizeof(*windows), "one layout");
	return ret < 0 ? ioas_failed(ret, ioas->name, "IOMMU_IOAS_ALLOW_IOVAS", fixes) : 0;
}

static int
iommufd_map(struct baton_ioas *ioas, const struct baton_mapping *m)
{
	struct uapi_iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = UAPI_IOMMU_MAP_FIXED_IOVA,
		.ioas_id = ioas->id,
		.user_va = (uintptr_t)m->info.va,
		.length = m->info.bytes,
		.iova = m->info.iova,
	};

	if (m->flags & BATON_MAP_READ)
		map.flags |= UAPI_IOMMU_MAP_READABLE;
	if (m->flags & BATON_MAP_WRITE)
		map.flags |= UAPI_IOMMU_MAP_WRITEABLE;
	return ask(ioas, UAPI_IOMMU_IOAS_MAP, &map);
}

static int
iommufd_unmap(struct baton_ioas *ioas, const struct baton_mapping *m)
{
	struct uapi_iommu_ioas_unmap unmap = {
		.size = sizeof(unmap),
		.ioas_id = ioas->id,
		.iova = m->info.iova,
		.length = m->info.bytes,
	};
	int ret = ask(ioas, UAPI_IOMMU_IOAS_UNMAP, &unmap);

	if (ret < 0)
		return ret;
	return unmap.length == m->info.bytes ? 0 : -EIO;
}

const struct ioas_ops ioas_iommufd = {
	.name = "iommufd",
	.map_call = "IOMMU_IOAS_MAP",
	.unmap_call = "IOMMU_IOAS_UNMAP",
	.backend = BATON_IOAS_IOMMUFD,
	.open = iommufd_open,
	.close = iommufd_close,
	.attach = iommufd_attach,
	.detach = iommufd_detach,
	.limits = iommufd_limits,
	.allow = iommufd_allow,
	.map = iommufd_map,
	.unmap = iommufd_unmap,
};
