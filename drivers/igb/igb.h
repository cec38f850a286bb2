/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * net_igb: the driver of the Intel 82576. Sections are of the Intel 82576 Gigabit Ethernet
 * Controller Datasheet.
 */
#ifndef IGB_IGB_H
#define IGB_IGB_H

#include "igb/regs.h"
#include "intel/intel.h"

struct igb_dev {
	struct intel_dev intel;
	uint64_t dropped; /* the sum of all queues' RQDPC */
};

DEFINE_CONTAINER(igb_of, struct igb_dev, intel.pd.nic)

struct igb_context {
	uint64_t addr, info;
};

struct igb_queue {
	struct nic_queue nq;
	struct pci_reg block; /* its registers */
	uint16_t reports;   /* TX: the last descriptor of a packet that asks for its report itself,
			       since the last call of tx_report(); NO_PLACE: none */
	uint16_t first;     /* TX: of the packet that is being written, the first descriptor, */
	uint32_t first_len; /* its bytes, */
	uint32_t len;       /* and those of all so far */
	struct igb_context context[CONTEXTS]; /* TX: those that the device has; zeros: none */
	uint8_t named;                        /* TX: which one the last packet names */
};

#define NO_PLACE UINT16_MAX

DEFINE_CONTAINER(igb_queue_of, struct igb_queue, nq)

/* ---- ring.c ---- */

extern const struct rx_codec igb_rx;
extern const struct tx_codec igb_tx;
extern const struct nic_bursts igb_bursts;

/* ---- hw.c; they return 0 or a negative errno with its sentence ---- */

/** Reset the device: 0 only if it confirms that it has no access to memory under way. */
int igb_reset(struct nic_dev *dev);

/** Read the MAC address, as nic_mac_bits(), that the device has out of an NVM whose checksum is
 * right. */
int igb_read_mac(const struct nic_dev *dev, uint64_t *mac);

/** Own the PHY, or let go of it. */
int igb_own_phy(const struct nic_dev *dev, bool own);

/* ---- queue.c: of struct nic_ops ---- */

void igb_ring_attach(struct nic_dev *dev, struct nic_queue *nq);
int igb_ring_start(struct nic_dev *dev, struct nic_queue *nq);
int igb_ring_stop(struct nic_dev *dev, struct nic_queue *nq);
uint32_t igb_rx_room(uint32_t bytes);
void igb_arm(struct nic_queue *nq, bool on);

/** Which vector each queue raises, and how often. */
void igb_start_vectors(struct nic_dev *dev);

/* ---- stats.c ---- */

/** Add what the device has counted since the last call: intel_count() and RQDPC. */
void igb_count(struct nic_dev *dev);
void igb_xstats(const struct baton_port *port, struct port_xstats *list);

#endif
