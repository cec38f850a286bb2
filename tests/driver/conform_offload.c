/* SPDX-License-Identifier: BSD-3-Clause */
/* Offloads, all at once: as the device does them, or the library. */
#include "bench.h"

#include "../unit/segment_made.h"

#define TAG  4u
#define VLAN 0x6123

/* What nobody does is refused, by its name. */
static void
ask_for_too_much(struct bench *b, const struct baton_port_info *info)
{
	const struct {
		uint32_t bit;
		const char *name;
	} offloads[] = { { BATON_OFFLOAD_RX_MARK, "RX_MARK" }, { 1u << 30, "bit 30" } };

	for (size_t i = 0; i < sizeof(offloads) / sizeof(offloads[0]); i++) {
		if ((info->offloads | info->soft_offloads) & offloads[i].bit)
			continue;
		b->offloads = offloads[i].bit;
		must(baton_port_stop(b->port));
		assert_int_equal(bench_configure(b), -ENOTSUP);
		assert_non_null(strstr(baton_last_error(), offloads[i].name));
		b->offloads = 0;
		must(bench_configure(b));
		must(baton_port_start(b->port));
	}
}

static uint32_t
start_with_all(struct bench *b)
{
	struct baton_port_info info;

	baton_port_info(b->port, &info);
	assert_int_equal(info.offloads & info.soft_offloads, 0);
	assert_true(info.max_gso_len >= 65535 + 14);
	ask_for_too_much(b, &info);
	b->offloads = info.offloads | info.soft_offloads;
	bench_restart(b);
	return info.offloads;
}

static enum baton_csum
bits(struct baton_token t, unsigned shift)
{
	return (enum baton_csum)(t.flags >> shift & 3);
}

/* A whole packet of @payload bytes, with its checksums. */
static struct gso
packet(uint8_t ip, uint8_t proto, uint32_t payload)
{
	static struct gso g, one;

	do
		gso_make(&g, 1400, 1400, false);
	while (g.ip != ip || g.proto != proto);
	g.len = g.l2 + g.l3 + g.l4 + payload;
	rnd_bytes(g.b + g.len - payload, payload);
	gso_finish(&g);
	one = g;
	one.seg = payload;
	gso_segment(&one, 0, g.b);
	return g;
}

/* ---- received ---- */

/* A packet from outside. Return: its first token. */
static struct baton_token
take_one(struct bench *b, const uint8_t *frame, uint32_t len, struct baton_side *side, uint8_t *got,
	 uint32_t *have)
{
	struct baton_token t[64];
	int n;

	assert_true(b->m->receive(b->dev, 0, frame, len));
	n = baton_rx_burst(b->rx, t, 64);
	must(n);
	assert_int_equal(gather(b, t, got, have), n);
	assert_true(t[0].flags & BATON_TOKEN_SIDE);
	*side = *baton_side(b->worker, t[0]);
	must(baton_free(b->worker, t, (unsigned)n));
	return t[0];
}

/* What the device knows of a checksum it need not say; what it does not, is computed. */
static void
expect_csum(struct baton_token t, unsigned shift, bool device, enum baton_csum want)
{
	if (!device || bits(t, shift) != BATON_CSUM_UNKNOWN)
		assert_int_equal(bits(t, shift), want);
}

/* The time of the packet, and by which clock: later than @last of the same one. */
static uint64_t
expect_time(const struct baton_side *side, bool device, uint64_t last)
{
	assert_true(side->valid & BATON_SIDE_TIME);
	assert_int_equal(!!(side->valid & BATON_SIDE_DEVICE_CLOCK), device);
	assert_true(side->timestamp >= last && side->timestamp);
	return side->timestamp;
}

/* Where the device has rules, every other packet has a mark. Return: it; 0: none. */
static uint32_t
choose_mark(const struct bench *b, uint32_t device)
{
	const uint32_t mark = rnd(2) ? 1 + rnd(UINT32_MAX - 1) : 0;

	assert_int_equal(!!(device & BATON_OFFLOAD_RX_MARK), b->m->mark != NULL);
	if (!b->m->mark)
		return 0;
	b->m->mark(b->dev, mark);
	return mark;
}

