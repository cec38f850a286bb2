/* SPDX-License-Identifier: BSD-3-Clause */
/* Address spaces on kernels that are not there: which backend, which addresses, what is refused and how it is said. */
#include "fake_vfio.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define A "0000:00:03.0"
#define B "0000:00:04.0"

struct rig {
	struct fake *f;
	struct bare_ctx *b;
	struct baton_ioas *ioas;
	struct ioas_device *dev;
	struct baton_mapping *m;
};

static int
setup(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));

	r->f = fake_new();
	r->b = fake_ctx();
	*state = r;
	return 0;
}

static int
teardown(void **state)
{
	struct rig *r = *state;

	fake_assert_idle(r->f);
	assert_null(r->b->ctx.ioases);
	free(r->f);
	free(r->b);
	free(r);
	return 0;
}

/* An address space with device A in it. */
static int
up(struct rig *r, enum baton_ioas_backend backend)
{
	int ret = fake_ioas(r->f, r->b, backend, &r->ioas);

	assert_int_equal(ret, 0);
	r->dev = NULL;
	return ioas_attach(r->ioas, A, &r->dev);
}

static void
down(struct rig *r)
{
	ioas_detach(r->dev);
	assert_int_equal(baton_ioas_destroy(r->ioas), 0);
	r->dev = NULL;
	r->ioas = NULL;
}

/* Opening device A is refused, says these parts, and leaves nothing behind. */
static void
refused(struct rig *r, enum baton_ioas_backend backend, int err, const char *const *parts)
{
	int ret = up(r, backend);

	assert_int_equal(ret, -err);
	for (; *parts; parts++)
		assert_says(*parts);
	down(r);
	fake_assert_idle(r->f);
}
#define REFUSED(r, backend, err, ...) refused(r, backend, err, (const char *const[]){ __VA_ARGS__, NULL })

static struct baton_ioas_info
info_of(const struct baton_ioas *ioas)
{
	struct baton_ioas_info info;

	baton_ioas_info(ioas, &info);
	return info;
}

static uint64_t
iova_of(const struct baton_mapping *m)
{
	struct baton_mapping_info info;

	baton_mapping_info(m, &info);
	return info.iova;
}

static int
map_fixed(struct baton_ioas *ioas, uint64_t iova, uint64_t bytes, unsigned flags, struct baton_mapping **m)
{
	struct baton_map_config c;

	baton_map_config_init(&c);
	c.va = (void *)0x7f0000000000;
	c.bytes = bytes;
	c.iova = iova;
	c.flags = BATON_MAP_FIXED | flags;
	return baton_ioas_map(ioas, &c, m);
}

/* ---- which backend ---- */

static void
auto_takes_iommufd(void **state)
{
	struct rig *r = *state;
	struct baton_ioas_info info;

	assert_int_equal(up(r, BATON_IOAS_AUTO), 0);
	info = info_of(r->ioas);
	assert_int_equal(info.backend, BATON_IOAS_IOMMUFD);
	assert_string_equal(info.backend_name, "iommufd");
	assert_string_equal(info.why, "iommufd, because /dev/iommu and /dev/vfio/devices/vfio0 both open");
	assert_int_equal(info.accounting, BATON_IOAS_ACCOUNT_USER);
	assert_int_equal(r->b->infos, 1);
	assert_non_null(strstr(r->b->last, "0x0-0xfedfffff, 0xfef00000-0xffffffffffff"));
	assert_non_null(strstr(r->b->last, "charged to the user"));
	down(r);
}

static void
auto_takes_type1(void **state)
{
	struct rig *r = *state;

	r->f->devs[0].cdev = NULL;
	assert_int_equal(up(r, BATON_IOAS_AUTO), 0);
	assert_int_equal(info_of(r->ioas).backend, BATON_IOAS_TYPE1);
	assert_non_null(strstr(info_of(r->ioas).why, "CONFIG_VFIO_DEVICE_CDEV"));
	assert_int_equal(info_of(r->ioas).mappings_left, 65535);
	down(r);

	/* The node is there, but not for us. */
	r->f->devs[0].cdev = "vfio0";
	r->f->deny[0].path = "/dev/vfio/devices/vfio0";
	r->f->deny[0].err = EACCES;
	assert_int_equal(up(r, BATON_IOAS_AUTO), 0);
	assert_int_equal(info_of(r->ioas).backend, BATON_IOAS_TYPE1);
	assert_non_null(strstr(info_of(r->ioas).why, "Permission denied"));
	down(r);

	/* Once nothing uses it, it is undecided again. */
	r->f->deny[0].path = NULL;
	assert_int_equal(up(r, BATON_IOAS_AUTO), 0);
	ioas_detach(r->dev);
	r->dev = NULL;
	assert_int_equal(info_of(r->ioas).backend, BATON_IOAS_AUTO);
	assert_int_equal(info_of(r->ioas).ranges, 0);
	down(r);

	r->f->iommufd = false;
	r->f->deny[0].path = "/dev/vfio/3";
	REFUSED(r, BATON_IOAS_AUTO, EACCES, "/dev/vfio/3", "chown 1000 /dev/vfio/3", "nor does iommufd do", "/dev/iommu",
		"CONFIG_IOMMUFD");
}

