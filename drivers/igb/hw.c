/* SPDX-License-Identifier: BSD-3-Clause */
/* Reset, NVM, PHY and link. */
#include "igb/igb.h"

#define LOAD_MS  10  /* for registers to be loaded from the NVM */
#define OWNER_MS 100 /* for the firmware and the other port to let go of the PHY */

/* ---- reset ---- */

int
igb_reset(struct nic_dev *dev)
{
	int ret;

	nic_put32(dev, EIMC, UINT32_MAX);
	nic_put32(dev, IMC, UINT32_MAX);
	ret = intel_reset(dev);
	if (ret < 0)
		return ret;
	/* Then it loads registers from the NVM. One that never says so, as models, goes on. */
	ret = nic_pci_wait(&dev->pci->regs, EECD, EECD_AUTO_RD, EECD_AUTO_RD, LOAD_MS,
			   "loading the NVM");
	nic_put32(dev, EIMC, UINT32_MAX);
	nic_put32(dev, IMC, UINT32_MAX);
	nic_put32(dev, ICR, UINT32_MAX);
	return ret == -ETIMEDOUT ? 0 : ret;
}

/* ---- NVM ---- */

/*
 * The words of the NVM add up to a constant (6.2). The address is in its first words; the second
 * port's differs from that, so the one that the reset has loaded counts (8.10).
 */
int
igb_read_mac(const struct nic_dev *dev, uint64_t *mac)
{
	uint16_t words[3];
	uint64_t loaded;
	int ret = intel_check_nvm(dev, words);

	if (ret < 0)
		return ret;
	loaded = nic_get64(dev, RAL);
	*mac = loaded & ((1ull << 48) - 1);
	if (!MUST(mac_loaded, loaded & RAH_AV))
		return baton_err(EPROTO,
				 "%s: the reset has loaded no MAC address: that of its NVM is not "
				 "valid",
				 dev->port.name);
	return intel_check_mac(dev, *mac);
}

/* ---- PHY ---- */

/* Set or clear this port's bit of SW_FW_SYNC, under the semaphore of both ports and the firmware.
 */
static bool
try_phy(const struct nic_dev *dev, bool own)
{
	const uint32_t port = nic_get32(dev, STATUS) >> STATUS_LAN & 1, bit = SYNC_PHY << port;
	uint32_t sync;
	bool done;

	if (nic_get32(dev, SWSM) & SWSM_SMBI)
		return false;
	nic_put32(dev, SWSM, SWSM_SMBI | SWSM_SWESMBI);
	done = nic_get32(dev, SWSM) & SWSM_SWESMBI;
	sync = nic_get32(dev, SW_FW_SYNC);
	if (own && (sync & (bit | bit << SYNC_FIRMWARE)))
		done = false;
	if (done)
		nic_put32(dev, SW_FW_SYNC, own ? sync | bit : sync & ~bit);
	nic_put32(dev, SWSM, 0);
	return done;
}

/* The firmware and the other port may use the PHY, too. */
static int
own_phy(const struct nic_dev *dev, bool own)
{
	for (unsigned ms = 0; ms < OWNER_MS; ms++) {
		if (try_phy(dev, own))
			return 0;
		intel_pause(1);
	}
	if (pci_is_dead(dev->pci->dev))
		return baton_err(ENODEV, "%s: the device reads as all ones", dev->port.name);
	return baton_err(ETIMEDOUT,
			 "%s: the firmware's or the other port's use of the PHY does not end "
			 "within %u ms (SWSM reads %#x, SW_FW_SYNC %#x)",
			 dev->port.name, OWNER_MS, nic_get32(dev, SWSM),
			 nic_get32(dev, SW_FW_SYNC));
}

/*
 * A link that is up stays so: the PHY is told only what it does not do already. No pauses are
 * advertised: the driver does not keep them.
 */
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
	asked = (uint16_t)(mine & ~PHY_PAUSES);
	if (asked == mine && (control & (PHY_AUTONEG | PHY_DOWN | PHY_ISOLATE)) == PHY_AUTONEG)
		return 0;
	if ((ret = intel_mdic(dev, INTEL_MDIC_WRITE, PHY_MINE, &asked)) < 0)
		return ret;
	control = (uint16_t)((control & ~(PHY_DOWN | PHY_ISOLATE)) | PHY_AUTONEG | PHY_RESTART);
	return intel_mdic(dev, INTEL_MDIC_WRITE, PHY_CONTROL, &control);
}

int
igb_start_phy(struct nic_dev *dev)
{
	int ret;

	if ((ret = own_phy(dev, true)) < 0)
		return ret;
	ret = wake_phy(dev);
	if (ret < 0)
		(void)try_phy(dev, false); /* what is wrong is said already */
	else
		ret = own_phy(dev, false);
	return ret;
}

/* ---- link ---- */

void
igb_read_link(struct nic_dev *dev)
{
	static const uint16_t speeds[] = { 10, 100, 1000, 1000 };
	const uint32_t status = nic_get32(dev, STATUS);

	if (FEATURE(removal) && status == UINT32_MAX)
		return;
	dev->link = !!(status & STATUS_LU);
	__atomic_store_n(&dev->port.link.full_duplex, status & STATUS_FD, __ATOMIC_RELAXED);
	__atomic_store_n(&dev->port.link.speed_mbps, speeds[status >> STATUS_SPEED & 3],
			 __ATOMIC_RELAXED);
}
