/* SPDX-License-Identifier: BSD-3-Clause */
/* Ports, pools and workers of the traffic. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "traffic_state.h"

#define CACHE       64   /* buffers of a pool in a worker's cache */
#define RX_DESCS    2048 /* of a ring, where the device has so many */
#define SLACK       256  /* buffers that nobody needs for long */
#define MTU         1500
#define ETH_AND_FCS 18 /* bytes of a packet that the MTU does not count */

static bool
refuse(const char *what, char why[WHY])
{
	const char *error = baton_last_error();

	if (!strncmp(error, what, strlen(what)))
		snprintf(why, WHY, "%.300s", error);
	else
		snprintf(why, WHY, "%.60s: %.240s", what, error);
	return false;
}

/* ---- opening ---- */

static void
on_event(void *arg, struct baton_port *port, enum baton_port_event event)
{
	struct traffic *t = arg;

	if (event == BATON_EVENT_FAULT)
		return;
	t->link_changed = true;
	for (unsigned i = 0; i < t->config.n_ports; i++)
		if (event == BATON_EVENT_REMOVED && t->ports[i].port == port)
			t->ports[i].removed = true;
}

static bool
pool_make(struct traffic *t, const char *name, unsigned count, struct baton_pool **pool,
	  char why[WHY])
{
	struct baton_pool_config config;

	baton_pool_config_init(&config);
	config.name = name;
	config.count = count;
	/* Tags may be added on the way. */
	config.data_len = BATON_DEFAULT_HEADROOM +
			  (t->config.max_size < 2048 ? 2048 : t->config.max_size + 64);
	if (t->config.no_huge)
		config.page_size = BATON_PAGE_BASE;
	return baton_pool_create(t->ctx, &config, pool) >= 0 || refuse("buffers", why);
}

/* The largest power of two up to @most that the port can have. */
static unsigned
descs_of(const struct baton_port_info *info, unsigned most)
{
	unsigned n = 1;

	while (2 * n <= most && 2 * n <= info->max_descs)
		n *= 2;
	return n < info->min_descs ? info->min_descs : n;
}

static bool
port_open(struct traffic *t, unsigned i, char why[WHY])
{
	struct traffic_port *p = &t->ports[i];
	const char *name = t->config.port[i];
	struct baton_port_config config;
	unsigned mtu =
		t->config.max_size > MTU + ETH_AND_FCS ? t->config.max_size - ETH_AND_FCS : MTU;

	if (baton_port_open(t->ctx, name, &p->port) < 0)
		return refuse(name, why);
	baton_port_info(p->port, &p->info);
	baton_port_config_init(&config);
	if (mtu > p->info.max_mtu) {
		snprintf(why, WHY,
			 "%s: packets of %u bytes are asked for, and the port has an MTU of %u at "
			 "most, which are %u bytes with FCS",
			 p->info.name, t->config.max_size, p->info.max_mtu,
			 p->info.max_mtu + ETH_AND_FCS);
		return false;
	}
	config.mtu = (uint16_t)mtu;
	if (baton_port_configure(p->port, &config) < 0)
		return refuse(name, why);
	p->rx_descs = descs_of(&p->info, RX_DESCS);
	p->tx_descs = p->info.default_descs;
	baton_port_on_event(p->port, on_event, t);
	return true;
}

static bool
queues_make(struct traffic *t, unsigned i, char why[WHY])
{
	struct traffic_port *p = &t->ports[i];
	struct baton_queue_config config;

	baton_queue_config_init(&config);
	config.descs = p->tx_descs;
	config.worker = p->tx_worker;
	if (baton_txq_setup(p->port, 0, &config, &p->txq) < 0)
		return refuse(p->info.name, why);
	config.descs = p->rx_descs;
	config.worker = p->rx_worker;
	config.pool = p->rx_pool;
	if (baton_rxq_setup(p->port, 0, &config, &p->rxq) < 0)
		return refuse(p->info.name, why);
	baton_port_info(p->port, &p->info);
	if (p->info.rx_max_segs <= LANE_TOKENS)
		return true;
	snprintf(why, WHY, "%s: a packet may have %u buffers, and %u can be received", p->info.name,
		 p->info.rx_max_segs, LANE_TOKENS);
	return false;
}

static bool
port_start(struct traffic *t, unsigned i, char why[WHY])
{
	struct traffic_port *p = &t->ports[i];

	if (baton_port_start(p->port) < 0)
		return refuse(p->info.name, why);
	/* Whatever the device under test sends is to be seen; ports without a filter have none. */
	(void)baton_port_set_promisc(p->port, 1);
	baton_port_info(p->port, &p->info);
	return true;
}

