/* SPDX-License-Identifier: BSD-3-Clause */
#include "nic/peer.h"

#include <poll.h>
#include <time.h>

#include "base/export.h"
#include "mem/holder.h"
#include "sock/sock.h"

#define MS          1000000ull
#define PATIENCE_MS 1000
#define AFTER_END   (100 * MS) /* memory of a process that has ended is gone long before that */
#define STOPPING_MS 100u       /* while baton_port_stop() waits */

int
nic_peer_init(struct nic_dev *dev, struct nic_peer *peer, const char *where,
	      const struct port_arg *args, unsigned n)
{
	const char *text = port_arg(args, n, "hangup");

	if (text && strcmp(text, "final") != 0 && strcmp(text, "ask") != 0)
		return baton_err(EINVAL,
				 "argument hangup=%s: ask or final is needed; final promises that "
				 "a backend that hangs up has let go of all memory",
				 text);
	*peer = (struct nic_peer){ .where = where,
				   .patience_ms = PATIENCE_MS,
				   .final = text && !strcmp(text, "final") };
	dev->peer = peer;
	return 0;
}

/* ---- a connection ---- */

void
nic_peer_connected(struct nic_dev *dev, int fd)
{
	struct nic_peer *peer = dev->peer;

	mem_holder_put(peer->holder);
	peer->holder = mem_holder_create(dev->port.ctx);
	peer->logged = 0;
	if (peer->holder)
		mem_holder_set_process(peer->holder, sock_peer_process(fd));
}

int
nic_peer_give(struct nic_dev *dev, const void *va, int fd, int *out)
{
	struct mem_holder *holder = dev->peer->holder;

	if (!holder)
		return baton_err(ENOMEM, "no memory to note what %s is given", dev->peer->where);
	return mem_holder_give(holder, fd, !dma_reach_made(&dev->port.reach, va), out);
}

void
nic_peer_log(struct nic_dev *dev)
{
	struct nic_peer *peer = dev->peer;
	const char *why, *text = "";
	enum mem_evidence evidence = mem_holder_evidence(peer->holder, &why);
	bool watched = mem_holder_process(peer->holder) >= 0;

	if (peer->logged)
		return;
	peer->logged = 1;
	switch (evidence) {
	case MEM_NOTHING_GIVEN:
		port_log(&dev->port, BATON_LOG_INFO,
			 "%s is given rings and slots only, which are new for each backend: "
			 "nothing waits for its end",
			 peer->where);
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
		text = peer->final ? "only a hang-up is seen, and is taken for the end of all use "
				     "of its buffers, as hangup=final says"
				   : "only a hang-up is seen, and nothing tells whether anybody "
				     "still has the buffers it was given: those in its rings will "
				     "stay in quarantine (hangup=final promises that nobody has)";
		break;
	}
	port_log(&dev->port, evidence == MEM_NO_EVIDENCE ? BATON_LOG_WARN : BATON_LOG_INFO,
		 "when %s ends, %s; its process %s%s%s", peer->where, text,
		 watched ? "is watched" : "cannot be watched", why[0] ? "; " : "", why);
}

void
nic_peer_orphan(struct nic_dev *dev, int fd)
{
	struct nic_peer *peer = dev->peer;

	mem_holder_put(peer->old);
	peer->old = peer->holder;
	peer->holder = NULL;
	peer->hung_up = sock_hung_up(fd);
	peer->ended_ns = 0;
	peer->orphaned = 1;
}

void
nic_peer_adopt(struct nic_dev *dev)
{
	mem_holder_put(dev->peer->old);
	dev->peer->old = NULL;
	dev->peer->orphaned = 0;
}

void
nic_peer_close(struct nic_dev *dev)
{
	if (!dev->peer)
		return;
	nic_peer_adopt(dev);
	mem_holder_put(dev->peer->holder);
	dev->peer->holder = NULL;
}

/* ---- asking ---- */

/* A process that was killed closes its sockets some moments before it is gone. */
static bool
process_has_ended(struct nic_peer *peer, uint64_t now)
{
	struct pollfd p = { .fd = mem_holder_process(peer->old), .events = POLLIN };

	if (!peer->ended_ns && p.fd >= 0 && poll(&p, 1, 0) == 1)
		peer->ended_ns = now;
	return peer->ended_ns && now - peer->ended_ns > AFTER_END;
}

