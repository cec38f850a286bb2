/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The device IOTLB ("IOMMU support"): a backend that offers VIRTIO_F_ACCESS_PLATFORM uses an
 * address only after it received the entry for it. The entries are the mappings of the port's
 * address space. All of them are sent when a ring starts, so that the queues run even if nobody
 * polls the context. A backend that lost an entry asks for it on its own channel; a request for any
 * other address is a fault.
 */
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/limits.h"
#include "virtio/vhost/msg.h"

#define BATCH 64 /* messages of a backend to serve at once */
#define LATE  8  /* such batches after an entry was removed: more than a socket holds */

DEFINE_CONTAINER(dev_of_channel, struct vhost_dev, vu.channel.src)

/* ---- entries ---- */

/*
 * Get the index of a mapping in the memory table, if it is still mapped as it was sent. Return: -1
 * if it is not.
 */
static int
find_region(const struct vhost_dev *vd, uint64_t iova, struct ioas_entry *e)
{
	const struct vhost_user *vu = &vd->vu;

	if (!ioas_find_iova(vd->virtio.nic.port.reach.ioas, iova, e))
		return -1;
	for (uint32_t i = 0; i < vu->n_regions; i++)
		if (vu->region[i].guest_addr == e->iova && vu->region[i].size == e->bytes &&
		    !(vu->channel.dead & 1u << i))
			return (int)i;
	return -1;
}

static uint8_t
perm_of(unsigned flags)
{
	return (uint8_t)((flags & BATON_MAP_READ ? VHOST_ACCESS_RO : 0) |
			 (flags & BATON_MAP_WRITE ? VHOST_ACCESS_WO : 0));
}

static void
fill(struct vhost_msg *msg, const struct vhost_region *r, enum vhost_iotlb_type type, uint8_t perm)
{
	*msg = (struct vhost_msg){
		.request = VHOST_IOTLB_MSG,
		.size = sizeof(msg->p.iotlb),
		.p.iotlb = { .iova = r->guest_addr,
			     .size = r->size,
			     .user_addr = r->user_addr,
			     .perm = perm,
			     .type = (uint8_t)type },
	};
}

int
vhost_iotlb_push(struct vhost_dev *vd)
{
	const struct vhost_user *vu = &vd->vu;
	int ret = 0;

	for (uint32_t i = 0; vhost_iotlb_on(vd) && i < vu->n_regions && !ret; i++) {
		struct vhost_msg msg;
		struct ioas_entry e;

		if (find_region(vd, vu->region[i].guest_addr, &e) != (int)i)
			continue;
		fill(&msg, &vu->region[i], VHOST_IOTLB_UPDATE, perm_of(e.flags));
		ret = vhost_send(vd, &msg, NULL, 0);
	}
	return ret;
}

/*
 * The mapping ends nevertheless. The error message stays that of the caller, who may be unmapping
 * because of another failure.
 */
static void
not_confirmed(struct vhost_dev *vd, const struct ioas_entry *e, const char *sentence)
{
	port_log(&vd->virtio.nic.port, BATON_LOG_WARN,
		 "took %s back without the word of %s, which is disconnected: %s", e->name,
		 vd->virtio.where, baton_last_error());
	vhost_disconnect(vd);
	baton_err(0, "%s", sentence);
}

void
vhost_iotlb_forget(void *arg, const struct ioas_entry *e)
{
	struct vhost_dev *vd = arg;
	struct vhost_user *vu = &vd->vu;
	struct vhost_channel *ch = &vu->channel;
	struct ioas_entry now;
	struct vhost_msg msg;
	char sentence[512];
	int i = vhost_iotlb_on(vd) && vu->src.fd >= 0 ? find_region(vd, e->iova, &now) : -1;

	if (i < 0)
		return;
	snprintf(sentence, sizeof(sentence), "%s", baton_last_error());
	ch->dead |= 1u << i; /* before requests that arrive meanwhile are answered */
	ch->owed &= ~(1u << i);
	ch->leaving = &vu->region[i];
	fill(&msg, &vu->region[i], VHOST_IOTLB_INVALIDATE, 0);
	if (vhost_send(vd, &msg, NULL, 0) < 0)
		not_confirmed(vd, e, sentence);
	for (unsigned left = LATE; left && vhost_channel_serve(vd, 0); left--)
		;
	ch->leaving = NULL;
}

