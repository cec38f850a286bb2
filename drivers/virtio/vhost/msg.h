/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages of the vhost-user protocol ("Vhost-user Protocol", QEMU documentation), as its
 * front-end. */
#ifndef VIRTIO_VHOST_MSG_H
#define VIRTIO_VHOST_MSG_H

#include <stddef.h>
#include <stdint.h>

#include "ioas/given.h"
#include "ioas/ioas.h"
#include "nic/peer.h"
#include "sock/sock.h"
#include "virtio/net/virtio.h"

/* The number that every backend accepts: "Memory regions description". */
#define VHOST_MAX_REGIONS 8

/* An entry of the memory table. The user address is a name only, that the addresses of rings are
 * given by. */
struct vhost_region {
	uint64_t guest_addr, size, user_addr, mmap_offset;
};

enum vhost_state {
	VHOST_AWAY,      /* no connection */
	VHOST_HANDSHAKE, /* connected, and asked for its features; no answer yet */
	VHOST_THERE,     /* features agreed on */
};

/* The channel for requests of the backend (iotlb.c). */
struct vhost_channel {
	struct ctx_source src; /* src.fd: our end, -1: there is none */
	uint8_t in[76];        /* the message being received, `filled` bytes of it */
	uint32_t filled;
	uint32_t owed; /* entries of the memory table that the backend asked for; bits */
	uint32_t dead; /* entries that are not mapped any more; bits */
	const struct vhost_region *leaving; /* the entry that is being removed; or NULL */
	uint64_t misses, ignored;
};

struct vhost_user {
	struct ctx_source src;      /* src.fd: the socket, -1 in VHOST_AWAY */
	struct ctx_source listener; /* server=1; else fd -1 */
	struct ctx_timer tick;      /* what is to be done next about the connection */
	enum vhost_state state;
	struct sock sock;
	uint32_t wait_ms;       /* server=1: for a backend to connect */
	uint64_t deadline_ns;   /* VHOST_HANDSHAKE */
	uint64_t protocol;      /* negotiated protocol features */
	uint64_t without;       /* those offered and not served: not agreed to any more */
	uint64_t without_first; /* `without` of the connection that the port was opened with */
	uint64_t warned;        /* of which of them */
	uint32_t failed;        /* the request at which the connection failed; 0: none */
	uint32_t hung_up_at;    /* the last at which the backend hung up */
	uint8_t failed_ack;     /* its acknowledgement was waited for */
	uint8_t in_ack;         /* one is waited for */
	struct vhost_region region[VHOST_MAX_REGIONS]; /* the memory table, as it was sent last */
	uint32_t n_regions;
	uint64_t alias;         /* our addresses are named with this added, but for the rings' */
	const uint8_t *ring_va; /* where their region begins here, */
	uint64_t ring_bytes;    /* and its size */
	uint64_t reconnects;
	uint32_t failures; /* to come back, one after the other */
	struct vhost_channel channel;
	struct ioas_given given;
	uint8_t iommu_platform; /* the argument; 2: not given */
	uint8_t server, reconnect, open, watched, logged_waiting, logged_unfit, knows_rings;
	struct nic_peer peer;
};

struct vhost_dev {
	struct virtio_dev virtio;
	struct vhost_user vu;
};

DEFINE_CONTAINER(vhost_of, struct vhost_dev, virtio.nic)

enum vhost_request {
	VHOST_GET_FEATURES = 1,
	VHOST_SET_FEATURES = 2,
	VHOST_SET_OWNER = 3,
	VHOST_SET_MEM_TABLE = 5,
	VHOST_SET_VRING_NUM = 8,
	VHOST_SET_VRING_ADDR = 9,
	VHOST_SET_VRING_BASE = 10,
	VHOST_GET_VRING_BASE = 11,
	VHOST_SET_VRING_KICK = 12,
	VHOST_SET_VRING_CALL = 13,
	VHOST_GET_PROTOCOL_FEATURES = 15,
	VHOST_SET_PROTOCOL_FEATURES = 16,
	VHOST_GET_QUEUE_NUM = 17,
	VHOST_SET_VRING_ENABLE = 18,
	VHOST_NET_SET_MTU = 20,
	VHOST_SET_BACKEND_REQ_FD = 21,
	VHOST_IOTLB_MSG = 22,
	VHOST_GET_CONFIG = 24,
	VHOST_SET_STATUS = 39,
	VHOST_GET_STATUS = 40,
};

