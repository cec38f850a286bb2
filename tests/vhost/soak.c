/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sends packets with a sequence number and a checksum to a vhost-user backend that sends them back,
 * and verifies every one: nothing lost, doubled, reordered or altered. At random moments the port
 * is stopped; then everything must be home and the holders of the pool must add up to it.
 *
 * usage: soak DEVARGS PACKETS STOPS [mixed]
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <baton/baton.h>

#define BURST 32u
#define WINDOW                                                                                     \
	128u /* packets in flight: fewer than any ring on the way, so nobody has a reason to drop  \
	      */
#define POOL     8192u
#define MAX_LEN  9000u
#define MAX_SEGS 8u

struct soak {
	struct baton_ctx *ctx;
	struct baton_pool *pool;
	struct baton_worker *worker;
	struct baton_port *port;
	struct baton_rxq *rxq;
	struct baton_txq *txq;
	uint64_t sent, received, epoch, stale;
	uint64_t random;
	int mixed;
	unsigned window;
	uint8_t scratch[MAX_LEN + 16];
};

/* What a packet carries behind its Ethernet header; all of it is covered by sum. */
struct payload {
	uint64_t epoch, seq, len, sum;
};

static void
die(const char *what)
{
	fprintf(stderr, "soak: %s: %s\n", what, baton_last_error());
	exit(1);
}

static uint64_t
next_random(struct soak *s)
{
	s->random ^= s->random << 13;
	s->random ^= s->random >> 7;
	s->random ^= s->random << 17;
	return s->random;
}

static uint64_t
mix(uint64_t x)
{
	x ^= x >> 33;
	x *= 0xff51afd7ed558ccdull;
	return x ^ x >> 29;
}

/* The length follows from the sequence number, so the receiver knows it too. */
static uint32_t
length_of(const struct soak *s, uint64_t seq)
{
	static const uint16_t sizes[] = { 60, 64, 128, 256, 590, 1514, 2048, 2060, 4096, 9000 };

	return s->mixed ? sizes[mix(seq) % (sizeof(sizes) / sizeof(sizes[0]))] : 64;
}

static void
build(const struct soak *s, uint8_t *p, uint32_t len, uint64_t seq)
{
	static const uint8_t eth[14] = { 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5 };
	struct payload h = { .epoch = s->epoch, .seq = seq, .len = len };

	h.sum = mix(h.epoch + 3 * h.seq + 5 * h.len);
	memcpy(p, eth, sizeof(eth));
	memcpy(p + sizeof(eth), &h, sizeof(h));
	for (uint32_t i = sizeof(eth) + sizeof(h); i < len; i++)
		p[i] = (uint8_t)(h.sum + i * 7);
}

static void
wrong(const struct soak *s, const char *what, const struct payload *h, uint32_t len)
{
	fprintf(stderr,
		"soak: %s: packet of %u bytes says epoch %" PRIu64 " seq %" PRIu64 " len %" PRIu64
		", due: epoch %" PRIu64 " seq %" PRIu64 "\n",
		what, len, h->epoch, h->seq, h->len, s->epoch, s->received);
	exit(1);
}

static void
verify(struct soak *s, const uint8_t *p, uint32_t len)
{
	struct payload h;

	if (len < 14 + sizeof(h)) {
		fprintf(stderr, "soak: a packet of %u bytes was never sent\n", len);
		exit(1);
	}
	memcpy(&h, p + 14, sizeof(h));
	if (h.sum != mix(h.epoch + 3 * h.seq + 5 * h.len) || h.len != len)
		wrong(s, "altered", &h, len);
	if (h.epoch != s->epoch) { /* the backend had it in hand when the port was stopped */
		s->stale++;
		return;
	}
	if (h.seq != s->received || len != length_of(s, h.seq))
		wrong(s, "out of sequence", &h, len);
	for (uint32_t i = 14 + sizeof(h); i < len; i++)
		if (p[i] != (uint8_t)(h.sum + i * 7))
			wrong(s, "altered", &h, len);
	s->received++;
}

/* Return: tokens of the packet, 0 when the pool has no more. */
static unsigned
make_packet(struct soak *s, struct baton_token *t, uint64_t seq)
{
	uint32_t len = length_of(s, seq), room = BATON_DEFAULT_DATA_LEN - BATON_DEFAULT_HEADROOM;
	unsigned segs = (len + room - 1) / room;
	const uint8_t *p = s->scratch;

	if (baton_alloc(s->worker, s->pool, t, segs) != segs) {
		fprintf(stderr, "soak: the pool is empty\n");
		exit(1);
	}
	if (segs == 1) {
		t[0].len = (uint16_t)len;
		build(s, baton_data(s->worker, t[0]), len, seq);
		return 1;
	}
	build(s, s->scratch, len, seq);
	for (unsigned i = 0; i < segs; i++) {
		t[i].len = (uint16_t)(len < room ? len : room);
		t[i].flags = i + 1 < segs ? BATON_TOKEN_CONT : 0;
		memcpy(baton_data(s->worker, t[i]), p, t[i].len);
		p += t[i].len;
		len -= t[i].len;
	}
	return segs;
}

static void
send_some(struct soak *s, uint64_t until)
{
	struct baton_token t[BURST * MAX_SEGS];
	unsigned n = 0, done = 0;

	for (unsigned i = 0; i < BURST && s->sent < until && s->sent - s->received < s->window; i++)
		n += make_packet(s, t + n, s->sent++);
	while (done < n) {
		int ret = baton_tx_burst(s->txq, t + done, n - done);

		if (ret < 0)
			die("tx_burst");
		done += (unsigned)ret;
	}
}

