/* SPDX-License-Identifier: BSD-3-Clause */
/* What a device says of packets besides their bytes: the kit delivers what was asked for. */
#include "made_driver.h"

#include <baton/clock.h>

#include <stdlib.h>

#define BUFS  4096u
#define DESCS 64u
#define INFO  NIC_INFO_OFFLOADS
#define FRONT 19u /* bytes of the device's in front of a packet, behind the header */

struct bench {
	struct baton_ctx *ctx;
	struct baton_pool *pool;
	struct baton_worker *worker;
	struct baton_port *port;
	struct baton_rxq *rx;
	struct baton_txq *tx;
};

static unsigned front;

static uint8_t
rx_front(const struct nic_dev *dev)
{
	return (uint8_t)front;
}

/* The clock of a device is what it was asked for last. */
static int
made_clock(struct nic_dev *dev, enum port_clock what, uint64_t *ns)
{
	static uint64_t now;

	if (what == PORT_CLOCK_ADJUST)
		now += *ns;
	*ns = now + what;
	return what >= PORT_CLOCK_RX;
}

static void
must(int ret)
{
	if (ret < 0)
		fail_msg("%s: %s", strerror(-ret), baton_last_error());
}

static uint32_t
rnd(uint32_t n)
{
	static uint64_t state = 1;

	state = state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(state >> 33) % n;
}

static void
up(struct bench *b, const char *args)
{
	struct baton_worker_config w = { .size = sizeof(w), .name = "w", .cache_size = 64 };
	struct baton_pool_config p;
	char spec[64];

	make_driver();
	made.ops.offloads = INFO | BATON_OFFLOAD_RX_CSUM;
	made.ops.rx_front = rx_front;
	made.ops.clock = made_clock;
	b->ctx = made_context();
	baton_pool_config_init(&p);
	p.count = BUFS;
	p.page_size = BATON_PAGE_4K;
	must(baton_pool_create(b->ctx, &p, &b->pool));
	must(baton_worker_create(b->ctx, &w, &b->worker));
	snprintf(spec, sizeof(spec), "net_made0%s", args);
	must(baton_port_open(b->ctx, spec, &b->port));
}

static int
configure(struct bench *b, uint32_t offloads, uint32_t of_queue)
{
	struct baton_port_config pc = { .size = sizeof(pc),
					.rx_queues = 1,
					.tx_queues = 1,
					.stop_timeout_ms = 1,
					.offloads = offloads };
	struct baton_queue_config q = { .size = sizeof(q), .descs = DESCS, .worker = b->worker };
	int ret = baton_port_configure(b->port, &pc);

	if (ret < 0)
		return ret;
	must(baton_txq_setup(b->port, 0, &q, &b->tx));
	q.pool = b->pool;
	q.offloads = of_queue;
	return baton_rxq_setup(b->port, 0, &q, &b->rx);
}

static void
down(struct bench *b)
{
	must(baton_port_close(b->port));
	must(baton_worker_destroy(b->worker));
	must(baton_pool_destroy(b->pool));
	must(baton_ctx_destroy(b->ctx));
}

/* The device says anything. */
static void
say(void)
{
	info_says = (struct rx_info){ .valid = rnd(1 << 12),
				      .hashed = rnd(2),
				      .hash = rnd(UINT32_MAX),
				      .mark = rnd(UINT32_MAX),
				      .ptype = rnd(UINT32_MAX),
				      .timestamp = (uint64_t)rnd(UINT32_MAX) << 32,
				      .vlan_tci = (uint16_t)rnd(65536),
				      .inner_tci = (uint16_t)rnd(65536),
				      .vlan_type = (uint16_t)rnd(65536) };
}

/* Whether it is valid, as it is asked for, and the device has said it. */
static bool
expected(uint32_t asked, uint32_t offload, uint32_t bit)
{
	return (asked & offload) && (info_says.valid & bit);
}

