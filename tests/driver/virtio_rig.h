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
	unsigned csums;
};

/* Of struct model. */
bool virtio_rig_receive(void *dev, unsigned queue, const void *frame, uint32_t len);
bool virtio_rig_receive_good(void *dev, unsigned queue, const void *frame, uint32_t len);
int virtio_rig_send(void *dev, unsigned queue, void *frame);
unsigned virtio_rig_csums(const void *dev);
bool virtio_rig_lie(void *dev, enum model_lie which);
bool virtio_rig_lie_tx(void *dev, enum model_lie which);
bool virtio_rig_has(const void *dev, const struct model_settings *s);

#define VIRTIO_RIG_DATA                                                                            \
	.receive = virtio_rig_receive, .send = virtio_rig_send, .lie = virtio_rig_lie,             \
	.lie_tx = virtio_rig_lie_tx

/* With checksums, and a control queue. */
#define VIRTIO_RIG_FULL                                                                            \
	VIRTIO_RIG_DATA, .receive_good = virtio_rig_receive_good, .csums = virtio_rig_csums,       \
			 .has = virtio_rig_has

#endif
