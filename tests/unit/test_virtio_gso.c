/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets of up to 64 KiB of net_virtio_user: cut by the device, received whole, and sent on. */
#include "rig.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "segment_made.h"

#define FEATURES   (FAKEDEV_FEATURES | FAKEDEV_F_SEGMENTS)
#define TX         (BATON_OFFLOAD_TX_TSO | BATON_OFFLOAD_TX_USO)
#define TOKENS     600
#define GSO_TOKENS 48 /* of a packet that the device cuts, at most */

enum { NEEDS_CSUM = 1, DATA_VALID = 2, RSC_INFO = 4 };
enum { TCP4 = 1, TCP6 = 4, UDP = 5, ECN = 0x80 };

static const struct rig_config whole = {
	.pool_count = 4096,
	.stop_timeout_ms = 1000,
	.fakedev.features = FEATURES,
	.offloads = TX | BATON_OFFLOAD_RX_LRO,
};

static uint8_t got[FRAME_MAX + 100], want[FRAME_MAX];

/* The bytes of a packet, at `got`. Return: how many. */
static size_t
bytes_of(const struct rig *r, const struct baton_token *t, unsigned n)
{
	size_t len = 0;

	for (unsigned i = 0; i < n; i++) {
		assert_true(len + t[i].len <= sizeof(got));
		memcpy(got + len, baton_data(r->worker, t[i]), t[i].len);
		len += t[i].len;
	}
	return len;
}

static uint8_t
type_of(const struct gso *g)
{
	return g->proto == 17 ? UDP : g->ip == 4 ? TCP4 : TCP6;
}

/* The packet in buffers of at most @part bytes, with nothing right that the library fills in. */
static unsigned
tokens_of(struct rig *r, const struct gso *g, uint32_t part, struct baton_token *t)
{
	static struct gso spoiled;
	uint8_t *ip = spoiled.b + g->l2, *l4 = ip + g->l3;
	unsigned n;

	memcpy(&spoiled, g, sizeof(spoiled));
	put16(ip + (g->ip == 4 ? 2 : 4), rnd(65536));
	if (g->ip == 4)
		put16(ip + 10, rnd(65536));
	if (g->proto == 17)
		put16(l4 + 4, rnd(65536));
	put16(l4 + (g->proto == 6 ? 16 : 6), rnd(65536));
	n = rig_packet(r, spoiled.b, g->len, part, t);
	*baton_side(r->worker, t[0]) = (struct baton_side){ .valid = BATON_SIDE_SEGMENT,
							    .l2_len = (uint16_t)g->l2,
							    .l3_len = (uint16_t)g->l3,
							    .l4_len = (uint16_t)g->l4,
							    .seg_size = (uint16_t)g->seg };
	t[0].flags |= BATON_TOKEN_SIDE;
	return n;
}

/* Take one packet out of the device. Return: its bytes, at `got`. */
static size_t
collect(struct rig *r, struct wire_net_header *h)
{
	size_t len = sizeof(got);
	int head = fakedev_tx_collect(r->fakedev, FAKEDEV_TX, h, got, &len);

	for (unsigned again = 0; head < 0 && again < 1000; again++) {
		assert_true(baton_tx_clean(r->tx, 1000) >= 0);
		len = sizeof(got);
		head = fakedev_tx_collect(r->fakedev, FAKEDEV_TX, h, got, &len);
	}
	assert_true(head >= 0);
	fakedev_complete(r->fakedev, FAKEDEV_TX, (uint32_t)head, 0);
	return len;
}

/* The whole packet, as a stack hands it to a device (virtio 1.2, 5.1.6.2). */
static void
expect_whole(struct rig *r, const struct gso *g)
{
	struct wire_net_header h;

	assert_int_equal(collect(r, &h), g->len);
	assert_memory_equal(got, g->b, g->len);
	assert_int_equal(h.flags, NEEDS_CSUM);
	assert_int_equal(h.gso_type, type_of(g));
	assert_int_equal(h.gso_size, g->seg);
	assert_int_equal(h.hdr_len, g->l2 + g->l3 + g->l4);
	assert_int_equal(h.csum_start, g->l2 + g->l3);
	assert_int_equal(h.csum_offset, g->proto == 6 ? 16 : 6);
	assert_int_equal(h.num_buffers, 0);
}

