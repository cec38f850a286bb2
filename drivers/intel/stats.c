/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The device's own counters (10.2.7; 8.19 of the 82576), under DPDK's names. Reading one sets it
 * to 0, so that they are summed up here, at each tick at least. Those of bytes are pairs, whose
 * second half clears both.
 */
#include "intel/intel.h"

static const struct intel_counter counters[] = {
	{ 0x00, false, "rx_crc_errors" },
	{ 0x04, false, "rx_align_errors" },
	{ 0x0c, false, "rx_phy_error_packets" },
	{ 0x10, false, "rx_missed_packets" },
	{ 0x14, false, "tx_single_collision_packets" },
	{ 0x18, false, "tx_excessive_collision_packets" },
	{ 0x1c, false, "tx_multiple_collision_packets" },
	{ 0x20, false, "tx_late_collisions" },
	{ 0x28, false, "tx_total_collisions" },
	{ 0x30, false, "tx_deferred_packets" },
	{ 0x34, false, "tx_no_carrier_sense_packets" },
	{ 0x40, false, "rx_length_errors" },
	{ 0x48, false, "rx_xon_packets" },
	{ 0x4c, false, "tx_xon_packets" },
	{ 0x50, false, "rx_xoff_packets" },
	{ 0x54, false, "tx_xoff_packets" },
	{ 0x58, false, "rx_flow_control_unsupported_packets" },
	{ 0x5c, false, "rx_size_64_packets" },
	{ 0x60, false, "rx_size_65_to_127_packets" },
	{ 0x64, false, "rx_size_128_to_255_packets" },
	{ 0x68, false, "rx_size_256_to_511_packets" },
	{ 0x6c, false, "rx_size_512_to_1023_packets" },
	{ 0x70, false, "rx_size_1024_to_max_packets" },
	{ 0x78, false, "rx_broadcast_packets" },
	{ 0x7c, false, "rx_multicast_packets" },
	{ 0xa0, false, "rx_no_buffer_packets" },
	{ 0xa4, false, "rx_undersize_errors" },
	{ 0xa8, false, "rx_fragment_errors" },
	{ 0xac, false, "rx_oversize_errors" },
	{ 0xb0, false, "rx_jabber_errors" },
	{ 0xb4, false, "rx_management_packets" },
	{ 0xb8, false, "rx_management_dropped" },
	{ 0xbc, false, "tx_management_packets" },
	{ 0xc0, true, "rx_total_bytes" },
	{ 0xc8, true, "tx_total_bytes" },
	{ 0xd0, false, "rx_total_packets" },
	{ 0xd4, false, "tx_total_packets" },
	{ 0xd8, false, "tx_size_64_packets" },
	{ 0xdc, false, "tx_size_65_to_127_packets" },
	{ 0xe0, false, "tx_size_128_to_255_packets" },
	{ 0xe4, false, "tx_size_256_to_511_packets" },
	{ 0xe8, false, "tx_size_512_to_1023_packets" },
	{ 0xec, false, "tx_size_1024_to_max_packets" },
	{ 0xf0, false, "tx_multicast_packets" },
	{ 0xf4, false, "tx_broadcast_packets" },
	{ 0xf8, false, "tx_tso_packets" },
	{ 0x100, false, "interrupt_assert_count" },
};

#define N_COUNTERS (sizeof(counters) / sizeof(counters[0]))

_Static_assert(N_COUNTERS + 8 <= INTEL_COUNTERS, "room for those of one device");

/* The counters of both devices, then the device's own. Return: NULL after the last. */
static const struct intel_counter *
counter(const struct nic_dev *dev, unsigned i)
{
	const struct intel_kind *kind = intel_kind(dev);

	if (i < N_COUNTERS)
		return &counters[i];
	i -= N_COUNTERS;
	return kind->counters[i].name ? &kind->counters[i] : NULL;
}

/* A counter stays at its last value, all ones, and a device that is gone reads as that. */
void
intel_count(struct nic_dev *dev)
{
	const struct intel_counter *c;

	for (unsigned i = 0; FEATURE(statistics) && (c = counter(dev, i)); i++) {
		const uint32_t at = STATS + c->at, low = nic_get32(dev, at),
			       high = c->pair ? nic_get32(dev, at + 4) : 0;

		if (FEATURE(removal) && low == UINT32_MAX && (!c->pair || high == UINT32_MAX))
			return;
		intel_of(dev)->counters[i] += low | (uint64_t)high << 32;
	}
}

void
intel_xstats(const struct baton_port *port, struct port_xstats *list)
{
	const struct nic_dev *dev = nic_of_const(port);
	const struct nic_pci *pci = dev->pci;
	const struct intel_counter *c;

	if (pci->dev)
		intel_count(pci->nic);
	nic_pci_xstats(port, list);
	for (unsigned i = 0; (c = counter(dev, i)); i++)
		port_xstat(list, intel_of_const(dev)->counters[i], c->name);
}
