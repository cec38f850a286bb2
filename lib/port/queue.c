/* SPDX-License-Identifier: BSD-3-Clause */
/* Queues: set-up, the slow path of a burst, violations. */
#include <stdarg.h>
#include <stdlib.h>

#include "base/export.h"
#include "base/structs.h"
#include "port/offload.h"
#include "port/port.h"

/*
 * A queue that does not run, for an error message that is written when somebody asks for it: its
 * worker goes on polling, and the queue may be freed by then.
 */
struct stopped_note {
	char port[PORT_NAME_MAX];
	char error[sizeof(((struct baton_queue *)0)->error)];
	uint16_t index;
	uint8_t tx;
	uint8_t reason; /* QUEUE_IDLE_* */
};

_Static_assert(sizeof(struct stopped_note) <= ERR_NOTE_MAX, "a note is copied into that");

static struct stopped_note *
note_queue(const struct baton_queue *q, err_writer *write)
{
	struct stopped_note *note = err_note(write);

	memcpy(note->port, q->port->name, sizeof(note->port));
	note->index = q->index;
	note->tx = q->tx;
	return note;
}

static void
write_dead(const void *arg, char *text, size_t size)
{
	const struct stopped_note *note = arg;

	snprintf(text, size, "%s %s %u: stopped by a protocol violation of the device: %s",
		 note->port, note->tx ? "txq" : "rxq", note->index, note->error);
}

static void
write_stopped(const void *arg, char *text, size_t size)
{
	static const char *const reasons[] = {
		[QUEUE_IDLE_PORT] = "is stopped: start its port",
		[QUEUE_IDLE_STOPPED] = "was stopped alone: start it",
		[QUEUE_IDLE_AWAY] = "is without its device: it runs again when the device is back",
		[QUEUE_IDLE_REMOVED] = "has lost its device for good: close its port",
		[QUEUE_IDLE_LINK] = ("stands still, since baton_port_set_link() has taken the link "
				     "down"),
	};
	const struct stopped_note *note = arg;

	snprintf(text, size, "%s %s %u %s", note->port, note->tx ? "txq" : "rxq", note->index,
		 reasons[note->reason]);
}

static int
report_stopped(const struct baton_queue *q)
{
	note_queue(q, write_stopped)->reason = __atomic_load_n(&q->idle_reason, __ATOMIC_RELAXED);
	return -ENETDOWN;
}

int
queue_dead(struct baton_queue *q, struct baton_token *tokens, unsigned n)
{
	struct stopped_note *note = note_queue(q, write_dead);

	memcpy(note->error, q->error, sizeof(note->error));
	return -EIO;
}

/* The burst of the other direction: not the queue's. */
static int
burst_refused(struct baton_queue *q, struct baton_token *tokens, unsigned n)
{
	char text[160];

	snprintf(text, sizeof(text), "%s %s %u %s", q->port->name, q->tx ? "txq" : "rxq", q->index,
		 q->tx ? "only sends" : "only receives");
	return ctx_violation(q->port->ctx, BATON_RULE_DIRECTION, q->tx ? "rx_burst" : "tx_burst",
			     "", text);
}

void
queue_set_burst(struct baton_queue *q, baton_burst_fn_ burst)
{
	q->head.rx_burst = q->tx ? burst_refused : burst;
	q->head.tx_burst = q->tx ? burst : burst_refused;
}

int
queue_violation(struct baton_queue *q, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(q->error, sizeof(q->error), fmt, ap);
	va_end(ap);
	/* Release: a thread that sees the count may read the text. */
	__atomic_store_n(&q->stats.violations, q->stats.violations + 1, __ATOMIC_RELEASE);
	queue_set_burst(q, queue_dead);
	baton_log(q->port->ctx, BATON_LOG_ERR, "%s %s %u: protocol violation, queue stopped: %s",
		  q->port->name, q->tx ? "txq" : "rxq", q->index, q->error);
	return queue_dead(q, NULL, 0);
}

int
queue_check_set_up(const struct baton_queue *q)
{
	if (q->set_up)
		return 0;
	return baton_err(EINVAL, "%s %s %u is not set up any more: set it up again", q->port->name,
			 q->tx ? "txq" : "rxq", q->index);
}

