/* SPDX-License-Identifier: BSD-3-Clause */
/* Ports, queues, descriptors and cores become more or fewer: what that means for the pool. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "testpmd.h"

/* No smaller than that unless asked for. */
#define LEAST_DESCS 64
#define LEAST_CACHE 64

unsigned
queue_descs(const struct app *app, unsigned port, bool tx, unsigned queue)
{
	const struct app_port *p = &app->ports[port];
	const struct app_queue *q = tx ? &p->tx[queue] : &p->rx[queue];
	unsigned all = tx ? app->opt.txd : app->opt.rxd;

	if (q->descs)
		return q->descs;
	if (all)
		return all;
	if (app->most_descs && app->most_descs < p->info.default_descs)
		return app->most_descs;
	return p->info.default_descs;
}

/* What may be in rings of open ports. */
static uint64_t
in_rings(const struct app *app)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < app->n_ports; i++) {
		if (!app->ports[i].port)
			continue;
		for (unsigned q = 0; q < app->opt.rxq; q++)
			n += queue_descs(app, i, false, q);
		for (unsigned q = 0; q < app->opt.txq; q++)
			n += queue_descs(app, i, true, q);
	}
	return n;
}

static uint64_t
cache_of(const struct app *app)
{
	return app->opt.mbcache ? app->opt.mbcache : BATON_DEFAULT_CACHE;
}

/* Enough for full rings and caches, so that no queue ever starves another. */
uint64_t
buffers_wanted(const struct app *app)
{
	uint64_t n = in_rings(app), burst = MAX_BURST, cores = app->n_lcores;
	unsigned ports[BATON_MAX_PORTS], workers = 0;
	unsigned streams = select_ports(app, ports) * app->opt.queues;

	/* Of the prompt one may ask for more. */
	if (app->opt.interactive && streams > cores)
		cores = streams < app->max_lcores ? streams : app->max_lcores;
	for (unsigned i = 0; app->lcores && i < app->max_lcores; i++)
		workers += app->lcores[i].worker != NULL;
	cores = workers > cores ? workers : cores;
	for (unsigned i = 0; i < app->n_ports; i++)
		if (app->ports[i].port && app->ports[i].info.max_segs > burst)
			burst = app->ports[i].info.max_segs;
	n += cores * (2 * cache_of(app) + burst);
	return (n + 255) / 256 * 256;
}

/* Without as many no port starts: see baton_port_start(). Bounced ports want fewer. */
static uint64_t
buffers_least(const struct app *app)
{
	uint64_t n = in_rings(app);

	for (unsigned i = 0; i < app->max_lcores; i++)
		n += app->lcores[i].worker ? cache_of(app) + 64 : 0;
	return n;
}

static uint64_t
least_of(const struct app *app)
{
	return in_rings(app) + app->n_lcores * (cache_of(app) + 64);
}

/* What the rings have that may become smaller. */
static unsigned
longest_default(const struct app *app)
{
	unsigned most = 0;

	for (unsigned i = 0; i < app->n_ports && !(app->opt.rxd && app->opt.txd); i++)
		if (app->ports[i].port && app->ports[i].info.default_descs > most)
			most = app->ports[i].info.default_descs;
	return app->most_descs && app->most_descs < most ? app->most_descs : most;
}

void
rings_fit(struct app *app)
{
	const unsigned asked = app->opt.mbcache;
	unsigned descs;

	if (!app->opt.total_mbufs || least_of(app) <= app->opt.total_mbufs)
		return;
	while (least_of(app) > app->opt.total_mbufs) {
		descs = longest_default(app);
		if (descs > LEAST_DESCS && (asked || descs >= cache_of(app)))
			app->most_descs = descs / 2;
		else if (!asked && cache_of(app) > LEAST_CACHE)
			app->opt.mbcache = (unsigned)cache_of(app) / 2;
		else
			break;
	}
	if (least_of(app) > app->opt.total_mbufs) { /* the library has the numbers */
		app->most_descs = 0;
		app->opt.mbcache = asked;
		return;
	}
	descs = longest_default(app);
	complain("--total-num-mbufs=%u is little for %u ports: rings have %u descriptors unless "
		 "--rxd= and --txd= say otherwise, and cores keep %u buffers",
		 app->opt.total_mbufs, app->n_ports, descs ? descs : app->opt.rxd,
		 (unsigned)cache_of(app));
}

static bool
any_bounced(const struct app *app)
{
	for (unsigned i = 0; i < app->n_ports; i++) {
		const struct baton_reach_summary *r = &app->ports[i].reach;

		if (app->ports[i].port && (r->rx_slots || r->tx_slots))
			return true;
	}
	return false;
}

/* ---- another pool ---- */

/* Caches give back what is the old pool's. */
static void
flush_workers(struct app *app)
{
	for (unsigned i = 0; i < app->max_lcores; i++) {
		struct baton_worker *w = app->lcores[i].worker;

		if (!w || baton_worker_bind(w) < 0)
			continue;
		baton_worker_flush(w);
		baton_worker_unbind(w);
	}
}

