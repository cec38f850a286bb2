/* SPDX-License-Identifier: BSD-3-Clause */
/* Map memory: the checks before the kernel is asked, and the choice of the address. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/export.h"
#include "base/structs.h"
#include "ctx/ctx.h"
#include "ioas/space.h"

static const struct baton_map_config defaults = { .fd = -1 };

void
baton_map_config_init_(struct baton_map_config *config, size_t size)
{
	struct_init(config, size, &defaults, sizeof(defaults));
}

uint64_t
ioas_page(const struct baton_ioas *ioas)
{
	return ioas->page_sizes & -ioas->page_sizes;
}

static uint64_t
last_of(const struct baton_mapping *m)
{
	return m->info.iova + (m->info.bytes - 1);
}

static int
no_descriptor(const struct baton_ioas *ioas, const struct baton_map_config *c, const char *name)
{
	char why[sizeof(ioas->ctx->no_file)];

	pthread_mutex_lock(&ioas->ctx->lock);
	memcpy(why, ioas->ctx->no_file, sizeof(why));
	pthread_mutex_unlock(&ioas->ctx->lock);
	if (c->fd < 0 && why[0])
		return baton_err(EPERM,
				 "%s: a %s backend is given memory as a file, and this memory has "
				 "none: %s; allow it, or use ports that need no file",
				 name, ioas->ops->name, why);
	return baton_err(EINVAL,
			 "%s: a %s backend is given memory as a file descriptor and an "
			 "offset of whole pages, and this memory has %s; use an arena of "
			 "Baton's, or set fd and fd_offset",
			 name, ioas->ops->name, c->fd < 0 ? "no descriptor" : "another offset");
}

static int
check_config(const struct baton_ioas *ioas, const struct baton_map_config *c, const char *name)
{
	uint64_t page;

	if (!ioas->ops)
		return baton_err(ENODEV,
				 "%s: the address space %s has no device yet, so which addresses "
				 "there are is not known; open the device first",
				 name, ioas->name);
	page = ioas_page(ioas);
	if (!c->va || !c->bytes || c->bytes - 1 > UINTPTR_MAX - (uintptr_t)c->va)
		return baton_err(EINVAL, "%s: %zu bytes at %p are not valid memory", name, c->bytes,
				 c->va);
	if (((uintptr_t)c->va | c->bytes) % page)
		return baton_err(EINVAL,
				 "%s: %zu bytes at %p cannot be mapped exactly: both must be "
				 "multiples of the %" PRIu64 " bytes of the smallest page",
				 name, c->bytes, c->va, page);
	if (c->flags & ~(BATON_MAP_READ | BATON_MAP_WRITE | BATON_MAP_FIXED))
		return baton_err(EINVAL, "%s: flags 0x%x are not all BATON_MAP_*", name, c->flags);
	if (c->page_size & (c->page_size - 1))
		return baton_err(EINVAL,
				 "%s: page_size %" PRIu64 " is not a power of two; give the page "
				 "size of the memory, or 0",
				 name, c->page_size);
	if (ioas->ops->needs_fd && (c->fd < 0 || c->fd_offset % page))
		return no_descriptor(ioas, c, name);
	if (!(c->flags & BATON_MAP_FIXED))
		return 0;
	if (ioas->ops->place)
		return baton_err(EINVAL,
				 "%s: addresses cannot be chosen in the address space %s (%s); "
				 "leave BATON_MAP_FIXED out",
				 name, ioas->name, ioas->ops->name);
	if (c->iova % page || c->bytes - 1 > UINT64_MAX - c->iova)
		return baton_err(EINVAL,
				 "%s: %zu bytes cannot be mapped at %#llx: the address must be a "
				 "multiple of %llu, and the bytes must end below 2^64",
				 name, c->bytes, (unsigned long long)c->iova,
				 (unsigned long long)page);
	return 0;
}

/* ---- addresses ---- */

