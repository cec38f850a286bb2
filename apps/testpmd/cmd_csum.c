/* SPDX-License-Identifier: BSD-3-Clause */
/* What mode csum does to the packets that leave by a port: `csum` and `tso`. */
#include <stdio.h>

#include "command.h"

#define LEAST_HEADERS 40u /* bytes of IPv4 and TCP */

/* In the order of the command's words. */
static const struct {
	const char *name, *shown;
	uint32_t offload;  /* that hw needs */
	const char *no_hw; /* why no port has it */
} layers[] = {
	{ "IP", "IP", BATON_OFFLOAD_TX_IPV4_CSUM, NULL },
	{ "UDP", "UDP", BATON_OFFLOAD_TX_CSUM, NULL },
	{ "TCP", "TCP", BATON_OFFLOAD_TX_CSUM, NULL },
	{ "SCTP", "SCTP", 0, "no device here computes a CRC32C" },
	{ "Outer IP", "Outer-Ip", 0, "mode csum looks at outer headers only, which are ip's" },
	{ "Outer UDP", "Outer-Udp", 0, "mode csum looks at outer headers only, which are udp's" },
};

#define N_LAYERS (sizeof(layers) / sizeof(layers[0]))

static bool *
switch_of(struct app_port *p, unsigned layer)
{
	bool *const switches[] = { &p->ip_hw, &p->udp_hw, &p->tcp_hw };

	return layer < sizeof(switches) / sizeof(switches[0]) ? switches[layer] : NULL;
}

static void
show(struct app_port *p)
{
	printf("Parse tunnel is off\n");
	for (unsigned i = 0; i < N_LAYERS; i++) {
		const bool *hw = switch_of(p, i);

		printf("%s checksum offload is %s\n", layers[i].shown, hw && *hw ? "hw" : "sw");
	}
}

static struct app_port *
stopped_port(struct app *app, unsigned port)
{
	if (!port_is_started(&app->ports[port]))
		return &app->ports[port];
	complain("Please stop port %u first", port);
	return NULL;
}

void
command_csum_show(struct app *app, const struct value *v)
{
	show(&app->ports[v[2].first]);
}

void
command_csum_set(struct app *app, const struct value *v)
{
	const unsigned layer = (unsigned)v[2].choice, port = v[4].first;
	struct app_port *p = stopped_port(app, port);
	const bool hw = !v[3].choice;
	bool *wanted;

	if (!p)
		return;
	wanted = switch_of(p, layer);
	if (hw && (!wanted || !(p->info.offloads & layers[layer].offload))) {
		complain("%s checksum offload is not supported by port %u: %s; sw is possible",
			 layers[layer].name, port,
			 wanted ? "its device does not compute it" : layers[layer].no_hw);
		return;
	}
	if (wanted) {
		*wanted = hw;
		p->reconfigure = true;
	}
	show(p);
}

/* ---- tso ---- */

static void
show_tso(const struct app_port *p)
{
	if (p->tso)
		printf("TSO segment size for non-tunneled packets is %u\n", p->tso);
	else
		printf("TSO for non-tunneled packets is disabled\n");
}

void
command_tso_show(struct app *app, const struct value *v)
{
	show_tso(&app->ports[v[2].first]);
}

void
command_tso_set(struct app *app, const struct value *v)
{
	const unsigned port = v[3].first;
	struct app_port *p = stopped_port(app, port);
	const unsigned size = (unsigned)v[2].number;

	if (!p)
		return;
	if (size > p->info.mtu - LEAST_HEADERS) {
		complain("segments of %u bytes do not fit into the MTU of port %u, %u: 1 to %u are "
			 "possible, and 0 for none",
			 size, port, p->info.mtu, p->info.mtu - LEAST_HEADERS);
		return;
	}
	if (size && !((p->info.offloads | p->info.soft_offloads) & BATON_OFFLOAD_TX_TSO)) {
		complain("Error: TSO is not supported by port %u", port);
		return;
	}
	p->tso = (uint16_t)size;
	p->reconfigure = true;
	show_tso(p);
}
