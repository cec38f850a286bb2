// SPDX-License-Identifier: BSD-3-Clause
#include <benchmark/benchmark.h>

#include "gbench_cases.h"

static void
drive(benchmark::State &state, const struct gbench_case *c)
{
	void *self = c->begin(static_cast<unsigned>(state.thread_index()));

	for (auto _ : state)
		c->run(self);
	state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(c->items));
	if (c->end)
		c->end(self);
}

int
main(int argc, char **argv)
{
	const struct gbench_case *c = gbench_cases();

	if (!c)
		return 1;
	for (; c->name; c++)
		benchmark::RegisterBenchmark(c->name, drive, c)
			->Threads(static_cast<int>(c->threads))
			->UseRealTime();
	benchmark::Initialize(&argc, argv);
	if (benchmark::ReportUnrecognizedArguments(argc, argv))
		return 2;
	benchmark::RunSpecifiedBenchmarks();
	return 0;
}
