/* SPDX-License-Identifier: BSD-3-Clause */
/* The functions of RX and TX queues, which are one struct inside. */
#include "base/container.h"
#include "base/event.h"
#include "base/structs.h"
#include "port/offload.h"
#include "port/port.h"

/* The queue behind a handle. Return: NULL, when it is not that of a set-up queue. */
static struct baton_queue *
queue_of(const void *handle, enum handle_kind kind, const char *operation)
{
	struct baton_queue *q = (struct baton_queue *)(uintptr_t)handle;

	return handle_check(handle, kind, operation) < 0 ? NULL : q;
}

/* The same for a call that changes the queue. Return: 0; a negative errno. */
static int
enter(void *handle, enum handle_kind kind, const char *operation)
{
	struct baton_queue *q = handle;
	int ret = handle_check(handle, kind, operation);

	if (!ret)
		ret = port_enter(q->port, operation);
	return ret < 0 ? ret : queue_check_set_up(q);
}

int
baton_rxq_setup(struct baton_port *port, uint16_t index, const struct baton_queue_config *config,
		struct baton_rxq **out)
{
	struct baton_queue *q;
	int ret = out ? queue_setup(port, index, config, &q, 0)
		      : baton_err(EINVAL, "rxq_setup: there is no place for the queue: out is "
					  "NULL");

	if (!ret)
		*out = (struct baton_rxq *)(void *)q;
	return ret;
}

int
baton_txq_setup(struct baton_port *port, uint16_t index, const struct baton_queue_config *config,
		struct baton_txq **out)
{
	struct baton_queue *q;
	int ret = out ? queue_setup(port, index, config, &q, 1)
		      : baton_err(EINVAL, "txq_setup: there is no place for the queue: out is "
					  "NULL");

	if (!ret)
		*out = (struct baton_txq *)(void *)q;
	return ret;
}

int
baton_rxq_stop(struct baton_rxq *rxq)
{
	int ret = enter(rxq, HANDLE_RXQ, "rxq_stop");

	return ret < 0 ? ret : queue_stop((struct baton_queue *)(void *)rxq);
}

int
baton_txq_stop(struct baton_txq *txq)
{
	int ret = enter(txq, HANDLE_TXQ, "txq_stop");

	return ret < 0 ? ret : queue_stop((struct baton_queue *)(void *)txq);
}

int
baton_rxq_start(struct baton_rxq *rxq)
{
	int ret = enter(rxq, HANDLE_RXQ, "rxq_start");

	return ret < 0 ? ret : queue_start((struct baton_queue *)(void *)rxq);
}

int
baton_txq_start(struct baton_txq *txq)
{
	int ret = enter(txq, HANDLE_TXQ, "txq_start");

	return ret < 0 ? ret : queue_start((struct baton_queue *)(void *)txq);
}

static void
stats_of(const struct baton_queue *q, struct baton_stats *out, size_t size)
{
	struct baton_stats stats = { 0 };

	if (!out)
		return;
	if (q)
		queue_stats(q, &stats);
	struct_give(out, size, &stats, sizeof(stats));
}

void
baton_rxq_stats_(const struct baton_rxq *rxq, struct baton_stats *stats, size_t size)
{
	stats_of(queue_of(rxq, HANDLE_RXQ, "rxq_stats"), stats, size);
}

void
baton_txq_stats_(const struct baton_txq *txq, struct baton_stats *stats, size_t size)
{
	stats_of(queue_of(txq, HANDLE_TXQ, "txq_stats"), stats, size);
}

const char *
baton_rxq_error(const struct baton_rxq *rxq)
{
	const struct baton_queue *q = queue_of(rxq, HANDLE_RXQ, "rxq_error");

	return q ? queue_error(q) : "";
}

const char *
baton_txq_error(const struct baton_txq *txq)
{
	const struct baton_queue *q = queue_of(txq, HANDLE_TXQ, "txq_error");

	return q ? queue_error(q) : "";
}

static unsigned
in_flight(const struct baton_queue *q)
{
	if (!q || !q->set_up)
		return 0;
	return (q->port->driver->ops->in_flight ? q->port->driver->ops->in_flight(q) : 0) +
	       offload_waiting(q);
}

unsigned
baton_rxq_in_flight(const struct baton_rxq *rxq)
{
	return in_flight(queue_of(rxq, HANDLE_RXQ, "rxq_in_flight"));
}

