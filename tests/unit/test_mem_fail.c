/* SPDX-License-Identifier: BSD-3-Clause */
/* Arenas on machines that are not there: two nodes, shortages, and every call failing in turn. */
#include "mem_fake.h"

#include <errno.h>

static void
node_is_bound(void **state)
{
	struct fake *f = *state;
	struct bare_ctx *b = bare_ctx();
	struct baton_arena_info info;
	struct baton_mem_config c = want(4 * MIB, BATON_PAGE_2M);

	assert_int_equal(create(f, b, c, &info), 0);
	assert_int_equal(f->bound, -1);
	assert_int_equal(info.node, BATON_NODE_ANY);
	for (int node = 0; node < 2; node++) {
		c.node = node;
		assert_int_equal(create(f, b, c, &info), 0);
		assert_int_equal(f->bound, node);
		assert_int_equal(info.node, node);
	}

	/* The only node with memory needs no binding, which containers often forbid. */
	f->node_mask = 1;
	f->bound = -1;
	c.node = 0;
	assert_int_equal(create(f, b, c, &info), 0);
	assert_int_equal(f->bound, -1);
	bare_ctx_free(b);
}

static void
wrong_node(void **state)
{
	struct fake *f = *state;
	struct bare_ctx *b = bare_ctx();
	struct baton_arena_info info;
	struct baton_mem_config c = want(4 * MIB, BATON_PAGE_2M);

	c.node = 2;
	assert_int_equal(create(f, b, c, &info), -ENODEV);
	assert_says(baton_last_error(), "node 2");
	assert_says(baton_last_error(), "nodes with memory: 0-1");
	c.node = -7;
	assert_int_equal(create(f, b, c, &info), -ENODEV);
	c.node = 1;
	f->max_node = 5;
	f->node_mask = 0x3d;
	assert_int_equal(create(f, b, c, &info), -ENODEV);
	assert_says(baton_last_error(), "nodes with memory: 0,2-5");
	assert_int_equal(f->memfds, 0);
	bare_ctx_free(b);
}

static void
bind_refused(void **state)
{
	struct fake *f = *state;
	struct bare_ctx *b = bare_ctx();
	struct baton_arena_info info;
	struct baton_mem_config c = want(4 * MIB, BATON_PAGE_2M);

	c.node = 1;
	f->fail = BIND;
	f->err = EPERM;
	assert_int_equal(create(f, b, c, &info), -EPERM);
	assert_says(baton_last_error(), "SYS_NICE");
	f->err = EINVAL;
	assert_int_equal(create(f, b, c, &info), -ENODEV);
	assert_says(baton_last_error(), "cpuset.mems");
	bare_ctx_free(b);
}

static void
shortage_on_a_node(void **state)
{
	struct fake *f = *state;
	struct bare_ctx *b = bare_ctx();
	struct baton_arena_info info;
	struct baton_mem_config c = want(16 * MIB - 5, BATON_PAGE_2M);

	c.node = 1;
	assert_int_equal(create(f, b, c, &info), -ENOMEM);
	assert_says(baton_last_error(), "needs 8 pages of 2 MiB on node 1");
	assert_says(baton_last_error(), "free are 60 on node 0, 3 on node 1");
	assert_says(baton_last_error(), "echo 55 > "
					"/sys/devices/system/node/node1/hugepages/hugepages-2048kB/"
					"nr_hugepages");
	assert_int_equal(f->memfds, 0); /* did not take the 3 to find out */

	/* With pages that the kernel may add, trying decides. */
	put_count(f, "kernel/mm", 2048, "nr_overcommit_hugepages", 20);
	assert_int_equal(create(f, b, c, &info), 0);
	assert_int_equal(b->warnings, 0);
	bare_ctx_free(b);
}

static void
shortage_of_the_machine(void **state)
{
	struct fake *f = *state;
	struct bare_ctx *b = bare_ctx();
	struct baton_arena_info info;

	f->fail = MAP;
	f->err = ENOMEM;
	put_count(f, "kernel/mm", 2048, "resv_hugepages", 3);
	assert_int_equal(create(f, b, want(200 * MIB, BATON_PAGE_2M), &info), -ENOMEM);
	assert_says(baton_last_error(), "200 MiB");
	assert_says(baton_last_error(), "needs 100 pages of 2 MiB,");
	assert_says(baton_last_error(), "of which 3 are reserved");
	/* 150 there, 63 - 3 to be had */
	assert_says(baton_last_error(), "echo 190 > "
					"/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages");

	assert_int_equal(create(f, b, want(2 * GIB, BATON_PAGE_1G), &info), -ENOMEM);
	assert_says(baton_last_error(), "needs 2 pages of 1 GiB");
	assert_says(baton_last_error(), "echo 3 > "
					"/sys/kernel/mm/hugepages/hugepages-1048576kB/"
					"nr_hugepages");
	assert_says(baton_last_error(), "hugepagesz=1G");

	/* A fault that finds no page counts as a shortage, too. */
	f->fail = POPULATE;
	f->err = EFAULT;
	assert_int_equal(create(f, b, want(200 * MIB, BATON_PAGE_2M), &info), -ENOMEM);
	assert_says(baton_last_error(), "needs 100 pages");
	assert_int_equal(b->warnings, 0);
	bare_ctx_free(b);
}

