/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages of the vhost-user protocol ("Vhost-user Protocol", QEMU documentation), as its
 * front-end. */
#ifndef VIRTIO_VHOST_MSG_H
#define VIRTIO_VHOST_MSG_H

#include <stddef.h>
#include <stdint.h>

#include "ioas/ioas.h"
#include "virtio.h"

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

enum vhost_backend_request { /* on the backend's own channel */
			     VHOST_BACKEND_IOTLB_MSG = 1,
};

#define VHOST_F_PROTOCOL_FEATURES (1ull << 30)

#define VHOST_PROTOCOL_F_MQ          (1ull << 0)
#define VHOST_PROTOCOL_F_REPLY_ACK   (1ull << 3)
#define VHOST_PROTOCOL_F_NET_MTU     (1ull << 4)
#define VHOST_PROTOCOL_F_BACKEND_REQ (1ull << 5)
#define VHOST_PROTOCOL_F_CONFIG      (1ull << 9)
#define VHOST_PROTOCOL_F_STATUS      (1ull << 16)

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
int vhost_send(struct virtio_dev *vd, struct vhost_msg *msg, const int *fds, unsigned n_fds);

/**
 * Send a message and wait for its reply, which replaces @msg.
 *
 * @size: the only valid size of its payload. Return: 0; -ETIMEDOUT, -ECONNRESET, -EPROTO.
 */
int vhost_call(struct virtio_dev *vd, struct vhost_msg *msg, uint32_t size);

/** As vhost_call(), for a reply of any size up to @most, which is then msg->size. */
int vhost_call_up_to(struct virtio_dev *vd, struct vhost_msg *msg, uint32_t most);

/** Requests that set, and get, one number. */
int vhost_get_u64(struct virtio_dev *vd, uint32_t request, uint64_t *value);
int vhost_set_u64(struct virtio_dev *vd, uint32_t request, uint64_t value);

/** The deadline of a request that begins now, in ms of a monotonic clock. */
int64_t vhost_deadline(const struct virtio_dev *vd);

/** The two halves of vhost_call(). */
int vhost_ask(struct virtio_dev *vd, struct vhost_msg *msg, int64_t deadline);
int vhost_answer(struct virtio_dev *vd, struct vhost_msg *msg, uint32_t size);

/** Read what is there of at most @size bytes, closing descriptors that come with it. Return: as
 * recv(). */
ssize_t vhost_read(int fd, void *buf, size_t size);

/* ---- vhost_iotlb.c ---- */

/** Whether the backend translates addresses by the entries it receives. */
static inline bool
vhost_iotlb_on(const struct virtio_dev *vd)
{
	return vd->features & VIRTIO_F_ACCESS_PLATFORM;
}

/** The protocol features that an IOTLB needs, if the backend and the user want it; else 0. */
uint64_t vhost_iotlb_wants(const struct virtio_dev *vd, uint64_t offered_protocol);

/**
 * Open the channel for requests of the backend. Return: 0; an error of vhost_send(), or because no
 * descriptor is left.
 */
int vhost_channel_open(struct virtio_dev *vd);
void vhost_channel_close(struct virtio_dev *vd);

/**
 * Serve a bounded number of the backend's requests.
 *
 * @answer_by: one deadline for all answers; 0: another message is being sent, so requests are only
 * recorded. Return: whether there may be more.
 */
bool vhost_channel_serve(struct virtio_dev *vd, int64_t answer_by);

/** A new memory table was sent: drop the requests for the old one. */
void vhost_iotlb_renew(struct virtio_dev *vd);

/**
 * Send all entries to the backend, so that it need not ask. Return: 0; an error of vhost_send().
 */
int vhost_iotlb_push(struct virtio_dev *vd);

/** A mapping is about to end: see ioas_on_unmap(). A backend that does not confirm is disconnected.
 * @arg: the struct virtio_dev. */
void vhost_iotlb_forget(void *arg, const struct ioas_entry *e);

/* ---- vhost_holes.c ---- */

/**
 * The backend received what is mapped now: log once what it could do to the files, and watch them.
 */
void vhost_files_given(struct virtio_dev *vd);
void vhost_files_close(struct virtio_dev *vd);

/* ---- vhost_conn.c ---- */

#define VHOST_TIMEOUT_MS                                                                           \
	1200 /* for a reply: DPDK 22.11's vhost looks for its first connection only once a second  \
	      */
#define VHOST_WAIT_MS 30000 /* server=1: for a backend to connect */

/** Parse the arguments. Return: 0 or -EINVAL. */
int vhost_check(struct virtio_dev *vd, const struct port_arg *args, unsigned n);
int vhost_open(struct virtio_dev *vd, const struct port_arg *args, unsigned n);
void vhost_close(struct virtio_dev *vd);
int vhost_reset(struct virtio_dev *vd);

/**
 * Connect and negotiate, and wait for both as long as the arguments say. Return: 0, also if
 * connected already; a negative errno.
 */
int vhost_connect(struct virtio_dev *vd);

/** Close the connection: the backend hung up, or cannot be sent another message. */
void vhost_disconnect(struct virtio_dev *vd);

void vhost_tick(struct ctx_timer *timer);

/* ---- vhost_socket.c ---- */

/**
 * Connect to the backend, as client.
 *
 * @again: it is awaited to come back. Return: 0, and vu.src.fd is the connection; a negative errno;
 * -ENOENT with @again: it is not there.
 */
int vhost_socket_connect(struct virtio_dev *vd, bool again);

/** Listen at the path: vu.listener.fd. Return: 0; -EEXIST, -EADDRINUSE ... */
int vhost_socket_listen(struct virtio_dev *vd);

