/* SPDX-License-Identifier: BSD-3-Clause */
/* The liar's socket: vhost-user answered by its own thread, with lies on demand. */
#include "liar_private.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static void
close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void
nap_ms(unsigned ms)
{
	struct timespec t = { ms / 1000, (long)(ms % 1000) * 1000000 };

	nanosleep(&t, NULL);
}

void
liar_complain(struct liar *l, const char *fmt, ...)
{
	va_list ap;

	if (l->error[0])
		return;
	va_start(ap, fmt);
	vsnprintf(l->error, sizeof(l->error), fmt, ap);
	va_end(ap);
}

static void
disconnect(struct liar *l)
{
	close_fd(&l->conn);
	for (unsigned i = 0; i < LIAR_QUEUES; i++) {
		close_fd(&l->queue[i].kick);
		close_fd(&l->queue[i].call);
		memset(&l->queue[i], 0, sizeof(l->queue[i]));
		l->queue[i].kick = l->queue[i].call = -1;
	}
	liar_mem_clear(l);
	l->features = 0;
	l->protocol = 0;
	l->status = 0;
	l->drop = false;
}

/* ---- replies ---- */

static void
send_part(struct liar *l, const void *bytes, size_t len, unsigned n_fds)
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
drip(struct liar *l, const struct wire_message *m, size_t total, uint64_t ms)
{
	const uint8_t *p = (const void *)&m->header;

	for (size_t i = 0; i < total && !l->drop && !l->stopping; i++) {
		send_part(l, p + i, 1, 0);
		pthread_mutex_unlock(&l->lock);
		nap_ms((unsigned)ms);
		pthread_mutex_lock(&l->lock);
	}
}

static void
reply(struct liar *l, struct wire_message *m, unsigned request)
{
	enum liar_lie kind = l->lies[request].kind;
	uint64_t value = l->lies[request].value;
	size_t total;

	m->header.request = request;
	m->header.flags = WIRE_VERSION | WIRE_REPLY;
	total = sizeof(m->header) + m->header.size;
	switch (kind) {
	case LIAR_VALUE:
		m->u.u64 = value;
		break;
	case LIAR_NUM:
		m->u.state.num = (uint32_t)value;
		break;
	case LIAR_SIZE:
		m->header.size = (uint32_t)value;
		total = sizeof(m->header) + (value > 512 ? 512 : (size_t)value);
		break;
	case LIAR_SIZE_ONLY:
		m->header.size = (uint32_t)value;
		break;
	case LIAR_REQUEST:
		m->header.request = (uint32_t)value;
		break;
	case LIAR_FLAGS:
		m->header.flags = (uint32_t)value;
		break;
	case LIAR_TRUNCATE:
	case LIAR_CLOSE:
		total = value < total ? (size_t)value : total;
		break;
	case LIAR_SILENT:
		return;
	case LIAR_DRIP:
		drip(l, m, total, value);
		return;
	default:
		break;
	}
	send_part(l, &m->header, total, kind == LIAR_FDS ? (unsigned)value : 0);
	if (kind == LIAR_TWICE)
		send_part(l, &m->header, total, 0);
	if (kind == LIAR_CLOSE)
		l->drop = true;
}

static void
reply_u64(struct liar *l, unsigned request, uint64_t value)
{
	struct wire_message m = { .header.size = 8, .u.u64 = value };

	reply(l, &m, request);
}

/* ---- requests ---- */

static struct liar_queue *
queue_of(struct liar *l, const struct wire_message *m, uint64_t index)
{
	if (index < LIAR_QUEUES)
		return &l->queue[index];
	liar_complain(l, "request %u for queue %llu", m->header.request, (unsigned long long)index);
	return NULL;
}

static void
set_vring_fd(struct liar *l, const struct wire_message *m, int *fds, unsigned n)
{
	struct liar_queue *q = queue_of(l, m, m->u.u64 & WIRE_VRING_INDEX);
	bool none = m->u.u64 & WIRE_VRING_NOFD;
	int *slot;

	if (!q)
		return;
	if (none != (n == 0) || n > 1)
		liar_complain(l, "request %u: %u descriptors, bit 8 is %d", m->header.request, n,
			      none);
	if (m->header.request == WIRE_SET_VRING_ERR)
		return;
	slot = m->header.request == WIRE_SET_VRING_KICK ? &q->kick : &q->call;
	close_fd(slot);
	if (n) {
		*slot = fds[0];
		fds[0] = -1;
	}
}

static void
set_vring_state(struct liar *l, const struct wire_message *m)
{
	struct liar_queue *q = queue_of(l, m, m->u.state.index);
	uint32_t num = m->u.state.num;

	if (!q)
		return;
	if (m->header.request == WIRE_SET_VRING_ENABLE) {
		q->enabled = num;
		return;
	}
	q->mapped = false;
	if (m->header.request == WIRE_SET_VRING_NUM) {
		if (num == 0 || num > 32768 || (num & (num - 1)))
			liar_complain(l, "queue %u: size %u", m->u.state.index, num);
		q->num = num;
	} else {
		q->base = (uint16_t)num;
	}
}

