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

void
stats_take(const struct app *app, unsigned port, struct baton_stats *stats)
{
	if (app->ports[port].port)
		baton_port_stats(app->ports[port].port, stats);
	else
		*stats = app->ports[port].last;
}

uint64_t
stats_lost(const struct app *app, unsigned port)
{
	struct stream_counts counts;
	struct baton_stats s;

	streams_counts(app, port, &counts);
	stats_take(app, port, &s);
	return s.tx_errors > counts.dropped ? s.tx_errors - counts.dropped : 0;
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
	stats_take(app, port, &s);
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

	baton_port_stats_reset(p->port);
	p->start = (struct baton_stats){ 0 };
	streams_counts(app, port, &p->start_counts);
	p->start_counts.dropped += stats_lost(app, port);
	p->shown = (struct port_snapshot){ .ns = clock_ns() };
	printf("\n  NIC statistics for port %u cleared\n", port);
}

struct totals {
	uint64_t rx, missed, tx, dropped, bad_ip, bad_l4;
};

static void
print_totals(const struct totals *t, bool sums)
{
	printf("  RX-packets: %-14" PRIu64 " RX-dropped: %-14" PRIu64 "RX-total: %-" PRIu64 "\n",
	       t->rx, t->missed, t->rx + t->missed);
	if (sums) {
		printf("  Bad-ipcsum: %-14" PRIu64 " Bad-l4csum: %-14" PRIu64 "Bad-outer-l4csum: "
		       "%-14d\n",
		       t->bad_ip, t->bad_l4, 0);
		printf("  Bad-outer-ipcsum: %-14d\n", 0);
	}
	printf("  TX-packets: %-14" PRIu64 " TX-dropped: %-14" PRIu64 "TX-total: %-" PRIu64 "\n",
	       t->tx, t->dropped, t->tx + t->dropped);
}

/* A reset between two readings must not become a huge difference. */
static uint64_t
since(uint64_t now, uint64_t before)
{
	return now >= before ? now - before : now;
}

static void
port_totals(const struct app *app, unsigned port, struct totals *t)
{
	const struct app_port *p = &app->ports[port];
	struct stream_counts c;
	struct baton_stats s;

	stats_take(app, port, &s);
	streams_counts(app, port, &c);
	t->rx = since(s.rx_packets, p->start.rx_packets);
	t->missed = since(s.rx_missed, p->start.rx_missed);
	t->tx = since(s.tx_packets, p->start.tx_packets);
	t->dropped = since(c.dropped + stats_lost(app, port), p->start_counts.dropped);
	t->bad_ip = since(c.bad_ip, p->start_counts.bad_ip);
	t->bad_l4 = since(c.bad_l4, p->start_counts.bad_l4);
}

double
stats_mhz(const struct app *app)
{
	uint64_t ns = clock_ns() - app->start_ns;

	return ns ? (double)(cycles_now() - app->start_tsc) * 1e3 / (double)ns : 0;
}

static void
print_cycles(const struct app *app, const struct totals *all)
{
	uint64_t packets = app->opt.mode == FWD_TXONLY ? all->tx : all->rx, cycles = 0;

	for (unsigned i = 0; i < app->n_lcores; i++)
		cycles += app->lcores[i].cycles;
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
		       lc->id.id, lc->sleeps, lc->woken,
		       ns ? 100.0 * (double)lc->slept_ns / (double)ns : 0);
	}
}

void
stats_forward(struct app *app)
{
	struct totals all = { 0 };

	for (unsigned i = 0; i < app->n_ports; i++) {
		struct totals t;

		port_totals(app, i, &t);
		printf("\n  " FWD_BORDER " Forward statistics for port %-2u " FWD_BORDER "\n", i);
		print_totals(&t, app->opt.mode == FWD_CSUM);
		printf("  " FWD_BORDER "--------------------------------" FWD_BORDER "\n");
		all.rx += t.rx;
		all.missed += t.missed;
		all.tx += t.tx;
		all.dropped += t.dropped;
	}
	printf("\n  " ACC_BORDER " Accumulated forward statistics for all ports" ACC_BORDER "\n");
	print_totals(&all, false);
	printf("  " ACC_BORDER "++++++++++++++++++++++++++++++++++++++++++++++" ACC_BORDER "\n");
	if (app->opt.record_cycles)
		print_cycles(app, &all);
	if (app->opt.sleep_idle)
		print_sleeps(app);
}
