/* SPDX-License-Identifier: BSD-3-Clause */
/* The application starts and stops queues and the port, of a device that need not let go of them.
 */
#include "fuzz.h"

enum fuzz_kept
fuzz_app_settle(struct fuzz *f)
{
	uint32_t slots = 0;
	enum fuzz_kept kept;

	fuzz_catch_up();
	kept = fuzz_asked(&slots);

	fuzz_emptied(f, kept, slots);
	for (unsigned i = 0; i < FUZZ_QUEUES; i++)
		fuzz_queue_new(f, i, false);
	if (kept != FUZZ_LET_GO)
		f->restart = true;
	return kept;
}

void
fuzz_app_back(struct fuzz *f)
{
	for (unsigned i = 0; i < FUZZ_QUEUES; i++)
		fuzz_queue_new(f, i, !f->rig->queue[i]->stopped);
}

static int
fuzz_queue_stop(const struct fuzz *f, unsigned queue)
{
	return queue < FUZZ_PAIRS ? baton_rxq_stop(fuzz_rxq(f, queue))
				  : baton_txq_stop(fuzz_txq(f, queue));
}

static int
fuzz_queue_start(const struct fuzz *f, unsigned queue)
{
	return queue < FUZZ_PAIRS ? baton_rxq_start(fuzz_rxq(f, queue))
				  : baton_txq_start(fuzz_txq(f, queue));
}

void
fuzz_app_queue_stop(struct fuzz *f, unsigned queue, bool finish)
{
	int ret;

	if (!f->rig->port->started)
		return;
	f->at = queue;
	if (f->rig->port->away) { /* when it is back, this one is not */
		if (fuzz_queue_stop(f, queue) < 0)
			fuzz_fail("queue %u of a device that is away does not stop", queue);
		return;
	}
	if (!f->q[queue].running)
		return;
	if (f->dev->whole) {
		ret = fuzz_queue_stop(f, queue);
		if (ret != -ENOTSUP)
			fuzz_fail("queue %u stops alone: %d", queue, ret);
		return;
	}
	if (finish)
		f->dev->finish(f, queue);
	ret = fuzz_queue_stop(f, queue);
	if (ret < 0 && (ret != -ETIMEDOUT || !fuzz_refused()))
		fuzz_fail("queue %u does not stop", queue);
	if (!ret) {
		fuzz_queue_new(f, queue, false);
		return;
	}
	fuzz_life->kept_ring = false;
	f->q[queue].running = false;
	f->q[queue].stuck = f->restart = true;
}

void
fuzz_app_queue_start(struct fuzz *f, unsigned queue)
{
	int ret;

	if (!f->rig->port->started || f->q[queue].running)
		return;
	if (f->rig->port->away || f->q[queue].stuck) {
		ret = fuzz_queue_start(f, queue);
		if (ret != (f->rig->port->away ? 0 : -EIO))
			fuzz_fail("queue %u starts, and the device has it still: %d", queue, ret);
		return;
	}
	fuzz_queue_new(f, queue, true);
	ret = fuzz_queue_start(f, queue);
	if (f->dev->whole ? ret == -ENOTSUP : !ret) {
		f->q[queue].running = !ret;
		return;
	}
	if (f->dev->whole || (ret != -ENOBUFS && !fuzz_refused()))
		fuzz_fail("queue %u does not start: %d", queue, ret);
	fuzz_queue_new(f, queue, false);
	if (fuzz_life->kept_ring)
		f->q[queue].stuck = f->restart = true;
	fuzz_life->kept_ring = false;
}

