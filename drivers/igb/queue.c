/* SPDX-License-Identifier: BSD-3-Clause */
/* Queues: their registers, interrupts, start and stop. */
#include "igb/igb.h"

#define QUEUE_MS    20 /* for a queue to be enabled, or disabled */
#define WAKE_RATE   50 /* microseconds from one interrupt to the next at least */
#define BUFFER_STEP 1024u

/* ---- rings ---- */

/* 7.2.4: the device cuts TCP, and adds the lengths. */
void
igb_ring_attach(struct nic_dev *dev, struct nic_queue *nq)
{
	struct igb_queue *iq = igb_queue_of(nq);

	iq->reports = NO_PLACE;
	memset(iq->context, 0, sizeof(iq->context));
	nq->q.device_gso =
		dev->port.offloads & BATON_OFFLOAD_TX_TSO ? QUEUE_GSO_TCP4 | QUEUE_GSO_TCP6 : 0;
	nq->q.gso_bare = 1;
	nq->q.gso_heads = LONGEST_OFF;
}

/*
 * 8.10.2: a size for each queue. One of several queues that has no descriptors drops what is for
 * it, and does not hold up the others.
 */
static uint32_t
srrctl(const struct nic_dev *dev, const struct nic_queue *nq)
{
	return SRRCTL_ONE | nq->posted_len / BUFFER_STEP |
	       (FEATURE(rx_drop) && dev->port.info.rx_queues > 1 ? SRRCTL_DROP : 0);
}

/* 4.5.9, 4.5.10: tails are written when the queue is enabled. */
int
igb_ring_start(struct nic_dev *dev, struct nic_queue *nq)
{
	const uint32_t at = (nq->q.tx ? TX_QUEUE : RX_QUEUE) + QUEUE_BYTES * nq->q.index;
	struct pci_reg *block = &igb_queue_of(nq)->block;
	int ret;

	*block = pci_reg_part(&dev->pci->regs, at, QUEUE_BYTES);
	pci_write32(block, QUEUE_DCTL, 0);
	pci_write64(block, QUEUE_BASE, nic_ring_iova(dev, nq));
	pci_write32(block, QUEUE_LEN, nq->q.descs * (uint32_t)sizeof(struct igb_desc));
	if (nq->q.tx)
		pci_write64(block, QUEUE_WRITE_BACK, 0);
	else
		pci_write32(block, QUEUE_SRRCTL, srrctl(dev, nq));
	pci_write32(block, QUEUE_HEAD, 0);
	pci_write32(block, QUEUE_DCTL, DCTL_SET | DCTL_ENABLE);
	ret = nic_pci_wait(block, QUEUE_DCTL, DCTL_ENABLE, DCTL_ENABLE, QUEUE_MS,
			   "enabling a queue");
	pci_write32(block, QUEUE_TAIL, 0);
	return ret;
}

/* The same sections: the bit reads 0 when no access to the ring's memory is under way. */
int
igb_ring_stop(struct nic_dev *dev, struct nic_queue *nq)
{
	const struct pci_reg *block = &igb_queue_of(nq)->block;

	if (!FEATURE(queue_stop))
		return 0;
	pci_write32(block, QUEUE_DCTL, DCTL_SET);
	return nic_pci_wait(block, QUEUE_DCTL, DCTL_ENABLE, 0, QUEUE_MS, "disabling a queue");
}

uint32_t
igb_rx_room(uint32_t bytes)
{
	const uint32_t kib = bytes / BUFFER_STEP;

	return (kib < SRRCTL_KIB_MOST ? kib : SRRCTL_KIB_MOST) * BUFFER_STEP;
}

/* ---- interrupts ---- */

/* Vectors by queue and cause, and how often each may be raised: 7.3, 8.8. */
void
igb_start_vectors(struct nic_dev *dev)
{
	uint32_t ivar[IVAR_WORDS] = { 0 };
	struct nic_queue *nq;

	nic_put32(dev, GPIE, GPIE_MSIX | GPIE_PBA | GPIE_NSICR);
	for (unsigned i = 0; (nq = nic_queue(dev, i)); i++) {
		const unsigned queue = nq->q.index,
			       shift = (nq->q.tx ? IVAR_TX : 0) + queue / IVAR_WORDS * IVAR_HIGH;

		if (nq->vector >= VECTORS) /* there are no such ones */
			nq->vector = 0;
		if (!nq->vector)
			continue;
		if (nq->q.tx ? FEATURE(tx_wake) : FEATURE(rx_wake))
			ivar[queue % IVAR_WORDS] |= (IVAR_VALID | nq->vector) << shift;
		if (FEATURE(moderation))
			nic_put32(dev, EITR + 4u * nq->vector, WAKE_RATE << EITR_FIELD);
	}
	for (unsigned i = 0; i < IVAR_WORDS; i++)
		nic_put32(dev, IVAR + 4 * i, ivar[i]);
	nic_put32(dev, IVAR_MISC, IVAR_VALID << IVAR_OTHER);
	nic_put32(dev, EIAC, VECTORS_ALL);
	nic_put32(dev, IMS, CAUSE_LSC);
	nic_put32(dev, EIMS, 1u << 0); /* the vector of the others */
}

/*
 * A cause that is raised while it is masked would raise its interrupt when it is unmasked. It is
 * cleared first; the device has seen that when the read returns, and what it wrote before is there.
 */
void
igb_arm(struct nic_queue *nq, bool on)
{
	const struct nic_dev *dev = nic_of(nq->q.port);
	const uint32_t cause = 1u << nq->vector;

	if (!on) {
		nic_put32(dev, EIMC, cause);
		return;
	}
	nic_put32(dev, EICR, cause);
	nic_put32(dev, EIMS, cause);
	(void)nic_get32(dev, STATUS);
}
