/* SPDX-License-Identifier: BSD-3-Clause */
/* `show` and `clear`, in the layout of dpdk-testpmd. */
#include <stdio.h>
#include <string.h>

#include "command.h"

static void
print_mac(const uint8_t *m)
{
	printf("%02X:%02X:%02X:%02X:%02X:%02X", m[0], m[1], m[2], m[3], m[4], m[5]);
}

/* As dpdk-testpmd writes a link's speed. */
static const char *
speed_text(unsigned mbps, char *text, size_t size)
{
	if (!mbps)
		return "Unknown";
	if (mbps % 1000 == 0)
		snprintf(text, size, "%u Gbps", mbps / 1000);
	else if (mbps > 1000 && mbps % 100 == 0)
		snprintf(text, size, "%u.%u Gbps", mbps / 1000, mbps % 1000 / 100);
	else
		snprintf(text, size, "%u Mbps", mbps);
	return text;
}

static unsigned
open_ports(const struct app *app)
{
	unsigned n = 0;

	for (unsigned i = 0; i < app->n_ports; i++)
		n += app->ports[i].port != NULL;
	return n;
}

static void
summary_head(const struct app *app)
{
	printf("Number of available ports: %u\n", open_ports(app));
	printf("%-4s %-17s %-12s %-14s %-8s %s\n", "Port", "MAC Address", "Name", "Driver",
	       "Status", "Link");
}

static void
summary_line(const struct app *app, unsigned port)
{
	struct baton_port_info info;
	struct baton_link link;
	char speed[32];

	baton_port_info(app->ports[port].port, &info);
	baton_port_link(app->ports[port].port, &link);
	printf("%-4u ", port);
	print_mac(info.mac);
	printf(" %-12s %-14s %-8s %s\n", info.name, info.driver, link.up ? "up" : "down",
	       speed_text(link.speed_mbps, speed, sizeof(speed)));
}

void
command_show_port(struct app *app, const struct value *v)
{
	enum { INFO, STATS, XSTATS } what = (unsigned)v[2].choice;

	for (unsigned i = v[3].first; i < v[3].end; i++) {
		if (!app->ports[i].port)
			continue;
		if (what == INFO)
			show_info(app, i);
		else if (what == STATS)
			stats_show(app, i);
		else
			show_xstats(app, i);
	}
}

void
command_show_summary(struct app *app, const struct value *v)
{
	summary_head(app);
	for (unsigned i = v[3].first; i < v[3].end; i++)
		if (app->ports[i].port)
			summary_line(app, i);
}

void
command_clear_port(struct app *app, const struct value *v)
{
	for (unsigned i = v[3].first; i < v[3].end; i++)
		if (app->ports[i].port)
			stats_clear(app, i);
}

void
command_show_fwd(struct app *app, const struct value *v)
{
	stats_forward(app);
}

void
command_clear_fwd(struct app *app, const struct value *v)
{
	forward_pause(app);
	counts_begin(app);
	for (unsigned i = 0; i < app->max_lcores; i++)
		app->lcores[i].cycles = 0;
	forward_resume(app);
}

static void
show_txpkts(const struct app *app)
{
	printf("Number of segments: %u\nSegment sizes: ", app->opt.n_txpkts);
	for (unsigned i = 0; i < app->opt.n_txpkts; i++)
		printf("%s%u", i ? "," : "", app->opt.txpkts[i]);
	printf("\nSplit packet: off\n");
}

void
command_show_config(struct app *app, const struct value *v)
{
	enum { FWD, CORES, RXTX } what = (unsigned)v[2].choice;

	if (what == FWD)
		streams_config(app);
	else if (what == CORES)
		show_cores(app);
	else
		show_rxtx(app);
}

/* Nothing splits what is received, and nothing delays what is sent. */
void
command_show_packets(struct app *app, const struct value *v)
{
	enum { TXPKTS, RXPKTS, RXOFFS, TXTIMES } what = (unsigned)v[2].choice;

	if (what == TXPKTS)
		show_txpkts(app);
	else if (what == RXPKTS)
		printf("Number of segments: 0\n");
	else if (what == RXOFFS)
		printf("Number of offsets: 0\n");
	else
		printf("Interburst gap: 0\nIntraburst gap: 0\n");
}

void
command_show_macs(struct app *app, const struct value *v)
{
	const struct app_port *p = &app->ports[v[2].first];
	bool multicast = v[3].choice;
	struct baton_port_info info;
	unsigned n = !multicast;

	for (unsigned i = 0; i < p->n_macs; i++)
		n += (p->macs[i][0] & 1) == multicast;
	printf("Number of %sMAC address added: %u\n", multicast ? "Multicast " : "", n);
	baton_port_info(p->port, &info);
	if (!multicast) {
		printf("  ");
		print_mac(info.mac);
		printf("\n");
	}
	for (unsigned i = 0; i < p->n_macs; i++) {
		if ((p->macs[i][0] & 1) != multicast)
			continue;
		printf("  ");
		print_mac(p->macs[i]);
		printf("\n");
	}
}

/* ---- devices ---- */

static const char *
arguments(const struct app_port *p)
{
	const char *comma = p->devargs ? strchr(p->devargs, ',') : NULL;

	return comma ? comma + 1 : "";
}

static void
show_device(const struct app *app, unsigned port)
{
	const struct app_port *p = &app->ports[port];
	struct baton_port_info info;

	baton_port_info(p->port, &info);
	printf("\n********************* Infos for device %s *********************\n", info.name);
	/* A PCI address has colons, and nothing else here is on a bus. */
	printf("Bus name: %s\nBus information: \n", strchr(info.name, ':') ? "pci" : "vdev");
	printf("Driver name: %s\nDevargs: %s\nConnect to socket: %d\n", info.driver, arguments(p),
	       info.node);
	printf("\n\tPort id: %u \n\tMAC address: ", port);
	print_mac(info.mac);
	printf("\n\tDevice name: %s\n", info.name);
}

void
command_show_device(struct app *app, const struct value *v)
{
	bool all = !strcmp(v[3].text, "all"), any = false;

	for (unsigned i = 0; i < app->n_ports; i++) {
		struct baton_port_info info;

		if (!app->ports[i].port)
			continue;
		baton_port_info(app->ports[i].port, &info);
		if (!all && strcmp(info.name, v[3].text) != 0)
			continue;
		show_device(app, i);
		any = true;
	}
	if (!all && !any)
		complain("no device %s here; show device info all lists them", v[3].text);
}

void
command_dump_devargs(struct app *app, const struct value *v)
{
	printf("User device list:\n");
	for (unsigned i = 0; i < app->n_ports; i++)
		if (app->ports[i].port && app->ports[i].devargs)
			printf("  %s\n", app->ports[i].devargs);
}
