/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The interface between a driver and the port layer: one constant struct for each driver, named in
 * the meson.build of its folder.
 *
 * The port layer checks arguments, states, queue numbers and ring sizes, and the callbacks of a
 * driver may rely on that. All callbacks but the bursts, and those that say "the queue's thread",
 * run on the control thread, with the workers of the queues outside of their bursts.
 */
#ifndef BATON_PORT_DRIVER_H
#define BATON_PORT_DRIVER_H

#include <baton/port.h>

#include "base/err.h"
#include "ctx/ctx.h"
#include "dma/pool.h"
#include "dma/reach.h"
#include "pci/id.h"

#define PORT_NAME_MAX 48

struct port_arg {
	const char *key;
	const char *value; /* NULL if the argument had no '=' */
};

/* Why a packet was dropped, or refused. The names are in stats.c, what each means to users in
 * docs/statistics.md. */
enum rx_error {
	RX_ERROR_RUNT,         /* shorter than an Ethernet header, or its first buffer empty */
	RX_ERROR_TOO_LONG,     /* for the MTU, or for the buffers a packet may take */
	RX_ERROR_SEGMENTATION, /* that was not negotiated */
	RX_ERROR_CSUM_RANGE,   /* a checksum to be filled in outside of the packet */
	RX_ERROR_LINK_TYPE,    /* no Ethernet packet */
	RX_ERROR_DAMAGED,      /* the device says so; a capture that cannot be read on */
	RX_ERRORS
};

enum tx_error {
	TX_ERROR_TOO_SHORT,
	TX_ERROR_TOO_LONG,
	TX_ERROR_BUFFERS,    /* more than a packet may have */
	TX_ERROR_CUT_OFF,    /* the burst ends inside of the packet */
	TX_ERROR_CSUM,       /* asked for without a side record, or outside of the packet */
	TX_ERROR_TOKEN,      /* not the application's to send */
	TX_ERROR_NOT_MAPPED, /* its pool is not mapped for the device */
	TX_ERROR_WRITE,    /* taken, but could not be written: the only one that was not refused */
	TX_ERROR_SEGMENTS, /* cannot be cut into the segments that it asks for */
	TX_ERRORS
};

#define QUEUE_ERRORS 10
_Static_assert(RX_ERRORS <= (int)QUEUE_ERRORS && TX_ERRORS <= (int)QUEUE_ERRORS, "room for each");

/* Written by the queue's worker, with relaxed stores; by the control thread when that is out. */
struct queue_counters {
	uint64_t packets, bytes;
	uint64_t missed; /* RX: the device had no buffer, where it says so */
	uint64_t nobuf;  /* RX: times the ring was not refilled as far as it should be */
	uint64_t full;   /* TX: packets not taken for want of room */
	uint64_t violations;
	uint64_t kicks;                /* notifications sent to the device */
	uint64_t no_slot;              /* bounced through shared slots: times there was none */
	uint64_t errors[QUEUE_ERRORS]; /* by enum rx_error or tx_error */
	uint64_t dropped;              /* TX: packets that baton_tx_all() has freed */
	uint64_t discarded;  /* packets in the ring when it was emptied: RX: complete; TX: not */
	uint64_t times_lost; /* TX: times of packets for which there was no room */
};

/*
 * A queue. A driver embeds it as the first member of its own queue struct. What a burst reads is in
 * front: `head`, `views` and `cache` fill the first cache line. The counters are written by the
 * worker only, with relaxed stores.
 */
struct baton_queue {
	struct baton_queue_head head;
	struct baton_pool_view *views; /* the port's, indexed by the token's pool field */
	struct dma_cache *cache;       /* RX: the worker's cache of the queue's pool */
	uint32_t owner;                /* its holder number, shifted: BATON_OWNER_* << 16 */
	uint32_t max_len;  /* bytes of the longest packet, with Ethernet header, without FCS */
	uint16_t max_segs; /* tokens of a packet, at most; rx_burst with less room is -EINVAL */
	uint16_t index;
	uint8_t tx;
	uint8_t set_up;
	uint8_t idle_reason; /* QUEUE_IDLE_*: why it does not run; atomic */
	uint8_t stopped; /* stopped by baton_rxq_stop() or baton_txq_stop(), while its port runs */
	uint8_t fresh;   /* its ring is new: a former violation does not count when it runs again;
			    control thread */