/* ---- lanes ---- */

/* Workers before queues, pools before ports start. */
static bool
lane_prepare(struct traffic *t, unsigned i, char why[WHY])
{
	struct traffic_lane *tl = &t->lanes[i];
	struct baton_worker_config config;
	struct traffic_port *from, *to;
	unsigned rx;

	tl->traffic = t;
	tl->from = i;
	tl->to = t->config.n_ports == 1 ? 0 : !i;
	from = &t->ports[tl->from];
	to = &t->ports[tl->to];
	snprintf(tl->name, sizeof(tl->name), "%u -> %u", tl->from, tl->to);
	baton_worker_config_init(&config);
	config.name = tl->name;
	config.cache_size = CACHE;
	if (baton_worker_create(t->ctx, &config, &tl->worker) < 0)
		return refuse(tl->name, why);
	/* Of one-way traffic, both ports receive into it. */
	rx = TRAFFIC_PORTS * (2 * to->rx_descs + 2 * from->tx_descs + CACHE + 64) + SLACK;
	if (!pool_make(t, i ? "sent 1" : "sent 0", 2 * from->tx_descs + 2 * CACHE + SLACK,
		       &tl->tx_pool, why) ||
	    !pool_make(t, i ? "received 1" : "received 0", rx, &to->rx_pool, why))
		return false;
	from->tx_worker = to->rx_worker = tl->worker;
	return true;
}

/* The unused ends of one-way traffic still want a worker and a pool. */
static void
share_ends(struct traffic *t)
{
	for (unsigned i = 0; i < t->config.n_ports; i++) {
		struct traffic_port *p = &t->ports[i];

		p->tx_worker = p->tx_worker ? p->tx_worker : t->lanes[0].worker;
		p->rx_worker = p->rx_worker ? p->rx_worker : t->lanes[0].worker;
		p->rx_pool = p->rx_pool ? p->rx_pool : t->ports[t->lanes[0].to].rx_pool;
	}
}

static bool
lane_make(struct traffic *t, unsigned i, unsigned process, char why[WHY])
{
	struct traffic_lane *tl = &t->lanes[i];
	struct traffic_port *from = &t->ports[tl->from], *to = &t->ports[tl->to];
	const uint8_t *dst = t->config.has_peer[tl->from] ? t->config.peer[tl->from] : to->info.mac;
	struct lane_config config = { .clock = &t->config.clock,
				      .worker = tl->worker,
				      .txq = from->txq,
				      .rxq = to->rxq,
				      .tx_pool = tl->tx_pool,
				      .rx_pool = to->rx_pool,
				      .rx_descs = to->rx_descs,
				      .process = process,
				      .stream = i,
				      .flows = &tl->flows,
				      .mix = &t->mix };
	struct baton_pool_info pool;

	if (!flows_make(&t->config.flows, i, dst, from->info.mac, &tl->flows, why))
		return false;
	tl->lane = lane_new(&config);
	if (!tl->lane) {
		snprintf(why, WHY, "there is no memory for the histograms");
		return false;
	}
	baton_pool_info(tl->tx_pool, &pool);
	if (baton_worker_bind(tl->worker) < 0)
		return refuse(tl->name, why);
	lane_clear_pool(tl->worker, tl->tx_pool, pool.count);
	baton_worker_unbind(tl->worker);
	return true;
}

static bool
set_up(struct traffic *t, char why[WHY])
{
	unsigned process = 0;

	/* Two processes with the same number would count each other's packets as late. */
	if (getrandom(&process, sizeof(process), 0) < 0)
		process = (unsigned)getpid();
	for (unsigned i = 0; i < t->config.n_ports; i++)
		if (!port_open(t, i, why))
			return false;
	t->n_lanes = t->config.n_ports == 2 && !t->config.one_way ? 2 : 1;
	for (unsigned i = 0; i < t->n_lanes; i++)
		if (!lane_prepare(t, i, why))
			return false;
	share_ends(t);
	for (unsigned i = 0; i < t->config.n_ports; i++)
		if (!queues_make(t, i, why))
			return false;
	for (unsigned i = 0; i < t->config.n_ports; i++)
		if (!port_start(t, i, why))
			return false;
	for (unsigned i = 0; i < t->n_lanes; i++)
		if (!lane_make(t, i, process >> (32 - STAMP_PROCESS_BITS), why))
			return false;
	return true;
}