/* What the device itself refuses, the other way would refuse, too: it is not hidden behind the other's error. */
static void
auto_keeps_the_reason(void **state)
{
	struct rig *r = *state;

	r->f->devs[0].isolated = false;
	REFUSED(r, BATON_IOAS_AUTO, EPERM, "VFIO_DEVICE_BIND_IOMMUFD", "/sys/module/iommufd/parameters/allow_unsafe_interrupts");
	REFUSED(r, BATON_IOAS_TYPE1, EPERM, "VFIO_SET_IOMMU", "/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts");
	REFUSED(r, BATON_IOAS_COMPAT, EPERM, "VFIO_GROUP_GET_DEVICE_FD", "allow_unsafe_interrupts");
}

static void
container_that_is_an_iommufd(void **state)
{
	struct rig *r = *state;

	r->f->container_is_iommufd = true;
	r->f->rlimit_mode = 1; /* as Linux has it for /dev/vfio/vfio */
	assert_int_equal(up(r, BATON_IOAS_TYPE1), 0);
	assert_int_equal(info_of(r->ioas).accounting, BATON_IOAS_ACCOUNT_PROCESS);
	down(r);
	r->f->rlimit_mode = 0;
	assert_int_equal(up(r, BATON_IOAS_COMPAT), 0);
	assert_int_equal(info_of(r->ioas).accounting, BATON_IOAS_ACCOUNT_USER);
	down(r);
}

static void
names(void **state)
{
	enum baton_ioas_backend b;

	assert_int_equal(baton_ioas_backend_by_name("type1", &b), 0);
	assert_int_equal(b, BATON_IOAS_TYPE1);
	assert_int_equal(baton_ioas_backend_by_name("iomufd", &b), -EINVAL);
	assert_says("did you mean iommufd?");
	assert_int_equal(baton_ioas_backend_by_name("x", &b), -EINVAL);
	assert_int_equal(baton_ioas_backend_by_name(NULL, &b), -EINVAL);
}

/* ---- spaces and contexts ---- */

static void
one_space_for_all(void **state)
{
	struct rig *r = *state;
	struct baton_ioas *shared, *again, *own;
	struct baton_ctx *ctx, *other;

	assert_int_equal(baton_ctx_create(NULL, &ctx), 0);
	assert_int_equal(baton_ctx_create(NULL, &other), 0);
	assert_int_equal(baton_ctx_ioas(ctx, &shared), 0);
	assert_int_equal(baton_ctx_ioas(ctx, &again), 0);
	assert_ptr_equal(shared, again);
	assert_int_equal(baton_ioas_create(ctx, NULL, &own), 0);
	assert_int_equal(baton_ctx_set_ioas(ctx, own), -EBUSY);
	assert_says("shared");
	assert_int_equal(baton_ctx_set_ioas(other, own), -EINVAL);
	assert_int_equal(baton_ctx_set_ioas(ctx, shared), 0);
	assert_int_equal(baton_ioas_destroy(shared), 0);
	assert_int_equal(baton_ctx_set_ioas(ctx, own), 0);
	assert_int_equal(baton_ctx_ioas(ctx, &again), 0);
	assert_ptr_equal(own, again);
	assert_int_equal(baton_ctx_destroy(ctx), 0);
	assert_int_equal(baton_ctx_destroy(other), 0);

	assert_int_equal(up(r, BATON_IOAS_IOMMUFD), 0);
	assert_int_equal(ioas_destroy_all(&r->b->ctx), -EBUSY);
	assert_says(A);
	assert_int_equal(fake_do_map(r->ioas, MIB, 0, 0, &r->m), 0);
	ioas_detach(r->dev);
	r->dev = NULL;
	assert_int_equal(baton_ioas_destroy(r->ioas), -EBUSY);
	assert_says("pool0 is still mapped");
	assert_int_equal(baton_ioas_unmap(r->m), 0);
	assert_int_equal(ioas_destroy_all(&r->b->ctx), 0);
	r->ioas = NULL;
}

/* Devices share what is mapped; another space has its own. */
static void
two_spaces(void **state)
{
	static const enum baton_ioas_backend backends[] = { BATON_IOAS_IOMMUFD, BATON_IOAS_TYPE1, BATON_IOAS_COMPAT };
	struct rig *r = *state;

	for (unsigned i = 0; i < 3; i++) {
		struct baton_ioas *second;
		struct ioas_device *other;
		struct baton_mapping *m;

		assert_int_equal(up(r, backends[i]), 0);
		assert_int_equal(fake_ioas(r->f, r->b, backends[i], &second), 0);
		assert_int_equal(ioas_attach(second, A, &other), -EBUSY);
		assert_says("this program has the device open already, in the address space");
		assert_int_equal(ioas_attach(second, "00:04.0", &other), 0);
		assert_int_equal(fake_do_map(r->ioas, MIB, 0, 0, &r->m), 0);
		assert_int_equal(fake_do_map(second, MIB, 0, 0, &m), 0);
		assert_int_equal(iova_of(m), iova_of(r->m));
		assert_int_equal(baton_ioas_unmap(r->m), 0);
		assert_int_equal(fake_mappings(r->f), 1);
		/* A mapping outlives the devices, and serves the next one. */
		ioas_detach(other);
		assert_int_equal(fake_mappings(r->f), 1);
		assert_int_equal(ioas_attach(second, B, &other), 0);
		assert_int_equal(fake_mappings(r->f), 1);
		assert_true(ioas_device_fd(other) >= 3);
		assert_int_equal(baton_ioas_unmap(m), 0);
		ioas_detach(other);
		assert_int_equal(baton_ioas_destroy(second), 0);
		down(r);
		fake_assert_idle(r->f);
	}
}

