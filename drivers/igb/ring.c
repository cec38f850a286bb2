/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The codecs. The device completes in order and writes back over descriptors, each of which says
 * whether it is done; a key is its place. RX: advanced descriptors with one buffer (7.1.5); TX:
 * advanced data and context descriptors (7.2.2.3, 7.2.2.2).
 */
#include "igb/igb.h"
#include "port/csum.h"

/* ---- RX ---- */

/* Verdicts on checksums, as flags of a token: 7.1.5.2. */
NIC_INLINE uint8_t
rx_flags(uint64_t info)
{
	const unsigned l3 = info & RX_IPE ? BATON_CSUM_BAD : BATON_CSUM_GOOD,
		       l4 = info & RX_L4E ? BATON_CSUM_BAD : BATON_CSUM_GOOD;
	uint8_t flags = 0;

	if (FEATURE(rx_csum_ipv4) && (info & RX_IPCS))
		flags = (uint8_t)(l3 << BATON_TOKEN_L3_SHIFT);
	if (FEATURE(rx_csum_l4) && (info & RX_L4CS))
		flags |= (uint8_t)(l4 << BATON_TOKEN_L4_SHIFT);
	return flags;
}

NIC_INLINE bool
rx_plain(const struct rx_cursor *c, uint32_t at, const uint8_t *hdr, unsigned mode, uint32_t *len,
	 uint8_t *flags)
{
	const struct igb_desc *ring = c->ring;
	const uint64_t info = shared_load64_acquire(&ring[at].info);

	*len = (uint32_t)(info >> RX_LEN) & 0xffff;
	if (mode & NIC_MODE_META)
		*flags = rx_flags(info);
	return (info & (RX_DD | RX_EOP | RX_RXE)) == (RX_DD | RX_EOP);
}

NIC_INLINE int
rx_next(const struct nic_queue *nq, struct nic_rx_state *state, uint16_t pos, uint16_t published,
	struct rx_entry *e)
{
	const struct igb_desc *ring = nq->mem;
	const uint64_t info = shared_load64_acquire(&ring[pos & nq->mask].info);

	if (!(info & RX_DD))
		return NIC_RX_NOT_DONE;
	*e = (struct rx_entry){
		.key = pos & nq->mask,
		.len = (uint32_t)(info >> RX_LEN) & 0xffff,
		.more = FEATURE(rx_buffers) && !(info & RX_EOP),
		.bad = info & RX_RXE ? 1 + RX_ERROR_DAMAGED : 0,
		/* Only the last descriptor of a packet has them: 7.1.5.2. */
		.meta = info & RX_EOP ? rx_flags(info) : 0,
	};
	return 1;
}

/*
 * 7.1.5.2. The device looks for no ICMP, and for no tag but the one that it removes; of a fragment
 * it has no L4. IPv6 in IPv4 has the bits of both, and the L4 of the inner one.
 */
NIC_INLINE uint32_t
rx_ptype(unsigned type, bool tag)
{
	const bool v4 = type & (TYPE_IPV4 | TYPE_IPV4_MORE),
		   v6 = type & (TYPE_IPV6 | TYPE_IPV6_MORE);
	uint32_t ptype = tag ? BATON_PTYPE_L2_VLAN : BATON_PTYPE_L2_ETHER;

	if (type & TYPE_FILTER)
		return !tag && (type & TYPE_FILTERS) == ETQF_OF_ARP ? BATON_PTYPE_L2_ARP : ptype;
	if (!v4 && !v6)
		return tag ? ptype : 0;
	if (v4)
		ptype |= type & TYPE_IPV4_MORE ? BATON_PTYPE_L3_IPV4X : BATON_PTYPE_L3_IPV4;
	else
		ptype |= type & TYPE_IPV6_MORE ? BATON_PTYPE_L3_IPV6X : BATON_PTYPE_L3_IPV6;
	if (v4 && v6)
		return ptype | BATON_PTYPE_L4_OTHER;
	if (type & TYPE_TCP)
		ptype |= BATON_PTYPE_L4_TCP;
	else if (type & TYPE_UDP)
		ptype |= BATON_PTYPE_L4_UDP;
	else if (type & TYPE_SCTP)
		ptype |= BATON_PTYPE_L4_SCTP;
	return ptype;
}

NIC_INLINE void
rx_describe(const struct nic_queue *nq, uint16_t first, uint16_t last, const uint8_t *hdr,
	    struct rx_info *info)
{
	const struct igb_desc *d = (const struct igb_desc *)nq->mem + (last & nq->mask);
	const uint64_t end = shared_load64(&d->info), hash = shared_load64(&d->addr);

