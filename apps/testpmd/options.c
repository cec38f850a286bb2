/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line: options for the environment, "--", options for the application. The options are
 * in option_rows.c, their values in values.c. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "option.h"

/* What getopt_long() wants, made from the rows of one part. */
struct getopt_tables {
	struct option options[MAX_OPTION_NAMES]; /* val: LONG + the row's number */
	char names[MAX_OPTION_NAMES][MAX_OPTION_NAME];
	unsigned n_options;
	char letters[256];
	const struct option_row *by_letter[128];
};

#define LONG 256

bool
option_next_name(const char **names, char name[MAX_OPTION_NAME])
{
	size_t len;

	if (!*names)
		return false;
	*names += strspn(*names, " ");
	len = strcspn(*names, " ");
	snprintf(name, MAX_OPTION_NAME, "%.*s", (int)len, *names);
	*names += len;
	return len > 0;
}

static int
argument_of(const struct option_row *row)
{
	if (!row->arg)
		return no_argument;
	return row->arg[0] == '[' ? optional_argument : required_argument;
}

static void
add_name(struct getopt_tables *t, const struct option_row *row, const char *name)
{
	int argument = argument_of(row);

	if (name[1] == '-') {
		unsigned n = t->n_options++;

		snprintf(t->names[n], sizeof(t->names[n]), "%s", name + 2);
		t->options[n] = (struct option){ t->names[n], argument, NULL,
						 LONG + (int)(row - option_rows) };
	} else {
		size_t len = strlen(t->letters);

		t->by_letter[(unsigned char)name[1] % 128] = row;
		snprintf(t->letters + len, sizeof(t->letters) - len, "%c%.*s", name[1], argument,
			 "::");
	}
}

static void
make_tables(struct getopt_tables *t, enum part part)
{
	*t = (struct getopt_tables){ .letters = "+:" };
	for (const struct option_row *row = option_rows; row->names; row++) {
		const char *lists[] = { row->names, row->old };
		char name[MAX_OPTION_NAME];

		for (unsigned i = 0; row->part == part && i < 2; i++)
			while (option_next_name(&lists[i], name))
				add_name(t, row, name);
	}
}

static bool
apply(struct options *opt, const struct option_row *row, const char *what, const char *arg)
{
	char *field = (char *)opt + row->at;

	switch (row->kind) {
	case OPTION_TRUE:
		*(bool *)field = true;
		return true;
	case OPTION_UINT:
		return set_uint(what, arg, row->min, row->max, (unsigned *)(void *)field);
	case OPTION_TEXT:
		*(const char **)(void *)field = arg;
		return true;
	case OPTION_NOTHING:
	case OPTION_SET:
		return !row->set || row->set(opt, what, arg);
	case OPTION_NOTED:
		if (row->set && !row->set(opt, what, arg))
			return false;
		complain("%s has no meaning here and is ignored: %s", what, row->help);
		return true;
	case OPTION_REFUSED:
		complain("%s%s%s: %s", what, arg ? "=" : "", arg ? arg : "", row->help);
		return false;
	}
	return false;
}

static const char *
nearest(const struct getopt_tables *t, const char *word)
{
	const char *list[MAX_OPTION_NAMES + 1] = { NULL };

	for (unsigned i = 0; i < t->n_options; i++)
		list[i] = t->options[i].name;
	return baton_nearest(word, list);
}

static bool
find(const struct getopt_tables *t, const char *word, unsigned *n_prefix)
{
	bool found = false;

	*n_prefix = 0;
	for (unsigned i = 0; i < t->n_options; i++) {
		found |= !strcmp(t->options[i].name, word);
		*n_prefix += !strncmp(t->options[i].name, word, strlen(word));
	}
	return found;
}

