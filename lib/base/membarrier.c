/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/membarrier.h"

#include <linux/membarrier.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/io.h"

static int
membarrier(int command)
{
	return (int)syscall(SYS_membarrier, command, 0, 0);
}

bool
membarrier_setup(void)
{
	return !membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
}

void
membarrier_all(void)
{
	smp_mb();
	/* A sandbox that forbids it from now on: nobody could be woken safely any more. */
	if (membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED))
		abort();
	smp_mb();
}