/* A group that only kept the space alive goes when another does that. */
static void
groups_come_and_go(void **state)
{
	struct rig *r = *state;
	struct ioas_device *other, *third;

	r->f->devs[2] = r->f->devs[1];
	r->f->devs[2].bdf = "0000:00:04.1";
	r->f->devs[2].cdev = NULL;
	assert_int_equal(up(r, BATON_IOAS_TYPE1), 0);
	assert_int_equal(fake_do_map(r->ioas, MIB, 0, 0, &r->m), 0);
	ioas_detach(r->dev);
	r->dev = NULL;
	assert_int_equal(r->ioas->groups->number, 3);
	assert_int_equal(ioas_attach(r->ioas, B, &other), 0);
	assert_int_equal(r->ioas->groups->number, 4);
	assert_null(r->ioas->groups->next);
	assert_int_equal(ioas_attach(r->ioas, "0000:00:04.1", &third), 0);
	assert_int_equal(r->ioas->groups->devices, 2);
	ioas_detach(other);
	assert_int_equal(fake_mappings(r->f), 1);
	ioas_detach(third);
	assert_int_equal(fake_mappings(r->f), 1);
	assert_int_equal(baton_ioas_unmap(r->m), 0);
	fake_assert_idle(r->f);
	down(r);
}

static void
unplugged(void **state)
{
	struct rig *r = *state;
	struct ioas_device *other;

	assert_int_equal(up(r, BATON_IOAS_TYPE1), 0);
	assert_int_equal(fake_do_map(r->ioas, MIB, 0, 0, &r->m), 0);
	ioas_detach(r->dev);
	r->dev = NULL;
	fake_unplug(r->f, 0);
	assert_int_equal(fake_mappings(r->f), 0); /* the kernel took it all away */
	assert_int_equal(ioas_attach(r->ioas, B, &other), -EBUSY);
	assert_says("unplugged");
	assert_int_equal(baton_ioas_unmap(r->m), 0);
	assert_int_equal(ioas_attach(r->ioas, B, &r->dev), 0);
	down(r);
}

/* ---- addresses ---- */

static void
ranges_of_all_devices(void **state)
{
	static const enum baton_ioas_backend backends[] = { BATON_IOAS_IOMMUFD, BATON_IOAS_TYPE1, BATON_IOAS_COMPAT };
	struct rig *r = *state;
	struct baton_iova_range got[4];
	struct ioas_device *other;

	r->f->devs[1].windows[1].last = 0x7fffffffff;
	r->f->devs[1].page_sizes = 0x40201000;
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(up(r, backends[i]), 0);
		assert_int_equal(ioas_attach(r->ioas, B, &other), 0);
		assert_int_equal(baton_ioas_ranges(r->ioas, got, 4), 2);
		assert_int_equal(got[0].start, 0);
		assert_int_equal(got[0].last, 0xfedfffff);
		assert_int_equal(got[1].start, 0xfef00000);
		assert_int_equal(got[1].last, 0x7fffffffff);
		assert_int_equal(info_of(r->ioas).page_sizes, i ? 0x40201000 : 0x1000);
		ioas_detach(other);
		down(r);
	}
}

/* What is mapped lies where the second device can have nothing. */
static void
second_device_does_not_fit(void **state)
{
	static const struct {
		enum baton_ioas_backend backend;
		const char *call;
		int err;
	} cases[] = {
		{ BATON_IOAS_IOMMUFD, "VFIO_DEVICE_ATTACH_IOMMUFD_PT", EADDRINUSE },
		{ BATON_IOAS_TYPE1, "VFIO_GROUP_SET_CONTAINER", EINVAL },
		{ BATON_IOAS_COMPAT, "VFIO_GROUP_GET_DEVICE_FD", EADDRINUSE },
	};
	struct rig *r = *state;
	struct ioas_device *other;

	r->f->devs[1].windows[1].last = 0xffffffff;
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(up(r, cases[i].backend), 0);
		assert_int_equal(fake_do_map(r->ioas, MIB, 0, 0, &r->m), 0);
		assert_int_equal(ioas_attach(r->ioas, B, &other), -cases[i].err);
		assert_says(cases[i].call);
		assert_says("open this device first, or give it an address space of its own");
		assert_int_equal(info_of(r->ioas).devices, 1);
		assert_int_equal(info_of(r->ioas).ranges, 2);
		assert_int_equal(fake_mappings(r->f), 1);
		assert_int_equal(baton_ioas_unmap(r->m), 0);
		assert_int_equal(ioas_attach(r->ioas, B, &other), 0);
		ioas_detach(other);
		down(r);
	}
}

static void
many_ranges(void **state)
{
	static const enum baton_ioas_backend backends[] = { BATON_IOAS_IOMMUFD, BATON_IOAS_TYPE1 };
	struct rig *r = *state;
	struct baton_iova_range got[FAKE_WINDOWS];

	for (int i = 0; i < FAKE_WINDOWS; i++)
		r->f->devs[0].windows[i] = (struct baton_iova_range){ (uint64_t)i * GIB, (uint64_t)i * GIB + 512 * MIB - 1 };
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(up(r, backends[i]), 0);
		assert_int_equal(baton_ioas_ranges(r->ioas, got, FAKE_WINDOWS), FAKE_WINDOWS);
		assert_int_equal(got[39].last, 39 * GIB + 512 * MIB - 1);
		assert_int_equal(fake_do_map(r->ioas, GIB, GIB, 0, &r->m), -ENOSPC);
		assert_says("1 GiB are needed in one run of addresses, but the largest that is free there has 512 MiB");
		down(r);
	}
}

