/* SPDX-License-Identifier: BSD-3-Clause */
/* VLANs: which are received, which tags are removed and which inserted. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "command.h"

#define MAX_VID 4095u

static bool
is_stopped(const struct app *app, unsigned port, const char *what)
{
	if (port_is_started(&app->ports[port]))
		complain("Please stop port %u first: %s from its next start on", port, what);
	return !port_is_started(&app->ports[port]);
}

/* ---- received ones ---- */

static bool
in_table(const struct app_port *p, unsigned vid)
{
	return p->vlans[vid / 32] >> vid % 32 & 1;
}

/* @quiet: a device without a filter passes all, and is not complained about. */
static bool
pass(struct app *app, unsigned port, unsigned vid, bool on, bool quiet)
{
	int ret = baton_port_set_vlan(app->ports[port].port, (uint16_t)vid, on);

	if (ret < 0 && !(quiet && ret == -ENOTSUP))
		complain("port %u: VLAN %u: %s", port, vid, baton_last_error());
	return ret == 0;
}

void
command_rx_vlan(struct app *app, const struct value *v)
{
	const bool all = !strcmp(v[2].text, "all"), add = !v[1].choice;
	const unsigned port = v[3].first, first = all ? 0 : (unsigned)v[2].number;
	struct app_port *p = &app->ports[port];

	if (p->vlan_filter == VLANS_ALL) {
		complain("Port %u: VLAN-filtering disabled: type vlan set filter on %u", port,
			 port);
		return;
	}
	/* One that the device refuses says it for the rest. */
	for (unsigned vid = first; vid <= (all ? MAX_VID : first); vid++) {
		if (!pass(app, port, vid, add, false))
			return;
		p->vlan_filter = VLANS_TABLE;
		p->vlans[vid / 32] &= ~(1u << vid % 32);
		p->vlans[vid / 32] |= (uint32_t)add << vid % 32;
	}
}

/* Devices have no switch beside the table of VLANs: with the filter off, all are in it. */
void
command_vlan_filter(struct app *app, const struct value *v)
{
	const bool on = !v[3].choice;
	const unsigned port = v[4].first;
	struct app_port *p = &app->ports[port];
	const enum vlan_filter wanted = on ? VLANS_TABLE : VLANS_ALL;
	bool ok = true;

	if (p->vlan_filter == wanted)
		return;
	if (on && p->vlan_filter == VLANS_DEVICE) /* the first one switches it on */
		ok = pass(app, port, 0, false, false);
	else
		for (unsigned vid = 0; ok && vid <= MAX_VID; vid++)
			ok = in_table(p, vid) || pass(app, port, vid, !on, !on);
	if (ok)
		p->vlan_filter = wanted;
}

/* ---- tags of packets to send ---- */

static void
set_tags(struct app *app, unsigned port, unsigned n, const uint16_t vlans[2])
{
	struct app_port *p = &app->ports[port];

	if (!is_stopped(app, port, "tags are inserted"))
		return;
	p->tx_tags = (uint8_t)n;
	memcpy(p->tx_vlans, vlans, sizeof(p->tx_vlans));
	p->reconfigure = true;
}

/* With two of them the outer one comes second, as in dpdk-testpmd. */
void
command_tx_vlan(struct app *app, const struct value *v)
{
	const bool two = v[4].text;
	const uint16_t first = (uint16_t)v[3].number, second = (uint16_t)v[4].number;

	set_tags(app, v[2].first, two ? 2 : 1, (uint16_t[]){ two ? second : first, first });
}

void
command_tx_vlan_reset(struct app *app, const struct value *v)
{
	if (app->ports[v[2].first].tx_tags)
		set_tags(app, v[2].first, 0, (uint16_t[]){ 0, 0 });
}
