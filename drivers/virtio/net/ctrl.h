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

#include "virtio/ring/virtq.h"

struct virtio_dev;

#define VIRTIO_RSS_TABLE 128u /* entries of a table, at most; a power of two */

#define CTRL_FILTERS                                                                               \
	(VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_CTRL_RX | VIRTIO_NET_F_CTRL_VLAN |                    \
	 VIRTIO_NET_F_CTRL_MAC_ADDR)
#define CTRL_FEATURES (CTRL_FILTERS | VIRTIO_NET_F_HASH_REPORT | VIRTIO_NET_F_RSS)

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

/* Of struct nic_ops. */
void virtio_ctrl_attach(struct nic_dev *dev, size_t offset);
void virtio_ctrl_stop(struct nic_dev *dev);
int virtio_ctrl_can(const struct nic_dev *dev, enum nic_setting setting, const char *what);
int virtio_ctrl_rx_mode(struct nic_dev *dev, enum port_rx_mode mode, bool on);
int virtio_ctrl_macs(struct nic_dev *dev, const uint8_t (*macs)[6], unsigned n);
int virtio_ctrl_vlan(struct nic_dev *dev, uint16_t vid, bool on);
int virtio_ctrl_mac(struct nic_dev *dev, const uint8_t mac[6]);
int virtio_ctrl_rss(struct nic_dev *dev, const struct port_rss *rss);

#endif
