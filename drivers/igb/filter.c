/* SPDX-License-Identifier: BSD-3-Clause */
/* Which packets are received, and by which queue. */
#include "igb/igb.h"
#include "intel/intel.h"

/* ---- RCTL ---- */

void
igb_write_rctl(struct nic_dev *dev)
{
	const struct igb_dev *id = igb_of(dev);
	uint32_t rctl = RCTL_LPE | RCTL_BAM | RCTL_SECRC;

	if (id->running)
		rctl |= RCTL_EN;
	if (id->promisc)
		rctl |= RCTL_UPE | RCTL_MPE;
	if (id->allmulti)
		rctl |= RCTL_MPE;
	if (id->filters_vlans)
		rctl |= RCTL_VFE;
	nic_put32(dev, RCTL, rctl);
}

/* ---- addresses ---- */

/* RAL and RAH (8.10): an entry, 0 for none. */
static void
put_rar(const struct nic_dev *dev, unsigned entry, uint64_t bits)
{
	nic_put64(dev, entry < RAR_FIRST ? RAL + 8 * entry : RAL_MORE + 8 * (entry - RAR_FIRST),
		  bits);
}

void
igb_clear_filters(struct nic_dev *dev)
{
	struct igb_dev *id = igb_of(dev);

	id->promisc = id->allmulti = id->filters_vlans = false;
	igb_set_mac(dev, dev->port.info.mac);
	for (unsigned i = 1; i < RAR_ENTRIES; i++)
		put_rar(dev, i, 0);
	for (unsigned i = 0; i < MTA_WORDS; i++)
		nic_put32(dev, MTA + 4 * i, 0);
	for (unsigned i = 0; i < VFTA_WORDS; i++)
		nic_put32(dev, VFTA + 4 * i, 0);
}

int
igb_set_mac(struct nic_dev *dev, const uint8_t mac[6])
{
	put_rar(dev, 0, nic_mac_bits(mac) | RAH_AV);
	return 0;
}

/* The bit of a multicast address in the table, RCTL.MO being 0: MTA, 8.10. */
static uint32_t
hash_of(const uint8_t mac[6])
{
	return (mac[4] >> 4 | mac[5] << 4) & ((1u << 12) - 1);
}

/* Unicast addresses are compared whole; of multicast ones, 12 bits are. */
int
igb_set_macs(struct nic_dev *dev, const uint8_t (*macs)[6], unsigned n)
{
	uint32_t table[MTA_WORDS] = { 0 };
	unsigned entry = 1, unicast = 0;

	for (unsigned i = 0; i < n; i++)
		unicast += !(macs[i][0] & 1);
	if (unicast >= RAR_ENTRIES)
		return baton_err(ENOSPC,
				 "%s: %u unicast addresses, the device has room for %u beside "
				 "its own",
				 dev->port.name, unicast, RAR_ENTRIES - 1);
	for (unsigned i = 0; i < n; i++) {
		if (macs[i][0] & 1)
			table[hash_of(macs[i]) / 32] |= 1u << hash_of(macs[i]) % 32;
		else
			put_rar(dev, entry++, nic_mac_bits(macs[i]) | RAH_AV);
	}
	while (entry < RAR_ENTRIES)
		put_rar(dev, entry++, 0);
	for (unsigned i = 0; i < MTA_WORDS; i++)
		nic_put32(dev, MTA + 4 * i, table[i]);
	return 0;
}

int
igb_set_rx_mode(struct nic_dev *dev, enum port_rx_mode mode, bool on)
{
	struct igb_dev *id = igb_of(dev);

	*(mode == PORT_RX_PROMISC ? &id->promisc : &id->allmulti) = on;
	igb_write_rctl(dev);
	return 0;
}

/* The first VLAN switches the filter on. */
int
igb_set_vlan(struct nic_dev *dev, uint16_t vid, bool on)
{
	nic_put_bits(dev, VFTA + vid / 32 * 4u, 1u << vid % 32, on);
	igb_of(dev)->filters_vlans = true;
	igb_write_rctl(dev);
	return 0;
}

/* ---- queues ---- */

/* 7.1.1.7, and MRQC, RSSRK and RETA (8.10). */
int
igb_set_rss(struct nic_dev *dev, const struct port_rss *rss)
{
	static const struct {
		uint32_t type, bit;
	} types[] = {
		{ BATON_RSS_IPV4_TCP, MRQC_IPV4_TCP }, { BATON_RSS_IPV4, MRQC_IPV4 },
		{ BATON_RSS_IPV6_TCP, MRQC_IPV6_TCP }, { BATON_RSS_IPV6, MRQC_IPV6 },
		{ BATON_RSS_IPV4_UDP, MRQC_IPV4_UDP }, { BATON_RSS_IPV6_UDP, MRQC_IPV6_UDP }
	};
	uint32_t mrqc = MRQC_RSS;

	for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		mrqc |= rss->types & types[i].type ? types[i].bit : 0;
	intel_put_rss(dev, rss, 0);
	nic_put32(dev, MRQC, mrqc);
	return 0;
}

/* Without RSS, everything is for the first queue. */
void
igb_start_rss(struct nic_dev *dev)
{
	if (dev->port.info.rx_queues > 1)
		igb_set_rss(dev, &dev->port.rss);
	else
		nic_put32(dev, MRQC, 0);
}
