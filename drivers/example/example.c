/* SPDX-License-Identifier: BSD-3-Clause */
/* net_example: the driver of the EXN1 (docs/example-nic.md). */
#include "nic/pci.h"
#include "port/driver_file.h"
#include "regs.h"

#define RESET_MS 100

struct exn_queue {
	struct nic_queue nq;
	struct pci_reg block; /* its registers */
};

DEFINE_CONTAINER(exn_queue_of, struct exn_queue, nq)

/* ---- codecs ---- */

/*
 * The device completes in order and writes back over the descriptor, so a key is its place. There
 * is no index: each descriptor says of itself whether it is done.
 */
NIC_INLINE bool
rx_plain(const struct rx_cursor *c, uint32_t at, const uint8_t *hdr, unsigned mode, uint32_t *len,
	 uint8_t *flags)
{
	const struct exn_desc *ring = c->ring;
	const uint64_t info = shared_load64_acquire(&ring[at].info);

	*len = (uint32_t)(info >> EXN_RX_LEN) & 0xffff;
	if (mode & NIC_MODE_META)
		*flags = info & EXN_RX_L4_GOOD ? BATON_CSUM_GOOD << BATON_TOKEN_L4_SHIFT : 0;
	return (info & (EXN_RX_DONE | EXN_RX_END | EXN_RX_BAD)) == (EXN_RX_DONE | EXN_RX_END);
}

NIC_INLINE int
rx_next(const struct nic_queue *nq, struct nic_rx_state *state, uint16_t pos, uint16_t published,
	struct rx_entry *e)
{
	const struct exn_desc *ring = nq->mem;
	const uint64_t info = shared_load64_acquire(&ring[pos & nq->mask].info);

	if (!(info & EXN_RX_DONE))
		return NIC_RX_NOT_DONE;
	*e = (struct rx_entry){
		.key = pos & nq->mask,
		.len = (uint32_t)(info >> EXN_RX_LEN) & 0xffff,
		.more = !(info & EXN_RX_END),
		.bad = info & EXN_RX_BAD ? 1 + RX_ERROR_DAMAGED : 0,
		.meta = info & EXN_RX_L4_GOOD ? BATON_CSUM_GOOD << BATON_TOKEN_L4_SHIFT : 0,
	};
	return 1;
}

NIC_INLINE void
rx_put(struct nic_queue *nq, uint16_t pos, uint16_t key, uint64_t iova)
{
	struct exn_desc *ring = nq->mem;

	shared_store64(&ring[key].addr, iova);
	shared_store64(&ring[key].info, 0);
}

NIC_INLINE bool
tx_is_done(const struct nic_queue *nq, uint32_t d)
{
	const struct exn_desc *ring = nq->mem;

	return shared_load64_acquire(&ring[d].info) & EXN_TX_DONE;
}

NIC_INLINE void
tx_put(struct nic_queue *nq, uint32_t d, uint64_t iova, uint32_t len, bool first, bool last,
       const struct tx_plan *p)
{
	struct exn_desc *ring = nq->mem;
	uint64_t info = len | (last ? EXN_TX_END : 0);

	if (first && p && p->csum)
		info |= EXN_TX_CSUM | (uint64_t)p->csum_start << EXN_TX_START |
			(uint64_t)p->csum_offset << EXN_TX_OFFSET;
	shared_store64(&ring[d].addr, iova);
	shared_store64(&ring[d].info, info);
}

/* Bits 16 to 23 are written over, and nothing is read back. */
NIC_INLINE void
tx_report(struct nic_queue *nq, uint32_t d)
{
	struct exn_desc *ring = nq->mem;

	shared_store_byte(&ring[d].info_byte[2], (EXN_TX_END | EXN_TX_REPORT) >> 16);
}

/* The doorbell: the first place that the device may not use. */
NIC_INLINE void
commit(struct nic_queue *nq)
{
	const uint16_t end = nq->q.tx ? nq->head : nq->posted;

	nic_doorbell(nq, &exn_queue_of(nq)->block, EXN_TAIL, end & nq->mask);
}

static const struct rx_codec rx = {
	.gap = 1,
	.plain = rx_plain,
	.next = rx_next,
	.put = rx_put,
	.commit = commit,
};

static const struct tx_codec tx = {
	.gap = 1,
	.is_done = tx_is_done,
	.put = tx_put,
	.report = tx_report,
	.commit = commit,
};

#define NIC_RX      rx
#define NIC_TX      tx
#define NIC_NAME(x) exn_##x
#include "nic/bursts.h"

/* ---- the device ---- */

/* The device confirms the reset when it uses no memory any more. */
static int
quiesce(struct nic_dev *dev)
{
	nic_put32(dev, EXN_CTRL, EXN_CTRL_RST);
	return nic_pci_wait(&dev->pci->regs, EXN_CTRL, EXN_CTRL_RST, 0, RESET_MS, "the reset");
}

static int
identify(struct nic_dev *dev)
{
	const uint32_t queues = nic_get32(dev, EXN_QUEUES);
	const struct nic_limits limits = {
		.queues = queues & 0xff,
		.min_descs = EXN_MIN_PLACES,
		.max_descs = queues >> 16,
		.frame = nic_get32(dev, EXN_FRAME),
		.mac = nic_get64(dev, EXN_MAC),
	};

	dev->link = nic_get32(dev, EXN_STATUS) & EXN_STATUS_LINK;
	return nic_set_limits(dev, &limits);
}

