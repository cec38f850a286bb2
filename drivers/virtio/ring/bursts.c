/* SPDX-License-Identifier: BSD-3-Clause */
/* The kit's bursts for split rings, and what is rare in them. */
#include "virtio/ring/split.h"

/*
 * Whether the header is valid. Unknown flags are ignored. Invalid are a segmentation that was not
 * negotiated, and a checksum outside of the packet.
 */
static int
meta_error(unsigned flags, unsigned gso_type, uint32_t start, uint32_t offset, uint32_t len)
{
	/* With RSC_INFO the two fields have another meaning. */
	if (!MUST(rx_gso, gso_type == VIRTIO_NET_HDR_GSO_NONE))
		return RX_ERROR_SEGMENTATION;
	if (!(flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
		return RX_GOOD;
	if (!MUST(rx_rsc, !(flags & VIRTIO_NET_HDR_F_RSC_INFO)))
		return RX_ERROR_SEGMENTATION;
	return MUST(rx_csum_start, start >= NIC_ETH_HLEN) &&
			       MUST(rx_csum_end, start + offset + 2 <= len)
		       ? RX_GOOD
		       : RX_ERROR_CSUM_RANGE;
}

/* The device's checksum result: virtio 1.2, 5.1.6.4. */
int
virtq_rx_verdict(const struct nic_queue *nq, uint64_t meta, struct baton_token *t, uint32_t len)
{
	const struct baton_pool_view *pool = &nq->q.pool->view;
	const uint8_t flags = (uint8_t)meta;
	const uint16_t start = (uint16_t)(meta >> 16), offset = (uint16_t)(meta >> 32);
	struct baton_side side = { .valid = BATON_SIDE_CSUM,
				   .l2_len = NIC_ETH_HLEN,
				   .csum_offset = offset };
	const int error = meta_error(flags, (uint8_t)(meta >> 8), start, offset, len);

	if (error != RX_GOOD || !t)
		return error;
	if (!(flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)) {
		if (flags & VIRTIO_NET_HDR_F_DATA_VALID)
			t->flags |= BATON_CSUM_GOOD << BATON_TOKEN_L4_SHIFT;
		return RX_GOOD;
	}
	side.l3_len = (uint16_t)(start - NIC_ETH_HLEN); /* with VLAN tags, if any */
	memcpy(pool->side + (size_t)t->buf * BATON_SIDE_SIZE, &side, sizeof(side));
	t->flags |= BATON_TOKEN_SIDE | BATON_CSUM_PARTIAL << BATON_TOKEN_L4_SHIFT;
	return RX_GOOD;
}

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
