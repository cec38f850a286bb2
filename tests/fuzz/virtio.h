/* SPDX-License-Identifier: BSD-3-Clause */
/* A virtio-net device for the fuzzer: the transport that connects it (virtio_transport.c), its
 * rings, its truths and its lies (virtio.c). */
#ifndef FUZZ_VIRTIO_H
#define FUZZ_VIRTIO_H

#include "fakedev_wire.h"
#include "fuzz.h"

#define VIRTIO_HEAD_MRG      0x01
#define VIRTIO_HEAD_IN_ORDER 0x02
#define VIRTIO_HEAD_CSUM     0x04
#define VIRTIO_HEAD_ROOMY    0x20
#define VIRTIO_HEAD_SPARE    0x08 /* of the second byte */

#define VIRTIO_HEAD_LRO  0x10
#define VIRTIO_HEAD_HASH 0x20

#define HDR_LEN      12u
#define HDR_HASH_LEN 20u
#define HDR_MOST     64u /* bytes of packets that begin with headers of TCP, before the payload */

/** Bytes of the device's header. */
static inline uint32_t
vdev_hdr(const struct fuzz *f)
{
	return f->rig->head[1] & VIRTIO_HEAD_HASH ? HDR_HASH_LEN : HDR_LEN;
}

/* A ring as the device was told of it. */
struct vdev_ring {
	bool on;
	uint16_t size;
	struct wire_desc *desc;
	struct wire_avail *avail;
	struct wire_used *used;
	uint16_t seen; /* entries of the available ring */
	uint16_t idx;  /* completions written */
	unsigned n, first;
	uint16_t id[FUZZ_RING]; /* given and not completed, in the order given */
	uint16_t last;          /* completed last */
	bool any;
};

/* All the device's memory of the rig in use. */
struct vdev_state {
	struct vdev_ring ring[FUZZ_QUEUES];
	struct vdev_ring ctrl;
	uint8_t answer;            /* to the next command */
	bool dead;                 /* the driver does not use the control queue any more */
	struct mem_holder *holder; /* the process that has what was not let go of */
	int given;                 /* what it has of a file; closed when it ends */
};

struct virtio_dev;
struct virtq;

/* ---- virtio.c ---- */

/** Take note of what the driver has made available. */
void vdev_scan(struct fuzz *f, unsigned queue);

/** The @k-th of the descriptors given leaves the list, to be completed. */
uint16_t vdev_pick(struct vdev_ring *r, unsigned k);

/** A completion, and that it is there. */
void vdev_put(struct vdev_ring *r, uint32_t id, uint32_t len);
void vdev_publish(struct vdev_ring *r);

/** Bytes of a packet, from its @from-th on, @at bytes into a descriptor's buffer; its header. */
void vdev_write(struct fuzz *f, unsigned queue, uint16_t id, uint32_t at, uint8_t seed,
		uint32_t from, uint32_t n);
void vdev_header(struct fuzz *f, unsigned queue, uint16_t id, const struct wire_net_header *h);
void vdev_hash(struct fuzz *f, unsigned queue, uint16_t id, uint32_t hash, uint16_t report);

/** The buffers of a packet that was sent are the driver's again. */
void vdev_sent(struct fuzz *f, unsigned queue, uint16_t id);

/* ---- virtio_lies.c ---- */

/** The driver has read the queue to its end. */
void vdev_settle(struct fuzz *f, unsigned queue);
void vdev_lie(struct fuzz *f, unsigned kind, unsigned pair);
unsigned vdev_whose(const struct fuzz *f, const void *p);
void vdev_before_read(struct fuzz *f, const void *p);
void vdev_command(struct fuzz *f);

/* ---- virtio_life.c ---- */

/** Of struct fuzz_device. */
void vdev_obey(struct fuzz *f);
void vdev_lost(struct fuzz *f, unsigned how);
void vdev_back(struct fuzz *f, unsigned how);
void vdev_parts(struct fuzz *f, unsigned how);
void vdev_process_ends(struct fuzz *f);

/** Everything was asked back. Return: 0: it let go; -ETIMEDOUT. */
int vdev_let_go(struct virtio_dev *vd);

/** A reset of the whole device. Return: 0: confirmed; -ETIMEDOUT. */
int vdev_reset(struct virtio_dev *vd);

/** A reference to who it is that keeps what is not let go, or NULL. */
struct mem_holder *vdev_process(const struct virtio_dev *vd);

/* ---- virtio_transport.c ---- */

#define vdev (*(struct vdev_state *)fuzz_state)

extern const struct baton_driver virtio_fuzz_driver;

/** Which queue of the model a ring is; FUZZ_QUEUES: the control queue. */
unsigned vdev_number(const struct virtio_dev *vd, const struct virtq *vq);
void vdev_attach(unsigned queue, const struct virtq *vq);
void vdev_detach(unsigned queue);

/** Where the driver's process has what it told the device of. NULL: nowhere. */
void *vdev_at(const struct fuzz *f, uint64_t iova, uint32_t len);

/** Is that in the rings' memory? The header of zeros that all queues share lies there. */
bool vdev_is_ring(const struct fuzz *f, const uint8_t *p);

/** How far the driver has looked, for lies that depend on it. */
bool vdev_looked(const struct fuzz *f, unsigned queue);

#endif
