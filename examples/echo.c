/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Answers ARP, ping and UDP for an IPv4 address: one worker receives, another answers and sends.
 *
 *	./echo net_virtio_user0,path=/tmp/s0 10.0.0.2 7
 *
 * The first hands packets to the second by a token ring. Both sleep while there are none, and the
 * main thread, the control thread, until there is an event, a signal, or the statistics are due.
 */
#include "common.h"

#define SPINS 1000 /* rounds without a packet before a worker sleeps */

/* What becomes of a packet: it is answered as one of the first three, or dropped. */
enum { ARP, PING, UDP, CUT_OFF, CHECKSUM, OPTIONS, FRAGMENT, OTHER, TOO_LONG, KINDS };
static const char *names[] = { "ARP",        "ping",      "UDP",     "cut off", "bad sum",
			       "IP options", "fragments", "others'", "too long" };

struct echo {
	struct app app;
	struct baton_ring *ring;
	struct baton_worker *receiver, *answerer;
	uint32_t ip;
	uint16_t udp_port;
	atomic_ullong count[KINDS];
	unsigned long long shown;
};

/* Make a packet its answer. Return: what it was. */
static int
answer(const struct echo *e, struct baton_token *t)
{
	static const uint8_t arp_request[] = { 0, 1, 8, 0, 6, 4, 0, BATON_ARP_REQUEST };
	const uint8_t *mac = e->app.info.mac;
	uint8_t *p = baton_data(e->answerer, *t), *l3, *l4;
	struct baton_headers h;
	uint32_t from, l4_len;

	check(baton_packet_headers(e->answerer, t, 1, &h), "headers");
	l3 = p + h.l3, l4 = p + h.l4, l4_len = h.end - h.l4;
	if (h.type == BATON_ETH_ARP) {
		if (h.end < h.l3 + BATON_ARP_LEN)
			return CUT_OFF;
		if (memcmp(l3, arp_request, 8) || baton_get_be32(l3 + 24) != e->ip)
			return OTHER;
		baton_arp_write(l3, BATON_ARP_LEN, BATON_ARP_REPLY, mac, e->ip, l3 + 8,
				baton_get_be32(l3 + 14));
		baton_eth_write(p, t->len, p + 6, mac, baton_get_be16(p + 12));
		return ARP;
	}
	if (h.type != BATON_ETH_IPV4 || memcmp(p, mac, 6))
		return OTHER;
	if (!(h.ptype & BATON_PTYPE_L3_MASK)) /* the header lies, or the packet was cut off */
		return CUT_OFF;
	from = baton_get_be32(l3 + 12);
	if (baton_get_be32(l3 + 16) != e->ip || from == e->ip || !from || from >= 0xe0000000)
		return OTHER;
	if ((h.ptype & BATON_PTYPE_L3_MASK) == BATON_PTYPE_L3_IPV4X)
		return OPTIONS;
	if ((h.ptype & BATON_PTYPE_L4_MASK) == BATON_PTYPE_L4_FRAG)
		return FRAGMENT;
	if (baton_token_l3_csum(*t) == BATON_CSUM_BAD || baton_token_l4_csum(*t) == BATON_CSUM_BAD)
		return CHECKSUM;
	if (h.proto == BATON_IP_UDP ? !h.payload : l4_len < 8)
		return CUT_OFF;
	if (h.proto == BATON_IP_ICMP && baton_get_be16(l4) == 0x0800) {
		if (baton_checksum(l4, l4_len))
			return CHECKSUM;
		l4[0] = 0; /* RFC 792: echo, echo reply */
	} else if (h.proto == BATON_IP_UDP && baton_get_be16(l4 + 2) == e->udp_port &&
		   baton_get_be16(l4) != e->udp_port) { /* no answer to another echo's answer */
		baton_udp_write(l4, l4_len, e->udp_port, baton_get_be16(l4),
				(uint16_t)(l4_len - BATON_UDP_HLEN));
	} else {
		return OTHER;
	}
	baton_ipv4_write(l3, BATON_IPV4_HLEN, e->ip, from, h.proto, (uint16_t)l4_len, 64);
	baton_eth_write(p, t->len, p + 6, mac, baton_get_be16(p + 12)); /* VLAN tags stay */
	t->flags = 0; /* they tell of the checksums that were received */
	check(baton_packet_checksum(e->answerer, t, 1), "checksums");
	return h.proto == BATON_IP_UDP ? UDP : PING;
}