/* A device's part of a checksum. */
static void
fill(const struct wire_net_header *h, uint32_t len)
{
	const uint32_t sum = ~plain_sum(0, got + h->csum_start, len - h->csum_start) & 0xffff;

	if (h->flags & NEEDS_CSUM)
		put16(got + h->csum_start + h->csum_offset, sum ? sum : 0xffff);
}

static void
expect_segments(struct rig *r, const struct gso *g)
{
	struct wire_net_header h;
	uint32_t len;

	for (uint32_t k = 0; (len = gso_segment(g, k, want)); k++) {
		assert_int_equal(collect(r, &h), len);
		assert_int_equal(h.gso_type, 0);
		fill(&h, len);
		assert_memory_equal(got, want, len);
	}
}

static void
send_one(struct rig *r, const struct gso *g, uint32_t part, bool device)
{
	static struct baton_token t[TOKENS];
	const unsigned n = tokens_of(r, g, part, t);

	assert_int_equal(baton_tx_burst(r->tx, t, n), n);
	assert_int_equal(baton_free(r->worker, t, 1), -EPERM); /* it is not the caller's */
	r->violations = 0;
	if (device)
		expect_whole(r, g);
	else
		expect_segments(r, g);
	assert_true(baton_tx_clean(r->tx, 1000) >= 0);
}

/* ---- TX ---- */

static void
by_the_device(void **state)
{
	static struct gso g;
	unsigned whole_ones = 0;
	struct rig r;

	rig_up(&r, &whole);
	assert_int_equal(fakedev_features(r.fakedev) & FAKEDEV_F_SEGMENTS, FAKEDEV_F_SEGMENTS);
	for (unsigned i = 0; i < 600; i++) {
		uint32_t part = i % 3 ? 2048 : 200 + rnd(1848);
		bool device;

		gso_make(&g, i % 2 ? 65000 : 4000, 1460, true);
		g.seg = g.seg < 100 ? 100 : g.seg;
		g.seg = g.seg < g.len ? g.seg : g.len;
		/* One segment is no work, and many tokens are more than a device takes. */
		device = g.len - g.l2 - g.l3 - g.l4 > g.seg &&
			 (g.len + part - 1) / part <= GSO_TOKENS;
		whole_ones += device;
		send_one(&r, &g, part, device);
	}
	assert_in_range(whole_ones, 200, 590);
	assert_int_equal(rig_stats(&r).tx_errors, 0);
	rig_roundtrip_tx(&r, 64, 1);
	rig_down(&r);
}

/* What the device does not cut, the library does. */
static void
of_some_kinds(void **state)
{
	static const struct {
		uint64_t without;
		uint8_t types; /* 1: TCP4, 2: TCP6, 4: UDP */
	} cases[] = {
		{ 0, 7 },
		{ FAKEDEV_F_HOST_USO, 3 },
		{ FAKEDEV_F_HOST_TSO4, 6 },
		{ FAKEDEV_F_HOST_TSO6, 5 },
		{ FAKEDEV_F_HOST_TSO4 | FAKEDEV_F_HOST_TSO6, 4 },
		{ FAKEDEV_F_CSUM, 0 },
	};
	static struct gso g;

	for (unsigned k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
		struct rig_config c = whole;
		struct baton_port_info info;
		struct rig r;

		c.fakedev.features &= ~cases[k].without;
		rig_up(&r, &c);
		baton_port_info(r.port, &info);
		assert_int_equal(!!(info.offloads & BATON_OFFLOAD_TX_TSO), !!(cases[k].types & 3));
		assert_int_equal(!!(info.offloads & BATON_OFFLOAD_TX_USO), !!(cases[k].types & 4));
		assert_int_equal((info.offloads | info.soft_offloads) & TX, TX);
		for (unsigned i = 0; i < 60; i++) {
			do
				gso_make(&g, 9000, 1400, false);
			while (g.seg < 300 || g.len < g.seg + 100);
			send_one(&r, &g, 2048,
				 cases[k].types >> (g.proto == 17 ? 2
						    : g.ip == 4   ? 0
								  : 1) &
					 1);
		}
		rig_down(&r);
	}
}

