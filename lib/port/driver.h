/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a driver is to the port layer: one constant struct, listed in registry.c.
 *
 * The port layer checks arguments, states, queue numbers and ring sizes; a driver's callbacks may
 * rely on that. All run on the control thread, with the queues' workers outside their bursts.
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
	const char *value; /* NULL when the argument had no '=' */
};

/* Why a packet was dropped, or refused. The names are in stats.c, what each means to users in
 * docs/statistics.md. */
enum rx_error {
	RX_ERROR_RUNT,         /* shorter than an Ethernet header, or its first buffer empty */
	RX_ERROR_TOO_LONG,     /* for the MTU, or for the buffers a packet may take */
	RX_ERROR_SEGMENTATION, /* that was not negotiated */
	RX_ERROR_CSUM_RANGE,   /* a checksum to be filled in outside of the packet */
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
	TX_ERROR_WRITE, /* taken, but could not be written: the only one that was not refused */
	TX_ERRORS
};

#define QUEUE_ERRORS 8
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
	uint64_t discarded; /* packets in the ring when it was emptied: RX: complete; TX: not */
};

/*
 * A queue. A driver embeds it as the first member of its own queue struct.
 * First cache line: what a burst reads. The counters are written by the worker only, with relaxed
 * stores.
 */
struct baton_queue {
	struct baton_queue_head head;
	struct baton_pool_view *views; /* the port's, indexed by the token's pool field */
	struct dma_cache *cache;       /* RX: the worker's cache of its pool */
	uint32_t owner;                /* its holder id, shifted: BATON_OWNER_* << 16 */
	uint32_t max_len;  /* longest packet in bytes, Ethernet header included, FCS not */
	uint16_t max_segs; /* tokens of one packet at most; rx_burst with less room is -EINVAL */
	uint16_t index;
	uint8_t tx;
	uint8_t set_up;
	uint8_t stopped; /* by baton_rxq_stop() or baton_txq_stop(), while its port goes on */
	uint8_t fresh;   /* its ring is as new: a violation before that is forgotten when it runs;
			    control thread */

	struct queue_counters stats __attribute__((aligned(64)));
	struct queue_counters base; /* as they were at the last reset; see stats.c */

	uint32_t descs;
	uint32_t asked; /* the worker's epoch that acknowledges the last state */
	struct baton_port *port;
	struct baton_pool *pool; /* RX only */
	int wake_fd; /* an eventfd that wakes its worker, or -1; the driver's, from queue_setup on
		      */
	uint32_t armed; /* atomic: its worker may be asleep on wake_fd; not beside what the control
			   thread reads */
	struct dma_holder holder;
	char error[128]; /* the protocol violation that stopped it, or "" */
	int (*active_burst)(struct baton_queue *q, struct baton_token *tokens, unsigned n);
};

/** The worker that serves the queue. */
static inline struct baton_worker *
queue_worker(const struct baton_queue *q)
{
	return (struct baton_worker *)(void *)q->head.worker;
}

#define QUEUE_RUNNING 1u /* in head.state; the rest of it counts changes */

enum port_rx_mode { PORT_RX_PROMISC, PORT_RX_ALLMULTI };

struct port_xstats;

struct port_ops {
	size_t port_size; /* of the driver's port struct, which begins with struct baton_port */
	size_t rxq_size, txq_size;

