/* SPDX-License-Identifier: BSD-3-Clause */
/* The forwarding cores: one loop per mode, which neither prints nor enters the kernel. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "testpmd.h"

#define load(p)	    __atomic_load_n(p, __ATOMIC_RELAXED)
#define store(p, v) __atomic_store_n(p, v, __ATOMIC_RELAXED)

static void
wake(struct app *app)
{
	uint64_t one = 1;

	if (write(app->wake_fd, &one, sizeof(one)) < 0)
		return; /* the counter is full: the main thread has been woken already */
}

/* Keep what went wrong for the main thread to print. The stream is served no more. */
static BATON_COLD int
fail(struct stream *s, int error, const char *what, const struct baton_queue *q)
{
	const char *text = q ? baton_queue_error(q) : "";

	s->error = error;
	snprintf(s->error_text, sizeof(s->error_text), "%s", *text ? text : baton_last_error());
	__atomic_store_n(&s->failed, what, __ATOMIC_RELEASE);
	return error;
}

static unsigned
count_packets(const struct baton_token *tokens, unsigned n)
{
	unsigned packets = 0;

	for (unsigned i = 0; i < n; i++)
		packets += !(tokens[i].flags & BATON_TOKEN_CONT);
	return packets;
}

static int
drop(struct lcore *lc, struct stream *s, const struct baton_token *tokens, unsigned n)
{
	unsigned packets = count_packets(tokens, n);
	int ret = n ? baton_free(lc->worker, tokens, n) : 0;

	store(&s->dropped, s->dropped + packets);
	return ret < 0 ? fail(s, ret, "free", NULL) : (int)packets;
}

static void
delay_us(unsigned us)
{
	uint64_t end = clock_ns() + us * 1000ull;

	while (clock_ns() < end)
		;
}

/*
 * The ring did not take all: find out whether it is full or a packet is bad, try again as often as
 * --retry says, drop what is left.
 */
static BATON_COLD int
send_rest(struct lcore *lc, struct stream *s, struct baton_token *tok, unsigned n, int ret)
{
	unsigned tries = lc->app->opt.retry ? lc->app->opt.retries : 0, done = 0;
	int dropped = 0, freed;

	for (;;) {
		if (ret == -EMSGSIZE || ret == -EINVAL || ret == -EFAULT) {
			unsigned segs = baton_packet_segs(tok + done, n - done);

			freed = drop(lc, s, tok + done, segs);
			if (freed < 0)
				return freed;
			dropped += freed;
			done += segs;
		} else if (ret > 0) {
			done += (unsigned)ret;
		} else if (ret && ret != -ENETDOWN) {
			/* A refused token (-EPERM) is not ours to free; the others are. */
			fail(s, ret, "tx_burst", s->txq);
			done += ret == -EPERM;
			store(&s->dropped, s->dropped + count_packets(tok + done, n - done));
			if (done < n)
				baton_free(lc->worker, tok + done, n - done);
			return ret;
		} else {
			if (!tries--)
				break;
			delay_us(RETRY_US);
		}
		if (done == n)
			return dropped;
		ret = baton_tx_burst(s->txq, tok + done, n - done);
	}
	freed = drop(lc, s, tok + done, n - done);
	return freed < 0 ? freed : dropped + freed;
}

int
forward_send(struct lcore *lc, struct stream *s, struct baton_token *tokens, unsigned n)
{
	int ret = baton_tx_burst(s->txq, tokens, n);

	if (baton_likely(ret == (int)n))
		return 0;
	return send_rest(lc, s, tokens, n, ret);
}

static inline void
swap_macs(struct baton_worker *worker, const struct baton_token *tokens, unsigned n)
{
	bool first = true; /* of its packet: only there are addresses */

	for (unsigned i = 0; i < n; i++) {
		if (first && baton_likely(tokens[i].len >= 12)) {
			uint8_t *p = baton_data(worker, tokens[i]), tmp[6];

			if (baton_likely(p != NULL)) {
				memcpy(tmp, p, 6);
				memcpy(p, p + 6, 6);
				memcpy(p + 6, tmp, 6);
			}
		}
		first = !(tokens[i].flags & BATON_TOKEN_CONT);
	}
}

