/* SPDX-License-Identifier: BSD-3-Clause */
/* Ports and queues that stop and start with packets in them, and devices that do not let go. */
#include "bench.h"

static uint64_t
discarded(const struct bench *b, bool tx)
{
	struct baton_stats st;

	baton_port_stats(b->port, &st);
	return tx ? st.tx_discarded : st.rx_discarded;
}

/* Of a frame that came before a stop: it is received afterwards, or was counted as discarded. */
static void
find_again(struct bench *b, const uint8_t *in, uint32_t len, uint64_t lost)
{
	struct baton_token t[64];

	if (!has(b, F_RX_OUTSIDE))
		return;
	if (!lost)
		must(baton_free(b->worker, t, receive(b, 0, in, len, t)));
	else
		assert_int_equal(lost, 1);
	assert_int_equal(baton_rx_burst(b->rx, t, 64), 0);
}

/* Stopped and started with packets in the rings: none is lost uncounted, none is doubled. */
static void
stop_and_start(struct bench *b)
{
	uint8_t in[60], got[MODEL_FRAME_MAX];

	for (unsigned k = 0; k < 2; k++) {
		const uint64_t rx = discarded(b, false), tx = discarded(b, true);
		struct baton_token t[1];

		make(in, sizeof(in), k);
		if (has(b, F_RX_OUTSIDE))
			assert_true(b->m->receive(b->dev, 0, in, sizeof(in)));
		must(baton_alloc(b->worker, b->pool, t, 1));
		make(baton_data(b->worker, t[0]), sizeof(in), k);
		t[0].len = sizeof(in);
		assert_int_equal(baton_tx_burst(b->tx, t, 1), 1);
		must(baton_port_stop(b->port));
		assert_int_equal(bench_out(b), 0);
		if (has(b, F_TX_OUTSIDE) && discarded(b, true) == tx) {
			assert_int_equal(b->m->send(b->dev, 0, got), sizeof(in));
			assert_memory_equal(got, in, sizeof(in));
		}
		must(baton_port_start(b->port));
		find_again(b, in, sizeof(in), discarded(b, false) - rx);
		one_each_way(b, 1500, k);
	}
}

/* A queue is stopped, and the other direction goes on meanwhile. */
static void
one_direction(struct bench *b)
{
	struct baton_token t[64];
	uint8_t in[500];
	unsigned n;

	make(in, sizeof(in), 2);
	if (has(b, F_RX_STOP)) {
		n = take(b, in, sizeof(in), t);
		must(baton_rxq_stop(b->rx));
		send(b, 0, in, sizeof(in), t, n);
		must(baton_rxq_start(b->rx));
		one_each_way(b, 500, 3);
	}
	if (has(b, F_TX_STOP)) {
		must(baton_txq_stop(b->tx));
		n = take(b, in, sizeof(in), t);
		assert_int_equal(baton_tx_burst(b->tx, t, n), -ENETDOWN);
		must(baton_txq_start(b->tx));
		send(b, 0, in, sizeof(in), t, n);
	}
}

static bool
has_let_go(struct bench *b)
{
	return !held_by(b, BATON_HOLDER_QUARANTINE);
}

/* What a device does not confirm to have let go of is in quarantine until it does. */
static void
unconfirmed(struct bench *b)
{
	char args[256];
	int ret;

	snprintf(args, sizeof(args), "%s%s", b->way->args, b->m->impatient ? b->m->impatient : "");
	must(bench_reopen(b, args));
	b->m->keep(b->dev, true);
	ret = baton_port_stop(b->port);
	/* Slots of a program on this machine are memory of their own, which it may keep. */
	assert_true(ret == -ETIMEDOUT || (b->way->bounced && !ret));
	if (!b->way->bounced)
		assert_true(held_by(b, BATON_HOLDER_QUARANTINE) > 0);
	b->m->keep(b->dev, false);
	must(baton_port_reset(b->port));
	serve(b, has_let_go);
	must(baton_port_start(b->port));
	one_each_way(b, 700, 1);
}

static const struct model_settings wanted = {
	.promisc = true,
	.mac = { 2, 1, 2, 3, 4, 5 },
	.more = { 2, 9, 8, 7, 6, 5 },
	.vid = 100,
};

/* As wanted, with the last of the link's speeds, and pauses of which only the time is unusual. */
static struct model_settings
settings_of(struct bench *b)
{
	const uint32_t speeds = baton_port_speeds(b->port, NULL);
	struct model_settings s = wanted;

	s.speeds = speeds & ~(speeds >> 1);
	if (has(b, F_FLOW)) {
		must(baton_port_flow_control(b->port, &s.flow));
		s.flow.mode = BATON_PAUSE_RX;
		s.flow.pause_time = 0x4321;
	}
	return s;
}

static bool
has_settings(struct bench *b)
{
	struct model_settings s = settings_of(b);
	struct baton_port_info info;

	for (enum feature f = F_MAC; f <= F_FLOW; f++)
		s.which |= has(b, f) ? F_BIT(f) : 0;
	baton_port_info(b->port, &info);
	if (has(b, F_MAC) && memcmp(info.mac, s.mac, 6) != 0)
		return false;
	return info.state == BATON_PORT_STARTED && (!b->m->has || b->m->has(b->dev, &s));
}

static bool
is_back_with_settings(struct bench *b)
{
	return b->lost && b->back == b->lost && has_settings(b);
}

/* What was asked for is there again after a stop, after a reset, and after a return. */
static void
settings_kept(struct bench *b)
{
	if (has(b, F_MAC))
		MUST_ANSWER(b, baton_port_set_mac(b->port, wanted.mac));
	if (has(b, F_PROMISC))
		MUST_ANSWER(b, baton_port_set_promisc(b->port, 1));
	if (has(b, F_ALLMULTI))
		MUST_ANSWER(b, baton_port_set_allmulti(b->port, 0));
	if (has(b, F_MACS))
		MUST_ANSWER(b, baton_port_set_macs(b->port, &wanted.more, 1));
	if (has(b, F_VLAN))
		MUST_ANSWER(b, baton_port_set_vlan(b->port, wanted.vid, 1));
	if (has(b, F_SPEEDS))
		must(baton_port_set_speeds(b->port, settings_of(b).speeds, 1));
	if (has(b, F_FLOW)) {
		const struct model_settings s = settings_of(b);

		must(baton_port_set_flow_control(b->port, &s.flow));
	}
	assert_true(has_settings(b));
	must(baton_port_stop(b->port));
	must(baton_port_start(b->port));
	assert_true(has_settings(b));
	must(baton_port_reset(b->port));
	must(baton_port_start(b->port));
	assert_true(has_settings(b));
	if (!has(b, F_LOST))
		return;
	b->m->lose(b->dev);
	serve(b, is_back_with_settings);
	one_each_way(b, 700, 1);
}

const struct scenario life_scenarios[] = {
	{ "stop and start", stop_and_start, 0 },
	{ "one direction", one_direction, 0 },
	{ "unconfirmed", unconfirmed, F_BIT(F_DMA) },
	{ "settings", settings_kept, 0 },
	{ 0 },
};
