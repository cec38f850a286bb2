/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A NIC on PCI for the fuzzer: the function is a model of tests/driver (pci_model.h), whose
 * registers the driver writes; what it confirms, and how it goes, is the fuzzer's. The rings are
 * the device's own.
 */
#ifndef FUZZ_PCI_NIC_H
#define FUZZ_PCI_NIC_H

#include "../driver/pci_model.h"
#include "fuzz.h"

/* What a device says of a packet. */
enum fuzz_mark {
	FUZZ_PLAIN,
	FUZZ_SUM_GOOD,
	FUZZ_DAMAGED,
	FUZZ_SUM_BAD,
	FUZZ_MARKS,
};

struct fuzz_pci_ops {
	/* The driver is about to write to a register. Return: false: the device does not take it.
	 */
	bool (*write)(uint32_t off, uint32_t value);
	/* Whether a driver writes to the register when the reset has ended, before it acts on
	 * that. NULL: to none. */
	bool (*after_reset)(uint32_t off);
	/* The device uses no ring any more. */
	void (*let_go)(void);
	/* It needs a reset, and raises the interrupt for that. NULL: it never says so. */
	void (*fail)(void);

	/* The memory of a queue that the driver reads. Return: NULL: the queue is not used. */
	const void *(*ring)(unsigned queue, size_t *bytes);

	/* RX: bytes of a buffer. */
	uint32_t (*room)(unsigned queue);
	/* Whether there are buffers for @parts more of a packet of which @open were written. */
	bool (*has)(unsigned queue, unsigned open, unsigned parts);
	/* Where the next part goes. */
	uint64_t (*buffer)(unsigned queue, unsigned open);
	/* Complete it, as pci->rx[queue] says; @end: the packet's last. */
	void (*complete)(unsigned queue, uint32_t len, bool end);
	/* Complete a packet before the one that is due, if there are two buffers for that. Return:
	 * whether the driver was to see none of them, and both are to come. */
	bool (*early)(struct fuzz *f, unsigned queue, uint32_t len);
	bool knows_bad_sums; /* else FUZZ_SUM_BAD is as FUZZ_PLAIN */

	/* TX: one step. */
	void (*send)(struct fuzz *f, unsigned queue, unsigned how);

	/* A step that is not honest, of kind 0 to 2; something anywhere, of a queue that is wild.
	 */
	void (*lie)(struct fuzz *f, unsigned queue, unsigned kind, unsigned how, uint32_t value);
	void (*scribble)(struct fuzz *f, unsigned queue, unsigned where, uint32_t value);
};

/* A packet for the driver whose end is not there yet. */
struct fuzz_pci_rx {
	unsigned open; /* its buffers so far */
	enum fuzz_mark mark;
	uint32_t total;
	struct fuzz_packet packet;
	struct fuzz_seg seg[FUZZ_RING];
};

/* The state of such a device begins with this. */
struct fuzz_pci {
	struct pci_model *m;
	const struct fuzz_pci_ops *ops;
	const struct pci_model_device *real; /* what the model is */
	struct pci_model_device device;      /* and what the driver gets */
	struct pci_os os;                    /* the model's */
	struct fuzz_pci_rx rx[FUZZ_PAIRS];
};

/** From now on what the driver asks of the model comes here first. */
void fuzz_pci_connect(struct pci_model *m, const struct fuzz_pci_ops *ops);

/** The driver resets the device by a register: it is reset, or goes on (m->keeps_config). */
void fuzz_pci_reset(void);

/** Where the device sees what is mapped at @iova; NULL: it does not. */
uint8_t *fuzz_pci_at(const struct fuzz *f, uint64_t iova, uint32_t len, bool write);

/** Where a ring at @iova is in this process; NULL: not all of it is mapped. */
void *fuzz_pci_ring(uint64_t iova, uint32_t bytes);

/* ---- pci_packets.c ---- */

/* Rigs: {csum, roomy, spare}, {reach:2}, {rings:3}. What is not roomy has data rooms so small that
 * packets take many buffers. What is spare has buffers for RX rings anew while those of before are
 * in quarantine. */
#define FUZZ_PCI_CSUM  0x01
#define FUZZ_PCI_ROOMY 0x02
#define FUZZ_PCI_SPARE 0x04

/* What rigs of a device differ in. */
struct fuzz_pci_shape {
	uint32_t rx_rings, gap; /* that share an RX queue's descriptors; places that stay empty */
	uint32_t desc_bytes;    /* of ring memory, by descriptor */
	uint32_t room_step;     /* bytes of a buffer are a multiple, */
	bool room_doubles;      /* and it is a power of two */
	uint32_t frame;         /* that it receives whatever the MTU is; 0: that of the MTU */
	struct {
		uint16_t rx, tx, headroom;
	} rings[8];
};

void fuzz_pci_configure(uint8_t head[FUZZ_HEAD], struct fuzz_config *c,
			const struct fuzz_pci_shape *s);

/** The device was given a descriptor of @len bytes at @iova. Return: whether it can be used. */
bool fuzz_pci_given(struct fuzz *f, unsigned queue, uint64_t iova, uint32_t len);

/** The device has done with a buffer that it was given. */
void fuzz_pci_done(struct fuzz *f, unsigned queue, uint64_t iova);

/** Bytes of a packet into a buffer. A queue that is wild may be wrong about whose it is. */
void fuzz_pci_bytes(struct fuzz *f, unsigned queue, uint64_t iova, uint8_t seed, uint32_t from,
		    uint32_t n);

/** One byte into a buffer of a queue that is wild. */
void fuzz_pci_scribble(struct fuzz *f, unsigned queue, uint64_t iova, uint32_t value);

/** One buffer of a packet, with @len bytes of it; @end: the last. */
void fuzz_pci_part(struct fuzz *f, unsigned queue, uint32_t len, bool end);

/** End the packet whose end is not there. Return: whether there is none now. */
bool fuzz_pci_close(struct fuzz *f, unsigned queue);

/** What was completed is received, so that the driver has posted all that it can. */
void fuzz_pci_settle(struct fuzz *f, unsigned queue);

/* A packet that was sent, as far as it was read; zero at first. */
struct fuzz_pci_tx {
	uint32_t at, csum_end;
	uint8_t seed;
};

/** Read a descriptor's bytes. @csum: one is asked for, so far behind byte @start. */
void fuzz_pci_check_part(struct fuzz *f, unsigned queue, struct fuzz_pci_tx *tx, uint64_t iova,
			 uint32_t len, bool csum, uint32_t start, uint32_t offset);

/** The packet ends here. */
void fuzz_pci_check_end(const struct fuzz *f, unsigned queue, struct fuzz_pci_tx *tx);

/** A step of settings. @cannot: bits of those that the device has not: promiscuous, all multicast,
 * MAC table, VLANs, MAC. */
void fuzz_pci_command(struct fuzz *f, unsigned cannot);

/* Of struct fuzz_device. */
void fuzz_pci_begin(struct fuzz *f);
void fuzz_pci_step(struct fuzz *f, unsigned op);
void fuzz_pci_parts(struct fuzz *f, unsigned how);
unsigned fuzz_pci_whose(const struct fuzz *f, const void *p);
bool fuzz_pci_is_dead(void);
void fuzz_pci_lost(struct fuzz *f, unsigned how);
void fuzz_pci_back(struct fuzz *f, unsigned how);
void fuzz_pci_obey(struct fuzz *f);

#endif
