/* SPDX-License-Identifier: BSD-3-Clause */
/* `port config`: what a stopped port will have by its next start, in dpdk-testpmd's words. */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "option.h"

/* As in dpdk-testpmd, what is said of all ports is said of stopped ones. */
static bool
all_stopped(const struct app *app)
{
	for (unsigned i = 0; i < app->n_ports; i++) {
		if (!port_is_started(&app->ports[i]))
			continue;
		complain("Please stop all ports first: port %u is started", i);
		return false;
	}
	if (app->forwarding)
		complain("Please stop forwarding first");
	return !app->forwarding;
}

static void
reconfigure_all(struct app *app)
{
	for (unsigned i = 0; i < app->n_ports; i++)
		app->ports[i].reconfigure = true;
}

void
command_config_queues(struct app *app, const struct value *v)
{
	bool tx = v[3].choice;
	unsigned n;

	if (!command_uint(tx ? "txq" : "rxq", &v[4], 1, BATON_MAX_QUEUES, &n) || !all_stopped(app))
		return;
	if (!queues_resize(app, tx ? app->opt.rxq : n, tx ? n : app->opt.txq))
		return;
	if (app->opt.rxq > app->opt.txq)
		complain("%u RX and %u TX queues: nobody forwards what arrives in RX queues %u and "
			 "up",
			 app->opt.rxq, app->opt.txq, app->opt.txq);
}

/* ---- descriptors ---- */

/* A power of two, also written otherwise than in decimal. */
static bool
read_descs(const char *what, const struct value *v, unsigned *descs)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)v->number);
	return parse_descs(what, text, descs);
}

static bool
takes_descs(const struct app *app, unsigned port, unsigned descs)
{
	const struct baton_port_info *info = &app->ports[port].info;

	if (!app->ports[port].port || (descs >= info->min_descs && descs <= info->max_descs))
		return true;
	complain("port %u (%s) has rings of %u to %u descriptors, not of %u", port, info->name,
		 info->min_descs, info->max_descs, descs);
	return false;
}

void
command_config_descs(struct app *app, const struct value *v)
{
	static unsigned before[BATON_MAX_PORTS][BATON_MAX_QUEUES];
	bool tx = v[3].choice;
	unsigned *all = tx ? &app->opt.txd : &app->opt.rxd, old = *all, n;

	if (!read_descs(tx ? "txd" : "rxd", &v[4], &n) || !all_stopped(app))
		return;
	for (unsigned i = 0; i < app->n_ports; i++)
		if (!takes_descs(app, i, n))
			return;
	/* It is for every ring, also for those that had a size of their own. */
	*all = n;
	for (unsigned i = 0; i < app->n_ports; i++)
		for (unsigned q = 0; q < BATON_MAX_QUEUES; q++) {
			struct app_port *p = &app->ports[i];
			unsigned *descs = tx ? &p->tx[q].descs : &p->rx[q].descs;

			before[i][q] = *descs;
			*descs = 0;
		}
	reconfigure_all(app);
	if (pool_fit(app))
		return;
	reconfigure_all(app);
	*all = old;
	for (unsigned i = 0; i < app->n_ports; i++)
		for (unsigned q = 0; q < BATON_MAX_QUEUES; q++)
			*(tx ? &app->ports[i].tx[q].descs : &app->ports[i].rx[q].descs) =
				before[i][q];
}

static void
set_ring(struct app *app, unsigned port, bool tx, uint64_t queue, const struct value *size)
{
	struct app_port *p = &app->ports[port];
	unsigned n = tx ? app->opt.txq : app->opt.rxq, descs, old;
	struct app_queue *q;

	if (queue >= n) {
		complain("Invalid %s queue %llu (must be < nb_%s=%u)", tx ? "TX" : "RX",
			 (unsigned long long)queue, tx ? "txq" : "rxq", n);
		return;
	}
	if (!read_descs("ring_size", size, &descs) || !takes_descs(app, port, descs))
		return;
	q = tx ? &p->tx[queue] : &p->rx[queue];
	old = q->descs;
	q->descs = descs;
	if (!pool_fit(app))
		q->descs = old;
	p->reconfigure = true;
}

/* port config N rxq|txq Q ring_size DESCS, as dpdk-testpmd has it */
void
command_ring_size(struct app *app, const struct value *v)
{
	set_ring(app, v[2].first, v[3].choice, v[4].number, &v[6]);
}

/* port N rxq|txq Q ring_size DESCS, as its guide has it */
void
command_ring_size_too(struct app *app, const struct value *v)
{
	set_ring(app, v[1].first, v[2].choice, v[3].number, &v[5]);
}

void
command_queue_setup(struct app *app, const struct value *v)
{
	unsigned port = v[1].first;
	unsigned n = v[2].choice ? app->opt.txq : app->opt.rxq;

	if (v[3].number >= n)
		complain("Invalid %s queue %llu (must be < nb_%s=%u)", v[2].choice ? "TX" : "RX",
			 (unsigned long long)v[3].number, v[2].choice ? "txq" : "rxq", n);
	else if (port_is_started(&app->ports[port]))
		complain("Please stop port %u first; port start %u sets its queues up", port, port);
	else
		port_set_up(app, port);
}

/* ---- lengths ---- */

void
command_config_mtu(struct app *app, const struct value *v)
{
	unsigned port = v[3].first, mtu;
	struct app_port *p = &app->ports[port];
	bool started = port_is_started(p);

	if (!command_uint("mtu", &v[4], BATON_MIN_MTU, p->info.max_mtu, &mtu))
		return;
	if (port_is_lost(p)) {
		complain("port %u waits for its device: try again when it is back, or stop it "
			 "first",
			 port);
		return;
	}
	forward_pause(app);
	if (started)
		port_take_down(app, port);
	if (baton_port_set_mtu(p->port, (uint16_t)mtu) < 0)
		complain("port %u: %s", port, baton_last_error());
	else
		p->mtu = mtu;
	baton_port_info(p->port, &p->info);
	if (started)
		port_bring_up_again(app, port);
	ports_set_room(app);
	streams_attach(app); /* mode csum's segments fit into it */
	forward_resume(app);
}

void
command_config_length(struct app *app, const struct value *v)
{
	unsigned extra = ETHER_HDR + ETHER_CRC, len;

	if (!command_uint("max-pkt-len", &v[4], BATON_MIN_MTU + extra, BATON_MAX_MTU + extra,
			  &len) ||
	    !all_stopped(app))
		return;
	for (unsigned i = 0; i < app->n_ports; i++) {
		const struct baton_port_info *info = &app->ports[i].info;

		if (!app->ports[i].port || len - extra <= info->max_mtu)
			continue;
		complain("port %u (%s) takes packets of at most %u bytes", i, info->name,
			 info->max_mtu + extra);
		return;
	}
	app->opt.mtu = len - extra;
	for (unsigned i = 0; i < app->n_ports; i++) {
		struct app_port *p = &app->ports[i];

		p->mtu = 0;
		if (p->port && baton_port_set_mtu(p->port, (uint16_t)app->opt.mtu) < 0)
			complain("port %u: %s", i, baton_last_error());
		if (p->port)
			baton_port_info(p->port, &p->info);
	}
	ports_set_room(app);
}

void
command_config_burst(struct app *app, const struct value *v)
{
	set_burst(app, (unsigned)v[4].number);
}

/* ---- what devices here do not let one choose ---- */

void
command_config_threshold(struct app *app, const struct value *v)
{
	complain("%s has no meaning here and is ignored: rings have no thresholds", v[3].text);
}
