/* SPDX-License-Identifier: BSD-3-Clause */
/* Features of packets: the list says what the driver does with them. */
#include "bench.h"

/* ---- where packets are ---- */

static void
check_dma(struct bench *b)
{
	struct baton_reach_config c;

	baton_reach_config_init(&c);
	assert_int_equal(baton_port_get_reach(b->port, &c), has(b, F_DMA) ? 0 : -ENOTSUP);
	if (has(b, F_DMA))
		assert_true(baton_rxq_in_flight(b->rx) > 0);
}

/* Open the port by @args, and move a packet, if it has the feature; else that is refused. */
static bool
opens_with(struct bench *b, enum feature f, const char *args, struct baton_reach_summary *sum)
{
	const int ret = bench_reopen(b, args);

	if (has(b, f)) {
		must(ret);
		baton_port_reach_summary(b->port, sum);
		one_each_way(b, 1000, f);
		return true;
	}
	assert_int_equal(ret, has(b, F_DMA) ? -ENOTSUP : -EINVAL);
	assert_true(strlen(baton_last_error()) > 20);
	bench_open_again(b);
	return false;
}

static void
check_direct(struct bench *b)
{
	struct baton_reach_summary sum;

	if (!opens_with(b, F_DIRECT, ",bounce=never", &sum))
		return;
	assert_int_equal(sum.rx_slots + sum.tx_slots, 0);
	assert_true(held_by(b, BATON_HOLDER_QUEUE) > 0);
}

static void
check_bounce(struct bench *b)
{
	struct baton_reach_summary sum;

	if (!opens_with(b, F_BOUNCE, ",bounce=always", &sum))
		return;
	assert_true(sum.rx_slots && sum.tx_slots);
	assert_int_equal(held_by(b, BATON_HOLDER_QUEUE), 0);
}

static void
check_confined(struct bench *b)
{
	struct baton_reach_summary sum;

	if (opens_with(b, F_CONFINED, ",confine=on", &sum))
		assert_true(sum.confined);
}

static void
check_shared_slots(struct bench *b)
{
	struct baton_reach_summary sum;

	if (opens_with(b, F_SHARED_SLOTS, bench_shared_args(), &sum))
		assert_true(sum.shared_slots);
}

static void
check_limits(struct bench *b)
{
	struct baton_reach_summary sum;

	if (!opens_with(b, F_LIMITS, ",dma-limit=34,ring-limit=33", &sum))
		return;
	assert_int_equal(sum.data_bits, 34);
	assert_int_equal(sum.ring_bits, 33);
}

/* ---- where they come from, and go ---- */

static void
check_rx_outside(struct bench *b)
{
	struct baton_token t[64];
	uint8_t in[64];

	assert_int_equal(has(b, F_RX_OUTSIDE), b->m->receive != NULL);
	make(in, sizeof(in), 1);
	must(baton_free(b->worker, t, take(b, in, sizeof(in), t)));
}

static void
check_tx_outside(struct bench *b)
{
	assert_int_equal(has(b, F_TX_OUTSIDE), b->m->send != NULL);
	one_each_way(b, 64, 1);
}

static void
check_rx_buffers(struct bench *b)
{
	static uint8_t in[4097];
	struct baton_port_info info;
	struct baton_token t[64];
	unsigned n;

	baton_port_info(b->port, &info);
	if (!has(b, F_RX_BUFFERS)) {
		assert_int_equal(info.rx_max_segs, 1);
		return;
	}
	make(in, sizeof(in), 1);
	n = take(b, in, sizeof(in), t);
	assert_true(n > 1 && n <= info.rx_max_segs);
	must(baton_free(b->worker, t, n));
}

static void
check_tx_buffers(struct bench *b)
{
	static uint8_t in[900];
	struct baton_token t[3];

	make(in, sizeof(in), 6);
	must(baton_alloc(b->worker, b->pool, t, 3));
	for (unsigned i = 0; i < 3; i++) {
		memcpy(baton_data(b->worker, t[i]), in + 300 * i, 300);
		t[i].len = 300;
		t[i].flags = i < 2 ? BATON_TOKEN_CONT : 0;
	}
	if (has(b, F_TX_BUFFERS)) {
		send(b, 0, in, sizeof(in), t, 3);
		return;
	}
	assert_int_equal(baton_tx_burst(b->tx, t, 3), -EMSGSIZE);
	must(baton_free(b->worker, t, 3));
}

