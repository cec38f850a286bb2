/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ports and queues.
 *
 * The life of a port: open, configure, set up every queue, start, bursts, stop, close. All but the
 * bursts belong to the context's control thread; a burst belongs to the thread of the queue's
 * worker.
 *
 * A started port may lose its device (a backend that ends, a NIC that is unplugged). Its bursts
 * then say -ENETDOWN, and baton_ctx_poll() sees to the rest: buffers go home once the workers are
 * out, the device is awaited, and when it is back the queues run again with no help from the
 * application. baton_port_on_event() tells of it.
 */
#ifndef BATON_PORT_H
#define BATON_PORT_H

#include <baton/pool.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BATON_MIN_MTU 68 /* RFC 791 section 3.2: every link carries 68 octets */
#define BATON_MAX_MTU 9000

struct baton_port;
struct baton_rxq; /* a receive queue */
struct baton_txq; /* a transmit queue */

/**
 * Open a device by name with arguments, "net_virtio_user0,path=/tmp/s0,mac=02:00:00:00:00:01".
 *
 * The name is a driver's name and, to tell ports apart, a number. Every argument must be one the
 * driver knows; the error names the nearest one.
 *
 * Control thread. Return: 0; -ENODEV for no such driver; -EINVAL for a bad argument; -EEXIST for a
 * name already open; a driver's own errors.
 */
BATON_API int baton_port_open(struct baton_ctx *ctx, const char *devargs, struct baton_port **out);

/*
 * Checksums in the device. RX: tokens carry verdicts (enum baton_csum). TX: a first token whose L4
 * verdict is BATON_CSUM_PARTIAL, with a side record that says l2_len, l3_len and csum_offset, has
 * its checksum filled in: by the device when this is on, else by the driver. Received tokens come
 * with such a record too where the verdict is BATON_CSUM_PARTIAL, so that they can be sent on as
 * they are; l3_len then contains VLAN tags, if any.
 */
#define BATON_OFFLOAD_RX_CSUM (1u << 0)
#define BATON_OFFLOAD_TX_CSUM (1u << 1)

struct baton_port_config {
	size_t size;
	uint16_t rx_queues; /* 1 .. info.max_rx_queues */
	uint16_t tx_queues;
	uint16_t mtu; /* 0: the device's own, or 1,500 that nobody is held to */
	uint16_t reserved;
	uint32_t stop_timeout_ms; /* for workers to let go and TX to drain; 0: 1,000 */
	uint32_t offloads;        /* BATON_OFFLOAD_*, of info.offloads */
};

/** Decide queue numbers, MTU and offloads. A stopped port; forgets queues set up before. -EINVAL,
 * -EBUSY, -ENOTSUP. */
BATON_API int baton_port_configure(struct baton_port *port, const struct baton_port_config *config);

struct baton_queue_config {
	size_t size;
	uint32_t descs;              /* ring size, a power of two; 0: the driver's default */
	struct baton_worker *worker; /* whose thread and caches serve the queue */
	struct baton_pool *pool;     /* RX: where packets land; TX: NULL */
};

/**
 * Set up a queue of a configured, stopped port.
 *
 * @out: the handle for the bursts, good until the port is configured again or closed.
 *
 * Control thread. Return: 0; -EINVAL with the limits that were missed; -ENOMEM.
 */
BATON_API int baton_rxq_setup(struct baton_port *port, uint16_t index,
			      const struct baton_queue_config *config, struct baton_rxq **out);
BATON_API int baton_txq_setup(struct baton_port *port, uint16_t index,
			      const struct baton_queue_config *config, struct baton_txq **out);

/**
 * Start: map the context's pools for the device, fill the RX rings, enable the queues.
 *
 * Pools made later are not known to the device: tx_burst refuses their tokens until the port was
 * stopped and started again.
 *
 * Control thread. Return: 0; -EINVAL when a queue is not set up; -ENOBUFS, with the numbers, when a
 * pool is smaller than rings + caches + bursts; a driver's own errors. The port is then as it was
 * before.
 */
BATON_API int baton_port_start(struct baton_port *port);

/**
 * Stop: no burst enters any more, the device lets go, buffers it held go home to their pools.
 *
 * Waits for the workers to leave their bursts, then for TX to drain, up to the deadline. What a
 * device will not confirm to have let go is quarantined.
 *
 * Control thread. Return: 0; -ETIMEDOUT when a worker did not acknowledge or buffers were
 * quarantined.
 */
BATON_API int baton_port_stop(struct baton_port *port);

