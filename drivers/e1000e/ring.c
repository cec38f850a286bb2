/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The codecs. The device completes in order and writes back over descriptors, each of which says
 * whether it is done; a key is its place. RX: extended descriptors (7.1.5); TX: extended data and
 * context descriptors (7.2.11, 7.2.10.2).
 */
#include "e1000e/e1000e.h"
#include "port/csum.h"

/* ---- RX ---- */

/*
 * Verdicts on checksums, as flags of a token: 7.1.10. The device says of TCP and UDP in one bit
 * that it looked, and in another what was wrong.
 */
NIC_INLINE uint8_t
rx_flags(uint64_t info)
{
	const unsigned l3 = info & RX_IPE ? BATON_CSUM_BAD : BATON_CSUM_GOOD,
		       l4 = info & RX_TCPE ? BATON_CSUM_BAD : BATON_CSUM_GOOD;
	uint8_t flags = 0;

	if (info & RX_IXSM)
		return 0;
	if (FEATURE(rx_csum_ipv4) && (info & RX_IPCS))
		flags = (uint8_t)(l3 << BATON_TOKEN_L3_SHIFT);
	if (FEATURE(rx_csum_l4) && (info & (RX_TCPCS | RX_UDPCS)))
		flags |= (uint8_t)(l4 << BATON_TOKEN_L4_SHIFT);
	return flags;
}

NIC_INLINE bool
rx_plain(const struct rx_cursor *c, uint32_t at, const uint8_t *hdr, unsigned mode, uint32_t *len,
	 uint8_t *flags)
{
	const struct e1000e_desc *ring = c->ring;
	const uint64_t info = shared_load64_acquire(&ring[at].info);

	*len = (uint32_t)(info >> RX_LEN) & 0xffff;
	if (mode & NIC_MODE_META)
		*flags = rx_flags(info);
	return (info & (RX_DD | RX_EOP | RX_BAD)) == (RX_DD | RX_EOP);
}

NIC_INLINE int
rx_next(const struct nic_queue *nq, struct nic_rx_state *state, uint16_t pos, uint16_t published,
	struct rx_entry *e)
{
	const struct e1000e_desc *ring = nq->mem;
	const uint64_t info = shared_load64_acquire(&ring[pos & nq->mask].info);

	if (!(info & RX_DD))
		return NIC_RX_NOT_DONE;
	*e = (struct rx_entry){
		.key = pos & nq->mask,
		.len = (uint32_t)(info >> RX_LEN) & 0xffff,
		.more = FEATURE(rx_buffers) && !(info & RX_EOP),
		.bad = info & RX_BAD ? 1 + RX_ERROR_DAMAGED : 0,
		/* Only the last descriptor of a packet has them: 7.1.5.2. */
		.meta = info & RX_EOP ? rx_flags(info) : 0,
	};
	return 1;
}

NIC_INLINE void
rx_describe(const struct nic_queue *nq, uint16_t first, uint16_t last, const uint8_t *hdr,
	    struct rx_info *info)
{
	const struct e1000e_desc *d = (const struct e1000e_desc *)nq->mem + (last & nq->mask);
	const uint64_t end = shared_load64(&d->info), hash = shared_load64(&d->addr);

	if (FEATURE(vlan_strip) && (end & RX_VP)) {
		info->valid |= BATON_SIDE_VLAN;
		info->vlan_tci = (uint16_t)(end >> RX_VLAN);
		info->vlan_type = 0x8100;
	}
	if (FEATURE(rx_event) && (end & RX_TST))
		info->valid |= BATON_SIDE_EVENT;
	info->hashed = FEATURE(rss_hash) && (hash & RX_RSS_TYPE);
	info->hash = (uint32_t)(hash >> RX_RSS_HASH);
}

NIC_INLINE void
rx_put(struct nic_queue *nq, uint16_t pos, uint16_t key, uint64_t iova)
{
	struct e1000e_desc *ring = nq->mem;

	shared_store64(&ring[key].addr, iova);
	shared_store64(&ring[key].info, 0);
}

/* ---- TX ---- */

NIC_INLINE bool
tx_is_done(const struct nic_queue *nq, uint32_t d)
{
	const struct e1000e_desc *ring = nq->mem;

	return shared_load64_acquire(&ring[d].info) & TX_DD;
}

#define TX_ALWAYS (TX_DATA | TX_DEXT | TX_IFCS)

NIC_INLINE void
tx_plain(const struct tx_cursor *c, uint32_t d, uint64_t iova, uint32_t len)
{
	struct e1000e_desc *ring = c->ring;

	shared_store64(&ring[d].addr, iova);
	shared_store64(&ring[d].info, len | TX_ALWAYS | TX_EOP);
}

/* There is a context for each packet that needs one, which the device may have already. */
NIC_INLINE void
tx_plan(const struct nic_queue *nq, struct tx_plan *p)
{
	const uint32_t offloads = nq->q.port->offloads;

	p->offload = offloads & (BATON_OFFLOAD_TX_CSUM | BATON_OFFLOAD_TX_TSO);
	p->extra = (p->offload && csum_wanted(*p->t)) ||
		   ((offloads & BATON_OFFLOAD_TX_IPV4_CSUM) && csum_ipv4_wanted(*p->t));
}

