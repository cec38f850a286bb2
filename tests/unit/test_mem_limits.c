/* SPDX-License-Identifier: BSD-3-Clause */
/* What control groups, sandboxes and limits leave of memory, on machines that are not there. */
#include "mem_fake.h"

#include <errno.h>
#include <stdarg.h>

#define ROOM (100 * MIB) /* of a group that has what an arena of 64 MiB needs */

/* Write a file of a fake /sys or /proc with numbers in it. */
static __attribute__((format(printf, 3, 4))) void
putf(const char *root, const char *file, const char *fmt, ...)
{
	char text[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	put(root, file, text);
}

static void
refused(struct fake *f, struct bare_ctx *b, size_t bytes, uint64_t page, const char *says)
{
	struct baton_arena_info info;

	assert_int_equal(create(f, b, want(bytes, page), &info), -ENOMEM);
	assert_says(baton_last_error(), says);
}

static struct baton_arena_info
taken(struct fake *f, struct bare_ctx *b, size_t bytes, uint64_t page)
{
	struct baton_arena_info info;
	int ret = create(f, b, want(bytes, page), &info);

	if (ret)
		fail_msg("%d: %s", ret, baton_last_error());
	return info;
}

/* A mount of a group: @root of the hierarchy, at @mount of the fake /sys. */
static void
put_mount(struct fake *f, const char *root, const char *mount, const char *type,
	  const char *options)
{
	putf(f->proc, "self/mountinfo",
	     "22 28 0:21 / /proc rw,nosuid - proc proc rw\n"
	     "30 29 0:26 %s %s/%s rw,nosuid shared:9 - %s none rw,%s\n"
	     "31 29 0:27 / /nowhere rw - cgroup none rw,memoryless,cpu\n",
	     root, f->sys, mount, type, options);
}

static void
v2_counts_what_is_used(void **state)
{
	struct fake *f = *state;
	struct bare_ctx *b = bare_ctx();

	put(f->proc, "self/cgroup", "0::/a/b\n");
	put_mount(f, "/", "fs/cgroup", "cgroup2", "nsdelegate");
	put(f->sys, "fs/cgroup/a/memory.max", "1073741824\n");
	put(f->sys, "fs/cgroup/a/memory.current", "0\n");
	put(f->sys, "fs/cgroup/a/b/memory.max", "max\n");
	taken(f, b, 64 * MIB, BATON_PAGE_BASE);
	putf(f->sys, "fs/cgroup/a/memory.current", "%lu\n", GIB - 60 * MIB);
	refused(f, b, 64 * MIB, BATON_PAGE_BASE, "may use 1 GiB in all (");
	assert_says(baton_last_error(), "fs/cgroup/a/memory.max), of which 964 MiB is in use");
	assert_says(baton_last_error(), "needs 64 MiB of ordinary memory and 6 MiB for what "
					"follows");
	assert_int_equal(f->memfds, 1);

	/* Page cache is dropped when memory runs short. */
	putf(f->sys, "fs/cgroup/a/memory.stat", "anon 5\ninactive_file %lu\nactive_file 8192\n",
	     40 * MIB);
	taken(f, b, 64 * MIB, BATON_PAGE_BASE);

	/* The group itself has less. */
	putf(f->sys, "fs/cgroup/a/b/memory.max", "%lu\n", 66 * MIB);
	put(f->sys, "fs/cgroup/a/b/memory.current", "0\n");
	refused(f, b, 64 * MIB, BATON_PAGE_BASE, "fs/cgroup/a/b/memory.max), of which 0 bytes");
	bare_ctx_free(b);
}

/* Nobody is killed above memory.high, but nobody gets on either. */
static void
v2_high_counts_like_max(void **state)
{
	struct fake *f = *state;
	struct bare_ctx *b = bare_ctx();

	put(f->proc, "self/cgroup", "0::/\n");
	put_mount(f, "/", "fs/cgroup", "cgroup2", "nsdelegate");
	put(f->sys, "fs/cgroup/memory.max", "max\n");
	putf(f->sys, "fs/cgroup/memory.high", "%lu\n", 32 * MIB);
	refused(f, b, 64 * MIB, BATON_PAGE_BASE, "fs/cgroup/memory.high)");
	bare_ctx_free(b);
}

static void
v1_beside_v2(void **state)
{
	struct fake *f = *state;
	struct bare_ctx *b = bare_ctx();

	put(f->proc, "self/cgroup", "5:cpu,memory:/a/b\n1:name=systemd:/\n0::/\n");
	put_mount(f, "/", "fs/cgroup/cpu,memory", "cgroup", "cpu,memory");
	put(f->sys, "fs/cgroup/cpu,memory/a/memory.limit_in_bytes", "9223372036854771712\n");
	putf(f->sys, "fs/cgroup/cpu,memory/a/b/memory.limit_in_bytes", "%lu\n", ROOM);
	put(f->sys, "fs/cgroup/cpu,memory/a/b/memory.usage_in_bytes", "0\n");
	taken(f, b, 64 * MIB, BATON_PAGE_BASE);
	putf(f->sys, "fs/cgroup/cpu,memory/a/b/memory.usage_in_bytes", "%lu\n", 50 * MIB);
	refused(f, b, 64 * MIB, BATON_PAGE_BASE, "a/b/memory.limit_in_bytes), of which 50 MiB");
	/* Only the sum over the groups below counts as what can be dropped. */
	putf(f->sys, "fs/cgroup/cpu,memory/a/b/memory.stat", "inactive_file %lu\n", 50 * MIB);
	refused(f, b, 64 * MIB, BATON_PAGE_BASE, "of which 50 MiB");
	putf(f->sys, "fs/cgroup/cpu,memory/a/b/memory.stat", "total_inactive_file %lu\n", 50 * MIB);
	taken(f, b, 64 * MIB, BATON_PAGE_BASE);

	/* A group above, with and without the hierarchy that old kernels can switch off. */
	put(f->sys, "fs/cgroup/cpu,memory/a/memory.limit_in_bytes", "1000000\n");
	refused(f, b, 64 * MIB, BATON_PAGE_BASE, "memory/a/memory.limit_in_bytes)");
	put(f->sys, "fs/cgroup/cpu,memory/a/memory.use_hierarchy", "0\n");
	taken(f, b, 64 * MIB, BATON_PAGE_BASE);
	bare_ctx_free(b);
}

/* A container's own group is mounted, and /proc has its name outside. */
static void
group_of_a_container(void **state)
{
	struct fake *f = *state;
	struct bare_ctx *b = bare_ctx();

	put(f->proc, "self/cgroup", "4:memory:/docker/0123/sub\n");
	put_mount(f, "/docker/0123", "its\\040group", "cgroup", "memory");
	putf(f->sys, "its group/memory.limit_in_bytes", "%lu\n", 10 * MIB);
	refused(f, b, 64 * MIB, BATON_PAGE_BASE, "its group/memory.limit_in_bytes)");
	putf(f->sys, "its group/sub/memory.limit_in_bytes", "%lu\n", 9 * MIB);
	refused(f, b, 64 * MIB, BATON_PAGE_BASE, "its group/sub/memory.limit_in_bytes)");

	/* A name that only begins alike is another group's. */
	put(f->proc, "self/cgroup", "4:memory:/docker/01234\n");
	taken(f, b, 64 * MIB, BATON_PAGE_BASE);
	/* Unless we are listed there. */
	putf(f->sys, "its group/cgroup.procs", "1\n%d\n", (int)getpid());
	refused(f, b, 64 * MIB, BATON_PAGE_BASE, "its group/memory.limit_in_bytes)");
	bare_ctx_free(b);
}

/* The mount was made outside of our cgroup namespace: names between the two are not told. */
static void
group_of_a_namespace(void **state)
{
	struct fake *f = *state;
	struct bare_ctx *b = bare_ctx();

	put(f->proc, "self/cgroup", "0::/leaf\n");
	put_mount(f, "/../..", "fs/cgroup", "cgroup2", "rw");
	putf(f->sys, "fs/cgroup/x/other/leaf/memory.max", "%lu\n", 9 * MIB);
	putf(f->sys, "fs/cgroup/x/mine/leaf/memory.max", "%lu\n", 10 * MIB);
	put(f->sys, "fs/cgroup/x/other/leaf/cgroup.procs", "1\n");
	taken(f, b, 64 * MIB, BATON_PAGE_BASE);
	putf(f->sys, "fs/cgroup/x/mine/leaf/cgroup.procs", "%d\n", (int)getpid());
	refused(f, b, 64 * MIB, BATON_PAGE_BASE, "x/mine/leaf/memory.max)");
	putf(f->sys, "fs/cgroup/x/memory.max", "%lu\n", 8 * MIB);
	refused(f, b, 64 * MIB, BATON_PAGE_BASE, "fs/cgroup/x/memory.max)");
	bare_ctx_free(b);
}

/* Whatever these files contain, nothing worse than no limit comes of it. */
static void
strange_files(void **state)
{
	static const char *const texts[] = {
		"",
		"\n",
		":",
		"::",
		"0::",
		"0::x",
		"4:memory:",
		"4:memory",
		"0::/../../..",
		"- -",
		" - ",
		"- - -",
		"1 2 3 4",
		"1 2 3 4 5 6 - cgroup2",
		"1 2 3 / /x 6 - cgroup",
		"1 2 3 \\777 \\04 6 - cgroup2 none rw",
	};
	struct fake *f = *state;
	struct bare_ctx *b = bare_ctx();
	char *longest = calloc(1, 65536);

	assert_non_null(longest);
	memset(longest, '/', 65535);
	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		for (unsigned k = 0; k < sizeof(texts) / sizeof(texts[0]); k++) {
			put(f->proc, "self/cgroup", texts[i]);
			put(f->proc, "self/mountinfo", texts[k]);
			taken(f, b, MIB, BATON_PAGE_BASE);
		}
	put(f->proc, "self/cgroup", longest);
	put(f->proc, "self/mountinfo", longest);
	taken(f, b, MIB, BATON_PAGE_BASE);
	put(f->proc, "self/cgroup", "0::/\n");
	put_mount(f, "/", "fs/cgroup", "cgroup2", "rw");
	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		put(f->sys, "fs/cgroup/memory.max", texts[i]);
		put(f->sys, "fs/cgroup/memory.current", "x");
		if (i < 2 || texts[i][0] < '0' || texts[i][0] > '9')
			taken(f, b, MIB, BATON_PAGE_BASE);
	}
	put(f->sys, "fs/cgroup/memory.max", "0\n");
	refused(f, b, MIB, BATON_PAGE_BASE, "may use 0 bytes in all");
	free(longest);
	bare_ctx_free(b);
}