	struct queue_counters stats __attribute__((aligned(64)));
	struct queue_counters base; /* as they were at the last reset; see stats.c */

	uint32_t descs;
	uint32_t asked; /* epoch of the worker that acknowledges the last state */
	struct baton_port *port;
	struct baton_pool *pool; /* RX only */
	int wake_fd;    /* an eventfd that wakes its worker, or -1; it belongs to the driver from
			   queue_setup on */
	uint32_t armed; /* atomic: its worker may sleep on wake_fd; in a cache line without members
			   of the control thread */
	struct dma_waker waker;
	uint64_t full_seen; /* TX: stats.full when its worker last woke, or the queue was set up */
	struct dma_holder holder;
	char error[128]; /* the protocol violation that stopped it, or "" */
	/*
	 * The driver's burst, which it has in `head` while it runs, unless there is something to do
	 * by software. Set by queue_setup, start or queue_start.
	 */
	int (*active_burst)(struct baton_queue *q, struct baton_token *tokens, unsigned n);
	struct offload *soft; /* what is done by software around it; NULL: nothing */
	/*
	 * TX: packets that the device cuts into segments, QUEUE_GSO_*; set by the driver at each
	 * start. Such a packet has at most gso_segs tokens, and gso_front bytes in front of its
	 * first byte; software cuts the others.
	 */
	uint8_t device_gso, gso_front;
	/* The device adds lengths: they are not in the sum of the pseudo-header, and IP's length
	 * and checksum are 0. */
	uint8_t gso_bare;
	uint8_t gso_heads; /* bytes of all headers, at most; 0: any */
	/* TX: the device inserts a VLAN tag of type 0x8100; software inserts others, and two. */
	uint8_t device_tags;
	uint16_t gso_segs;
};

#define QUEUE_GSO_TCP4 1u
#define QUEUE_GSO_TCP6 2u
#define QUEUE_GSO_UDP  4u

/** The worker that serves the queue. */
static inline struct baton_worker *
queue_worker(const struct baton_queue *q)
{
	return (struct baton_worker *)(void *)q->head.worker;
}

/* Why a queue does not run. */
enum { QUEUE_IDLE_PORT, QUEUE_IDLE_STOPPED, QUEUE_IDLE_AWAY, QUEUE_IDLE_REMOVED, QUEUE_IDLE_LINK };

#define QUEUE_RUNNING 1u /* bit of head.handle.state; the other bits count changes */

enum port_rx_mode { PORT_RX_PROMISC, PORT_RX_ALLMULTI };

enum port_clock {
	PORT_CLOCK_READ,
	PORT_CLOCK_ADJUST, /* *ns is added to it, modulo 2^64 */
	PORT_CLOCK_RX,     /* fetch the time of an event packet that was received, */
	PORT_CLOCK_TX,     /* or that left */
};

struct port_xstats;

struct baton_driver;

struct port_ops {
	size_t port_size; /* size of the driver's port struct, which begins with struct baton_port
			   */
	size_t rxq_size, txq_size;

