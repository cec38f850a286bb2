/* SPDX-License-Identifier: BSD-3-Clause */
/* The PHY and the link: speed, duplex mode and pauses, as they are asked for and negotiated. */
#include "intel/intel.h"

#define PAUSE_ROOM 9728u /* bytes above the high water: the longest frame */
#define PAUSE_LOW  1536u /* the low water below it */
#define PAUSE_TIME 0x0680u
#define PHY_SPEEDS (15u << PHY_10_HALF)

#define SPEEDS_FIXED                                                                               \
	(BATON_SPEED_10_HALF | BATON_SPEED_10_FULL | BATON_SPEED_100_HALF | BATON_SPEED_100_FULL)

/* The bits of the advertisement are in the order of the speeds: IEEE 802.3, 28.2.4.1.2. */
_Static_assert(SPEEDS_FIXED << PHY_10_HALF == PHY_SPEEDS, "one shift for all");

/* ---- what can be asked for ---- */

const struct baton_arg intel_args[] = {
	{ "flow-control", "none|rx|tx|full",
	  "which pauses to negotiate (what the NVM has set up)" },
	{ 0 },
};

/* Return: enum baton_pause; -ENOENT: it is not given; -EINVAL. */
static int
parse_pause(const struct port_arg *args, unsigned n)
{
	static const char *const words[] = { "none", "rx", "tx", "full" };
	const char *text = port_arg(args, n, "flow-control");

	if (!text)
		return -ENOENT;
	for (int i = 0; i < 4; i++)
		if (!strcmp(text, words[i]))
			return i;
	return baton_err(EINVAL, "flow-control=%s: none, rx, tx or full can be", text);
}

int
intel_check_args(const struct baton_driver *driver, const struct port_arg *args, unsigned n)
{
	const int ret = parse_pause(args, n);

	return ret == -EINVAL ? ret : nic_pci_check(driver, args, n);
}

int
intel_init_link(struct nic_dev *dev, const struct port_arg *args, unsigned n)
{
	const uint32_t rx_buffer = intel_kind(dev)->rx_buffer;
	struct port_link *wants = &dev->port.wants;
	const int mode = parse_pause(args, n);

	if (mode == -EINVAL)
		return mode;
	intel_of(dev)->has_mode = mode >= 0;
	wants->speeds = SPEEDS_FIXED | BATON_SPEED_1000_FULL;
	wants->fixed_speeds = SPEEDS_FIXED;
	wants->flow_max = rx_buffer - 48; /* of FCRTH */
	wants->flow_step = 16;
	wants->flow_default = (struct baton_flow_control){
		.mode = mode >= 0 ? (uint8_t)mode : BATON_PAUSE_NONE,
		.autoneg = 1,
		.send_xon = 1,
		.pause_time = PAUSE_TIME,
		.high_water = (rx_buffer - PAUSE_ROOM) & ~15u,
		.low_water = (rx_buffer - PAUSE_ROOM - PAUSE_LOW) & ~15u,
	};
	wants->flow = wants->flow_default;
	return 0;
}

/* ---- PHY ---- */

/* What of the PHY is set: struct phy has it in this order. */
static const uint8_t phy_regs[] = { PHY_MINE, PHY_GIGABIT, PHY_CONTROL };

struct phy {
	uint16_t mine, gigabit, control;
};

_Static_assert(sizeof(struct phy) == 2 * sizeof(phy_regs), "a member each");

static int
read_phy(const struct nic_dev *dev, struct phy *p)
{
	uint16_t id = 0;
	int ret = intel_mdic(dev, INTEL_MDIC_READ, PHY_ID1, &id);

	if (!ret && !MUST(phy_id, id && id != UINT16_MAX))
		ret = baton_err(EIO, "%s: the PHY does not answer: its first id reads %#x",
				dev->port.name, id);
	for (unsigned i = 0; !ret && i < 3; i++)
		ret = intel_mdic(dev, INTEL_MDIC_READ, phy_regs[i], &p->mine + i);
	return ret;
}