/* Set up the queues of a stopped port with the pool as it is now. */
static bool
renew_queues(struct app *app, unsigned port)
{
	struct app_port *p = &app->ports[port];

	for (unsigned i = 0; i < BATON_MAX_QUEUES; i++)
		p->rx[i].lcore = p->tx[i].lcore = NULL;
	return port_set_up(app, port);
}

/*
 * All ports take their buffers from @pool. Those that are started are stopped for a moment, cores
 * that forward wait meanwhile.
 */
static bool
use_pool(struct app *app, struct baton_pool *pool)
{
	bool started[BATON_MAX_PORTS] = { false }, ok = true;
	struct baton_pool *old = app->pool;

	forward_pause(app);
	for (unsigned i = 0; i < app->n_ports; i++) {
		started[i] = port_is_started(&app->ports[i]);
		if (started[i])
			port_take_down(app, i);
	}
	flush_workers(app);
	app->pool = pool;
	for (unsigned i = 0; i < app->n_ports; i++)
		if (app->ports[i].port)
			ok = renew_queues(app, i) && ok;
	if (ok && baton_pool_destroy(old) < 0) {
		complain("%s", baton_last_error());
		ok = false;
	}
	if (!ok) { /* back, as far as it goes */
		app->pool = old;
		for (unsigned i = 0; i < app->n_ports; i++)
			if (app->ports[i].port)
				renew_queues(app, i);
		baton_pool_destroy(pool);
	}
	for (unsigned i = 0; i < app->n_ports; i++)
		if (started[i] && !port_bring_up_again(app, i))
			ok = false;
	streams_attach(app);
	forward_resume(app);
	return ok;
}

/* A port that waits for its device could not be started again. */
static bool
all_there(const struct app *app, uint64_t wanted)
{
	for (unsigned i = 0; i < app->n_ports; i++) {
		if (!port_is_lost(&app->ports[i]))
			continue;
		complain("the pool would have to be made anew, with %llu buffers, and port %u "
			 "waits "
			 "for its device: try again when it is back, stop the port, or start with "
			 "--total-num-mbufs=%llu",
			 (unsigned long long)wanted, i, (unsigned long long)wanted);
		return false;
	}
	return true;
}

bool
pool_fit(struct app *app)
{
	uint64_t least = buffers_least(app), wanted = buffers_wanted(app);
	struct baton_pool_info info;
	struct baton_pool *pool;

	baton_pool_info(app->pool, &info);
	if (app->opt.total_mbufs && (least <= info.count || any_bounced(app)))
		return true;
	if (!app->opt.total_mbufs && wanted <= info.count)
		return true;
	if (app->opt.total_mbufs || wanted > BATON_MAX_BUFS) {
		complain("pool %s has %u buffers, and rings and caches of %llu would be too many "
			 "for it; start with --total-num-mbufs=%llu or more, %u at most",
			 info.name, info.count, (unsigned long long)least,
			 (unsigned long long)wanted, BATON_MAX_BUFS);
		return false;
	}
	if (!all_there(app, wanted))
		return false;
	pool = pool_make(app, (uint32_t)wanted);
	return pool && use_pool(app, pool);
}

/* ---- other numbers of queues ---- */

/* Queues that are no more leave what they counted. */
static void
drop_queues(struct app_port *p, unsigned rxq, unsigned txq)
{
	for (unsigned i = 0; i < BATON_MAX_QUEUES; i++) {
		struct app_queue *pair[] = { i < rxq ? NULL : &p->rx[i],
					     i < txq ? NULL : &p->tx[i] };

		for (unsigned k = 0; k < 2; k++) {
			if (!pair[k])
				continue;
			counts_keep(pair[k]);
			pair[k]->rxq = NULL;
			pair[k]->txq = NULL;
			pair[k]->lcore = NULL;
			pair[k]->descs = 0;
			pair[k]->stopped = false;
		}
	}
}

static bool
may_have(const struct app *app, unsigned rxq, unsigned txq)
{
	for (unsigned i = 0; i < app->n_ports; i++) {
		const struct baton_port_info *info = &app->ports[i].info;

		if (!app->ports[i].port ||
		    (rxq <= info->max_rx_queues && txq <= info->max_tx_queues))
			continue;
		complain("port %u (%s) has at most %u RX and %u TX queues", i, info->name,
			 info->max_rx_queues, info->max_tx_queues);
		return false;
	}
	return true;
}

bool
queues_resize(struct app *app, unsigned rxq, unsigned txq)
{
	struct options *opt = &app->opt;
	const unsigned old_rxq = opt->rxq, old_txq = opt->txq, old_queues = opt->queues;

	if (!may_have(app, rxq, txq))
		return false;
	opt->rxq = rxq;
	opt->txq = txq;
	opt->queues = rxq < txq ? rxq : txq;
	for (unsigned i = 0; i < app->n_ports; i++) {
		drop_queues(&app->ports[i], rxq, txq);
		app->ports[i].reconfigure = true;
	}
	if (!pool_fit(app)) {
		opt->rxq = old_rxq;
		opt->txq = old_txq;
		opt->queues = old_queues;
		for (unsigned i = 0; i < app->n_ports; i++)
			app->ports[i].reconfigure = true;
		return false;
	}
	streams_want(app);
	return true;
}
