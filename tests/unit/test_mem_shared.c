/* SPDX-License-Identifier: BSD-3-Clause */
/* Shared guest memory: from a stand-in of its heap, from the kernel's other heap, and from none. */
#include "mem_fake.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#define SYSTEM_HEAP "/dev/dma_heap/system" /* the same code, without the sharing */

static struct baton_mem_config
want_shared(size_t bytes)
{
	struct baton_mem_config c = want(bytes, BATON_PAGE_ANY);

	c.flags = BATON_MEM_CC_SHARED;
	return c;
}

static bool
all_zero(const char *p, size_t bytes)
{
	return p[0] == 0 && !memcmp(p, p + 1, bytes - 1);
}

/* What an arena of @bytes of a heap promises, whoever's it is. */
static void
assert_shared(const struct baton_arena_info *info, size_t bytes)
{
	char *other;

	assert_in_range(info->bytes, bytes, bytes + page_bytes() - 1);
	assert_int_equal(info->bytes % page_bytes(), 0);
	assert_int_equal(info->page_size, page_bytes());
	assert_int_equal(info->flags, BATON_MEM_CC_SHARED);
	assert_int_equal(info->node, BATON_NODE_ANY);
	assert_false(info->sealed);
	assert_true(all_zero(info->base, info->bytes));
	assert_true(fcntl(info->fd, F_GETFD) & FD_CLOEXEC);

	/* Its descriptor is what others are given. */
	other = mmap(NULL, info->bytes, PROT_READ, MAP_SHARED, info->fd, 0);
	assert_ptr_not_equal(other, MAP_FAILED);
	((char *)info->base)[bytes - 1] = 42;
	assert_int_equal(other[bytes - 1], 42);
	munmap(other, info->bytes);
}

static void
from_the_context(void **state)
{
	struct baton_mem_config c = want_shared(100000);
	struct mem_os os = cc_heap_os();
	struct bare_ctx *b = bare_ctx();
	struct baton_arena_info info;
	struct baton_arena *arena;
	int fds = open_fds();

	b->ctx.mem_os = &os;
	for (int i = 0; i < 2; i++) {
		c.page_size = i ? BATON_PAGE_BASE : BATON_PAGE_ANY;
		assert_int_equal(baton_arena_create(&b->ctx, &c, &arena), 0);
		baton_arena_info(arena, &info);
		assert_shared(&info, 100000);
		assert_int_equal(maps_with("unit-arena"), 1);
		baton_arena_destroy(arena);
		assert_int_equal(open_fds(), fds);
		assert_int_equal(maps_with("unit-arena"), 0);
	}
	/* Ordinary pages are what shared memory has, so nothing is said of them. */
	assert_int_equal(b->warnings, 0);

	/* The rest of that machine is ours. */
	c.flags = 0;
	c.page_size = BATON_PAGE_BASE;
	assert_int_equal(baton_arena_create(&b->ctx, &c, &arena), 0);
	baton_arena_info(arena, &info);
	assert_int_equal(info.flags, 0);
	assert_true(info.sealed);
	baton_arena_destroy(arena);
	bare_ctx_free(b);
}

static void
bad_requests(void **state)
{
	struct mem_os os = cc_heap_os();
	struct bare_ctx *b = bare_ctx();
	struct baton_arena *arena;
	struct baton_mem_config c;

	b->ctx.mem_os = &os;
	c = want_shared(4096);
	c.page_size = BATON_PAGE_2M;
	assert_int_equal(baton_arena_create(&b->ctx, &c, &arena), -EINVAL);
	assert_says(baton_last_error(), "hugepages were asked for");
	c = want_shared(4096);
	c.hugetlbfs = "/dev/hugepages";
	assert_int_equal(baton_arena_create(&b->ctx, &c, &arena), -EINVAL);
	assert_says(baton_last_error(), "shared guest memory has ordinary pages only");
	c = want_shared(4096);
	c.flags |= 0x50;
	assert_int_equal(baton_arena_create(&b->ctx, &c, &arena), -EINVAL);
	assert_says(baton_last_error(), "no flags 0x50");
	c = want_shared(0);
	assert_int_equal(baton_arena_create(&b->ctx, &c, &arena), -EINVAL);
	c = want_shared(SIZE_MAX - 5);
	assert_int_equal(baton_arena_create(&b->ctx, &c, &arena), -EINVAL);
	assert_says(baton_last_error(), "more than any process can map");
	c = want_shared((size_t)1 << 46);
	assert_int_equal(baton_arena_create(&b->ctx, &c, &arena), -ENOMEM);
	assert_says(baton_last_error(), "64 TiB");
	c = want_shared(4096);
	c.node = 1 << 20;
	assert_int_equal(baton_arena_create(&b->ctx, &c, &arena), -ENODEV);
	assert_says(baton_last_error(), "nodes with memory");
	bare_ctx_free(b);
}

static int refusal;

static int
refuse(const struct mem_os *os, const char *name, size_t bytes)
{
	return refusal;
}

