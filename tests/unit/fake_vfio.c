/* SPDX-License-Identifier: BSD-3-Clause */
#include "fake_vfio.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct fake *
of(const struct ioas_os *os)
{
	return (struct fake *)(uintptr_t)os;
}

/* Count a call; fail when it is this one's turn. */
static int
hit(struct fake *f, const char *call)
{
	f->calls++;
	if (f->calls <= FAKE_CALLS)
		f->call[f->calls] = call;
	return f->calls == f->fail_at ? -f->err : 0;
}

static void *
fake_alloc(const struct ioas_os *os, size_t bytes)
{
	return hit(of(os), "alloc") ? NULL : calloc(1, bytes);
}

/* ---- /sys and /proc ---- */

static struct fake_dev *
by_bdf(struct fake *f, const char *bdf, size_t len)
{
	for (int i = 0; i < FAKE_DEVS; i++)
		if (f->devs[i].bdf && strlen(f->devs[i].bdf) == len && !strncmp(f->devs[i].bdf, bdf, len))
			return &f->devs[i];
	return NULL;
}

/* The device a path below /sys/bus/pci/devices is about, and what of it: "" or "/driver". */
static struct fake_dev *
by_path(struct fake *f, const char *path, const char **what)
{
	static const char root[] = "/sys/bus/pci/devices/";
	const char *bdf = path + sizeof(root) - 1;

	if (strncmp(path, root, sizeof(root) - 1))
		return NULL;
	*what = bdf + strcspn(bdf, "/");
	return by_bdf(f, bdf, (size_t)(*what - bdf));
}

static int
fake_link(const struct ioas_os *os, const char *path, bool whole, char out[IOAS_ROOM])
{
	struct fake *f = of(os);
	const char *what = NULL;
	const struct fake_dev *d = by_path(f, path, &what);
	int ret = hit(f, "readlink");
	char fd[64];

	if (ret)
		return ret;
	snprintf(fd, sizeof(fd), "/proc/%s/fd/7", f->holder.pid ? f->holder.pid : "-");
	if (!strcmp(path, fd))
		return snprintf(out, IOAS_ROOM, "%s", f->holder.node) < 0;
	if (d && !*what)
		return snprintf(out, IOAS_ROOM, "%s", d->bdf) < 0;
	if (d && !strcmp(what, "/driver") && d->driver)
		return snprintf(out, IOAS_ROOM, "%s", d->driver) < 0;
	if (d && !strcmp(what, "/iommu_group") && d->group >= 0)
		return snprintf(out, IOAS_ROOM, "%d", d->group) < 0;
	return -ENOENT;
}

static int
fake_read(const struct ioas_os *os, const char *path, char *out, size_t room)
{
	struct fake *f = of(os);
	const char *what = NULL;
	const struct fake_dev *d = by_path(f, path, &what);
	int ret = hit(f, "read");

	if (ret)
		return ret;
	if (d && !strcmp(what, "/class"))
		return snprintf(out, room, "%s", d->class);
	if (d && !strcmp(what, "/iommu_group/name") && d->noiommu)
		return snprintf(out, room, "vfio-noiommu");
	if (!strcmp(path, "/proc/sys/kernel/osrelease"))
		return snprintf(out, room, "%s", f->release);
	if (!strcmp(path, "/proc/self/status"))
		return snprintf(out, room, "Name:\tt\nUid:\t1000\t1000\nVmLck:\t%8llu kB\nVmPin:\t 0 kB\n",
				(unsigned long long)((f->locked + (f->rlimit_mode ? f->pinned : 0)) / KIB));
	if (!strcmp(path, "/proc/100/status"))
		return snprintf(out, room, "Name:\tt\nUid:\t1000\t1000\nVmLck:\t0 kB\nVmPin:\t%8llu kB\n",
				(unsigned long long)(f->pinned / KIB));
	if (!strcmp(path, "/proc/200/status"))
		return snprintf(out, room, "Name:\to\nUid:\t1000\t1000\nVmLck:\t0 kB\nVmPin:\t%llu kB\n",
				(unsigned long long)(f->other_pins / KIB));
	if (!strcmp(path, "/proc/300/status")) /* another user's */
		return snprintf(out, room, "Name:\tx\nUid:\t1001\t1001\nVmLck:\t0 kB\nVmPin:\t99999999 kB\n");
	if (f->holder.comm && strstr(path, "/comm"))
		return snprintf(out, room, "%s", f->holder.comm);
	return -ENOENT;
}

