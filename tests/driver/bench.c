/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench.h"

#include <poll.h>

#include "base/page.h"

static void
on_log(void *arg, enum baton_log_level level, const char *line)
{
	struct bench *b = arg;

	snprintf(b->log, sizeof(b->log), "%s", line);
	if (getenv("CONFORM_LOG"))
		fprintf(stderr, "log %d: %s\n", level, line);
}

static void
on_violation(void *arg, const struct baton_violation *v)
{
	((struct bench *)arg)->violations++;
}

static void
on_event(void *arg, struct baton_port *port, enum baton_port_event event)
{
	struct bench *b = arg;

	b->lost += event == BATON_EVENT_LOST;
	b->back += event == BATON_EVENT_BACK;
}

void
must(int ret)
{
	if (ret < 0)
		fail_msg("%s: %s", strerror(-ret), baton_last_error());
}

bool
has(const struct bench *b, enum feature f)
{
	return (b->list.yes | (b->list.partly & ~b->m->lacks)) & F_BIT(f);
}

bool
has_tx_ring(const struct bench *b)
{
	return has(b, F_DMA) || has(b, F_TX_WAKE);
}

int
bench_configure(struct bench *b)
{
	struct baton_port_config pc = { .size = sizeof(pc),
					.rx_queues = b->queues,
					.tx_queues = b->queues,
					.offloads = b->offloads,
					.mtu = b->mtu,
					.stop_timeout_ms = 20 };
	struct baton_queue_config q = { .size = sizeof(q), .descs = DESCS, .worker = b->worker };
	int ret = baton_port_configure(b->port, &pc);

	for (uint16_t i = 0; !ret && i < b->queues; i++) {
		q.pool = b->pool;
		q.offloads = b->rxq_offloads;
		ret = baton_rxq_setup(b->port, i, &q, &b->rxq[i]);
		q.pool = NULL;
		q.offloads = 0;
		if (!ret)
			ret = baton_txq_setup(b->port, i, &q, &b->txq[i]);
	}
	b->rx = b->rxq[0];
	b->tx = b->txq[0];
	return ret;
}

static int
open_port(struct bench *b, const char *args)
{
	char all[512];
	int ret;

	snprintf(all, sizeof(all), "%s%s", b->spec, args);
	ret = baton_port_open(b->ctx, all, &b->port);
	if (ret < 0)
		return ret;
	baton_port_on_event(b->port, on_event, b);
	if (b->m->opened)
		b->m->opened(b->dev, b->port);
	must(bench_configure(b));
	ret = baton_port_start(b->port);
	if (ret < 0)
		must(baton_port_close(b->port));
	return ret;
}

const char *
bench_shared_args(void)
{
	/* Rings and slots begin at pages, and one between them is free. */
	return page_bytes() < 65536 ? ",confine=on,window=0x100000000-0x10003ffff"
				    : ",confine=on,window=0x100000000-0x10006ffff";
}

int
bench_reopen(struct bench *b, const char *args)
{
	must(baton_port_close(b->port));
	return open_port(b, args);
}

void
bench_open_again(struct bench *b)
{
	must(open_port(b, b->way->args));
}

void
bench_restart(struct bench *b)
{
	must(baton_port_stop(b->port));
	must(bench_configure(b));
	must(baton_port_start(b->port));
}

void
bench_up(struct bench *b, const struct model *m, const struct way *way)
{
	struct baton_worker_config w = { .size = sizeof(w), .name = "w", .cache_size = 64 };
	struct baton_ctx_config c = { .size = sizeof(c),
				      .log = on_log,
				      .log_arg = b,
				      .on_violation = on_violation,
				      .violation_arg = b };
	struct baton_pool_config p;

	memset(b, 0, sizeof(*b));
	b->m = m;
	b->way = way;
	b->queues = 1;
	b->list = features_load(m->list);
	if (m->lacks & ~b->list.partly)
		fail_msg("%s lacks what %s does not have \"partly\": %#llx", m->name, m->list,
			 (unsigned long long)(m->lacks & ~b->list.partly));
	must(baton_ctx_create(&c, &b->ctx));
	if (getenv("CONFORM_DRIVER")) /* a driver in a file, which is linked with the library alone
				       */
		must(baton_driver_load(b->ctx, getenv("CONFORM_DRIVER")));
	b->dev = m->start(b->ctx, b->spec, sizeof(b->spec));
	baton_pool_config_init(&p);
	p.name = "conform";
	p.count = BUFS;
	p.page_size = BATON_PAGE_BASE;
	must(baton_pool_create(b->ctx, &p, &b->pool));
	must(baton_worker_create(b->ctx, &w, &b->worker));
	must(open_port(b, way->args));
}

uint32_t
held_by(const struct bench *b, enum baton_holder_kind kind)
{
	struct baton_holder h[32];
	unsigned n = baton_pool_holders(b->pool, h, 32);
	uint32_t sum = 0, all = 0;

	for (unsigned i = 0; i < n; i++) {
		all += h[i].count;
		sum += h[i].kind == kind ? h[i].count : 0;
	}
	assert_int_equal(all, BUFS); /* nothing is lost, nothing is doubled */
	return sum;
}