void
fuzz_app_port_stop(struct fuzz *f)
{
	const bool had = fuzz_keeps(f);
	enum fuzz_kept kept;
	int ret;

	if (!f->rig->port->started)
		return;
	for (unsigned i = 0; i < FUZZ_QUEUES; i++)
		f->dev->finish(f, i);
	ret = baton_port_stop(f->rig->port);
	kept = fuzz_app_settle(f);
	/* It is said whenever something more went into quarantine. */
	if (ret < 0 ? ret != -ETIMEDOUT || kept == FUZZ_LET_GO
		    : kept != FUZZ_LET_GO && !had && fuzz_keeps(f) && !f->rig->bounced)
		fuzz_fail("the port stops (%d), and the device %s", ret,
			  kept == FUZZ_LET_GO ? "let go" : "did not let go");
	if (f->rig->port->started)
		fuzz_fail("a port that was stopped runs");
}

/* Stopped, and its device had anew. */
void
fuzz_app_port_reset(struct fuzz *f)
{
	const bool was_removed = f->rig->port->info.state == BATON_PORT_REMOVED;
	int ret;

	fuzz_app_port_stop(f);
	ret = baton_port_reset(f->rig->port);
	fuzz_catch_up();
	if (ret < 0 && !fuzz_refused())
		fuzz_fail("the port is not reset: %d", ret);
	if (f->rig->port->info.state !=
	    (ret < 0 && was_removed ? BATON_PORT_REMOVED : BATON_PORT_STOPPED))
		fuzz_fail("a port that was reset (%d) is in state %d", ret,
			  f->rig->port->info.state);
}

void
fuzz_app_port_start(struct fuzz *f)
{
	bool is_gone;
	int ret;

	if (f->rig->port->started)
		return;
	for (unsigned i = 0; i < FUZZ_QUEUES; i++)
		fuzz_queue_new(f, i, true);
	f->at = FUZZ_QUEUES; /* filters are told again, to a device that listens */
	ret = baton_port_start(f->rig->port);
	fuzz_catch_up();
	if (!ret)
		return;
	is_gone = f->rig->port->info.state == BATON_PORT_REMOVED ||
		  (f->dev->is_dead && f->dev->is_dead());
	if (ret != -ENOBUFS && (ret != -ENODEV || !is_gone) && !fuzz_refused())
		fuzz_fail("the port does not start: %d", ret);
	fuzz_app_settle(f);
}

void
fuzz_app_begin(struct fuzz *f)
{
	fuzz_app_port_start(f);
	for (unsigned i = 0; i < FUZZ_QUEUES; i++) {
		fuzz_app_queue_start(f, i);
		if (!f->q[i].running)
			fuzz_fail("a queue of a rig with all buffers home does not start");
	}
	if (!f->rig->bounced != !f->rig->port->reach.rx_mem)
		fuzz_fail("a rig whose packets are copied, or are not, against its will");
}

void
fuzz_app_end(struct fuzz *f)
{
	fuzz_check_sums(f);
	f->dev->obey(f);
	for (unsigned i = 0; i < FUZZ_QUEUES && !f->dev->whole && !f->rig->port->away; i++)
		fuzz_app_queue_stop(f, i, true);
	if (f->restart)
		fuzz_app_port_stop(f);
	if (fuzz_keeps(f) || f->rig->port->info.state == BATON_PORT_REMOVED)
		fuzz_app_port_reset(f);
	fuzz_app_free(f, FUZZ_HELD);
	baton_worker_flush(f->rig->worker);
	fuzz_check_sums(f);
	fuzz_check_home(f);
}

int
fuzz_app_set(struct fuzz *f, unsigned which)
{
	static const uint8_t macs[2][6] = { { 2, 0, 0, 0, 0, 9 }, { 1, 0, 0, 0, 0, 1 } };
	struct baton_port *port = f->rig->port;

	switch (which % 5) {
	case 0:
		return baton_port_set_promisc(port, which & 8);
	case 1:
		return baton_port_set_allmulti(port, which & 8);
	case 2:
		return baton_port_set_macs(port, macs, which >> 3 & 1 ? 2 : 0);
	case 3:
		return baton_port_set_vlan(port, which, which & 8);
	default:
		return baton_port_set_mac(port, macs[0]);
	}
}
