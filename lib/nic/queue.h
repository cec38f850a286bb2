/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A queue of a device that does DMA: what every ring has, whatever its descriptors look like.
 *
 * A ring has a power of two of places. A *position* counts places and is not masked; `posted` and
 * `done` are positions. A *key* is what a completion names: the kit knows by its own records, the
 * shadow, which buffer belongs to which key. With most devices the key is the place; a device that
 * may complete in any order (struct rx_codec, `any_order`) names another one.
 *
 * RX: each posted key has one buffer, or one slot. While the device completes in the order of
 * posting (`in_order`), position p is that of key p & mask. After a completion out of order,
 * `order` says which key a position uses, until all keys are at their places again
 * (nic_rx_reorder()).
 *
 * With two posting rings (struct rx_codec, `two_rings`) a queue is never `in_order`: a completion
 * is that of the oldest place of one of the rings, and makes room at that ring's next place. So
 * `order` has, for a position that is posted `quota` later, the place that the completion freed:
 * either ring always has its share of what is posted, whichever the device prefers.
 *
 * TX: the descriptors of a packet are at consecutive places; its key is the first of them.
 */
#ifndef BATON_NIC_QUEUE_H
#define BATON_NIC_QUEUE_H

#include "base/container.h"
#include "dma/slots.h"
#include "port/driver.h"

#define SHADOW_NONE 0xffffffffu

/*
 * A shadow entry. TX: {pool:8, buf:24}; SHADOW_NONE for a slot, or a header without a buffer. RX:
 * the number of the buffer, or of the slot; SHADOW_NONE when the key is not posted, while that is
 * marked there (nic_posted()).
 */
#define SHADOW(pool, buf) ((uint32_t)(pool) << 24 | (buf))
#define SHADOW_POOL(s)    ((s) >> 24)
#define SHADOW_BUF(s)     ((s)&BATON_MAX_BUFS)

#define NIC_TX_MAX_SEGS 32u
#define NIC_TX_GSO_SEGS                                                                            \
	48u /* of a packet that the device cuts: 64 KiB in buffers of 2 KiB, and more */
#define NIC_RX_MAX_SEGS 64u
#define NIC_ETH_HLEN    14u

/* In segs[], beside the number of descriptors. */
#define NIC_TX_DONE  0x80u /* the packet is complete, and waits for those before it */
#define NIC_TX_DESCS 0x3fu

/*
 * What a codec remembers from one completion to the next: the open batch of virtio's IN_ORDER, so
 * far. A look ahead (nic/peek.h) works on a copy.
 */
struct nic_rx_state {
	uint16_t end; /* last position of the batch */
	uint8_t open; /* one element completed the positions up to `end` */
	uint32_t len; /* of the packet at `end` */
};

/* One of two posting rings. Positions are its own, not masked; it has half of the queue's places.
 */
struct nic_ring {
	uint16_t done, posted;
	uint16_t share; /* places posted at most */
};

/* The device was asked to report that all up to here is sent. */
struct nic_report {
	uint16_t head;    /* as it was: the descriptor before it is the one that reports */
	uint16_t packets; /* sent by then, of the queue's `posted` */
};

struct nic_queue {
	struct baton_queue q;

	uint32_t *shadow; /* by key (TX: by descriptor): what it has, SHADOW(); private */
	void *mem;        /* its ring memory, which the device reads and writes */
	uint16_t mask;
	uint16_t done;   /* RX: positions consumed; TX: packets completed */
	uint16_t posted; /* RX: positions posted; TX: packets sent */

	/* RX */
	uint8_t in_order; /* the device completes in the order given, so far */
	/*
	 * By place: the key posted there, or completed there last; while in_order, p is at p. NULL:
	 * the device cannot complete out of order. A ring of 4 places, `done` 5, `posted` 7:
	 *
	 *	place  order[]
	 *	  0       2     key 2 was completed at position 4: to be posted at 8
	 *	  1       0     the device has key 0, posted at position 5
	 *	  2       1     the device has key 1, posted at position 6
	 *	  3       3     key 3 was completed at position 3: to be posted at 7
	 */
	uint16_t *order;
	uint32_t displaced;  /* places of `order` with another key than their own */
	uint32_t turns;      /* completions since the last that was not in the order of posting */
	uint32_t posted_len; /* bytes that the device may write into a buffer, with its header */
	uint16_t post_off;   /* their offset in the data room: headroom - header */
	uint16_t refill;     /* free places from which on a refill is worth it */
	uint16_t quota;      /* places posted at most */
	bool chained;        /* bounced: the last packet received had several buffers */
	struct nic_ring ring[2]; /* two posting rings */
	struct nic_rx_state state;

