/* SPDX-License-Identifier: BSD-3-Clause */
/* The tables, in the layout that scripts written for dpdk-testpmd read. */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "testpmd.h"

#define NIC_BORDER "########################"
#define FWD_BORDER "----------------------"
#define ACC_BORDER "+++++++++++++++"

uint64_t
clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static uint64_t
rate(uint64_t now, uint64_t before, uint64_t ns)
{
	return ns && now > before ? (uint64_t)((double)(now - before) * 1e9 / (double)ns) : 0;
}

void
stats_show(struct app *app, unsigned port)
{
	struct app_port *p = &app->ports[port];
	const struct baton_stats *old = &p->shown.stats;
	struct baton_stats s;
	uint64_t now = clock_ns(), ns = now - p->shown.ns;

	if (!p->shown.ns)
		ns = app->started_once ? now - app->start_ns : 0;
	counts_port(app, port, &s);
	printf("\n  " NIC_BORDER " NIC statistics for port %-2u " NIC_BORDER "\n", port);
	printf("  RX-packets: %-10" PRIu64 " RX-missed: %-10" PRIu64 " RX-bytes:  %-" PRIu64 "\n",
	       s.rx_packets, s.rx_missed, s.rx_bytes);
	printf("  RX-errors: %-" PRIu64 "\n", s.rx_errors);
	printf("  RX-nombuf:  %-10" PRIu64 "\n", s.rx_nobuf);
	printf("  TX-packets: %-10" PRIu64 " TX-errors: %-10" PRIu64 " TX-bytes:  %-" PRIu64 "\n",
	       s.tx_packets, s.tx_errors, s.tx_bytes);
	printf("\n  Throughput (since last show)\n");
	printf("  Rx-pps: %12" PRIu64 "          Rx-bps: %12" PRIu64 "\n",
	       rate(s.rx_packets, old->rx_packets, ns), 8 * rate(s.rx_bytes, old->rx_bytes, ns));
	printf("  Tx-pps: %12" PRIu64 "          Tx-bps: %12" PRIu64 "\n",
	       rate(s.tx_packets, old->tx_packets, ns), 8 * rate(s.tx_bytes, old->tx_bytes, ns));
	watch_show(app, port, ns);
	printf("  " NIC_BORDER "############################" NIC_BORDER "\n");
	p->shown = (struct port_snapshot){ s, now };
}

void
stats_show_all(struct app *app, bool clear)
{
	/*
	 * As in dpdk-testpmd, periodic tables stay in one place; in a file they follow each other.
	 */
	if (clear && isatty(STDOUT_FILENO))
		printf("\033[2J\033[1;1H");
	if (clear)
		printf("\nPort statistics ====================================");
	for (unsigned i = 0; i < app->n_ports; i++)
		stats_show(app, i);
	fflush(stdout);
}

void
stats_clear(struct app *app, unsigned port)
{
	struct app_port *p = &app->ports[port];

	counts_clear(app, port);
	p->shown = (struct port_snapshot){ .ns = clock_ns() };
	printf("\n  NIC statistics for port %u cleared\n", port);
}

/* The lines that dpdk-testpmd 22.11 prints, in its words and under its conditions. */
static void
print_rx(const struct baton_stats *s)
{
	printf("  RX-packets: %-14" PRIu64 " RX-dropped: %-14" PRIu64 "RX-total: %-" PRIu64 "\n",
	       s->rx_packets, s->rx_missed, s->rx_packets + s->rx_missed);
}

static void
print_tx(const struct forward_counts *c)
{
	printf("  TX-packets: %-14" PRIu64 " TX-dropped: %-14" PRIu64 "TX-total: %-" PRIu64 "\n",
	       c->stats.tx_packets, c->stream.dropped, c->stats.tx_packets + c->stream.dropped);
}

static void
print_port(struct app *app, unsigned port)
{
	struct forward_counts c;

	counts_of_port(app, port, &c);
	printf("\n  " FWD_BORDER " Forward statistics for port %-2u " FWD_BORDER "\n", port);
	print_rx(&c.stats);
	if (app->opt.mode == FWD_CSUM) {
		printf("  Bad-ipcsum: %-14" PRIu64 " Bad-l4csum: %-14" PRIu64 "Bad-outer-l4csum: "
		       "%-14d\n",
		       c.stream.bad_ip, c.stream.bad_l4, 0);
		printf("  Bad-outer-ipcsum: %-14d\n", 0);
	}
	if (c.stats.rx_errors + c.stats.rx_nobuf > 0) {
		printf("  RX-error: %-" PRIu64 "\n", c.stats.rx_errors);
		printf("  RX-nombufs: %-14" PRIu64 "\n", c.stats.rx_nobuf);
	}
	print_tx(&c);
	if (app->opt.queues == 1)
		bursts_show_port(app, port);
	printf("  " FWD_BORDER "--------------------------------" FWD_BORDER "\n");
}

