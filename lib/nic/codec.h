/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a driver says of its descriptors: one codec for RX and one for TX. The kit makes every burst
 * from them (rx.h, tx.h, bounced: rx_bounce.h, tx_bounce.h, peek.h).
 *
 * A codec is a constant of small always-inline functions: the compiler folds it into the bursts. It
 * reads what the device wrote, and writes descriptors. Whatever next() and key() return, the kit
 * validates against private records: keys, lengths and the number of segments.
 *
 * plain() and in_turn() recognise the expected case only: the key that is due, one buffer. What
 * they refuse, the kit reads again and validates. next() may also check what only the codec knows,
 * such as a batch of virtio's IN_ORDER. Each call reads a field once; two calls may read different
 * values.
 */
#ifndef BATON_NIC_CODEC_H
#define BATON_NIC_CODEC_H

#include "base/shared.h"
#include "nic/queue.h"

#define NIC_INLINE static inline __attribute__((always_inline))

/* How a burst treats what the device says of a packet; a constant to the compiler in every burst.
 */
#define NIC_MODE_SEGS 1u /* packets may have several buffers */
#define NIC_MODE_META 2u /* checksum verdicts are wanted */
#define NIC_MODE_INFO 4u /* so is what describe() reads; with both others */
#define NIC_MODE_ALL  (NIC_MODE_SEGS | NIC_MODE_META | NIC_MODE_INFO)

/* A completion, copied out of shared memory. Nothing in it is believed. */
struct rx_entry {
	uint32_t key;  /* whose buffer it is */
	uint32_t len;  /* bytes in the buffer, header included */
	uint8_t more;  /* the packet goes on in the next completion; where the device ends packets
			  by a mark */
	uint8_t bad;   /* 0, or 1 + the enum rx_error that the device reports of the packet */
	uint64_t meta; /* the codec's own, for verdict(), which gets those of all of the packet's
			  completions, or-ed; without verdict(), flags for the token */
};

/* What a codec needs at every packet of a run, kept in registers. */
struct rx_cursor {
	const void *ring, *aux;
	uint32_t u[2]; /* u[0] is the number of places, unless cursor() has another use */
};

/*
 * What a device knows of a packet, by describe(). The kit delivers what the port is configured for,
 * in the side record and the token. All of it is the device's word, and whatever it says, harmless.
 */
struct rx_info {
	/* BATON_SIDE_VLAN, _QINQ, _TIME, _PTYPE, _MARK: those members are valid; BATON_SIDE_EVENT:
	 * the device has taken the packet's time. */
	uint32_t valid;
	bool hashed; /* hash is valid */
	uint32_t hash, mark;
	uint32_t ptype;     /* BATON_PTYPE_*, of the frame with the tags that the device removed */
	uint64_t timestamp; /* nanoseconds of the device's clock */
	uint16_t vlan_tci, inner_tci, vlan_type;
};

/* next(): besides 1 (an entry) */
#define NIC_RX_NOT_DONE 0
#define NIC_RX_BAD_KEY  (-1) /* not a key at all; the kit's words */
#define NIC_RX_BAD_OWN  (-2) /* and below: the codec's own, told by broken() */

/* verdict(): deliver the packet. */
#define RX_GOOD (-1)

struct rx_codec {
	uint8_t header; /* bytes of the device's in front of a packet, in its first buffer */
	uint8_t gap;    /* places that always stay empty: a tail that must not meet the head */
	bool any_order; /* completions name keys, in any order */
	/*
	 * With any_order: the first half of the keys are places of one posting ring, the others of
	 * a second one, and the device completes those of each ring in turn. Where a position is in
	 * its ring: nq->ring[].
	 */
	bool two_rings;
	bool counts_segs; /* the first buffer says how many the packet has (segs()); else `more` */

	/*
	 * Count the completions from @nq->done on, by one acquire of the device's index. NULL:
	 * there is no index, and next() tells of each completion whether it is there.
	 */
	uint16_t (*published)(const struct nic_queue *nq);

