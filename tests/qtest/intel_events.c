/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The times of event packets of IEEE 1588-2008, which QEMU's 82576 takes. Its 82574L takes none:
 * here is a model of that, by the datasheet, which completes the descriptors of messages itself.
 * QEMU's clock of the 82574L is faster than time.
 */
#include "e1000e_bench.h"

#define SYSTIML    0xb600u
#define TSYNCTXCTL 0xb614u
#define TSYNCRXCTL 0xb620u
#define RXSTMPL    0xb624u
#define TXSTMPL    0xb618u
#define RXMTRL     0xb634u
#define VALID      1u
#define ENABLE     0x10u
#define RX_STAMPED (1u << 8) /* RX status of the 82574L */
#define TX_STAMP   (1u << 4) /* of the fourth word of its TX descriptors */

#define EVENTS (BATON_OFFLOAD_RX_EVENT | BATON_OFFLOAD_TX_EVENT)

/* Types of messages: 13.3.2.3. */
enum { SYNC = 0, DELAY_REQ = 1, FOLLOW_UP = 8 };

/* A message to the port, with its number. */
static struct frame
message(unsigned type, unsigned number)
{
	struct frame f = frame_other(14 + 44);

	memset(f.b + 12, 0, f.len - 12);
	frame_put16(f.b + 12, 0x88f7);
	f.b[14] = (uint8_t)type;
	f.b[15] = 2; /* the version */
	frame_put16(f.b + 16, 44);
	frame_put16(f.b + 44, number);
	f.len = 64;
	return f;
}

/* ---- what an 82574L does ---- */

/* One direction: its control register, and the time that it keeps. */
struct keeper {
	uint32_t control;
	uint64_t kept;
	bool valid;
	unsigned fetched;
};

struct taker {
	struct keeper rx, tx;
	uint32_t types;
};

static bool
keeper_access(struct keeper *k, uint32_t off, uint32_t control, uint32_t low, bool write,
	      uint32_t *v)
{
	if (off != control && off != low && off != low + 4)
		return false;
	if (write && off == control)
		k->control = *v & ~VALID;
	if (write)
		return true;
	if (off == control)
		*v = k->control | (k->valid ? VALID : 0);
	else
		*v = (uint32_t)(off == low ? k->kept : k->kept >> 32);
	if (off == low + 4) {
		k->fetched += k->valid;
		k->valid = false; /* it is free for the next time */
	}
	return true;
}

static bool
taker_access(struct e1000e_rig *r, uint32_t off, bool write, uint32_t *v)
{
	struct taker *m = r->arg;

	if (off == RXMTRL && write)
		m->types = *v;
	return keeper_access(&m->rx, off, TSYNCRXCTL, RXSTMPL, write, v) ||
	       keeper_access(&m->tx, off, TSYNCTXCTL, TXSTMPL, write, v);
}

static uint64_t
device_clock(const struct e1000e_rig *r)
{
	const uint64_t low = e1000e_rig_get(r, SYSTIML);

	return low | (uint64_t)e1000e_rig_get(r, SYSTIML + 4) << 32;
}

/* Return: whether the time is taken. */
static bool
keep(struct keeper *k, const struct e1000e_rig *r)
{
	if (k->valid)
		return false;
	k->kept = device_clock(r);
	return k->valid = true;
}

static void
taker_sends(struct e1000e_rig *r, const uint32_t data[4])
{
	struct taker *m = r->arg;

	if ((data[3] & TX_STAMP) && m->tx.control == ENABLE)
		(void)keep(&m->tx, r);
}

/* All event messages of version 2, which type 5 of the control register means. */
static void
taker_receives(struct bench *b, const struct frame *f)
{
	struct taker *m = b->rig->arg;
	const bool event = f->b[12] == (m->types >> 8 & 255) && f->b[13] == (m->types & 255) &&
			   (f->b[15] & 15) == 2 && !(f->b[14] & 8);
	uint32_t status = RIG_DD | RIG_EOP;

	if (event && m->rx.control == (ENABLE | 5u << 1) && keep(&m->rx, b->rig))
		status |= RX_STAMPED;
	assert_true(e1000e_rig_write(b->rig, status, f->b, f->len, (uint16_t)f->len));
}

