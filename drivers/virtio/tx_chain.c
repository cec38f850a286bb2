/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Send packets that are not plain: of several buffers, without headroom, or whose checksum is to be
 * completed.
 */
#include "port/csum.h"
#include "tx.h"

void
virtq_tx_put_desc(struct virtq *vq, uint16_t d, uint64_t addr, uint32_t len, uint16_t flags)
{
	vq->desc[d] = (struct vring_desc){
		.addr = htole64(addr),
		.len = htole32(len),
		.flags = htole16(flags),
		.next = htole16((uint16_t)(d + 1) & vq->mask),
	};
}

static inline uint64_t
iova_of(const struct baton_pool_view *v, struct baton_token t)
{
	return v->iova + (uint64_t)t.buf * v->stride + t.off;
}

/* Write the header in front of the packet's first byte. The caller holds the buffer. */
static inline void
put_hdr(const struct baton_pool_view *v, struct baton_token t, const struct virtio_net_hdr *hdr)
{
	memcpy(dma_data(v, t.buf) + t.off - NET_HDR_LEN, hdr, NET_HDR_LEN);
}

/* Is the token's pool bounced, and the queue without slots? There is no address to post then. */
static bool
is_astray(const struct virtq *vq, struct baton_token t)
{
	return !vq->slots && vq->q.views[t.pool].bounce;
}

/* Why a token cannot be sent: said when its packet is the first of a burst, before that the burst
 * just ends. */
static BATON_COLD int
refuse(struct virtq *vq, struct baton_token t, bool first)
{
	struct baton_queue *q = &vq->q;

	if (!first)
		return 0;
	if (is_astray(vq, t)) {
		queue_count_error(q, TX_ERROR_NOT_MAPPED, 1);
		return baton_err(EFAULT,
				 "%s txq %u: the device reaches slots only of what is in pool %s, "
				 "and this queue has none: stop the port and start it",
				 q->port->name, q->index, q->port->ctx->pools[t.pool]->name);
	}
	return queue_refuse(q, t);
}

static BATON_COLD int
bad_packet(struct virtq *vq, bool first, enum tx_error reason, const char *what, uint32_t is,
	   uint32_t limit)
{
	if (!first)
		return 0;
	queue_count_error(&vq->q, reason, 1);
	return baton_err(EMSGSIZE, "%s txq %u: a packet of %u %s, at most %u are possible",
			 vq->q.port->name, vq->q.index, is, what, limit);
}

/* Return: 1; 0 for an error that is not due yet; a negative errno. */
static int
measure(struct virtq *vq, struct tx_chain *c, unsigned n, bool first)
{
	struct baton_queue *q = &vq->q;

	do {
		if (c->segs == n) {
			if (!first)
				return 0;
			queue_count_error(q, TX_ERROR_CUT_OFF, 1);
			return baton_err(EINVAL,
					 "%s txq %u: the last token has CONT: a burst must not "
					 "split a packet",
					 q->port->name, q->index);
		}
		c->len += c->t[c->segs].len;
		if (!c->t[c->segs].len)
			return bad_packet(vq, first, TX_ERROR_TOO_SHORT, "bytes in a buffer", 0,
					  q->max_len);
	} while (c->t[c->segs++].flags & BATON_TOKEN_CONT);
	if (c->len > q->max_len)
		return bad_packet(vq, first, TX_ERROR_TOO_LONG, "bytes", c->len, q->max_len);
	/*
	 * A bounced packet has one descriptor for each slot, however many buffers it has;
	 * virtio_slots_need() has made slots large enough.
	 */
	c->slots = vq->slots ? virtq_tx_slots_for(vq, c) : 0;
	if (c->slots)
		c->extra = 0;
	if (c->segs + c->extra > (c->slots ? TX_MAX_SEGS : q->max_segs))
		return bad_packet(vq, first, TX_ERROR_BUFFERS, "buffers", c->segs,
				  c->slots ? TX_MAX_SEGS : q->max_segs - c->extra);
	return 1;
}

