/* SPDX-License-Identifier: BSD-3-Clause */
/* The example driver in front of a model of its device. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <baton/baton.h>

#include "exn_model.h"
#include "port/driver.h"

extern const struct baton_driver example_driver;
const struct baton_driver *const baton_driver_table[] = { &example_driver, NULL };
const char *const baton_driver_names[] = { "net_example", NULL };

#define BUFS 4096u

struct bench {
	struct exn_model *m;
	struct baton_ctx *ctx;
	struct baton_pool *pool;
	struct baton_worker *worker;
	struct baton_port *port;
	struct baton_rxq *rx;
	struct baton_txq *tx;
	unsigned violations;
	char log[512];
};

static void
on_log(void *arg, enum baton_log_level level, const char *line)
{
	snprintf(((struct bench *)arg)->log, sizeof(((struct bench *)arg)->log), "%s", line);
	if (getenv("EXN_LOG"))
		fprintf(stderr, "log %d: %s\n", level, line);
}

static void
must(int ret)
{
	if (ret < 0)
		fail_msg("%s: %s", strerror(-ret), baton_last_error());
}

static void
up(struct bench *b, const char *args, unsigned descs)
{
	struct baton_worker_config w = { .size = sizeof(w), .name = "w", .cache_size = 64 };
	struct baton_ctx_config c = { .size = sizeof(c), .log = on_log, .log_arg = b };
	struct baton_port_config pc = {
		.size = sizeof(pc), .rx_queues = 1, .tx_queues = 1, .stop_timeout_ms = 50
	};
	struct baton_queue_config q = { .size = sizeof(q), .descs = (uint16_t)descs };
	struct baton_pool_config p;
	char spec[128];

	memset(b, 0, sizeof(*b));
	must(baton_ctx_create(&c, &b->ctx));
	b->m = exn_model_start(b->ctx);
	baton_pool_config_init(&p);
	p.name = "bench";
	p.count = BUFS;
	p.page_size = BATON_PAGE_4K;
	must(baton_pool_create(b->ctx, &p, &b->pool));
	must(baton_worker_create(b->ctx, &w, &b->worker));
	/* An address space that is enforced, and chooses its own addresses. */
	snprintf(spec, sizeof(spec), "%s,ioas=vhost%s", EXN_MODEL_BDF, args);
	must(baton_port_open(b->ctx, spec, &b->port));
	must(baton_port_configure(b->port, &pc));
	q.worker = b->worker;
	q.pool = b->pool;
	must(baton_rxq_setup(b->port, 0, &q, &b->rx));
	q.pool = NULL;
	must(baton_txq_setup(b->port, 0, &q, &b->tx));
	must(baton_port_start(b->port));
}

static uint32_t
free_bufs(const struct bench *b)
{
	struct baton_holder h[32];
	unsigned n = baton_pool_holders(b->pool, h, 32);
	uint32_t all = 0;

	for (unsigned i = 0; i < n; i++)
		if (h[i].kind != BATON_HOLDER_CPU && h[i].kind != BATON_HOLDER_QUEUE &&
		    h[i].kind != BATON_HOLDER_QUARANTINE)
			all += h[i].count;
	return all;
}

static void
down(struct bench *b)
{
	must(baton_port_stop(b->port));
	assert_int_equal(free_bufs(b), BUFS);
	must(baton_port_close(b->port));
	assert_int_equal(b->m->stray, 0);
	exn_model_stop(b->m);
	must(baton_worker_destroy(b->worker));
	must(baton_pool_destroy(b->pool));
	must(baton_ctx_destroy(b->ctx));
}

static void
make(uint8_t *frame, uint32_t len, unsigned seed)
{
	for (uint32_t i = 0; i < len; i++)
		frame[i] = (uint8_t)(i * 7 + seed);
}

/* Bytes of a packet of one token or several. Return: its tokens. */
static unsigned
gather(const struct bench *b, const struct baton_token *t, uint8_t *to, uint32_t *len)
{
	unsigned n = 0;

	*len = 0;
	do {
		memcpy(to + *len, baton_data(b->worker, t[n]), t[n].len);
		*len += t[n].len;
	} while (t[n++].flags & BATON_TOKEN_CONT);
	return n;
}

