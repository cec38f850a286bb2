/* SPDX-License-Identifier: BSD-3-Clause */
/* The commands of the prompt. */
#include <stdio.h>
#include <string.h>

#include "command.h"

const char *const section_names[] = { "control", "display", "config", "ports", "devices", NULL };

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
run_holders(struct app *app, const struct value *v)
{
	show_holders(app);
}

static void
print_section(enum section section)
{
	printf("\n%c%s:\n", section_names[section][0] - 'a' + 'A', section_names[section] + 1);
	for (const struct command *c = commands; c->usage; c++)
		if (c->section == section)
			help_row(c->usage, c->help, 34);
}

static void
run_help(struct app *app, const struct value *v)
{
	for (unsigned s = 0; s < SECTIONS; s++)
		if (!v[1].text || !strcmp(v[1].text, "all") || !strcmp(v[1].text, section_names[s]))
			print_section(s);
	printf("\n");
}

/* Sections of dpdk-testpmd's help. */
static void
run_help_more(struct app *app, const struct value *v)
{
	if (!v[1].choice)
		print_section(DEVICES);
	else
		printf("\nNothing of %s exists here; each of its commands says why.", v[1].text);
	printf("\n");
}

/* Asks for what is so anyway. */
static void
run_nothing(struct app *app, const struct value *v)
{
}

