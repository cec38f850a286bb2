/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The clock of a port's device, and the times of event packets by it, as IEEE 1588 needs them.
 *
 * A device that takes times of few packets only, one at a time, has BATON_OFFLOAD_RX_EVENT or
 * BATON_OFFLOAD_TX_EVENT in info.offloads. Its clock runs while a port that is configured for one
 * of these is started, and counts nanoseconds from the start on. Devices that take the time of
 * every packet have BATON_OFFLOAD_RX_TIME and BATON_OFFLOAD_TX_TIME instead.
 */
#ifndef BATON_CLOCK_H
#define BATON_CLOCK_H

#include <baton/port.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Read the clock of a port's device.
 *
 * @port: a started port that is configured for BATON_OFFLOAD_RX_EVENT or BATON_OFFLOAD_TX_EVENT.
 * @ns:   receives the time, in nanoseconds.
 *
 * Thread: the control thread.
 * Return: 0 on success; -ENOTSUP if the device has no such clock, or the port is configured for
 * neither; -ENETDOWN if the port is not started, or its device is away; -ENODEV if the device does
 * not answer; -EIO if its clock does not count as time does; -EINVAL if @ns is NULL.
 */
BATON_API int baton_port_clock_read(struct baton_port *port, uint64_t *ns);

/**
 * Put the clock of a port's device forward or back. Times that were taken before, and are not
 * fetched yet, move with it.
 *
 * @port: as for baton_port_clock_read().
 * @ns:   by so many nanoseconds; negative: back.
 *
 * Thread: the control thread.
 * Return: 0 on success; -ENOTSUP or -ENETDOWN as baton_port_clock_read().
 */
BATON_API int baton_port_clock_adjust(struct baton_port *port, int64_t ns);

/**
 * Fetch the time at which an event packet was received: that of the packet with BATON_SIDE_EVENT.
 * The device takes the next time after that.
 *
 * @port: a started port that is configured for BATON_OFFLOAD_RX_EVENT.
 * @ns:   receives the time, in nanoseconds of the clock.
 *
 * Thread: the control thread.
 * Return: the number of times in @ns, 1 or 0; -ENOTSUP, -ENETDOWN, -ENODEV or -EINVAL as
 * baton_port_clock_read().
 */
BATON_API int baton_port_rx_event(struct baton_port *port, uint64_t *ns);

/**
 * Fetch the time at which an event packet left: that of the first packet with BATON_SIDE_TX_EVENT
 * since the last time was fetched. The device takes the next time after that.
 *
 * @port: a started port that is configured for BATON_OFFLOAD_TX_EVENT.
 * @ns:   receives the time, in nanoseconds of the clock.
 *
 * Thread: the control thread.
 * Return: the number of times in @ns, 1 or 0; -ENOTSUP, -ENETDOWN, -ENODEV or -EINVAL as
 * baton_port_clock_read().
 */
BATON_API int baton_port_tx_event(struct baton_port *port, uint64_t *ns);

#ifdef __cplusplus
}
#endif

#endif
