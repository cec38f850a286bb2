/* SPDX-License-Identifier: BSD-3-Clause */
/* The rows of --help once more: as the tables of docs/testpmd.md, and as baton-testpmd(1). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "command.h"
#include "option.h"

#define MAX_ARGS 64

/* What prints the tables, in one form or the other. */
struct form {
	/* A table of its own: @id for docs, @title for people. */
	void (*begin)(const char *id, const char *title);
	void (*row)(const char *usage, const char *old, const char *help);
	void (*end)(void);
};

static void
print_options(const struct form *form, enum topic topic, enum part part)
{
	char id[48], title[80], usage[128];
	const char *before = part == ENV ? "before" : "after";
	bool both = topic >= NO_EFFECT;

	snprintf(id, sizeof(id), "%s%s%s", topics[topic].id, both ? "-" : "", both ? before : "");
	snprintf(title, sizeof(title), "%s, %s \"--\"", topics[topic].title, before);
	form->begin(id, title);
	for (const struct option_row *row = option_rows; row->names; row++) {
		if (row->topic != topic || row->part != part)
			continue;
		option_usage(row, usage, sizeof(usage));
		form->row(usage, row->old, row->help);
	}
	form->end();
}

static void
print_all_options(const struct form *form)
{
	print_options(form, ENVIRONMENT, ENV);
	for (enum topic t = ENVIRONMENT + 1; t < NO_EFFECT; t++)
		print_options(form, t, APP);
	for (enum topic t = NO_EFFECT; t < TOPICS; t++) {
		print_options(form, t, ENV);
		print_options(form, t, APP);
	}
}

static void
print_commands(const struct form *form)
{
	for (enum section s = 0; s < SECTIONS; s++) {
		char id[48], title[48];

		snprintf(id, sizeof(id), "commands-%s", section_names[s]);
		snprintf(title, sizeof(title), "Commands: %s", section_names[s]);
		form->begin(id, title);
		for (const struct command *c = commands; c->usage; c++)
			if (c->section == s)
				form->row(c->usage, NULL, c->help);
		form->end();
	}
}

static void
print_modes(const struct form *form)
{
	form->begin("modes", "Modes, and what packets are in them");
	for (unsigned i = 0; i < FWD_MODES; i++)
		form->row(modes[i].name, NULL, modes[i].help);
	form->end();
}

static void
print_drivers(const struct form *form)
{
	for (const char *const *d = baton_drivers(NULL); *d; d++) {
		struct baton_arg args[MAX_ARGS];
		int n = baton_driver_args(NULL, *d, args, MAX_ARGS);
		char title[80], usage[128];

		snprintf(title, sizeof(title), "Arguments of %s", *d);
		form->begin(*d, title);
		for (int i = 0; i < n && i < MAX_ARGS; i++) {
			snprintf(usage, sizeof(usage), "%s=%s", args[i].name, args[i].value);
			form->row(usage, NULL, args[i].help);
		}
		form->end();
	}
}

/* ---- Markdown ---- */

/* A bar would end the cell. */
static void
cell(const char *text)
{
	for (; *text; text++)
		printf(*text == '|' ? "\\|" : "%c", *text);
}

static void
markdown_begin(const char *id, const char *title)
{
	printf("<!-- table %s -->\n| | |\n|---|---|\n", id);
}

static void
markdown_row(const char *usage, const char *old, const char *help)
{
	printf("| `");
	cell(usage);
	printf("` | ");
	cell(help);
	if (old)
		printf(" (old names: `%s`)", old);
	printf(" |\n");
}

static void
markdown_end(void)
{
	printf("<!-- end -->\n");
}

void
help_markdown(void)
{
	static const struct form form = { markdown_begin, markdown_row, markdown_end };

	print_all_options(&form);
	print_modes(&form);
	print_commands(&form);
	print_drivers(&form);
}

/* ---- the manual page ---- */

/* Without requests, and with dashes that can be copied. */
static void
roff(const char *text)
{
	if (*text == '.' || *text == '\'')
		printf("\\&");
	for (; *text; text++) {
		if (*text == '-')
			printf("\\-");
		else if (*text == '\\')
			printf("\\e");
		else
			putchar(*text);
	}
}

