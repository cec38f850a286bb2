/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The codecs of a split ring (virtio 1.2, section 2.7). The completion key is the descriptor index.
 *
 * RX: flags and lengths of descriptors never change. While the device completes in order, the
 * available ring never changes either: position p names descriptor p & mask.
 *
 * TX: the available ring is written where it does not name the descriptor already.
 */
#ifndef VIRTIO_RING_SPLIT_H
#define VIRTIO_RING_SPLIT_H

#include "base/io.h"
#include "nic/rx_bounce.h"
#include "nic/tx_bounce.h"
#include "virtio/ring/virtq.h"

/* The rare parts: bursts.c. */
int virtq_rx_verdict(const struct nic_queue *nq, uint64_t meta, struct baton_token *t, uint32_t len,
		     const uint8_t *data, uint32_t have);
int virtq_tx_check_batch(struct nic_queue *nq, uint16_t published);
void virtq_tx_avail_put(struct nic_queue *nq, unsigned n);

/*
 * What orders memory: the acquire of `used->idx` before the reads of elements, headers and packets;
 * the release of `avail->idx` after the writes of descriptors, entries and packets; smp_mb()
 * between that and the read of the flags. So CPUs see it, which a device without ORDER_PLATFORM
 * asks for (virtio 1.2, section 6). With ORDER_PLATFORM, it is enough on x86, where a device on the
 * bus sees stores in the order in which CPUs see them; elsewhere dma_wmb() and dma_rmb() would be
 * needed there.
 */

/* Completions that the device has published and that were not consumed. */
NIC_INLINE uint16_t
split_published(const struct nic_queue *nq)
{
	const struct virtq *vq = virtq_of_nic_const(nq);

	return (uint16_t)(shared_load16_acquire(&vq->used->idx) - nq->done);
}

NIC_INLINE uint64_t
split_element(const struct nic_queue *nq, uint16_t pos)
{
	return shared_load64(&virtq_used_ring(nq)[pos & nq->mask]);
}

/* ---- RX ---- */

#define SPLIT_OUTSIDE NIC_RX_BAD_OWN /* next(): an id of a batch that is not ahead */

NIC_INLINE struct rx_cursor
split_rx_cursor(const struct nic_queue *nq)
{
	return (struct rx_cursor){ .ring = virtq_used_ring(nq) };
}

NIC_INLINE bool
split_rx_runs(const struct nic_queue *nq)
{
	return !nq->state.open;
}

NIC_INLINE bool
split_rx_plain(const struct rx_cursor *c, uint32_t at, const uint8_t *hdr, unsigned mode,
	       uint32_t *len, uint8_t *flags)
{
	const uint64_t elem = shared_load64((const shared64 *)c->ring + at);

	*len = (uint32_t)(elem >> 32);
	if (baton_unlikely(!MUST(rx_plain_id, (uint32_t)elem == at)))
		return false;
	if (mode & NIC_MODE_META) {
		const unsigned meta = shared_load16_at(hdr); /* {flags:8, gso_type:8} */

		if (baton_unlikely(!MUST(rx_plain_meta, !(meta & ~VIRTIO_NET_HDR_F_DATA_VALID))))
			return false;
		*flags = (uint8_t)(meta / VIRTIO_NET_HDR_F_DATA_VALID * BATON_CSUM_GOOD
				   << BATON_TOKEN_L4_SHIFT);
	}
	return !(mode & NIC_MODE_SEGS) ||
	       baton_likely(
		       MUST(rx_plain_segs, shared_load16_at(hdr + offsetof(struct virtio_net_hdr,
									   num_buffers)) == 1));
}

NIC_INLINE bool
split_rx_reads_header(unsigned mode)
{
	return mode;
}

/*
 * With IN_ORDER an element whose id is ahead completes a batch with one entry, whose id is that of
 * the last descriptor. Inside a batch the elements are stale, and the buffers were written
 * completely; only the length of the last one is reported by the device (virtio 1.2, 2.7.9).
 */
