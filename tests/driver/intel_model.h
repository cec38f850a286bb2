/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The registers of an Intel 82574L or 82576, in the test's own process: reset, NVM, PHY,
 * semaphores, interrupts, counters; and how each of them does not do its part. Rings are the
 * test's. The numbers are of the Intel 82574 GbE Controller Family Datasheet, chapter 10, and of
 * the Intel 82576 Gigabit Ethernet Controller Datasheet, chapter 8. It shares no code with the
 * drivers.
 */
#ifndef INTEL_MODEL_H
#define INTEL_MODEL_H

#include "pci_model.h"

#define INTEL_BAR_BYTES   0x20000u
#define INTEL_NVM_WORDS   64u
#define INTEL_PHY_REGS    32u
#define INTEL_CTRL        0x0000u
#define INTEL_STATUS      0x0008u
#define INTEL_EERD        0x0014u
#define INTEL_MDIC        0x0020u
#define INTEL_RCTL        0x0100u
#define INTEL_TCTL        0x0400u
#define INTEL_RAH         0x5404u
#define INTEL_CTRL_GIO    (1u << 2) /* no access to memory is to begin */
#define INTEL_CTRL_RST    (1u << 26)
#define INTEL_STATUS_GIO  (1u << 19) /* accesses are under way, or may be */
#define INTEL_STATUS_LU   (1u << 1)
#define INTEL_EN          (1u << 1) /* RCTL, TCTL */
#define INTEL_MDIC_READY  (1u << 28)
#define INTEL_MDIC_ERROR  (1u << 30)
#define INTEL_DCTL_ENABLE (1u << 25) /* 82576 */

/* A queue's registers. */
#define INTEL_BASE   0x00u
#define INTEL_LEN    0x08u
#define INTEL_SRRCTL 0x0cu /* 82576 */
#define INTEL_HEAD   0x10u
#define INTEL_TAIL   0x18u
#define INTEL_DCTL   0x28u

/* Which of the two. */
struct intel_kind {
	const char *driver;
	uint16_t device;
	uint32_t rx, tx, queue_bytes; /* registers of queues */
	unsigned vectors;
	bool enables;      /* a queue has an enable bit, which reads back */
	bool loads_mac;    /* the driver's address is the one that a reset has loaded */
	uint32_t owner;    /* the register by which the PHY is owned, */
	uint32_t owned;    /* and what of it */
	bool owner_by_sem; /* it is a semaphore that a read takes */
};

extern const struct intel_kind intel_82574, intel_82576;

struct intel_model {
	struct pci_model pci; /* first */
	const struct intel_kind *kind;
	uint32_t regs[INTEL_BAR_BYTES / 4];
	uint16_t nvm[INTEL_NVM_WORDS];
	uint16_t phy[INTEL_PHY_REGS];

	/* how it misbehaves */
	bool keeps_master; /* accesses to memory do not end */
	bool keeps_reset;  /* a reset does not */
	bool keeps_queues; /* a queue is not disabled, or not enabled: DCTL stays */
	bool no_load;      /* it never says that it has read its NVM */
	bool no_address;   /* and has loaded no address */
	bool nvm_silent, phy_silent, phy_error;
	bool no_owner; /* somebody else has the PHY */

	bool asks_owner; /* the driver has asked for the PHY, or has it; a reset leaves this */
};

struct intel_model *intel_model_start(struct baton_ctx *ctx, const struct intel_kind *kind);
void intel_model_stop(struct intel_model *m);

/** The NVM has that address, its first byte the last of the number, and a sum that is right. */
void intel_model_nvm(struct intel_model *m, uint64_t mac);

static inline uint32_t
intel_reg(const struct intel_model *m, uint32_t off)
{
	return m->regs[off / 4];
}

#endif
