/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The control queue (virtio 1.2, section 5.1.6.5): receive modes, addresses, VLANs. Control thread
 * only.
 *
 * Some backends offer a control queue and do not serve it (DPDK 22.11's vhost). So the device
 * learns of the ring with the first command only. If a command is not answered, the queue is not
 * used again until the port is started again.
 */
#ifndef VIRTIO_CTRL_H
#define VIRTIO_CTRL_H

#include "virtio/net/virtio.h"

#define CTRL_FEATURES                                                                              \
	(VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_CTRL_RX | VIRTIO_NET_F_CTRL_VLAN |                    \
	 VIRTIO_NET_F_CTRL_MAC_ADDR)

/** Bytes of ring memory that the control queue takes. */
size_t virtio_ctrl_bytes(void);

/** Tell the device of the ring now, not with the first command. */
int virtio_ctrl_start(struct virtio_dev *vd);

/**
 * Make the device use @n queue pairs (5.1.6.5.5). Over vhost-user, enabling the rings does that.
 */
int virtio_ctrl_pairs(struct virtio_dev *vd, uint16_t n);

/** Discard the settings of the user, and close the descriptors. */
void virtio_ctrl_release(struct virtio_dev *vd);

#endif
