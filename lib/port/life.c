/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Start, stop, and a device that goes away and comes back.
 *
 * The state of a queue is a number that the control thread publishes; odd means running. Before
 * anything of a queue is freed, its worker must have left every burst that began before. So the
 * control thread increments the worker's epoch, and waits until the worker acknowledges the epoch
 * at its next burst of any queue, or is unbound. A worker that sleeps on an armed queue is woken
 * for that; one that sleeps in baton_worker_arm() is outside of its bursts, and is woken to see
 * what is new. Each pair of a store here and a load in the worker (state, epoch, thread, armed,
 * asleep) is sequentially consistent, so that one side sees the other.
 */
#include <time.h>

#include "base/event.h"
#include "base/export.h"
#include "port/offload.h"
#include "port/port.h"

#define NS_PER_MS 1000000ull
#define POLL_NS   20000
#define LOST_NS   (5000 * NS_PER_MS)
#define SLOW_NS   (1000 * NS_PER_MS) /* the log names a worker that takes longer */

/* ---- states ---- */

static bool
runs(const struct baton_queue *q)
{
	const struct baton_port *port = q->port;

	return port->started && !port->leaving && !port->away && !port->link_off && !q->stopped;
}

static void
wake_queues(struct baton_queue *const *queues, unsigned n, const struct baton_worker *w)
{
	for (unsigned i = 0; i < n; i++) {
		const struct baton_queue *q = queues[i];

		if (q->set_up && queue_worker(q) == w &&
		    __atomic_load_n(&q->armed, __ATOMIC_SEQ_CST))
			event_signal(q->wake_fd);
	}
}

/* Wake the worker if it sleeps on one of its queues. */
static void
wake_worker(struct baton_worker *w)
{
	for (unsigned p = 0; p < BATON_MAX_PORTS; p++) {
		const struct baton_port *port = w->ctx->ports[p];

		if (!port)
			continue;
		wake_queues(port->rxq, port->info.rx_queues, w);
		wake_queues(port->txq, port->info.tx_queues, w);
	}
	dma_worker_wake(w);
}

/* Whether the worker has left every burst of the queue that began before ask(). */
static bool
is_out(const struct baton_queue *q)
{
	const struct baton_worker *w = queue_worker(q);
	uintptr_t thread = __atomic_load_n(&w->head.thread, __ATOMIC_SEQ_CST);

	/*
	 * Unbound: the next thread that binds it sees the states. Bound to this thread: it is in no
	 * burst.
	 */
	return !thread || thread == baton_thread_self() || dma_worker_sleeps(w) ||
	       (int32_t)(__atomic_load_n(&w->acked, __ATOMIC_ACQUIRE) - q->asked) >= 0;
}

static uint8_t
idle_reason(const struct baton_queue *q)
{
	const struct baton_port *port = q->port;

	if (port->info.state == BATON_PORT_REMOVED)
		return QUEUE_IDLE_REMOVED;
	if (!port->started || port->leaving)
		return QUEUE_IDLE_PORT;
	if (port->away)
		return QUEUE_IDLE_AWAY;
	return q->stopped ? QUEUE_IDLE_STOPPED : QUEUE_IDLE_LINK;
}

/* Set the state of the queue from its flags. */
static void
publish(struct baton_queue *q)
{
	uint32_t running = runs(q) ? QUEUE_RUNNING : 0;

	/* Before the state, so that who finds the queue stopped finds the reason. */
	__atomic_store_n(&q->idle_reason, idle_reason(q), __ATOMIC_RELAXED);
	if ((q->head.handle.state & QUEUE_RUNNING) == running)
		return;
	/*
	 * Otherwise the worker may still be in a burst, or the ring is as a violation has left it.
	 */
	if (running && q->fresh) {
		q->error[0] = '\0';
		queue_set_burst(q, offload_burst(q));
		q->fresh = 0;
	}
	__atomic_store_n(&q->head.handle.state,
			 ((q->head.handle.state | QUEUE_RUNNING) + 1) | running, __ATOMIC_SEQ_CST);
	if (running)
		wake_worker(queue_worker(q));
}