/* @device: what the device does. */
static void
receive_all(struct bench *b, uint32_t device)
{
	static uint8_t frame[2048], got[MODEL_FRAME_MAX];
	const bool l4 = device & BATON_OFFLOAD_RX_CSUM, l3 = device & BATON_OFFLOAD_RX_IPV4_CSUM;
	struct baton_token t;
	struct baton_side side;
	uint64_t time = 0;
	uint8_t flow[12];
	uint32_t have, mark;

	for (unsigned i = 0; i < 3 * DESCS; i++) {
		const bool tag = rnd(2), bad = rnd(2), v6 = rnd(2);
		const struct gso g = packet(v6 ? 6 : 4, 6, 10 + rnd(1000));

		memcpy(frame, g.b, 12);
		put16(frame + 12, 0x8100);
		put16(frame + 14, VLAN);
		memcpy(frame + 12 + (tag ? TAG : 0), g.b + 12, g.len - 12);
		if (bad)
			frame[g.len - 1 + (tag ? TAG : 0)] ^= 1;
		mark = choose_mark(b, device);
		t = take_one(b, frame, g.len + (tag ? TAG : 0), &side, got, &have);
		assert_int_equal(have, g.len);
		got[have - 1] ^= bad;
		assert_memory_equal(got, g.b, have);
		expect_csum(t, BATON_TOKEN_L4_SHIFT, l4, bad ? BATON_CSUM_BAD : BATON_CSUM_GOOD);
		expect_csum(t, BATON_TOKEN_L3_SHIFT, l3, v6 ? BATON_CSUM_UNKNOWN : BATON_CSUM_GOOD);
		assert_int_equal(side.valid & BATON_SIDE_VLAN, tag ? BATON_SIDE_VLAN : 0);
		if (tag)
			assert_int_equal(side.vlan_tci, VLAN);
		if (tag)
			assert_int_equal(side.vlan_type, 0x8100);
		assert_int_equal(side.valid & BATON_SIDE_MARK, mark ? BATON_SIDE_MARK : 0);
		if (mark)
			assert_int_equal(side.mark, mark);
		time = expect_time(&side, device & BATON_OFFLOAD_RX_TIME, time);
		assert_true(side.valid & BATON_SIDE_PTYPE);
		assert_int_equal(side.ptype,
				 (tag ? BATON_PTYPE_L2_VLAN : BATON_PTYPE_L2_ETHER) |
					 (v6 ? BATON_PTYPE_L3_IPV6 : BATON_PTYPE_L3_IPV4) |
					 BATON_PTYPE_L4_TCP);
		assert_true(t.flags & BATON_TOKEN_HASH);
		if (v6)
			continue;
		memcpy(flow, g.b + 14 + 12, sizeof(flow));
		assert_int_equal(t.hash, baton_toeplitz(baton_rss_key(), BATON_RSS_KEY_LEN, flow,
							sizeof(flow)));
	}
}

static void
received(struct bench *b)
{
	receive_all(b, start_with_all(b));
}

/* The device does what only it can, and removes tags; all else is done for the queue. */
static void
received_by_queue(struct bench *b)
{
	const uint32_t all = start_with_all(b) & BATON_OFFLOAD_RX_ALL;

	b->offloads = all & (BATON_OFFLOAD_RX_MARK | BATON_OFFLOAD_RX_VLAN);
	b->rxq_offloads = BATON_OFFLOAD_RX_CSUM | BATON_OFFLOAD_RX_IPV4_CSUM |
			  BATON_OFFLOAD_RX_VLAN | BATON_OFFLOAD_RX_HASH | BATON_OFFLOAD_RX_PTYPE |
			  BATON_OFFLOAD_RX_TIME;
	bench_restart(b);
	receive_all(b, b->offloads);
}

/* ---- sent ---- */