static int
list_groups(struct fake *f, const char *path, int (*each)(void *arg, const char *name), void *arg)
{
	char name[64];
	int ret = 0;

	for (int i = 0; i < FAKE_DEVS && !ret; i++) {
		const struct fake_dev *d = &f->devs[i];

		if (!d->bdf || d->group < 0)
			continue;
		snprintf(name, sizeof(name), "/sys/kernel/iommu_groups/%d/devices", d->group);
		if (!strcmp(path, name))
			ret = each(arg, d->bdf);
		else if (!strcmp(path, "/sys/kernel/iommu_groups")) {
			snprintf(name, sizeof(name), "%d", d->group);
			ret = each(arg, name);
		}
	}
	return ret;
}

static int
list_proc(struct fake *f, const char *path, int (*each)(void *arg, const char *name), void *arg)
{
	static const char *const pids[] = { "100", "uptime", "200", "300", NULL };
	char fds[64];
	int ret = 0;

	snprintf(fds, sizeof(fds), "/proc/%s/fd", f->holder.pid ? f->holder.pid : "-");
	if (!strcmp(path, fds))
		return each(arg, "7");
	if (strcmp(path, "/proc"))
		return -EACCES;
	for (int i = 0; pids[i] && !ret; i++)
		ret = each(arg, pids[i]);
	return ret;
}

static int
fake_list(const struct ioas_os *os, const char *path, int (*each)(void *arg, const char *name), void *arg)
{
	struct fake *f = of(os);
	const char *what = NULL;
	const struct fake_dev *d = by_path(f, path, &what);
	int ret = hit(f, "opendir");

	if (ret)
		return ret;
	if (d && !strcmp(what, "/vfio-dev"))
		return d->cdev ? each(arg, d->cdev) : -ENOENT;
	if (!strncmp(path, "/proc", 5))
		return list_proc(f, path, each, arg);
	if (!strncmp(path, "/sys/kernel/iommu_groups", 24))
		return list_groups(f, path, each, arg);
	if (strcmp(path, "/sys/bus/pci/devices"))
		return -ENOENT;
	for (int i = 0; i < FAKE_DEVS && !ret; i++)
		if (f->devs[i].bdf)
			ret = each(arg, f->devs[i].bdf);
	return ret;
}

/* ---- limits ---- */

static int
fake_memlock(const struct ioas_os *os, uint64_t *soft, uint64_t *hard)
{
	int ret = hit(of(os), "getrlimit");

	*soft = of(os)->soft;
	*hard = of(os)->hard;
	return ret;
}

static bool
fake_ipc_lock(const struct ioas_os *os)
{
	return of(os)->exempt;
}

static unsigned
fake_uid(const struct ioas_os *os)
{
	return 1000;
}

static int
fake_lock(const struct ioas_os *os, void *va, size_t bytes)
{
	/* One that fails may have locked some. */
	of(os)->pinned += bytes;
	return hit(of(os), "mlock");
}

static int
fake_unlock(const struct ioas_os *os, void *va, size_t bytes)
{
	of(os)->pinned -= bytes;
	return 0;
}

/* Pages of 2 MiB and pages of 4 KiB both lie upside down. */
static int
fake_pagemap(const struct ioas_os *os, int fd, const void *va, uint64_t *entry)
{
	struct fake *f = of(os);
	int ret = hit(f, "pread");

	assert_int_equal(f->fds[fd].kind, FAKE_PAGEMAP);
	*entry = f->pagemap_hidden ? 1ull << 63 :
				     1ull << 63 | (f->physical - ((uintptr_t)va & (GIB - 1))) / 4096;
	return ret;
}

/* ---- address spaces ---- */

static struct fake_space *
space_of(struct fake_fd *fd, uint32_t id)
{
	for (int i = 0; i < 2; i++)
		if (id && fd->space[i].id == id)
			return &fd->space[i];
	return NULL;
}

/* Whether device @d is attached to the address space @id of descriptor @at. */
static bool
attached(const struct fake *f, int d, int at, uint32_t id)
{
	for (int i = 0; i < FAKE_FDS; i++) {
		const struct fake_fd *fd = &f->fds[i];

		if (fd->kind == FAKE_CDEV && fd->index == d && fd->to == at && fd->id == id)
			return true;
		if (fd->kind == FAKE_DEVICE && fd->index == d && f->fds[fd->to].to == at)
			return true;
		/* A container has the whole group as soon as the group is in it, an iommufd only with the device. */
		if (fd->kind == FAKE_GROUP && fd->to == at && fd->index == f->devs[d].group && f->fds[at].kind == FAKE_CONTAINER)
			return true;
	}
	return false;
}

