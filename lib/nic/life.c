/* SPDX-License-Identifier: BSD-3-Clause */
/* The life of a device's rings: start, drain, stop, lost and back, one queue alone. */
#include <time.h>

#include "base/export.h"
#include "base/page.h"
#include "nic/nic.h"
#include "nic/tx.h"

#define DRAIN_MS 50

/* ---- open and close ---- */

int
nic_open(struct baton_port *port, const struct port_arg *args, unsigned n)
{
	struct nic_dev *dev = nic_of(port);
	int ret;

	dev->ops = port->driver->priv;
	ret = nic_check_ops(port->driver);
	if (ret < 0)
		return ret;
	port->reach.device_ring_bits = dev->ops->ring_bits;
	port->reach.device_data_bits = dev->ops->data_bits;
	port->info.offloads = dev->ops->offloads;
	port->info.max_segs = NIC_TX_MAX_SEGS;
	port->link.full_duplex = 1;
	if ((ret = dev->ops->open(dev, args, n)) < 0)
		return ret;
	ret = nic_check_device(dev);
	if (ret < 0)
		dev->ops->close(dev);
	return ret;
}

void
nic_close(struct baton_port *port)
{
	struct nic_dev *dev = nic_of(port);

	dev->ops->close(dev);
}

void
nic_configured(struct baton_port *port)
{
	struct nic_dev *dev = nic_of(port);

	if (dev->ops->configure)
		dev->ops->configure(dev);
}

/* ---- memory ---- */

static bool
rx_bounced(const struct baton_port *port, unsigned i)
{
	return port->views[port->rxq[i]->pool->view.index].bounce;
}

static bool
tx_bounced(const struct baton_port *port)
{
	for (unsigned i = 0; i < BATON_MAX_POOLS; i++)
		if (port->views[i].count && port->views[i].bounce)
			return true;
	return false;
}

/* Choose the slots that a port needs. A need without keys: nothing is bounced in that direction. */
static void
slots_need(const struct nic_dev *dev, struct dma_slots_need *rx, struct dma_slots_need *tx)
{
	const struct baton_port *port = &dev->port;
	const bool gso = port->offloads & (BATON_OFFLOAD_TX_TSO | BATON_OFFLOAD_TX_USO);
	const uint32_t header = dev->ops->tx->header,
		       longest =
			       (gso ? port->info.max_gso_len : port_frame_max(port->info.max_mtu)) +
			       header;
	uint32_t descs = NIC_TX_MAX_SEGS, least;

	*rx = (struct dma_slots_need){ .header = dev->ops->rx->header };
	*tx = (struct dma_slots_need){ .header = dev->ops->tx->header };
	for (unsigned i = 0; i < port->info.rx_queues; i++) {
		const struct nic_queue *nq = nic_queue_of_const(port->rxq[i]);

		if (!rx_bounced(port, i))
			continue;
		rx->queues++;
		rx->header = dev->ops->rx->header + nq->front; /* the same of all */
		rx->keys += nq->q.descs;
		/* Any posting ring may have to take the whole of the longest packet. */
		least = nq->q.max_segs * nic_rx_rings(dev->ops->rx);
		rx->least = rx->least > least ? rx->least : least;
		rx->room = rx->room > nq->posted_len ? rx->room : nq->posted_len;
	}
	if (!tx_bounced(port))
		return;
	for (unsigned i = 0; i < port->info.tx_queues; i++) {
		const struct baton_queue *q = port->txq[i];

		tx->queues++;
		tx->keys += q->descs;
		descs = q->max_segs < descs ? q->max_segs : descs;
	}
	/* The smallest ring must be able to send the longest packet. */
	tx->room = header + DMA_SLOT_BYTES;
	if (tx->room * descs < longest)
		tx->room = (longest + descs - 1) / descs;
	tx->least = (longest + tx->room - 1) / tx->room;
}

static int
map_slots(struct nic_dev *dev)
{
	struct dma_slots_need rx, tx;

	slots_need(dev, &rx, &tx);
	return dma_reach_slots(&dev->port.reach, &rx, &tx);
}