/**
 * Stop if need be, and release everything.
 *
 * Workers may be in bursts meanwhile; but a worker that was told -ENETDOWN by one queue has
 * acknowledged for all of its queues, and those of a port that is being closed may be gone then: it
 * must not touch another of them.
 *
 * Control thread. Return: 0; -EBUSY when a worker did not acknowledge: the port stays open;
 * anything else baton_port_stop() returns: the port is closed all the same.
 */
BATON_API int baton_port_close(struct baton_port *port);

/**
 * Reset the device of a stopped or started port: it is stopped, forgets what it was told, and is
 * connected anew. The configuration and the queues stay as they are set up; start the port again
 * afterwards.
 *
 * Control thread. Return: 0; what baton_port_stop() returns; a driver's own errors.
 */
BATON_API int baton_port_reset(struct baton_port *port);

/**
 * Stop one queue of a started port while the others run on: no burst enters any more, the device
 * lets go of the queue, its buffers go home.
 *
 * Control thread. Return: 0, also for a queue that is stopped already; -ETIMEDOUT when its worker
 * did not acknowledge (the queue then stays as it was) or buffers were quarantined; -EINVAL when
 * the port is not started.
 */
BATON_API int baton_rxq_stop(struct baton_rxq *rxq);
BATON_API int baton_txq_stop(struct baton_txq *txq);

/** Start a queue that baton_rxq_stop() or baton_txq_stop() stopped. Control thread. Return: 0;
 * -EINVAL, -ENOBUFS, a driver's own errors. */
BATON_API int baton_rxq_start(struct baton_rxq *rxq);
BATON_API int baton_txq_start(struct baton_txq *txq);

enum baton_port_state {
	BATON_PORT_STOPPED,
	BATON_PORT_STARTED,
	BATON_PORT_LOST,    /* started, but its device is away: it comes back by itself */
	BATON_PORT_REMOVED, /* its device is gone for good: close it */
};

enum baton_port_event {
	BATON_EVENT_LINK, /* baton_port_link() has changed */
	BATON_EVENT_LOST, /* the device went away */
	BATON_EVENT_BACK, /* it is back, and the queues run again */
	BATON_EVENT_REMOVED,
	BATON_EVENT_FAULT, /* baton_port_fault() has a new one; the 1st, 2nd, 4th, 8th ... of a port
			      is told */
};

/**
 * Called on the control thread, from inside baton_ctx_poll() or a call on the port. It may read the
 * port (info, link, stats); to stop or close it, let the call return first.
 */
typedef void (*baton_port_event_fn)(void *arg, struct baton_port *port,
				    enum baton_port_event event);

/** Be told of events; NULL: no more. One callback a port. Control thread. */
BATON_API void baton_port_on_event(struct baton_port *port, baton_port_event_fn fn, void *arg);

/* What the device wanted to reach and may not, as far as this end is told: over vhost-user with an
 * IOTLB. */
struct baton_port_fault {
	uint64_t count; /* since the port was opened; 0: none, and the rest means nothing */
	uint64_t iova;  /* the last one's address */
	uint8_t write;  /* it wanted to write there */
	uint8_t reserved[7];
};

/** The last fault of a port's device. Control thread; the count is also among baton_port_xstats(),
 * as "faults". */
BATON_API void baton_port_fault(const struct baton_port *port, struct baton_port_fault *fault);

struct baton_port_info {
	const char *name;
	const char *driver;
	uint16_t max_rx_queues, max_tx_queues;
	uint16_t rx_queues, tx_queues;
	uint16_t max_segs;    /* tokens of one packet given to tx_burst, at most */
	uint16_t rx_max_segs; /* the room rx_burst needs; known once the RX queues are set up */
	int16_t node; /* the device's NUMA node, or BATON_NODE_ANY: where its pools should lie */
	uint16_t min_descs, max_descs, default_descs;
	uint16_t mtu, max_mtu;
	uint8_t mac[6];
	uint8_t started;
	uint8_t state;     /* enum baton_port_state */
	uint32_t offloads; /* BATON_OFFLOAD_* the device can */
	char detail[256];  /* a driver's own line: negotiated features, transport */
};

BATON_API void baton_port_info(const struct baton_port *port, struct baton_port_info *info);

struct baton_link {
	uint8_t up;
	uint8_t full_duplex;
	uint16_t reserved;
	uint32_t speed_mbps; /* 0: unknown */
};

/** The link as last heard. Any thread. */
BATON_API void baton_port_link(const struct baton_port *port, struct baton_link *link);

/** Set the MTU of a stopped port, 68 .. info.max_mtu. -EINVAL with the range, -EBUSY. */
BATON_API int baton_port_set_mtu(struct baton_port *port, uint16_t mtu);

/**
 * Take the link down, or up again, by hand: while down, the queues stand still and the link is
 * reported down.
 *
 * Control thread. Return: 0; -ETIMEDOUT when a worker did not leave its queues in time.
 */