/* A packet to be cut, with a tag, that asks for its time. Return: its tokens. */
static unsigned
to_cut(struct bench *b, const struct gso *g, uint64_t cookie, struct baton_token *t)
{
	unsigned n = 0;

	for (uint32_t at = 0; at < g->len; n++) {
		const uint32_t part = g->len - at < 900 ? g->len - at : 900;

		must(baton_alloc(b->worker, b->pool, &t[n], 1));
		memcpy(baton_data(b->worker, t[n]), g->b + at, part);
		t[n].len = (uint16_t)part;
		at += part;
		t[n].flags = at < g->len ? BATON_TOKEN_CONT : 0;
	}
	t[0].flags |= BATON_TOKEN_SIDE;
	*baton_side(b->worker, t[0]) =
		(struct baton_side){ .valid = BATON_SIDE_SEGMENT | BATON_SIDE_VLAN |
					      BATON_SIDE_TX_TIME,
				     .cookie = cookie,
				     .vlan_tci = VLAN,
				     .l2_len = (uint16_t)g->l2,
				     .l3_len = (uint16_t)g->l3,
				     .l4_len = (uint16_t)g->l4,
				     .seg_size = (uint16_t)g->seg };
	return n;
}

/* The next segments of packet @g come out of the device, each with a tag if @tagged. */
static void
expect_segments(struct bench *b, const struct gso *g, bool tagged)
{
	static uint8_t got[MODEL_FRAME_MAX], want[FRAME_MAX];
	const uint32_t tag = tagged ? TAG : 0;
	uint32_t len;

	for (uint32_t k = 0; (len = gso_segment(g, k, want)); k++) {
		int n = b->m->send(b->dev, 0, got);

		for (unsigned again = 0; !n && again < 1000; again++) {
			must(baton_tx_clean(b->tx, 1000));
			n = b->m->send(b->dev, 0, got);
		}
		assert_int_equal(n, len + tag);
		memmove(want + 12 + tag, want + 12, len - 12);
		if (tagged) {
			put16(want + 12, 0x8100);
			put16(want + 14, VLAN);
		}
		assert_memory_equal(got, want, len + tag);
	}
}

/* The times that are there: of each packet one, in order. Return: the next cookie. */
static uint64_t
read_times(struct bench *b, uint64_t next)
{
	struct baton_tx_time time[8];
	int n;

	do {
		n = baton_tx_times(b->tx, time, 8);
		must(n);
		for (int i = 0; i < n; i++) {
			assert_int_equal(time[i].cookie, next++);
			assert_true(time[i].timestamp);
		}
	} while (n);
	return next;
}

/* One by one, and more than the ring has room for: what was begun waits, and nothing is lost. */
static void
sent(struct bench *b)
{
	enum { MOST = 40 };
	static struct gso g[MOST];
	struct baton_token t[16];
	struct baton_stats st;
	unsigned n = 0, segs = 0;
	uint64_t times = 0;
	int ret = 1;

	start_with_all(b);
	for (unsigned i = 0; i < 200; i++) {
		g[0] = packet(rnd(2) ? 4 : 6, rnd(2) ? 6 : 17, 1 + rnd(5000));
		g[0].seg = 300 + rnd(1000);
		g[0].seg = g[0].seg < g[0].len ? g[0].seg : g[0].len;
		segs = to_cut(b, &g[0], i, t);
		assert_int_equal(baton_tx_burst(b->tx, t, segs), segs);
		assert_int_equal(baton_free(b->worker, t, 1), -EPERM);
		b->violations = 0;
		if (has(b, F_TX_OUTSIDE))
			expect_segments(b, &g[0], true);
		times = read_times(b, times);
	}
	for (; ret && n<MOST; n += ret> 0) {
		g[n] = packet(4, 6, 4000);
		g[n].seg = 500;
		segs = to_cut(b, &g[n], 200 + n, t);
		ret = baton_tx_burst(b->tx, t, segs);
		must(ret);
		assert_true(!ret || ret == (int)segs);
	}
	if (!ret)
		must(baton_free(b->worker, t, segs));
	assert_int_equal(!ret, has_tx_ring(b));
	assert_true(n > 1);
	for (unsigned i = 0; has(b, F_TX_OUTSIDE) && i < n; i++)
		expect_segments(b, &g[i], true);
	must(baton_tx_clean(b->tx, 1000));
	assert_int_equal(baton_txq_in_flight(b->tx), 0);
	assert_int_equal(read_times(b, times), 200 + n);
	baton_txq_stats(b->tx, &st);
	assert_int_equal(st.tx_errors, 0);
}