/* Map the pools, and make slots for those that the device cannot access. */
static int
reach_memory(struct nic_dev *dev)
{
	struct baton_port *port = &dev->port;
	struct dma_reach *reach = &port->reach;
	/* The pools of the RX queues: the device fills their buffers. */
	bool needed[BATON_MAX_POOLS] = { false };
	int ret;

	memset(port->views, 0, DMA_VIEWS_BYTES);
	for (unsigned i = 0; i < port->info.rx_queues; i++)
		needed[port->rxq[i]->pool->view.index] = true;
	ret = dma_reach_pools(reach, needed, port->views);
	if (ret < 0)
		return ret;
	ret = map_slots(dev);
	if ((ret == -ENOSPC || reach->rx.shared || reach->tx.shared) &&
	    dma_reach_yield(reach, needed, port->views)) {
		dma_reach_drop_slots(reach, true, NULL); /* the device does not know them yet */
		ret = map_slots(dev);
	}
	return ret;
}

static int
make_slots(struct nic_dev *dev)
{
	uint32_t first[2] = { 0, 0 };
	struct nic_queue *nq;
	int ret = reach_memory(dev);

	for (unsigned i = 0; !ret && (nq = nic_queue(dev, i)); i++) {
		ret = nic_slots_attach(nq, first[nq->q.tx]);
		if (nq->slots)
			first[nq->q.tx] += nq->q.descs;
	}
	return ret;
}

static size_t
ring_bytes(const struct nic_dev *dev, const struct nic_queue *nq)
{
	return dev->ops->ring_bytes ? dev->ops->ring_bytes(nq)
				    : (size_t)nq->q.descs * dev->ops->desc_bytes;
}

/* Allocate one block for the rings of all queues, and, behind them, what the driver needs. */
static int
make_rings(struct nic_dev *dev)
{
	const struct nic_ops *ops = dev->ops;
	size_t bytes = ops->own_bytes ? ops->own_bytes(dev) : 0, offset = 0;
	struct dma_ctrl rings;
	struct nic_queue *nq;
	int ret;

	for (unsigned i = 0; (nq = nic_queue(dev, i)); i++)
		bytes += ring_bytes(dev, nq);
	ret = dma_ctrl_alloc(&dev->port.reach, bytes, page_bytes(), &rings);
	if (ret < 0)
		return ret;
	dev->ring_base = rings.va;
	dev->ring_iova = rings.iova;
	dev->ring_bytes = rings.bytes;
	if ((ret = make_slots(dev)) < 0 || (ops->publish && (ret = ops->publish(dev)) < 0))
		return ret;
	dma_reach_log(&dev->port.reach);
	for (unsigned i = 0; (nq = nic_queue(dev, i)); i++) {
		nq->offset = (uint32_t)offset;
		nic_attach(dev, nq);
		offset += ring_bytes(dev, nq);
	}
	if (ops->own_attach)
		ops->own_attach(dev, offset);
	return 0;
}

/* What went into quarantine: buffers the rings held, and all slots there are, since their memory
 * goes there as one; a local device's does not (dma_reach_release()). */
struct held {
	unsigned bufs, slots;
};

static struct held
empty_all(struct nic_dev *dev, bool confirmed)
{
	struct dma_reach *reach = &dev->port.reach;
	struct dma_quarantine *quarantine =
		confirmed ? NULL
			  : dma_quarantine_open(reach,
						dev->ops->holder ? dev->ops->holder(dev) : NULL);
	struct held held = { .slots = reach->local ? 0 : reach->rx.count + reach->tx.count };
	struct nic_queue *nq;

	for (unsigned i = 0; (nq = nic_queue(dev, i)); i++) {
		held.bufs += nic_queue_buffers(nq);
		nic_queue_empty(nq, confirmed, quarantine);
		nic_slots_detach(nq);
	}
	dma_reach_release(reach, confirmed, quarantine);
	dma_quarantine_close(quarantine);
	dev->ring_base = NULL;
	return confirmed ? (struct held){ 0 } : held;
}

static int
quarantined(struct nic_dev *dev, struct held held)
{
	char why[512], slots[32] = "";

	if (!held.bufs && !held.slots)
		return 0;
	snprintf(why, sizeof(why), "%s", baton_last_error());
	if (held.slots)
		snprintf(slots, sizeof(slots), " and %u slots", held.slots);
	return baton_err(ETIMEDOUT,
			 "%u buffers%s are quarantined, since the device did not confirm that it "
			 "let go: %s",
			 held.bufs, slots, why);
}

/* ---- start ---- */