/* The sizes have the kernel's names; 1 GiB pages are hugetlb.1GB. */
static void
hugetlb_groups(void **state)
{
	struct fake *f = *state;
	struct bare_ctx *b = bare_ctx();
	struct baton_arena_info info;

	put(f->proc, "self/cgroup", "0::/a\n");
	put_mount(f, "/", "fs/cgroup", "cgroup2", "rw");
	put(f->sys, "fs/cgroup/a/hugetlb.1GB.max", "1073741824\n");
	put(f->sys, "fs/cgroup/a/hugetlb.1GB.current", "1073741824\n");
	put(f->sys, "fs/cgroup/a/hugetlb.1024MB.max", "0\n");
	refused(f, b, GIB, BATON_PAGE_1G, "a/hugetlb.1GB.max), of which 1 GiB is in use");
	info = taken(f, b, GIB, BATON_PAGE_ANY);
	assert_int_equal(info.page_size, BATON_PAGE_2M);
	put(f->sys, "fs/cgroup/a/hugetlb.2MB.rsvd.max", "4194304\n");
	taken(f, b, 4 * MIB, BATON_PAGE_2M);
	put(f->sys, "fs/cgroup/a/hugetlb.2MB.rsvd.current", "1000\n");
	refused(f, b, 4 * MIB, BATON_PAGE_2M, "a/hugetlb.2MB.rsvd.max), of which 1000 bytes");
	info = taken(f, b, 4 * MIB, BATON_PAGE_ANY);
	assert_int_equal(info.page_size, page_bytes());
	assert_says(b->last, "hugetlb.2MB.rsvd.max");

	put(f->proc, "self/cgroup", "7:hugetlb:/\n");
	put_mount(f, "/", "fs/cgroup/hugetlb", "cgroup", "hugetlb");
	put(f->sys, "fs/cgroup/hugetlb/hugetlb.2MB.limit_in_bytes", "2097152\n");
	taken(f, b, 2 * MIB, BATON_PAGE_2M);
	refused(f, b, 4 * MIB, BATON_PAGE_2M, "hugetlb.2MB.limit_in_bytes)");
	put(f->sys, "fs/cgroup/hugetlb/hugetlb.2MB.rsvd.limit_in_bytes", "0\n");
	refused(f, b, 2 * MIB, BATON_PAGE_2M, "hugetlb.2MB.rsvd.limit_in_bytes)");
	bare_ctx_free(b);
}

