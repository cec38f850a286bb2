/* SPDX-License-Identifier: BSD-3-Clause */
/* What the fake kernel's /dev/iommu answers. */
#include "fake_vfio.h"

#include <errno.h>
#include <string.h>

static int
iova_ranges(struct fake *f, int n, struct uapi_iommu_ioas_iova_ranges *c)
{
	struct baton_iova_range ranges[2 * FAKE_WINDOWS], *to = (void *)(uintptr_t)c->allowed_iovas;
	uint32_t room = c->num_iovas;
	uint64_t pages;

	assert_int_equal(c->size, sizeof(*c));
	if (!fake_space_of(&f->fds[n], c->ioas_id))
		return -ENOENT;
	c->num_iovas = fake_ranges_of(f, n, c->ioas_id, ranges, &pages);
	c->out_iova_alignment = pages & -pages;
	if (c->num_iovas > room)
		return -EMSGSIZE;
	memcpy(to, ranges, c->num_iovas * sizeof(*to));
	return 0;
}

/* As Linux: the list replaces the one before, its ranges may not overlap, none may be reserved. */
static int
allow_iovas(struct fake *f, int n, const struct uapi_iommu_ioas_allow_iovas *c)
{
	const struct baton_iova_range *list = (const void *)(uintptr_t)c->allowed_iovas;
	struct fake_space *s = fake_space_of(&f->fds[n], c->ioas_id);
	struct baton_iova_range now[4 * FAKE_WINDOWS];
	uint64_t pages;
	unsigned k;

	assert_int_equal(c->size, sizeof(*c));
	assert_int_equal(c->reserved, 0);
	assert_true(c->num_iovas <= FAKE_WINDOWS);
	if (!s)
		return -ENOENT;
	k = fake_ranges_of(f, n, c->ioas_id, now, &pages);
	k = iova_merge(now, k);
	for (unsigned i = 0; i < c->num_iovas; i++) {
		if (list[i].start > list[i].last || (i && list[i].start <= list[i - 1].last))
			return -EINVAL;
		if (!iova_inside(now, k, list[i].start, list[i].last))
			return -EADDRINUSE;
	}
	memcpy(s->allowed, list, c->num_iovas * sizeof(*list));
	s->n_allowed = c->num_iovas;
	return 0;
}

int
fake_ioas_alloc(struct fake *f, struct fake_fd *fd, uint32_t *id)
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
	struct fake_space *s = fake_space_of(&f->fds[n], c->ioas_id);

	assert_int_equal(c->size, sizeof(*c));
	assert_true(c->flags & UAPI_IOMMU_MAP_FIXED_IOVA);
	if (!s)
		return -ENOENT;
	return fake_do_map(f, n, s, c->iova, c->length,
			   (c->flags & UAPI_IOMMU_MAP_READABLE ? BATON_MAP_READ : 0) |
				   (c->flags & UAPI_IOMMU_MAP_WRITEABLE ? BATON_MAP_WRITE : 0));
}

static int
ioas_destroy(struct fake *f, int n, const struct uapi_iommu_destroy *c)
{
	struct fake_space *s = fake_space_of(&f->fds[n], c->id);

	if (!s)
		return -ENOENT;
	for (int i = 0; i < FAKE_FDS; i++)
		if (f->fds[i].kind == FAKE_CDEV && f->fds[i].to == n && f->fds[i].id == c->id)
			return -EBUSY;
	fake_drop_space(f, s);
	return 0;
}

int
fake_on_iommufd(struct fake *f, int n, unsigned long request, void *arg)
{
	struct fake_fd *fd = &f->fds[n];
	struct uapi_iommu_ioas_unmap *unmap = arg;
	struct uapi_iommu_option *option = arg;

	switch (request) {
	case UAPI_IOMMU_IOAS_ALLOC:
		return fake_ioas_alloc(f, fd, &((struct uapi_iommu_ioas_alloc *)arg)->out_ioas_id);
	case UAPI_IOMMU_IOAS_IOVA_RANGES:
		return iova_ranges(f, n, arg);
	case UAPI_IOMMU_IOAS_ALLOW_IOVAS:
		return allow_iovas(f, n, arg);
	case UAPI_IOMMU_IOAS_MAP:
		return ioas_map(f, n, arg);
	case UAPI_IOMMU_IOAS_UNMAP:
		if (!fake_space_of(fd, unmap->ioas_id))
			return -ENOENT;
		return fake_do_unmap(f, fake_space_of(fd, unmap->ioas_id), unmap->iova,
				     &unmap->length);
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
