/* SPDX-License-Identifier: BSD-3-Clause */
#include "perf.h"

int
main(int argc, char **argv)
{
	struct options opt = { 0 };
	enum perf_exit end = PERF_USAGE;

	if (!options_parse(&opt, argc, argv))
		return PERF_USAGE;
	if (opt.printed)
		return PERF_OK;
	if (outputs_check(&opt.out))
		end = opt.command->run(&opt);
	outputs_free(&opt.out);
	return end;
}