/* getopt said '?' or ':': say what is wrong with `text`, the argument it stumbled over. */
static void
explain(const struct getopt_tables *mine, enum part part, const char *text, int letter, int why)
{
	struct getopt_tables other;
	const char *near;
	char word[64];
	bool env = part == ENV;
	unsigned n_prefix, n_other;

	make_tables(&other, env ? APP : ENV);
	if (strncmp(text, "--", 2)) {
		if (why == ':')
			complain("-%c wants an argument; see --help", letter);
		else if (letter > 0 && letter < 128 && other.by_letter[letter])
			complain("-%c belongs %s the \"--\" that separates environment and "
				 "application options",
				 letter, env ? "after" : "before");
		else
			complain("no option -%c %s \"--\"; see --help", letter,
				 env ? "before" : "after");
		return;
	}
	snprintf(word, sizeof(word), "%.*s", (int)strcspn(text + 2, "="), text + 2);
	if ((find(mine, word, &n_prefix) || n_prefix == 1) && why == ':')
		complain("--%s wants an argument, as in --%s=VALUE", word, word);
	else if (find(mine, word, &n_prefix) || n_prefix == 1)
		complain("--%s takes no argument", word);
	else if (n_prefix)
		complain("--%s could be one of %u options; write more of it", word, n_prefix);
	else if (find(&other, word, &n_other))
		complain("--%s belongs %s the \"--\" that separates environment and application "
			 "options",
			 word, env ? "after" : "before");
	else if ((near = nearest(mine, word)))
		complain("no option --%s; did you mean --%s?", word, near);
	else if ((near = nearest(&other, word)))
		complain("no option --%s; did you mean --%s, %s \"--\"?", word, near,
			 env ? "after" : "before");
	else
		complain("no option --%s; see --help", word);
}

static enum parsed
parse_part(struct options *opt, int argc, char **argv, enum part part)
{
	static struct getopt_tables t;
	int o, index = -1, at = 1;

	make_tables(&t, part);
	optind = 0; /* glibc: start afresh */
	opterr = 0;
	while (at = optind ? optind : 1, index = -1,
	       (o = getopt_long(argc, argv, t.letters, t.options, &index)) != -1) {
		const struct option_row *row;
		char what[MAX_OPTION_NAME + 2];

		if (o == '?' || o == ':') {
			explain(&t, part, argv[at], optopt, o);
			return PARSED_ERROR;
		}
		row = o >= LONG ? &option_rows[o - LONG] : t.by_letter[o];
		if (o >= LONG)
			snprintf(what, sizeof(what), "--%s", t.options[index].name);
		else
			snprintf(what, sizeof(what), "-%c", o);
		if (!apply(opt, row, what, optarg))
			return PARSED_ERROR;
		if (opt->printed)
			return PARSED_EXIT;
	}
	if (optind < argc) {
		complain("\"%s\" is not an option; see --help", argv[optind]);
		return PARSED_ERROR;
	}
	return PARSED_RUN;
}

/*
 * As in dpdk-testpmd: a number for one direction is not one for the other, and there are as many
 * streams as both have queues. Only that a number for one alone is taken for both, since queues
 * without partner are of no use.
 */
static void
count_queues(struct options *opt)
{
	if (!opt->rxq)
		opt->rxq = opt->txq ? opt->txq : 1;
	if (!opt->txq)
		opt->txq = opt->rxq;
	opt->queues = opt->rxq < opt->txq ? opt->rxq : opt->txq;
	if (opt->rxq > opt->txq)
		complain("--rxq=%u --txq=%u: nobody forwards what arrives in RX queues %u and up",
			 opt->rxq, opt->txq, opt->txq);
}

/* Before the first port is opened, which may cost a file: whether all of them can be. */
static bool
check_vdevs(const struct options *opt, const struct baton_ctx *ctx)
{
	for (unsigned i = 0; i < opt->n_vdevs; i++) {
		size_t len = strcspn(opt->vdevs[i], ",");

		if (baton_port_check(ctx, opt->vdevs[i]) < 0) {
			complain("%s", baton_last_error());
			return false;
		}
		for (unsigned k = 0; k < i; k++) {
			if (strcspn(opt->vdevs[k], ",") != len ||
			    strncmp(opt->vdevs[k], opt->vdevs[i], len) != 0)
				continue;
			complain("port %.*s is named twice: give one of them another number",
				 (int)len, opt->vdevs[i]);
			return false;
		}
	}
	return true;
}