/*
 * The context (7.2.10.2): where the checksum begins and is, and that it ends with the packet. UDP
 * differs in that a sum of 0 is sent as 0xffff. The same of an IPv4 header; of segments, how much
 * of the packet are headers, and how much payload there is in all and in each.
 */
NIC_INLINE struct e1000e_context
context_of(const struct tx_plan *p)
{
	const uint64_t start = p->csum_start, field = start + p->csum_offset, ip = p->l2_len;
	struct e1000e_context c = {
		.addr = p->csum ? start << 32 | field << 40 : 0,
		.info = TX_DEXT | (p->csum_offset == 6 ? 0 : CONTEXT_TCP),
	};

	if (p->gso || p->ip_csum)
		c.addr |= ip | (ip + 10) << 8 | (ip + p->l3_len - 1) << 16;
	if (p->gso)
		c.info |= CONTEXT_TSE | (p->len - p->headers_len) |
			  (uint64_t)p->headers_len << CONTEXT_HDRLEN |
			  (uint64_t)p->seg_size << CONTEXT_MSS;
	if (p->gso == QUEUE_GSO_TCP4)
		c.info |= CONTEXT_IPV4;
	return c;
}

/*
 * The device has one context of checksums for all queues, the last one (7.2.6): only a queue that
 * is alone can rely on it. One of segments has the length of its packet, and is written anew.
 */
NIC_INLINE bool
tx_told(struct nic_queue *nq, const struct tx_plan *p)
{
	struct e1000e_queue *eq = e1000e_queue_of(nq);
	const struct e1000e_context last = eq->context;

	if (!p->csum && !p->ip_csum)
		return true;
	eq->context = context_of(p);
	return nq->q.port->info.tx_queues == 1 && !p->gso && last.addr == eq->context.addr &&
	       last.info == eq->context.info;
}

NIC_INLINE void
tx_extra(struct nic_queue *nq, uint16_t d, const struct tx_plan *p)
{
	const struct e1000e_context c = e1000e_queue_of(nq)->context;
	struct e1000e_desc *ring = nq->mem;

	shared_store64(&ring[d].addr, c.addr);
	shared_store64(&ring[d].info, c.info);
}

NIC_INLINE uint64_t
tx_options(const struct tx_plan *p)
{
	uint64_t info = (FEATURE(tx_csum_l4) || p->gso) && p->csum ? TX_TXSM : 0;

	if ((FEATURE(tx_csum_ipv4) && p->ip_csum) || p->gso == QUEUE_GSO_TCP4)
		info |= TX_IXSM;
	if (FEATURE(tso) && p->gso)
		info |= TX_TSE;
	if (FEATURE(tx_event) && p->event)
		info |= TX_TSTAMP;
	if (FEATURE(vlan_insert) && p->tag)
		info |= TX_VLE | (uint64_t)p->tci << TX_SPECIAL;
	return info;
}

/*
 * What a packet of any kind is to have done to it is in each of its descriptors. One that is cut or
 * gets a tag asks for its report itself, since tx_report() would write over that.
 */
NIC_INLINE void
tx_put(struct nic_queue *nq, uint32_t d, uint64_t iova, uint32_t len, bool first, bool last,
       const struct tx_plan *p)
{
	struct e1000e_desc *ring = nq->mem;
	uint64_t info = len | TX_ALWAYS;

	if (last || !FEATURE(tx_buffers))
		info |= TX_EOP;
	if (p)
		info |= tx_options(p);
	if (last && (info & (TX_TSE | TX_VLE))) {
		info |= TX_RS;
		e1000e_queue_of(nq)->reports = (uint16_t)d;
	}
	shared_store64(&ring[d].addr, iova);
	shared_store64(&ring[d].info, info);
}

/* Bits 24 to 31 are written over, and nothing is read back. */
NIC_INLINE void
tx_report(struct nic_queue *nq, uint32_t d)
{
	struct e1000e_queue *eq = e1000e_queue_of(nq);
	struct e1000e_desc *ring = nq->mem;

	if (eq->reports != d)
		shared_store_byte(&ring[d].info_byte[3],
				  (TX_DEXT | TX_IFCS | TX_EOP | TX_RS) >> 24);
	eq->reports = NO_PLACE; /* whatever is there in the next turn of the ring */
}

/* The doorbell: the first place that the device may not use. */
NIC_INLINE void
commit(struct nic_queue *nq)
{
	const uint16_t end = nq->q.tx ? nq->head : nq->posted;

	nic_doorbell(nq, &e1000e_queue_of(nq)->block, QUEUE_TAIL, end & nq->mask);
}

const struct rx_codec e1000e_rx = {
	.gap = 1,
	.plain = rx_plain,
	.next = rx_next,
	.put = rx_put,
	.describe = rx_describe,
	.commit = commit,
};

const struct tx_codec e1000e_tx = {
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

#define NIC_RX      e1000e_rx
#define NIC_TX      e1000e_tx
#define NIC_NAME(x) e1000e_##x
#define NIC_INFO
#include "nic/bursts.h"
