/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>

#include "pcap_port.h"

struct pcap_queue {
	struct baton_queue q;
};

static int
rx_none(struct baton_queue *q, struct baton_token *tokens, unsigned n)
{
	return 0;
}

static int
copy_path(const struct port_arg *args, unsigned n, const char *key, char **path)
{
	const char *value = port_arg(args, n, key);

	if (!value)
		return 0;
	if (!*value)
		return baton_err(EINVAL, "argument %s= wants a file, or - for standard %s", key,
				 *key == 'r' ? "input" : "output");
	*path = strdup(value);
	return *path ? 0 : baton_err(ENOMEM, "out of memory");
}

static void
pcap_port_close(struct baton_port *port)
{
	struct pcap_port *pp = (struct pcap_port *)port;

	pcap_rx_close(pp);
	pcap_tx_close(pp);
	free(pp->in.end.path);
	free(pp->out.end.path);
}

/* What DPDK's net_pcap has for network interfaces. */
static int
check_interfaces(const struct port_arg *args, unsigned n)
{
	static const char *const keys[] = { "iface", "rx_iface", "rx_iface_in", "tx_iface" };
	uint64_t phy_mac = 0;

	for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const char *value = port_arg(args, n, keys[i]);
		const bool tx = *keys[i] == 't';

		if (!value)
			continue;
		return baton_err(ENOTSUP,
				 "argument %s=%s names a network interface, and net_pcap has "
				 "captures only: %s",
				 keys[i], value,
				 tx ? "send through `... tx_pcap=- | tcpreplay -i IFACE -`"
				    : "receive from `tcpdump -i IFACE -U -w - | ... rx_pcap=-`, "
				      "which sends what it sees");
	}
	/* Whether to have an interface's address; there is none. */
	return port_arg_uint(args, n, "phy_mac", 0, 1, &phy_mac);
}

static int
parse(struct pcap_port *pp, const struct port_arg *args, unsigned n)
{
	uint64_t infinite = 0;
	int ret;

	pp->in.end.fd = pp->out.end.fd = -1;
	if ((ret = check_interfaces(args, n)) < 0 ||
	    (ret = port_arg_uint(args, n, "infinite_rx", 0, 1, &infinite)) < 0 ||
	    (ret = copy_path(args, n, "rx_pcap", &pp->in.end.path)) < 0 ||
	    (ret = copy_path(args, n, "tx_pcap", &pp->out.end.path)) < 0)
		return ret;
	if (!pp->in.end.path && !pp->out.end.path)
		return baton_err(EINVAL, "net_pcap wants rx_pcap=FILE, tx_pcap=FILE or both");
	if (infinite && !pp->in.end.path)
		return baton_err(EINVAL, "infinite_rx=1 wants rx_pcap=FILE");
	pp->infinite = (uint8_t)infinite;
	return 0;
}

static int
pcap_port_check(const struct baton_driver *driver, const struct port_arg *args, unsigned n)
{
	struct pcap_port *scratch = calloc(1, sizeof(*scratch));
	int ret = scratch ? parse(scratch, args, n) : baton_err(ENOMEM, "out of memory");

	if (scratch) {
		free(scratch->in.end.path);
		free(scratch->out.end.path);
	}
	free(scratch);
	return ret;
}

static int
open_files(struct pcap_port *pp, const struct port_arg *args, unsigned n)
{
	int ret = parse(pp, args, n);

	if (ret < 0)
		return ret;
	/* RX comes first: a mistyped name must not cost the file that TX would overwrite. */
	if (pp->in.end.path && (ret = pcap_rx_open(pp)) < 0)
		return ret;
	return pp->out.end.path ? pcap_tx_open(pp) : 0;
}

static int
pcap_port_open(struct baton_port *port, const struct port_arg *args, unsigned n)
{
	struct pcap_port *pp = (struct pcap_port *)port;
	int ret = open_files(pp, args, n);

	if (ret < 0) {
		pcap_port_close(port);
		return ret;
	}
	soft_mac(port, 1);
	port->info.max_segs = PCAP_MAX_SEGS;
	snprintf(port->info.detail, sizeof(port->info.detail), "from %.100s%s%s, to %.100s",
		 pp->in.end.path ? pp->in.end.name : "nothing", pp->infinite ? " for ever" : "",
		 pp->infinite && !pp->store.frames ? " (read again each time)" : "",
		 pp->out.end.path ? pp->out.end.name : "nothing");
	return 0;
}

/* The longest packet that the MTU allows, if it was set. */
static uint32_t
frame_max(const struct baton_port *port)
{
	return port->mtu_set ? port_frame_max(port->info.mtu) : PCAP_MAX_FRAME;
}

static int
pcap_queue_setup(struct baton_port *port, struct baton_queue *q)
{
	const struct pcap_port *pp = (const struct pcap_port *)port;
	uint32_t room, segs;

	if (q->tx) {
		q->active_burst = pp->out.end.path ? pcap_tx_burst : pcap_tx_nowhere;
		return 0;
	}
	q->active_burst = pp->in.end.path ? pcap_rx_burst : rx_none;
	room = q->pool->view.data_len - q->pool->view.headroom;
	segs = (frame_max(port) + room - 1) / room;
	q->max_segs = (uint16_t)(segs < PCAP_MAX_SEGS ? segs : PCAP_MAX_SEGS);
	return 0;
}

