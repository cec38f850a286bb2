/* SPDX-License-Identifier: BSD-3-Clause */
/* Which stream joins which queues, and which core serves it: as in dpdk-testpmd. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "testpmd.h"

/* The forwarding ports that are not closed, in their order. */
struct open_ports {
	unsigned n, port[BATON_MAX_PORTS];
};

static void
list_open(const struct app *app, struct open_ports *open)
{
	open->n = select_ports(app, open->port);
}

/* Which of @n ports packets received on the @i-th leave by. */
static unsigned
peer_of(const struct app *app, unsigned i, unsigned n)
{
	if (app->opt.mode == FWD_ICMPECHO) /* replies go back */
		return i;
	switch (app->opt.topology) {
	case TOPOLOGY_LOOP:
		return i;
	case TOPOLOGY_CHAINED:
		return (i + 1) % n;
	default:
		return (i ^ 1) < n ? i ^ 1 : i;
	}
}

/* Consecutive streams go to a core; the last cores take the extra ones. */
static unsigned
core_of(unsigned stream, unsigned n_streams, unsigned n_cores)
{
	unsigned each = n_streams / n_cores, extra = n_streams % n_cores;
	unsigned plain = (n_cores - extra) * each;

	return stream < plain ? stream / each : n_cores - extra + (stream - plain) / (each + 1);
}

/* Queue by queue through all ports; icmpecho port by port. */
static void
number_stream(const struct app *app, const struct open_ports *open, unsigned i, struct stream *s)
{
	bool by_port = app->opt.mode == FWD_ICMPECHO;
	unsigned rx = by_port ? i / app->opt.queues : i % open->n;

	s->rx_port = open->port[rx];
	s->queue = by_port ? i % app->opt.queues : i / open->n;
	s->tx_port = open->port[peer_of(app, rx, open->n)];
}

struct stream_counts
streams_now(const struct stream *s)
{
	return (struct stream_counts){
		.dropped = load_relaxed(&s->counts.dropped),
		.bad_ip = load_relaxed(&s->counts.bad_ip),
		.bad_l4 = load_relaxed(&s->counts.bad_l4),
	};
}

struct stream_counts
streams_since(const struct stream *s)
{
	struct stream_counts c = streams_now(s);

	c.dropped -= s->start.dropped;
	c.bad_ip -= s->start.bad_ip;
	c.bad_l4 -= s->start.bad_l4;
	return c;
}

void
streams_counts(const struct app *app, unsigned port, struct stream_counts *counts)
{
	*counts = app->ports[port].counts;
	for (unsigned i = 0; app->streams && i < app->n_streams; i++) {
		const struct stream *s = &app->streams[i];
		const struct stream_counts one = streams_since(s);

		if (s->tx_port == port)
			counts->dropped += one.dropped;
		if (s->rx_port == port) {
			counts->bad_ip += one.bad_ip;
			counts->bad_l4 += one.bad_l4;
		}
	}
}

/* A stream that is another from now on leaves its counts with its ports. */
static void
renew(struct app *app, struct stream *s)
{
	const struct stream_counts c = streams_since(s);

	app->ports[s->tx_port].counts.dropped += c.dropped;
	app->ports[s->rx_port].counts.bad_ip += c.bad_ip;
	app->ports[s->rx_port].counts.bad_l4 += c.bad_l4;
	memset(s, 0, sizeof(*s));
}

/* Queues that no stream uses belong to some core all the same. */
static void
spare_queues(struct app *app)
{
	for (unsigned p = 0; p < app->n_ports; p++) {
		for (unsigned q = 0; q < BATON_MAX_QUEUES; q++) {
			app->ports[p].rx[q].want = &app->lcores[q % app->n_lcores];
			app->ports[p].tx[q].want = &app->lcores[q % app->n_lcores];
		}
	}
}

/* Which cores queues are for, by the ports and cores as they are now. */
void
streams_want(struct app *app)
{
	struct open_ports open;
	unsigned n;

	list_open(app, &open);
	n = open.n * app->opt.queues;
	spare_queues(app);
	for (unsigned i = 0; i < n; i++) {
		struct lcore *lc = &app->lcores[core_of(i, n, app->n_lcores)];
		struct stream s;

		number_stream(app, &open, i, &s);
		app->ports[s.rx_port].rx[s.queue].want = lc;
		app->ports[s.tx_port].tx[s.queue].want = lc;
	}
}

/* Streams stay as they were from `start` to `start`, and with them what they counted. */
static void
lay_out(struct app *app)
{
	unsigned n = app->n_streams;
	struct open_ports open;

	list_open(app, &open);
	app->n_streams = open.n * app->opt.queues;
	while (n > app->n_streams)
		renew(app, &app->streams[--n]);
	for (unsigned i = 0; i < app->max_lcores; i++)
		app->lcores[i].n_streams = 0;
	for (unsigned i = 0; i < app->n_streams; i++) {
		struct stream *s = &app->streams[i];
		struct lcore *lc = &app->lcores[core_of(i, app->n_streams, app->n_lcores)];
		struct stream now = *s;

		number_stream(app, &open, i, &now);
		if (now.rx_port != s->rx_port || now.tx_port != s->tx_port ||
		    now.queue != s->queue) {
			renew(app, s);
			number_stream(app, &open, i, s);
		}
		lc->streams[lc->n_streams++] = s;
	}
	streams_want(app);
}

