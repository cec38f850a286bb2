/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Contexts of packets that the device changes: written when the device has none that says the same,
 * and never relied on when it has lost them. The rig keeps what the device has, and holds each
 * packet against the one that it names.
 */
#include "e1000e_bench.h"

#define L3_PARTIAL (BATON_CSUM_PARTIAL << BATON_TOKEN_L3_SHIFT)
#define L4_PARTIAL (BATON_CSUM_PARTIAL << BATON_TOKEN_L4_SHIFT)

/* The 82576 has two for each queue, the 82574L one of checksums for all. */
static bool
has_two(void)
{
	return strstr(rig_name, "82576");
}

/* Send a packet by a queue, and see it leave as @want. Return: the contexts that the device got. */
static unsigned
send(struct bench *b, unsigned queue, const struct frame *f, struct baton_side side,
     const struct frame *want)
{
	static uint8_t out[4096];
	const unsigned before = b->rig->contexts;
	struct baton_token t;

	must(baton_alloc(b->worker, b->pool, &t, 1));
	memcpy(baton_data(b->worker, t), f->b, f->len);
	t.len = (uint16_t)f->len;
	t.flags = BATON_TOKEN_SIDE;
	if (side.valid & (BATON_SIDE_CSUM | BATON_SIDE_SEGMENT))
		t.flags |= L4_PARTIAL;
	*baton_side(b->worker, t) = side;
	assert_int_equal(baton_tx_burst(b->tx[queue], &t, 1), 1);
	assert_int_equal(e1000e_rig_send(b->rig, queue, out, sizeof(out)), want->len);
	assert_memory_equal(out, want->b, want->len);
	return b->rig->contexts - before;
}

/* A packet of TCP or UDP whose checksum the device fills in. */
static unsigned
sum(struct bench *b, unsigned queue, bool udp, uint32_t len)
{
	const struct frame f = udp ? frame_udp(len) : frame_tcp(len), partial = frame_partial(&f);
	const struct baton_side side = {
		.valid = BATON_SIDE_CSUM, .l2_len = 14, .l3_len = 20, .csum_offset = udp ? 6 : 16
	};

	return send(b, queue, &partial, side, &f);
}

static unsigned
tagged(struct bench *b, uint16_t tci)
{
	const struct frame f = frame_udp(200), want = frame_tagged(&f, 0x8100, tci);

	return send(b, 0, &f, (struct baton_side){ .valid = BATON_SIDE_VLAN, .vlan_tci = tci },
		    &want);
}

static void
begin_sums(struct bench *b, unsigned queues, uint32_t more)
{
	begin(b);
	b->queues = queues;
	b->offloads = BATON_OFFLOAD_TX_CSUM | more;
	start(b);
}

static void
same_again(void **state)
{
	struct bench b;

	begin_sums(&b, 1, 0);
	assert_int_equal(sum(&b, 0, false, 60), 1);
	for (uint32_t len = 61; len < 161; len++) /* more than the ring has places */
		assert_int_equal(sum(&b, 0, false, len), 0);
	assert_int_equal(sum(&b, 0, true, 100), 1);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(sum(&b, 0, i & 1, 100), has_two() ? 0 : 1);
	end(&b);
}

/* A packet that asks for nothing needs none, and disturbs none. */
static void
nothing_asked(void **state)
{
	const struct frame f = frame_tcp(100);
	struct bench b;

	begin_sums(&b, 1, BATON_OFFLOAD_TX_VLAN | BATON_OFFLOAD_RX_VLAN);
	assert_int_equal(send(&b, 0, &f, (struct baton_side){ 0 }, &f), 0);
	assert_int_equal(sum(&b, 0, false, 100), 1);
	assert_int_equal(send(&b, 0, &f, (struct baton_side){ 0 }, &f), 0);
	assert_int_equal(sum(&b, 0, false, 100), 0);
	end(&b);
}

/* The 82576 has the tag in the context: the older of two is replaced. */
static void
tags(void **state)
{
	struct bench b;

	begin_sums(&b, 1, BATON_OFFLOAD_TX_VLAN | BATON_OFFLOAD_RX_VLAN);
	assert_int_equal(tagged(&b, 1), has_two());
	assert_int_equal(tagged(&b, 2), has_two());
	assert_int_equal(tagged(&b, 1), 0);
	assert_int_equal(tagged(&b, 2), 0);
	assert_int_equal(tagged(&b, 3), has_two());
	assert_int_equal(tagged(&b, 2), 0);
	assert_int_equal(tagged(&b, 1), has_two());
	assert_int_equal(sum(&b, 0, false, 100), 1);
	assert_int_equal(sum(&b, 0, false, 100), 0);
	end(&b);
}

