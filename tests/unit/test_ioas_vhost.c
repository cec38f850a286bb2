/* SPDX-License-Identifier: BSD-3-Clause */
/* The memory of a vhost-user backend as an address space: no kernel, addresses of Baton's choice,
 * as many mappings as a memory table has regions, and none without a descriptor. */
#include "ioas_rig.h"

static int
vhost_with(struct rig *r, const struct baton_iova_range *windows, unsigned n)
{
	struct baton_ioas_config c;

	baton_ioas_config_init(&c);
	c.name = "port0";
	c.backend = BATON_IOAS_VHOST;
	c.windows = windows;
	c.n_windows = n;
	r->dev = NULL;
	return baton_ioas_create_with(&r->b->ctx, &c, &r->f->os, &r->ioas);
}

/* Memory that is not there, of descriptor @fd. */
static int
map_fd(struct rig *r, uint64_t bytes, uint64_t limit, int fd, struct baton_mapping **out)
{
	struct baton_map_config c;

	baton_map_config_init(&c);
	c.name = "pool0";
	c.va = (void *)(64 * GIB);
	c.bytes = bytes;
	c.page_size = 2 * MIB;
	c.limit = limit;
	c.fd = fd;
	c.fd_offset = 8 * KIB;
	return baton_ioas_map(r->ioas, &c, out);
}

static void
eight_regions(void **state)
{
	struct rig *r = *state;
	struct baton_mapping *m[8];
	struct baton_iova_range all;
	int calls;

	assert_int_equal(vhost_with(r, NULL, 0), 0);
	assert_string_equal(info_of(r->ioas).backend_name, "vhost");
	assert_string_equal(info_of(r->ioas).why, "vhost, as asked for");
	assert_int_equal(info_of(r->ioas).accounting, BATON_IOAS_ACCOUNT_NONE);
	assert_int_equal(baton_ioas_ranges(r->ioas, &all, 1), 1);
	assert_int_equal(all.start, 0);
	assert_int_equal(all.last, (1ull << 46) - 1);
	r->f->soft = 0; /* nothing is pinned */
	calls = r->f->calls;
	for (unsigned i = 0; i < 8; i++) {
		assert_int_equal(info_of(r->ioas).mappings_left, 8 - i);
		assert_int_equal(map_fd(r, 4 * MIB, 0, 7, &m[i]), 0);
		assert_int_equal(iova_of(m[i]) % (2 * MIB), 0);
		assert_true(iova_of(m[i]) >= 4 * GIB);
	}
	for (int i = calls + 1; i <= r->f->calls; i++) /* of the kernel's, none */
		assert_string_equal(r->f->call[i], "alloc");
	assert_int_equal(map_fd(r, 4 * MIB, 0, 7, &r->m), -ENOSPC);
	assert_says("pool0: vhost allows 8 mappings and 8 are there; map fewer, larger arenas");
	assert_null(strstr(baton_last_error(), "vfio"));
	assert_int_equal(baton_ioas_unmap(m[3]), 0);
	assert_int_equal(map_fd(r, 4 * MIB, 0, 7, &m[3]), 0);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(baton_ioas_unmap(m[i]), 0);
	/* It is what it was: nothing but the end closes it. */
	assert_int_equal(info_of(r->ioas).mappings_left, 8);
	down(r);
}

static void
what_is_mapped(void **state)
{
	struct rig *r = *state;
	const struct baton_mapping *at = NULL;
	struct baton_arena_info info;
	struct baton_map_config c;
	struct baton_arena *arena;
	struct baton_mapping *tx;
	struct ioas_entry e;
	struct baton_ctx *ctx;

	make_arena(&ctx, &arena, &info);
	assert_int_equal(vhost_with(r, NULL, 0), 0);
	assert_null(ioas_next(r->ioas, NULL, &e));
	assert_int_equal(map_fd(r, 4 * MIB, 0, 7, &r->m), 0);
	baton_map_config_init(&c);
	c.name = "TX slots";
	c.va = info.base;
	c.bytes = info.bytes;
	c.page_size = info.page_size;
	c.limit = 0xffffffff;
	c.flags = BATON_MAP_READ;
	c.fd = info.fd;
	assert_int_equal(baton_ioas_map(r->ioas, &c, &tx), 0);

	at = ioas_next(r->ioas, NULL, &e);
	assert_ptr_equal(at, tx);
	assert_string_equal(e.name, "TX slots");
	assert_ptr_equal(e.va, info.base);
	assert_int_equal(e.bytes, info.bytes);
	assert_int_equal(e.iova, iova_of(tx));
	assert_true(e.iova + e.bytes <= 4 * GIB);
	assert_int_equal(e.flags, BATON_MAP_READ);
	assert_int_equal(e.fd, info.fd);
	assert_int_equal(e.fd_offset, 0);
	at = ioas_next(r->ioas, at, &e);
	assert_ptr_equal(at, r->m);
	assert_int_equal(e.flags, BATON_MAP_READ | BATON_MAP_WRITE);
	assert_int_equal(e.fd, 7);
	assert_int_equal(e.fd_offset, 8 * KIB);
	assert_null(ioas_next(r->ioas, at, &e));

	assert_ptr_equal(ioas_find_iova(r->ioas, iova_of(r->m), &e), r->m);
	assert_ptr_equal(ioas_find_iova(r->ioas, iova_of(r->m) + 4 * MIB - 1, &e), r->m);
	assert_ptr_equal(ioas_find_iova(r->ioas, iova_of(tx) + 1, &e), tx);
	assert_int_equal(e.iova, iova_of(tx));
	assert_null(ioas_find_iova(r->ioas, iova_of(r->m) - 1, &e));
	assert_null(ioas_find_iova(r->ioas, iova_of(r->m) + 4 * MIB, &e));
	assert_null(ioas_find_iova(r->ioas, 0, &e));
	assert_null(ioas_find_iova(r->ioas, UINT64_MAX, &e));

	assert_int_equal(baton_ioas_unmap(tx), 0);
	assert_int_equal(baton_ioas_unmap(r->m), 0);
	down(r);
	baton_arena_destroy(arena);
	assert_int_equal(baton_ctx_destroy(ctx), 0);
}

