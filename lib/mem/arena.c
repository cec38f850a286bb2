/* SPDX-License-Identifier: BSD-3-Clause */
#include "mem/arena.h"
#include "base/structs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <baton/mem.h>

#include "base/err.h"
#include "base/page.h"
#include "ctx/ctx.h"
#include "mem/back.h"
#include "mem/supply.h"

struct baton_arena {
	struct baton_handle handle;
	struct baton_arena_info info;
	const struct mem_os *os;
	bool disowned; /* the context does not count it any more */
};

static const struct mem_os *
mem_os_of(const struct baton_ctx *ctx)
{
	return ctx->mem_os ? ctx->mem_os : &mem_os_host;
}

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

static int
back_huge(const struct mem_os *os, const struct mem_need *need, const char *name,
	  struct mem_backed *to, struct text *why)
{
	why->len = 0;
	if (mem_huge_missing(os, need, why))
		return -ENOMEM;
	return mem_back(os, need, name, to, why);
}

static int
back_small(const struct mem_os *os, const struct mem_need *need, const char *name,
	   struct mem_backed *to, struct text *why)
{
	if (mem_small_missing(os, need->bytes + need->beside, need->node, why))
		return -ENOMEM;
	return mem_back(os, need, name, to, why);
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
	first = !(ctx->warned & CTX_WARNED_ORDINARY);
	ctx->warned |= CTX_WARNED_ORDINARY;
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
	 const struct baton_mem_config *config, const char *name, struct mem_backed *to,
	 struct text *why)
{
	struct text small = { 0 };
	int ret;

	need->may_be_small = true;
	if (config->bytes >= BATON_PAGE_1G && need_pages(need, config->bytes, BATON_PAGE_1G) &&
	    need->bytes - config->bytes <= config->bytes / 8) {
		ret = back_huge(os, need, name, to, why);
		if (ret != -ENOMEM)
			return ret;
	}
	need_pages(need, config->bytes, BATON_PAGE_2M);
	ret = back_huge(os, need, name, to, why);
	if (ret != -ENOMEM)
		return ret;
	need_pages(need, config->bytes, page_bytes());
	ret = back_small(os, need, name, to, &small);
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
				 "arena \"%s\": %s is not a hugetlbfs; give the directory of one "
				 "(grep hugetlbfs /proc/mounts), or mount one on an empty "
				 "directory: "
				 "mount -t hugetlbfs -o pagesize=2M none %s",
				 name, mount, mount);
	if (ret)
		return baton_err(ENODEV,
				 "arena \"%s\": cannot use the hugetlbfs %s: %s; give the "
				 "directory "
				 "of one (grep hugetlbfs /proc/mounts)",
				 name, mount, strerror(-ret));
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
	char base[32];

	if (page_size == BATON_PAGE_ANY || page_size == page_bytes() ||
	    page_size == BATON_PAGE_2M || page_size == BATON_PAGE_1G)
		return 0;
	text_size(base, page_bytes());
	if (page_size == BATON_PAGE_4K)
		return baton_err(EINVAL,
				 "arena \"%s\": this kernel's ordinary pages have %s, not 4 KiB; "
				 "ask for BATON_PAGE_BASE, or for page size 0",
				 name, base);
	return baton_err(EINVAL,
			 "arena \"%s\": no such page size: %llu bytes; use %s, 2 MiB, 1 GiB, or 0 "
			 "for the largest there is",
			 name, (unsigned long long)page_size, base);
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
	    (config->page_size <= page_bytes() && !config->hugetlbfs))
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
      const char *name, struct mem_need *need, struct mem_backed *to)
{
	uint64_t page_size = config->page_size;
	struct text why = { 0 };
	char size[32];
	int ret = 0;

	need->node = node_to_bind(os, config->node);
	if (need->shared && need->node != BATON_NODE_ANY) {
		baton_log(ctx, BATON_LOG_WARN,
			  "arena \"%s\": node %d was asked for, but the kernel chooses the node of "
			  "shared guest memory",
			  name, need->node);
		need->node = BATON_NODE_ANY;
	}
	if (need->mount)
		ret = check_mount(os, config, name, &page_size);
	if (ret)
		return ret;
	/* BATON_PAGE_ANY may become 2 MiB pages, so check that this size does not overflow. */
	if (!need_pages(need, config->bytes, page_size ? page_size : BATON_PAGE_2M))
		return baton_err(EINVAL,
				 "arena \"%s\": %zu bytes are more than any process can map; check "
				 "the number and the size of the buffers",
				 name, config->bytes);
	if (need->shared) {
		need_pages(need, config->bytes, page_bytes());
		ret = back_small(os, need, name, to, &why);
	} else if (page_size == BATON_PAGE_ANY)
		ret = back_any(ctx, os, need, config, name, to, &why);
	else if (page_size == page_bytes() && !need->mount)
		ret = back_small(os, need, name, to, &why);
	else
		ret = back_huge(os, need, name, to, &why);
	if (ret)
		return baton_err(-ret, "arena \"%s\" of %s: %s", name,
				 text_size(size, config->bytes), why.text);
	return 0;
}

