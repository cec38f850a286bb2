/* SPDX-License-Identifier: BSD-3-Clause */
/* The devices of an address space, and the backend that is chosen for them. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "ctx/ctx.h"
#include "ioas/find.h"
#include "ioas/space.h"

const struct ioas_ops *
ioas_ops_of(enum baton_ioas_backend backend)
{
	switch (backend) {
	case BATON_IOAS_IOMMUFD:
		return &ioas_iommufd;
	case BATON_IOAS_TYPE1:
		return &ioas_type1;
	case BATON_IOAS_COMPAT:
		return &ioas_compat;
	case BATON_IOAS_NOIOMMU:
		return &ioas_noiommu;
	case BATON_IOAS_FLAT:
		return &ioas_flat;
	case BATON_IOAS_VHOST:
		return &ioas_vhost;
	case BATON_IOAS_AUTO:
		break;
	}
	return NULL;
}

/* ---- limits ---- */

static int
take_over(struct baton_ioas *ioas, const char *who, struct ioas_limits *l,
	  struct baton_iova_range *windows)
{
	const struct baton_iova_range *misfit;
	struct text offered = { 0 }, asked = { 0 };
	unsigned n;
	int ret = 0;

	l->n_ranges = iova_merge(l->ranges, l->n_ranges);
	n = ioas->asked_windows ? iova_cross(l->ranges, l->n_ranges, ioas->asked_windows,
					     ioas->n_asked_windows, windows)
				: l->n_ranges;
	if (!ioas->asked_windows)
		memcpy(windows, l->ranges, n * sizeof(*windows));
	ioas_text_ranges(&offered, l->ranges, l->n_ranges);
	ioas_text_ranges(&asked, ioas->asked_windows, ioas->n_asked_windows);
	if (!n)
		return baton_err(ERANGE,
				 "%s: none of the addresses asked for in the windows of %s (%s) is "
				 "there: there are %s; ask for other windows, or none",
				 who, ioas->name, asked.text, offered.text);
	misfit = iova_misfit(&ioas->space, windows, n);
	if (misfit)
		return baton_err(EADDRINUSE,
				 "%s: with this device, the address space %s has the addresses %s "
				 "only, but 0x%" PRIx64 "-0x%" PRIx64 " is mapped already; open "
				 "this device first, or give "
				 "it an address space of its "
				 "own",
				 who, ioas->name, offered.text, misfit->start, misfit->last);
	if (ioas->asked_windows && ioas->ops->allow)
		ret = ioas->ops->allow(ioas, windows, n);
	if (ret)
		return ret;
	free(ioas->space.windows);
	ioas->space.windows = windows;
	ioas->space.n_windows = n;
	ioas->page_sizes = l->page_sizes ? l->page_sizes : ioas->page;
	/* Our addresses begin and end at whole pages of both the IOMMU and the host. */
	if ((ioas->page_sizes & -ioas->page_sizes) < ioas->page)
		ioas->page_sizes = (ioas->page_sizes & -ioas->page) | ioas->page;
	ioas->space.guard = ioas_page(ioas);
	ioas->mappings_limit =
		l->mappings_left == UINT64_MAX ? UINT64_MAX : l->mappings_left + ioas->n_mappings;
	return 0;
}

int
ioas_refresh(struct baton_ioas *ioas, const char *who)
{
	struct ioas_limits limits = { 0 };
	struct baton_iova_range *windows = NULL;
	int ret = ioas->ops->limits(ioas, &limits);

	if (!ret) {
		windows = ioas->os->alloc(ioas->os, (limits.n_ranges + ioas->n_asked_windows + 1) *
							    sizeof(*windows));
		ret = windows ? take_over(ioas, who, &limits, windows)
			      : baton_err(ENOMEM,
					  "%s: no memory for %u address ranges; stop other "
					  "programs to free some",
					  who, limits.n_ranges);
	}
	if (ret)
		free(windows);
	free(limits.ranges);
	return ret;
}

/* ---- opening and closing the backend ---- */

static bool
is_open(const struct baton_ioas *ioas)
{
	return ioas->ops != NULL;
}

