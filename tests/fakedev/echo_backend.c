/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The fakedev, honest, as a process of its own that can be killed at any time: sends every packet
 * of a transmit queue back on the receive queue beside it.
 *
 * usage: echo_backend PATH [client|server] [PAIRS] [control]
 *
 * "client" connects to PATH, again and again; "server", the default, listens there. Lines on
 * stdout, with nanoseconds of CLOCK_MONOTONIC: "ready NS" when it listens or begins to connect,
 * "connected NS" when all rings of pair 0 are there, "echo NS" when the first packet of a
 * connection was sent back.
 */
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "fakedev.h"

#define BURST 32
#define SPINS 2000 /* empty rounds before it lets others run */

static volatile sig_atomic_t ended;

static void
on_signal(int sig)
{
	ended = sig;
}

static void
say(const char *what)
{
	struct timespec t;
	char line[64];
	int n;

	clock_gettime(CLOCK_MONOTONIC, &t);
	n = snprintf(line, sizeof(line), "%s %" PRIu64 "\n", what,
		     (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec);
	if (write(STDOUT_FILENO, line, (size_t)n) != n)
		exit(1);
}

static void
serve(struct fakedev *l, unsigned pairs)
{
	unsigned seen = 0, idle = 0;
	bool ready = false, echoed = false;

	while (!ended) {
		unsigned n = 0, connections;

		for (unsigned p = 0; p < pairs; p++)
			n += fakedev_echo(l, p, BURST, true);
		if (n && !echoed)
			say("echo");
		echoed |= n > 0;
		idle = n ? 0 : idle + 1;
		if (idle && idle % 16 == 1) {
			connections = fakedev_connections(l);
			if (connections != seen)
				ready = echoed = false;
			seen = connections;
			if (!ready && fakedev_ready(l, FAKEDEV_RX) &&
			    fakedev_ready(l, FAKEDEV_TX)) {
				ready = true;
				say("connected");
			}
		}
		if (idle > SPINS)
			sched_yield();
	}
}

int
main(int argc, char **argv)
{
	struct fakedev_config c = { .features =
					    FAKEDEV_FEATURES | FAKEDEV_F_IN_ORDER | FAKEDEV_F_MQ,
				    .max_queues = 1 };
	struct fakedev *l;
	unsigned pairs = 1;

	for (int i = 2; i < argc; i++) {
		if (!strcmp(argv[i], "client"))
			c.connect = true;
		else if (!strcmp(argv[i], "control"))
			c.features |= FAKEDEV_F_CTRL;
		else if (atoi(argv[i]) > 0)
			pairs = (unsigned)atoi(argv[i]);
		else if (strcmp(argv[i], "server") != 0)
			argc = 0;
	}
	if (argc < 2 || pairs > FAKEDEV_PAIRS) {
		fprintf(stderr, "usage: echo_backend PATH [client|server] [PAIRS] [control]\n");
		return 2;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* no test that dies leaves it behind */
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	signal(SIGPIPE, SIG_IGN);
	c.path = argv[1];
	c.max_queues = pairs;
	c.polls = true;
	if (!c.connect)
		unlink(c.path); /* what one that was killed left behind */
	l = fakedev_start(&c);
	if (!l) {
		perror("echo_backend");
		return 1;
	}
	say("ready");
	serve(l, pairs);
	if (fakedev_driver_error(l)[0])
		fprintf(stderr, "the driver: %s\n", fakedev_driver_error(l));
	ended = fakedev_driver_error(l)[0] != 0;
	fakedev_stop(l);
	return ended ? 1 : 0;
}
