/* SPDX-License-Identifier: BSD-3-Clause */
/* The EXN1's registers: open, start and stop, settings. */
#include "example.h"

#define RESET_MS 100

static uint32_t
get(const struct nic_dev *dev, uint32_t reg)
{
	return pci_read32(&((const struct exn_dev *)(const void *)dev)->regs, reg);
}

static void
put(const struct nic_dev *dev, uint32_t reg, uint32_t value)
{
	pci_write32(&((const struct exn_dev *)(const void *)dev)->regs, reg, value);
}

/* ---- the device ---- */

static int
quiesce(struct nic_dev *dev)
{
	put(dev, EXN_CTRL, EXN_CTRL_RST);
	return nic_pci_wait_clear(&exn_of(dev)->regs, EXN_CTRL, EXN_CTRL_RST, RESET_MS,
				  "the reset");
}

static int
find(struct nic_dev *dev)
{
	struct exn_dev *d = exn_of(dev);
	int ret = pci_reg(d->pci.dev, 0, 0, EXN_BAR, &d->regs);

	if (ret < 0 || get(dev, EXN_ID) == EXN_ID_VALUE)
		return ret;
	return baton_err(EPROTO, "%s reads %#x, which is not an EXN1's number", d->pci.bdf,
			 get(dev, EXN_ID));
}

static int
identify(struct nic_dev *dev)
{
	struct baton_port_info *info = &dev->port.info;
	uint32_t queues, frame, mac[2];

	queues = get(dev, EXN_QUEUES);
	frame = get(dev, EXN_FRAME);
	if (frame < port_frame_max(BATON_MIN_MTU))
		return baton_err(EPROTO, "%s says it takes frames of %u bytes at most",
				 dev->pci->bdf, frame);
	info->max_rx_queues = info->max_tx_queues = queues & 0xff;
	info->min_descs = EXN_MIN_PLACES;
	info->max_descs = (uint16_t)(queues >> 16);
	info->default_descs = info->max_descs < 256 ? info->max_descs : 256;
	info->max_mtu =
		(uint16_t)(frame > port_frame_max(BATON_MAX_MTU) ? BATON_MAX_MTU
								 : frame - port_frame_max(0));
	if (!dev->port.mtu_set)
		info->mtu = info->max_mtu < 1500 ? info->max_mtu : 1500;
	mac[0] = get(dev, EXN_MAC);
	mac[1] = get(dev, EXN_MAC + 4);
	for (unsigned i = 0; i < 6; i++)
		info->mac[i] = (uint8_t)(mac[i / 4] >> i % 4 * 8);
	dev->link = get(dev, EXN_STATUS) & EXN_STATUS_LINK;
	return 0;
}

static void
forget(struct nic_dev *dev)
{
	exn_of(dev)->regs = (struct pci_reg){ 0 };
}

static enum nic_pci_health
poll_device(struct nic_dev *dev)
{
	const uint32_t status = get(dev, EXN_STATUS);

	if (status == UINT32_MAX)
		return NIC_PCI_ALL_ONES;
	if (status & EXN_STATUS_FAILED)
		return NIC_PCI_FAILED;
	dev->link = status & EXN_STATUS_LINK;
	port_link(&dev->port, dev->link);
	return NIC_PCI_GOOD;
}

/* ---- rings ---- */

static size_t
ring_bytes(const struct nic_queue *nq)
{
	return nq->q.descs * sizeof(struct exn_desc);
}

static void
ring_attach(struct nic_dev *dev, struct nic_queue *nq)
{
	struct exn_queue *q = exn_queue_of(nq);
	unsigned mode = NIC_MODE_SEGS;

	q->ring = (struct exn_desc *)(void *)(dev->ring_base + nq->offset);
	q->block.len = 0; /* it does not run */
	if (dev->port.offloads & BATON_OFFLOAD_RX_CSUM)
		mode |= NIC_MODE_META;
	nic_choose_burst(nq, &exn_bursts, mode);
}

static uint32_t
rx_room(uint32_t bytes)
{
	return bytes / EXN_ROOM_STEP * EXN_ROOM_STEP;
}

static int
ring_start(struct nic_dev *dev, struct nic_queue *nq)
{
	struct exn_queue *q = exn_queue_of(nq);
	const uint64_t at = dev->ring_iova + nq->offset;
	const uint32_t block = (nq->q.tx ? EXN_TX : EXN_RX) + nq->q.index * EXN_BLOCK;

	q->block = exn_of(dev)->regs;
	q->block.at = q->block.at ? q->block.at + block : NULL;
	q->block.offset += block;
	q->block.len = EXN_BLOCK;
	pci_write32(&q->block, EXN_BASE, (uint32_t)at);
	pci_write32(&q->block, EXN_BASE + 4, (uint32_t)(at >> 32));
	pci_write32(&q->block, EXN_SIZE, nq->q.descs);
	pci_write32(&q->block, EXN_ROOM, nq->posted_len);
	pci_write32(&q->block, EXN_VECTOR, nic_pci_vector(dev, nq));
	pci_write32(&q->block, EXN_QCTRL, 1);
	return pci_read32(&q->block, EXN_QCTRL) == 1
		       ? 0
		       : baton_err(EIO, "%s: queue %u does not start", dev->port.name, nq->q.index);
}

