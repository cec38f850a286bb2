/* SPDX-License-Identifier: BSD-3-Clause */
/* Mapping on kernels that are not there: which addresses, how much may be pinned, and backends that
 * choose for themselves. */
#include "ioas_rig.h"

static int
map_fixed(struct baton_ioas *ioas, uint64_t iova, uint64_t bytes, unsigned flags,
	  struct baton_mapping **m)
{
	struct baton_map_config c;

	baton_map_config_init(&c);
	c.va = (void *)0x7f0000000000;
	c.bytes = bytes;
	c.iova = iova;
	c.flags = BATON_MAP_FIXED | flags;
	return baton_ioas_map(ioas, &c, m);
}

/* ---- addresses ---- */

static void
ranges_of_all_devices(void **state)
{
	static const enum baton_ioas_backend backends[] = { BATON_IOAS_IOMMUFD, BATON_IOAS_TYPE1,
							    BATON_IOAS_COMPAT };
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
		assert_int_equal(rig_map(r->ioas, MIB, 0, 0, &r->m), 0);
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
		r->f->devs[0].windows[i] =
			(struct baton_iova_range){ (uint64_t)i * GIB,
						   (uint64_t)i * GIB + 512 * MIB - 1 };
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(up(r, backends[i]), 0);
		assert_int_equal(baton_ioas_ranges(r->ioas, got, FAKE_WINDOWS), FAKE_WINDOWS);
		assert_int_equal(got[39].last, 39 * GIB + 512 * MIB - 1);
		assert_int_equal(rig_map(r->ioas, GIB, GIB, 0, &r->m), -ENOSPC);
		assert_says("1 GiB are needed in one run of addresses, but the largest that is "
			    "free there has 512 MiB");
		down(r);
	}
}

static void
windows_asked_for(void **state)
{
	struct rig *r = *state;
	struct baton_iova_range w[] = { { 2 * GIB, 3 * GIB - 1 }, { 0xfed00000, 0xfeffffff } },
				got[4];
	struct baton_ioas_config c;

	baton_ioas_config_init(&c);
	c.windows = w;
	c.n_windows = 2;
	assert_int_equal(baton_ioas_create_with(&r->b->ctx, &c, &r->f->os, &r->ioas), 0);
	assert_int_equal(ioas_attach(r->ioas, A, &r->dev), 0);
	assert_int_equal(baton_ioas_ranges(r->ioas, got, 4), 3);
	assert_int_equal(got[1].last, 0xfedfffff);
	assert_int_equal(got[2].start, 0xfef00000);
	assert_int_equal(rig_map(r->ioas, MIB, 0, GIB - 1, &r->m), -ENOSPC);
	assert_says("no address satisfies both");
	down(r);

	w[0] = w[1] = (struct baton_iova_range){ 1ull << 60, UINT64_MAX };
	assert_int_equal(baton_ioas_create_with(&r->b->ctx, &c, &r->f->os, &r->ioas), 0);
	assert_int_equal(ioas_attach(r->ioas, A, &r->dev), -ERANGE);
	assert_says("(0x1000000000000000-0xffffffffffffffff) is there: there are 0x0-0xfedfffff, ");
	assert_says("ask for other windows");
	down(r);
	/* One that cannot be meant is no reason to use the others. */
	w[0] = (struct baton_iova_range){ 0x3000, 0x2fff };
	assert_int_equal(baton_ioas_create_with(&r->b->ctx, &c, &r->f->os, &r->ioas), -EINVAL);
	assert_says("window 0 of 2 ends at 0x2fff, before it starts at 0x3000");
	w[0] = w[1] = (struct baton_iova_range){ 1, 0 };
	assert_int_equal(baton_ioas_create_with(&r->b->ctx, &c, &r->f->os, &r->ioas), -EINVAL);
	c.windows = NULL;
	assert_int_equal(baton_ioas_create_with(&r->b->ctx, &c, &r->f->os, &r->ioas), -EINVAL);
}

