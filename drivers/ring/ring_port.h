/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * net_ring: two ports of a context, back to back. What one sends, the other receives.
 *
 * Between a TX queue and the RX queue opposite is a wire: a ring of tokens with one thread on each
 * side. TX queue i is opposite RX queue i modulo the number of RX queues there, so an RX queue may
 * have several wires, or none.
 *
 * What is on a wire belongs to the receiving queue, as what a NIC has written into its RX ring: it
 * stays there when the sending port stops, and is freed, and counted as discarded, when the
 * receiving queue stops. All of it lies in buffers of the pool that the queue receives into. A
 * packet that lies there already when it is sent is handed over without a copy; any other is copied
 * by the sending worker.
 *
 * Threads. The wires, and what workers sleep on, live as long as one of the two ports is open, and
 * are never moved. The control thread opens and closes a wire to its sender. To take away a wire
 * from a sender that runs, it closes the wire and waits until that is out of its burst (`busy`);
 * the two need one barrier each, of which membarrier_all() is both, where the kernel has it. The
 * receiver needs none of that: only its own port changes a wire under it, while it is stopped.
 */
#ifndef BATON_RING_PORT_H
#define BATON_RING_PORT_H

#include "base/err.h"
#include "base/event.h"
#include "base/ring.h"
#include "dma/pool.h"
#include "port/driver.h"

#define RING_MAX_FRAME (BATON_MAX_MTU + PORT_L2_HEADERS)
#define RING_MIN_FRAME 14u
#define RING_MAX_SEGS  16u

/* What a worker sleeps on. Whoever has something for it writes to fd, once. */
struct bell {
	uint32_t waiting; /* atomic */
	int fd;           /* -1: the queue was never set up */
};

struct wire {
	_Alignas(64) uint32_t busy; /* atomic: its sender is in a burst */
	_Alignas(64) uint32_t open; /* atomic: its sender may put packets */
	/* The rest, but for the ring, is the control thread's while the wire is closed. */
	bool ready;    /* the receiving queue takes from it */
	bool fenced;   /* there is no membarrier_all() */
	uint8_t view;  /* index of the pool */
	uint32_t made; /* atomic: there is a ring */
	uint32_t owner;
	uint32_t room;           /* bytes of a buffer that a packet may use */
	uint32_t limit;          /* tokens on it at most: atomic */
	struct baton_pool *pool; /* atomic */
	struct bell *rx_bell;
	struct bell *tx_bell; /* stays the same */
	struct ring ring;
	struct wire_memory
		*memory; /* of the ring, the latest first: a late reader may use others */
};

#define RING_SIDES 2

struct ring_port;

struct ring_link {
	struct ring_port *port[RING_SIDES]; /* NULL: not open */
	/* By the side that receives, and the TX queue of the other. */
	struct wire to[RING_SIDES][BATON_MAX_QUEUES];
	struct bell rx_bell[RING_SIDES][BATON_MAX_QUEUES], tx_bell[RING_SIDES][BATON_MAX_QUEUES];
};

struct ring_port {
	struct baton_port port;
	char peer[PORT_NAME_MAX]; /* the port opposite, open or not */
	bool named;               /* by peer= */
	bool up;                  /* started */
	uint8_t side;
	struct ring_link *link;
	struct wire *in, *out; /* BATON_MAX_QUEUES each */
};

struct ring_rxq {
	struct baton_queue q;
	uint32_t wires; /* that it takes from; atomic */
	uint32_t next;  /* the one to begin with */
	uint32_t step;  /* from one to the next: the number of RX queues */
	struct wire *in;
	bool off; /* stopped alone */
};

struct ring_txq {
	struct baton_queue q;
	struct wire *out;
	uint64_t link_down; /* packets that were not taken as the link was down; relaxed */
	uint64_t no_buffer; /* times that a packet found no buffer to be copied to; relaxed */
};

extern const struct baton_driver ring_driver;

/** The port opposite, or NULL: it is not open. It may be the port itself. */
struct ring_port *ring_peer(const struct ring_port *rp);

/* ---- link.c: who is opposite whom; control thread ---- */

/** Set rp->peer from the arguments, and join the link of that port, or make one. Return: 0;
 * -EINVAL; -EBUSY: a link has two ends; -ENOMEM. */
