/* SPDX-License-Identifier: BSD-3-Clause */
/* SIGINT and SIGTERM end a measurement; the results so far stay. A second one ends the process. */
#include <signal.h>

#include "perf.h"

static volatile sig_atomic_t stopped;

static void
stop(int signal)
{
	stopped = 1;
}

void
perf_catch_signals(void)
{
	struct sigaction sa = { .sa_handler = stop, .sa_flags = (int)SA_RESETHAND };

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
}

bool
perf_stopped(void)
{
	return stopped;
}