/*
 * What the PHY is to advertise, of PHY_PAUSES: IEEE 802.3, 28B.2. A port that only receives pauses
 * advertises as one that does both; intel_read_link() has it send none. The PHY may have it that
 * both directions go together, which is as good for both.
 */
static uint16_t
pauses_asked(const struct nic_dev *dev, uint16_t mine)
{
	static const uint16_t by[] = { [BATON_PAUSE_RX] = PHY_PAUSES,
				       [BATON_PAUSE_TX] = PHY_ASM,
				       [BATON_PAUSE_FULL] = PHY_PAUSES };
	const uint8_t mode = dev->port.wants.flow.mode;

	if (mode == BATON_PAUSE_FULL && (mine & PHY_PAUSE))
		return mine & PHY_PAUSES;
	return by[mode];
}

/* The first time, unless an argument says it: what the NVM has set up. */
static void
note_mode(struct nic_dev *dev, uint16_t mine)
{
	struct port_link *wants = &dev->port.wants;

	if (intel_of(dev)->has_mode)
		return;
	intel_of(dev)->has_mode = true;
	wants->flow_default.mode = mine & PHY_PAUSE ? BATON_PAUSE_FULL
				   : mine & PHY_ASM ? BATON_PAUSE_TX
						    : BATON_PAUSE_NONE;
	wants->flow.mode = wants->flow_default.mode;
}

static struct phy
phy_asked(const struct nic_dev *dev, const struct phy *is)
{
	const struct port_link *wants = &dev->port.wants;
	struct phy p = *is;

	p.control = (uint16_t)((p.control & ~(PHY_DOWN | PHY_ISOLATE)) | PHY_AUTONEG);
	p.mine = (uint16_t)((p.mine & ~PHY_PAUSES) | pauses_asked(dev, is->mine));
	if (!FEATURE(link_speed) || !wants->asked)
		return p;
	p.mine = (uint16_t)((p.mine & ~PHY_SPEEDS) | (wants->asked << PHY_10_HALF & PHY_SPEEDS));
	p.gigabit = (uint16_t)(p.gigabit & ~PHY_1000);
	if (wants->asked & BATON_SPEED_1000_FULL)
		p.gigabit |= PHY_1000_FULL;
	if (!wants->fixed)
		return p;
	p.control &= (uint16_t) ~(PHY_AUTONEG | PHY_SPEED_1000 | PHY_SPEED_100 | PHY_FULL);
	if (wants->asked & (BATON_SPEED_100_HALF | BATON_SPEED_100_FULL))
		p.control |= PHY_SPEED_100;
	if (wants->asked & (BATON_SPEED_10_FULL | BATON_SPEED_100_FULL))
		p.control |= PHY_FULL;
	return p;
}

/*
 * A link that is up stays so: the PHY is told only what it does not do already; but without a
 * link it negotiates anew, since it need not have begun. A speed that is not
 * negotiated takes effect when the PHY is switched off and on (PHY Control Register, bits 6 and
 * 13), which the other end sees, too.
 */
static int
set_phy(struct nic_dev *dev)
{
	struct phy is = { 0 }, p;
	uint16_t first;
	int ret = read_phy(dev, &is);

	if (ret < 0)
		return ret;
	note_mode(dev, is.mine);
	p = phy_asked(dev, &is);
	if (!memcmp(&p, &is, sizeof(p)) &&
	    (!(p.control & PHY_AUTONEG) || (nic_get32(dev, STATUS) & STATUS_LU)))
		return 0;
	first = (uint16_t)(p.control | PHY_DOWN);
	if (p.control & PHY_AUTONEG)
		p.control |= PHY_RESTART;
	else
		ret = intel_mdic(dev, INTEL_MDIC_WRITE, PHY_CONTROL, &first);
	for (unsigned i = 0; !ret && i < 3; i++)
		ret = intel_mdic(dev, INTEL_MDIC_WRITE, phy_regs[i], &p.mine + i);
	return ret;
}

int
intel_start_phy(struct nic_dev *dev)
{
	const struct intel_kind *kind = intel_kind(dev);
	int ret = kind->own_phy(dev, true), left;

	intel_of(dev)->settled = false;
	if (ret < 0)
		return ret;
	ret = set_phy(dev);
	left = kind->own_phy(dev, false);
	return ret < 0 ? ret : left;
}

