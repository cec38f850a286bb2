/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets onto a wire, and from there. */
#include "ring_port.h"

/* ---- TX ---- */

/* One call of tx_burst. */
struct sending {
	struct ring_txq *tq;
	struct wire *w;
	const struct baton_token *tokens;
	unsigned done;    /* tokens that were taken */
	unsigned put;     /* of these, those that are on the wire */
	uint64_t room;    /* tokens that fit onto the wire, with those taken and not put */
	unsigned packets; /* on the wire */
	uint64_t bytes;
};

/* Put what was taken to be handed over. There is room for it. */
static inline void
put_taken(struct sending *s)
{
	if (s->put < s->done)
		ring_put(&s->w->ring, s->tokens + s->put, s->done - s->put);
	s->put = s->done;
}

static inline bool
lies_there(const struct wire *w, const struct baton_token *t, unsigned segs)
{
	for (unsigned i = 0; i < segs; i++)
		if (t[i].pool != w->view)
			return false;
	return true;
}

static BATON_COLD int
refuse_long(struct baton_queue *q, const struct wire *w, uint32_t len)
{
	queue_count_error(q, TX_ERROR_TOO_LONG, 1);
	return baton_err(EMSGSIZE,
			 "%s txq %u: a packet of %u bytes; the peer receives into %u buffers of %u "
			 "bytes at most",
			 q->port->name, q->index, len, RING_MAX_SEGS, w->room);
}

static void
copy(const struct baton_pool_view *views, const struct wire *w, struct dma_cache *c,
     const struct baton_token *from, struct baton_token *to, unsigned n, uint32_t left)
{
	const struct baton_pool_view *v = &w->pool->view;
	uint32_t at = 0;

	for (unsigned i = 0; i < n; i++) {
		const uint32_t len = left < w->room ? left : w->room;

		to[i] = (struct baton_token){ .buf = dma_cache_pop(c),
					      .off = v->headroom,
					      .len = (uint16_t)len,
					      .pool = v->index,
					      .flags = left > len ? BATON_TOKEN_CONT : 0 };
		dma_unpoison(v, to[i].buf);
		for (uint32_t have = 0; have < len;) {
			const uint32_t more =
				from->len - at < len - have ? from->len - at : len - have;

			memcpy(dma_data(v, to[i].buf) + to[i].off + have,
			       dma_data(&views[from->pool], from->buf) + from->off + at, more);
			have += more;
			at += more;
			if (at == from->len) {
				from++;
				at = 0;
			}
		}
		dma_poison(v, to[i].buf);
		left -= len;
	}
}

/* Take a packet of @segs tokens that lies in another pool. Return: as take_packet(). */
static int
take_copy(struct sending *s, const struct baton_token *t, unsigned segs, unsigned left)
{
	struct baton_queue *q = &s->tq->q;
	const uint32_t len = baton_packet_len(t, segs);
	const unsigned n = (len + s->w->room - 1) / s->w->room;
	struct baton_token to[RING_MAX_SEGS];
	struct dma_cache *c;
	uint32_t bytes;
	int ret;

	if (baton_unlikely(len <= q->max_len && n > RING_MAX_SEGS))
		return s->done ? 0 : refuse_long(q, s->w, len);
	if (len <= q->max_len && n > s->room) {
		queue_full(q, t, left);
		return 0;
	}
	c = dma_cache(queue_worker(q), s->w->pool);
	if (baton_unlikely(len <= q->max_len && (!c || dma_cache_reserve(c, n) < n))) {
		queue_count(&s->tq->no_buffer, 1);
		queue_full(q, t, left);
		return 0;
	}
	ret = soft_hand_over(q, t, left, !s->done, BATON_OWNER_FREE << 16, &bytes);
	if (ret <= 0)
		return ret;
	put_taken(s);
	copy(q->views, s->w, c, t, to, n, bytes);
	dma_cache_settle(c);
	for (unsigned i = 0; i < segs; i++)
		soft_done(q, t[i]);
	ring_put(&s->w->ring, to, n);
	s->room -= n;
	s->bytes += bytes;
	s->done += segs;
	s->put = s->done;
	return ret;
}

/* Take the next packet. Return: the number of its tokens; 0: it is not taken; a negative errno. */
static inline int
take_packet(struct sending *s, unsigned left)
{
	const struct baton_token *t = s->tokens + s->done;
	const unsigned segs = baton_packet_segs(t, left);
	struct baton_queue *q = &s->tq->q;
	uint32_t bytes;
	int ret;

	if (baton_unlikely(!lies_there(s->w, t, segs)))
		return take_copy(s, t, segs, left);
	if (baton_unlikely(segs > s->room && segs <= q->max_segs)) {
		queue_full(q, t, left);
		return 0;
	}
	ret = soft_hand_over(q, t, left, !s->done, s->w->owner, &bytes);
	if (baton_unlikely(ret <= 0))
		return ret;
	for (unsigned i = 0; i < segs; i++)
		dma_poison(&s->w->pool->view, t[i].buf);
	s->room -= segs;
	s->bytes += bytes;
	s->done += segs;
	return ret;
}

