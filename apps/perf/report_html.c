/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One HTML file: no script, no other file. Whatever texts the document has are escaped; numbers are
 * written as people read them, and exactly in data-v.
 */
#include "report_html.h"

#include <math.h>
#include <string.h>

void
html_cell(FILE *out, double value, svg_label_fn *label)
{
	char text[40];

	if (isnan(value))
		fputs("<td>-", out);
	else
		fprintf(out, "<td data-v=%.17g>%s", value, label(value, text, sizeof(text)));
}

void
html_text_cell(FILE *out, const char *text)
{
	size_t len = strnlen(text, HTML_TEXT + 1);
	char part[HTML_TEXT + 8];

	fputs("<td class=x>", out);
	if (len <= HTML_TEXT) {
		html_escape(out, text);
		return;
	}
	/* Not within a character. */
	for (len = HTML_TEXT; len && (text[len] & 0xc0) == 0x80; len--)
		;
	snprintf(part, sizeof(part), "%.*s...", (int)len, text);
	html_escape(out, part);
}

static void
name_cell(FILE *out, const char *text)
{
	fputs("<tr><th scope=row>", out);
	html_escape(out, text);
}

/* A head that begins with "<" is that of a column of texts. */
static void
table(FILE *out, const char *id, const char *const *heads)
{
	fprintf(out, "<div class=t><table data-table=%s><thead><tr>", id);
	for (; *heads; heads++)
		fprintf(out, "<th scope=col%s>%s", **heads == '<' ? " class=x" : "",
			*heads + (**heads == '<'));
	fputs("</thead><tbody>\n", out);
}

static void
table_end(FILE *out)
{
	fputs("</tbody></table></div>\n", out);
}

static char *
exact(double v, char *buf, size_t size)
{
	snprintf(buf, size, "%.10g", v);
	return buf;
}

static char *
percent_of(double ratio, char *buf, size_t size)
{
	snprintf(buf, size, "%.1f %%", ratio * 100);
	return buf;
}

/* ---- the head ---- */

static void
fact(FILE *out, const char *what, const char *text)
{
	if (!*text)
		return;
	name_cell(out, what);
	html_text_cell(out, text);
}

static void
arguments(FILE *out, const json_t *doc)
{
	const json_t *list = json_object_get(doc, "arguments");

	fputs("<p><code>", out);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *word = json_string_value(json_array_get(list, i));

		if (i)
			fputc(' ', out);
		html_escape(out, word ? word : "");
	}
	fputs("</code></p>\n", out);
}

static void
facts(FILE *out, const json_t *doc)
{
	static const char *const heads[] = { "", "", NULL };
	const json_t *m = json_object_get(doc, "machine"), *ports = json_object_get(doc, "ports");
	char text[200], speed[32];

	table(out, "facts", heads);
	fact(out, "Started", doc_text(doc, "started"));
	fact(out, "Machine", doc_text(m, "host"));
	fact(out, "Processor", doc_text(m, "cpu"));
	fact(out, "Kernel", doc_text(m, "kernel"));
	fact(out, "Baton", doc_text(doc, "baton"));
	for (size_t i = 0; i < json_array_size(ports); i++) {
		const json_t *p = json_array_get(ports, i);
		double bps = doc_number(p, "link_bps");
		char what[32];

		snprintf(what, sizeof(what), "Port %zu", i);
		snprintf(text, sizeof(text), "%.60s, %.40s, %.20s, %s", doc_text(p, "name"),
			 doc_text(p, "driver"), doc_text(p, "mac"),
			 bps > 0 ? bps_text(bps, speed, sizeof(speed)) : "speed unknown");
		fact(out, what, text);
	}
	table_end(out);
}

static void
asserts(FILE *out, const json_t *doc)
{
	static const char *const heads[] = { "Assertion", "<size", "found", "", NULL };
	const json_t *list = json_object_get(doc, "asserts");

	if (!json_array_size(list))
		return;
	fputs("<h2>Assertions</h2>", out);
	table(out, "asserts", heads);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *a = json_array_get(list, i);
		const char *unit = doc_text(a, "unit");

		name_cell(out, doc_text(a, "text"));
		html_text_cell(out, doc_text(a, "size"));
		html_cell(out, doc_number(a, "value"),
			  !strcmp(unit, "pps")   ? pps_text
			  : !strcmp(unit, "bps") ? bps_text
			  : !strcmp(unit, "ns")  ? ns_text
						 : ratio_text);
		fprintf(out, "<td class=%s",
			doc_true(a, "held") ? "yes>holds" : "no>does not hold");
	}
	table_end(out);
}

