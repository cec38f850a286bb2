/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The fakedev as a device behind an IOMMU ("IOMMU support" of the protocol): it reaches only what
 * it was told entries for, by range and permission, and asks for what it lacks on its own channel,
 * once each.
 */
#include "fakedev_private.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

bool
fakedev_iommu_(const struct fakedev *l)
{
	return l->features & FAKEDEV_F_ACCESS;
}

void
fakedev_channel_set(struct fakedev *l, int *fds, unsigned n)
{
	if (n != 1)
		fakedev_complain(l, "SET_BACKEND_REQ_FD with %u descriptors", n);
	if (!(l->protocol & FAKEDEV_P_BACKEND_REQ))
		fakedev_complain(l, "SET_BACKEND_REQ_FD without the protocol feature");
	fakedev_close_fd(&l->channel);
	if (n) {
		l->channel = fds[0];
		fds[0] = -1;
	}
}

void
fakedev_iotlb_clear(struct fakedev *l)
{
	l->n_entries = l->n_pending = 0;
}

/* ---- entries ---- */

static bool
overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
	return a < b + b_size && b < a + a_size;
}

static void
answered(struct fakedev *l, const struct wire_iotlb *m)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < l->n_pending; i++)
		if (l->pending[i].iova - m->iova >= m->size || (l->pending[i].perm & ~m->perm))
			l->pending[kept++] = l->pending[i];
	l->n_pending = kept;
}

static void
update(struct fakedev *l, const struct wire_iotlb *m)
{
	if (!m->size || m->iova + m->size < m->iova || !m->perm || m->perm > WIRE_ACCESS_RW ||
	    !fakedev_translate_(l, m->user, m->size, true)) {
		fakedev_complain(l, "IOTLB entry %#llx + %#llx at %#llx, permission %u",
				 (unsigned long long)m->iova, (unsigned long long)m->size,
				 (unsigned long long)m->user, m->perm);
		return;
	}
	answered(l, m);
	for (unsigned i = 0; i < l->n_entries; i++) {
		const struct wire_iotlb *e = &l->entry[i];

		if (!overlap(e->iova, e->size, m->iova, m->size))
			continue;
		if (e->iova != m->iova || e->size != m->size || e->user != m->user ||
		    e->perm != m->perm)
			fakedev_complain(l,
					 "IOTLB entry %#llx changes without having been "
					 "invalidated",
					 (unsigned long long)m->iova);
		return;
	}
	if (l->n_entries == FAKEDEV_ENTRIES) {
		fakedev_complain(l, "more than %u IOTLB entries", FAKEDEV_ENTRIES);
		return;
	}
	l->entry[l->n_entries++] = *m;
}

static void
invalidate(struct fakedev *l, const struct wire_iotlb *m)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < l->n_entries; i++)
		if (!overlap(l->entry[i].iova, l->entry[i].size, m->iova, m->size))
			l->entry[kept++] = l->entry[i];
	l->n_entries = kept;
	for (unsigned i = 0; i < FAKEDEV_QUEUES; i++)
		l->queue[i].mapped = false;
}

void
fakedev_iotlb_message(struct fakedev *l, const struct wire_message *m)
{
	const struct wire_iotlb *t = &m->u.iotlb;

	if (!fakedev_iommu_(l) || m->header.size != sizeof(*t)) {
		fakedev_complain(l, "IOTLB_MSG of %u bytes, features are %#llx", m->header.size,
				 (unsigned long long)l->features);
		return;
	}
	if (t->type < WIRE_IOTLB_TYPES)
		l->iotlb_messages[t->type]++;
	if (t->type == WIRE_IOTLB_UPDATE)
		update(l, t);
	else if (t->type == WIRE_IOTLB_INVALIDATE)
		invalidate(l, t);
	else
		fakedev_complain(l, "IOTLB_MSG of type %u", t->type);
}

/* ---- misses ---- */

