/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * baton-perf throughput over a simulated device, whose nature the environment says:
 *
 * SIM_CAPACITY   packets a second that it forwards
 * SIM_VOID_FROM  trials at this load and above are void
 * SIM_MOST       packets a second that the sender makes
 * SIM_LINK       bits a second that the port reports
 * SIM_SLOW_MS    how long a trial really takes; SIGINT is noticed meanwhile
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "throughput.h"

static double
setting(const char *name)
{
	const char *text = getenv(name);

	return text ? atof(text) : 0;
}

static int
trial(void *ctx, const struct trial_request *q, struct trial_result *r)
{
	double sent = floor(q->load * q->seconds);
	double lost = fmax(0, sent - floor(setting("SIM_CAPACITY") * q->seconds));

	for (int i = 0; i < (int)setting("SIM_SLOW_MS") && !perf_stopped(); i++)
		usleep(1000);
	if (perf_stopped())
		return -EINTR;
	r->total.sent = (uint64_t)sent;
	r->total.lost = (uint64_t)lost;
	r->total.unique = r->total.received = (uint64_t)(sent - lost);
	r->seconds = r->took = q->seconds;
	r->rate = q->load;
	if (setting("SIM_VOID_FROM") > 0 && q->load >= setting("SIM_VOID_FROM")) {
		r->voided = TRIAL_VOID_TX_FULL;
		strcpy(r->reason, "the ring of TX queue 0 was full");
	}
	return 0;
}

static double
most(void *ctx, const struct size_mix *mix)
{
	return setting("SIM_MOST");
}

static enum perf_exit
throughput(struct options *opt)
{
	struct report_head head = { .command = "throughput",
				    .argc = opt->argc,
				    .argv = opt->argv,
				    .started = time(NULL),
				    .baton = "0" };
	struct throughput_device device = { .trial = trial, .most = most };
	struct report *report = report_new(&head);
	enum perf_exit end;

	if (!report)
		return PERF_FAILED;
	perf_catch_signals();
	search_options_complete(&opt->search);
	end = throughput_run(opt, setting("SIM_LINK"), &device, report);
	if (end != PERF_USAGE)
		end = outputs_end(&opt->out, report_document(report), end);
	report_free(report);
	return end;
}

const struct command commands[] = {
	{ "throughput", NULL, "search over a simulated device", throughput },
	{ NULL, NULL, NULL, NULL },
};

int
main(int argc, char **argv)
{
	return perf_main(argc, argv);
}
