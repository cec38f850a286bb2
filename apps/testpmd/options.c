/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line: options for the environment, "--", options for the application. Their values:
 * values.c. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "testpmd.h"

enum {
	/* before "--"; short options are their letter */
	O_IGNORED = 256, /* means something to DPDK, and nothing here */
	O_SILENT,        /* asks for what is so anyway */
	O_PCI,
	O_HELP,
	O_VERSION,
	O_LCORES,
	O_NO_HUGE,
	O_HUGE_DIR,
	O_VDEV,
	O_LOG_LEVEL,
	O_MAIN_LCORE,
	/* after it */
	O_MODE,
	O_RXD,
	O_TXD,
	O_RXQ,
	O_TXQ,
	O_BURST,
	O_TXPKTS,
	O_RETRY,
	O_STATS_PERIOD,
	O_STATS_JSON,
	O_TX_FIRST,
	O_AUTO_START,
	O_INTERACTIVE,
	O_MBUFS,
	O_MBUF_SIZE,
	O_MBCACHE,
	O_CYCLES,
	O_NB_CORES,
	O_MAX_PKT_LEN,
	O_MTU,
	O_TOPOLOGY,
	O_STOP_AFTER,
	O_RUN_TIME,
	O_SLEEP_IDLE,
	O_RX_CSUM,
	O_BOUNCE,
	O_CONFINE,
	O_DMA_LIMIT,
	O_RING_LIMIT,
	O_WINDOW,
};

#define NONE no_argument
#define NEED required_argument
#define MAY  optional_argument

static const struct option env_options[] = {
	{ "help", NONE, 0, O_HELP },
	{ "version", NONE, 0, O_VERSION },
	{ "lcores", NEED, 0, O_LCORES },
	{ "no-huge", NONE, 0, O_NO_HUGE },
	{ "huge-dir", NEED, 0, O_HUGE_DIR },
	{ "vdev", NEED, 0, O_VDEV },
	{ "log-level", NEED, 0, O_LOG_LEVEL },
	{ "allow", NEED, 0, O_PCI },
	{ "no-pci", NONE, 0, O_SILENT },
	{ "block", NEED, 0, O_SILENT },
	{ "socket-mem", NEED, 0, O_IGNORED },
	{ "socket-limit", NEED, 0, O_IGNORED },
	{ "file-prefix", NEED, 0, O_IGNORED },
	{ "single-file-segments", NONE, 0, O_SILENT },
	{ "in-memory", NONE, 0, O_SILENT },
	{ "no-shconf", NONE, 0, O_SILENT },
	{ "no-telemetry", NONE, 0, O_SILENT },
	{ "no-hpet", NONE, 0, O_SILENT },
	{ "huge-unlink", MAY, 0, O_SILENT },
	{ "match-allocations", NONE, 0, O_IGNORED },
	{ "legacy-mem", NONE, 0, O_IGNORED },
	{ "iova-mode", NEED, 0, O_IGNORED },
	{ "main-lcore", NEED, 0, O_MAIN_LCORE },
	{ "vfio-intr", NEED, 0, O_IGNORED },
	{ "syslog", NEED, 0, O_IGNORED },
	{ "base-virtaddr", NEED, 0, O_IGNORED },
	{ "telemetry", NONE, 0, O_SILENT },
	{ "proc-type", NEED, 0, O_IGNORED },
	{ "force-max-simd-bitwidth", NEED, 0, O_IGNORED },
	{ 0 },
};

