/* SPDX-License-Identifier: BSD-3-Clause */
/* A PHY behind MDIO: speed, duplex mode and pauses, as they are asked for and negotiated. */
#include "nic/phy.h"
#include "base/export.h"
#include "base/validate.h"
#include "nic/pci.h"

enum { CONTROL = 0, ID1 = 2, MINE = 4, THEIRS = 5, GIGABIT = 9 }; /* 22.2.4, 28.2.4.1, 40.5.1.1 */

#define CONTROL_SPEED_1000 (1u << 6)
#define CONTROL_FULL       (1u << 8)
#define CONTROL_RESTART    (1u << 9)
#define CONTROL_ISOLATE    (1u << 10)
#define CONTROL_DOWN       (1u << 11)
#define CONTROL_AUTONEG    (1u << 12)
#define CONTROL_SPEED_100  (1u << 13)
#define MINE_10_HALF       5 /* shift: then 10 full, 100 half, 100 full */
#define MINE_SPEEDS        (15u << MINE_10_HALF)
#define MINE_PAUSE         (1u << 10)
#define MINE_ASM           (1u << 11) /* in one direction */
#define MINE_PAUSES        (MINE_PAUSE | MINE_ASM)
#define GIGABIT_FULL       (1u << 9)
#define GIGABIT_ANY        (3u << 8) /* half duplex, too */

/* The bits of the advertisement are in the order of the speeds: 28.2.4.1.2. */
_Static_assert(NIC_PHY_FIXED << MINE_10_HALF == MINE_SPEEDS, "one shift for all");

#define PAUSE_ROOM 9728u /* bytes above the high water: the longest frame */
#define PAUSE_LOW  1536u /* the low water below it */
#define PAUSE_TIME 0x0680u
_Static_assert(PAUSE_ROOM + PAUSE_LOW < NIC_PHY_BUFFER_MIN, "the low water is above 0");

/* ---- what can be asked for ---- */

