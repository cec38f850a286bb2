/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of baton-perf share: the command line's outcome, and how a run ends. */
#ifndef PERF_PERF_H
#define PERF_PERF_H

#include "load.h"
#include "report.h"
#include "search.h"
#include "traffic.h"

/* The exit status tells which kind of end it was. */
enum perf_exit {
	PERF_OK = 0,
	PERF_FAILED = 1,           /* a port, memory, or a file that could not be written */
	PERF_USAGE = 2,            /* the command line cannot be */
	PERF_ASSERT = 3,           /* an assertion does not hold */
	PERF_INTERRUPTED = 4,      /* by the user; the results so far are written */
	PERF_INSTRUMENT_LIMIT = 5, /* three trials at one load were void */
	PERF_WORSE = 6,            /* --compare: a goal became worse */
	PERF_TOO_LONG = 7,         /* --max-time or --max-trials ended a search */
};

#define MAX_ASSERTS 32
#define MAX_SIZES   64
#define MAX_LOADS   16

/* Where results go, and what is expected of them. */
struct outputs {
	const char *json, *html; /* NULL: not written */
	const char *compare;     /* an earlier report; NULL: none */
	bool quiet;              /* no tables on the terminal */
	struct report_assert asserts[MAX_ASSERTS];
	unsigned n_asserts;
	json_t *old; /* of compare */
};

/* What is searched. */
struct search_options {
	struct size_mix sizes[MAX_SIZES]; /* one search each */
	unsigned n_sizes;
	struct goal goals[SEARCH_MAX_GOALS];
	unsigned n_goals;
	enum search_method method;
	struct load min_load, max_load; /* without text: a thousandth of the highest, the link's */
	double link_bps;                /* 0: what the port reports */
	double max_seconds;             /* of one search; 0: no limit */
	bool no_warm_up;
};

/* Ports and packets. */
struct traffic_options {
	const char *port[TRAFFIC_PORTS];
	unsigned n_ports;
	bool no_huge, one_way;
	struct flow_spec flows;
	bool has_peer[TRAFFIC_PORTS];
	uint8_t peer[TRAFFIC_PORTS][6];
	struct load rate, loads[MAX_LOADS];
	unsigned n_loads;
	double seconds; /* of a trial; 0: 10 */
};

struct options {
	const struct command *command; /* NULL: only --help or --version was asked for */
	int argc;
	char **argv;
	const char *file; /* the argument that is no option; NULL: none */
	bool printed;     /* help or version: nothing is to be done */
	struct outputs out;
	struct search_options search;
	struct traffic_options traffic;
};

/* A word behind baton-perf. */
struct command {
	const char *name,
		*argument; /* of the argument that is no option, in capitals; NULL: none */
	const char *help;  /* a phrase without a period */
	enum perf_exit (*run)(struct options *opt);
};
extern const struct command commands[]; /* one without a name ends it */

/** Print a message as printf() does, with the program's name, to standard error. */
void complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/** Do what the command line asks for. Return: the exit status. */
enum perf_exit perf_main(int argc, char **argv);

/* signals.c */
/** From now on SIGINT and SIGTERM only make perf_stopped() true; the second one ends the process.
 */
void perf_catch_signals(void);
bool perf_stopped(void);

/* search_options.c */
/** Fill in what was not given: NDR and PDR with 64 bytes. */
void search_options_complete(struct search_options *so);

/* options.c */
/** Read the command line. Return: false: it cannot be, and complain() has said why. */
bool options_parse(struct options *opt, int argc, char **argv);
/** Print the help of @command, or of all (NULL). */
void options_help(const struct command *command);

/* outputs.c */
/** Check, before anything is measured, that results can be written and compared. */
bool outputs_check(struct outputs *out);
/** Write the files of @out from @doc. Return: false: one cannot be; complain() has said why. */
bool outputs_write(const struct outputs *out, const json_t *doc);
/**
 * End a run whose own end is @end: check the assertions, write the files and tables, compare.
 *
 * Return: @end if that is not PERF_OK, else what the assertions and the comparison make of it.
 */
enum perf_exit outputs_end(struct outputs *out, json_t *doc, enum perf_exit end);
/** Release what outputs_check() read. */
void outputs_free(struct outputs *out);

/* session.c */
struct session {
	struct options *opt;
	struct baton_ctx *ctx;
	struct traffic *traffic;
	struct report *report;
	double link_bps; /* of the slowest link, or --link-speed; 0: not known */
	double begun;    /* CLOCK_MONOTONIC, in seconds */
};
/** Open the ports, wait for their links, and begin a report. Return: PERF_OK, or why not. */
enum perf_exit session_open(struct session *s, struct options *opt);
/** Return: seconds since session_open(). */
double session_seconds(const struct session *s);
/** End the report and the run, whose own end is @end, and close the ports. Return: the exit status.
 */
enum perf_exit session_end(struct session *s, enum perf_exit end, const char *text);
/**
 * Run a trial that belongs to no search, with progress, and add it and its histograms to the
 * report.
 *
 * @label: of the histograms; NULL: none.
 */
enum perf_exit session_trial(struct session *s, const struct trial_request *request,
			     const char *label, char why[WHY]);

/* cmd_rate.c, cmd_throughput.c, cmd_latency.c */
enum perf_exit rate_command(struct options *opt);
enum perf_exit throughput_command(struct options *opt);
enum perf_exit latency_command(struct options *opt);
/** Fill in what throughput_run() measures: the traffic of @s. */
struct throughput_device;
void session_device(struct session *s, struct throughput_device *device);

/* cmd_report.c */
enum perf_exit report_command(struct options *opt);

#endif
