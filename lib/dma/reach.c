/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Limits, windows and trust: the configuration, and the decision on each pool. The memory itself is
 * in reach_mem.c.
 */
#include "dma/reach.h"
#include "base/structs.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/err.h"
#include "dma/pool_map.h"
#include "ioas/ioas.h"
#include "mem/cc.h"

#define LEAST_BITS 12u /* a page of the smallest size that kernels have */

void
baton_reach_config_init_(struct baton_reach_config *config, size_t size)
{
	const struct baton_reach_config defaults = { 0 };

	struct_init(config, size, &defaults, sizeof(defaults));
}

/* ---- what was asked for ---- */

static int
check_config(const struct baton_reach_config *c)
{
	if (c->bounce > BATON_BOUNCE_NEVER)
		return baton_err(EINVAL, "bounce is %d: auto, always or never", (int)c->bounce);
	if (c->confine && c->bounce == BATON_BOUNCE_NEVER)
		return baton_err(EINVAL, "confine=on copies every packet, and bounce=never copies "
					 "none: leave one of them out");
	if ((c->data_bits && (c->data_bits < LEAST_BITS || c->data_bits > 64)) ||
	    (c->ring_bits && (c->ring_bits < LEAST_BITS || c->ring_bits > 64)))
		return baton_err(EINVAL,
				 "limits of %u bits for data and %u for rings: %u to 64 bits are "
				 "possible, 0 for the device's own",
				 c->data_bits, c->ring_bits, LEAST_BITS);
	if (!c->windows != !c->n_windows)
		return baton_err(EINVAL, "windows and n_windows (%u) must be given together",
				 c->n_windows);
	for (unsigned i = 0; i < c->n_windows; i++)
		if (c->windows[i].start > c->windows[i].last)
			return baton_err(EINVAL,
					 "window 0x%" PRIx64 "-0x%" PRIx64 " ends before it starts",
					 c->windows[i].start, c->windows[i].last);
	return 0;
}

int
dma_reach_set(struct dma_reach *r, const struct baton_reach_config *config)
{
	struct baton_reach_config all = { 0 }, *const c = &all;
	struct baton_iova_range *windows = NULL;
	int ret = config ? struct_take(&all, sizeof(all), config, "struct baton_reach_config")
			 : baton_err(EINVAL, "there is no configuration of reach: it is NULL");

	if (!ret)
		ret = struct_check_reserved(c->reserved | c->reserved2, "struct "
									"baton_reach_config");
	if (!ret)
		ret = check_config(c);

	if (ret < 0)
		return ret;
	if (c->n_windows) {
		windows = malloc(c->n_windows * sizeof(*windows));
		if (!windows)
			return baton_err(ENOMEM, "no memory for %u windows", c->n_windows);
		memcpy(windows, c->windows, c->n_windows * sizeof(*windows));
	}
	free(r->windows);
	r->windows = windows;
	r->n_windows = c->n_windows;
	r->bounce = c->bounce;
	r->confine = c->confine;
	r->data_bits = c->data_bits;
	r->ring_bits = c->ring_bits;
	return 0;
}

void
dma_reach_get(const struct dma_reach *r, struct baton_reach_config *c)
{
	*c = (struct baton_reach_config){
		.size = sizeof(*c),
		.bounce = r->bounce,
		.confine = r->confine,
		.data_bits = r->data_bits,
		.ring_bits = r->ring_bits,
		.windows = r->windows,
		.n_windows = r->n_windows,
	};
}

static uint8_t
lower(uint8_t device, uint8_t user)
{
	return user && user < device ? user : device;
}

static uint64_t
top(uint8_t bits)
{
	return bits < 64 ? (1ull << bits) - 1 : UINT64_MAX;
}

uint64_t
dma_ring_limit(const struct dma_reach *r)
{
	return top(lower(r->device_ring_bits, r->ring_bits));
}

uint64_t
dma_data_limit(const struct dma_reach *r)
{
	return top(lower(r->device_data_bits, r->data_bits));
}

/* Compare one of the limits with the first window. */
static int
check_windows(const struct dma_reach *r, const char *what, const char *arg, uint8_t device,
	      uint8_t user)
{
	const bool asked = user && user < device;
	struct baton_iova_range first;
	uint64_t limit = top(lower(device, user));

	if (!baton_ioas_ranges(r->ioas, &first, 1) || first.start <= limit)
		return 0;
	return baton_err(ENOSPC,
			 "%s%s limits the addresses of %s to %u bits, 0x%" PRIx64 " at most, but "
			 "the first "
			 "window of the "
			 "address space "
			 "begins at 0x%" PRIx64 ": no address is in both; use %s",
			 asked ? arg : "the device", asked ? "" : " itself", what,
			 lower(device, user), limit, first.start,
			 asked ? "a higher limit or another window"
			       : "another window, device or IOMMU");
}

