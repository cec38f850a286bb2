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
int
igb_own_phy(const struct nic_dev *dev, bool own)
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
