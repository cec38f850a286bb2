/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The end of a backend: who has the memory that it was handed (mem/holder.h)?
 *
 * A connection has a holder. When the connection is lost, its rings are emptied once the holder is
 * known to be done with the buffers in them. That is asked for up to a second before the next
 * backend gets the memory, since somebody may still have it then for a moment; after that the
 * buffers go into quarantine, which goes on asking, and the next backend is served.
 *
 * A process that is known by a pidfd is no evidence, since it may have left its memory to a child,
 * or never was the one that served. Its end only says that waiting longer is of no use.
 *
 * Rings and slots are made for each connection, in files of their own, and are let go at once: who
 * still writes to them writes to nothing of ours.
 */
#include <poll.h>
#include <time.h>

#include "mem/holder.h"
#include "virtio/vhost/msg.h"

#define MS          1000000ull
#define PATIENCE_MS 1000
#define AFTER_END   (100 * MS) /* memory of a process that has ended is gone long before that */
#define STOPPING_MS 100u       /* while baton_port_stop() waits */

int
vhost_end_parse(struct vhost_dev *vd, const struct port_arg *args, unsigned n)
{
	const char *text = port_arg(args, n, "hangup");

	if (text && strcmp(text, "final") != 0 && strcmp(text, "ask") != 0)
		return baton_err(EINVAL,
				 "argument hangup=%s: ask or final is needed; final promises that "
				 "a backend that hangs up has let go of all memory",
				 text);
	vd->vu.end.patience_ms = PATIENCE_MS;
	vd->vu.end.final = text && !strcmp(text, "final");
	return 0;
}

/* ---- a connection ---- */

void
vhost_end_connected(struct vhost_dev *vd)
{
	struct vhost_end *end = &vd->vu.end;

	mem_holder_put(end->holder);
	end->holder = mem_holder_create(vd->virtio.nic.port.ctx);
	end->logged = 0;
	if (end->holder)
		mem_holder_set_process(end->holder, sock_peer_process(vd->vu.src.fd));
}

int
vhost_end_give(struct vhost_dev *vd, const void *va, int fd, int *out)
{
	struct mem_holder *holder = vd->vu.end.holder;

	if (vd->vu.src.fd < 0)
		return baton_err(ECONNRESET, "the backend at %s is not connected",
				 vd->vu.sock.path);
	if (!holder)
		return baton_err(ENOMEM, "no memory to note what the backend at %s is given",
				 vd->vu.sock.path);
	return mem_holder_give(holder, fd, !dma_reach_made(&vd->virtio.nic.port.reach, va), out);
}

void
vhost_end_log(struct vhost_dev *vd)
{
	struct vhost_end *end = &vd->vu.end;
	const char *why, *text = "";
	enum mem_evidence evidence = mem_holder_evidence(end->holder, &why);
	bool watched = mem_holder_process(end->holder) >= 0;

	if (end->logged)
		return;
	end->logged = 1;
	switch (evidence) {
	case MEM_NOTHING_GIVEN:
		port_log(&vd->virtio.nic.port, BATON_LOG_INFO,
			 "the backend at %s is given rings and slots only, which are new for each "
			 "backend: nothing waits for its end",
			 vd->vu.sock.path);
		return;
	case MEM_BY_LEASE:
		text = "a read lease and a lock tell exactly whether anybody still has the buffers "
		       "it was given";
		break;
	case MEM_BY_LEASE_ONLY:
		text = "a read lease tells whether anybody still has the buffers it was given, but "
		       "not while another backend has them too";
		break;
	case MEM_BY_LOCK:
		text = "a lock tells whether anybody still has what it was given, but not whether "
		       "somebody opened the memory anew";
		break;
	case MEM_NO_EVIDENCE:
		text = end->final ? "only a hang-up is seen, and is taken for the end of all use "
				    "of its buffers, as hangup=final says"
				  : "only a hang-up is seen, and nothing tells whether anybody "
				    "still has the buffers it was given: those in its rings will "
				    "stay in quarantine (hangup=final promises that nobody has)";
		break;
	}
	port_log(&vd->virtio.nic.port,
		 evidence == MEM_NO_EVIDENCE ? BATON_LOG_WARN : BATON_LOG_INFO,
		 "when the backend at %s ends, %s; its process %s%s%s", vd->vu.sock.path, text,
		 watched ? "is watched" : "cannot be watched", why[0] ? "; " : "", why);
}

void
vhost_end_orphan(struct vhost_dev *vd)
{
	struct vhost_end *end = &vd->vu.end;

	mem_holder_put(end->old);
	end->old = end->holder;
	end->holder = NULL;
	end->hung_up = sock_hung_up(vd->vu.src.fd);
	end->ended_ns = 0;
	vd->vu.orphaned = 1;
}

void
vhost_end_adopt(struct vhost_dev *vd)
{
	mem_holder_put(vd->vu.end.old);
	vd->vu.end.old = NULL;
	vd->vu.orphaned = 0;
}

