/* SPDX-License-Identifier: BSD-3-Clause */
/* The device: bring-up and start; what the kit is told. */
#include "igb/igb.h"

#define TICK_MS 1000
static bool
poll_device(struct nic_dev *dev)
{
	nic_put32(dev, ICR, UINT32_MAX);
	if (FEATURE(link_changes))
		nic_phy_read_link(dev);
	igb_count(dev);
	return false;
}

static int
identify(struct nic_dev *dev)
{
	struct nic_limits limits = {
		.queues = QUEUES,
		.min_descs = DESCS_MIN,
		.max_descs = DESCS_MAX,
		.frame = FRAME_MAX,
	};
	int ret;

	if ((ret = igb_read_mac(dev, &limits.mac)) < 0 || (ret = nic_phy_start(dev)) < 0)
		return ret;
	nic_phy_read_link(dev);
	return nic_set_limits(dev, &limits);
}

/* ETQF: which packets are events, and which are ARP, is said by filters of EtherTypes. */
static void
start_events(struct nic_dev *dev)
{
	for (unsigned i = 0; i < ETQF_FILTERS; i++)
		nic_put32(dev, ETQF + 4 * i, 0);
	if (dev->port.offloads & BATON_OFFLOAD_RX_EVENT)
		nic_put32(dev, ETQF + 4 * ETQF_OF_1588, ETQF_ENABLE | ETQF_1588 | ETYPE_1588);
	if (dev->port.offloads & BATON_OFFLOAD_RX_PTYPE)
		nic_put32(dev, ETQF + 4 * ETQF_OF_ARP, ETQF_ENABLE | ETYPE_ARP);
	nic_put32(dev, TSYNCRXCFG, 0);
	intel_start_clock(dev);
}

/* Every register that matters is written: a reset need not have set it. */
static int
prepare(struct nic_dev *dev)
{
	const uint32_t offloads = dev->port.offloads;
	uint32_t ctrl = nic_get32(dev, CTRL) & ~(CTRL_FRCSPD | CTRL_FRCDPX | CTRL_VME |
						 CTRL_PAUSES | CTRL_GIO_MASTER_DISABLE);

	if ((FEATURE(vlan_strip) && (offloads & BATON_OFFLOAD_RX_VLAN)) ||
	    (FEATURE(vlan_insert) && (offloads & BATON_OFFLOAD_TX_VLAN)))
		ctrl |= CTRL_VME;
	nic_put32(dev, CTRL, ctrl | CTRL_SLU | intel_pause_bits(dev->phy->pauses));
	nic_put_bits(dev, CTRL_EXT, CTRL_EXT_DRV_LOAD, true);
	nic_put32(dev, VET, 0x81008100);
	nic_put32(dev, RLPML, LONGEST);
	nic_put32(dev, RFCTL, RFCTL_NFS_DIS | RFCTL_IPV6_EX_DIS);
	nic_put32(dev, RXCSUM, RXCSUM_IPOFL | RXCSUM_TUOFL | RXCSUM_PCSD);
	for (unsigned i = 0; i < QUEUES; i++) {
		nic_put32(dev, RX_QUEUE + QUEUE_BYTES * i + QUEUE_DCTL, 0);
		nic_put32(dev, TX_QUEUE + QUEUE_BYTES * i + QUEUE_DCTL, 0);
	}
	intel_clear_filters(dev);
	intel_start_rss(dev);
	start_events(dev);
	return 0;
}

static int
start(struct nic_dev *dev)
{
	intel_of(dev)->running = true;
	intel_write_rctl(dev);
	nic_put32(dev, TCTL, (nic_get32(dev, TCTL) & ~TCTL_CT) | TCTL_SET | TCTL_EN);
	igb_start_vectors(dev);
	return 0;
}

/* ---- the driver ---- */

static const struct intel_counter counters[] = {
	{ 0x08, false, "rx_symbol_errors" },           { 0x3c, false, "tx_host_discarded_packets" },
	{ 0x104, false, "rx_sent_to_host_packets" },   { 0x118, false, "tx_sent_by_host_packets" },
	{ 0x228, false, "rx_code_violation_packets" }, { 0 },
};

static const struct intel_kind kind = {
	.rss_types = BATON_RSS_IPV4 | BATON_RSS_IPV4_TCP | BATON_RSS_IPV4_UDP | BATON_RSS_IPV6 |
		     BATON_RSS_IPV6_TCP | BATON_RSS_IPV6_UDP,
	.mrqc = MRQC_RSS,
	.mrqc_ipv6_tcp = MRQC_IPV6_TCP_EX | MRQC_IPV6_TCP,
	.addresses = RAR_ENTRIES,
	.tick_ns = TICK_NS,
	.counters = counters,
};

static const struct nic_phy_ops phy_ops = {
	INTEL_PHY_OPS,
	.own = igb_own_phy,
};

static const struct nic_pci_ops pci_ops = {
	.bar_bytes = IGB_BAR_BYTES,
	.tick_ms = TICK_MS,
	.quiesce = igb_reset,
	.identify = identify,
	.prepare = prepare,
	.start = start,
	.poll = poll_device,
};

static const struct nic_ops nic_ops = {
	INTEL_OPS,
	.open = intel_open,
	.priv = &kind,
	.pci = &pci_ops,
	.phy = &phy_ops,
	.rx = &igb_rx,
	.tx = &igb_tx,
	.bursts = &igb_bursts,
	.ring_bits = 64,
	.data_bits = 64,
	.desc_bytes = sizeof(struct igb_desc),
	.offloads = BATON_OFFLOAD_RX_CSUM | BATON_OFFLOAD_RX_IPV4_CSUM | BATON_OFFLOAD_RX_VLAN |
		    BATON_OFFLOAD_RX_HASH | BATON_OFFLOAD_RX_PTYPE | BATON_OFFLOAD_TX_CSUM |
		    BATON_OFFLOAD_TX_TSO | BATON_OFFLOAD_TX_VLAN | BATON_OFFLOAD_TX_IPV4_CSUM |
		    INTEL_EVENTS,
	.ring_attach = igb_ring_attach,
	.ring_start = igb_ring_start,
	.ring_stop = igb_ring_stop,
	.rx_room = igb_rx_room,
	.arm = igb_arm,
};

static const struct port_ops port_ops = {
	NIC_PORT_OPS(struct igb_dev, struct igb_queue),
	.check = nic_phy_check,
	.xstats = igb_xstats,
};

/* The 82576 with copper: one port or two, NS, ET2 and the quad port card. */
static const struct pci_id pci_ids[] = {
	{ 0x8086, 0x10c9 }, { 0x8086, 0x150a }, { 0x8086, 0x1526 }, { 0x8086, 0x10e8 }, { 0, 0 },
};

/* Its virtual functions, as they are and as Hyper-V shows them: 7.10. */
#define A_VF                                                                                       \
	"is a virtual function of an 82576, and net_igb drives physical functions only: open the " \
	"physical function (physfn of this device in /sys/bus/pci/devices), or bind this one to "  \
	"the kernel's igbvf"
static const struct pci_other pci_others[] = {
	{ { 0x8086, 0x10ca }, A_VF },
	{ { 0x8086, 0x152d }, A_VF },
	{ { 0, 0 }, NULL },
};

extern const struct baton_driver igb_driver;
const struct baton_driver igb_driver = {
	.name = "net_igb",
	.args = nic_pci_args,
	.more_args = nic_phy_args,
	.dma = true,
	.bounces = true,
	.ops = &port_ops,
	.pci_ids = pci_ids,
	.pci_others = pci_others,
	.priv = &nic_ops,
};