	/*
	 * Parse the arguments (the driver's `args` has all of them), set the limits, MAC and MTU of
	 * port->info, and connect.
	 */
	int (*open)(struct baton_port *port, const struct port_arg *args, unsigned n_args);
	/*
	 * Check what of the arguments can be checked without opening anything: their values, and
	 * whether they fit together. NULL: nothing of them.
	 */
	int (*check)(const struct baton_driver *driver, const struct port_arg *args,
		     unsigned n_args);
	void (*close)(struct baton_port *port);
	/* The port was configured: its offloads and numbers of queues are known. NULL: nothing. */
	void (*configured)(struct baton_port *port);
	/* Allocate what a ring of q->descs descriptors needs. */
	int (*queue_setup)(struct baton_port *port, struct baton_queue *q);
	/* Free what queue_setup allocated; the queue holds no buffers. */
	void (*queue_release)(struct baton_port *port, struct baton_queue *q);
	int (*start)(struct baton_port *port);
	/*
	 * Make the device let go of everything, then free the buffers of every queue
	 * (dma_free_bufs()).
	 * Buffers that a device does not confirm to have let go of go to dma_quarantine_buf().
	 * Return: 0; -ETIMEDOUT if there were any.
	 */
	int (*stop)(struct baton_port *port);
	/* See baton_tx_clean(). The queue's thread. */
	int (*tx_clean)(struct baton_queue *q, unsigned budget);
	/* See struct baton_queue_level. NULL: there is no ring. The queue's thread. */
	unsigned (*in_flight)(const struct baton_queue *q);
	unsigned (*completed)(const struct baton_queue *q);
	/* Count the buffers of `pool` in the queue's shadow ring. */
	uint32_t (*held)(const struct baton_queue *q, const struct baton_pool *pool);
	/*
	 * Start or stop one queue of a started port. Its worker is outside of its bursts.
	 * queue_stop returns 0; -ENOTSUP if it runs on; another error if the device did not
	 * confirm: the queue keeps its buffers until `stop`. NULL: the device needs no call.
	 */
	int (*queue_start)(struct baton_queue *q);
	int (*queue_stop)(struct baton_queue *q);
	/*
	 * The device of a started port is away (the driver called port_lost()), and the workers are
	 * outside of their bursts. Free or quarantine all buffers of the rings. Return: 0; -EAGAIN
	 * if it is not sure yet that the device is away: call again.
	 */
	int (*lost)(struct baton_port *port);
	/*
	 * Reset the device of a stopped port. Return: 0, or why the device is not available. NULL:
	 * there is nothing to reset.
	 */
	int (*reset)(struct baton_port *port);
	/*
	 * See baton_rxq_arm(). The queue's thread. Make the device write to q->wake_fd, and write
	 * to it now if there are packets already. queue_setup makes q->wake_fd; else it is -1.
	 */
	int (*arm)(struct baton_queue *q);
	void (*disarm)(struct baton_queue *q);
	int (*set_mac)(struct baton_port *port,
		       const uint8_t mac[6]); /* NULL: -ENOTSUP, also for the calls below */
	int (*set_rx_mode)(struct baton_port *port, enum port_rx_mode mode, int on);
	int (*set_macs)(struct baton_port *port, const uint8_t (*macs)[6], unsigned n);
	int (*set_vlan)(struct baton_port *port, uint16_t vid, int on);
	/* Keep this for the port, and if it is started, have it so; all was checked. See
	 * baton_port_set_speeds(); @fixed: no autonegotiation. */
	int (*set_speeds)(struct baton_port *port, uint32_t speeds, int fixed);
	int (*set_flow_control)(struct baton_port *port, const struct baton_flow_control *config);
	/*
	 * port->reach was changed, and nothing is mapped: move the device to an address space that
	 * fits it. NULL: the device needs no address space. If this fails, the port stays as it
	 * was.
	 */
	int (*renew_space)(struct baton_port *port);
	/* See baton_rx_peek(). The queue's thread. */
	int (*peek)(struct baton_queue *q, struct baton_peek *peeks, unsigned n);
	/*
	 * See <baton/clock.h>. The port is started, and configured for what it is about.
	 * PORT_CLOCK_RX and _TX: return 1, and a time; 0: there is none. NULL: there is no clock.
	 */
	int (*clock)(struct baton_port *port, enum port_clock what, uint64_t *ns);
	/* The device's own counters, which only grow, appended by port_xstat(). */
	void (*xstats)(const struct baton_port *port, struct port_xstats *list);
};

struct baton_driver {
	const char *name;       /* "net_virtio_user" */
	const char *other_name; /* a name that it had in DPDK, "virtio_user"; NULL: none */
	/* Its arguments; one without a name at the end. NULL: there are no more. */
	const struct baton_arg *args, *more_args;
	const struct port_ops *ops;
	const struct pci_id
		*pci_ids; /* for a driver of PCI devices, which are opened by address; else NULL */
	const struct pci_other *pci_others; /* devices that are refused with a reason; or NULL */
	const void *priv; /* private to the driver: tells apart two drivers that share their ops */
	bool dma;     /* the device accesses memory by itself: open() declares the device limits of
			 port->reach, and port_reach_args apply */
	bool bounces; /* the bursts use slots for pools that are bounced; without this, such a pool
			 is refused */
};