static void
windows_asked_for(void **state)
{
	struct rig *r = *state;
	struct baton_iova_range w[] = { { 2 * GIB, 3 * GIB - 1 }, { 0xfed00000, 0xfeffffff } }, got[4];
	struct baton_ioas_config c;

	baton_ioas_config_init(&c);
	c.windows = w;
	c.n_windows = 2;
	assert_int_equal(baton_ioas_create_with(&r->b->ctx, &c, &r->f->os, &r->ioas), 0);
	assert_int_equal(ioas_attach(r->ioas, A, &r->dev), 0);
	assert_int_equal(baton_ioas_ranges(r->ioas, got, 4), 3);
	assert_int_equal(got[1].last, 0xfedfffff);
	assert_int_equal(got[2].start, 0xfef00000);
	assert_int_equal(fake_do_map(r->ioas, MIB, 0, GIB - 1, &r->m), -ENOSPC);
	assert_says("no address satisfies both");
	down(r);

	w[0] = w[1] = (struct baton_iova_range){ 1ull << 60, UINT64_MAX };
	assert_int_equal(baton_ioas_create_with(&r->b->ctx, &c, &r->f->os, &r->ioas), 0);
	assert_int_equal(ioas_attach(r->ioas, A, &r->dev), -ERANGE);
	assert_says("ask for other windows");
	down(r);
	w[0] = w[1] = (struct baton_iova_range){ 1, 0 };
	assert_int_equal(baton_ioas_create_with(&r->b->ctx, &c, &r->f->os, &r->ioas), -EINVAL);
	c.windows = NULL;
	assert_int_equal(baton_ioas_create_with(&r->b->ctx, &c, &r->f->os, &r->ioas), -EINVAL);
}

static void
one_call_for_a_gigabyte(void **state)
{
	static const enum baton_ioas_backend backends[] = { BATON_IOAS_IOMMUFD, BATON_IOAS_TYPE1, BATON_IOAS_COMPAT };
	struct rig *r = *state;

	r->f->devs[0].page_sizes = 0x40201000;
	for (unsigned i = 0; i < 3; i++) {
		struct baton_mapping *m[3];

		assert_int_equal(up(r, backends[i]), 0);
		assert_int_equal(fake_do_map(r->ioas, 4 * KIB, 0, 0, &m[0]), 0);
		r->f->map_calls = 0;
		assert_int_equal(fake_do_map(r->ioas, GIB, 2 * MIB, 0, &m[1]), 0);
		assert_int_equal(r->f->map_calls, 1);
		assert_int_equal(info_of(r->ioas).map_calls, 2);
		/* on the memory's pages, and not next to the other */
		assert_int_equal(iova_of(m[0]), 4 * GIB);
		assert_int_equal(iova_of(m[1]), 4 * GIB + 2 * MIB);
		assert_int_equal(fake_do_map(r->ioas, 2 * GIB, GIB, 0, &m[2]), 0);
		assert_int_equal(iova_of(m[2]), 6 * GIB);
		assert_int_equal(fake_mappings(r->f), 3);
		for (int k = 0; k < 3; k++)
			assert_int_equal(baton_ioas_unmap(m[k]), 0);
		down(r);
	}
}

static void
limits_and_fixed(void **state)
{
	struct rig *r = *state;
	struct baton_mapping *m[3];
	uint64_t iova;

	assert_int_equal(up(r, BATON_IOAS_IOMMUFD), 0);
	assert_int_equal(fake_do_map(r->ioas, 64 * KIB, 0, 0xffffffff, &m[0]), 0);
	assert_int_equal(iova_of(m[0]), 4096); /* never 0 */
	assert_int_equal(map_fixed(r->ioas, 0, 4 * KIB, BATON_MAP_READ, &m[1]), 0);
	assert_int_equal(fake_mapping(r->f, 1)->prot, BATON_MAP_READ);
	assert_int_equal(fake_mapping(r->f, 0)->prot, BATON_MAP_READ | BATON_MAP_WRITE);
	assert_int_equal(fake_do_map(r->ioas, GIB, 2 * MIB, 0xffffffff, &m[2]), 0);
	assert_int_equal(iova_of(m[2]), 2 * MIB);
	assert_int_equal(baton_mapping_iova(m[2], (char *)m[2]->info.va + MIB, MIB, &iova), 0);
	assert_int_equal(iova, 3 * MIB);
	assert_int_equal(baton_mapping_iova(m[2], (char *)m[2]->info.va + GIB, 1, &iova), -EFAULT);
	assert_int_equal(baton_mapping_iova(m[2], (char *)m[2]->info.va - 1, 1, &iova), -EFAULT);

	assert_int_equal(fake_do_map(r->ioas, 64 * KIB, 0, 0xfff, &r->m), -ENOSPC);
	assert_says("64 KiB are needed in one run of addresses at or below 0xfff");
	assert_int_equal(fake_do_map(r->ioas, 4 * GIB, 2 * MIB, 0xffffffff, &r->m), -ENOSPC);
	assert_int_equal(map_fixed(r->ioas, 0xfee00000, 4 * KIB, 0, &r->m), -ERANGE);
	assert_says("0xfef00000");
	assert_int_equal(map_fixed(r->ioas, 0xfedff000, 8 * KIB, 0, &r->m), -ERANGE);
	assert_int_equal(map_fixed(r->ioas, 0x3000, 4 * KIB, 0, &r->m), -EADDRINUSE);
	assert_int_equal(map_fixed(r->ioas, 0x1800, 4 * KIB, 0, &r->m), -EINVAL);
	assert_int_equal(map_fixed(r->ioas, -4096ull, 8 * KIB, 0, &r->m), -EINVAL);
	assert_int_equal(map_fixed(r->ioas, 8 * GIB, 4 * KIB, 0x80, &r->m), -EINVAL);
	assert_int_equal(map_fixed(r->ioas, 8 * GIB, 100, 0, &r->m), -EINVAL);
	assert_says("cannot be mapped exactly");
	assert_int_equal(map_fixed(r->ioas, 8 * GIB, 0, 0, &r->m), -EINVAL);
	assert_int_equal(map_fixed(r->ioas, 8 * GIB, -4096ull, 0, &r->m), -EINVAL);
	assert_int_equal(fake_mappings(r->f), 3);
	for (int i = 0; i < 3; i++)
		assert_int_equal(baton_ioas_unmap(m[i]), 0);
	down(r);
}

