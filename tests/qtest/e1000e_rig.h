/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * QEMU's 82574L or 82576 between a driver and a test. The numbers are of the Intel 82574 GbE
 * Controller Family Datasheet, chapter 10, and not the driver's; those that the 82576 has
 * elsewhere are in its struct rig_nic.
 */
#ifndef QTEST_E1000E_RIG_H
#define QTEST_E1000E_RIG_H

#include "qtest.h"

#define RIG_CTRL   0x0000
#define RIG_STATUS 0x0008
#define RIG_EERD   0x0014
#define RIG_MDIC   0x0020
#define RIG_IMS    0x00d0
#define RIG_RCTL   0x0100
#define RIG_TCTL   0x0400
#define RIG_BASE   0x00
#define RIG_LEN    0x08
#define RIG_HEAD   0x10
#define RIG_TAIL   0x18
#define RIG_RAL    0x5400
#define RIG_VFTA   0x5600
#define RIG_MRQC   0x5818
#define RIG_RETA   0x5c00

#define RIG_FCTTV 0x0170
#define RIG_FCRTL 0x2160
#define RIG_FCRTH 0x2168

#define RIG_RCTL_UPE 0x8u
#define RIG_RCTL_MPE 0x10u
#define RIG_RCTL_VFE 0x40000u

#define RIG_DD  1u /* RX status and errors: 7.1.5.2 */
#define RIG_EOP 2u

#define RIG_QUEUES 16

struct e1000e_rig {
	struct qtest *q;
	bool open;     /* every address and VLAN passes */
	bool keeps;    /* STATUS says that accesses to memory are under way */
	uint32_t rctl; /* as the driver wrote it */
	uint32_t tctl;
	bool down;                 /* the cable is unplugged */
	uint16_t tail[RIG_QUEUES]; /* of TX queues, as the driver wrote it */
	/* Packets so far that asked for a checksum, for that of IPv4, for segments, for a tag; and
	 * those that got a hash. */
	unsigned csums, ip_sums, cuts, tags, hashes;
	unsigned contexts; /* descriptors of contexts so far, and what the last ones say: */
	uint32_t context[RIG_QUEUES][2][4];
	/* Of a test; called first. As on_access of struct qtest. */
	bool (*on_access)(struct e1000e_rig *r, uint32_t off, bool write, uint32_t *v);
	uint32_t type; /* the first word that e1000e_rig_write() writes */
	/* Of a test; called when the device gets a packet, with its first descriptor. */
	void (*on_packet)(struct e1000e_rig *r, const uint32_t data[4]);
	void *arg;
};

/* Which NIC the rig is of: e1000e_nic.c or igb_nic.c. */
struct rig_nic {
	const char *device;           /* as after -device */
	unsigned addresses;           /* unicast ones beside its own */
	uint32_t longest;             /* frame that it receives */
	uint32_t rx, tx, queue_bytes; /* registers of queues */
	uint32_t tse;                 /* of a TX descriptor's third word */
	bool shared;                  /* contexts are those of all queues */
	/* Which of a queue's two contexts a descriptor writes or names. */
	unsigned (*context)(const uint32_t d[4]);
	/* A word of the table of queues with this one only. */
	uint32_t table_step;
	/* What a driver does that QEMU would not do as the rig needs it. As on_access of struct
	 * qtest. Or NULL. */
	bool (*on_access)(struct e1000e_rig *r, uint32_t off, bool write, uint32_t *v);
	/* Bytes of a queue's buffers; 0: it is not enabled. */
	uint32_t (*buffer_bytes)(const struct e1000e_rig *r, unsigned queue);
	/* Whether an interrupt was raised, @mask being mask() before. */
	uint32_t (*mask)(const struct e1000e_rig *r);
	bool (*raised)(const struct e1000e_rig *r, uint32_t mask);
	void (*link)(struct e1000e_rig *r, bool up);
	/* Assert that descriptors say what the datasheet wants, QEMU or not: the first one of a
	 * packet of @bytes, and the context that it names. */
	void (*check)(const struct e1000e_rig *r, const uint32_t context[4], const uint32_t data[4],
		      uint32_t bytes);
};

extern const struct rig_nic rig_nic;
extern const char rig_name[], rig_list[];
extern const uint32_t rig_error; /* RX status: the packet is damaged */

/** Give QEMU the state of the cable by QMP. */
void rig_set_link(struct e1000e_rig *r, bool up);

/** RFC 1071: the sum of @n bytes, and @sum. */
uint32_t rig_add_words(uint32_t sum, const uint8_t *p, unsigned n);
/** The first bytes of a descriptor's buffer, which is the device's. */
void rig_read_head(const struct e1000e_rig *r, const uint32_t data[4], uint8_t *to, uint32_t n);

struct e1000e_rig *e1000e_rig_start(struct baton_ctx *ctx, bool open);
void e1000e_rig_stop(struct e1000e_rig *r);

/** Read or write a register of QEMU's. */
uint32_t e1000e_rig_get(const struct e1000e_rig *r, uint32_t off);
void e1000e_rig_put(const struct e1000e_rig *r, uint32_t off, uint32_t v);

/** Read a register of QEMU's PHY: 10.2.2.7. */
uint16_t e1000e_rig_phy(const struct e1000e_rig *r, unsigned reg);

/** A frame from outside; the table of queues has only this one meanwhile, if there is more than
 * one. Return: false: there is no room. */
bool e1000e_rig_receive(struct e1000e_rig *r, unsigned queue, const void *frame, uint32_t len);

/**
 * Complete the next descriptor of the first RX queue in QEMU's place. @bytes: what is written into
 * the buffer, @n of it; NULL: any. Return: false: there is none.
 */
bool e1000e_rig_write(struct e1000e_rig *r, uint32_t status, const void *bytes, uint32_t n,
		      uint16_t says);

/** Let QEMU send the next packet of a queue, and get it. Return: its length; 0: there is none. */
int e1000e_rig_send(struct e1000e_rig *r, unsigned queue, void *frame, size_t room);

/** Plug or unplug the cable. */
void e1000e_rig_link(struct e1000e_rig *r, bool up);

#endif
