/* SPDX-License-Identifier: BSD-3-Clause */
/* The kit's bursts for split rings, and what is rare in them. */
#include "virtio/ring/split.h"

/* Validate the first element that was published, with IN_ORDER. */
int
virtq_tx_check_batch(struct nic_queue *nq, uint16_t published)
{
	const uint32_t id = split_tx_key(nq);

	if (baton_unlikely(!nic_tx_in_flight(nq, id)))
		return nic_tx_bad_key(nq, id);
	if (baton_unlikely(!MUST(tx_in_order, nic_tx_among_next(nq, id, published))))
		return queue_violation(&nq->q,
				       "in-order id %u is outside the %u completions published "
				       "(in_order=0 does without)",
				       id, published);
	virtq_of_nic(nq)->batch_end = (uint16_t)(nq->done + published);
	return 0;
}

void
virtq_tx_avail_put(struct nic_queue *nq, unsigned n)
{
	for (unsigned k = 0; k < n; k++)
		split_tx_avail(nq, (uint16_t)((nq->head + k) & nq->mask));
}

#define NIC_RX      split_rx
#define NIC_TX      split_tx
#define NIC_NAME(x) virtq_##x
#include "nic/bursts.h"
