/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * virtio-net: a port, its split rings, and the transport that connects them to a device. The rings
 * know nothing of the transport but virtio_notify(); the transport knows nothing of packets.
 */
#ifndef VIRTIO_VIRTIO_H
#define VIRTIO_VIRTIO_H

#include <unistd.h>

#include "base/event.h"
#include "port/driver.h"
#include "regs.h"
#include "virtio_pci.h"

#define SHADOW_NONE 0xffffffffu

/* A shadow entry: {pool:8, buf:24}. */
#define SHADOW(pool, buf) ((uint32_t)(pool) << 24 | (buf))
#define SHADOW_POOL(s)    ((s) >> 24)
#define SHADOW_BUF(s)     ((s)&BATON_MAX_BUFS)

#define TX_MAX_SEGS 32u
#define RX_MAX_SEGS 64u

/*
 * A split ring (virtio 1.2, section 2.7). Completion key: the descriptor index.
 *
 * RX: each descriptor has one buffer. Descriptor flags and lengths never change. While the device
 * completes in order (`in_order`), ring position p uses descriptor p & mask, and the available ring
 * never changes either. After a completion out of order, `order` says which descriptor a position
 * uses, until all descriptors are at their positions again (virtq_rx_reorder()).
 *
 * TX: the descriptors of a packet are at consecutive ring positions, and its key is the first of
 * them.
 */
struct virtq {
	struct baton_queue q;

	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	const shared16 *notify_flags; /* flags of `used`; with EVENT_IDX: zeros of our own */
	uint32_t *shadow;             /* by descriptor: the buffer that it has; private */
	uint16_t mask;
	uint16_t used_idx;  /* completions consumed */
	uint16_t avail_idx; /* entries published */
	uint16_t batch_end; /* IN_ORDER: RX: last position of the open batch; TX: elements checked
			       up to here */
	uint16_t kick_idx; /* EVENT_IDX: entries published at the last decision whether to notify */
	uint8_t event_idx; /* VIRTIO_F_EVENT_IDX was negotiated: positions in place of flags */
	uint8_t feature_in_order; /* VIRTIO_F_IN_ORDER was negotiated */
	uint8_t csum;             /* VIRTIO_NET_F_GUEST_CSUM (RX) or VIRTIO_NET_F_CSUM (TX) was */

	/* RX */
	uint8_t mergeable;
	uint8_t in_order; /* the device completes in the order given, so far */
	uint16_t *order;  /* by ring position: the descriptor posted there, or completed there last;
			     while in_order, p is at p */
	uint32_t displaced;  /* positions of `order` with another descriptor than their own */
	uint32_t turns;      /* completions since the last that was not in the order of posting */
	uint32_t posted_len; /* bytes that the device may write into a buffer, with the header */
	uint16_t post_off;   /* offset of them in the data room: headroom - NET_HDR_LEN */
	uint16_t refill;     /* free descriptors from which on a refill is worth it */
	uint8_t in_batch;    /* IN_ORDER: one element completed the positions up to batch_end */
	uint32_t batch_len;

	/* TX; positions count descriptors and are not masked */
	uint8_t *segs; /* by first descriptor: descriptors of the packet in flight, | TX_DONE */
	uint16_t head, tail;
	uint16_t avail_offset; /* avail position p names descriptor (p + avail_offset) & mask, */
	uint32_t avail_run;    /* for this many positions */
	uint32_t plain_run;    /* descriptors since segs[] was last set to anything but 1 */
	uint64_t hdr_iova;     /* a header of zeros, for packets without headroom */

	/* Bounced (rx_bounce.c, tx_bounce.c): the device sees slots, descriptor i's is number slot0
	 * + i. */
	const struct dma_slots *slots; /* NULL: direct */
	uint32_t slot0;
	uint16_t quota;    /* RX: descriptors posted at most */
	uint32_t *slot_of; /* shared slots: TX: by descriptor; RX: by ring position, what was
			      completed there */
	struct slot_cache *slot_cache; /* TX, shared slots */

	int kick_fd;         /* eventfd to notify the device; the device writes to q.wake_fd */
	struct pci_reg bell; /* PCI: its doorbell, in place of kick_fd; len 0: none */
	uint8_t no_wake;     /* the device has no interrupt left for it */
	uint16_t vring;      /* its number for the transport */
	uint8_t idle;        /* stopped, but running for the device, and empty */
	uint8_t stuck; /* stopped, which the device did not confirm: it may use the ring still, also
			  an empty one */
	uint32_t offset; /* of its rings in the port's ring memory */
};

struct mem_holder;
struct virtio_dev;