static bool
device_takes(const struct fake_dev *d, uint64_t start, uint64_t last)
{
	if (!d->windows[0].last)
		return true;
	for (int i = 0; i < FAKE_WINDOWS; i++)
		if (d->windows[i].last && start >= d->windows[i].start && last <= d->windows[i].last)
			return true;
	return false;
}

static bool
space_fits(const struct fake *f, int d, const struct fake_space *s)
{
	for (unsigned i = 0; i < s->n; i++)
		if (!device_takes(&f->devs[d], s->maps[i].iova, s->maps[i].iova + s->maps[i].bytes - 1))
			return false;
	return true;
}

/* What all attached devices have in common, unsorted as the kernel may have it. */
static unsigned
ranges_of(const struct fake *f, int at, uint32_t id, struct baton_iova_range *out, uint64_t *pages)
{
	struct baton_iova_range now[4 * FAKE_WINDOWS] = { { 0, UINT64_MAX } }, both[4 * FAKE_WINDOWS];
	unsigned n = 1;

	*pages = UINT64_MAX & ~4095ull;
	for (int d = 0; d < FAKE_DEVS; d++) {
		unsigned k = 0;

		if (!f->devs[d].bdf || !f->devs[d].windows[0].last || !attached(f, d, at, id))
			continue; /* a device without windows has no part in it */
		while (k < FAKE_WINDOWS && f->devs[d].windows[k].last)
			k++;
		n = iova_cross(now, n, f->devs[d].windows, k, both);
		memcpy(now, both, n * sizeof(*now));
		*pages &= f->devs[d].page_sizes;
	}
	for (unsigned i = 0; i < n; i++)
		out[i] = now[n - 1 - i];
	return n;
}

static int
do_map(struct fake *f, int at, struct fake_space *s, uint64_t iova, uint64_t bytes, unsigned prot)
{
	struct baton_iova_range ranges[2 * FAKE_WINDOWS];
	uint64_t pages, used = f->rlimit_mode ? f->locked : f->other_pins;
	unsigned n = ranges_of(f, at, s->id, ranges, &pages), i;

	f->map_calls++;
	if (!bytes || (iova | bytes) & ((pages & -pages) - 1) || iova + bytes - 1 < iova)
		return -EINVAL;
	for (i = 0; i < n; i++)
		if (iova >= ranges[i].start && iova + bytes - 1 <= ranges[i].last)
			break;
	if (i == n)
		return -EINVAL;
	for (i = 0; i < s->n; i++)
		if (iova < s->maps[i].iova + s->maps[i].bytes && s->maps[i].iova < iova + bytes)
			return -EEXIST;
	if (!f->exempt && used + f->pinned + bytes > f->soft)
		return -ENOMEM;
	if (f->fds[at].kind == FAKE_CONTAINER && s->n >= f->dma_avail)
		return -ENOSPC;
	assert_true(s->n < FAKE_MAPS);
	s->maps[s->n++] = (struct fake_map){ iova, bytes, prot };
	f->pinned += bytes;
	return 0;
}

static int
do_unmap(struct fake *f, struct fake_space *s, uint64_t iova, uint64_t *bytes)
{
	for (unsigned i = 0; i < s->n; i++)
		if (s->maps[i].iova == iova && s->maps[i].bytes == *bytes) {
			f->pinned -= *bytes;
			s->maps[i] = s->maps[--s->n];
			return 0;
		}
	*bytes = 0;
	return -ENOENT;
}

static void
drop_space(struct fake *f, struct fake_space *s)
{
	for (unsigned i = 0; i < s->n; i++)
		f->pinned -= s->maps[i].bytes;
	*s = (struct fake_space){ 0 };
}

/* ---- open and close ---- */

static bool
node_open(const struct fake *f, enum fake_kind kind, int index)
{
	for (int i = 0; i < FAKE_FDS; i++)
		if (f->fds[i].kind == kind && f->fds[i].index == index)
			return true;
	return false;
}

