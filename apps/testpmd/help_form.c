/* SPDX-License-Identifier: BSD-3-Clause */
/* The same tables as Markdown, for docs/testpmd.md, and as baton-testpmd(1). */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "option.h"

/* A table's cell: bars would end it. */
static void
cell(const char *text, bool code)
{
	const char *mark = code ? "`" : "";

	printf(" %s", mark);
	for (; *text; text++)
		printf(*text == '|' ? "\\|" : "%c", *text);
	printf("%s |", mark);
}

static void
table_row(const char *usage, const char *help)
{
	printf("|");
	cell(usage, true);
	cell(help, false);
	printf("\n");
}

/* A region of docs/testpmd.md, by its name. */
static void
region(const char *kind, const char *name, const char *first, const char *second)
{
	printf("<!-- %s %s -->\n| %s | %s |\n|---|---|\n", kind, name, first, second);
}

static void
markdown_options(enum topic topic)
{
	char usage[128];

	region("options", topic_names[topic], "option", "");
	for (const struct option_row *row = option_rows; row->names; row++) {
		if (row->topic != topic)
			continue;
		option_usage(row, usage, sizeof(usage));
		if (row->old) {
			size_t len = strlen(usage);

			snprintf(usage + len, sizeof(usage) - len, " (old: %s)", row->old);
		}
		table_row(usage, row->help);
	}
	printf("<!-- end -->\n");
}

static void
markdown_commands(enum section section)
{
	region("commands", section_names[section], "command", "");
	for (const struct command *c = commands; c->usage; c++)
		if (c->section == section)
			table_row(c->usage, c->help);
	printf("<!-- end -->\n");
}

static void
markdown_driver(const char *driver)
{
	struct baton_arg args[32];
	int n = baton_driver_args(driver, args, 32);
	char usage[128];

	region("driver", driver, "argument", "");
	for (int i = 0; i < n && i < 32; i++) {
		snprintf(usage, sizeof(usage), "%s=%s", args[i].name, args[i].value);
		table_row(usage, args[i].help);
	}
	printf("<!-- end -->\n");
}

void
help_markdown(void)
{
	for (enum topic t = 0; t < TOPICS; t++)
		markdown_options(t);
	for (enum section s = 0; s < SECTIONS; s++)
		markdown_commands(s);
	for (const char *const *d = baton_drivers(); *d; d++)
		markdown_driver(*d);
}

/* Text of the manual page: a dash is one that can be copied, and no line begins with a request. */
static void
roff(const char *text)
{
	for (bool begin = true; *text; text++, begin = false) {
		if (begin && (*text == '.' || *text == '\''))
			printf("\\&");
		if (*text == '-')
			printf("\\-");
		else if (*text == '\\')
			printf("\\e");
		else
			putchar(*text);
	}
}

static void
man_item(const char *usage, const char *help)
{
	printf(".TP\n\\fB");
	roff(usage);
	printf("\\fP\n");
	roff(help);
	printf(".\n");
}

static void
man_options(enum topic topic)
{
	char usage[96];

	printf(".SS %s\n", topic_names[topic]);
	for (const struct option_row *row = option_rows; row->names; row++) {
		if (row->topic != topic)
			continue;
		option_usage(row, usage, sizeof(usage));
		man_item(usage, row->help);
	}
}

void
help_man(void)
{
	printf(".TH BATON\\-TESTPMD 1\n.SH OPTIONS\n");
	for (enum topic t = 0; t < TOPICS; t++)
		man_options(t);
}