uint32_t
bench_out(const struct bench *b)
{
	return held_by(b, BATON_HOLDER_CPU) + held_by(b, BATON_HOLDER_QUEUE) +
	       held_by(b, BATON_HOLDER_QUARANTINE);
}

void
bench_down(struct bench *b)
{
	assert_int_equal(bench_out(b), 0);
	must(baton_port_close(b->port));
	assert_int_equal(b->m->strays ? b->m->strays(b->dev) : 0, 0);
	if (b->m->leave)
		b->m->leave(b->dev);
	must(baton_worker_destroy(b->worker));
	must(baton_pool_destroy(b->pool));
	must(baton_ctx_destroy(b->ctx));
	b->m->stop(b->dev);
	assert_int_equal(b->violations, 0);
}

void
serve(struct bench *b, bool (*done)(struct bench *b))
{
	struct baton_token t[64];

	for (unsigned k = 0; k < 10000; k++) {
		int n;

		if (done(b))
			return;
		must(baton_ctx_poll(b->ctx, 1));
		n = baton_rx_burst(b->rx, t, 64);
		if (n > 0)
			must(baton_free(b->worker, t, (unsigned)n));
	}
	fail_msg("it never was so; the last line of the log: %s", b->log);
}

bool
is_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	must(fd);
	return poll(&p, 1, 0) == 1;
}

/* ---- packets ---- */

void
make(uint8_t *frame, uint32_t len, unsigned seed)
{
	for (uint32_t i = 0; i < len; i++)
		frame[i] = (uint8_t)(i * 7 + (i >> 8) + seed);
}

uint16_t
sum_of(const uint8_t *p, size_t n)
{
	uint32_t s = 0;

	for (size_t i = 0; i < n; i++)
		s += i & 1 ? p[i] : (uint32_t)p[i] << 8;
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return (uint16_t)s;
}

static void
put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

void
make_tcp(uint8_t *frame, uint32_t len, unsigned seed, bool partial)
{
	static const uint8_t ip[] = { 0x08, 0x00, 0x45, 0, 0, 0, 0, 1, 0x40, 0, 64, 6, 0, 0 };
	uint8_t pseudo[12] = { [9] = 6 };

	make(frame, len, seed);
	frame[0] = 2;
	memcpy(frame + 12, ip, sizeof(ip));
	put16(frame + 16, len - 14);
	put16(frame + 24, ~(uint32_t)sum_of(frame + 14, 20));
	frame[46] = 0x50; /* no options */
	memcpy(pseudo, frame + 26, 8);
	put16(pseudo + 10, len - 34);
	put16(frame + 50, sum_of(pseudo, sizeof(pseudo)));
	if (!partial)
		put16(frame + 50, ~(uint32_t)sum_of(frame + 34, len - 34));
}

unsigned
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

unsigned
receive(struct bench *b, unsigned queue, const uint8_t *frame, uint32_t len, struct baton_token *t)
{
	static uint8_t got[MODEL_FRAME_MAX];
	uint32_t have;
	int n = baton_rx_burst(b->rxq[queue], t, 64);

	must(n);
	assert_true(n > 0);
	assert_int_equal(gather(b, t, got, &have), n);
	assert_int_equal(have, len);
	assert_memory_equal(got, frame, len);
	return (unsigned)n;
}

static void
count_taken(struct bench *b, const struct baton_token *t, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		b->taken_packets += !(t[i].flags & BATON_TOKEN_CONT);
		b->taken_bytes += t[i].len;
	}
}

unsigned
take(struct bench *b, const uint8_t *frame, uint32_t len, struct baton_token *t)
{
	unsigned segs;
	int n;

	if (has(b, F_RX_OUTSIDE)) {
		assert_true(b->m->receive(b->dev, 0, frame, len));
		segs = receive(b, 0, frame, len, t);
		count_taken(b, t, segs);
		return segs;
	}
	n = baton_rx_burst(b->rx, t, 64);
	must(n);
	assert_true(n > 0);
	count_taken(b, t, (unsigned)n);
	segs = baton_packet_segs(t, (unsigned)n);
	must(baton_free(b->worker, t + segs, (unsigned)n - segs));
	return segs;
}

void
send(struct bench *b, unsigned queue, const uint8_t *frame, uint32_t len,
     const struct baton_token *t, unsigned n)
{
	static uint8_t got[MODEL_FRAME_MAX];

	assert_int_equal(baton_tx_burst(b->txq[queue], (struct baton_token *)(uintptr_t)t, n), n);
	if (!has(b, F_TX_OUTSIDE))
		return;
	assert_int_equal(b->m->send(b->dev, queue, got), len);
	assert_memory_equal(got, frame, len);
}

void
one_each_way(struct bench *b, uint32_t len, unsigned seed)
{
	static uint8_t in[MODEL_FRAME_MAX];
	struct baton_token t[64];
	unsigned n;

	make(in, len, seed);
	n = take(b, in, len, t);
	send(b, 0, in, len, t, n);
}

uint32_t
longest(const struct bench *b)
{
	return has(b, F_RX_BUFFERS) ? 9022 : 1522;
}