/* --stop-after: all cores end when they have received as many together. */
static void
count_received(struct lcore *lc, unsigned n)
{
	struct app *app = lc->app;
	unsigned packets = count_packets(lc->tokens, n);
	uint64_t had = __atomic_fetch_add(&app->received, packets, __ATOMIC_RELAXED);

	if (had + packets >= app->opt.stop_after)
		store(&app->stop, 1);
}

/* One burst of a stream. Return: false when the stream is not to be served again. */
static inline __attribute__((always_inline)) bool
forward_once(struct lcore *lc, struct stream *s, enum fwd_mode mode, bool cycles, bool limit)
{
	uint64_t begin = cycles ? cycles_now() : 0;
	struct baton_token *tok = lc->tokens;
	int n, ret;

	if (mode == FWD_TXONLY) {
		unsigned burst = lc->app->opt.burst;

		n = txonly_burst(lc, s, limit && s->quota < burst ? (unsigned)s->quota : burst);
		if (baton_unlikely(n < 0))
			return false;
		if (limit && !(s->quota -= (unsigned)n))
			return false;
		if (cycles)
			store(&lc->cycles, lc->cycles + cycles_now() - begin);
		return true;
	}
	n = baton_rx_burst(s->rxq, tok, lc->room);
	if (n <= 0) {
		if (baton_likely(!n) || n == -ENETDOWN)
			return true;
		if (n == -EINVAL && lc->room < lc->max_room) {
			/* A packet of this port may be longer than the burst that was asked for. */
			lc->room = lc->max_room;
			return true;
		}
		fail(s, n, "rx_burst", s->rxq);
		return false;
	}
	if (limit)
		count_received(lc, (unsigned)n);
	if (mode == FWD_RXONLY) {
		ret = baton_free(lc->worker, tok, (unsigned)n);
		if (baton_unlikely(ret < 0))
			fail(s, ret, "free", NULL);
	} else {
		if (mode == FWD_MACSWAP)
			swap_macs(lc->worker, tok, (unsigned)n);
		ret = forward_send(lc, s, tok, (unsigned)n);
	}
	if (cycles)
		store(&lc->cycles, lc->cycles + cycles_now() - begin);
	return ret >= 0;
}

static inline __attribute__((always_inline)) void
loop(struct lcore *lc, enum fwd_mode mode)
{
	const bool cycles = lc->app->opt.record_cycles, limit = lc->app->opt.stop_after;

	while (!load(&lc->app->stop) && lc->n_live)
		for (unsigned i = 0; i < lc->n_live; i++)
			if (baton_unlikely(
				    !forward_once(lc, lc->streams[i], mode, cycles, limit))) {
				struct stream *ended = lc->streams[i];

				lc->streams[i] = lc->streams[--lc->n_live];
				lc->streams[lc->n_live] = ended;
				wake(lc->app);
			}
}

static void
loop_io(struct lcore *lc)
{
	loop(lc, FWD_IO);
}

static void
loop_macswap(struct lcore *lc)
{
	loop(lc, FWD_MACSWAP);
}

static void
loop_rxonly(struct lcore *lc)
{
	loop(lc, FWD_RXONLY);
}

static void
loop_txonly(struct lcore *lc)
{
	loop(lc, FWD_TXONLY);
}

static void (*const loops[FWD_MODES])(struct lcore *lc) = { loop_io, loop_macswap, loop_rxonly,
							    loop_txonly };

/* What was sent last has nobody after it to complete it: give devices a moment, then leave. */
static void
clean(struct lcore *lc)
{
	for (unsigned i = 0; i < lc->n_streams; i++)
		for (unsigned try = 0; try < 20; try++) {
			if (lc->streams[i]->failed ||
			    baton_tx_clean(lc->streams[i]->txq, MAX_BURST) < 0)
				break;
			usleep(50);
		}
}

static void *
lcore_main(void *arg)
{
	struct lcore *lc = arg;
	struct app *app = lc->app;
	int ret = baton_worker_bind(lc->worker);

	if (ret < 0) {
		for (unsigned i = 0; i < lc->n_streams; i++)
			fail(lc->streams[i], ret, "worker_bind", NULL);
	} else {
		for (unsigned k = 0; k < app->tx_first; k++)
			for (unsigned i = 0; i < lc->n_live; i++)
				txonly_burst(lc, lc->streams[i], app->opt.burst);
		loops[app->opt.mode](lc);
		clean(lc);
		baton_worker_unbind(lc->worker);
	}
	__atomic_fetch_sub(&app->running, 1, __ATOMIC_RELEASE);
	wake(app);
	return NULL;
}

