/* SPDX-License-Identifier: BSD-3-Clause */
/* Ports, the pool and the workers: from the options to running ports, and back. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "ends.h"
#include "testpmd.h"

void
complain_memory(const char *what)
{
	struct rlimit data = { 0 }, as = { 0 };

	getrlimit(RLIMIT_DATA, &data);
	getrlimit(RLIMIT_AS, &as);
	complain("no memory for %s%s%s", what,
		 data.rlim_cur == RLIM_INFINITY ? "" : "; RLIMIT_DATA is set, raise it: ulimit -d",
		 as.rlim_cur == RLIM_INFINITY ? "" : "; RLIMIT_AS is set, raise it: ulimit -v");
}

uint32_t
port_offloads(const struct app_port *p)
{
	uint32_t offloads = p->offloads;

	if (p->rx_csum)
		offloads |= BATON_OFFLOAD_RX_CSUM;
	if (p->tcp_hw || p->udp_hw)
		offloads |= BATON_OFFLOAD_TX_CSUM;
	if (p->ip_hw)
		offloads |= BATON_OFFLOAD_TX_IPV4_CSUM;
	if (p->tso)
		offloads |= BATON_OFFLOAD_TX_TSO;
	if (p->tx_tags)
		offloads |= BATON_OFFLOAD_TX_VLAN;
	return offloads;
}

static bool
configure(struct app *app, unsigned port)
{
	struct app_port *p = &app->ports[port];
	struct baton_port_config config = {
		.size = sizeof(config),
		.rx_queues = (uint16_t)app->opt.rxq,
		.tx_queues = (uint16_t)app->opt.txq,
		.mtu = (uint16_t)(p->mtu ? p->mtu : app->opt.mtu),
		.offloads = port_offloads(p),
	};

	if (p->rx_csum && !(p->info.offloads & BATON_OFFLOAD_RX_CSUM)) {
		complain("--enable-rx-cksum: port %u (%s) cannot check checksums", port,
			 p->info.name);
		return false;
	}
	if (((p->tcp_hw || p->udp_hw) && !(p->info.offloads & BATON_OFFLOAD_TX_CSUM)) ||
	    (p->ip_hw && !(p->info.offloads & BATON_OFFLOAD_TX_IPV4_CSUM))) {
		complain("--tx-offloads: port %u (%s) cannot compute checksums%s", port,
			 p->info.name, p->ip_hw ? " of IPv4 headers" : "");
		return false;
	}
	if (baton_port_configure(p->port, &config) < 0) {
		complain("port %u: %s", port, baton_last_error());
		return false;
	}
	if (!port_set_rss(app, port))
		return false;
	p->reconfigure = false;
	return true;
}

bool
port_open(struct app *app, unsigned port, const char *devargs)
{
	struct app_port *p = &app->ports[port];

	int ret = baton_port_open(app->ctx, devargs, &p->port);

	if (ret < 0) {
		/* At the prompt this is a command that failed, and no more. */
		app->misused = ret == -EINVAL;
		complain("%s", baton_last_error());
		return false;
	}
	if (port == app->n_ports)
		app->n_ports++;
	p->detached = false;
	p->devargs = strdup(devargs);
	p->rx_csum = app->opt.rx_csum;
	p->offloads = app->opt.offloads | (app->opt.vlan_strip ? BATON_OFFLOAD_RX_VLAN : 0) |
		      (app->opt.qinq_strip ? BATON_OFFLOAD_RX_VLAN | BATON_OFFLOAD_RX_QINQ : 0) |
		      (app->opt.rx_time ? BATON_OFFLOAD_RX_TIME : 0);
	p->ip_hw = app->opt.ip_csum;
	p->tcp_hw = app->opt.tcp_csum;
	p->udp_hw = app->opt.udp_csum;
	if (!p->rx)
		p->rx = calloc(BATON_MAX_QUEUES, sizeof(p->rx[0]));
	if (!p->tx)
		p->tx = calloc(BATON_MAX_QUEUES, sizeof(p->tx[0]));
	if (!p->rx || !p->tx) {
		complain_memory("the queues of a port");
		return false;
	}
	baton_port_info(p->port, &p->info);
	snprintf(p->name, sizeof(p->name), "%s", p->info.name);
	if (!reach_default(app, p, devargs) || !configure(app, port))
		return false;
	baton_port_info(p->port, &p->info);
	if (p->info.max_segs > MAX_TOKENS) {
		complain("port %u (%s): packets of up to %u buffers; at most %u are handled", port,
			 devargs, p->info.max_segs, MAX_TOKENS);
		return false;
	}
	port_watch(app, port);
	return true;
}

