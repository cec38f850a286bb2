/* SPDX-License-Identifier: BSD-3-Clause */
/* The functions of RX and TX queues, which are one struct inside. */
#include <sys/eventfd.h>
#include <unistd.h>

#include "port/port.h"

static struct baton_queue *
of_rxq(const struct baton_rxq *rxq)
{
	return (struct baton_queue *)(uintptr_t)rxq;
}

static struct baton_queue *
of_txq(const struct baton_txq *txq)
{
	return (struct baton_queue *)(uintptr_t)txq;
}

int
baton_rxq_setup(struct baton_port *port, uint16_t index, const struct baton_queue_config *config,
		struct baton_rxq **out)
{
	struct baton_queue *q;
	int ret = queue_setup(port, index, config, &q, 0);

	if (!ret)
		*out = (struct baton_rxq *)(void *)q;
	return ret;
}

int
baton_txq_setup(struct baton_port *port, uint16_t index, const struct baton_queue_config *config,
		struct baton_txq **out)
{
	struct baton_queue *q;
	int ret = queue_setup(port, index, config, &q, 1);

	if (!ret)
		*out = (struct baton_txq *)(void *)q;
	return ret;
}

int
baton_rxq_stop(struct baton_rxq *rxq)
{
	return queue_stop(of_rxq(rxq));
}

int
baton_txq_stop(struct baton_txq *txq)
{
	return queue_stop(of_txq(txq));
}

int
baton_rxq_start(struct baton_rxq *rxq)
{
	return queue_start(of_rxq(rxq));
}

int
baton_txq_start(struct baton_txq *txq)
{
	return queue_start(of_txq(txq));
}

void
baton_rxq_stats(const struct baton_rxq *rxq, struct baton_stats *stats)
{
	queue_stats(of_rxq(rxq), stats);
}

void
baton_txq_stats(const struct baton_txq *txq, struct baton_stats *stats)
{
	queue_stats(of_txq(txq), stats);
}

const char *
baton_rxq_error(const struct baton_rxq *rxq)
{
	return queue_error(of_rxq(rxq));
}

const char *
baton_txq_error(const struct baton_txq *txq)
{
	return queue_error(of_txq(txq));
}

static unsigned
in_flight(const struct baton_queue *q)
{
	return q->port->driver->ops->in_flight ? q->port->driver->ops->in_flight(q) : 0;
}

unsigned
baton_rxq_in_flight(const struct baton_rxq *rxq)
{
	return in_flight(of_rxq(rxq));
}

unsigned
baton_txq_in_flight(const struct baton_txq *txq)
{
	return in_flight(of_txq(txq));
}

static int
level_of(struct baton_queue *q, struct baton_queue_level *level)
{
	const struct port_ops *ops = q->port->driver->ops;
	int ret = baton_queue_ready_(&q->head, "queue_level");

	*level = (struct baton_queue_level){ .descs = q->descs, .room = q->descs };
	if (ret < 0)
		return ret;
	if (q->error[0])
		return queue_dead(q, NULL, 0);
	level->in_flight = in_flight(q);
	level->room = q->descs - level->in_flight;
	level->completed = ops->completed ? ops->completed(q) : 0;
	return 0;
}

int
baton_rxq_level(struct baton_rxq *rxq, struct baton_queue_level *level)
{
	return level_of(of_rxq(rxq), level);
}

int
baton_txq_level(struct baton_txq *txq, struct baton_queue_level *level)
{
	return level_of(of_txq(txq), level);
}

int
baton_tx_clean(struct baton_txq *txq, unsigned budget)
{
	struct baton_queue *q = of_txq(txq);
	int ret = baton_queue_ready_(&q->head, "tx_clean");

	if (ret < 0)
		return ret;
	if (q->error[0])
		return queue_dead(q, NULL, 0);
	return q->port->driver->ops->tx_clean ? q->port->driver->ops->tx_clean(q, budget) : 0;
}

int
baton_rx_peek(struct baton_rxq *rxq, struct baton_peek *peeks, unsigned n)
{
	struct baton_queue *q = of_rxq(rxq);
	int ret = baton_queue_ready_(&q->head, "rx_peek");

	if (ret < 0)
		return ret;
	if (!q->port->driver->ops->peek)
		return baton_err(ENOTSUP, "%s rxq %u: a %s port cannot look ahead", q->port->name,
				 q->index, q->port->driver->name);
	if (q->error[0])
		return queue_dead(q, NULL, 0);
	return q->port->driver->ops->peek(q, peeks, n);
}

/* ---- wake-ups ---- */

/* Values of q->armed: which threads may write to wake_fd. */
#define ARMED_CONTROL 1 /* the control thread */
#define ARMED_DEVICE  2 /* and the device */

int
baton_rxq_arm(struct baton_rxq *rxq)
{
	struct baton_queue *q = of_rxq(rxq);
	uint32_t state;
	int ret;

	if (!q->port->driver->ops->arm || q->wake_fd < 0)
		return baton_err(ENOTSUP, "%s rxq %u: nothing there wakes a sleeping worker",
				 q->port->name, q->index);
	ret = dma_worker_ready(queue_worker(q), "rxq_arm");
	if (ret < 0)
		return ret;
	/*
	 * Set this before reading the states: a thread that changes a state after that finds the
	 * queue armed, and writes to wake_fd.
	 */
	__atomic_store_n(&q->armed, ARMED_CONTROL, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&queue_worker(q)->head.epoch, __ATOMIC_SEQ_CST) !=
	    queue_worker(q)->head.seen) {
		/*
		 * The next burst acknowledges the change. This call must not, since other queues
		 * may still be armed. So do not sleep.
		 */
		(void)!eventfd_write(q->wake_fd, 1);
		return q->wake_fd;
	}
	state = __atomic_load_n(&q->head.state, __ATOMIC_SEQ_CST);
	if (!(state & QUEUE_RUNNING))
		return q->wake_fd; /* it polls readable when the queue is started */
	q->head.ack = state;
	ret = queue_error(q)[0] ? -EIO : q->port->driver->ops->arm(q);
	if (ret >= 0)
		__atomic_store_n(&q->armed, ARMED_DEVICE, __ATOMIC_RELAXED);
	if (ret < 0) {
		__atomic_store_n(&q->armed, 0, __ATOMIC_RELAXED);
		return ret == -EIO ? baton_err(EIO,
					       "%s rxq %u: stopped by a protocol violation of the "
					       "device: %s",
					       q->port->name, q->index, q->error)
				   : ret;
	}
	return q->wake_fd;
}

void
baton_rxq_disarm(struct baton_rxq *rxq)
{
	struct baton_queue *q = of_rxq(rxq);
	uint32_t armed = __atomic_load_n(&q->armed, __ATOMIC_RELAXED);
	uint64_t wakes;

	if (!armed)
		return;
	__atomic_store_n(&q->armed, 0, __ATOMIC_RELAXED);
	/* The rings of a queue that is stopped, or was stopped since it was armed, may be freed. */
	if (armed == ARMED_DEVICE &&
	    __atomic_load_n(&q->head.state, __ATOMIC_ACQUIRE) == q->head.ack)
		q->port->driver->ops->disarm(q);
	(void)!read(q->wake_fd, &wakes, sizeof(wakes));
}
