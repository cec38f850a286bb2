/* SPDX-License-Identifier: BSD-3-Clause */
/* What is said on the fakedev's socket: requests answered as the specification has it, or as a lie.
 */
#include "fakedev_private.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- replies ---- */

static void
send_part(struct fakedev *l, const void *bytes, size_t len, unsigned n_fds)
{
	union {
		char room[CMSG_SPACE(8 * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { (void *)(uintptr_t)bytes, len };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	int fds[8];

	if (n_fds) {
		struct cmsghdr *c;

		memset(&control, 0, sizeof(control));
		m.msg_control = &control;
		m.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		for (unsigned i = 0; i < n_fds; i++)
			fds[i] = l->wake;
		memcpy(CMSG_DATA(c), fds, n_fds * sizeof(int));
	}
	if (len && sendmsg(l->conn, &m, MSG_NOSIGNAL) < 0)
		l->drop = true;
}

/* Slow enough to show a timeout that is counted per byte; given up with the connection. */
static void
drip(struct fakedev *l, const struct wire_message *m, size_t total, uint64_t ms)
{
	const uint8_t *p = (const void *)&m->header;

	for (size_t i = 0; i < total && !l->drop && !l->stopping; i++) {
		send_part(l, p + i, 1, 0);
		fakedev_nap_ms(l, (unsigned)ms);
	}
}

static void
reply(struct fakedev *l, struct wire_message *m, unsigned request)
{
	enum fakedev_lie kind = l->lies[request].kind;
	uint64_t value = l->lies[request].value;
	size_t total;

	m->header.request = request;
	m->header.flags = WIRE_VERSION | WIRE_REPLY;
	total = sizeof(m->header) + m->header.size;
	switch (kind) {
	case FAKEDEV_VALUE:
		m->u.u64 = value;
		break;
	case FAKEDEV_NUM:
		m->u.state.num = (uint32_t)value;
		break;
	case FAKEDEV_SIZE:
		m->header.size = (uint32_t)value;
		total = sizeof(m->header) + (value > 512 ? 512 : (size_t)value);
		break;
	case FAKEDEV_SIZE_ONLY:
		m->header.size = (uint32_t)value;
		break;
	case FAKEDEV_REQUEST:
		m->header.request = (uint32_t)value;
		break;
	case FAKEDEV_FLAGS:
		m->header.flags = (uint32_t)value;
		break;
	case FAKEDEV_TRUNCATE:
	case FAKEDEV_CLOSE:
		total = value < total ? (size_t)value : total;
		break;
	case FAKEDEV_SILENT:
		return;
	case FAKEDEV_DRIP:
		drip(l, m, total, value);
		return;
	case FAKEDEV_MISSES:
	case FAKEDEV_STARVED:
		fakedev_miss_storm(l, value, kind == FAKEDEV_STARVED);
		break;
	case FAKEDEV_LATE:
		fakedev_nap_ms(l, (unsigned)value);
		if (l->drop || l->stopping)
			return;
		break;
	default:
		break;
	}
	send_part(l, &m->header, total, kind == FAKEDEV_FDS ? (unsigned)value : 0);
	if (kind == FAKEDEV_TWICE)
		send_part(l, &m->header, total, 0);
	if (kind == FAKEDEV_CLOSE)
		l->drop = true;
}

static void
reply_u64(struct fakedev *l, unsigned request, uint64_t value)
{
	struct wire_message m = { .header.size = 8, .u.u64 = value };

	reply(l, &m, request);
}

/* ---- requests ---- */

static struct fakedev_queue *
queue_of(struct fakedev *l, const struct wire_message *m, uint64_t index)
{
	if (index < FAKEDEV_QUEUES &&
	    (index < 2 * l->config.max_queues || index == fakedev_control_queue(l)))
		return &l->queue[index];
	fakedev_complain(l, "request %u for queue %llu", m->header.request,
			 (unsigned long long)index);
	return NULL;
}

static void
set_vring_fd(struct fakedev *l, const struct wire_message *m, int *fds, unsigned n)
{
	struct fakedev_queue *q = queue_of(l, m, m->u.u64 & WIRE_VRING_INDEX);
	bool none = m->u.u64 & WIRE_VRING_NOFD;
	int *slot;

	if (!q)
		return;
	if (none != (n == 0) || n > 1)
		fakedev_complain(l, "request %u: %u descriptors, bit 8 is %d", m->header.request, n,
				 none);
	if (m->header.request == WIRE_SET_VRING_ERR)
		return;
	if (m->header.request == WIRE_SET_VRING_KICK && q->kick >= 0)
		fakedev_complain(l, "queue %llu: a kick descriptor for a ring that runs",
				 (unsigned long long)(m->u.u64 & WIRE_VRING_INDEX));
	slot = m->header.request == WIRE_SET_VRING_KICK ? &q->kick : &q->call;
	fakedev_close_fd(slot);
	if (n) {
		*slot = fds[0];
		fds[0] = -1;
	}
}

/* "Ring states": a disabled ring that was started keeps its state. */
static void
set_enabled(struct fakedev *l, struct fakedev_queue *q, unsigned index, uint32_t on)
{
	if (!(l->features & FAKEDEV_F_PROTOCOL))
		fakedev_complain(l, "SET_VRING_ENABLE without protocol features");
	if (on > 1)
		fakedev_complain(l, "queue %u: enable is %u", index, on);
	if (on && index > FAKEDEV_TX && index != fakedev_control_queue(l) &&
	    !(l->features & FAKEDEV_F_MQ))
		fakedev_complain(l, "queue %u enabled without VIRTIO_NET_F_MQ", index);
	q->enabled = on;
}

static void
set_vring_state(struct fakedev *l, const struct wire_message *m)
{
	struct fakedev_queue *q = queue_of(l, m, m->u.state.index);
	uint32_t num = m->u.state.num;

	if (!q)
		return;
	if (m->header.request == WIRE_SET_VRING_ENABLE) {
		set_enabled(l, q, m->u.state.index, num);
		return;
	}
	if (q->kick >= 0)
		fakedev_complain(l, "request %u for queue %u, which runs", m->header.request,
				 m->u.state.index);
	q->mapped = false;
	if (m->header.request == WIRE_SET_VRING_NUM) {
		if (num == 0 || num > 32768 || (num & (num - 1)))
			fakedev_complain(l, "queue %u: size %u", m->u.state.index, num);
		q->num = num;
	} else {
		q->base = (uint16_t)num;
		q->has_base = true;
	}
}

static void
get_vring_base(struct fakedev *l, const struct wire_message *in)
{
	struct wire_message m = { .header.size = 8, .u.state = in->u.state };
	struct fakedev_queue *q = queue_of(l, in, in->u.state.index);

	if (q) {
		m.u.state.num = q->mapped ? q->next_avail : q->base;
		q->enabled = false;
		q->mapped = false;
		q->has_addr = false;
		q->has_base = false;
		fakedev_close_fd(&q->kick);
	}
	reply(l, &m, WIRE_GET_VRING_BASE);
}

static void
get_config(struct fakedev *l, const struct wire_message *in)
{
	/* struct virtio_net_config: mac, status, max_virtqueue_pairs, mtu. */
	struct wire_message m = { .header.size = in->header.size, .u.config = in->u.config };
	uint16_t fields[3] = { !l->link_down, (uint16_t)l->config.max_queues, l->config.mtu };
	uint8_t space[WIRE_CONFIG_MAX] = { 0 };
	uint32_t off = in->u.config.offset, size = in->u.config.size;

	memcpy(space, l->config.mac, 6);
	memcpy(space + 6, fields, sizeof(fields));
	space[17] = l->config.rss.key; /* behind speed and duplex */
	memcpy(space + 18, &l->config.rss.table, 2);
	memcpy(space + 20, &l->config.rss.types, 4);
	if (off > sizeof(space) || size > sizeof(space) - off) {
		fakedev_complain(l, "GET_CONFIG of %u bytes at %u", size, off);
		m.header.size = 0;
	} else {
		memcpy(m.u.config.bytes, space + off, size);
	}
	reply(l, &m, WIRE_GET_CONFIG);
}

/* Requests that have a reply of their own. Return: whether this was one. */
static bool
answer_get(struct fakedev *l, const struct wire_message *m)
{
	switch (m->header.request) {
	case WIRE_GET_FEATURES:
		reply_u64(l, WIRE_GET_FEATURES, l->config.features);
		return true;
	case WIRE_GET_PROTOCOL_FEATURES:
		reply_u64(l, WIRE_GET_PROTOCOL_FEATURES, l->config.protocol);
		return true;
	case WIRE_GET_QUEUE_NUM:
		reply_u64(l, WIRE_GET_QUEUE_NUM, l->config.max_queues);
		return true;
	case WIRE_GET_STATUS:
		reply_u64(l, WIRE_GET_STATUS, l->status);
		return true;
	case WIRE_GET_VRING_BASE:
		get_vring_base(l, m);
		return true;
	case WIRE_GET_CONFIG:
		get_config(l, m);
		return true;
	default:
		return false;
	}
}

static void
set_features(struct fakedev *l, uint64_t wanted)
{
	if (wanted & ~l->config.features)
		fakedev_complain(l, "features %#llx accepted that were not offered",
				 (unsigned long long)(wanted & ~l->config.features));
	if (!(wanted & FAKEDEV_F_VERSION_1))
		fakedev_complain(l, "VERSION_1 not accepted");
	l->features = wanted;
}

static void
handle_set(struct fakedev *l, const struct wire_message *m, int *fds, unsigned n)
{
	struct fakedev_queue *q;

	switch (m->header.request) {
	case WIRE_SET_FEATURES:
		set_features(l, m->u.u64);
		break;
	case WIRE_SET_PROTOCOL_FEATURES:
		if (m->u.u64 & ~l->config.protocol)
			fakedev_complain(l, "protocol features that were not offered");
		l->protocol = m->u.u64;
		break;
	case WIRE_SET_STATUS:
		l->status = m->u.u64;
		break;
	case WIRE_SET_MEM_TABLE:
		fakedev_mem_set(l, &m->u.mem, fds, n);
		break;
	case WIRE_SET_VRING_NUM:
	case WIRE_SET_VRING_BASE:
	case WIRE_SET_VRING_ENABLE:
		set_vring_state(l, m);
		break;
	case WIRE_SET_VRING_ADDR:
		q = queue_of(l, m, m->u.addr.index);
		if (q && q->kick >= 0)
			fakedev_complain(l, "SET_VRING_ADDR for queue %u, which runs",
					 m->u.addr.index);
		if (q) {
			q->addr = m->u.addr;
			q->has_addr = q->told = true;
			q->mapped = false;
		}
		break;
	case WIRE_SET_VRING_KICK:
	case WIRE_SET_VRING_CALL:
	case WIRE_SET_VRING_ERR:
		set_vring_fd(l, m, fds, n);
		break;
	case WIRE_SET_BACKEND_REQ_FD:
		fakedev_channel_set(l, fds, n);
		break;
	case WIRE_IOTLB_MSG:
		fakedev_iotlb_message(l, m);
		break;
	case WIRE_SET_OWNER:
	case WIRE_RESET_OWNER:
	case WIRE_RESET_DEVICE:
	case WIRE_NET_SET_MTU:
		break;
	default:
		fakedev_complain(l, "unknown request %u", m->header.request);
	}
}

static void
handle(struct fakedev *l, const struct wire_message *m, int *fds, unsigned n)
{
	unsigned request = m->header.request;

	if ((m->header.flags & WIRE_VERSION_MASK) != WIRE_VERSION || m->header.flags & WIRE_REPLY)
		fakedev_complain(l, "request %u with flags %#x", request, m->header.flags);
	if (request < WIRE_REQUESTS)
		l->requests[request]++;
	if (request < WIRE_REQUESTS && l->lies[request].kind == FAKEDEV_SLOW) {
		fakedev_nap_ms(l, (unsigned)l->lies[request].value);
		if (l->drop || l->stopping)
			return;
	}
	if (answer_get(l, m))
		return;
	handle_set(l, m, fds, n);
	/* The reply bit is the driver's to ask for once REPLY_ACK is agreed. */
	if (!(m->header.flags & WIRE_NEED_REPLY) || request >= WIRE_REQUESTS)
		return;
	if (!(l->protocol & FAKEDEV_P_REPLY_ACK))
		fakedev_complain(l, "request %u wants an ack that was not negotiated", request);
	else
		reply_u64(l, request, 0);
}

/* ---- receiving ---- */

static unsigned
take_fds(struct msghdr *h, int *fds)
{
	unsigned n = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(fds, CMSG_DATA(c), n * sizeof(int));
	}
	return n;
}

static bool
receive_rest(int fd, void *bytes, size_t len)
{
	return len == 0 || recv(fd, bytes, len, MSG_WAITALL) == (ssize_t)len;
}

/* One message. The driver sends whole messages, so blocking for the payload is short. */
void
fakedev_serve(struct fakedev *l)
{
	union {
		char room[CMSG_SPACE(WIRE_MAX_REGIONS * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct wire_message m;
	struct iovec iov = { &m.header, sizeof(m.header) };
	struct msghdr h = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	int fds[WIRE_MAX_REGIONS + 2];
	ssize_t got = recvmsg(l->conn, &h, MSG_CMSG_CLOEXEC);
	unsigned n = 0;

	memset(&m.u, 0, sizeof(m.u));
	if (got > 0)
		n = take_fds(&h, fds);
	if (got <= 0 || h.msg_flags & MSG_CTRUNC) {
		l->drop = true;
	} else if (got == sizeof(m.header) && m.header.request < WIRE_REQUESTS &&
		   l->lies[m.header.request].kind == FAKEDEV_HALF) {
		l->drop = true;
	} else if (!receive_rest(l->conn, (uint8_t *)&m.header + got,
				 sizeof(m.header) - (size_t)got) ||
		   m.header.size > sizeof(m.u) || !receive_rest(l->conn, &m.u, m.header.size)) {
		fakedev_complain(l, "request %u of %u bytes cut short or too long",
				 m.header.request, m.header.size);
		l->drop = true;
	} else {
		handle(l, &m, fds, n);
	}
	for (unsigned i = 0; i < n; i++)
		fakedev_close_fd(&fds[i]);
}
