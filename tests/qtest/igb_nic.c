/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * QEMU's 82576 in the rig. The numbers are of the Intel 82576 Gigabit Ethernet Controller
 * Datasheet, and not the driver's.
 */
#include "e1000e_rig.h"

#include <string.h>

#define RX     0xc000u
#define TX     0xe000u
#define BYTES  0x40u
#define SRRCTL 0x0cu
#define DCTL   0x28u
#define EIMS   0x1524u
#define ENABLE (1u << 25)

#define TX_DEXT  (1u << 29) /* of a descriptor's third word */
#define TX_TSE   (1u << 31)
#define TX_VLE   (1u << 30)
#define CONTEXT  (TX_DEXT | 2u << 20)
#define IS_IPV4  (1u << 10)
#define IS_TCP   (1u << 11)
#define TX_IXSM  (1u << 8) /* of its fourth */
#define TX_TXSM  (1u << 9)
#define MII_AN   0x1140u /* 1000 Mbit/s, full duplex, autonegotiation */
#define MII_SET  (1u << 26 | 1u << 21)
#define MII_FULL 0x0140u

const char rig_name[] = "82576 of QEMU", rig_list[] = "drivers/igb/features.txt";
const uint32_t rig_error = 1u << 31; /* RXE */

/* ---- registers ---- */

/* QEMU takes half a second for autonegotiation, and none for a link without it. */
static void
set_link(struct e1000e_rig *r, bool up)
{
	e1000e_rig_put(r, RIG_MDIC, MII_SET | MII_FULL);
	rig_set_link(r, up);
	e1000e_rig_put(r, RIG_MDIC, MII_SET | MII_AN);
}

/* The register of a queue's block, of either direction, or -1. */
static int
queue_register(uint32_t off, uint32_t base)
{
	return off >= base && off < base + BYTES * RIG_QUEUES ? (int)((off - base) % BYTES) : -1;
}

/* A ring that is disabled begins anew, and its tail, which the rig holds back otherwise. */
static void
disable_tx(struct e1000e_rig *r, uint32_t off, uint32_t v)
{
	const unsigned queue = (off - TX) / BYTES;

	e1000e_rig_put(r, off, v);
	e1000e_rig_put(r, TX + BYTES * queue + RIG_TAIL, 0);
	memset(r->context[queue], 0, sizeof(r->context[queue]));
	__atomic_store_n(&r->tail[queue], 0, __ATOMIC_RELEASE);
}

static bool
on_access(struct e1000e_rig *r, uint32_t off, bool write, uint32_t *v)
{
	const bool tx = queue_register(off, TX) == (int)DCTL,
		   rx = queue_register(off, RX) == (int)DCTL;

	if (write && off == RIG_MDIC && (*v >> 26 & 3) == 1 && !(*v >> 16 & 31) && (*v & 1u << 9)) {
		e1000e_rig_put(r, RIG_MDIC, *v & ~(1u << 9));
		if (!r->down)
			set_link(r, true);
		return true;
	}
	if (write && tx && !(*v & ENABLE)) {
		disable_tx(r, off, *v);
		return true;
	}
	if (write || !(tx || rx) || !r->keeps)
		return false;
	*v = e1000e_rig_get(r, off) | ENABLE;
	return true;
}

/* 8.10.2 */
static uint32_t
buffer_bytes(const struct e1000e_rig *r, unsigned queue)
{
	const uint32_t at = RX + BYTES * queue;

	return e1000e_rig_get(r, at + DCTL) & ENABLE
		       ? (e1000e_rig_get(r, at + SRRCTL) & 0x7f) * 1024
		       : 0;
}

/* Vectors of queues stay unmasked. */
static uint32_t
mask(const struct e1000e_rig *r)
{
	return e1000e_rig_get(r, EIMS) & ~1u;
}

static bool
raised(const struct e1000e_rig *r, uint32_t before)
{
	return before;
}

/* ---- descriptors: 7.2.2, 7.2.4 ---- */

/* As rig_nic.check of the 82574L; the context has lengths of headers in place of offsets. */
static void
check_cut(const struct e1000e_rig *r, const uint32_t context[4], const uint32_t data[4])
{
	const uint32_t l2 = context[0] >> 9 & 0x7f, l3 = context[0] & 0x1ff,
		       l4 = context[3] >> 8 & 0xff;
	const bool v4 = context[2] & IS_IPV4;
	uint8_t p[256];
	const uint8_t *ip = p + l2;

	rig_read_head(r, data, p, l2 + l3 + l4);
	assert_true(context[2] & IS_TCP);
	assert_int_equal(l3, v4 ? (ip[0] & 15) * 4u : 40);
	assert_int_equal(l4, (ip[l3 + 12] >> 4) * 4u);
	assert_int_equal(ip[0] >> 4, v4 ? 4 : 6);
	assert_int_equal(rig_add_words(0, ip + (v4 ? 2 : 4), 2), 0);
	assert_int_equal(rig_add_words(6, v4 ? ip + 12 : ip + 8, v4 ? 8 : 32),
			 rig_add_words(0, ip + l3 + 16, 2));
	assert_true(data[3] & TX_TXSM);
	assert_int_equal(!!(data[3] & TX_IXSM), v4);
	if (v4)
		assert_int_equal(rig_add_words(0, ip + 10, 2), 0);
}

/* Of TCP or UDP over IPv4 without options. */
static void
check_sums(const struct e1000e_rig *r, const uint32_t context[4], const uint32_t data[4])
{
	uint8_t p[54];

	rig_read_head(r, data, p, sizeof(p));
	if (p[12] != 8 || p[13] != 0 || p[14] != 0x45)
		return;
	assert_int_equal(context[0] & 0xffff, 20 | 14 << 9);
	if (data[3] & TX_TXSM)
		assert_int_equal(!!(context[2] & IS_TCP), p[23] == 6);
	if (!(data[3] & TX_IXSM))
		return;
	assert_true(context[2] & IS_IPV4);
	assert_int_equal(rig_add_words(0, p + 24, 2), 0);
}

static void
check(const struct e1000e_rig *r, const uint32_t context[4], const uint32_t data[4], uint32_t bytes)
{
	const uint32_t cut = data[2] & TX_TSE ? (context[0] >> 9 & 0x7f) + (context[0] & 0x1ff) +
							(context[3] >> 8 & 0xff)
					      : 0;

	assert_int_equal(data[3] >> 14, bytes - cut); /* PAYLEN */
	assert_int_equal(data[2] >> 20 & 3, 3);
	if ((data[2] & (TX_TSE | TX_VLE)) || (data[3] & (TX_IXSM | TX_TXSM))) {
		assert_int_equal(context[2] & (TX_DEXT | 3u << 20), CONTEXT);
		assert_true((context[0] >> 9 & 0x7f) >= 14);
	}
	if (data[2] & TX_TSE)
		check_cut(r, context, data);
	else if (data[3] & (TX_IXSM | TX_TXSM))
		check_sums(r, context, data);
}

static unsigned
context_place(const uint32_t d[4])
{
	return d[3] >> 4 & 1; /* IDX */
}

const struct rig_nic rig_nic = {
	.device = "igb",
	.addresses = 23,
	.longest = 9724,
	.rx = RX,
	.tx = TX,
	.queue_bytes = BYTES,
	.tse = TX_TSE,
	.context = context_place,
	.table_step = 0x01010101u,
	.on_access = on_access,
	.buffer_bytes = buffer_bytes,
	.mask = mask,
	.raised = raised,
	.link = set_link,
	.check = check,
};
