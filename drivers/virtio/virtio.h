/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * virtio-net: a port, its split rings, and the transport that connects them to a device. The rings
 * know nothing of the transport but virtio_notify(); the transport knows nothing of packets.
 */
#ifndef VIRTIO_VIRTIO_H
#define VIRTIO_VIRTIO_H

#include <unistd.h>

#include "base/event.h"
#include "nic/bursts_decl.h"
#include "regs.h"
#include "virtio_pci.h"

/*
 * A split ring (virtio 1.2, section 2.7); its codecs are in split.h.
 */
struct virtq {
	struct nic_queue nq;

	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	const shared16 *notify_flags; /* flags of `used`; with EVENT_IDX: zeros of our own */
	uint16_t kick_idx; /* EVENT_IDX: entries published at the last decision whether to notify */
	uint8_t event_idx; /* VIRTIO_F_EVENT_IDX was negotiated: positions in place of flags */
	uint8_t feature_in_order; /* VIRTIO_F_IN_ORDER was negotiated */
	uint8_t csum;             /* TX: VIRTIO_NET_F_CSUM was */

	/* TX */
	uint16_t batch_end;    /* IN_ORDER: elements checked up to here */
	uint16_t avail_offset; /* avail position p names descriptor (p + avail_offset) & mask, */
	uint32_t avail_run;    /* for this many positions */
	uint64_t hdr_iova;     /* a header of zeros, for packets without headroom */

	int kick_fd;         /* eventfd to notify the device; the device writes to q.wake_fd */
	struct pci_reg bell; /* PCI: its doorbell, in place of kick_fd; len 0: none */
	uint8_t no_wake;     /* the device has no interrupt left for it */
	uint16_t vring;      /* its number for the transport */
	uint8_t idle;        /* stopped, but running for the device, and empty */
};

struct mem_holder;
struct virtio_dev;

/* Control thread only. All return 0 or a negative errno with its sentence. */
struct virtio_transport {
	int (*open)(struct virtio_dev *vd, const struct port_arg *args, unsigned n);
	/* Parse them, and open nothing. NULL: the transport has none of its own. */
	int (*check)(struct virtio_dev *vd, const struct port_arg *args, unsigned n);
	void (*close)(struct virtio_dev *vd);
	/* Which device it is, for people. */
	void (*describe)(const struct virtio_dev *vd, char *text, size_t room);
	void (*xstats)(const struct virtio_dev *vd, struct port_xstats *list);
	uint32_t last_ring; /* the highest number of a ring that it has a word for; 0: any */
};

extern const struct nic_ops vhost_user_ops, virtio_pci_ops;
extern const struct port_ops
	virtio_port_ops; /* the ops of every driver whose priv is one of these */

/* The vhost-user transport's own. */
#define VHOST_MAX_REGIONS                                                                          \
	8 /* the number that every backend accepts: "Memory regions description" */

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

/* The channel for requests of the backend (vhost_iotlb.c). */
struct vhost_channel {
	struct ctx_source src; /* src.fd: our end, -1: there is none */
	uint8_t in[76];        /* the message being received, `filled` bytes of it */
	uint32_t filled;
	uint32_t owed; /* entries of the memory table that the backend asked for; bits */
	uint32_t dead; /* entries that are not mapped any more; bits */
	const struct vhost_region *leaving; /* the entry that is being removed; or NULL */
	uint64_t misses, ignored;
};

/* The files of memory that the backend received (vhost_holes.c), as they were at the last look. */
struct vhost_files {
	struct {
		uint64_t dev, ino, blocks;
	} file[VHOST_MAX_REGIONS];
	uint32_t n;
	uint8_t warned_unsealed;
	uint64_t holes; /* times that pages were found missing */
	struct ctx_timer poll;
};

/* The end of backends (vhost_end.c). */
struct vhost_end {
	struct mem_holder *holder; /* the backend that is connected, or was last */
	struct mem_holder *old;    /* whose rings these are, if orphaned; until they are empty */
	uint32_t patience_ms;      /* before the next backend gets the memory */
	uint64_t ended_ns; /* when the process of `old` was seen to have ended; 0: not yet */
	uint8_t final;     /* hangup=final */
	uint8_t hung_up;   /* it was `old` that closed the connection, not we */
	uint8_t logged, short_logged;
};

/* One user a socket (vhost_lock.c). */
struct vhost_lock {
	int table, dir; /* descriptors whose locks say that the path is in use; -1: none */
	int name;       /* an abstract socket that says so; -1: none */
	uint8_t has_socket;
	int64_t socket_key; /* of the lock for the socket that is connected to */
};

#define VHOST_UNSET UINT32_MAX