#define PORT_OWN_XSTATS 64 /* counters of a port that are no queue's, at most */

/* What received packets are hashed by, all of it valid (rss.c). */
struct port_rss {
	uint32_t types;                 /* BATON_RSS_*; 0: not set */
	uint16_t table_len;             /* 0: the device chooses; else info.rss_table_len */
	uint8_t key[BATON_RSS_KEY_MAX]; /* info.rss_key_len of them */
	uint16_t *table;                /* of BATON_RSS_TABLE_MAX entries; NULL: not set yet */
};

/*
 * The link of a device that lets one choose. open() sets what it can (speeds, fixed_speeds,
 * flow_max, flow_step, flow_default), and `flow` to the default. Then there is what is asked for.
 */
struct port_link {
	uint32_t speeds, fixed_speeds; /* BATON_SPEED_*; fixed: without autonegotiation; 0: none */
	uint32_t flow_max;             /* bytes of the high water, at most; 0: no flow control */
	uint32_t flow_step;            /* bytes that waters are a multiple of */
	struct baton_flow_control flow, flow_default;
	uint32_t asked; /* BATON_SPEED_*; 0: the device's own */
	bool fixed;
};

#define PORT_AWAY       1 /* workers may still be in a burst */
#define PORT_AWAY_EMPTY 2 /* ops->lost() has emptied the rings */

struct baton_port {
	struct baton_handle handle;
	const struct baton_driver *driver;
	struct baton_ctx *ctx;
	char name[PORT_NAME_MAX];
	struct baton_port_info info;
	struct baton_link link; /* relaxed atomics, by member */
	struct baton_queue **rxq,
		**txq; /* info.rx_queues and info.tx_queues of them; their size is the driver's */
	uint64_t own_base[PORT_OWN_XSTATS]; /* counters that are no queue's, at the last reset */
	uint32_t stop_timeout_ms;
	uint32_t offloads; /* BATON_OFFLOAD_* of the device that are configured */
	uint32_t soft;     /* those that are configured and done by software */
	struct port_rss rss;
	struct port_link wants; /* of its link */
	uint8_t configured, started;
	uint8_t mtu_set;     /* info.mtu was configured: TX must keep it */
	uint8_t link_off;    /* the application took the link down: baton_port_set_link(0) */
	uint8_t device_up;   /* the link as the device reports it */
	uint8_t in_event;    /* the event callback of the port runs */
	uint8_t leaving;     /* baton_port_stop() was called and has not succeeded yet */
	uint8_t away;        /* PORT_AWAY*; 0: the device is there */
	uint8_t away_logged; /* the log names the worker that delays it */
	baton_port_event_fn on_event;
	void *event_arg;
	struct ctx_timer quiesce;
	uint64_t away_since;
	struct baton_port_fault fault; /* the last fault; control thread, except for the count,
					  which any thread may read */
	struct dma_reach reach;
	struct baton_pool_view *views; /* 256 of them, set at start; a pool that the device cannot
					  access has count 0 */
};

/** All drivers, and their names, NULL at the end (drivers/registry.c.in). Tests have their own. */
extern const struct baton_driver *const baton_driver_table[];
extern const char *const baton_driver_names[];

/**
 * The arguments of every port whose driver has `dma` (one without a name at the end), and the
 * function that applies them. Return: 0 or -EINVAL.
 */
extern const struct baton_arg port_reach_args[];
int port_reach_open(struct baton_port *port, const struct port_arg *args, unsigned n);
/** Only check the arguments' values. Return: 0 or -EINVAL. */
int port_reach_args_check(const struct port_arg *args, unsigned n);

/** Get the value of the argument @key. Return: NULL if there is none. */
const char *port_arg(const struct port_arg *args, unsigned n, const char *key);

/** Parse a number from @min to @max. Return: 0; -EINVAL, with a message that names the argument. */
int port_arg_uint(const struct port_arg *args, unsigned n, const char *key, uint64_t min,
		  uint64_t max, uint64_t *value);

