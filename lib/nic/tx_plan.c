/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets that are not plain: of several buffers, without headroom, or with a checksum to fill in.
 */
#include "base/export.h"
#include "nic/nic.h"
#include "nic/tx_chain.h"

/* Is the token's pool bounced, and the queue without slots? There is no address to post then. */
static bool
is_astray(const struct nic_queue *nq, struct baton_token t)
{
	return !nq->slots && nq->q.views[t.pool].bounce;
}

/* Why a token cannot be sent: said when its packet is the first of a burst, before that the burst
 * just ends. */
static BATON_COLD int
refuse(struct nic_queue *nq, struct baton_token t, bool first)
{
	struct baton_queue *q = &nq->q;

	if (!first)
		return 0;
	if (is_astray(nq, t)) {
		queue_count_error(q, TX_ERROR_NOT_MAPPED, 1);
		return baton_err(EFAULT,
				 "%s txq %u: the device reaches slots only of what is in pool %s, "
				 "and this queue has none: stop the port and start it",
				 q->port->name, q->index, q->port->ctx->pools[t.pool]->name);
	}
	return queue_refuse(q, t);
}

static BATON_COLD int
bad_packet(struct nic_queue *nq, bool first, enum tx_error reason, const char *what, uint32_t is,
	   uint32_t limit)
{
	if (!first)
		return 0;
	queue_count_error(&nq->q, reason, 1);
	return baton_err(EMSGSIZE, "%s txq %u: a packet of %u %s, at most %u are possible",
			 nq->q.port->name, nq->q.index, is, what, limit);
}

static BATON_COLD int
too_short(struct nic_queue *nq, bool first, uint32_t is, uint32_t least)
{
	if (!first)
		return 0;
	queue_count_error(&nq->q, TX_ERROR_TOO_SHORT, 1);
	return baton_err(EMSGSIZE, "%s txq %u: a packet of %u bytes, %u are the least",
			 nq->q.port->name, nq->q.index, is, least);
}

/* Count the slots that the packet takes. Return: 0 if all of its buffers are direct. */
static unsigned
slots_for(const struct nic_queue *nq, const struct tx_plan *p, uint32_t header)
{
	const uint32_t room = nq->slots->room;

	for (unsigned i = 0; i < p->segs; i++)
		if (nq->q.views[p->t[i].pool].bounce)
			return (p->len + header + room - 1) / room;
	return 0;
}

/*
 * Whether the device is to cut a packet. offload_segment() has seen to its headers; nobody else may
 * ask for it. The caller may not hold the token, so that only its limits follow from this.
 */
static bool
asks_gso(const struct nic_queue *nq, struct baton_token t)
{
	const struct baton_pool_view *v = &nq->q.views[t.pool];
	const struct baton_side *side;

	if (!nq->q.device_gso || !csum_wanted(t) || !(t.flags & BATON_TOKEN_SIDE) ||
	    t.buf >= v->count)
		return false;
	side = (const void *)(v->side + (size_t)t.buf * BATON_SIDE_SIZE);
	return side->valid & BATON_SIDE_SEGMENT;
}

int
nic_tx_measure(struct nic_queue *nq, struct tx_plan *p, unsigned n, bool first, uint32_t header)
{
	struct baton_queue *q = &nq->q;
	const struct tx_codec *codec = nic_of(q->port)->ops->tx;
	uint32_t longest;

	do {
		if (p->segs == n) {
			if (!first)
				return 0;
			queue_count_error(q, TX_ERROR_CUT_OFF, 1);
			return baton_err(EINVAL,
					 "%s txq %u: the last token has CONT: a burst must not "
					 "split a packet",
					 q->port->name, q->index);
		}
		p->len += p->t[p->segs].len;
		if (!p->t[p->segs].len)
			return bad_packet(nq, first, TX_ERROR_TOO_SHORT, "bytes in a buffer", 0,
					  q->max_len);
	} while (p->t[p->segs++].flags & BATON_TOKEN_CONT);
	if (p->len < nic_tx_shortest(codec))
		return too_short(nq, first, p->len, nic_tx_shortest(codec));
	p->gso = asks_gso(nq, *p->t);
	longest = p->gso ? q->port->info.max_gso_len : q->max_len;
	if (p->len > longest)
		return bad_packet(nq, first, TX_ERROR_TOO_LONG, "bytes", p->len, longest);
	/*
	 * A bounced packet has one descriptor for each slot, however many buffers it has;
	 * slots_need() has made slots large enough.
	 */
	p->slots = nq->slots ? slots_for(nq, p, header) : 0;
	return 1;
}

int
nic_tx_check(struct nic_queue *nq, const struct tx_plan *p, bool first)
{
	const unsigned most = p->gso ? nq->q.gso_segs : p->slots ? NIC_TX_MAX_SEGS : nq->q.max_segs;

	if (p->segs + p->extra <= most && (!p->gso || p->offload))
		return 1;
	return bad_packet(nq, first, TX_ERROR_BUFFERS, "buffers", p->segs, most - p->extra);
}

