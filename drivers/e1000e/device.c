/* SPDX-License-Identifier: BSD-3-Clause */
/* The device: bring-up, start, interrupts; what the kit is told. */
#include "e1000e/e1000e.h"

#define TICK_MS   1000
#define CONFIG_MS 25             /* for what the NVM has for the PHY to get there */
#define WAKE_RATE (50000u / 256) /* EITR, in 256 ns: at most 20,000 interrupts a second */

/* ---- the device ---- */

static bool
poll_device(struct nic_dev *dev)
{
	/* The causes of the queues clear themselves (EIAC). */
	nic_put32(dev, ICR, ~CAUSE_QUEUES);
	if (FEATURE(link_changes))
		nic_phy_read_link(dev);
	intel_count(dev);
	return false;
}

static int
identify(struct nic_dev *dev)
{
	struct nic_limits limits = {
		.queues = 2,
		.min_descs = DESCS_MIN,
		.max_descs = DESCS_MAX,
		.frame = FRAME_MAX,
	};
	int ret;

	intel_pause(CONFIG_MS);
	if ((ret = nic_phy_start(dev)) < 0 || (ret = e1000e_read_mac(dev, &limits.mac)) < 0)
		return ret;
	nic_phy_read_link(dev);
	return nic_set_limits(dev, &limits);
}

/* ---- start ---- */

/* The device has one size of buffers for all of its queues. */
static int
check_sizes(const struct nic_dev *dev)
{
	const struct nic_queue *first = nic_queue_of(dev->port.rxq[0]);

	for (unsigned i = 1; i < dev->port.info.rx_queues; i++) {
		const struct nic_queue *nq = nic_queue_of(dev->port.rxq[i]);

		if (nq->posted_len != first->posted_len)
			return baton_err(EINVAL,
					 "%s: buffers of %u bytes for RX queue 0 and of %u for RX "
					 "queue %u: the device has one size for all: give the "
					 "queues pools with the same data room",
					 dev->port.name, first->posted_len, nq->posted_len, i);
	}
	return 0;
}

/* 10.2.5.1: sizes of buffers, of all queues. */
static uint32_t
size_bits(const struct nic_dev *dev)
{
	const uint32_t bytes = nic_queue_of(dev->port.rxq[0])->posted_len;
	const bool large = bytes > 2048;
	uint32_t code = 0;

	for (uint32_t size = large ? 32768 : 2048; size > bytes; size /= 2)
		code++;
	return code << RCTL_BSIZE | (large ? RCTL_BSEX : 0);
}

/* Vectors by cause, and how often each may be raised: 7.4, 10.2.4. */
static void
start_vectors(struct nic_dev *dev)
{
	uint32_t ivar = IVAR_VALID << IVAR_OTHER;
	struct nic_queue *nq;

	for (unsigned i = 0; (nq = nic_queue(dev, i)); i++) {
		const unsigned shift = (nq->q.tx ? IVAR_TX : IVAR_RX) + 4u * nq->q.index;

		if (!nq->vector)
			continue;
		if (nq->q.tx ? FEATURE(tx_wake) : FEATURE(rx_wake))
			ivar |= (IVAR_VALID | nq->vector) << shift;
		if (FEATURE(moderation))
			nic_put32(dev, EITR + 4u * nq->vector, WAKE_RATE);
	}
	nic_put32(dev, IVAR, ivar);
	nic_put32(dev, EIAC, CAUSE_QUEUES);
	nic_put32(dev, IMS, CAUSE_LSC | CAUSE_OTHER);
}

static void
start_ring(struct nic_dev *dev, struct nic_queue *nq)
{
	const uint32_t at = (nq->q.tx ? TX_QUEUE : RX_QUEUE) + QUEUE_BYTES * nq->q.index;
	struct pci_reg *block = &e1000e_queue_of(nq)->block;

	*block = pci_reg_part(&dev->pci->regs, at, QUEUE_BYTES);
	pci_write64(block, QUEUE_BASE, nic_ring_iova(dev, nq));
	pci_write32(block, QUEUE_LEN, nq->q.descs * (uint32_t)sizeof(struct e1000e_desc));
	pci_write32(block, QUEUE_HEAD, 0);
	pci_write32(block, QUEUE_TAIL, 0);
	pci_write32(block, QUEUE_DCTL, nq->q.tx ? TXDCTL_SET : RXDCTL_SET);
}

