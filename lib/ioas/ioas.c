/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/page.h"
#include "base/structs.h"
#include "ctx/ctx.h"
#include "ioas/space.h"

static const char *const backend_names[] = {
	[BATON_IOAS_AUTO] = "auto",       [BATON_IOAS_IOMMUFD] = "iommufd",
	[BATON_IOAS_TYPE1] = "type1",     [BATON_IOAS_COMPAT] = "compat",
	[BATON_IOAS_NOIOMMU] = "noiommu", [BATON_IOAS_FLAT] = "flat",
	[BATON_IOAS_VHOST] = "vhost",     [BATON_IOAS_VHOST + 1] = NULL,
};

void
baton_ioas_config_init_(struct baton_ioas_config *config, size_t size)
{
	const struct baton_ioas_config defaults = { 0 };

	struct_init(config, size, &defaults, sizeof(defaults));
}

int
baton_ioas_backend_by_name(const char *name, enum baton_ioas_backend *out)
{
	const char *near;

	if (!name || !out)
		return baton_err(EINVAL, "baton_ioas_backend_by_name() needs a name and an out");
	for (unsigned i = 0; backend_names[i]; i++)
		if (!strcmp(name, backend_names[i])) {
			*out = (enum baton_ioas_backend)i;
			return 0;
		}
	near = baton_nearest(name, backend_names);
	return baton_err(EINVAL,
			 "\"%s\" is not a kind of I/O address space%s%s%s; there are auto, "
			 "iommufd, "
			 "type1, compat, noiommu, flat and vhost",
			 name, near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
}

static int
check_config(const struct baton_ioas_config *c)
{
	if ((unsigned)c->backend > BATON_IOAS_VHOST)
		return baton_err(EINVAL,
				 "address space: there is no backend %d; use one of BATON_IOAS_*",
				 (int)c->backend);
	if (!c->windows != !c->n_windows)
		return baton_err(EINVAL,
				 "address space: windows and n_windows (%u) must be given "
				 "together; leave both out for all addresses",
				 c->n_windows);
	if (c->flat_base && c->backend != BATON_IOAS_FLAT)
		return baton_err(EINVAL, "address space: flat_base is for the backend flat only; "
					 "leave it NULL");
	return 0;
}

static int
copy_windows(struct baton_ioas *ioas, const struct baton_ioas_config *c)
{
	if (!c->windows)
		return 0;
	for (unsigned i = 0; i < c->n_windows; i++)
		if (c->windows[i].start > c->windows[i].last)
			return baton_err(EINVAL,
					 "address space: window %u of %u ends at 0x%" PRIx64
					 ", before it starts at 0x%" PRIx64 "; give start and last "
					 "in this order",
					 i, c->n_windows, c->windows[i].last, c->windows[i].start);
	ioas->asked_windows = ioas->os->alloc(ioas->os, c->n_windows * sizeof(*c->windows));
	if (!ioas->asked_windows)
		return baton_err(ENOMEM,
				 "address space: no memory for %u windows; stop other programs to "
				 "free some",
				 c->n_windows);
	memcpy(ioas->asked_windows, c->windows, c->n_windows * sizeof(*c->windows));
	ioas->n_asked_windows = iova_merge(ioas->asked_windows, c->n_windows);
	return 0;
}

static void
destroy(struct baton_ioas *ioas)
{
	iova_fini(&ioas->space);
	free(ioas->asked_windows);
}

static void
name_it(struct baton_ioas *ioas, const char *name)
{
	unsigned n = 0;

	for (struct baton_ioas *other = ioas->ctx->ioases; other; other = other->next)
		n++;
	if (name)
		snprintf(ioas->name, sizeof(ioas->name), "%s", name);
	else
		snprintf(ioas->name, sizeof(ioas->name), "ioas%u", n);
}

int
baton_ioas_create_with(struct baton_ctx *ctx, const struct baton_ioas_config *config,
		       const struct ioas_os *os, struct baton_ioas **out)
{
	const struct ioas_ops *ops;
	struct baton_ioas_config c;
	struct baton_ioas *ioas;
	void *memory;
	int ret;

	ret = ctx_enter(ctx, "ioas_create");
	if (ret)
		return ret;
	if (!out)
		return baton_err(EINVAL, "baton_ioas_create() needs an out");
	if (!os)
		os = ctx->ioas_os ? ctx->ioas_os : &ioas_os_host;
	baton_ioas_config_init(&c);
	ret = struct_take(&c, sizeof(c), config, "struct baton_ioas_config");
	if (!ret)
		ret = check_config(&c);
	if (ret)
		return ret;
	memory = os->alloc(os, handle_room(sizeof(*ioas)));
	if (!memory)
		return baton_err(ENOMEM,
				 "address space: no memory for its %zu bytes; stop other programs "
				 "to free some",
				 sizeof(*ioas));
	ioas = handle_place(ctx, HANDLE_IOAS, memory);
	ioas->ctx = ctx;
	ioas->os = os;
	ioas->page = os->page ? os->page : page_bytes();
	ioas->asked = c.backend;
	ioas->flat_base = c.flat_base;
	ioas->fd = -1;
	name_it(ioas, c.name);
	ret = copy_windows(ioas, &c);
	ops = ioas_ops_of(c.backend);
	if (!ret && ops && ops->software) {
		ioas->ops = ops;
		snprintf(ioas->why, sizeof(ioas->why), "%s, as asked for", ops->name);
		ret = ioas_refresh(ioas, ioas->name);
	}
	if (ret) {
		destroy(ioas);
		handle_free(ioas);
		return ret;
	}
	ioas->next = ctx->ioases;
	ctx->ioases = ioas;
	*out = ioas;
	return 0;
}

int
baton_ioas_create(struct baton_ctx *ctx, const struct baton_ioas_config *config,
		  struct baton_ioas **out)
{
	return baton_ioas_create_with(ctx, config, NULL, out);
}

static int
busy(const struct baton_ioas *ioas)
{
	if (ioas->devices)
		return baton_err(EBUSY,
				 "address space %s: device %s is still open (%u in all); close its "
				 "port",
				 ioas->name, ioas->devices->bdf, ioas->n_devices);
	if (ioas->mappings)
		return baton_err(EBUSY,
				 "address space %s: %s is still mapped (%u mappings in all); unmap "
				 "it",
				 ioas->name, ioas->mappings->name, ioas->n_mappings);
	return 0;
}

int
baton_ioas_destroy(struct baton_ioas *ioas)
{
	struct baton_ioas **at;
	int ret;

	if (!ioas)
		return 0;
	ret = handle_enter(ioas, HANDLE_IOAS, "ioas_destroy");
	if (!ret)
		ret = busy(ioas);
	if (ret)
		return ret;
	for (at = &ioas->ctx->ioases; *at != ioas; at = &(*at)->next)
		;
	*at = ioas->next;
	if (ioas->ctx->ioas == ioas)
		ioas->ctx->ioas = NULL;
	destroy(ioas);
	handle_close(ioas);
	return 0;
}

int
ioas_destroy_all(struct baton_ctx *ctx)
{
	for (struct baton_ioas *ioas = ctx->ioases; ioas; ioas = ioas->next) {
		int ret = busy(ioas);

		if (ret)
			return ret;
	}
	while (ctx->ioases)
		baton_ioas_destroy(ctx->ioases);
	return 0;
}

int
baton_ctx_ioas(struct baton_ctx *ctx, struct baton_ioas **out)
{
	struct baton_ioas_config c;
	int ret;

	ret = ctx_enter(ctx, "ctx_ioas");
	if (ret)
		return ret;
	if (!out)
		return baton_err(EINVAL, "baton_ctx_ioas() needs an out");
	if (!ctx->ioas) {
		baton_ioas_config_init(&c);
		c.name = "shared";
		ret = baton_ioas_create(ctx, &c, &ctx->ioas);
		if (ret)
			return ret;
	}
	*out = ctx->ioas;
	return 0;
}

int
baton_ctx_set_ioas(struct baton_ctx *ctx, struct baton_ioas *ioas)
{
	int ret = ctx_enter(ctx, "ctx_set_ioas");

	if (!ret)
		ret = handle_check(ioas, HANDLE_IOAS, "ctx_set_ioas");
	if (!ret)
		ret = handle_check_ctx(ctx, ioas->ctx, "ctx_set_ioas", "address space");
	if (ret)
		return ret;
	if (ctx->ioas && ctx->ioas != ioas)
		return baton_err(EBUSY,
				 "the context's devices share the address space %s already; choose "
				 "it before the first port is opened",
				 ctx->ioas->name);
	ctx->ioas = ioas;
	return 0;
}

static void
describe(const struct baton_ioas *ioas, struct baton_ioas_info *info)
{
	const enum baton_ioas_backend backend = ioas->ops ? ioas->ops->backend : ioas->asked;

	*info = (struct baton_ioas_info){
		.name = ioas->name,
		.backend = backend,
		.backend_name = backend_names[backend],
		.why = ioas->why,
		.devices = ioas->n_devices,
		.mappings = ioas->n_mappings,
		.mapped_bytes = ioas->mapped_bytes,
		.map_calls = ioas->map_calls,
		.page_sizes = ioas->ops ? ioas->page_sizes : 0,
		.mappings_left = !ioas->ops ? 0
				 : ioas->mappings_limit == UINT64_MAX
					 ? UINT64_MAX
					 : ioas->mappings_limit - ioas->n_mappings,
		.accounting = ioas->ops ? ioas->accounting : BATON_IOAS_ACCOUNT_NONE,
		.ranges = ioas->space.n_windows,
		.unsafe_interrupts = ioas->unsafe_interrupts,
	};
}

void
baton_ioas_info_(const struct baton_ioas *ioas, struct baton_ioas_info *out, size_t size)
{
	struct baton_ioas_info info = { 0 };

	if (!out)
		return;
	if (handle_enter(ioas, HANDLE_IOAS, "ioas_info") == 0)
		describe(ioas, &info);
	struct_give(out, size, &info, sizeof(info));
}

unsigned
baton_ioas_ranges(const struct baton_ioas *ioas, struct baton_iova_range *out, unsigned n)
{
	if (handle_enter(ioas, HANDLE_IOAS, "ioas_ranges") < 0)
		return 0;
	for (unsigned i = 0; out && i < n && i < ioas->space.n_windows; i++)
		out[i] = ioas->space.windows[i];
	return ioas->space.n_windows;
}