void
vhost_end_close(struct vhost_dev *vd)
{
	vhost_end_adopt(vd);
	mem_holder_put(vd->vu.end.holder);
	vd->vu.end.holder = NULL;
}

/* ---- asking ---- */

/* A process that was killed closes its sockets some moments before it is gone. */
static bool
process_has_ended(struct vhost_end *end, uint64_t now)
{
	struct pollfd p = { .fd = mem_holder_process(end->old), .events = POLLIN };

	if (!end->ended_ns && p.fd >= 0 && poll(&p, 1, 0) == 1)
		end->ended_ns = now;
	return end->ended_ns && now - end->ended_ns > AFTER_END;
}

/* The user's promise is for what cannot be seen: a lock of the backend's own says better. */
static bool
has_let_go(const struct vhost_end *end, enum mem_held held)
{
	return held == MEM_FREE || (end->final && end->hung_up && held != MEM_HELD);
}

static int
still_held(const struct vhost_dev *vd, enum mem_held held)
{
	const char *path = vd->vu.sock.path, *why;

	if (held == MEM_HELD)
		return baton_err(ETIMEDOUT,
				 "the backend at %s hung up without letting go, and a process that "
				 "has its memory from it still has it open or mapped",
				 path);
	if (held == MEM_SOMEBODY)
		return baton_err(ETIMEDOUT,
				 "the backend at %s hung up without letting go, and somebody still "
				 "has the memory open or mapped, who may have it from that backend",
				 path);
	mem_holder_evidence(vd->vu.end.old, &why);
	return baton_err(ETIMEDOUT,
			 "the backend at %s hung up without letting go, and whether anybody still "
			 "has its memory cannot be seen here (%s); if a hang-up means that nobody "
			 "has, give hangup=final",
			 path, why);
}

int
vhost_end_lost(struct nic_dev *dev)
{
	struct vhost_dev *vd = vhost_of(dev);
	struct vhost_end *end = &vd->vu.end;
	enum mem_held held = mem_holder_ask(end->old);
	uint64_t now = ctx_now_ns(), waited = now - dev->port.away_since;

	/* If it is free now, then for all, and the next backend gets it soon. */
	dma_quarantine_ask(dev->port.ctx);
	if (has_let_go(end, held))
		return 0;
	if (held != MEM_UNKNOWN &&
	    waited < (dev->port.leaving ? STOPPING_MS : end->patience_ms) * MS &&
	    !process_has_ended(end, now))
		return -EAGAIN;
	return still_held(vd, held);
}

bool
vhost_end_wait(struct vhost_dev *vd)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	const struct vhost_user *vu = &vd->vu;
	enum mem_held held;

	for (unsigned ms = 0;; ms++) {
		held = mem_holder_ask(vu->orphaned ? vu->end.old : vu->end.holder);
		if (held == MEM_FREE || (vu->orphaned && has_let_go(&vu->end, held)))
			return true;
		if (held == MEM_UNKNOWN || ms == STOPPING_MS)
			return false;
		nanosleep(&pause, NULL);
	}
}

struct mem_holder *
vhost_end_holder(const struct nic_dev *dev)
{
	const struct vhost_user *vu = &vhost_of_const(dev)->vu;

	return mem_holder_get(vu->orphaned ? vu->end.old : vu->end.holder);
}

/* ---- how much may be in quarantine ---- */

/* Will any buffer leave quarantine one day, as far as can be seen? */
static bool
quarantine_ends(const struct baton_port *port)
{
	for (unsigned i = 0; i < BATON_MAX_POOLS; i++)
		if (port->ctx->pools[i] && dma_quarantine_ends(port->ctx->pools[i]))
			return true;
	return false;
}

/*
 * What is in quarantine must leave enough for the rings, caches and bursts of all ports that share
 * a pool: else this port would stop them, too.
 */
int
vhost_end_check(struct vhost_dev *vd)
{
	struct vhost_end *end = &vd->vu.end;
	struct baton_port *port = &vd->virtio.nic.port;
	char why[400];

	if (port_check_pools(port) == 0) {
		end->short_logged = 0;
		return 0;
	}
	snprintf(why, sizeof(why), "%s", baton_last_error());
	if (quarantine_ends(port)) {
		if (!end->short_logged)
			baton_log(port->ctx, BATON_LOG_ERR,
				  "%s waits with its queues stopped: %s; it goes on when buffers "
				  "leave quarantine: end the processes that backends have left "
				  "their memory to",
				  port->name, why);
		end->short_logged = 1;
	} else {
		baton_log(port->ctx, BATON_LOG_ERR,
			  "%s is stopped for good: %s; whether anybody still has the buffers in "
			  "quarantine cannot be seen here: start this program again, and open the "
			  "port with hangup=final if a backend that hangs up has let go",
			  port->name, why);
		vd->vu.reconnect = 0;
	}
	return -ENOBUFS;
}