NIC_INLINE int
split_rx_in_batch(const struct nic_queue *nq, struct nic_rx_state *state, uint16_t pos,
		  uint16_t published, struct rx_entry *e)
{
	if (!state->open) {
		const uint16_t ahead = (uint16_t)((e->key - pos) & nq->mask);

		if (!MUST(rx_id, e->key <= nq->mask))
			return NIC_RX_BAD_KEY;
		if (!MUST(rx_in_order, ahead < published))
			return SPLIT_OUTSIDE;
		*state = (struct nic_rx_state){ .end = (uint16_t)(pos + ahead),
						.open = 1,
						.len = e->len };
	}
	e->key = pos & nq->mask;
	e->len = nq->posted_len;
	if (pos == state->end) {
		e->len = state->len;
		state->open = 0;
	}
	return 1;
}

NIC_INLINE int
split_rx_next(const struct nic_queue *nq, struct nic_rx_state *state, uint16_t pos,
	      uint16_t published, struct rx_entry *e)
{
	const uint64_t elem = split_element(nq, pos);

	*e = (struct rx_entry){ .key = (uint32_t)elem, .len = (uint32_t)(elem >> 32) };
	if (!virtq_of_nic_const(nq)->feature_in_order)
		return 1;
	return split_rx_in_batch(nq, state, pos, published, e);
}

NIC_INLINE int
split_rx_broken(struct nic_queue *nq, int why, const struct rx_entry *e, uint16_t pos,
		uint16_t published)
{
	return queue_violation(&nq->q,
			       "in-order id %u is outside the %u completions published from %u "
			       "(in_order=0 does without)",
			       e->key, published, pos & nq->mask);
}

NIC_INLINE uint32_t
split_rx_segs(const uint8_t *hdr)
{
	return shared_load16_at(hdr + offsetof(struct virtio_net_hdr, num_buffers));
}

/* {flags:8, gso_type:8, csum_start:16, csum_offset:16, gso_size:16} */
NIC_INLINE uint64_t
split_rx_meta(const uint8_t *hdr)
{
	const uint64_t start = shared_load16_at(hdr + offsetof(struct virtio_net_hdr, csum_start)),
		       offset =
			       shared_load16_at(hdr + offsetof(struct virtio_net_hdr, csum_offset)),
		       size = shared_load16_at(hdr + offsetof(struct virtio_net_hdr, gso_size));

	return shared_load16_at(hdr) | start << 16 | offset << 32 | size << 48;
}

NIC_INLINE void
split_rx_put(struct nic_queue *nq, uint16_t pos, uint16_t key, uint64_t iova)
{
	struct virtq *vq = virtq_of_nic(nq);

	if (baton_unlikely(!nq->in_order))
		vq->avail->ring[pos & nq->mask] = to_le16(key);
	vq->desc[key].addr = to_le64(iova);
}

NIC_INLINE void
split_rx_again(struct nic_queue *nq, uint16_t pos, uint16_t key)
{
	virtq_of_nic(nq)->avail->ring[pos & nq->mask] = to_le16(key);
}

NIC_INLINE void
split_rx_restore(struct nic_queue *nq, uint16_t at)
{
	virtq_of_nic(nq)->avail->ring[at] = to_le16(at);
}

NIC_INLINE void
split_rx_init(struct nic_queue *nq, uint16_t key)
{
	virtq_of_nic(nq)->desc[key] = (struct vring_desc){ .len = to_le32(nq->posted_len),
							   .flags = to_le16(VRING_DESC_F_WRITE) };
}

NIC_INLINE void
split_show(struct nic_queue *nq)
{
	release_le16(&virtq_of_nic(nq)->avail->idx, nq->posted);
}

/* Publish the available entries, and notify the device unless it polls. */
NIC_INLINE void
split_commit(struct nic_queue *nq)
{
	struct virtq *vq = virtq_of_nic(nq);

	split_show(nq);
	smp_mb(); /* the flag is read after the index is written (virtio 1.2, 2.7.13.4.1) */
	if (!(shared_load16(vq->notify_flags) & VRING_USED_F_NO_NOTIFY))
		virtq_notify(vq);
}

/* 5.1.6.4.4; a report of no type that there is is no hash. */
NIC_INLINE void
split_rx_hash_describe(const struct nic_queue *nq, uint16_t first, uint16_t last,
		       const uint8_t *hdr, struct rx_info *info)
{
	const uint8_t *value = hdr + offsetof(struct virtio_net_hdr_hash, value);
	const unsigned report =
		shared_load16_at(hdr + offsetof(struct virtio_net_hdr_hash, report));

	info->hashed = MUST(rx_hash_report, report - 1u < VIRTIO_NET_HASH_REPORTS);
	info->hash = shared_load16_at(value) | (uint32_t)shared_load16_at(value + 2) << 16;
}

