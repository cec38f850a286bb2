/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The fakedev: a vhost-user network backend inside the test's own process, honest until told
 * otherwise.
 *
 * A thread of its own answers the socket and the control queue, because the driver's control calls
 * block on replies. The data path is stepped by the test's thread, call by call, so every test is
 * deterministic. What the driver did wrong as far as the fakedev can see is kept in
 * fakedev_driver_error().
 */
#ifndef FAKEDEV_H
#define FAKEDEV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "fakedev_wire.h"

#define FAKEDEV_F_CSUM       (1ull << 0)
#define FAKEDEV_F_GUEST_CSUM (1ull << 1)
#define FAKEDEV_F_GUEST_TSO4 (1ull << 7)
#define FAKEDEV_F_GUEST_TSO6 (1ull << 8)
#define FAKEDEV_F_HOST_TSO4  (1ull << 11)
#define FAKEDEV_F_HOST_TSO6  (1ull << 12)
#define FAKEDEV_F_GUEST_USO4 (1ull << 54)
#define FAKEDEV_F_GUEST_USO6 (1ull << 55)
#define FAKEDEV_F_HOST_USO   (1ull << 56)
#define FAKEDEV_F_HASH       (1ull << 57) /* HASH_REPORT */
#define FAKEDEV_F_RSS        (1ull << 60)
#define FAKEDEV_F_NET_MTU    (1ull << 3)
#define FAKEDEV_F_NET_MAC    (1ull << 5)
#define FAKEDEV_F_MRG_RXBUF  (1ull << 15)
#define FAKEDEV_F_STATUS     (1ull << 16)
#define FAKEDEV_F_CTRL_VQ    (1ull << 17)
#define FAKEDEV_F_CTRL_RX    (1ull << 18)
#define FAKEDEV_F_CTRL_VLAN  (1ull << 19)
#define FAKEDEV_F_MQ         (1ull << 22)
#define FAKEDEV_F_CTRL_MAC   (1ull << 23)
#define FAKEDEV_F_EVENT_IDX  (1ull << 29)
#define FAKEDEV_F_PROTOCOL   (1ull << 30)
#define FAKEDEV_F_VERSION_1  (1ull << 32)
#define FAKEDEV_F_ACCESS     (1ull << 33)
#define FAKEDEV_F_IN_ORDER   (1ull << 35)

#define FAKEDEV_P_MQ          (1ull << 0)
#define FAKEDEV_P_REPLY_ACK   (1ull << 3)
#define FAKEDEV_P_MTU         (1ull << 4)
#define FAKEDEV_P_BACKEND_REQ (1ull << 5)
#define FAKEDEV_P_CONFIG      (1ull << 9)
#define FAKEDEV_P_STATUS      (1ull << 16)

#define FAKEDEV_FEATURES (FAKEDEV_F_VERSION_1 | FAKEDEV_F_PROTOCOL | FAKEDEV_F_MRG_RXBUF)
#define FAKEDEV_PROTOCOL (FAKEDEV_P_MQ | FAKEDEV_P_REPLY_ACK)

#define FAKEDEV_F_CTRL                                                                             \
	(FAKEDEV_F_CTRL_VQ | FAKEDEV_F_CTRL_RX | FAKEDEV_F_CTRL_VLAN | FAKEDEV_F_CTRL_MAC)

#define FAKEDEV_PAIRS     8
#define FAKEDEV_QUEUES    (2 * FAKEDEV_PAIRS + 1)
#define FAKEDEV_RX        0 /* virtio-net: receiveq1, transmitq1 */
#define FAKEDEV_TX        1
#define FAKEDEV_RXQ(pair) (2 * (pair))
#define FAKEDEV_TXQ(pair) (2 * (pair) + 1)
#define FAKEDEV_HEADER    ((unsigned)sizeof(struct wire_net_header))

#define FAKEDEV_F_SEGMENTS                                                                         \
	(FAKEDEV_F_CSUM | FAKEDEV_F_GUEST_CSUM | FAKEDEV_F_GUEST_TSO4 | FAKEDEV_F_GUEST_TSO6 |     \
	 FAKEDEV_F_GUEST_USO4 | FAKEDEV_F_GUEST_USO6 | FAKEDEV_F_HOST_TSO4 | FAKEDEV_F_HOST_TSO6 | \
	 FAKEDEV_F_HOST_USO)

