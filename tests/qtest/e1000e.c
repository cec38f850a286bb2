/* SPDX-License-Identifier: BSD-3-Clause */
/* net_e1000e or net_igb on QEMU's model: packets, seen from the outside. */
#include "e1000e_bench.h"

/* ---- filters ---- */

static void
modes(void **state)
{
	struct bench b;

	begin(&b);
	start(&b);
	assert_true(passes(&b, own));
	assert_false(passes(&b, other) || passes(&b, group));
	end(&b);
}

static void
allmulti(void **state)
{
	struct bench b;

	begin(&b);
	start(&b);
	must(baton_port_set_allmulti(b.port, 1));
	assert_true(passes(&b, group));
	assert_false(passes(&b, other));
	must(baton_port_set_allmulti(b.port, 0));
	assert_false(passes(&b, group));
	end(&b);
}

static void
promisc(void **state)
{
	struct bench b;

	begin(&b);
	start(&b);
	must(baton_port_set_promisc(b.port, 1));
	assert_true(passes(&b, other) && passes(&b, group));
	must(baton_port_set_promisc(b.port, 0));
	assert_false(passes(&b, other) || passes(&b, group));
	end(&b);
}

static void
mac(void **state)
{
	struct bench b;

	begin(&b);
	start(&b);
	must(baton_port_set_mac(b.port, other));
	assert_true(passes(&b, other));
	assert_false(passes(&b, own));
	end(&b);
}

static void
group_address(void **state)
{
	uint8_t macs[1][6];
	struct bench b;

	begin(&b);
	start(&b);
	memcpy(macs[0], group, 6);
	must(baton_port_set_macs(b.port, (const uint8_t(*)[6])macs, 1));
	assert_true(passes(&b, group) && passes(&b, own));
	must(baton_port_set_macs(b.port, NULL, 0));
	assert_false(passes(&b, group));
	end(&b);
}

static void
addresses(void **state)
{
	const unsigned room = rig_nic.addresses;
	uint8_t macs[32][6];
	char words[32];
	struct bench b;

	begin(&b);
	start(&b);
	for (unsigned i = 0; i < 32; i++)
		memcpy(macs[i], (uint8_t[6]){ 2, 0, 0, 0, 1, (uint8_t)i }, 6);
	must(baton_port_set_macs(b.port, (const uint8_t(*)[6])macs, room));
	for (unsigned i = 0; i < room; i++)
		assert_true(passes(&b, macs[i]));
	assert_false(passes(&b, macs[room]));
	assert_int_equal(baton_port_set_macs(b.port, (const uint8_t(*)[6])macs, room + 1), -ENOSPC);
	snprintf(words, sizeof(words), "%u unicast addresses", room + 1);
	assert_non_null(strstr(baton_last_error(), words));
	assert_true(passes(&b, macs[room - 1])); /* as they were */
	end(&b);
}

static void
vlan_filter(void **state)
{
	struct frame plain = frame_tcp(100), tagged = frame_tagged(&plain, 0x8100, 100),
		     strange = frame_tagged(&plain, 0x8100, 101);
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
	end(&b);
}