/* Report once what differs from a sealed memfd, and keep why there is no file. */
static void
report(struct baton_ctx *ctx, const char *name, const struct mem_backed *b)
{
	uint32_t flag = b->fd < 0 ? CTX_WARNED_NO_FILE : CTX_WARNED_NO_MEMFD;
	bool first;

	if (!b->note.len)
		return;
	pthread_mutex_lock(&ctx->lock);
	if (b->fd < 0)
		snprintf(ctx->no_file, sizeof(ctx->no_file), "%.255s", b->note.text);
	first = !(ctx->warned & flag);
	ctx->warned |= flag;
	pthread_mutex_unlock(&ctx->lock);
	baton_log(ctx, first ? BATON_LOG_INFO : BATON_LOG_DEBUG, "arena \"%s\": %s%s", name,
		  b->note.text,
		  b->fd < 0 ? ", so the memory has no file, and no vhost-user backend can be given "
			      "it"
			    : "");
}

static const struct baton_mem_config defaults = { .node = BATON_NODE_ANY };

void
baton_mem_config_init_(struct baton_mem_config *config, size_t size)
{
	struct_init(config, size, &defaults, sizeof(defaults));
}

static int
create(struct baton_ctx *ctx, const struct baton_mem_config *given, const struct mem_os *os,
       const struct arena_use *use, struct baton_arena **out)
{
	struct mem_need need = { 0 };
	struct baton_mem_config c = defaults;
	struct mem_backed backed;
	struct baton_arena *arena;
	void *memory;
	char name[128];
	int ret;

	ret = handle_check(ctx, HANDLE_CTX, "arena_create");
	if (ret)
		return ret;
	if (!given || !out)
		return baton_err(EINVAL, "baton_arena_create() needs a config and an out");
	ret = struct_take(&c, sizeof(c), given, "struct baton_mem_config");
	if (!ret)
		ret = struct_check_reserved(c.reserved, "struct baton_mem_config");
	if (ret)
		return ret;
	if (c.page_size == BATON_PAGE_BASE)
		c.page_size = page_bytes();
	snprintf(name, sizeof(name), "%s", c.name ? c.name : "baton");
	ret = check(os, &c, name);
	if (ret)
		return ret;
	memory = os->alloc(os, handle_room(sizeof(*arena)));
	if (!memory)
		return baton_err(ENOMEM, "arena \"%s\": no memory for its %zu bytes of bookkeeping",
				 name, sizeof(*arena));
	arena = handle_place(ctx, HANDLE_ARENA, memory);
	arena->os = os;
	need.beside = use->beside;
	need.needs_file = use->needs_file;
	need.mount = c.hugetlbfs;
	need.shared = c.flags & BATON_MEM_CC_SHARED;
	ret = place(ctx, os, &c, name, &need, &backed);
	if (ret) {
		handle_free(arena);
		return ret;
	}
	arena->info = (struct baton_arena_info){
		.base = backed.base,
		.bytes = need.bytes,
		.page_size = need.page_size,
		.fd = backed.fd,
		.node = need.shared ? BATON_NODE_ANY : c.node,
		.flags = c.flags,
		.sealed = backed.sealed,
	};
	report(ctx, name, &backed);
	count(arena, 1);
	*out = arena;
	return 0;
}

int
baton_arena_create_with(struct baton_ctx *ctx, const struct baton_mem_config *config,
			const struct mem_os *os, struct baton_arena **out)
{
	return create(ctx, config, os, &(struct arena_use){ 0 }, out);
}

int
arena_create_for(struct baton_ctx *ctx, const struct baton_mem_config *config,
		 const struct arena_use *use, struct baton_arena **out)
{
	return create(ctx, config, mem_os_of(ctx), use, out);
}

int
baton_arena_create(struct baton_ctx *ctx, const struct baton_mem_config *config,
		   struct baton_arena **out)
{
	int ret = handle_check(ctx, HANDLE_CTX, "arena_create");

	return ret ? ret : create(ctx, config, mem_os_of(ctx), &(struct arena_use){ 0 }, out);
}

int
arena_check_room(struct baton_ctx *ctx, size_t bytes)
{
	struct text why = { 0 };

	if (mem_small_missing(mem_os_of(ctx), bytes, BATON_NODE_ANY, &why))
		return baton_err(ENOMEM, "%s", why.text);
	return 0;
}

static void
close_file(struct baton_arena *arena)
{
	if (arena->info.fd >= 0)
		arena->os->close(arena->os, arena->info.fd);
}

static void
release(struct baton_arena *arena)
{
	arena->os->unmap(arena->os, arena->info.base, arena->info.bytes);
	close_file(arena);
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
	close_file(arena);
	count(arena, -1u);
	handle_free(arena);
}

void
baton_arena_info_(const struct baton_arena *arena, struct baton_arena_info *info, size_t size)
{
	const struct baton_arena_info none = { 0 };

	if (info)
		struct_give(info, size,
			    handle_check(arena, HANDLE_ARENA, "arena_info") == 0 ? &arena->info
										 : &none,
			    sizeof(none));
}