static int
open_backend(struct baton_ioas *ioas, const struct ioas_ops *ops)
{
	int ret;

	ioas->ops = ops;
	ret = ops->open(ioas);
	if (ret)
		ioas->ops = NULL;
	return ret;
}

void
ioas_idle(struct baton_ioas *ioas)
{
	if (!is_open(ioas))
		return;
	if (ioas->ops->tidy)
		ioas->ops->tidy(ioas);
	if (ioas->n_devices || ioas->n_mappings || ioas->ops->software)
		return;
	ioas->ops->close(ioas);
	ioas->ops = NULL;
	ioas->why[0] = 0;
	ioas->unsafe_interrupts = false;
	ioas->accounting = BATON_IOAS_ACCOUNT_NONE;
	iova_fini(&ioas->space);
}

/* ---- attach ---- */

static int
try_backend(struct baton_ioas *ioas, const struct ioas_ops *ops, const struct ioas_found *found,
	    struct ioas_device *dev)
{
	int ret;

	ioas->absent = false;
	if (!is_open(ioas)) {
		ret = open_backend(ioas, ops);
		if (ret)
			return ret;
	}
	ret = ioas->ops->attach(ioas, found, dev);
	if (!ret) {
		ret = ioas_refresh(ioas, found->bdf);
		if (ret)
			ioas->ops->detach(ioas, dev);
	}
	if (ret)
		ioas_idle(ioas);
	return ret;
}

static void
log_why(struct baton_ioas *ioas, const struct ioas_found *found, const char *refused)
{
	if (refused[0])
		snprintf(ioas->why, sizeof(ioas->why),
			 "%s, because iommufd is not to be had (%.400s)", ioas->ops->name, refused);
	else if (ioas->asked == BATON_IOAS_AUTO)
		snprintf(ioas->why, sizeof(ioas->why),
			 "%s, because /dev/iommu and /dev/vfio/devices/%s both open",
			 ioas->ops->name, found->cdev);
	else
		snprintf(ioas->why, sizeof(ioas->why), "%s, as asked for", ioas->ops->name);
}

/*
 * Choose iommufd if its nodes can be opened. Whatever refuses the device after that (the device,
 * the group, its limits), type1 would refuse, too.
 */
static int
try_auto(struct baton_ioas *ioas, const struct ioas_found *found, struct ioas_device *dev,
	 char *refused, size_t room)
{
	int ret = try_backend(ioas, &ioas_iommufd, found, dev);

	if (!ret || !ioas->absent)
		return ret;
	snprintf(refused, room, "%s", baton_last_error());
	ret = try_backend(ioas, &ioas_type1, found, dev);
	if (ret && ioas->absent)
		return baton_err(-ret, "%s; nor does iommufd do: %s", baton_last_error(), refused);
	return ret;
}

/*
 * Whether the administrator has set allow_unsafe_interrupts. Whether this device needed it cannot
 * be found out.
 */
static bool
unsafe_interrupts(const struct baton_ioas *ioas)
{
	const char *module =
		ioas->ops->backend == BATON_IOAS_TYPE1 ? "vfio_iommu_type1" : "iommufd";
	char path[IOAS_ROOM], yes[8];

	snprintf(path, sizeof(path), "/sys/module/%s/parameters/allow_unsafe_interrupts", module);
	return ioas->ops->backend == BATON_IOAS_NOIOMMU ||
	       (ioas->os->read(ioas->os, path, yes, sizeof(yes)) > 0 && yes[0] == 'Y');
}

static void
log_choice(struct baton_ioas *ioas)
{
	static const char *const charged[] = { "nobody", "the process", "the user" };
	struct text ranges = { 0 };
	const char *warning = "";

	ioas->unsafe_interrupts = unsafe_interrupts(ioas);
	if (ioas->ops->backend == BATON_IOAS_NOIOMMU)
		warning = "; without an IOMMU the device can overwrite any memory";
	else if (ioas->unsafe_interrupts)
		warning = "; interrupts may not be isolated (allow_unsafe_interrupts)";
	ioas_text_ranges(&ranges, ioas->space.windows, ioas->space.n_windows);
	baton_log(ioas->ctx,
		  ioas->ops->backend == BATON_IOAS_NOIOMMU ? BATON_LOG_WARN : BATON_LOG_INFO,
		  "address space %s: %s; addresses %s; pinned memory is charged to %s%s",
		  ioas->name, ioas->why, ranges.text, charged[ioas->accounting], warning);
}

