/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The connection to a vhost-user backend: made (sock/sock.h), watched, lost, and made again.
 *
 * The first connection is made while the port is opened, and waited for. Later ones are made by the
 * control thread in baton_ctx_poll(): a backend that came back is sent one question, and only when
 * it answers the rest is asked, so a backend that accepts and says nothing holds nobody up.
 */
#include <limits.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "virtio/vhost/msg.h"

#define RETRY_MS      5  /* between attempts to connect, at first */
#define RETRY_SLOW_MS 50 /* and after FAST_TRIES of them */
#define FAST_TRIES    1000
#define UNFIT_MS      250 /* after a backend that is not fit */
#define MS            1000000ull

/* For a reply: DPDK 22.11's vhost looks for its first connection only once a second. */
#define TIMEOUT_MS 1200
#define WAIT_MS    30000 /* server=1: for a backend to connect */

#define IOMMU_IF_OFFERED 2 /* iommu_platform= was not given */

DEFINE_CONTAINER(dev_of_source, struct vhost_dev, vu.src)
DEFINE_CONTAINER(dev_of_tick, struct vhost_dev, vu.tick)
DEFINE_CONTAINER(dev_of_listener, struct vhost_dev, vu.listener)

/* ---- the socket ---- */

static const struct sock_peer backends = {
	.name = "backend",
	.protocol = "vhost-user",
	.takes = "a vhost-user backend's socket, such as that of DPDK's (dpdk-testpmd "
		 "--vdev=net_vhost0,iface=SOCKET), Open vSwitch's or passt's",
	.start = { "start the vhost-user backend first (with DPDK: dpdk-testpmd "
		   "--vdev=net_vhost0,iface=",
		   ")" },
};

/* The kernel's vhost and vDPA have devices in place of sockets, whether they are there or not. */
static int
check_no_kernel(const char *path)
{
	const char *what = strstr(path, "vdpa")    ? "vDPA"
			   : strstr(path, "vsock") ? "vhost for sockets (vsock)"
						   : "vhost";
	char real[PATH_MAX];
	struct stat st;

	if (!stat(path, &st) && S_ISSOCK(st.st_mode))
		return 0;
	if (strncmp(path, "/dev/vhost-", 11) != 0 &&
	    (!realpath(path, real) || strncmp(real, "/dev/vhost-", 11) != 0))
		return 0;
	return baton_err(EINVAL,
			 "%s is the kernel's %s, which is not supported: path= takes %s; passt "
			 "--vhost-user -s SOCKET leads to the kernel's network",
			 path, what, backends.takes);
}

/* Take up the connection that was made, unless @ret is an error. Return: @ret. */
static int
connected(struct vhost_dev *vd, int ret)
{
	if (ret < 0)
		return ret;
	nic_peer_connected(&vd->virtio.nic, vd->vu.src.fd);
	vd->vu.protocol = 0;
	vd->vu.n_regions = 0;
	vd->vu.logged_waiting = 0;
	return 0;
}

/* ---- the control thread's part ---- */

static void on_socket(struct ctx_source *src, uint32_t events);

static int
watch(struct vhost_dev *vd)
{
	int ret = ctx_source_add(vd->virtio.nic.port.ctx, &vd->vu.src, EPOLLIN | EPOLLRDHUP);

	if (!ret)
		vd->vu.watched = 1;
	return ret;
}

int
vhost_connect(struct vhost_dev *vd)
{
	struct vhost_user *vu = &vd->vu;
	int ret;

	if (vu->state == VHOST_THERE)
		return 0;
	do {
		vhost_disconnect(vd);
		ret = connected(vd, vu->server ? sock_wait(&vu->sock, vu->listener.fd, vu->wait_ms,
							   &vu->src.fd)
					       : sock_connect(&vu->sock, false, &vu->src.fd));
		if (!ret)
			ret = vhost_handshake_begin(vd);
		if (!ret)
			ret = vhost_handshake_finish(vd);
	} while (ret < 0 && vhost_agree_on_less(vd, ret));
	if (!ret)
		ret = watch(vd);
	if (ret < 0) {
		vhost_disconnect(vd);
		return ret;
	}
	vu->state = VHOST_THERE;
	port_link(&vd->virtio.nic.port, vd->virtio.nic.link);
	return 0;
}

