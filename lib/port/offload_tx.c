/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What software does to packets before the driver's burst has them. Packets that need nothing go
 * there as they are, in runs; those that are changed are collected in o->t first.
 */
#include "port/csum.h"
#include "port/offload.h"

#define MACS 12u /* bytes in front of the first tag */
#define TAG  4u

/* TIMED: as PLAIN, and its time is asked for. */
enum kind { PLAIN, TIMED, CHANGED, BAD };

/* ---- buffers ---- */

static bool
holds(const struct baton_queue *q, struct baton_token t)
{
	const struct baton_pool_view *v = &q->views[t.pool];

#ifndef BATON_OWNERSHIP_OFF
	if (t.buf >= v->count || (uint32_t)t.off + t.len > v->data_len ||
	    __atomic_load_n(&v->owner[t.buf], __ATOMIC_RELAXED) != (BATON_OWNER_CPU << 16 | t.gen))
		return false;
#endif
	return v->count;
}

unsigned
offload_claim(struct baton_queue *q, struct baton_token *t, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		const struct baton_pool_view *v = &q->views[t[i].pool];

		if (baton_unlikely(!dma_give(v, t[i], BATON_OWNER_FREE << 16)))
			return i;
		t[i].gen = dma_take(v, t[i].buf);
	}
	return n;
}

void
offload_unclaim(struct baton_queue *q, const struct baton_token *t, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		dma_ungive(&q->views[t[i].pool], t[i]);
}

/* ---- VLAN tags ---- */

static unsigned
tags_of(const struct baton_queue *q, const struct baton_side *side)
{
	if (!(q->soft->what & BATON_OFFLOAD_TX_VLAN) || !(side->valid & BATON_SIDE_VLAN) ||
	    offload_device_tags(q, side))
		return 0;
	return side->valid & BATON_SIDE_QINQ ? 2 : 1;
}

unsigned
offload_tags(const struct baton_queue *q, const struct baton_side *side, const uint8_t *eth,
	     uint8_t *to)
{
	const unsigned tags = tags_of(q, side);

	memmove(to, eth, MACS);
	if (tags) {
		put_be16(to + MACS, side->vlan_type ? side->vlan_type : 0x8100);
		put_be16(to + MACS + 2, side->vlan_tci);
	}
	if (tags == 2) {
		put_be16(to + MACS + TAG, 0x8100);
		put_be16(to + MACS + TAG + 2, side->inner_tci);
	}
	return MACS + tags * TAG;
}

static int
refuse(const struct baton_queue *q, uint8_t *reason, enum tx_error why, uint32_t len, unsigned segs)
{
	*reason = why;
	return baton_err(EMSGSIZE,
			 "%s txq %u: a packet of %u bytes in %u buffers, with its VLAN tags; at "
			 "most "
			 "%u bytes in %u are possible",
			 q->port->name, q->index, len, segs, q->max_len, q->max_segs);
}

/* Put the Ethernet header into a buffer of its own in front of o->t[o->n]. */
static int
new_first(struct baton_queue *q, unsigned segs)
{
	struct offload *o = q->soft;
	struct baton_token *t = o->t + o->n;
	struct baton_pool *pool = q->port->ctx->pools[t[0].pool];
	uint32_t left = MACS;
	unsigned gone = 0;
	struct baton_token first;

	if (baton_alloc(queue_worker(q), pool, &first, 1) != 1)
		return 0;
	first.len = MACS;
	first.hash = t[0].hash;
	first.flags = t[0].flags | BATON_TOKEN_CONT;
	csum_gather(q->views, t, 0, dma_data(&q->views[first.pool], first.buf) + first.off, MACS);
	*offload_side(q, first) = *offload_side(q, t[0]);
	for (; left >= t[gone].len; gone++)
		left -= t[gone].len;
	t[gone].off = (uint16_t)(t[gone].off + left);
	t[gone].len = (uint16_t)(t[gone].len - left);
	baton_free(queue_worker(q), t, gone);
	memmove(t + 1, t + gone, (segs - gone) * sizeof(*t));
	t[0] = first;
	return (int)(segs - gone + 1);
}

