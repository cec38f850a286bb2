/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A send burst: reclaim; then a loop for plain packets, which stops before the first packet of
 * another kind; then the code for other packets. The loops process one packet at a time (tx.c) or
 * eight (tx_vec.h); the rest is the same code.
 */
#ifndef VIRTIO_TX_H
#define VIRTIO_TX_H

#include "virtio.h"

#define TX_DONE 0x80

/*
 * Each processes some of @n, from the tail or head of the queue on, and returns how many. All are
 * constants to the compiler.
 */
struct tx_loops {
	/* Count the elements that name the packets at the tail in order. */
	unsigned (*in_turn)(const struct virtq *vq, unsigned n);
	/* Free packets of one buffer at the tail, of one pool, into the cache. */
	unsigned (*release)(struct virtq *vq, unsigned n);
	/* Post packets of one buffer with headroom, of one pool. */
	unsigned (*post)(struct virtq *vq, const struct baton_token *tokens, unsigned n,
			 uint64_t *bytes);
	/* Send a packet that is not plain, as virtq_tx_send_chain() does. */
	int (*chain)(struct virtq *vq, const struct baton_token *tokens, unsigned n, bool first,
		     uint64_t *bytes);
};

unsigned virtq_tx_in_turn(const struct virtq *vq, unsigned n);
unsigned virtq_tx_release(struct virtq *vq, unsigned n);
unsigned virtq_tx_post(struct virtq *vq, const struct baton_token *tokens, unsigned n,
		       uint64_t *bytes);

/*
 * Whether @n packets can be in flight. Completions count packets, and each packet in flight has one
 * descriptor at least.
 */
static inline bool
virtq_tx_are_posted(const struct virtq *vq, unsigned n)
{
	return MUST(tx_jump, n <= (uint16_t)(vq->head - vq->tail));
}

/* The rare cases. */
int virtq_tx_check_batch(struct virtq *vq, uint16_t published);
unsigned virtq_tx_release_tail(struct virtq *vq);
int virtq_tx_any_order(struct virtq *vq, unsigned n, unsigned freed);
BATON_COLD int virtq_tx_jumped(struct virtq *vq, unsigned published);
int virtq_tx_send_chain(struct virtq *vq, const struct baton_token *t, unsigned n, bool first,
			uint64_t *bytes);
void virtq_tx_avail_put(struct virtq *vq, unsigned n);

/* Record that the @descs descriptors from the head on are a packet. */
static inline void
virtq_tx_chain_done(struct virtq *vq, unsigned descs)
{
	vq->segs[vq->head & vq->mask] = (uint8_t)descs;
	if (descs > 1)
		vq->plain_run = 0;
	else if (vq->plain_run <= vq->mask)
		vq->plain_run++;
	virtq_tx_avail_put(vq, 1);
	vq->head = (uint16_t)(vq->head + descs);
}

/* A packet, and what it needs to be sent. */
struct tx_chain {
	const struct baton_token *t;
	unsigned segs;
	unsigned extra; /* 1: no headroom, the header takes a descriptor of its own */
	unsigned slots; /* bounced: number of descriptors, each with a slot, in place of the buffers
			 */
	uint32_t len;
	struct virtio_net_hdr hdr;
};

void virtq_tx_put_desc(struct virtq *vq, uint16_t d, uint64_t addr, uint32_t len, uint16_t flags);

/* ---- tx_bounce.c ---- */

/** Count the slots that the packet takes. Return: 0 if all of its buffers are direct. */
unsigned virtq_tx_slots_for(const struct virtq *vq, const struct tx_chain *c);

/** Whether there are @n slots. Missing slots are counted. */
bool virtq_tx_slots_ready(struct virtq *vq, unsigned n);

/** Copy the packet into slots from the head on, and free its buffers. */
void virtq_tx_put_slots(struct virtq *vq, const struct tx_chain *c);

/* Free the descriptors at the tail whose packets are complete. */
static inline void
virtq_tx_advance(struct virtq *vq)
{
	while (vq->tail != vq->head && (vq->segs[vq->tail & vq->mask] & TX_DONE))
		vq->tail = (uint16_t)(vq->tail + (vq->segs[vq->tail & vq->mask] & ~TX_DONE));
}

/*
 * IN_ORDER: the distance of the index tells which packets are complete. Only one element is
 * certainly valid, the first one that was published, and it must name one of these packets (virtio
 * 1.2, 2.7.9). batch_end is the position up to which elements are validated.
 */