static BATON_COLD int
link_is_down(struct ring_txq *tq, const struct baton_token *tokens, unsigned n)
{
	const uint64_t before = tq->q.stats.full;

	queue_full(&tq->q, tokens, n);
	queue_count(&tq->link_down, tq->q.stats.full - before);
	return 0;
}

int
ring_tx_burst(struct baton_queue *q, struct baton_token *tokens, unsigned n)
{
	struct ring_txq *tq = (struct ring_txq *)q;
	struct sending s = { .tq = tq, .w = tq->out, .tokens = tokens };
	struct bell *bell;
	int ret = 1;

	if (baton_unlikely(!wire_enter(s.w)))
		return link_is_down(tq, tokens, n);
	bell = s.w->rx_bell;
	s.room = wire_room(s.w, n);
	while (s.done < n && ret > 0) {
		ret = take_packet(&s, n - s.done);
		s.packets += ret > 0;
	}
	put_taken(&s);
	wire_barrier(s.w);
	wire_leave(s.w);
	if (baton_unlikely(ret < 0))
		return ret;
	bell_ring(bell);
	queue_count(&q->stats.packets, s.packets);
	queue_count(&q->stats.bytes, s.bytes);
	return (int)s.done;
}

/* ---- RX ---- */

static BATON_COLD void
drop(struct baton_queue *q, const struct baton_token *t, unsigned segs, uint32_t len)
{
	queue_count_error(q, len > q->max_len ? RX_ERROR_TOO_LONG : RX_ERROR_RUNT, 1);
	for (unsigned i = 0; i < segs; i++)
		soft_done(q, t[i]);
}

/* Make the application's tokens of those from a wire, in place. Return: how many. */
static unsigned
receive(struct baton_queue *q, struct baton_token *t, unsigned n)
{
	const struct baton_pool_view v = q->pool->view; /* no store below can alias it */
	unsigned kept = 0, packets = 0;
	uint64_t bytes = 0;

	for (unsigned i = 0, segs; i < n; i += segs) {
		uint32_t len = 0;

		for (segs = 0; !segs || t[i + segs - 1].flags & BATON_TOKEN_CONT; segs++)
			len += t[i + segs].len;
		if (baton_unlikely(len < RING_MIN_FRAME || len > q->max_len || !t[i].len)) {
			drop(q, t + i, segs, len);
			continue;
		}
		for (unsigned k = 0; k < segs; k++) {
			const struct baton_token from = t[i + k];

			t[kept++] = (struct baton_token){
				.buf = from.buf,
				.off = from.off,
				.len = from.len,
				.gen = dma_take(&v, from.buf),
				.pool = v.index,
				.flags = from.flags & BATON_TOKEN_CONT,
			};
		}
		packets++;
		bytes += len;
	}
	queue_count(&q->stats.packets, packets);
	queue_count(&q->stats.bytes, bytes);
	return kept;
}

/* Something was taken: does the sender sleep, and may it go on? */
static inline void
wake_sender(struct wire *w)
{
	wire_barrier(w);
	if (baton_unlikely(__atomic_load_n(&w->tx_bell->waiting, __ATOMIC_RELAXED)) &&
	    ring_count(&w->ring) + wire_wake_room(w) <=
		    __atomic_load_n(&w->limit, __ATOMIC_RELAXED))
		bell_ring(w->tx_bell);
}

static BATON_COLD int
refuse_small(struct baton_queue *q, unsigned n, unsigned segs)
{
	return baton_err(EINVAL,
			 "%s rxq %u: rx_burst with room for %u tokens, a packet of %u waits; any "
			 "may have %u",
			 q->port->name, q->index, n, segs, q->max_segs);
}

int
ring_rx_burst(struct baton_queue *q, struct baton_token *tokens, unsigned n)
{
	struct ring_rxq *rq = (struct ring_rxq *)q;
	const uint32_t wires = __atomic_load_n(&rq->wires, __ATOMIC_ACQUIRE);
	uint32_t at = rq->next < wires ? rq->next : 0;
	unsigned done = 0;

	for (uint32_t k = 0; k < wires && done < n; k++, at = at + 1 < wires ? at + 1 : 0) {
		struct wire *w = &rq->in[q->index + at * rq->step];
		const unsigned got = ring_get(&w->ring, tokens + done, n - done);

		if (got) {
			wake_sender(w);
			done += receive(q, tokens + done, got);
		} else if (baton_unlikely(!done && n < q->max_segs && ring_first(&w->ring) > n)) {
			return refuse_small(q, n, ring_first(&w->ring));
		}
	}
	rq->next = at + 1 < wires ? at + 1 : 0;
	return (int)done;
}
