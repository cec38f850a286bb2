/* SPDX-License-Identifier: BSD-3-Clause */
/* Drivers that contradict themselves, or the device, are refused when a port is opened, by name. */
#include "made_driver.h"

#include "nic/phy.h"

static int
good_ring(struct nic_dev *dev, struct nic_queue *nq)
{
	return 0;
}

static size_t
own_bytes(const struct nic_dev *dev)
{
	return 64;
}

static int
can(const struct nic_dev *dev, enum nic_setting setting, const char *what)
{
	return 0;
}

static int
can_stop(const struct nic_dev *dev)
{
	return 0;
}

static uint32_t
segs(const uint8_t *hdr)
{
	return 1;
}

static uint64_t
meta(const uint8_t *hdr)
{
	return 0;
}

static uint8_t
front(const struct nic_dev *dev)
{
	return 8;
}

static int
mdio(const struct nic_dev *dev, bool write, unsigned reg, uint16_t *value)
{
	return 0;
}

static bool
link_state(const struct nic_dev *dev, struct nic_phy_state *state)
{
	return true;
}

static void
set_flow(struct nic_dev *dev)
{
}

static void
set_pauses(struct nic_dev *dev, enum baton_pause mode)
{
}

#define PHY   .state = link_state, .set_flow = set_flow, .set_pauses = set_pauses
#define LEAST .rx_buffer = NIC_PHY_BUFFER_MIN

static const struct nic_phy_ops mute_phy = { PHY, LEAST, .flow_step = 1 },
				stepless_phy = { PHY, LEAST, .mdio = mdio },
				small_phy = { PHY, .rx_buffer = NIC_PHY_BUFFER_MIN - 1,
					      .mdio = mdio, .flow_step = 1 },
				good_phy = { PHY, LEAST, .mdio = mdio, .flow_step = 1 };

static const struct pci_id pci_ids[] = { { 0x4558, 0x0001 }, { 0, 0 } };

#define SPOIL(name, change)                                                                        \
	static void spoil_##name(void)                                                             \
	{                                                                                          \
		change;                                                                            \
	}

