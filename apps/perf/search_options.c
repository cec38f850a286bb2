/* SPDX-License-Identifier: BSD-3-Clause */
/* The options of a search. */
#include <string.h>

#include "option.h"

bool
set_size(struct options *opt, const char *what, const char *arg)
{
	struct search_options *so = &opt->search;
	char why[WHY];

	if (so->n_sizes == MAX_SIZES) {
		complain("%s=%s: at most %u sizes are measured in one run", what, arg, MAX_SIZES);
		return false;
	}
	if (!mix_parse(arg, &so->sizes[so->n_sizes], why)) {
		complain("%s", why);
		return false;
	}
	for (unsigned i = 0; i < so->n_sizes; i++)
		if (!strcmp(so->sizes[i].name, arg)) {
			complain("%s=%s is given twice", what, arg);
			return false;
		}
	so->n_sizes++;
	return true;
}

bool
set_goal(struct options *opt, const char *what, const char *arg)
{
	struct search_options *so = &opt->search;
	char why[WHY];

	if (so->n_goals == SEARCH_MAX_GOALS) {
		complain("%s=%s: at most %u goals are searched together", what, arg,
			 SEARCH_MAX_GOALS);
		return false;
	}
	if (goal_parse(arg, &so->goals[so->n_goals], why)) {
		so->n_goals++;
		return true;
	}
	complain("%s", why);
	return false;
}

bool
set_method(struct options *opt, const char *what, const char *arg)
{
	if (!strcmp(arg, "mlrsearch"))
		opt->search.method = SEARCH_MLR;
	else if (!strcmp(arg, "binary"))
		opt->search.method = SEARCH_BINARY;
	else
		complain("%s=%s: there are mlrsearch (RFC 9971) and binary (RFC 2544)", what, arg);
	return !strcmp(arg, "mlrsearch") || !strcmp(arg, "binary");
}

static bool
set_load(struct load *load, const char *what, const char *arg)
{
	char why[WHY];

	if (load_parse(what, arg, load, why))
		return true;
	complain("%s", why);
	return false;
}

bool
set_min_load(struct options *opt, const char *what, const char *arg)
{
	return set_load(&opt->search.min_load, what, arg);
}

bool
set_max_load(struct options *opt, const char *what, const char *arg)
{
	return set_load(&opt->search.max_load, what, arg);
}

bool
set_link_speed(struct options *opt, const char *what, const char *arg)
{
	char why[WHY];

	if (link_speed_parse(what, arg, &opt->search.link_bps, why))
		return true;
	complain("%s", why);
	return false;
}

bool
set_max_time(struct options *opt, const char *what, const char *arg)
{
	char why[WHY];

	if (parse_seconds(what, arg, &opt->search.max_seconds, why))
		return true;
	complain("%s", why);
	return false;
}

bool
set_no_warm_up(struct options *opt, const char *what, const char *arg)
{
	opt->search.no_warm_up = true;
	return true;
}

void
search_options_complete(struct search_options *so)
{
	char why[WHY];

	if (!so->n_goals && goal_parse("ndr", &so->goals[0], why) &&
	    goal_parse("pdr", &so->goals[1], why))
		so->n_goals = 2;
	if (!so->n_sizes && mix_parse("64", &so->sizes[0], why))
		so->n_sizes = 1;
}
