/* SPDX-License-Identifier: BSD-3-Clause */
/* Receiving: keys out of order, and what is rare. */
#include "nic/rx.h"
#include "base/export.h"

/* ---- keys out of order ---- */

void
nic_rx_leave_order(struct nic_queue *nq, uint16_t pos)
{
	for (uint32_t i = 0; i < nq->q.descs; i++) {
		uint16_t ahead = (uint16_t)((i - pos) & nq->mask);

		if (ahead >= (uint16_t)(nq->posted - pos))
			nq->shadow[i] = SHADOW_NONE;
	}
	nq->in_order = 0;
	nq->displaced = nq->turns = 0;
}

void
nic_rx_completed_at(struct nic_queue *nq, uint16_t pos, uint16_t key)
{
	const uint16_t at = pos & nq->mask, posted = nq->order[at];

	nq->shadow[key] = SHADOW_NONE;
	nq->order[at] = key;
	nq->displaced += key != at;
	nq->displaced -= posted != at;
	nq->turns++;
	if (key != posted) {
		nq->turns = 0;
		nq->refill = nic_refill_least(nq);
	}
}

/*
 * No key is displaced: the ring is as it was filled. @first: the first free position, of @n.
 */
static void
enter_order(struct nic_queue *nq, uint16_t first, uint32_t n,
	    void (*restore)(struct nic_queue *nq, uint16_t at))
{
	for (uint32_t i = 0; i < n; i++)
		restore(nq, (uint16_t)(first + i) & nq->mask);
	for (uint32_t i = 0; nq->slots && !nq->slot_of && i < nq->q.descs; i++)
		nq->shadow[i] = nq->slot0 + i;
	nq->refill = nic_refill_least(nq);
	nq->in_order = 1;
}

void
nic_rx_reorder(struct nic_queue *nq, uint16_t consumed,
	       void (*restore)(struct nic_queue *nq, uint16_t at))
{
	const uint32_t size = nq->q.descs, n = size - (uint16_t)(nq->posted - consumed),
		       room = nq->quota - nq->q.max_segs + 1u, most = nq->quota * 3u / 4;
	const uint16_t first = nq->posted;
	uint16_t *const order = nq->order;
	uint32_t later = nic_refill_least(nq);

	for (uint32_t i = 0; nq->displaced && i < n; i++) {
		const uint16_t p = (uint16_t)(first + i) & nq->mask;
		uint16_t key;

		/* Each turn of the loop puts one key at its place; the one that was there is next.
		 */
		while ((key = order[p]) != p && order[key] != key &&
		       ((uint32_t)(key - first) & nq->mask) < n) {
			order[p] = order[key];
			order[key] = key;
			nq->displaced -= 1u + (order[p] == p);
		}
	}
	if (nq->turns < size)
		return;
	if (!nq->displaced) {
		enter_order(nq, first, n, restore);
		return;
	}
	/*
	 * Try twice as many each turn. If 3 of 4 are free, any two places are free together soon.
	 */
	for (uint32_t turn = nq->turns / size; turn && later < most; turn--)
		later *= 2;
	later = later < most ? later : most;
	nq->refill = (uint16_t)(later < room ? later : room);
}

void
nic_rx_untake(struct nic_queue *nq, const struct baton_pool_view *v,
	      const struct baton_token *tokens, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		dma_give(v, tokens[i], BATON_OWNER_FREE << 16);
		dma_poison(v, tokens[i].buf);
		nic_rx_drop(nq, tokens[i].buf);
	}
}

/* ---- what a device says of a packet ---- */

#define PTYPES (BATON_PTYPE_L2_MASK | BATON_PTYPE_L3_MASK | BATON_PTYPE_L4_MASK)

