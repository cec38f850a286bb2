/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Receive from a split ring.
 *
 * Nothing that the device writes is used before these checks, each on a local copy. The used index
 * is at most what is posted ahead. An id is that of a posted descriptor. A length is at least that
 * of the header (1 byte for further buffers of a packet) and at most what was posted. A packet has
 * 1 to min(published, max_segs) buffers. Anything else is a protocol violation and stops the queue.
 * A frame that is too short for an Ethernet header is the fault of its sender, and is dropped.
 */
#include "rx.h"

void
virtq_rx_post(struct virtq *vq, const struct baton_pool_view *v, struct dma_cache *c, unsigned n)
{
	const uint64_t base = v->iova + vq->post_off;

	for (unsigned i = 0; i < n; i++) {
		uint16_t pos = (uint16_t)(vq->avail_idx + i) & vq->mask, id = pos;
		uint32_t buf = dma_cache_pop(c);

		if (baton_unlikely(!vq->in_order)) {
			id = vq->order[pos];
			vq->avail->ring[pos] = htole16(id);
		}

		vq->shadow[id] = buf;
		vq->desc[id].addr = htole64(base + (uint64_t)buf * v->stride);
	}
	vq->avail_idx = (uint16_t)(vq->avail_idx + n);
}

static inline struct baton_token
token(const struct baton_pool_view *v, uint32_t buf, uint16_t off, uint32_t len, uint8_t flags)
{
	return (struct baton_token){
		.buf = buf,
		.off = off,
		.len = (uint16_t)len,
		.gen = dma_take(v, buf),
		.pool = v->index,
		.flags = flags,
	};
}

/* Return the buffer of a dropped packet to the cache; no CPU right is created. */
static void
drop(struct virtq *vq, uint32_t buf)
{
	dma_cache_room(vq->q.cache, 1);
	dma_cache_push(vq->q.cache, buf);
}

/*
 * The device completed a descriptor out of order: from now on the shadow marks what is posted, and
 * the available ring follows the order of completions.
 */
static void
leave_in_order(struct virtq *vq, uint16_t pos)
{
	for (uint32_t i = 0; i < vq->q.descs; i++) {
		uint16_t ahead = (uint16_t)((i - pos) & vq->mask);

		if (ahead >= (uint16_t)(vq->avail_idx - pos))
			vq->shadow[i] = SHADOW_NONE;
	}
	vq->in_order = 0;
	vq->displaced = vq->turns = 0;
}

/* Record that descriptor @id, which was posted, was completed at ring position @pos. */
static void
completed_at(struct virtq *vq, uint16_t pos, uint16_t id)
{
	const uint16_t at = pos & vq->mask, posted = vq->order[at];

	vq->shadow[id] = SHADOW_NONE;
	vq->order[at] = id;
	vq->displaced += id != at;
	vq->displaced -= posted != at;
	vq->turns++;
	if (id != posted) {
		vq->turns = 0;
		vq->refill = virtq_refill_least(vq);
	}
}

/*
 * No descriptor is displaced: the ring is as it was filled. @first: the first free position, of @n.
 */
static void
enter_in_order(struct virtq *vq, uint16_t first, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		const uint16_t p = (uint16_t)(first + i) & vq->mask;

		vq->avail->ring[p] = htole16(p);
	}
	for (uint32_t i = 0; vq->slots && !vq->slot_of && i < vq->q.descs; i++)
		vq->shadow[i] = vq->slot0 + i;
	vq->refill = virtq_refill_least(vq);
	vq->in_order = 1;
}

void
virtq_rx_reorder(struct virtq *vq, uint16_t consumed)
{
	const uint32_t size = vq->q.descs, n = size - (uint16_t)(vq->avail_idx - consumed),
		       room = vq->quota - vq->q.max_segs + 1u, most = vq->quota * 3u / 4;
	const uint16_t first = vq->avail_idx;
	uint16_t *const order = vq->order;
	uint32_t later = virtq_refill_least(vq);

	for (uint32_t i = 0; vq->displaced && i < n; i++) {
		const uint16_t p = (uint16_t)(first + i) & vq->mask;
		uint16_t id;

		/*
		 * Each turn of the loop puts one descriptor at its position; the one that was there
		 * is next.
		 */
		while ((id = order[p]) != p && order[id] != id &&
		       ((uint32_t)(id - first) & vq->mask) < n) {
			order[p] = order[id];
			order[id] = id;
			vq->displaced -= 1u + (order[p] == p);
		}
	}
	if (vq->turns < size)
		return;
	if (!vq->displaced) {
		enter_in_order(vq, first, n);
		return;
	}
	/*
	 * Try twice as many each turn. If 3 of 4 are free, any two positions are free together
	 * soon.
	 */
	for (uint32_t turn = vq->turns / size; turn && later < most; turn--)
		later *= 2;
	later = later < most ? later : most;
	vq->refill = (uint16_t)(later < room ? later : room);
}

