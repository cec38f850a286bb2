/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ports of Baton and of DPDK in front of free backends, in one process and on one CPU, measured in
 * windows on command. It reads a command a line and answers a line, which begins with "ok" or
 * "error":
 *
 *   open NAME baton|dpdk LEN [ARGS]   a port that runs; NAME is a number
 *   close NAME
 *   same NAME rx|tx|io MS             ok PACKETS SECONDS CYCLES: the backend works between timed
 * rounds, in the same thread cross NAME rx|tx|io MS            the same with the backend at work on
 * a CPU of its own all the time about                             ok COMPILER; how it was built
 *
 * pmd_bench --count STACK KIND ROUNDS [ARGS] makes so many rounds, for valgrind to count
 * instructions in. pmd_bench --serve SOCKET is a free backend for another process; of each
 * connection it prints when its first TX descriptor was seen: "first_tx NS", by CLOCK_MONOTONIC.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "backend.h"
#include "front.h"

#define MAX_PORTS  24
#define ROUND      (FRONT_BURST * FRONT_BURSTS)
#define WARM_UP    200    /* rounds after a change of turns */
#define MAX_ROUNDS 20000u /* of a window */

struct bench_port {
	char name[16];
	struct front *front;
	struct backend backend;
};

struct bench {
	struct bench_port *port[MAX_PORTS];
	struct backend *served[MAX_PORTS];
	unsigned n;
	pthread_mutex_t lock;    /* of served[] and n */
	struct backend *polled;  /* by the second thread; release, acquire */
	struct backend *polling; /* what it has seen of that */
	bool ending;
	unsigned backend_cpu;
	pthread_t control, poller;
	char dir[64];
	double hz;
	uint64_t *cycles, *sorted;
};

struct front_options front_options = { .cpu = 1 };

static void
pin(unsigned cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	/* Fewer CPUs than wanted: then wherever the kernel likes. */
	(void)sched_setaffinity(0, sizeof(set), &set);
}

/*
 * Ahead of what else runs there, where we may, for the milliseconds of a window. Never for longer:
 * DPDK's set-up waits in loops for threads that it has put on the same CPU.
 */
static void
get_ahead(bool yes)
{
	const struct sched_param param = { .sched_priority = yes ? 1 : 0 };

	if (sysconf(_SC_NPROCESSORS_ONLN) > 1)
		(void)sched_setscheduler(0, yes ? SCHED_FIFO : SCHED_OTHER, &param);
}

static void *
control(void *arg)
{
	const struct timespec pause = { .tv_nsec = 100000 };
	struct bench *b = arg;

	pin(b->backend_cpu);
	while (!__atomic_load_n(&b->ending, __ATOMIC_ACQUIRE)) {
		pthread_mutex_lock(&b->lock);
		backend_serve(b->served, b->n, 5);
		pthread_mutex_unlock(&b->lock);
		nanosleep(&pause, NULL); /* or nobody else would ever get the lock */
	}
	return NULL;
}

static void *
poller(void *arg)
{
	const struct timespec pause = { .tv_nsec = 200000 };
	struct bench *b = arg;

	pin(b->backend_cpu);
	while (!__atomic_load_n(&b->ending, __ATOMIC_ACQUIRE)) {
		struct backend *p = __atomic_load_n(&b->polled, __ATOMIC_ACQUIRE);

		if (p != b->polling) {
			get_ahead(p);
			__atomic_store_n(&b->polling, p, __ATOMIC_RELEASE);
		}
		if (!p) {
			nanosleep(&pause, NULL);
			continue;
		}
		for (unsigned i = 0; i < 64; i++) {
			backend_receive(p, 64);
			backend_transmit(p);
		}
	}
	return NULL;
}

static void
poll_this(struct bench *b, struct backend *backend)
{
	__atomic_store_n(&b->polled, backend, __ATOMIC_RELEASE);
	while (__atomic_load_n(&b->polling, __ATOMIC_ACQUIRE) != backend)
		sched_yield();
}

/* ---- windows ---- */

static int
by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static inline void
serve_round(struct backend *b, enum front_kind kind)
{
	if (kind != FRONT_RX)
		backend_transmit(b);
	if (kind != FRONT_TX)
		backend_receive(b, ROUND);
}

