/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Charts as SVG inside of HTML. Every chart is drawn twice, wide and narrow, and the style sheet
 * shows the one that fits: text keeps its size on a phone. An SVG carries what its axes mean as
 * data-x0, data-x1, data-y0 and data-y1 (values at the edges) and data-box (the edges in pixels),
 * so that what is drawn can be read back.
 */
#ifndef PERF_SVG_H
#define PERF_SVG_H

#include <stdbool.h>
#include <stdio.h>

#define SVG_SERIES 8 /* colours */

/** Write @value as a label. */
typedef char *svg_label_fn(double value, char *buf, size_t size);

struct svg_axis {
	double min, max;
	bool log;         /* min is above 0; values below it (a loss of 0) are drawn on the edge */
	const char *zero; /* log: what the edge means, such as "0"; NULL: the minimum */
	svg_label_fn *label;
	const char *title;
	unsigned n_names; /* in place of numbers: names at 0.5, 1.5, ... */
	const char *const *names;
};

struct svg {
	FILE *out;
	struct svg_axis x, y;
	double left, right, top, bottom; /* of the area, in pixels */
	bool narrow;
};

/** Begin a chart: the frame, the grid and the axes. @title is for who cannot see it. */
void svg_begin(struct svg *s, FILE *out, bool narrow, const struct svg_axis *x,
	       const struct svg_axis *y, const char *title);
void svg_end(struct svg *s);

/** Begin a row of dots; svg_dot() adds to it until svg_dots_end(). */
void svg_dots(struct svg *s, const char *css);
void svg_dot(struct svg *s, double x, double y);
void svg_dots_end(struct svg *s);

/** Draw a line through @n points, with marks, in the colour and the dashes of series @series. */
void svg_line(struct svg *s, unsigned series, const double *x, const double *y, unsigned n);
/** Draw a bar from the bottom to @y. */
void svg_bar(struct svg *s, unsigned series, double x0, double x1, double y);
/** Draw a line across (@vertical: at x = @at) from @from to @to, with the style @css. */
void svg_rule(struct svg *s, const char *css, bool vertical, double at, double from, double to);

/** Write @text with what HTML reserves escaped. */
void html_escape(FILE *out, const char *text);

#endif