/*
 * An element whose id is ahead, with IN_ORDER: a batch with one entry, whose id is that of the last
 * descriptor.
 */
static bool
open_batch(struct virtq *vq, uint16_t pos, uint16_t published, uint32_t id, uint32_t len)
{
	uint16_t ahead = (uint16_t)((id - pos) & vq->mask);

	if (!MUST(rx_in_order, ahead < published)) {
		queue_violation(&vq->q,
				"in-order id %u is outside the %u completions published from %u "
				"(in_order=0 does without)",
				id, published, pos & vq->mask);
		return false;
	}
	vq->batch_end = (uint16_t)(pos + ahead);
	vq->batch_len = len;
	vq->in_batch = 1;
	return true;
}

/*
 * Process a completion that is not simply the next in order, with all checks.
 *
 * @elem: the used element at ring position @pos, with @published completions from there on. Return:
 * the buffer, with its length; SHADOW_NONE after a violation.
 */
static uint32_t __attribute__((noinline))
complete(struct virtq *vq, uint64_t elem, uint16_t pos, uint16_t published, uint32_t *len)
{
	uint32_t id = (uint32_t)elem, buf;

	*len = (uint32_t)(elem >> 32);
	if (vq->feature_in_order) {
		/*
		 * Inside a batch the elements are stale, and the buffers were written completely.
		 * Only the length of the last one is reported by the device (virtio 1.2, 2.7.9).
		 */
		if (!vq->in_batch) {
			if (!MUST(rx_id, id <= vq->mask))
				goto bad_id;
			if (!open_batch(vq, pos, published, id, *len))
				return SHADOW_NONE;
		}
		*len = vq->posted_len;
		if (pos == vq->batch_end) {
			*len = vq->batch_len;
			vq->in_batch = 0;
		}
		id = pos & vq->mask;
	}
	if (!MUST(rx_id, id <= vq->mask))
		goto bad_id;
	if (vq->in_order && id != (pos & vq->mask))
		leave_in_order(vq, pos);
	buf = vq->shadow[id];
	if (!vq->in_order && !MUST(rx_posted, buf != SHADOW_NONE)) {
		queue_violation(&vq->q, "used id %u was not posted, or is completed twice", id);
		return SHADOW_NONE;
	}
	/* A further buffer of a packet may be empty (passt's are, when a frame just fills those
	 * before it); a first one has the header at least. */
	if (!MUST(rx_len, *len <= vq->posted_len)) {
		queue_violation(&vq->q, "used length %u of id %u is more than the %u bytes posted",
				*len, id, vq->posted_len);
		return SHADOW_NONE;
	}
	if (!vq->in_order)
		completed_at(vq, pos, (uint16_t)id);
	return buf;

bad_id:
	queue_violation(&vq->q, "used id out of range: %u of %u descriptors", id, vq->q.descs);
	return SHADOW_NONE;
}

uint32_t
virtq_rx_next(struct virtq *vq, uint16_t pos, uint16_t published, uint32_t *len)
{
	uint64_t elem = shared_load64(&vq->used->ring[pos & vq->mask]);

	*len = (uint32_t)(elem >> 32);
	if (baton_likely((uint32_t)elem == (uint32_t)(pos & vq->mask) &&
			 *len - 1 < vq->posted_len && vq->in_order && !vq->in_batch))
		return vq->shadow[pos & vq->mask];
	return complete(vq, elem, pos, published, len);
}

/*
 * The further buffers of a packet of @segs, from r->pos on, but for empty ones. The first is
 * tokens[0].
 *
 * Return: 0, or -EIO after a violation: tokens[1 .. *n - 1] are taken and the caller's to return.
 */
