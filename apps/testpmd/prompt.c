/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where commands come from: a terminal, edited by libedit, or plain lines of a script. The main
 * loop polls standard input and calls prompt_ready(), so that events are served while somebody
 * types.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "command.h"
#include "ends.h"

/* Any thread may log, and then the prompt is drawn again: relaxed atomics. */
static bool typing; /* the prompt is shown, and waits */
static bool disturbed;
static bool plain; /* a terminal without an editor */

bool
prompt_waits(void)
{
	return load_relaxed(&typing);
}

void
prompt_disturbed(struct app *app)
{
	store_relaxed(&disturbed, true);
	main_wake(app);
}

static void
run_line(struct app *app, char *line)
{
	if (!plain)
		printf(PROMPT "%s\n", line);
	store_relaxed(&typing, false);
	command_run(app, line);
	if (plain && !app->quit) {
		printf(PROMPT);
		store_relaxed(&typing, true);
	}
	fflush(stdout);
}

/* After `fg`, where the terminal has dropped what was typed. */
static void
plain_again(bool continued)
{
	if (!plain || !continued || !ends_foreground())
		return;
	printf(PROMPT);
	fflush(stdout);
}

static void
read_script(struct app *app)
{
	static char buf[4096];
	static size_t len;
	ssize_t n = read(STDIN_FILENO, buf + len, sizeof(buf) - 1 - len);
	char *line = buf, *end;

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	len += n > 0 ? (size_t)n : 0;
	buf[len] = '\0';
	while (!app->quit && (end = strchr(line, '\n'))) {
		*end = '\0';
		run_line(app, line);
		line = end + 1;
	}
	len -= (size_t)(line - buf);
	memmove(buf, line, len);
	if (n <= 0) {
		buf[len] = '\0';
		if (len && !app->quit)
			run_line(app, buf);
		app->quit = true;
	} else if (len == sizeof(buf) - 1) {
		complain("a command longer than %zu characters is ignored", sizeof(buf) - 1);
		len = 0;
	}
}

#ifdef TESTPMD_HAVE_LIBEDIT

#include <histedit.h>

#define MAX_COMPLETIONS 64
#define MAX_HISTORY     500
#define KEY_MS          500 /* from ESC to the rest of what a key sends */

static EditLine *editor;
static History *history_list;
static bool first_key; /* of this call of el_gets() */
static char eof_key;   /* Ctrl-D; alone in a line it is the end */
static bool opened;    /* the editor has the terminal; not while in the background */

static char *
prompt_text(EditLine *el)
{
	static char text[] = PROMPT;

	return text;
}

/* The editor must not wait for the rest of a key: events, --run-time and signals would wait, too.
 */
static int
read_key(EditLine *el, wchar_t *key)
{
	struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };
	unsigned char c;
	ssize_t n;

	if (poll(&p, 1, first_key ? 0 : KEY_MS) <= 0)
		return -1;
	first_key = false;
	n = read(STDIN_FILENO, &c, 1);
	*key = c;
	return (int)n;
}

static void
list_words(char (*words)[32], unsigned n)
{
	printf("\n");
	for (unsigned i = 0; i < n; i++)
		printf("%s%s", words[i], i + 1 < n ? "  " : "\n");
}

static unsigned char
on_tab(EditLine *el, int key)
{
	static char words[MAX_COMPLETIONS][32];
	const LineInfo *li = el_line(el);
	char line[1024], *last;
	size_t common, have;
	unsigned n;

	snprintf(line, sizeof(line), "%.*s", (int)(li->cursor - li->buffer), li->buffer);
	n = command_complete(line, words, MAX_COMPLETIONS);
	if (!n)
		return CC_ERROR;
	last = strrchr(line, ' ');
	have = strlen(last ? last + 1 : line);
	common = strlen(words[0]);
	for (unsigned i = 1; i < n; i++)
		for (size_t k = 0; k < common; k++)
			if (words[i][k] != words[0][k])
				common = k;
	words[0][common] = n > 1 ? words[0][common] : '\0';
	if (common > have || n == 1) {
		snprintf(line, sizeof(line), "%.*s%s", (int)common, words[0], n == 1 ? " " : "");
		if (strlen(line) > have)
			el_insertstr(el, line + have);
		return CC_REFRESH;
	}
	list_words(words, n);
	return CC_REDISPLAY;
}

/* What keys do beside the editor's own; ~/.editrc may say otherwise. */
static void
bind_keys(void)
{
	static const char *const keys[][2] = {
		{ "\t", "baton-complete" },          { "^R", "em-inc-search-prev" },
		{ "\\e[1~", "ed-move-to-beg" },      { "\\e[4~", "ed-move-to-end" },
		{ "\\e[H", "ed-move-to-beg" },       { "\\e[F", "ed-move-to-end" },
		{ "\\e[3~", "ed-delete-next-char" }, { "\\e[1;5C", "em-next-word" },
		{ "\\e[1;5D", "ed-prev-word" },
	};

	/* Of narrow strings el_set() makes copies that nobody frees. */
	el_wset(editor, EL_ADDFN, L"baton-complete", L"complete a command", on_tab);
	for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		el_set(editor, EL_BIND, keys[i][0], keys[i][1], NULL);
	el_source(editor, NULL);
}

