/* SPDX-License-Identifier: BSD-3-Clause */
/* The charts of a report. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report_html.h"

static void
figure(FILE *out, const char *id, const char *title)
{
	fprintf(out, "<figure data-chart=%s><h3>", id);
	html_escape(out, title);
	fputs("</h3>", out);
}

static void
legend_begin(FILE *out)
{
	fputs("<p class=k>", out);
}

static void
legend(FILE *out, const char *css, const char *text)
{
	fprintf(out, "<span><svg class=m viewBox=\"0 0 24 12\"><path class=\"%s\" d=\"%s\"/></svg>",
		css, css[0] == 'd' ? "M12 6h0" : "M3 6h18");
	html_escape(out, text);
	fputs("</span> ", out);
}

static void
caption(FILE *out, const char *text)
{
	fprintf(out, "<figcaption>%s</figcaption></figure>\n", text);
}

/* ---- throughput by size ---- */

#define MAX_BARS 24

/* The goals of all runs by their names. */
static unsigned
goal_names(const json_t *runs, const char **names)
{
	unsigned n = 0;

	for (size_t i = 0; i < json_array_size(runs); i++) {
		const json_t *list =
			json_object_get(json_object_get(json_array_get(runs, i), "search"), "goal"
											    "s");

		for (size_t k = 0; k < json_array_size(list) && n < SEARCH_MAX_GOALS; k++) {
			const char *name = doc_text(json_array_get(list, k), "name");
			unsigned at = 0;

			while (at < n && strcmp(names[at], name) != 0)
				at++;
			if (at == n)
				names[n++] = name;
		}
	}
	return n;
}

static void
throughput_bars(struct svg *s, const json_t *runs, unsigned n, const char **goals, unsigned n_goals)
{
	for (unsigned i = 0; i < n; i++) {
		const json_t *run = json_array_get(runs, i);
		double line = doc_number(run, "link_bps");

		for (unsigned g = 0; g < n_goals; g++) {
			double bps = doc_number(doc_goal(run, goals[g]), "throughput_bps");
			double at = i + 0.15 + 0.7 * g / n_goals;

			if (bps > 0)
				svg_bar(s, g, at, at + 0.6 / n_goals, bps);
		}
		if (line > 0)
			svg_rule(s, "r", false, line, i + 0.05, i + 0.95);
	}
}

void
html_throughput(FILE *out, const json_t *doc)
{
	const json_t *runs = json_object_get(doc, "runs");
	unsigned n = (unsigned)json_array_size(runs), n_goals;
	const char *goals[SEARCH_MAX_GOALS], *sizes[MAX_BARS];
	struct svg_axis x = { .title = "size of a packet, bytes with FCS" };
	struct svg_axis y = { .label = bps_text, .title = "on the wire" };
	bool line = false;

	n = n > MAX_BARS ? MAX_BARS : n;
	n_goals = goal_names(runs, goals);
	for (unsigned i = 0; i < n; i++) {
		const json_t *run = json_array_get(runs, i);

		sizes[i] = doc_text(run, "size");
		line |= doc_number(run, "link_bps") > 0;
		y.max = fmax(y.max, doc_number(run, "link_bps"));
		for (unsigned g = 0; g < n_goals; g++)
			y.max = fmax(y.max, doc_number(doc_goal(run, goals[g]), "throughput_bps"));
	}
	if (!n_goals || !(y.max > 0))
		return;
	y.max *= 1.05;
	x.max = n;
	x.n_names = n;
	x.names = sizes;
	figure(out, "throughput", "Throughput by size");
	legend_begin(out);
	for (unsigned g = 0; g < n_goals; g++) {
		char css[16];

		snprintf(css, sizeof(css), "kb s%u", g % SVG_SERIES);
		legend(out, css, goals[g]);
	}
	if (line)
		legend(out, "r", "line rate");
	fputs("</p>", out);
	for (int narrow = 0; narrow < 2; narrow++) {
		struct svg s;

		svg_begin(&s, out, narrow, &x, &y, "Throughput by size against the line rate");
		throughput_bars(&s, runs, n, goals, n_goals);
		svg_end(&s);
	}
	caption(out, "Conditional throughput of each goal, in one direction, preambles and gaps "
		     "included: what a link of that speed carries is its line rate.");
}

/* ---- loss against load ---- */

static bool
counts(const json_t *trial)
{
	return !doc_true(trial, "warm_up") && !json_array_size(json_object_get(trial, "void"));
}

static char *
percent(double ratio, char *buf, size_t size)
{
	snprintf(buf, size, "%.3g %%", ratio * 100);
	return buf;
}