/* Frames of all lengths in, and out again, byte for byte. */
static void
forward(struct bench *b)
{
	static const uint32_t lens[] = { 14,   60,   64,   127,  128,  129,
					 1514, 1518, 2048, 2049, 4096, 9018 };
	static uint8_t in[EXN_FRAME_MAX], got[EXN_FRAME_MAX];
	struct baton_token t[64];

	for (unsigned round = 0; round < 300; round++) {
		const uint32_t len = lens[round % (sizeof(lens) / sizeof(lens[0]))];
		uint32_t have;
		int n;

		make(in, len, round);
		assert_true(exn_receive(b->m, 0, in, len, 0, NULL) > 0);
		n = baton_rx_burst(b->rx, t, 64);
		must(n);
		assert_true(n > 0);
		assert_int_equal(gather(b, t, got, &have), n);
		assert_int_equal(have, len);
		assert_memory_equal(got, in, len);
		assert_int_equal(baton_tx_burst(b->tx, t, (unsigned)n), n);
		assert_int_equal(exn_send(b->m, 0, got, true), len);
		assert_memory_equal(got, in, len);
	}
	assert_int_equal(b->m->stray, 0);
}

/* Bursts of plain packets, more than a ring of them. */
static void
bursts(struct bench *b)
{
	uint8_t in[64], got[EXN_FRAME_MAX];
	struct baton_token t[64];

	for (unsigned round = 0; round < 200; round++) {
		unsigned n = 1 + round % 32;
		int have;

		for (unsigned i = 0; i < n; i++) {
			make(in, sizeof(in), round + i);
			assert_int_equal(exn_receive(b->m, 0, in, sizeof(in), 0, NULL), 1);
		}
		have = baton_rx_burst(b->rx, t, 64);
		assert_int_equal(have, n);
		assert_int_equal(baton_tx_burst(b->tx, t, n), n);
		for (unsigned i = 0; i < n; i++) {
			make(in, sizeof(in), round + i);
			assert_int_equal(exn_send(b->m, 0, got, true), sizeof(in));
			assert_memory_equal(got, in, sizeof(in));
		}
	}
}

static void
everything(void **state)
{
	/* Direct; bounced; confined; shared slots: 64 KiB of addresses; limits of addresses. */
	const char *const args[] = { "", ",bounce=always", ",confine=on",
				     ",confine=on,window=0x100000000-0x10003ffff",
				     ",dma-limit=34,ring-limit=33" };

	for (unsigned i = 0; i < sizeof(args) / sizeof(args[0]); i++)
		for (unsigned descs = 8; descs <= 256; descs *= 2) {
			struct bench b;

			if (descs < 64 && i == 3)
				continue;
			up(&b, args[i], descs);
			if (descs >= 16)
				forward(&b);
			if (descs >= 64)
				bursts(&b);
			down(&b);
		}
}

/* A look shows what the next burst brings, and writes nothing. */
static void
peek(void **state)
{
	const char *const args[] = { "", ",bounce=always" };

	for (unsigned i = 0; i < 2; i++) {
		uint8_t in[3000], seen[3000];
		struct baton_peek p = { .data = seen, .room = sizeof(seen) };
		struct baton_token t[64];
		struct bench b;

		up(&b, args[i], 64);
		assert_int_equal(baton_rx_peek(b.rx, &p, 1), 0);
		make(in, sizeof(in), 9);
		assert_int_equal(exn_receive(b.m, 0, in, sizeof(in), 0, NULL), 2);
		for (unsigned k = 0; k < 3; k++) {
			memset(seen, 0, sizeof(seen));
			assert_int_equal(baton_rx_peek(b.rx, &p, 1), 1);
			assert_int_equal(p.len, sizeof(in));
			assert_memory_equal(seen, in, sizeof(in));
		}
		assert_int_equal(baton_rx_burst(b.rx, t, 64), 2);
		assert_int_equal(baton_rx_peek(b.rx, &p, 1), 0);
		must(baton_free(b.worker, t, 2));
		down(&b);
	}
}