unsigned
baton_txq_in_flight(const struct baton_txq *txq)
{
	return in_flight(queue_of(txq, HANDLE_TXQ, "txq_in_flight"));
}

static int
level_of(struct baton_queue *q, int tx, const char *operation, struct baton_queue_level *out,
	 size_t size)
{
	struct baton_queue_level level;
	int ret = handle_check(q, tx ? HANDLE_TXQ : HANDLE_RXQ, operation);
	const struct port_ops *ops;

	if (!ret && !out)
		ret = baton_err(EINVAL, "%s: there is no place for the level: it is NULL",
				operation);
	if (ret < 0)
		return ret;
	ops = q->port->driver->ops;
	ret = baton_queue_ready_(&q->head, tx, operation);
	level = (struct baton_queue_level){ .descs = q->descs, .room = q->descs };
	if (!ret && q->error[0])
		ret = queue_dead(q, NULL, 0);
	if (!ret) {
		level.in_flight = in_flight(q);
		level.room = q->descs > level.in_flight ? q->descs - level.in_flight : 0;
		level.completed = ops->completed ? ops->completed(q) : 0;
	}
	struct_give(out, size, &level, sizeof(level));
	return ret;
}

int
baton_rxq_level_(struct baton_rxq *rxq, struct baton_queue_level *level, size_t size)
{
	return level_of((struct baton_queue *)(void *)rxq, 0, "rxq_level", level, size);
}

int
baton_txq_level_(struct baton_txq *txq, struct baton_queue_level *level, size_t size)
{
	return level_of((struct baton_queue *)(void *)txq, 1, "txq_level", level, size);
}

int
baton_tx_clean(struct baton_txq *txq, unsigned budget)
{
	struct baton_queue *q = (struct baton_queue *)(void *)txq;
	int ret = handle_check(txq, HANDLE_TXQ, "tx_clean");

	if (!ret)
		ret = baton_queue_ready_(&q->head, 1, "tx_clean");
	if (ret < 0)
		return ret;
	if (q->error[0])
		return queue_dead(q, NULL, 0);
	ret = offload_waiting(q) ? offload_flush(q) : 0;
	if (ret < 0 || !q->port->driver->ops->tx_clean)
		return ret;
	return q->port->driver->ops->tx_clean(q, budget);
}

/* Packets that a call looks at, at most: it looks 256 buffers ahead. */
#define QUEUE_PEEK_MOST 256u

/* For an application that knows fewer or more members of struct baton_peek. */
static BATON_COLD int
peek_other(struct baton_queue *q, struct baton_peek *peeks, unsigned n, size_t size)
{
	struct baton_peek list[QUEUE_PEEK_MOST];
	int got;

	n = n < QUEUE_PEEK_MOST ? n : QUEUE_PEEK_MOST;
	for (unsigned i = 0; i < n; i++)
		struct_give(&list[i], sizeof(list[i]), struct_at(peeks, i, size), size);
	got = q->port->driver->ops->peek(q, list, n);
	for (int i = 0; i < got; i++)
		struct_give(struct_at(peeks, (unsigned)i, size), size, &list[i], sizeof(list[i]));
	return got;
}

int
baton_rx_peek_(struct baton_rxq *rxq, struct baton_peek *peeks, unsigned n, size_t size)
{
	struct baton_queue *q = (struct baton_queue *)(void *)rxq;
	int ret = handle_check(rxq, HANDLE_RXQ, "rx_peek");

	if (!ret && !peeks && n)
		ret = baton_err(EINVAL, "rx_peek: there is no place for %u packets: peeks is NULL",
				n);
	if (!ret)
		ret = baton_queue_ready_(&q->head, 0, "rx_peek");
	if (ret < 0)
		return ret;
	if (!q->port->driver->ops->peek)
		return baton_err(ENOTSUP, "%s rxq %u: a %s port cannot look ahead", q->port->name,
				 q->index, q->port->driver->name);
	if (q->error[0])
		return queue_dead(q, NULL, 0);
	return size == sizeof(*peeks) ? q->port->driver->ops->peek(q, peeks, n)
				      : peek_other(q, peeks, n, size);
}

/* ---- wake-ups ---- */

/* Values of q->armed: which threads may write to wake_fd. */
#define ARMED_CONTROL 1 /* the control thread */
#define ARMED_DEVICE  2 /* and the device */