struct fakedev;

/* In the config space, with FAKEDEV_F_RSS or FAKEDEV_F_HASH. */
struct fakedev_rss {
	uint8_t key;    /* rss_max_key_size */
	uint16_t table; /* rss_max_indirection_table_length */
	uint32_t types; /* supported_hash_types */
};

struct fakedev_config {
	const char *path;
	uint64_t features;   /* 0: FAKEDEV_FEATURES */
	uint64_t protocol;   /* 0: FAKEDEV_PROTOCOL */
	uint64_t max_queues; /* queue pairs, GET_QUEUE_NUM; 0: 1 */
	uint16_t mtu;        /* in the config space; 0: 1,500 */
	uint8_t mac[6];      /* in the config space */
	struct fakedev_rss rss;
	bool deaf;        /* listen, but never accept */
	bool connect;     /* do not listen: connect to path, as often as it takes, and again after a
			     hang-up */
	bool polls;       /* tell the driver that kicks are not needed */
	bool no_control;  /* do not serve the control queue that the features offer */
	bool keep_memory; /* keep the descriptors of the memory table, for fakedev_truncate() */
};

/** Start a fakedev listening at, or connecting to, config->path. NULL, with errno, when that fails.
 */
struct fakedev *fakedev_start(const struct fakedev_config *config);

/** Close everything, join the thread, remove the socket. */
void fakedev_stop(struct fakedev *l);

/* ---- the protocol ---- */

enum fakedev_lie {
	FAKEDEV_HONEST,
	FAKEDEV_VALUE, /* the first 64 bits of the reply's payload are `value` */
	FAKEDEV_NUM,   /* a vring state's num is `value`, its index stays */
	FAKEDEV_SIZE,  /* header.size, and that many bytes (at most 512) of payload, are `value` */
	FAKEDEV_SIZE_ONLY, /* header.size is `value`, the payload as it should be */
	FAKEDEV_REQUEST,   /* header.request is `value` */
	FAKEDEV_FLAGS,     /* header.flags are `value` */
	FAKEDEV_TRUNCATE,  /* only the first `value` bytes, then silence */
	FAKEDEV_CLOSE,     /* only the first `value` bytes, then the socket is closed */
	FAKEDEV_SILENT,    /* no reply */
	FAKEDEV_FDS,       /* `value` (at most 8) file descriptors come with the reply */
	FAKEDEV_TWICE,     /* the reply comes twice */
	FAKEDEV_DRIP,      /* one byte every `value` ms */
	FAKEDEV_LATE,      /* the reply comes after `value` ms */
	FAKEDEV_MISSES,  /* before the reply, `value` IOTLB misses, blocking until there is room for
			 them */
	FAKEDEV_STARVED, /* the same, and the reply waits until they are answered */
	FAKEDEV_SLOW,    /* every such request is looked at only after `value` ms */
	FAKEDEV_HALF,    /* the socket is closed when only the header of the request was read */
};

/** From now on every reply to @request is a lie. FAKEDEV_HONEST takes it back. */
void fakedev_lie(struct fakedev *l, enum wire_request request, enum fakedev_lie lie,
		 uint64_t value);

/** How many messages of this kind came, over all connections. */
unsigned fakedev_requests(struct fakedev *l, enum wire_request request);

/** Wait, a second at most, until nobody is connected. Return: whether that is so. */
bool fakedev_wait_disconnected(struct fakedev *l);

/** Wait, @ms at most, until the first @pairs queue pairs can be used. Return: whether that is so.
 */
bool fakedev_wait_ready(struct fakedev *l, unsigned pairs, unsigned ms);

/** Close the connection from this side. */
void fakedev_hang_up(struct fakedev *l);

/*
 * A backend that ends leaves its memory to others: from now on the memory of each connection that
 * ends stays mapped, as in a child that it forked.
 */
void fakedev_leave_memory(struct fakedev *l, bool leave);

/** Write @byte to all that was left, as such a child may. Return: bytes. */
size_t fakedev_scribble(struct fakedev *l, uint8_t byte);

/** The child ends. */
void fakedev_drop_left(struct fakedev *l);

