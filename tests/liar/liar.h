/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The liar: a vhost-user network backend inside the test's own process, honest until told
 * otherwise.
 *
 * A thread of its own answers the socket and the control queue, because the driver's control calls
 * block on replies. The data path is stepped by the test's thread, call by call, so every test is
 * deterministic. What the driver did wrong as far as the liar can see is kept in
 * liar_driver_error().
 */
#ifndef LIAR_H
#define LIAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "liar_wire.h"

#define LIAR_F_CSUM       (1ull << 0)
#define LIAR_F_GUEST_CSUM (1ull << 1)
#define LIAR_F_NET_MTU    (1ull << 3)
#define LIAR_F_NET_MAC    (1ull << 5)
#define LIAR_F_MRG_RXBUF  (1ull << 15)
#define LIAR_F_STATUS     (1ull << 16)
#define LIAR_F_CTRL_VQ    (1ull << 17)
#define LIAR_F_CTRL_RX    (1ull << 18)
#define LIAR_F_CTRL_VLAN  (1ull << 19)
#define LIAR_F_MQ         (1ull << 22)
#define LIAR_F_CTRL_MAC   (1ull << 23)
#define LIAR_F_PROTOCOL   (1ull << 30)
#define LIAR_F_VERSION_1  (1ull << 32)
#define LIAR_F_ACCESS     (1ull << 33)
#define LIAR_F_IN_ORDER   (1ull << 35)

#define LIAR_P_MQ          (1ull << 0)
#define LIAR_P_REPLY_ACK   (1ull << 3)
#define LIAR_P_MTU         (1ull << 4)
#define LIAR_P_BACKEND_REQ (1ull << 5)
#define LIAR_P_CONFIG      (1ull << 9)
#define LIAR_P_STATUS      (1ull << 16)

#define LIAR_FEATURES (LIAR_F_VERSION_1 | LIAR_F_PROTOCOL | LIAR_F_MRG_RXBUF)
#define LIAR_PROTOCOL (LIAR_P_MQ | LIAR_P_REPLY_ACK)

#define LIAR_F_CTRL (LIAR_F_CTRL_VQ | LIAR_F_CTRL_RX | LIAR_F_CTRL_VLAN | LIAR_F_CTRL_MAC)

#define LIAR_PAIRS     8
#define LIAR_QUEUES    (2 * LIAR_PAIRS + 1)
#define LIAR_RX        0 /* virtio-net: receiveq1, transmitq1 */
#define LIAR_TX        1
#define LIAR_RXQ(pair) (2 * (pair))
#define LIAR_TXQ(pair) (2 * (pair) + 1)
#define LIAR_HEADER    ((unsigned)sizeof(struct wire_net_header))

struct liar;

struct liar_config {
	const char *path;
	uint64_t features;   /* 0: LIAR_FEATURES */
	uint64_t protocol;   /* 0: LIAR_PROTOCOL */
	uint64_t max_queues; /* queue pairs, GET_QUEUE_NUM; 0: 1 */
	uint16_t mtu;        /* in the config space; 0: 1,500 */
	uint8_t mac[6];      /* in the config space */
	bool deaf;           /* listen, but never accept */
	bool connect;     /* do not listen: connect to path, as often as it takes, and again after a
			     hang-up */
	bool polls;       /* tell the driver that kicks are not needed */
	bool no_control;  /* do not serve the control queue that the features offer */
	bool keep_memory; /* keep the descriptors of the memory table, for liar_truncate() */
};

/** Start a liar listening at, or connecting to, config->path. NULL, with errno, when that fails. */
struct liar *liar_start(const struct liar_config *config);

/** Close everything, join the thread, remove the socket. */
void liar_stop(struct liar *l);

/* ---- the protocol ---- */

