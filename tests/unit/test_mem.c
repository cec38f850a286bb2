/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Arenas on the machine at hand. What needs hugepages, or root to get some, is skipped without;
 * counts of free pages are of the whole machine, so nothing else should take pages meanwhile.
 */
#include "mem_util.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <mntent.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SYS_2M "/sys/kernel/mm/hugepages/hugepages-2048kB/"
#define SKIP(reason)                                                                               \
	do {                                                                                       \
		print_message("skipped: %s\n", reason);                                            \
		skip();                                                                            \
	} while (0)

/* Pages of 2 MiB that are free and promised to nobody. */
static long
free_pages(void)
{
	return read_long(SYS_2M "free_hugepages") - read_long(SYS_2M "resv_hugepages");
}

/* Have that many, raising the number if we may. It stays raised: others may be using it by now. */
static bool
have_pages(long wanted)
{
	char text[32];

	if (free_pages() < wanted) {
		snprintf(text, sizeof(text), "%ld",
			 read_long(SYS_2M "nr_hugepages") + wanted - free_pages());
		write_text(SYS_2M "nr_hugepages", text);
	}
	return free_pages() >= wanted;
}

static bool
all_zero(const char *p, size_t bytes)
{
	return p[0] == 0 && !memcmp(p, p + 1, bytes - 1);
}