static void
results(FILE *out, const json_t *doc)
{
	static const char *const heads[] = { "size",        "<goal",       "throughput",
					     "on the wire", "of the line", "lower bound",
					     "upper bound", "<result",     NULL };
	const json_t *runs = json_object_get(doc, "runs");
	unsigned rows = 0;

	for (size_t i = 0; i < json_array_size(runs); i++) {
		const json_t *run = json_array_get(runs, i);
		const json_t *list = json_object_get(json_object_get(run, "search"), "goals");

		for (size_t k = 0; k < json_array_size(list) && rows < HTML_GOALS; k++) {
			const json_t *g = json_array_get(list, k);

			if (!rows++) {
				fputs("<h2>Throughput</h2>", out);
				table(out, "goals", heads);
			}
			name_cell(out, doc_text(run, "size"));
			html_text_cell(out, doc_text(g, "name"));
			html_cell(out, doc_number(g, "throughput_pps"), pps_text);
			html_cell(out, doc_number(g, "throughput_bps"), bps_text);
			html_cell(out,
				  doc_number(g, "throughput_pps") / doc_number(run, "line_rate_"
										    "pps"),
				  percent_of);
			html_cell(out, doc_number(g, "lower_pps"), pps_text);
			html_cell(out, doc_number(g, "upper_pps"), pps_text);
			html_text_cell(out, doc_text(g, "text"));
		}
	}
	if (rows)
		table_end(out);
}

/* ---- the runs ---- */

static void
histograms(FILE *out, const json_t *run, const char *key, const char *title, unsigned max)
{
	static const char *const heads[] = { "load", "<direction", "<stream", "count",  "min",
					     "50 %", "90 %",       "99 %",    "99.9 %", "99.99 %",
					     "max",  "mean",       NULL };
	const json_t *list = json_object_get(run, key);
	size_t n = json_array_size(list);

	if (!n)
		return;
	fprintf(out, "<h3>%s</h3>", title);
	table(out, key, heads);
	for (size_t i = 0; i < n && i < max; i++) {
		const json_t *h = json_array_get(list, i);
		char load[32];
		bool some = doc_number(h, "count") > 0;

		name_cell(out, doc_text(h, "label")[0]
				       ? doc_text(h, "label")
				       : pps_text(doc_number(h, "load_pps"), load, sizeof(load)));
		html_text_cell(out, doc_text(h, "direction"));
		html_text_cell(out, doc_true(h, "instrument") ? "the instrument's own share"
							      : doc_text(h, "stream"));
		html_cell(out, doc_number(h, "count"), exact);
		for (unsigned k = 0; k < DOC_PERCENTILES; k++)
			html_cell(out, some ? doc_number(h, doc_percentiles[k].key) : NAN, ns_text);
		html_cell(out, some ? doc_number(h, "mean_ns") : NAN, ns_text);
	}
	table_end(out);
	if (n > max)
		fprintf(out, "<p class=mu>The first %u of %zu; the JSON has all.</p>", max, n);
}

