/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sends UDP packets to an address, at a rate, and counts what comes back, such as from ./echo.
 *
 *	./generator -r 100000 net_virtio_user0,path=/tmp/s1 10.0.0.1 10.0.0.2 7
 *
 * One thread does everything: it is the worker that sends and receives, and the control thread.
 */
#include <time.h>
#include <unistd.h>

#include "common.h"

#define HEADERS (BATON_ETH_HLEN + BATON_IPV4_HLEN + BATON_UDP_HLEN)

/* The first bytes of each payload. */
struct stamp {
	uint64_t run, ns; /* a number that tells this run from others; when it was sent */
};

struct generator {
	struct app app;
	struct baton_worker *worker;
	uint32_t from, to;
	uint8_t mac[6]; /* of `to`, once it has answered */
	bool known;
	uint16_t udp_port;
	unsigned size, flows;          /* bytes of a packet without FCS */
	double interval, next;         /* ns between two packets; when the next one is due */
	uint64_t run, last, sum, most; /* ns: when the last was sent; round trips */
	unsigned long long count, sent, back, others; /* packets; count: to send, 0: no limit */
};

static uint64_t
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Ask for the MAC address, again each second until there is an answer. */
static void
ask(void *arg)
{
	static const uint8_t all[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	struct generator *g = arg;
	const uint8_t *mac = g->app.info.mac;
	struct baton_token t;
	uint8_t *p;

	check(baton_ctx_timer(g->app.ctx, 1000, ask, g), "timer");
	if (g->known || baton_alloc(g->worker, g->app.pool, &t, 1) != 1)
		return;
	t.len = BATON_ETH_HLEN + BATON_ARP_LEN;
	p = baton_data(g->worker, t);
	baton_eth_write(p, t.len, all, mac, BATON_ETH_ARP);
	baton_arp_write(p + BATON_ETH_HLEN, BATON_ARP_LEN, BATON_ARP_REQUEST, mac, g->from, NULL,
			g->to);
	check(baton_tx_all(g->app.txq, &t, 1), "send");
}

static void
write_packet(const struct generator *g, struct baton_token *t, unsigned flow, uint64_t ns)
{
	const struct stamp stamp = { g->run, ns };
	const uint16_t bytes = (uint16_t)(g->size - HEADERS);
	uint8_t *p = baton_data(g->worker, *t);

	t->len = (uint16_t)g->size;
	p += baton_eth_write(p, BATON_ETH_HLEN, g->mac, g->app.info.mac, BATON_ETH_IPV4);
	p += baton_ipv4_write(p, BATON_IPV4_HLEN, g->from, g->to, BATON_IP_UDP,
			      BATON_UDP_HLEN + bytes, 64);
	p += baton_udp_write(p, BATON_UDP_HLEN, (uint16_t)(10000 + flow), g->udp_port, bytes);
	memset(p, 0, bytes);
	memcpy(p, &stamp, sizeof(stamp));
	check(baton_packet_checksum(g->worker, t, 1), "checksums");
}

static void
send_packets(struct generator *g, uint64_t ns)
{
	struct baton_token t[BURST];
	unsigned n = 0;
	int sent;

	if (g->next + 1e7 < (double)ns) /* what is late by 10 ms is not made up for */
		g->next = (double)ns;
	for (; n < BURST && g->next <= (double)ns && (!g->count || g->sent + n < g->count); n++)
		g->next += g->interval;
	n = baton_alloc(g->worker, g->app.pool, t, n);
	for (unsigned i = 0; i < n; i++)
		write_packet(g, &t[i], (unsigned)((g->sent + i) % g->flows), ns);
	check(sent = baton_tx_all(g->app.txq, t, n), "send");
	g->sent += (unsigned)sent; /* what found no room is free, and is made again */
	g->last = sent ? ns : g->last;
}

/* An answer to ask(), a packet of ours that is back, or another one. */
static void
take(struct generator *g, struct baton_token t, uint64_t ns)
{
	const uint8_t *p = baton_data(g->worker, t);
	struct stamp s = { 0, 0 };
	struct baton_headers h;

	check(baton_packet_headers(g->worker, &t, 1, &h), "headers");
	if (h.type == BATON_ETH_ARP && h.end >= h.l3 + BATON_ARP_LEN &&
	    baton_get_be16(p + h.l3 + 6) == BATON_ARP_REPLY &&
	    baton_get_be32(p + h.l3 + 14) == g->to) {
		memcpy(g->mac, p + h.l3 + 8, 6);
		g->known = true;
		return;
	}
	if (h.proto == BATON_IP_UDP && h.payload && h.end - h.payload >= sizeof(s))
		memcpy(&s, p + h.payload, sizeof(s));
	if (s.run != g->run || s.ns > ns) {
		g->others++;
		return;
	}
	g->back++;
	g->sum += ns - s.ns;
	g->most = ns - s.ns > g->most ? ns - s.ns : g->most;
}

static void
receive_packets(struct generator *g, uint64_t ns)
{
	struct baton_token t[BURST];
	int n = baton_rx_burst(g->app.rxq, t, BURST);

	if (n == -ENETDOWN) /* the device is away */
		return;
	check(n, "receive");
	for (int i = 0; i < n; i++)
		take(g, t[i], ns); /* of a longer packet than ours, each part is another's */
	check(baton_free(g->worker, t, (unsigned)n), "free");
}

static void
show(void *arg)
{
	struct generator *g = arg;

	printf("sent %llu, back %llu, others %llu; round trip %.1f us, at most %.1f us\n", g->sent,
	       g->back, g->others, g->back ? (double)g->sum / (double)g->back / 1e3 : 0,
	       (double)g->most / 1e3);
	app_check_queues(&g->app);
	check(baton_ctx_timer(g->app.ctx, 1000, show, g), "timer");
}

int
main(int argc, char **argv)
{
	static const char options[] = "s:r:n:f:";
	unsigned long v[4] = { 60, 1000, 0, 1 };
	static struct generator g;
	int c;

	while ((c = getopt(argc, argv, options)) != -1 && c != '?')
		v[(strchr(options, c) - options) / 2] = strtoul(optarg, NULL, 0);
	g.from = argc - optind == 4 ? address(argv[optind + 1]) : 0;
	if (c == '?' || !g.from || v[0] < HEADERS + sizeof(struct stamp) || v[0] > 1514 ||
	    v[3] < 1 || v[3] > 50000) {
		fprintf(stderr, "usage: generator [-s BYTES] [-r PACKETS-PER-SECOND] [-n PACKETS] "
				"[-f FLOWS] PORT FROM-IP TO-IP UDP-PORT\n");
		return 2;
	}
	g.to = address(argv[optind + 2]);
	g.udp_port = (uint16_t)atoi(argv[optind + 3]);
	g.size = (unsigned)v[0];
	g.interval = v[1] ? 1e9 / (double)v[1] : 0; /* -r 0: as fast as it can */
	g.count = v[2];
	g.flows = (unsigned)v[3];
	g.run = now();
	app_begin(&g.app);
	check(baton_worker_create(g.app.ctx, NULL, &g.worker), "worker");
	app_open_port(&g.app, argv[optind], 0, g.worker, g.worker);
	ask(&g);
	show(&g);
	while (!g.app.ending) {
		uint64_t ns = now();

		check(baton_ctx_poll(g.app.ctx, 0), "poll");
		receive_packets(&g, ns);
		if (g.known)
			send_packets(&g, ns);
		/* What is on its way when the last one was sent has a second to come back. */
		if (g.count && g.sent == g.count && (g.back >= g.sent || ns - g.last > 1000000000u))
			break;
	}
	show(&g);
	check(baton_port_close(g.app.port), "close");
	check(baton_worker_destroy(g.worker), "worker");
	app_end(&g.app);
	return 0;
}
