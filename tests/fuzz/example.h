/* SPDX-License-Identifier: BSD-3-Clause */
/* The EXN1 of docs/example-nic.md for the fuzzer: its rings, its truths (example.c) and its lies
 * (example_lies.c). */
#ifndef FUZZ_EXAMPLE_H
#define FUZZ_EXAMPLE_H

#include "../driver/exn_model.h"
#include "pci_nic.h"

/* The bits of a descriptor's second word. */
#define RX_DONE  1ull
#define RX_END   2ull
#define RX_BAD   4ull
#define RX_GOOD4 8ull
#define RX_LEN   16

#define TX_END    (1ull << 16)
#define TX_REPORT (1ull << 17)
#define TX_CSUM   (1ull << 24)
#define TX_DONE   (1ull << 31)

struct edev_desc {
	uint64_t addr, info;
};

/* A ring as the device was told of it. Places from `head` on, `n` of them, are the device's. */
struct edev_ring {
	bool on;
	uint32_t size, room;
	struct edev_desc *desc;
	unsigned n, head;
	struct edev_desc given[FUZZ_RING]; /* by place, as the driver wrote them */
};

struct edev_state {
	struct fuzz_pci pci; /* first */
	struct exn_model *m;
	struct edev_ring ring[FUZZ_QUEUES];
};

#define edev (*(struct edev_state *)fuzz_state)

static inline unsigned
edev_place(const struct edev_ring *r, unsigned ahead)
{
	return (r->head + ahead) % r->size;
}

/* ---- example.c ---- */

void edev_scan(struct fuzz *f, unsigned queue);

/** Write back over the next descriptor. */
void edev_put(struct edev_ring *r, uint64_t info);

/* ---- example_lies.c: of struct fuzz_pci_ops ---- */

void edev_lie(struct fuzz *f, unsigned queue, unsigned kind, unsigned how, uint32_t value);
void edev_scribble(struct fuzz *f, unsigned queue, unsigned where, uint32_t value);

#endif
