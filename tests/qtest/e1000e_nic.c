/* SPDX-License-Identifier: BSD-3-Clause */
/* QEMU's 82574L in the rig. */
#include "e1000e_rig.h"

#define TX_DEXT (1u << 29) /* of a descriptor's third word */
#define TX_TSE  (1u << 26)
#define TX_IXSM (1u << 8) /* of its fourth */
#define TX_TXSM (1u << 9)

const char rig_name[] = "82574L of QEMU", rig_list[] = "drivers/e1000e/features.txt";
const uint32_t rig_error = 1u << 24; /* CE */

/* 10.2.5.1 */
static uint32_t
buffer_bytes(const struct e1000e_rig *r, unsigned queue)
{
	const uint32_t shift = r->rctl >> 16 & 3;

	return r->rctl & 1u << 25 ? 32768u >> shift : 2048u >> shift;
}

static uint32_t
mask(const struct e1000e_rig *r)
{
	return e1000e_rig_get(r, RIG_IMS);
}

/* A cause that was raised is masked: EIAC. */
static bool
raised(const struct e1000e_rig *r, uint32_t before)
{
	return mask(r) != before;
}

/*
 * 7.3.6 and 7.2.10.2, which QEMU does not need: what a packet to be cut has in its headers, IP's
 * length and checksum 0, TCP's the sum of the addresses and the protocol; and where the context has
 * them.
 */
static void
check_cut(const struct e1000e_rig *r, const uint32_t context[4], const uint32_t data[4])
{
	const uint32_t l3 = context[0] & 0xff, l4 = context[1] & 0xff,
		       heads = context[3] >> 8 & 0xff;
	const bool v4 = context[2] >> 25 & 1;
	uint8_t p[256];
	const uint8_t *ip = p + l3;

	rig_read_head(r, data, p, heads);
	assert_true((context[2] >> 24 & 0x27) == (v4 ? 0x27 : 0x25)); /* DEXT, TSE, IP, TCP */
	assert_int_equal(heads, l4 + (p[l4 + 12] >> 4) * 4u);
	assert_int_equal(context[0] >> 8 & 0xff, l3 + 10);
	assert_int_equal(context[0] >> 16, l4 - 1);
	assert_int_equal(context[1], l4 | (l4 + 16) << 8);
	assert_int_equal(ip[0] >> 4, v4 ? 4 : 6);
	assert_int_equal(rig_add_words(0, ip + (v4 ? 2 : 4), 2), 0);
	assert_int_equal(rig_add_words(6, v4 ? ip + 12 : ip + 8, v4 ? 8 : 32),
			 rig_add_words(0, p + l4 + 16, 2));
	if (v4)
		assert_int_equal(rig_add_words(0, ip + 10, 2), 0);
}

/* The same of a packet with checksums to fill in, of TCP or UDP over IPv4 without options. */
static void
check_sums(const struct e1000e_rig *r, const uint32_t context[4], const uint32_t data[4])
{
	uint8_t p[54];

	rig_read_head(r, data, p, sizeof(p));
	assert_int_equal(context[2] >> 20 & 0x2ef, 0x200); /* DEXT, and no data, TSE or RS */
	if (p[12] != 8 || p[13] != 0 || p[14] != 0x45)
		return;
	if (data[3] & TX_TXSM) {
		assert_int_equal(context[1], 34 | (p[23] == 6 ? 50 : 40) << 8);
		assert_int_equal(context[2] >> 24 & 1, p[23] == 6);
	}
	if (!(data[3] & TX_IXSM))
		return;
	assert_int_equal(context[0], 14 | 24 << 8 | 33 << 16);
	assert_int_equal(rig_add_words(0, p + 24, 2), 0);
}

static void
check(const struct e1000e_rig *r, const uint32_t context[4], const uint32_t data[4], uint32_t bytes)
{
	if (data[2] & TX_TSE)
		check_cut(r, context, data);
	else if (data[3] & (TX_IXSM | TX_TXSM))
		check_sums(r, context, data);
}

/* One of each kind, for all queues: 7.2.6. */
static unsigned
context_place(const uint32_t d[4])
{
	return !!(d[2] & TX_TSE);
}

/* QEMU's link would be down for half a second. */
static bool
on_access(struct e1000e_rig *r, uint32_t off, bool write, uint32_t *v)
{
	if (!write || off != RIG_MDIC || *v >> 26 != 1 || (*v >> 16 & 31) || !(*v & 1u << 9))
		return false;
	e1000e_rig_put(r, RIG_MDIC, *v & ~(1u << 9));
	return true;
}

const struct rig_nic rig_nic = {
	.device = "e1000e",
	.addresses = 15,
	.longest = 16380,
	.rx = 0x2800,
	.tx = 0x3800,
	.queue_bytes = 0x100,
	.tse = TX_TSE,
	.shared = true,
	.context = context_place,
	.table_step = 0x80808080u,
	.on_access = on_access,
	.buffer_bytes = buffer_bytes,
	.mask = mask,
	.raised = raised,
	.check = check,
};
