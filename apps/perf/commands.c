/* SPDX-License-Identifier: BSD-3-Clause */
/* The commands: see perf.h. */
#include "perf.h"

const struct command commands[] = {
	{ "report", "FILE",
	  "read the JSON of an earlier run: print it, make HTML of it, hold assertions against it, "
	  "compare it with another",
	  report_command },
	{ NULL, NULL, NULL, NULL },
};