/* server=1: who may connect (vhost_server.c); each VHOST_UNSET if it was not given. */
struct vhost_mode {
	uint32_t mode, group, owner;
};

#define VHOST_PATH 108 /* room for a socket's path, with its NUL: sockaddr_un.sun_path */

struct vhost_user {
	struct ctx_source src;      /* src.fd: the socket, -1 in VHOST_AWAY */
	struct ctx_source listener; /* server=1; else fd -1 */
	struct ctx_timer tick;      /* what is to be done next about the connection */
	enum vhost_state state;
	struct vhost_lock lock;
	struct vhost_mode mode;
	uint64_t made_dev, made_ino; /* server=1: the socket that was made */
	uint32_t wait_ms;            /* server=1: for a backend to connect */
	uint64_t deadline_ns;        /* VHOST_HANDSHAKE */
	uint64_t protocol;           /* negotiated protocol features */
	uint64_t without;            /* those offered and not served: not agreed to any more */
	uint64_t without_first;      /* `without` of the connection that the port was opened with */
	uint64_t warned;             /* of which of them */
	uint32_t failed;             /* the request at which the connection failed; 0: none */
	uint32_t hung_up_at;         /* the last at which the backend hung up */
	uint8_t failed_ack;          /* its acknowledgement was waited for */
	uint8_t in_ack;              /* one is waited for */
	struct vhost_region region[VHOST_MAX_REGIONS]; /* the memory table, as it was sent last */
	uint32_t n_regions;
	uint64_t alias;         /* our addresses are named with this added, but for the rings' */
	const uint8_t *ring_va; /* where their region begins here, */
	uint64_t ring_bytes;    /* and its size */
	uint64_t reconnects;
	uint32_t failures; /* to come back, one after the other */
	struct vhost_channel channel;
	struct vhost_files files;
	uint8_t iommu_platform; /* the argument; 2: not given */
	uint8_t server, reconnect, open, watched, logged_waiting, logged_unfit, knows_rings;
	uint8_t orphaned; /* the rings are those of a backend whose connection is gone: end.old */
	struct vhost_end end;
	char path[VHOST_PATH];
};

/** The names of all that have one, each with a space before it. */
void virtio_feature_names(uint64_t features, char *text, size_t room);

/** Append the counters of the transport. */
void vhost_xstats(const struct virtio_dev *vd, struct port_xstats *list);

#define CTRL_MACS NIC_MAX_MACS

/* The control queue (ctrl.c). */
struct virtio_ctrl {
	struct virtq vq;
	struct virtio_ctrl_block *block; /* in the ring memory, at offset */
	uint32_t offset;
	enum {
		CTRL_UNUSED, /* the device does not know its ring */
		CTRL_RUNS,
		CTRL_DEAD, /* not answered, or not correctly: not used again */
	} state;
	uint8_t has_fds;
};

struct virtio_dev {
	struct nic_dev nic;
	const struct virtio_transport *tp;
	uint64_t offered;
	uint64_t features;           /* negotiated */
	uint64_t config_features;    /* those whose fields in the configuration space were read */
	uint64_t first;              /* features of the first device: a later one gets no more */
	uint64_t forbidden;          /* features that the user's arguments exclude */
	uint8_t scalar;              /* vectorized=0 */
	uint32_t timeout_ms;         /* for a reply */
	uint64_t max_pairs;          /* queue pairs the device has */
	char where[128];             /* for messages: "the backend at /tmp/s0" */
	uint64_t transport_features; /* features that the transport needs, out of those offered */
	struct virtio_pci vp;
	struct virtio_ctrl ctrl;
	struct vhost_user vu;
};

static inline struct virtq *
virtq_of_nic(struct nic_queue *nq)
{
	return (struct virtq *)(void *)nq;
}

static inline const struct virtq *
virtq_of_nic_const(const struct nic_queue *nq)
{
	return (const struct virtq *)(const void *)nq;
}

static inline struct virtq *
virtq_of(struct baton_queue *q)
{
	return (struct virtq *)(void *)q;
}

static inline const struct virtq *
virtq_of_const(const struct baton_queue *q)
{
	return (const struct virtq *)(const void *)q;
}

static inline struct virtio_dev *
virtio_of(struct baton_port *port)
{
	return (struct virtio_dev *)(void *)port;
}

static inline struct virtio_dev *
virtio_of_nic(struct nic_dev *dev)
{
	return (struct virtio_dev *)(void *)dev;
}

static inline const struct virtio_dev *
virtio_of_nic_const(const struct nic_dev *dev)
{
	return (const struct virtio_dev *)(const void *)dev;
}

BATON_COLD void virtq_kick(struct virtq *vq);

/**
 * Notify the device, unless it named (EVENT_IDX) a position other than those published since the
 * last call.
 */
