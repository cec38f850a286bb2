/* SPDX-License-Identifier: BSD-3-Clause */
#include "mem/arena.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <baton/mem.h>

#include "base/err.h"
#include "ctx/ctx.h"
#include "mem/supply.h"

struct baton_arena {
	struct baton_handle handle;
	struct baton_arena_info info;
	const struct mem_os *os;
	bool disowned; /* the context does not count it any more */
};

static void
count(struct baton_arena *arena, unsigned by)
{
	struct baton_ctx *ctx = handle_ctx(arena);

	if (arena->disowned)
		return;
	pthread_mutex_lock(&ctx->lock);
	ctx->arenas += by;
	pthread_mutex_unlock(&ctx->lock);
}

void
arena_disown(struct baton_arena *arena)
{
	count(arena, -1u);
	arena->disowned = true;
}

/* The step that failed, for explain(). */
enum step { OPEN, RESIZE, SEAL, MAP, BIND, POPULATE };

static int
explain_heap(const struct mem_need *need, int ret, struct text *why)
{
	char size[32];

	switch (ret) {
	case -ENODEV:
		text_add(why, "there is no " MEM_CC_HEAP ", where shared guest memory comes from. "
			      "Linux 7.1 with "
			      "CONFIG_DMABUF_HEAPS_SYSTEM, from 7.2 on "
			      "also with "
			      "CONFIG_DMABUF_HEAPS_SYSTEM_CC_SHARED, "
			      "has it in SEV, TDX and PEF guests: boot "
			      "such a kernel. Where this is no "
			      "confidential guest, ask for ordinary "
			      "memory (a port's option bounce=never)");
		return ret;
	case -EACCES:
	case -EPERM:
		text_add(why, "this user may not open " MEM_CC_HEAP ", which is root's alone; give "
			      "it to the user's group (udev: "
			      "SUBSYSTEM==\"dma_heap\", "
			      "GROUP=, MODE=\"0660\"), or "
			      "run as root");
		return -EACCES;
	}
	text_add(why, "allocating %s from " MEM_CC_HEAP " failed: %s", text_size(size, need->bytes),
		 strerror(-ret));
	return ret;
}

static int
explain_open(const struct mem_need *need, bool huge, int ret, struct text *why)
{
	unsigned long long pages = need->bytes / need->page_size;
	struct rlimit files = { 0 };
	char size[32];

	if (need->shared && ret != -EMFILE && ret != -ENFILE)
		return explain_heap(need, ret, why);
	switch (ret) {
	case -EMFILE:
		getrlimit(RLIMIT_NOFILE, &files);
		text_add(why,
			 "the process has all of its %llu file descriptors open (RLIMIT_NOFILE); "
			 "raise that: ulimit -n %llu, or LimitNOFILE= of its systemd unit",
			 (unsigned long long)files.rlim_cur,
			 (unsigned long long)files.rlim_cur * 2);
		return ret;
	case -ENFILE:
		text_add(why, "the machine has no file descriptor left; raise sysctl fs.file-max");
		return -EMFILE;
	case -ENODEV:
	case -EINVAL:
	case -ENOSYS:
		if (!huge || need->mount)
			break;
		text_add(why, "needs %llu pages of %s, which this kernel does not have", pages,
			 text_size(size, need->page_size));
		return -ENOMEM;
	}
	if (need->mount)
		text_add(why, "cannot create a file on %s: %s", need->mount, strerror(-ret));
	else
		text_add(why, "memfd_create failed: %s", strerror(-ret));
	return ret;
}

/* Explain why a step failed. The step is undone by then, and its pages count as free again. */
static int
explain(const struct mem_os *os, const struct mem_need *need, enum step step, int ret,
	struct text *why)
{
	static const char *const names[] = {
		[RESIZE] = "ftruncate", [SEAL] = "sealing the memory file", [MAP] = "mmap",
		[BIND] = "mbind",       [POPULATE] = "populating",
	};
	bool huge = need->mount || need->page_size >= BATON_PAGE_2M;
	char size[32];

