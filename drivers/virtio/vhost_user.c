/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The vhost-user transport: a virtio device served by another process over a UNIX socket. This end is the front-end and
 * the client. Section names are those of "Vhost-user Protocol".
 */
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "vhost_msg.h"

#define DEFAULT_TIMEOUT_MS 1200 /* DPDK 22.11's vhost looks for its first connection once a second */
#define IOVA_BASE          (1ull << 32) /* guest addresses are ours to choose: not 0, and not our pointers */
#define IOVA_TOP           (1ull << 46)
#define IOVA_ALIGN         (1ull << 30)

static int
get_u64(struct virtio_dev *vd, uint32_t request, uint64_t *value)
{
	struct vhost_msg msg = { .request = request };
	int ret = vhost_call(vd, &msg, sizeof(msg.p.u64));

	*value = msg.p.u64;
	return ret;
}

static int
set_u64(struct virtio_dev *vd, uint32_t request, uint64_t value)
{
	struct vhost_msg msg = { .request = request, .size = sizeof(msg.p.u64), .p.u64 = value };

	return vhost_send(vd, &msg, NULL, 0);
}

static int
set_state(struct virtio_dev *vd, uint32_t request, uint32_t index, uint32_t num)
{
	struct vhost_msg msg = { .request = request, .size = sizeof(msg.p.state),
				 .p.state = { .index = index, .num = num } };

	return vhost_send(vd, &msg, NULL, 0);
}

static int
set_fd(struct virtio_dev *vd, uint32_t request, uint32_t index, int fd)
{
	struct vhost_msg msg = { .request = request, .size = sizeof(msg.p.u64), .p.u64 = index };

	return vhost_send(vd, &msg, &fd, 1);
}

/* ---- the connection ---- */

static int
connect_error(struct virtio_dev *vd, int err)
{
	const char *path = vd->vu.path;

	if (err == ENOENT)
		return baton_err(err, "no socket at %s: start the vhost-user backend first (with DPDK: dpdk-testpmd "
				      "--vdev=net_vhost0,iface=%s)", path, path);
	if (err == ECONNREFUSED)
		return baton_err(err, "nobody listens at %s: its backend has ended; start it again", path);
	if (err == EAGAIN)
		return baton_err(ETIMEDOUT, "the backend at %s accepts no connection: its queue of them is full",
				 path);
	return baton_err(err, "cannot connect to %s: %s", path, strerror(err));
}

static int
connect_to(struct virtio_dev *vd)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct ucred peer;
	socklen_t len = sizeof(peer);
	int fd, err;

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return baton_err(errno, "no socket for %s: %s; if descriptors ran out, raise `ulimit -n`",
				 vd->vu.path, strerror(errno));
	memcpy(sa.sun_path, vd->vu.path, sizeof(sa.sun_path));
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0) {
		err = errno;
		close(fd);
		return connect_error(vd, err);
	}
	/*
	 * The process that called listen(), so that its end can be told from a mere hang-up. A backend that was handed
	 * its socket by another process must outlive that one: nothing tells them apart.
	 */
	if (!getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) && peer.pid > 0)
		vd->vu.pidfd = (int)syscall(SYS_pidfd_open, peer.pid, 0);
	vd->vu.src.fd = fd;
	return 0;
}

