/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files that write the HTML share. */
#ifndef PERF_REPORT_HTML_H
#define PERF_REPORT_HTML_H

#include "report.h"
#include "report_doc.h"
#include "svg.h"

/* What keeps the file below 500 kB; the JSON has all. */
#define HTML_CHARTS   8   /* runs with charts of their own */
#define HTML_SECTIONS 20  /* runs with tables of their own */
#define HTML_GOALS    300 /* rows of the table of results */
#define HTML_TRIALS   900 /* trials in tables and charts, of all runs */
#define HTML_ROWS     360 /* histograms in tables of one kind, of all runs */
#define HTML_TEXT     200 /* bytes of a text */

extern const char html_style[];

/** Write a cell with a number as people read it, and as it is in data-v. */
void html_cell(FILE *out, double value, svg_label_fn *label);
/** Write a cell with text. */
void html_text_cell(FILE *out, const char *text);

/* Charts: a figure each, or nothing where the document has no such numbers. */
void html_throughput(FILE *out, const json_t *doc);
void html_loss(FILE *out, const json_t *run, unsigned max);
void html_timeline(FILE *out, const json_t *run, unsigned max);
void html_latency(FILE *out, const json_t *run);
void html_gaps(FILE *out, const json_t *run);

#endif
