/* SPDX-License-Identifier: BSD-3-Clause */
/* A front-end under measurement: one port, one queue pair, driven as an application would. */
#ifndef PERF_FRONT_H
#define PERF_FRONT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRONT_BURST   32u
#define FRONT_BURSTS  4u /* of one round: half a ring */
#define FRONT_RING    256u
#define FRONT_BUFFERS 4096u
#define FRONT_CACHE   512u /* buffers, per worker: the most that DPDK's mempool can have */

enum front_kind { FRONT_RX, FRONT_TX, FRONT_IO, FRONT_KINDS };

struct front;

/*
 * A round is FRONT_BURSTS bursts. RX: rx_burst, free. TX: allocate, set the length, tx_burst. IO:
 * rx_burst, tx_burst of what came. What does not fit is freed. Return: packets received, or sent.
 */
typedef unsigned (*front_round)(struct front *f);

struct front_ops {
	const char *stack;
	/* Return: the port, running, or NULL with @text saying why. With the port @text says how it
	 * runs. */
	struct front *(*open)(const char *name, const char *path, const char *args, uint16_t len,
			      char *text, size_t size);
	void (*close)(struct front *f);
	front_round round[FRONT_KINDS];
};

struct front {
	const struct front_ops *ops;
	uint16_t len; /* of a packet it makes */
};

extern const struct front_ops front_baton, front_dpdk;

struct front_options {
	unsigned cpu;
	bool no_huge; /* DPDK without hugepages, for valgrind */
};

extern struct front_options front_options;

#endif
