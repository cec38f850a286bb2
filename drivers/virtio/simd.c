/* SPDX-License-Identifier: BSD-3-Clause */
/* Which variant of the bursts a queue runs: decided at start, by the CPU, the features and vectorized=0. */
#include "virtio.h"

typedef int burst_fn(struct baton_queue *q, struct baton_token *tokens, unsigned n);

#ifdef __x86_64__
#define VARIANTS(name) { name, name##_avx2, name##_avx512 }
#else
#define VARIANTS(name) { name, name, name }
#endif

void
virtq_choose(struct virtq *vq, const struct virtio_dev *vd)
{
	static burst_fn *const rx[] = VARIANTS(virtq_rx_burst);
	static burst_fn *const rx_mergeable[] = VARIANTS(virtq_rx_burst_mergeable);
	static burst_fn *const tx[] = VARIANTS(virtq_tx_burst);
	const enum simd_level level = vd->scalar ? SIMD_NONE : vq->q.worker->simd;

	vq->q.active_burst = (vq->q.tx ? tx : vq->mergeable ? rx_mergeable : rx)[level];
}
