/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A program that runs with another library than the one whose headers it was built with: those of a
 *release, or, with LATER, those that test_abi_changes.py made of them. It holds what the library
 *writes against the size that its own headers know.
 *
 *	client [VALUE]       LATER: the value of the member that the release lacks
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <baton/baton.h>

#define BURST 32
#define AFTER 64 /* bytes behind a struct, which no call may write */

#define GUARDED(type)                                                                              \
	struct {                                                                                   \
		struct type it;                                                                    \
		unsigned char after[AFTER];                                                        \
	}

static void
check(int ret, const char *what)
{
	if (ret >= 0)
		return;
	printf("%s: %d: %s\n", what, ret, baton_last_error());
	exit(1);
}

static void
untouched(const unsigned char *after, const char *what)
{
	for (int i = 0; i < AFTER; i++)
		if (after[i] != 0xa5) {
			printf("%s: byte %d behind the struct was written\n", what, i);
			exit(1);
		}
}

static struct baton_pool *
make_pool(struct baton_ctx *ctx, unsigned value)
{
	GUARDED(baton_pool_config) config;
	GUARDED(baton_pool_info) info;
	struct baton_pool *pool;

	/* What is behind a configuration is no part of it. */
	memset(&config, 0xa5, sizeof(config));
	memset(&info, 0xa5, sizeof(info));
	baton_pool_config_init(&config.it);
	untouched(config.after, "init");
	if (config.it.size != sizeof(config.it))
		check(-1, "the size of a configuration");
	config.it.count = 4096;
	config.it.page_size = BATON_PAGE_BASE;
#ifdef LATER
	if (value)
		config.it.later = value;
#else
	(void)value;
#endif
	check(baton_pool_create(ctx, &config.it, &pool), "pool");
	baton_pool_info(pool, &info.it);
	untouched(info.after, "info");
	if (info.it.count != 4096 || info.it.page_size < 4096)
		check(-1, "the pool's properties");
#ifdef LATER
	printf("later %llu\n", (unsigned long long)info.it.later);
#endif
	return pool;
}

static struct baton_port *
open_port(struct baton_ctx *ctx, const char *name, struct baton_worker *worker,
	  struct baton_pool *pool, struct baton_rxq **rxq, struct baton_txq **txq)
{
	struct baton_port_config c = { .size = sizeof(c), .rx_queues = 1, .tx_queues = 1 };
	struct baton_queue_config q = { .size = sizeof(q), .worker = worker, .pool = pool };
	struct baton_port *port;

	check(baton_port_open(ctx, name, &port), name);
	check(baton_port_configure(port, &c), "configure");
	check(baton_rxq_setup(port, 0, &q, rxq), "RX queue");
	q.pool = NULL;
	check(baton_txq_setup(port, 0, &q, txq), "TX queue");
	check(baton_port_start(port), "start");
	return port;
}

int
main(int argc, char **argv)
{
	GUARDED(baton_stats) stats;
	struct baton_worker_config worker_config;
	struct baton_token tokens[BURST];
	struct baton_worker *worker;
	struct baton_port *port;
	struct baton_pool *pool;
	struct baton_ctx *ctx;
	struct baton_rxq *rxq;
	struct baton_txq *txq;
	unsigned long sent = 0;

	check(baton_ctx_create(NULL, &ctx), "context");
	pool = make_pool(ctx, argc > 1 ? (unsigned)atoi(argv[1]) : 0);
	baton_worker_config_init(&worker_config);
	check(baton_worker_create(ctx, &worker_config, &worker), "worker");
	port = open_port(ctx, "net_null0", worker, pool, &rxq, &txq);
	while (sent < 100000) {
		int n = baton_rx_burst(rxq, tokens, BURST), done;

		check(n, "receive");
		for (int i = 0; i < n; i++)
			memset(baton_data(worker, tokens[i]), i, tokens[i].len);
		done = baton_tx_burst(txq, tokens, (unsigned)n);
		check(done, "send");
		baton_free(worker, tokens + done, (unsigned)(n - done));
		sent += (unsigned)done;
	}
	memset(&stats, 0xa5, sizeof(stats));
	baton_port_stats(port, &stats.it);
	untouched(stats.after, "stats");
	if (stats.it.tx_packets != sent)
		check(-1, "the port's counters");
	check(baton_port_close(port), "close");
	check(baton_worker_destroy(worker), "worker");
	check(baton_pool_destroy(pool), "buffers are missing");
	check(baton_ctx_destroy(ctx), "context");
	printf("headers %s, library %s: every buffer is home\n", BATON_VERSION, baton_version());
	return 0;
}