/* A range with some air; a single value gets some, too. */
static void
range(struct svg_axis *a, double v, bool first)
{
	a->min = first ? v : fmin(a->min, v);
	a->max = first ? v : fmax(a->max, v);
}

static void
air(struct svg_axis *a)
{
	double by = a->max > a->min ? (a->max - a->min) * 0.04 : fmax(fabs(a->max) * 0.1, 1e-9);

	a->min = a->min >= 0 ? fmax(0, a->min - by) : a->min - by;
	a->max += by;
}

static unsigned
stride(size_t n, unsigned max)
{
	return (unsigned)((n + max - 1) / (max ? max : 1)) + (n == 0);
}

static void
goal_rules(struct svg *s, const json_t *run)
{
	const json_t *list = json_object_get(json_object_get(run, "search"), "goals");

	for (size_t i = 0; i < json_array_size(list); i++) {
		double at = doc_number(json_array_get(list, i), "lower_pps");
		char css[16];

		snprintf(css, sizeof(css), "l s%u", (unsigned)i % SVG_SERIES);
		if (at >= s->x.min && at <= s->x.max)
			svg_rule(s, css, true, at, s->y.min, s->y.max);
	}
}

static void
goal_legend(FILE *out, const json_t *run, const char *what)
{
	const json_t *list = json_object_get(json_object_get(run, "search"), "goals");

	for (size_t i = 0; i < json_array_size(list); i++) {
		char css[16], text[64];

		snprintf(css, sizeof(css), "l s%u", (unsigned)i % SVG_SERIES);
		snprintf(text, sizeof(text), "%s %.40s", what,
			 doc_text(json_array_get(list, i), "name"));
		legend(out, css, text);
	}
}

/* Around the bounds: a trial far above would press all others into a corner. */
static void
around_bounds(const json_t *run, struct svg_axis *a)
{
	const json_t *list = json_object_get(json_object_get(run, "search"), "goals");
	double low = INFINITY, high = 0;

	for (size_t i = 0; i < json_array_size(list); i++) {
		low = fmin(low, doc_number(json_array_get(list, i), "lower_pps"));
		high = fmax(high, doc_number(json_array_get(list, i), "upper_pps"));
	}
	air(a);
	if (isfinite(low) && high > low) {
		a->min = fmax(a->min, low - 0.1 * high);
		a->max = fmin(a->max, high * 1.1);
	}
}

static bool
is_drawn(const json_t *trial, const struct svg_axis *x)
{
	double load = doc_number(trial, "load_pps");

	return counts(trial) && load >= x->min && load <= x->max;
}

static void
loss_caption(FILE *out, const json_t *list, const struct svg_axis *x, unsigned step)
{
	double top = 0, loss = 0;
	char a[32], b[32];

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *t = json_array_get(list, i);

		if (counts(t) && doc_number(t, "load_pps") > fmax(top, x->max)) {
			top = doc_number(t, "load_pps");
			loss = doc_number(t, "loss_ratio");
		}
	}
	fputs("<figcaption>Each trial that counts. The scale is logarithmic, and its lower edge is "
	      "no "
	      "loss at all.",
	      out);
	if (step > 1)
		fprintf(out, " Every %uth is drawn.", step);
	if (top > 0)
		fprintf(out, " Not drawn: loads up to %s, where %s was lost.",
			pps_text(top, a, sizeof(a)), ratio_text(loss, b, sizeof(b)));
	fputs("</figcaption></figure>\n", out);
}

void
html_loss(FILE *out, const json_t *run, unsigned max)
{
	const json_t *list = json_object_get(run, "trials");
	struct svg_axis x = { .label = pps_text, .title = "load, one direction" };
	struct svg_axis y = { 1, 1, true, "0", percent, "lost", 0, NULL };
	unsigned n = 0, step = stride(json_array_size(list), max);

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *t = json_array_get(list, i);
		double loss = doc_number(t, "loss_ratio");

		if (!counts(t))
			continue;
		range(&x, doc_number(t, "load_pps"), !n++);
		if (loss > 0)
			y.min = fmin(y.min, loss);
	}
	if (n < 2)
		return;
	around_bounds(run, &x);
	/* A decade of its own for what lost nothing. */
	y.min = pow(10, floor(log10(fmax(fmin(y.min, 0.01), 1e-12))) - 1);
	figure(out, "loss", "Loss against load");
	legend_begin(out);
	legend(out, "d s0", "a trial");
	goal_legend(out, run, "lower bound of");
	fputs("</p>", out);
	for (int narrow = 0; narrow < 2; narrow++) {
		struct svg s;

		svg_begin(&s, out, narrow, &x, &y, "Loss ratio of each trial against its load");
		goal_rules(&s, run);
		svg_dots(&s, "s0");
		for (size_t i = 0; i < json_array_size(list); i += step)
			if (is_drawn(json_array_get(list, i), &x))
				svg_dot(&s, doc_number(json_array_get(list, i), "load_pps"),
					doc_number(json_array_get(list, i), "loss_ratio"));
		svg_dots_end(&s);
		svg_end(&s);
	}
	loss_caption(out, list, &x, step);
}

