/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What every model of a PCI device has: a function behind struct pci_os, with configuration space,
 * one BAR of registers, MSI-X, and memory that it reaches only through what is mapped in the
 * address space of its port, with the rights that are mapped. Registers are calls, except for what
 * can be mapped. Any call to the operating system can be made to fail.
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
	const char *bdf;
	uint16_t vendor, device;
	unsigned bar;
	uint32_t bar_bytes;
	unsigned vectors;
	/* @off is in the BAR, and so are the @n bytes from there on. */
	uint32_t (*read)(struct pci_model *m, uint32_t off, size_t n);
	void (*write)(struct pci_model *m, uint32_t off, size_t n, uint32_t v);
	/* It was reset: as a function, or since it was closed. */
	void (*reset)(struct pci_model *m, bool function);
};

struct pci_model {
	struct pci_os os; /* first */
	const struct pci_model_device *device;
	char sys[64];
	uint8_t config[256];
	struct baton_ioas *ioas; /* NULL: not attached */
	int irq[PCI_MODEL_VECTORS], err_fd, req_fd;

	/* what it is */
	uint32_t vectors;
	uint64_t bar_size;
	bool can_reset, has_err;
	int fd; /* the BAR's memory; -1: there is none */
	/* Number of areas of the BAR that can be mapped, and the first; the others have no bytes.
	 * 0: everything goes through the descriptor. */
	uint32_t mappable;
	uint64_t map_off, map_bytes;

	/* how it misbehaves */
	bool dead;         /* all ones */
	bool keeps_config; /* it takes no new command, so it does not give up bus mastering */
	bool no_reset;     /* a reset of the function fails */
	unsigned stray;    /* accesses to what is not mapped for it */

	/* the Nth call to the operating system fails */
	unsigned calls, fail_at;
	int fail_with;

	unsigned attached, mapped; /* what is open */
	unsigned resets;           /* of the function */
};

/** Make the function, which is in the PCI bus of ctx->pci_os = &m->os. The caller resets it. */
void pci_model_start(struct pci_model *m, const struct pci_model_device *device);
void pci_model_stop(struct pci_model *m);

/** Make its sysfs, with the device in it, and remove it. For the two above. */
void pci_model_make_sys(struct pci_model *m);
void pci_model_drop_sys(const struct pci_model *m);

/** Put the device into IOMMU group 7 of sysfs, and beside it, unless @bdf is NULL, a device of that
 * class ("0x020000") and driver (NULL: none). */
void pci_model_group(struct pci_model *m, const char *bdf, const char *class, const char *driver);

/** Read or write memory as the device. Return: false: the device cannot, and that is counted. */
bool pci_model_dma(struct pci_model *m, uint64_t iova, void *bytes, size_t n, bool write);
/** Whether the device could, without trying. */
bool pci_model_reaches(const struct pci_model *m, uint64_t iova, uint64_t n, bool write);
bool pci_model_read64(struct pci_model *m, uint64_t iova, uint64_t *v);
bool pci_model_write64(struct pci_model *m, uint64_t iova, uint64_t v);

/** Raise a vector, if there is one and it is connected. */
void pci_model_interrupt(struct pci_model *m, unsigned vector);

/** Raise an interrupt that is connected: a vector's, the error's, the request's. */
void pci_model_signal(int fd);

/** Fill in a checksum: of the bytes from @start on, stored @offset further, where what is there
 * counts. */
void pci_model_csum(uint8_t *frame, uint32_t len, uint32_t start, uint32_t offset);

#endif
