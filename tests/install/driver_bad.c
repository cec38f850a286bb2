/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A driver in a file, net_made, which is as it should be; with one of the macros below it is not.
 * Only test_drivers loads it, and no port of it is ever opened.
 */
#include <baton/driver/kit.h>

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#if defined(CRASHES) || defined(ABORTS) || defined(EXITS) || defined(LEAVES) || defined(HANGS)
static void __attribute__((constructor)) begin(void)
{
#ifdef CRASHES
	volatile int *volatile nowhere = NULL;

	*nowhere = 1;
#elif defined(ABORTS)
	abort();
#elif defined(EXITS)
	exit(3);
#elif defined(LEAVES)
	_exit(4);
#else
	for (;;)
		pause();
#endif
}
#endif

#ifdef CRASHES_LAST
static void __attribute__((destructor)) end(void)
{
	raise(SIGSEGV);
}
#endif

#ifdef FORKS /* which is allowed: a child of its own keeps what it inherits */
static void __attribute__((constructor)) begin(void)
{
	if (!fork()) {
		sleep(30);
		_exit(0);
	}
}
#endif

static int
open_port(struct baton_port *port, const struct port_arg *args, unsigned n)
{
#ifdef MISSES
	extern int nobody_has_this(void);

	return nobody_has_this();
#else
	return baton_err(ENODEV, "net_made: there is no device");
#endif
}

static void
close_port(struct baton_port *port)
{
}

static int
setup(struct baton_port *port, struct baton_queue *q)
{
	return 0;
}

static void
release(struct baton_port *port, struct baton_queue *q)
{
}

static int
start(struct baton_port *port)
{
	return 0;
}

static const struct port_ops ops __attribute__((unused)) = {
#ifdef SMALL
	.port_size = 8,
#else
	.port_size = sizeof(struct baton_port),
#endif
	.rxq_size = sizeof(struct baton_queue),
	.txq_size = sizeof(struct baton_queue),
	.open = open_port,
	.close = close_port,
	.queue_setup = setup,
	.queue_release = release,
	.start = start,
#ifndef INCOMPLETE
	.stop = start,
#endif
};

#ifdef NAMED
#define NAME NAMED
#else
#define NAME "net_made"
#endif

static const struct baton_driver driver __attribute__((unused)) = {
	.name = NAME,
#ifndef NO_OPS
	.ops = &ops,
#endif
};

#ifdef EMPTY
BATON_DRIVER_FILE(NULL);
#elif defined(DOUBLE)
BATON_DRIVER_FILE(&driver, &driver);
#else
BATON_DRIVER_FILE(&driver);
#endif