enum liar_lie {
	LIAR_HONEST,
	LIAR_VALUE,     /* the first 64 bits of the reply's payload are `value` */
	LIAR_NUM,       /* a vring state's num is `value`, its index stays */
	LIAR_SIZE,      /* header.size, and that many bytes (at most 512) of payload, are `value` */
	LIAR_SIZE_ONLY, /* header.size is `value`, the payload as it should be */
	LIAR_REQUEST,   /* header.request is `value` */
	LIAR_FLAGS,     /* header.flags are `value` */
	LIAR_TRUNCATE,  /* only the first `value` bytes, then silence */
	LIAR_CLOSE,     /* only the first `value` bytes, then the socket is closed */
	LIAR_SILENT,    /* no reply */
	LIAR_FDS,       /* `value` (at most 8) file descriptors come with the reply */
	LIAR_TWICE,     /* the reply comes twice */
	LIAR_DRIP,      /* one byte every `value` ms */
	LIAR_LATE,      /* the reply comes after `value` ms */
	LIAR_MISSES,    /* before the reply, `value` IOTLB misses, blocking until there is room for
			   them */
	LIAR_STARVED,   /* the same, and the reply waits until they are answered */
	LIAR_SLOW,      /* every such request is looked at only after `value` ms */
	LIAR_HALF,      /* the socket is closed when only the header of the request was read */
};

/** From now on every reply to @request is a lie. LIAR_HONEST takes it back. */
void liar_lie(struct liar *l, enum wire_request request, enum liar_lie lie, uint64_t value);

/** How many messages of this kind came, over all connections. */
unsigned liar_requests(struct liar *l, enum wire_request request);

/** Wait, a second at most, until nobody is connected. Return: whether that is so. */
bool liar_wait_disconnected(struct liar *l);

/** Wait, @ms at most, until the first @pairs queue pairs can be used. Return: whether that is so.
 */
bool liar_wait_ready(struct liar *l, unsigned pairs, unsigned ms);

/** Close the connection from this side. */
void liar_hang_up(struct liar *l);

/** Connections there have been. */
unsigned liar_connections(struct liar *l);

/** From now on accept (or make) no connection; or do so again. */
void liar_set_deaf(struct liar *l, bool deaf);

/** What the next connection is offered. */
void liar_set_features(struct liar *l, uint64_t features);
void liar_set_max_queues(struct liar *l, uint64_t pairs);

/** The link's state in the config space. Nothing tells the driver. */
void liar_set_link(struct liar *l, bool up);

/** Features the driver accepted; 0 before it did. */
uint64_t liar_features(struct liar *l);

/** The first thing the driver did against the specifications, or "". */
const char *liar_driver_error(struct liar *l);

/* ---- hostile acts ---- */

/** Close the descriptor that wakes the driver for a queue. */
void liar_close_call(struct liar *l, unsigned q);

/** Unmap all memory that was shared; nothing works until there is a new table. */
void liar_unmap(struct liar *l);

/** Cut every memory file to nothing. Needs keep_memory. Return: how many that worked for. */
unsigned liar_truncate(struct liar *l);

/** Punch a hole into every memory file: its first @bytes of @skip on. Needs keep_memory. Return:
 * how many that worked for. */
unsigned liar_punch(struct liar *l, uint64_t skip, uint64_t bytes);

/* ---- the IOTLB: with LIAR_F_ACCESS and LIAR_P_BACKEND_REQ the liar reaches nothing that it was
 * not told ---- */

/** Forget all entries, as a cache may. What is needed is asked for again; rings that are in use
 * stay so. */
void liar_iotlb_forget(struct liar *l);

/** The entries. Return: how many there are. */
unsigned liar_iotlb(struct liar *l, struct wire_iotlb *out, unsigned n);

/** How many messages of this type came, over all connections. */
unsigned liar_iotlb_messages(struct liar *l, enum wire_iotlb_type type);

/** Try to reach @len bytes at any address; what is missing is asked for, once. Return: whether it
 * could. */
bool liar_touch(struct liar *l, uint64_t iova, uint64_t len, bool write);

/** Ask for @n addresses, @step apart, without waiting. Return: how many there was room for. */
unsigned liar_flood(struct liar *l, uint64_t iova, uint64_t step, unsigned n);

/** Say anything on the channel, with descriptors. Return: whether there was room. */
bool liar_channel_send(struct liar *l, const void *bytes, size_t len, unsigned n_fds);

/** What came back there within @ms. Return: as recv(); -1: nothing. */
ssize_t liar_channel_receive(struct liar *l, void *bytes, size_t len, unsigned ms);

/** Close the liar's end of it. */
void liar_channel_close(struct liar *l);

/* ---- the control queue, virtio 1.2 section 5.1.6.5; served by the liar's own thread ---- */