struct result {
	uint64_t packets;
	double seconds;
};

/*
 * Do both sides agree on the packets since @before? What the backend completed may still lie in the
 * RX ring; nothing can have come or gone that it did not complete.
 */
static bool
agrees(struct backend *b, enum front_kind kind, const uint64_t *before, uint64_t packets)
{
	uint64_t received = b->ring[BACKEND_RX].packets - before[BACKEND_RX], sent;

	backend_transmit(b);
	sent = b->ring[BACKEND_TX].packets - before[BACKEND_TX];
	if (kind != FRONT_RX && sent != packets)
		return false;
	return kind == FRONT_TX ||
	       (packets <= received + FRONT_RING && received <= packets + FRONT_RING);
}

/* Timed rounds. One that took eight times the median was interrupted, and does not count. */
static struct result
window_same(struct bench *b, struct bench_port *p, enum front_kind kind, unsigned ms)
{
	const uint64_t ticks = (uint64_t)(b->hz * ms / 1000);
	front_round round = p->front->ops->round[kind];
	uint64_t end, limit, before[BACKEND_RINGS], cycles = 0, all = 0;
	uint64_t *packets = b->sorted + MAX_ROUNDS;
	struct result r = { 0 };
	unsigned n;

	serve_round(&p->backend, kind);
	for (unsigned i = 0; i < BACKEND_RINGS; i++)
		before[i] = p->backend.ring[i].packets;
	for (unsigned i = 0; i < WARM_UP; i++) {
		serve_round(&p->backend, kind);
		all += round(p->front);
	}
	end = cycles_now() + ticks;
	for (n = 0; n < MAX_ROUNDS; n++) {
		uint64_t t0, t1;

		serve_round(&p->backend, kind);
		/* Not in our store buffer, where a device's writes never are: wide loads wait
		 * there. */
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		t0 = cycles_now();
		packets[n] = round(p->front);
		t1 = cycles_now();
		b->cycles[n] = t1 - t0;
		all += packets[n];
		if (t1 >= end)
			break;
	}
	if (!agrees(&p->backend, kind, before, all))
		return r;
	memcpy(b->sorted, b->cycles, n * sizeof(*b->sorted));
	qsort(b->sorted, n, sizeof(*b->sorted), by_size);
	limit = n ? b->sorted[n / 2] * 8 : 0;
	for (unsigned i = 0; i < n; i++) {
		if (b->cycles[i] > limit)
			continue;
		cycles += b->cycles[i];
		r.packets += packets[i];
	}
	r.seconds = (double)cycles / b->hz;
	return r;
}

static struct result
window_cross(struct bench *b, struct bench_port *p, enum front_kind kind, unsigned ms)
{
	front_round round = p->front->ops->round[kind];
	struct result r = { 0 };
	uint64_t t0, t1, end;

	poll_this(b, &p->backend);
	for (unsigned i = 0; i < WARM_UP * 4; i++)
		round(p->front);
	t0 = t1 = cycles_now();
	end = t0 + (uint64_t)(b->hz * ms / 1000);
	while (t1 < end) {
		for (unsigned i = 0; i < 16; i++)
			r.packets += round(p->front);
		t1 = cycles_now();
	}
	r.seconds = (double)(t1 - t0) / b->hz;
	poll_this(b, NULL);
	return r;
}

/* ---- commands ---- */

static struct bench_port *
find(struct bench *b, const char *name, unsigned *index)
{
	for (unsigned i = 0; i < b->n; i++) {
		if (!strcmp(b->port[i]->name, name)) {
			*index = i;
			return b->port[i];
		}
	}
	return NULL;
}

static void
close_port(struct bench *b, unsigned i)
{
	struct bench_port *p = b->port[i];

	if (p->front)
		p->front->ops->close(p->front);
	pthread_mutex_lock(&b->lock);
	b->n--;
	b->port[i] = b->port[b->n];
	b->served[i] = b->served[b->n];
	pthread_mutex_unlock(&b->lock);
	backend_fini(&p->backend);
	free(p);
}

