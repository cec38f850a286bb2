/* SPDX-License-Identifier: BSD-3-Clause */
/* Goals by name and by their parts. */
#include "goal.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/*
 * rfc2544: RFC 2544, section 26.1. tst009: ETSI GS NFV-TST 009, as RFC 9971 words it. ndr and pdr:
 * what FD.io's CSIT reports. ci: pdr in a hurry.
 */
static const struct goal known[] = {
	{ "rfc2544", 1, 60, 60, 0, 0, 0.005 },      { "tst009", 1, 60, 120, 0, 0.5, 0.005 },
	{ "ndr", 1, 1, 21, 0, 0.5, 0.005 },         { "pdr", 1, 1, 21, 0.005, 0.5, 0.005 },
	{ "ci", 0.1, 0.1, 1.1, 0.005, 0.5, 0.005 },
};

#define N_KNOWN (sizeof(known) / sizeof(known[0]))

const struct goal *
goal_known(unsigned i)
{
	return i < N_KNOWN ? &known[i] : NULL;
}

static const struct goal *
find(const char *name, size_t len)
{
	for (size_t i = 0; i < N_KNOWN; i++)
		if (strlen(known[i].name) == len && !strncasecmp(known[i].name, name, len))
			return &known[i];
	return NULL;
}

static bool
number(const char *text, double *value, const char **rest)
{
	char *end;

	errno = 0;
	*value = strtod(text, &end);
	*rest = end;
	return end != text && !errno && isfinite(*value);
}

bool
parse_seconds(const char *what, const char *text, double *seconds, char why[WHY])
{
	static const struct {
		const char *unit;
		double factor;
	} units[] = { { "", 1 }, { "s", 1 }, { "ms", 1e-3 }, { "us", 1e-6 }, { "min", 60 } };
	const char *rest;

	if (!number(text, seconds, &rest)) {
		snprintf(why, WHY,
			 "%s=%s: \"%s\" does not begin with a number; write 60s, 100ms or "
			 "2min",
			 what, text, text);
		return false;
	}
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(rest, units[i].unit) != 0)
			continue;
		*seconds *= units[i].factor;
		if (*seconds >= 1e-6 && *seconds <= 1e6)
			return true;
		snprintf(why, WHY, "%s=%s is out of range; 1us to 1000000s is possible", what,
			 text);
		return false;
	}
	snprintf(why, WHY, "%s=%s: there is no unit \"%s\"; there are s, ms, us and min", what,
		 text, rest);
	return false;
}

bool
parse_ratio(const char *what, const char *text, double *ratio, char why[WHY])
{
	const char *rest;

	if (!number(text, ratio, &rest)) {
		snprintf(why, WHY,
			 "%s=%s: \"%s\" does not begin with a number; write 0.5%% or "
			 "0.005",
			 what, text, text);
		return false;
	}
	if (!strcmp(rest, "%")) {
		*ratio /= 100;
	} else if (*rest) {
		snprintf(why, WHY, "%s=%s: \"%s\" behind the number is not %%", what, text, rest);
		return false;
	}
	if (*ratio >= 0 && *ratio < 1)
		return true;
	snprintf(why, WHY, "%s=%s is out of range; from 0%% to below 100%% is possible", what,
		 text);
	return false;
}

static bool
check(const struct goal *g, char why[WHY])
{
	if (!(g->width > 0))
		snprintf(why, WHY, "goal %s: a width of 0 is never reached; 0.5%% is usual",
			 g->name);
	else if (g->initial > g->trial)
		snprintf(why, WHY,
			 "goal %s: the first trials (initial=%gs) are longer than the final ones "
			 "(trial=%gs)",
			 g->name, g->initial, g->trial);
	else if (g->sum < g->trial)
		snprintf(why, WHY,
			 "goal %s: the duration sum (sum=%gs) is shorter than one final trial "
			 "(trial=%gs)",
			 g->name, g->sum, g->trial);
	else if (g->sum / g->trial > 10000)
		snprintf(why, WHY,
			 "goal %s: sum=%gs of trials of %gs are %.0f trials at each load; at most "
			 "10000 are possible",
			 g->name, g->sum, g->trial, g->sum / g->trial);
	else
		return true;
	return false;
}

/* One KEY=VALUE. */
static bool
set_part(struct goal *g, const char *part, unsigned *given, char why[WHY])
{
	struct {
		const char *key;
		double *value;
		bool seconds;
	} parts[] = {
		{ "initial", &g->initial, true }, { "trial", &g->trial, true },
		{ "sum", &g->sum, true },         { "loss", &g->loss, false },
		{ "exceed", &g->exceed, false },  { "width", &g->width, false },
	};
	size_t len = strcspn(part, "=");

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (strlen(parts[i].key) != len || strncmp(parts[i].key, part, len) != 0)
			continue;
		if (!part[len]) {
			snprintf(why, WHY, "goal %s: %s wants a value, as %s=%s", g->name, part,
				 part, parts[i].seconds ? "1s" : "0.5%");
			return false;
		}
		if (*given & 1u << i) {
			snprintf(why, WHY, "goal %s: %s is given twice", g->name, parts[i].key);
			return false;
		}
		*given |= 1u << i;
		return parts[i].seconds
			       ? parse_seconds(parts[i].key, part + len + 1, parts[i].value, why)
			       : parse_ratio(parts[i].key, part + len + 1, parts[i].value, why);
	}
	snprintf(why, WHY,
		 "goal %s: there is no \"%.*s\"; there are initial, trial, sum, loss, exceed and "
		 "width",
		 g->name, (int)len, part);
	return false;
}

/* The durations that follow when only some of them are given. */
static void
complete(struct goal *g, unsigned given)
{
	if (!(given & 1) && g->initial > g->trial)
		g->initial = g->trial;
	if (!(given & 4) && g->sum < g->trial)
		g->sum = g->trial;
}

bool
goal_parse(const char *text, struct goal *goal, char why[WHY])
{
	size_t len = strcspn(text, ":");
	const struct goal *base = find(text, len);
	const char *at = text[len] ? text + len + 1 : NULL;
	unsigned given = 0;
	char part[64];

	if (!len || len >= sizeof(goal->name) ||
	    strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") <
		    len) {
		snprintf(why, WHY,
			 "goal \"%.*s\": a name has 1 to %zu letters, digits, \"-\" or \"_\"",
			 (int)(len < 64 ? len : 64), text, sizeof(goal->name) - 1);
		return false;
	}
	if (!base && !at) {
		snprintf(why, WHY,
			 "there is no goal \"%s\"; there are rfc2544, tst009, ndr, pdr and ci, and "
			 "those made like NAME:loss=0.1%%,trial=10s",
			 text);
		return false;
	}
	*goal = base ? *base : *find("ndr", 3);
	if (!base)
		snprintf(goal->name, sizeof(goal->name), "%.*s", (int)len, text);
	while (at) {
		size_t n = strcspn(at, ",");

		if (n >= sizeof(part)) {
			snprintf(why, WHY, "goal %s: \"%.40s...\" is too long", goal->name, at);
			return false;
		}
		snprintf(part, sizeof(part), "%.*s", (int)n, at);
		if (!set_part(goal, part, &given, why))
			return false;
		at = at[n] ? at + n + 1 : NULL;
	}
	if (!base && !(given & 8)) {
		snprintf(why, WHY, "goal %s: a goal of a new name needs loss, as %s:loss=0.1%%",
			 goal->name, goal->name);
		return false;
	}
	complete(goal, given);
	return check(goal, why);
}