int
baton_queue_enter_(struct baton_queue_head *head, int tx, const char *operation)
{
	int ret = handle_check(head, tx ? HANDLE_TXQ : HANDLE_RXQ, operation);
	struct baton_queue *q = (struct baton_queue *)(void *)head;
	struct baton_worker *worker;
	uint32_t state, epoch;

	if (!ret)
		ret = queue_check_set_up(q);
	if (ret < 0)
		return ret;
	worker = queue_worker(q);
	ret = dma_worker_ready(worker, operation);
	if (ret < 0)
		return ret;
	dma_worker_awake(worker);
	epoch = __atomic_load_n(&worker->head.epoch, __ATOMIC_ACQUIRE);
	state = __atomic_load_n(&q->head.handle.state, __ATOMIC_ACQUIRE);
	if (state & QUEUE_RUNNING)
		q->head.handle.ack = state;
	else
		ret = report_stopped(q);
	/*
	 * A thread that begins a burst is in no other burst: it acknowledges for all queues of its
	 * worker, also for those that it will not use again. The thread that waits for this may
	 * free a stopped queue at once. So nothing of the queue is read from here on.
	 */
	dma_worker_acknowledge(worker, epoch);
	return ret;
}

static int
check_descs(const struct baton_port *port, uint32_t descs)
{
	const struct baton_port_info *i = &port->info;

	if (descs < i->min_descs || descs > i->max_descs || descs & (descs - 1))
		return baton_err(EINVAL,
				 "%s: %u descriptors: a power of two from %u to %u is needed "
				 "(default %u)",
				 port->name, descs, i->min_descs, i->max_descs, i->default_descs);
	return 0;
}

static const struct baton_queue_config defaults = { 0 };

void
baton_queue_config_init_(struct baton_queue_config *config, size_t size)
{
	struct_init(config, size, &defaults, sizeof(defaults));
}

static int
check_setup(struct baton_port *port, uint16_t index, const struct baton_queue_config *c, int tx)
{
	const char *operation = tx ? "txq_setup" : "rxq_setup";
	int ret = port_enter(port, operation);
	unsigned n;

	if (ret < 0)
		return ret;
	n = tx ? port->info.tx_queues : port->info.rx_queues;
	if (port->started)
		return baton_err(EBUSY, "%s is started: stop it before setting up queues",
				 port->name);
	if (!port->configured || index >= n)
		return baton_err(EINVAL, "%s: there is no %s %u: %u configured", port->name,
				 tx ? "txq" : "rxq", index, port->configured ? n : 0);
	ret = handle_check(c->worker, HANDLE_WORKER, operation);
	if (!ret)
		ret = handle_check_ctx(port->ctx, c->worker->ctx, operation, "worker");
	if (!ret && !tx)
		ret = handle_check(c->pool, HANDLE_POOL, operation);
	if (!ret && !tx)
		ret = handle_check_ctx(port->ctx, c->pool->ctx, operation, "pool");
	return ret;
}

static const struct baton_queue *
queue_of(const struct dma_holder *h)
{
	return (const struct baton_queue *)(const void *)((const char *)h -
							  offsetof(struct baton_queue, holder));
}

static uint32_t
held(const struct dma_holder *h, const struct baton_pool *pool)
{
	const struct baton_queue *q = queue_of(h);
	const struct port_ops *ops = q->port->driver->ops;

	return ops->held ? ops->held(q, pool) : 0;
}

/* Whether a queue receives into the pool, or may send from it. */
static bool
uses(const struct dma_holder *h, const struct baton_pool *pool)
{
	const struct baton_queue *q = queue_of(h);

	return q->pool == pool || (q->port->started && q->port->views[pool->view.index].count);
}

static int
take_holder_id(struct baton_queue *q)
{
	struct baton_ctx *ctx = q->port->ctx;

	q->holder = (struct dma_holder){ .held = held, .uses = uses, .port = q->port->name };
	snprintf(q->holder.queue, sizeof(q->holder.queue), "%s %u", q->tx ? "txq" : "rxq",
		 q->index);

	for (uint32_t i = 0; i < sizeof(ctx->holders) / sizeof(ctx->holders[0]); i++) {
		if (!ctx->holders[i]) {
			ctx->holders[i] = &q->holder;
			q->owner = (i + BATON_OWNER_QUEUE) << 16;
			return 0;
		}
	}
	return baton_err(ENOSPC, "%s: the context has no queue number left", q->port->name);
}

