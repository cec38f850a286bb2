/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * net_example2: the driver of the EXN2 (docs/example2-nic.md).
 *
 * The memory of a queue of n places: n completions, then, 8 * n bytes further, the TX descriptors,
 * or FIRST, and 16 * n bytes further REST, so that each ring begins at a multiple of 64.
 */
#include "base/validate.h"
#include "nic/pci.h"
#include "port/driver_file.h"
#include "regs.h"

struct exn2_queue {
	struct nic_queue nq;
	struct pci_reg block; /* its registers */
};

DEFINE_CONTAINER(exn2_queue_of, struct exn2_queue, nq)

/* ---- codecs ---- */

/* Read the completion at position @pos. Return: whether it is there: TURN is 1 in even turns. */
NIC_INLINE bool
completed(const struct nic_queue *nq, uint16_t pos, uint64_t *entry)
{
	const shared64 *done = nq->mem;

	*entry = shared_load64_acquire(&done[pos & nq->mask]);
	return (*entry & EXN2_TURN) == !(pos & nq->q.descs);
}

NIC_INLINE uint8_t
rx_flags(uint64_t entry)
{
	if (!(entry & EXN2_L4_KNOWN))
		return BATON_CSUM_UNKNOWN;
	return (entry & EXN2_L4_GOOD ? BATON_CSUM_GOOD : BATON_CSUM_BAD) << BATON_TOKEN_L4_SHIFT;
}

NIC_INLINE bool
rx_named(const struct rx_cursor *c, uint16_t pos, unsigned mode, uint32_t *key, uint32_t *len,
	 uint8_t *flags)
{
	const shared64 *done = c->ring;
	const uint64_t entry = shared_load64_acquire(&done[pos & (c->u[0] - 1)]);

	*key = (uint16_t)(entry >> EXN2_PLACE);
	*len = (uint16_t)(entry >> EXN2_LEN);
	if (mode & NIC_MODE_META)
		*flags = rx_flags(entry);
	return (entry & (EXN2_TURN | EXN2_END | EXN2_OF_REST | EXN2_BAD)) ==
	       (EXN2_END | (pos & c->u[0] ? 0 : EXN2_TURN));
}

NIC_INLINE int
rx_next(const struct nic_queue *nq, struct nic_rx_state *state, uint16_t pos, uint16_t published,
	struct rx_entry *e)
{
	const uint32_t places = nq->q.descs / 2;
	uint64_t entry;

	if (!completed(nq, pos, &entry))
		return NIC_RX_NOT_DONE;
	*e = (struct rx_entry){
		.key = (uint16_t)(entry >> EXN2_PLACE) + (entry & EXN2_OF_REST ? places : 0),
		.len = (uint16_t)(entry >> EXN2_LEN),
		.more = !(entry & EXN2_END),
		.bad = entry & EXN2_BAD ? 1 + RX_ERROR_DAMAGED : 0,
		.meta = rx_flags(entry),
	};
	/* A place that FIRST has not would be one of REST. */
	return MUST(rx_id, (uint16_t)(entry >> EXN2_PLACE) < places) ? 1 : NIC_RX_BAD_KEY;
}

static uint32_t
rx_ptype(uint64_t entry)
{
	static const uint16_t l2[] = { BATON_PTYPE_L2_ETHER, BATON_PTYPE_L2_VLAN,
				       BATON_PTYPE_L2_QINQ, BATON_PTYPE_L2_QINQ },
			      l3[8] = { 0,
					0,
					BATON_PTYPE_L3_IPV4,
					BATON_PTYPE_L3_IPV4X,
					BATON_PTYPE_L3_IPV6,
					BATON_PTYPE_L3_IPV6X },
			      l4[8] = { 0,
					BATON_PTYPE_L4_TCP,
					BATON_PTYPE_L4_UDP,
					BATON_PTYPE_L4_SCTP,
					BATON_PTYPE_L4_ICMP,
					BATON_PTYPE_L4_FRAG,
					BATON_PTYPE_L4_OTHER };
	const unsigned tags = entry >> EXN2_KIND_L2 & 3, kind = entry >> EXN2_KIND_L3 & 7;

	if (!tags && kind == 1)
		return BATON_PTYPE_L2_ARP;
	return (uint32_t)l2[tags] | l3[kind] | l4[entry >> EXN2_KIND_L4 & 7];
}

/* The tag and the type are in the last completion, time and mark in front of the packet. */
NIC_INLINE void
rx_describe(const struct nic_queue *nq, uint16_t first, uint16_t last, const uint8_t *hdr,
	    struct rx_info *info)
{
	const shared64 *done = nq->mem;
	const uint64_t entry = shared_load64(&done[last & nq->mask]);

