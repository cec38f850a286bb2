/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

void
text_add(struct text *to, const char *fmt, ...)
{
	size_t room = sizeof(to->text) - to->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(to->text + to->len, room, fmt, ap);
	va_end(ap);
	if (n > 0)
		to->len += (size_t)n < room ? (size_t)n : room - 1;
}

const char *
text_size(char to[32], uint64_t bytes)
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	unsigned unit = 0, exact = 0;
	uint64_t rest; /* tenths of the unit */

	while (unit < 6 && bytes >> 10 * (unit + 1))
		unit++;
	while (exact < unit && !(bytes & ((UINT64_C(1) << 10 * (exact + 1)) - 1)))
		exact++;
	rest = (bytes & ((UINT64_C(1) << 10 * unit) - 1)) * 10;
	if (exact == unit ||
	    (rest & ((UINT64_C(1) << 10 * unit) - 1) && bytes >> 10 * exact < 10240))
		snprintf(to, 32, "%" PRIu64 " %s", bytes >> 10 * exact, units[exact]);
	else
		snprintf(to, 32, "%u.%u %s", (unsigned)(bytes >> 10 * unit),
			 (unsigned)(rest >> 10 * unit) % 10, units[unit]);
	return to;
}
