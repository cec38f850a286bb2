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

int
vdev_let_go(struct virtio_dev *vd)
{
	for (unsigned i = 0; i < FUZZ_QUEUES && fuzz_current; i++)
		vdev_scan(fuzz_current, i);
	for (unsigned i = 0; i <= FUZZ_QUEUES; i++)
		vdev_detach(i);
	if (!fuzz_keeps_all(&vd->nic.port.reach))
		return 0;
	return baton_err(ETIMEDOUT, "the fuzzer's device does not say that it let go");
}

int
vdev_reset(struct virtio_dev *vd)
{
	if (fuzz_refuses(&fuzz_life->no_reset))
		return baton_err(ETIMEDOUT, "the fuzzer's device is not reset");
	fuzz_lets_go(FUZZ_TILL_RESET);
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

	if (fuzz_life->kind != FUZZ_TILL_END)
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

void
vdev_process_ends(struct fuzz *f)
{
	if (!vdev.holder)
		return;
	fuzz_lets_go(FUZZ_TILL_END);
	close(vdev.given);
	mem_holder_put(vdev.holder);
	vdev.holder = NULL;
	dma_quarantine_ask(f->rig->ctx);
	fuzz_home(f, FUZZ_TILL_END);
}

void
vdev_obey(struct fuzz *f)
{
	fuzz_obey();
	vdev_process_ends(f);
}

/* ---- away ---- */

/* The workers are out at once, since this thread is all of them; but not before the control thread
 * has looked. */
void
vdev_lost(struct fuzz *f, unsigned how)
{
	fuzz_away(f);
	fuzz_life->undecided = how >> 2 & 1;
	port_lost(f->rig->port, how & 1);
	if (how & 2)
		fuzz_look(f, 0);
}

void
vdev_back(struct fuzz *f, unsigned how)
{
	struct baton_port *port = f->rig->port;
	struct virtio_dev *vd = virtio_of(port);

	if (!port->started || !port->away)
		return;
	for (unsigned i = 0; i < 2 && !port_is_empty(port); i++)
		fuzz_look(f, 1);
	if (!port_is_empty(port) || port->info.state == BATON_PORT_REMOVED)
		return;
	f->at = FUZZ_QUEUES;
	for (unsigned i = 0; i < FUZZ_QUEUES; i++)
		fuzz_queue_new(f, i, !f->rig->queue[i]->stopped);
	if (vd->nic.ops->ready(&vd->nic) < 0 || nic_bring_up(&vd->nic) < 0) {
		fuzz_life->refused = false;
		fuzz_app_settle(f);
		port_lost(port, true);
		return;
	}
	port_back(port);
	fuzz_app_back(f);
}

/* ---- packets that come in parts ---- */

/* A packet of @segs buffers is promised, and @now of them are there: the driver does not wait for
 * the others, nor believe them later. */
void
vdev_parts(struct fuzz *f, unsigned how)
{
	const unsigned queue = how & 1, cut = in_u8(&f->in);
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
		vdev_put(r, id, i + 1 < segs ? r->desc[id].len : vdev_hdr(f) + 20);
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
