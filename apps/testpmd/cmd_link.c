/* SPDX-License-Identifier: BSD-3-Clause */
/* Speed and flow control of links, in dpdk-testpmd's words. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

/* ---- speed ---- */

/* The port's device cannot be told. Only what is so is no mistake. */
static void
only_as_it_is(struct baton_port *port, unsigned i, unsigned speed, int duplex)
{
	struct baton_link link;

	baton_port_link(port, &link);
	if ((!speed || speed == link.speed_mbps) && (duplex == 2 || link.full_duplex == duplex))
		return;
	complain("port %u: its link is as its device has it, %u Mbps and %s-duplex; it cannot be "
		 "set",
		 i, link.speed_mbps, link.full_duplex ? "full" : "half");
}

/* BATON_SPEED_* of a speed in Mbit/s; 0: none. */
static uint32_t
speed_bit(unsigned speed, bool half)
{
	switch (speed) {
	case 10:
		return half ? BATON_SPEED_10_HALF : BATON_SPEED_10_FULL;
	case 100:
		return half ? BATON_SPEED_100_HALF : BATON_SPEED_100_FULL;
	case 1000:
		return half ? 0 : BATON_SPEED_1000_FULL;
	default:
		return 0;
	}
}

/* As dpdk-testpmd: full duplex unless it is half; what can be without autonegotiation is. */
static void
set_speed(struct baton_port *port, unsigned i, unsigned speed, int duplex)
{
	uint32_t fixed, speeds = baton_port_speeds(port, &fixed),
			bit = speed_bit(speed, duplex == 0);

	if (!speeds) {
		only_as_it_is(port, i, speed, duplex);
		return;
	}
	if (speed && !(bit & speeds)) {
		char can[80] = "";

		for (unsigned k = 0; k < 6; k++) {
			static const unsigned all[] = { 10, 100, 1000 };
			const unsigned mbps = all[k / 2];

			if (speed_bit(mbps, k % 2) & speeds)
				snprintf(can + strlen(can), sizeof(can) - strlen(can), "%s%u %s",
					 *can ? ", " : "", mbps, k % 2 ? "half" : "full");
		}
		complain("port %u: speed %u duplex %s: its link can have %s, or auto", i, speed,
			 duplex == 0 ? "half" : "full", can);
		return;
	}
	if (baton_port_set_speeds(port, bit, !bit || !(bit & fixed)) < 0)
		complain("port %u: %s", i, baton_last_error());
}

void
command_config_speed(struct app *app, const struct value *v)
{
	unsigned speed = 0;

	if (strcmp(v[4].text, "auto") != 0 && !set_uint("speed", v[4].text, 10, 400000, &speed))
		return;
	for (unsigned i = v[2].first; i < v[2].end; i++)
		if (app->ports[i].port)
			set_speed(app->ports[i].port, i, speed, v[6].choice);
}

/* ---- flow control ---- */

static bool
get(const struct app *app, unsigned i, struct baton_flow_control *c)
{
	if (baton_port_flow_control(app->ports[i].port, c) == 0)
		return true;
	complain("port %u: %s", i, baton_last_error());
	return false;
}

static void
set(const struct app *app, unsigned i, const struct baton_flow_control *c)
{
	if (baton_port_set_flow_control(app->ports[i].port, c) < 0)
		complain("port %u: %s", i, baton_last_error());
}

static uint8_t
with(uint8_t mode, uint8_t bit, bool on)
{
	return on ? mode | bit : mode & (uint8_t)~bit;
}

/* What is in use; and the rest as it is set. */
void
command_show_flow_ctrl(struct app *app, const struct value *v)
{
	static const char border[] = "*********************";
	struct baton_flow_control c;

	if (!get(app, v[2].first, &c))
		return;
	printf("\n%s Flow control infos for port %-2u %s\n", border, v[2].first, border);
	printf("FC mode:\n");
	printf("   Rx pause: %s\n", c.active & BATON_PAUSE_RX ? "on" : "off");
	printf("   Tx pause: %s\n", c.active & BATON_PAUSE_TX ? "on" : "off");
	printf("Autoneg: %s\n", c.autoneg ? "on" : "off");
	printf("Pause time: 0x%x\n", c.pause_time);
	printf("High waterline: 0x%x\n", c.high_water);
	printf("Low waterline: 0x%x\n", c.low_water);
	printf("Send XON: %s\n", c.send_xon ? "on" : "off");
	printf("Forward MAC control frames: %s\n", c.forward_mac ? "on" : "off");
	printf("\n%s**************   End  ***********%s\n", border, border);
}

/* set flow_ctrl rx on|off tx on|off HIGH LOW PAUSE XON mac_ctrl_frame_fwd on|off autoneg on|off N
 */
void
command_flow_ctrl(struct app *app, const struct value *v)
{
	struct baton_flow_control c;

	if (!get(app, v[14].first, &c))
		return;
	c.mode = with(with(0, BATON_PAUSE_RX, !v[3].choice), BATON_PAUSE_TX, !v[5].choice);
	c.high_water = (uint32_t)v[6].number;
	c.low_water = (uint32_t)v[7].number;
	c.pause_time = (uint16_t)v[8].number;
	c.send_xon = (uint8_t)v[9].number;
	c.forward_mac = !v[11].choice;
	c.autoneg = !v[13].choice;
	set(app, v[14].first, &c);
}

/* set flow_ctrl rx|tx|mac_ctrl_frame_fwd|autoneg on|off N */
void
command_flow_ctrl_switch(struct app *app, const struct value *v)
{
	const bool on = !v[3].choice;
	struct baton_flow_control c;

	if (!get(app, v[4].first, &c))
		return;
	switch (v[2].choice) {
	case 0:
		c.mode = with(c.mode, BATON_PAUSE_RX, on);
		break;
	case 1:
		c.mode = with(c.mode, BATON_PAUSE_TX, on);
		break;
	case 2:
		c.forward_mac = on;
		break;
	default:
		c.autoneg = on;
	}
	set(app, v[4].first, &c);
}

/* set flow_ctrl high_water|low_water NUMBER N; set flow_ctrl pause_time PAUSE N; ... send_xon XON N
 */
void
command_flow_ctrl_water(struct app *app, const struct value *v)
{
	struct baton_flow_control c;

	if (!get(app, v[4].first, &c))
		return;
	*(v[2].choice ? &c.low_water : &c.high_water) = (uint32_t)v[3].number;
	set(app, v[4].first, &c);
}

void
command_flow_ctrl_time(struct app *app, const struct value *v)
{
	struct baton_flow_control c;

	if (!get(app, v[4].first, &c))
		return;
	c.pause_time = (uint16_t)v[3].number;
	set(app, v[4].first, &c);
}

void
command_flow_ctrl_xon(struct app *app, const struct value *v)
{
	struct baton_flow_control c;

	if (!get(app, v[4].first, &c))
		return;
	c.send_xon = (uint8_t)v[3].number;
	set(app, v[4].first, &c);
}
