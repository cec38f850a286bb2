/* SPDX-License-Identifier: BSD-3-Clause */
/* virtio-net as a port: arguments, features, start and stop. */
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "ctrl.h"

#define MAX_SPEED 1000000 /* Mbit/s */
#define DRAIN_MS  100     /* for TX at stop; less when the port's deadline is shorter */

static const struct baton_arg pci_args[] = {
	{ "ioas", "auto|iommufd|type1|compat|noiommu|flat",
	  "the kernel's interface for the device's addresses (auto)" },
	{ 0 },
};

static const struct baton_arg user_args[] = {
	{ "path", "SOCKET", "the vhost-user socket" },
	{ "server", "0|1", "1: listen at path, and let the backend connect (0)" },
	{ "wait", "MS", "server=1: time to wait for the first backend" },
	{ "socket-mode", "MODE", "server=1: the socket's mode, in octal (by the umask)" },
	{ "socket-group", "GROUP", "server=1: the socket's group, a name or a number" },
	{ "socket-owner", "USER", "server=1: the socket's user, a name or a number" },
	{ "timeout", "MS", "time to wait for a reply" },
	{ "reconnect", "0|1", "0: a backend that goes away is gone for good (1)" },
	{ "hangup", "final", "a backend that hangs up has let go of the memory" },
	{ "iommu_platform", "0|1",
	  "1: only a backend that translates addresses will do; 0: it must not" },
	{ "cq", "0|1", "0: do not use VIRTIO_NET_F_CTRL_VQ, which filters want (1)" },
	{ "iface", "NAME", "names the TAP of /dev/vhost-net, which is not supported: refused" },
	{ 0 },
};

/* Of both. */
static const struct baton_arg virtio_args[] = {
	{ "mac", "MAC", "MAC address of the port, if the device has none" },
	{ "mrg_rxbuf", "0|1", "0: each received packet lies in one buffer (1)" },
	{ "in_order", "0|1", "0: do not use VIRTIO_F_IN_ORDER (1)" },
	{ "event_idx", "0|1", "0: do not use VIRTIO_F_EVENT_IDX (1)" },
	{ "queue_size", "N", "descriptors of a ring where the application says nothing" },
	{ "queues", "N", "queue pairs (1)" },
	{ "vectorized", "0|1", "0: one packet at a time, whatever the CPU has (1)" },
	{ "speed", "MBPS", "the link's speed, for show port info; it changes no packet" },
	{ "packed_vq", "0", "DPDK's name; there are split rings only" },
	{ 0 },
};

/* A switch: 0 or 1, with what it is when it is not given. */
static int
arg_switch(const struct port_arg *args, unsigned n, const char *key, uint64_t *value)
{
	return port_arg_uint(args, n, key, 0, 1, value);
}

static int
parse_features(struct virtio_dev *vd, const struct port_arg *args, unsigned n)
{
	uint64_t mrg = 1, in_order = 1, event_idx = 1, packed = 0, vectorized = 1, cq = 1;
	const char *iface = port_arg(args, n, "iface");
	int ret;

	if (iface)
		return baton_err(ENOTSUP,
				 "iface=%s names the TAP of the kernel's /dev/vhost-net, which is "
				 "not supported: path= a vhost-user socket, and leave iface out",
				 iface);

	if ((ret = arg_switch(args, n, "mrg_rxbuf", &mrg)) < 0 ||
	    (ret = arg_switch(args, n, "in_order", &in_order)) < 0 ||
	    (ret = arg_switch(args, n, "event_idx", &event_idx)) < 0 ||
	    (ret = arg_switch(args, n, "cq", &cq)) < 0 ||
	    (ret = arg_switch(args, n, "packed_vq", &packed)) < 0 ||
	    (ret = arg_switch(args, n, "vectorized", &vectorized)) < 0)
		return ret;
	if (packed)
		return baton_err(ENOTSUP, "packed_vq=1: this driver has split rings only; leave "
					  "packed_vq out");
	vd->scalar = !vectorized;
	vd->forbidden = (mrg ? 0 : VIRTIO_NET_F_MRG_RXBUF) | (in_order ? 0 : VIRTIO_F_IN_ORDER) |
			(event_idx ? 0 : VIRTIO_F_EVENT_IDX) | (cq ? 0 : CTRL_FEATURES);
	return 0;
}

