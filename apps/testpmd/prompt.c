/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where commands come from: a terminal, edited by libedit, or plain lines of a script. The main
 * loop polls standard input and calls prompt_ready(), so that events are served while somebody
 * types.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef TESTPMD_HAVE_LIBEDIT
#include <editline/readline.h>
#endif

#include "command.h"

#define PROMPT          "testpmd> "
#define MAX_COMPLETIONS 64

/* The editor's callback has no argument to carry it; libedit's own state is global, too. */
static struct app *prompt_app;
static bool editing; /* a terminal, so lines are edited */
static bool typing;  /* the prompt is shown, and waits; relaxed atomic, as any thread may log */

#ifdef TESTPMD_HAVE_LIBEDIT
static void line_typed(char *line);

/* One after the other, the words that may stand here; the editor frees them. */
static char *
next_word(const char *text, int state)
{
	static char words[MAX_COMPLETIONS][32];
	static unsigned n, i;
	char line[1024];

	if (!state) {
		snprintf(line, sizeof(line), "%.*s", rl_point, rl_line_buffer);
		n = command_complete(line, words, MAX_COMPLETIONS);
		i = 0;
	}
	return i < n ? strdup(words[i++]) : NULL;
}

static char **
complete(const char *text, int start, int end)
{
	rl_attempted_completion_over = 1; /* the names of files here are of no use */
	return rl_completion_matches(text, next_word);
}

static void
ask(void)
{
	rl_attempted_completion_function = complete;
	rl_callback_handler_install(PROMPT, line_typed);
	__atomic_store_n(&typing, true, __ATOMIC_RELAXED);
}

/* Back to the terminal's ordinary state, so that tables look as they should. */
static void
ask_no_more(void)
{
	if (typing)
		rl_callback_handler_remove();
	__atomic_store_n(&typing, false, __ATOMIC_RELAXED);
}

static void
line_typed(char *line)
{
	struct app *app = prompt_app;

	if (!line) {
		printf("\n");
		app->quit = true;
	} else {
		if (*line)
			add_history(line);
		ask_no_more();
		command_run(app, line);
		free(line);
		if (!app->quit)
			ask();
	}
	if (app->quit)
		prompt_close();
}
#endif

void
prompt_open(struct app *app)
{
	prompt_app = app;
#ifdef TESTPMD_HAVE_LIBEDIT
	if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO)) {
		editing = true;
		rl_readline_name = "baton-testpmd";
		using_history();
		ask();
	}
#endif
}

bool
prompt_waits(void)
{
	return __atomic_load_n(&typing, __ATOMIC_RELAXED);
}

void
prompt_close(void)
{
#ifdef TESTPMD_HAVE_LIBEDIT
	ask_no_more();
#endif
	editing = false;
}

void
prompt_redraw(void)
{
	fflush(stdout);
#ifdef TESTPMD_HAVE_LIBEDIT
	if (typing)
		rl_forced_update_display();
#endif
}

static void
run_line(struct app *app, char *line)
{
	printf(PROMPT "%s\n", line);
	command_run(app, line);
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

void
prompt_ready(struct app *app)
{
#ifdef TESTPMD_HAVE_LIBEDIT
	if (editing) {
		rl_callback_read_char();
		return;
	}
#endif
	read_script(app);
}
