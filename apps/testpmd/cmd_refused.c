/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Commands of dpdk-testpmd that do not exist here, and why. They are told apart from typing errors:
 * a transcript that has them shows at once what is missing, and what to do instead.
 */
#include <stdio.h>
#include <string.h>

#include "command.h"

static const char rules[] = "Baton has no flow rules: a port receives what its device passes on";
static const char headers[] = "headers for flow rules, and Baton has no flow rules";
static const char rss[] = "devices here spread packets over their queues by rules of their own";
static const char hash_types[] = "what is hashed is IPv4 or IPv6, alone or with TCP, UDP or SCTP: "
				 "all, ip, tcp, udp, sctp or none";
static const char split_rx[] = "packets are received whole, into as many buffers as they need";
static const char vf[] = "no driver here is the master of virtual functions";
static const char tunnel[] = "mode csum looks at outer headers only";
static const char merge[] = "no packets are merged; tso set has TCP packets cut in mode csum";
static const char tx_tag[] = "no device here has a VLAN of its own; tx_vlan set N VID has tags "
			     "inserted";
static const char rx_tag[] = "see port config N rx_offload vlan_strip|qinq_strip, of a stopped "
			     "port";
static const char tag_types[] = "the types of tags are 0x8100 and 0x88a8, and stay so";
static const char pause_frames[] = "no device here has flow control by priority; see set flow_ctrl";
static const char limit_tx[] = "no device here limits its rate";
static const char meter[] = "no device here has meters or a traffic manager";
static const char bond[] = "there is no bonded device; the kernel's bonding may be below a port";
static const char memory[] = "Baton has no such memory; show holders has its buffers";
static const char raw_descs[] = "descriptors are not shown; see show port N rxq|txq Q desc D "
				"status";
static const char module[] = "no device here has a module or its EEPROM";
static const char coding[] = "no device here has forward error correction";
static const char types[] = "no device here classifies packets by type";
static const char drops[] = "a device without buffers drops packets; it cannot be changed";
static const char packages[] = "no driver here loads packages";
static const char secure[] = "no device here encrypts";
static const char own_switch[] = "no device here has a switch of its own to set up";
static const char bypass[] = "no device here has a bypass";
static const char queue_alone[] = "offloads are those of a port: see port config N "
				  "rx_offload|tx_offload";
static const char old_switch[] = "see port config N rx_offload, which took its place in DPDK, too";
static const char stamps[] = "no device here sends at a given time";
static const char programs[] = "there is no eBPF here";
static const char other_mbufs[] = "buffers have no such field";