/* Set the burst of a queue by its mode, NIC_MODE_*, and by whether it has slots. */
static void
choose_burst(struct nic_queue *nq, unsigned mode)
{
	const struct nic_bursts *bursts = nic_of(nq->q.port)->ops->bursts;

	nq->mode = (uint8_t)mode;
	if (nq->q.tx)
		nq->q.active_burst = nq->slots ? bursts->tx_bounce : bursts->tx;
	else if (mode & NIC_MODE_INFO)
		nq->q.active_burst = nq->slots ? bursts->rx_info_bounce : bursts->rx_info;
	else
		nq->q.active_burst = (nq->slots ? bursts->rx_bounce : bursts->rx)[mode & 3];
}

void
nic_attach(struct nic_dev *dev, struct nic_queue *nq)
{
	unsigned mode = 0;

	nic_queue_rewind(nq);
	nq->mem = dev->ring_base + nq->offset;
	memset(nq->mem, 0, ring_bytes(dev, nq));
	if (!dev->ops->spreads || dev->ops->spreads(dev, nq))
		mode |= NIC_MODE_SEGS;
	if (dev->port.offloads &
	    (BATON_OFFLOAD_RX_CSUM | BATON_OFFLOAD_RX_IPV4_CSUM | BATON_OFFLOAD_RX_LRO))
		mode |= NIC_MODE_META;
	if (nq->info)
		mode = NIC_MODE_ALL;
	choose_burst(nq, mode);
	nq->q.device_tags = nq->q.tx && (dev->port.offloads & BATON_OFFLOAD_TX_VLAN);
	if (dev->ops->ring_attach)
		dev->ops->ring_attach(dev, nq);
}

static void
kick(const struct nic_dev *dev, struct nic_queue *nq)
{
	if (dev->ops->kick)
		dev->ops->kick(nq);
	else if (nq->q.tx)
		dev->ops->tx->commit(nq);
	else
		dev->ops->rx->commit(nq);
}

static int
prepare(const struct baton_port *port, struct nic_queue *nq)
{
	nq->q.max_len = port_frame_max(port->mtu_set ? port->info.mtu : port->info.max_mtu);
	return nq->q.tx ? 0 : nic_queue_fill(nq);
}

static bool
wants_rss(const struct nic_dev *dev)
{
	return dev->port.info.rss_types &&
	       ((dev->port.offloads & BATON_OFFLOAD_RX_HASH) || dev->port.rss.table_len);
}

/* The device was started, and does not do what was asked for. Return: @ret, with its sentence. */
static int
take_back(struct nic_dev *dev, int ret)
{
	char why[512];

	snprintf(why, sizeof(why), "%s", baton_last_error());
	if (dev->ops->stopping)
		dev->ops->stopping(dev);
	empty_all(dev, dev->ops->stop(dev) == 0);
	return baton_err(-ret, "%s", why);
}

int
nic_bring_up(struct nic_dev *dev)
{
	struct nic_queue *nq;
	int ret;

	dev->unconfirmed = 0;
	if (dev->ops->configure)
		dev->ops->configure(dev);
	ret = make_rings(dev);
	for (unsigned i = 0; !ret && (nq = nic_queue(dev, i)); i++)
		ret = nq->q.stopped ? 0 : prepare(&dev->port, nq);
	if (ret < 0) {
		empty_all(dev, true); /* the device has not been told of the rings */
		return ret;
	}
	ret = dev->ops->start(dev);
	if (ret < 0) {
		empty_all(dev, !dev->unconfirmed);
		return ret;
	}
	if (wants_rss(dev) && (ret = dev->ops->set_rss(dev, &dev->port.rss)) < 0)
		return take_back(dev, ret);
	nic_replay(dev);
	for (unsigned i = 0; (nq = nic_queue(dev, i)); i++)
		if (!nq->q.stopped)
			kick(dev, nq);
	return 0;
}

int
nic_start(struct baton_port *port)
{
	struct nic_dev *dev = nic_of(port);
	int ret = dev->ops->ready(dev);

	return ret < 0 ? ret : nic_bring_up(dev);
}

/* ---- stop ---- */

static bool
tx_busy(const struct nic_queue *nq)
{
	const struct nic_ops *ops = nic_of(nq->q.port)->ops;

	return nq->q.tx && !nq->q.error[0] &&
	       nic_tx_published(nq, ops->tx) != (uint16_t)(nq->posted - nq->done);
}

/*
 * Let the device send what it has, for a limited time. The workers have left; only indexes are
 * read. @only: this queue; NULL: all queues.
 */
