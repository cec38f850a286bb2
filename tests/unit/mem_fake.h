/* SPDX-License-Identifier: BSD-3-Clause */
/* A machine that is not there: two nodes, whatever hugepages a test says, and calls that fail. */
#ifndef MEM_FAKE_H
#define MEM_FAKE_H

#include "mem_util.h"

#include <errno.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cc_util.h"

enum call {
	NONE,
	ALLOC,
	MEMFD,
	MOUNT_FILE,
	ANY_FILE,
	CC_SHARED,
	RESIZE,
	SEAL,
	MAP,
	MAP_NO_FILE,
	BIND,
	POPULATE
};

/* A machine with two nodes, whose hugepages are ordinary ones. */
struct fake {
	struct mem_os os; /* first, so that the calls find the rest */
	char sys[64], proc[64];
	int max_node;
	uint64_t node_mask; /* nodes with memory */

	enum call fail;     /* this call fails */
	uint64_t fail_page; /* only for this page size; 0: for any */
	int fail_at;        /* or the Nth call, from 1 */
	int err;
	enum call also; /* and this one, with another errno */
	int also_err;

	int calls, bound, memfds;
	uint64_t page, mount_page;
	int mount_err;
	uint64_t mount_room, file_limit; /* 0: no limit */
	uint64_t anonymous;              /* the page size of memory without a file */
	bool any_huge;                   /* a hugetlbfs can be found */
};

static inline int
hit(const struct mem_os *os, enum call call)
{
	struct fake *f = (struct fake *)(uintptr_t)os;

	f->calls++;
	if (f->calls == f->fail_at)
		return -f->err;
	if (call == f->also)
		return -f->also_err;
	return call == f->fail && (!f->fail_page || f->fail_page == f->page) ? -f->err : 0;
}

static inline int
fake_max_node(const struct mem_os *os)
{
	return ((const struct fake *)os)->max_node;
}

static inline int
fake_node_has_memory(const struct mem_os *os, int node)
{
	return ((const struct fake *)os)->node_mask >> node & 1;
}

static inline void *
fake_alloc(const struct mem_os *os, size_t bytes)
{
	return hit(os, ALLOC) ? NULL : mem_os_host.alloc(os, bytes);
}

static inline int
fake_memfd(const struct mem_os *os, const char *name, uint64_t page_size)
{
	struct fake *f = (struct fake *)(uintptr_t)os;
	int ret;

	f->page = page_size ? page_size : page_bytes();
	ret = hit(os, MEMFD);
	if (ret)
		return ret;
	f->memfds++;
	return mem_os_host.memfd(os, name, 0);
}

static inline int
fake_mount_page(const struct mem_os *os, const char *mount, uint64_t *page_size)
{
	const struct fake *f = (const struct fake *)os;

	*page_size = f->mount_page;
	return f->mount_err;
}

static inline int
fake_mount_file(const struct mem_os *os, const char *mount)
{
	int ret = hit(os, MOUNT_FILE);

	return ret ? ret : mem_os_host.memfd(os, "unit-arena", 0);
}

static inline int
fake_mount_room(const struct mem_os *os, const char *mount, uint64_t *room)
{
	const struct fake *f = (const struct fake *)os;

	*room = f->mount_room ? f->mount_room : UINT64_MAX;
	return 0;
}

static inline int
fake_any_file(const struct mem_os *os, uint64_t page_size, size_t bytes, char where[PATH_MAX])
{
	const struct fake *f = (const struct fake *)os;
	int ret = hit(os, ANY_FILE);

	strcpy(where, page_size ? "/mnt/fake-huge" : "/mnt/fake-tmpfs");
	if (ret || (page_size && !f->any_huge))
		return ret ? ret : -ENODEV;
	return mem_os_host.memfd(os, "unit-arena", 0);
}

static inline uint64_t
fake_file_limit(const struct mem_os *os)
{
	const struct fake *f = (const struct fake *)os;

	return f->file_limit ? f->file_limit : UINT64_MAX;
}

static inline int
fake_map_anonymous(const struct mem_os *os, uint64_t page_size, size_t bytes, void **base)
{
	int ret = hit(os, MAP_NO_FILE);

	((struct fake *)(uintptr_t)os)->anonymous = page_size ? page_size : page_bytes();
	return ret ? ret : mem_os_host.map_anonymous(os, 0, bytes, base);
}

static inline int
fake_cc_shared(const struct mem_os *os, const char *name, size_t bytes)
{
	int ret = hit(os, CC_SHARED);

	return ret ? ret : cc_heap_alloc(&mem_os_host, name, bytes);
}

static inline int
fake_resize(const struct mem_os *os, int fd, size_t bytes)
{
	int ret = hit(os, RESIZE);

	return ret ? ret : mem_os_host.resize(os, fd, bytes);
}

