/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TCP packets of 64 KiB in buffers of 2 KiB, cut into segments by software, from their allocation
 * to when the segments are free again. Both leave the checksums of the segments to the device,
 * which is none: it frees what it is given.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ethdev.h>
#include <rte_gso.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>

#include "dma/pool.h"
#include "gbench_cases.h"
#include "port/driver.h"

#define HEADERS  54u
#define MSS      1448u
#define SEGMENTS 45u
#define PACKET   (HEADERS + SEGMENTS * MSS)
#define PART     2048u /* bytes of a buffer */
#define PARTS    ((PACKET + PART - 1) / PART)

static struct {
	struct baton_ctx *ctx;
	struct baton_pool *pool;
	struct baton_worker *worker;
	struct baton_port *port;
	struct baton_txq *tx;
	struct rte_mempool *packets, *direct, *indirect;
	struct rte_gso_ctx gso;
	uint8_t headers[HEADERS];
} g;

/* ---- Baton ---- */

static int
sink(struct baton_queue *q, struct baton_token *tokens, unsigned n)
{
	if (baton_free(g.worker, tokens, n) < 0)
		abort();
	queue_count(&q->stats.packets, n);
	return (int)n;
}

static void *
begin(unsigned thread)
{
	baton_worker_bind(g.worker);
	return NULL;
}

static void
run_baton(void *self)
{
	struct baton_token t[PARTS];

	if (baton_alloc(g.worker, g.pool, t, PARTS) != PARTS)
		abort();
	for (unsigned i = 0; i < PARTS; i++) {
		t[i].len = i + 1 < PARTS ? PART : PACKET - (PARTS - 1) * PART;
		t[i].flags = i + 1 < PARTS ? BATON_TOKEN_CONT : 0;
	}
	memcpy(baton_data(g.worker, t[0]), g.headers, HEADERS);
	t[0].flags |= BATON_TOKEN_SIDE | BATON_CSUM_PARTIAL << BATON_TOKEN_L4_SHIFT;
	*baton_side(g.worker, t[0]) = (struct baton_side){ .valid = BATON_SIDE_SEGMENT,
							   .l2_len = 14,
							   .l3_len = 20,
							   .l4_len = 20,
							   .seg_size = MSS };
	if (baton_tx_burst(g.tx, t, PARTS) != (int)PARTS)
		abort();
}

/* ---- DPDK ---- */

static void *
begin_peer(unsigned thread)
{
	return NULL;
}

static void
run_peer(void *self)
{
	struct rte_mbuf *m[PARTS], *out[2 * SEGMENTS];
	int n;

	if (rte_pktmbuf_alloc_bulk(g.packets, m, PARTS))
		abort();
	for (unsigned i = 0; i < PARTS; i++) {
		m[i]->data_len = i + 1 < PARTS ? PART : PACKET - (PARTS - 1) * PART;
		m[i]->next = i + 1 < PARTS ? m[i + 1] : NULL;
	}
	m[0]->nb_segs = PARTS;
	m[0]->pkt_len = PACKET;
	memcpy(rte_pktmbuf_mtod(m[0], void *), g.headers, HEADERS);
	m[0]->l2_len = 14;
	m[0]->l3_len = 20;
	m[0]->l4_len = 20;
	m[0]->packet_type = RTE_PTYPE_L2_ETHER | RTE_PTYPE_L3_IPV4 | RTE_PTYPE_L4_TCP;
	m[0]->ol_flags = RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM;
	n = rte_gso_segment(m[0], &g.gso, out, RTE_DIM(out));
	if (n != (int)SEGMENTS)
		abort();
	rte_pktmbuf_free(m[0]);
	rte_pktmbuf_free_bulk(out, (unsigned)n);
}

/* ---- set-up ---- */

static void
make_headers(void)
{
	struct rte_ipv4_hdr *ip = (void *)(g.headers + 14);
	struct rte_tcp_hdr *tcp = (void *)(g.headers + 34);

	g.headers[12] = 8;
	ip->version_ihl = 0x45;
	ip->total_length = rte_cpu_to_be_16(PACKET - 14);
	ip->time_to_live = 64;
	ip->next_proto_id = IPPROTO_TCP;
	ip->src_addr = rte_cpu_to_be_32(RTE_IPV4(10, 0, 0, 1));
	ip->dst_addr = rte_cpu_to_be_32(RTE_IPV4(10, 0, 0, 2));
	tcp->data_off = 5 << 4;
	tcp->tcp_flags = RTE_TCP_ACK_FLAG | RTE_TCP_PSH_FLAG;
}

static int
set_up(void)
{
	struct baton_pool_config pool;
	struct baton_port_config port;
	struct baton_queue_config queue;
	struct baton_rxq *rx;

	baton_pool_config_init(&pool);
	pool.count = 8191;
	baton_port_config_init(&port);
	port.offloads = BATON_OFFLOAD_TX_TSO;
	baton_queue_config_init(&queue);
	if (baton_ctx_create(NULL, &g.ctx) || baton_pool_create(g.ctx, &pool, &g.pool) ||
	    baton_worker_create(g.ctx, NULL, &g.worker) ||
	    baton_port_open(g.ctx, "net_null0", &g.port) || baton_port_configure(g.port, &port))
		return -1;
	queue.worker = g.worker;
	if (baton_txq_setup(g.port, 0, &queue, &g.tx))
		return -1;
	queue.pool = g.pool;
	if (baton_rxq_setup(g.port, 0, &queue, &rx))
		return -1;
	((struct baton_queue *)(void *)g.tx)->active_burst = sink;
	return baton_port_start(g.port);
}

const struct gbench_case *
gbench_gso_cases(void)
{
	static const struct gbench_case cases[] = {
		GBENCH_CASE("gso_64k/baton", 1, 1, begin, run_baton, NULL),
		GBENCH_PEER("gso_64k", 1, 1, begin_peer, run_peer, NULL),
		{ 0 },
	};

	make_headers();
	if (set_up()) {
		fprintf(stderr, "error: %s\n", baton_last_error());
		return NULL;
	}
	g.packets = rte_pktmbuf_pool_create("gso_packets", 4095, 512, 0,
					    RTE_PKTMBUF_HEADROOM + PART, SOCKET_ID_ANY);
	g.direct = rte_pktmbuf_pool_create("gso_direct", 2047, 512, 0, RTE_PKTMBUF_HEADROOM + 128,
					   SOCKET_ID_ANY);
	g.indirect = rte_pktmbuf_pool_create("gso_indirect", 4095, 512, 0, 0, SOCKET_ID_ANY);
	g.gso = (struct rte_gso_ctx){ .direct_pool = g.direct,
				      .indirect_pool = g.indirect,
				      .gso_types = RTE_ETH_TX_OFFLOAD_TCP_TSO,
				      .gso_size = HEADERS + MSS };
	return g.packets && g.direct && g.indirect ? cases : NULL;
}