/* ---- checksums ---- */

/* Start the port with the offload. Return: whether the device does it; else it is software. */
static bool
start_with(struct bench *b, enum feature f, uint32_t offload)
{
	struct baton_port_info info;

	baton_port_info(b->port, &info);
	assert_int_equal(!!(info.offloads & offload), has(b, f));
	assert_int_equal(!!(info.soft_offloads & offload), !has(b, f));
	b->offloads = offload;
	bench_restart(b);
	return has(b, f);
}

static enum baton_csum
l4(struct baton_token t)
{
	return (enum baton_csum)(t.flags >> BATON_TOKEN_L4_SHIFT & 3);
}

static void
check_rx_csum(struct bench *b)
{
	struct baton_token t[64];
	uint8_t in[64];

	if (!start_with(b, F_RX_CSUM, BATON_OFFLOAD_RX_CSUM))
		return;
	for (unsigned good = 0; good < 2; good++) {
		if (good)
			make_tcp(in, sizeof(in), 1, false);
		else
			make(in, sizeof(in), 1);
		assert_true((good ? b->m->receive_good : b->m->receive)(b->dev, 0, in, sizeof(in)));
		assert_int_equal(receive(b, 0, in, sizeof(in), t), 1);
		assert_int_equal(l4(t[0]), good ? BATON_CSUM_GOOD : BATON_CSUM_UNKNOWN);
		must(baton_free(b->worker, t, 1));
	}
}

/* Send a packet whose checksum is to be filled in. Return: how many of these the device did. */
static unsigned
send_partial(struct bench *b)
{
	const unsigned before = b->m->csums ? b->m->csums(b->dev) : 0;
	uint8_t in[101], got[MODEL_FRAME_MAX], whole[101];
	struct baton_token t;

	make_tcp(in, sizeof(in), 4, true);
	make_tcp(whole, sizeof(whole), 4, false);
	must(baton_alloc(b->worker, b->pool, &t, 1));
	memcpy(baton_data(b->worker, t), in, sizeof(in));
	t.len = sizeof(in);
	t.flags = BATON_TOKEN_SIDE | BATON_CSUM_PARTIAL << BATON_TOKEN_L4_SHIFT;
	*baton_side(b->worker, t) = (struct baton_side){
		.valid = BATON_SIDE_CSUM, .l2_len = 14, .l3_len = 20, .csum_offset = 16
	};
	assert_int_equal(baton_tx_burst(b->tx, &t, 1), 1);
	if (!has(b, F_TX_OUTSIDE))
		return 0;
	assert_int_equal(b->m->send(b->dev, 0, got), sizeof(in));
	assert_memory_equal(got, whole, sizeof(in));
	return (b->m->csums ? b->m->csums(b->dev) : 0) - before;
}

static void
check_tx_csum(struct bench *b)
{
	assert_int_equal(send_partial(b), 0);
	const bool device = start_with(b, F_TX_CSUM, BATON_OFFLOAD_TX_CSUM);

	assert_int_equal(send_partial(b), device);
}

/* ---- looking ahead ---- */

static void
check_peek(struct bench *b)
{
	static uint8_t in[3000], seen[3000];
	struct baton_peek p = { .data = seen, .room = sizeof(seen) };
	const uint32_t len = longest(b) < sizeof(in) ? 1500 : sizeof(in);
	struct baton_token t[64];
	unsigned n;

	if (!has(b, F_PEEK)) {
		assert_int_equal(baton_rx_peek(b->rx, &p, 1), -ENOTSUP);
		return;
	}
	assert_int_equal(baton_rx_peek(b->rx, &p, 1), 0);
	make(in, len, 9);
	assert_true(b->m->receive(b->dev, 0, in, len));
	for (unsigned k = 0; k < 3; k++) {
		memset(seen, 0, sizeof(seen));
		assert_int_equal(baton_rx_peek(b->rx, &p, 1), 1);
		assert_int_equal(p.len, len);
		assert_memory_equal(seen, in, len);
	}
	n = receive(b, 0, in, len, t);
	assert_int_equal(baton_rx_peek(b->rx, &p, 1), 0);
	must(baton_free(b->worker, t, n));
}