static void
drain(struct nic_dev *dev, const struct nic_queue *only)
{
	const struct timespec pause = { .tv_nsec = 50000 };
	unsigned ms = dev->port.stop_timeout_ms < DRAIN_MS ? dev->port.stop_timeout_ms : DRAIN_MS;

	for (unsigned tries = ms * 20; tries; tries--) {
		bool busy = only && tx_busy(only);

		for (unsigned i = 0; !only && i < dev->port.info.tx_queues; i++)
			busy |= !dev->port.txq[i]->stopped &&
				tx_busy(nic_queue_of_const(dev->port.txq[i]));
		if (!busy || !dev->port.device_up)
			return;
		nanosleep(&pause, NULL);
	}
}

int
nic_stop(struct baton_port *port)
{
	struct nic_dev *dev = nic_of(port);
	int ret;

	drain(dev, NULL);
	if (dev->ops->stopping)
		dev->ops->stopping(dev);
	ret = dev->ops->stop(dev);
	return quarantined(dev, empty_all(dev, ret == 0));
}

int
nic_lost(struct baton_port *port)
{
	struct nic_dev *dev = nic_of(port);
	int ret = dev->ops->lost(dev);

	if (ret == -EAGAIN)
		return ret;
	ret = quarantined(dev, empty_all(dev, ret == 0));
	if (ret < 0)
		port_log(port, BATON_LOG_WARN, "%s", baton_last_error());
	return ret;
}

int
nic_reset(struct baton_port *port)
{
	struct nic_dev *dev = nic_of(port);

	return dev->ops->reset(dev);
}

int
nic_renew_space(struct baton_port *port)
{
	struct nic_dev *dev = nic_of(port);

	return dev->ops->renew_space ? dev->ops->renew_space(dev) : 0;
}

/* ---- one queue alone ---- */

/* The device let go of the ring: free its buffers, and make it new. */
static void
clear_ring(struct nic_dev *dev, struct nic_queue *nq)
{
	nic_queue_empty(nq, true, NULL);
	nic_attach(dev, nq);
}

int
nic_queue_start(struct baton_queue *q)
{
	struct nic_dev *dev = nic_of(q->port);
	struct nic_queue *nq = nic_queue_of(q);
	int ret;

	if (!dev->ops->ring_start)
		return baton_err(ENOTSUP, "%s: one queue of this device cannot be started alone",
				 q->port->name);
	if (nq->stuck)
		return baton_err(EIO,
				 "the device has not confirmed that it stopped, with %u buffers in "
				 "the ring: stop the port",
				 nic_queue_in_flight(q));
	ret = prepare(q->port, nq);
	if (ret < 0)
		return ret;
	ret = dev->ops->ring_start(dev, nq);
	if (ret < 0) {
		/*
		 * The device may know the ring already. If it does not answer, it is away, and
		 * nic_lost() empties the ring.
		 */
		nq->stuck = dev->ops->ring_stop(dev, nq) < 0;
		if (!nq->stuck)
			clear_ring(dev, nq);
		return ret;
	}
	kick(dev, nq);
	return 0;
}

int
nic_queue_stop(struct baton_queue *q)
{
	struct nic_dev *dev = nic_of(q->port);
	struct nic_queue *nq = nic_queue_of(q);
	int ret;

	if (!dev->ops->ring_stop)
		return baton_err(ENOTSUP,
				 "%s: one queue of this device cannot be stopped alone: stop the "
				 "port",
				 q->port->name);
	if (dev->ops->ring_can_stop && (ret = dev->ops->ring_can_stop(dev)) < 0)
		return ret;
	drain(dev, nq);
	ret = dev->ops->ring_stop(dev, nq);
	nq->stuck = ret < 0;
	if (ret < 0)
		return ret;
	clear_ring(dev, nq);
	if (dev->ops->ring_idle)
		dev->ops->ring_idle(dev, nq);
	return 0;
}

DRIVER_EXPORT(nic_open);
DRIVER_EXPORT(nic_close);
DRIVER_EXPORT(nic_configured);
DRIVER_EXPORT(nic_attach);
DRIVER_EXPORT(nic_bring_up);
DRIVER_EXPORT(nic_start);
DRIVER_EXPORT(nic_stop);
DRIVER_EXPORT(nic_lost);
DRIVER_EXPORT(nic_reset);
DRIVER_EXPORT(nic_renew_space);
DRIVER_EXPORT(nic_queue_start);
DRIVER_EXPORT(nic_queue_stop);
