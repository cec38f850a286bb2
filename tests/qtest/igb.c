/* SPDX-License-Identifier: BSD-3-Clause */
/* net_igb on QEMU's 82576: queues, counters, and a device that does not do its part. */
#include "e1000e_bench.h"

#define QUEUES     8
#define SWSM       0x5b50u
#define SW_FW_SYNC 0x5b5cu
#define DCTL       0x28u
#define ENABLE     (1u << 25)

/* ---- queues ---- */

/* Flows of TCP and UDP over IPv4, and of TCP over IPv6, are for the queue that the published key
 * says. */
static void
flows(void **state)
{
	unsigned count[QUEUES] = { 0 };
	struct baton_token t;
	struct bench b;

	begin(&b);
	b.queues = QUEUES;
	b.offloads = BATON_OFFLOAD_RX_HASH;
	start(&b);
	for (unsigned i = 0; i < 96; i++) {
		const bool v6 = i % 3 == 2;
		struct frame f = v6 ? frame_tcp6(100) : i % 3 ? frame_udp(100) : frame_tcp(100);
		const unsigned at = v6 ? 22 : 26, n = v6 ? 36 : 12;
		uint8_t flow[36];
		uint32_t hash;

		f.b[at + 3] = (uint8_t)i; /* of the source */
		f.b[at + n - 3] = (uint8_t)(i * 3);
		memcpy(flow, f.b + at, n);
		hash = baton_toeplitz(baton_rss_key(), BATON_RSS_KEY_LEN, flow, n);
		outside(&b, &f);
		assert_int_equal(got(&b, hash % 128 % QUEUES, NULL, &t, NULL), 1);
		assert_true(t.flags & BATON_TOKEN_HASH);
		assert_int_equal(t.hash, hash);
		count[hash % QUEUES]++;
	}
	for (unsigned i = 0; i < QUEUES; i++)
		assert_true(count[i]);
	end(&b);
}

/* Key, table and types of the application's. */
static void
rss(void **state)
{
	struct frame tcp = frame_tcp(100), udp = frame_udp(100);
	uint8_t key[BATON_RSS_KEY_LEN], flow[12];
	struct baton_rss_config c;
	uint16_t table[128];
	struct baton_token t;
	struct bench b;
	uint32_t hash;

	begin(&b);
	b.queues = QUEUES;
	b.offloads = BATON_OFFLOAD_RX_HASH;
	start(&b);
	must(baton_port_stop(b.port));
	for (unsigned i = 0; i < 128; i++)
		table[i] = (uint16_t)(i % 3 + 5);
	for (unsigned i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)(i * 37 + 11);
	baton_rss_config_init(&c);
	c.types = BATON_RSS_IPV4_UDP;
	c.key = key;
	c.key_len = 16;
	assert_int_equal(baton_port_set_rss(b.port, &c), -EINVAL);
	c.key_len = sizeof(key);
	c.table = table;
	c.table_len = 128;
	must(baton_port_set_rss(b.port, &c));
	must(baton_port_start(b.port));
	for (unsigned i = 0; i < 24; i++) {
		tcp.b[29] = udp.b[29] = (uint8_t)i;
		memcpy(flow, udp.b + 26, 12);
		hash = baton_toeplitz(key, sizeof(key), flow, 12);
		outside(&b, &udp);
		assert_int_equal(got(&b, table[hash % 128], NULL, &t, NULL), 1);
		assert_true(t.flags & BATON_TOKEN_HASH);
		assert_int_equal(t.hash, hash);
		outside(&b, &tcp); /* has none */
		assert_int_equal(got(&b, 0, NULL, &t, NULL), 1);
		assert_false(t.flags & BATON_TOKEN_HASH);
	}
	end(&b);
}

