/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The life of a device, whatever it is: what it confirms, what it refuses, and what it does with
 * memory that it did not let go of; how it goes and comes.
 */
#include "dma/reach.h"
#include "fuzz.h"

#define STEPS 6u /* of an input's that make the driver begin anew: they are slow */

/* ---- what it says when it is asked to let go ---- */

static void
remember(const struct dma_block *b)
{
	struct fuzz_life *l = fuzz_life;

	for (; b; b = b->next) {
		unsigned i = 0;

		while (i < l->n_old && l->old[i].base != b->base)
			i++;
		l->old[i].base = b->base;
		l->old[i].bytes = b->bytes;
		l->old[i].kind = l->kind;
		l->n_old += i == l->n_old;
	}
}

bool
fuzz_keeps_all(const struct dma_reach *r)
{
	struct fuzz_life *l = fuzz_life;
	unsigned n = l->n_old + !!r->rx_mem + !!r->tx_mem;

	l->asked = FUZZ_LET_GO;
	for (const struct dma_block *b = r->ctrl; b; b = b->next)
		n++;
	if (!fuzz_current || !l->keeps || n > FUZZ_OLD)
		return false;
	l->keeps--;
	remember(r->ctrl);
	remember(r->rx_mem);
	remember(r->tx_mem);
	l->asked = l->kind;
	l->slots = r->rx.count + r->tx.count;
	return true;
}

enum fuzz_kept
fuzz_asked(uint32_t *slots)
{
	const enum fuzz_kept kept = fuzz_life->asked;

	*slots = kept == FUZZ_LET_GO ? 0 : fuzz_life->slots;
	fuzz_life->asked = FUZZ_LET_GO;
	return kept;
}

bool
fuzz_refuses(uint8_t *times)
{
	if (!fuzz_current || !*times)
		return false;
	--*times;
	fuzz_life->refused = true;
	return true;
}

bool
fuzz_refused(void)
{
	const bool refused = fuzz_life->refused;

	fuzz_life->refused = false;
	return refused;
}

void
fuzz_lets_go(enum fuzz_kept kind)
{
	struct fuzz_life *l = fuzz_life;
	unsigned n = 0;

	for (unsigned i = 0; i < l->n_old; i++)
		if (l->old[i].kind != kind)
			l->old[n++] = l->old[i];
	l->n_old = n;
}

void
fuzz_catch_up(void)
{
	const bool was_reset = fuzz_life->was_reset;

	fuzz_life->was_reset = false;
	if (was_reset && fuzz_current)
		fuzz_home(fuzz_current, FUZZ_TILL_RESET);
}

void
fuzz_obey(void)
{
	struct fuzz_life *l = fuzz_life;

	l->keeps = l->keeps_ring = l->undecided = l->no_start = l->no_reset = 0;
	l->refused = l->kept_ring = l->was_reset = false;
	l->asked = FUZZ_LET_GO;
}

/* ---- away ---- */

void
fuzz_away(struct fuzz *f)
{
	const struct baton_port *port = f->rig->port;
	const bool news = port->started && !port->away;

	for (unsigned i = 0; i < FUZZ_QUEUES && news; i++) {
		f->dev->scan(f, i);
		f->q[i].stuck |= f->q[i].running;
		f->q[i].running = false;
	}
	f->restart = true;
}

void
fuzz_poll(const struct fuzz *f)
{
	while (baton_ctx_poll(f->rig->ctx, 0) > 0)
		;
}

/* The rings of a device that is away are emptied. */
static void
quiesce(struct fuzz *f)
{
	struct baton_port *port = f->rig->port;

	ctx_timer_cancel(port->ctx, &port->quiesce);
	port->quiesce.due(&port->quiesce);
	fuzz_catch_up();
	if (port_is_empty(port))
		fuzz_app_settle(f);
}

/* A driver that waits for its device may try it again. */
static void
retry(struct fuzz *f)
{
	struct baton_port *port = f->rig->port;

	f->at = FUZZ_QUEUES;
	for (unsigned i = 0; i < FUZZ_QUEUES; i++)
		fuzz_queue_new(f, i, !f->rig->queue[i]->stopped);
	ctx_timers_run(port->ctx);
	fuzz_catch_up();
	if (port->away)
		fuzz_app_settle(f);
	else
		fuzz_app_back(f);
	fuzz_life->refused = false;
}

void
fuzz_look(struct fuzz *f, unsigned ms)
{
	fuzz_poll(f);
	fuzz_wait(ms);
	if (f->rig->port->away == PORT_AWAY)
		quiesce(f);
	else if (port_is_empty(f->rig->port))
		retry(f);
}

/* ---- what it does to memory that was not confirmed ---- */

static void FUZZ_UNTRACED
spoil(struct fuzz *f, uint8_t value)
{
	const struct fuzz_life *l = fuzz_life;

	fuzz_catch_up();
	for (unsigned p = 0; p < FUZZ_POOLS; p++)
		for (uint32_t b = 0; b < f->rig->pool[p]->view.count; b++)
			if (f->owner[p][b] >= FUZZ_KEPT && f->owner[p][b] < FUZZ_KEPT + FUZZ_KINDS)
				memset(fuzz_room(f, p, b), value,
				       f->rig->pool[p]->view.data_len < 128
					       ? f->rig->pool[p]->view.data_len
					       : 128);
	for (unsigned i = 0; i < l->n_old; i++)
		for (size_t at = 0; at + 64 <= l->old[i].bytes; at += 256)
			memset(l->old[i].base + at, value, 64);
}

void
fuzz_live(struct fuzz *f, unsigned kind)
{
	struct fuzz_life *l = fuzz_life;
	const unsigned how = in_u8(&f->in);

	if (kind == 4) {
		spoil(f, (uint8_t)how);
		return;
	}
	if (kind == 7) {
		f->dev->parts(f, how);
		return;
	}
	if (f->life++ >= STEPS)
		return;
	switch (kind) {
	case 0:
		l->keeps = 1 + (how >> 1 & 3);
		l->kind = f->dev->process_ends ? how & 1 : FUZZ_TILL_RESET;
		break;
	case 1:
		l->keeps_ring = 1 + (how & 1);
		break;
	case 2:
		f->dev->lost(f, how);
		break;
	case 3:
		f->dev->back(f, how);
		break;
	case 5:
		l->no_start = 1;
		l->keeps = how & 1;
		l->kind = f->dev->process_ends ? how >> 1 & 1 : FUZZ_TILL_RESET;
		break;
	default:
		if (how & 1)
			l->no_reset = 1;
		else if (f->dev->process_ends)
			f->dev->process_ends(f);
		break;
	}
}
