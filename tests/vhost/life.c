/* SPDX-License-Identifier: BSD-3-Clause */
#include "life.h"

#include <dirent.h>
#include <time.h>

void
life_die(const struct life *l, const char *what)
{
	fprintf(stderr, "%s: %s: %s\n", l->name, what, baton_last_error());
	exit(1);
}

uint64_t
life_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void
on_log(void *arg, enum baton_log_level level, const char *line)
{
	const struct life *l = arg;

	if (level <= BATON_LOG_ERR || (!l->quiet && level <= BATON_LOG_WARN))
		fprintf(stderr, "%s\n", line);
}

static void
up(struct life *l, const char *devargs, unsigned queues, unsigned workers, unsigned tx_worker)
{
	struct baton_ctx_config cc = { .size = sizeof(cc), .log = on_log, .log_arg = l };
	struct baton_port_config c = { .size = sizeof(c),
				       .rx_queues = (uint16_t)queues,
				       .tx_queues = (uint16_t)queues,
				       .stop_timeout_ms = 5000 };
	struct baton_queue_config q = { .size = sizeof(q) };
	struct baton_pool_config pc;

	l->queues = queues;
	l->workers = workers;
	baton_pool_config_init(&pc);
	pc.count = LIFE_POOL;
	if (baton_ctx_create(&cc, &l->ctx) < 0 || baton_pool_create(l->ctx, &pc, &l->pool) < 0)
		life_die(l, "pool");
	for (unsigned i = 0; i < workers; i++)
		if (baton_worker_create(l->ctx, NULL, &l->worker[i]) < 0)
			life_die(l, "worker");
	if (baton_port_open(l->ctx, devargs, &l->port) < 0 || baton_port_configure(l->port, &c) < 0)
		life_die(l, "port");
	for (uint16_t i = 0; i < queues; i++) {
		q.worker = l->worker[i % workers];
		q.pool = l->pool;
		if (baton_rxq_setup(l->port, i, &q, &l->rxq[i]) < 0)
			life_die(l, "rxq");
		q.worker = l->worker[(i + tx_worker) % workers];
		q.pool = NULL;
		if (baton_txq_setup(l->port, i, &q, &l->txq[i]) < 0)
			life_die(l, "txq");
	}
	if (baton_port_start(l->port) < 0)
		life_die(l, "start");
}

void
life_up(struct life *l, const char *devargs, unsigned queues, unsigned workers)
{
	up(l, devargs, queues, workers, 0);
}

void
life_up_apart(struct life *l, const char *devargs)
{
	up(l, devargs, 1, 2, 1);
}

static uint32_t
out(const struct life *l, int show)
{
	struct baton_holder h[32];
	unsigned n = baton_pool_holders(l->pool, h, 32);
	uint32_t sum = 0, home = 0;

	for (unsigned i = 0; i < n && i < 32; i++) {
		sum += h[i].count;
		if (h[i].kind == BATON_HOLDER_FREE || h[i].kind == BATON_HOLDER_CACHE)
			home += h[i].count;
		if (show)
			fprintf(stderr, "  %-32s %u\n", h[i].name, h[i].count);
	}
	return sum == LIFE_POOL ? LIFE_POOL - home : LIFE_POOL;
}

void
life_down(struct life *l, unsigned poll_ms)
{
	uint64_t end = life_ns() + poll_ms * 1000000ull;

	if (baton_port_stop(l->port) < 0)
		life_die(l, "stop");
	while (out(l, 0) && life_ns() < end)
		baton_ctx_poll(l->ctx, 10);
	if (out(l, 0)) {
		fprintf(stderr, "%s: %u buffers are not home:\n", l->name, out(l, 1));
		exit(1);
	}
	if (baton_port_close(l->port) < 0)
		life_die(l, "close");
	for (unsigned i = 0; i < l->workers; i++)
		if (baton_worker_destroy(l->worker[i]) < 0)
			life_die(l, "worker");
	if (baton_pool_destroy(l->pool) < 0 || baton_ctx_destroy(l->ctx) < 0)
		life_die(l, "tear-down");
}

static uint64_t
sum_of(const struct life_mark *m)
{
	uint64_t x = m->flow * 0x9e3779b97f4a7c15ull + m->seq * 0xff51afd7ed558ccdull + m->ns;

	return x ^ x >> 31;
}

struct baton_token
life_packet(struct life *l, struct baton_worker *w, uint64_t flow, uint64_t seq)
{
	static const uint8_t eth[14] = { 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5 };
	struct life_mark m = { .flow = flow, .seq = seq, .ns = life_ns() };
	struct baton_token t;
	uint8_t *p;

	if (baton_alloc(w, l->pool, &t, 1) != 1) {
		fprintf(stderr, "%s: the pool is empty\n", l->name);
		out(l, 1);
		exit(1);
	}
	t.len = 64;
	p = baton_data(w, t);
	m.sum = sum_of(&m);
	memset(p, 0, 64);
	memcpy(p, eth, sizeof(eth));
	memcpy(p + sizeof(eth), &m, sizeof(m));
	return t;
}

struct life_mark
life_mark(struct life *l, struct baton_worker *w, struct baton_token t)
{
	const uint8_t *p = baton_data(w, t);
	struct life_mark m;

	memcpy(&m, p + 14, sizeof(m));
	if (t.len == 64 && m.sum == sum_of(&m))
		return m;
	fprintf(stderr, "%s: a packet of %u bytes was altered\n", l->name, t.len);
	exit(1);
}

unsigned
life_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double
life_median(double *values, unsigned n, double *largest)
{
	qsort(values, n, sizeof(*values), compare);
	*largest = values[n - 1];
	return values[n / 2];
}
