/* SPDX-License-Identifier: BSD-3-Clause */
/* Commands that change how packets are treated. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "command.h"

void
command_set_fwd(struct app *app, const struct value *v)
{
	enum fwd_mode mode = (enum fwd_mode)v[2].choice;

	if (app->forwarding) {
		complain("packet forwarding is running; stop it first");
		return;
	}
	if (mode_sends(mode) && app->opt.sleep_idle) {
		complain("--sleep-idle: in mode %s there is always something to send",
			 fwd_mode_name(mode));
		return;
	}
	app->opt.mode = mode;
	app->opt.retry = v[3].text;
	printf("Set %s packet forwarding mode%s\n", v[2].text, v[3].text ? " with retry" : "");
}

void
set_burst(struct app *app, unsigned burst)
{
	forward_pause(app);
	app->opt.burst = burst;
	ports_set_room(app);
	forward_resume(app);
	printf("Number of packets per burst set to %u\n", app->opt.burst);
}

void
command_set_burst(struct app *app, const struct value *v)
{
	set_burst(app, (unsigned)v[2].number);
}

void
command_set_delay(struct app *app, const struct value *v)
{
	forward_pause(app);
	app->opt.retry_us = (unsigned)v[4].number;
	app->opt.retries = (unsigned)v[6].number;
	forward_resume(app);
}

/* Each port on its own: one that cannot must not keep the others from it. */
static void
switch_filter(struct app *app, const struct value *v, bool multi)
{
	bool on = !v[3].choice;

	for (unsigned i = v[2].first; i < v[2].end; i++) {
		struct app_port *p = &app->ports[i];
		int ret;

		if (!p->port)
			continue;
		ret = multi ? baton_port_set_allmulti(p->port, on)
			    : baton_port_set_promisc(p->port, on);
		if (ret < 0) {
			complain("port %u: %s", i, baton_last_error());
		} else if (multi) {
			p->allmulti_set = true;
			p->allmulti = on;
		} else {
			p->promisc_set = true;
			p->promisc = on;
		}
	}
}

void
command_set_promisc(struct app *app, const struct value *v)
{
	switch_filter(app, v, false);
}

void
command_set_allmulti(struct app *app, const struct value *v)
{
	switch_filter(app, v, true);
}

static void
set_own_mac(struct app *app, unsigned port, const uint8_t mac[6])
{
	struct app_port *p = &app->ports[port];

	if (baton_port_set_mac(p->port, mac) < 0) {
		complain("port %u: %s", port, baton_last_error());
		return;
	}
	baton_port_info(p->port, &p->info);
	/* Frames that are made carry it. */
	forward_pause(app);
	streams_attach(app);
	forward_resume(app);
}

/* The table of further addresses is one, of unicast and multicast ones. */
static void
change_macs(struct app *app, unsigned port, const struct value *mac, bool add)
{
	struct app_port *p = &app->ports[port];
	uint8_t macs[MAX_MACS + 1][6];
	unsigned n = p->n_macs, i;

	memcpy(macs, p->macs, n * 6);
	for (i = 0; i < n && memcmp(macs[i], mac->mac, 6) != 0; i++)
		;
	if (add && i < n)
		return;
	if (!add && i == n) {
		if (mac->mac[0] & 1)
			complain("multicast address %s not filtered by port %u", mac->text, port);
		else
			complain("port %u has no further address %s", port, mac->text);
		return;
	}
	if (add && n == MAX_MACS) {
		complain("port %u has %u further addresses, and no room for more", port, n);
		return;
	}
	if (add)
		memcpy(macs[n++], mac->mac, 6);
	else
		memmove(macs[i], macs[i + 1], (--n - i) * 6);
	if (baton_port_set_macs(p->port, (const uint8_t(*)[6])macs, n) < 0) {
		complain("port %u: %s", port, baton_last_error());
		return;
	}
	p->n_macs = n;
	memcpy(p->macs, macs, n * 6);
}

void
command_mac_addr(struct app *app, const struct value *v)
{
	enum { ADD, REMOVE, SET } what = (unsigned)v[1].choice;

	if (what == SET)
		set_own_mac(app, v[2].first, v[3].mac);
	else
		change_macs(app, v[2].first, &v[3], what == ADD);
}

void
command_mcast_addr(struct app *app, const struct value *v)
{
	if (v[3].mac[0] & 1)
		change_macs(app, v[2].first, &v[3], !v[1].choice);
	else
		complain("Invalid multicast addr %s: its first byte is even", v[3].text);
}

/* dpdk-testpmd's levels: 1 to 4 are errors, 5 warnings, 6 and 7 what happens, 8 is all. */
static const enum baton_log_level levels[] = { BATON_LOG_ERR,  BATON_LOG_ERR,  BATON_LOG_ERR,
					       BATON_LOG_ERR,  BATON_LOG_ERR,  BATON_LOG_WARN,
					       BATON_LOG_INFO, BATON_LOG_INFO, BATON_LOG_DEBUG };

void
command_log(struct app *app, const struct value *v)
{
	if (strcmp(v[2].text, "global") != 0)
		complain("there is one log, of which %s is a part: its level is set", v[2].text);
	app->opt.log_level = levels[v[3].number];
}

void
command_switch(struct app *app, const struct value *v)
{
	bool *const switches[] = { &app->opt.record_cycles, &app->opt.record_bursts,
				   &app->opt.hide_zero };

	forward_pause(app);
	*switches[v[1].choice] = !v[2].choice;
	bursts_attach(app);
	forward_resume(app);
}
