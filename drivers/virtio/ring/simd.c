/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Choose the variant of the burst that the kit has chosen for a queue, at start: by the CPU and
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
virtq_choose(struct nic_queue *nq, bool scalar)
{
#if defined(__x86_64__) && !defined(VIRTIO_SCALAR)
	/* Bounced, copying costs more than eight at a time would save. */
	if (!nq->slots && !scalar)
		nq->q.active_burst = nq->q.tx ? tx[queue_worker(&nq->q)->simd]
					      : rx[nq->mode][queue_worker(&nq->q)->simd];
#endif
}