static void
page_sizes_of_other_machines(void **state)
{
	static const struct {
		uint64_t size;
		const char *file;
	} pages[] = { { 64ul << 10, "hugetlb.64KB.max" },
		      { 32 * MIB, "hugetlb.32MB.max" },
		      { 512 * MIB, "hugetlb.512MB.max" },
		      { 16 * GIB, "hugetlb.16GB.max" } };
	struct fake *f = *state;
	struct bare_ctx *b = bare_ctx();
	struct baton_mem_config c = want(1000, BATON_PAGE_ANY);
	struct baton_arena_info info;
	char file[64];

	c.hugetlbfs = "/mnt/huge";
	put(f->proc, "self/cgroup", "0::/\n");
	put_mount(f, "/", "fs/cgroup", "cgroup2", "rw");
	for (unsigned i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		f->mount_page = pages[i].size;
		assert_int_equal(create(f, b, c, &info), 0);
		snprintf(file, sizeof(file), "fs/cgroup/%s", pages[i].file);
		put(f->sys, file, "0\n");
		assert_int_equal(create(f, b, c, &info), -ENOMEM);
		assert_says(baton_last_error(), pages[i].file);
	}
	bare_ctx_free(b);
}

/* Linux 6.6 can count hugepages as memory. */
static void
hugepages_that_count_as_memory(void **state)
{
	struct fake *f = *state;
	struct bare_ctx *b = bare_ctx();

	put(f->proc, "self/cgroup", "0::/\n");
	put_mount(f, "/", "fs/cgroup", "cgroup2", "nsdelegate,memory_recursiveprot");
	putf(f->sys, "fs/cgroup/memory.max", "%lu\n", 20 * MIB);
	taken(f, b, 64 * MIB, BATON_PAGE_2M);
	put_mount(f, "/", "fs/cgroup", "cgroup2", "nsdelegate,memory_hugetlb_accounting");
	refused(f, b, 64 * MIB, BATON_PAGE_2M, "count as memory here");
	bare_ctx_free(b);
}

