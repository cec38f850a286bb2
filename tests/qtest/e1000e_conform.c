/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The conformance suite in front of QEMU's 82574L or 82576: its registers, rings, PHY, NVM and
 * interrupts are QEMU's. The rig holds back the tails of TX rings until the suite wants a packet,
 * lets every address and VLAN pass, since the suite's frames have any, and writes into the RX ring
 * what QEMU would not: frames shorter than those of a wire, damaged ones, and lies.
 */
#include "e1000e_rig.h"

#include <stdio.h>
#include <stdlib.h>

#include "../driver/model.h"

static bool
receive(void *dev, unsigned queue, const void *frame, uint32_t len)
{
	return e1000e_rig_receive(dev, queue, frame, len);
}

static int
send(void *dev, unsigned queue, void *frame)
{
	return e1000e_rig_send(dev, queue, frame, MODEL_FRAME_MAX);
}

static unsigned
csums(const void *dev)
{
	return ((const struct e1000e_rig *)dev)->csums;
}

static unsigned
cuts(const void *dev)
{
	return ((const struct e1000e_rig *)dev)->cuts;
}

static unsigned
hashes(const void *dev)
{
	return ((const struct e1000e_rig *)dev)->hashes;
}

/* ---- what QEMU does not do ---- */

static bool
begin(void *dev, uint32_t len)
{
	return e1000e_rig_write(dev, RIG_DD, NULL, len, len);
}

static bool
end(void *dev, uint32_t more)
{
	return e1000e_rig_write(dev, RIG_DD | RIG_EOP, NULL, more, more);
}

static bool
damaged(void *dev)
{
	return e1000e_rig_write(dev, RIG_DD | RIG_EOP | rig_error, NULL, 64, 64);
}

static bool
lie(void *dev, enum model_lie which)
{
	switch (which) {
	case LIE_LONG:
		return e1000e_rig_write(dev, RIG_DD | RIG_EOP, NULL, 0, 5000);
	case LIE_ENDLESS:
		return e1000e_rig_write(dev, RIG_DD, NULL, 0, 100);
	case LIE_ONES:
		return e1000e_rig_write(dev, UINT32_MAX, NULL, 0, UINT16_MAX);
	default:
		return false; /* it names no keys, and has no index */
	}
}

/* Accesses to memory stay under way, as it says, and nothing else is confirmed. */
static void
keep(void *dev, bool on)
{
	struct e1000e_rig *r = dev;

	r->keeps = r->q->pci.keeps_config = r->q->pci.no_reset = on;
}

static void
remove_it(void *dev)
{
	struct e1000e_rig *r = dev;

	r->q->pci.dead = true;
	pci_model_signal(r->q->pci.irq[0]);
}

static void
set_link(void *dev, bool up)
{
	struct e1000e_rig *r = dev;

	e1000e_rig_link(r, up);
	qtest_interrupts(r->q);
}

static unsigned
strays(const void *dev)
{
	return (unsigned)qtest_strays(((const struct e1000e_rig *)dev)->q);
}

/* ---- settings, by registers ---- */

static uint64_t
mac_of(const uint8_t mac[6])
{
	uint64_t v = 0;

	for (unsigned i = 0; i < 6; i++)
		v |= (uint64_t)mac[i] << 8 * i;
	return v;
}

/* Whether one of the entries of the table is valid, and this address. */
static bool
has_address(const struct e1000e_rig *r, unsigned from, unsigned to, const uint8_t mac[6])
{
	for (unsigned i = from; i < to; i++)
		if ((e1000e_rig_get(r, RIG_RAL + 8 * i) |
		     (uint64_t)e1000e_rig_get(r, RIG_RAL + 8 * i + 4) << 32) ==
		    (mac_of(mac) | 1ull << 63))
			return true;
	return false;
}

/* Promiscuous mode has both bits. */
static bool
is_allmulti(const struct e1000e_rig *r)
{
	return (r->rctl & (RIG_RCTL_UPE | RIG_RCTL_MPE)) == RIG_RCTL_MPE;
}

