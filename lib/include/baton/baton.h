/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * All of Baton's public headers.
 *
 * Baton is a framework for poll-mode network drivers in userspace. <baton/context.h> is where a
 * program begins, <baton/port.h> has the ports, <baton/queue.h> the bursts, <baton/pool.h> the
 * packet buffers and the rules of ownership.
 */
#ifndef BATON_BATON_H
#define BATON_BATON_H

#include <baton/base.h>
#include <baton/cc.h>
#include <baton/clock.h>
#include <baton/context.h>
#include <baton/hash.h>
#include <baton/ioas.h>
#include <baton/link.h>
#include <baton/mem.h>
#include <baton/net.h>
#include <baton/offload.h>
#include <baton/packet.h>
#include <baton/pool.h>
#include <baton/port.h>
#include <baton/queue.h>
#include <baton/reach.h>
#include <baton/ring.h>
#include <baton/token.h>
#include <baton/violation.h>

#endif
