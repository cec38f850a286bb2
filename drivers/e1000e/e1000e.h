/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * net_e1000e: the driver of the Intel 82574L. Sections are of the Intel 82574 GbE Controller Family
 * Datasheet, 317694-018, revision 2.7.
 */
#ifndef E1000E_E1000E_H
#define E1000E_E1000E_H

#include "e1000e/regs.h"
#include "intel/intel.h"

struct e1000e_context {
	uint64_t addr, info;
};

struct e1000e_queue {
	struct nic_queue nq;
	struct pci_reg block; /* its registers */
	uint16_t reports; /* TX: the last descriptor of a packet that asks for its report itself,
			     since the last call of tx_report(); NO_PLACE: none */
	struct e1000e_context context; /* TX: that of checksums which the device has; zeros: none */
};

#define NO_PLACE UINT16_MAX

DEFINE_CONTAINER(e1000e_queue_of, struct e1000e_queue, nq)

/* ---- ring.c ---- */

extern const struct rx_codec e1000e_rx;
extern const struct tx_codec e1000e_tx;
extern const struct nic_bursts e1000e_bursts;

/* ---- hw.c; they return 0 or a negative errno with its sentence ---- */

/** Reset the device: 0 only if it confirms that it has no access to memory under way. */
int e1000e_reset(struct nic_dev *dev);

/** Read the MAC address, as nic_mac_bits(), out of an NVM whose checksum is right. */
int e1000e_read_mac(const struct nic_dev *dev, uint64_t *mac);

/** Own the PHY, or let go of it. */
int e1000e_own_phy(const struct nic_dev *dev, bool own);

#endif
