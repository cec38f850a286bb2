/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Speed and flow control of net_e1000e and net_igb, by the registers of QEMU's models and of their
 * PHY (IEEE 802.3, clauses 22, 28 and 40, annexes 28B and 31B). The other end is the test's, and so
 * are pause frames, which QEMU's models neither send nor heed: they are made here of what the
 * registers say, as the datasheets have it.
 */
#include "e1000e_bench.h"

#define LU     2u /* STATUS */
#define FD     1u
#define READ   2u /* MDIC */
#define WRITE  1u
#define READY  (1u << 28)
#define WRITES 16

/* The other end's register 5, the link, and what was written to the PHY's register 0. */
struct partner {
	uint16_t theirs;
	bool half;
	uint32_t op;
	unsigned n;
	uint16_t control[WRITES];
};

static bool
on_access(struct e1000e_rig *r, uint32_t off, bool write, uint32_t *v)
{
	struct partner *p = r->arg;
	const uint32_t op = (write ? *v : p->op) >> 26 & 3, reg = (write ? *v : p->op) >> 16 & 31;

	if (off == RIG_STATUS && !write) {
		*v = (e1000e_rig_get(r, off) & ~FD) | LU | (p->half ? 0 : FD);
		return true;
	}
	if (off != RIG_MDIC)
		return false;
	if (write) {
		p->op = *v;
		if (op != WRITE || reg != 0)
			return false;
		assert_true(p->n < WRITES);
		p->control[p->n++] = (uint16_t)*v;
		e1000e_rig_put(r, off, *v & ~(1u << 9)); /* QEMU's link stays as it is */
		return true;
	}
	*v = e1000e_rig_get(r, off) | READY;
	if (op == READ && reg == 5)
		*v = (*v & ~0xffffu) | p->theirs;
	return true;
}

static void
up(struct bench *b, struct partner *p)
{
	*p = (struct partner){ .theirs = 0x1e0 };
	begin(b);
	b->rig->arg = p;
	b->rig->on_access = on_access;
	start(b);
}

static unsigned
enabled(const struct bench *b)
{
	return e1000e_rig_get(b->rig, RIG_CTRL) >> 27 & 3; /* RFCE, TFCE */
}

static struct baton_flow_control
now(const struct bench *b)
{
	struct baton_flow_control c;

	must(baton_port_flow_control(b->port, &c));
	return c;
}

/* Table 28B-3; and what is forced is so, but for half duplex. */
static void
negotiated(void **state)
{
	static const struct {
		uint8_t mode, autoneg;
		uint16_t theirs, mine; /* bits 10 and 11 */
		unsigned bits;
	} cases[] = {
		{ BATON_PAUSE_FULL, 1, 0, 3, 0 }, { BATON_PAUSE_FULL, 1, 1, 3, 3 },
		{ BATON_PAUSE_FULL, 1, 2, 3, 1 }, { BATON_PAUSE_FULL, 1, 3, 3, 3 },
		{ BATON_PAUSE_TX, 1, 1, 2, 0 },   { BATON_PAUSE_TX, 1, 3, 2, 2 },
		{ BATON_PAUSE_TX, 1, 2, 2, 0 },   { BATON_PAUSE_RX, 1, 1, 3, 1 },
		{ BATON_PAUSE_RX, 1, 3, 3, 1 },   { BATON_PAUSE_RX, 1, 0, 3, 0 },
		{ BATON_PAUSE_NONE, 1, 3, 0, 0 }, { BATON_PAUSE_FULL, 0, 0, 3, 3 },
		{ BATON_PAUSE_TX, 0, 0, 2, 2 },   { BATON_PAUSE_RX, 0, 0, 3, 1 },
		{ BATON_PAUSE_NONE, 0, 3, 0, 0 },
	};
	struct baton_flow_control c;
	struct partner p;
	struct bench b;

	up(&b, &p);
	for (unsigned i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		const unsigned k = i / 2;
		const unsigned bits = i % 2 ? 0 : cases[k].bits;

		p.theirs = (uint16_t)(0x1e0 | cases[k].theirs << 10);
		p.half = i % 2;
		p.n = 0;
		c = now(&b);
		c.mode = cases[k].mode;
		c.autoneg = cases[k].autoneg;
		must(baton_port_set_flow_control(b.port, &c));
		if (enabled(&b) != bits || now(&b).active != bits)
			fail_msg("case %u: CTRL has %u, active is %u", i, enabled(&b),
				 now(&b).active);
		assert_int_equal(e1000e_rig_phy(b.rig, 4) >> 10 & 3, cases[k].mine);
		if (p.n) /* the other end hears of it */
			assert_int_equal(p.control[p.n - 1] & 0x1200, 0x1200);
	}
	end(&b);
}

