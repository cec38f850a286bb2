/* SPDX-License-Identifier: BSD-3-Clause */
/* Which ports and cores forward, from the next start on. */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "option.h"

static bool
stopped(const struct app *app)
{
	if (app->forwarding)
		complain("Please stop forwarding first");
	return !app->forwarding;
}

/* Take the options as they are now, or leave all as it was @before. */
static bool
take_effect(struct app *app, const struct options *before)
{
	bool ok = select_cores(app);

	if (!ok) {
		app->opt = *before;
		select_cores(app);
	}
	streams_want(app);
	return ok;
}

/* ---- ports ---- */

static unsigned
listed_ports(const struct app *app)
{
	const struct options *opt = &app->opt;
	unsigned n = opt->n_fwd_ports ? opt->n_fwd_ports : app->n_ports;

	return opt->nb_ports && opt->nb_ports < n ? opt->nb_ports : n;
}

static bool
ports_exist(const struct app *app, const struct options *opt)
{
	for (unsigned i = 0; i < opt->n_fwd_ports; i++) {
		unsigned port = opt->fwd_ports[i];

		if (port < app->n_ports && app->ports[port].port)
			continue;
		complain("Invalid port %u: it is %s", port,
			 port >= app->n_ports || app->ports[port].detached ? "not there"
									   : "closed");
		return false;
	}
	return true;
}

/* dpdk-testpmd refuses what is there twice. */
static bool
no_duplicates(const char *text, unsigned n)
{
	unsigned words = 1;

	for (const char *c = text; *c; c++) {
		words += *c == ',';
		if (*c == '-')
			return true; /* a range, which is no list of dpdk-testpmd's */
	}
	if (words == n)
		return true;
	complain("duplicated numbers in %s", text);
	return false;
}

/* In dpdk-testpmd a mask is a number like others, only that here it may be longer than 64 bits. */
static const char *
mask_of(const struct value *v, char hex[24])
{
	if (v->text[0] == '0' && (v->text[1] | 0x20) == 'x')
		return v->text;
	snprintf(hex, 24, "0x%llx", (unsigned long long)v->number);
	return hex;
}

/* set portlist LIST, set portmask MASK */
void
command_ports(struct app *app, const struct value *v)
{
	static struct options before;
	struct options *opt = &app->opt;
	bool list = !strcmp(v[1].text, "portlist"), ok;
	unsigned was = listed_ports(app), is;
	char what[32], hex[24];

	if (!stopped(app))
		return;
	before = *opt;
	snprintf(what, sizeof(what), "set %s", v[1].text);
	ok = list ? set_portlist(opt, what, v[2].text) && no_duplicates(v[2].text, opt->n_fwd_ports)
		  : set_portmask(opt, what, mask_of(&v[2], hex));
	if (!ok || !ports_exist(app, opt)) {
		*opt = before;
		return;
	}
	if (!take_effect(app, &before))
		return;
	is = listed_ports(app);
	if (is != was)
		printf("previous number of forwarding ports %u - changed to number of configured "
		       "ports %u\n",
		       was, is);
	if (opt->topology == TOPOLOGY_PAIRED && is > 1 && is % 2)
		complain("an odd number of ports: port %u forwards to itself",
			 opt->fwd_ports[is - 1]);
}

static void
set_nbport(struct app *app, unsigned n)
{
	static struct options before;
	unsigned most = app->opt.n_fwd_ports ? app->opt.n_fwd_ports : app->n_ports;

	if (!n || n > most) {
		complain("nb fwd ports %u %s %u (number of configured ports) - ignored", n,
			 n ? ">" : "of", most);
		return;
	}
	before = app->opt;
	app->opt.nb_ports = n;
	if (take_effect(app, &before))
		printf("Number of forwarding ports set to %u\n", n);
}

/* ---- cores ---- */

static bool
cores_exist(const struct options *opt)
{
	for (unsigned i = 0; i < opt->n_fwd_lcores; i++) {
		unsigned id = opt->fwd_lcores[i], k = 0;

		while (k < opt->n_lcores && opt->lcores[k].id != id)
			k++;
		if (k == opt->n_lcores) {
			complain("lcore %u is not among those of -l", id);
			return false;
		}
		if (k == 0 && opt->n_lcores > 1) {
			complain("lcore %u cannot be masked on for running packet forwarding: it "
				 "is the main lcore, and reserved for the prompt",
				 id);
			return false;
		}
	}
	return true;
}

/* set corelist LIST, set coremask MASK */
void
command_cores(struct app *app, const struct value *v)
{
	static struct options before;
	struct options *opt = &app->opt;
	bool list = !strcmp(v[1].text, "corelist"), ok;
	unsigned was = opt->nb_cores;
	char what[32], hex[24];

	if (!stopped(app))
		return;
	before = *opt;
	snprintf(what, sizeof(what), "set %s", v[1].text);
	ok = list ? parse_list(what, v[2].text, opt->fwd_lcores, &opt->n_fwd_lcores, MAX_LCORES) &&
			     no_duplicates(v[2].text, opt->n_fwd_lcores)
		  : set_coremask(opt, what, mask_of(&v[2], hex));
	if (!ok || !cores_exist(opt)) {
		*opt = before;
		return;
	}
	opt->nb_cores = opt->n_fwd_lcores;
	if (take_effect(app, &before) && opt->nb_cores != was)
		printf("previous number of forwarding cores %u - changed to number of configured "
		       "cores %u\n",
		       was, opt->nb_cores);
}

static void
set_nbcore(struct app *app, unsigned n)
{
	static struct options before;
	unsigned most = select_max_cores(&app->opt);

	if (!n || n > most) {
		complain("nb fwd cores %u %s %u (max. number of configured lcores) - ignored", n,
			 n ? ">" : "of", most);
		return;
	}
	before = app->opt;
	app->opt.nb_cores = n;
	if (take_effect(app, &before))
		printf("Number of forwarding cores set to %u\n", n);
}

void
command_number(struct app *app, const struct value *v)
{
	if (!stopped(app))
		return;
	if (v[1].choice)
		set_nbcore(app, (unsigned)v[2].number);
	else
		set_nbport(app, (unsigned)v[2].number);
}

void
command_default(struct app *app, const struct value *v)
{
	static struct options before;
	struct options *opt = &app->opt;

	if (!stopped(app))
		return;
	before = *opt;
	opt->n_fwd_ports = opt->n_fwd_lcores = opt->nb_ports = 0;
	opt->nb_cores = 1;
	memset(opt->peer_set, 0, sizeof(opt->peer_set));
	printf("Reset to default forwarding configuration...\n");
	take_effect(app, &before);
	streams_attach(app);
}