void
nic_rx_note(const struct nic_queue *nq, const struct rx_info *info, struct baton_token *t)
{
	const struct baton_pool_view *v = &nq->q.views[t->pool];
	struct baton_side *side =
		(struct baton_side *)(void *)(v->side + (size_t)t->buf * BATON_SIDE_SIZE);
	const uint32_t asked = nq->info, says = info->valid;
	uint32_t valid = 0;

	/* The device checks sums without being asked; those of packets to be cut are needed. */
	if (!(asked & (BATON_OFFLOAD_RX_CSUM | BATON_OFFLOAD_RX_LRO)))
		t->flags &= (uint8_t) ~(3u << BATON_TOKEN_L4_SHIFT | BATON_TOKEN_SIDE);
	if (info->hashed && (asked & BATON_OFFLOAD_RX_HASH)) {
		t->hash = info->hash;
		t->flags |= BATON_TOKEN_HASH;
	}
	if ((says & BATON_SIDE_VLAN) && (asked & BATON_OFFLOAD_RX_VLAN))
		valid |= BATON_SIDE_VLAN;
	if (valid && (says & BATON_SIDE_QINQ) && (asked & BATON_OFFLOAD_RX_QINQ))
		valid |= BATON_SIDE_QINQ;
	if ((says & BATON_SIDE_TIME) && (asked & BATON_OFFLOAD_RX_TIME))
		valid |= BATON_SIDE_TIME | BATON_SIDE_DEVICE_CLOCK;
	if ((says & BATON_SIDE_PTYPE) && (asked & BATON_OFFLOAD_RX_PTYPE))
		valid |= BATON_SIDE_PTYPE;
	if ((says & BATON_SIDE_MARK) && (asked & BATON_OFFLOAD_RX_MARK))
		valid |= BATON_SIDE_MARK;
	if ((says & BATON_SIDE_EVENT) && (asked & BATON_OFFLOAD_RX_EVENT))
		valid |= BATON_SIDE_EVENT;
	if (!valid)
		return;
	if (!(t->flags & BATON_TOKEN_SIDE))
		side->valid = 0;
	t->flags |= BATON_TOKEN_SIDE;
	side->valid |= valid;
	side->mark = info->mark;
	side->timestamp = info->timestamp;
	side->ptype = info->ptype & PTYPES;
	side->vlan_tci = info->vlan_tci;
	side->inner_tci = info->inner_tci;
	side->vlan_type = info->vlan_type;
}

/* ---- what a device must not say ---- */

int
nic_rx_no_room(const struct nic_queue *nq, unsigned n)
{
	return baton_err(EINVAL, "%s rxq %u: room for %u tokens, but a packet may need %u",
			 nq->q.port->name, nq->q.index, n, nq->q.max_segs);
}

int
nic_rx_jumped(struct nic_queue *nq, uint16_t published)
{
	return queue_violation(&nq->q, "used index jumped by %u, with %u descriptors posted",
			       published, (uint16_t)(nq->posted - nq->done));
}

int
nic_rx_bad_key(struct nic_queue *nq, uint32_t key)
{
	return queue_violation(&nq->q, "used id out of range: %u of %u descriptors", key,
			       nq->q.descs);
}

int
nic_rx_not_posted(struct nic_queue *nq, uint32_t key)
{
	return queue_violation(&nq->q, "used id %u was not posted, or is completed twice", key);
}

int
nic_rx_not_next(struct nic_queue *nq, uint32_t key)
{
	const unsigned r = nic_ring_of(nq, key), places = nq->q.descs / 2u;

	return queue_violation(&nq->q,
			       "used place %u of posting ring %u is out of turn: place %u is due",
			       key & (places - 1), r, nq->ring[r].done & (places - 1));
}

int
nic_rx_too_long(struct nic_queue *nq, uint32_t len, uint32_t key)
{
	return queue_violation(&nq->q, "used length %u of id %u is more than the %u bytes posted",
			       len, key, nq->posted_len);
}

int
nic_rx_no_header(struct nic_queue *nq, uint32_t len, uint32_t header)
{
	return queue_violation(&nq->q, "used length %u is less than the %u bytes of the header",
			       len, header);
}

int
nic_rx_bad_segs(struct nic_queue *nq, uint32_t segs, uint16_t published)
{
	return queue_violation(&nq->q,
			       "num_buffers %u: not between 1 and %u, with %u completions "
			       "published (mrg_rxbuf=0 does without)",
			       segs, nq->q.max_segs, published);
}

int
nic_rx_endless(struct nic_queue *nq)
{
	return queue_violation(&nq->q, "a packet goes on after %u buffers, the most that one has",
			       nq->q.max_segs);
}

DRIVER_EXPORT(nic_rx_leave_order);
DRIVER_EXPORT(nic_rx_completed_at);
DRIVER_EXPORT(nic_rx_reorder);
DRIVER_EXPORT(nic_rx_note);
DRIVER_EXPORT(nic_rx_untake);
DRIVER_EXPORT(nic_rx_no_room);
DRIVER_EXPORT(nic_rx_jumped);
DRIVER_EXPORT(nic_rx_bad_key);
DRIVER_EXPORT(nic_rx_not_posted);
DRIVER_EXPORT(nic_rx_not_next);
DRIVER_EXPORT(nic_rx_too_long);
DRIVER_EXPORT(nic_rx_no_header);
DRIVER_EXPORT(nic_rx_bad_segs);
DRIVER_EXPORT(nic_rx_endless);
