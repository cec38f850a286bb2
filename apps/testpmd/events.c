/* SPDX-License-Identifier: BSD-3-Clause */
/* Which events are reported: --print-event, --mask-event and what switches an event off. */
#include <string.h>

#include "option.h"

#define ALL UINT32_MAX

/* dpdk-testpmd's names, and what they are here; 0: it never happens. */
static const struct {
	const char *name;
	unsigned events;
} known[] = {
	{ "unknown", 0 },
	{ "intr_lsc", 1u << BATON_EVENT_LINK },
	{ "queue_state", 0 },
	{ "intr_reset", 0 },
	{ "vf_mbox", 0 },
	{ "ipsec", 0 },
	{ "macsec", 0 },
	{ "intr_rmv", 1u << BATON_EVENT_LOST | 1u << BATON_EVENT_BACK | 1u << BATON_EVENT_REMOVED },
	{ "dev_probed", 0 },
	{ "dev_released", 0 },
	{ "flow_aged", 0 },
	{ "rx_avail_thresh", 0 },
	{ "err_recovering", 0 },
	{ "recovery_success", 0 },
	{ "recovery_failed", 0 },
	{ "all", ALL },
};
#define N_KNOWN (sizeof(known) / sizeof(known[0]))

static bool
find(const char *what, const char *text, unsigned *events)
{
	const char *names[N_KNOWN + 1] = { NULL };
	int i;

	for (unsigned k = 0; k < N_KNOWN; k++)
		names[k] = known[k].name;
	i = choose(what, text, names);
	*events = i < 0 ? 0 : known[i].events;
	return i >= 0;
}

bool
set_print_event(struct options *opt, const char *what, const char *text)
{
	unsigned events;
	bool ok = find(what, text, &events);

	opt->masked_events &= ~events;
	return ok;
}

bool
set_mask_event(struct options *opt, const char *what, const char *text)
{
	unsigned events;
	bool ok = find(what, text, &events);

	opt->masked_events |= events;
	return ok;
}

bool
set_no_lsc(struct options *opt, const char *what, const char *text)
{
	return set_mask_event(opt, what, "intr_lsc");
}

bool
set_no_rmv(struct options *opt, const char *what, const char *text)
{
	return set_mask_event(opt, what, "intr_rmv");
}
