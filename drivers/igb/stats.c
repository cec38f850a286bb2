/* SPDX-License-Identifier: BSD-3-Clause */
/* Counters that the other device does not have: those of queues. */
#include "igb/igb.h"

/* RQDPC: what a queue without descriptors has dropped, if there are several. */
static void
count_dropped(struct nic_dev *dev)
{
	for (unsigned i = 0; i < dev->port.info.rx_queues; i++) {
		const uint32_t n = nic_get32(dev, RX_QUEUE + QUEUE_BYTES * i + QUEUE_DROPPED);

		if (FEATURE(removal) && n == UINT32_MAX)
			return;
		igb_of(dev)->dropped += n;
	}
}

void
igb_count(struct nic_dev *dev)
{
	intel_count(dev);
	count_dropped(dev);
}

void
igb_xstats(const struct baton_port *port, struct port_xstats *list)
{
	const struct igb_dev *id = igb_of_const(nic_of_const(port));
	const struct nic_pci *pci = id->intel.pd.nic.pci;

	if (pci->dev)
		count_dropped(pci->nic);
	intel_xstats(port, list);
	port_xstat(list, id->dropped, "rx_queue_dropped_packets");
}