/* Send until some segments wait for room. */
static void
leave_some(struct bench *b)
{
	struct gso g = packet(4, 6, 4000);
	struct baton_token t[16];
	int ret = 1;

	g.seg = 500;
	for (unsigned i = 0; ret && i < 40; i++) {
		const unsigned segs = to_cut(b, &g, i, t);

		ret = baton_tx_burst(b->tx, t, segs);
		must(ret);
		if (!ret)
			must(baton_free(b->worker, t, segs));
	}
	assert_int_equal(ret, 0);
}

static bool
is_back(struct bench *b)
{
	return b->lost && b->back;
}

/* What waits is free again when the port or the queue stops, or the device goes away. */
static void
left_waiting(struct bench *b)
{
	struct baton_stats st;

	start_with_all(b);
	leave_some(b);
	must(baton_port_stop(b->port));
	assert_int_equal(bench_out(b), 0);
	baton_txq_stats(b->tx, &st);
	assert_true(st.tx_discarded > 1);
	must(baton_port_start(b->port));
	if (has(b, F_TX_STOP)) {
		leave_some(b);
		must(baton_txq_stop(b->tx));
		must(baton_txq_start(b->tx));
	}
	if (has(b, F_LOST) && b->m->lose) {
		leave_some(b);
		b->m->lose(b->dev);
		serve(b, is_back);
	}
	assert_int_equal(baton_txq_in_flight(b->tx), 0);
	one_each_way(b, 500, 1);
}

/* A packet that cannot be cut as it asks for is refused, and is the application's still. */
static void
refused(struct bench *b)
{
	struct gso g = packet(4, 17, 2000);
	struct baton_token t[16];
	unsigned segs;

	start_with_all(b);
	for (unsigned i = 0; i < 3; i++) {
		g.seg = i == 0 ? 0 : i == 1 ? g.len + 1 : 100;
		g.b[14 + 9] = i == 2 ? 1 : 17;
		segs = to_cut(b, &g, i, t);
		assert_int_equal(baton_tx_burst(b->tx, t, segs), -EINVAL);
		assert_true(strlen(baton_last_error()) > 40);
		must(baton_free(b->worker, t, segs));
	}
	one_each_way(b, 500, 1);
}

/* ---- what the device does of it ---- */

/* Start the port with the offload. Return: whether the device does it. */
static bool
start_with(struct bench *b, enum feature f, uint32_t offload)
{
	struct baton_port_info info;

	baton_port_info(b->port, &info);
	assert_int_equal(!!(info.offloads & offload), has(b, f));
	b->offloads = offload;
	if (has(b, f) || (info.soft_offloads & offload))
		bench_restart(b);
	return has(b, f);
}

void
check_tx_segments(struct bench *b)
{
	const bool device = start_with(b, F_TX_SEGMENTS, BATON_OFFLOAD_TX_TSO);
	struct gso g = packet(4, 6, 9000);
	struct baton_token t[64];
	unsigned n, before = b->m->cuts ? b->m->cuts(b->dev) : 0;

	g.seg = 1000;
	g.b[g.l2 + g.l3 + 13] &= (uint8_t)~b->m->forgets;
	n = to_cut(b, &g, 0, t);
	baton_side(b->worker, t[0])->valid = BATON_SIDE_SEGMENT;
	assert_int_equal(baton_tx_burst(b->tx, t, n), n);
	if (has(b, F_TX_OUTSIDE))
		expect_segments(b, &g, false);
	assert_int_equal((b->m->cuts ? b->m->cuts(b->dev) : 0) - before, device);
}