	/* TX; positions count descriptors */
	uint8_t *segs; /* by first descriptor: descriptors of the packet in flight, and NIC_TX_* */
	uint16_t head, tail;
	struct nic_report *reports; /* asked for, in a ring; NULL: the device reports each packet */
	uint16_t first_report, next_report; /* positions there */
	uint32_t plain_run; /* descriptors since segs[] was last set to anything but 1 */

	/* Bounced: the device sees slots; key i's is number slot0 + i. */
	const struct dma_slots *slots; /* NULL: direct */
	uint32_t slot0;
	/*
	 * Shared slots. TX: by descriptor, the slot that it has while it is in flight. RX: by
	 * place, the slot that was completed there, until it is posted again, `quota` positions
	 * later: in the drawing above, with a quota of 3, that of place 0 at position 7. What is
	 * posted has its slot in `shadow`.
	 */
	uint32_t *slot_of;
	struct slot_cache *slot_cache; /* shared slots */

	uint8_t mode;       /* RX: NIC_MODE_* of its burst */
	uint8_t front;      /* RX: nic_ops.rx_front(), if the burst has NIC_MODE_INFO; else 0 */
	uint32_t info;      /* RX: BATON_OFFLOAD_* that describe() answers for */
	uint8_t driver_has; /* nic_ops.queue_setup() was done */
	uint8_t stuck;   /* stopped, which the device did not confirm: it may use the ring still */
	uint32_t offset; /* of `mem` in the port's ring memory */
	uint16_t vector; /* the interrupt that wakes its worker; 0: none (nic/pci.h) */
};

DEFINE_CONTAINER(nic_queue_of, struct nic_queue, q)

/** RX: whether a key is posted. Positions tell, and marks if completions were out of order. */
static inline bool
nic_posted(const struct nic_queue *nq, uint32_t key)
{
	if (!nq->in_order)
		return nq->shadow[key] != SHADOW_NONE;
	return ((key - nq->done) & nq->mask) < (uint16_t)(nq->posted - nq->done);
}

/** Of @n places from place @at on, count those up to the end of the ring. */
static inline uint32_t
nic_run(uint32_t at, uint32_t n, uint32_t mask)
{
	return n < mask + 1 - at ? n : mask + 1 - at;
}

/** The ring of a key, of two. */
static inline unsigned
nic_ring_of(const struct nic_queue *nq, uint32_t key)
{
	return key >= nq->q.descs / 2u;
}

/** Count the places of the smallest of the posting rings that are used. */
static inline uint32_t
nic_ring_quota(const struct nic_queue *nq)
{
	return nq->ring[1].share ? nq->ring[1].share : nq->quota;
}

/**
 * Count the free places from which on a refill is worth it. The device must always find room for a
 * whole packet, in whichever ring. RX.
 */
static inline uint16_t
nic_refill_least(const struct nic_queue *nq)
{
	const uint32_t n = nq->quota, pays = n >= 128 ? 32 : (n + 3) / 4,
		       most = nic_ring_quota(nq) - nq->q.max_segs + 1;

	return (uint16_t)(pays < most ? pays : most);
}

/* Packets of several buffers: bit i is set if buffer i is the last of its packet. */
typedef uint64_t nic_ends;

_Static_assert(DMA_BATCH <= 64, "a bit for each buffer of a batch");

/* Count the buffers of the packet that begins with buffer @i. */
static inline unsigned
nic_ends_segs(nic_ends ends, unsigned i)
{
	return (unsigned)__builtin_ctzll(ends >> i) + 1;
}

/* ---- control thread ---- */

/** The ring is empty and starts from position 0. */
void nic_queue_rewind(struct nic_queue *nq);

/** Free everything that the ring holds, or quarantine it unless @confirmed. */
void nic_queue_empty(struct nic_queue *nq, bool confirmed, struct dma_quarantine *quarantine);

/** Count the buffers in the ring; the rest of what is in flight are slots. */
uint32_t nic_queue_buffers(const struct nic_queue *nq);

/* Of struct port_ops. */
uint32_t nic_queue_held(const struct baton_queue *q, const struct baton_pool *pool);
unsigned nic_queue_in_flight(const struct baton_queue *q);

/* ---- slots (slots.c); control thread ---- */

/**
 * Give a ring its slots, if it is bounced. @first: index of its first key among those of its
 * direction. Return: 0; -ENOMEM.
 */
int nic_slots_attach(struct nic_queue *nq, uint32_t first);

/** RX: put a slot under every key that may be posted, at most @most, and set the quota. */
void nic_slots_fill(struct nic_queue *nq, uint32_t most);

/** Return shared slots to the stack; the ring is empty. */
void nic_slots_empty(struct nic_queue *nq);
void nic_slots_detach(struct nic_queue *nq);

#endif