static bool
open_editor(void)
{
	struct termios attributes;
	HistEvent ev;

	if (tcgetattr(STDIN_FILENO, &attributes) == 0)
		eof_key = (char)attributes.c_cc[VEOF];
	/* Not stdout's own descriptor, which is no terminal's: the editor asks for its size. */
	editor = el_init_fd("baton-testpmd", stdin, stdout, stderr, STDIN_FILENO, STDOUT_FILENO,
			    STDERR_FILENO);
	history_list = history_init();
	if (!editor || !history_list)
		return false;
	history(history_list, &ev, H_SETSIZE, MAX_HISTORY);
	history(history_list, &ev, H_SETUNIQUE, 1);
	el_set(editor, EL_SIGNAL, 0); /* ends.c has them */
	el_set(editor, EL_EDITOR, "emacs");
	el_set(editor, EL_PROMPT, prompt_text);
	el_set(editor, EL_HIST, history, history_list);
	el_set(editor, EL_GETCFN, read_key);
	bind_keys();
	return true;
}

/* Wipe the line out that is being typed, to draw it again in the same place. */
static void
wipe(void)
{
	const LineInfo *li = el_line(editor);
	const char *term = getenv("TERM");
	struct winsize size;
	unsigned rows = 0;

	if (!term || !strcmp(term, "dumb")) {
		printf("\n");
		return;
	}
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col)
		rows = (unsigned)(strlen(PROMPT) + (size_t)(li->cursor - li->buffer)) / size.ws_col;
	printf("\r");
	if (rows)
		printf("\033[%uA", rows);
	printf("\033[J");
}

static void
ask(void)
{
	ends_terminal_changes(true);
	if (!editor && !open_editor()) {
		ends_terminal_changes(false);
		complain("no memory to edit commands with");
		opened = false;
		plain = true;
		return;
	}
	el_set(editor, EL_UNBUFFERED, 1);
	fflush(stdout);
	store_relaxed(&typing, true);
}

/* Back to the terminal's ordinary state, so that tables look as they should. */
static void
ask_no_more(void)
{
	if (!prompt_waits())
		return;
	store_relaxed(&typing, false);
	if (ends_foreground())
		el_set(editor, EL_UNBUFFERED, 0);
	ends_terminal_changes(false);
}

static void
line_typed(struct app *app, const char *typed, size_t len)
{
	char *line = strndup(typed, len);
	HistEvent ev;

	if (!line)
		return;
	line[strcspn(line, "\r\n")] = '\0';
	if (*line)
		history(history_list, &ev, H_ENTER, line);
	ask_no_more();
	command_run(app, line);
	free(line);
	if (!app->quit)
		ask();
}

static void
edit(struct app *app)
{
	const char *line;
	int n = 0;

	first_key = true;
	line = el_gets(editor, &n);
	fflush(stdout);
	if (line && n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r')) {
		line_typed(app, line, (size_t)n);
	} else if ((line && n == 1 && line[0] == eof_key) || (!line && !n)) {
		prompt_close();
		printf("\n");
		app->quit = true;
	}
}

/* After `fg`, or a signal that the shell sent: the terminal's attributes may be any. */
static void
ask_again(void)
{
	const LineInfo *li = el_line(editor);
	char line[1024];

	snprintf(line, sizeof(line), "%.*s", (int)(li->lastchar - li->buffer), li->buffer);
	ends_terminal_changes(true); /* to be put back as they are now */
	el_set(editor, EL_UNBUFFERED, 0);
	ask();
	printf("\r"); /* the prompt is there, without the line */
	el_insertstr(editor, line);
	prompt_redraw();
}

void
prompt_open(struct app *app)
{
	if (!isatty(STDIN_FILENO))
		return;
	opened = isatty(STDOUT_FILENO);
	plain = !opened;
	if (plain) {
		printf(PROMPT);
		fflush(stdout);
	} else if (ends_foreground()) {
		ask();
	} /* else prompt_check() does it after `fg` */
}

void
prompt_close(void)
{
	ask_no_more();
	if (editor && ends_foreground())
		el_end(editor);
	if (history_list)
		history_end(history_list);
	editor = NULL;
	history_list = NULL;
	opened = false;
}

void
prompt_redraw(void)
{
	if (prompt_waits() && editor && ends_foreground())
		el_set(editor, EL_REFRESH);
	fflush(stdout);
}

void
prompt_check(struct app *app)
{
	bool continued = ends_continued(), resized = ends_resized();

	plain_again(continued);
	if (!opened || !ends_foreground())
		return;
	if (!prompt_waits()) { /* it has come to the foreground */
		ask();
		return;
	}
	if (continued)
		ask_again();
	if (resized) {
		wipe();
		el_resize(editor);
	}
	if (resized || __atomic_exchange_n(&disturbed, false, __ATOMIC_RELAXED))
		prompt_redraw();
}

void
prompt_ready(struct app *app)
{
	if (opened)
		edit(app);
	else
		read_script(app);
}

#else

void
prompt_open(struct app *app)
{
	plain = isatty(STDIN_FILENO);
	if (plain)
		printf(PROMPT);
	fflush(stdout);
}

void
prompt_close(void)
{
	store_relaxed(&typing, false);
}

void
prompt_redraw(void)
{
	fflush(stdout);
}

void
prompt_check(struct app *app)
{
	plain_again(ends_continued());
}

void
prompt_ready(struct app *app)
{
	read_script(app);
}

#endif
