/* SPDX-License-Identifier: BSD-3-Clause */
/* The options about ports and packets. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "option.h"

bool
set_vdev(struct options *opt, const char *what, const char *arg)
{
	struct traffic_options *to = &opt->traffic;

	if (to->n_ports == TRAFFIC_PORTS) {
		complain("%s=%s: there are two ports already, %s and %s", what, arg, to->port[0],
			 to->port[1]);
		return false;
	}
	if (baton_port_check(NULL, arg) < 0) {
		complain("%s=%s: %s", what, arg, baton_last_error());
		return false;
	}
	to->port[to->n_ports++] = arg;
	return true;
}

bool
set_no_huge(struct options *opt, const char *what, const char *arg)
{
	opt->traffic.no_huge = true;
	return true;
}

bool
set_one_way(struct options *opt, const char *what, const char *arg)
{
	opt->traffic.one_way = true;
	return true;
}

static bool
mac_parse(const char *text, uint8_t mac[6])
{
	char *end;

	for (unsigned i = 0; i < 6; i++, text = end + 1) {
		unsigned long byte = strtoul(text, &end, 16);

		if (end - text != 2 || byte > 255 || *end != (i < 5 ? ':' : 0))
			return false;
		mac[i] = (uint8_t)byte;
	}
	return true;
}

bool
set_eth_peer(struct options *opt, const char *what, const char *arg)
{
	unsigned port = (unsigned)(arg[0] - '0');

	if (port < TRAFFIC_PORTS && arg[1] == ',' && mac_parse(arg + 2, opt->traffic.peer[port])) {
		opt->traffic.has_peer[port] = true;
		return true;
	}
	complain("%s=%s: write the number of a port, 0 or 1, and a MAC address, as "
		 "0,02:00:00:00:00:01",
		 what, arg);
	return false;
}

static bool
set_field(struct field *field, enum field_kind kind, const char *what, const char *arg)
{
	char why[WHY];

	if (field_parse(what, arg, kind, field, why))
		return true;
	complain("%s", why);
	return false;
}

bool
set_src(struct options *opt, const char *what, const char *arg)
{
	return set_field(&opt->traffic.flows.src, FIELD_ADDRESS, what, arg);
}

bool
set_dst(struct options *opt, const char *what, const char *arg)
{
	return set_field(&opt->traffic.flows.dst, FIELD_ADDRESS, what, arg);
}

bool
set_sport(struct options *opt, const char *what, const char *arg)
{
	return set_field(&opt->traffic.flows.sport, FIELD_PORT, what, arg);
}

bool
set_dport(struct options *opt, const char *what, const char *arg)
{
	return set_field(&opt->traffic.flows.dport, FIELD_PORT, what, arg);
}

bool
set_vlan(struct options *opt, const char *what, const char *arg)
{
	return set_field(&opt->traffic.flows.vlan, FIELD_VLAN, what, arg);
}

bool
set_outer_vlan(struct options *opt, const char *what, const char *arg)
{
	return set_field(&opt->traffic.flows.outer_vlan, FIELD_VLAN, what, arg);
}

static bool
number(const char *what, const char *arg, uint64_t min, uint64_t max, uint64_t *n)
{
	char *end;

	errno = 0;
	*n = strtoull(arg, &end, 0);
	if (*arg >= '0' && *arg <= '9' && !*end && !errno && *n >= min && *n <= max)
		return true;
	complain("%s=%s: a number from %llu to %llu is wanted", what, arg, (unsigned long long)min,
		 (unsigned long long)max);
	return false;
}

bool
set_flows(struct options *opt, const char *what, const char *arg)
{
	uint64_t n;

	if (!number(what, arg, 1, FLOWS_MAX, &n))
		return false;
	opt->traffic.flows.flows = (uint32_t)n;
	return true;
}

bool
set_seed(struct options *opt, const char *what, const char *arg)
{
	opt->traffic.flows.seeded = true;
	return number(what, arg, 0, UINT64_MAX, &opt->traffic.flows.seed);
}

bool
set_rate(struct options *opt, const char *what, const char *arg)
{
	char why[WHY];

	if (load_parse(what, arg, &opt->traffic.rate, why))
		return true;
	complain("%s", why);
	return false;
}

bool
set_trial_load(struct options *opt, const char *what, const char *arg)
{
	struct traffic_options *to = &opt->traffic;
	char why[WHY];

	if (to->n_loads == MAX_LOADS) {
		complain("%s=%s: at most %u loads are measured in one run", what, arg, MAX_LOADS);
		return false;
	}
	if (load_parse(what, arg, &to->loads[to->n_loads], why)) {
		to->n_loads++;
		return true;
	}
	complain("%s", why);
	return false;
}

bool
set_time(struct options *opt, const char *what, const char *arg)
{
	char why[WHY];

	if (parse_seconds(what, arg, &opt->traffic.seconds, why))
		return true;
	complain("%s", why);
	return false;
}
