/* SPDX-License-Identifier: BSD-3-Clause */
/* Ports, the pool and the workers: from the options to running ports, and back. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "testpmd.h"

static bool
open_one(struct app *app, const char *devargs)
{
	struct baton_port_config config = {
		.size = sizeof(config),
		.rx_queues = (uint16_t)app->opt.queues,
		.tx_queues = (uint16_t)app->opt.queues,
		.mtu = (uint16_t)app->opt.mtu,
	};
	struct app_port *p = &app->ports[app->n_ports];

	if (baton_port_open(app->ctx, devargs, &p->port) < 0) {
		complain("--vdev: %s", baton_last_error());
		return false;
	}
	app->n_ports++;
	if (baton_port_configure(p->port, &config) < 0) {
		complain("port %u: %s", app->n_ports - 1, baton_last_error());
		return false;
	}
	baton_port_info(p->port, &p->info);
	if (p->info.max_segs > MAX_TOKENS) {
		complain("port %u (%s): packets of up to %u buffers; at most %u are handled",
			 app->n_ports - 1, devargs, p->info.max_segs, MAX_TOKENS);
		return false;
	}
	return true;
}

/* Enough for full rings and caches, so that no queue ever starves another. */
static uint32_t
buffers_needed(const struct app *app)
{
	const struct options *opt = &app->opt;
	uint64_t cache = opt->mbcache ? opt->mbcache : BATON_DEFAULT_CACHE;
	uint64_t n = app->n_lcores * (2 * cache + MAX_TOKENS) + 1024;

	for (unsigned i = 0; i < app->n_ports; i++) {
		uint32_t descs = app->ports[i].info.default_descs;

		n += (uint64_t)opt->queues *
		     ((opt->rxd ? opt->rxd : descs) + (opt->txd ? opt->txd : descs));
	}
	n = (n + 1023) / 1024 * 1024;
	return n > BATON_MAX_BUFS ? BATON_MAX_BUFS : (uint32_t)n;
}

static bool
make_pool(struct app *app)
{
	struct baton_pool_config config;
	struct baton_pool_info info;

	baton_pool_config_init(&config);
	config.name = "mb_pool_0";
	config.count = app->opt.total_mbufs ? app->opt.total_mbufs : buffers_needed(app);
	if (app->opt.mbuf_size)
		config.data_len = app->opt.mbuf_size;
	if (app->opt.no_huge)
		config.page_size = BATON_PAGE_4K;
	config.hugetlbfs = app->opt.huge_dir;
	if (baton_pool_create(app->ctx, &config, &app->pool) < 0) {
		complain("%s", baton_last_error());
		return false;
	}
	baton_pool_info(app->pool, &info);
	printf("Pool %s: %u buffers of %u bytes, in pages of %u KiB\n", info.name, info.count,
	       info.data_len, (unsigned)(info.page_size >> 10));
	return true;
}

static bool
make_workers(struct app *app)
{
	struct options *opt = &app->opt;
	unsigned first = opt->n_lcores > 1;

	app->lcores = aligned_alloc(64, app->n_lcores * sizeof(*app->lcores));
	if (!app->lcores) {
		complain("out of memory");
		return false;
	}
	memset(app->lcores, 0, app->n_lcores * sizeof(*app->lcores));
	for (unsigned i = 0; i < app->n_lcores; i++) {
		struct lcore *lc = &app->lcores[i];
		char name[32];
		struct baton_worker_config config = {
			.size = sizeof(config),
			.name = name,
			.cache_size = opt->mbcache,
		};

		lc->app = app;
		lc->id = opt->lcores[first + i];
		snprintf(name, sizeof(name), "core %u", lc->id.id);
		if (baton_worker_create(app->ctx, &config, &lc->worker) < 0) {
			complain("core %u: %s", lc->id.id, baton_last_error());
			return false;
		}
	}
	return true;
}