/* A packet whose end is not there yet stays with the device, and nothing of it is consumed. */
static void
half_a_packet(void **state)
{
	const char *const args[] = { "", ",bounce=always" };

	for (unsigned i = 0; i < 2; i++) {
		struct baton_token t[64];
		struct bench b;

		up(&b, args[i], 64);
		exn_scribble(b.m, 0, 1 | 128ull << 16, 128); /* DONE, no END */
		for (unsigned k = 0; k < 3; k++)
			assert_int_equal(baton_rx_burst(b.rx, t, 64), 0);
		exn_scribble(b.m, 0, 3 | 20ull << 16, 20);
		assert_int_equal(baton_rx_burst(b.rx, t, 64), 2);
		assert_int_equal(t[0].len, 128);
		assert_int_equal(t[1].len, 20);
		must(baton_free(b.worker, t, 2));
		down(&b);
	}
}

/* What a device must not say stops the queue, by name; buffers come back with its reset. */
static void
lies(void **state)
{
	const struct exn_lie lie[] = { { .extra = 5000 },
				       { .endless = true },
				       { .info = UINT64_MAX } };
	const char *const said[] = { "more than the", "goes on after", "more than the" };
	const char *const args[] = { "", ",bounce=always" };

	for (unsigned i = 0; i < 6; i++) {
		uint8_t in[64];
		struct baton_token t[64];
		struct bench b;
		int ret = 0;

		up(&b, args[i / 3], 64);
		make(in, sizeof(in), i);
		for (unsigned k = 0; k < 60 && ret >= 0; k++) {
			assert_int_equal(exn_receive(b.m, 0, in, sizeof(in), 0, &lie[i % 3]), 1);
			ret = baton_rx_burst(b.rx, t, 64);
			assert_true(ret <= 0);
		}
		assert_int_equal(ret, -EIO);
		if (!strstr(baton_rxq_error(b.rx), said[i % 3]))
			fail_msg("%s", baton_rxq_error(b.rx));
		down(&b);
	}
}

/* Damaged packets and runts are dropped and counted; a verdict comes only where it was asked for.
 */
static void
bad_packets(void **state)
{
	struct baton_stats st;
	struct baton_token t[64];
	uint8_t in[64];
	struct bench b;

	up(&b, "", 64);
	make(in, sizeof(in), 1);
	assert_int_equal(exn_receive(b.m, 0, in, sizeof(in), 4, NULL), 1);
	assert_int_equal(exn_receive(b.m, 0, in, 10, 0, NULL), 1);
	assert_int_equal(exn_receive(b.m, 0, in, sizeof(in), 8, NULL), 1);
	assert_int_equal(baton_rx_burst(b.rx, t, 64), 1);
	assert_int_equal(t[0].flags, 0);
	must(baton_free(b.worker, t, 1));
	baton_rxq_stats(b.rx, &st);
	assert_int_equal(st.rx_packets, 1);
	assert_int_equal(st.rx_errors, 2);
	down(&b);
}

/* A queue is stopped and started alone; one that does not stop keeps its buffers. */
static void
queue_alone(void **state)
{
	const char *const args[] = { "", ",bounce=always" };

	for (unsigned i = 0; i < 2; i++) {
		struct baton_token t[64];
		uint8_t in[64];
		struct bench b;

		up(&b, args[i], 64);
		make(in, sizeof(in), i);
		for (unsigned k = 0; k < 5; k++) {
			must(baton_rxq_stop(b.rx));
			assert_int_equal(baton_rx_burst(b.rx, t, 64), -ENETDOWN);
			assert_int_equal(exn_receive(b.m, 0, in, sizeof(in), 0, NULL), 0);
			must(baton_rxq_start(b.rx));
			forward(&b);
		}
		b.m->keeps_ring = true;
		assert_int_equal(baton_txq_stop(b.tx), -ETIMEDOUT);
		b.m->keeps_ring = false;
		down(&b);
	}
}

/* What a device does not confirm to have let go of is in quarantine until it does. */
static void
unconfirmed(void **state)
{
	const char *const args[] = { "", ",bounce=always" };

	for (unsigned i = 0; i < 2; i++) {
		struct bench b;

		up(&b, args[i], 64);
		b.m->keeps_on = b.m->no_reset = true;
		assert_int_equal(baton_port_stop(b.port), -ETIMEDOUT);
		assert_int_equal(free_bufs(&b), i ? BUFS : BUFS - 63);
		b.m->keeps_on = false;
		must(baton_port_start(b.port));
		forward(&b);
		down(&b);
	}
}

static bool
is_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	must(fd);
	return poll(&p, 1, 0) == 1;
}