SPOIL(dma, made.driver.dma = false) /* and bounces, without it */
SPOIL(ops, made.driver.priv = NULL)
SPOIL(rx, made.ops.rx = NULL)
SPOIL(tx, made.ops.tx = NULL)
SPOIL(no_bursts, made.ops.bursts = NULL)
SPOIL(open, made.ops.open = NULL)
SPOIL(close, made.ops.close = NULL)
SPOIL(ready, made.ops.ready = NULL)
SPOIL(start, made.ops.start = NULL)
SPOIL(stop, made.ops.stop = NULL)
SPOIL(lost, made.ops.lost = NULL)
SPOIL(reset, made.ops.reset = NULL)
SPOIL(ring_start, made.ops.ring_start = good_ring)
SPOIL(ring_stop, made.ops.ring_stop = good_ring)
SPOIL(ring_can_stop, made.ops.ring_can_stop = can_stop)
SPOIL(own_bytes, made.ops.own_bytes = own_bytes)
SPOIL(ring_bytes, made.ops.desc_bytes = 0)
SPOIL(can, made.ops.can = can)
SPOIL(clock, made.ops.offloads = BATON_OFFLOAD_RX_EVENT)
SPOIL(event, (made.ops.offloads = BATON_OFFLOAD_TX_EVENT, made.tx.side = false))
SPOIL(rx_next, made.rx.next = NULL)
SPOIL(rx_plain, made.rx.plain = NULL)
SPOIL(rx_put, made.rx.put = NULL)
SPOIL(rx_commit, made.rx.commit = NULL)
SPOIL(rx_restore, made.rx.restore = NULL)
SPOIL(rx_counts, made.rx.counts_segs = true)
SPOIL(rx_counts_nowhere, (made.rx.counts_segs = true, made.rx.segs = segs, made.rx.header = 0))
SPOIL(rx_meta, made.rx.meta = meta)
SPOIL(rx_two, made.rx.two_rings = true)
SPOIL(rx_two_in_order, (made.rx.two_rings = true, made.rx.any_order = false, made.rx.plain = NULL))
SPOIL(rx_header, made.rx.header = 65)
SPOIL(tx_put, made.tx.put = NULL)
SPOIL(tx_commit, made.tx.commit = NULL)
SPOIL(tx_published, made.tx.published = NULL)
SPOIL(tx_key, made.tx.key = NULL)
SPOIL(tx_in_turn, made.tx.in_turn = NULL)
SPOIL(tx_plain_header, made.tx.plain_header = NULL)
SPOIL(tx_write_header, made.tx.write_header = NULL)
SPOIL(tx_header, made.tx.header = 200)
SPOIL(burst, made.bursts.rx[2] = NULL)
SPOIL(info_burst, made.bursts.rx_info = NULL)
SPOIL(bounced_info_burst, made.bursts.rx_info_bounce = NULL)
SPOIL(front_unread, (made.rx.describe = NULL, made.ops.rx_front = front))
SPOIL(bounced_burst, made.bursts.rx_bounce[3] = NULL)
SPOIL(tx_burst, made.bursts.tx = NULL)
SPOIL(peek, made.bursts.peek = NULL)
SPOIL(pci_ops, made.ops.pci = &made.pci)
SPOIL(phy_mdio, made.ops.phy = &mute_phy)
SPOIL(phy_step, made.ops.phy = &stepless_phy)
SPOIL(phy_buffer, made.ops.phy = &small_phy)
SPOIL(phy_link, (made.ops.phy = &good_phy, made.ops.set_link = NULL))
SPOIL(ring_bits, made.ops.ring_bits = 0)
SPOIL(data_bits, made.ops.data_bits = 0)
SPOIL(many_bits, made.ops.data_bits = 65)
SPOIL(no_ring, made.info.min_descs = made.info.max_descs = made.info.default_descs = 0)
SPOIL(no_least, made.info.min_descs = 0)
SPOIL(odd_least, made.info.min_descs = 12)
SPOIL(odd_most, made.info.max_descs = 1000)
SPOIL(odd_default, made.info.default_descs = 300)
SPOIL(crossed, made.info.min_descs = 2048)
SPOIL(default_below, made.info.default_descs = 4)
SPOIL(default_above, made.info.default_descs = 2048)
SPOIL(gap, made.rx.gap = 8)
SPOIL(tx_gap, made.tx.gap = 7)
SPOIL(no_segs, made.info.max_segs = 0)
SPOIL(many_segs, made.info.max_segs = NIC_TX_MAX_SEGS + 1)
SPOIL(no_rx_queue, made.info.max_rx_queues = 0)
SPOIL(no_tx_queue, made.info.max_tx_queues = 0)
SPOIL(many_queues, made.info.max_rx_queues = BATON_MAX_QUEUES + 1)
SPOIL(small_mtu, made.info.mtu = 60)
SPOIL(large_mtu, made.info.max_mtu = 9001)
SPOIL(mtu_above, made.info.max_mtu = 1000)
SPOIL(short_key, made.info.rss_key_len = 39)
SPOIL(long_key, made.info.rss_key_len = 53)
SPOIL(odd_table, made.info.rss_table_len = 100)
SPOIL(long_table, made.info.rss_table_len = 1024)
SPOIL(only_table, made.info.rss_table_len = 128)
SPOIL(no_set_rss, made.info.rss_types = 1)
SPOIL(rss_types, made.info.rss_types = 0x100)
SPOIL(fixed_speed, (made.link.speeds = 1, made.link.fixed_speeds = 2))
SPOIL(speeds, made.link.speeds = 1)
SPOIL(flow, made.link.flow_max = 4096)

