/* SPDX-License-Identifier: BSD-3-Clause */
/* The clock of a port's device: who may ask for what. */
#include <baton/clock.h>

#include "port/port.h"

#define EVENTS (BATON_OFFLOAD_RX_EVENT | BATON_OFFLOAD_TX_EVENT)

/* @needs: one of these offloads. */
static int
ask(struct baton_port *port, enum port_clock what, uint64_t *ns, uint32_t needs, const char *call)
{
	int ret = port_enter(port, call);

	if (ret < 0)
		return ret;
	if (!ns)
		return baton_err(EINVAL, "%s: %s: there is no place for the time: ns is NULL",
				 port->name, call);
	if (!port->driver->ops->clock || !(port->info.offloads & needs))
		return baton_err(ENOTSUP,
				 "%s: a %s port takes no times of event packets: none of offloads "
				 "%#x is among its device's %#x",
				 port->name, port->driver->name, needs, port->info.offloads);
	if (!(port->offloads & needs))
		return baton_err(ENOTSUP,
				 "%s: the port is configured for none of offloads %#x, but for "
				 "%#x: configure it for BATON_OFFLOAD_RX_EVENT or _TX_EVENT",
				 port->name, needs, port->offloads);
	if (!port->started || port->away)
		return baton_err(ENETDOWN, "%s is %s: its clock does not run now", port->name,
				 port->away ? "without its device" : "not started");
	return port->driver->ops->clock(port, what, ns);
}

int
baton_port_clock_read(struct baton_port *port, uint64_t *ns)
{
	return ask(port, PORT_CLOCK_READ, ns, EVENTS, "port_clock_read");
}

int
baton_port_clock_adjust(struct baton_port *port, int64_t ns)
{
	uint64_t step = (uint64_t)ns;

	return ask(port, PORT_CLOCK_ADJUST, &step, EVENTS, "port_clock_adjust");
}

int
baton_port_rx_event(struct baton_port *port, uint64_t *ns)
{
	return ask(port, PORT_CLOCK_RX, ns, BATON_OFFLOAD_RX_EVENT, "port_rx_event");
}

int
baton_port_tx_event(struct baton_port *port, uint64_t *ns)
{
	return ask(port, PORT_CLOCK_TX, ns, BATON_OFFLOAD_TX_EVENT, "port_tx_event");
}
