/* SPDX-License-Identifier: BSD-3-Clause */
/* Which memory a port's device uses: what the command line says of it, and what was decided. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "testpmd.h"

#define COLUMNS  79
#define MAX_RUNS 64 /* of memory that are listed */

const char *const bounce_names[] = { [BATON_BOUNCE_AUTO] = "auto",
				     [BATON_BOUNCE_ALWAYS] = "always",
				     [BATON_BOUNCE_NEVER] = "never",
				     NULL };

/* Does the port's own "name,key=value,..." mention @key? */
static bool
mentions(const char *devargs, const char *key)
{
	char part[32];

	snprintf(part, sizeof(part), ",%s=", key);
	return strstr(devargs, part);
}

bool
reach_default(const struct app *app, const struct app_port *p, const char *devargs)
{
	const struct reach_options *o = &app->opt.reach;
	struct baton_reach_config config;

	if (o->bounce < 0 && o->confine < 0 && !o->dma_limit && !o->ring_limit && !o->n_windows)
		return true;
	if (baton_port_get_reach(p->port, &config) < 0)
		return true; /* no device to speak of */
	if (o->bounce >= 0 && !mentions(devargs, "bounce"))
		config.bounce = (enum baton_bounce)o->bounce;
	if (o->confine >= 0 && !mentions(devargs, "confine"))
		config.confine = (uint8_t)o->confine;
	if (o->dma_limit && !mentions(devargs, "dma-limit"))
		config.data_bits = (uint8_t)o->dma_limit;
	if (o->ring_limit && !mentions(devargs, "ring-limit"))
		config.ring_bits = (uint8_t)o->ring_limit;
	if (o->n_windows && !mentions(devargs, "window")) {
		config.windows = o->windows;
		config.n_windows = o->n_windows;
	}
	if (baton_port_set_reach(p->port, &config) == 0)
		return true;
	complain("%s", baton_last_error());
	return false;
}

/* ---- show port info ---- */

/* A sentence in lines of its own, indented. */
static void
wrapped(unsigned indent, const char *text)
{
	const int room = COLUMNS - (int)indent;

	while (*text) {
		int n = (int)strlen(text);

		if (n > room) {
			n = room;
			while (n && text[n] != ' ')
				n--;
			n = n ? n : room;
		}
		printf("%*s%.*s\n", (int)indent, "", n, text);
		text += n;
		text += strspn(text, " ");
	}
}

static const char *
size_text(char buf[24], uint64_t bytes)
{
	if (bytes < 1024 * 1024 || bytes % (1024 * 1024))
		snprintf(buf, 24, "%" PRIu64 " KiB", bytes >> 10);
	else
		snprintf(buf, 24, "%" PRIu64 " MiB", bytes >> 20);
	return buf;
}

/* One run of memory: where it is, what the device may do there, and why it is so. */
static void
run_line(const struct baton_reach_info *i)
{
	char where[48], size[24] = "";

	if (i->reach != BATON_REACH_DIRECT) {
		printf("  %-20s %s\n", i->memory,
		       i->reach == BATON_REACH_BOUNCE ? "bounced" : "refused");
	} else {
		snprintf(where, sizeof(where), "0x%" PRIx64 "-0x%" PRIx64, i->iova,
			 i->iova + i->bytes - 1);
		printf("  %-20s %-29s %9s  %s\n", i->memory, where, size_text(size, i->bytes),
		       i->writable ? "read, write" : "read only");
	}
	wrapped(6, i->why);
}

static void
show_runs(const struct baton_port *port)
{
	struct baton_reach_info list[MAX_RUNS];
	unsigned n = baton_port_reach(port, list, MAX_RUNS);

	for (unsigned i = 0; i < n && i < MAX_RUNS; i++)
		run_line(&list[i]);
	if (n > MAX_RUNS)
		printf("  and %u runs of memory more\n", n - MAX_RUNS);
}

static void
show_bits(const char *what, unsigned bits, unsigned device)
{
	if (bits < device)
		printf("DMA address bits of %s: %u (the device: %u)\n", what, bits, device);
	else
		printf("DMA address bits of %s: %u\n", what, bits);
}

/* Those that were asked for. */
static void
show_windows(const struct baton_port *port)
{
	struct baton_reach_config config;

	if (baton_port_get_reach(port, &config) < 0)
		return;
	for (unsigned i = 0; i < config.n_windows; i++)
		printf("DMA window: 0x%" PRIx64 "-0x%" PRIx64 "\n", config.windows[i].start,
		       config.windows[i].last);
}

void
reach_show(const struct app_port *p, const struct baton_port_info *info)
{
	struct baton_reach_summary s;

	baton_port_reach_summary(p->port, &s);
	if (!s.device_data_bits) {
		printf("DMA: none, %s\n", s.protects);
		return;
	}
	printf("DMA bounce mode: %s%s\n", bounce_names[s.bounce], s.confined ? ", confined" : "");
	show_bits("packets", s.data_bits, s.device_data_bits);
	show_bits("rings", s.ring_bits, s.device_ring_bits);
	show_windows(p->port);
	printf("DMA limits: %s\n", s.committed ? "committed, until port reset" : "not committed");
	if (s.quarantined_slots)
		printf("DMA slots in quarantine: %u, until the device is known to be done with "
		       "them\n",
		       s.quarantined_slots);
	if (info->state == BATON_PORT_STOPPED) {
		printf("DMA memory: none while the port is stopped\n");
		return;
	}
	printf("DMA memory:\n");
	show_runs(p->port);
	printf("DMA protection:\n");
	wrapped(2, s.protects);
}