/* With iommufd the kernel knows the windows, too: crossed with what there is, and for good. */
static void
windows_held_by_the_kernel(void **state)
{
	const struct baton_iova_range asked[] = { { 3 * GIB, 8 * GIB - 1 },
						  { 3 * GIB + MIB, 4 * GIB },
						  { 0, MIB - 1 } };
	struct rig *r = *state;
	const struct fake_space *s;
	struct ioas_device *second;

	r->f->asked = asked;
	r->f->n_asked = 3;
	assert_int_equal(up(r, BATON_IOAS_IOMMUFD), 0);
	s = fake_only_space(r->f);
	assert_int_equal(s->n_allowed, 3);
	assert_int_equal(s->allowed[0].start, 0);
	assert_int_equal(s->allowed[0].last, MIB - 1);
	assert_int_equal(s->allowed[1].start, 3 * GIB);
	assert_int_equal(s->allowed[1].last, 0xfedfffff);
	assert_int_equal(s->allowed[2].start, 0xfef00000);
	assert_int_equal(s->allowed[2].last, 8 * GIB - 1);

	/* Nothing is mapped there, but it was promised. */
	r->f->devs[1].windows[1].last = 8 * GIB - 2;
	assert_int_equal(ioas_attach(r->ioas, B, &second), -EADDRINUSE);
	assert_says("VFIO_DEVICE_ATTACH_IOMMUFD_PT");
	assert_says("a window asked for it");
	r->f->devs[1].windows[1].last = 8 * GIB - 1;
	assert_int_equal(ioas_attach(r->ioas, B, &second), 0);
	assert_int_equal(info_of(r->ioas).ranges, 3);
	ioas_detach(second);
	down(r);

	/* type1 has no such call, and its windows may still get narrower. */
	assert_int_equal(up(r, BATON_IOAS_TYPE1), 0);
	r->f->devs[1].windows[1].last = 8 * GIB - 2;
	assert_int_equal(ioas_attach(r->ioas, B, &second), 0);
	assert_int_equal(info_of(r->ioas).ranges, 3);
	ioas_detach(second);
	down(r);
}

static void
one_call_for_a_gigabyte(void **state)
{
	static const enum baton_ioas_backend backends[] = { BATON_IOAS_IOMMUFD, BATON_IOAS_TYPE1,
							    BATON_IOAS_COMPAT };
	struct rig *r = *state;

	r->f->devs[0].page_sizes = 0x40201000;
	for (unsigned i = 0; i < 3; i++) {
		struct baton_mapping *m[3];

		assert_int_equal(up(r, backends[i]), 0);
		assert_int_equal(rig_map(r->ioas, 4 * KIB, 0, 0, &m[0]), 0);
		r->f->map_calls = 0;
		assert_int_equal(rig_map(r->ioas, GIB, 2 * MIB, 0, &m[1]), 0);
		assert_int_equal(r->f->map_calls, 1);
		assert_int_equal(info_of(r->ioas).map_calls, 2);
		/* on the memory's pages, and not next to the other */
		assert_int_equal(iova_of(m[0]), 4 * GIB);
		assert_int_equal(iova_of(m[1]), 4 * GIB + 2 * MIB);
		assert_int_equal(rig_map(r->ioas, 2 * GIB, GIB, 0, &m[2]), 0);
		assert_int_equal(iova_of(m[2]), 6 * GIB);
		assert_int_equal(fake_mappings(r->f), 3);
		for (int k = 0; k < 3; k++)
			assert_int_equal(baton_ioas_unmap(m[k]), 0);
		down(r);
	}
}