/* One queue is stopped alone: the device has its bit off, and the others go on. */
static void
one_queue(void **state)
{
	struct frame f = frame_tcp(100);
	struct baton_token t;
	uint8_t out[256];
	struct bench b;

	begin(&b);
	b.queues = 2;
	start(&b);
	must(baton_rxq_stop(b.rx[1]));
	must(baton_txq_stop(b.tx[1]));
	assert_false(e1000e_rig_get(b.rig, rig_nic.rx + rig_nic.queue_bytes + DCTL) & ENABLE);
	assert_false(e1000e_rig_get(b.rig, rig_nic.tx + rig_nic.queue_bytes + DCTL) & ENABLE);
	assert_true(e1000e_rig_get(b.rig, rig_nic.rx + DCTL) & ENABLE);
	assert_true(e1000e_rig_receive(b.rig, 0, f.b, f.len));
	assert_int_equal(got(&b, 0, NULL, NULL, NULL), 1);
	assert_false(e1000e_rig_receive(b.rig, 1, f.b, f.len));
	must(baton_alloc(b.worker, b.pool, &t, 1));
	t.len = 100;
	memcpy(baton_data(b.worker, t), f.b, 100);
	assert_int_equal(baton_tx_burst(b.tx[0], &t, 1), 1);
	assert_int_equal(e1000e_rig_send(b.rig, 0, out, sizeof(out)), 100);
	must(baton_rxq_start(b.rx[1]));
	must(baton_txq_start(b.tx[1]));
	assert_true(e1000e_rig_receive(b.rig, 1, f.b, f.len));
	assert_int_equal(got(&b, 1, NULL, NULL, NULL), 1);
	must(baton_alloc(b.worker, b.pool, &t, 1));
	t.len = 100;
	memcpy(baton_data(b.worker, t), f.b, 100);
	assert_int_equal(baton_tx_burst(b.tx[1], &t, 1), 1);
	assert_int_equal(e1000e_rig_send(b.rig, 1, out, sizeof(out)), 100);
	assert_memory_equal(out, f.b, 100);
	end(&b);
}

/* Only a port with several queues drops what one has no descriptors for: SRRCTL, 8.10.2. */
static void
drops(void **state)
{
	struct baton_port_info info;
	struct bench b;

	begin(&b);
	start(&b);
	baton_port_info(b.port, &info);
	assert_int_equal(info.max_rx_queues, 16);
	assert_int_equal(info.max_tx_queues, 16);
	assert_memory_equal(info.mac, own, 6);
	assert_int_equal(e1000e_rig_get(b.rig, rig_nic.rx + 0xc), 1u << 25 | 2);
	must(baton_port_stop(b.port));
	b.queues = 2;
	start(&b);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(e1000e_rig_get(b.rig, rig_nic.rx + rig_nic.queue_bytes * i + 0xc),
				 1u << 31 | 1u << 25 | 2);
	end(&b);
}

/* ---- counters ---- */

static void
counters(void **state)
{
	struct frame f = frame_tcp(100), g = frame_tcp(600);
	struct baton_token t;
	uint8_t out[256];
	struct bench b;

	begin(&b);
	start(&b);
	assert_true(arrives(&b, &f) && arrives(&b, &g));
	memcpy(g.b, all, 6);
	assert_true(arrives(&b, &g));
	must(baton_alloc(b.worker, b.pool, &t, 1));
	t.len = 100;
	memcpy(baton_data(b.worker, t), f.b, 100);
	assert_int_equal(baton_tx_burst(b.tx[0], &t, 1), 1);
	assert_int_equal(e1000e_rig_send(b.rig, 0, out, sizeof(out)), 100);
	assert_int_equal(counter(&b, "rx_total_packets"), 3);
	assert_int_equal(counter(&b, "rx_size_65_to_127_packets"), 1);
	assert_int_equal(counter(&b, "rx_broadcast_packets"), 1);
	assert_int_equal(counter(&b, "tx_total_packets"), 1);
	assert_true(arrives(&b, &f));
	assert_int_equal(counter(&b, "rx_total_packets"), 4); /* reading has cleared the device's */
	must(baton_port_stop(b.port));
	must(baton_port_start(b.port));
	assert_int_equal(counter(&b, "rx_total_packets"), 4);
	end(&b);
}

/* ---- devices that do not do their part ---- */

struct spoiled {
	uint32_t off, clear, set;
};

/* A register reads with other bits. */
static bool
spoil(struct e1000e_rig *r, uint32_t off, bool write, uint32_t *v)
{
	const struct spoiled *s = r->arg;

	if (write || off != s->off)
		return false;
	*v = (e1000e_rig_get(r, off) & ~s->clear) | s->set;
	return true;
}

