/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device that is another process, at a socket: who has the memory that it was handed
 * (mem/holder.h)?
 *
 * A connection has a holder. When the connection is lost, its rings are emptied once the holder is
 * known to be done with the buffers in them. That is asked for up to a second before the next
 * process gets the memory, since somebody may still have it then for a moment; after that the
 * buffers go into quarantine, which goes on asking, and the next one is served.
 *
 * A process that is known by a pidfd is no evidence, since it may have left its memory to a child,
 * or never was the one that served. Its end only says that waiting longer is of no use.
 *
 * Rings and slots are made for each connection, in files of their own, and are let go at once: who
 * still writes to them writes to nothing of ours. Control thread.
 */
#ifndef BATON_NIC_PEER_H
#define BATON_NIC_PEER_H

#include "nic/nic.h"

struct nic_peer {
	const char *where;         /* for messages: "the backend at /tmp/s0" */
	struct mem_holder *holder; /* the process that is connected, or was last */
	struct mem_holder *old;    /* whose rings these are, if orphaned; until they are empty */
	uint32_t patience_ms;      /* before the next one gets the memory */
	uint64_t ended_ns; /* when the process of `old` was seen to have ended; 0: not yet */
	uint8_t orphaned;  /* the rings are those of a process whose connection is gone: old */
	uint8_t final;     /* hangup=final */
	uint8_t hung_up;   /* it was `old` that closed the connection, not we */
	uint8_t logged, short_logged;
};

/** Set dev->peer, by the arguments: hangup=. @where: stays valid. Return: 0; -EINVAL. */
int nic_peer_init(struct nic_dev *dev, struct nic_peer *peer, const char *where,
		  const struct port_arg *args, unsigned n);

/** There is a new connection, @fd. */
void nic_peer_connected(struct nic_dev *dev, int fd);

/**
 * Get the descriptor to hand over for a mapping that begins at @va; the caller closes it.
 *
 * Return: 0; -EMFILE, -ENFILE, -ENOMEM.
 */
int nic_peer_give(struct nic_dev *dev, const void *va, int fd, int *out);

/** Say once a connection what can be known of its end; all of the memory was handed over. */
void nic_peer_log(struct nic_dev *dev);

/** The connection @fd is about to be closed, and the rings are not empty. */
void nic_peer_orphan(struct nic_dev *dev, int fd);

/** Whatever the process before this one held is accounted for. */
void nic_peer_adopt(struct nic_dev *dev);

/** The device is closed, or could not be opened. */
void nic_peer_close(struct nic_dev *dev);

/** It did not answer: does anybody have its memory? Waits for up to 100 ms. Return: whether nobody
 * has. */
bool nic_peer_wait(struct nic_dev *dev);

/**
 * May the port go on, with what is in quarantine? Return: 0; -EAGAIN, not yet; -ENOBUFS, never. The
 * log says why.
 */
int nic_peer_check(struct nic_dev *dev);

/* Of struct nic_ops. */
int nic_peer_lost(struct nic_dev *dev);
struct mem_holder *nic_peer_holder(const struct nic_dev *dev);

#define NIC_PEER_OPS .lost = nic_peer_lost, .holder = nic_peer_holder

#endif
