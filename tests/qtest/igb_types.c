/* SPDX-License-Identifier: BSD-3-Clause */
/* Types of packets, as the 82576 says them: Intel 82576 Gigabit Ethernet Controller
 * Datasheet, 7.1.5.2. */
#include "e1000e_bench.h"

#define L2(name) BATON_PTYPE_L2_##name
#define L3(name) BATON_PTYPE_L3_##name
#define L4(name) BATON_PTYPE_L4_##name

/* The type of the packet that is there. */
static uint32_t
type_of(struct bench *b)
{
	struct baton_side side = { 0 };

	assert_int_equal(got(b, 0, NULL, NULL, &side), 1);
	assert_true(side.valid & BATON_SIDE_PTYPE);
	return side.ptype;
}

static uint32_t
type_from_outside(struct bench *b, const struct frame *f)
{
	outside(b, f);
	return type_of(b);
}

/* QEMU's, and with what it has not, options and tunnels, in its place. */
static void
types(void **state)
{
	static const struct {
		uint32_t bits, type; /* 7.1.5.2 */
	} cases[] = {
		{ 0, 0 },
		{ 0x1, L2(ETHER) | L3(IPV4) },
		{ 0x3, L2(ETHER) | L3(IPV4X) },
		{ 0x13, L2(ETHER) | L3(IPV4X) | L4(TCP) },
		{ 0x41, L2(ETHER) | L3(IPV4) | L4(SCTP) },
		{ 0x2c, L2(ETHER) | L3(IPV6X) | L4(UDP) },
		{ 0x15, L2(ETHER) | L3(IPV4) | L4(OTHER) },
		{ 0x802, L2(ETHER) },
		{ 0x801, L2(ARP) },
	};
	struct frame f = frame_tcp(100), tagged = frame_tagged(&f, 0x8100, 5), udp = frame_udp(90),
		     v6 = frame_tcp6(120), none = frame_other(100), arp = none;
	struct bench b;

	begin(&b);
	b.offloads = BATON_OFFLOAD_RX_PTYPE | BATON_OFFLOAD_RX_VLAN;
	start(&b);
	frame_put16(arp.b + 12, 0x0806);
	assert_int_equal(type_from_outside(&b, &f), L2(ETHER) | L3(IPV4) | L4(TCP));
	assert_int_equal(type_from_outside(&b, &tagged), L2(VLAN) | L3(IPV4) | L4(TCP));
	assert_int_equal(type_from_outside(&b, &udp), L2(ETHER) | L3(IPV4) | L4(UDP));
	assert_int_equal(type_from_outside(&b, &v6), L2(ETHER) | L3(IPV6) | L4(TCP));
	assert_int_equal(type_from_outside(&b, &arp), L2(ARP));
	assert_int_equal(type_from_outside(&b, &none), 0);
	f.b[20] |= 0x20; /* a fragment */
	assert_int_equal(type_from_outside(&b, &f), L2(ETHER) | L3(IPV4));
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		b.rig->type = cases[i].bits << 4;
		assert_true(e1000e_rig_write(b.rig, RIG_DD | RIG_EOP, NULL, 60, 60));
		assert_int_equal(type_of(&b), cases[i].type);
	}
	/* The device says nothing of tags unless it removes them: software finds the types then. */
	must(baton_port_stop(b.port));
	b.offloads = BATON_OFFLOAD_RX_PTYPE;
	start(&b);
	assert_int_equal(type_from_outside(&b, &udp), L2(ETHER) | L3(IPV4) | L4(UDP));
	assert_int_equal(type_from_outside(&b, &tagged), L2(VLAN) | L3(IPV4) | L4(TCP));
	end(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(types) };

	return bench_run(tests);
}
