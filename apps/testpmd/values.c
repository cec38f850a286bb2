/* SPDX-License-Identifier: BSD-3-Clause */
/* The values of options and commands: what they may be, and what to say when they are not. */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "option.h"

const char *const topology_names[] = { "paired", "chained", "loop", NULL };

void
complain(const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fputs("baton-testpmd: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

static int
index_of(const char *name, const char *const *list)
{
	for (int i = 0; list[i]; i++)
		if (!strcmp(name, list[i]))
			return i;
	return -1;
}

int
choose(const char *what, const char *name, const char *const *list)
{
	const char *near = baton_nearest(name, list);
	char all[320] = "";
	int i = index_of(name, list);

	if (i >= 0)
		return i;
	for (size_t k = 0; list[k]; k++)
		snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s", k ? ", " : "",
			 list[k]);
	if (near)
		complain("%s=%s: did you mean %s? There are %s", what, name, near, all);
	else
		complain("%s=%s: there are %s", what, name, all);
	return -1;
}

bool
parse_uint(const char *what, const char *text, uint64_t min, uint64_t max, uint64_t *value)
{
	unsigned long long v;
	char *end;

	errno = 0;
	v = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)*text) || *end) {
		complain("%s=%s is not a number; %llu to %llu is possible", what, text,
			 (unsigned long long)min, (unsigned long long)max);
		return false;
	}
	if (errno || v < min || v > max) {
		complain("%s=%s is out of range; %llu to %llu is possible", what, text,
			 (unsigned long long)min, (unsigned long long)max);
		return false;
	}
	*value = v;
	return true;
}

/* Six numbers of two digits, or three of four, as dpdk-testpmd takes them. */
bool
parse_mac(const char *text, uint8_t mac[6])
{
	unsigned colons = 0, bytes;

	for (const char *p = text; *p; p++)
		colons += *p == ':';
	if (colons != 5 && colons != 2)
		return false;
	bytes = 6 / (colons + 1);
	for (unsigned i = 0; i < 6; i += bytes) {
		size_t len = strspn(text, "0123456789abcdefABCDEF");
		unsigned long group = strtoul(text, NULL, 16);

		if (len != 2 * bytes || text[len] != (i + bytes < 6 ? ':' : '\0'))
			return false;
		mac[i] = (uint8_t)(bytes == 1 ? group : group >> 8);
		if (bytes == 2)
			mac[i + 1] = (uint8_t)group;
		text += len + 1;
	}
	return true;
}

bool
set_uint(const char *what, const char *text, unsigned min, unsigned max, unsigned *value)
{
	uint64_t v;

	if (!parse_uint(what, text, min, max, &v))
		return false;
	*value = (unsigned)v;
	return true;
}

/* Rings are powers of two in every driver; the port's own limits are checked when it is known. */
bool
parse_descs(const char *what, const char *text, unsigned *value)
{
	if (!set_uint(what, text, 2, 32768, value))
		return false;
	if (*value & (*value - 1)) {
		unsigned above = 2;

		while (above < *value)
			above *= 2;
		complain("%s=%u is not a power of two; the nearest are %u and %u", what, *value,
			 above / 2, above);
		return false;
	}
	return true;
}

bool
set_run_time(struct options *opt, const char *what, const char *text)
{
	char *end;

	errno = 0;
	opt->run_time = strtod(text, &end);
	if (errno || end == text || *end || !(opt->run_time > 0) || opt->run_time > 1e9) {
		complain("%s=%s is not a number of seconds above 0", what, text);
		return false;
	}
	return true;
}

bool
set_max_pkt_len(struct options *opt, const char *what, const char *text)
{
	unsigned extra = ETHER_HDR + ETHER_CRC, len;

	if (!set_uint(what, text, BATON_MIN_MTU + extra, BATON_MAX_MTU + extra, &len))
		return false;
	opt->mtu = len - extra;
	return true;
}

bool
set_bounce(struct options *opt, const char *what, const char *text)
{
	opt->reach.bounce = choose(what, text, bounce_names);
	return opt->reach.bounce >= 0;
}

bool
set_confine(struct options *opt, const char *what, const char *text)
{
	static const char *const words[] = { "off", "on", NULL };

	opt->reach.confine = choose(what, text, words);
	return opt->reach.confine >= 0;
}

bool
set_windows(struct options *opt, const char *what, const char *text)
{
	int n = baton_windows_parse(text, opt->reach.windows, MAX_WINDOWS);

	if (n < 0)
		complain("--%s", baton_last_error());
	opt->reach.n_windows = n < 0 ? 0 : (unsigned)n;
	return n >= 0;
}

bool
set_mode(struct options *opt, const char *what, const char *text)
{
	int i = mode_choose(what, text);

	opt->mode = i < 0 ? opt->mode : (enum fwd_mode)i;
	return i >= 0;
}

bool
set_topology(struct options *opt, const char *what, const char *text)
{
	int i = choose(what, text, topology_names);

	opt->topology = i < 0 ? opt->topology : (enum topology)i;
	return i >= 0;
}

bool
set_rxd(struct options *opt, const char *what, const char *text)
{
	return parse_descs(what, text, &opt->rxd);
}

bool
set_txd(struct options *opt, const char *what, const char *text)
{
	return parse_descs(what, text, &opt->txd);
}

bool
set_retry(struct options *opt, const char *what, const char *text)
{
	opt->retry = true;
	return !text || set_uint(what, text, 1, MAX_RETRIES, &opt->retries);
}

bool
set_stop_after(struct options *opt, const char *what, const char *text)
{
	return parse_uint(what, text, 1, UINT64_MAX / 2, &opt->stop_after);
}

bool
set_vdev(struct options *opt, const char *what, const char *text)
{
	if (opt->n_vdevs == BATON_MAX_PORTS) {
		complain("%s: at most %u ports", what, BATON_MAX_PORTS);
		return false;
	}
	opt->vdevs[opt->n_vdevs++] = text;
	return true;
}

bool
set_allow(struct options *opt, const char *what, const char *text)
{
	unsigned n = opt->n_vdevs;

	/* DPDK takes the bus's name, too. */
	if (!set_vdev(opt, what, strncmp(text, "pci:", 4) ? text : text + 4))
		return false;
	opt->is_pci[n] = true;
	return true;
}

bool
set_burst_option(struct options *opt, const char *what, const char *text)
{
	if (!set_uint(what, text, 0, MAX_BURST, &opt->burst))
		return false;
	opt->burst =
		opt->burst ? opt->burst : DEF_BURST; /* 0 is the driver's own, and none has one */
	return true;
}

bool
set_cmdline_file(struct options *opt, const char *what, const char *text)
{
	char name[40];

	if (opt->n_cmdline_files == MAX_CMDLINE_FILES) {
		complain("%s: at most %u files of commands", what, MAX_CMDLINE_FILES);
		return false;
	}
	snprintf(name, sizeof(name), "%s=", what);
	if (!load_check(name, text))
		return false;
	opt->cmdline_files[opt->n_cmdline_files].name = text;
	opt->cmdline_files[opt->n_cmdline_files++].echo = !strstr(what, "noecho");
	return true;
}