static int
insert_tags(struct baton_queue *q, const struct baton_token *in, unsigned segs, uint8_t *reason)
{
	struct offload *o = q->soft;
	const unsigned more = tags_of(q, offload_side(q, in[0])) * TAG;
	const uint32_t len = baton_packet_len(in, segs);
	const bool apart = in[0].len < MACS || in[0].off < more;
	const struct baton_pool_view *v = &q->views[in[0].pool];
	struct baton_side *side;
	struct baton_token *t;
	int ret = (int)segs;
	uint8_t *p;

	if (len < MACS + 2 || len + more > q->max_len)
		return refuse(q, reason, len < MACS + 2 ? TX_ERROR_TOO_SHORT : TX_ERROR_TOO_LONG,
			      len + more, segs);
	if (segs + apart > q->max_segs || (apart && v->headroom + MACS + more > v->data_len))
		return refuse(q, reason, TX_ERROR_BUFFERS, len + more, segs + apart);
	if (!offload_reserve(o, segs + 1))
		return 0;
	t = memcpy(o->t + o->n, in, segs * sizeof(*t));
	if (offload_claim(q, t, segs) < segs) { /* a buffer is in the packet twice */
		offload_unclaim(q, in, segs);
		*reason = TX_ERROR_TOKEN;
		return dma_refuse(q->port->ctx, in[0], "tx_burst");
	}
	if (apart) {
		ret = new_first(q, segs);
		if (!ret) {
			offload_unclaim(q, in, segs);
			return 0;
		}
		t->off = (uint16_t)(t->off + more); /* where it goes to lies in front of it */
		memmove(dma_data(&q->views[t->pool], t->buf) + t->off,
			dma_data(&q->views[t->pool], t->buf) + t->off - more, MACS);
	}
	side = offload_side(q, t[0]);
	p = dma_data(&q->views[t->pool], t->buf) + t->off;
	offload_tags(q, side, p, p - more);
	t->off = (uint16_t)(t->off - more);
	t->len = (uint16_t)(t->len + more);
	side->l2_len = (uint16_t)(side->l2_len + more);
	side->valid &= ~(BATON_SIDE_VLAN | BATON_SIDE_QINQ);
	o->n += (unsigned)ret;
	return (int)segs;
}

/* ---- the burst ---- */

/* What a packet needs; the checksum of its IPv4 header is filled in here. */
static enum kind
look(const struct baton_queue *q, const struct baton_token *t, unsigned segs)
{
	const struct offload *o = q->soft;
	const bool ipv4 = (o->what & BATON_OFFLOAD_TX_IPV4_CSUM) &&
			  (t->flags >> BATON_TOKEN_L3_SHIFT & 3) == BATON_CSUM_PARTIAL;
	struct baton_side side = { 0 };

	if (baton_likely(!ipv4 && !(t->flags & BATON_TOKEN_SIDE)))
		return PLAIN;
	/* Then the driver refuses it. */
	for (unsigned i = 0; i < segs; i++)
		if (baton_unlikely(!holds(q, t[i])))
			return PLAIN;
	if (t[segs - 1].flags & BATON_TOKEN_CONT)
		return PLAIN;
	if (t->flags & BATON_TOKEN_SIDE)
		side = *offload_side(q, *t);
	if ((side.valid & BATON_SIDE_SEGMENT) &&
	    (o->what & (BATON_OFFLOAD_TX_TSO | BATON_OFFLOAD_TX_USO)))
		return CHANGED;
	if (ipv4 && !csum_ipv4(q, t, baton_packet_len(t, segs), &side, true))
		return BAD;
	if (tags_of(q, &side))
		return CHANGED;
	return o->times && (side.valid & BATON_SIDE_TX_TIME) ? TIMED : PLAIN;
}

/* Give the driver the packets that need nothing, in front. Return: as tx_burst. */
static int
give_plain(struct baton_queue *q, const struct baton_token *t, unsigned n, bool first)
{
	const struct queue_counters before = q->stats;
	const int ret = q->active_burst(q, (struct baton_token *)(uintptr_t)t, n);

	if (ret >= 0 || first || q->error[0])
		return ret;
	/* The next call begins with this packet, and counts it. */
	for (unsigned i = 0; i < TX_ERRORS; i++)
		__atomic_store_n(&q->stats.errors[i], before.errors[i], __ATOMIC_RELAXED);
	return 0;
}