/** fork() while nothing of @l changes; the child may use what has no thread: the rings. */
pid_t fakedev_fork(struct fakedev *l);

/** Connections there have been. */
unsigned fakedev_connections(struct fakedev *l);

/** From now on accept (or make) no connection; or do so again. */
void fakedev_set_deaf(struct fakedev *l, bool deaf);

/** What the next connection is offered. */
void fakedev_set_features(struct fakedev *l, uint64_t features);
void fakedev_set_max_queues(struct fakedev *l, uint64_t pairs);

/** The link's state in the config space. Nothing tells the driver. */
void fakedev_set_link(struct fakedev *l, bool up);

/** Features the driver accepted; 0 before it did. */
uint64_t fakedev_features(struct fakedev *l);

/** The first thing the driver did against the specifications, or "". */
const char *fakedev_driver_error(struct fakedev *l);

/* ---- hostile acts ---- */

/** Close the descriptor that wakes the driver for a queue. */
void fakedev_close_call(struct fakedev *l, unsigned q);

/** Unmap all memory that was shared; nothing works until there is a new table. */
void fakedev_unmap(struct fakedev *l);

/** Cut every memory file to nothing. Needs keep_memory. Return: how many that worked for. */
unsigned fakedev_truncate(struct fakedev *l);

/** Punch a hole into every memory file: its first @bytes of @skip on. Needs keep_memory. Return:
 * how many that worked for. */
unsigned fakedev_punch(struct fakedev *l, uint64_t skip, uint64_t bytes);

/* ---- the IOTLB: with FAKEDEV_F_ACCESS and FAKEDEV_P_BACKEND_REQ the fakedev reaches nothing that
 * it was not told ---- */

/** Forget all entries, as a cache may. What is needed is asked for again; rings that are in use
 * stay so. */
void fakedev_iotlb_forget(struct fakedev *l);

/** The entries. Return: how many there are. */
unsigned fakedev_iotlb(struct fakedev *l, struct wire_iotlb *out, unsigned n);

/** How many messages of this type came, over all connections. */
unsigned fakedev_iotlb_messages(struct fakedev *l, enum wire_iotlb_type type);

/** Try to reach @len bytes at any address; what is missing is asked for, once. Return: whether it
 * could. */
bool fakedev_touch(struct fakedev *l, uint64_t iova, uint64_t len, bool write);

/** Ask for @n addresses, @step apart, without waiting. Return: how many there was room for. */
unsigned fakedev_flood(struct fakedev *l, uint64_t iova, uint64_t step, unsigned n);

/** Say anything on the channel, with descriptors. Return: whether there was room. */
bool fakedev_channel_send(struct fakedev *l, const void *bytes, size_t len, unsigned n_fds);

/** What came back there within @ms. Return: as recv(); -1: nothing. */
ssize_t fakedev_channel_receive(struct fakedev *l, void *bytes, size_t len, unsigned ms);

/** Close the fakedev's end of it. */
void fakedev_channel_close(struct fakedev *l);

/* ---- the control queue, virtio 1.2 section 5.1.6.5; served by the fakedev's own thread ---- */

struct fakedev_command {
	uint8_t class, command;
	uint16_t len;
	uint8_t data[1024]; /* what follows those two */
};

enum fakedev_control_lie {
	FAKEDEV_CONTROL_HONEST,
	FAKEDEV_CONTROL_ACK,    /* the status is `value` */
	FAKEDEV_CONTROL_SILENT, /* the command is read, and never completed */
	FAKEDEV_CONTROL_LATE,   /* completed after `value` ms */
	FAKEDEV_CONTROL_ID,     /* the used element's id is `value` */
	FAKEDEV_CONTROL_LEN,    /* the used element's len is `value` */
	FAKEDEV_CONTROL_AHEAD,  /* the used index goes on by `value`, not by one */
	FAKEDEV_CONTROL_BLANK,  /* completed without a status written */
};

void fakedev_control_lie(struct fakedev *l, enum fakedev_control_lie lie, uint32_t value);

/** Commands seen, whatever was answered; over all connections. */
unsigned fakedev_commands(struct fakedev *l);

/** The command before @ago others, 0: the last. False when it is not remembered. */
bool fakedev_command(struct fakedev *l, unsigned ago, struct fakedev_command *command);

