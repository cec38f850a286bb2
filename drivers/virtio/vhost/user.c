/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The vhost-user transport: a virtio device served by another process over a UNIX socket. This end
 * is the front-end and the driver's. Section names are those of "Vhost-user Protocol".
 */
#include "virtio/vhost/msg.h"

enum { STATUS_OK = VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_FEATURES_OK };

static int
set_state(struct vhost_dev *vd, uint32_t request, uint32_t index, uint32_t num)
{
	struct vhost_msg msg = { .request = request,
				 .size = sizeof(msg.p.state),
				 .p.state = { .index = index, .num = num } };

	return vhost_send(vd, &msg, NULL, 0);
}

static int
set_fd(struct vhost_dev *vd, uint32_t request, uint32_t index, int fd)
{
	struct vhost_msg msg = { .request = request, .size = sizeof(msg.p.u64), .p.u64 = index };

	return vhost_send(vd, &msg, &fd, 1);
}

/* ---- rings ---- */

static int
describe_ring(struct vhost_dev *vd, struct virtq *vq)
{
	struct vhost_msg msg = { .request = VHOST_SET_VRING_ADDR,
				 .size = sizeof(msg.p.addr),
				 .p.addr = { .index = vq->vring,
					     .desc = vhost_ring_address(vd, vq->desc),
					     .used = vhost_ring_address(vd, vq->used),
					     .avail = vhost_ring_address(vd, vq->avail) } };
	int ret = set_state(vd, VHOST_SET_VRING_NUM, vq->vring, vq->nq.q.descs);

	if (!ret)
		ret = set_state(vd, VHOST_SET_VRING_BASE, vq->vring, 0);
	if (!ret)
		ret = vhost_send(vd, &msg, NULL, 0);
	return ret;
}

static int
run_ring(struct vhost_dev *vd, struct virtq *vq)
{
	int ret = set_fd(vd, VHOST_SET_VRING_CALL, vq->vring, vq->nq.q.wake_fd);

	if (!ret)
		ret = set_fd(vd, VHOST_SET_VRING_KICK, vq->vring, vq->kick_fd);
	return ret;
}

static int
start_ring(struct vhost_dev *vd, struct virtq *vq)
{
	int ret = describe_ring(vd, vq);

	if (!ret)
		ret = vhost_iotlb_push(vd);
	return ret ? ret : run_ring(vd, vq);
}

static int
not_accepted(const struct vhost_dev *vd, const char *how)
{
	char names[160];

	virtio_feature_names(vd->virtio.features, names, sizeof(names));
	return baton_err(ENOTSUP,
			 "%s %sdoes not accept features %#llx of the %#llx it offered: "
			 "VERSION_1%s; mrg_rxbuf=0, in_order=0, event_idx=0 and queues=1 do "
			 "without one of them, and so do ports without checksum offloads",
			 vd->virtio.where, how, (unsigned long long)vd->virtio.features,
			 (unsigned long long)vd->virtio.offered, names);
}

/* Device status, virtio 1.2, 3.1.1; the backend may still say no to the features. */
static int
set_status(struct vhost_dev *vd, uint64_t status)
{
	uint64_t is;
	int ret;

	if (!(vd->vu.protocol & VHOST_PROTOCOL_F_STATUS))
		return 0;
	ret = vhost_set_u64(vd, VHOST_SET_STATUS, status);
	ret = vhost_refused(vd, VHOST_SET_STATUS, ret);
	if (ret < 0 || !(vd->vu.protocol & VHOST_PROTOCOL_F_STATUS) || status != STATUS_OK)
		return ret;
	ret = vhost_get_u64(vd, VHOST_GET_STATUS, &is);
	if (ret < 0 || (is & VIRTIO_STATUS_FEATURES_OK))
		return ret;
	return not_accepted(vd, "");
}

/* Without protocol features a ring is enabled when it is started ("Ring states"). */
static int
enable(struct vhost_dev *vd, const struct virtq *vq, uint32_t on)
{
	if (!(vd->virtio.offered & VHOST_F_PROTOCOL_FEATURES))
		return 0;
	return set_state(vd, VHOST_SET_VRING_ENABLE, vq->vring, on);
}

/*
 * DPDK's vhost takes its whole device down when one ring is stopped, and needs both rings of the
 * first pair to have it up again; its net_vhost then serves only the rings that it hears of anew.
 * So a ring of the first pair is started again, with nothing in it, and the others get their call
 * descriptors once more, which by the protocol changes nothing.
 */
static bool
idles(const struct virtq *vq)
{
	return vq->nq.q.stopped && vq->vring < 2;
}