/* Return: bytes written; -1 with errno. */
static ssize_t
say(struct fakedev *l, const void *bytes, size_t len, unsigned n_fds, bool wait)
{
	union {
		char room[CMSG_SPACE(8 * sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	struct iovec iov = { (void *)(uintptr_t)bytes, len };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	for (unsigned i = 0; i < n_fds && i < 8; i++) {
		struct cmsghdr *c = &control.align;

		m.msg_control = &control;
		m.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(c) + i * sizeof(int), &l->wake, sizeof(int));
	}
	return sendmsg(l->channel, &m, MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT));
}

static bool
ask(struct fakedev *l, uint64_t iova, uint8_t perm, bool wait)
{
	struct wire_message m = {
		.header = { WIRE_BACKEND_IOTLB_MSG, WIRE_VERSION, sizeof(m.u.iotlb) },
		.u.iotlb = { .iova = iova, .perm = perm, .type = WIRE_IOTLB_MISS },
	};
	ssize_t len = sizeof(m.header) + sizeof(m.u.iotlb);

	return l->channel >= 0 && say(l, &m.header, (size_t)len, 0, wait) == len;
}

static void
missed(struct fakedev *l, uint64_t iova, uint8_t perm)
{
	for (unsigned i = 0; i < l->n_pending; i++)
		if (l->pending[i].iova == iova && l->pending[i].perm == perm)
			return;
	if (l->n_pending < FAKEDEV_PENDING && ask(l, iova, perm, false))
		l->pending[l->n_pending++] = (struct wire_iotlb){ .iova = iova, .perm = perm };
}

/* All @len bytes at an address of the device's, or NULL, and then they were asked for. */
void *
fakedev_reach_(struct fakedev *l, uint64_t iova, uint64_t len, uint8_t perm)
{
	for (unsigned i = 0; i < l->n_entries; i++) {
		const struct wire_iotlb *e = &l->entry[i];
		uint64_t at = iova - e->iova;

		if (at < e->size && len <= e->size - at && !(perm & ~e->perm))
			return fakedev_translate_(l, e->user + at, len, true);
	}
	missed(l, iova, perm);
	return NULL;
}

/*
 * Misses before a reply, as from a data path that blocks until they are read; with @wait_for_entry,
 * the reply also waits for an answer. The other side must serve both while it waits for the reply.
 */
void
fakedev_miss_storm(struct fakedev *l, uint64_t n, bool wait_for_entry)
{
	uint64_t iova = l->n_regions ? l->region[0].guest : 0;

	if (wait_for_entry)
		fakedev_iotlb_clear(l);
	for (uint64_t i = 0; i < n; i++)
		if (!ask(l, iova, WIRE_ACCESS_RO, true))
			l->drop = true;
	while (wait_for_entry && !l->n_entries && !l->drop) {
		struct pollfd p = { .fd = l->conn, .events = POLLIN };

		if (poll(&p, 1, 2000) != 1) {
			fakedev_complain(l, "a miss was not answered while another reply was "
					    "waited "
					    "for");
			return;
		}
		fakedev_serve(l);
	}
}

/* ---- what tests call ---- */

void
fakedev_iotlb_forget(struct fakedev *l)
{
	pthread_mutex_lock(&l->lock);
	fakedev_iotlb_clear(l);
	pthread_mutex_unlock(&l->lock);
}

unsigned
fakedev_iotlb(struct fakedev *l, struct wire_iotlb *out, unsigned n)
{
	unsigned have;

	pthread_mutex_lock(&l->lock);
	have = l->n_entries;
	memcpy(out, l->entry, (n < have ? n : have) * sizeof(*out));
	pthread_mutex_unlock(&l->lock);
	return have;
}

unsigned
fakedev_iotlb_messages(struct fakedev *l, enum wire_iotlb_type type)
{
	unsigned n;

	pthread_mutex_lock(&l->lock);
	n = l->iotlb_messages[type];
	pthread_mutex_unlock(&l->lock);
	return n;
}

bool
fakedev_touch(struct fakedev *l, uint64_t iova, uint64_t len, bool write)
{
	bool there;

	pthread_mutex_lock(&l->lock);
	there = fakedev_reach_(l, iova, len, write ? WIRE_ACCESS_WO : WIRE_ACCESS_RO);
	pthread_mutex_unlock(&l->lock);
	return there;
}

unsigned
fakedev_flood(struct fakedev *l, uint64_t iova, uint64_t step, unsigned n)
{
	unsigned done = 0;

	pthread_mutex_lock(&l->lock);
	while (done < n && ask(l, iova + done * step, WIRE_ACCESS_RW, false))
		done++;
	pthread_mutex_unlock(&l->lock);
	return done;
}

bool
fakedev_channel_send(struct fakedev *l, const void *bytes, size_t len, unsigned n_fds)
{
	bool sent;

	pthread_mutex_lock(&l->lock);
	sent = say(l, bytes, len, n_fds, false) == (ssize_t)len;
	pthread_mutex_unlock(&l->lock);
	return sent;
}

ssize_t
fakedev_channel_receive(struct fakedev *l, void *bytes, size_t len, unsigned ms)
{
	struct pollfd p = { .fd = l->channel, .events = POLLIN };

	if (poll(&p, 1, (int)ms) != 1)
		return -1;
	return recv(l->channel, bytes, len, MSG_DONTWAIT);
}

void
fakedev_channel_close(struct fakedev *l)
{
	pthread_mutex_lock(&l->lock);
	fakedev_close_fd(&l->channel);
	pthread_mutex_unlock(&l->lock);
}