/* The port that packets received on @port leave by. */
static unsigned
peer_of(const struct app *app, unsigned port)
{
	switch (app->opt.topology) {
	case TOPOLOGY_LOOP:
		return port;
	case TOPOLOGY_CHAINED:
		return (port + 1) % app->n_ports;
	default:
		return (port ^ 1) < app->n_ports ? port ^ 1 : port;
	}
}

static bool
setup_queue(struct app *app, struct stream *s, struct lcore *lc, bool tx)
{
	unsigned port = tx ? s->tx_port : s->rx_port;
	struct baton_queue_config config = {
		.size = sizeof(config),
		.descs = tx ? app->opt.txd : app->opt.rxd,
		.worker = lc->worker,
		.pool = tx ? NULL : app->pool,
	};
	int ret = tx ? baton_txq_setup(app->ports[port].port, (uint16_t)s->queue, &config, &s->txq)
		     : baton_rxq_setup(app->ports[port].port, (uint16_t)s->queue, &config, &s->rxq);

	if (ret < 0)
		complain("port %u: %s", port, baton_last_error());
	return ret >= 0;
}

/* A stream's two queues belong to one core: nothing is handed between threads. */
static bool
make_streams(struct app *app)
{
	app->streams = calloc(app->n_streams, sizeof(*app->streams));
	if (!app->streams) {
		complain("out of memory");
		return false;
	}
	for (unsigned i = 0; i < app->n_streams; i++) {
		struct stream *s = &app->streams[i];
		struct lcore *lc = &app->lcores[i % app->n_lcores];

		s->rx_port = i / app->opt.queues;
		s->queue = i % app->opt.queues;
		s->tx_port = peer_of(app, s->rx_port);
		txonly_frame(app, s);
		lc->streams[lc->n_streams++] = s;
		if (!setup_queue(app, s, lc, false) || !setup_queue(app, s, lc, true))
			return false;
	}
	return true;
}

static void
print_port(const struct app_port *p, unsigned i)
{
	const uint8_t *m = p->info.mac;

	printf("Port %u: %02X:%02X:%02X:%02X:%02X:%02X  %s%s%s\n", i, m[0], m[1], m[2], m[3], m[4],
	       m[5], p->info.name, p->info.detail[0] ? ": " : "", p->info.detail);
}

static bool
start_ports(struct app *app)
{
	for (unsigned i = 0; i < app->n_ports; i++) {
		struct app_port *p = &app->ports[i];
		struct baton_link link;

		if (baton_port_start(p->port) < 0) {
			complain("port %u: %s", i, baton_last_error());
			return false;
		}
		baton_port_info(p->port, &p->info);
		baton_port_link(p->port, &link);
		p->link_up = link.up;
		print_port(p, i);
	}
	return true;
}

/* rx_burst wants room for the longest packet; see forward_once() for bursts smaller than that. */
static void
set_room(struct app *app)
{
	unsigned room = app->opt.burst;

	for (unsigned i = 0; i < app->n_ports; i++) {
		struct baton_port_info info;

		baton_port_info(app->ports[i].port, &info);
		if (info.rx_max_segs > room)
			room = info.rx_max_segs;
	}
	for (unsigned i = 0; i < app->n_lcores; i++) {
		app->lcores[i].room = app->opt.burst;
		app->lcores[i].max_room = room;
	}
}

bool
ports_open(struct app *app)
{
	for (unsigned i = 0; i < app->opt.n_vdevs; i++)
		if (!open_one(app, app->opt.vdevs[i]))
			return false;
	if (app->opt.topology == TOPOLOGY_PAIRED && app->n_ports > 1 && app->n_ports % 2)
		complain("an odd number of ports: port %u forwards to itself", app->n_ports - 1);

	app->n_streams = app->n_ports * app->opt.queues;
	app->n_lcores = app->opt.nb_cores < app->n_streams ? app->opt.nb_cores : app->n_streams;
	if (app->n_lcores < app->opt.nb_cores)
		complain("--nb-cores=%u: %u are used, as there are as many streams",
			 app->opt.nb_cores, app->n_lcores);
	if (!make_pool(app) || !txonly_check(app) || !make_workers(app) || !make_streams(app))
		return false;
	set_room(app);
	return start_ports(app);
}

