/* SPDX-License-Identifier: BSD-3-Clause */
/* The commands and the options: see perf.h and option.h. */
#include "option.h"

const struct command commands[] = {
	{ "report", "FILE",
	  "read the JSON of an earlier run: print it, make HTML of it, hold assertions against it, "
	  "compare it with another",
	  report_command },
	{ NULL, NULL, NULL, NULL },
};

const struct option_row option_rows[] = {
	{ NULL, "help", 'h', NULL, "this text, or that of the command", set_help },
	{ NULL, "version", 0, NULL, "print the version", set_version },
	{ "report", "json", 0, "FILE", "write the results as JSON: baton-perf report reads them",
	  set_json },
	{ "report", "html", 0, "FILE", "write one HTML file with charts, which needs no other file",
	  set_html },
	{ "report", "quiet", 'q', NULL, "print no tables", set_quiet },
	{ "report", "assert", 0, "TEXT",
	  "end with status 3 unless this holds, as ndr>=5Mpps, 64:pdr.lower>=9Gbps, loss<=0.1% or "
	  "latency.p99<=20us; may be repeated",
	  set_assert },
	{ "report", "compare", 0, "FILE",
	  "compare with the JSON of an earlier run, and end with status 6 if a goal became worse",
	  set_compare },
	{ NULL, NULL, 0, NULL, NULL, NULL },
};
