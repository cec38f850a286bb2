/* SPDX-License-Identifier: BSD-3-Clause */
/* baton-perf rate: one trial for each size. */
#include "perf.h"

#define SECONDS 10

static enum perf_exit
one_size(struct session *s, const struct size_mix *mix, char why[WHY])
{
	const struct traffic_options *to = &s->opt->traffic;
	struct trial_request q = { .seconds = to->seconds > 0 ? to->seconds : SECONDS };

	if (!load_pps("--rate", &to->rate, mix, s->link_bps, &q.load, why))
		return PERF_USAGE;
	if (traffic_size(s->traffic, mix, why))
		return PERF_FAILED;
	report_run(s->report, mix, s->link_bps);
	return session_trial(s, &q, NULL, why);
}

enum perf_exit
rate_command(struct options *opt)
{
	const struct search_options *so = &opt->search;
	enum perf_exit end = PERF_OK, one = PERF_OK;
	char why[WHY], text[WHY] = "every size was sent";
	struct session s;

	if (!opt->traffic.rate.text[0]) {
		complain("at which rate? Give --rate=1Mpps, --rate=1Gbps or --rate=35%%");
		return PERF_USAGE;
	}
	end = session_open(&s, opt);
	if (end)
		return end;
	for (unsigned i = 0; i < so->n_sizes && (!one || one == PERF_INSTRUMENT_LIMIT); i++) {
		one = one_size(&s, &so->sizes[i], why);
		if (!one)
			continue;
		complain("size %s: %s", so->sizes[i].name, why);
		end = one;
		snprintf(text, sizeof(text), "size %.60s: %.250s", so->sizes[i].name, why);
	}
	return session_end(&s, end, text);
}
