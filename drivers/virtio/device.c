/* SPDX-License-Identifier: BSD-3-Clause */
/* virtio-net as a port: arguments, features, start and stop. */
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "virtio.h"

#define DRAIN_MS 100 /* for TX at stop; less when the port's deadline is shorter */

static const char *const arg_names[] = {
	"path",	      /* the backend's socket */
	"mac",	      /* our address, when the device has none */
	"mrg_rxbuf",  /* 0: one buffer per received packet */
	"in_order",   /* 0: do not use VIRTIO_F_IN_ORDER */
	"queue_size", /* default ring size */
	"queues",     /* queue pairs */
	"timeout",    /* ms to wait for a reply */
	"packed_vq",  /* DPDK's names, which have one right value here */
	"server",
	"vectorized",
	NULL,
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
	uint64_t mrg = 1, in_order = 1, packed = 0, server = 0, vectorized = 0;
	int ret;

	if ((ret = arg_switch(args, n, "mrg_rxbuf", &mrg)) < 0 ||
	    (ret = arg_switch(args, n, "in_order", &in_order)) < 0 ||
	    (ret = arg_switch(args, n, "packed_vq", &packed)) < 0 ||
	    (ret = arg_switch(args, n, "server", &server)) < 0 ||
	    (ret = arg_switch(args, n, "vectorized", &vectorized)) < 0)
		return ret;
	if (packed)
		return baton_err(ENOTSUP, "packed_vq=1: this driver has split rings only; leave packed_vq out");
	if (server)
		return baton_err(ENOTSUP,
				 "server=1: this driver connects to the backend's socket; let the backend listen "
				 "and leave server out");
	vd->forbidden = (mrg ? 0 : VIRTIO_NET_F_MRG_RXBUF) | (in_order ? 0 : VIRTIO_F_IN_ORDER);
	return 0;
}