static void
print_stream(struct app *app, const struct stream *s)
{
	struct forward_counts c;

	counts_of_stream(app, s, &c);
	if (!c.stats.rx_packets && !c.stats.tx_packets && !c.stream.dropped)
		return;
	printf("\n  ------- Forward Stats for RX Port=%2u/Queue=%2u -> TX Port=%2u/Queue=%2u "
	       "-------\n",
	       s->rx_port, s->queue, s->tx_port, s->queue);
	printf("  RX-packets: %-14" PRIu64 " TX-packets: %-14" PRIu64 " TX-dropped: %-14" PRIu64,
	       c.stats.rx_packets, c.stats.tx_packets, c.stream.dropped);
	if (app->opt.mode == FWD_CSUM)
		printf("  RX- bad IP checksum: %-14" PRIu64 "  Rx- bad L4 checksum: %-14" PRIu64
		       " Rx- bad outer L4 checksum: %-14d\n RX- bad outer IP checksum: %-14d\n",
		       c.stream.bad_ip, c.stream.bad_l4, 0, 0);
	else
		printf("\n");
	bursts_show_stream(s);
}

double
stats_mhz(const struct app *app)
{
	uint64_t ns = clock_ns() - app->start_ns;

	return ns ? (double)(cycles_now() - app->start_tsc) * 1e3 / (double)ns : 0;
}

static void
print_cycles(const struct app *app, const struct baton_stats *all)
{
	uint64_t packets = mode_sends(app->opt.mode) ? all->tx_packets : all->rx_packets,
		 cycles = 0;

	for (unsigned i = 0; i < app->max_lcores; i++) /* also of those that forward no more */
		cycles += load_relaxed(&app->lcores[i].cycles);
	if (packets)
		printf("\n  CPU cycles/packet=%.2F (total cycles=%" PRIu64 " / total %s "
		       "packets=%" PRIu64 ") "
		       "at "
		       "%."
		       "0f "
		       "MHz "
		       "Cloc"
		       "k\n",
		       (double)cycles / (double)packets, cycles, fwd_mode_name(app->opt.mode),
		       packets, stats_mhz(app));
}

static void
print_sleeps(const struct app *app)
{
	uint64_t ns = clock_ns() - app->start_ns;

	printf("\n");
	for (unsigned i = 0; i < app->n_lcores; i++) {
		const struct lcore *lc = &app->lcores[i];

		printf("  Core %u: sleeps: %" PRIu64 "  wake-ups by queues: %" PRIu64 "  asleep: "
		       "%.1f %% of "
		       "the time\n",
		       lc->id.id, load_relaxed(&lc->sleeps), load_relaxed(&lc->woken),
		       ns ? 100.0 * (double)load_relaxed(&lc->slept_ns) / (double)ns : 0);
	}
}

/* A port that is no more is shown for what it did in this run. */
static bool
is_shown(struct app *app, unsigned port)
{
	struct forward_counts c;

	counts_of_port(app, port, &c);
	if (!app->ports[port].detached && select_has_port(app, port))
		return true;
	return c.stats.rx_packets || c.stats.tx_packets || c.stream.dropped;
}

void
stats_forward(struct app *app)
{
	struct forward_counts all;

	for (unsigned i = 0; app->opt.queues > 1 && i < app->n_streams; i++)
		print_stream(app, &app->streams[i]);
	for (unsigned i = 0; i < app->n_ports; i++)
		if (is_shown(app, i))
			print_port(app, i);
	counts_total(app, &all);
	printf("\n  " ACC_BORDER " Accumulated forward statistics for all ports" ACC_BORDER "\n");
	print_rx(&all.stats);
	print_tx(&all);
	if (all.stats.rx_nobuf > 0)
		printf("  RX-nombufs: %-14" PRIu64 "\n", all.stats.rx_nobuf);
	if (all.stats.rx_errors > 0)
		printf("  RX-error: %-" PRIu64 "\n", all.stats.rx_errors);
	printf("  " ACC_BORDER "++++++++++++++++++++++++++++++++++++++++++++++" ACC_BORDER "\n");
	if (app->opt.record_cycles)
		print_cycles(app, &all.stats);
	if (app->opt.sleep_idle)
		print_sleeps(app);
}