static int
no_room(const struct baton_ioas *ioas, const struct baton_mapping *m, uint64_t limit)
{
	uint64_t largest = iova_largest(&ioas->space, ioas_page(ioas), limit);
	struct text windows = { 0 }, under = { 0 };
	char size[32], most[32], all[32];

	ioas_text_ranges(&windows, ioas->space.windows, ioas->space.n_windows);
	if (limit != UINT64_MAX)
		text_add(&under, " at or below 0x%" PRIx64, limit);
	if (!largest && ioas->space.n_windows && ioas->space.windows[0].start > limit)
		return baton_err(ENOSPC,
				 "%s: %s are needed%s, which is the highest address the device can "
				 "use, but the IOMMU offers %s only: no address satisfies both; "
				 "use another device or IOMMU",
				 m->name, text_size(size, m->info.bytes), under.text, windows.text);
	return baton_err(ENOSPC,
			 "%s: %s are needed in one run of addresses%s, but the largest that is "
			 "free there has %s; the windows are %s, with %u mappings of %s in them; "
			 "use less memory, a larger window, or an address space a port",
			 m->name, text_size(size, m->info.bytes), under.text,
			 text_size(most, largest), windows.text, ioas->n_mappings,
			 text_size(all, ioas->mapped_bytes));
}

/*
 * Choose an address for the largest page size that both the memory and the IOMMU have. If there is
 * no room for its alignment, use smaller ones.
 */
static int
choose(const struct baton_ioas *ioas, struct baton_mapping *m, uint64_t limit)
{
	struct iova_want want = { .bytes = m->info.bytes, .limit = limit };
	uint64_t va = (uintptr_t)m->info.va;

	for (uint64_t page = m->page_size; page > ioas_page(ioas); page >>= 1) {
		/* iommufd reports its smallest page size only, so all larger ones are tried. */
		bool shared = (ioas->page_sizes & page) || ioas->page_sizes == ioas_page(ioas);

		if (!shared || va % page || page > m->info.bytes)
			continue;
		want.align = page;
		if (!iova_choose(&ioas->space, &want, &m->info.iova))
			return 0;
	}
	want.align = ioas_page(ioas);
	if (!iova_choose(&ioas->space, &want, &m->info.iova))
		return 0;
	return no_room(ioas, m, limit);
}

static int
beyond_limit(const struct baton_ioas *ioas, const struct baton_mapping *m, uint64_t address,
	     uint64_t limit)
{
	const char *help = "use memory nearer to flat_base";

	if (ioas->ops->backend == BATON_IOAS_NOIOMMU)
		help = "without an IOMMU that cannot be changed: use one";
	return baton_err(ENOSPC,
			 "%s: it is at 0x%llx, but the highest address that the device can use is "
			 "0x%llx; %s",
			 m->name, (unsigned long long)address, (unsigned long long)limit, help);
}

/* The address ends above the limit, whoever chose it. */
static int
beyond(const struct baton_ioas *ioas, const struct baton_map_config *c,
       const struct baton_mapping *m, uint64_t limit)
{
	if (!(c->flags & BATON_MAP_FIXED))
		return beyond_limit(ioas, m, last_of(m), limit);
	return baton_err(EINVAL,
			 "%s: address 0x%llx was asked for, and it ends above the limit 0x%llx; "
			 "leave one of them out",
			 m->name, (unsigned long long)c->iova, (unsigned long long)limit);
}

static int
check_pages(const struct baton_ioas *ioas, const struct baton_mapping *m, uint64_t limit)
{
	uint64_t page = 1ull << m->info.page_shift;

	for (size_t i = 0; i << m->info.page_shift < m->info.bytes; i++)
		if (m->pages[i] > limit || page - 1 > limit - m->pages[i])
			return beyond_limit(ioas, m, m->pages[i], limit);
	return 0;
}