/* A window where the large page cannot be aligned: a smaller one will do. */
static void
small_window(void **state)
{
	struct rig *r = *state;

	r->f->devs[0].windows[0] = (struct baton_iova_range){ 0x1000, GIB - 1 };
	r->f->devs[0].windows[1] = (struct baton_iova_range){ 0 };
	assert_int_equal(up(r, BATON_IOAS_IOMMUFD), 0);
	assert_int_equal(fake_do_map(r->ioas, 1020 * MIB, GIB, 0, &r->m), 0);
	assert_int_equal(iova_of(r->m), 4 * MIB);
	assert_int_equal(fake_do_map(r->ioas, 64 * MIB, 0, 0, &r->m), -ENOSPC);
	assert_says("windows are 0x1000-0x3fffffff, with 1 mappings of 1020 MiB in them");
	assert_int_equal(baton_ioas_unmap(r->ioas->mappings), 0);
	down(r);
}

static void
before_the_first_device(void **state)
{
	struct rig *r = *state;

	assert_int_equal(fake_ioas(r->f, r->b, BATON_IOAS_AUTO, &r->ioas), 0);
	assert_int_equal(fake_do_map(r->ioas, MIB, 0, 0, &r->m), -ENODEV);
	assert_says("open the device first");
	down(r);
}

/* ---- pinned memory ---- */

static void
memlock_of_the_user(void **state)
{
	struct rig *r = *state;
	struct baton_mapping *m;

	r->f->soft = r->f->hard = 8 * MIB;
	r->f->other_pins = MIB;
	r->f->locked = 7 * MIB; /* not what iommufd counts */
	assert_int_equal(up(r, BATON_IOAS_IOMMUFD), 0);
	assert_int_equal(fake_do_map(r->ioas, 4 * MIB, 0, 0, &r->m), 0);
	assert_int_equal(fake_do_map(r->ioas, 4 * MIB, 0, 0, &m), -ENOMEM);
	assert_says("needed 4 MiB, limit 8 MiB (RLIMIT_MEMLOCK), used 5 MiB, counted for all processes of user 1000 together");
	assert_says("LimitMEMLOCK=");
	assert_int_equal(r->f->map_calls, 1); /* the kernel was not even asked */
	r->f->hard = GIB;
	assert_int_equal(fake_do_map(r->ioas, 4 * MIB, 0, 0, &m), -ENOMEM);
	assert_says("raise it: ulimit -l 9216");
	assert_int_equal(fake_do_map(r->ioas, 3 * MIB, 0, 0, &m), 0); /* to the last byte */
	assert_int_equal(baton_ioas_unmap(m), 0);
	r->f->exempt = true;
	assert_int_equal(fake_do_map(r->ioas, GIB, 0, 0, &m), 0);
	assert_int_equal(baton_ioas_unmap(m), 0);
	assert_int_equal(baton_ioas_unmap(r->m), 0);
	down(r);
}

static void
memlock_of_the_process(void **state)
{
	struct rig *r = *state;

	r->f->rlimit_mode = 1;
	r->f->soft = r->f->hard = 8 * MIB;
	r->f->other_pins = GIB; /* not what type1 counts */
	r->f->locked = 2 * MIB;
	assert_int_equal(up(r, BATON_IOAS_TYPE1), 0);
	assert_int_equal(fake_do_map(r->ioas, 6 * MIB, 0, 0, &r->m), 0);
	assert_int_equal(baton_ioas_unmap(r->m), 0);
	assert_int_equal(fake_do_map(r->ioas, 6 * MIB + 4096, 0, 0, &r->m), -ENOMEM);
	assert_says("needed 6148 KiB, limit 8 MiB (RLIMIT_MEMLOCK), used 2 MiB, counted for this process, as type1 does it");
	r->f->soft = 0;
	assert_int_equal(fake_do_map(r->ioas, 4096, 0, 0, &r->m), -ENOMEM);
	r->f->soft = UINT64_MAX;
	assert_int_equal(fake_do_map(r->ioas, GIB, 0, 0, &r->m), 0);
	assert_int_equal(baton_ioas_unmap(r->m), 0);
	down(r);
}