static int
parse_args(struct virtio_dev *vd, const struct port_arg *args, unsigned n)
{
	struct baton_port_info *info = &vd->port.info;
	uint64_t size = 256, speed = 0, queues = 0;
	const char *mac = port_arg(args, n, "mac");
	int ret = parse_features(vd, args, n);

	if (ret < 0 || (ret = port_arg_uint(args, n, "queue_size", 2, VRING_MAX_SIZE, &size)) < 0 ||
	    (ret = port_arg_uint(args, n, "queues", 1, BATON_MAX_QUEUES, &queues)) < 0 ||
	    (ret = port_arg_uint(args, n, "speed", 0, MAX_SPEED, &speed)) < 0)
		return ret;
	vd->port.link.speed_mbps = (uint32_t)speed;
	if (size & (size - 1))
		return baton_err(EINVAL, "queue_size=%llu: a power of two is needed",
				 (unsigned long long)size);
	info->default_descs = (uint16_t)size;
	info->max_descs = VRING_MAX_SIZE;
	info->max_segs = TX_MAX_SEGS;
	if (mac)
		return port_parse_mac(mac, info->mac);
	if (getrandom(info->mac, 6, GRND_NONBLOCK) != 6)
		memset(info->mac, 0x42, 6);
	info->mac[0] = (uint8_t)((info->mac[0] & 0xfc) | 2); /* unicast, locally administered */
	return 0;
}

static const struct {
	uint64_t bit;
	const char *name;
} feature_names[] = {
	{ VIRTIO_F_ACCESS_PLATFORM, "ACCESS_PLATFORM" },
	{ VIRTIO_F_ORDER_PLATFORM, "ORDER_PLATFORM" },
	{ VIRTIO_F_RING_RESET, "RING_RESET" },
	{ VIRTIO_NET_F_MRG_RXBUF, "MRG_RXBUF" },
	{ VIRTIO_F_IN_ORDER, "IN_ORDER" },
	{ VIRTIO_F_EVENT_IDX, "EVENT_IDX" },
	{ VIRTIO_NET_F_STATUS, "STATUS" },
	{ VIRTIO_NET_F_MAC, "MAC" },
	{ VIRTIO_NET_F_MTU, "MTU" },
	{ VIRTIO_NET_F_MQ, "MQ" },
	{ VIRTIO_NET_F_CTRL_VQ, "CTRL_VQ" },
	{ VIRTIO_NET_F_CSUM, "CSUM" },
	{ VIRTIO_NET_F_GUEST_CSUM, "GUEST_CSUM" },
};

void
virtio_feature_names(uint64_t features, char *text, size_t room)
{
	size_t len = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < sizeof(feature_names) / sizeof(feature_names[0]); i++) {
		if (features & feature_names[i].bit)
			snprintf(text + len, room - len, " %s", feature_names[i].name);
		len = strlen(text);
	}
}

static void
describe(struct virtio_dev *vd)
{
	char *text = vd->port.info.detail;
	const size_t room = sizeof(vd->port.info.detail);
	size_t len;

	if (vd->tp == &virtio_pci_transport)
		snprintf(text, room, "virtio-net PCI %s on %s", vd->vp.bdf, vd->vp.space);
	else
		snprintf(text, room, "vhost-user at %s%s", vd->vu.path,
			 vd->vu.server ? " (server)" : "");
	len = strlen(text);
	snprintf(text + len, room - len, ", split ring, %llu queue pairs, VERSION_1",
		 (unsigned long long)vd->max_pairs);
	len = strlen(text);
	virtio_feature_names(vd->first, text + len, room - len);
}

