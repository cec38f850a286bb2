/* SPDX-License-Identifier: BSD-3-Clause */
#include "svg.h"

#include <math.h>
#include <string.h>

void
html_escape(FILE *out, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '&':
			fputs("&amp;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		default:
			/* Control characters have no place in HTML. */
			fputc((unsigned char)*text < ' ' ? ' ' : *text, out);
		}
	}
}

static double
part_of(const struct svg_axis *a, double v)
{
	double part;

	if (a->log)
		part = v > a->min ? log(v / a->min) / log(a->max / a->min) : 0;
	else
		part = (v - a->min) / (a->max - a->min);
	return fmin(1, fmax(0, part));
}

static double
at_x(const struct svg *s, double v)
{
	return s->left + part_of(&s->x, v) * (s->right - s->left);
}

static double
at_y(const struct svg *s, double v)
{
	return s->bottom - part_of(&s->y, v) * (s->bottom - s->top);
}

/* ---- axes ---- */

static void
tick(struct svg *s, bool is_x, double at, const char *text)
{
	if (is_x)
		fprintf(s->out,
			"<path class=g d=\"M%.1f %.1fV%.1f\"/><text x=%.1f y=%.1f "
			"text-anchor=middle>",
			at, s->top, s->bottom, at, s->bottom + 16);
	else
		fprintf(s->out,
			"<path class=g d=\"M%.1f %.1fH%.1f\"/><text x=%.1f y=%.1f text-anchor=end>",
			s->left, at, s->right, s->left - 6, at + 4);
	html_escape(s->out, text);
	fputs("</text>", s->out);
}

static void
ticks_linear(struct svg *s, bool is_x)
{
	const struct svg_axis *a = is_x ? &s->x : &s->y;
	unsigned want = is_x ? (s->narrow ? 3 : 7) : 5;
	double raw = (a->max - a->min) / want, unit = pow(10, floor(log10(raw)));
	double step = unit * (raw / unit <= 1 ? 1 : raw / unit <= 2 ? 2 : raw / unit <= 5 ? 5 : 10);

	for (double v = ceil(a->min / step - 1e-9) * step; v <= a->max + step * 1e-6; v += step) {
		char text[40];

		a->label(fabs(v) < step * 1e-6 ? 0 : v, text, sizeof(text));
		tick(s, is_x, is_x ? at_x(s, v) : at_y(s, v), text);
	}
}

static void
ticks_log(struct svg *s, bool is_x)
{
	const struct svg_axis *a = is_x ? &s->x : &s->y;
	int first = (int)ceil(log10(a->min) - 1e-9), last = (int)floor(log10(a->max) + 1e-9);
	int every = (last - first) / (is_x && s->narrow ? 3 : 6) + 1;
	char text[40];

	if (a->zero)
		tick(s, is_x, is_x ? s->left : s->bottom, a->zero);
	for (int e = first; e <= last; e++) {
		double v = pow(10, e);

		if ((last - e) % every || (a->zero && part_of(a, v) < 0.04))
			continue;
		tick(s, is_x, is_x ? at_x(s, v) : at_y(s, v), a->label(v, text, sizeof(text)));
	}
}

static void
ticks_named(struct svg *s)
{
	for (unsigned i = 0; i < s->x.n_names; i++) {
		char text[24];
		size_t most = s->narrow ? 7 : 12;

		snprintf(text, sizeof(text), "%.*s%s", (int)most, s->x.names[i],
			 strlen(s->x.names[i]) > most ? "..." : "");
		tick(s, true, at_x(s, i + 0.5), text);
	}
}

void
svg_begin(struct svg *s, FILE *out, bool narrow, const struct svg_axis *x, const struct svg_axis *y,
	  const char *title)
{
	double width = narrow ? 350 : 720, height = narrow ? 270 : 320;

	*s = (struct svg){ .out = out,
			   .x = *x,
			   .y = *y,
			   .left = narrow ? 62 : 74,
			   .right = width - (narrow ? 14 : 24),
			   .top = 26,
			   .bottom = height - 44,
			   .narrow = narrow };
	fprintf(out,
		"<svg class=%s viewBox=\"0 0 %.0f %.0f\" role=img data-x0=%.10g data-x1=%.10g "
		"data-y0=%.10g data-y1=%.10g data-log=\"%s%s\" data-box=\"%.0f %.0f %.0f "
		"%.0f\"><title>",
		narrow ? "n" : "w", width, height, x->min, x->max, y->min, y->max,
		x->log ? "x" : "", y->log ? "y" : "", s->left, s->right, s->top, s->bottom);
	html_escape(out, title);
	fputs("</title>", out);
	if (x->n_names)
		ticks_named(s);
	else if (x->log)
		ticks_log(s, true);
	else
		ticks_linear(s, true);
	if (y->log)
		ticks_log(s, false);
	else
		ticks_linear(s, false);
	fprintf(out, "<text class=a x=%.1f y=%.1f text-anchor=middle>", (s->left + s->right) / 2,
		height - 8);
	html_escape(out, x->title);
	fprintf(out, "</text><text class=a x=4 y=14>");
	html_escape(out, y->title);
	fputs("</text>", out);
}

void
svg_end(struct svg *s)
{
	fprintf(s->out, "<path class=f d=\"M%.1f %.1fV%.1fH%.1f\"/></svg>\n", s->left, s->top,
		s->bottom, s->right);
}

/* ---- marks ---- */

/* A line of length 0 with round ends is a dot, in 12 bytes. */
void
svg_dots(struct svg *s, const char *css)
{
	fprintf(s->out, "<path class=\"d %s\" d=\"", css);
}

void
svg_dot(struct svg *s, double x, double y)
{
	fprintf(s->out, "M%.1f %.1fh0", at_x(s, x), at_y(s, y));
}

void
svg_dots_end(struct svg *s)
{
	fputs("\"/>", s->out);
}

void
svg_line(struct svg *s, unsigned series, const double *x, const double *y, unsigned n)
{
	fprintf(s->out, "<path class=\"l s%u\" d=\"", series % SVG_SERIES);
	for (unsigned i = 0; i < n; i++)
		fprintf(s->out, "%c%.1f %.1f", i ? 'L' : 'M', at_x(s, x[i]), at_y(s, y[i]));
	fprintf(s->out, "\"/><path class=\"d s%u\" d=\"", series % SVG_SERIES);
	for (unsigned i = 0; i < n; i++)
		svg_dot(s, x[i], y[i]);
	fputs("\"/>", s->out);
}

void
svg_bar(struct svg *s, unsigned series, double x0, double x1, double y)
{
	double left = at_x(s, x0), right = at_x(s, x1), top = at_y(s, y);

	fprintf(s->out, "<rect class=\"b s%u\" x=%.2f y=%.1f width=%.2f height=%.1f />",
		series % SVG_SERIES, left, top, fmax(0.5, right - left), s->bottom - top);
}

void
svg_rule(struct svg *s, const char *css, bool vertical, double at, double from, double to)
{
	if (vertical)
		fprintf(s->out, "<path class=\"%s\" d=\"M%.1f %.1fV%.1f\"/>", css, at_x(s, at),
			at_y(s, from), at_y(s, to));
	else
		fprintf(s->out, "<path class=\"%s\" d=\"M%.1f %.1fH%.1f\"/>", css, at_x(s, from),
			at_y(s, at), at_x(s, to));
}
