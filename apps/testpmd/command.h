/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A command is a line of a table: its usage, which is also its grammar, a line of help, and what it
 * does.
 *
 * Words of the usage are literal (`a|b` is either), but for those in capitals: N is a port, `N|all`
 * ports, MAC an address, the texts and numbers of grammar.c what they are named after. From the
 * first `[` on words may be left out.
 */
#ifndef TESTPMD_COMMAND_H
#define TESTPMD_COMMAND_H

#include "testpmd.h"

#define MAX_WORDS 16

/* A word as it was read. */
struct value {
	const char *text; /* NULL: left out */
	int choice;       /* which of a|b */
	uint64_t number;
	uint8_t mac[6];
	unsigned first, end; /* ports; closed ones may be among them only for `all` */
};

enum section { CONTROL, DISPLAY, CONFIG, PORTS, DEVICES, SECTIONS };
extern const char *const section_names[];

struct command {
	enum section section;
	const char *usage;
	const char *help;
	void (*run)(struct app *app, const struct value *v);
};

extern const struct command commands[]; /* commands.c; one without usage ends it */

/* Read a line and run its command, or say what is wrong with it and how it is used. */
void command_run(struct app *app, const char *line);

/* What the last word of @line may go on as. Return: how many there are, at most @max. */
unsigned command_complete(const char *line, char (*words)[32], unsigned max);

/*
 * Commands that dpdk-testpmd has and that do not exist here. Return: whether the words begin like
 * one, and why it does not exist has been said.
 */
bool command_refused(unsigned n, char **words);

/** A number that was read, in min .. max, or a sentence that names @what. */
bool command_uint(const char *what, const struct value *v, unsigned min, unsigned max,
		  unsigned *number);

/* load.c */
void command_load(struct app *app, const struct value *v);

/* cmd_show.c */
void command_show_port(struct app *app, const struct value *v);
void command_show_summary(struct app *app, const struct value *v);
void command_clear_port(struct app *app, const struct value *v);
void command_show_fwd(struct app *app, const struct value *v);
void command_clear_fwd(struct app *app, const struct value *v);
void command_show_config(struct app *app, const struct value *v);
void command_show_packets(struct app *app, const struct value *v);
void command_show_macs(struct app *app, const struct value *v);
void command_show_device(struct app *app, const struct value *v);
void command_dump_devargs(struct app *app, const struct value *v);

/* cmd_queue.c */
void command_show_queue(struct app *app, const struct value *v);
void command_desc_count(struct app *app, const struct value *v);
void command_desc_status(struct app *app, const struct value *v);
void command_cleanup(struct app *app, const struct value *v);

/* cmd_offload.c */
void command_show_offload(struct app *app, const struct value *v);
void command_show_cap(struct app *app, const struct value *v);
void command_offload(struct app *app, const struct value *v);
void command_vlan_strip(struct app *app, const struct value *v);

/* cmd_csum.c */
void command_csum_set(struct app *app, const struct value *v);
void command_csum_show(struct app *app, const struct value *v);
void command_tso_set(struct app *app, const struct value *v);
void command_tso_show(struct app *app, const struct value *v);

/* cmd_vlan.c */
void command_rx_vlan(struct app *app, const struct value *v);
void command_vlan_filter(struct app *app, const struct value *v);
void command_tx_vlan(struct app *app, const struct value *v);
void command_tx_vlan_reset(struct app *app, const struct value *v);

/* cmd_rss.c */
void command_show_rss_hash(struct app *app, const struct value *v);
void command_show_reta(struct app *app, const struct value *v);
void command_rss(struct app *app, const struct value *v);
void command_rss_key(struct app *app, const struct value *v);
void command_reta(struct app *app, const struct value *v);

/* cmd_packets.c */
void command_set_verbose(struct app *app, const struct value *v);
void command_set_txpkts(struct app *app, const struct value *v);
void command_set_eth_peer(struct app *app, const struct value *v);

/* cmd_port.c */
void command_config_queues(struct app *app, const struct value *v);
void command_config_descs(struct app *app, const struct value *v);
void command_ring_size(struct app *app, const struct value *v);
void command_ring_size_too(struct app *app, const struct value *v);
void command_queue_setup(struct app *app, const struct value *v);
void command_config_mtu(struct app *app, const struct value *v);
void command_config_length(struct app *app, const struct value *v);
void command_config_burst(struct app *app, const struct value *v);
void command_config_threshold(struct app *app, const struct value *v);

/* cmd_attach.c */
void command_attach(struct app *app, const struct value *v);
void command_detach(struct app *app, const struct value *v);
void command_detach_device(struct app *app, const struct value *v);

/* cmd_lists.c */
void command_ports(struct app *app, const struct value *v);
void command_cores(struct app *app, const struct value *v);
void command_number(struct app *app, const struct value *v);
void command_default(struct app *app, const struct value *v);

/* set.c */
void set_burst(struct app *app, unsigned burst);
void command_set_fwd(struct app *app, const struct value *v);
void command_set_burst(struct app *app, const struct value *v);
void command_set_delay(struct app *app, const struct value *v);
void command_set_promisc(struct app *app, const struct value *v);
void command_set_allmulti(struct app *app, const struct value *v);
void command_mac_addr(struct app *app, const struct value *v);
void command_mcast_addr(struct app *app, const struct value *v);
void command_log(struct app *app, const struct value *v);
void command_switch(struct app *app, const struct value *v);

/* cmd_link.c */
void command_config_speed(struct app *app, const struct value *v);
void command_show_flow_ctrl(struct app *app, const struct value *v);
void command_flow_ctrl(struct app *app, const struct value *v);
void command_flow_ctrl_switch(struct app *app, const struct value *v);
void command_flow_ctrl_water(struct app *app, const struct value *v);
void command_flow_ctrl_time(struct app *app, const struct value *v);
void command_flow_ctrl_xon(struct app *app, const struct value *v);

#endif