/* `*` is any word. What is longer stands before what it begins with. */
static const struct {
	const char *words, *why;
} refused[] = {
	{ "flow", rules },
	{ "show port * flow", rules },
	{ "show port * fdir", rules },
	{ "show port fdir", rules },
	{ "clear port fdir", rules },
	{ "create flow", rules },
	{ "set sample_actions", rules },
	{ "set vxlan", headers },
	{ "set vxlan-with-vlan", headers },
	{ "set vxlan-tos-ttl", headers },
	{ "set nvgre", headers },
	{ "set nvgre-with-vlan", headers },
	{ "set l2_encap", headers },
	{ "set l2_encap-with-vlan", headers },
	{ "set l2_decap", headers },
	{ "set l2_decap-with-vlan", headers },
	{ "set mplsogre_encap", headers },
	{ "set mplsogre_encap-with-vlan", headers },
	{ "set mplsogre_decap", headers },
	{ "set mplsogre_decap-with-vlan", headers },
	{ "set mplsoudp_encap", headers },
	{ "set mplsoudp_encap-with-vlan", headers },
	{ "set mplsoudp_decap", headers },
	{ "set mplsoudp_decap-with-vlan", headers },
	{ "set raw_encap", headers },
	{ "set raw_decap", headers },
	{ "set conntrack", rules },
	{ "show raw_encap", headers },
	{ "show raw_decap", headers },
	{ "show port dcb_tc", "no device here has traffic classes" },
	{ "port config * l2-tunnel", "no driver here is the master of virtual functions" },
	{ "port config * dcb", "no device here has traffic classes" },
	{ "show port info * representor", own_switch },
	{ "show port * module_eeprom", module },
	{ "show port * eeprom", module },
	{ "show port * fec", coding },
	{ "show port * fec_mode", coding },
	{ "set port * fec_mode", coding },
	{ "show port * tx_metadata", other_mbufs },
	{ "port config * tx_metadata", other_mbufs },
	{ "port config * dynf", other_mbufs },
	{ "show port * ptypes", types },
	{ "set port * ptypes_mask", types },
	{ "set port * ptype_mask", types },
	{ "ptype mapping", types },
	{ "show port * pctype", types },
	{ "port config * pctype", types },
	{ "port config * udp_tunnel_port", types },
	{ "show port * queue-region", own_switch },
	{ "set port * queue-region", own_switch },
	{ "show port * gro", merge },
	{ "set port * gro", merge },
	{ "set gro", merge },
	{ "show port * gso", merge },
	{ "set port * gso", merge },
	{ "set gso", merge },
	{ "tunnel_tso", tunnel },
	{ "port config all max-lro-pkt-size", merge },
	{ "set pfc_ctrl", pause_frames },
	{ "set pfc_queue_ctrl", pause_frames },
	{ "show port meter", meter },
	{ "set port meter", meter },
	{ "add port meter", meter },
	{ "del port meter", meter },
	{ "create port meter", meter },
	{ "enable port meter", meter },
	{ "disable port meter", meter },
	{ "show port tm", meter },
	{ "set port tm", meter },
	{ "add port tm", meter },
	{ "del port tm", meter },
	{ "suspend port tm", meter },
	{ "resume port tm", meter },
	{ "port tm", meter },
	{ "read rxd", raw_descs },
	{ "read txd", raw_descs },
	{ "read reg", "registers are not shown" },
	{ "read regbit", "registers are not shown" },
	{ "read regfield", "registers are not shown" },
	{ "write", "registers are not written" },
	{ "show vf", vf },
	{ "clear vf", vf },
	{ "set vf", vf },
	{ "set port * vf", vf },
	{ "mac_addr add port", vf },
	{ "rx_vlan add * port", vf },
	{ "rx_vlan rm * port", vf },
	{ "E-tag", vf },
	{ "set tx loopback", vf },
	{ "set tx strict-link-priority", vf },
	{ "set tc", vf },
	{ "set all queues drop", drops },
	{ "port config all drop-en", drops },
	{ "port config all rss eth", hash_types },
	{ "port config all rss ether", hash_types },
	{ "port config all rss vlan", hash_types },
	{ "port config all rss port", hash_types },
	{ "port config all rss l2-payload", hash_types },
	{ "port config all rss vxlan", hash_types },
	{ "port config all rss vxlan-gpe", hash_types },
	{ "port config all rss geneve", hash_types },
	{ "port config all rss nvgre", hash_types },
	{ "port config all rss ecpri", hash_types },
	{ "port config all rss mpls", hash_types },
	{ "port config all rss pppoe", hash_types },
	{ "port config all rss gtpu", hash_types },
	{ "port config all rss esp", hash_types },
	{ "port config all rss ah", hash_types },
	{ "port config all rss pfcp", hash_types },
	{ "port config all rss l2tpv2", hash_types },
	{ "port config all rss l2tpv3", hash_types },
	{ "port config all rss ipv4-chksum", hash_types },
	{ "port config all rss l4-chksum", hash_types },
	{ "port config all rss level-default", hash_types },
	{ "port config all rss level-outer", hash_types },
	{ "port config all rss level-inner", hash_types },
	{ "vlan set stripq", rx_tag },
	{ "vlan set extend", "no device here looks at two VLAN tags" },
	{ "vlan set inner", tag_types },
	{ "vlan set outer", tag_types },
	{ "tx_vlan set pvid", tx_tag },
	{ "rx_vxlan_port", tunnel },
	{ "csum parse-tunnel", tunnel },
	{ "csum parse_tunnel", tunnel },
	{ "csum mac-swap", "mode csum always sets the addresses" },
	{ "set port * uta", "no device here filters by hashes; see mac_addr add" },
	{ "set port * queue", limit_tx },
	{ "set queue", limit_tx },
	{ "set port * rxq", "no device here tells when a queue runs low" },
	{ "mlx5", "there is no mlx5 driver" },
	{ "set stat_qmap", "every queue has counters of its own: see show port xstats" },
	{ "set txsplit", "what is made is cut as set txpkts says, and what came is sent as it "
			 "came" },
	{ "set flush_rx", "what waits in a queue is forwarded, never thrown away" },
	{ "set link_check", "ports start whether their link is up or not" },
	{ "set rxoffs", split_rx },
	{ "set rxpkts", split_rx },
	{ "set rxhdrs", split_rx },
	{ "set txtimes", stamps },
	{ "set bypass", bypass },
	{ "show bypass", bypass },
	{ "port config bypass", bypass },
	{ "set macsec", secure },
	{ "show port * macsec", secure },
	{ "set bonding", bond },
	{ "show bonding", bond },
	{ "add bonding", bond },
	{ "remove bonding", bond },
	{ "create bonded", bond },
	{ "create bonding", bond },
	{ "bpf-load", programs },
	{ "bpf-unload", programs },
	{ "ddp", packages },
	{ "dump_physmem", memory },
	{ "dump_memzone", memory },
	{ "dump_socket_mem", memory },
	{ "dump_struct_sizes", memory },
	{ "dump_ring", memory },
	{ "dump_log_types", "there is one log: see set log global" },
	{ "dump_lcores", "see show config cores" },
	{ "dump_trace", "nothing is traced" },
	{ "port config * loopback", "no device here loops back what it is sent" },
	{ "port * rxq * rx_offload", queue_alone },
	{ "port * txq * tx_offload", queue_alone },
	{ "port * rxq * deferred_start on", "a port starts with all of its queues; stop one with "
					    "port N rxq Q stop" },
	{ "port * txq * deferred_start on", "a port starts with all of its queues; stop one with "
					    "port N txq Q stop" },
	{ "set hash_global_config", rss },
	{ "set hash_input_set", rss },
	{ "set_hash_input_set", rss },
	{ "get_hash_global_config", rss },
	{ "add port", meter },
	{ "del port", meter },
	/* of newer and of older guides */
	{ "mac_add add port", vf },
	{ "csum set outer_ip", tunnel },
	{ "csum set outer_udp", tunnel },
	{ "show port cman", "no device here tells of congestion" },
	{ "set port cman", "no device here tells of congestion" },
	{ "set port * led", "no device here has a light to switch" },
	{ "set port led", "no device here has a light to switch" },
	{ "show port * speed_lanes", "no device here has lanes to choose" },
	{ "show port speed_lanes", "no device here has lanes to choose" },
	{ "port config * speed_lanes", "no device here has lanes to choose" },
	{ "ethertype_filter", rules },
	{ "2tuple_filter", rules },
	{ "5tuple_filter", rules },
	{ "syn_filter", rules },
	{ "flex_filter", rules },
	{ "tunnel_filter", rules },
	{ "l2_tunnel_filter", rules },
	{ "mac_addr_filter", rules },
	{ "flow_director_filter", rules },
	{ "flow_director_mask", rules },
	{ "flow_director_flex_mask", rules },
	{ "flow_director_flex_payload", rules },
	{ "flush_flow_director", rules },
	{ "set_fdir_input_set", rules },
	{ "global_config", rules },
	{ "set_hash_global_config", rss },
	{ "get_sym_hash_ena_per_port", rss },
	{ "set_sym_hash_ena_per_port", rss },
	{ "set port * mirror-rule", own_switch },
	{ "reset port", own_switch },
	{ "show port stat_qmap", "every queue has counters of its own: see show port xstats" },
	{ "clear port stat_qmap", "every queue has counters of its own: see clear port xstats" },
	{ "port config all crc-strip", old_switch },
	{ "port config all scatter", old_switch },
	{ "port config all rx-cksum", old_switch },
	{ "port config all rx-timestamp", old_switch },
	{ "port config all hw-vlan", old_switch },
	{ "port config all hw-vlan-filter", old_switch },
	{ "port config all hw-vlan-strip", old_switch },
	{ "port config all hw-vlan-extend", old_switch },
	{ "port config all hw-qinq-strip", old_switch },
};