	if (FEATURE(vlan_strip) && (end & RX_VP)) {
		info->valid |= BATON_SIDE_VLAN;
		info->vlan_tci = (uint16_t)(end >> RX_VLAN);
		info->vlan_type = 0x8100;
	}
	if (FEATURE(packet_types) && (nq->info & BATON_OFFLOAD_RX_PTYPE)) {
		info->valid |= BATON_SIDE_PTYPE;
		info->ptype = rx_ptype((uint16_t)hash >> RX_TYPE, end & RX_VP);
	}
	if (FEATURE(rx_event) && (end & RX_TS))
		info->valid |= BATON_SIDE_EVENT;
	info->hashed = FEATURE(rss_hash) && (hash & RX_RSS_TYPE);
	info->hash = (uint32_t)(hash >> RX_RSS_HASH);
}

NIC_INLINE void
rx_put(struct nic_queue *nq, uint16_t pos, uint16_t key, uint64_t iova)
{
	struct igb_desc *ring = nq->mem;

	shared_store64(&ring[key].addr, iova);
	shared_store64(&ring[key].info, 0);
}

/* ---- TX ---- */

NIC_INLINE bool
tx_is_done(const struct nic_queue *nq, uint32_t d)
{
	const struct igb_desc *ring = nq->mem;

	return shared_load64_acquire(&ring[d].info) & TX_DD;
}

#define TX_ALWAYS (TX_DATA | TX_DEXT | TX_IFCS)

NIC_INLINE void
tx_plain(const struct tx_cursor *c, uint32_t d, uint64_t iova, uint32_t len)
{
	struct igb_desc *ring = c->ring;

	shared_store64(&ring[d].addr, iova);
	shared_store64(&ring[d].info, len | TX_ALWAYS | TX_EOP | (uint64_t)len << TX_PAYLEN);
}

/*
 * The device knows where TCP and UDP have their checksums, and no other place. The caller may not
 * hold the token yet.
 */
static bool
can_sum(const struct nic_queue *nq, struct tx_plan *p)
{
	const struct baton_token t = *p->t;
	const struct baton_pool_view *v = &nq->q.views[t.pool];
	const struct baton_side *side;

	if (p->gso)
		return true;
	if (!(t.flags & BATON_TOKEN_SIDE) || t.buf >= v->count)
		return false;
	side = (const void *)(v->side + (size_t)t.buf * BATON_SIDE_SIZE);
	p->l2_len = side->l2_len;
	return side->l2_len >= NIC_ETH_HLEN && (side->csum_offset == 16 || side->csum_offset == 6);
}

/* There is a context for each packet that needs one, which the device may have already. */
NIC_INLINE void
tx_plan(const struct nic_queue *nq, struct tx_plan *p)
{
	const uint32_t offloads = nq->q.port->offloads;
	const struct baton_token t = *p->t;

	p->offload = (offloads & (BATON_OFFLOAD_TX_CSUM | BATON_OFFLOAD_TX_TSO)) &&
		     csum_wanted(t) && can_sum(nq, p);
	p->extra = p->offload || (nq->q.device_tags && (t.flags & BATON_TOKEN_SIDE)) ||
		   ((offloads & BATON_OFFLOAD_TX_IPV4_CSUM) && csum_ipv4_wanted(t));
}

/*
 * The context (7.2.2.2): the lengths of headers, what follows the IP header, and a tag. UDP differs
 * in where the sum is, and in that one of 0 is sent as 0xffff. Of segments, how long the TCP header
 * is, and how much payload each has.
 */
NIC_INLINE struct igb_context
context_of(const struct tx_plan *p)
{
	const uint64_t l2 = p->l2_len ? p->l2_len : NIC_ETH_HLEN,
		       l4 = p->csum && p->csum_start >= l2 ? p->csum_start : l2 + p->l3_len;
	struct igb_context c = { .info = TX_DEXT | CONTEXT };

	if (p->csum && p->csum_offset != 6)
		c.info |= CONTEXT_TCP;
	if (p->ip_csum || p->gso == QUEUE_GSO_TCP4)
		c.info |= CONTEXT_IPV4;
	if (p->gso)
		c.info |= (p->headers_len - l4) << CONTEXT_L4LEN | (uint64_t)p->seg_size
									   << CONTEXT_MSS;
	c.addr = (l4 - l2) | l2 << CONTEXT_MACLEN | (uint64_t)(p->tag ? p->tci : 0) << CONTEXT_VLAN;
	return c;
}

/* The device has two contexts for each queue, and packets name one: the older one is replaced. */
NIC_INLINE bool
tx_told(struct nic_queue *nq, const struct tx_plan *p)
{
	struct igb_queue *iq = igb_queue_of(nq);
	const struct igb_context c = context_of(p);

	if (!p->csum && !p->ip_csum && !p->tag)
		return true;
	for (uint8_t i = 0; i < CONTEXTS; i++) {
		if (iq->context[i].addr == c.addr && iq->context[i].info == c.info) {
			iq->named = i;
			return true;
		}
	}
	iq->named = !iq->named;
	iq->context[iq->named] = c;
	return false;
}

