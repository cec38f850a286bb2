/* SPDX-License-Identifier: BSD-3-Clause */
/* Send and reclaim, eight at a time. Included by tx_avx2.c and tx_avx512.c. */
#include "dma/lanes.h"
#include "virtio/ring/split.h"

#ifdef SIMD_TARGET

/* Bytes in front of a packet that writing its header in one store needs. */
#define HDR_STORE 16u

SIMD_INLINE unsigned
in_turn8(const struct nic_queue *nq, unsigned n)
{
	unsigned i;

	for (i = 0; i + LANES <= n; i += LANES) {
		const uint32_t place = (nq->done + i) & nq->mask, d = (nq->tail + i) & nq->mask;

		if (baton_unlikely(place + LANES > nq->mask + 1u || d + LANES > nq->mask + 1u))
			break;
		if (baton_unlikely(
			    !d8_all(MUST8(tx_in_turn,
					  _mm256_cmpeq_epi32(q8_low(shared_load8(
								     &virtq_used_ring(nq)[place])),
							     d8_iota(d))))))
			break;
	}
	return i ? i : virtq_tx_in_turn(nq, n < LANES ? n : LANES);
}

SIMD_INLINE unsigned
release8(struct nic_queue *nq, unsigned n)
{
	const uint32_t start = nq->tail & nq->mask, size = nq->mask + 1u;
	const uint32_t pool = SHADOW_POOL(nq->shadow[start]);
	struct dma_cache *c = pool < BATON_MAX_POOLS ? queue_worker(&nq->q)->caches[pool] : NULL;
	const d8 model = d8_set(SHADOW(pool, 0));
	unsigned i = 0;

	n = n < size - start ? n : size - start;
	if (baton_likely(c && n >= LANES)) {
		n = n < c->batch ? n : c->batch;
		dma_cache_room(c, n);
		for (; i + LANES <= n; i += LANES) {
			const d8 s = d8_load(nq->shadow + start + i);
			const d8 bufs = _mm256_xor_si256(s, model);
			uint64_t segs;

			memcpy(&segs, nq->segs + start + i, sizeof(segs));
			/*
			 * One of the upper eight bits is set if it is of another pool, or
			 * SHADOW_NONE.
			 */
			if (baton_unlikely(segs != 0x0101010101010101 ||
					   !d8_all(d8_at_most(bufs, d8_set(BATON_MAX_BUFS - 1)))))
				break;
			d8_store(c->idx + c->n, bufs);
			dma_cache_set(c, c->n + LANES);
		}
		nq->tail = (uint16_t)(nq->tail + i);
	}
	return i ? i : virtq_tx_release(nq, n < LANES ? n : LANES);
}

SIMD_INLINE void
put_headers8(const struct baton_pool_view *v, q8 at)
{
	uint64_t offset[LANES] __attribute__((aligned(64)));

	q8_store(offset, at);
	for (unsigned k = 0; k < LANES; k++)
		memset(v->data + offset[k], 0, HDR_STORE);
}

/*
 * Whether virtq_tx_post() would take them, with one difference: the header needs four more bytes in
 * front of it.
 */
SIMD_INLINE bool
plain8(const struct tokens8 *t, const struct baton_pool_view *v, uint32_t pool, d8 longest)
{
	const d8 partial = d8_set((uint32_t)BATON_CSUM_PARTIAL << (24 + BATON_TOKEN_L4_SHIFT));
	const d8 wanted = _mm256_cmpeq_epi32(_mm256_and_si256(t->rest, partial), partial);
	const d8 length = d8_at_most(_mm256_sub_epi32(t->len, d8_set(1)), longest);
	const d8 headroom = d8_at_most(d8_set(HDR_STORE), t->off);
	const d8 inside = tokens8_inside(t, v, v->direct_len, pool, BATON_TOKEN_CONT);

	return d8_all(
		_mm256_andnot_si256(wanted,
				    _mm256_and_si256(inside, _mm256_and_si256(length, headroom))));
}

SIMD_INLINE unsigned
post8(struct nic_queue *nq, const struct baton_token *tokens, unsigned n, uint64_t *sum)
{
	const uint32_t pool = n ? tokens->pool : 0;
	const struct baton_pool_view *const v = &nq->q.views[pool];
	const uint32_t start = nq->head & nq->mask, size = nq->mask + 1u;
	const unsigned lie = n < size - start ? n : size - start;
	const d8 model = d8_set(SHADOW(pool, 0)), longest = d8_set(nq->q.max_len - 1);
	const q8 stride = q8_set(v->stride), iova = q8_set(v->iova + HDR_STORE - NET_HDR_LEN);
	d8 bytes = d8_set(0);
	unsigned i;

	for (i = 0; i + LANES <= lie; i += LANES) {
		const struct tokens8 t = tokens8_load(tokens + i);
		uint32_t *const shadow = nq->shadow + start + i;
		uint32_t bufs[LANES] __attribute__((aligned(32)));
		q8 at;

		if (baton_unlikely(!plain8(&t, v, pool, longest)))
			break;
		d8_store(bufs, t.bufs);
		if (baton_unlikely(!dma_give8(v, bufs, tokens8_gens(&t), nq->q.owner)))
			break;
		at = q8_add(q8_mul(t.first, stride),
			    q8_of(_mm256_sub_epi32(t.off, d8_set(HDR_STORE))));
		put_headers8(v, at);
		q8_zip(virtq_of_nic(nq)->desc + start + i, q8_add(at, iova),
		       q8_of(_mm256_add_epi32(t.len, d8_set(NET_HDR_LEN))));
		d8_store(shadow, _mm256_or_si256(t.bufs, model));
		dma_poison8(v, bufs);
		bytes = _mm256_add_epi32(bytes, t.len);
	}
	*sum += d8_sum(bytes);
	return i;
}

/*
 * Send eight at a time, then the rest one by one, up to the end of the ring or the first packet
 * that is not plain.
 */
SIMD_INLINE unsigned
post(struct nic_queue *nq, const struct baton_token *tokens, unsigned n, uint64_t *sum)
{
	const unsigned i = post8(nq, tokens, n, sum);

	return i ? i : virtq_tx_post(nq, tokens, n < LANES ? n : LANES, sum);
}

SIMD_TARGET int
SIMD_NAME(virtq_tx_burst)(struct baton_queue *q, struct baton_token *tokens, unsigned n)
{
	static const struct tx_loops loops = {
		.in_turn = in_turn8,
		.release = release8,
		.post = post,
		.chain = virtq_tx_chain,
		.any_order = virtq_tx_any_order,
	};

	return nic_tx_burst(q, tokens, n, &loops, &split_tx);
}

#endif
