/* SPDX-License-Identifier: BSD-3-Clause */
/* Which ports and cores forward: --portmask, --portlist, --nb-ports and --coremask. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "option.h"

/* A hexadecimal number of any length: the bits that are set, from the lowest on, at most @max. */
static bool
parse_mask(const char *what, const char *text, unsigned *bits, unsigned *n, unsigned max)
{
	const char *digits =
		text + (text[0] == '0' && tolower((unsigned char)text[1]) == 'x' ? 2 : 0);
	size_t len = strlen(digits);

	*n = 0;
	for (size_t i = 0; i < len; i++) {
		char digit = digits[len - 1 - i];
		unsigned value = (unsigned)strtoul((char[]){ digit, '\0' }, NULL, 16);

		if (!isxdigit((unsigned char)digit))
			goto bad;
		for (unsigned b = 0; b < 4; b++) {
			if (!(value >> b & 1))
				continue;
			if (i * 4 + b >= MAX_CPUS || *n == max) {
				complain("%s=%s names more than there can be: %u", what, text, max);
				return false;
			}
			bits[(*n)++] = (unsigned)i * 4 + b;
		}
	}
	if (*n)
		return true;
bad:
	complain("%s=%s is not a hexadecimal mask, such as 0x3", what, text);
	return false;
}

bool
set_portmask(struct options *opt, const char *what, const char *text)
{
	opt->nb_ports = 0;
	return parse_mask(what, text, opt->fwd_ports, &opt->n_fwd_ports, BATON_MAX_PORTS);
}

bool
set_coremask(struct options *opt, const char *what, const char *text)
{
	if (!parse_mask(what, text, opt->fwd_lcores, &opt->n_fwd_lcores, MAX_LCORES))
		return false;
	opt->nb_cores = opt->n_fwd_lcores;
	return true;
}

bool
parse_list(const char *what, const char *text, unsigned *list, unsigned *n, unsigned max)
{
	const char *p = text;

	*n = 0;
	for (;;) {
		unsigned long first, last;
		char *end;

		if (!isdigit((unsigned char)*p))
			goto bad;
		first = last = strtoul(p, &end, 10);
		if (*end == '-') {
			p = end + 1;
			if (!isdigit((unsigned char)*p))
				goto bad;
			last = strtoul(p, &end, 10);
		}
		if (last < first || last >= MAX_CPUS)
			goto bad;
		for (; first <= last; first++) {
			bool known = false;

			for (unsigned i = 0; i < *n; i++)
				known |= list[i] == first;
			if (known)
				continue;
			if (*n == max) {
				complain("%s=%s names more than there can be: %u", what, text, max);
				return false;
			}
			list[(*n)++] = (unsigned)first;
		}
		if (!*end)
			return true;
		if (*end != ',')
			goto bad;
		p = end + 1;
	}
bad:
	complain("%s=%s: cannot read it; write 0,1 or 0-2", what, text);
	return false;
}

bool
set_service_mask(struct options *opt, const char *what, const char *text)
{
	return parse_mask(what, text, opt->service, &opt->n_service, MAX_LCORES);
}

bool
set_service_list(struct options *opt, const char *what, const char *text)
{
	return parse_list(what, text, opt->service, &opt->n_service, MAX_LCORES);
}

bool
set_portlist(struct options *opt, const char *what, const char *text)
{
	opt->nb_ports = 0;
	return parse_list(what, text, opt->fwd_ports, &opt->n_fwd_ports, BATON_MAX_PORTS);
}

/* As in dpdk-testpmd, what names a port that is not there names nothing. */
static bool
check_ports(struct options *opt)
{
	unsigned asked = opt->n_fwd_ports, n = 0, have;
	struct cpus absent = { 0 }; /* numbers, here of ports */
	char names[128];

	for (unsigned i = 0; i < asked; i++) {
		if (opt->fwd_ports[i] < opt->n_vdevs)
			opt->fwd_ports[n++] = opt->fwd_ports[i];
		else
			cpus_add(&absent, opt->fwd_ports[i]);
	}
	opt->n_fwd_ports = n;
	if (n < asked) {
		cpus_name(&absent, names, sizeof(names));
		complain("there is no port %s to forward%s; the ports are 0 to %u", names,
			 n ? ", and it is left out" : "", opt->n_vdevs - 1);
	}
	if (asked && !n)
		return false;
	have = n ? n : opt->n_vdevs;
	if (opt->nb_ports > have) {
		complain("--nb-ports=%u: there are %u", opt->nb_ports, have);
		return false;
	}
	return true;
}

static bool
has_lcore(const struct options *opt, unsigned id, bool *main)
{
	for (unsigned i = 0; i < opt->n_lcores; i++) {
		*main = i == 0 && opt->n_lcores > 1;
		if (opt->lcores[i].id == id)
			return true;
	}
	return false;
}