/* ---- trials on a time line ---- */

enum trial_kind { LOSSLESS, LOSSY, VOIDED, WARM_UP, KINDS };

static enum trial_kind
kind_of(const json_t *t)
{
	if (json_array_size(json_object_get(t, "void")))
		return VOIDED;
	if (doc_true(t, "warm_up"))
		return WARM_UP;
	return doc_number(t, "loss_ratio") > 0 ? LOSSY : LOSSLESS;
}

static char *
seconds(double s, char *buf, size_t size)
{
	snprintf(buf, size, "%.4g s", s);
	return buf;
}

void
html_timeline(FILE *out, const json_t *run, unsigned max)
{
	static const char *const css[] = { "ok", "bad", "void", "warm" };
	static const char *const names[] = { "no loss", "loss", "void", "warm-up" };
	const json_t *list = json_object_get(run, "trials");
	struct svg_axis x = { .label = seconds, .title = "time of trials" };
	struct svg_axis y = { .label = pps_text, .title = "load, one direction" };
	size_t n = json_array_size(list);
	unsigned step = stride(n, max), seen[KINDS] = { 0 };

	if (n < 2)
		return;
	for (size_t i = 0; i < n; i++) {
		const json_t *t = json_array_get(list, i);

		x.max = fmax(x.max, doc_number(t, "start_s") + doc_number(t, "took_s"));
		range(&y, doc_number(t, "load_pps"), !i);
		seen[kind_of(t)]++;
	}
	x.max = x.max > 0 ? x.max : 1;
	around_bounds(run, &y);
	figure(out, "timeline", "The trials in their order");
	legend_begin(out);
	for (unsigned k = 0; k < KINDS; k++) {
		char mark[16], text[32];

		snprintf(mark, sizeof(mark), "d %s", css[k]);
		snprintf(text, sizeof(text), "%s (%u)", names[k], seen[k]);
		if (seen[k])
			legend(out, mark, text);
	}
	fputs("</p>", out);
	for (int narrow = 0; narrow < 2; narrow++) {
		struct svg s;

		svg_begin(&s, out, narrow, &x, &y, "The load of each trial, in their order");
		for (unsigned k = 0; k < KINDS; k++) {
			if (!seen[k])
				continue;
			svg_dots(&s, css[k]);
			for (size_t i = 0; i < n; i += step) {
				const json_t *t = json_array_get(list, i);

				if (kind_of(t) == k)
					svg_dot(&s, doc_number(t, "start_s"),
						doc_number(t, "load_pps"));
			}
			svg_dots_end(&s);
		}
		svg_end(&s);
	}
	fprintf(out, "<figcaption>Where each trial began, and its load. Trials that are far "
		     "off are drawn on the edge.");
	if (step > 1)
		fprintf(out, " Of %zu trials every %uth is drawn.", n, step);
	fputs("</figcaption></figure>\n", out);
}

/* ---- latency ---- */

#define MAX_LINES SVG_SERIES

/* Those of whole directions; streams are in the table. */
static unsigned
lines_of(const json_t *list, const json_t **lines)
{
	unsigned n = 0;

	for (size_t i = 0; i < json_array_size(list) && n < MAX_LINES; i++) {
		const json_t *h = json_array_get(list, i);

		if (!doc_text(h, "stream")[0] && doc_number(h, "count") > 0)
			lines[n++] = h;
	}
	return n;
}