/* Control thread only. All return 0 or a negative errno with its sentence. */
struct virtio_transport {
	int (*open)(struct virtio_dev *vd, const struct port_arg *args, unsigned n);
	/* Parse them, and open nothing. NULL: the transport has none of its own. */
	int (*check)(struct virtio_dev *vd, const struct port_arg *args, unsigned n);
	void (*close)(struct virtio_dev *vd);
	/*
	 * Check that the device is available, and that it is the one that the queues were set up
	 * for.
	 */
	int (*ready)(struct virtio_dev *vd);
	/* Tell the device what is mapped in port.reach.ioas. NULL: the device need not be told. */
	int (*publish)(struct virtio_dev *vd);
	/* As in struct port_ops. */
	int (*renew_space)(struct virtio_dev *vd);
	int (*start)(struct virtio_dev *vd, uint64_t features);
	/* Return 0 only if the device has confirmed that it let go. */
	int (*stop)(struct virtio_dev *vd);
	/* Start or stop one ring of a started device; ring_stop returns as `stop`. */
	int (*ring_start)(struct virtio_dev *vd, struct virtq *vq);
	int (*ring_stop)(struct virtio_dev *vd, struct virtq *vq);
	/*
	 * Do what the device needs so that its other rings go on, after a ring was stopped and is
	 * empty. NULL: nothing.
	 */
	void (*ring_idle)(struct virtio_dev *vd, struct virtq *vq);
	/* A device that went away: 0: it can write to nothing any more; -EAGAIN: not yet known;
	 * -ETIMEDOUT: not to be known. */
	int (*lost)(struct virtio_dev *vd);
	/* Who may still write to what was not confirmed: a reference of the caller's own. NULL: the
	 * device. */
	struct mem_holder *(*holder)(const struct virtio_dev *vd);
	/* Drop the device and have it anew. */
	int (*reset)(struct virtio_dev *vd);
};

extern const struct virtio_transport vhost_user_transport, virtio_pci_transport;
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

#define CTRL_MACS 64

enum { CTRL_UNSET, CTRL_OFF, CTRL_ON }; /* of rx_mode */

/* The control queue (ctrl.c), and the settings that the user made through it. */
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
	uint8_t rx_mode[2]; /* by enum port_rx_mode */
	uint8_t n_macs;
	uint8_t mac[6]; /* zeros: not changed */
	uint8_t macs[CTRL_MACS][6];
	uint32_t vlans[4096 / 32];
};

struct virtio_dev {
	struct baton_port port;
	const struct virtio_transport *tp;
	uint64_t offered;
	uint64_t features;        /* negotiated */
	uint64_t config_features; /* those whose fields in the configuration space were read */
	uint64_t first;           /* features of the first device: a later one gets no more */
	uint64_t forbidden;       /* features that the user's arguments exclude */
	uint8_t scalar;           /* vectorized=0 */
	uint8_t unconfirmed; /* a start failed, and the device did not confirm that it let go */
	uint8_t link;        /* as the device has it */
	uint32_t timeout_ms; /* for a reply */
	uint64_t max_pairs;  /* queue pairs the device has */
	char where[128];     /* for messages: "the backend at /tmp/s0" */
	uint64_t transport_features; /* features that the transport needs, out of those offered */
	struct virtio_pci vp;
	uint8_t *ring_base; /* NULL: there are no rings */
	uint64_t ring_iova;
	size_t ring_bytes;
	struct virtio_ctrl ctrl;
	struct vhost_user vu;
};

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

