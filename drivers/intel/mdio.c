/* SPDX-License-Identifier: BSD-3-Clause */
#include "intel/intel.h"

#define MDIC   0x0020u
#define REG    16 /* shifts */
#define PHY    21
#define READY  (1u << 28)
#define ERROR  (1u << 30)
#define PHY_MS 10 /* for a register */

/* The PHY's address is 1. */
int
intel_mdic(const struct nic_dev *dev, uint32_t op, uint32_t reg, uint16_t *value)
{
	uint32_t v;
	int ret;

	nic_put32(dev, MDIC, op | reg << REG | 1u << PHY | *value);
	ret = nic_pci_wait(&dev->pci->regs, MDIC, READY, READY, PHY_MS, "an access to the PHY");
	if (ret < 0)
		return ret;
	v = nic_get32(dev, MDIC);
	if (!MUST(phy_error, !(v & ERROR)))
		return baton_err(EIO, "%s: the PHY does not answer (register %u, MDIC reads %#x)",
				 dev->port.name, reg, v);
	*value = (uint16_t)v;
	return 0;
}