/* The negotiated features that the port, as it is configured, can use. */
static uint64_t
negotiate(const struct virtio_dev *vd)
{
	const struct baton_port *port = &vd->port;
	uint64_t features = vd->first & vd->offered;

	if (!(port->offloads & BATON_OFFLOAD_TX_CSUM))
		features &= ~VIRTIO_NET_F_CSUM;
	if (!(port->offloads & BATON_OFFLOAD_RX_CSUM))
		features &= ~VIRTIO_NET_F_GUEST_CSUM;
	if (port->info.rx_queues < 2 && port->info.tx_queues < 2)
		features &= ~VIRTIO_NET_F_MQ;
	if (!(features & VIRTIO_NET_F_CTRL_VQ)) /* the others build on it: virtio 1.2, 5.1.3.1 */
		features &= ~CTRL_FEATURES;
	return features;
}

static int
limit_queues(struct virtio_dev *vd, const struct port_arg *args, unsigned n)
{
	struct baton_port_info *info = &vd->port.info;
	uint64_t pairs = vd->offered & VIRTIO_NET_F_MQ ? vd->max_pairs : 1, queues = 0;
	int ret = port_arg_uint(args, n, "queues", 1, BATON_MAX_QUEUES, &queues);

	if (ret < 0)
		return ret;
	if (queues > pairs)
		return baton_err(EINVAL,
				 "queues=%llu: %s has %llu queue pairs%s: start it with more",
				 (unsigned long long)queues, vd->where, (unsigned long long)pairs,
				 vd->offered & VIRTIO_NET_F_MQ ? ""
							       : " (it does not offer "
								 "VIRTIO_NET_F_MQ)");
	if (queues)
		pairs = queues;
	info->max_rx_queues = info->max_tx_queues =
		(uint16_t)(pairs < BATON_MAX_QUEUES ? pairs : BATON_MAX_QUEUES);
	return 0;
}

static int
device_open(struct baton_port *port, const struct port_arg *args, unsigned n)
{
	struct virtio_dev *vd = virtio_of(port);
	uint64_t wanted = VIRTIO_F_VERSION_1 | VIRTIO_F_IN_ORDER | VIRTIO_NET_F_MRG_RXBUF |
			  VIRTIO_NET_F_MQ | VIRTIO_NET_F_CSUM | VIRTIO_NET_F_GUEST_CSUM |
			  VIRTIO_F_EVENT_IDX | CTRL_FEATURES;
	int ret = parse_args(vd, args, n);

	if (ret < 0)
		return ret;
	/* Split rings and their buffers have 64-bit addresses: virtio 1.2, 2.7.5, 4.1.4.3. */
	port->reach.device_ring_bits = port->reach.device_data_bits = 64;
	vd->tp = port->driver->priv;
	ret = vd->tp->open(vd, args, n);
	if (ret < 0)
		return ret;
	wanted |= vd->config_features;
	vd->first = vd->offered & (wanted | vd->transport_features) & ~vd->forbidden;
	vd->features = negotiate(vd);
	ret = limit_queues(vd, args, n);
	if (ret < 0) {
		vd->tp->close(vd);
		return ret;
	}
	if (vd->first & VIRTIO_NET_F_CSUM)
		port->info.offloads |= BATON_OFFLOAD_TX_CSUM;
	if (vd->first & VIRTIO_NET_F_GUEST_CSUM)
		port->info.offloads |= BATON_OFFLOAD_RX_CSUM;
	port->link.full_duplex = 1;
	describe(vd);
	return 0;
}

static int
device_check(const struct baton_driver *driver, const struct port_arg *args, unsigned n)
{
	struct virtio_dev *scratch = calloc(1, sizeof(*scratch));
	int ret;

	if (!scratch)
		return baton_err(ENOMEM, "out of memory");
	scratch->tp = driver->priv;
	ret = parse_args(scratch, args, n);
	if (!ret && scratch->tp->check)
		ret = scratch->tp->check(scratch, args, n);
	free(scratch);
	return ret;
}