void
queue_teardown(struct baton_queue *q)
{
	if (!q->set_up)
		return;
	dma_waker_del(queue_worker(q), &q->waker);
	q->port->driver->ops->queue_release(q->port, q);
	offload_close(q);
	q->port->ctx->holders[(q->owner >> 16) - BATON_OWNER_QUEUE] = NULL;
	queue_worker(q)->n_queues--;
	q->set_up = 0;
	q->wake_fd = -1;
}

int
queue_setup(struct baton_port *port, uint16_t index, const struct baton_queue_config *config,
	    struct baton_queue **out, int tx)
{
	struct baton_queue_config all = defaults, *const c = &all;
	int ret = config ? struct_take(&all, sizeof(all), config, "struct baton_queue_config")
			 : baton_err(EINVAL, "there is no configuration of the queue: it is NULL");
	struct baton_queue *q;

	if (!ret)
		ret = struct_check_reserved(c->reserved, "struct baton_queue_config");
	if (!ret)
		ret = check_setup(port, index, c, tx);

	if (ret < 0)
		return ret;
	q = tx ? port->txq[index] : port->rxq[index];
	queue_teardown(q);
	q->descs = c->descs ? c->descs : port->info.default_descs;
	ret = check_descs(port, q->descs);
	if (ret < 0)
		return ret;
	q->head.worker = &c->worker->head;
	queue_set_burst(q, queue_dead);
	/* No state is acknowledged yet: a queue that was never started returns -ENETDOWN, too. */
	q->head.handle.ack = q->head.handle.state | QUEUE_RUNNING;
	q->wake_fd = -1;
	q->stopped = q->armed = q->fresh = 0;
	q->pool = tx ? NULL : c->pool;
	q->views = port->views;
	q->max_segs = port->info.max_segs;
	if (!tx) {
		q->cache = dma_cache(c->worker, c->pool);
		if (!q->cache)
			return -ENOMEM;
	}
	ret = take_holder_id(q);
	if (ret < 0)
		return ret;
	ret = offload_open(q, c->offloads);
	if (!ret)
		ret = port->driver->ops->queue_setup(port, q);
	if (ret < 0) {
		offload_close(q);
		port->ctx->holders[(q->owner >> 16) - BATON_OWNER_QUEUE] = NULL;
		return baton_err_prefix(ret, "%s %s %u", port->name, tx ? "txq" : "rxq", index);
	}
	if (!tx && port->info.rx_max_segs < q->max_segs)
		port->info.rx_max_segs = q->max_segs;
	queue_worker(q)->n_queues++;
	q->idle_reason = QUEUE_IDLE_PORT;
	q->set_up = 1;
	queue_set_waker(q);
	ret = dma_waker_add(c->worker, &q->waker);
	if (ret < 0) {
		queue_teardown(q);
		return ret;
	}
	*out = q;
	return 0;
}

const char *
queue_error(const struct baton_queue *q)
{
	return __atomic_load_n(&q->stats.violations, __ATOMIC_ACQUIRE) ? q->error : "";
}

int
queue_refuse(struct baton_queue *q, struct baton_token t)
{
	const struct baton_ctx *ctx = q->port->ctx;

	if (!q->views[t.pool].count && ctx->views[t.pool].count) {
		queue_count_error(q, TX_ERROR_NOT_MAPPED, 1);
		return baton_err(EFAULT,
				 "%s txq %u: pool %s is not mapped for this port: create pools "
				 "before the port is "
				 "started, or stop and start it",
				 q->port->name, q->index, ctx->pools[t.pool]->name);
	}
	queue_count_error(q, TX_ERROR_TOKEN, 1);
	return dma_refuse(q->port->ctx, t, "tx_burst");
}

DRIVER_EXPORT(queue_violation);
DRIVER_EXPORT(queue_refuse);
