/* SPDX-License-Identifier: BSD-3-Clause */
/* The free backend: its sockets (QEMU docs/interop/vhost-user.rst) and its two data path functions.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "backend.h"

#define F_MRG_RXBUF         (1ull << 15)
#define F_PROTOCOL_FEATURES (1ull << 30)
#define F_VERSION_1         (1ull << 32)
#define F_IN_ORDER          (1ull << 35)
#define FEATURES            (F_MRG_RXBUF | F_PROTOCOL_FEATURES | F_VERSION_1 | F_IN_ORDER)

#define PROTOCOL_MQ        (1ull << 0)
#define PROTOCOL_REPLY_ACK (1ull << 3)

#define NET_HDR_LEN    12u
#define USED_NO_NOTIFY 1u
#define MAX_BACKENDS   32

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

double
cycles_hz(void)
{
	uint64_t t0 = now_ns(), c0 = cycles_now(), t1, c1;

	do {
		t1 = now_ns();
		c1 = cycles_now();
	} while (t1 - t0 < 50000000);
	return (double)(c1 - c0) * 1e9 / (double)(t1 - t0);
}

/* ---- data path ---- */

uint8_t *
backend_at(const struct backend *b, uint64_t addr)
{
	for (unsigned i = 0; i < b->n_regions; i++)
		if (addr - b->region[i].guest < b->region[i].size)
			return b->region[i].base + (addr - b->region[i].guest);
	return NULL;
}

static void
mark_buffers(struct backend *b, uint64_t addr, unsigned n)
{
	struct wire_net_header *h = (void *)backend_at(b, addr);

	if (h)
		__atomic_store_n(&h->num_buffers, (uint16_t)n, __ATOMIC_RELAXED);
}

static unsigned
recycle(struct backend_ring *r, unsigned max, uint32_t len, struct backend *mark)
{
	uint16_t avail = __atomic_load_n(&r->avail->idx, __ATOMIC_ACQUIRE);
	unsigned n = (uint16_t)(avail - r->next);
	const uint32_t mask = r->mask;

	if (n > max)
		n = max;
	if (!n)
		return 0;
	for (unsigned i = 0; i < n; i++) {
		const uint32_t pos = (r->next + i) & mask, id = r->avail->ring[pos] & mask;

		if (mark)
			mark_buffers(mark, r->desc[id].addr, 1);
		r->used->ring[pos] = (struct wire_used_elem){ .id = id, .len = len };
	}
	r->next = (uint16_t)(r->next + n);
	r->packets += n;
	__atomic_store_n(&r->used->idx, r->next, __ATOMIC_RELEASE);
	return n;
}

unsigned
backend_receive(struct backend *b, unsigned max)
{
	return recycle(&b->ring[BACKEND_RX], max, b->rx_len, b->mergeable ? b : NULL);
}

unsigned
backend_receive_long(struct backend *b, unsigned packets)
{
	struct backend_ring *r = &b->ring[BACKEND_RX];
	const uint32_t mask = r->mask;
	unsigned n = 0;

	for (; packets; packets--) {
		const uint16_t free_ =
			(uint16_t)(__atomic_load_n(&r->avail->idx, __ATOMIC_ACQUIRE) - r->next);
		const uint16_t first = r->avail->ring[r->next & mask] & mask;
		uint16_t segs = 0;

		for (uint32_t left = b->rx_len; left; segs++) {
			const uint32_t pos = (r->next + segs) & mask,
				       id = r->avail->ring[pos] & mask;
			const uint32_t len = left < r->desc[id].len ? left : r->desc[id].len;

			if (segs == free_)
				return n;
			r->used->ring[pos] = (struct wire_used_elem){ .id = id, .len = len };
			left -= len;
		}
		mark_buffers(b, r->desc[first].addr, segs);
		r->next = (uint16_t)(r->next + segs);
		r->packets++;
		n++;
		__atomic_store_n(&r->used->idx, r->next, __ATOMIC_RELEASE);
	}
	return n;
}

unsigned
backend_transmit(struct backend *b)
{
	unsigned n = recycle(&b->ring[BACKEND_TX], UINT16_MAX, 0, NULL);

	if (__builtin_expect(n && !b->first_tx_ns, 0)) {
		b->first_tx_tsc = cycles_now();
		b->first_tx_ns = now_ns();
	}
	return n;
}

/* ---- control ---- */

static void
unmap_all(struct backend *b)
{
	for (unsigned i = 0; i < b->n_regions; i++)
		if (b->region[i].map)
			munmap(b->region[i].map, b->region[i].map_bytes);
	b->n_regions = 0;
}

