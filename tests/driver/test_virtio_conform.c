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

#include "fakedev.h"
#include "model.h"

struct fake {
	struct fakedev *l;
	char dir[64], path[96];
	unsigned commands; /* those that has() has seen */
	unsigned csums;
};

static void *
start_with(char *spec, size_t room, uint64_t features, const char *args)
{
	struct fake *f = calloc(1, sizeof(*f));
	struct fakedev_config c = { .features = features, .max_queues = 2 };

	assert_non_null(f);
	snprintf(f->dir, sizeof(f->dir), "/tmp/conform.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof(f->path), "%s/s", f->dir);
	c.path = f->path;
	f->l = fakedev_start(&c);
	assert_non_null(f->l);
	snprintf(spec, room, "net_virtio_user0,path=%s%s", f->path, args);
	return f;
}

static void *
start(struct baton_ctx *ctx, char *spec, size_t room)
{
	return start_with(spec, room,
			  FAKEDEV_FEATURES | FAKEDEV_F_CTRL | FAKEDEV_F_MQ | FAKEDEV_F_CSUM |
				  FAKEDEV_F_GUEST_CSUM,
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

	assert_string_equal(fakedev_driver_error(f->l), "");
	fakedev_stop(f->l);
	rmdir(f->dir);
	free(f);
}

static bool
receive(void *dev, unsigned queue, const void *frame, uint32_t len)
{
	return fakedev_rx_inject(((struct fake *)dev)->l, FAKEDEV_RXQ(queue), frame, len) > 0;
}

static bool
receive_good(void *dev, unsigned queue, const void *frame, uint32_t len)
{
	const struct wire_net_header header = { .flags = 2 /* DATA_VALID */, .num_buffers = 1 };
	struct fakedev *l = ((struct fake *)dev)->l;
	const int head = fakedev_rx_write(l, FAKEDEV_RXQ(queue), frame, len, 1);

	if (head < 0)
		return false;
	fakedev_write(l, FAKEDEV_RXQ(queue), (unsigned)head, 0, &header, sizeof(header));
	fakedev_complete(l, FAKEDEV_RXQ(queue), (uint32_t)head, len + FAKEDEV_HEADER);
	return true;
}

/* What a device does with NEEDS_CSUM: 5.1.6.2. */
static void
fill_csum(uint8_t *frame, size_t len, unsigned from, unsigned offset)
{
	uint32_t sum = 0;

	for (size_t i = from; i < len; i++)
		sum += (i - from) & 1 ? frame[i] : (uint32_t)frame[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	frame[from + offset] = (uint8_t)(~sum >> 8);
	frame[from + offset + 1] = (uint8_t)~sum;
}

static int
send(void *dev, unsigned queue, void *frame)
{
	struct fake *f = dev;
	struct wire_net_header header;
	size_t len = MODEL_FRAME_MAX;
	int head = fakedev_tx_collect(f->l, FAKEDEV_TXQ(queue), &header, frame, &len);

	if (head < 0)
		return 0;
	if ((header.flags & 1) && header.csum_start + header.csum_offset + 2u <= len) {
		fill_csum(frame, len, header.csum_start, header.csum_offset);
		f->csums++;
	}
	fakedev_complete(f->l, FAKEDEV_TXQ(queue), (uint32_t)head, 0);
	return (int)len;
}

static unsigned
csums(const void *dev)
{
	return ((const struct fake *)dev)->csums;
}

static bool
lie(void *dev, enum model_lie which)
{
	struct fakedev *l = ((struct fake *)dev)->l;
	uint8_t frame[64] = { 0 };
	int head =
		which == LIE_AHEAD ? 0 : fakedev_rx_write(l, FAKEDEV_RX, frame, sizeof(frame), 1);

	if (head < 0)
		return false;
	switch (which) {
	case LIE_LONG:
		fakedev_complete(l, FAKEDEV_RX, (uint32_t)head, 60000);
		return true;
	case LIE_KEY:
		fakedev_complete(l, FAKEDEV_RX, 40000, 76);
		return true;
	case LIE_TWICE:
		fakedev_complete(l, FAKEDEV_RX, (uint32_t)head, 76);
		fakedev_complete(l, FAKEDEV_RX, (uint32_t)head, 76);
		return true;
	case LIE_AHEAD:
		fakedev_publish(l, FAKEDEV_RX, 1000);
		return true;
	case LIE_ONES:
		fakedev_complete(l, FAKEDEV_RX, UINT32_MAX, UINT32_MAX);
		return true;
	default:
		return false; /* a header says how many buffers a packet has */
	}
}

static bool
lie_tx(void *dev, enum model_lie which)
{
	struct fakedev *l = ((struct fake *)dev)->l;
	struct wire_net_header header;
	uint8_t frame[MODEL_FRAME_MAX];
	size_t len = sizeof(frame);
	int head;

	switch (which) {
	case LIE_KEY:
		fakedev_complete(l, FAKEDEV_TX, 40000, 0);
		return true;
	case LIE_TWICE:
		head = fakedev_tx_collect(l, FAKEDEV_TX, &header, frame, &len);
		assert_true(head >= 0);
		fakedev_complete(l, FAKEDEV_TX, (uint32_t)head, 0);
		fakedev_complete(l, FAKEDEV_TX, (uint32_t)head, 0);
		return true;
	case LIE_AHEAD:
		fakedev_publish(l, FAKEDEV_TX, 1000);
		return true;
	case LIE_ONES:
		fakedev_complete(l, FAKEDEV_TX, UINT32_MAX, UINT32_MAX);
		return true;
	default:
		return false;
	}
}

static void
keep(void *dev, bool on)
{
	struct fake *f = dev;

	fakedev_lie(f->l, WIRE_GET_VRING_BASE, on ? FAKEDEV_SILENT : FAKEDEV_HONEST, 0);
	fakedev_leave_memory(f->l, on);
	if (!on)
		fakedev_drop_left(f->l);
}

static void
hang_up(void *dev)
{
	fakedev_hang_up(((struct fake *)dev)->l);
}

static unsigned
strays(const void *dev)
{
	return fakedev_driver_error(((const struct fake *)dev)->l)[0] != 0;
}

/* Was the command sent, since the last time that all were? */
static bool
was_sent(const struct fake *f, uint8_t class, uint8_t command, const void *data, size_t len)
{
	struct fakedev_command c;

	for (unsigned ago = 0; ago < fakedev_commands(f->l) - f->commands; ago++)
		if (fakedev_command(f->l, ago, &c) && c.class == class && c.command == command)
			return c.len >= len && !memcmp(c.data, data, len); /* the last such */
	return false;
}

static bool
has(const void *dev, const struct model_settings *s)
{
	struct fake *f = (struct fake *)(uintptr_t)dev;
	const uint8_t promisc = s->promisc, allmulti = s->allmulti;
	const uint8_t vlan[2] = { (uint8_t)s->vid, (uint8_t)(s->vid >> 8) };
	uint8_t table[10] = { 1 };

	memcpy(table + 4, s->more, 6);
	if (((s->which & F_BIT(F_PROMISC)) && !was_sent(f, 0, 0, &promisc, 1)) ||
	    ((s->which & F_BIT(F_ALLMULTI)) && !was_sent(f, 0, 1, &allmulti, 1)) ||
	    ((s->which & F_BIT(F_MAC)) && !was_sent(f, 1, 1, s->mac, 6)) ||
	    ((s->which & F_BIT(F_MACS)) && !was_sent(f, 1, 0, table, sizeof(table))) ||
	    ((s->which & F_BIT(F_VLAN)) && !was_sent(f, 2, 0, vlan, 2)))
		return false;
	f->commands = fakedev_commands(f->l);
	return true;
}

static const struct model full = {
	.name = "virtio",
	.list = "drivers/virtio/features_user.txt",
	.lacks = F_BIT(F_REMOVED),
	.start = start,
	.stop = stop,
	.receive = receive,
	.receive_good = receive_good,
	.send = send,
	.csums = csums,
	.lie = lie,
	.lie_tx = lie_tx,
	.keep = keep,
	.impatient = ",timeout=300",
	.lose = hang_up,
	.strays = strays,
	.has = has,
};

static const struct model bare = {
	.name = "virtio, bare",
	.list = "drivers/virtio/features_user.txt",
	.lacks = F_BIT(F_RX_BUFFERS) | F_BIT(F_RX_CSUM) | F_BIT(F_TX_CSUM) | F_BIT(F_MAC) |
		 F_BIT(F_PROMISC) | F_BIT(F_ALLMULTI) | F_BIT(F_MACS) | F_BIT(F_VLAN) |
		 F_BIT(F_LOST) | F_BIT(F_QUEUES),
	.start = start_bare,
	.stop = stop,
	.receive = receive,
	.send = send,
	.lie = lie,
	.lie_tx = lie_tx,
	.keep = keep,
	.impatient = ",timeout=300",
	.remove = hang_up,
	.strays = strays,
};

const struct model *const rig_models[] = { &full, &bare, NULL };