static void
limit_in_the_way(void **state)
{
	struct fake *f = *state;
	struct bare_ctx *b = bare_ctx();
	struct baton_arena_info info;

	f->fail = MAP;
	f->err = ENOMEM;
	assert_int_equal(create(f, b, want(4 * MIB, BATON_PAGE_2M), &info), -ENOMEM);
	assert_says(baton_last_error(), "needs 2 pages of 2 MiB");
	assert_says(baton_last_error(), "hugetlb.2MB.rsvd.max");
	bare_ctx_free(b);
}

static void
kernel_without_the_size(void **state)
{
	struct fake *f = *state;
	struct bare_ctx *b = bare_ctx();
	struct baton_arena_info info;

	f->fail = MEMFD;
	f->fail_page = BATON_PAGE_1G;
	f->err = ENODEV;
	assert_int_equal(create(f, b, want(GIB, BATON_PAGE_1G), &info), -ENOMEM);
	assert_says(baton_last_error(), "1 pages of 1 GiB, which this kernel does not have");
	assert_int_equal(create(f, b, want(GIB, BATON_PAGE_ANY), &info), 0);
	assert_int_equal(info.page_size, BATON_PAGE_2M);
	bare_ctx_free(b);
}

static void
any_takes_the_largest(void **state)
{
	struct fake *f = *state;
	struct bare_ctx *b = bare_ctx();
	struct baton_arena_info info;

	assert_int_equal(create(f, b, want(GIB, BATON_PAGE_ANY), &info), 0);
	assert_int_equal(info.page_size, BATON_PAGE_1G);
	assert_int_equal(create(f, b, want(2 * GIB - 100 * MIB, BATON_PAGE_ANY), &info), 0);
	assert_int_equal(info.page_size, BATON_PAGE_1G);
	assert_int_equal(info.bytes, 2 * GIB);
	/* would waste 700 of 2048 MiB */
	assert_int_equal(create(f, b, want(GIB + 324 * MIB, BATON_PAGE_ANY), &info), 0);
	assert_int_equal(info.page_size, BATON_PAGE_2M);
	assert_int_equal(create(f, b, want(3 * MIB, BATON_PAGE_ANY), &info), 0);
	assert_int_equal(info.page_size, BATON_PAGE_2M);
	assert_int_equal(info.bytes, 4 * MIB);

	/* 1 GiB pages gone: 2 MiB, without a word. */
	f->fail = POPULATE;
	f->fail_page = BATON_PAGE_1G;
	f->err = EFAULT;
	assert_int_equal(create(f, b, want(GIB, BATON_PAGE_ANY), &info), 0);
	assert_int_equal(info.page_size, BATON_PAGE_2M);
	assert_int_equal(b->warnings, 0);
	bare_ctx_free(b);
}

static void
fallback_warns_once(void **state)
{
	struct fake *f = *state;
	struct bare_ctx *b[2] = { bare_ctx(), bare_ctx() };
	struct baton_arena_info info;

	f->fail = MAP;
	f->fail_page = BATON_PAGE_2M;
	f->err = ENOMEM;
	for (int i = 0; i < 2; i++) {
		/* By name it is what was asked for: nothing to warn of. */
		assert_int_equal(create(f, b[i], want(5000, BATON_PAGE_BASE), &info), 0);
		assert_int_equal(b[i]->warnings, 0);
		for (int n = 0; n < 2; n++) {
			assert_int_equal(create(f, b[i], want(200 * MIB + 1, 0), &info), 0);
			assert_int_equal(info.page_size, page_bytes());
			assert_int_equal(info.bytes, 200 * MIB + page_bytes());
			assert_int_equal(b[i]->warnings, 1);
		}
		assert_says(b[i]->last, "unit-arena");
		assert_says(b[i]->last, "needs 101 pages of 2 MiB");
		assert_says(b[i]->last, "echo 188 > /sys/kernel/mm");
	}
	/* A fallback that fails is no fallback: nothing is warned of, both reasons are told. */
	b[0]->ctx.warned = 0;
	f->fail_page = 0;
	assert_int_equal(create(f, b[0], want(64 * GIB, 0), &info), -ENOMEM);
	assert_int_equal(b[0]->warnings, 1);
	assert_says(baton_last_error(), "needs 64 GiB of ordinary memory");
	assert_says(baton_last_error(), "16 GiB is available");
	assert_says(baton_last_error(), "hugepages: needs 32768 pages of 2 MiB");
	bare_ctx_free(b[0]);
	bare_ctx_free(b[1]);
}

