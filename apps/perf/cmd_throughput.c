/* SPDX-License-Identifier: BSD-3-Clause */
/* baton-perf throughput: searches over trials between the ports. */
#include "throughput.h"

enum perf_exit
throughput_command(struct options *opt)
{
	struct throughput_device device;
	struct session s;
	enum perf_exit end = session_open(&s, opt);

	if (end)
		return end;
	session_device(&s, &device);
	end = throughput_run(opt, s.link_bps, &device, s.report);
	return session_end(&s, end, NULL); /* throughput_run() has told the end */
}
