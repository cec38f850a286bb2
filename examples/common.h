/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the echo and the generator share: errors, signals, events, and a port with a queue in each
 * direction. The order of the calls is the usual one.
 */
#ifndef COMMON_H
#define COMMON_H

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>

#include <baton/baton.h>

#define BURST 64

/* Every call that fails has a sentence for people. */
static inline void
check(int ret, const char *what)
{
	if (ret >= 0)
		return;
	fprintf(stderr, "%s: %s\n", what, baton_last_error());
	exit(1);
}

static inline void
start_thread(pthread_t *thread, void *(*fn)(void *), void *arg)
{
	int ret = pthread_create(thread, NULL, fn, arg);

	if (ret == 0)
		return;
	fprintf(stderr, "thread: %s\n", strerror(ret));
	exit(1);
}

/* An IPv4 address as a number. Return: 0 if it is none. */
static inline uint32_t
address(const char *text)
{
	struct in_addr a;

	return inet_pton(AF_INET, text, &a) == 1 ? ntohl(a.s_addr) : 0;
}

struct app {
	struct baton_ctx *ctx;
	struct baton_pool *pool;
	struct baton_port *port;
	struct baton_rxq *rxq;
	struct baton_txq *txq;
	struct baton_port_info info;
	atomic_bool ending; /* at SIGINT, SIGTERM, or when the device was removed */
};

static inline void
on_signal(void *arg, int fd, uint32_t ready)
{
	(void)fd;
	(void)ready;
	atomic_store(&((struct app *)arg)->ending, true);
}

/* A context, which serves signals, and a pool. Before threads are created: they inherit the mask.
 */
static inline void
app_begin(struct app *a)
{
	struct baton_pool_config config;
	sigset_t set;
	int fd;

	setvbuf(stdout, NULL, _IOLBF, 0);
	check(baton_ctx_create(NULL, &a->ctx), "context");
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC);
	if (fd < 0) {
		perror("signalfd");
		exit(1);
	}
	check(baton_ctx_add_fd(a->ctx, fd, BATON_FD_READ, on_signal, a), "signals");
	/* For the rings of the port, the workers' caches, and what the application holds. */
	baton_pool_config_init(&config);
	config.count = 8192;
	check(baton_pool_create(a->ctx, &config, &a->pool), "pool");
}

static inline void
on_event(void *arg, struct baton_port *port, enum baton_port_event event)
{
	struct app *a = (struct app *)arg;
	struct baton_link link;

	baton_port_link(port, &link);
	switch (event) {
	case BATON_EVENT_LINK:
		printf("%s: the link is %s\n", a->info.name, link.up ? "up" : "down");
		break;
	case BATON_EVENT_LOST:
		printf("%s: the device is away\n", a->info.name);
		break;
	case BATON_EVENT_BACK:
		printf("%s: the device is back\n", a->info.name);
		break;
	case BATON_EVENT_REMOVED:
		printf("%s: the device was removed\n", a->info.name);
		a->ending = true;
		break;
	case BATON_EVENT_FAULT:
		printf("%s: the device was refused an access\n", a->info.name);
		break;
	}
}

/* Open and start a port; @rx_worker receives and @tx_worker sends, or one does both. */
static inline void
app_open_port(struct app *a, const char *devargs, uint32_t offloads, struct baton_worker *rx_worker,
	      struct baton_worker *tx_worker)
{
	struct baton_queue_config queue;
	struct baton_port_config config;
	const uint8_t *mac = a->info.mac;

	check(baton_port_open(a->ctx, devargs, &a->port), "open");
	baton_port_config_init(&config);
	config.offloads = offloads;
	config.mtu = 1500; /* a packet fits into a buffer */
	check(baton_port_configure(a->port, &config), "configure");
	baton_queue_config_init(&queue);
	queue.worker = tx_worker;
	check(baton_txq_setup(a->port, 0, &queue, &a->txq), "TX queue");
	queue.worker = rx_worker;
	queue.pool = a->pool;
	check(baton_rxq_setup(a->port, 0, &queue, &a->rxq), "RX queue");
	baton_port_info(a->port, &a->info);
	if (a->info.rx_max_segs > BURST) {
		fprintf(stderr, "a packet of %s may have %u tokens, a burst takes %d\n",
			a->info.name, a->info.rx_max_segs, BURST);
		exit(1);
	}
	baton_port_on_event(a->port, on_event, a);
	check(baton_port_start(a->port), "start");
	printf("%s: %02x:%02x:%02x:%02x:%02x:%02x; %s\n", a->info.name, mac[0], mac[1], mac[2],
	       mac[3], mac[4], mac[5], a->info.detail);
}

/* A device that breaks the rules stops its queue: rx_burst says so, and tx_all drops all. */
static inline void
app_check_queues(const struct app *a)
{
	const char *rx = baton_rxq_error(a->rxq), *tx = baton_txq_error(a->txq);

	if (*rx || *tx) {
		fprintf(stderr, "%s: queue error: %s\n", a->info.name, *rx ? rx : tx);
		exit(1);
	}
}

/* The port is closed and the workers are destroyed: whatever they had is in the pool again. */
static inline void
app_end(struct app *a)
{
	check(baton_pool_destroy(a->pool), "buffers are missing"); /* refused while one is out */
	check(baton_ctx_destroy(a->ctx), "context");
	printf("every buffer is home\n");
}

#endif