/* ---- pauses ---- */

/* When to ask the other end for a pause, and how: 10.2.2.9 to 10.2.2.12, 10.2.5.3. */
static void
put_pauses(const struct nic_dev *dev)
{
	const struct baton_flow_control *flow = &dev->port.wants.flow;

	nic_put64(dev, FCAL, PAUSE_ADDRESS);
	nic_put32(dev, FCT, PAUSE_TYPE);
	nic_put32(dev, FCTTV, flow->pause_time);
	nic_put32(dev, FCRTL, flow->low_water | (flow->send_xon ? FCRTL_XONE : 0));
	nic_put32(dev, FCRTH, flow->high_water);
}

int
intel_set_link(struct nic_dev *dev)
{
	const int ret = intel_start_phy(dev);

	if (ret < 0)
		return ret;
	put_pauses(dev);
	intel_write_rctl(dev);
	intel_read_link(dev);
	return 0;
}

/* What both ends can: IEEE 802.3, table 28B-3. */
static uint32_t
resolve(uint16_t mine, uint16_t theirs)
{
	const uint16_t both = mine & theirs;

	if (both & PHY_PAUSE)
		return CTRL_PAUSES;
	if (!(both & PHY_ASM))
		return 0;
	return mine & PHY_PAUSE ? CTRL_RFCE : theirs & PHY_PAUSE ? CTRL_TFCE : 0;
}

static int
read_pauses(struct nic_dev *dev, uint32_t *pauses)
{
	const struct intel_kind *kind = intel_kind(dev);
	uint16_t mine = 0, theirs = 0;
	int ret = kind->own_phy(dev, true), left;

	if (ret < 0)
		return ret;
	if ((ret = intel_mdic(dev, INTEL_MDIC_READ, PHY_MINE, &mine)) == 0)
		ret = intel_mdic(dev, INTEL_MDIC_READ, PHY_THEIRS, &theirs);
	left = kind->own_phy(dev, false);
	*pauses = resolve(mine, theirs);
	return ret < 0 ? ret : left;
}

/* The link has come up: which end may ask for pauses. There are none with half duplex: 10.2.2.1. */
static void
settle(struct nic_dev *dev, bool full_duplex)
{
	struct intel_dev *it = intel_of(dev);
	struct port_link *wants = &dev->port.wants;
	const uint32_t asked = FEATURE(flow_control) ? wants->flow.mode * CTRL_RFCE : 0;
	uint32_t pauses = 0;

	if (full_duplex && !wants->flow.autoneg)
		pauses = asked;
	else if (full_duplex && !(wants->asked && wants->fixed) && read_pauses(dev, &pauses) < 0)
		port_log(&dev->port, BATON_LOG_WARN, "no flow control: %s", baton_last_error());
	it->settled = true;
	it->pauses = pauses & asked;
	wants->flow.active = (uint8_t)(it->pauses / CTRL_RFCE);
	nic_put32(dev, CTRL, (nic_get32(dev, CTRL) & ~CTRL_PAUSES) | it->pauses);
}

void
intel_read_link(struct nic_dev *dev)
{
	static const uint16_t speeds[] = { 10, 100, 1000, 1000 };
	const uint32_t status = nic_get32(dev, STATUS);

	if (FEATURE(removal) && status == UINT32_MAX)
		return;
	if (!(status & STATUS_LU)) {
		intel_of(dev)->settled = false;
		dev->port.wants.flow.active = BATON_PAUSE_NONE;
	} else if (!intel_of(dev)->settled) {
		settle(dev, status & STATUS_FD);
	}
	dev->link = !!(status & STATUS_LU);
	__atomic_store_n(&dev->port.link.full_duplex, status & STATUS_FD, __ATOMIC_RELAXED);
	__atomic_store_n(&dev->port.link.speed_mbps, speeds[status >> STATUS_SPEED & 3],
			 __ATOMIC_RELAXED);
}
