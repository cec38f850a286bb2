/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line: a command, its options, and the file that some commands read. */
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <baton/base.h>

#include "option.h"

#define MAX_ROWS 128
#define LONG     256 /* val of a long option: LONG + its row */
#define INDENT   24  /* columns before the text of an option */
#define WIDTH    79

void
complain(const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fputs("baton-perf: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

/* ---- tables ---- */

static bool
has_word(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = list; *p; p += strcspn(p, " "), p += strspn(p, " "))
		if (strcspn(p, " ") == len && !strncmp(p, word, len))
			return true;
	return false;
}

bool
option_is_of(const struct option_row *row, const struct command *command)
{
	return !row->commands || (command && has_word(row->commands, command->name));
}

/* What getopt_long() wants for one command. */
struct tables {
	struct option options[MAX_ROWS];
	char letters[2 * MAX_ROWS + 2];
	const char *names[MAX_ROWS]; /* for suggestions */
};

static void
make_tables(struct tables *t, const struct command *command)
{
	unsigned n = 0;
	size_t len = 1;

	*t = (struct tables){ .letters = ":" };
	for (const struct option_row *row = option_rows; row->name && n < MAX_ROWS - 1; row++) {
		if (!option_is_of(row, command))
			continue;
		t->options[n] =
			(struct option){ row->name, row->arg ? required_argument : no_argument,
					 NULL, LONG + (int)(row - option_rows) };
		t->names[n++] = row->name;
		if (!row->letter)
			continue;
		t->letters[len++] = row->letter;
		if (row->arg)
			t->letters[len++] = ':';
	}
}

static const struct option_row *
row_of(int o)
{
	if (o >= LONG)
		return &option_rows[o - LONG];
	for (const struct option_row *row = option_rows; row->name; row++)
		if (row->letter == o)
			return row;
	return NULL;
}

/* ---- errors ---- */

static const struct option_row *
row_named(const char *name)
{
	for (const struct option_row *row = option_rows; row->name; row++)
		if (!strcmp(row->name, name))
			return row;
	return NULL;
}

/* getopt_long() returned '?' or ':' for @text. */
static void
explain(const struct tables *t, const struct command *command, const char *text, int letter,
	int why)
{
	const char *of = command ? command->name : "baton-perf";
	const struct option_row *row;
	const char *near;
	char word[64];

	if (strncmp(text, "--", 2)) {
		complain(why == ':' ? "-%c wants an argument; see %s --help"
				    : "there is no option -%c; see %s --help",
			 letter, of);
		return;
	}
	snprintf(word, sizeof(word), "%.*s", (int)strcspn(text + 2, "="), text + 2);
	row = row_named(word);
	near = baton_nearest(word, t->names);
	if (why == ':')
		complain("--%s wants an argument, as in --%s=%s", word, word,
			 row && row->arg ? row->arg : "VALUE");
	else if (row && !option_is_of(row, command))
		complain("--%s belongs to %s, not to %s", word, row->commands, of);
	else if (row)
		complain("--%s takes no argument", word);
	else if (near)
		complain("there is no option --%s; did you mean --%s?", word, near);
	else
		complain("there is no option --%s; see %s --help", word, of);
}

static const struct command *
find_command(const char *word)
{
	const char *names[32] = { NULL }, *near;

	for (unsigned i = 0; commands[i].name && i < 31; i++) {
		if (!strcmp(commands[i].name, word))
			return &commands[i];
		names[i] = commands[i].name;
	}
	near = baton_nearest(word, names);
	if (near)
		complain("there is no command %s; did you mean %s?", word, near);
	else
		complain("there is no command %s; see baton-perf --help", word);
	return NULL;
}

/* ---- parsing ---- */

/* What is left when the options are taken. */
static bool
take_file(struct options *opt, int argc, char **argv)
{
	const struct command *c = opt->command;

	if (c && c->argument && optind < argc)
		opt->file = argv[optind++];
	if (optind < argc) {
		complain("\"%s\" is no option; see baton-perf%s%s --help", argv[optind],
			 c ? " " : "", c ? c->name : "");
		return false;
	}
	if (c && c->argument && !opt->file) {
		complain("%s wants a %s: see baton-perf %s --help", c->name, c->argument, c->name);
		return false;
	}
	return true;
}

bool
options_parse(struct options *opt, int argc, char **argv)
{
	static struct tables t;
	int o, index, at = 1;

	opt->argc = argc;
	opt->argv = argv;
	if (argc < 2) {
		complain("which command? See baton-perf --help");
		return false;
	}
	if (argv[1][0] != '-') {
		opt->command = find_command(argv[1]);
		if (!opt->command)
			return false;
		/* getopt_long() begins behind the command. */
		argv++;
		argc--;
	}
	make_tables(&t, opt->command);
	optind = 0; /* glibc: start afresh */
	opterr = 0;
	while (at = optind ? optind : 1, index = -1,
	       (o = getopt_long(argc, argv, t.letters, t.options, &index)) != -1) {
		const struct option_row *row;
		char what[64];

		if (o == '?' || o == ':') {
			/* Arguments that are no options were stepped over. */
			explain(&t, opt->command, optind > at ? argv[optind - 1] : argv[at], optopt,
				o);
			return false;
		}
		row = row_of(o);
		if (o >= LONG)
			snprintf(what, sizeof(what), "--%s", row->name);
		else
			snprintf(what, sizeof(what), "-%c", o);
		if (!row->set(opt, what, optarg))
			return false;
		if (opt->printed)
			return true;
	}
	if (!take_file(opt, argc, argv))
		return false;
	if (opt->command)
		return true;
	complain("which command? See baton-perf --help");
	return false;
}

/* ---- help ---- */

static void
print_row(const char *usage, const char *text)
{
	int at = INDENT;

	if (strlen(usage) + 4 < INDENT)
		printf("  %-*s", INDENT - 2, usage);
	else
		printf("  %s\n%*s", usage, INDENT, "");
	for (bool first = true; *text; first = false) {
		int len = (int)strcspn(text, " ");

		if (!first && at + 1 + len >= WIDTH) {
			printf("\n%*s", INDENT, "");
			at = INDENT;
		} else if (!first) {
			putchar(' ');
			at++;
		}
		printf("%.*s", len, text);
		at += len;
		text += len;
		text += strspn(text, " ");
	}
	putchar('\n');
}

static void
usage_of(const struct option_row *row, char *buf, size_t size)
{
	char letter[8] = "";

	if (row->letter)
		snprintf(letter, sizeof(letter), "-%c, ", row->letter);
	snprintf(buf, size, "%s--%s%s%s", letter, row->name, row->arg ? "=" : "",
		 row->arg ? row->arg : "");
}

static const char ends[] = "\nExit status: 0; 1 a port, memory or a file failed; 2 the command "
			   "line cannot be;\n"
			   "3 an assertion does not hold; 4 interrupted; 5 the instrument's limit; "
			   "6 a goal\n"
			   "became worse; 7 a search was too long.\n";

void
options_help(const struct command *command)
{
	char usage[96];

	if (command) {
		printf("Usage: baton-perf %s [OPTIONS]%s%s\n\n", command->name,
		       command->argument ? " " : "", command->argument ? command->argument : "");
		print_row(command->name, command->help);
	} else {
		printf("Usage: baton-perf COMMAND [OPTIONS]\n\n");
		for (const struct command *c = commands; c->name; c++)
			print_row(c->name, c->help);
	}
	putchar('\n');
	for (const struct option_row *row = option_rows; row->name; row++) {
		if (!option_is_of(row, command))
			continue;
		usage_of(row, usage, sizeof(usage));
		print_row(usage, row->help);
	}
	fputs(ends, stdout);
}

bool
set_help(struct options *opt, const char *what, const char *arg)
{
	options_help(opt->command);
	opt->printed = true;
	return true;
}

bool
set_version(struct options *opt, const char *what, const char *arg)
{
	printf("baton-perf %s\n", baton_version());
	opt->printed = true;
	return true;
}

enum perf_exit
perf_main(int argc, char **argv)
{
	static struct options opt;
	enum perf_exit end = PERF_USAGE;

	if (!options_parse(&opt, argc, argv))
		return PERF_USAGE;
	if (opt.printed)
		return PERF_OK;
	if (outputs_check(&opt.out))
		end = opt.command->run(&opt);
	outputs_free(&opt.out);
	return end;
}