static inline __attribute__((always_inline)) int
reclaim_in_order(struct virtq *vq, unsigned n, uint16_t published, const struct tx_loops *loops)
{
	unsigned freed = 0;
	uint16_t checked;
	int ret;

	if (vq->batch_end == vq->used_idx) {
		ret = virtq_tx_check_batch(vq, published);
		if (baton_unlikely(ret < 0))
			return ret;
	}
	checked = (uint16_t)(vq->batch_end - vq->used_idx);
	if (n > checked)
		n = checked;
	if (baton_unlikely(!virtq_tx_are_posted(vq, n)))
		return virtq_tx_jumped(vq, n);
	for (unsigned i = 0; i < n;) {
		unsigned run = loops->release(vq, n - i);

		i += run;
		freed += run;
		if (run || i == n)
			continue;
		freed += virtq_tx_release_tail(vq);
		i++;
	}
	vq->used_idx = (uint16_t)(vq->used_idx + n);
	return (int)freed;
}

static inline __attribute__((always_inline)) int
virtq_tx_reclaim_by(struct virtq *vq, unsigned budget, const struct tx_loops *loops)
{
	uint16_t published = (uint16_t)(shared_load16_acquire(&vq->used->idx) - vq->used_idx);
	unsigned n = published < budget ? published : budget;
	unsigned freed = 0;

	if (!n)
		return 0;
	if (baton_unlikely(!MUST(tx_jump, published <= (uint16_t)(vq->avail_idx - vq->used_idx))))
		return virtq_tx_jumped(vq, published);
	if (vq->feature_in_order)
		return reclaim_in_order(vq, n, published, loops);
	while (freed < n) {
		unsigned run = loops->in_turn(vq, n - freed < DMA_BATCH ? n - freed : DMA_BATCH);

		if (baton_unlikely(!virtq_tx_are_posted(vq, run)))
			return virtq_tx_jumped(vq, run);
		run = run ? loops->release(vq, run) : 0;
		if (!run)
			break;
		vq->used_idx = (uint16_t)(vq->used_idx + run);
		freed += run;
		virtq_tx_advance(vq); /* over packets that were completed out of order */
	}
	return baton_likely(freed == n) ? (int)freed : virtq_tx_any_order(vq, n, freed);
}

/*
 * Return: the number of packets taken. virtq_tx_send_chain() sends the next packet, or reports what
 * is wrong with it.
 */
static inline __attribute__((always_inline)) unsigned
send_plain(struct virtq *vq, const struct baton_token *tokens, unsigned n, uint64_t *bytes,
	   const struct tx_loops *loops)
{
	const unsigned room = vq->q.descs - (uint16_t)(vq->head - vq->tail);
	const unsigned i = loops->post(vq, tokens, n < room ? n : room, bytes);

	for (unsigned k = 0; vq->plain_run <= vq->mask && k < i; k++, vq->plain_run++)
		vq->segs[(vq->head + k) & vq->mask] = 1;
	if (baton_likely(vq->avail_run > vq->mask &&
			 vq->avail_offset == ((vq->head - vq->avail_idx) & vq->mask)))
		vq->avail_idx = (uint16_t)(vq->avail_idx + i); /* the entries are there already */
	else
		virtq_tx_avail_put(vq, i);
	vq->head = (uint16_t)(vq->head + i);
	return i;
}

static inline __attribute__((always_inline)) int
virtq_send(struct baton_queue *q, const struct baton_token *tokens, unsigned n,
	   const struct tx_loops *loops)
{
	struct virtq *vq = virtq_of(q);
	unsigned done = 0, packets = 0;
	uint64_t bytes = 0;
	int ret = 0;

	/*
	 * Do not reclaim at every burst: the used index shares its line with what the device
	 * writes, and several completions at once are cheaper. Half of the ring remains for the
	 * device, and buffers are freed before the cache needs them.
	 */
	if ((uint16_t)(vq->head - vq->tail) + n > q->descs / 2) {
		ret = virtq_tx_reclaim_by(vq, UINT16_MAX, loops);
		if (baton_unlikely(ret < 0))
			return ret;
	}
	while (done < n) {
		unsigned plain = send_plain(vq, tokens + done, n - done, &bytes, loops);

		done += plain;
		packets += plain;
		if (baton_likely(done == n))
			break;
		if (plain)
			continue; /* the reason is another pool, the end of the ring, or a packet
				     that is not plain */
		ret = loops->chain(vq, tokens + done, n - done, !done, &bytes);
		if (ret <= 0)
			break;
		done += (unsigned)ret;
		packets++;
	}
	if (!done)
		return ret < 0 ? ret : 0;
	virtq_publish(vq);
	queue_count(&q->stats.packets, packets);
	queue_count(&q->stats.bytes, bytes);
	return (int)done;
}

#endif
