/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading a document: what is missing is empty text, NaN or false. */
#ifndef PERF_REPORT_DOC_H
#define PERF_REPORT_DOC_H

#include <jansson.h>
#include <math.h>
#include <stdbool.h>

static inline const char *
doc_text(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text ? text : "";
}

static inline double
doc_number(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	return json_is_number(v) ? json_number_value(v) : NAN;
}

static inline bool
doc_true(const json_t *o, const char *key)
{
	return json_is_true(json_object_get(o, key));
}

/** Return: goal @name of @run, or NULL. */
const json_t *doc_goal(const json_t *run, const char *name);
/** Return: the run of packets @size, or NULL. */
const json_t *doc_run(const json_t *doc, const char *size);

/** Write @ns as "1.234 us" with four digits. Return: @buf. */
char *ns_text(double ns, char *buf, size_t size);
/** Write a ratio as "0.5 %"; 0 as "0". Return: @buf. */
char *ratio_text(double ratio, char *buf, size_t size);

/* The percentiles of a histogram, in their order. */
struct doc_percentile {
	const char *key, *name;
};
#define DOC_PERCENTILES 7
extern const struct doc_percentile doc_percentiles[DOC_PERCENTILES];

#endif
