/* SPDX-License-Identifier: BSD-3-Clause */
/* The fakedev as the device of a model: its rings, whatever the transport. */
#ifndef VIRTIO_RIG_H
#define VIRTIO_RIG_H

#include "fakedev.h"
#include "model.h"

/* Begins every device of these rigs. */
struct virtio_rig {
	struct fakedev *l;
	unsigned commands; /* those that has() has seen */
	unsigned csums, cuts, hashes;
	struct gso *whole; /* the packet that is being cut; NULL: none */
	uint32_t cut;      /* its next segment */
};

/* Of struct model. */
bool virtio_rig_receive(void *dev, unsigned queue, const void *frame, uint32_t len);
bool virtio_rig_receive_good(void *dev, unsigned queue, const void *frame, uint32_t len);
int virtio_rig_send(void *dev, unsigned queue, void *frame);
bool virtio_rig_receive_whole(void *dev, unsigned queue, const struct gso *packet);
unsigned virtio_rig_csums(const void *dev);
unsigned virtio_rig_cuts(const void *dev);
unsigned virtio_rig_hashes(const void *dev);
bool virtio_rig_lie(void *dev, enum model_lie which);
bool virtio_rig_lie_tx(void *dev, enum model_lie which);
bool virtio_rig_has(const void *dev, const struct model_settings *s);

#define VIRTIO_RIG_DATA                                                                            \
	.receive = virtio_rig_receive, .send = virtio_rig_send, .lie = virtio_rig_lie,             \
	.lie_tx = virtio_rig_lie_tx

/* With checksums, and a control queue. */
#define VIRTIO_RIG_FULL                                                                            \
	VIRTIO_RIG_DATA, .receive_good = virtio_rig_receive_good,                                  \
			 .receive_whole = virtio_rig_receive_whole, .csums = virtio_rig_csums,     \
			 .cuts = virtio_rig_cuts, .hashes = virtio_rig_hashes,                     \
			 .has = virtio_rig_has

/* What such a device offers, and its limits. */
#define VIRTIO_RIG_FEATURES (FAKEDEV_F_SEGMENTS | FAKEDEV_F_HASH | FAKEDEV_F_RSS)
#define VIRTIO_RIG_RSS                                                                             \
	{                                                                                          \
		.key = 40, .table = 128, .types = 0x3f                                             \
	}

#endif