static void
stop(struct backend *b)
{
	__atomic_store_n(&b->running, false, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < BACKEND_RINGS; i++)
		b->ring[i].kick = b->ring[i].up = false;
}

static void
hang_up(struct backend *b)
{
	stop(b);
	unmap_all(b);
	if (b->fd >= 0)
		close(b->fd);
	b->fd = -1;
	b->protocol = 0;
}

static int
set_mem_table(struct backend *b, const struct wire_mem_table *t, const int *fds, unsigned n_fds)
{
	stop(b);
	unmap_all(b);
	if (t->n > WIRE_MAX_REGIONS || t->n > n_fds)
		return -1;
	for (unsigned i = 0; i < t->n; i++) {
		struct backend_region *r = &b->region[i];

		*r = (struct backend_region){ .guest = t->region[i].guest,
					      .size = t->region[i].size,
					      .user = t->region[i].user };
		r->base = (uint8_t *)(uintptr_t)r->user;
		/* Baton's name for the rings' memory is none of its addresses. */
		if (!b->direct || r->user >> 47) {
			r->map_bytes = r->size + t->region[i].mmap_offset;
			r->map = mmap(NULL, r->map_bytes, PROT_READ | PROT_WRITE,
				      MAP_SHARED | MAP_POPULATE, fds[i], 0);
			if (r->map == MAP_FAILED)
				return -1;
			r->base = (uint8_t *)r->map + t->region[i].mmap_offset;
		}
		b->n_regions = i + 1;
	}
	return 0;
}

static void *
ours(const struct backend *b, uint64_t user)
{
	for (unsigned i = 0; i < b->n_regions; i++)
		if (user - b->region[i].user < b->region[i].size)
			return b->region[i].base + (user - b->region[i].user);
	return NULL;
}

/* A ring is up with its kick descriptor; the port runs when both are ("Starting and stopping
 * rings"). */
static void
start_ring(struct backend *b, unsigned index)
{
	struct backend_ring *r = &b->ring[index];

	r->kick = true;
	r->desc = ours(b, r->desc_user);
	r->avail = ours(b, r->avail_user);
	r->used = ours(b, r->used_user);
	r->up = r->desc && r->avail && r->used && r->mask;
	if (!r->up)
		return;
	r->used->flags = USED_NO_NOTIFY;
	if (b->ring[BACKEND_RX].up && b->ring[BACKEND_TX].up)
		__atomic_store_n(&b->running, true, __ATOMIC_RELEASE);
}

static void
send_reply(struct backend *b, const struct wire_message *m, uint32_t size)
{
	struct wire_message out = *m;

	out.header.flags = WIRE_VERSION | WIRE_REPLY;
	out.header.size = size;
	if (send(b->fd, &out.header, sizeof(out.header) + size, MSG_NOSIGNAL) < 0)
		hang_up(b);
}

/* Return: false when there was no such ring. */
static bool
serve_ring(struct backend *b, struct wire_message *m)
{
	const unsigned index = m->header.request == WIRE_SET_VRING_KICK
				       ? (unsigned)(m->u.u64 & WIRE_VRING_INDEX)
				       : m->u.state.index;
	struct backend_ring *r = &b->ring[index % BACKEND_RINGS];

	if (index >= BACKEND_RINGS)
		return false;
	switch (m->header.request) {
	case WIRE_SET_VRING_NUM:
		r->mask = m->u.state.num - 1;
		break;
	case WIRE_SET_VRING_BASE:
		r->next = (uint16_t)m->u.state.num;
		break;
	case WIRE_SET_VRING_ADDR:
		r->desc_user = m->u.addr.desc;
		r->avail_user = m->u.addr.avail;
		r->used_user = m->u.addr.used;
		if (r->kick)
			start_ring(b, index);
		break;
	case WIRE_SET_VRING_KICK:
		start_ring(b, index);
		break;
	case WIRE_GET_VRING_BASE:
		__atomic_store_n(&b->running, false, __ATOMIC_RELEASE);
		r->kick = r->up = false;
		m->u.state.num = r->next;
		send_reply(b, m, sizeof(m->u.state));
		break;
	default:
		break;
	}
	return true;
}

/* Requests with a reply of their own. Return: false when this is none. */
static bool
answer(struct backend *b, struct wire_message *m)
{
	switch (m->header.request) {
	case WIRE_GET_FEATURES:
		m->u.u64 = FEATURES;
		break;
	case WIRE_GET_PROTOCOL_FEATURES:
		m->u.u64 = PROTOCOL_MQ | PROTOCOL_REPLY_ACK;
		break;
	case WIRE_GET_QUEUE_NUM:
		m->u.u64 = 1;
		break;
	case WIRE_GET_STATUS:
		m->u.u64 = 0;
		break;
	default:
		return false;
	}
	send_reply(b, m, sizeof(m->u.u64));
	return true;
}

