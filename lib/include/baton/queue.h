/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Queues and bursts.
 *
 * A queue belongs to a port (<baton/port.h>) and is served by one worker. The control thread sets
 * it up, and stops and starts it alone; all else is done by the thread of the queue's worker.
 */
#ifndef BATON_QUEUE_H
#define BATON_QUEUE_H

#include <baton/packet.h>

#ifdef __cplusplus
extern "C" {
#endif

struct baton_port;
struct baton_rxq; /* a receive queue */
struct baton_txq; /* a transmit queue */

/** Configuration of a queue. */
struct baton_queue_config {
	size_t size;                 /* sizeof(struct baton_queue_config), in bytes */
	uint32_t descs;              /* descriptors, a power of two; 0: info.default_descs */
	struct baton_worker *worker; /* worker whose thread and caches serve the queue */
	struct baton_pool *pool;     /* RX: pool of the buffers to receive into; TX: NULL */
	/* BATON_OFFLOAD_* of this queue's direction, beside those of the port; out of info.offloads
	 * and info.soft_offloads. What the port was not configured for, Baton does. */
	uint32_t offloads;
	uint32_t reserved; /* 0 */
};

/* baton_queue_config_init() for a struct of @size bytes. */
BATON_API void baton_queue_config_init_(struct baton_queue_config *config, size_t size);

/**
 * Set a configuration to the defaults, its size included.
 *
 * This function cannot fail.
 *
 * @config: receives the defaults.
 *
 * Thread: any thread.
 */
static inline void
baton_queue_config_init(struct baton_queue_config *config)
{
	baton_queue_config_init_(config, sizeof(*config));
}

/**
 * Set up an RX queue of a configured, stopped port.
 *
 * @port:   the port.
 * @index:  index of the queue, less than the number that is configured.
 * @config: the configuration.
 * @out:    receives the queue, which exists until the port is configured again or closed.
 *
 * Thread: the control thread.
 * Return: 0 on success; -EINVAL if the configuration is invalid (the error message has the limits);
 * -ENOTSUP if it asks for an offload that there is not; -EBUSY if the port is started; -ENOSPC if
 * the context has no room for a further queue; -ENOMEM if memory is short; an error of the driver.
 */
BATON_API int baton_rxq_setup(struct baton_port *port, uint16_t index,
			      const struct baton_queue_config *config, struct baton_rxq **out);

/**
 * Set up a TX queue of a configured, stopped port.
 *
 * @port:   the port.
 * @index:  index of the queue, less than the number that is configured.
 * @config: the configuration.
 * @out:    receives the queue, which exists until the port is configured again or closed.
 *
 * Thread: the control thread.
 * Return: 0 on success; -EINVAL if the configuration is invalid (the error message has the limits);
 * -ENOTSUP if it asks for an offload that there is not; -EBUSY if the port is started; -ENOSPC if
 * the context has no room for a further queue; -ENOMEM if memory is short; an error of the driver.
 */
BATON_API int baton_txq_setup(struct baton_port *port, uint16_t index,
			      const struct baton_queue_config *config, struct baton_txq **out);

/**
 * Stop one RX queue of a started port. The other queues run on.
 *
 * Baton waits for the queue's worker to leave its bursts, makes the device let go of the queue, and
 * frees the queue's buffers.
 *
 * @rxq: the queue; nothing happens if it is stopped.
 *
 * Thread: the control thread.
 * Return: 0 on success; -ETIMEDOUT if the worker did not leave the queue, or -ENOTSUP if the device
 * cannot stop a queue alone (the queue runs on); -EINVAL if the port is not started; -ETIMEDOUT,
 * -EIO or another error of the driver if the device did not confirm: the queue is stopped, keeps
 * its buffers and cannot be started until the port was stopped.
 */
BATON_API int baton_rxq_stop(struct baton_rxq *rxq);

/**
 * Stop one TX queue of a started port. The other queues run on.
 *
 * Baton waits for the queue's worker to leave its bursts, makes the device let go of the queue, and
 * frees the queue's buffers.
 *
 * @txq: the queue; nothing happens if it is stopped.
 *
 * Thread: the control thread.
 * Return: 0 on success; -ETIMEDOUT if the worker did not leave the queue, or -ENOTSUP if the device
 * cannot stop a queue alone (the queue runs on); -EINVAL if the port is not started; -ETIMEDOUT,
 * -EIO or another error of the driver if the device did not confirm: the queue is stopped, keeps
 * its buffers and cannot be started until the port was stopped.
 */
BATON_API int baton_txq_stop(struct baton_txq *txq);

/**
 * Start one RX queue that baton_rxq_stop() stopped.
 *
 * @rxq: the queue; nothing happens if it runs.
 *
 * Thread: the control thread.
 * Return: 0 on success; -EINVAL if the port is not started; an error of the driver, such as
 * -ENOBUFS.
 */
BATON_API int baton_rxq_start(struct baton_rxq *rxq);

/**
 * Start one TX queue that baton_txq_stop() stopped.
 *
 * @txq: the queue; nothing happens if it runs.
 *
 * Thread: the control thread.
 * Return: 0 on success; -EINVAL if the port is not started; an error of the driver, such as
 * -ENOBUFS.
 */
BATON_API int baton_txq_start(struct baton_txq *txq);

/**
 * Get the protocol violation that stopped an RX queue, such as "used id out of range: 300 of 256".
 *
 * @rxq: the queue.
 *
 * Thread: any thread.
 * Return: a NUL-terminated string, never NULL; "" if there was no violation.
 */
BATON_API const char *baton_rxq_error(const struct baton_rxq *rxq);

/**
 * Get the protocol violation that stopped a TX queue, such as "used id out of range: 300 of 256".
 *
 * @txq: the queue.
 *
 * Thread: any thread.
 * Return: a NUL-terminated string, never NULL; "" if there was no violation.
 */
BATON_API const char *baton_txq_error(const struct baton_txq *txq);

/**
 * Count the descriptors of an RX queue that are posted to the device, or completed and not
 * received.
 *
 * @rxq: the queue.
 *
 * Thread: the queue's thread.
 * Return: the number of descriptors; 0 for a port without rings, such as net_null; this function
 * cannot fail.
 */
BATON_API unsigned baton_rxq_in_flight(const struct baton_rxq *rxq);

/**
 * Count the descriptors of a TX queue that are in use: the device or the driver is not done with
 * their packets.
 *
 * A packet takes a descriptor for each of its buffers, or for each bounce slot it is copied to, and
 * one more if its first buffer has no headroom for the header of the device. Buffers of segments
 * that found no room in the ring yet count, too: the next baton_tx_burst() or baton_tx_clean()
 * gives them to the device first.
 *
 * @txq: the queue.
 *
 * Thread: the queue's thread.
 * Return: the number of descriptors; 0 for a port without rings, such as net_null; this function
 * cannot fail.
 */
BATON_API unsigned baton_txq_in_flight(const struct baton_txq *txq);

/** How full the ring of a queue is. */
struct baton_queue_level {
	uint32_t descs;     /* descriptors of the ring */
	uint32_t in_flight; /* descriptors in use, as baton_rxq_in_flight() counts them */
	uint32_t room;      /* free descriptors; RX: those that wait for buffers or slots */
	uint32_t completed; /* completions of the device that no burst has processed. TX: packets;
			       RX: buffers, several to a packet if the port merges buffers */
};

/* baton_rxq_level() for a struct of @size bytes. */
BATON_API int baton_rxq_level_(struct baton_rxq *rxq, struct baton_queue_level *level, size_t size);

/**
 * Get how full the ring of an RX queue is.
 *
 * @rxq:   the queue.
 * @level: receives the numbers. A port without rings, such as net_null, has all descriptors free.
 *
 * Thread: the queue's thread.
 * Return: 0 on success; -ENETDOWN, -EIO or -EPERM as baton_rx_burst().
 */
static inline int
baton_rxq_level(struct baton_rxq *rxq, struct baton_queue_level *level)
{
	return baton_rxq_level_(rxq, level, sizeof(*level));
}

/* baton_txq_level() for a struct of @size bytes. */
BATON_API int baton_txq_level_(struct baton_txq *txq, struct baton_queue_level *level, size_t size);

/**
 * Get how full the ring of a TX queue is.
 *
 * The next baton_tx_burst() may have more room, as it processes completions first, or less, if
 * queues share bounce slots.
 *
 * @txq:   the queue.
 * @level: receives the numbers. A port without rings, such as net_null, has all descriptors free.
 *
 * Thread: the queue's thread.
 * Return: 0 on success; -ENETDOWN, -EIO or -EPERM as baton_rx_burst().
 */
static inline int
baton_txq_level(struct baton_txq *txq, struct baton_queue_level *level)
{
	return baton_txq_level_(txq, level, sizeof(*level));
}

/**
 * Free the buffers that the device has sent.
 *
 * baton_tx_burst() does the same. Call this function when there is nothing to send.
 * baton_txq_in_flight() says what is left.
 *
 * @txq:    the queue.
 * @budget: completions to process, at most.
 *
 * Thread: the queue's thread.
 * Return: the number of tokens freed (those of copied packets are free since baton_tx_burst());
 * -EINVAL if @txq is NULL; -ENETDOWN, -EIO or -EPERM as baton_rx_burst().
 */
BATON_API int baton_tx_clean(struct baton_txq *txq, unsigned budget);

/** When a packet left (BATON_OFFLOAD_TX_TIME). */
struct baton_tx_time {
	uint64_t cookie;    /* `cookie` of the packet's side record */
	uint64_t timestamp; /* in nanoseconds */
	uint32_t clock;     /* enum baton_clock */
	uint32_t reserved;
};

/* baton_tx_times() for a struct of @size bytes. */
BATON_API int baton_tx_times_(struct baton_txq *txq, struct baton_tx_time *out, unsigned n,
			      size_t size);

/**
 * Get the times at which packets left, in the order in which they were taken. Each is reported
 * once.
 *
 * A queue keeps as many as it has descriptors. What finds no room is lost, and is one of
 * baton_port_xstats() as "tx_q0_times_lost". Packets that never left, because the port was stopped
 * or lost its device, are not reported.
 *
 * @txq: the queue, set up with BATON_OFFLOAD_TX_TIME for the port or for the queue.
 * @out: receives the times.
 * @n:   number of entries of @out.
 *
 * Thread: the queue's thread.
 * Return: the number of times, 0 to @n; -ENOTSUP if the queue was set up without
 * BATON_OFFLOAD_TX_TIME; -EINVAL if @out is NULL and @n is not 0; -ENETDOWN, -EIO or -EPERM as
 * baton_rx_burst().
 */
static inline int
baton_tx_times(struct baton_txq *txq, struct baton_tx_time *out, unsigned n)
{
	return baton_tx_times_(txq, out, n, sizeof(*out));
}

/**
 * Ask for a wake-up of a worker that is about to sleep.
 *
 * The descriptor that is returned polls readable as soon as the queue has packets, at once if it
 * has some already. It also polls readable when the control thread needs the worker to make a
 * burst: to stop or reset a port, or when a device is away. A stopped queue can be armed, too; the
 * descriptor polls readable when the queue is started.
 *
 *	fd = baton_rxq_arm(rxq);
 *	poll(...) on fd
 *	baton_rxq_disarm(rxq);
 *	baton_rx_burst(rxq, ...);
 *
 * The descriptor belongs to the queue and stays the same until the queue is set up again. Do not
 * read it.
 *
 * @rxq: the queue.
 *
 * Thread: the queue's thread.
 * Return: a file descriptor; -ENOTSUP if the device cannot wake a worker; -EIO or
 * -EPERM as baton_rx_burst().
 */
BATON_API int baton_rxq_arm(struct baton_rxq *rxq);

/**
 * End what baton_rxq_arm() asked for, before polling the queue again.
 *
 * This function cannot fail.
 *
 * @rxq: the queue.
 *
 * Thread: the queue's thread.
 */
BATON_API void baton_rxq_disarm(struct baton_rxq *rxq);

/**
 * Ask for a wake-up of a worker that waits for room in a TX queue.
 *
 * The descriptor that is returned polls readable as soon as the device has sent packets of the
 * queue, so that baton_tx_clean() or the next burst finds room; at once if it has sent some
 * already, or if nothing is in flight. For the rest it is as that of baton_rxq_arm().
 *
 * @txq: the queue.
 *
 * Thread: the queue's thread.
 * Return: a file descriptor; -ENOTSUP if the device cannot wake a worker for this queue; -EIO or
 * -EPERM as baton_rx_burst().
 */
BATON_API int baton_txq_arm(struct baton_txq *txq);

/**
 * End what baton_txq_arm() asked for, before the queue is used again.
 *
 * This function cannot fail.
 *
 * @txq: the queue.
 *
 * Thread: the queue's thread.
 */
BATON_API void baton_txq_disarm(struct baton_txq *txq);

struct baton_queue; /* a queue of either direction, inside the library */

/*
 * A burst of a driver. Parameters and result are those of baton_rx_burst(). One that sends does not
 * write to the tokens.
 */
typedef int (*baton_burst_fn_)(struct baton_queue *queue, struct baton_token *tokens, unsigned n);

/**
 * What the inline functions need to know of a queue.
 *
 * A queue has both bursts. The one of the other direction refuses the call.
 */
struct baton_queue_head {
	struct baton_handle handle;       /* what kind of handle it is, and its state */
	baton_burst_fn_ rx_burst;         /* burst of an RX queue */
	baton_burst_fn_ tx_burst;         /* burst of a TX queue */
	struct baton_worker_head *worker; /* worker of the queue */
};

#ifndef __cplusplus
_Static_assert(offsetof(struct baton_queue_head, worker) == 16 + 3 * sizeof(void *), "ABI");
#endif

/* The slow path of a burst: acknowledge a state change, or refuse the call. */
BATON_API BATON_COLD int baton_queue_enter_(struct baton_queue_head *head, int tx,
					    const char *operation);

/* Whether the calling thread may use the queue: 0 or a negative errno. */
static inline int
baton_queue_ready_(struct baton_queue_head *h, int tx, const char *operation)
{
	if (baton_unlikely(
		    !h || __atomic_load_n(&h->handle.state, __ATOMIC_ACQUIRE) != h->handle.ack ||
		    __atomic_load_n(&h->worker->epoch, __ATOMIC_ACQUIRE) != h->worker->seen ||
		    __atomic_load_n(&h->worker->thread, __ATOMIC_RELAXED) != baton_thread_self()))
		return baton_queue_enter_(h, tx, operation);
	return 0;
}

/**
 * Receive packets.
 *
 * A packet has one token or several (BATON_TOKEN_CONT). A burst has whole packets only. The CPU
 * holds their buffers then.
 *
 * @rxq:    the queue.
 * @tokens: receives the tokens.
 * @n:      number of tokens that @tokens has room for, info.rx_max_segs at least.
 *
 * Thread: the queue's thread.
 * Return: the number of tokens received, 0 if there is no packet; -EINVAL if @n is less than
 * info.rx_max_segs; -ENETDOWN if the queue is stopped or its device is away; -EIO if a protocol
 * violation has stopped the queue (baton_rxq_error() names it); -EPERM if the worker of the queue
 * belongs to another thread, or the queue is a TX queue, which is a violation.
 */
static inline int
baton_rx_burst(struct baton_rxq *rxq, struct baton_token *tokens, unsigned n)
{
	struct baton_queue_head *h = (struct baton_queue_head *)(void *)rxq;
	int ret = baton_queue_ready_(h, 0, "rx_burst");

	if (baton_unlikely(ret < 0))
		return ret;
	return h->rx_burst((struct baton_queue *)(void *)h, tokens, n);
}

/** A packet that was received and not taken yet. */
struct baton_peek {
	void *data;    /* in: where to copy the first bytes of the packet, or NULL */
	uint16_t room; /* in: bytes at data */
	uint16_t segs; /* out: tokens that baton_rx_burst() will return for the packet */
	uint32_t len;  /* out: bytes of the packet */
};

/* baton_rx_peek() for a struct of @size bytes. */
BATON_API int baton_rx_peek_(struct baton_rxq *rxq, struct baton_peek *peeks, unsigned n,
			     size_t size);

/**
 * Look at the packets that the next baton_rx_burst() would return, without taking them.
 *
 * No buffer changes its holder, and nothing is written to the memory of the device. The first
 * min(len, room) bytes of each packet are copied to data. The call looks about 256 buffers ahead at
 * most.
 *
 * Packets are checked as in baton_rx_burst(). A packet with bad metadata is left out, since
 * baton_rx_burst() drops it. The result ends before a protocol violation, which baton_rx_burst()
 * will report. A hostile device can change a packet in direct memory before it is taken.
 *
 * @rxq:   the queue.
 * @peeks: packets; the caller sets data and room of each.
 * @n:     number of packets that @peeks has room for.
 *
 * Thread: the queue's thread.
 * Return: the number of packets looked at; -EINVAL if @rxq is NULL; -ENOTSUP if the
 * driver cannot do it; -ENETDOWN, -EIO or -EPERM as baton_rx_burst().
 */
static inline int
baton_rx_peek(struct baton_rxq *rxq, struct baton_peek *peeks, unsigned n)
{
	return baton_rx_peek_(rxq, peeks, n, sizeof(*peeks));
}

/**
 * Send packets: give their buffers to the device.
 *
 * The tokens that are taken are used up. The others still belong to the caller. Fewer than @n are
 * taken if the ring is full, or if the packet at the returned position is bad: the next call, which
 * begins with that packet, returns the error.
 *
 * @txq:    the queue.
 * @tokens: tokens of whole packets.
 * @n:      number of tokens.
 *
 * Thread: the queue's thread.
 * Return: the number of tokens taken; an error if the first packet is bad: -EPERM if a token is
 * refused, which is a violation; -EMSGSIZE if the packet is empty, longer than the MTU allows, or
 * has more than info.max_segs tokens; -EINVAL if its last token has BATON_TOKEN_CONT, its checksum
 * is to be completed and its side record is missing or points outside of the packet, or it is to be
 * cut into segments and that cannot be (the error message says why); -EFAULT if its pool is not
 * mapped for this port. Also -ENETDOWN, -EIO and -EPERM as baton_rx_burst().
 */
static inline int
baton_tx_burst(struct baton_txq *txq, const struct baton_token *tokens, unsigned n)
{
	struct baton_queue_head *h = (struct baton_queue_head *)(void *)txq;
	int ret = baton_queue_ready_(h, 1, "tx_burst");

	if (baton_unlikely(ret < 0))
		return ret;
	return h->tx_burst((struct baton_queue *)(void *)h, (struct baton_token *)(uintptr_t)tokens,
			   n);
}

/**
 * Send packets, and free those that cannot be sent now: for whoever does not offer them again.
 *
 * All tokens are used up. Packets for which there is no room are freed, and so is a bad one; those
 * after a bad one are sent. Of a queue that does not run, or was stopped by a violation of its
 * device, all are freed. What is freed counts in tx_dropped.
 *
 * @txq:    the queue.
 * @tokens: tokens of whole packets.
 * @n:      number of tokens.
 *
 * Thread: the queue's thread.
 * Return: the number of tokens sent, 0 to @n; -EPERM if a token is refused, which is a violation:
 * all others are sent or free; -EIO if the queue was stopped by a violation of its device
 * (baton_txq_error()): all are sent or free; -EPERM if the worker of the queue belongs to another
 * thread, and -EINVAL if the queue is not set up any more: all tokens still belong to the caller
 * then.
 */
BATON_API int baton_tx_all(struct baton_txq *txq, const struct baton_token *tokens, unsigned n);

#ifdef __cplusplus
}
#endif

#endif