void
vhost_iotlb_renew(struct vhost_dev *vd)
{
	vd->vu.channel.owed = vd->vu.channel.dead = 0;
}

/* Do not ask for an acknowledgement: the caller may be waiting for another one. */
static void
answer_owed(struct vhost_dev *vd, int64_t deadline)
{
	struct vhost_channel *ch = &vd->vu.channel;

	for (unsigned left = 2 * VHOST_MAX_REGIONS; ch->owed && left; left--) {
		unsigned i = (unsigned)__builtin_ctz(ch->owed);
		struct vhost_msg msg;
		struct ioas_entry e;

		ch->owed &= ~(1u << i);
		if (find_region(vd, vd->vu.region[i].guest_addr, &e) != (int)i)
			continue;
		fill(&msg, &vd->vu.region[i], VHOST_IOTLB_UPDATE, perm_of(e.flags));
		if (vhost_ask(vd, &msg, deadline) < 0) { /* disconnected */
			port_log(&vd->virtio.nic.port, BATON_LOG_WARN, "%s", baton_last_error());
			return;
		}
	}
}

/* ---- the channel ---- */

uint64_t
vhost_iotlb_wants(const struct vhost_dev *vd, uint64_t offered)
{
	const uint64_t both = VHOST_PROTOCOL_F_BACKEND_REQ | VHOST_PROTOCOL_F_REPLY_ACK;

	if (!(vd->virtio.offered & VIRTIO_F_ACCESS_PLATFORM) || (offered & both) != both ||
	    !vd->vu.iommu_platform)
		return 0;
	/* Later backends serve the features that the first one agreed to. */
	return vd->vu.open && !(vd->virtio.first & VIRTIO_F_ACCESS_PLATFORM) ? 0 : both;
}

void
vhost_channel_close(struct vhost_dev *vd)
{
	struct vhost_channel *ch = &vd->vu.channel;

	if (ch->src.fd < 0)
		return;
	ctx_source_del(vd->virtio.nic.port.ctx, &ch->src);
	close(ch->src.fd);
	ch->src.fd = -1;
	ch->filled = 0;
	ch->owed = 0;
}

static void
on_channel(struct ctx_source *src, uint32_t events)
{
	struct vhost_dev *vd = dev_of_channel(src);

	vhost_channel_serve(vd, vhost_deadline(vd));
}

int
vhost_channel_open(struct vhost_dev *vd)
{
	struct vhost_msg msg = { .request = VHOST_SET_BACKEND_REQ_FD };
	struct vhost_channel *ch = &vd->vu.channel;
	int ends[2], ret;

	vhost_channel_close(vd);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return limits_no_file("no channel", vd->vu.sock.path, errno);
	ch->src.fd = ends[0];
	ch->src.ready = on_channel;
	ret = ctx_source_add(vd->virtio.nic.port.ctx, &ch->src, EPOLLIN);
	if (ret < 0) {
		close(ch->src.fd);
		ch->src.fd = -1;
	} else {
		ret = vhost_send(vd, &msg, &ends[1], 1);
	}
	close(ends[1]);
	return ret;
}

/*
 * Close the channel: the backend keeps the entries it has, and gets no others. A backend that ends
 * hangs up here, too.
 */
static void
hang_up(struct vhost_dev *vd, enum baton_log_level level, const char *why)
{
	port_log(&vd->virtio.nic.port, level,
		 "%s %s: its channel is closed, and what it asks for is not heard any more",
		 vd->virtio.where, why);
	vhost_channel_close(vd);
}

/* ---- what it says ---- */

/*
 * Whether the backend sent the request before it learned that the entry was removed: it is late,
 * and no fault.
 */
static bool
late(const struct vhost_channel *ch, uint64_t iova)
{
	return ch->leaving && iova - ch->leaving->guest_addr < ch->leaving->size;
}

