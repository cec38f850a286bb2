/* SPDX-License-Identifier: BSD-3-Clause */
/* Commands about the packets that are made or shown, and where they go. */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "option.h"

/* Levels above 3 are 3, as in dpdk-testpmd. */
void
command_set_verbose(struct app *app, const struct value *v)
{
	unsigned before = app->opt.verbose;

	forward_pause(app);
	app->opt.verbose = (unsigned)v[2].number;
	printf("Change verbose level from %u to %u\n", before, app->opt.verbose);
	forward_resume(app);
}

/* Frames that are made have addresses and lengths in them. */
static void
make_anew(struct app *app)
{
	streams_attach(app);
	forward_resume(app);
}

void
command_set_txpkts(struct app *app, const struct value *v)
{
	struct options before;

	forward_pause(app);
	before = app->opt;
	if (set_txpkts(&app->opt, "set txpkts", v[2].text) && !txonly_check(app, true))
		app->opt = before;
	make_anew(app);
}

void
command_set_eth_peer(struct app *app, const struct value *v)
{
	unsigned port = v[2].first;

	forward_pause(app);
	memcpy(app->opt.peer[port], v[3].mac, 6);
	app->opt.peer_set[port] = true;
	make_anew(app);
}
