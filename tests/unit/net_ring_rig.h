/* SPDX-License-Identifier: BSD-3-Clause */
/* Two net_ring ports, each with a pool and a worker. */
#ifndef NET_RING_RIG_H
#define NET_RING_RIG_H

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <baton/baton.h>

#define RIG_QUEUES 3
#define RIG_BUFS   4096u
#define RIG_DESCS  64u

struct end {
	struct baton_port *port;
	struct baton_pool *pool;
	struct baton_worker *worker;
	struct baton_rxq *rx[RIG_QUEUES];
	struct baton_txq *tx[RIG_QUEUES];
	unsigned ups, downs;  /* link events */
	struct end *stops_it; /* its port is stopped by the callback, which is refused */
};

struct rig {
	struct baton_ctx *ctx;
	struct end a, b;
	int violations;
	void (*violated)(void); /* called at each */
	char log[512];
};

static void
must(int ret)
{
	if (ret < 0)
		fail_msg("%s", baton_last_error());
}

static void
refused(int ret, int err, const char *words)
{
	assert_int_equal(ret, -err);
	if (!strstr(baton_last_error(), words))
		fail_msg("\"%s\" is not in: %s", words, baton_last_error());
}

static void
on_violation(void *arg, const struct baton_violation *v)
{
	struct rig *r = arg;

	r->violations++;
	if (r->violated)
		r->violated();
}

static void
on_log(void *arg, enum baton_log_level level, const char *line)
{
	if (level <= BATON_LOG_WARN)
		snprintf(((struct rig *)arg)->log, sizeof(((struct rig *)arg)->log), "%s", line);
}

static void
on_event(void *arg, struct baton_port *port, enum baton_port_event event)
{
	struct end *e = arg;
	struct baton_link link;

	assert_int_equal(event, BATON_EVENT_LINK);
	baton_port_link(port, &link);
	e->ups += link.up;
	e->downs += !link.up;
	if (e->stops_it)
		refused(baton_port_stop(e->stops_it->port), EBUSY, "event callback");
}

static struct baton_pool *
make_pool(struct rig *r, const char *name, uint32_t count)
{
	struct baton_pool_config pc;
	struct baton_pool *p;

	baton_pool_config_init(&pc);
	pc.name = name;
	pc.count = count;
	pc.page_size = BATON_PAGE_BASE;
	must(baton_pool_create(r->ctx, &pc, &p));
	return p;
}

static void
set_up_descs(struct end *e, uint16_t rxqs, uint16_t txqs, uint16_t mtu, uint16_t rx, uint16_t tx)
{
	struct baton_port_config pc = { .size = sizeof(pc),
					.rx_queues = rxqs,
					.tx_queues = txqs,
					.mtu = mtu,
					.stop_timeout_ms = 5000 };
	struct baton_queue_config qc = { .size = sizeof(qc), .worker = e->worker };

	must(baton_port_configure(e->port, &pc));
	qc.descs = rx;
	qc.pool = e->pool;
	for (uint16_t i = 0; i < rxqs; i++)
		must(baton_rxq_setup(e->port, i, &qc, &e->rx[i]));
	qc.descs = tx;
	qc.pool = NULL;
	for (uint16_t i = 0; i < txqs; i++)
		must(baton_txq_setup(e->port, i, &qc, &e->tx[i]));
}

static void
set_up(struct end *e, uint16_t rxqs, uint16_t txqs)
{
	set_up_descs(e, rxqs, txqs, 0, RIG_DESCS, RIG_DESCS);
}

static void
open_end(struct rig *r, struct end *e, const char *name)
{
	must(baton_port_open(r->ctx, name, &e->port));
	baton_port_on_event(e->port, on_event, e);
	set_up(e, 1, 1);
}

static void
make_end(struct rig *r, struct end *e, const char *name)
{
	struct baton_worker_config wc = { .size = sizeof(wc), .name = name, .cache_size = 64 };

	must(baton_worker_create(r->ctx, &wc, &e->worker));
	open_end(r, e, name);
}