static void
pcap_queue_release(struct baton_port *port, struct baton_queue *q)
{
}

/*
 * Get the buffers that a packet may have and still come one day: DMA_BATCH, which the pool has
 * beside all rings and caches, and what is left beside these.
 */
static uint16_t
segs_of(const struct baton_port *port, const struct baton_queue *q)
{
	const uint32_t room = q->pool->view.data_len - q->pool->view.headroom;
	const uint32_t most = (frame_max(port) + room - 1) / room;
	uint64_t rings = q->pool->in_rings;
	unsigned segs = most < PCAP_MAX_SEGS ? most : PCAP_MAX_SEGS;

	for (unsigned i = 0; i < port->info.rx_queues; i++)
		rings += port->rxq[i]->pool == q->pool ? port->rxq[i]->descs : 0;
	for (unsigned i = 0; i < port->info.tx_queues; i++)
		rings += port->txq[i]->descs;
	while (segs > DMA_BATCH &&
	       dma_pool_check(q->pool, port->name, rings + segs - DMA_BATCH, 0) < 0)
		segs--;
	return (uint16_t)segs;
}

/*
 * Get the longest packet: as long as the MTU allows, if it was set, and as max_segs buffers hold.
 */
static uint32_t
max_len(const struct baton_port *port, const struct baton_queue *q)
{
	uint32_t len = frame_max(port), room;

	if (q->tx)
		return len;
	room = (q->pool->view.data_len - q->pool->view.headroom) * (uint32_t)q->max_segs;
	return len < room ? len : room;
}

static int
pcap_port_start(struct baton_port *port)
{
	struct pcap_port *pp = (struct pcap_port *)port;
	int ret = pcap_rx_start(pp);

	if (!ret)
		ret = pcap_tx_start(pp);
	if (ret < 0)
		return ret;
	pp->used = 1;
	for (unsigned i = 0; i < BATON_MAX_POOLS; i++) {
		struct baton_pool *pool = port->ctx->pools[i];

		if (pool)
			dma_view_init(&port->views[pool->view.index], pool, 0);
	}
	for (unsigned i = 0; i < port->info.rx_queues; i++) {
		port->rxq[i]->max_segs = segs_of(port, port->rxq[i]);
		/* The MTU may have been set since. */
		if (port->info.rx_max_segs < port->rxq[i]->max_segs)
			port->info.rx_max_segs = port->rxq[i]->max_segs;
		port->rxq[i]->max_len = max_len(port, port->rxq[i]);
	}
	for (unsigned i = 0; i < port->info.tx_queues; i++)
		port->txq[i]->max_len = max_len(port, port->txq[i]);
	port->link.full_duplex = 1;
	port->link.speed_mbps = 10000;
	port_link(port, true);
	return 0;
}

static int
pcap_port_stop(struct baton_port *port)
{
	int ret = pcap_tx_stop((struct pcap_port *)port);

	port_link(port, false);
	return ret;
}

static void
pcap_port_xstats(const struct baton_port *port, struct port_xstats *list)
{
	const struct pcap_port *pp = (const struct pcap_port *)port;

	port_xstat(list, __atomic_load_n(&pp->truncated, __ATOMIC_RELAXED), "rx_truncated");
}

static const struct port_ops ops = {
	.port_size = sizeof(struct pcap_port),
	.rxq_size = sizeof(struct pcap_queue),
	.txq_size = sizeof(struct pcap_queue),
	.open = pcap_port_open,
	.check = pcap_port_check,
	.close = pcap_port_close,
	.queue_setup = pcap_queue_setup,
	.queue_release = pcap_queue_release,
	.start = pcap_port_start,
	.stop = pcap_port_stop,
	.xstats = pcap_port_xstats,
};

static const struct baton_arg args[] = {
	{ "rx_pcap", "FILE", "a capture to receive; -: standard input" },
	{ "tx_pcap", "FILE", "a capture to write what is sent; -: standard output" },
	{ "infinite_rx", "0|1", "1: receive the capture over and over" },
	{ "phy_mac", "0|1", "as DPDK has it for interfaces: no effect" },
	{ 0 },
};

/* Those of DPDK that are refused in words. */
static const struct baton_arg more_args[] = {
	{ "iface", "NAME", "not possible here: a network interface" },
	{ "rx_iface", "NAME", "not possible here: a network interface" },
	{ "rx_iface_in", "NAME", "not possible here: a network interface" },
	{ "tx_iface", "NAME", "not possible here: a network interface" },
	{ 0 },
};

const struct baton_driver pcap_driver = {
	.name = "net_pcap",
	.other_name = "eth_pcap",
	.args = args,
	.more_args = more_args,
	.ops = &ops,
};
