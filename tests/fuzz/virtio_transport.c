/* SPDX-License-Identifier: BSD-3-Clause */
/* The virtio driver's transport to a device in its own process: no sockets, no threads; and what of
 * the driver's the device is told. */
#include "virtio.h"
#include "virtio/net/virtio.h"

/* Device addresses are not addresses of the process, so that what mixes them up is found. All
 * mappings lie far above this. */
#define IOVA_BASE 0x10000000000ull

/* Limits that cannot be are not believed. The hash is the device's own: no command sets it. */
static void
offer_hash(struct virtio_dev *vd)
{
	static const struct virtio_net_config bad = { .rss_max_key_size = 39,
						      .supported_hash_types = { 0x3f } },
					      good = { .rss_max_key_size = 40,
						       .supported_hash_types = { 0x3f } };

	vd->offered |= VIRTIO_NET_F_HASH_REPORT;
	virtio_take_rss(vd, &bad);
	if (vd->hash_types || vd->config_features)
		fuzz_fail("a hash with a key of 39 bytes");
	virtio_take_rss(vd, &good);
	if (!vd->config_features)
		fuzz_fail("no hash with a key of 40 bytes");
	vd->hash_types = 0;
}

static int
t_open(struct nic_dev *dev, const struct port_arg *args, unsigned n)
{
	struct virtio_dev *vd = virtio_of_nic(dev);
	struct baton_ioas_config space;
	uint64_t queues = 0, csum = 0, lro = 0, hash = 0;
	int ret = port_arg_uint(args, n, "queues", 1, FUZZ_PAIRS, &queues);

	if (!ret)
		ret = port_arg_uint(args, n, "csum", 0, 1, &csum);
	if (!ret)
		ret = port_arg_uint(args, n, "lro", 0, 1, &lro);
	if (!ret)
		ret = port_arg_uint(args, n, "hash", 0, 1, &hash);
	if (ret < 0)
		return ret;
	baton_ioas_config_init(&space);
	/* Flat addresses are where the memory is; in windows they are chosen. */
	space.backend = vd->nic.port.reach.n_windows ? BATON_IOAS_VHOST : BATON_IOAS_FLAT;
	if (space.backend == BATON_IOAS_FLAT)
		space.flat_base = (const void *)IOVA_BASE; /* NOLINT(performance-no-int-to-ptr) */
	space.windows = vd->nic.port.reach.windows;
	space.n_windows = vd->nic.port.reach.n_windows;
	ret = baton_ioas_create(vd->nic.port.ctx, &space, &vd->nic.port.reach.ioas);
	if (ret < 0)
		return ret;
	vd->offered = VIRTIO_F_VERSION_1 | VIRTIO_NET_F_MRG_RXBUF | VIRTIO_F_IN_ORDER |
		      VIRTIO_NET_F_MQ | VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_CTRL_RX |
		      VIRTIO_NET_F_CTRL_VLAN | VIRTIO_NET_F_CTRL_MAC_ADDR;
	if (csum)
		vd->offered |= VIRTIO_NET_F_CSUM | VIRTIO_NET_F_GUEST_CSUM;
	if (lro)
		vd->offered |= VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO6;
	if (lro && csum)
		vd->offered |= VIRTIO_NET_F_GUEST_TSO4;
	if (hash)
		offer_hash(vd);
	vd->max_pairs = FUZZ_PAIRS;
	vd->timeout_ms = 1;
	vd->nic.link = 1;
	snprintf(vd->where, sizeof(vd->where), "the fuzzer's device");
	return 0;
}

static void
t_close(struct nic_dev *dev)
{
	struct virtio_dev *vd = virtio_of_nic(dev);

	if (baton_ioas_destroy(vd->nic.port.reach.ioas) < 0)
		fuzz_fail("something is still mapped");
	vd->nic.port.reach.ioas = NULL;
}

/* A device that did not confirm a stop is reset before rings are filled: what it has from before
 * may be what they need. */
static int
t_ready(struct nic_dev *dev)
{
	struct virtio_dev *vd = virtio_of_nic(dev);

	return vd->nic.port.reach.quarantines ? vdev_reset(vd) : 0;
}

static int
t_start(struct nic_dev *dev)
{
	struct virtio_dev *vd = virtio_of_nic(dev);

	for (unsigned i = 0; i < FUZZ_PAIRS; i++) {
		if (!vd->nic.port.rxq[i]->stopped)
			vdev_attach(i, virtq_of(vd->nic.port.rxq[i]));
		if (!vd->nic.port.txq[i]->stopped)
			vdev_attach(FUZZ_PAIRS + i, virtq_of(vd->nic.port.txq[i]));
	}
	if (fuzz_refuses(&fuzz_life->no_start)) {
		dev->unconfirmed = vdev_let_go(vd) < 0;
		return baton_err(EIO, "the fuzzer's device does not start");
	}
	vd->nic.port.device_up = 1;
	vdev.dead = false;
	vdev.answer = 0;
	return 0;
}

static int
t_stop(struct nic_dev *dev)
{
	struct virtio_dev *vd = virtio_of_nic(dev);

	return vdev_let_go(vd);
}

static int
t_ring_start(struct nic_dev *dev, struct nic_queue *nq)
{
	struct virtio_dev *vd = virtio_of_nic(dev);
	struct virtq *vq = virtq_of_nic(nq);
	vdev_attach(vdev_number(vd, vq), vq);
	return 0;
}