/* The NUMA node of all ports, if there is one. */
static int
node_of(const struct app *app)
{
	int node = app->n_ports ? app->ports[0].info.node : BATON_NODE_ANY;

	for (unsigned i = 1; i < app->n_ports; i++)
		if (app->ports[i].info.node != node)
			return BATON_NODE_ANY;
	return node;
}

struct baton_pool *
pool_make(struct app *app, uint32_t count)
{
	struct baton_pool_config config;
	struct baton_pool *pool = NULL;
	struct baton_pool_info info;

	baton_pool_config_init(&config);
	config.name = "mb_pool_0";
	config.count = count;
	if (app->opt.mbuf_size)
		config.data_len = app->opt.mbuf_size;
	if (app->opt.no_huge)
		config.page_size = BATON_PAGE_BASE;
	config.hugetlbfs = app->opt.huge_dir;
	config.node = node_of(app);
	if (config.node != BATON_NODE_ANY && baton_pool_create(app->ctx, &config, &pool) < 0) {
		complain("no memory near the ports: %s; taking it from any NUMA node",
			 baton_last_error());
		config.node = BATON_NODE_ANY;
	}
	if (!pool && baton_pool_create(app->ctx, &config, &pool) < 0) {
		complain("%s", baton_last_error());
		return NULL;
	}
	baton_pool_info(pool, &info);
	printf("Pool %s: %u buffers of %u bytes, in pages of %u KiB\n", info.name, info.count,
	       info.data_len, (unsigned)(info.page_size >> 10));
	return pool;
}

static bool
make_pool(struct app *app)
{
	uint64_t wanted = buffers_wanted(app);

	rings_fit(app);
	wanted = wanted > BATON_MAX_BUFS ? BATON_MAX_BUFS : wanted;
	app->pool = pool_make(app, app->opt.total_mbufs ? app->opt.total_mbufs : (uint32_t)wanted);
	return app->pool;
}

bool
lcore_set_up(struct app *app, struct lcore *lc)
{
	char name[32];
	struct baton_worker_config config = {
		.size = sizeof(config),
		.name = name,
		.cache_size = app->opt.mbcache,
	};

	snprintf(name, sizeof(name), "core %u", lc->id.id);
	if (baton_worker_create(app->ctx, &config, &lc->worker) < 0) {
		complain("core %u: %s", lc->id.id, baton_last_error());
		return false;
	}
	/* One more than those that the pool was made for. */
	if (app->streams && !pool_fit(app)) {
		baton_worker_destroy(lc->worker);
		lc->worker = NULL;
		return false;
	}
	return !app->opt.sleep_idle || sleep_set_up(lc);
}

static bool
make_lcores(struct app *app)
{
	const struct options *opt = &app->opt;
	unsigned first = opt->n_lcores > 1; /* one core alone is the main thread's, and forwards */

	app->lcores = aligned_alloc(64, app->max_lcores * sizeof(*app->lcores));
	if (!app->lcores) {
		complain_memory("the cores");
		app->max_lcores = app->n_lcores = 0;
		return false;
	}
	memset(app->lcores, 0, app->max_lcores * sizeof(*app->lcores));
	for (unsigned i = 0; i < app->max_lcores; i++) {
		struct lcore *lc = &app->lcores[i];

		lc->app = app;
		lc->id = opt->lcores[first + i];
		lc->wake = WAKE_NONE;
	}
	return select_cores(app);
}

