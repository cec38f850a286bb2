// SPDX-License-Identifier: BSD-3-Clause
#include <benchmark/benchmark.h>

#include "gbench_cases.h"

static void
drive(benchmark::State &state, const struct gbench_case *c)
{
	void *self = c->begin(static_cast<unsigned>(state.thread_index()));

	for (auto _ : state) {
		if (c->timed)
			state.SetIterationTime(c->timed(self));
		else
			c->run(self);
	}
	state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(c->items));
	if (c->end)
		c->end(self);
}

static bool
add(const struct gbench_case *c)
{
	if (!c)
		return false;
	for (; c->name; c++) {
		auto *b = benchmark::RegisterBenchmark(c->name, drive, c)
				  ->Threads(static_cast<int>(c->threads));

		if (c->timed)
			b->UseManualTime();
		else
			b->UseRealTime();
	}
	return true;
}

int
main(int argc, char **argv)
{
	if (!add(gbench_cases()) || !add(gbench_slot_cases()) || !add(gbench_bounce_cases()) ||
	    !add(gbench_ring_cases()) || !add(gbench_gso_cases()))
		return 1;
	benchmark::Initialize(&argc, argv);
	if (benchmark::ReportUnrecognizedArguments(argc, argv))
		return 2;
	benchmark::RunSpecifiedBenchmarks();
	return 0;
}