/* The workers have left, and the rings of all queues but the stopped ones are new. */
static void
freshen(struct baton_port *port)
{
	for (unsigned i = 0; i < port_n_queues(port); i++)
		port_queue(port, i)->fresh = 1;
}

static void
publish_all(struct baton_port *port)
{
	for (unsigned i = 0; i < port_n_queues(port); i++)
		publish(port_queue(port, i));
}

/* Ask the queue's worker to acknowledge the state that was published. */
static void
ask(struct baton_queue *q)
{
	struct baton_worker *w = queue_worker(q);

	q->asked = w->head.epoch + 1;
	__atomic_store_n(&w->head.epoch, q->asked, __ATOMIC_SEQ_CST);
	wake_worker(w);
}

static int
wait_out(const struct baton_queue *q, uint64_t deadline)
{
	const struct timespec pause = { .tv_nsec = POLL_NS };

	while (!is_out(q)) {
		if (ctx_now_ns() > deadline)
			return baton_err(ETIMEDOUT,
					 "%s: worker %s did not leave its queues: its thread must "
					 "make one more burst, or call baton_worker_unbind()",
					 q->port->name, queue_worker(q)->name);
		nanosleep(&pause, NULL);
	}
	return 0;
}

static int
all_out(struct baton_port *port, uint64_t deadline)
{
	for (unsigned i = 0; i < port_n_queues(port); i++)
		ask(port_queue(port, i));
	for (unsigned i = 0; i < port_n_queues(port); i++) {
		int ret = wait_out(port_queue(port, i), deadline);

		if (ret < 0)
			return ret;
	}
	return 0;
}

static void
drop_waiting(struct baton_port *port)
{
	for (unsigned i = 0; i < port_n_queues(port); i++)
		offload_drop(port_queue(port, i));
}

static uint64_t
deadline_of(const struct baton_port *port)
{
	return ctx_now_ns() + port->stop_timeout_ms * NS_PER_MS;
}

/* ---- start and stop ---- */

static int
check_start(struct baton_port *port)
{
	if (port->info.state == BATON_PORT_REMOVED)
		return baton_err(ENODEV, "%s: its device was removed: close the port", port->name);
	if (port->started)
		return baton_err(EBUSY, "%s is already started%s", port->name,
				 port->away ? "; its device is away, and it runs again when the "
					      "device is back"
				 : port->link_off ? "; baton_port_set_link() has taken its link "
						    "down"
						  : "");
	if (!port->configured)
		return baton_err(EINVAL, "%s is not configured", port->name);
	for (unsigned i = 0; i < port_n_queues(port); i++) {
		bool rx = i < port->info.rx_queues;

		if (!port_queue(port, i)->set_up)
			return baton_err(EINVAL, "%s: %s %u is not set up", port->name,
					 rx ? "rxq" : "txq", rx ? i : i - port->info.rx_queues);
	}
	return port_check_pools(port);
}

static void
set_started(struct baton_port *port, bool started)
{
	port->started = port->info.started = started;
	if (port->info.state != BATON_PORT_REMOVED)
		port->info.state = started ? BATON_PORT_STARTED : BATON_PORT_STOPPED;
	port->away = port->leaving = 0;
	for (unsigned i = 0; i < port_n_queues(port); i++)
		port_queue(port, i)->stopped = 0;
	port_count_rings(port->ctx);
}

int
baton_port_start(struct baton_port *port)
{
	int ret = port_enter(port, "port_start");

	if (!ret)
		ret = check_start(port);
	if (ret < 0)
		return ret;
	memset(port->views, 0, DMA_VIEWS_BYTES);
	ret = port->driver->ops->start(port);
	if (ret < 0) {
		memset(port->views, 0, DMA_VIEWS_BYTES);
		return baton_err_prefix(ret, "%s", port->name);
	}
	set_started(port, true);
	freshen(port);
	publish_all(port);
	return 0;
}

