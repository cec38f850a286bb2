/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Statistics. Each number is counted once, by queue; whatever is larger is a sum that is made when
 * it is asked for: a queue's errors of their reasons, a port's counters of its queues'.
 *
 * The counters belong to the workers. A reset notes where they stand. A reader loads that note
 * before the counter, and the note was made from the counter, so a difference is never negative.
 */
#include <stdarg.h>

#include "base/export.h"
#include "base/structs.h"
#include "port/port.h"

#define N_COUNTERS (sizeof(struct queue_counters) / sizeof(uint64_t))

static const char *const rx_error_names[RX_ERRORS] = {
	[RX_ERROR_RUNT] = "runt",
	[RX_ERROR_TOO_LONG] = "too_long",
	[RX_ERROR_SEGMENTATION] = "segmentation",
	[RX_ERROR_CSUM_RANGE] = "csum_range",
	[RX_ERROR_LINK_TYPE] = "link_type",
	[RX_ERROR_DAMAGED] = "damaged",
};

static const char *const tx_error_names[TX_ERRORS] = {
	[TX_ERROR_TOO_SHORT] = "too_short",      [TX_ERROR_TOO_LONG] = "too_long",
	[TX_ERROR_BUFFERS] = "buffers",          [TX_ERROR_CUT_OFF] = "cut_off",
	[TX_ERROR_CSUM] = "csum_request",        [TX_ERROR_TOKEN] = "token",
	[TX_ERROR_NOT_MAPPED] = "not_mapped",    [TX_ERROR_WRITE] = "write",
	[TX_ERROR_SEGMENTS] = "segment_request",
};

static void
read_counters(const struct baton_queue *q, struct queue_counters *out)
{
	const uint64_t *now = (const uint64_t *)&q->stats, *base = (const uint64_t *)&q->base;

	for (size_t i = 0; i < N_COUNTERS; i++) {
		uint64_t was = __atomic_load_n(&base[i], __ATOMIC_ACQUIRE);

		((uint64_t *)out)[i] = __atomic_load_n(&now[i], __ATOMIC_RELAXED) - was;
	}
}

static void
reset_counters(struct baton_queue *q)
{
	const uint64_t *now = (const uint64_t *)&q->stats;
	uint64_t *base = (uint64_t *)&q->base;

	for (size_t i = 0; i < N_COUNTERS; i++)
		__atomic_store_n(&base[i], __atomic_load_n(&now[i], __ATOMIC_RELAXED),
				 __ATOMIC_RELEASE);
}

static uint64_t
sum_of(const uint64_t *values, unsigned n)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < n; i++)
		sum += values[i];
	return sum;
}

static void
to_stats(const struct baton_queue *q, const struct queue_counters *c, struct baton_stats *s)
{
	memset(s, 0, sizeof(*s));
	s->violations = c->violations;
	if (q->tx) {
		s->tx_packets = c->packets;
		s->tx_bytes = c->bytes;
		s->tx_errors = sum_of(c->errors, TX_ERRORS);
		s->tx_lost = c->errors[TX_ERROR_WRITE];
		s->tx_full = c->full;
		s->tx_discarded = c->discarded;
		s->tx_dropped = c->dropped;
		return;
	}
	s->rx_packets = c->packets;
	s->rx_bytes = c->bytes;
	s->rx_errors = sum_of(c->errors, RX_ERRORS);
	s->rx_missed = c->missed;
	s->rx_nobuf = c->nobuf;
	s->rx_discarded = c->discarded;
}

void
queue_stats(const struct baton_queue *q, struct baton_stats *s)
{
	struct queue_counters c;

	read_counters(q, &c);
	to_stats(q, &c, s);
}

void
baton_port_stats_(const struct baton_port *port, struct baton_stats *stats, size_t size)
{
	struct baton_stats sum = { 0 }, s;
	bool valid = handle_check(port, HANDLE_PORT, "port_stats") == 0;

	if (!stats)
		return;
	for (unsigned i = 0; valid && i < port_n_queues(port); i++) {
		queue_stats(port_queue(port, i), &s);
		for (size_t f = 0; f < sizeof(s) / sizeof(uint64_t); f++)
			((uint64_t *)&sum)[f] += ((uint64_t *)&s)[f];
	}
	struct_give(stats, size, &sum, sizeof(sum));
}

/* ---- by name ---- */

struct port_xstats {
	struct baton_xstat *out;
	size_t size; /* of an entry there */
	unsigned n, room;
	const uint64_t *base; /* base of the port's own counters, in their order */
	uint64_t *note;       /* for a reset: receives their values */
	unsigned n_own;
};

static void __attribute__((format(printf, 3, 4)))
append(struct port_xstats *l, uint64_t value, const char *fmt, ...)
{
	struct baton_xstat x = { .value = value };
	va_list ap;

	if (l->n < l->room) {
		va_start(ap, fmt);
		vsnprintf(x.name, sizeof(x.name), fmt, ap);
		va_end(ap);
		struct_give(struct_at(l->out, l->n, l->size), l->size, &x, sizeof(x));
	}
	l->n++;
}

