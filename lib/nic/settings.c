/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a device says it has, and what the application asks of it: done now, kept, and asked for
 * again after a reset.
 */
#include "base/export.h"
#include "nic/nic.h"

/* ---- limits ---- */

static int
check_limits(const struct nic_dev *dev, const struct nic_limits *l)
{
	const struct nic_limits *first = &dev->limits;
	const char *name = dev->port.name;

	if (!l->queues)
		return baton_err(EPROTO, "%s says it has no queues", name);
	if (l->frame < port_frame_max(BATON_MIN_MTU))
		return baton_err(EPROTO,
				 "%s says it takes frames of %u bytes at most; at least %u are "
				 "possible",
				 name, l->frame, port_frame_max(BATON_MIN_MTU));
	if (l->queues < first->queues || l->max_descs < first->max_descs || l->frame < first->frame)
		return baton_err(EPROTO,
				 "%s came back with %u queues, rings of %u places and frames of %u "
				 "bytes; it had %u, %u and %u before",
				 name, l->queues, l->max_descs, l->frame, first->queues,
				 first->max_descs, first->frame);
	return 0;
}

int
nic_set_limits(struct nic_dev *dev, const struct nic_limits *l)
{
	struct baton_port_info *info = &dev->port.info;
	const uint32_t mtu = l->frame - port_frame_max(0);
	int ret = check_limits(dev, l);

	if (ret < 0)
		return ret;
	for (unsigned i = 0; i < 6; i++)
		info->mac[i] = (uint8_t)(l->mac >> 8 * i);
	if (dev->limits.queues) /* the port goes on with what the device had first */
		return 0;
	dev->limits = *l;
	info->max_rx_queues = info->max_tx_queues =
		(uint16_t)(l->queues < BATON_MAX_QUEUES ? l->queues : BATON_MAX_QUEUES);
	info->min_descs = (uint16_t)l->min_descs;
	info->max_descs = (uint16_t)(l->max_descs < 32768 ? l->max_descs : 32768);
	if (info->default_descs > info->max_descs)
		info->default_descs = info->max_descs;
	info->max_mtu = (uint16_t)(mtu < BATON_MAX_MTU ? mtu : BATON_MAX_MTU);
	if (info->mtu > info->max_mtu)
		info->mtu = info->max_mtu;
	return 0;
}

/* ---- settings ---- */

static int
can(const struct nic_dev *dev, enum nic_setting setting, bool has, const char *what)
{
	if (!has)
		return baton_err(ENOTSUP, "%s: the device has no %s", dev->port.name, what);
	return dev->ops->can ? dev->ops->can(dev, setting, what) : 0;
}

int
nic_set_rx_mode(struct baton_port *port, enum port_rx_mode mode, int on)
{
	struct nic_dev *dev = nic_of(port);
	int ret = can(dev, NIC_SET_RX_MODE, dev->ops->set_rx_mode, "receive mode");

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
	int ret = can(dev, NIC_SET_MACS, dev->ops->set_macs, "table of addresses");

	if (!ret && dev->ops->max_macs && n > dev->ops->max_macs)
		ret = baton_err(ENOSPC, "%s: %u addresses, the device has room for %u", port->name,
				n, dev->ops->max_macs);
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
	int ret = can(dev, NIC_SET_VLAN, dev->ops->set_vlan, "VLAN filter");

	if (!ret)
		ret = dev->ops->set_vlan(dev, vid, on != 0);
	if (ret < 0)
		return ret;
	*word = on ? *word | bit : *word & ~bit;
	dev->settings.filters_vlans = true;
	return 0;
}

int
nic_set_mac(struct baton_port *port, const uint8_t mac[6])
{
	struct nic_dev *dev = nic_of(port);
	int ret = can(dev, NIC_SET_MAC, dev->ops->set_mac, "MAC address");

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

int
nic_clock(struct baton_port *port, enum port_clock what, uint64_t *ns)
{
	struct nic_dev *dev = nic_of(port);

	return dev->ops->clock(dev, what, ns);
}

/* ---- link ---- */

/* A started device has it now, or all stays as it was. */
static int
set_link(struct nic_dev *dev, const struct port_link *wanted)
{
	struct baton_port *port = &dev->port;
	const struct port_link old = port->wants;
	int ret = can(dev, NIC_SET_LINK, dev->ops->set_link, "speed or flow control to set");

	if (ret < 0)
		return ret;
	port->wants = *wanted;
	if (!port->started || port->away)
		return 0;
	ret = dev->ops->set_link(dev);
	if (ret < 0)
		port->wants = old;
	return ret;
}

int
nic_set_speeds(struct baton_port *port, uint32_t speeds, int fixed)
{
	struct port_link wanted = port->wants;

	wanted.asked = speeds;
	wanted.fixed = fixed != 0;
	return set_link(nic_of(port), &wanted);
}

int
nic_set_flow_control(struct baton_port *port, const struct baton_flow_control *config)
{
	struct port_link wanted = port->wants;

	wanted.flow = *config;
	wanted.flow.active = port->wants.flow.active;
	return set_link(nic_of(port), &wanted);
}

/* ---- again, to a device that was reset ---- */

/* The first one switches the filter on, also where none is to pass. */
static int
replay_vlans(struct nic_dev *dev)
{
	bool any = false;
	int ret = 0;

	for (unsigned vid = 0; !ret && vid < 4096; vid++) {
		if (!(dev->settings.vlans[vid / 32] >> vid % 32 & 1))
			continue;
		ret = dev->ops->set_vlan(dev, (uint16_t)vid, true);
		any = true;
	}
	if (dev->settings.filters_vlans && !any)
		ret = dev->ops->set_vlan(dev, 0, false);
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
	if ((r = replay_vlans(dev)) < 0)
		ret = r;
	r = dev->ops->set_link ? dev->ops->set_link(dev) : 0;
	return r < 0 ? r : ret;
}

void
nic_replay(struct nic_dev *dev)
{
	if (replay(dev) < 0)
		port_log(&dev->port, BATON_LOG_WARN, "not all settings are as they were before: %s",
			 baton_last_error());
}

DRIVER_EXPORT(nic_set_limits);
DRIVER_EXPORT(nic_set_rx_mode);
DRIVER_EXPORT(nic_set_macs);
DRIVER_EXPORT(nic_set_vlan);
DRIVER_EXPORT(nic_set_mac);
DRIVER_EXPORT(nic_clock);
DRIVER_EXPORT(nic_set_speeds);
DRIVER_EXPORT(nic_set_flow_control);
DRIVER_EXPORT(nic_replay);
