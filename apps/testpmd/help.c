/* SPDX-License-Identifier: BSD-3-Clause */
/* --help, from the rows of the options and the library's drivers. */
#include <stdio.h>
#include <string.h>

#include "option.h"

#define INDENT 23 /* columns before the text of an option */
#define WIDTH  79

static const char head[] = "Usage: baton-testpmd [ENVIRONMENT OPTIONS] -- [APPLICATION OPTIONS]\n"
			   "\n"
			   "Forwards packets between ports in pairs, 0 <-> 1, 2 <-> 3; a port "
			   "alone\n"
			   "forwards to itself. Options and tables are those of dpdk-testpmd.\n"
			   "\n"
			   "  baton-testpmd -l 0,1 --vdev=net_virtio_user0,path=/tmp/s0 -- \\\n"
			   "                --forward-mode=macswap --stats-period=1\n"
			   "  baton-testpmd --vdev=net_pcap0,rx_pcap=in.pcap,tx_pcap=out.pcap -- "
			   "\\\n"
			   "                --run-time=1\n"
			   "  baton-testpmd --vdev=net_null0 --vdev=net_null1 -- -i\n";

static const char tail[] = "\n"
			   "SIGINT and SIGTERM end forwarding and print the final tables. Exit "
			   "status: 0; 1\n"
			   "when a port cannot be set up, a queue stopped with an error, a packet "
			   "could not\n"
			   "be written or a buffer was lost; 2 for a command line that cannot be. "
			   "A device\n"
			   "that went away is no failure.\n";

void
option_usage(const struct option_row *row, char *buf, size_t size)
{
	const char *names = row->names;
	char name[MAX_OPTION_NAME] = "";
	size_t len = 0;

	buf[0] = '\0';
	while (option_next_name(&names, name))
		len += (size_t)snprintf(buf + len, len < size ? size - len : 0, "%s%s",
					len ? ", " : "", name);
	if (row->arg && row->arg[0] == '[')
		snprintf(buf + len, size - len, name[1] == '-' ? "[=%s" : "[%s", row->arg + 1);
	else if (row->arg)
		snprintf(buf + len, size - len, "%c%s", name[1] == '-' ? '=' : ' ', row->arg);
}

/* Words from column @at on; lines after the first begin at @indent. */
static void
print_words(const char *text, int at, int indent)
{
	for (bool first = true; *text; first = false) {
		int len = (int)strcspn(text, " ");

		if (!first && at + 1 + len >= WIDTH) {
			printf("\n%*s", indent, "");
			at = indent;
		} else if (!first) {
			putchar(' ');
			at++;
		}
		printf("%.*s", len, text);
		at += len;
		text += len;
		text += strspn(text, " ");
	}
}

void
help_row(const char *usage, const char *text, int indent)
{
	if ((int)strlen(usage) + 2 < indent) {
		printf("  %-*s", indent - 2, usage);
	} else {
		printf("  ");
		print_words(usage, 2, 6);
		printf("\n%*s", indent, "");
	}
	print_words(text, indent, indent);
	putchar('\n');
}

static void
print_row(const struct option_row *row)
{
	char usage[96];

	option_usage(row, usage, sizeof(usage));
	help_row(usage, row->help, INDENT);
}

/* Their names are enough: baton-testpmd(1) has the reasons. */
static void
print_names(enum topic topic, enum part part)
{
	int at = 2;

	printf("\n%s, %s \"--\":\n ", topics[topic].title, part == ENV ? "before" : "after");
	for (const struct option_row *row = option_rows; row->names; row++) {
		const char *names = row->names;
		char name[MAX_OPTION_NAME];

		if (row->topic != topic || row->part != part)
			continue;
		while (option_next_name(&names, name)) {
			if (at + (int)strlen(name) >= WIDTH) {
				printf("\n ");
				at = 2;
			}
			at += printf(" %s", name);
		}
	}
	putchar('\n');
}

static void
print_args(const struct baton_ctx *ctx, const char *driver)
{
	struct baton_arg args[32];
	int n = baton_driver_args(ctx, driver, args, 32);

	printf("\n%s:\n", driver);
	for (int i = 0; i < n && i < 32; i++) {
		char usage[96];

		snprintf(usage, sizeof(usage), "%s=%s", args[i].name, args[i].value);
		help_row(usage, args[i].help, INDENT);
	}
}

static void
print_modes(void)
{
	printf("\nModes, and what packets are in them:\n");
	for (unsigned i = 0; i < FWD_MODES; i++)
		help_row(modes[i].name, modes[i].help, INDENT);
}

/* Return: false: a file of -d is no driver. */
static bool
print_drivers(const struct options *opt)
{
	bool failed = false;
	struct baton_ctx *ctx = drivers_try(opt, &failed);

	printf("\nDrivers and the arguments of their ports, --vdev=net_null0,size=1500:\n");
	for (const char *const *d = baton_drivers(ctx); !failed && *d; d++)
		print_args(ctx, *d);
	if (ctx)
		(void)baton_ctx_destroy(ctx);
	return !failed;
}

static bool
help_print(const struct options *opt)
{
	fputs(head, stdout);
	for (enum topic topic = 0; topic < NO_EFFECT; topic++) {
		printf("\n%s%s:\n", topics[topic].title,
		       topic == ENVIRONMENT ? ", before \"--\"" : ", after \"--\"");
		for (const struct option_row *row = option_rows; row->names; row++)
			if (row->topic == topic)
				print_row(row);
	}
	print_modes();
	for (enum topic topic = NO_EFFECT; topic < TOPICS; topic++) {
		print_names(topic, ENV);
		print_names(topic, APP);
	}
	fputs(tail, stdout);
	return print_drivers(opt);
}

bool
set_help(struct options *opt, const char *what, const char *text)
{
	static const char *const forms[] = { "text", "markdown", "man", NULL };
	int form = text ? choose(what, text, forms) : 0;

	opt->printed = form >= 0;
	if (form == 1)
		help_markdown();
	else if (form == 2)
		help_man();
	else if (form == 0)
		return help_print(opt);
	return form >= 0;
}

bool
set_version(struct options *opt, const char *what, const char *text)
{
	printf("baton-testpmd %s\n", baton_version());
	opt->printed = true;
	return true;
}

bool
set_banner(struct options *opt, const char *what, const char *text)
{
	if (!opt->banner)
		printf("baton-testpmd %s\n", baton_version());
	opt->banner = true;
	return true;
}
