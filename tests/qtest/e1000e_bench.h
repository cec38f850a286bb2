/* SPDX-License-Identifier: BSD-3-Clause */
/* A port of net_e1000e or net_igb on QEMU's model, in a test. */
#ifndef QTEST_E1000E_BENCH_H
#define QTEST_E1000E_BENCH_H

#include "e1000e_rig.h"

#include <baton/baton.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "e1000e_frames.h"

#define BUFS  2048u
#define DESCS 64u

struct bench {
	struct baton_ctx *ctx;
	struct e1000e_rig *rig;
	struct baton_pool *pool;
	struct baton_worker *worker;
	struct baton_port *port;
	struct baton_rxq *rx[RIG_QUEUES];
	struct baton_txq *tx[RIG_QUEUES];
	unsigned queues;
	uint32_t offloads;
};

/* Addresses: the device's, another one, of a group, of all. */
extern const uint8_t own[6], other[6], group[6], all[6];

/** Run an array of tests, or those that $QTEST_ONLY names; what main() returns. */
#define bench_run(tests) bench_run_tests(tests, sizeof(tests) / sizeof((tests)[0]))
int bench_run_tests(const struct CMUnitTest *tests, size_t n);

void must(int ret);

/** QEMU, a pool and a worker; @data_room: bytes of a buffer with headroom, 0: as usual. */
void begin_with(struct bench *b, uint32_t data_room);
void begin(struct bench *b);

/** Configure the port and its queues by b->queues and b->offloads; and open it before, if it is
 * not, and start it. */
void set_up(struct bench *b);
void start(struct bench *b);

void end(struct bench *b);

/** The port cannot be opened, nothing stays open, and the error says what is wrong. */
void refused(struct bench *b, int why, const char *words);

/** A frame comes from outside. */
void outside(struct bench *b, const struct frame *f);

/** Receive on a queue. Return: the number of packets there, the first of which is *first. */
unsigned got(struct bench *b, unsigned queue, struct frame *first, struct baton_token *token,
	     struct baton_side *side);

/** The same; whether it is received, as it is, by the first queue. */
bool arrives(struct bench *b, const struct frame *f);

/** Whether a frame to an address is received. */
bool passes(struct bench *b, const uint8_t to[6]);

/** Of baton_port_xstats(). */
uint64_t counter(const struct bench *b, const char *name);

#endif