static void
device_close(struct baton_port *port)
{
	struct virtio_dev *vd = virtio_of(port);

	vd->tp->close(vd);
	virtio_ctrl_release(vd);
}

static struct virtq *
queue(struct virtio_dev *vd, unsigned i)
{
	struct baton_port *port = &vd->port;

	if (i < port->info.rx_queues)
		return virtq_of(port->rxq[i]);
	i -= port->info.rx_queues;
	return i < port->info.tx_queues ? virtq_of(port->txq[i]) : NULL;
}

static int
map_slots(struct virtio_dev *vd)
{
	struct dma_slots_need rx, tx;

	virtio_slots_need(vd, &rx, &tx);
	return dma_reach_slots(&vd->port.reach, &rx, &tx);
}

/* Map the pools, and make slots for those that the device cannot access. */
static int
reach_memory(struct virtio_dev *vd)
{
	struct baton_port *port = &vd->port;
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
	ret = map_slots(vd);
	if ((ret == -ENOSPC || reach->rx.shared || reach->tx.shared) &&
	    dma_reach_yield(reach, needed, port->views)) {
		dma_reach_drop_slots(reach, true, NULL); /* the device does not know them yet */
		ret = map_slots(vd);
	}
	return ret;
}

static int
make_slots(struct virtio_dev *vd)
{
	uint32_t first[2] = { 0, 0 };
	struct virtq *vq;
	int ret = reach_memory(vd);

	for (unsigned i = 0; !ret && (vq = queue(vd, i)); i++) {
		ret = virtq_slots_attach(vq, vd, first[vq->q.tx]);
		if (vq->slots)
			first[vq->q.tx] += vq->q.descs;
	}
	return ret;
}

/*
 * Allocate one block for the rings of all queues, the control queue and, at its end, a header of
 * zeros.
 */
static int
make_rings(struct virtio_dev *vd)
{
	size_t bytes = BATON_CACHE_LINE + virtio_ctrl_bytes(), offset = 0;
	struct baton_ctrl rings;
	struct virtq *vq;
	int ret;

	for (unsigned i = 0; (vq = queue(vd, i)); i++)
		bytes += virtq_ring_bytes(vq->q.descs);
	ret = baton_ctrl_alloc(&vd->port.reach, bytes, BATON_CACHE_LINE, &rings);
	if (ret < 0)
		return ret;
	vd->ring_base = rings.va;
	vd->ring_iova = rings.iova;
	vd->ring_bytes = rings.bytes;
	if ((ret = make_slots(vd)) < 0 || (vd->tp->publish && (ret = vd->tp->publish(vd)) < 0))
		return ret;
	dma_reach_log(&vd->port.reach);
	for (unsigned i = 0; (vq = queue(vd, i)); i++) {
		vq->offset = (uint32_t)offset;
		virtq_attach(vq, vd, offset);
		offset += virtq_ring_bytes(vq->q.descs);
	}
	virtio_ctrl_attach(vd, offset);
	return 0;
}

/* What went into quarantine: buffers the rings held, and all slots there are, since their memory
 * goes there as one; a local device's does not (dma_reach_release()). */
struct held {
	unsigned bufs, slots;
};

static struct held
empty_all(struct virtio_dev *vd, bool confirmed)
{
	struct dma_reach *reach = &vd->port.reach;
	struct dma_quarantine *quarantine =
		confirmed ? NULL : dma_quarantine_open(reach, vd->tp->holder(vd));
	struct held held = { .slots = reach->local ? 0 : reach->rx.count + reach->tx.count };
	struct virtq *vq;

	for (unsigned i = 0; (vq = queue(vd, i)); i++) {
		held.bufs += virtq_buffers(vq);
		virtq_empty(vq, confirmed, quarantine);
		virtq_slots_detach(vq);
	}
	dma_reach_release(reach, confirmed, quarantine);
	dma_quarantine_close(quarantine);
	vd->ring_base = NULL;
	return confirmed ? (struct held){ 0 } : held;
}