struct traffic *
traffic_new(struct baton_ctx *ctx, const struct traffic_config *config, char why[WHY])
{
	struct traffic *t = calloc(1, sizeof(*t));
	char ignored[WHY];

	if (!t) {
		snprintf(why, WHY, "there is no memory");
		return NULL;
	}
	t->ctx = ctx;
	t->config = *config;
	if (set_up(t, why))
		return t;
	traffic_free(t, ignored);
	return NULL;
}

bool
traffic_free(struct traffic *t, char why[WHY])
{
	bool ok = true;

	for (unsigned i = 0; i < TRAFFIC_PORTS; i++)
		if (t->ports[i].port) {
			baton_port_on_event(t->ports[i].port, NULL, NULL);
			if (baton_port_close(t->ports[i].port) < 0)
				ok = refuse(t->config.port[i], why);
		}
	for (unsigned i = 0; i < TRAFFIC_PORTS; i++) {
		struct traffic_lane *tl = &t->lanes[i];

		lane_free(tl->lane);
		flows_free(&tl->flows);
		if (tl->worker && baton_worker_destroy(tl->worker) < 0)
			ok = refuse(tl->name, why);
	}
	for (unsigned i = 0; i < TRAFFIC_PORTS; i++) {
		if (t->lanes[i].tx_pool && baton_pool_destroy(t->lanes[i].tx_pool) < 0)
			ok = refuse("buffers to send", why);
		if (t->ports[i].rx_pool && (i == 0 || t->ports[i].rx_pool != t->ports[0].rx_pool) &&
		    baton_pool_destroy(t->ports[i].rx_pool) < 0)
			ok = refuse("buffers to receive", why);
	}
	free(t);
	return ok;
}

/* ---- what is asked of it ---- */

int
traffic_size(struct traffic *t, const struct size_mix *mix, char why[WHY])
{
	for (unsigned d = 0; d < t->n_lanes; d++) {
		const struct baton_port_info *info = &t->ports[t->lanes[d].from].info;
		const struct flows *fl = &t->lanes[d].flows;
		unsigned min = flows_min_size(fl);

		for (unsigned i = 0; i < mix->n; i++) {
			if (mix->size[i] < min) {
				snprintf(why, WHY,
					 "--size=%.60s: %u bytes; packets of IPv%u with %u VLAN "
					 "tags have %u at least, FCS included",
					 mix->name, mix->size[i], fl->v6 ? 6 : 4, fl->tags, min);
				return -EINVAL;
			}
			if (mix->size[i] > t->config.max_size ||
			    (info->max_len && mix->size[i] - FRAME_FCS > info->max_len)) {
				snprintf(why, WHY,
					 "--size=%.60s: %u bytes; %s takes packets of %u at most, "
					 "FCS included",
					 mix->name, mix->size[i], info->name,
					 info->max_len + FRAME_FCS);
				return -EINVAL;
			}
		}
	}
	t->mix = *mix;
	return 0;
}

bool
traffic_wait_links(struct traffic *t, double seconds, char why[WHY])
{
	for (double waited = 0;; waited += 0.02) {
		const struct traffic_port *down = NULL;

		for (unsigned i = 0; i < t->config.n_ports; i++) {
			struct baton_link link;

			baton_port_link(t->ports[i].port, &link);
			if (!link.up)
				down = &t->ports[i];
		}
		if (!down)
			return true;
		if (waited >= seconds || (t->stopped && t->stopped())) {
			snprintf(why, WHY, "%s: its link is down, for %.0f s: %.200s",
				 down->info.name, waited,
				 down->info.detail[0] ? down->info.detail
						      : "is the cable plugged in?");
			return false;
		}
		baton_ctx_poll(t->ctx, 20);
	}
}

void
traffic_on_progress(struct traffic *t, traffic_progress_fn fn, void *arg)
{
	t->progress = fn;
	t->progress_arg = arg;
}

void
traffic_stop_when(struct traffic *t, bool (*fn)(void))
{
	t->stopped = fn;
}

unsigned
traffic_ports(const struct traffic *t)
{
	return t->config.n_ports;
}

double
traffic_port(const struct traffic *t, unsigned i, struct baton_port_info *info)
{
	struct baton_link link;

	baton_port_info(t->ports[i].port, info);
	baton_port_link(t->ports[i].port, &link);
	return (double)link.speed_mbps * 1e6;
}

double
traffic_link_bps(const struct traffic *t)
{
	struct baton_port_info info;
	double bps = traffic_port(t, 0, &info);

	for (unsigned i = 1; i < t->config.n_ports; i++) {
		double other = traffic_port(t, i, &info);

		bps = other < bps ? other : bps;
	}
	return bps;
}
