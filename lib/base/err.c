/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/export.h"
#include "base/limits.h"

#define NEAR                                                                                       \
	(4u << 20) /* an allocation of unknown size failed this far from a limit, or nearer        \
		    */

static _Thread_local char last_error[1024];

/* A sentence that nobody has asked for yet. */
static _Thread_local struct {
	err_writer *write; /* NULL: last_error is the sentence */
	_Alignas(16) char note[ERR_NOTE_MAX];
} later;

void *
err_note(err_writer *write)
{
	later.write = write;
	return later.note;
}

const char *
baton_last_error(void)
{
	err_writer *write = later.write;

	if (write) {
		later.write = NULL;
		write(later.note, last_error, sizeof(last_error));
	}
	return last_error;
}

const char *
baton_version(void)
{
	return BATON_VERSION;
}

/* Memory that a limit of the process refuses is not the machine's shortage, so name the limit. */
static void
name_limit(char *text, size_t size)
{
	size_t len = strlen(text);
	struct text limit = { 0 };

	if (strstr(text, "RLIMIT_"))
		return;
	limits_memory(&limit, NEAR);
	snprintf(text + len, size - len, "%s", limit.text);
}

int
baton_err(int err, const char *fmt, ...)
{
	char text[sizeof(last_error)];
	va_list ap;

	/* Format into a local buffer: an argument may be the message that is being replaced. */
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (err == ENOMEM)
		name_limit(text, sizeof(text));
	memcpy(last_error, text, sizeof(text));
	later.write = NULL;
	return -err;
}

int
baton_err_prefix(int ret, const char *fmt, ...)
{
	char text[2 * sizeof(last_error)];
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (len < 0 || (size_t)len >= sizeof(last_error))
		return ret;
	snprintf(text + len, sizeof(text) - (size_t)len, ": %s", baton_last_error());
	memcpy(last_error, text, sizeof(last_error) - 1);
	return ret;
}

/* Levenshtein distance of two short words. A word that is longer than the row counts as far. */
static unsigned
distance(const char *a, const char *b)
{
	unsigned row[64];
	size_t la = strlen(a), lb = strlen(b);

	if (la >= 64 || lb >= 64)
		return 64;
	for (size_t j = 0; j <= lb; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; i <= la; i++) {
		unsigned diag = row[0];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= lb; j++) {
			unsigned best = diag + (a[i - 1] != b[j - 1]);

			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			diag = row[j];
			row[j] = best;
		}
	}
	return row[lb];
}

const char *
baton_nearest(const char *word, const char *const *list)
{
	unsigned best = word ? (unsigned)strlen(word) / 2 + 1 : 0;
	const char *found = NULL;

	for (; word && list && *list; list++) {
		unsigned d = distance(word, *list);

		if (d < best) {
			best = d;
			found = *list;
		}
	}
	return found;
}

DRIVER_EXPORT(baton_err);
DRIVER_EXPORT(baton_err_prefix);
