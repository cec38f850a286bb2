/* SPDX-License-Identifier: BSD-3-Clause */
/* The commands: see perf.h. */
#include "perf.h"

const struct command commands[] = {
	{ "rate", NULL, "send at a rate, and account for every packet", rate_command },
	{ "throughput", NULL,
	  "search for the highest loads at which no more is lost than the goals allow",
	  throughput_command },
	{ "latency", NULL, "measure how long packets take, and the instrument's own share of it",
	  latency_command },
	{ "report", "FILE",
	  "read the JSON of an earlier run: print it, make HTML of it, hold assertions against it, "
	  "compare it with another",
	  report_command },
	{ NULL, NULL, NULL, NULL },
};
