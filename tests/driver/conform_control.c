/* SPDX-License-Identifier: BSD-3-Clause */
/* Features of ports, queues and devices: the list says which settings and events there are. */
#include "bench.h"

/* ---- one queue alone ---- */

static void
check_rx_stop(struct bench *b)
{
	struct baton_token t[64];

	if (!has(b, F_RX_STOP)) {
		assert_int_equal(baton_rxq_stop(b->rx), -ENOTSUP);
		one_each_way(b, 1000, 0);
		return;
	}
	for (unsigned k = 0; k < 5; k++) {
		must(baton_rxq_stop(b->rx));
		assert_int_equal(baton_rx_burst(b->rx, t, 64), -ENETDOWN);
		must(baton_rxq_start(b->rx));
		one_each_way(b, 1000, k);
	}
}

static void
check_tx_stop(struct bench *b)
{
	if (!has(b, F_TX_STOP)) {
		assert_int_equal(baton_txq_stop(b->tx), -ENOTSUP);
		one_each_way(b, 1000, 0);
		return;
	}
	for (unsigned k = 0; k < 5; k++) {
		must(baton_txq_stop(b->tx));
		assert_int_equal(baton_tx_burst(b->tx, NULL, 0), -ENETDOWN);
		must(baton_txq_start(b->tx));
		one_each_way(b, 1000, k);
	}
}

static void
check_queues(struct bench *b)
{
	static uint8_t in[300];
	struct baton_token t[64];
	struct baton_port_info info;

	baton_port_info(b->port, &info);
	b->queues = 2;
	if (!has(b, F_QUEUES)) {
		assert_int_equal(info.max_rx_queues, 1);
		assert_int_equal(info.max_tx_queues, 1);
		must(baton_port_stop(b->port));
		assert_int_equal(bench_configure(b), -EINVAL);
		b->queues = 1;
		bench_restart(b);
		return;
	}
	bench_restart(b);
	for (unsigned i = 0; i < 20; i++) {
		const unsigned q = i & 1;
		int n;

		make_tcp(in, sizeof(in), i, false); /* of a flow, for devices that choose by it */
		if (has(b, F_RX_OUTSIDE)) {
			assert_true(b->m->receive(b->dev, q, in, sizeof(in)));
			assert_int_equal(baton_rx_burst(b->rxq[!q], t, 64), 0);
			n = (int)receive(b, q, in, sizeof(in), t);
		} else {
			n = baton_rx_burst(b->rxq[q], t, 64);
			assert_true(n > 0);
		}
		send(b, q, in, sizeof(in), t, (unsigned)n);
	}
}

/* ---- settings ---- */

/* The device has exactly one setting as asked for, as far as somebody can see that. */
static void
shows(const struct bench *b, enum feature f, struct model_settings s)
{
	s.which = F_BIT(f);
	if (b->m->has)
		assert_true(b->m->has(b->dev, &s));
}

static void
check_mac(struct bench *b)
{
	struct model_settings s = { .mac = { 2, 1, 2, 3, 4, 5 } };
	struct baton_port_info info;

	if (!has(b, F_MAC)) {
		assert_int_equal(baton_port_set_mac(b->port, s.mac), -ENOTSUP);
		return;
	}
	MUST_ANSWER(b, baton_port_set_mac(b->port, s.mac));
	baton_port_info(b->port, &info);
	assert_memory_equal(info.mac, s.mac, 6);
	shows(b, F_MAC, s);
}

static void
check_promisc(struct bench *b)
{
	if (!has(b, F_PROMISC)) {
		assert_int_equal(baton_port_set_promisc(b->port, 1), -ENOTSUP);
		return;
	}
	MUST_ANSWER(b, baton_port_set_promisc(b->port, 1));
	shows(b, F_PROMISC, (struct model_settings){ .promisc = true });
	MUST_ANSWER(b, baton_port_set_promisc(b->port, 0));
	shows(b, F_PROMISC, (struct model_settings){ .promisc = false });
}

static void
check_allmulti(struct bench *b)
{
	if (!has(b, F_ALLMULTI)) {
		assert_int_equal(baton_port_set_allmulti(b->port, 1), -ENOTSUP);
		return;
	}
	MUST_ANSWER(b, baton_port_set_allmulti(b->port, 1));
	shows(b, F_ALLMULTI, (struct model_settings){ .allmulti = true });
	MUST_ANSWER(b, baton_port_set_allmulti(b->port, 0));
	shows(b, F_ALLMULTI, (struct model_settings){ .allmulti = false });
}

