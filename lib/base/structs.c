/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/structs.h"

#include <string.h>

#include "base/err.h"

int
struct_take(void *to, size_t known, const void *from, const char *what)
{
	const unsigned char *bytes = from;
	size_t size, n;

	if (!from)
		return 0;
	memcpy(&size, from, sizeof(size));
	if (size < sizeof(size) || size > STRUCT_MOST)
		return baton_err(EINVAL,
				 "%s.size is %zu, and cannot be: set it to sizeof(%s), which is "
				 "%zu "
				 "bytes in this library, by its init function or by hand",
				 what, size, what, known);
	for (size_t i = known; i < size; i++)
		if (bytes[i])
			return baton_err(E2BIG,
					 "%s has %zu bytes, this library knows %zu, and byte %zu "
					 "is "
					 "not 0: the application asks for what a later version of "
					 "the library has; use that one, or leave it at 0",
					 what, size, known, i);
	n = size < known ? size : known;
	memcpy((unsigned char *)to + sizeof(size), bytes + sizeof(size), n - sizeof(size));
	return 0;
}

int
struct_check_reserved(uint64_t reserved, const char *what)
{
	if (!reserved)
		return 0;
	return baton_err(E2BIG,
			 "a reserved member of %s is %#llx, and has to be 0 for this library: "
			 "begin "
			 "with its init function",
			 what, (unsigned long long)reserved);
}

void
struct_give(void *to, size_t size, const void *from, size_t known)
{
	if (size > known)
		memset((unsigned char *)to + known, 0, size - known);
	memcpy(to, from, size < known ? size : known);
}

void
struct_init(void *to, size_t size, const void *defaults, size_t known)
{
	if (!to)
		return;
	struct_give(to, size, defaults, known);
	memcpy(to, &size, sizeof(size));
}
