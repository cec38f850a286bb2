/* SPDX-License-Identifier: BSD-3-Clause */
/* The tables for a terminal, and the comparison of two documents. */
#include <string.h>

#include "report.h"
#include "report_doc.h"

static char *
pps_or(const json_t *o, const char *key, char *buf, size_t size)
{
	double v = doc_number(o, key);

	if (!isnan(v))
		return pps_text(v, buf, size);
	snprintf(buf, size, "-");
	return buf;
}

static void
goals(FILE *out, const json_t *run)
{
	const json_t *list = json_object_get(json_object_get(run, "search"), "goals");
	double line = doc_number(run, "line_rate_pps");

	if (!json_array_size(list))
		return;
	fprintf(out, "  %-10s %12s %12s %12s %12s %7s  %s\n", "goal", "throughput", "on the wire",
		"lower bound", "upper bound", "of line", "result");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *g = json_array_get(list, i);
		double pps = doc_number(g, "throughput_pps"), bps = doc_number(g, "throughput_bps");
		char a[32], b[32] = "-", c[32], d[32], part[16] = "-";

		if (!isnan(bps))
			bps_text(bps, b, sizeof(b));
		if (!isnan(pps) && line > 0)
			snprintf(part, sizeof(part), "%.1f %%", pps / line * 100);
		fprintf(out, "  %-10s %12s %12s %12s %12s %7s  %s\n", doc_text(g, "name"),
			pps_or(g, "throughput_pps", a, sizeof(a)), b,
			pps_or(g, "lower_pps", c, sizeof(c)), pps_or(g, "upper_pps", d, sizeof(d)),
			part, doc_text(g, "result"));
	}
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *g = json_array_get(list, i);

		if (strcmp(doc_text(g, "result"), "regular") != 0)
			fprintf(out, "  %s: %s\n", doc_text(g, "name"), doc_text(g, "text"));
	}
}

static void
trials(FILE *out, const json_t *run)
{
	const json_t *list = json_object_get(run, "trials");
	unsigned voided = 0;
	double seconds = 0;

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *t = json_array_get(list, i);

		voided += json_array_size(json_object_get(t, "void")) > 0;
		seconds += doc_number(t, "took_s");
	}
	if (json_array_size(list))
		fprintf(out, "  %zu trial%s of %.1f s together, %u of them void\n",
			json_array_size(list), json_array_size(list) == 1 ? "" : "s", seconds,
			voided);
	if (!json_is_null(json_object_get(run, "search")))
		return;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *t = json_array_get(list, i), *a = json_object_get(t, "accounts");
		char load[32], rate[32], loss[32];

		fprintf(out,
			"  asked %s, made %s (%+.3f %%), lost %s: sent %.0f, unique %.0f, lost "
			"%.0f, "
			"duplicate %.0f, late %.0f, damaged %.0f, foreign %.0f, reordered %.0f\n",
			pps_or(t, "load_pps", load, sizeof(load)),
			pps_or(t, "rate_pps", rate, sizeof(rate)),
			(doc_number(t, "rate_pps") / doc_number(t, "load_pps") - 1) * 100,
			ratio_text(doc_number(t, "loss_ratio"), loss, sizeof(loss)),
			doc_number(a, "sent"), doc_number(a, "unique"), doc_number(a, "lost"),
			doc_number(a, "duplicate"), doc_number(a, "late"), doc_number(a, "damaged"),
			doc_number(a, "foreign"), doc_number(a, "reordered"));
	}
}

static void
histograms(FILE *out, const json_t *run, const char *key, const char *title)
{
	const json_t *list = json_object_get(run, key);

	if (!json_array_size(list))
		return;
	fprintf(out, "  %-28s", title);
	for (unsigned i = 0; i < DOC_PERCENTILES; i++)
		fprintf(out, " %8s%s", doc_percentiles[i].name,
			doc_percentiles[i].name[0] > '9' ? " " : "%");
	fputc('\n', out);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *h = json_array_get(list, i);
		char load[32], what[96];

		snprintf(what, sizeof(what), "%s%s%s%s%s%s",
			 doc_true(h, "instrument") ? "own share, " : "",
			 doc_text(h, "label")[0] ? doc_text(h, "label")
						 : pps_or(h, "load_pps", load, sizeof(load)),
			 doc_text(h, "direction")[0] ? ", " : "", doc_text(h, "direction"),
			 doc_text(h, "stream")[0] ? ", " : "", doc_text(h, "stream"));
		fprintf(out, "  %-28s", what);
		for (unsigned k = 0; k < DOC_PERCENTILES; k++) {
			char buf[32] = "-";

			if (doc_number(h, "count") > 0)
				ns_text(doc_number(h, doc_percentiles[k].key), buf, sizeof(buf));
			fprintf(out, " %9s", buf);
		}
		fputc('\n', out);
	}
}