	if (step == OPEN)
		return explain_open(need, huge, ret, why);
	if (step == BIND && ret == -EPERM) {
		text_add(why,
			 "placing memory on node %d is forbidden here; allow mbind (containers: "
			 "--cap-add SYS_NICE), or ask for no node",
			 need->node);
		return ret;
	}
	if (step == BIND && ret == -EINVAL) {
		text_add(why,
			 "the process may not take memory from node %d; add it to the cpuset "
			 "(cpuset.mems), or ask for another node",
			 need->node);
		return -ENODEV;
	}
	/*
	 * A missing hugepage is ENOMEM when it is reserved, and EFAULT or another errno when it is
	 * written.
	 */
	if (huge && ((step == MAP && ret == -ENOMEM) ||
		     (step == POPULATE && ret != -EMFILE && ret != -ENFILE))) {
		mem_huge_shortage(os, need, why);
		return -ENOMEM;
	}
	text_add(why, "%s of %s on %s pages failed: %s", names[step], text_size(size, need->bytes),
		 huge ? "huge" : "ordinary", strerror(-ret));
	if (step == MAP && ret == -ENOMEM)
		text_add(why, "; look at ulimit -v");
	return step == POPULATE && ret == -EFAULT ? -ENOMEM : ret;
}

static int
open_backing(const struct mem_os *os, const struct mem_need *need, const char *name)
{
	if (need->mount)
		return os->mount_file(os, need->mount);
	if (need->shared)
		return os->cc_shared(os, name, need->bytes);
	return os->memfd(os, name, need->page_size >= BATON_PAGE_2M ? need->page_size : 0);
}

/* Whether the kernel can seal the file. It can seal neither files of a mount nor dma-bufs. */
static bool
sealable(const struct mem_need *need)
{
	return !need->mount && !need->shared;
}

/*
 * Populate the memory. mmap() maps the pages of a dma-buf, as PFNs, which MADV_POPULATE_WRITE
 * refuses. A page that becomes shared may lose the zeros that the kernel wrote, so it is written
 * again.
 */
static int
fill(const struct mem_os *os, const struct mem_need *need, void *base)
{
	if (!need->shared)
		return os->populate(os, base, need->bytes);
	memset(base, 0, need->bytes);
	return 0;
}

/* Make one attempt. Return: 0; -ENOMEM if another page size may succeed; another error is final. */
static int
back(const struct mem_os *os, const struct mem_need *need, const char *name,
     struct baton_arena_info *info, struct text *why)
{
	enum step step = OPEN;
	void *base = NULL;
	int ret, fd;

	fd = ret = open_backing(os, need, name);
	if (ret < 0)
		return explain(os, need, step, ret, why);
	step = RESIZE;
	ret = need->shared ? 0 : os->resize(os, fd, need->bytes);
	if (ret)
		goto out;
	step = SEAL;
	ret = sealable(need) ? os->seal(os, fd) : 0;
	if (ret)
		goto out;
	step = MAP;
	ret = os->map(os, fd, need->bytes, &base);
	if (ret)
		goto out;
	step = BIND;
	if (need->node != BATON_NODE_ANY)
		ret = os->bind(os, base, need->bytes, need->node);
	if (ret)
		goto out;
	step = POPULATE;
	ret = fill(os, need, base);
	if (ret)
		goto out;
	*info = (struct baton_arena_info){ .base = base,
					   .bytes = need->bytes,
					   .page_size = need->page_size,
					   .fd = fd,
					   .node = need->node,
					   .sealed = sealable(need) };
	return 0;
out:
	if (base)
		os->unmap(os, base, need->bytes);
	os->close(os, fd);
	return explain(os, need, step, ret, why);
}

static int
back_huge(const struct mem_os *os, const struct mem_need *need, const char *name,
	  struct baton_arena_info *info, struct text *why)
{
	why->len = 0;
	if (mem_huge_missing(os, need)) {
		mem_huge_shortage(os, need, why);
		return -ENOMEM;
	}
	return back(os, need, name, info, why);
}

