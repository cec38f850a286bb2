/* SPDX-License-Identifier: BSD-3-Clause */
#include "fake_vfio.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fake *
fake_of(const struct ioas_os *os)
{
	return (struct fake *)(uintptr_t)os;
}

/* Count a call; fail when it is this one's turn. */
int
fake_hit(struct fake *f, const char *call)
{
	f->calls++;
	if (f->calls <= FAKE_CALLS)
		f->call[f->calls] = call;
	return f->calls == f->fail_at ? -f->err : 0;
}

static void *
fake_alloc(const struct ioas_os *os, size_t bytes)
{
	return fake_hit(fake_of(os), "alloc") ? NULL : calloc(1, bytes);
}

struct fake_dev *
fake_by_bdf(struct fake *f, const char *bdf, size_t len)
{
	for (int i = 0; i < FAKE_DEVS; i++)
		if (f->devs[i].bdf && strlen(f->devs[i].bdf) == len &&
		    !strncmp(f->devs[i].bdf, bdf, len))
			return &f->devs[i];
	return NULL;
}

/* Physical memory is upside down: the later a page, the lower it lies. */
static int
fake_pagemap(const struct ioas_os *os, int fd, const void *va, uint64_t *entry)
{
	struct fake *f = fake_of(os);
	uint64_t at = (uintptr_t)va & (GIB - 1), in = at & (f->physical_page - 1);
	int ret = fake_hit(f, "pread");

	assert_int_equal(f->fds[fd].kind, FAKE_PAGEMAP);
	*entry = 1ull << 63;
	if (!f->pagemap_hidden)
		*entry |= (f->physical - (at - in) + in) / f->os.page;
	return ret;
}

/* ---- address spaces ---- */

struct fake_space *
fake_space_of(struct fake_fd *fd, uint32_t id)
{
	for (int i = 0; i < 2; i++)
		if (id && fd->space[i].id == id)
			return &fd->space[i];
	return NULL;
}

