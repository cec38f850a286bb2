/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The codecs of the EXN1. The device completes in order and writes back over the descriptor, so a
 * key is its place. There is no index: each descriptor says of itself whether it is done.
 */
#include "example.h"
#include "nic/rx_bounce.h"
#include "nic/tx_bounce.h"

/* ---- RX ---- */

NIC_INLINE struct rx_cursor
rx_cursor(const struct nic_queue *nq)
{
	return (struct rx_cursor){ .ring = exn_queue_of_const(nq)->ring };
}

NIC_INLINE bool
rx_plain(const struct rx_cursor *c, uint32_t at, const uint8_t *hdr, unsigned mode, uint32_t *len,
	 uint8_t *flags)
{
	const uint64_t info = shared_load64_acquire(&((const struct exn_desc *)c->ring)[at].info);

	*len = (uint32_t)(info >> EXN_RX_LEN) & 0xffff;
	if (mode & NIC_MODE_META)
		*flags = info & EXN_RX_L4_GOOD ? BATON_CSUM_GOOD << BATON_TOKEN_L4_SHIFT : 0;
	return (info & (EXN_RX_DONE | EXN_RX_END | EXN_RX_BAD)) == (EXN_RX_DONE | EXN_RX_END);
}

NIC_INLINE int
rx_next(const struct nic_queue *nq, struct nic_rx_state *state, uint16_t pos, uint16_t published,
	struct rx_entry *e)
{
	const struct exn_desc *ring = exn_queue_of_const(nq)->ring;
	const uint64_t info = shared_load64_acquire(&ring[pos & nq->mask].info);

	if (!(info & EXN_RX_DONE))
		return NIC_RX_NOT_DONE;
	*e = (struct rx_entry){
		.key = pos & nq->mask,
		.len = (uint32_t)(info >> EXN_RX_LEN) & 0xffff,
		.more = !(info & EXN_RX_END),
		.bad = info & EXN_RX_BAD ? 1 + RX_ERROR_DAMAGED : 0,
		.meta = info & EXN_RX_L4_GOOD,
	};
	return 1;
}

NIC_INLINE int
rx_verdict(const struct nic_queue *nq, uint64_t meta, struct baton_token *t, uint32_t len)
{
	if (t && meta)
		t->flags |= BATON_CSUM_GOOD << BATON_TOKEN_L4_SHIFT;
	return RX_GOOD;
}

NIC_INLINE void
rx_put(struct nic_queue *nq, uint16_t pos, uint16_t key, uint64_t iova)
{
	struct exn_desc *d = &exn_queue_of(nq)->ring[pos & nq->mask];

	shared_store64(&d->addr, iova);
	shared_store64(&d->info, 0);
}

NIC_INLINE void
rx_commit(struct nic_queue *nq)
{
	exn_doorbell(nq, nq->posted);
}

/* ---- TX ---- */

NIC_INLINE bool
tx_is_done(const struct nic_queue *nq, uint32_t d)
{
	return shared_load64_acquire(&exn_queue_of_const(nq)->ring[d].info) & EXN_TX_DONE;
}

NIC_INLINE uint16_t
tx_published(const struct nic_queue *nq)
{
	return nic_tx_count_done(nq, tx_is_done);
}

NIC_INLINE struct tx_cursor
tx_cursor(const struct nic_queue *nq)
{
	return (struct tx_cursor){ .ring = exn_queue_of_const(nq)->ring };
}

NIC_INLINE void
tx_write(struct exn_desc *d, uint64_t iova, uint64_t info)
{
	shared_store64(&d->addr, iova);
	shared_store64(&d->info, info);
}

NIC_INLINE void
tx_plain(const struct tx_cursor *c, uint32_t d, uint64_t iova, uint32_t len)
{
	tx_write((struct exn_desc *)c->ring + d, iova, len | EXN_TX_END);
}

NIC_INLINE void
tx_plan(const struct nic_queue *nq, struct tx_plan *p)
{
	p->offload = nq->q.port->offloads & BATON_OFFLOAD_TX_CSUM;
}

NIC_INLINE void
tx_put(struct nic_queue *nq, uint32_t d, uint64_t iova, uint32_t len, bool first, bool last,
       const struct tx_plan *p)
{
	uint64_t info = len | (last ? EXN_TX_END : 0);

	if (first && p && p->csum)
		info |= EXN_TX_CSUM | (uint64_t)p->csum_start << EXN_TX_START |
			(uint64_t)p->csum_offset << EXN_TX_OFFSET;
	tx_write(&exn_queue_of(nq)->ring[d], iova, info);
}

/* One byte is written over, and nothing is read back. */
NIC_INLINE void
tx_report(struct nic_queue *nq, uint32_t d)
{
	shared_store_byte(&exn_queue_of(nq)->ring[d].marks,
			  (EXN_TX_END | EXN_TX_REPORT) >> EXN_TX_MARKS);
}

NIC_INLINE void
tx_commit(struct nic_queue *nq)
{
	exn_doorbell(nq, nq->head);
}

/* ---- the bursts ---- */

const struct rx_codec exn_rx = {
	.gap = 1,
	.cursor = rx_cursor,
	.plain = rx_plain,
	.next = rx_next,
	.verdict = rx_verdict,
	.put = rx_put,
	.commit = rx_commit,
};

const struct tx_codec exn_tx = {
	.gap = 1,
	.published = tx_published,
	.cursor = tx_cursor,
	.plain = tx_plain,
	.plan = tx_plan,
	.put = tx_put,
	.report = tx_report,
	.commit = tx_commit,
};

#define NIC_RX      exn_rx
#define NIC_TX      exn_tx
#define NIC_NAME(x) exn_##x
#include "nic/bursts.h"
