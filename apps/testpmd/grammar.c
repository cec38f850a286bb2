/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads a line by the usages of all commands. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

#define MAX_NAMES 64
#define WORD_MAX  160 /* the longest usage, of which a word is cut */

static const struct {
	const char *name;
	uint64_t min, max;
} numbers[] = {
	{ "BURSTS", 1, 1000 },       { "BURST", 1, MAX_BURST },
	{ "US", 0, MAX_RETRY_US },   { "RETRIES", 0, MAX_RETRIES },
	{ "VID", 0, 4095 },          { "Q", 0, UINT16_MAX },
	{ "DESC", 0, UINT16_MAX },   { "COUNT", 0, UINT32_MAX },
	{ "LEVEL", 1, 8 },           { "VERBOSITY", 0, UINT32_MAX },
	{ "NUMBER", 0, UINT32_MAX }, { "MTU", 0, UINT32_MAX },
	{ "PORT", 0, UINT16_MAX },   { "MASK", 1, UINT64_MAX },
	{ "MSS", 0, UINT16_MAX },    { "OUTER", 0, 4095 },
	{ "HIGH", 0, UINT32_MAX },   { "LOW", 0, UINT32_MAX },
	{ "PAUSE", 0, UINT16_MAX },  { "XON", 0, 1 },
};

/* Words that the command itself reads. */
static const char *const texts[] = { "FILE", "DEVICE", "LIST", "NAME", "TYPE", "KEY", NULL };

#define N_NUMBERS (sizeof(numbers) / sizeof(numbers[0]))

/* A usage, cut into words without brackets. */
struct grammar {
	unsigned n, needed;
	char words[MAX_WORDS][WORD_MAX];
};

static void
cut(const char *usage, struct grammar *g)
{
	g->n = g->needed = 0;
	while (*usage && g->n < MAX_WORDS) {
		size_t len = strcspn(usage, " ");
		bool may = *usage == '[';
		const char *word = may ? usage + 1 : usage;

		if (!may && g->needed == g->n)
			g->needed++;
		snprintf(g->words[g->n], WORD_MAX, "%s", word);
		g->words[g->n][strcspn(g->words[g->n], " ]")] = '\0';
		g->n++;
		usage += len;
		usage += strspn(usage, " ");
	}
}

/* As in dpdk-testpmd: decimal, 0x and hexadecimal, 0b and binary, 0 and octal digits. */
static bool
is_number(const char *text)
{
	const char *digits = "0123456789";

	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
		digits = "0123456789abcdefABCDEF";
		text += 2;
	} else if (text[0] == '0' && (text[1] == 'b' || text[1] == 'B')) {
		digits = "01";
		text += 2;
	} else if (text[0] == '0') {
		digits = "01234567";
	}
	return *text && strspn(text, digits) == strlen(text);
}

/* Of what is_number() takes; UINT64_MAX also for what is larger. */
static uint64_t
number_of(const char *text)
{
	if (text[0] == '0' && (text[1] == 'b' || text[1] == 'B'))
		return strtoull(text + 2, NULL, 2);
	return strtoull(text, NULL, 0);
}

bool
command_uint(const char *what, const struct value *v, unsigned min, unsigned max, unsigned *number)
{
	*number = (unsigned)v->number;
	if (v->number >= min && v->number <= max)
		return true;
	complain("%s=%s is out of range; %u to %u is possible", what, v->text, min, max);
	return false;
}

static bool
read_number(const char *word, const char *text, struct value *v)
{
	size_t len = strcspn(word, "|");

	v->number = number_of(text);
	for (unsigned i = 0; i < N_NUMBERS; i++) {
		if (strlen(numbers[i].name) != len || memcmp(numbers[i].name, word, len))
			continue;
		if (v->number >= numbers[i].min && v->number <= numbers[i].max)
			return true;
		complain("%s=%s is out of range; %llu to %llu is possible", numbers[i].name, text,
			 (unsigned long long)numbers[i].min, (unsigned long long)numbers[i].max);
		return false;
	}
	return false;
}

/* Which of `a|b` is it? -1: none. */
static int
alternative(const char *list, const char *text)
{
	for (int i = 0; *list; i++) {
		size_t len = strcspn(list, "|");

		if (strlen(text) == len && !memcmp(list, text, len))
			return i;
		list += len + (list[len] == '|');
	}
	return -1;
}

static bool
is_literal(const char *word)
{
	return !isupper((unsigned char)*word);
}

static bool
is_among(const char *const *list, const char *word)
{
	size_t len = strcspn(word, "|");

	for (; *list; list++)
		if (strlen(*list) == len && !memcmp(*list, word, len))
			return true;
	return false;
}

/* Could the text stand where the grammar has the word? Its value is looked at later. */
static bool
fits(const char *word, const char *text)
{
	uint8_t mac[6];

	if (is_literal(word))
		return alternative(word, text) >= 0;
	if (strstr(word, "|all") && !strcmp(text, "all"))
		return true;
	if (!strcmp(word, "MAC"))
		return parse_mac(text, mac);
	return is_among(texts, word) || is_number(text);
}

static bool
read_port(const struct app *app, const char *text, struct value *v)
{
	uint64_t port = number_of(text);

	if (!app->n_ports) {
		complain("Invalid port %s; there are none", text);
		return false;
	}
	if (port >= app->n_ports) {
		complain("Invalid port %s; there are 0 to %u", text, app->n_ports - 1);
		return false;
	}
	if (app->ports[port].detached) {
		complain("Invalid port %s; it is detached", text);
		return false;
	}
	if (!app->ports[port].port) {
		complain("port %s is closed", text);
		return false;
	}
	v->first = (unsigned)port;
	v->end = v->first + 1;
	return true;
}

