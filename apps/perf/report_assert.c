/* SPDX-License-Identifier: BSD-3-Clause */
/* Assertions about a report: "ndr>=5Mpps", "imix:latency.p99<=20us". */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "report.h"
#include "report_doc.h"

static const char *const places[] = { "latency", "jitter", "gap" };
static const char *const place_keys[] = { "latency", "jitter", "gaps" };
static const char *const hist_parts[] = { "min",   "p50",    "p90", "p99",
					  "p99.9", "p99.99", "max", "mean" };

/* The part of a histogram that @metric names, such as "latency.p99", and which one. */
static const char *
hist_part(const char *metric, unsigned *place)
{
	for (unsigned i = 0; i < 3; i++) {
		size_t len = strlen(places[i]);

		if (strncmp(metric, places[i], len) != 0 || metric[len] != '.')
			continue;
		for (unsigned k = 0; k < sizeof(hist_parts) / sizeof(hist_parts[0]); k++)
			if (!strcmp(metric + len + 1, hist_parts[k])) {
				*place = i;
				return hist_parts[k];
			}
	}
	return NULL;
}

static bool
is_name(const char *text)
{
	return *text && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_-."
				     "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == strlen(text);
}

static bool
time_parse(const char *text, double *ns)
{
	static const struct {
		const char *unit;
		double factor;
	} units[] = { { "ns", 1 }, { "us", 1e3 }, { "ms", 1e6 }, { "s", 1e9 } };
	char *end;

	*ns = strtod(text, &end);
	for (size_t i = 0; end != text && i < 4; i++)
		if (!strcmp(end, units[i].unit)) {
			*ns *= units[i].factor;
			return isfinite(*ns) && *ns >= 0;
		}
	return false;
}

static bool
limit_parse(const char *text, struct report_assert *a, char why[WHY])
{
	struct load load;
	unsigned place;

	if (hist_part(a->metric, &place)) {
		a->unit = ASSERT_NS;
		if (time_parse(text, &a->limit))
			return true;
		snprintf(why, WHY, "--assert=%s: \"%s\" is no time; write 20us, 900ns or 1ms",
			 a->text, text);
		return false;
	}
	if (!strcmp(a->metric, "loss")) {
		a->unit = ASSERT_RATIO;
		return parse_ratio("--assert=loss", text, &a->limit, why);
	}
	if (!load_parse("--assert", text, &load, why))
		return false;
	if (load.unit == LOAD_PERCENT) {
		snprintf(why, WHY, "--assert=%s: write the limit in pps or bps, not in percent",
			 a->text);
		return false;
	}
	a->unit = load.unit == LOAD_BPS ? ASSERT_BPS : ASSERT_PPS;
	a->limit = load.value;
	return true;
}

bool
report_assert_parse(const char *text, struct report_assert *a, char why[WHY])
{
	size_t len = strcspn(text, "<>="), colon;
	const char *op = text + len, *limit;
	char left[sizeof(a->text)];
	const char *metric = left;

	*a = (struct report_assert){ .above = *op == '>', .equal = op[0] && op[1] == '=' };
	if (strlen(text) >= sizeof(a->text) || len >= sizeof(left)) {
		snprintf(why, WHY, "--assert=%.40s... is too long", text);
		return false;
	}
	strcpy(a->text, text);
	if ((*op != '<' && *op != '>') || !len) {
		snprintf(why, WHY,
			 "--assert=%s is no comparison; write ndr>=5Mpps, loss<=0.1%% or "
			 "latency.p99<=20us",
			 text);
		return false;
	}
	limit = op + (a->equal ? 2 : 1);
	snprintf(left, sizeof(left), "%.*s", (int)len, text);
	/* "genome:aaafg:ndr": the last colon ends the size. */
	for (colon = len; colon && left[colon - 1] != ':'; colon--)
		;
	if (colon) {
		left[colon - 1] = 0;
		snprintf(a->size, sizeof(a->size), "%.63s", left);
		metric = left + colon;
	}
	if (!is_name(metric) || strlen(metric) >= sizeof(a->metric)) {
		snprintf(why, WHY,
			 "--assert=%s: \"%s\" is no number of a report; there are the goals, as "
			 "ndr "
			 "and ndr.upper, loss, rate, latency.p99, jitter.p99 and gap.p99",
			 text, metric);
		return false;
	}
	snprintf(a->metric, sizeof(a->metric), "%.39s", metric);
	return limit_parse(limit, a, why);
}

/* ---- what the document has ---- */

static double
worse(const struct report_assert *a, double x, double y)
{
	if (isnan(x))
		return y;
	return a->above ? fmin(x, y) : fmax(x, y);
}

