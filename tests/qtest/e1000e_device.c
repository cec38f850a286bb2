/* SPDX-License-Identifier: BSD-3-Clause */
/* net_e1000e on QEMU's 82574L: queues, flow control, counters. */
#include "e1000e_bench.h"

/* ---- queues ---- */

/* Flows are for the queue that the published key says. */
static void
flows(void **state)
{
	unsigned count[2] = { 0, 0 };
	struct baton_token t;
	struct bench b;
	uint32_t hash;

	begin(&b);
	b.queues = 2;
	b.offloads = BATON_OFFLOAD_RX_HASH;
	start(&b);
	for (unsigned i = 0; i < 64; i++) {
		struct frame f = i & 1 ? frame_udp(100) : frame_tcp(100);
		uint8_t flow[12];
		unsigned queue;

		f.b[29] = (uint8_t)i; /* the source's last byte */
		f.b[35] = (uint8_t)(i * 3);
		memcpy(flow, f.b + 26, 12);
		hash = baton_toeplitz(baton_rss_key(), BATON_RSS_KEY_LEN, flow, i & 1 ? 8 : 12);
		queue = hash & 1;
		outside(&b, &f);
		assert_int_equal(got(&b, !queue, NULL, NULL, NULL), 0);
		assert_int_equal(got(&b, queue, NULL, &t, NULL), 1);
		assert_true(t.flags & BATON_TOKEN_HASH);
		assert_int_equal(t.hash, hash);
		count[queue]++;
	}
	assert_true(count[0] > 16 && count[1] > 16);
	/* And with one queue, all are for it, whatever there was before. */
	must(baton_port_stop(b.port));
	b.queues = 1;
	start(&b);
	for (unsigned i = 0; i < 8; i++) {
		struct frame f = frame_tcp(100);

		f.b[29] = (uint8_t)i;
		assert_int_equal(f.len, 100);
		outside(&b, &f);
		assert_int_equal(got(&b, 0, NULL, NULL, NULL), 1);
	}
	end(&b);
}

/* Key, table and types of the application's. */
static void
rss(void **state)
{
	uint8_t key[BATON_RSS_KEY_LEN], flow[12];
	struct frame tcp = frame_tcp(100), udp = frame_udp(100);
	struct baton_rss_config c;
	uint16_t table[128];
	struct baton_token t;
	struct bench b;
	uint32_t hash;

	begin(&b);
	b.queues = 2;
	b.offloads = BATON_OFFLOAD_RX_HASH;
	start(&b);
	must(baton_port_stop(b.port));
	for (unsigned i = 0; i < 128; i++)
		table[i] = i % 3 == 0;
	for (unsigned i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)(i * 37 + 11);
	baton_rss_config_init(&c);
	c.types = BATON_RSS_IPV4_UDP;
	assert_int_equal(baton_port_set_rss(b.port, &c), -ENOTSUP);
	c.types = BATON_RSS_IPV4_TCP;
	c.key = key;
	c.key_len = 16;
	assert_int_equal(baton_port_set_rss(b.port, &c), -EINVAL);
	c.key_len = sizeof(key);
	c.table = table;
	c.table_len = 256;
	assert_int_equal(baton_port_set_rss(b.port, &c), -EINVAL);
	c.table_len = 128;
	must(baton_port_set_rss(b.port, &c));
	must(baton_port_start(b.port));
	for (unsigned i = 0; i < 40; i++) {
		tcp.b[29] = udp.b[29] = (uint8_t)i;
		memcpy(flow, tcp.b + 26, 12);
		hash = baton_toeplitz(key, sizeof(key), flow, 12);
		outside(&b, &tcp);
		assert_int_equal(got(&b, table[hash % 128], NULL, &t, NULL), 1);
		assert_true(t.flags & BATON_TOKEN_HASH);
		assert_int_equal(t.hash, hash);
		outside(&b, &udp); /* has none */
		assert_int_equal(got(&b, 0, NULL, &t, NULL), 1);
		assert_false(t.flags & BATON_TOKEN_HASH);
	}
	end(&b);
}

static void
limits(void **state)
{
	struct baton_port_config c;
	struct baton_port_info info;
	struct baton_queue_config r;
	struct baton_rxq *rx;
	struct bench b;

	begin(&b);
	start(&b);
	must(baton_port_stop(b.port));
	baton_port_info(b.port, &info);
	assert_int_equal(info.max_rx_queues, 2);
	assert_int_equal(info.max_tx_queues, 2);
	assert_memory_equal(info.mac, own, 6);
	assert_int_equal(baton_port_set_mtu(b.port, (uint16_t)(info.max_mtu + 1)), -EINVAL);
	baton_port_config_init(&c);
	c.rx_queues = 3;
	assert_int_equal(baton_port_configure(b.port, &c), -EINVAL);
	assert_non_null(strstr(baton_last_error(), "3"));
	baton_port_config_init(&c);
	must(baton_port_configure(b.port, &c));
	baton_queue_config_init(&r);
	r.worker = b.worker;
	r.pool = b.pool;
	for (unsigned i = 0; i < 3; i++) {
		r.descs = (uint16_t[]){ 8, 24, 8192 }[i];
		assert_int_equal(baton_rxq_setup(b.port, 0, &r, &rx), -EINVAL);
		assert_non_null(strstr(baton_last_error(), "4096"));
	}
	end(&b);
}

