/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A packet service: receives frames on one port, swaps their MAC addresses, sends them on another.
 *
 *	cc service.c $(pkg-config --cflags --libs libbaton) -o service
 *	./service net_null0 net_null1 100000
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <baton/baton.h>

#define BURST 32

static void
check(int ret, const char *what)
{
	if (ret < 0) {
		fprintf(stderr, "service: %s: %s\n", what, baton_last_error());
		exit(1);
	}
}

static void
swap_macs(uint8_t *frame)
{
	uint8_t mac[6];

	memcpy(mac, frame, 6);
	memmove(frame, frame + 6, 6);
	memcpy(frame + 6, mac, 6);
}

static struct baton_port *
open_port(struct baton_ctx *ctx, const char *devargs, struct baton_worker *worker,
	  struct baton_pool *pool, struct baton_rxq **rxq, struct baton_txq **txq)
{
	struct baton_queue_config queue;
	struct baton_port *port;

	check(baton_port_open(ctx, devargs, &port), devargs);
	check(baton_port_configure(port, NULL), "configure"); /* the defaults: a queue each way */
	baton_queue_config_init(&queue);
	queue.worker = worker;
	check(baton_txq_setup(port, 0, &queue, txq), "TX queue");
	queue.pool = pool;
	check(baton_rxq_setup(port, 0, &queue, rxq), "RX queue");
	check(baton_port_start(port), "start");
	return port;
}

int
main(int argc, char **argv)
{
	struct baton_pool_config pool_config;
	struct baton_rxq *rxq[2];
	struct baton_txq *txq[2];
	struct baton_token tokens[BURST];
	struct baton_worker *worker;
	struct baton_port *port[2];
	struct baton_pool *pool;
	struct baton_ctx *ctx;
	long wanted = argc > 3 ? atol(argv[3]) : 100000, sent = 0;

	if (argc < 3) {
		fprintf(stderr, "usage: service IN-PORT OUT-PORT [TOKENS]\n");
		return 2;
	}
	check(baton_ctx_create(NULL, &ctx), "context");
	baton_pool_config_init(&pool_config);
	pool_config.count = 8192;
	check(baton_pool_create(ctx, &pool_config, &pool), "pool");
	check(baton_worker_create(ctx, NULL, &worker), "worker");
	for (int i = 0; i < 2; i++)
		port[i] = open_port(ctx, argv[1 + i], worker, pool, &rxq[i], &txq[i]);

	while (sent < wanted) {
		int n = baton_rx_burst(rxq[0], tokens, BURST);

		check(n, "receive");
		for (int i = 0; i < n; i++)
			if (i == 0 || !(tokens[i - 1].flags & BATON_TOKEN_CONT))
				swap_macs(baton_data(worker, tokens[i]));
		/* What the ring has no room for is tried again: the tokens are still ours. */
		for (int done = 0, ret; done < n; done += ret)
			check(ret = baton_tx_burst(txq[1], tokens + done, (unsigned)(n - done)),
			      "send");
		sent += n;
	}

	for (int i = 0; i < 2; i++)
		check(baton_port_close(port[i]), "close");
	check(baton_worker_destroy(worker), "worker");
	check(baton_pool_destroy(pool), "buffers are missing"); /* refused while one is out */
	check(baton_ctx_destroy(ctx), "context");
	printf("forwarded %ld tokens with Baton %s, every buffer is home\n", sent, baton_version());
	return 0;
}
