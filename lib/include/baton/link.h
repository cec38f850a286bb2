/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Speed and flow control of a port's link.
 *
 * What is set here is kept by the port: a stopped port's device gets it at the next start, that of
 * a started port at once, and again after each reset and whenever it comes back. A change that the
 * other end must hear of takes the link down for as long as it is negotiated anew, on copper some
 * seconds. baton_port_link() reports what came of it.
 */
#ifndef BATON_LINK_H
#define BATON_LINK_H

#include <baton/base.h>

#ifdef __cplusplus
extern "C" {
#endif

struct baton_port;

#define BATON_SPEED_10_HALF   (1u << 0) /* 10 Mbit/s, half duplex */
#define BATON_SPEED_10_FULL   (1u << 1) /* 10 Mbit/s, full duplex */
#define BATON_SPEED_100_HALF  (1u << 2) /* 100 Mbit/s, half duplex */
#define BATON_SPEED_100_FULL  (1u << 3) /* 100 Mbit/s, full duplex */
#define BATON_SPEED_1000_FULL (1u << 4) /* 1,000 Mbit/s, full duplex */

/**
 * Get the speeds that baton_port_set_speeds() takes.
 *
 * @port:  the port.
 * @fixed: receives those that the link can have without autonegotiation, BATON_SPEED_*; NULL: they
 *         are not asked for.
 *
 * Thread: the control thread.
 * Return: BATON_SPEED_*; 0 if the device has no speed to choose; this function cannot fail.
 */
BATON_API uint32_t baton_port_speeds(const struct baton_port *port, uint32_t *fixed);

/**
 * Choose the speed and the duplex mode of a port's link.
 *
 * With autonegotiation, both ends advertise what they can, and the best of both is used: a port
 * that advertises a single speed has this one or no link. Without it, the other end must have the
 * same speed and duplex mode set; 1,000 Mbit/s on copper is not possible then (IEEE 802.3, 40.5).
 *
 * @port:    the port.
 * @speeds:  BATON_SPEED_*, out of baton_port_speeds(); 0: all of them.
 * @autoneg: non-zero: negotiate, and advertise @speeds; 0: have the one of @speeds.
 *
 * Thread: the control thread.
 * Return: 0 on success; -ENOTSUP if the device has no speed to choose; -EINVAL if it lacks one of
 * @speeds, or @autoneg is 0 and @speeds is not a single one that can be fixed (the error message
 * has those that can); -ETIMEDOUT, -EIO or -ENODEV if the device of a started port does not take
 * it, and all stays as it was.
 */
BATON_API int baton_port_set_speeds(struct baton_port *port, uint32_t speeds, int autoneg);

/** Which end may ask the other one to pause (IEEE 802.3, annex 31B). */
enum baton_pause {
	BATON_PAUSE_NONE, /* neither */
	BATON_PAUSE_RX,   /* the other end: the port stops sending while it is asked to */
	BATON_PAUSE_TX,   /* the port: it asks before its packet buffer overflows */
	BATON_PAUSE_FULL, /* both */
};

/** Flow control of a port. */
struct baton_flow_control {
	size_t size;         /* sizeof(struct baton_flow_control), in bytes */
	uint8_t mode;        /* enum baton_pause: what is wanted */
	uint8_t autoneg;     /* 1: of that, what the other end can as well; 0: that in any case */
	uint8_t send_xon;    /* 1: say when the buffer has room again; 0: let the pause run out */
	uint8_t forward_mac; /* 1: receive MAC control frames that are no pauses (type 0x8808) */
	uint8_t active;   /* enum baton_pause: what is in use now; not looked at when it is set */
	uint8_t reserved; /* 0 */
	uint16_t pause_time; /* how long a pause is asked for, in times of 512 bits; not 0 */
	uint32_t high_water; /* bytes in the packet buffer from which a pause is asked for */
	uint32_t low_water;  /* bytes below which the other end may send again; below high_water */
};

/**
 * Set the flow control of a port.
 *
 * Get the present one by baton_port_flow_control(), and change what is to differ. Pauses are for
 * links with full duplex; on others there are none. Waters are rounded down to the steps of the
 * device, and baton_port_flow_control() has them as they are used.
 *
 * @port:   the port.
 * @config: the flow control; NULL: as it was when the port was opened.
 *
 * Thread: the control thread.
 * Return: 0 on success; -ENOTSUP if the device has no flow control; -EINVAL if there is no such
 * mode, a member that can be 0 or 1 is neither, the pause time is 0, or the waters do not fit the
 * buffer or each other (the error message has the limits); -E2BIG if a reserved member is not 0;
 * -ETIMEDOUT, -EIO or -ENODEV if the device of a started port does not take it, and all stays as it
 * was.
 */
BATON_API int baton_port_set_flow_control(struct baton_port *port,
					  const struct baton_flow_control *config);

/* baton_port_flow_control() for a struct of @size bytes. */
BATON_API int baton_port_flow_control_(const struct baton_port *port,
				       struct baton_flow_control *config, size_t size);

/**
 * Get the flow control of a port: what is set, and what is in use.
 *
 * @port:   the port.
 * @config: receives it, its size included.
 *
 * Thread: the control thread.
 * Return: 0 on success; -ENOTSUP if the device has no flow control; -EINVAL if @config is NULL.
 */
static inline int
baton_port_flow_control(const struct baton_port *port, struct baton_flow_control *config)
{
	return baton_port_flow_control_(port, config, sizeof(*config));
}

#ifdef __cplusplus
}
#endif

#endif