BATON_API int baton_port_set_link(struct baton_port *port, int up);

/*
 * Which packets a device passes on, where it filters at all; a vhost-user backend passes on
 * everything. Control thread. Return: 0; -ENOTSUP when the device has no such filter; -ENETDOWN
 * when the port is not started; -ETIMEDOUT, -EIO when the device did not answer or said no.
 */
BATON_API int baton_port_set_promisc(struct baton_port *port, int on);
BATON_API int baton_port_set_allmulti(struct baton_port *port, int on);

/** The further addresses to receive: replaces the table. -EINVAL for more than 64. */
BATON_API int baton_port_set_macs(struct baton_port *port, const uint8_t (*macs)[6], unsigned n);

/** Pass packets of VLAN @vid, 0 .. 4,095, or no more. */
BATON_API int baton_port_set_vlan(struct baton_port *port, uint16_t vid, int on);

/** Change the MAC address, where the device can. -ENOTSUP, -EINVAL for a multicast address. */
BATON_API int baton_port_set_mac(struct baton_port *port, const uint8_t mac[6]);

/* Packets, not tokens. */
struct baton_stats {
	uint64_t rx_packets;
	uint64_t rx_bytes;  /* without virtio or other device headers and without FCS */
	uint64_t rx_errors; /* bad packet metadata, dropped */
	uint64_t rx_missed; /* the device had no buffer, where it says so */
	uint64_t rx_nobuf;  /* times a ring could not be refilled for want of buffers */
	uint64_t tx_packets;
	uint64_t tx_bytes;
	uint64_t tx_errors;  /* packets refused by tx_burst */
	uint64_t violations; /* protocol violations of the device: each stopped a queue */
};

/** Sum over the queues since start or the last reset. Any thread; a running worker's counts may lag
 * one burst. */
BATON_API void baton_port_stats(const struct baton_port *port, struct baton_stats *stats);
BATON_API void baton_rxq_stats(const struct baton_rxq *rxq, struct baton_stats *stats);
BATON_API void baton_txq_stats(const struct baton_txq *txq, struct baton_stats *stats);
BATON_API void baton_port_stats_reset(struct baton_port *port);

struct baton_xstat {
	char name[48]; /* "rx_good_packets", "rx_q0_packets", "reconnects" */
	uint64_t value;
};

/** All counters of a port by name, its driver's own among them. Return: how many there are; the
 * first @n are written. */
BATON_API unsigned baton_port_xstats(const struct baton_port *port, struct baton_xstat *out,
				     unsigned n);

/**
 * Why a queue was stopped by a protocol violation: a named error, such as "used id out of range:
 * 300 of 256". Empty when it was not. Any thread.
 */
BATON_API const char *baton_rxq_error(const struct baton_rxq *rxq);
BATON_API const char *baton_txq_error(const struct baton_txq *txq);

/** The number of packets' tokens a queue can now hold before it is full (TX) or has posted (RX).
 * Its thread. */
BATON_API unsigned baton_rxq_in_flight(const struct baton_rxq *rxq);
BATON_API unsigned baton_txq_in_flight(const struct baton_txq *txq);

/**
 * Complete TX of a queue whose application has nothing to send, so that its buffers go home.
 *
 * @budget: completions at most. The queue's thread. Return: tokens freed (bounced packets' were
 * free since tx_burst); a negative errno as tx_burst. baton_txq_in_flight() says what is left.
 */
BATON_API int baton_tx_clean(struct baton_txq *txq, unsigned budget);

/**
 * Ask for a wake-up: the descriptor that is returned polls readable as soon as an RX queue has
 *packets (at once when it has some already), or when the control thread wants the queue's worker to
 *look (stop, reset, a lost device).
 *
 *	fd = baton_rxq_arm(rx);
 *	poll() on fd;
 *	baton_rxq_disarm(rx);
 *	baton_rx_burst(rx, ...);
 *
 * The descriptor is the queue's and the same each time until the queue is set up anew; do not read
 *it.
 *
 * A stopped queue can be armed, too: its descriptor tells when it was started.
 *
 * A queue that lacks buffers for the largest packet polls readable at once: nobody tells when
 *another worker frees some, so it has to be polled until it has them.
 *
 * The queue's thread. Return: a descriptor; -ENOTSUP where the device cannot wake anybody; -EIO,
 *-EPERM as baton_rx_burst().
 */
BATON_API int baton_rxq_arm(struct baton_rxq *rxq);

/** No more wake-ups: back to polling. The queue's thread. */
BATON_API void baton_rxq_disarm(struct baton_rxq *rxq);

