/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the 82574L and the 82576 have in common, register by register: reset, access to the NVM and
 * to the PHY, filters, RSS, the clock and counters. Sections are of the Intel 82574 GbE Controller
 * Family Datasheet; the Intel 82576 Gigabit Ethernet Controller Datasheet has the same
 * in 6.2, 8.2.4, 8.4, 8.10 and 8.19.
 *
 * What returns an int returns 0 or a negative errno with its sentence.
 */
#ifndef INTEL_INTEL_H
#define INTEL_INTEL_H

#include "base/validate.h"
#include "intel/regs.h"
#include "nic/pci.h"
#include "nic/phy.h"

#define INTEL_COUNTERS 56

/* A register of 32 bits that counts, or the first of two, of which the second clears both. */
struct intel_counter {
	uint16_t at; /* behind STATS */
	bool pair;
	const char *name;
};

/* In what the two differ: `priv` of a driver's struct nic_ops. */
struct intel_kind {
	uint32_t rss_types;           /* BATON_RSS_* */
	uint32_t mrqc, mrqc_ipv6_tcp; /* RSS on; TCP over IPv6 */
	uint8_t reta_shift;           /* in an entry of RETA, the number of the queue */
	uint8_t addresses;            /* entries of RAL and RAH */
	uint8_t tick_ns;              /* from one tick of the clock to the next */
	/* What the other one does not have; one without a name behind the last. */
	const struct intel_counter *counters;
};

struct intel_dev {
	struct nic_pci_dev pd;
	bool running; /* RCTL.EN and TCTL.EN are set */
	bool promisc, allmulti, filters_vlans;
	struct nic_phy phy;
	uint32_t rctl;                     /* bits for all packets, as sizes of buffers */
	uint64_t clock;                    /* to be added to its times, modulo 2^64 */
	uint64_t counters[INTEL_COUNTERS]; /* sums of what the device counted: stats.c */
};

DEFINE_CONTAINER(intel_of, struct intel_dev, pd.nic)

static inline const struct intel_kind *
intel_kind(const struct nic_dev *dev)
{
	return dev->ops->priv;
}

/* ---- device.c ---- */

/* Of struct nic_ops. */
int intel_open(struct nic_dev *dev, const struct port_arg *args, unsigned n);
void intel_configure(struct nic_dev *dev);

/** Stop everything and reset the device: 0 only if no access to memory is under way any more. */
int intel_reset(struct nic_dev *dev);

/** Sleep for @ms milliseconds, less than 1000. */
void intel_pause(unsigned ms);

/* ---- link.c ---- */

/* Of struct nic_phy_ops. */
int intel_mdio(const struct nic_dev *dev, bool write, unsigned reg, uint16_t *value);
bool intel_link_state(const struct nic_dev *dev, struct nic_phy_state *state);
void intel_set_flow(struct nic_dev *dev);
void intel_set_pauses(struct nic_dev *dev, enum baton_pause mode);

/** The bits of CTRL_PAUSES. */
static inline uint32_t
intel_pause_bits(uint8_t mode)
{
	return FEATURE(flow_control) ? mode * CTRL_RFCE : 0;
}

/* Most of struct nic_phy_ops. RX_BUFFER is the driver's; the device needs the rest above FCRTH. */
#define INTEL_PHY_OPS                                                                              \
	.speeds = FEATURE(link_speed) ? NIC_PHY_FIXED | BATON_SPEED_1000_FULL : 0,                 \
	.rx_buffer = RX_BUFFER, .flow_max = RX_BUFFER - 48, .flow_step = 16, .mdio = intel_mdio,   \
	.state = intel_link_state, .set_flow = intel_set_flow, .set_pauses = intel_set_pauses

/* ---- nvm.c ---- */

/** Check the sum of the NVM's first words, 6.1.2.3; its first three are copied into @first. */
int intel_check_nvm(const struct nic_dev *dev, uint16_t first[3]);

/** The MAC address of the NVM, as nic_mac_bits(): check that it is one. */
int intel_check_mac(const struct nic_dev *dev, uint64_t mac);

/* ---- filter.c ---- */

/** Write RCTL as everything that is set asks for it. */
void intel_write_rctl(struct nic_dev *dev);
/** Clear all filters, but for the device's own address. */
void intel_clear_filters(struct nic_dev *dev);

/* Of struct nic_ops. */
int intel_set_mac(struct nic_dev *dev, const uint8_t mac[6]);
int intel_set_macs(struct nic_dev *dev, const uint8_t (*macs)[6], unsigned n);
int intel_set_rx_mode(struct nic_dev *dev, enum port_rx_mode mode, bool on);
int intel_set_vlan(struct nic_dev *dev, uint16_t vid, bool on);

/* ---- rss.c ---- */

/** Spread packets over the RX queues, if there are several, as long as nothing else is asked for.
 */
void intel_start_rss(struct nic_dev *dev);
int intel_set_rss(struct nic_dev *dev, const struct port_rss *rss); /* of struct nic_ops */

/* ---- clock.c ---- */

#define INTEL_EVENTS (BATON_OFFLOAD_RX_EVENT | BATON_OFFLOAD_TX_EVENT)

/** Start the clock, and taking the times that the port is configured for; or see that none are
 * taken.
 */
void intel_start_clock(struct nic_dev *dev);
int intel_clock(struct nic_dev *dev, enum port_clock what, uint64_t *ns); /* of struct nic_ops */

/* ---- stats.c ---- */

/** Add what the device has counted since the last call, which sets its counters to 0. */
void intel_count(struct nic_dev *dev);
/** List the sums. */
void intel_xstats(const struct baton_port *port, struct port_xstats *list);

/* Of struct nic_ops, with those of the kit. */
#define INTEL_OPS                                                                                  \
	NIC_PCI_OPS, .close = nic_pci_close, .configure = intel_configure,                         \
		     .set_mac = intel_set_mac, .set_rx_mode = intel_set_rx_mode,                   \
		     .set_macs = intel_set_macs, .set_vlan = intel_set_vlan,                       \
		     .set_rss = intel_set_rss, .set_link = nic_phy_set_link, .clock = intel_clock

#endif
