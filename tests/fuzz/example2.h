/* SPDX-License-Identifier: BSD-3-Clause */
/* The EXN2 of docs/example2-nic.md for the fuzzer: its rings, its truths (example2.c) and its lies
 * (example2_lies.c). */
#ifndef FUZZ_EXAMPLE2_H
#define FUZZ_EXAMPLE2_H

#include "../driver/exn2_model.h"
#include "pci_nic.h"

/* A completion. */
#define DONE_TURN  1ull
#define DONE_LAST  2ull
#define DONE_REST  4ull
#define DONE_BAD   8ull
#define DONE_KNOWN 16ull
#define DONE_GOOD  32ull
#define DONE_PLACE 16
#define DONE_LEN   32

/* The second word of a TX descriptor. */
#define SEND_LAST (1ull << 16)
#define SEND_SUM  (1ull << 17)
#define SEND_ZERO 0xfffc0000ull /* bits that are 0 */

/* A ring that the driver posts to: of FIRST or REST buffers, or of TX. Positions are counted from
 * START on. */
struct fdev_posting {
	uint64_t *desc;
	uint16_t tail;                /* the doorbell */
	uint16_t seen;                /* as far as the device has looked */
	uint16_t used;                /* RX: as far as the device has completed */
	uint64_t given[FUZZ_RING][2]; /* by place, as the driver wrote them */
};

struct fdev_queue {
	bool on;
	uint32_t places, room;
	struct fdev_posting ring[2];
	uint64_t *done;
	uint32_t done_places, done_pos;

	/* TX */
	bool busy[FUZZ_RING]; /* by place: of a packet that is not complete */
	unsigned open;        /* descriptors of a packet whose last is not there */
	unsigned n_flight;    /* packets that are not complete, in the order of sending */
	struct {
		uint16_t first, descs; /* place and number of its descriptors */
	} flight[FUZZ_RING];
};

struct fdev_state {
	struct fuzz_pci pci; /* first */
	struct exn2_model *m;
	struct fdev_queue queue[FUZZ_QUEUES];
};

#define fdev (*(struct fdev_state *)fuzz_state)

/* Buffers of a ring that the device has. */
static inline unsigned
fdev_left(const struct fdev_queue *q, unsigned ring)
{
	return (uint16_t)(q->ring[ring].seen - q->ring[ring].used);
}

/* The place of a ring that is due, or a later one. */
static inline uint32_t
fdev_place(const struct fdev_queue *q, unsigned ring, unsigned ahead)
{
	return (q->ring[ring].used + ahead) & (q->places - 1);
}

/* ---- example2.c ---- */

void fdev_scan(struct fuzz *f, unsigned queue);

/** Write a completion so many places ahead of the next one, with the TURN that makes it one. */
void fdev_write(struct fdev_queue *q, unsigned ahead, uint64_t info);

/** Write the next one. */
void fdev_say(struct fdev_queue *q, uint64_t info);

/** Complete the @k-th packet in flight. @check: read it first. */
void fdev_sent(struct fuzz *f, unsigned queue, unsigned k, bool check);

/* ---- example2_lies.c: of struct fuzz_pci_ops ---- */

void fdev_lie(struct fuzz *f, unsigned queue, unsigned kind, unsigned how, uint32_t value);
void fdev_scribble(struct fuzz *f, unsigned queue, unsigned where, uint32_t value);

#endif