static const struct option app_options[] = {
	{ "help", NONE, 0, O_HELP },
	{ "version", NONE, 0, O_VERSION },
	{ "forward-mode", NEED, 0, O_MODE },
	{ "fwd", NEED, 0, O_MODE },
	{ "rxd", NEED, 0, O_RXD },
	{ "txd", NEED, 0, O_TXD },
	{ "rxq", NEED, 0, O_RXQ },
	{ "txq", NEED, 0, O_TXQ },
	{ "burst", NEED, 0, O_BURST },
	{ "txpkts", NEED, 0, O_TXPKTS },
	{ "retry", MAY, 0, O_RETRY },
	{ "stats-period", NEED, 0, O_STATS_PERIOD },
	{ "stats-json", NEED, 0, O_STATS_JSON },
	{ "tx-first", NONE, 0, O_TX_FIRST },
	{ "auto-start", NONE, 0, O_AUTO_START },
	{ "interactive", NONE, 0, O_INTERACTIVE },
	{ "total-num-mbufs", NEED, 0, O_MBUFS },
	{ "mbuf-size", NEED, 0, O_MBUF_SIZE },
	{ "mbcache", NEED, 0, O_MBCACHE },
	{ "record-core-cycles", NONE, 0, O_CYCLES },
	{ "nb-cores", NEED, 0, O_NB_CORES },
	{ "max-pkt-len", NEED, 0, O_MAX_PKT_LEN },
	{ "mtu", NEED, 0, O_MTU },
	{ "port-topology", NEED, 0, O_TOPOLOGY },
	{ "stop-after", NEED, 0, O_STOP_AFTER },
	{ "run-time", NEED, 0, O_RUN_TIME },
	{ "sleep-idle", NONE, 0, O_SLEEP_IDLE },
	{ "enable-rx-cksum", NONE, 0, O_RX_CSUM },
	{ "bounce", NEED, 0, O_BOUNCE },
	{ "confine", NEED, 0, O_CONFINE },
	{ "dma-limit", NEED, 0, O_DMA_LIMIT },
	{ "ring-limit", NEED, 0, O_RING_LIMIT },
	{ "window", NEED, 0, O_WINDOW },
	{ "no-flush-rx", NONE, 0, O_SILENT },
	{ "no-lsc-interrupt", NONE, 0, O_IGNORED },
	{ "no-rmv-interrupt", NONE, 0, O_IGNORED },
	{ "disable-link-check", NONE, 0, O_SILENT },
	{ "disable-rss", NONE, 0, O_IGNORED },
	{ "no-mlockall", NONE, 0, O_SILENT },
	{ "numa", NONE, 0, O_IGNORED },
	{ "no-numa", NONE, 0, O_IGNORED },
	{ "mp-alloc", NEED, 0, O_IGNORED },
	{ "rxfreet", NEED, 0, O_IGNORED },
	{ "txfreet", NEED, 0, O_IGNORED },
	{ "txrst", NEED, 0, O_IGNORED },
	{ 0 },
};

#define MAX_NAMES 64
_Static_assert(sizeof(env_options) / sizeof(env_options[0]) <= MAX_NAMES, "names() has room");
_Static_assert(sizeof(app_options) / sizeof(app_options[0]) <= MAX_NAMES, "names() has room");

static bool
set_vdev(struct options *opt, const char *text)
{
	if (opt->n_vdevs == BATON_MAX_PORTS) {
		complain("--vdev: at most %u ports", BATON_MAX_PORTS);
		return false;
	}
	opt->vdevs[opt->n_vdevs++] = text;
	return true;
}

static bool
set_main_lcore(struct options *opt, const char *arg)
{
	unsigned id;

	if (!set_uint("--main-lcore", arg, 0, CPU_SETSIZE - 1, &id))
		return false;
	opt->main_lcore = (int)id;
	return true;
}

static bool
env_option(struct options *opt, int o, const char *arg)
{
	unsigned ignored;

	switch (o) {
	case 'l':
		return cores_parse_list(opt, "-l", arg);
	case 'c':
		return cores_parse_mask(opt, arg);
	case O_LCORES:
		return cores_parse_list(opt, "--lcores", arg);
	case 'm':
		complain("-m has no meaning here and is ignored: memory is taken as the pool needs "
			 "it");
		return set_uint("-m", arg, 1, 1u << 30, &ignored);
	case 'n':
		return set_uint("-n", arg, 1, 32, &ignored);
	case 'a':
	case O_PCI:
		return set_vdev(opt, arg);
	case O_NO_HUGE:
		opt->no_huge = true;
		return true;
	case O_HUGE_DIR:
		opt->huge_dir = arg;
		return true;
	case O_VDEV:
		return set_vdev(opt, arg);
	case O_MAIN_LCORE:
		return set_main_lcore(opt, arg);
	case O_LOG_LEVEL:
		return set_log_level(opt, arg);
	default:
		return true;
	}
}