/* The user's promise is for what cannot be seen: a lock of the backend's own says better. */
static bool
has_let_go(const struct nic_peer *peer, enum mem_held held)
{
	return held == MEM_FREE || (peer->final && peer->hung_up && held != MEM_HELD);
}

static int
still_held(const struct nic_peer *peer, enum mem_held held)
{
	const char *where = peer->where, *why;

	if (held == MEM_HELD)
		return baton_err(ETIMEDOUT,
				 "%s hung up without letting go, and a process that has its memory "
				 "from it still has it open or mapped",
				 where);
	if (held == MEM_SOMEBODY)
		return baton_err(ETIMEDOUT,
				 "%s hung up without letting go, and somebody still has the memory "
				 "open or mapped, who may have it from that backend",
				 where);
	mem_holder_evidence(peer->old, &why);
	return baton_err(ETIMEDOUT,
			 "%s hung up without letting go, and whether anybody still has its memory "
			 "cannot be seen here (%s); if a hang-up means that nobody has, give "
			 "hangup=final",
			 where, why);
}

int
nic_peer_lost(struct nic_dev *dev)
{
	struct nic_peer *peer = dev->peer;
	enum mem_held held = mem_holder_ask(peer->old);
	uint64_t now = ctx_now_ns(), waited = now - dev->port.away_since;

	/* If it is free now, then for all, and the next backend gets it soon. */
	dma_quarantine_ask(dev->port.ctx);
	if (has_let_go(peer, held))
		return 0;
	if (held != MEM_UNKNOWN &&
	    waited < (dev->port.leaving ? STOPPING_MS : peer->patience_ms) * MS &&
	    !process_has_ended(peer, now))
		return -EAGAIN;
	return still_held(peer, held);
}

bool
nic_peer_wait(struct nic_dev *dev)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	const struct nic_peer *peer = dev->peer;
	enum mem_held held;

	for (unsigned ms = 0;; ms++) {
		held = mem_holder_ask(peer->orphaned ? peer->old : peer->holder);
		if (held == MEM_FREE || (peer->orphaned && has_let_go(peer, held)))
			return true;
		if (held == MEM_UNKNOWN || ms == STOPPING_MS)
			return false;
		nanosleep(&pause, NULL);
	}
}

struct mem_holder *
nic_peer_holder(const struct nic_dev *dev)
{
	return mem_holder_get(dev->peer->orphaned ? dev->peer->old : dev->peer->holder);
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
nic_peer_check(struct nic_dev *dev)
{
	struct nic_peer *peer = dev->peer;
	struct baton_port *port = &dev->port;

	if (port_check_pools(port) == 0) {
		peer->short_logged = 0;
		return 0;
	}
	if (!quarantine_ends(port)) {
		baton_log(port->ctx, BATON_LOG_ERR,
			  "%s is stopped for good: %s; whether anybody still has the buffers in "
			  "quarantine cannot be seen here: start this program again, and open the "
			  "port with hangup=final if a backend that hangs up has let go",
			  port->name, baton_last_error());
		return -ENOBUFS;
	}
	if (!peer->short_logged)
		baton_log(port->ctx, BATON_LOG_ERR,
			  "%s waits with its queues stopped: %s; it goes on when buffers leave "
			  "quarantine: end the processes that backends have left their memory to",
			  port->name, baton_last_error());
	peer->short_logged = 1;
	return -EAGAIN;
}

DRIVER_EXPORT(nic_peer_init);
DRIVER_EXPORT(nic_peer_connected);
DRIVER_EXPORT(nic_peer_give);
DRIVER_EXPORT(nic_peer_log);
DRIVER_EXPORT(nic_peer_orphan);
DRIVER_EXPORT(nic_peer_adopt);
DRIVER_EXPORT(nic_peer_close);
DRIVER_EXPORT(nic_peer_lost);
DRIVER_EXPORT(nic_peer_wait);
DRIVER_EXPORT(nic_peer_holder);
DRIVER_EXPORT(nic_peer_check);