	if (entry & EXN2_TAG) {
		info->valid |= BATON_SIDE_VLAN;
		info->vlan_tci = (uint16_t)(entry >> EXN2_TCI);
		info->vlan_type = entry & EXN2_TAG_S ? 0x88a8 : 0x8100;
	}
	info->valid |= BATON_SIDE_PTYPE;
	info->ptype = rx_ptype(entry);
	if (!nq->front)
		return;
	info->valid |= BATON_SIDE_TIME;
	info->timestamp = shared_load64_at(hdr + EXN2_PREFIX_TIME);
	info->mark = (uint32_t)shared_load64_at(hdr + EXN2_PREFIX_MARK);
	if (info->mark)
		info->valid |= BATON_SIDE_MARK;
}

NIC_INLINE void
rx_put(struct nic_queue *nq, uint16_t pos, uint16_t key, uint64_t iova)
{
	le64 *ring = (le64 *)nq->mem + nq->q.descs * (1 + nic_ring_of(nq, key));

	store_le64(&ring[key & nq->mask / 2], iova);
}

/* The device only reads descriptors. */
NIC_INLINE void
rx_again(struct nic_queue *nq, uint16_t pos, uint16_t key)
{
}

NIC_INLINE uint16_t
tx_published(const struct nic_queue *nq)
{
	const uint16_t end = (uint16_t)(nq->done + nq->q.descs);
	uint16_t pos = nq->done;
	uint64_t entry;

	while (pos != end && completed(nq, pos, &entry))
		pos++;
	return (uint16_t)(pos - nq->done);
}

/* The key of the completion @n after the next one. */
NIC_INLINE uint32_t
key_at(const struct nic_queue *nq, unsigned n)
{
	const shared64 *done = nq->mem;

	return (uint16_t)(shared_load64(&done[(nq->done + n) & nq->mask]) >> EXN2_PLACE);
}

NIC_INLINE uint32_t
tx_key(const struct nic_queue *nq)
{
	return key_at(nq, 0);
}

NIC_INLINE unsigned
tx_turn(const struct nic_queue *nq, unsigned n)
{
	unsigned i = 0;

	while (i < n && key_at(nq, i) == ((nq->tail + i) & nq->mask))
		i++;
	return i;
}

NIC_INLINE void
tx_put(struct nic_queue *nq, uint32_t d, uint64_t iova, uint32_t len, bool first, bool last,
       const struct tx_plan *p)
{
	struct exn2_tx_desc *ring = (void *)((le64 *)nq->mem + nq->q.descs);
	uint64_t info = len | (last ? EXN2_TX_END : 0);

	if (first && p && p->csum)
		info |= EXN2_TX_SUM | (uint64_t)p->csum_start << EXN2_TX_FROM |
			(uint64_t)p->csum_offset << EXN2_TX_OFFSET;
	store_le64(&ring[d].addr, iova);
	store_le64(&ring[d].info, info);
}

/* The doorbells: all that was posted since the start. */
NIC_INLINE void
commit(struct nic_queue *nq)
{
	const struct pci_reg *block = &exn2_queue_of(nq)->block;

	nic_doorbell(nq, block, EXN2_TAIL, nq->q.tx ? nq->head : nq->ring[0].posted);
	if (!nq->q.tx)
		nic_doorbell(nq, block, EXN2_REST_TAIL, nq->ring[1].posted);
}

static const struct rx_codec rx = {
	.any_order = true,
	.two_rings = true,
	.named = rx_named,
	.next = rx_next,
	.put = rx_put,
	.describe = rx_describe,
	.again = rx_again,
	.commit = commit,
};

static const struct tx_codec tx = {
	.any_order = true,
	.published = tx_published,
	.in_turn = tx_turn,
	.key = tx_key,
	.put = tx_put,
	.commit = commit,
};

#define NIC_RX      rx
#define NIC_TX      tx
#define NIC_NAME(x) exn2_##x
#define NIC_INFO
#include "nic/bursts.h"

/* ---- the device ---- */

static int
command(struct nic_dev *dev, uint32_t code, const char *what)
{
	int ret;

	nic_put32(dev, EXN2_COMMAND, code);
	ret = nic_pci_wait(&dev->pci->regs, EXN2_STATE, EXN2_ENDED, code, 1000, what);
	if (ret < 0 || !(nic_get32(dev, EXN2_STATE) & EXN2_ERROR))
		return ret;
	return baton_err(EIO, "%s: %s failed, STATE is %#x", dev->port.name, what,
			 nic_get32(dev, EXN2_STATE));
}

/* The device confirms the reset when it uses no memory any more. */
static int
quiesce(struct nic_dev *dev)
{
	return command(dev, EXN2_RESET, "the reset");
}