static bool
set_retry(struct options *opt, const char *arg)
{
	opt->retry = true;
	return !arg || set_uint("--retry", arg, 1, MAX_RETRIES, &opt->retries);
}

static bool
app_switch(struct options *opt, int o)
{
	switch (o) {
	case O_TX_FIRST:
		opt->tx_first = true;
		break;
	case 'a':
	case O_AUTO_START:
		opt->auto_start = true;
		break;
	case 'i':
	case O_INTERACTIVE:
		opt->interactive = true;
		break;
	case O_CYCLES:
		opt->record_cycles = true;
		break;
	case O_SLEEP_IDLE:
		opt->sleep_idle = true;
		break;
	case O_RX_CSUM:
		opt->rx_csum = true;
		break;
	default:
		break;
	}
	return true;
}

static bool
app_option(struct options *opt, int o, const char *arg)
{
	int i;

	switch (o) {
	case O_MODE:
		i = choose("--forward-mode", arg, fwd_mode_names);
		opt->mode = i < 0 ? opt->mode : (enum fwd_mode)i;
		return i >= 0;
	case O_TOPOLOGY:
		i = choose("--port-topology", arg, topology_names);
		opt->topology = i < 0 ? opt->topology : (enum topology)i;
		return i >= 0;
	case O_RXD:
		return set_descs("--rxd", arg, &opt->rxd);
	case O_TXD:
		return set_descs("--txd", arg, &opt->txd);
	case O_RXQ:
	case O_TXQ:
		return set_uint(o == O_RXQ ? "--rxq" : "--txq", arg, 1, BATON_MAX_QUEUES,
				o == O_RXQ ? &opt->rxq : &opt->txq);
	case O_BURST:
		return set_uint("--burst", arg, 1, MAX_BURST, &opt->burst);
	case O_TXPKTS:
		return set_txpkts(opt, arg);
	case O_RETRY:
		return set_retry(opt, arg);
	case O_STATS_PERIOD:
		return set_uint("--stats-period", arg, 0, 86400, &opt->stats_period);
	case O_STATS_JSON:
		opt->stats_json = arg;
		return true;
	case O_MBUFS:
		return set_uint("--total-num-mbufs", arg, 64, BATON_MAX_BUFS, &opt->total_mbufs);
	case O_MBUF_SIZE:
		return set_uint("--mbuf-size", arg, 2 * BATON_DEFAULT_HEADROOM, 65535,
				&opt->mbuf_size);
	case O_MBCACHE:
		return set_uint("--mbcache", arg, 1, 8192, &opt->mbcache);
	case O_NB_CORES:
		return set_uint("--nb-cores", arg, 1, MAX_LCORES, &opt->nb_cores);
	case O_MAX_PKT_LEN:
		return set_max_pkt_len(opt, arg);
	case O_MTU:
		return set_uint("--mtu", arg, BATON_MIN_MTU, BATON_MAX_MTU, &opt->mtu);
	case O_STOP_AFTER:
		return parse_uint("--stop-after", arg, 1, UINT64_MAX / 2, &opt->stop_after);
	case O_RUN_TIME:
		return set_run_time(opt, arg);
	case O_BOUNCE:
		return set_bounce(opt, arg);
	case O_CONFINE:
		return set_confine(opt, arg);
	case O_DMA_LIMIT:
		return set_uint("--dma-limit", arg, 12, 64, &opt->reach.dma_limit);
	case O_RING_LIMIT:
		return set_uint("--ring-limit", arg, 12, 64, &opt->reach.ring_limit);
	case O_WINDOW:
		return set_windows(opt, arg);
	default:
		return app_switch(opt, o);
	}
}

static const char **
names(const struct option *options, const char **list)
{
	unsigned n = 0;

	for (const struct option *o = options; o->name; o++)
		list[n++] = o->name;
	list[n] = NULL;
	return list;
}

static const struct option *
find(const struct option *options, const char *word, unsigned *n_prefix)
{
	*n_prefix = 0;
	for (const struct option *o = options; o->name; o++) {
		if (!strcmp(o->name, word))
			return o;
		*n_prefix += !strncmp(o->name, word, strlen(word));
	}
	return NULL;
}