/* No header fits in front of the packet, a tag is to be inserted, or the packet is refused. */
static void
not_by_the_device(void **state)
{
	static struct gso g;
	static struct baton_token t[TOKENS];
	struct rig_config c = whole;
	struct rig r;
	unsigned n;

	c.offloads |= BATON_OFFLOAD_TX_VLAN;
	rig_up(&r, &c);
	do
		gso_make(&g, 5000, 1400, false);
	while (g.proto != 6 || g.seg < 1000 || g.len < 3000);
	n = tokens_of(&r, &g, 1500, t);
	memmove((uint8_t *)baton_data(r.worker, t[0]) - t[0].off + 3, baton_data(r.worker, t[0]),
		t[0].len);
	t[0].off = 3;
	assert_int_equal(baton_tx_burst(r.tx, t, n), n);
	expect_segments(&r, &g);
	n = tokens_of(&r, &g, 1500, t);
	baton_side(r.worker, t[0])->valid |= BATON_SIDE_VLAN;
	baton_side(r.worker, t[0])->vlan_tci = 5;
	assert_int_equal(baton_tx_burst(r.tx, t, n), n);
	for (uint32_t k = 0, len; (len = gso_segment(&g, k, want)); k++) {
		struct wire_net_header h;

		assert_int_equal(collect(&r, &h), len + 4);
		assert_int_equal(h.gso_type, 0);
		assert_int_equal(got[12] << 8 | got[13], 0x8100);
	}
	for (unsigned i = 0; i < 4; i++) { /* the application's still */
		struct baton_token second;

		n = tokens_of(&r, &g, 1500, t);
		baton_side(r.worker, t[0])->seg_size = (uint16_t)(i == 0 ? 0 : g.len + 1);
		if (i == 2)
			baton_side(r.worker, t[0])->l4_len = 19;
		second = t[1];
		if (i == 3)
			t[1] = t[0];
		if (i > 1)
			baton_side(r.worker, t[0])->seg_size = 1000;
		assert_int_equal(baton_tx_burst(r.tx, t, n), i == 3 ? -EPERM : -EINVAL);
		t[1] = second;
		r.violations = 0;
		assert_int_equal(baton_free(r.worker, t, n), 0);
	}
	assert_int_equal(rig_stats(&r).tx_errors, 4);
	rig_down(&r);
}

/* Tokens of a byte or two each, 64 of them at most: headers lie across them, too. */
static void
of_tiny_tokens(void **state)
{
	static struct baton_token t[TOKENS];
	static struct gso g;
	struct rig r;
	unsigned n;

	rig_up(&r, &whole);
	for (unsigned i = 0; i < 40; i++) {
		const uint32_t part = 1 + i % 2;

		do
			gso_make(&g, 200, 100, false);
		while (g.ip != 4);
		g.len = part == 1 ? 64 : 2 * GSO_TOKENS;
		g.seg = 3;
		gso_finish(&g);
		send_one(&r, &g, part, part == 2);
		/* As one packet it has too many. */
		n = tokens_of(&r, &g, part, t);
		baton_side(r.worker, t[0])->valid = 0;
		if (part == 1) {
			assert_int_equal(baton_tx_burst(r.tx, t, n), -EMSGSIZE);
			assert_non_null(strstr(baton_last_error(), "64 buffers"));
		}
		assert_int_equal(baton_free(r.worker, t, n), 0);
	}
	rig_down(&r);
}