static bool
is_ours(void)
{
	return !strstr(rig_name, "82576");
}

/* A message arrives. Return: whether the device has taken its time. */
static bool
stamped(struct bench *b, unsigned type, unsigned number)
{
	const struct frame f = message(type, number);
	struct baton_side side = { 0 };
	struct frame in;

	if (is_ours())
		taker_receives(b, &f);
	else
		outside(b, &f);
	assert_int_equal(got(b, 0, &in, NULL, &side), 1);
	assert_int_equal(in.len, f.len);
	assert_memory_equal(in.b, f.b, f.len);
	return side.valid & BATON_SIDE_EVENT;
}

/* ---- what is shown ---- */

static void
begin_events(struct bench *b, struct taker *m, uint32_t offloads)
{
	memset(m, 0, sizeof(*m));
	begin(b);
	if (is_ours()) {
		b->rig->arg = m;
		b->rig->on_access = taker_access;
		b->rig->on_packet = taker_sends;
	}
	b->offloads = offloads;
	start(b);
}

static uint64_t
now(struct bench *b)
{
	uint64_t ns;

	must(baton_port_clock_read(b->port, &ns));
	return ns;
}

static void
received(void **state)
{
	struct taker m;
	uint64_t ns = 0, before, after;
	struct bench b;

	begin_events(&b, &m, BATON_OFFLOAD_RX_EVENT);
	assert_int_equal(baton_port_rx_event(b.port, &ns), 0);
	assert_int_equal(baton_port_tx_event(b.port, &ns), -ENOTSUP);
	assert_false(stamped(&b, FOLLOW_UP, 1));
	for (unsigned i = 0; i < 3; i++) {
		before = now(&b);
		assert_true(stamped(&b, SYNC, i));
		after = now(&b);
		assert_false(stamped(&b, SYNC, 100 + i)); /* one at a time */
		assert_int_equal(baton_port_rx_event(b.port, &ns), 1);
		assert_true(ns >= before && ns <= after);
		assert_int_equal(baton_port_rx_event(b.port, &ns), 0);
	}
	/* A packet that is no message. */
	if (!is_ours()) {
		struct frame tcp = frame_tcp(100);

		assert_true(arrives(&b, &tcp));
		assert_int_equal(baton_port_rx_event(b.port, &ns), 0);
	} else {
		assert_int_equal(m.rx.fetched, 3);
		assert_true(stamped(&b, DELAY_REQ, 1)); /* QEMU knows one type of message only */
	}
	end(&b);
}

/* Send a packet. Return: whether there is a time then. */
static bool
sent(struct bench *b, bool asks, uint64_t *ns)
{
	const struct frame f = message(SYNC, 1);
	struct baton_token t;
	uint8_t out[256];
	int ret;

	must(baton_alloc(b->worker, b->pool, &t, 1));
	t.len = (uint16_t)f.len;
	memcpy(baton_data(b->worker, t), f.b, f.len);
	memset(baton_side(b->worker, t), 0, sizeof(struct baton_side));
	if (asks)
		baton_side(b->worker, t)->valid = BATON_SIDE_TX_EVENT;
	t.flags |= BATON_TOKEN_SIDE;
	assert_int_equal(baton_tx_burst(b->tx[0], &t, 1), 1);
	assert_int_equal(e1000e_rig_send(b->rig, 0, out, sizeof(out)), f.len);
	assert_memory_equal(out, f.b, f.len);
	ret = baton_port_tx_event(b->port, ns);
	must(ret);
	return ret;
}

static void
left(void **state)
{
	struct taker m;
	uint64_t ns = 0, before;
	struct bench b;

	begin_events(&b, &m, EVENTS);
	assert_int_equal(baton_port_tx_event(b.port, &ns), 0);
	assert_false(sent(&b, false, &ns));
	for (unsigned i = 0; i < 3; i++) {
		before = now(&b);
		assert_true(sent(&b, true, &ns));
		assert_true(ns >= before && ns <= now(&b));
		assert_int_equal(baton_port_tx_event(b.port, &ns), 0);
	}
	end(&b);
}

