/* SPDX-License-Identifier: BSD-3-Clause */
/* The conformance suite in front of the example NIC (docs/example-nic.md). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exn_model.h"
#include "model.h"
#include "port/driver.h"

#ifndef CONFORM_LOADED /* else bench.c loads it */
extern const struct baton_driver example_driver;
const struct baton_driver *const baton_driver_table[] = { &example_driver, NULL };
const char *const baton_driver_names[] = { "net_example", NULL };
#endif

static void *
start(struct baton_ctx *ctx, char *spec, size_t room)
{
	/* An address space that is enforced, and chooses its own addresses. */
	snprintf(spec, room, "%s,ioas=vhost", PCI_MODEL_BDF);
	return exn_model_start(ctx);
}

static void
stop(void *dev)
{
	exn_model_stop(dev);
}

static bool
receive(void *dev, unsigned queue, const void *frame, uint32_t len)
{
	return exn_receive(dev, queue, frame, len, 0, NULL) > 0;
}

static bool
receive_good(void *dev, unsigned queue, const void *frame, uint32_t len)
{
	return exn_receive(dev, queue, frame, len, 8, NULL) > 0; /* L4_GOOD */
}

static bool
begin(void *dev, uint32_t len)
{
	return exn_scribble(dev, 0, 1 | (uint64_t)len << 16, len);
}

static bool
end(void *dev, uint32_t more)
{
	return exn_scribble(dev, 0, 3 | (uint64_t)more << 16, more);
}

static bool
damaged(void *dev)
{
	uint8_t frame[64] = { 0 };

	return exn_receive(dev, 0, frame, sizeof(frame), 4, NULL) > 0;
}

static int
send(void *dev, unsigned queue, void *frame)
{
	return exn_send(dev, queue, frame, true);
}

static unsigned
csums(const void *dev)
{
	return ((const struct exn_model *)dev)->csums;
}

static bool
lie(void *dev, enum model_lie which)
{
	switch (which) {
	case LIE_LONG:
		return exn_scribble(dev, 0, 3 | 5000ull << 16, 0);
	case LIE_ENDLESS:
		return exn_scribble(dev, 0, 1 | 100ull << 16, 0);
	case LIE_ONES:
		return exn_scribble(dev, 0, UINT64_MAX, 0);
	default:
		return false; /* it names no keys, and has no index */
	}
}

static void
keep(void *dev, bool on)
{
	struct exn_model *m = dev;

	m->pci.keeps_config = m->pci.no_reset = on;
}

static void
remove_it(void *dev)
{
	struct exn_model *m = dev;

	m->pci.dead = true;
	exn_status(m, 0);
}

static void
lose(void *dev)
{
	exn_status(dev, 3); /* LINK, FAILED */
}

static void
set_link(void *dev, bool up)
{
	exn_status(dev, up);
}

static unsigned
strays(const void *dev)
{
	return ((const struct exn_model *)dev)->pci.stray;
}

static uint64_t
mac_at(const struct exn_model *m, uint32_t off)
{
	return exn_reg(m, off) | (uint64_t)exn_reg(m, off + 4) << 32;
}

static uint64_t
mac_of(const uint8_t mac[6])
{
	uint64_t v = 0;

	for (unsigned i = 0; i < 6; i++)
		v |= (uint64_t)mac[i] << 8 * i;
	return v;
}

static bool
has_settings(const void *dev, const struct model_settings *s)
{
	const struct exn_model *m = dev;
	const uint32_t mode = exn_reg(m, 0x018);

	return (!(s->which & F_BIT(F_MAC)) || mac_at(m, 0x010) == mac_of(s->mac)) &&
	       (!(s->which & F_BIT(F_PROMISC)) || (mode & 1) == s->promisc) &&
	       (!(s->which & F_BIT(F_ALLMULTI)) || (mode >> 1 & 1) == s->allmulti) &&
	       (!(s->which & F_BIT(F_MACS)) ||
		mac_at(m, 0x080) == (mac_of(s->more) | 1ull << 63)) &&
	       (!(s->which & F_BIT(F_VLAN)) ||
		((mode & 4) && (exn_reg(m, 0x200 + s->vid / 32 * 4u) >> s->vid % 32 & 1)));
}

static const struct model example_model = {
	.name = "example",
	.list = "drivers/example/features.txt",
	.start = start,
	.stop = stop,
	.receive = receive,
	.receive_good = receive_good,
	.begin = begin,
	.end = end,
	.damaged = damaged,
	.send = send,
	.csums = csums,
	.lie = lie,
	.keep = keep,
	.remove = remove_it,
	.lose = lose,
	.link = set_link,
	.strays = strays,
	.has = has_settings,
};

const struct model *const rig_models[] = { &example_model, NULL };