/* PHY registers 0, 4 and 9: IEEE 802.3, 22.2.4.1, 28.2.4.1.3 and 40.5.1.1. */
static bool
has_speeds(const struct e1000e_rig *r, uint32_t speeds, bool fixed)
{
	const uint32_t control = e1000e_rig_phy(r, 0) & 0x3940;

	if (fixed)
		return control == (speeds == BATON_SPEED_10_HALF    ? 0u
				   : speeds == BATON_SPEED_10_FULL  ? 0x0100u
				   : speeds == BATON_SPEED_100_HALF ? 0x2000u
								    : 0x2100u);
	return (control & 0x1800) == 0x1000 && (e1000e_rig_phy(r, 4) >> 5 & 15) == (speeds & 15) &&
	       (e1000e_rig_phy(r, 9) >> 8 & 3) == (speeds & BATON_SPEED_1000_FULL ? 2 : 0);
}

/* What is forced is so; what is negotiated is with QEMU's other end, which has symmetric pauses:
 * table 28B-3. */
static bool
has_flow_control(const struct e1000e_rig *r, const struct baton_flow_control *f)
{
	static const unsigned advertised[] = { 0, 3, 2, 3 }, negotiated[] = { 0, 1, 0, 3 };

	return e1000e_rig_get(r, RIG_FCTTV) == f->pause_time &&
	       e1000e_rig_get(r, RIG_FCRTH) == f->high_water &&
	       e1000e_rig_get(r, RIG_FCRTL) == (f->low_water | (uint32_t)f->send_xon << 31) &&
	       (r->rctl >> 23 & 1) == f->forward_mac &&
	       (e1000e_rig_phy(r, 4) >> 10 & 3) == advertised[f->mode] &&
	       (e1000e_rig_get(r, RIG_CTRL) >> 27 & 3) ==
		       (f->autoneg ? negotiated[f->mode] : f->mode);
}

static bool
has_settings(const void *dev, const struct model_settings *s)
{
	const struct e1000e_rig *r = dev;

	return (!(s->which & F_BIT(F_MAC)) || has_address(r, 0, 1, s->mac)) &&
	       (!(s->which & F_BIT(F_MACS)) || has_address(r, 1, 16, s->more)) &&
	       (!(s->which & F_BIT(F_PROMISC)) || !!(r->rctl & RIG_RCTL_UPE) == s->promisc) &&
	       (!(s->which & F_BIT(F_ALLMULTI)) || is_allmulti(r) == s->allmulti) &&
	       (!(s->which & F_BIT(F_SPEEDS)) || has_speeds(r, s->speeds, s->fixed)) &&
	       (!(s->which & F_BIT(F_FLOW)) || has_flow_control(r, &s->flow)) &&
	       (!(s->which & F_BIT(F_VLAN)) ||
		((r->rctl & RIG_RCTL_VFE) &&
		 (e1000e_rig_get(r, RIG_VFTA + s->vid / 32 * 4u) >> s->vid % 32 & 1)));
}

static void *
start(struct baton_ctx *ctx, char *spec, size_t room)
{
	snprintf(spec, room, "%s", QTEST_BDF);
	return e1000e_rig_start(ctx, true);
}

static void
stop(void *dev)
{
	e1000e_rig_stop(dev);
}

static const struct model model = {
	.name = rig_name,
	.list = rig_list,
	.shortest = 60,
	.start = start,
	.stop = stop,
	.receive = receive,
	.receive_good = receive,
	.begin = begin,
	.end = end,
	.damaged = damaged,
	.send = send,
	.csums = csums,
	.cuts = cuts,
	.forgets = 0x09, /* FIN, PSH: hw/net/net_tx_pkt.c */
	.hashes = hashes,
	.lie = lie,
	.keep = keep,
	.remove = remove_it,
	.link = set_link,
	.strays = strays,
	.has = has_settings,
};

int
main(void)
{
	static const struct model *const models[] = { &model, NULL };
	const char *why = getenv("CONFORM_LISTS") ? NULL : qtest_missing();

	if (!why)
		return conform(models);
	printf("skipped: %s\n", why);
	return 77;
}
