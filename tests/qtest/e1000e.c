/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * net_e1000e on QEMU's 82574L: what the conformance suite does not ask, seen from the outside, and
 * devices that do not do their part.
 */
#include "e1000e_rig.h"

#include <baton/baton.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "e1000e_frames.h"

#define BUFS  2048u
#define DESCS 64u

struct bench {
	struct baton_ctx *ctx;
	struct e1000e_rig *rig;
	struct baton_pool *pool;
	struct baton_worker *worker;
	struct baton_port *port;
	struct baton_rxq *rx[2];
	struct baton_txq *tx[2];
	unsigned queues;
	uint32_t offloads;
};

static void
must(int ret)
{
	if (ret < 0)
		fail_msg("%s: %s", strerror(-ret), baton_last_error());
}

/* ---- ports ---- */

static void
begin_with(struct bench *b, uint32_t data_room)
{
	struct baton_worker_config w = { .size = sizeof(w), .name = "w", .cache_size = 64 };
	struct baton_ctx_config c = { .size = sizeof(c) };
	struct baton_pool_config p;

	memset(b, 0, sizeof(*b));
	b->queues = 1;
	must(baton_ctx_create(&c, &b->ctx));
	b->rig = e1000e_rig_start(b->ctx, false);
	baton_pool_config_init(&p);
	p.name = "p";
	p.count = BUFS;
	p.page_size = BATON_PAGE_BASE;
	if (data_room)
		p.data_len = data_room;
	must(baton_pool_create(b->ctx, &p, &b->pool));
	must(baton_worker_create(b->ctx, &w, &b->worker));
}

static void
begin(struct bench *b)
{
	begin_with(b, 0);
}

static void
set_up(struct bench *b)
{
	struct baton_port_config c;
	struct baton_queue_config q;

	baton_port_config_init(&c);
	c.rx_queues = c.tx_queues = (uint16_t)b->queues;
	c.offloads = b->offloads;
	must(baton_port_configure(b->port, &c));
	baton_queue_config_init(&q);
	q.worker = b->worker;
	q.descs = DESCS;
	for (uint16_t i = 0; i < b->queues; i++) {
		q.pool = b->pool;
		must(baton_rxq_setup(b->port, i, &q, &b->rx[i]));
		q.pool = NULL;
		must(baton_txq_setup(b->port, i, &q, &b->tx[i]));
	}
}

static void
start(struct bench *b)
{
	if (!b->port)
		must(baton_port_open(b->ctx, QTEST_BDF, &b->port));
	set_up(b);
	must(baton_port_start(b->port));
}

static void
end(struct bench *b)
{
	if (b->port)
		must(baton_port_close(b->port));
	must(baton_worker_destroy(b->worker));
	must(baton_pool_destroy(b->pool));
	must(baton_ctx_destroy(b->ctx));
	e1000e_rig_stop(b->rig);
}

/* The port cannot be opened, nothing stays open, and the error says what is wrong. */
static void
refused(struct bench *b, int why, const char *words)
{
	struct baton_port *port = NULL;

	assert_int_equal(baton_port_open(b->ctx, QTEST_BDF, &port), why);
	if (!strstr(baton_last_error(), words))
		fail_msg("no '%s' in: %s", words, baton_last_error());
	assert_int_equal(b->rig->q->pci.attached, 0);
}

/* ---- packets ---- */

static void
outside(struct bench *b, const struct frame *f)
{
	qtest_send(b->rig->q, f->b, f->len);
}

/* Receive on a queue. Return: the number of packets there, the first of which is *first. */
static unsigned
got(struct bench *b, unsigned queue, struct frame *first, struct baton_token *token,
    struct baton_side *side)
{
	struct baton_token t[64];
	int n = baton_rx_burst(b->rx[queue], t, 64);
	unsigned packets = 0;

	must(n);
	if (first)
		first->len = 0;
	for (int i = 0; i < n; i++) {
		if (first && !packets) {
			memcpy(first->b + first->len, baton_data(b->worker, t[i]), t[i].len);
			first->len += t[i].len;
		}
		packets += !(t[i].flags & BATON_TOKEN_CONT);
	}
	if (n && token)
		*token = t[0];
	if (n && side && (t[0].flags & BATON_TOKEN_SIDE))
		*side = *baton_side(b->worker, t[0]);
	must(baton_free(b->worker, t, (unsigned)n));
	return packets;
}

static bool
arrives(struct bench *b, const struct frame *f)
{
	static struct frame in;
	unsigned n;

	outside(b, f);
	n = got(b, 0, &in, NULL, NULL);
	if (n) {
		assert_int_equal(n, 1);
		assert_int_equal(in.len, f->len);
		assert_memory_equal(in.b, f->b, f->len);
	}
	return n;
}

/* ---- filters ---- */