static void
speeds(void **state)
{
	static const struct {
		uint32_t speed;
		uint16_t control;
	} fixed[] = {
		{ BATON_SPEED_10_HALF, 0 },
		{ BATON_SPEED_10_FULL, 0x0100 },
		{ BATON_SPEED_100_HALF, 0x2000 },
		{ BATON_SPEED_100_FULL, 0x2100 },
	};
	struct partner p;
	struct bench b;

	up(&b, &p);
	for (unsigned i = 0; i < 4; i++) {
		p.n = 0;
		must(baton_port_set_speeds(b.port, fixed[i].speed, 0));
		/* Off, then on: 22.2.4.1.5. */
		assert_int_equal(p.n, 2);
		assert_int_equal(p.control[0] & 0x3940, fixed[i].control | 0x0800);
		assert_int_equal(p.control[1] & 0x3940, fixed[i].control);
		p.n = 0;
		must(baton_port_set_speeds(b.port, fixed[i].speed, 0));
		assert_int_equal(p.n, 0); /* a link that is so stays up */
	}
	p.n = 0;
	must(baton_port_set_speeds(b.port, BATON_SPEED_1000_FULL, 1));
	assert_int_equal(p.n, 1);
	assert_int_equal(p.control[0] & 0x1a00, 0x1200);
	assert_int_equal(e1000e_rig_phy(b.rig, 4) & 0x1e0, 0);
	assert_int_equal(e1000e_rig_phy(b.rig, 9) & 0x300, 0x200);
	must(baton_port_set_speeds(b.port, BATON_SPEED_100_FULL | BATON_SPEED_10_HALF, 1));
	assert_int_equal(e1000e_rig_phy(b.rig, 4) & 0x1e0, 0x120);
	assert_int_equal(e1000e_rig_phy(b.rig, 9) & 0x300, 0);
	assert_int_equal(baton_port_set_speeds(b.port, BATON_SPEED_1000_FULL, 0), -EINVAL);
	assert_non_null(strstr(baton_last_error(), "1000 full without autonegotiation"));
	assert_int_equal(baton_port_set_speeds(b.port, 3, 0), -EINVAL);
	assert_int_equal(baton_port_set_speeds(b.port, 32, 1), -EINVAL);
	assert_non_null(strstr(baton_last_error(), "10 half, 10 full, 100 half, 100 full, 1000"));
	end(&b);
}

/* QEMU's PHY is reset with the device: all of it is asked for again. */
static void
kept(void **state)
{
	struct baton_flow_control c;
	struct partner p;
	struct bench b;

	up(&b, &p);
	c = now(&b);
	c.pause_time = 0x99;
	c.send_xon = 0;
	c.forward_mac = 1;
	c.high_water = 9013; /* rounded down */
	c.low_water = 5000;
	must(baton_port_set_flow_control(b.port, &c));
	must(baton_port_stop(b.port));
	c.low_water = 4000;
	must(baton_port_set_flow_control(b.port, &c));
	must(baton_port_set_speeds(b.port, BATON_SPEED_100_FULL, 1));
	for (unsigned i = 0; i < 2; i++) {
		must(baton_port_start(b.port));
		assert_int_equal(e1000e_rig_get(b.rig, RIG_FCTTV), 0x99);
		assert_int_equal(e1000e_rig_get(b.rig, RIG_FCRTH), 9008);
		assert_int_equal(e1000e_rig_get(b.rig, RIG_FCRTL), 4000);
		assert_int_equal(b.rig->rctl >> 23 & 1, 1); /* PMCF */
		assert_int_equal(e1000e_rig_phy(b.rig, 4) & 0x1e0, 0x100);
		must(baton_port_reset(b.port));
	}
	must(baton_port_set_flow_control(b.port, NULL));
	must(baton_port_start(b.port));
	assert_int_equal(e1000e_rig_get(b.rig, RIG_FCRTL) >> 31, 1);
	assert_int_equal(b.rig->rctl >> 23 & 1, 0);
	end(&b);
}