/* Whether device @d is attached to the address space @id of descriptor @at. */
bool
fake_attached(const struct fake *f, int d, int at, uint32_t id)
{
	for (int i = 0; i < FAKE_FDS; i++) {
		const struct fake_fd *fd = &f->fds[i];

		if (fd->kind == FAKE_CDEV && fd->index == d && fd->to == at && fd->id == id)
			return true;
		if (fd->kind == FAKE_DEVICE && fd->index == d && f->fds[fd->to].to == at)
			return true;
		/* A container has the whole group as soon as the group is in it, an iommufd only
		 * with the device. */
		if (fd->kind == FAKE_GROUP && fd->to == at && fd->index == f->devs[d].group &&
		    f->fds[at].kind == FAKE_CONTAINER)
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
		if (d->windows[i].last && start >= d->windows[i].start &&
		    last <= d->windows[i].last)
			return true;
	return false;
}

bool
fake_space_fits(const struct fake *f, int d, const struct fake_space *s)
{
	if (f->lenient)
		return true;
	for (unsigned i = 0; i < s->n; i++)
		if (!device_takes(&f->devs[d], s->maps[i].iova,
				  s->maps[i].iova + s->maps[i].bytes - 1))
			return false;
	for (unsigned i = 0; i < s->n_allowed; i++)
		if (!device_takes(&f->devs[d], s->allowed[i].start, s->allowed[i].last))
			return false;
	return true;
}

/* What all attached devices have in common, unsorted as the kernel may have it. */
unsigned
fake_ranges_of(const struct fake *f, int at, uint32_t id, struct baton_iova_range *out,
	       uint64_t *pages)
{
	struct baton_iova_range now[4 * FAKE_WINDOWS] = { { 0, UINT64_MAX } },
					both[4 * FAKE_WINDOWS];
	unsigned n = 1;

	*pages = UINT64_MAX & ~4095ull;
	for (int d = 0; d < FAKE_DEVS; d++) {
		unsigned k = 0;

		if (!f->devs[d].bdf || !f->devs[d].windows[0].last || !fake_attached(f, d, at, id))
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

int
fake_do_map(struct fake *f, int at, struct fake_space *s, uint64_t iova, uint64_t bytes,
	    unsigned prot)
{
	struct baton_iova_range ranges[2 * FAKE_WINDOWS];
	uint64_t pages, used = f->rlimit_mode ? f->locked : f->other_pins;
	unsigned n = fake_ranges_of(f, at, s->id, ranges, &pages), i;

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

int
fake_do_unmap(struct fake *f, struct fake_space *s, uint64_t iova, uint64_t *bytes)
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

void
fake_drop_space(struct fake *f, struct fake_space *s)
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
		if (f->devs[i].bdf && f->devs[i].group == group && f->devs[i].noiommu == noiommu &&
		    f->devs[i].driver && strstr(f->devs[i].driver, "vfio"))
			return true;
	return false;
}

int
fake_new_fd(struct fake *f, enum fake_kind kind, int index)
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
		return f->iommufd ? fake_new_fd(f, FAKE_IOMMUFD, 0) : -ENOENT;
	if (!strcmp(path, "/dev/vfio/vfio"))
		return f->container ? fake_new_fd(f,
						  f->container_is_iommufd ? FAKE_IOMMUFD
									  : FAKE_CONTAINER,
						  1)
				    : -ENOENT;
	if (!strcmp(path, "/proc/self/pagemap"))
		return fake_new_fd(f, FAKE_PAGEMAP, 0);
	for (int i = 0; i < FAKE_DEVS; i++) {
		snprintf(cdev, sizeof(cdev), "/dev/vfio/devices/%s",
			 f->devs[i].cdev ? f->devs[i].cdev : "");
		if (f->cdevs && f->devs[i].cdev && !strcmp(path, cdev))
			return fake_new_fd(f, FAKE_CDEV, i);
	}
	if (sscanf(path, "/dev/vfio/noiommu-%d", &group) == 1
		    ? has_group(f, group, true)
		    : (sscanf(path, "/dev/vfio/%d", &group) == 1 && has_group(f, group, false)))
		return node_open(f, FAKE_GROUP, group) ? -EBUSY : fake_new_fd(f, FAKE_GROUP, group);
	return -ENOENT;
}

static int
fake_open(const struct ioas_os *os, const char *path, int flags)
{
	struct fake *f = fake_of(os);
	int ret = fake_hit(f, !strncmp(path, "/dev", 4) ? "open /dev" : "open /proc");

	if (ret)
		return ret;
	for (int i = 0; i < 4; i++)
		if (f->deny[i].path && !strcmp(f->deny[i].path, path))
			return -f->deny[i].err;
	ret = open_node(f, path);
	for (int i = 0; i < 4 && ret >= 0; i++)
		if (f->node[i].path && !strcmp(f->node[i].path, path))
			f->fds[ret].is = &f->node[i].is;
	return ret;
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
	fake_drop_space(f, &f->fds[container].space[0]);
	f->fds[container].iommu = false;
}

static void
fake_close(const struct ioas_os *os, int n)
{
	struct fake *f = fake_of(os);
	struct fake_fd *fd = &f->fds[n];
	int container = fd->kind == FAKE_GROUP ? fd->to : -1;

	assert_in_range(n, 3, FAKE_FDS - 1);
	assert_int_not_equal(fd->kind, FAKE_FREE);
	for (int i = 0; i < FAKE_FDS; i++) /* nothing may be pulled from under what is open */
		assert_true(f->fds[i].kind == FAKE_FREE || f->fds[i].to != n);
	fake_drop_space(f, &fd->space[0]);
	fake_drop_space(f, &fd->space[1]);
	*fd = (struct fake_fd){ 0 };
	left_container(f, container);
}

/* ---- device nodes ---- */

/* Whether another descriptor than @n has the device or one of its group. */
static bool
owned_elsewhere(const struct fake *f, int n, int d)
{
	for (int i = 0; i < FAKE_FDS; i++) {
		const struct fake_fd *fd = &f->fds[i];

		if (i == n || (fd->kind != FAKE_CDEV && fd->kind != FAKE_GROUP) || fd->to < 0)
			continue;
		if ((fd->kind == FAKE_GROUP ? fd->index : f->devs[fd->index].group) ==
			    f->devs[d].group &&
		    fd->to != f->fds[n].to)
			return true;
	}
	for (int i = 0; i < FAKE_DEVS; i++)
		if (i != d && f->devs[i].bdf && f->devs[i].group == f->devs[d].group &&
		    f->devs[i].driver && !strstr(f->devs[i].driver, "vfio") &&
		    strcmp(f->devs[i].driver, "pcieport") != 0)
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
			if (i != n && f->fds[i].kind == FAKE_CDEV && f->fds[i].index == fd->index &&
			    f->fds[i].to >= 0)
				return -EINVAL;
		if (f->holder.node && strstr(f->holder.node, f->devs[fd->index].cdev))
			return -EINVAL;
		if (!f->devs[fd->index].isolated)
			return -EPERM;
		fd->to = bind->iommufd;
		if (owned_elsewhere(f, n, fd->index)) {
			fd->to = -1;
			return -EPERM; /* the group has another owner */
		}
		return 0;
	}
	if (request != UAPI_VFIO_DEVICE_ATTACH_IOMMUFD_PT)
		return -ENOTTY;
	if (fd->to < 0)
		return -EINVAL;
	s = fake_space_of(&f->fds[fd->to], attach->pt_id);
	if (!s)
		return -ENOENT;
	if (!fake_space_fits(f, fd->index, s))
		return -EADDRINUSE;
	fd->id = s->id;
	return 0;
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
		{ UAPI_IOMMU_IOAS_ALLOW_IOVAS, "IOMMU_IOAS_ALLOW_IOVAS" },
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
	struct fake *f = fake_of(os);
	int ret = fake_hit(f, name_of(request));

	if (ret)
		return ret;
	assert_in_range(n, 3, FAKE_FDS - 1);
	switch (f->fds[n].kind) {
	case FAKE_IOMMUFD:
		ret = fake_on_iommufd(f, n, request, arg);
		return ret == -ENOTTY ? fake_on_container(f, n, request, arg) : ret;
	case FAKE_CDEV:
		return on_cdev(f, n, request, arg);
	case FAKE_CONTAINER:
		return fake_on_container(f, n, request, arg);
	case FAKE_GROUP:
		return fake_on_group(f, n, request, arg);
	default:
		return -ENOTTY;
	}
}

/* ---- for the tests ---- */

struct fake *
fake_new(void)
{
	struct fake *f = calloc(1, sizeof(*f));
	struct fake_dev nic = { NULL,
				"vfio-pci",
				"0x020000",
				3,
				false,
				"vfio0",
				{ { 0, 0xfedfffff }, { 0xfef00000, 0xffffffffffff } },
				~4095ull,
				true,
				NULL,
				false };

	assert_non_null(f);
	f->os = (struct ioas_os){
		.alloc = fake_alloc,
		.open = fake_open,
		.close = fake_close,
		.stat = fake_stat,
		.fstat = fake_fstat,
		.ioctl = fake_ioctl,
		.link = fake_link,
		.list = fake_list,
		.read = fake_read,
		.memlock = fake_memlock,
		.ipc_lock = fake_ipc_lock,
		.uid = fake_uid,
		.lock = fake_lock,
		.unlock = fake_unlock,
		.pagemap = fake_pagemap,
		.page = 4096,
	};
	f->iommufd = f->cdevs = f->container = f->option = f->enforces = true;
	f->release = "6.12.1";
	f->api_version = VFIO_API_VERSION;
	f->soft = f->hard = UINT64_MAX;
	f->dma_avail = 65535;
	f->physical = 0x740000000;
	f->physical_page = 2 * MIB;
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

const struct fake_space *
fake_only_space(const struct fake *f)
{
	const struct fake_space *found = NULL;

	for (int n = 0; n < FAKE_FDS; n++)
		for (int s = 0; s < 2; s++)
			if (f->fds[n].space[s].id) {
				assert_null(found);
				found = &f->fds[n].space[s];
			}
	assert_non_null(found);
	return found;
}
