/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What every model of a PCI device has: a function behind struct pci_os, with configuration space,
 * one BAR of registers, MSI-X, and memory that it reaches only through what is mapped in the
 * address space of its port, with the rights that are mapped. Registers are calls.
 */
#ifndef PCI_MODEL_H
#define PCI_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "ctx/ctx.h"
#include "pci/pci_device.h"

#define PCI_MODEL_BDF     "0000:00:05.0"
#define PCI_MODEL_VECTORS 32 /* at most */

struct pci_model;

/* The device: who it is, its registers. */
struct pci_model_device {
	uint16_t vendor, device;
	unsigned bar;
	uint32_t bar_bytes;
	unsigned vectors;
	/* @off is in the BAR, and so are the @n bytes from there on. */
	uint32_t (*read)(struct pci_model *m, uint32_t off, size_t n);
	void (*write)(struct pci_model *m, uint32_t off, size_t n, uint32_t v);
	/* The function was reset. */
	void (*reset)(struct pci_model *m);
};

struct pci_model {
	struct pci_os os; /* first */
	const struct pci_model_device *device;
	char sys[64];
	uint8_t config[256];
	struct baton_ioas *ioas; /* NULL: not attached */
	int irq[PCI_MODEL_VECTORS], err_fd, req_fd;
	unsigned attached;

	/* how it misbehaves */
	bool dead;      /* all ones */
	bool keeps_on;  /* it does not give up bus mastering */
	bool no_reset;  /* the function cannot be reset either */
	unsigned stray; /* accesses to what is not mapped for it */
};

/** Make the function, and let the context's PCI devices come from here. The caller resets it. */
void pci_model_start(struct pci_model *m, const struct pci_model_device *device,
		     struct baton_ctx *ctx);
void pci_model_stop(struct pci_model *m);

/** Read or write memory as the device. Return: false: the device cannot, and that is counted. */
bool pci_model_dma(struct pci_model *m, uint64_t iova, void *bytes, size_t n, bool write);
/** Whether the device could, without trying. */
bool pci_model_reaches(const struct pci_model *m, uint64_t iova, uint64_t n, bool write);
bool pci_model_read64(struct pci_model *m, uint64_t iova, uint64_t *v);
bool pci_model_write64(struct pci_model *m, uint64_t iova, uint64_t v);

/** Raise a vector, if there is one and it is connected. */
void pci_model_interrupt(struct pci_model *m, unsigned vector);

/** Raise the error or the request interrupt. */
void pci_model_signal(int fd);

/** Fill in a checksum: of the bytes from @start on, stored @offset further, where what is there
 * counts. */
void pci_model_csum(uint8_t *frame, uint32_t len, uint32_t start, uint32_t offset);

#endif
