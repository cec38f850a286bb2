/* SPDX-License-Identifier: BSD-3-Clause */
/* One port in front of a model, and what every scenario does with it. */
#ifndef DRIVER_BENCH_H
#define DRIVER_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"

#define BUFS   4096u
#define DESCS  64u
#define QUEUES 2u

/* How the device reaches packets. */
struct way {
	const char *name, *args;
	enum feature needs;
	bool bounced;
};

struct bench {
	const struct model *m;
	const struct way *way;
	struct features list;
	void *dev;
	struct baton_ctx *ctx;
	struct baton_pool *pool;
	struct baton_worker *worker;
	struct baton_port *port;
	uint16_t queues;                 /* of each direction */
	uint32_t offloads, rxq_offloads; /* of the port, of its RX queues */
	uint16_t mtu;
	struct baton_rxq *rx, *rxq[QUEUES]; /* rx: the first */
	struct baton_txq *tx, *txq[QUEUES];
	uint64_t taken_packets, taken_bytes; /* by take() */
	unsigned violations;
	unsigned lost, back; /* events */
	char spec[256], log[512];
};

void must(int ret);

/**
 * A command to the device has to succeed. On a busy machine, a device that is another thread may
 * answer too late; it is asked again when the port was started anew.
 */
#define MUST_ANSWER(b, call)                                                                       \
	do {                                                                                       \
		int ret_ = (call);                                                                 \
		for (unsigned k_ = 0; ret_ == -ETIMEDOUT && k_ < 3; k_++) {                        \
			bench_restart(b);                                                          \
			ret_ = (call);                                                             \
		}                                                                                  \
		must(ret_);                                                                        \
	} while (0)

/** Whether this device and its driver have a feature, by the driver's list. */
bool has(const struct bench *b, enum feature f);

/** Whether what is sent waits in a ring, which can be full. */
bool has_tx_ring(const struct bench *b);

void bench_up(struct bench *b, const struct model *m, const struct way *way);
/** The port is stopped. */
void bench_down(struct bench *b);

/** Close the port, and open it with other arguments. Return: of baton_port_open(). */
int bench_reopen(struct bench *b, const char *args);

/** The arguments of a port with fewer slots than two rings have descriptors. */
const char *bench_shared_args(void);
/** Open the port again as it was, after bench_reopen() has failed. */
void bench_open_again(struct bench *b);
/** Configure the port and its queues by b->queues, offloads and mtu. Return: the first error. */
int bench_configure(struct bench *b);
/** Stop, configure, start. */
void bench_restart(struct bench *b);

/** Buffers with this kind of holder; all must be somewhere. */
uint32_t held_by(const struct bench *b, enum baton_holder_kind kind);
/** Buffers that are not free. */
uint32_t bench_out(const struct bench *b);

/** Serve the control thread and the first queue until @done, ten seconds at most. */
void serve(struct bench *b, bool (*done)(struct bench *b));

bool is_readable(int fd);

/* ---- packets ---- */

void make(uint8_t *frame, uint32_t len, unsigned seed);

/** RFC 1071 byte by byte, big-endian, as a receiver does it. */
uint16_t sum_of(const uint8_t *p, size_t n);

/**
 * A packet of TCP over IPv4, with its checksums. @partial: that of TCP is the sum of the
 * pseudo-header.
 */
void make_tcp(uint8_t *frame, uint32_t len, unsigned seed, bool partial);

/** Copy a packet's bytes together. Return: its tokens. */
unsigned gather(const struct bench *b, const struct baton_token *t, uint8_t *to, uint32_t *len);

/**
 * Have a packet of the first RX queue: exactly this frame, which the device receives, or, where
 * nothing comes from outside, any. Return: its tokens.
 */
unsigned take(struct bench *b, const uint8_t *frame, uint32_t len, struct baton_token *t);

/** Receive what is there, which must be exactly this frame. Return: its tokens. */
unsigned receive(struct bench *b, unsigned queue, const uint8_t *frame, uint32_t len,
		 struct baton_token *t);

/** Send a packet, and see it arrive, where it does. */
void send(struct bench *b, unsigned queue, const uint8_t *frame, uint32_t len,
	  const struct baton_token *t, unsigned n);

void one_each_way(struct bench *b, uint32_t len, unsigned seed);

/** The longest frame that the device receives and sends as it is set up. */
uint32_t longest(const struct bench *b);

/* ---- the scenarios ---- */

struct scenario {
	const char *name;
	void (*run)(struct bench *b);
	uint64_t needs; /* F_BIT()s; without one of them it is not run */
};

/* NULL at the end. */
extern const struct scenario data_scenarios[], life_scenarios[], offload_scenarios[],
	sleep_scenarios[];

/*
 * By feature: the device has it, or what would need it is refused as documented, whichever its list
 * says. packet_checks and control_checks each have some.
 */
extern void (*const packet_checks[FEATURES])(struct bench *b);
void check_tx_segments(struct bench *b);
void check_rx_segments(struct bench *b);
void check_rx_hash(struct bench *b);
void check_ptypes(struct bench *b);
extern void (*const control_checks[FEATURES])(struct bench *b);

#endif
