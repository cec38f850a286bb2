/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A PHY behind MDIO, as IEEE 802.3 has it: the registers of clause 22, autonegotiation of clause 28
 * with the pauses of annex 28B, and 1000BASE-T of clause 40.
 *
 * The kit has the PHY negotiate, or fix, what port->wants asks for, touches nothing that is so
 * already, and finds out which pauses both ends can. The driver knows how a register of the PHY is
 * reached, and what of the link the device itself has to be told.
 *
 * Control thread. What returns an int returns 0 or a negative errno with its sentence.
 */
#ifndef BATON_NIC_PHY_H
#define BATON_NIC_PHY_H

#include "nic/nic.h"

/* Speeds that a PHY need not negotiate. */
#define NIC_PHY_FIXED                                                                              \
	(BATON_SPEED_10_HALF | BATON_SPEED_10_FULL | BATON_SPEED_100_HALF | BATON_SPEED_100_FULL)

/* Bytes of the packet buffer, at least: the longest frame fits above the high water. */
#define NIC_PHY_BUFFER_MIN 12288u

struct nic_phy_state {
	bool up, full_duplex;
	uint16_t mbps;
};

struct nic_phy_ops {
	uint32_t speeds;              /* BATON_SPEED_* to choose from; 0: no choice */
	uint32_t rx_buffer;           /* bytes of the packet buffer for received packets */
	uint32_t flow_max, flow_step; /* as in struct port_link */

	/* Read or write register @reg of the PHY. */
	int (*mdio)(const struct nic_dev *dev, bool write, unsigned reg, uint16_t *value);
	/*
	 * Own the PHY, or let go of it, around all accesses that belong together: firmware may use
	 * it, too. NULL: nobody else does.
	 */
	int (*own)(const struct nic_dev *dev, bool own);
	/* Read the link, as the device has it. Return: whether the device is there. */
	bool (*state)(const struct nic_dev *dev, struct nic_phy_state *state);
	/* Set waters, time and forwarding of MAC control frames, as port->wants.flow has them. */
	void (*set_flow)(struct nic_dev *dev);
	/* A link has come up: use these pauses. */
	void (*set_pauses)(struct nic_dev *dev, enum baton_pause mode);
};

/* A part of the driver's device. */
struct nic_phy {
	bool has_mode;  /* which pauses to advertise is known */
	bool settled;   /* the link is up, and `pauses` is what was negotiated */
	uint8_t pauses; /* enum baton_pause, of the link that was up last */
};

/** The argument flow-control=, and what checks it and those of PCI: of the driver's tables. */
extern const struct baton_arg nic_phy_args[];
int nic_phy_check(const struct baton_driver *driver, const struct port_arg *args, unsigned n);

/**
 * Say what can be asked of the link, and which pauses an argument asks for; dev->ops->phy has the
 * struct nic_phy_ops. Without an argument, they are those that the PHY advertises when it is first
 * started. Of open(), before it is left.
 */
int nic_phy_open(struct nic_dev *dev, struct nic_phy *phy, const struct port_arg *args, unsigned n);

/** See that the PHY answers, that it is on, and does what is asked for. Of identify(). */
int nic_phy_start(struct nic_dev *dev);

/** The same, and flow control. Of struct nic_ops. */
int nic_phy_set_link(struct nic_dev *dev);

/**
 * Read the state of the link into dev->link and the port's; when it has come up, find out which
 * pauses were negotiated. Of identify(), behind nic_phy_start(), and of poll().
 */
void nic_phy_read_link(struct nic_dev *dev);

#endif
