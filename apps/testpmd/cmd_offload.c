/* SPDX-License-Identifier: BSD-3-Clause */
/* Offloads of a port by the names of dpdk-testpmd. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "command.h"

static const char *const rx_names[] = { "vlan_strip",       "ipv4_cksum",   "udp_cksum",
					"tcp_cksum",        "tcp_lro",      "qinq_strip",
					"outer_ipv4_cksum", "macsec_strip", "header_split",
					"vlan_filter",      "vlan_extend",  "jumbo_frame",
					"scatter",          "timestamp",    "security",
					"keep_crc",         "rss_hash",     "sctp_cksum",
					"outer_udp_cksum",  "buffer_split", NULL };
static const char *const tx_names[] = {
	"vlan_insert", "ipv4_cksum",     "udp_cksum",        "tcp_cksum",         "sctp_cksum",
	"tcp_tso",     "udp_tso",        "outer_ipv4_cksum", "qinq_insert",       "vxlan_tnl_tso",
	"gre_tnl_tso", "ipip_tnl_tso",   "geneve_tnl_tso",   "macsec_insert",     "mt_lockfree",
	"multi_segs",  "mbuf_fast_free", "security",         "send_on_timestamp", NULL
};

enum state { NEVER, OFF, ON, ALWAYS };

/* Those that the device or the library does, all of these bits together. */
static const struct {
	const char *name;
	bool tx;
	uint32_t offloads;
} done[] = {
	{ "vlan_strip", false, BATON_OFFLOAD_RX_VLAN },
	{ "qinq_strip", false, BATON_OFFLOAD_RX_VLAN | BATON_OFFLOAD_RX_QINQ },
	{ "ipv4_cksum", false, BATON_OFFLOAD_RX_IPV4_CSUM },
	{ "timestamp", false, BATON_OFFLOAD_RX_TIME },
	{ "rss_hash", false, BATON_OFFLOAD_RX_HASH },
	{ "tcp_lro", false, BATON_OFFLOAD_RX_LRO },
	{ "ipv4_cksum", true, BATON_OFFLOAD_TX_IPV4_CSUM },
	{ "vlan_insert", true, BATON_OFFLOAD_TX_VLAN },
	{ "qinq_insert", true, BATON_OFFLOAD_TX_VLAN },
	{ "tcp_tso", true, BATON_OFFLOAD_TX_TSO },
	{ "udp_tso", true, BATON_OFFLOAD_TX_USO },
};

/* Return: BATON_OFFLOAD_*; 0: it is none of these. */
static uint32_t
bits_of(bool tx, const char *name)
{
	for (size_t i = 0; i < sizeof(done) / sizeof(done[0]); i++)
		if (done[i].tx == tx && !strcmp(done[i].name, name))
			return done[i].offloads;
	return 0;
}

/* Of port @p as it is configured, or will be by its next start. */
static enum state
state_of(const struct app_port *p, bool tx, const char *name)
{
	bool tcp = !strcmp(name, "tcp_cksum"), udp = !strcmp(name, "udp_cksum");
	const uint32_t bits = bits_of(tx, name);
	struct baton_port_info info;

	baton_port_info(p->port, &info);
	if (bits & ~(info.offloads | info.soft_offloads))
		return NEVER;
	if (bits)
		return (port_offloads(p) & bits) == bits ? ON : OFF;
	if (!strcmp(name, tx ? "multi_segs" : "scatter"))
		return (tx ? info.max_segs : info.rx_max_segs) > 1 ? ALWAYS : NEVER;
	if (!(info.offloads & (tx ? BATON_OFFLOAD_TX_CSUM : BATON_OFFLOAD_RX_CSUM)))
		return NEVER;
	if (tcp)
		return (tx ? p->tcp_hw : p->rx_csum) ? ON : OFF;
	if (udp)
		return (tx ? p->udp_hw : p->rx_csum) ? ON : OFF;
	return NEVER;
}

/* Whether Baton does it, as the device does not; SOFT_OR_NOT: either. */
enum doer { DEVICE, SOFT, SOFT_OR_NOT };

static bool
done_by(const struct app_port *p, bool tx, const char *name, enum doer who)
{
	struct baton_port_info info;

	baton_port_info(p->port, &info);
	return who == SOFT_OR_NOT || (who == SOFT) == !!(bits_of(tx, name) & info.soft_offloads);
}

static void
print_names(const struct app_port *p, bool tx, enum state least, enum doer who)
{
	for (const char *const *name = tx ? tx_names : rx_names; *name; name++) {
		if (state_of(p, tx, *name) < least || !done_by(p, tx, *name, who))
			continue;
		putchar(' ');
		for (const char *c = *name; *c; c++)
			putchar(toupper((unsigned char)*c));
	}
	putchar('\n');
}

void
show_doers(const struct app_port *p)
{
	for (unsigned tx = 0; tx < 2; tx++) {
		printf("%s offloads of the device:", tx ? "TX" : "RX");
		print_names(p, tx, OFF, DEVICE);
		printf("%s offloads in software:", tx ? "TX" : "RX");
		print_names(p, tx, OFF, SOFT);
	}
}

