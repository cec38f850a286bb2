/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device on PCI: its address space, opening and closing it, its interrupts, its end.
 *
 * The kit opens the device in an address space that fits what was asked for, confined or not; has
 * it confirm a reset before its memory is used again; connects interrupts to queues; watches for
 * errors, for the kernel's request to give it back, and for a device that reads as all ones; and
 * restarts one that failed. The driver knows the registers.
 *
 * Control thread.
 */
#ifndef BATON_NIC_PCI_H
#define BATON_NIC_PCI_H

#include <baton/ioas.h>

#include "nic/nic.h"
#include "pci/pci_device.h"

struct nic_pci_ops {
	/* Bytes of registers in a BAR, for nic_get32() and the like; 0: find() has them. */
	uint32_t bar_bytes;
	uint8_t bar;
	bool only_rx_wakes;  /* vectors from 1 on are those of the RX queues; TX has none */
	uint32_t id_reg, id; /* what the register at id_reg always reads; 0: there is none such */

	/* The device was opened: find what else there is of it. NULL: nothing. */
	int (*find)(struct nic_dev *dev);
	/*
	 * It was reset by quiesce(): read what it is and has. If it was open before, it must have
	 * at least what it had then.
	 */
	int (*identify)(struct nic_dev *dev);
	/* The device is about to be closed: its registers are unmapped. NULL: nothing. */
	void (*forget)(struct nic_dev *dev);
	/* Reset by registers. Return 0 only if the device confirms that it let go of all memory. */
	int (*quiesce)(struct nic_dev *dev);
	/*
	 * Start the device, which was reset, may access memory, and has its vectors: before the
	 * rings are (nic_ops.ring_start(); NULL: nothing), and after that.
	 */
	int (*prepare)(struct nic_dev *dev);
	int (*start)(struct nic_dev *dev);
	/*
	 * Tell the device that it was not set up: identify, prepare, a ring_start or start failed.
	 * NULL: it need not be told.
	 */
	void (*failed)(struct nic_dev *dev);
	/*
	 * Look at the device: vector 0 was raised, or the tick came. Set dev->link. Return: whether
	 * the device says that it needs a reset.
	 */
	bool (*poll)(struct nic_dev *dev);
	unsigned tick_ms; /* poll() at least so often; 0: only for vector 0 */
};

struct nic_pci {
	const struct nic_pci_ops *ops;
	struct nic_dev *nic;
	struct pci_device *dev; /* NULL: the device is closed */
	struct pci_reg regs;    /* bar_bytes of the BAR */
	struct baton_ioas *ioas;
	struct ctx_source change; /* vector 0; fd -1: none */
	struct ctx_timer retry;   /* the next step for a device that failed */
	struct ctx_timer tick;
	uint64_t failed_ns;  /* when it failed last */
	uint64_t recoveries; /* a statistic of the port, "reconnects" */
	uint8_t behind_iommu;
	uint8_t leaving; /* the kernel wants the device back, or it is removed */
	uint8_t owns_ioas;
	char bdf[PCI_BDF_SIZE];
	char ioas_name[32]; /* the backend asked for */
	char space[32];     /* its description, for messages */
};

/* A driver's device, if it needs nothing else there. */
struct nic_pci_dev {
	struct nic_dev nic;
	struct nic_pci pci;
};

/** Open the device that the port is named after; dev->ops->pci has its struct nic_pci_ops. */
int nic_pci_open(struct nic_dev *dev, struct nic_pci *pci, const struct port_arg *args, unsigned n);
void nic_pci_close(struct nic_dev *dev);

/* The arguments that it takes. */
extern const struct baton_arg nic_pci_args[];

/**
 * Wait until the bits @mask of a register read @value, a device's answer.
 *
 * @what: what is waited for, as "the reset". Return: 0; -ETIMEDOUT after @ms; -ENODEV for a device
 * that reads as all ones.
 */
int nic_pci_wait(const struct pci_reg *r, uint32_t off, uint32_t mask, uint32_t value, unsigned ms,
		 const char *what);

/* ---- registers in the BAR ---- */

static inline uint32_t
nic_get32(const struct nic_dev *dev, uint32_t reg)
{
	return pci_read32(&dev->pci->regs, reg);
}

static inline void
nic_put32(const struct nic_dev *dev, uint32_t reg, uint32_t value)
{
	pci_write32(&dev->pci->regs, reg, value);
}

/* Two registers, the lower half first. */
static inline uint64_t
nic_get64(const struct nic_dev *dev, uint32_t reg)
{
	return pci_read64(&dev->pci->regs, reg);
}

static inline void
nic_put64(const struct nic_dev *dev, uint32_t reg, uint64_t value)
{
	pci_write64(&dev->pci->regs, reg, value);
}

/** Set or clear bits of a register that reads as it was written. */
static inline void
nic_put_bits(const struct nic_dev *dev, uint32_t reg, uint32_t bits, bool on)
{
	const uint32_t old = nic_get32(dev, reg);

	nic_put32(dev, reg, on ? old | bits : old & ~bits);
}

/* ---- the tables of a driver ---- */

/* Of struct port_ops. */
int nic_pci_check(const struct baton_driver *driver, const struct port_arg *args, unsigned n);
void nic_pci_xstats(const struct baton_port *port, struct port_xstats *list);

/** Ring a doorbell: a store to the register @off of @r, counted as the queue's notification. */
static inline void
nic_doorbell(struct nic_queue *nq, const struct pci_reg *r, uint32_t off, uint32_t value)
{
	queue_count(&nq->q.stats.kicks, 1);
	pci_write32(r, off, value);
}

/* Of struct nic_ops. */
int nic_pci_dev_open(struct nic_dev *dev, const struct port_arg *args, unsigned n);
int nic_pci_ready(struct nic_dev *dev);
int nic_pci_renew_space(struct nic_dev *dev);
int nic_pci_start(struct nic_dev *dev);
int nic_pci_stop(struct nic_dev *dev); /* also `lost` */
int nic_pci_reset(struct nic_dev *dev);

/* All but open and close: the driver's call nic_pci_open() and nic_pci_close(). */
#define NIC_PCI_OPS                                                                                \
	.ready = nic_pci_ready, .renew_space = nic_pci_renew_space, .start = nic_pci_start,        \
	.stop = nic_pci_stop, .lost = nic_pci_stop, .reset = nic_pci_reset

/* All of a driver's whose device is a struct nic_pci_dev, and of its struct port_ops. */
#define NIC_PCI_DEV_OPS NIC_PCI_OPS, .open = nic_pci_dev_open, .close = nic_pci_close
#define NIC_PCI_DEV_PORT_OPS(queue)                                                                \
	NIC_PORT_OPS(struct nic_pci_dev, queue), .check = nic_pci_check, .xstats = nic_pci_xstats

#endif
