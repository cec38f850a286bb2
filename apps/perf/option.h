/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An option is a row of a table (option_rows.c): the commands that take it, its names, its
 * argument, a phrase of help, and what it does. Parsing and --help are made of the rows.
 */
#ifndef PERF_OPTION_H
#define PERF_OPTION_H

#include "perf.h"

/**
 * Parse @arg (NULL: the option takes none) of the option @what, such as "--json".
 *
 * Return: false: it cannot be, and complain() has said why.
 */
typedef bool option_set_fn(struct options *opt, const char *what, const char *arg);

struct option_row {
	const char *commands; /* with blanks between them; NULL: all, and no command at all */
	const char *name;     /* without dashes */
	char letter;          /* 0: none */
	const char *arg;      /* in capitals; NULL: it takes none */
	const char *help;     /* a phrase without a period */
	option_set_fn *set;
};

extern const struct option_row option_rows[]; /* one without a name ends it */

/** Return: whether @command (NULL: none is given) takes the option. */
bool option_is_of(const struct option_row *row, const struct command *command);

/* options.c */
option_set_fn set_help, set_version;
/* outputs.c */
option_set_fn set_json, set_html, set_compare, set_quiet, set_assert;
/* search_options.c */
option_set_fn set_size, set_goal, set_method, set_min_load, set_max_load, set_link_speed,
	set_max_time, set_no_warm_up;

/* traffic_options.c */
option_set_fn set_vdev, set_no_huge, set_one_way, set_eth_peer, set_src, set_dst, set_sport,
	set_dport, set_vlan, set_outer_vlan, set_flows, set_seed, set_rate, set_trial_load,
	set_time;

#endif