const struct baton_arg nic_phy_args[] = {
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
nic_phy_check(const struct baton_driver *driver, const struct port_arg *args, unsigned n)
{
	const int ret = parse_pause(args, n);

	return ret == -EINVAL ? ret : nic_pci_check(driver, args, n);
}

int
nic_phy_open(struct nic_dev *dev, struct nic_phy *phy, const struct port_arg *args, unsigned n)
{
	const struct nic_phy_ops *ops = dev->ops->phy;
	const uint32_t high = ops->rx_buffer - PAUSE_ROOM, low = high - PAUSE_LOW;
	struct port_link *wants = &dev->port.wants;
	const int mode = parse_pause(args, n);

	if (mode == -EINVAL)
		return mode;
	dev->phy = phy;
	phy->has_mode = mode >= 0;
	wants->speeds = ops->speeds;
	wants->fixed_speeds = ops->speeds & NIC_PHY_FIXED;
	wants->flow_max = ops->flow_max;
	wants->flow_step = ops->flow_step;
	wants->flow_default = (struct baton_flow_control){
		.mode = mode >= 0 ? (uint8_t)mode : BATON_PAUSE_NONE,
		.autoneg = 1,
		.send_xon = 1,
		.pause_time = PAUSE_TIME,
		.high_water = high - high % ops->flow_step,
		.low_water = low - low % ops->flow_step,
	};
	wants->flow = wants->flow_default;
	return 0;
}

/* ---- registers ---- */

/* What of the PHY is set: struct settings has it in this order. */
static const uint8_t setting_regs[] = { MINE, GIGABIT, CONTROL };

struct settings {
	uint16_t mine, gigabit, control;
};

_Static_assert(sizeof(struct settings) == 2 * sizeof(setting_regs), "a member each");

static int
own(const struct nic_dev *dev, bool on)
{
	return dev->ops->phy->own ? dev->ops->phy->own(dev, on) : 0;
}

static int
get(const struct nic_dev *dev, unsigned reg, uint16_t *value)
{
	*value = 0;
	return dev->ops->phy->mdio(dev, false, reg, value);
}

static int
put(const struct nic_dev *dev, unsigned reg, uint16_t value)
{
	return dev->ops->phy->mdio(dev, true, reg, &value);
}

static int
read_settings(const struct nic_dev *dev, struct settings *s)
{
	uint16_t id;
	int ret = get(dev, ID1, &id);

	if (!ret && !MUST(phy_id, id && id != UINT16_MAX))
		ret = baton_err(EIO, "%s: the PHY does not answer: its first id reads %#x",
				dev->port.name, id);
	for (unsigned i = 0; !ret && i < 3; i++)
		ret = get(dev, setting_regs[i], &s->mine + i);
	return ret;
}

/*
 * What the PHY is to advertise, of MINE_PAUSES: 28B.2. A port that only receives pauses advertises
 * as one that does both; nic_phy_read_link() has it send none. The PHY may have it that both
 * directions go together, which is as good for both.
 */
static uint16_t
pauses_asked(const struct nic_dev *dev, uint16_t mine)
{
	static const uint16_t by[] = { [BATON_PAUSE_RX] = MINE_PAUSES,
				       [BATON_PAUSE_TX] = MINE_ASM,
				       [BATON_PAUSE_FULL] = MINE_PAUSES };
	const uint8_t mode = dev->port.wants.flow.mode;

	if (mode == BATON_PAUSE_FULL && (mine & MINE_PAUSE))
		return mine & MINE_PAUSES;
	return by[mode];
}

/* The first time, unless an argument says it: what the PHY has. */
static void
note_mode(struct nic_dev *dev, uint16_t mine)
{
	struct port_link *wants = &dev->port.wants;

	if (dev->phy->has_mode)
		return;
	dev->phy->has_mode = true;
	wants->flow_default.mode = mine & MINE_PAUSE ? BATON_PAUSE_FULL
				   : mine & MINE_ASM ? BATON_PAUSE_TX
						     : BATON_PAUSE_NONE;
	wants->flow.mode = wants->flow_default.mode;
}

static struct settings
settings_asked(const struct nic_dev *dev, const struct settings *is)
{
	const struct port_link *wants = &dev->port.wants;
	struct settings s = *is;

	s.control = (uint16_t)((s.control & ~(CONTROL_DOWN | CONTROL_ISOLATE)) | CONTROL_AUTONEG);
	s.mine = (uint16_t)((s.mine & ~MINE_PAUSES) | pauses_asked(dev, is->mine));
	if (!wants->asked)
		return s;
	s.mine = (uint16_t)((s.mine & ~MINE_SPEEDS) | (wants->asked << MINE_10_HALF & MINE_SPEEDS));
	s.gigabit = (uint16_t)(s.gigabit & ~GIGABIT_ANY);
	if (wants->asked & BATON_SPEED_1000_FULL)
		s.gigabit |= GIGABIT_FULL;
	if (!wants->fixed)
		return s;
	s.control &= (uint16_t) ~(CONTROL_AUTONEG | CONTROL_SPEED_1000 | CONTROL_SPEED_100 |
				  CONTROL_FULL);
	if (wants->asked & (BATON_SPEED_100_HALF | BATON_SPEED_100_FULL))
		s.control |= CONTROL_SPEED_100;
	if (wants->asked & (BATON_SPEED_10_FULL | BATON_SPEED_100_FULL))
		s.control |= CONTROL_FULL;
	return s;
}

/* A device that is gone needs nothing, either. */
static bool
is_up(const struct nic_dev *dev)
{
	struct nic_phy_state state = { 0 };

	return !dev->ops->phy->state(dev, &state) || state.up;
}

/*
 * A link that is up stays so: the PHY is told only what it does not do already; but without a
 * link it negotiates anew, since it need not have begun. A speed that is not negotiated takes
 * effect when the PHY is switched off and on, which some need for that, and which the other end
 * sees, too.
 */
static int
set_phy(struct nic_dev *dev)
{
	struct settings is = { 0 }, s;
	int ret = read_settings(dev, &is);

	if (ret < 0)
		return ret;
	note_mode(dev, is.mine);
	s = settings_asked(dev, &is);
	if (!memcmp(&s, &is, sizeof(s)) && (!(s.control & CONTROL_AUTONEG) || is_up(dev)))
		return 0;
	if (s.control & CONTROL_AUTONEG)
		s.control |= CONTROL_RESTART;
	else
		ret = put(dev, CONTROL, (uint16_t)(s.control | CONTROL_DOWN));
	for (unsigned i = 0; !ret && i < 3; i++)
		ret = put(dev, setting_regs[i], *(&s.mine + i));
	return ret;
}

int
nic_phy_start(struct nic_dev *dev)
{
	int ret = own(dev, true), left;

	dev->phy->settled = false;
	if (ret < 0)
		return ret;
	ret = set_phy(dev);
	left = own(dev, false);
	return ret < 0 ? ret : left;
}

int
nic_phy_set_link(struct nic_dev *dev)
{
	const int ret = nic_phy_start(dev);

	if (ret < 0)
		return ret;
	dev->ops->phy->set_flow(dev);
	nic_phy_read_link(dev);
	return 0;
}

/* ---- the link ---- */

/* What both ends can: enum baton_pause by table 28B-3. */
static uint8_t
resolve(uint16_t mine, uint16_t theirs)
{
	const uint16_t both = mine & theirs;

	if (both & MINE_PAUSE)
		return BATON_PAUSE_FULL;
	if (!(both & MINE_ASM))
		return BATON_PAUSE_NONE;
	return mine & MINE_PAUSE     ? BATON_PAUSE_RX
	       : theirs & MINE_PAUSE ? BATON_PAUSE_TX
				     : BATON_PAUSE_NONE;
}

static int
read_pauses(const struct nic_dev *dev, uint8_t *pauses)
{
	uint16_t mine, theirs = 0;
	int ret = own(dev, true), left;

	if (ret < 0)
		return ret;
	if ((ret = get(dev, MINE, &mine)) == 0)
		ret = get(dev, THEIRS, &theirs);
	left = own(dev, false);
	*pauses = resolve(mine, theirs);
	return ret < 0 ? ret : left;
}

/* The link has come up: which end may ask for pauses. There are none with half duplex: 31B.1. */
static void
settle(struct nic_dev *dev, bool full_duplex)
{
	struct port_link *wants = &dev->port.wants;
	uint8_t pauses = BATON_PAUSE_NONE;

	if (full_duplex && !wants->flow.autoneg)
		pauses = wants->flow.mode;
	else if (full_duplex && !(wants->asked && wants->fixed) && read_pauses(dev, &pauses) < 0)
		port_log(&dev->port, BATON_LOG_WARN, "no flow control: %s", baton_last_error());
	dev->phy->settled = true;
	dev->phy->pauses = pauses & wants->flow.mode;
	wants->flow.active = dev->phy->pauses;
	dev->ops->phy->set_pauses(dev, (enum baton_pause)dev->phy->pauses);
}

void
nic_phy_read_link(struct nic_dev *dev)
{
	struct nic_phy_state state = { 0 };

	if (!dev->ops->phy->state(dev, &state))
		return;
	if (!state.up) {
		dev->phy->settled = false;
		dev->port.wants.flow.active = BATON_PAUSE_NONE;
	} else if (!dev->phy->settled) {
		settle(dev, state.full_duplex);
	}
	dev->link = state.up;
	__atomic_store_n(&dev->port.link.full_duplex, state.full_duplex, __ATOMIC_RELAXED);
	__atomic_store_n(&dev->port.link.speed_mbps, state.mbps, __ATOMIC_RELAXED);
}

DRIVER_EXPORT(nic_phy_args);
DRIVER_EXPORT(nic_phy_check);
DRIVER_EXPORT(nic_phy_open);
DRIVER_EXPORT(nic_phy_start);
DRIVER_EXPORT(nic_phy_set_link);
DRIVER_EXPORT(nic_phy_read_link);
