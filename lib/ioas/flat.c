/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The flat backend: no kernel, IOVA = address - flat_base. For tests, and for device models in this
 * process.
 */
#include "base/err.h"
#include "ioas/find.h"
#include "ioas/space.h"

static int
flat_open(struct baton_ioas *ioas)
{
	return 0;
}

static void
flat_close(struct baton_ioas *ioas)
{
}

static int
flat_attach(struct baton_ioas *ioas, const struct ioas_found *found, struct ioas_device *dev)
{
	return baton_err(ENOTSUP,
			 "%s: the flat address space %s reaches no hardware; ask for the backend "
			 "auto",
			 found->bdf, ioas->name);
}

int
ioas_no_limits(struct baton_ioas *ioas, struct ioas_limits *out)
{
	*out = (struct ioas_limits){ .page_sizes = ioas->page,
				     .mappings_left = UINT64_MAX,
				     .n_ranges = 1 };
	out->ranges = ioas->os->alloc(ioas->os, sizeof(*out->ranges));
	if (!out->ranges)
		return baton_err(ENOMEM,
				 "%s: no memory for an address range; stop other programs to free "
				 "some",
				 ioas->name);
	out->ranges[0] = (struct baton_iova_range){ 0, UINT64_MAX };
	return 0;
}

static int
flat_place(struct baton_ioas *ioas, struct baton_mapping *m)
{
	uintptr_t va = (uintptr_t)m->info.va, base = (uintptr_t)ioas->flat_base;

	if (va < base)
		return baton_err(EFAULT,
				 "%s: it lies below flat_base of %s; give the lowest address that "
				 "is mapped as flat_base",
				 m->name, ioas->name);
	m->info.iova = va - base;
	return 0;
}

const struct ioas_ops ioas_flat = {
	.name = "flat",
	.backend = BATON_IOAS_FLAT,
	.software = true,
	.open = flat_open,
	.close = flat_close,
	.attach = flat_attach,
	.limits = ioas_no_limits,
	.place = flat_place,
};