void
vhost_disconnect(struct vhost_dev *vd)
{
	struct vhost_user *vu = &vd->vu;

	if (vu->src.fd >= 0) {
		if (vu->watched)
			ctx_source_del(vd->virtio.nic.port.ctx, &vu->src);
		if (vd->virtio.nic.ring_base && !vu->peer.orphaned)
			nic_peer_orphan(&vd->virtio.nic, vu->src.fd);
		sock_close(&vu->sock, &vu->src.fd);
	}
	vu->watched = 0;
	vhost_channel_close(vd);
	vu->state = VHOST_AWAY;
	/* The rest is done later, not inside of the call that noticed. */
	if (vu->open)
		ctx_timer_set(vd->virtio.nic.port.ctx, &vu->tick, 0);
}

/* Disconnect, and go on after a pause. */
static void
disconnect_for(struct vhost_dev *vd, unsigned ms)
{
	vhost_disconnect(vd);
	ctx_timer_set(vd->virtio.nic.port.ctx, &vd->vu.tick, ms);
}

static unsigned
pause_ms(const struct vhost_user *vu)
{
	return vu->logged_unfit ? UNFIT_MS : vu->failures < FAST_TRIES ? RETRY_MS : RETRY_SLOW_MS;
}

/* The backend came back, but is not usable. Log it once; the attempts go on. */
static void
unfit(struct vhost_dev *vd)
{
	if (!vd->vu.logged_unfit)
		port_log(&vd->virtio.nic.port, BATON_LOG_ERR,
			 "the backend came back, but: %s; trying on", baton_last_error());
	vd->vu.logged_unfit = 1;
	vd->vu.failures++;
}

/* Is enough of the pools outside of quarantine? If it never will be, do not connect again. */
static bool
may_go_on(struct vhost_dev *vd)
{
	int ret = nic_peer_check(&vd->virtio.nic);

	if (ret == -ENOBUFS)
		vd->vu.reconnect = 0;
	return !ret;
}

/*
 * The backend is connected, and features are negotiated: set up the rings again, once the old ones
 * are empty.
 */
static void
come_back(struct vhost_dev *vd)
{
	struct baton_port *port = &vd->virtio.nic.port;
	struct vhost_user *vu = &vd->vu;

	if (!port->away || port->leaving) {
		port_link(port, vd->virtio.nic.link);
		return;
	}
	if (!port_is_empty(port)) {
		ctx_timer_set(port->ctx, &vu->tick, 1);
		return;
	}
	if (!may_go_on(vd)) {
		disconnect_for(vd, UNFIT_MS);
		return;
	}
	if (nic_bring_up(&vd->virtio.nic) < 0) {
		unfit(vd);
		disconnect_for(vd, UNFIT_MS);
		return;
	}
	vu->reconnects++;
	vu->failures = vu->logged_unfit = 0;
	port_log(port, BATON_LOG_INFO, "%s is back", vd->virtio.where);
	port_link(port, vd->virtio.nic.link);
	port_back(port);
}

/* Send one request; on_socket() receives the answer. */
static void
handshake(struct vhost_dev *vd)
{
	struct vhost_user *vu = &vd->vu;

	if (vhost_handshake_begin(vd) < 0 || watch(vd) < 0) {
		/* It hung up at once: the next try is after a pause, as after a refused one. */
		vu->failures++;
		disconnect_for(vd, pause_ms(vu));
		return;
	}
	vu->state = VHOST_HANDSHAKE;
	vu->deadline_ns = ctx_now_ns() + vd->virtio.timeout_ms * MS;
	ctx_timer_set(vd->virtio.nic.port.ctx, &vu->tick, vd->virtio.timeout_ms + 1);
}

