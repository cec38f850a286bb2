/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BATON_PORT_PORT_H
#define BATON_PORT_PORT_H

#include "port/driver.h"

/* Undo a set-up: driver memory, holder id, worker's count. Nothing to do for a queue not set up. */
void queue_teardown(struct baton_queue *q);

/**
 * May the call change the port? It is open, the thread is the control thread, and no event callback
 * of the port runs. Return: 0; a negative errno.
 */
int port_enter(const struct baton_port *port, const char *operation);

/* See baton_rxq_setup() and baton_txq_setup(). */
int queue_setup(struct baton_port *port, uint16_t index, const struct baton_queue_config *c,
		struct baton_queue **out, int tx);

/* What a queue does at its bursts: the other direction's is always refused. */
void queue_set_burst(struct baton_queue *q, baton_burst_fn_ burst);

/* What its worker does with the queue when it sleeps; queue_setup has made q->wake_fd. */
void queue_set_waker(struct baton_queue *q);

/* The burst of a queue that a protocol violation has stopped. */
int queue_dead(struct baton_queue *q, struct baton_token *tokens, unsigned n);

/* Is the queue set up? Return: 0; -EINVAL. */
int queue_check_set_up(const struct baton_queue *q);

/* Set the defaults of a port whose device is open. */
void port_rss_init(struct baton_port *port);

/* See baton_port_stop(). */
int port_stop(struct baton_port *port);

/* See baton_rxq_stop() and the like. */
int queue_stop(struct baton_queue *q);
int queue_start(struct baton_queue *q);
void queue_stats(const struct baton_queue *q, struct baton_stats *s);
const char *queue_error(const struct baton_queue *q);

/* A queue that takes another's place goes on from where that one's counters were. */
void queue_keep_counters(struct baton_queue *to, const struct baton_queue *from);

/* A port was started or stopped: note in the pools what rings can hold, for workers created later.
 */
void port_count_rings(struct baton_ctx *ctx);

/* ops->lost() when the workers are out; port->quiesce's callback. */
void port_quiesce(struct ctx_timer *timer);

/* RX queues first, then TX. */
static inline unsigned
port_n_queues(const struct baton_port *port)
{
	return port->info.rx_queues + port->info.tx_queues;
}

static inline struct baton_queue *
port_queue(const struct baton_port *port, unsigned i)
{
	return i < port->info.rx_queues ? port->rxq[i] : port->txq[i - port->info.rx_queues];
}

#endif
