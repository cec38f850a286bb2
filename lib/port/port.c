/* SPDX-License-Identifier: BSD-3-Clause */
/* Opening, configuring and closing ports. */
#include "port/port.h"
#include "base/export.h"
#include "base/structs.h"
#include "port/devargs.h"
#include "port/offload.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define STOP_TIMEOUT_MS 1000

void
port_log(const struct baton_port *port, enum baton_log_level level, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	baton_log(port->ctx, level, "%s: %s", port->name, text);
}

static int
free_slot(struct baton_ctx *ctx, const char *name)
{
	int slot = -1;

	for (int i = 0; i < BATON_MAX_PORTS; i++) {
		if (!ctx->ports[i]) {
			slot = slot < 0 ? i : slot;
			continue;
		}
		if (!strcmp(ctx->ports[i]->name, name))
			return baton_err(EEXIST,
					 "port %s is already open: give this one another number",
					 name);
	}
	if (slot < 0)
		return baton_err(ENOSPC, "a context has at most %u ports", BATON_MAX_PORTS);
	return slot;
}

static int
open_named(struct baton_ctx *ctx, char *text, struct baton_port **out)
{
	struct port_arg args[DEVARGS_MAX];
	char name[PORT_NAME_MAX];
	const struct baton_driver *drv = NULL;
	struct baton_port *port;
	int n, slot, ret;

	n = devargs_split(text, args, name);
	if (n < 0)
		return n;
	ret = devargs_driver(ctx, name, &drv);
	if (!ret)
		ret = devargs_check(drv, name, args, n);
	if (ret < 0)
		return ret;
	slot = free_slot(ctx, name);
	if (slot < 0)
		return slot;
	port = handle_new(ctx, HANDLE_PORT, drv->ops->port_size);
	if (port)
		port->views = aligned_alloc(64, DMA_VIEWS_BYTES);
	if (!port || !port->views) {
		handle_free(port);
		return baton_err(ENOMEM, "%s: out of memory", name);
	}
	memset(port->views, 0, DMA_VIEWS_BYTES);
	port->driver = drv;
	port->ctx = ctx;
	memcpy(port->name, name, sizeof(port->name));
	port->info = (struct baton_port_info){
		.name = port->name,
		.driver = drv->name,
		.max_rx_queues = 1,
		.max_tx_queues = 1,
		.max_segs = 1,
		.min_descs = 2,
		.max_descs = 32768,
		.default_descs = 256,
		.mtu = 1500,
		.max_mtu = BATON_MAX_MTU,
		.max_gso_len = port_frame_max(UINT16_MAX),
		.rss_key_len = BATON_RSS_KEY_LEN,
		.node = BATON_NODE_ANY,
	};
	ret = drv->dma ? port_reach_open(port, args, (unsigned)n) : 0;
	if (!ret)
		ret = drv->ops->open(port, args, (unsigned)n);
	if (!ret && drv->dma && (ret = dma_reach_check(&port->reach)) < 0)
		drv->ops->close(port);
	if (ret < 0) {
		dma_reach_fini(&port->reach);
		free(port->views);
		handle_free(port);
		return devargs_error(ret, name);
	}
	port_rss_init(port);
	ctx->ports[slot] = port;
	*out = port;
	return 0;
}

int
baton_port_open(struct baton_ctx *ctx, const char *devargs, struct baton_port **out)
{
	int ret = ctx_enter(ctx, "port_open");
	char *text;

	if (ret < 0)
		return ret;
	if (!devargs || !out)
		return baton_err(EINVAL, "port_open: a device's name and a place for the port are "
					 "needed");
	text = strdup(devargs);
	if (!text)
		return baton_err(ENOMEM, "port_open: out of memory");
	ret = open_named(ctx, text, out);
	free(text);
	return ret;
}

/* Who has its handle is refused from now on; nobody has that of a queue that was never set up. */
static void
close_queue(struct baton_queue *q)
{
	if (q->holder.port) {                               /* it was set up once */
		q->head.handle.ack = ~q->head.handle.state; /* bursts look closer */
		handle_close(q);
	} else {
		handle_free(q);
	}
}

