/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The Intel 82574L and the 82576 for the fuzzer: their rings (intel.c), their lies (intel_lies.c),
 * and what they say in registers (intel_regs.c). e1000e.c and igb.c say which of the two.
 */
#ifndef FUZZ_INTEL_H
#define FUZZ_INTEL_H

#include "../driver/intel_model.h"
#include "pci_nic.h"

/* The bits of a descriptor's second word, where both devices have the same. */
#define RX_DONE    1ull
#define RX_END     2ull
#define RX_TAG     (1ull << 3)
#define RX_L4      (1ull << 5) /* TCP was looked at; of the 82576 UDP, too */
#define RX_L4_BAD  (1ull << 29)
#define RX_DAMAGED (1ull << 31)
#define RX_LEN     32
#define RX_TCI     48

#define TX_END    (1ull << 24)
#define TX_REPORT (1ull << 27)
#define TX_DEXT   (1ull << 29)
#define TX_DONE   (1ull << 32)
#define TX_SUM    (1ull << 41)

#define FUZZ_INTEL_INFO 0x08 /* of the head: hashes and tags */

/* Where the two differ. */
struct fuzz_intel_kind {
	const struct intel_kind *model;
	struct fuzz_pci_shape shape;
	uint64_t data, context; /* the type of a TX descriptor: bits 20 to 23 */
	bool keeps_contexts; /* a queue has two, which packets name; else each packet has its own */
	uint32_t len_mask;   /* bytes of a TX descriptor */
	/* Bytes of a buffer, as RCTL and a queue's registers have it. */
	uint32_t (*room)(const struct intel_model *m, unsigned queue, uint32_t rctl);
	/* Where a context has the checksum begin, and how far behind that it is. */
	uint32_t (*sum_start)(uint64_t addr);
	uint32_t (*sum_offset)(uint64_t addr, uint64_t info);
	/* A packet's first descriptor says of its length; 0: nothing. */
	uint32_t (*says_len)(uint64_t info);
};

extern const struct fuzz_intel_kind fuzz_intel;

struct idev_desc {
	uint64_t addr, info;
};

/* Where a checksum is. */
struct idev_context {
	bool valid;
	uint32_t start, offset;
};

/* A ring as the device was told of it. Places from `head` on, `n` of them, are the device's. */
struct idev_ring {
	bool on;
	uint32_t size, room;
	struct idev_desc *desc;
	unsigned n, head;
	struct idev_context context[2];
	struct idev_desc given[FUZZ_RING]; /* by place, as the driver wrote them */
};

/* What the registers say that is not so, and what the driver must not believe. */
struct idev_regs {
	bool late;       /* of what it keeps, a reset does not end, rather than an access */
	bool confused;   /* anything was read somewhere: what follows is not judged */
	const char *bad; /* what was read, and is not to be started with; NULL: nothing */
	uint8_t nvm;     /* what is wrong with it */
	unsigned reads;  /* until one of a register brings `value` */
	uint32_t value;
};

struct idev_state {
	struct fuzz_pci pci; /* first */
	struct intel_model *m;
	struct idev_ring ring[FUZZ_QUEUES];
	struct idev_regs regs;
};

#define idev (*(struct idev_state *)fuzz_state)

static inline unsigned
idev_place(const struct idev_ring *r, unsigned ahead)
{
	return (r->head + ahead) % r->size;
}

/* ---- intel.c ---- */

void idev_scan(struct fuzz *f, unsigned queue);

/** Write back over the next descriptor. */
void idev_put(struct idev_ring *r, uint64_t addr, uint64_t info);

/** Of an 82576: a queue is enabled, or disabled. Return: whether the device does that. */
bool idev_start_ring(unsigned queue, uint32_t block);
bool idev_stop_ring(unsigned queue);

/* Of struct fuzz_device. */
void fuzz_intel_configure(uint8_t head[FUZZ_HEAD], struct fuzz_config *c);
void fuzz_intel_connect(struct fuzz_rig *r);
void fuzz_intel_disconnect(struct fuzz_rig *r);
void fuzz_intel_finish(struct fuzz *f, unsigned queue);

/* ---- intel_lies.c: of struct fuzz_pci_ops ---- */

void idev_lie(struct fuzz *f, unsigned queue, unsigned kind, unsigned how, uint32_t value);
void idev_scribble(struct fuzz *f, unsigned queue, unsigned where, uint32_t value);

/* ---- intel_regs.c ---- */

/** From now on the driver's accesses to registers are this file's. */
void idev_regs_connect(void);
bool idev_write_reg(uint32_t off, uint32_t value);
bool idev_after_reset(uint32_t off);

/* Of struct fuzz_device. */
void fuzz_intel_begin(struct fuzz *f);
void fuzz_intel_command(struct fuzz *f);
void fuzz_intel_obey(struct fuzz *f);

#define FUZZ_INTEL_DEVICE                                                                          \
	.state_size = sizeof(struct idev_state), .configure = fuzz_intel_configure,                \
	.connect = fuzz_intel_connect, .disconnect = fuzz_intel_disconnect,                        \
	.begin = fuzz_intel_begin, .step = fuzz_pci_step, .scan = idev_scan,                       \
	.is_dead = fuzz_pci_is_dead, .lost = fuzz_pci_lost, .back = fuzz_pci_back,                 \
	.parts = fuzz_pci_parts, .obey = fuzz_intel_obey, .finish = fuzz_intel_finish,             \
	.whose = fuzz_pci_whose, .command = fuzz_intel_command

#endif