/* Read the link. Return: whether the device needs a reset. */
static bool
poll_device(struct nic_dev *dev)
{
	const uint32_t link = nic_get32(dev, EXN2_LINK);

	dev->link = link & EXN2_LINK_UP;
	__atomic_store_n(&dev->port.link.speed_mbps, link >> 8, __ATOMIC_RELAXED);
	return (nic_get32(dev, EXN2_STATE) & EXN2_ERROR) == EXN2_NO_MEMORY;
}

static int
identify(struct nic_dev *dev)
{
	const uint32_t v = nic_get32(dev, EXN2_LIMITS);
	const struct nic_limits limits = {
		.queues = v >> 8 & 0xff,
		.min_descs = 8,
		.max_descs = 1u << (v & 15),
		.frame = v >> 16,
		.mac = nic_get64(dev, EXN2_ADDRESS),
	};

	poll_device(dev);
	return nic_set_limits(dev, &limits);
}

static uint8_t
rx_front(const struct nic_dev *dev)
{
	const uint32_t prefix = BATON_OFFLOAD_RX_TIME | BATON_OFFLOAD_RX_MARK;

	return dev->port.offloads & prefix ? EXN2_PREFIX_BYTES : 0;
}

static uint32_t
options(const struct nic_dev *dev)
{
	const uint32_t offloads = dev->port.offloads;

	return (offloads & BATON_OFFLOAD_RX_VLAN ? EXN2_STRIP : 0) |
	       (offloads & BATON_OFFLOAD_RX_PTYPE ? EXN2_TYPE : 0) |
	       (rx_front(dev) ? EXN2_PREFIX : 0);
}

static int
start(struct nic_dev *dev)
{
	struct nic_queue *nq;

	nic_put32(dev, EXN2_OPTIONS, options(dev));
	for (unsigned i = 0; (nq = nic_queue(dev, i)); i++) {
		const uint32_t at = (nq->q.tx ? EXN2_TX : EXN2_RX) + nq->q.index * EXN2_BLOCK_BYTES;
		const uint64_t iova = nic_ring_iova(dev, nq);
		struct pci_reg *block = &exn2_queue_of(nq)->block;

		*block = pci_reg_part(&dev->pci->regs, at, EXN2_BLOCK_BYTES);
		pci_write64(block, EXN2_DONE, iova);
		pci_write64(block, EXN2_RING, iova + 8 * nq->q.descs);
		pci_write32(block, EXN2_PLACES, nq->q.descs / (nq->q.tx ? 1 : 2));
		if (nq->q.tx)
			continue;
		pci_write64(block, EXN2_REST, iova + 16 * nq->q.descs);
		pci_write32(block, EXN2_ROOM, nq->posted_len);
	}
	return command(dev, EXN2_START, "the start");
}

static uint32_t
rx_room(uint32_t bytes)
{
	return bytes / EXN2_ALIGN * EXN2_ALIGN;
}

static void
arm(struct nic_queue *nq, bool on)
{
	pci_write32(&exn2_queue_of(nq)->block, EXN2_WAKE, on);
}

static int
set_mac(struct nic_dev *dev, const uint8_t mac[6])
{
	nic_put64(dev, EXN2_ADDRESS, nic_mac_bits(mac));
	return 0;
}

static int
set_rx_mode(struct nic_dev *dev, enum port_rx_mode mode, bool on)
{
	nic_put_bits(dev, EXN2_ACCEPT, mode == PORT_RX_PROMISC ? 1 : 2, on);
	return 0;
}

/* ---- the driver ---- */

static const struct nic_pci_ops pci_ops = {
	.bar = 2,
	.bar_bytes = EXN2_BAR_BYTES,
	.id_reg = EXN2_SIGN,
	.id = EXN2_SIGN_VALUE,
	.only_rx_wakes = true,
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
	.bursts = &exn2_bursts,
	.ring_bits = 44,
	.data_bits = 52,
	.desc_bytes = 24,
	.offloads = BATON_OFFLOAD_RX_CSUM | BATON_OFFLOAD_RX_VLAN | BATON_OFFLOAD_RX_PTYPE |
		    BATON_OFFLOAD_RX_TIME | BATON_OFFLOAD_RX_MARK | BATON_OFFLOAD_TX_CSUM,
	.rx_room = rx_room,
	.rx_front = rx_front,
	.arm = arm,
	.set_mac = set_mac,
	.set_rx_mode = set_rx_mode,
};

static const struct port_ops port_ops = { NIC_PCI_DEV_PORT_OPS(struct exn2_queue) };

static const struct pci_id pci_ids[] = { { 0x4558, 0x0002 }, { 0, 0 } };

const struct baton_driver example2_driver = {
	.name = "net_example2",
	.args = nic_pci_args,
	.dma = true,
	.bounces = true,
	.ops = &port_ops,
	.pci_ids = pci_ids,
	.priv = &nic_ops,
};

BATON_DRIVER_FILE(&example2_driver);