static void
check(const struct bench *b, uint32_t asked, struct baton_token t, uint32_t len)
{
	static const struct baton_side none;
	const bool side = t.flags & BATON_TOKEN_SIDE;
	const struct baton_side *s = side ? baton_side(b->worker, t) : &none;
	const bool vlan = expected(asked, BATON_OFFLOAD_RX_VLAN, BATON_SIDE_VLAN),
		   qinq = vlan && expected(asked, BATON_OFFLOAD_RX_QINQ, BATON_SIDE_QINQ),
		   when = expected(asked, BATON_OFFLOAD_RX_TIME, BATON_SIDE_TIME),
		   type = expected(asked, BATON_OFFLOAD_RX_PTYPE, BATON_SIDE_PTYPE),
		   mark = expected(asked, BATON_OFFLOAD_RX_MARK, BATON_SIDE_MARK),
		   event = expected(asked, BATON_OFFLOAD_RX_EVENT, BATON_SIDE_EVENT),
		   hash = info_says.hashed && (asked & BATON_OFFLOAD_RX_HASH);

	assert_int_equal(t.len, len);
	assert_int_equal(t.off, BATON_DEFAULT_HEADROOM);
	assert_int_equal(side, vlan || when || type || mark || event);
	assert_int_equal(s->valid, (vlan ? BATON_SIDE_VLAN : 0) | (qinq ? BATON_SIDE_QINQ : 0) |
					   (when ? BATON_SIDE_TIME | BATON_SIDE_DEVICE_CLOCK : 0) |
					   (type ? BATON_SIDE_PTYPE : 0) |
					   (mark ? BATON_SIDE_MARK : 0) |
					   (event ? BATON_SIDE_EVENT : 0));
	assert_int_equal(!!(t.flags & BATON_TOKEN_HASH), hash);
	if (hash)
		assert_int_equal(t.hash, info_says.hash);
	if (vlan)
		assert_int_equal((uint32_t)s->vlan_type << 16 | s->vlan_tci,
				 (uint32_t)info_says.vlan_type << 16 | info_says.vlan_tci);
	if (qinq)
		assert_int_equal(s->inner_tci, info_says.inner_tci);
	if (when)
		assert_int_equal(s->timestamp, info_says.timestamp);
	if (type)
		assert_int_equal(s->ptype, info_says.ptype & 0xfff);
	if (mark)
		assert_int_equal(s->mark, info_says.mark);
}

/* Packets of one buffer, plain or not, and of several, of a port that asks for something or not. */
static void
packets(const char *args)
{
	struct baton_token t[64];
	struct baton_peek peek = { 0 };
	struct bench b;

	up(&b, args);
	for (unsigned i = 0; i < 3000; i++) {
		uint32_t asked = (rnd(4) ? rnd(INFO + 1) & INFO : 0), skip, len, segs;

		if (!(asked & BATON_OFFLOAD_RX_VLAN))
			asked &= ~BATON_OFFLOAD_RX_QINQ;
		front = rnd(2) ? FRONT : 0;
		skip = MADE_HEADER + (asked ? front : 0);
		must(configure(&b, asked, 0));
		rx_there = 0;
		plain_len = 0;
		must(baton_port_start(b.port));
		for (unsigned k = 0; k < 4; k++) {
			segs = 1 + rnd(2);
			len = 14 + rnd(1000);
			say();
			plain_len = segs == 1 && rnd(2) ? skip + len : 0;
			for (unsigned s = 0; s < segs; s++)
				rx_says[(rx_there + s) % MADE_SAYS] =
					(struct rx_entry){ .key = (rx_there + s) % DESCS,
							   .len = s ? 77 : skip + len,
							   .more = s + 1 < segs };
			rx_there = (uint16_t)(rx_there + segs);
			if (!plain_len) {
				assert_int_equal(baton_rx_peek(b.rx, &peek, 1), 1);
				assert_int_equal(peek.len, len + (segs - 1) * 77);
			}
			assert_int_equal(baton_rx_burst(b.rx, t, 64), segs);
			check(&b, asked, t[0], len);
			must(baton_free(b.worker, t, segs));
		}
		must(baton_port_stop(b.port));
	}
	down(&b);
}

