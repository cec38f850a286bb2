/* SPDX-License-Identifier: BSD-3-Clause */
/* The forwarding cores as the main thread sees them: start, pause, stop. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ends.h"
#include "out.h"
#include "testpmd.h"

#define STACK_SIZE                                                                                 \
	(256 * 1024) /* a core needs little, and the default is 8 MiB of address space each */

void
forward_halt(struct app *app, uint32_t why)
{
	__atomic_fetch_or(&app->halt, why, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < app->n_lcores; i++)
		sleep_wake(&app->lcores[i]);
}

/* What was sent last has nobody after it to complete it: give devices a moment, then leave. */
static void
clean(struct lcore *lc)
{
	for (unsigned try = 0; try < 20; try++) {
		bool any = false;

		for (unsigned i = 0; i < lc->n_streams; i++) {
			const struct stream *s = lc->streams[i];

			if (!s->failed && s->txq && baton_tx_clean(s->txq, UINT32_MAX) >= 0)
				any = true;
		}
		if (!any)
			return;
		usleep(50);
	}
}

/*
 * A paused core holds nothing, so that the main thread may do with its queues and worker what it
 * likes.
 */
static int
pause_here(struct lcore *lc)
{
	struct app *app = lc->app;

	baton_worker_unbind(lc->worker);
	pthread_mutex_lock(&app->lock);
	app->paused++;
	pthread_cond_broadcast(&app->changed);
	while (load_relaxed(&app->halt) & HALT_PAUSE)
		pthread_cond_wait(&app->changed, &app->lock);
	app->paused--;
	pthread_cond_broadcast(&app->changed);
	pthread_mutex_unlock(&app->lock);
	return baton_worker_bind(lc->worker);
}

static void
send_first(struct lcore *lc)
{
	for (unsigned k = 0; k < lc->app->tx_first; k++)
		for (unsigned i = 0; i < lc->n_live; i++)
			if (lc->streams[i]->txq)
				txonly_burst(lc, lc->streams[i], lc->app->opt.burst);
}

static void *
lcore_main(void *arg)
{
	struct lcore *lc = arg;
	struct app *app = lc->app;
	int ret = baton_worker_bind(lc->worker);

	if (!ret)
		send_first(lc);
	while (!ret) {
		forward_loop(lc);
		if (!(load_relaxed(&app->halt) & HALT_PAUSE))
			break;
		ret = pause_here(lc);
	}
	for (unsigned i = 0; ret && i < lc->n_streams; i++)
		stream_fail(lc->streams[i], ret, "worker_bind", "");
	if (!ret) {
		clean(lc);
		baton_worker_unbind(lc->worker);
	}
	pthread_mutex_lock(&app->lock);
	app->running--;
	pthread_cond_broadcast(&app->changed);
	pthread_mutex_unlock(&app->lock);
	main_wake(app);
	return NULL;
}

static int
launch(struct lcore *lc)
{
	pthread_attr_t attr;
	sigset_t before;
	char name[16];
	int err;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE); /* with a guard page below, as ever */
	/* Signals are the main thread's: a forwarding core must not be held up by a handler. */
	ends_block(&before);
	err = affinity_create(lc, &attr, lcore_main);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	if (err)
		return err;
	lc->running = true;
	snprintf(name, sizeof(name), "forward-%u", lc->id.id);
	pthread_setname_np(lc->thread, name);
	return 0;
}

static bool
may_live(const struct app *app, const struct stream *s)
{
	if (s->failed)
		return false; /* one that has failed stays stopped until its port is started again
			       */
	if (!mode_sends(app->opt.mode))
		return s->rxq;
	return s->txq && (!app->opt.stop_after || s->quota);
}

/* The streams that are to be served come first in the core's list. */
static void
line_up(struct app *app, struct lcore *lc)
{
	lc->n_live = 0;
	lc->room = app->opt.burst;
	lc->verbose = app->opt.verbose < VERBOSE_ALL ? app->opt.verbose : VERBOSE_ALL;
	if (!app->verbose)
		lc->verbose = 0;
	for (unsigned i = 0; i < lc->n_streams; i++) {
		struct stream *s = lc->streams[i];

		if (!may_live(app, s))
			continue;
		lc->streams[i] = lc->streams[lc->n_live];
		lc->streams[lc->n_live++] = s;
	}
}

void
forward_pause(struct app *app)
{
	if (!app->forwarding)
		return;
	forward_halt(app, HALT_PAUSE);
	pthread_mutex_lock(&app->lock);
	while (app->paused < app->running)
		pthread_cond_wait(&app->changed, &app->lock);
	pthread_mutex_unlock(&app->lock);
}