/** Remove the socket's file, if it is the one that was made. */
void vhost_socket_remove(struct virtio_dev *vd);

/** Accept a backend's connection: vu.src.fd. Return: 0; -EAGAIN if there is none; a negative errno.
 */
int vhost_socket_accept(struct virtio_dev *vd);

/** Wait for a backend to connect, or for a signal. Return: 0; -ETIMEDOUT, -EINTR ... */
int vhost_socket_wait(struct virtio_dev *vd);

/* ---- vhost_path.c ---- */

struct sockaddr_un;
struct stat;
struct text;

/** Append "user root, group kvm, mode 0750". */
void vhost_text_owner(struct text *to, const struct stat *st);

/** Whether this process may access the file, by its effective IDs. @how: W_OK ... */
bool vhost_may(const char *path, int how);

/** Check the text of path= (NULL: not given). Return: 0; -EINVAL. */
int vhost_path_check(const char *path);

/**
 * Look whether there is a socket to connect to; or, for a server, whether one can be made, or be
 * made anew. Return: 0; a negative errno, with what is there instead.
 */
int vhost_path_look(const char *path);
int vhost_path_look_server(const char *path);

/** connect() failed with @err: find out why. Return: a negative errno. */
int vhost_path_refused(const char *path, const struct sockaddr_un *sa, int err);

/** Set the message for a socket that is no stream. Return: -EPROTOTYPE. */
int vhost_wrong_type(const char *path, const struct sockaddr_un *sa);

/* ---- vhost_server.c ---- */

/** Make the path free for a server's socket: remove one that nobody listens at, which a program
 * that was killed has left. Return: 0; a negative errno, with what is in the way. */
int vhost_path_clear(const char *path, const struct sockaddr_un *sa);

/** bind() failed with @err: find out why. Return: a negative errno. */
int vhost_path_not_made(const char *path, int err);

/** Parse socket-mode=, socket-group= and socket-owner=. Return: 0; -EINVAL. */
int vhost_mode_parse(struct virtio_dev *vd, const struct port_arg *args, unsigned n);

/** Give the socket that was bound its owner and mode, and note which file it is. Return: 0; -EPERM,
 * ... */
int vhost_mode_apply(struct virtio_dev *vd);

/** Log where the server listens, and who may connect. */
void vhost_mode_log(const struct virtio_dev *vd);

/** Set the message for a server that nobody connected to: who may. Return: -ETIMEDOUT. */
int vhost_nobody_came(const struct virtio_dev *vd);

/* ---- vhost_lock.c ---- */

void vhost_lock_init(struct virtio_dev *vd);

/** Keep other users off the path until vhost_unlock(). Return: 0; -EBUSY, -ENOENT ... */
int vhost_lock_path(struct virtio_dev *vd);

/** Keep other users off the socket that is about to be connected to, whatever its path is for them,
 * until vhost_unlock_socket(). Return: 0; -EBUSY. */
int vhost_lock_socket(struct virtio_dev *vd);
void vhost_unlock_socket(struct virtio_dev *vd);
void vhost_unlock(struct virtio_dev *vd);

/* ---- vhost_end.c ---- */

int vhost_end_parse(struct virtio_dev *vd, const struct port_arg *args, unsigned n);

/** There is a new connection. */
void vhost_end_connected(struct virtio_dev *vd, int fd);

/**
 * Get the descriptor to hand over for a mapping that begins at @va; the caller closes it.
 *
 * Return: 0; -ECONNRESET, -EMFILE, -ENFILE, -ENOMEM.
 */
int vhost_end_give(struct virtio_dev *vd, const void *va, int fd, int *out);

/** Say once a connection what can be known of the backend's end; its memory table is complete. */
void vhost_end_log(struct virtio_dev *vd);

/** The connection is about to be closed, and the rings are not empty. */
void vhost_end_orphan(struct virtio_dev *vd);

/** Whatever the backend before this one held is accounted for. */
void vhost_end_adopt(struct virtio_dev *vd);
void vhost_end_close(struct virtio_dev *vd);

/** As the transport's lost() and holder(). */
int vhost_end_lost(struct virtio_dev *vd);
struct mem_holder *vhost_end_holder(const struct virtio_dev *vd);

/** The backend did not answer: does anybody have its memory? Waits for up to 100 ms. Return:
 * whether nobody has. */
bool vhost_end_wait(struct virtio_dev *vd);

/** May the port go on, with what is in quarantine? Return: 0; -ENOBUFS, and the log says why; if
 * that cannot end, the port does not connect again. */
int vhost_end_check(struct virtio_dev *vd);

/* ---- vhost_agree.c: what is agreed ---- */

/** Send the first request of the negotiation. Return: 0; a negative errno. */
int vhost_handshake_begin(struct virtio_dev *vd);

/** Receive its answer, and negotiate features. Return: 0; a negative errno. */
int vhost_handshake_finish(struct virtio_dev *vd);

/**
 * Something failed with @ret: was it a feature that the backend offers, that it does not serve, and
 * that is done without from now on, with one warning?
 *
 * Return: whether another connection is worth a try.
 */
bool vhost_agree_on_less(struct virtio_dev *vd, int ret);

/** Return: @ret; 0 when that says that the backend refused what is done without. */
int vhost_refused(struct virtio_dev *vd, uint32_t request, int ret);

/* ---- vhost_user.c: what is said ---- */

/** Create and destroy the port's address space. */
int vhost_make_space(struct virtio_dev *vd);
void vhost_drop_space(struct virtio_dev *vd);

#endif