static int
t_ring_stop(struct nic_dev *dev, struct nic_queue *nq)
{
	struct virtio_dev *vd = virtio_of_nic(dev);
	struct virtq *vq = virtq_of_nic(nq);
	const unsigned queue = vdev_number(vd, vq);

	if (queue < FUZZ_QUEUES && fuzz_refuses(&fuzz_life->keeps_ring)) {
		fuzz_life->kept_ring = true;
		vdev_scan(fuzz_current, queue);
		return baton_err(ETIMEDOUT,
				 "the fuzzer's device does not say that it let go of queue %u",
				 queue);
	}
	vdev_detach(queue);
	return 0;
}

static int
t_gone(struct nic_dev *dev)
{
	struct virtio_dev *vd = virtio_of_nic(dev);

	if (fuzz_life->undecided) {
		fuzz_life->undecided--;
		return -EAGAIN;
	}
	return vdev_let_go(vd);
}

static struct mem_holder *
t_holder(const struct nic_dev *dev)
{
	return vdev_process(virtio_of_nic_const(dev));
}

static int
t_reset(struct nic_dev *dev)
{
	struct virtio_dev *vd = virtio_of_nic(dev);

	return vdev_reset(vd);
}

static void
t_describe(const struct nic_dev *dev, char *text, size_t room)
{
	snprintf(text, room, "the fuzzer's device");
}

static void
t_xstats(const struct baton_port *port, struct port_xstats *list)
{
	port_xstat(list, 0, "reconnects");
}

static const struct virtio_transport transport = {
	.open = t_open,
	.close = t_close,
	.describe = t_describe,
};

#define FUZZ_OPS(kind, ring)                                                                       \
	{                                                                                          \
		VIRTIO_NIC_OPS(kind, ring),                                                        \
			.priv = &transport, .ready = t_ready, .start = t_start, .stop = t_stop,    \
			.ring_start = t_ring_start, .ring_stop = t_ring_stop, .lost = t_gone,      \
			.holder = t_holder, .reset = t_reset                                       \
	}

static const struct nic_ops nic_ops[2] = { FUZZ_OPS(, virtq), FUZZ_OPS(_hash, virtq_hash) };

static const struct baton_arg args[] = {
	{ "queues", "N", "queue pairs" },   { "csum", "0|1", "offer checksums" },
	{ "mrg_rxbuf", "0|1", "merge" },    { "in_order", "0|1", "complete in order" },
	{ "mac", "MAC", "the port's MAC" }, { "lro", "0|1", "offer segments" },
	{ "hash", "0|1", "offer a hash" },  { 0 },
};

static const struct port_ops port_ops = {
	VIRTIO_PORT_OPS(struct virtio_dev),
	.xstats = t_xstats,
};

const struct baton_driver virtio_fuzz_driver = {
	.name = "net_fuzz",
	.args = args,
	.dma = true,
	.bounces = true,
	.ops = &port_ops,
	.priv = nic_ops,
};

/* In place of the library's: the fuzzer has one driver. */
const struct baton_driver *const baton_driver_table[] = { &virtio_fuzz_driver, NULL };
const char *const baton_driver_names[] = { "net_fuzz", NULL };

/* ---- what the device is told ---- */

unsigned
vdev_number(const struct virtio_dev *vd, const struct virtq *vq)
{
	if (vq == &vd->ctrl.vq)
		return FUZZ_QUEUES;
	return vq->nq.q.index + (vq->nq.q.tx ? FUZZ_PAIRS : 0);
}

static struct vdev_ring *
ring_of(unsigned queue)
{
	return queue == FUZZ_QUEUES ? &vdev.ctrl : &vdev.ring[queue];
}

void
vdev_attach(unsigned queue, const struct virtq *vq)
{
	*ring_of(queue) = (struct vdev_ring){
		.on = true,
		.size = (uint16_t)vq->nq.q.descs,
		.desc = (void *)vq->desc,
		.avail = (void *)vq->avail,
		.used = (void *)vq->used,
	};
	vq->used->flags = (typeof(vq->used->flags)){ WIRE_USED_NO_NOTIFY };
}

void
vdev_detach(unsigned queue)
{
	ring_of(queue)->on = false;
}

void *
vdev_at(const struct fuzz *f, uint64_t iova, uint32_t len)
{
	const struct dma_reach *r = &f->rig->port->reach;
	const struct dma_block *const blocks[] = { r->ctrl, r->rx_mem, r->tx_mem };
	uint8_t *p =
		(uint8_t *)(uintptr_t)(iova + IOVA_BASE); /* NOLINT(performance-no-int-to-ptr) */

	for (unsigned i = 0; i < 3; i++)
		if (blocks[i] && iova >= blocks[i]->iova &&
		    iova + len <= blocks[i]->iova + blocks[i]->bytes)
			return blocks[i]->base + (iova - blocks[i]->iova);
	return f->rig->bounced ? NULL : fuzz_view(f, p, len);
}

bool
vdev_is_ring(const struct fuzz *f, const uint8_t *p)
{
	const struct dma_block *b = f->rig->port->reach.ctrl;

	return p >= b->base && p < b->base + b->bytes;
}

bool
vdev_looked(const struct fuzz *f, unsigned queue)
{
	const struct virtq *vq = virtq_of_const(f->rig->queue[queue]);

	return vq->nq.done == vdev.ring[queue].idx &&
	       (!vq->feature_in_order || !vq->nq.q.tx || vq->batch_end == vq->nq.done);
}
