/* SPDX-License-Identifier: BSD-3-Clause */
/* Ownership violations: the rule, the buffer, its holder, and the last operation on it. */
#include "dma/pool.h"

#include "base/err.h"
#include "base/export.h"

/*
 * Whether the buffer is in the cache of a worker. This is slow and races with that worker, which is
 * good enough for a report.
 */
static const struct baton_worker *
cached_by(struct baton_ctx *ctx, const struct baton_pool_view *v, uint32_t buf)
{
	for (unsigned i = 0; i < BATON_MAX_WORKERS; i++) {
		const struct dma_cache *c;

		if (!ctx->workers[i])
			continue;
		c = __atomic_load_n(&ctx->workers[i]->caches[v->index], __ATOMIC_ACQUIRE);
		for (uint32_t k = 0; c && k < c->n; k++)
			if (c->idx[k] == buf)
				return ctx->workers[i];
	}
	return NULL;
}

/*
 * Find the rule that a token in range breaks, and the words for its holder and the last operation.
 */
static enum baton_rule
diagnose(struct baton_ctx *ctx, struct baton_token t, const char *operation, uint32_t owner,
	 char *holder, size_t size, const char **last_op)
{
	const struct baton_pool_view *v = &ctx->views[t.pool];
	uint32_t who = owner >> 16;
	const struct baton_worker *w;
	size_t len;

	dma_holder_name(ctx, who, holder, size);
	*last_op = who == BATON_OWNER_FREE         ? "free"
		   : who == BATON_OWNER_CPU        ? "alloc or take"
		   : who == BATON_OWNER_QUARANTINE ? "reset not confirmed"
						   : "give";
	w = who == BATON_OWNER_CPU ? NULL : cached_by(ctx, v, t.buf);
	len = strlen(holder);
	if (w)
		snprintf(holder + len, size - len, ", now free in the cache of worker %s", w->name);
	if ((owner & 0xffff) != t.gen)
		return BATON_RULE_STALE;
	if (who == BATON_OWNER_FREE && !strcmp(operation, "free"))
		return BATON_RULE_DOUBLE_FREE;
	if (who >= BATON_OWNER_QUEUE && !strcmp(operation, "tx_burst"))
		return BATON_RULE_DOUBLE_GIVE;
	return BATON_RULE_NOT_HELD;
}

int
dma_refuse(struct baton_ctx *ctx, struct baton_token t, const char *operation)
{
	const struct baton_pool_view *view = &ctx->views[t.pool];
	char text[512], holder[128] = "", detail[256];
	struct baton_violation v = {
		.operation = operation,
		.token = t,
		.pool = view->pool ? view->pool->name : "",
		.holder = holder,
		.last_op = "",
		.text = text,
	};

	if (!view->count) {
		v.rule = BATON_RULE_POOL;
		snprintf(detail, sizeof(detail), "the context has no pool %u", t.pool);
	} else if (t.buf >= view->count) {
		v.rule = BATON_RULE_RANGE;
		snprintf(detail, sizeof(detail), "the pool has %u buffers", view->count);
	} else if ((uint32_t)t.off + t.len > view->data_len) {
		v.rule = BATON_RULE_RANGE;
		snprintf(detail, sizeof(detail),
			 "off %u + len %u is past the %u bytes of data room", t.off, t.len,
			 view->data_len);
	} else {
		uint32_t owner = __atomic_load_n(&view->owner[t.buf], __ATOMIC_RELAXED);

		v.rule = diagnose(ctx, t, operation, owner, holder, sizeof(holder), &v.last_op);
		snprintf(detail, sizeof(detail),
			 "its generation is %u; the buffer is held by %s, generation %u, last "
			 "operation: %s",
			 t.gen, holder, owner & 0xffff, v.last_op);
	}
	snprintf(text, sizeof(text),
		 "ownership violation in %s: %s: token of buffer %u of pool %u%s%s%s: %s",
		 operation, baton_rule_name(v.rule), t.buf, t.pool, *v.pool ? " (" : "", v.pool,
		 *v.pool ? ")" : "", detail);
	return ctx_report(ctx, &v);
}

void *
baton_data_refused_(const struct baton_worker *worker, struct baton_token token)
{
	if (handle_check(worker, HANDLE_WORKER, "data") == 0)
		dma_refuse(worker->ctx, token, "data");
	return NULL;
}

DRIVER_EXPORT(dma_refuse);