/* More than the ring has room for: what was taken is sent, in order, and nothing is lost. */
static void
through_a_full_ring(void **state)
{
	enum { MOST = 64 };
	static struct gso g[MOST];
	static struct baton_token t[TOKENS];
	struct rig_config c = whole;
	unsigned n = 0, segs = 0;
	int ret = 1;
	struct rig r;

	c.descs = 128;
	rig_up(&r, &c);
	for (; ret && n<MOST; n += ret> 0) {
		do
			gso_make(&g[n], 60000, 1400, false);
		while (g[n].len < 20000 || g[n].seg < 700);
		segs = tokens_of(&r, &g[n], 2048, t);
		ret = baton_tx_burst(r.tx, t, segs);
		assert_true(!ret || ret == (int)segs);
	}
	if (!rig_bounced(&r))
		assert_int_equal(ret, 0);
	if (!ret)
		assert_int_equal(baton_free(r.worker, t, segs), 0);
	for (unsigned i = 0; i < n; i++)
		expect_whole(&r, &g[i]);
	assert_true(baton_tx_clean(r.tx, 1000) >= 0);
	assert_int_equal(baton_txq_in_flight(r.tx), 0);
	rig_down(&r);
}

/* ---- RX ---- */

static struct wire_net_header
header_of(const struct gso *g)
{
	return (struct wire_net_header){ .flags = NEEDS_CSUM,
					 .gso_type = type_of(g),
					 .hdr_len = (uint16_t)rnd(65536), /* a hint only */
					 .gso_size = (uint16_t)g->seg,
					 .csum_start = (uint16_t)(g->l2 + g->l3),
					 .csum_offset = g->proto == 6 ? 16 : 6 };
}

static void
make_long(struct gso *g, uint32_t most)
{
	do
		gso_make(g, most, 1460, true);
	while (g->seg < 100 || g->len < g->l2 + g->l3 + g->l4 + g->seg + 1);
}

/* Received in several buffers, and sent on as it is. */
static void
goes_there_and_back(const struct rig_config *config)
{
	static struct baton_token t[128];
	static struct gso g;
	struct baton_port_info info;
	struct rig r;

	rig_up(&r, config);
	baton_port_info(r.port, &info);
	assert_int_equal(info.max_lro_len, 65557);
	assert_in_range(info.rx_max_segs, 32, 64);
	for (unsigned i = 0; i < 400; i++) {
		const struct baton_side *side;
		struct wire_net_header h;
		int n;

		make_long(&g, i % 2 ? 65000 : 9000);
		h = header_of(&g);
		assert_true(fakedev_rx_inject_as(r.fakedev, FAKEDEV_RX, &h, g.b, g.len) > 0);
		n = baton_rx_burst(r.rx, t, 128);
		assert_true(n > 0);
		assert_int_equal(bytes_of(&r, t, (unsigned)n), g.len);
		assert_memory_equal(got, g.b, g.len);
		assert_int_equal(t[0].flags >> BATON_TOKEN_L4_SHIFT & 3, BATON_CSUM_PARTIAL);
		assert_true(t[0].flags & BATON_TOKEN_SIDE);
		side = baton_side(r.worker, t[0]);
		assert_int_equal(side->valid, BATON_SIDE_CSUM | BATON_SIDE_SEGMENT);
		assert_int_equal(side->l2_len, g.l2);
		assert_int_equal(side->l3_len, g.l3);
		assert_int_equal(side->l4_len, g.l4);
		assert_int_equal(side->seg_size, g.seg);
		assert_int_equal(side->csum_offset, g.proto == 6 ? 16 : 6);
		assert_int_equal(baton_tx_burst(r.tx, t, (unsigned)n), n);
		expect_whole(&r, &g);
		assert_true(baton_tx_clean(r.tx, 1000) >= 0);
	}
	assert_int_equal(rig_stats(&r).rx_errors, 0);
	assert_int_equal(rig_stats(&r).violations, 0);
	rig_roundtrip_rx(&r, 1500, 1);
	rig_down(&r);
}