BATON_COLD void virtq_notify(struct virtq *vq);

/**
 * Initialise the flags, or positions, by which the two sides notify each other; nobody is to be
 * notified yet.
 */
void virtq_events_init(struct virtq *vq, const struct virtio_dev *vd);

/** The field where the device reads at which completion it must wake the driver; with EVENT_IDX. */
static inline void
virtq_wake_at(struct virtq *vq, uint16_t position)
{
	store_le16(&vq->avail->ring[vq->nq.mask + 1u], position);
}

/**
 * Ask the device for a wake-up at its next completion. The caller must then execute a full barrier,
 * and check for a completion.
 */
static inline void
virtq_wake_on(struct virtq *vq)
{
	if (vq->event_idx)
		virtq_wake_at(vq, vq->nq.done);
	else
		store_le16(&vq->avail->flags, 0);
}

/**
 * Ask the device for no wake-up: by a flag, or, with EVENT_IDX, by a position in the past; then it
 * sends one wake-up in 65,536 completions.
 */
static inline void
virtq_wake_off(struct virtq *vq)
{
	if (vq->event_idx)
		virtq_wake_at(vq, (uint16_t)(vq->nq.done - 1));
	else
		store_le16(&vq->avail->flags, VRING_AVAIL_F_NO_INTERRUPT);
}

/* Of struct nic_ops, whatever the transport. Its priv is the struct virtio_transport. */
int virtio_open(struct nic_dev *dev, const struct port_arg *args, unsigned n);
void virtio_close(struct nic_dev *dev);
void virtio_configure(struct nic_dev *dev);
size_t virtio_own_bytes(const struct nic_dev *dev);
void virtio_own_attach(struct nic_dev *dev, size_t offset);
void virtio_stopping(struct nic_dev *dev);
int virtio_ctrl_can(const struct nic_dev *dev, enum nic_setting setting, const char *what);
int virtio_ctrl_rx_mode(struct nic_dev *dev, enum port_rx_mode mode, bool on);
int virtio_ctrl_macs(struct nic_dev *dev, const uint8_t (*macs)[6], unsigned n);
int virtio_ctrl_vlan(struct nic_dev *dev, uint16_t vid, bool on);
int virtio_ctrl_mac(struct nic_dev *dev, const uint8_t mac[6]);

#define VIRTIO_NIC_OPS                                                                             \
	.rx = &split_rx, .tx = &split_tx, .one_buffer_hint = ", or use mrg_rxbuf=0",               \
	.open = virtio_open, .close = virtio_close, .configure = virtio_configure,                 \
	.own_bytes = virtio_own_bytes, .own_attach = virtio_own_attach,                            \
	.stopping = virtio_stopping, .queue_setup = virtq_setup, .queue_release = virtq_release,   \
	.spreads = virtq_spreads, .ring_bytes = virtq_ring_bytes, .ring_attach = virtq_attach,     \
	.kick = virtq_kick_ring, NIC_BURST_OPS(VIRTQ_NAME), .arm = virtq_arm,                      \
	.disarm = virtq_disarm, .can = virtio_ctrl_can, .set_mac = virtio_ctrl_mac,                \
	.set_rx_mode = virtio_ctrl_rx_mode, .set_macs = virtio_ctrl_macs,                          \
	.set_vlan = virtio_ctrl_vlan

/**
 * Choose the bursts for the CPU and the negotiated features: set q->active_burst. Control thread.
 */
void virtq_choose(struct virtq *vq, const struct virtio_dev *vd);

/* Of struct nic_ops. */
size_t virtq_ring_bytes(uint32_t size);
void virtq_attach(struct nic_dev *dev, struct nic_queue *nq);
void virtq_kick_ring(struct nic_queue *nq);

int virtq_setup(struct nic_dev *dev, struct nic_queue *nq);
void virtq_release(struct nic_dev *dev, struct nic_queue *nq);
bool virtq_spreads(const struct nic_dev *dev, const struct nic_queue *nq);
int virtq_arm(struct nic_queue *nq);
void virtq_disarm(struct nic_queue *nq);

#define VIRTQ_NAME(x) virtq_##x
NIC_DECLARE_BURSTS(VIRTQ_NAME);

/* The same bursts, eight packets at a time. */
#define VIRTQ_BURSTS(name) nic_burst name##_avx2, name##_avx512
VIRTQ_BURSTS(virtq_rx_burst);
VIRTQ_BURSTS(virtq_rx_burst_segs);
VIRTQ_BURSTS(virtq_rx_burst_meta);
VIRTQ_BURSTS(virtq_rx_burst_segs_meta);
VIRTQ_BURSTS(virtq_tx_burst);

#endif
