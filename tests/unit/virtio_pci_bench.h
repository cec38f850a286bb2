/* SPDX-License-Identifier: BSD-3-Clause */
/* One port of net_virtio on the device of fake_pci.h, as the tests of it share it. */
#ifndef VIRTIO_PCI_BENCH_H
#define VIRTIO_PCI_BENCH_H

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
#include <unistd.h>

#include <baton/baton.h>

#include "fake_pci.h"
#include "rig.h"

struct bench {
	struct fake_pci *fake;
	struct baton_ctx *ctx;
	struct baton_pool *pool;
	struct baton_worker *worker;
	struct baton_port *port;
	struct baton_rxq *rx[4];
	struct baton_txq *tx[4];
	unsigned pairs;
	bool own_space; /* not the flat one of fake_pci_use() */
	unsigned events[4];
	char args[64];
	char log[512]; /* the last line */
};

__attribute__((unused)) static void
on_log(void *arg, enum baton_log_level level, const char *line)
{
	snprintf(((struct bench *)arg)->log, sizeof(((struct bench *)arg)->log), "%s", line);
	if (getenv("FAKEDEV_LOG"))
		fprintf(stderr, "log %d: %s\n", level, line);
}

__attribute__((unused)) static void
on_event(void *arg, struct baton_port *port, enum baton_port_event event)
{
	((struct bench *)arg)->events[event]++;
}

__attribute__((unused)) static void
prepare(struct bench *b, uint64_t features, unsigned pairs)
{
	struct baton_worker_config w = { .size = sizeof(w), .name = "w", .cache_size = 64 };
	struct baton_ctx_config c = { .size = sizeof(c), .log = on_log, .log_arg = b };
	struct baton_pool_config p;

	memset(b, 0, sizeof(*b));
	b->pairs = pairs;
	b->fake = fake_pci_start(features);
	b->fake->max_pairs = (uint16_t)pairs;
	assert_int_equal(baton_ctx_create(&c, &b->ctx), 0);
	baton_pool_config_init(&p);
	p.name = "bench";
	p.count = 4096;
	p.page_size = BATON_PAGE_BASE;
	assert_int_equal(baton_pool_create(b->ctx, &p, &b->pool), 0);
	fake_pci_share(b->fake, b->pool);
	assert_int_equal(baton_worker_create(b->ctx, &w, &b->worker), 0);
}

__attribute__((unused)) static int
try_open(struct bench *b)
{
	char args[128];
	int ret;

	fake_pci_use(b->fake, b->ctx, !b->own_space && !b->ctx->ioas);
	snprintf(args, sizeof(args), "00:03.0%s", b->args);
	ret = baton_port_open(b->ctx, args, &b->port);
	if (ret < 0)
		b->port = NULL;
	else
		baton_port_on_event(b->port, on_event, b);
	return ret;
}

__attribute__((unused)) static int
try_configure(struct bench *b)
{
	struct baton_port_config c = { .size = sizeof(c),
				       .rx_queues = (uint16_t)b->pairs,
				       .tx_queues = (uint16_t)b->pairs,
				       .stop_timeout_ms = 50 };
	struct baton_queue_config q = { .size = sizeof(q), .worker = b->worker };
	int ret = baton_port_configure(b->port, &c);

	for (uint16_t i = 0; !ret && i < b->pairs; i++) {
		q.pool = b->pool;
		ret = baton_rxq_setup(b->port, i, &q, &b->rx[i]);
		q.pool = NULL;
		if (!ret)
			ret = baton_txq_setup(b->port, i, &q, &b->tx[i]);
	}
	return ret;
}

__attribute__((unused)) static int
try_start(struct bench *b)
{
	int ret = try_configure(b);

	return ret < 0 ? ret : baton_port_start(b->port);
}

__attribute__((unused)) static void
must(int ret)
{
	if (ret < 0)
		fail_msg("%s: %s", strerror(-ret), baton_last_error());
}