/* One size of buffers for all queues. */
static void
two_sizes(void **state)
{
	struct baton_pool_config p;
	struct baton_queue_config r;
	struct baton_pool *small;
	struct bench b;

	begin(&b);
	b.queues = 2;
	start(&b);
	must(baton_port_stop(b.port));
	baton_pool_config_init(&p);
	p.name = "small";
	p.count = 512;
	p.page_size = BATON_PAGE_BASE;
	p.data_len = 128 + 1500;
	must(baton_pool_create(b.ctx, &p, &small));
	set_up(&b);
	baton_queue_config_init(&r);
	r.worker = b.worker;
	r.pool = small;
	r.descs = DESCS;
	must(baton_rxq_setup(b.port, 1, &r, &b.rx[1]));
	assert_int_equal(baton_port_start(b.port), -EINVAL);
	assert_non_null(strstr(baton_last_error(), "buffers of 2048 bytes for RX queue 0 and of "
						   "1024"));
	set_up(&b);
	must(baton_port_start(b.port));
	must(baton_port_close(b.port));
	b.port = NULL;
	must(baton_pool_destroy(small));
	end(&b);
}

/* ---- flow control ---- */

/* What the other end advertises; and what the driver does. QEMU's has no pauses. */
struct pauses {
	uint16_t theirs, mine;
	unsigned restarts;
	uint32_t op;
};

static bool
negotiates(struct e1000e_rig *r, uint32_t off, bool write, uint32_t *v)
{
	struct pauses *p = r->arg;

	if (off != RIG_MDIC)
		return false;
	if (write) {
		p->op = *v;
		if ((*v >> 26 & 3) == 1 && (*v >> 16 & 31) == 4)
			p->mine = (uint16_t)*v;
		if ((*v >> 26 & 3) == 1 && (*v >> 16 & 31) == 0) {
			p->restarts += *v >> 9 & 1;
			return true; /* QEMU's link would be down for half a second */
		}
		return false;
	}
	*v = e1000e_rig_get(r, off);
	if ((p->op >> 26 & 3) == 2 && (p->op >> 16 & 31) == 5)
		*v = (*v & ~0xffffu) | p->theirs;
	else if ((p->op >> 26 & 3) == 1 && (p->op >> 16 & 31) == 0)
		*v = 1u << 28;
	return true;
}

/* IEEE 802.3, table 28B-3, in the device's bits 27 (received) and 28 (sent). */
static void
pauses(void **state)
{
	static const struct {
		const char *args;
		uint16_t theirs, mine; /* bits 10 and 11 */
		unsigned bits;
	} cases[] = {
		{ "", 0, 3, 0 },
		{ "", 1, 3, 3 },
		{ "", 2, 3, 1 },
		{ "", 3, 3, 3 },
		{ "flow-control=none", 3, 0, 0 },
		{ "flow-control=full", 1, 3, 3 },
		{ "flow-control=tx", 3, 2, 2 },
		{ "flow-control=tx", 1, 2, 0 },
		{ "flow-control=rx", 3, 3, 1 },
		{ "flow-control=rx", 0, 3, 0 },
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pauses p = { .theirs = (uint16_t)(cases[i].theirs << 10 | 0x1e0),
				    .mine = 0xc00 };
		struct bench b;
		char spec[64];

		begin(&b);
		b.rig->arg = &p;
		b.rig->on_access = negotiates;
		snprintf(spec, sizeof(spec), "%s%s%s", QTEST_BDF, *cases[i].args ? "," : "",
			 cases[i].args);
		must(baton_port_open(b.ctx, spec, &b.port));
		start(&b);
		assert_int_equal(p.mine >> 10 & 3, cases[i].mine);
		/* At open and at the start: QEMU resets the PHY with the device. */
		assert_int_equal(p.restarts, cases[i].mine != 3 ? 2 : 0);
		assert_int_equal(e1000e_rig_get(b.rig, RIG_CTRL) >> 27 & 3, cases[i].bits);
		assert_int_equal(e1000e_rig_get(b.rig, 0x28), 0x00c28001); /* FCAL, FCAH, FCT */
		assert_int_equal(e1000e_rig_get(b.rig, 0x2c), 0x0100);
		assert_int_equal(e1000e_rig_get(b.rig, 0x30), 0x8808);
		assert_true(e1000e_rig_get(b.rig, 0x170) > 0);
		/* Before the packet buffer of 20 KiB is full. */
		assert_true(e1000e_rig_get(b.rig, 0x2168) + 9022 < 20480);
		assert_true((e1000e_rig_get(b.rig, 0x2160) & 0xffff) <
			    e1000e_rig_get(b.rig, 0x2168));
		end(&b);
	}
}

