/* SPDX-License-Identifier: BSD-3-Clause */
/* baton-perf report: what an earlier run measured. */
#include "perf.h"

enum perf_exit
report_command(struct options *opt)
{
	char why[WHY];
	json_t *doc = report_read(opt->file, why);
	enum perf_exit end;

	if (!doc) {
		complain("%s", why);
		return PERF_FAILED;
	}
	end = outputs_end(&opt->out, doc, PERF_OK);
	json_decref(doc);
	return end;
}
