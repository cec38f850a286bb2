/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "front_baton.h"

static struct baton_front *
of(struct front *f)
{
	return (struct baton_front *)(void *)f;
}

static unsigned __attribute__((noinline)) round_baton_rx(struct front *f)
{
	const struct baton_front *p = of(f);
	struct baton_token t[FRONT_BURST];
	unsigned sum = 0;

	for (unsigned b = 0; b < FRONT_BURSTS; b++) {
		int n = baton_rx_burst(p->rx, t, FRONT_BURST);

		if (n <= 0)
			continue;
		baton_free(p->worker, t, (unsigned)n);
		sum += (unsigned)n;
	}
	return sum;
}

static unsigned __attribute__((noinline)) round_baton_tx(struct front *f)
{
	const struct baton_front *p = of(f);
	struct baton_token t[FRONT_BURST];
	const uint16_t len = f->len;
	unsigned sum = 0;

	for (unsigned b = 0; b < FRONT_BURSTS; b++) {
		unsigned n = baton_alloc(p->worker, p->pool, t, FRONT_BURST);
		int sent;

		for (unsigned i = 0; i < n; i++)
			t[i].len = len;
		sent = baton_tx_burst(p->tx, t, n);
		if (sent < 0)
			sent = 0;
		if ((unsigned)sent < n)
			baton_free(p->worker, t + sent, n - (unsigned)sent);
		sum += (unsigned)sent;
	}
	return sum;
}

static unsigned __attribute__((noinline)) round_baton_io(struct front *f)
{
	const struct baton_front *p = of(f);
	struct baton_token t[FRONT_BURST];
	unsigned sum = 0;

	for (unsigned b = 0; b < FRONT_BURSTS; b++) {
		int sent, n = baton_rx_burst(p->rx, t, FRONT_BURST);

		if (n <= 0)
			continue;
		sent = baton_tx_burst(p->tx, t, (unsigned)n);
		if (sent < 0)
			sent = 0;
		if (sent < n)
			baton_free(p->worker, t + sent, (unsigned)(n - sent));
		sum += (unsigned)sent;
	}
	return sum;
}

static void
close_baton(struct front *f)
{
	struct baton_front *p = of(f);

	if (p->port)
		baton_port_close(p->port);
	if (p->worker)
		baton_worker_destroy(p->worker);
	if (p->pool)
		baton_pool_destroy(p->pool);
	if (p->ctx)
		baton_ctx_destroy(p->ctx);
	free(p);
}

int
front_baton_memory(struct baton_front *p)
{
	struct baton_worker_config worker = { .size = sizeof(worker), .cache_size = FRONT_CACHE };
	struct baton_pool_config pool;
	int ret = baton_ctx_create(NULL, &p->ctx);

	if (ret < 0)
		return ret;
	baton_pool_config_init(&pool);
	pool.count = FRONT_BUFFERS;
	ret = baton_pool_create(p->ctx, &pool, &p->pool);
	if (ret < 0)
		return ret;
	ret = baton_worker_create(p->ctx, &worker, &p->worker);
	return ret < 0 ? ret : baton_worker_bind(p->worker);
}

int
front_baton_port(struct baton_front *p, const char *devargs)
{
	struct baton_port_config config = { .size = sizeof(config),
					    .rx_queues = 1,
					    .tx_queues = 1 };
	struct baton_queue_config rx = {
		.size = sizeof(rx), .descs = FRONT_RING, .worker = p->worker, .pool = p->pool
	};
	struct baton_queue_config tx = { .size = sizeof(tx),
					 .descs = FRONT_RING,
					 .worker = p->worker };
	int ret = baton_port_open(p->ctx, devargs, &p->port);

	if (ret < 0 || (ret = baton_port_configure(p->port, &config)) < 0 ||
	    (ret = baton_rxq_setup(p->port, 0, &rx, &p->rx)) < 0 ||
	    (ret = baton_txq_setup(p->port, 0, &tx, &p->tx)) < 0)
		return ret;
	return baton_port_start(p->port);
}

static struct front *
open_baton(const char *name, const char *path, const char *args, uint16_t len, char *text,
	   size_t size)
{
	struct baton_front *p = calloc(1, sizeof(*p));
	struct baton_port_info info;
	char devargs[512];

	if (!p)
		return NULL;
	p->f = (struct front){ .ops = &front_baton, .len = len };
	snprintf(devargs, sizeof(devargs), "net_virtio_user%s,path=%s%s%s", name, path,
		 *args ? "," : "", args);
	if (front_baton_memory(p) < 0 || front_baton_port(p, devargs) < 0) {
		snprintf(text, size, "%s", baton_last_error());
		close_baton(&p->f);
		return NULL;
	}
	baton_port_info(p->port, &info);
	snprintf(text, size, "%s", info.detail);
	return &p->f;
}

const struct front_ops front_baton = {
	.stack = "baton",
	.open = open_baton,
	.close = close_baton,
	.round = { [FRONT_RX] = round_baton_rx,
		   [FRONT_TX] = round_baton_tx,
		   [FRONT_IO] = round_baton_io },
};