static void
bad_argument(void **state)
{
	struct baton_port *port;
	struct bench b;

	begin(&b);
	assert_int_equal(baton_port_open(b.ctx, QTEST_BDF ",flow-control=some", &port), -EINVAL);
	assert_non_null(strstr(baton_last_error(), "none, rx, tx or full"));
	end(&b);
}

/* ---- counters ---- */

#define MISSED 0x4010u /* MPC */

static void
send_one(struct bench *b, const struct frame *f)
{
	struct baton_token t;
	uint8_t out[2048];

	must(baton_alloc(b->worker, b->pool, &t, 1));
	memcpy(baton_data(b->worker, t), f->b, f->len);
	t.len = (uint16_t)f->len;
	assert_int_equal(baton_tx_burst(b->tx[0], &t, 1), 1);
	assert_int_equal(e1000e_rig_send(b->rig, 0, out, sizeof(out)), f->len);
}

/* As the device counts them, and whoever asks gets what is there. */
static void
counters(void **state)
{
	struct frame f = frame_tcp(100), g = frame_tcp(600);
	struct bench b;

	begin(&b);
	start(&b);
	assert_true(arrives(&b, &f) && arrives(&b, &g));
	memcpy(g.b, all, 6);
	assert_true(arrives(&b, &g));
	send_one(&b, &f);
	send_one(&b, &g);
	assert_int_equal(counter(&b, "rx_total_packets"), 3);
	assert_int_equal(counter(&b, "rx_size_65_to_127_packets"), 1);
	assert_int_equal(counter(&b, "rx_size_512_to_1023_packets"), 2);
	assert_int_equal(counter(&b, "rx_broadcast_packets"), 1);
	assert_int_equal(counter(&b, "tx_total_packets"), 2);
	assert_int_equal(counter(&b, "tx_broadcast_packets"), 1);
	assert_true(counter(&b, "rx_total_bytes") >= 1300);
	assert_true(counter(&b, "tx_total_bytes") >= 700);
	assert_true(arrives(&b, &f));
	assert_int_equal(counter(&b, "rx_total_packets"), 4); /* reading has cleared the device's */
	/* A counter of 64 bits, which is two registers. */
	must(baton_port_stop(b.port));
	must(baton_port_start(b.port));
	assert_int_equal(counter(&b, "rx_total_packets"), 4);
	end(&b);
}

/*
 * What QEMU has not: the device counts packets that it has no descriptor for (10.2.7), and begins
 * anew when that is read.
 */
static bool
counts_missed(struct e1000e_rig *r, uint32_t off, bool write, uint32_t *v)
{
	uint32_t *missed = r->arg;

	if (off != MISSED || write)
		return false;
	*v = *missed;
	*missed = 0;
	return true;
}

/* Frames come until @more of them had no descriptor. */
static void
overrun(struct bench *b, uint32_t *missed, unsigned more)
{
	const struct frame f = frame_tcp(100);

	while (more) {
		if (e1000e_rig_receive(b->rig, 0, f.b, f.len))
			continue;
		more--;
		++*missed;
	}
}

static void
missed(void **state)
{
	uint32_t missed = 0;
	struct bench b;

	begin(&b);
	b.rig->arg = &missed;
	b.rig->on_access = counts_missed;
	start(&b);
	assert_int_equal(counter(&b, "rx_missed_packets"), 0);
	overrun(&b, &missed, 5);
	assert_int_equal(counter(&b, "rx_missed_packets"), 5);
	assert_int_equal(counter(&b, "rx_missed_packets"), 5);
	assert_int_equal(got(&b, 0, NULL, NULL, NULL), DESCS - 1);
	overrun(&b, &missed, 2);
	assert_int_equal(missed, 2);
	assert_int_equal(counter(&b, "rx_missed_packets"), 7);
	must(baton_port_stop(b.port));
	must(baton_port_start(b.port));
	overrun(&b, &missed, 1);
	assert_int_equal(counter(&b, "rx_missed_packets"), 8);
	end(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flows),    cmocka_unit_test(rss),
		cmocka_unit_test(limits),   cmocka_unit_test(two_sizes),
		cmocka_unit_test(pauses),   cmocka_unit_test(bad_argument),
		cmocka_unit_test(counters), cmocka_unit_test(missed),
	};

	return bench_run(tests);
}