NIC_INLINE bool
split_rx_hash_reads_header(unsigned mode)
{
	return true;
}

static const struct rx_codec split_rx = {
	.header = NET_HDR_LEN,
	.any_order = true,
	.counts_segs = true,
	.published = split_published,
	.cursor = split_rx_cursor,
	.runs = split_rx_runs,
	.plain = split_rx_plain,
	.reads_header = split_rx_reads_header,
	.next = split_rx_next,
	.broken = split_rx_broken,
	.segs = split_rx_segs,
	.meta = split_rx_meta,
	.verdict = virtq_rx_verdict,
	.put = split_rx_put,
	.init = split_rx_init,
	.again = split_rx_again,
	.restore = split_rx_restore,
	.show = split_show,
	.commit = split_commit,
};

/* With the hash in the header. */
static const struct rx_codec split_rx_hash = {
	.header = NET_HDR_HASH_LEN,
	.any_order = true,
	.counts_segs = true,
	.published = split_published,
	.cursor = split_rx_cursor,
	.runs = split_rx_runs,
	.plain = split_rx_plain,
	.reads_header = split_rx_hash_reads_header,
	.next = split_rx_next,
	.broken = split_rx_broken,
	.segs = split_rx_segs,
	.meta = split_rx_meta,
	.verdict = virtq_rx_verdict,
	.describe = split_rx_hash_describe,
	.put = split_rx_put,
	.init = split_rx_init,
	.again = split_rx_again,
	.restore = split_rx_restore,
	.show = split_show,
	.commit = split_commit,
};

/* ---- TX ---- */

NIC_INLINE unsigned
split_tx_in_turn(const struct nic_queue *nq, unsigned n)
{
	const shared64 *const ring = virtq_used_ring(nq);
	unsigned i;

	for (i = 0; i < n; i++)
		if (baton_unlikely(
			    !MUST(tx_in_turn,
				  (uint32_t)shared_load64(&ring[(nq->done + i) & nq->mask]) ==
					  (uint32_t)((nq->tail + i) & nq->mask))))
			break;
	return i;
}

NIC_INLINE uint32_t
split_tx_key(const struct nic_queue *nq)
{
	return (uint32_t)split_element(nq, nq->done);
}

/*
 * IN_ORDER: the distance of the index tells which packets are complete. Only one element is
 * certainly valid, the first one that was published, and it must name one of these packets (virtio
 * 1.2, 2.7.9). batch_end is the position up to which elements are validated.
 */
NIC_INLINE int
split_tx_batch(struct nic_queue *nq, uint16_t published)
{
	const struct virtq *vq = virtq_of_nic(nq);

	if (!vq->feature_in_order)
		return 0;
	if (vq->batch_end == nq->done) {
		int ret = virtq_tx_check_batch(nq, published);

		if (baton_unlikely(ret < 0))
			return ret;
	}
	return (uint16_t)(vq->batch_end - nq->done);
}

NIC_INLINE struct tx_cursor
split_tx_cursor(const struct nic_queue *nq)
{
	return (struct tx_cursor){ .ring = virtq_of_nic_const(nq)->desc };
}

NIC_INLINE void
split_tx_plain(const struct tx_cursor *c, uint32_t d, uint64_t iova, uint32_t len)
{
	struct vring_desc *desc = (struct vring_desc *)c->ring + d;

	desc->addr = to_le64(iova);
	desc->len_flags_next = to_le64(len);
}

NIC_INLINE void
split_tx_plain_header(void *hdr)
{
	memset(hdr, 0, NET_HDR_LEN);
}

NIC_INLINE void
split_tx_hash_plain_header(void *hdr)
{
	memset(hdr, 0, NET_HDR_HASH_LEN);
}

