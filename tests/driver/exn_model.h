/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The EXN1 of docs/example-nic.md, in the test's own process: registers, and rings.
 * It shares no code with the driver.
 */
#ifndef EXN_MODEL_H
#define EXN_MODEL_H

#include "pci_model.h"

#define EXN_MODEL_QUEUES 4
#define EXN_FRAME_MAX    9200

struct exn_model {
	struct pci_model pci; /* first; keeps_config: nor does a reset end */
	uint32_t regs[0x1000 / 4];
	uint16_t head[2][EXN_MODEL_QUEUES]; /* RX, TX: the place it uses next */
	bool keeps_ring;                    /* a queue does not stop */
	unsigned csums;                     /* checksums filled in */
	uint32_t id, queues, frame;         /* what it says it is and has */
};

struct exn_model *exn_model_start(struct baton_ctx *ctx);
void exn_model_stop(struct exn_model *m);

/** What the device writes back instead of the truth; 0: the truth. */
struct exn_lie {
	uint64_t info;  /* the second word, whole */
	uint32_t extra; /* added to the length */
	bool endless;   /* no END */
};

/** Receive a frame. Return: the number of buffers; 0: no room in the ring. */
unsigned exn_receive(struct exn_model *m, unsigned queue, const void *frame, uint32_t len,
		     uint64_t marks, const struct exn_lie *lie);

/** Write @info into the next RX descriptor, and @n bytes of 0xee into its buffer. Return: false: no
 * room. */
bool exn_scribble(struct exn_model *m, unsigned queue, uint64_t info, uint32_t n);

/** Send the next packet: copy it to @frame. Return: its length; 0: there is none; -1: the device
 * cannot reach it. @report: whether what it asks for is reported. */
int exn_send(struct exn_model *m, unsigned queue, void *frame, bool report);

/** Change STATUS, and raise vector 0. */
void exn_status(struct exn_model *m, uint32_t status);

/** A register as the driver left it. */
uint32_t exn_reg(const struct exn_model *m, uint32_t off);

#endif
