/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The vhost backend: memory for one vhost-user backend. What is mapped here is in the backend's
 * memory table, at addresses that Baton chooses. The transport (drivers/virtio/vhost) sends
 * the table; here its content is decided.
 */
#include "base/err.h"
#include "base/export.h"
#include "ioas/find.h"
#include "ioas/space.h"

/* the number that every backend accepts: "Memory regions description" of the protocol */
#define REGIONS 8u
#define TOP     ((1ull << 46) - 1)

static int
vhost_open(struct baton_ioas *ioas)
{
	return 0;
}

static void
vhost_close(struct baton_ioas *ioas)
{
}

static int
vhost_attach(struct baton_ioas *ioas, const struct ioas_found *found, struct ioas_device *dev)
{
	return baton_err(ENOTSUP,
			 "%s: the address space %s is the memory of a vhost-user backend and "
			 "reaches no hardware; ask for the backend auto",
			 found->bdf, ioas->name);
}

static int
vhost_limits(struct baton_ioas *ioas, struct ioas_limits *out)
{
	int ret = ioas_no_limits(ioas, out);

	if (ret)
		return ret;
	out->ranges[0].last = TOP;
	out->mappings_left = REGIONS - ioas->n_mappings;
	return 0;
}

static int
vhost_unmap(struct baton_ioas *ioas, const struct baton_mapping *m)
{
	struct ioas_entry e;

	if (!ioas->on_unmap)
		return 0;
	ioas_describe(m, &e);
	ioas->on_unmap(ioas->unmap_arg, &e);
	return 0;
}

void
ioas_on_unmap(struct baton_ioas *ioas, void (*fn)(void *arg, const struct ioas_entry *e), void *arg)
{
	ioas->on_unmap = fn;
	ioas->unmap_arg = arg;
}

const struct ioas_ops ioas_vhost = {
	.name = "vhost",
	.backend = BATON_IOAS_VHOST,
	.software = true,
	.needs_fd = true,
	.more = "; a vhost-user backend's memory table has no room for more",
	.open = vhost_open,
	.close = vhost_close,
	.attach = vhost_attach,
	.limits = vhost_limits,
	.unmap = vhost_unmap,
};

DRIVER_EXPORT(ioas_on_unmap);
