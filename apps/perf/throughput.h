/* SPDX-License-Identifier: BSD-3-Clause */
/* Searches for throughput, size by size, over whatever runs the trials. */
#ifndef PERF_THROUGHPUT_H
#define PERF_THROUGHPUT_H

#include "perf.h"

/* What runs the trials. */
struct throughput_device {
	void *ctx;
	/** Run a trial; -EINTR when perf_stopped(). */
	trial_fn trial;
	/** Send packets of @mix from now on. Return: 0, or a negative errno with @why. */
	int (*size)(void *ctx, const struct size_mix *mix, char why[WHY]);
	/** Return: packets of @mix a second that the sender makes at most; 0: not known. */
	double (*most)(void *ctx, const struct size_mix *mix);
};

/**
 * Search all sizes of @opt, and fill @report. The files of @opt->out are written after each size,
 * so that what is known is never lost; outputs_end() is still to be called.
 *
 * @link_bps: speed of the slower link in bits a second, if --link-speed is not given; 0: unknown.
 */
enum perf_exit throughput_run(const struct options *opt, double link_bps,
			      const struct throughput_device *device, struct report *report);

#endif
