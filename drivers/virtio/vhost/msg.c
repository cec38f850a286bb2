/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Send a message and receive its reply: sizes, codes and flags are checked, and every wait has a
 * limit.
 */
#include "virtio/vhost/msg.h"

#include <poll.h>

#include "base/limits.h"

#define PATIENCE_MS 500 /* of silence before the log says that Baton waits */

/* The feature that a request belongs to: without one, every backend must serve the request. */
static const struct {
	const char *name;
	uint64_t feature;
} requests[] = {
	[VHOST_GET_FEATURES] = { "GET_FEATURES", 0 },
	[VHOST_SET_FEATURES] = { "SET_FEATURES", 0 },
	[VHOST_SET_OWNER] = { "SET_OWNER", 0 },
	[VHOST_SET_MEM_TABLE] = { "SET_MEM_TABLE", 0 },
	[VHOST_SET_VRING_NUM] = { "SET_VRING_NUM", 0 },
	[VHOST_SET_VRING_ADDR] = { "SET_VRING_ADDR", 0 },
	[VHOST_SET_VRING_BASE] = { "SET_VRING_BASE", 0 },
	[VHOST_GET_VRING_BASE] = { "GET_VRING_BASE", 0 },
	[VHOST_SET_VRING_KICK] = { "SET_VRING_KICK", 0 },
	[VHOST_SET_VRING_CALL] = { "SET_VRING_CALL", 0 },
	[VHOST_GET_PROTOCOL_FEATURES] = { "GET_PROTOCOL_FEATURES", VHOST_PROTOCOL_ALL },
	[VHOST_SET_PROTOCOL_FEATURES] = { "SET_PROTOCOL_FEATURES", VHOST_PROTOCOL_ALL },
	[VHOST_GET_QUEUE_NUM] = { "GET_QUEUE_NUM", VHOST_PROTOCOL_F_MQ },
	[VHOST_SET_VRING_ENABLE] = { "SET_VRING_ENABLE", 0 },
	[VHOST_NET_SET_MTU] = { "NET_SET_MTU", VHOST_PROTOCOL_F_NET_MTU },
	[VHOST_SET_BACKEND_REQ_FD] = { "SET_BACKEND_REQ_FD", VHOST_PROTOCOL_F_BACKEND_REQ },
	[VHOST_IOTLB_MSG] = { "IOTLB_MSG", 0 },
	[VHOST_GET_CONFIG] = { "GET_CONFIG", VHOST_PROTOCOL_F_CONFIG },
	[VHOST_SET_STATUS] = { "SET_STATUS", VHOST_PROTOCOL_F_STATUS },
	[VHOST_GET_STATUS] = { "GET_STATUS", VHOST_PROTOCOL_F_STATUS },
};

static const char *
name_of(uint32_t request)
{
	return requests[request].name;
}

uint64_t
vhost_feature_of(uint32_t request)
{
	return requests[request].feature;
}

static int64_t
now_ms(void)
{
	return (int64_t)(ctx_now_ns() / 1000000);
}

int64_t
vhost_deadline(const struct vhost_dev *vd)
{
	return now_ms() + vd->virtio.timeout_ms;
}

/* Close the connection, which is out of step. */
static void
failed(struct vhost_dev *vd, uint32_t request)
{
	vd->vu.failed = request;
	vd->vu.failed_ack = vd->vu.in_ack;
	vhost_disconnect(vd);
}

/* The backend is not to blame where a system call of ours is forbidden. */
static int
forbidden(struct vhost_dev *vd, uint32_t request, const char *call, int e)
{
	failed(vd, request);
	return baton_err(e,
			 "%s is forbidden here (%s), so %s cannot be sent to %s: allow that system "
			 "call (seccomp)",
			 call, strerror(e), name_of(request), vd->virtio.where);
}

static int
connection_lost(struct vhost_dev *vd, uint32_t request, const char *call)
{
	int e = errno;

	if (limits_forbidden(e))
		return forbidden(vd, request, call, e);
	failed(vd, request);
	return baton_err(ECONNRESET, "%s hung up during %s%s%s: look at its log", vd->virtio.where,
			 name_of(request), e ? ": " : "", e ? strerror(e) : "");
}

static void
log_waiting(struct vhost_dev *vd, uint32_t request)
{
	if (!vd->vu.logged_waiting)
		port_log(&vd->virtio.nic.port, BATON_LOG_WARN, "waiting for %s to answer %s",
			 vd->virtio.where, name_of(request));
	vd->vu.logged_waiting = 1;
}

/*
 * Wait for the socket, and serve the backend's channel meanwhile. DPDK's data path writes to the
 * channel with the queue locked, and blocks if nobody reads. Its message handler waits for that
 * lock, or, in GET_VRING_BASE, for the data path to leave the device.
 */
static int
wait_for(struct vhost_dev *vd, short events, int64_t deadline, uint32_t request)
{
	int64_t left;

	do {
		struct pollfd p[2] = { { .fd = vd->vu.src.fd, .events = events },
				       { .fd = vd->vu.channel.src.fd, .events = POLLIN } };
		int n;

		left = deadline - now_ms();
		n = poll(p, 2, left < PATIENCE_MS ? (left > 0 ? (int)left : 0) : PATIENCE_MS);
		if (n < 0 && errno == EINTR && !vd->vu.open)
			return baton_err(EINTR, "interrupted while waiting for %s to answer %s",
					 vd->virtio.where, name_of(request));
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return forbidden(vd, request, "poll", errno);
		if (n > 0 && p[1].revents)
			vhost_channel_serve(vd, events == POLLIN ? deadline : 0);
		if (vd->vu.src.fd < 0) /* serving the channel closed the connection */
			return -ECONNRESET;
		if (n > 0 && p[0].revents)
			return 0;
		if (n == 0 && left > PATIENCE_MS)
			log_waiting(vd, request);
	} while (left > 0);
	failed(vd, request);
	return baton_err(ETIMEDOUT,
			 "%s did not %s %s within %u ms%s: is it stuck? (argument timeout=MS waits "
			 "longer)",
			 vd->virtio.where, events & POLLIN ? "answer" : "take", name_of(request),
			 vd->virtio.timeout_ms,
			 vd->vu.failed_ack ? ", though it agreed to acknowledge (REPLY_ACK)" : "");
}