static void
bad_devices(void **state)
{
	static const struct {
		struct spoiled how;
		int why;
		const char *words;
	} cases[] = {
		{ { RIG_EERD, 0, 1u << 16 }, -EPROTO, "its NVM add up to" },
		{ { RIG_EERD, 2, 0 }, -ETIMEDOUT, "reading the NVM does not end within 20 ms" },
		{ { RIG_RAL, 0, 1 }, -EPROTO, "a multicast address" },
		{ { RIG_RAL + 4, 1u << 31, 0 }, -EPROTO, "not valid" },
		{ { RIG_MDIC, 1u << 28, 0 }, -ETIMEDOUT, "an access to the PHY does not end" },
		{ { RIG_MDIC, 0, 1u << 30 }, -EIO, "the PHY does not answer" },
		{ { RIG_MDIC, 0xffff, 0 }, -EIO, "its first id reads 0" },
		{ { SWSM, 0, 1 }, -ETIMEDOUT, "the other port's use of the PHY does not end" },
		{ { SW_FW_SYNC, 0, 1u << 17 }, -ETIMEDOUT, "use of the PHY does not end" },
	};
	struct bench b;

	begin(&b);
	b.rig->on_access = spoil;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct spoiled how = cases[i].how;

		b.rig->arg = &how;
		refused(&b, cases[i].why, cases[i].words);
	}
	b.rig->on_access = NULL;
	start(&b);
	assert_true(passes(&b, own));
	end(&b);
}

/* A virtual function is refused by what it is, and another device by those that there are. */
static void
virtual_function(void **state)
{
	static const struct {
		const char *id;
		int why;
		const char *words;
	} cases[] = {
		{ "0x10ca\n", -ENOTSUP, "(8086:10ca) is a virtual function of an 82576" },
		{ "0x152d\n", -ENOTSUP, "open the physical function" },
		{ "0x10cb\n", -ENODEV, "no driver for PCI device" },
	};
	char path[256];
	struct bench b;

	begin(&b);
	snprintf(path, sizeof(path), "%s/bus/pci/devices/%s/device", b.rig->q->pci.sys, QTEST_BDF);
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		FILE *file = fopen(path, "we");

		assert_non_null(file);
		fputs(cases[i].id, file);
		fclose(file);
		refused(&b, cases[i].why, cases[i].words);
	}
	end(&b);
}

/* What the PHY's registers 0 and 4 read, and the link's state; and whether, and how, 0 was written.
 */
struct phy {
	uint16_t control, mine;
	bool down;
	uint32_t op, written;
};

static bool
phy_reads(struct e1000e_rig *r, uint32_t off, bool write, uint32_t *v)
{
	struct phy *p = r->arg;

	if (off == RIG_STATUS && !write) {
		*v = (e1000e_rig_get(r, off) & ~2u) | (p->down ? 0 : 2);
		return true;
	}
	if (off != RIG_MDIC)
		return false;
	if (write) {
		p->op = *v;
		if (*v >> 26 == 1 && !(*v >> 16 & 31))
			p->written = *v & 0xffff;
		return false;
	}
	*v = e1000e_rig_get(r, off);
	if (p->op >> 26 == 2 && !(p->op >> 16 & 31))
		*v = (*v & ~0xffffu) | p->control;
	if (p->op >> 26 == 2 && (p->op >> 16 & 31) == 4)
		*v = (*v & ~0xffffu) | p->mine;
	return p->op >> 26 == 2;
}

/* Autonegotiation is started where it was off, or there is no link; else a link stays up, with its
 * pauses. */
static void
phy(void **state)
{
	static const struct {
		struct phy is;
		uint32_t written;
	} cases[] = {
		{ { .control = 0x1140, .mine = 0x01e1 }, 0 },
		{ { .control = 0x1140, .mine = 0x0de1 }, 0 },
		{ { .control = 0x1940, .mine = 0x01e1 }, 0x1340 }, /* off */
		{ { .control = 0x1540, .mine = 0x01e1 }, 0x1340 }, /* isolated */
		{ { .control = 0x0140, .mine = 0x01e1 }, 0x1340 },
		{ { .control = 0x1140, .mine = 0x01e1, .down = true }, 0x1340 },
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct phy is = cases[i].is;
		struct bench b;

		begin(&b);
		b.rig->arg = &is;
		b.rig->on_access = phy_reads;
		must(baton_port_open(b.ctx, QTEST_BDF, &b.port));
		assert_int_equal(is.written, cases[i].written);
		b.rig->on_access = NULL;
		end(&b);
	}
}