static void
too_much_ordinary_memory(void **state)
{
	struct fake *f = *state;
	struct bare_ctx *b = bare_ctx();
	struct baton_arena_info info;
	struct baton_mem_config c = want(15 * GIB, BATON_PAGE_BASE);

	/* 15 of the 16 GiB is what may be taken. */
	assert_int_equal(create(f, b, c, &info), 0);
	c.bytes++;
	assert_int_equal(create(f, b, c, &info), -ENOMEM);
	assert_says(baton_last_error(), "16 GiB is available");

	c.bytes = 2 * GIB;
	c.node = 1;
	put(f->sys, "devices/system/node/node1/meminfo",
	    "Node 1 MemFree: 1048576 kB\nNode 1 FilePages: 1048576 kB\nNode 1 Shmem: 524288 kB\n");
	assert_int_equal(create(f, b, c, &info), -ENOMEM);
	assert_says(baton_last_error(), "on node 1, where 1.5 GiB is available");
	c.node = BATON_NODE_ANY;
	assert_int_equal(create(f, b, c, &info), 0);

	/* The smallest limit above our control group counts. */
	put(f->proc, "self/cgroup", "1:name=x:/other\n0::/a/b\n");
	put(f->sys, "fs/cgroup/a/b/memory.max", "max\n");
	put(f->sys, "fs/cgroup/a/memory.max", "1073741824\n");
	f->memfds = 0;
	assert_int_equal(create(f, b, c, &info), -ENOMEM);
	assert_says(baton_last_error(), "may use 1 GiB in all (");
	assert_says(baton_last_error(), "/fs/cgroup/a/memory.max), of which 0 bytes is in use");
	assert_int_equal(f->memfds, 0);
	bare_ctx_free(b);
}

static void
mounts(void **state)
{
	struct fake *f = *state;
	struct bare_ctx *b = bare_ctx();
	struct baton_arena_info info;
	struct baton_mem_config c = want(4 * MIB, BATON_PAGE_ANY);

	c.hugetlbfs = "/mnt/huge";
	assert_int_equal(create(f, b, c, &info), 0);
	assert_int_equal(info.page_size, BATON_PAGE_2M);
	c.page_size = BATON_PAGE_1G;
	assert_int_equal(create(f, b, c, &info), -EINVAL);
	assert_says(baton_last_error(), "/mnt/huge has pages of 2 MiB");
	/* A mount asked for by name is not replaced either. */
	c.page_size = BATON_PAGE_ANY;
	f->fail = MAP;
	f->err = ENOMEM;
	assert_int_equal(create(f, b, c, &info), -ENOMEM);
	assert_says(baton_last_error(), "mount's size option");
	assert_int_equal(b->warnings, 0);
	f->fail = MOUNT_FILE;
	f->err = EACCES;
	assert_int_equal(create(f, b, c, &info), -EACCES);
	assert_says(baton_last_error(), "/mnt/huge");
	f->mount_err = -EOPNOTSUPP;
	assert_int_equal(create(f, b, c, &info), -ENODEV);
	assert_says(baton_last_error(), "no libhugetlbfs");
	bare_ctx_free(b);
}

/* Each call fails once, with each kind of page; create() checks that nothing is left. */
static void
every_call_fails(void **state)
{
	static const int errs[] = { ENOMEM, EMFILE, EFAULT, EINVAL, EPERM };
	static const uint64_t pages[] = { 0, BATON_PAGE_BASE, BATON_PAGE_2M, BATON_PAGE_1G };
	struct fake *f = *state;
	struct bare_ctx *b = bare_ctx();
	struct baton_arena_info info;

	for (unsigned i = 0; i < 4 * 5 * 2; i++) {
		struct baton_mem_config c = want(GIB, pages[i % 4]);
		int ret, nth = 0, failed = 0;

		if (i >= 20) { /* from a mount, of the right page size */
			c.hugetlbfs = "/mnt/huge";
			f->mount_page =
				pages[i % 4] > BATON_PAGE_BASE ? pages[i % 4] : BATON_PAGE_2M;
			c.page_size = 0;
		}
		c.node = 0;
		f->err = errs[i / 4 % 5];
		put_huge(f, 2048, 600, 600, 600, 600);
		do {
			f->calls = 0;
			f->fail_at = ++nth;
			ret = create(f, b, c, &info);
			failed += ret != 0;
			if (ret)
				assert_true(strlen(baton_last_error()) > 40);
		} while (f->calls >= nth);
		assert_int_equal(ret, 0); /* the last round, where nothing failed */
		assert_in_range(nth, i >= 20 ? 7 : 8, 30);
		assert_true(failed >= 1);
		f->fail_at = 0;
	}
	bare_ctx_free(b);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(node_is_bound),
		T(wrong_node),
		T(bind_refused),
		T(shortage_on_a_node),
		T(shortage_of_the_machine),
		T(limit_in_the_way),
		T(kernel_without_the_size),
		T(any_takes_the_largest),
		T(fallback_warns_once),
		T(too_much_ordinary_memory),
		T(mounts),
		T(every_call_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