static void
there_and_back(void **state)
{
	struct rig_config c = whole;

	goes_there_and_back(&c);
	/* With a longer header; the checksums are not asked for by themselves. */
	c.offloads |= BATON_OFFLOAD_RX_HASH;
	c.fakedev.features |= FAKEDEV_F_CTRL | FAKEDEV_F_HASH;
	c.fakedev.protocol = FAKEDEV_PROTOCOL | FAKEDEV_P_CONFIG;
	c.fakedev.mtu = 1500;
	c.fakedev.mac[0] = 2;
	c.fakedev.rss = (struct fakedev_rss){ 40, 128, 0x3f };
	goes_there_and_back(&c);
}

/* Received whole, and cut by the library for a port without: the segments are the right ones. */
static void
received_and_cut(void **state)
{
	static struct baton_token t[128];
	static struct gso g;
	struct rig_config c = whole;
	struct rig r;

	c.fakedev.features &= ~(FAKEDEV_F_HOST_TSO4 | FAKEDEV_F_HOST_TSO6 | FAKEDEV_F_HOST_USO);
	rig_up(&r, &c);
	for (unsigned i = 0; i < 50; i++) {
		struct wire_net_header h;
		int n;

		make_long(&g, 30000);
		h = header_of(&g);
		assert_true(fakedev_rx_inject_as(r.fakedev, FAKEDEV_RX, &h, g.b, g.len) > 0);
		n = baton_rx_burst(r.rx, t, 128);
		assert_true(n > 0);
		assert_int_equal(baton_tx_burst(r.tx, t, (unsigned)n), n);
		expect_segments(&r, &g);
		assert_true(baton_tx_clean(r.tx, 1000) >= 0);
	}
	rig_down(&r);
}

/* A tag that software removes is not counted any more. */
static void
without_its_tag(void **state)
{
	static struct baton_token t[128];
	static struct gso g;
	struct rig_config c = whole;
	const struct baton_side *side;
	struct wire_net_header h;
	struct rig r;
	int n;

	c.offloads |= BATON_OFFLOAD_RX_VLAN;
	rig_up(&r, &c);
	do
		make_long(&g, 9000);
	while (g.l2 != 18);
	h = header_of(&g);
	assert_true(fakedev_rx_inject_as(r.fakedev, FAKEDEV_RX, &h, g.b, g.len) > 0);
	n = baton_rx_burst(r.rx, t, 128);
	assert_true(n > 0);
	side = baton_side(r.worker, t[0]);
	assert_int_equal(side->valid, BATON_SIDE_CSUM | BATON_SIDE_SEGMENT | BATON_SIDE_VLAN);
	assert_int_equal(side->l2_len, 14);
	assert_int_equal(side->l3_len, g.l3);
	memmove(g.b + 12, g.b + 16, g.len - 16);
	g.l2 = 14;
	g.len -= 4;
	assert_int_equal(bytes_of(&r, t, (unsigned)n), g.len);
	assert_memory_equal(got, g.b, g.len);
	assert_int_equal(baton_tx_burst(r.tx, t, (unsigned)n), n);
	expect_whole(&r, &g);
	rig_down(&r);
}

/* ---- devices that lie ---- */

enum { DROPPED, PLAIN, WHOLE };