/* Empty the rings of a device that is away, unless that is done already. */
static int
empty_lost(struct baton_port *port)
{
	const struct timespec pause = { .tv_nsec = POLL_NS };
	uint64_t end = ctx_now_ns() + LOST_NS;
	int ret;

	/*
	 * The driver has its own, shorter time limit. Before it decides, nothing of the rings may
	 * be changed.
	 */
	while ((ret = port->driver->ops->lost(port)) == -EAGAIN && ctx_now_ns() < end)
		nanosleep(&pause, NULL);
	return ret;
}

int
port_stop(struct baton_port *port)
{
	uint64_t deadline = deadline_of(port);
	int ret;

	if (!port->started)
		return 0;
	port->leaving = 1;
	publish_all(port);
	ret = all_out(port, deadline);
	if (ret < 0)
		return ret;
	ctx_timer_cancel(port->ctx, &port->quiesce);
	drop_waiting(port);
	if (port->away == PORT_AWAY_EMPTY)
		ret = 0;
	else if (port->away)
		ret = empty_lost(port);
	else
		ret = port->driver->ops->stop(port);
	if (ret == -EAGAIN)
		return baton_err(ETIMEDOUT,
				 "%s: it is not known yet whether its device is away: stop the "
				 "port again later",
				 port->name);
	set_started(port, false);
	memset(port->views, 0, DMA_VIEWS_BYTES);
	return ret < 0 ? baton_err_prefix(ret, "%s", port->name) : 0;
}

int
baton_port_stop(struct baton_port *port)
{
	int ret = port_enter(port, "port_stop");

	return ret < 0 ? ret : port_stop(port);
}

int
baton_port_reset(struct baton_port *port)
{
	int ret = port_enter(port, "port_reset");

	if (ret < 0)
		return ret;
	ret = port_stop(port);
	if (port->started)
		return ret;
	if (port->driver->ops->reset) {
		int r = port->driver->ops->reset(port);

		if (r < 0)
			return baton_err_prefix(r, "%s", port->name);
		port->info.state = BATON_PORT_STOPPED;
	}
	port->reach.committed = port->reach.logged = false;
	return ret;
}

int
queue_stop(struct baton_queue *q)
{
	struct baton_port *port = q->port;
	int ret;

	if (!port->started || port->leaving)
		return baton_err(EINVAL, "%s is not started: none of its queues runs", port->name);
	if (q->stopped)
		return 0;
	q->stopped = 1;
	publish(q);
	ask(q);
	ret = wait_out(q, deadline_of(port));
	if (ret < 0) {
		q->stopped = 0;
		publish(q);
		return ret;
	}
	if (port->away || !port->driver->ops->queue_stop) {
		offload_drop(q);
		return 0;
	}
	ret = port->driver->ops->queue_stop(q);
	if (ret == -ENOTSUP) { /* the device cannot stop it alone: it runs on */
		q->stopped = 0;
		publish(q);
	} else {
		offload_drop(q);
	}
	return ret < 0 ? baton_err_prefix(ret, "%s %s %u", port->name, q->tx ? "txq" : "rxq",
					  q->index)
		       : 0;
}

int
queue_start(struct baton_queue *q)
{
	struct baton_port *port = q->port;
	int ret = 0;

	if (!port->started || port->leaving)
		return baton_err(EINVAL, "%s is not started: start it, and all its queues run",
				 port->name);
	if (!q->stopped)
		return 0;
	/* If the device is away, it starts the queue with the others when it is back. */
	if (!port->away && port->driver->ops->queue_start)
		ret = port->driver->ops->queue_start(q);
	if (ret < 0)
		return baton_err_prefix(ret, "%s %s %u", port->name, q->tx ? "txq" : "rxq",
					q->index);
	q->stopped = 0;
	q->fresh = 1;
	publish(q);
	return 0;
}