const struct command commands[] = {
	{ CONTROL, "start [tx_first [BURSTS]]",
	  "begin to forward, with bursts sent by every stream first", run_start },
	{ CONTROL, "stop", "end forwarding, and show its statistics", run_stop },
	{ CONTROL, "help [control|display|config|ports|all]", "this list, or a part of it",
	  run_help },
	{ CONTROL, "help devices|filters|traffic_management|drivers", "further parts",
	  run_help_more },
	{ CONTROL, "load|load_echo FILE", "run the commands of a file, and show them",
	  command_load },
	{ CONTROL, "quit", "end", run_quit },

	{ DISPLAY, "show port info|stats|xstats N|all",
	  "state and limits; counters and rates; all counters", command_show_port },
	{ DISPLAY, "show port summary N|all", "a line a port", command_show_summary },
	{ DISPLAY, "clear port stats|xstats N|all", "set the counters to 0", command_clear_port },
	{ DISPLAY, "show fwd stats all", "the forward statistics so far", command_show_fwd },
	{ DISPLAY, "clear fwd stats all", "let the forward statistics begin anew",
	  command_clear_fwd },
	{ DISPLAY, "show rxq|txq info N Q", "a queue: its descriptors, state and core",
	  command_show_queue },
	{ DISPLAY, "show port N rxq Q desc used count",
	  "descriptors that the device has completed and no burst has processed",
	  command_desc_count },
	{ DISPLAY, "show port N rxq|txq Q desc DESC status",
	  "whether a descriptor, counted from the oldest in use, is completed",
	  command_desc_status },
	{ DISPLAY, "show port N rx_offload|tx_offload capabilities|configuration",
	  "offloads that there are, and which of them Baton does in software; those in use",
	  command_show_offload },
	{ DISPLAY, "show port cap N|all", "offloads that devices have, in both directions",
	  command_show_cap },
	{ DISPLAY, "show port N rss-hash [key]", "what received packets are hashed by",
	  command_show_rss_hash },
	{ DISPLAY, "show port N rss reta NUMBER LIST",
	  "the table of queues: its size, and masks of 64 entries each, (0xff,0x0)",
	  command_show_reta },
	{ DISPLAY, "show port N flow_ctrl", "pauses: which are in use, and the rest as it is set",
	  command_show_flow_ctrl },
	{ DISPLAY, "show port N macs|mcast_macs", "addresses that the port receives",
	  command_show_macs },
	{ DISPLAY, "show config fwd|cores|rxtx", "which core forwards what; cores; queues",
	  command_show_config },
	{ DISPLAY, "show config txpkts|rxpkts|rxoffs|txtimes",
	  "lengths of packets that are made; nothing splits or delays any", command_show_packets },
	{ DISPLAY, "show device info DEVICE", "the device of a name, or all", command_show_device },
	{ DISPLAY, "show holders", "who holds how many buffers", run_holders },
	{ DISPLAY, "dump_mempool [NAME]", "the same", run_holders },
	{ DISPLAY, "dump_devargs", "what the ports were opened with", command_dump_devargs },
	{ DISPLAY, "csum show N", "where mode csum computes checksums", command_csum_show },
	{ DISPLAY, "tso show N", "segments that mode csum has TCP packets cut into",
	  command_tso_show },

	{ CONFIG, "set fwd io|mac|macswap|flowgen|rxonly|txonly|csum|icmpecho|5tswap [retry]",
	  "forward mode, and whether to retry on a full ring", command_set_fwd },
	{ CONFIG, "set verbose VERBOSITY",
	  "show packets: 1 those received, 2 those sent, 3 both, 0 none", command_set_verbose },
	{ CONFIG, "set txpkts LIST", "lengths of the segments of a sent packet, as --txpkts",
	  command_set_txpkts },
	{ CONFIG, "set eth-peer N MAC", "where mac, csum and txonly send, as --eth-peer",
	  command_set_eth_peer },
	{ CONFIG, "set burst BURST", "buffers a burst", command_set_burst },
	{ CONFIG, "set burst tx delay US retry RETRIES",
	  "microseconds between retries, and how many of them", command_set_delay },
	{ CONFIG, "set promisc N|all on|off", "receive packets for all addresses",
	  command_set_promisc },
	{ CONFIG, "set allmulti N|all on|off", "receive packets for all groups",
	  command_set_allmulti },
	{ CONFIG, "mac_addr add|remove|set N MAC", "further addresses to receive; the port's own",
	  command_mac_addr },
	{ CONFIG, "mcast_addr add|remove N MAC", "groups to receive", command_mcast_addr },
	{ CONFIG, "rx_vlan add|rm VID N", "receive packets of a VLAN, or no more",
	  command_rx_vlan },
	{ CONFIG, "rx_vlan add|rm all N", "of all VLANs", command_rx_vlan },
	{ CONFIG, "csum set ip|udp|tcp|sctp|outer-ip|outer-udp hw|sw N",
	  "mode csum: who computes it on a stopped port's TX; hw: the device", command_csum_set },
	{ CONFIG, "tso set MSS N",
	  "mode csum: TCP payload of packets that longer ones are cut into on a stopped port's TX; "
	  "0: they are not",
	  command_tso_set },
	{ CONFIG, "set record-core-cycles|record-burst-stats|xstats-hide-zero on|off",
	  "cycles a packet, and sizes of bursts, in the forward statistics; xstats without those "
	  "that are 0",
	  command_switch },
	{ CONFIG,
	  "set flow_ctrl rx on|off tx on|off HIGH LOW PAUSE XON mac_ctrl_frame_fwd on|off autoneg "
	  "on|off N",
	  "pauses that the other end may ask for, and the port; bytes in its buffer from which it "
	  "asks, and below which it may go on; how long, in 512 bits; whether it says so",
	  command_flow_ctrl },
	{ CONFIG, "set flow_ctrl rx|tx|mac_ctrl_frame_fwd|autoneg on|off N", "one of these",
	  command_flow_ctrl_switch },
	{ CONFIG, "set flow_ctrl high_water|low_water NUMBER N", "likewise",
	  command_flow_ctrl_water },
	{ CONFIG, "set flow_ctrl pause_time PAUSE N", "likewise", command_flow_ctrl_time },
	{ CONFIG, "set flow_ctrl send_xon XON N", "likewise", command_flow_ctrl_xon },
	{ CONFIG, "set portlist LIST", "the ports that forward, from the next start on: 0,2",
	  command_ports },
	{ CONFIG, "set portmask MASK", "the same as a mask, 0x5", command_ports },
	{ CONFIG, "set corelist LIST", "the cores that forward, likewise", command_cores },
	{ CONFIG, "set coremask MASK", "the same as a mask", command_cores },
	{ CONFIG, "set nbport|nbcore NUMBER", "how many of them forward, the first ones",
	  command_number },
	{ CONFIG, "set default", "all ports forward, on one core", command_default },
	{ CONFIG, "set log TYPE LEVEL", "what is logged: 1 to 4 errors, to 8 all of it",
	  command_log },
	{ CONFIG, "set txsplit|flush_rx|link_check|record-burst-stats off", "it is off",
	  run_nothing },
	{ CONFIG, "set port setup on iterator|event", "attached ports are found in any case",
	  run_nothing },
	{ CONFIG, "vlan set strip|qinq_strip on|off N",
	  "remove a VLAN tag, or two, from what a stopped port receives, by its next start",
	  command_vlan_strip },
	{ CONFIG, "vlan set filter on|off N",
	  "receive only the VLANs that rx_vlan has added, or all", command_vlan_filter },
	{ CONFIG, "vlan set extend off N", "it is off", run_nothing },
	{ CONFIG, "tx_vlan set N VID [OUTER]",
	  "insert a tag, or a second one in front of it, into what a stopped port sends, in all "
	  "modes but io and icmpecho",
	  command_tx_vlan },
	{ CONFIG, "tx_vlan reset N", "insert no tags", command_tx_vlan_reset },
	{ CONFIG, "csum parse-tunnel off N", "it is off", run_nothing },
	{ CONFIG, "csum mac-swap on N", "mode csum always sets the addresses", run_nothing },
	{ CONFIG, "set port N gro|gso off", "it is off", run_nothing },

	{ PORTS, "port start|stop|close|reset N|all", "also while forwarding", run_port },
	{ PORTS, "port N rxq|txq Q start|stop", "one queue, also while forwarding",
	  run_port_queue },
	{ PORTS, "port attach DEVICE", "a further port, as by --vdev or -a; then port start N",
	  command_attach },
	{ PORTS, "port detach PORT", "a closed port's number may be another's", command_detach },
	{ PORTS, "port config mtu N MTU", "largest packet, without Ethernet header",
	  command_config_mtu },
	{ PORTS, "port config all rxq|txq NUMBER", "queues of stopped ports, by their next start",
	  command_config_queues },
	{ PORTS, "port config all rxd|txd NUMBER", "descriptors of all rings, likewise",
	  command_config_descs },
	{ PORTS, "port config all max-pkt-len NUMBER", "MTU and 18 bytes of stopped ports",
	  command_config_length },
	{ PORTS, "port config all burst BURST", "the same as set burst", command_config_burst },
	{ PORTS, "port config all txpt|txht|txwt|rxpt|rxht|rxwt|txfreet|rxfreet|txrst NUMBER",
	  "no effect: rings have no thresholds", command_config_threshold },
	{ PORTS, "port config N rxq|txq Q ring_size NUMBER",
	  "descriptors of one ring, by the port's next start", command_ring_size },
	{ PORTS, "port N rxq|txq Q ring_size NUMBER", "the same", command_ring_size_too },
	{ PORTS, "port N rxq|txq Q setup", "of a stopped port, now", command_queue_setup },
	{ PORTS, "port config N|all speed NAME duplex half|full|auto",
	  "10, 100, 1000 or auto, where the device has a choice", command_config_speed },
	{ PORTS, "port N rxq|txq Q deferred_start off", "it is off", run_nothing },
	{ PORTS, "port config N rx_offload|tx_offload NAME on|off",
	  "an offload of a stopped port, by its next start", command_offload },
	{ PORTS, "port config all rss all|default|ip|tcp|udp|sctp|none",
	  "hash packets of stopped ports, by their next start; none: do not", command_rss },
	{ PORTS, "port config N rss-hash-key TYPE KEY", "the key of a stopped port, in hexadecimal",
	  command_rss_key },
	{ PORTS, "port config N rss reta LIST",
	  "queues of a stopped port's device, (INDEX,QUEUE),(INDEX,QUEUE)", command_reta },
	{ PORTS, "port config all drop-en on", "packets without a buffer are dropped in any case",
	  run_nothing },
	{ PORTS, "port cleanup N txq Q COUNT", "free what the device has sent, 0: all of it",
	  command_cleanup },
	{ PORTS, "set link-up|link-down port N", "while down, a port's queues stand still",
	  run_link },

	{ DEVICES, "device detach DEVICE", "the device of a name, as port detach",
	  command_detach_device },
	{ 0 },
};
