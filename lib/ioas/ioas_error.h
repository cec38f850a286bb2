/* SPDX-License-Identifier: BSD-3-Clause */
/* Parts of error messages. */
#ifndef BATON_IOAS_ERROR_H
#define BATON_IOAS_ERROR_H

#include <stddef.h>
#include <stdint.h>

#include <baton/ioas.h>

#include "base/text.h"

/** "0x0-0xfedfffff, 0xfef00000-..." */
void ioas_text_ranges(struct text *to, const struct baton_iova_range *ranges, unsigned n);

struct ioas_fix {
	int err; /* errno; 0 ends the list and is for all other errors */
	const char *text;
};

/** Set the message of a call that failed: "@what: @call: strerror; what helps". Return: ret. */
int ioas_failed(int ret, const char *what, const char *call, const struct ioas_fix *fixes)
	__attribute__((cold));

#endif