static bool
poll_device(struct nic_dev *dev)
{
	const uint32_t status = nic_get32(dev, EXN_STATUS);

	dev->link = status & EXN_STATUS_LINK;
	return status & EXN_STATUS_FAILED;
}

/* ---- rings ---- */

static int
ring_start(struct nic_dev *dev, struct nic_queue *nq)
{
	const uint32_t at = (nq->q.tx ? EXN_TX : EXN_RX) + nq->q.index * EXN_BLOCK_BYTES;
	struct pci_reg *block = &exn_queue_of(nq)->block;

	*block = pci_reg_part(&dev->pci->regs, at, EXN_BLOCK_BYTES);
	pci_write64(block, EXN_BASE, nic_ring_iova(dev, nq));
	pci_write32(block, EXN_SIZE, nq->q.descs);
	pci_write32(block, EXN_TAIL, 0); /* the queue's former run has left it where it ended */
	pci_write32(block, EXN_ROOM, nq->posted_len);
	pci_write32(block, EXN_VECTOR, nq->vector);
	pci_write32(block, EXN_QCTRL, EXN_QCTRL_EN);
	return nic_pci_wait(block, EXN_QCTRL, EXN_QCTRL_EN, EXN_QCTRL_EN, RESET_MS, "the start");
}

static int
ring_stop(struct nic_dev *dev, struct nic_queue *nq)
{
	const struct pci_reg *block = &exn_queue_of(nq)->block;

	pci_write32(block, EXN_QCTRL, 0);
	return nic_pci_wait(block, EXN_QCTRL, EXN_QCTRL_EN, 0, RESET_MS, "the stop");
}

static uint32_t
rx_room(uint32_t bytes)
{
	return bytes / EXN_ROOM_STEP * EXN_ROOM_STEP;
}

static int
start(struct nic_dev *dev)
{
	nic_put32(dev, EXN_CTRL, EXN_CTRL_EN);
	return 0;
}

static void
arm(struct nic_queue *nq, bool on)
{
	pci_write32(&exn_queue_of(nq)->block, EXN_WAKE, on);
}

/* ---- settings ---- */

static int
set_mac(struct nic_dev *dev, const uint8_t mac[6])
{
	nic_put64(dev, EXN_MAC, nic_mac_bits(mac));
	return 0;
}

static int
set_rx_mode(struct nic_dev *dev, enum port_rx_mode mode, bool on)
{
	const uint32_t bit = mode == PORT_RX_PROMISC ? EXN_RXMODE_ALL : EXN_RXMODE_MULTI;

	nic_put_bits(dev, EXN_RXMODE, bit, on);
	return 0;
}

static int
set_macs(struct nic_dev *dev, const uint8_t (*macs)[6], unsigned n)
{
	for (unsigned i = 0; i < EXN_ADDRS; i++)
		nic_put64(dev, EXN_ADDR + 8 * i,
			  i < n ? nic_mac_bits(macs[i]) | EXN_ADDR_VALID : 0);
	return 0;
}

/* The first VLAN switches the filter on. */
static int
set_vlan(struct nic_dev *dev, uint16_t vid, bool on)
{
	nic_put_bits(dev, EXN_VLAN + vid / 32 * 4u, 1u << vid % 32, on);
	nic_put_bits(dev, EXN_RXMODE, EXN_RXMODE_VLAN, true);
	return 0;
}

/* ---- the driver ---- */

static const struct nic_pci_ops pci_ops = {
	.bar_bytes = EXN_BAR_BYTES,
	.id_reg = EXN_ID,
	.id = EXN_ID_VALUE,
	.quiesce = quiesce,
	.identify = identify,
	.start = start,
	.poll = poll_device,
};

static const struct nic_ops nic_ops = {
	NIC_PCI_DEV_OPS,
	.pci = &pci_ops,
	.rx = &rx,
	.tx = &tx,
	.bursts = &exn_bursts,
	.ring_bits = 36,
	.data_bits = 40,
	.desc_bytes = sizeof(struct exn_desc),
	.max_macs = EXN_ADDRS,
	.offloads = BATON_OFFLOAD_RX_CSUM | BATON_OFFLOAD_TX_CSUM,
	.rx_room = rx_room,
	.ring_start = ring_start,
	.ring_stop = ring_stop,
	.arm = arm,
	.set_mac = set_mac,
	.set_rx_mode = set_rx_mode,
	.set_macs = set_macs,
	.set_vlan = set_vlan,
};

static const struct port_ops port_ops = { NIC_PCI_DEV_PORT_OPS(struct exn_queue) };

static const struct pci_id pci_ids[] = { { 0x4558, 0x0001 }, { 0, 0 } };

extern const struct baton_driver example_driver;
const struct baton_driver example_driver = {
	.name = "net_example",
	.args = nic_pci_args,
	.dma = true,
	.bounces = true,
	.ops = &port_ops,
	.pci_ids = pci_ids,
	.priv = &nic_ops,
};

BATON_DRIVER_FILE(&example_driver);
