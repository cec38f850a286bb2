/* SPDX-License-Identifier: BSD-3-Clause */
/* What the programs beside have in common: a port with queues and workers, packets that say where
 * and when they are from. */
#ifndef VHOST_LIFE_H
#define VHOST_LIFE_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <baton/baton.h>

#define LIFE_QUEUES 8
#define LIFE_POOL   16384u
#define LIFE_BURST  32u

struct life {
	const char *name; /* of the program, for messages */
	struct baton_ctx *ctx;
	struct baton_pool *pool;
	struct baton_port *port;
	struct baton_worker *worker[LIFE_QUEUES];
	struct baton_rxq *rxq[LIFE_QUEUES];
	struct baton_txq *txq[LIFE_QUEUES];
	unsigned queues, workers;
	int quiet; /* warnings are not shown */
};

/* What a packet carries behind its Ethernet header. */
struct life_mark {
	uint64_t flow, seq, ns, sum;
};

/** End the program with a message and the last error's sentence. */
void life_die(const struct life *l, const char *what) __attribute__((noreturn));

/** Context, pool, @workers workers, the port with @queues pairs; queue i belongs to worker i %
 * workers. Started. */
void life_up(struct life *l, const char *devargs, unsigned queues, unsigned workers);

/** The same with TX queues on a worker of their own, the last. */
void life_up_apart(struct life *l, const char *devargs);

/** Stop; every buffer must be home, after a while in which @poll_ms the control thread is served;
 * free everything. */
void life_down(struct life *l, unsigned poll_ms);

/** Make a packet of 64 bytes. */
struct baton_token life_packet(struct life *l, struct baton_worker *w, uint64_t flow, uint64_t seq);

/** Read and check its mark; ends the program when it is damaged. */
struct life_mark life_mark(struct life *l, struct baton_worker *w, struct baton_token t);

uint64_t life_ns(void);

/** Open descriptors of the process. */
unsigned life_fds(void);

/** Sort, and show the median and the largest. Return: the median. */
double life_median(double *values, unsigned n, double *largest);

#endif
