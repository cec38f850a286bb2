/* SPDX-License-Identifier: BSD-3-Clause */
/* Opening, configuring and resetting a device. */
#include "intel/intel.h"

#include <time.h>

#define MASTER_MS 80 /* for accesses under way to end */
#define RESET_MS  100

void
intel_pause(unsigned ms)
{
	const struct timespec pause = { .tv_nsec = ms * 1000000L };

	nanosleep(&pause, NULL);
}

int
intel_open(struct nic_dev *dev, const struct port_arg *args, unsigned n)
{
	struct baton_port_info *info = &dev->port.info;
	int ret = nic_phy_open(dev, &intel_of(dev)->phy, args, n);

	if (ret < 0)
		return ret;
	ret = nic_pci_dev_open(dev, args, n);
	info->rss_types = intel_kind(dev)->rss_types;
	info->rss_table_len = RETA_ENTRIES;
	return ret;
}

/*
 * CTRL.VME is for tags of both directions (10.2.2.1): a port that inserts them, and does not remove
 * them, has software insert them; and find the types of packets, since the device says nothing of
 * tags then.
 */
void
intel_configure(struct nic_dev *dev)
{
	struct baton_port *port = &dev->port;
	const uint32_t soft = port->offloads & (BATON_OFFLOAD_TX_VLAN | BATON_OFFLOAD_RX_PTYPE);

	if (port->offloads & BATON_OFFLOAD_RX_VLAN)
		return;
	port->offloads &= ~soft;
	port->soft |= soft;
}

/*
 * 5.1 and 10.2.2.1: no queue runs any more; no access to memory begins, and the device says that
 * none is under way; then it is reset. A device that does not say so is not believed to let go.
 */
int
intel_reset(struct nic_dev *dev)
{
	const struct pci_reg *regs = &dev->pci->regs;
	uint32_t ctrl;
	int ret;

	intel_of(dev)->running = false;
	nic_put32(dev, RCTL, 0);
	nic_put_bits(dev, TCTL, TCTL_EN, false);
	/* A reset of before that has not ended is not begun again by this. */
	ctrl = nic_get32(dev, CTRL) & ~CTRL_RST;
	nic_put32(dev, CTRL, ctrl | CTRL_GIO_MASTER_DISABLE);
	ret = nic_pci_wait(regs, STATUS, STATUS_GIO_MASTER_ENABLE, 0, MASTER_MS,
			   "an access to memory that is under way");
	if (FEATURE(reset_confirmed) && !MUST(bus_idle, !ret))
		return ret;
	ctrl = nic_get32(dev, CTRL) & ~CTRL_GIO_MASTER_DISABLE;
	nic_put32(dev, CTRL, ctrl | CTRL_RST);
	intel_pause(1); /* before it is looked at */
	ret = nic_pci_wait(regs, CTRL, CTRL_RST, 0, RESET_MS, "the reset");
	return FEATURE(reset_confirmed) && !MUST(reset_ends, !ret) ? ret : 0;
}
