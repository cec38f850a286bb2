/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How the fuzzer's virtio-net device goes and comes: lost, back, gone for good; and what it does
 * with what it does not let go of. Also packets whose parts come later than promised, or never.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "mem/holder.h"
#include "virtio.h"
#include "virtio/net/virtio.h"

#define STEPS 6u /* of an input's that make the driver begin anew: they are slow */

/* ---- what it says when it is asked to let go ---- */

static void
remember(const struct dma_block *b)
{
	for (; b; b = b->next)
		vdev.old[vdev.n_old++] = (typeof(vdev.old[0])){ b->base, b->bytes, vdev.kind };
}

static bool
may_keep(const struct dma_reach *r)
{
	unsigned n = vdev.n_old + !!r->rx_mem + !!r->tx_mem;

	for (const struct dma_block *b = r->ctrl; b; b = b->next)
		n++;
	return fuzz_current && vdev.keeps && n <= VDEV_OLD;
}

int
vdev_let_go(struct virtio_dev *vd)
{
	const struct dma_reach *r = &vd->nic.port.reach;

	for (unsigned i = 0; i < FUZZ_QUEUES && fuzz_current; i++)
		if (vdev.ring[i].on)
			vdev_scan(fuzz_current, i);
	for (unsigned i = 0; i <= FUZZ_QUEUES; i++)
		vdev_detach(i);
	vdev.asked = FUZZ_LET_GO;
	if (!may_keep(r))
		return 0;
	vdev.keeps--;
	remember(r->ctrl);
	remember(r->rx_mem);
	remember(r->tx_mem);
	vdev.asked = vdev.kind;
	vdev.slots = r->rx.count + r->tx.count;
	return baton_err(ETIMEDOUT, "the fuzzer's device does not say that it let go");
}

enum fuzz_kept
vdev_asked(struct fuzz *f, uint32_t *slots)
{
	const enum fuzz_kept kept = vdev.asked;

	*slots = kept == FUZZ_LET_GO ? 0 : vdev.slots;
	vdev.asked = FUZZ_LET_GO;
	return kept;
}

bool
vdev_refused(struct fuzz *f)
{
	const bool refused = vdev.refused;

	vdev.refused = false;
	return refused;
}

static void
forget(enum fuzz_kept kind)
{
	unsigned n = 0;

	for (unsigned i = 0; i < vdev.n_old; i++)
		if (vdev.old[i].kind != kind)
			vdev.old[n++] = vdev.old[i];
	vdev.n_old = n;
}

int
vdev_reset(struct virtio_dev *vd)
{
	if (vdev.no_reset) {
		vdev.no_reset--;
		vdev.refused = true;
		return baton_err(ETIMEDOUT, "the fuzzer's device is not reset");
	}
	forget(FUZZ_TILL_RESET);
	dma_quarantine_release(&vd->nic.port.reach.quarantines, "the fuzzer's device has confirmed "
								"a "
								"reset");
	if (fuzz_current)
		fuzz_home(fuzz_current, FUZZ_TILL_RESET);
	return 0;
}

/* ---- the process that has what it did not let go of ---- */

struct mem_holder *
vdev_process(const struct virtio_dev *vd)
{
	int file, ret;

	if (vdev.kind != FUZZ_TILL_END)
		return NULL;
	if (!vdev.holder) {
		vdev.holder = mem_holder_create(vd->nic.port.ctx);
		file = memfd_create("fuzz", MFD_CLOEXEC);
		ret = mem_holder_give(vdev.holder, file, true, &vdev.given);
		if (ret < 0 || mem_holder_evidence(vdev.holder, NULL) == MEM_NO_EVIDENCE)
			fuzz_fail("nothing says who has a memory file: %s", baton_last_error());
		close(file);
	}
	return mem_holder_get(vdev.holder);
}

static void
poll_all(struct fuzz *f, int ms)
{
	while (baton_ctx_poll(f->rig->ctx, ms) > 0)
		ms = 0;
}

static void
process_ends(struct fuzz *f)
{
	if (!vdev.holder)
		return;
	forget(FUZZ_TILL_END);
	close(vdev.given);
	mem_holder_put(vdev.holder);
	vdev.holder = NULL;
	dma_quarantine_ask(f->rig->ctx);
	poll_all(f, 0);
	fuzz_home(f, FUZZ_TILL_END);
}

void
vdev_obey(void)
{
	vdev.keeps = vdev.keeps_ring = vdev.undecided = vdev.no_start = vdev.no_reset = 0;
	vdev.refused = false;
	vdev.asked = FUZZ_LET_GO;
}

void
vdev_obey_all(struct fuzz *f)
{
	vdev_obey();
	process_ends(f);
}

/* ---- away ---- */

/* The workers are out at once, since this thread is all of them; but not before a call of
 * baton_ctx_poll(). */
