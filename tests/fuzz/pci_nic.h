/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A NIC on PCI for the fuzzer: the function is a model of tests/driver (pci_model.h), whose
 * registers the driver writes; what it confirms, and how it goes, is the fuzzer's. The rings are
 * the device's own.
 */
#ifndef FUZZ_PCI_NIC_H
#define FUZZ_PCI_NIC_H

#include "../driver/pci_model.h"
#include "fuzz.h"

struct fuzz_pci_ops {
	/* The driver is about to write to a register. Return: false: the device does not take it.
	 */
	bool (*write)(uint32_t off, uint32_t value);
	/* The device uses no ring any more. */
	void (*let_go)(void);
	/* It needs a reset, and raises the interrupt for that. */
	void (*fail)(void);
};

/* The state of such a device begins with this. */
struct fuzz_pci {
	struct pci_model *m;
	const struct fuzz_pci_ops *ops;
	const struct pci_model_device *real; /* what the model is */
	struct pci_model_device device;      /* and what the driver gets */
	struct pci_os os;                    /* the model's */
};

/** From now on what the driver asks of the model comes here first. */
void fuzz_pci_connect(struct pci_model *m, const struct fuzz_pci_ops *ops);

/** The driver resets the device by a register: it is reset, or goes on (m->keeps_config). */
void fuzz_pci_reset(void);

/** Where the device sees what is mapped at @iova; NULL: it does not. */
uint8_t *fuzz_pci_at(const struct fuzz *f, uint64_t iova, uint32_t len, bool write);

/** Where a ring at @iova is in this process; NULL: not all of it is mapped. */
void *fuzz_pci_ring(uint64_t iova, uint32_t bytes);

/* Of struct fuzz_device. */
void fuzz_pci_lost(struct fuzz *f, unsigned how);
void fuzz_pci_back(struct fuzz *f, unsigned how);
void fuzz_pci_obey(struct fuzz *f);

#endif
