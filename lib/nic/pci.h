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

/* What a driver found when it was asked to look at its device. */
enum nic_pci_health {
	NIC_PCI_GOOD,
	NIC_PCI_ALL_ONES, /* a register that never is: the device may be removed */
	NIC_PCI_FAILED,   /* the device says that it needs a reset */
};

struct nic_pci_ops {
	/* The device was opened: find its registers. */
	int (*find)(struct nic_dev *dev);
	/*
	 * It was reset by quiesce(): read what it is and has. If it was open before, it must have
	 * at least what it had then.
	 */
	int (*identify)(struct nic_dev *dev);
	/* The device is about to be closed: its registers are unmapped. */
	void (*forget)(struct nic_dev *dev);
	/* Reset by registers. Return 0 only if the device confirms that it let go of all memory. */
	int (*quiesce)(struct nic_dev *dev);
	/* Start the device and the rings. It was reset, may access memory, and has its vectors. */
	int (*start)(struct nic_dev *dev);
	/*
	 * Look at the device: vector 0 was raised, or the tick came. Link changes are reported by
	 * port_link().
	 */
	enum nic_pci_health (*poll)(struct nic_dev *dev);
	unsigned tick_ms; /* poll() at least so often; 0: only for vector 0 */
};

struct nic_pci {
	const struct nic_pci_ops *ops;
	struct nic_dev *nic;
	struct pci_device *dev; /* NULL: the device is closed */
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

/** Open the device that the port is named after: @ioas is the argument, or NULL. */
int nic_pci_open(struct nic_dev *dev, struct nic_pci *pci, const struct nic_pci_ops *ops,
		 const char *ioas);
void nic_pci_close(struct nic_dev *dev);

/** The vector of a queue; 0: the device has none left for it. */
unsigned nic_pci_vector(const struct nic_dev *dev, const struct nic_queue *nq);

/**
 * Wait until the bits @mask of a register read 0, a device's answer.
 *
 * @what: what is waited for, as "the reset". Return: 0; -ETIMEDOUT after @ms; -ENODEV for a device
 * that reads as all ones.
 */
int nic_pci_wait_clear(const struct pci_reg *r, uint32_t off, uint32_t mask, unsigned ms,
		       const char *what);

/** Of struct port_ops: the device's counters. */
void nic_pci_xstats(const struct baton_port *port, struct port_xstats *list);

/* Of struct nic_ops. */
int nic_pci_ready(struct nic_dev *dev);
int nic_pci_renew_space(struct nic_dev *dev);
int nic_pci_start(struct nic_dev *dev);
int nic_pci_stop(struct nic_dev *dev); /* also `lost` */
int nic_pci_reset(struct nic_dev *dev);

/* All of them. The driver's open() calls nic_pci_open(), its close() nic_pci_close(). */
#define NIC_PCI_OPS                                                                                \
	.ready = nic_pci_ready, .renew_space = nic_pci_renew_space, .start = nic_pci_start,        \
	.stop = nic_pci_stop, .lost = nic_pci_stop, .reset = nic_pci_reset

#endif