static void
mount_with_a_size(void **state)
{
	struct fake *f = *state;
	struct bare_ctx *b = bare_ctx();
	struct baton_mem_config c = want(4 * MIB, BATON_PAGE_ANY);
	struct baton_arena_info info;

	c.hugetlbfs = "/mnt/huge";
	f->mount_room = 4 * MIB;
	assert_int_equal(create(f, b, c, &info), 0);
	f->mount_room = 2 * MIB;
	assert_int_equal(create(f, b, c, &info), -ENOMEM);
	assert_says(baton_last_error(), "/mnt/huge has room for 2 MiB more");
	f->mount_room = 0;
	f->fail = MOUNT_FILE;
	f->err = EROFS;
	assert_int_equal(create(f, b, c, &info), -EROFS);
	assert_says(baton_last_error(), "remount,rw");
	f->err = ENOSPC;
	assert_int_equal(create(f, b, c, &info), -ENOSPC);
	assert_says(baton_last_error(), "nr_inodes");
	f->fail = NONE;
	f->file_limit = MIB;
	assert_int_equal(create(f, b, c, &info), -EFBIG);
	assert_says(baton_last_error(), "none larger than 1 MiB (RLIMIT_FSIZE)");
	bare_ctx_free(b);
}

/* ---- another way ---- */

