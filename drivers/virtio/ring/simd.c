/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Choose the variant of the bursts for a queue, at start: by the CPU, the features and
 * vectorized=0. VIRTIO_SCALAR: without vector loops, as on machines that have none.
 */
#include "virtio/ring/virtq.h"

#if defined(__x86_64__) && !defined(VIRTIO_SCALAR)
/* By mode and by enum simd_level. */
#define VARIANTS(name)                                                                             \
	{                                                                                          \
		name, name##_avx2, name##_avx512                                                   \
	}
static nic_burst *const rx[4][3] = {
	VARIANTS(virtq_rx_burst),
	VARIANTS(virtq_rx_burst_segs),
	VARIANTS(virtq_rx_burst_meta),
	VARIANTS(virtq_rx_burst_segs_meta),
};
static nic_burst *const tx[3] = VARIANTS(virtq_tx_burst);
#endif

void
virtq_choose(struct virtq *vq, uint64_t features, bool scalar)
{
	struct nic_queue *nq = &vq->nq;
	unsigned mode = 0;

	vq->csum = !!(features & VIRTIO_NET_F_CSUM);
	if (features & VIRTIO_NET_F_MRG_RXBUF)
		mode |= NIC_MODE_SEGS;
	if (features & VIRTIO_NET_F_GUEST_CSUM)
		mode |= NIC_MODE_META;
	nic_choose_burst(nq, mode);
#if defined(__x86_64__) && !defined(VIRTIO_SCALAR)
	/* Bounced, copying costs more than eight at a time would save. */
	if (!nq->slots && !scalar)
		nq->q.active_burst = nq->q.tx ? tx[queue_worker(&nq->q)->simd]
					      : rx[mode][queue_worker(&nq->q)->simd];
#endif
}
