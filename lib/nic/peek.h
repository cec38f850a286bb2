/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Look at packets that were completed and not taken. Nothing is written: not to the ring, not to
 * the memory of the device, not to the records of the queue. A wrong completion ends the look; the
 * burst that meets it decides.
 */
#ifndef BATON_NIC_PEEK_H
#define BATON_NIC_PEEK_H

#include "nic/rx_completion.h"

/* Buffers, at most: the search for a double completion costs the square of this. */
#define NIC_PEEK_FAR 256u

/* The position of the look. */
struct peek_cursor {
	const struct nic_queue *nq;
	const struct baton_pool_view *v;
	uint16_t pos, end;
	uint8_t out_of_turn;     /* some completion was not that of the key at its place */
	uint8_t counts;          /* only counts: what is completed twice does no harm */
	struct nic_ring ring[2]; /* two posting rings: as they will be */
	struct nic_rx_state state;
	/* The keys of the completions before `pos`, which a burst will have taken. */
	uint16_t taken[NIC_PEEK_FAR];
};

/* peek.c: copy bytes of the packet, until there is no more room. */
void nic_peek_show(struct baton_peek *p, const uint8_t *from, uint32_t len);

static inline bool
nic_peek_taken(const struct peek_cursor *l, uint32_t key)
{
	const uint16_t n = (uint16_t)(l->pos - l->nq->done);

	for (uint16_t i = 0; l->out_of_turn && !l->counts && i < n; i++)
		if (l->taken[i] == key)
			return true;
	return false;
}

/*
 * Get the next completion. Return: the bytes as the device says them; NULL for what a burst would
 * not take.
 */
NIC_INLINE const uint8_t *
nic_peek_next(struct peek_cursor *l, struct rx_entry *e, const struct rx_codec *codec)
{
	const struct nic_queue *nq = l->nq;
	const uint16_t n = (uint16_t)(l->pos - nq->done), at = l->pos & nq->mask;

	if (l->pos == l->end || (!l->counts && n >= NIC_PEEK_FAR) ||
	    codec->next(nq, &l->state, l->pos, (uint16_t)(l->end - l->pos), e) != 1)
		return NULL;
	if (!codec->any_order)
		e->key = at;
	else if (!MUST(rx_id, e->key <= nq->mask))
		return NULL;
	if (e->key != at)
		l->out_of_turn = 1;
	if (!MUST(rx_len, e->len <= nq->posted_len) ||
	    !MUST(rx_posted, nic_posted(nq, e->key) && !nic_peek_taken(l, e->key)))
		return NULL;
	if (codec->two_rings) {
		if (!nic_rx_is_next(nq, e->key, l->ring))
			return NULL;
		l->ring[nic_ring_of(nq, e->key)].done++;
	}
	if (!l->counts)
		l->taken[n] = (uint16_t)e->key;
	l->pos++;
	return nic_rx_bytes(nq, l->v, nq->shadow[e->key], nq->slots);
}

/* Return: 1; 0: a burst would drop it; -1: nothing to be taken, or nothing that may be. */
NIC_INLINE int
nic_peek_packet(struct peek_cursor *l, struct baton_peek *p, unsigned mode,
		const struct rx_codec *codec)
{
	const struct nic_queue *nq = l->nq;
	const uint16_t published = (uint16_t)(l->end - l->pos);
	struct rx_entry e, all; /* the next; what was said of the packet */
	const uint8_t *hdr = nic_peek_next(l, &e, codec);
	const uint32_t skip = nic_rx_skip(nq, mode, codec);
	uint32_t first, segs = 1;

	if (!hdr || (skip && !MUST(rx_header, e.len >= skip)))
		return -1;
	if (codec->counts_segs && (mode & NIC_MODE_SEGS)) {
		segs = codec->segs(hdr);
		if (!MUST(rx_segs, segs - 1 < nq->q.max_segs) ||
		    !MUST(rx_segs_published, segs <= published))
			return -1;
	}
	all = e;
	if ((mode & NIC_MODE_META) && codec->meta)
		all.meta = codec->meta(hdr);
	p->len = 0;
	p->segs = 1;
	first = e.len - skip;
	nic_peek_show(p, hdr + skip, first);
	for (unsigned i = 1; codec->counts_segs ? i < segs : e.more; i++) {
		const uint8_t *more = nic_peek_next(l, &e, codec);

		if (!more || !MUST(rx_segs, i < nq->q.max_segs))
			return -1;
		if (!codec->counts_segs)
			nic_rx_also(&all, &e);
		nic_peek_show(p, more, e.len);
		p->segs = (uint16_t)(p->segs + !!e.len); /* an empty one is not delivered */
	}
	return MUST(rx_runt, first && p->len >= NIC_ETH_HLEN) && !all.bad &&
	       (!(mode & NIC_MODE_META) ||
		nic_rx_verdict(nq, all.meta, NULL, p->len, hdr + skip, first, codec) == RX_GOOD);
}

/* Return: false when the device says that more is complete than was posted. */
NIC_INLINE bool
nic_peek_begin(struct peek_cursor *l, const struct nic_queue *nq, const struct rx_codec *codec)
{
	const uint16_t published = nic_rx_published(nq, codec);

	l->nq = nq;
	l->v = &nq->q.views[nq->q.pool->view.index];
	l->pos = nq->done;
	l->end = (uint16_t)(nq->done + published);
	l->out_of_turn = l->counts = 0;
	l->state = nq->state;
	if (codec->two_rings)
		memcpy(l->ring, nq->ring, sizeof(l->ring));
	return MUST(rx_jump, published <= (uint16_t)(nq->posted - nq->done));
}

/* Count the packets that are complete. The queue's worker is out. */
NIC_INLINE unsigned
nic_rx_waiting(const struct nic_queue *nq, unsigned mode, const struct rx_codec *codec)
{
	struct peek_cursor l;
	unsigned packets = 0;

	if (!nic_peek_begin(&l, nq, codec))
		return 0;
	l.counts = 1;
	while (l.pos != l.end) {
		struct baton_peek none = { 0 };

		if (nic_peek_packet(&l, &none, mode, codec) < 0)
			break;
		packets++;
	}
	return packets;
}

/* See baton_rx_peek(). */
NIC_INLINE int
nic_peek(const struct nic_queue *nq, struct baton_peek *peeks, unsigned n, unsigned mode,
	 const struct rx_codec *codec)
{
	struct peek_cursor l;
	unsigned seen = 0;

	if (!nic_peek_begin(&l, nq, codec))
		return 0;
	while (seen < n && l.pos != l.end) {
		struct baton_peek none = { 0 };
		struct peek_cursor ahead = l;
		int ret = nic_peek_packet(&ahead, &none, mode, codec);

		/* Only what a burst will bring is shown: nothing of a packet that it drops, or that
		 * a violation cuts off. */
		if (ret > 0)
			ret = nic_peek_packet(&l, &peeks[seen], mode, codec);
		else
			l = ahead;
		if (ret < 0)
			break;
		seen += (unsigned)ret;
	}
	return (int)seen;
}

#endif
