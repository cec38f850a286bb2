/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "testpmd.h"

/* All a signal handler may touch. Any thread may run it, so these are lock-free atomics. */
static int signalled;
static int signal_fd = -1;

void
main_wake(struct app *app)
{
	uint64_t one = 1;

	/* It can fail only when the counter is full, and then the main thread is awake anyway. */
	(void)!write(app->wake_fd, &one, sizeof(one));
}

static void
on_signal(int sig)
{
	uint64_t one = 1;
	int saved = errno;

	__atomic_store_n(&signalled, sig, __ATOMIC_RELAXED);
	/* It can fail only when the counter is full, and then the main thread is awake anyway. */
	(void)!write(signal_fd, &one, sizeof(one));
	errno = saved;
}

/* A second signal ends the program at once, should the first find it stuck. */
static void
catch_signals(int fd)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND };

	signal_fd = fd;
	sigemptyset(&sa.sa_mask);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
}

static void
log_line(void *arg, enum baton_log_level level, const char *line)
{
	static const char *const names[] = { "error: ", "warning: ", "", "debug: " };
	const struct app *app = arg;

	if (level > app->opt.log_level)
		return;
	fflush(stdout);
	fprintf(stderr, "%sbaton: %s%s\n", prompt_waits() ? "\n" : "", names[level], line);
}

/* What the main thread waits for, and until when. */
struct clock {
	uint64_t show; /* the next periodic table; 0: none */
	uint64_t end;  /* --run-time; 0: none */
	bool listen;   /* to standard input */
};

static int
timeout_ms(const struct clock *c)
{
	uint64_t next = c->show, now = clock_ns();

	if (c->end && (!next || c->end < next))
		next = c->end;
	if (!next)
		return -1;
	return next <= now ? 0 : (int)((next - now) / 1000000 + 1);
}

/* Without -i, Enter ends the program. The end of an empty input does not: it may be a service. */
static void
enter_pressed(struct app *app, struct clock *c)
{
	char buf[256];
	ssize_t n = read(STDIN_FILENO, buf, sizeof(buf));

	if (n > 0 && memchr(buf, '\n', (size_t)n))
		app->quit = true;
	if (n <= 0)
		c->listen = false;
}

static void
woken(struct app *app)
{
	uint64_t count;

	if (read(app->wake_fd, &count, sizeof(count)) < 0)
		return;
	forward_report(app);
	if (load_relaxed(&signalled)) {
		printf("\nSignal %d received, preparing to exit...\n", load_relaxed(&signalled));
		app->quit = true;
		return;
	}
	if (!app->forwarding || !forward_ended(app))
		return;
	forward_stop(app);
	if (app->opt.interactive)
		prompt_redraw();
	else
		app->quit = true;
}

static void
tick(struct app *app, struct clock *c)
{
	uint64_t now = clock_ns();

	if (c->show && now >= c->show) {
		stats_show_all(app, true);
		c->show = now + app->opt.stats_period * 1000000000ull;
	}
	if (c->end && now >= c->end)
		app->quit = true;
}

static void
serve(struct app *app)
{
	const struct options *opt = &app->opt;
	bool periodic = opt->stats_period && !opt->interactive;
	struct clock c = {
		.show = periodic ? clock_ns() + opt->stats_period * 1000000000ull : 0,
		.end = opt->run_time > 0 ? clock_ns() + (uint64_t)(opt->run_time * 1e9) : 0,
		.listen = !periodic,
	};

	while (!app->quit) {
		struct pollfd fds[] = {
			{ .fd = baton_ctx_fd(app->ctx), .events = POLLIN },
			{ .fd = app->wake_fd, .events = POLLIN },
			{ .fd = c.listen ? STDIN_FILENO : -1, .events = POLLIN },
		};

		if (poll(fds, 3, timeout_ms(&c)) < 0 && errno != EINTR) {
			complain("poll: %s", strerror(errno));
			app->failed = true;
			return;
		}
		if (fds[1].revents || load_relaxed(&signalled))
			woken(app);
		if (fds[0].revents && baton_ctx_poll(app->ctx, 0) < 0) {
			complain("%s", baton_last_error());
			app->failed = true;
			return;
		}
		if (fds[2].revents && !app->quit && opt->interactive)
			prompt_ready(app);
		else if (fds[2].revents && !app->quit)
			enter_pressed(app, &c);
		tick(app, &c);
	}
}

static void
run(struct app *app)
{
	const struct options *opt = &app->opt;

	if (opt->interactive && !opt->auto_start) {
		printf("Interactive-mode selected\n");
	} else if (!forward_start(app, opt->tx_first)) {
		app->failed = true;
		return;
	}
	if (opt->interactive)
		prompt_open(app);
	else if (!opt->stats_period && isatty(STDIN_FILENO))
		printf("Press enter to exit\n");
	serve(app);
	prompt_close();
	if (app->forwarding)
		forward_stop(app);
}

static bool
set_up(struct app *app)
{
	struct baton_ctx_config config = {
		.size = sizeof(config),
		.log = log_line,
		.log_arg = app,
	};

	if (!cores_pin_self(&app->opt.lcores[0]))
		return false;
	app->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (app->wake_fd < 0) {
		complain("no descriptor for events: %s; raise ulimit -n", strerror(errno));
		return false;
	}
	catch_signals(app->wake_fd);
	pthread_mutex_init(&app->lock, NULL);
	pthread_cond_init(&app->changed, NULL);
	if (baton_ctx_create(&config, &app->ctx) < 0) {
		complain("%s", baton_last_error());
		return false;
	}
	return ports_open(app);
}

static void
tear_down(struct app *app)
{
	for (unsigned i = 0; i < app->n_ports; i++) {
		uint64_t lost = counts_lost(app, i);

		if (lost) {
			complain("port %u took %" PRIu64 " packets that it could not send", i,
				 lost);
			app->failed = true;
		}
	}
	ports_summary(app);
	ports_close(app);
	if (!pool_check(app))
		app->failed = true;
	if (app->opt.stats_json && app->started_once && !json_write(app))
		app->failed = true;
	if (app->pool && baton_pool_destroy(app->pool) < 0)
		app->failed = true;
	if (app->ctx && baton_ctx_destroy(app->ctx) < 0) {
		complain("%s", baton_last_error());
		app->failed = true;
	}
	for (unsigned i = 0; i < app->n_ports; i++) {
		free(app->ports[i].rx);
		free(app->ports[i].tx);
	}
	free(app->streams);
	free(app->lcores);
}

int
main(int argc, char **argv)
{
	static struct app app;
	enum parsed parsed = options_parse(&app.opt, argc, argv);
	bool up;

	if (parsed != PARSED_RUN)
		return parsed == PARSED_EXIT ? 0 : 2;
	mallopt(M_ARENA_MAX,
		1); /* no thread allocates often enough for 64 MiB of addresses of its own */
	setvbuf(stdout, NULL, _IOLBF, 0);
	up = set_up(&app);
	if (up)
		run(&app);
	tear_down(&app);
	if (up)
		printf("\nBye...\n");
	if (fflush(stdout) || ferror(stdout)) {
		complain("standard output cannot be written");
		return 1;
	}
	return up && !app.failed ? 0 : 1;
}