static int
take(struct baton_ioas *ioas, struct baton_mapping *m)
{
	int ret = iova_take(&ioas->space, m->info.iova, last_of(m));
	struct text windows = { 0 };

	if (!ret)
		return 0;
	if (ret == -EADDRINUSE)
		return baton_err(EADDRINUSE,
				 "%s: something is mapped at 0x%llx-0x%llx already; unmap it, or "
				 "let Baton choose the address",
				 m->name, (unsigned long long)m->info.iova,
				 (unsigned long long)last_of(m));
	if (ret == -ENOMEM)
		return baton_err(ENOMEM,
				 "%s: no memory to record its addresses; stop other programs to "
				 "free "
				 "some",
				 m->name);
	ioas_text_ranges(&windows, ioas->space.windows, ioas->space.n_windows);
	return baton_err(ERANGE,
			 "%s: 0x%" PRIx64 "-0x%" PRIx64 " is not among the addresses there are: "
			 "%s; let Baton choose",
			 m->name, m->info.iova, last_of(m), windows.text);
}

/* Choose the address of m and mark it as used. */
static int
place(struct baton_ioas *ioas, const struct baton_map_config *c, struct baton_mapping *m)
{
	uint64_t limit = c->limit ? c->limit : UINT64_MAX;
	int ret = 0;

	m->info.limit = limit;
	if (c->flags & BATON_MAP_FIXED)
		m->info.iova = c->iova;
	else if (ioas->ops->place)
		ret = ioas->ops->place(ioas, m);
	else
		ret = choose(ioas, m, limit);
	if (ret)
		return ret;
	if (m->pages)
		ret = check_pages(ioas, m, limit);
	else if (m->info.bytes - 1 > limit || m->info.iova > limit - (m->info.bytes - 1))
		ret = beyond(ioas, c, m, limit);
	else
		ret = take(ioas, m);
	if (ret && ioas->ops->place && ioas->ops->unmap)
		ioas->ops->unmap(ioas, m);
	return ret;
}

/* ---- the kernel's answer ---- */

static int
map_failed(const struct baton_ioas *ioas, const struct baton_mapping *m, int ret)
{
	struct text help = { 0 };
	struct ioas_fix fixes[] = {
		{ ENOMEM, help.text },
		{ EFAULT, "the kernel cannot pin this memory: not all of it is there or may be "
			  "written, or it is a device's or a DMA heap's (docs/confidential.md); "
			  "map an arena of Baton's" },
		{ EINVAL, "the kernel refuses these addresses; look at the ranges of the address "
			  "space and at dmesg" },
		{ EEXIST, "something else is mapped at these addresses; look who else uses this "
			  "address space" },
		{ EADDRINUSE, "something else is mapped at these addresses; look who else uses "
			      "this address space" },
		{ ENOSPC, "the kernel takes no more mappings; map fewer, larger arenas, or load "
			  "vfio_iommu_type1 with a higher dma_entry_limit" },
		{ EPERM, "the memory cannot be written, but the device shall write it; map it for "
			 "reading only" },
		{ EBUSY, "the kernel is busy with another change of this address space; try "
			 "again" },
		{ EOVERFLOW, "the range does not fit the kernel's integers; map less at once" },
		{ ENODEV, "the address space has no device any more; open one" },
		{ 0, "look at dmesg" },
	};

	if (ret == -ENOMEM)
		ioas_text_memlock(ioas, &help);
	return ioas_failed(ret, m->name, ioas->ops->map_call, fixes);
}

static int
check_entries(const struct baton_ioas *ioas, const char *name)
{
	if (ioas->n_mappings < ioas->mappings_limit)
		return 0;
	return baton_err(ENOSPC,
			 "%s: %s allows %" PRIu64 " mappings and %u are there; map fewer, larger "
			 "arenas%s",
			 name, ioas->ops->name, ioas->mappings_limit, ioas->n_mappings,
			 ioas->ops->more ? ioas->ops->more : "");
}

static int
ask_kernel(struct baton_ioas *ioas, struct baton_mapping *m)
{
	int ret;

	if (!ioas->ops->map)
		return 0;
	ioas->map_calls++;
	ret = ioas->ops->map(ioas, m);
	return ret < 0 ? map_failed(ioas, m, ret) : 0;
}