static void
direct(void **state)
{
	packets("");
}

static void
bounced(void **state)
{
	packets(",bounce=always");
}

/* A packet ends in what is in front of it. */
static void
too_short(void **state)
{
	struct baton_token t[64];
	struct bench b;

	up(&b, "");
	front = FRONT;
	must(configure(&b, BATON_OFFLOAD_RX_TIME, 0));
	rx_there = 0;
	plain_len = 0;
	must(baton_port_start(b.port));
	rx_says[0] = (struct rx_entry){ .key = 0, .len = MADE_HEADER + FRONT - 1 };
	rx_there = 1;
	assert_int_equal(baton_rx_burst(b.rx, t, 64), -EIO);
	assert_non_null(strstr(baton_rxq_error(b.rx), "less than the 31 bytes"));
	must(baton_port_stop(b.port));
	down(&b);
}

/* What a device does for all queues, no queue has alone; the kit does what it can. */
static void
by_queue(void **state)
{
	struct bench b;

	up(&b, "");
	front = 100; /* more than fits */
	assert_int_equal(configure(&b, BATON_OFFLOAD_RX_TIME, 0), -EINVAL);
	assert_non_null(strstr(baton_last_error(), "112"));
	front = 0;
	assert_int_equal(configure(&b, 0, BATON_OFFLOAD_RX_MARK), -ENOTSUP);
	assert_non_null(strstr(baton_last_error(), "RX_MARK (0x200)"));
	assert_int_equal(configure(&b, BATON_OFFLOAD_RX_VLAN, BATON_OFFLOAD_RX_QINQ), -ENOTSUP);
	assert_non_null(strstr(baton_last_error(), "RX_QINQ"));
	assert_int_equal(configure(&b, BATON_OFFLOAD_RX_MARK, BATON_OFFLOAD_RX_MARK), 0);
	assert_int_equal(configure(&b, 0, INFO & ~(BATON_OFFLOAD_RX_MARK | BATON_OFFLOAD_RX_EVENT)),
			 0);
	down(&b);
}

/* Who may ask for times, and gets what the driver says. */
static void
clock_calls(void **state)
{
	uint64_t ns = 7;
	struct bench b;

	up(&b, "");
	assert_int_equal(configure(&b, BATON_OFFLOAD_RX_MARK, 0), 0);
	assert_int_equal(baton_port_clock_read(b.port, &ns), -ENOTSUP);
	assert_non_null(strstr(baton_last_error(), "configured for none of offloads 0x400400"));
	assert_int_equal(configure(&b, BATON_OFFLOAD_TX_EVENT, 0), -ENOTSUP);
	assert_int_equal(configure(&b, 0, BATON_OFFLOAD_RX_EVENT), -ENOTSUP);
	assert_int_equal(configure(&b, BATON_OFFLOAD_RX_EVENT, 0), 0);
	assert_int_equal(baton_port_clock_read(b.port, &ns), -ENETDOWN);
	must(baton_port_start(b.port));
	assert_int_equal(baton_port_clock_read(b.port, NULL), -EINVAL);
	assert_int_equal(baton_port_tx_event(b.port, &ns), -ENOTSUP);
	assert_int_equal(ns, 7);
	assert_int_equal(baton_port_clock_adjust(b.port, 1000), 0);
	assert_int_equal(baton_port_clock_adjust(b.port, -1), 0);
	assert_int_equal(baton_port_clock_read(b.port, &ns), 0);
	assert_int_equal(ns, 999 + PORT_CLOCK_READ);
	assert_int_equal(baton_port_rx_event(b.port, &ns), 1);
	assert_int_equal(ns, 999 + PORT_CLOCK_RX);
	down(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(direct),      cmocka_unit_test(bounced),
		cmocka_unit_test(too_short),   cmocka_unit_test(by_queue),
		cmocka_unit_test(clock_calls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
