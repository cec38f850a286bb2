/* SPDX-License-Identifier: BSD-3-Clause */
/* The PCI devices that a driver is for. */
#ifndef BATON_PCI_ID_H
#define BATON_PCI_ID_H

#include <stdint.h>

/* A driver's table ends with {0, 0}. */
struct pci_id {
	uint16_t vendor, device;
};

/* A PCI device that a driver knows and does not drive. A table ends with an entry without @why. */
struct pci_other {
	struct pci_id id;
	const char *why; /* "is X, and Y: do Z", for the error of opening it */
};

#endif