/* Others may pin without our seeing it: then it is the kernel that says no. */
static void
memlock_hidden(void **state)
{
	struct rig *r = *state;
	int calls;

	r->f->soft = r->f->hard = 8 * MIB;
	assert_int_equal(up(r, BATON_IOAS_IOMMUFD), 0);
	calls = r->f->calls;
	assert_int_equal(fake_do_map(r->ioas, MIB, 0, 0, &r->m), 0);
	assert_string_equal(r->f->call[r->f->calls], "IOMMU_IOAS_MAP");
	calls = r->f->calls - calls;
	assert_int_equal(baton_ioas_unmap(r->m), 0);
	r->f->err = ENOMEM;
	r->f->fail_at = r->f->calls + calls;
	assert_int_equal(fake_do_map(r->ioas, MIB, 0, 0, &r->m), -ENOMEM);
	assert_says("IOMMU_IOAS_MAP: Cannot allocate memory; RLIMIT_MEMLOCK is 8 MiB, of which 0 bytes is seen in use by all processes of user 1000");
	r->f->fail_at = 0;
	down(r);
}

static void
entries(void **state)
{
	struct rig *r = *state;
	struct baton_mapping *m[3];

	r->f->dma_avail = 2;
	assert_int_equal(up(r, BATON_IOAS_TYPE1), 0);
	assert_int_equal(info_of(r->ioas).mappings_left, 2);
	for (int i = 0; i < 2; i++)
		assert_int_equal(fake_do_map(r->ioas, MIB, 0, 0, &m[i]), 0);
	assert_int_equal(fake_do_map(r->ioas, MIB, 0, 0, &m[2]), -ENOSPC);
	assert_says("type1 allows 2 mappings and 2 are there");
	assert_says("dma_entry_limit");
	assert_int_equal(r->f->map_calls, 2);
	assert_int_equal(baton_ioas_unmap(m[0]), 0);
	assert_int_equal(info_of(r->ioas).mappings_left, 1);
	assert_int_equal(baton_ioas_unmap(m[1]), 0);
	down(r);
}

/* ---- without an IOMMU ---- */

static void
no_iommu_machine(struct rig *r)
{
	r->f->noiommu_mode = true;
	for (int i = 0; i < 2; i++) {
		r->f->devs[i].noiommu = true;
		r->f->devs[i].cdev = NULL;
	}
}

static void
physical_addresses(void **state)
{
	struct rig *r = *state;
	struct baton_mapping_info info;
	uint64_t iova;
	char *va;

	no_iommu_machine(r);
	assert_int_equal(up(r, BATON_IOAS_NOIOMMU), 0);
	assert_int_equal(r->b->warnings, 1);
	assert_non_null(strstr(r->b->last, "can overwrite any memory"));
	assert_int_equal(fake_do_map(r->ioas, 8 * MIB, 2 * MIB, 0, &r->m), 0);
	assert_int_equal(r->f->pinned, 0); /* hugepages need no lock */
	baton_mapping_info(r->m, &info);
	assert_non_null(info.pages);
	assert_int_equal(info.page_shift, 21);
	va = info.va;
	for (int i = 1; i < 4; i++)
		assert_int_equal(info.pages[i], info.pages[i - 1] - 2 * MIB); /* upside down */
	assert_int_equal(baton_mapping_iova(r->m, va + 5 * MIB, MIB, &iova), 0);
	assert_int_equal(iova, info.pages[2] + MIB);
	assert_int_equal(baton_mapping_iova(r->m, va + 2 * MIB - 1, 2, &iova), -EXDEV);
	assert_says("straddle");
	assert_int_equal(baton_mapping_iova(r->m, va + 8 * MIB, 0, &iova), 0);
	assert_int_equal(baton_mapping_iova(r->m, va + 8 * MIB - 1, 2, &iova), -EFAULT);
	/* Two that happen to follow one another are as good as one. */
	r->m->pages[1] = r->m->pages[0] + 2 * MIB;
	assert_int_equal(baton_mapping_iova(r->m, va + 2 * MIB - 1, 2, &iova), 0);
	assert_int_equal(iova, info.pages[0] + 2 * MIB - 1);
	assert_int_equal(baton_ioas_unmap(r->m), 0);

	assert_int_equal(fake_do_map(r->ioas, 64 * KIB, 0, 0, &r->m), 0);
	assert_int_equal(r->f->pinned, 64 * KIB);
	assert_int_equal(baton_ioas_unmap(r->m), 0);
	assert_int_equal(r->f->pinned, 0);
	assert_int_equal(fake_do_map(r->ioas, 64 * KIB, 0, 0xffffffff, &r->m), -ENOSPC);
	assert_says("reaches up to 0xffffffff only");
	assert_int_equal(map_fixed(r->ioas, 8 * GIB, 4 * KIB, 0, &r->m), -EINVAL);
	r->f->pagemap_hidden = true;
	assert_int_equal(fake_do_map(r->ioas, 64 * KIB, 0, 0, &r->m), -EPERM);
	assert_says("CAP_SYS_ADMIN");
	down(r);
}

static void
noiommu_only_by_name(void **state)
{
	struct rig *r = *state;

	REFUSED(r, BATON_IOAS_NOIOMMU, ENODEV, "an IOMMU protects this device");
	no_iommu_machine(r);
	REFUSED(r, BATON_IOAS_AUTO, ENODEV, "without an IOMMU", "noiommu by name");
	r->f->noiommu_mode = false;
	REFUSED(r, BATON_IOAS_NOIOMMU, ENOTSUP, "enable_unsafe_noiommu_mode=1");
	r->f->noiommu_mode = true;
	r->f->deny[0].path = "/dev/vfio/noiommu-3";
	r->f->deny[0].err = EPERM;
	REFUSED(r, BATON_IOAS_NOIOMMU, EPERM, "/dev/vfio/noiommu-3", "CAP_SYS_RAWIO");
}

