/* SPDX-License-Identifier: BSD-3-Clause */
/* What the header of a received packet says of its checksum and of segments: virtio 1.2, 5.1.6.4.
 */
#include "packet/headers.h"
#include "virtio/ring/split.h"

/* The header, read once. */
struct said {
	uint8_t flags, gso_type;
	uint16_t start, offset, size; /* csum_start, csum_offset, gso_size */
};

/*
 * Whether flags and checksum are valid. Unknown flags are ignored. Invalid is a checksum outside of
 * the packet.
 */
static int
csum_error(const struct said *s, uint32_t len)
{
	if (!(s->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
		return RX_GOOD;
	/* With RSC_INFO the two fields have another meaning. */
	if (!MUST(rx_rsc, !(s->flags & VIRTIO_NET_HDR_F_RSC_INFO)))
		return RX_ERROR_SEGMENTATION;
	return MUST(rx_csum_start, s->start >= NIC_ETH_HLEN) &&
			       MUST(rx_csum_end, (uint32_t)s->start + s->offset + 2 <= len)
		       ? RX_GOOD
		       : RX_ERROR_CSUM_RANGE;
}

/* Whether the packet's headers are those that the device says it may be cut by. */
static bool
fits(const struct said *s, const struct headers *h)
{
	const bool udp = s->gso_type == VIRTIO_NET_HDR_GSO_UDP_L4;

	return h->l4 && !h->routed && h->proto == (udp ? PROTO_UDP : PROTO_TCP) &&
	       (udp || h->ip == (s->gso_type == VIRTIO_NET_HDR_GSO_TCPV4 ? 4 : 6)) &&
	       s->start == h->l2_len + h->l3_len && s->offset == (udp ? 6 : 16);
}

/*
 * Whether a packet of segments is valid: a type that was negotiated, with segments, and headers to
 * cut it by. @side: receives how.
 */
static int
gso_error(const struct virtq *vq, const struct said *s, uint32_t len, const uint8_t *data,
	  uint32_t have, struct baton_side *side)
{
	uint8_t first[HEADERS_MOST];
	struct headers h;

	/* ECN is a bit of its own, which is not negotiated. */
	if (!MUST(rx_gso, s->gso_type < 8 && vq->gso >> s->gso_type & 1))
		return RX_ERROR_SEGMENTATION;
	if (!MUST(rx_gso_csum, s->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) ||
	    !MUST(rx_gso_size, s->size))
		return RX_ERROR_SEGMENTATION;
	have = have < sizeof(first) ? have : sizeof(first);
	shared_copy(first, data, have);
	headers_find(first, have, len, &h);
	if (!MUST(rx_gso_headers, fits(s, &h)))
		return RX_ERROR_SEGMENTATION;
	/* What is one segment need not be cut. */
	if (len - ((uint32_t)h.l2_len + h.l3_len + h.l4_len) <= s->size)
		return RX_GOOD;
	side->l2_len = h.l2_len;
	side->l3_len = h.l3_len;
	side->l4_len = h.l4_len;
	side->seg_size = s->size;
	side->valid |= BATON_SIDE_SEGMENT;
	return RX_GOOD;
}

/* The longest packet that may be received, of those that may be long at all. */
static int
length_error(const struct virtq *vq, const struct baton_side *side, uint32_t len)
{
	const uint32_t most = side->valid & BATON_SIDE_SEGMENT ? vq->nq.q.port->info.max_lro_len
							       : port_frame_max(BATON_MAX_MTU);

	return !vq->gso || MUST(rx_gso_len, len <= most) ? RX_GOOD : RX_ERROR_TOO_LONG;
}

int
virtq_rx_verdict(const struct nic_queue *nq, uint64_t meta, struct baton_token *t, uint32_t len,
		 const uint8_t *data, uint32_t have)
{
	const struct baton_pool_view *pool = &nq->q.pool->view;
	const struct virtq *vq = virtq_of_nic_const(nq);
	const struct said s = { .flags = (uint8_t)meta,
				.gso_type = (uint8_t)(meta >> 8),
				.start = (uint16_t)(meta >> 16),
				.offset = (uint16_t)(meta >> 32),
				.size = (uint16_t)(meta >> 48) };
	/* l3_len contains VLAN tags, if any. */
	struct baton_side side = { .valid = BATON_SIDE_CSUM,
				   .l2_len = NIC_ETH_HLEN,
				   .l3_len = (uint16_t)(s.start - NIC_ETH_HLEN),
				   .csum_offset = s.offset };
	int error = csum_error(&s, len);

	if (error == RX_GOOD && s.gso_type != VIRTIO_NET_HDR_GSO_NONE)
		error = gso_error(vq, &s, len, data, have, &side);
	if (error == RX_GOOD)
		error = length_error(vq, &side, len);
	if (error != RX_GOOD || !t)
		return error;
	if (!(s.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)) {
		if (s.flags & VIRTIO_NET_HDR_F_DATA_VALID)
			t->flags |= BATON_CSUM_GOOD << BATON_TOKEN_L4_SHIFT;
		return RX_GOOD;
	}
	memcpy(pool->side + (size_t)t->buf * BATON_SIDE_SIZE, &side, sizeof(side));
	t->flags |= BATON_TOKEN_SIDE | BATON_CSUM_PARTIAL << BATON_TOKEN_L4_SHIFT;
	return RX_GOOD;
}
