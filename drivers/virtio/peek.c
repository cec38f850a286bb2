/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Look at packets that were completed and not taken. Nothing is written: not to the ring, not to
 * the memory of the device, not to the records of the queue. A wrong completion ends the look; the
 * burst that meets it decides.
 */
#include "rx.h"

#define FAR                                                                                        \
	256u /* buffers, at most: the search for a double completion costs the square of this      \
	      */

/* The position of the look; a copy of what complete() in rx.c uses. */
struct peek_cursor {
	const struct virtq *vq;
	const struct baton_pool_view *v;
	uint16_t pos, used;
	uint8_t in_batch;
	uint8_t out_of_turn; /* some completion was not that of the descriptor at its position */
	uint8_t counts;      /* only counts: what is completed twice does no harm */
	uint16_t batch_end;
	uint32_t batch_len;
};

/* A burst marks what it takes; here, the elements before position @pos say what it will have taken.
 */
static bool
taken_before(const struct peek_cursor *l, uint16_t pos, uint32_t id)
{
	const struct virtq *vq = l->vq;

	for (uint16_t p = vq->used_idx; l->out_of_turn && !l->counts && p != pos; p++)
		if ((uint32_t)shared_load64(&vq->used->ring[p & vq->mask]) == id)
			return true;
	return false;
}

/* The next completion's bytes, as the device says them. Return: NULL for what a burst would not
 * take. */
static const uint8_t *
next(struct peek_cursor *l, uint32_t *len)
{
	const struct virtq *vq = l->vq;
	const uint64_t elem = shared_load64(&vq->used->ring[l->pos & vq->mask]);
	uint32_t id = (uint32_t)elem, held;

	*len = (uint32_t)(elem >> 32);
	if (l->pos == l->used || (!MUST(rx_id, id <= vq->mask) && !l->in_batch))
		return NULL;
	if (vq->feature_in_order) {
		if (!l->in_batch) {
			l->batch_end = (uint16_t)(l->pos + ((id - l->pos) & vq->mask));
			l->batch_len = *len;
			if (!MUST(rx_in_order,
				  (uint16_t)(l->batch_end - l->pos) < (uint16_t)(l->used - l->pos)))
				return NULL;
		}
		l->in_batch = l->pos != l->batch_end;
		*len = l->in_batch ? vq->posted_len : l->batch_len;
		id = l->pos & vq->mask;
	}
	if (id != (uint32_t)(l->pos & vq->mask))
		l->out_of_turn = 1;
	held = vq->shadow[id];
	if (!MUST(rx_len, *len <= vq->posted_len) ||
	    !MUST(rx_posted, virtq_posted(vq, id) && !taken_before(l, l->pos, id)))
		return NULL;
	l->pos++;
	return vq->slots ? dma_slot(vq->slots, held)
			 : l->v->data + (size_t)held * l->v->stride + vq->post_off;
}

/* ASan builds poison buffers of the device. */
#if defined(__SANITIZE_ADDRESS__) || defined(SHARED_CLANG_ASAN)
__attribute__((no_sanitize_address, noinline)) static void
copy(uint8_t *to, const uint8_t *from, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		((volatile uint8_t *)to)[i] = from[i];
}
#else
static void
copy(uint8_t *to, const uint8_t *from, uint32_t len)
{
	memcpy(to, from, len);
}
#endif

/* Copy bytes of the packet, until there is no more room. */
static void
show(struct baton_peek *p, const uint8_t *from, uint32_t len)
{
	uint32_t at = p->len < p->room ? p->len : p->room,
		 n = len < p->room - at ? len : p->room - at;

	if (p->data && n)
		copy((uint8_t *)p->data + at, from, n);
	p->len += len;
}

/* Return: 1; 0: a burst would drop it; -1: nothing to be taken, or nothing that may be. */
static int
peek_packet(struct peek_cursor *l, struct baton_peek *p)
{
	const struct virtq *vq = l->vq;
	const uint16_t published = (uint16_t)(l->used - l->pos);
	struct rx_meta meta = { 0 };
	uint32_t len, first;
	const uint8_t *hdr = next(l, &len);
	unsigned segs = 1;

	if (!hdr || !MUST(rx_header, len >= NET_HDR_LEN))
		return -1;
	if (vq->mergeable)
		segs = shared_load16_at(hdr + offsetof(struct virtio_net_hdr, num_buffers));
	if (!MUST(rx_segs, segs - 1 < vq->q.max_segs) ||
	    !MUST(rx_segs_published, segs <= published))
		return -1;
	if (vq->csum)
		meta = virtq_rx_meta(hdr);
	p->len = 0;
	p->segs = (uint16_t)segs;
	first = len - NET_HDR_LEN;
	show(p, hdr + NET_HDR_LEN, first);
	for (unsigned i = 1; i < segs; i++) {
		const uint8_t *more = next(l, &len);

		if (!more)
			return -1;
		show(p, more, len);
		p->segs -= !len; /* an empty one is not delivered */
	}
	return MUST(rx_runt, first && p->len >= ETH_HLEN) &&
	       virtq_rx_meta_error(&meta, p->len) == RX_GOOD;
}

/* Return: false when the device says that more is complete than was posted. */
static bool
begin(struct peek_cursor *l, const struct virtq *vq)
{
	*l = (struct peek_cursor){
		.vq = vq,
		.v = &vq->q.views[vq->q.pool->view.index],
		.pos = vq->used_idx,
		.used = shared_load16_acquire(&vq->used->idx),
		.in_batch = vq->in_batch,
		.batch_end = vq->batch_end,
		.batch_len = vq->batch_len,
	};
	return MUST(rx_jump,
		    (uint16_t)(l->used - l->pos) <= (uint16_t)(vq->avail_idx - vq->used_idx));
}

unsigned
virtq_rx_waiting(const struct virtq *vq)
{
	struct peek_cursor l;
	unsigned packets = 0;

	if (!begin(&l, vq))
		return 0;
	l.counts = 1;
	while (l.pos != l.used) {
		struct baton_peek none = { 0 };

		if (peek_packet(&l, &none) < 0)
			break;
		packets++;
	}
	return packets;
}

int
virtq_peek(struct baton_queue *q, struct baton_peek *peeks, unsigned n)
{
	const struct virtq *vq = virtq_of(q);
	struct peek_cursor l;
	unsigned seen = 0;

	if (!begin(&l, vq))
		return 0;
	while (seen < n && l.pos != l.used && (uint16_t)(l.pos - vq->used_idx) < FAR) {
		struct baton_peek none = { 0 };
		struct peek_cursor ahead = l;
		int ret = peek_packet(&ahead, &none);

		/* Only what a burst will bring is shown: nothing of a packet that it drops, or that
		 * a violation cuts off. */
		if (ret > 0)
			ret = peek_packet(&l, &peeks[seen]);
		else
			l = ahead;
		if (ret < 0)
			break;
		seen += (unsigned)ret;
	}
	return (int)seen;
}
