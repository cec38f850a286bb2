/* SPDX-License-Identifier: BSD-3-Clause */
/* What the application asks of a device: done now, kept, and asked for again after a reset. */
#include "nic/nic.h"

static int
can(const struct nic_dev *dev, enum nic_setting setting, const char *what)
{
	if (dev->ops->can)
		return dev->ops->can(dev, setting, what);
	return baton_err(ENOTSUP, "%s: the device has no %s", dev->port.name, what);
}

int
nic_set_rx_mode(struct baton_port *port, enum port_rx_mode mode, int on)
{
	struct nic_dev *dev = nic_of(port);
	int ret = can(dev, NIC_SET_RX_MODE, "receive mode");

	if (!ret)
		ret = dev->ops->set_rx_mode(dev, mode, on != 0);
	if (!ret)
		dev->settings.rx_mode[mode] = on ? NIC_ON : NIC_OFF;
	return ret;
}

int
nic_set_macs(struct baton_port *port, const uint8_t (*macs)[6], unsigned n)
{
	struct nic_dev *dev = nic_of(port);
	int ret = can(dev, NIC_SET_MACS, "table of addresses");

	if (!ret)
		ret = dev->ops->set_macs(dev, macs, n);
	if (ret < 0)
		return ret;
	if (n)
		memcpy(dev->settings.macs, macs, n * sizeof(*macs));
	dev->settings.n_macs = (uint8_t)n;
	return 0;
}

int
nic_set_vlan(struct baton_port *port, uint16_t vid, int on)
{
	struct nic_dev *dev = nic_of(port);
	uint32_t *word = &dev->settings.vlans[vid / 32], bit = 1u << vid % 32;
	int ret = can(dev, NIC_SET_VLAN, "VLAN filter");

	if (!ret)
		ret = dev->ops->set_vlan(dev, vid, on != 0);
	if (!ret)
		*word = on ? *word | bit : *word & ~bit;
	return ret;
}

int
nic_set_mac(struct baton_port *port, const uint8_t mac[6])
{
	struct nic_dev *dev = nic_of(port);
	int ret = can(dev, NIC_SET_MAC, "MAC address");

	if (ret < 0)
		return ret;
	if (!port->started || port->away)
		return baton_err(ENETDOWN,
				 "%s: its device takes no commands now: start the port first",
				 port->name);
	ret = dev->ops->set_mac(dev, mac);
	if (ret < 0)
		return ret;
	memcpy(port->info.mac, mac, 6);
	memcpy(dev->settings.mac, mac, 6);
	return 0;
}

/* ---- again, to a device that was reset ---- */

static int
replay_vlans(struct nic_dev *dev)
{
	int ret = 0;

	for (unsigned vid = 0; !ret && vid < 4096; vid++)
		if (dev->settings.vlans[vid / 32] >> vid % 32 & 1)
			ret = dev->ops->set_vlan(dev, (uint16_t)vid, true);
	return ret;
}

static int
replay(struct nic_dev *dev)
{
	static const uint8_t none[6];
	const struct nic_settings *s = &dev->settings;
	int ret = 0, r;

	for (int mode = PORT_RX_PROMISC; mode <= PORT_RX_ALLMULTI; mode++)
		if (s->rx_mode[mode] != NIC_UNSET &&
		    (r = dev->ops->set_rx_mode(dev, (enum port_rx_mode)mode,
					       s->rx_mode[mode] == NIC_ON)) < 0)
			ret = r;
	if (s->n_macs && (r = dev->ops->set_macs(dev, (const uint8_t(*)[6])s->macs, s->n_macs)) < 0)
		ret = r;
	if (memcmp(s->mac, none, 6) != 0) {
		r = dev->ops->set_mac(dev, s->mac);
		if (r < 0)
			ret = r;
		else
			memcpy(dev->port.info.mac, s->mac, 6);
	}
	r = replay_vlans(dev);
	return r < 0 ? r : ret;
}

void
nic_replay(struct nic_dev *dev)
{
	if (replay(dev) < 0)
		port_log(&dev->port, BATON_LOG_WARN, "not all filters are as they were before: %s",
			 baton_last_error());
}