static bool
set_up_queue(struct app *app, unsigned port, unsigned index, bool tx)
{
	struct app_port *p = &app->ports[port];
	struct app_queue *q = tx ? &p->tx[index] : &p->rx[index];
	struct baton_queue_config config = {
		.size = sizeof(config),
		.descs = queue_descs(app, port, tx, index),
		.worker = q->want->worker,
		.pool = tx ? NULL : app->pool,
	};
	int ret;

	if ((q->rxq || q->txq) && q->lcore == q->want)
		return true;
	counts_keep(q);
	q->rxq = NULL;
	q->txq = NULL;
	q->stopped = false;
	ret = tx ? baton_txq_setup(p->port, (uint16_t)index, &config, &q->txq)
		 : baton_rxq_setup(p->port, (uint16_t)index, &config, &q->rxq);
	if (ret < 0) {
		complain("port %u: %s", port, baton_last_error());
		return false;
	}
	q->lcore = q->want;
	q->n_descs = config.descs;
	return true;
}

bool
port_set_up(struct app *app, unsigned port)
{
	struct app_port *p = &app->ports[port];
	bool ok = true;

	if (p->reconfigure) {
		counts_keep_port(app, port);
		for (unsigned i = 0; i < app->opt.rxq; i++)
			p->rx[i].rxq = NULL;
		for (unsigned i = 0; i < app->opt.txq; i++)
			p->tx[i].txq = NULL;
		ok = configure(app, port);
		baton_port_info(p->port, &p->info);
	}
	for (unsigned i = 0; ok && i < app->opt.rxq; i++)
		ok = set_up_queue(app, port, i, false);
	for (unsigned i = 0; ok && i < app->opt.txq; i++)
		ok = set_up_queue(app, port, i, true);
	return ok;
}

void
port_print(const struct app_port *p, unsigned i)
{
	const uint8_t *m = p->info.mac;

	printf("Port %u: %02X:%02X:%02X:%02X:%02X:%02X  %s%s%s\n", i, m[0], m[1], m[2], m[3], m[4],
	       m[5], p->info.name, p->info.detail[0] ? ": " : "", p->info.detail);
}

/*
 * As dpdk-testpmd does. Ports that are no PCI devices receive everything from the beginning, and a
 * vhost-user backend that offers a control queue may leave it unserved.
 */
static void
receive_all(struct app_port *p)
{
	if (p->promisc_set || !strchr(p->info.name, ':'))
		return;
	p->promisc = p->promisc_set = baton_port_set_promisc(p->port, 1) == 0;
}

bool
port_bring_up(struct app *app, unsigned port)
{
	struct app_port *p = &app->ports[port];
	int ret;

	p->quiet = true;
	ret = baton_port_start(p->port);
	p->quiet = false;
	if (ret < 0) {
		complain("port %u: %s", port, baton_last_error());
		return false;
	}
	baton_port_info(p->port, &p->info);
	baton_port_reach_summary(p->port, &p->reach);
	receive_all(p);
	for (unsigned i = 0; i < app->opt.rxq; i++)
		p->rx[i].stopped = false;
	for (unsigned i = 0; i < app->opt.txq; i++)
		p->tx[i].stopped = false;
	return true;
}

void
port_take_down(struct app *app, unsigned port)
{
	struct app_port *p = &app->ports[port];
	struct baton_reach_summary after;

	p->quiet = true;
	if (baton_port_stop(p->port) < 0) {
		complain("stopping port %u: %s", port, baton_last_error());
		app->failed = true;
	}
	p->quiet = false;
	baton_port_info(p->port, &p->info);
	baton_port_reach_summary(p->port, &after);
	p->reach.quarantined_slots = after.quarantined_slots;
}

/* rx_burst wants room for the longest packet; see not_received() for bursts smaller than that. */
void
ports_set_room(struct app *app)
{
	unsigned room = app->opt.burst;

	for (unsigned i = 0; i < app->n_ports; i++) {
		struct baton_port_info info;

		if (!app->ports[i].port)
			continue;
		baton_port_info(app->ports[i].port, &info);
		if (info.rx_max_segs > room)
			room = info.rx_max_segs;
	}
	for (unsigned i = 0; i < app->max_lcores; i++) {
		app->lcores[i].room = app->opt.burst;
		app->lcores[i].max_room = room;
	}
}