/* The reset bit stays once it was set. */
static bool
reset_stays(struct e1000e_rig *r, uint32_t off, bool write, uint32_t *v)
{
	bool *asked = r->arg;

	if (off != RIG_CTRL)
		return false;
	if (write)
		*asked |= *v >> 26 & 1;
	else
		*v = e1000e_rig_get(r, off) | 1u << 26;
	return !write && *asked;
}

static void
no_reset(void **state)
{
	bool asked = false;
	struct bench b;

	begin(&b);
	b.rig->arg = &asked;
	b.rig->on_access = reset_stays;
	refused(&b, -ETIMEDOUT, "the reset does not end within 100 ms");
	b.rig->on_access = NULL;
	b.rig->keeps = true;
	refused(&b, -ETIMEDOUT, "an access to memory that is under way does not end within 80 ms");
	b.rig->keeps = false;
	start(&b);
	/* Failing its own, the function is reset. */
	b.rig->keeps = true;
	must(baton_port_stop(b.port));
	b.rig->keeps = false;
	must(baton_port_start(b.port));
	assert_true(passes(&b, own));
	end(&b);
}

/* The port does not start with a queue that does not get enabled, and starts later. */
static void
queue_stays(void **state)
{
	struct spoiled how = { 0xc000 + DCTL, ENABLE, 0 };
	struct bench b;

	begin(&b);
	start(&b);
	must(baton_port_stop(b.port));
	b.rig->arg = &how;
	b.rig->on_access = spoil;
	assert_int_equal(baton_port_start(b.port), -ETIMEDOUT);
	assert_non_null(strstr(baton_last_error(), "rxq 0: enabling a queue does not end"));
	b.rig->on_access = NULL;
	must(baton_port_start(b.port));
	assert_true(passes(&b, own));
	end(&b);
}

/* All registers read as all ones from one access on, wherever that is. */
static bool
goes(struct e1000e_rig *r, uint32_t off, bool write, uint32_t *v)
{
	unsigned *left = r->arg;

	if (*left && !--*left)
		r->q->pci.dead = true;
	if (r->q->pci.dead)
		*v = UINT32_MAX;
	return r->q->pci.dead;
}

static void
gone(void **state)
{
	for (unsigned after = 1; after < 400; after += 23) {
		struct baton_port *port = NULL;
		unsigned left = after;
		struct bench b;
		int ret;

		begin(&b);
		b.rig->arg = &left;
		b.rig->on_access = goes;
		ret = baton_port_open(b.ctx, QTEST_BDF, &port);
		if (ret < 0) {
			assert_true(ret == -ENODEV || ret == -EPROTO || ret == -EIO);
			assert_int_equal(b.rig->q->pci.attached, 0);
		} else {
			b.port = port;
		}
		end(&b);
	}
}

/* Removed in the middle of traffic: bursts end, and counters stay what they were. */
static void
gone_in_traffic(void **state)
{
	struct frame f = frame_tcp(100);
	struct baton_port_info info;
	struct baton_token t[64];
	uint64_t packets;
	struct bench b;

	begin(&b);
	start(&b);
	assert_true(arrives(&b, &f));
	packets = counter(&b, "rx_total_packets");
	must(baton_alloc(b.worker, b.pool, t, 4));
	for (unsigned i = 0; i < 4; i++)
		t[i].len = 100;
	assert_int_equal(baton_tx_burst(b.tx[0], t, 4), 4);
	b.rig->q->pci.dead = true;
	assert_int_equal(counter(&b, "rx_total_packets"), packets);
	pci_model_signal(b.rig->q->pci.irq[0]);
	do {
		must(baton_ctx_poll(b.ctx, 100));
		(void)baton_rx_burst(b.rx[0], t, 64);
		(void)baton_tx_burst(b.tx[0], t, 0);
		baton_port_info(b.port, &info);
	} while (info.state != BATON_PORT_REMOVED);
	assert_int_equal(counter(&b, "rx_total_packets"), packets);
	(void)baton_port_stop(b.port);
	end(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flows),
		cmocka_unit_test(rss),
		cmocka_unit_test(one_queue),
		cmocka_unit_test(drops),
		cmocka_unit_test(counters),
		cmocka_unit_test(bad_devices),
		cmocka_unit_test(virtual_function),
		cmocka_unit_test(phy),
		cmocka_unit_test(no_reset),
		cmocka_unit_test(queue_stays),
		cmocka_unit_test(gone),
		cmocka_unit_test(gone_in_traffic),
	};

	return bench_run(tests);
}
