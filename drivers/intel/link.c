/* SPDX-License-Identifier: BSD-3-Clause */
/* What the device itself has to be told of the link: nic/phy.h has the rest. */
#include "intel/intel.h"

#define MDIC   0x0020u
#define WRITE  (1u << 26)
#define READ   (2u << 26)
#define REG    16 /* shifts */
#define PHY    21
#define READY  (1u << 28)
#define ERROR  (1u << 30)
#define PHY_MS 10 /* for a register */

/* 10.2.2.7. The PHY's address is 1. */
int
intel_mdio(const struct nic_dev *dev, bool write, unsigned reg, uint16_t *value)
{
	uint32_t v;
	int ret;

	nic_put32(dev, MDIC, (write ? WRITE : READ) | reg << REG | 1u << PHY | *value);
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

bool
intel_link_state(const struct nic_dev *dev, struct nic_phy_state *state)
{
	static const uint16_t speeds[] = { 10, 100, 1000, 1000 };
	const uint32_t status = nic_get32(dev, STATUS);

	if (FEATURE(removal) && status == UINT32_MAX)
		return false;
	state->up = status & STATUS_LU;
	state->full_duplex = status & STATUS_FD;
	state->mbps = speeds[status >> STATUS_SPEED & 3];
	return true;
}

/* When to ask the other end for a pause, and how: 10.2.2.9 to 10.2.2.12, 10.2.5.3. */
void
intel_set_flow(struct nic_dev *dev)
{
	const struct baton_flow_control *flow = &dev->port.wants.flow;

	nic_put64(dev, FCAL, PAUSE_ADDRESS);
	nic_put32(dev, FCT, PAUSE_TYPE);
	nic_put32(dev, FCTTV, flow->pause_time);
	nic_put32(dev, FCRTL, flow->low_water | (flow->send_xon ? FCRTL_XONE : 0));
	nic_put32(dev, FCRTH, flow->high_water);
	intel_write_rctl(dev);
}

void
intel_set_pauses(struct nic_dev *dev, enum baton_pause mode)
{
	const uint32_t ctrl = nic_get32(dev, CTRL) & ~CTRL_PAUSES;

	nic_put32(dev, CTRL, ctrl | intel_pause_bits(mode));
}
