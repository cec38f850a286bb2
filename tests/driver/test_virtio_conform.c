/* SPDX-License-Identifier: BSD-3-Clause */
/* The conformance suite in front of virtio-net over vhost-user: split rings, the fakedev as the
 * device. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "virtio_rig.h"

struct fake {
	struct virtio_rig rig;
	char dir[64], path[96];
};

#ifdef VIRTIO_SCALAR
extern int virtq_rx_burst_avx2(struct baton_queue *q, struct baton_token *tokens, unsigned n)
	__attribute__((weak));
#endif

static void *
start_with(char *spec, size_t room, uint64_t features, const char *args)
{
	struct fake *f = calloc(1, sizeof(*f));
	struct fakedev_config c = { .features = features,
				    .protocol = FAKEDEV_PROTOCOL,
				    .max_queues = 2,
				    .mtu = 9000,
				    .mac = { 2 },
				    .rss = VIRTIO_RIG_RSS };

	assert_non_null(f);
#ifdef VIRTIO_SCALAR
	assert_null(virtq_rx_burst_avx2); /* the vector loops are not there */
#endif
	snprintf(f->dir, sizeof(f->dir), "/tmp/conform.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof(f->path), "%s/s", f->dir);
	c.path = f->path;
	if (features & FAKEDEV_F_HASH)
		c.protocol |= FAKEDEV_P_CONFIG;
	f->rig.l = fakedev_start(&c);
	assert_non_null(f->rig.l);
	snprintf(spec, room, "net_virtio_user0,path=%s%s", f->path, args);
	return f;
}

static void *
start(struct baton_ctx *ctx, char *spec, size_t room)
{
	return start_with(spec, room,
			  FAKEDEV_FEATURES | FAKEDEV_F_CTRL | FAKEDEV_F_MQ | FAKEDEV_F_EVENT_IDX |
				  VIRTIO_RIG_FEATURES,
			  "");
}

/* A backend that offers as little as it can, and is gone for good when it goes away. */
static void *
start_bare(struct baton_ctx *ctx, char *spec, size_t room)
{
	return start_with(spec, room, FAKEDEV_F_VERSION_1 | FAKEDEV_F_PROTOCOL, ",reconnect=0");
}

static void
stop(void *dev)
{
	struct fake *f = dev;

	assert_string_equal(fakedev_driver_error(f->rig.l), "");
	fakedev_stop(f->rig.l);
	rmdir(f->dir);
	free(f);
}

static void
keep(void *dev, bool on)
{
	struct fake *f = dev;

	fakedev_lie(f->rig.l, WIRE_GET_VRING_BASE, on ? FAKEDEV_SILENT : FAKEDEV_HONEST, 0);
	fakedev_leave_memory(f->rig.l, on);
	if (!on)
		fakedev_drop_left(f->rig.l);
}

static void
hang_up(void *dev)
{
	fakedev_hang_up(((struct fake *)dev)->rig.l);
}

static unsigned
strays(const void *dev)
{
	return fakedev_driver_error(((const struct fake *)dev)->rig.l)[0] != 0;
}

static const struct model full = {
	.name = "virtio",
	.list = "drivers/virtio/features_user.txt",
	.lacks = F_BIT(F_REMOVED),
	.start = start,
	.stop = stop,
	VIRTIO_RIG_FULL,
	.keep = keep,
	.impatient = ",timeout=300",
	.lose = hang_up,
	.strays = strays,
};

static const struct model bare = {
	.name = "virtio, bare",
	.list = "drivers/virtio/features_user.txt",
	.lacks = F_BIT(F_RX_BUFFERS) | F_BIT(F_RX_CSUM) | F_BIT(F_TX_CSUM) | F_BIT(F_TX_SEGMENTS) |
		 F_BIT(F_RX_SEGMENTS) | F_BIT(F_RX_HASH) | F_BIT(F_MAC) | F_BIT(F_PROMISC) |
		 F_BIT(F_ALLMULTI) | F_BIT(F_MACS) | F_BIT(F_VLAN) | F_BIT(F_LOST) |
		 F_BIT(F_QUEUES),
	.brief = true,
	.start = start_bare,
	.stop = stop,
	VIRTIO_RIG_DATA,
	.keep = keep,
	.impatient = ",timeout=300",
	.remove = hang_up,
	.strays = strays,
};

const struct model *const rig_models[] = { &full, &bare, NULL };