static bool
wait_running(const struct backend *b)
{
	const struct timespec pause = { .tv_nsec = 1000000 };

	for (unsigned i = 0; i < 5000 && !backend_running(b); i++)
		nanosleep(&pause, NULL);
	return backend_running(b);
}

static const struct front_ops *
stack_named(const char *name)
{
	if (!strcmp(name, "baton"))
		return &front_baton;
#ifdef HAVE_DPDK
	if (!strcmp(name, "dpdk"))
		return &front_dpdk;
#endif
	return NULL;
}

static struct bench_port *
open_port(struct bench *b, const char *name, const char *stack, unsigned len, const char *args,
	  char *text, size_t size)
{
	const struct front_ops *ops = stack_named(stack);
	struct bench_port *p;
	char path[108];

	if (!ops) {
		snprintf(text, size, "no such stack is built in: %s", stack);
		return NULL;
	}
	p = b->n < MAX_PORTS ? calloc(1, sizeof(*p)) : NULL;
	if (!p) {
		snprintf(text, size, "no room for another port");
		return NULL;
	}
	snprintf(p->name, sizeof(p->name), "%s", name);
	snprintf(path, sizeof(path), "%s/s%s", b->dir, name);
	if (backend_init(&p->backend, path, len, true) < 0) {
		snprintf(text, size, "cannot listen at %s: %s", path, strerror(errno));
		free(p);
		return NULL;
	}
	pthread_mutex_lock(&b->lock);
	b->port[b->n] = p;
	b->served[b->n++] = &p->backend;
	pthread_mutex_unlock(&b->lock);
	p->front = ops->open(name, path, args, (uint16_t)len, text, size);
	if (p->front && wait_running(&p->backend))
		return p;
	if (p->front)
		snprintf(text, size, "the rings did not come up");
	close_port(b, b->n - 1);
	return NULL;
}

static int
kind_named(const char *name)
{
	static const char *const names[FRONT_KINDS] = { "rx", "tx", "io" };

	for (int i = 0; i < FRONT_KINDS; i++)
		if (!strcmp(name, names[i]))
			return i;
	return -1;
}

static void
about(void)
{
#ifdef __clang__
	printf("ok clang %s", __clang_version__);
#else
	printf("ok gcc %s", __VERSION__);
#endif
#ifndef __OPTIMIZE__
	printf("; not optimised");
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	printf("; sanitized");
#endif
#ifdef BATON_OWNERSHIP_OFF
	printf("; ownership off");
#endif
#ifdef BATON_OWNERSHIP_STRICT
	printf("; ownership strict");
#endif
	printf("\n");
}

static void
window(struct bench *b, const char *how, const char *name, const char *kind_name, unsigned ms)
{
	int kind = kind_named(kind_name);
	struct bench_port *p;
	struct result r;
	unsigned i;

	p = find(b, name, &i);
	if (!p || kind < 0) {
		printf("error no such port, or none of rx, tx and io\n");
		return;
	}
	get_ahead(true);
	r = !strcmp(how, "same") ? window_same(b, p, (enum front_kind)kind, ms)
				 : window_cross(b, p, (enum front_kind)kind, ms);
	get_ahead(false);
	/* Across cores the backend's thread may have been kept from its CPU all the time. */
	if (!r.packets && !strcmp(how, "same")) {
		printf("error no packet moved, or the port and its backend count differently\n");
		return;
	}
	printf("ok %llu %.9f %.0f\n", (unsigned long long)r.packets, r.seconds, r.seconds * b->hz);
}

static void
command(struct bench *b, const char *line)
{
	char word[4][32] = { 0 }, args[256] = "", text[4096] = "";
	int n = sscanf(line, "%31s %31s %31s %31s %255s", word[0], word[1], word[2], word[3], args);
	unsigned i;

	if (n >= 4 && !strcmp(word[0], "open")) {
		struct bench_port *p = open_port(b, word[1], word[2], (unsigned)atoi(word[3]), args,
						 text, sizeof(text));

		for (char *c = text; *c; c++)
			if (*c == '\n')
				*c = ' ';
		printf("%s %s\n", p ? "ok" : "error", text);
	} else if (n == 2 && !strcmp(word[0], "close") && find(b, word[1], &i)) {
		close_port(b, i);
		printf("ok\n");
	} else if (n == 4 && (!strcmp(word[0], "same") || !strcmp(word[0], "cross"))) {
		window(b, word[0], word[1], word[2], (unsigned)atoi(word[3]));
	} else if (n == 1 && !strcmp(word[0], "about")) {
		about();
	} else {
		printf("error bad command: %s", line);
	}
	fflush(stdout);
}

