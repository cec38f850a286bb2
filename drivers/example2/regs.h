/* SPDX-License-Identifier: BSD-3-Clause */
/* Registers, descriptors and completions of the EXN2, a made-up NIC: docs/example2-nic.md. */
#ifndef EXAMPLE2_REGS_H
#define EXAMPLE2_REGS_H

#include "base/order.h"
#include "base/shared.h"

enum {
	EXN2_SIGN = 0x0000,
	EXN2_COMMAND = 0x0004,
	EXN2_STATE = 0x0008,
	EXN2_LINK = 0x000c,
	EXN2_LIMITS = 0x0010,
	EXN2_ADDRESS = 0x0014,
	EXN2_ACCEPT = 0x001c,
	EXN2_OPTIONS = 0x0020,
	EXN2_RX = 0x0800,
	EXN2_TX = 0x1000,
	EXN2_BAR_BYTES = 0x2000,
};

#define EXN2_SIGN_VALUE 0x324e5845u
#define EXN2_START      1u /* commands, and STATE */
#define EXN2_RESET      3u
#define EXN2_ENDED      0x00ffu /* STATE: the command that was carried out */
#define EXN2_ERROR      0xff00u /* STATE: what was wrong */
#define EXN2_NO_MEMORY  0x0300u /* STATE: a memory access failed */
#define EXN2_LINK_UP    1u
#define EXN2_ALIGN      64u
#define EXN2_STRIP      1u /* OPTIONS */
#define EXN2_TYPE       2u
#define EXN2_PREFIX     4u

/* In front of a packet, with PREFIX. */
#define EXN2_PREFIX_BYTES 16u
#define EXN2_PREFIX_TIME  0u /* 64 bits */
#define EXN2_PREFIX_MARK  8u /* 32 bits, and as many of 0 */

/* A queue's block, at EXN2_RX or EXN2_TX + queue * EXN2_BLOCK_BYTES. */
enum {
	EXN2_RING = 0x00, /* RX: FIRST */
	EXN2_REST = 0x08, /* RX */
	EXN2_DONE = 0x10,
	EXN2_PLACES = 0x18,
	EXN2_ROOM = 0x1c,      /* RX */
	EXN2_TAIL = 0x20,      /* RX: FIRST_TAIL */
	EXN2_REST_TAIL = 0x24, /* RX */
	EXN2_WAKE = 0x28,      /* RX */
	EXN2_BLOCK_BYTES = 0x40,
};

/* A completion, a shared64: bit 0 and the place; the others are of RX. */
#define EXN2_TURN     (1ull << 0)
#define EXN2_END      (1ull << 1) /* LAST */
#define EXN2_OF_REST  (1ull << 2)
#define EXN2_BAD      (1ull << 3)
#define EXN2_L4_KNOWN (1ull << 4)
#define EXN2_L4_GOOD  (1ull << 5)
#define EXN2_TAG      (1ull << 6)
#define EXN2_TAG_S    (1ull << 7)
#define EXN2_KIND     8 /* shifts: of 8 bits, which the next three divide */
#define EXN2_KIND_L2  8
#define EXN2_KIND_L3  10
#define EXN2_KIND_L4  13
#define EXN2_PLACE    16 /* of 16 bits */
#define EXN2_LEN      32
#define EXN2_TCI      48

/* A descriptor of RX is an le64. */
struct exn2_tx_desc {
	le64 addr, info;
};

_Static_assert(sizeof(struct exn2_tx_desc) == 16, "docs/example2-nic.md");

#define EXN2_TX_END    (1ull << 16) /* LAST */
#define EXN2_TX_SUM    (1ull << 17)
#define EXN2_TX_FROM   32 /* shifts */
#define EXN2_TX_OFFSET 48

#endif
