/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Choose the variant of the bursts for a queue, at start: by the CPU, the features and
 * vectorized=0.
 */
#include "virtio.h"

#ifdef __x86_64__
#define VARIANTS(name)                                                                             \
	{                                                                                          \
		name, name##_avx2, name##_avx512                                                   \
	}
#else
#define VARIANTS(name)                                                                             \
	{                                                                                          \
		name, name, name                                                                   \
	}
#endif

void
virtq_choose(struct virtq *vq, const struct virtio_dev *vd)
{
	static virtq_burst *const rx[][3] = {
		VARIANTS(virtq_rx_burst),
		VARIANTS(virtq_rx_burst_mergeable),
		VARIANTS(virtq_rx_burst_csum),
		VARIANTS(virtq_rx_burst_mergeable_csum),
	};
	static virtq_burst *const tx[] = VARIANTS(virtq_tx_burst);
	const enum simd_level level = vd->scalar ? SIMD_NONE : queue_worker(&vq->q)->simd;

	vq->csum = !!(vd->features & (vq->q.tx ? VIRTIO_NET_F_CSUM : VIRTIO_NET_F_GUEST_CSUM));
	if (vq->slots) { /* copying costs more than eight at a time would save */
		static virtq_burst *const bounce[] = { virtq_rx_bounce, virtq_rx_bounce_mergeable,
						       virtq_rx_bounce_csum,
						       virtq_rx_bounce_mergeable_csum };

		vq->q.active_burst =
			vq->q.tx ? virtq_tx_bounce : bounce[vq->csum * 2 + vq->mergeable];
		return;
	}
	vq->q.active_burst = vq->q.tx ? tx[level] : rx[vq->csum * 2 + vq->mergeable][level];
}