static void
check_macs(struct bench *b)
{
	const struct model_settings s = { .more = { 2, 9, 8, 7, 6, 5 } };

	if (!has(b, F_MACS)) {
		assert_int_equal(baton_port_set_macs(b->port, &s.more, 1), -ENOTSUP);
		return;
	}
	MUST_ANSWER(b, baton_port_set_macs(b->port, &s.more, 1));
	shows(b, F_MACS, s);
	MUST_ANSWER(b, baton_port_set_macs(b->port, NULL, 0));
}

static void
check_vlan(struct bench *b)
{
	const struct model_settings s = { .vid = 100 };

	if (!has(b, F_VLAN)) {
		assert_int_equal(baton_port_set_vlan(b->port, s.vid, 1), -ENOTSUP);
		return;
	}
	MUST_ANSWER(b, baton_port_set_vlan(b->port, s.vid, 1));
	shows(b, F_VLAN, s);
	MUST_ANSWER(b, baton_port_set_vlan(b->port, s.vid, 0));
}

/* Beside an MTU there is room for an Ethernet header and two VLAN tags. */
static void
check_mtu(struct bench *b)
{
	static uint8_t in[1023];
	struct baton_token t;
	struct baton_port_info info;

	must(baton_port_stop(b->port));
	if (!has(b, F_MTU)) {
		assert_int_equal(baton_port_set_mtu(b->port, 1000), -ENOTSUP);
		must(baton_port_start(b->port));
		return;
	}
	baton_port_info(b->port, &info);
	assert_int_equal(baton_port_set_mtu(b->port, (uint16_t)(info.max_mtu + 1)), -EINVAL);
	must(baton_port_set_mtu(b->port, 1000));
	must(baton_port_start(b->port));
	make(in, sizeof(in), 5);
	must(baton_alloc(b->worker, b->pool, &t, 1));
	memcpy(baton_data(b->worker, t), in, sizeof(in));
	t.len = sizeof(in);
	assert_int_equal(baton_tx_burst(b->tx, &t, 1), -EMSGSIZE);
	t.len = sizeof(in) - 1;
	send(b, 0, in, sizeof(in) - 1, &t, 1);
}

/* One speed, negotiated; then the fixed one; and what cannot be. */
static void
check_speeds(struct bench *b)
{
	uint32_t fixed, all = baton_port_speeds(b->port, &fixed);
	const uint32_t one = all & (0 - all), fix = fixed & (0 - fixed);

	assert_int_equal(!!all, has(b, F_SPEEDS));
	if (!has(b, F_SPEEDS)) {
		assert_int_equal(baton_port_set_speeds(b->port, BATON_SPEED_100_FULL, 1), -ENOTSUP);
		return;
	}
	must(baton_port_set_speeds(b->port, one, 1));
	shows(b, F_SPEEDS, (struct model_settings){ .speeds = one });
	must(baton_port_set_speeds(b->port, 0, 1));
	shows(b, F_SPEEDS, (struct model_settings){ .speeds = all });
	if (fix) {
		must(baton_port_set_speeds(b->port, fix, 0));
		shows(b, F_SPEEDS, (struct model_settings){ .speeds = fix, .fixed = true });
	}
	assert_int_equal(baton_port_set_speeds(b->port, all, 0), -EINVAL);
	assert_int_equal(baton_port_set_speeds(b->port, ~all, 1), -EINVAL);
	/* A stopped port keeps it for the start. */
	must(baton_port_stop(b->port));
	must(baton_port_set_speeds(b->port, all, 1));
	must(baton_port_start(b->port));
	shows(b, F_SPEEDS, (struct model_settings){ .speeds = all });
}