static void
serve_message(struct backend *b, struct wire_message *m, const int *fds, unsigned n_fds)
{
	bool ok = true;

	switch (m->header.request) {
	case WIRE_SET_FEATURES:
		b->features = m->u.u64;
		b->mergeable = !!(b->features & F_MRG_RXBUF);
		break;
	case WIRE_SET_PROTOCOL_FEATURES:
		b->protocol = m->u.u64;
		break;
	case WIRE_SET_MEM_TABLE:
		ok = set_mem_table(b, &m->u.mem, fds, n_fds) == 0;
		break;
	case WIRE_SET_VRING_NUM:
	case WIRE_SET_VRING_BASE:
	case WIRE_SET_VRING_ADDR:
	case WIRE_SET_VRING_KICK:
		ok = serve_ring(b, m);
		break;
	case WIRE_GET_VRING_BASE:
		serve_ring(b, m);
		return;
	default: /* SET_OWNER, SET_VRING_CALL, SET_VRING_ENABLE and what else needs no work here */
		if (answer(b, m))
			return;
	}
	if ((b->protocol & PROTOCOL_REPLY_ACK) && (m->header.flags & WIRE_NEED_REPLY)) {
		m->u.u64 = !ok;
		send_reply(b, m, sizeof(m->u.u64));
	}
}

static unsigned
take_fds(struct msghdr *mh, int *fds)
{
	unsigned n = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(mh); c; c = CMSG_NXTHDR(mh, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(fds, CMSG_DATA(c), n * sizeof(int));
	}
	return n;
}

static void
serve_socket(struct backend *b)
{
	union {
		char buf[CMSG_SPACE(WIRE_MAX_REGIONS * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct wire_message m = { 0 };
	struct iovec iov = { .iov_base = &m.header, .iov_len = sizeof(m.header) };
	struct msghdr mh = { .msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control) };
	int fds[WIRE_MAX_REGIONS];
	unsigned n_fds;

	if (recvmsg(b->fd, &mh, MSG_CMSG_CLOEXEC | MSG_WAITALL) != (ssize_t)sizeof(m.header)) {
		hang_up(b);
		return;
	}
	n_fds = take_fds(&mh, fds);
	if (m.header.size > sizeof(m.u) ||
	    (m.header.size &&
	     recv(b->fd, &m.u, m.header.size, MSG_WAITALL) != (ssize_t)m.header.size))
		hang_up(b);
	else
		serve_message(b, &m, fds, n_fds);
	while (n_fds)
		close(fds[--n_fds]);
}

int
backend_init(struct backend *b, const char *path, uint32_t len, bool direct)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int err;

	memset(b, 0, sizeof(*b));
	b->fd = -1;
	b->direct = direct;
	b->rx_len = len + NET_HDR_LEN;
	if (strlen(path) >= sizeof(sa.sun_path))
		return -ENAMETOOLONG;
	snprintf(b->path, sizeof(b->path), "%s", path);
	memcpy(sa.sun_path, b->path, sizeof(sa.sun_path));
	b->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (b->listen_fd < 0)
		return -errno;
	unlink(path);
	if (bind(b->listen_fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 ||
	    listen(b->listen_fd, 1) < 0) {
		err = errno;
		close(b->listen_fd);
		b->listen_fd = -1;
		return -err;
	}
	return 0;
}

void
backend_fini(struct backend *b)
{
	hang_up(b);
	close(b->listen_fd);
	unlink(b->path);
}

void
backend_serve(struct backend *const *backends, unsigned n, int timeout_ms)
{
	struct pollfd p[MAX_BACKENDS];

	if (n > MAX_BACKENDS)
		n = MAX_BACKENDS;
	for (unsigned i = 0; i < n; i++)
		p[i] = (struct pollfd){ .events = POLLIN,
					.fd = backends[i]->fd >= 0 ? backends[i]->fd
								   : backends[i]->listen_fd };
	if (poll(p, n, timeout_ms) <= 0)
		return;
	for (unsigned i = 0; i < n; i++) {
		if (!p[i].revents)
			continue;
		if (backends[i]->fd >= 0)
			serve_socket(backends[i]);
		else
			backends[i]->fd = accept4(backends[i]->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	}
}