/* Two ports that are not started. @pools: how many they have together. */
static int
rig_up(void **state, unsigned pools)
{
	static struct rig rig;
	struct rig *r = *state = &rig;
	struct baton_ctx_config c = { .size = sizeof(c),
				      .log = on_log,
				      .log_arg = r,
				      .on_violation = on_violation,
				      .violation_arg = r };

	memset(r, 0, sizeof(*r));
	must(baton_ctx_create(&c, &r->ctx));
	r->a.pool = r->b.pool = make_pool(r, "a", RIG_BUFS);
	if (pools == 2)
		r->b.pool = make_pool(r, "b", RIG_BUFS);
	make_end(r, &r->a, "net_ring0");
	make_end(r, &r->b, "net_ring1");
	return 0;
}

static uint32_t
held_by(const struct baton_pool *pool, enum baton_holder_kind kind)
{
	uint32_t sum = 0, all = 0;
	struct baton_holder h[32];
	unsigned n = baton_pool_holders(pool, h, 32);

	assert_true(n <= 32);
	for (unsigned i = 0; i < n; i++) {
		all += h[i].count;
		sum += h[i].kind == kind ? h[i].count : 0;
	}
	assert_int_equal(all, RIG_BUFS);
	return sum;
}

static void
all_home(const struct baton_pool *pool)
{
	assert_int_equal(held_by(pool, BATON_HOLDER_FREE) + held_by(pool, BATON_HOLDER_CACHE),
			 RIG_BUFS);
}

static int
rig_down(void **state)
{
	struct rig *r = *state;
	struct end *ends[] = { &r->a, &r->b };

	for (unsigned i = 0; i < 2; i++)
		if (ends[i]->port)
			must(baton_port_close(ends[i]->port));
	all_home(r->a.pool);
	all_home(r->b.pool);
	for (unsigned i = 0; i < 2; i++)
		must(baton_worker_destroy(ends[i]->worker));
	must(baton_pool_destroy(r->a.pool));
	if (r->b.pool != r->a.pool)
		must(baton_pool_destroy(r->b.pool));
	must(baton_ctx_destroy(r->ctx));
	assert_int_equal(r->violations, 0);
	return 0;
}

static void
start_both(struct rig *r)
{
	must(baton_port_start(r->a.port));
	must(baton_port_start(r->b.port));
}

static struct baton_stats
stats(const struct end *e)
{
	struct baton_stats s;

	baton_port_stats(e->port, &s);
	return s;
}

static inline uint64_t
xstat(const struct end *e, const char *name)
{
	struct baton_xstat x[256];
	const unsigned n = baton_port_xstats(e->port, x, 256);

	for (unsigned i = 0; i < n; i++)
		if (!strcmp(x[i].name, name))
			return x[i].value;
	fail_msg("no counter %s", name);
	return 0;
}

static inline int
readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	must(fd);
	return poll(&p, 1, 0);
}

static uint8_t *
bytes(const struct end *e, struct baton_token t)
{
	return baton_data(e->worker, t);
}

/* @n packets of one buffer, the first with the number @seed. */
static void
make_packets(const struct end *e, struct baton_token *t, unsigned n, uint32_t len, unsigned seed)
{
	assert_int_equal(baton_alloc(e->worker, e->pool, t, n), n);
	for (unsigned i = 0; i < n; i++) {
		t[i].len = (uint16_t)len;
		for (uint32_t k = 0; k < len; k++)
			bytes(e, t[i])[k] = (uint8_t)(k * 7 + seed + i);
	}
}

static bool
is_packet(const struct end *e, struct baton_token t, uint32_t len, unsigned seed)
{
	if (t.len != len || t.flags)
		return false;
	for (uint32_t k = 0; k < len; k++)
		if (bytes(e, t)[k] != (uint8_t)(k * 7 + seed))
			return false;
	return true;
}

/* Send and receive @n packets, one by one. */
static void
pass(struct end *from, unsigned txq, struct end *to, unsigned rxq, unsigned n)
{
	struct baton_token t, got[16];

	for (unsigned i = 0; i < n; i++) {
		make_packets(from, &t, 1, 60 + i, i);
		assert_int_equal(baton_tx_burst(from->tx[txq], &t, 1), 1);
		assert_int_equal(baton_rx_burst(to->rx[rxq], got, 16), 1);
		assert_true(is_packet(to, got[0], 60 + i, i));
		must(baton_free(to->worker, got, 1));
	}
}

#endif
