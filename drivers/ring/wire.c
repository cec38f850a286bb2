/* SPDX-License-Identifier: BSD-3-Clause */
/* Wires, as the control thread sees them: made ready, opened, closed, emptied. */
#include <stdlib.h>
#include <time.h>

#include "base/membarrier.h"
#include "ring_port.h"

#define NS_PER_MS 1000000ull
#define POLL_NS   20000

struct wire_memory {
	struct wire_memory *older;
	_Alignas(64) uint8_t bytes[];
};

/* ---- bells ---- */

int
bell_open(struct bell *b, const char *who)
{
	if (b->fd < 0)
		b->fd = event_open(who);
	else
		event_drain(b->fd);
	bell_disarm(b);
	return b->fd;
}

void
bell_arm(struct bell *b, bool fenced)
{
	__atomic_store_n(&b->waiting, 1, __ATOMIC_SEQ_CST);
	if (fenced)
		atomic_fence();
	else
		membarrier_all();
}

/* ---- memory ---- */

void
wires_init(struct ring_link *l)
{
	const bool fenced = !membarrier_setup();

	for (unsigned s = 0; s < RING_SIDES; s++)
		for (unsigned i = 0; i < BATON_MAX_QUEUES; i++) {
			l->to[s][i].fenced = fenced;
			l->rx_bell[s][i].fd = l->tx_bell[s][i].fd = -1;
		}
}

static void
free_memory(struct wire *w)
{
	while (w->memory) {
		struct wire_memory *older = w->memory->older;

		free(w->memory);
		w->memory = older;
	}
}

static void
close_bell(struct bell *b)
{
	if (b->fd >= 0)
		close(b->fd);
	b->fd = -1;
}

void
wires_free(struct ring_link *l)
{
	for (unsigned s = 0; s < RING_SIDES; s++)
		for (unsigned i = 0; i < BATON_MAX_QUEUES; i++) {
			free_memory(&l->to[s][i]);
			close_bell(&l->rx_bell[s][i]);
			close_bell(&l->tx_bell[s][i]);
		}
}

static uint32_t
bits_for(uint32_t descs)
{
	uint32_t bits = 0;

	while (1u << bits < descs || 1u << bits < RING_LEAST)
		bits++;
	return bits;
}

/* The ring is empty, and nobody uses it. */
static int
make_ring(struct wire *w, uint32_t descs)
{
	const uint32_t bits = bits_for(descs);
	const size_t slots = sizeof(struct baton_token) << bits, cont = (1u << bits) / 8;
	struct wire_memory *m;

	if (w->made && w->ring.bits == bits)
		return 0;
	m = aligned_alloc(64, (sizeof(*m) + slots + cont + 63) / 64 * 64);
	if (!m)
		return baton_err(ENOMEM, "no memory for a ring of %u tokens, which is %zu bytes",
				 1u << bits, slots + cont);
	m->older = w->memory;
	w->memory = m;
	ring_init(&w->ring, bits, (struct baton_token *)(void *)m->bytes,
		  (uint64_t *)(void *)(m->bytes + slots), NULL, NULL);
	__atomic_store_n(&w->made, 1, __ATOMIC_RELEASE);
	return 0;
}

/* ---- closed, and free of senders ---- */

static void
barrier(const struct wire *w)
{
	if (w->fenced)
		atomic_fence();
	else
		membarrier_all();
}

/* Close every @step-th of the wires. */
static void
close_wires(struct wire *in, unsigned first, unsigned step)
{
	bool any = false;

	for (unsigned i = first; i < BATON_MAX_QUEUES; i += step) {
		any |= in[i].open;
		__atomic_store_n(&in[i].open, 0, __ATOMIC_RELAXED);
	}
	if (any)
		barrier(in);
}

/*
 * Wait until no sender is in a burst that began before close_wires(). Return: false: one is. What
 * it puts yet is freed when its own port stops, or when the queue starts again.
 */