static int
attach(struct baton_ioas *ioas, const struct ioas_found *found, struct ioas_device *dev)
{
	bool first = !is_open(ioas);
	char refused[IOAS_ROOM * 2] = "";
	int ret;

	if (!first)
		return try_backend(ioas, ioas->ops, found, dev);
	if (ioas->asked == BATON_IOAS_AUTO)
		ret = try_auto(ioas, found, dev, refused, sizeof(refused));
	else
		ret = try_backend(ioas, ioas_ops_of(ioas->asked), found, dev);
	if (ret)
		return ret;
	log_why(ioas, found, refused);
	log_choice(ioas);
	return 0;
}

/* VFIO groups give out the same device more than once, and two drivers must not use one device. */
static int
check_not_ours(const struct baton_ctx *ctx, const char *bdf)
{
	for (const struct baton_ioas *other = ctx->ioases; other; other = other->next)
		for (const struct ioas_device *dev = other->devices; dev; dev = dev->next)
			if (!strcmp(dev->bdf, bdf))
				return baton_err(EBUSY,
						 "%s: this program has the device open already, in "
						 "the address space %s; close that port first",
						 bdf, other->name);
	return 0;
}

int
ioas_attach(struct baton_ioas *ioas, const char *bdf, struct ioas_device **out)
{
	struct ioas_found found;
	struct ioas_device *dev;
	int ret;

	if (!ioas || !out)
		return baton_err(EINVAL, "ioas_attach() needs an address space and an out");
	ret = ioas_find(ioas->os, bdf, ioas->asked == BATON_IOAS_NOIOMMU, &found);
	if (ret)
		return ret;
	if (found.noiommu && ioas->asked != BATON_IOAS_NOIOMMU)
		return baton_err(ENODEV,
				 "%s: VFIO runs this device without an IOMMU, so it could "
				 "overwrite any memory; ask for the backend noiommu by name if "
				 "that is meant",
				 found.bdf);
	if (!found.noiommu && ioas->asked == BATON_IOAS_NOIOMMU)
		return baton_err(ENODEV,
				 "%s: the backend noiommu was asked for, but %s; ask for auto, or "
				 "boot without the IOMMU (intel_iommu=off) and load vfio with "
				 "enable_unsafe_noiommu_mode=1",
				 found.bdf,
				 found.group < 0 ? "VFIO offers no noiommu group for it"
						 : "an IOMMU protects this device");
	ret = check_not_ours(ioas->ctx, found.bdf);
	if (!ret)
		ret = ioas_check_nodes(ioas, &found);
	if (ret)
		return ret;
	dev = ioas->os->alloc(ioas->os, sizeof(*dev));
	if (!dev)
		return baton_err(ENOMEM,
				 "%s: no memory for a device's %zu bytes; stop other programs to "
				 "free some",
				 found.bdf, sizeof(*dev));
	dev->ioas = ioas;
	memcpy(dev->bdf, found.bdf, sizeof(dev->bdf));
	ret = attach(ioas, &found, dev);
	if (ret) {
		free(dev);
		return ret;
	}
	dev->next = ioas->devices;
	ioas->devices = dev;
	ioas->n_devices++;
	*out = dev;
	return 0;
}

int
ioas_device_fd(const struct ioas_device *dev)
{
	return dev->fd;
}

void
ioas_detach(struct ioas_device *dev)
{
	struct baton_ioas *ioas;
	struct ioas_device **at;

	if (!dev)
		return;
	ioas = dev->ioas;
	for (at = &ioas->devices; *at != dev; at = &(*at)->next)
		;
	*at = dev->next;
	ioas->n_devices--;
	ioas->ops->detach(ioas, dev);
	/*
	 * The remaining devices may have more addresses now. If the backend cannot tell, they keep
	 * those they had.
	 */
	if (ioas->n_devices)
		ioas_refresh(ioas, dev->bdf);
	free(dev);
	ioas_idle(ioas);
}