/* Why packets must be copied, or NULL. */
static const char *
must_bounce(const struct dma_reach *r)
{
	if (r->confine)
		return "confine=on: the device sees rings and slots only";
	return r->bounce == BATON_BOUNCE_ALWAYS ? "asked for by bounce=always" : NULL;
}

static int
no_slots(const struct dma_reach *r)
{
	return baton_err(ENOTSUP,
			 "%s copies every packet, and the driver of this device cannot copy "
			 "packets through slots: leave it out",
			 r->confine ? "confine=on" : "bounce=always");
}

int
dma_reach_check(const struct dma_reach *r)
{
	int ret;

	if (!r->device_ring_bits || !r->device_data_bits)
		return baton_err(EINVAL,
				 "the driver does not declare how many address bits the device has "
				 "(rings: %u, data: %u): a limit is never assumed",
				 r->device_ring_bits, r->device_data_bits);
	if (must_bounce(r) && !r->can_bounce)
		return no_slots(r);
	if (!r->ioas)
		return 0;
	ret = check_windows(r, "rings", "ring-limit", r->device_ring_bits, r->ring_bits);
	return ret < 0 ? ret
		       : check_windows(r, "packets", "dma-limit", r->device_data_bits,
				       r->data_bits);
}

/* ---- the decision ---- */

bool
dma_reach_bounces(const struct dma_reach *r)
{
	return must_bounce(r);
}

/* bounce=never overrides what was detected. */
bool
dma_reach_shared_only(const struct dma_reach *r)
{
	return !r->local && r->bounce != BATON_BOUNCE_NEVER && cc_must_share(r->ctx);
}

static bool
may_see(const struct dma_reach *r, const struct baton_pool *p)
{
	struct baton_arena_info info = { 0 };

	if (!dma_reach_shared_only(r))
		return true;
	if (p->arena)
		baton_arena_info(p->arena, &info);
	return info.flags & BATON_MEM_CC_SHARED;
}

/* Return: 0 and the address, or why the pool cannot be mapped. */
static int
map_direct(struct dma_reach *r, struct baton_pool *p, struct baton_pool_view *view)
{
	struct dma_map **m = &r->maps[p->view.index];

	if (!may_see(r, p))
		return baton_err(EACCES,
				 "this is a confidential guest (%s), whose devices see shared "
				 "memory only, and the pool is in private memory",
				 baton_confidential_name(baton_ctx_confidential(r->ctx)));
	return dma_map_pool(p, r->ioas, dma_data_limit(r), view, m);
}

/*
 * Keep the reason of the error, without the name of the pool before it and the advice after it,
 * which is for those who want no copies.
 */
static void
keep_reason(char *why, size_t size, const char *pool)
{
	const char *text = baton_last_error();
	size_t len = strlen(pool);

	if (!strncmp(text, pool, len) && !strncmp(text + len, ": ", 2))
		text += len + 2;
	snprintf(why, size, "%.*s", (int)strcspn(text, ";"), text);
}

static void
bounce(struct dma_reach *r, struct baton_pool *p, struct baton_pool_view *view)
{
	r->pools[p->view.index].reach = BATON_REACH_BOUNCE;
	dma_view_bounce(view, p);
}