bool
streams_make(struct app *app)
{
	/* Room for all that there may be; what is not used takes no memory. */
	app->streams = calloc(MAX_STREAMS, sizeof(*app->streams));
	if (!app->streams)
		goto no_memory;
	for (unsigned i = 0; i < app->max_lcores; i++) {
		struct lcore *lc = &app->lcores[i];

		lc->streams = calloc(MAX_STREAMS, sizeof(lc->streams[0]));
		if (!lc->streams)
			goto no_memory;
	}
	lay_out(app);
	for (unsigned i = 0; i < app->n_ports; i++)
		if (!port_set_up(app, i))
			return false;
	streams_attach(app);
	return true;
no_memory:
	complain_memory("the streams");
	return false;
}

void
streams_attach(struct app *app)
{
	for (unsigned i = 0; i < app->n_streams; i++) {
		struct stream *s = &app->streams[i];
		const struct app_port *rx = &app->ports[s->rx_port], *tx = &app->ports[s->tx_port];

		s->rxq = rx->port ? rx->rx[s->queue].rxq : NULL;
		s->txq = tx->port ? tx->tx[s->queue].txq : NULL;
		s->ip_hw = tx->ip_hw;
		s->tcp_hw = tx->tcp_hw;
		s->udp_hw = tx->udp_hw;
		s->tso = tx->tso;
		s->tx_mtu = tx->info.mtu;
		s->tx_tags =
			app->opt.mode == FWD_IO || app->opt.mode == FWD_ICMPECHO ? 0 : tx->tx_tags;
		memcpy(s->tx_vlans, tx->tx_vlans, sizeof(s->tx_vlans));
		s->rest = 0;
		txonly_frame(app, s);
	}
	bursts_attach(app);
}

static bool
must_change(const struct app *app, const struct app_port *p)
{
	for (unsigned i = 0; i < app->opt.rxq; i++)
		if (p->rx[i].lcore != p->rx[i].want)
			return true;
	for (unsigned i = 0; i < app->opt.txq; i++)
		if (p->tx[i].lcore != p->tx[i].want)
			return true;
	return false;
}

bool
streams_arrange(struct app *app)
{
	bool ok = true;

	if (!select_cores(app))
		return false;
	lay_out(app);
	for (unsigned i = 0; i < app->n_ports; i++) {
		struct app_port *p = &app->ports[i];
		bool started = port_is_started(p);

		if (!p->port || !must_change(app, p))
			continue;
		printf("Port %u: its queues change cores\n", i);
		if (started)
			port_take_down(app, i);
		ok = ok && port_set_up(app, i) && (!started || port_bring_up(app, i));
	}
	ports_set_room(app);
	streams_attach(app);
	return ok;
}

static void
print_peer(const struct options *opt, unsigned port)
{
	const uint8_t *m = opt->peer[port];

	if (opt->peer_set[port])
		printf(" peer=%02X:%02X:%02X:%02X:%02X:%02X", m[0], m[1], m[2], m[3], m[4], m[5]);
}

/* Of the run, or of the one that `start` would begin. */
void
streams_config(const struct app *app)
{
	const struct options *opt = &app->opt;
	unsigned n_cores = select_n_cores(app), n;
	struct open_ports open;
	char cpus[128];

	list_open(app, &open);
	n = app->forwarding ? app->n_streams : open.n * opt->queues;
	printf("%s packet forwarding%s - ports=%u - cores=%u - streams=%u\n",
	       fwd_mode_name(opt->mode), opt->retry ? " with retry" : "", open.n, n_cores, n);
	if (opt->retry)
		printf("TX retry num: %u, delay between TX retries: %uus\n", opt->retries,
		       opt->retry_us);
	for (unsigned i = 0; i < n_cores; i++) {
		const struct lcore_id *id = select_core(app, i);
		unsigned mine = 0;

		for (unsigned k = 0; k < n; k++)
			mine += core_of(k, n, n_cores) == i;
		cpus_name(&id->cpus, cpus, sizeof(cpus));
		printf("Logical Core %u (CPU %s) forwards packets on %u streams:\n", id->id, cpus,
		       mine);
		for (unsigned k = 0; k < n; k++) {
			const struct stream *s = &app->streams[k];
			struct stream next;

			if (core_of(k, n, n_cores) != i)
				continue;
			if (!app->forwarding) {
				number_stream(app, &open, k, &next);
				s = &next;
			}
			printf("  RX P=%u/Q=%u -> TX P=%u/Q=%u", s->rx_port, s->queue, s->tx_port,
			       s->queue);
			print_peer(opt, s->tx_port);
			printf("\n");
		}
	}
	printf("\n");
}
