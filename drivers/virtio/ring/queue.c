/* SPDX-License-Identifier: BSD-3-Clause */
/* Split rings: layout, set-up, wake-ups and notifications. The bursts are made in bursts.c. */
#include <unistd.h>

#include "base/event.h"
#include "virtio/ring/virtq.h"

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
virtq_ring_bytes(const struct nic_queue *nq)
{
	const uint32_t size = nq->q.descs;

	return up(size * sizeof(struct vring_desc), LINE) +
	       up(sizeof(struct vring_avail) + (size + 1) * sizeof(le16), LINE) +
	       up(USED_AT + sizeof(struct vring_used) + size * sizeof(shared64) + sizeof(le16),
		  LINE);
}

/* Packets that the device cuts, or leaves whole. */
static void
set_gso(struct virtq *vq, uint64_t features)
{
	const uint64_t udp = VIRTIO_NET_F_GUEST_USO4 | VIRTIO_NET_F_GUEST_USO6;

	vq->gso = (uint8_t)((features & VIRTIO_NET_F_GUEST_TSO4 ? 1u << VIRTIO_NET_HDR_GSO_TCPV4
								: 0) |
			    (features & VIRTIO_NET_F_GUEST_TSO6 ? 1u << VIRTIO_NET_HDR_GSO_TCPV6
								: 0) |
			    (features & udp ? 1u << VIRTIO_NET_HDR_GSO_UDP_L4 : 0));
	vq->nq.q.device_gso = (uint8_t)((features & VIRTIO_NET_F_HOST_TSO4 ? QUEUE_GSO_TCP4 : 0) |
					(features & VIRTIO_NET_F_HOST_TSO6 ? QUEUE_GSO_TCP6 : 0) |
					(features & VIRTIO_NET_F_HOST_USO ? QUEUE_GSO_UDP : 0));
}

void
virtq_attach(struct virtq *vq, uint64_t features, uint64_t zeros, bool scalar)
{
	const uint32_t size = vq->nq.q.descs;
	uint8_t *p = vq->nq.mem;

	vq->desc = (struct vring_desc *)(void *)p;
	p += up(size * sizeof(struct vring_desc), LINE);
	vq->avail = (struct vring_avail *)(void *)p;
	p += up(sizeof(struct vring_avail) + (size + 1) * sizeof(le16), LINE);
	vq->used = (struct vring_used *)(void *)(p + USED_AT);

	vq->feature_in_order = !!(features & VIRTIO_F_IN_ORDER);
	vq->csum = !!(features & VIRTIO_NET_F_CSUM);
	vq->hdr_len = features & VIRTIO_NET_F_HASH_REPORT ? NET_HDR_HASH_LEN : NET_HDR_LEN;
	set_gso(vq, features);
	virtq_choose(&vq->nq, scalar || vq->hdr_len != NET_HDR_LEN);
	vq->avail_offset = vq->batch_end = 0;
	virtq_events_init(vq, features);
	for (uint32_t i = 0; i < size; i++)
		vq->avail->ring[i] = to_le16((uint16_t)i);
	vq->avail_run = size; /* the loop above has written offset 0 everywhere */
	vq->hdr_iova = zeros;
}

int
virtq_setup(struct nic_dev *dev, struct nic_queue *nq)
{
	struct virtq *vq = virtq_of_nic(nq);

	vq->vring = (uint16_t)(nq->q.index * 2 + (nq->q.tx ? 1 : 0)); /* virtio 1.2, 5.1.2 */
	vq->kick_fd = event_open("the ring");
	return vq->kick_fd < 0 ? vq->kick_fd : 0;
}

void
virtq_release(struct nic_dev *dev, struct nic_queue *nq)
{
	struct virtq *vq = virtq_of_nic(nq);

	close(vq->kick_fd);
	vq->kick_fd = -1;
}

/*
 * nic_arm() executes the full barrier between this store and its read of the index, as the device
 * does between its write of the index and its read of this (2.7.7.2).
 */
void
virtq_arm(struct nic_queue *nq, bool on)
{
	if (on)
		virtq_wake_on(virtq_of_nic(nq));
	else
		virtq_wake_off(virtq_of_nic(nq));
}

/* The field after the last element of the used ring. */
static uint16_t
avail_event(const struct virtq *vq)
{
	const uint8_t *used = (const void *)vq->used;

	return shared_load16_at(used + sizeof(struct vring_used) +
				vq->nq.q.descs * sizeof(shared64));
}

void
virtq_events_init(struct virtq *vq, uint64_t features)
{
	static const shared16 notify;
	const uint8_t *used = (const void *)vq->used;

	vq->event_idx = !!(features & VIRTIO_F_EVENT_IDX);
	vq->notify_flags = vq->event_idx ? &notify : (const void *)used;
	vq->kick_idx = 0;
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
	if (vq->event_idx) {
		const uint16_t event = (uint16_t)(avail_event(vq) - vq->kick_idx),
			       published = (uint16_t)(vq->nq.posted - vq->kick_idx);

		vq->kick_idx = vq->nq.posted;
		if (event >= published)
			return;
	}
	virtq_kick(&vq->nq);
}

void
virtq_kick(struct nic_queue *nq)
{
	struct virtq *vq = virtq_of_nic(nq);

	vq->kick_idx = vq->nq.posted;
	/* The device asked for it. A full eventfd counter contains the notification already. */
	if (vq->bell.len)
		pci_write16(&vq->bell, 0, vq->vring);
	else
		event_signal(vq->kick_fd);
	queue_count(&vq->nq.q.stats.kicks, 1);
}
