/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>

#include <baton/ioas.h>

#include "base/err.h"
#include "dma/pool_map.h"
#include "ioas/ioas.h"

struct dma_map {
	struct dma_map *next;
	struct baton_ctx *ctx;
	struct baton_ioas *ioas;
	struct baton_pool *pool; /* NULL: the pool is destroyed */
	struct baton_mapping *mapping;
	unsigned users;
};

/* A pool uses one IOVA for all of its buffers. */
static int
check_run(const struct baton_pool *pool, const struct baton_mapping_info *info)
{
	size_t n = info->pages ? info->bytes >> info->page_shift : 0;

	for (size_t i = 1; i < n; i++)
		if (info->pages[i] != info->pages[i - 1] + (1ull << info->page_shift))
			return baton_err(ENOTSUP,
					 "pool %s lies in %zu pages of %llu KiB that do not follow "
					 "one another in physical "
					 "memory, which a device without an IOMMU cannot use: make "
					 "it smaller, or use pages of 1 GiB",
					 pool->name, n, 1ull << (info->page_shift - 10));
	return 0;
}

static int
make(struct baton_pool *pool, struct baton_ioas *ioas, uint64_t limit, struct dma_map **out)
{
	struct baton_map_config c;
	struct baton_mapping_info info;
	struct dma_map *m = calloc(1, sizeof(*m));
	int ret;

	if (!m)
		return baton_err(ENOMEM, "no memory to map pool %s", pool->name);
	baton_map_config_init(&c);
	c.name = pool->name;
	c.va = pool->base;
	c.bytes = pool->bytes;
	c.page_size = pool->page_size;
	c.fd = pool->fd;
	c.fd_offset = pool->fd_offset;
	c.limit = limit;
	ret = baton_ioas_map(ioas, &c, &m->mapping);
	if (ret < 0) {
		free(m);
		return ret;
	}
	baton_mapping_info(m->mapping, &info);
	ret = check_run(pool, &info);
	if (ret < 0) {
		ioas_unmap(m->mapping);
		free(m);
		return ret;
	}
	m->ctx = pool->ctx;
	m->ioas = ioas;
	m->pool = pool;
	m->next = pool->ctx->maps;
	pool->ctx->maps = m;
	*out = m;
	return 0;
}

/* Whether it is mapped there, where the device can access it. */
static bool
fits(const struct dma_map *m, const struct baton_pool *pool, const struct baton_ioas *ioas,
     uint64_t limit)
{
	struct baton_mapping_info info;

	if (m->pool != pool || m->ioas != ioas)
		return false;
	baton_mapping_info(m->mapping, &info);
	return info.iova <= limit && info.bytes - 1 <= limit - info.iova;
}

int
dma_map_pool(struct baton_pool *pool, struct baton_ioas *ioas, uint64_t limit,
	     struct baton_pool_view *view, struct dma_map **out)
{
	struct baton_mapping_info info;
	struct dma_map *m = pool->ctx->maps;
	int ret = 0;

	while (m && !fits(m, pool, ioas, limit))
		m = m->next;
	if (!m)
		ret = make(pool, ioas, limit, &m);
	if (ret < 0)
		return ret;
	m->users++;
	baton_mapping_info(m->mapping, &info);
	dma_view_init(view, pool, info.iova + (uint64_t)(pool->view.data - pool->base));
	*out = m;
	return 0;
}

/*
 * The kernel holds the pages itself. So memory that it does not unmap is lost to this process, and
 * to no other.
 */
static void
unmap(struct dma_map *m)
{
	if (m->mapping && ioas_unmap(m->mapping) < 0)
		baton_log(m->ctx, BATON_LOG_WARN, "a pool stays mapped: %s", baton_last_error());
	m->mapping = NULL;
	m->pool = NULL;
}

void
dma_map_put(struct dma_map *m)
{
	struct dma_map **at = &m->ctx->maps;

	if (--m->users)
		return;
	unmap(m);
	while (*at != m)
		at = &(*at)->next;
	*at = m->next;
	free(m);
}

void
dma_map_forget(struct baton_pool *pool)
{
	for (struct dma_map *m = pool->ctx->maps; m; m = m->next)
		if (m->pool == pool)
			unmap(m);
}