/* ---- sleeping ---- */

static void
check_rx_wake(struct bench *b)
{
	struct baton_token t[64];
	uint8_t in[64];
	int fd;

	make(in, sizeof(in), 3);
	if (!has(b, F_RX_WAKE)) {
		assert_int_equal(baton_rxq_arm(b->rx), -ENOTSUP);
		return;
	}
	fd = baton_rxq_arm(b->rx);
	assert_false(is_readable(fd));
	assert_true(b->m->receive(b->dev, 0, in, sizeof(in)));
	assert_true(is_readable(fd));
	baton_rxq_disarm(b->rx);
	assert_true(is_readable(baton_rxq_arm(b->rx))); /* it is there already */
	baton_rxq_disarm(b->rx);
	must(baton_free(b->worker, t, receive(b, 0, in, sizeof(in), t)));
}

/* The device sends the next packet, the @i-th. */
static void
sends(struct bench *b, unsigned i)
{
	static uint8_t got[MODEL_FRAME_MAX], in[100];

	make(in, sizeof(in), i);
	assert_int_equal(b->m->send(b->dev, 0, got), sizeof(in));
	assert_memory_equal(got, in, sizeof(in));
}

/* A ring that takes no more: asleep until there is room, again and again, and nothing is lost. */
static void
send_asleep(struct bench *b)
{
	struct baton_token t[4 * DESCS];
	const unsigned all = 4 * DESCS;
	unsigned given = 0, sent = 0, wakes = 0;

	must(baton_alloc(b->worker, b->pool, t, all));
	for (unsigned i = 0; i < all; i++) {
		make(baton_data(b->worker, t[i]), 100, i);
		t[i].len = 100;
	}
	while (given < all) {
		int n = baton_tx_burst(b->tx, t + given, all - given < 32 ? all - given : 32), fd;

		must(n);
		given += (unsigned)n;
		if (n)
			continue;
		fd = baton_txq_arm(b->tx);
		assert_false(is_readable(fd));
		/* Each packet may complete alone or with others, but the last one wakes. */
		do
			sends(b, sent++);
		while (!is_readable(fd) && sent < given);
		assert_true(is_readable(fd));
		baton_txq_disarm(b->tx);
		wakes++;
		n = baton_tx_burst(b->tx, t + given, 1);
		assert_int_equal(n, 1); /* there is room */
		given++;
	}
	while (sent < all)
		sends(b, sent++);
	assert_true(wakes > 2);
}

static void
check_tx_wake(struct bench *b)
{
	if (!has(b, F_TX_WAKE)) {
		assert_int_equal(baton_txq_arm(b->tx), -ENOTSUP);
		return;
	}
	assert_true(is_readable(baton_txq_arm(b->tx))); /* nothing is in flight */
	baton_txq_disarm(b->tx);
	send_asleep(b);
	must(baton_tx_clean(b->tx, 1000));
}

void (*const packet_checks[FEATURES])(struct bench *b) = {
	[F_DMA] = check_dma,
	[F_DIRECT] = check_direct,
	[F_BOUNCE] = check_bounce,
	[F_CONFINED] = check_confined,
	[F_SHARED_SLOTS] = check_shared_slots,
	[F_LIMITS] = check_limits,
	[F_RX_OUTSIDE] = check_rx_outside,
	[F_TX_OUTSIDE] = check_tx_outside,
	[F_RX_BUFFERS] = check_rx_buffers,
	[F_TX_BUFFERS] = check_tx_buffers,
	[F_RX_CSUM] = check_rx_csum,
	[F_TX_CSUM] = check_tx_csum,
	[F_TX_SEGMENTS] = check_tx_segments,
	[F_RX_SEGMENTS] = check_rx_segments,
	[F_RX_HASH] = check_rx_hash,
	[F_PTYPES] = check_ptypes,
	[F_PEEK] = check_peek,
	[F_RX_WAKE] = check_rx_wake,
	[F_TX_WAKE] = check_tx_wake,
};