NIC_INLINE void
tx_extra(struct nic_queue *nq, uint16_t d, const struct tx_plan *p)
{
	const struct igb_queue *iq = igb_queue_of_const(nq);
	const struct igb_context c = iq->context[iq->named];
	struct igb_desc *ring = nq->mem;

	shared_store64(&ring[d].addr, c.addr);
	shared_store64(&ring[d].info, c.info | (uint64_t)iq->named << CONTEXT_IDX);
}

/* What the first descriptor of a packet says of all of it. */
NIC_INLINE uint64_t
tx_options(const struct tx_plan *p)
{
	uint64_t info = (uint64_t)(p->len - (p->gso ? p->headers_len : 0)) << TX_PAYLEN;

	if ((FEATURE(tx_csum_l4) || p->gso) && p->csum)
		info |= TX_TXSM;
	if ((FEATURE(tx_csum_ipv4) && p->ip_csum) || p->gso == QUEUE_GSO_TCP4)
		info |= TX_IXSM;
	if (FEATURE(tx_event) && p->event)
		info |= TX_1588;
	return info;
}

/*
 * The same without a plan: how long the packet is in all is known with its last descriptor. Return:
 * what the descriptor itself says.
 */
NIC_INLINE uint64_t
sum_up(struct nic_queue *nq, uint32_t d, uint32_t len, bool first, bool last)
{
	struct igb_queue *iq = igb_queue_of(nq);
	struct igb_desc *ring = nq->mem;

	if (first) {
		iq->first = (uint16_t)d;
		iq->first_len = len;
		iq->len = 0;
	}
	iq->len += len;
	if (!first && last)
		shared_store64(&ring[iq->first].info,
			       iq->first_len | TX_ALWAYS | (uint64_t)iq->len << TX_PAYLEN);
	return first && last ? (uint64_t)len << TX_PAYLEN : 0;
}

/*
 * A packet that is cut or gets a tag says so in each of its descriptors, and asks for its report
 * itself, since tx_report() would write over that.
 */
NIC_INLINE void
tx_put(struct nic_queue *nq, uint32_t d, uint64_t iova, uint32_t len, bool first, bool last,
       const struct tx_plan *p)
{
	struct igb_desc *ring = nq->mem;
	uint64_t info = len | TX_ALWAYS;

	if (last || !FEATURE(tx_buffers))
		info |= TX_EOP;
	if (p)
		info |= (first ? tx_options(p) : 0) | (uint64_t)igb_queue_of(nq)->named
							      << CONTEXT_IDX;
	else
		info |= sum_up(nq, d, len, first, last);
	if (FEATURE(tso) && p && p->gso)
		info |= TX_TSE;
	if (FEATURE(vlan_insert) && p && p->tag)
		info |= TX_VLE;
	if (last && (info & (TX_TSE | TX_VLE))) {
		info |= TX_RS;
		igb_queue_of(nq)->reports = (uint16_t)d;
	}
	shared_store64(&ring[d].addr, iova);
	shared_store64(&ring[d].info, info);
}

/* Bits 24 to 31 are written over, and nothing is read back. */
NIC_INLINE void
tx_report(struct nic_queue *nq, uint32_t d)
{
	struct igb_queue *iq = igb_queue_of(nq);
	struct igb_desc *ring = nq->mem;

	if (iq->reports != d)
		shared_store_byte(&ring[d].info_byte[3],
				  (TX_DEXT | TX_IFCS | TX_EOP | TX_RS) >> 24);
	iq->reports = NO_PLACE; /* whatever is there in the next turn of the ring */
}

/* The doorbell: the first place that the device may not use. */
NIC_INLINE void
commit(struct nic_queue *nq)
{
	const uint16_t end = nq->q.tx ? nq->head : nq->posted;

	nic_doorbell(nq, &igb_queue_of(nq)->block, QUEUE_TAIL, end & nq->mask);
}

const struct rx_codec igb_rx = {
	.gap = 1,
	.plain = rx_plain,
	.next = rx_next,
	.put = rx_put,
	.describe = rx_describe,
	.commit = commit,
};

const struct tx_codec igb_tx = {
	.gap = 1,
	.shortest = TX_SHORTEST,
	.csum_most = LONGEST_OFF,
	.side = true,
	.is_done = tx_is_done,
	.plain = tx_plain,
	.plan = tx_plan,
	.told = tx_told,
	.extra = tx_extra,
	.put = tx_put,
	.report = tx_report,
	.commit = commit,
};

#define NIC_RX      igb_rx
#define NIC_TX      igb_tx
#define NIC_NAME(x) igb_##x
#define NIC_INFO
#include "nic/bursts.h"
