/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A lane is one direction of the traffic: its sender, its receiver, and the accounts of both. One
 * thread drives it, by lane_step() again and again.
 */
#ifndef PERF_LANE_H
#define PERF_LANE_H

#include <baton/baton.h>

#include "frame.h"
#include "hist.h"
#include "trial.h"
#include "tsc.h"
#include "window.h"

#define LANE_BURST    32    /* packets of a burst */
#define LANE_TOKENS   128   /* tokens of a burst of received packets, at least */
#define LANE_PATIENCE 1e-4  /* seconds that a packet may wait for room or a buffer */
#define LANE_GAP_MAX  10e-3 /* seconds that a loop may stand still, at any load */

/* What does not change from trial to trial. */
struct lane_config {
	const struct perf_clock *clock;
	struct baton_worker *worker;
	struct baton_txq *txq;
	struct baton_rxq *rxq;
	struct baton_pool *tx_pool, *rx_pool; /* of their own: see lane_clear_pool() */
	unsigned rx_descs;                    /* of the ring */
	unsigned process, stream;             /* of the stamp */
	const struct flows *flows;
	const struct size_mix *mix;
};

/* The instrument's evidence about itself. */
struct lane_evidence {
	uint64_t longest_gap; /* ticks between two steps while it was sending */
	uint64_t gaps;        /* of these: longer than gap_limit */
	uint64_t full;        /* bursts that waited too long for room in the TX ring */
	uint64_t no_buffer;   /* bursts that waited too long for buffers */
	uint64_t rx_full;     /* times that the RX ring was found full */
	uint64_t back;        /* packets from the future: the clock ran backwards */
};

enum lane_state { LANE_IDLE, LANE_SENDING, LANE_WAITING };

struct lane {
	struct lane_config c;
	enum lane_state state;
	/* The trial. */
	unsigned trial;      /* of the stamp */
	double interval;     /* ticks between two packets; 0: as fast as it goes */
	uint64_t start, end; /* when to begin and to give up sending */
	uint64_t planned;    /* packets; UINT64_MAX: until the end */
	uint64_t gap_limit;  /* ticks */
	double ns_per_tick;
	/* What came of it. */
	uint64_t sent; /* also the position in the schedule */
	uint64_t last_step, last_sent, last_seen, first_sent;
	uint64_t waiting_since; /* for room or buffers; 0: not */
	struct trial_accounts accounts;
	struct lane_evidence evidence;
	uint64_t previous_seq, previous_latency; /* of the unique packet before; for the jitter */
	struct hist *latency, *jitter, *gaps;
	struct window window;
	int error; /* nothing more can be measured */
	char why[160];
};

/** Return: a lane, or NULL without memory. */
struct lane *lane_new(const struct lane_config *config);
/** Release @l; NULL is ignored. */
void lane_free(struct lane *l);

/**
 * Fill all buffers of a pool with zeros, as frame_write() wants them. It must be the lane's alone:
 * what was received is never sent.
 */
void lane_clear_pool(struct baton_worker *worker, struct baton_pool *pool, unsigned count);

/** Take what is left in the RX queue, and forget it. */
void lane_drain(struct lane *l);
/**
 * Begin a trial.
 *
 * @load:    packets a second; infinity: as many as it goes.
 * @seconds: how long to send.
 * @start:   when to begin, in ticks.
 * @trial:   a number that differs from those of trials before.
 */
void lane_begin(struct lane *l, double load, double seconds, uint64_t start, unsigned trial);
/** Send what is due, and receive what is there. Return: whether it was still sending. */
bool lane_step(struct lane *l);
/** Stop sending now. */
void lane_stop_sending(struct lane *l);
/** Complete the accounts, and give back what the TX queue is done with. */
void lane_finish(struct lane *l);
/** Return: seconds of sending. */
double lane_seconds(const struct lane *l);

#endif