static void
flat(void **state)
{
	struct rig *r = *state;
	char *base = (char *)0x100000000;
	struct baton_ioas_config c;
	struct baton_map_config mc;
	struct baton_iova_range w = { 0, GIB - 1 };

	baton_ioas_config_init(&c);
	c.backend = BATON_IOAS_FLAT;
	c.flat_base = base;
	c.windows = &w;
	c.n_windows = 1;
	assert_int_equal(baton_ioas_create_with(&r->b->ctx, &c, &r->f->os, &r->ioas), 0);
	baton_map_config_init(&mc);
	mc.va = base + 5 * MIB;
	mc.bytes = 64 * KIB;
	assert_int_equal(baton_ioas_map(r->ioas, &mc, &r->m), 0);
	assert_int_equal(iova_of(r->m), 5 * MIB);
	assert_int_equal(baton_ioas_map(r->ioas, &mc, &r->m), -EADDRINUSE);
	mc.va = base + GIB - 4096;
	assert_int_equal(baton_ioas_map(r->ioas, &mc, &r->m), -ERANGE);
	mc.va = base + 512 * MIB;
	mc.limit = 256 * MIB;
	assert_int_equal(baton_ioas_map(r->ioas, &mc, &r->m), -ENOSPC);
	mc.va = base - 4096;
	assert_int_equal(baton_ioas_map(r->ioas, &mc, &r->m), -EFAULT);
	assert_int_equal(ioas_attach(r->ioas, A, &r->dev), -ENOTSUP);
	assert_int_equal(baton_ioas_unmap(r->m), 0);
	assert_int_equal(info_of(r->ioas).backend, BATON_IOAS_FLAT);
	down(r);
}

/* ---- what people do wrong ---- */

static void
wrong_device(void **state)
{
	struct rig *r = *state;
	struct fake_dev *d = &r->f->devs[0];

	assert_int_equal(fake_ioas(r->f, r->b, BATON_IOAS_AUTO, &r->ioas), 0);
	assert_int_equal(ioas_attach(r->ioas, "0000:00:05.0", &r->dev), -ENODEV);
	assert_says("no such PCI device (did you mean 0000:00:0");
	assert_says("network devices here: 0000:00:03.0, 0000:00:04.0");
	assert_int_equal(ioas_attach(r->ioas, "eth0", &r->dev), -EINVAL);
	assert_says("lspci -D");
	assert_int_equal(ioas_attach(r->ioas, "0000:00:03.8", &r->dev), -EINVAL);
	assert_int_equal(ioas_attach(r->ioas, NULL, &r->dev), -EINVAL);
	down(r);

	d->driver = "e1000e";
	REFUSED(r, BATON_IOAS_AUTO, EBUSY, "bound to the driver e1000e", "dpdk-devbind.py -b vfio-pci " A,
		"driverctl set-override " A " vfio-pci", "echo " A " > /sys/bus/pci/devices/" A "/driver/unbind", "drivers_probe");
	d->driver = NULL;
	REFUSED(r, BATON_IOAS_AUTO, ENXIO, "no driver has this device", "dpdk-devbind.py -b vfio-pci " A);
	d->driver = "mlx5_vfio_pci";
	assert_int_equal(up(r, BATON_IOAS_AUTO), 0);
	down(r);
	d->group = -1;
	REFUSED(r, BATON_IOAS_AUTO, ENODEV, "though there is one for others");
	r->f->devs[1].group = -1;
	REFUSED(r, BATON_IOAS_AUTO, ENODEV, "intel_iommu=on", "/sys/kernel/iommu_groups is empty");
}

static void
group_with_others(void **state)
{
	struct rig *r = *state;

	r->f->devs[2] = (struct fake_dev){ "0000:00:03.1", "snd_hda_intel", "0x040300", 3, .isolated = true };
	r->f->devs[3] = (struct fake_dev){ "0000:00:03.2", "pcieport", "0x060400", 3, .isolated = true };
	r->f->devs[4] = (struct fake_dev){ "0000:00:03.3", NULL, "0x068000", 3, .isolated = true };
	REFUSED(r, BATON_IOAS_TYPE1, EBUSY, "group 3", "holds 0000:00:03.1 (snd_hda_intel);", "dpdk-devbind.py -u");
	REFUSED(r, BATON_IOAS_IOMMUFD, EBUSY, "group 3", "holds 0000:00:03.1 (snd_hda_intel);", "dpdk-devbind.py -u");
	r->f->devs[2].driver = NULL; /* and those without a driver do no harm */
	assert_int_equal(up(r, BATON_IOAS_TYPE1), 0);
	down(r);
}