/* The same, with the times that they ask for. */
static int
give_run(struct baton_queue *q, const struct baton_token *t, unsigned n, bool first)
{
	const int ret = give_plain(q, t, n, first);
	struct tx_times *times = q->soft->times;

	if (times && times->n_asked) {
		if (ret > 0)
			tx_times_left(q, (uint32_t)ret);
		tx_times_forget(times, UINT32_MAX); /* who is offered again asks again */
	}
	return ret;
}

/* Change one packet, and append it to o->t. Return: its tokens; 0: no buffers; an error. */
static int
change(struct baton_queue *q, const struct baton_token *t, unsigned segs, uint8_t *reason)
{
	const struct baton_side side = *offload_side(q, *t);
	int ret;

	if (!(side.valid & BATON_SIDE_SEGMENT) ||
	    !(q->soft->what & (BATON_OFFLOAD_TX_TSO | BATON_OFFLOAD_TX_USO)))
		return insert_tags(q, t, segs, reason);
	ret = offload_segment(q, t, segs, &side, reason);
	return ret > 0 ? (int)segs : ret;
}

/* The same, and its time is asked for. There is room: each packet adds a token to o->t. */
static int
change_timed(struct baton_queue *q, const struct baton_token *t, unsigned segs, uint8_t *reason)
{
	struct offload *o = q->soft;
	const struct baton_side *side = offload_side(q, *t);
	const bool timed = o->times && (side->valid & BATON_SIDE_TX_TIME);
	const uint64_t cookie = side->cookie;
	const int ret = change(q, t, segs, reason);

	if (ret > 0 && timed)
		tx_times_ask(o->times, cookie, o->n);
	return ret;
}

/*
 * Take the packets in front that have to be changed, and give them to the driver. Return: the
 * number of tokens taken; an error of the first.
 */
static int
give_changed(struct baton_queue *q, const struct baton_token *t, unsigned n, bool first, bool *stop)
{
	struct offload *o = q->soft;
	unsigned done = 0;
	int ret = 0;

	while (done < n && o->n < TX_STAGE) {
		const unsigned segs = baton_packet_segs(t + done, n - done);
		uint8_t reason = TX_ERROR_SEGMENTS;

		if (look(q, t + done, segs) != CHANGED)
			break;
		ret = change_timed(q, t + done, segs, &reason);
		if (ret <= 0) {
			*stop = ret < 0;
			if (ret < 0 && first && !done) {
				queue_count_error(q, reason, 1);
				return ret;
			}
			break;
		}
		done += segs;
	}
	ret = offload_flush(q);
	return ret < 0 && !done ? ret : (int)done;
}

int
offload_tx_burst(struct baton_queue *q, struct baton_token *tokens, unsigned n)
{
	struct offload *o = q->soft;
	unsigned done = 0;
	int ret = offload_flush(q);

	if (ret < 0)
		return ret;
	while (done < n && !o->n) {
		const struct baton_token *t = tokens + done;
		const uint64_t full = q->stats.full;
		enum kind kind = PLAIN;
		unsigned run = 0;
		bool stop = false;

		while (run < n - done) {
			const unsigned segs = baton_packet_segs(t + run, n - done - run);

			kind = look(q, t + run, segs);
			if (kind > TIMED)
				break;
			run += segs;
			if (kind == TIMED &&
			    !tx_times_ask(o->times, offload_side(q, t[run - segs])->cookie, run))
				break;
		}
		if (run)
			ret = give_run(q, t, run, !done);
		else if (kind == BAD)
			return done ? (int)done
				    : csum_refuse_ipv4(
					      q,
					      baton_packet_len(t, baton_packet_segs(t, n - done)));
		else
			ret = give_changed(q, t, n - done, !done, &stop);
		if (ret < 0)
			return done ? (int)done : ret;
		done += (unsigned)ret;
		if (stop || (run && (unsigned)ret < run && q->stats.full == full))
			return (int)done; /* the next packet is a bad one */
		if ((run && (unsigned)ret < run) || !ret) {
			/* There is no room: of the run, the driver has counted the rest. */
			const unsigned counted = run ? run - (unsigned)ret : 0;

			queue_full(q, tokens + done + counted, n - done - counted);
			return (int)done;
		}
	}
	if (done < n)
		queue_full(q, tokens + done, n - done);
	return (int)done;
}
