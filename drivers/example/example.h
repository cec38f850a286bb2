/* SPDX-License-Identifier: BSD-3-Clause */
/* net_example: the driver of the EXN1 (docs/example-nic.md). */
#ifndef EXAMPLE_EXAMPLE_H
#define EXAMPLE_EXAMPLE_H

#include "nic/bursts_decl.h"
#include "nic/pci.h"
#include "regs.h"

struct exn_queue {
	struct nic_queue nq;
	struct exn_desc *ring;
	struct pci_reg block; /* its registers */
};

struct exn_dev {
	struct nic_dev nic;
	struct nic_pci pci;
	struct pci_reg regs;
	uint32_t rxmode;
};

static inline struct exn_queue *
exn_queue_of(struct nic_queue *nq)
{
	return (struct exn_queue *)(void *)nq;
}

static inline const struct exn_queue *
exn_queue_of_const(const struct nic_queue *nq)
{
	return (const struct exn_queue *)(const void *)nq;
}

static inline struct exn_dev *
exn_of(struct nic_dev *dev)
{
	return (struct exn_dev *)(void *)dev;
}

#define EXN_NAME(x) exn_##x
NIC_DECLARE_BURSTS(EXN_NAME);

/* The first place that the device may not use. */
static inline void
exn_doorbell(struct nic_queue *nq, uint16_t position)
{
	pci_write32(&exn_queue_of(nq)->block, EXN_TAIL, position & nq->mask);
}

extern const struct rx_codec exn_rx;
extern const struct tx_codec exn_tx;

#endif