/* A packet of 64 KiB, or what is left of it. */
void
check_rx_segments(struct bench *b)
{
	struct baton_port_info info;
	static uint8_t got[FRAME_MAX];
	static struct gso g;
	struct baton_token t[128];
	const struct baton_side *side;
	uint32_t have;
	int n;

	baton_port_info(b->port, &info);
	assert_int_equal(info.max_lro_len, has(b, F_RX_SEGMENTS) ? 65557 : 0);
	assert_int_equal(info.soft_offloads & BATON_OFFLOAD_RX_LRO, 0);
	if (!start_with(b, F_RX_SEGMENTS, BATON_OFFLOAD_RX_LRO))
		return;
	for (unsigned i = 0; i < 200; i++) {
		do
			gso_make(&g, i % 2 ? 65000 : 9000, 1400, false);
		while (g.seg < 200 || g.len < g.seg + 100);
		assert_true(b->m->receive_whole(b->dev, 0, &g));
		n = baton_rx_burst(b->rx, t, 128);
		must(n);
		assert_int_equal(gather(b, t, got, &have), n);
		assert_int_equal(have, g.len);
		assert_memory_equal(got, g.b, have);
		side = baton_side(b->worker, t[0]);
		assert_true(t[0].flags & BATON_TOKEN_SIDE);
		assert_int_equal(bits(t[0], BATON_TOKEN_L4_SHIFT), BATON_CSUM_PARTIAL);
		assert_int_equal(side->valid, BATON_SIDE_CSUM | BATON_SIDE_SEGMENT);
		assert_int_equal(side->seg_size, g.seg);
		assert_int_equal(side->l2_len, g.l2);
		assert_int_equal(side->l3_len, g.l3);
		assert_int_equal(side->l4_len, g.l4);
		must(baton_free(b->worker, t, (unsigned)n));
	}
	one_each_way(b, 500, 1);
}

void
check_rx_hash(struct bench *b)
{
	const bool device = start_with(b, F_RX_HASH, BATON_OFFLOAD_RX_HASH);
	struct baton_port_info info;
	struct baton_rss_config rss;
	struct baton_token t[64];
	unsigned before = b->m->hashes ? b->m->hashes(b->dev) : 0;
	const struct gso g = packet(4, 6, 100);
	uint8_t flow[12];
	int n;

	baton_port_info(b->port, &info);
	assert_int_equal(!!info.rss_types, device);
	assert_int_equal(!!info.soft_rss_types, !device);
	if (!has(b, F_RX_OUTSIDE))
		return;
	assert_true(b->m->receive(b->dev, 0, g.b, g.len));
	n = baton_rx_burst(b->rx, t, 64);
	must(n);
	baton_port_rss(b->port, &rss);
	memcpy(flow, g.b + 14 + 12, sizeof(flow));
	assert_true(t[0].flags & BATON_TOKEN_HASH);
	assert_int_equal(t[0].hash, baton_toeplitz(rss.key, rss.key_len, flow, sizeof(flow)));
	if (b->m->hashes)
		assert_int_equal(b->m->hashes(b->dev) - before, device);
	must(baton_free(b->worker, t, (unsigned)n));
}

void
check_ptypes(struct bench *b)
{
	static uint8_t got[MODEL_FRAME_MAX];
	const struct gso g = packet(6, 6, 100);
	struct baton_side side;
	uint32_t have;

	(void)start_with(b, F_PTYPES, BATON_OFFLOAD_RX_PTYPE);
	if (!has(b, F_RX_OUTSIDE))
		return;
	(void)take_one(b, g.b, g.len, &side, got, &have);
	assert_int_equal(side.valid, BATON_SIDE_PTYPE);
	assert_int_equal(side.ptype & (BATON_PTYPE_L3_MASK | BATON_PTYPE_L4_MASK),
			 BATON_PTYPE_L3_IPV6 | BATON_PTYPE_L4_TCP);
}

const struct scenario offload_scenarios[] = {
	{ "offloads, received", received, F_BIT(F_RX_OUTSIDE) },
	{ "offloads, received, by queue", received_by_queue, F_BIT(F_RX_OUTSIDE) },
	{ "offloads, sent", sent, 0 },
	{ "offloads, left waiting", left_waiting, F_BIT(F_DMA) },
	{ "offloads, refused", refused, 0 },
	{ 0 },
};
