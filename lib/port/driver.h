/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a driver is to the port layer: one constant struct, listed in registry.c.
 *
 * The port layer checks arguments, states, queue numbers and ring sizes; a driver's callbacks may rely on that.
 * All run on the control thread, with the queues' workers outside their bursts.
 */
#ifndef BATON_PORT_DRIVER_H
#define BATON_PORT_DRIVER_H

#include <baton/port.h>

#include "base/err.h"
#include "ctx/ctx.h"
#include "dma/pool.h"

#define PORT_NAME_MAX 48

struct port_arg {
	const char *key;
	const char *value; /* NULL when the argument had no '=' */
};

/*
 * A queue. A driver embeds it as the first member of its own queue struct.
 * First cache line: what a burst reads. The counters are written by the worker only, with relaxed stores.
 */
struct baton_queue {
	struct baton_queue_head head;
	struct dma_view *views;  /* the port's, indexed by the token's pool field */
	struct dma_cache *cache; /* RX: the worker's cache of its pool */
	struct baton_worker *worker;
	uint32_t owner;    /* its holder id, shifted: BATON_OWNER_* << 16 */
	uint32_t max_len;  /* longest packet in bytes, Ethernet header included, FCS not */
	uint16_t max_segs; /* tokens of one packet at most; rx_burst with less room is -EINVAL */
	uint16_t index;
	uint8_t tx;
	uint8_t set_up;

	struct {
		uint64_t packets, bytes, errors, missed, nobuf, violations;
	} stats __attribute__((aligned(64)));

	uint32_t descs;
	struct baton_port *port;
	struct baton_pool *pool; /* RX only */
	char error[128]; /* the protocol violation that stopped it, or "" */
	int (*active_burst)(struct baton_queue *q, struct baton_token *tokens, unsigned n);
};

#define QUEUE_RUNNING 1u /* in head.state; the rest of it counts changes */

struct port_ops {
	size_t port_size; /* of the driver's port struct, which begins with struct baton_port */
	size_t rxq_size, txq_size;

	/* Parse arguments (all known, by the driver's `args`), fill port->info's limits, MAC, MTU; connect. */
	int (*open)(struct baton_port *port, const struct port_arg *args, unsigned n_args);
	void (*close)(struct baton_port *port);
	/* Allocate what the ring of q->descs entries needs; set q->active_burst. */
	int (*queue_setup)(struct baton_port *port, struct baton_queue *q);
	/* Free it; the queue holds no buffers. */
	void (*queue_release)(struct baton_port *port, struct baton_queue *q);
	int (*start)(struct baton_port *port);
	/*
	 * Make the device let go of everything, then send the buffers of every queue home (dma_put()). Buffers that a device did
	 * not confirm to have let go go to dma_quarantine(). Return: 0, -ETIMEDOUT when some did.
	 */
	int (*stop)(struct baton_port *port);
	int (*tx_clean)(struct baton_queue *q, unsigned budget);
	unsigned (*in_flight)(const struct baton_queue *q);
	/* Count the buffers of `pool` this queue's shadow holds. */
	uint32_t (*held)(const struct baton_queue *q, const struct baton_pool *pool);
	int (*set_mac)(struct baton_port *port, const uint8_t mac[6]); /* NULL: -ENOTSUP */
};

struct baton_driver {
	const char *name;        /* "net_virtio_user" */
	const char *const *args; /* the argument keys it knows, NULL at the end */
	const char *summary;     /* one line for help texts */
	const struct port_ops *ops;
};

struct baton_port {
	const struct baton_driver *driver;
	struct baton_ctx *ctx;
	char name[PORT_NAME_MAX];
	struct baton_port_info info;
	struct baton_link link; /* relaxed atomics by field */
	struct baton_queue **rxq, **txq; /* info.rx_queues, info.tx_queues; driver-sized elements */
	struct baton_stats stats_base; /* the counters at the last reset */
	uint32_t stop_timeout_ms;
	uint8_t configured, started;
	uint8_t mtu_set; /* somebody asked for info.mtu: hold TX to it */
	struct dma_view views[256]; /* filled at start; a pool the device cannot reach has count 0 */
};

/** All drivers, NULL at the end. */
extern const struct baton_driver *const baton_driver_table[];

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

/** Add to one of a queue's counters. Its worker alone writes them, so a relaxed store does. */
static inline void
queue_count(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

/** Why the driver cannot take @t in tx_burst. Return: -EFAULT when its pool is not mapped, else dma_refuse(). */
BATON_COLD int queue_refuse(struct baton_queue *q, struct baton_token t);

/* ---- ports without a device (soft.c) ---- */

/**
 * Check the packet at @tokens and end the CPU's right to it.
 *
 * @first: it is the first of its burst, so that errors are due now; any other just ends the burst.
 * Return: its number of tokens; 0: not taken, the next call says why; a negative errno. Only what is taken has changed.
 */
int soft_give(struct baton_queue *q, const struct baton_token *tokens, unsigned n, bool first,
	      uint32_t *bytes);

/** The buffer of a token that soft_give() took goes to the worker's cache. */
void soft_done(struct baton_queue *q, struct baton_token t);

#endif
