/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A PCI device in the test's own process: sysfs in a directory, VFIO behind struct pci_os, and a
 * modern virtio-net in its BAR, whose queues the fakedev's ring code serves. Registers are calls,
 * so the device answers at once; the doorbells are mapped memory, unless `no_mmap`. Any call can be
 * made to fail.
 */
#ifndef FAKE_PCI_H
#define FAKE_PCI_H

#include "fakedev_private.h"

#include "../driver/pci_model.h"

#define FAKE_BDF        "0000:00:03.0"
#define FAKE_BASE       0x100000 /* FLAT: an IOVA is an address less this */
#define FAKE_BAR        4
#define FAKE_COMMON     0x0000 /* structures in the BAR */
#define FAKE_ISR        0x1000
#define FAKE_DEVICE     0x2000
#define FAKE_NOTIFY     0x10000 /* a page of its own, however large pages are */
#define FAKE_BAR_SIZE   0x11000
#define FAKE_VECTORS    8
#define FAKE_MULTIPLIER 4
#define FAKE_NO_BELL    0xffff /* what a doorbell holds that was not rung */

#define FAKE_F_ACCESS_PLATFORM (1ull << 33)
#define FAKE_F_RING_RESET      (1ull << 40)
#define FAKE_FEATURES                                                                              \
	(FAKEDEV_F_VERSION_1 | FAKEDEV_F_MRG_RXBUF | FAKEDEV_F_NET_MAC | FAKEDEV_F_STATUS |        \
	 FAKE_F_ACCESS_PLATFORM)

struct fake_pci {
	struct pci_model pci; /* first */
	uint16_t *bells;
	struct fakedev *fakedev;

	/* what it is */
	uint64_t features;
	uint16_t max_pairs, queue_max, mtu;

	/* how it lies */
	bool keeps_status; /* does not get reset */
	bool refuses;      /* FEATURES_OK */
	bool restless;     /* the configuration changes all the time */
	bool no_vector;    /* takes no interrupt vector */
	bool stuck_queue;  /* a queue's reset does not end */
	uint16_t notify_off;

	/* its state */
	uint8_t status;
	bool told_failed; /* FAILED was written to it */
	uint32_t device_select, driver_select;
	uint64_t driver_features;
	uint16_t change_vector, select;
	uint16_t vector[FAKEDEV_QUEUES];
	bool link_down;
	uint8_t generation;
};

/** A healthy device. */
struct fake_pci *fake_pci_start(uint64_t features);
void fake_pci_stop(struct fake_pci *f);

/** Make the context's PCI devices come from here, in a FLAT address space. */
void fake_pci_use(struct fake_pci *f, struct baton_ctx *ctx, bool flat);

/** Let the device see a pool by a mapping of its own, as hardware does: ours is poisoned in ASan
 * builds. */
void fake_pci_share(struct fake_pci *f, const struct baton_pool *pool);

/** Write a capability at @at: bytes 0 (id), 1 (next), then what follows. */
void fake_pci_cap(struct fake_pci *f, unsigned at, uint8_t next, uint8_t type, uint8_t bar,
		  uint32_t offset, uint32_t length);

/** A vendor capability's place in the list by its type, 1 (common) .. 4 (device). */
#define FAKE_CAP(type) (0x40 + 0x18 * ((type)-1))

/** Change the link and send the interrupt for it. */
void fake_pci_set_link(struct fake_pci *f, bool up);

/** Was the queue's doorbell rung since the last time? */
bool fake_pci_rung(struct fake_pci *f, unsigned queue);

#endif
