/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "ends.h"
#include "out.h"
#include "testpmd.h"

void
main_wake(struct app *app)
{
	wake_set(&app->wake);
}

static void
log_line(void *arg, enum baton_log_level level, const char *line)
{
	static const char *const names[] = { "error: ", "warning: ", "", "debug: " };
	struct app *app = arg;
	bool waits = prompt_waits();

	if (level > app->opt.log_level)
		return;
	fflush(stdout);
	fprintf(stderr, "%sbaton: %s%s\n", waits ? "\n" : "", names[level], line);
	if (waits)
		prompt_disturbed(app);
}

#define LOOK_NS    2000000000ull
#define FOREIGN_NS 500000000ull

/* What the main thread waits for, and until when. */
struct clock {
	uint64_t show; /* the next periodic table; 0: none */
	uint64_t end;  /* --run-time; 0: none */
	uint64_t look; /* whether the CPUs are still there; 0: nothing runs */
	bool listen;   /* to standard input */
	bool terminal; /* which is one */
	bool foreign;  /* and another process's at the moment */
};

static struct clock clocks;

static int
timeout_ms(const struct clock *c)
{
	uint64_t next = c->show, now = clock_ns();

	if (c->end && (!next || c->end < next))
		next = c->end;
	if (c->look && (!next || c->look < next))
		next = c->look;
	if (c->foreign && (!next || now + FOREIGN_NS < next))
		next = now + FOREIGN_NS; /* a shell tells nobody whom it gives the terminal to */
	if (!next)
		return -1;
	return next <= now ? 0 : (int)((next - now) / 1000000 + 1);
}

/*
 * The terminal is gone, which SIGHUP tells only those for which it is the session's. The run ends
 * as by SIGHUP.
 */
static void
terminal_lost(struct app *app, struct clock *c)
{
	c->listen = c->terminal = false;
	if (!ends_hangup_counts())
		return;
	printf("\nThe terminal is gone, preparing to exit...\n");
	app->quit = true;
}

/* Without -i, Enter ends the program. The end of an empty input does not: it may be a service. */
static void
enter_pressed(struct app *app, struct clock *c)
{
	char buf[256];
	ssize_t n = read(STDIN_FILENO, buf, sizeof(buf));

	if (n > 0 && memchr(buf, '\n', (size_t)n))
		app->quit = true;
	else if (n < 0 && errno == EIO && c->terminal)
		terminal_lost(app, c);
	else if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
		c->listen = false;
}

static void
input_ready(struct app *app, struct clock *c, short events)
{
	if (c->terminal && (events & (POLLHUP | POLLERR | POLLNVAL)))
		terminal_lost(app, c);
	else if (app->opt.interactive)
		prompt_ready(app);
	else
		enter_pressed(app, c);
}

static void
woken(struct app *app)
{
	wake_clear(&app->wake);
	forward_report(app);
	if (ends_signal()) {
		prompt_close();
		printf("\nSignal %d received, preparing to exit...\n", ends_signal());
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
		if (!out_waiting()) /* a reader that is behind gets the next one */
			stats_show_all(app, true);
		c->show = now + app->opt.stats_period * 1000000000ull;
	}
	if (c->end && now >= c->end)
		app->quit = true;
	if (!app->forwarding) {
		c->look = 0;
	} else if (now >= c->look) {
		affinity_watch(app);
		c->look = now + LOOK_NS;
	}
}

#define POLLFDS (4 + OUT_POLLFDS)

/*
 * @fd, a file of commands, stands in for standard input if there is one. Standard input waits until
 * the reader of standard output has caught up, and while the terminal is another process's: to read
 * it then would stop this one.
 */
static bool
wait_for(struct app *app, struct clock *c, struct pollfd *fds, int fd)
{
	bool may_read = out_waiting() < OUT_MUCH, listen = fd == -1 && c->listen && may_read;
	int ret, error;

	c->foreign = listen && c->terminal && !ends_foreground();
	listen = listen && !c->foreign;
	fds[0] = (struct pollfd){ .fd = baton_ctx_fd(app->ctx), .events = POLLIN };
	fds[1] = (struct pollfd){ .fd = app->wake.fd, .events = POLLIN };
	/* The end of a pipe is no news before it is read, that of a terminal is. */
	fds[2] = (struct pollfd){ .fd = c->terminal || listen ? STDIN_FILENO : -1,
				  .events = listen ? POLLIN : 0 };
	fds[3] = (struct pollfd){ .fd = may_read ? fd : -1, .events = POLLIN };
	out_poll_for(&fds[4]);
	ends_notices(true);
	ret = poll(fds, POLLFDS, fd == NO_WAIT ? 0 : timeout_ms(c));
	error = errno;
	ends_notices(false);
	if (ret < 0 && error != EINTR) {
		complain("poll() fails: %s%s", strerror(error),
			 error == EPERM || error == ENOSYS ? "; a sandbox forbids it, and nothing "
							     "here works without"
							   : "");
		app->failed = true;
		return false;
	}
	if (ret < 0)
		for (unsigned i = 0; i < POLLFDS; i++)
			fds[i].revents = 0;
	out_ready(&fds[4]);
	return true;
}

