/* SPDX-License-Identifier: BSD-3-Clause */
/* The forwarding modes: their names and what is said of them, in --help, in docs and at the prompt.
 */
#include <stdio.h>
#include <string.h>

#include "testpmd.h"

#define FLOWGEN_HELP "UDP packets of --flowgen-flows flows, sent; what is received is dropped"

/* In dpdk-testpmd's order. */
const struct mode modes[FWD_MODES] = {
	[FWD_IO] = { "io", "forwarded unchanged; the default" },
	[FWD_MAC] = { "mac", "forwarded to the address that --eth-peer names, from the port's "
			     "own" },
	[FWD_MACSWAP] = { "macswap", "forwarded with the Ethernet addresses swapped" },
	[FWD_FLOWGEN] = { "flowgen", FLOWGEN_HELP },
	[FWD_RXONLY] = { "rxonly", "received and dropped" },
	[FWD_TXONLY] = { "txonly", "UDP packets of --txpkts bytes, sent; none is received" },
	[FWD_CSUM] = { "csum", "forwarded as by mac, with new IPv4, TCP, UDP and SCTP checksums" },
	[FWD_ICMPECHO] = { "icmpecho", "answered, if ARP requests or pings; else dropped" },
	[FWD_5TSWAP] = { "5tswap", "forwarded with MAC and IP addresses, TCP and UDP ports "
				   "swapped" },
};

/* Modes of dpdk-testpmd that are not here. */
static const struct mode absent[] = {
	{ "noisy", "nothing here simulates a noisy neighbour; io forwards" },
	{ "ieee1588", "no device here takes PTP timestamps; io forwards" },
	{ "shared-rxq", "no device here shares an RX queue among ports; rxonly receives" },
	{ "shared_rxq", "no device here shares an RX queue among ports; rxonly receives" },
	{ "recycle_mbufs", "sent buffers return to their core's cache in every mode; io forwards" },
	{ "softnic", "there is no soft NIC; io forwards" },
	{ "mac_retry", "mode mac with --retry does it" },
	{ NULL, NULL },
};

const char *
fwd_mode_name(enum fwd_mode mode)
{
	return modes[mode].name;
}

const char *
mode_absent(const char *name)
{
	for (const struct mode *m = absent; m->name; m++)
		if (!strcmp(m->name, name))
			return m->help;
	return NULL;
}

bool
mode_sends(enum fwd_mode mode)
{
	return mode == FWD_TXONLY || mode == FWD_FLOWGEN;
}

static void
list_modes(char *text, size_t size)
{
	size_t len = 0;

	for (unsigned i = 0; i < FWD_MODES; i++)
		len += (size_t)snprintf(text + len, size - len, "%s%s", i ? ", " : "",
					modes[i].name);
}

int
mode_choose(const char *what, const char *name)
{
	const char *names[FWD_MODES + 1] = { NULL }, *why = mode_absent(name);
	char all[128];

	if (why) {
		list_modes(all, sizeof(all));
		complain("%s=%s is not supported: %s. There are %s", what, name, why, all);
		return -1;
	}
	for (unsigned i = 0; i < FWD_MODES; i++)
		names[i] = modes[i].name;
	return choose(what, name, names);
}
