/* SPDX-License-Identifier: BSD-3-Clause */
/* Reset, NVM, PHY and link. */
#include "e1000e/e1000e.h"

#define RESET_MS  100
#define OWNER_MS  100 /* for the firmware to let go of the PHY */
#define CONFIG_MS 25  /* for what the NVM has for the PHY to get there */

/* ---- reset ---- */

int
e1000e_reset(struct nic_dev *dev)
{
	int ret;

	nic_put32(dev, IMC, UINT32_MAX);
	ret = intel_reset(dev);
	/* 4.6.3: a flash is loaded on demand. */
	if (!ret && (nic_get32(dev, EECD) & EECD_NVM_TYPE) == EECD_NVM_TYPE)
		nic_put_bits(dev, CTRL_EXT, CTRL_EXT_EE_RST, true);
	if (!ret)
		ret = nic_pci_wait(&dev->pci->regs, EECD, EECD_AUTO_RD, EECD_AUTO_RD, RESET_MS,
				   "loading the NVM");
	nic_put32(dev, IMC, UINT32_MAX);
	nic_put32(dev, ICR, UINT32_MAX);
	return ret;
}

/* ---- NVM ---- */

/* 6.1.1.1: the address is in the first three words. */
int
e1000e_read_mac(const struct nic_dev *dev, uint64_t *mac)
{
	uint16_t words[3];
	int ret = intel_check_nvm(dev, words);

	if (ret < 0)
		return ret;
	*mac = words[0] | (uint64_t)words[1] << 16 | (uint64_t)words[2] << 32;
	return intel_check_mac(dev, *mac);
}

/* ---- PHY ---- */

/* The firmware may use the PHY, too: 10.2.2.5. */
static int
own_phy(const struct nic_dev *dev)
{
	nic_put_bits(dev, EXTCNF_CTRL, EXTCNF_MDIO, true);
	return nic_pci_wait(&dev->pci->regs, EXTCNF_CTRL, EXTCNF_MDIO, EXTCNF_MDIO, OWNER_MS,
			    "the firmware's use of the PHY");
}

/* What the PHY is to advertise, of PHY_PAUSES: IEEE 802.3 28B.2. */
static uint16_t
pauses_asked(const struct e1000e_dev *ed, uint16_t mine)
{
	static const uint16_t by[] = {
		[PAUSE_RX] = PHY_PAUSES, [PAUSE_TX] = PHY_ASM, [PAUSE_FULL] = PHY_PAUSES
	};

	return ed->pause == PAUSE_AS_IS ? mine & PHY_PAUSES : by[ed->pause];
}

/* A link that is up stays so: the PHY is told only what it does not do already. */
static int
wake_phy(const struct nic_dev *dev)
{
	uint16_t id = 0, control = 0, mine = 0, asked;
	int ret;

	if ((ret = intel_mdic(dev, INTEL_MDIC_READ, PHY_ID1, &id)) < 0)
		return ret;
	if (!MUST(phy_id, id && id != UINT16_MAX))
		return baton_err(EIO, "%s: the PHY does not answer: its first id reads %#x",
				 dev->port.name, id);
	if ((ret = intel_mdic(dev, INTEL_MDIC_READ, PHY_CONTROL, &control)) < 0 ||
	    (ret = intel_mdic(dev, INTEL_MDIC_READ, PHY_MINE, &mine)) < 0)
		return ret;
	asked = (uint16_t)((mine & ~PHY_PAUSES) | pauses_asked(e1000e_of_const(dev), mine));
	if (asked == mine && (control & (PHY_AUTONEG | PHY_DOWN | PHY_ISOLATE)) == PHY_AUTONEG)
		return 0;
	if ((ret = intel_mdic(dev, INTEL_MDIC_WRITE, PHY_MINE, &asked)) < 0)
		return ret;
	control = (uint16_t)((control & ~(PHY_DOWN | PHY_ISOLATE)) | PHY_AUTONEG | PHY_RESTART);
	return intel_mdic(dev, INTEL_MDIC_WRITE, PHY_CONTROL, &control);
}

int
e1000e_start_phy(struct nic_dev *dev)
{
	int ret;

	intel_pause(CONFIG_MS);
	dev->link = false; /* for e1000e_read_link(), to see what was negotiated */
	if ((ret = own_phy(dev)) < 0)
		return ret;
	ret = wake_phy(dev);
	nic_put_bits(dev, EXTCNF_CTRL, EXTCNF_MDIO, false);
	return ret;
}

/* What both ends can: IEEE 802.3, table 28B-3. */
static uint32_t
resolve(uint16_t mine, uint16_t theirs)
{
	const uint16_t both = mine & theirs;

	if (both & PHY_PAUSE)
		return CTRL_RFCE | CTRL_TFCE;
	if (!(both & PHY_ASM))
		return 0;
	return mine & PHY_PAUSE ? CTRL_RFCE : theirs & PHY_PAUSE ? CTRL_TFCE : 0;
}

/*
 * The link has come up: see which end may ask for pauses. A port that only asked to receive or to
 * send them does no more than that.
 */
static void
read_pauses(struct nic_dev *dev)
{
	struct e1000e_dev *ed = e1000e_of(dev);
	uint16_t mine = 0, theirs = 0;

	ed->pauses = 0;
	if (own_phy(dev) < 0 || intel_mdic(dev, INTEL_MDIC_READ, PHY_MINE, &mine) < 0 ||
	    intel_mdic(dev, INTEL_MDIC_READ, PHY_THEIRS, &theirs) < 0)
		port_log(&dev->port, BATON_LOG_WARN, "no flow control: %s", baton_last_error());
	else
		ed->pauses = resolve(mine, theirs);
	nic_put_bits(dev, EXTCNF_CTRL, EXTCNF_MDIO, false);
	if (ed->pause == PAUSE_RX)
		ed->pauses &= CTRL_RFCE;
}

/* ---- link ---- */

void
e1000e_read_link(struct nic_dev *dev)
{
	static const uint16_t speeds[] = { 10, 100, 1000, 1000 };
	const uint32_t status = nic_get32(dev, STATUS);

	if (FEATURE(removal) && status == UINT32_MAX)
		return;
	if ((status & STATUS_LU) && !dev->link) {
		read_pauses(dev);
		nic_put32(dev, CTRL,
			  (nic_get32(dev, CTRL) & ~(CTRL_RFCE | CTRL_TFCE)) |
				  e1000e_of(dev)->pauses);
	}
	dev->link = !!(status & STATUS_LU);
	__atomic_store_n(&dev->port.link.full_duplex, status & STATUS_FD, __ATOMIC_RELAXED);
	__atomic_store_n(&dev->port.link.speed_mbps, speeds[status >> STATUS_SPEED & 3],
			 __ATOMIC_RELAXED);
}