/* All steps that can fail. Those that need no undoing come first. */
static int
map(struct baton_ioas *ioas, const struct baton_map_config *c, struct baton_mapping *m)
{
	int ret = check_entries(ioas, m->name);

	if (!ret && ioas->ops->map)
		ret = ioas_check_memlock(ioas, m->name, m->info.bytes);
	if (!ret)
		ret = place(ioas, c, m);
	if (ret)
		return ret;
	ret = ask_kernel(ioas, m);
	if (ret && !m->pages)
		iova_give(&ioas->space, m->info.iova);
	return ret;
}

int
baton_ioas_map(struct baton_ioas *ioas, const struct baton_map_config *config,
	       struct baton_mapping **out)
{
	struct baton_map_config all = defaults, *c = &all;
	struct baton_mapping *m;
	const char *name;
	void *memory;
	int ret;

	ret = handle_enter(ioas, HANDLE_IOAS, "ioas_map");
	if (ret)
		return ret;
	if (!config || !out)
		return baton_err(EINVAL, "baton_ioas_map() needs a config and an out");
	ret = struct_take(&all, sizeof(all), config, "struct baton_map_config");
	if (ret)
		return ret;
	name = c->name ? c->name : "memory";
	ret = check_config(ioas, c, name);
	if (ret)
		return ret;
	memory = ioas->os->alloc(ioas->os, handle_room(sizeof(*m)));
	if (!memory)
		return baton_err(ENOMEM,
				 "%s: no memory for a mapping's %zu bytes; stop other programs to "
				 "free some",
				 name, sizeof(*m));
	m = handle_place(ioas->ctx, HANDLE_MAPPING, memory);
	snprintf(m->name, sizeof(m->name), "%s", name);
	m->info = (struct baton_mapping_info){ .va = c->va, .bytes = c->bytes, .ioas = ioas };
	m->fd = c->fd;
	m->fd_offset = c->fd_offset;
	m->page_size = c->page_size > ioas->page ? c->page_size : ioas->page;
	m->charged = !ioas->os->ipc_lock(ioas->os);
	m->flags = c->flags & (BATON_MAP_READ | BATON_MAP_WRITE);
	if (!m->flags)
		m->flags = BATON_MAP_READ | BATON_MAP_WRITE;
	ret = map(ioas, c, m);
	if (ret) {
		free(m->pages);
		handle_free(m);
		return ret;
	}
	m->next = ioas->mappings;
	ioas->mappings = m;
	ioas->n_mappings++;
	ioas->mapped_bytes += m->info.bytes;
	*out = m;
	return 0;
}

int
baton_ioas_map_arena(struct baton_ioas *ioas, const struct baton_arena *arena, uint64_t limit,
		     struct baton_mapping **out)
{
	struct baton_arena_info info;
	struct baton_map_config c;

	int ret = handle_enter(ioas, HANDLE_IOAS, "ioas_map_arena");

	if (!ret)
		ret = handle_check(arena, HANDLE_ARENA, "ioas_map_arena");
	if (!ret)
		ret = handle_check_ctx(ioas->ctx, handle_ctx(arena), "ioas_map_arena", "arena");
	if (ret)
		return ret;
	baton_arena_info(arena, &info);
	baton_map_config_init(&c);
	c.name = "arena";
	c.va = info.base;
	c.bytes = info.bytes;
	c.page_size = info.page_size;
	c.limit = limit;
	c.fd = info.fd;
	return baton_ioas_map(ioas, &c, out);
}

static int
unmap(struct baton_mapping *m)
{
	static const struct ioas_fix fixes[] = { { 0, "devices may still reach this memory: keep "
						      "it, close the devices and try again" } };
	struct baton_mapping **at;
	struct baton_ioas *ioas;
	int ret = 0;

	ioas = m->info.ioas;
	if (ioas->ops->unmap)
		ret = ioas->ops->unmap(ioas, m);
	if (ret)
		return ioas_failed(ret, m->name, ioas->ops->unmap_call, fixes);
	if (!m->pages)
		iova_give(&ioas->space, m->info.iova);
	for (at = &ioas->mappings; *at != m; at = &(*at)->next)
		;
	*at = m->next;
	ioas->n_mappings--;
	ioas->mapped_bytes -= m->info.bytes;
	free(m->pages);
	m->pages = NULL;
	ioas_idle(ioas);
	return 0;
}