struct baton_queue; /* either of them, inside the library */

typedef int (*baton_burst_fn_)(struct baton_queue *queue, struct baton_token *tokens, unsigned n);

/*
 * The public head of a queue; the rest is private. A queue has both bursts: that of the other
 * direction refuses the call.
 */
struct baton_queue_head {
	baton_burst_fn_ rx_burst;
	baton_burst_fn_ tx_burst;
	struct baton_worker_head *worker;
	uint32_t state; /* published by the control thread; acquire */
	uint32_t ack;   /* the worker's private copy */
};

#ifndef __cplusplus
_Static_assert(offsetof(struct baton_queue_head, state) == 24, "ABI");
_Static_assert(sizeof(struct baton_queue_head) == 32, "ABI");
#endif

BATON_API BATON_COLD int baton_queue_enter_(struct baton_queue_head *head, const char *operation);

static inline int
baton_queue_ready_(struct baton_queue_head *h, const char *operation)
{
	if (baton_unlikely(
		    __atomic_load_n(&h->state, __ATOMIC_ACQUIRE) != h->ack ||
		    __atomic_load_n(&h->worker->epoch, __ATOMIC_ACQUIRE) != h->worker->seen ||
		    __atomic_load_n(&h->worker->thread, __ATOMIC_RELAXED) != baton_thread_self()))
		return baton_queue_enter_(h, operation);
	return 0;
}

/**
 * Receive up to @n tokens of whole packets. The CPU holds them afterwards.
 *
 * The queue's thread. Return: the number of tokens; -EINVAL when @n is less than info.rx_max_segs;
 * -ENETDOWN when the queue is stopped; -EIO when a protocol violation has stopped it
 * (baton_rxq_error() names it); -EPERM from a second thread.
 */
static inline int
baton_rx_burst(struct baton_rxq *rxq, struct baton_token *tokens, unsigned n)
{
	struct baton_queue_head *h = (struct baton_queue_head *)(void *)rxq;
	int ret = baton_queue_ready_(h, "rx_burst");

	if (baton_unlikely(ret < 0))
		return ret;
	return h->rx_burst((struct baton_queue *)(void *)h, tokens, n);
}

/* What is to be seen of a packet that was received and not taken yet. */
struct baton_peek {
	void *data;    /* room of the caller's own for its first bytes, or NULL */
	uint16_t room; /* bytes there */
	uint16_t segs; /* out: tokens that rx_burst will take for it */
	uint32_t len;  /* out: bytes of the packet */
};

/**
 * Look at the packets that the next rx_burst would bring, without taking them: nothing changes
 * hands, and nothing is written to what the device has. To see whether the device is done with a
 * buffer is what this is for, never taking and giving back.
 *
 * @peeks: data and room are the caller's; min(len, room) bytes are copied there. No further than
 * some 256 buffers ahead.
 *
 * What is peeked at is checked as in rx_burst. A packet whose metadata is bad is not among them, as
 * rx_burst drops it, and they end before a protocol violation, which is for rx_burst to report. On
 * direct memory a hostile device may still change a packet between the two.
 *
 * The queue's thread. Return: how many packets were looked at, at most @n; -EINVAL for a TX queue;
 * -ENOTSUP; -ENETDOWN, -EIO and -EPERM as rx_burst.
 */
BATON_API int baton_rx_peek(struct baton_rxq *rxq, struct baton_peek *peeks, unsigned n);

/**
 * Give up to @n tokens of whole packets to the device.
 *
 * The tokens taken are used up; the others are still the caller's. Fewer than @n: the ring is full,
 * or the packet at the returned position is bad, which the next call says.
 *
 * The queue's thread. Return: the number of tokens taken; when the first packet is bad: -EPERM (a
 * token was refused, the handler has the report), -EMSGSIZE (empty, longer than the MTU that was
 * set allows, or more than max_segs), -EINVAL (CONT in the last token; or its checksum is to be
 * filled in, but it has no side record, or one that points outside of the packet), -EFAULT (its
 * pool is not mapped for this port); -ENETDOWN and -EIO as baton_rx_burst().
 */
static inline int
baton_tx_burst(struct baton_txq *txq, struct baton_token *tokens, unsigned n)
{
	struct baton_queue_head *h = (struct baton_queue_head *)(void *)txq;
	int ret = baton_queue_ready_(h, "tx_burst");

	if (baton_unlikely(ret < 0))
		return ret;
	return h->tx_burst((struct baton_queue *)(void *)h, tokens, n);
}

/**
 * The compiled-in drivers' names, NULL at the end. Any thread.
 */
BATON_API const char *const *baton_drivers(void);

#ifdef __cplusplus
}
#endif

#endif