static void
get_vring_base(struct liar *l, const struct wire_message *in)
{
	struct wire_message m = { .header.size = 8, .u.state = in->u.state };
	struct liar_queue *q = queue_of(l, in, in->u.state.index);

	if (q) {
		m.u.state.num = q->mapped ? q->next_avail : q->base;
		q->enabled = false;
		q->mapped = false;
		q->has_addr = false;
		close_fd(&q->kick);
	}
	reply(l, &m, WIRE_GET_VRING_BASE);
}

static void
get_config(struct liar *l, const struct wire_message *in)
{
	/* struct virtio_net_config: mac, status, max_virtqueue_pairs, mtu. */
	struct wire_message m = { .header.size = in->header.size, .u.config = in->u.config };
	uint16_t fields[3] = { 1, (uint16_t)l->config.max_queues, l->config.mtu };
	uint8_t space[WIRE_CONFIG_MAX] = { 0 };
	uint32_t off = in->u.config.offset, size = in->u.config.size;

	memcpy(space, l->config.mac, 6);
	memcpy(space + 6, fields, sizeof(fields));
	if (off > sizeof(space) || size > sizeof(space) - off) {
		liar_complain(l, "GET_CONFIG of %u bytes at %u", size, off);
		m.header.size = 0;
	} else {
		memcpy(m.u.config.bytes, space + off, size);
	}
	reply(l, &m, WIRE_GET_CONFIG);
}

/* Requests that have a reply of their own. Return: whether this was one. */
static bool
answer_get(struct liar *l, const struct wire_message *m)
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
set_features(struct liar *l, uint64_t wanted)
{
	if (wanted & ~l->config.features)
		liar_complain(l, "features %#llx accepted that were not offered",
			      (unsigned long long)(wanted & ~l->config.features));
	if (!(wanted & LIAR_F_VERSION_1))
		liar_complain(l, "VERSION_1 not accepted");
	l->features = wanted;
}

static void
handle_set(struct liar *l, const struct wire_message *m, int *fds, unsigned n)
{
	struct liar_queue *q;

	switch (m->header.request) {
	case WIRE_SET_FEATURES:
		set_features(l, m->u.u64);
		break;
	case WIRE_SET_PROTOCOL_FEATURES:
		if (m->u.u64 & ~l->config.protocol)
			liar_complain(l, "protocol features that were not offered");
		l->protocol = m->u.u64;
		break;
	case WIRE_SET_STATUS:
		l->status = m->u.u64;
		break;
	case WIRE_SET_MEM_TABLE:
		liar_mem_set(l, &m->u.mem, fds, n);
		break;
	case WIRE_SET_VRING_NUM:
	case WIRE_SET_VRING_BASE:
	case WIRE_SET_VRING_ENABLE:
		set_vring_state(l, m);
		break;
	case WIRE_SET_VRING_ADDR:
		q = queue_of(l, m, m->u.addr.index);
		if (q) {
			q->addr = m->u.addr;
			q->has_addr = true;
			q->mapped = false;
		}
		break;
	case WIRE_SET_VRING_KICK:
	case WIRE_SET_VRING_CALL:
	case WIRE_SET_VRING_ERR:
		set_vring_fd(l, m, fds, n);
		break;
	case WIRE_SET_OWNER:
	case WIRE_RESET_OWNER:
	case WIRE_RESET_DEVICE:
	case WIRE_NET_SET_MTU:
		break;
	default:
		liar_complain(l, "unknown request %u", m->header.request);
	}
}