static bool
settle(const struct wire *w, uint64_t deadline)
{
	const struct timespec pause = { .tv_nsec = POLL_NS };

	while (__atomic_load_n(&w->busy, __ATOMIC_ACQUIRE)) {
		if (ctx_now_ns() > deadline)
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

static uint64_t
deadline_of(const struct baton_port *port)
{
	return ctx_now_ns() + port->stop_timeout_ms * NS_PER_MS;
}

/* ---- empty ---- */

/* No queue takes from the wire. Return: packets. */
static uint64_t
empty(struct wire *w)
{
	uint64_t packets = 0;
	struct baton_token t[64];
	uint32_t bufs[64];
	unsigned n;

	if (!w->made)
		return 0;
	while ((n = ring_get_any(&w->ring, t, 64))) {
		for (unsigned i = 0; i < n; i++) {
			bufs[i] = t[i].buf;
			packets += !(t[i].flags & BATON_TOKEN_CONT);
		}
		dma_free_bufs(w->pool, bufs, n);
	}
	return packets;
}

void
wires_empty(struct ring_rxq *rq)
{
	uint64_t packets = 0;

	for (unsigned i = rq->q.index; i < BATON_MAX_QUEUES; i += rq->step)
		packets += empty(&rq->in[i]);
	queue_count(&rq->q.stats.discarded, packets);
}

uint32_t
wires_held(const struct ring_rxq *rq, const struct baton_pool *pool)
{
	uint32_t n = 0;

	for (unsigned i = rq->q.index; i < BATON_MAX_QUEUES; i += rq->step) {
		struct wire *w = &rq->in[i];

		if (__atomic_load_n(&w->made, __ATOMIC_ACQUIRE) &&
		    (!pool || __atomic_load_n(&w->pool, __ATOMIC_RELAXED) == pool))
			n += (uint32_t)ring_count(&w->ring);
	}
	return n;
}

/* ---- start and stop ---- */

static struct ring_rxq *
rxq_of(const struct ring_port *rp, unsigned i)
{
	return (struct ring_rxq *)rp->port.rxq[i];
}

/* Have the queue take from the wire, which is closed. */
static int
make_ready(struct ring_port *to, struct ring_rxq *rq, struct wire *w)
{
	const unsigned i = (unsigned)(w - to->in);
	int ret;

	if (w->ready)
		return 0;
	if (!settle(w, deadline_of(&to->port)))
		return baton_err(ETIMEDOUT,
				 "a worker of %s is still inside of a burst that began before %s "
				 "was stopped",
				 to->peer, to->port.name);
	queue_count(&rq->q.stats.discarded, empty(w));
	ret = make_ring(w, rq->q.descs);
	if (ret < 0)
		return ret;
	__atomic_store_n(&w->pool, rq->q.pool, __ATOMIC_RELAXED);
	w->view = w->pool->view.index;
	w->room = w->pool->view.data_len - w->pool->view.headroom;
	w->owner = rq->q.owner;
	w->rx_bell = &to->link->rx_bell[to->side][rq->q.index];
	w->ready = true;
	__atomic_store_n(&rq->wires, i / rq->step + 1, __ATOMIC_RELEASE);
	return 0;
}

/* Open the wire of a TX queue, if both queues run. */
static int
open_wire(struct ring_port *from, struct ring_port *to, unsigned i)
{
	struct ring_rxq *rq = rxq_of(to, i % to->port.info.rx_queues);
	const uint32_t descs = from->port.txq[i]->descs;
	struct wire *w = &to->in[i];
	int ret;

	if (rq->off || w->open)
		return 0;
	ret = make_ready(to, rq, w);
	if (ret < 0)
		return ret;
	__atomic_store_n(&w->limit, descs < rq->q.descs ? descs : rq->q.descs, __ATOMIC_RELAXED);
	__atomic_store_n(&w->open, 1, __ATOMIC_SEQ_CST);
	bell_ring(w->tx_bell);
	return 0;
}

static int
open_wires(struct ring_port *from, struct ring_port *to)
{
	int ret = 0;

	for (unsigned i = 0; i < from->port.info.tx_queues && !ret; i++)
		ret = open_wire(from, to, i);
	return ret;
}

int
wires_start(struct ring_port *rp)
{
	struct ring_port *peer = ring_peer(rp);
	int ret;

	if (!peer || !peer->up)
		return 0;
	ret = open_wires(rp, peer);
	if (!ret && peer != rp)
		ret = open_wires(peer, rp);
	if (ret < 0)
		wires_stop(rp);
	return ret;
}

void
wires_stop(struct ring_port *rp)
{
	const uint64_t deadline = deadline_of(&rp->port);
	const struct ring_port *peer = ring_peer(rp);

	close_wires(rp->out, 0, 1);
	close_wires(rp->in, 0, 1);
	for (unsigned i = 0; i < BATON_MAX_QUEUES; i++) {
		settle(&rp->in[i], deadline);
		rp->in[i].ready = false;
	}
	for (unsigned i = 0; i < rp->port.info.rx_queues; i++) {
		rxq_of(rp, i)->wires = 0;
		wires_empty(rxq_of(rp, i));
	}
	/* What a burst has put there after the peer had stopped. */
	for (unsigned i = 0; i < rp->port.info.tx_queues && !(peer && peer->up); i++)
		queue_count(&rp->port.txq[i]->stats.discarded, empty(&rp->out[i]));
}

void
wires_stop_rxq(struct ring_port *rp, struct ring_rxq *rq)
{
	const uint64_t deadline = deadline_of(&rp->port);

	rq->off = true;
	close_wires(rp->in, rq->q.index, rq->step);
	for (unsigned i = rq->q.index; i < BATON_MAX_QUEUES; i += rq->step) {
		settle(&rp->in[i], deadline);
		rp->in[i].ready = false;
	}
	rq->wires = 0;
	wires_empty(rq);
}

int
wires_start_rxq(struct ring_port *rp, struct ring_rxq *rq)
{
	struct ring_port *peer = ring_peer(rp);
	int ret = 0;

	rq->off = false;
	if (!peer || !peer->up)
		return 0;
	for (unsigned i = rq->q.index; i < peer->port.info.tx_queues && !ret; i += rq->step)
		ret = open_wire(peer, rp, i);
	if (ret < 0)
		wires_stop_rxq(rp, rq);
	return ret;
}
