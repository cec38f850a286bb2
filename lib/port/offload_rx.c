/* SPDX-License-Identifier: BSD-3-Clause */
/* What software adds to received packets. They are strangers': nothing behind their end is read. */
#include <time.h>

#include "port/csum.h"
#include "port/offload.h"

#define MACS 12u /* bytes in front of the first tag */
#define TAG  4u

static enum baton_csum
verdict(struct baton_token t, unsigned shift)
{
	return (enum baton_csum)(t.flags >> shift & 3);
}

static void
set_verdict(struct baton_token *t, unsigned shift, bool good)
{
	t->flags |= (uint8_t)((good ? BATON_CSUM_GOOD : BATON_CSUM_BAD) << shift);
}

static void
check_ipv4(struct baton_token *t, const uint8_t *p, const struct headers *h)
{
	if (h->ip == 4 && verdict(*t, BATON_TOKEN_L3_SHIFT) == BATON_CSUM_UNKNOWN)
		set_verdict(t, BATON_TOKEN_L3_SHIFT, sum_bytes(p + h->l2_len, h->l3_len) == 0xffff);
}

static void
check_l4(const struct baton_queue *q, struct baton_token *t, const uint8_t *p,
	 const struct headers *h)
{
	const uint32_t from = (uint32_t)h->l2_len + h->l3_len;
	bool good;

	if (!h->l4 || verdict(*t, BATON_TOKEN_L4_SHIFT) != BATON_CSUM_UNKNOWN)
		return;
	/* The pseudo-header has the last destination (RFC 8200, section 8.1). */
	if (h->routed && h->proto != PROTO_SCTP)
		return;
	if (h->proto == PROTO_SCTP) {
		const uint8_t *field = p + from + 8; /* the lowest byte first */

		good = csum_sctp(q->views, t, from, h->end) ==
		       ((uint32_t)field[3] << 24 | (uint32_t)field[2] << 16 |
			(uint32_t)field[1] << 8 | field[0]);
	} else if (h->proto == PROTO_UDP && !get_be16(p + from + 6)) {
		good = h->ip == 4; /* IPv6 demands a checksum: RFC 8200, section 8.1 */
	} else {
		good = sum_fold((uint32_t)sum_range(q->views, t, from, h->end) +
				sum_pseudo(p, h, h->end - from)) == 0xffff;
	}
	set_verdict(t, BATON_TOKEN_L4_SHIFT, good);
}

/* The packet's side record; only what `valid` names is there. */
static struct baton_side *
side_of(const struct baton_queue *q, struct baton_token *t)
{
	struct baton_side *side = offload_side(q, *t);

	if (!(t->flags & BATON_TOKEN_SIDE))
		side->valid = 0;
	t->flags |= BATON_TOKEN_SIDE;
	return side;
}

/* The packet type, which is that of the whole frame, with the tags that the device has removed. */
static uint32_t
ptype_of(const struct baton_side *side, const struct headers *h)
{
	const unsigned tags = h->tags + 1u + !!(side->valid & BATON_SIDE_QINQ);
	const uint32_t ptype = headers_ptype(h);

	if (!(side->valid & BATON_SIDE_VLAN))
		return ptype;
	return (ptype & ~BATON_PTYPE_L2_MASK) |
	       (tags > 1 ? BATON_PTYPE_L2_QINQ : BATON_PTYPE_L2_VLAN);
}

/* Remove the tags that were asked for, as far as they are in the first buffer. */
static void
strip(const struct baton_queue *q, struct baton_token *t, const struct headers *h)
{
	const unsigned tags =
		h->tags == 2 && !(q->soft->what & BATON_OFFLOAD_RX_QINQ) ? 1 : h->tags;
	const uint32_t gone = tags * TAG;
	struct baton_side *side;
	uint8_t *p;

	/* What is left has to begin with a whole Ethernet header. */
	if (!tags || t->len < MACS + gone + 2)
		return;
	side = side_of(q, t);
	p = dma_data(&q->views[t->pool], t->buf) + t->off;
	memmove(p + gone, p, MACS);
	t->off = (uint16_t)(t->off + gone);
	t->len = (uint16_t)(t->len - gone);
	side->vlan_tci = h->tci[0];
	side->vlan_type = h->tpid;
	side->inner_tci = h->tci[1];
	side->valid |= BATON_SIDE_VLAN | (tags == 2 ? BATON_SIDE_QINQ : 0);
	/* A device counts tags as part of what is in front of the checksum. */
	if (side->valid & BATON_SIDE_SEGMENT)
		side->l2_len = (uint16_t)(side->l2_len - gone);
	else if ((side->valid & BATON_SIDE_CSUM) && side->l3_len >= gone)
		side->l3_len = (uint16_t)(side->l3_len - gone);
}

static void
process(const struct baton_queue *q, struct baton_token *t, unsigned segs, uint64_t now)
{
	const struct offload *o = q->soft;
	const uint32_t what = o->what, len = baton_packet_len(t, segs),
		       have = len < HEADERS_MOST ? len : HEADERS_MOST;
	uint8_t scratch[HEADERS_MOST];
	const uint8_t *p = dma_data(&q->views[t->pool], t->buf) + t->off;
	struct headers h;

	if (t->len < have) {
		csum_gather(q->views, t, 0, scratch, have);
		p = scratch;
	}
	headers_find(p, have, len, &h);
	if (what & BATON_OFFLOAD_RX_IPV4_CSUM)
		check_ipv4(t, p, &h);
	if (what & BATON_OFFLOAD_RX_CSUM)
		check_l4(q, t, p, &h);
	if ((what & BATON_OFFLOAD_RX_HASH) && !(t->flags & BATON_TOKEN_HASH) &&
	    toeplitz_flow(&o->hash, p, &h, o->rss_types, &t->hash))
		t->flags |= BATON_TOKEN_HASH;
	if (what & BATON_OFFLOAD_RX_PTYPE) {
		struct baton_side *side = side_of(q, t);

		side->ptype = ptype_of(side, &h);
		side->valid |= BATON_SIDE_PTYPE;
	}
	if (what & BATON_OFFLOAD_RX_TIME) {
		struct baton_side *side = side_of(q, t);

		side->timestamp = now;
		side->valid = (side->valid & ~BATON_SIDE_DEVICE_CLOCK) | BATON_SIDE_TIME;
	}
	if (what & BATON_OFFLOAD_RX_VLAN)
		strip(q, t, &h);
}

int
offload_rx_burst(struct baton_queue *q, struct baton_token *tokens, unsigned n)
{
	const int got = q->active_burst(q, tokens, n);
	struct timespec now = { 0 };

	if (got > 0 && (q->soft->what & BATON_OFFLOAD_RX_TIME))
		clock_gettime(CLOCK_REALTIME, &now);
	for (int i = 0; i < got;) {
		const unsigned segs = baton_packet_segs(tokens + i, (unsigned)(got - i));

		process(q, tokens + i, segs,
			(uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec);
		i += (int)segs;
	}
	return got;
}