/* getopt said '?' or ':': say what is wrong with `text`, the argument it stumbled over. */
static void
explain(const struct option *mine, bool env, const char *text, int letter, int why)
{
	const struct option *other = env ? app_options : env_options;
	const char *list[MAX_NAMES], *near;
	char word[64];
	unsigned n_prefix, n_other;

	if (strncmp(text, "--", 2)) {
		if (why == ':')
			complain("-%c wants an argument; see --help", letter);
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
	else if (find(other, word, &n_other))
		complain("--%s belongs %s the \"--\" that separates environment and application "
			 "options",
			 word, env ? "after" : "before");
	else if ((near = baton_nearest(word, names(mine, list))))
		complain("no option --%s; did you mean --%s?", word, near);
	else if ((near = baton_nearest(word, names(other, list))))
		complain("no option --%s; did you mean --%s, %s \"--\"?", word, near,
			 env ? "after" : "before");
	else
		complain("no option --%s; see --help", word);
}

static enum parsed
parse_part(struct options *opt, int argc, char **argv, bool env)
{
	const struct option *options = env ? env_options : app_options;
	int o, index = -1, at = 1;

	optind = 0; /* glibc: start afresh */
	opterr = 0;
	while (at = optind ? optind : 1, index = -1,
	       (o = getopt_long(argc, argv, env ? "+:hvl:c:m:n:a:b:" : "+:hvia", options,
				&index)) != -1) {
		if (o == '?' || o == ':') {
			explain(options, env, argv[at], optopt, o);
			return PARSED_ERROR;
		}
		if (o == 'h' || o == O_HELP) {
			help_print();
			return PARSED_EXIT;
		}
		if (o == 'v' || o == O_VERSION) {
			printf("baton-testpmd %s\n", baton_version());
			return PARSED_EXIT;
		}
		if (o == O_IGNORED)
			complain("--%s has no meaning here and is ignored", options[index].name);
		if (!(env ? env_option : app_option)(opt, o, optarg))
			return PARSED_ERROR;
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
	if (opt->no_huge && opt->huge_dir) {
		complain("--no-huge and --huge-dir=%s contradict each other", opt->huge_dir);
		return false;
	}
	if (!cores_check(opt))
		return false;
	count_queues(opt);
	fwd = opt->n_lcores > 1 ? opt->n_lcores - 1 : 1;
	if (opt->nb_cores > fwd) {
		complain("--nb-cores=%u: %u core%s can forward; the first of -l is the main "
			 "thread's",
			 opt->nb_cores, fwd, fwd == 1 ? "" : "s");
		return false;
	}
	if (opt->reach.confine > 0 && opt->reach.bounce == BATON_BOUNCE_NEVER) {
		complain("--confine=on copies every packet, and --bounce=never copies none: leave "
			 "one of them out");
		return false;
	}
	if (opt->sleep_idle && opt->mode == FWD_TXONLY) {
		complain("--sleep-idle: in mode txonly there is always something to send");
		return false;
	}
#ifndef TESTPMD_HAVE_JANSSON
	if (opt->stats_json) {
		complain("--stats-json: built without jansson");
		return false;
	}
#endif
	/* Now, and not when an hour's numbers are there. */
	if (opt->stats_json) {
		FILE *f = fopen(opt->stats_json, "a");

		if (!f) {
			complain("--stats-json=%s cannot be written: %s", opt->stats_json,
				 strerror(errno));
			return false;
		}
		fclose(f);
	}
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
		.burst = 32,
		.nb_cores = 1,
		.txpkts = { 64 },
		.n_txpkts = 1,
		.reach = { .bounce = -1, .confine = -1 },
	};
	while (split < argc && strcmp(argv[split], "--"))
		split++;
	parsed = parse_part(opt, split, argv, true);
	/* The "--" stands in for the program's name, which getopt skips. */
	if (parsed == PARSED_RUN && split < argc)
		parsed = parse_part(opt, argc - split, argv + split, false);
	if (parsed == PARSED_RUN && !check(opt))
		return PARSED_ERROR;
	return parsed;
}