/* Cores of -s are there, and do not forward. */
static bool
leave_out_service(struct options *opt)
{
	for (unsigned i = 0; i < opt->n_service; i++) {
		unsigned k = 0;

		while (k < opt->n_lcores && opt->lcores[k].id != opt->service[i])
			k++;
		if (k == opt->n_lcores) {
			complain("-s: core %u is not among those of -l", opt->service[i]);
			return false;
		}
		if (k == 0) {
			complain("-s: core %u is the main thread's", opt->service[i]);
			return false;
		}
		opt->n_lcores--;
		memmove(&opt->lcores[k], &opt->lcores[k + 1],
			(opt->n_lcores - k) * sizeof(opt->lcores[0]));
	}
	if (opt->n_service && opt->n_lcores == 1) {
		complain("-s leaves no core that forwards");
		return false;
	}
	return true;
}

bool
check_selection(struct options *opt)
{
	if (!leave_out_service(opt))
		return false;
	for (unsigned i = 0; i < opt->n_fwd_lcores; i++) {
		bool main = false;

		if (!has_lcore(opt, opt->fwd_lcores[i], &main)) {
			complain("--coremask: core %u is not among those of -l",
				 opt->fwd_lcores[i]);
			return false;
		}
		if (main) {
			complain("--coremask: core %u is the main thread's, which forwards nothing",
				 opt->fwd_lcores[i]);
			return false;
		}
	}
	return check_ports(opt);
}

unsigned
select_ports(const struct app *app, unsigned ports[BATON_MAX_PORTS])
{
	const struct options *opt = &app->opt;
	unsigned n = 0, asked = opt->n_fwd_ports ? opt->n_fwd_ports : app->n_ports;

	for (unsigned i = 0; i < asked && (!opt->nb_ports || i < opt->nb_ports); i++) {
		unsigned port = opt->n_fwd_ports ? opt->fwd_ports[i] : i;

		if (port < app->n_ports && app->ports[port].port)
			ports[n++] = port;
	}
	return n;
}

bool
select_has_port(const struct app *app, unsigned port)
{
	const struct options *opt = &app->opt;
	unsigned asked = opt->n_fwd_ports ? opt->n_fwd_ports : app->n_ports;

	for (unsigned i = 0; i < asked && (!opt->nb_ports || i < opt->nb_ports); i++)
		if ((opt->n_fwd_ports ? opt->fwd_ports[i] : i) == port)
			return true;
	return false;
}

/* ---- cores ---- */

unsigned
select_max_cores(const struct options *opt)
{
	if (opt->n_fwd_lcores)
		return opt->n_fwd_lcores;
	return opt->n_lcores > 1 ? opt->n_lcores - 1 : 1;
}

/* The @i-th of those that may forward, in the order in which they are taken. */
static const struct lcore_id *
nth(const struct options *opt, unsigned i)
{
	unsigned first = opt->n_lcores > 1; /* one alone is the main thread's, and forwards */

	for (unsigned k = first; opt->n_fwd_lcores && k < opt->n_lcores; k++)
		if (opt->lcores[k].id == opt->fwd_lcores[i])
			return &opt->lcores[k];
	return &opt->lcores[first + i];
}

static void
exchange(struct lcore **lc, struct lcore *a, struct lcore *b)
{
	*lc = *lc == a ? b : *lc == b ? a : *lc;
}

/* Two cores change places, and their queues follow them. */
static void
swap(struct app *app, struct lcore *a, struct lcore *b)
{
	struct lcore copy = *a;

	*a = *b;
	*b = copy;
	for (unsigned i = 0; i < app->n_ports; i++) {
		struct app_port *p = &app->ports[i];

		for (unsigned q = 0; q < BATON_MAX_QUEUES; q++) {
			exchange(&p->rx[q].lcore, a, b);
			exchange(&p->rx[q].want, a, b);
			exchange(&p->tx[q].lcore, a, b);
			exchange(&p->tx[q].want, a, b);
		}
	}
}

/* A machine may have more cores than there are slots: one that never forwarded gives its own away.
 */
static unsigned
slot_of(struct app *app, unsigned from, const struct lcore_id *id)
{
	for (unsigned k = from; k < app->max_lcores; k++)
		if (app->lcores[k].id.id == id->id)
			return k;
	for (unsigned k = app->max_lcores; k-- > from;)
		if (!app->lcores[k].worker) {
			app->lcores[k].id = *id;
			return k;
		}
	return app->max_lcores;
}

unsigned
select_n_cores(const struct app *app)
{
	unsigned ports[BATON_MAX_PORTS];
	unsigned streams = select_ports(app, ports) * app->opt.queues;
	unsigned n = app->opt.nb_cores < streams ? app->opt.nb_cores : streams;

	if (app->forwarding)
		return app->n_lcores;
	return n ? n : 1;
}

const struct lcore_id *
select_core(const struct app *app, unsigned i)
{
	return app->forwarding ? &app->lcores[i].id : nth(&app->opt, i);
}

bool
select_cores(struct app *app)
{
	const struct options *opt = &app->opt;
	unsigned n = select_n_cores(app);

	for (unsigned i = 0; i < n; i++) {
		const struct lcore_id *id = nth(opt, i);
		unsigned k = slot_of(app, i, id);

		if (k == app->max_lcores) {
			complain("core %u: %u cores have forwarded, and no more can", id->id, k);
			return false;
		}
		if (k != i)
			swap(app, &app->lcores[i], &app->lcores[k]);
		if (!app->lcores[i].worker && !lcore_set_up(app, &app->lcores[i]))
			return false;
	}
	app->n_lcores = n;
	return true;
}