/* What every arena promises. */
static void
assert_sound(const struct baton_arena_info *info, const char *name)
{
	size_t pages = info->bytes / (size_t)sysconf(_SC_PAGESIZE);
	unsigned char *in = malloc(pages);

	assert_non_null(in);
	assert_int_equal(info->bytes % info->page_size, 0);
	assert_int_equal(mincore(info->base, info->bytes, in), 0);
	for (size_t i = 0; i < pages; i++)
		assert_true(in[i] & 1);
	free(in);
	assert_true(all_zero(info->base, info->bytes));
	assert_true(fcntl(info->fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(maps_with(name), 1);
}

static void
assert_sealed(const struct baton_arena_info *info)
{
	int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

	assert_true(info->sealed);
	assert_int_equal(fcntl(info->fd, F_GET_SEALS) & seals, seals);
	assert_int_equal(ftruncate(info->fd, 0), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(ftruncate(info->fd, (off_t)info->bytes * 2), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(fcntl(info->fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
}

static size_t
up(size_t n, size_t page)
{
	return (n + page - 1) / page * page;
}

static void
ordinary_pages(void **state)
{
	struct baton_mem_config c = want(100000, BATON_PAGE_BASE);
	struct bare_ctx *b = bare_ctx();
	struct baton_arena_info info;
	struct baton_arena *arena;
	int fds = open_fds();
	char *other;

	assert_int_equal(baton_arena_create(&b->ctx, &c, &arena), 0);
	baton_arena_info(arena, &info);
	assert_int_equal(info.bytes, up(100000, page_bytes()));
	assert_int_equal((uintptr_t)info.base % page_bytes(), 0);
	assert_int_equal(info.page_size, page_bytes());
	assert_int_equal(info.node, BATON_NODE_ANY);
	assert_sound(&info, "unit-arena");
	assert_sealed(&info);
	assert_int_equal(b->warnings, 0);

	/* Whoever gets the descriptor sees the same memory. */
	other = mmap(NULL, info.bytes, PROT_READ, MAP_SHARED, info.fd, 0);
	assert_ptr_not_equal(other, MAP_FAILED);
	((char *)info.base)[99999] = 42;
	assert_int_equal(other[99999], 42);
	munmap(other, info.bytes);

	baton_arena_destroy(arena);
	baton_arena_destroy(NULL);
	assert_int_equal(open_fds(), fds);
	assert_int_equal(maps_with("unit-arena"), 0);
	bare_ctx_free(b);
}

/* Ordinary pages have the kernel's size, whatever that is, and a size by name is not replaced. */
static void
sizes_of_ordinary_pages(void **state)
{
	const uint64_t sizes[] = { BATON_PAGE_BASE, page_bytes(), BATON_PAGE_4K };
	struct bare_ctx *b = bare_ctx();
	struct baton_mem_config c;
	struct baton_arena_info info;
	struct baton_arena *arena;
	char has[64], size[32];

	snprintf(has, sizeof(has), "ordinary pages have %s, not 4 KiB; ask for BATON_PAGE_BASE",
		 text_size(size, page_bytes()));
	for (unsigned i = 0; i < 3; i++) {
		c = want(1, sizes[i]);
		if (i == 2 && page_bytes() != BATON_PAGE_4K) {
			assert_int_equal(baton_arena_create(&b->ctx, &c, &arena), -EINVAL);
			assert_says(baton_last_error(), has);
			continue;
		}
		assert_int_equal(baton_arena_create(&b->ctx, &c, &arena), 0);
		baton_arena_info(arena, &info);
		assert_int_equal(info.page_size, page_bytes());
		assert_int_equal(info.bytes, page_bytes());
		baton_arena_destroy(arena);
	}
	assert_int_equal(b->warnings, 0);
	c = want(1, page_bytes() / 2);
	assert_int_equal(baton_arena_create(&b->ctx, &c, &arena), -EINVAL);
	snprintf(has, sizeof(has), "bytes; use %s, 2 MiB", size);
	assert_says(baton_last_error(), has);
	bare_ctx_free(b);
}

static void
huge_pages(void **state)
{
	struct baton_mem_config c = want(3 * MIB, BATON_PAGE_2M);
	struct bare_ctx *b = bare_ctx();
	struct baton_arena_info info;
	struct baton_arena *arena;

	if (!have_pages(2))
		SKIP("no hugepages of 2 MiB");
	for (int i = 0; i < 2; i++) {
		c.page_size = i ? BATON_PAGE_ANY : BATON_PAGE_2M;
		c.node = i ? BATON_NODE_ANY : 0;
		assert_int_equal(baton_arena_create(&b->ctx, &c, &arena), 0);
		baton_arena_info(arena, &info);
		assert_int_equal(info.bytes, 4 * MIB);
		assert_int_equal(info.page_size, BATON_PAGE_2M);
		assert_int_equal(info.node, c.node);
		assert_sound(&info, "unit-arena");
		assert_sealed(&info);
		baton_arena_destroy(arena);
	}
	assert_int_equal(b->warnings, 0);
	bare_ctx_free(b);
}

static void
giant_pages(void **state)
{
	struct baton_mem_config c = want(GIB, BATON_PAGE_1G);
	struct bare_ctx *b = bare_ctx();
	struct baton_arena_info info;
	struct baton_arena *arena;
	int ret = baton_arena_create(&b->ctx, &c, &arena);

	if (ret) {
		assert_int_equal(ret, -ENOMEM);
		assert_says(baton_last_error(), "1 pages of 1 GiB");
		bare_ctx_free(b);
		SKIP("no hugepage of 1 GiB");
	}
	baton_arena_info(arena, &info);
	assert_int_equal(info.page_size, BATON_PAGE_1G);
	assert_sealed(&info);
	baton_arena_destroy(arena);
	bare_ctx_free(b);
}

static void
bad_requests(void **state)
{
	static const size_t too_large[] = { SIZE_MAX, SIZE_MAX - 4096, PTRDIFF_MAX,
					    (size_t)PTRDIFF_MAX + 1 };
	static const uint64_t pages[] = { 0, BATON_PAGE_BASE, BATON_PAGE_2M, BATON_PAGE_1G };
	struct bare_ctx *b = bare_ctx();
	struct baton_mem_config c = want(0, 0);
	struct baton_arena *arena;

	assert_int_equal(baton_arena_create(&b->ctx, &c, &arena), -EINVAL);
	assert_says(baton_last_error(), "0 bytes");
	for (unsigned i = 0; i < 16; i++) {
		c = want(too_large[i / 4], pages[i % 4]);
		assert_int_equal(baton_arena_create(&b->ctx, &c, &arena), -EINVAL);
		assert_says(baton_last_error(), "more than any process can map");
	}
	c = want(4096, 8192);
	assert_int_equal(baton_arena_create(&b->ctx, &c, &arena), -EINVAL);
	assert_says(baton_last_error(), "8192");
	c = want(4096, 0);
	c.size = 4;
	assert_int_equal(baton_arena_create(&b->ctx, &c, &arena), -EINVAL);
	assert_int_equal(baton_arena_create(&b->ctx, NULL, &arena), -EINVAL);
	c = want(4096, 0);
	assert_int_equal(baton_arena_create(NULL, &c, &arena), -EINVAL);
	c.node = 1 << 20;
	assert_int_equal(baton_arena_create(&b->ctx, &c, &arena), -ENODEV);
	assert_says(baton_last_error(), "nodes with memory: 0");
	bare_ctx_free(b);
}

/* 10^9 buffers of 2 KiB: refused at once, with the numbers, and nothing taken to find out. */
static void
absurd_sizes(void **state)
{
	static const uint64_t pages[] = { 0, BATON_PAGE_BASE, BATON_PAGE_2M };
	struct bare_ctx *b = bare_ctx();
	struct timespec t0, t1;

	for (int i = 0; i < 3; i++) {
		struct baton_mem_config c = want(1000000000ul * 2048, pages[i]);
		struct baton_arena *arena;

		clock_gettime(CLOCK_MONOTONIC, &t0);
		assert_int_equal(baton_arena_create(&b->ctx, &c, &arena), -ENOMEM);
		clock_gettime(CLOCK_MONOTONIC, &t1);
		assert_in_range(t1.tv_sec - t0.tv_sec, 0, 1);
		assert_says(baton_last_error(), "1.8 TiB");
		if (pages[i] != BATON_PAGE_BASE)
			assert_says(baton_last_error(), "needs 976563 pages of 2 MiB");
		/* Nobody should be told to set aside more than the machine has. */
		assert_null(strstr(baton_last_error(), "echo"));
	}
	assert_int_equal(b->warnings, 0);
	bare_ctx_free(b);
}

static void
no_descriptor_left(void **state)
{
	struct baton_mem_config c = want(4096, BATON_PAGE_BASE);
	struct bare_ctx *b = bare_ctx();
	struct rlimit old, few;
	struct baton_arena *arena;
	int fds = open_fds(), ret;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	few = old;
	few.rlim_cur = 3;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	for (int i = 0; i < 3; i++) {
		static const uint64_t pages[] = { BATON_PAGE_BASE, BATON_PAGE_2M, BATON_PAGE_ANY };

		c.page_size = pages[i];
		ret = baton_arena_create(&b->ctx, &c, &arena);
		if (ret != -EMFILE)
			break;
	}
	setrlimit(RLIMIT_NOFILE, &old);
	assert_int_equal(ret, -EMFILE);
	assert_says(baton_last_error(), "all of its 3 file descriptors open (RLIMIT_NOFILE)");
	assert_says(baton_last_error(), "ulimit -n 1024");
	assert_int_equal(open_fds(), fds);
	bare_ctx_free(b);
}

/* Pages that are not there must come back as an error from both ways of populating. */
static void
populate_does_not_kill(void **state)
{
	int fd = memfd_create("unit-populate", MFD_CLOEXEC);
	size_t bytes = 64 * page_bytes();
	void *p;

	assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
	p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(p, MAP_FAILED);
	assert_int_equal(mem_populate_by_read(p, bytes), 0);
	assert_int_equal(mem_os_host.populate(&mem_os_host, p, bytes), 0);
	assert_int_equal(ftruncate(fd, (off_t)page_bytes()), 0);
	assert_int_equal(mem_populate_by_read(p, bytes), -EFAULT);
	assert_true(mem_os_host.populate(&mem_os_host, p, bytes) < 0);
	munmap(p, bytes);
	close(fd);
}

/* Whether the kernel shows this policy for a mapping; true where it shows none at all. */
static bool
numa_maps_say(const void *p, const char *policy)
{
	FILE *f = fopen("/proc/self/numa_maps", "re");
	char line[4096], wanted[64];
	bool found = !f;

	snprintf(wanted, sizeof(wanted), "%lx %s", (unsigned long)(uintptr_t)p, policy);
	while (f && fgets(line, sizeof(line), f))
		found |= strstr(line, wanted) != NULL;
	if (f)
		fclose(f);
	return found;
}

static void
bind_really(void **state)
{
	void *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int ret;

	assert_ptr_not_equal(p, MAP_FAILED);
	ret = mem_os_host.bind(&mem_os_host, p, 8192, 0);
	if (ret == -EPERM || ret == -ENOSYS)
		SKIP("mbind is forbidden here");
	assert_int_equal(ret, 0);
	assert_true(numa_maps_say(p, "bind:0"));
	assert_int_equal(mem_os_host.bind(&mem_os_host, p, 8192, 1023), -EINVAL);
	assert_int_equal(mem_os_host.bind(&mem_os_host, p, 8192, 1024), -EINVAL);
	munmap(p, 8192);
}

/* Free pages after the kernel had time to take back those of a dead process. */
static long
settled_free(long expected)
{
	for (int i = 0; i < 200 && free_pages() < expected; i++)
		usleep(10000);
	return free_pages();
}

/* How much of hugetlbfs a process has mapped, in KiB: what others hold does not matter. */
static long
hugetlb_of(pid_t pid)
{
	char name[64], line[128];
	long kib = -1;
	FILE *f;

	snprintf(name, sizeof(name), "/proc/%d/status", (int)pid);
	f = fopen(name, "r");
	assert_non_null(f);
	while (kib < 0 && fgets(line, sizeof(line), f))
		sscanf(line, "HugetlbPages: %ld kB", &kib);
	fclose(f);
	return kib;
}

/* Create an arena in a child, kill -9 it while it holds the pages. */
static void
kill_holder(const struct baton_mem_config *c, long expected_free)
{
	struct bare_ctx *b = bare_ctx();
	struct baton_arena *arena;
	char ok = 0;
	int pipes[2], status;
	pid_t pid;

	assert_int_equal(pipe(pipes), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* it outlives no check that fails */
		ok = baton_arena_create(&b->ctx, c, &arena) == 0;
		if (write(pipes[1], &ok, 1) == 1)
			pause();
		_exit(1);
	}
	close(pipes[1]);
	assert_int_equal(read(pipes[0], &ok, 1), 1);
	assert_int_equal(ok, 1);
	assert_true(hugetlb_of(pid) >= 4096);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(settled_free(expected_free) >= expected_free);
	close(pipes[0]);
	bare_ctx_free(b);
}

static void
killed(void **state)
{
	struct baton_mem_config c = want(4 * MIB, BATON_PAGE_2M);

	if (!have_pages(2))
		SKIP("no hugepages of 2 MiB");
	kill_holder(&c, free_pages());
}

static int
files_in(const char *dir)
{
	DIR *d = opendir(dir);
	int n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

static void
given_mount(void **state)
{
	struct baton_mem_config c = want(3 * MIB, BATON_PAGE_ANY);
	struct bare_ctx *b = bare_ctx();
	struct baton_arena_info info;
	struct baton_arena *arena;
	char dir[] = "/tmp/baton-huge-XXXXXX";
	int fds;

	if (!have_pages(2))
		SKIP("no hugepages of 2 MiB");
	assert_non_null(mkdtemp(dir));
	c.hugetlbfs = dir;
	if (mount("none", dir, "hugetlbfs", 0, "pagesize=2M")) {
		rmdir(dir);
		SKIP("may not mount a hugetlbfs");
	}
	fds = open_fds();
	if (baton_arena_create(&b->ctx, &c, &arena)) {
		umount(dir);
		rmdir(dir);
		assert_says(baton_last_error(), "no libhugetlbfs");
		SKIP("built without libhugetlbfs");
	}
	baton_arena_info(arena, &info);
	assert_int_equal(info.bytes, 4 * MIB);
	assert_int_equal(info.page_size, BATON_PAGE_2M);
	assert_sound(&info, dir);
	assert_false(info.sealed);
	assert_int_equal(fcntl(info.fd, F_GET_SEALS) & F_SEAL_SHRINK, 0);
	assert_int_equal(files_in(dir), 0);
	baton_arena_destroy(arena);
	assert_int_equal(open_fds(), fds);
	assert_int_equal(maps_with(dir), 0);

	kill_holder(&c, free_pages());
	assert_int_equal(files_in(dir), 0);

	c.page_size = BATON_PAGE_1G;
	assert_int_equal(baton_arena_create(&b->ctx, &c, &arena), -EINVAL);
	assert_says(baton_last_error(), "has pages of 2 MiB");
	assert_int_equal(umount(dir), 0);
	c.page_size = BATON_PAGE_2M;
	assert_int_equal(baton_arena_create(&b->ctx, &c, &arena), -ENODEV);
	assert_says(baton_last_error(), "is not a hugetlbfs");
	assert_says(baton_last_error(), "mount -t hugetlbfs");
	rmdir(dir);
	assert_int_equal(baton_arena_create(&b->ctx, &c, &arena), -ENODEV);
	assert_says(baton_last_error(), "No such file");
	assert_int_equal(open_fds(), fds);
	bare_ctx_free(b);
}

/* The path of a new control group with hugetlb limits. */
static bool
new_group(char *path, size_t size)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	struct mntent *m;
	bool ok = false;
	char file[PATH_MAX];

	while (mounts && !ok && (m = getmntent(mounts))) {
		if (strcmp(m->mnt_type, "cgroup2"))
			continue;
		snprintf(file, sizeof(file), "%s/cgroup.subtree_control", m->mnt_dir);
		write_text(file, "+hugetlb");
		snprintf(path, size, "%s/baton-unit-%d", m->mnt_dir, (int)getpid());
		ok = mkdir(path, 0755) == 0;
	}
	if (mounts)
		endmntent(mounts);
	snprintf(file, sizeof(file), "%s/hugetlb.2MB.rsvd.max", path);
	if (ok && access(file, W_OK)) {
		rmdir(path);
		ok = false;
	}
	return ok;
}

/* In a child inside a group: whether an arena fails for the limit. Return: 0, or what was wrong. */
static int
starve(const char *group, const char *knob)
{
	struct baton_mem_config c = want(4 * MIB, BATON_PAGE_2M);
	struct bare_ctx *b = bare_ctx();
	struct baton_arena *arena;
	char file[PATH_MAX];
	int fds = open_fds();

	snprintf(file, sizeof(file), "%s/%s", group, knob);
	if (!write_text(file, "0"))
		return 1;
	snprintf(file, sizeof(file), "%s/cgroup.procs", group);
	if (!write_text(file, "0"))
		return 2;
	if (baton_arena_create(&b->ctx, &c, &arena) != -ENOMEM)
		return 3;
	if (!strstr(baton_last_error(), knob) || !strstr(baton_last_error(), "0 bytes is in use"))
		return 4;
	if (open_fds() != fds || maps_with("unit-arena"))
		return 5;
	c.page_size = BATON_PAGE_ANY;
	for (int i = 0; i < 2; i++) {
		struct baton_arena_info info;

		if (baton_arena_create(&b->ctx, &c, &arena))
			return 6;
		baton_arena_info(arena, &info);
		if (info.page_size != page_bytes() || b->warnings != 1)
			return 7;
		baton_arena_destroy(arena);
	}
	return 0;
}

/* Reserving fails with one limit, populating (which could kill) with the other. */
static void
limited_group(void **state)
{
	static const char *const knobs[] = { "hugetlb.2MB.rsvd.max", "hugetlb.2MB.max" };
	char group[PATH_MAX - 64];
	int status[2] = { 0, 0 };

	if (!have_pages(2))
		SKIP("no hugepages of 2 MiB");
	for (int i = 0; i < 2; i++) {
		pid_t pid;

		if (!new_group(group, sizeof(group)))
			SKIP("no control group with hugetlb limits");
		pid = fork();
		if (!pid)
			_exit(starve(group, knobs[i]));
		waitpid(pid, &status[i], 0);
		for (int tries = 0; rmdir(group) && tries < 100; tries++)
			usleep(10000);
	}
	assert_int_equal(status[0], 0);
	assert_int_equal(status[1], 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ordinary_pages),     cmocka_unit_test(sizes_of_ordinary_pages),
		cmocka_unit_test(huge_pages),         cmocka_unit_test(giant_pages),
		cmocka_unit_test(bad_requests),       cmocka_unit_test(absurd_sizes),
		cmocka_unit_test(no_descriptor_left), cmocka_unit_test(populate_does_not_kill),
		cmocka_unit_test(bind_really),        cmocka_unit_test(killed),
		cmocka_unit_test(given_mount),        cmocka_unit_test(limited_group),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
