/* SPDX-License-Identifier: BSD-3-Clause */
/* What `show` shows besides statistics, laid out as dpdk-testpmd does where it has the same. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "testpmd.h"

static const char *
state_text(const struct baton_port_info *info)
{
	switch (info->state) {
	case BATON_PORT_STARTED:
		return "started";
	case BATON_PORT_LOST:
		return "lost: its device is away and waited for";
	case BATON_PORT_REMOVED:
		return "removed: its device will not be back";
	default:
		return "stopped";
	}
}

static void
link_speed(const struct baton_link *link)
{
	if (!link->speed_mbps)
		printf("Link speed: Unknown\n");
	else if (link->speed_mbps % 1000)
		printf("Link speed: %u Mbps\n", link->speed_mbps);
	else
		printf("Link speed: %u Gbps\n", link->speed_mbps / 1000);
}

/* A port receives everything until it is told otherwise, and so does one without filters. */
static void
rx_modes(const struct app_port *p)
{
	bool promisc = !p->promisc_set || p->promisc;
	bool allmulti = p->allmulti_set ? p->allmulti : promisc;

	printf("Promiscuous mode: %s\n", promisc ? "enabled" : "disabled");
	printf("Allmulticast mode: %s\n", allmulti ? "enabled" : "disabled");
}

static void
show_tags(const struct app_port *p)
{
	printf("VLAN offload: \n  strip %s, filter %s, extend off, qinq strip %s\n",
	       p->offloads & BATON_OFFLOAD_RX_VLAN ? "on" : "off",
	       p->vlan_filter == VLANS_TABLE ? "on" : "off",
	       p->offloads & BATON_OFFLOAD_RX_QINQ ? "on" : "off");
	if (p->tx_tags == 1)
		printf("VLAN tag of packets to send: %u\n", p->tx_vlans[0]);
	else if (p->tx_tags)
		printf("VLAN tags of packets to send: %u and behind it %u\n", p->tx_vlans[0],
		       p->tx_vlans[1]);
}

static void
show_hash(const struct baton_port_info *info)
{
	const uint32_t types = info->rss_types | info->soft_rss_types;

	if (!types) {
		printf("No RSS offload flow type is supported.\n");
		return;
	}
	printf("Hash key size in bytes: %u\n", info->rss_key_len);
	if (info->rss_table_len)
		printf("Redirection table size: %u\n", info->rss_table_len);
	printf("Supported RSS offload flow types:\n");
	show_rss_types(types);
}

void
show_info(const struct app *app, unsigned i)
{
	const struct app_port *p = &app->ports[i];
	struct baton_port_fault fault;
	struct baton_port_info info;
	struct baton_link link;
	const uint8_t *m = info.mac;
	const char *comma = p->devargs ? strchr(p->devargs, ',') : NULL;

	baton_port_info(p->port, &info);
	baton_port_link(p->port, &link);
	printf("\n********************* Infos for port %-2u *********************\n", i);
	printf("MAC address: %02X:%02X:%02X:%02X:%02X:%02X\n", m[0], m[1], m[2], m[3], m[4], m[5]);
	printf("Device name: %s\nDriver name: %s\n", info.name, info.driver);
	printf("Devargs: %s\nConnect to socket: %d\n", comma ? comma + 1 : "", info.node);
	if (info.detail[0])
		printf("Device info: %s\n", info.detail);
	printf("Port state: %s\n", state_text(&info));
	if (p->lost)
		printf("Times without its device: %u\n", p->lost);
	baton_port_fault(p->port, &fault);
	if (fault.count)
		printf("Faults: %llu, the last a %s 0x%llx\n", (unsigned long long)fault.count,
		       fault.write ? "write to" : "read of", (unsigned long long)fault.iova);
	printf("Link status: %s\n", link.up ? "up" : "down");
	link_speed(&link);
	printf("Link duplex: %s\n", link.full_duplex ? "full-duplex" : "half-duplex");
	printf("MTU: %u\nMaximum possible MTU: %u\n", info.mtu, info.max_mtu);
	rx_modes(p);
	printf("Checksum offload: RX %s, TX %s\n",
	       info.offloads & BATON_OFFLOAD_RX_CSUM ? "possible" : "none",
	       info.offloads & BATON_OFFLOAD_TX_CSUM ? "possible" : "none");
	show_doers(p);
	show_tags(p);
	show_hash(&info);
	printf("Current number of RX queues: %u\nMax possible RX queues: %u\n", info.rx_queues,
	       info.max_rx_queues);
	printf("Current number of TX queues: %u\nMax possible TX queues: %u\n", info.tx_queues,
	       info.max_tx_queues);
	printf("Min possible number of descriptors: %u\nMax possible number of descriptors: %u\n",
	       info.min_descs, info.max_descs);
	printf("Default number of descriptors: %u\n", info.default_descs);
	for (unsigned tx = 0; tx < 2; tx++)
		printf("Max possible number of %sDs per queue: %u\n"
		       "Min possible number of %sDs per queue: %u\n",
		       tx ? "TX" : "RX", info.max_descs, tx ? "TX" : "RX", info.min_descs);
	printf("Maximum number of MAC addresses: %u\n", MAX_MACS);
	printf("Max segment number per packet: %u\n", info.max_segs);
	reach_show(p, &info);
}