/* Where the kernel's pages are larger than the IOMMU's, what is mapped has the kernel's. */
static void
pages_of_64_kib(void **state)
{
	static const enum baton_ioas_backend backends[] = { BATON_IOAS_IOMMUFD, BATON_IOAS_TYPE1,
							    BATON_IOAS_COMPAT };
	struct rig *r = *state;

	r->f->os.page = 64 * KIB;
	for (unsigned i = 0; i < 3; i++) {
		struct baton_mapping *m[2];
		uint64_t sizes;

		assert_int_equal(up(r, backends[i]), 0);
		sizes = info_of(r->ioas).page_sizes;
		assert_int_equal(sizes & -sizes, 64 * KIB);
		assert_int_equal(rig_map(r->ioas, 4 * KIB, 0, 0, &r->m), -EINVAL);
		assert_says("both must be multiples of the 65536 bytes of the smallest page");
		assert_int_equal(rig_map(r->ioas, 64 * KIB, 0, 0xffffffff, &m[0]), 0);
		assert_int_equal(iova_of(m[0]), 64 * KIB); /* never 0 */
		assert_int_equal(rig_map(r->ioas, 64 * KIB, 0, 0xffffffff, &m[1]), 0);
		assert_int_equal(iova_of(m[1]), 3 * 64 * KIB); /* a page between them is free */
		assert_int_equal(baton_ioas_unmap(m[0]), 0);
		assert_int_equal(baton_ioas_unmap(m[1]), 0);
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
	assert_int_equal(rig_map(r->ioas, 64 * KIB, 0, 0xffffffff, &m[0]), 0);
	assert_int_equal(iova_of(m[0]), 4096); /* never 0 */
	assert_int_equal(map_fixed(r->ioas, 0, 4 * KIB, BATON_MAP_READ, &m[1]), 0);
	assert_int_equal(fake_mapping(r->f, 1)->prot, BATON_MAP_READ);
	assert_int_equal(fake_mapping(r->f, 0)->prot, BATON_MAP_READ | BATON_MAP_WRITE);
	assert_int_equal(rig_map(r->ioas, GIB, 2 * MIB, 0xffffffff, &m[2]), 0);
	assert_int_equal(iova_of(m[2]), 2 * MIB);
	assert_int_equal(baton_mapping_iova(m[2], (char *)m[2]->info.va + MIB, MIB, &iova), 0);
	assert_int_equal(iova, 3 * MIB);
	assert_int_equal(baton_mapping_iova(m[2], (char *)m[2]->info.va + GIB, 1, &iova), -EFAULT);
	assert_int_equal(baton_mapping_iova(m[2], (char *)m[2]->info.va - 1, 1, &iova), -EFAULT);

	assert_int_equal(rig_map(r->ioas, 64 * KIB, 0, 0xfff, &r->m), -ENOSPC);
	assert_says("64 KiB are needed in one run of addresses at or below 0xfff");
	assert_int_equal(rig_map(r->ioas, 4 * GIB, 2 * MIB, 0xffffffff, &r->m), -ENOSPC);
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
	assert_int_equal(rig_map(r->ioas, 1020 * MIB, GIB, 0, &r->m), 0);
	assert_int_equal(iova_of(r->m), 4 * MIB);
	assert_int_equal(rig_map(r->ioas, 64 * MIB, 0, 0, &r->m), -ENOSPC);
	assert_says("windows are 0x1000-0x3fffffff, with 1 mappings of 1020 MiB in them");
	assert_int_equal(baton_ioas_unmap(r->ioas->mappings), 0);
	down(r);
}

static void
before_the_first_device(void **state)
{
	struct rig *r = *state;

	assert_int_equal(fake_ioas(r->f, r->b, BATON_IOAS_AUTO, &r->ioas), 0);
	assert_int_equal(rig_map(r->ioas, MIB, 0, 0, &r->m), -ENODEV);
	assert_says("open the device first");
	down(r);
}

static void
strange_kernels(void **state)
{
	struct rig *r = *state;
	struct ioas_device *other;

	/* Before 5.4 there was nothing to ask; the interrupts' addresses are left out all the same.
	 */
	r->f->no_caps = true;
	assert_int_equal(up(r, BATON_IOAS_TYPE1), 0);
	assert_int_equal(info_of(r->ioas).ranges, 2);
	assert_true(info_of(r->ioas).mappings_left == UINT64_MAX);
	assert_int_equal(map_fixed(r->ioas, 0xfee00000, 4 * KIB, 0, &r->m), -ERANGE);
	down(r);
	r->f->no_caps = false;
	r->f->loops = true;
	assert_int_equal(up(r, BATON_IOAS_TYPE1), 0);
	down(r);
	r->f->loops = false;
	r->f->lies = true;
	assert_int_equal(up(r, BATON_IOAS_TYPE1), -EIO);
	assert_says("VFIO_IOMMU_GET_INFO: 1000000 address ranges");
	down(r);
	r->f->lies = false;
	r->f->api_version = 7;
	assert_int_equal(up(r, BATON_IOAS_TYPE1), -ENOTSUP);
	assert_says("has version 7");
	down(r);

	/* One that lets a device in which cannot have what is mapped: then it is us who refuse. */
	r->f->api_version = VFIO_API_VERSION;
	r->f->lenient = true;
	r->f->devs[1].windows[1].last = 0xffffffff;
	assert_int_equal(up(r, BATON_IOAS_IOMMUFD), 0);
	assert_int_equal(rig_map(r->ioas, MIB, 0, 0, &r->m), 0);
	assert_int_equal(ioas_attach(r->ioas, B, &other), -EADDRINUSE);
	assert_says("0x100000000-0x1000fffff is mapped already");
	assert_int_equal(info_of(r->ioas).devices, 1);
	assert_int_equal(baton_ioas_unmap(r->m), 0);
	down(r);
}

static void
whole_arena(void **state)
{
	struct rig *r = *state;
	struct baton_mapping_info info;
	struct baton_arena_info a;
	struct baton_arena *arena;
	struct baton_mem_config c = { .size = sizeof(c),
				      .bytes = 100000,
				      .page_size = BATON_PAGE_BASE,
				      .node = BATON_NODE_ANY };
	struct baton_ctx *ctx = &r->b->ctx;

	assert_int_equal(up(r, BATON_IOAS_AUTO), 0);
	assert_int_equal(baton_arena_create(ctx, &c, &arena), 0);
	baton_arena_info(arena, &a);
	assert_int_equal(baton_ioas_map_arena(r->ioas, arena, 0xffffffff, &r->m), 0);
	baton_mapping_info(r->m, &info);
	assert_ptr_equal(info.va, a.base);
	assert_int_equal(info.bytes, a.bytes);
	assert_true(info.iova + info.bytes <= 4 * GIB);
	assert_int_equal(baton_ioas_unmap(r->m), 0);
	down(r);
	baton_arena_destroy(arena);
}

/* The machine we are on, which may have no PCI at all. */
static void
this_machine(void **state)
{
	struct rig *r = *state;
	const struct ioas_os *os = &ioas_os_host;
	uint64_t soft, hard, entry;
	char text[4096], name[IOAS_ROOM];
	char *page = aligned_alloc(4096, 4096);
	struct baton_ctx *ctx;
	int fd;

	assert_int_equal(baton_ctx_create(NULL, &ctx), 0);
	assert_int_equal(baton_ctx_ioas(ctx, &r->ioas), 0);
	assert_int_equal(ioas_attach(r->ioas, "ffff:ff:1f.7", &r->dev), -ENODEV);
	assert_int_equal(baton_ctx_destroy(ctx), 0);

	assert_in_range(os->read(os, "/proc/self/status", text, sizeof(text)), 1, sizeof(text));
	assert_non_null(strstr(text, "VmLck"));
	assert_int_equal(os->read(os, "/nowhere", text, sizeof(text)), -ENOENT);
	assert_int_equal(os->read(os, "/", text, sizeof(text)), -EISDIR);
	assert_int_equal(os->link(os, "/proc/self/fd/nothing", true, name), -ENOENT);
	fd = os->open(os, "/proc/self/pagemap", 0);
	assert_true(fd >= 0);
	snprintf(text, sizeof(text), "/proc/self/fd/%d", fd);
	assert_int_equal(os->link(os, text, false, name), 0);
	assert_string_equal(name, "pagemap");
	assert_int_equal(os->link(os, text, true, name), 0);
	assert_non_null(strchr(name, '/'));
	page[0] = 1;
	assert_int_equal(os->pagemap(os, fd, page, &entry), 0);
	assert_true(entry >> 63);
	assert_true(os->ioctl(os, fd, VFIO_GET_API_VERSION, NULL) < 0);
	os->close(os, fd);
	assert_int_equal(os->open(os, "/nowhere", 0), -ENOENT);
	assert_int_equal(os->memlock(os, &soft, &hard), 0);
	assert_true(soft <= hard);
	os->ipc_lock(os);
	if (!os->lock(os, page, 4096))
		assert_int_equal(os->unlock(os, page, 4096), 0);
	free(page);
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
	assert_int_equal(rig_map(r->ioas, 4 * MIB, 0, 0, &r->m), 0);
	assert_int_equal(rig_map(r->ioas, 4 * MIB, 0, 0, &m), -ENOMEM);
	assert_says("needed 4 MiB, limit 8 MiB (RLIMIT_MEMLOCK), used 5 MiB, counted for all "
		    "processes of user 1000 together");
	assert_says("LimitMEMLOCK=");
	assert_int_equal(r->f->map_calls, 1); /* the kernel was not even asked */
	r->f->hard = GIB;
	assert_int_equal(rig_map(r->ioas, 4 * MIB, 0, 0, &m), -ENOMEM);
	assert_says("raise it: ulimit -l 9216");
	assert_int_equal(rig_map(r->ioas, 3 * MIB, 0, 0, &m), 0); /* to the last byte */
	assert_int_equal(baton_ioas_unmap(m), 0);
	/* What was mapped while exempt is not charged later, either. */
	r->f->exempt = true;
	assert_int_equal(rig_map(r->ioas, GIB, 0, 0, &m), 0);
	r->f->exempt = false;
	assert_int_equal(rig_map(r->ioas, 4 * MIB, 0, 0, &r->m), -ENOMEM);
	assert_says("used 5 MiB, counted for all");
	assert_int_equal(baton_ioas_unmap(m), 0);
	assert_int_equal(baton_ioas_unmap(r->ioas->mappings), 0);
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
	assert_int_equal(rig_map(r->ioas, 6 * MIB, 0, 0, &r->m), 0);
	assert_int_equal(baton_ioas_unmap(r->m), 0);
	assert_int_equal(rig_map(r->ioas, 6 * MIB + 4096, 0, 0, &r->m), -ENOMEM);
	assert_says("needed 6148 KiB, limit 8 MiB (RLIMIT_MEMLOCK), used 2 MiB, counted for this "
		    "process, as type1 does it");
	r->f->soft = 0;
	assert_int_equal(rig_map(r->ioas, 4096, 0, 0, &r->m), -ENOMEM);
	r->f->soft = UINT64_MAX;
	assert_int_equal(rig_map(r->ioas, GIB, 0, 0, &r->m), 0);
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
	assert_int_equal(rig_map(r->ioas, MIB, 0, 0, &r->m), 0);
	assert_string_equal(r->f->call[r->f->calls], "IOMMU_IOAS_MAP");
	calls = r->f->calls - calls;
	assert_int_equal(baton_ioas_unmap(r->m), 0);
	r->f->err = ENOMEM;
	r->f->fail_at = r->f->calls + calls;
	assert_int_equal(rig_map(r->ioas, MIB, 0, 0, &r->m), -ENOMEM);
	assert_says("IOMMU_IOAS_MAP: Cannot allocate memory; RLIMIT_MEMLOCK is 8 MiB, of which 0 "
		    "bytes is seen in use by all processes of user 1000");
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
		assert_int_equal(rig_map(r->ioas, MIB, 0, 0, &m[i]), 0);
	assert_int_equal(rig_map(r->ioas, MIB, 0, 0, &m[2]), -ENOSPC);
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
physical_addresses(void **state)
{
	struct rig *r = *state;
	struct baton_mapping_info info;
	uint64_t iova;
	char *va;

	rig_without_iommu(r);
	assert_int_equal(up(r, BATON_IOAS_NOIOMMU), 0);
	assert_int_equal(r->b->warnings, 1);
	assert_non_null(strstr(r->b->last, "can overwrite any memory"));
	assert_int_equal(rig_map(r->ioas, 8 * MIB, 2 * MIB, 0, &r->m), 0);
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

	assert_int_equal(rig_map(r->ioas, 64 * KIB, 0, 0, &r->m), 0);
	assert_int_equal(r->f->pinned, 64 * KIB);
	assert_int_equal(baton_ioas_unmap(r->m), 0);
	assert_int_equal(r->f->pinned, 0);
	assert_int_equal(rig_map(r->ioas, 64 * KIB, 0, 0xffffffff, &r->m), -ENOSPC);
	assert_says("the device can use is 0xffffffff");
	assert_int_equal(map_fixed(r->ioas, 8 * GIB, 4 * KIB, 0, &r->m), -EINVAL);
	r->f->physical_page = 4 * KIB; /* 2 MiB is not what the memory has */
	assert_int_equal(rig_map(r->ioas, 8 * MIB, 2 * MIB, 0, &r->m), -EINVAL);
	assert_says("page_size");
	r->f->physical += 4 * KIB;
	r->f->physical_page = 2 * MIB;
	assert_int_equal(rig_map(r->ioas, 8 * MIB, 2 * MIB, 0, &r->m), -EINVAL);
	r->f->physical -= 4 * KIB;
	r->f->pagemap_hidden = true;
	assert_int_equal(rig_map(r->ioas, 64 * KIB, 0, 0, &r->m), -EPERM);
	assert_says("CAP_SYS_ADMIN");
	down(r);
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

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		T(ranges_of_all_devices),
		T(second_device_does_not_fit),
		T(many_ranges),
		T(windows_asked_for),
		T(windows_held_by_the_kernel),
		T(one_call_for_a_gigabyte),
		T(pages_of_64_kib),
		T(limits_and_fixed),
		T(small_window),
		T(before_the_first_device),
		T(strange_kernels),
		T(whole_arena),
		T(this_machine),
		T(memlock_of_the_user),
		T(memlock_of_the_process),
		T(memlock_hidden),
		T(entries),
		T(physical_addresses),
		T(flat),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