/* ---- pause frames, of a model of ours ---- */

struct pausing {
	bool asked; /* the other end to wait */
};

static void
make_pause(const struct bench *b, uint16_t time, uint8_t f[60])
{
	const uint32_t regs[] = { 0x28, 0x2c, RIG_RAL, RIG_RAL + 4 }; /* FCAL, FCAH, RAL, RAH */
	const uint32_t type = e1000e_rig_get(b->rig, 0x30);           /* FCT */

	memset(f, 0, 60);
	for (unsigned i = 0; i < 12; i++)
		f[i] = (uint8_t)(e1000e_rig_get(b->rig, regs[i / 6 * 2 + i % 6 / 4]) >>
				 8 * (i % 6 % 4));
	f[12] = (uint8_t)(type >> 8);
	f[13] = (uint8_t)type;
	f[15] = 1;
	f[16] = (uint8_t)(time >> 8);
	f[17] = (uint8_t)time;
}

/* The packet buffer has @bytes now. Return: whether a frame leaves for that. */
static bool
filled(const struct bench *b, struct pausing *m, uint32_t bytes, uint8_t f[60])
{
	const uint32_t low = e1000e_rig_get(b->rig, RIG_FCRTL);

	if (!(enabled(b) & 2))
		return false;
	if (!m->asked && bytes >= (e1000e_rig_get(b->rig, RIG_FCRTH) & 0xfff0)) {
		m->asked = true;
		make_pause(b, (uint16_t)e1000e_rig_get(b->rig, RIG_FCTTV), f);
		return true;
	}
	if (!m->asked || bytes >= (low & 0xfff0))
		return false;
	m->asked = false;
	make_pause(b, 0, f);
	return low >> 31;
}

/* 31B.3: to the group of bridges, with the opcode and the time; a time of 0 ends it. */
static void
frames(void **state)
{
	uint8_t want[60] = {
		0x01, 0x80, 0xc2, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0x88, 8, 0, 1, 0x12, 0x34
	};
	struct baton_flow_control c;
	struct pausing m = { 0 };
	struct partner p;
	struct bench b;
	uint8_t f[60];

	up(&b, &p);
	memcpy(want + 6, own, 6);
	c = now(&b);
	c.mode = BATON_PAUSE_TX;
	c.autoneg = 0;
	c.pause_time = 0x1234;
	must(baton_port_set_flow_control(b.port, &c));
	assert_false(filled(&b, &m, c.high_water - 1, f));
	assert_true(filled(&b, &m, c.high_water, f));
	assert_memory_equal(f, want, 60);
	assert_false(filled(&b, &m, c.low_water, f));
	assert_true(filled(&b, &m, c.low_water - 1, f));
	want[16] = want[17] = 0;
	assert_memory_equal(f, want, 60);
	c.send_xon = 0;
	must(baton_port_set_flow_control(b.port, &c));
	assert_true(filled(&b, &m, c.high_water, f));
	assert_false(filled(&b, &m, 0, f));
	c.mode = BATON_PAUSE_RX;
	must(baton_port_set_flow_control(b.port, &c));
	assert_false(filled(&b, &m, c.high_water, f));
	end(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(negotiated),
		cmocka_unit_test(speeds),
		cmocka_unit_test(kept),
		cmocka_unit_test(frames),
	};

	return bench_run(tests);
}