struct liar_command {
	uint8_t class, command;
	uint16_t len;
	uint8_t data[1024]; /* what follows those two */
};

enum liar_control_lie {
	LIAR_CONTROL_HONEST,
	LIAR_CONTROL_ACK,    /* the status is `value` */
	LIAR_CONTROL_SILENT, /* the command is read, and never completed */
	LIAR_CONTROL_LATE,   /* completed after `value` ms */
	LIAR_CONTROL_ID,     /* the used element's id is `value` */
	LIAR_CONTROL_LEN,    /* the used element's len is `value` */
	LIAR_CONTROL_AHEAD,  /* the used index goes on by `value`, not by one */
	LIAR_CONTROL_BLANK,  /* completed without a status written */
};

void liar_control_lie(struct liar *l, enum liar_control_lie lie, uint32_t value);

/** Commands seen, whatever was answered; over all connections. */
unsigned liar_commands(struct liar *l);

/** The command before @ago others, 0: the last. False when it is not remembered. */
bool liar_command(struct liar *l, unsigned ago, struct liar_command *command);

/* ---- the rings; from one thread ---- */

/** Set up, enabled, and its addresses lie in the memory table. */
bool liar_ready(struct liar *l, unsigned q);

/** Does the driver run this ring: started, and not stopped by GET_VRING_BASE? */
bool liar_runs(struct liar *l, unsigned q);

/** Notifications the driver sent for a queue, and wake-ups sent to it; over all connections. */
uint64_t liar_kicks(struct liar *l, unsigned q);
uint64_t liar_calls(struct liar *l, unsigned q);

/** Entries of the ring. */
unsigned liar_queue_size(struct liar *l, unsigned q);

/** Chains made available and not yet popped. */
unsigned liar_available(struct liar *l, unsigned q);

/** Take the next available chain. Return: its head, or -1 when there is none. */
int liar_pop(struct liar *l, unsigned q);

/** Room in bytes of the chain that begins at @head; 0 for one that is against the rules. */
size_t liar_room(struct liar *l, unsigned q, unsigned head);

/** Write to, or read from, byte @off on of a chain. Return: bytes moved. */
size_t liar_write(struct liar *l, unsigned q, unsigned head, size_t off, const void *bytes,
		  size_t len);
size_t liar_read(struct liar *l, unsigned q, unsigned head, size_t off, void *bytes, size_t len);

/** Write a used element at the liar's own position + @ahead; nothing is published. */
void liar_put(struct liar *l, unsigned q, unsigned ahead, uint32_t id, uint32_t len);

/** Move the used index on by @n, whatever lies in the ring; wake the driver unless it said not to.
 */
void liar_publish(struct liar *l, unsigned q, unsigned n);

/** Set the published index to anything; the liar goes on from there. */
void liar_set_used_idx(struct liar *l, unsigned q, uint16_t idx);
uint16_t liar_used_idx(struct liar *l, unsigned q);

/** liar_put() and liar_publish() of one completion. */
void liar_complete(struct liar *l, unsigned q, uint32_t id, uint32_t len);

/**
 * Receive a frame honestly: header, as many buffers as it takes (one without MRG_RXBUF), used
 * elements in order, published at once. Return: buffers used; -1 when there were not enough.
 */
int liar_rx_inject(struct liar *l, unsigned q, const void *frame, size_t len);

/** A frame in one popped buffer with any num_buffers; not completed. Return: head, or -1. */
int liar_rx_write(struct liar *l, unsigned q, const void *frame, size_t len, uint16_t num_buffers);

/**
 * Pop one transmitted chain and copy what it says; not completed.
 *
 * @header: receives the 12 bytes before the frame. @len: in: room, out: the frame's bytes.
 * Return: the head, or -1 when there is none.
 */
int liar_tx_collect(struct liar *l, unsigned q, struct wire_net_header *header, void *frame,
		    size_t *len);

/**
 * Send up to @n transmitted frames of a queue pair back on its receive queue, honestly and in
 * order. A frame without room there is dropped, or, when @keep, waits. Return: frames taken off the
 * transmit queue.
 */
unsigned liar_echo(struct liar *l, unsigned pair, unsigned n, bool keep);

#endif