#define VHOST_BACKEND_IOTLB_MSG 1 /* a request on the channel of the backend's own */

#define VHOST_F_PROTOCOL_FEATURES (1ull << 30)

#define VHOST_PROTOCOL_F_MQ          (1ull << 0)
#define VHOST_PROTOCOL_F_REPLY_ACK   (1ull << 3)
#define VHOST_PROTOCOL_F_NET_MTU     (1ull << 4)
#define VHOST_PROTOCOL_F_BACKEND_REQ (1ull << 5)
#define VHOST_PROTOCOL_F_CONFIG      (1ull << 9)
#define VHOST_PROTOCOL_F_STATUS      (1ull << 16)
/* Stands for VHOST_F_PROTOCOL_FEATURES: all of them. */
#define VHOST_PROTOCOL_ALL           (1ull << 63)

#define VHOST_VERSION    0x1u
#define VHOST_REPLY      0x4u
#define VHOST_NEED_REPLY 0x8u

#define VHOST_MAX_CONFIG 256

enum vhost_iotlb_type {
	VHOST_IOTLB_MISS = 1,
	VHOST_IOTLB_UPDATE = 2,
	VHOST_IOTLB_INVALIDATE = 3,
	VHOST_IOTLB_ACCESS_FAIL = 4,
};

#define VHOST_ACCESS_RO 1
#define VHOST_ACCESS_WO 2

/* "IOTLB message": struct vhost_iotlb_msg of <linux/vhost_types.h>. */
struct vhost_iotlb {
	uint64_t iova, size, user_addr;
	uint8_t perm, type, padding[6];
};

struct vhost_msg {
	uint32_t request, flags, size;
	union {
		uint64_t u64;
		struct {
			uint32_t index, num;
		} state;
		struct {
			uint32_t index, flags;
			uint64_t desc, used, avail, log;
		} addr;
		struct {
			uint32_t count, padding;
			struct vhost_region regions[VHOST_MAX_REGIONS];
		} memory;
		struct {
			uint32_t offset, size, flags;
			uint8_t data[VHOST_MAX_CONFIG];
		} __attribute__((packed)) config;
		struct vhost_iotlb iotlb;
	} __attribute__((packed)) p;
} __attribute__((packed));

#define VHOST_HDR_SIZE offsetof(struct vhost_msg, p)

_Static_assert(VHOST_HDR_SIZE == 12, "vhost-user header");
_Static_assert(sizeof(struct vhost_region) == 32, "vhost-user memory region");
_Static_assert(sizeof(struct vhost_iotlb) == 32, "vhost-user IOTLB message");

/**
 * Send a message; if REPLY_ACK is negotiated, wait for its acknowledgement.
 *
 * @fds: descriptors to pass. Return: 0; -ETIMEDOUT, -ECONNRESET or -EPROTO: the connection is out
 * of step, and closed; -EREMOTEIO if the backend reports a failure.
 */
int vhost_send(struct vhost_dev *vd, struct vhost_msg *msg, const int *fds, unsigned n_fds);

/**
 * Send a message and wait for its reply, which replaces @msg.
 *
 * @least, @most: the valid sizes of its payload. Return: 0; -ETIMEDOUT, -ECONNRESET, -EPROTO.
 */
int vhost_call(struct vhost_dev *vd, struct vhost_msg *msg, uint32_t least, uint32_t most);

/** Requests that set, and get, one number. */
int vhost_get_u64(struct vhost_dev *vd, uint32_t request, uint64_t *value);
int vhost_set_u64(struct vhost_dev *vd, uint32_t request, uint64_t value);

/** The optional feature that a request belongs to; 0: every backend must serve the request. */
uint64_t vhost_feature_of(uint32_t request);