static void
ungive(struct baton_queue *q, const struct baton_token *t, unsigned n)
{
	while (n-- > 0)
		dma_ungive(&q->views[t[n].pool], t[n]);
}

/* What the device is told of segments; offload_segment() has checked the headers. */
static void
request_gso(const struct nic_queue *nq, struct tx_plan *p)
{
	const struct baton_side *side =
		(const void *)(nq->q.views[p->t->pool].side + (size_t)p->t->buf * BATON_SIDE_SIZE);
	uint8_t version;

	csum_gather(nq->q.views, p->t, side->l2_len, &version, 1);
	p->gso = side->csum_offset == 6 ? QUEUE_GSO_UDP
		 : version >> 4 == 4    ? QUEUE_GSO_TCP4
					: QUEUE_GSO_TCP6;
	p->seg_size = side->seg_size;
	p->l2_len = side->l2_len;
	p->l3_len = side->l3_len;
	p->headers_len = (uint16_t)(side->l2_len + side->l3_len + side->l4_len);
}

/* The checksum asked for: by the device where it can. */
static bool
request_csum(struct nic_queue *nq, struct tx_plan *p)
{
	const uint32_t most = nic_of(nq->q.port)->ops->tx->csum_most;
	struct csum_request at;

	if (!csum_read(&nq->q, p->t, p->len, &at))
		return false;
	if (!p->offload || at.crc || (most && (uint32_t)at.start + at.offset > most)) {
		csum_fill(&nq->q, p->t, p->segs, at);
		return true;
	}
	p->csum = true;
	p->csum_start = at.start;
	p->csum_offset = at.offset;
	if (p->gso)
		request_gso(nq, p);
	return true;
}

/*
 * What else the device is asked for: a tag, a time, and the checksum of the IPv4 header, which is
 * filled in here if it is too far off. Return: false: the request for that is wrong.
 */
static bool
request_side(struct nic_queue *nq, struct tx_plan *p)
{
	const struct baton_queue *q = &nq->q;
	const uint32_t most = nic_of(q->port)->ops->tx->csum_most;
	const struct baton_token t = *p->t;
	struct baton_side side = { 0 };

	if (t.flags & BATON_TOKEN_SIDE)
		memcpy(&side, q->views[t.pool].side + (size_t)t.buf * BATON_SIDE_SIZE,
		       sizeof(side));
	p->tag = q->device_tags && (side.valid & BATON_SIDE_VLAN);
	p->tci = side.vlan_tci;
	p->event =
		(side.valid & BATON_SIDE_TX_EVENT) && (q->port->offloads & BATON_OFFLOAD_TX_EVENT);
	if (!csum_ipv4_wanted(t) || !(q->port->offloads & BATON_OFFLOAD_TX_IPV4_CSUM))
		return true;
	p->ip_csum = !most || (uint32_t)side.l2_len + side.l3_len <= most;
	p->l2_len = side.l2_len;
	p->l3_len = side.l3_len;
	return csum_ipv4(q, p->t, p->len, &side, !p->ip_csum);
}

/* Return: 1, the packet may be sent; as nic_tx_give(). */
static int
request(struct nic_queue *nq, struct tx_plan *p, bool first)
{
	const struct tx_codec *codec = nic_of(nq->q.port)->ops->tx;

	if (csum_wanted(*p->t) && !request_csum(nq, p))
		return first ? csum_refuse(&nq->q, p->len) : 0;
	if (!codec->side || !nic_tx_asks(*p->t))
		return 1;
	if (!request_side(nq, p))
		return first ? csum_refuse_ipv4(&nq->q, p->len) : 0;
	if (p->tag && !p->gso && p->len + 4 > nq->q.max_len)
		return bad_packet(nq, first, TX_ERROR_TOO_LONG, "bytes with its VLAN tag",
				  p->len + 4, nq->q.max_len);
	return 1;
}

int
nic_tx_give(struct nic_queue *nq, struct tx_plan *p, bool first)
{
	struct baton_queue *q = &nq->q;
	/* Buffers that are copied are free at once. */
	const uint32_t owner = p->slots ? BATON_OWNER_FREE << 16 : q->owner;
	int ret;

	for (unsigned i = 0; i < p->segs; i++) {
		if (baton_unlikely(is_astray(nq, p->t[i])) ||
		    !dma_give(&q->views[p->t[i].pool], p->t[i], owner)) {
			ungive(q, p->t, i);
			return refuse(nq, p->t[i], first);
		}
	}
	ret = request(nq, p, first);
	if (ret <= 0)
		ungive(q, p->t, p->segs);
	return ret;
}

DRIVER_EXPORT(nic_tx_measure);
DRIVER_EXPORT(nic_tx_check);
DRIVER_EXPORT(nic_tx_give);
