/* SPDX-License-Identifier: BSD-3-Clause */
/* Split rings: layout, set-up, filling and emptying. The bursts are in rx.c and tx.c. */
#include <stdlib.h>

#include "virtio.h"

#define LINE 64u

static size_t
up(size_t n, size_t align)
{
	return (n + align - 1) / align * align;
}

/*
 * Each part has cache lines of its own: the device writes `used`, and the driver the others. The
 * elements of `used` have eight bytes and are aligned to eight, so that no element lies on two
 * pages: behind an IOMMU, QEMU (7.2, 10.0) writes the second half of such an element to a wrong
 * address.
 */
#define USED_AT (sizeof(shared64) - offsetof(struct vring_used, ring) % sizeof(shared64))

size_t
virtq_ring_bytes(uint32_t size)
{
	return up(size * sizeof(struct vring_desc), LINE) +
	       up(sizeof(struct vring_avail) + (size + 1) * sizeof(le16), LINE) +
	       up(USED_AT + sizeof(struct vring_used) + size * sizeof(shared64) + sizeof(le16),
		  LINE);
}

void
virtq_attach(struct virtq *vq, struct virtio_dev *vd, size_t offset)
{
	uint32_t size = vq->q.descs;
	uint8_t *p = vd->ring_base + offset;

	memset(p, 0, virtq_ring_bytes(size));
	vq->desc = (struct vring_desc *)(void *)p;
	p += up(size * sizeof(struct vring_desc), LINE);
	vq->avail = (struct vring_avail *)(void *)p;
	p += up(sizeof(struct vring_avail) + (size + 1) * sizeof(le16), LINE);
	vq->used = (struct vring_used *)(void *)(p + USED_AT);

	vq->feature_in_order = !!(vd->features & VIRTIO_F_IN_ORDER);
	vq->mergeable = !!(vd->features & VIRTIO_NET_F_MRG_RXBUF);
	virtq_choose(vq, vd);
	vq->used_idx = vq->avail_idx = vq->head = vq->tail = vq->avail_offset = 0;
	vq->in_batch = 0;
	vq->batch_end = 0;
	vq->stuck = 0;
	virtq_events_init(vq, vd);
	for (uint32_t i = 0; i < size; i++)
		vq->avail->ring[i] = htole16((uint16_t)i);
	vq->avail_run = size; /* the loop above has written offset 0 everywhere */
	if (vq->q.tx) {
		vq->hdr_iova = vd->ring_iova + vd->ring_bytes - LINE;
		memset(vd->ring_base + vd->ring_bytes - LINE, 0, LINE);
		vq->plain_run = 0;
	}
}

static int
setup_rx(struct baton_port *port, struct virtq *vq)
{
	struct baton_queue *q = &vq->q;
	const struct baton_pool_view *v = &q->pool->view;
	const uint32_t frame = port_frame_max(BATON_MAX_MTU);
	uint32_t segs, least;

	if (v->headroom < NET_HDR_LEN)
		return baton_err(EINVAL,
				 "pool %s has a headroom of %u bytes, the virtio header needs %u",
				 q->pool->name, v->headroom, NET_HDR_LEN);
	vq->post_off = (uint16_t)(v->headroom - NET_HDR_LEN);
	vq->posted_len = v->data_len - vq->post_off;
	segs = (frame + NET_HDR_LEN + vq->posted_len - 1) / vq->posted_len;
	if (!vq->mergeable)
		segs = 1;
	if (segs > RX_MAX_SEGS || segs > q->descs)
		return baton_err(EINVAL,
				 "a frame of %u bytes takes %u buffers of %u bytes; at most %u are "
				 "possible: "
				 "give the pool a larger data room, or use mrg_rxbuf=0",
				 frame, segs, vq->posted_len,
				 q->descs < RX_MAX_SEGS ? q->descs : RX_MAX_SEGS);
	/* Without mergeable buffers a frame that does not fit is lost in the device:
	 * virtio 1.2, 5.1.6.3.1. */
	least = NET_HDR_LEN + port_frame_max(port->mtu_set ? port->info.mtu : 1500u);
	if (!vq->mergeable && vq->posted_len < least)
		return baton_err(EINVAL,
				 "without mergeable buffers one must take %u bytes for MTU %u, "
				 "those of pool %s take %u: "
				 "give the pool a larger data room",
				 least, port->mtu_set ? port->info.mtu : 1500u, q->pool->name,
				 vq->posted_len);
	q->max_segs = (uint16_t)segs;
	vq->order = calloc(q->descs, sizeof(*vq->order));
	return vq->order ? 0 : -ENOMEM;
}

