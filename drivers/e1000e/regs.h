/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Registers and descriptors of the Intel 82574L: Intel 82574 GbE Controller Family Datasheet,
 * chapters 6 (NVM), 7 (functions) and 10 (registers).
 */
#ifndef E1000E_REGS_H
#define E1000E_REGS_H

#include "intel/regs.h"

#define E1000E_BAR_BYTES 0xb800u /* those below; BAR 0 has 128 KiB */

enum {
	ICR = 0x00c0,
	IMS = 0x00d0,
	IMC = 0x00d8,
	EIAC = 0x00dc,
	IVAR = 0x00e4,
	EITR = 0x00e8, /* + 4 * vector */
	TIPG = 0x0410,
	EXTCNF_CTRL = 0x0f00,
	RX_QUEUE = 0x2800, /* + QUEUE_BYTES * queue */
	TX_QUEUE = 0x3800,
	TARC = 0x3840, /* + QUEUE_BYTES * queue */
	GCR = 0x5b00,
	GCR2 = 0x5b64,
	RXMTRL = 0xb634, /* messages of IEEE 1588 */
};

/* A queue's registers. */
enum {
	QUEUE_BASE = 0x00, /* 64 bits */
	QUEUE_LEN = 0x08,  /* in bytes, a multiple of 128 */
	QUEUE_HEAD = 0x10,
	QUEUE_TAIL = 0x18,
	QUEUE_DCTL = 0x28,
	QUEUE_BYTES = 0x100,
};

#define CTRL_ASDE        (1u << 5)  /* to be written 0: 10.2.2.1 */
#define CTRL_RESERVED_29 (1u << 29) /* to be written 0 */

#define EECD_NVM_TYPE   (3u << 15) /* both: a flash */
#define CTRL_EXT_EE_RST (1u << 13)
#define CTRL_EXT_ONE_22 (1u << 22) /* to be written 1, and the next 0 */
#define CTRL_EXT_NIL_23 (1u << 23)
#define CTRL_EXT_IAME   (1u << 27)
#define CTRL_EXT_DRV    (1u << 28) /* DRV_LOAD: a driver has the device */
#define CTRL_EXT_PBA    (1u << 31) /* PBA_CLR: an unmasked cause is not pending any more */

#define EXTCNF_MDIO (1u << 5) /* MDIO_SW_OWNERSHIP */

/* Causes of interrupts: ICR, IMS, IMC, EIAC. */
#define CAUSE_LSC    (1u << 2)
#define CAUSE_RXQ0   (1u << 20) /* and the next for queue 1 */
#define CAUSE_TXQ0   (1u << 22)
#define CAUSE_OTHER  (1u << 24)
#define CAUSE_QUEUES (15u << 20)

/* IVAR: fields of 4 bits, a vector and a valid bit. */
#define IVAR_VALID 8u
#define IVAR_RX    0 /* shifts, + 4 * queue */
#define IVAR_TX    8
#define IVAR_OTHER 16

#define RCTL_BSIZE 16 /* shift: 2048, 1024, 512, 256; with BSEX 16 times as many but the first */
#define RCTL_BSEX  (1u << 25)

#define TCTL_COLD (0x3ffu << 12)
#define TCTL_SET  (TCTL_PSP | TCTL_RTLC | 15u << 4 | 63u << 12) /* full duplex: 10.2.6.1 */
#define TIPG_SET  (8u | 8u << 10 | 6u << 20)

#define RXDCTL_SET  (1u << 24 | 4u << 8 | 32u) /* thresholds in descriptors; write each back */
#define TXDCTL_SET  (1u << 24 | 1u << 22 | 1u << 8 | 31u) /* bit 22 is to be written 1 */
#define TARC_EN     (1u << 10)
#define TARC_ONE_26 (1u << 26) /* errata */
#define TARC_NIL    (15u << 27)
#define GCR_ONE_22  (1u << 22) /* errata: completions with ASPM */
#define GCR2_ONE    1u

#define RFCTL_ACK_DIS (1u << 12) /* no interrupts for acknowledgements */
#define RFCTL_EXSTEN  (1u << 15)
#define MRQC_RSS      1u
#define RETA_QUEUE    7 /* shift */

#define ETYPE_1588 0x88f7u
#define TICK_NS    40u /* of the clock, which has 25 MHz: TIMINCA */

#define ADDRESSES   16u
#define RX_BUFFER   20480u /* PBA as it is after a reset */
#define FRAME_MAX   16380u /* with LPE, without FCS: 10.2.5.1 */
#define LONGEST_OFF 255u   /* of what a context descriptor names */

/* A descriptor of either direction: the device writes back over it. */
struct e1000e_desc {
	shared64 addr;
	union {
		shared64 info;
		shared8 info_byte[8];
	};
};

_Static_assert(sizeof(struct e1000e_desc) == 16, "82574: 7.1.5, 7.2.10");

/* RX, written back: `addr` is {rss:32, mrq:32}, `info` is {vlan:16, length:16, errors and status}.
 */
#define RX_RSS_TYPE 15ull
#define RX_RSS_HASH 32 /* shift */
#define RX_DD       (1ull << 0)
#define RX_EOP      (1ull << 1)
#define RX_IXSM     (1ull << 2)
#define RX_VP       (1ull << 3)
#define RX_UDPCS    (1ull << 4)
#define RX_TCPCS    (1ull << 5)
#define RX_IPCS     (1ull << 6)
#define RX_TST      (1ull << 8)
#define RX_TCPE     (1ull << 29)
#define RX_IPE      (1ull << 30)
#define RX_BAD      (0x97ull << 24) /* CE, SE, SEQ, CXE, RXE */
#define RX_LEN      32              /* shifts */
#define RX_VLAN     48

/* TX, `info`: {special:16, POPTS:8, ExtCMD:4, status:4, DCMD:8, DTYP:4, length:20}. */
#define TX_DATA    (1ull << 20)
#define TX_EOP     (1ull << 24)
#define TX_IFCS    (1ull << 25)
#define TX_RS      (1ull << 27)
#define TX_TSE     (1ull << 26)
#define TX_DEXT    (1ull << 29)
#define TX_VLE     (1ull << 30)
#define TX_DD      (1ull << 32)
#define TX_TSTAMP  (1ull << 36)
#define TX_IXSM    (1ull << 40)
#define TX_TXSM    (1ull << 41)
#define TX_SPECIAL 48 /* shift */

/* A context descriptor, TUCMD. */
#define CONTEXT_TCP    (1ull << 24)
#define CONTEXT_IPV4   (1ull << 25)
#define CONTEXT_TSE    (1ull << 26)
#define CONTEXT_HDRLEN 40 /* shifts */
#define CONTEXT_MSS    48
#define HDRLEN_MOST    255u

#endif