static int
quarantined(struct virtio_dev *vd, struct held held)
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

static int
prepare(struct baton_port *port, struct virtq *vq)
{
	vq->q.max_len = port_frame_max(port->mtu_set ? port->info.mtu : port->info.max_mtu);
	return vq->q.tx || vq->q.stopped ? 0 : virtq_fill(vq);
}

int
virtio_bring_up(struct virtio_dev *vd)
{
	struct virtq *vq;
	int ret;

	vd->features = negotiate(vd);
	ret = make_rings(vd);
	for (unsigned i = 0; !ret && (vq = queue(vd, i)); i++)
		ret = prepare(&vd->port, vq);
	if (ret < 0) {
		empty_all(vd, true); /* the device has not been told of the rings */
		return ret;
	}
	ret = vd->tp->start(vd, vd->features);
	if (ret < 0) {
		empty_all(vd, !vd->unconfirmed);
		return ret;
	}
	virtio_ctrl_replay(vd);
	for (unsigned i = 0; (vq = queue(vd, i)); i++)
		virtq_kick(vq);
	return 0;
}

static int
device_start(struct baton_port *port)
{
	struct virtio_dev *vd = virtio_of(port);
	int ret = vd->tp->ready(vd);

	return ret < 0 ? ret : virtio_bring_up(vd);
}

static bool
tx_busy(const struct virtq *vq)
{
	return vq->q.tx && !vq->q.stopped && !vq->q.error[0] &&
	       shared_load16_acquire(&vq->used->idx) != vq->avail_idx;
}

/*
 * Let the device send what it has, for a limited time. The workers have left; only indexes are
 * read. @only: this queue; NULL: all queues.
 */
static void
drain(struct virtio_dev *vd, const struct virtq *only)
{
	const struct timespec pause = { .tv_nsec = 50000 };
	unsigned ms = vd->port.stop_timeout_ms < DRAIN_MS ? vd->port.stop_timeout_ms : DRAIN_MS;

	for (unsigned tries = ms * 20; tries; tries--) {
		bool busy = only && tx_busy(only);

		for (unsigned i = 0; !only && i < vd->port.info.tx_queues; i++)
			busy |= tx_busy(virtq_of_const(vd->port.txq[i]));
		if (!busy || !vd->port.device_up)
			return;
		nanosleep(&pause, NULL);
	}
}

static int
device_stop(struct baton_port *port)
{
	struct virtio_dev *vd = virtio_of(port);
	int ret;

	drain(vd, NULL);
	virtio_ctrl_stop(vd);
	ret = vd->tp->stop(vd);
	return quarantined(vd, empty_all(vd, ret == 0));
}

static int
device_lost(struct baton_port *port)
{
	struct virtio_dev *vd = virtio_of(port);
	int ret = vd->tp->lost(vd);

	if (ret == -EAGAIN)
		return ret;
	ret = quarantined(vd, empty_all(vd, ret == 0));
	if (ret < 0)
		baton_log(port->ctx, BATON_LOG_WARN, "%s: %s", port->name, baton_last_error());
	return ret;
}

static int
device_reset(struct baton_port *port)
{
	struct virtio_dev *vd = virtio_of(port);

	return vd->tp->reset(vd);
}

static int
device_renew_space(struct baton_port *port)
{
	struct virtio_dev *vd = virtio_of(port);

	return vd->tp->renew_space(vd);
}

/* The device let go of the ring: free its buffers, and make it new. */
static void
clear_ring(struct virtio_dev *vd, struct virtq *vq)
{
	virtq_empty(vq, true, NULL);
	virtq_attach(vq, vd, vq->offset);
}

