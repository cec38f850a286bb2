/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A driver made for tests, all of which a test may change: its device does nothing, and its codecs
 * say what the test wants.
 */
#ifndef MADE_DRIVER_H
#define MADE_DRIVER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "nic/bursts_decl.h"
#include "nic/pci.h"

#define MADE_HEADER 12u   /* bytes in front of packets, of both codecs */
#define MADE_SAYS   4096u /* completions until they begin again */

struct made {
	struct baton_driver driver;
	struct nic_ops ops;
	struct rx_codec rx; /* for what a driver declares: its bursts are made of others */
	struct tx_codec tx;
	struct nic_bursts bursts;
	struct nic_pci_ops pci;
	struct baton_port_info info; /* what open() declares */
	struct port_link link;
	unsigned opened, closed;
};

extern struct made made;

/* What the codecs say: the number of completions, in all, and each of them. */
extern uint16_t rx_there, tx_there;
extern struct rx_entry rx_says[MADE_SAYS];
extern uint32_t tx_says[MADE_SAYS];
extern uint32_t plain_len;       /* of each packet, by plain(); 0: none is plain */
extern struct rx_info info_says; /* of each packet */

/** Make it a driver that is as it should be: net_made. */
void make_driver(void);

/** A call of the driver that succeeds. */
int made_good(struct nic_dev *dev);

static inline struct baton_ctx *
made_context(void)
{
	struct baton_ctx_config c = { .size = sizeof(c) };
	struct baton_ctx *ctx;

	assert_int_equal(baton_ctx_create(&c, &ctx), 0);
	return ctx;
}

#endif