	/* NULL: `ring` is nq->mem. */
	struct rx_cursor (*cursor)(const struct nic_queue *nq);
	/* Whether plain() may be asked at all now. NULL: always. */
	bool (*runs)(const struct nic_queue *nq);
	/*
	 * Whether place @at has a completion, of the key @at, of a packet of one buffer, with
	 * nothing to be said about it but a verdict. @hdr: the first byte that the device may
	 * write.
	 *
	 * @len: receives the length, header included, not validated. @flags: the token's. Two
	 * rings: NULL, and named() is asked.
	 */
	bool (*plain)(const struct rx_cursor *c, uint32_t at, const uint8_t *hdr, unsigned mode,
		      uint32_t *len, uint8_t *flags);
	/*
	 * The same with two rings, at position @pos, for a packet in a buffer of the first ring.
	 * @key: receives the key, not validated. NULL: next() is asked, which is slower.
	 */
	bool (*named)(const struct rx_cursor *c, uint16_t pos, unsigned mode, uint32_t *key,
		      uint32_t *len, uint8_t *flags);
	/*
	 * Whether plain() and segs() read the header, which is then worth to be prefetched. NULL:
	 * never.
	 */
	bool (*reads_header)(unsigned mode);

	/*
	 * Get the completion at position @pos, with @published from there on. Return: 1, and *e;
	 * NIC_RX_NOT_DONE; NIC_RX_BAD_*.
	 */
	int (*next)(const struct nic_queue *nq, struct nic_rx_state *state, uint16_t pos,
		    uint16_t published, struct rx_entry *e);
	/* Stop the queue, with the reason: queue_violation(). NULL: no NIC_RX_BAD_OWN. */
	int (*broken)(struct nic_queue *nq, int why, const struct rx_entry *e, uint16_t pos,
		      uint16_t published);
	/* Number of buffers of the packet whose header is at @hdr; `counts_segs`. */
	uint32_t (*segs)(const uint8_t *hdr);
	/* Read what verdict() needs from the header; NULL: it is in e->meta already. */
	uint64_t (*meta)(const uint8_t *hdr);
	/*
	 * Whether the packet of @len bytes is to be delivered: RX_GOOD, or an enum rx_error. @t:
	 * its first token, which receives flags and side record; NULL: only look. @data: the
	 * @have bytes of its first buffer, which the device may still write to. Without it a
	 * packet is good unless next() has said else, and its flags are in e->meta.
	 */
	int (*verdict)(const struct nic_queue *nq, uint64_t meta, struct baton_token *t,
		       uint32_t len, const uint8_t *data, uint32_t have);

	/*
	 * Read what the device says of the packet of the completions at positions @first to @last.
	 * *info is zeroed. @hdr: the first byte that the device may write of the first buffer, or
	 * slot, which has nic_ops.rx_front() bytes of the device's in front of the packet, behind a
	 * header. NIC_MODE_INFO only, for ports that ask for one of NIC_INFO_OFFLOADS of the
	 * device. NULL: it says nothing. Drivers that have it define NIC_INFO before they include
	 * nic/bursts.h.
	 */
	void (*describe)(const struct nic_queue *nq, uint16_t first, uint16_t last,
			 const uint8_t *hdr, struct rx_info *info);

	/*
	 * Write the descriptor at position @pos: @key's, with the buffer at @iova. With two rings
	 * @key is the place, and its ring's `posted` its position there.
	 */
	void (*put)(struct nic_queue *nq, uint16_t pos, uint16_t key, uint64_t iova);
	/* What a descriptor says besides the address, once, when the ring is filled. Or NULL. */
	void (*init)(struct nic_queue *nq, uint16_t key);
	/*
	 * As put() with the address that the descriptor has already, since the device left it: a
	 * ring of slots. NULL: put() is needed each time.
	 */
	void (*again)(struct nic_queue *nq, uint16_t pos, uint16_t key);
	/*
	 * The queue is in order again: place @at, which is free, is that of key @at. `any_order`,
	 * but with two rings, which have an order of their own.
	 */
	void (*restore)(struct nic_queue *nq, uint16_t at);
	/* Let the device see the positions before nq->posted; NULL: kick() does. */
	void (*show)(struct nic_queue *nq);
	/* The same, and notify it if it must be. */
	void (*commit)(struct nic_queue *nq);
};

static inline unsigned
nic_rx_rings(const struct rx_codec *codec)
{
	return codec->two_rings ? 2 : 1;
}

/* ---- TX ---- */

/* tx_codec.report(): of so many descriptors, one at least is reported. */
#define NIC_TX_REPORT 32u

