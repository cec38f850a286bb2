/* SPDX-License-Identifier: BSD-3-Clause */
/* A text that is built piece by piece, such as a part of an error message. */
#ifndef BATON_BASE_TEXT_H
#define BATON_BASE_TEXT_H

#include <stddef.h>
#include <stdint.h>

struct text {
	size_t len;
	char text[640];
};

/** Append to @to. A text that does not fit is cut. */
void text_add(struct text *to, const char *fmt, ...) __attribute__((format(printf, 2, 3), cold));

/**
 * Write a size for people, exact if that is short: "64 MiB", "1.5 GiB", "4097 bytes". Return: @to.
 */
const char *text_size(char to[32], uint64_t bytes);

#endif