static bool
read_value(const struct app *app, const char *word, const char *text, struct value *v)
{
	v->text = text;
	if (is_literal(word)) {
		v->choice = alternative(word, text);
		return true;
	}
	if (!strcmp(word, "MAC"))
		return parse_mac(text, v->mac);
	if (is_among(texts, word))
		return true;
	if (!strcmp(text, "all")) {
		v->end = app->n_ports;
		return true;
	}
	if (word[0] == 'N' && (word[1] == '\0' || word[1] == '|'))
		return read_port(app, text, v);
	return read_number(word, text, v);
}

/* How many words of the line the command understands. */
static unsigned
understood(const struct grammar *g, unsigned n, char **words)
{
	unsigned i = 0;

	while (i < n && i < g->n && fits(g->words[i], words[i]))
		i++;
	return i;
}

static void
print_usage(const char *usage, bool first)
{
	fprintf(stderr, "%s%s\n", first ? "usage: " : "       ", usage);
}

static void
run_or_refuse(struct app *app, const struct command *c, const struct grammar *g, unsigned n,
	      char **words)
{
	struct value values[MAX_WORDS] = { 0 };

	for (unsigned i = 0; i < n; i++)
		if (!read_value(app, g->words[i], words[i], &values[i])) {
			print_usage(c->usage, true);
			return;
		}
	c->run(app, values);
}

/* Add the literals that may stand at a place and begin with the prefix. */
static unsigned
add_literals(const char *word, const char *prefix, char (*names)[32], unsigned n, unsigned max)
{
	if (!is_literal(word)) {
		word = strstr(word, "all"); /* of N|all */
		if (!word)
			return n;
	}
	while (*word) {
		size_t len = strcspn(word, "|");
		char name[32];
		bool known = false;

		snprintf(name, sizeof(name), "%.*s", (int)len, word);
		for (unsigned i = 0; i < n; i++)
			known = known || !strcmp(names[i], name);
		if (!known && n < max && !strncmp(name, prefix, strlen(prefix)))
			memcpy(names[n++], name, sizeof(name));
		word += len + (word[len] == '|');
	}
	return n;
}

/*
 * No command understands all words: say which word is wrong, and how those that understand most are
 * used.
 */
static void
explain(unsigned best, unsigned n, char **words)
{
	char names[MAX_NAMES][32];
	const char *list[MAX_NAMES + 1], *near = NULL;
	unsigned n_names = 0;
	bool first = true;

	for (const struct command *c = commands; c->usage; c++) {
		struct grammar g;

		cut(c->usage, &g);
		if (understood(&g, n, words) == best && best < g.n)
			n_names = add_literals(g.words[best], "", names, n_names, MAX_NAMES);
	}
	for (unsigned i = 0; i < n_names; i++)
		list[i] = names[i];
	list[n_names] = NULL;
	if (best < n)
		near = baton_nearest(words[best], list);
	if (!best) {
		complain("no command \"%s\"%s%s%s \"help\" lists all", words[0],
			 near ? "; did you mean " : ";", near ? near : "", near ? "?" : "");
		return;
	}
	if (best < n)
		complain("\"%s\" is not understood there%s%s%s", words[best],
			 near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
	else
		complain("something is missing after \"%s\"", words[n - 1]);
	for (const struct command *c = commands; c->usage; c++) {
		struct grammar g;

		cut(c->usage, &g);
		if (understood(&g, n, words) != best)
			continue;
		print_usage(c->usage, first);
		first = false;
	}
}

/* A word that begins with # or ! begins a comment, as in dpdk-testpmd. */
static unsigned
split(char *line, char **words, unsigned max)
{
	char *save, *word = strtok_r(line, " \t\r\n", &save);
	unsigned n = 0;

	for (; word && *word != '#' && *word != '!' && n < max;
	     word = strtok_r(NULL, " \t\r\n", &save))
		words[n++] = word;
	return n;
}

void
command_run(struct app *app, const char *line)
{
	char *copy = strdup(line), *words[MAX_WORDS + 1];
	unsigned n = copy ? split(copy, words, MAX_WORDS + 1) : 0, best = 0;

	if (!n) /* an empty line, or a script's comment */
		goto out;
	for (const struct command *c = commands; c->usage; c++) {
		struct grammar g;
		unsigned k;

		cut(c->usage, &g);
		k = understood(&g, n, words);
		if (k == n && n >= g.needed) {
			run_or_refuse(app, c, &g, n, words);
			goto out;
		}
		best = k > best ? k : best;
	}
	if (!command_refused(n, words))
		explain(best, n, words);
out:
	free(copy);
}

unsigned
command_complete(const char *line, char (*names)[32], unsigned max)
{
	char *copy = strdup(line), *words[MAX_WORDS + 1];
	bool fresh = !*line || isspace((unsigned char)line[strlen(line) - 1]);
	unsigned n = copy ? split(copy, words, MAX_WORDS + 1) : 0, n_names = 0;
	unsigned done = fresh || !n ? n : n - 1;
	const char *prefix = fresh || !n ? "" : words[n - 1];

	for (const struct command *c = commands; c->usage; c++) {
		struct grammar g;

		cut(c->usage, &g);
		if (done < g.n && understood(&g, done, words) == done)
			n_names = add_literals(g.words[done], prefix, names, n_names, max);
	}
	free(copy);
	return n_names;
}
