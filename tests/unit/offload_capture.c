/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Receive a capture with offloads, say what they found, and send it with offloads to another one: a
 * program on the public API, by which test_scapy.py asks Baton.
 *
 * usage: offload_capture RX-OFFLOADS TX-OFFLOADS IN OUT PACKETS [ASKS]
 *
 * A line for each packet: L3 and L4 verdict, whether there is a hash, the hash, and the side
 * record's valid, ptype, vlan_type, vlan_tci and inner_tci. A line of ASKS has what to ask for when
 * the packet is sent: l2_len, l3_len, csum_offset, and whether L3's and L4's checksum are wanted.
 */
#include <stdio.h>
#include <stdlib.h>

#include <baton/baton.h>

#define BURST 64

static struct baton_ctx *ctx;
static struct baton_pool *pool;
static struct baton_worker *worker;
static struct baton_port *port;
static struct baton_rxq *rx;
static struct baton_txq *tx;
static FILE *asks;

static void
must(int ret)
{
	if (ret >= 0)
		return;
	fprintf(stderr, "offload_capture: %s\n", baton_last_error());
	exit(1);
}

static void
set_up(uint32_t offloads, const char *in, const char *out)
{
	struct baton_pool_config pc;
	struct baton_port_config c;
	struct baton_queue_config q;
	char name[8192];

	must(baton_ctx_create(NULL, &ctx));
	baton_pool_config_init(&pc);
	pc.count = 4096;
	pc.page_size = BATON_PAGE_BASE;
	must(baton_pool_create(ctx, &pc, &pool));
	must(baton_worker_create(ctx, NULL, &worker));
	snprintf(name, sizeof(name), "net_pcap0,rx_pcap=%s,tx_pcap=%s", in, out);
	must(baton_port_open(ctx, name, &port));
	baton_port_config_init(&c);
	c.offloads = offloads;
	must(baton_port_configure(port, &c));
	baton_queue_config_init(&q);
	q.worker = worker;
	must(baton_txq_setup(port, 0, &q, &tx));
	q.pool = pool;
	must(baton_rxq_setup(port, 0, &q, &rx));
	must(baton_port_start(port));
}

static void
tell(struct baton_token t)
{
	static const struct baton_side none;
	const struct baton_side *s = t.flags & BATON_TOKEN_SIDE ? baton_side(worker, t) : &none;
	const uint32_t valid = s->valid;

	printf("%d %d %d %#x %#x %#x %#x %#x %#x\n", t.flags >> BATON_TOKEN_L3_SHIFT & 3,
	       t.flags >> BATON_TOKEN_L4_SHIFT & 3, !!(t.flags & BATON_TOKEN_HASH),
	       t.flags & BATON_TOKEN_HASH ? t.hash : 0, valid,
	       valid & BATON_SIDE_PTYPE ? s->ptype : 0, valid & BATON_SIDE_VLAN ? s->vlan_type : 0u,
	       valid & BATON_SIDE_VLAN ? s->vlan_tci : 0u,
	       valid & BATON_SIDE_QINQ ? s->inner_tci : 0u);
}

static void
ask(struct baton_token *t)
{
	struct baton_side *s = baton_side(worker, *t);
	unsigned l2, l3, offset, sum3, sum4;

	if (!asks)
		return;
	if (fscanf(asks, "%u %u %u %u %u", &l2, &l3, &offset, &sum3, &sum4) != 5) {
		fprintf(stderr, "offload_capture: too few lines of what to ask for\n");
		exit(1);
	}
	if (!(t->flags & BATON_TOKEN_SIDE))
		s->valid = 0;
	s->valid |= BATON_SIDE_CSUM;
	s->l2_len = (uint16_t)l2;
	s->l3_len = (uint16_t)l3;
	s->csum_offset = (uint16_t)offset;
	t->flags = (uint8_t)((t->flags & (BATON_TOKEN_CONT | BATON_TOKEN_HASH)) | BATON_TOKEN_SIDE |
			     (sum3 ? BATON_CSUM_PARTIAL << BATON_TOKEN_L3_SHIFT : 0) |
			     (sum4 ? BATON_CSUM_PARTIAL << BATON_TOKEN_L4_SHIFT : 0));
}

int
main(int argc, char **argv)
{
	unsigned long packets, done = 0, idle = 0;
	struct baton_token t[BURST];

	if (argc < 6)
		return 2;
	packets = strtoul(argv[5], NULL, 0);
	if (argc > 6 && !(asks = fopen(argv[6], "r")))
		return 2;
	set_up((uint32_t)(strtoul(argv[1], NULL, 0) | strtoul(argv[2], NULL, 0)), argv[3], argv[4]);
	while (done < packets && idle < 100000) {
		const int n = baton_rx_burst(rx, t, BURST);
		unsigned sent = 0;

		must(n);
		idle = n ? 0 : idle + 1;
		for (int i = 0; i < n;
		     i += (int)baton_packet_segs(t + i, (unsigned)(n - i)), done++) {
			tell(t[i]);
			ask(&t[i]);
		}
		while (sent < (unsigned)n) {
			const int ret = baton_tx_burst(tx, t + sent, (unsigned)n - sent);

			must(ret);
			sent += (unsigned)ret;
		}
	}
	must(baton_port_close(port));
	must(baton_worker_destroy(worker));
	must(baton_pool_destroy(pool));
	must(baton_ctx_destroy(ctx));
	return done == packets ? 0 : 1;
}