static int
device_queue_start(struct baton_queue *q)
{
	struct virtio_dev *vd = virtio_of(q->port);
	struct virtq *vq = virtq_of(q);
	int ret;

	if (vq->stuck)
		return baton_err(EIO,
				 "the device has not confirmed that it stopped, with %u buffers in "
				 "the ring: stop the port",
				 virtq_in_flight(q));
	q->stopped = 0; /* for prepare() */
	ret = prepare(q->port, vq);
	q->stopped = 1;
	if (ret < 0)
		return ret;
	ret = vd->tp->ring_start(vd, vq);
	if (ret < 0) {
		/*
		 * The device may know the ring already. If it does not answer, it is away, and
		 * device_lost() empties the ring.
		 */
		vq->stuck = vd->tp->ring_stop(vd, vq) < 0;
		if (!vq->stuck)
			clear_ring(vd, vq);
		return ret;
	}
	virtq_kick(vq);
	return 0;
}

static int
device_queue_stop(struct baton_queue *q)
{
	struct virtio_dev *vd = virtio_of(q->port);
	struct virtq *vq = virtq_of(q);
	int ret;

	q->stopped = 0;
	drain(vd, vq);
	q->stopped = 1;
	ret = vd->tp->ring_stop(vd, vq);
	vq->stuck = ret < 0 && ret != -ENOTSUP;
	if (ret < 0)
		return ret;
	clear_ring(vd, vq);
	if (vd->tp->ring_idle)
		vd->tp->ring_idle(vd, vq);
	return 0;
}

static void
device_xstats(const struct baton_port *port, struct port_xstats *list)
{
	const struct virtio_dev *vd = (const struct virtio_dev *)(const void *)port;

	port_xstat(list, vd->tp == &virtio_pci_transport ? vd->vp.recoveries : vd->vu.reconnects,
		   "reconnects");
	if (vd->tp == &vhost_user_transport)
		vhost_xstats(vd, list);
}

const struct port_ops virtio_port_ops = {
	.port_size = sizeof(struct virtio_dev),
	.rxq_size = sizeof(struct virtq),
	.txq_size = sizeof(struct virtq),
	.open = device_open,
	.check = device_check,
	.close = device_close,
	.queue_setup = virtq_setup,
	.queue_release = virtq_release,
	.start = device_start,
	.stop = device_stop,
	.queue_start = device_queue_start,
	.queue_stop = device_queue_stop,
	.lost = device_lost,
	.reset = device_reset,
	.renew_space = device_renew_space,
	.peek = virtq_peek,
	.set_rx_mode = virtio_ctrl_rx_mode,
	.set_macs = virtio_ctrl_macs,
	.set_vlan = virtio_ctrl_vlan,
	.set_mac = virtio_ctrl_mac,
	.arm = virtq_arm,
	.disarm = virtq_disarm,
	.xstats = device_xstats,
	.tx_clean = virtq_tx_clean,
	.in_flight = virtq_in_flight,
	.completed = virtq_completed,
	.held = virtq_held,
};

const struct baton_driver virtio_user_driver = {
	.name = "net_virtio_user",
	.other_name = "virtio_user",
	.args = user_args,
	.more_args = virtio_args,
	.dma = true,
	.bounces = true,
	.ops = &virtio_port_ops,
	.priv = &vhost_user_transport,
};

/* Section 4.1.2.1: modern devices are 0x1040 + 1; a transitional one must have the modern
 * structures too. */
static const struct pci_id pci_ids[] = {
	{ 0x1af4, 0x1041 },
	{ 0x1af4, 0x1000 },
	{ 0, 0 },
};

const struct baton_driver virtio_driver = {
	.name = "net_virtio",
	.args = pci_args,
	.more_args = virtio_args,
	.dma = true,
	.bounces = true,
	.ops = &virtio_port_ops,
	.pci_ids = pci_ids,
	.priv = &virtio_pci_transport,
};
