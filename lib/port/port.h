/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BATON_PORT_PORT_H
#define BATON_PORT_PORT_H

struct baton_queue;

/* Undo a set-up: driver memory, holder id, worker's count. Nothing to do for a queue not set up. */
void queue_teardown(struct baton_queue *q);

#endif
