/* SPDX-License-Identifier: BSD-3-Clause */
/* Create a context with empty tables, and destroy it once nothing is in them. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/structs.h"
#include "ctx/ctx.h"
#include "dma/pool.h"
#include "dma/quarantine.h"
#include "dma/ring.h"
#include "ioas/ioas.h"
#include "port/load.h"

static const struct baton_ctx_config defaults = { 0 };

void
baton_ctx_config_init_(struct baton_ctx_config *config, size_t size)
{
	struct_init(config, size, &defaults, sizeof(defaults));
}

int
baton_ctx_create(const struct baton_ctx_config *config, struct baton_ctx **out)
{
	struct baton_ctx_config c = defaults;
	struct baton_ctx *ctx;
	int ret;

	if (!out)
		return baton_err(EINVAL, "ctx_create: there is no place for the context: out is "
					 "NULL");
	ret = struct_take(&c, sizeof(c), config, "struct baton_ctx_config");
	if (ret < 0)
		return ret;
	ctx = calloc(1, sizeof(*ctx));
	if (!ctx)
		return baton_err(ENOMEM, "context: out of memory");
	ctx->views = aligned_alloc(64, DMA_VIEWS_BYTES);
	ret = ctx->views ? ctx_init(ctx, &c) : baton_err(ENOMEM, "context: out of memory");
	if (ret < 0) {
		free(ctx->views);
		free(ctx);
		return ret;
	}
	memset(ctx->views, 0, DMA_VIEWS_BYTES);
	*out = ctx;
	return 0;
}

/* Return: 0; -EBUSY, with the name of what is left. */
static int
check_empty(struct baton_ctx *ctx)
{
	unsigned arenas;

	for (unsigned i = 0; i < BATON_MAX_PORTS; i++)
		if (ctx->ports[i])
			return baton_err(EBUSY, "context: port %s is still open",
					 ctx->ports[i]->name);
	if (ctx->rings)
		return baton_err(EBUSY, "context: token ring %s still exists", ctx->rings->name);
	for (unsigned i = 0; i < BATON_MAX_WORKERS; i++)
		if (ctx->workers[i])
			return baton_err(EBUSY, "context: worker %s still exists",
					 ctx->workers[i]->name);
	for (unsigned i = 0; i < BATON_MAX_POOLS; i++)
		if (ctx->pools[i])
			return baton_err(EBUSY, "context: pool %s still exists",
					 ctx->pools[i]->name);
	pthread_mutex_lock(&ctx->lock);
	arenas = ctx->arenas;
	pthread_mutex_unlock(&ctx->lock);
	if (arenas)
		return baton_err(EBUSY,
				 "context: %u arenas still exist: baton_arena_destroy() them",
				 arenas);
	return 0;
}

int
baton_ctx_destroy(struct baton_ctx *ctx)
{
	int ret = ctx_enter(ctx, "ctx_destroy");

	if (!ret && (ctx->in_poll || ctx->in_event))
		ret = baton_err(EBUSY, "ctx_destroy: it was called from inside an event callback: "
				       "let the callback return first");
	if (!ret)
		ret = check_empty(ctx);
	if (!ret)
		ret = ioas_destroy_all(ctx);
	if (ret)
		return ret;
	dma_quarantine_fini(ctx);
	ctx_fini(ctx);
	drivers_fini(ctx);
	free(ctx->views);
	free(ctx);
	return 0;
}