static void
on_tick(struct ctx_timer *timer)
{
	struct vhost_dev *vd = dev_of_tick(timer);
	struct vhost_user *vu = &vd->vu;
	int ret;

	switch (vu->state) {
	case VHOST_AWAY:
		port_lost(&vd->virtio.nic.port, !vu->reconnect);
		if (!vu->reconnect || vu->server)
			return; /* on_listener() goes on */
		if (port_is_empty(&vd->virtio.nic.port) && !may_go_on(vd)) {
			ctx_timer_set(vd->virtio.nic.port.ctx, timer, UNFIT_MS);
			return;
		}
		ret = connected(vd, sock_connect(&vu->sock, true, &vu->src.fd));
		if (!ret) {
			handshake(vd);
			return;
		}
		if (ret == -ENOENT)
			vu->failures++;
		else
			unfit(vd);
		ctx_timer_set(vd->virtio.nic.port.ctx, timer, pause_ms(vu));
		return;
	case VHOST_HANDSHAKE:
		if (ctx_now_ns() < vu->deadline_ns) {
			ctx_timer_set(vd->virtio.nic.port.ctx, timer, 10);
			return;
		}
		baton_err(ETIMEDOUT, "it does not answer within %u ms", vd->virtio.timeout_ms);
		unfit(vd);
		vhost_disconnect(vd);
		return;
	case VHOST_THERE:
		come_back(vd);
		return;
	}
}

/* The first answer arrived: negotiate the rest. */
static void
on_first_answer(struct vhost_dev *vd)
{
	struct vhost_user *vu = &vd->vu;
	int ret = vhost_handshake_finish(vd);

	if (ret < 0) {
		/* One that hangs up at once is on its way out, or not quite there. */
		if (vhost_agree_on_less(vd, ret) || ret == -ECONNRESET)
			vu->failures++;
		else
			unfit(vd);
		disconnect_for(vd, pause_ms(vu));
		return;
	}
	vu->state = VHOST_THERE;
	ctx_timer_cancel(vd->virtio.nic.port.ctx, &vu->tick);
	come_back(vd);
}

/*
 * The socket is readable without a request: an answer to the first request, a hang-up, or an
 * unexpected message.
 */
static void
on_socket(struct ctx_source *src, uint32_t events)
{
	struct vhost_dev *vd = dev_of_source(src);
	char byte;
	ssize_t n = recv(src->fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0 && vd->vu.state == VHOST_HANDSHAKE) {
		on_first_answer(vd);
		return;
	}
	if (vd->vu.state == VHOST_THERE)
		port_log(&vd->virtio.nic.port, BATON_LOG_WARN, "%s %s: link down", vd->virtio.where,
			 n > 0 ? "sent an unexpected message" : "hung up");
	else
		vd->vu.failures++;
	vhost_disconnect(vd);
	if (vd->vu.failures)
		ctx_timer_set(vd->virtio.nic.port.ctx, &vd->vu.tick, pause_ms(&vd->vu));
}