/** The deadline of a request that begins now, in ms of a monotonic clock. */
int64_t vhost_deadline(const struct vhost_dev *vd);

/** Return: 0; -ECONNRESET, and its sentence. */
int vhost_check_connected(const struct vhost_dev *vd);

/** The two halves of vhost_call(). */
int vhost_ask(struct vhost_dev *vd, struct vhost_msg *msg, int64_t deadline);
int vhost_answer(struct vhost_dev *vd, struct vhost_msg *msg, uint32_t least, uint32_t most);

/* ---- iotlb.c ---- */

/** Whether the backend translates addresses by the entries it receives. */
static inline bool
vhost_iotlb_on(const struct vhost_dev *vd)
{
	return vd->virtio.features & VIRTIO_F_ACCESS_PLATFORM;
}

/** The protocol features that an IOTLB needs, if the backend and the user want it; else 0. */
uint64_t vhost_iotlb_wants(const struct vhost_dev *vd, uint64_t offered_protocol);

/**
 * Open the channel for requests of the backend. Return: 0; an error of vhost_send(), or because no
 * descriptor is left.
 */
int vhost_channel_open(struct vhost_dev *vd);
void vhost_channel_close(struct vhost_dev *vd);

/**
 * Serve a bounded number of the backend's requests.
 *
 * @answer_by: one deadline for all answers; 0: another message is being sent, so requests are only
 * recorded. Return: whether there may be more.
 */
bool vhost_channel_serve(struct vhost_dev *vd, int64_t answer_by);

/** A new memory table was sent: drop the requests for the old one. */
void vhost_iotlb_renew(struct vhost_dev *vd);

/**
 * Send all entries to the backend, so that it need not ask. Return: 0; an error of vhost_send().
 */
int vhost_iotlb_push(struct vhost_dev *vd);

/** A mapping is about to end: see ioas_on_unmap(). A backend that does not confirm is disconnected.
 * @arg: the struct virtio_dev. */
void vhost_iotlb_forget(void *arg, const struct ioas_entry *e);

/* ---- conn.c ---- */

/* Of struct virtio_transport, and of struct nic_ops. */
int vhost_check(struct nic_dev *dev, const struct port_arg *args, unsigned n);
int vhost_open(struct nic_dev *dev, const struct port_arg *args, unsigned n);
void vhost_close(struct nic_dev *dev);
int vhost_reset(struct nic_dev *dev);

/**
 * Connect and negotiate, and wait for both as long as the arguments say. Return: 0, also if
 * connected already; a negative errno.
 */
int vhost_connect(struct vhost_dev *vd);

/** Close the connection: the backend hung up, or cannot be sent another message. */
void vhost_disconnect(struct vhost_dev *vd);

/* ---- agree.c: what is agreed ---- */

/** Send the first request of the negotiation. Return: 0; a negative errno. */
int vhost_handshake_begin(struct vhost_dev *vd);

/** Receive its answer, and negotiate features. Return: 0; a negative errno. */
int vhost_handshake_finish(struct vhost_dev *vd);

/**
 * Something failed with @ret: was it a feature that the backend offers, that it does not serve, and
 * that is done without from now on, with one warning?
 *
 * Return: whether another connection is worth a try.
 */
bool vhost_agree_on_less(struct vhost_dev *vd, int ret);

/** Return: @ret; 0 when that says that the backend refused what is done without. */
int vhost_refused(struct vhost_dev *vd, uint32_t request, int ret);

/** Say behind an error @ret at start that the next start does without, if that is so. Return: @ret.
 */
int vhost_next_time(struct vhost_dev *vd, int ret);

/* ---- memory.c ---- */

/** End the port's address space. */
void vhost_drop_space(struct vhost_dev *vd);

/**
 * Get the address of a ring for the backend: a user address, or, for a backend that translates, an
 * address of the device ("Ring addresses").
 */
uint64_t vhost_ring_address(const struct vhost_dev *vd, const void *at);

/* Of struct nic_ops. What is mapped in the address space is what the backend receives. */
int vhost_renew_space(struct nic_dev *dev);
int vhost_publish(struct nic_dev *dev);

#endif