static void
no_memfd(void **state)
{
	static const int errs[] = { EPERM, EACCES, ENOSYS };
	struct fake *f = *state;
	struct bare_ctx *b = bare_ctx();
	struct baton_arena_info info;

	f->fail = MEMFD;
	for (unsigned i = 0; i < 3; i++) {
		f->err = errs[i];
		b->ctx.warned = 0;
		info = taken(f, b, 4 * MIB, BATON_PAGE_BASE);
		assert_false(info.sealed);
		assert_true(info.fd >= 0);
		assert_says(b->last, "on the tmpfs /mnt/fake-tmpfs takes its place");
	}
	assert_int_equal(f->anonymous, 0);
	assert_int_equal(b->ctx.no_file[0], 0);

	/* Hugepages from a mount; with none, ordinary ones where that will do. */
	f->any_huge = true;
	info = taken(f, b, 4 * MIB, BATON_PAGE_ANY);
	assert_int_equal(info.page_size, BATON_PAGE_2M);
	f->any_huge = false;
	info = taken(f, b, 4 * MIB, BATON_PAGE_ANY);
	assert_int_equal(info.page_size, page_bytes());
	info = taken(f, b, 4 * MIB, BATON_PAGE_2M);
	assert_int_equal(info.fd, -1);
	assert_int_equal(f->anonymous, BATON_PAGE_2M);
	assert_says(b->ctx.no_file, "there is no hugetlbfs that this process may use");
	bare_ctx_free(b);
}

static void
files_too_large(void **state)
{
	struct fake *f = *state;
	struct bare_ctx *b = bare_ctx();
	struct baton_arena_info info;
	struct baton_arena *arena;
	struct baton_mem_config c = want(4 * MIB, BATON_PAGE_BASE);

	f->file_limit = 4 * MIB;
	info = taken(f, b, 4 * MIB, BATON_PAGE_BASE);
	assert_true(info.fd >= 0);
	f->file_limit = 4 * MIB - 1;
	info = taken(f, b, 4 * MIB, BATON_PAGE_BASE);
	assert_int_equal(info.fd, -1);
	assert_false(info.sealed);
	assert_int_equal(f->anonymous, page_bytes());
	assert_says(b->last, "RLIMIT_FSIZE: ulimit -f");

	/* Where only a file will do it is refused. */
	b->ctx.mem_os = &f->os;
	assert_int_equal(arena_create_for(&b->ctx, &c, &(struct arena_use){ .needs_file = true },
					  &arena),
			 -EPERM);
	assert_says(baton_last_error(), "RLIMIT_FSIZE: ulimit -f); allow it");
	bare_ctx_free(b);
}

static void
no_seals(void **state)
{
	struct fake *f = *state;
	struct bare_ctx *b = bare_ctx();
	struct baton_arena_info info;

	info = taken(f, b, MIB, BATON_PAGE_BASE);
	assert_true(info.sealed);
	f->fail = SEAL;
	f->err = EPERM;
	info = taken(f, b, MIB, BATON_PAGE_BASE);
	assert_false(info.sealed);
	assert_says(b->last, "sealing its file is forbidden here");
	bare_ctx_free(b);
}

static void
no_resize(void **state)
{
	struct fake *f = *state;
	struct bare_ctx *b = bare_ctx();
	struct baton_arena_info info;

	f->fail = RESIZE;
	f->err = ENOSYS;
	info = taken(f, b, MIB, BATON_PAGE_BASE);
	assert_int_equal(info.fd, -1);
	assert_says(b->last, "ftruncate is forbidden here");
	f->err = ENOSPC; /* no refusal, but a failure */
	assert_int_equal(create(f, b, want(MIB, BATON_PAGE_BASE), &info), -ENOSPC);
	bare_ctx_free(b);
}