/* ---- a device that goes and comes ---- */

void
baton_port_on_event(struct baton_port *port, baton_port_event_fn fn, void *arg)
{
	if (handle_enter(port, HANDLE_PORT, "port_on_event") < 0)
		return;
	port->on_event = fn;
	port->event_arg = arg;
}

void
port_event(struct baton_port *port, enum baton_port_event event)
{
	if (!port->on_event)
		return;
	port->in_event++;
	port->ctx->in_event++;
	port->on_event(port->event_arg, port, event);
	port->ctx->in_event--;
	port->in_event--;
}

static void
report_link(struct baton_port *port)
{
	uint8_t up = port->device_up && !port->link_off;

	if (port->link.up == up)
		return;
	__atomic_store_n(&port->link.up, up, __ATOMIC_RELAXED);
	port_event(port, BATON_EVENT_LINK);
}

void
port_link(struct baton_port *port, bool up)
{
	port->device_up = up;
	report_link(port);
}

int
baton_port_set_link(struct baton_port *port, int up)
{
	int ret = port_enter(port, "port_set_link");

	if (ret < 0)
		return ret;
	port->link_off = !up;
	publish_all(port);
	if (!up && port->started)
		ret = all_out(port, deadline_of(port));
	report_link(port);
	return ret;
}

void
port_lost(struct baton_port *port, bool for_good)
{
	bool running = port->started && !port->leaving && !port->away;

	port_link(port, false);
	if (for_good && port->info.state != BATON_PORT_REMOVED) {
		port->info.state = BATON_PORT_REMOVED;
		port_event(port, BATON_EVENT_REMOVED);
	} else if (running) {
		port->info.state = BATON_PORT_LOST;
	}
	if (running) {
		port->away = PORT_AWAY;
		port->away_since = ctx_now_ns();
		port->away_logged = 0;
		publish_all(port);
		for (unsigned i = 0; i < port_n_queues(port); i++)
			ask(port_queue(port, i));
		port->quiesce.due = port_quiesce;
		ctx_timer_set(port->ctx, &port->quiesce, 0);
		if (!for_good)
			port_event(port, BATON_EVENT_LOST);
	} else if (for_good) {
		publish_all(port); /* the queues of a device that was waited for report it, too */
	}
}

void
port_quiesce(struct ctx_timer *timer)
{
	struct baton_port *port =
		(struct baton_port *)(void *)((char *)timer - offsetof(struct baton_port, quiesce));

	if (port->away != PORT_AWAY || port->leaving)
		return;
	for (unsigned i = 0; i < port_n_queues(port); i++) {
		const struct baton_queue *q = port_queue(port, i);

		if (is_out(q))
			continue;
		if (!port->away_logged && ctx_now_ns() - port->away_since > SLOW_NS) {
			port->away_logged = 1;
			port_log(port, BATON_LOG_WARN,
				 "its device is away, but worker %s has not left its queues: its "
				 "thread must make one more burst, or call baton_worker_unbind()",
				 queue_worker(q)->name);
		}
		ctx_timer_set(port->ctx, timer, 1);
		return;
	}
	if (port->driver->ops->lost(port) == -EAGAIN) {
		ctx_timer_set(port->ctx, timer, 1);
		return;
	}
	drop_waiting(port);
	memset(port->views, 0, DMA_VIEWS_BYTES);
	port->away = PORT_AWAY_EMPTY;
}

bool
port_is_empty(const struct baton_port *port)
{
	return port->away == PORT_AWAY_EMPTY;
}

void
port_back(struct baton_port *port)
{
	port->away = 0;
	port->info.state = BATON_PORT_STARTED;
	freshen(port);
	publish_all(port);
	port_event(port, BATON_EVENT_BACK);
}

DRIVER_EXPORT(port_event);
DRIVER_EXPORT(port_link);
DRIVER_EXPORT(port_lost);
DRIVER_EXPORT(port_is_empty);
DRIVER_EXPORT(port_back);