#define N_REFUSED (sizeof(refused) / sizeof(refused[0]))

/* Do the line's words begin with those of the entry? Return: how many, 0 if they do not. */
static unsigned
begins(const char *entry, unsigned n, char **words)
{
	unsigned i = 0;

	while (*entry) {
		size_t len = strcspn(entry, " ");

		if (i == n)
			return 0;
		if (!(len == 1 && *entry == '*') &&
		    (strlen(words[i]) != len || memcmp(words[i], entry, len) != 0))
			return 0;
		i++;
		entry += len + (entry[len] == ' ');
	}
	return i;
}

/* A mode's reason is with the modes. */
static bool
mode_refused(unsigned n, char **words)
{
	const char *why = NULL;

	if (n > 2 && !strcmp(words[0], "set") && !strcmp(words[1], "fwd"))
		why = mode_absent(words[2]);
	if (why)
		complain("\"set fwd %s\" is a command of dpdk-testpmd that is not supported here: "
			 "%s",
			 words[2], why);
	return why;
}

bool
command_refused(unsigned n, char **words)
{
	if (mode_refused(n, words))
		return true;
	for (unsigned i = 0; i < N_REFUSED; i++) {
		unsigned k = begins(refused[i].words, n, words);
		char text[128] = "";

		if (!k)
			continue;
		for (unsigned w = 0; w < k; w++)
			snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%.40s",
				 w ? " " : "", words[w]);
		complain("\"%s\" is a command of dpdk-testpmd that is not supported here: %s", text,
			 refused[i].why);
		return true;
	}
	return false;
}