/* ---- the rings; from one thread ---- */

/** Set up, enabled, and its addresses lie in the memory table. */
bool fakedev_ready(struct fakedev *l, unsigned q);

/** Does the driver run this ring: started, and not stopped by GET_VRING_BASE? */
bool fakedev_runs(struct fakedev *l, unsigned q);

/** Notifications the driver sent for a queue, and wake-ups sent to it; over all connections. */
uint64_t fakedev_kicks(struct fakedev *l, unsigned q);
uint64_t fakedev_calls(struct fakedev *l, unsigned q);

/** With EVENT_IDX: the position at which the driver wants to be woken, and that at which it shall
 * notify; the second stands until the next chain is popped, which names the one after it. */
uint16_t fakedev_used_event(struct fakedev *l, unsigned q);
void fakedev_set_avail_event(struct fakedev *l, unsigned q, uint16_t position);

/** Entries of the ring. */
unsigned fakedev_queue_size(struct fakedev *l, unsigned q);

/** Chains made available and not yet popped. */
unsigned fakedev_available(struct fakedev *l, unsigned q);

/** Take the next available chain. Return: its head, or -1 when there is none. */
int fakedev_pop(struct fakedev *l, unsigned q);

/** Room in bytes of the chain that begins at @head; 0 for one that is against the rules. */
size_t fakedev_room(struct fakedev *l, unsigned q, unsigned head);

/** Write to, or read from, byte @off on of a chain. Return: bytes moved. */
size_t fakedev_write(struct fakedev *l, unsigned q, unsigned head, size_t off, const void *bytes,
		     size_t len);
size_t fakedev_read(struct fakedev *l, unsigned q, unsigned head, size_t off, void *bytes,
		    size_t len);

/** Write a used element at the fakedev's own position + @ahead; nothing is published. */
void fakedev_put(struct fakedev *l, unsigned q, unsigned ahead, uint32_t id, uint32_t len);

/** Move the used index on by @n, whatever lies in the ring; wake the driver unless it said not to.
 */
void fakedev_publish(struct fakedev *l, unsigned q, unsigned n);

/** Set the published index to anything; the fakedev goes on from there. */
void fakedev_set_used_idx(struct fakedev *l, unsigned q, uint16_t idx);
uint16_t fakedev_used_idx(struct fakedev *l, unsigned q);

/** fakedev_put() and fakedev_publish() of one completion. */
void fakedev_complete(struct fakedev *l, unsigned q, uint32_t id, uint32_t len);

/**
 * Receive a frame honestly: header, as many buffers as it takes (one without MRG_RXBUF), used
 * elements in order, published at once. Return: buffers used; -1 when there were not enough.
 */
int fakedev_rx_inject(struct fakedev *l, unsigned q, const void *frame, size_t len);

/** The same with the other fields of the header; in headers with a hash, that of
 * fakedev_set_hash().
 */
int fakedev_rx_inject_as(struct fakedev *l, unsigned q, const struct wire_net_header *header,
			 const void *frame, size_t len);

/** The hash and the report in the headers of frames from now on. */
void fakedev_set_hash(struct fakedev *l, uint32_t value, uint16_t report);

/** Bytes of the header in front of a frame, by what was negotiated. */
unsigned fakedev_header(struct fakedev *l);

/** A frame in one popped buffer with any num_buffers; not completed. Return: head, or -1. */
int fakedev_rx_write(struct fakedev *l, unsigned q, const void *frame, size_t len,
		     uint16_t num_buffers);

/**
 * Pop one transmitted chain and copy what it says; not completed.
 *
 * @header: receives the 12 bytes before the frame. @len: in: room, out: the frame's bytes.
 * Return: the head, or -1 when there is none.
 */
int fakedev_tx_collect(struct fakedev *l, unsigned q, struct wire_net_header *header, void *frame,
		       size_t *len);

/**
 * Send up to @n transmitted frames of a queue pair back on its receive queue, honestly and in
 * order. A frame without room there is dropped, or, when @keep, waits. Return: frames taken off the
 * transmit queue.
 */
unsigned fakedev_echo(struct fakedev *l, unsigned pair, unsigned n, bool keep);

#endif
