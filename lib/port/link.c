/* SPDX-License-Identifier: BSD-3-Clause */
/* Speed and flow control of a port's link. */
#include <stdio.h>

#include "base/structs.h"
#include "port/port.h"

static const struct {
	uint32_t bit;
	const char *name;
} names[] = {
	{ BATON_SPEED_10_HALF, "10 half" },     { BATON_SPEED_10_FULL, "10 full" },
	{ BATON_SPEED_100_HALF, "100 half" },   { BATON_SPEED_100_FULL, "100 full" },
	{ BATON_SPEED_1000_FULL, "1000 full" },
};

/* "10 half, 10 full". */
static const char *
speed_names(uint32_t speeds, char *text, size_t size)
{
	size_t at = 0;

	text[0] = 0;
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]) && at < size; i++)
		if (speeds & names[i].bit)
			at += (size_t)snprintf(text + at, size - at, "%s%s", at ? ", " : "",
					       names[i].name);
	return at ? text : "none";
}

uint32_t
baton_port_speeds(const struct baton_port *port, uint32_t *fixed)
{
	const bool known = handle_enter(port, HANDLE_PORT, "port_speeds") == 0;

	if (fixed)
		*fixed = known ? port->wants.fixed_speeds : 0;
	return known ? port->wants.speeds : 0;
}

static int
check_speeds(const struct baton_port *port, uint32_t speeds, bool autoneg)
{
	char asked[64], can[64];

	if (speeds & ~port->wants.speeds)
		return baton_err(EINVAL, "%s: speeds %#x: its link can have %s (%#x)", port->name,
				 speeds, speed_names(port->wants.speeds, can, sizeof(can)),
				 port->wants.speeds);
	if (autoneg || (speeds & port->wants.fixed_speeds & (0 - speeds)) == speeds)
		return 0;
	return baton_err(EINVAL,
			 "%s: %s without autonegotiation: it can be one of: %s; use "
			 "autonegotiation "
			 "for others",
			 port->name, speed_names(speeds, asked, sizeof(asked)),
			 speed_names(port->wants.fixed_speeds, can, sizeof(can)));
}

int
baton_port_set_speeds(struct baton_port *port, uint32_t speeds, int autoneg)
{
	int ret = port_enter(port, "port_set_speeds");

	if (ret < 0)
		return ret;
	if (!port->driver->ops->set_speeds || !port->wants.speeds)
		return baton_err(ENOTSUP, "%s: a %s port has no speed to choose", port->name,
				 port->driver->name);
	if (!speeds)
		speeds = port->wants.speeds;
	ret = check_speeds(port, speeds, autoneg);
	return ret < 0 ? ret : port->driver->ops->set_speeds(port, speeds, !autoneg);
}

/* ---- flow control ---- */

static int
can_flow_control(const struct baton_port *port)
{
	if (port->driver->ops->set_flow_control && port->wants.flow_max)
		return 0;
	return baton_err(ENOTSUP, "%s: a %s port has no flow control", port->name,
			 port->driver->name);
}

static int
check_flow_control(const struct baton_port *port, const struct baton_flow_control *c)
{
	const uint32_t step = port->wants.flow_step;

	if (c->mode > BATON_PAUSE_FULL)
		return baton_err(EINVAL, "%s: flow control: mode %u is not between 0 and %u",
				 port->name, c->mode, BATON_PAUSE_FULL);
	if ((c->autoneg | c->send_xon | c->forward_mac) > 1)
		return baton_err(EINVAL,
				 "%s: flow control: autoneg %u, send_xon %u, forward_mac %u: each "
				 "can be 0 or 1",
				 port->name, c->autoneg, c->send_xon, c->forward_mac);
	if (!c->pause_time)
		return baton_err(EINVAL, "%s: flow control: a pause time of 0: 1 to 65535 can be",
				 port->name);
	if (c->high_water > port->wants.flow_max || c->low_water < step ||
	    c->low_water / step >= c->high_water / step)
		return baton_err(EINVAL,
				 "%s: flow control: high water %u, low water %u: at least %u, the "
				 "high one at most %u, and the low one below it by %u",
				 port->name, c->high_water, c->low_water, step,
				 port->wants.flow_max, step);
	return 0;
}

int
baton_port_set_flow_control(struct baton_port *port, const struct baton_flow_control *config)
{
	struct baton_flow_control c;
	int ret = port_enter(port, "port_set_flow_control");

	if (!ret)
		ret = can_flow_control(port);
	if (ret < 0)
		return ret;
	c = port->wants.flow_default;
	ret = struct_take(&c, sizeof(c), config, "struct baton_flow_control");
	if (!ret)
		ret = struct_check_reserved(c.reserved, "struct baton_flow_control");
	if (!ret)
		ret = check_flow_control(port, &c);
	if (ret < 0)
		return ret;
	c.high_water -= c.high_water % port->wants.flow_step;
	c.low_water -= c.low_water % port->wants.flow_step;
	return port->driver->ops->set_flow_control(port, &c);
}

int
baton_port_flow_control_(const struct baton_port *port, struct baton_flow_control *config,
			 size_t size)
{
	int ret = handle_enter(port, HANDLE_PORT, "port_flow_control");

	if (!ret && !config)
		ret = baton_err(EINVAL, "%s: port_flow_control: config is NULL", port->name);
	if (!ret)
		ret = can_flow_control(port);
	if (ret < 0)
		return ret;
	struct_init(config, size, &port->wants.flow, sizeof(port->wants.flow));
	return 0;
}