static void
open_elsewhere(void **state)
{
	struct rig *r = *state;

	r->f->holder.pid = "200";
	r->f->holder.comm = "dpdk-testpmd";
	r->f->holder.node = "/dev/vfio/3";
	r->f->deny[0].path = "/dev/vfio/3";
	r->f->deny[0].err = EBUSY;
	REFUSED(r, BATON_IOAS_TYPE1, EBUSY, "/dev/vfio/3", "process 200 (dpdk-testpmd)", "stop that first");
	r->f->holder.node = "/dev/vfio/devices/vfio0";
	REFUSED(r, BATON_IOAS_IOMMUFD, EBUSY, "VFIO_DEVICE_BIND_IOMMUFD", "process 200 (dpdk-testpmd)");
	r->f->holder.node = NULL;
	r->f->holder.pid = NULL;
	REFUSED(r, BATON_IOAS_TYPE1, EBUSY, "fuser -v");
}

static void
no_permission(void **state)
{
	static const struct {
		enum baton_ioas_backend backend;
		const char *node, *rule;
	} nodes[] = {
		{ BATON_IOAS_IOMMUFD, "/dev/iommu", "KERNEL==\"iommu\"" },
		{ BATON_IOAS_IOMMUFD, "/dev/vfio/devices/vfio0", "SUBSYSTEM==\"vfio-dev\"" },
		{ BATON_IOAS_TYPE1, "/dev/vfio/vfio", "KERNEL==\"vfio\"" },
		{ BATON_IOAS_TYPE1, "/dev/vfio/3", "SUBSYSTEM==\"vfio\"" },
		{ BATON_IOAS_COMPAT, "/dev/iommu", "KERNEL==\"iommu\"" },
	};
	struct rig *r = *state;

	for (size_t i = 0; i < sizeof(nodes) / sizeof(*nodes); i++) {
		char chown[64];

		snprintf(chown, sizeof(chown), "chown 1000 %s,", nodes[i].node);
		r->f->deny[0].path = nodes[i].node;
		r->f->deny[0].err = EACCES;
		REFUSED(r, nodes[i].backend, EACCES, nodes[i].node, chown, nodes[i].rule);
	}
}

static void
not_coherent(void **state)
{
	struct rig *r = *state;

	r->f->enforces = false;
	assert_int_equal(up(r, BATON_IOAS_TYPE1), 0); /* 6.12: VFIO would not have the device else */
	down(r);
	r->f->release = "5.10.0-30-arm64";
	REFUSED(r, BATON_IOAS_TYPE1, ENOTSUP, "VFIO_DMA_CC_IOMMU", "5.10", "5.19");
	r->f->os.coherent = true;
	assert_int_equal(up(r, BATON_IOAS_TYPE1), 0);
	down(r);
}

static void
wrong_arguments(void **state)
{
	struct rig *r = *state;
	struct baton_ioas_config c;
	struct baton_map_config mc = { 0 };

	baton_ioas_config_init(&c);
	c.size--;
	assert_int_equal(baton_ioas_create_with(&r->b->ctx, &c, &r->f->os, &r->ioas), -EINVAL);
	assert_says("sizeof(struct baton_ioas_config)");
	baton_ioas_config_init(&c);
	c.backend = 77;
	assert_int_equal(baton_ioas_create_with(&r->b->ctx, &c, &r->f->os, &r->ioas), -EINVAL);
	baton_ioas_config_init(&c);
	c.flat_base = &c;
	assert_int_equal(baton_ioas_create_with(&r->b->ctx, &c, &r->f->os, &r->ioas), -EINVAL);
	assert_int_equal(baton_ioas_create(NULL, NULL, &r->ioas), -EINVAL);
	assert_int_equal(baton_ctx_ioas(NULL, &r->ioas), -EINVAL);
	assert_int_equal(baton_ctx_set_ioas(NULL, NULL), -EINVAL);
	assert_int_equal(ioas_attach(NULL, A, &r->dev), -EINVAL);
	assert_int_equal(baton_ioas_map_arena(NULL, NULL, 0, &r->m), -EINVAL);
	assert_int_equal(baton_ioas_unmap(NULL), 0);
	assert_int_equal(baton_ioas_destroy(NULL), 0);
	ioas_detach(NULL);
	r->ioas = NULL;
	assert_int_equal(baton_ioas_map(r->ioas, &mc, &r->m), -EINVAL);
	assert_int_equal(up(r, BATON_IOAS_AUTO), 0);
	assert_int_equal(baton_ioas_map(r->ioas, &mc, &r->m), -EINVAL);
	assert_says("sizeof(struct baton_map_config)");
	baton_map_config_init(&mc);
	assert_int_equal(baton_ioas_map(r->ioas, &mc, &r->m), -EINVAL);
	mc.va = (void *)4096;
	mc.bytes = 4096;
	mc.page_size = 3;
	assert_int_equal(baton_ioas_map(r->ioas, &mc, &r->m), -EINVAL);
	assert_says("no power of two");
	down(r);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(auto_takes_iommufd),
		T(auto_takes_type1),
		T(auto_keeps_the_reason),
		T(container_that_is_an_iommufd),
		T(names),
		T(one_space_for_all),
		T(two_spaces),
		T(groups_come_and_go),
		T(unplugged),
		T(ranges_of_all_devices),
		T(second_device_does_not_fit),
		T(many_ranges),
		T(windows_asked_for),
		T(one_call_for_a_gigabyte),
		T(limits_and_fixed),
		T(small_window),
		T(before_the_first_device),
		T(memlock_of_the_user),
		T(memlock_of_the_process),
		T(memlock_hidden),
		T(entries),
		T(physical_addresses),
		T(noiommu_only_by_name),
		T(flat),
		T(wrong_device),
		T(group_with_others),
		T(open_elsewhere),
		T(no_permission),
		T(not_coherent),
		T(wrong_arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