static bool
has_group(const struct fake *f, int group, bool noiommu)
{
	for (int i = 0; i < FAKE_DEVS; i++)
		if (f->devs[i].bdf && f->devs[i].group == group && f->devs[i].noiommu == noiommu && f->devs[i].driver &&
		    strstr(f->devs[i].driver, "vfio"))
			return true;
	return false;
}

static int
new_fd(struct fake *f, enum fake_kind kind, int index)
{
	for (int i = 3; i < FAKE_FDS; i++)
		if (f->fds[i].kind == FAKE_FREE) {
			f->fds[i] = (struct fake_fd){ .kind = kind, .index = index, .to = -1 };
			return i;
		}
	return -EMFILE;
}

static int
open_node(struct fake *f, const char *path)
{
	char cdev[64];
	int group = -1;

	if (!strcmp(path, "/dev/iommu"))
		return f->iommufd ? new_fd(f, FAKE_IOMMUFD, 0) : -ENOENT;
	if (!strcmp(path, "/dev/vfio/vfio"))
		return f->container ? new_fd(f, f->container_is_iommufd ? FAKE_IOMMUFD : FAKE_CONTAINER, 0) : -ENOENT;
	if (!strcmp(path, "/proc/self/pagemap"))
		return new_fd(f, FAKE_PAGEMAP, 0);
	for (int i = 0; i < FAKE_DEVS; i++) {
		snprintf(cdev, sizeof(cdev), "/dev/vfio/devices/%s", f->devs[i].cdev ? f->devs[i].cdev : "");
		if (f->cdevs && f->devs[i].cdev && !strcmp(path, cdev))
			return new_fd(f, FAKE_CDEV, i);
	}
	if (sscanf(path, "/dev/vfio/noiommu-%d", &group) == 1 ? has_group(f, group, true) :
								(sscanf(path, "/dev/vfio/%d", &group) == 1 && has_group(f, group, false)))
		return node_open(f, FAKE_GROUP, group) ? -EBUSY : new_fd(f, FAKE_GROUP, group);
	return -ENOENT;
}

static int
fake_open(const struct ioas_os *os, const char *path, int flags)
{
	struct fake *f = of(os);
	int ret = hit(f, !strncmp(path, "/dev", 4) ? "open /dev" : "open /proc");

	if (ret)
		return ret;
	for (int i = 0; i < 4; i++)
		if (f->deny[i].path && !strcmp(f->deny[i].path, path))
			return -f->deny[i].err;
	return open_node(f, path);
}

/* Without groups a container forgets everything. */
static void
left_container(struct fake *f, int container)
{
	if (container < 0 || f->fds[container].kind != FAKE_CONTAINER)
		return;
	for (int i = 0; i < FAKE_FDS; i++)
		if (f->fds[i].kind == FAKE_GROUP && f->fds[i].to == container)
			return;
	drop_space(f, &f->fds[container].space[0]);
	f->fds[container].iommu = false;
}

static void
fake_close(const struct ioas_os *os, int n)
{
	struct fake *f = of(os);
	struct fake_fd *fd = &f->fds[n];
	int container = fd->kind == FAKE_GROUP ? fd->to : -1;

	assert_in_range(n, 3, FAKE_FDS - 1);
	assert_int_not_equal(fd->kind, FAKE_FREE);
	for (int i = 0; i < FAKE_FDS; i++) /* nothing may be pulled from under what is open */
		assert_true(f->fds[i].kind == FAKE_FREE || f->fds[i].to != n);
	drop_space(f, &fd->space[0]);
	drop_space(f, &fd->space[1]);
	*fd = (struct fake_fd){ 0 };
	left_container(f, container);
}

/* ---- iommufd ---- */

static int
iova_ranges(struct fake *f, int n, struct uapi_iommu_ioas_iova_ranges *c)
{
	struct baton_iova_range ranges[2 * FAKE_WINDOWS], *to = (void *)(uintptr_t)c->allowed_iovas;
	uint32_t room = c->num_iovas;
	uint64_t pages;

	assert_int_equal(c->size, sizeof(*c));
	if (!space_of(&f->fds[n], c->ioas_id))
		return -ENOENT;
	c->num_iovas = ranges_of(f, n, c->ioas_id, ranges, &pages);
	c->out_iova_alignment = pages & -pages;
	if (c->num_iovas > room)
		return -EMSGSIZE;
	memcpy(to, ranges, c->num_iovas * sizeof(*to));
	return 0;
}