/* As in dpdk-testpmd one goes on when it cannot be. */
static void
lock_memory(void)
{
	if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) < 0)
		complain("--mlockall: %s: memory may be swapped out; raise ulimit -l",
			 strerror(errno));
}

bool
ports_open(struct app *app)
{
	unsigned ports[BATON_MAX_PORTS], n;
	bool made;

	if (app->opt.mlockall)
		lock_memory();
	for (unsigned i = 0; i < app->opt.n_vdevs; i++)
		if (ends_signal() || !port_open(app, app->n_ports, app->opt.vdevs[i]))
			return false;
	n = select_ports(app, ports);
	if (app->opt.topology == TOPOLOGY_PAIRED && n > 1 && n % 2)
		complain("an odd number of ports: port %u forwards to itself", ports[n - 1]);

	app->n_streams = n * app->opt.queues;
	app->max_lcores = app->opt.n_lcores > 1 ? app->opt.n_lcores - 1 : 1;
	if (app->max_lcores > MAX_LCORES) /* a machine may have thousands of CPUs */
		app->max_lcores = MAX_LCORES;
	app->n_lcores = app->opt.nb_cores < app->n_streams ? app->opt.nb_cores : app->n_streams;
	if (app->n_lcores < app->opt.nb_cores)
		complain("--nb-cores=%u: %u are used, as there are as many streams",
			 app->opt.nb_cores, app->n_lcores);
	made = app->opt.tx_first || txonly_given(app);
	if (!make_pool(app) || !txonly_check(app, made) || !make_lcores(app) || !streams_make(app))
		return false;
	ports_set_room(app);
	for (unsigned i = 0; i < app->n_ports; i++) {
		if (ends_signal() || (!app->opt.no_device_start && !port_bring_up(app, i)))
			return false;
		port_print(&app->ports[i], i);
	}
	streams_attach(app); /* an address may be known only now, and what a port takes */
	if (!txonly_check(app, made))
		return false;
	return watch_check(app) && (!app->opt.sleep_idle || sleep_check(app));
}

static void
close_lcores(struct app *app)
{
	for (unsigned i = 0; app->lcores && i < app->max_lcores; i++) {
		struct lcore *lc = &app->lcores[i];

		if (lc->worker)
			baton_worker_destroy(lc->worker);
		wake_close(&lc->wake);
		free(lc->fds);
		free(lc->streams);
	}
}

void
ports_close(struct app *app)
{
	for (unsigned i = 0; i < app->n_ports; i++) {
		struct app_port *p = &app->ports[i];

		if (!p->port)
			continue;
		baton_port_on_event(p->port, NULL, NULL);
		printf("\nStopping port %u...\nStopping ports...\n", i);
		port_take_down(app, i);
		printf("Done\n");
		counts_keep_port(app, i);
	}
	for (unsigned i = 0; i < app->n_ports; i++) {
		struct app_port *p = &app->ports[i];

		if (!p->port)
			continue;
		printf("\nShutting down port %u...\nClosing ports...\n", i);
		if (baton_port_close(p->port) < 0) {
			complain("closing port %u: %s", i, baton_last_error());
			app->failed = true;
		} else {
			printf("Port %u is closed\nDone\n", i);
		}
		p->port = NULL;
		counts_drop_port(app, i);
	}
	close_lcores(app);
}

bool
pool_check(struct app *app)
{
	struct baton_holder holders[MAX_HOLDERS];
	struct baton_pool_info info;
	unsigned n;
	uint32_t free_bufs = 0;

	if (!app->pool)
		return true;
	baton_pool_info(app->pool, &info);
	n = baton_pool_holders(app->pool, holders, MAX_HOLDERS);
	for (unsigned i = 0; i < n && i < MAX_HOLDERS; i++)
		if (holders[i].kind == BATON_HOLDER_FREE || holders[i].kind == BATON_HOLDER_CACHE)
			free_bufs += holders[i].count;
	if (free_bufs == info.count)
		return true;
	complain("LOST BUFFERS: %u of %u of %s are free_bufs; their holders:", free_bufs,
		 info.count, info.name);
	for (unsigned i = 0; i < n && i < MAX_HOLDERS; i++)
		complain("  %8u %s", holders[i].count, holders[i].name);
	return false;
}