/* A tmpfs that others fill between the look and the writing. */
static void
tmpfs_runs_full(void **state)
{
	struct fake *f = *state;
	struct bare_ctx *b = bare_ctx();
	struct baton_arena_info info;

	f->fail = MEMFD;
	f->err = EPERM;
	assert_int_equal(create(f, b, want(MIB, BATON_PAGE_BASE), &info), 0);
	f->also = POPULATE;
	f->also_err = EFAULT;
	assert_int_equal(create(f, b, want(MIB, BATON_PAGE_BASE), &info), -ENOMEM);
	assert_says(baton_last_error(), "the tmpfs /mnt/fake-tmpfs ran full");
	bare_ctx_free(b);
}

/* The pages of an arena and the tables of its pool are one need. */
static void
room_for_both(void **state)
{
	struct fake *f = *state;
	struct bare_ctx *b = bare_ctx();
	struct baton_mem_config c = want(64 * MIB, BATON_PAGE_BASE);
	struct baton_arena *arena;
	struct arena_use use = { .beside = 10 * MIB };

	b->ctx.mem_os = &f->os;
	put(f->proc, "self/cgroup", "0::/\n");
	put_mount(f, "/", "fs/cgroup", "cgroup2", "rw");
	putf(f->sys, "fs/cgroup/memory.max", "%lu\n", 90 * MIB);
	assert_int_equal(arena_create_for(&b->ctx, &c, &use, &arena), 0);
	baton_arena_destroy(arena);
	use.beside = 30 * MIB;
	assert_int_equal(arena_create_for(&b->ctx, &c, &use, &arena), -ENOMEM);
	assert_says(baton_last_error(), "needs 94 MiB");
	assert_int_equal(arena_check_room(&b->ctx, 30 * MIB), 0);
	assert_int_equal(arena_check_room(&b->ctx, 90 * MIB), -ENOMEM);
	bare_ctx_free(b);
}

/* populate() without madvise() and without /dev/zero. */
static void
populate_by_pipe(void **state)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = 300 * page;
	struct bare_ctx *b = bare_ctx();
	void *p = NULL;
	int fd = mem_os_host.memfd(&mem_os_host, "unit-arena", 0), fds = open_fds();

	assert_true(fd >= 0);
	assert_int_equal(mem_os_host.resize(&mem_os_host, fd, bytes), 0);
	assert_int_equal(mem_os_host.map(&mem_os_host, fd, bytes, &p), 0);
	assert_int_equal(mem_populate_by_pipe(p, bytes, page), 0);
	for (size_t i = 0; i < bytes; i += page)
		assert_int_equal(((char *)p)[i], 0);
	/* A page that cannot be is an error, and no SIGBUS. */
	assert_int_equal(mem_os_host.resize(&mem_os_host, fd, 200 * page), 0);
	assert_int_equal(mem_populate_by_pipe(p, bytes, page), -EFAULT);
	assert_int_equal(mem_populate_by_read(p, bytes), -EFAULT);
	assert_int_equal(open_fds(), fds);
	mem_os_host.unmap(&mem_os_host, p, bytes);
	mem_os_host.close(&mem_os_host, fd);
	bare_ctx_free(b);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(v2_counts_what_is_used),
		T(v2_high_counts_like_max),
		T(v1_beside_v2),
		T(group_of_a_container),
		T(group_of_a_namespace),
		T(strange_files),
		T(hugetlb_groups),
		T(page_sizes_of_other_machines),
		T(hugepages_that_count_as_memory),
		T(mount_with_a_size),
		T(no_memfd),
		T(files_too_large),
		T(no_seals),
		T(no_resize),
		T(tmpfs_runs_full),
		T(room_for_both),
		T(populate_by_pipe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