static int
parse_args(struct virtio_dev *vd, const struct port_arg *args, unsigned n)
{
	struct baton_port_info *info = &vd->port.info;
	uint64_t size = 256, queues = 1;
	const char *mac = port_arg(args, n, "mac");
	int ret = parse_features(vd, args, n);

	if (ret < 0 || (ret = port_arg_uint(args, n, "queue_size", 2, VRING_MAX_SIZE, &size)) < 0 ||
	    (ret = port_arg_uint(args, n, "queues", 1, 1, &queues)) < 0)
		return ret;
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

static void
describe(struct virtio_dev *vd)
{
	snprintf(vd->port.info.detail, sizeof(vd->port.info.detail),
		 "vhost-user at %s, split ring, VERSION_1%s%s%s%s%s", vd->vu.path,
		 vd->features & VIRTIO_NET_F_MRG_RXBUF ? " MRG_RXBUF" : "",
		 vd->features & VIRTIO_F_IN_ORDER ? " IN_ORDER" : "",
		 vd->features & VIRTIO_NET_F_STATUS ? " STATUS" : "",
		 vd->features & VIRTIO_NET_F_MAC ? " MAC" : "",
		 vd->features & VIRTIO_NET_F_MTU ? " MTU" : "");
}

static int
device_open(struct baton_port *port, const struct port_arg *args, unsigned n)
{
	struct virtio_dev *vd = virtio_of(port);
	uint64_t wanted = VIRTIO_F_VERSION_1 | VIRTIO_F_IN_ORDER | VIRTIO_NET_F_MRG_RXBUF;
	int ret = parse_args(vd, args, n);

	if (ret < 0)
		return ret;
	vd->tp = &vhost_user_transport;
	ret = vd->tp->open(vd, args, n);
	if (ret < 0)
		return ret;
	/* What the configuration space says counts only where the transport has one. */
	if (vd->has_config)
		wanted |= VIRTIO_NET_F_MAC | VIRTIO_NET_F_MTU | VIRTIO_NET_F_STATUS;
	vd->features = vd->offered & wanted & ~vd->forbidden;
	port->link.full_duplex = 1;
	describe(vd);
	return 0;
}

static void
device_close(struct baton_port *port)
{
	struct virtio_dev *vd = virtio_of(port);

	vd->tp->close(vd);
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

/* One arena holds the rings of all queues and, at its end, a header of zeros. */
static int
make_rings(struct virtio_dev *vd)
{
	struct baton_mem_config mem = { .size = sizeof(mem), .name = "virtio-rings",
					.page_size = BATON_PAGE_4K, .node = BATON_NODE_ANY,
					.bytes = BATON_CACHE_LINE };
	struct baton_arena_info info;
	struct virtq *vq;
	size_t offset = 0;
	int ret;

	for (unsigned i = 0; (vq = queue(vd, i)); i++)
		mem.bytes += virtq_ring_bytes(vq->q.descs);
	ret = baton_arena_create(vd->port.ctx, &mem, &vd->rings);
	if (ret < 0)
		return ret;
	baton_arena_info(vd->rings, &info);
	vd->ring_base = info.base;
	vd->ring_bytes = info.bytes;
	ret = vd->tp->map(vd);
	if (ret < 0) {
		baton_arena_destroy(vd->rings);
		vd->rings = NULL;
		return ret;
	}
	for (unsigned i = 0; (vq = queue(vd, i)); i++) {
		virtq_attach(vq, vd, offset);
		offset += virtq_ring_bytes(vq->q.descs);
	}
	return 0;
}

static void
empty_all(struct virtio_dev *vd, bool confirmed)
{
	struct virtq *vq;

	for (unsigned i = 0; (vq = queue(vd, i)); i++)
		virtq_empty(vq, confirmed);
	/* Our mapping only: a vhost-user backend has its own, and nothing of ours is in the rings. */
	baton_arena_destroy(vd->rings);
	vd->rings = NULL;
}

static int
device_start(struct baton_port *port)
{
	struct virtio_dev *vd = virtio_of(port);
	struct virtq *vq;
	int ret = make_rings(vd);

	if (ret < 0)
		return ret;
	for (unsigned i = 0; !ret && (vq = queue(vd, i)); i++) {
		vq->q.max_len = (port->mtu_set ? port->info.mtu : port->info.max_mtu) + 18u;
		if (!vq->q.tx)
			ret = virtq_fill(vq);
	}
	if (ret < 0) {
		empty_all(vd, true); /* the device has not been told of the rings */
		return ret;
	}
	ret = vd->tp->start(vd, vd->features);
	if (ret < 0) {
		empty_all(vd, !vd->unconfirmed);
		return ret;
	}
	for (unsigned i = 0; (vq = queue(vd, i)); i++)
		virtq_kick(vq);
	return 0;
}

/* Let the device send what it has, for a while. The workers are out; only indexes are looked at. */
static void
drain(struct virtio_dev *vd)
{
	const struct timespec pause = { .tv_nsec = 50000 };
	unsigned ms = vd->port.stop_timeout_ms < DRAIN_MS ? vd->port.stop_timeout_ms : DRAIN_MS;

	for (unsigned tries = ms * 20; tries; tries--) {
		bool busy = false;

		for (unsigned i = 0; i < vd->port.info.tx_queues; i++) {
			const struct virtq *vq = virtq_of_const(vd->port.txq[i]);

			busy |= !vq->q.error[0] &&
				shared_load16_acquire(&vq->used->idx) != vq->avail_idx;
		}
		if (!busy || !__atomic_load_n(&vd->port.link.up, __ATOMIC_RELAXED))
			return;
		nanosleep(&pause, NULL);
	}
}

static int
device_stop(struct baton_port *port)
{
	struct virtio_dev *vd = virtio_of(port);
	unsigned held = 0;
	struct virtq *vq;
	int ret;

	drain(vd);
	ret = vd->tp->stop(vd);
	for (unsigned i = 0; (vq = queue(vd, i)); i++)
		held += virtq_in_flight(&vq->q);
	empty_all(vd, ret == 0);
	if (ret == 0)
		return 0;
	return baton_err(ETIMEDOUT, "%u buffers are quarantined, since the device did not confirm that it let go: %s",
			 held, baton_last_error());
}

static const struct port_ops ops = {
	.port_size = sizeof(struct virtio_dev),
	.rxq_size = sizeof(struct virtq),
	.txq_size = sizeof(struct virtq),
	.open = device_open,
	.close = device_close,
	.queue_setup = virtq_setup,
	.queue_release = virtq_release,
	.start = device_start,
	.stop = device_stop,
	.tx_clean = virtq_tx_clean,
	.in_flight = virtq_in_flight,
	.held = virtq_held,
};

const struct baton_driver virtio_user_driver = {
	.name = "net_virtio_user",
	.args = arg_names,
	.summary = "virtio-net over vhost-user: path=SOCKET[,mac=..][,mrg_rxbuf=0][,in_order=0][,queue_size=N]",
	.ops = &ops,
};
