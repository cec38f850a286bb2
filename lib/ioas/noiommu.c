/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The noiommu backend, which is used only if it is asked for: devices come from VFIO's noiommu
 * groups and use physical addresses, which nothing checks.
 *
 * Hugepages are not contiguous in physical memory, so a mapping is a table with the address of each
 * page. Hugepages stay where they are unless an administrator offlines their memory. Ordinary pages
 * are locked, which keeps them in memory, but compaction may move them if
 * vm.compact_unevictable_allowed is 1 (docs/ioas.md).
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "ioas/type1.h"

#define PAGEMAP  "/proc/self/pagemap"
#define PRESENT  (1ull << 63)
#define FRAME(e) ((e) & ((1ull << 55) - 1))

/* Get the physical address of the ordinary page at byte @at of a mapping. */
static int
address_of(const struct baton_ioas *ioas, const struct baton_mapping *m, int fd, size_t at,
	   uint64_t *address)
{
	static const struct ioas_fix fixes[] = { { 0, "the memory's physical addresses cannot be "
						      "had; run as root" } };
	uint64_t entry = 0;
	int ret = ioas->os->pagemap(ioas->os, fd, (const char *)m->info.va + at, &entry);

	if (ret)
		return ioas_failed(ret, m->name, "reading " PAGEMAP, fixes);
	if (!(entry & PRESENT))
		return baton_err(EFAULT,
				 "%s: " PAGEMAP ": byte %zu of %zu is not in memory; populate and "
				 "lock it before it is mapped",
				 m->name, at, m->info.bytes);
	if (!FRAME(entry))
		return baton_err(EPERM,
				 "%s: " PAGEMAP ": physical addresses are hidden from this "
				 "process; without an IOMMU it needs "
				 "CAP_SYS_ADMIN: run it as root",
				 m->name);
	*address = FRAME(entry) * ioas->page;
	return 0;
}

static int
fill_table(const struct baton_ioas *ioas, struct baton_mapping *m, int fd, uint64_t page)
{
	for (size_t at = 0, i = 0; at < m->info.bytes; at += page, i++) {
		size_t end = (m->info.bytes - at < page ? m->info.bytes : at + page) - ioas->page;
		uint64_t last = 0;
		int ret = address_of(ioas, m, fd, at, &m->pages[i]);

		if (!ret && end > at)
			ret = address_of(ioas, m, fd, end, &last);
		if (ret)
			return ret;
		/* With a wrong page size the device would write into memory of others. */
		if (m->pages[i] & (page - 1) || (end > at && last != m->pages[i] + (end - at)))
			return baton_err(EINVAL,
					 "%s: its page_size is said to be %" PRIu64 " bytes, but "
					 "the memory is "
					 "not on such "
					 "pages; give "
					 "what baton_arena_info() says",
					 m->name, page);
	}
	return 0;
}

static int
read_addresses(struct baton_ioas *ioas, struct baton_mapping *m, uint64_t page)
{
	static const struct ioas_fix fixes[] = { { 0, "the memory's physical addresses cannot be "
						      "had; mount /proc, run as root" } };
	size_t n = (m->info.bytes + page - 1) / page;
	int fd, ret;

	m->pages = ioas->os->alloc(ioas->os, n * sizeof(*m->pages));
	if (!m->pages)
		return baton_err(ENOMEM,
				 "%s: no memory for the addresses of %zu pages; use hugepages, or "
				 "stop other programs to free some",
				 m->name, n);
	fd = ioas->os->open(ioas->os, PAGEMAP, O_RDONLY);
	if (fd < 0) {
		ret = ioas_failed(fd, m->name, "open " PAGEMAP, fixes);
	} else {
		ret = fill_table(ioas, m, fd, page);
		ioas->os->close(ioas->os, fd);
	}
	if (ret) {
		free(m->pages);
		m->pages = NULL;
	}
	return ret;
}

static bool
locks(const struct baton_ioas *ioas, const struct baton_mapping *m)
{
	return m->page_size == ioas->page;
}

static int
noiommu_place(struct baton_ioas *ioas, struct baton_mapping *m)
{
	static const struct ioas_fix fixes[] = {
		{ ENOMEM, "raise ulimit -l, or use hugepages, which need no locking" },
		{ EPERM, "raise ulimit -l, or use hugepages, which need no locking" },
		{ 0, "use hugepages, which need no locking" },
	};
	uint64_t page = m->page_size;
	int ret;

	if (locks(ioas, m)) {
		ret = ioas->os->lock(ioas->os, m->info.va, m->info.bytes);
		if (ret) { /* the pages before the one that failed are locked */
			ioas->os->unlock(ioas->os, m->info.va, m->info.bytes);
			return ioas_failed(ret, m->name, "mlock", fixes);
		}
	}
	ret = read_addresses(ioas, m, page);
	if (ret) {
		if (locks(ioas, m))
			ioas->os->unlock(ioas->os, m->info.va, m->info.bytes);
		return ret;
	}
	m->info.pages = m->pages;
	m->info.page_shift = (unsigned)__builtin_ctzll(page);
	m->info.iova = m->pages[0];
	return 0;
}

static int
noiommu_unmap(struct baton_ioas *ioas, const struct baton_mapping *m)
{
	if (locks(ioas, m))
		ioas->os->unlock(ioas->os, m->info.va, m->info.bytes);
	return 0;
}

const struct ioas_ops ioas_noiommu = {
	.name = "noiommu",
	.map_call = "mlock",
	.unmap_call = "munlock",
	.backend = BATON_IOAS_NOIOMMU,
	.open = type1_open,
	.close = type1_close,
	.attach = type1_attach,
	.detach = type1_detach,
	.tidy = type1_tidy,
	.limits = ioas_no_limits,
	.place = noiommu_place,
	.unmap = noiommu_unmap,
};
