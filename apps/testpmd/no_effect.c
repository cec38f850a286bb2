/* SPDX-License-Identifier: BSD-3-Clause */
/* Options of dpdk-testpmd that change nothing here: what their arguments may be. */
#include "option.h"

bool
check_ignored(struct options *opt, const char *what, const char *text)
{
	complain("%s has no meaning here and is ignored", what);
	return true;
}

bool
check_memory(struct options *opt, const char *what, const char *text)
{
	unsigned megabytes;

	complain("%s has no meaning here and is ignored: memory is taken as the pool needs it",
		 what);
	return set_uint(what, text, 1, 1u << 30, &megabytes);
}

bool
check_channels(struct options *opt, const char *what, const char *text)
{
	unsigned channels;

	return set_uint(what, text, 1, 32, &channels);
}
