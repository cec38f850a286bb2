/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A trial is one measurement: packets are sent at one load for one duration, and each is accounted
 * for. This header is all that the search (search.h) and the reports (report.h) know about traffic,
 * and all that the traffic knows about them.
 *
 * The accounts of a direction always hold:
 *
 *     sent     = unique + lost
 *     received = unique + duplicate + late + damaged + foreign
 *
 * and `reordered` marks some of the unique packets (RFC 4737).
 */
#ifndef PERF_TRIAL_H
#define PERF_TRIAL_H

#include <stdbool.h>
#include <stdint.h>

struct hist; /* hist.h */

#define TRIAL_MAX_DIRECTIONS 2

/* What a trial is asked to do. */
struct trial_request {
	double load;    /* packets a second in each direction, above 0 */
	double seconds; /* how long the packets are sent, above 0 */
	bool warm_up;   /* the result is not used: the device may learn and allocate meanwhile */
};

/* Packets of one direction or one stream, or of all of them. */
struct trial_accounts {
	uint64_t sent;      /* accepted by the driver and reported as sent */
	uint64_t received;  /* taken from the RX queues, of any kind */
	uint64_t unique;    /* sent in this trial and received undamaged in time; first copy */
	uint64_t lost;      /* sent, and not among the unique ones */
	uint64_t duplicate; /* further copies of unique packets */
	uint64_t late;      /* of an earlier trial, or behind the window of sequence numbers */
	uint64_t damaged;   /* with a wrong checksum or length */
	uint64_t foreign;   /* not sent by this instrument */
	uint64_t reordered; /* of the unique ones: overtaken by a later sequence number */
};

/*
 * Why a trial is void. Each is the instrument's own evidence about itself; loss is never one.
 * Bits, since several may be true.
 */
enum trial_void {
	TRIAL_VOID_GAP = 1 << 0,       /* the loop of a worker stood still (a gap of the TSC) */
	TRIAL_VOID_TX_FULL = 1 << 1,   /* a TX ring had no room when a packet was due */
	TRIAL_VOID_RX_FULL = 1 << 2,   /* an RX ring was full, or its port counted packets missed */
	TRIAL_VOID_NO_BUFFER = 1 << 3, /* the pool was empty */
	TRIAL_VOID_RATE = 1 << 4,      /* the rate made is off the load asked for */
	TRIAL_VOID_LINK = 1 << 5,      /* a link of the instrument was down during the trial */
	TRIAL_VOID_CLOCK = 1 << 6,     /* the clock stepped, or ran backwards */
};

/* One stream of a direction. */
struct trial_stream {
	const char *name; /* valid as long as the traffic's profile */
	unsigned direction;
	struct trial_accounts accounts;
	const struct hist *latency; /* ns; NULL: not measured */
};

struct trial_direction {
	const char *name; /* as "0 -> 1" */
	struct trial_accounts accounts;
	double rate; /* packets a second that were made while sending */
	const struct hist
		*latency;          /* ns from the sender's stamp to reception; NULL: not measured */
	const struct hist *jitter; /* ns, |delay variation| between packets (RFC 3393); NULL */
	const struct hist *gaps;   /* ns between packets as they were sent; NULL: not measured */
};

/*
 * What came out. Histograms and streams are the traffic's own and stay valid until the next trial:
 * who wants to keep one merges it into one of its own.
 */
struct trial_result {
	struct trial_request asked;
	unsigned voided;  /* bits of enum trial_void; 0: the trial counts */
	char reason[160]; /* of a void trial, for people: what happened, with numbers; else "" */
	double seconds;   /* how long was sent really */
	double rate;      /* packets a second and direction that were made, of the slowest one */
	double took;      /* seconds of all of the trial, with waiting for the last packets */
	struct trial_accounts total; /* the sum over the directions */
	unsigned n_directions;
	struct trial_direction direction[TRIAL_MAX_DIRECTIONS];
	unsigned n_streams;
	const struct trial_stream *streams; /* NULL: not told apart */
};

/*
 * Run one trial, and fill in all of *@result (it is zero on entry).
 *
 * Return: 0, also if the trial is void; -EINTR: the user wants to end; any other negative errno:
 * nothing more can be measured (a port is lost), and `reason` says why.
 */
typedef int (*trial_fn)(void *ctx, const struct trial_request *request,
			struct trial_result *result);

/** Return: the part of the sent packets that was lost, 0 to 1; 0 if none were sent. */
static inline double
trial_loss_ratio(const struct trial_accounts *a)
{
	return a->sent ? (double)a->lost / (double)a->sent : 0;
}

/** Return: whether the two sums hold, and no more are reordered than unique. */
static inline bool
trial_accounts_hold(const struct trial_accounts *a)
{
	return a->sent == a->unique + a->lost &&
	       a->received == a->unique + a->duplicate + a->late + a->damaged + a->foreign &&
	       a->reordered <= a->unique;
}

#endif
