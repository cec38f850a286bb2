/* SPDX-License-Identifier: BSD-3-Clause */
/* Information and settings of a port: addresses, filters. */

#include "base/structs.h"
#include "port/offload.h"
#include "port/port.h"

/* What every TX queue takes. */
static uint32_t
max_len(const struct baton_port *port)
{
	uint32_t len = 0;

	for (unsigned i = 0; i < port->info.tx_queues; i++)
		if (!len || port->txq[i]->max_len < len)
			len = port->txq[i]->max_len;
	return len;
}

void
baton_port_info_(const struct baton_port *port, struct baton_port_info *out, size_t size)
{
	struct baton_port_info info = { 0 };

	if (!out)
		return;
	if (handle_enter(port, HANDLE_PORT, "port_info") == 0) {
		info = port->info;
		info.max_len = max_len(port);
		info.soft_offloads = offload_possible(port);
		info.soft_rss_types =
			info.soft_offloads & BATON_OFFLOAD_RX_HASH ? BATON_RSS_ALL : 0;
	}
	struct_give(out, size, &info, sizeof(info));
}

void
baton_port_link_(const struct baton_port *port, struct baton_link *out, size_t size)
{
	struct baton_link link = { 0 };

	if (!out)
		return;
	if (handle_check(port, HANDLE_PORT, "port_link") == 0) {
		link.up = __atomic_load_n(&port->link.up, __ATOMIC_RELAXED);
		link.full_duplex = __atomic_load_n(&port->link.full_duplex, __ATOMIC_RELAXED);
		link.speed_mbps = __atomic_load_n(&port->link.speed_mbps, __ATOMIC_RELAXED);
	}
	struct_give(out, size, &link, sizeof(link));
}

int
baton_port_set_mtu(struct baton_port *port, uint16_t mtu)
{
	int ret = port_enter(port, "port_set_mtu");

	if (ret < 0)
		return ret;
	if (port->started)
		return baton_err(EBUSY, "%s is started: stop it before changing its MTU",
				 port->name);
	if (mtu < BATON_MIN_MTU || mtu > port->info.max_mtu)
		return baton_err(EINVAL, "%s: MTU %u is not between %u and %u", port->name, mtu,
				 BATON_MIN_MTU, port->info.max_mtu);
	port->info.mtu = mtu;
	port->mtu_set = 1;
	return 0;
}

int
baton_port_set_mac(struct baton_port *port, const uint8_t mac[6])
{
	int ret = port_enter(port, "port_set_mac");

	if (ret < 0)
		return ret;
	if (!mac)
		return baton_err(EINVAL, "%s: port_set_mac: the address is NULL", port->name);
	if (mac[0] & 1)
		return baton_err(EINVAL, "%s: %02x:... is a multicast address", port->name, mac[0]);
	if (!port->driver->ops->set_mac)
		return baton_err(ENOTSUP, "%s: the device cannot change its MAC address",
				 port->name);
	return port->driver->ops->set_mac(port, mac);
}

/* ---- filters ---- */

#define MAX_MACS 64

static int
can_filter(const struct baton_port *port, bool can, const char *what)
{
	if (!can)
		return baton_err(ENOTSUP, "%s: a %s port has no %s", port->name, port->driver->name,
				 what);
	if (!port->started || port->away)
		return baton_err(ENETDOWN, "%s is %s: its device takes no commands now", port->name,
				 port->away ? "without its device" : "not started");
	return 0;
}

static int
set_rx_mode(struct baton_port *port, enum port_rx_mode mode, int on, const char *what)
{
	int ret = port_enter(port,
			     mode == PORT_RX_PROMISC ? "port_set_promisc" : "port_set_allmulti");

	if (!ret)
		ret = can_filter(port, port->driver->ops->set_rx_mode, what);

	if (!ret)
		ret = port->driver->ops->set_rx_mode(port, mode, on);
	return ret;
}

int
baton_port_set_promisc(struct baton_port *port, int on)
{
	return set_rx_mode(port, PORT_RX_PROMISC, on, "promiscuous mode to switch");
}

int
baton_port_set_allmulti(struct baton_port *port, int on)
{
	return set_rx_mode(port, PORT_RX_ALLMULTI, on, "filter for multicast to switch");
}

int
baton_port_set_macs(struct baton_port *port, const uint8_t (*macs)[6], unsigned n)
{
	int ret = port_enter(port, "port_set_macs");

	if (!ret)
		ret = can_filter(port, port->driver->ops->set_macs, "table of addresses");

	if (ret < 0)
		return ret;
	if (!macs && n)
		return baton_err(EINVAL, "%s: port_set_macs: %u addresses, but macs is NULL",
				 port->name, n);
	if (n > MAX_MACS)
		return baton_err(EINVAL, "%s: %u addresses, at most %u are possible", port->name, n,
				 MAX_MACS);
	return port->driver->ops->set_macs(port, macs, n);
}

int
baton_port_set_vlan(struct baton_port *port, uint16_t vid, int on)
{
	int ret = port_enter(port, "port_set_vlan");

	if (!ret)
		ret = can_filter(port, port->driver->ops->set_vlan, "VLAN filter");

	if (ret < 0)
		return ret;
	if (vid > 4095)
		return baton_err(EINVAL, "%s: VLAN %u is not between 0 and 4,095", port->name, vid);
	return port->driver->ops->set_vlan(port, vid, on);
}