static int __attribute__((noinline))
more_segs(struct virtq *vq, const struct baton_pool_view *v, struct baton_token *tokens,
	  unsigned segs, uint16_t published, struct rx_counts *r, unsigned *n)
{
	*n = 1;
	for (unsigned i = 1; i < segs; i++, published--) {
		uint32_t len, buf = virtq_rx_next(vq, r->pos, published, &len);

		if (buf == SHADOW_NONE)
			return -EIO;
		r->pos++;
		if (!len) {
			drop(vq, buf);
			continue;
		}
		tokens[*n - 1].flags |= BATON_TOKEN_CONT;
		tokens[*n] = token(v, buf, vq->post_off, len, 0);
		++*n;
	}
	return 0;
}

/* Free the tokens of a packet that is not delivered. */
void
virtq_rx_untake(struct virtq *vq, const struct baton_pool_view *v, const struct baton_token *tokens,
		unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		dma_give(v, tokens[i], BATON_OWNER_FREE << 16);
		dma_poison(v, tokens[i].buf);
		drop(vq, tokens[i].buf);
	}
}

struct rx_meta
virtq_rx_meta(const uint8_t *hdr)
{
	const uint16_t both = shared_load16_at(hdr);

	return (struct rx_meta){
		.flags = (uint8_t)both,
		.gso_type = (uint8_t)(both >> 8),
		.csum_start = shared_load16_at(hdr + offsetof(struct virtio_net_hdr, csum_start)),
		.csum_offset = shared_load16_at(hdr + offsetof(struct virtio_net_hdr, csum_offset)),
	};
}

/*
 * Whether the header is valid. Unknown flags are ignored. Invalid are a segmentation that was not
 * negotiated, and a checksum outside of the packet.
 */