void
links_check(struct app *app)
{
	for (unsigned i = 0; i < app->n_ports; i++) {
		struct baton_link link;

		baton_port_link(app->ports[i].port, &link);
		if (link.up == app->ports[i].link_up)
			continue;
		app->ports[i].link_up = link.up;
		printf("\nPort %u: link state change event: link is %s\n", i,
		       link.up ? "up" : "down");
		prompt_redraw();
	}
}

void
ports_close(struct app *app)
{
	for (unsigned i = 0; i < app->n_ports; i++) {
		struct app_port *p = &app->ports[i];

		printf("Stopping port %u...\n", i);
		if (p->info.started && baton_port_stop(p->port) < 0) {
			complain("stopping port %u: %s", i, baton_last_error());
			app->failed = true;
		}
		baton_port_stats(p->port, &p->last);
	}
	for (unsigned i = 0; i < app->n_ports; i++) {
		printf("Closing port %u...\n", i);
		if (baton_port_close(app->ports[i].port) < 0) {
			complain("closing port %u: %s", i, baton_last_error());
			app->failed = true;
		}
		app->ports[i].port = NULL;
	}
	for (unsigned i = 0; app->lcores && i < app->n_lcores; i++)
		if (app->lcores[i].worker)
			baton_worker_destroy(app->lcores[i].worker);
}

bool
pool_check(struct app *app)
{
	struct baton_holder holders[64];
	struct baton_pool_info info;
	unsigned n;
	uint32_t home = 0;

	if (!app->pool)
		return true;
	baton_pool_info(app->pool, &info);
	n = baton_pool_holders(app->pool, holders, 64);
	for (unsigned i = 0; i < n && i < 64; i++)
		if (holders[i].kind == BATON_HOLDER_FREE || holders[i].kind == BATON_HOLDER_CACHE)
			home += holders[i].count;
	if (home == info.count)
		return true;
	complain("LOST BUFFERS: %u of %u of %s are home; their holders:", home, info.count,
		 info.name);
	for (unsigned i = 0; i < n && i < 64; i++)
		complain("  %8u %s", holders[i].count, holders[i].name);
	return false;
}

void
port_info(const struct app *app, unsigned i)
{
	struct baton_port_info info;
	struct baton_link link;
	const uint8_t *m = info.mac;

	baton_port_info(app->ports[i].port, &info);
	baton_port_link(app->ports[i].port, &link);
	printf("\n********************* Infos for port %-2u *********************\n", i);
	printf("MAC address: %02X:%02X:%02X:%02X:%02X:%02X\n", m[0], m[1], m[2], m[3], m[4], m[5]);
	printf("Device name: %s\nDriver name: %s\n", info.name, info.driver);
	if (info.detail[0])
		printf("Device info: %s\n", info.detail);
	printf("Link status: %s\n", link.up ? "up" : "down");
	if (link.speed_mbps)
		printf("Link speed: %u Mbps\n", link.speed_mbps);
	else
		printf("Link speed: unknown\n");
	printf("Link duplex: %s\n", link.full_duplex ? "full-duplex" : "half-duplex");
	printf("MTU: %u\nMaximum possible MTU: %u\n", info.mtu, info.max_mtu);
	printf("Current number of RX queues: %u\nMax possible RX queues: %u\n", info.rx_queues,
	       info.max_rx_queues);
	printf("Current number of TX queues: %u\nMax possible TX queues: %u\n", info.tx_queues,
	       info.max_tx_queues);
	printf("Min possible number of descriptors: %u\nMax possible number of descriptors: %u\n",
	       info.min_descs, info.max_descs);
	printf("Default number of descriptors: %u\n", info.default_descs);
	printf("Max segment number per packet: %u\n", info.max_segs);
	printf("Started: %s\n", info.started ? "yes" : "no");
}
