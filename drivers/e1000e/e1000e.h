/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * net_e1000e: the driver of the Intel 82574L. Sections are of the Intel 82574 GbE Controller Family
 * Datasheet.
 */
#ifndef E1000E_E1000E_H
#define E1000E_E1000E_H

#include "e1000e/regs.h"
#include "nic/pci.h"

#define E1000E_COUNTERS 48

enum e1000e_pause { PAUSE_AS_IS, PAUSE_NONE, PAUSE_RX, PAUSE_TX, PAUSE_FULL };

struct e1000e_dev {
	struct nic_pci_dev pd;
	bool running; /* RCTL.EN and TCTL.EN are set */
	bool promisc, allmulti;
	bool filters_vlans;
	uint8_t pause;                      /* enum e1000e_pause, of the argument flow-control= */
	uint32_t pauses;                    /* CTRL_RFCE and CTRL_TFCE, as was negotiated */
	uint64_t counters[E1000E_COUNTERS]; /* sums of what the device counted: stats.c */
};

DEFINE_CONTAINER(e1000e_of, struct e1000e_dev, pd.nic)

struct e1000e_queue {
	struct nic_queue nq;
	struct pci_reg block; /* its registers */
	uint16_t reports; /* TX: the last descriptor of a packet that asks for its report itself,
			     since the last call of tx_report(); NO_PLACE: none */
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

/** See that the PHY answers, that it is on, and negotiates what is asked for. */
int e1000e_start_phy(struct nic_dev *dev);

/** Read the state of the link into dev->link and the port's, and what was negotiated when it came
 * up. */
void e1000e_read_link(struct nic_dev *dev);

/* ---- filter.c ---- */

/** Write RCTL as everything that is set asks for it. */
void e1000e_write_rctl(struct nic_dev *dev);
/** Clear all filters, but for the device's own address. */
void e1000e_clear_filters(struct nic_dev *dev);
/** Spread packets over the RX queues, if there are two, as long as nothing else is asked for. */
void e1000e_start_rss(struct nic_dev *dev);
int e1000e_set_rss(struct nic_dev *dev, const struct port_rss *rss);

int e1000e_set_mac(struct nic_dev *dev, const uint8_t mac[6]);
int e1000e_set_macs(struct nic_dev *dev, const uint8_t (*macs)[6], unsigned n);
int e1000e_set_rx_mode(struct nic_dev *dev, enum port_rx_mode mode, bool on);
int e1000e_set_vlan(struct nic_dev *dev, uint16_t vid, bool on);

/* ---- stats.c ---- */

/** Add what the device has counted since the last call, which sets its counters to 0. */
void e1000e_count(struct nic_dev *dev);
void e1000e_xstats(const struct baton_port *port, struct port_xstats *list);

#endif
