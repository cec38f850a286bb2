/* SPDX-License-Identifier: BSD-3-Clause */
/* What a front-end of Baton is made of, for who drives its queues by hand. */
#ifndef PERF_FRONT_BATON_H
#define PERF_FRONT_BATON_H

#include <baton/baton.h>

#include "front.h"

struct baton_front {
	struct front f;
	struct baton_ctx *ctx;
	struct baton_pool *pool;
	struct baton_worker *worker;
	struct baton_port *port;
	struct baton_rxq *rx;
	struct baton_txq *tx;
};

/** Make the context, the pool and the worker. Return: 0, or a negative errno. */
int front_baton_memory(struct baton_front *p);

/** Open and start the port. Return: as above. */
int front_baton_port(struct baton_front *p, const char *devargs);

#endif
