/* SPDX-License-Identifier: BSD-3-Clause */
/* --display-xstats: counters shown below each port's statistics. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "option.h"

/* The @i-th name of "a,b,c". Return: false: there are not so many. */
static bool
name_of(const struct app *app, unsigned i, char *name, size_t size)
{
	const char *p = app->opt.display_xstats;

	while (p && i--) {
		p = strchr(p, ',');
		p = p ? p + 1 : NULL;
	}
	if (p)
		snprintf(name, size, "%.*s", (int)strcspn(p, ","), p);
	return p != NULL;
}

static const struct baton_xstat *
find(const struct baton_xstat *list, unsigned n, const char *name)
{
	for (unsigned i = 0; i < n; i++)
		if (!strcmp(list[i].name, name))
			return &list[i];
	return NULL;
}

static bool
known_somewhere(const struct app *app, const char *name)
{
	const char *near = NULL;
	bool found = false;

	for (unsigned port = 0; port < app->n_ports && !found; port++) {
		unsigned n;
		struct baton_xstat *list = take_xstats(&app->ports[port], &n);
		const char **names = calloc(n + 1, sizeof(names[0]));

		found = find(list, n, name);
		for (unsigned i = 0; names && i < n; i++)
			names[i] = list[i].name;
		near = found || near || !names ? near : baton_nearest(name, names);
		if (!found && (near || port + 1 == app->n_ports)) {
			complain("--display-xstats: no port has a counter \"%s\"%s%s%s", name,
				 near ? "; did you mean " : "; show port xstats lists them",
				 near ? near : "", near ? "?" : "");
			port = app->n_ports;
		}
		free(names);
		free(list);
	}
	return found;
}

bool
watch_check(const struct app *app)
{
	char name[64];

	for (unsigned i = 0; name_of(app, i, name, sizeof(name)); i++)
		if (!known_somewhere(app, name))
			return false;
	return true;
}

void
watch_show(struct app *app, unsigned port, uint64_t ns)
{
	struct app_port *p = &app->ports[port];
	struct baton_xstat *list;
	char name[64];
	unsigned n;

	if (!app->opt.display_xstats || !p->port)
		return;
	list = take_xstats(p, &n);
	printf("\n%-31s%-17s%s\n", " ", "Value", "Rate (since last show)");
	for (unsigned i = 0; i < MAX_WATCHED && name_of(app, i, name, sizeof(name)); i++) {
		const struct baton_xstat *x = find(list, n, name);
		uint64_t *old = &p->watched[i];
		uint64_t more = x && x->value > *old ? x->value - *old : 0;

		if (!x)
			continue;
		printf("  %-25s%12" PRIu64 " %15" PRIu64 "\n", name, x->value,
		       ns ? (uint64_t)((double)more * 1e9 / (double)ns) : 0);
		*old = x->value;
	}
	free(list);
}

bool
set_display_xstats(struct options *opt, const char *what, const char *text)
{
	unsigned n = 1;

	for (const char *p = text; *p; p++)
		n += *p == ',';
	if (!*text || *text == ',' || text[strlen(text) - 1] == ',' || strstr(text, ",,")) {
		complain("%s=%s wants names of counters with commas between them", what, text);
		return false;
	}
	if (n > MAX_WATCHED) {
		complain("%s names %u counters; %u are possible", what, n, MAX_WATCHED);
		return false;
	}
	opt->display_xstats = text;
	return true;
}