static int
launch(struct lcore *lc)
{
	pthread_attr_t attr;
	sigset_t all, before;
	cpu_set_t set;
	char name[16];
	int err;

	CPU_ZERO(&set);
	CPU_SET(lc->id.cpu, &set);
	pthread_attr_init(&attr);
	pthread_attr_setaffinity_np(&attr, sizeof(set), &set);
	/* Signals are the main thread's: a forwarding core must not be held up by a handler. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&lc->thread, &attr, lcore_main, lc);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	if (err)
		return err;
	lc->running = true;
	snprintf(name, sizeof(name), "forward-%u", lc->id.id);
	pthread_setname_np(lc->thread, name);
	return 0;
}

/* The streams that have not failed come first in the core's list; one that has stays stopped. */
static void
line_up(struct app *app, struct lcore *lc)
{
	lc->n_live = 0;
	lc->cycles = 0;
	for (unsigned i = 0; i < lc->n_streams; i++) {
		struct stream *s = lc->streams[i];

		if (s->failed)
			continue;
		lc->streams[i] = lc->streams[lc->n_live];
		lc->streams[lc->n_live++] = s;
		s->quota = app->opt.stop_after / app->n_streams;
		s->quota += (uint64_t)(s - app->streams) < app->opt.stop_after % app->n_streams;
		if (app->opt.mode == FWD_TXONLY && app->opt.stop_after && !s->quota)
			lc->n_live--;
	}
}

bool
forward_start(struct app *app, unsigned tx_first)
{
	if (app->forwarding) {
		complain("packet forwarding is running; stop it first");
		return false;
	}
	for (unsigned i = 0; i < app->n_ports; i++) {
		baton_port_stats(app->ports[i].port, &app->ports[i].start);
		app->ports[i].start_dropped = stats_dropped(app, i);
	}
	app->stop = 0;
	app->received = 0;
	app->tx_first = tx_first;
	app->running = app->n_lcores;
	app->forwarding = app->started_once = true;
	app->start_ns = clock_ns();
	app->start_tsc = cycles_now();
	forward_config(app);
	for (unsigned i = 0; i < app->n_lcores; i++) {
		int err;

		line_up(app, &app->lcores[i]);
		err = launch(&app->lcores[i]);
		if (!err)
			continue;
		complain("core %u: cannot start a thread: %s", app->lcores[i].id.id, strerror(err));
		app->failed = true;
		forward_stop(app);
		return false;
	}
	return true;
}

void
forward_stop(struct app *app)
{
	if (!app->forwarding) {
		complain("packet forwarding is not running");
		return;
	}
	printf("Telling cores to stop...\nWaiting for lcores to finish...\n");
	store(&app->stop, 1);
	for (unsigned i = 0; i < app->n_lcores; i++)
		if (app->lcores[i].running) {
			pthread_join(app->lcores[i].thread, NULL);
			app->lcores[i].running = false;
		}
	app->forwarding = false;
	app->forwarded_ns += clock_ns() - app->start_ns;
	forward_report(app);
	stats_forward(app);
	printf("\nDone.\n");
}

void
forward_report(struct app *app)
{
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

void
forward_config(const struct app *app)
{
	const struct options *opt = &app->opt;

	printf("%s packet forwarding - ports=%u - cores=%u - streams=%u - packets/burst=%u",
	       fwd_mode_name(opt->mode), app->n_ports, app->n_lcores, app->n_streams, opt->burst);
	if (opt->retry)
		printf(" - retries=%u, %u us apart\n", opt->retries, RETRY_US);
	else
		printf(" - no retry\n");
	for (unsigned i = 0; i < app->n_lcores; i++) {
		const struct lcore *lc = &app->lcores[i];

		printf("Logical Core %u (CPU %u) forwards packets on %u streams:\n", lc->id.id,
		       lc->id.cpu, lc->n_streams);
		for (unsigned k = 0; k < app->n_streams; k++) {
			const struct stream *s = &app->streams[k];

			if (k % app->n_lcores == i)
				printf("  RX P=%u/Q=%u -> TX P=%u/Q=%u\n", s->rx_port, s->queue,
				       s->tx_port, s->queue);
		}
	}
}