static int
verdict(struct rig *r, const struct wire_net_header *h, const uint8_t *frame, uint32_t len)
{
	static struct baton_token t[128];
	const uint64_t errors = rig_stats(r).rx_errors;
	uint8_t peeked[16];
	struct baton_peek p = { .data = peeked, .room = sizeof(peeked) };
	int seen, n, kind;

	assert_true(fakedev_rx_inject_as(r->fakedev, FAKEDEV_RX, h, frame, len) > 0);
	seen = baton_rx_peek(r->rx, &p, 1);
	n = baton_rx_burst(r->rx, t, 128);
	assert_int_equal(n > 0, seen == 1); /* what a look shows is what comes */
	assert_int_equal(rig_stats(r).rx_errors - errors, n == 0);
	if (n <= 0)
		return DROPPED;
	assert_int_equal(bytes_of(r, t, (unsigned)n), len);
	assert_memory_equal(got, frame, len);
	kind = (t[0].flags & BATON_TOKEN_SIDE) &&
			       (baton_side(r->worker, t[0])->valid & BATON_SIDE_SEGMENT)
		       ? WHOLE
		       : PLAIN;
	assert_int_equal(baton_free(r->worker, t, (unsigned)n), 0);
	return kind;
}

static void
lies(void **state)
{
	static struct gso g;
	struct wire_net_header h;
	struct rig_config c = whole;
	struct rig r;

	rig_up(&r, &c);
	for (unsigned i = 0; i < 40; i++) {
		const uint8_t types[] = { TCP4, TCP6, UDP };

		do
			make_long(&g, 12000);
		while (g.l3 > 100 || g.len < 9100);
#define SAYS(change, verdict_)                                                                     \
	do {                                                                                       \
		h = header_of(&g);                                                                 \
		change;                                                                            \
		assert_int_equal(verdict(&r, &h, g.b, g.len), verdict_);                           \
	} while (0)
		SAYS((void)0, WHOLE);
		SAYS(h.flags |= DATA_VALID, WHOLE);
		SAYS(h.gso_size = 1, WHOLE);
		SAYS(h.gso_size = 0, DROPPED);
		SAYS(h.gso_size = 65535, DROPPED); /* one segment, and longer than any MTU */
		SAYS(h.gso_type = 0, DROPPED);     /* the same without segments */
		SAYS((h.gso_type = 0, h.flags = 0), DROPPED);
		SAYS(h.gso_type |= ECN, DROPPED); /* nobody negotiated that */
		SAYS(h.gso_type = 3, DROPPED);    /* UFO */
		SAYS(h.gso_type = 8 + rnd(248), DROPPED);
		SAYS(h.flags = 0, DROPPED);
		SAYS(h.flags = DATA_VALID, DROPPED);
		SAYS(h.flags |= RSC_INFO, DROPPED);
		SAYS(h.csum_start++, DROPPED);
		SAYS(h.csum_start = 14, DROPPED);
		SAYS(h.csum_start = 65535, DROPPED);
		SAYS(h.csum_offset += 2, DROPPED);
		SAYS(h.csum_offset = 65535, DROPPED);
		for (unsigned k = 0; k < 3; k++)
			if (types[k] != type_of(&g))
				SAYS(h.gso_type = types[k], DROPPED);
		/* The packet's own headers lie. */
		g.b[g.l2] ^= 0x20;
		SAYS((void)0, DROPPED);
		g.b[g.l2] ^= 0x20;
		put16(g.b + g.l2 + (g.ip == 4 ? 2 : 4), 65000);
		SAYS((void)0, DROPPED);
		gso_finish(&g);
		if (g.ip == 4) {
			g.b[g.l2 + 6] |= 0x20; /* a fragment */
			SAYS((void)0, DROPPED);
		}
	}
	assert_int_equal(rig_stats(&r).violations, 0);
	/* Cut headers, of every length. */
	for (uint32_t len = 14; len < 100; len++) {
		make_long(&g, 9000);
		h = header_of(&g);
		if (len < (uint32_t)g.l2 + g.l3 + g.l4 + g.seg)
			assert_int_equal(verdict(&r, &h, g.b, len), DROPPED);
	}
	rig_down(&r);
}