/* Queues of the 82574L share what it has: with two of them nothing is relied on. */
static void
two_queues(void **state)
{
	struct bench b;

	begin_sums(&b, 2, 0);
	assert_int_equal(sum(&b, 0, false, 100), 1);
	assert_int_equal(sum(&b, 1, true, 100), 1);
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(sum(&b, i & 1, i & 1, 100), has_two() ? 0 : 1);
	end(&b);
}

/* Neither what a start finds, nor what a reset leaves, is known. */
static void
forgotten(void **state)
{
	struct bench b;

	begin_sums(&b, 1, 0);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(sum(&b, 0, false, 100), 1);
		assert_int_equal(sum(&b, 0, false, 100), 0);
		must(baton_port_stop(b.port));
		if (i == 1)
			must(baton_port_reset(b.port));
		must(baton_port_start(b.port));
	}
	if (has_two()) { /* which has a bit for one queue */
		assert_int_equal(sum(&b, 0, false, 100), 1);
		must(baton_txq_stop(b.tx[0]));
		must(baton_txq_start(b.tx[0]));
		assert_int_equal(sum(&b, 0, false, 100), 1);
	}
	end(&b);
}

/* Packets that are cut: the 82574L's contexts have their length. */
static void
cut(void **state)
{
	const struct baton_side side = { .valid = BATON_SIDE_SEGMENT,
					 .l2_len = 14,
					 .l3_len = 20,
					 .l4_len = 20,
					 .seg_size = 800,
					 .csum_offset = 16 };
	struct frame f = frame_tcp(1654);
	uint8_t out[2048];
	struct baton_token t;
	unsigned before;
	struct bench b;

	begin_sums(&b, 1, BATON_OFFLOAD_TX_TSO);
	assert_int_equal(sum(&b, 0, false, 100), 1);
	for (unsigned i = 0; i < 3; i++) {
		before = b.rig->contexts;
		must(baton_alloc(b.worker, b.pool, &t, 1));
		memcpy(baton_data(b.worker, t), f.b, f.len);
		t.len = (uint16_t)f.len;
		t.flags = BATON_TOKEN_SIDE | L4_PARTIAL;
		*baton_side(b.worker, t) = side;
		assert_int_equal(baton_tx_burst(b.tx[0], &t, 1), 1);
		assert_int_equal(e1000e_rig_send(b.rig, 0, out, sizeof(out)), 854);
		assert_int_equal(e1000e_rig_send(b.rig, 0, out, sizeof(out)), 854);
		assert_int_equal(b.rig->contexts - before, has_two() ? !i : 1);
	}
	assert_int_equal(sum(&b, 0, false, 100), has_two() ? 0 : 1);
	end(&b);
}

/*
 * A bounced packet of two buffers, which need two slots, gets what it asks for as well: a tag, or
 * the checksum of its IPv4 header.
 */
static void
copied(void **state)
{
	const struct baton_side sides[] = {
		{ .valid = BATON_SIDE_VLAN, .vlan_tci = 5 },
		{ .valid = BATON_SIDE_CSUM, .l2_len = 14, .l3_len = 20 },
	};
	const unsigned part = 1500;
	struct frame f = frame_udp(2 * part), tagged_one = frame_tagged(&f, 0x8100, 5);
	const struct frame whole = f, *const wants[] = { &tagged_one, &whole };
	uint8_t out[4096];
	struct bench b;

	begin(&b);
	must(baton_port_open(b.ctx, QTEST_BDF ",bounce=always", &b.port));
	b.queues = 1;
	b.offloads = BATON_OFFLOAD_TX_IPV4_CSUM | BATON_OFFLOAD_TX_VLAN | BATON_OFFLOAD_RX_VLAN;
	start(&b);
	for (unsigned i = 0; i < 2; i++) {
		struct baton_token t[2];

		must(baton_alloc(b.worker, b.pool, t, 2));
		if (i)
			frame_put16(f.b + 24, 0);
		for (unsigned k = 0; k < 2; k++) {
			memcpy(baton_data(b.worker, t[k]), f.b + k * part, part);
			t[k].len = (uint16_t)part;
		}
		t[0].flags = (uint8_t)(BATON_TOKEN_CONT | BATON_TOKEN_SIDE | (i ? L3_PARTIAL : 0));
		*baton_side(b.worker, t[0]) = sides[i];
		assert_int_equal(baton_tx_burst(b.tx[0], t, 2), 2);
		assert_int_equal(e1000e_rig_send(b.rig, 0, out, sizeof(out)), wants[i]->len);
		assert_memory_equal(out, wants[i]->b, wants[i]->len);
	}
	end(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_again), cmocka_unit_test(nothing_asked),
		cmocka_unit_test(tags),       cmocka_unit_test(two_queues),
		cmocka_unit_test(forgotten),  cmocka_unit_test(cut),
		cmocka_unit_test(copied),
	};

	return bench_run(tests);
}