static void
man_begin(const char *id, const char *title)
{
	printf(".SS ");
	for (; *title; title++) {
		if (*title == '"')
			printf("\\(dq");
		else
			roff((char[]){ *title, '\0' });
	}
	putchar('\n');
}

static void
man_row(const char *usage, const char *old, const char *help)
{
	printf(".TP\n\\fB");
	roff(usage);
	printf("\\fP\n");
	roff(help);
	if (old) {
		printf(" (old names: ");
		roff(old);
		putchar(')');
	}
	printf(".\n");
}

static void
man_end(void)
{
}

/* The day of SOURCE_DATE_EPOCH, for builds that are to be the same each time. */
static void
man_title(void)
{
	const char *epoch = getenv("SOURCE_DATE_EPOCH");
	time_t now = epoch ? (time_t)strtoll(epoch, NULL, 10) : time(NULL);
	struct tm tm;
	char day[16] = "";

	if (gmtime_r(&now, &tm))
		strftime(day, sizeof(day), "%Y-%m-%d", &tm);
	printf(".TH BATON\\-TESTPMD 1 %s \"Baton %s\" \"Baton Manual\"\n", day, baton_version());
}

static const char man_head[] = ".SH NAME\n"
			       "baton\\-testpmd \\- forward packets between ports\n"
			       ".SH SYNOPSIS\n"
			       ".B baton\\-testpmd\n"
			       "[\\fIENVIRONMENT OPTIONS\\fP] \\fB\\-\\-\\fP [\\fIAPPLICATION "
			       "OPTIONS\\fP]\n"
			       ".SH DESCRIPTION\n"
			       "It forwards packets between ports in pairs, 0 to 1 and 1 to 0; a "
			       "port alone forwards to\n"
			       "itself.\n"
			       "Options, commands and tables are those of dpdk\\-testpmd.\n"
			       "An option may be abbreviated, as long as it is no other's "
			       "abbreviation, too; its argument\n"
			       "stands behind a blank or a\n"
			       ".BR = .\n"
			       "An option that is not known, or that asks for what does not exist "
			       "here, is refused before\n"
			       "anything is opened.\n"
			       ".SH OPTIONS\n";

static const char man_commands[] = ".SH COMMANDS\n"
				   "With\n"
				   ".B \\-i\n"
				   "there is a prompt.\n"
				   "Words in capitals are to be replaced: N by a port's number, "
				   "MAC by an address of six bytes,\n"
				   "aa:bb:cc:dd:ee:ff.\n";

static const char man_tail[] = ".SH EXIT STATUS\n"
			       ".TP\n"
			       ".B 0\n"
			       "It ended as it should, also by SIGINT or SIGTERM; a device that "
			       "went away is no failure.\n"
			       ".TP\n"
			       ".B 1\n"
			       "A port could not be set up, a queue stopped with an error, a "
			       "packet could not be written,\n"
			       "or a buffer was lost.\n"
			       ".TP\n"
			       ".B 2\n"
			       "The command line cannot be.\n"
			       ".SH EXAMPLES\n"
			       ".nf\n"
			       "baton\\-testpmd \\-l 0,1 \\-\\-vdev=net_virtio_user0,path=/tmp/s0 "
			       "\\-\\- \\-i\n"
			       "baton\\-testpmd "
			       "\\-\\-vdev=net_pcap0,rx_pcap=in.pcap,tx_pcap=out.pcap \\e\n"
			       "    \\-\\- "
			       "\\-\\-run\\-time=1\n"
			       "baton\\-testpmd \\-l 0,1 \\-a 0000:00:03.0 \\-a 0000:00:04.0 "
			       "\\-\\- \\-\\-stats\\-period=1\n"
			       ".fi\n"
			       ".SH SEE ALSO\n"
			       ".BR baton (3)\n";

void
help_man(void)
{
	static const struct form form = { man_begin, man_row, man_end };

	man_title();
	fputs(man_head, stdout);
	print_all_options(&form);
	print_modes(&form);
	printf(".SH PORTS\nA port is a driver's name with a number, such as net_null0, and its\n"
	       "arguments behind commas.\n");
	print_drivers(&form);
	fputs(man_commands, stdout);
	print_commands(&form);
	fputs(man_tail, stdout);
}