static int
back_small(const struct mem_os *os, const struct mem_need *need, const char *name,
	   struct baton_arena_info *info, struct text *why)
{
	if (mem_small_missing(os, need, why))
		return -ENOMEM;
	return back(os, need, name, info, why);
}

/* Round up to whole pages. Return: whether a file can have the resulting size. */
static bool
need_pages(struct mem_need *need, size_t bytes, uint64_t page_size)
{
	if (bytes > PTRDIFF_MAX - (page_size - 1))
		return false;
	need->page_size = page_size;
	need->bytes = (bytes + page_size - 1) & ~(page_size - 1);
	return true;
}

static void
warn_small(struct baton_ctx *ctx, const char *name, size_t bytes, const struct text *why)
{
	char size[32];
	bool first;

	pthread_mutex_lock(&ctx->lock);
	first = !(ctx->warned & CTX_WARNED_4K);
	ctx->warned |= CTX_WARNED_4K;
	pthread_mutex_unlock(&ctx->lock);
	/* Log without the lock: the log handler may take long. */
	if (first)
		baton_log(ctx, BATON_LOG_WARN,
			  "arena \"%s\" of %s is on ordinary pages, which is slower: %s", name,
			  text_size(size, bytes), why->text);
}

/* Use the largest pages there are, and 1 GiB pages only if at most an eighth is wasted. */
static int
back_any(struct baton_ctx *ctx, const struct mem_os *os, struct mem_need *need,
	 const struct baton_mem_config *config, const char *name, struct baton_arena_info *info,
	 struct text *why)
{
	struct text small = { 0 };
	int ret;

	if (config->bytes >= BATON_PAGE_1G && need_pages(need, config->bytes, BATON_PAGE_1G) &&
	    need->bytes - config->bytes <= config->bytes / 8) {
		ret = back_huge(os, need, name, info, why);
		if (ret != -ENOMEM)
			return ret;
	}
	need_pages(need, config->bytes, BATON_PAGE_2M);
	ret = back_huge(os, need, name, info, why);
	if (ret != -ENOMEM)
		return ret;
	need_pages(need, config->bytes, (uint64_t)sysconf(_SC_PAGESIZE));
	ret = back_small(os, need, name, info, &small);
	if (ret) {
		text_add(&small, "; hugepages: %s", why->text);
		*why = small;
		return ret;
	}
	warn_small(ctx, name, config->bytes, why);
	return 0;
}

/* Get the page size of a mount, and compare it with the one asked for. */
static int
check_mount(const struct mem_os *os, const struct baton_mem_config *config, const char *name,
	    uint64_t *page_size)
{
	const char *mount = config->hugetlbfs;
	char a[32], b[32];
	int ret = os->mount_page(os, mount, page_size);

	if (ret == -EOPNOTSUPP)
		return baton_err(ENODEV,
				 "arena \"%s\": pages from the hugetlbfs %s were asked for, but "
				 "this build has no libhugetlbfs; build with -Dhugetlbfs=enabled, "
				 "or give no mount",
				 name, mount);
	if (ret == -ENODEV)
		return baton_err(ENODEV,
				 "arena \"%s\": %s is not a hugetlbfs; mount one there: mount -t "
				 "hugetlbfs -o pagesize=2M none %s",
				 name, mount, mount);
	if (ret)
		return baton_err(ENODEV, "arena \"%s\": cannot use the hugetlbfs %s: %s", name,
				 mount, strerror(-ret));
	if (config->page_size != BATON_PAGE_ANY && config->page_size != *page_size)
		return baton_err(EINVAL,
				 "arena \"%s\": pages of %s were asked for, but the hugetlbfs %s "
				 "has pages of %s; give another mount, or no page size",
				 name, text_size(a, config->page_size), mount,
				 text_size(b, *page_size));
	return 0;
}