static void
check_flow_control(struct bench *b)
{
	struct baton_flow_control c, now;
	int ret = baton_port_flow_control(b->port, &c);

	if (!has(b, F_FLOW)) {
		assert_int_equal(ret, -ENOTSUP);
		assert_int_equal(baton_port_set_flow_control(b->port, NULL), -ENOTSUP);
		return;
	}
	must(ret);
	c.mode = BATON_PAUSE_TX;
	c.autoneg = 0;
	c.pause_time = 0x1234;
	c.high_water -= c.high_water / 4;
	c.low_water /= 2;
	must(baton_port_set_flow_control(b->port, &c));
	must(baton_port_flow_control(b->port, &now));
	assert_true(now.high_water <= c.high_water && now.low_water <= c.low_water);
	assert_int_equal(now.mode, BATON_PAUSE_TX);
	shows(b, F_FLOW, (struct model_settings){ .flow = now });
	/* Limits, each with its own sentence. */
	c.high_water = c.low_water;
	assert_int_equal(baton_port_set_flow_control(b->port, &c), -EINVAL);
	c.high_water = UINT32_MAX;
	assert_int_equal(baton_port_set_flow_control(b->port, &c), -EINVAL);
	c = now;
	c.mode = BATON_PAUSE_FULL + 1;
	assert_int_equal(baton_port_set_flow_control(b->port, &c), -EINVAL);
	c = now;
	c.pause_time = 0;
	assert_int_equal(baton_port_set_flow_control(b->port, &c), -EINVAL);
	c = now;
	c.send_xon = 2;
	assert_int_equal(baton_port_set_flow_control(b->port, &c), -EINVAL);
	c = now;
	c.reserved = 1;
	assert_int_equal(baton_port_set_flow_control(b->port, &c), -E2BIG);
	shows(b, F_FLOW, (struct model_settings){ .flow = now });
	must(baton_port_set_flow_control(b->port, NULL));
}

/* ---- the device's own doing ---- */

static bool
link_is(const struct bench *b, bool up)
{
	struct baton_link link;

	baton_port_link(b->port, &link);
	return link.up == up;
}

static bool
link_is_down(struct bench *b)
{
	return link_is(b, false);
}

static bool
link_is_up(struct bench *b)
{
	return link_is(b, true);
}

static void
check_link(struct bench *b)
{
	assert_int_equal(has(b, F_LINK), b->m->link != NULL);
	assert_true(link_is_up(b));
	if (!has(b, F_LINK))
		return;
	for (unsigned k = 0; k < 2; k++) {
		b->m->link(b->dev, false);
		serve(b, link_is_down);
		b->m->link(b->dev, true);
		serve(b, link_is_up);
	}
	one_each_way(b, 100, 1);
}

static bool
is_back(struct bench *b)
{
	return b->lost && b->back == b->lost;
}

/* Away with packets in its rings, and back. */
static void
check_lost(struct bench *b)
{
	/* A device that fails again soon has to wait a second. */
	const unsigned times = *b->way->args || b->m->brief ? 1 : 2;
	uint8_t in[64];

	assert_int_equal(has(b, F_LOST), b->m->lose != NULL);
	make(in, sizeof(in), 4);
	for (unsigned k = 0; has(b, F_LOST) && k < times; k++) {
		b->lost = b->back = 0;
		assert_true(b->m->receive(b->dev, 0, in, sizeof(in)));
		b->m->lose(b->dev);
		serve(b, is_back);
		one_each_way(b, 900, k);
	}
}

static bool
is_removed(struct bench *b)
{
	struct baton_port_info info;

	baton_port_info(b->port, &info);
	return info.state == BATON_PORT_REMOVED && !bench_out(b);
}

static void
check_removed(struct bench *b)
{
	struct baton_token t[64];
	uint8_t in[64];

	assert_int_equal(has(b, F_REMOVED), b->m->remove != NULL);
	if (!has(b, F_REMOVED))
		return;
	make(in, sizeof(in), 4);
	assert_true(b->m->receive(b->dev, 0, in, sizeof(in)));
	b->m->remove(b->dev);
	serve(b, is_removed);
	assert_int_equal(baton_rx_burst(b->rx, t, 64), -ENETDOWN);
	assert_int_equal(baton_tx_burst(b->tx, t, 0), -ENETDOWN);
}

static void
check_reset(struct bench *b)
{
	must(baton_port_stop(b->port));
	if (!has(b, F_RESET)) {
		assert_int_equal(baton_port_reset(b->port), -ENOTSUP);
		must(baton_port_start(b->port));
		return;
	}
	for (unsigned k = 0; k < 3; k++) {
		must(baton_port_reset(b->port));
		must(baton_port_start(b->port));
		one_each_way(b, 700, k);
		/* With packets in its rings, too. */
		if (has(b, F_RX_OUTSIDE) && has(b, F_DMA))
			assert_true(b->m->receive(b->dev, 0, "12345678901234567890", 20));
	}
}