/* With the drivers of -d. */
static bool
check_ports(const struct options *opt)
{
	bool failed = false, fine;
	struct baton_ctx *ctx = drivers_try(opt, &failed);

	fine = !failed && check_vdevs(opt, ctx);
	if (ctx)
		(void)baton_ctx_destroy(ctx);
	return fine;
}

/* What only the whole command line can tell. */
static bool
check(struct options *opt)
{
	unsigned fwd;

	if (!opt->n_vdevs) {
		complain("no ports: name at least one, a PCI device with -a 0000:00:03.0, another "
			 "with --vdev=net_null0");
		return false;
	}
	if (!check_ports(opt))
		return false;
	if (opt->no_huge && opt->huge_dir) {
		complain("--no-huge and --huge-dir=%s contradict each other", opt->huge_dir);
		return false;
	}
	if (!check_environment(opt) || !cores_check(opt))
		return false;
	if (!check_selection(opt))
		return false;
	count_queues(opt);
	fwd = select_max_cores(opt);
	if (opt->nb_cores > fwd) {
		complain("--nb-cores=%u: %u core%s can forward; %s", opt->nb_cores, fwd,
			 fwd == 1 ? "" : "s",
			 opt->n_fwd_lcores ? "--coremask names no others"
					   : "the first of -l is the main thread's");
		return false;
	}
	if (opt->reach.confine > 0 && opt->reach.bounce == BATON_BOUNCE_NEVER) {
		complain("--confine=on copies every packet, and --bounce=never copies none: leave "
			 "one of them out");
		return false;
	}
	if (opt->no_device_start && (!opt->interactive || opt->auto_start) &&
	    !opt->n_cmdline_files) {
		complain("--disable-device-start: only the prompt starts ports, with -i and "
			 "without "
			 "--auto-start, or the commands of a --cmdline-file");
		return false;
	}
	if (opt->sleep_idle && mode_sends(opt->mode)) {
		complain("--sleep-idle: in mode %s there is always something to send",
			 fwd_mode_name(opt->mode));
		return false;
	}
#ifndef TESTPMD_HAVE_JANSSON
	if (opt->stats_json) {
		complain("--stats-json: built without jansson");
		return false;
	}
#endif
	if (!files_check(opt))
		return false;
	/* Now, and not when an hour's numbers are there. */
	if (opt->stats_json && !json_check(opt->stats_json))
		return false;
	if (opt->interactive && opt->stats_period)
		complain("--stats-period has no effect with -i; type show port stats all");
	return true;
}

enum parsed
options_parse(struct options *opt, int argc, char **argv)
{
	int split = 1;
	enum parsed parsed;

	*opt = (struct options){
		.log_level = BATON_LOG_INFO,
		.main_lcore = -1,
		.retries = DEF_RETRIES,
		.retry_us = DEF_RETRY_US,
		.burst = DEF_BURST,
		.nb_cores = 1,
		.txpkts = { DEF_TXPKT },
		.n_txpkts = 1,
		.tx_ip = { 0xc6120001,
			   0xc6120002 }, /* 198.18.0.1 and .2, for benchmarks: RFC 2544 */
		.tx_udp = { 9, 9 },      /* discard */
		.flows = 1024,
		.reach = { .bounce = -1, .confine = -1 },
	};
	while (split < argc && strcmp(argv[split], "--"))
		split++;
	parsed = parse_part(opt, split, argv, ENV);
	/* The "--" stands in for the program's name, which getopt skips. */
	if (parsed == PARSED_RUN && split < argc)
		parsed = parse_part(opt, argc - split, argv + split, APP);
	if (parsed == PARSED_RUN && opt->banner && argc == 2) /* -v alone */
		return PARSED_EXIT;
	if (parsed == PARSED_RUN && !check(opt))
		return PARSED_ERROR;
	return parsed;
}