int
ioas_unmap(struct baton_mapping *m)
{
	int ret = m ? unmap(m) : 0;

	if (!ret)
		handle_free(m);
	return ret;
}

int
baton_ioas_unmap(struct baton_mapping *m)
{
	int ret = m ? handle_enter(m, HANDLE_MAPPING, "ioas_unmap") : 0;

	if (!m || ret < 0)
		return ret;
	ret = unmap(m);
	if (!ret)
		handle_close(m);
	return ret;
}

void
ioas_describe(const struct baton_mapping *m, struct ioas_entry *out)
{
	*out = (struct ioas_entry){
		.name = m->name,
		.va = m->info.va,
		.bytes = m->info.bytes,
		.iova = m->info.iova,
		.flags = m->flags,
		.fd = m->fd,
		.fd_offset = m->fd_offset,
	};
}

const struct baton_mapping *
ioas_next(const struct baton_ioas *ioas, const struct baton_mapping *at, struct ioas_entry *out)
{
	const struct baton_mapping *m = at ? at->next : ioas->mappings;

	if (m)
		ioas_describe(m, out);
	return m;
}

const struct baton_mapping *
ioas_find_iova(const struct baton_ioas *ioas, uint64_t iova, struct ioas_entry *out)
{
	const struct baton_mapping *m = NULL;

	while ((m = ioas_next(ioas, m, out)))
		if (iova - out->iova < out->bytes)
			return m;
	return NULL;
}

void
baton_mapping_info_(const struct baton_mapping *m, struct baton_mapping_info *info, size_t size)
{
	const struct baton_mapping_info none = { 0 };

	if (info)
		struct_give(info, size,
			    handle_check(m, HANDLE_MAPPING, "mapping_info") == 0 ? &m->info : &none,
			    sizeof(none));
}

int
baton_mapping_iova(const struct baton_mapping *m, const void *va, size_t bytes, uint64_t *iova)
{
	int ret = handle_check(m, HANDLE_MAPPING, "mapping_iova");
	uint64_t at, first, last;

	if (ret < 0)
		return ret;
	if (!iova)
		return baton_err(EINVAL, "mapping_iova: there is no place for the address: iova is "
					 "NULL");
	at = (uintptr_t)va - (uintptr_t)m->info.va;
	if ((uintptr_t)va < (uintptr_t)m->info.va || at > m->info.bytes ||
	    bytes > m->info.bytes - at)
		return baton_err(EFAULT, "%s: %zu bytes at %p are not inside the %zu mapped at %p",
				 m->name, bytes, va, m->info.bytes, m->info.va);
	if (!m->pages) {
		*iova = m->info.iova + at;
		return 0;
	}
	first = at >> m->info.page_shift;
	last = bytes ? (at + bytes - 1) >> m->info.page_shift : first;
	for (uint64_t i = first; i < last; i++)
		if (m->pages[i + 1] != m->pages[i] + (1ull << m->info.page_shift))
			return baton_err(EXDEV,
					 "%s: %zu bytes at %p straddle pages that do not follow "
					 "one another in physical memory; place them inside one "
					 "page",
					 m->name, bytes, va);
	if (first << m->info.page_shift >= m->info.bytes) /* no bytes, at the very end */
		first--;
	*iova = m->pages[first] + (at - (first << m->info.page_shift));
	return 0;
}

uint64_t
ioas_largest(const struct baton_ioas *ioas, uint64_t limit)
{
	if (!ioas->ops)
		return 0;
	if (ioas->ops->place) /* physical memory is contiguous only within a page */
		return ioas->ops->backend == BATON_IOAS_NOIOMMU ? BATON_PAGE_2M : UINT64_MAX;
	return iova_largest(&ioas->space, ioas_page(ioas), limit);
}

DRIVER_EXPORT(ioas_next);
DRIVER_EXPORT(ioas_find_iova);
