/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Registers that the Intel 82574L and the 82576 have at the same place with the same bits: chapter
 * 10 of the Intel 82574 GbE Controller Family Datasheet, 8 of the Intel 82576 Gigabit Ethernet
 * Controller Datasheet.
 */
#ifndef INTEL_REGS_H
#define INTEL_REGS_H

#include "base/shared.h"

enum {
	CTRL = 0x0000,
	STATUS = 0x0008,
	EECD = 0x0010,
	CTRL_EXT = 0x0018,
	FCAL = 0x0028, /* and FCAH */
	FCT = 0x0030,
	VET = 0x0038,
	RCTL = 0x0100,
	FCTTV = 0x0170,
	TCTL = 0x0400,
	FCRTL = 0x2160,
	FCRTH = 0x2168,
	STATS = 0x4000,
	RXCSUM = 0x5000,
	RFCTL = 0x5008,
	MTA = 0x5200,
	RAL = 0x5400, /* and RAH; + 8 * entry, of the first 16 */
	VFTA = 0x5600,
	MRQC = 0x5818,
};

#define CTRL_GIO_MASTER_DISABLE (1u << 2)
#define CTRL_SLU                (1u << 6)
#define CTRL_FRCSPD             (1u << 11)
#define CTRL_FRCDPX             (1u << 12)
#define CTRL_RST                (1u << 26)
#define CTRL_RFCE               (1u << 27)
#define CTRL_TFCE               (1u << 28)
#define CTRL_PAUSES             (CTRL_RFCE | CTRL_TFCE)
#define CTRL_VME                (1u << 30)

#define STATUS_FD                (1u << 0)
#define STATUS_LU                (1u << 1)
#define STATUS_SPEED             6 /* shift: 10, 100, 1000, 1000 Mbit/s */
#define STATUS_GIO_MASTER_ENABLE (1u << 19)

#define EECD_AUTO_RD (1u << 9)

/* Frames that ask for a pause: IEEE 802.3 31B. */
#define PAUSE_ADDRESS 0x0000010000c28001ull /* 01:80:c2:00:00:01, as two registers */
#define PAUSE_TYPE    0x8808u
#define FCRTL_XONE    (1u << 31)

#define RCTL_EN    (1u << 1)
#define RCTL_UPE   (1u << 3)
#define RCTL_MPE   (1u << 4)
#define RCTL_LPE   (1u << 5)
#define RCTL_BAM   (1u << 15)
#define RCTL_VFE   (1u << 18)
#define RCTL_PMCF  (1u << 23) /* MAC control frames that are no pauses are received */
#define RCTL_SECRC (1u << 26)

#define TCTL_EN   (1u << 1)
#define TCTL_PSP  (1u << 3)
#define TCTL_CT   (0xffu << 4)
#define TCTL_RTLC (1u << 24)

#define RXCSUM_IPOFL      (1u << 8)
#define RXCSUM_TUOFL      (1u << 9)
#define RXCSUM_PCSD       (1u << 13) /* the hash in place of a fragment's sum */
#define RFCTL_NFS_DIS     (3u << 6)
#define RFCTL_IPV6_EX_DIS (3u << 16) /* addresses in extension headers are not hashed */

#define MRQC_IPV4_TCP    (1u << 16)
#define MRQC_IPV4        (1u << 17)
#define MRQC_IPV6_TCP_EX (1u << 18) /* with extension headers, too */
#define MRQC_IPV6        (1u << 20)
#define MRQC_IPV6_TCP    (1u << 21) /* of the 82576, as the next */
#define MRQC_IPV4_UDP    (1u << 22)
#define MRQC_IPV6_UDP    (1u << 23)

#define RAR_FIRST    16u
#define RAR_ENTRIES  24u          /* at most */
#define RAL_MORE     0x54e0u      /* of the others */
#define RAH_AV       (1ull << 63) /* of both words */
#define MTA_WORDS    128u
#define VFTA_WORDS   128u
#define RETA_ENTRIES 128u /* of the table of RSS */

#define DESCS_MIN   16u
#define DESCS_MAX   4096u
#define TX_SHORTEST 17u /* with TCTL.PSP */

#endif