int
main_step(struct app *app, int fd)
{
	struct clock *c = &clocks;
	struct pollfd fds[POLLFDS];

	if (app->forwarding && !c->look)
		c->look = clock_ns() + LOOK_NS;
	fflush(stdout);
	if (out_error() || !wait_for(app, c, fds, fd) || out_error()) {
		app->failed = true; /* out_close() reports what stdout's error is */
		return -1;
	}
	if (fds[1].revents || ends_signal())
		woken(app);
	prompt_check(app);
	if (fds[0].revents && baton_ctx_poll(app->ctx, 0) < 0) {
		complain("%s", baton_last_error());
		app->failed = true;
		return -1;
	}
	if (fds[2].revents && !app->quit)
		input_ready(app, c, fds[2].revents);
	tick(app, c);
	return fds[3].revents != 0;
}

static void
set_clock(const struct options *opt)
{
	bool periodic = opt->stats_period && !opt->interactive;

	clocks = (struct clock){
		.show = periodic ? clock_ns() + opt->stats_period * 1000000000ull : 0,
		.end = opt->run_time > 0 ? clock_ns() + (uint64_t)(opt->run_time * 1e9) : 0,
		.listen = !periodic && !opt->stdin_taken,
		.terminal = !opt->stdin_taken && isatty(STDIN_FILENO),
	};
}

/* Return: whether the program goes on. */
static bool
load_files(struct app *app)
{
	for (unsigned i = 0; i < app->opt.n_cmdline_files && !app->quit; i++)
		load_file(app, app->opt.cmdline_files[i].name, app->opt.cmdline_files[i].echo);
	return !app->quit;
}

static void
run(struct app *app)
{
	const struct options *opt = &app->opt;

	set_clock(opt);
	if (opt->interactive && !opt->auto_start)
		printf("Interactive-mode selected\n");
	if (load_files(app)) {
		/* The files may have done it. */
		if ((!opt->interactive || opt->auto_start) && !app->forwarding &&
		    !forward_start(app, opt->tx_first)) {
			app->failed = true;
			return;
		}
		if (opt->interactive)
			prompt_open(app);
		else if (!opt->stats_period && !opt->stdin_taken && isatty(STDIN_FILENO))
			printf("Press enter to exit\n");
		while (!app->quit && main_step(app, -1) >= 0)
			;
		prompt_close();
	}
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

	affinity_pin_self(app);
	if (!wake_open(&app->wake, "the main thread"))
		return false;
	pthread_mutex_init(&app->lock, NULL);
	pthread_cond_init(&app->changed, NULL);
	if (baton_ctx_create(&config, &app->ctx) < 0) {
		complain("%s", baton_last_error());
		return false;
	}
	return drivers_load(&app->opt, app->ctx) && ports_open(app);
}

/* What the ports' captures did not get, or did not give: also as a port was stopped. */
static void
report_losses(struct app *app)
{
	for (unsigned i = 0; i < app->n_ports; i++) {
		uint64_t lost = counts_lost(app, i), left = counts_not_received(app, i);

		app->failed = app->failed || lost || left;
		if (lost)
			complain("port %u took %" PRIu64 " packets that it could not send", i,
				 lost);
		if (left)
			complain("port %u did not receive all of its capture: %" PRIu64 " packets "
				 "are "
				 "errors, "
				 "as named "
				 "above and "
				 "by show "
				 "port "
				 "xstats",
				 i, left);
	}
}

/* The run was ended by a limit of CPU time, and not by anybody. */
static void
report_time(struct app *app)
{
	struct rlimit limit;

	if (ends_signal() != SIGXCPU || getrlimit(RLIMIT_CPU, &limit) < 0 ||
	    limit.rlim_cur == RLIM_INFINITY)
		return;
	complain("all CPU time that this process may use is used up (RLIMIT_CPU); raise ulimit -t");
	app->failed = true;
}

static void
tear_down(struct app *app)
{
	ports_summary(app);
	ports_close(app);
	report_losses(app);
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
	for (unsigned i = 0; i < BATON_MAX_PORTS; i++) {
		free(app->ports[i].rx);
		free(app->ports[i].tx);
		free(app->ports[i].devargs);
	}
	free(app->bursts);
	free(app->streams);
	free(app->lcores);
	wake_close(&app->wake);
}

int
main(int argc, char **argv)
{
	static struct app app = { .wake = WAKE_NONE };
	enum parsed parsed;
	bool up;

	out_open();
	ends_watch(&app.wake);
	parsed = options_parse(&app.opt, argc, argv);
	if (parsed != PARSED_RUN)
		return parsed == PARSED_ERROR ? (out_close(), 2) : out_close() ? 0 : 1;
	mallopt(M_ARENA_MAX,
		1); /* no thread allocates often enough for 64 MiB of addresses of its own */
	up = set_up(&app);
	if (ends_signal())
		printf("\nSignal %d received, preparing to exit...\n", ends_signal());
	else if (up)
		run(&app);
	report_time(&app);
	tear_down(&app);
	if (up)
		printf("\nBye...\n");
	if (!out_close() || app.failed)
		return 1;
	/* To be asked to end while ports are set up is no failure of theirs. */
	if (up || ends_signal())
		return 0;
	return app.misused ? 2 : 1;
}
