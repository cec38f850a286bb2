/* SPDX-License-Identifier: BSD-3-Clause */
/* Registers and descriptors of the EXN1, a made-up NIC: docs/example-nic.md. */
#ifndef EXAMPLE_REGS_H
#define EXAMPLE_REGS_H

#include "base/shared.h"

enum {
	EXN_ID = 0x000,
	EXN_CTRL = 0x004,
	EXN_STATUS = 0x008,
	EXN_QUEUES = 0x00c,
	EXN_MAC = 0x010,
	EXN_RXMODE = 0x018,
	EXN_FRAME = 0x01c,
	EXN_ADDR = 0x080,
	EXN_VLAN = 0x200,
	EXN_RX = 0x400,
	EXN_TX = 0x600,
	EXN_BAR_BYTES = 0x1000,
};

#define EXN_ID_VALUE      0x314e5845u
#define EXN_CTRL_RST      1u
#define EXN_CTRL_EN       2u
#define EXN_STATUS_LINK   1u
#define EXN_STATUS_FAILED 2u
#define EXN_RXMODE_ALL    1u
#define EXN_RXMODE_MULTI  2u
#define EXN_RXMODE_VLAN   4u
#define EXN_ADDR_VALID    (1ull << 63) /* of both words */
#define EXN_ADDRS         16u
#define EXN_ROOM_STEP     128u
#define EXN_MIN_PLACES    8u

/* A queue's block, at EXN_RX or EXN_TX + queue * EXN_BLOCK_BYTES. */
enum {
	EXN_BASE = 0x00,
	EXN_SIZE = 0x08,
	EXN_TAIL = 0x0c,
	EXN_QCTRL = 0x10,
	EXN_VECTOR = 0x14,
	EXN_WAKE = 0x18,
	EXN_ROOM = 0x1c,
	EXN_BLOCK_BYTES = 0x20,
};

#define EXN_QCTRL_EN 1u

/* A descriptor of either direction: the device writes to it. */
struct exn_desc {
	shared64 addr;
	union {
		shared64 info;
		shared8 info_byte[8];
	};
};

_Static_assert(sizeof(struct exn_desc) == 16, "docs/example-nic.md");

#define EXN_RX_DONE    (1ull << 0)
#define EXN_RX_END     (1ull << 1)
#define EXN_RX_BAD     (1ull << 2)
#define EXN_RX_L4_GOOD (1ull << 3)
#define EXN_RX_LEN     16 /* shift */

#define EXN_TX_END    (1ull << 16)
#define EXN_TX_REPORT (1ull << 17)
#define EXN_TX_CSUM   (1ull << 24)
#define EXN_TX_DONE   (1ull << 31)
#define EXN_TX_START  32 /* shifts */
#define EXN_TX_OFFSET 48

#endif