int
virtq_setup(struct baton_port *port, struct baton_queue *q)
{
	struct virtq *vq = virtq_of(q);
	int ret = 0;

	vq->mergeable = !!(virtio_of(port)->features & VIRTIO_NET_F_MRG_RXBUF);
	vq->mask = (uint16_t)(q->descs - 1);
	vq->vring = (uint16_t)(q->index * 2 + (q->tx ? 1 : 0)); /* virtio 1.2, 5.1.2 */
	vq->shadow = NULL;
	vq->order = NULL;
	vq->segs = NULL;
	vq->kick_fd = event_open("the ring");
	q->wake_fd = vq->kick_fd < 0 ? -1 : event_open("the ring");
	if (vq->kick_fd < 0 || q->wake_fd < 0) {
		ret = vq->kick_fd < 0 ? vq->kick_fd : q->wake_fd;
		virtq_release(port, q);
		return ret;
	}
	vq->shadow = malloc(q->descs * sizeof(*vq->shadow));
	if (!vq->shadow) {
		virtq_release(port, q);
		return baton_err(ENOMEM, "no memory for the shadow of %u descriptors", q->descs);
	}
	memset(vq->shadow, 0xff, q->descs * sizeof(*vq->shadow));
	if (q->tx) {
		q->max_segs = (uint16_t)(q->descs / 2 < TX_MAX_SEGS ? q->descs / 2 : TX_MAX_SEGS);
		vq->segs = calloc(q->descs, 1);
		ret = vq->segs ? 0 : -ENOMEM;
	} else {
		ret = setup_rx(port, vq);
	}
	if (ret < 0) {
		virtq_release(port, q);
		return ret == -ENOMEM ? baton_err(ENOMEM, "no memory for %u descriptors", q->descs)
				      : ret;
	}
	return 0;
}

void
virtq_release(struct baton_port *port, struct baton_queue *q)
{
	struct virtq *vq = virtq_of(q);

	virtq_slots_detach(vq);
	free(vq->shadow);
	free(vq->order);
	free(vq->segs);
	vq->shadow = NULL;
	vq->order = NULL;
	vq->segs = NULL;
	if (vq->kick_fd >= 0)
		close(vq->kick_fd);
	if (q->wake_fd >= 0)
		close(q->wake_fd);
	vq->kick_fd = q->wake_fd = -1;
}

static void
publish_fill(struct virtq *vq)
{
	vq->refill = virtq_refill_least(vq);
	vq->in_order = 1;
	vq->avail_idx = vq->quota;
	__atomic_store_n(&vq->avail->idx, htole16(vq->avail_idx), __ATOMIC_RELEASE);
}

int
virtq_fill(struct virtq *vq)
{
	struct baton_queue *q = &vq->q;
	const struct baton_pool_view *v = &q->views[q->pool->view.index];
	uint32_t *bufs;
	unsigned n;

	if (vq->slots) {
		virtq_slots_fill(vq);
		publish_fill(vq);
		return 0;
	}
	if (v->bounce)
		return baton_err(EFAULT, "rxq %u: pool %s is bounced, and the queue has no slots",
				 q->index, q->pool->name);
	vq->quota = (uint16_t)q->descs;
	bufs = malloc(q->descs * sizeof(*bufs));
	if (!bufs)
		return baton_err(ENOMEM, "no memory to fill rxq %u", q->index);
	n = dma_fetch(q->pool, bufs, q->descs);
	if (n < q->descs) {
		dma_free_bufs(q->pool, bufs, n);
		free(bufs);
		return baton_err(ENOBUFS,
				 "rxq %u needs %u buffers to start, pool %s has %u free of %u: "
				 "make the pool "
				 "larger, or free what the application holds",
				 q->index, q->descs, q->pool->name, n, q->pool->view.count);
	}
	for (uint32_t i = 0; i < q->descs; i++) {
		vq->shadow[i] = bufs[i];
		vq->order[i] = (uint16_t)i;
		vq->desc[i] = (struct vring_desc){
			.addr = htole64(v->iova + (uint64_t)bufs[i] * v->stride + vq->post_off),
			.len = htole32(vq->posted_len),
			.flags = htole16(VRING_DESC_F_WRITE),
		};
	}
	free(bufs);
	publish_fill(vq);
	return 0;
}

/* Whether descriptor i has a buffer in the ring. */
static bool
in_ring(const struct virtq *vq, uint32_t i)
{
	if (vq->slots && !vq->q.tx)
		return false;
	if (vq->q.tx)
		return ((i - vq->tail) & vq->mask) < (uint16_t)(vq->head - vq->tail) &&
		       vq->shadow[i] != SHADOW_NONE;
	return virtq_posted(vq, i);
}

/* Completions the device has published; 0 when it says that there are more than there can be. */
static uint16_t
published(const struct virtq *vq)
{
	uint16_t outstanding = (uint16_t)(vq->avail_idx - vq->used_idx), n;

	if (!outstanding) /* and perhaps no ring */
		return 0;
	n = (uint16_t)(shared_load16_acquire(&vq->used->idx) - vq->used_idx);
	return n <= outstanding ? n : 0;
}