static int
ioas_alloc(struct fake *f, struct fake_fd *fd, uint32_t *id)
{
	for (int i = 0; i < 2; i++)
		if (!fd->space[i].id) {
			fd->space[i].id = *id = ++f->next_id;
			return 0;
		}
	return -ENOMEM;
}

static int
ioas_map(struct fake *f, int n, const struct uapi_iommu_ioas_map *c)
{
	struct fake_space *s = space_of(&f->fds[n], c->ioas_id);

	assert_int_equal(c->size, sizeof(*c));
	assert_true(c->flags & UAPI_IOMMU_MAP_FIXED_IOVA);
	if (!s)
		return -ENOENT;
	return do_map(f, n, s, c->iova, c->length,
		      (c->flags & UAPI_IOMMU_MAP_READABLE ? BATON_MAP_READ : 0) | (c->flags & UAPI_IOMMU_MAP_WRITEABLE ? BATON_MAP_WRITE : 0));
}

static int
ioas_destroy(struct fake *f, int n, const struct uapi_iommu_destroy *c)
{
	struct fake_space *s = space_of(&f->fds[n], c->id);

	if (!s)
		return -ENOENT;
	for (int i = 0; i < FAKE_FDS; i++)
		if (f->fds[i].kind == FAKE_CDEV && f->fds[i].to == n && f->fds[i].id == c->id)
			return -EBUSY;
	drop_space(f, s);
	return 0;
}

static int
on_iommufd(struct fake *f, int n, unsigned long request, void *arg)
{
	struct fake_fd *fd = &f->fds[n];
	struct uapi_iommu_ioas_unmap *unmap = arg;
	struct uapi_iommu_option *option = arg;

	switch (request) {
	case UAPI_IOMMU_IOAS_ALLOC:
		return ioas_alloc(f, fd, &((struct uapi_iommu_ioas_alloc *)arg)->out_ioas_id);
	case UAPI_IOMMU_IOAS_IOVA_RANGES:
		return iova_ranges(f, n, arg);
	case UAPI_IOMMU_IOAS_MAP:
		return ioas_map(f, n, arg);
	case UAPI_IOMMU_IOAS_UNMAP:
		if (!space_of(fd, unmap->ioas_id))
			return -ENOENT;
		return do_unmap(f, space_of(fd, unmap->ioas_id), unmap->iova, &unmap->length);
	case UAPI_IOMMU_DESTROY:
		return ioas_destroy(f, n, arg);
	case UAPI_IOMMU_OPTION:
		if (!f->option)
			return -EOPNOTSUPP;
		option->val64 = (uint64_t)f->rlimit_mode;
		return 0;
	}
	return -ENOTTY;
}

/* Whether another descriptor than @n has the device or one of its group. */
static bool
owned_elsewhere(const struct fake *f, int n, int d)
{
	for (int i = 0; i < FAKE_FDS; i++) {
		const struct fake_fd *fd = &f->fds[i];

		if (i == n || (fd->kind != FAKE_CDEV && fd->kind != FAKE_GROUP) || fd->to < 0)
			continue;
		if ((fd->kind == FAKE_GROUP ? fd->index : f->devs[fd->index].group) == f->devs[d].group && fd->to != f->fds[n].to)
			return true;
	}
	for (int i = 0; i < FAKE_DEVS; i++)
		if (i != d && f->devs[i].bdf && f->devs[i].group == f->devs[d].group && f->devs[i].driver &&
		    !strstr(f->devs[i].driver, "vfio") && strcmp(f->devs[i].driver, "pcieport") != 0)
			return true;
	return false;
}

static int
on_cdev(struct fake *f, int n, unsigned long request, void *arg)
{
	struct uapi_vfio_attach_iommufd_pt *attach = arg;
	struct uapi_vfio_bind_iommufd *bind = arg;
	struct fake_fd *fd = &f->fds[n];
	const struct fake_space *s;

	if (request == UAPI_VFIO_DEVICE_BIND_IOMMUFD) {
		if (bind->argsz < sizeof(*bind) || bind->flags || fd->to >= 0)
			return -EINVAL;
		for (int i = 0; i < FAKE_FDS; i++) /* the same device twice */
			if (i != n && f->fds[i].kind == FAKE_CDEV && f->fds[i].index == fd->index && f->fds[i].to >= 0)
				return -EINVAL;
		if (f->holder.node && strstr(f->holder.node, f->devs[fd->index].cdev))
			return -EINVAL;
		if (!f->devs[fd->index].isolated)
			return -EPERM;
		fd->to = bind->iommufd;
		if (owned_elsewhere(f, n, fd->index)) {
			fd->to = -1;
			return -EBUSY;
		}
		return 0;
	}
	if (request != UAPI_VFIO_DEVICE_ATTACH_IOMMUFD_PT)
		return -ENOTTY;
	if (fd->to < 0)
		return -EINVAL;
	s = space_of(&f->fds[fd->to], attach->pt_id);
	if (!s)
		return -ENOENT;
	if (!space_fits(f, fd->index, s))
		return -EADDRINUSE;
	fd->id = s->id;
	return 0;
}