#define PORT_L2_HEADERS 22u /* bytes: an Ethernet header and two VLAN tags */

/**
 * Get the bytes of the longest packet at @mtu, which is the IP packet's: with Ethernet header and
 * two VLAN tags, without FCS.
 */
static inline uint32_t
port_frame_max(uint32_t mtu)
{
	return mtu + PORT_L2_HEADERS;
}

/** Log one line that begins with the port's name. */
void port_log(const struct baton_port *port, enum baton_log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), cold));

/** Parse a unicast address, "aa:bb:cc:dd:ee:ff". Return: 0; -EINVAL, with its message. */
int port_parse_mac(const char *text, uint8_t mac[6]);

/**
 * Report a protocol violation: stop the queue, keep the named error, count it.
 *
 * The queue's thread, in a burst. Return: -EIO.
 */
int queue_violation(struct baton_queue *q, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), cold));

/* ---- a device that goes and comes; control thread ---- */

/**
 * Report that the device is away, or was removed and will not come back. It may be called in any
 * state and several times. The queues of a started port stop as their workers acknowledge; then
 * baton_ctx_poll() calls ops->lost().
 */
void port_lost(struct baton_port *port, bool for_good);

/** Have the workers left, and has ops->lost() emptied the rings, so that the driver may set them up
 * anew? */
bool port_is_empty(const struct baton_port *port);

/**
 * Check the pools that RX queues of the port, and of the started ports, take from: are they large
 * enough once the port is started, without the buffers in quarantine? Return: 0, or -ENOBUFS with
 * the numbers.
 */
int port_check_pools(const struct baton_port *port);

/** The device is back and the rings are filled and known to it: the queues run. */
void port_back(struct baton_port *port);

/** Report the state of the device's link. */
void port_link(struct baton_port *port, bool up);

/**
 * Report that the device wanted to read or write @iova, and nothing is mapped there that it may
 * access. Every fault is counted; the 1st, 2nd, 4th, 8th ... are logged and reported as an event.
 */
void port_fault(struct baton_port *port, uint64_t iova, bool write);

void port_event(struct baton_port *port, enum baton_port_event event);

/** Append a counter that is no queue's: the same ones in the same order each time. */
void port_xstat(struct port_xstats *list, uint64_t value, const char *name);

/**
 * Add to a counter of a queue. Only its worker writes the counters, so a relaxed store is enough.
 */
static inline void
queue_count(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

/** Count packets that were dropped or refused for one of enum rx_error or tx_error. */
static inline void
queue_count_error(struct baton_queue *q, unsigned reason, uint64_t packets)
{
	queue_count(&q->stats.errors[reason], packets);
}

/** Count the packets at @tokens, which tx_burst does not take because there is no room for them. */
BATON_COLD void queue_full(struct baton_queue *q, const struct baton_token *tokens, unsigned n);

/** Why the driver cannot take @t in tx_burst; counted. Return: -EFAULT when its pool is not mapped,
 * else dma_refuse(). */
BATON_COLD int queue_refuse(struct baton_queue *q, struct baton_token t);

/* ---- ports without a device (soft.c) ---- */

/**
 * Check the packet at @tokens and end the CPU's right to its buffers.
 *
 * @first: it is the first packet of its burst, so an error is returned now; an error of a later
 * packet only ends the burst. Return: the number of its tokens; 0 if it is not taken, and the next
 * call returns why; a negative errno. Nothing is changed if it is not taken.
 */
int soft_give(struct baton_queue *q, const struct baton_token *tokens, unsigned n, bool first,
	      uint32_t *bytes);

/**
 * The same for a packet of any length, whose buffers @owner holds from then on (a holder number <<
 * 16).
 */
int soft_hand_over(struct baton_queue *q, const struct baton_token *tokens, unsigned n, bool first,
		   uint32_t owner, uint32_t *bytes);

/** Put the buffer of a token that was taken into the worker's cache. */
void soft_done(struct baton_queue *q, struct baton_token t);

/** Set the MAC address of a port by the number in its name: 02:00:00:KIND:NN:NN. */
void soft_mac(struct baton_port *port, uint8_t kind);

#endif