/* Packets that were sent by the application and not by the device, or the other way round. */
static unsigned
unfinished(const struct virtq *vq)
{
	if (!vq->q.tx)
		return published(vq) ? virtq_rx_waiting(vq) : 0;
	return (uint16_t)(vq->avail_idx - vq->used_idx) - published(vq);
}

void
virtq_empty(struct virtq *vq, bool confirmed, struct dma_quarantine *quarantine)
{
	struct baton_queue *q = &vq->q;

	queue_count(&q->stats.discarded, unfinished(vq));
	virtq_slots_empty(vq);
	for (uint32_t i = 0; i < q->descs; i++) {
		struct baton_pool *pool;
		uint32_t buf;

		if (in_ring(vq, i)) {
			buf = SHADOW_BUF(vq->shadow[i]);
			pool = q->tx ? q->port->ctx->pools[SHADOW_POOL(vq->shadow[i])] : q->pool;
			if (confirmed)
				dma_free_bufs(pool, &buf, 1);
			else
				dma_quarantine_buf(quarantine, pool, buf);
		}
		vq->shadow[i] = SHADOW_NONE; /* also for a slot, which is not a buffer */
	}
	vq->used_idx = vq->avail_idx = vq->head = vq->tail = 0;
	vq->in_order = 1; /* nothing is posted, whatever slots have left in `shadow` */
}

uint32_t
virtq_held(const struct baton_queue *q, const struct baton_pool *pool)
{
	const struct virtq *vq = virtq_of_const(q);
	uint32_t n = 0;

	if (!vq->shadow || (!q->tx && q->pool != pool))
		return 0;
	for (uint32_t i = 0; i < q->descs; i++)
		n += in_ring(vq, i) && (!q->tx || SHADOW_POOL(vq->shadow[i]) == pool->view.index);
	return n;
}

uint32_t
virtq_buffers(const struct virtq *vq)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < vq->q.descs; i++)
		n += in_ring(vq, i);
	return n;
}

unsigned
virtq_in_flight(const struct baton_queue *q)
{
	const struct virtq *vq = virtq_of_const(q);

	if (q->tx)
		return (uint16_t)(vq->head - vq->tail);
	return (uint16_t)(vq->avail_idx - vq->used_idx);
}

unsigned
virtq_completed(const struct baton_queue *q)
{
	return published(virtq_of_const(q));
}

/*
 * Write the flag, or the position, before reading the index, as the device writes the index before
 * it reads them (2.7.7.2).
 */
int
virtq_arm(struct baton_queue *q)
{
	struct virtq *vq = virtq_of(q);

	if (vq->no_wake)
		return baton_err(ENOTSUP, "%s rxq %u: the device has no interrupt for it",
				 q->port->name, q->index);
	virtq_wake_on(vq);
	smp_mb();
	/*
	 * A ring that lacks buffers is filled by polling only, since nobody tells when another
	 * worker has freed some. A queue that could not take the largest packet must not sleep.
	 */
	if (shared_load16(&vq->used->idx) != vq->used_idx || virtq_in_flight(q) < q->max_segs)
		event_signal(q->wake_fd);
	return 0;
}

void
virtq_disarm(struct baton_queue *q)
{
	virtq_wake_off(virtq_of(q));
}

/* The field after the last element of the used ring. */
static uint16_t
avail_event(const struct virtq *vq)
{
	const uint8_t *used = (const void *)vq->used;

	return shared_load16_at(used + sizeof(struct vring_used) + vq->q.descs * sizeof(shared64));
}

void
virtq_events_init(struct virtq *vq, const struct virtio_dev *vd)
{
	static const shared16 notify;
	const uint8_t *used = (const void *)vq->used;

	vq->event_idx = !!(vd->features & VIRTIO_F_EVENT_IDX);
	vq->notify_flags = vq->event_idx ? &notify : (const void *)used;
	vq->kick_idx = vq->used_idx = vq->avail_idx = 0;
	virtq_wake_off(vq);
}

/*
 * With EVENT_IDX the device names a position, its avail_event, and wants to hear when that is
 * published (virtio 1.2, 2.7.10): all of it modulo 65,536. Whatever it wrote there, true or not,
 * decides about a notification and nothing else.
 */
void
virtq_notify(struct virtq *vq)
{
	uint16_t event, published;

	if (vq->event_idx) {
		event = (uint16_t)(avail_event(vq) - vq->kick_idx);
		published = (uint16_t)(vq->avail_idx - vq->kick_idx);
		vq->kick_idx = vq->avail_idx;
		if (event >= published)
			return;
	}
	virtq_kick(vq);
}

void
virtq_kick(struct virtq *vq)
{
	vq->kick_idx = vq->avail_idx;
	/* The device asked for it. A full eventfd counter contains the notification already. */
	if (vq->bell.len)
		pci_write16(&vq->bell, 0, vq->vring);
	else
		event_signal(vq->kick_fd);
	queue_count(&vq->q.stats.kicks, 1);
}