static int
ring_stop(struct nic_dev *dev, struct nic_queue *nq)
{
	const struct pci_reg *block = &exn_queue_of(nq)->block;

	pci_write32(block, EXN_QCTRL, 0);
	return nic_pci_wait_clear(block, EXN_QCTRL, 1, RESET_MS, "the stop of a queue");
}

static int
start(struct nic_dev *dev)
{
	struct nic_queue *nq;
	int ret = 0;

	put(dev, EXN_CTRL, EXN_CTRL_EN);
	for (unsigned i = 0; !ret && (nq = nic_queue(dev, i)); i++)
		if (!nq->q.stopped)
			ret = ring_start(dev, nq);
	return ret;
}

static void
kick(struct nic_queue *nq)
{
	if (exn_queue_of(nq)->block.len)
		exn_doorbell(nq, nq->q.tx ? nq->head : nq->posted);
}

static int
arm(struct nic_queue *nq)
{
	if (!nic_pci_vector(nic_of(nq->q.port), nq))
		return baton_err(ENOTSUP, "%s: the device has no interrupt for %s %u",
				 nq->q.port->name, nq->q.tx ? "txq" : "rxq", nq->q.index);
	pci_write32(&exn_queue_of(nq)->block, EXN_WAKE, 1);
	return 0;
}

static void
disarm(struct nic_queue *nq)
{
	pci_write32(&exn_queue_of(nq)->block, EXN_WAKE, 0);
}

/* ---- settings ---- */

static int
can(const struct nic_dev *dev, enum nic_setting setting, const char *what)
{
	return 0;
}

static void
put_mac(struct nic_dev *dev, uint32_t reg, const uint8_t mac[6], uint32_t flags)
{
	put(dev, reg, mac[0] | mac[1] << 8 | mac[2] << 16 | (uint32_t)mac[3] << 24);
	put(dev, reg + 4, mac[4] | mac[5] << 8 | flags);
}

static int
set_mac(struct nic_dev *dev, const uint8_t mac[6])
{
	put_mac(dev, EXN_MAC, mac, 0);
	return 0;
}

static int
set_rx_mode(struct nic_dev *dev, enum port_rx_mode mode, bool on)
{
	const uint32_t bit = mode == PORT_RX_PROMISC ? 1 : 2, old = get(dev, EXN_RXMODE);

	put(dev, EXN_RXMODE, on ? old | bit : old & ~bit);
	return 0;
}

static int
set_macs(struct nic_dev *dev, const uint8_t (*macs)[6], unsigned n)
{
	static const uint8_t none[6];

	if (n > EXN_ADDRS)
		return baton_err(ENOSPC, "%s: %u addresses, the device has room for %u",
				 dev->port.name, n, EXN_ADDRS);
	for (unsigned i = 0; i < EXN_ADDRS; i++)
		put_mac(dev, EXN_ADDR + 8 * i, i < n ? macs[i] : none, i < n ? EXN_ADDR_VALID : 0);
	return 0;
}

static int
set_vlan(struct nic_dev *dev, uint16_t vid, bool on)
{
	const uint32_t reg = EXN_VLAN + vid / 32 * 4u, bit = 1u << vid % 32, old = get(dev, reg);

	put(dev, reg, on ? old | bit : old & ~bit);
	put(dev, EXN_RXMODE, get(dev, EXN_RXMODE) | EXN_RXMODE_VLAN);
	return 0;
}

/* ---- the driver ---- */

static const struct nic_pci_ops pci_ops = {
	.find = find,
	.identify = identify,
	.forget = forget,
	.quiesce = quiesce,
	.start = start,
	.poll = poll_device,
};

static int
example_open(struct nic_dev *dev, const struct port_arg *args, unsigned n)
{
	struct baton_port *port = &dev->port;

	port->reach.device_ring_bits = 36;
	port->reach.device_data_bits = 40;
	port->info.max_segs = NIC_TX_MAX_SEGS;
	port->info.offloads = BATON_OFFLOAD_RX_CSUM | BATON_OFFLOAD_TX_CSUM;
	port->link.full_duplex = 1;
	return nic_pci_open(dev, &exn_of(dev)->pci, &pci_ops, port_arg(args, n, "ioas"));
}

static const struct nic_ops nic_ops = {
	NIC_PCI_OPS,
	NIC_BURST_OPS(EXN_NAME),
	.rx = &exn_rx,
	.tx = &exn_tx,
	.open = example_open,
	.close = nic_pci_close,
	.ring_start = ring_start,
	.ring_stop = ring_stop,
	.rx_room = rx_room,
	.ring_bytes = ring_bytes,
	.ring_attach = ring_attach,
	.kick = kick,
	.arm = arm,
	.disarm = disarm,
	.can = can,
	.set_mac = set_mac,
	.set_rx_mode = set_rx_mode,
	.set_macs = set_macs,
	.set_vlan = set_vlan,
};

static const struct port_ops port_ops = {
	NIC_PORT_OPS(struct exn_dev, struct exn_queue),
	.xstats = nic_pci_xstats,
};

static const struct pci_id pci_ids[] = { { 0x4558, 0x0001 }, { 0, 0 } };

static const struct baton_arg args[] = {
	{ "ioas", "NAME", "the backend of its address space" },
	{ 0 },
};

extern const struct baton_driver example_driver;
const struct baton_driver example_driver = {
	.name = "net_example",
	.args = args,
	.dma = true,
	.bounces = true,
	.ops = &port_ops,
	.pci_ids = pci_ids,
	.priv = &nic_ops,
};
