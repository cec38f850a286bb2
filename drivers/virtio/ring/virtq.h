/* SPDX-License-Identifier: BSD-3-Clause */
/* A ring of a virtio device. It knows nothing of the device but the features and the doorbell. */
#ifndef VIRTIO_RING_VIRTQ_H
#define VIRTIO_RING_VIRTQ_H

#include "nic/bursts_decl.h"
#include "pci/pci_device.h"
#include "virtio/ring/regs.h"

/*
 * A split ring (virtio 1.2, section 2.7); its codecs are in split.h.
 */
struct virtq {
	struct nic_queue nq;

	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	const shared16 *notify_flags; /* flags of `used`; with EVENT_IDX: zeros of our own */
	uint16_t kick_idx; /* EVENT_IDX: entries published at the last decision whether to notify */
	uint8_t event_idx; /* VIRTIO_F_EVENT_IDX was negotiated: positions in place of flags */
	uint8_t feature_in_order; /* VIRTIO_F_IN_ORDER was negotiated */
	uint8_t csum;             /* TX: VIRTIO_NET_F_CSUM was */
	uint8_t gso;              /* RX: a bit for each gso_type that was */
	uint8_t hdr_len;          /* bytes of the device's header, NET_HDR_LEN or more */

	/* TX */
	uint16_t batch_end;    /* IN_ORDER: elements checked up to here */
	uint16_t avail_offset; /* avail position p names descriptor (p + avail_offset) & mask, */
	uint32_t avail_run;    /* for this many positions */
	uint64_t hdr_iova;     /* a header of zeros, for packets without headroom */

	int kick_fd;         /* eventfd to notify the device; the device writes to q.wake_fd */
	struct pci_reg bell; /* PCI: its doorbell, in place of kick_fd; len 0: none */
	uint16_t vring;      /* its number for the transport */
	uint8_t idle;        /* vhost-user: stopped, but running for the device, and empty */
};

DEFINE_CONTAINER(virtq_of_nic, struct virtq, nq)
DEFINE_CONTAINER(virtq_of, struct virtq, nq.q)

/** The elements of the used ring, of the type that hides their values. */
static inline const shared64 *
virtq_used_ring(const struct nic_queue *nq)
{
	const struct virtq *vq = virtq_of_nic_const(nq);
	const shared64 *const ring = vq->used->ring;

	return ring;
}

/**
 * Notify the device, unless it named (EVENT_IDX) a position other than those published since the
 * last call.
 */
void virtq_notify(struct virtq *vq);

/**
 * Initialise the flags, or positions, by which the two sides notify each other; nobody is to be
 * notified yet.
 */
void virtq_events_init(struct virtq *vq, uint64_t features);

/** The field where the device reads at which completion it must wake the driver; with EVENT_IDX. */
static inline void
virtq_wake_at(struct virtq *vq, uint16_t position)
{
	store_le16(&vq->avail->ring[vq->nq.mask + 1u], position);
}

/**
 * Ask the device for a wake-up at its next completion. The caller must then execute a full barrier,
 * and check for a completion.
 */
static inline void
virtq_wake_on(struct virtq *vq)
{
	if (vq->event_idx)
		virtq_wake_at(vq, vq->nq.done);
	else
		store_le16(&vq->avail->flags, 0);
}

/**
 * Ask the device for no wake-up: by a flag, or, with EVENT_IDX, by a position in the past; then it
 * sends one wake-up in 65,536 completions.
 */
static inline void
virtq_wake_off(struct virtq *vq)
{
	if (vq->event_idx)
		virtq_wake_at(vq, (uint16_t)(vq->nq.done - 1));
	else
		store_le16(&vq->avail->flags, VRING_AVAIL_F_NO_INTERRUPT);
}

/**
 * Lay out a ring in its memory, which is zeroed, and choose its bursts.
 *
 * @features: those negotiated. @zeros: the address of a header of zeros. @scalar: no vector loops.
 */
void virtq_attach(struct virtq *vq, uint64_t features, uint64_t zeros, bool scalar);

/* Of struct nic_ops. */
size_t virtq_ring_bytes(const struct nic_queue *nq);
BATON_COLD void virtq_kick(struct nic_queue *nq);
int virtq_setup(struct nic_dev *dev, struct nic_queue *nq);
void virtq_release(struct nic_dev *dev, struct nic_queue *nq);
void virtq_arm(struct nic_queue *nq, bool on);

/** Choose the burst of the queue's mode for the CPU: set q->active_burst. */
void virtq_choose(struct nic_queue *nq, bool scalar);

/* Defined in bursts.c by nic/bursts.h, as NIC_NAME(rx_burst) and so on. */
#define VIRTQ_NAME(x) virtq_##x
NIC_DECLARE_BURSTS(VIRTQ_NAME);

/* The same for rings whose headers have a hash, in bursts_hash.c. They have no vector loops. */
#define VIRTQ_HASH_NAME(x) virtq_hash_##x
NIC_DECLARE_BURSTS(VIRTQ_HASH_NAME);

/* The same bursts, eight packets at a time. */
#define VIRTQ_BURSTS(name) nic_burst name##_avx2, name##_avx512
VIRTQ_BURSTS(virtq_rx_burst);
VIRTQ_BURSTS(virtq_rx_burst_segs);
VIRTQ_BURSTS(virtq_rx_burst_meta);
VIRTQ_BURSTS(virtq_rx_burst_segs_meta);
VIRTQ_BURSTS(virtq_tx_burst);

#endif