static const struct contradiction {
	void (*spoil)(void);
	const char *says;
} contradictions[] = {
	{ spoil_dma, "lacks dma" },
	{ spoil_ops, "struct nic_ops" },
	{ spoil_rx, "both codecs" },
	{ spoil_tx, "both codecs" },
	{ spoil_no_bursts, "bursts" },
	{ spoil_open, "one of open" },
	{ spoil_close, "close" },
	{ spoil_ready, "ready" },
	{ spoil_start, "start" },
	{ spoil_stop, "stop" },
	{ spoil_lost, "lost" },
	{ spoil_reset, "reset" },
	{ spoil_ring_start, "ring_stop, while" },
	{ spoil_ring_stop, "ring_start or" },
	{ spoil_ring_can_stop, "the ring_stop that" },
	{ spoil_own_bytes, "own_attach" },
	{ spoil_ring_bytes, "ring_bytes" },
	{ spoil_can, "`can`" },
	{ spoil_clock, "clock" },
	{ spoil_event, "IPv4 checksums or events" },
	{ spoil_rx_next, "next" },
	{ spoil_rx_plain, "plain of its RX codec" },
	{ spoil_rx_put, "put" },
	{ spoil_rx_commit, "commit of its RX codec" },
	{ spoil_rx_restore, "restore" },
	{ spoil_rx_counts, "segs" },
	{ spoil_rx_counts_nowhere, "a header of its RX codec" },
	{ spoil_rx_meta, "verdict" },
	{ spoil_rx_two, "plain, counts_segs and verdict, while that has two rings" },
	{ spoil_rx_two_in_order, "any_order of its RX codec, which has two rings" },
	{ spoil_rx_header, "headers of 65 (RX) and 12" },
	{ spoil_tx_put, "put" },
	{ spoil_tx_commit, "commit of its TX codec" },
	{ spoil_tx_published, "published" },
	{ spoil_tx_key, "key" },
	{ spoil_tx_in_turn, "in_turn" },
	{ spoil_tx_plain_header, "plain_header" },
	{ spoil_tx_write_header, "write_header" },
	{ spoil_tx_header, "200 bytes (TX)" },
	{ spoil_burst, "a burst" },
	{ spoil_bounced_burst, "a burst" },
	{ spoil_info_burst, "NIC_INFO" },
	{ spoil_bounced_info_burst, "NIC_INFO" },
	{ spoil_front_unread, "in front of packets" },
	{ spoil_tx_burst, "a burst" },
	{ spoil_peek, "a burst" },
	{ spoil_pci_ops, "PCI ids" },
	{ spoil_phy_mdio, "mdio" },
	{ spoil_phy_step, "flow_step" },
	{ spoil_phy_buffer, "rx_buffer" },
	{ spoil_phy_link, "set_link" },
	{ spoil_ring_bits, "0 bits for rings" },
	{ spoil_data_bits, "0 for packets" },
	{ spoil_many_bits, "65 for packets" },
	{ spoil_no_ring, "0 to 0 places" },
	{ spoil_no_least, "0 to 1024 places" },
	{ spoil_odd_least, "12 to 1024" },
	{ spoil_odd_most, "8 to 1000" },
	{ spoil_odd_default, "300 unless" },
	{ spoil_crossed, "2048 to 1024" },
	{ spoil_default_below, "4 unless" },
	{ spoil_default_above, "2048 unless" },
	{ spoil_gap, "8 stay empty" },
	{ spoil_tx_gap, "7 stay empty" },
	{ spoil_no_segs, "up to 0 buffers" },
	{ spoil_many_segs, "up to 33 buffers" },
	{ spoil_short_key, "keys of 39 bytes" },
	{ spoil_long_key, "keys of 53 bytes" },
	{ spoil_odd_table, "a table of 100 queues" },
	{ spoil_long_table, "a table of 1024 queues" },
	{ spoil_only_table, "hash types 0, " },
	{ spoil_no_set_rss, "without set_rss" },
	{ spoil_rss_types, "hash types 0x100" },
	{ spoil_fixed_speed, "fixed ones 0x2" },
	{ spoil_speeds, "without set_link" },
	{ spoil_flow, "4096 bytes in steps of 0" },
	{ spoil_no_rx_queue, "0 RX and 1 TX" },
	{ spoil_no_tx_queue, "1 RX and 0 TX" },
	{ spoil_many_queues, "65 RX" },
	{ spoil_small_mtu, "MTU of 60" },
	{ spoil_large_mtu, "9001 at most" },
	{ spoil_mtu_above, "1000 at most" },
};

static void
contradictions_are_refused(void **state)
{
	struct baton_ctx *ctx = made_context();

	for (size_t i = 0; i < sizeof(contradictions) / sizeof(contradictions[0]); i++) {
		const struct contradiction *c = &contradictions[i];
		struct baton_port *port = NULL;

		make_driver();
		c->spoil();
		if (baton_port_open(ctx, "net_made0", &port) != -EINVAL)
			fail_msg("\"%s\" is not refused", c->says);
		assert_null(port);
		if (!strstr(baton_last_error(), c->says) || !strstr(baton_last_error(), "driver "
											"net_"
											"made "))
			fail_msg("not \"%s\" of driver net_made in: %s", c->says,
				 baton_last_error());
		assert_int_equal(made.opened, made.closed);
	}
	assert_int_equal(baton_ctx_destroy(ctx), 0);
}

