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
	int begun;         /* head of a packet that is not complete */
};

static void *
start(struct baton_ctx *ctx, char *spec, size_t room)
{
	struct fake *f = calloc(1, sizeof(*f));
	struct fakedev_config c = { .features = FAKEDEV_FEATURES | FAKEDEV_F_CTRL };

	assert_non_null(f);
	snprintf(f->dir, sizeof(f->dir), "/tmp/conform.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof(f->path), "%s/s", f->dir);
	c.path = f->path;
	f->l = fakedev_start(&c);
	assert_non_null(f->l);
	snprintf(spec, room, "net_virtio_user0,path=%s,timeout=500", f->path);
	return f;
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
receive(void *dev, const void *frame, uint32_t len)
{
	return fakedev_rx_inject(((struct fake *)dev)->l, FAKEDEV_RX, frame, len) > 0;
}

static int
send(void *dev, void *frame)
{
	struct fake *f = dev;
	struct wire_net_header header;
	size_t len = MODEL_FRAME_MAX;
	int head = fakedev_tx_collect(f->l, FAKEDEV_TX, &header, frame, &len);

	if (head < 0)
		return 0;
	fakedev_complete(f->l, FAKEDEV_TX, (uint32_t)head, 0);
	return (int)len;
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
lose(void *dev)
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
		if (fakedev_command(f->l, ago, &c) && c.class == class && c.command == command &&
		    c.len >= len && !memcmp(c.data, data, len))
			return true;
	return false;
}

static bool
has(const void *dev, const uint8_t mac[6], unsigned modes, const uint8_t more[6], uint16_t vid)
{
	struct fake *f = (struct fake *)(uintptr_t)dev;
	const uint8_t on = modes & 1, vlan[2] = { (uint8_t)vid, (uint8_t)(vid >> 8) };
	uint8_t table[10] = { 1 };

	memcpy(table + 4, more, 6);
	if (!was_sent(f, 0, 0, &on, 1) || !was_sent(f, 1, 1, mac, 6) ||
	    !was_sent(f, 1, 0, table, sizeof(table)) || !was_sent(f, 2, 0, vlan, 2))
		return false;
	f->commands = fakedev_commands(f->l);
	return true;
}

const struct model virtio_model = {
	.name = "virtio",
	.start = start,
	.stop = stop,
	.receive = receive,
	.send = send,
	.lie = lie,
	.keep = keep,
	.lose = lose,
	.strays = strays,
	.has = has,
};

const struct model *const rig_models[] = { &virtio_model, NULL };
