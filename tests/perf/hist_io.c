/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Record the unsigned 64-bit values of a file in several histograms in turn, merge them, and print
 * what comes out: one line of JSON.
 *
 * usage: hist_io FILE HISTOGRAMS PERCENT...
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "hist.h"

#define MAX_HISTOGRAMS 16

int
main(int argc, char **argv)
{
	struct hist *list[MAX_HISTOGRAMS], *all = hist_new();
	unsigned n = argc > 2 ? (unsigned)atoi(argv[2]) : 0, at = 0;
	FILE *f = n && n <= MAX_HISTOGRAMS ? fopen(argv[1], "rb") : NULL;
	struct hist_summary s;
	uint64_t value;

	if (!f || !all)
		return 1;
	for (unsigned i = 0; i < n; i++)
		if (!(list[i] = hist_new()))
			return 1;
	while (fread(&value, sizeof(value), 1, f) == 1)
		hist_record(list[at++ % n], value);
	fclose(f);
	for (unsigned i = 0; i < n; i++) {
		hist_merge(all, list[i]);
		hist_free(list[i]);
	}
	hist_summarize(all, &s);
	printf("{\"n\":%" PRIu64 ",\"over\":%" PRIu64 ",\"min\":%" PRIu64 ",\"p50\":%" PRIu64
	       ",\"p90\":%" PRIu64 ",\"p99\":%" PRIu64 ",\"p999\":%" PRIu64 ",\"p9999\":%" PRIu64
	       ",\"max\":%" PRIu64 ",\"mean\":%.17g,\"percentiles\":[",
	       s.n, s.over, s.min, s.p50, s.p90, s.p99, s.p999, s.p9999, s.max, s.mean);
	for (int i = 3; i < argc; i++)
		printf("%s%" PRIu64, i > 3 ? "," : "", hist_percentile(all, atof(argv[i])));
	printf("],\"counters\":%u,\"edges\":%s}\n", HIST_COUNTERS,
	       hist_lowest(0) == 0 && hist_highest(HIST_COUNTERS - 1) == HIST_MAX ? "true"
										  : "false");
	for (unsigned i = 0; i < HIST_COUNTERS; i++)
		if (hist_index(hist_lowest(i)) != i || hist_index(hist_highest(i)) != i ||
		    (i && hist_lowest(i) != hist_highest(i - 1) + 1))
			return 2;
	hist_free(all);
	return 0;
}
