/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the tables and the JSON are made of. Ports' numbers are sums of their queues', streams' are
 * those of the queues they join, so that they agree with each other and with the library's. Queues
 * that are no more keep what they counted.
 */
#include <string.h>

#include "testpmd.h"

#define FIELDS (sizeof(struct baton_stats) / sizeof(uint64_t))

static void
add(struct baton_stats *sum, const struct baton_stats *s)
{
	for (size_t f = 0; f < FIELDS; f++)
		((uint64_t *)sum)[f] += ((const uint64_t *)s)[f];
}

void
counts_keep(struct app_queue *q)
{
	if (q->rxq)
		baton_rxq_stats(q->rxq, &q->last);
	else if (q->txq)
		baton_txq_stats(q->txq, &q->last);
}

void
counts_keep_port(struct app *app, unsigned port)
{
	struct app_port *p = &app->ports[port];

	for (unsigned i = 0; p->rx && i < BATON_MAX_QUEUES; i++)
		counts_keep(&p->rx[i]);
	for (unsigned i = 0; p->tx && i < BATON_MAX_QUEUES; i++)
		counts_keep(&p->tx[i]);
}

void
counts_drop_port(struct app *app, unsigned port)
{
	struct app_port *p = &app->ports[port];

	for (unsigned i = 0; p->rx && i < BATON_MAX_QUEUES; i++)
		p->rx[i].rxq = NULL;
	for (unsigned i = 0; p->tx && i < BATON_MAX_QUEUES; i++)
		p->tx[i].txq = NULL;
}

void
counts_port(struct app *app, unsigned port, struct baton_stats *stats)
{
	struct app_port *p = &app->ports[port];

	memset(stats, 0, sizeof(*stats));
	counts_keep_port(app, port);
	for (unsigned i = 0; p->rx && i < BATON_MAX_QUEUES; i++)
		add(stats, &p->rx[i].last);
	for (unsigned i = 0; p->tx && i < BATON_MAX_QUEUES; i++)
		add(stats, &p->tx[i].last);
}

void
counts_begin(struct app *app)
{
	for (unsigned i = 0; i < app->n_ports; i++) {
		struct app_port *p = &app->ports[i];

		counts_keep_port(app, i);
		for (unsigned q = 0; q < BATON_MAX_QUEUES; q++)
			p->rx[q].start = p->rx[q].last;
		for (unsigned q = 0; q < BATON_MAX_QUEUES; q++)
			p->tx[q].start = p->tx[q].last;
		p->counts = (struct stream_counts){ 0 };
	}
	for (unsigned i = 0; i < app->n_streams; i++)
		app->streams[i].start = streams_now(&app->streams[i]);
	bursts_mark(app, ALL_PORTS);
}

/* The library's counters are 0 from now on, and what the streams count for this port begins there.
 */
void
counts_clear(struct app *app, unsigned port)
{
	struct app_port *p = &app->ports[port];

	p->tx_lost = counts_lost(app, port);
	p->rx_lost = counts_not_received(app, port);
	baton_port_stats_reset(p->port);
	for (unsigned q = 0; q < BATON_MAX_QUEUES; q++)
		p->rx[q].start = p->rx[q].last = (struct baton_stats){ 0 };
	for (unsigned q = 0; q < BATON_MAX_QUEUES; q++)
		p->tx[q].start = p->tx[q].last = (struct baton_stats){ 0 };
	p->counts = (struct stream_counts){ 0 };
	for (unsigned i = 0; i < app->n_streams; i++) {
		struct stream *s = &app->streams[i];
		const struct stream_counts now = streams_now(s);

		if (s->tx_port == port)
			s->start.dropped = now.dropped;
		if (s->rx_port != port)
			continue;
		s->start.bad_ip = now.bad_ip;
		s->start.bad_l4 = now.bad_l4;
	}
	bursts_mark(app, port);
}

static bool
has_captures(const struct app_port *p)
{
	return p->info.driver && !strcmp(p->info.driver, "net_pcap");
}

uint64_t
counts_lost(struct app *app, unsigned port)
{
	struct app_port *p = &app->ports[port];
	struct baton_stats s;

	counts_port(app, port, &s);
	return p->tx_lost + s.tx_lost + (has_captures(p) ? s.tx_discarded : 0);
}

uint64_t
counts_not_received(struct app *app, unsigned port)
{
	struct app_port *p = &app->ports[port];
	struct baton_stats s;

	counts_port(app, port, &s);
	return p->rx_lost + (has_captures(p) ? s.rx_errors : 0);
}

/* ---- since `start` ---- */

void
counts_of_queue(struct app_queue *q, struct baton_stats *stats)
{
	counts_keep(q);
	for (size_t f = 0; f < FIELDS; f++)
		((uint64_t *)stats)[f] = ((uint64_t *)&q->last)[f] - ((uint64_t *)&q->start)[f];
}

void
counts_of_stream(struct app *app, const struct stream *s, struct forward_counts *out)
{
	struct baton_stats tx;

	counts_of_queue(&app->ports[s->rx_port].rx[s->queue], &out->stats);
	counts_of_queue(&app->ports[s->tx_port].tx[s->queue], &tx);
	out->stream = streams_since(s);
	out->stream.dropped += tx.tx_lost;
	add(&out->stats, &tx);
}

void
counts_of_port(struct app *app, unsigned port, struct forward_counts *out)
{
	struct app_port *p = &app->ports[port];

	memset(&out->stats, 0, sizeof(out->stats));
	streams_counts(app, port, &out->stream);
	for (unsigned i = 0; p->rx && i < BATON_MAX_QUEUES; i++) {
		struct baton_stats s;

		counts_of_queue(&p->rx[i], &s);
		add(&out->stats, &s);
	}
	for (unsigned i = 0; p->tx && i < BATON_MAX_QUEUES; i++) {
		struct baton_stats s;

		counts_of_queue(&p->tx[i], &s);
		add(&out->stats, &s);
	}
	out->stream.dropped += out->stats.tx_lost;
}

void
counts_total(struct app *app, struct forward_counts *out)
{
	memset(out, 0, sizeof(*out));
	for (unsigned i = 0; i < app->n_ports; i++) {
		struct forward_counts c;

		counts_of_port(app, i, &c);
		add(&out->stats, &c.stats);
		out->stream.dropped += c.stream.dropped;
		out->stream.bad_ip += c.stream.bad_ip;
		out->stream.bad_l4 += c.stream.bad_l4;
	}
}
