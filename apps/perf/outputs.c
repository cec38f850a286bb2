/* SPDX-License-Identifier: BSD-3-Clause */
/* What becomes of a document: files, tables, assertions, a comparison, and the exit status. */
#include <stdlib.h>
#include <string.h>

#include "option.h"

static bool
set_path(const char **path, const char *what, const char *arg)
{
	if (*path) {
		complain("%s=%s: it is given twice, first as %s", what, arg, *path);
		return false;
	}
	*path = arg;
	return true;
}

bool
set_json(struct options *opt, const char *what, const char *arg)
{
	return set_path(&opt->out.json, what, arg);
}

bool
set_html(struct options *opt, const char *what, const char *arg)
{
	return set_path(&opt->out.html, what, arg);
}

bool
set_compare(struct options *opt, const char *what, const char *arg)
{
	return set_path(&opt->out.compare, what, arg);
}

bool
set_quiet(struct options *opt, const char *what, const char *arg)
{
	opt->out.quiet = true;
	return true;
}

bool
set_assert(struct options *opt, const char *what, const char *arg)
{
	struct outputs *out = &opt->out;
	char why[WHY];

	if (out->n_asserts == MAX_ASSERTS) {
		complain("%s=%s: at most %u are possible", what, arg, MAX_ASSERTS);
		return false;
	}
	if (report_assert_parse(arg, &out->asserts[out->n_asserts], why)) {
		out->n_asserts++;
		return true;
	}
	complain("%s", why);
	return false;
}

bool
outputs_check(struct outputs *out)
{
	char why[WHY];

	if ((out->json && !report_file_check("--json", out->json, why)) ||
	    (out->html && !report_file_check("--html", out->html, why))) {
		complain("%s", why);
		return false;
	}
	if (!out->compare)
		return true;
	out->old = report_read(out->compare, why);
	if (!out->old)
		complain("--compare: %s", why);
	return out->old;
}

static bool
write_html(const struct outputs *out, const json_t *doc, char why[WHY])
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	bool ok;

	if (f)
		report_html(f, doc);
	if (!f || fclose(f)) {
		free(text);
		snprintf(why, WHY, "--html=%s: there is no memory for it", out->html);
		return false;
	}
	ok = report_file_write("--html", out->html, text, why);
	free(text);
	return ok;
}

static bool
write_json(const struct outputs *out, const json_t *doc, char why[WHY])
{
	char *text = json_dumps(doc, JSON_INDENT(1)), *line;
	bool ok;

	if (!text || asprintf(&line, "%s\n", text) < 0) {
		free(text);
		snprintf(why, WHY, "--json=%s: there is no memory for it", out->json);
		return false;
	}
	ok = report_file_write("--json", out->json, line, why);
	free(line);
	free(text);
	return ok;
}

bool
outputs_write(const struct outputs *out, const json_t *doc)
{
	char why[WHY];
	bool ok = true;

	if (out->json && !write_json(out, doc, why)) {
		complain("%s", why);
		ok = false;
	}
	if (out->html && !write_html(out, doc, why)) {
		complain("%s", why);
		ok = false;
	}
	return ok;
}

enum perf_exit
outputs_end(struct outputs *out, json_t *doc, enum perf_exit end)
{
	unsigned failed = 0, worse = 0;
	char why[WHY];

	if (out->n_asserts)
		json_object_set_new(doc, "asserts", json_array());
	for (unsigned i = 0; i < out->n_asserts; i++) {
		if (report_assert_check(doc, &out->asserts[i], why))
			continue;
		complain("%s", why);
		failed++;
	}
	if (!out->quiet)
		report_text(stdout, doc);
	if (out->old)
		worse = report_compare(stdout, out->old, doc);
	fflush(stdout);
	if (!outputs_write(out, doc))
		return PERF_FAILED;
	if (end)
		return end;
	return failed ? PERF_ASSERT : worse ? PERF_WORSE : PERF_OK;
}

void
outputs_free(struct outputs *out)
{
	json_decref(out->old);
	out->old = NULL;
}