/* What a second queue had before a reset, if the device keeps it. */
static void
stop_second(const struct nic_dev *dev)
{
	if (dev->port.info.rx_queues < 2)
		nic_put32(dev, RX_QUEUE + QUEUE_BYTES + QUEUE_LEN, 0);
	for (unsigned i = 0; i < 2; i++) {
		const uint32_t at = TARC + QUEUE_BYTES * i, old = nic_get32(dev, at) & ~TARC_NIL;

		nic_put32(dev, at, i < dev->port.info.tx_queues ? old | TARC_EN : old & ~TARC_EN);
	}
	nic_put_bits(dev, TARC, TARC_ONE_26, true);
}

/* Every register that matters is written: a reset need not have set it. */
static int
prepare(struct nic_dev *dev)
{
	const uint32_t offloads = dev->port.offloads;
	uint32_t ctrl =
		nic_get32(dev, CTRL) & ~(CTRL_FRCSPD | CTRL_FRCDPX | CTRL_RESERVED_29 | CTRL_ASDE |
					 CTRL_GIO_MASTER_DISABLE | CTRL_VME | CTRL_PAUSES);
	int ret = check_sizes(dev);

	if (ret < 0)
		return ret;
	if ((FEATURE(vlan_strip) && (offloads & BATON_OFFLOAD_RX_VLAN)) ||
	    (FEATURE(vlan_insert) && (offloads & BATON_OFFLOAD_TX_VLAN)))
		ctrl |= CTRL_VME;
	nic_put32(dev, CTRL, ctrl | CTRL_SLU | intel_pause_bits(dev->phy->pauses));
	nic_put32(dev, CTRL_EXT,
		  (nic_get32(dev, CTRL_EXT) & ~(CTRL_EXT_NIL_23 | CTRL_EXT_IAME)) |
			  CTRL_EXT_ONE_22 | CTRL_EXT_DRV | CTRL_EXT_PBA);
	nic_put_bits(dev, GCR, GCR_ONE_22, true);
	nic_put_bits(dev, GCR2, GCR2_ONE, true);
	nic_put32(dev, VET, 0x8100);
	nic_put32(dev, RFCTL, RFCTL_EXSTEN | RFCTL_NFS_DIS | RFCTL_ACK_DIS | RFCTL_IPV6_EX_DIS);
	nic_put32(dev, RXCSUM, RXCSUM_IPOFL | RXCSUM_TUOFL | RXCSUM_PCSD);
	nic_put32(dev, TIPG, TIPG_SET);
	intel_clear_filters(dev);
	intel_start_rss(dev);
	nic_put32(dev, RXMTRL, ETYPE_1588);
	intel_start_clock(dev);
	stop_second(dev);
	return 0;
}

static int
start(struct nic_dev *dev)
{
	struct nic_queue *nq;

	for (unsigned i = 0; (nq = nic_queue(dev, i)); i++)
		start_ring(dev, nq);
	intel_of(dev)->running = true;
	intel_of(dev)->rctl = size_bits(dev);
	intel_write_rctl(dev);
	nic_put32(dev, TCTL, (nic_get32(dev, TCTL) & ~(TCTL_CT | TCTL_COLD)) | TCTL_SET | TCTL_EN);
	start_vectors(dev);
	return 0;
}

/* ---- rings ---- */

/* 7.3: the device cuts TCP, and adds the lengths. */
static void
ring_attach(struct nic_dev *dev, struct nic_queue *nq)
{
	struct e1000e_queue *eq = e1000e_queue_of(nq);

	eq->reports = NO_PLACE;
	eq->context = (struct e1000e_context){ 0 };
	nq->q.device_gso =
		dev->port.offloads & BATON_OFFLOAD_TX_TSO ? QUEUE_GSO_TCP4 | QUEUE_GSO_TCP6 : 0;
	nq->q.gso_bare = 1;
	nq->q.gso_heads = HDRLEN_MOST;
}

