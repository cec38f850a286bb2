/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the 82574L and the 82576 have in common, register by register: access to the NVM and to the
 * PHY, and the tables of RSS. Sections are of the Intel 82574 GbE Controller Family Datasheet; the
 * Intel 82576 Gigabit Ethernet Controller Datasheet has the same in 6.2, 8.2.4 and 8.4.
 *
 * All return 0 or a negative errno with its sentence.
 */
#ifndef INTEL_INTEL_H
#define INTEL_INTEL_H

#include "nic/pci.h"

#define INTEL_MDIC_WRITE (1u << 26)
#define INTEL_MDIC_READ  (2u << 26)

#define INTEL_RETA_ENTRIES 128u /* of the table of RSS */

/** Access register @reg of the PHY, which the caller owns: @op of INTEL_MDIC_*. 10.2.2.7. */
int intel_mdic(const struct nic_dev *dev, uint32_t op, uint32_t reg, uint16_t *value);

/** Check the sum of the NVM's first words, 6.1.2.3; its first three are copied into @first. */
int intel_check_nvm(const struct nic_dev *dev, uint16_t first[3]);

/** The MAC address of the NVM, as nic_mac_bits(): check that it is one. */
int intel_check_mac(const struct nic_dev *dev, uint64_t mac);

/**
 * Write the key and the table of RSS, four entries in a word: RSSRK and RETA, 10.2.5.16, 10.2.5.17.
 *
 * @rss:   what the port has; without a table, entries go round the RX queues.
 * @shift: where in an entry the number of the queue is.
 */
void intel_put_rss(const struct nic_dev *dev, const struct port_rss *rss, unsigned shift);

#endif