/* With priority. */
static void
vlan_strip(void **state)
{
	struct frame plain = frame_tcp(100), tagged = frame_tagged(&plain, 0x8100, 0xe065), in;
	struct baton_token t = { .flags = 0 };
	struct baton_side side = { 0 };
	struct bench b;

	begin(&b);
	b.offloads = BATON_OFFLOAD_RX_VLAN;
	start(&b);
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

/* Those of IPv4 headers, or of TCP and UDP: each is right or wrong alone. */
static void
check_verdicts(uint32_t offload, unsigned shift)
{
	const bool l4 = shift == BATON_TOKEN_L4_SHIFT;
	struct frame f;
	struct bench b;

	begin(&b);
	b.offloads = offload;
	start(&b);
	for (unsigned udp = 0; udp < 2; udp++) {
		f = udp ? frame_udp(200) : frame_tcp(200);
		assert_int_equal(verdict(&b, &f, shift), BATON_CSUM_GOOD);
		f.b[150] ^= 1;
		assert_int_equal(verdict(&b, &f, shift), l4 ? BATON_CSUM_BAD : BATON_CSUM_GOOD);
		f.b[150] ^= 1;
		f.b[22] ^= 1; /* time to live */
		if (!l4)
			assert_int_equal(verdict(&b, &f, shift), BATON_CSUM_BAD);
	}
	f = frame_other(200);
	assert_int_equal(verdict(&b, &f, shift), BATON_CSUM_UNKNOWN);
	end(&b);
}

static void
verdicts(void **state)
{
	check_verdicts(BATON_OFFLOAD_RX_CSUM, BATON_TOKEN_L4_SHIFT);
}

static void
header_verdicts(void **state)
{
	check_verdicts(BATON_OFFLOAD_RX_IPV4_CSUM, BATON_TOKEN_L3_SHIFT);
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

static const struct baton_side side_of_all = { .vlan_tci = 0xe065,
					       .l2_len = 14,
					       .l3_len = 20,
					       .l4_len = 20,
					       .seg_size = 1000,
					       .csum_offset = 16 };

static void
tags(void **state)
{
	struct baton_side side = side_of_all;
	const struct frame whole = frame_tcp(500), tagged = frame_tagged(&whole, 0x8100, 0xe065),
			   service = frame_tagged(&whole, 0x88a8, 0xe065);
	struct bench b;

	begin(&b);
	b.offloads = BATON_OFFLOAD_TX_VLAN | BATON_OFFLOAD_RX_VLAN;
	start(&b);
	side.valid = BATON_SIDE_VLAN;
	leaves(&b, &whole, 0, side, &tagged);
	assert_int_equal(b.rig->tags, 1);
	side.vlan_type = 0x88a8; /* which the device has no word for */
	leaves(&b, &whole, 0, side, &service);
	assert_int_equal(b.rig->tags, 1);
	/* Received tags stay, and so the device inserts none. */
	side.vlan_type = 0x8100;
	must(baton_port_stop(b.port));
	b.offloads = BATON_OFFLOAD_TX_VLAN;
	start(&b);
	leaves(&b, &whole, 0, side, &tagged);
	assert_int_equal(b.rig->tags, 1);
	assert_true(arrives(&b, &tagged));
	end(&b);
}

/* The checksum of the IPv4 header, whatever is there; and of one that is not there. */
static void
header_sums(void **state)
{
	struct baton_side side = side_of_all;
	const struct frame whole = frame_tcp(500);
	struct frame f = whole;
	struct baton_token t;
	struct bench b;

	begin(&b);
	b.offloads = BATON_OFFLOAD_TX_IPV4_CSUM;
	start(&b);
	side.valid = BATON_SIDE_CSUM;
	f.b[24] = 0xab;
	leaves(&b, &f, L3_PARTIAL, side, &whole);
	assert_int_equal(b.rig->ip_sums, 1);
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
	end(&b);
}

/* Both sums and a tag of one packet; then segments, each with the tag. */
static void
all_at_once(void **state)
{
	struct baton_side side = side_of_all;
	const struct frame whole = frame_tcp(500), tagged = frame_tagged(&whole, 0x8100, 0xe065);
	struct frame f = frame_partial(&whole), big = frame_tcp(3000), out;
	struct bench b;

	begin(&b);
	b.offloads = BATON_OFFLOAD_TX_VLAN | BATON_OFFLOAD_RX_VLAN | BATON_OFFLOAD_TX_CSUM |
		     BATON_OFFLOAD_TX_IPV4_CSUM | BATON_OFFLOAD_TX_TSO;
	start(&b);
	f.b[25] = 0xcd;
	side.valid = BATON_SIDE_CSUM | BATON_SIDE_VLAN;
	leaves(&b, &f, L3_PARTIAL | L4_PARTIAL, side, &tagged);
	assert_int_equal(b.rig->ip_sums, 1);
	assert_int_equal(b.rig->csums, 1);
	assert_int_equal(b.rig->tags, 1);
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
	assert_int_equal(b.rig->tags, 2);
	must(baton_tx_clean(b.tx[0], 1000));
	assert_int_equal(baton_txq_in_flight(b.tx[0]), 0);
	end(&b);
}

/* ---- long and short frames ---- */

/* The longest that the device takes, in buffers of each size; what is longer ends there. */
static void
jumbo(void **state)
{
	static const uint32_t rooms[] = { 1024 + 128, 2048 + 128, 4096 + 128, 16384 + 128 };

	for (unsigned i = 0; i < 4; i++) {
		struct frame f = frame_other(9022), g = frame_other(rig_nic.longest), in;
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(modes),         cmocka_unit_test(allmulti),
		cmocka_unit_test(promisc),       cmocka_unit_test(mac),
		cmocka_unit_test(group_address), cmocka_unit_test(addresses),
		cmocka_unit_test(vlan_filter),   cmocka_unit_test(vlan_strip),
		cmocka_unit_test(verdicts),      cmocka_unit_test(header_verdicts),
		cmocka_unit_test(sums),          cmocka_unit_test(far_sum),
		cmocka_unit_test(segments),      cmocka_unit_test(tags),
		cmocka_unit_test(header_sums),   cmocka_unit_test(all_at_once),
		cmocka_unit_test(jumbo),         cmocka_unit_test(too_short),
	};

	return bench_run(tests);
}