static void
trials(FILE *out, const json_t *run, unsigned max)
{
	static const char *const heads[] = { "began, s", "load, pps", "asked, s", "made, pps",
					     "sent",     "unique",    "lost",     "duplicate",
					     "late",     "damaged",   "foreign",  "reordered",
					     "<",        NULL };
	static const char *const counters[] = { "sent", "unique",  "lost",    "duplicate",
						"late", "damaged", "foreign", "reordered" };
	const json_t *list = json_object_get(run, "trials");
	size_t n = json_array_size(list);

	if (!n)
		return;
	fprintf(out, "<details%s><summary>%zu trial%s</summary>", n == 1 ? " open" : "", n,
		n == 1 ? "" : "s");
	table(out, "trials", heads);
	for (size_t i = 0; i < n && i < max; i++) {
		const json_t *t = json_array_get(list, i), *a = json_object_get(t, "accounts");
		const json_t *voided = json_object_get(t, "void");

		fprintf(out, "<tr><td>%.4f<td>%.8g<td>%.6g<td>%.8g", doc_number(t, "start_s"),
			doc_number(t, "load_pps"), doc_number(t, "duration_s"),
			doc_number(t, "rate_pps"));
		for (size_t k = 0; k < sizeof(counters) / sizeof(counters[0]); k++)
			fprintf(out, "<td>%.0f", doc_number(a, counters[k]));
		fputs("<td class=x>", out);
		if (json_array_size(voided)) {
			fputs("void: ", out);
			html_escape(out, doc_text(t, "reason"));
		} else if (doc_true(t, "warm_up")) {
			fputs("warm-up", out);
		}
	}
	table_end(out);
	if (n > max)
		fprintf(out, "<p class=mu>The first %u of %zu; the JSON has all.</p>", max, n);
	fputs("</details>\n", out);
}

static void
one_run(FILE *out, const json_t *run, unsigned runs, bool charts)
{
	unsigned max = HTML_TRIALS / runs, rows = HTML_ROWS / runs;
	const json_t *search = json_object_get(run, "search");
	char line[32];

	fputs("<section><h2>Packets of size ", out);
	html_escape(out, doc_text(run, "size"));
	fputs("</h2>", out);
	if (doc_number(run, "line_rate_pps") > 0)
		fprintf(out, "<p class=mu>Line rate: %s.</p>",
			pps_text(doc_number(run, "line_rate_pps"), line, sizeof(line)));
	if (json_is_object(search) && strcmp(doc_text(search, "end"), "complete") != 0) {
		fputs("<p class=note>The search did not end: ", out);
		html_escape(out, doc_text(search, "end_text"));
		fputs("</p>", out);
	}
	if (charts) {
		html_loss(out, run, max);
		html_latency(out, run);
		html_gaps(out, run);
		html_timeline(out, run, max);
	}
	histograms(out, run, "latency", "Latency", rows);
	histograms(out, run, "jitter", "Jitter: differences of latency between packets (RFC 3393)",
		   rows);
	histograms(out, run, "gaps", "Gaps between packets as they were sent", rows);
	trials(out, run, max);
	fputs("</section>\n", out);
}

void
report_html(FILE *out, const json_t *doc)
{
	const json_t *runs = json_object_get(doc, "runs");
	size_t n = json_array_size(runs);
	unsigned sections = n < HTML_SECTIONS ? (unsigned)n : HTML_SECTIONS;

	fputs("<!DOCTYPE html>\n<html lang=en><head><meta charset=utf-8>"
	      "<meta name=viewport "
	      "content=\"width=device-width,initial-scale=1\"><title>baton-perf ",
	      out);
	html_escape(out, doc_text(doc, "command"));
	fputs(", ", out);
	html_escape(out, doc_text(doc, "started"));
	fprintf(out, "</title><style>%s</style></head><body>\n<h1>baton-perf ", html_style);
	html_escape(out, doc_text(doc, "command"));
	fputs("</h1>", out);
	arguments(out, doc);
	if (strcmp(doc_text(doc, "end"), "complete") != 0) {
		fputs("<p class=note>Ended early (", out);
		html_escape(out, doc_text(doc, "end"));
		fputs("): ", out);
		html_escape(out, doc_text(doc, "end_text"));
		fputs("</p>", out);
	}
	asserts(out, doc);
	results(out, doc);
	html_throughput(out, doc);
	for (unsigned i = 0; i < sections; i++)
		one_run(out, json_array_get(runs, i), sections, i < HTML_CHARTS);
	if (n > HTML_CHARTS)
		fprintf(out,
			"<p class=mu>Of %zu sizes the first %u have charts of their own, and the "
			"first %u tables of their own; the JSON has all.</p>",
			n, HTML_CHARTS, sections);
	fputs("<h2>Measured with</h2>", out);
	facts(out, doc);
	fputs("</body></html>\n", out);
}