void
forward_resume(struct app *app)
{
	if (!app->forwarding)
		return;
	verbose_open(app);
	pthread_mutex_lock(&app->lock);
	for (unsigned i = 0; i < app->n_lcores; i++)
		line_up(app, &app->lcores[i]);
	__atomic_fetch_and(&app->halt, ~HALT_PAUSE, __ATOMIC_RELAXED);
	pthread_cond_broadcast(&app->changed);
	while (app->paused) /* so that nobody is still in the last pause when the next begins */
		pthread_cond_wait(&app->changed, &app->lock);
	pthread_mutex_unlock(&app->lock);
}

static bool
all_started(const struct app *app)
{
	bool any = false, open = false;

	for (unsigned i = 0; i < app->n_ports; i++) {
		const struct app_port *p = &app->ports[i];

		open = open || p->port;
		any = any || (p->port && select_has_port(app, i));
		if (!p->port || port_is_started(p))
			continue;
		complain("Not all ports were started: type port start %u", i);
		return false;
	}
	if (!any)
		complain(open ? "all ports that forward are closed" : "all ports are closed");
	return any;
}

static void
begin(struct app *app, unsigned tx_first)
{
	counts_begin(app);
	verbose_open(app);
	for (unsigned i = 0; i < app->n_streams; i++) {
		struct stream *s = &app->streams[i];

		s->quota = app->opt.stop_after / app->n_streams;
		s->quota += i < app->opt.stop_after % app->n_streams;
	}
	for (unsigned i = 0; i < app->max_lcores; i++) {
		struct lcore *lc = &app->lcores[i];

		lc->cycles = lc->sleeps = lc->woken = lc->slept_ns = 0;
		if (i < app->n_lcores)
			line_up(app, lc);
	}
	app->halt = 0;
	app->received = 0;
	app->tx_first = tx_first;
	app->paused = 0;
	app->running = app->n_lcores;
	app->forwarding = app->started_once = true;
	app->start_ns = clock_ns();
	app->start_tsc = cycles_now();
}

bool
forward_start(struct app *app, unsigned tx_first)
{
	if (app->forwarding) {
		complain("Packet forwarding already started; stop it first");
		return false;
	}
	if (!all_started(app) || !streams_arrange(app) || !txonly_check(app, tx_first))
		return false;
	if (app->opt.sleep_idle && !sleep_check(app)) /* of ports attached meanwhile */
		return false;
	out_keep(false);
	streams_config(app);
	if (app->opt.mode == FWD_FLOWGEN)
		flowgen_begin(app);
	fflush(stdout); /* what cores print comes after it */
	begin(app, tx_first);
	for (unsigned i = 0; i < app->n_lcores; i++) {
		int err = launch(&app->lcores[i]);

		if (!err)
			continue;
		complain("core %u: cannot start a thread: %s%s", app->lcores[i].id.id,
			 strerror(err),
			 err == EAGAIN ? "; raise ulimit -u, or pids.max of its control group"
				       : "");
		app->failed = true;
		forward_stop(app);
		return false;
	}
	return true;
}

bool
forward_ended(struct app *app)
{
	bool ended;

	pthread_mutex_lock(&app->lock);
	ended = !app->running;
	pthread_mutex_unlock(&app->lock);
	return ended;
}

void
forward_stop(struct app *app)
{
	if (!app->forwarding) {
		complain("Packet forwarding not started");
		return;
	}
	out_keep(true);
	printf("Telling cores to stop...\nWaiting for lcores to finish...\n");
	forward_halt(app, HALT_STOP);
	for (unsigned i = 0; i < app->n_lcores; i++)
		if (app->lcores[i].running) {
			pthread_join(app->lcores[i].thread, NULL);
			app->lcores[i].running = false;
		}
	app->forwarding = false;
	app->forwarded_ns = clock_ns() - app->start_ns;
	verbose_end(app);
	forward_report(app);
	stats_forward(app);
	printf("\nDone.\n");
}

/* Report the first packet that a TX queue refused. */
static void
report_refused(struct app *app, struct stream *s)
{
	if (s->refused_reported || !__atomic_load_n(&s->refused, __ATOMIC_ACQUIRE))
		return;
	s->refused_reported = true;
	app->failed = true;
	complain("port %u refused a packet: %s; further ones are only counted, as TX-dropped. "
		 "Larger buffers (--mbuf-size=) make packets of fewer, --mtu= limits or allows "
		 "their length, `editcap -s` cuts those of a capture",
		 s->tx_port, s->refused_text);
	prompt_redraw();
}

void
forward_report(struct app *app)
{
	for (unsigned i = 0; i < app->n_streams; i++)
		report_refused(app, &app->streams[i]);
	for (unsigned i = 0; i < app->n_streams; i++) {
		struct stream *s = &app->streams[i];
		const char *what = __atomic_load_n(&s->failed, __ATOMIC_ACQUIRE);

		if (!what || s->reported)
			continue;
		s->reported = true;
		app->failed = true;
		complain("stream RX port %u -> TX port %u, queue %u, stopped: %s: %s (%s)",
			 s->rx_port, s->tx_port, s->queue, what, s->error_text,
			 strerror(-s->error));
		prompt_redraw();
	}
}
