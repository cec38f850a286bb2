/* SPDX-License-Identifier: BSD-3-Clause */
/* The conformance suite in front of the example NIC (docs/example-nic.md). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exn_model.h"
#include "model.h"
#include "port/driver.h"

extern const struct baton_driver example_driver;
const struct baton_driver *const baton_driver_table[] = { &example_driver, NULL };
const char *const baton_driver_names[] = { "net_example", NULL };

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
receive(void *dev, const void *frame, uint32_t len)
{
	return exn_receive(dev, 0, frame, len, 0, NULL) > 0;
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
send(void *dev, void *frame)
{
	return exn_send(dev, 0, frame, true);
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

	m->pci.keeps_on = m->pci.no_reset = on;
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
has(const void *dev, const uint8_t mac[6], unsigned modes, const uint8_t more[6], uint16_t vid)
{
	const struct exn_model *m = dev;

	return mac_at(m, 0x010) == mac_of(mac) && (exn_reg(m, 0x018) & 3) == modes &&
	       mac_at(m, 0x080) == (mac_of(more) | 1ull << 63) &&
	       (exn_reg(m, 0x200 + vid / 32 * 4) >> vid % 32 & 1);
}

const struct model example_model = {
	.name = "example",
	.start = start,
	.stop = stop,
	.receive = receive,
	.begin = begin,
	.end = end,
	.damaged = damaged,
	.send = send,
	.lie = lie,
	.keep = keep,
	.remove = remove_it,
	.lose = lose,
	.strays = strays,
	.has = has,
};

const struct model *const rig_models[] = { &example_model, NULL };
