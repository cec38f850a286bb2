/* SPDX-License-Identifier: BSD-3-Clause */
/* The size of this machine's ordinary pages. */
#ifndef BATON_BASE_PAGE_H
#define BATON_BASE_PAGE_H

#include <stdint.h>
#include <unistd.h>

/**
 * Get the bytes of an ordinary page: 4 KiB on x86 and s390x, and 4, 16 or 64 KiB elsewhere, as the
 * kernel was built.
 */
static inline uint64_t
page_bytes(void)
{
	return (uint64_t)sysconf(_SC_PAGESIZE);
}

#endif