static void
ungive(struct baton_queue *q, const struct baton_token *t, unsigned n)
{
	while (n-- > 0)
		dma_ungive(&q->views[t[n].pool], t[n]);
}

/* The checksum asked for: by the device where it can, and the header is the packet's own
 * (virtio 1.2, 5.1.6.2). */
static bool
request_csum(struct virtq *vq, struct tx_chain *c)
{
	struct csum_request at;

	if (!csum_read(&vq->q, c->t[0], c->len, &at))
		return false;
	if (vq->csum && (c->slots || !c->extra)) {
		c->hdr.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		c->hdr.csum_start = htole16(at.start);
		c->hdr.csum_offset = htole16(at.offset);
	} else {
		csum_fill(&vq->q, c->t, c->segs, at);
	}
	return true;
}

/* Return: as measure(). Nothing is changed unless that is 1. */
static int
give(struct virtq *vq, struct tx_chain *c, bool first)
{
	struct baton_queue *q = &vq->q;
	/* Buffers that are copied are free at once. */
	const uint32_t owner = c->slots ? BATON_OWNER_FREE << 16 : q->owner;

	for (unsigned i = 0; i < c->segs; i++) {
		if (baton_unlikely(is_astray(vq, c->t[i])) ||
		    !dma_give(&q->views[c->t[i].pool], c->t[i], owner)) {
			ungive(q, c->t, i);
			return refuse(vq, c->t[i], first);
		}
	}
	if (!csum_wanted(c->t[0]) || request_csum(vq, c))
		return 1;
	ungive(q, c->t, c->segs);
	return first ? csum_refuse(q, c->len) : 0;
}

static void
put_chain(struct virtq *vq, const struct tx_chain *c)
{
	struct baton_queue *q = &vq->q;
	uint16_t d = vq->head & vq->mask;

	if (c->extra) {
		virtq_tx_put_desc(vq, d, vq->hdr_iova, NET_HDR_LEN, VRING_DESC_F_NEXT);
		vq->shadow[d] = SHADOW_NONE;
		d = (uint16_t)(d + 1) & vq->mask;
	} else {
		put_hdr(&q->views[c->t[0].pool], c->t[0], &c->hdr);
	}
	for (unsigned i = 0; i < c->segs; i++, d = (uint16_t)(d + 1) & vq->mask) {
		const struct baton_token t = c->t[i];
		const struct baton_pool_view *v = &q->views[t.pool];
		uint32_t hdr = i == 0 && !c->extra ? NET_HDR_LEN : 0;

		virtq_tx_put_desc(vq, d, iova_of(v, t) - hdr, t.len + hdr,
				  i + 1 < c->segs ? VRING_DESC_F_NEXT : 0);
		vq->shadow[d] = SHADOW(t.pool, t.buf);
		vq->segs[d] = 0; /* not a key */
		dma_poison(v, t.buf);
	}
}

/*
 * Return: the number of tokens of the packet; 0 if there is no room, or an error is not due yet; a
 * negative errno. Nothing is changed unless the packet is sent.
 */
int
virtq_tx_send_chain(struct virtq *vq, const struct baton_token *t, unsigned n, bool first,
		    uint64_t *bytes)
{
	struct tx_chain c = { .t = t, .extra = t[0].off < NET_HDR_LEN };
	int ret = measure(vq, &c, n, first);
	unsigned descs;

	if (ret <= 0)
		return ret;
	descs = c.slots ? c.slots : c.segs + c.extra;
	if (descs > vq->q.descs - (uint16_t)(vq->head - vq->tail) ||
	    (c.slots && !virtq_tx_slots_ready(vq, c.slots))) {
		queue_full(&vq->q, t, n);
		return 0;
	}
	ret = give(vq, &c, first);
	if (ret <= 0)
		return ret;
	if (c.slots)
		virtq_tx_put_slots(vq, &c);
	else
		put_chain(vq, &c);
	virtq_tx_chain_done(vq, descs);
	*bytes += c.len;
	return (int)c.segs;
}