/* ---- the program ---- */

static int
count(struct bench *b, char **argv)
{
	struct bench_port *p;
	char text[4096];
	int kind = kind_named(argv[1]);
	uint64_t packets = 0;

	front_options.no_huge = true;
	p = kind < 0 ? NULL
		     : open_port(b, "0", argv[0], 64, argv[3] ? argv[3] : "", text, sizeof(text));
	if (!p) {
		fprintf(stderr, "error: %s\n", kind < 0 ? "rx, tx or io?" : text);
		return 1;
	}
	for (int i = atoi(argv[2]); i > 0; i--) {
		serve_round(&p->backend, (enum front_kind)kind);
		packets += p->front->ops->round[kind](p->front);
	}
	printf("%llu packets\n", (unsigned long long)packets);
	return 0;
}

/* For ever. While a front-end's rings run they are polled, its socket now and then. */
static int
serve(const char *path)
{
	static struct backend b;
	struct backend *const list[] = { &b };
	int ret = backend_init(&b, path, 64, false);

	if (ret < 0) {
		fprintf(stderr, "error: cannot listen at %s: %s\n", path, strerror(-ret));
		return 1;
	}
	printf("ready\n");
	for (;;) {
		bool told = false;

		fflush(stdout);
		b.first_tx_ns = 0;
		while (!backend_running(&b))
			backend_serve(list, 1, 1000);
		while (backend_running(&b)) {
			for (unsigned i = 0; i < 1000; i++) {
				backend_transmit(&b);
				backend_receive(&b, FRONT_BURST);
			}
			if (b.first_tx_ns && !told) {
				told = true;
				printf("first_tx %llu\n", (unsigned long long)b.first_tx_ns);
				fflush(stdout);
			}
			backend_serve(list, 1, 0);
		}
	}
}

static int
begin(struct bench *b)
{
	b->cycles = malloc(MAX_ROUNDS * sizeof(*b->cycles));
	b->sorted = malloc(2 * MAX_ROUNDS * sizeof(*b->sorted));
	snprintf(b->dir, sizeof(b->dir), "/tmp/baton-perf-XXXXXX");
	if (!b->cycles || !b->sorted || !mkdtemp(b->dir))
		return -1;
	pthread_mutex_init(&b->lock, NULL);
	if (pthread_create(&b->control, NULL, control, b) ||
	    pthread_create(&b->poller, NULL, poller, b))
		return -1;
	pin(front_options.cpu);
	b->hz = cycles_hz();
	return 0;
}

static void
end(struct bench *b)
{
	while (b->n)
		close_port(b, b->n - 1);
	__atomic_store_n(&b->ending, true, __ATOMIC_RELEASE);
	pthread_join(b->control, NULL);
	pthread_join(b->poller, NULL);
	rmdir(b->dir);
	free(b->cycles);
	free(b->sorted);
}

int
main(int argc, char **argv)
{
	static struct bench b;
	char line[1024];
	int ret = 0;

	if (argc == 3 && !strcmp(argv[1], "--serve"))
		return serve(argv[2]);
	if (argc != 1 && (argc < 5 || strcmp(argv[1], "--count"))) {
		fprintf(stderr, "usage: pmd_bench, with commands on the standard input\n"
				"       pmd_bench --count baton|dpdk rx|tx|io ROUNDS [ARGS]\n"
				"       pmd_bench --serve SOCKET\n");
		return 2;
	}
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		front_options.cpu = 0;
	if (begin(&b) < 0) {
		fprintf(stderr, "error: %s\n", strerror(errno));
		return 1;
	}
	if (argc > 1) {
		ret = count(&b, argv + 2);
	} else {
		while (fgets(line, sizeof(line), stdin))
			command(&b, line);
	}
	end(&b);
	return ret;
}
