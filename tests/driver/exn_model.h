/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The EXN1 of docs/example-nic.md, in the test's own process: registers behind struct pci_os, and
 * rings that it reaches through what is mapped in the address space of its port, with the rights
 * that are mapped. It shares no code with the driver.
 */
#ifndef EXN_MODEL_H
#define EXN_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "ctx/ctx.h"
#include "pci/pci_device.h"

#define EXN_MODEL_BDF     "0000:00:05.0"
#define EXN_MODEL_QUEUES  4
#define EXN_MODEL_VECTORS 10
#define EXN_FRAME_MAX     9200

struct exn_model {
	struct pci_os os; /* first */
	char sys[64];
	uint8_t config[256];
	uint32_t regs[0x1000 / 4];
	uint16_t head[2][EXN_MODEL_QUEUES]; /* RX, TX: the place it uses next */
	struct baton_ioas *ioas;            /* NULL: not attached */
	int irq[EXN_MODEL_VECTORS], err_fd, req_fd;

	/* how it misbehaves */
	bool dead;       /* all ones */
	bool keeps_on;   /* a reset does not end, nor does it give up bus mastering */
	bool keeps_ring; /* a queue does not stop */
	bool no_reset;   /* the function cannot be reset either */
	unsigned stray;  /* accesses to what is not mapped for it */
	unsigned attached;
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

/** Raise the error or the request interrupt. */
void exn_signal(int fd);

/** A register as the driver left it. */
uint32_t exn_reg(const struct exn_model *m, uint32_t off);

#endif
