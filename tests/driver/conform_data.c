/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets, byte for byte, and who owns their buffers. */
#include "bench.h"

/* Frames of all lengths, each byte of them, several times round the rings. */
static void
exact_bytes(struct bench *b)
{
	static const uint32_t lens[] = { 14,   60,   63,   64,   65,   128,  1500, 1514, 1518,
					 1522, 2036, 2047, 2048, 2049, 4095, 4097, 9022 };

	for (unsigned i = 0; i < 300; i++) {
		const uint32_t len = lens[i % (sizeof(lens) / sizeof(lens[0]))];

		if (len >= b->m->shortest && len <= longest(b))
			one_each_way(b, len, i);
	}
}

/* Full bursts, and rings that are full. Where a ring has half of a queue's places, or slots are
 * few, that is half a burst. */
static void
bursts(struct bench *b)
{
	uint8_t in[64], got[MODEL_FRAME_MAX];
	struct baton_token t[64];

	for (unsigned round = 0; round < 200; round++) {
		const unsigned most = 1 + round % 32;
		unsigned n = 0;

		do
			make(in, sizeof(in), round + n);
		while (b->m->receive(b->dev, 0, in, sizeof(in)) && ++n < most);
		assert_true(n >= most / 2 && n > 0);
		assert_int_equal(baton_rx_burst(b->rx, t, 64), n);
		assert_int_equal(baton_tx_burst(b->tx, t, n), n);
		for (unsigned i = 0; i < n; i++) {
			make(in, sizeof(in), round + i);
			assert_int_equal(b->m->send(b->dev, 0, got), sizeof(in));
			assert_memory_equal(got, in, sizeof(in));
		}
	}
}

/* The ring takes what it has room for, counts the rest, and goes on when there is room again. */
static void
full_ring(struct bench *b)
{
	struct baton_token t[2 * DESCS];
	uint8_t got[MODEL_FRAME_MAX];
	struct baton_stats st;
	int n, sent = 0;

	if (!has_tx_ring(b))
		return;
	must(baton_alloc(b->worker, b->pool, t, 2 * DESCS));
	for (unsigned i = 0; i < 2 * DESCS; i++) {
		make(baton_data(b->worker, t[i]), 100, i);
		t[i].len = 100;
	}
	while ((n = baton_tx_burst(b->tx, t + sent, 2 * DESCS - (unsigned)sent)) > 0)
		sent += n;
	assert_int_equal(n, 0);
	assert_true(sent > 0 && sent <= (int)DESCS);
	baton_txq_stats(b->tx, &st);
	assert_true(st.tx_full > 0);
	for (int i = 0; i < sent; i++) {
		uint8_t in[100];

		make(in, 100, (unsigned)i);
		assert_int_equal(b->m->send(b->dev, 0, got), 100);
		assert_memory_equal(got, in, 100);
	}
	must(baton_tx_clean(b->tx, 1000));
	n = baton_tx_burst(b->tx, t + sent, 1);
	assert_int_equal(n, 1);
	must(baton_free(b->worker, t + sent + 1, 2 * DESCS - (unsigned)sent - 1));
}

/* What is sent twice, or freed while it is sent, is refused, and nothing changes. */
static void
ownership(struct bench *b)
{
	struct baton_token t[1], copy;

	must(baton_alloc(b->worker, b->pool, t, 1));
	t[0].len = 60;
	copy = t[0];
	assert_int_equal(baton_tx_burst(b->tx, t, 1), 1);
	assert_int_equal(baton_tx_burst(b->tx, &copy, 1), -EPERM);
	assert_int_equal(baton_free(b->worker, &copy, 1), -EPERM);
	assert_int_equal(b->violations, 2);
	b->violations = 0;
}

/* What was received is the application's until it is sent or freed, whatever the port does. */
static void
kept_packets(struct bench *b)
{
	static uint8_t in[1000];
	struct baton_token t[64];
	unsigned n;

	make(in, sizeof(in), 8);
	n = take(b, in, sizeof(in), t);
	must(baton_port_stop(b->port));
	assert_int_equal(bench_out(b), n);
	must(baton_port_start(b->port));
	send(b, 0, in, sizeof(in), t, n);
}

