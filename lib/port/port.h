/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BATON_PORT_PORT_H
#define BATON_PORT_PORT_H

#include "port/driver.h"

/* Undo a set-up: driver memory, holder id, worker's count. Nothing to do for a queue not set up. */
void queue_teardown(struct baton_queue *q);

/* Is there enough in the pools of the port's RX queues? Return: 0, or -ENOBUFS with the numbers. */
int port_check_pools(const struct baton_port *port);

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