int ring_link_join(struct ring_port *rp, const struct port_arg *args, unsigned n);
void ring_link_leave(struct ring_port *rp);

/** Check the value of peer=. Return: 0 or -EINVAL. */
int ring_link_check(const struct port_arg *args, unsigned n);

/** Tell both ports, and their users, how the link is. */
void ring_link_report(struct ring_port *rp);

/* ---- wire.c; control thread, but for what is said ---- */

/** Whether the kernel has no membarrier_all(): for a new link. */
void wires_init(struct ring_link *l);
void wires_free(struct ring_link *l);

/** A port has started: open the wires in both directions, as far as both ports run. Return: 0;
 * -ENOMEM; -ETIMEDOUT: a sender is in a burst since before the port was stopped. Nothing is open
 * then. */
int wires_start(struct ring_port *rp);
/** It stops: its workers are out. What others have sent it is freed. */
void wires_stop(struct ring_port *rp);

/** The same for one of its RX queues. */
int wires_start_rxq(struct ring_port *rp, struct ring_rxq *rq);
void wires_stop_rxq(struct ring_port *rp, struct ring_rxq *rq);

/** Free what is on the wires of a queue that is stopped. */
void wires_empty(struct ring_rxq *rq);

/** Count the buffers on the wires to a queue; those of @pool, or all if it is NULL. Any thread. */
uint32_t wires_held(const struct ring_rxq *rq, const struct baton_pool *pool);

/** Get the descriptor of a bell, made at first use. Return: it or a negative errno. */
int bell_open(struct bell *b, const char *who);

/** The caller is about to sleep on the bell, and looks for what it waits for after this. */
void bell_arm(struct bell *b, bool fenced);

static inline void
bell_disarm(struct bell *b)
{
	__atomic_store_n(&b->waiting, 0, __ATOMIC_RELAXED);
}

/* What this thread has stored before is seen by whoever arms a bell, or closes a wire, or this
 * thread sees that. */
static inline void
wire_barrier(const struct wire *w)
{
	if (baton_unlikely(w->fenced))
		atomic_fence();
	else
		__asm__ __volatile__("" ::: "memory");
}

static inline void
bell_ring(struct bell *b)
{
	if (baton_unlikely(__atomic_load_n(&b->waiting, __ATOMIC_RELAXED)) &&
	    __atomic_exchange_n(&b->waiting, 0, __ATOMIC_SEQ_CST))
		event_signal(b->fd);
}

/** May the sender put packets? If so, the wire stays as it is until wire_leave(). Its thread. */
static inline bool
wire_enter(struct wire *w)
{
	__atomic_store_n(&w->busy, 1, __ATOMIC_RELAXED);
	wire_barrier(w);
	if (baton_likely(__atomic_load_n(&w->open, __ATOMIC_ACQUIRE)))
		return true;
	__atomic_store_n(&w->busy, 0, __ATOMIC_RELEASE);
	return false;
}

static inline void
wire_leave(struct wire *w)
{
	__atomic_store_n(&w->busy, 0, __ATOMIC_RELEASE);
}

/**
 * Tokens that the sender may put; exact where they are fewer than @want. Its thread, between
 * wire_enter() and wire_leave().
 */
static inline uint64_t
wire_room(struct wire *w, uint64_t want)
{
	const uint64_t spare = w->ring.size - __atomic_load_n(&w->limit, __ATOMIC_RELAXED);
	const uint64_t room = ring_room(&w->ring, want + spare);

	return room > spare ? room - spare : 0;
}

/** A sleeping sender is woken when it may put so many: a quarter of all, and any packet. */
static inline uint64_t
wire_wake_room(const struct wire *w)
{
	const uint32_t quarter = __atomic_load_n(&w->limit, __ATOMIC_RELAXED) / 4;

	return quarter > RING_MAX_SEGS ? quarter : RING_MAX_SEGS;
}

/* ---- burst.c; the queue's thread ---- */

int ring_rx_burst(struct baton_queue *q, struct baton_token *tokens, unsigned n);
int ring_tx_burst(struct baton_queue *q, struct baton_token *tokens, unsigned n);

#endif