/* Read the flag below after the index is written: store, then load (virtio 1.2, 2.7.13.4.1). */
static inline void
smp_mb(void)
{
#ifdef __SANITIZE_THREAD__
	uint32_t dummy = 0;

	__atomic_fetch_add(&dummy, 1, __ATOMIC_SEQ_CST); /* TSan does not support fences */
#elif defined(__x86_64__)
	__asm__ __volatile__("lock; addl $0, -128(%%rsp)" ::
				     : "memory", "cc"); /* cheaper than mfence */
#else
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
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

/** Publish the available entries, and notify the device unless it polls. */
static inline void
virtq_publish(struct virtq *vq)
{
	__atomic_store_n(&vq->avail->idx, htole16(vq->avail_idx), __ATOMIC_RELEASE);
	smp_mb();
	if (baton_unlikely(!(shared_load16(vq->notify_flags) & VRING_USED_F_NO_NOTIFY)))
		virtq_notify(vq);
}

/** The field where the device reads at which completion it must wake the driver; with EVENT_IDX. */
static inline void
virtq_wake_at(struct virtq *vq, uint16_t position)
{
	__atomic_store_n(&vq->avail->ring[vq->mask + 1u], htole16(position), __ATOMIC_RELAXED);
}

/**
 * Ask the device for a wake-up at its next completion. The caller must then execute a full barrier,
 * and check for a completion.
 */
static inline void
virtq_wake_on(struct virtq *vq)
{
	if (vq->event_idx)
		virtq_wake_at(vq, vq->used_idx);
	else
		__atomic_store_n(&vq->avail->flags, 0, __ATOMIC_RELAXED);
}

/**
 * Ask the device for no wake-up: by a flag, or, with EVENT_IDX, by a position in the past; then it
 * sends one wake-up in 65,536 completions.
 */
static inline void
virtq_wake_off(struct virtq *vq)
{
	if (vq->event_idx)
		virtq_wake_at(vq, (uint16_t)(vq->used_idx - 1));
	else
		__atomic_store_n(&vq->avail->flags, htole16(VRING_AVAIL_F_NO_INTERRUPT),
				 __ATOMIC_RELAXED);
}

/**
 * Choose the bursts for the CPU and the negotiated features: set q->active_burst. Control thread.
 */
void virtq_choose(struct virtq *vq, const struct virtio_dev *vd);

/* Bytes of ring memory that a queue takes, and the function that gives it that memory. */
size_t virtq_ring_bytes(uint32_t size);
void virtq_attach(struct virtq *vq, struct virtio_dev *vd, size_t offset);

int virtq_setup(struct baton_port *port, struct baton_queue *q);
void virtq_release(struct baton_port *port, struct baton_queue *q);
/* Fill an RX ring from the control thread. */
int virtq_fill(struct virtq *vq);
/* Free everything that the ring holds, or quarantine it unless @confirmed. */
void virtq_empty(struct virtq *vq, bool confirmed, struct dma_quarantine *quarantine);
/* Count the buffers in the ring; the rest of what is in flight are slots. */
uint32_t virtq_buffers(const struct virtq *vq);
uint32_t virtq_held(const struct baton_queue *q, const struct baton_pool *pool);
unsigned virtq_in_flight(const struct baton_queue *q);
unsigned virtq_completed(const struct baton_queue *q);
/* Packets that the device has completed and no burst has taken. Its worker is out. */
unsigned virtq_rx_waiting(const struct virtq *vq);
int virtq_arm(struct baton_queue *q);
void virtq_disarm(struct baton_queue *q);
/* The device's part of device_start(), for a device that came back. */
int virtio_bring_up(struct virtio_dev *vd);

typedef int virtq_burst(struct baton_queue *q, struct baton_token *tokens, unsigned n);

#define VIRTQ_BURSTS(name) virtq_burst name, name##_avx2, name##_avx512
VIRTQ_BURSTS(virtq_rx_burst);
VIRTQ_BURSTS(virtq_rx_burst_mergeable);
VIRTQ_BURSTS(virtq_rx_burst_csum);
VIRTQ_BURSTS(virtq_rx_burst_mergeable_csum);
VIRTQ_BURSTS(virtq_tx_burst);
int virtq_tx_clean(struct baton_queue *q, unsigned budget);
int virtq_peek(struct baton_queue *q, struct baton_peek *peeks, unsigned n);

virtq_burst virtq_rx_bounce, virtq_rx_bounce_mergeable, virtq_rx_bounce_csum,
	virtq_rx_bounce_mergeable_csum;
virtq_burst virtq_tx_bounce;

/* ---- slots (bounce.c); control thread ---- */

/**
 * Choose the slots that a port needs. A need without keys: nothing is bounced in that direction.
 */
void virtio_slots_need(const struct virtio_dev *vd, struct dma_slots_need *rx,
		       struct dma_slots_need *tx);

/**
 * Give a ring that was attached its slots, if it is bounced. @first: index of its first descriptor
 * among those of its direction. Return: 0; -ENOMEM.
 */
int virtq_slots_attach(struct virtq *vq, struct virtio_dev *vd, uint32_t first);

/**
 * RX: whether a descriptor is posted. Positions tell, and marks if completions were out of order.
 */
static inline bool
virtq_posted(const struct virtq *vq, uint32_t i)
{
	if (!vq->in_order)
		return vq->shadow[i] != SHADOW_NONE;
	return ((i - vq->used_idx) & vq->mask) < (uint16_t)(vq->avail_idx - vq->used_idx);
}

/**
 * Count the free descriptors from which on a refill is worth it. The device must always find room
 * for a whole packet. RX.
 */
static inline uint16_t
virtq_refill_least(const struct virtq *vq)
{
	const uint32_t n = vq->quota, pays = n >= 128 ? 32 : (n + 3) / 4;

	return (uint16_t)(pays < n - vq->q.max_segs + 1 ? pays : n - vq->q.max_segs + 1);
}

/** Post the slots of a bounced RX ring. */
void virtq_slots_fill(struct virtq *vq);

/** Return shared slots to the stack; the ring is empty. */
void virtq_slots_empty(struct virtq *vq);
void virtq_slots_detach(struct virtq *vq);

/** Return the slot of a descriptor whose packet was completed, if slots are shared. TX. */
static inline void
virtq_slot_done(struct virtq *vq, uint16_t d)
{
	if (vq->slot_of[d] == DMA_SLOT_NONE)
		return;
	dma_slot_push(vq->slot_cache, vq->slot_of[d]);
	vq->slot_of[d] = DMA_SLOT_NONE;
}

/**
 * Complete at most @budget packets. Return: the number of tokens freed; -EIO. The queue's thread.
 */
int virtq_tx_reclaim(struct virtq *vq, unsigned budget);

#endif
