/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A receive burst: a loop for plain packets, which stops before the first packet of another kind;
 * then the code for other packets. The loop processes one packet at a time (rx.c) or eight
 * (rx_vec.h); the rest is the same code.
 */
#ifndef VIRTIO_RX_H
#define VIRTIO_RX_H

#include "virtio.h"

#define ETH_HLEN 14u

/* The parts of a packet's header that are read: a constant to the compiler in every burst. */
#define RX_MERGEABLE 1u /* num_buffers */
#define RX_CSUM      2u /* flags and gso_type, and where a checksum is missing */

/* The result of a burst so far. */
struct rx_counts {
	unsigned tokens, packets;
	uint64_t bytes;
	uint16_t pos;
};

/**
 * Receive plain packets one by one: of one buffer, completed in ring order. Return: the number of
 * packets.
 */
unsigned virtq_rx_plain(struct virtq *vq, const struct baton_pool_view *v,
			struct baton_token *tokens, unsigned n, unsigned mode, struct rx_counts *r);

/** Receive packets of any kind, up to @used. Return: 0; -EIO after a violation. */
int virtq_rx_rest(struct virtq *vq, const struct baton_pool_view *v, struct baton_token *tokens,
		  unsigned n, uint16_t used, unsigned mode, struct rx_counts *r);

/**
 * The completion at ring position @pos, with @published from there on, by all rules.
 *
 * Return: what the shadow has of its descriptor, with the length the device says in @len;
 * SHADOW_NONE after a violation.
 */
uint32_t virtq_rx_next(struct virtq *vq, uint16_t pos, uint16_t published, uint32_t *len);

/** Free the tokens of a packet that is not delivered. */
void virtq_rx_untake(struct virtq *vq, const struct baton_pool_view *v,
		     const struct baton_token *tokens, unsigned n);

/* The fields of a header about checksums and segmentation. */
struct rx_meta {
	uint8_t flags, gso_type;
	uint16_t csum_start, csum_offset;
};

struct rx_meta virtq_rx_meta(const uint8_t *hdr);
#define RX_GOOD (-1)

/** Return: RX_GOOD, or why the packet of @len bytes is to be dropped: enum rx_error. */
int virtq_rx_meta_error(const struct rx_meta *m, uint32_t len);
int virtq_rx_verdict(const struct virtq *vq, const struct rx_meta *m, struct baton_token *t,
		     uint32_t len);

/**
 * After completions out of order: let descriptors go back to the positions they belong to, as far
 * as both are free, with completions up to @consumed consumed. When all are there, and the device
 * has completed a whole ring in the order of posting, the queue is `in_order` again.
 *
 * Descriptors that are far from their positions are free together with their positions only when
 * much of the ring is free. So a ring that stays displaced through whole turns is refilled later.
 */
void virtq_rx_reorder(struct virtq *vq, uint16_t consumed);

/** Post the topmost @n buffers of the cache, in ring order. */
void virtq_rx_post(struct virtq *vq, const struct baton_pool_view *v, struct dma_cache *c,
		   unsigned n);

BATON_COLD int virtq_rx_no_room(const struct virtq *vq, unsigned n);
BATON_COLD int virtq_rx_jumped(struct virtq *vq, uint16_t published);

/* The loops of a burst. All are constants to the compiler. */
struct rx_loops {
	/*
	 * Receive plain packets eight at a time, up to the end of the ring at most. NULL: there is
	 * no such loop.
	 */
	unsigned (*receive)(struct virtq *vq, const struct baton_pool_view *v,
			    struct baton_token *tokens, unsigned n, unsigned mode,
			    struct rx_counts *r);
	/* See virtq_rx_post(). */
	void (*post)(struct virtq *vq, const struct baton_pool_view *v, struct dma_cache *c,
		     unsigned n);
};

/* Post buffers of the worker's cache in all free descriptors. */
static inline __attribute__((always_inline)) void
refill(struct virtq *vq, const struct baton_pool_view *v, const struct rx_loops *loops)
{
	struct baton_queue *q = &vq->q;
	unsigned free_ = q->descs - (uint16_t)(vq->avail_idx - vq->used_idx);

	while (free_) {
		unsigned want = free_ < DMA_BATCH ? free_ : DMA_BATCH;
		unsigned n = dma_cache_reserve(q->cache, want);

		loops->post(vq, v, q->cache, n);
		free_ -= n;
		if (baton_unlikely(n < want)) {
			queue_count(&q->stats.nobuf, 1);
			break;
		}
	}
	virtq_publish(vq);
}

/* A burst has ended at r->pos: count what it received. */
static inline __attribute__((always_inline)) void
virtq_rx_consumed(struct virtq *vq, const struct rx_counts *r)
{
	struct baton_queue *q = &vq->q;

	vq->used_idx = r->pos;
	if (r->packets) {
		queue_count(&q->stats.packets, r->packets);
		queue_count(&q->stats.bytes, r->bytes);
	}
}

static inline __attribute__((always_inline)) int
virtq_receive(struct baton_queue *q, struct baton_token *tokens, unsigned n, unsigned mode,
	      const struct rx_loops *loops)
{
	struct virtq *vq = virtq_of(q);
	const struct baton_pool_view *v = &q->views[q->pool->view.index];
	const uint16_t used = shared_load16_acquire(&vq->used->idx);
	const uint16_t published = (uint16_t)(used - vq->used_idx);
	const unsigned most = published < n ? published : n;
	struct rx_counts r = { .pos = vq->used_idx };
	int ret = 0;

	if (baton_unlikely(n < q->max_segs))
		return virtq_rx_no_room(vq, n);
	if (baton_unlikely(!MUST(rx_jump, published <= (uint16_t)(vq->avail_idx - vq->used_idx))))
		return virtq_rx_jumped(vq, published);
	if (baton_likely(vq->in_order && !vq->in_batch &&
			 vq->posted_len >= NET_HDR_LEN + ETH_HLEN)) {
		/* A run of eights ends at the end of the ring, or with the rest of the burst. */
		while (r.tokens < most) {
			unsigned want = most - r.tokens, got;

			if (loops->receive && want >= 8) {
				loops->receive(vq, v, tokens + r.tokens, want, mode, &r);
				want = most - r.tokens < 8 ? most - r.tokens : 8;
				if (!want)
					break;
			}
			got = virtq_rx_plain(vq, v, tokens + r.tokens, want, mode, &r);
			if (got < want)
				break;
		}
	}
	if (baton_unlikely(r.pos != used && n - r.tokens >= q->max_segs))
		ret = virtq_rx_rest(vq, v, tokens, n, used, mode, &r);
	virtq_rx_consumed(vq, &r);
	if (baton_unlikely(ret < 0))
		/* The packets before the violation are valid; the next burst returns -EIO. */
		return r.tokens ? (int)r.tokens : ret;
	if (q->descs - (uint16_t)(vq->avail_idx - vq->used_idx) >= vq->refill)
		refill(vq, v, loops);
	return (int)r.tokens;
}

#endif
