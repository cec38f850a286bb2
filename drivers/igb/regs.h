/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Registers and descriptors of the Intel 82576: Intel 82576 Gigabit Ethernet Controller Datasheet,
 * chapters 4 (initialization), 6 (NVM), 7 (functions) and 8 (registers).
 */
#ifndef IGB_REGS_H
#define IGB_REGS_H

#include "base/shared.h"

#define IGB_BAR_BYTES 0xe400u /* those below; BAR 0 has 128 KiB */

enum {
	CTRL = 0x0000,
	STATUS = 0x0008,
	EECD = 0x0010,
	CTRL_EXT = 0x0018,
	VET = 0x0038,
	RCTL = 0x0100,
	TCTL = 0x0400,
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
	STATS = 0x4000,
	RXCSUM = 0x5000,
	RLPML = 0x5004,
	RFCTL = 0x5008,
	MTA = 0x5200,
	RAL = 0x5400,      /* and RAH; + 8 * entry, of the first 16 */
	RAL_MORE = 0x54e0, /* of the others */
	VFTA = 0x5600,
	MRQC = 0x5818,
	SWSM = 0x5b50,
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

#define CTRL_GIO_MASTER_DISABLE (1u << 2)
#define CTRL_SLU                (1u << 6)
#define CTRL_FRCSPD             (1u << 11)
#define CTRL_FRCDPX             (1u << 12)
#define CTRL_RST                (1u << 26)
#define CTRL_RFCE               (1u << 27)
#define CTRL_TFCE               (1u << 28)
#define CTRL_VME                (1u << 30)

#define STATUS_FD                (1u << 0)
#define STATUS_LU                (1u << 1)
#define STATUS_LAN               2 /* shifts: the number of the port */
#define STATUS_SPEED             6 /* 10, 100, 1000, 1000 Mbit/s */
#define STATUS_GIO_MASTER_ENABLE (1u << 19)

#define CTRL_EXT_DRV_LOAD (1u << 28) /* a driver has the device */

#define EECD_AUTO_RD (1u << 9)

#define SWSM_SMBI     (1u << 0) /* a read sets it */
#define SWSM_SWESMBI  (1u << 1)
#define SYNC_PHY      (1u << 1) /* of port 0; of port 1 the next */
#define SYNC_FIRMWARE 16        /* shift, of the same bits */
#define PHY_CONTROL   0         /* IEEE 802.3 22.2.4 */
#define PHY_ID1       2
#define PHY_MINE      4 /* abilities: IEEE 802.3 28.2.4.1 */
#define PHY_PAUSES    (3u << 10)
#define PHY_RESTART   (1u << 9)
#define PHY_ISOLATE   (1u << 10)
#define PHY_DOWN      (1u << 11)
#define PHY_AUTONEG   (1u << 12)

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

#define RCTL_EN    (1u << 1)
#define RCTL_UPE   (1u << 3)
#define RCTL_MPE   (1u << 4)
#define RCTL_LPE   (1u << 5)
#define RCTL_BAM   (1u << 15)
#define RCTL_VFE   (1u << 18)
#define RCTL_SECRC (1u << 26)

#define TCTL_EN   (1u << 1)
#define TCTL_PSP  (1u << 3)
#define TCTL_CT   (0xffu << 4)
#define TCTL_RTLC (1u << 24)
#define TCTL_SET  (TCTL_PSP | TCTL_RTLC | 15u << 4)

/* Thresholds in descriptors; more than one to write back at once is an erratum with MSI-X. */
#define DCTL_ENABLE     (1u << 25)
#define DCTL_SET        (8u | 8u << 8 | 1u << 16)
#define SRRCTL_ONE      (1u << 25) /* advanced descriptors with one buffer */
#define SRRCTL_KIB_MOST 63u        /* of a buffer: RX_LEN has 16 bits */
#define SRRCTL_DROP     (1u << 31)

#define RXCSUM_IPOFL      (1u << 8)
#define RXCSUM_TUOFL      (1u << 9)
#define RXCSUM_PCSD       (1u << 13) /* the hash in place of a fragment's sum */
#define RFCTL_NFS_DIS     (3u << 6)
#define RFCTL_IPV6_EX_DIS (3u << 16) /* addresses in extension headers are not hashed */
#define MRQC_RSS          2u
#define MRQC_IPV4_TCP     (1u << 16)
#define MRQC_IPV4         (1u << 17)
#define MRQC_IPV6_TCP     (1u << 18 | 1u << 21) /* with extension headers, and without */
#define MRQC_IPV6         (1u << 20)
#define MRQC_IPV4_UDP     (1u << 22)
#define MRQC_IPV6_UDP     (1u << 23)

#define RAR_FIRST   16u
#define RAR_ENTRIES 24u
#define RAH_AV      (1ull << 63) /* of both words */
#define MTA_WORDS   128u
#define VFTA_WORDS  128u

#define QUEUES      16u
#define DESCS_MIN   16u
#define DESCS_MAX   4096u
#define LONGEST     9728u         /* frame, with FCS: RLPML, 8.10 */
#define FRAME_MAX   (LONGEST - 4) /* without */
#define TX_SHORTEST 17u           /* with TCTL.PSP */
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
#define RX_RSS_TYPE 15ull
#define RX_RSS_HASH 32 /* shift */
#define RX_DD       (1ull << 0)
#define RX_EOP      (1ull << 1)
#define RX_VP       (1ull << 3)
#define RX_L4CS     (1ull << 5)
#define RX_IPCS     (1ull << 6)
#define RX_L4E      (1ull << 29)
#define RX_IPE      (1ull << 30)
#define RX_RXE      (1ull << 31)
#define RX_LEN      32 /* shifts */
#define RX_VLAN     48

/* TX, `info`: {length:16, MAC:4, DTYP:4, DCMD:8, STA:4, IDX:3, CC:1, POPTS:6, PAYLEN:18}. */
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

#endif
