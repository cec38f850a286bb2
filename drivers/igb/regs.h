/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Registers and descriptors of the Intel 82576: Intel 82576 Gigabit Ethernet Controller Datasheet,
 * chapters 4 (initialization), 6 (NVM), 7 (functions) and 8 (registers).
 */
#ifndef IGB_REGS_H
#define IGB_REGS_H

#include "intel/regs.h"

#define IGB_BAR_BYTES 0xe400u /* those below; BAR 0 has 128 KiB */

enum {
	ICR = 0x1500, /* 0x00c0 is another name of it */
	IMS = 0x1508,
	IMC = 0x150c,
	GPIE = 0x1514,
	EIMS = 0x1524,
	EIMC = 0x1528,
	EIAC = 0x152c,
	EIAM = 0x1530,
	EICR = 0x1580,
	EITR = 0x1680, /* + 4 * vector */
	IVAR = 0x1700, /* + 4 * (queue % 8) */
	IVAR_MISC = 0x1740,
	RLPML = 0x5004,
	SWSM = 0x5b50,
	ETQF = 0x5cb0, /* + 4 * filter */
	TSYNCRXCFG = 0x5f50,
	SW_FW_SYNC = 0x5b5c,
	RX_QUEUE = 0xc000, /* + QUEUE_BYTES * queue */
	TX_QUEUE = 0xe000,
};

/* A queue's registers. */
enum {
	QUEUE_BASE = 0x00, /* 64 bits */
	QUEUE_LEN = 0x08,  /* in bytes, a multiple of 128 */
	QUEUE_SRRCTL = 0x0c,
	QUEUE_HEAD = 0x10,
	QUEUE_TAIL = 0x18,
	QUEUE_DCTL = 0x28,
	QUEUE_DROPPED = 0x30,    /* RQDPC */
	QUEUE_WRITE_BACK = 0x38, /* TDWBAL and TDWBAH */
	QUEUE_BYTES = 0x40,
};

#define STATUS_LAN 2 /* shift: the number of the port */

#define CTRL_EXT_DRV_LOAD (1u << 28) /* a driver has the device */

#define SWSM_SMBI     (1u << 0) /* a read sets it */
#define SWSM_SWESMBI  (1u << 1)
#define SYNC_PHY      (1u << 1) /* of port 0; of port 1 the next */
#define SYNC_FIRMWARE 16        /* shift, of the same bits */

/* Interrupts. In MSI-X mode, EICR, EIMS, EIMC and EIAC have a bit for each vector. */
#define CAUSE_LSC   (1u << 2)
#define GPIE_NSICR  (1u << 0)
#define GPIE_MSIX   (1u << 4)
#define GPIE_PBA    (1u << 31)
#define VECTORS     25u
#define VECTORS_ALL 0x1ffffffu
#define IVAR_VALID  0x80u
#define IVAR_TX     8 /* shifts: of a TX queue, of queues from 8 on, of other causes */
#define IVAR_HIGH   16
#define IVAR_OTHER  8
#define IVAR_WORDS  8u
#define EITR_FIELD  2 /* shift: in microseconds */

#define TCTL_SET (TCTL_PSP | TCTL_RTLC | 15u << 4)

/* Thresholds in descriptors; more than one to write back at once is an erratum with MSI-X. */
#define DCTL_ENABLE     (1u << 25)
#define DCTL_SET        (8u | 8u << 8 | 1u << 16)
#define SRRCTL_ONE      (1u << 25) /* advanced descriptors with one buffer */
#define SRRCTL_KIB_MOST 63u        /* of a buffer: RX_LEN has 16 bits */
#define SRRCTL_DROP     (1u << 31)

#define MRQC_RSS 2u

#define ETQF_FILTERS 8u
#define ETQF_ENABLE  (1u << 26)
#define ETQF_1588    (1u << 30)
#define ETQF_OF_1588 0u /* which filter */
#define ETQF_OF_ARP  1u
#define ETYPE_ARP    0x0806u
#define ETYPE_1588   0x88f7u
#define TICK_NS      16u /* of the clock: TIMINCA */

#define QUEUES      16u
#define RX_BUFFER   65535u        /* RXPBS: 64 KiB, of which FCRTH names as much */
#define LONGEST     9728u         /* frame, with FCS: RLPML, 8.10 */
#define FRAME_MAX   (LONGEST - 4) /* without */
#define LONGEST_OFF 127u          /* of what a context descriptor names: 7.2.2.2 */

/* A descriptor of either direction: the device writes back over it. */
struct igb_desc {
	shared64 addr;
	union {
		shared64 info;
		shared8 info_byte[8];
	};
};

_Static_assert(sizeof(struct igb_desc) == 16, "82576: 7.1.5, 7.2.2");

/* RX, written back: `addr` is {type:16, header:16, hash:32}, `info` is {status:20, errors:12,
 * length:16, vlan:16}. */
#define RX_RSS_TYPE    15ull
#define RX_RSS_HASH    32 /* shifts */
#define RX_TYPE        4
/* The type: which headers there are; or which of the filters of EtherTypes has matched. */
#define TYPE_IPV4      (1u << 0)
#define TYPE_IPV4_MORE (1u << 1) /* with options */
#define TYPE_IPV6      (1u << 2)
#define TYPE_IPV6_MORE (1u << 3) /* with extension headers */
#define TYPE_TCP       (1u << 4)
#define TYPE_UDP       (1u << 5)
#define TYPE_SCTP      (1u << 6)
#define TYPE_FILTER    (1u << 11)
#define TYPE_FILTERS   7u /* which, then */

#define RX_DD   (1ull << 0)
#define RX_EOP  (1ull << 1)
#define RX_VP   (1ull << 3)
#define RX_L4CS (1ull << 5)
#define RX_IPCS (1ull << 6)
#define RX_TS   (1ull << 16)
#define RX_L4E  (1ull << 29)
#define RX_IPE  (1ull << 30)
#define RX_RXE  (1ull << 31)
#define RX_LEN  32 /* shifts */
#define RX_VLAN 48

/* TX, `info`: {length:16, 0:2, MAC:2, DTYP:4, DCMD:8, STA:4, IDX:3, CC:1, POPTS:6, PAYLEN:18}. */
#define TX_1588   (1ull << 19)
#define TX_DATA   (3ull << 20)
#define TX_EOP    (1ull << 24)
#define TX_IFCS   (1ull << 25)
#define TX_RS     (1ull << 27)
#define TX_DEXT   (1ull << 29)
#define TX_VLE    (1ull << 30)
#define TX_TSE    (1ull << 31)
#define TX_DD     (1ull << 32)
#define TX_IXSM   (1ull << 40)
#define TX_TXSM   (1ull << 41)
#define TX_PAYLEN 46 /* shift */

/* A context descriptor: `addr` is {IPLEN:9, MACLEN:7, VLAN:16, 0:32}, `info` is {0:9, TUCMD:11,
 * DTYP:4, 0:5, DEXT:1, 0:2, IDX:8, L4LEN:8, MSS:16}. */
#define CONTEXT_MACLEN 9 /* shifts */
#define CONTEXT_VLAN   16
#define CONTEXT        (2ull << 20)
#define CONTEXT_IPV4   (1ull << 10)
#define CONTEXT_TCP    (1ull << 11)
#define CONTEXT_L4LEN  40
#define CONTEXT_MSS    48
#define CONTEXT_IDX    36 /* in data descriptors, too */
#define CONTEXTS       2u /* of a queue: 7.2.2.2 */

#endif
