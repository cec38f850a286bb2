/* SPDX-License-Identifier: BSD-3-Clause */
#include <ctype.h>
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
		return baton_err(EINVAL, "argument %s= wants a file", key);
	*path = strdup(value);
	return *path ? 0 : baton_err(ENOMEM, "out of memory");
}

static void
pcap_port_close(struct baton_port *port)
{
	struct pcap_port *pp = (struct pcap_port *)port;

	pcap_rx_close(pp);
	pcap_tx_close(pp);
	free(pp->rx_path);
	free(pp->tx_path);
}

static int
open_files(struct pcap_port *pp, const struct port_arg *args, unsigned n)
{
	uint64_t infinite = 0;
	int ret;

	if ((ret = port_arg_uint(args, n, "infinite_rx", 0, 1, &infinite)) < 0 ||
	    (ret = copy_path(args, n, "rx_pcap", &pp->rx_path)) < 0 ||
	    (ret = copy_path(args, n, "tx_pcap", &pp->tx_path)) < 0)
		return ret;
	if (!pp->rx_path && !pp->tx_path)
		return baton_err(EINVAL, "net_pcap wants rx_pcap=FILE, tx_pcap=FILE or both");
	if (infinite && !pp->rx_path)
		return baton_err(EINVAL, "infinite_rx=1 wants rx_pcap=FILE");
	pp->infinite = (uint8_t)infinite;
	/* RX comes first: a mistyped name must not cost the file that TX would overwrite. */
	if (pp->rx_path && (ret = pcap_rx_open(pp)) < 0)
		return ret;
	return pp->tx_path ? pcap_tx_open(pp) : 0;
}

static int
pcap_port_open(struct baton_port *port, const struct port_arg *args, unsigned n)
{
	struct pcap_port *pp = (struct pcap_port *)port;
	const char *digits = port->name + strlen(port->name);
	unsigned number = 0;
	int ret = open_files(pp, args, n);

	if (ret < 0) {
		pcap_port_close(port);
		return ret;
	}
	while (isdigit((unsigned char)digits[-1]))
		digits--;
	for (; *digits; digits++)
		number = number * 10 + (unsigned)(*digits - '0');
	port->info.mac[0] = 0x02;
	port->info.mac[3] = 0x01;
	port->info.mac[4] = (uint8_t)(number >> 8);
	port->info.mac[5] = (uint8_t)number;
	port->info.max_segs = PCAP_MAX_SEGS;
	snprintf(port->info.detail, sizeof(port->info.detail), "from %.100s%s, to %.100s",
		 pp->rx_path ? pp->rx_path : "nothing", pp->infinite ? " for ever" : "",
		 pp->tx_path ? pp->tx_path : "nothing");
	return 0;
}

static int
pcap_queue_setup(struct baton_port *port, struct baton_queue *q)
{
	const struct pcap_port *pp = (const struct pcap_port *)port;
	uint32_t room, segs;

	q->active_burst = q->tx ? pcap_tx_burst : pp->rx_path ? pcap_rx_burst : rx_none;
	if (q->tx)
		return 0;
	room = q->pool->view.data_len - q->pool->view.headroom;
	segs = (PCAP_MAX_FRAME + room - 1) / room;
	q->max_segs = (uint16_t)(segs < PCAP_MAX_SEGS ? segs : PCAP_MAX_SEGS);
	return 0;
}

static void
pcap_queue_release(struct baton_port *port, struct baton_queue *q)
{
}

/*
 * Get the longest packet: as long as the MTU allows, if it was set, and as max_segs buffers hold.
 */
static uint32_t
max_len(const struct baton_port *port, const struct baton_queue *q)
{
	uint32_t len = port->mtu_set ? port->info.mtu + 18u : PCAP_MAX_FRAME, room;

	if (q->tx)
		return len;
	room = (q->pool->view.data_len - q->pool->view.headroom) * (uint32_t)q->max_segs;
	return len < room ? len : room;
}

static int
pcap_port_start(struct baton_port *port)
{
	struct pcap_port *pp = (struct pcap_port *)port;
	int ret;

	if (pp->rx_path && pp->used) {
		pcap_rx_close(pp);
		ret = pcap_rx_open(pp);
		if (ret < 0)
			return ret;
	}
	pp->used = 1;
	for (unsigned i = 0; i < BATON_MAX_POOLS; i++) {
		struct baton_pool *pool = port->ctx->pools[i];

		if (pool)
			dma_view_init(&port->views[pool->view.index], pool, 0);
	}
	for (unsigned i = 0; i < port->info.rx_queues; i++)
		port->rxq[i]->max_len = max_len(port, port->rxq[i]);
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
	pcap_tx_flush((struct pcap_port *)port);
	port_link(port, false);
	return 0;
}

static const struct port_ops ops = {
	.port_size = sizeof(struct pcap_port),
	.rxq_size = sizeof(struct pcap_queue),
	.txq_size = sizeof(struct pcap_queue),
	.open = pcap_port_open,
	.close = pcap_port_close,
	.queue_setup = pcap_queue_setup,
	.queue_release = pcap_queue_release,
	.start = pcap_port_start,
	.stop = pcap_port_stop,
};

static const struct baton_arg args[] = {
	{ "rx_pcap", "FILE", "a capture to receive" },
	{ "tx_pcap", "FILE", "a capture to write what is sent" },
	{ "infinite_rx", "0|1", "1: receive the capture over and over" },
	{ 0 },
};

extern const struct baton_driver pcap_driver;
const struct baton_driver pcap_driver = {
	.name = "net_pcap",
	.args = args,
	.summary = "capture files: receives those of rx_pcap=FILE, sends into tx_pcap=FILE",
	.ops = &ops,
};