/* RX wakes for a packet, TX for room. */
static void
wake(void **state)
{
	uint8_t in[64], got[EXN_FRAME_MAX];
	struct baton_token t[64];
	struct bench b;
	int fd;

	up(&b, "", 64);
	make(in, sizeof(in), 3);
	fd = baton_rxq_arm(b.rx);
	assert_false(is_readable(fd));
	assert_int_equal(exn_receive(b.m, 0, in, sizeof(in), 0, NULL), 1);
	assert_true(is_readable(fd));
	baton_rxq_disarm(b.rx);
	assert_true(is_readable(baton_rxq_arm(b.rx))); /* it is there already */
	baton_rxq_disarm(b.rx);
	assert_int_equal(baton_rx_burst(b.rx, t, 64), 1);
	assert_true(is_readable(baton_txq_arm(b.tx))); /* nothing is in flight */
	baton_txq_disarm(b.tx);
	assert_int_equal(baton_tx_burst(b.tx, t, 1), 1);
	fd = baton_txq_arm(b.tx);
	assert_false(is_readable(fd));
	assert_int_equal(exn_send(b.m, 0, got, true), 64);
	assert_true(is_readable(fd));
	baton_txq_disarm(b.tx);
	assert_int_equal(baton_tx_clean(b.tx, 64), 1);
	down(&b);
}

/* What was asked for is asked for again, after a failure that only a reset helps against. */
static void
settings(void **state)
{
	static const uint8_t mac[6] = { 2, 1, 2, 3, 4, 5 }, more[2][6] = { { 2, 9 }, { 3, 9 } };
	struct baton_port_info info;
	struct bench b;

	up(&b, "", 64);
	must(baton_port_set_mac(b.port, mac));
	must(baton_port_set_promisc(b.port, 1));
	must(baton_port_set_macs(b.port, more, 2));
	must(baton_port_set_vlan(b.port, 100, 1));
	exn_status(b.m, 3); /* LINK, FAILED */
	for (unsigned k = 0; k < 2000; k++) {
		struct baton_token t[64];

		must(baton_ctx_poll(b.ctx, 1));
		(void)baton_rx_burst(b.rx, t, 64);
		baton_port_info(b.port, &info);
		if (info.state == BATON_PORT_STARTED && exn_reg(b.m, 0x10) == 0x03020102)
			break;
	}
	assert_int_equal(info.state, BATON_PORT_STARTED);
	assert_int_equal(exn_reg(b.m, 0x010), 0x03020102);
	assert_int_equal(exn_reg(b.m, 0x014), 0x0504);
	assert_int_equal(exn_reg(b.m, 0x018), 1 | 4);
	assert_int_equal(exn_reg(b.m, 0x080), 0x0902);
	assert_int_equal(exn_reg(b.m, 0x08c), 1u << 31);
	assert_int_equal(exn_reg(b.m, 0x200 + 4 * 3), 1u << 4);
	forward(&b);
	down(&b);
}

/* Pulled out, with packets in its rings. */
static void
removed(void **state)
{
	const char *const args[] = { "", ",bounce=always" };

	for (unsigned i = 0; i < 2; i++) {
		struct baton_port_info info;
		struct baton_token t[64];
		uint8_t in[64];
		struct bench b;

		up(&b, args[i], 64);
		make(in, sizeof(in), i);
		assert_int_equal(exn_receive(b.m, 0, in, sizeof(in), 0, NULL), 1);
		b.m->dead = true;
		exn_status(b.m, 0);
		info.state = BATON_PORT_STARTED;
		for (unsigned k = 0;
		     k < 2000 && (info.state != BATON_PORT_REMOVED || free_bufs(&b) != BUFS); k++) {
			must(baton_ctx_poll(b.ctx, 1));
			(void)baton_rx_burst(b.rx, t, 64);
			baton_port_info(b.port, &info);
		}
		assert_int_equal(info.state, BATON_PORT_REMOVED);
		assert_int_equal(baton_rx_burst(b.rx, t, 64), -ENETDOWN);
		b.m->dead = false;
		down(&b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything),    cmocka_unit_test(peek),
		cmocka_unit_test(half_a_packet), cmocka_unit_test(lies),
		cmocka_unit_test(bad_packets),   cmocka_unit_test(queue_alone),
		cmocka_unit_test(unconfirmed),   cmocka_unit_test(wake),
		cmocka_unit_test(settings),      cmocka_unit_test(removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