static void
show_capabilities(const struct app *app, unsigned port, bool tx)
{
	printf("%s Offloading Capabilities of port %u :\n  Per Queue :\n  Per Port  :",
	       tx ? "Tx" : "Rx", port);
	print_names(&app->ports[port], tx, OFF, SOFT_OR_NOT);
	printf("  Software  :");
	print_names(&app->ports[port], tx, OFF, SOFT);
	printf("\n");
}

void
command_show_offload(struct app *app, const struct value *v)
{
	unsigned port = v[2].first;
	const struct app_port *p = &app->ports[port];
	bool tx = v[3].choice, configured = v[4].choice;

	if (!configured) {
		show_capabilities(app, port, tx);
		return;
	}
	printf("%s Offloading Configuration of port %u :\n  Port :", tx ? "Tx" : "Rx", port);
	print_names(p, tx, ON, SOFT_OR_NOT);
	for (unsigned q = 0; q < (tx ? app->opt.txq : app->opt.rxq); q++)
		printf("  Queue[%2u] :\n", q);
	printf("\n");
}

void
command_show_cap(struct app *app, const struct value *v)
{
	for (unsigned i = v[3].first; i < v[3].end; i++) {
		if (!app->ports[i].port)
			continue;
		show_capabilities(app, i, false);
		show_capabilities(app, i, true);
	}
}

/* Without the first tag's, there is no removal of the second. */
static uint32_t
switch_bits(uint32_t offloads, uint32_t bits, bool on)
{
	if (on)
		return offloads | bits;
	if (bits & BATON_OFFLOAD_RX_QINQ)
		return offloads & ~BATON_OFFLOAD_RX_QINQ;
	if (bits & BATON_OFFLOAD_RX_VLAN)
		bits |= BATON_OFFLOAD_RX_QINQ;
	return offloads & ~bits;
}

/* Those of `csum set`, which it tells mode csum, too. NULL: it is none, or software's. */
static bool *
csum_switch(struct app_port *p, const char *name)
{
	if (!strcmp(name, "tcp_cksum"))
		return &p->tcp_hw;
	if (!strcmp(name, "udp_cksum"))
		return &p->udp_hw;
	if (!strcmp(name, "ipv4_cksum") && (p->info.offloads & BATON_OFFLOAD_TX_IPV4_CSUM))
		return &p->ip_hw;
	return NULL;
}

/* What a command of the port's own has asked for is taken back by it. */
static bool
is_needed(const struct app_port *p, unsigned port, uint32_t bits)
{
	const struct {
		bool on;
		uint32_t offload;
		const char *back;
	} uses[] = {
		{ p->tso, BATON_OFFLOAD_TX_TSO, "tso set 0" },
		{ p->tx_tags, BATON_OFFLOAD_TX_VLAN, "tx_vlan reset" },
	};

	for (unsigned i = 0; i < sizeof(uses) / sizeof(uses[0]); i++) {
		if (!uses[i].on || !(bits & uses[i].offload))
			continue;
		complain("it stays on, as another command of port %u needs it: type %s %u", port,
			 uses[i].back, port);
		return true;
	}
	return false;
}

void
command_offload(struct app *app, const struct value *v)
{
	unsigned port = v[2].first;
	struct app_port *p = &app->ports[port];
	bool tx = v[3].choice, on = !v[5].choice;
	const char *name = v[4].text;
	enum state now;

	if (choose(tx ? "tx_offload" : "rx_offload", name, tx ? tx_names : rx_names) < 0)
		return;
	if (port_is_started(p)) {
		complain("Error: Can't config offload when Port %u is not stopped", port);
		return;
	}
	now = state_of(p, tx, name);
	if (now == ALWAYS && !on) {
		complain("port %u: %s is always on", port, name);
		return;
	}
	if (now == NEVER && on) {
		complain("port %u (%s) has no offload %s; show port %u %s_offload capabilities "
			 "lists what it has",
			 port, p->info.name, name, port, tx ? "tx" : "rx");
		return;
	}
	if (now == NEVER || now == ALWAYS || (now == ON) == on)
		return;
	if (!on && is_needed(p, port, bits_of(tx, name)))
		return;
	p->reconfigure = true;
	if (tx && csum_switch(p, name)) {
		*csum_switch(p, name) = on;
	} else if (bits_of(tx, name)) {
		p->offloads = switch_bits(p->offloads, bits_of(tx, name), on);
	} else {
		/* One switch for both. */
		p->rx_csum = on;
		printf("Port %u: udp_cksum and tcp_cksum of received packets are %s\n", port,
		       on ? "on" : "off");
	}
}

void
command_vlan_strip(struct app *app, const struct value *v)
{
	const bool qinq = v[2].choice, on = !v[3].choice;
	const uint32_t bits = bits_of(false, qinq ? "qinq_strip" : "vlan_strip");
	const unsigned port = v[4].first;
	struct app_port *p = &app->ports[port];
	const uint32_t offloads = switch_bits(p->offloads, bits, on);

	if (offloads == p->offloads)
		return;
	if (port_is_started(p)) {
		complain("Please stop port %u first: tags are removed from its next start on",
			 port);
		return;
	}
	p->offloads = offloads;
	p->reconfigure = true;
}
