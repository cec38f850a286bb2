/* SPDX-License-Identifier: BSD-3-Clause */
/* The commands of the prompt. */
#include <stdio.h>
#include <string.h>

#include "command.h"

const char *const section_names[] = { "control", "display", "config", "ports", NULL };

static void
run_start(struct app *app, const struct value *v)
{
	unsigned bursts = v[1].text ? 1 : 0;

	forward_start(app, v[2].text ? (unsigned)v[2].number : bursts);
}

static void
run_stop(struct app *app, const struct value *v)
{
	forward_stop(app);
}

static void
run_quit(struct app *app, const struct value *v)
{
	app->quit = true;
}

static void
run_port(struct app *app, const struct value *v)
{
	typedef void (*act_fn)(struct app *, unsigned);
	static const act_fn acts[] = { port_command_start, port_command_stop, port_command_close,
				       port_command_reset };
	static const char *const names[] = { "Starting", "Stopping", "Closing", "Resetting" };

	printf("%s ports...\n", names[v[1].choice]);
	for (unsigned i = v[2].first; i < v[2].end; i++)
		if (app->ports[i].port)
			acts[v[1].choice](app, i);
	printf("Done\n");
}

static void
run_port_queue(struct app *app, const struct value *v)
{
	bool tx = v[2].choice, start = !v[4].choice;
	unsigned n = tx ? app->opt.txq : app->opt.rxq;

	if (v[3].number >= n) {
		complain("Invalid %s queue %u (must be < nb_%s=%u)", tx ? "TX" : "RX",
			 (unsigned)v[3].number, tx ? "txq" : "rxq", n);
		return;
	}
	port_command_queue(app, v[1].first, tx, (unsigned)v[3].number, start);
}

static void
run_link(struct app *app, const struct value *v)
{
	port_command_link(app, v[3].first, !v[1].choice);
}

static void
run_show_port(struct app *app, const struct value *v)
{
	for (unsigned i = v[3].first; i < v[3].end; i++) {
		if (!app->ports[i].port)
			continue;
		if (v[2].choice == 0)
			show_info(app, i);
		else if (v[2].choice == 1)
			stats_show(app, i);
		else
			show_xstats(app, i);
	}
}

static void
run_clear(struct app *app, const struct value *v)
{
	for (unsigned i = v[3].first; i < v[3].end; i++) {
		if (!app->ports[i].port)
			continue;
		stats_clear(app, i);
	}
}

static void
run_config(struct app *app, const struct value *v)
{
	if (v[2].choice == 0)
		streams_config(app);
	else if (v[2].choice == 1)
		show_cores(app);
	else
		show_rxtx(app);
}

static void
run_holders(struct app *app, const struct value *v)
{
	show_holders(app);
}

static void
run_csum_show(struct app *app, const struct value *v)
{
	show_csum(app, v[2].first);
}

static void
print_command(const struct command *c)
{
	if (strlen(c->usage) > 45)
		printf("  %s\n  %-45s %s\n", c->usage, "", c->help);
	else
		printf("  %-45s %s\n", c->usage, c->help);
}

static void
run_help(struct app *app, const struct value *v)
{
	for (unsigned s = 0; s < SECTIONS; s++) {
		if (v[1].text && v[1].choice != (int)s && v[1].choice != SECTIONS)
			continue;
		printf("\n%c%s:\n", section_names[s][0] - 'a' + 'A', section_names[s] + 1);
		for (const struct command *c = commands; c->usage; c++)
			if (c->section == s)
				print_command(c);
	}
	printf("\n");
}

const struct command commands[] = {
	{ CONTROL, "start [tx_first [BURSTS]]",
	  "begin to forward, with bursts sent by every stream first", run_start },
	{ CONTROL, "stop", "end forwarding, and show its statistics", run_stop },
	{ CONTROL, "help [control|display|config|ports|all]", "this list, or a part of it",
	  run_help },
	{ CONTROL, "quit", "end", run_quit },

	{ DISPLAY, "show port info|stats|xstats N|all",
	  "state and limits; counters and rates; all counters", run_show_port },
	{ DISPLAY, "clear port stats|xstats N|all", "set the counters to 0", run_clear },
	{ DISPLAY, "show config fwd|cores|rxtx", "which core forwards what; cores; queues",
	  run_config },
	{ DISPLAY, "show holders", "who holds how many buffers", run_holders },
	{ DISPLAY, "csum show N", "where mode csum computes checksums", run_csum_show },

	{ CONFIG, "set fwd io|macswap|rxonly|txonly|csum|icmpecho [retry]",
	  "forward mode, and whether to retry on a full ring", command_set_fwd },
	{ CONFIG, "set burst BURST", "buffers a burst", command_set_burst },
	{ CONFIG, "set burst tx delay US retry RETRIES",
	  "microseconds between retries, and how many of them", command_set_delay },
	{ CONFIG, "set promisc N|all on|off", "receive packets for all addresses",
	  command_set_promisc },
	{ CONFIG, "set allmulti N|all on|off", "receive packets for all groups",
	  command_set_allmulti },
	{ CONFIG, "mac_addr add|remove|set N MAC", "further addresses to receive; the port's own",
	  command_mac_addr },
	{ CONFIG, "rx_vlan add|rm VID N", "receive packets of a VLAN, or no more",
	  command_rx_vlan },
	{ CONFIG, "csum set ip|udp|tcp hw|sw N",
	  "mode csum: who computes it on a stopped port's TX", command_csum_set },

	{ PORTS, "port start|stop|close|reset N|all", "also while forwarding", run_port },
	{ PORTS, "port N rxq|txq Q start|stop", "one queue, also while forwarding",
	  run_port_queue },
	{ PORTS, "set link-up|link-down port N", "while down, a port's queues stand still",
	  run_link },
	{ 0 },
};