/* Times move with the clock, and begin with it. */
static void
adjusted(void **state)
{
	const int64_t hour = 3600000000000;
	struct taker m;
	uint64_t ns = 0;
	struct bench b;

	begin_events(&b, &m, EVENTS);
	must(baton_port_clock_adjust(b.port, 2 * hour));
	must(baton_port_clock_adjust(b.port, -hour));
	assert_true(now(&b) - (uint64_t)hour < (uint64_t)hour / 2);
	assert_true(sent(&b, true, &ns));
	assert_true(ns - (uint64_t)hour < (uint64_t)hour / 2);
	assert_true(stamped(&b, SYNC, 1));
	assert_int_equal(baton_port_rx_event(b.port, &ns), 1);
	assert_true(ns - (uint64_t)hour < (uint64_t)hour / 2);
	/* What was kept when the port stopped is not of the packets after that. */
	assert_true(stamped(&b, SYNC, 1));
	must(baton_port_stop(b.port));
	assert_int_equal(baton_port_rx_event(b.port, &ns), -ENETDOWN);
	must(baton_port_start(b.port));
	assert_int_equal(baton_port_rx_event(b.port, &ns), 0);
	assert_true(now(&b) < (uint64_t)hour / 2);
	assert_true(stamped(&b, SYNC, 2));
	end(&b);
}

/* Nothing is taken unless the port is configured for it. */
static void
not_asked(void **state)
{
	struct taker m;
	uint64_t ns = 0;
	struct bench b;

	begin_events(&b, &m, BATON_OFFLOAD_RX_VLAN);
	assert_false(stamped(&b, SYNC, 1));
	assert_false(m.rx.valid);
	assert_int_equal(e1000e_rig_get(b.rig, TSYNCTXCTL) & ENABLE, 0);
	assert_int_equal(e1000e_rig_get(b.rig, TSYNCRXCTL) & ENABLE, 0);
	assert_int_equal(baton_port_clock_read(b.port, &ns), -ENOTSUP);
	assert_non_null(strstr(baton_last_error(), "RX_EVENT"));
	end(&b);
}

/* A clock that jumps with each read; one that is wrong once, as the 82574L's can be; all ones. */
struct jumps {
	uint32_t reads, jump, wrong;
};

static bool
jump(struct e1000e_rig *r, uint32_t off, bool write, uint32_t *v)
{
	struct jumps *j = r->arg;

	if (write || (off != SYSTIML && off != SYSTIML + 4))
		return false;
	if (off == SYSTIML)
		*v = ++j->reads * 40;
	else
		*v = j->reads * j->jump;
	if (off == SYSTIML && j->reads == j->wrong)
		*v ^= 1u << 31;
	return true;
}

static void
bad_clocks(void **state)
{
	struct taker m;
	struct jumps j = { .jump = 7 };
	uint64_t ns = 1;
	struct bench b;

	begin_events(&b, &m, EVENTS);
	b.rig->arg = &j;
	b.rig->on_access = jump;
	assert_int_equal(baton_port_clock_read(b.port, &ns), -EIO);
	assert_non_null(strstr(baton_last_error(), "the clock does not count"));
	for (unsigned wrong = 1; wrong < 4; wrong++) {
		j = (struct jumps){ .wrong = wrong };
		must(baton_port_clock_read(b.port, &ns));
		assert_true(ns < 1000);
	}
	b.rig->q->pci.dead = true;
	assert_int_equal(baton_port_clock_read(b.port, &ns), -ENODEV);
	assert_int_equal(baton_port_rx_event(b.port, &ns), -ENODEV);
	assert_int_equal(baton_port_tx_event(b.port, &ns), -ENODEV);
	b.rig->q->pci.dead = false;
	end(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(received),   cmocka_unit_test(left),
		cmocka_unit_test(adjusted),   cmocka_unit_test(not_asked),
		cmocka_unit_test(bad_clocks),
	};

	return bench_run(tests);
}