static void
refused(void **state)
{
	static const struct {
		int err, ret;
		const char *says;
	} cases[] = {
		{ ENODEV, -ENODEV, "CONFIG_DMABUF_HEAPS_SYSTEM_CC_SHARED" },
		{ ENODEV, -ENODEV, "Linux 7.1" },
		{ ENODEV, -ENODEV, "bounce=never" },
		{ EACCES, -EACCES, "MODE=\"0660\"" },
		{ EPERM, -EACCES, "this user may not open /dev/dma_heap/system_cc_shared" },
		{ ENOMEM, -ENOMEM, "allocating 64 KiB from /dev/dma_heap/system_cc_shared" },
		{ ENOTTY, -ENOTTY, "Inappropriate ioctl" },
		{ EMFILE, -EMFILE, "ulimit -n" },
		{ ENFILE, -EMFILE, "fs.file-max" },
	};
	struct mem_os os = cc_heap_os();
	struct bare_ctx *b = bare_ctx();
	struct baton_mem_config c = want_shared(65536);
	struct baton_arena *arena = NULL;

	os.cc_shared = refuse;
	b->ctx.mem_os = &os;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		refusal = -cases[i].err;
		assert_int_equal(baton_arena_create(&b->ctx, &c, &arena), cases[i].ret);
		assert_says(baton_last_error(), "unit-arena");
		assert_says(baton_last_error(), cases[i].says);
		assert_null(arena);
	}
	assert_int_equal(b->warnings, 0);
	bare_ctx_free(b);
}

/* Which node shared guest memory comes from is nobody's choice. */
static void
shared_from_a_node(void **state)
{
	struct fake *f = *state;
	struct bare_ctx *b = bare_ctx();
	struct baton_arena_info info;
	struct baton_mem_config c = want_shared(MIB);

	c.node = 1;
	assert_int_equal(create(f, b, c, &info), 0);
	assert_int_equal(f->bound, -1);
	assert_int_equal(info.node, BATON_NODE_ANY);
	assert_int_equal(b->warnings, 1);
	assert_says(b->last, "node 1 was asked for, but the kernel chooses");
	f->node_mask = 2; /* nothing to choose from */
	assert_int_equal(create(f, b, c, &info), 0);
	assert_int_equal(b->warnings, 1);
	bare_ctx_free(b);
}

/* alloc, cc_shared, map: nothing else is asked for, and nothing is tried instead. */
static void
every_call_fails(void **state)
{
	static const int errs[] = { ENOMEM, EMFILE, EFAULT, EINVAL, EPERM };
	struct fake *f = *state;
	struct bare_ctx *b = bare_ctx();
	struct baton_mem_config c = want_shared(MIB);
	struct baton_arena_info info;

	for (int i = 0; i < 5; i++) {
		f->err = errs[i];
		for (f->fail_at = 1; f->fail_at <= 3; f->fail_at++) {
			f->calls = 0;
			assert_true(create(f, b, c, &info) < 0);
			assert_int_equal(f->calls, f->fail_at);
			assert_true(strlen(baton_last_error()) > 40);
		}
		f->calls = 0;
		assert_int_equal(create(f, b, c, &info), 0);
		assert_int_equal(f->calls, 3);
	}
	bare_ctx_free(b);
}

/* The machine we run on: it has the heap, or the sentence says how to get it. */
static void
this_machine(void **state)
{
	struct baton_mem_config c = want_shared(100000);
	struct bare_ctx *b = bare_ctx();
	struct baton_arena_info info;
	struct baton_arena *arena;
	int ret = baton_arena_create(&b->ctx, &c, &arena);

	if (!ret) {
		baton_arena_info(arena, &info);
		assert_shared(&info, 100000);
		baton_arena_destroy(arena);
	} else {
		assert_true(ret == -ENODEV || ret == -EACCES);
		assert_says(baton_last_error(), MEM_CC_HEAP);
	}
	bare_ctx_free(b);
}

static void
no_heap_at_all(void **state)
{
	int fds = open_fds();

	assert_int_equal(mem_heap_alloc("/dev/dma_heap/none-of-this-name", "unit-arena", 4096),
			 -ENODEV);
	assert_int_equal(mem_heap_alloc("/dev/null", "unit-arena", 4096), -ENOTTY);
	assert_int_equal(open_fds(), fds);
}

static int
system_heap(const struct mem_os *os, const char *name, size_t bytes)
{
	return mem_heap_alloc(SYSTEM_HEAP, name, bytes);
}

/* What is assumed of the heap's memory, on kernels that have its older brother. */
static void
a_real_heap(void **state)
{
	struct baton_mem_config c = want_shared(3 * MIB + 1);
	struct mem_os os = mem_os_host;
	struct bare_ctx *b = bare_ctx();
	struct baton_arena_info info;
	struct baton_arena *arena;

	if (access(SYSTEM_HEAP, R_OK)) {
		bare_ctx_free(b);
		print_message("skipped: no " SYSTEM_HEAP "\n");
		skip();
	}
	os.cc_shared = system_heap;
	b->ctx.mem_os = &os;
	assert_int_equal(baton_arena_create(&b->ctx, &c, &arena), 0);
	baton_arena_info(arena, &info);
	assert_shared(&info, 3 * MIB + 1);
	assert_int_equal(maps_with("unit-arena"), 1);
	assert_int_equal(fcntl(info.fd, F_ADD_SEALS, F_SEAL_SHRINK), -1);
	assert_int_equal(ftruncate(info.fd, 4096), -1);
	baton_arena_destroy(arena);
	bare_ctx_free(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(from_the_context),
		cmocka_unit_test(bad_requests),
		cmocka_unit_test(refused),
		cmocka_unit_test_setup_teardown(shared_from_a_node, setup, teardown),
		cmocka_unit_test_setup_teardown(every_call_fails, setup, teardown),
		cmocka_unit_test(this_machine),
		cmocka_unit_test(no_heap_at_all),
		cmocka_unit_test(a_real_heap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