	/* Parse arguments (all known, by the driver's `args`), fill port->info's limits, MAC, MTU;
	 * connect. */
	int (*open)(struct baton_port *port, const struct port_arg *args, unsigned n_args);
	void (*close)(struct baton_port *port);
	/* Allocate what the ring of q->descs entries needs; set q->active_burst. */
	int (*queue_setup)(struct baton_port *port, struct baton_queue *q);
	/* Free it; the queue holds no buffers. */
	void (*queue_release)(struct baton_port *port, struct baton_queue *q);
	int (*start)(struct baton_port *port);
	/*
	 * Make the device let go of everything, then send the buffers of every queue home
	 * (dma_put()). Buffers that a device did not confirm to have let go go to
	 * dma_quarantine_buf(). Return: 0, -ETIMEDOUT when some did.
	 */
	int (*stop)(struct baton_port *port);
	int (*tx_clean)(struct baton_queue *q, unsigned budget);
	/* See struct baton_queue_level. NULL: there is no ring. The queue's thread. */
	unsigned (*in_flight)(const struct baton_queue *q);
	unsigned (*completed)(const struct baton_queue *q);
	/* Count the buffers of `pool` this queue's shadow holds. */
	uint32_t (*held)(const struct baton_queue *q, const struct baton_pool *pool);
	/*
	 * One queue of a started port, its worker outside its bursts. Stop returns as `stop` does.
	 * NULL: the queue needs nothing of the device.
	 */
	int (*queue_start)(struct baton_queue *q);
	int (*queue_stop)(struct baton_queue *q);
	/*
	 * The device of a started port went away (the driver said so by port_lost()), and the
	 * workers are out: everything the rings hold goes home, or into quarantine. Return: 0;
	 * -EAGAIN: not yet sure that the device is gone, ask again.
	 */
	int (*lost)(struct baton_port *port);
	/* The port is stopped. Return: 0, or why the device cannot be had again. NULL: nothing to
	 * reset. */
	int (*reset)(struct baton_port *port);
	/*
	 * The queue's thread. See baton_rxq_arm(): make the device write to q->wake_fd, and write
	 * to it if there is something already. q->wake_fd is made by queue_setup, -1 otherwise.
	 */
	int (*arm)(struct baton_queue *q);
	void (*disarm)(struct baton_queue *q);
	int (*set_mac)(struct baton_port *port,
		       const uint8_t mac[6]); /* NULL: -ENOTSUP, as for those below */
	int (*set_rx_mode)(struct baton_port *port, enum port_rx_mode mode, int on);
	int (*set_macs)(struct baton_port *port, const uint8_t (*macs)[6], unsigned n);
	int (*set_vlan)(struct baton_port *port, uint16_t vid, int on);
	/*
	 * port->reach was changed, and nothing is mapped: have the device in an address space that
	 * fits it. NULL: the device needs none. On failure the port is as it was.
	 */
	int (*renew_space)(struct baton_port *port);
	/* See baton_rx_peek(). The queue's thread. */
	int (*peek)(struct baton_queue *q, struct baton_peek *peeks, unsigned n);
	/* The device's own counters, which only grow, appended by port_xstat(). */
	void (*xstats)(const struct baton_port *port, struct port_xstats *list);
};

struct baton_driver {
	const char *name;        /* "net_virtio_user" */
	const char *const *args; /* the argument keys it knows, NULL at the end */
	const char *summary;     /* one line for help texts */
	const struct port_ops *ops;
	const struct pci_id
		*pci_ids; /* a driver of PCI devices, which are opened by address; else NULL */
	const void *priv; /* the driver's own: what tells apart two that share their ops */
	bool dma;     /* its device reaches memory by itself: open() declares port->reach's device
			 limits, and reach_args apply */
	bool bounces; /* its bursts look at views that are bounced, and use slots for them: without
			 this no view of its ports is, and such a pool is refused */
};

#define PORT_OWN_XSTATS 16 /* counters of a port that are no queue's, at most */

#define PORT_AWAY       1 /* workers may still be in a burst */
#define PORT_AWAY_EMPTY 2 /* ops->lost() has emptied the rings */