/* ---- containers, and iommufds in their place ---- */

static struct fake_space *
compat_space(struct fake *f, int n)
{
	struct fake_fd *fd = &f->fds[n];

	return fd->kind == FAKE_CONTAINER ? &fd->space[0] : space_of(fd, fd->id);
}

/* VFIO_IOMMU_GET_INFO: argsz says what all of it takes; the capabilities only come when that much was offered. */
static int
get_info(struct fake *f, int n, struct vfio_iommu_type1_info *info)
{
	struct baton_iova_range ranges[2 * FAKE_WINDOWS];
	uint64_t pages;
	struct fake_space *s = compat_space(f, n);
	unsigned k = ranges_of(f, n, s->id, ranges, &pages);
	struct vfio_iommu_type1_info_dma_avail avail = { { VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL, 1, 0 }, (uint32_t)(f->dma_avail - s->n) };
	struct vfio_iommu_type1_info_cap_iova_range cap = { { VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, 1, 0 }, k, 0 };
	uint32_t at = sizeof(*info), total = at + (uint32_t)(sizeof(cap) + k * sizeof(*ranges) + sizeof(avail));
	uint8_t *base = (uint8_t *)info;

	info->flags = VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS;
	info->iova_pgsizes = pages;
	if (info->argsz < total) {
		if (info->argsz >= sizeof(*info))
			info->cap_offset = 0;
		info->argsz = total;
		return 0;
	}
	info->cap_offset = at;
	cap.header.next = at + (uint32_t)(sizeof(cap) + k * sizeof(*ranges));
	memcpy(base + at, &cap, sizeof(cap));
	memcpy(base + at + sizeof(cap), ranges, k * sizeof(*ranges));
	memcpy(base + cap.header.next, &avail, sizeof(avail));
	return 0;
}

static int
on_container(struct fake *f, int n, unsigned long request, void *arg)
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
		return VFIO_API_VERSION;
	case VFIO_CHECK_EXTENSION:
		if (value == VFIO_DMA_CC_IOMMU)
			return f->enforces && s;
		return value == VFIO_TYPE1v2_IOMMU || (value == VFIO_NOIOMMU_IOMMU && f->noiommu_mode);
	case VFIO_SET_IOMMU:
		if (!s || (real && (f->fds[n].iommu || !s->id)))
			return -EINVAL;
		for (int d = 0; d < FAKE_DEVS; d++)
			if (real && f->devs[d].bdf && attached(f, d, n, s->id) && !f->devs[d].isolated)
				return -EPERM;
		f->fds[n].iommu = true;
		return 0;
	case VFIO_IOMMU_GET_INFO:
		return s && f->fds[n].iommu ? get_info(f, n, arg) : -EINVAL;
	case VFIO_IOMMU_MAP_DMA:
		if (!s || !f->fds[n].iommu)
			return -EINVAL;
		return do_map(f, n, s, map->iova, map->size,
			      (map->flags & VFIO_DMA_MAP_FLAG_READ ? BATON_MAP_READ : 0) |
				      (map->flags & VFIO_DMA_MAP_FLAG_WRITE ? BATON_MAP_WRITE : 0));
	case VFIO_IOMMU_UNMAP_DMA:
		if (!s || !f->fds[n].iommu)
			return -EINVAL;
		bytes = unmap->size;
		ret = do_unmap(f, s, unmap->iova, &bytes);
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
		ret = to->id ? 0 : ioas_alloc(f, to, &to->id);
		if (!ret)
			fd->to = container;
		return ret;
	}
	if (to->kind != FAKE_CONTAINER)
		return -EBADFD;
	for (int d = 0; d < FAKE_DEVS; d++) {
		if (!f->devs[d].bdf || f->devs[d].group != fd->index)
			continue;
		if (to->iommu && !space_fits(f, d, &to->space[0]))
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
	const struct fake_dev *d = by_bdf(f, bdf, strlen(bdf));
	struct fake_fd *fd = &f->fds[n];
	int index = (int)(d - f->devs), ret;

	if (!d || d->group != fd->index || !d->driver || !strstr(d->driver, "vfio"))
		return -ENODEV;
	if (fd->to < 0 || (f->fds[fd->to].kind == FAKE_CONTAINER && !f->fds[fd->to].iommu))
		return -EINVAL;
	if (f->fds[fd->to].kind == FAKE_IOMMUFD) {
		if (!d->isolated)
			return -EPERM;
		if (!space_fits(f, index, compat_space(f, fd->to)))
			return -EADDRINUSE;
	}
	ret = new_fd(f, FAKE_DEVICE, index);
	if (ret >= 0)
		f->fds[ret].to = n;
	return ret;
}