static void
free_list(struct baton_queue **list, unsigned n)
{
	for (unsigned i = 0; list && i < n; i++)
		if (list[i]) {
			queue_teardown(list[i]);
			close_queue(list[i]);
		}
	free(list);
}

static void
free_queues(struct baton_port *port)
{
	free_list(port->rxq, port->info.rx_queues);
	free_list(port->txq, port->info.tx_queues);
	port->rxq = port->txq = NULL;
	port->info.rx_queues = port->info.tx_queues = port->info.rx_max_segs = 0;
	port->configured = 0;
}

/* They know who they are before they are set up: their counters have names. */
static struct baton_queue **
make_queues(struct baton_port *port, unsigned n, int tx)
{
	size_t size = tx ? port->driver->ops->txq_size : port->driver->ops->rxq_size;
	struct baton_queue **q = calloc(n, sizeof(*q));

	for (unsigned i = 0; q && i < n; i++) {
		q[i] = handle_new(port->ctx, tx ? HANDLE_TXQ : HANDLE_RXQ, size);
		if (!q[i]) {
			free_list(q, i);
			return NULL;
		}
		q[i]->port = port;
		q[i]->index = (uint16_t)i;
		q[i]->tx = (uint8_t)tx;
		q[i]->head.handle.state = 0; /* stopped, and not acknowledged */
		q[i]->head.handle.ack = QUEUE_RUNNING;
	}
	return q;
}

static void
keep_counters(struct baton_queue **to, unsigned n_to, struct baton_queue **from, unsigned n_from)
{
	for (unsigned i = 0; i < n_to && i < n_from; i++)
		queue_keep_counters(to[i], from[i]);
}

static const struct baton_port_config defaults = { .rx_queues = 1, .tx_queues = 1 };

void
baton_port_config_init_(struct baton_port_config *config, size_t size)
{
	struct_init(config, size, &defaults, sizeof(defaults));
}

int
baton_port_configure(struct baton_port *port, const struct baton_port_config *config)
{
	struct baton_port_config all = defaults, *const c = &all;
	const struct baton_port_info *i;
	struct baton_queue **rxq, **txq;
	int ret = port_enter(port, "port_configure");

	if (ret < 0)
		return ret;
	i = &port->info;
	ret = struct_take(&all, sizeof(all), config, "struct baton_port_config");
	if (!ret)
		ret = struct_check_reserved(c->reserved, "struct baton_port_config");
	if (ret < 0)
		return ret;
	if (port->started)
		return baton_err(EBUSY, "%s is started: stop it before configuring it", port->name);
	if (c->rx_queues < 1 || c->rx_queues > i->max_rx_queues || c->tx_queues < 1 ||
	    c->tx_queues > i->max_tx_queues)
		return baton_err(EINVAL,
				 "%s: %u RX and %u TX queues were asked for, 1 to %u and 1 to %u "
				 "are possible",
				 port->name, c->rx_queues, c->tx_queues, i->max_rx_queues,
				 i->max_tx_queues);
	ret = offload_check(port, c->offloads);
	if (ret < 0)
		return ret;
	if (c->mtu) {
		ret = baton_port_set_mtu(port, c->mtu);
		if (ret < 0)
			return ret;
	}
	rxq = make_queues(port, c->rx_queues, 0);
	txq = make_queues(port, c->tx_queues, 1);
	if (!rxq || !txq) {
		free_list(rxq, c->rx_queues);
		free_list(txq, c->tx_queues);
		return baton_err(ENOMEM, "%s: no memory for the queues", port->name);
	}
	keep_counters(rxq, c->rx_queues, port->rxq, port->info.rx_queues);
	keep_counters(txq, c->tx_queues, port->txq, port->info.tx_queues);
	if (port->info.rx_queues != c->rx_queues)
		port->rss.table_len = 0;
	free_queues(port);
	port->rxq = rxq;
	port->txq = txq;
	port->info.rx_queues = c->rx_queues;
	port->info.tx_queues = c->tx_queues;
	port->offloads = offload_of_device(port, c->offloads);
	port->soft = c->offloads & ~port->offloads;
	port->stop_timeout_ms = c->stop_timeout_ms ? c->stop_timeout_ms : STOP_TIMEOUT_MS;
	port->configured = 1;
	if (port->driver->ops->configured)
		port->driver->ops->configured(port);
	return 0;
}