void
report_text(FILE *out, const json_t *doc)
{
	const json_t *runs = json_object_get(doc, "runs"), *asserts = json_object_get(doc, "assert"
											   "s");

	for (size_t i = 0; i < json_array_size(runs); i++) {
		const json_t *run = json_array_get(runs, i);
		char line[32];

		fprintf(out, "%s, packets of size %s", doc_text(doc, "command"),
			doc_text(run, "size"));
		if (doc_number(run, "line_rate_pps") > 0)
			fprintf(out, " (line rate %s)",
				pps_or(run, "line_rate_pps", line, sizeof(line)));
		fputc('\n', out);
		goals(out, run);
		trials(out, run);
		histograms(out, run, "latency", "latency");
		histograms(out, run, "jitter", "jitter");
		histograms(out, run, "gaps", "gaps as sent");
	}
	for (size_t i = 0; i < json_array_size(asserts); i++) {
		const json_t *a = json_array_get(asserts, i);

		fprintf(out, "assert %s, size %s: %s\n", doc_text(a, "text"), doc_text(a, "size"),
			doc_true(a, "held") ? "holds" : "does not hold");
	}
	if (strcmp(doc_text(doc, "end"), "complete") != 0)
		fprintf(out, "ended early: %s: %s\n", doc_text(doc, "end"),
			doc_text(doc, "end_text"));
}

/* ---- comparison ---- */

enum change { SAME, BETTER, WORSE, UNKNOWN, OTHER };

static bool
is_same_goal(const json_t *a, const json_t *b)
{
	static const char *const keys[] = { "loss_ratio", "exceed_ratio", "trial_s", "sum_s" };

	for (unsigned i = 0; i < 4; i++)
		if (doc_number(a, keys[i]) != doc_number(b, keys[i]))
			return false;
	return true;
}

static enum change
change_of(const json_t *old, const json_t *new)
{
	double old_low = doc_number(old, "lower_pps"), old_high = doc_number(old, "upper_pps");
	double low = doc_number(new, "lower_pps"), high = doc_number(new, "upper_pps");

	if (!is_same_goal(old, new))
		return OTHER;
	if (isnan(old_low) || isnan(low))
		return UNKNOWN;
	/* Without an upper bound nothing is known to lie above. */
	if (!isnan(old_high) && low > old_high)
		return BETTER;
	return !isnan(high) && high < old_low ? WORSE : SAME;
}

unsigned
report_compare(FILE *out, const json_t *old, const json_t *doc)
{
	static const char *const words[] = { "no change", "better", "worse",
					     "not comparable: a lower bound is missing",
					     "not comparable: the goal has other values" };
	const json_t *runs = json_object_get(doc, "runs");
	unsigned worse = 0;

	fprintf(out, "%-12s %-10s %12s %12s %8s  %s\n", "size", "goal", "before", "now", "", "");
	for (size_t i = 0; i < json_array_size(runs); i++) {
		const json_t *run = json_array_get(runs, i);
		const json_t *list = json_object_get(json_object_get(run, "search"), "goals");
		const json_t *before = doc_run(old, doc_text(run, "size"));

		for (size_t k = 0; k < json_array_size(list); k++) {
			const json_t *g = json_array_get(list, k);
			const json_t *o = doc_goal(before, doc_text(g, "name"));
			enum change c = o ? change_of(o, g) : UNKNOWN;
			double was = doc_number(o, "throughput_pps");
			char a[32], b[32], part[32] = "";

			if (was > 0 && doc_number(g, "throughput_pps") > 0)
				snprintf(part, sizeof(part), "%+.2f %%",
					 (doc_number(g, "throughput_pps") / was - 1) * 100);
			fprintf(out, "%-12s %-10s %12s %12s %8s  %s\n", doc_text(run, "size"),
				doc_text(g, "name"), pps_or(o, "throughput_pps", a, sizeof(a)),
				pps_or(g, "throughput_pps", b, sizeof(b)), part,
				o ? words[c] : "not measured before");
			worse += c == WORSE;
		}
	}
	return worse;
}
