/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reach: which memory the device of a port accesses directly, and which packets are copied.
 *
 * Baton decides it for each pool and port when the port starts. The decision follows from the
 * addresses that the device can use, the windows of its address space, and whether the device may
 * see the memory:
 *
 * - direct: the device reads and writes the buffers of the application.
 * - bounce: the device accesses slots only; Baton copies exactly the bytes of each packet between
 *   slots and buffers.
 * - refused: neither is possible. The port does not start, and the error message names the limit,
 *   the window and the memory.
 *
 * With direct memory, Baton detects a device that breaks the rules of its rings. But buffers stay
 * mapped after baton_rx_burst(), so that the device can still change a packet while the application
 * reads it. A port with confine set maps its rings and slots and nothing else, and the device never
 * accesses a buffer.
 */
#ifndef BATON_REACH_H
#define BATON_REACH_H

#include <baton/ioas.h>

#ifdef __cplusplus
extern "C" {
#endif

struct baton_port;

/** When packets are copied. */
enum baton_bounce {
	BATON_BOUNCE_AUTO,   /* where the device cannot or must not access the memory */
	BATON_BOUNCE_ALWAYS, /* always */
	BATON_BOUNCE_NEVER,  /* never: memory that the device cannot access is refused */
};

/** How a port may access memory. */
struct baton_reach_config {
	size_t size;              /* sizeof(struct baton_reach_config), in bytes */
	enum baton_bounce bounce; /* when packets are copied */
	/* 1: map nothing but rings, control blocks and slots, in an address space that belongs to
	 * the port; 0: no such limit. */
	uint8_t confine;
	/* Address bits for packets, 12 to 64; 0: as many as the device has. */
	uint8_t data_bits;
	/* Address bits for rings and control blocks, 12 to 64; 0: as many as the device has. */
	uint8_t ring_bits;
	uint8_t reserved; /* 0 */
	/* Addresses to use; NULL: all that the address space has. The ranges may overlap and come
	 * in any order. */
	const struct baton_iova_range *windows;
	unsigned n_windows; /* number of ranges in windows, 32 at most */
	uint32_t reserved2; /* 0 */
};

/* baton_reach_config_init() for a struct of @size bytes. */
BATON_API void baton_reach_config_init_(struct baton_reach_config *config, size_t size);

/**
 * Set a configuration to the defaults, its size included.
 *
 * This function cannot fail.
 *
 * @config: receives the defaults.
 *
 * Thread: any thread.
 */
static inline void
baton_reach_config_init(struct baton_reach_config *config)
{
	baton_reach_config_init_(config, sizeof(*config));
}

/**
 * Configure how a port may access memory.
 *
 * The device arguments bounce=, confine=, dma-limit=, ring-limit= and window= of baton_port_open()
 * do the same. The configuration is committed once memory is mapped under it, also while the port
 * is stopped; baton_port_reset() ends that.
 *
 * @port:   the port.
 * @config: the configuration.
 *
 * Thread: the control thread.
 * Return: 0 on success; -EBUSY if the configuration is committed; -EINVAL if it contradicts itself;
 * -ENOSPC if no window has addresses below a limit; -ENOMEM if memory is short; -ENOTSUP if the
 * port has no device that accesses memory. The port stays as it is then.
 */
BATON_API int baton_port_set_reach(struct baton_port *port,
				   const struct baton_reach_config *config);

/* baton_port_get_reach() for a struct of @size bytes. */
BATON_API int baton_port_get_reach_(const struct baton_port *port,
				    struct baton_reach_config *config, size_t size);

/**
 * Get what device arguments or baton_port_set_reach() configured last.
 *
 * @port:   the port.
 * @config: receives the configuration; its windows belong to the port, and are valid until the
 *          next call of baton_port_set_reach().
 *
 * Thread: the control thread.
 * Return: 0 on success; -ENOTSUP if the port has no device that accesses memory.
 */
static inline int
baton_port_get_reach(const struct baton_port *port, struct baton_reach_config *config)
{
	return baton_port_get_reach_(port, config, sizeof(*config));
}

/**
 * Parse the text of the device argument window=, such as "0x0-0x3fffffff".
 *
 * The text has one range, START-END, or several with + between them. Both ends belong to a range.
 *
 * @text: the text.
 * @out:  receives the ranges.
 * @n:    number of ranges that @out has room for.
 *
 * Thread: any thread.
 * Return: the number of ranges; -EINVAL if the text is invalid, or has more than @n ranges.
 */
BATON_API int baton_windows_parse(const char *text, struct baton_iova_range *out, unsigned n);

/** How a device accesses a piece of memory. */
enum baton_reach {
	BATON_REACH_DIRECT,  /* the device accesses the memory itself */
	BATON_REACH_BOUNCE,  /* packets are copied into and out of slots */
	BATON_REACH_REFUSED, /* neither is possible */
};

/** A piece of memory and how the device of a port accesses it. */
struct baton_reach_info {
	char memory[48];        /* "pool" and its name, "rings", "rx slots" or "tx slots" */
	enum baton_reach reach; /* how the device accesses it */
	uint8_t writable;       /* 1: the device can write it; 0: it cannot */
	uint64_t iova;          /* first address that is mapped */
	uint64_t bytes;         /* size of what is mapped, in bytes; 0: nothing is mapped */
	char why[176];          /* the reason, in one sentence */
};

/* baton_port_reach() for a struct of @size bytes. */
BATON_API unsigned baton_port_reach_(const struct baton_port *port, struct baton_reach_info *out,
				     unsigned n, size_t size);

/**
 * Get what was decided when the port was last started.
 *
 * @port: the port.
 * @out:  receives the first @n entries, one for each piece of memory.
 * @n:    number of entries that @out has room for.
 *
 * Thread: the control thread.
 * Return: the number of entries that there are, which may be more than @n; 0 before the first
 * start; this function cannot fail.
 */
static inline unsigned
baton_port_reach(const struct baton_port *port, struct baton_reach_info *out, unsigned n)
{
	return baton_port_reach_(port, out, n, sizeof(*out));
}

/** Summary of what the device of a port accesses. */
struct baton_reach_summary {
	enum baton_bounce bounce; /* when packets are copied */
	uint8_t confined;         /* 1: nothing but rings, control blocks and slots is mapped */
	uint8_t committed;        /* 1: baton_port_set_reach() needs baton_port_reset() first */
	uint8_t data_bits;        /* address bits for packets in force */
	uint8_t ring_bits;        /* address bits for rings and control blocks in force */
	uint8_t device_data_bits; /* address bits of the device for packets */
	uint8_t device_ring_bits; /* address bits of the device for rings and control blocks */
	uint32_t rx_slots;        /* number of RX slots; 0: no received packet is copied */
	uint32_t tx_slots;        /* number of TX slots; 0: no sent packet is copied */
	uint32_t slot_bytes;      /* size of a slot, in bytes */
	uint8_t shared_slots;     /* 1: the queues share slots, fewer than they have descriptors */
	/* Number of slots in memory that a device has not confirmed to have let go of, with or
	 * without a packet in them. */
	uint32_t quarantined_slots;
	const char *protects; /* what the port is protected against, in one sentence */
};

/* baton_port_reach_summary() for a struct of @size bytes. */
BATON_API void baton_port_reach_summary_(const struct baton_port *port,
					 struct baton_reach_summary *out, size_t size);

/**
 * Get a summary of what the device of a port accesses.
 *
 * This function cannot fail.
 *
 * @port: the port.
 * @out:  receives the summary; its strings are constant.
 *
 * Thread: the control thread.
 */
static inline void
baton_port_reach_summary(const struct baton_port *port, struct baton_reach_summary *out)
{
	baton_port_reach_summary_(port, out, sizeof(*out));
}

#ifdef __cplusplus
}
#endif

#endif