/* May the port's rings hold buffers of @pool, and not slots? */
static bool
rings_hold(const struct baton_port *port, const struct baton_pool *pool)
{
	const struct baton_pool_view *v = &port->views[pool->view.index];

	if (port->driver->dma && dma_reach_bounces(&port->reach))
		return false;
	/* Not decided yet, or anew when its device comes back: it is taken for direct. */
	return !(v->count && v->bounce);
}

/*
 * Buffers of @pool that rings can hold once @starting, or NULL, and the ports already started are
 * full: whatever was received or allocated may be sent by any of them.
 */
static uint64_t
ring_need(const struct baton_ctx *ctx, const struct baton_port *starting,
	  const struct baton_pool *pool)
{
	uint64_t need = 0;

	for (unsigned p = 0; p < BATON_MAX_PORTS; p++) {
		const struct baton_port *port = ctx->ports[p];

		if (!port || !(port->started || port == starting) || !rings_hold(port, pool))
			continue;
		for (unsigned i = 0; i < port->info.rx_queues; i++)
			need += port->rxq[i]->pool == pool ? port->rxq[i]->descs : 0;
		for (unsigned i = 0; i < port->info.tx_queues; i++)
			need += port->txq[i]->descs;
	}
	return need;
}

static bool
is_fed_from(const struct baton_ctx *ctx, const struct baton_port *starting,
	    const struct baton_pool *pool)
{
	for (unsigned p = 0; p < BATON_MAX_PORTS; p++) {
		const struct baton_port *port = ctx->ports[p];

		if (!port || !(port->started || port == starting))
			continue;
		for (unsigned i = 0; i < port->info.rx_queues; i++)
			if (port->rxq[i]->pool == pool)
				return true;
	}
	return false;
}

int
port_check_pools(const struct baton_port *port)
{
	const struct baton_ctx *ctx = port->ctx;

	/* Also the pools of other ports: this one's TX rings may hold their buffers. */
	for (unsigned i = 0; i < BATON_MAX_POOLS; i++) {
		const struct baton_pool *pool = ctx->pools[i];
		int ret = pool && is_fed_from(ctx, port, pool)
				  ? dma_pool_check(pool, port->name, ring_need(ctx, port, pool), 0)
				  : 0;

		if (ret < 0)
			return ret;
	}
	return 0;
}

void
port_count_rings(struct baton_ctx *ctx)
{
	for (unsigned i = 0; i < BATON_MAX_POOLS; i++) {
		struct baton_pool *pool = ctx->pools[i];

		if (!pool)
			continue;
		pool->is_fed_from = is_fed_from(ctx, NULL, pool);
		pool->in_rings = ring_need(ctx, NULL, pool);
	}
}

int
port_enter(const struct baton_port *port, const char *operation)
{
	int ret = handle_enter(port, HANDLE_PORT, operation);

	if (!ret && port->in_event)
		ret = baton_err(EBUSY,
				"%s: %s was called from inside an event callback of the port: let "
				"the callback return first",
				port->name, operation);
	return ret;
}

int
baton_port_close(struct baton_port *port)
{
	int ret = port_enter(port, "port_close");
	struct baton_ctx *ctx;

	if (ret < 0)
		return ret;
	ctx = port->ctx;
	ret = port_stop(port);
	if (port->started)
		return baton_err(EBUSY, "%s stays open: %s", port->name, baton_last_error());
	ctx_timer_cancel(ctx, &port->quiesce);
	free_queues(port);
	port->driver->ops->close(port);
	dma_reach_fini(&port->reach);
	for (unsigned i = 0; i < BATON_MAX_PORTS; i++)
		if (ctx->ports[i] == port)
			ctx->ports[i] = NULL;
	free(port->views);
	port->views = NULL;
	free(port->rss.table);
	port->rss.table = NULL;
	handle_close(port);
	return ret;
}

DRIVER_EXPORT(port_log);