static inline int
fake_seal(const struct mem_os *os, int fd)
{
	int ret = hit(os, SEAL);

	return ret ? ret : mem_os_host.seal(os, fd);
}

static inline int
fake_map(const struct mem_os *os, int fd, size_t bytes, void **base)
{
	int ret = hit(os, MAP);

	return ret ? ret : mem_os_host.map(os, fd, bytes, base);
}

static inline int
fake_bind(const struct mem_os *os, void *base, size_t bytes, int node)
{
	int ret = hit(os, BIND);

	if (!ret)
		((struct fake *)(uintptr_t)os)->bound = node;
	return ret;
}

/* Nothing is touched, so that an arena of many GiB costs nothing here. */
static inline int
fake_populate(const struct mem_os *os, void *base, size_t bytes)
{
	return hit(os, POPULATE);
}

static inline void
put(const char *root, const char *file, const char *text)
{
	char path[PATH_MAX], *slash;

	snprintf(path, sizeof(path), "%s/%s", root, file);
	for (slash = path + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = 0;
		mkdir(path, 0700);
		*slash = '/';
	}
	assert_true(write_text(path, text));
}

static inline void
put_count(struct fake *f, const char *dir, unsigned kb, const char *what, int n)
{
	char file[200], text[16];

	snprintf(file, sizeof(file), "%s/hugepages/hugepages-%ukB/%s", dir, kb, what);
	snprintf(text, sizeof(text), "%d\n", n);
	put(f->sys, file, text);
}

/* Hugepages: all and free ones of each node. */
static inline void
put_huge(struct fake *f, unsigned kb, int nr0, int free0, int nr1, int free1)
{
	put_count(f, "devices/system/node/node0", kb, "nr_hugepages", nr0);
	put_count(f, "devices/system/node/node0", kb, "free_hugepages", free0);
	put_count(f, "devices/system/node/node1", kb, "nr_hugepages", nr1);
	put_count(f, "devices/system/node/node1", kb, "free_hugepages", free1);
	put_count(f, "kernel/mm", kb, "nr_hugepages", nr0 + nr1);
	put_count(f, "kernel/mm", kb, "free_hugepages", free0 + free1);
	put_count(f, "kernel/mm", kb, "resv_hugepages", 0);
	put_count(f, "kernel/mm", kb, "nr_overcommit_hugepages", 0);
}

static inline int
setup(void **state)
{
	struct fake *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->os = (struct mem_os){
		.sys = f->sys,
		.proc = f->proc,
		.max_node = fake_max_node,
		.node_has_memory = fake_node_has_memory,
		.alloc = fake_alloc,
		.memfd = fake_memfd,
		.mount_page = fake_mount_page,
		.mount_file = fake_mount_file,
		.mount_room = fake_mount_room,
		.any_file = fake_any_file,
		.file_limit = fake_file_limit,
		.cc_shared = fake_cc_shared,
		.resize = fake_resize,
		.seal = fake_seal,
		.map = fake_map,
		.map_anonymous = fake_map_anonymous,
		.bind = fake_bind,
		.populate = fake_populate,
		.unmap = mem_os_host.unmap,
		.close = mem_os_host.close,
	};
	strcpy(f->sys, "/tmp/baton-mem-XXXXXX");
	assert_non_null(mkdtemp(f->sys));
	snprintf(f->proc, sizeof(f->proc), "%.30s/proc", f->sys);
	f->max_node = 1;
	f->node_mask = 3;
	f->bound = -1;
	f->mount_page = BATON_PAGE_2M;
	put_huge(f, 2048, 100, 60, 50, 3);
	put_huge(f, 1048576, 2, 1, 0, 0);
	put(f->proc, "meminfo",
	    "MemTotal: 64000000 kB\nMemFree: 100 kB\nMemAvailable: 16777216 kB\n");
	*state = f;
	return 0;
}

static inline int
teardown(void **state)
{
	struct fake *f = *state;
	char cmd[128];

	snprintf(cmd, sizeof(cmd), "rm -r %s", f->sys);
	if (system(cmd))
		return -1;
	free(f);
	return 0;
}

static inline int
create(struct fake *f, struct bare_ctx *b, struct baton_mem_config c, struct baton_arena_info *info)
{
	struct baton_arena *arena = NULL;
	int fds = open_fds(), ret = baton_arena_create_with(&b->ctx, &c, &f->os, &arena);

	memset(info, 0, sizeof(*info));
	if (ret) {
		assert_null(arena);
		assert_says(baton_last_error(), "unit-arena");
	} else {
		baton_arena_info(arena, info);
		baton_arena_destroy(arena);
	}
	assert_int_equal(open_fds(), fds);
	assert_int_equal(maps_with("unit-arena"), 0);
	return ret;
}

#endif