__attribute__((unused)) static uint32_t
held(const struct bench *b, enum baton_holder_kind kind)
{
	struct baton_holder h[32];
	unsigned n = baton_pool_holders(b->pool, h, 32);
	uint32_t sum = 0;

	for (unsigned i = 0; i < n; i++)
		sum += h[i].kind == kind ? h[i].count : 0;
	return sum;
}

__attribute__((unused)) static void
all_home(const struct bench *b)
{
	assert_int_equal(held(b, BATON_HOLDER_FREE) + held(b, BATON_HOLDER_CACHE), 4096);
}

__attribute__((unused)) static void
down(struct bench *b)
{
	if (b->port)
		must(baton_port_close(b->port));
	all_home(b);
	assert_string_equal(b->fake->fakedev->error, "");
	assert_int_equal(baton_worker_destroy(b->worker), 0);
	assert_int_equal(baton_pool_destroy(b->pool), 0);
	assert_int_equal(baton_ctx_destroy(b->ctx), 0);
	fake_pci_stop(b->fake);
}

__attribute__((unused)) static void
up(struct bench *b, uint64_t features, unsigned pairs)
{
	prepare(b, features, pairs);
	must(try_open(b));
	must(try_start(b));
}

__attribute__((unused)) static void
says(const char *words)
{
	if (!strstr(baton_last_error(), words))
		fail_msg("\"%s\" is not in: %s", words, baton_last_error());
}

__attribute__((unused)) static struct baton_reach_summary
summary(const struct bench *b)
{
	struct baton_reach_summary s;

	baton_port_reach_summary(b->port, &s);
	return s;
}

/* ---- packets ---- */

__attribute__((unused)) static void
receive(struct bench *b, unsigned queue, size_t len, uint32_t seed)
{
	struct baton_token t[RIG_BURST];
	uint8_t frame[2048];
	int n;

	rig_frame(frame, len, seed);
	assert_true(fakedev_rx_inject(b->fake->fakedev, FAKEDEV_RXQ(queue), frame, len) > 0);
	n = baton_rx_burst(b->rx[queue], t, RIG_BURST);
	assert_int_equal(n, 1);
	assert_int_equal(t[0].len, len);
	assert_memory_equal(baton_data(b->worker, t[0]), frame, len);
	assert_int_equal(baton_free(b->worker, t, 1), 0);
}

__attribute__((unused)) static void
sends(struct bench *b, unsigned queue, size_t len, uint32_t seed)
{
	struct wire_net_header header;
	struct baton_token t;
	uint8_t frame[2048], got[2048];
	size_t n = sizeof(got);
	int head;

	rig_frame(frame, len, seed);
	assert_int_equal(baton_alloc(b->worker, b->pool, &t, 1), 1);
	t.len = (uint16_t)len;
	memcpy(baton_data(b->worker, t), frame, len);
	fake_pci_rung(b->fake, FAKEDEV_TXQ(queue));
	assert_int_equal(baton_tx_burst(b->tx[queue], &t, 1), 1);
	assert_true(fake_pci_rung(b->fake, FAKEDEV_TXQ(queue)));
	head = fakedev_tx_collect(b->fake->fakedev, FAKEDEV_TXQ(queue), &header, got, &n);
	assert_true(head >= 0);
	assert_int_equal(n, len);
	assert_memory_equal(got, frame, len);
	fakedev_complete(b->fake->fakedev, FAKEDEV_TXQ(queue), (uint32_t)head, 0);
	assert_int_equal(baton_tx_clean(b->tx[queue], 64), summary(b).tx_slots ? 0 : 1);
	assert_int_equal(baton_txq_in_flight(b->tx[queue]), 0);
}

__attribute__((unused)) static void
traffic(struct bench *b)
{
	for (unsigned q = 0; q < b->pairs; q++)
		for (uint32_t i = 0; i < 600; i++) {
			receive(b, q, 60 + i, i);
			sends(b, q, 60 + i, i);
		}
}

#endif