/* More buffers than the longest packet takes. */
static void
too_long(void **state)
{
	static uint8_t frame[70000];
	static struct gso g;
	struct wire_net_header h;
	struct rig r;

	rig_up(&r, &whole);
	do
		make_long(&g, 65000);
	while (g.proto != 6 || g.ip != 4);
	h = header_of(&g);
	memcpy(frame, g.b, g.len);
	assert_int_equal(verdict(&r, &h, frame, 65557), WHOLE);
	assert_int_equal(verdict(&r, &h, frame, 65558), DROPPED);
	rig_discard(&r);
}

/* Nobody asked: what is offered is not taken, and nothing costs more. */
static void
not_asked(void **state)
{
	struct rig_config c = { .fakedev.features = FEATURES, .pool_count = 2048 };
	struct baton_port_info info;
	static struct gso g;
	struct wire_net_header h;
	struct baton_token t[64];
	struct rig r;

	rig_up(&r, &c);
	assert_int_equal(fakedev_features(r.fakedev) & FAKEDEV_F_SEGMENTS, 0);
	baton_port_info(r.port, &info);
	assert_in_range(info.rx_max_segs, 1, 8);
	assert_int_equal(info.offloads & BATON_OFFLOAD_RX_LRO, BATON_OFFLOAD_RX_LRO);
	do
		make_long(&g, 60000);
	while (g.len < 20000);
	h = header_of(&g);
	assert_true(fakedev_rx_inject_as(r.fakedev, FAKEDEV_RX, &h, g.b, g.len) > 0);
	assert_int_equal(baton_rx_burst(r.rx, t, 64), -EIO);
	assert_non_null(strstr(baton_last_error(), "num_buffers"));
	rig_discard(&r);
	/* Checksums are no segments. */
	c.offloads = BATON_OFFLOAD_RX_CSUM;
	rig_up(&r, &c);
	do
		make_long(&g, 4000);
	while (g.len > 2000);
	h = header_of(&g);
	assert_int_equal(verdict(&r, &h, g.b, g.len), DROPPED);
	rig_down(&r);
}

/* A device that has it, and what stands in the way. */
static void
refused(void **state)
{
	static const uint64_t needs[] = { FAKEDEV_F_GUEST_CSUM, FAKEDEV_F_MRG_RXBUF,
					  FAKEDEV_F_GUEST_TSO4 | FAKEDEV_F_GUEST_TSO6 };
	struct rig_config c = whole;
	struct baton_port_info info;
	struct rig r;

	for (unsigned i = 0; i < 3; i++) {
		c.fakedev.features = FEATURES & ~needs[i];
		rig_prepare(&r, &c);
		assert_int_equal(rig_open(&r), 0);
		baton_port_info(r.port, &info);
		assert_int_equal(info.offloads & BATON_OFFLOAD_RX_LRO, 0);
		assert_int_equal(info.max_lro_len, 0);
		assert_int_equal(rig_start(&r), -ENOTSUP);
		rig_discard(&r);
	}
	c = whole;
	c.data_len = 640;
	rig_prepare(&r, &c);
	assert_int_equal(rig_open(&r), 0);
	assert_int_equal(rig_start(&r), -EINVAL);
	assert_non_null(strstr(baton_last_error(), "65557 bytes takes"));
	assert_non_null(strstr(baton_last_error(), "leave BATON_OFFLOAD_RX_LRO out"));
	rig_discard(&r);
	c = whole;
	c.descs = 16;
	rig_prepare(&r, &c);
	assert_int_equal(rig_open(&r), 0);
	assert_int_equal(rig_start(&r), -EINVAL);
	assert_non_null(strstr(baton_last_error(), "more descriptors"));
	rig_discard(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_the_device),
		cmocka_unit_test(of_some_kinds),
		cmocka_unit_test(not_by_the_device),
		cmocka_unit_test(through_a_full_ring),
		cmocka_unit_test(of_tiny_tokens),
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(received_and_cut),
		cmocka_unit_test(without_its_tag),
		cmocka_unit_test(lies),
		cmocka_unit_test(too_long),
		cmocka_unit_test(not_asked),
		cmocka_unit_test(refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