static void
receive_some(struct soak *s)
{
	struct baton_token t[BURST];
	int n = baton_rx_burst(s->rxq, t, BURST);

	if (n < 0)
		die("rx_burst");
	for (int i = 0; i < n;) {
		unsigned segs = baton_packet_segs(t + i, (unsigned)(n - i));
		const uint8_t *p = baton_data(s->worker, t[i]);
		uint32_t len = t[i].len;

		if (segs > 1) {
			len = 0;
			for (unsigned k = 0; k < segs; k++) {
				if (len + t[i + (int)k].len > sizeof(s->scratch)) {
					fprintf(stderr, "soak: a packet longer than any sent\n");
					exit(1);
				}
				memcpy(s->scratch + len, baton_data(s->worker, t[i + (int)k]),
				       t[i + (int)k].len);
				len += t[i + (int)k].len;
			}
			p = s->scratch;
		}
		verify(s, p, len);
		i += (int)segs;
	}
	if (n && baton_free(s->worker, t, (unsigned)n) < 0)
		die("free");
}

static void
check_holders(struct soak *s, int all_home)
{
	struct baton_holder h[32];
	unsigned n = baton_pool_holders(s->pool, h, 32);
	uint32_t sum = 0, out = 0;

	for (unsigned i = 0; i < n && i < 32; i++) {
		sum += h[i].count;
		if (h[i].kind != BATON_HOLDER_FREE && h[i].kind != BATON_HOLDER_CACHE)
			out += h[i].count;
	}
	if (sum == POOL && !(all_home && out))
		return;
	fprintf(stderr, "soak: the holders add up to %u of %u, %u are out:\n", sum, POOL, out);
	for (unsigned i = 0; i < n && i < 32; i++)
		fprintf(stderr, "  %-32s %u\n", h[i].name, h[i].count);
	exit(1);
}

static void
stop_and_start(struct soak *s)
{
	check_holders(s, 0);
	if (baton_port_stop(s->port) < 0)
		die("stop");
	check_holders(s, 1);
	if (baton_port_start(s->port) < 0)
		die("start");
	s->epoch++;
	s->received = s->sent; /* what was in flight is gone with the stop */
}

static void
set_up(struct soak *s, const char *devargs)
{
	struct baton_pool_config pc;
	struct baton_port_config c = { .size = sizeof(c), .rx_queues = 1, .tx_queues = 1 };
	struct baton_queue_config q = { .size = sizeof(q) };
	struct baton_port_info info;

	baton_pool_config_init(&pc);
	pc.count = POOL;
	if (baton_ctx_create(NULL, &s->ctx) < 0 || baton_pool_create(s->ctx, &pc, &s->pool) < 0 ||
	    baton_worker_create(s->ctx, NULL, &s->worker) < 0 ||
	    baton_port_open(s->ctx, devargs, &s->port) < 0 || baton_port_configure(s->port, &c) < 0)
		die("set-up");
	q.worker = s->worker;
	q.pool = s->pool;
	if (baton_rxq_setup(s->port, 0, &q, &s->rxq) < 0)
		die("rxq");
	q.pool = NULL;
	if (baton_txq_setup(s->port, 0, &q, &s->txq) < 0 || baton_port_start(s->port) < 0)
		die("start");
	baton_port_info(s->port, &info);
	printf("%s: %s\n", info.name, info.detail);
}

static void
tear_down(struct soak *s)
{
	if (baton_port_close(s->port) < 0)
		die("close");
	check_holders(s, 1);
	if (baton_worker_destroy(s->worker) < 0 || baton_pool_destroy(s->pool) < 0 ||
	    baton_ctx_destroy(s->ctx) < 0)
		die("tear-down");
}

int
main(int argc, char **argv)
{
	static struct soak s = { .random = 88172645463325252ull };
	uint64_t packets, stops, next_stop, every, done = 0;
	struct timespec a, b;

	if (argc < 4) {
		fprintf(stderr, "usage: soak DEVARGS PACKETS STOPS [mixed]\n");
		return 2;
	}
	packets = strtoull(argv[2], NULL, 0);
	stops = strtoull(argv[3], NULL, 0);
	s.mixed = argc > 4;
	s.window = s.mixed ? 16 : WINDOW; /* a packet of 9,000 bytes takes 5 buffers */
	set_up(&s, argv[1]);
	every = packets / (stops + 1) + 1;
	next_stop = next_random(&s) % (2 * every);
	clock_gettime(CLOCK_MONOTONIC, &a);
	while (s.received < packets) {
		clock_gettime(CLOCK_MONOTONIC, &b);
		send_some(&s, packets);
		for (unsigned i = 0; i < 4; i++)
			receive_some(&s);
		if (s.sent >= next_stop && done < stops) {
			stop_and_start(&s);
			next_stop = s.sent + 1 +
				    next_random(&s) % (2 * (packets - s.sent) / (stops - done) + 1);
			done++;
		}
		if (b.tv_sec - a.tv_sec > 600) {
			fprintf(stderr, "soak: %" PRIu64 " of %" PRIu64 " packets after 600 s\n",
				s.received, packets);
			return 1;
		}
	}
	while (done < stops) {
		stop_and_start(&s);
		done++;
	}
	printf("%" PRIu64 " packets sent and verified, %" PRIu64 " stops, %" PRIu64 " from before "
	       "a stop, %.1f "
	       "s\n",
	       s.sent, done, s.stale,
	       (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9);
	tear_down(&s);
	return 0;
}