static void
look(struct fuzz *f, int ms)
{
	struct baton_port *port = f->rig->port;
	const bool was = port->away == PORT_AWAY;

	poll_all(f, ms);
	if (was && port_is_empty(port))
		fuzz_app_settle(f);
}

static void
lost(struct fuzz *f, unsigned how)
{
	struct baton_port *port = f->rig->port;
	const bool news = port->started && !port->away;

	for (unsigned i = 0; i < FUZZ_QUEUES && news; i++) {
		if (vdev.ring[i].on)
			vdev_scan(f, i);
		f->q[i].stuck |= f->q[i].running;
		f->q[i].running = false;
	}
	f->restart = true;
	vdev.undecided = how >> 2 & 1;
	port_lost(port, how & 1);
	if (how & 2)
		look(f, 0);
}

static void
back(struct fuzz *f)
{
	struct baton_port *port = f->rig->port;
	struct virtio_dev *vd = virtio_of(port);

	if (!port->started || !port->away)
		return;
	look(f, vdev.undecided ? 2 : 0);
	if (!port_is_empty(port) || port->info.state == BATON_PORT_REMOVED)
		return;
	f->at = FUZZ_QUEUES;
	for (unsigned i = 0; i < FUZZ_QUEUES; i++)
		fuzz_queue_new(f, i, !f->rig->queue[i]->stopped);
	if (vd->nic.ops->ready(&vd->nic) < 0 || nic_bring_up(&vd->nic) < 0) {
		vdev.refused = false;
		fuzz_app_settle(f);
		port_lost(port, true);
		return;
	}
	port_back(port);
	fuzz_app_back(f);
}

/* ---- what it does to memory that was not confirmed ---- */

static void FUZZ_UNTRACED
spoil(struct fuzz *f, uint8_t value)
{
	for (unsigned p = 0; p < FUZZ_POOLS; p++)
		for (uint32_t b = 0; b < f->rig->pool[p]->view.count; b++)
			if (f->owner[p][b] >= FUZZ_KEPT && f->owner[p][b] < FUZZ_KEPT + FUZZ_KINDS)
				memset(fuzz_room(f, p, b), value,
				       f->rig->pool[p]->view.data_len < 128
					       ? f->rig->pool[p]->view.data_len
					       : 128);
	for (unsigned i = 0; i < vdev.n_old; i++)
		for (size_t at = 0; at + 64 <= vdev.old[i].bytes; at += 256)
			memset(vdev.old[i].base + at, value, 64);
}

/* ---- packets that come in parts ---- */

/* A packet of @segs buffers is promised, and @now of them are there: the driver does not wait for
 * the others, nor believe them later. */
static void
promise(struct fuzz *f, unsigned queue, unsigned how, unsigned cut)
{
	struct vdev_ring *r = &vdev.ring[queue];
	unsigned segs = f->rig->info.rx_max_segs, now;

	if (!(f->rig->head[0] & VIRTIO_HEAD_MRG) || segs < 2 || !fuzz_honest(f, queue))
		return;
	f->act.countdown = 0;
	segs = how & 4 ? segs : 2 + cut % (segs - 1);
	now = how & 8 ? segs - 1 : 1 + cut % (segs - 1);
	vdev_settle(f, queue);
	if (!fuzz_honest(f, queue) || r->n < segs)
		return;
	for (unsigned i = 0; i < segs; i++) {
		const uint16_t id = vdev_pick(r, 0);
		const struct wire_net_header h = { .num_buffers = (uint16_t)segs };

		if (!i)
			vdev_header(f, queue, id, &h);
		vdev_put(r, id, i + 1 < segs ? r->desc[id].len : HDR_LEN + 20);
		if (i + 1 == now)
			vdev_publish(r);
	}
	if (how & 16)
		fuzz_app_peek(f, queue, 8);
	fuzz_must_stop(f, queue, "the rest of a packet", false);
	vdev_publish(r);
	if (how & 32)
		fuzz_app_peek(f, queue, 8);
	fuzz_app_drain(f, queue);
	fuzz_check_sums(f);
}

void
vdev_live(struct fuzz *f, unsigned kind)
{
	const unsigned how = in_u8(&f->in);

	if (kind == 4) {
		spoil(f, (uint8_t)how);
		return;
	}
	if (kind == 7) {
		promise(f, how & 1, how, in_u8(&f->in));
		return;
	}
	if (f->life++ >= STEPS)
		return;
	switch (kind) {
	case 0:
		vdev.keeps = 1 + (how >> 1 & 3);
		vdev.kind = how & 1;
		break;
	case 1:
		vdev.keeps_ring = 1 + (how & 1);
		break;
	case 2:
		lost(f, how);
		break;
	case 3:
		back(f);
		break;
	case 5:
		vdev.no_start = 1;
		vdev.keeps = how & 1;
		vdev.kind = how >> 1 & 1;
		break;
	default:
		if (how & 1)
			vdev.no_reset = 1;
		else
			process_ends(f);
		break;
	}
}