static void
missed(struct vhost_dev *vd, const struct vhost_iotlb *m)
{
	struct vhost_channel *ch = &vd->vu.channel;
	struct ioas_entry e;
	int i = find_region(vd, m->iova, &e);

	ch->misses++;
	if (i >= 0 && !(m->perm & ~perm_of(e.flags)))
		ch->owed |= 1u << i;
	else if (!late(ch, m->iova))
		port_fault(&vd->virtio.nic.port, m->iova, m->perm & VHOST_ACCESS_WO);
}

/* Return: whether the message was valid. */
static bool
hear(struct vhost_dev *vd, const struct vhost_msg *msg)
{
	struct vhost_iotlb m;

	if (msg->request != VHOST_BACKEND_IOTLB_MSG || msg->size != sizeof(m) ||
	    !vhost_iotlb_on(vd))
		return false;
	memcpy(&m, &msg->p, sizeof(m));
	if (!m.perm || m.perm > (VHOST_ACCESS_RO | VHOST_ACCESS_WO))
		return false;
	if (m.type == VHOST_IOTLB_MISS)
		missed(vd, &m);
	else if (m.type == VHOST_IOTLB_ACCESS_FAIL)
		port_fault(&vd->virtio.nic.port, m.iova, m.perm & VHOST_ACCESS_WO);
	else
		return false;
	return true;
}

static void
reply(struct vhost_dev *vd, uint32_t request, bool ok)
{
	struct vhost_msg msg = { .request = request,
				 .flags = VHOST_VERSION | VHOST_REPLY,
				 .size = sizeof(msg.p.u64),
				 .p.u64 = !ok };
	ssize_t len = VHOST_HDR_SIZE + sizeof(msg.p.u64);

	if (send(vd->vu.channel.src.fd, &msg, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL) != len)
		hang_up(vd, BATON_LOG_WARN, "asks for replies and does not read them");
}

/*
 * Read until there are @need bytes of a message. Return: whether there are; if not, the channel may
 * be closed.
 */
static bool
gather(struct vhost_dev *vd, uint32_t need)
{
	struct vhost_channel *ch = &vd->vu.channel;

	while (ch->filled < need) {
		ssize_t n = sock_recv(ch->src.fd, ch->in + ch->filled, need - ch->filled);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return false;
		if (n <= 0) {
			hang_up(vd, BATON_LOG_DEBUG, "hung up its side");
			return false;
		}
		ch->filled += (uint32_t)n;
	}
	return true;
}

/* Serve one message. Return: whether there may be another one. */
static bool
next(struct vhost_dev *vd)
{
	struct vhost_channel *ch = &vd->vu.channel;
	struct vhost_msg msg = { 0 };
	char why[96];
	bool valid;

	if (!gather(vd, VHOST_HDR_SIZE))
		return false;
	memcpy(&msg, ch->in, VHOST_HDR_SIZE);
	if ((msg.flags & 3) != VHOST_VERSION || msg.flags & VHOST_REPLY ||
	    msg.size > sizeof(ch->in) - VHOST_HDR_SIZE) {
		snprintf(why, sizeof(why), "sent request %u with flags %#x and %u bytes",
			 msg.request, msg.flags, msg.size);
		hang_up(vd, BATON_LOG_WARN, why);
		return false;
	}
	if (!gather(vd, VHOST_HDR_SIZE + msg.size))
		return false;
	memcpy(&msg.p, ch->in + VHOST_HDR_SIZE, msg.size);
	ch->filled = 0;
	valid = hear(vd, &msg);
	ch->ignored += !valid;
	if (msg.flags & VHOST_NEED_REPLY)
		reply(vd, msg.request, valid);
	return ch->src.fd >= 0;
}

bool
vhost_channel_serve(struct vhost_dev *vd, int64_t answer_by)
{
	unsigned left = BATCH;

	while (left && vd->vu.channel.src.fd >= 0 && next(vd))
		left--;
	if (answer_by)
		answer_owed(vd, answer_by);
	return !left;
}