int
vhost_check_connected(const struct vhost_dev *vd)
{
	if (vd->vu.src.fd >= 0)
		return 0;
	return baton_err(ECONNRESET, "%s is not connected", vd->virtio.where);
}

static int
transmit(struct vhost_dev *vd, const struct vhost_msg *msg, const int *fds, unsigned n_fds,
	 int64_t deadline)
{
	const uint8_t *at = (const uint8_t *)msg;
	size_t left = VHOST_HDR_SIZE + msg->size;
	int ret = vhost_check_connected(vd);

	if (ret < 0)
		return ret;
	while (left) {
		ssize_t n = sock_send(vd->vu.src.fd, at, left, fds, n_fds);

		if (n < 0 && errno == EAGAIN) {
			ret = wait_for(vd, POLLOUT, deadline, msg->request);
			if (ret < 0)
				return ret;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return connection_lost(vd, msg->request, "sendmsg");
		at += n;
		left -= (size_t)n;
		n_fds = 0; /* the descriptors were sent with the first byte */
	}
	return 0;
}

static int
receive(struct vhost_dev *vd, void *buf, size_t size, int64_t deadline, uint32_t request)
{
	size_t done = 0;

	while (done < size) {
		int ret = wait_for(vd, POLLIN, deadline, request);
		ssize_t n;

		if (ret < 0)
			return ret;
		n = sock_recv(vd->vu.src.fd, (char *)buf + done, size - done);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0) {
			errno = n ? errno : 0;
			return connection_lost(vd, request, "recvmsg");
		}
		done += (size_t)n;
	}
	return 0;
}

/* Receive a reply of @least to @most bytes. */
static int
get_reply(struct vhost_dev *vd, struct vhost_msg *msg, uint32_t least, uint32_t most,
	  int64_t deadline)
{
	const uint32_t request = msg->request;
	int ret;

	memset(msg, 0, sizeof(*msg));
	ret = receive(vd, msg, VHOST_HDR_SIZE, deadline, request);
	if (ret < 0)
		return ret;
	if (msg->request != request || (msg->flags & 3) != VHOST_VERSION ||
	    !(msg->flags & VHOST_REPLY) || msg->size < least || msg->size > most) {
		failed(vd, request);
		return baton_err(EPROTO,
				 "%s answered %s with request %u, flags %#x, %u bytes; a reply to "
				 "%u of %s%u bytes was due: is it a vhost-user backend?",
				 vd->virtio.where, name_of(request), msg->request, msg->flags,
				 msg->size, request, least < most ? "at most " : "", most);
	}
	return receive(vd, &msg->p, msg->size, deadline, request);
}

int
vhost_ask(struct vhost_dev *vd, struct vhost_msg *msg, int64_t deadline)
{
	msg->flags = VHOST_VERSION;
	return transmit(vd, msg, NULL, 0, deadline);
}

int
vhost_answer(struct vhost_dev *vd, struct vhost_msg *msg, uint32_t least, uint32_t most)
{
	return get_reply(vd, msg, least, most, vhost_deadline(vd));
}

int
vhost_call(struct vhost_dev *vd, struct vhost_msg *msg, uint32_t least, uint32_t most)
{
	int ret = vhost_ask(vd, msg, vhost_deadline(vd));

	return ret < 0 ? ret : vhost_answer(vd, msg, least, most);
}

int
vhost_send(struct vhost_dev *vd, struct vhost_msg *msg, const int *fds, unsigned n_fds)
{
	int64_t deadline = vhost_deadline(vd);
	bool ack = vd->vu.protocol & VHOST_PROTOCOL_F_REPLY_ACK;
	uint32_t request = msg->request;
	int ret;

	msg->flags = VHOST_VERSION | (ack ? VHOST_NEED_REPLY : 0);
	ret = transmit(vd, msg, fds, n_fds, deadline);
	if (ret < 0 || !ack)
		return ret;
	vd->vu.in_ack = 1;
	ret = get_reply(vd, msg, sizeof(uint64_t), sizeof(uint64_t), deadline);
	vd->vu.in_ack = 0;
	if (ret < 0 || !msg->p.u64)
		return ret;
	vd->vu.failed = request;
	vd->vu.failed_ack = 0;
	return baton_err(EREMOTEIO, "%s refused %s (it answered %llu): look at its log",
			 vd->virtio.where, name_of(request), (unsigned long long)msg->p.u64);
}

int
vhost_get_u64(struct vhost_dev *vd, uint32_t request, uint64_t *value)
{
	struct vhost_msg msg = { .request = request };
	int ret = vhost_call(vd, &msg, sizeof(msg.p.u64), sizeof(msg.p.u64));

	*value = msg.p.u64;
	return ret;
}

int
vhost_set_u64(struct vhost_dev *vd, uint32_t request, uint64_t value)
{
	struct vhost_msg msg = { .request = request, .size = sizeof(msg.p.u64), .p.u64 = value };

	return vhost_send(vd, &msg, NULL, 0);
}
