/* SPDX-License-Identifier: BSD-3-Clause */
/* --record-burst-stats: how many packets the bursts of each stream had. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "testpmd.h"

void
bursts_attach(struct app *app)
{
	if (app->opt.record_bursts && !app->bursts) {
		/* What is not used takes no memory. */
		app->bursts = calloc(MAX_STREAMS, sizeof(*app->bursts));
		if (!app->bursts)
			complain("out of memory: bursts are not recorded");
	}
	for (unsigned i = 0; i < app->n_streams; i++)
		app->streams[i].bursts =
			app->opt.record_bursts && app->bursts ? &app->bursts[i] : NULL;
}

static void
mark(struct burst_sizes *sizes)
{
	for (unsigned i = 0; i <= MAX_BURST; i++)
		sizes->start[i] = load_relaxed(&sizes->now[i]);
}

void
bursts_mark(struct app *app, unsigned port)
{
	for (unsigned i = 0; i < app->n_streams; i++) {
		struct stream *s = &app->streams[i];

		if (!s->bursts)
			continue;
		if (port == ALL_PORTS || s->rx_port == port)
			mark(&s->bursts->rx);
		if (port == ALL_PORTS || s->tx_port == port)
			mark(&s->bursts->tx);
	}
}

static uint64_t
since(const struct burst_sizes *sizes, unsigned packets)
{
	return load_relaxed(&sizes->now[packets]) - sizes->start[packets];
}

/* The most frequent size from 1 on that is not @but; 0: there is none. */
static unsigned
most_frequent(const struct burst_sizes *sizes, unsigned but)
{
	unsigned found = 0;
	uint64_t times = 0;

	for (unsigned i = 1; i <= MAX_BURST; i++)
		if (i != but && since(sizes, i) > times) {
			times = since(sizes, i);
			found = i;
		}
	return found;
}

/* As dpdk-testpmd has it: empty ones, the two commonest sizes, all others. */
static void
show(const char *way, const struct burst_sizes *sizes)
{
	unsigned first = most_frequent(sizes, 0), second = first ? most_frequent(sizes, first) : 0;
	const unsigned shown[] = { 0, first, second };
	unsigned percent = 0;
	uint64_t total = 0, sum = 0;

	for (unsigned i = 0; i <= MAX_BURST; i++)
		total += since(sizes, i);
	if (!total)
		return;
	printf("  %s-bursts : %" PRIu64 " [", way, total);
	for (unsigned i = 0; i < 3; i++) {
		uint64_t times = since(sizes, shown[i]);

		sum += times;
		if (sum == total) {
			printf("%u%% of %u pkts]\n", 100 - percent, shown[i]);
			return;
		}
		printf("%u%% of %u pkts + ", (unsigned)(times * 100 / total), shown[i]);
		percent += (unsigned)(times * 100 / total);
	}
	printf("%u%% of other]\n", 100 - percent);
}

void
bursts_show_stream(const struct stream *s)
{
	if (!s->bursts)
		return;
	show("RX", &s->bursts->rx);
	show("TX", &s->bursts->tx);
}

void
bursts_show_port(const struct app *app, unsigned port)
{
	for (unsigned i = 0; i < app->n_streams; i++)
		if (app->streams[i].bursts && app->streams[i].rx_port == port)
			show("RX", &app->streams[i].bursts->rx);
	for (unsigned i = 0; i < app->n_streams; i++)
		if (app->streams[i].bursts && app->streams[i].tx_port == port)
			show("TX", &app->streams[i].bursts->tx);
}
