/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The memory that a port gives its device besides packet buffers (control memory and slots), and
 * taking all of it back.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/err.h"
#include "dma/pool_map.h"
#include "dma/reach.h"
#include "ioas/ioas.h"
#include "mem/arena.h"
#include "mem/cc.h"

static size_t
up(size_t n, size_t align)
{
	return (n + align - 1) / align * align;
}

/* Allocate an arena on the node of the device, or on any node if that one has no memory left. */
static int
make_arena(const struct dma_reach *r, const char *name, size_t bytes, uint64_t page,
	   struct baton_arena **out)
{
	struct baton_mem_config mem = { .size = sizeof(mem),
					.name = name,
					.page_size = page,
					.node = r->node,
					.bytes = bytes };
	/* A local device is a vhost-user backend. */
	struct arena_use use = { .needs_file = r->local };
	int ret;

	if (dma_reach_shared_only(r)) {
		mem.flags = BATON_MEM_CC_SHARED;
		mem.page_size = BATON_PAGE_ANY;
		mem.node = BATON_NODE_ANY;
	}
	ret = arena_create_for(r->ctx, &mem, &use, out);
	if (ret < 0 && mem.node != BATON_NODE_ANY) {
		mem.node = BATON_NODE_ANY;
		ret = arena_create_for(r->ctx, &mem, &use, out);
	}
	return ret;
}

static int
map_block(const struct dma_reach *r, struct dma_block *b, uint64_t limit)
{
	struct baton_arena_info info;
	struct baton_map_config c;
	int ret;

	baton_arena_info(b->arena, &info);
	baton_map_config_init(&c);
	c.name = b->name;
	c.va = b->base = info.base;
	c.bytes = b->bytes = info.bytes;
	c.page_size = info.page_size;
	c.fd = info.fd;
	c.limit = limit;
	c.flags = b->read_only ? BATON_MAP_READ : BATON_MAP_READ | BATON_MAP_WRITE;
	ret = baton_ioas_map(r->ioas, &c, &b->mapping);
	if (ret < 0)
		return ret;
	/* Without an IOMMU, several pages may not be contiguous. */
	ret = baton_mapping_iova(b->mapping, b->base, b->bytes, &b->iova);
	if (ret < 0)
		ioas_unmap(b->mapping);
	return ret;
}

static int
make_block(const struct dma_reach *r, const char *name, size_t bytes, uint64_t page, uint64_t limit,
	   bool read_only, struct dma_block **out)
{
	struct dma_block *b = calloc(1, sizeof(*b));
	int ret;

	if (!b)
		return baton_err(ENOMEM, "%s: out of memory", name);
	b->name = name;
	b->read_only = read_only;
	ret = make_arena(r, name, bytes, page, &b->arena);
	if (!ret)
		ret = map_block(r, b, limit);
	if (ret < 0) {
		arena_free(b->arena);
		free(b);
		return ret;
	}
	*out = b;
	return 0;
}

/*
 * Unmap a block and free it. The device cannot access unmapped memory through an address space.
 * Memory that it may access otherwise goes into quarantine.
 * A local device is a program with its own mapping of a file that is used for nothing else, so its
 * memory is freed in any case.
 */
static void
drop_block(struct dma_reach *r, struct dma_block *b, uint32_t slots, bool confirmed,
	   struct dma_quarantine *quarantine)
{
	if (b->mapping && ioas_unmap(b->mapping) < 0)
		baton_log(r->ctx, BATON_LOG_WARN, "%s: the memory of its %s is lost: %s", r->name,
			  b->name, baton_last_error());
	else if (confirmed || r->local)
		arena_free(b->arena);
	else if (quarantine)
		dma_quarantine_memory(quarantine, b->arena, slots);
	free(b);
}

int
dma_ctrl_alloc(struct dma_reach *r, size_t bytes, size_t align, struct dma_ctrl *out)
{
	struct dma_block *b = r->ctrl;
	int ret;

	if (!b || up(b->used, align) + bytes > b->bytes) {
		ret = make_block(r, "rings", bytes, r->page ? r->page : BATON_PAGE_BASE,
				 dma_ring_limit(r), false, &b);
		if (ret < 0)
			return ret;
		b->next = r->ctrl;
		r->ctrl = b;
		r->committed = true;
	}
	b->used = up(b->used, align);
	*out = (struct dma_ctrl){ .va = b->base + b->used,
				  .iova = b->iova + b->used,
				  .bytes = bytes };
	b->used += bytes;
	return 0;
}

/* ---- slots ---- */

/* The bytes of as many slots as are wanted, in whole pages. */
static size_t
wanted(const struct dma_reach *r, const struct dma_slots_need *need)
{
	if (!need->keys)
		return 0;
	return up((size_t)need->keys * dma_slot_stride(need->room, need->header),
		  ioas_page(r->ioas));
}

