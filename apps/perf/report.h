/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A report is one JSON document, which docs/perf-report.md describes. It is filled while
 * measuring, so it is whole at every moment; the terminal's table and the HTML file are made of the
 * document and of nothing else.
 */
#ifndef PERF_REPORT_H
#define PERF_REPORT_H

#include <jansson.h>
#include <stdio.h>
#include <time.h>

#include "hist.h"
#include "load.h"
#include "search.h"

#define REPORT_FORMAT  "baton-perf"
#define REPORT_VERSION 1

struct report;

struct report_port {
	const char *name, *driver; /* as "0000:00:03.0" and "net_e1000e" */
	uint8_t mac[6];
	double link_bps; /* 0: not known */
};

/* What is known before the first trial. Texts are copied. */
struct report_head {
	const char *command; /* rate, replay, throughput or latency */
	int argc;
	char **argv;
	time_t started;
	const char *baton; /* version of the library */
	double tsc_hz;
	unsigned n_ports;
	const struct report_port *ports;
};

/** Return: a report, or NULL without memory. report_free() releases it. */
struct report *report_new(const struct report_head *head);
/** Release @r; NULL is ignored. */
void report_free(struct report *r);

/** Begin a run: what follows is of packets of @mix on links of @link_bps (0: not known). */
void report_run(struct report *r, const struct size_mix *mix, double link_bps);
/** Set the search of the run and its trials; called again, it replaces them. */
void report_search(struct report *r, const struct search *s);
/** Add a trial that belongs to no search, with its directions and streams. */
void report_trial(struct report *r, const struct trial_result *result, double start);

enum report_hist_kind { REPORT_LATENCY, REPORT_JITTER, REPORT_GAPS };

struct report_hist {
	enum report_hist_kind kind;
	const char *label; /* what it was measured at, as "50 % of PDR"; NULL: the load says it */
	double load;       /* packets a second and direction */
	const char *direction; /* as "0 -> 1" */
	const char *stream;    /* NULL: all of them */
	bool own;              /* the instrument's own share, measured on a loop */
	const struct hist *hist;
};
/** Add a histogram to the run. */
void report_hist(struct report *r, const struct report_hist *h);

/** Set how the measurement ended: @end as search_end_name() has it, @text for people. */
void report_end(struct report *r, const char *end, const char *text);

/**
 * Return: the document, which stays the report's; NULL if memory was short at any time.
 */
json_t *report_document(struct report *r);

/**
 * Read a document from a file and check it.
 *
 * Return: the document, or NULL: @why says what is wrong: no file, no JSON (with its line), another
 * format or version, or a part that is missing.
 */
json_t *report_read(const char *path, char why[WHY]);

/* ---- what is made of the document ---- */

/** Print tables for a terminal. */
void report_text(FILE *out, const json_t *doc);
/** Write one HTML file that needs no other. */
void report_html(FILE *out, const json_t *doc);

/* "ndr>=5Mpps": see docs/perf-report.md. */
struct report_assert {
	char text[64];
	char metric[40]; /* "ndr", "ndr.upper", "loss", "rate", "latency.p99", ... */
	char size[64];   /* of the runs it is about; "": all */
	bool above, equal;
	double limit;
	enum { ASSERT_PPS, ASSERT_BPS, ASSERT_RATIO, ASSERT_NS } unit;
};

/** Read an assertion. Return: false: @why says which part is wrong. */
bool report_assert_parse(const char *text, struct report_assert *a, char why[WHY]);
/**
 * Check @a, and add what came out to the document.
 *
 * Return: whether it holds. A number that the document does not have holds no assertion; @why says
 * what was found where it does not hold.
 */
bool report_assert_check(json_t *doc, const struct report_assert *a, char why[WHY]);

/**
 * Print how the goals of @doc changed since @old. A change is one only where the bounds of both do
 * not overlap.
 *
 * Return: the number of goals that became worse.
 */
unsigned report_compare(FILE *out, const json_t *old, const json_t *doc);

/* ---- files ---- */

/** Return: whether @path can be written; if not, @why says why. Nothing is changed. */
bool report_file_check(const char *option, const char *path, char why[WHY]);
/** Write @text to @path by way of a file beside it, so that no half of it is ever seen. */
bool report_file_write(const char *option, const char *path, const char *text, char why[WHY]);

#endif