static const uint8_t own[6] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 }; /* QEMU's default */
static const uint8_t other[6] = { 0x02, 0, 0, 0, 0, 9 };
static const uint8_t group[6] = { 0x01, 0x00, 0x5e, 0x01, 0x02, 0x03 };
static const uint8_t all[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

static bool
passes(struct bench *b, const uint8_t to[6])
{
	struct frame f = frame_tcp(100);

	memcpy(f.b, to, 6);
	return arrives(b, &f);
}

static void
addresses(void **state)
{
	uint8_t macs[20][6];
	struct bench b;

	begin(&b);
	start(&b);
	assert_true(passes(&b, own) && passes(&b, all));
	assert_false(passes(&b, other) || passes(&b, group));
	must(baton_port_set_allmulti(b.port, 1));
	assert_true(passes(&b, group));
	assert_false(passes(&b, other));
	must(baton_port_set_allmulti(b.port, 0));
	must(baton_port_set_promisc(b.port, 1));
	assert_true(passes(&b, other) && passes(&b, group));
	must(baton_port_set_promisc(b.port, 0));
	assert_false(passes(&b, other) || passes(&b, group));
	memcpy(macs[0], other, 6);
	memcpy(macs[1], group, 6);
	must(baton_port_set_macs(b.port, (const uint8_t(*)[6])macs, 2));
	assert_true(passes(&b, other) && passes(&b, group) && passes(&b, own));
	must(baton_port_set_mac(b.port, macs[0]));
	must(baton_port_set_macs(b.port, NULL, 0));
	assert_true(passes(&b, other));
	assert_false(passes(&b, own) || passes(&b, group));
	/* 15 beside its own. */
	for (unsigned i = 0; i < 20; i++)
		memcpy(macs[i], (uint8_t[6]){ 2, 0, 0, 0, 1, (uint8_t)i }, 6);
	must(baton_port_set_macs(b.port, (const uint8_t(*)[6])macs, 15));
	assert_true(passes(&b, macs[0]) && passes(&b, macs[14]));
	assert_int_equal(baton_port_set_macs(b.port, (const uint8_t(*)[6])macs, 16), -ENOSPC);
	assert_non_null(strstr(baton_last_error(), "16 unicast addresses"));
	assert_true(passes(&b, macs[14])); /* as they were */
	end(&b);
}

static void
vlans(void **state)
{
	struct frame plain = frame_tcp(100), tagged = frame_tagged(&plain, 0x8100, 100),
		     strange = frame_tagged(&plain, 0x8100, 101);
	struct baton_token t = { .flags = 0 };
	struct baton_side side = { 0 };
	struct frame in;
	struct bench b;

	begin(&b);
	start(&b);
	assert_true(arrives(&b, &plain) && arrives(&b, &tagged) && arrives(&b, &strange));
	must(baton_port_set_vlan(b.port, 100, 1));
	assert_true(arrives(&b, &plain) && arrives(&b, &tagged));
	assert_false(arrives(&b, &strange));
	must(baton_port_set_vlan(b.port, 100, 0));
	assert_false(arrives(&b, &tagged));
	must(baton_port_set_vlan(b.port, 101, 1));
	assert_true(arrives(&b, &strange));
	/* Removed by the device, and with priority. */
	must(baton_port_stop(b.port));
	b.offloads = BATON_OFFLOAD_RX_VLAN;
	start(&b);
	tagged = frame_tagged(&plain, 0x8100, 0xe065);
	outside(&b, &tagged);
	assert_int_equal(got(&b, 0, &in, &t, &side), 1);
	assert_int_equal(in.len, plain.len);
	assert_memory_equal(in.b, plain.b, plain.len);
	assert_true((t.flags & BATON_TOKEN_SIDE) && (side.valid & BATON_SIDE_VLAN));
	assert_int_equal(side.vlan_tci, 0xe065);
	assert_int_equal(side.vlan_type, 0x8100);
	memset(&side, 0, sizeof(side));
	outside(&b, &plain);
	assert_int_equal(got(&b, 0, NULL, &t, &side), 1);
	assert_false((t.flags & BATON_TOKEN_SIDE) && (side.valid & BATON_SIDE_VLAN));
	end(&b);
}

/* ---- checksums ---- */

static unsigned
verdict(struct bench *b, const struct frame *f, unsigned shift)
{
	struct baton_token t = { .flags = 0xff };

	outside(b, f);
	assert_int_equal(got(b, 0, NULL, &t, NULL), 1);
	return t.flags >> shift & 3;
}

static void
verdicts(void **state)
{
	struct frame f;
	struct bench b;

	begin(&b);
	b.offloads = BATON_OFFLOAD_RX_CSUM | BATON_OFFLOAD_RX_IPV4_CSUM;
	start(&b);
	for (unsigned udp = 0; udp < 2; udp++) {
		f = udp ? frame_udp(200) : frame_tcp(200);
		assert_int_equal(verdict(&b, &f, BATON_TOKEN_L4_SHIFT), BATON_CSUM_GOOD);
		assert_int_equal(verdict(&b, &f, BATON_TOKEN_L3_SHIFT), BATON_CSUM_GOOD);
		f.b[150] ^= 1;
		assert_int_equal(verdict(&b, &f, BATON_TOKEN_L4_SHIFT), BATON_CSUM_BAD);
		assert_int_equal(verdict(&b, &f, BATON_TOKEN_L3_SHIFT), BATON_CSUM_GOOD);
		f.b[150] ^= 1;
		f.b[22] ^= 1; /* time to live */
		assert_int_equal(verdict(&b, &f, BATON_TOKEN_L3_SHIFT), BATON_CSUM_BAD);
	}
	f = frame_other(200);
	assert_int_equal(verdict(&b, &f, BATON_TOKEN_L4_SHIFT), BATON_CSUM_UNKNOWN);
	assert_int_equal(verdict(&b, &f, BATON_TOKEN_L3_SHIFT), BATON_CSUM_UNKNOWN);
	end(&b);
}

/* Send a packet whose sum is partial. Return: whether it left as @whole. */
static void
completed(struct bench *b, struct frame partial, const struct frame *whole, uint16_t l2,
	  uint16_t l3, uint16_t offset)
{
	struct baton_token t;
	uint8_t out[2048];

	must(baton_alloc(b->worker, b->pool, &t, 1));
	memcpy(baton_data(b->worker, t), partial.b, partial.len);
	t.len = (uint16_t)partial.len;
	t.flags = BATON_TOKEN_SIDE | BATON_CSUM_PARTIAL << BATON_TOKEN_L4_SHIFT;
	*baton_side(b->worker, t) = (struct baton_side){
		.valid = BATON_SIDE_CSUM, .l2_len = l2, .l3_len = l3, .csum_offset = offset
	};
	assert_int_equal(baton_tx_burst(b->tx[0], &t, 1), 1);
	assert_int_equal(e1000e_rig_send(b->rig, 0, out, sizeof(out)), whole->len);
	assert_memory_equal(out, whole->b, whole->len);
}

static void
sums(void **state)
{
	struct bench b;

	begin(&b);
	b.offloads = BATON_OFFLOAD_TX_CSUM;
	start(&b);
	for (uint32_t len = 60; len < 400; len += 67) {
		const struct frame tcp = frame_tcp(len), udp = frame_udp(len);
		const unsigned before = b.rig->csums;

		completed(&b, frame_partial(&tcp), &tcp, 14, 20, 16);
		completed(&b, frame_partial(&udp), &udp, 14, 20, 6);
		assert_int_equal(b.rig->csums, before + 2);
	}
	end(&b);
}

/* Where the device has no number for the place of a sum, the driver fills it in. */
static void
far_sum(void **state)
{
	struct bench b;
	struct frame f;

	begin(&b);
	b.offloads = BATON_OFFLOAD_TX_CSUM;
	start(&b);
	memset(&f, 0, sizeof(f));
	f = frame_other(600);
	f.b[300] = f.b[301] = 0;
	struct frame whole = f;
	const uint16_t sum = (uint16_t)~frame_sum(f.b + 290, f.len - 290);

	whole.b[300] = (uint8_t)(sum >> 8);
	whole.b[301] = (uint8_t)sum;
	completed(&b, f, &whole, 14, 276, 10);
	assert_int_equal(b.rig->csums, 0);
	end(&b);
}

/* ---- segments ---- */

/* A packet that asks for segments of @size, and, by @more, for a tag. */
static unsigned
give_to_cut(struct bench *b, const struct frame *f, uint16_t l2, uint16_t l3, uint16_t size,
	    uint32_t more)
{
	struct baton_token t[16];
	unsigned n = 0;

	for (uint32_t at = 0; at < f->len; n++) {
		const uint32_t part = f->len - at < 1500 ? f->len - at : 1500;

		must(baton_alloc(b->worker, b->pool, &t[n], 1));
		memcpy(baton_data(b->worker, t[n]), f->b + at, part);
		t[n].len = (uint16_t)part;
		at += part;
		t[n].flags = at < f->len ? BATON_TOKEN_CONT : 0;
	}
	t[0].flags |= BATON_TOKEN_SIDE;
	*baton_side(b->worker, t[0]) = (struct baton_side){ .valid = BATON_SIDE_SEGMENT | more,
							    .vlan_tci = 0xe065,
							    .l2_len = l2,
							    .l3_len = l3,
							    .l4_len = 20,
							    .seg_size = size };
	assert_int_equal(baton_tx_burst(b->tx[0], t, n), n);
	return n;
}

/*
 * Segments of IPv4, of IPv6, and behind a tag, from the outside: lengths, identification, sequence
 * numbers, sums; and what the device has in its descriptors: 7.2.10.2, 7.3.6.
 */
static void
segments(void **state)
{
	struct bench b;

	begin(&b);
	b.offloads = BATON_OFFLOAD_TX_TSO;
	start(&b);
	for (unsigned kind = 0; kind < 3; kind++) {
		struct frame f = kind == 1 ? frame_tcp6(8000) : frame_tcp(8000), out;
		const uint16_t l3 = kind == 1 ? 40 : 20;
		uint16_t l2 = 14;
		uint32_t heads, at;

		if (kind == 2) {
			f = frame_tagged(&f, 0x8100, 7);
			l2 = 18;
		}
		heads = l2 + l3 + 20u;
		give_to_cut(&b, &f, l2, l3, 1000, 0);
		for (at = heads; at < f.len; at += 1000) {
			const uint32_t n = f.len - at < 1000 ? f.len - at : 1000,
				       k = (at - heads) / 1000;

			out.len = (uint32_t)e1000e_rig_send(b.rig, 0, out.b, sizeof(out.b));
			assert_int_equal(out.len, heads + n);
			assert_memory_equal(out.b, f.b, l2); /* addresses, tag, type */
			assert_memory_equal(out.b + heads, f.b + at, n);
			assert_int_equal(frame_get16(out.b + l2 + (kind == 1 ? 4 : 2)),
					 (kind == 1 ? 0u : l3) + 20 + n);
			if (kind != 1) {
				assert_int_equal(frame_get16(out.b + l2 + 4), 1 + k);
				assert_int_equal(frame_sum(out.b + l2, 20), 0xffff);
			}
			/* The sequence number's last bytes. */
			assert_int_equal(frame_get16(out.b + l2 + l3 + 6),
					 (frame_get16(f.b + l2 + l3 + 6) + k * 1000) & 0xffff);
			assert_int_equal(frame_l4_sum(&out, l2, l3), 0xffff);
		}
		assert_int_equal(e1000e_rig_send(b.rig, 0, out.b, sizeof(out.b)), 0);
		assert_int_equal(b.rig->cuts, kind + 1);
	}
	must(baton_tx_clean(b.tx[0], 1000));
	assert_int_equal(baton_txq_in_flight(b.tx[0]), 0); /* each was reported */
	end(&b);
}

/* ---- tags ---- */

/* Send a packet with this side record, and see it leave as @want. */
static void
leaves(struct bench *b, const struct frame *f, uint8_t flags, struct baton_side side,
       const struct frame *want)
{
	static uint8_t out[4096];
	struct baton_token t;

	must(baton_alloc(b->worker, b->pool, &t, 1));
	memcpy(baton_data(b->worker, t), f->b, f->len);
	t.len = (uint16_t)f->len;
	t.flags = BATON_TOKEN_SIDE | flags;
	*baton_side(b->worker, t) = side;
	assert_int_equal(baton_tx_burst(b->tx[0], &t, 1), 1);
	assert_int_equal(e1000e_rig_send(b->rig, 0, out, sizeof(out)), want->len);
	assert_memory_equal(out, want->b, want->len);
}

#define L3_PARTIAL (BATON_CSUM_PARTIAL << BATON_TOKEN_L3_SHIFT)
#define L4_PARTIAL (BATON_CSUM_PARTIAL << BATON_TOKEN_L4_SHIFT)

static void
tags(void **state)
{
	struct baton_side side = { .vlan_tci = 0xe065,
				   .l2_len = 14,
				   .l3_len = 20,
				   .l4_len = 20,
				   .seg_size = 1000,
				   .csum_offset = 16 };
	const struct frame whole = frame_tcp(500), tagged = frame_tagged(&whole, 0x8100, 0xe065),
			   service = frame_tagged(&whole, 0x88a8, 0xe065);
	struct frame f = whole, big = frame_tcp(3000), out;
	struct baton_token t;
	struct bench b;

	begin(&b);
	b.offloads = BATON_OFFLOAD_TX_VLAN | BATON_OFFLOAD_RX_VLAN | BATON_OFFLOAD_TX_CSUM |
		     BATON_OFFLOAD_TX_IPV4_CSUM | BATON_OFFLOAD_TX_TSO;
	start(&b);
	side.valid = BATON_SIDE_VLAN;
	leaves(&b, &whole, 0, side, &tagged);
	assert_int_equal(b.rig->tags, 1);
	side.vlan_type = 0x88a8; /* which the device has no word for */
	leaves(&b, &whole, 0, side, &service);
	assert_int_equal(b.rig->tags, 1);
	side.vlan_type = 0x8100;
	/* The checksum of the IPv4 header, whatever is there; alone, and all at once. */
	side.valid = BATON_SIDE_CSUM;
	f.b[24] = 0xab;
	leaves(&b, &f, L3_PARTIAL, side, &whole);
	assert_int_equal(b.rig->ip_sums, 1);
	f = frame_partial(&whole);
	f.b[25] = 0xcd;
	side.valid |= BATON_SIDE_VLAN;
	leaves(&b, &f, L3_PARTIAL | L4_PARTIAL, side, &tagged);
	assert_int_equal(b.rig->ip_sums, 2);
	assert_int_equal(b.rig->csums, 1);
	assert_int_equal(b.rig->tags, 2);
	/* Of a header that is not there. */
	must(baton_alloc(b.worker, b.pool, &t, 1));
	memcpy(baton_data(b.worker, t), whole.b, whole.len);
	t.len = (uint16_t)whole.len;
	t.flags = BATON_TOKEN_SIDE | L3_PARTIAL;
	side.l2_len = 18;
	*baton_side(b.worker, t) = side;
	assert_int_equal(baton_tx_burst(b.tx[0], &t, 1), -EINVAL);
	t.flags = L3_PARTIAL; /* no record */
	assert_int_equal(baton_tx_burst(b.tx[0], &t, 1), -EINVAL);
	must(baton_free(b.worker, &t, 1));
	/* Segments, each with the tag. */
	assert_int_equal(give_to_cut(&b, &big, 14, 20, 1000, BATON_SIDE_VLAN), 2);
	for (uint32_t at = 54; at < big.len; at += 1000) {
		const uint32_t n = big.len - at < 1000 ? big.len - at : 1000;

		out.len = (uint32_t)e1000e_rig_send(b.rig, 0, out.b, sizeof(out.b));
		assert_int_equal(out.len, 58 + n);
		assert_int_equal(frame_get16(out.b + 12), 0x8100);
		assert_int_equal(frame_get16(out.b + 14), 0xe065);
		assert_memory_equal(out.b + 58, big.b + at, n);
		assert_int_equal(frame_l4_sum(&out, 18, 20), 0xffff);
	}
	assert_int_equal(b.rig->cuts, 1);
	assert_int_equal(b.rig->tags, 3);
	must(baton_tx_clean(b.tx[0], 1000));
	assert_int_equal(baton_txq_in_flight(b.tx[0]), 0);
	/* Received tags stay, and so the device inserts none. */
	must(baton_port_stop(b.port));
	b.offloads = BATON_OFFLOAD_TX_VLAN;
	start(&b);
	side.l2_len = 14;
	side.valid = BATON_SIDE_VLAN;
	leaves(&b, &whole, 0, side, &tagged);
	assert_int_equal(b.rig->tags, 3);
	assert_true(arrives(&b, &tagged));
	end(&b);
}

/* ---- queues ---- */

/* Flows are for the queue that the published key says. */
static void
flows(void **state)
{
	unsigned count[2] = { 0, 0 };
	struct baton_token t;
	struct bench b;
	uint32_t hash;

	begin(&b);
	b.queues = 2;
	b.offloads = BATON_OFFLOAD_RX_HASH;
	start(&b);
	for (unsigned i = 0; i < 64; i++) {
		struct frame f = i & 1 ? frame_udp(100) : frame_tcp(100);
		uint8_t flow[12];
		unsigned queue;

		f.b[29] = (uint8_t)i; /* the source's last byte */
		f.b[35] = (uint8_t)(i * 3);
		memcpy(flow, f.b + 26, 12);
		hash = baton_toeplitz(baton_rss_key(), BATON_RSS_KEY_LEN, flow, i & 1 ? 8 : 12);
		queue = hash & 1;
		outside(&b, &f);
		assert_int_equal(got(&b, !queue, NULL, NULL, NULL), 0);
		assert_int_equal(got(&b, queue, NULL, &t, NULL), 1);
		assert_true(t.flags & BATON_TOKEN_HASH);
		assert_int_equal(t.hash, hash);
		count[queue]++;
	}
	assert_true(count[0] > 16 && count[1] > 16);
	/* And with one queue, all are for it, whatever there was before. */
	must(baton_port_stop(b.port));
	b.queues = 1;
	start(&b);
	for (unsigned i = 0; i < 8; i++) {
		struct frame f = frame_tcp(100);

		f.b[29] = (uint8_t)i;
		assert_int_equal(f.len, 100);
		outside(&b, &f);
		assert_int_equal(got(&b, 0, NULL, NULL, NULL), 1);
	}
	end(&b);
}

/* Key, table and types of the application's. */
static void
rss(void **state)
{
	uint8_t key[BATON_RSS_KEY_LEN], flow[12];
	struct frame tcp = frame_tcp(100), udp = frame_udp(100);
	struct baton_rss_config c;
	uint16_t table[128];
	struct baton_token t;
	struct bench b;
	uint32_t hash;

	begin(&b);
	b.queues = 2;
	b.offloads = BATON_OFFLOAD_RX_HASH;
	start(&b);
	must(baton_port_stop(b.port));
	for (unsigned i = 0; i < 128; i++)
		table[i] = i % 3 == 0;
	for (unsigned i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)(i * 37 + 11);
	baton_rss_config_init(&c);
	c.types = BATON_RSS_IPV4_UDP;
	assert_int_equal(baton_port_set_rss(b.port, &c), -ENOTSUP);
	c.types = BATON_RSS_IPV4_TCP;
	c.key = key;
	c.key_len = 16;
	assert_int_equal(baton_port_set_rss(b.port, &c), -EINVAL);
	c.key_len = sizeof(key);
	c.table = table;
	c.table_len = 256;
	assert_int_equal(baton_port_set_rss(b.port, &c), -EINVAL);
	c.table_len = 128;
	must(baton_port_set_rss(b.port, &c));
	must(baton_port_start(b.port));
	for (unsigned i = 0; i < 40; i++) {
		tcp.b[29] = udp.b[29] = (uint8_t)i;
		memcpy(flow, tcp.b + 26, 12);
		hash = baton_toeplitz(key, sizeof(key), flow, 12);
		outside(&b, &tcp);
		assert_int_equal(got(&b, table[hash % 128], NULL, &t, NULL), 1);
		assert_true(t.flags & BATON_TOKEN_HASH);
		assert_int_equal(t.hash, hash);
		outside(&b, &udp); /* has none */
		assert_int_equal(got(&b, 0, NULL, &t, NULL), 1);
		assert_false(t.flags & BATON_TOKEN_HASH);
	}
	end(&b);
}

static void
limits(void **state)
{
	struct baton_port_config c;
	struct baton_port_info info;
	struct baton_queue_config r;
	struct baton_rxq *rx;
	struct bench b;

	begin(&b);
	start(&b);
	must(baton_port_stop(b.port));
	baton_port_info(b.port, &info);
	assert_int_equal(info.max_rx_queues, 2);
	assert_int_equal(info.max_tx_queues, 2);
	assert_memory_equal(info.mac, own, 6);
	assert_int_equal(baton_port_set_mtu(b.port, (uint16_t)(info.max_mtu + 1)), -EINVAL);
	baton_port_config_init(&c);
	c.rx_queues = 3;
	assert_int_equal(baton_port_configure(b.port, &c), -EINVAL);
	assert_non_null(strstr(baton_last_error(), "3"));
	baton_port_config_init(&c);
	must(baton_port_configure(b.port, &c));
	baton_queue_config_init(&r);
	r.worker = b.worker;
	r.pool = b.pool;
	for (unsigned i = 0; i < 3; i++) {
		r.descs = (uint16_t[]){ 8, 24, 8192 }[i];
		assert_int_equal(baton_rxq_setup(b.port, 0, &r, &rx), -EINVAL);
		assert_non_null(strstr(baton_last_error(), "4096"));
	}
	end(&b);
}

/* One size of buffers for all queues. */
static void
two_sizes(void **state)
{
	struct baton_pool_config p;
	struct baton_queue_config r;
	struct baton_pool *small;
	struct bench b;

	begin(&b);
	b.queues = 2;
	start(&b);
	must(baton_port_stop(b.port));
	baton_pool_config_init(&p);
	p.name = "small";
	p.count = 512;
	p.page_size = BATON_PAGE_BASE;
	p.data_len = 128 + 1500;
	must(baton_pool_create(b.ctx, &p, &small));
	set_up(&b);
	baton_queue_config_init(&r);
	r.worker = b.worker;
	r.pool = small;
	r.descs = DESCS;
	must(baton_rxq_setup(b.port, 1, &r, &b.rx[1]));
	assert_int_equal(baton_port_start(b.port), -EINVAL);
	assert_non_null(strstr(baton_last_error(), "buffers of 2048 bytes for RX queue 0 and of "
						   "1024"));
	set_up(&b);
	must(baton_port_start(b.port));
	must(baton_port_close(b.port));
	b.port = NULL;
	must(baton_pool_destroy(small));
	end(&b);
}

/* ---- long and short frames ---- */

/* The longest that the device takes, in buffers of each size; what is longer ends there. */
static void
jumbo(void **state)
{
	static const uint32_t rooms[] = { 1024 + 128, 2048 + 128, 4096 + 128, 16384 + 128 };

	for (unsigned i = 0; i < 4; i++) {
		struct frame f = frame_other(9022), g = frame_other(16380), in;
		struct bench b;

		begin_with(&b, rooms[i]);
		start(&b);
		assert_true(arrives(&b, &f));
		assert_true(arrives(&b, &g));
		g.len++;
		outside(&b, &g);
		assert_int_equal(got(&b, 0, &in, NULL, NULL), 0);
		assert_true(arrives(&b, &f));
		end(&b);
	}
}

static void
too_short(void **state)
{
	struct baton_token t[2];
	struct baton_stats st;
	struct bench b;
	uint8_t out[64];

	begin(&b);
	start(&b);
	must(baton_alloc(b.worker, b.pool, t, 2));
	memset(baton_data(b.worker, t[0]), 2, 60);
	memset(baton_data(b.worker, t[1]), 2, 60);
	t[0].len = 17;
	t[1].len = 16;
	assert_int_equal(baton_tx_burst(b.tx[0], t, 2), 1);
	assert_int_equal(baton_tx_burst(b.tx[0], t + 1, 1), -EMSGSIZE);
	assert_non_null(strstr(baton_last_error(), "a packet of 16 bytes, 17 are the least"));
	assert_int_equal(e1000e_rig_send(b.rig, 0, out, sizeof(out)), 17);
	baton_txq_stats(b.tx[0], &st);
	assert_int_equal(st.tx_errors, 1);
	must(baton_free(b.worker, t + 1, 1));
	end(&b);
}

/* ---- counters ---- */

static uint64_t
counter(const struct bench *b, const char *name)
{
	struct baton_xstat x[128];
	const unsigned n = baton_port_xstats(b->port, x, 128);

	for (unsigned i = 0; i < n && i < 128; i++)
		if (!strcmp(x[i].name, name))
			return x[i].value;
	fail_msg("there is no counter %s", name);
	return 0;
}

static void
send_one(struct bench *b, const struct frame *f)
{
	struct baton_token t;
	uint8_t out[2048];

	must(baton_alloc(b->worker, b->pool, &t, 1));
	memcpy(baton_data(b->worker, t), f->b, f->len);
	t.len = (uint16_t)f->len;
	assert_int_equal(baton_tx_burst(b->tx[0], &t, 1), 1);
	assert_int_equal(e1000e_rig_send(b->rig, 0, out, sizeof(out)), f->len);
}

/* As the device counts them, and whoever asks gets what is there. */
static void
counters(void **state)
{
	struct frame f = frame_tcp(100), g = frame_tcp(600);
	struct bench b;

	begin(&b);
	start(&b);
	assert_true(arrives(&b, &f) && arrives(&b, &g));
	memcpy(g.b, all, 6);
	assert_true(arrives(&b, &g));
	send_one(&b, &f);
	send_one(&b, &g);
	assert_int_equal(counter(&b, "rx_total_packets"), 3);
	assert_int_equal(counter(&b, "rx_size_65_to_127_packets"), 1);
	assert_int_equal(counter(&b, "rx_size_512_to_1023_packets"), 2);
	assert_int_equal(counter(&b, "rx_broadcast_packets"), 1);
	assert_int_equal(counter(&b, "tx_total_packets"), 2);
	assert_int_equal(counter(&b, "tx_broadcast_packets"), 1);
	assert_true(counter(&b, "rx_total_bytes") >= 1300);
	assert_true(counter(&b, "tx_total_bytes") >= 700);
	assert_true(arrives(&b, &f));
	assert_int_equal(counter(&b, "rx_total_packets"), 4); /* reading has cleared the device's */
	/* A counter of 64 bits, which is two registers. */
	must(baton_port_stop(b.port));
	must(baton_port_start(b.port));
	assert_int_equal(counter(&b, "rx_total_packets"), 4);
	end(&b);
}

/* ---- devices that do not do their part ---- */

static bool
spoil_nvm(struct e1000e_rig *r, uint32_t off, bool write, uint32_t *v)
{
	const uint16_t *words = r->arg;
	uint32_t word;

	if (off != RIG_EERD || write)
		return false;
	*v = e1000e_rig_get(r, off);
	word = *v >> 2 & 0x3fff;
	if (word < 3)
		*v = (*v & 0xffff) | (uint32_t)words[word] << 16;
	else if (word == 63) /* what the sum asks for with these */
		*v = (*v & 0xffff) | (uint32_t)words[3] << 16;
	return true;
}

static void
bad_nvm(void **state)
{
	uint16_t words[4], sum = 0;
	struct bench b;

	begin(&b);
	b.rig->arg = words;
	b.rig->on_access = spoil_nvm;
	memset(words, 0, sizeof(words));
	refused(&b, -EPROTO, "its NVM add up to");
	for (uint32_t i = 3; i < 63; i++) {
		e1000e_rig_put(b.rig, RIG_EERD, i << 2 | 1);
		sum = (uint16_t)(sum + (e1000e_rig_get(b.rig, RIG_EERD) >> 16));
	}
	words[3] = (uint16_t)(0xbaba - sum);
	refused(&b, -EPROTO, "which is none");
	words[0] = 0x0001;
	words[3]--;
	refused(&b, -EPROTO, "a multicast address");
	b.rig->on_access = NULL;
	start(&b);
	end(&b);
}

static bool
never_done(struct e1000e_rig *r, uint32_t off, bool write, uint32_t *v)
{
	const uint32_t *which = r->arg;

	if (off != *which || write)
		return false;
	*v = 0;
	return true;
}

static bool
phy_error(struct e1000e_rig *r, uint32_t off, bool write, uint32_t *v)
{
	if (off != RIG_MDIC || write)
		return false;
	*v = 3u << 28 | 1u << 30; /* ready, and an error */
	return true;
}

static void
no_answer(void **state)
{
	uint32_t which = RIG_MDIC;
	struct bench b;

	begin(&b);
	b.rig->arg = &which;
	b.rig->on_access = never_done;
	refused(&b, -ETIMEDOUT, "an access to the PHY does not end within 10 ms");
	which = RIG_EERD;
	refused(&b, -ETIMEDOUT, "reading the NVM does not end within 20 ms");
	which = 0x0f00; /* EXTCNF_CTRL */
	refused(&b, -ETIMEDOUT, "the firmware's use of the PHY");
	b.rig->on_access = phy_error;
	refused(&b, -EIO, "the PHY does not answer");
	b.rig->on_access = NULL;
	start(&b);
	end(&b);
}

/* The reset bit stays, or accesses to memory do. */
static bool
reset_stays(struct e1000e_rig *r, uint32_t off, bool write, uint32_t *v)
{
	bool *asked = r->arg;

	if (off != RIG_CTRL)
		return false;
	if (write)
		*asked |= *v >> 26 & 1;
	else
		*v = e1000e_rig_get(r, off) | 1u << 26;
	return !write && *asked;
}

static void
no_reset(void **state)
{
	bool asked = false;
	struct bench b;

	begin(&b);
	b.rig->arg = &asked;
	b.rig->on_access = reset_stays;
	refused(&b, -ETIMEDOUT, "the reset does not end within 100 ms");
	b.rig->on_access = NULL;
	b.rig->keeps = true;
	refused(&b, -ETIMEDOUT, "an access to memory that is under way does not end within 80 ms");
	b.rig->keeps = false;
	start(&b);
	/* Failing that, the function is reset. */
	b.rig->keeps = true;
	must(baton_port_stop(b.port));
	b.rig->keeps = false;
	must(baton_port_start(b.port));
	assert_true(passes(&b, own));
	end(&b);
}

/* All registers read as all ones from one access on, wherever that is. */
static bool
goes(struct e1000e_rig *r, uint32_t off, bool write, uint32_t *v)
{
	unsigned *left = r->arg;

	if (!*left)
		return false;
	if (!--*left)
		r->q->pci.dead = true;
	if (r->q->pci.dead)
		*v = UINT32_MAX;
	return r->q->pci.dead;
}

static void
gone(void **state)
{
	unsigned left = 0;

	for (unsigned after = 1; after < 400; after += 23) {
		struct baton_port *port = NULL;
		struct bench b;
		int ret;

		begin(&b);
		left = after;
		b.rig->arg = &left;
		b.rig->on_access = goes;
		ret = baton_port_open(b.ctx, QTEST_BDF, &port);
		if (ret < 0) {
			assert_true(ret == -ENODEV || ret == -EPROTO || ret == -EIO);
			assert_int_equal(b.rig->q->pci.attached, 0);
		} else {
			b.port = port;
		}
		end(&b);
	}
}

/* Removed in the middle of traffic: bursts end, and counters stay what they were. */
static void
gone_in_traffic(void **state)
{
	struct frame f = frame_tcp(100);
	struct baton_token t[64];
	struct baton_port_info info;
	uint64_t packets;
	struct bench b;

	begin(&b);
	start(&b);
	assert_true(arrives(&b, &f));
	packets = counter(&b, "rx_total_packets");
	must(baton_alloc(b.worker, b.pool, t, 8));
	for (unsigned i = 0; i < 8; i++)
		t[i].len = 100;
	assert_int_equal(baton_tx_burst(b.tx[0], t, 4), 4);
	b.rig->q->pci.dead = true;
	assert_int_equal(baton_tx_burst(b.tx[0], t + 4, 4), 4);
	pci_model_signal(b.rig->q->pci.irq[0]);
	do {
		must(baton_ctx_poll(b.ctx, 100));
		(void)baton_rx_burst(b.rx[0], t, 64);
		(void)baton_tx_burst(b.tx[0], t, 0);
		baton_port_info(b.port, &info);
	} while (info.state != BATON_PORT_REMOVED);
	assert_int_equal(counter(&b, "rx_total_packets"), packets);
	(void)baton_port_stop(b.port);
	end(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses),
		cmocka_unit_test(vlans),
		cmocka_unit_test(verdicts),
		cmocka_unit_test(sums),
		cmocka_unit_test(far_sum),
		cmocka_unit_test(segments),
		cmocka_unit_test(tags),
		cmocka_unit_test(flows),
		cmocka_unit_test(rss),
		cmocka_unit_test(limits),
		cmocka_unit_test(two_sizes),
		cmocka_unit_test(jumbo),
		cmocka_unit_test(too_short),
		cmocka_unit_test(counters),
		cmocka_unit_test(bad_nvm),
		cmocka_unit_test(no_answer),
		cmocka_unit_test(no_reset),
		cmocka_unit_test(gone),
		cmocka_unit_test(gone_in_traffic),
	};
	const char *why = qtest_missing();

	if (!why)
		return cmocka_run_group_tests(tests, NULL, NULL);
	printf("skipped: %s\n", why);
	return 77;
}
