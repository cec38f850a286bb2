/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The EXN2 of docs/example2-nic.md, in the test's own process. It shares no code with the driver,
 * and holds it to the datasheet: what the driver does wrong is counted, and told when the model
 * ends. It reads descriptors when their doorbell rings, and again when it uses them.
 */
#ifndef EXN2_MODEL_H
#define EXN2_MODEL_H

#include "pci_model.h"

#define EXN2_QUEUES    4
#define EXN2_PLACES    1024
#define EXN2_FRAME_MAX 9200

/* Completions of sent packets: each at once, or when all that was to be sent is sent. */
enum exn2_order { EXN2_IN_ORDER, EXN2_REVERSED, EXN2_RANDOM };

/* A ring that the driver posts to. Positions count from START. */
struct exn2_posting {
	uint64_t base;
	uint16_t tail, head;           /* posted, used */
	uint64_t seen[2][EXN2_PLACES]; /* the words of each descriptor at its doorbell */
};

struct exn2_queue {
	bool tx;
	unsigned index;
	uint32_t places; /* 0: not used */
	uint32_t room;
	uint64_t done_base;
	uint32_t done;               /* completions, from START on */
	struct exn2_posting ring[2]; /* FIRST and REST, or RING */

	/* RX: WAKE; a completion since the vector was raised; a packet whose end is not there */
	bool armed, news, open;

	/* TX: descriptors of packets that are not complete, the oldest of them, and the packets
	 * that are sent and not complete. */
	uint16_t oldest;
	uint16_t n_sent;
	uint16_t descs[EXN2_PLACES]; /* by the place of the first */
	uint16_t sent[EXN2_PLACES];  /* places of first descriptors */
	bool busy[EXN2_PLACES];
};

struct exn2_model {
	struct pci_model pci; /* first; keeps_config: nor does a command end */
	uint32_t regs[0x2000 / 4];
	struct exn2_queue queue[2][EXN2_QUEUES]; /* RX, TX */
	uint8_t mac[6];                          /* in use */
	bool running;
	uint32_t options; /* OPTIONS of the last START */
	uint64_t clock;   /* nanoseconds: an odd number more with each packet */
	uint32_t mark;    /* of packets that are received, by PREFIX */
	uint8_t pending;  /* the command that is carried out; 0: none */
	uint8_t reads;    /* of STATE until it ends */
	unsigned csums;   /* checksums filled in */

	enum exn2_order order;
	uint32_t seed; /* not 0 */

	bool quiet;     /* the test breaks the rules itself */
	unsigned wrong; /* violations by the driver */
	char why[200];  /* the first */
};

struct exn2_model *exn2_model_start(struct baton_ctx *ctx);
/** Fail the test if the driver broke a rule, unless `quiet`. */
void exn2_model_stop(struct exn2_model *m);

/* Marks of an RX completion. */
#define EXN2_LAST     2u
#define EXN2_REST     4u
#define EXN2_BAD      8u
#define EXN2_L4_KNOWN 16u
#define EXN2_L4_GOOD  32u
#define EXN2_TAG      64u
#define EXN2_TAG_S    128u

/** Receive a frame; @marks: of its last completion, and BAD of each. Return: the number of buffers;
 * 0: it is dropped. */
unsigned exn2_receive(struct exn2_model *m, unsigned queue, const void *frame, uint32_t len,
		      uint32_t marks);

/** Send the next packet: copy it to @frame. Return: its length; 0: there is none; -1: the device
 * cannot reach it. */
int exn2_send(struct exn2_model *m, unsigned queue, void *frame);

/** Take the next buffer of a ring, and write @n bytes of 0xee into it. Return: its place; -1: there
 * is none. */
int exn2_take(struct exn2_model *m, unsigned queue, bool rest, uint32_t n);

/** Write a completion, be it true or not; the model adds the TURN. */
void exn2_say(struct exn2_model *m, bool tx, unsigned queue, uint64_t info);
#define EXN2_SAYS(place, bytes) ((uint64_t)(place) << 16 | (uint64_t)(bytes) << 32)

/** A memory access has failed: error 3. */
void exn2_fail(struct exn2_model *m);

/** Change the link, and raise vector 0. */
void exn2_link(struct exn2_model *m, bool up);

/** ACCEPT, as the driver left it. */
uint32_t exn2_accept(const struct exn2_model *m);

/* ---- between the two files of the model ---- */

void exn2_wrong(struct exn2_model *m, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void exn2_doorbell(struct exn2_model *m, struct exn2_queue *q, unsigned ring, uint32_t tail);
uint16_t exn2_kind(const uint8_t *frame, uint32_t len);
void exn2_wake(struct exn2_model *m, struct exn2_queue *q, uint32_t on);

#endif