struct baton_port {
	const struct baton_driver *driver;
	struct baton_ctx *ctx;
	char name[PORT_NAME_MAX];
	struct baton_port_info info;
	struct baton_link link;          /* relaxed atomics by field */
	struct baton_queue **rxq, **txq; /* info.rx_queues, info.tx_queues; driver-sized elements */
	uint64_t own_base[PORT_OWN_XSTATS]; /* counters that are no queue's, at the last reset */
	uint32_t stop_timeout_ms;
	uint32_t offloads; /* BATON_OFFLOAD_* asked for */
	uint8_t configured, started;
	uint8_t mtu_set;     /* somebody asked for info.mtu: hold TX to it */
	uint8_t link_off;    /* baton_port_set_link(0) */
	uint8_t device_up;   /* the link as the device has it */
	uint8_t leaving;     /* baton_port_stop() was called and has not succeeded yet */
	uint8_t away;        /* PORT_AWAY*; 0: the device is there */
	uint8_t away_logged; /* the log has what holds it up */
	baton_port_event_fn on_event;
	void *event_arg;
	struct ctx_timer quiesce;
	uint64_t away_since;
	struct baton_port_fault
		fault; /* the last; control thread, but for the count, which any may read */
	struct dma_reach reach;
	struct baton_pool_view
		views[256]; /* filled at start; a pool the device cannot reach has count 0 */
};

/** All drivers, NULL at the end. */
extern const struct baton_driver *const baton_driver_table[];

/** The arguments of every port whose driver has `dma`, NULL at the end, and taking them over.
 * Return: 0 or -EINVAL. */
extern const char *const port_reach_args[];
int port_reach_open(struct baton_port *port, const struct port_arg *args, unsigned n);

/** The value of @key, or NULL. */
const char *port_arg(const struct port_arg *args, unsigned n, const char *key);

/** A number in @min .. @max, or an error that names the argument. Return: 0 or -EINVAL. */
int port_arg_uint(const struct port_arg *args, unsigned n, const char *key, uint64_t min,
		  uint64_t max, uint64_t *value);

/** "aa:bb:cc:dd:ee:ff", a unicast address. Return: 0 or -EINVAL with its sentence. */
int port_parse_mac(const char *text, uint8_t mac[6]);

/**
 * A driver met a protocol violation: stop the queue, keep the named error, count it.
 *
 * The queue's thread, in a burst. Return: -EIO.
 */
int queue_violation(struct baton_queue *q, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), cold));

/* ---- a device that goes and comes; control thread ---- */

/**
 * The device is away, or was removed and will not be back. Safe in any state and any number of
 * times; the queues of a started port stop as their workers acknowledge, then ops->lost() is
 * called, from baton_ctx_poll().
 */
void port_lost(struct baton_port *port, bool for_good);

/** Have the workers left, and has ops->lost() emptied the rings, so that the driver may set them up
 * anew? */
bool port_is_empty(const struct baton_port *port);

/** The device is back and the rings are filled and known to it: the queues run. */
void port_back(struct baton_port *port);

/** The device says its link is up or down. */
void port_link(struct baton_port *port, bool up);

/**
 * The device wanted to read or write @iova, where nothing is mapped for it that it may: counted,
 * logged and told, the first of them and then ever fewer.
 */
void port_fault(struct baton_port *port, uint64_t iova, bool write);

void port_event(struct baton_port *port, enum baton_port_event event);

/** Append a counter that is no queue's: the same ones in the same order each time. */
void port_xstat(struct port_xstats *list, uint64_t value, const char *name);

/** Add to one of a queue's counters. Its worker alone writes them, so a relaxed store does. */
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
 * Check the packet at @tokens and end the CPU's right to it.
 *
 * @first: it is the first of its burst, so that errors are due now, and counted; any other just
 * ends the burst.
 * Return: its number of tokens; 0: not taken, the next call says why; a negative errno. Only what
 * is taken has changed.
 */
int soft_give(struct baton_queue *q, const struct baton_token *tokens, unsigned n, bool first,
	      uint32_t *bytes);

/** The buffer of a token that soft_give() took goes to the worker's cache. */
void soft_done(struct baton_queue *q, struct baton_token t);

#endif