/* Whether the backend runs the ring. */
static bool
runs(const struct virtq *vq)
{
	return !vq->nq.q.stopped || vq->idle;
}

/* Start everything but the rings. */
static int
set_up_device(struct vhost_dev *vd, uint64_t features)
{
	int ret;

	features |= vd->virtio.offered & VHOST_F_PROTOCOL_FEATURES;
	ret = vhost_set_u64(vd, VHOST_SET_FEATURES, features);
	if (ret == -EREMOTEIO)
		return not_accepted(vd, "refused SET_FEATURES: it ");
	if (!ret)
		ret = set_status(vd, STATUS_OK);
	if (!ret && (vd->vu.protocol & VHOST_PROTOCOL_F_NET_MTU) && vd->virtio.nic.port.mtu_set)
		ret = vhost_refused(vd, VHOST_NET_SET_MTU,
				    vhost_set_u64(vd, VHOST_NET_SET_MTU,
						  vd->virtio.nic.port.info.mtu));
	return ret;
}

/* One step of starting, for every ring that runs. */
static int
each_ring(struct vhost_dev *vd, int (*step)(struct vhost_dev *vd, struct virtq *vq))
{
	struct nic_queue *nq;
	int ret;

	for (unsigned i = 0; (nq = nic_queue(&vd->virtio.nic, i)); i++) {
		struct virtq *vq = virtq_of_nic(nq);

		if (!runs(vq))
			continue;
		ret = step(vd, vq);
		if (ret == -EREMOTEIO && vq->vring > 1)
			return baton_err_prefix(ret,
						"ring %u of a backend that says it has %llu queue "
						"pairs (queues=1 does with one)",
						vq->vring,
						(unsigned long long)vd->virtio.max_pairs);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static int
enable_ring(struct vhost_dev *vd, struct virtq *vq)
{
	return enable(vd, vq, 1);
}

/*
 * Send the entries once the backend knows all addresses: DPDK checks every ring again that an entry
 * is for.
 */
static int
bring_up(struct vhost_dev *vd, uint64_t features)
{
	struct nic_queue *nq;
	int ret = set_up_device(vd, features);

	if (ret < 0)
		return ret;
	vd->vu.knows_rings = 1;
	for (unsigned i = 0; (nq = nic_queue(&vd->virtio.nic, i)); i++)
		virtq_of_nic(nq)->idle = idles(virtq_of_nic(nq));
	ret = each_ring(vd, describe_ring);
	if (!ret)
		ret = vhost_iotlb_push(vd);
	if (!ret)
		ret = each_ring(vd, run_ring);
	if (!ret)
		ret = each_ring(vd, enable_ring);
	return ret ? ret : set_status(vd, STATUS_OK | VIRTIO_STATUS_DRIVER_OK);
}

/*
 * GET_VRING_BASE stops a ring and is answered when the backend has let go of it ("Starting and
 * stopping rings").
 */
static int
let_go(struct vhost_dev *vd, const struct virtq *vq)
{
	struct vhost_msg msg = { .request = VHOST_GET_VRING_BASE,
				 .size = sizeof(msg.p.state),
				 .p.state.index = vq->vring };
	int ret = vhost_call(vd, &msg, sizeof(msg.p.state), sizeof(msg.p.state));

	if (ret < 0 || msg.p.state.index == vq->vring)
		return ret;
	vhost_disconnect(vd);
	return baton_err(EPROTO, "%s answered for ring %u, not %u", vd->virtio.where,
			 msg.p.state.index, vq->vring);
}

/*
 * Failing an answer, only that nobody has the memory any more is as good. What a backend answers
 * that came after the one with our rings says nothing about them.
 */
static int
vu_stop(struct nic_dev *dev)
{
	struct vhost_dev *vd = vhost_of(dev);
	const struct vhost_user *vu = &vd->vu;
	struct nic_queue *nq;
	int ret = 0;

	if (vu->peer.orphaned)
		ret = baton_err(ECONNRESET, "%s hung up before it let go", vd->virtio.where);
	for (unsigned i = 0; !ret && (nq = nic_queue(dev, i)); i++)
		if (runs(virtq_of_nic(nq)))
			ret = let_go(vd, virtq_of_nic(nq));
	if (!ret)
		set_status(vd, 0);
	return ret < 0 && nic_peer_wait(dev) ? 0 : ret;
}

static void
renew_others(struct vhost_dev *vd, const struct virtq *but)
{
	struct nic_queue *nq;

	for (unsigned i = 0; (nq = nic_queue(&vd->virtio.nic, i)); i++)
		if (nq != &but->nq && runs(virtq_of_nic(nq)) &&
		    set_fd(vd, VHOST_SET_VRING_CALL, virtq_of_nic(nq)->vring, nq->q.wake_fd) < 0)
			return; /* disconnected, and heard of by the control thread */
}

static int
vu_ring_start(struct nic_dev *dev, struct nic_queue *nq)
{
	struct vhost_dev *vd = vhost_of(dev);
	struct virtq *vq = virtq_of_nic(nq);
	int ret;

	if (vq->idle) {
		vq->idle = 0;
		return 0; /* the ring runs; its entries are published */
	}
	ret = start_ring(vd, vq);
	if (!ret)
		ret = enable(vd, vq, 1);
	if (!ret)
		renew_others(vd, vq);
	return ret;
}

static int
vu_ring_stop(struct nic_dev *dev, struct nic_queue *nq)
{
	struct vhost_dev *vd = vhost_of(dev);
	struct virtq *vq = virtq_of_nic(nq);
	int ret = enable(vd, vq, 0);

	vq->idle = 0;
	if (!ret || ret == -EREMOTEIO)
		ret = let_go(vd, vq);
	return ret;
}

static void
vu_ring_idle(struct nic_dev *dev, struct nic_queue *nq)
{
	struct vhost_dev *vd = vhost_of(dev);
	struct virtq *vq = virtq_of_nic(nq);
	if (idles(vq) && !start_ring(vd, vq) && !enable(vd, vq, 1))
		vq->idle = 1;
	renew_others(vd, vq);
}

static int
vu_start(struct nic_dev *dev)
{
	struct vhost_dev *vd = vhost_of(dev);
	int ret;

	vd->vu.knows_rings = 0;
	ret = bring_up(vd, vd->virtio.features);
	if (!ret)
		vd->vu.hung_up_at = 0;
	if (ret < 0) {
		char why[512];

		vhost_next_time(vd, ret);
		snprintf(why, sizeof(why), "%s", baton_last_error());
		/* A backend that knows no ring has nothing to let go of. */
		vd->virtio.nic.unconfirmed = vu_stop(dev) < 0 && vd->vu.knows_rings;
		baton_err(-ret, "%s", why);
	}
	return ret;
}

static int
vu_ready(struct nic_dev *dev)
{
	return vhost_connect(vhost_of(dev));
}

static void
vu_describe(const struct nic_dev *dev, char *text, size_t room)
{
	const struct vhost_user *vu = &vhost_of_const(dev)->vu;

	snprintf(text, room, "vhost-user at %s%s", vu->sock.path, vu->server ? " (server)" : "");
}

static void
xstats(const struct baton_port *port, struct port_xstats *list)
{
	const struct vhost_user *vu = &vhost_of_const(nic_of_const(port))->vu;

	port_xstat(list, vu->reconnects, "reconnects");
	port_xstat(list, vu->channel.misses, "iotlb_misses");
	port_xstat(list, vu->channel.ignored, "backend_requests_ignored");
	port_xstat(list, vu->given.holes, "memory_holes");
}

static const struct virtio_transport transport = {
	.open = vhost_open,
	.check = vhost_check,
	.close = vhost_close,
	.describe = vu_describe,
	.last_ring = 255, /* SET_VRING_KICK has 8 bits for a ring's number */
};

#define USER_OPS(kind, ring)                                                                       \
	{                                                                                          \
		VIRTIO_NIC_OPS(kind, ring), NIC_PEER_OPS,                                          \
			.priv = &transport, .ready = vu_ready, .publish = vhost_publish,           \
			.renew_space = vhost_renew_space, .start = vu_start, .stop = vu_stop,      \
			.ring_start = vu_ring_start, .ring_stop = vu_ring_stop,                    \
			.ring_idle = vu_ring_idle, .reset = vhost_reset                            \
	}

static const struct nic_ops nic_ops[2] = { USER_OPS(, virtq), USER_OPS(_hash, virtq_hash) };

static const struct baton_arg args[] = {
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

static const struct port_ops port_ops = {
	VIRTIO_PORT_OPS(struct vhost_dev),
	.xstats = xstats,
};

extern const struct baton_driver virtio_user_driver;
const struct baton_driver virtio_user_driver = {
	.name = "net_virtio_user",
	.other_name = "virtio_user",
	.args = args,
	.more_args = virtio_args,
	.dma = true,
	.bounces = true,
	.ops = &port_ops,
	.priv = nic_ops,
};