static uint32_t
rx_room(uint32_t bytes)
{
	uint32_t size = 16384;

	while (size > bytes)
		size /= 2;
	return size < 256 ? 0 : size;
}

/*
 * A cause that is raised while it is masked would raise its interrupt when it is unmasked. It is
 * cleared first; the device has seen that when the read returns, and what it wrote before is there.
 */
static void
arm(struct nic_queue *nq, bool on)
{
	const struct nic_dev *dev = nic_of(nq->q.port);
	const uint32_t cause = (nq->q.tx ? CAUSE_TXQ0 : CAUSE_RXQ0) << nq->q.index;

	if (!on) {
		nic_put32(dev, IMC, cause);
		return;
	}
	nic_put32(dev, ICR, cause);
	nic_put32(dev, IMS, cause);
	(void)nic_get32(dev, STATUS);
}

/* ---- the driver ---- */

static const struct intel_counter counters[] = {
	{ 0x3c, false, "rx_carrier_ext_errors" },
	{ 0xfc, false, "tx_tso_errors" },
	{ 0 },
};

static const struct intel_kind kind = {
	.rss_types = BATON_RSS_IPV4 | BATON_RSS_IPV4_TCP | BATON_RSS_IPV6 | BATON_RSS_IPV6_TCP,
	.mrqc = MRQC_RSS,
	.mrqc_ipv6_tcp = MRQC_IPV6_TCP_EX,
	.reta_shift = RETA_QUEUE,
	.addresses = ADDRESSES,
	.tick_ns = TICK_NS,
	.counters = counters,
};

static const struct nic_phy_ops phy_ops = {
	INTEL_PHY_OPS,
	.own = e1000e_own_phy,
};

static const struct nic_pci_ops pci_ops = {
	.bar_bytes = E1000E_BAR_BYTES,
	.tick_ms = TICK_MS,
	.quiesce = e1000e_reset,
	.identify = identify,
	.prepare = prepare,
	.start = start,
	.poll = poll_device,
};

static const struct nic_ops nic_ops = {
	INTEL_OPS,
	.priv = &kind,
	.open = intel_open,
	.pci = &pci_ops,
	.phy = &phy_ops,
	.rx = &e1000e_rx,
	.tx = &e1000e_tx,
	.bursts = &e1000e_bursts,
	.ring_bits = 64,
	.data_bits = 64,
	.desc_bytes = sizeof(struct e1000e_desc),
	.offloads = BATON_OFFLOAD_RX_CSUM | BATON_OFFLOAD_RX_IPV4_CSUM | BATON_OFFLOAD_RX_VLAN |
		    BATON_OFFLOAD_RX_HASH | BATON_OFFLOAD_TX_CSUM | BATON_OFFLOAD_TX_TSO |
		    BATON_OFFLOAD_TX_VLAN | BATON_OFFLOAD_TX_IPV4_CSUM | INTEL_EVENTS,
	.ring_attach = ring_attach,
	.rx_room = rx_room,
	.arm = arm,
};

static const struct port_ops port_ops = {
	NIC_PORT_OPS(struct intel_dev, struct e1000e_queue),
	.check = nic_phy_check,
	.xstats = intel_xstats,
};

/* The 82574L, and the 82574IT. */
static const struct pci_id pci_ids[] = { { 0x8086, 0x10d3 }, { 0x8086, 0x10f6 }, { 0, 0 } };

extern const struct baton_driver e1000e_driver;
const struct baton_driver e1000e_driver = {
	.name = "net_e1000e",
	.args = nic_pci_args,
	.more_args = nic_phy_args,
	.dma = true,
	.bounces = true,
	.ops = &port_ops,
	.pci_ids = pci_ids,
	.priv = &nic_ops,
};