static int
check_page_size(const char *name, uint64_t page_size)
{
	if (page_size == BATON_PAGE_ANY || page_size == BATON_PAGE_2M || page_size == BATON_PAGE_1G)
		return 0;
	if (page_size != BATON_PAGE_4K)
		return baton_err(EINVAL,
				 "arena \"%s\": no such page size: %" PRIu64 " bytes; use 4 KiB, 2 "
				 "MiB, 1 GiB, or 0 for "
				 "the largest there is",
				 name, page_size);
	if (sysconf(_SC_PAGESIZE) != BATON_PAGE_4K)
		return baton_err(EINVAL,
				 "arena \"%s\": this kernel's ordinary pages have %ld bytes, not 4 "
				 "KiB; ask for page size 0",
				 name, sysconf(_SC_PAGESIZE));
	return 0;
}

static int
check_flags(const struct baton_mem_config *config, const char *name)
{
	if (config->flags & ~BATON_MEM_CC_SHARED)
		return baton_err(EINVAL,
				 "arena \"%s\": this library knows no flags 0x%x; it knows "
				 "BATON_MEM_CC_SHARED, 0x%x",
				 name, config->flags & ~BATON_MEM_CC_SHARED, BATON_MEM_CC_SHARED);
	if (!(config->flags & BATON_MEM_CC_SHARED) ||
	    (config->page_size <= BATON_PAGE_4K && !config->hugetlbfs))
		return 0;
	return baton_err(EINVAL,
			 "arena \"%s\": hugepages were asked for, but shared guest memory has "
			 "ordinary pages only; ask for page size 0 and no mount",
			 name);
}

static int
check(const struct mem_os *os, const struct baton_mem_config *config, const char *name)
{
	struct text nodes = { 0 };
	int ret = check_page_size(name, config->page_size);

	if (!ret)
		ret = check_flags(config, name);
	if (ret)
		return ret;
	if (!config->bytes)
		return baton_err(EINVAL, "arena \"%s\": 0 bytes were asked for; ask for at least 1",
				 name);
	if (config->node == BATON_NODE_ANY)
		return 0;
	if (config->node >= 0 && config->node <= os->max_node(os) &&
	    os->node_has_memory(os, config->node))
		return 0;
	mem_text_nodes(os, &nodes);
	return baton_err(ENODEV,
			 "arena \"%s\": there is no memory on NUMA node %d; nodes with memory: %s, "
			 "or -1 for any",
			 name, config->node, nodes.text);
}

/*
 * Return: the node to bind to. If only one node has memory, binding is not needed (and containers
 * often forbid it), and the numbers of the whole machine are more useful in errors.
 */
static int
node_to_bind(const struct mem_os *os, int wanted)
{
	if (wanted == BATON_NODE_ANY)
		return BATON_NODE_ANY;
	for (int node = 0; node <= os->max_node(os); node++)
		if (node != wanted && os->node_has_memory(os, node))
			return wanted;
	return BATON_NODE_ANY;
}

