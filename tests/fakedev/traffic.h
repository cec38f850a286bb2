/* SPDX-License-Identifier: BSD-3-Clause */
/* A worker thread that forwards every received packet, and a fakedev that sends, collects and
 * verifies, while the test does as it likes. */
#ifndef FAKEDEV_TRAFFIC_H
#define FAKEDEV_TRAFFIC_H

#include <pthread.h>

#include "rig.h"

struct traffic {
	struct rig *r;
	unsigned pairs;
	pthread_t worker, pump;
	/* Atomics. */
	int leave; /* the worker shall end when a queue of its is stopped */
	int end;   /* both shall */
	int pause; /* the worker makes no bursts; see traffic_pause() */
	int paused;
	int left; /* the worker has ended */
	uint64_t injected, forwarded, returned;
	uint64_t bad; /* packets that came back altered, and returns of bursts that should not be */
	int bad_return;
};

/** Bind the rig's worker to a new thread, and begin. */
void traffic_begin(struct traffic *t, struct rig *r);

/** End both threads; the worker is unbound. Nothing may have gone wrong. */
void traffic_end(struct traffic *t);

/** Keep the worker from its bursts, once it is in none; or let it go on. */
void traffic_pause(struct traffic *t, bool pause);

/**
 * cmocka's teardown of each test with traffic: a test that failed has left its threads behind, and
 * none can follow it. The struct traffic and the rig are static, since such threads use them.
 */
int traffic_teardown(void **state);

#define traffic_test(f) cmocka_unit_test_teardown(f, traffic_teardown)

/** Wait until @n more packets came back. Return: whether that happened within @ms; the control
 * thread is served. */
bool traffic_flows(struct traffic *t, unsigned n, unsigned ms);

#endif
