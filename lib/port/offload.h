/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Offloads that a device cannot do, around the bursts of its driver. A queue without them has none
 * of this: its burst is the driver's.
 */
#ifndef BATON_PORT_OFFLOAD_H
#define BATON_PORT_OFFLOAD_H

#include "packet/toeplitz.h"
#include "port/driver.h"

#define TX_STAGE 64u /* tokens of changed packets that are given to the driver at once, or more */

/*
 * Times of packets that left (tx_time.c). A packet asks before its burst, and the time is noted
 * when the driver has taken it: `end` tokens of its burst, or of offload.t, are taken then.
 */
struct tx_times {
	uint32_t head, tail; /* positions in ring[]: written, read */
	uint32_t mask;
	uint32_t n_asked;
	struct {
		uint64_t cookie;
		uint32_t end;
	} asked[TX_STAGE];
	struct baton_tx_time ring[];
};

struct offload {
	uint32_t what;      /* BATON_OFFLOAD_*, of the queue's direction */
	uint32_t rss_types; /* BATON_RSS_* */
	struct toeplitz hash;
	/*
	 * TX: packets that were changed, and their segments. What does not fit into the ring waits
	 * here, and nothing else is taken meanwhile. Their buffers are the CPU's, by tokens that
	 * nobody else has.
	 */
	struct baton_token *t;
	uint32_t room, at, n;   /* of t[]; t[at] to t[n - 1] are to be sent */
	struct tx_times *times; /* BATON_OFFLOAD_TX_TIME; else NULL */
};

/** What software can do for a port, beside what its device can: BATON_OFFLOAD_*. */
uint32_t offload_possible(const struct baton_port *port);

/** Whether a port may be configured for these. Return: 0; -EINVAL or -ENOTSUP, for people. */
int offload_check(const struct baton_port *port, uint32_t asked);

/** Of offloads that a port may be configured for, those that its device is to do. */
uint32_t offload_of_device(const struct baton_port *port, uint32_t asked);

/** Set up what a queue needs for the offloads of its port, and for @more. Return: 0, or why not. */
int offload_open(struct baton_queue *q, uint32_t more);
void offload_close(struct baton_queue *q);

/** The burst of a queue that is about to run. */
baton_burst_fn_ offload_burst(struct baton_queue *q);

/** Give the device what waits. The queue's thread. Return: 0, also if some still waits; -EIO. */
int offload_flush(struct baton_queue *q);

/** Count the buffers that wait. */
static inline unsigned
offload_waiting(const struct baton_queue *q)
{
	return q->soft ? q->soft->n - q->soft->at : 0;
}

/** Free what waits, and count it as discarded. The worker is outside of its bursts. */
void offload_drop(struct baton_queue *q);

/** Make room for @n more tokens. Return: false if there is no memory. */
bool offload_reserve(struct offload *o, uint32_t n);

/** The bursts: offload_rx.c, offload_tx.c. */
int offload_rx_burst(struct baton_queue *q, struct baton_token *tokens, unsigned n);
int offload_tx_burst(struct baton_queue *q, struct baton_token *tokens, unsigned n);

/** The side record of a buffer of the queue's views. */
static inline struct baton_side *
offload_side(const struct baton_queue *q, struct baton_token t)
{
	return (struct baton_side *)(void *)(q->views[t.pool].side +
					     (size_t)t.buf * BATON_SIDE_SIZE);
}

/* ---- TX (offload_tx.c, segment.c) ---- */

/**
 * Take buffers from the application: its tokens are stale, and t[i].gen is new. Return: how many;
 * fewer than @n: the next one is not the CPU's.
 */
unsigned offload_claim(struct baton_queue *q, struct baton_token *t, unsigned n);
/** Undo it; @t are the application's tokens, all of which were valid. */
void offload_unclaim(struct baton_queue *q, const struct baton_token *t, unsigned n);

/**
 * Put Ethernet's header and VLAN tags of the side record at @to: from the first 12 bytes of the
 * packet, @eth. Return: bytes, 12 to 20.
 */
unsigned offload_tags(const struct baton_queue *q, const struct baton_side *side,
		      const uint8_t *eth, uint8_t *to);

/** Whether the device inserts the tag of a side record. */
static inline bool
offload_device_tags(const struct baton_queue *q, const struct baton_side *side)
{
	return q->device_tags && !(side->valid & BATON_SIDE_QINQ) &&
	       (!side->vlan_type || side->vlan_type == 0x8100);
}

/**
 * Cut the packet at @t, of @n tokens, which the CPU holds, and append the segments to o->t.
 *
 * Return: 1; 0 if there are no buffers now; a negative errno, to be counted as *reason.
 */
int offload_segment(struct baton_queue *q, const struct baton_token *t, unsigned n,
		    const struct baton_side *side, uint8_t *reason);

/* ---- times of packets to send (tx_time.c); the queue's thread, but for opening ---- */

/** Allocate o->times. Return: 0; -ENOMEM. */
int tx_times_open(struct baton_queue *q);

/**
 * A packet asks for its time; its last token is the one before @end. Return: false: no further one
 * may ask before tx_times_left() or tx_times_forget().
 */
bool tx_times_ask(struct tx_times *times, uint64_t cookie, uint32_t end);

/** The driver has taken the first @taken tokens: note the time of their packets. */
void tx_times_left(struct baton_queue *q, uint32_t taken);

/** What asked, and ends at token @end or before, is not reported. */
void tx_times_forget(struct tx_times *times, uint32_t end);

#endif