/* Choose the page size and allocate the pages. */
static int
place(struct baton_ctx *ctx, const struct mem_os *os, const struct baton_mem_config *config,
      const char *name, struct baton_arena_info *info)
{
	struct mem_need need = { .mount = config->hugetlbfs,
				 .shared = config->flags & BATON_MEM_CC_SHARED };
	uint64_t page_size = config->page_size;
	struct text why = { 0 };
	char size[32];
	int ret = 0;

	need.node = node_to_bind(os, config->node);
	if (need.shared && need.node != BATON_NODE_ANY) {
		baton_log(ctx, BATON_LOG_WARN,
			  "arena \"%s\": node %d was asked for, but the kernel chooses the node of "
			  "shared guest memory",
			  name, need.node);
		need.node = BATON_NODE_ANY;
	}
	if (need.mount)
		ret = check_mount(os, config, name, &page_size);
	if (ret)
		return ret;
	/* BATON_PAGE_ANY may become 2 MiB pages, so check that this size does not overflow. */
	if (!need_pages(&need, config->bytes, page_size ? page_size : BATON_PAGE_2M))
		return baton_err(EINVAL,
				 "arena \"%s\": %zu bytes are more than any process can map; check "
				 "the number and the size of the buffers",
				 name, config->bytes);
	if (need.shared) {
		need_pages(&need, config->bytes, (uint64_t)sysconf(_SC_PAGESIZE));
		ret = back_small(os, &need, name, info, &why);
	} else if (page_size == BATON_PAGE_ANY)
		ret = back_any(ctx, os, &need, config, name, info, &why);
	else if (page_size == BATON_PAGE_4K && !need.mount)
		ret = back_small(os, &need, name, info, &why);
	else
		ret = back_huge(os, &need, name, info, &why);
	if (ret)
		return baton_err(-ret, "arena \"%s\" of %s: %s", name,
				 text_size(size, config->bytes), why.text);
	return 0;
}

int
baton_arena_create_with(struct baton_ctx *ctx, const struct baton_mem_config *config,
			const struct mem_os *os, struct baton_arena **out)
{
	struct baton_arena *arena;
	void *memory;
	char name[128];
	int ret;

	ret = handle_check(ctx, HANDLE_CTX, "arena_create");
	if (ret)
		return ret;
	if (!config || !out)
		return baton_err(EINVAL, "baton_arena_create() needs a config and an out");
	if (config->size != sizeof(*config))
		return baton_err(EINVAL,
				 "baton_mem_config.size is %zu, this library's is %zu; set it to "
				 "sizeof(struct baton_mem_config) and build against its header",
				 config->size, sizeof(*config));
	snprintf(name, sizeof(name), "%s", config->name ? config->name : "baton");
	ret = check(os, config, name);
	if (ret)
		return ret;
	memory = os->alloc(os, handle_room(sizeof(*arena)));
	if (!memory)
		return baton_err(ENOMEM, "arena \"%s\": no memory for its %zu bytes of bookkeeping",
				 name, sizeof(*arena));
	arena = handle_place(ctx, HANDLE_ARENA, memory);
	arena->os = os;
	ret = place(ctx, os, config, name, &arena->info);
	if (ret) {
		handle_free(arena);
		return ret;
	}
	arena->info.flags = config->flags;
	arena->info.node = config->flags & BATON_MEM_CC_SHARED ? BATON_NODE_ANY : config->node;
	count(arena, 1);
	*out = arena;
	return 0;
}

int
baton_arena_create(struct baton_ctx *ctx, const struct baton_mem_config *config,
		   struct baton_arena **out)
{
	int ret = handle_check(ctx, HANDLE_CTX, "arena_create");

	return ret ? ret
		   : baton_arena_create_with(ctx, config, ctx->mem_os ? ctx->mem_os : &mem_os_host,
					     out);
}

static void
release(struct baton_arena *arena)
{
	arena->os->unmap(arena->os, arena->info.base, arena->info.bytes);
	arena->os->close(arena->os, arena->info.fd);
}

void
arena_free(struct baton_arena *arena)
{
	if (!arena)
		return;
	release(arena);
	count(arena, -1u);
	handle_free(arena);
}

void
baton_arena_destroy(struct baton_arena *arena)
{
	if (!arena || handle_check(arena, HANDLE_ARENA, "arena_destroy") < 0)
		return;
	release(arena);
	count(arena, -1u);
	handle_close(arena);
}

void
arena_leave_mapped(struct baton_arena *arena)
{
	arena->os->close(arena->os, arena->info.fd);
	count(arena, -1u);
	handle_free(arena);
}

void
baton_arena_info(const struct baton_arena *arena, struct baton_arena_info *info)
{
	if (!info)
		return;
	memset(info, 0, sizeof(*info));
	if (handle_check(arena, HANDLE_ARENA, "arena_info") == 0)
		*info = arena->info;
}