/* A packet whose end is not there stays with the device. */
static void
half_a_packet(struct bench *b)
{
	struct baton_token t[64];
	uint32_t len;
	int n;

	if (!b->m->begin)
		return;
	assert_true(b->m->begin(b->dev, 128));
	for (unsigned k = 0; k < 3; k++)
		assert_int_equal(baton_rx_burst(b->rx, t, 64), 0);
	assert_true(b->m->end(b->dev, 20));
	n = baton_rx_burst(b->rx, t, 64);
	assert_int_equal(n, 2);
	len = t[0].len + t[1].len;
	assert_int_equal(len, 148);
	must(baton_free(b->worker, t, 2));
}

static void
bad_packets(struct bench *b)
{
	struct baton_stats st;
	struct baton_token t[64];
	uint8_t in[64];
	unsigned bad = 1;

	make(in, sizeof(in), 1);
	assert_true(b->m->receive(b->dev, 0, in, 10));
	if (b->m->damaged) {
		assert_true(b->m->damaged(b->dev));
		bad++;
	}
	assert_true(b->m->receive(b->dev, 0, in, sizeof(in)));
	assert_int_equal(receive(b, 0, in, sizeof(in), t), 1);
	must(baton_free(b->worker, t, 1));
	baton_rxq_stats(b->rx, &st);
	assert_int_equal(st.rx_errors, bad);
	assert_int_equal(st.rx_packets, 1);
}

/* A device that breaks the rules stops the queue, by name, and nothing else. */
static void
hostile(struct bench *b)
{
	struct baton_token t[64];
	unsigned told = 0;

	for (enum model_lie lie = 0; lie < LIES; lie++) {
		int n = 0;

		for (unsigned k = 0; k < 2 * DESCS && n != -EIO && b->m->lie(b->dev, lie); k++) {
			n = baton_rx_burst(b->rx, t, 64);
			if (n > 0)
				must(baton_free(b->worker, t, (unsigned)n));
		}
		if (n != -EIO)
			continue; /* it has no such lie, or can only tell it the kit's way */
		assert_true(strlen(baton_rxq_error(b->rx)) > 0);
		told++;
		must(baton_port_stop(b->port));
		must(baton_port_start(b->port));
		one_each_way(b, 500, lie);
	}
	assert_true(told >= 2);
}

/* The same of completions of what is sent: it stops that queue. */
static void
hostile_tx(struct bench *b)
{
	static uint8_t sent[MODEL_FRAME_MAX];
	struct baton_token t[2];
	unsigned told = 0;

	for (enum model_lie lie = 0; b->m->lie_tx && lie < LIES; lie++) {
		must(baton_alloc(b->worker, b->pool, t, 2));
		t[0].len = t[1].len = 60;
		assert_int_equal(baton_tx_burst(b->tx, t, 2), 2);
		if (b->m->lie_tx(b->dev, lie)) {
			assert_int_equal(baton_tx_clean(b->tx, 64), -EIO);
			assert_true(strlen(baton_txq_error(b->tx)) > 0);
			told++;
		}
		must(baton_port_stop(b->port));
		must(baton_port_start(b->port));
		/* A device may have sent them before it was stopped: they are on the cable. */
		for (int i = 0; i < 2 && has(b, F_TX_OUTSIDE); i++)
			(void)b->m->send(b->dev, 0, sent);
		one_each_way(b, 500, lie);
	}
	assert_true(told >= 2 || !b->m->lie_tx);
}

const struct scenario data_scenarios[] = {
	{ "exact bytes", exact_bytes, 0 },
	{ "bursts", bursts, F_BIT(F_RX_OUTSIDE) | F_BIT(F_TX_OUTSIDE) },
	{ "full ring", full_ring, 0 },
	{ "ownership", ownership, 0 },
	{ "kept packets", kept_packets, 0 },
	{ "half a packet", half_a_packet, F_BIT(F_RX_OUTSIDE) },
	{ "bad packets", bad_packets, F_BIT(F_RX_OUTSIDE) },
	{ "hostile", hostile, F_BIT(F_DMA) },
	{ "hostile when it sends", hostile_tx, F_BIT(F_DMA) },
	{ 0 },
};
