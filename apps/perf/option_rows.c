/* SPDX-License-Identifier: BSD-3-Clause */
/* The options: see option.h. */
#include "option.h"

/* Commands that have results. */
#define OUTPUT "report throughput"

const struct option_row option_rows[] = {
	{ NULL, "help", 'h', NULL, "this text, or that of the command", set_help },
	{ NULL, "version", 0, NULL, "print the version", set_version },
	{ OUTPUT, "json", 0, "FILE", "write the results as JSON: baton-perf report reads them",
	  set_json },
	{ OUTPUT, "html", 0, "FILE", "write one HTML file with charts, which needs no other file",
	  set_html },
	{ OUTPUT, "quiet", 'q', NULL, "print no tables", set_quiet },
	{ OUTPUT, "assert", 0, "TEXT",
	  "end with status 3 unless this holds, as ndr>=5Mpps, 64:pdr.lower>=9Gbps, loss<=0.1% or "
	  "latency.p99<=20us; may be repeated",
	  set_assert },
	{ OUTPUT, "compare", 0, "FILE",
	  "compare with the JSON of an earlier run, and end with status 6 if a goal became worse",
	  set_compare },
	{ "throughput", "size", 0, "SIZE",
	  "bytes with FCS; a list as 64,64,1518; imix; or a word of RFC 6985 as genome:aaafg. 64 "
	  "if "
	  "none is given; may be repeated",
	  set_size },
	{ "throughput", "goal", 0, "GOAL",
	  "rfc2544, tst009, ndr, pdr or ci, or NAME:KEY=VALUE,... with the keys initial, trial, "
	  "sum, loss, exceed and width. ndr and pdr if none is given; may be repeated",
	  set_goal },
	{ "throughput", "method", 0, "NAME",
	  "mlrsearch (RFC 9971, the default) or binary (RFC 2544)", set_method },
	{ "throughput", "min-load", 0, "LOAD",
	  "the lowest load, as 10kpps, 1Gbps or 1%; a thousandth of the highest", set_min_load },
	{ "throughput", "max-load", 0, "LOAD", "the highest load; what the link carries",
	  set_max_load },
	{ "throughput", "link-speed", 0, "SPEED",
	  "bits a second that the link carries, as 10Gbps; what the port reports", set_link_speed },
	{ "throughput", "max-time", 0, "TIME",
	  "end each search after trials of so long together, as 10min", set_max_time },
	{ "throughput", "no-warm-up", 0, NULL,
	  "leave out the first trial, whose result is not used", set_no_warm_up },
	{ NULL, NULL, 0, NULL, NULL, NULL },
};