static int
decide(struct dma_reach *r, struct baton_pool *p, struct baton_pool_view *view)
{
	const char *must = must_bounce(r);
	struct dma_reach_pool *d = &r->pools[p->view.index];
	uint64_t to_data = (uint64_t)(p->view.data - p->base);
	int ret;

	memset(d, 0, sizeof(*d));
	d->known = 1;
	snprintf(d->name, sizeof(d->name), "%s", p->name);
	if (must && !r->can_bounce) {
		d->reach = BATON_REACH_REFUSED;
		snprintf(d->why, sizeof(d->why), "%s", must);
		return no_slots(r);
	}
	if (must) {
		snprintf(d->why, sizeof(d->why), "%s", must);
		bounce(r, p, view);
		return 0;
	}
	ret = map_direct(r, p, view);
	if (!ret) {
		d->reach = BATON_REACH_DIRECT;
		d->iova = view->iova - to_data;
		d->bytes = p->bytes;
		snprintf(d->why, sizeof(d->why), "the device reaches all of it (%u address bits)",
			 lower(r->device_data_bits, r->data_bits));
		return 0;
	}
	keep_reason(d->why, sizeof(d->why), p->name);
	/*
	 * With -ENOMEM, a higher RLIMIT_MEMLOCK helps, and the error message says so. Copying the
	 * packets instead would hide that.
	 */
	if (r->bounce == BATON_BOUNCE_NEVER || ret == -ENOMEM) {
		d->reach = BATON_REACH_REFUSED;
		return r->bounce == BATON_BOUNCE_NEVER ? baton_err_prefix(ret, "bounce=never")
						       : ret;
	}
	if (!r->can_bounce) {
		d->reach = BATON_REACH_REFUSED;
		return baton_err_prefix(ret, "the driver of this device cannot copy packets "
					     "through slots");
	}
	bounce(r, p, view);
	return 0;
}

int
dma_reach_pools(struct dma_reach *r, const bool needed[BATON_MAX_POOLS],
		struct baton_pool_view *views)
{
	if (!r->pools)
		r->pools = calloc(BATON_MAX_POOLS, sizeof(*r->pools));
	if (!r->pools)
		return baton_err(ENOMEM, "no memory to note which pools the device reaches");
	/* Pools that are needed come first: the address space may have room for some only. */
	for (int round = 1; round >= 0; round--) {
		for (unsigned i = 0; i < BATON_MAX_POOLS; i++) {
			int ret = 0;

			if (!r->ctx->pools[i])
				r->pools[i].known = 0;
			else if (needed[i] == round)
				ret = decide(r, r->ctx->pools[i], &views[i]);
			if (ret < 0 && round)
				return ret;
			if (ret < 0)
				baton_log(r->ctx, BATON_LOG_WARN, "%s cannot send from pool %s: %s",
					  r->name, r->ctx->pools[i]->name, baton_last_error());
		}
	}
	return 0;
}

bool
dma_reach_yield(struct dma_reach *r, const bool needed[BATON_MAX_POOLS],
		struct baton_pool_view *views)
{
	bool found = false;

	for (unsigned i = 0; r->pools && r->can_bounce && i < BATON_MAX_POOLS; i++) {
		if (!r->pools[i].known || r->pools[i].reach != BATON_REACH_DIRECT || needed[i])
			continue;
		dma_map_put(r->maps[i]);
		r->maps[i] = NULL;
		bounce(r, r->ctx->pools[i], &views[i]);
		r->pools[i].iova = r->pools[i].bytes = 0;
		snprintf(r->pools[i].why, sizeof(r->pools[i].why),
			 "the address space has no room for it beside the slots");
		found = true;
	}
	return found;
}

/* ---- what is said of it ---- */

static bool
any(const struct dma_reach *r, enum baton_reach reach)
{
	for (unsigned i = 0; r->pools && i < BATON_MAX_POOLS; i++)
		if (r->pools[i].known && r->pools[i].reach == reach)
			return true;
	return false;
}

static bool
has_iommu(const struct dma_reach *r)
{
	struct baton_ioas_info info = { 0 };

	if (r->ioas)
		baton_ioas_info(r->ioas, &info);
	return info.backend != BATON_IOAS_NOIOMMU;
}

static const char *
protects(const struct dma_reach *r)
{
	if (!any(r, BATON_REACH_DIRECT) && !any(r, BATON_REACH_BOUNCE))
		return "nothing is mapped before the port was started";
	if (!has_iommu(r))
		return "lies in rings are caught, but without an IOMMU the device can read and "
		       "write any memory of this machine";
	if (r->confine)
		return "confined: whatever the device writes, it reaches nothing but rings and "
		       "slots, and no packet changes after it was taken";
	if (any(r, BATON_REACH_DIRECT))
		return "direct: lies in rings, and accidents, are caught, but the device can "
		       "rewrite a packet after it was taken; confine=on withstands that";
	if (r->local || dma_reach_own_space(r))
		return "bounced: the device reaches nothing but rings and slots, and no packet "
		       "changes after it was taken";
	return "bounced: no packet changes after it was taken, but the device reaches what other "
	       "ports have mapped; confine=on excludes that";
}