void
port_xstat(struct port_xstats *l, uint64_t value, const char *name)
{
	unsigned i = l->n_own++;

	if (i < PORT_OWN_XSTATS && l->note)
		l->note[i] = value;
	append(l, value - (i < PORT_OWN_XSTATS ? l->base[i] : 0), "%s", name);
}

/* The counters of the port and its device. They only grow. */
static void
own_xstats(const struct baton_port *port, struct port_xstats *l)
{
	port_xstat(l, __atomic_load_n(&port->fault.count, __ATOMIC_RELAXED), "faults");
	if (port->driver->ops->xstats)
		port->driver->ops->xstats(port, l);
}

static void
queue_xstats(const struct baton_queue *q, struct port_xstats *l)
{
	const char *const *names = q->tx ? tx_error_names : rx_error_names;
	const char *way = q->tx ? "tx" : "rx";
	struct queue_counters c;
	struct baton_stats s;

	read_counters(q, &c);
	to_stats(q, &c, &s);
	append(l, c.packets, "%s_q%u_packets", way, q->index);
	append(l, c.bytes, "%s_q%u_bytes", way, q->index);
	append(l, q->tx ? s.tx_errors : s.rx_errors, "%s_q%u_errors", way, q->index);
	if (q->tx) {
		append(l, c.full, "tx_q%u_full", q->index);
		append(l, c.dropped, "tx_q%u_dropped", q->index);
		append(l, c.times_lost, "tx_q%u_times_lost", q->index);
	} else {
		append(l, c.missed, "rx_q%u_missed", q->index);
		append(l, c.nobuf, "rx_q%u_nobuf", q->index);
	}
	append(l, c.discarded, "%s_q%u_discarded", way, q->index);
	append(l, c.violations, "%s_q%u_violations", way, q->index);
	for (unsigned i = 0; i < (q->tx ? TX_ERRORS : RX_ERRORS); i++)
		append(l, c.errors[i], "%s_q%u_error_%s", way, q->index, names[i]);
	if (!q->port->driver->dma)
		return;
	append(l, c.kicks, "%s_q%u_kicks", way, q->index);
	append(l, c.no_slot, "%s_q%u_no_slot", way, q->index);
}

unsigned
baton_port_xstats_(const struct baton_port *port, struct baton_xstat *out, unsigned n, size_t size)
{
	struct port_xstats l = { .out = out, .room = out ? n : 0, .size = size };
	struct baton_stats s;

	if (handle_enter(port, HANDLE_PORT, "port_xstats") < 0)
		return 0;
	l.base = port->own_base;
	baton_port_stats(port, &s);
	append(&l, s.rx_packets, "rx_good_packets");
	append(&l, s.tx_packets, "tx_good_packets");
	append(&l, s.rx_bytes, "rx_good_bytes");
	append(&l, s.tx_bytes, "tx_good_bytes");
	append(&l, s.rx_missed, "rx_missed_errors");
	append(&l, s.rx_errors, "rx_errors");
	append(&l, s.tx_errors, "tx_errors");
	append(&l, s.rx_nobuf, "rx_mbuf_allocation_errors");
	append(&l, s.rx_discarded, "rx_discarded");
	append(&l, s.tx_full, "tx_full");
	append(&l, s.tx_dropped, "tx_dropped");
	append(&l, s.tx_lost, "tx_lost");
	append(&l, s.tx_discarded, "tx_discarded");
	append(&l, s.violations, "violations");
	own_xstats(port, &l);
	for (unsigned i = 0; i < port_n_queues(port); i++)
		queue_xstats(port_queue(port, i), &l);
	return l.n;
}

void
baton_port_stats_reset(struct baton_port *port)
{
	static const uint64_t zeros[PORT_OWN_XSTATS];
	struct port_xstats l = { .base = zeros };

	if (handle_enter(port, HANDLE_PORT, "port_stats_reset") < 0)
		return;
	l.note = port->own_base;
	own_xstats(port, &l);
	for (unsigned i = 0; i < port_n_queues(port); i++)
		reset_counters(port_queue(port, i));
}

/* ---- counting what is rare ---- */

void
queue_full(struct baton_queue *q, const struct baton_token *tokens, unsigned n)
{
	unsigned packets = 0;

	for (unsigned i = 0; i < n; i++)
		packets += !(tokens[i].flags & BATON_TOKEN_CONT);
	queue_count(&q->stats.full, packets);
}

void
queue_keep_counters(struct baton_queue *to, const struct baton_queue *from)
{
	to->stats = from->stats;
	to->base = from->base;
}

DRIVER_EXPORT(port_xstat);
DRIVER_EXPORT(queue_full);
