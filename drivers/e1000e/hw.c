/* SPDX-License-Identifier: BSD-3-Clause */
/* Reset, NVM, PHY and link. */
#include "e1000e/e1000e.h"

#define RESET_MS 100
#define OWNER_MS 100 /* for the firmware to let go of the PHY */

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
int
e1000e_own_phy(const struct nic_dev *dev, bool own)
{
	int ret;

	nic_put_bits(dev, EXTCNF_CTRL, EXTCNF_MDIO, own);
	if (!own)
		return 0;
	ret = nic_pci_wait(&dev->pci->regs, EXTCNF_CTRL, EXTCNF_MDIO, EXTCNF_MDIO, OWNER_MS,
			   "the firmware's use of the PHY");
	if (ret < 0) /* or it is granted later, and nobody lets go of it */
		nic_put_bits(dev, EXTCNF_CTRL, EXTCNF_MDIO, false);
	return ret;
}