static void
log_mapped(const struct dma_reach *r, const struct baton_reach_info *i, enum baton_log_level level)
{
	baton_log(r->ctx, level, "%s: %s at 0x%" PRIx64 "-0x%" PRIx64 "%s: %s", r->name, i->memory,
		  i->iova, i->iova + i->bytes - 1, i->writable ? "" : ", read only", i->why);
}

/* Log one line if all memory is direct; else why packets are copied, and what is mapped for it. */
void
dma_reach_log(struct dma_reach *r)
{
	struct baton_reach_info info[BATON_MAX_POOLS + 8];
	const unsigned most = BATON_MAX_POOLS + 8,
		       all = dma_reach_list(r, info, most, sizeof(info[0])),
		       n = all < most ? all : most;
	const bool bounces = any(r, BATON_REACH_BOUNCE);

	if (r->logged)
		return;
	r->logged = true;
	for (unsigned i = 0; i < n; i++)
		if (info[i].reach == BATON_REACH_BOUNCE)
			baton_log(r->ctx, BATON_LOG_INFO, "%s: %s is bounced: %s", r->name,
				  info[i].memory, info[i].why);
	for (unsigned i = 0; i < n; i++)
		if (info[i].reach == BATON_REACH_DIRECT)
			log_mapped(r, &info[i], bounces ? BATON_LOG_INFO : BATON_LOG_DEBUG);
	baton_log(r->ctx, BATON_LOG_INFO, "%s: %s", r->name, protects(r));
}

static void
list_mem(const struct dma_reach *r, const struct dma_block *b, const char *why,
	 struct baton_reach_info *out)
{
	*out = (struct baton_reach_info){
		.reach = BATON_REACH_DIRECT,
		.writable = !b->read_only ||
			    r->local, /* a program can map what it receives as it likes */
		.iova = b->iova,
		.bytes = b->bytes,
	};
	snprintf(out->memory, sizeof(out->memory), "%s", b->name);
	snprintf(out->why, sizeof(out->why), "%s", why);
}

unsigned
dma_reach_list(const struct dma_reach *r, struct baton_reach_info *out, unsigned n, size_t size)
{
	struct baton_reach_info info;
	char slots[96];
	unsigned k = 0;

#define ADD                                                                                        \
	do {                                                                                       \
		if (k < n)                                                                         \
			struct_give(struct_at(out, k, size), size, &info, sizeof(info));           \
		k++;                                                                               \
	} while (0)
	for (const struct dma_block *b = r->ctrl; b; b = b->next) {
		list_mem(r, b, "control blocks among them", &info);
		ADD;
	}
	for (int tx = 0; tx < 2; tx++) {
		const struct dma_slots *s = tx ? &r->tx : &r->rx;
		const struct dma_block *b = tx ? r->tx_mem : r->rx_mem;

		if (!b)
			continue;
		snprintf(slots, sizeof(slots), "%u of %u bytes%s", s->count, s->stride,
			 s->shared ? ", shared: fewer than descriptors" : "");
		list_mem(r, b, slots, &info);
		ADD;
	}
	for (unsigned i = 0; r->pools && i < BATON_MAX_POOLS; i++) {
		if (!r->pools[i].known)
			continue;
		info = (struct baton_reach_info){ .reach = r->pools[i].reach,
						  .writable =
							  r->pools[i].reach == BATON_REACH_DIRECT,
						  .iova = r->pools[i].iova,
						  .bytes = r->pools[i].bytes };
		snprintf(info.memory, sizeof(info.memory), "pool %s", r->pools[i].name);
		snprintf(info.why, sizeof(info.why), "%s", r->pools[i].why);
		ADD;
	}
#undef ADD
	return k;
}

void
dma_reach_sum(const struct dma_reach *r, struct baton_reach_summary *out)
{
	*out = (struct baton_reach_summary){
		.bounce = r->bounce,
		.confined = r->confine,
		.committed = r->committed,
		.data_bits = lower(r->device_data_bits, r->data_bits),
		.ring_bits = lower(r->device_ring_bits, r->ring_bits),
		.device_data_bits = r->device_data_bits,
		.device_ring_bits = r->device_ring_bits,
		.rx_slots = r->rx.count,
		.tx_slots = r->tx.count,
		.slot_bytes = r->tx.count ? r->tx.stride : r->rx.stride,
		.shared_slots = r->rx.shared || r->tx.shared,
		.quarantined_slots = dma_quarantine_slots(r->quarantines),
		.protects = protects(r),
	};
}
