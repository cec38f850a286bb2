/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One side pays for both: a thread that seldom does something makes every other thread of the
 * process execute a full barrier, so that these need none of their own (membarrier(2)).
 */
#ifndef BATON_BASE_MEMBARRIER_H
#define BATON_BASE_MEMBARRIER_H

#include <stdbool.h>

/** Prepare the process for it. Return: false if the kernel, or a sandbox, does not have it. */
bool membarrier_setup(void);

/**
 * Every thread of the process that runs executes a full barrier between the begin and the end of
 * this call; so does the caller. membarrier_setup() has returned true.
 */
void membarrier_all(void);

#endif