static int
on_group(struct fake *f, int n, unsigned long request, void *arg)
{
	struct vfio_group_status *status = arg;

	switch (request) {
	case VFIO_GROUP_GET_STATUS:
		status->flags = VFIO_GROUP_FLAGS_VIABLE;
		for (int d = 0; d < FAKE_DEVS; d++)
			if (f->devs[d].bdf && f->devs[d].group == f->fds[n].index && f->devs[d].driver &&
			    !strstr(f->devs[d].driver, "vfio") && strcmp(f->devs[d].driver, "pcieport") != 0)
				status->flags = 0;
		return 0;
	case VFIO_GROUP_SET_CONTAINER:
		return set_container(f, n, *(int *)arg);
	case VFIO_GROUP_GET_DEVICE_FD:
		return get_device(f, n, arg);
	}
	return -ENOTTY;
}

static const char *
name_of(unsigned long request)
{
	static const struct {
		unsigned long request;
		const char *name;
	} names[] = {
		{ UAPI_IOMMU_DESTROY, "IOMMU_DESTROY" },
		{ UAPI_IOMMU_IOAS_ALLOC, "IOMMU_IOAS_ALLOC" },
		{ UAPI_IOMMU_IOAS_IOVA_RANGES, "IOMMU_IOAS_IOVA_RANGES" },
		{ UAPI_IOMMU_IOAS_MAP, "IOMMU_IOAS_MAP" },
		{ UAPI_IOMMU_IOAS_UNMAP, "IOMMU_IOAS_UNMAP" },
		{ UAPI_IOMMU_OPTION, "IOMMU_OPTION" },
		{ UAPI_VFIO_DEVICE_BIND_IOMMUFD, "VFIO_DEVICE_BIND_IOMMUFD" },
		{ UAPI_VFIO_DEVICE_ATTACH_IOMMUFD_PT, "VFIO_DEVICE_ATTACH_IOMMUFD_PT" },
		{ VFIO_GET_API_VERSION, "VFIO_GET_API_VERSION" },
		{ VFIO_CHECK_EXTENSION, "VFIO_CHECK_EXTENSION" },
		{ VFIO_SET_IOMMU, "VFIO_SET_IOMMU" },
		{ VFIO_GROUP_GET_STATUS, "VFIO_GROUP_GET_STATUS" },
		{ VFIO_GROUP_SET_CONTAINER, "VFIO_GROUP_SET_CONTAINER" },
		{ VFIO_GROUP_GET_DEVICE_FD, "VFIO_GROUP_GET_DEVICE_FD" },
		{ VFIO_IOMMU_GET_INFO, "VFIO_IOMMU_GET_INFO" },
		{ VFIO_IOMMU_MAP_DMA, "VFIO_IOMMU_MAP_DMA" },
		{ VFIO_IOMMU_UNMAP_DMA, "VFIO_IOMMU_UNMAP_DMA" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (names[i].request == request)
			return names[i].name;
	fail_msg("ioctl %#lx", request);
	return NULL;
}

static int
fake_ioctl(const struct ioas_os *os, int n, unsigned long request, void *arg)
{
	struct fake *f = of(os);
	int ret = hit(f, name_of(request));

	if (ret)
		return ret;
	assert_in_range(n, 3, FAKE_FDS - 1);
	switch (f->fds[n].kind) {
	case FAKE_IOMMUFD:
		ret = on_iommufd(f, n, request, arg);
		return ret == -ENOTTY ? on_container(f, n, request, arg) : ret;
	case FAKE_CDEV:
		return on_cdev(f, n, request, arg);
	case FAKE_CONTAINER:
		return on_container(f, n, request, arg);
	case FAKE_GROUP:
		return on_group(f, n, request, arg);
	default:
		return -ENOTTY;
	}
}

/* ---- for the tests ---- */

struct fake *
fake_new(void)
{
	struct fake *f = calloc(1, sizeof(*f));
	struct fake_dev nic = { NULL, "vfio-pci", "0x020000", 3, false, "vfio0", { { 0, 0xfedfffff }, { 0xfef00000, 0xffffffffffff } },
				~4095ull, true };

	assert_non_null(f);
	f->os = (struct ioas_os){
		.alloc = fake_alloc, .open = fake_open, .close = fake_close, .ioctl = fake_ioctl, .link = fake_link,
		.list = fake_list, .read = fake_read, .memlock = fake_memlock, .ipc_lock = fake_ipc_lock, .uid = fake_uid,
		.lock = fake_lock, .unlock = fake_unlock, .pagemap = fake_pagemap, .page = 4096,
	};
	f->iommufd = f->cdevs = f->container = f->option = f->enforces = true;
	f->release = "6.12.1";
	f->soft = f->hard = UINT64_MAX;
	f->dma_avail = 65535;
	f->physical = 0x740000000;
	nic.bdf = "0000:00:03.0";
	f->devs[0] = nic;
	nic.bdf = "0000:00:04.0";
	nic.group = 4;
	nic.cdev = "vfio1";
	f->devs[1] = nic;
	return f;
}

void
fake_assert_idle(const struct fake *f)
{
	for (int i = 0; i < FAKE_FDS; i++)
		if (f->fds[i].kind != FAKE_FREE)
			fail_msg("descriptor %d of kind %d is still open", i, (int)f->fds[i].kind);
	assert_int_equal(f->pinned, 0);
}

void
fake_unplug(struct fake *f, int d)
{
	for (int i = 0; i < FAKE_FDS; i++)
		if (f->fds[i].kind == FAKE_GROUP && f->fds[i].index == f->devs[d].group) {
			int container = f->fds[i].to;

			f->fds[i].to = -1;
			left_container(f, container);
		}
	f->devs[d] = (struct fake_dev){ 0 };
}

static const struct fake_map *
nth(const struct fake *f, unsigned i, unsigned *count)
{
	const struct fake_map *found = NULL;

	*count = 0;
	for (int n = 0; n < FAKE_FDS; n++)
		for (int s = 0; s < 2; s++)
			for (unsigned k = 0; k < f->fds[n].space[s].n; k++)
				if ((*count)++ == i)
					found = &f->fds[n].space[s].maps[k];
	return found;
}

unsigned
fake_mappings(const struct fake *f)
{
	unsigned n;

	nth(f, 0, &n);
	return n;
}

const struct fake_map *
fake_mapping(const struct fake *f, unsigned i)
{
	unsigned n;
	const struct fake_map *m = nth(f, i, &n);

	assert_non_null(m);
	return m;
}

static void
keep_log(void *arg, enum baton_log_level level, const char *line)
{
	struct bare_ctx *b = arg;

	b->warnings += level == BATON_LOG_WARN;
	b->infos += level == BATON_LOG_INFO;
	snprintf(b->last, sizeof(b->last), "%s", line);
}

struct bare_ctx *
fake_ctx(void)
{
	struct bare_ctx *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	b->ctx.log = keep_log;
	b->ctx.log_arg = b;
	return b;
}

void
assert_says(const char *part)
{
	if (!strstr(baton_last_error(), part))
		fail_msg("\"%s\" does not say \"%s\"", baton_last_error(), part);
}

int
fake_ioas(struct fake *f, struct bare_ctx *b, enum baton_ioas_backend backend, struct baton_ioas **out)
{
	struct baton_ioas_config c;

	baton_ioas_config_init(&c);
	c.backend = backend;
	return baton_ioas_create_with(&b->ctx, &c, &f->os, out);
}

int
fake_do_map(struct baton_ioas *ioas, uint64_t bytes, uint64_t page, uint64_t limit, struct baton_mapping **out)
{
	struct baton_map_config c;

	baton_map_config_init(&c);
	c.name = "pool0";
	c.va = (void *)(uintptr_t)(0x7f0000000000 + ioas->map_calls * 0x4000000000);
	c.bytes = bytes;
	c.page_size = page;
	c.limit = limit;
	return baton_ioas_map(ioas, &c, out);
}