/*
 * Queues may be stopped and set up anew between two readings, but what there is and in which order
 * stays.
 */
struct baton_xstat *
take_xstats(const struct app_port *p, unsigned *n)
{
	unsigned room = baton_port_xstats(p->port, NULL, 0);
	struct baton_xstat *list = calloc(room ? room : 1, sizeof(*list));

	*n = 0;
	if (!list) {
		complain("out of memory");
		return NULL;
	}
	*n = baton_port_xstats(p->port, list, room);
	*n = *n < room ? *n : room;
	return list;
}

void
show_xstats(const struct app *app, unsigned port)
{
	const struct app_port *p = &app->ports[port];
	struct baton_xstat *list;
	unsigned n;

	list = take_xstats(p, &n);
	printf("###### NIC extended statistics for port %-2u\n", port);
	for (unsigned i = 0; i < n; i++)
		if (list[i].value || !app->opt.hide_zero)
			printf("%s: %" PRIu64 "\n", list[i].name, list[i].value);
	free(list);
}

void
show_holders(const struct app *app)
{
	struct baton_holder holders[MAX_HOLDERS];
	struct baton_pool_info info;
	unsigned n = baton_pool_holders(app->pool, holders, MAX_HOLDERS);
	uint64_t sum = 0;

	baton_pool_info(app->pool, &info);
	printf("\nPool %s: %u buffers\n", info.name, info.count);
	for (unsigned i = 0; i < n && i < MAX_HOLDERS; i++) {
		sum += holders[i].count;
		printf("  %10u  %s\n", holders[i].count, holders[i].name);
	}
	if (n > MAX_HOLDERS)
		printf("  and %u holders more\n", n - MAX_HOLDERS);
	printf("  %10" PRIu64 "  in all%s\n", sum,
	       app->forwarding ? "; approximate while forwarding" : "");
}

void
show_cores(const struct app *app)
{
	flockfile(stdout); /* `set verbose` has forwarding threads print, too */
	printf("List of forwarding lcores:");
	for (unsigned i = 0; i < select_n_cores(app); i++)
		printf(" %2u", select_core(app, i)->id);
	printf("\n");
	funlockfile(stdout);
}

static void
queue_line(const struct app_queue *q, const char *way, unsigned i, unsigned descs)
{
	printf("    %s queue: %u\n      %s desc=%u - core=%u%s\n", way, i, way, descs,
	       q->lcore ? q->lcore->id.id : 0, q->stopped ? " - stopped" : "");
}

void
show_rxtx(const struct app *app)
{
	const struct options *opt = &app->opt;
	unsigned ports[BATON_MAX_PORTS];

	printf("  %s packet forwarding%s packets/burst=%u\n", fwd_mode_name(opt->mode),
	       opt->retry ? " with retry" : "", opt->burst);
	printf("  nb forwarding cores=%u - nb forwarding ports=%u\n", select_n_cores(app),
	       select_ports(app, ports));
	for (unsigned i = 0; i < app->n_ports; i++) {
		const struct app_port *p = &app->ports[i];

		if (p->detached)
			continue;
		if (!p->port) {
			printf("  port %u: closed\n", i);
			continue;
		}
		printf("  port %u: RX queue number: %u Tx queue number: %u\n", i, opt->rxq,
		       opt->txq);
		for (unsigned q = 0; q < opt->rxq; q++)
			queue_line(&p->rx[q], "RX", q, queue_descs(app, i, false, q));
		for (unsigned q = 0; q < opt->txq; q++)
			queue_line(&p->tx[q], "TX", q, queue_descs(app, i, true, q));
	}
}