static int
arm(struct baton_queue *q, const char *operation)
{
	const char *const kind = q->tx ? "txq" : "rxq";
	int ret = queue_check_set_up(q);
	uint32_t state;

	if (ret < 0)
		return ret;
	ret = dma_worker_ready(queue_worker(q), operation);
	if (ret < 0)
		return ret;
	if (!q->port->driver->ops->arm || q->wake_fd < 0)
		return baton_err(ENOTSUP, "%s %s %u: nothing there wakes a sleeping worker",
				 q->port->name, kind, q->index);
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
		event_signal(q->wake_fd);
		return q->wake_fd;
	}
	state = __atomic_load_n(&q->head.handle.state, __ATOMIC_SEQ_CST);
	if (!(state & QUEUE_RUNNING))
		return q->wake_fd; /* it polls readable when the queue is started */
	q->head.handle.ack = state;
	ret = offload_waiting(q) ? offload_flush(q) : 0;
	if (ret < 0)
		return ret;
	ret = queue_error(q)[0] ? -EIO : q->port->driver->ops->arm(q);
	if (ret >= 0) {
		__atomic_store_n(&q->armed, ARMED_DEVICE, __ATOMIC_RELAXED);
		return q->wake_fd;
	}
	__atomic_store_n(&q->armed, 0, __ATOMIC_RELAXED);
	return ret == -EIO ? baton_err(EIO,
				       "%s %s %u: stopped by a protocol violation of the device: "
				       "%s",
				       q->port->name, kind, q->index, q->error)
			   : ret;
}

static void
disarm(struct baton_queue *q, const char *operation)
{
	uint32_t armed;

	if (!q || !q->set_up || dma_worker_ready(queue_worker(q), operation) < 0)
		return;
	armed = __atomic_load_n(&q->armed, __ATOMIC_RELAXED);
	if (!armed)
		return;
	__atomic_store_n(&q->armed, 0, __ATOMIC_RELAXED);
	/* The rings of a queue that is stopped, or was stopped since it was armed, may be freed. */
	if (armed == ARMED_DEVICE &&
	    __atomic_load_n(&q->head.handle.state, __ATOMIC_ACQUIRE) == q->head.handle.ack)
		q->port->driver->ops->disarm(q);
	event_drain(q->wake_fd);
}

int
baton_rxq_arm(struct baton_rxq *rxq)
{
	int ret = handle_check(rxq, HANDLE_RXQ, "rxq_arm");

	return ret < 0 ? ret : arm((struct baton_queue *)(void *)rxq, "rxq_arm");
}

void
baton_rxq_disarm(struct baton_rxq *rxq)
{
	disarm(queue_of(rxq, HANDLE_RXQ, "rxq_disarm"), "rxq_disarm");
}

int
baton_txq_arm(struct baton_txq *txq)
{
	int ret = handle_check(txq, HANDLE_TXQ, "txq_arm");

	return ret < 0 ? ret : arm((struct baton_queue *)(void *)txq, "txq_arm");
}

void
baton_txq_disarm(struct baton_txq *txq)
{
	disarm(queue_of(txq, HANDLE_TXQ, "txq_disarm"), "txq_disarm");
}

/* ---- the queues of a worker that sleeps (dma/sleep.c) ---- */

DEFINE_CONTAINER(queue_of_waker, struct baton_queue, waker)

static int
sleep_on(struct dma_waker *waker)
{
	struct baton_queue *q = queue_of_waker(waker);
	uint32_t state = __atomic_load_n(&q->head.handle.state, __ATOMIC_SEQ_CST);
	bool started = (state & QUEUE_RUNNING) && state != q->head.handle.ack;
	int ret;

	if (started) /* and its worker does not know yet */
		q->head.handle.ack = state;
	/* A worker has nothing to wait for at a queue with room, or at one that is dead. */
	if (q->tx && q->stats.full == q->full_seen)
		return started;
	if ((state & QUEUE_RUNNING) && queue_error(q)[0])
		return started;
	ret = arm(q, "worker_arm");
	return ret < 0 ? ret : started;
}

static void
wake_from(struct dma_waker *waker)
{
	struct baton_queue *q = queue_of_waker(waker);

	disarm(q, "worker_disarm");
	q->full_seen = q->stats.full;
}

void
queue_set_waker(struct baton_queue *q)
{
	q->waker = (struct dma_waker){ .src.fd = q->wake_fd, .sleep = sleep_on, .wake = wake_from };
	q->full_seen = q->stats.full;
}