int
virtq_rx_meta_error(const struct rx_meta *m, uint32_t len)
{
	/* With RSC_INFO the two fields have another meaning. */
	if (!MUST(rx_gso, m->gso_type == VIRTIO_NET_HDR_GSO_NONE))
		return RX_ERROR_SEGMENTATION;
	if (!(m->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
		return RX_GOOD;
	if (!MUST(rx_rsc, !(m->flags & VIRTIO_NET_HDR_F_RSC_INFO)))
		return RX_ERROR_SEGMENTATION;
	return MUST(rx_csum_start, m->csum_start >= ETH_HLEN) &&
			       MUST(rx_csum_end,
				    (uint32_t)m->csum_start + m->csum_offset + 2 <= len)
		       ? RX_GOOD
		       : RX_ERROR_CSUM_RANGE;
}

/*
 * Write the device's checksum result of the packet (virtio 1.2, 5.1.6.4) to its first token.
 * Return: false if it is invalid.
 */
int
virtq_rx_verdict(const struct virtq *vq, const struct rx_meta *m, struct baton_token *t,
		 uint32_t len)
{
	const struct baton_pool_view *pool = &vq->q.pool->view;
	struct baton_side side = { .l2_len = ETH_HLEN, .csum_offset = m->csum_offset };
	const int error = virtq_rx_meta_error(m, len);

	if (error != RX_GOOD)
		return error;
	if (!(m->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)) {
		if (m->flags & VIRTIO_NET_HDR_F_DATA_VALID)
			t->flags |= BATON_CSUM_GOOD << BATON_TOKEN_L4_SHIFT;
		return RX_GOOD;
	}
	side.l3_len = (uint16_t)(m->csum_start - ETH_HLEN); /* with VLAN tags, if any */
	memcpy(pool->side + (size_t)t->buf * BATON_SIDE_SIZE, &side, sizeof(side));
	t->flags |= BATON_TOKEN_SIDE | BATON_CSUM_PARTIAL << BATON_TOKEN_L4_SHIFT;
	return RX_GOOD;
}

/*
 * Get the first buffer of the packet at r->pos, and the number of its buffers. Nothing is taken
 * yet.
 *
 * Return: the buffer, its length without the header in @len; SHADOW_NONE after a violation.
 */
static uint32_t
first_seg(struct virtq *vq, const struct baton_pool_view *v, uint16_t published, unsigned mode,
	  struct rx_counts *r, uint32_t *len, unsigned *segs)
{
	uint32_t buf = virtq_rx_next(vq, r->pos, published, len);

	if (baton_unlikely(buf == SHADOW_NONE))
		return buf;
	r->pos++;
	if (baton_unlikely(!MUST(rx_header, *len >= NET_HDR_LEN))) {
		drop(vq, buf);
		queue_violation(&vq->q, "used length %u is less than the %u bytes of the header",
				*len, NET_HDR_LEN);
		return SHADOW_NONE;
	}
	*len -= NET_HDR_LEN;
	*segs = 1;
	if (!(mode & RX_MERGEABLE))
		return buf;
	*segs = shared_load16_at(dma_data(v, buf) + vq->post_off +
				 offsetof(struct virtio_net_hdr, num_buffers));
	if (baton_unlikely(!MUST(rx_segs, *segs - 1 < vq->q.max_segs) ||
			   !MUST(rx_segs_published, *segs <= published))) {
		drop(vq, buf);
		queue_violation(&vq->q,
				"num_buffers %u: not between 1 and %u, with %u completions "
				"published (mrg_rxbuf=0 does without)",
				*segs, vq->q.max_segs, published);
		return SHADOW_NONE;
	}
	return buf;
}

/*
 * Receive one packet at r->pos. Return: 0; -EIO after a violation; @r has what was consumed and
 * delivered.
 */
static int __attribute__((noinline))
receive_one(struct virtq *vq, const struct baton_pool_view *v, struct baton_token *tokens,
	    uint16_t used, unsigned mode, struct rx_counts *r)
{
	struct baton_token *t = tokens + r->tokens;
	uint16_t published = (uint16_t)(used - r->pos);
	unsigned segs, n = 1;
	uint32_t len, buf = first_seg(vq, v, published, mode, r, &len, &segs);
	bool good = len || segs == 1;
	struct rx_meta meta = { 0 };
	int ret, bad = RX_GOOD;

	if (baton_unlikely(buf == SHADOW_NONE))
		return -EIO;
	if (baton_unlikely(!MUST(rx_runt, len >= ETH_HLEN) && segs == 1)) {
		drop(vq, buf);
		queue_count_error(&vq->q, RX_ERROR_RUNT, 1);
		return 0;
	}
	if (mode & RX_CSUM)
		meta = virtq_rx_meta(v->data + (size_t)buf * v->stride + vq->post_off);
	t[0] = token(v, buf, v->headroom, len, 0);
	if (baton_unlikely(segs > 1)) {
		ret = more_segs(vq, v, t, segs, (uint16_t)(published - 1), r, &n);
		if (ret < 0) {
			virtq_rx_untake(vq, v, t, n);
			return ret;
		}
		for (unsigned i = 1; i < n; i++)
			len += t[i].len;
		good = MUST(rx_runt, t[0].len && len >= ETH_HLEN);
	}
	if (!good)
		bad = RX_ERROR_RUNT;
	else if (mode & RX_CSUM)
		bad = virtq_rx_verdict(vq, &meta, t, len);
	if (baton_unlikely(bad != RX_GOOD)) {
		virtq_rx_untake(vq, v, t, n);
		queue_count_error(&vq->q, (unsigned)bad, 1);
		return 0;
	}
	r->tokens += n;
	r->packets++;
	r->bytes += len;
	return 0;
}

/*
 * Everything that the loop needs is in registers. receive_one() reads the packets that this loop
 * leaves again, and decides on its own copy.
 */
static inline __attribute__((always_inline)) unsigned
receive_plain(struct virtq *vq, const struct baton_pool_view *v, struct baton_token *tokens,
	      unsigned n, unsigned mode, struct rx_counts *r)
{
	const shared64 *const ring = vq->used->ring;
	const uint32_t *const shadow = vq->shadow;
	const uint32_t mask = vq->mask, least = NET_HDR_LEN + ETH_HLEN;
	const uint32_t span = vq->posted_len - least;
	const uint8_t *const hdr = v->data + vq->post_off;
	const uint32_t stride = v->stride;
	/* A token's two halves: {buf:32, off:16, len:16} and {gen:16, pool:8, flags:8, hash:32}. */
	const struct baton_token model = { .off = v->headroom, .pool = v->index };
	uint64_t bytes = 0;
	unsigned i;

	for (i = 0; i < n; i++) {
		const uint32_t slot = (r->pos + i) & mask;
		const uint64_t elem = shared_load64(&ring[slot]);
		const uint32_t len = (uint32_t)(elem >> 32), buf = shadow[slot];
		struct baton_token t = model;
		unsigned meta = 0; /* {flags:8, gso_type:8} */

		if (mode)
			__builtin_prefetch(hdr +
					   (size_t)SHADOW_BUF(shadow[(slot + 4) & mask]) * stride);
		if (baton_unlikely(!MUST(rx_plain_id, (uint32_t)elem == slot) ||
				   !MUST(rx_plain_len, len - least <= span)))
			break;
		if (mode & RX_CSUM) {
			meta = shared_load16_at(hdr + (size_t)buf * stride);
			if (baton_unlikely(
				    !MUST(rx_plain_meta, !(meta & ~VIRTIO_NET_HDR_F_DATA_VALID))))
				break;
		}
		if ((mode & RX_MERGEABLE) &&
		    baton_unlikely(
			    !MUST(rx_plain_segs, shared_load16_at(hdr + (size_t)buf * stride +
								  offsetof(struct virtio_net_hdr,
									   num_buffers)) == 1)))
			break;
		t.buf = buf;
		t.len = (uint16_t)(len - NET_HDR_LEN);
		t.gen = dma_take(v, buf);
		if (mode & RX_CSUM)
			t.flags = (uint8_t)(meta / VIRTIO_NET_HDR_F_DATA_VALID * BATON_CSUM_GOOD
					    << BATON_TOKEN_L4_SHIFT);
		tokens[i] = t;
		bytes += len;
	}
	r->pos = (uint16_t)(r->pos + i);
	r->tokens += i;
	r->packets += i;
	r->bytes += bytes - (uint64_t)i * NET_HDR_LEN;
	return i;
}

unsigned
virtq_rx_plain(struct virtq *vq, const struct baton_pool_view *v, struct baton_token *tokens,
	       unsigned n, unsigned mode, struct rx_counts *r)
{
	switch (mode) {
	case 0:
		return receive_plain(vq, v, tokens, n, 0, r);
	case RX_MERGEABLE:
		return receive_plain(vq, v, tokens, n, RX_MERGEABLE, r);
	case RX_CSUM:
		return receive_plain(vq, v, tokens, n, RX_CSUM, r);
	default:
		return receive_plain(vq, v, tokens, n, RX_CSUM | RX_MERGEABLE, r);
	}
}

int
virtq_rx_rest(struct virtq *vq, const struct baton_pool_view *v, struct baton_token *tokens,
	      unsigned n, uint16_t used, unsigned mode, struct rx_counts *r)
{
	int ret = 0;

	while (!ret && r->pos != used && n - r->tokens >= vq->q.max_segs)
		ret = receive_one(vq, v, tokens, used, mode, r);
	if (!vq->in_order && vq->q.descs - (uint16_t)(vq->avail_idx - r->pos) >= vq->refill)
		virtq_rx_reorder(vq, r->pos);
	return ret;
}

int
virtq_rx_no_room(const struct virtq *vq, unsigned n)
{
	return baton_err(EINVAL, "%s rxq %u: room for %u tokens, but a packet may need %u",
			 vq->q.port->name, vq->q.index, n, vq->q.max_segs);
}

int
virtq_rx_jumped(struct virtq *vq, uint16_t published)
{
	return queue_violation(&vq->q, "used index jumped by %u, with %u descriptors posted",
			       published, (uint16_t)(vq->avail_idx - vq->used_idx));
}

static const struct rx_loops one_by_one = { NULL, virtq_rx_post };

int
virtq_rx_burst(struct baton_queue *q, struct baton_token *tokens, unsigned n)
{
	return virtq_receive(q, tokens, n, 0, &one_by_one);
}

int
virtq_rx_burst_mergeable(struct baton_queue *q, struct baton_token *tokens, unsigned n)
{
	return virtq_receive(q, tokens, n, RX_MERGEABLE, &one_by_one);
}

int
virtq_rx_burst_csum(struct baton_queue *q, struct baton_token *tokens, unsigned n)
{
	return virtq_receive(q, tokens, n, RX_CSUM, &one_by_one);
}

int
virtq_rx_burst_mergeable_csum(struct baton_queue *q, struct baton_token *tokens, unsigned n)
{
	return virtq_receive(q, tokens, n, RX_CSUM | RX_MERGEABLE, &one_by_one);
}
