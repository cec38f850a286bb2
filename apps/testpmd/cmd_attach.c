/* SPDX-License-Identifier: BSD-3-Clause */
/* Ports that come and go: `port attach`, `port detach`, `device detach`. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "files.h"

static unsigned
count_ports(const struct app *app)
{
	unsigned n = 0;

	for (unsigned i = 0; i < app->n_ports; i++)
		n += !app->ports[i].detached;
	return n;
}

/* Do cores that run still know of the port? */
static bool
is_forwarded(const struct app *app, unsigned port)
{
	for (unsigned i = 0; app->forwarding && i < app->n_streams; i++)
		if (app->streams[i].rx_port == port || app->streams[i].tx_port == port)
			return true;
	return false;
}

/* The lowest number that is free, as in dpdk-testpmd. */
static unsigned
free_number(const struct app *app)
{
	unsigned i = 0;

	while (i < app->n_ports && !(app->ports[i].detached && !is_forwarded(app, i)))
		i++;
	return i;
}

/* What the port of that number did is over; what it lost stays known. */
static void
clear_slot(struct app *app, unsigned port)
{
	struct app_port *p = &app->ports[port];
	struct app_queue *rx = p->rx, *tx = p->tx;
	uint64_t lost, left;

	if (port >= app->n_ports)
		return;
	lost = counts_lost(app, port);
	left = counts_not_received(app, port);
	if (left) {
		complain("port %u, detached, did not receive all of its capture: %" PRIu64 " packet"
			 "s are "
			 "errors",
			 port, left);
		app->failed = true;
	}
	if (lost) {
		complain("port %u, detached, took %" PRIu64 " packets that it could not send", port,
			 lost);
		app->failed = true;
	}
	free(p->devargs);
	memset(p, 0, sizeof(*p));
	/* Numbers that are free have queues, too: all but those that are set up are empty. */
	p->rx = rx;
	p->tx = tx;
	memset(p->rx, 0, BATON_MAX_QUEUES * sizeof(p->rx[0]));
	memset(p->tx, 0, BATON_MAX_QUEUES * sizeof(p->tx[0]));
}

/* It was opened, and cannot be used. */
static void
give_up(struct app *app, unsigned port)
{
	struct app_port *p = &app->ports[port];

	if (port >= app->n_ports)
		return;
	if (p->port && baton_port_close(p->port) < 0)
		complain("closing port %u: %s", port, baton_last_error());
	p->port = NULL;
	p->detached = true;
	counts_drop_port(app, port);
	if (port + 1 == app->n_ports) {
		clear_slot(app, port);
		app->n_ports--;
	}
}

/* A list of ports that was given goes on with the new one. */
static void
forward_too(struct options *opt, unsigned port, unsigned n_ports)
{
	unsigned n = opt->nb_ports;

	if (!opt->n_fwd_ports && !n)
		return;
	if (!opt->n_fwd_ports) /* the first ones, now by name */
		for (; opt->n_fwd_ports < n && opt->n_fwd_ports + 1 < n_ports; opt->n_fwd_ports++)
			opt->fwd_ports[opt->n_fwd_ports] = opt->n_fwd_ports;
	else if (n && n < opt->n_fwd_ports)
		opt->n_fwd_ports = n;
	opt->nb_ports = 0;
	for (unsigned i = 0; i < opt->n_fwd_ports; i++)
		if (opt->fwd_ports[i] == port)
			return;
	if (opt->n_fwd_ports < BATON_MAX_PORTS)
		opt->fwd_ports[opt->n_fwd_ports++] = port;
}

/* No core forwards for it yet. */
static void
spare(struct app *app, unsigned port)
{
	struct app_port *p = &app->ports[port];

	for (unsigned q = 0; q < BATON_MAX_QUEUES; q++)
		p->rx[q].want = p->tx[q].want = &app->lcores[q % app->n_lcores];
}

static bool
attach(struct app *app, unsigned port, const char *devargs)
{
	if (!files_check_port(&app->opt, devargs) || !port_open(app, port, devargs))
		return false;
	if (app->forwarding)
		spare(app, port);
	else
		streams_want(app);
	if (!pool_fit(app) || !port_set_up(app, port))
		return false;
	forward_pause(app);
	ports_set_room(app);
	forward_resume(app);
	return true;
}

void
command_attach(struct app *app, const struct value *v)
{
	unsigned port = free_number(app);

	printf("Attaching a new port...\n");
	if (port == BATON_MAX_PORTS) {
		complain("there are %u ports, and no room for more", BATON_MAX_PORTS);
		return;
	}
	clear_slot(app, port);
	if (port < app->n_ports)
		app->ports[port].detached = true;
	if (!attach(app, port, v[2].text)) {
		complain("Failed to attach port %s", v[2].text);
		give_up(app, port);
		return;
	}
	forward_too(&app->opt, port, app->n_ports);
	printf("Port %u is attached. Now total ports is %u\nDone\n", port, count_ports(app));
}

/* ---- and go ---- */

static void
forward_no_more(struct app *app, unsigned port)
{
	struct options *opt = &app->opt;
	unsigned n = 0;

	for (unsigned i = 0; i < opt->n_fwd_ports; i++) {
		if (opt->fwd_ports[i] != port)
			opt->fwd_ports[n++] = opt->fwd_ports[i];
		else if (i < opt->nb_ports && opt->nb_ports > 1)
			opt->nb_ports--;
	}
	opt->n_fwd_ports = n;
}

static void
detach(struct app *app, unsigned port)
{
	struct app_port *p = &app->ports[port];
	char name[64];

	if (port_is_started(p)) {
		complain("Port %u not stopped: type port stop %u", port, port);
		return;
	}
	printf("Removing a device...\n");
	if (p->port) {
		printf("Port was not closed\n");
		port_command_close(app, port);
	}
	if (p->port)
		return;
	snprintf(name, sizeof(name), "%s", p->name);
	p->detached = true;
	forward_no_more(app, port);
	printf("Device %s is detached\nNow total ports is %u\nDone\n", name, count_ports(app));
}

void
command_detach(struct app *app, const struct value *v)
{
	unsigned port = (unsigned)v[2].number;

	if (port >= app->n_ports || app->ports[port].detached)
		complain("Invalid port_id=%u: there is no such port", port);
	else
		detach(app, port);
}

void
command_detach_device(struct app *app, const struct value *v)
{
	size_t len = strcspn(v[2].text, ",");

	for (unsigned i = 0; i < app->n_ports; i++) {
		const struct app_port *p = &app->ports[i];

		if (p->detached || strlen(p->name) != len || memcmp(p->name, v[2].text, len) != 0)
			continue;
		detach(app, i);
		return;
	}
	complain("no device %s here; show device info all lists them", v[2].text);
}