/* PCI ids make it a driver of PCI devices, which are opened by address: its ops are asked directly.
 */
static void
halves_of_a_pci_driver(void **state)
{
	make_driver();
	made.driver.pci_ids = pci_ids;
	assert_int_equal(nic_check_ops(&made.driver), -EINVAL);
	assert_non_null(strstr(baton_last_error(), "struct nic_pci_ops, while"));
	made.ops.pci = &made.pci;
	made.pci = (struct nic_pci_ops){ .quiesce = made_good,
					 .identify = made_good,
					 .start = made_good };
	assert_int_equal(nic_check_ops(&made.driver), -EINVAL);
	assert_non_null(strstr(baton_last_error(), "poll of struct nic_pci_ops"));
}

static void
a_complete_one_is_not(void **state)
{
	struct baton_ctx *ctx = made_context();
	struct baton_port *port;

	make_driver();
	assert_int_equal(baton_port_open(ctx, "net_made0", &port), 0);
	assert_int_equal(baton_port_close(port), 0);
	assert_int_equal(made.closed, 1);
	assert_int_equal(baton_ctx_destroy(ctx), 0);
}

/* What a driver does not declare, the kit refuses, whatever the application asks for. */
static void
what_it_cannot_is_refused(void **state)
{
	static const char *const needs_slots[] = { ",bounce=always", ",confine=on" };
	struct baton_worker_config w = { .size = sizeof(w), .name = "w", .cache_size = 64 };
	struct baton_port_config pc = { .size = sizeof(pc), .rx_queues = 1, .tx_queues = 1 };
	struct baton_queue_config q = { .size = sizeof(q), .descs = 16 };
	struct baton_ctx *ctx = made_context();
	struct baton_pool_config p;
	struct baton_worker *worker;
	struct baton_pool *pool;
	struct baton_port *port;
	struct baton_rxq *rx;
	struct baton_txq *tx;
	const uint8_t mac[6] = { 2 };
	char spec[64];

	make_driver();
	made.driver.bounces = false;
	for (unsigned i = 0; i < 2; i++) {
		snprintf(spec, sizeof(spec), "net_made0%s", needs_slots[i]);
		assert_int_equal(baton_port_open(ctx, spec, &port), -ENOTSUP);
	}
	baton_pool_config_init(&p);
	p.count = 1024;
	p.page_size = BATON_PAGE_4K;
	assert_int_equal(baton_pool_create(ctx, &p, &pool), 0);
	assert_int_equal(baton_worker_create(ctx, &w, &worker), 0);
	assert_int_equal(baton_port_open(ctx, "net_made0", &port), 0);
	pc.offloads = 1u << 31; /* nothing has it */
	assert_int_equal(baton_port_configure(port, &pc), -ENOTSUP);
	pc.offloads = 0;
	assert_int_equal(baton_port_configure(port, &pc), 0);
	q.worker = worker;
	assert_int_equal(baton_txq_setup(port, 0, &q, &tx), 0);
	q.pool = pool;
	assert_int_equal(baton_rxq_setup(port, 0, &q, &rx), 0);
	rx_there = tx_there = 0;
	assert_int_equal(baton_port_start(port), 0);
	assert_int_equal(baton_rxq_stop(rx), -ENOTSUP);
	assert_int_equal(baton_txq_stop(tx), -ENOTSUP);
	assert_int_equal(baton_rxq_arm(rx), -ENOTSUP);
	assert_int_equal(baton_txq_arm(tx), -ENOTSUP);
	assert_int_equal(baton_port_set_mac(port, mac), -ENOTSUP);
	assert_int_equal(baton_port_set_promisc(port, 1), -ENOTSUP);
	assert_int_equal(baton_port_set_allmulti(port, 1), -ENOTSUP);
	assert_int_equal(baton_port_set_macs(port, &mac, 1), -ENOTSUP);
	assert_int_equal(baton_port_set_vlan(port, 1, 1), -ENOTSUP);
	assert_int_equal(baton_port_close(port), 0);
	assert_int_equal(baton_worker_destroy(worker), 0);
	assert_int_equal(baton_pool_destroy(pool), 0);
	assert_int_equal(baton_ctx_destroy(ctx), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_complete_one_is_not),
		cmocka_unit_test(contradictions_are_refused),
		cmocka_unit_test(halves_of_a_pci_driver),
		cmocka_unit_test(what_it_cannot_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