static void
handle(struct liar *l, const struct wire_message *m, int *fds, unsigned n)
{
	unsigned request = m->header.request;

	if ((m->header.flags & WIRE_VERSION_MASK) != WIRE_VERSION || m->header.flags & WIRE_REPLY)
		liar_complain(l, "request %u with flags %#x", request, m->header.flags);
	if (request < WIRE_REQUESTS)
		l->requests[request]++;
	if (answer_get(l, m))
		return;
	handle_set(l, m, fds, n);
	/* The reply bit is the driver's to ask for once REPLY_ACK is agreed. */
	if (!(m->header.flags & WIRE_NEED_REPLY) || request >= WIRE_REQUESTS)
		return;
	if (!(l->protocol & LIAR_P_REPLY_ACK))
		liar_complain(l, "request %u wants an ack that was not negotiated", request);
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
static void
serve(struct liar *l)
{
	union {
		char room[CMSG_SPACE(WIRE_MAX_REGIONS * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct wire_message m;
	struct iovec iov = { &m.header, sizeof(m.header) };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	int fds[WIRE_MAX_REGIONS + 2];
	ssize_t got = recvmsg(l->conn, &h, MSG_CMSG_CLOEXEC);
	unsigned n = 0;

	memset(&m.u, 0, sizeof(m.u));
	if (got > 0)
		n = take_fds(&h, fds);
	if (got <= 0 || h.msg_flags & MSG_CTRUNC) {
		l->drop = true;
	} else if (!receive_rest(l->conn, (uint8_t *)&m.header + got, sizeof(m.header) - (size_t)got) ||
		   m.header.size > sizeof(m.u) ||
		   !receive_rest(l->conn, &m.u, m.header.size)) {
		liar_complain(l, "request %u of %u bytes cut short or too long", m.header.request,
			      m.header.size);
		l->drop = true;
	} else {
		handle(l, &m, fds, n);
	}
	for (unsigned i = 0; i < n; i++)
		close_fd(&fds[i]);
}

static void *
run(void *arg)
{
	struct liar *l = arg;

	pthread_mutex_lock(&l->lock);
	while (!l->stopping) {
		struct pollfd p[2] = { { l->wake, POLLIN, 0 },
				       { l->conn >= 0 ? l->conn : l->listener, POLLIN, 0 } };
		bool deaf = l->conn < 0 && l->config.deaf;
		uint64_t drain;

		pthread_mutex_unlock(&l->lock);
		poll(p, deaf ? 1 : 2, -1);
		pthread_mutex_lock(&l->lock);
		if (p[0].revents && read(l->wake, &drain, sizeof(drain)) < 0)
			liar_complain(l, "the liar cannot read its own eventfd");
		if (l->stopping || deaf) {
			;
		} else if (l->conn >= 0 && p[1].revents && !l->drop) {
			serve(l);
		} else if (l->conn < 0 && p[1].revents) {
			l->conn = accept4(l->listener, NULL, NULL, SOCK_CLOEXEC);
			if (l->conn < 0) { /* out of descriptors: not in a busy loop */
				pthread_mutex_unlock(&l->lock);
				nap_ms(5);
				pthread_mutex_lock(&l->lock);
			}
		}
		if (l->drop)
			disconnect(l);
	}
	disconnect(l);
	pthread_mutex_unlock(&l->lock);
	return NULL;
}

/* ---- what tests call ---- */

static int
listen_at(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	if (fd >= 0 &&
	    (bind(fd, (const struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 4) < 0))
		close_fd(&fd);
	return fd;
}

struct liar *
liar_start(const struct liar_config *config)
{
	struct liar *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->config = *config;
	l->config.features = config->features ? config->features : LIAR_FEATURES;
	l->config.protocol = config->protocol ? config->protocol : LIAR_PROTOCOL;
	l->config.max_queues = config->max_queues ? config->max_queues : 1;
	l->config.mtu = config->mtu ? config->mtu : 1500;
	snprintf(l->path, sizeof(l->path), "%s", config->path);
	l->conn = -1;
	for (unsigned i = 0; i < LIAR_QUEUES; i++)
		l->queue[i].kick = l->queue[i].call = -1;
	pthread_mutex_init(&l->lock, NULL);
	l->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	l->listener = listen_at(l->path);
	if (l->wake < 0 || l->listener < 0 || pthread_create(&l->thread, NULL, run, l)) {
		close_fd(&l->wake);
		close_fd(&l->listener);
		free(l);
		return NULL;
	}
	return l;
}

static void
poke(struct liar *l)
{
	uint64_t one = 1;

	if (write(l->wake, &one, sizeof(one)) != sizeof(one))
		abort();
}

void
liar_stop(struct liar *l)
{
	if (!l)
		return;
	pthread_mutex_lock(&l->lock);
	l->stopping = true;
	pthread_mutex_unlock(&l->lock);
	poke(l);
	pthread_join(l->thread, NULL);
	close_fd(&l->listener);
	close_fd(&l->wake);
	unlink(l->path);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

void
liar_lie(struct liar *l, enum wire_request request, enum liar_lie lie, uint64_t value)
{
	pthread_mutex_lock(&l->lock);
	l->lies[request].kind = lie;
	l->lies[request].value = value;
	pthread_mutex_unlock(&l->lock);
}

unsigned
liar_requests(struct liar *l, enum wire_request request)
{
	unsigned n;

	pthread_mutex_lock(&l->lock);
	n = l->requests[request];
	pthread_mutex_unlock(&l->lock);
	return n;
}

bool
liar_wait_disconnected(struct liar *l)
{
	for (unsigned ms = 0; ms < 1000; ms++) {
		bool gone;

		pthread_mutex_lock(&l->lock);
		gone = l->conn < 0;
		pthread_mutex_unlock(&l->lock);
		if (gone)
			return true;
		nap_ms(1);
	}
	return false;
}

void
liar_hang_up(struct liar *l)
{
	pthread_mutex_lock(&l->lock);
	l->drop = l->conn >= 0;
	pthread_mutex_unlock(&l->lock);
	poke(l);
	liar_wait_disconnected(l);
}

uint64_t
liar_features(struct liar *l)
{
	uint64_t f;

	pthread_mutex_lock(&l->lock);
	f = l->features;
	pthread_mutex_unlock(&l->lock);
	return f;
}

const char *
liar_driver_error(struct liar *l)
{
	pthread_mutex_lock(&l->lock);
	pthread_mutex_unlock(&l->lock);
	return l->error;
}
