/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reach: which memory a port's device uses directly, and which packets go through the bounce ring.
 *
 * For each pool and port this is decided once, when the port is started, from the limits of the
 *device's addresses, the windows of its address space, and whether the device may see the memory at
 *all:
 *
 *	direct   the device reads and writes the application's buffers;
 *	bounce   it sees only slots, and packets are copied: exactly their bytes, into and out of
 *private buffers; refused  neither is possible: the port does not start, and the error names the
 *limit, the window and the memory.
 *
 * What it protects against: on direct memory a device that lies in its rings is caught, and so are
 *accidents; but buffers stay mapped after they were taken, so a device can still rewrite a packet
 *that the application is reading. A port with `confine` has only its rings and slots mapped, and
 *nothing else is ever in the device's reach.
 */
#ifndef BATON_REACH_H
#define BATON_REACH_H

#include <baton/ioas.h>

#ifdef __cplusplus
extern "C" {
#endif

struct baton_port;

enum baton_bounce {
	BATON_BOUNCE_AUTO, /* direct where the device can and may reach the memory */
	BATON_BOUNCE_ALWAYS,
	BATON_BOUNCE_NEVER, /* memory out of reach is refused */
};

struct baton_reach_config {
	size_t size;
	enum baton_bounce bounce;
	uint8_t confine; /* map nothing but rings, control blocks and slots, in an address space of
			    the port's own */
	uint8_t data_bits; /* use addresses of this many bits at most for packets, 12 .. 64; 0: as
			      many as the device has */
	uint8_t ring_bits; /* for rings and control blocks */
	uint8_t reserved;
	/* Use only these addresses; any order, may overlap. NULL: all that the address space has.
	 */
	const struct baton_iova_range *windows;
	unsigned n_windows;
};

/** Fill in the defaults, size included. */
BATON_API void baton_reach_config_init(struct baton_reach_config *config);

/**
 * Say how a port may reach memory. The device arguments bounce=, confine=, dma-limit=, ring-limit=
 * and window= of baton_port_open() do the same.
 *
 * Once memory was mapped under the limits they are committed, also while the port is stopped, until
 * baton_port_reset().
 *
 * Control thread. Return: 0; -EBUSY when they are committed; -EINVAL for what contradicts itself;
 * -ENOSPC when no window has addresses below a limit; -ENOTSUP for a port without a device that
 * reaches memory. The port is then as it was before.
 */
BATON_API int baton_port_set_reach(struct baton_port *port,
				   const struct baton_reach_config *config);

/**
 * What was said last, by device arguments or baton_port_set_reach(). @config->windows are the
 * port's own, until the next such call.
 *
 * Control thread. Return: 0; -ENOTSUP for a port without a device that reaches memory.
 */
BATON_API int baton_port_get_reach(const struct baton_port *port,
				   struct baton_reach_config *config);

/**
 * Read windows as the device argument window= has them: "START-END", both included, or several with
 * + between them.
 *
 * Any thread. Return: how many there are; -EINVAL, also for more than @n.
 */
BATON_API int baton_windows_parse(const char *text, struct baton_iova_range *out, unsigned n);

enum baton_reach {
	BATON_REACH_DIRECT,
	BATON_REACH_BOUNCE,
	BATON_REACH_REFUSED,
};

/* One run of memory as a port's device has it. */
struct baton_reach_info {
	char memory[48]; /* the pool's name, "rings", "rx slots", "tx slots" */
	enum baton_reach reach;
	uint8_t writable; /* by the device */
	uint64_t iova;    /* what is mapped; bytes 0: nothing */
	uint64_t bytes;
	char why[176]; /* one sentence */
};

/**
 * What was decided when the port was started last.
 *
 * Control thread. Return: how many there are; the first @n are written to @out. None before the
 * first start.
 */
BATON_API unsigned baton_port_reach(const struct baton_port *port, struct baton_reach_info *out,
				    unsigned n);

/* All of it at a glance. */
struct baton_reach_summary {
	enum baton_bounce bounce;
	uint8_t confined;
	uint8_t committed;
	uint8_t data_bits, ring_bits; /* in force: the lower of the device's and the user's */
	uint8_t device_data_bits, device_ring_bits;
	uint32_t rx_slots, tx_slots; /* 0: nothing is bounced */
	uint32_t slot_bytes;
	uint8_t shared_slots;       /* fewer than the queues have descriptors: they share them */
	uint32_t quarantined_slots; /* in memory that is kept out of use, also those that held no
				       packet */
	const char *protects;       /* against what, one sentence */
};

BATON_API void baton_port_reach_summary(const struct baton_port *port,
					struct baton_reach_summary *out);

#ifdef __cplusplus
}
#endif

#endif
