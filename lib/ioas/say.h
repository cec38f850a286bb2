/* SPDX-License-Identifier: BSD-3-Clause */
/* Parts of error sentences. */
#ifndef BATON_IOAS_SAY_H
#define BATON_IOAS_SAY_H

#include <stddef.h>
#include <stdint.h>

#include <baton/ioas.h>

/* A sentence's part being written; what does not fit is cut. */
struct ioas_text {
	size_t len;
	char text[480];
};

void ioas_say(struct ioas_text *to, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), cold));

/** "0x0-0xfedfffff, 0xfef00000-..." */
void ioas_say_ranges(struct ioas_text *to, const struct baton_iova_range *ranges, unsigned n);

/** "64 MiB", "1.5 GiB", "4097 bytes". */
const char *ioas_size(char to[32], uint64_t bytes);

struct ioas_fix {
	int err; /* errno; 0 ends the list and helps in all other cases */
	const char *text;
};

/** A call failed: "@what: @call: strerror; what helps". Return: ret. */
int ioas_failed(int ret, const char *what, const char *call, const struct ioas_fix *fixes)
	__attribute__((cold));

#endif
