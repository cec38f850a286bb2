/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The liar: a vhost-user network backend inside the test's own process, honest until told otherwise.
 *
 * A thread of its own answers the socket, because the driver's control calls block on replies. The
 * data path is stepped by the test's thread, call by call, so every test is deterministic. What the
 * driver did wrong as far as the liar can see is kept in liar_driver_error().
 */
#ifndef LIAR_H
#define LIAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "liar_wire.h"

#define LIAR_F_NET_MTU   (1ull << 3)
#define LIAR_F_NET_MAC   (1ull << 5)
#define LIAR_F_MRG_RXBUF (1ull << 15)
#define LIAR_F_MQ        (1ull << 22)
#define LIAR_F_PROTOCOL  (1ull << 30)
#define LIAR_F_VERSION_1 (1ull << 32)
#define LIAR_F_IN_ORDER  (1ull << 35)

#define LIAR_P_MQ        (1ull << 0)
#define LIAR_P_REPLY_ACK (1ull << 3)
#define LIAR_P_MTU       (1ull << 4)
#define LIAR_P_CONFIG    (1ull << 9)
#define LIAR_P_STATUS    (1ull << 16)

#define LIAR_FEATURES    (LIAR_F_VERSION_1 | LIAR_F_PROTOCOL | LIAR_F_MRG_RXBUF)
#define LIAR_PROTOCOL    (LIAR_P_MQ | LIAR_P_REPLY_ACK)

#define LIAR_QUEUES      8
#define LIAR_RX          0 /* virtio-net: receiveq1, transmitq1 */
#define LIAR_TX          1
#define LIAR_HEADER      ((unsigned)sizeof(struct wire_net_header))

struct liar;

struct liar_config {
	const char *path;
	uint64_t features;  /* 0: LIAR_FEATURES */
	uint64_t protocol;  /* 0: LIAR_PROTOCOL */
	uint64_t max_queues; /* GET_QUEUE_NUM; 0: 1 */
	uint16_t mtu;       /* in the config space; 0: 1,500 */
	uint8_t mac[6];     /* in the config space */
	bool deaf;          /* listen, but never accept */
};

/** Start a liar listening at config->path. NULL, with errno, when that fails. */
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
};

/** From now on every reply to @request is a lie. LIAR_HONEST takes it back. */
void liar_lie(struct liar *l, enum wire_request request, enum liar_lie lie, uint64_t value);

/** How many messages of this kind came, over all connections. */
unsigned liar_requests(struct liar *l, enum wire_request request);

/** Wait, a second at most, until nobody is connected. Return: whether that is so. */
bool liar_wait_disconnected(struct liar *l);

/** Close the connection from this side. */
void liar_hang_up(struct liar *l);

/** Features the driver accepted; 0 before it did. */
uint64_t liar_features(struct liar *l);

/** The first thing the driver did against the specifications, or "". */
const char *liar_driver_error(struct liar *l);

/* ---- the rings; from one thread ---- */

/** Set up, enabled, and its addresses lie in the memory table. */
bool liar_ready(struct liar *l, unsigned q);

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

/** Move the used index on by @n, whatever lies in the ring. */
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

#endif
