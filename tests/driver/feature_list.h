/* SPDX-License-Identifier: BSD-3-Clause */
/* What a driver says of itself: its list beside the driver (drivers/features.txt). */
#ifndef DRIVER_FEATURE_LIST_H
#define DRIVER_FEATURE_LIST_H

#include <stdint.h>

/* In the order of drivers/features.txt. */
enum feature {
	F_DMA,
	F_DIRECT,
	F_BOUNCE,
	F_CONFINED,
	F_SHARED_SLOTS,
	F_LIMITS,
	F_RX_OUTSIDE,
	F_TX_OUTSIDE,
	F_RX_BUFFERS,
	F_TX_BUFFERS,
	F_RX_CSUM,
	F_TX_CSUM,
	F_TX_SEGMENTS,
	F_RX_SEGMENTS,
	F_RX_HASH,
	F_PTYPES,
	F_EVENTS,
	F_PEEK,
	F_RX_STOP,
	F_TX_STOP,
	F_RX_WAKE,
	F_TX_WAKE,
	F_MAC,
	F_PROMISC,
	F_ALLMULTI,
	F_MACS,
	F_VLAN,
	F_SPEEDS,
	F_FLOW,
	F_MTU,
	F_LINK,
	F_LOST,
	F_REMOVED,
	F_RESET,
	F_STATS,
	F_QUEUES,
	FEATURES
};

#define F_BIT(f) (1ull << (f))

struct features {
	uint64_t yes, partly; /* by F_BIT(); else no */
};

extern const char *const feature_names[FEATURES];

/**
 * Read the list @path of the source tree; $CONFORM_LIST may name another file in its place,
 * "PATH=OTHER". A list that is not complete fails the test.
 */
struct features features_load(const char *path);

#endif