static void *
receiver(void *arg)
{
	struct baton_token t[BURST];
	struct echo *e = arg;

	for (unsigned idle = 0; !e->app.ending;) {
		int n = baton_rx_burst(e->app.rxq, t, BURST), done = 0, put;

		if (n != -ENETDOWN) /* the port is stopped or its device away: it will wake us */
			check(n, "receive");
		idle = n > 0 ? 0 : idle + 1;
		if (idle > SPINS)
			check(baton_worker_sleep(e->receiver, -1), "sleep");
		/* While the ring is full, what comes waits in the device's ring, and is lost there.
		 */
		for (; done < n && !e->app.ending; done += put)
			check(put = baton_ring_enqueue(e->ring, t + done, (unsigned)(n - done)),
			      "token ring");
		if (done < n)
			check(baton_free(e->receiver, t + done, (unsigned)(n - done)), "free");
	}
	baton_worker_unbind(e->receiver);
	return NULL;
}

static void *
answerer(void *arg)
{
	struct baton_token t[BURST];
	struct echo *e = arg;

	for (unsigned idle = 0; !e->app.ending;) {
		int n = baton_ring_dequeue(e->ring, t, BURST);
		unsigned out = 0, segs;

		check(n, "token ring");
		idle = n > 0 ? 0 : idle + 1;
		if (idle > SPINS)
			check(baton_worker_sleep(e->answerer, -1), "sleep");
		for (int i = 0; i < n; i += (int)segs) {
			int kind;

			segs = baton_packet_segs(t + i, (unsigned)(n - i));
			kind = segs == 1 ? answer(e, t + i) : TOO_LONG; /* for a buffer */
			if (kind <= UDP)
				t[out++] = t[i];
			else
				check(baton_free(e->answerer, t + i, segs), "free");
			e->count[kind]++;
		}
		check(baton_tx_all(e->app.txq, t, out), "send");
	}
	baton_worker_unbind(e->answerer);
	return NULL;
}

/* What became of the packets; once a second, if there were any. */
static void
show(void *arg)
{
	unsigned long long all = 0;
	struct echo *e = arg;

	for (unsigned i = 0; i < KINDS; i++)
		all += e->count[i];
	if (all != e->shown)
		for (unsigned i = 0; i < KINDS; i++)
			printf("%s %llu%s", names[i], e->count[i], i < KINDS - 1 ? ", " : "\n");
	e->shown = all;
	app_check_queues(&e->app);
	check(baton_ctx_timer(e->app.ctx, 1000, show, e), "timer");
}

int
main(int argc, char **argv)
{
	struct baton_ring_config config;
	static struct echo e;
	pthread_t threads[2];

	if (argc == 4) {
		e.ip = address(argv[2]);
		e.udp_port = (uint16_t)atoi(argv[3]);
	}
	if (!e.ip || !e.udp_port) {
		fprintf(stderr, "usage: echo PORT IPV4-ADDRESS UDP-PORT\n");
		return 2;
	}
	app_begin(&e.app);
	check(baton_worker_create(e.app.ctx, NULL, &e.receiver), "worker");
	check(baton_worker_create(e.app.ctx, NULL, &e.answerer), "worker");
	baton_ring_config_init(&config);
	config.producer = e.receiver;
	config.consumer = e.answerer; /* whom tokens wake */
	check(baton_ring_create(e.app.ctx, &config, &e.ring), "token ring");
	app_open_port(&e.app, argv[1], BATON_OFFLOAD_RX_CSUM | BATON_OFFLOAD_RX_IPV4_CSUM,
		      e.receiver, e.answerer);
	start_thread(&threads[0], receiver, &e);
	start_thread(&threads[1], answerer, &e);
	for (show(&e); !e.app.ending;)
		check(baton_ctx_poll(e.app.ctx, -1), "poll");

	check(baton_port_stop(e.app.port), "stop"); /* and wake both workers */
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	show(&e);
	check(baton_ring_drain(e.ring, e.answerer), "token ring");
	check(baton_ring_destroy(e.ring), "token ring");
	check(baton_port_close(e.app.port), "close");
	check(baton_worker_destroy(e.receiver), "worker");
	check(baton_worker_destroy(e.answerer), "worker");
	app_end(&e.app);
	return 0;
}
