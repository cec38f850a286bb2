/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading documents: of a file, whose content may be anything, and of memory. */
#include "report_doc.h"

#include <errno.h>
#include <string.h>

#include "report.h"

const struct doc_percentile doc_percentiles[DOC_PERCENTILES] = {
	{ "min_ns", "min" },    { "p50_ns", "50" },       { "p90_ns", "90" },  { "p99_ns", "99" },
	{ "p99.9_ns", "99.9" }, { "p99.99_ns", "99.99" }, { "max_ns", "max" },
};

const json_t *
doc_goal(const json_t *run, const char *name)
{
	const json_t *list = json_object_get(json_object_get(run, "search"), "goals");

	for (size_t i = 0; i < json_array_size(list); i++)
		if (!strcmp(doc_text(json_array_get(list, i), "name"), name))
			return json_array_get(list, i);
	return NULL;
}

const json_t *
doc_run(const json_t *doc, const char *size)
{
	const json_t *list = json_object_get(doc, "runs");

	for (size_t i = 0; i < json_array_size(list); i++)
		if (!strcmp(doc_text(json_array_get(list, i), "size"), size))
			return json_array_get(list, i);
	return NULL;
}

char *
ns_text(double ns, char *buf, size_t size)
{
	if (ns < 999.5)
		snprintf(buf, size, "%.4g ns", ns);
	else if (ns < 999.95e3)
		snprintf(buf, size, "%.4g us", ns / 1e3);
	else if (ns < 999.95e6)
		snprintf(buf, size, "%.4g ms", ns / 1e6);
	else
		snprintf(buf, size, "%.4g s", ns / 1e9);
	return buf;
}

char *
ratio_text(double ratio, char *buf, size_t size)
{
	if (ratio > 0)
		snprintf(buf, size, "%.4g %%", ratio * 100);
	else
		snprintf(buf, size, "0");
	return buf;
}

/* What a part must have; "?" behind the type: or null. */
struct part {
	const char *key;
	char type; /* s text, n number, b boolean, a list, o object */
	bool null;
};

static const struct part of_document[] = {
	{ "baton", 's', false },   { "command", 's', false }, { "arguments", 'a', false },
	{ "started", 's', false }, { "end", 's', false },     { "end_text", 's', false },
	{ "machine", 'o', false }, { "ports", 'a', false },   { "runs", 'a', false },
	{ "asserts", 'a', false }, { NULL, 0, false },
};
static const struct part of_run[] = {
	{ "size", 's', false },
	{ "mean_bytes", 'n', false },
	{ "wire_bits", 'n', false },
	{ "link_bps", 'n', true },
	{ "line_rate_pps", 'n', true },
	{ "search", 'o', true },
	{ "trials", 'a', false },
	{ "latency", 'a', false },
	{ "jitter", 'a', false },
	{ "gaps", 'a', false },
	{ NULL, 0, false },
};
static const struct part of_goal[] = {
	{ "name", 's', false },
	{ "exceed_ratio", 'n', false },
	{ "trial_s", 'n', false },
	{ "sum_s", 'n', false },
	{ "loss_ratio", 'n', false },
	{ "width", 'n', false },
	{ "result", 's', false },
	{ "text", 's', false },
	{ "lower_pps", 'n', true },
	{ "upper_pps", 'n', true },
	{ "throughput_pps", 'n', true },
	{ "throughput_bps", 'n', true },
	{ NULL, 0, false },
};
static const struct part of_trial[] = {
	{ "start_s", 'n', false },  { "load_pps", 'n', false },   { "duration_s", 'n', false },
	{ "rate_pps", 'n', false }, { "loss_ratio", 'n', false }, { "warm_up", 'b', false },
	{ "void", 'a', false },     { "accounts", 'o', false },   { NULL, 0, false },
};

static bool
is_type(const json_t *v, const struct part *p)
{
	switch (p->type) {
	case 's':
		return json_is_string(v);
	case 'n':
		return json_is_number(v);
	case 'b':
		return json_is_boolean(v);
	case 'a':
		return json_is_array(v);
	default:
		return json_is_object(v);
	}
}

static bool
has_parts(const json_t *o, const struct part *parts, const char *what, size_t at, const char *path,
	  char why[WHY])
{
	for (const struct part *p = parts; p->key; p++) {
		const json_t *v = json_object_get(o, p->key);

		if (is_type(v, p) || (p->null && json_is_null(v)))
			continue;
		snprintf(why, WHY, "%s: %s %zu %s \"%s\": it is no whole report", path, what, at,
			 v ? "has the wrong kind of" : "lacks", p->key);
		return false;
	}
	return true;
}

static bool
check_list(const json_t *list, const struct part *parts, const char *what, const char *path,
	   char why[WHY])
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (!has_parts(json_array_get(list, i), parts, what, i + 1, path, why))
			return false;
	return true;
}

static bool
check(const json_t *doc, const char *path, char why[WHY])
{
	const json_t *runs = json_object_get(doc, "runs");
	double version = doc_number(doc, "format_version");

	if (strcmp(doc_text(doc, "format"), REPORT_FORMAT) != 0) {
		snprintf(why, WHY,
			 "%s is no report of baton-perf: \"format\" is not \"" REPORT_FORMAT "\"",
			 path);
		return false;
	}
	if (version != REPORT_VERSION) {
		snprintf(why, WHY,
			 "%s has version %.17g of the format, and this baton-perf reads version "
			 "%d: "
			 "read it with the baton-perf that wrote it (%.40s)",
			 path, version, REPORT_VERSION, doc_text(doc, "baton"));
		return false;
	}
	if (!has_parts(doc, of_document, "document", 1, path, why) ||
	    !check_list(runs, of_run, "run", path, why))
		return false;
	for (size_t i = 0; i < json_array_size(runs); i++) {
		const json_t *run = json_array_get(runs, i);

		if (!check_list(json_object_get(run, "trials"), of_trial, "trial", path, why) ||
		    !check_list(json_object_get(json_object_get(run, "search"), "goals"), of_goal,
				"goal", path, why))
			return false;
	}
	return true;
}

json_t *
report_read(const char *path, char why[WHY])
{
	json_error_t error;
	json_t *doc;
	FILE *f = fopen(path, "re");

	if (!f) {
		snprintf(why, WHY, "%s cannot be read: %s", path, strerror(errno));
		return NULL;
	}
	doc = json_loadf(f, JSON_REJECT_DUPLICATES, &error);
	fclose(f);
	if (!doc) {
		snprintf(why, WHY, "%s is no JSON: line %d, column %d: %s", path, error.line,
			 error.column, error.text);
		return NULL;
	}
	if (check(doc, path, why))
		return doc;
	json_decref(doc);
	return NULL;
}