/* The checksum, and segments: virtio 1.2, 5.1.6.2. */
NIC_INLINE void
split_tx_header(const struct nic_queue *nq, void *to, const struct tx_plan *p)
{
	struct virtio_net_hdr hdr = { 0 };

	if (p->csum) {
		hdr.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		hdr.csum_start = to_le16(p->csum_start);
		hdr.csum_offset = to_le16(p->csum_offset);
	}
	if (baton_unlikely(p->gso)) {
		hdr.gso_type = p->gso == QUEUE_GSO_TCP4   ? VIRTIO_NET_HDR_GSO_TCPV4
			       : p->gso == QUEUE_GSO_TCP6 ? VIRTIO_NET_HDR_GSO_TCPV6
							  : VIRTIO_NET_HDR_GSO_UDP_L4;
		hdr.gso_size = to_le16(p->seg_size);
		hdr.hdr_len = to_le16(p->headers_len);
	}
	memcpy(to, &hdr, NET_HDR_LEN);
}

NIC_INLINE void
split_tx_hash_header(const struct nic_queue *nq, void *to, const struct tx_plan *p)
{
	split_tx_header(nq, to, p);
	memset((uint8_t *)to + NET_HDR_LEN, 0, NET_HDR_HASH_LEN - NET_HDR_LEN);
}

/* Without headroom a packet takes one descriptor more, for a header of zeros. */
NIC_INLINE void
split_tx_plan(const struct nic_queue *nq, struct tx_plan *p)
{
	p->header_apart = !p->slots && p->t[0].off < virtq_of_nic_const(nq)->hdr_len;
	p->extra = p->header_apart;
	p->offload = virtq_of_nic_const(nq)->csum && !p->extra;
}

NIC_INLINE void
split_tx_put(struct nic_queue *nq, uint32_t d, uint64_t iova, uint32_t len, bool first, bool last,
	     const struct tx_plan *p)
{
	struct vring_desc *desc = virtq_of_nic(nq)->desc + d;
	const uint64_t flags = last ? 0 : VRING_DESC_F_NEXT, next = (d + 1) & nq->mask;

	desc->addr = to_le64(iova);
	desc->len_flags_next = to_le64(len | flags << 32 | next << 48);
}

NIC_INLINE void
split_tx_extra(struct nic_queue *nq, uint16_t d, const struct tx_plan *p)
{
	const struct virtq *vq = virtq_of_nic(nq);

	split_tx_put(nq, d, vq->hdr_iova, vq->hdr_len, true, false, p);
}

/* Make position nq->posted of the available ring name descriptor @id, unless it does already. */
NIC_INLINE void
split_tx_avail(struct nic_queue *nq, uint16_t id)
{
	struct virtq *vq = virtq_of_nic(nq);
	const uint16_t offset = (uint16_t)(id - nq->posted) & nq->mask;

	if (baton_unlikely(offset != vq->avail_offset)) {
		vq->avail_offset = offset;
		vq->avail_run = 0;
	}
	if (baton_unlikely(vq->avail_run <= nq->mask)) {
		vq->avail->ring[nq->posted & nq->mask] = to_le16(id);
		vq->avail_run++;
	}
	nq->posted++;
}

NIC_INLINE void
split_tx_send(struct nic_queue *nq, unsigned n, unsigned descs)
{
	const struct virtq *vq = virtq_of_nic(nq);

	if (baton_likely(vq->avail_run > nq->mask &&
			 vq->avail_offset == ((nq->head - nq->posted) & nq->mask))) {
		nq->posted = (uint16_t)(nq->posted + n); /* the entries are there already */
		return;
	}
	virtq_tx_avail_put(nq, n);
}

static const struct tx_codec split_tx = {
	.header = NET_HDR_LEN,
	.any_order = true,
	.published = split_published,
	.in_turn = split_tx_in_turn,
	.key = split_tx_key,
	.batch = split_tx_batch,
	.cursor = split_tx_cursor,
	.plain = split_tx_plain,
	.plain_header = split_tx_plain_header,
	.write_header = split_tx_header,
	.plan = split_tx_plan,
	.extra = split_tx_extra,
	.put = split_tx_put,
	.send = split_tx_send,
	.commit = split_commit,
};

static const struct tx_codec split_tx_hash = {
	.header = NET_HDR_HASH_LEN,
	.any_order = true,
	.published = split_published,
	.in_turn = split_tx_in_turn,
	.key = split_tx_key,
	.batch = split_tx_batch,
	.cursor = split_tx_cursor,
	.plain = split_tx_plain,
	.plain_header = split_tx_hash_plain_header,
	.write_header = split_tx_hash_header,
	.plan = split_tx_plan,
	.extra = split_tx_extra,
	.put = split_tx_put,
	.send = split_tx_send,
	.commit = split_commit,
};

#endif
