/* SPDX-License-Identifier: BSD-3-Clause */
/* Options of dpdk-testpmd itself that change nothing here, or not with every argument: what may be.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "option.h"

/* ---- numbers ---- */

bool
check_udp_port(struct options *opt, const char *what, const char *text)
{
	unsigned port;

	return set_uint(what, text, 0, UINT16_MAX, &port);
}

bool
check_core(struct options *opt, const char *what, const char *text)
{
	unsigned core;

	return set_uint(what, text, 0, CPU_SETSIZE - 1, &core);
}

bool
check_lengths(struct options *opt, const char *what, const char *text)
{
	char *copy = strdup(text), *rest = copy, *word;
	bool ok = copy != NULL;

	while (ok && (word = strsep(&rest, ","))) {
		unsigned len;

		ok = set_uint(what, word, 0, UINT16_MAX, &len);
	}
	free(copy);
	return ok;
}

bool
check_optional_number(struct options *opt, const char *what, const char *text)
{
	return !text || check_number(opt, what, text);
}

bool
check_lro_size(struct options *opt, const char *what, const char *text)
{
	unsigned bytes;

	return set_uint(what, text, 64, UINT32_MAX, &bytes);
}

bool
check_mq_mode(struct options *opt, const char *what, const char *text)
{
	uint64_t mask;

	if (!parse_hex(what, text, &mask))
		return false;
	if (mask <= 7)
		return true;
	complain("%s=%s: there are the bits 0x1 (RSS), 0x2 (DCB) and 0x4 (VMDq)", what, text);
	return false;
}

/* Speeds of links in Mbit/s; 0 means whatever the link has. */
bool
check_link_speed(struct options *opt, const char *what, const char *text)
{
	static const unsigned speeds[] = { 0,     10,    100,   1000,  2500,   5000,   10000, 20000,
					   25000, 40000, 50000, 56000, 100000, 200000, 400000 };
	unsigned speed;

	if (!set_uint(what, text, 0, 400000, &speed))
		return false;
	for (unsigned i = 0; i < sizeof(speeds) / sizeof(speeds[0]); i++)
		if (speeds[i] == speed)
			return true;
	complain("%s=%s is no speed of a link in Mbit/s, such as 10000", what, text);
	return false;
}

/* ---- only the default may be ---- */

static bool
only(const char *what, const char *text, unsigned value, const char *why)
{
	unsigned n;

	if (!set_uint(what, text, 0, UINT16_MAX, &n))
		return false;
	if (n != value)
		complain("%s=%s: %s", what, text, why);
	return n == value;
}

bool
check_hairpinq(struct options *opt, const char *what, const char *text)
{
	return only(what, text, 0, "no device here forwards by itself; leave it out");
}

bool
check_num_procs(struct options *opt, const char *what, const char *text)
{
	return only(what, text, 1, "there is one process");
}

bool
check_proc_id(struct options *opt, const char *what, const char *text)
{
	return only(what, text, 0, "there is one process, whose number is 0");
}

bool
check_filter_mode(struct options *opt, const char *what, const char *text)
{
	static const char *const words[] = { "none",           "signature",
					     "perfect",        "perfect-mac-vlan",
					     "perfect-tunnel", NULL };
	int i = choose(what, text, words);

	if (i > 0)
		complain("%s=%s: no device here directs flows; leave it out", what, text);
	return i == 0;
}

bool
check_filter_report(struct options *opt, const char *what, const char *text)
{
	static const char *const words[] = { "none", "match", "always", NULL };

	return choose(what, text, words) >= 0;
}

bool
check_filter_size(struct options *opt, const char *what, const char *text)
{
	static const char *const words[] = { "64K", "128K", "256K", NULL };

	return choose(what, text, words) >= 0;
}

bool
check_mp_alloc(struct options *opt, const char *what, const char *text)
{
	static const char *const words[] = { "native", "xmemhuge", "anon", "xmem", NULL };
	int i = choose(what, text, words);

	if (i > 1 && opt->no_huge)
		return true; /* it is so anyway */
	if (i > 1)
		complain("%s=%s: --no-huge takes ordinary pages", what, text);
	return i == 0 || i == 1;
}

bool
check_noisy_mode(struct options *opt, const char *what, const char *text)
{
	static const char *const words[] = { "io", "mac", "macswap", "5tswap", NULL };

	return choose(what, text, words) >= 0;
}

/* ---- (a,b,...)[,(a,b,...)] ---- */

/* One group of @n numbers. Return: what follows it, NULL: it is no such group. */
static const char *
group(const char *p, unsigned *numbers, unsigned n)
{
	if (*p++ != '(')
		return NULL;
	for (unsigned i = 0; i < n; i++) {
		char *end;
		unsigned long v = strtoul(p, &end, 10);

		if (end == p || v > 255 || *end != (i + 1 < n ? ',' : ')'))
			return NULL;
		numbers[i] = (unsigned)v;
		p = end + 1;
	}
	return p;
}

typedef bool check_group_fn(const char *what, const unsigned *numbers);

static bool
groups(const char *what, const char *text, unsigned n, const char *form, check_group_fn *check)
{
	const char *p = text;
	unsigned numbers[3];

	while ((p = group(p, numbers, n))) {
		if (check && !check(what, numbers))
			return false;
		if (!*p)
			return true;
		if (*p++ != ',')
			break;
	}
	complain("%s=%s cannot be read; write %s", what, text, form);
	return false;
}

bool
check_stats_mapping(struct options *opt, const char *what, const char *text)
{
	return groups(what, text, 3, "(PORT,QUEUE,COUNTER)[,(...)]", NULL);
}

/* Where memory has one node, asking for it changes nothing. */
static bool
only_node(const char *what, unsigned node)
{
	DIR *dir = opendir("/sys/devices/system/node");
	const struct dirent *e;
	bool others = false;

	while (dir && (e = readdir(dir))) {
		unsigned other;

		if (sscanf(e->d_name, "node%u", &other) == 1 && other != 0)
			others = true;
	}
	if (dir)
		closedir(dir);
	if (!others && !node)
		return true;
	if (others)
		complain("%s: memory is taken near the ports' devices, and not from a node that is "
			 "named; numactl --membind=%u does that for the whole program",
			 what, node);
	else
		complain("%s: there is no NUMA node %u here", what, node);
	return false;
}

static bool
second_is_node(const char *what, const unsigned *numbers)
{
	return only_node(what, numbers[1]);
}

static bool
third_is_node(const char *what, const unsigned *numbers)
{
	if (numbers[1] >= 1 && numbers[1] <= 3)
		return only_node(what, numbers[2]);
	complain("%s: rings are 1 (RX), 2 (TX) or 3 (both), not %u", what, numbers[1]);
	return false;
}

bool
check_port_numa(struct options *opt, const char *what, const char *text)
{
	return groups(what, text, 2, "(PORT,NODE)[,(PORT,NODE)]", second_is_node);
}

bool
check_ring_numa(struct options *opt, const char *what, const char *text)
{
	return groups(what, text, 3, "(PORT,FLAG,NODE)[,(PORT,FLAG,NODE)]", third_is_node);
}

bool
check_socket_num(struct options *opt, const char *what, const char *text)
{
	unsigned node;

	return set_uint(what, text, 0, 255, &node) && only_node(what, node);
}
