/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Receive and refill, eight at a time. Included by rx_avx2.c and rx_avx512.c.
 *
 * Eight used elements are read once, into registers. They are accepted if virtq_rx_plain() would
 * accept all eight; else that function decides, on a read of its own.
 */
#include "dma/lanes.h"
#include "virtio/ring/split.h"

#ifdef SIMD_TARGET

/*
 * Whether eight headers are plain. The next eight are prefetched meanwhile.
 *
 * @rest: receives the checksum results, as flags of the tokens.
 */
SIMD_INLINE bool
plain_headers(const uint8_t *hdr, const uint32_t *bufs, const uint32_t *ahead, uint32_t stride,
	      unsigned mode, d8 *rest)
{
	uint32_t meta[LANES] __attribute__((aligned(32))), differ = 0;

	for (unsigned k = 0; k < LANES; k++) {
		const uint8_t *h = hdr + (size_t)bufs[k] * stride;

		__builtin_prefetch(hdr + (size_t)SHADOW_BUF(ahead[k]) * stride);
		if (mode & NIC_MODE_META) {
			meta[k] = shared_load16_at(h);
			differ |= MUST_ZERO(rx_plain_meta,
					    meta[k] & ~(uint32_t)VIRTIO_NET_HDR_F_DATA_VALID);
		}
		if (mode & NIC_MODE_SEGS)
			differ |= MUST_ZERO(rx_plain_segs,
					    shared_load16_at(h + offsetof(struct virtio_net_hdr,
									  num_buffers)) ^
						    1u);
	}
	if (mode & NIC_MODE_META) /* bit 1 becomes the lower L4 bit, in the uppermost byte */
		*rest = _mm256_slli_epi32(d8_load(meta), 24 + BATON_TOKEN_L4_SHIFT - 1);
	return !differ;
}

_Static_assert(VIRTIO_NET_HDR_F_DATA_VALID == 2 && BATON_CSUM_GOOD == 1, "a shift moves one to the "
									 "other");

SIMD_INLINE unsigned
receive8(struct nic_queue *nq, const struct baton_pool_view *v, struct baton_token *tokens,
	 unsigned n, unsigned mode, struct rx_counts *r)
{
	const shared64 *const ring = virtq_used_ring(nq);
	const uint32_t start = r->pos & nq->mask, size = nq->mask + 1u;
	const uint32_t least = NET_HDR_LEN + NIC_ETH_HLEN,
		       end = size - start < n ? size : start + n;
	/* A token's two halves: {buf:32, off:16, len:16} and {gen:16, pool:8, flags:8, hash:32}. */
	const q8 off = q8_set((uint64_t)v->headroom << 32), pool = q8_set((uint64_t)v->index << 16);
	const d8 span = d8_set(nq->posted_len - least);
	d8 ids = d8_iota(start), sum = d8_set(0);
	uint32_t place;

	for (place = start; place + LANES <= end; place += LANES, tokens += LANES) {
		const uint32_t *const bufs = nq->shadow + place;
		const uint32_t *const ahead = place + 2 * LANES <= size ? bufs + LANES : nq->shadow;
		const q8 elem = shared_load8(&ring[place]);
		const d8 len = q8_high(elem);
		d8 rest = d8_set(0); /* {gen:16, 0:8, flags:8} */
		q8 first;

		if (baton_unlikely(!d8_all(
			    _mm256_and_si256(MUST8(rx_plain_id,
						   _mm256_cmpeq_epi32(q8_low(elem), ids)),
					     MUST8(rx_plain_len,
						   d8_at_most(_mm256_sub_epi32(len, d8_set(least)),
							      span))))))
			break;
		if (mode && baton_unlikely(!plain_headers(v->data + nq->post_off, bufs, ahead,
							  v->stride, mode, &rest)))
			break;
		first = q8_shl(q8_of(_mm256_sub_epi32(len, d8_set(NET_HDR_LEN))), 48);
		first = q8_or(q8_or(first, off), q8_of(d8_load(bufs)));
		rest = _mm256_or_si256(rest, dma_take8(v, bufs));
		q8_zip(tokens, first, q8_or(q8_of(rest), pool));
		sum = _mm256_add_epi32(sum, len);
		ids = _mm256_add_epi32(ids, d8_set(LANES));
	}
	n = place - start;
	r->pos = (uint16_t)(r->pos + n);
	r->tokens += n;
	r->packets += n;
	r->bytes += d8_sum(sum) - (uint64_t)n * NET_HDR_LEN;
	return n;
}

/*
 * Flags and lengths of the descriptors are set already; they are written again together with the
 * address.
 */
SIMD_INLINE void
post8(struct nic_queue *nq, const struct baton_pool_view *v, struct dma_cache *c, unsigned n)
{
	struct vring_desc *const desc = virtq_of_nic(nq)->desc;
	const q8 base = q8_set(v->iova + nq->post_off), stride = q8_set(v->stride);
	const q8 rest = q8_set(nq->posted_len | (uint64_t)VRING_DESC_F_WRITE << 32);

	while (n) {
		const uint32_t start = nq->posted & nq->mask, lie = nq->mask + 1u - start;
		unsigned k = n < lie ? n : lie, i;

		k = nq->in_order ? k & ~(LANES - 1) : 0;
		if (baton_unlikely(!k)) { /* up to the end of the ring, or what is left */
			k = n < LANES ? n : LANES;
			virtq_rx_post(nq, v, c, k);
		} else {
			for (i = 0; i < k; i += LANES) {
				const d8 bufs = d8_reverse(d8_load(c->idx + c->n - i - LANES));

				d8_store(nq->shadow + start + i, bufs);
				q8_zip(desc + start + i, q8_add(q8_mul(q8_of(bufs), stride), base),
				       rest);
			}
			dma_cache_set(c, c->n - k);
			nq->posted = (uint16_t)(nq->posted + k);
		}
		n -= k;
	}
}

static const struct rx_loops by_eight = { receive8, post8, virtq_rx_plain, virtq_rx_rest };

SIMD_TARGET int
SIMD_NAME(virtq_rx_burst)(struct baton_queue *q, struct baton_token *tokens, unsigned n)
{
	return nic_rx_burst(q, tokens, n, 0, &by_eight, &split_rx);
}

SIMD_TARGET int
SIMD_NAME(virtq_rx_burst_segs)(struct baton_queue *q, struct baton_token *tokens, unsigned n)
{
	return nic_rx_burst(q, tokens, n, NIC_MODE_SEGS, &by_eight, &split_rx);
}

SIMD_TARGET int
SIMD_NAME(virtq_rx_burst_meta)(struct baton_queue *q, struct baton_token *tokens, unsigned n)
{
	return nic_rx_burst(q, tokens, n, NIC_MODE_META, &by_eight, &split_rx);
}

SIMD_TARGET int
SIMD_NAME(virtq_rx_burst_segs_meta)(struct baton_queue *q, struct baton_token *tokens, unsigned n)
{
	return nic_rx_burst(q, tokens, n, NIC_MODE_META | NIC_MODE_SEGS, &by_eight, &split_rx);
}

#endif
