/* SPDX-License-Identifier: BSD-3-Clause */
/* Which packets are received. */
#include "intel/intel.h"

/* ---- RCTL ---- */

void
intel_write_rctl(struct nic_dev *dev)
{
	const struct intel_dev *it = intel_of(dev);
	uint32_t rctl = RCTL_SECRC | it->rctl;

	if (it->running)
		rctl |= RCTL_EN;
	if (FEATURE(jumbo))
		rctl |= RCTL_LPE;
	if (FEATURE(broadcast))
		rctl |= RCTL_BAM;
	if (FEATURE(promisc) && it->promisc)
		rctl |= RCTL_UPE | RCTL_MPE;
	if (FEATURE(allmulti) && it->allmulti)
		rctl |= RCTL_MPE;
	if (FEATURE(flow_control) && dev->port.wants.flow.forward_mac)
		rctl |= RCTL_PMCF;
	if (FEATURE(vlan_filter) && it->filters_vlans)
		rctl |= RCTL_VFE;
	nic_put32(dev, RCTL, rctl);
}

/* ---- addresses ---- */

/* 10.2.5.22, 10.2.5.23; 8.10 of the 82576: an entry, 0 for none. */
static void
put_rar(const struct nic_dev *dev, unsigned entry, uint64_t bits)
{
	nic_put64(dev, entry < RAR_FIRST ? RAL + 8 * entry : RAL_MORE + 8 * (entry - RAR_FIRST),
		  bits);
}

void
intel_clear_filters(struct nic_dev *dev)
{
	struct intel_dev *it = intel_of(dev);
	const unsigned entries = intel_kind(dev)->addresses;

	it->promisc = it->allmulti = it->filters_vlans = false;
	intel_set_mac(dev, dev->port.info.mac);
	for (unsigned i = 1; i < entries; i++)
		put_rar(dev, i, 0);
	for (unsigned i = 0; i < MTA_WORDS; i++)
		nic_put32(dev, MTA + 4 * i, 0);
	for (unsigned i = 0; i < VFTA_WORDS; i++)
		nic_put32(dev, VFTA + 4 * i, 0);
}

int
intel_set_mac(struct nic_dev *dev, const uint8_t mac[6])
{
	if (FEATURE(mac_change))
		put_rar(dev, 0, nic_mac_bits(mac) | RAH_AV);
	return 0;
}

/* The bit of a multicast address in the table, RCTL.MO being 0: 10.2.5.21. */
static uint32_t
hash_of(const uint8_t mac[6])
{
	return (mac[4] >> 4 | mac[5] << 4) & ((1u << 12) - 1);
}

/* Unicast addresses are compared whole; of multicast ones, 12 bits are. */
int
intel_set_macs(struct nic_dev *dev, const uint8_t (*macs)[6], unsigned n)
{
	const unsigned entries = intel_kind(dev)->addresses;
	uint32_t table[MTA_WORDS] = { 0 };
	unsigned entry = 1, unicast = 0;

	for (unsigned i = 0; i < n; i++)
		unicast += !(macs[i][0] & 1);
	if (unicast >= entries)
		return baton_err(ENOSPC,
				 "%s: %u unicast addresses, the device has room for %u beside "
				 "its own",
				 dev->port.name, unicast, entries - 1);
	for (unsigned i = 0; i < n; i++) {
		if (macs[i][0] & 1)
			table[hash_of(macs[i]) / 32] |= 1u << hash_of(macs[i]) % 32;
		else if (FEATURE(mac_table))
			put_rar(dev, entry++, nic_mac_bits(macs[i]) | RAH_AV);
	}
	while (entry < entries)
		put_rar(dev, entry++, 0);
	for (unsigned i = 0; FEATURE(multicast_table) && i < MTA_WORDS; i++)
		nic_put32(dev, MTA + 4 * i, table[i]);
	return 0;
}

int
intel_set_rx_mode(struct nic_dev *dev, enum port_rx_mode mode, bool on)
{
	struct intel_dev *it = intel_of(dev);

	*(mode == PORT_RX_PROMISC ? &it->promisc : &it->allmulti) = on;
	intel_write_rctl(dev);
	return 0;
}

/* The first VLAN switches the filter on. */
int
intel_set_vlan(struct nic_dev *dev, uint16_t vid, bool on)
{
	nic_put_bits(dev, VFTA + vid / 32 * 4u, 1u << vid % 32, on);
	intel_of(dev)->filters_vlans = true;
	intel_write_rctl(dev);
	return 0;
}