struct ended {
	struct baton_ioas *ioas;
	struct ioas_entry e;
	unsigned n;
	bool there;
};

static void
on_end(void *arg, const struct ioas_entry *e)
{
	struct ended *ended = arg;
	struct ioas_entry now;

	ended->e = *e;
	ended->n++;
	ended->there = ioas_find_iova(ended->ioas, e->iova, &now) && now.fd == e->fd;
	baton_err(EREMOTEIO, "the backend does not want to");
}

/* Who passes memory on hears of the end of a mapping while it is there, once, and cannot keep it:
 * its descriptor is closed next. */
static void
mappings_end(void **state)
{
	struct rig *r = *state;
	struct ended ended = { 0 };
	struct ioas_entry e;
	uint64_t iova;

	assert_int_equal(vhost_with(r, NULL, 0), 0);
	ended.ioas = r->ioas;
	ioas_on_unmap(r->ioas, on_end, &ended);
	for (unsigned i = 1; i <= 20; i++) {
		assert_int_equal(map_fd(r, 4 * MIB, 0, 7, &r->m), 0);
		iova = iova_of(r->m);
		assert_int_equal(baton_ioas_unmap(r->m), 0);
		assert_int_equal(ended.n, i);
		assert_true(ended.there);
		assert_int_equal(ended.e.iova, iova);
		assert_int_equal(ended.e.bytes, 4 * MIB);
		assert_int_equal(ended.e.fd, 7);
		assert_null(ioas_next(r->ioas, NULL, &e));
		assert_int_equal(info_of(r->ioas).mappings_left, 8);
	}
	down(r);
}

static void
refusals(void **state)
{
	struct rig *r = *state;
	struct baton_map_config c;

	assert_int_equal(vhost_with(r, NULL, 0), 0);
	assert_int_equal(map_fd(r, 4 * MIB, 0, -1, &r->m), -EINVAL);
	assert_says("pool0: a vhost backend is given memory as a file descriptor");
	assert_says("no descriptor");
	baton_map_config_init(&c);
	assert_int_equal(c.fd, -1);
	c.va = (void *)(64 * GIB);
	c.bytes = 4 * KIB;
	c.fd = 7;
	c.fd_offset = 100;
	assert_int_equal(baton_ioas_map(r->ioas, &c, &r->m), -EINVAL);
	assert_says("whole pages");
	assert_int_equal(ioas_attach(r->ioas, A, &r->dev), -ENOTSUP);
	assert_says("reaches no hardware");
	/* And the refusal changed nothing. */
	assert_int_equal(info_of(r->ioas).ranges, 1);
	assert_int_equal(map_fd(r, 4 * MIB, 0, 7, &r->m), 0);
	assert_int_equal(baton_ioas_destroy(r->ioas), -EBUSY);
	assert_int_equal(baton_ioas_unmap(r->m), 0);
	down(r);
}

/* Limits and windows mean the same as with hardware. */
static void
limits_and_windows(void **state)
{
	struct rig *r = *state;
	const struct baton_iova_range window = { 1 * GIB, 1 * GIB + 8 * MIB - 1 };
	const struct baton_iova_range beyond = { 1ull << 50, UINT64_MAX };
	struct baton_mapping *second;

	assert_int_equal(vhost_with(r, NULL, 0), 0);
	assert_int_equal(map_fd(r, 4 * MIB, (1u << 31) - 1, 7, &r->m), 0);
	assert_true(iova_of(r->m) + 4 * MIB <= 1ull << 31);
	assert_int_not_equal(iova_of(r->m), 0);
	assert_int_equal(baton_ioas_unmap(r->m), 0);
	down(r);

	assert_int_equal(vhost_with(r, &window, 1), 0);
	assert_int_equal(map_fd(r, 4 * MIB, 0, 7, &r->m), 0);
	assert_int_equal(iova_of(r->m), 1 * GIB);
	assert_int_equal(map_fd(r, 8 * MIB, 0, 7, &second), -ENOSPC);
	assert_int_equal(map_fd(r, 4 * KIB, MIB, 7, &second), -ENOSPC);
	assert_says("no address satisfies both");
	assert_int_equal(baton_ioas_unmap(r->m), 0);
	down(r);

	assert_int_equal(vhost_with(r, &beyond, 1), -ERANGE);
	assert_says("0x4000000000000");
	assert_says("0x3fffffffffff");
	r->ioas = NULL;
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		T(eight_regions), T(what_is_mapped),     T(mappings_end),
		T(refusals),      T(limits_and_windows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
