/* SPDX-License-Identifier: BSD-3-Clause */
/* virtio over PCI (virtio 1.2, section 4.1), modern devices only. */
#ifndef VIRTIO_PCI_PCI_H
#define VIRTIO_PCI_PCI_H

#include "nic/pci.h"
#include "virtio/net/virtio.h"

/* Section 4.1.4.3: the common configuration structure. Read and written with the natural width of
 * each field, 64 bits in two halves. */
struct virtio_pci_common {
	uint32_t device_feature_select;
	uint32_t device_feature;
	uint32_t driver_feature_select;
	uint32_t driver_feature;
	uint16_t config_msix_vector;
	uint16_t num_queues;
	uint8_t device_status;
	uint8_t config_generation;
	uint16_t queue_select;
	uint16_t queue_size;
	uint16_t queue_msix_vector;
	uint16_t queue_enable;
	uint16_t queue_notify_off;
	uint32_t queue_desc[2];
	uint32_t queue_driver[2];
	uint32_t queue_device[2];
	uint16_t queue_notify_data;
	uint16_t queue_reset;
};

#define VIRTIO_PCI_COMMON_LEAST 56 /* without the last two fields, which are new in virtio 1.2 */
#define VIRTIO_PCI_NO_VECTOR    0xffff

_Static_assert(offsetof(struct virtio_pci_common, device_status) == 0x14, "virtio 1.2, 4.1.4.3");
_Static_assert(offsetof(struct virtio_pci_common, queue_desc) == 0x20, "virtio 1.2, 4.1.4.3");
_Static_assert(offsetof(struct virtio_pci_common, queue_notify_data) == VIRTIO_PCI_COMMON_LEAST,
	       "virtio 1.2, 4.1.4.3");
_Static_assert(offsetof(struct virtio_pci_common, queue_reset) == 0x3a, "virtio 1.2, 4.1.4.3");

#define COMMON(field) ((uint32_t)offsetof(struct virtio_pci_common, field))

struct virtio_pci {
	struct virtio_dev virtio;
	struct nic_pci pci;
	struct pci_reg common, notify, config;
	uint32_t notify_multiplier;
};

DEFINE_CONTAINER(virtio_pci_of, struct virtio_pci, virtio.nic)

/**
 * Find the structures of the device in its capabilities. Return: 0; -EPROTO or -ENOTSUP, with the
 * reason.
 */
int virtio_pci_find(struct nic_dev *dev);

/** Tell the device which features are used. Return: 0; -ENOTSUP if it does not accept them. */
int virtio_pci_agree(struct virtio_pci *vp, uint64_t features);

/* Of struct nic_pci_ops, too. */
int virtio_pci_prepare(struct nic_dev *dev);
int virtio_pci_start(struct nic_dev *dev);
int virtio_pci_quiesce(struct nic_dev *dev);

/* Of struct nic_ops. */
int virtio_pci_ring_start(struct nic_dev *dev, struct nic_queue *nq);
int virtio_pci_ring_stop(struct nic_dev *dev, struct nic_queue *nq);
int virtio_pci_ring_can_stop(const struct nic_dev *dev);

#endif