/* The socket is readable outside of any request: the backend hung up, or speaks out of turn. */
static void
on_socket(struct ctx_source *src, uint32_t events)
{
	struct virtio_dev *vd = (struct virtio_dev *)(void *)((char *)src - offsetof(struct virtio_dev, vu.src));
	char byte;
	ssize_t n = recv(src->fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	vhost_disconnect(vd);
	baton_log(vd->port.ctx, BATON_LOG_WARN, "%s: the backend at %s %s: link down", vd->port.name,
		  vd->vu.path, n > 0 ? "sent a message nobody asked for" : "hung up");
}

/* Protocol features, "Protocol features". */
static int
negotiate_protocol(struct virtio_dev *vd)
{
	const uint64_t wanted = VHOST_PROTOCOL_F_MQ | VHOST_PROTOCOL_F_REPLY_ACK |
				VHOST_PROTOCOL_F_NET_MTU | VHOST_PROTOCOL_F_CONFIG |
				VHOST_PROTOCOL_F_STATUS;
	uint64_t offered, queues;
	int ret = get_u64(vd, VHOST_GET_PROTOCOL_FEATURES, &offered);

	if (ret < 0)
		return ret;
	ret = set_u64(vd, VHOST_SET_PROTOCOL_FEATURES, offered & wanted);
	if (ret < 0)
		return ret;
	vd->vu.protocol = offered & wanted;
	if (!(vd->vu.protocol & VHOST_PROTOCOL_F_MQ))
		return 0;
	ret = get_u64(vd, VHOST_GET_QUEUE_NUM, &queues);
	if (ret < 0)
		return ret;
	if (queues < 1 || queues > 0x8000) {
		vhost_disconnect(vd);
		return baton_err(EPROTO, "the backend at %s says it has %llu queue pairs; 1 to 32,768 are possible",
				 vd->vu.path, (unsigned long long)queues);
	}
	return 0;
}

/* The device's own MAC, MTU and link state, where the backend has a configuration space. */
static int
read_config(struct virtio_dev *vd)
{
	struct vhost_msg msg = { .request = VHOST_GET_CONFIG,
				 .p.config = { .size = sizeof(struct virtio_net_config) } };
	struct virtio_net_config config;
	struct baton_port *port = &vd->port;
	int ret;

	if (!(vd->vu.protocol & VHOST_PROTOCOL_F_CONFIG) ||
	    !(vd->offered & (VIRTIO_NET_F_MAC | VIRTIO_NET_F_MTU | VIRTIO_NET_F_STATUS)))
		return 0;
	vd->has_config = 1;
	msg.size = 12 + sizeof(config);
	ret = vhost_call(vd, &msg, msg.size);
	if (ret < 0)
		return ret;
	memcpy(&config, msg.p.config.data, sizeof(config));
	if ((vd->offered & VIRTIO_NET_F_MAC) && !(config.mac[0] & 1))
		memcpy(port->info.mac, config.mac, 6);
	if (vd->offered & VIRTIO_NET_F_MTU) {
		uint16_t mtu = le16toh(config.mtu);

		if (mtu < BATON_MIN_MTU) {
			vhost_disconnect(vd);
			return baton_err(EPROTO, "the backend at %s says its MTU is %u; at least %u is possible",
					 vd->vu.path, mtu, BATON_MIN_MTU);
		}
		port->info.max_mtu = mtu < BATON_MAX_MTU ? mtu : BATON_MAX_MTU;
		port->info.mtu = port->info.max_mtu;
	}
	if (vd->offered & VIRTIO_NET_F_STATUS)
		port->link.up = le16toh(config.status) & VIRTIO_NET_S_LINK_UP;
	return 0;
}

static int
handshake(struct virtio_dev *vd)
{
	int ret = get_u64(vd, VHOST_GET_FEATURES, &vd->offered);

	if (ret < 0)
		return ret;
	if (!(vd->offered & VIRTIO_F_VERSION_1)) {
		vhost_disconnect(vd);
		return baton_err(ENOTSUP, "the backend at %s offers features %#llx, without VIRTIO_F_VERSION_1 (bit 32): "
					  "legacy virtio is not supported",
				 vd->vu.path, (unsigned long long)vd->offered);
	}
	if (vd->offered & VHOST_F_PROTOCOL_FEATURES) {
		ret = negotiate_protocol(vd);
		if (ret < 0)
			return ret;
	}
	struct vhost_msg msg = { .request = VHOST_SET_OWNER };

	ret = vhost_send(vd, &msg, NULL, 0);
	if (ret < 0)
		return ret;
	vd->port.link.up = 1;
	return read_config(vd);
}

static void
vu_close(struct virtio_dev *vd)
{
	vhost_disconnect(vd);
	if (vd->vu.pidfd >= 0)
		close(vd->vu.pidfd);
	vd->vu.pidfd = -1;
}

static int
vu_open(struct virtio_dev *vd, const struct port_arg *args, unsigned n)
{
	struct vhost_user *vu = &vd->vu;
	const char *path = port_arg(args, n, "path");
	uint64_t timeout = DEFAULT_TIMEOUT_MS;
	int ret;

	vu->src.fd = vu->pidfd = -1;
	vu->src.ready = on_socket;
	vu->next_iova = IOVA_BASE;
	if (!path || !*path)
		return baton_err(EINVAL, "which socket? Give path=SOCKET");
	if (strlen(path) >= sizeof(vu->path))
		return baton_err(EINVAL, "path of %zu characters: a socket's path has at most %zu",
				 strlen(path), sizeof(vu->path) - 1);
	snprintf(vu->path, sizeof(vu->path), "%s", path);
	ret = port_arg_uint(args, n, "timeout", 1, 600000, &timeout);
	if (ret < 0)
		return ret;
	vu->timeout_ms = (uint32_t)timeout;
	ret = connect_to(vd);
	if (ret < 0)
		return ret;
	ret = handshake(vd);
	if (!ret)
		ret = ctx_source_add(vd->port.ctx, &vu->src, EPOLLIN | EPOLLRDHUP);
	if (ret < 0) {
		vu_close(vd);
		return ret;
	}
	vu->watched = 1;
	return 0;
}

/* ---- memory ---- */

struct table {
	struct vhost_msg msg;
	int fds[VHOST_MAX_REGIONS];
	uint64_t next;
};

/* Return: the guest address of @base, 0 when the table is full. */
static uint64_t
add_region(struct table *t, const void *base, size_t bytes, int fd, uint64_t fd_offset)
{
	uint32_t i = t->msg.p.memory.count;
	uint64_t iova = t->next;

	if (i == VHOST_MAX_REGIONS)
		return 0;
	t->msg.p.memory.regions[i] = (struct vhost_region){
		.guest_addr = iova,
		.size = bytes,
		.user_addr = (uintptr_t)base,
		.mmap_offset = fd_offset,
	};
	t->fds[i] = fd;
	t->msg.p.memory.count++;
	t->next = (iova + bytes + IOVA_ALIGN) & ~(IOVA_ALIGN - 1); /* and so a gap after each */
	return iova;
}

static int
map_pool(struct virtio_dev *vd, struct table *t, struct baton_pool *p, bool needed)
{
	uint64_t iova = 0;

	if (vd->port.views[p->view.index].count)
		return 0;
	if (p->fd >= 0)
		iova = add_region(t, p->base, p->bytes, p->fd, p->fd_offset);
	if (iova) {
		dma_view_init(&vd->port.views[p->view.index], p,
			      iova + (uint64_t)(p->view.data - p->base));
		return 0;
	}
	if (!needed)
		return 0;
	if (p->fd < 0)
		return baton_err(EINVAL, "pool %s lies in memory without a file descriptor, which cannot be shared "
					 "with a backend", p->name);
	return baton_err(ENOSPC, "pool %s does not fit into the memory table of %u regions", p->name,
			 VHOST_MAX_REGIONS);
}

static int
vu_map(struct virtio_dev *vd)
{
	/*
	 * No guest address is used twice on a connection: a backend that compares tables by their numbers alone (DPDK
	 * 22.11's does) would keep its mapping of memory that is gone when new memory has the old one's place.
	 */
	struct table t = { .msg.request = VHOST_SET_MEM_TABLE, .next = vd->vu.next_iova };
	struct baton_port *port = &vd->port;
	struct baton_ctx *ctx = port->ctx;
	struct baton_arena_info rings;
	int ret;

	baton_arena_info(vd->rings, &rings);
	vd->ring_iova = add_region(&t, rings.base, rings.bytes, rings.fd, 0);
	for (unsigned i = 0; i < port->info.rx_queues; i++) {
		ret = map_pool(vd, &t, port->rxq[i]->pool, true);
		if (ret < 0)
			return ret;
	}
	for (unsigned i = 0; i < BATON_MAX_POOLS; i++)
		if (ctx->pools[i])
			map_pool(vd, &t, ctx->pools[i], false);
	vd->vu.next_iova = t.next < IOVA_TOP ? t.next : IOVA_BASE;
	t.msg.size = (uint32_t)(8 + t.msg.p.memory.count * sizeof(struct vhost_region));
	return vhost_send(vd, &t.msg, t.fds, t.msg.p.memory.count);
}

/* ---- rings ---- */

static int
make_eventfds(struct virtq *vq)
{
	vq->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	vq->call_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (vq->kick_fd < 0 || vq->call_fd < 0)
		return baton_err(errno, "no eventfd for a ring: %s; if descriptors ran out, raise `ulimit -n`",
				 strerror(errno));
	return 0;
}

static void
close_eventfds(struct virtq *vq)
{
	if (vq->kick_fd >= 0)
		close(vq->kick_fd);
	if (vq->call_fd >= 0)
		close(vq->call_fd);
	vq->kick_fd = vq->call_fd = -1;
}

static int
start_ring(struct virtio_dev *vd, struct virtq *vq)
{
	struct vhost_msg msg = { .request = VHOST_SET_VRING_ADDR, .size = sizeof(msg.p.addr),
				 .p.addr = { .index = vq->vring,
					     .desc = (uintptr_t)vq->desc,
					     .used = (uintptr_t)vq->used,
					     .avail = (uintptr_t)vq->avail } };
	int ret = make_eventfds(vq);

	if (!ret)
		ret = set_state(vd, VHOST_SET_VRING_NUM, vq->vring, vq->q.descs);
	if (!ret)
		ret = set_state(vd, VHOST_SET_VRING_BASE, vq->vring, 0);
	if (!ret)
		ret = vhost_send(vd, &msg, NULL, 0);
	if (!ret)
		ret = set_fd(vd, VHOST_SET_VRING_CALL, vq->vring, vq->call_fd);
	if (!ret)
		ret = set_fd(vd, VHOST_SET_VRING_KICK, vq->vring, vq->kick_fd);
	return ret;
}

#define EACH_QUEUE(vd, vq, i)                                                                      \
	for (i = 0; i < (vd)->port.info.rx_queues + (vd)->port.info.tx_queues &&                   \
		    (vq = virtq_of(i < (vd)->port.info.rx_queues ?                                 \
					   (vd)->port.rxq[i] :                                     \
					   (vd)->port.txq[i - (vd)->port.info.rx_queues]));        \
	     i++)

/* Device status, virtio 1.2, 3.1.1; the backend may still say no to the features. */
static int
set_status(struct virtio_dev *vd, uint64_t status)
{
	uint64_t is;
	int ret;

	if (!(vd->vu.protocol & VHOST_PROTOCOL_F_STATUS))
		return 0;
	ret = set_u64(vd, VHOST_SET_STATUS, status);
	if (ret < 0 || status != (VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_FEATURES_OK))
		return ret;
	ret = get_u64(vd, VHOST_GET_STATUS, &is);
	if (ret < 0 || (is & VIRTIO_STATUS_FEATURES_OK))
		return ret;
	return baton_err(ENOTSUP, "the backend at %s does not accept features %#llx of the %#llx it offered",
			 vd->vu.path, (unsigned long long)vd->features, (unsigned long long)vd->offered);
}

static int
bring_up(struct virtio_dev *vd, uint64_t features)
{
	const uint64_t ok = VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_FEATURES_OK;
	struct virtq *vq;
	unsigned i;
	int ret;

	features |= vd->offered & VHOST_F_PROTOCOL_FEATURES;
	ret = set_u64(vd, VHOST_SET_FEATURES, features);
	if (!ret)
		ret = set_status(vd, ok);
	if (!ret && (vd->vu.protocol & VHOST_PROTOCOL_F_NET_MTU) && vd->port.mtu_set)
		ret = set_u64(vd, VHOST_NET_SET_MTU, vd->port.info.mtu);
	if (ret < 0)
		return ret;
	vd->vu.knows_rings = 1;
	EACH_QUEUE(vd, vq, i) {
		ret = start_ring(vd, vq);
		if (ret < 0)
			return ret;
	}
	if (vd->offered & VHOST_F_PROTOCOL_FEATURES) {
		EACH_QUEUE(vd, vq, i) {
			ret = set_state(vd, VHOST_SET_VRING_ENABLE, vq->vring, 1);
			if (ret < 0)
				return ret;
		}
	}
	return set_status(vd, ok | VIRTIO_STATUS_DRIVER_OK);
}

/* Has the backend's process ended? Then nobody writes to our memory any more. */
static bool
process_gone(const struct vhost_user *vu, int wait_ms)
{
	struct pollfd p = { .fd = vu->pidfd, .events = POLLIN };

	return vu->pidfd >= 0 && poll(&p, 1, wait_ms) == 1;
}

/*
 * GET_VRING_BASE stops a ring and is answered when the backend has let go of it ("Starting and stopping rings"). Failing
 * that, only the end of its process is as good.
 */
static int
vu_stop(struct virtio_dev *vd)
{
	struct virtq *vq;
	unsigned i;
	int ret = 0;

	EACH_QUEUE(vd, vq, i) {
		struct vhost_msg msg = { .request = VHOST_GET_VRING_BASE, .size = sizeof(msg.p.state),
					 .p.state.index = vq->vring };

		if (!ret)
			ret = vhost_call(vd, &msg, sizeof(msg.p.state));
		if (!ret && msg.p.state.index != vq->vring) {
			vhost_disconnect(vd);
			ret = baton_err(EPROTO, "the backend at %s answered for ring %u, not %u",
					vd->vu.path, msg.p.state.index, vq->vring);
		}
		close_eventfds(vq);
	}
	if (!ret)
		set_status(vd, 0);
	if (ret < 0 && process_gone(&vd->vu, 100))
		ret = 0;
	return ret;
}

static int
vu_start(struct virtio_dev *vd, uint64_t features)
{
	int ret;

	vd->vu.knows_rings = 0;
	ret = bring_up(vd, features);
	if (ret < 0) {
		char why[512];

		snprintf(why, sizeof(why), "%s", baton_last_error());
		/* Before it was told of a ring it had nothing to let go of. */
		vd->unconfirmed = vu_stop(vd) < 0 && vd->vu.knows_rings;
		baton_err(-ret, "%s", why);
	}
	return ret;
}

const struct virtio_transport vhost_user_transport = {
	.open = vu_open,
	.close = vu_close,
	.map = vu_map,
	.start = vu_start,
	.stop = vu_stop,
};