/* A packet that is not plain, and what it takes to send it. */
struct tx_plan {
	const struct baton_token *t;
	unsigned segs;
	unsigned slots; /* bounced: number of descriptors, each with a slot, in place of buffers */
	uint32_t len;
	/* The codec's, by plan(): */
	unsigned extra;    /* descriptors in front of the packet's, without a buffer or slot */
	bool header_apart; /* the header is in one of them, not in front of the first byte */
	bool offload;      /* the device can fill in the checksum */
	/* The kit's again: */
	bool csum; /* the device is to fill in a checksum: */
	uint16_t csum_start, csum_offset;
	bool tag;     /* it is to insert the VLAN tag `tci` */
	bool ip_csum; /* it is to fill in the checksum of the IPv4 header, which is 0, at l2_len */
	bool event;   /* it is to take the time of the packet */
	uint16_t tci, l2_len, l3_len;
	uint8_t gso; /* it is to cut the packet into segments, a QUEUE_GSO_* bit; 0: not */
	uint16_t seg_size, headers_len; /* then: bytes of a segment's payload, of all headers;
					   l2_len and l3_len, too */
};

struct tx_cursor {
	void *ring, *aux;
	uint32_t u[2];
};

struct tx_codec {
	uint8_t header; /* bytes in front of the packet that the device reads */
	uint8_t gap;    /* as above */
	/* Bytes of the shortest packet that it takes, without the header; 0: 1. */
	uint8_t shortest;
	/* The furthest byte of a packet that its checksum may be at; 0: any. */
	uint16_t csum_most;
	/*
	 * It does what side records ask for: p->tag, p->ip_csum, p->event, for devices with
	 * BATON_OFFLOAD_TX_VLAN, _TX_IPV4_CSUM or _TX_EVENT. Packets that ask for one are not
	 * plain.
	 */
	bool side;
	bool any_order; /* completions name keys, in any order */

	/*
	 * Count the packets that the device says are complete, from nq->done on. NULL: there is
	 * no index, and is_done() tells.
	 */
	uint16_t (*published)(const struct nic_queue *nq);
	/* Whether descriptor @d, of which a report was asked for, is reported done. */
	bool (*is_done)(const struct nic_queue *nq, uint32_t d);
	/*
	 * Of @n completions from nq->done on, count those that name the packets at the tail in
	 * order. `any_order` only.
	 */
	unsigned (*in_turn)(const struct nic_queue *nq, unsigned n);
	/* The key of the completion at nq->done. `any_order` only. */
	uint32_t (*key)(const struct nic_queue *nq);
	/*
	 * Of @n published completions, count those that are certainly valid without their keys: 0
	 * unless the device completes in order by promise. -EIO: a violation, reported. NULL:
	 * always 0.
	 */
	int (*batch)(struct nic_queue *nq, uint16_t n);

	/* NULL: `ring` is nq->mem. */
	struct tx_cursor (*cursor)(const struct nic_queue *nq);
	/* Write the descriptor of a plain packet; @len with header. NULL: put() does. */
	void (*plain)(const struct tx_cursor *c, uint32_t d, uint64_t iova, uint32_t len);
	/* Write the header of a plain packet; NULL: there are no headers. */
	void (*plain_header)(void *hdr);
	/* Write the header of any packet; NULL: there are no headers. */
	void (*write_header)(const struct nic_queue *nq, void *hdr, const struct tx_plan *p);
	/*
	 * Choose p->extra, p->header_apart and p->offload; t, segs, slots and len are known. NULL:
	 * the device fills in checksums if the port is configured so, and needs nothing in front.
	 */
	void (*plan)(const struct nic_queue *nq, struct tx_plan *p);
	/*
	 * Whether the device knows already what the p->extra descriptors would say: they are left
	 * out then. Else extra() writes them next. NULL: it never does.
	 */
	bool (*told)(struct nic_queue *nq, const struct tx_plan *p);
	/* Write the p->extra descriptors from @d on; NULL: plan() asks for none. */
	void (*extra)(struct nic_queue *nq, uint16_t d, const struct tx_plan *p);
	/*
	 * Write one of the packet's descriptors. @first, @last: the packet begins or ends with it.
	 * @p: the plan; NULL: nothing is asked of the device but to send.
	 */
	void (*put)(struct nic_queue *nq, uint32_t d, uint64_t iova, uint32_t len, bool first,
		    bool last, const struct tx_plan *p);
	/*
	 * @n packets of @descs descriptors each stand from the head on: count them in nq->posted.
	 * NULL: that is all.
	 */
	void (*send)(struct nic_queue *nq, unsigned n, unsigned descs);
	/*
	 * Ask the device to report when descriptor @d, the last of a packet, is done. It is asked
	 * for the last packet of a burst, and at least every NIC_TX_REPORT descriptors. NULL: the
	 * device reports each packet.
	 */
	void (*report)(struct nic_queue *nq, uint32_t d);
	void (*commit)(struct nic_queue *nq);
};

#endif
