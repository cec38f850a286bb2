/* SPDX-License-Identifier: BSD-3-Clause */
/* What the prompt understands. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "testpmd.h"

#define MAX_WORDS 8

struct command {
	const char *words; /* that name it */
	const char *args;
	const char *help;
	/* Return: false when the arguments are not as the usage says; then nothing has changed. */
	bool (*run)(struct app *app, unsigned n, char **args);
};

static bool
run_start(struct app *app, unsigned n, char **args)
{
	uint64_t bursts = 0;

	if (n > 2 || (n && strcmp(args[0], "tx_first")))
		return false;
	if (n)
		bursts = 1;
	if (n == 2 && !parse_uint("tx_first", args[1], 1, 1000, &bursts))
		return true;
	forward_start(app, (unsigned)bursts);
	return true;
}

static bool
run_stop(struct app *app, unsigned n, char **args)
{
	if (n)
		return false;
	forward_stop(app);
	return true;
}

static bool
run_set_fwd(struct app *app, unsigned n, char **args)
{
	int mode;

	if (n < 1 || n > 2 || (n == 2 && strcmp(args[1], "retry")))
		return false;
	mode = fwd_mode_parse(args[0]);
	if (mode < 0) {
		const char *near = baton_nearest(args[0], fwd_mode_names);

		if (near)
			complain("no forward mode %s; did you mean %s?", args[0], near);
		return false;
	}
	if (app->forwarding) {
		complain("packet forwarding is running; stop it first");
		return true;
	}
	app->opt.mode = (enum fwd_mode)mode;
	app->opt.retry = n == 2;
	printf("Set %s packet forwarding mode%s\n", args[0], n == 2 ? " with retry" : "");
	return true;
}

/* "all", or a port's number. Return: false when it is neither; no such port is *first == *end. */
static bool
ports_named(const struct app *app, unsigned n, char **args, unsigned *first, unsigned *end)
{
	char *rest;
	unsigned long port;

	*first = 0;
	*end = app->n_ports;
	if (n != 1)
		return false;
	if (!strcmp(args[0], "all"))
		return true;
	port = strtoul(args[0], &rest, 10);
	if (args[0][0] < '0' || args[0][0] > '9' || *rest)
		return false;
	if (port >= app->n_ports) {
		complain("no port %s; there are 0 to %u", args[0], app->n_ports - 1);
		*end = 0;
		return true;
	}
	*first = (unsigned)port;
	*end = *first + 1;
	return true;
}

static bool
run_show_stats(struct app *app, unsigned n, char **args)
{
	unsigned i, end;

	if (!ports_named(app, n, args, &i, &end))
		return false;
	for (; i < end; i++)
		stats_show(app, i);
	return true;
}

static bool
run_show_info(struct app *app, unsigned n, char **args)
{
	unsigned i, end;

	if (!ports_named(app, n, args, &i, &end))
		return false;
	for (; i < end; i++)
		port_info(app, i);
	return true;
}

static bool
run_clear(struct app *app, unsigned n, char **args)
{
	unsigned i, end;

	if (!ports_named(app, n, args, &i, &end))
		return false;
	for (; i < end; i++)
		stats_clear(app, i);
	return true;
}

static bool
run_config(struct app *app, unsigned n, char **args)
{
	if (n)
		return false;
	forward_config(app);
	return true;
}

static bool
run_holders(struct app *app, unsigned n, char **args)
{
	if (n)
		return false;
	stats_holders(app);
	return true;
}

static bool
run_quit(struct app *app, unsigned n, char **args)
{
	if (n)
		return false;
	app->quit = true;
	return true;
}

static bool run_help(struct app *app, unsigned n, char **args);

static const struct command commands[] = {
	{ "start", "[tx_first [N]]", "begin to forward, with N bursts per port sent first",
	  run_start },
	{ "stop", "", "end forwarding, and show its statistics", run_stop },
	{ "set fwd", "io|macswap|rxonly|txonly [retry]",
	  "forward mode, and whether to retry on a full ring", run_set_fwd },
	{ "show port stats", "N|all", "counters and rates since the last show", run_show_stats },
	{ "show port info", "N|all", "address, limits, link", run_show_info },
	{ "show config fwd", "", "which core forwards what", run_config },
	{ "show holders", "", "who holds how many buffers", run_holders },
	{ "clear port stats", "N|all", "set the counters to 0", run_clear },
	{ "help", "", "this list", run_help },
	{ "quit", "", "end", run_quit },
};

#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static bool
run_help(struct app *app, unsigned n, char **args)
{
	for (unsigned i = 0; i < N_COMMANDS; i++) {
		char usage[64];

		snprintf(usage, sizeof(usage), "%s %s", commands[i].words, commands[i].args);
		printf("  %-42s %s\n", usage, commands[i].help);
	}
	return true;
}

/* How many words of the line begin the command: all of its name, or 0. */
static unsigned
matches(const struct command *c, unsigned n, char **words)
{
	const char *p = c->words;
	unsigned i;

	for (i = 0; *p; i++) {
		size_t len = strcspn(p, " ");

		if (i == n || strlen(words[i]) != len || memcmp(words[i], p, len))
			return 0;
		p += len + (p[len] == ' ');
	}
	return i;
}

/* The line names no command: show those that begin with its first word, else the nearest. */
static void
unknown(const char *line, const char *first)
{
	const char *list[N_COMMANDS + 1], *near;
	char names[N_COMMANDS][16];
	bool any = false;

	for (unsigned i = 0; i < N_COMMANDS; i++) {
		snprintf(names[i], sizeof(names[i]), "%.*s", (int)strcspn(commands[i].words, " "),
			 commands[i].words);
		list[i] = names[i];
		if (strcmp(names[i], first))
			continue;
		if (!any)
			complain("cannot read \"%s\"; usage:", line);
		any = true;
		fprintf(stderr, "  %s%s%s\n", commands[i].words, *commands[i].args ? " " : "",
			commands[i].args);
	}
	list[N_COMMANDS] = NULL;
	if (any)
		return;
	near = baton_nearest(first, list);
	if (near)
		complain("no command \"%s\"; did you mean %s? \"help\" lists all", first, near);
	else
		complain("no command \"%s\"; \"help\" lists all", first);
}

void
command_run(struct app *app, const char *line)
{
	char *copy = strdup(line), *words[MAX_WORDS + 1], *save, *word;
	unsigned n = 0;

	if (!copy)
		return;
	for (word = strtok_r(copy, " \t\r\n", &save); word && n < MAX_WORDS;
	     word = strtok_r(NULL, " \t\r\n", &save))
		words[n++] = word;
	if (!n || words[0][0] == '#') /* an empty line, or a script's comment */
		goto out;
	for (unsigned i = 0; i < N_COMMANDS; i++) {
		unsigned used = matches(&commands[i], n, words);

		if (!used)
			continue;
		if (!commands[i].run(app, n - used, words + used))
			complain("usage: %s%s%s", commands[i].words, *commands[i].args ? " " : "",
				 commands[i].args);
		goto out;
	}
	unknown(line, words[0]);
out:
	free(copy);
}