static int
too_small(const struct dma_reach *r, const char *name, const struct dma_slots_need *need,
	  size_t bytes)
{
	uint32_t stride = dma_slot_stride(need->room, need->header);
	char under[48] = "";

	if (dma_data_limit(r) != UINT64_MAX)
		snprintf(under, sizeof(under), " at or below 0x%" PRIx64, dma_data_limit(r));
	return baton_err(ENOSPC,
			 "%s: %u queue%s %u slots each at least, of %u bytes, %zu KiB in all, but "
			 "in one run of addresses%s %zu KiB are left "
			 "for them; use fewer queues, a larger window or a higher limit",
			 name, need->queues, need->queues == 1 ? " needs" : "s need", need->least,
			 stride, up((size_t)need->queues * need->least * stride, 1024) / 1024,
			 under, bytes / 1024);
}

/* Make the slots of one direction, in at most @most bytes of addresses. */
static int
make_slots(struct dma_reach *r, const char *name, const struct dma_slots_need *need, size_t most,
	   bool read_only, struct dma_slots *s, struct dma_block **mem)
{
	size_t page = ioas_page(r->ioas), want = wanted(r, need), huge = up(want, BATON_PAGE_2M);
	size_t bytes = want < most ? want : most / page * page;
	int ret = -ENOMEM;

	if (bytes < want &&
	    bytes / dma_slot_stride(need->room, need->header) < (size_t)need->queues * need->least)
		return too_small(r, name, need, most);
	/*
	 * Use a hugepage, if there is one: packets are at other places than slots, and few of the
	 * slots' small pages would be in the TLB. Where addresses are physical, only a hugepage
	 * will do. But a backend that punches a hole into the file of a hugepage frees the page,
	 * and may get it itself.
	 */
	if (r->page || (bytes == want && huge <= most && !(r->local && r->confine)))
		ret = make_block(r, name, bytes, BATON_PAGE_2M, dma_data_limit(r), read_only, mem);
	if (ret < 0 && !r->page)
		ret = make_block(r, name, bytes, BATON_PAGE_BASE, dma_data_limit(r), read_only,
				 mem);
	if (ret < 0)
		return ret;
	ret = dma_slots_init(s, need, (*mem)->base, (*mem)->bytes, (*mem)->iova);
	if (ret < 0) {
		drop_block(r, *mem, 0, true, NULL);
		*mem = NULL;
	}
	return ret;
}

int
dma_reach_slots(struct dma_reach *r, const struct dma_slots_need *rx,
		const struct dma_slots_need *tx)
{
	uint64_t want_rx = wanted(r, rx), want_tx = wanted(r, tx);
	uint64_t most = ioas_largest(r->ioas, dma_data_limit(r)), page = ioas_page(r->ioas);
	int ret = 0;

	/* Where addresses are physical, each block has a page of its own. Elsewhere a page between
	 * the two stays free. */
	if (!r->page && want_rx && want_tx && want_rx + want_tx > most - page)
		most = (uint64_t)((double)(most - page) * (double)want_rx /
				  (double)(want_rx + want_tx));
	if (want_rx)
		ret = make_slots(r, "rx slots", rx, most, false, &r->rx, &r->rx_mem);
	/* The TX slots may be in another window. Without an IOMMU nothing makes them read-only. */
	if (!ret && want_tx)
		ret = make_slots(r, "tx slots", tx, ioas_largest(r->ioas, dma_data_limit(r)),
				 !r->page, &r->tx, &r->tx_mem);
	return ret;
}

/* ---- the end ---- */

bool
dma_reach_made(const struct dma_reach *r, const void *va)
{
	if ((r->rx_mem && r->rx_mem->base == va) || (r->tx_mem && r->tx_mem->base == va))
		return true;
	for (const struct dma_block *b = r->ctrl; b; b = b->next)
		if (b->base == va)
			return true;
	return false;
}

void
dma_reach_drop_slots(struct dma_reach *r, bool confirmed, struct dma_quarantine *quarantine)
{
	if (r->rx_mem)
		drop_block(r, r->rx_mem, r->rx.count, confirmed, quarantine);
	if (r->tx_mem)
		drop_block(r, r->tx_mem, r->tx.count, confirmed, quarantine);
	r->rx_mem = r->tx_mem = NULL;
	dma_slots_fini(&r->rx);
	dma_slots_fini(&r->tx);
}

void
dma_reach_release(struct dma_reach *r, bool confirmed, struct dma_quarantine *quarantine)
{
	struct dma_block *b;

	dma_reach_drop_slots(r, confirmed, quarantine);
	while ((b = r->ctrl)) {
		r->ctrl = b->next;
		drop_block(r, b, 0, confirmed, quarantine);
	}
	for (unsigned i = 0; i < BATON_MAX_POOLS; i++) {
		if (r->maps[i])
			dma_map_put(r->maps[i]);
		r->maps[i] = NULL;
	}
}

void
dma_reach_fini(struct dma_reach *r)
{
	dma_quarantine_detach(&r->quarantines);
	free(r->windows);
	free(r->pools);
	r->windows = NULL;
	r->pools = NULL;
	r->n_windows = 0;
}