void
html_latency(FILE *out, const json_t *run)
{
	const json_t *lines[MAX_LINES];
	unsigned n = lines_of(json_object_get(run, "latency"), lines);
	const char *names[DOC_PERCENTILES];
	struct svg_axis x = { .max = DOC_PERCENTILES,
			      .title = "percentile",
			      .names = names,
			      .n_names = DOC_PERCENTILES };
	struct svg_axis y = { .min = INFINITY, .log = true, .label = ns_text, .title = "latency" };

	for (unsigned k = 0; k < DOC_PERCENTILES; k++)
		names[k] = doc_percentiles[k].name;
	for (unsigned i = 0; i < n; i++) {
		y.min = fmin(y.min, fmax(1, doc_number(lines[i], "min_ns")));
		y.max = fmax(y.max, doc_number(lines[i], "max_ns"));
	}
	if (!n)
		return;
	y.min = pow(10, floor(log10(y.min)));
	y.max = pow(10, ceil(log10(fmax(y.max, y.min * 10))));
	figure(out, "latency", "Latency by load");
	legend_begin(out);
	for (unsigned i = 0; i < n; i++) {
		char css[16], text[160], load[32];

		snprintf(css, sizeof(css), "l s%u", i % SVG_SERIES);
		snprintf(text, sizeof(text), "%s%.60s %.40s",
			 doc_true(lines[i], "instrument") ? "own share, " : "",
			 doc_text(lines[i], "label")[0]
				 ? doc_text(lines[i], "label")
				 : pps_text(doc_number(lines[i], "load_pps"), load, sizeof(load)),
			 doc_text(lines[i], "direction"));
		legend(out, css, text);
	}
	fputs("</p>", out);
	for (int narrow = 0; narrow < 2; narrow++) {
		struct svg s;

		svg_begin(&s, out, narrow, &x, &y, "Latency percentiles by load");
		for (unsigned i = 0; i < n; i++) {
			double at[DOC_PERCENTILES], ns[DOC_PERCENTILES];

			for (unsigned k = 0; k < DOC_PERCENTILES; k++) {
				at[k] = k + 0.5;
				ns[k] = doc_number(lines[i], doc_percentiles[k].key);
			}
			svg_line(&s, i, at, ns, DOC_PERCENTILES);
		}
		svg_end(&s);
	}
	caption(out, "So many percent of the packets had at most this latency. The instrument's "
		     "own "
		     "share is in it.");
}

/* ---- gaps ---- */

static char *
plain(double v, char *buf, size_t size)
{
	snprintf(buf, size, "%.0f", v);
	return buf;
}

static void
one_gap(FILE *out, const json_t *h)
{
	const json_t *bins = json_object_get(h, "bins");
	size_t n = json_array_size(bins);
	struct svg_axis x = { .label = ns_text, .title = "gap between packets as sent" };
	struct svg_axis y = {
		.min = 0.5, .log = true, .zero = "0", .label = NULL, .title = "gaps"
	};
	char title[160], load[32], asked[64];

	if (!n)
		return;
	for (size_t i = 0; i < n; i++) {
		const json_t *b = json_array_get(bins, i);
		double count = json_number_value(json_array_get(b, 2));

		/* The last bin may reach far; it is told in the caption. */
		if (i + 1 < n || n == 1)
			x.max = json_number_value(json_array_get(b, 1));
		y.max = fmax(y.max, count);
	}
	x.min = json_number_value(json_array_get(json_array_get(bins, 0), 0));
	x.max = fmax(x.max, x.min + 1);
	y.max = pow(10, ceil(log10(fmax(10, y.max))));
	y.label = plain;
	snprintf(title, sizeof(title), "Gaps at %s %.60s",
		 pps_text(doc_number(h, "load_pps"), load, sizeof(load)), doc_text(h, "direction"));
	figure(out, "gaps", title);
	for (int narrow = 0; narrow < 2; narrow++) {
		struct svg s;

		svg_begin(&s, out, narrow, &x, &y, title);
		for (size_t i = 0; i < n; i++) {
			const json_t *b = json_array_get(bins, i);
			double from = json_number_value(json_array_get(b, 0));
			double to = json_number_value(json_array_get(b, 1));

			if (from < x.max && json_number_value(json_array_get(b, 2)) > 0)
				svg_bar(&s, 0, from, fmin(to, x.max),
					json_number_value(json_array_get(b, 2)));
		}
		if (doc_number(h, "load_pps") > 0)
			svg_rule(&s, "r", true, 1e9 / doc_number(h, "load_pps"), y.min, y.max);
		svg_end(&s);
	}
	fprintf(out,
		"<figcaption>Dashed: the gap that the load asks for, %s. The scale of counts is "
		"logarithmic. The longest gap was %s; 1 %% of the gaps are longer than what is "
		"drawn.</figcaption></figure>\n",
		ns_text(1e9 / doc_number(h, "load_pps"), asked, sizeof(asked)),
		ns_text(doc_number(h, "max_ns"), load, sizeof(load)));
}

void
html_gaps(FILE *out, const json_t *run)
{
	const json_t *list = json_object_get(run, "gaps");

	for (size_t i = 0; i < json_array_size(list) && i < 4; i++)
		one_gap(out, json_array_get(list, i));
}