/* The worst of all directions, streams and loads; the instrument's own share is none. */
static double
hist_value(const json_t *run, const struct report_assert *a, unsigned place, const char *part)
{
	const json_t *list = json_object_get(run, place_keys[place]);
	double value = NAN;
	char key[16];

	snprintf(key, sizeof(key), "%s_ns", part);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *h = json_array_get(list, i);

		if (!doc_true(h, "instrument") && doc_number(h, "count") > 0)
			value = worse(a, value, doc_number(h, key));
	}
	return value;
}

/* Of trials that are not void: all losses together, or the slowest (fastest) rate. */
static double
trials_value(const json_t *run, const struct report_assert *a, bool loss)
{
	const json_t *list = json_object_get(run, "trials");
	double sent = 0, lost = 0, rate = NAN;

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *t = json_array_get(list, i), *acc = json_object_get(t, "accounts");

		if (doc_true(t, "warm_up") || json_array_size(json_object_get(t, "void")))
			continue;
		sent += doc_number(acc, "sent");
		lost += doc_number(acc, "lost");
		rate = worse(a, rate, doc_number(t, "rate_pps"));
	}
	if (loss)
		return sent > 0 ? lost / sent : NAN;
	return rate;
}

/* "ndr": the conditional throughput; "ndr.lower" and "ndr.upper": the bounds. */
static double
goal_value(const json_t *run, const char *metric)
{
	size_t len = strcspn(metric, ".");
	char name[40], key[24] = "throughput_pps";

	snprintf(name, sizeof(name), "%.*s", (int)len, metric);
	if (metric[len])
		snprintf(key, sizeof(key), "%.10s_pps", metric + len + 1);
	return doc_number(doc_goal(run, name), key);
}

static double
value_of(const json_t *run, const struct report_assert *a)
{
	unsigned place = 0;
	const char *part = hist_part(a->metric, &place);
	double value;

	if (part)
		return hist_value(run, a, place, part);
	if (!strcmp(a->metric, "loss"))
		return trials_value(run, a, true);
	if (!strcmp(a->metric, "rate"))
		value = trials_value(run, a, false);
	else
		value = goal_value(run, a->metric);
	return a->unit == ASSERT_BPS ? value * doc_number(run, "wire_bits") : value;
}

static char *
value_text(const struct report_assert *a, double value, char *buf, size_t size)
{
	if (isnan(value)) {
		snprintf(buf, size, "not measured");
		return buf;
	}
	switch (a->unit) {
	case ASSERT_PPS:
		return pps_text(value, buf, size);
	case ASSERT_BPS:
		return bps_text(value, buf, size);
	case ASSERT_RATIO:
		return ratio_text(value, buf, size);
	case ASSERT_NS:
		return ns_text(value, buf, size);
	}
	return buf;
}

static bool
holds(const struct report_assert *a, double value)
{
	if (isnan(value))
		return false;
	if (a->equal && value == a->limit)
		return true;
	return a->above ? value > a->limit : value < a->limit;
}

bool
report_assert_check(json_t *doc, const struct report_assert *a, char why[WHY])
{
	static const char *const units[] = { "pps", "bps", "ratio", "ns" };
	const json_t *runs = json_object_get(doc, "runs");
	bool fine = true;
	unsigned n = 0;

	*why = 0;
	for (size_t i = 0; i < json_array_size(runs); i++) {
		const json_t *run = json_array_get(runs, i);
		const char *size = doc_text(run, "size");
		double value = value_of(run, a);
		bool held = holds(a, value);
		char text[40];

		if (a->size[0] && strcmp(a->size, size) != 0)
			continue;
		n++;
		if (!held && fine)
			snprintf(why, WHY,
				 "--assert=%s does not hold: %s is %s with packets of "
				 "size %.80s",
				 a->text, a->metric, value_text(a, value, text, sizeof(text)),
				 size);
		fine &= held;
		json_array_append_new(json_object_get(doc, "asserts"),
				      json_pack("{sssssosfsssb}", "text", a->text, "size", size,
						"value",
						isnan(value) ? json_null() : json_real(value),
						"limit", a->limit, "unit", units[a->unit], "held",
						held));
	}
	if (n)
		return fine;
	snprintf(why, WHY, "--assert=%s does not hold: nothing was measured%s%s", a->text,
		 a->size[0] ? " with packets of size " : "", a->size);
	json_array_append_new(json_object_get(doc, "asserts"),
			      json_pack("{sssssnsfsssb}", "text", a->text, "size", a->size, "value",
					"limit", a->limit, "unit", units[a->unit], "held", false));
	return false;
}