/* ---- statistics ---- */

/* For whoever compares the counters of several drivers. */
static void
print_counters(const struct bench *b)
{
	struct baton_xstat x[128];
	const unsigned n = baton_port_xstats(b->port, x, 128);

	assert_true(n <= 128);
	for (unsigned i = 0; i < n; i++)
		printf("counter %s %s %s\n", has(b, F_DMA) ? "dma" : "software", b->m->name,
		       x[i].name);
}

static uint64_t
counter(const struct bench *b, const char *name)
{
	struct baton_xstat x[128];
	const unsigned n = baton_port_xstats(b->port, x, 128);

	for (unsigned i = 0; i < n && i < 128; i++)
		if (!strcmp(x[i].name, name))
			return x[i].value;
	return 0;
}

static void
check_stats(struct bench *b)
{
	struct baton_stats st;
	uint64_t bytes = 0;

	for (unsigned i = 0; i < 10; i++)
		one_each_way(b, 100 + i, i);
	must(baton_tx_clean(b->tx, 100));
	baton_rxq_stats(b->rx, &st);
	if (!has(b, F_STATS)) {
		assert_int_equal(st.rx_packets, 0);
		return;
	}
	assert_int_equal(st.rx_packets, b->taken_packets);
	assert_int_equal(st.rx_bytes, b->taken_bytes);
	baton_txq_stats(b->tx, &st);
	assert_int_equal(st.tx_packets, 10);
	bytes = st.tx_bytes;
	assert_int_equal(!!counter(b, "tx_q0_kicks"), has(b, F_DMA)); /* the device was told */
	if (has(b, F_RX_OUTSIDE))
		assert_int_equal(bytes, 1045);
	must(baton_port_stop(b->port));
	must(baton_port_start(b->port));
	baton_rxq_stats(b->rx, &st); /* a queue's counters go on */
	assert_int_equal(st.rx_packets, b->taken_packets);
	baton_port_stats_reset(b->port);
	baton_port_stats(b->port, &st);
	assert_int_equal(st.rx_packets + st.tx_packets + st.tx_bytes, 0);
	if (getenv("CONFORM_COUNTERS"))
		print_counters(b);
}

/* A clock runs only where times are taken, and is that of the device. */
static void
check_events(struct bench *b)
{
	const uint32_t events = BATON_OFFLOAD_RX_EVENT | BATON_OFFLOAD_TX_EVENT;
	struct baton_port_info info;
	uint64_t first, next;

	baton_port_info(b->port, &info);
	assert_int_equal(!!(info.offloads & events), has(b, F_EVENTS));
	assert_int_equal(baton_port_clock_read(b->port, &first), -ENOTSUP);
	b->offloads = events;
	if (!has(b, F_EVENTS)) {
		must(baton_port_stop(b->port));
		assert_int_equal(bench_configure(b), -ENOTSUP);
		b->offloads = 0;
		bench_restart(b);
		return;
	}
	bench_restart(b);
	must(baton_port_clock_read(b->port, &first));
	must(baton_port_clock_adjust(b->port, 1000000000000));
	must(baton_port_clock_read(b->port, &next));
	assert_true(next - first >= 1000000000000);
	assert_int_equal(baton_port_rx_event(b->port, &next), 0);
	assert_int_equal(baton_port_tx_event(b->port, &next), 0);
}

void (*const control_checks[FEATURES])(struct bench *b) = {
	[F_RX_STOP] = check_rx_stop,   [F_TX_STOP] = check_tx_stop,   [F_MAC] = check_mac,
	[F_PROMISC] = check_promisc,   [F_ALLMULTI] = check_allmulti, [F_MACS] = check_macs,
	[F_VLAN] = check_vlan,         [F_MTU] = check_mtu,           [F_SPEEDS] = check_speeds,
	[F_FLOW] = check_flow_control, [F_LINK] = check_link,         [F_LOST] = check_lost,
	[F_REMOVED] = check_removed,   [F_RESET] = check_reset,       [F_STATS] = check_stats,
	[F_QUEUES] = check_queues,     [F_EVENTS] = check_events,
};
