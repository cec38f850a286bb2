/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TCP packets of up to 64 KiB through a backend that sends back what it gets: each goes there as
 * one packet to be cut, comes back as one, is sent again as it came, and comes back once more. All
 * bytes are compared.
 *
 * usage: large DEVARGS PACKETS
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <baton/baton.h>

#define HEADERS  54u
#define SEG      1448u
#define LONGEST  65000u
#define WINDOW   3u  /* packets in flight: fewer than any ring holds */
#define TOKENS   64u /* of a packet */
#define STUCK_NS 30000000000ull

static struct baton_ctx *ctx;
static struct baton_pool *pool;
static struct baton_worker *worker;
static struct baton_port *port;
static struct baton_rxq *rx;
static struct baton_txq *tx;
static uint64_t whole, tokens;

static void
die(const char *what)
{
	fprintf(stderr, "large: %s: %s\n", what, baton_last_error());
	exit(1);
}

static void
wrong(uint64_t i, const char *what)
{
	fprintf(stderr, "large: packet %" PRIu64 ": %s\n", i, what);
	exit(1);
}

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void
up(const char *devargs)
{
	struct baton_port_config c = { .size = sizeof(c),
				       .rx_queues = 1,
				       .tx_queues = 1,
				       .stop_timeout_ms = 2000,
				       .offloads = BATON_OFFLOAD_TX_TSO | BATON_OFFLOAD_RX_LRO };
	struct baton_queue_config q = { .size = sizeof(q), .descs = 256 };
	struct baton_ctx_config cc = { .size = sizeof(cc) };
	struct baton_pool_config pc;
	struct baton_port_info info;

	baton_pool_config_init(&pc);
	pc.count = 4096;
	if (baton_ctx_create(&cc, &ctx) < 0 || baton_pool_create(ctx, &pc, &pool) < 0 ||
	    baton_worker_create(ctx, NULL, &worker) < 0 || baton_port_open(ctx, devargs, &port) < 0)
		die("set-up");
	baton_port_info(port, &info);
	if ((info.offloads & c.offloads) != c.offloads) {
		fprintf(stderr, "large: the backend has offloads %#x of %#x\n", info.offloads,
			c.offloads);
		exit(1);
	}
	q.worker = worker;
	q.pool = pool;
	if (baton_port_configure(port, &c) < 0 || baton_rxq_setup(port, 0, &q, &rx) < 0)
		die("configure");
	q.pool = NULL;
	if (baton_txq_setup(port, 0, &q, &tx) < 0 || baton_port_start(port) < 0)
		die("start");
}

/* ---- packet @i ---- */

static uint32_t
length(uint64_t i)
{
	return i % 4 ? HEADERS + SEG + 1 + (uint32_t)(i * 7919 % (LONGEST - HEADERS - SEG - 1))
		     : LONGEST;
}

static uint8_t
byte_at(uint64_t i, uint32_t at)
{
	return (uint8_t)(at * 31 + (at >> 8) * 7 + i * 13);
}

static const uint8_t headers[HEADERS] = {
	2,    0, 0, 0, 0,  1, 2,    0,    0,    0,    0,    2,    8, 0, /* Ethernet */
	0x45, 0, 0, 0, 0,  0, 0x40, 0,    64,   6,    0,    0,          /* IPv4 */
	10,   0, 0, 1, 10, 0, 0,    2,    0x12, 0x34, 0x56, 0x78, 0,    /* TCP */
	0,    0, 0, 0, 0,  0, 0,    0x50, 0x10, 1,    0,    0,    0, 0, 0,
};

static unsigned
make(uint64_t i, struct baton_token *t)
{
	const uint32_t len = length(i);
	unsigned n = 0;

	for (uint32_t at = 0; at < len; n++) {
		const uint32_t part = len - at < 2048 ? len - at : 2048;
		uint8_t *p;

		if (baton_alloc(worker, pool, &t[n], 1) != 1)
			die("alloc");
		p = baton_data(worker, t[n]);
		for (uint32_t k = 0; k < part; k++)
			p[k] = at + k < HEADERS ? headers[at + k] : byte_at(i, at + k);
		t[n].len = (uint16_t)part;
		at += part;
		t[n].flags = at < len ? BATON_TOKEN_CONT : 0;
	}
	t[0].flags |= BATON_TOKEN_SIDE;
	*baton_side(worker, t[0]) = (struct baton_side){ .valid = BATON_SIDE_SEGMENT,
							 .l2_len = 14,
							 .l3_len = 20,
							 .l4_len = 20,
							 .seg_size = SEG };
	return n;
}

static void
check(uint64_t i, const struct baton_token *t, unsigned n)
{
	const struct baton_side *side = baton_side(worker, t[0]);
	uint32_t at = 0;

	for (unsigned k = 0; k < n; k++) {
		const uint8_t *p = baton_data(worker, t[k]);

		for (uint32_t b = 0; b < t[k].len; b++, at++)
			if (at >= HEADERS && p[b] != byte_at(i, at))
				wrong(i, "a byte is another one");
	}
	if (at != length(i))
		wrong(i, "its length is another one");
	if (!(t[0].flags & BATON_TOKEN_SIDE) || !(side->valid & BATON_SIDE_SEGMENT))
		wrong(i, "it is not to be cut");
	if (side->l2_len != 14 || side->l3_len != 20 || side->l4_len != 20 || side->seg_size != SEG)
		wrong(i, "it is to be cut elsewhere");
	whole++;
	tokens += n;
}

/* ---- there and back ---- */

static void
send(const struct baton_token *t, unsigned n)
{
	const uint64_t begin = now_ns();
	int ret;

	while ((ret = baton_tx_burst(tx, (struct baton_token *)(uintptr_t)t, n)) == 0)
		if (now_ns() - begin > STUCK_NS)
			die("nothing is sent any more");
	if (ret != (int)n)
		die("tx_burst");
}

int
main(int argc, char **argv)
{
	const uint64_t packets = argc > 2 ? strtoull(argv[2], NULL, 10) : 1000;
	uint64_t sent = 0, once = 0, twice = 0, last = now_ns();

	if (argc < 2)
		return 2;
	up(argv[1]);
	while (twice < packets) {
		struct baton_token t[4 * TOKENS];
		int n;

		if (sent < packets && sent - twice < WINDOW) {
			const unsigned segs = make(sent++, t);

			send(t, segs);
		}
		n = baton_rx_burst(rx, t, 4 * TOKENS);
		if (n < 0)
			die("rx_burst");
		for (int k = 0; k < n;) {
			const unsigned segs = baton_packet_segs(t + k, (unsigned)(n - k));
			const uint8_t *p = baton_data(worker, t[k]);
			/* The application's own bytes in a header: which trip it is. */
			const bool again = p[15] == 1;

			check(again ? twice++ : once++, t + k, segs);
			if (again) {
				if (baton_free(worker, t + k, segs) < 0)
					die("free");
			} else {
				((uint8_t *)(uintptr_t)p)[15] = 1; /* the type of service */
				send(t + k, segs);
			}
			k += (int)segs;
			last = now_ns();
		}
		if (now_ns() - last > STUCK_NS)
			die("nothing comes back any more");
	}
	printf("large: %" PRIu64 " packets of up to %u bytes came back whole, in %" PRIu64 " buffer"
	       "s\n",
	       whole, LONGEST, tokens);
	if (baton_port_close(port) < 0 || baton_worker_destroy(worker) < 0 ||
	    baton_pool_destroy(pool) < 0 || baton_ctx_destroy(ctx) < 0)
		die("not all buffers are home");
	return 0;
}