static void
on_listener(struct ctx_source *src, uint32_t events)
{
	struct vhost_dev *vd = dev_of_listener(src);
	char byte;
	int fd;

	/* A restarted backend may connect before the end of the former one is noticed. */
	if (vd->vu.src.fd >= 0 && recv(vd->vu.src.fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0)
		on_socket(&vd->vu.src, EPOLLIN);
	if (vd->vu.state == VHOST_AWAY && (vd->vu.reconnect || !vd->vu.open)) {
		if (vd->vu.open)
			port_lost(&vd->virtio.nic.port, false);
		if (!connected(vd, sock_accept(&vd->vu.sock, src->fd, &vd->vu.src.fd)))
			handshake(vd);
		return;
	}
	if (sock_accept(&vd->vu.sock, src->fd, &fd) < 0)
		return;
	close(fd);
	port_log(&vd->virtio.nic.port, BATON_LOG_WARN, "a second backend connected to %s: refused",
		 vd->vu.sock.path);
}

/* ---- the transport's life ---- */

void
vhost_close(struct nic_dev *dev)
{
	struct vhost_dev *vd = vhost_of(dev);
	struct vhost_user *vu = &vd->vu;

	vu->open = 0;
	vhost_disconnect(vd);
	ctx_timer_cancel(vd->virtio.nic.port.ctx, &vu->tick);
	if (vu->listener.fd >= 0) {
		ctx_source_del(vd->virtio.nic.port.ctx, &vu->listener);
		close(vu->listener.fd);
		vu->listener.fd = -1;
		sock_remove(&vu->sock);
	}
	nic_peer_close(dev);
	sock_unlock(&vu->sock);
	vhost_drop_space(vd);
}

/* A backend's own socket has the mode that the backend gave it. */
static int
parse_access(struct vhost_dev *vd, const struct port_arg *args, unsigned n)
{
	static const char *const names[] = { "socket-mode", "socket-group", "socket-owner" };

	for (unsigned i = 0; i < 3 && !vd->vu.server; i++)
		if (port_arg(args, n, names[i]))
			return baton_err(EINVAL,
					 "argument %s= is for the socket that server=1 makes; a "
					 "backend's own socket has the mode that the backend gave "
					 "it",
					 names[i]);
	return sock_set_access(&vd->vu.sock, port_arg(args, n, names[0]),
			       port_arg(args, n, names[1]), port_arg(args, n, names[2]));
}

int
vhost_check(struct nic_dev *dev, const struct port_arg *args, unsigned n)
{
	struct vhost_dev *vd = vhost_of(dev);
	struct vhost_user *vu = &vd->vu;
	uint64_t timeout = TIMEOUT_MS, wait = WAIT_MS, server = 0, reconnect = 1,
		 iommu = IOMMU_IF_OFFERED;
	int ret;

	sock_init(&vu->sock, vd->virtio.nic.port.ctx, vd->virtio.nic.port.name, &backends);
	ret = sock_set_path(&vu->sock, port_arg(args, n, "path"));
	if (ret < 0)
		return ret;
	snprintf(vd->virtio.where, sizeof(vd->virtio.where), "the backend at %.108s",
		 vu->sock.path);
	if ((ret = port_arg_uint(args, n, "timeout", 1, 600000, &timeout)) < 0 ||
	    (ret = port_arg_uint(args, n, "wait", 1, 86400000, &wait)) < 0 ||
	    (ret = port_arg_uint(args, n, "server", 0, 1, &server)) < 0 ||
	    (ret = port_arg_uint(args, n, "reconnect", 0, 1, &reconnect)) < 0 ||
	    (port_arg(args, n, "iommu_platform") &&
	     (ret = port_arg_uint(args, n, "iommu_platform", 0, 1, &iommu)) < 0))
		return ret;
	ret = nic_peer_init(dev, &vu->peer, vd->virtio.where, args, n);
	if (ret < 0)
		return ret;
	vd->virtio.timeout_ms = (uint32_t)timeout;
	vu->wait_ms = (uint32_t)wait;
	vu->server = (uint8_t)server;
	vu->reconnect = (uint8_t)reconnect;
	vu->iommu_platform = (uint8_t)iommu;
	return parse_access(vd, args, n);
}

int
vhost_open(struct nic_dev *dev, const struct port_arg *args, unsigned n)
{
	struct vhost_dev *vd = vhost_of(dev);
	struct vhost_user *vu = &vd->vu;
	int ret;

	vu->src.fd = vu->channel.src.fd = vu->listener.fd = -1;
	vu->src.ready = on_socket;
	vu->listener.ready = on_listener;
	vu->tick.due = on_tick;
	ret = vhost_check(dev, args, n);
	if (!ret)
		ret = check_no_kernel(vu->sock.path);
	if (!ret)
		ret = vu->server ? sock_look_server(&vu->sock) : sock_look(&vu->sock);
	if (!ret)
		ret = vhost_renew_space(dev);
	if (!ret)
		ret = sock_lock(&vu->sock);
	if (!ret && vu->server)
		ret = sock_listen(&vu->sock, &vu->listener.fd);
	if (!ret)
		ret = vhost_connect(vd);
	if (!ret && vu->server)
		ret = ctx_source_add(vd->virtio.nic.port.ctx, &vu->listener, EPOLLIN);
	if (ret < 0) {
		vhost_close(dev);
		return ret;
	}
	vd->virtio.transport_features =
		vu->protocol & VHOST_PROTOCOL_F_BACKEND_REQ ? VIRTIO_F_ACCESS_PLATFORM : 0;
	vu->open = 1;
	return 0;
}

int
vhost_reset(struct nic_dev *dev)
{
	struct vhost_dev *vd = vhost_of(dev);

	vhost_disconnect(vd);
	vd->vu.failures = vd->vu.logged_unfit = 0;
	return vhost_connect(vd);
}
